//! HTTP/2 peers that make no progress. Over HTTP/1 the stream itself is watched ([`super::guarded`]); here
//! many requests share one, so each is watched separately: a client that stops sending its body, and one that
//! does not read its reply. Waiting for a target does not count.

use std::cell::Cell;
use std::future::poll_fn;
use std::rc::Rc;
use std::task::Context;
use std::task::Poll;
use std::time::Duration;

use tokio::time::Instant;

use crate::protocol::web::guarded::STALL_TIME;
use crate::protocol::web::timer::Timer;

/// The slowest rate for a large piece of a reply: one more second for each of this many bytes.
const SLOWEST: usize = 4 << 10;

/// Watches the progress of a body that a peer sends.
#[derive(Default)]
pub struct Sending {
    since: Option<Instant>,
    timer: Timer,
}

impl Sending {
    /// Notes that a piece has arrived.
    pub fn goes_on(&mut self) {
        self.since = None;
    }

    /// Called when no data is available; `Ready` if none has arrived for too long.
    pub fn poll_stalled(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let since = *self.since.get_or_insert_with(Instant::now);
        self.timer.poll(cx, since + STALL_TIME)
    }
}

tokio::task_local! {
    /// The progress of the reply that the task sends.
    static READING: Rc<Reading>;
}

/// The time by which a client must ask for the next piece of its reply, if it has not taken all of it.
#[derive(Default)]
struct Reading(Cell<Option<Instant>>);

/// Notes that the next piece of a reply was requested, with its length; `None` if it is not available yet.
pub fn piece(length: Option<usize>) {
    // Over HTTP/1 there is no such value.
    let _absent = READING.try_with(|reading| {
        let time = |length| STALL_TIME + Duration::from_secs((length / SLOWEST) as u64);
        reading.0.set(length.map(|length| Instant::now() + time(length)));
    });
}

/// Runs the task of one HTTP/2 request. Drops it, which resets the request's stream, if its client does not
/// read the reply.
pub async fn while_read(task: impl Future) {
    let reading = Rc::new(Reading::default());
    let mut timer = Timer::default();
    let mut task = std::pin::pin!(READING.scope(Rc::clone(&reading), task));
    // Checked after each poll of the task, which may have changed the deadline.
    let stalled = poll_fn(|cx| match reading.0.get() {
        Some(deadline) => timer.poll(cx, deadline),
        None => Poll::Pending,
    });
    tokio::select! {
        biased;
        _done = task.as_mut() => {}
        () = stalled => tracing::debug!("a client does not read its reply; its stream is reset"),
    }
}

#[cfg(test)]
mod tests {
    use std::pin::Pin;

    use bytes::Bytes;
    use http::Request;
    use http::Response;
    use http_body::Frame;
    use http_body_util::BodyExt;
    use http_body_util::Empty;
    use hyper::body::Body;
    use hyper::body::Incoming;
    use hyper_util::rt::TokioIo;

    use tokio::time::Sleep;

    use super::*;
    use crate::protocol::web::body::Cut;
    use crate::protocol::web::body::ReplyBody;
    use crate::protocol::web::codec::HeadLimits;
    use crate::protocol::web::h2;
    use crate::protocol::web::h2::Here;

    /// A reply in pieces with pauses, and a flag for its end.
    struct Reply {
        pieces: usize,
        pause: Duration,
        sleep: Pin<Box<Sleep>>,
        gone: Rc<Cell<Option<Duration>>>,
        began: Instant,
    }

    impl Body for Reply {
        type Data = Bytes;
        type Error = Cut;

        fn poll_frame(
            mut self: Pin<&mut Self>,
            cx: &mut Context<'_>,
        ) -> Poll<Option<Result<Frame<Bytes>, Cut>>> {
            if self.pieces == 0 {
                return Poll::Ready(None);
            }
            if !self.pause.is_zero() {
                std::task::ready!(self.sleep.as_mut().poll(cx));
                let next = Instant::now() + self.pause;
                self.sleep.as_mut().reset(next);
            }
            self.pieces -= 1;
            Poll::Ready(Some(Ok(Frame::data(Bytes::from_static(&[b'x'; 8 << 10])))))
        }
    }

