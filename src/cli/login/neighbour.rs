//! Whose a stream of this machine is, as far as the system tells.

use std::net::SocketAddr;
use std::net::SocketAddrV4;

use nix::unistd::geteuid;

/// The user at the other end of a stream that came over a loopback address; `None` where the system does not tell.
pub(super) fn user(peer: SocketAddr, own: SocketAddr) -> Option<u32> {
    let (SocketAddr::V4(peer), SocketAddr::V4(own)) = (peer, own) else { return None };
    in_table(&std::fs::read_to_string("/proc/net/tcp").ok()?, peer, own)
}

/// Whether a user may get what is for the one who runs this. Whoever is root may take it anyway.
pub(super) fn is_ours(user: Option<u32>) -> bool {
    user.is_none_or(|user| user == 0 || user == geteuid().as_raw())
}

/// Looks the other end's own row up in Linux's table of streams: its address is the local one there.
pub(super) fn in_table(table: &str, peer: SocketAddrV4, own: SocketAddrV4) -> Option<u32> {
    // Addresses are numbers in the byte order of the machine, ports are not.
    let written = |address: SocketAddrV4| {
        format!("{:08X}:{:04X}", u32::from_ne_bytes(address.ip().octets()), address.port())
    };
    let (peer, own) = (written(peer), written(own));
    table.lines().find_map(|row| {
        let mut columns = row.split_whitespace().skip(1);
        let fits = columns.next()? == peer && columns.next()? == own;
        if fits { columns.nth(4)?.parse().ok() } else { None }
    })
}
