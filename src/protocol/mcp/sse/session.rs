//! One session at a target that uses HTTP+SSE: its stream is read, and each message posted, until either
//! ends.

use std::cell::RefCell;
use std::sync::Arc;
use std::sync::Weak;
use std::time::Duration;

use bytes::Bytes;
use http::HeaderMap;
use http::HeaderValue;
use http::Method;
use http::Request;
use http::StatusCode;
use http::Uri;
use http::header;
use http_body_util::BodyExt;
use hyper::body::Incoming;
use tokio::sync::watch;
use tokio::task::JoinSet;

use crate::domain::Connection;
use crate::domain::Denied;
use crate::domain::DenyCode;
use crate::domain::denied::reason;
use crate::domain::units::format_duration;
use crate::mask::Needles;
use crate::protocol::mcp::codec::envelope::Limits;
use crate::protocol::mcp::codec::envelope::Message;
use crate::protocol::mcp::codec::glimpse::Glimpse;
use crate::protocol::mcp::codec::sse::Event;
use crate::protocol::mcp::codec::sse::Item;
use crate::protocol::mcp::duplex::Solo;
use crate::protocol::mcp::duplex::mail::Outlet;
use crate::protocol::mcp::duplex::peer::Counts;
use crate::protocol::mcp::duplex::peer::Ends;
use crate::protocol::mcp::duplex::peer::Kind;
use crate::protocol::mcp::duplex::peer::Listener;
use crate::protocol::mcp::duplex::peer::Parcel;
use crate::protocol::mcp::duplex::peer::Unread;
use crate::protocol::mcp::duplex::solo::Used;
use crate::protocol::mcp::from_target::context::MOST;
use crate::protocol::mcp::from_target::context::garbage;
use crate::protocol::mcp::sse::endpoint;
use crate::protocol::mcp::upstream::Answer;
use crate::protocol::mcp::upstream::Events;
use crate::protocol::mcp::upstream::Source;
use crate::protocol::mcp::upstream::answered_with;
use crate::protocol::mcp::upstream::lets_in;
use crate::protocol::mcp::upstream::strange;
use crate::protocol::mcp::upstream::turned_away;
use crate::protocol::web::body::RequestBody;
use crate::protocol::web::headers;
use crate::protocol::web::upstream::Reach;

/// How many messages may be in transit at a time.
const MOST_POSTS: usize = 64;
/// How many bytes of the response to a posted message are read, so that its stream can be reused. They are
/// ignored.
const MOST_READ: usize = 64 << 10;
/// How long that may take.
const READ: Duration = Duration::from_secs(5);
/// How many earlier credentials are still redacted in the target's messages.
const MOST_KNOWN: usize = 32;

/// A stream whose target has named the endpoint.
struct Opened {
    events: Events,
    /// Path and query.
    endpoint: Uri,
}

/// One session. It stays on its thread.
struct Session {
    endpoint: Uri,
    /// The target and credential with which the stream was opened; messages use those of the last command of
    /// the session.
    first: Reach,
    used: watch::Receiver<Option<Used>>,
    counts: Arc<Counts>,
    /// The credentials to redact in the target's messages: all that were sent to it.
    known: RefCell<Vec<Arc<Needles>>>,
}

/// Begins a session: opens the stream and waits for the endpoint, for at most `limits.connect` in total.
///
/// # Errors
/// There is no such stream, or the endpoint is refused.
pub async fn begin(reach: Reach) -> Result<Arc<Solo>, Denied> {
    let limit = reach.governed().connection.limits.connect;
    let opened = tokio::time::timeout(limit, open(&reach)).await.unwrap_or_else(|_elapsed| {
        let detail = format!(
            "the target did not open a stream and send its endpoint within {}",
            format_duration(limit)
        );
        Err(Denied::new(DenyCode::UpstreamUnavailable, detail).because("sse_no_endpoint"))
    })?;
    let (solo, ends) = Solo::new(Kind::Server);
    tokio::task::spawn_local(solo.watch());
    let Opened { events, endpoint } = opened;
    let Ends { input, stop, counts } = ends;
    let known = RefCell::new(reach.credential().map(|own| Arc::clone(own.echoes())).into_iter().collect());
    let session = Session { endpoint, first: reach, used: solo.used(), counts, known };
    tokio::task::spawn_local(session.run(events, input, stop, Arc::downgrade(&solo)));
    Ok(solo)
}

