//! Removes message content from an event's data: bodies, whose length and digest stay, and SQL text.

use serde_json::Value;

use crate::domain::event::EventKind;

/// Members of a body besides its length and digest.
const CONTENT: [&str; 2] = ["text", "base64"];
/// Members of a SQL statement besides its classes and tables.
const STATEMENT: [&str; 2] = ["sql", "params"];

/// Members of a notice that are not content: its kind and severity, and how many were not recorded.
const NOTICE: [&str; 7] = ["what", "severity", "sqlstate", "process", "name", "cut", "not_recorded_before"];

/// Returns whether `data` may hold content. A cheap check that avoids parsing data whose caller left the
/// content out.
pub(crate) fn may_hold_content(kind: EventKind, data: &str) -> bool {
    let data = data.as_bytes();
    let has = |name: &[u8]| memchr::memmem::find(data, name).is_some();
    match kind {
        EventKind::SqlQuery => has(b"\"sql\"") || has(b"\"params\""),
        EventKind::SqlRows => true,
        EventKind::SqlNotice => {
            ["message", "payload", "value", "channel"].iter().any(|name| has(name.as_bytes()))
        }
        EventKind::SqlDone => has(b"\"error\""),
        _ => memchr::memmem::find_iter(data, b"\"body\"")
            .any(|at| data.get(at + 6..).is_none_or(|rest| !rest.starts_with(b":null"))),
    }
}

/// Returns `data` without content: without `text` and `base64` of a body, `sql` and `params` of a statement,
/// its rows, the message of its error, which may quote a value, and the texts of a notice. Removed text and
/// rows are marked as cut. Data that cannot be parsed is removed entirely.
pub(crate) fn without_content(kind: EventKind, data: &str) -> String {
    let stripped = serde_json::from_str(data).map(|mut data: Value| {
        match kind {
            EventKind::SqlQuery => strip_statement(&mut data),
            EventKind::SqlRows => strip_rows(&mut data),
            EventKind::SqlDone => strip_error(&mut data),
            EventKind::SqlNotice => strip_notice(&mut data),
            _ => strip_body(&mut data),
        }
        data.to_string()
    });
    stripped.unwrap_or_else(|_unreadable| "{}".to_owned())
}

fn strip_statement(data: &mut Value) {
    let Value::Object(members) = data else { return };
    let length = members.get("sql").map(|sql| sql.as_str().map_or(0, str::len));
    members.retain(|name, _| !STATEMENT.contains(&name.as_str()));
    if let Some(length) = length {
        members.insert("cut".to_owned(), true.into());
        members.entry("length").or_insert_with(|| length.into());
    }
}

fn strip_rows(data: &mut Value) {
    if let Some(rows) = data.get_mut("rows") {
        *rows = Value::Array(Vec::new());
    }
    if let Value::Object(members) = data {
        members.insert("cut".to_owned(), true.into());
    }
}

fn strip_notice(data: &mut Value) {
    let Value::Object(members) = data else { return };
    let before = members.len();
    members.retain(|name, _| NOTICE.contains(&name.as_str()));
    if members.len() < before {
        members.insert("cut".to_owned(), true.into());
    }
}

fn strip_error(data: &mut Value) {
    match data.get_mut("error") {
        Some(Value::Object(members)) => members.retain(|name, _| name == "sqlstate"),
        Some(other) => *other = Value::Null,
        None => {}
    }
}

