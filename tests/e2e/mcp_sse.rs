//! MCP servers that speak HTTP+SSE of 2024-11-05: one of the official SDK, with official clients before the
//! gateway, and one that does what no server should.

use std::io::Read;
use std::io::Write;
use std::net::TcpListener;
use std::net::TcpStream;
use std::os::unix::fs::PermissionsExt;
use std::process::Command;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering;
use std::thread;
use std::time::Duration;
use std::time::Instant;

use serde_json::Value;
use serde_json::json;

use crate::support::World;
use crate::support::caller::Caller;
use crate::support::caller::messages;
use crate::support::mcp::ALL;
use crate::support::mcp::MCP_TOKEN;
use crate::support::mcp::peer;
use crate::support::mcp::peers;
use crate::support::mcp::read_request;
use crate::support::process::Process;
use crate::support::process::free_port;
use crate::support::steps::wait_until;

const RULES: &str = r#"
[[policy]]
id = "reads"
effect = "allow"
match = { groups = ["support"], connections = ["*"], operations = ["read"] }
[[policy]]
id = "calls"
effect = "allow"
match = { groups = ["support"], connections = ["*"], tools = ["echo", "customers", "tally", "tell", "wait", "seen", "die", "done"] }
[[policy]]
id = "notes"
effect = "approve"
match = { groups = ["support"], connections = ["*"], tools = ["add_note"] }
approval = { from = ["dba"], timeout = "1m" }
[[mask]]
id = "pii"
match = { connections = ["tools"] }
fields = ["iban"]
entities = ["EMAIL_ADDRESS"]
"#;

/// The lines of a connection to such a server.
fn connection(name: &str, port: u16, options: &str) -> String {
    format!(
        "[[connection]]\nname = \"{name}\"\nupstream = \"mcp+http://127.0.0.1:{port}/sse\"\ntransport = \"sse\"\n\
         inject = \"bearer:env:MCP_TOKEN\"\n{options}\n"
    )
}

/// A gateway before the server of `tests/peers/mcp/server_sse.py`.
struct Real {
    world: World,
    port: u16,
    server: Option<Process>,
}

impl Real {
    fn new(rules: &str) -> Self {
        let port = free_port();
        let world = World::with_server(&(connection("tools", port, "") + rules), ("MCP_TOKEN", MCP_TOKEN));
        let mut real = Self { world, port, server: None };
        real.start();
        real
    }

    fn start(&mut self) {
        let mut command = Command::new(peers().join("venv-mcp1/bin/python"));
        command.arg(peers().join("mcp/server_sse.py")).arg(self.port.to_string()).env("MCP_TOKEN", MCP_TOKEN);
        let mut server = Process::start("server", &mut command, self.world.folder.path());
        server.wait_port(self.port);
        self.server = Some(server);
    }

    fn begun(&self) -> Caller<'_> {
        Caller::begun(&self.world, "reader", "tools", &json!({}))
    }
}

/// The answer to a call, which must be there: alone, or the last of a stream.
fn called(caller: &Caller<'_>, id: i64, tool: &str, arguments: &Value) -> Value {
    let reply = caller.call(id, tool, arguments);
    let all = messages(&reply);
    let answer = all.last().unwrap_or_else(|| panic!("no answer: {}", caller.world.log()));
    assert_eq!(answer["id"], id, "{answer}");
    answer.clone()
}

fn tally(caller: &Caller<'_>, tool: &str) -> Value {
    called(caller, 9000, "tally", &json!({}))["result"]["structuredContent"][tool].clone()
}

/// Why commands of the only session on a connection failed, as its recording says.
fn failures(world: &World, connection: &str) -> Vec<String> {
    let sessions = world.list(&["session", "list"]);
    let id = sessions.iter().find(|session| session["connection"] == connection).unwrap()["id"].clone();
    let events = world.events(id.as_str().unwrap());
    let failed = events.iter().filter(|event| event["kind"] == "error");
    failed.map(|event| event["data"]["reason"].as_str().unwrap_or_default().to_owned()).collect()
}

