//! Formats a SQL statement, its rows and its end as readable lines.

#[cfg(test)]
mod tests;

use crate::domain::json::Json;
use crate::domain::text::Shown;
use crate::recording::replay::body;
use crate::recording::replay::body::Bounds;
use crate::recording::replay::sign;
use crate::recording::replay::sign::FROM;
use crate::recording::replay::sign::IN;
use crate::recording::replay::sign::NO;
use crate::recording::replay::sign::OUT;
use crate::recording::replay::sign::TO;
use crate::recording::replay::table;
use crate::recording::replay::transcript::Data;

/// Shown for a value that is of no recorded kind.
pub(super) const UNREADABLE: &str = "(unreadable)";
/// Shown for a tab at the start of a line of SQL.
const TAB: &str = "    ";

/// Returns `→ HOW [CLASS] ✓ RULE`: hoopctl's own words come before the client's. The SQL text is below; if it
/// is not recorded, its effects on tables are shown here.
pub(super) fn query(data: &Data<'_>) -> String {
    let how = match data.text("how").as_str() {
        "prepare" => "prepare",
        "execute" => "execute",
        "function" => "function call",
        _ => "query",
    };
    let mut out = format!("{TO} {how}{}", data.judged());
    if data.json.member("sql").is_none() {
        for words in [data.list("verbs"), data.list("tables")] {
            if !words.is_empty() {
                out.extend(["  ", &words]);
            }
        }
    }
    out.push_str(&data.noted("statement", "statement"));
    out.push_str(&data.noted("portal", "portal"));
    out
}

/// Formats the SQL text line by line, and the parameters.
pub(super) fn query_lines(data: &Data<'_>) -> Vec<String> {
    let sql = data.json.member("sql").and_then(Json::as_str).unwrap_or_default();
    let mut out = body::plain_lines(&indented(sql), data.bounds);
    if data.is_true("cut") {
        let length = data.json.member("length").and_then(Json::as_i64);
        let length = length.map_or_else(String::new, |length| format!(" of {length} bytes"));
        out.push(format!("(the rest{length} was not recorded)"));
    }
    let params = data.values("params");
    let shown = params.iter().take(data.bounds.lines).zip(1_usize..);
    out.extend(shown.map(|(value, place)| format!("${place} = {}", parameter(value, data.bounds))));
    if params.len() > data.bounds.lines {
        out.push(format!("({} more parameters)", params.len() - data.bounds.lines));
    }
    out
}

/// Replaces leading tabs of each line with blanks. Other tabs are escaped when they are shown.
fn indented(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for line in text.split_inclusive('\n') {
        let rest = line.trim_start_matches('\t');
        out.extend(std::iter::repeat_n(TAB, line.len() - rest.len()));
        out.push_str(rest);
    }
    out
}

/// Returns [`parameter`] without limits, as it is shown.
pub(crate) fn whole_parameter(value: &Json) -> String {
    sign::shown(&parameter(value, Bounds { lines: usize::MAX, width: usize::MAX }))
}

/// Formats a parameter. Text is quoted, so that it cannot be mistaken for anything else.
fn parameter(value: &Json, bounds: Bounds) -> String {
    match value {
        Json::String(text) => {
            let (start, rest) = body::split(text, bounds.width);
            let more = match rest.chars().count() {
                0 => String::new(),
                more => format!(" ({more} more characters)"),
            };
            format!("'{}'{more}", Shown(&start.replace('\'', "''")))
        }
        Json::Null => sign::NULL.to_owned(),
        other => body::bounded(&plain(other), bounds.width),
    }
}

/// Formats a value that is neither absent nor text. Not escaped.
pub(super) fn plain(value: &Json) -> String {
    match value {
        Json::Object(_) => {
            let base64 = value.member("base64").and_then(Json::as_str);
            let length = value.member("length").and_then(Json::as_i64).or_else(|| base64.map(body::decoded));
            length.map_or_else(|| UNREADABLE.to_owned(), |length| format!("({length} bytes)"))
        }
        other => other.scalar().unwrap_or(UNREADABLE).to_owned(),
    }
}

/// Returns `← N rows`, the number that is recorded.
pub(super) fn rows(data: &Data<'_>) -> String {
    match data.values("rows").len() {
        0 if data.is_true("cut") => format!("{FROM} rows"),
        1 => format!("{FROM} 1 row"),
        count => format!("{FROM} {count} rows"),
    }
}

/// Formats the rows as a table.
pub(super) fn rows_lines(data: &Data<'_>) -> Vec<String> {
    let mut out = table::lines(data.values("columns"), data.values("rows"), data.bounds);
    if data.is_true("cut") {
        out.push("(more rows were not recorded)".to_owned());
    }
    out
}

/// Returns `← TAG N.NNN ms ⟪ in transaction`, or `✗ SQLSTATE MESSAGE …`.
pub(super) fn done(data: &Data<'_>) -> String {
    let error = data.within("error").filter(|error| *error.json != Json::Null);
    let mut out = match &error {
        Some(error) => match (error.text("sqlstate"), error.text("message")) {
            (state, message) if state.is_empty() && message.is_empty() => format!("{NO} failed"),
            (state, message) if state.is_empty() || message.is_empty() => format!("{NO} {state}{message}"),
            (state, message) => format!("{NO} {state} {message}"),
        },
        None => match data.text("tag").as_str() {
            "" => format!("{FROM} done"),
            tag => format!("{FROM} {tag}"),
        },
    };
    out.push_str(&data.took());
    if let Some(copy) = data.within("copy").filter(|copy| matches!(copy.json, Json::Object(_))) {
        let (dir, messages, bytes) = (copy.text("dir"), copy.text("messages"), copy.text("bytes"));
        out.extend(["  copy ", &dir, ": ", &messages, " messages, ", &bytes, " bytes"]);
    }
    match data.text("end").as_str() {
        "" | "complete" => {}
        "error" if error.is_some() => {}
        end => out.extend(["  [", end, "]"]),
    }
    let withheld = data.list("withheld");
    if !withheld.is_empty() {
        out.extend(["  [withheld ", &withheld, "]"]);
    }
    out.push_str(&transaction(&data.text("tag"), &data.text("tx")));
    out
}

/// Returns the state of the transaction, if the statement changed it.
fn transaction(tag: &str, state: &str) -> String {
    let turns = matches!(tag, "BEGIN" | "START TRANSACTION" | "COMMIT" | "ROLLBACK" | "PREPARE TRANSACTION");
    match state {
        "open" if turns => format!("  {IN} in transaction"),
        "failed" => format!("  {IN} transaction failed"),
        "idle" if turns => format!("  {OUT} transaction over"),
        _ => String::new(),
    }
}
