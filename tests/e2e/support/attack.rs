//! A gateway in front of an MCP server that misbehaves as each test wants.

use std::io::Write;
use std::net::TcpListener;
use std::net::TcpStream;
use std::sync::Arc;
use std::sync::Mutex;
use std::thread;

use serde_json::Value;
use serde_json::json;

use super::Reply;
use super::World;
use super::client::Client;
use super::client::request;
use super::mcp::ACCEPT;
use super::mcp::answer;
use super::mcp::read_request;

pub const JSON: (&str, &str) = ("Content-Type", "application/json");

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

/// The requests read by a target: head in lower case, and body.
pub type Seen = Arc<Mutex<Vec<(String, String)>>>;

pub struct Attack {
    pub world: World,
    pub seen: Seen,
}

impl Attack {
    /// Starts a gateway in front of a target that answers each request, one per connection, with `serve`.
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

    pub fn send_as(
        &self,
        principal: &str,
        method: &str,
        headers: &[(&str, &str)],
        body: Option<&str>,
    ) -> Reply {
        let mut client = Client::connect(self.world.port);
        let token = self.world.token(principal);
        client.send(request(method, "/c/tools", Some(&token), &[&[ACCEPT, JSON], headers].concat(), body));
        client.reply()
    }

    pub fn call(&self, headers: &[(&str, &str)], params: &Value) -> Value {
        let body = json!({ "jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params }).to_string();
        answer(&self.send("POST", headers, Some(&body)))
    }

    /// Opens a session, which the target calls `theirs`.
    pub fn session(&self) -> String {
        self.session_of("reader")
    }

    /// Opens a session as another principal.
    pub fn session_of(&self, principal: &str) -> String {
        let hello = r#"{"jsonrpc":"2.0","id":0,"method":"initialize","params":{"protocolVersion":"2025-11-25","capabilities":{},"clientInfo":{"name":"x","version":"1"}}}"#;
        self.send_as(principal, "POST", &[], Some(hello)).header("mcp-session-id").unwrap().to_owned()
    }

    pub fn approve(&self) {
        let pending = self.world.wait_pending();
        let (code, _, err) = self.world.cli(&["approval", "approve", pending["id"].as_str().unwrap()]);
        assert_eq!(code, 0, "{err}");
    }

    /// Returns the received requests of a method.
    pub fn arrived(&self, method: &str) -> Vec<(String, String)> {
        let seen = self.seen.lock().unwrap();
        seen.iter().filter(|(_, body)| body.contains(&format!("\"{method}\""))).cloned().collect()
    }
}

/// Returns the next data on an event stream.
pub fn data(client: &mut Client) -> String {
    loop {
        let line = client.line().expect("the stream has ended, or nothing comes on it");
        if let Some(data) = line.strip_prefix("data:").filter(|data| !data.trim().is_empty()) {
            return data.to_owned();
        }
    }
}

/// Answers with a body of this media type.
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

/// Answers `initialize`, and reports success for a call.
pub fn polite(_head: &str, message: &Value, stream: &mut TcpStream) {
    result(stream, message, &json!({ "content": [{ "type": "text", "text": "done" }] }));
}