#[test]
fn clients_that_know_streamable_http_see_the_same_as_at_the_stream_itself() {
    let real = Real::new(ALL);
    let (token, direct) = (real.world.token("reader"), format!("http://127.0.0.1:{}/sse", real.port));
    let url = format!("http://127.0.0.1:{}/c/tools", real.world.port);
    let env = |url, token| {
        [
            ("MCP_URL", url),
            ("MCP_TOKEN", token),
            ("MCP_PLAN", "sse"),
            ("MCP_LONG", "1"),
            ("MCP_DENIED", "nothing"),
        ]
    };
    let at_once = [&env(&direct, MCP_TOKEN)[..], &[("MCP_TRANSPORT", "sse")]].concat();
    let direct = peer("py1", &["client.py", "legacy"], &at_once);
    assert_eq!(direct.0, 0, "{}", direct.2);
    assert!(direct.1.contains("closed") && direct.1.contains("ada@example.com"), "{}", direct.1);
    for (name, program, args) in [
        ("py1", "py1", ["client.py", "legacy"]),
        ("py2", "py2", ["client.py", "auto"]),
        ("ts1", "node", ["client.mjs", "sdk"]),
        ("ts2", "node", ["client.mjs", "auto"]),
    ] {
        let through = peer(program, &args, &env(&url, &token));
        assert_eq!((through.0, &through.1), (0, &direct.1), "{name}: {}\n{}", through.2, real.world.log());
    }
}

#[test]
fn calls_are_judged_held_and_masked_and_reach_the_server_once() {
    let real = Real::new(RULES);
    let (world, caller) = (&real.world, real.begun());
    let listed = caller.post(&json!({ "jsonrpc": "2.0", "id": 1, "method": "tools/list" }));
    let listed = messages(&listed).pop().unwrap();
    let names: Vec<&str> = listed["result"]["tools"]
        .as_array()
        .unwrap()
        .iter()
        .map(|tool| tool["name"].as_str().unwrap())
        .collect();
    assert!(names.contains(&"echo") && names.contains(&"add_note"), "{names:?}");
    assert!(!names.contains(&"forbidden") && !names.contains(&"fails"), "{names:?}");

    let said = called(&caller, 2, "echo", &json!({ "message": "žluť" }));
    assert_eq!(said["result"]["content"][0]["text"], "žluť", "{said}");
    let refused = called(&caller, 3, "forbidden", &json!({}));
    assert_eq!(refused["error"]["message"], "Unknown tool: forbidden", "{refused}");
    assert_eq!(tally(&caller, "forbidden"), Value::Null);

    let masked = called(&caller, 4, "customers", &json!({}));
    assert!(masked.to_string().contains("Ada"), "{masked}");
    for value in ["ada@example.com", "DE89370400440532013000"] {
        assert!(!masked.to_string().contains(value), "{masked}");
    }

    // The gateway's own credential goes along, and nothing of the client.
    let seen = called(&caller, 5, "seen", &json!({}));
    let headers = &seen["result"]["structuredContent"];
    assert_eq!(headers["authorization"], format!("Bearer {}", "*".repeat(MCP_TOKEN.len())), "{seen}");
    assert_eq!(headers["content-type"], "application/json");
    assert!(headers["mcp-session-id"].is_null() && !seen.to_string().contains(&caller.token), "{seen}");

    thread::scope(|scope| {
        let call = scope.spawn(|| called(&caller, 6, "add_note", &json!({ "text": "a" })));
        let pending = world.wait_pending();
        assert_eq!(
            tally(&caller, "add_note"),
            Value::Null,
            "it reached the server before the word of anybody"
        );
        world.ok(&["approval", "approve", pending["id"].as_str().unwrap()]);
        let done = call.join().unwrap();
        assert_eq!(done["result"]["content"][0]["text"], "noted a", "{done}");
    });
    assert_eq!(tally(&caller, "add_note"), 1);

    let sessions = world.list(&["session", "list"]);
    let recorded = world.events(sessions[0]["id"].as_str().unwrap());
    let recorded = serde_json::to_string(&recorded).unwrap();
    assert!(recorded.contains("noted a") && recorded.contains("tools/list"), "{recorded}");
    for secret in ["ada@example.com", "DE89370400440532013000", MCP_TOKEN, &caller.token] {
        assert!(!recorded.contains(secret) && !world.log().contains(secret), "{secret}");
    }
}

