//! Formats an MCP message as readable lines: requests, replies and notifications, as far as they are
//! recorded.

mod content;
#[cfg(test)]
mod tests;

use crate::domain::event::Direction;
use crate::domain::json::Json;
use crate::domain::text::Shown;
use crate::recording::replay::body;
use crate::recording::replay::body::Bounds;
use crate::recording::replay::sign::FROM;
use crate::recording::replay::sign::MORE;
use crate::recording::replay::sign::NO;
use crate::recording::replay::sign::TO;
use crate::recording::replay::transcript;
use crate::recording::replay::transcript::Data;

/// Maximum nesting depth of a message.
const MAX_DEPTH: usize = 64;
/// The list results of a target: member name, singular, plural, and the member that names an element.
const LISTS: [(&str, &str, &str, &str); 4] = [
    ("tools", "tool", "tools", "name"),
    ("prompts", "prompt", "prompts", "name"),
    ("resources", "resource", "resources", "uri"),
    ("resourceTemplates", "resource template", "resource templates", "uriTemplate"),
];
/// Limit in characters for the names shown of a list; no further name is begun beyond it.
const NAMES: usize = 120;

/// Returns the message in an event's data, if it is recorded in full and can be parsed.
pub(crate) fn message(data: &Json) -> Option<Json> {
    let body = data.member("body")?;
    if body.member("cut").is_some_and(|cut| *cut != Json::Bool(false)) {
        return None;
    }
    let text = body.member("text")?.as_str()?;
    Json::parse(text.as_bytes(), MAX_DEPTH).ok().filter(|message| matches!(message, Json::Object(_)))
}

/// Returns whether the data of an event say that the target failed to do what was requested.
pub(super) fn is_failure(data: &str) -> bool {
    let data = Json::parse(data.as_bytes(), transcript::MAX_DEPTH).ok();
    data.as_ref().and_then(message).is_some_and(|message| {
        message.member("error").is_some() || message.member("result").is_some_and(is_error)
    })
}

fn is_error(result: &Json) -> bool {
    result.member("isError") == Some(&Json::Bool(true))
}

/// Returns the first line. hoopctl's own words come before free text of the client or target.
pub(super) fn head(dir: Option<Direction>, data: &Data<'_>) -> String {
    if dir == Some(Direction::C2s) { from_client(data) } else { from_target(data) }
}

/// Returns `→ METHOD NAME [CLASS] ✓ RULE`; the HTTP method for a request that could not be parsed.
fn from_client(data: &Data<'_>) -> String {
    let told = |name| data.json.member(name).and_then(Json::scalar).filter(|text| !text.is_empty());
    let mut out = format!("{TO} {}", word(told("method").or(told("http")).unwrap_or("mcp"), data.bounds));
    if let Some(name) = told("name") {
        out.extend([" ", &word(name, data.bounds)]);
    }
    out.push_str(&data.judged());
    out
}

fn from_target(data: &Data<'_>) -> String {
    if let Some(what) = data.json.member("refused").and_then(Json::scalar) {
        return format!("{NO} refused: the target asked for {}", word(what, data.bounds));
    }
    let Some(message) = data.message else {
        return format!("{FROM} {}{}", data.text("status"), ended(data, false));
    };
    if let Some(method) = message.member("method").and_then(Json::as_str) {
        if message.member("id").is_some() {
            return format!("{FROM} asks {}{}", word(method, data.bounds), ended(data, true));
        }
        return notification(method, message.member("params").unwrap_or(&Json::Null), data);
    }
    if let Some(error) = message.member("error") {
        let code = error.member("code").and_then(Json::scalar).unwrap_or("?");
        let text = error.member("message").and_then(Json::as_str).unwrap_or_default();
        return format!(
            "{FROM} error {}{}{}",
            word(code, data.bounds),
            ended(data, true),
            free(text, data.bounds)
        );
    }
    let Some(result) = message.member("result") else {
        return format!("{FROM} message{}", ended(data, true));
    };
    if let Some(listed) = listed(result, data.bounds) {
        return format!("{FROM} {listed}{}", ended(data, true));
    }
    let mut out = format!("{FROM} result");
    if is_error(result) {
        out.push_str("  [isError]");
    }
    if let Some(kind) = result.member("resultType").and_then(Json::as_str).filter(|kind| *kind != "complete")
    {
        out.extend(["  [", &word(kind, data.bounds), "]"]);
    }
    out.push_str(&ended(data, true));
    out
}

/// Returns ` [status N] N.NNN ms [END]`; status and end only if they are unusual, the time only if it is
/// known.
fn ended(data: &Data<'_>, with_status: bool) -> String {
    let mut out = match data.text("status").as_str() {
        "" | "200" | "202" => String::new(),
        status if with_status => format!("  [status {status}]"),
        _ => String::new(),
    };
    out.push_str(&data.took());
    match data.text("end").as_str() {
        "" | "complete" => {}
        end => out.extend(["  [", end, "]"]),
    }
    out
}

