//! HTTP/2 on one client stream: many concurrent requests, each with its own progress limit
//! ([`super::progress`]).

use std::cell::Cell;
use std::convert::Infallible;
use std::rc::Rc;
use std::time::Duration;

use http::Request;
use http::Response;
use hyper::body::Incoming;
use hyper::server::conn::http2;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use hyper_util::rt::TokioTimer;
use tokio::io::AsyncRead;
use tokio::io::AsyncWrite;

use crate::protocol::web::body::ReplyBody;
use crate::protocol::web::codec::HeadLimits;
use crate::protocol::web::guarded::REST_TIME;
use crate::protocol::web::progress::while_read;

/// Serves one client stream until it closes; `answer` gets each request. When `draining` resolves, finishes
/// what has begun and closes.
pub(super) async fn serve<S, A, F>(
    stream: S,
    limits: HeadLimits,
    draining: impl Future<Output = ()>,
    answer: A,
) -> Result<(), hyper::Error>
where
    S: AsyncRead + AsyncWrite + Unpin + 'static,
    A: Fn(Request<Incoming>) -> F,
    F: Future<Output = Response<ReplyBody>> + 'static,
{
    let activity = Rc::new(Activity::default());
    let service = service_fn(|request| {
        let (running, answer) = (activity.enter(), answer(request));
        async move {
            let response = answer.await;
            Ok::<_, Infallible>(response.map(|body| body.in_pieces().keeping(running)))
        }
    });
    let mut builder = http2::Builder::new(Here);
    // hyper's own response to a header list that is too large has no text and is not recorded, so the gateway
    // answers itself up to twice the limit.
    builder
        .timer(TokioTimer::new())
        .max_concurrent_streams(100)
        .max_header_list_size(u32::try_from(limits.head).unwrap_or(u32::MAX).saturating_mul(2))
        .initial_stream_window_size(256 << 10)
        .initial_connection_window_size(1 << 20)
        .max_send_buf_size(256 << 10)
        .keep_alive_interval(Duration::from_secs(30))
        .keep_alive_timeout(Duration::from_secs(20));
    let connection = builder.serve_connection(TokioIo::new(stream), service);
    let mut connection = std::pin::pin!(connection);
    tokio::select! {
        ended = connection.as_mut() => ended,
        () = activity.rested() => {
            connection.as_mut().graceful_shutdown();
            // What is left are ends of replies that the client has not read yet.
            tokio::time::timeout(LAST_READ, connection).await.unwrap_or(Ok(()))
        }
        () = draining => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    }
}

/// Counts the requests that run on an HTTP/2 stream, and notices when none has for a while. Answering pings
/// does not keep a stream open.
#[derive(Default)]
struct Activity {
    running: Cell<usize>,
    begun: Cell<u64>,
}

struct Running(Rc<Activity>);

impl Activity {
    fn enter(self: &Rc<Self>) -> Running {
        self.running.set(self.running.get().saturating_add(1));
        self.begun.set(self.begun.get().wrapping_add(1));
        Running(Rc::clone(self))
    }

    /// Resolves once no request has run for [`REST_TIME`].
    async fn rested(&self) {
        loop {
            let before = self.begun.get();
            tokio::time::sleep(REST_TIME).await;
            if self.running.get() == 0 && self.begun.get() == before {
                return;
            }
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.0.running.set(self.0.running.get().saturating_sub(1));
    }
}

/// How long an HTTP/2 client without running requests may take to read what was sent.
const LAST_READ: Duration = Duration::from_mins(10);

/// Runs the HTTP/2 tasks, one for each request, on this thread.
#[derive(Clone)]
pub(super) struct Here;

impl<F> hyper::rt::Executor<F> for Here
where
    F: Future + 'static,
    F::Output: 'static,
{
    fn execute(&self, future: F) {
        tokio::task::spawn_local(while_read(future));
    }
}
