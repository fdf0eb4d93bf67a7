//! The server of the admin API: accepts streams, identifies the peer of the socket, enforces limits, and
//! answers calls.

use std::convert::Infallible;
use std::fmt;
use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::Context;
use std::task::Poll;
use std::time::Duration;

use bytes::Bytes;
use http::HeaderMap;
use http::Request;
use http::Response;
use http::StatusCode;
use http::header;
use http_body_util::BodyExt as _;
use http_body_util::Either;
use http_body_util::Full;
use hyper::body::Body;
use hyper::body::Frame;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use hyper_util::rt::TokioTimer;
use tokio::io::AsyncRead;
use tokio::io::AsyncWrite;
use tokio::net::UnixStream;
use tokio::sync::Semaphore;
use tokio::sync::watch;
use tokio::task::JoinSet;
use zeroize::Zeroizing;

use crate::control::Backend;
use crate::control::Peer;
use crate::control::Service;
use crate::control::call::Call;
use crate::control::call::Reply;
use crate::control::error::ApiError;
use crate::control::error::ErrorBody;
use crate::control::error::ErrorCode;
use crate::control::noun;
use crate::control::noun::event::EventSource;
use crate::control::noun::event::LiveEvent;
use crate::control::noun::event::Topic;
use crate::control::remote::Network;
use crate::control::socket::AdminSocket;
use crate::control::sse;
use crate::control::stall::Stall;
use crate::transport::media::is_media_type;

/// Maximum number of streams served at once; further ones wait.
const MAX_STREAMS: usize = 64;
/// Maximum length of a call's body in bytes.
pub const MAX_BODY: usize = 4 << 20;
/// Maximum length of request line and header block in bytes.
const MAX_HEAD: usize = 32 << 10;
/// Maximum number of headers of a call.
const MAX_HEADERS: usize = 32;
/// Timeout for the head of a call, and again for its body.
pub(super) const READ_TIMEOUT: Duration = Duration::from_secs(10);
/// Timeout of one call.
const CALL_TIMEOUT: Duration = Duration::from_secs(90);
/// How long a caller may not read an answer.
const STALL_TIMEOUT: Duration = Duration::from_secs(30);
/// How long calls may still run when the gateway stops.
const STOP_TIMEOUT: Duration = Duration::from_secs(5);
/// Interval of heartbeats on a silent stream of events.
const HEARTBEAT: Duration = Duration::from_secs(5);

type AnswerBody = Either<Full<Bytes>, EventBody>;

/// Serves the admin API on `socket` until `stop` turns true (or its sender is dropped), then lets running
/// calls end.
pub async fn serve(socket: AdminSocket, service: Arc<dyn Service>, stop: watch::Receiver<bool>) {
    let converse = |stream: UnixStream| {
        let (service, stop) = (Arc::clone(&service), stop.clone());
        async move {
            if let Some(peer) = peer(&stream).await {
                converse(stream, Way::Socket(peer), service, stop).await;
            }
        }
    };
    let streams = accept_all(&socket, converse, MAX_STREAMS, &mut stop.clone()).await;
    // No new streams from here on; the file is removed with the listener.
    drop(socket);
    finish(streams).await;
}

/// A source of callers' streams.
pub(super) trait Accept {
    /// The stream of one caller.
    type Stream;
    /// Waits for the next stream. Dropping the future loses none.
    fn accept(&self) -> impl Future<Output = io::Result<Self::Stream>> + Send;
}

impl Accept for AdminSocket {
    type Stream = UnixStream;

    async fn accept(&self) -> io::Result<UnixStream> {
        self.0.accept().await
    }
}

/// Serves all streams, at most `most` at once, until the stop. Returns those still open.
pub(super) async fn accept_all<A: Accept, C>(
    listener: &A,
    converse: impl Fn(A::Stream) -> C,
    most: usize,
    stop: &mut watch::Receiver<bool>,
) -> JoinSet<()>
where
    C: Future<Output = ()> + Send + 'static,
{
    let room = Arc::new(Semaphore::new(most));
    let mut streams = JoinSet::new();
    loop {
        let next = async {
            let place = Arc::clone(&room).acquire_owned().await.ok()?;
            match listener.accept().await {
                Ok(stream) => Some((stream, place)),
                Err(error) => {
                    // Most likely out of file descriptors: only waiting helps.
                    tracing::warn!(%error, "cannot accept an admin caller");
                    tokio::time::sleep(Duration::from_millis(100)).await;
                    None
                }
            }
        };
        let accepted = tokio::select! {
            biased;
            () = stopped(stop) => return streams,
            Some(_ended) = streams.join_next() => continue,
            accepted = next => accepted,
        };
        let Some((stream, place)) = accepted else { continue };
        let conversation = converse(stream);
        streams.spawn(async move {
            conversation.await;
            drop(place);
        });
    }
}

/// Lets running calls end.
pub(super) async fn finish(mut streams: JoinSet<()>) {
    let ended =
        tokio::time::timeout(STOP_TIMEOUT, async { while streams.join_next().await.is_some() {} }).await;
    if ended.is_err() {
        tracing::warn!("admin calls were cut off at the stop");
    }
}

