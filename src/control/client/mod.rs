//! The client of the admin API, over its socket or the network: each call is one HTTP/1.1 exchange on a
//! stream of its own.

pub mod network;
mod stream;
#[cfg(test)]
mod tests;

use std::convert::Infallible;
use std::future::Future;
use std::io;
use std::path::Path;
use std::path::PathBuf;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::HeaderValue;
use http::Method;
use http::Request;
use http::Response;
use http::StatusCode;
use http::header;
use http_body_util::BodyExt as _;
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::io::AsyncRead;
use tokio::io::AsyncWrite;
use tokio::net::UnixStream;
use tokio::time::Instant;
use zeroize::Zeroizing;

use crate::control::Answer;
use crate::control::call::VERSION;
use crate::control::error::ApiError;
use crate::control::error::ClientError;
use crate::control::error::ErrorBody;
use crate::control::error::ErrorCode;
use crate::control::noun::event::EventSource;
use crate::domain::Secret;
use crate::transport::fetch::Location;
use crate::transport::local::MAX_PATH;

pub use network::Bearer;

use network::Network;
use stream::Stream;

/// Timeout of a call, plus that of its route. Time spent waiting for a token does not count: see
/// [`Allowance`].
const TIMEOUT: Duration = Duration::from_secs(30);
/// Maximum length of an answer in bytes.
const MAX_ANSWER: usize = 64 << 20;

/// Drives one stream. It never returns, so that only the exchange itself ends a wait.
type Driver = Pin<Box<dyn Future<Output = Infallible> + Send>>;
type Sender = http1::SendRequest<Full<Bytes>>;

/// How the gateway is reached.
#[derive(Debug, Clone)]
enum Way {
    Socket(PathBuf),
    Network(Network),
}

/// A client for one gateway. Cheap to create and to clone: it connects for each call.
#[derive(Debug, Clone)]
pub struct Client {
    way: Way,
}

/// The remaining time of a call.
///
/// It does not count while a token is obtained. Another process may be renewing that token, which is waited
/// for (`cli::login`: 40 s for the file, then two exchanges of 10 s), and a call that gave up before could
/// only report that the gateway is slow. Obtaining a token has limits of its own with better messages.
struct Allowance {
    limit: Duration,
    end: Instant,
}

impl Allowance {
    fn new(limit: Duration) -> Self {
        Self { limit, end: Instant::now() + limit }
    }

    async fn call<T>(&self, part: impl Future<Output = Result<T, ClientError>>) -> Result<T, ApiError> {
        let done = tokio::time::timeout_at(self.end, part).await;
        Ok(done.unwrap_or(Err(ClientError::Slow { seconds: self.limit.as_secs() }))?)
    }

    async fn token<T>(&mut self, token: Answer<'_, T>) -> Result<T, ApiError> {
        let begin = Instant::now();
        let token = token.await;
        self.end += begin.elapsed();
        token
    }
}

/// A call before it is written: it may have to be sent twice, with another token.
#[derive(Debug, Clone)]
struct Draft {
    method: Method,
    /// The path below `/v1/`, percent-encoded.
    path: String,
    body: Option<Bytes>,
    /// The message id after which a stream resumes.
    after: Option<String>,
}

impl Client {
    /// Returns a client for the gateway behind `socket`, whether it is running or not.
    pub fn new(socket: impl Into<PathBuf>) -> Self {
        Self { way: Way::Socket(socket.into()) }
    }

    /// Returns a client for the gateway behind `socket`, after checking that it is listening.
    ///
    /// # Errors
    /// [`ClientError::NotRunning`] if it is not, and the other errors of connecting to the socket.
    pub async fn connect(socket: impl Into<PathBuf> + Send) -> Result<Self, ClientError> {
        let socket = socket.into();
        drop(open(&socket).await?);
        Ok(Self::new(socket))
    }