/// Formats a notification on one line.
fn notification(method: &str, params: &Json, data: &Data<'_>) -> String {
    let bounds = data.bounds;
    let text = |name: &str| params.member(name).and_then(Json::scalar).filter(|text| !text.is_empty());
    match method {
        "notifications/progress" => {
            let total = text("total").map(|total| format!("/{}", word(total, bounds))).unwrap_or_default();
            let progress = word(text("progress").unwrap_or("?"), bounds);
            format!("{FROM} progress {progress}{total}{}", free(text("message").unwrap_or_default(), bounds))
        }
        "notifications/message" => {
            let level = word(text("level").unwrap_or("?"), bounds);
            let logger = text("logger").map(|logger| format!(" {}", word(logger, bounds)));
            let said = match params.member("data") {
                None | Some(Json::Null) => String::new(),
                Some(said) => said.scalar().map_or_else(|| said.to_string(), str::to_owned),
            };
            format!("{FROM} log {level}{}{}", logger.unwrap_or_default(), free(&said, bounds))
        }
        "notifications/cancelled" => {
            format!("{FROM} cancelled{}", free(text("reason").unwrap_or_default(), bounds))
        }
        _ => {
            let name = word(method.strip_prefix("notifications/").unwrap_or(method), bounds);
            let said = without(params, &["_meta"]);
            let said = if is_empty(&said) { String::new() } else { said.to_string() };
            format!("{FROM} {name}{}", free(&said, bounds))
        }
    }
}

/// Returns `13 tools: echo, add, …`, if a result is a list and nothing else.
fn listed(result: &Json, bounds: Bounds) -> Option<String> {
    let (elements, one, many, key) = LISTS.iter().find_map(|(member, one, many, key)| {
        Some((result.member(member)?.as_array()?, one, many, key)).filter(|_| !holds_content(result))
    })?;
    let count = elements.len();
    let mut out = format!("{count} {}", if count == 1 { one } else { many });
    if result.member("nextCursor").is_some() {
        out.push_str(", more follow");
    }
    let (mut length, most) = (0, if bounds.width == usize::MAX { usize::MAX } else { NAMES });
    for (place, element) in elements.iter().enumerate() {
        let name = element.member(key).or_else(|| element.member("name")).and_then(Json::as_str);
        out.push_str(if place == 0 { ": " } else { ", " });
        if length >= most {
            out.push_str(MORE);
            break;
        }
        let name = word(name.unwrap_or("?"), Bounds { width: bounds.width.min(NAMES.max(most)), ..bounds });
        length += name.chars().count();
        out.push_str(&name);
    }
    Some(out)
}

/// Returns whether a result has members that no list has.
fn holds_content(result: &Json) -> bool {
    ["content", "structuredContent", "contents", "messages"].iter().any(|name| result.member(name).is_some())
}

/// Returns the lines below the first one.
pub(super) fn lines(dir: Option<Direction>, data: &Data<'_>) -> Vec<String> {
    let bounds = data.bounds;
    let Some(message) = data.message else {
        return data.json.member("body").map(|body| body::lines(body, bounds)).unwrap_or_default();
    };
    let is_asked = dir == Some(Direction::C2s) || message.member("id").is_some();
    let mut out = if message.member("method").is_some() {
        match message.member("params") {
            Some(params) if is_asked => params_lines(params, data),
            // A notification of the target is entirely on the first line.
            _ => Vec::new(),
        }
    } else if let Some(error) = message.member("error") {
        // The first line shows a target's error, so only its data are left; a client's error is not shown
        // there.
        let rest =
            if dir == Some(Direction::C2s) { error.clone() } else { without(error, &["code", "message"]) };
        if is_empty(&rest) { Vec::new() } else { body::json_lines(&rest, bounds) }
    } else {
        match message.member("result") {
            Some(result) if listed(result, bounds).is_none() => content::result_lines(result, bounds),
            _ => Vec::new(),
        }
    };
    let rest = out.len().saturating_sub(bounds.lines);
    if rest > 0 {
        out.truncate(bounds.lines);
        out.push(format!("({rest} more lines)"));
    }
    out
}

/// Formats the parameters; of a call its arguments. Omits what the first line shows, and what is not meant
/// for readers.
fn params_lines(params: &Json, data: &Data<'_>) -> Vec<String> {
    let name = data.json.member("name").filter(|name| matches!(name, Json::String(_)));
    let is_told = |key: &str| params.member(key).is_some() && params.member(key) == name;
    let mut left_out = vec!["_meta"];
    left_out.extend(["name", "uri"].into_iter().filter(|key| is_told(key)));
    let rest = without(params, &left_out);
    let shown = match &rest {
        Json::Object(members) => match members.as_slice() {
            [(only, arguments)] if &**only == "arguments" => arguments,
            _ => &rest,
        },
        _ => &rest,
    };
    if is_empty(shown) { Vec::new() } else { body::json_lines(shown, data.bounds) }
}

/// Copies a value without some of its members.
fn without(value: &Json, names: &[&str]) -> Json {
    match value {
        Json::Object(members) => {
            Json::Object(members.iter().filter(|(name, _)| !names.contains(&&**name)).cloned().collect())
        }
        other => other.clone(),
    }
}

fn is_empty(value: &Json) -> bool {
    match value {
        Json::Null => true,
        Json::Array(values) => values.is_empty(),
        Json::Object(members) => members.is_empty(),
        _ => false,
    }
}

/// Formats a word of the client or target. It is unquoted only if it cannot be mistaken for several words, or
/// for one of hoopctl's.
fn word(text: &str, bounds: Bounds) -> String {
    let is_bare = |byte: u8| byte.is_ascii_graphic() && !matches!(byte, b'"' | b'[' | b']' | b',');
    if !text.is_empty() && text.bytes().all(is_bare) {
        return body::bounded(text, bounds.width);
    }
    let (start, rest) = body::split(text, bounds.width);
    let more = match rest.chars().count() {
        0 => String::new(),
        more => format!(" ({more} more characters)"),
    };
    format!("\"{}\"{more}", Shown(&start.replace('"', "\\\"")))
}

/// Formats free text at the end of a line.
fn free(text: &str, bounds: Bounds) -> String {
    let text = text.trim_end();
    if text.is_empty() { String::new() } else { format!("  {}", body::bounded(text, bounds.width)) }
}
