//! The sample target of the demo: a small HTTP API with invented customers that requires a credential.
//!
//! `GET /customers`, `GET|PATCH|DELETE /customers/{id}`, `POST /customers`, `GET /customers.csv`, `GET
//! /events` (an endless stream) and `GET /whoami`, which echoes the credential it received, as careless
//! targets do.

use std::fmt::Write as _;
use std::net::TcpListener;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::MutexGuard;
use std::time::Duration;

use bytes::Bytes;
use http::HeaderValue;
use http::Method;
use http::Request;
use http::Response;
use http::StatusCode;
use http::header;
use http_body_util::BodyExt;
use hyper::body::Incoming;
use serde_json::Map;
use serde_json::Value;
use serde_json::json;

use crate::demo::DemoError;
use crate::demo::people;
use crate::demo::target;
use crate::demo::target::Body;
use crate::demo::target::SampleTarget;
use crate::demo::target::empty;
use crate::demo::target::full;
use crate::demo::target::reply;
use crate::demo::target::typed;
use crate::demo::tick::Ticks;
use crate::domain::sync::lock;

/// The pause between two events of `/events`.
const TICK: Duration = Duration::from_secs(1);

/// The state shared by all requests.
struct State {
    /// The complete `Authorization` header that is accepted.
    authorization: String,
    customers: Mutex<Vec<Map<String, Value>>>,
}

impl State {
    /// Locks the customers. A request that panicked leaves consistent data behind: each change is one
    /// assignment.
    fn customers(&self) -> MutexGuard<'_, Vec<Map<String, Value>>> {
        lock(&self.customers)
    }
}

/// Serves the sample API on `listener`, on its own thread. Requests need `Authorization: Bearer {key}`.
///
/// # Errors
/// [`DemoError`] if the listener or the thread cannot be used.
pub fn start(listener: TcpListener, key: &str) -> Result<SampleTarget, DemoError> {
    let state = Arc::new(State {
        authorization: format!("Bearer {key}"),
        customers: Mutex::new(people::customers()),
    });
    target::start(listener, "sample API", move |request| {
        let state = Arc::clone(&state);
        async move { answer(request, &state).await }
    })
}

async fn answer(request: Request<Incoming>, state: &State) -> Response<Body> {
    let sent = request.headers().get(header::AUTHORIZATION).map(HeaderValue::as_bytes);
    if sent != Some(state.authorization.as_bytes()) {
        return problem(StatusCode::UNAUTHORIZED, "this API wants the credential that only the gateway has");
    }
    let method = request.method().clone();
    let path = request.uri().path().to_owned();
    let segments: Vec<&str> = path.split('/').filter(|segment| !segment.is_empty()).collect();
    match (&method, segments.as_slice()) {
        (&Method::GET | &Method::HEAD, ["customers"]) => {
            let customers = state.customers().iter().cloned().map(Value::Object).collect::<Vec<_>>();
            reply(StatusCode::OK, &json!({"count": customers.len(), "customers": customers}))
        }
        (&Method::GET | &Method::HEAD, ["customers.csv"]) => {
            text("text/csv; charset=utf-8", csv(&state.customers()))
        }
        (&Method::GET, ["events"]) => events(state),
        (&Method::GET | &Method::HEAD, ["whoami"]) => {
            let account = "svc-gateway";
            reply(StatusCode::OK, &json!({"account": account, "authorization": state.authorization}))
        }
        (&Method::POST, ["customers"]) => match object(request).await {
            Some(members) => create(state, members),
            None => problem(StatusCode::BAD_REQUEST, "the body must be a JSON object of at most 64 KiB"),
        },
        (_, ["customers", id]) => match id.parse::<i64>() {
            Ok(id) => one(request, state, id).await,
            Err(_) => problem(StatusCode::NOT_FOUND, "there is no such customer"),
        },
        _ => problem(StatusCode::NOT_FOUND, "there is no such page; try /customers"),
    }
}

/// Shows, changes or deletes one customer.
async fn one(request: Request<Incoming>, state: &State, id: i64) -> Response<Body> {
    let is = |customer: &Map<String, Value>| customer.get("id").and_then(Value::as_i64) == Some(id);
    let missing = || problem(StatusCode::NOT_FOUND, "there is no such customer");
    match *request.method() {
        Method::GET | Method::HEAD => match state.customers().iter().find(|customer| is(customer)) {
            Some(customer) => reply(StatusCode::OK, &Value::Object(customer.clone())),
            None => missing(),
        },
        Method::PATCH => {
            let Some(mut changes) = object(request).await else {
                return problem(StatusCode::BAD_REQUEST, "the body must be a JSON object of at most 64 KiB");
            };
            changes.remove("id");
            let mut customers = state.customers();
            let Some(customer) = customers.iter_mut().find(|customer| is(customer)) else { return missing() };
            customer.extend(changes);
            reply(StatusCode::OK, &Value::Object(customer.clone()))
        }
        Method::DELETE => {
            let mut customers = state.customers();
            let before = customers.len();
            customers.retain(|customer| !is(customer));
            if customers.len() == before { missing() } else { empty(StatusCode::NO_CONTENT) }
        }
        _ => problem(StatusCode::METHOD_NOT_ALLOWED, "a customer can be read, changed and deleted"),
    }
}

