//! Rebuilds from a recorded command the facts that policies test. Facts that cannot be derived exactly are a
//! [`Doubt`], never a guess.

use std::sync::Arc;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use http::HeaderMap;
use http::HeaderName;
use http::HeaderValue;
use http::header;
use serde_json::Value;

use crate::cli::traffic::Doubt;
use crate::cli::traffic::recorded::Recorded;
use crate::domain::Class;
use crate::domain::Command;
use crate::domain::Connection;
use crate::domain::EventKind;
use crate::domain::McpCommand;
use crate::domain::Protocol;
use crate::domain::command::Args;
use crate::domain::command::HttpCommand;
use crate::domain::command::Words;
use crate::domain::command::mcp;
use crate::domain::sql::Effects;
use crate::domain::sql::Function;
use crate::domain::sql::NameAction;
use crate::domain::sql::Object;
use crate::policy::Unknown;
use crate::protocol::http::command as http_command;
use crate::protocol::mcp::codec::envelope::Limits;
use crate::protocol::mcp::codec::envelope::Message;
use crate::protocol::mcp::command as mcp_command;
use crate::protocol::postgres;
use crate::protocol::postgres::judge::Judgement;
use crate::protocol::postgres::judge::Lexing;

/// Maximum length of an MCP message that is parsed again, in bytes.
const MAX_MESSAGE: usize = 64 << 20;

/// Classifies a SQL text.
pub type Sql<'a> = dyn Fn(&[u8], Lexing) -> Arc<Judgement> + 'a;

/// A command as it was judged, with everything that it also requires.
#[derive(Debug)]
pub struct Rebuilt {
    /// The command first. Never empty.
    pub commands: Vec<Command>,
    /// The unknown parts.
    pub unknown: Unknown,
}

/// Rebuilds the command that a recorded one would be on a connection. `trusted`: the connection it was
/// recorded on trusts tool annotations.
///
/// # Errors
/// Too little of it is recorded.
pub fn rebuild(
    recorded: &Recorded,
    connection: &Connection,
    trusted: bool,
    sql: &Sql<'_>,
) -> Result<Rebuilt, Doubt> {
    match (recorded.kind, connection.protocol) {
        (EventKind::HttpRequest, Protocol::Http) => http(recorded),
        (EventKind::McpMessage, Protocol::Mcp) => mcp(recorded, connection, trusted),
        (EventKind::SqlQuery, Protocol::Postgres) => statement(recorded, sql),
        _ => Err(Doubt::new("the connection speaks another protocol now")),
    }
}

fn masked() -> Doubt {
    Doubt::new("a mask hides part of it")
}

impl Recorded {
    fn text(&self, name: &str) -> Option<&str> {
        self.data.get(name).and_then(Value::as_str)
    }

    fn class(&self) -> Result<Class, Doubt> {
        self.text("class").and_then(Class::parse).ok_or_else(|| Doubt::new("its class is not recorded"))
    }

    fn is_masked(&self, places: &[&str]) -> bool {
        self.mask.iter().any(|note| places.contains(&note.at.as_str()))
    }

    /// Returns whether anything other than headers and query may be masked.
    fn has_masked_body(&self) -> bool {
        self.mask.iter().any(|note| !note.at.starts_with("header:") && note.at != "query")
    }

    /// Returns the body, if it is recorded in full and unchanged. Empty for none.
    fn body(&self) -> Option<Vec<u8>> {
        let body = self.data.get("body")?;
        if body.is_null() {
            return Some(Vec::new());
        }
        if self.has_masked_body() || body.get("cut").is_some() || body.get("withheld").is_some() {
            return None;
        }
        match (body.get("text").and_then(Value::as_str), body.get("base64").and_then(Value::as_str)) {
            (Some(text), _) => Some(text.as_bytes().to_vec()),
            (None, Some(text)) => BASE64_STANDARD.decode(text).ok(),
            (None, None) => None,
        }
    }

