//! The sample MCP server of the demo: tools on invented customers, behind a credential.
//!
//! Streamable HTTP at [`PATH`]. Each reply is one JSON message; there are no sessions and no streams. It
//! speaks both eras of the protocol: `initialize` and `ping` of 2025-11-25, `server/discover` of 2026-07-28,
//! `tools/list` and `tools/call` of both.

use std::net::TcpListener;
use std::sync::Arc;
use std::sync::Mutex;

use bytes::Bytes;
use http::HeaderValue;
use http::Method;
use http::Request;
use http::Response;
use http::StatusCode;
use http::header;
use hyper::body::Incoming;
use serde_json::Map;
use serde_json::Value;
use serde_json::json;

use crate::demo::DemoError;
use crate::demo::people;
use crate::demo::rpc::NO_JSON;
use crate::demo::rpc::NO_MESSAGE;
use crate::demo::rpc::NO_METHOD;
use crate::demo::rpc::NO_PARAMS;
use crate::demo::target;
use crate::demo::target::BODY_MAX;
use crate::demo::target::Body;
use crate::demo::target::SampleTarget;
use crate::demo::target::empty;
use crate::demo::target::full;
use crate::demo::target::reply;
use crate::demo::target::typed;
use crate::domain::sync::lock;

/// The path of the endpoint.
pub const PATH: &str = "/mcp";

/// The protocol version of the modern era.
const MODERN: &str = "2026-07-28";
/// The legacy protocol versions with Streamable HTTP, newest first.
const LEGACY: [&str; 3] = ["2025-11-25", "2025-06-18", "2025-03-26"];
/// The returned columns of a customer; the others are not returned.
const COLUMNS: [&str; 6] = ["id", "name", "email", "ssn", "tier", "balance"];
/// MCP error code: unsupported protocol version.
const NO_VERSION: i32 = -32022;

type Customers = Mutex<Vec<Map<String, Value>>>;

/// The state shared by all requests.
struct State {
    authorization: Authorization,
    customers: Customers,
}

/// The complete `Authorization` header that a server accepts.
pub(super) struct Authorization(String);

/// Serves the sample MCP server on `listener`, on its own thread. Requests need `Authorization: Bearer
/// {key}`.
///
/// # Errors
/// [`DemoError`] if the listener or the thread cannot be used.
pub fn start(listener: TcpListener, key: &str) -> Result<SampleTarget, DemoError> {
    let state = Arc::new(State {
        authorization: Authorization::bearer(key),
        customers: Mutex::new(people::customers()),
    });
    target::start(listener, "sample MCP server", move |request| {
        let state = Arc::clone(&state);
        async move { answer(request, &state).await }
    })
}

async fn answer(request: Request<Incoming>, state: &State) -> Response<Body> {
    let body = match state.authorization.posted(request, BODY_MAX).await {
        Ok(body) => body,
        Err(refusal) => return refusal,
    };
    match said(&body, &state.customers) {
        Some((status, message)) => typed(status, "application/json", full(message.to_string())),
        None => empty(StatusCode::ACCEPTED),
    }
}

impl Authorization {
    /// Accepts this bearer token.
    pub(super) fn bearer(key: &str) -> Self {
        Self(format!("Bearer {key}"))
    }

    /// Returns the refusal of a request with another header, or for another path than [`PATH`].
    pub(super) fn refuses(&self, request: &Request<Incoming>) -> Option<Response<Body>> {
        let problem = |status, detail: &str| Some(reply(status, &json!({ "error": detail })));
        let sent = request.headers().get(header::AUTHORIZATION).map(HeaderValue::as_bytes);
        if sent != Some(self.0.as_bytes()) {
            return problem(
                StatusCode::UNAUTHORIZED,
                "this server wants the credential that only the gateway has",
            );
        }
        if request.uri().path() != PATH {
            return problem(StatusCode::NOT_FOUND, "there is nothing but /mcp");
        }
        None
    }

    /// Reads the message of a request, at most `most` bytes. An error is the refusing response.
    pub(super) async fn posted(
        &self,
        request: Request<Incoming>,
        most: usize,
    ) -> Result<Bytes, Response<Body>> {
        if let Some(refusal) = self.refuses(&request) {
            return Err(refusal);
        }
        if *request.method() != Method::POST {
            // There is no stream to listen to, and no session to end.
            let mut response = empty(StatusCode::METHOD_NOT_ALLOWED);
            response.headers_mut().insert(header::ALLOW, HeaderValue::from_static("POST"));
            return Err(response);
        }
        target::read(request, most).await.ok_or_else(|| {
            let detail = format!("a message has at most {} KiB", most >> 10);
            reply(StatusCode::PAYLOAD_TOO_LARGE, &json!({ "error": detail }))
        })
    }
}

