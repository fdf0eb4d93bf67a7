//! MCP calls that people approve for one run: what runs, how often, and who gets the answer.

use std::thread;
use std::time::Duration;

use serde_json::Value;
use serde_json::json;

use crate::support::Client;
use crate::support::caller::Caller;
use crate::support::mcp::Mcp;
use crate::support::mcp::answer;
use crate::support::steps::wait_until;

/// The gateway with the policy that holds the tool that counts; `grant`: how far its approvals reach.
fn mcp(grant: &str) -> Mcp {
    Mcp::new("", &held(grant))
}

fn held(grant: &str) -> String {
    format!(
        r#"
[[policy]]
id = "reads"
effect = "allow"
match = {{ groups = ["support"], connections = ["tools"], operations = ["read"] }}
[[policy]]
id = "held"
effect = "approve"
match = {{ groups = ["support"], connections = ["tools"], tools = ["wait"] }}
approval = {{ from = ["dba"], timeout = "1m", grant = "{grant}" }}
"#
    )
}

/// One client of the older era, in a session.
struct Once<'m> {
    mcp: &'m Mcp,
    client: Caller<'m>,
}

impl<'m> Once<'m> {
    fn new(mcp: &'m Mcp) -> Self {
        Self { mcp, client: Caller::begun(&mcp.world, "reader", "tools", &json!({})) }
    }

    /// Calls the tool; its answer is still to be read.
    fn begin(&self, id: u32, milliseconds: u32) -> Client {
        let arguments = json!({ "milliseconds": milliseconds, "steps": 1 });
        let call = json!({ "jsonrpc": "2.0", "id": id, "method": "tools/call", "params": { "name": "wait", "arguments": arguments } });
        self.client.open("POST", &[], Some(&call.to_string()))
    }

    /// Begins a call and leaves it once it runs, for the `nth` time at the server; it has run when this returns.
    fn leave(&self, client: Client, nth: u64) {
        wait_until("it does not run", Duration::from_secs(10), || self.mcp.tally("wait") == nth);
        drop(client);
        // So long the tool takes, and a while for its answer to arrive.
        thread::sleep(Duration::from_secs(3));
    }

    fn approve(&self, with: &[&str]) {
        let pending = self.mcp.world.wait_pending();
        let args = [&["approval", "approve", pending["id"].as_str().unwrap()], with].concat();
        let (code, _, err) = self.mcp.world.cli(&args);
        assert_eq!(code, 0, "{err}");
    }

    fn pending(&self) -> usize {
        self.mcp.world.list(&["approval", "list"]).len()
    }
}

fn told(client: &mut Client) -> Value {
    answer(&client.reply())
}

/// Whether the tool itself has answered this.
fn waited(answer: &Value, id: u32) -> bool {
    answer["id"] == id && answer["result"]["content"][0]["text"] == "Waited 2000 ms in 1 steps."
}

#[test]
fn a_yes_that_was_narrowed_to_one_run_keeps_its_answer_whatever_the_policy_gives() {
    for grant in ["session", "5m", "once"] {
        let mcp = mcp(grant);
        let caller = Once::new(&mcp);
        let first = caller.begin(1, 2000);
        caller.approve(&["--grant", "once"]);
        caller.leave(first, 1);
        let again = told(&mut caller.begin(2, 2000));
        assert!(waited(&again, 2), "{grant}: {again}");
        assert_eq!(
            (mcp.tally("wait"), caller.pending()),
            (1, 0),
            "{grant}: it ran once, and nobody was asked"
        );
        // It has its answer: the next one is asked for anew.
        let third = caller.begin(3, 2000);
        mcp.world.wait_pending();
        if grant == "once" {
            continue;
        }
        // What the policy gives lets it run as often as it is called: an answer that nobody had is no answer to the next call.
        caller.approve(&[]);
        caller.leave(third, 2);
        let fourth = told(&mut caller.begin(4, 2000));
        assert!(waited(&fourth, 4), "{grant}: {fourth}");
        assert_eq!(mcp.tally("wait"), 3, "{grant}");
    }
}

