//! The client side: streams in HTTP/1.1 or HTTP/2, one service for both.

use std::net::IpAddr;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use http::HeaderValue;
use http::Request;
use http::Response;
use http::StatusCode;
use http::Uri;
use http::Version;
use http::header;
use hyper::body::Incoming;
use tokio::sync::watch;
use tokio::time::Instant;

use crate::domain::Denied;
use crate::domain::DenyCode;
use crate::domain::Protocol;
use crate::domain::RequestId;
use crate::domain::denied::reason;
use crate::pipeline::Arrival;
use crate::pipeline::Gate;
use crate::protocol::web::body::ReplyBody;
use crate::protocol::web::codec::HeadLimits;
use crate::protocol::web::codec::Refusal;
use crate::protocol::web::guarded::HEAD_TIME;
use crate::protocol::web::h1;
use crate::protocol::web::h2;
use crate::protocol::web::reply;
use crate::protocol::web::reply::Challenge;
use crate::protocol::web::request::Origin;
use crate::protocol::web::request::Visitor;
use crate::protocol::web::request::bad;
use crate::protocol::web::request::bearer;
use crate::protocol::web::request::route;
use crate::transport::strangers::Stranger;
use crate::transport::stream::Stream;

/// The gateway's state as shown on `/healthz`, `/readyz` and `/metrics`.
pub trait Probe: Send + Sync {
    /// Returns why the gateway cannot serve now; `None` if it can. A short text for an operator, without
    /// data.
    fn not_ready(&self) -> Option<String>;
    /// Returns the metrics in Prometheus' text format.
    fn metrics(&self) -> String;
}

/// A protocol over HTTP that answers the requests on its connections.
pub trait App {
    /// Returns the protocol of its connections.
    fn protocol(&self) -> Protocol;
    /// Answers one request below `/c/`, or on a path that it takes. The head is within the limits.
    fn answer(
        &self,
        origin: Origin,
        request: Request<Incoming>,
    ) -> Pin<Box<dyn Future<Output = Response<ReplyBody>> + '_>>;
    /// Returns whether a path outside of `/c/` belongs to this protocol. Default: none does.
    fn takes(&self, _path: &str) -> bool {
        false
    }
    /// Returns the URL of the metadata about the authorization server for an address below `/c/`, whether or
    /// not anything is there, for a client that used this `Host`. Default: none.
    fn metadata(&self, _uri: &Uri, _host: Option<&HeaderValue>, _tls: bool) -> Option<String> {
        None
    }
    /// Answers a request below `/.well-known/` that belongs to this protocol; it needs no token. Default:
    /// none does.
    fn well_known(&self, _request: &Request<Incoming>, _tls: bool) -> Option<Response<ReplyBody>> {
        None
    }
}

/// How long a stream from an address with too many unauthenticated streams may take to send a valid token.
pub const TOLD: Duration = Duration::from_secs(5);
/// How long such a stream may take to end after that.
const LAST_WORDS: Duration = Duration::from_secs(1);

/// The peer of a stream.
#[derive(Debug, Clone)]
struct Peer {
    source: IpAddr,
    tls: bool,
    visitor: Visitor,
}

/// Serves HTTP on the streams of one thread.
pub struct WebService {
    gate: Gate,
    limits: HeadLimits,
    probe: Arc<dyn Probe>,
    /// The first one also refuses requests for unknown connections.
    apps: Vec<Box<dyn App>>,
    /// Set if the gateway trusts a development issuer; marks each response.
    dev: bool,
}

impl WebService {
    /// Creates a service with at least one app. `dev` marks every response with `Hoopctl-Dev: 1`.
    pub fn new(
        gate: Gate,
        limits: HeadLimits,
        probe: Arc<dyn Probe>,
        apps: Vec<Box<dyn App>>,
        dev: bool,
    ) -> Self {
        Self { gate, limits, probe, apps, dev }
    }

