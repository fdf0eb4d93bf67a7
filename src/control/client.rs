//! The command line's side of the admin socket: each call is one HTTP/1.1 exchange on a stream of its own.

use std::convert::Infallible;
use std::future::Future;
use std::io;
use std::path::Path;
use std::path::PathBuf;
use std::pin::Pin;
use std::time::Duration;

use bytes::Bytes;
use http::Method;
use http::Request;
use http::Response;
use http::header;
use http_body_util::BodyExt as _;
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::net::UnixStream;
use zeroize::Zeroizing;

use crate::control::Answer;
use crate::control::call::VERSION;
use crate::control::error::ApiError;
use crate::control::error::ClientError;
use crate::control::error::ErrorBody;
use crate::control::error::ErrorCode;
use crate::control::noun::event::EventSource;
use crate::control::noun::event::NextEvent;
use crate::control::socket::MAX_PATH;
use crate::control::sse;

/// How long a call may take, beyond what its route says.
const TIMEOUT: Duration = Duration::from_secs(30);
/// The longest answer that is read, in bytes.
const MAX_ANSWER: usize = 64 << 20;
/// How long a stream may be silent: several heartbeats.
const SILENCE: Duration = Duration::from_secs(30);

/// Drives one stream; it never returns, so that only the exchange itself ends a wait.
type Driver = Pin<Box<dyn Future<Output = Infallible> + Send>>;
type Sender = http1::SendRequest<Full<Bytes>>;

/// The admin API of the gateway that listens on a socket. Cheap to make and to clone: nothing is opened until a call.
#[derive(Debug, Clone)]
pub struct Client {
    socket: PathBuf,
}

impl Client {
    /// A client of the gateway behind `socket`, whether it runs or not.
    pub fn new(socket: impl Into<PathBuf>) -> Self {
        Self { socket: socket.into() }
    }

    /// A client of the gateway behind `socket`, after making sure that somebody listens there.
    ///
    /// # Errors
    /// [`ClientError::NotRunning`] when nobody does, and the others of opening the socket.
    pub async fn connect(socket: impl Into<PathBuf> + Send) -> Result<Self, ClientError> {
        let client = Self::new(socket);
        drop(client.open().await?);
        Ok(client)
    }

    /// The socket.
    pub fn socket(&self) -> &Path {
        &self.socket
    }

    async fn open(&self) -> Result<UnixStream, ClientError> {
        use std::os::unix::ffi::OsStrExt as _;
        let path = || self.socket.clone();
        if self.socket.as_os_str().as_bytes().len() > MAX_PATH {
            return Err(ClientError::PathTooLong { path: path(), max: MAX_PATH });
        }
        UnixStream::connect(&self.socket).await.map_err(|source| match source.kind() {
            io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused => {
                ClientError::NotRunning { path: path() }
            }
            io::ErrorKind::PermissionDenied => ClientError::NotPermitted { path: path() },
            _ => ClientError::Open { path: path(), source },
        })
    }

    /// Sends one request and waits for the head of its answer.
    async fn send(&self, request: Request<Full<Bytes>>) -> Result<(Response<Incoming>, Driver), ClientError> {
        let broken = |doing| move |source| ClientError::Broken { doing, source };
        let stream = self.open().await?;
        let (mut sender, connection): (Sender, _) =
            http1::handshake(TokioIo::new(stream)).await.map_err(broken("opening it"))?;
        let mut driver: Driver = Box::pin(async move {
            // What went wrong shows in the exchange itself.
            drop(connection.await);
            std::future::pending().await
        });
        tokio::select! {
            response = sender.send_request(request) => Ok((response.map_err(broken("waiting for the answer"))?, driver)),
            never = &mut driver => match never {},
        }
    }

    fn request(
        method: &Method,
        path: &str,
        body: Option<Bytes>,
    ) -> Result<Request<Full<Bytes>>, ClientError> {
        let mut request = Request::builder()
            .method(method)
            .uri(format!("/{VERSION}/{path}"))
            .header(header::HOST, "hoopctl")
            .header(header::ACCEPT, "application/json");
        if body.is_some() {
            request = request.header(header::CONTENT_TYPE, "application/json");
        }
        request
            .body(Full::new(body.unwrap_or_default()))
            .map_err(|source| ClientError::Unwritable { what: what(method, path), source: source.into() })
    }

    async fn exchange<T: DeserializeOwned>(
        &self,
        method: Method,
        path: String,
        body: Option<Bytes>,
    ) -> Result<T, ApiError> {
        let request = Self::request(&method, &path, body)?;
        let (response, driver) = self.send(request).await?;
        let success = response.status().is_success();
        let bytes = read_all(response.into_body(), driver).await?;
        let unreadable = |source| ClientError::Unreadable { what: what(&method, &path), source };
        if success {
            Ok(serde_json::from_slice(&bytes).map_err(unreadable)?)
        } else {
            let ErrorBody { error } = serde_json::from_slice(&bytes).map_err(unreadable)?;
            Err(error)
        }
    }