#[test]
fn of_two_equal_calls_that_wait_for_one_yes_one_runs_and_the_other_is_told_so() {
    let mcp = mcp("once");
    let caller = Once::new(&mcp);
    for round in 1..=3 {
        let mut both = [caller.begin(1, 2000), caller.begin(2, 2000)];
        wait_until("they do not wait for one approval", Duration::from_secs(10), || {
            let log = mcp.world.list(&["approval", "list"]);
            log.len() == 1
        });
        thread::sleep(Duration::from_millis(500));
        assert_eq!(caller.pending(), 1);
        caller.approve(&[]);
        let told = both.each_mut().map(told);
        let ran = told.iter().zip([1, 2]).filter(|(answer, id)| waited(answer, *id)).count();
        assert_eq!((ran, mcp.tally("wait")), (1, round), "{told:?} {}", mcp.world.log());
        let refused = told.iter().find(|answer| answer["result"]["isError"] == true).unwrap();
        let text = refused["result"]["content"][0]["text"].as_str().unwrap();
        assert_eq!(
            text,
            "This was not done: it was approved for one run, and an identical concurrent request has used that; send it again only to run it a second time."
        );
        let decision = &refused["result"]["_meta"]["dev.hoopctl/decision"];
        assert_eq!(decision["code"], "approval_expired", "{refused}");
        assert_eq!(caller.pending(), 0);
    }
}

#[test]
fn what_a_policy_lets_pass_by_itself_runs_and_the_older_answer_is_forgotten() {
    let mcp = mcp("once");
    let caller = Once::new(&mcp);
    let config = std::fs::read_to_string(mcp.world.path("hoopctl.toml")).unwrap();
    let reload = |text: &str| {
        std::fs::write(mcp.world.path("hoopctl.toml"), text).unwrap();
        mcp.world.ok(&["config", "reload"]);
    };
    let free = config.replace("effect = \"approve\"", "effect = \"allow\"");
    let free: String = free
        .lines()
        .filter(|line| !line.starts_with("approval ="))
        .map(|line| line.to_owned() + "\n")
        .collect();
    let first = caller.begin(1, 2000);
    caller.approve(&[]);
    caller.leave(first, 1);
    // Another call forgets nothing of this one.
    reload(&free);
    assert!(told(&mut caller.begin(2, 1))["result"]["content"].is_array());
    reload(&config);
    let again = told(&mut caller.begin(3, 2000));
    assert!(waited(&again, 3) && mcp.tally("wait") == 2, "{again}");

    let first = caller.begin(4, 2000);
    caller.approve(&[]);
    caller.leave(first, 3);
    reload(&free);
    let anew = told(&mut caller.begin(5, 2000));
    assert!(
        waited(&anew, 5) && mcp.tally("wait") == 4,
        "it was answered by what came of another call: {anew}"
    );
    reload(&config);
    let held = caller.begin(6, 2000);
    let pending = mcp.world.wait_pending();
    drop(held);
    mcp.world.ok(&["approval", "deny", pending["id"].as_str().unwrap(), "-r", "no"]);

    // Who waits for what runs has it, whatever the policies say meanwhile.
    let first = caller.begin(7, 2000);
    caller.approve(&[]);
    wait_until("it does not run", Duration::from_secs(10), || mcp.tally("wait") == 5);
    let beside = caller.begin(8, 2000);
    thread::sleep(Duration::from_millis(300));
    reload(&free);
    let anew = told(&mut caller.begin(9, 2000));
    let [first, beside] = [first, beside].map(|mut client| told(&mut client));
    assert!(waited(&first, 7) && waited(&beside, 8) && waited(&anew, 9), "{first} {beside} {anew}");
    assert_eq!(mcp.tally("wait"), 6);
}

