//! The admin API over the network: TLS, a bearer token with each call, and limits for unauthenticated peers.

use std::io;
use std::net::IpAddr;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::Mutex;
use std::time::Duration;

use arc_swap::ArcSwapOption;
use bytes::Bytes;
use http::HeaderMap;
use http::Method;
use http::Request;
use http::Response;
use http::StatusCode;
use http::header;
use http::header::HeaderValue;
use hyper::body::Incoming;
use tokio::net::TcpListener;
use tokio::net::TcpStream;
use tokio::sync::OwnedSemaphorePermit;
use tokio::sync::Semaphore;
use tokio::sync::watch;
use tokio_rustls::TlsAcceptor;

use crate::control::Backend;
use crate::control::Service;
use crate::control::error::ApiError;
use crate::control::error::ErrorCode;
use crate::control::page;
use crate::control::page::Page;
use crate::control::page::Standing;
use crate::control::server::Accept;
use crate::control::server::READ_TIMEOUT;
use crate::control::server::Way;
use crate::control::server::accept_all;
use crate::control::server::converse;
use crate::control::server::failed;
use crate::control::server::finish;
use crate::control::server::json;
use crate::control::sign_in;
use crate::domain::principal::MAX_TOKEN;
use crate::domain::sync::lock;
use crate::transport::listen::keep_alive;
use crate::transport::strangers::Shut;
use crate::transport::strangers::Stranger;
use crate::transport::strangers::Strangers;
use crate::transport::stream::Stream;

/// Maximum number of streams served at once; further ones wait. The socket has a limit of its own.
const MAX_STREAMS: usize = 256;
/// Maximum number of unauthenticated ones among them, so that there is room for callers with a token.
pub(super) const MAX_STRANGERS: usize = 128;
/// Maximum number of unauthenticated streams per address, whatever the configured limits.
pub const MOST_OF_ONE: usize = 16;

/// The listener of the admin API over the network, with its certificate and unauthenticated peers.
pub struct Remote {
    /// The listener.
    pub listener: TcpListener,
    /// The certificate; without one nothing is encrypted, which is only allowed on a loopback address.
    pub tls: Arc<ArcSwapOption<rustls::ServerConfig>>,
    /// The addresses of peers that have not shown a valid token yet.
    pub strangers: Strangers,
}

impl Accept for Remote {
    type Stream = (TcpStream, SocketAddr);

    async fn accept(&self) -> io::Result<Self::Stream> {
        self.listener.accept().await
    }
}

/// Serves the admin API over the network until `stop` turns true (or its sender is dropped), then lets
/// running calls end.
pub async fn serve(remote: Remote, service: Arc<dyn Service>, stop: watch::Receiver<bool>) {
    let page = Arc::new(Page::default());
    let room = Arc::new(Semaphore::new(MAX_STRANGERS));
    let converse = |(stream, address): (TcpStream, SocketAddr)| {
        let place = Arc::clone(&room).try_acquire_owned().ok();
        let stranger = place.and_then(|place| Some((remote.strangers.enter(address.ip())?, place)));
        let (tls, service, stop) = (remote.tls.load_full(), Arc::clone(&service), stop.clone());
        let page = Arc::clone(&page);
        async move {
            // Too many of its address, or in total: closed without an answer.
            let Some(stranger) = stranger else { return };
            let Some(stream) = secured(stream, tls).await else { return };
            let network = Network::new(address.ip().to_canonical(), &stream, stranger, page);
            converse(stream, Way::Network(network), service, stop).await;
        }
    };
    let streams = accept_all(&remote, converse, MAX_STREAMS, &mut stop.clone()).await;
    drop(remote);
    finish(streams).await;
}

/// Returns the stream, with TLS if there is a certificate.
async fn secured(stream: TcpStream, tls: Option<Arc<rustls::ServerConfig>>) -> Option<Stream> {
    if let Err(error) = keep_alive(&stream) {
        tracing::debug!(%error, "an admin stream was gone at once");
        return None;
    }
    let Some(config) = tls else { return Some(Stream::Plain(stream)) };
    // The listener of the data path offers HTTP/2 as well.
    let mut config = rustls::ServerConfig::clone(&config);
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    let accepted =
        tokio::time::timeout(READ_TIMEOUT, TlsAcceptor::from(Arc::new(config)).accept(stream)).await;
    match accepted {
        Ok(Ok(stream)) => Some(Stream::TlsServer(Box::new(stream))),
        Ok(Err(error)) => {
            tracing::debug!(%error, "TLS with an admin caller failed");
            None
        }
        Err(_elapsed) => None,
    }
}

/// One stream over the network.
pub(super) struct Network {
    from: IpAddr,
    secure: bool,
    /// Present until its first call with a valid token, with its share of the limit on unauthenticated peers.
    stranger: Mutex<Option<(Stranger, OwnedSemaphorePermit)>>,
    /// The approval page, shared by all streams.
    page: Arc<Page>,
}

/// The answer to a refused peer.
type Refusal = Response<Bytes>;

impl Network {
    fn new(
        from: IpAddr,
        stream: &Stream,
        stranger: (Stranger, OwnedSemaphorePermit),
        page: Arc<Page>,
    ) -> Self {
        let secure = matches!(stream, Stream::TlsServer(_));
        Self { from, secure, stranger: Mutex::new(Some(stranger)), page }
    }

