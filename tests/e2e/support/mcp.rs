//! The MCP server of tests/peers behind a gateway, and its clients.

use std::io::BufRead;
use std::io::BufReader;
use std::io::Read;
use std::net::TcpStream;
use std::path::Path;
use std::process::Child;
use std::process::Command;
use std::process::Stdio;

use serde_json::Value;
use serde_json::json;

use crate::support::Reply;
use crate::support::World;
use crate::support::client::Client;
use crate::support::client::request;
use crate::support::database::Database;
use crate::support::process::free_port;
use crate::support::process::run;

/// The gateway's token for the server.
pub const MCP_TOKEN: &str = "mcp-s3cret/token";
/// The `Accept` header of every message.
pub const ACCEPT: (&str, &str) = ("Accept", "application/json, text/event-stream");
/// Policies that allow everything.
pub const ALL: &str = r#"
[[policy]]
id = "all"
effect = "allow"
match = { groups = ["support"], connections = ["tools"], operations = ["read", "write", "admin", "unknown"] }
"#;

/// A gateway in front of the server.
pub struct Mcp {
    pub world: World,
    /// The server's own address.
    pub direct: String,
    _server: Server,
}

struct Server(Child);

impl Drop for Server {
    fn drop(&mut self) {
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

/// Returns the folder of the peers.
pub fn peers() -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/peers")
}

impl Mcp {
    /// Starts a gateway with these policies; `options` are lines of the connection.
    pub fn new(options: &str, rules: &str) -> Self {
        Self::with_server(&[], options, rules)
    }

    /// Starts a gateway like [`Self::new`], with arguments for the server.
    pub fn with_server(args: &[&str], options: &str, rules: &str) -> Self {
        let (server, direct) = Self::serve(args);
        let connection = Self::connection(&direct, options);
        let world = World::with_server(&format!("{connection}{rules}"), ("MCP_TOKEN", MCP_TOKEN));
        Self { world, direct, _server: server }
    }

    /// Starts a gateway in front of the server, the API and a database.
    pub fn with_all(database: Database, rules: &str) -> Self {
        let (server, direct) = Self::serve(&[]);
        let connection = Self::connection(&direct, "");
        let world = World::with_all(database, &format!("{connection}{rules}"), ("MCP_TOKEN", MCP_TOKEN));
        Self { world, direct, _server: server }
    }

    /// Starts the server. Returns its address.
    fn serve(args: &[&str]) -> (Server, String) {
        let server = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/mcp-fixture/debug/mcp-fixture");
        assert!(server.is_file(), "the MCP server is not built; run tests/setup");
        let port = free_port();
        let mut command = Command::new(server);
        command.args(["--port", &port.to_string()]).args(args).env("MCP_FIXTURE_TOKEN", MCP_TOKEN);
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
        let mut direct = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut direct).unwrap();
        (Server(child), direct.trim().to_owned())
    }

    fn connection(direct: &str, options: &str) -> String {
        format!(
            "[[connection]]\nname = \"tools\"\nupstream = \"mcp+{direct}\"\ninject = \"bearer:env:MCP_TOKEN\"\n{options}\n"
        )
    }

