//! Listening sockets, bound exclusively, so that no other process can share the port unnoticed.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering;
use std::time::Duration;

use socket2::SockRef;
use socket2::TcpKeepalive;
use tokio::net::TcpListener;
use tokio::net::TcpStream;

/// How many streams may wait to be accepted.
const BACKLOG: i32 = 4096;

/// Listening on an address failed.
#[derive(Debug, thiserror::Error)]
#[error("cannot listen on {address}")]
pub struct ListenError {
    /// The address.
    pub address: SocketAddr,
    /// The system's error.
    pub source: io::Error,
}

/// Listens on `address`. Port 0 takes a free port, which the listener knows.
pub fn listen(address: SocketAddr) -> Result<TcpListener, ListenError> {
    let bind = || {
        let socket =
            socket2::Socket::new(socket2::Domain::for_address(address), socket2::Type::STREAM, None)?;
        // Only to take over a port from streams in TIME_WAIT; SO_REUSEPORT, which would share it, stays off.
        socket.set_reuse_address(true)?;
        socket.set_nonblocking(true)?;
        socket.bind(&address.into())?;
        socket.listen(BACKLOG)?;
        TcpListener::from_std(socket.into())
    };
    bind().map_err(|source| ListenError { address, source })
}

/// How long a stream may be idle before the first keep-alive probe.
const KEEPALIVE: Duration = Duration::from_secs(30);
/// The interval between keep-alive probes, and how many of them may go unanswered.
const KEEPALIVE_AGAIN: (Duration, u32) = (Duration::from_secs(10), 3);

/// Turns off delays for small messages, and notices within a minute that an idle peer has vanished. For
/// long-lived streams that are often idle.
///
/// While sent data is unacknowledged, the system does not probe, and retransmits for a quarter of an hour:
/// see [`Impatience`](crate::transport::stream::Impatience) if that is too long.
pub fn keep_alive(stream: &TcpStream) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let (interval, retries) = KEEPALIVE_AGAIN;
    let keepalive = TcpKeepalive::new().with_time(KEEPALIVE).with_interval(interval).with_retries(retries);
    SockRef::from(stream).set_tcp_keepalive(&keepalive)
}

/// The count of open client streams. Clones share the count.
#[derive(Debug, Clone, Default)]
pub struct OpenStreams(Arc<AtomicUsize>);

impl OpenStreams {
    /// Returns how many are open.
    pub fn count(&self) -> usize {
        self.0.load(Ordering::Relaxed)
    }

    /// Counts one more, until the returned value is dropped.
    pub fn enter(&self) -> OpenStream {
        self.0.fetch_add(1, Ordering::Relaxed);
        OpenStream(Arc::clone(&self.0))
    }
}

/// One open stream in the count.
#[derive(Debug)]
pub struct OpenStream(Arc<AtomicUsize>);

impl Drop for OpenStream {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_quiet_stream_is_asked_whether_its_peer_is_there() {
        let listener = listen(([127, 0, 0, 1], 0).into()).unwrap();
        let stream = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        keep_alive(&stream).unwrap();
        let socket = SockRef::from(&stream);
        assert!(stream.nodelay().unwrap() && socket.keepalive().unwrap());
        assert_eq!(socket.tcp_keepalive_time().unwrap(), Duration::from_secs(30));
        assert_eq!(socket.tcp_keepalive_interval().unwrap(), Duration::from_secs(10));
        assert_eq!(socket.tcp_keepalive_retries().unwrap(), 3);
        // The system also gives up on a peer that reads nothing for a while, so this is not set on every
        // stream.
        #[cfg(target_os = "linux")]
        assert_eq!(socket.tcp_user_timeout().unwrap(), None);
    }
}