fn create(state: &State, mut members: Map<String, Value>) -> Response<Body> {
    let mut customers = state.customers();
    if customers.len() >= 1000 {
        return problem(StatusCode::INSUFFICIENT_STORAGE, "this sample keeps at most 1000 customers");
    }
    let last = customers.iter().filter_map(|customer| customer.get("id")).filter_map(Value::as_i64).max();
    members.insert("id".to_owned(), json!(last.unwrap_or(0) + 1));
    customers.push(members.clone());
    reply(StatusCode::CREATED, &Value::Object(members))
}

async fn object(request: Request<Incoming>) -> Option<Map<String, Value>> {
    serde_json::from_slice(&target::read(request, target::BODY_MAX).await?).ok()
}

/// Streams one visit per second while the client listens.
fn events(state: &State) -> Response<Body> {
    let customers = state.customers().clone();
    let mut count = 0_usize;
    let body = Ticks::new(TICK, move || {
        let customer = customers.get(count % customers.len().max(1));
        let field = |name| customer.and_then(|customer| customer.get(name)).cloned();
        count += 1;
        let data = json!({"visit": count, "customer": field("id"), "email": field("email")});
        Bytes::from(format!("id: {count}\nevent: visit\ndata: {data}\n\n"))
    });
    typed(StatusCode::OK, "text/event-stream", body.boxed())
}

fn csv(customers: &[Map<String, Value>]) -> String {
    let columns = ["id", "name", "email", "ssn", "credit_card", "tier"];
    let mut text = columns.join(",") + "\r\n";
    for customer in customers {
        let cells = columns.map(|column| match customer.get(column) {
            Some(Value::String(cell)) => format!("\"{}\"", cell.replace('"', "\"\"")),
            Some(other) => other.to_string(),
            None => String::new(),
        });
        write!(text, "{}\r\n", cells.join(",")).ok();
    }
    text
}

fn problem(status: StatusCode, detail: &str) -> Response<Body> {
    reply(status, &json!({"error": detail}))
}

fn text(kind: &'static str, text: String) -> Response<Body> {
    typed(StatusCode::OK, kind, full(text))
}

#[cfg(test)]
mod tests {
    use std::io::Read;
    use std::io::Write;
    use std::net::TcpStream;

    use super::*;

    fn ask(api: &SampleTarget, head: &str, body: &str) -> (u16, String) {
        let mut stream = TcpStream::connect(api.address()).unwrap();
        let length = body.len();
        write!(stream, "{head}Host: x\r\nConnection: close\r\nContent-Length: {length}\r\n\r\n{body}")
            .unwrap();
        let mut text = String::new();
        stream.read_to_string(&mut text).unwrap();
        let (head, body) = text.split_once("\r\n\r\n").unwrap();
        (head.split(' ').nth(1).unwrap().parse().unwrap(), body.to_owned())
    }

    fn started() -> SampleTarget {
        start(TcpListener::bind("127.0.0.1:0").unwrap(), "k3y").unwrap()
    }

    #[test]
    fn without_the_credential_nothing_is_answered() {
        let api = started();
        for line in ["", "Authorization: Bearer other\r\n", "Authorization: bearer k3y\r\n"] {
            let (status, body) = ask(&api, &format!("GET /customers/7 HTTP/1.1\r\n{line}"), "");
            assert_eq!(status, 401);
            assert!(!body.contains("Grace"));
        }
    }

    #[test]
    fn customers_are_read_changed_and_deleted() {
        let api = started();
        let with = |line: &str, body: &str| {
            ask(&api, &format!("{line} HTTP/1.1\r\nAuthorization: Bearer k3y\r\n"), body)
        };
        let (status, body) = with("GET /customers/7", "");
        assert_eq!(status, 200);
        assert!(body.contains("571-90-4399") && body.contains("silver"), "{body}");
        let (status, body) = with("PATCH /customers/7", "{\"tier\":\"gold\",\"id\":99}");
        assert_eq!(status, 200);
        assert!(body.contains("\"tier\":\"gold\"") && body.contains("\"id\":7"), "{body}");
        assert_eq!(with("PATCH /customers/7", "[1]").0, 400);
        assert_eq!(with("DELETE /customers/7", "").0, 204);
        assert_eq!(with("GET /customers/7", "").0, 404);
        assert_eq!(with("POST /customers", "{\"name\":\"New\"}").0, 201);
        assert!(with("GET /customers", "").1.contains("\"count\":9"));
        assert_eq!(with("PUT /customers/1", "").0, 405);
        assert_eq!(with("GET /nothing", "").0, 404);
        assert_eq!(with("GET /customers.csv", "").1.lines().count(), 10);
    }

    #[test]
    fn the_stream_of_events_goes_on() {
        let api = started();
        let mut stream = TcpStream::connect(api.address()).unwrap();
        write!(stream, "GET /events HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer k3y\r\n\r\n").unwrap();
        let mut seen = String::new();
        let mut part = [0; 1024];
        while !seen.contains("id: 2") {
            let read = stream.read(&mut part).unwrap();
            assert!(read > 0, "{seen}");
            seen.push_str(&String::from_utf8_lossy(&part[..read]));
        }
    }
}