fn strip_body(data: &mut Value) {
    let Some(body) = data.get_mut("body") else { return };
    match body {
        Value::Object(members) => members.retain(|name, _| !CONTENT.contains(&name.as_str())),
        other => *other = Value::Null,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_a_body_only_length_and_digest_stay() {
        let stripped = |data: &str| without_content(EventKind::HttpResponse, data);
        let may_hold = |data: &str| may_hold_content(EventKind::HttpResponse, data);
        let data = r#"{"status":200,"body":{"text":"top secret","length":10,"sha256":"ab"},"n":18446744073709551615}"#;
        assert_eq!(
            stripped(data),
            r#"{"status":200,"body":{"length":10,"sha256":"ab"},"n":18446744073709551615}"#
        );
        assert_eq!(stripped(r#"{"body":{"base64":"AA==","cut":true}}"#), r#"{"body":{"cut":true}}"#);
        assert_eq!(stripped(r#"{"\u0062ody":"secret"}"#), r#"{"body":null}"#);
        assert_eq!(stripped(r#"{"body":"secret""#), "{}");
        assert!(may_hold(data) && may_hold(r#"{"body":null,"body" : {}}"#));
        assert!(!may_hold(r#"{"status":200,"body":null}"#));
    }

    #[test]
    fn of_a_message_stays_what_it_asks_for_and_how_long_it_took() {
        for (data, left) in [
            (
                r#"{"http":"POST","method":"tools/call","name":"echo","class":"unknown","session":"0a1b2c3d…","body":{"text":"{\"params\":\"secret\"}","length":19},"decision":{"effect":"allow"}}"#,
                r#"{"http":"POST","method":"tools/call","name":"echo","class":"unknown","session":"0a1b2c3d…","body":{"length":19},"decision":{"effect":"allow"}}"#,
            ),
            (
                r#"{"status":200,"body":{"base64":"c2VjcmV0","length":6},"total_us":7,"end":"complete"}"#,
                r#"{"status":200,"body":{"length":6},"total_us":7,"end":"complete"}"#,
            ),
            (
                r#"{"status":200,"body":{"text":"secret","length":99,"sha256":"ab","cut":true}}"#,
                r#"{"status":200,"body":{"length":99,"sha256":"ab","cut":true}}"#,
            ),
        ] {
            assert!(may_hold_content(EventKind::McpMessage, data), "{data}");
            assert_eq!(without_content(EventKind::McpMessage, data), left);
        }
        for plain in [
            r#"{"http":"GET","method":"stream/open","class":"read","body":null}"#,
            r#"{"refused":"sampling"}"#,
        ] {
            assert!(!may_hold_content(EventKind::McpMessage, plain), "{plain}");
        }
    }

    #[test]
    fn of_a_statement_stays_what_it_does_and_to_which_tables() {
        for (kind, data, left) in [
            (
                EventKind::SqlQuery,
                r#"{"sql":"SELECT 'secret'","params":["secret"],"class":"read","verbs":["select"],"tables":["a.b"]}"#,
                r#"{"class":"read","verbs":["select"],"tables":["a.b"],"cut":true,"length":15}"#,
            ),
            (
                EventKind::SqlQuery,
                r#"{"sql":"secret","length":9999,"sha256":"ab","cut":true}"#,
                r#"{"length":9999,"sha256":"ab","cut":true}"#,
            ),
            (
                EventKind::SqlRows,
                r#"{"columns":["a"],"rows":[["secret"]]}"#,
                r#"{"columns":["a"],"rows":[],"cut":true}"#,
            ),
            (EventKind::SqlRows, r#"{"rows":"secret"}"#, r#"{"rows":[],"cut":true}"#),
            (EventKind::SqlQuery, r#"{"class":"read","params":"secret"}"#, r#"{"class":"read"}"#),
            (EventKind::SqlQuery, r#"{"sql":"secret""#, "{}"),
            (
                EventKind::SqlDone,
                r#"{"end":"error","error":{"sqlstate":"22P02","message":"not a number: secret"}}"#,
                r#"{"end":"error","error":{"sqlstate":"22P02"}}"#,
            ),
            (EventKind::SqlDone, r#"{"error":"secret"}"#, r#"{"error":null}"#),
            (
                EventKind::SqlNotice,
                r#"{"what":"notice","severity":"NOTICE","sqlstate":"00000","message":"secret","detail":"secret"}"#,
                r#"{"what":"notice","severity":"NOTICE","sqlstate":"00000","cut":true}"#,
            ),
            (
                EventKind::SqlNotice,
                r#"{"what":"notification","process":7,"channel":"secret","payload":"secret","not_recorded_before":2}"#,
                r#"{"what":"notification","process":7,"not_recorded_before":2,"cut":true}"#,
            ),
            (
                EventKind::SqlNotice,
                r#"{"what":"setting","name":"application_name","value":"secret"}"#,
                r#"{"what":"setting","name":"application_name","cut":true}"#,
            ),
        ] {
            assert!(may_hold_content(kind, data), "{data}");
            assert_eq!(without_content(kind, data), left);
        }
        assert!(!may_hold_content(EventKind::SqlQuery, r#"{"class":"read","verbs":["select"]}"#));
        assert!(!may_hold_content(EventKind::SqlNotice, r#"{"what":"left_out","not_recorded_before":7}"#));
        assert!(!may_hold_content(EventKind::SqlDone, r#"{"tag":"SELECT 1","end":"complete"}"#));
    }
}
