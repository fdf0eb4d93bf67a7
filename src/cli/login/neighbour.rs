//! The owner of a local stream, as far as the system tells.

use std::io;
use std::net::SocketAddr;
use std::net::SocketAddrV4;

use nix::unistd::geteuid;

/// Linux's tables of streams. The peer of a stream to 127.0.0.1 may be an IPv6 socket (`::ffff:127.0.0.1`),
/// which is listed in the second.
const TABLES: [&str; 2] = ["/proc/net/tcp", "/proc/net/tcp6"];
/// Number of attempts: a row can be missed while others come and go.
const READINGS: usize = 3;

/// The owner of the peer's end of a stream over a loopback address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Whose {
    /// The user with this id.
    User(u32),
    /// The system has the table, and does not list this stream: it is not open any more, or not of this
    /// machine.
    Nobodys,
    /// The system has no such table: it is not Linux.
    Untold,
}

impl Whose {
    /// Looks up the owner. `own` is this side's address.
    pub(super) fn of(peer: SocketAddr, own: SocketAddr) -> Self {
        let (SocketAddr::V4(peer), SocketAddr::V4(own)) = (peer, own) else { return Self::Nobodys };
        let read = || Self::by(TABLES.map(std::fs::read_to_string), peer, own);
        (1..READINGS).fold(read(), |found, _| if found == Self::Nobodys { read() } else { found })
    }

    /// Looks up the owner in the two tables as read. A system without IPv6 has no second one, and no such
    /// sockets. The first exists on every Linux: if it cannot be read, as without /proc, other users may
    /// exist all the same.
    pub(super) fn by(
        [first, second]: [io::Result<String>; 2],
        peer: SocketAddrV4,
        own: SocketAddrV4,
    ) -> Self {
        match first {
            Ok(first) => in_table(&first, peer, own)
                .or_else(|| in_table(&second.ok()?, peer, own))
                .map_or(Self::Nobodys, Self::User),
            Err(error) if error.kind() == io::ErrorKind::NotFound && !cfg!(target_os = "linux") => {
                Self::Untold
            }
            Err(_unreadable) => Self::Nobodys,
        }
    }

    /// Returns whether the owner may get what is for the current user. Root could take it anyway.
    pub(super) fn is_ours(self) -> bool {
        match self {
            Self::User(user) => user == 0 || user == geteuid().as_raw(),
            Self::Nobodys => false,
            Self::Untold => true,
        }
    }
}

/// Finds the peer's own row, in which its address is the local one. It counts only while the stream is open
/// on both sides: on older systems a closed one has user 0, whoever owned it.
fn in_table(table: &str, peer: SocketAddrV4, own: SocketAddrV4) -> Option<u32> {
    const ESTABLISHED: &str = "01";
    let (peer, own) = (written(peer), written(own));
    let is = |column: &str, address: &[String; 2]| address.iter().any(|address| address == column);
    table.lines().find_map(|row| {
        let mut columns = row.split_whitespace().skip(1);
        let fits = is(columns.next()?, &peer) && is(columns.next()?, &own) && columns.next()? == ESTABLISHED;
        if fits { columns.nth(3)?.parse().ok() } else { None }
    })
}

/// Formats an address as in the two tables. Addresses are numbers in the machine's byte order, four bytes
/// each; ports are not.
fn written(address: SocketAddrV4) -> [String; 2] {
    let number = u32::from_ne_bytes(address.ip().octets());
    let mapped = u32::from_ne_bytes([0, 0, 0xff, 0xff]);
    let port = address.port();
    [format!("{number:08X}:{port:04X}"), format!("{:016X}{mapped:08X}{number:08X}:{port:04X}", 0)]
}
