//! A token issuer for evaluation: loopback only, marked in every reply, and able to issue invalid tokens on
//! purpose.
//!
//! It serves `/.well-known/openid-configuration`, `/jwks` and `POST /mint` ([`MintRequest`] as JSON, answered
//! by `{"token":"…","expires_in":3600}`). Anyone who can reach it gets any identity: never configure it in a
//! gateway that protects real data.

mod key;
mod mint;

pub use mint::Fault;
pub use mint::MAX_LIFETIME_S;
pub use mint::MintRequest;

use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::Method;
use http::Request;
use http::Response;
use http::StatusCode;
use http::header;
use http_body_util::BodyExt;
use http_body_util::Full;
use http_body_util::Limited;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use hyper_util::rt::TokioTimer;
use serde::Deserialize;
use serde::Serialize;
use serde_json::Value;
use serde_json::json;
use tokio::net::TcpListener;
use tokio::net::TcpStream;
use tokio::sync::Semaphore;
use tokio::task::AbortHandle;
use tokio::task::JoinSet;

use crate::demo::issuer::key::SigningKey;
use crate::demo::issuer::mint::Minter;
use crate::transport::fetch::Location;
use crate::transport::media::is_media_type;

const KEY_FILE: &str = "dev-issuer.key";
const MAX_REQUEST: usize = 64 << 10;
const MAX_STREAMS: usize = 64;

/// Settings of the issuer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DevIssuerSettings {
    /// A loopback address; with port 0 a free port is chosen.
    pub listen: SocketAddr,
    /// The folder of its key file (mode 0600), which keeps tokens valid across restarts. Must exist.
    pub key_dir: PathBuf,
    /// The audience of its tokens.
    pub audience: String,
}

/// Why the issuer does not run, or issued no token.
#[derive(Debug, thiserror::Error)]
pub enum DevIssuerError {
    /// The address is not a loopback address.
    #[error("the development issuer listens on loopback only, not on {0}")]
    NotLoopback(SocketAddr),
    /// The listener cannot be opened.
    #[error("cannot listen on {address}")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// The system's error.
        source: io::Error,
    },
    /// The key file cannot be read or written.
    #[error("cannot use the key file {path}")]
    KeyFile {
        /// The file.
        path: PathBuf,
        /// The system's error.
        source: io::Error,
    },
    /// Other users can read the key file.
    #[error("{path} may be read by others: it must have mode 0600")]
    KeyMode {
        /// The file.
        path: PathBuf,
    },
    /// The key is invalid, or cannot be generated.
    #[error("{path} holds no usable key: remove it to get a new one")]
    Key {
        /// The file.
        path: PathBuf,
    },
    /// A token could not be signed.
    #[error("the token could not be signed")]
    Sign,
    /// A mint request is invalid.
    #[error("the request {0}")]
    Request(&'static str),
    /// The issuer at this URL cannot be reached, or refused.
    #[error("cannot ask the development issuer at {url}")]
    Ask {
        /// Its URL.
        url: String,
    },
}

#[derive(Serialize, Deserialize)]
struct Minted {
    token: String,
    expires_in: u64,
}

struct Inner {
    url: String,
    audience: String,
    key: SigningKey,
}

/// The running issuer; it stops when dropped.
pub struct DevIssuer {
    /// Its `iss`, the prefix of all its URLs.
    #[cfg(test)]
    url: String,
    task: AbortHandle,
}

impl DevIssuer {
    /// Starts the issuer on the caller's runtime.
    ///
    /// # Errors
    /// [`DevIssuerError`] if the address is not a loopback address or is in use, or if the key file cannot be
    /// used or is readable by others.
    pub async fn start(settings: DevIssuerSettings) -> Result<Self, DevIssuerError> {
        let DevIssuerSettings { listen, key_dir, audience } = settings;
        if !listen.ip().is_loopback() {
            return Err(DevIssuerError::NotLoopback(listen));
        }
        let key = SigningKey::open(&key_dir.join(KEY_FILE))?;
        let failed = |source| DevIssuerError::Listen { address: listen, source };
        let listener = TcpListener::bind(listen).await.map_err(failed)?;
        let address = listener.local_addr().map_err(failed)?;
        let inner = Arc::new(Inner { url: format!("http://{address}"), audience, key });
        Ok(Self {
            #[cfg(test)]
            url: inner.url.clone(),
            task: tokio::spawn(accept(listener, inner)).abort_handle(),
        })
    }
}