    impl Drop for Reply {
        fn drop(&mut self) {
            self.gone.set(Some(self.began.elapsed()));
        }
    }

    /// Sends a reply to a client over HTTP/2; returns it, and after how long the gateway dropped it.
    async fn ask(pieces: usize, pause: Duration) -> (Response<Incoming>, Rc<Cell<Option<Duration>>>) {
        let (near, far) = tokio::io::duplex(64 << 10);
        let gone = Rc::new(Cell::new(None));
        let told = Rc::clone(&gone);
        let server = h2::serve(far, HeadLimits::default(), std::future::pending(), move |_request| {
            let reply = Reply {
                pieces,
                pause,
                sleep: Box::pin(tokio::time::sleep(pause)),
                gone: Rc::clone(&told),
                began: Instant::now(),
            };
            std::future::ready(Response::new(ReplyBody::Through(Box::pin(reply))))
        });
        tokio::task::spawn_local(server);
        let (mut sender, client) =
            hyper::client::conn::http2::handshake(Here, TokioIo::new(near)).await.unwrap();
        tokio::task::spawn_local(client);
        let reply = sender.send_request(Request::new(Empty::<Bytes>::new())).await.unwrap();
        // Keeps the stream open for more requests.
        std::mem::forget(sender);
        (reply, gone)
    }

    async fn local<T>(test: impl Future<Output = T>) -> T {
        tokio::task::LocalSet::new().run_until(test).await
    }

    #[tokio::test(start_paused = true)]
    async fn a_reply_that_its_client_does_not_read_is_let_go_of() {
        local(async {
            let (mut reply, gone) = ask(100_000, Duration::ZERO).await;
            tokio::time::sleep(STALL_TIME * 2).await;
            let after = gone.get().expect("the reply is kept");
            assert!(after >= STALL_TIME && after <= STALL_TIME * 3 / 2, "{after:?}");
            let mut read = 0;
            let end = loop {
                match reply.body_mut().frame().await {
                    Some(Ok(frame)) => read += frame.data_ref().map_or(0, Bytes::len),
                    end => break end,
                }
            };
            assert!(end.is_some_and(|end| end.is_err()), "after {read} bytes it looks like a proper end");
        })
        .await;
    }

    #[tokio::test(start_paused = true)]
    async fn a_whole_reply_that_its_client_does_not_read_is_let_go_of() {
        local(async {
            let (near, far) = tokio::io::duplex(64 << 10);
            let server = h2::serve(far, HeadLimits::default(), std::future::pending(), |_request| {
                std::future::ready(Response::new(ReplyBody::whole(vec![b'x'; 200 << 10])))
            });
            tokio::task::spawn_local(server);
            let mut builder = hyper::client::conn::http2::Builder::new(Here);
            builder.initial_stream_window_size(1);
            let (mut sender, client) = builder.handshake(TokioIo::new(near)).await.unwrap();
            tokio::task::spawn_local(client);
            let reply = sender.send_request(Request::new(Empty::<Bytes>::new())).await.unwrap();
            tokio::time::sleep(STALL_TIME * 2).await;
            assert!(reply.into_body().collect().await.is_err(), "it is kept for whoever does not read it");
        })
        .await;
    }

    #[tokio::test(start_paused = true)]
    async fn a_reply_that_is_read_goes_on_however_long_its_target_is_silent() {
        local(async {
            let (reply, gone) = ask(5, STALL_TIME * 10).await;
            let whole = reply.into_body().collect().await.unwrap().to_bytes();
            assert_eq!(whole.len(), 5 * (8 << 10));
            assert!(gone.get().unwrap() >= STALL_TIME * 50);
        })
        .await;
    }

    #[tokio::test(start_paused = true)]
    async fn a_client_that_reads_slowly_but_reads_is_served_to_the_end() {
        local(async {
            let (mut reply, _gone) = ask(1000, Duration::ZERO).await;
            let mut read = 0;
            while let Some(frame) = reply.body_mut().frame().await {
                read += frame.unwrap().data_ref().map_or(0, Bytes::len);
                tokio::time::sleep(Duration::from_secs(2)).await;
            }
            assert_eq!(read, 1000 * (8 << 10));
        })
        .await;
    }
}
