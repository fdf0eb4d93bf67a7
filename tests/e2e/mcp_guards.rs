//! Attacks on the gateway before MCP servers, with targets that behave as badly as they can and clients that try to get past a guard.

use std::io::Write;
use std::net::TcpListener;
use std::net::TcpStream;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering;
use std::thread;
use std::time::Duration;
use std::time::Instant;

use serde_json::Value;
use serde_json::json;

use crate::support::Reply;
use crate::support::World;
use crate::support::client::Client;
use crate::support::client::request;
use crate::support::mcp::ACCEPT;
use crate::support::mcp::answer;
use crate::support::mcp::read_request;

const JSON: (&str, &str) = ("Content-Type", "application/json");

const RULES: &str = r#"
[[policy]]
id = "reads"
effect = "allow"
match = { groups = ["support"], connections = ["tools"], operations = ["read"] }
[[policy]]
id = "calls"
effect = "allow"
match = { groups = ["support"], connections = ["tools"], tools = ["open", "ask"] }
[[policy]]
id = "held"
effect = "approve"
match = { groups = ["support"], connections = ["tools"], tools = ["pay"] }
approval = { from = ["dba"], timeout = "1m" }
"#;

/// What a target has read of each request: its head, in lower case, and its body.
pub type Seen = Arc<Mutex<Vec<(String, String)>>>;

pub struct Attack {
    pub world: World,
    pub seen: Seen,
}

impl Attack {
    /// A gateway before a target that answers each request, one to a stream, with what `serve` gives.
    pub fn new(options: &str, serve: impl Fn(&str, &Value, &mut TcpStream) + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let (seen, serve) = (Seen::default(), Arc::new(serve));
        let kept = Arc::clone(&seen);
        thread::spawn(move || {
            for mut stream in listener.incoming().flatten() {
                let (kept, serve) = (Arc::clone(&kept), Arc::clone(&serve));
                thread::spawn(move || {
                    let Some((head, body)) = read_request(&mut stream) else { return };
                    kept.lock().unwrap().push((head.clone(), body.clone()));
                    serve(&head, &serde_json::from_str(&body).unwrap_or(Value::Null), &mut stream);
                });
            }
        });
        let connection = format!(
            "[[connection]]\nname = \"tools\"\nupstream = \"mcp+http://127.0.0.1:{port}/mcp\"\n{options}\n"
        );
        let world = World::with_server(&format!("{connection}{RULES}"), ("NOTHING", "x"));
        Self { world, seen }
    }

    pub fn send(&self, method: &str, headers: &[(&str, &str)], body: Option<&str>) -> Reply {
        self.send_as("reader", method, headers, body)
    }

    fn send_as(&self, principal: &str, method: &str, headers: &[(&str, &str)], body: Option<&str>) -> Reply {
        let mut client = Client::connect(self.world.port);
        let token = self.world.token(principal);
        client.send(request(method, "/c/tools", Some(&token), &[&[ACCEPT, JSON], headers].concat(), body));
        client.reply()
    }