#[test]
fn what_the_server_says_of_itself_comes_on_the_stream_that_listens() {
    let real = Real::new(RULES);
    let caller = real.begun();
    let mut stream = caller.open("GET", &[], None);
    assert_eq!(stream.head().status, 200);
    // While two calls are open it belongs to neither.
    let params =
        json!({ "name": "wait", "arguments": { "milliseconds": 2000 }, "_meta": { "progressToken": "p" } });
    let body =
        json!({ "jsonrpc": "2.0", "id": "slow", "method": "tools/call", "params": params }).to_string();
    let mut slow = caller.open("POST", &[], Some(&body));
    thread::sleep(Duration::from_millis(300));
    assert_eq!(called(&caller, 1, "tell", &json!({}))["result"]["content"][0]["text"], "told");
    let said = loop {
        let piece = String::from_utf8(stream.chunk().expect("the stream ends")).unwrap();
        if let Some(data) = piece.lines().find_map(|line| line.strip_prefix("data:")) {
            break data.to_owned();
        }
    };
    assert!(said.contains("notifications/tools/list_changed"), "{said}");
    let all = messages(&slow.reply());
    let [progress, answer] = &all[..] else { panic!("{all:?}") };
    assert_eq!((&progress["params"]["progressToken"], &answer["id"]), (&json!("p"), &json!("slow")));
}

#[test]
fn a_server_that_dies_ends_the_session_and_the_next_one_begins_anew() {
    let mut real = Real::new(RULES);
    let caller = real.begun();
    let session = caller.session.clone();
    let refused = called(&caller, 1, "die", &json!({}));
    assert_eq!(
        refused["result"]["_meta"]["dev.hoopctl/decision"]["code"], "upstream_unavailable",
        "{refused}"
    );
    assert_eq!(caller.call(2, "echo", &json!({ "message": "x" })).status, 404);
    let token = caller.token.clone();
    let last = failures(&real.world, "tools").pop().unwrap_or_default();
    assert!(["target_cut", "stream_ended", "mcp_session"].contains(&&*last), "{last}");
    real.start();
    let again = real.begun();
    let said = called(&again, 1, "echo", &json!({ "message": "x" }));
    assert_eq!(said["result"]["content"][0]["text"], "x", "{said}");
    let old = Caller { world: &real.world, token, connection: "tools", session };
    assert_eq!(old.call(3, "echo", &json!({ "message": "x" })).status, 404);
}

/// What a target does with one request: true, if it was done with it.
type Serve = dyn Fn(&Fake, &str, &Value, &mut TcpStream) -> bool + Send + Sync;

/// A target made of plain sockets. What its own function leaves, it answers as it should.
#[derive(Clone)]
struct Fake(Arc<Inner>);

struct Inner {
    port: u16,
    serve: Box<Serve>,
    /// The head, in lower case, and the body of each request.
    seen: Mutex<Vec<(String, String)>>,
    /// The stream that was opened last.
    stream: Mutex<Option<TcpStream>>,
    /// How many are open.
    open: AtomicUsize,
}

impl Fake {
    fn new(serve: impl Fn(&Self, &str, &Value, &mut TcpStream) -> bool + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let inner = Inner {
            port,
            serve: Box::new(serve),
            seen: Mutex::default(),
            stream: Mutex::default(),
            open: AtomicUsize::new(0),
        };
        let fake = Self(Arc::new(inner));
        let own = fake.clone();
        thread::spawn(move || {
            for mut stream in listener.incoming().flatten() {
                let fake = own.clone();
                thread::spawn(move || {
                    let Some((head, body)) = read_request(&mut stream) else { return };
                    fake.0.seen.lock().unwrap().push((head.clone(), body.clone()));
                    let message = serde_json::from_str(&body).unwrap_or(Value::Null);
                    if !(fake.0.serve)(&fake, &head, &message, &mut stream) {
                        fake.behave(&head, &message, &mut stream);
                    }
                });
            }
        });
        fake
    }

