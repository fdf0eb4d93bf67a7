//! MCP calls whose clients lose their streams while people think: in a session of the older era that is no word of the client's.

use std::thread;
use std::time::Duration;

use serde_json::Value;
use serde_json::json;

use crate::support::Client;
use crate::support::caller::Caller;
use crate::support::client::request;
use crate::support::mcp::ACCEPT;
use crate::support::mcp::Mcp;
use crate::support::mcp::answer;
use crate::support::steps::wait_until;

const HOLD: &str = r#"
[[policy]]
id = "reads"
effect = "allow"
match = { groups = ["support"], connections = ["tools"], operations = ["read"] }
[[policy]]
id = "notes"
effect = "approve"
match = { groups = ["support"], connections = ["tools"], tools = ["add_note"] }
approval = { from = ["dba"], timeout = "5m", grant = "once" }
"#;

/// A client of the older era, in a session.
struct Away<'m> {
    mcp: &'m Mcp,
    client: Caller<'m>,
}

impl<'m> Away<'m> {
    fn new(mcp: &'m Mcp) -> Self {
        Self { mcp, client: Caller::begun(&mcp.world, "reader", "tools", &json!({})) }
    }

    fn send(&self, method: &str, body: Option<&str>) -> Client {
        self.client.open(method, &[], body)
    }

    /// Calls the tool that is held; its stream is open when this returns.
    fn call(&self, id: u32, text: &str) -> Client {
        let params = json!({ "name": "add_note", "arguments": { "text": text } });
        let call = json!({ "jsonrpc": "2.0", "id": id, "method": "tools/call", "params": params });
        self.send("POST", Some(&call.to_string()))
    }

    /// The same, until it waits for people; then its stream is lost.
    fn call_and_leave(&self, id: u32, text: &str) -> String {
        let client = self.call(id, text);
        let pending = self.mcp.world.wait_pending()["id"].as_str().unwrap().to_owned();
        drop(client);
        thread::sleep(Duration::from_millis(500));
        pending
    }

    fn cancel(&self, id: u32) {
        let params = json!({ "requestId": id });
        let body = json!({ "jsonrpc": "2.0", "method": "notifications/cancelled", "params": params });
        assert_eq!(self.send("POST", Some(&body.to_string())).reply().status, 202);
    }

    fn state(&self, approval: &str) -> Value {
        self.mcp.world.json(&["approval", "show", approval])["state"].clone()
    }

    fn becomes(&self, approval: &str, state: &str) {
        wait_until(state, Duration::from_secs(5), || self.state(approval) == state);
    }

    fn approve(&self, approval: &str) {
        self.mcp.world.ok(&["approval", "approve", approval]);
    }
}

fn is_done(client: &mut Client) -> bool {
    let answer = answer(&client.reply());
    answer["result"]["content"].is_array() && answer["result"]["isError"] != json!(true)
}

#[test]
fn what_is_approved_while_nobody_waits_runs_once_when_the_same_call_comes_back() {
    let mcp = Mcp::new("", HOLD);
    let caller = Away::new(&mcp);
    let approval = caller.call_and_leave(1, "x");
    assert_eq!(caller.state(&approval), "pending");
    caller.approve(&approval);
    thread::sleep(Duration::from_millis(700));
    assert_eq!(mcp.tally("add_note"), 0, "it ran for nobody");
    // Another call is none of it.
    let other = caller.call(2, "y");
    assert_ne!(mcp.world.wait_pending()["id"], json!(approval));
    drop(other);
    caller.cancel(2);
    assert!(is_done(&mut caller.call(3, "x")));
    assert_eq!(mcp.tally("add_note"), 1);
    // Once: the next one is asked for anew.
    wait_until("withdrawn", Duration::from_secs(5), || mcp.world.list(&["approval", "list"]).is_empty());
    let again = caller.call(4, "x");
    assert_ne!(mcp.world.wait_pending()["id"], json!(approval));
    drop(again);
    assert_eq!(mcp.tally("add_note"), 1);
}