    pub fn call(&self, headers: &[(&str, &str)], params: &Value) -> Value {
        let body = json!({ "jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params }).to_string();
        answer(&self.send("POST", headers, Some(&body)))
    }

    /// A session, which the target calls `theirs`.
    pub fn session(&self) -> String {
        self.session_of("reader")
    }

    /// One of another principal.
    fn session_of(&self, principal: &str) -> String {
        let hello = r#"{"jsonrpc":"2.0","id":0,"method":"initialize","params":{"protocolVersion":"2025-11-25","capabilities":{},"clientInfo":{"name":"x","version":"1"}}}"#;
        self.send_as(principal, "POST", &[], Some(hello)).header("mcp-session-id").unwrap().to_owned()
    }

    pub fn approve(&self) {
        let pending = self.world.wait_pending();
        let (code, _, err) = self.world.cli(&["approval", "approve", pending["id"].as_str().unwrap()]);
        assert_eq!(code, 0, "{err}");
    }

    /// The requests of a method that have arrived.
    pub fn arrived(&self, method: &str) -> Vec<(String, String)> {
        let seen = self.seen.lock().unwrap();
        seen.iter().filter(|(_, body)| body.contains(&format!("\"{method}\""))).cloned().collect()
    }
}

/// The next data on a stream of events.
pub fn data(client: &mut Client) -> String {
    loop {
        let line = client.line().expect("the stream has ended, or nothing comes on it");
        if let Some(data) = line.strip_prefix("data:").filter(|data| !data.trim().is_empty()) {
            return data.to_owned();
        }
    }
}

/// Answers with a body of this type.
pub fn say(stream: &mut TcpStream, status: &str, headers: &str, kind: &str, body: &str) {
    let text = format!(
        "HTTP/1.1 {status}\r\n{headers}content-type: {kind}\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}",
        body.len()
    );
    drop(stream.write_all(text.as_bytes()));
}

pub fn result(stream: &mut TcpStream, message: &Value, result: &Value) {
    let body = json!({ "jsonrpc": "2.0", "id": message["id"], "result": result }).to_string();
    let session = if message["method"] == "initialize" { "mcp-session-id: theirs\r\n" } else { "" };
    say(stream, "200 OK", session, "application/json", &body);
}

/// Greets, and says that a call went well.
pub fn polite(_head: &str, message: &Value, stream: &mut TcpStream) {
    result(stream, message, &json!({ "content": [{ "type": "text", "text": "done" }] }));
}

const LIST: &str = r#"{"jsonrpc":"2.0","id":2,"result":{"tools":[{"name":"open","inputSchema":{}},{"name":"hidden","inputSchema":{}}]}}"#;

#[test]
fn a_list_that_comes_on_a_stream_gone_on_with_is_filtered_as_well() {
    let attack =
        Attack::new("", |head, message, stream| match (head.starts_with("get"), &message["method"]) {
            // A place to go on from, and no answer.
            (false, method) if method == "tools/list" => {
                say(stream, "200 OK", "", "text/event-stream", "id: theirs-1\ndata: \n\n");
            }
            (true, _) => say(stream, "200 OK", "", "text/event-stream", &format!("data: {LIST}\n\n")),
            _ => polite(head, message, stream),
        });
    let session = attack.session();
    let list = r#"{"jsonrpc":"2.0","id":2,"method":"tools/list"}"#;
    let begun = attack.send("POST", &[("Mcp-Session-Id", &session)], Some(list)).text();
    let id = begun.lines().find_map(|line| line.strip_prefix("id:")).unwrap().trim().to_owned();
    assert_ne!(id, "theirs-1");
    let resumed = attack.send("GET", &[("Mcp-Session-Id", &session), ("Last-Event-ID", &id)], None).text();
    assert!(resumed.contains("\"open\"") && !resumed.contains("hidden"), "{resumed}");
    let sent = attack.seen.lock().unwrap().last().unwrap().0.clone();
    assert!(sent.contains("last-event-id: theirs-1") && sent.contains("mcp-session-id: theirs"), "{sent}");
    // A stream that answers nothing brings no answers.
    let own = attack.send("GET", &[("Mcp-Session-Id", &session)], None).text();
    assert!(!own.contains("tools"), "{own}");
    // The target's own ids, and those of events that there are not, mean nothing.
    for event in ["theirs-1", "99"] {
        let headers = [("Mcp-Session-Id", &*session), ("Last-Event-ID", event)];
        assert_eq!(attack.send("GET", &headers, None).status, 400, "{event}");
    }
}

#[test]
fn codes_of_older_versions_are_not_told_to_clients_of_the_newer_one() {
    let attack = Attack::new("", |_head, message, stream| {
        let code = message["params"]["arguments"]["code"].clone();
        let data = json!({ "elicitations": [{ "mode": "url", "url": "https://evil.example/x" }] });
        let error = json!({ "code": code, "message": "no", "data": data });
        let body = json!({ "jsonrpc": "2.0", "id": message["id"], "error": error }).to_string();
        say(stream, "200 OK", "", "application/json", &body);
    });
    let modern = [("Mcp-Protocol-Version", "2026-07-28"), ("Mcp-Method", "tools/call"), ("Mcp-Name", "open")];
    let meta = json!({ "io.modelcontextprotocol/protocolVersion": "2026-07-28", "io.modelcontextprotocol/clientCapabilities": {} });
    for (code, now, leads) in [(-32042, -32603, false), (-32002, -32602, true), (-32602, -32602, true)] {
        let params = json!({ "name": "open", "arguments": { "code": code } });
        let told = attack.call(&[], &params)["error"].clone();
        assert_eq!(told["code"], code, "{told}");
        let params = json!({ "name": "open", "arguments": { "code": code }, "_meta": meta });
        let told = attack.call(&modern, &params)["error"].clone();
        assert_eq!(
            (&told["code"], &told["message"], told.to_string().contains("evil")),
            (&json!(now), &json!("no"), leads),
            "{told}"
        );
    }
}

#[test]
fn where_sessions_have_ids_nothing_but_their_beginning_goes_without_one() {
    let gives = Arc::new(AtomicBool::new(true));
    let now = Arc::clone(&gives);
    let attack = Attack::new("", move |head, message, stream| {
        if now.load(Ordering::SeqCst) {
            return polite(head, message, stream);
        }
        let body = json!({ "jsonrpc": "2.0", "id": message["id"], "result": { "content": [] } }).to_string();
        say(stream, "200 OK", "", "application/json", &body);
    });
    let list = r#"{"jsonrpc":"2.0","id":2,"method":"tools/call","params":{"name":"open","arguments":{}}}"#;
    let status = |method: &str, body: Option<&str>| attack.send(method, &[], body).status;
    assert_eq!(status("POST", Some(list)), 200, "it may do without");
    let session = attack.session();
    for (method, body) in [("POST", Some(list)), ("GET", None), ("DELETE", None)] {
        assert_eq!(status(method, body), 400, "{method}");
    }
    assert_eq!(attack.send("POST", &[("Mcp-Session-Id", &session)], Some(list)).status, 200);
    assert_eq!(attack.arrived("tools/call").len(), 2);
    // Another build of the server does without them.
    gives.store(false, Ordering::SeqCst);
    let hello = r#"{"jsonrpc":"2.0","id":0,"method":"initialize","params":{"protocolVersion":"2025-11-25","capabilities":{},"clientInfo":{"name":"x","version":"1"}}}"#;
    assert_eq!((status("POST", Some(hello)), status("POST", Some(list))), (200, 200));
}

#[test]
fn what_a_target_logs_reaches_in_the_newer_era_who_asked_for_it() {
    let attack = Attack::new("", |_head, message, stream| {
        let log = json!({ "jsonrpc": "2.0", "method": "notifications/message", "params": { "level": "error", "data": "logged" } });
        let done = json!({ "jsonrpc": "2.0", "id": message["id"], "result": { "content": [] } });
        say(stream, "200 OK", "", "text/event-stream", &format!("data: {log}\n\ndata: {done}\n\n"));
    });
    let call = |modern: bool, level: Option<&str>| {
        let headers =
            [("Mcp-Protocol-Version", "2026-07-28"), ("Mcp-Method", "tools/call"), ("Mcp-Name", "open")];
        let mut meta = json!({});
        if modern {
            meta = json!({ "io.modelcontextprotocol/protocolVersion": "2026-07-28", "io.modelcontextprotocol/clientCapabilities": {} });
        }
        if let Some(level) = level {
            meta["io.modelcontextprotocol/logLevel"] = level.into();
        }
        let params = json!({ "name": "open", "arguments": {}, "_meta": meta });
        let body = json!({ "jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params }).to_string();
        let told = attack.send("POST", if modern { &headers } else { &[] }, Some(&body)).text();
        assert!(told.contains("\"result\""), "{told}");
        told.contains("logged")
    };
    assert_eq!([call(false, None), call(true, None), call(true, Some("info"))], [true, false, true]);
    let session = attack.world.list(&["session", "list"])[0]["id"].as_str().unwrap().to_owned();
    let events = format!("{:?}", attack.world.events(&session));
    assert!(events.contains("did not ask to be told of it"), "{events}");
}

#[test]
fn a_modern_target_asks_the_client_only_for_what_it_may() {
    let serve = |_head: &str, message: &Value, stream: &mut TcpStream| {
        let asks = message["params"]["arguments"]["asks"].clone();
        result(stream, message, &json!({ "resultType": "input_required", "inputRequests": { "q": asks } }));
    };
    let page = |url: &str| json!({ "method": "elicitation/create", "params": { "mode": "url", "url": url, "message": "x" } });
    let form = |field: &str| {
        let schema = json!({ "type": "object", "properties": { field: { "type": "string" } } });
        json!({ "method": "elicitation/create", "params": { "message": "x", "requestedSchema": schema } })
    };
    let sampling = json!({ "method": "sampling/createMessage", "params": {} });
    let options = "allow_server_requests = [\"elicitation\"]\nelicitation_hosts = [\"login.example\"]";
    let headers = [("Mcp-Protocol-Version", "2026-07-28"), ("Mcp-Method", "tools/call"), ("Mcp-Name", "ask")];
    let ask_as = |attack: &Attack, asks: &Value, capabilities: &Value| {
        let meta = json!({ "io.modelcontextprotocol/protocolVersion": "2026-07-28", "io.modelcontextprotocol/clientCapabilities": capabilities });
        attack.call(&headers, &json!({ "name": "ask", "arguments": { "asks": asks }, "_meta": meta }))
    };
    let ask = |attack: &Attack, asks: &Value| {
        ask_as(attack, asks, &json!({ "elicitation": { "form": {}, "url": {} } }))
    };
    let (open, shut) = (Attack::new(options, serve), Attack::new("", serve));
    for asks in [form("city"), page("https://login.example/x")] {
        assert_eq!(ask(&open, &asks)["result"]["resultType"], "input_required", "{asks}");
        assert_eq!(ask(&shut, &asks)["result"]["isError"], true, "{asks}");
    }
    for asks in [page("https://evil.example/"), form("password"), sampling, json!("x"), json!({})] {
        let told = ask(&open, &asks);
        assert_eq!(told["result"]["isError"], true, "{asks}: {told}");
        assert!(!told.to_string().contains("evil"), "{told}");
    }
    // A client is asked only what it has said that it can be asked.
    for (asks, capabilities) in [
        (form("city"), json!({})),
        (form("city"), json!({ "elicitation": { "url": {} } })),
        (page("https://login.example/x"), json!({ "elicitation": {} })),
    ] {
        let told = ask_as(&open, &asks, &capabilities);
        assert_eq!(told["result"]["isError"], true, "{asks} {capabilities}: {told}");
    }
}

#[test]
fn headers_that_nobody_judged_do_not_arrive() {
    let attack = Attack::new("", polite);
    let headers =
        [("X-Tenant", "prod"), ("Mcp-Name", "pay"), ("Mcp-Method", "tools/call"), ("Mcp-Param-Amount", "9")];
    let told = attack.call(&headers, &json!({ "name": "open", "arguments": {} }));
    assert_eq!(told["result"]["content"][0]["text"], "done", "{told}");
    let (head, _) = attack.arrived("tools/call").pop().unwrap();
    for name in ["x-tenant", "mcp-name", "mcp-method", "mcp-param-amount", "authorization"] {
        assert!(!head.contains(name), "{head}");
    }
}

#[test]
fn what_a_server_may_read_otherwise_gets_past_no_deny() {
    let denies = r#"
[[policy]]
id = "no-large"
effect = "deny"
match = { connections = ["tools"], tools = ["open"], args = { "order.amount" = "> 1000" } }
[[policy]]
id = "no-seven"
effect = "deny"
match = { connections = ["tools"], tools = ["open"], args = { "ids" = "7" } }
[[policy]]
id = "private"
effect = "deny"
match = { connections = ["tools"], resources = ["file:///priv/**"] }
"#;
    let attack = Attack::new(denies, polite);
    for arguments in [
        json!({ "order": "{\"amount\":5000}" }),
        json!({ "order": "[{\"amount\":5,\"amount\":5000}]" }),
        json!({ "ids": "[7]" }),
        json!({ "ids": ["[8, 7]"] }),
    ] {
        let told = attack.call(&[], &json!({ "name": "open", "arguments": arguments }));
        assert_eq!(told["result"]["_meta"]["dev.hoopctl/decision"]["code"], "denied", "{arguments}: {told}");
    }
    for arguments in [json!("{\"ids\":7}"), json!([{ "ids": 7 }]), json!(7)] {
        let told = attack.call(&[], &json!({ "name": "open", "arguments": arguments }));
        assert_eq!(told["error"]["code"], -32602, "{arguments}: {told}");
    }
    for uri in ["file:///priv/a", "file://x/priv/a", "file://127.0.0.1/priv/a", "file:///priv./a"] {
        let body = json!({ "jsonrpc": "2.0", "id": 1, "method": "resources/read", "params": { "uri": uri } });
        let told = answer(&attack.send("POST", &[], Some(&body.to_string())));
        assert_eq!(told["error"]["message"], format!("Resource not found: {uri}"), "{told}");
    }
    assert!(attack.arrived("tools/call").is_empty() && attack.arrived("resources/read").is_empty());
    let told = attack
        .call(&[], &json!({ "name": "open", "arguments": { "order": "{\"amount\":5}", "ids": "[8]" } }));
    assert_eq!(told["result"]["content"][0]["text"], "done", "{told}");
}

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
            assert_eq!(attack.world.cli(&["approval", "approve", pending["id"].as_str().unwrap()]).0, 0);
        }
        for call in calls {
            let told = call.join().unwrap();
            assert_eq!(told["result"]["content"][0]["text"], "done", "{told}");
        }
    });
    assert_eq!(attack.arrived("tools/call").len(), 2);
}

