//! HTTP/1.1 on one client stream: hyper behind the guard.

use std::convert::Infallible;
use std::sync::Arc;

use http::HeaderValue;
use http::Request;
use http::Response;
use http::StatusCode;
use http::header;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::io::AsyncRead;
use tokio::io::AsyncWrite;

use crate::protocol::web::body::ReplyBody;
use crate::protocol::web::codec::HeadLimits;
use crate::protocol::web::codec::Refusal;
use crate::protocol::web::codec::STAND_IN_FIELD;
use crate::protocol::web::guarded::Guarded;
use crate::protocol::web::guarded::Shared;

/// hyper's default limit on the number of fields.
const HYPER_FIELDS: usize = 100;

/// Serves one client stream until it closes. `answer` gets each request, and each head that was rejected
/// before hyper saw it. When `draining` resolves, finishes what has begun and closes.
pub(super) async fn serve<S, A, F>(
    stream: S,
    limits: HeadLimits,
    draining: impl Future<Output = ()>,
    answer: A,
) -> Result<(), hyper::Error>
where
    S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
    A: Fn(Result<Request<Incoming>, Refusal>) -> F,
    F: Future<Output = Response<ReplyBody>>,
{
    let shared = Arc::new(Shared::default());
    let guarded = Guarded::new(stream, limits, Arc::clone(&shared));
    let service = service_fn(|request: Request<Incoming>| {
        let answering = shared.answer();
        let stands_in = request.headers().contains_key(STAND_IN_FIELD);
        let upgrades = request.headers().contains_key(header::UPGRADE);
        let refusal = if stands_in { shared.take_refusal() } else { None };
        let answer = answer(refusal.map_or(Ok(request), Err));
        let shared = &shared;
        async move {
            let mut response = answer.await;
            if response.status() == StatusCode::SWITCHING_PROTOCOLS {
                shared.set_switched();
            } else if upgrades {
                // The bytes after the client's upgrade request were never inspected, so the stream ends with
                // this reply.
                response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
            }
            Ok::<_, Infallible>(response.map(|body| body.keeping(answering)))
        }
    });
    let mut builder = http1::Builder::new();
    // The guard has its own, stricter limits; hyper's limits must not be narrower.
    builder.half_close(false).keep_alive(true);
    if limits.fields > HYPER_FIELDS {
        // hyper allocates its fields once per message: only as many as may be used.
        builder.max_headers(limits.fields.saturating_add(8));
    }
    let connection = builder.serve_connection(TokioIo::new(guarded), service).with_upgrades();
    let mut connection = std::pin::pin!(connection);
    tokio::select! {
        ended = connection.as_mut() => ended,
        () = draining => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    }
}

#[cfg(test)]
mod tests {
    use std::pin::Pin;
    use std::task::Context;
    use std::task::Poll;
    use std::time::Duration;

    use bytes::Bytes;
    use hyper::body::Body;
    use hyper::body::Frame;
    use tokio::io::AsyncReadExt;
    use tokio::io::AsyncWriteExt;
    use tokio::time::Instant;

    use super::*;
    use crate::protocol::web::body::Cut;
    use crate::protocol::web::guarded::REST_TIME;

    /// A body that is silent for a long time and then has one piece.
    struct Slow(Pin<Box<tokio::time::Sleep>>, bool);

    impl Body for Slow {
        type Data = Bytes;
        type Error = Cut;

        fn poll_frame(
            mut self: Pin<&mut Self>,
            cx: &mut Context<'_>,
        ) -> Poll<Option<Result<Frame<Bytes>, Cut>>> {
            if self.1 {
                return Poll::Ready(None);
            }
            std::task::ready!(self.0.as_mut().poll(cx));
            self.1 = true;
            Poll::Ready(Some(Ok(Frame::data(Bytes::from_static(b"at last")))))
        }
    }

    /// Returns what a client reads until its stream ends, and how long that takes.
    async fn asked(answer: impl Fn() -> ReplyBody) -> (String, Duration) {
        let (mut client, server) = tokio::io::duplex(1 << 16);
        let begun = Instant::now();
        let serving = serve(server, HeadLimits::default(), std::future::pending(), |_asked| {
            std::future::ready(Response::new(answer()))
        });
        let asking = async {
            client.write_all(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n").await.unwrap();
            let mut read = String::new();
            client.read_to_string(&mut read).await.unwrap();
            read
        };
        let (_ended, read) = tokio::join!(serving, asking);
        (read, begun.elapsed())
    }

    #[tokio::test(start_paused = true)]
    async fn a_reply_lasts_as_long_as_the_target_takes() {
        let wait = REST_TIME * 10;
        let slow = || ReplyBody::Through(Box::pin(Slow(Box::pin(tokio::time::sleep(wait)), false)));
        let (read, took) = asked(slow).await;
        assert!(read.ends_with("at last\r\n0\r\n\r\n"), "{read}");
        // From then on the stream is idle like any other.
        assert!(took >= wait + REST_TIME && took < wait + REST_TIME * 2, "{took:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn a_stream_that_rests_ends() {
        let (read, took) = asked(|| ReplyBody::whole("here")).await;
        assert!(read.ends_with("here"), "{read}");
        assert!(took >= REST_TIME && took < REST_TIME * 2, "{took:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn a_slow_reader_gets_its_reply_whole() {
        let (mut client, server) = tokio::io::duplex(1 << 10);
        let whole = vec![b'x'; 64 << 10];
        let reply = whole.clone();
        let serving = serve(server, HeadLimits::default(), std::future::pending(), move |_asked| {
            std::future::ready(Response::new(ReplyBody::whole(reply.clone())))
        });
        let asking = async move {
            client.write_all(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n").await.unwrap();
            let (mut read, mut piece) = (Vec::new(), [0; 1 << 10]);
            loop {
                match client.read(&mut piece).await.unwrap() {
                    0 => return read,
                    count => read.extend_from_slice(&piece[..count]),
                }
                tokio::time::sleep(Duration::from_secs(30)).await;
            }
        };
        let (_ended, read) = tokio::join!(serving, asking);
        assert!(read.ends_with(&whole), "{}", read.len());
    }
}
