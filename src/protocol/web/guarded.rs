//! A client's HTTP/1 stream behind its inspector: hyper reads only bytes that were checked, and no peer may
//! stall forever.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering;
use std::task::Context;
use std::task::Poll;
use std::time::Duration;

use bytes::Buf;
use bytes::BytesMut;
use tokio::io::AsyncRead;
use tokio::io::AsyncReadExt;
use tokio::io::AsyncWrite;
use tokio::io::ReadBuf;
use tokio::time::Instant;
use tokio::time::Sleep;

use crate::domain::sync::lock;
use crate::protocol::web::codec::Found;
use crate::protocol::web::codec::HeadLimits;
use crate::protocol::web::codec::Inspector;
use crate::protocol::web::codec::Refusal;
use crate::protocol::web::timer::Timer;

/// How long a request head may take from its first byte.
pub const HEAD_TIME: Duration = Duration::from_secs(10);
/// How long a stream may be idle between two requests.
pub const REST_TIME: Duration = Duration::from_mins(2);
/// How long a peer may send nothing of a body, or read nothing of a reply.
pub const STALL_TIME: Duration = Duration::from_mins(1);
/// A refused client may still be sending. Closing at once would reset the stream and discard the refusal
/// before it is read, so the rest is read for this long, and up to this many bytes.
const LINGER_TIME: Duration = Duration::from_millis(500);
const LINGER_BYTES: usize = 256 << 10;
/// How much a client may send before its upgrade is answered.
const WAITING_BYTES: usize = 64 << 10;
/// How much is read at a time.
const READ: usize = 32 << 10;
/// The head that hyper reads in place of a refused one: it brings the refusal to the code that answers
/// requests, in order after earlier replies.
const REFUSED_HEAD: &[u8] =
    b"GET /refused HTTP/1.1\r\nhost: refused\r\nhoopctl-refused: 1\r\nconnection: close\r\n\r\n";

/// The state shared by the stream and the service that answers on it.
#[derive(Debug, Default)]
pub struct Shared {
    answering: AtomicUsize,
    switched: AtomicBool,
    refusal: Mutex<Option<Refusal>>,
}

impl Shared {
    /// Notes that a request is being answered until the returned value is dropped: meanwhile a silent client
    /// is not idle. This lasts until the end of the reply's body, which may be a stream of hours.
    pub fn answer(self: &Arc<Self>) -> Answering {
        self.answering.fetch_add(1, Ordering::Relaxed);
        Answering(Arc::clone(self))
    }

    /// Notes that the client's upgrade was accepted.
    pub fn set_switched(&self) {
        self.switched.store(true, Ordering::Release);
    }

    /// Takes the refusal of a head that hyper was not shown.
    pub fn take_refusal(&self) -> Option<Refusal> {
        lock(&self.refusal).take()
    }
}

/// A request that is being answered.
#[derive(Debug)]
pub struct Answering(Arc<Shared>);

impl Drop for Answering {
    fn drop(&mut self) {
        self.0.answering.fetch_sub(1, Ordering::Relaxed);
    }
}

/// A client's stream with its inspector and time limits.
pub struct Guarded<S> {
    stream: S,
    inspector: Inspector,
    held: BytesMut,
    /// How many bytes at the front of `held` have passed inspection.
    passed: usize,
    /// The rest of the stand-in, once a head is refused.
    stand_in: Option<&'static [u8]>,
    shared: Arc<Shared>,
    read_limit: Timer,
    read_since: Option<Instant>,
    write_limit: Option<Pin<Box<Sleep>>>,
    write_stalls: bool,
    /// While the stream closes: the deadline and the number of bytes up to which input is read and discarded.
    linger: Option<(Pin<Box<Sleep>>, usize)>,
}

impl<S> Guarded<S> {
    /// Wraps `stream` with an inspector.
    pub fn new(stream: S, limits: HeadLimits, shared: Arc<Shared>) -> Self {
        Self {
            stream,
            inspector: Inspector::new(limits),
            held: BytesMut::new(),
            passed: 0,
            stand_in: None,
            shared,
            read_limit: Timer::default(),
            read_since: None,
            write_limit: None,
            write_stalls: false,
            linger: None,
        }
    }

    fn refuse(&mut self, refusal: Refusal) -> io::Result<()> {
        if !self.inspector.at_message_start() {
            return Err(io::Error::new(io::ErrorKind::InvalidData, refusal.text()));
        }
        *lock(&self.shared.refusal) = Some(refusal);
        self.stand_in = Some(REFUSED_HEAD);
        self.held.clear();
        Ok(())
    }

    /// Returns the deadline for the next bytes; `None` if there is none.
    fn read_deadline(&mut self) -> Option<Instant> {
        let since = *self.read_since.get_or_insert_with(Instant::now);
        if self.inspector.is_opaque() {
            return None;
        }
        if !self.inspector.at_message_start() {
            return Some(since + STALL_TIME);
        }
        if !self.held.is_empty() {
            return Some(since + HEAD_TIME);
        }
        (self.shared.answering.load(Ordering::Relaxed) == 0).then(|| since + REST_TIME)
    }