/// A failure of a request.
struct Fault {
    status: StatusCode,
    error: Value,
}

impl Fault {
    fn new(status: StatusCode, code: i32, message: impl Into<String>) -> Self {
        Self { status, error: json!({ "code": code, "message": message.into() }) }
    }
}

/// Returns the reply to a message; `None` for a notification.
fn said(body: &[u8], customers: &Customers) -> Option<(StatusCode, Value)> {
    let failed = |id: &Value, Fault { status, error }| {
        Some((status, json!({ "jsonrpc": "2.0", "id": id, "error": error })))
    };
    let Ok(message) = serde_json::from_slice::<Value>(body) else {
        return failed(&Value::Null, Fault::new(StatusCode::BAD_REQUEST, NO_JSON, "this is no JSON"));
    };
    let Some(method) = message.get("method").and_then(Value::as_str) else {
        return failed(&Value::Null, Fault::new(StatusCode::BAD_REQUEST, NO_MESSAGE, "this names no method"));
    };
    let id = message.get("id")?;
    let params = message.get("params").unwrap_or(&Value::Null);
    match result(method, params, customers) {
        Ok(result) => Some((StatusCode::OK, json!({ "jsonrpc": "2.0", "id": id, "result": result }))),
        Err(fault) => failed(id, fault),
    }
}

/// Returns the result of a request.
fn result(method: &str, params: &Value, customers: &Customers) -> Result<Value, Fault> {
    let version = params.pointer("/_meta/io.modelcontextprotocol~1protocolVersion").and_then(Value::as_str);
    let info = json!({ "name": "hoopctl-demo", "version": env!("CARGO_PKG_VERSION") });
    let capabilities = json!({ "tools": {} });
    let instructions = "Invented customers, to try hoopctl with.";
    let Some(version) = version else {
        return match method {
            "initialize" => {
                let wanted = params.get("protocolVersion").and_then(Value::as_str);
                let spoken = LEGACY.into_iter().find(|version| wanted == Some(version)).unwrap_or(LEGACY[0]);
                Ok(
                    json!({ "protocolVersion": spoken, "capabilities": capabilities, "serverInfo": info, "instructions": instructions }),
                )
            }
            "ping" => Ok(json!({})),
            "tools/list" => Ok(json!({ "tools": tools() })),
            "tools/call" => call(params, customers),
            _ => Err(Fault::new(StatusCode::OK, NO_METHOD, "Method not found")),
        };
    };
    if version != MODERN {
        let fault = Fault::new(StatusCode::BAD_REQUEST, NO_VERSION, "Unsupported protocol version");
        let Fault { status, mut error } = fault;
        if let Some(members) = error.as_object_mut() {
            members.insert("data".to_owned(), json!({ "supported": [MODERN], "requested": version }));
        }
        return Err(Fault { status, error });
    }
    let mut result = match method {
        "server/discover" => json!({
            "supportedVersions": [MODERN], "capabilities": capabilities, "instructions": instructions,
            "ttlMs": 60_000, "cacheScope": "public",
        }),
        "tools/list" => json!({ "tools": tools(), "ttlMs": 60_000, "cacheScope": "public" }),
        "tools/call" => call(params, customers)?,
        _ => return Err(Fault::new(StatusCode::NOT_FOUND, NO_METHOD, "Method not found")),
    };
    if let Some(members) = result.as_object_mut() {
        members.insert("resultType".to_owned(), json!("complete"));
        members.insert("_meta".to_owned(), json!({ "io.modelcontextprotocol/serverInfo": info }));
    }
    Ok(result)
}

/// Returns the tool definitions.
fn tools() -> Value {
    let customer = json!({ "type": "integer", "description": "Its id" });
    json!([
        {
            "name": "list_customers",
            "description": "Lists customers, all or those of one tier.",
            "inputSchema": {
                "type": "object",
                "properties": { "tier": { "type": "string", "enum": ["bronze", "silver", "gold"] } },
            },
            "outputSchema": {
                "type": "object",
                "properties": { "customers": { "type": "array", "items": { "type": "object" } } },
                "required": ["customers"],
            },
            "annotations": { "readOnlyHint": true },
        },
        {
            "name": "refund",
            "description": "Gives an amount back to a customer, in whole dollars.",
            "inputSchema": {
                "type": "object",
                "properties": { "customer": customer, "amount": { "type": "integer", "minimum": 1 } },
                "required": ["customer", "amount"],
            },
            "annotations": { "destructiveHint": false },
        },
        {
            "name": "delete_customer",
            "description": "Deletes a customer, for good.",
            "inputSchema": {
                "type": "object",
                "properties": { "customer": customer },
                "required": ["customer"],
            },
            "annotations": { "destructiveHint": true },
        },
    ])
}