    /// One that does all as it should.
    fn polite() -> Self {
        Self::new(|_, _, _, _| false)
    }

    fn behave(&self, head: &str, message: &Value, stream: &mut TcpStream) {
        if head.starts_with("get") {
            return self.stream(stream, "event: endpoint\ndata: /messages?s=1\n\n");
        }
        reply(stream, "202 Accepted", "", "");
        if message["id"].is_null() || message["method"].is_null() {
            return;
        }
        let result = json!({ "protocolVersion": "2024-11-05", "capabilities": {}, "serverInfo": { "name": "f", "version": "1" },
            "content": [{ "type": "text", "text": "done" }] });
        let answer = json!({ "jsonrpc": "2.0", "id": message["id"], "result": result });
        self.say(&format!("event: message\ndata: {answer}\n\n"));
    }

    /// Answers with a stream of events that begins so.
    fn stream(&self, stream: &mut TcpStream, start: &str) {
        let head =
            "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream; charset=utf-8\r\nconnection: close\r\n\r\n";
        self.hold(stream, &format!("{head}{start}"));
    }

    /// Writes something, and holds the stream open until the other side closes it.
    fn hold(&self, stream: &mut TcpStream, start: &str) {
        *self.0.stream.lock().unwrap() = Some(stream.try_clone().unwrap());
        self.0.open.fetch_add(1, Ordering::SeqCst);
        drop(stream.write_all(start.as_bytes()));
        drop(stream.read(&mut [0]));
        self.0.open.fetch_sub(1, Ordering::SeqCst);
    }

    /// Says something on the stream.
    fn say(&self, text: &str) {
        let stream = self.0.stream.lock().unwrap();
        drop(stream.as_ref().unwrap().write_all(text.as_bytes()));
    }

    fn open(&self) -> usize {
        self.0.open.load(Ordering::SeqCst)
    }

    /// The requests that came.
    fn seen(&self) -> Vec<(String, String)> {
        self.0.seen.lock().unwrap().clone()
    }

    /// How often a message of this method came.
    fn came(&self, method: &str) -> usize {
        self.seen().iter().filter(|(_, body)| body.contains(&format!("\"method\":\"{method}\""))).count()
    }
}

fn reply(stream: &mut TcpStream, status: &str, headers: &str, body: &str) {
    let text = format!(
        "HTTP/1.1 {status}\r\n{headers}content-length: {}\r\nconnection: close\r\n\r\n{body}",
        body.len()
    );
    drop(stream.write_all(text.as_bytes()));
}

/// A gateway before these targets, each a connection of that name.
fn world(targets: &[(&str, &Fake)]) -> World {
    let limits = "limits = { connect = \"1s\", response = \"2s\" }";
    let connections: String =
        targets.iter().map(|(name, fake)| connection(name, fake.0.port, limits)).collect();
    World::with_server(&(connections + RULES), ("MCP_TOKEN", MCP_TOKEN))
}

