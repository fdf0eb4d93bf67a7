//! MCP servers that are programs, started by the gateway: two that nobody here wrote, one of the newer era
//! and one that will not end.

use std::time::Duration;

use serde_json::Value;
use serde_json::json;

use crate::support::Reply;
use crate::support::World;
use crate::support::caller::Caller;
use crate::support::caller::messages;
use crate::support::database::DATABASE_PASSWORD;
use crate::support::steps::wait_until;
use crate::support::world::API_TOKEN;

const PEERS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/peers/node_modules/@modelcontextprotocol");

/// A server of the newer era, which tells what it was sent; and one that does not end when it is told to.
const OWN: &str = r#"
import json, os, signal, subprocess, sys, time
stubborn = "stubborn" in sys.argv
if "family" in sys.argv:
    subprocess.Popen([sys.executable, __file__, "stubborn"], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
if stubborn:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
for line in sys.stdin:
    message = json.loads(line)
    if "id" not in message:
        continue
    reply = {"jsonrpc": "2.0", "id": message["id"]}
    if message["method"] in ("server/discover", "initialize"):
        reply["result"] = {"supportedVersions": ["2026-07-28"], "pid": os.getpid()}
    elif message["method"] == "tools/list":
        schema = {"type": "object", "properties": {"wait": {"type": "integer", "x-mcp-header": "Wait"}}}
        reply["result"] = {"resultType": "complete", "tools": [{"name": name, "inputSchema": schema} for name in ("look", "die", "hidden")], "ttlMs": 0, "cacheScope": "private"}
    elif message["method"] == "tools/call" and message["params"]["name"] == "look":
        token = message["params"].get("_meta", {}).get("progressToken")
        if token is not None:
            print(json.dumps({"jsonrpc": "2.0", "method": "notifications/progress", "params": {"progressToken": token, "progress": 1}}), flush=True)
        time.sleep(message["params"]["arguments"].get("wait", 0))
        reply["result"] = {"resultType": "complete", "content": [{"type": "text", "text": json.dumps([message["id"], os.getpid()])}]}
    elif message["method"] == "tools/call" and message["params"]["name"] == "die":
        print("cannot go on with " + os.environ.get("API_KEY", "nothing"), file=sys.stderr, flush=True)
        os._exit(3)
    else:
        reply["error"] = {"code": -32601, "message": "Method not found"}
    print(json.dumps(reply), flush=True)
while stubborn:
    time.sleep(1)
"#;

fn world() -> World {
    let mut world = World::without_gateway("");
    let folder = world.folder.path().canonicalize().unwrap();
    let own = folder.join("own.py");
    std::fs::write(&own, OWN).unwrap();
    std::fs::write(folder.join("note.txt"), "a note").unwrap();
    let (folder, own) = (folder.display(), own.display());
    let rules = format!(
        r#"
[[connection]]
name = "files"
upstream = "mcp+stdio:node {PEERS}/server-filesystem/dist/index.js {folder}"
[[connection]]
name = "every"
upstream = "mcp+stdio:node {PEERS}/server-everything/dist/index.js stdio"
inject = "env:API_KEY:env:CRM_TOKEN"
env = {{ MODE = "test" }}
allow_server_requests = ["roots"]
[[connection]]
name = "modern"
upstream = "mcp+stdio:python3 {own}"
[[connection]]
name = "stubborn"
upstream = "mcp+stdio:python3 {own} stubborn"
[[connection]]
name = "family"
upstream = "mcp+stdio:python3 {own} stubborn family"
[[policy]]
id = "look"
effect = "allow"
match = {{ groups = ["support"], connections = ["files", "every", "modern", "stubborn", "family"], tools = ["read_text_file", "get-env", "trigger-long-running-operation", "get-roots-list", "look", "die"] }}
[[policy]]
id = "no-writes"
effect = "deny"
match = {{ connections = ["files"], tools = ["write_file"] }}
message = "Files are only read."
[[policy]]
id = "odd"
effect = "allow"
match = {{ groups = ["support"], connections = ["modern"], methods = ["x/*"] }}
"#
    );
    world.write_config(&rules);
    world.start();
    world
}

/// How many processes have this in their command line.
fn running(what: &str) -> usize {
    let all = std::fs::read_dir("/proc").unwrap().filter_map(Result::ok);
    let lines = all.filter_map(|entry| std::fs::read(entry.path().join("cmdline")).ok());
    lines.filter(|line| String::from_utf8_lossy(line).contains(what)).count()
}

/// The processes of a gateway that end its programs if it is killed.
fn reapers(gateway: u32) -> Vec<u32> {
    let all = std::fs::read_dir("/proc").unwrap().filter_map(Result::ok);
    let pids = all.filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
    let of_it = pids.filter(|pid| {
        let line = std::fs::read_to_string(format!("/proc/{pid}/cmdline")).unwrap_or_default();
        let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
        line == "hoopctl\0reap-programs\0" && status.lines().any(|line| line == format!("PPid:\t{gateway}"))
    });
    of_it.collect()
}

fn send(signal: &str, pid: u32) -> bool {
    let mut kill = std::process::Command::new("kill");
    kill.arg(format!("-{signal}")).arg(pid.to_string()).status().unwrap().success()
}

#[test]
fn files_are_read_through_a_program_and_what_is_not_allowed_does_not_reach_it() {
    let world = world();
    let folder = world.folder.path().canonicalize().unwrap();
    let client = Caller::begun(&world, "reader", "files", &json!({}));
    let note = folder.join("note.txt");
    let reply = client.call(1, "read_text_file", &json!({ "path": note }));
    assert_eq!(reply.header("content-type"), Some("application/json"));
    assert_eq!(reply.json()["result"]["content"][0]["text"], "a note", "{}", reply.text());
    let reply = client.call(2, "write_file", &json!({ "path": note, "content": "x" }));
    assert_eq!(reply.json()["error"]["message"], "Unknown tool: write_file", "{}", reply.text());
    assert_eq!(std::fs::read_to_string(&note).unwrap(), "a note");
    let listed = client.post(&json!({ "jsonrpc": "2.0", "id": 3, "method": "tools/list" })).json();
    let names: Vec<&Value> =
        listed["result"]["tools"].as_array().unwrap().iter().map(|tool| &tool["name"]).collect();
    assert_eq!(names, ["read_text_file"]);

    // Each session has a child of its own, which nobody else reaches.
    let program = format!("server-filesystem/dist/index.js\0{}", folder.display());
    let other = Caller::begun(&world, "writer", "files", &json!({}));
    assert_eq!(running(&program), 2);
    let thief = Caller { session: client.session.clone(), ..Caller::new(&world, "writer", "files") };
    assert_eq!(thief.call(4, "read_text_file", &json!({ "path": note })).status, 404);
    let without = Caller::new(&world, "reader", "files");
    assert_eq!(without.call(4, "read_text_file", &json!({ "path": note })).status, 400);
    assert_eq!(client.open("DELETE", &[], None).reply().status, 200);
    wait_until("the child lives on", Duration::from_secs(5), || running(&program) == 1);
    assert_eq!(client.call(5, "read_text_file", &json!({ "path": note })).status, 404);
    assert_eq!(other.call(5, "read_text_file", &json!({ "path": note })).status, 200);

    // It knows the older era only, and says so as a server behind HTTP does.
    let reply = Caller::new(&world, "reader", "files").modern(&json!(1), "tools/list", json!({})).reply();
    assert_eq!(
        (reply.status, reply.json()["error"]["code"].clone()),
        (400, json!(-32600)),
        "{}",
        reply.text()
    );
    wait_until("the one that was asked lives on", Duration::from_secs(5), || running(&program) == 1);

    // An operator ends what the principal has begun.
    let sessions = world.list(&["session", "list"]);
    let live = sessions.iter().find(|session| {
        session["connection"] == "files" && session["principal"].to_string().contains("writer")
    });
    let id = live.unwrap_or_else(|| panic!("{sessions:?}"))["id"].as_str().unwrap().to_owned();
    world.ok(&["session", "kill", &id, "--yes"]);
    wait_until("the child outlives its session", Duration::from_secs(5), || running(&program) == 0);
    assert_eq!(other.call(6, "read_text_file", &json!({ "path": note })).status, 404);
}

#[test]
fn a_program_gets_its_secret_and_nothing_of_the_gateway_and_its_client_sees_neither() {
    let world = world();
    let client = Caller::begun(&world, "reader", "every", &json!({}));
    let reply = client.call(1, "get-env", &json!({}));
    let text = reply.text();
    // It also tells of its tools meanwhile: then the answer is the last of a stream.
    let answer = messages(&reply).pop().unwrap();
    let env = answer["result"]["content"][0]["text"].as_str().unwrap_or_else(|| panic!("{text}"));
    let env: Value = serde_json::from_str(env).unwrap();
    assert_eq!(env["API_KEY"], "*".repeat(API_TOKEN.len()), "{text}");
    assert_eq!(env["MODE"], "test");
    assert!(env["CRM_TOKEN"].is_null() && env["DB_PASSWORD"].is_null(), "{text}");
    for secret in [API_TOKEN, DATABASE_PASSWORD, &client.token] {
        assert!(!text.contains(secret) && !world.log().contains(secret));
    }

    let params = json!({ "name": "trigger-long-running-operation", "arguments": { "duration": 1, "steps": 3 }, "_meta": { "progressToken": "p" } });
    let reply =
        client.post(&json!({ "jsonrpc": "2.0", "id": "long", "method": "tools/call", "params": params }));
    let all = messages(&reply);
    let (last, before) = all.split_last().unwrap();
    assert_eq!(last["id"], "long", "{all:?}");
    let told: Vec<&Value> = before.iter().map(|message| &message["params"]["progress"]).collect();
    assert_eq!(told, [1, 2, 3], "{all:?}");
    assert!(before.iter().all(|message| message["params"]["progressToken"] == "p"));
}

#[test]
fn what_a_program_asks_waits_for_a_stream_and_its_answer_reaches_it() {
    let world = world();
    let client = Caller::begun(
        &world,
        "reader",
        "every",
        &json!({ "roots": { "listChanged": true }, "sampling": {} }),
    );
    let mut stream = client.open("GET", &[], None);
    assert_eq!(stream.head().status, 200);
    let asked = loop {
        let piece = String::from_utf8(stream.chunk().expect("the stream ends")).unwrap();
        let data = piece.lines().find_map(|line| line.strip_prefix("data:")).map(str::to_owned);
        let said: Value = data.map_or(Value::Null, |data| serde_json::from_str(&data).unwrap());
        if said["method"] == "roots/list" {
            break said["id"].clone();
        }
    };
    let roots = json!({ "roots": [{ "uri": "file:///from-the-client", "name": "r" }] });
    let answered = client.post(&json!({ "jsonrpc": "2.0", "id": asked, "result": roots }));
    assert_eq!(answered.status, 202, "{}", answered.text());
    let again = client.post(&json!({ "jsonrpc": "2.0", "id": asked, "result": roots }));
    assert_eq!(again.status, 400, "a question is answered once");
    wait_until("the program does not know the roots", Duration::from_secs(10), || {
        client.call(1, "get-roots-list", &json!({})).text().contains("file:///from-the-client")
    });
}

#[test]
fn clients_of_the_newer_era_share_a_program_and_hear_only_their_own() {
    let world = world();
    let (ann, bob) = (Caller::new(&world, "reader", "modern"), Caller::new(&world, "writer", "modern"));
    let slow = json!({ "name": "look", "arguments": { "wait": 1 }, "_meta": { "progressToken": "a" } });
    let mut first = ann.modern(&json!("x"), "tools/call", slow);
    let mut second = bob.modern(
        &json!("x"),
        "tools/call",
        json!({ "name": "look", "arguments": {}, "_meta": { "progressToken": 7 } }),
    );
    let (first, second) = (messages(&first.reply()), messages(&second.reply()));
    let pid = |all: &[Value], token: Value| {
        let [progress, last] = all else { panic!("{all:?}") };
        assert_eq!(progress["params"]["progressToken"], token);
        assert_eq!(last["id"], "x");
        let text = last["result"]["content"][0]["text"].as_str().unwrap();
        let seen: Value = serde_json::from_str(text).unwrap();
        assert!(seen[0].is_i64(), "the id is the gateway's own: {text}");
        seen[1].clone()
    };
    assert_eq!(pid(&first, json!("a")), pid(&second, json!(7)), "both are served by one process");

    let reply = ann.modern(&json!(1), "x/y", json!({})).reply();
    assert_eq!(
        (reply.status, reply.json()["error"]["code"].clone()),
        (404, json!(-32601)),
        "{}",
        reply.text()
    );
    // It dies under one client, and is there again for the next.
    let reply = ann.modern(&json!(2), "tools/call", json!({ "name": "die", "arguments": {} })).reply();
    assert_eq!(
        reply.json()["result"]["_meta"]["dev.hoopctl/decision"]["code"],
        "upstream_unavailable",
        "{}",
        reply.text()
    );
    let reply = bob.modern(&json!(2), "tools/call", json!({ "name": "look", "arguments": {} })).reply();
    assert_eq!(reply.json()["id"], 2, "{}", reply.text());
}

#[test]
fn headers_of_a_program_say_what_its_arguments_say_and_tell_nothing_of_tools_that_are_not_seen() {
    let world = world();
    let ann = Caller::new(&world, "reader", "modern");
    let call = |tool: &str, wait: &str| {
        let params = json!({ "name": tool, "arguments": { "wait": 0 } });
        ann.modern_with(&[("Mcp-Param-Wait", wait)], &json!(1), "tools/call", params).reply()
    };
    let told = |reply: &Reply| (reply.status, reply.json()["error"]["code"].clone());
    let mismatch = (400, json!(-32020));
    let reply = call("look", "0");
    assert_eq!(told(&reply), mismatch, "before the tools are listed: {}", reply.text());
    assert!(reply.text().contains("list the tools first"), "{}", reply.text());
    let listed = ann.modern(&json!(1), "tools/list", json!({})).reply();
    assert!(listed.text().contains("look") && !listed.text().contains("hidden"), "{}", listed.text());
    let reply = call("look", "0");
    assert!(reply.json()["result"].is_object(), "{}", reply.text());
    assert_eq!(told(&call("look", "9")), mismatch);
    let bare = json!({ "name": "look", "arguments": { "wait": 0 } });
    assert_eq!(told(&ann.modern(&json!(1), "tools/call", bare).reply()), mismatch);
    let hidden = call("hidden", "9");
    assert_eq!(told(&hidden), told(&call("nothing", "9")));
    assert!(hidden.text().contains("Unknown tool"), "{}", hidden.text());
}

#[test]
fn no_program_outlives_the_gateway() {
    let mut world = world();
    let folder = world.folder.path().canonicalize().unwrap();
    let (own, files) =
        (folder.join("own.py"), format!("server-filesystem/dist/index.js\0{}", folder.display()));
    let own = own.to_str().unwrap();
    Caller::begun(&world, "reader", "stubborn", &json!({}));
    Caller::begun(&world, "reader", "files", &json!({}));
    Caller::new(&world, "reader", "modern").modern(&json!(1), "tools/list", json!({})).reply();
    assert_eq!((running(own), running(&files)), (2, 1));
    assert_eq!(world.stop(), Some(0));
    assert_eq!((running(own), running(&files)), (0, 0), "what does not end is killed");

    // Of a gateway that is killed nothing can be asked; its programs find their input closed, and what they
    // started goes with them though they do not mind.
    world.start();
    Caller::begun(&world, "reader", "files", &json!({}));
    Caller::begun(&world, "reader", "family", &json!({}));
    wait_until("a program has not begun", Duration::from_secs(5), || running(own) == 2);
    assert_eq!(running(&files), 1);
    world.gateway.as_mut().unwrap().kill();
    wait_until("a program outlives the gateway", Duration::from_secs(2), || {
        running(&files) + running(own) == 0
    });

    // Whoever kills what would end them has the next program bring it back.
    world.start();
    Caller::begun(&world, "reader", "family", &json!({}));
    let gateway = world.gateway.as_ref().unwrap().pid();
    let [reaper] = reapers(gateway)[..] else { panic!("{:?}", reapers(gateway)) };
    assert!(send("KILL", reaper));
    wait_until("it lives", Duration::from_secs(2), || !reapers(gateway).contains(&reaper));
    Caller::begun(&world, "reader", "stubborn", &json!({}));
    wait_until("a program has not begun", Duration::from_secs(5), || running(own) == 3);
    // It is not for signals that everything of the gateway's gets.
    let [reaper] = reapers(gateway)[..] else { panic!("{:?}", reapers(gateway)) };
    for signal in ["TERM", "INT", "HUP"] {
        assert!(send(signal, reaper));
    }
    world.gateway.as_mut().unwrap().kill();
    wait_until("a program outlives the gateway", Duration::from_secs(2), || running(own) == 0);
    wait_until("it outlives its work", Duration::from_secs(2), || {
        std::fs::read(format!("/proc/{reaper}/cmdline")).unwrap_or_default().is_empty()
    });
}

#[test]
fn why_a_program_ended_is_in_the_log_and_in_the_recording_but_not_what_is_masked() {
    let mut world = World::without_gateway("");
    let own = world.folder.path().canonicalize().unwrap().join("own.py");
    std::fs::write(&own, OWN).unwrap();
    let own = own.display();
    let broken = "import sys; sys.exit('no such database')";
    let rules = format!(
        r#"
[[connection]]
name = "plain"
upstream = "mcp+stdio:python3 {own}"
inject = "env:API_KEY:env:CRM_TOKEN"
[[connection]]
name = "masked"
upstream = "mcp+stdio:python3 {own}"
[[connection]]
name = "broken"
upstream = "mcp+stdio:python3 -c \"{broken}\""
[[policy]]
id = "all"
effect = "allow"
match = {{ groups = ["support"], connections = ["plain", "masked", "broken"], operations = ["read", "unknown"] }}
[[mask]]
id = "pii"
match = {{ connections = ["masked"] }}
entities = ["EMAIL_ADDRESS"]
"#
    );
    world.write_config(&rules);
    world.start();
    let die = json!({ "name": "die", "arguments": {} });
    let markers = |connection: &str| {
        let sessions = world.list(&["session", "list"]);
        let session = sessions.iter().find(|session| session["connection"] == connection).unwrap();
        let events = world.events(session["id"].as_str().unwrap());
        let markers = events.into_iter().filter(|event| event["kind"] == "marker");
        markers.map(|event| event["data"].clone()).collect::<Vec<_>>()
    };
    let call = |connection: &'static str| {
        let caller = Caller::new(&world, "reader", connection);
        caller.modern(&json!(2), "tools/call", die.clone()).reply()
    };
    let said = format!("cannot go on with {}", "*".repeat(API_TOKEN.len()));
    // The newer era: all share a program, and what it says may be about any of them.
    for (connection, withheld) in [("plain", 0), ("masked", 1), ("broken", 0)] {
        let told = call(connection).text();
        assert!(told.contains("program has ended; the next call starts it again"), "{connection}: {told}");
        let [told] = &markers(connection)[..] else { panic!("{:?}", markers(connection)) };
        assert!(
            told["text"]
                .as_str()
                .unwrap()
                .starts_with("the target's program has ended by itself (exit status: "),
            "{told}"
        );
        assert!(told["body"].is_null(), "{told}");
        assert_eq!(told["program"]["withheld"], withheld, "{told}");
    }
    // The older era: the program is the session's own, and the session is the one that used it.
    let client = Caller::begun(&world, "reader", "plain", &json!({}));
    let told = client.call(1, "die", &json!({})).text();
    assert!(
        told.contains("program has ended, and the session with it; start again with initialize"),
        "{told}"
    );
    assert_eq!(client.call(2, "look", &json!({})).status, 404);
    let [_, own] = &markers("plain")[..] else { panic!("{:?}", markers("plain")) };
    assert_eq!(own["body"]["text"].as_str(), Some(&*said), "{own}");
    let log = world.log();
    assert!(log.matches(&said).count() >= 2 && log.contains("no such database"), "{log}");
    assert!(!log.contains("cannot go on with nothing") && !log.contains(API_TOKEN), "{log}");
}