    /// Serves one client stream until it closes. The peer is unauthenticated until a request has a valid
    /// token; one that is shut has [`TOLD`] for that. When `draining` turns true, finishes what has begun and
    /// closes.
    pub async fn serve(
        self: std::rc::Rc<Self>,
        stream: Stream,
        peer: SocketAddr,
        stranger: Stranger,
        draining: watch::Receiver<bool>,
    ) {
        let told = Instant::from_std(stranger.since) + TOLD;
        let visitor = Visitor::new(stranger);
        let served = self.served(stream, peer, visitor.clone(), draining, told);
        tokio::select! {
            () = served => {}
            () = visitor.shut_at(told + LAST_WORDS) => {}
        }
    }

    async fn served(
        self: std::rc::Rc<Self>,
        stream: Stream,
        peer: SocketAddr,
        visitor: Visitor,
        draining: watch::Receiver<bool>,
        told: Instant,
    ) {
        let h2 = match &stream {
            Stream::Plain(tcp) => match tokio::time::timeout(HEAD_TIME, speaks_h2(tcp)).await {
                Ok(Some(h2)) => h2,
                Ok(None) | Err(_) => return,
            },
            _ => stream.chose_h2(),
        };
        let tls = matches!(stream, Stream::TlsServer(_));
        let peer = Peer { source: canonical(peer.ip()), tls, visitor: visitor.clone() };
        let ending = ending(draining, &visitor, told);
        if h2 {
            self.serve_h2(stream, peer, ending).await;
        } else {
            self.serve_h1(stream, peer, ending).await;
        }
    }

    async fn serve_h1(self: std::rc::Rc<Self>, stream: Stream, peer: Peer, ending: impl Future<Output = ()>) {
        let limits = self.limits;
        let ended = h1::serve(stream, limits, ending, |asked| {
            let (this, peer) = (std::rc::Rc::clone(&self), peer.clone());
            async move {
                match asked {
                    Ok(request) => this.answer(request, &peer).await,
                    Err(refusal) => this.refused(refusal, peer.source),
                }
            }
        });
        note_end(ended.await);
    }

    async fn serve_h2(self: std::rc::Rc<Self>, stream: Stream, peer: Peer, ending: impl Future<Output = ()>) {
        let limits = self.limits;
        let ended = h2::serve(stream, limits, ending, |request| {
            let (this, peer) = (std::rc::Rc::clone(&self), peer.clone());
            async move { this.answer(request, &peer).await }
        });
        note_end(ended.await);
    }

    /// Answers a message that was rejected before hyper saw it.
    fn refused(&self, refusal: Refusal, source: IpAddr) -> Response<ReplyBody> {
        let denied = match refusal {
            Refusal::Malformed(what) => bad(what).because(what),
            Refusal::TooLarge(what) => {
                Denied::new(DenyCode::LimitExceeded, what).because(reason::HEAD_TOO_LARGE)
            }
            Refusal::TooSlow => bad(refusal.text()).because(reason::HEAD_TOO_SLOW),
        };
        let request = RequestId::new();
        let arrival = Arrival {
            request,
            protocol: Protocol::Http,
            source,
            token: None,
            connection: "",
            method: "",
            path: "",
        };
        self.gate.refuse_stranger(arrival, None, &denied);
        let mut response = reply::problem(&denied, request, None);
        response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
        response
    }

    /// Answers a peer whose address has too many unauthenticated streams.
    fn crowded(&self, request: &Request<Incoming>, source: IpAddr) -> Response<ReplyBody> {
        let text =
            "too many connections from this address have not presented a valid token; close some, or wait";
        let denied = Denied::new(DenyCode::LimitExceeded, text).because("logins").retry_in(TOLD);
        let path = request.uri().path();
        let arrival = Arrival {
            request: RequestId::new(),
            protocol: Protocol::Http,
            source,
            token: None,
            connection: route(path).map_or("", |route| route.connection),
            method: request.method().as_str(),
            path,
        };
        let id = arrival.request;
        self.gate.refuse_stranger(arrival, None, &denied);
        let mut response = reply::problem(&denied, id, None);
        if request.version() != Version::HTTP_2 {
            response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
        }
        response
    }

