//! A stream with or without TLS, as one type.

use std::cell::RefCell;
use std::io;
use std::pin::Pin;
use std::pin::pin;
use std::rc::Rc;
use std::task::Context;
use std::task::Poll;
use std::task::Waker;
use std::time::Duration;

#[cfg(target_os = "linux")]
use socket2::SockRef;
use tokio::io::AsyncRead;
use tokio::io::AsyncWrite;
use tokio::io::Interest;
use tokio::io::ReadBuf;
use tokio::net::TcpStream;

/// A stream to a client or a target.
#[derive(Debug)]
pub enum Stream {
    /// Plain TCP.
    Plain(TcpStream),
    /// TLS, on the listening side.
    TlsServer(Box<tokio_rustls::server::TlsStream<TcpStream>>),
    /// TLS, on the dialling side.
    TlsClient(Box<tokio_rustls::client::TlsStream<TcpStream>>),
}

impl Stream {
    /// Returns the target's certificate, in DER; `None` without TLS.
    pub fn target_certificate(&self) -> Option<&[u8]> {
        let Self::TlsClient(tls) = self else { return None };
        tls.get_ref().1.peer_certificates()?.first().map(AsRef::as_ref)
    }

    /// Returns whether HTTP/2 was negotiated in the TLS handshake (ALPN `h2`, RFC 9113 section 3.2).
    pub fn chose_h2(&self) -> bool {
        let alpn = match self {
            Self::Plain(_) => None,
            Self::TlsServer(tls) => tls.get_ref().1.alpn_protocol(),
            Self::TlsClient(tls) => tls.get_ref().1.alpn_protocol(),
        };
        alpn == Some(b"h2")
    }
}

impl Stream {
    fn tcp(&self) -> &TcpStream {
        match self {
            Self::Plain(stream) => stream,
            Self::TlsServer(stream) => stream.get_ref().0,
            Self::TlsClient(stream) => stream.get_ref().0,
        }
    }

    /// Returns whether the peer has closed its half of the stream, or the stream is broken, as far as the
    /// system knows. Nothing is read: earlier data may still be unread.
    pub fn is_closed(&self) -> bool {
        let ready = pin!(self.tcp().ready(Interest::READABLE | Interest::ERROR));
        match ready.poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(Ok(ready)) => ready.is_read_closed() || ready.is_error(),
            Poll::Ready(Err(_)) => true,
            Poll::Pending => false,
        }
    }

    /// Sets how long sent data may stay unacknowledged (RFC 5482); `None`: the system's default.
    #[cfg(target_os = "linux")]
    fn give_up_after(&self, limit: Option<Duration>) {
        if let Err(error) = SockRef::from(self.tcp()).set_tcp_user_timeout(limit) {
            tracing::debug!(%error, "the timeout of a stream cannot be set; the system's default applies");
        }
    }

    /// Other systems have no such limit.
    #[cfg(not(target_os = "linux"))]
    fn give_up_after(&self, _limit: Option<Duration>) {}

    /// Splits it into two sides, for one task.
    pub fn sides(self) -> (ReadSide, WriteSide) {
        let shared = Rc::new(RefCell::new(self));
        (ReadSide(Rc::clone(&shared)), WriteSide(shared))
    }
}

/// The reading side of a stream.
#[derive(Debug)]
pub struct ReadSide(Rc<RefCell<Stream>>);

impl ReadSide {
    /// See [`Stream::is_closed`].
    pub fn is_closed(&self) -> bool {
        self.0.borrow().is_closed()
    }
}

impl ReadSide {
    /// Until the returned value is dropped, the stream breaks once sent data was not acknowledged for
    /// `limit`.
    ///
    /// The system treats a peer that reads nothing for that long, while more data waits than it accepts, in
    /// the same way: not for streams whose peer may take its time.
    pub fn impatient(&self, limit: Duration) -> Impatience {
        let stream = Rc::clone(&self.0);
        stream.borrow().give_up_after(Some(limit));
        Impatience(stream)
    }
}

/// Limits how long a stream waits for a vanished peer; dropping it restores the system's default.
#[derive(Debug)]
pub struct Impatience(Rc<RefCell<Stream>>);

impl Drop for Impatience {
    fn drop(&mut self) {
        self.0.borrow().give_up_after(None);
    }
}