impl Drop for DevIssuer {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Requests a token from the development issuer at `url`.
///
/// # Errors
/// [`DevIssuerError`] if the request is invalid, the URL is not plain http on loopback, or the issuer does
/// not answer, refuses or is not a development issuer.
pub async fn mint_at(url: &str, request: &MintRequest) -> Result<String, DevIssuerError> {
    request.check()?;
    let failed = || DevIssuerError::Ask { url: url.to_owned() };
    let location =
        Location::parse(url).ok().filter(|to| !to.secure && to.is_loopback()).ok_or_else(failed)?;
    let body = serde_json::to_vec(request).map_err(|_invalid| failed())?;
    let ask = async {
        let stream = TcpStream::connect((location.host.as_str(), location.port)).await.ok()?;
        let (mut sender, connection) =
            hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.ok()?;
        let mut driver = JoinSet::new();
        driver.spawn(connection);
        let host = url.trim_start_matches("http://").trim_end_matches('/');
        let request = Request::post("/mint")
            .header(header::HOST, host)
            .header(header::CONTENT_TYPE, "application/json")
            .body(Full::new(Bytes::from(body)))
            .ok()?;
        let reply = sender.send_request(request).await.ok()?;
        let good = reply.status() == StatusCode::OK && reply.headers().contains_key("hoopctl-dev");
        let bytes = Limited::new(reply.into_body(), MAX_REQUEST).collect().await.ok()?.to_bytes();
        let minted: Minted = serde_json::from_slice(&bytes).ok()?;
        good.then_some(minted.token)
    };
    let answer = tokio::time::timeout(Duration::from_secs(5), ask).await;
    answer.ok().flatten().ok_or_else(failed)
}

async fn accept(listener: TcpListener, inner: Arc<Inner>) {
    let slots = Arc::new(Semaphore::new(MAX_STREAMS));
    // Dropped with this task: no connection outlives the issuer.
    let mut streams = JoinSet::new();
    loop {
        let Ok(slot) = Arc::clone(&slots).acquire_owned().await else { return };
        while streams.try_join_next().is_some() {}
        let stream = match listener.accept().await {
            Ok((stream, _peer)) => stream,
            Err(_full) => {
                tokio::time::sleep(Duration::from_millis(50)).await;
                continue;
            }
        };
        let inner = Arc::clone(&inner);
        streams.spawn(async move {
            let serve = service_fn(|request| answer(Arc::clone(&inner), request));
            let mut server = hyper::server::conn::http1::Builder::new();
            server
                .timer(TokioTimer::new())
                .header_read_timeout(Duration::from_secs(10))
                .max_buf_size(MAX_REQUEST);
            // A client that disconnects early is not an error.
            drop(server.serve_connection(TokioIo::new(stream), serve).await);
            drop(slot);
        });
    }
}

async fn answer(inner: Arc<Inner>, request: Request<Incoming>) -> Result<Response<Full<Bytes>>, Infallible> {
    let (status, body) = inner.route(request).await;
    let mut response = Response::new(Full::new(Bytes::from(body.to_string())));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, header::HeaderValue::from_static("application/json"));
    headers.insert(header::CACHE_CONTROL, header::HeaderValue::from_static("no-store"));
    headers.insert("hoopctl-dev", header::HeaderValue::from_static("1"));
    Ok(response)
}

fn refused(status: StatusCode, why: &str) -> (StatusCode, Value) {
    (status, json!({ "error": why }))
}

impl Inner {
    fn minter(&self) -> Minter<'_> {
        Minter { url: &self.url, audience: &self.audience, key: &self.key }
    }

    async fn route(&self, request: Request<Incoming>) -> (StatusCode, Value) {
        // A web page must not get tokens through the browser: neither by a name that resolves to this address
        // (DNS rebinding) nor across origins.
        if !is_local_host(&request) || request.headers().contains_key(header::ORIGIN) {
            return refused(
                StatusCode::FORBIDDEN,
                "only for programs on this machine, by a loopback address",
            );
        }
        match (request.method(), request.uri().path()) {
            (&Method::GET, "/.well-known/openid-configuration") => (StatusCode::OK, self.discovery()),
            (&Method::GET, "/jwks") => (StatusCode::OK, json!({ "keys": [self.key.jwk()] })),
            (&Method::POST, "/mint") => self.mint_over_http(request).await,
            (_, "/.well-known/openid-configuration" | "/jwks" | "/mint") => {
                refused(StatusCode::METHOD_NOT_ALLOWED, "wrong method")
            }
            _ => refused(StatusCode::NOT_FOUND, "nothing here"),
        }
    }

    fn discovery(&self) -> Value {
        json!({
            "issuer": self.url,
            "jwks_uri": format!("{}/jwks", self.url),
            "id_token_signing_alg_values_supported": ["ES256"],
            "response_types_supported": [],
            "subject_types_supported": ["public"],
        })
    }

    async fn mint_over_http(&self, request: Request<Incoming>) -> (StatusCode, Value) {
        // A browser sends a form or plain text without a preflight request.
        if !is_media_type(request.headers(), "application/json") {
            return refused(StatusCode::UNSUPPORTED_MEDIA_TYPE, "wanted application/json");
        }
        let body = Limited::new(request.into_body(), MAX_REQUEST).collect().await;
        let Ok(body) = body.map(http_body_util::Collected::to_bytes) else {
            return refused(StatusCode::PAYLOAD_TOO_LARGE, "the body is cut or longer than 64 KiB");
        };
        let request: MintRequest = match serde_json::from_slice(&body) {
            Ok(request) => request,
            Err(error) => return refused(StatusCode::BAD_REQUEST, &error.to_string()),
        };
        match self.minter().mint(&request) {
            Ok(token) => (StatusCode::OK, json!({ "token": token, "expires_in": request.lifetime_s })),
            Err(error) => refused(StatusCode::BAD_REQUEST, &error.to_string()),
        }
    }
}

fn is_local_host(request: &Request<Incoming>) -> bool {
    let mut hosts = request.headers().get_all(header::HOST).iter();
    let (Some(host), None) = (hosts.next(), hosts.next()) else { return false };
    host.to_str().is_ok_and(|host| Location::parse(&format!("http://{host}/")).is_ok())
}

#[cfg(test)]
mod tests;