/// Waits for the stop, or until the sender is dropped.
async fn stopped(stop: &mut watch::Receiver<bool>) {
    drop(stop.wait_for(|stop| *stop).await);
}

/// Returns the peer of the socket, according to the kernel.
async fn peer(stream: &UnixStream) -> Option<Peer> {
    let uid = match stream.peer_cred() {
        Ok(credentials) => credentials.uid(),
        Err(error) => {
            tracing::warn!(%error, "an admin caller without credentials was turned away");
            return None;
        }
    };
    // The user database may be remote, so it is not queried on the serving threads.
    tokio::task::spawn_blocking(move || Peer::look_up(uid)).await.ok()
}

/// How a stream is connected.
pub(super) enum Way {
    /// Through the socket.
    Socket(Peer),
    /// Over the network.
    Network(Network),
}

impl fmt::Display for Way {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Socket(peer) => write!(f, "uid {}", peer.uid),
            Self::Network(network) => write!(f, "{}", network.from()),
        }
    }
}

/// Serves one caller's stream until it closes.
pub(super) async fn converse<S>(
    stream: S,
    way: Way,
    service: Arc<dyn Service>,
    mut stop: watch::Receiver<bool>,
) where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let way = Arc::new(way);
    let answer = service_fn(move |request| {
        let (service, way) = (Arc::clone(&service), Arc::clone(&way));
        async move { Ok::<_, Infallible>(answer(request, &*service, &way).await) }
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(READ_TIMEOUT)
        .max_headers(MAX_HEADERS)
        .max_buf_size(MAX_HEAD)
        .serve_connection(TokioIo::new(Stall::new(stream, STALL_TIMEOUT)), answer);
    tokio::pin!(connection);
    let ended = tokio::select! {
        served = &mut connection => Some(served),
        () = stopped(&mut stop) => None,
    };
    let served = if let Some(served) = ended {
        served
    } else {
        connection.as_mut().graceful_shutdown();
        connection.await
    };
    if let Err(error) = served {
        tracing::debug!(%error, "an admin stream ended early");
    }
}

/// Answers one call.
async fn answer(request: Request<Incoming>, service: &dyn Service, way: &Way) -> Response<AnswerBody> {
    let method = request.method().clone();
    let mut request = request;
    if let Way::Network(network) = way {
        match network.browse(request, service).await {
            Ok(answer) => {
                tracing::debug!(%method, %way, status = answer.status().as_u16(), "a browser asked");
                return answer.map(|body| Either::Left(Full::new(body)));
            }
            Err(of_the_api) => request = of_the_api,
        }
    }
    let (path, headers) = (request.uri().path().to_owned(), request.headers().clone());
    let let_in = async || match way {
        Way::Socket(peer) => Ok(service.acting_as(peer)),
        Way::Network(network) => network.let_in(&path, &method, &headers, service).await.map_err(|answer| {
            tracing::info!(%method, %way, status = answer.status().as_u16(), "admin call turned away");
            answer.map(|body| Either::Left(Full::new(body)))
        }),
    };
    // Before its body is read, so that an unauthenticated peer sends none.
    let backend = match let_in().await {
        Ok(backend) => backend,
        Err(answer) => return answer,
    };
    let reply = match read(request).await {
        // And again afterwards: a body may take a while, and a lock may have been set meanwhile.
        Ok(call) if !call.body.is_empty() => match let_in().await {
            Ok(backend) => perform(call, backend).await,
            Err(answer) => return answer,
        },
        Ok(call) => perform(call, backend).await,
        Err(error) => Err(error),
    };
    match reply {
        Ok(Reply::Json(status, body)) => {
            tracing::debug!(%method, %way, "admin call");
            json(status, body).map(|body| Either::Left(Full::new(body)))
        }
        Ok(Reply::Events(source)) => {
            let mut response = Response::new(Either::Right(EventBody::new(source)));
            let headers = response.headers_mut();
            headers.insert(header::CONTENT_TYPE, header::HeaderValue::from_static("text/event-stream"));
            headers.insert(header::CACHE_CONTROL, header::HeaderValue::from_static("no-store"));
            response
        }
        Err(error) => {
            tracing::info!(%method, %way, code = %error.code, "admin call refused");
            failed(error).map(|body| Either::Left(Full::new(body)))
        }
    }
}

/// Returns the response for an error.
pub(super) fn failed(error: ApiError) -> Response<Bytes> {
    let takes = error.takes;
    let status = if takes.is_some() { StatusCode::METHOD_NOT_ALLOWED } else { error.code.status() };
    let mut response = json(status, serde_json::to_vec(&ErrorBody { error }).unwrap_or_default());
    if let Some(methods) = takes {
        response.headers_mut().insert(header::ALLOW, header::HeaderValue::from_static(methods));
    }
    response
}

/// Returns a JSON response that must not be cached.
pub(super) fn json(status: StatusCode, body: Vec<u8>) -> Response<Bytes> {
    let mut response = Response::new(Bytes::from(body));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, header::HeaderValue::from_static("application/json"));
    headers.insert(header::CACHE_CONTROL, header::HeaderValue::from_static("no-store"));
    response
}