#[test]
fn a_client_learns_that_its_session_is_gone_however_the_target_says_so() {
    for id in ["null", "\"server-error\"", "7"] {
        let gone = format!(
            r#"{{"jsonrpc":"2.0","id":{id},"error":{{"code":-32001,"message":"Session not found"}}}}"#
        );
        let attack = Attack::new("", move |head, message, stream| {
            if message["method"] == "initialize" {
                polite(head, message, stream);
            } else {
                say(stream, "404 Not Found", "", "application/json", &gone);
            }
        });
        let session = attack.session();
        let list = r#"{"jsonrpc":"2.0","id":7,"method":"tools/list"}"#;
        for _again in 0..2 {
            let reply = attack.send("POST", &[("Mcp-Session-Id", &session)], Some(list));
            assert_eq!(reply.status, 404, "{id}: {}", reply.text());
        }
        assert_eq!(attack.arrived("tools/list").len(), 1, "{id}: the session has ended here, too");
    }
}

#[test]
fn a_kill_ends_a_stream_whose_client_does_not_read() {
    let cut = Arc::new(AtomicBool::new(false));
    let seen = Arc::clone(&cut);
    let attack = Attack::new("", move |head, message, stream| {
        if !head.starts_with("get") {
            return polite(head, message, stream);
        }
        let begun = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nconnection: close\r\n\r\n";
        let told = json!({ "jsonrpc": "2.0", "method": "notifications/message", "params": { "level": "info", "data": "x".repeat(1 << 16) } });
        let event = format!("data: {told}\n\n");
        stream.write_all(begun.as_bytes()).unwrap();
        while stream.write_all(event.as_bytes()).is_ok() {}
        seen.store(true, Ordering::SeqCst);
    });
    let session = attack.session();
    let mut client = Client::connect(attack.world.port);
    let token = attack.world.token("reader");
    let headers = [("Accept", "text/event-stream"), ("Mcp-Session-Id", &*session)];
    client.send(request("GET", "/c/tools", Some(&token), &headers, None));
    assert_eq!(client.head().status, 200);
    // It reads no further: everything on the way fills up.
    thread::sleep(Duration::from_secs(2));
    assert!(!cut.load(Ordering::SeqCst));
    let id = attack.world.list(&["session", "list"])[0]["id"].as_str().unwrap().to_owned();
    assert_eq!(attack.world.cli(&["session", "kill", &id, "--yes"]).0, 0);
    let begin = Instant::now();
    while !cut.load(Ordering::SeqCst) {
        assert!(begin.elapsed() < Duration::from_secs(5), "the target still speaks to it");
        thread::sleep(Duration::from_millis(50));
    }
}

