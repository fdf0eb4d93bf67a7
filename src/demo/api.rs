//! The sample target of the demo: a small HTTP API with invented customers, which asks for a credential.
//!
//! `GET /customers`, `GET|PATCH|DELETE /customers/{id}`, `POST /customers`, `GET /customers.csv`, `GET /events` (a stream
//! that does not end) and `GET /whoami`, which repeats the credential it was sent, as careless targets do.

use std::convert::Infallible;
use std::fmt::Write as _;
use std::net::SocketAddr;
use std::net::TcpListener;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::MutexGuard;
use std::sync::PoisonError;
use std::time::Duration;

use bytes::Bytes;
use http::HeaderValue;
use http::Method;
use http::Request;
use http::Response;
use http::StatusCode;
use http::header;
use http_body_util::BodyExt;
use http_body_util::Full;
use http_body_util::Limited;
use http_body_util::combinators::BoxBody;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use hyper_util::rt::TokioTimer;
use serde_json::Map;
use serde_json::Value;
use serde_json::json;
use tokio::sync::oneshot;

use crate::demo::DemoError;
use crate::demo::tick::Ticks;

/// The longest body it reads, in bytes.
const BODY_MAX: usize = 64 << 10;
/// The pause between two events of `/events`.
const TICK: Duration = Duration::from_secs(1);

/// Name, e-mail address, social security number, card, bank account, tier: all invented or published for tests.
const PEOPLE: [[&str; 6]; 9] = [
    ["Ada Nunes", "ada@example.com", "512-34-4391", "4111111111111111", "GB82WEST12345698765432", "silver"],
    ["Bo Lindqvist", "bo@example.com", "527-81-6042", "5555555555554444", "DE89370400440532013000", "gold"],
    [
        "Carmen Ortiz",
        "carmen@example.org",
        "431-22-7786",
        "378282246310005",
        "FR1420041010050500013M02606",
        "silver",
    ],
    ["Dev Patel", "dev@example.com", "602-15-3309", "4012888888881881", "NL91ABNA0417164300", "bronze"],
    ["Edith Moreau", "edith@example.org", "318-44-9127", "5105105105105100", "BE68539007547034", "gold"],
    ["Femi Okafor", "femi@example.com", "245-67-8840", "6011111111111117", "CH9300762011623852957", "bronze"],
    ["Grace Kim", "grace@example.com", "571-90-4399", "4222222222222", "ES9121000418450200051332", "silver"],
    [
        "Hugo Silva",
        "hugo@example.org",
        "623-08-1175",
        "6011000990139424",
        "PT50000201231234567890154",
        "gold",
    ],
    ["Ines Weber", "ines@example.com", "409-53-2268", "371449635398431", "AT611904300234573201", "bronze"],
];

type Body = BoxBody<Bytes, Infallible>;

/// The running sample API. It stops when this is dropped.
#[derive(Debug)]
pub struct SampleApi {
    address: SocketAddr,
    _stop: oneshot::Sender<()>,
}

impl SampleApi {
    /// Where it listens.
    pub const fn address(&self) -> SocketAddr {
        self.address
    }
}

/// What the requests share.
struct State {
    /// The whole `Authorization` header that it accepts.
    authorization: String,
    customers: Mutex<Vec<Map<String, Value>>>,
}

impl State {
    /// The customers. A request that panicked leaves whole ones behind: each change is one assignment.
    fn customers(&self) -> MutexGuard<'_, Vec<Map<String, Value>>> {
        self.customers.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Serves the sample API on `listener`, on a thread of its own. Requests need `Authorization: Bearer {key}`.
///
/// # Errors
/// The listener or the thread cannot be used.
pub fn start(listener: TcpListener, key: &str) -> Result<SampleApi, DemoError> {
    let address = listener.local_addr().map_err(|source| DemoError::Listen { what: "sample API", source })?;
    listener.set_nonblocking(true).map_err(|source| DemoError::Listen { what: "sample API", source })?;
    let state =
        Arc::new(State { authorization: format!("Bearer {key}"), customers: Mutex::new(customers()) });
    let (stop, stopped) = oneshot::channel();
    let run = move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        // Without a runtime nothing listens, and the caller's wait for readiness says so.
        if let Ok(runtime) = runtime {
            runtime.block_on(async {
                tokio::select! {
                    () = accept(listener, state) => {}
                    _dropped = stopped => {}
                }
            });
        }
    };
    std::thread::Builder::new()
        .name("demo-api".to_owned())
        .spawn(run)
        .map_err(|source| DemoError::Thread { what: "sample API", source })?;
    Ok(SampleApi { address, _stop: stop })
}