    /// Returns the recorded headers that describe the body.
    fn headers(&self) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for pair in self.data.get("headers").and_then(Value::as_array).into_iter().flatten() {
            let (Some(name), Some(value)) = (pair.get(0).and_then(Value::as_str), pair.get(1)) else {
                continue;
            };
            let name = HeaderName::from_bytes(name.as_bytes());
            let value = HeaderValue::from_str(value.as_str().unwrap_or_default());
            if let (Ok(name), Ok(value)) = (name, value) {
                headers.append(name, value);
            }
        }
        headers
    }
}

fn http(recorded: &Recorded) -> Result<Rebuilt, Doubt> {
    if recorded.is_masked(&["path"]) {
        return Err(masked());
    }
    let (Some(method), Some(path)) = (recorded.text("method"), recorded.text("path")) else {
        return Err(Doubt::new("its method and path are not recorded"));
    };
    let headers = recorded.headers();
    let args = match recorded.body() {
        // A body that was forwarded without being read is not recorded in the request.
        Some(body) if body.is_empty() => has_no_body(recorded, &headers).then_some(Args::Absent),
        Some(body) => http_command::args(&headers, &body).ok(),
        None => None,
    };
    // Conditions on arguments test the query too.
    let hidden = args.is_none() || recorded.is_masked(&["query"]);
    let unknown = Unknown { args: hidden, claims: true };
    let words = Words::Http(HttpCommand {
        method: method.into(),
        path: path.into(),
        query: recorded.text("query").unwrap_or_default().into(),
        args: args.unwrap_or(Args::NotRead),
    });
    let command = Command { protocol: Protocol::Http, class: recorded.class()?, words };
    Ok(Rebuilt { commands: vec![command], unknown })
}

fn has_no_body(recorded: &Recorded, headers: &HeaderMap) -> bool {
    let length = headers.get(header::CONTENT_LENGTH).and_then(|length| length.to_str().ok());
    match length {
        Some(length) => length == "0",
        // HTTP/2 needs no length for a body.
        None => recorded.text("http") == Some("1.1") && !headers.contains_key(header::TRANSFER_ENCODING),
    }
}

fn mcp(recorded: &Recorded, connection: &Connection, trusted: bool) -> Result<Rebuilt, Doubt> {
    let Some(method) = recorded.text("method").filter(|_| !recorded.is_masked(&["method"])) else {
        return Err(Doubt::new("its method is not recorded"));
    };
    let class = recorded.class()?;
    let options = &connection.mcp;
    // If annotations were not trusted when the call was recorded, the class of every call is unknown, even of
    // a tool without a listing.
    if method == mcp::CALL && options.trust_annotations && (!trusted || class == Class::Unknown) {
        return Err(Doubt::new("what the server said of the tool is not recorded"));
    }
    // A task shows its tool only by the name of the one that began it.
    if method.starts_with("tasks/") && recorded.is_masked(&["name"]) {
        return Err(masked());
    }
    let read_only = match class {
        Class::Read => Some(true),
        Class::Write => Some(false),
        Class::Ddl | Class::Admin | Class::Unknown => None,
    };
    let whole = recorded.body().filter(|body| !body.is_empty());
    let message = whole.and_then(|body| Message::scan(body.into(), Limits::new(MAX_MESSAGE)).ok());
    if let Some(message) = message.filter(|message| message.method().as_deref() == Some(method))
        && let Ok(wanted) = mcp_command::commands(&message, options, |_tool| read_only, |_task| None)
    {
        let command = wanted.command.with_args(mcp_command::args(&message));
        let commands = std::iter::once(command).chain(wanted.also).collect();
        return Ok(Rebuilt { commands, unknown: Unknown { args: false, claims: true } });
    }
    let name = recorded.text("name").filter(|_| !recorded.is_masked(&["name"]));
    let (tool, prompt, resource) = match method {
        mcp::CALL => (name, None, None),
        mcp::GET_PROMPT => (None, name, None),
        mcp::READ_RESOURCE | "resources/subscribe" | "resources/unsubscribe" => (None, None, name),
        // The tool that began the task, if known.
        _ if method.starts_with("tasks/") => (name, None, None),
        "completion/complete" | "subscriptions/listen" => {
            return Err(Doubt::new("what its message names is not recorded, or masked"));
        }
        _ => (None, None, None),
    };
    let names = matches!(method, mcp::CALL | mcp::GET_PROMPT) || method.starts_with("resources/");
    if names && name.is_none() && !method.ends_with("/list") {
        return Err(Doubt::new("what its message names is not recorded, or masked"));
    }
    let [tool, prompt, resource] = [tool, prompt, resource].map(|name| name.map(Into::into));
    let has_args = matches!(method, mcp::CALL | mcp::GET_PROMPT);
    let args = if has_args { Args::NotRead } else { Args::Absent };
    let message = McpCommand { tool, prompt, resource, args, ..McpCommand::new(method) };
    let class = options.class_of(method, read_only);
    let unknown = Unknown { args: has_args, claims: true };
    Ok(Rebuilt { commands: vec![message.into_command(class)], unknown })
}

