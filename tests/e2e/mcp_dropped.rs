//! What MCP targets say and nobody gets: the recording tells that it was said, and nothing of what.

use std::net::TcpStream;
use std::time::Duration;

use serde_json::Value;
use serde_json::json;

use crate::support::World;
use crate::support::attack::Attack;
use crate::support::attack::polite;
use crate::support::attack::say;
use crate::support::caller::Caller;
use crate::support::steps::wait_until;

/// The markers of the only session of a connection, in their order.
fn markers(world: &World) -> Vec<Value> {
    let session = world.list(&["session", "list"])[0]["id"].as_str().unwrap().to_owned();
    let events = world.events(&session);
    let markers = events.iter().filter(|event| event["kind"] == "marker");
    markers.map(|event| event["data"].clone()).collect()
}

/// How many messages all of them tell of.
fn told(markers: &[Value]) -> u64 {
    let before = |marker: &Value| marker["left_out"]["not_recorded_before"].as_u64().unwrap_or(0);
    markers.iter().map(|marker| before(marker) + u64::from(marker["left_out"]["kind"].is_string())).sum()
}

#[test]
fn what_goes_nowhere_of_a_stream_is_told_without_its_words_and_a_flood_is_counted() {
    let serve = |head: &str, message: &Value, stream: &mut TcpStream| {
        if message["method"] != "tools/call" {
            return polite(head, message, stream);
        }
        let event = |message: &Value| format!("data: {message}\n\n");
        let hidden = json!({ "jsonrpc": "2.0", "method": "notifications/resources/updated", "params": { "uri": "s3cret://a" } });
        let strange = json!({ "jsonrpc": "2.0", "id": "s3cret", "result": { "text": "s3cret" } });
        let answer = json!({ "jsonrpc": "2.0", "id": message["id"], "result": { "content": [] } });
        let flood = event(&strange).repeat(500);
        say(
            stream,
            "200 OK",
            "",
            "text/event-stream",
            &format!("{}{flood}{}", event(&hidden), event(&answer)),
        );
    };
    let hides = r#"
[[policy]]
id = "hides"
effect = "deny"
match = { connections = ["tools"], resources = ["s3cret://*"] }
"#;
    let attack = Attack::new(hides, serve);
    let answer = attack.call(&[], &json!({ "name": "open", "arguments": {} }));
    assert!(answer["result"]["content"].is_array(), "{answer}");
    let found = markers(&attack.world);
    assert_eq!(
        found[0]["left_out"],
        json!({ "kind": "notification", "method": "notifications/resources/updated", "why": "it concerns something the caller may not see" })
    );
    assert_eq!(found[1]["text"], "a response from the target was dropped: nobody asked for it");
    assert_eq!(told(&found), 501, "{found:?}");
    // Five a second, and one for the rest: reading it all takes no minute.
    assert!(found.len() < 60, "{}", found.len());
    assert!(!format!("{found:?}").contains("s3cret"), "{found:?}");
}

/// A program that asks its client something as often as it is told to, before it answers.
const ASKS: &str = r#"
import json, sys
for line in sys.stdin:
    message = json.loads(line)
    if "id" not in message or "method" not in message:
        continue
    if message["method"] == "tools/call":
        for number in range(message["params"]["arguments"]["times"]):
            print(json.dumps({"jsonrpc": "2.0", "id": "s3cret", "method": "s3cret/x", "params": {"x": "s3cret"}}))
            print(json.dumps({"jsonrpc": "2.0", "id": 4711, "result": {"x": "s3cret"}}))
    result = {"supportedVersions": ["2026-07-28"], "protocolVersion": "2025-11-25", "capabilities": {}, "content": []}
    print(json.dumps({"jsonrpc": "2.0", "id": message["id"], "result": result}), flush=True)
"#;

#[test]
fn what_a_program_asks_or_answers_by_itself_is_told_in_the_sessions_that_wait_for_it() {
    for modern in [true, false] {
        let mut world = World::without_gateway("");
        let program = world.folder.path().canonicalize().unwrap().join("asks.py");
        std::fs::write(&program, ASKS).unwrap();
        let rules = format!(
            r#"
[[connection]]
name = "asks"
upstream = "mcp+stdio:python3 {}"
[[policy]]
id = "all"
effect = "allow"
match = {{ groups = ["support"], connections = ["asks"], operations = ["read", "unknown"] }}
"#,
            program.display()
        );
        world.write_config(&rules);
        world.start();
        let params = json!({ "name": "x", "arguments": { "times": 40 } });
        let reply = if modern {
            Caller::new(&world, "reader", "asks").modern(&json!(2), "tools/call", params).reply()
        } else {
            Caller::begun(&world, "reader", "asks", &json!({})).call(2, "x", &params["arguments"])
        };
        assert!(reply.text().contains("content"), "{}", reply.text());
        let session = world.list(&["session", "list"])[0]["id"].as_str().unwrap().to_owned();
        let found = markers(&world);
        let kinds: Vec<&str> =
            found.iter().filter_map(|marker| marker["left_out"]["kind"].as_str()).collect();
        assert!(kinds.contains(&"response") && (!modern || kinds.contains(&"request")), "{found:?}");
        assert!(found.len() <= 12, "{found:?}");
        let events = format!("{:?}", world.events(&session));
        assert!(!format!("{found:?}").contains("s3cret"), "{found:?}");
        assert_eq!(events.contains("of another method"), modern, "{events}");
    }
}

