//! What MCP targets say and nobody gets: the recording tells that it was said, and nothing of what.

use std::net::TcpStream;

use serde_json::Value;
use serde_json::json;

use crate::support::World;
use crate::support::attack::Attack;
use crate::support::attack::polite;
use crate::support::attack::say;
use crate::support::caller::Caller;

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
