//! A document that plays the target: what the target answered, in full, and nothing else.

use serde_json::Value;
use serde_json::json;

use crate::domain::event::Direction;
use crate::domain::event::Event;
use crate::domain::event::EventKind;
use crate::domain::event::EventKind::Decision;
use crate::domain::event::EventKind::Error;
use crate::domain::event::EventKind::McpMessage;
use crate::domain::event::MaskNote;
use crate::domain::id::RequestId;
use crate::domain::id::SessionId;
use crate::recording::export::ExportError;
use crate::recording::export::mcp::MAX_OPEN;
use crate::recording::export::mcp::McpFixture;
use crate::recording::export::mcp::write_mcp_fixture;
use crate::recording::export::tests::row;
use crate::recording::export::write_har;
use crate::recording::export::write_sql;
use crate::recording::level::without_content;
use crate::recording::line::StoredEvent;

#[derive(Default)]
struct Recorded(Vec<StoredEvent>);

impl Recorded {
    fn add(&mut self, kind: EventKind, dir: Direction, corr: RequestId, data: &Value) -> &mut Event {
        let event = Event {
            session: SessionId::new(),
            t_us: 0,
            ts_ms: 0,
            kind,
            dir: Some(dir),
            corr: Some(corr),
            data: data.to_string(),
            mask: Vec::new(),
        };
        let seq = self.0.len() as u64 + 1;
        self.0.push(StoredEvent { seq, hash: [0; 32], line: "".into(), event });
        &mut self.0.last_mut().unwrap().event
    }

    fn asks(&mut self, corr: RequestId, method: &str, params: &Value) -> &mut Event {
        let message = json!({"jsonrpc": "2.0", "id": 7, "method": method, "params": params}).to_string();
        let data = json!({"http": "POST", "method": method, "class": "read", "body": {"text": message, "length": message.len()}});
        self.add(McpMessage, Direction::C2s, corr, &data)
    }

    fn says(&mut self, corr: RequestId, message: &Value) -> &mut Event {
        self.add(McpMessage, Direction::S2c, corr, &said(message))
    }

    fn fixture(&self) -> (Value, McpFixture) {
        let mut out = Vec::new();
        let events = self.0.iter().cloned().map(Ok::<_, ExportError>);
        let written = write_mcp_fixture(&row("mcp"), events, &mut out).unwrap();
        (serde_json::from_slice(&out).unwrap(), written)
    }
}

fn said(message: &Value) -> Value {
    let text = message.to_string();
    json!({"status": 200, "body": {"text": text, "length": text.len()}, "total_us": 5, "end": "complete"})
}

fn result(value: &Value) -> Value {
    json!({"jsonrpc": "2.0", "id": 7, "result": value})
}

#[test]
fn exchanges_stand_in_the_order_of_their_requests_with_all_messages_of_the_target() {
    let mut session = Recorded::default();
    let [stream, call, list, denied, notification, bad] = std::array::from_fn(|_| RequestId::new());
    session.add(
        McpMessage,
        Direction::C2s,
        stream,
        &json!({"http": "GET", "method": "stream/open", "class": "read", "body": null}),
    );
    session.asks(
        call,
        "tools/call",
        &json!({"name": "echo", "arguments": {"n": 1.5}, "_meta": {"progressToken": 9}}),
    );
    session.asks(list, "tools/list", &json!({"_meta": {"progressToken": 9, "x": 1}}));
    session.asks(denied, "tools/call", &json!({"name": "DENIED"}));
    session.add(Decision, Direction::C2s, denied, &json!({"effect": "deny", "code": "denied"}));
    session.asks(notification, "notifications/initialized", &json!({}));
    session.asks(bad, "tools/call", &json!({"name": "x"}));
    let progress = json!({"jsonrpc": "2.0", "method": "notifications/progress", "params": {"progressToken": 9, "progress": 1}});
    let changed = json!({"jsonrpc": "2.0", "method": "notifications/tools/list_changed"});
    session.says(list, &result(&json!({"tools": []})));
    session.says(call, &progress);
    session.says(stream, &changed);
    session.add(McpMessage, Direction::S2c, call, &json!({"refused": "sampling"}));
    session.says(call, &result(&json!({"content": []}))).mask =
        vec![MaskNote { entity: "US_SSN".to_owned(), at: "text".to_owned(), n: 1 }];
    let error = json!({"jsonrpc": "2.0", "id": 7, "error": {"code": -32602, "message": "no"}});
    let mut answer = said(&error);
    answer["status"] = 400.into();
    session.add(McpMessage, Direction::S2c, bad, &answer);
    let (document, written) = session.fixture();
    assert_eq!(written, McpFixture { exchanges: 4, left_out: 0 });
    assert_eq!(
        (&document["hoopctl"], &document["v"], &document["connection"]),
        (&json!("mcp-fixture"), &json!(1), &json!("shop-db"))
    );
    assert_eq!(
        document["exchanges"],
        json!([
            {"request": {"http": "GET", "method": "stream/open"}, "status": 200, "responses": [changed]},
            {
                "request": {"http": "POST", "method": "tools/call", "params": {"name": "echo", "arguments": {"n": 1.5}}},
                "status": 200,
                "masked": true,
                "responses": [progress, result(&json!({"content": []}))],
            },
            {
                "request": {"http": "POST", "method": "tools/list", "params": {"_meta": {"x": 1}}},
                "status": 200,
                "responses": [result(&json!({"tools": []}))],
            },
            {"request": {"http": "POST", "method": "tools/call", "params": {"name": "x"}}, "status": 400, "responses": [error]},
        ])
    );
}

