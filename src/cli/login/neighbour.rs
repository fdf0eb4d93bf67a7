//! Whose a stream of this machine is, as far as the system tells.

use std::io;
use std::net::SocketAddr;
use std::net::SocketAddrV4;

use nix::unistd::geteuid;

/// Linux's tables of streams. The other end of one to 127.0.0.1 may be a socket of IPv6 (`::ffff:127.0.0.1`), and has its row in the second.
const TABLES: [&str; 2] = ["/proc/net/tcp", "/proc/net/tcp6"];
/// How often they are read: a row can be missed while others come and go.
const READINGS: usize = 3;

/// Who has the other end of a stream that came over a loopback address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Whose {
    /// The user with this number.
    User(u32),
    /// The system tells such things, and says nothing of this one: it is not open any more, or not of this machine.
    Nobodys,
    /// The system has no such table: it is not Linux.
    Untold,
}

impl Whose {
    /// Looks it up. `own` is this side's address.
    pub(super) fn of(peer: SocketAddr, own: SocketAddr) -> Self {
        let (SocketAddr::V4(peer), SocketAddr::V4(own)) = (peer, own) else { return Self::Nobodys };
        let read = || Self::by(TABLES.map(std::fs::read_to_string), peer, own);
        (1..READINGS).fold(read(), |found, _| if found == Self::Nobodys { read() } else { found })
    }

    /// Looks it up in what reading the two tables gave. A system without IPv6 has no second one, and no such sockets. The first is there on
    /// every Linux: where it is not to be seen, as without /proc, others of the machine are there all the same.
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

    /// Whether they may get what is for the one who runs this. Whoever is root may take it anyway.
    pub(super) fn is_ours(self) -> bool {
        match self {
            Self::User(user) => user == 0 || user == geteuid().as_raw(),
            Self::Nobodys => false,
            Self::Untold => true,
        }
    }
}

/// Looks the other end's own row up: its address is the local one there. It counts only while it is open to both sides: one that is closed has
/// user 0 on older systems, whoever had it.
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

/// An address as the two tables write it. Addresses are numbers in the byte order of the machine, four bytes each; ports are not.
fn written(address: SocketAddrV4) -> [String; 2] {
    let number = u32::from_ne_bytes(address.ip().octets());
    let mapped = u32::from_ne_bytes([0, 0, 0xff, 0xff]);
    let port = address.port();
    [format!("{number:08X}:{port:04X}"), format!("{:016X}{mapped:08X}{number:08X}:{port:04X}", 0)]
}
