//! Calls that were sent and whose answers do not come, or cannot be passed on: nobody is told that they were
//! not done, or that they may be sent again.

use std::io::Write;
use std::net::TcpStream;
use std::thread;
use std::time::Duration;
use std::time::Instant;

use serde_json::Value;
use serde_json::json;

use crate::support::World;
use crate::support::attack::Attack;
use crate::support::attack::polite;
use crate::support::attack::say;
use crate::support::caller::Caller;
use crate::support::caller::messages;
use crate::support::mcp::answer;
use crate::support::steps::wait_until;

/// How often so many bytes are written of an answer that nobody has room for.
const PIECES: usize = 100;
const PIECE: usize = 1 << 20;

/// That a client is told of this call what is known of it.
fn assert_sent(what: &str, message: &Value) {
    let text =
        message["result"]["content"][0]["text"].as_str().unwrap_or_else(|| panic!("{what}: {message}"));
    assert!(text.starts_with("This was sent"), "{what}: {text}");
    assert!(!text.contains("not done") && !text.contains("again later"), "{what}: {text}");
    assert_eq!(message["result"]["_meta"]["dev.hoopctl/decision"]["retryable"], false, "{what}: {message}");
}

/// Answers with a text of 100 MB, between these, until nobody reads it any more.
fn endless(stream: &mut TcpStream, kind: &str, before: &str, after: &str) {
    let head = format!("HTTP/1.1 200 OK\r\ncontent-type: {kind}\r\nconnection: close\r\n\r\n{before}");
    drop(stream.write_all(head.as_bytes()));
    let piece = vec![b'x'; PIECE];
    if (0..PIECES).all(|_| stream.write_all(&piece).is_ok()) {
        drop(stream.write_all(after.as_bytes()));
    }
}