    fn poll_read_limit(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let Some(deadline) = self.read_deadline() else {
            return Poll::Pending;
        };
        // The deadline moves on a little with each request.
        self.read_limit.poll(cx, deadline)
    }
}

impl<S: AsyncRead + Unpin> Guarded<S> {
    /// Reads more bytes into `held`. `Ready(false)` is the end of the stream.
    fn poll_more(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<bool>> {
        let head_begun = self.inspector.at_message_start() && !self.held.is_empty();
        self.held.reserve(READ);
        match poll_read_into(&mut self.stream, cx, &mut self.held) {
            Poll::Ready(read) => {
                // A head's time runs from its first byte; any other wait starts over.
                if !head_begun {
                    self.read_since = None;
                }
                Poll::Ready(read.map(|count| count > 0))
            }
            Poll::Pending => match self.poll_read_limit(cx) {
                Poll::Pending => Poll::Pending,
                Poll::Ready(()) if self.inspector.at_message_start() && !self.held.is_empty() => {
                    Poll::Ready(self.refuse(Refusal::TooSlow).map(|()| true))
                }
                Poll::Ready(()) if self.inspector.at_message_start() => Poll::Ready(Ok(false)),
                Poll::Ready(()) => Poll::Ready(Err(io::ErrorKind::TimedOut.into())),
            },
        }
    }
}

/// Reads once into the spare capacity of `into`.
fn poll_read_into<S: AsyncRead + Unpin>(
    stream: &mut S,
    cx: &mut Context<'_>,
    into: &mut BytesMut,
) -> Poll<io::Result<usize>> {
    std::pin::pin!(stream.read_buf(&mut bytes::BufMut::limit(into, READ))).poll(cx)
}

impl<S: AsyncRead + Unpin> AsyncRead for Guarded<S> {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        loop {
            if this.passed > 0 {
                let count = this.passed.min(buf.remaining());
                buf.put_slice(this.held.get(..count).unwrap_or_default());
                this.held.advance(count);
                this.passed = this.passed.saturating_sub(count);
                return Poll::Ready(Ok(()));
            }
            if let Some(stand_in) = &mut this.stand_in {
                if stand_in.is_empty() {
                    // Not the end of the stream: hyper would take that for a client that left, and never send
                    // the refusal.
                    return Poll::Pending;
                }
                let (now, later) = stand_in.split_at(stand_in.len().min(buf.remaining()));
                buf.put_slice(now);
                *stand_in = later;
                return Poll::Ready(Ok(()));
            }
            if this.inspector.is_waiting() {
                if this.shared.switched.load(Ordering::Acquire) {
                    this.inspector.switched();
                    continue;
                }
                if this.held.len() >= WAITING_BYTES {
                    // The reader asks again after the switch.
                    return Poll::Pending;
                }
            }
            if !this.held.is_empty() {
                match this.inspector.inspect(&this.held) {
                    Ok(Found::Passed(count)) => {
                        this.passed = count;
                        this.read_since = None;
                        continue;
                    }
                    Ok(Found::Partial) => {}
                    Err(refusal) => {
                        this.refuse(refusal)?;
                        continue;
                    }
                }
            }
            match this.poll_more(cx) {
                Poll::Pending => return Poll::Pending,
                Poll::Ready(Ok(true)) => {}
                Poll::Ready(Ok(false)) => return Poll::Ready(Ok(())),
                Poll::Ready(Err(error)) => return Poll::Ready(Err(error)),
            }
        }
    }
}

impl<S: AsyncWrite + Unpin> Guarded<S> {
    /// Fails a write that makes no progress for [`STALL_TIME`].
    fn limit_write<T>(&mut self, cx: &mut Context<'_>, written: Poll<io::Result<T>>) -> Poll<io::Result<T>> {
        if written.is_ready() {
            self.write_stalls = false;
            return written;
        }
        let deadline = Instant::now() + STALL_TIME;
        let sleep = self.write_limit.get_or_insert_with(|| Box::pin(tokio::time::sleep_until(deadline)));
        if !self.write_stalls {
            self.write_stalls = true;
            sleep.as_mut().reset(deadline);
        }
        match sleep.as_mut().poll(cx) {
            Poll::Ready(()) => Poll::Ready(Err(io::ErrorKind::TimedOut.into())),
            Poll::Pending => Poll::Pending,
        }
    }