/// What each fault answers to the request for a stream, whether it then holds the stream open, and why it is
/// refused. `OTHER` is the port of somebody else.
const FAULTS: [(&str, &str, bool, &str, &str); 13] = [
    (
        "other-port",
        "200 S\n\nevent: endpoint\ndata: http://127.0.0.1:OTHER/m\n\n",
        true,
        UNAVAILABLE,
        "sse_endpoint",
    ),
    (
        "network-path",
        "200 S\n\nevent: endpoint\ndata: //127.0.0.1:OTHER/m\n\n",
        true,
        UNAVAILABLE,
        "sse_endpoint",
    ),
    (
        "other-host",
        "200 S\n\nevent: endpoint\ndata: http://evil.example/m\n\n",
        true,
        UNAVAILABLE,
        "sse_endpoint",
    ),
    (
        "javascript",
        "200 S\n\nevent: endpoint\ndata: javascript:alert(1)\n\n",
        true,
        UNAVAILABLE,
        "sse_endpoint",
    ),
    ("empty", "200 S\n\n: hello\n\nevent: endpoint\ndata:\n\n", true, UNAVAILABLE, "sse_endpoint"),
    ("no-endpoint", "200 S\n\n: nothing\n\n", true, UNAVAILABLE, "sse_no_endpoint"),
    ("no-head", "", true, UNAVAILABLE, "sse_no_endpoint"),
    ("other-first", "200 S\n\ndata: {}\n\n", true, UNAVAILABLE, "sse_no_endpoint"),
    ("ends", "200 S\n\n: bye\n\n", false, UNAVAILABLE, "target_garbage"),
    ("type", "200 H\n\nevent: endpoint\ndata: /m\n\n", false, UNAVAILABLE, "target_garbage"),
    ("redirect", "307 S\nlocation: http://127.0.0.1:OTHER/sse\n\n", false, UNAVAILABLE, "target_redirect"),
    ("own-401", "401 H\nwww-authenticate: Bearer\n\n", false, "upstream_credential", "target_401"),
    ("no-stream", "405 H\n\n", false, UNAVAILABLE, "target_status"),
];
const UNAVAILABLE: &str = "upstream_unavailable";

#[test]
fn a_target_that_leads_elsewhere_or_nowhere_is_refused_and_its_stream_closed() {
    // Who must never hear of the credential.
    let other = Fake::polite();
    let faults = FAULTS.map(|(_, answer, holds, ..)| {
        let (head, body) = answer.split_once("\n\n").unwrap_or_default();
        let head = head
            .replace(" S", " X\ncontent-type: text/event-stream")
            .replace(" H", " X\ncontent-type: text/html");
        let head = if head.is_empty() { head } else { format!("HTTP/1.1 {head}\nconnection: close\n\n") };
        let answer = (head.replace('\n', "\r\n") + body).replace("OTHER", &other.0.port.to_string());
        Fake::new(move |fake, head, _, stream| {
            let asks = head.starts_with("get");
            if asks && holds {
                fake.hold(stream, &answer);
            } else if asks {
                drop(stream.write_all(answer.as_bytes()));
            }
            asks
        })
    });
    let targets: Vec<_> = FAULTS.iter().zip(&faults).map(|((name, ..), fake)| (*name, fake)).collect();
    let world = world(&targets);
    for ((name, _, _, code, reason), fake) in FAULTS.iter().zip(&faults) {
        let begin = Instant::now();
        let refused = Caller::new(&world, "reader", name).hello(&json!({}));
        let text = refused.text();
        assert_eq!(refused.status, 200, "{name}: {text}");
        assert_eq!(refused.json()["error"]["data"]["code"], *code, "{name}: {text}");
        assert!(
            refused.header("mcp-session-id").is_none() && refused.header("www-authenticate").is_none(),
            "{name}"
        );
        assert!(!text.contains("evil") && !text.contains(MCP_TOKEN), "{text}");
        assert!(begin.elapsed() < Duration::from_millis(1900), "{name} took {:?}", begin.elapsed());
        assert_eq!(failures(&world, name), [*reason], "{name}");
        wait_until(&format!("{name}: the stream stays open"), Duration::from_secs(3), || fake.open() == 0);
        let seen = fake.seen();
        assert!(matches!(&seen[..], [(head, _)] if head.starts_with("get /sse ")), "{name}: {seen:?}");
    }
    assert!(other.seen().is_empty(), "{:?}", other.seen());
}

