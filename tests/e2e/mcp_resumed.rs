//! Lost streams of MCP that are resumed: what their clients are told when they fail, and whose answers they
//! bring.

use std::io::Write;
use std::net::TcpStream;
use std::thread;
use std::time::Duration;
use std::time::Instant;

use serde_json::Value;
use serde_json::json;

use crate::support::attack::Attack;
use crate::support::attack::JSON;
use crate::support::attack::data;
use crate::support::attack::polite;
use crate::support::attack::say;
use crate::support::client::Client;
use crate::support::client::request;
use crate::support::mcp::ACCEPT;
use crate::support::mcp::answer;
use crate::support::steps::wait_until;

/// What a target begins each stream of a call with, before it leaves.
const PLACE: &str = "id: theirs-1\ndata: \n\n";

/// Answers a call with a place to resume from, and nothing else.
fn leaves(message: &Value, stream: &mut TcpStream) {
    match message["method"].as_str() {
        Some("tools/call") => say(stream, "200 OK", "", "text/event-stream", PLACE),
        _ => polite("", message, stream),
    }
}

/// Begins a stream, and leaves it open.
fn begin(stream: &mut TcpStream, events: &str) {
    let head = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n";
    drop(write!(stream, "{head}{:x}\r\n{events}\r\n", events.len()));
}

/// Returns the id of the first event of a response.
fn place(text: &str) -> String {
    text.lines()
        .find_map(|line| line.strip_prefix("id:"))
        .unwrap_or_else(|| panic!("{text}"))
        .trim()
        .to_owned()
}

/// Calls a tool in a session, and returns where its stream can be resumed.
fn lost(attack: &Attack, session: &str, tool: &str) -> String {
    let call = json!({ "jsonrpc": "2.0", "id": "call-\"1", "method": "tools/call", "params": { "name": tool, "arguments": {} } });
    place(&attack.send("POST", &[("Mcp-Session-Id", session)], Some(&call.to_string())).text())
}

/// Resumes a stream.
fn resume(attack: &Attack, session: &str, from: &str) -> Client {
    let mut client = Client::connect(attack.world.port);
    let headers = [ACCEPT, JSON, ("Mcp-Session-Id", session), ("Last-Event-ID", from)];
    client.send(request("GET", "/c/tools", Some(&attack.world.token("reader")), &headers, None));
    client
}

#[test]
fn a_resumed_stream_that_fails_says_that_its_call_was_sent() {
    for failure in ["kill", "lock", "death"] {
        let attack = Attack::new("", move |head, message, stream| {
            if !head.starts_with("get") {
                return leaves(message, stream);
            }
            begin(stream, ": there\n\n");
            if failure != "death" {
                thread::sleep(Duration::from_secs(20));
            }
        });
        let session = attack.session();
        let mut resumed = resume(&attack, &session, &lost(&attack, &session, "open"));
        let reads = || attack.seen.lock().unwrap().iter().any(|(head, _)| head.starts_with("get"));
        wait_until("it is not resumed", Duration::from_secs(10), reads);
        match failure {
            "kill" => {
                let id = attack.world.list(&["session", "list"])[0]["id"].as_str().unwrap().to_owned();
                attack.world.ok(&["session", "kill", &id, "--yes"]);
            }
            "lock" => drop(attack.world.ok(&["lock", "add", "principal:idp/reader", "--yes"])),
            _ => {}
        }
        let told: Value =
            serde_json::from_str(&data(&mut resumed)).unwrap_or_else(|error| panic!("{failure}: {error}"));
        let text =
            told["result"]["content"][0]["text"].as_str().unwrap_or_else(|| panic!("{failure}: {told}"));
        assert!(text.starts_with("This was sent"), "{failure}: {text}");
        assert_eq!(
            (&told["id"], &told["result"]["isError"]),
            (&json!("call-\"1"), &json!(true)),
            "{failure}"
        );
        let decision = &told["result"]["_meta"]["dev.hoopctl/decision"];
        assert_eq!(decision["retryable"], false, "{failure}: {told}");
    }
}