    /// Does the same for written bytes: while a reply is on its way to a slow client, its stream is not idle.
    fn limit_bytes(
        &mut self,
        cx: &mut Context<'_>,
        written: Poll<io::Result<usize>>,
    ) -> Poll<io::Result<usize>> {
        if matches!(written, Poll::Ready(Ok(1..)))
            && self.inspector.at_message_start()
            && self.held.is_empty()
        {
            self.read_since = None;
        }
        self.limit_write(cx, written)
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncWrite for Guarded<S> {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let written = Pin::new(&mut this.stream).poll_write(cx, buf);
        this.limit_bytes(cx, written)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let written = Pin::new(&mut this.stream).poll_write_vectored(cx, bufs);
        this.limit_bytes(cx, written)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let flushed = Pin::new(&mut this.stream).poll_flush(cx);
        this.limit_write(cx, flushed)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        if this.linger.is_none() {
            std::task::ready!(Pin::new(&mut this.stream).poll_shutdown(cx))?;
            let clean = this.stand_in.is_none() && this.inspector.at_message_start();
            if clean || this.inspector.is_opaque() {
                return Poll::Ready(Ok(()));
            }
        }
        let (sleep, left) =
            this.linger.get_or_insert_with(|| (Box::pin(tokio::time::sleep(LINGER_TIME)), LINGER_BYTES));
        loop {
            this.held.clear();
            match poll_read_into(&mut this.stream, cx, &mut this.held) {
                Poll::Ready(Ok(count)) if count > 0 && count < *left => *left -= count,
                Poll::Ready(_) => return Poll::Ready(Ok(())),
                Poll::Pending => return sleep.as_mut().poll(cx).map(Ok),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::AsyncWriteExt;

    fn guarded() -> (tokio::io::DuplexStream, Guarded<tokio::io::DuplexStream>, Arc<Shared>) {
        let (client, server) = tokio::io::duplex(1 << 16);
        let shared = Arc::new(Shared::default());
        (client, Guarded::new(server, HeadLimits::default(), Arc::clone(&shared)), shared)
    }

    #[tokio::test]
    async fn a_good_head_is_read_as_it_came_and_a_bad_one_never() {
        let (mut client, mut server, shared) = guarded();
        let good = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n";
        client.write_all(good).await.unwrap();
        client.write_all(b"GET / HTTP/1.1\nHost: evil\r\n\r\n").await.unwrap();
        let mut read = vec![0; good.len()];
        server.read_exact(&mut read).await.unwrap();
        assert_eq!(read, good);
        let mut rest = vec![0; REFUSED_HEAD.len()];
        server.read_exact(&mut rest).await.unwrap();
        assert_eq!(rest, REFUSED_HEAD);
        assert!(shared.take_refusal().is_some());
        let more = tokio::time::timeout(Duration::from_millis(50), server.read(&mut rest)).await;
        assert!(more.is_err(), "nothing follows, and it is not the end either");
    }

    #[tokio::test(start_paused = true)]
    async fn a_head_that_dribbles_in_is_refused_after_its_time() {
        let (mut client, mut server, shared) = guarded();
        let start = Instant::now();
        let sender = tokio::spawn(async move {
            for byte in b"GET / HTTP/1.1\r\nHost: xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx".iter().cycle() {
                if client.write_all(&[*byte]).await.is_err() {
                    return;
                }
                tokio::time::sleep(Duration::from_secs(1)).await;
            }
        });
        let mut read = vec![0; REFUSED_HEAD.len()];
        server.read_exact(&mut read).await.unwrap();
        assert_eq!(shared.take_refusal(), Some(Refusal::TooSlow));
        assert!(start.elapsed() <= HEAD_TIME + Duration::from_secs(2), "{:?}", start.elapsed());
        sender.abort();
    }

    #[tokio::test(start_paused = true)]
    async fn an_idle_stream_ends_but_not_while_its_request_is_answered() {
        let (_client, mut server, shared) = guarded();
        let (first, second) = (shared.answer(), shared.answer());
        let mut byte = [0];
        assert!(tokio::time::timeout(REST_TIME * 3, server.read(&mut byte)).await.is_err());
        drop(first);
        assert!(tokio::time::timeout(REST_TIME * 3, server.read(&mut byte)).await.is_err());
        drop(second);
        assert_eq!(tokio::time::timeout(REST_TIME * 2, server.read(&mut byte)).await.unwrap().unwrap(), 0);
    }

    #[tokio::test(start_paused = true)]
    async fn a_head_that_begins_after_a_long_rest_has_its_whole_time() {
        let (mut client, mut server, shared) = guarded();
        tokio::spawn(async move {
            tokio::time::sleep(REST_TIME.saturating_sub(Duration::from_secs(1))).await;
            client.write_all(b"GET / HT").await.unwrap();
            tokio::time::sleep(HEAD_TIME.saturating_sub(Duration::from_secs(1))).await;
            client.write_all(b"TP/1.1\r\nHost: x\r\n\r\n").await.unwrap();
            tokio::time::sleep(Duration::from_secs(1)).await;
        });
        let mut read = vec![0; 27];
        server.read_exact(&mut read).await.unwrap();
        assert!(read.starts_with(b"GET / HTTP/1.1"));
        assert_eq!(shared.take_refusal(), None);
    }

    #[tokio::test(start_paused = true)]
    async fn a_body_that_stalls_is_an_error() {
        let (mut client, mut server, _shared) = guarded();
        client.write_all(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nab").await.unwrap();
        let mut read = Vec::new();
        assert_eq!(server.read_to_end(&mut read).await.unwrap_err().kind(), io::ErrorKind::TimedOut);
        assert!(read.ends_with(b"ab"));
    }
}