#[test]
fn a_message_that_the_target_does_not_take_is_refused_and_nothing_is_sent_twice() {
    let other = Fake::polite();
    let location = format!("location: http://127.0.0.1:{}/m\r\n", other.0.port);
    // The text that is echoed says what becomes of the message.
    let fake = Fake::new(move |fake, _head, message, stream| {
        match message["params"]["arguments"]["message"].as_str().or(message["params"]["reason"].as_str()) {
            Some("500") => reply(stream, "500 Internal Server Error", "", "secret words of the target"),
            Some("400") => reply(stream, "400 Bad Request", "content-type: application/json\r\n", "{}"),
            Some("307") => reply(stream, "307 Temporary Redirect", &location, ""),
            Some("401") => reply(stream, "401 Unauthorized", "", ""),
            Some("429") => reply(stream, "429 Too Many Requests", "", ""),
            Some("404") => reply(stream, "404 Not Found", "", ""),
            Some("cut") => {}
            // Answered before the message is taken.
            Some("early") => {
                let answer = json!({ "jsonrpc": "2.0", "id": message["id"], "result": { "content": [{ "type": "text", "text": "early" }] } });
                fake.say(&format!("data: {answer}\n\n"));
                thread::sleep(Duration::from_millis(500));
                reply(stream, "202 Accepted", "", "");
            }
            Some("silent") => thread::sleep(Duration::from_secs(4)),
            _ => return false,
        }
        true
    });
    let world = world(&[("bad", &fake)]);
    let caller = Caller::begun(&world, "reader", "bad", &json!({}));
    let (mut id, mut expected) = (0, Vec::new());
    for (what, code, reason) in [
        ("500", "upstream_unavailable", "target_status"),
        ("400", "upstream_unavailable", "target_status"),
        ("307", "upstream_unavailable", "target_redirect"),
        ("401", "upstream_credential", "target_401"),
        ("429", "upstream_unavailable", "target_status"),
        ("cut", "upstream_unavailable", "target_garbage"),
        ("silent", "upstream_unavailable", "upstream_timeout"),
    ] {
        id += 1;
        let refused = called(&caller, id, "echo", &json!({ "message": what }));
        let decision = &refused["result"]["_meta"]["dev.hoopctl/decision"];
        assert_eq!(decision["code"], code, "{what}: {refused}");
        // It may be done all the same, but where the target turned the gateway itself away.
        let text = refused["result"]["content"][0]["text"].as_str().unwrap();
        assert_eq!(text.starts_with("This was sent"), !matches!(what, "401" | "429"), "{what}: {text}");
        assert_eq!(decision["retryable"], what == "429", "{what}: {refused}");
        assert!(!refused.to_string().contains("secret words"), "{refused}");
        expected.push(reason.to_owned());
        assert_eq!(failures(&world, "bad"), expected, "{what}");
    }
    assert_eq!(fake.came("tools/call"), 7, "each was sent once");
    let early = called(&caller, 8, "echo", &json!({ "message": "early" }));
    assert_eq!(early["result"]["content"][0]["text"], "early", "{early}");
    // Of a notification nobody is told, since clients end their session at any other status; it lives on all
    // the while.
    let cancel = |reason: &str| json!({ "jsonrpc": "2.0", "method": "notifications/cancelled", "params": { "requestId": 99, "reason": reason } });
    assert_eq!(caller.post(&cancel("500")).status, 202);
    expected.push("target_status".to_owned());
    assert_eq!(failures(&world, "bad"), expected);
    assert_eq!(caller.post(&cancel("x")).status, 202);
    let done = called(&caller, 9, "echo", &json!({ "message": "x" }));
    assert_eq!(done["result"]["content"][0]["text"], "done", "{done}");
    // Each request of the session had the credential, went where the target said, and had nothing of the
    // client.
    for (head, _) in fake.seen() {
        let target = if head.starts_with("get") { "get /sse " } else { "post /messages?s=1 " };
        assert!(
            head.starts_with(target) && head.contains(&format!("authorization: bearer {MCP_TOKEN}\r\n")),
            "{head}"
        );
        assert!(!head.contains(&caller.token.to_lowercase()) && !head.contains("mcp-session-id"), "{head}");
    }
    assert!(other.seen().is_empty(), "{:?}", other.seen());
    // That it does not know the session is its end.
    let gone = called(&caller, 10, "echo", &json!({ "message": "404" }));
    assert_eq!(gone["result"]["_meta"]["dev.hoopctl/decision"]["code"], "upstream_unavailable", "{gone}");
    wait_until("the stream stays open", Duration::from_secs(3), || fake.open() == 0);
    assert_eq!(caller.call(11, "echo", &json!({ "message": "x" })).status, 404);
}

