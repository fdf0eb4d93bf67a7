//! A recorded MCP server: it repeats the replies of a recorded target, from a file written by `session export
//! --format mcp-fixture`.
//!
//! Requests are matched by method, era and parameters, regardless of the order of members and of `_meta`;
//! `initialize` is matched by its method alone. A repeated request gets the next recorded reply, and the last
//! one from then on. A request that is not in the recording gets an error that says so. The stream that a
//! client opens with GET is not supported.

use std::collections::HashMap;
use std::collections::HashSet;
use std::net::TcpListener;
use std::sync::Arc;
use std::sync::Mutex;

use http::HeaderValue;
use http::Method;
use http::Request;
use http::Response;
use http::StatusCode;
use hyper::body::Incoming;

use crate::demo::DemoError;
use crate::demo::mcp::Authorization;
use crate::demo::rpc::NO_JSON;
use crate::demo::rpc::NO_MESSAGE;
use crate::demo::rpc::NO_METHOD;
use crate::demo::rpc::NO_PARAMS;
use crate::demo::target;
use crate::demo::target::Body;
use crate::demo::target::SampleTarget;
use crate::demo::target::empty;
use crate::demo::target::full;
use crate::demo::target::typed;
use crate::domain::json::Json;
use crate::domain::json::push_string;
use crate::domain::sync::lock;

/// Maximum size of a message, in bytes: the default limit of a connection.
const BODY_MAX: usize = 10 << 20;
/// Maximum nesting depth of a document; messages in it may have a depth of 64.
const DEPTH: usize = 72;

/// The recorded replies of a target.
#[derive(Debug, Default)]
pub struct Fixture {
    answers: HashMap<String, Vec<Answer>>,
    /// The recorded methods by era: `true` for the modern one.
    methods: HashSet<(bool, Box<str>)>,
    /// How often each request was received.
    asked: Mutex<HashMap<String, usize>>,
}

#[derive(Debug)]
struct Answer {
    status: StatusCode,
    messages: Vec<Json>,
}

impl Fixture {
    /// Parses an exported recording.
    ///
    /// # Errors
    /// [`DemoError::Fixture`] if the document is not such an export.
    pub fn read(document: &[u8]) -> Result<Self, DemoError> {
        let wrong = |why: String| DemoError::Fixture { why };
        let document = Json::parse(document, DEPTH).map_err(|error| wrong(error.to_string()))?;
        if document.member("hoopctl").and_then(Json::as_str) != Some("mcp-fixture") {
            return Err(wrong("it is not what session export --format mcp-fixture writes".to_owned()));
        }
        if document.member("v").and_then(Json::as_i64) != Some(1) {
            return Err(wrong("it is of another version".to_owned()));
        }
        let exchanges = document.member("exchanges").and_then(Json::as_array).unwrap_or_default();
        let mut fixture = Self::default();
        for (place, exchange) in exchanges.iter().enumerate() {
            fixture.add(exchange).ok_or_else(|| wrong(format!("its exchange {place} cannot be read")))?;
        }
        Ok(fixture)
    }

    fn add(&mut self, exchange: &Json) -> Option<()> {
        let request = exchange.member("request")?;
        if request.member("http")?.as_str()? == "GET" {
            return Some(());
        }
        let method = request.member("method")?.as_str()?;
        let params = request.member("params");
        let status = u16::try_from(exchange.member("status")?.as_i64()?).ok()?;
        let messages = exchange.member("responses")?.as_array()?.to_vec();
        let answer = Answer { status: StatusCode::from_u16(status).ok()?, messages };
        self.methods.insert((version(params).is_some(), method.into()));
        self.answers.entry(key(method, params)).or_default().push(answer);
        Some(())
    }

