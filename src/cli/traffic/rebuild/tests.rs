//! Recorded commands and the facts that can be rebuilt from them.

use std::net::IpAddr;
use std::net::Ipv4Addr;

use serde_json::json;

use super::*;
use crate::cli::traffic::recorded::Decided;
use crate::config;
use crate::config::Entity;
use crate::domain::Effect;
use crate::domain::Groups;
use crate::domain::Kind;
use crate::domain::MaskNote;
use crate::domain::Origin;
use crate::domain::Principal;
use crate::domain::entity::EntityKind;
use crate::domain::json::Json;
use crate::protocol::postgres::judge::Judge;

fn recorded(kind: EventKind, data: Value, masked: &[&str]) -> Recorded {
    let note = |at: &&str| MaskNote { entity: "field".to_owned(), at: (*at).to_owned(), n: 1 };
    Recorded {
        principal: Principal {
            id: "idp/agent".into(),
            kind: Kind::App,
            issuer: "idp".into(),
            client: None,
            display: None,
            groups: Groups::Unknown,
            claims: Json::Object(Vec::new()),
        },
        source: IpAddr::V4(Ipv4Addr::LOCALHOST),
        ts_ms: 0,
        connection: "x".to_owned(),
        kind,
        data,
        mask: masked.iter().map(note).collect(),
        decided: Decided { effect: Effect::Allow, rules: vec!["a".to_owned()], revision: 1 },
    }
}

fn connection(upstream: &str, more: &str) -> Connection {
    let inject = if upstream.starts_with("postgres") { "password:u:env:X" } else { "none" };
    let text = format!("name = \"x\"\nupstream = \"{upstream}\"\ninject = \"{inject}\"\n{more}");
    match config::parse_entity(EntityKind::Connection, &text, Origin::Store) {
        Ok(Entity::Connection(connection)) => connection,
        other => panic!("{other:?}"),
    }
}

fn of(recorded: &Recorded, connection: &Connection) -> Result<Rebuilt, Doubt> {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let judge = Judge::start(1, postgres::judge::cache::Limits::default()).unwrap();
    let trusted = connection.mcp.trust_annotations;
    rebuild(recorded, connection, trusted, &|text, lexing| runtime.block_on(judge.judge(text, lexing)))
}