#[test]
fn a_stream_that_says_too_much_or_the_wrong_thing_ends_with_its_session() {
    let fake = Fake::new(|fake, _head, message, stream| {
        let piece = match message["params"]["arguments"]["message"].as_str() {
            Some("endless") => format!("data: {}", "x".repeat(1 << 20)),
            Some("elsewhere") => "event: endpoint\ndata: http://evil.example/m\n\n".to_owned(),
            Some("moved") => "event: endpoint\ndata: /other?s=1\n\n".to_owned(),
            Some("noise") => {
                "event: endpoint\ndata: /messages?s=1\n\ndata: no JSON\n\nevent: other\ndata: {}\n\ndata: [1]\n\n".to_owned()
            }
            _ => return false,
        };
        let endless = piece.starts_with("data: x");
        fake.say(&piece);
        if endless {
            // Beyond what an event may have. Whoever does not stop it in time would hold all of this.
            for _ in 0..20 {
                fake.say(&"x".repeat(1 << 20));
            }
        }
        !endless && !piece.contains("no JSON") && {
            reply(stream, "202 Accepted", "", "");
            true
        }
    });
    let world = world(&[("bad", &fake)]);
    for (what, reason) in
        [("endless", "target_garbage"), ("elsewhere", "sse_endpoint"), ("moved", "sse_endpoint")]
    {
        let caller = Caller::begun(&world, "reader", "bad", &json!({}));
        let done = called(&caller, 1, "echo", &json!({ "message": "noise" }));
        assert_eq!(done["result"]["content"][0]["text"], "done", "{done}");
        let refused = called(&caller, 2, "echo", &json!({ "message": what }));
        assert_eq!(
            refused["result"]["_meta"]["dev.hoopctl/decision"]["code"], "upstream_unavailable",
            "{what}: {refused}"
        );
        wait_until("the stream stays open", Duration::from_secs(3), || fake.open() == 0);
        assert_eq!(failures(&world, "bad").last().map(String::as_str), Some(reason), "{what}");
        assert_eq!(caller.call(3, "echo", &json!({ "message": "x" })).status, 404);
    }
}

#[test]
fn a_stream_lives_as_long_as_its_session() {
    let fake = Fake::polite();
    let mut world = world(&[("live", &fake)]);
    // Its client ends it.
    let caller = Caller::begun(&world, "reader", "live", &json!({}));
    assert_eq!(fake.open(), 1);
    assert_eq!(caller.open("DELETE", &[], None).reply().status, 200);
    wait_until("DELETE does not close it", Duration::from_secs(2), || fake.open() == 0);
    assert_eq!(caller.call(1, "echo", &json!({})).status, 404);
    // One that leaves before it has a session has none.
    let silent = Fake::new(|fake, head, _, stream| {
        !head.starts_with("get") && {
            reply(stream, "202 Accepted", "", "");
            assert_eq!(fake.open(), 1);
            true
        }
    });
    // Others do not see it, and each has a stream of its own.
    let (ann, bob) = (
        Caller::begun(&world, "reader", "live", &json!({})),
        Caller::begun(&world, "writer", "live", &json!({})),
    );
    assert_eq!(fake.open(), 2);
    let thief = Caller { session: ann.session.clone(), ..Caller::new(&world, "writer", "live") };
    assert_eq!(thief.call(1, "echo", &json!({})).status, 404);
    assert_eq!(Caller::new(&world, "reader", "live").call(1, "echo", &json!({})).status, 400);
    // An operator ends what a principal has begun.
    let sessions = world.list(&["session", "list"]);
    let of = |who: &str| {
        let mut live = sessions.iter().filter(|session| session["principal"].to_string().contains(who));
        live.next().unwrap_or_else(|| panic!("{sessions:?}"))["id"].as_str().unwrap().to_owned()
    };
    world.ok(&["session", "kill", &of("reader"), "--yes"]);
    wait_until("a kill does not close it", Duration::from_secs(2), || fake.open() == 1);
    assert_eq!(ann.call(2, "echo", &json!({})).status, 404);
    world.ok(&["lock", "add", "connection:live", "--reason", "x", "--yes"]);
    wait_until("a lock does not close it", Duration::from_secs(2), || fake.open() == 0);
    drop((ann, bob));
    assert_eq!(world.stop(), Some(0));

    let mut world = self::world(&[("live", &fake), ("silent", &silent)]);
    let caller = Caller::new(&world, "reader", "silent");
    let hello = json!({ "jsonrpc": "2.0", "id": 0, "method": "initialize", "params": { "protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": { "name": "t", "version": "1" } } });
    let leaves = caller.open("POST", &[], Some(&hello.to_string()));
    wait_until("nothing is opened", Duration::from_secs(5), || silent.came("initialize") == 1);
    drop(leaves);
    wait_until("it outlives its client", Duration::from_secs(3), || silent.open() == 0);
    // The gateway ends, and all with it.
    drop(caller);
    drop(Caller::begun(&world, "reader", "live", &json!({})));
    assert_eq!(fake.open(), 1);
    assert_eq!(world.stop(), Some(0));
    wait_until("it outlives the gateway", Duration::from_secs(2), || fake.open() == 0);
}