impl AsyncRead for ReadSide {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut *self.0.borrow_mut()).poll_read(cx, buf)
    }
}

/// The writing side of a stream.
#[derive(Debug)]
pub struct WriteSide(Rc<RefCell<Stream>>);

impl AsyncWrite for WriteSide {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut *self.0.borrow_mut()).poll_write(cx, buf)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut *self.0.borrow_mut()).poll_write_vectored(cx, bufs)
    }

    fn is_write_vectored(&self) -> bool {
        self.0.borrow().is_write_vectored()
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut *self.0.borrow_mut()).poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut *self.0.borrow_mut()).poll_shutdown(cx)
    }
}

impl AsyncRead for Stream {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_read(cx, buf),
            Self::TlsServer(stream) => Pin::new(stream).poll_read(cx, buf),
            Self::TlsClient(stream) => Pin::new(stream).poll_read(cx, buf),
        }
    }
}

impl AsyncWrite for Stream {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_write(cx, buf),
            Self::TlsServer(stream) => Pin::new(stream).poll_write(cx, buf),
            Self::TlsClient(stream) => Pin::new(stream).poll_write(cx, buf),
        }
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_write_vectored(cx, bufs),
            Self::TlsServer(stream) => Pin::new(stream).poll_write_vectored(cx, bufs),
            Self::TlsClient(stream) => Pin::new(stream).poll_write_vectored(cx, bufs),
        }
    }

    fn is_write_vectored(&self) -> bool {
        match self {
            Self::Plain(stream) => stream.is_write_vectored(),
            Self::TlsServer(stream) => stream.is_write_vectored(),
            Self::TlsClient(stream) => stream.is_write_vectored(),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_flush(cx),
            Self::TlsServer(stream) => Pin::new(stream).poll_flush(cx),
            Self::TlsClient(stream) => Pin::new(stream).poll_flush(cx),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_shutdown(cx),
            Self::TlsServer(stream) => Pin::new(stream).poll_shutdown(cx),
            Self::TlsClient(stream) => Pin::new(stream).poll_shutdown(cx),
        }
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::AsyncReadExt;
    use tokio::io::AsyncWriteExt;
    use tokio::net::TcpListener;

    use super::*;

    async fn pair() -> (TcpStream, Stream) {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let peer = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        (peer, Stream::Plain(listener.accept().await.unwrap().0))
    }

    /// Returns whether it is seen as closed within a while.
    async fn closes(read: &ReadSide) -> bool {
        let looking = async {
            while !read.is_closed() {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        tokio::time::timeout(Duration::from_millis(300), looking).await.is_ok()
    }

    #[tokio::test]
    async fn a_close_is_seen_while_bytes_wait_and_takes_none_of_them() {
        let (mut peer, stream) = pair().await;
        let (mut read, mut write) = stream.sides();
        peer.write_all(b"early").await.unwrap();
        assert!(!closes(&read).await, "what waits is no end");
        write.write_all(b"x").await.unwrap();
        assert_eq!(peer.read_u8().await.unwrap(), b'x');
        drop(peer);
        assert!(closes(&read).await);
        let mut rest = Vec::new();
        read.read_to_end(&mut rest).await.unwrap();
        assert_eq!(rest, b"early");
    }

    #[cfg(target_os = "linux")]
    #[tokio::test]
    async fn a_stream_is_impatient_for_a_while() {
        let (_peer, stream) = pair().await;
        let (read, _write) = stream.sides();
        let limit = |read: &ReadSide| SockRef::from(read.0.borrow().tcp()).tcp_user_timeout().unwrap();
        assert_eq!(limit(&read), None);
        let impatience = read.impatient(Duration::from_mins(1));
        assert_eq!(limit(&read), Some(Duration::from_mins(1)));
        drop(impatience);
        assert_eq!(limit(&read), None);
    }

    #[tokio::test]
    async fn a_reset_is_seen_while_bytes_wait() {
        let (mut peer, stream) = pair().await;
        let (read, mut write) = stream.sides();
        peer.write_all(b"early").await.unwrap();
        // Closing it with unread data resets it.
        write.write_all(b"never read").await.unwrap();
        peer.readable().await.unwrap();
        drop(peer);
        assert!(closes(&read).await);
    }
}