#[test]
fn who_comes_back_joins_what_waits_and_has_it_alone() {
    let mcp = Mcp::new("", HOLD);
    let caller = Away::new(&mcp);
    let approval = caller.call_and_leave(1, "x");
    // A client with a short patience, which calls again and again: with new ids, and with the same.
    for id in [2, 3, 3] {
        assert_eq!(caller.call_and_leave(id, "x"), approval);
    }
    let mut back = caller.call(4, "x");
    assert_eq!(back.head().status, 200);
    thread::sleep(Duration::from_millis(500));
    caller.approve(&approval);
    let line = std::iter::from_fn(|| back.line()).find(|line| line.contains("\"result\"")).unwrap();
    assert!(line.contains("\"id\":4"), "{line}");
    thread::sleep(Duration::from_millis(500));
    assert_eq!(mcp.tally("add_note"), 1, "once, for the one that is there");
    // What was left by then is withdrawn with the one that came back for it.
    let approval = caller.call_and_leave(5, "x");
    let back = caller.call(6, "x");
    thread::sleep(Duration::from_millis(500));
    caller.cancel(5);
    thread::sleep(Duration::from_millis(300));
    assert_eq!(caller.state(&approval), "pending", "the one that was left has no say any more");
    caller.cancel(6);
    caller.becomes(&approval, "cancelled");
    drop(back);
    assert_eq!(mcp.tally("add_note"), 1);
}

#[test]
fn a_call_that_was_left_is_withdrawn_by_a_word_and_by_the_end_of_its_session() {
    let mcp = Mcp::new("", HOLD);
    let (caller, other) = (Away::new(&mcp), Away::new(&mcp));
    let approval = caller.call_and_leave(1, "x");
    other.cancel(1);
    thread::sleep(Duration::from_millis(300));
    assert_eq!(caller.state(&approval), "pending", "another session's word");
    caller.cancel(1);
    caller.becomes(&approval, "cancelled");
    // The client ends its session, whether the stream is lost or not.
    for leaves in [true, false] {
        let caller = Away::new(&mcp);
        let (approval, kept) = if leaves {
            (caller.call_and_leave(1, "x"), None)
        } else {
            let client = caller.call(1, "x");
            (mcp.world.wait_pending()["id"].as_str().unwrap().to_owned(), Some(client))
        };
        assert!(caller.send("DELETE", None).reply().status < 300);
        caller.becomes(&approval, "cancelled");
        drop(kept);
    }
    // An operator ends the principal's.
    let approval = caller.call_and_leave(2, "x");
    let session = mcp.world.list(&["session", "list"])[0]["id"].as_str().unwrap().to_owned();
    mcp.world.ok(&["session", "kill", &session, "--yes"]);
    caller.becomes(&approval, "cancelled");
    assert_eq!(mcp.tally("add_note"), 0);
}

#[test]
fn a_client_of_the_newer_era_that_leaves_withdraws_its_call() {
    let mcp = Mcp::new("", HOLD);
    let token = mcp.world.token("reader");
    let meta = json!({ "io.modelcontextprotocol/protocolVersion": "2026-07-28", "io.modelcontextprotocol/clientCapabilities": {} });
    let params = json!({ "name": "add_note", "arguments": { "text": "x" }, "_meta": meta });
    let body = json!({ "jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params }).to_string();
    let headers = [
        ACCEPT,
        ("Content-Type", "application/json"),
        ("Mcp-Protocol-Version", "2026-07-28"),
        ("Mcp-Method", "tools/call"),
        ("Mcp-Name", "add_note"),
    ];
    let mut client = Client::connect(mcp.world.port);
    client.send(request("POST", "/c/tools", Some(&token), &headers, Some(&body)));
    let approval = mcp.world.wait_pending()["id"].as_str().unwrap().to_owned();
    drop(client);
    let state = || mcp.world.json(&["approval", "show", &approval])["state"].clone();
    wait_until("withdrawn", Duration::from_secs(5), || state() == "cancelled");
}