    /// Checks whether an unauthenticated peer's request has a valid token, whatever it opens. An invalid
    /// token is reported later.
    async fn note_valid_token(&self, request: &Request<Incoming>, visitor: &Visitor) {
        if visitor.is_stranger()
            && let Ok(Some(token)) = bearer(request.headers())
            && self.gate.accepts_token(token).await
        {
            visitor.known();
        }
    }

    async fn answer(&self, request: Request<Incoming>, peer: &Peer) -> Response<ReplyBody> {
        self.note_valid_token(&request, &peer.visitor).await;
        let mut response = match request.uri().path() {
            path if peer.visitor.is_shut() && !matches!(path, "/healthz" | "/readyz" | "/metrics") => {
                self.crowded(&request, peer.source)
            }
            path if path.starts_with("/c/") || self.taker(path).is_some() => {
                self.answer_by_app(request, peer).await
            }
            path if path.starts_with("/.well-known/") => {
                let known = self.apps.iter().find_map(|app| app.well_known(&request, peer.tls));
                known.unwrap_or_else(|| plain(StatusCode::NOT_FOUND, "not found\n".to_owned()))
            }
            "/healthz" => plain(StatusCode::OK, "ok\n".to_owned()),
            "/readyz" => match self.probe.not_ready() {
                None => plain(StatusCode::OK, "ready\n".to_owned()),
                Some(why) => plain(StatusCode::SERVICE_UNAVAILABLE, format!("{why}\n")),
            },
            "/metrics" if peer.source.is_loopback() => plain(StatusCode::OK, self.probe.metrics()),
            _ => {
                let denied =
                    Denied::new(DenyCode::NoSuchConnection, "connections are at /c/<connection>/<path>");
                reply::problem(&denied, RequestId::new(), None)
            }
        };
        if self.dev {
            response.headers_mut().insert("hoopctl-dev", HeaderValue::from_static("1"));
        }
        response
    }

    /// Returns the protocol that takes a path outside of `/c/`.
    fn taker(&self, path: &str) -> Option<&dyn App> {
        self.apps.iter().find(|app| app.takes(path)).map(|app| &**app)
    }

    async fn answer_by_app(&self, request: Request<Incoming>, peer: &Peer) -> Response<ReplyBody> {
        let (source, tls) = (peer.source, peer.tls);
        let origin = Origin { request: RequestId::new(), source };
        let path = request.uri().path();
        let connection = route(path).map_or("", |route| route.connection);
        if let Err(denied) = self.check(&request) {
            let arrival = Arrival {
                request: origin.request,
                protocol: Protocol::Http,
                source,
                token: None,
                connection,
                method: request.method().as_str(),
                path,
            };
            self.gate.refuse_stranger(arrival, None, &denied);
            return reply::problem(&denied, origin.request, None);
        }
        let snapshot = self.gate.snapshot();
        let protocol = snapshot.connection(connection).map(|governed| governed.connection.protocol);
        drop(snapshot);
        let of_connection = || {
            let app = self.apps.iter().find(|app| Some(app.protocol()) == protocol).or(self.apps.first());
            app.map(|app| &**app)
        };
        let Some(app) = self.taker(request.uri().path()).or_else(of_connection) else {
            return plain(StatusCode::NOT_FOUND, String::new());
        };
        let (uri, host) = (request.uri().clone(), request.headers().get(header::HOST).cloned());
        let mut response = app.answer(origin, request).await;
        self.challenge(&uri, host.as_ref(), tls, &mut response);
        response
    }

    /// Completes the challenge with where to get a token. It does not depend on whether the connection
    /// exists, so it reveals nothing about that.
    fn challenge(
        &self,
        uri: &Uri,
        host: Option<&HeaderValue>,
        tls: bool,
        response: &mut Response<ReplyBody>,
    ) {
        let Some(challenge) = response.extensions().get::<Challenge>().copied() else { return };
        let Some(metadata) = self.apps.iter().find_map(|app| app.metadata(uri, host, tls)) else { return };
        let scope = if challenge == Challenge::Scope { self.gate.issuers().scope_to_ask_for() } else { None };
        if let Ok(value) = HeaderValue::try_from(challenge.with(scope.as_deref(), &metadata)) {
            response.headers_mut().insert(header::WWW_AUTHENTICATE, value);
        }
    }