    /// Returns a client for the gateway whose admin listener is at `location`, with the tokens of `bearer`.
    /// Its certificate is verified against the authorities in `ca_file`, or the platform's without such a
    /// file.
    ///
    /// # Errors
    /// [`ClientError::Authorities`].
    pub fn network(
        location: Location,
        ca_file: Option<&Path>,
        bearer: Arc<dyn Bearer>,
    ) -> Result<Self, ClientError> {
        Ok(Self { way: Way::Network(Network::new(location, ca_file, bearer)?) })
    }

    /// Sends a call and waits for the head of its answer. Over the network it includes a token. If that is
    /// refused and there is another one, the call is sent once more, which is safe since a refused call has
    /// no effect.
    async fn ask(
        &self,
        draft: &Draft,
        time: &mut Allowance,
    ) -> Result<(Response<Incoming>, Driver), ApiError> {
        let network = match &self.way {
            Way::Socket(socket) => {
                let whole = async { send(open(socket).await?, draft.request("hoopctl", None)?).await };
                return time.call(whole).await;
            }
            Way::Network(network) => network,
        };
        let with = async |token: &Secret| {
            send(network.open().await?, draft.request(network.location.authority(), Some(token))?).await
        };
        let token = time.token(network.bearer.token()).await?;
        let first = time.call(with(&token)).await?;
        if first.0.status() != StatusCode::UNAUTHORIZED {
            return Ok(first);
        }
        match time.token(network.bearer.another(Arc::clone(&token))).await? {
            Some(other) if other.expose() != token.expose() => time.call(with(&other)).await,
            _ => Ok(first),
        }
    }

    /// Reads an error answer.
    async fn refused(
        &self,
        draft: &Draft,
        time: &Allowance,
        (response, driver): (Response<Incoming>, Driver),
    ) -> ApiError {
        let status = response.status();
        let bytes = match time.call(read_all(response.into_body(), driver)).await {
            Ok(bytes) => bytes,
            Err(error) => return error,
        };
        match (serde_json::from_slice(&bytes), &self.way) {
            (Ok(ErrorBody { error }), Way::Network(network)) if error.code == ErrorCode::Unauthenticated => {
                error.hint(network.bearer.advice())
            }
            (Ok(ErrorBody { error }), _) => error,
            (Err(_other), Way::Network(network)) => {
                ClientError::NotAdminApi { origin: network.location.origin(), status: status.as_u16() }.into()
            }
            (Err(source), Way::Socket(_)) => ClientError::Unreadable { what: draft.what(), source }.into(),
        }
    }

    /// Sends a call and waits for the whole answer. Parsing is left to the caller, so that this is compiled
    /// once, not per type.
    async fn exchange(&self, draft: &Draft, mut time: Allowance) -> Result<Vec<u8>, ApiError> {
        let (response, driver) = self.ask(draft, &mut time).await?;
        if !response.status().is_success() {
            return Err(self.refused(draft, &time, (response, driver)).await);
        }
        time.call(read_all(response.into_body(), driver)).await
    }

    fn timed<T: DeserializeOwned + Send + 'static>(
        &self,
        method: Method,
        path: String,
        body: Option<Bytes>,
        longer: Duration,
    ) -> Answer<'_, T> {
        Box::pin(async move {
            let draft = Draft { method, path, body, after: None };
            let bytes = self.exchange(&draft, Allowance::new(TIMEOUT + longer)).await?;
            Ok(serde_json::from_slice(&bytes)
                .map_err(|source| ClientError::Unreadable { what: draft.what(), source })?)
        })
    }

    /// Makes a call without a body. `path` is the part below `/v1/`, percent-encoded.
    pub(super) fn call<T: DeserializeOwned + Send + 'static>(
        &self,
        method: Method,
        path: String,
    ) -> Answer<'_, T> {
        self.timed(method, path, None, Duration::ZERO)
    }

    /// Sends a call like [`Self::call`], for a call that takes up to `longer` more than others.
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
                let draft = Draft { method, path, body: None, after: None };
                let error = ClientError::Unwritable { what: draft.what(), source: error.into() };
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
        let draft = Draft { method, path, body: None, after };
        Box::pin(async move {
            let stream = Stream::open(self.clone(), draft).await?;
            Ok(Box::new(stream) as Box<dyn EventSource>)
        })
    }
}