/// Calls a tool.
fn call(params: &Value, customers: &Customers) -> Result<Value, Fault> {
    let name = params.get("name").and_then(Value::as_str).unwrap_or_default();
    let argument = |name: &str| params.get("arguments").and_then(|arguments| arguments.get(name));
    let integer = |name: &str| argument(name).and_then(Value::as_i64);
    // A request that panicked leaves consistent data behind: each change is one assignment.
    let mut customers = lock(customers);
    let is = |customer: &Map<String, Value>, id| customer.get("id").and_then(Value::as_i64) == Some(id);
    Ok(match name {
        "list_customers" => {
            let tier = argument("tier");
            let wanted = customers.iter().filter(|customer| tier.is_none() || customer.get("tier") == tier);
            let rows: Vec<Value> = wanted.map(row).collect();
            let rows = json!({ "customers": rows });
            let mut result = words(&rows.to_string(), false);
            if let Some(members) = result.as_object_mut() {
                members.insert("structuredContent".to_owned(), rows);
            }
            result
        }
        "refund" => {
            let amount = integer("amount").filter(|amount| (1..=1_000_000).contains(amount));
            let (Some(id), Some(amount)) = (integer("customer"), amount) else {
                return Ok(words(
                    "refund needs customer and amount, both whole numbers, amount above 0",
                    true,
                ));
            };
            match customers.iter_mut().find(|customer| is(customer, id)) {
                Some(customer) => {
                    let balance = customer.get("balance").and_then(Value::as_i64).unwrap_or(0) + amount;
                    customer.insert("balance".to_owned(), json!(balance));
                    words(&format!("refunded {amount} to customer {id}, whose balance is {balance}"), false)
                }
                None => words("there is no such customer", true),
            }
        }
        "delete_customer" => {
            let before = customers.len();
            customers.retain(|customer| !integer("customer").is_some_and(|id| is(customer, id)));
            let missing = customers.len() == before;
            words(if missing { "there is no such customer" } else { "deleted" }, missing)
        }
        _ => return Err(Fault::new(StatusCode::OK, NO_PARAMS, format!("Unknown tool: {name}"))),
    })
}

fn row(customer: &Map<String, Value>) -> Value {
    let column = |name: &&str| customer.get(*name).map(|value| ((*name).to_owned(), value.clone()));
    Value::Object(COLUMNS.iter().filter_map(column).collect())
}

/// Returns a text result.
fn words(text: &str, failed: bool) -> Value {
    json!({ "content": [{ "type": "text", "text": text }], "isError": failed })
}

#[cfg(test)]
mod tests {
    use std::io::Read;
    use std::io::Write;
    use std::net::TcpStream;

    use super::*;

    fn said(customers: &Customers, body: &Value) -> (u16, Value) {
        let (status, message) = super::said(body.to_string().as_bytes(), customers).unwrap();
        assert_eq!((&message["jsonrpc"], &message["id"]), (&json!("2.0"), &body["id"]), "{message}");
        (status.as_u16(), message)
    }

    /// Sends a request of the legacy era, or with a version in `_meta`, of the modern one.
    fn asked(customers: &Customers, version: Option<&str>, method: &str, mut params: Value) -> (u16, Value) {
        if let Some(version) = version {
            params["_meta"] = json!({
                "io.modelcontextprotocol/protocolVersion": version,
                "io.modelcontextprotocol/clientCapabilities": {},
            });
        }
        said(customers, &json!({ "jsonrpc": "2.0", "id": "a", "method": method, "params": params }))
    }

    fn all() -> Customers {
        Mutex::new(people::customers())
    }