#[test]
fn an_approval_of_a_request_that_names_several_things_is_about_all_of_them() {
    for (grant, risk) in [("once", "low"), ("5m", "medium")] {
        let rules = format!(
            r#"
[[policy]]
id = "reads"
effect = "allow"
match = {{ groups = ["support"], connections = ["tools"], operations = ["read"] }}
[[policy]]
id = "watched"
effect = "approve"
match = {{ groups = ["support"], connections = ["tools"], resources = ["test://b*"] }}
approval = {{ from = ["dba"], timeout = "1m", grant = "{grant}" }}
[[policy]]
id = "others"
effect = "approve"
match = {{ groups = ["support"], connections = ["tools"], resources = ["test://c*"] }}
approval = {{ from = ["security"], timeout = "1m" }}
[[policy]]
id = "never"
effect = "deny"
match = {{ connections = ["tools"], resources = ["test://d*"] }}
"#
        );
        let mcp = Mcp::new("", &rules);
        let token = mcp.world.token("reader");
        let listen = |uris: &[&str]| {
            mcp.ask(
                &token,
                "subscriptions/listen",
                json!({ "notifications": { "resourceSubscriptions": uris } }),
            )
        };
        // What nobody may watch, and what others must be asked for, does not pass among what is asked for.
        for uris in [
            ["test://b", "test://d"],
            ["test://d", "test://b"],
            ["test://b", "test://c"],
            ["test://c", "test://b"],
        ] {
            let refused = listen(&uris);
            assert!(refused["error"].is_object(), "{uris:?}: {refused}");
            assert_eq!(mcp.world.list(&["approval", "list"]).len(), 0, "{uris:?}");
        }
        thread::scope(|scope| {
            let held = scope.spawn(|| listen(&["test://a", "test://b"]));
            let pending = mcp.world.wait_pending();
            assert_eq!((&pending["class"], &pending["rule"]), (&json!("read"), &json!("watched")));
            let id = pending["id"].as_str().unwrap();
            let shown = mcp.world.cli(&["approval", "show", id]).1;
            for told in [&*format!("read (risk {risk})"), "\"test://a\"", "\"test://b\""] {
                assert!(shown.contains(told), "{told}: {shown}");
            }
            mcp.world.ok(&["approval", "deny", id, "-r", "no"]);
            let refused = held.join().unwrap();
            assert_eq!(refused["error"]["data"]["code"], "approval_denied", "{refused}");
        });
    }
}

#[test]
fn an_id_is_used_once_at_a_time_in_a_session_and_again_as_soon_as_it_is_answered() {
    let plain = r#"
[[policy]]
id = "runs"
effect = "allow"
match = { groups = ["support"], connections = ["tools"], tools = ["echo", "add_note"] }
"#;
    let held = held("once").replace("\"wait\"", "\"test_tool_with_progress\"");
    let running = plain.replace("\"echo\"", "\"echo\", \"wait\"");
    let mcp = Mcp::new("", &format!("{held}{running}"));
    let (caller, other) = (Once::new(&mcp), Once::new(&mcp));
    let refused = |answer: &Value| {
        assert_eq!((&answer["error"]["code"], &answer["id"]), (&json!(-32600), &json!(5)), "{answer}");
    };
    // One that runs.
    let mut first = caller.begin(5, 2000);
    wait_until("it does not run", Duration::from_secs(10), || mcp.tally("wait") == 1);
    let reply = caller.begin(5, 2000).reply();
    assert_eq!(reply.status, 400);
    refused(&answer(&reply));
    assert!(waited(&told(&mut other.begin(5, 2000)), 5), "another session has ids of its own");
    assert!(waited(&told(&mut first), 5));
    assert_eq!(mcp.tally("wait"), 2);
    // One that is held, and one that was left.
    let call = |tool: &str, arguments: Value| {
        let call = json!({ "jsonrpc": "2.0", "id": 5, "method": "tools/call", "params": { "name": tool, "arguments": arguments } });
        caller.client.open("POST", &[], Some(&call.to_string()))
    };
    let waits = call("test_tool_with_progress", json!({}));
    mcp.world.wait_pending();
    refused(&told(&mut call("echo", json!({ "message": "x" }))));
    drop(waits);
    wait_until("the id of a call that was left is not free", Duration::from_secs(5), || {
        told(&mut call("echo", json!({ "message": "x" })))["result"].is_object()
    });
    // Whoever has read an answer may use its id.
    for round in 0..300 {
        let said = told(&mut call("echo", json!({ "message": "x" })));
        assert!(said["result"].is_object(), "{round}: {said}");
    }
}