/// Runs one call. It is completed even if the caller leaves: a change is never half made.
async fn perform(call: Call, backend: Arc<dyn Backend>) -> Result<Reply, ApiError> {
    let task = tokio::spawn(async move { noun::route(&call, &*backend).await });
    match tokio::time::timeout(CALL_TIMEOUT, task).await {
        Ok(Ok(reply)) => reply,
        Ok(Err(_panicked)) => Err(ApiError::new(ErrorCode::Internal, "the call failed inside the gateway")
            .hint("see the gateway's log")),
        Err(_elapsed) => {
            let text =
                format!("the call took longer than {} s; it may still be made", CALL_TIMEOUT.as_secs());
            Err(ApiError::new(ErrorCode::Timeout, text))
        }
    }
}

/// Reads a whole call, within its limits.
async fn read(request: Request<Incoming>) -> Result<Call, ApiError> {
    let (head, body) = request.into_parts();
    refuse_browsers(&head.headers)?;
    let mut call = Call::read(head.method, head.uri.path(), head.uri.query().unwrap_or_default())?;
    call.last_event =
        head.headers.get("last-event-id").map(|id| String::from_utf8_lossy(id.as_bytes()).into_owned());
    call.body = match tokio::time::timeout(READ_TIMEOUT, read_body(body)).await {
        Ok(body) => body?,
        Err(_elapsed) => {
            let text = format!("the body did not come within {} s", READ_TIMEOUT.as_secs());
            return Err(ApiError::new(ErrorCode::Timeout, text));
        }
    };
    if !call.body.is_empty() && !is_media_type(&head.headers, "application/json") {
        return Err(ApiError::new(ErrorCode::BadRequest, "a body must be of the type application/json"));
    }
    Ok(call)
}

/// Refuses calls from web pages, however they reach the socket.
fn refuse_browsers(headers: &HeaderMap) -> Result<(), ApiError> {
    if headers.contains_key(header::ORIGIN) {
        return Err(ApiError::new(
            ErrorCode::Forbidden,
            "calls with an Origin header are refused: no page of a browser may call",
        ));
    }
    Ok(())
}

async fn read_body(mut body: Incoming) -> Result<Zeroizing<Vec<u8>>, ApiError> {
    let too_large = || {
        let text = format!("the body is longer than {MAX_BODY} bytes");
        ApiError::new(ErrorCode::TooLarge, text).hint("send it in parts: files to apply one by one")
    };
    if body.size_hint().lower() > MAX_BODY as u64 {
        return Err(too_large());
    }
    // Allocated in full: growing would leave copies behind that are not wiped.
    let expected = body.size_hint().upper().and_then(|upper| usize::try_from(upper).ok()).unwrap_or(0);
    let mut bytes = Zeroizing::new(Vec::with_capacity(expected.min(MAX_BODY)));
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|_cut| ApiError::new(ErrorCode::BadRequest, "the body was cut off"))?;
        if let Some(data) = frame.data_ref() {
            if bytes.len() + data.len() > MAX_BODY {
                return Err(too_large());
            }
            bytes.extend_from_slice(data);
        }
    }
    Ok(bytes)
}

type Step = Pin<Box<dyn Future<Output = (Option<Box<dyn EventSource>>, Option<Bytes>)> + Send>>;

/// A stream of events as a response body. It polls its source only when the caller reads.
struct EventBody {
    step: Option<Step>,
}

impl EventBody {
    fn new(source: Box<dyn EventSource>) -> Self {
        // The first bytes are sent at once, so that the caller knows that the stream is open.
        Self {
            step: Some(Box::pin(async move {
                (Some(source), Some(Bytes::from_static(sse::HEARTBEAT.as_bytes())))
            })),
        }
    }

    /// Returns the next piece, and the source if there may be more.
    async fn advance(mut source: Box<dyn EventSource>) -> (Option<Box<dyn EventSource>>, Option<Bytes>) {
        match tokio::time::timeout(HEARTBEAT, source.next()).await {
            Ok(Ok(Some(event))) => (Some(source), Some(sse::write(&event).into())),
            Ok(Ok(None)) => (None, None),
            Ok(Err(error)) => {
                let data = format!(r#"{{"reason":"{}"}}"#, error.code);
                (None, Some(sse::write(&LiveEvent { id: String::new(), topic: Topic::End, data }).into()))
            }
            Err(_elapsed) => (Some(source), Some(Bytes::from_static(sse::HEARTBEAT.as_bytes()))),
        }
    }
}

impl Body for EventBody {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let Some(step) = &mut self.step else { return Poll::Ready(None) };
        let Poll::Ready((source, piece)) = step.as_mut().poll(cx) else { return Poll::Pending };
        self.step = source.map(|source| Box::pin(Self::advance(source)) as Step);
        Poll::Ready(piece.map(|piece| Ok(Frame::data(piece))))
    }
}