    /// Returns the reply to a message; `None` if it has no reply.
    fn said(&self, body: &[u8]) -> Option<Said> {
        let Ok(message) = Json::parse(body, DEPTH) else {
            return Some(Said::error(StatusCode::BAD_REQUEST, &Json::Null, NO_JSON, "this is no JSON"));
        };
        // A response or notification by the client.
        let is_answer = ["result", "error"].into_iter().any(|member| message.member(member).is_some());
        let Some(method) = message.member("method").and_then(Json::as_str) else {
            let fault =
                || Said::error(StatusCode::BAD_REQUEST, &Json::Null, NO_MESSAGE, "this names no method");
            return (!is_answer).then(fault);
        };
        let id = message.member("id")?;
        let params = message.member("params");
        let key = key(method, params);
        let Some(answers) = self.answers.get(&key) else { return Some(self.unknown(id, method, params)) };
        let mut asked = lock(&self.asked);
        let times = asked.entry(key).or_insert(0);
        let answer = answers.get(*times).or_else(|| answers.last())?;
        *times += 1;
        let token = params.and_then(|params| params.member("_meta")?.member("progressToken"));
        let messages = answer.messages.iter().filter_map(|message| own(message, id, token)).collect();
        Some(Said { status: answer.status, messages, opens: method == "initialize" })
    }

    /// Returns the reply to a request that is not in the recording.
    fn unknown(&self, id: &Json, method: &str, params: Option<&Json>) -> Said {
        let modern = version(params).is_some();
        if modern && !self.methods.iter().any(|(modern, _)| *modern) {
            let why = "the recording is of older versions of MCP only; begin with initialize";
            return Said::error(StatusCode::BAD_REQUEST, id, NO_MESSAGE, why);
        }
        if !modern && method == "ping" {
            let pong = Json::Object(vec![
                ("jsonrpc".into(), Json::String("2.0".into())),
                ("id".into(), id.clone()),
                ("result".into(), Json::Object(Vec::new())),
            ]);
            return Said { status: StatusCode::OK, messages: vec![pong], opens: false };
        }
        if !self.methods.contains(&(modern, method.into())) {
            let status = if modern { StatusCode::NOT_FOUND } else { StatusCode::OK };
            let why = format!("Method not found: the recording has no {method} of this version");
            return Said::error(status, id, NO_METHOD, &why);
        }
        let named = params.and_then(|params| params.member("name").or_else(|| params.member("uri")));
        let named = named.and_then(Json::as_str).map(|named| format!(" {named}")).unwrap_or_default();
        let why = format!("the recording has no {method}{named} with these parameters");
        Said::error(StatusCode::OK, id, NO_PARAMS, &why)
    }
}

/// The reply to one message.
struct Said {
    status: StatusCode,
    messages: Vec<Json>,
    /// Whether it opens a session of the legacy era.
    opens: bool,
}

impl Said {
    fn error(status: StatusCode, id: &Json, code: i32, message: &str) -> Self {
        let error = Json::Object(vec![
            ("code".into(), Json::Number(code.to_string().into())),
            ("message".into(), Json::String(message.into())),
        ]);
        let message = Json::Object(vec![
            ("jsonrpc".into(), Json::String("2.0".into())),
            ("id".into(), id.clone()),
            ("error".into(), error),
        ]);
        Self { status, messages: vec![message], opens: false }
    }

    fn response(self) -> Response<Body> {
        let mut response = match &*self.messages {
            [message] => typed(self.status, "application/json", full(message.to_string())),
            messages => {
                let text = messages
                    .iter()
                    .fold(String::new(), |text, message| text + "data: " + &message.to_string() + "\n\n");
                typed(self.status, "text/event-stream", full(text))
            }
        };
        if self.opens {
            // With a session, the target may repeat the requests it sent to its client in the recording.
            response.headers_mut().insert("mcp-session-id", HeaderValue::from_static("recorded"));
        }
        response
    }
}

/// Adapts a recorded message to a client's request id and progress token; `None` for progress that was not
/// requested.
fn own(message: &Json, id: &Json, token: Option<&Json>) -> Option<Json> {
    let Json::Object(members) = message else { return Some(message.clone()) };
    let mut members = members.clone();
    if message.member("method").and_then(Json::as_str) == Some("notifications/progress") {
        let token = token?;
        if let Some((_, Json::Object(params))) = members.iter_mut().find(|(name, _)| &**name == "params") {
            replace(params, "progressToken", token);
        }
    } else if message.member("method").is_none() {
        replace(&mut members, "id", id);
    }
    Some(Json::Object(members))
}

fn replace(members: &mut [(Box<str>, Json)], wanted: &str, value: &Json) {
    for (_, place) in members.iter_mut().filter(|(name, _)| &**name == wanted) {
        *place = value.clone();
    }
}

