//! A client of one MCP connection that sends handwritten messages, in either era.

use serde_json::Value;
use serde_json::json;

use crate::support::Client;
use crate::support::Reply;
use crate::support::World;
use crate::support::client::request;

/// A client of one connection.
pub struct Caller<'w> {
    pub world: &'w World,
    pub token: String,
    pub connection: &'static str,
    /// The id of its session, in the legacy era.
    pub session: Option<String>,
}

impl<'w> Caller<'w> {
    /// Creates a client without a session.
    pub fn new(world: &'w World, who: &str, connection: &'static str) -> Self {
        Self { world, token: world.token(who), connection, session: None }
    }

    /// Creates a client of the legacy era with a session.
    pub fn begun(world: &'w World, who: &str, connection: &'static str, capabilities: &Value) -> Self {
        let mut client = Self::new(world, who, connection);
        let reply = client.hello(capabilities);
        assert_eq!(reply.status, 200, "{} {}", reply.text(), world.log());
        client.session = reply.header("mcp-session-id").map(str::to_owned);
        assert!(client.session.is_some(), "no session: {}", reply.text());
        let told = client.post(&json!({ "jsonrpc": "2.0", "method": "notifications/initialized" }));
        assert_eq!((told.status, told.text().as_str()), (202, ""));
        client
    }

    /// Sends the first message of a session.
    pub fn hello(&self, capabilities: &Value) -> Reply {
        let params = json!({ "protocolVersion": "2025-11-25", "capabilities": capabilities, "clientInfo": { "name": "t", "version": "1" } });
        self.post(&json!({ "jsonrpc": "2.0", "id": 0, "method": "initialize", "params": params }))
    }

    /// Sends a request without reading the response.
    pub fn open(&self, method: &str, headers: &[(&str, &str)], body: Option<&str>) -> Client {
        let path = format!("/c/{}", self.connection);
        let mut all =
            vec![("Accept", "application/json, text/event-stream"), ("Content-Type", "application/json")];
        all.extend_from_slice(headers);
        if let Some(session) = &self.session {
            all.push(("Mcp-Session-Id", session));
        }
        let mut client = self.world.client();
        client.send(request(method, &path, Some(&self.token), &all, body));
        client
    }

    /// Sends one message.
    pub fn post(&self, body: &Value) -> Reply {
        self.open("POST", &[], Some(&body.to_string())).reply()
    }

    /// Calls a tool.
    pub fn call(&self, id: i64, tool: &str, arguments: &Value) -> Reply {
        let params = json!({ "name": tool, "arguments": arguments });
        self.post(&json!({ "jsonrpc": "2.0", "id": id, "method": "tools/call", "params": params }))
    }

    /// Sends a request of the modern era.
    pub fn modern(&self, id: &Value, method: &str, params: Value) -> Client {
        self.modern_with(&[], id, method, params)
    }

    /// Sends a request of the modern era with additional headers.
    pub fn modern_with(&self, more: &[(&str, &str)], id: &Value, method: &str, mut params: Value) -> Client {
        params["_meta"]["io.modelcontextprotocol/protocolVersion"] = "2026-07-28".into();
        params["_meta"]["io.modelcontextprotocol/clientCapabilities"] = json!({});
        let name = params["name"].as_str().unwrap_or_default().to_owned();
        let body = json!({ "jsonrpc": "2.0", "id": id, "method": method, "params": params }).to_string();
        let mut headers = vec![("MCP-Protocol-Version", "2026-07-28"), ("Mcp-Method", method)];
        if !name.is_empty() {
            headers.push(("Mcp-Name", &name));
        }
        headers.extend_from_slice(more);
        self.open("POST", &headers, Some(&body))
    }
}

/// Returns the messages of a response, whether it is a single message or a stream.
pub fn messages(reply: &Reply) -> Vec<Value> {
    match reply.header("content-type") {
        Some("text/event-stream") => {
            let text = reply.text();
            let data = text.lines().filter_map(|line| line.strip_prefix("data:"));
            data.map(|data| serde_json::from_str(data).unwrap()).collect()
        }
        _ => vec![reply.json()],
    }
}