impl Draft {
    /// Returns the call as named in errors, without its query.
    fn what(&self) -> String {
        let path = self.path.split_once('?').map_or(&*self.path, |(path, _)| path);
        format!("{} /{VERSION}/{path}", self.method)
    }

    fn request(&self, host: &str, token: Option<&Secret>) -> Result<Request<Full<Bytes>>, ClientError> {
        let unwritable =
            |source: http::Error| ClientError::Unwritable { what: self.what(), source: source.into() };
        let mut request = Request::builder()
            .method(&self.method)
            .uri(format!("/{VERSION}/{}", self.path))
            .header(header::HOST, host)
            .header(header::ACCEPT, "application/json");
        if self.body.is_some() {
            request = request.header(header::CONTENT_TYPE, "application/json");
        }
        if let Some(after) = &self.after {
            request = request.header("last-event-id", after);
        }
        if let Some(token) = token {
            let value = Zeroizing::new([b"Bearer ", token.expose()].concat());
            let mut value = HeaderValue::from_bytes(&value).map_err(|invalid| unwritable(invalid.into()))?;
            value.set_sensitive(true);
            request = request.header(header::AUTHORIZATION, value);
        }
        request.body(Full::new(self.body.clone().unwrap_or_default())).map_err(unwritable)
    }
}

async fn open(socket: &Path) -> Result<UnixStream, ClientError> {
    use std::os::unix::ffi::OsStrExt as _;
    use std::os::unix::fs::MetadataExt as _;
    let path = || socket.to_owned();
    if socket.as_os_str().as_bytes().len() > MAX_PATH {
        return Err(ClientError::PathTooLong { path: path(), max: MAX_PATH });
    }
    let stream = UnixStream::connect(socket).await.map_err(|source| match source.kind() {
        io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused => {
            ClientError::NotRunning { path: path() }
        }
        io::ErrorKind::PermissionDenied => ClientError::NotPermitted { path: path() },
        _ => ClientError::Open { path: path(), source },
    })?;
    let unknown = |source| ClientError::Open { path: path(), source };
    let listener = stream.peer_cred().map_err(unknown)?.uid();
    let folder = std::fs::metadata(folder_of(socket)).map_err(unknown)?.uid();
    if may_listen(listener, folder, nix::unistd::geteuid().as_raw()) {
        Ok(stream)
    } else {
        Err(ClientError::NotTheGateway { path: path(), uid: listener })
    }
}

fn folder_of(socket: &Path) -> &Path {
    socket.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// Whether whoever listens can be the gateway: root, who asks, or the owner of the folder that the socket is
/// in. Others can make a socket where a folder is open to all, and would be told secrets and tokens.
const fn may_listen(listener: u32, owner_of_folder: u32, own: u32) -> bool {
    listener == 0 || listener == own || listener == owner_of_folder
}

/// Sends one request and waits for the head of its answer.
async fn send<S>(
    stream: S,
    request: Request<Full<Bytes>>,
) -> Result<(Response<Incoming>, Driver), ClientError>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let broken = |doing| move |source| ClientError::Broken { doing, source };
    let (mut sender, connection): (Sender, _) =
        http1::handshake(TokioIo::new(stream)).await.map_err(broken("opening it"))?;
    let mut driver: Driver = Box::pin(async move {
        // Errors show up in the exchange itself.
        drop(connection.await);
        std::future::pending().await
    });
    tokio::select! {
        response = sender.send_request(request) => Ok((response.map_err(broken("waiting for the answer"))?, driver)),
        never = &mut driver => match never {},
    }
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