#[test]
fn numbers_and_texts_stay_as_they_were_sent() {
    let (mut session, corr) = (Recorded::default(), RequestId::new());
    let text =
        r#"{"jsonrpc":"2.0","id":1,"method":"m","params":{"n":12345678901234567890123.10,"t":"\u2028\""}}"#;
    session.add(
        McpMessage,
        Direction::C2s,
        corr,
        &json!({"http": "POST", "method": "m\"", "body": {"text": text}}),
    );
    session.says(corr, &result(&json!({})));
    let mut out = Vec::new();
    let events = session.0.iter().cloned().map(Ok::<_, ExportError>);
    write_mcp_fixture(&row("mcp"), events, &mut out).unwrap();
    let out = String::from_utf8(out).unwrap();
    assert!(out.contains(r#""method":"m\"","params":{"n":12345678901234567890123.10,"#), "{out}");
}

/// Changes a request, its answer, or what comes after them.
type Change = dyn Fn(&mut Value, &mut Value, &mut Vec<(EventKind, Value)>);

#[test]
fn what_is_not_there_whole_is_left_out_and_counted() {
    let cases: [(&str, McpFixture, &Change); 13] = [
        ("whole", McpFixture { exchanges: 1, left_out: 0 }, &|_, _, _| {}),
        ("the request is cut", left_out(), &|request, _, _| request["body"]["cut"] = true.into()),
        ("the request is withheld", left_out(), &|request, _, _| {
            request["body"] = json!({"length": 9, "sha256": "ab", "withheld": true});
        }),
        ("the request is no text", left_out(), &|request, _, _| request["body"] = json!({"base64": "AA=="})),
        ("the request has no body", left_out(), &|request, _, _| request["body"] = Value::Null),
        ("the answer is cut", left_out(), &|_, answer, _| answer["body"]["cut"] = true.into()),
        ("the answer is withheld", left_out(), &|_, answer, _| answer["body"] = json!({"withheld": true})),
        ("the answer cannot be read", left_out(), &|_, answer, _| answer["body"]["text"] = "{".into()),
        ("the answer is no object", left_out(), &|_, answer, _| answer["body"]["text"] = "[]".into()),
        ("the answer broke off", left_out(), &|_, answer, _| answer["end"] = "cut".into()),
        ("an answer is missing", left_out(), &|_, answer, _| {
            *answer = said(&json!({"jsonrpc": "2.0", "method": "notifications/progress"}));
        }),
        ("an answer is missing, and the exchange failed", left_out(), &|_, answer, after| {
            *answer = said(&json!({"jsonrpc": "2.0", "method": "notifications/progress"}));
            after.push((Error, json!({"code": "upstream_unavailable"})));
        }),
        ("nothing came", McpFixture::default(), &|_, answer, after| {
            *answer = json!({"refused": "sampling"});
            after.push((Error, json!({"code": "upstream_unavailable"})));
        }),
    ];
    for (why, wanted, change) in cases {
        let (mut session, corr) = (Recorded::default(), RequestId::new());
        session.asks(corr, "tools/call", &json!({"name": "SECRET"}));
        let mut request: Value = serde_json::from_str(&session.0.pop().unwrap().event.data).unwrap();
        let (mut answer, mut after) = (said(&result(&json!({"content": []}))), Vec::new());
        change(&mut request, &mut answer, &mut after);
        session.add(McpMessage, Direction::C2s, corr, &request);
        session.add(McpMessage, Direction::S2c, corr, &answer);
        for (kind, data) in after {
            session.add(kind, Direction::S2c, corr, &data);
        }
        let (document, written) = session.fixture();
        assert_eq!(written, wanted, "{why}");
        assert_eq!(document["exchanges"].as_array().unwrap().len() as u64, wanted.exchanges, "{why}");
        assert_eq!(document.to_string().contains("SECRET"), wanted.exchanges == 1, "{why}");
    }
}

fn left_out() -> McpFixture {
    McpFixture { exchanges: 0, left_out: 1 }
}

#[test]
fn a_recording_of_metadata_has_nothing_to_play() {
    let (mut session, corr) = (Recorded::default(), RequestId::new());
    session.asks(corr, "tools/call", &json!({"name": "echo"}));
    session.says(corr, &result(&json!({"content": []})));
    for stored in &mut session.0 {
        stored.event.data = without_content(stored.event.kind, &stored.event.data);
    }
    assert_eq!(session.fixture().1, left_out());
}

#[test]
fn requests_without_an_end_do_not_pile_up() {
    let mut session = Recorded::default();
    let first = RequestId::new();
    session.asks(first, "tools/list", &json!({}));
    for _ in 0..MAX_OPEN {
        session.asks(RequestId::new(), "notifications/initialized", &json!({}));
    }
    // It was dropped before: its answer belongs to no request.
    session.says(first, &result(&json!({"tools": []})));
    assert_eq!(session.fixture().1, McpFixture::default());
}

#[test]
fn only_sessions_of_mcp_have_this_form_and_they_have_no_other() {
    let none = || std::iter::empty::<Result<StoredEvent, ExportError>>();
    let mut out = Vec::new();
    let error = write_mcp_fixture(&row("http"), none(), &mut out).unwrap_err();
    assert_eq!(error.to_string(), "the session on connection \"shop-db\" holds no MCP: it speaks http");
    let error = write_har(&row("mcp"), none(), &mut out).unwrap_err();
    assert_eq!(error.to_string(), "the session on connection \"shop-db\" holds no HTTP: it speaks mcp");
    assert!(write_sql(&row("mcp"), none(), &mut out).is_err());
    assert!(out.is_empty());
    write_mcp_fixture(&row("mcp"), none(), &mut out).unwrap();
    assert_eq!(serde_json::from_slice::<Value>(&out).unwrap()["exchanges"], json!([]));
}