async fn open(reach: &Reach) -> Result<Opened, Denied> {
    let connection = &reach.governed().connection;
    let path = if connection.upstream.base_path.is_empty() { "/" } else { &*connection.upstream.base_path };
    let uri = Uri::try_from(path)
        .map_err(|_invalid| Denied::new(DenyCode::Internal, "the target's path cannot be sent"))?;
    let mut request = request(connection, Method::GET, uri, RequestBody::Empty);
    request.headers_mut().insert(header::ACCEPT, HeaderValue::from_static("text/event-stream"));
    request.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    let answered = answered_with(reach.send(request, None).await?)?;
    if matches!(answered.body, Answer::Strange) {
        return Err(strange(reach.governed()));
    }
    let Answer::Stream(Source::Events(mut events)) = answered.body else {
        let status = answered.status.as_u16();
        let detail = format!("the target answered with the status {status} and no stream of events");
        return Err(Denied::new(DenyCode::UpstreamUnavailable, detail).because("target_status"));
    };
    loop {
        match events.next().await? {
            None => return Err(garbage("its stream ended before it sent its endpoint")),
            Some(Item::Comment(_) | Item::Settings { .. }) => {}
            Some(Item::Event(event)) if names_endpoint(&event) => {
                let endpoint = endpoint::resolve(&connection.upstream, &event.data).map_err(|problem| {
                    tracing::warn!(connection = %connection.name, %problem, "the target sent an endpoint that is not allowed");
                    elsewhere(problem)
                })?;
                return Ok(Opened { events: *events, endpoint });
            }
            Some(Item::Event(_)) => {
                return Err(
                    garbage("the first event of its stream is not \"endpoint\"").because("sse_no_endpoint")
                );
            }
        }
    }
}

fn names_endpoint(event: &Event) -> bool {
    event.event.as_deref() == Some(b"endpoint")
}

fn elsewhere(problem: endpoint::Problem) -> Denied {
    let detail = format!(
        "the target does not keep to MCP: its event \"endpoint\" is refused: {problem}; messages go to the connection's own origin only"
    );
    Denied::new(DenyCode::UpstreamUnavailable, detail).because("sse_endpoint")
}

/// Builds a request without any of the client's headers: a session consists of many requests of its client.
fn request(connection: &Connection, method: Method, uri: Uri, body: RequestBody) -> Request<RequestBody> {
    let mut request = Request::new(body);
    *request.method_mut() = method;
    *request.uri_mut() = uri;
    *request.headers_mut() = headers::to_target(&HeaderMap::new(), connection, None, true);
    request
}

impl Session {
    /// Runs until the target or its listener ends it. Dropping the future closes the stream and cancels posts
    /// in transit.
    async fn run<L: Listener>(
        self,
        events: Events,
        input: Outlet<Parcel>,
        mut stop: watch::Receiver<bool>,
        listener: Weak<L>,
    ) {
        let name = &self.first.governed().connection.name;
        let why = tokio::select! {
            biased;
            _ = stop.wait_for(|stop| *stop) => Kind::Server.gone(),
            why = self.write(input) => why,
            why = self.read(events, &listener) => why,
        };
        tracing::debug!(connection = %name, reason = why.audit.unwrap_or_default(), "a session of a target has ended");
        if let Some(listener) = listener.upgrade() {
            listener.over(&why);
        }
    }

    /// Passes the target's messages to the listener until there are no more; returns why.
    async fn read<L: Listener>(&self, mut events: Events, listener: &Weak<L>) -> Denied {
        loop {
            let event = match events.next().await {
                Ok(Some(Item::Event(event))) => event,
                Ok(Some(Item::Comment(_) | Item::Settings { .. })) => continue,
                Ok(None) => return Kind::Server.gone(),
                Err(denied) => return denied,
            };
            if names_endpoint(&event) {
                // The same endpoint again changes nothing.
                let upstream = &self.first.governed().connection.upstream;
                match endpoint::resolve(upstream, &event.data) {
                    Ok(again) if again == self.endpoint => continue,
                    Ok(_) => return garbage("it sent a second endpoint").because("sse_endpoint"),
                    Err(problem) => return elsewhere(problem),
                }
            }
            if !event.is_message() || event.data.is_empty() {
                continue;
            }
            let data = self.cleared(event.data);
            let Some(listener) = listener.upgrade() else { continue };
            match Message::scan(data.clone(), Limits::new(MOST)) {
                Ok(message) => listener.hear(message).await,
                Err(_refusal) => {
                    let mut glimpse = Glimpse::default();
                    glimpse.push(&data);
                    match glimpse.answers() {
                        Some(id) => listener.unread(&id, Unread::NoMessage),
                        None => self.counts.drop_one(),
                    }
                }
            }
        }
    }