#[test]
fn a_state_that_is_too_long_to_be_kept_fails_its_call() {
    let attack = Attack::new("allow_server_requests = [\"elicitation\"]", |_head, message, stream| {
        let length = message["params"]["arguments"]["length"].as_u64().unwrap();
        let state = "x".repeat(usize::try_from(length).unwrap());
        result(
            stream,
            message,
            &json!({ "resultType": "input_required", "inputRequests": {}, "requestState": state }),
        );
    });
    let headers = [("Mcp-Protocol-Version", "2026-07-28"), ("Mcp-Method", "tools/call"), ("Mcp-Name", "ask")];
    let ask = |length: usize| {
        let meta = json!({ "io.modelcontextprotocol/protocolVersion": "2026-07-28", "io.modelcontextprotocol/clientCapabilities": {} });
        attack.call(&headers, &json!({ "name": "ask", "arguments": { "length": length }, "_meta": meta }))
    };
    let kept = ask((16 << 10) - 2);
    let own = kept["result"]["requestState"].as_str().unwrap();
    assert!(own.len() < 100 && !own.contains("xx"), "the client gets one of the gateway's own: {own}");
    assert_eq!(ask((16 << 10) - 1)["result"]["isError"], true);
}

#[test]
fn a_stream_of_its_own_tells_of_the_clients_own_requests_and_tasks_and_of_no_others() {
    let attack = Attack::new("", |head, message, stream| {
        if !head.starts_with("get") {
            let task = &message["params"]["arguments"]["task"];
            return result(
                stream,
                message,
                &json!({ "content": [], "task": { "taskId": task, "status": "working" } }),
            );
        }
        let progress = |token: &str, progress: u32| json!({ "method": "notifications/progress", "params": { "progressToken": token, "progress": progress } });
        let task = |id: &str| json!({ "method": "notifications/tasks/status", "params": { "taskId": id, "status": "completed" } });
        let all = [progress("a", 5), progress("b", 1), task("of-ann"), task("of-bob"), task("of-nobody")];
        let all = all.map(|mut message| {
            message["jsonrpc"] = json!("2.0");
            format!("data: {message}\n\n")
        });
        say(stream, "200 OK", "", "text/event-stream", &all.concat());
    });
    for (principal, task) in [("reader", "of-ann"), ("writer", "of-bob")] {
        let session = attack.session_of(principal);
        let call = json!({ "jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": { "name": "open", "arguments": { "task": task } } });
        let begun =
            attack.send_as(principal, "POST", &[("Mcp-Session-Id", &session)], Some(&call.to_string()));
        assert!(answer(&begun)["result"]["task"]["taskId"] == task, "{}", begun.text());
        let told = attack.send_as(principal, "GET", &[("Mcp-Session-Id", &session)], None).text();
        // How far two requests are has nothing to do with each other.
        assert!(told.contains("\"a\"") && told.contains("\"b\""), "{principal}: {told}");
        let tasks: Vec<_> =
            ["of-ann", "of-bob", "of-nobody"].into_iter().filter(|id| told.contains(id)).collect();
        assert_eq!(tasks, [task], "{principal}: {told}");
    }
}

