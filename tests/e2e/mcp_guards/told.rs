//! What a target tells beside its answers, or as one that cannot be read.

use serde_json::Value;
use serde_json::json;

use crate::support::attack::Attack;
use crate::support::attack::polite;
use crate::support::attack::result;
use crate::support::attack::say;
use crate::support::caller::messages;

#[test]
fn progress_is_told_under_tokens_that_the_client_gave() {
    let attack = Attack::new("", |head, message, stream| {
        if message["method"] != "tools/call" {
            return polite(head, message, stream);
        }
        let progress = |token: Value, progress: u32| json!({ "jsonrpc": "2.0", "method": "notifications/progress", "params": { "progressToken": token, "progress": progress } });
        let answer = json!({ "jsonrpc": "2.0", "id": message["id"], "result": { "content": [] } });
        let all = [
            progress(json!("s3cret@example.com"), 1),
            progress(json!(7), 2),
            progress(json!("7"), 3),
            answer,
        ];
        let events = all.map(|message| format!("data: {message}\n\n")).concat();
        say(stream, "200 OK", "", "text/event-stream", &events);
    });
    let session = attack.session();
    for (meta, tokens) in [(json!({ "progressToken": 7 }), vec![json!(7)]), (json!({}), vec![])] {
        let params = json!({ "name": "open", "arguments": {}, "_meta": meta });
        let call = json!({ "jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params }).to_string();
        let reply = attack.send("POST", &[("Mcp-Session-Id", &session)], Some(&call));
        let told: Vec<Value> = messages(&reply)
            .iter()
            .filter(|message| message["method"] == "notifications/progress")
            .map(|message| message["params"]["progressToken"].clone())
            .collect();
        assert_eq!(told, tokens, "{}", reply.text());
    }
    let session = attack.world.list(&["session", "list"])[0]["id"].as_str().unwrap().to_owned();
    let recorded = attack.world.events(&session);
    let left_out =
        json!({ "kind": "notification", "method": "notifications/progress", "why": "it names no recipient" });
    assert_eq!(recorded.iter().filter(|event| event["data"]["left_out"] == left_out).count(), 5);
    assert!(!format!("{recorded:?}").contains("s3cret"));
}

#[test]
fn no_client_is_told_to_stay_away_for_long() {
    let attack = Attack::new("", |_head, message, stream| {
        let answer = json!({ "jsonrpc": "2.0", "id": message["id"], "result": { "content": [] } });
        let events = format!("retry: 31536000000\n\nretry: 500\n\nretry: 31536000000\ndata: {answer}\n\n");
        say(stream, "200 OK", "", "text/event-stream", &events);
    });
    let call = json!({ "jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": { "name": "open", "arguments": {} } });
    let told = attack.send("POST", &[], Some(&call.to_string())).text();
    let retries: Vec<&str> = told.lines().filter_map(|line| line.strip_prefix("retry: ")).collect();
    assert_eq!(retries, ["60000", "500", "60000"], "{told}");
}

#[test]
fn a_list_that_cannot_be_read_is_said_to_hold_masked_values_only_where_some_are_masked() {
    let mask = "[[mask]]\nid = \"m\"\nmatch = { connections = [\"tools\"] }\nfields = [\"ssn\"]\n";
    for (masks, masked) in [("", false), (mask, true)] {
        let attack = Attack::new(masks, |_head, message, stream| {
            result(stream, message, &json!({ "tools": [{ "name": 7 }] }));
        });
        let list = r#"{"jsonrpc":"2.0","id":1,"method":"tools/list"}"#;
        let told = attack.send("POST", &[], Some(list)).text();
        assert!(told.contains("its list cannot be read"), "{told}");
        let code = if masked { "unmaskable_reply" } else { "upstream_unavailable" };
        assert!(told.contains(code) && told.contains("mask") == masked, "{told}");
    }
}
