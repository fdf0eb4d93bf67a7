//! Approved calls, and what might go along with one.

use std::thread;
use std::time::Duration;
use std::time::Instant;

use serde_json::Value;
use serde_json::json;

use crate::support::attack::Attack;
use crate::support::attack::JSON;
use crate::support::attack::data;
use crate::support::attack::polite;
use crate::support::attack::result;
use crate::support::attack::say;
use crate::support::client::Client;
use crate::support::client::request;
use crate::support::mcp::ACCEPT;

#[test]
fn nothing_goes_along_with_an_approved_call_that_its_approver_did_not_read() {
    let attack = Attack::new("limits = { approval_wait = \"1s\" }", polite);
    let pay = |mark: &str| {
        let meta =
            json!({ "progressToken": mark, "baggage": mark, "vscode.requestId": mark, "note": "kept" });
        let headers = [("traceparent", mark), ("User-Agent", mark), ("X-Dry-Run", mark)];
        attack.call(&headers, &json!({ "name": "pay", "arguments": { "amount": 5 }, "_meta": meta }))
    };
    let code = |told: &Value| told["result"]["_meta"]["dev.hoopctl/decision"]["code"].clone();
    assert_eq!(code(&pay("first")), "approval_pending");
    let pending = attack.world.wait_pending();
    let shown = attack.world.cli(&["approval", "show", pending["id"].as_str().unwrap()]).1;
    assert!(shown.contains("\"note\"") && !shown.contains("first"), "{shown}");
    attack.approve();
    let told = pay("other");
    assert_eq!(told["result"]["content"][0]["text"], "done", "the same call again joins: {told}");
    let arrived = attack.arrived("tools/call");
    let [(head, body)] = &*arrived else { panic!("{arrived:?}") };
    assert!(!head.contains("other"), "{head}");
    let body: Value = serde_json::from_str(body).unwrap();
    assert_eq!(body["params"]["_meta"], json!({ "progressToken": "other", "note": "kept" }));
    // Any other difference is another call.
    let told = attack
        .call(&[], &json!({ "name": "pay", "arguments": { "amount": 5 }, "_meta": { "note": "else" } }));
    assert_eq!(code(&told), "approval_pending");
}

#[test]
fn clients_of_one_principal_wait_beside_each_other_with_the_same_ids() {
    let attack = Attack::new("", polite);
    let call = |amount: u64| attack.call(&[], &json!({ "name": "pay", "arguments": { "amount": amount } }));
    thread::scope(|scope| {
        let calls = [scope.spawn(move || call(1)), scope.spawn(move || call(2))];
        let begin = Instant::now();
        while attack.world.list(&["approval", "list"]).len() < 2 {
            assert!(begin.elapsed() < Duration::from_secs(10), "one of them is not held");
            thread::sleep(Duration::from_millis(50));
        }
        let cancel = r#"{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":1}}"#;
        attack.send("POST", &[], Some(cancel));
        for pending in attack.world.list(&["approval", "list"]) {
            attack.world.ok(&["approval", "approve", pending["id"].as_str().unwrap()]);
        }
        for call in calls {
            let told = call.join().unwrap();
            assert_eq!(told["result"]["content"][0]["text"], "done", "{told}");
        }
    });
    assert_eq!(attack.arrived("tools/call").len(), 2);
}

#[test]
fn an_approved_call_whose_client_left_runs_once_and_its_answer_is_kept() {
    for as_stream in [false, true] {
        let attack = Attack::new("", move |head, message, stream| {
            if message["method"] == "initialize" {
                return polite(head, message, stream);
            }
            // Longer than its client waits.
            thread::sleep(Duration::from_secs(2));
            let text = json!({ "content": [{ "type": "text", "text": "paid" }] });
            if as_stream {
                let answer = json!({ "jsonrpc": "2.0", "id": message["id"], "result": text });
                say(stream, "200 OK", "", "text/event-stream", &format!("data: {answer}\n\n"));
            } else {
                result(stream, message, &text);
            }
        });
        let session = attack.session();
        let headers = [ACCEPT, JSON, ("Mcp-Session-Id", &*session)];
        let token = attack.world.token("reader");
        let begin = |id: u32, amount: u32| {
            let call = json!({ "jsonrpc": "2.0", "id": id, "method": "tools/call", "params": { "name": "pay", "arguments": { "amount": amount } } });
            let mut client = Client::connect(attack.world.port);
            client.send(request("POST", "/c/tools", Some(&token), &headers, Some(&call.to_string())));
            assert_eq!(client.head().status, 200);
            client
        };
        let first = begin(1, 7);
        attack.approve();
        while attack.arrived("tools/call").is_empty() {
            thread::sleep(Duration::from_millis(20));
        }
        drop(first);
        // While it runs and when it has run: the same call waits for the same answer. Another one is another one.
        let mut again = begin(2, 7);
        let mut other = begin(3, 8);
        let told = data(&mut again);
        assert!(told.contains("paid") && told.contains("\"id\":2"), "{told}");
        assert_eq!(attack.arrived("tools/call").len(), 1, "it ran once");
        let pending = attack.world.wait_pending();
        assert!(pending["summary"].as_str().unwrap().contains("pay"), "{pending}");
        attack.approve();
        other.set_patience(Duration::from_secs(10));
        assert!(data(&mut other).contains("\"id\":3"));
        assert_eq!(attack.arrived("tools/call").len(), 2);
        // Both have their answers now: the next one is asked for anew.
        let third = begin(4, 7);
        attack.world.wait_pending();
        drop(third);
        let listed = attack.world.list(&["session", "list", "--connection", "tools"]);
        let id = listed[0]["id"].as_str().unwrap();
        let kept = attack.world.events(id).into_iter().filter(|event| event["data"]["kept"] == true).count();
        assert_eq!(kept, 1);
    }
}

#[test]
fn what_ran_by_the_word_of_some_is_no_answer_where_others_must_be_asked() {
    let attack = Attack::new("", |head, message, stream| {
        if message["method"] != "initialize" {
            thread::sleep(Duration::from_secs(1));
        }
        polite(head, message, stream);
    });
    let session = attack.session();
    let headers = [ACCEPT, JSON, ("Mcp-Session-Id", &*session)];
    let token = attack.world.token("reader");
    let begin = |id: u32| {
        let call = json!({ "jsonrpc": "2.0", "id": id, "method": "tools/call", "params": { "name": "pay", "arguments": {} } });
        let mut client = Client::connect(attack.world.port);
        client.send(request("POST", "/c/tools", Some(&token), &headers, Some(&call.to_string())));
        assert_eq!(client.head().status, 200);
        client
    };
    let first = begin(1);
    attack.approve();
    while attack.arrived("tools/call").is_empty() {
        thread::sleep(Duration::from_millis(20));
    }
    drop(first);
    thread::sleep(Duration::from_millis(1500));
    let rule = ["policy", "add", "second", "--approve", "--connection", "tools", "--tool", "pay"];
    let (code, _, err) = attack.world.cli(&[&rule[..], &["--group", "support", "--from", "dba"]].concat());
    assert_eq!(code, 0, "{err}");
    let mut again = begin(2);
    attack.approve();
    assert!(data(&mut again).contains("done"));
    assert_eq!(attack.arrived("tools/call").len(), 2);
}