#[test]
fn an_approved_call_whose_resumed_stream_is_lost_too_runs_once() {
    let attack = Attack::new("", |head, message, stream| {
        if !head.starts_with("get") {
            return leaves(message, stream);
        }
        begin(stream, ": there\n\n");
        thread::sleep(Duration::from_secs(3));
        let said = json!({ "jsonrpc": "2.0", "id": "call-\"1", "result": { "content": [{ "type": "text", "text": "paid" }] } });
        let event = format!("data: {said}\n\n");
        drop(write!(stream, "{:x}\r\n{event}\r\n0\r\n\r\n", event.len()));
    });
    let session = attack.session();
    let from = thread::scope(|scope| {
        let lost = scope.spawn(|| lost(&attack, &session, "pay"));
        attack.approve();
        lost.join().unwrap()
    });
    let pay = json!({ "jsonrpc": "2.0", "id": 2, "method": "tools/call", "params": { "name": "pay", "arguments": {} } });
    let again = || answer(&attack.send("POST", &[("Mcp-Session-Id", &session)], Some(&pay.to_string())));
    thread::scope(|scope| {
        // Nobody has its answer yet, and it is not asked for anew: this one waits for it.
        let waits = scope.spawn(again);
        thread::sleep(Duration::from_secs(1));
        assert_eq!(attack.world.list(&["approval", "list"]).len(), 0);
        let resumed = resume(&attack, &session, &from);
        let reads = || attack.seen.lock().unwrap().iter().any(|(head, _)| head.starts_with("get"));
        wait_until("it is not resumed", Duration::from_secs(10), reads);
        drop(resumed);
        let told = waits.join().unwrap();
        assert_eq!(
            (&told["id"], &told["result"]["content"][0]["text"]),
            (&json!(2), &json!("paid")),
            "{told}"
        );
    });
    let ran = attack.arrived("tools/call").len();
    assert_eq!((ran, attack.world.list(&["approval", "list"]).len()), (1, 0));
}

#[test]
fn a_replayed_event_without_a_message_ends_no_resumed_stream() {
    let attack = Attack::new("", |head, message, stream| {
        if !head.starts_with("get") {
            return leaves(message, stream);
        }
        let said = json!({ "jsonrpc": "2.0", "id": "call-\"1", "result": { "content": [] } });
        let events = format!("id: theirs-2\ndata: {{}}\n\nid: theirs-3\ndata: {said}\n\n");
        say(stream, "200 OK", "", "text/event-stream", &events);
    });
    let session = attack.session();
    let from = lost(&attack, &session, "open");
    let text = resume(&attack, &session, &from).reply().text();
    assert!(!text.contains("isError") && !text.contains("{}") && text.contains("\"content\""), "{text}");
    // It is a place to resume from as well.
    let text = resume(&attack, &session, &place(&text)).reply().text();
    assert!(text.contains("\"content\""), "{text}");
    let sent = attack.seen.lock().unwrap().last().unwrap().0.clone();
    assert!(sent.contains("last-event-id: theirs-2"), "{sent}");
}

#[test]
fn streams_that_only_report_what_happens_do_not_hold_up_a_stop() {
    let mut attack = Attack::new("", |head, message, stream| {
        let waits = head.starts_with("get") || message["method"] == "subscriptions/listen";
        if !waits {
            return polite(head, message, stream);
        }
        begin(stream, ": there\n\n");
        thread::sleep(Duration::from_secs(30));
    });
    let file = attack.world.path("hoopctl.toml");
    let config = std::fs::read_to_string(&file).unwrap();
    std::fs::write(&file, config.replace("drain_timeout = \"2s\"", "drain_timeout = \"30s\"")).unwrap();
    attack.world.ok(&["config", "reload"]);
    let session = attack.session();
    let token = attack.world.token("reader");
    let mut own = Client::connect(attack.world.port);
    own.send(request("GET", "/c/tools", Some(&token), &[ACCEPT, JSON, ("Mcp-Session-Id", &session)], None));
    let listen = json!({ "jsonrpc": "2.0", "id": 7, "method": "subscriptions/listen", "params": {
        "notifications": { "toolsListChanged": true },
        "_meta": { "io.modelcontextprotocol/protocolVersion": "2026-07-28", "io.modelcontextprotocol/clientCapabilities": {} },
    } });
    let modern = [("Mcp-Protocol-Version", "2026-07-28"), ("Mcp-Method", "subscriptions/listen")];
    let mut listens = Client::connect(attack.world.port);
    let headers = [&[ACCEPT, JSON], &modern[..]].concat();
    listens.send(request("POST", "/c/tools", Some(&token), &headers, Some(&listen.to_string())));
    assert_eq!((own.head().status, listens.head().status), (200, 200));
    let begin = Instant::now();
    assert_eq!(attack.world.stop(), Some(0), "{}", attack.world.log());
    assert!(begin.elapsed() < Duration::from_secs(10), "{:?}", begin.elapsed());
}