    #[test]
    fn each_era_is_greeted_in_its_own_way_and_not_in_the_others() {
        let all = all();
        for (wanted, spoken) in
            [("2025-11-25", "2025-11-25"), ("2025-03-26", "2025-03-26"), ("2024-11-05", "2025-11-25")]
        {
            let (_, hello) = asked(&all, None, "initialize", json!({ "protocolVersion": wanted }));
            assert_eq!(hello["result"]["protocolVersion"], spoken);
        }
        let (status, found) = asked(&all, Some(MODERN), "server/discover", json!({}));
        assert_eq!((status, &found["result"]["supportedVersions"]), (200, &json!([MODERN])), "{found}");
        assert_eq!(found["result"]["resultType"], "complete");
        for (version, method, status, code) in [
            (None, "server/discover", 200, NO_METHOD),
            (Some(MODERN), "initialize", 404, NO_METHOD),
            (Some(MODERN), "ping", 404, NO_METHOD),
            (Some("2027-01-01"), "tools/list", 400, NO_VERSION),
        ] {
            let (found, message) = asked(&all, version, method, json!({}));
            assert_eq!((found, &message["error"]["code"]), (status, &json!(code)), "{version:?} {method}");
        }
    }

    #[test]
    fn tools_do_what_they_say_in_both_eras() {
        for version in [None, Some(MODERN)] {
            let all = all();
            let call = |name: &str, arguments: Value| {
                let (_, message) =
                    asked(&all, version, "tools/call", json!({ "name": name, "arguments": arguments }));
                message["result"].clone()
            };
            let listed = asked(&all, version, "tools/list", json!({})).1;
            for tool in listed["result"]["tools"].as_array().unwrap() {
                // Without arguments there is a result or a complaint, never "unknown".
                let result = call(tool["name"].as_str().unwrap(), json!({}));
                assert!(result["content"][0]["text"].is_string(), "{tool} {result}");
                assert_eq!(result.get("resultType").is_some(), version.is_some());
            }
            let gold = call("list_customers", json!({ "tier": "gold" }));
            let text: Value = serde_json::from_str(gold["content"][0]["text"].as_str().unwrap()).unwrap();
            assert_eq!(text, gold["structuredContent"]);
            assert_eq!(text["customers"].as_array().unwrap().len(), 3);
            assert_eq!(text["customers"][0]["ssn"], "527-81-6042");
            let before =
                call("list_customers", json!({}))["structuredContent"]["customers"][6]["balance"].clone();
            assert_eq!(call("refund", json!({ "customer": 7, "amount": 40 }))["isError"], false);
            let after =
                call("list_customers", json!({}))["structuredContent"]["customers"][6]["balance"].clone();
            assert_eq!(after.as_i64().unwrap() - before.as_i64().unwrap(), 40);
            for wrong in [
                json!({ "customer": 7 }),
                json!({ "customer": 7, "amount": -1 }),
                json!({ "customer": 70, "amount": 1 }),
            ] {
                assert_eq!(call("refund", wrong.clone())["isError"], true, "{wrong}");
            }
            assert_eq!(call("delete_customer", json!({ "customer": 7 }))["isError"], false);
            assert_eq!(call("delete_customer", json!({ "customer": 7 }))["isError"], true);
            let unknown = asked(&all, version, "tools/call", json!({ "name": "x" })).1;
            assert_eq!(unknown["error"]["code"], NO_PARAMS);
        }
    }

    #[test]
    fn what_is_no_request_is_answered_as_such() {
        let all = all();
        assert!(super::said(br#"{"jsonrpc":"2.0","method":"notifications/initialized"}"#, &all).is_none());
        for (body, code) in [("{", NO_JSON), ("[]", NO_MESSAGE), (r#"{"id":1,"result":{}}"#, NO_MESSAGE)] {
            let (status, message) = super::said(body.as_bytes(), &all).unwrap();
            assert_eq!((status.as_u16(), &message["error"]["code"]), (400, &json!(code)), "{body}");
        }
    }

    #[test]
    fn it_answers_at_its_one_place_and_only_with_the_credential() {
        let server = start(TcpListener::bind("127.0.0.1:0").unwrap(), "k3y").unwrap();
        let list = r#"{"jsonrpc":"2.0","id":1,"method":"tools/list"}"#;
        for (line, credential, status) in [
            ("POST /mcp", "Bearer k3y", 200),
            ("POST /mcp", "Bearer other", 401),
            ("POST /", "Bearer k3y", 404),
            ("GET /mcp", "Bearer k3y", 405),
            ("DELETE /mcp", "Bearer k3y", 405),
        ] {
            let mut stream = TcpStream::connect(server.address()).unwrap();
            let length = list.len();
            write!(stream, "{line} HTTP/1.1\r\nHost: x\r\nAuthorization: {credential}\r\nConnection: close\r\nContent-Length: {length}\r\n\r\n{list}").unwrap();
            let mut text = String::new();
            stream.read_to_string(&mut text).unwrap();
            assert!(text.starts_with(&format!("HTTP/1.1 {status} ")), "{line} {credential}: {text}");
            assert_eq!(text.contains("list_customers"), status == 200);
        }
    }
}