    /// Checks the limits of both versions; those of HTTP/1 were checked on the raw bytes already.
    fn check(&self, request: &Request<Incoming>) -> Result<(), Denied> {
        let too_large =
            |what: &str| Denied::new(DenyCode::LimitExceeded, what).because(reason::HEAD_TOO_LARGE);
        if request.headers().len() > self.limits.fields {
            return Err(too_large("too many header fields"));
        }
        let target = request.uri().path_and_query().map_or(0, |target| target.as_str().len());
        if target > self.limits.target {
            return Err(too_large("the request target is too long"));
        }
        if request.version() == Version::HTTP_2 && list_size(request) > self.limits.head {
            return Err(too_large("the request head is too large"));
        }
        let (authority, host) = (request.uri().authority(), request.headers().get(header::HOST));
        if let (Some(authority), Some(host)) = (authority, host)
            && !authority.as_str().as_bytes().eq_ignore_ascii_case(host.as_bytes())
        {
            return Err(bad("a Host other than the one of the request target").because("host"));
        }
        Ok(())
    }
}

/// Resolves when a stream should finish: the gateway drains, or the peer is shut and has sent no valid token
/// in time.
async fn ending(mut draining: watch::Receiver<bool>, visitor: &Visitor, told: Instant) {
    tokio::select! {
        () = drained(&mut draining) => {}
        () = visitor.shut_at(told) => {}
    }
}

async fn drained(draining: &mut watch::Receiver<bool>) {
    if draining.wait_for(|draining| *draining).await.is_err() {
        // The gateway is gone, and so is this thread in a moment.
        std::future::pending::<()>().await;
    }
}

fn note_end(ended: Result<(), hyper::Error>) {
    if let Err(error) = ended {
        tracing::debug!(%error, "a client's stream ended");
    }
}

/// Returns whether a plain stream begins with the HTTP/2 preface (prior knowledge, RFC 9113 section 3.3);
/// `None` if it ends before that is clear.
async fn speaks_h2(tcp: &tokio::net::TcpStream) -> Option<bool> {
    const PREFACE: &[u8] = b"PRI * HTTP/2.0";
    let mut start = [0; PREFACE.len()];
    loop {
        let count = tcp.peek(&mut start).await.ok().filter(|count| *count > 0)?;
        let seen = start.get(..count)?;
        if !PREFACE.starts_with(seen) {
            return Some(false);
        }
        if count == PREFACE.len() {
            return Some(true);
        }
        // A peek of the same bytes returns at once, so it waits a little.
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// Returns the size of a request's header list as HTTP/2 counts it (RFC 9113, section 6.5.2): the text and 32
/// bytes for each field.
fn list_size(request: &Request<Incoming>) -> usize {
    const EACH: usize = 32;
    const PSEUDO: usize = ":method:scheme:path:authority".len() + 4 * EACH;
    let uri = request.uri();
    let target = uri.path_and_query().map_or(0, |target| target.as_str().len());
    let (scheme, authority) = (uri.scheme_str().unwrap_or_default(), uri.authority());
    let authority = authority.map_or(0, |authority| authority.as_str().len());
    let first = [PSEUDO, request.method().as_str().len(), scheme.len(), target, authority];
    let fields = request.headers().iter().map(|(name, value)| name.as_str().len() + value.len() + EACH);
    first.into_iter().chain(fields).sum()
}

/// Returns an IPv4 address that came through an IPv6 socket as IPv4.
fn canonical(address: IpAddr) -> IpAddr {
    address.to_canonical()
}

fn plain(status: StatusCode, text: String) -> Response<ReplyBody> {
    let mut response = Response::new(ReplyBody::whole(text));
    *response.status_mut() = status;
    response
        .headers_mut()
        .insert(header::CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

#[cfg(test)]
mod tests;