    fn timed<T: DeserializeOwned + Send + 'static>(
        &self,
        method: Method,
        path: String,
        body: Option<Bytes>,
        longer: Duration,
    ) -> Answer<'_, T> {
        Box::pin(async move {
            let limit = TIMEOUT + longer;
            match tokio::time::timeout(limit, self.exchange(method, path, body)).await {
                Ok(answer) => answer,
                Err(_elapsed) => Err(ClientError::Slow { seconds: limit.as_secs() }.into()),
            }
        })
    }

    /// Makes a call without a body. `path` is what stands behind `/v1/`, percent-encoded.
    pub(super) fn call<T: DeserializeOwned + Send + 'static>(
        &self,
        method: Method,
        path: String,
    ) -> Answer<'_, T> {
        self.timed(method, path, None, Duration::ZERO)
    }

    /// The same for a call that takes up to `longer` more than others.
    pub(super) fn call_for<T: DeserializeOwned + Send + 'static>(
        &self,
        method: Method,
        path: String,
        longer: Duration,
    ) -> Answer<'_, T> {
        self.timed(method, path, None, longer)
    }

    /// Makes a call with a JSON body, which is wiped afterwards: it may hold a secret.
    pub(super) fn call_with<T: DeserializeOwned + Send + 'static>(
        &self,
        method: Method,
        path: String,
        body: &impl Serialize,
    ) -> Answer<'_, T> {
        match serde_json::to_vec(body) {
            Ok(json) => {
                let longer = Duration::from_secs(crate::control::noun::session::GREP_TIMEOUT_S);
                self.timed(method, path, Some(Bytes::from_owner(Zeroizing::new(json))), longer)
            }
            Err(error) => {
                let what = what(&method, &path);
                let error = ClientError::Unwritable { what, source: error.into() };
                Box::pin(async move { Err(error.into()) })
            }
        }
    }

    /// Opens a stream of events, after the message with the id `after`.
    pub(super) fn follow(
        &self,
        method: Method,
        path: String,
        after: Option<String>,
    ) -> Answer<'_, Box<dyn EventSource>> {
        Box::pin(async move {
            let mut request = Self::request(&method, &path, None)?;
            if let Some(after) = after {
                let value = header::HeaderValue::try_from(after).map_err(|source| {
                    ClientError::Unwritable { what: what(&method, &path), source: source.into() }
                })?;
                request.headers_mut().insert("last-event-id", value);
            }
            let (response, driver) = tokio::time::timeout(TIMEOUT, self.send(request))
                .await
                .map_err(|_elapsed| ClientError::Slow { seconds: TIMEOUT.as_secs() })??;
            if response.status().is_success() {
                let stream = Stream { body: response.into_body(), driver, reader: sse::Reader::default() };
                return Ok(Box::new(stream) as Box<dyn EventSource>);
            }
            let bytes = read_all(response.into_body(), driver).await?;
            let ErrorBody { error } = serde_json::from_slice(&bytes)
                .map_err(|source| ClientError::Unreadable { what: what(&method, &path), source })?;
            Err(error)
        })
    }
}

/// The call as an error may name it: without its query.
fn what(method: &Method, path: &str) -> String {
    let path = path.split_once('?').map_or(path, |(path, _)| path);
    format!("{method} /{VERSION}/{path}")
}

async fn read_all(mut body: Incoming, mut driver: Driver) -> Result<Vec<u8>, ClientError> {
    let mut bytes = Vec::new();
    loop {
        let frame = tokio::select! {
            frame = body.frame() => frame,
            never = &mut driver => match never {},
        };
        let Some(frame) = frame else { return Ok(bytes) };
        let frame = frame.map_err(|source| ClientError::Broken { doing: "reading the answer", source })?;
        if let Some(data) = frame.data_ref() {
            if bytes.len() + data.len() > MAX_ANSWER {
                return Err(ClientError::Long { max: MAX_ANSWER });
            }
            bytes.extend_from_slice(data);
        }
    }
}

/// An open stream of events.
struct Stream {
    body: Incoming,
    driver: Driver,
    reader: sse::Reader,
}

impl EventSource for Stream {
    fn next(&mut self) -> NextEvent<'_> {
        Box::pin(async move {
            loop {
                if let Some(event) = self.reader.take() {
                    return Ok(Some(event));
                }
                let frame = tokio::select! {
                    frame = self.body.frame() => frame,
                    never = &mut self.driver => match never {},
                    () = tokio::time::sleep(SILENCE) => {
                        return Err(ClientError::Slow { seconds: SILENCE.as_secs() }.into());
                    }
                };
                let Some(frame) = frame else { return Ok(None) };
                let frame =
                    frame.map_err(|source| ClientError::Broken { doing: "following events", source })?;
                if let Some(data) = frame.data_ref() {
                    self.reader
                        .push(data)
                        .map_err(|error| ApiError::new(ErrorCode::TooLarge, error.to_string()))?;
                }
            }
        })
    }
}