#[test]
fn what_one_target_said_is_not_believed_of_another_that_took_its_name() {
    let serve = |_head: &str, message: &Value, stream: &mut TcpStream| {
        let answer = if message["method"] == "tools/list" {
            json!({ "tools": [{ "name": "look", "inputSchema": {}, "annotations": { "readOnlyHint": true } }] })
        } else {
            json!({ "content": [{ "type": "text", "text": "done" }], "task": { "taskId": "t", "status": "working" } })
        };
        result(stream, message, &answer);
    };
    // Here a policy believes the annotations: what is said to be read only is a read.
    let (one, other) =
        (Attack::new("trust_annotations = true", serve), Attack::new("trust_annotations = true", serve));
    let ask = |message: &Value| answer(&one.send("POST", &[], Some(&message.to_string())));
    let call = json!({ "jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": { "name": "look", "arguments": {} } });
    let task = json!({ "jsonrpc": "2.0", "id": 2, "method": "tasks/get", "params": { "taskId": "t" } });
    // Why a call is judged so hangs on what was seen of the tool.
    let explained = |attack: &Attack| {
        attack.world.json(&[
            "policy",
            "explain",
            "--as",
            "idp/reader",
            "--connection",
            "tools",
            "--tool",
            "look",
        ])
    };
    let before = explained(&one);
    assert!(
        before["class"] == "unknown" && before["note"].as_str().unwrap().contains("--read-only"),
        "{before}"
    );
    ask(&json!({ "jsonrpc": "2.0", "id": 3, "method": "tools/list" }));
    let seen = explained(&one);
    assert!(seen["class"] == "read" && seen["note"].is_null(), "{seen}");
    assert!(ask(&call)["result"]["content"].is_array());
    assert!(ask(&task)["result"].is_object(), "{}", ask(&task));
    // The other target takes the name of the first.
    let moved = std::fs::read_to_string(one.world.path("hoopctl.toml")).unwrap();
    let place = |attack: &Attack| {
        let text = std::fs::read_to_string(attack.world.path("hoopctl.toml")).unwrap();
        text.lines().find(|line| line.starts_with("upstream = \"mcp")).unwrap().to_owned()
    };
    std::fs::write(one.world.path("hoopctl.toml"), moved.replace(&place(&one), &place(&other))).unwrap();
    assert_eq!(one.world.cli(&["config", "reload"]).0, 0);
    assert_eq!(explained(&one)["class"], "unknown");
    let refused = ask(&call);
    assert!(refused["result"]["isError"] == true || refused["error"].is_object(), "{refused}");
    assert!(ask(&task)["error"].is_object(), "{}", ask(&task));
    assert!(other.arrived("tools/call").is_empty() && other.arrived("tasks/get").is_empty());
    ask(&json!({ "jsonrpc": "2.0", "id": 4, "method": "tools/list" }));
    assert!(ask(&call)["result"]["content"].is_array(), "it said so itself");
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

#[test]
fn a_task_fails_where_its_target_does_not_answer_and_is_cut_where_its_client_cancels() {
    const TASKS: &str = "io.modelcontextprotocol/tasks";
    let cut = Arc::new(AtomicBool::new(false));
    let seen = Arc::clone(&cut);
    let attack = Attack::new("", move |_head, message, stream| {
        let begun = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nconnection: close\r\n\r\n";
        match message["params"]["arguments"]["how"].as_str() {
            Some("asks") => {
                let asks =
                    json!({ "resultType": "input_required", "inputRequests": {}, "requestState": "s" });
                result(stream, message, &asks);
            }
            Some("silent") => drop(stream.write_all(begun.as_bytes())),
            Some("hangs") => {
                let told = json!({ "jsonrpc": "2.0", "method": "notifications/progress", "params": { "progressToken": 1, "progress": 1, "message": "half of it" } });
                stream.write_all(format!("{begun}data: {told}\n\n").as_bytes()).unwrap();
                while stream.write_all(b": still here\n\n").is_ok() {
                    thread::sleep(Duration::from_millis(50));
                }
                seen.store(true, Ordering::SeqCst);
            }
            _ => {
                result(
                    stream,
                    message,
                    &json!({ "resultType": "complete", "capabilities": { "tools": {} } }),
                );
            }
        }
    });
    let ask = |method: &str, mut params: Value, knows: bool| {
        let extensions = if knows { json!({ TASKS: {} }) } else { json!({}) };
        params["_meta"] = json!({ "io.modelcontextprotocol/protocolVersion": "2026-07-28", "io.modelcontextprotocol/clientCapabilities": { "extensions": extensions } });
        let name = params["name"].as_str().or(params["taskId"].as_str()).unwrap_or_default().to_owned();
        let mut headers = vec![("Mcp-Protocol-Version", "2026-07-28"), ("Mcp-Method", method)];
        if !name.is_empty() {
            headers.push(("Mcp-Name", &name));
        }
        let body = json!({ "jsonrpc": "2.0", "id": 1, "method": method, "params": params }).to_string();
        answer(&attack.send("POST", &headers, Some(&body)))["result"].clone()
    };
    // The gateway has tasks, whether the target has any or not.
    let offered = |knows| ask("server/discover", json!({}), knows)["capabilities"].clone();
    assert_eq!(offered(true), json!({ "tools": {}, "extensions": { TASKS: {} } }));
    assert_eq!(offered(false), json!({ "tools": {} }));
    let pay = |how: &str| {
        let task = ask("tools/call", json!({ "name": "pay", "arguments": { "how": how } }), true);
        assert_eq!(task["resultType"], "task", "{how}: {task}");
        attack.approve();
        json!({ "taskId": task["taskId"] })
    };
    let until = |task: &Value, done: &dyn Fn(&Value) -> bool| {
        let begin = Instant::now();
        loop {
            let told = ask("tasks/get", task.clone(), true);
            if done(&told) {
                return told;
            }
            assert!(begin.elapsed() < Duration::from_secs(10), "{told}");
            thread::sleep(Duration::from_millis(50));
        }
    };
    for (how, words) in [("asks", "has not been done"), ("silent", "stream ended without the answer")] {
        let told = until(&pay(how), &|told| told["status"] != "working");
        assert_eq!(told["status"], "failed", "{how}: {told}");
        assert!(told["error"]["message"].as_str().unwrap().contains(words), "{how}: {told}");
    }
    let task = pay("hangs");
    until(&task, &|told| told["statusMessage"] == "half of it");
    ask("tasks/cancel", task.clone(), true);
    until(&task, &|told| told["status"] == "cancelled");
    let begin = Instant::now();
    while !cut.load(Ordering::SeqCst) {
        assert!(begin.elapsed() < Duration::from_secs(5), "the target still speaks to it");
        thread::sleep(Duration::from_millis(50));
    }
    let calls = attack.arrived("tools/call");
    assert_eq!(calls.len(), 3, "each once");
}

#[test]
fn a_call_does_not_become_a_subscription_because_its_target_says_so() {
    let attack = Attack::new("", |_head, message, stream| {
        let begun = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nconnection: close\r\n\r\n";
        let agreed = json!({ "jsonrpc": "2.0", "method": "notifications/subscriptions/acknowledged", "params": { "notifications": { "toolsListChanged": true } } });
        drop(stream.write_all(format!("{begun}data: {agreed}\n\n").as_bytes()));
        thread::sleep(Duration::from_secs(3));
        let done = json!({ "jsonrpc": "2.0", "id": message["id"], "result": { "resultType": "complete", "content": [] } });
        drop(stream.write_all(format!("data: {done}\n\n").as_bytes()));
    });
    let meta = json!({ "io.modelcontextprotocol/protocolVersion": "2026-07-28", "io.modelcontextprotocol/clientCapabilities": {} });
    let call = json!({ "jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": { "name": "open", "arguments": {}, "_meta": meta } }).to_string();
    let headers =
        [("Mcp-Protocol-Version", "2026-07-28"), ("Mcp-Method", "tools/call"), ("Mcp-Name", "open")];
    thread::scope(|scope| {
        let called = scope.spawn(|| attack.send("POST", &headers, Some(&call)));
        while attack.arrived("tools/call").is_empty() {
            thread::sleep(Duration::from_millis(20));
        }
        thread::sleep(Duration::from_millis(300));
        let rule = ["policy", "add", "more", "--deny", "--connection", "tools", "--tool", "other"];
        let (code, _, err) = attack.world.cli(&rule);
        assert_eq!(code, 0, "{err}");
        let told = called.join().unwrap().text();
        assert!(told.contains("\"complete\"") && !told.contains("list_changed"), "{told}");
    });
}