    /// Returns the URL of the connection.
    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}/c/tools", self.world.port)
    }

    /// Sends one handwritten message.
    pub fn post(&self, token: &str, headers: &[(&str, &str)], body: &str) -> Reply {
        let mut client = Client::connect(self.world.port);
        let all = [&[ACCEPT, ("Content-Type", "application/json")], headers].concat();
        client.send(request("POST", "/c/tools", Some(token), &all, Some(body)));
        client.reply()
    }

    /// Sends a request of the modern era. Returns the answer, whether single or on a stream.
    pub fn ask(&self, token: &str, method: &str, params: Value) -> Value {
        let (_, answer) = self.asked(token, method, params);
        answer
    }

    /// Sends a request like [`Self::ask`]. Also returns the response's status.
    pub fn asked(&self, token: &str, method: &str, mut params: Value) -> (u16, Value) {
        params["_meta"] = json!({
            "io.modelcontextprotocol/protocolVersion": "2026-07-28",
            "io.modelcontextprotocol/clientCapabilities": {},
            "io.modelcontextprotocol/clientInfo": { "name": "by hand", "version": "1" },
        });
        let name = params["name"].as_str().or(params["uri"].as_str()).map(str::to_owned);
        let body = json!({ "jsonrpc": "2.0", "id": 7, "method": method, "params": params }).to_string();
        let mut headers = vec![("Mcp-Protocol-Version", "2026-07-28"), ("Mcp-Method", method)];
        if let Some(name) = &name {
            headers.push(("Mcp-Name", name));
        }
        let reply = self.post(token, &headers, &body);
        (reply.status, answer(&reply))
    }

    /// Calls a tool.
    pub fn call(&self, token: &str, tool: &str, arguments: &Value) -> Value {
        self.ask(token, "tools/call", json!({ "name": tool, "arguments": arguments }))
    }

    /// Returns how often a tool was called on the server.
    pub fn tally(&self, tool: &str) -> u64 {
        let token = MCP_TOKEN;
        let port: u16 = self.direct.split(':').nth(2).unwrap().split('/').next().unwrap().parse().unwrap();
        let params = json!({ "name": "tally", "arguments": {}, "_meta": {
            "io.modelcontextprotocol/protocolVersion": "2026-07-28",
            "io.modelcontextprotocol/clientCapabilities": {} } });
        let body = json!({ "jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params }).to_string();
        let headers = [
            ACCEPT,
            ("Content-Type", "application/json"),
            ("Mcp-Protocol-Version", "2026-07-28"),
            ("Mcp-Method", "tools/call"),
            ("Mcp-Name", "tally"),
        ];
        let mut client = Client::connect(port);
        // The server only accepts requests for its own address.
        let request = request("POST", "/mcp", Some(token), &headers, Some(&body));
        client.send(request.replace("Host: gateway", &format!("Host: 127.0.0.1:{port}")));
        let told = answer(&client.reply());
        let calls = &told["result"]["structuredContent"]["calls"];
        assert!(calls.is_object(), "the server does not count: {told}");
        calls[tool].as_u64().unwrap_or(0)
    }
}

/// Returns the answering message of a response of either form.
pub fn answer(reply: &Reply) -> Value {
    let text = reply.text();
    if !reply.header("content-type").is_some_and(|kind| kind.starts_with("text/event-stream")) {
        return serde_json::from_str(&text)
            .unwrap_or_else(|_| json!({ "status": reply.status, "text": text }));
    }
    let messages =
        text.lines().filter_map(|line| line.strip_prefix("data:")).filter(|data| !data.trim().is_empty());
    let mut messages = messages.map(|data| serde_json::from_str::<Value>(data).unwrap());
    messages
        .rfind(|message| message.get("id").is_some() && message.get("method").is_none())
        .unwrap_or(Value::Null)
}

/// Reads one request: head in lower case, and body.
pub fn read_request(stream: &mut TcpStream) -> Option<(String, String)> {
    let mut bytes = Vec::new();
    let mut byte = [0];
    while !bytes.ends_with(b"\r\n\r\n") {
        stream.read_exact(&mut byte).ok()?;
        bytes.push(byte[0]);
    }
    let head = String::from_utf8(bytes).unwrap().to_lowercase();
    let length = head.lines().find_map(|line| line.strip_prefix("content-length:"));
    let mut body = vec![0; length.map_or(0, |length| length.trim().parse().unwrap())];
    stream.read_exact(&mut body).ok()?;
    Some((head, String::from_utf8(body).unwrap()))
}

/// Runs a program of tests/peers/mcp. Returns its exit code and output.
pub fn peer(program: &str, args: &[&str], env: &[(&str, &str)]) -> (i32, String, String) {
    let folder = peers().join("mcp");
    let program = match program {
        "py1" => peers().join("venv-mcp1/bin/python"),
        "py2" => peers().join("venv-mcp2/bin/python"),
        other => other.into(),
    };
    let mut command = Command::new(program);
    command.args(args).current_dir(folder).envs(env.iter().copied()).env("PYTHONDONTWRITEBYTECODE", "1");
    run(&mut command)
}