fn statement(recorded: &Recorded, sql: &Sql<'_>) -> Result<Rebuilt, Doubt> {
    let Some(text) = recorded.text("sql") else {
        return Err(Doubt::new("its SQL is not recorded (recording.level)"));
    };
    if recorded.data.get("cut").is_some() {
        return Err(Doubt::new("its SQL is cut (recording.max_body)"));
    }
    if recorded.is_masked(&["sql"]) {
        return Err(masked());
    }
    if recorded.data.get("runs").is_some() {
        return Err(Doubt::new("it runs what was prepared by name before"));
    }
    let judgement = sql(text.as_bytes(), Lexing::default());
    // It is not recorded whether a backslash was a plain character.
    let other = Lexing { standard_conforming_strings: false };
    if text.contains('\\') && *sql(text.as_bytes(), other) != *judgement {
        return Err(Doubt::new("its SQL can be read in two ways"));
    }
    if let Some(effects) = judgement.effects() {
        let by_name =
            |action| matches!(action, NameAction::Execute | NameAction::Fetch | NameAction::Position);
        if effects.names.iter().any(|entry| by_name(entry.action)) {
            return Err(Doubt::new("it runs what was prepared by name before"));
        }
    }
    let opaque = opaque(&recorded.data)?;
    let mut command =
        postgres::command::command(text.as_bytes(), &judgement, |_name| None, |_effects| opaque.clone());
    let Words::Sql(said) = &mut command.words else { return Err(masked()) };
    let base = recorded.text("base").and_then(Class::parse);
    let agrees = command.class == recorded.class()?
        && base.is_none_or(|base| base == said.base)
        && said.effects.as_deref().is_none_or(|effects| has_verbs(effects, &recorded.data));
    if !agrees {
        return Err(Doubt::new("its SQL says something else now than when it was recorded"));
    }
    if recorded.data.get("names_moved").is_some()
        && let Some(effects) = &mut said.effects
    {
        *effects = Arc::new(effects.with_moved_names());
    }
    Ok(Rebuilt { commands: vec![command], unknown: Unknown { args: false, claims: true } })
}

/// Returns the functions with unknown effects.
fn opaque(data: &Value) -> Result<Vec<Function>, Doubt> {
    let one = |entry: &Value| {
        let schema = entry.get(0)?.as_str().map(Into::into);
        let name = entry.get(1)?.as_str()?.into();
        let arguments = usize::try_from(entry.get(2)?.as_u64()?).ok()?;
        Some(Function { object: Object { schema, name }, arguments })
    };
    let listed = data.get("opaque").and_then(Value::as_array).into_iter().flatten();
    let functions: Option<Vec<Function>> = listed.map(one).collect();
    functions.ok_or_else(|| Doubt::new("the functions that it calls cannot be read"))
}

fn has_verbs(effects: &Effects, data: &Value) -> bool {
    let recorded = data.get("verbs").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    recorded.iter().filter_map(Value::as_str).eq(effects.verbs.iter().map(|verb| verb.as_str()))
}

#[cfg(test)]
mod tests;