/// What a target says to a notification, which should be nothing.
fn answers_notifications(head: &str, message: &Value, stream: &mut TcpStream) {
    let json = "application/json";
    match message["params"]["how"].as_str() {
        Some("fails") => say(stream, "500 Internal Server Error", "", json, r#"{"error":"s3cret"}"#),
        Some("says") => say(stream, "200 OK", "", json, r#"{"jsonrpc":"2.0","id":"s3cret","result":{}}"#),
        Some("asks") => {
            let asks = r#"{"jsonrpc":"2.0","id":"s3cret","method":"sampling/createMessage","params":{}}"#;
            let events = format!("data: {asks}\n\ndata: s3cret\n\n");
            say(stream, "200 OK", "", "text/event-stream", &events);
        }
        Some("text") => say(stream, "200 OK", "", "text/plain", "s3cret"),
        Some("takes") => say(stream, "202 Accepted", "", json, ""),
        _ => polite(head, message, stream),
    }
}

#[test]
fn what_a_target_says_to_a_notification_is_told_without_its_words() {
    let attack = Attack::new("", answers_notifications);
    let session = attack.session();
    for (how, status, said) in [
        ("takes", 202, &[][..]),
        ("fails", 500, &["body"]),
        ("says", 200, &["response"]),
        ("asks", 200, &["request sampling/createMessage", "body"]),
        ("text", 200, &["body"]),
    ] {
        let told = json!({ "jsonrpc": "2.0", "method": "notifications/progress", "params": { "progressToken": 1, "progress": 1, "how": how } });
        let reply = attack.send("POST", &[("Mcp-Session-Id", &session)], Some(&told.to_string()));
        assert_eq!((reply.status, reply.text().as_str()), (202, ""), "{how}");
        let recorded = || -> Vec<Value> {
            let session = attack.world.list(&["session", "list"])[0]["id"].as_str().unwrap().to_owned();
            let events = attack.world.events(&session);
            let asked =
                events.iter().rfind(|event| event["data"]["method"] == "notifications/progress").unwrap();
            events
                .iter()
                .filter(|event| event["corr"] == asked["corr"] && event["dir"] == "s2c")
                .cloned()
                .collect()
        };
        wait_until("the end is recorded", Duration::from_secs(10), || {
            recorded().iter().any(|event| event["data"]["end"] == "complete")
        });
        let events = recorded();
        let ends: Vec<_> = events.iter().filter(|event| event["kind"] == "mcp.message").collect();
        let [end] = &*ends else { panic!("{how}: {events:?}") };
        assert_eq!((&end["data"]["status"], &end["data"]["body"]), (&json!(status), &Value::Null), "{how}");
        let failed: Vec<_> = events.iter().filter(|event| event["kind"] == "error").collect();
        assert_eq!(failed.len(), usize::from(status >= 400), "{how}: {events:?}");
        assert!(failed.iter().all(|event| event["data"]["reason"] == "target_status"), "{how}: {events:?}");
        let texts: Vec<_> = events.iter().filter_map(|event| event["data"]["text"].as_str()).collect();
        let meant: Vec<_> = said
            .iter()
            .map(|what| format!("a {what} from the target was dropped: nobody asked for it"))
            .collect();
        assert_eq!(texts, meant, "{how}");
        assert!(!format!("{events:?}").contains("s3cret"), "{how}: {events:?}");
    }
}

#[test]
fn a_notification_that_cannot_be_read_ends_no_call() {
    let attack = Attack::new("", |_head, message, stream| {
        let said = message["params"]["arguments"]["said"].as_str().unwrap();
        let answer = json!({ "jsonrpc": "2.0", "id": message["id"], "result": { "content": [] } });
        say(stream, "200 OK", "", "text/event-stream", &format!("data: {said}\n\ndata: {answer}\n\n"));
    });
    for (said, passes) in [
        (
            r#"{"jsonrpc":"2.0","method":"notifications/progress","params":{"progressToken":null,"progress":1}}"#,
            true,
        ),
        (r#"{"jsonrpc":"1.0","method":"notifications/s3cret","params":[1]}"#, true),
        (r#"{"jsonrpc":"2.0","method":"notifications/progress","params":[],"id":[]}"#, false),
        (r#"{"jsonrpc":"2.0","method":"notifications/progress","params":[],"result":{}}"#, false),
        (r#"{"jsonrpc":"2.0","method":"x","method":"y"}"#, false),
        (r#"{"jsonrpc":"2.0","result":{}}"#, false),
        ("s3cret", false),
    ] {
        let told = attack.send("POST", &[], Some(&json!({ "jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": { "name": "open", "arguments": { "said": said } } }).to_string())).text();
        assert_eq!(told.contains("isError"), !passes, "{said}: {told}");
        assert!(!told.contains("s3cret"), "{told}");
    }
    let found: Vec<Value> =
        markers(&attack.world).into_iter().map(|marker| marker["left_out"].clone()).collect();
    let left_out =
        |method: &str| json!({ "kind": "notification", "method": method, "why": "it is no message of MCP" });
    assert_eq!(found, [left_out("notifications/progress"), left_out("of another method")]);
}