    /// Returns the answer of the approval page, if the request is for it. Nothing else accepts a browser's
    /// session, and the page accepts no token.
    pub(super) async fn browse(
        &self,
        request: Request<Incoming>,
        service: &dyn Service,
    ) -> Result<Response<Bytes>, Request<Incoming>> {
        let site = Some(request.uri().path()).filter(|path| page::is_here(path)).and_then(|_| service.page());
        let Some(site) = site else { return Err(request) };
        if let Some(shut) = self.shut() {
            return Ok(too_many(shut));
        }
        let (answer, standing) = self.page.answer(request, &site, service, self.from).await;
        match standing {
            Standing::Known => self.is_known(),
            Standing::Failed => {
                self.failed();
                return Ok(last(answer));
            }
            Standing::Nobody => {}
        }
        Ok(answer)
    }

    /// Returns the client's address.
    pub(super) const fn from(&self) -> IpAddr {
        self.from
    }

    /// Returns the backend for a call's token, or the refusal.
    pub(super) async fn let_in(
        &self,
        path: &str,
        method: &Method,
        headers: &HeaderMap,
        service: &dyn Service,
    ) -> Result<Arc<dyn Backend>, Refusal> {
        let called = self.called(headers);
        if path == sign_in::PATH {
            return Err(last(sign_in_metadata(method, service, &called)));
        }
        let admitted = match token(headers) {
            Ok(token) => service.admit(token, self.from).await,
            Err(error) => Err(error),
        };
        let error = match admitted {
            Ok(backend) => {
                self.is_known();
                return Ok(backend);
            }
            Err(error) => error,
        };
        // A valid token is accepted even from a blocked address; a call without a token does not count as a
        // guess.
        if let Some(shut) = self.shut() {
            return Err(last(too_many(shut)));
        }
        let with_token = headers.contains_key(header::AUTHORIZATION);
        let unknown = error.code == ErrorCode::Unauthenticated;
        if with_token && (unknown || error.code == ErrorCode::Forbidden) {
            self.failed();
        }
        let mut answer = failed(error);
        if unknown && let Some(challenge) = challenge(&called, with_token) {
            answer.headers_mut().insert(header::WWW_AUTHENTICATE, challenge);
        }
        Err(last(answer))
    }

    /// Marks the peer as authenticated.
    fn is_known(&self) {
        *lock(&self.stranger) = None;
    }

    fn failed(&self) {
        if let Some((stranger, _place)) = &*lock(&self.stranger) {
            stranger.failed();
        }
    }

    fn shut(&self) -> Option<Shut> {
        lock(&self.stranger).as_ref()?.0.shut
    }

    /// Returns the address that was called.
    fn called(&self, headers: &HeaderMap) -> String {
        let host = headers.get(header::HOST).and_then(|host| host.to_str().ok()).unwrap_or_default();
        format!("{}://{host}", if self.secure { "https" } else { "http" })
    }
}

/// Closes the stream after this answer: a retry is counted again.
fn last(mut answer: Refusal) -> Refusal {
    answer.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
    answer
}

/// Returns the single bearer token of a call (RFC 6750, section 2.1).
fn token(headers: &HeaderMap) -> Result<&str, ApiError> {
    let refused = |what: &str| {
        let hint = "run: hoopctl login --url URL";
        Err(ApiError::new(ErrorCode::Unauthenticated, format!("not signed in: {what}")).hint(hint))
    };
    let mut values = headers.get_all(header::AUTHORIZATION).iter();
    let (value, second) = (values.next(), values.next());
    let Some(value) = value else { return refused("the call has no Authorization: Bearer TOKEN") };
    if second.is_some() {
        return refused("the call has two Authorization headers");
    }
    let token = value.to_str().ok().and_then(|value| value.split_once(' '));
    match token.filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer")).map(|(_, token)| token.trim()) {
        Some(token) if !token.is_empty() && token.len() <= MAX_TOKEN => Ok(token),
        _ => refused("the Authorization header is not Bearer TOKEN"),
    }
}

/// Returns the `WWW-Authenticate` header of a 401 (RFC 6750 section 3, RFC 9728 section 5.1).
fn challenge(called: &str, with_token: bool) -> Option<HeaderValue> {
    let error = if with_token { r#", error="invalid_token""# } else { "" };
    let plain = called.bytes().all(|byte| byte.is_ascii_alphanumeric() || b":/.-[]".contains(&byte));
    let metadata = if plain {
        format!(r#" resource_metadata="{called}{}""#, sign_in::PATH)
    } else {
        r#" realm="hoopctl""#.to_owned()
    };
    HeaderValue::try_from(format!("Bearer{metadata}{error}")).ok()
}

/// Returns the metadata about signing in.
fn sign_in_metadata(method: &Method, service: &dyn Service, called: &str) -> Refusal {
    if *method != Method::GET {
        let error = ApiError::new(ErrorCode::BadRequest, "this document is read with GET");
        return failed(ApiError { takes: Some("GET"), ..error });
    }
    match serde_json::to_vec(&service.sign_in(called)) {
        Ok(body) => json(StatusCode::OK, body),
        Err(error) => failed(ApiError::new(ErrorCode::Internal, format!("it cannot be written: {error}"))),
    }
}

fn too_many(shut: Shut) -> Refusal {
    let (what, wait) = match shut {
        Shut::Open => ("too many streams of this address have not shown a token", Duration::from_secs(1)),
        Shut::Failed { wait } => ("too many tokens of this address did not hold", wait),
    };
    let mut answer = failed(ApiError::new(ErrorCode::TooMany, what).hint("try again later"));
    answer.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(wait.as_secs().max(1)));
    answer
}