#[test]
fn a_credential_that_turns_goes_with_the_next_message_and_neither_is_ever_told() {
    let fake = Fake::new(|fake, _head, message, stream| {
        let asks = message["method"] == "tools/call";
        if asks {
            // Servers echo what they were sent, also with what came first.
            let text: String = fake.seen().into_iter().map(|(head, _)| head).collect();
            let result = json!({ "content": [{ "type": "text", "text": text }] });
            fake.say(&format!(
                "data: {}\n\n",
                json!({ "jsonrpc": "2.0", "id": message["id"], "result": result })
            ));
            reply(stream, "202 Accepted", "", "");
        }
        asks
    });
    let folder = tempfile::tempdir().unwrap();
    let secret = folder.path().join("secret");
    let turn = |to: &str| {
        let next = folder.path().join("next");
        std::fs::write(&next, to).unwrap();
        std::fs::set_permissions(&next, std::fs::Permissions::from_mode(0o600)).unwrap();
        std::fs::rename(&next, &secret).unwrap();
    };
    turn("the-first-one");
    let source = format!("bearer:file:{}", secret.display());
    let rules = connection("turns", fake.0.port, "").replace("bearer:env:MCP_TOKEN", &source) + RULES;
    let world = World::with_server(&rules, ("NOTHING", "x"));
    let caller = Caller::begun(&world, "reader", "turns", &json!({}));
    turn("another-one");
    // Files are looked at once a second.
    thread::sleep(Duration::from_millis(1200));
    let told = called(&caller, 1, "echo", &json!({})).to_string();
    let sent = |number: usize| fake.seen()[number].0.clone();
    assert!(sent(0).starts_with("get ") && sent(0).contains("bearer the-first-one\r\n"), "{}", sent(0));
    assert!(sent(3).starts_with("post ") && sent(3).contains("bearer another-one\r\n"), "{}", sent(3));
    assert!(
        told.contains("authorization: bearer *") && !told.contains("the-first") && !told.contains("another-"),
        "{told}"
    );
}

#[test]
fn the_newer_era_is_told_to_begin_with_initialize_and_the_target_hears_nothing_of_it() {
    let fake = Fake::polite();
    let world = world(&[("old", &fake)]);
    let caller = Caller::new(&world, "reader", "old");
    for (method, params) in [
        ("server/discover", json!({})),
        ("tools/list", json!({})),
        ("tools/call", json!({ "name": "echo", "arguments": {} })),
    ] {
        let reply = caller.modern(&json!(1), method, params).reply();
        assert_eq!((reply.status, &reply.json()["error"]["code"]), (400, &json!(-32600)), "{}", reply.text());
    }
    assert!(fake.seen().is_empty(), "{:?}", fake.seen());
}