/// Returns the protocol version of a request of the modern era.
fn version(params: Option<&Json>) -> Option<&str> {
    params?.member("_meta")?.member("io.modelcontextprotocol/protocolVersion")?.as_str()
}

/// Returns the key by which a request is matched.
fn key(method: &str, params: Option<&Json>) -> String {
    let mut key = String::new();
    push_string(method, &mut key);
    push_string(version(params).unwrap_or_default(), &mut key);
    if method == "initialize" {
        return key;
    }
    if let Some(Json::Object(members)) = params {
        let members = members.iter().filter(|(name, _)| &**name != "_meta").cloned().collect();
        key.push_str(&sorted(Json::Object(members)).to_string());
    } else {
        key.push_str("{}");
    }
    key
}

/// Returns the same value with sorted members.
fn sorted(value: Json) -> Json {
    match value {
        Json::Object(members) => {
            let mut members: Vec<_> =
                members.into_iter().map(|(name, value)| (name, sorted(value))).collect();
            members.sort_by(|(one, _), (other, _)| one.cmp(other));
            Json::Object(members)
        }
        Json::Array(values) => Json::Array(values.into_iter().map(sorted).collect()),
        other => other,
    }
}

/// Serves the recorded target on `listener`, on its own thread. Requests need `Authorization: Bearer {key}`.
///
/// # Errors
/// [`DemoError`] if the listener or the thread cannot be used.
pub fn start(listener: TcpListener, key: &str, fixture: Fixture) -> Result<SampleTarget, DemoError> {
    let state = Arc::new((Authorization::bearer(key), fixture));
    target::start(listener, "recorded MCP server", move |request| {
        let state = Arc::clone(&state);
        async move { answer(request, &state.0, &state.1).await }
    })
}

