//! Messages whose id, or want of one, does not fit their method: judged as one, they must not be done as the other.

use std::thread;
use std::time::Duration;

use serde_json::Value;
use serde_json::json;

use crate::support::World;
use crate::support::attack::Attack;
use crate::support::attack::polite;
use crate::support::caller::Caller;
use crate::support::mcp::answer;

const NEWER: &str = "2026-07-28";

/// What every message of the newer era says of itself.
fn meta() -> Value {
    json!({
        "io.modelcontextprotocol/protocolVersion": NEWER,
        "io.modelcontextprotocol/clientCapabilities": { "elicitation": {}, "x": {} },
        "io.modelcontextprotocol/clientInfo": { "name": "eve", "version": "1" },
    })
}

/// The recorded messages of the only session of that principal's client.
fn events(attack: &Attack) -> Vec<Value> {
    let session = attack.world.list(&["session", "list"])[0]["id"].as_str().unwrap().to_owned();
    attack.world.events(&session)
}

#[test]
fn what_has_to_be_answered_is_not_sent_without_an_id() {
    let attack = Attack::new("pin = \"hide\"", polite);
    let session = attack.session();
    let legacy = [("Mcp-Session-Id", &*session)];
    let before = attack.seen.lock().unwrap().len();
    let messages = [
        ("tools/call", json!({ "name": "open", "arguments": {} })),
        ("prompts/get", json!({ "name": "open" })),
        ("resources/read", json!({ "uri": "file:///x" })),
        ("initialize", json!({ "protocolVersion": "2025-11-25", "capabilities": { "elicitation": {} } })),
        ("tools/list", json!({})),
        ("Notifications/cancelled", json!({ "requestId": 1 })),
    ];
    for (method, params) in &messages {
        let body = json!({ "jsonrpc": "2.0", "method": method, "params": params }).to_string();
        let reply = attack.send("POST", &legacy, Some(&body));
        assert_eq!((reply.status, reply.text().as_str()), (202, ""), "{method}");
    }
    let mut params = json!({ "name": "open", "requestState": "raw", "_meta": meta() });
    for method in ["tools/call", "subscriptions/listen"] {
        params["_meta"]["progressToken"] = json!(1);
        let headers = [("Mcp-Protocol-Version", NEWER), ("Mcp-Method", method), ("Mcp-Name", "open")];
        let body = json!({ "jsonrpc": "2.0", "method": method, "params": params }).to_string();
        let reply = attack.send("POST", &headers, Some(&body));
        assert_eq!((reply.status, reply.text().as_str()), (202, ""), "{method}");
    }
    let seen = attack.seen.lock().unwrap().clone();
    assert_eq!(seen.len(), before, "{seen:?}");
    let recorded = events(&attack);
    let refused = |method: &str| {
        let asked = recorded.iter().find(|event| event["data"]["method"] == method).unwrap();
        let decided =
            recorded.iter().find(|event| event["kind"] == "decision" && event["corr"] == asked["corr"]);
        decided.unwrap()["data"].clone()
    };
    for (method, _) in &messages {
        // The first of its kind in the session is how the session began.
        if *method != "initialize" {
            assert_eq!(refused(method)["reason"], "mcp_kind", "{method}: {}", refused(method));
        }
    }
}

#[test]
fn a_notification_says_no_more_of_its_client_than_a_request_does() {
    let attack = Attack::new("pin = \"hide\"", polite);
    let headers = [("Mcp-Protocol-Version", NEWER)];
    let mut params = json!({ "_meta": meta() });
    let tell = |params: &Value| {
        let told =
            json!({ "jsonrpc": "2.0", "method": "notifications/roots/list_changed", "params": params });
        let reply = attack.send("POST", &headers, Some(&told.to_string()));
        assert_eq!((reply.status, reply.text().as_str()), (202, ""));
        attack.arrived("notifications/roots/list_changed")
    };
    let arrived = tell(&params);
    let [(_, body)] = &*arrived else { panic!("{arrived:?}") };
    assert!(!body.contains("eve") && !body.contains("elicitation") && body.contains("hoopctl"), "{body}");
    // A state that the gateway did not give.
    params["requestState"] = json!("raw");
    assert_eq!(tell(&params).len(), 1);
}

#[test]
fn no_request_is_called_a_notification() {
    let attack = Attack::new("", polite);
    let session = attack.session();
    for method in ["notifications/cancelled", "notifications/x", "Notifications/Cancelled"] {
        let params = json!({ "requestId": 1, "_meta": meta() });
        let body = json!({ "jsonrpc": "2.0", "id": 7, "method": method, "params": params }).to_string();
        let headers = [("Mcp-Protocol-Version", NEWER), ("Mcp-Method", method)];
        let modern = attack.send("POST", &headers, Some(&body));
        let body = json!({ "jsonrpc": "2.0", "id": 7, "method": method, "params": { "requestId": 1 } });
        let legacy = attack.send("POST", &[("Mcp-Session-Id", &session)], Some(&body.to_string()));
        for (reply, status) in [(modern, 404), (legacy, 200)] {
            assert_eq!(
                (reply.status, &answer(&reply)["error"]["code"]),
                (status, &json!(-32601)),
                "{method}"
            );
            assert_eq!(answer(&reply)["id"], 7);
        }
        assert!(attack.arrived(method).is_empty(), "{method}");
    }
}

/// A program that all clients share, whose calls take a while and can be cancelled.
const SLOW: &str = r#"
import json, sys, threading, time
lock, cancelled = threading.Lock(), set()
def say(message):
    with lock:
        print(json.dumps({"jsonrpc": "2.0", **message}), flush=True)
def slow(number):
    for _ in range(20):
        time.sleep(0.1)
        if number in cancelled:
            return say({"id": number, "error": {"code": -32800, "message": "cancelled"}})
    say({"id": number, "result": {"resultType": "complete", "content": [{"type": "text", "text": "done"}]}})
for line in sys.stdin:
    message = json.loads(line)
    if message["method"] == "tools/call":
        threading.Thread(target=slow, args=(message["id"],)).start()
    elif message["method"] == "notifications/cancelled":
        cancelled.add(message["params"]["requestId"])
    elif "id" in message:
        say({"id": message["id"], "result": {"supportedVersions": ["2026-07-28"], "capabilities": {"tools": {}}}})
"#;

#[test]
fn nobody_cancels_what_another_has_asked_of_a_shared_program() {
    let mut world = World::without_gateway("");
    let program = world.folder.path().canonicalize().unwrap().join("slow.py");
    std::fs::write(&program, SLOW).unwrap();
    let rules = format!(
        r#"
[[connection]]
name = "slow"
upstream = "mcp+stdio:python3 {}"
[[policy]]
id = "all"
effect = "allow"
match = {{ groups = ["support"], connections = ["slow"], operations = ["read", "unknown"] }}
"#,
        program.display()
    );
    world.write_config(&rules);
    world.start();
    let call = |name: &str| json!({ "name": name, "arguments": {} });
    let ann = Caller::new(&world, "reader", "slow");
    assert!(ann.modern(&json!(1), "tools/call", call("warm")).reply().text().contains("done"));
    let mut slow = ann.modern(&json!(2), "tools/call", call("x"));
    thread::sleep(Duration::from_millis(300));
    let eve = Caller::new(&world, "writer", "slow");
    for number in 1..5 {
        let params = json!({ "requestId": number });
        let reply = eve.modern(&json!(number), "notifications/cancelled", params).reply();
        assert_eq!((reply.status, &reply.json()["error"]["code"]), (404, &json!(-32601)));
    }
    let told = slow.reply().text();
    assert!(told.contains("done"), "{told}");
}
