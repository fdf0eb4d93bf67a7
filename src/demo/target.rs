//! The small HTTP server of the sample targets: a listener on its own thread, and helpers for replies.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::net::TcpListener;
use std::time::Duration;

use bytes::Bytes;
use http::HeaderValue;
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
use serde_json::Value;
use tokio::sync::oneshot;

use crate::demo::DemoError;

/// Maximum size of a request body, in bytes.
pub const BODY_MAX: usize = 64 << 10;

/// The body of a reply.
pub type Body = BoxBody<Bytes, Infallible>;

/// A running sample target. It stops when dropped.
#[derive(Debug)]
pub struct SampleTarget {
    address: SocketAddr,
    _stop: oneshot::Sender<()>,
}

impl SampleTarget {
    /// Returns the address it listens on.
    pub const fn address(&self) -> SocketAddr {
        self.address
    }
}

/// Serves a target on `listener`, on its own thread, with `answer` as the request handler. `what` names the
/// target in errors.
///
/// # Errors
/// [`DemoError`] if the listener or the thread cannot be used.
pub fn start<F, R>(listener: TcpListener, what: &'static str, answer: F) -> Result<SampleTarget, DemoError>
where
    F: Fn(Request<Incoming>) -> R + Clone + Send + 'static,
    R: Future<Output = Response<Body>> + Send + 'static,
{
    let address = listener.local_addr().map_err(|source| DemoError::Listen { what, source })?;
    listener.set_nonblocking(true).map_err(|source| DemoError::Listen { what, source })?;
    let (stop, stopped) = oneshot::channel();
    let run = move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        // Without a runtime nothing listens, and the caller's readiness check reports it.
        if let Ok(runtime) = runtime {
            runtime.block_on(async {
                tokio::select! {
                    () = accept(listener, answer) => {}
                    _dropped = stopped => {}
                }
            });
        }
    };
    std::thread::Builder::new()
        .name("demo-target".to_owned())
        .spawn(run)
        .map_err(|source| DemoError::Thread { what, source })?;
    Ok(SampleTarget { address, _stop: stop })
}

async fn accept<F, R>(listener: TcpListener, answer: F)
where
    F: Fn(Request<Incoming>) -> R + Clone + Send + 'static,
    R: Future<Output = Response<Body>> + Send + 'static,
{
    let Ok(listener) = tokio::net::TcpListener::from_std(listener) else { return };
    loop {
        let Ok((stream, _)) = listener.accept().await else {
            // Most likely out of file descriptors: some will be released.
            tokio::time::sleep(Duration::from_millis(50)).await;
            continue;
        };
        let answer = answer.clone();
        let service = service_fn(move |request| {
            let reply = answer(request);
            async move { Ok::<_, Infallible>(reply.await) }
        });
        let connection = hyper::server::conn::http1::Builder::new()
            .timer(TokioTimer::new())
            .serve_connection(TokioIo::new(stream), service);
        tokio::spawn(async move {
            // A client that disconnects is not an error for a sample.
            connection.await.ok();
        });
    }
}

/// Reads the body of a request; `None` if it is incomplete or longer than `most` bytes.
pub async fn read(request: Request<Incoming>, most: usize) -> Option<Bytes> {
    Limited::new(request.into_body(), most).collect().await.ok().map(http_body_util::Collected::to_bytes)
}

/// Returns a body with known content.
pub fn full(bytes: impl Into<Bytes>) -> Body {
    Full::new(bytes.into()).boxed()
}

/// Returns a reply with a media type.
pub fn typed(status: StatusCode, kind: &'static str, body: Body) -> Response<Body> {
    let mut response = Response::new(body);
    *response.status_mut() = status;
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
    response
}

/// Returns a JSON reply.
pub fn reply(status: StatusCode, value: &Value) -> Response<Body> {
    typed(status, "application/json", full(value.to_string() + "\n"))
}

/// Returns a reply without a body.
pub fn empty(status: StatusCode) -> Response<Body> {
    let mut response = Response::new(full(Bytes::new()));
    *response.status_mut() = status;
    response
}