/// A target that has done what it was asked, and does not say so.
fn breaks(head: &str, message: &Value, stream: &mut TcpStream) {
    let begun =
        format!(r#"{{"jsonrpc":"2.0","id":{},"result":{{"content":[{{"type":"text","text":""#, message["id"]);
    match message["params"]["arguments"]["as"].as_str() {
        Some("cut") => drop(stream.write_all(
            b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 999\r\n\r\n{\"jsonrpc\"",
        )),
        Some("ended") => say(stream, "200 OK", "", "text/event-stream", ": nothing\n\n"),
        Some("closed") => {}
        Some("500") => say(stream, "500 Internal Server Error", "", "text/html", "<p>no"),
        Some(status @ ("302" | "400" | "404" | "409" | "410")) => {
            say(stream, &format!("{status} No"), "location: /other\r\n", "text/html", "<p>no");
        }
        Some("429") => say(stream, "429 Too Many Requests", "", "text/html", ""),
        Some("silent") => thread::sleep(Duration::from_secs(4)),
        Some("secret") => {
            say(stream, "200 OK", "", "application/json", &format!("{begun}\"}}],\"content\":[]}}}}"));
        }
        Some("long") => endless(stream, "application/json", &begun, "\"}]}}"),
        Some("streamed") => endless(stream, "text/event-stream", &format!("data: {begun}"), "\"}]}}\n\n"),
        _ => polite(head, message, stream),
    }
}

fn call(attack: &Attack, tool: &str, how: &str) -> Value {
    attack.call(&[], &json!({ "name": tool, "arguments": { "as": how } }))
}

#[test]
fn what_a_target_may_have_done_is_not_said_to_be_undone() {
    let attack = Attack::new("limits = { response = \"2s\" }", breaks);
    let all = ["cut", "ended", "closed", "500", "silent", "secret", "302", "400", "404", "409", "410"];
    for (number, how) in all.into_iter().enumerate() {
        assert_sent(how, &call(&attack, "open", how));
        assert_eq!(attack.arrived("tools/call").len(), number + 1, "{how}: it is sent once");
    }
    // What the target itself turned away may be sent again.
    let refused = call(&attack, "open", "429");
    assert_eq!(refused["result"]["_meta"]["dev.hoopctl/decision"]["retryable"], true, "{refused}");

    // So may what only reads.
    let list = json!({ "jsonrpc": "2.0", "id": 1, "method": "tools/list", "params": { "arguments": { "as": "cut" } } });
    let refused = answer(&attack.send("POST", &[], Some(&list.to_string())));
    assert_eq!(refused["error"]["data"]["retryable"], true, "{refused}");

    // People have approved it: it is no other way.
    let attack = Attack::new("limits = { response = \"2s\" }", breaks);
    for (number, how) in ["cut", "ended", "closed"].into_iter().enumerate() {
        let told = thread::scope(|scope| {
            let held = scope.spawn(|| call(&attack, "pay", how));
            attack.approve();
            held.join().unwrap()
        });
        assert_sent(how, &told);
        assert_eq!(attack.arrived("tools/call").len(), number + 1, "{how}: it is sent once");
    }

    // One is locked out while it runs.
    thread::scope(|scope| {
        let runs = scope.spawn(|| call(&attack, "open", "silent"));
        wait_until("it does not arrive", Duration::from_secs(5), || attack.arrived("tools/call").len() == 4);
        let lock = ["lock", "add", "connection:tools", "--reason", "x", "--yes"];
        assert_eq!(attack.world.cli(&lock).0, 0);
        assert_sent("locked", &runs.join().unwrap());
    });
    assert_eq!(attack.arrived("tools/call").len(), 4);
}

#[test]
fn what_did_not_leave_the_gateway_may_be_sent_again() {
    let closed = crate::support::process::free_port();
    let connection =
        format!("[[connection]]\nname = \"tools\"\nupstream = \"mcp+http://127.0.0.1:{closed}/mcp\"\n");
    let world = World::with_server(&(connection + crate::support::mcp::ALL), ("NOTHING", "x"));
    let told = Caller::new(&world, "reader", "tools").call(1, "open", &json!({})).json();
    let text = told["result"]["content"][0]["text"].as_str().unwrap();
    assert!(text.starts_with("This was not done") && text.contains("again later"), "{text}");
    assert_eq!(told["result"]["_meta"]["dev.hoopctl/decision"]["retryable"], true, "{told}");
}

/// The most memory that a process has had, in bytes.
fn most_memory(pid: u32) -> usize {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    line.trim().trim_end_matches(" kB").trim().parse::<usize>().unwrap() * 1024
}

#[test]
fn an_answer_of_100_mb_is_refused_without_being_held() {
    let attack = Attack::new("", breaks);
    let gateway = attack.world.gateway.as_ref().unwrap().pid();
    assert_eq!(call(&attack, "open", "")["result"]["content"][0]["text"], "done");
    for how in ["long", "streamed"] {
        let before = most_memory(gateway);
        let told = call(&attack, "open", how);
        assert_sent(how, &told);
        assert!(told.to_string().contains("longer than 16 MiB"), "{how}: {told}");
        // Up to the limit of 16 MiB in a buffer that grows by doubling, and what the allocator keeps.
        let more = most_memory(gateway).saturating_sub(before);
        assert!(more < PIECES * PIECE * 3 / 4, "{how}: {more} bytes more");
    }
    assert_eq!(attack.arrived("tools/call").len(), 3);
}

/// A program of either era, which notes what it has done and does not say so.
const MUTE: &str = r#"
import json, os, sys
modern, done = sys.argv[1] == "modern", sys.argv[2]
for line in sys.stdin:
    message = json.loads(line)
    if "id" not in message:
        continue
    begin = '{"jsonrpc":"2.0","id":' + json.dumps(message["id"])
    how = message.get("params", {}).get("name")
    if message["method"] == "initialize":
        print(begin + ',"result":{"protocolVersion":"2025-11-25","capabilities":{},"serverInfo":{"name":"m","version":"1"}}}', flush=True)
    elif message["method"] == "server/discover":
        print(begin + (',"result":{"supportedVersions":["2026-07-28"]}}' if modern else ',"error":{"code":-32601,"message":"no"}}'), flush=True)
    elif message["method"] == "tools/call":
        with open(done, "a") as file:
            file.write(how + "\n")
        if how == "die":
            os._exit(3)
        elif how == "twice":
            print(begin + ',"result":{"content":[]},"result":{"content":[]}}', flush=True)
        elif how == "long":
            print(begin + ',"result":{"content":[{"type":"text","text":"' + "x" * (100 << 20) + '"}]}}', flush=True)
        elif how == "done":
            print(begin + ',"result":{"resultType":"complete","content":[{"type":"text","text":"done"}]}}', flush=True)
"#;

#[test]
fn a_program_that_does_not_answer_or_not_so_that_it_can_be_read_is_not_waited_for() {
    let mut world = World::without_gateway("");
    let folder = world.folder.path().canonicalize().unwrap();
    let program = folder.join("mute.py");
    std::fs::write(&program, MUTE).unwrap();
    let mut rules = String::from(
        "[[policy]]\nid = \"all\"\neffect = \"allow\"\nmatch = { groups = [\"support\"], connections = [\"legacy\", \"modern\"], operations = [\"read\", \"unknown\"] }\n",
    );
    for era in ["legacy", "modern"] {
        let connection = format!(
            "[[connection]]\nname = \"{era}\"\nupstream = \"mcp+stdio:python3 {} {era} {}\"\nlimits = {{ response = \"6s\" }}\n",
            program.display(),
            folder.join(era).display()
        );
        rules.push_str(&connection);
    }
    world.write_config(&rules);
    world.start();
    let gateway = world.gateway.as_ref().unwrap().pid();
    let old = Caller::begun(&world, "reader", "legacy", &json!({}));
    let new = Caller::new(&world, "reader", "modern");
    let call = |era: &str, how: &str| {
        let reply = match era {
            "legacy" => old.call(1, how, &json!({})),
            _ => new.modern(&json!(1), "tools/call", json!({ "name": how, "arguments": {} })).reply(),
        };
        messages(&reply).pop().unwrap()
    };
    for era in ["legacy", "modern"] {
        let mut before = None;
        for (number, (how, why)) in [
            ("done", "done"),
            ("twice", "not an MCP message"),
            ("long", "longer than 16 MiB"),
            ("mute", "within 6s"),
            ("die", "has ended"),
        ]
        .into_iter()
        .enumerate()
        {
            let began = Instant::now();
            let told = call(era, how);
            assert!(told.to_string().contains(why), "{era} {how}: {told}");
            assert!(how == "long" || began.elapsed() < Duration::from_secs(12), "{:?}", began.elapsed());
            if how != "done" {
                assert_sent(how, &told);
            }
            let done = std::fs::read_to_string(folder.join(era)).unwrap();
            assert_eq!(done.lines().count(), number + 1, "{era} {how}: it is done once: {done}");
            let most = most_memory(gateway);
            let more = most.saturating_sub(*before.get_or_insert(most));
            assert!(more < PIECES * PIECE * 7 / 10, "{era} {how}: {more} bytes more");
        }
        let sessions = world.list(&["session", "list"]);
        let session = sessions.iter().find(|session| session["connection"] == era).unwrap();
        let events = format!("{:?}", world.events(session["id"].as_str().unwrap()));
        for told in
            ["target_garbage", "upstream_timeout", "it is longer than 16 MiB", "it is not an MCP message"]
        {
            assert!(events.contains(told), "{era}: {told} is not recorded: {events}");
        }
    }
    assert!(world.log().contains("an answer that cannot be read"), "{}", world.log());
}

#[test]
fn streams_end_with_the_token_that_they_were_opened_with() {
    let mut attack = Attack::new("", |head, message, stream| {
        if !head.starts_with("get") && message["method"] != "tools/call" {
            return polite(head, message, stream);
        }
        let begun = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nconnection: close\r\n\r\n";
        drop(stream.write_all(begun));
        let began = Instant::now();
        while began.elapsed() < Duration::from_secs(30) && stream.write_all(b": ping\n\n").is_ok() {
            thread::sleep(Duration::from_millis(200));
        }
    });
    let (before, path) = (attack.world.issuer_port, attack.world.path("hoopctl.toml"));
    attack.world.own_issuer(6);
    let text = std::fs::read_to_string(&path).unwrap();
    let now = format!("127.0.0.1:{}\"\nleeway = \"1s\"", attack.world.issuer_port);
    std::fs::write(&path, text.replace(&format!("127.0.0.1:{before}\""), &now)).unwrap();
    attack.world.stop();
    attack.world.start();
    let mut caller = Caller::new(&attack.world, "reader", "tools");
    let began = Instant::now();
    caller.session = caller.hello(&json!({})).header("mcp-session-id").map(str::to_owned);
    let body = json!({ "jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": { "name": "open", "arguments": {} } });
    let streams = [caller.open("GET", &[], None), caller.open("POST", &[], Some(&body.to_string()))];
    let told = streams.map(|mut stream| {
        stream.set_patience(Duration::from_secs(20));
        assert_eq!(stream.head().header("content-type"), Some("text/event-stream"));
        String::from_utf8(
            std::iter::from_fn(|| stream.chunk()).take_while(|chunk| !chunk.is_empty()).flatten().collect(),
        )
        .unwrap()
    });
    assert!((4..16).contains(&began.elapsed().as_secs()), "after {:?}", began.elapsed());
    assert!(!told[0].contains("data:"), "{}", told[0]);
    let answer =
        told[1].lines().find_map(|line| line.strip_prefix("data:")).unwrap_or_else(|| panic!("{told:?}"));
    let answer: Value = serde_json::from_str(answer).unwrap();
    assert_sent("expired", &answer);
    assert!(answer.to_string().contains("token"), "{answer}");
    let again = caller.post(&body);
    assert_eq!(again.status, 401, "{}", again.text());
    assert!(again.header("www-authenticate").unwrap().contains("invalid_token"));
    assert_eq!(attack.arrived("tools/call").len(), 1);
}