#[test]
fn arguments_of_http_are_known_when_the_body_is_recorded_whole_and_as_it_came() {
    let api = connection("http://127.0.0.1:1", "");
    let json_body = json!([["content-type", "application/json"], ["content-length", "7"]]);
    let text = |text: &str| json!({ "text": text, "length": text.len() });
    for (headers, http, body, masked, known) in [
        (json_body.clone(), "1.1", text(r#"{"a":1}"#), &[][..], true),
        (json_body.clone(), "1.1", text(r#"{"a":1}"#), &["header:x"], true),
        // Conditions on arguments test the query too.
        (json_body.clone(), "1.1", text(r#"{"a":1}"#), &["query"], false),
        (json_body.clone(), "1.1", text(r#"{"a":1}"#), &["a"], false),
        (json_body.clone(), "1.1", json!({ "text": "{", "length": 9, "cut": true }), &[], false),
        (json_body.clone(), "1.1", json!({ "length": 9 }), &[], false),
        (json_body.clone(), "1.1", json!({ "length": 9, "withheld": true }), &[], false),
        // Forwarded unread: it is not in the recorded request.
        (json_body, "1.1", Value::Null, &[], false),
        (json!([["transfer-encoding", "chunked"]]), "1.1", Value::Null, &[], false),
        (json!([]), "2", Value::Null, &[], false),
        (json!([["content-length", "0"]]), "2", Value::Null, &[], true),
        (json!([]), "1.1", Value::Null, &[], true),
    ] {
        let data = json!({ "method": "POST", "path": "/x", "query": "", "http": http, "class": "write", "headers": headers, "body": body });
        let rebuilt = of(&recorded(EventKind::HttpRequest, data.clone(), masked), &api).unwrap();
        assert_eq!(!rebuilt.unknown.args, known, "{data} {masked:?}");
        assert!(rebuilt.unknown.claims);
        let args = rebuilt.commands[0].args();
        assert_eq!(matches!(args, Args::Read(_) | Args::Absent), known || masked == ["query"], "{data}");
    }
    let data =
        json!({ "method": "GET", "path": "/x", "http": "1.1", "class": "read", "headers": [], "body": null });
    let hidden = of(&recorded(EventKind::HttpRequest, data.clone(), &["path"]), &api);
    assert_eq!(hidden.unwrap_err(), masked());
    let elsewhere = of(&recorded(EventKind::SqlQuery, data, &[]), &api);
    assert!(elsewhere.unwrap_err().0.contains("another protocol"));
}

fn call(body: &Value, class: &str) -> Value {
    json!({ "http": "POST", "method": "tools/call", "name": "look", "class": class, "body": body })
}

#[test]
fn a_message_of_mcp_is_read_again_or_known_by_what_it_names() {
    let tools = connection("mcp+http://127.0.0.1:1", "");
    let body =
        r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"look","arguments":{"a":1}}}"#;
    let whole = json!({ "text": body, "length": body.len() });
    let rebuilt = of(&recorded(EventKind::McpMessage, call(&whole, "unknown"), &[]), &tools).unwrap();
    assert!(matches!(rebuilt.commands[0].args(), Args::Read(_)) && !rebuilt.unknown.args);
    for (data, masked) in [
        (call(&whole, "unknown"), &["a"][..]),
        (call(&json!({ "length": 90 }), "unknown"), &[]),
        (call(&json!({ "text": "{", "length": 90, "cut": true }), "unknown"), &[]),
    ] {
        let rebuilt = of(&recorded(EventKind::McpMessage, data, masked), &tools).unwrap();
        assert_eq!(rebuilt.commands[0].summary(), "tools/call look");
        assert!(rebuilt.unknown.args);
    }
    let hidden = of(&recorded(EventKind::McpMessage, call(&whole, "unknown"), &["name"]), &tools);
    assert!(hidden.is_err(), "{hidden:?}");
    // The server's annotation of the tool gives its class, if annotations are trusted.
    let trusting = connection("mcp+http://127.0.0.1:1", "trust_annotations = true");
    let looks = recorded(EventKind::McpMessage, call(&whole, "read"), &[]);
    assert_eq!(of(&looks, &trusting).unwrap().commands[0].class, Class::Read);
    assert_eq!(of(&looks, &tools).unwrap().commands[0].class, Class::Unknown);
    // A call before they were trusted, or of a tool without a listing.
    let unlisted = recorded(EventKind::McpMessage, call(&whole, "unknown"), &[]);
    assert!(of(&unlisted, &trusting).unwrap_err().0.contains("of the tool"));
    let other = rebuild(&looks, &trusting, false, &|_, _| unreachable!());
    assert!(other.unwrap_err().0.contains("of the tool"));
    for method in ["tasks/get", "tasks/result", "tasks/cancel", "tasks/new"] {
        let data = json!({ "http": "POST", "method": method, "name": "***", "class": "read", "body": null });
        assert_eq!(of(&recorded(EventKind::McpMessage, data, &["name"]), &tools).unwrap_err(), masked());
    }
    for (method, name, line) in [
        ("tasks/get", "look", Some("tasks/get look")),
        ("resources/read", "a:b", Some("resources/read a:b")),
        ("tools/list", "", Some("tools/list")),
        ("stream/open", "", Some("stream/open")),
        ("completion/complete", "p", None),
        ("subscriptions/listen", "", None),
        ("resources/read", "", None),
    ] {
        let mut data = json!({ "http": "POST", "method": method, "class": "read", "body": null });
        if !name.is_empty() {
            data["name"] = name.into();
        }
        let rebuilt = of(&recorded(EventKind::McpMessage, data, &[]), &tools);
        assert_eq!(rebuilt.ok().map(|rebuilt| rebuilt.commands[0].summary()).as_deref(), line, "{method}");
    }
}

#[test]
fn a_statement_is_judged_again_where_it_says_the_same_as_then() {
    let database = connection("postgres://127.0.0.1:1/x", "");
    let select =
        json!({ "sql": "SELECT name FROM t", "how": "simple", "class": "read", "verbs": ["select"] });
    let calls = json!({ "sql": "SELECT f(1)", "class": "unknown", "base": "read", "opaque": [[null, "f", 1]], "verbs": ["select"] });
    let with = |base: &Value, name: &str, value: Value| {
        let mut data = base.clone();
        data[name] = value;
        data
    };
    for (data, masked, why) in [
        (select.clone(), &[][..], None),
        (select.clone(), &["params"], None),
        (calls.clone(), &[], None),
        (json!({ "sql": "SELECT $1::text || E'\\n'", "class": "read", "verbs": ["select"] }), &[], None),
        (json!({ "sql": "SELECT 1 FRM x", "class": "unknown" }), &[], None),
        (select.clone(), &["sql"], Some("mask")),
        (json!({ "class": "read", "verbs": ["select"] }), &[], Some("not recorded")),
        (with(&select, "cut", true.into()), &[], Some("cut")),
        (with(&select, "runs", json!(["SELECT 1"])), &[], Some("by name")),
        (json!({ "sql": "EXECUTE p", "class": "read", "verbs": ["execute"] }), &[], Some("by name")),
        (json!({ "sql": "FETCH 1 FROM c", "class": "read", "verbs": ["fetch"] }), &[], Some("by name")),
        (
            json!({ "sql": r"SELECT '\' FROM a --'", "class": "read", "verbs": ["select"] }),
            &[],
            Some("two ways"),
        ),
        (with(&select, "class", "write".into()), &[], Some("something else")),
        (with(&select, "verbs", json!(["delete"])), &[], Some("something else")),
        // A function that was in the catalog then, and is unknown by name.
        (with(&calls, "opaque", json!([])), &[], Some("something else")),
        (with(&calls, "base", "write".into()), &[], Some("something else")),
        (with(&calls, "opaque", json!([[1]])), &[], Some("functions")),
    ] {
        let rebuilt = of(&recorded(EventKind::SqlQuery, data.clone(), masked), &database);
        match (rebuilt, why) {
            (Ok(_), None) => {}
            (Err(doubt), Some(why)) => assert!(doubt.0.contains(why), "{data}: {doubt:?}"),
            (found, _) => panic!("{data}: {found:?}"),
        }
    }
    let moved = with(&select, "names_moved", true.into());
    let rebuilt = of(&recorded(EventKind::SqlQuery, moved, &[]), &database).unwrap();
    assert!(rebuilt.commands[0].sql().unwrap().effects.as_ref().unwrap().moved_before);
}