async fn answer(
    request: Request<Incoming>,
    authorization: &Authorization,
    fixture: &Fixture,
) -> Response<Body> {
    if *request.method() == Method::DELETE && authorization.refuses(&request).is_none() {
        return empty(StatusCode::OK);
    }
    match authorization.posted(request, BODY_MAX).await {
        Ok(body) => fixture.said(&body).map_or_else(|| empty(StatusCode::ACCEPTED), Said::response),
        Err(refusal) => refusal,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::Value;
    use serde_json::json;

    use super::*;

    fn meta(more: &Value) -> Value {
        let mut meta = json!({ "io.modelcontextprotocol/protocolVersion": "2026-07-28" });
        meta.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        meta
    }

    fn exchange(method: &str, params: &Value, responses: &[Value]) -> Value {
        json!({
            "request": { "http": "POST", "method": method, "params": params },
            "status": 200, "responses": responses,
        })
    }

    fn result(text: &str) -> Value {
        json!({ "jsonrpc": "2.0", "id": 7, "result": { "said": text } })
    }

    fn fixture(exchanges: &[Value]) -> Fixture {
        let document = json!({ "hoopctl": "mcp-fixture", "v": 1, "exchanges": exchanges });
        Fixture::read(document.to_string().as_bytes()).unwrap()
    }

    fn asked(fixture: &Fixture, method: &str, params: &Value) -> (u16, Vec<Value>) {
        let body = json!({ "jsonrpc": "2.0", "id": "mine", "method": method, "params": params }).to_string();
        let said = fixture.said(body.as_bytes()).unwrap();
        let read = |message: &Json| serde_json::from_str(&message.to_string()).unwrap();
        (said.status.as_u16(), said.messages.iter().map(read).collect())
    }

    fn said(fixture: &Fixture, method: &str, params: &Value) -> Value {
        let (_, messages) = asked(fixture, method, params);
        assert_eq!(messages.last().unwrap()["id"], "mine", "{messages:?}");
        messages.last().unwrap()["result"]["said"].clone()
    }

    #[test]
    fn each_request_gets_its_own_answer_in_its_order_and_its_era() {
        let call = |n: i64| json!({ "name": "add", "arguments": { "n": n, "m": [1] } });
        let modern = json!({ "name": "add", "arguments": { "m": [1], "n": 1 }, "_meta": meta(&json!({})) });
        let hello = |version: &str| json!({ "protocolVersion": version });
        let fixture = fixture(&[
            exchange("initialize", &hello("2025-11-25"), &[result("hello")]),
            exchange("tools/call", &call(1), &[result("one")]),
            exchange("tools/call", &call(2), &[result("two")]),
            exchange("tools/call", &call(1), &[result("one again")]),
            exchange("tools/call", &modern, &[result("modern")]),
            json!({ "request": { "http": "GET", "method": "stream/open" }, "status": 200, "responses": [] }),
        ]);
        assert_eq!(said(&fixture, "initialize", &hello("2025-06-18")), "hello");
        let other_order =
            json!({ "arguments": { "m": [1], "n": 1 }, "name": "add", "_meta": { "progressToken": 1 } });
        for wanted in ["one", "one again", "one again"] {
            assert_eq!(said(&fixture, "tools/call", &other_order), wanted);
        }
        assert_eq!(said(&fixture, "tools/call", &call(2)), "two");
        let mut by_another = modern;
        by_another["_meta"] = meta(&json!({ "io.modelcontextprotocol/clientInfo": { "name": "other" } }));
        assert_eq!(said(&fixture, "tools/call", &by_another), "modern");
    }

    #[test]
    fn ids_and_tokens_are_those_of_the_client() {
        let progress = json!({ "jsonrpc": "2.0", "method": "notifications/progress", "params": { "progressToken": 9, "progress": 1 } });
        let question = json!({ "jsonrpc": "2.0", "id": "q", "method": "elicitation/create", "params": { "message": "?" } });
        let fixture = fixture(&[exchange(
            "tools/call",
            &json!({ "name": "x" }),
            &[progress, question, result("done")],
        )]);
        let with = json!({ "name": "x", "_meta": { "progressToken": "p" } });
        let (_, messages) = asked(&fixture, "tools/call", &with);
        let [progress, question, done] = &messages[..] else { panic!("{messages:?}") };
        assert_eq!(progress["params"], json!({ "progressToken": "p", "progress": 1 }));
        assert_eq!((&question["id"], &done["id"]), (&json!("q"), &json!("mine")));
        let (_, without) = asked(&fixture, "tools/call", &json!({ "name": "x" }));
        assert_eq!(without.len(), 2, "progress that nobody asked for: {without:?}");
    }

    #[test]
    fn what_is_not_recorded_is_an_error_that_says_so() {
        let modern = json!({ "_meta": meta(&json!({})) });
        let legacy = fixture(&[exchange("tools/call", &json!({ "name": "x" }), &[result("x")])]);
        let both = fixture(&[
            exchange("tools/call", &json!({ "name": "x" }), &[result("x")]),
            exchange("server/discover", &modern, &[result("found")]),
        ]);
        for (fixture, method, params, status, code, words) in [
            (&legacy, "tools/call", json!({ "name": "y" }), 200, NO_PARAMS, "no tools/call y with"),
            (&legacy, "tools/list", json!({}), 200, NO_METHOD, "no tools/list of"),
            (&legacy, "server/discover", modern.clone(), 400, NO_MESSAGE, "begin with initialize"),
            (&both, "tools/call", modern, 404, NO_METHOD, "no tools/call of"),
        ] {
            let (found, messages) = asked(fixture, method, &params);
            let error = &messages[0]["error"];
            assert_eq!((found, &error["code"]), (status, &json!(code)), "{method}");
            assert!(error["message"].as_str().unwrap().contains(words), "{error}");
        }
        assert!(asked(&legacy, "ping", &json!({})).1[0]["result"].is_object());
        let nobody = [r#"{"jsonrpc":"2.0","method":"notifications/initialized"}"#, r#"{"id":1,"result":{}}"#];
        assert!(nobody.iter().all(|body| legacy.said(body.as_bytes()).is_none()));
        assert!(["{", "{}"].iter().all(|body| legacy.said(body.as_bytes()).unwrap().status == 400));
    }

    #[test]
    fn only_an_export_is_read() {
        for (document, words) in [
            ("{", "no member name"),
            ("{}", "is not what"),
            (r#"{"hoopctl":"mcp-fixture","v":2}"#, "another version"),
            (r#"{"hoopctl":"mcp-fixture","v":1,"exchanges":[{"status":200}]}"#, "exchange 0"),
        ] {
            let error = Fixture::read(document.as_bytes()).unwrap_err().to_string();
            assert!(error.contains(words), "{document}: {error}");
        }
    }
}