async fn accept(listener: TcpListener, state: Arc<State>) {
    let Ok(listener) = tokio::net::TcpListener::from_std(listener) else { return };
    loop {
        let Ok((stream, _)) = listener.accept().await else {
            // Out of file descriptors, most likely: some will come back.
            tokio::time::sleep(Duration::from_millis(50)).await;
            continue;
        };
        let state = Arc::clone(&state);
        let service = service_fn(move |request| {
            let state = Arc::clone(&state);
            async move { Ok::<_, Infallible>(answer(request, &state).await) }
        });
        let connection = hyper::server::conn::http1::Builder::new()
            .timer(TokioTimer::new())
            .serve_connection(TokioIo::new(stream), service);
        tokio::spawn(async move {
            // A client that goes away is no event for a sample.
            connection.await.ok();
        });
    }
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

/// One customer: shown, changed or deleted.
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
    let body = Limited::new(request.into_body(), BODY_MAX).collect().await.ok()?.to_bytes();
    serde_json::from_slice(&body).ok()
}

/// A visit every second, for as long as the client listens.
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

fn customers() -> Vec<Map<String, Value>> {
    let one = |(place, [name, email, ssn, card, iban, tier]): (usize, [&str; 6])| {
        let mut customer = Map::new();
        customer.insert("id".to_owned(), json!(place + 1));
        let fields = [
            ("name", name),
            ("email", email),
            ("ssn", ssn),
            ("credit_card", card),
            ("iban", iban),
            ("tier", tier),
        ];
        customer.extend(fields.map(|(field, value)| (field.to_owned(), json!(value))));
        customer.insert("balance".to_owned(), json!(120 * (place + 1)));
        let notes = format!("Called on Monday, confirmed {ssn} and {email}; invoice goes to {iban}.");
        customer.insert("notes".to_owned(), json!(notes));
        customer
    };
    PEOPLE.into_iter().enumerate().map(one).collect()
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

fn full(bytes: impl Into<Bytes>) -> Body {
    Full::new(bytes.into()).boxed()
}

fn typed(status: StatusCode, kind: &'static str, body: Body) -> Response<Body> {
    let mut response = Response::new(body);
    *response.status_mut() = status;
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
    response
}

fn reply(status: StatusCode, value: &Value) -> Response<Body> {
    typed(status, "application/json", full(value.to_string() + "\n"))
}

fn problem(status: StatusCode, detail: &str) -> Response<Body> {
    reply(status, &json!({"error": detail}))
}

fn text(kind: &'static str, text: String) -> Response<Body> {
    typed(StatusCode::OK, kind, full(text))
}

fn empty(status: StatusCode) -> Response<Body> {
    let mut response = Response::new(full(Bytes::new()));
    *response.status_mut() = status;
    response
}

#[cfg(test)]
mod tests {
    use std::io::Read;
    use std::io::Write;
    use std::net::TcpStream;

    use super::*;

    fn ask(api: &SampleApi, head: &str, body: &str) -> (u16, String) {
        let mut stream = TcpStream::connect(api.address()).unwrap();
        let length = body.len();
        write!(stream, "{head}Host: x\r\nConnection: close\r\nContent-Length: {length}\r\n\r\n{body}")
            .unwrap();
        let mut text = String::new();
        stream.read_to_string(&mut text).unwrap();
        let (head, body) = text.split_once("\r\n\r\n").unwrap();
        (head.split(' ').nth(1).unwrap().parse().unwrap(), body.to_owned())
    }

    fn started() -> SampleApi {
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
