//! Held calls go as they are written: what people read is sent, in its order, and nothing beside it.

use std::io::Write;
use std::sync::Arc;
use std::sync::atomic::AtomicU32;
use std::sync::atomic::Ordering;
use std::thread;
use std::time::Duration;

use serde_json::Value;
use serde_json::json;

use crate::support::World;
use crate::support::attack::Attack;
use crate::support::attack::data;
use crate::support::attack::polite;
use crate::support::attack::say;
use crate::support::caller::Caller;
use crate::support::mcp::answer;
use crate::support::steps::wait_until;

fn pay(attack: &Attack, arguments: &str, beside: &str) -> Value {
    let body = format!(
        r#"{{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{{"name":"pay","arguments":{arguments}}}{beside}}}"#
    );
    answer(&attack.send("POST", &[], Some(&body)))
}

#[test]
fn a_held_call_is_shown_and_sent_in_its_order_and_alone() {
    let attack = Attack::new("limits = { approval_wait = \"1s\" }", polite);
    let decision = |told: &Value| told["result"]["_meta"]["dev.hoopctl/decision"].clone();
    let sort = r#"{"sort":{"paid":-1,"amount":1.10}}"#;
    let first = decision(&pay(&attack, sort, r#","extra":{"amount":9}"#));
    assert_eq!(first["code"], "approval_pending", "{first}");
    // Order means something to some tools.
    for other in [r#"{"sort":{"amount":1.10,"paid":-1}}"#, r#"{"sort":{"paid":-1,"amount":1.1}}"#] {
        let other = decision(&pay(&attack, other, ""));
        assert_eq!(other["code"], "approval_pending", "{other}");
        assert_ne!(other["approval_id"], first["approval_id"], "another call");
    }
    let id = first["approval_id"].as_str().unwrap();
    let shown = attack.world.cli(&["approval", "show", id]).1;
    let places = ["\"name\": \"pay\"", "\"paid\": -1", "\"amount\": 1.10"]
        .map(|text| shown.find(text).unwrap_or_else(|| panic!("no {text} in {shown}")));
    assert!(places.is_sorted(), "{shown}");
    attack.world.ok(&["approval", "approve", id]);
    // What nobody reads makes no other call of it, and does not arrive.
    let done = pay(&attack, sort, r#","trace":"next""#);
    assert_eq!(done["result"]["content"][0]["text"], "done", "{done}");
    let arrived = attack.arrived("tools/call");
    let [(_, body)] = &arrived[..] else { panic!("{arrived:?}") };
    let sent = format!(
        r#"{{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{{"name":"pay","arguments":{sort}}}}}"#
    );
    assert_eq!(*body, sent);
    // It is recorded as it was sent.
    let session = attack.world.list(&["session", "list"])[0]["id"].as_str().unwrap().to_owned();
    let recorded = format!("{:?}", attack.world.events(&session));
    assert!(
        recorded.contains("paid") && !recorded.contains("extra") && !recorded.contains("next"),
        "{recorded}"
    );
    // What is neither read nor bound is short.
    let long = json!({ "jsonrpc": "2.0", "id": "x".repeat(600), "method": "tools/call", "params": { "name": "pay", "arguments": {} } });
    assert_eq!(attack.send("POST", &[], Some(&long.to_string())).status, 400);
}

#[test]
fn to_cancel_a_held_call_is_never_too_fast() {
    let attack = Attack::new("limits = { rate = 2 }", polite);
    thread::sleep(Duration::from_secs(2));
    let session = attack.session();
    let of_session = [("Mcp-Session-Id", &*session)];
    let call = r#"{"jsonrpc":"2.0","id":7,"method":"tools/call","params":{"name":"pay","arguments":{}}}"#;
    thread::scope(|scope| {
        let held = scope.spawn(|| attack.send("POST", &of_session, Some(call)));
        attack.world.wait_pending();
        let cancel = r#"{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":7}}"#;
        let ping = r#"{"jsonrpc":"2.0","id":9,"method":"ping"}"#;
        let too_fast = || attack.send("POST", &of_session, Some(ping)).json()["error"].is_object();
        assert!((0..20).any(|_| too_fast()), "it never comes too fast");
        // Somebody without the session, and what does not name the call, cancel nothing.
        assert_eq!(attack.send("POST", &[], Some(cancel)).status, 202);
        assert_eq!(attack.send("POST", &of_session, Some(&cancel.replace('7', "8"))).status, 202);
        assert_eq!(attack.world.list(&["approval", "list"]).len(), 1);
        while !too_fast() {}
        assert_eq!(attack.send("POST", &of_session, Some(cancel)).status, 202);
        wait_until("it still waits", Duration::from_secs(5), || {
            attack.world.list(&["approval", "list"]).is_empty()
        });
        drop(held.join().unwrap());
    });
    assert!(attack.arrived("tools/call").is_empty());
    assert!(attack.arrived("notifications/cancelled").len() <= 1, "what was refused did not arrive");
}

/// A server of the older era whose tool takes longer than a stream is silent.
const SLOW: &str = r#"
import json, sys, time
calls = 0
for line in sys.stdin:
    message = json.loads(line)
    if message.get("id") is None:
        continue
    if message["method"] == "tools/call":
        calls += 1
        time.sleep(15)
    text = {"type": "text", "text": f"slow {calls}"}
    result = {"protocolVersion": "2025-11-25", "capabilities": {}, "serverInfo": {"name": "s", "version": "1"}, "content": [text]}
    print(json.dumps({"jsonrpc": "2.0", "id": message["id"], "result": result}), flush=True)
"#;

const HOLDS: &str = r#"
[[policy]]
id = "held"
effect = "approve"
match = { groups = ["support"], connections = ["slow"], tools = ["pay"] }
approval = { from = ["dba"], timeout = "1m" }
[[policy]]
id = "opens"
effect = "allow"
match = { groups = ["support"], connections = ["slow"], operations = ["read"] }
"#;

fn approve(world: &World) {
    let pending = world.wait_pending();
    world.ok(&["approval", "approve", pending["id"].as_str().unwrap()]);
}

#[test]
fn a_slow_answer_to_a_held_call_is_awaited_after_its_client_left() {
    let calls = Arc::new(AtomicU32::new(0));
    let counted = Arc::clone(&calls);
    let http = Attack::new("", move |head, message, stream| {
        if message["method"] != "tools/call" {
            return polite(head, message, stream);
        }
        let call = counted.fetch_add(1, Ordering::SeqCst) + 1;
        let begun = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nconnection: close\r\n\r\n";
        drop(stream.write_all(begun.as_bytes()));
        thread::sleep(Duration::from_secs(15));
        let text = json!({ "type": "text", "text": format!("slow {call}") });
        let done = json!({ "jsonrpc": "2.0", "id": message["id"], "result": { "content": [text] } });
        drop(stream.write_all(format!("data: {done}\n\n").as_bytes()));
    });
    let mut program = World::without_gateway("");
    let slow = program.path("slow.py");
    std::fs::write(&slow, SLOW).unwrap();
    let connection =
        format!("[[connection]]\nname = \"slow\"\nupstream = \"mcp+stdio:python3 {}\"\n", slow.display());
    program.write_config(&format!("{connection}{HOLDS}"));
    program.start();
    let clients = [
        Caller::begun(&http.world, "reader", "tools", &json!({})),
        Caller::begun(&program, "reader", "slow", &json!({})),
    ];
    let call = |id: u32| json!({ "jsonrpc": "2.0", "id": id, "method": "tools/call", "params": { "name": "pay", "arguments": {} } });
    for client in &clients {
        let first = client.open("POST", &[], Some(&call(1).to_string()));
        approve(client.world);
        // So long it takes until it is sent.
        thread::sleep(Duration::from_secs(1));
        drop(first);
    }
    thread::sleep(Duration::from_secs(16));
    for client in &clients {
        let told = answer(&client.post(&call(2)));
        assert_eq!(told["result"]["content"][0]["text"], "slow 1", "{}: {told}", client.connection);
        assert!(client.world.list(&["approval", "list"]).is_empty());
    }
    assert_eq!(calls.load(Ordering::SeqCst), 1);
}

#[test]
fn an_answer_that_does_not_arrive_may_be_given_again() {
    let answers = Arc::new(AtomicU32::new(0));
    let counted = Arc::clone(&answers);
    let attack = Attack::new("allow_server_requests = [\"roots\"]", move |head, message, stream| {
        if message["method"].is_null() {
            // The first one is lost.
            if counted.fetch_add(1, Ordering::SeqCst) > 0 {
                say(stream, "202 Accepted", "", "text/plain", "");
            }
        } else if message["method"] == "tools/call" {
            let begun = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nconnection: close\r\n\r\n";
            let asks = json!({ "jsonrpc": "2.0", "id": 70, "method": "roots/list" });
            drop(stream.write_all(format!("{begun}data: {asks}\n\n").as_bytes()));
            thread::sleep(Duration::from_secs(10));
        } else {
            polite(head, message, stream);
        }
    });
    let client = Caller::begun(&attack.world, "reader", "tools", &json!({ "roots": {} }));
    let call = json!({ "jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": { "name": "open", "arguments": {} } });
    let mut asked = client.open("POST", &[], Some(&call.to_string()));
    assert!(data(&mut asked).contains("roots/list"));
    let roots = json!({ "jsonrpc": "2.0", "id": 70, "result": { "roots": [] } });
    assert_eq!(client.post(&roots).status, 502, "its client is told");
    assert_eq!(client.post(&roots).status, 202);
    assert_eq!(client.post(&roots).status, 400, "each question is answered once");
    assert_eq!(answers.load(Ordering::SeqCst), 2);
}
