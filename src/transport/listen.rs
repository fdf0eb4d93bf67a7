//! The listening socket: bound alone, so that no second process can share its port unseen.

use std::io;
use std::net::SocketAddr;

use tokio::net::TcpListener;

/// How many streams may wait to be accepted.
const BACKLOG: i32 = 4096;

/// The address could not be listened on.
#[derive(Debug, thiserror::Error)]
#[error("cannot listen on {address}")]
pub struct ListenError {
    /// The address.
    pub address: SocketAddr,
    /// What the system said.
    pub source: io::Error,
}

/// Listens on `address`. Port 0 takes a free one; the listener knows which.
pub fn listen(address: SocketAddr) -> Result<TcpListener, ListenError> {
    let bind = || {
        let socket =
            socket2::Socket::new(socket2::Domain::for_address(address), socket2::Type::STREAM, None)?;
        // Only to take a port over from streams in TIME_WAIT; SO_REUSEPORT, which would share it, stays off.
        socket.set_reuse_address(true)?;
        socket.set_nonblocking(true)?;
        socket.bind(&address.into())?;
        socket.listen(BACKLOG)?;
        TcpListener::from_std(socket.into())
    };
    bind().map_err(|source| ListenError { address, source })
}