    /// Posts outgoing messages, several at a time; returns why it stops.
    async fn write(&self, mut input: Outlet<Parcel>) -> Denied {
        let mut posts = JoinSet::new();
        loop {
            tokio::select! {
                parcel = input.next(), if posts.len() < MOST_POSTS => match parcel {
                    Some(parcel) => {
                        let reach = self.reach();
                        posts.spawn_local(post(reach, self.endpoint.clone(), parcel));
                    }
                    None => return Kind::Server.gone(),
                },
                Some(posted) = posts.join_next() => {
                    if let Ok(Some(over)) = posted {
                        return over;
                    }
                }
            }
        }
    }

    /// Returns the target and credential for the next message; its credential is redacted from now on.
    fn reach(&self) -> Reach {
        let reach = self.used.borrow().as_ref().map_or_else(|| self.first.clone(), |used| used.reach.clone());
        if let Some(credential) = reach.credential() {
            let echoes = credential.echoes();
            let mut known = self.known.borrow_mut();
            if !known.iter().any(|known| Arc::ptr_eq(known, echoes)) {
                // The first is that of the stream itself, the next ones have long expired.
                if known.len() >= MOST_KNOWN {
                    known.remove(1);
                }
                known.push(Arc::clone(echoes));
            }
        }
        reach
    }

    fn cleared(&self, data: Bytes) -> Bytes {
        self.known
            .borrow()
            .iter()
            .fold(data, |data, needles| needles.replace(&data).map_or(data, Bytes::from))
    }
}

/// Posts one message, once. Returns why the session is over, if the response says so.
async fn post(reach: Reach, endpoint: Uri, parcel: Parcel) -> Option<Denied> {
    let Parcel { body, told } = parcel;
    let connection = &reach.governed().connection;
    let mut request = request(connection, Method::POST, endpoint, RequestBody::Whole(Some(body)));
    request.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    request
        .headers_mut()
        .insert(header::ACCEPT, HeaderValue::from_static("application/json, text/event-stream"));
    let (went, rest) = match reach.send(request, None).await {
        Ok(response) => (taken(response.status()), Some(response.into_body())),
        Err(denied) => (Err(denied), None),
    };
    let over = went.as_ref().err().filter(|denied| denied.is_because(reason::TARGET_SESSION)).cloned();
    if let Err(denied) = &went {
        tracing::debug!(connection = %connection.name, reason = denied.audit.unwrap_or_default(), "the target did not take a message");
    }
    if let Some(told) = told {
        told(went);
    }
    if let Some(rest) = rest {
        // Dropping an unread response closes its stream.
        drop(tokio::time::timeout(READ, read_out(rest)).await);
    }
    over
}

/// Checks the status with which the target answers a message.
fn taken(status: StatusCode) -> Result<(), Denied> {
    lets_in(status).map_err(turned_away)?;
    if status == StatusCode::NOT_FOUND {
        return Err(garbage("its session is gone").because(reason::TARGET_SESSION));
    }
    if status.is_success() {
        return Ok(());
    }
    let detail = format!("the target answered a message with the status {}", status.as_u16());
    let denied = Denied::new(DenyCode::UpstreamUnavailable, detail).because("target_status");
    // No other status says that it was turned away before anything was done.
    Err(if status == StatusCode::TOO_MANY_REQUESTS { denied } else { denied.after_sending() })
}

async fn read_out(mut body: Incoming) {
    let mut read = 0;
    while let Some(Ok(frame)) = body.frame().await {
        read += frame.data_ref().map_or(0, Bytes::len);
        if read > MOST_READ {
            return;
        }
    }
}
