//! Unauthenticated peers: how many streams one address may have, and how often its logins may fail.
//!
//! An address is an IPv4 address, or the 64-bit prefix of an IPv6 network: whoever has one address of it has
//! all of them.

use std::collections::HashMap;
use std::fmt;
use std::net::IpAddr;
use std::net::Ipv4Addr;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::MutexGuard;
use std::time::Duration;
use std::time::Instant;

use crate::domain::sync::lock;

/// How many addresses are remembered for their failed logins.
const MOST: usize = 16 << 10;
/// How long until all failures are forgotten, in seconds.
const MINUTE: f64 = 60.0;

/// The limits of one address before it has logged in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bounds {
    /// Open unauthenticated streams. The same number again is answered with a refusal; further ones are
    /// closed at once, unless there is room ([`Strangers::enter_with_room`]).
    pub open: usize,
    /// Failed logins per minute, with bursts of the same size.
    pub failed: u32,
}

/// Why a stream is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shut {
    /// Too many streams of its address are unauthenticated.
    Open,
    /// Too many logins of its address have failed.
    Failed {
        /// How long until another one is allowed.
        wait: Duration,
    },
}

/// The unauthenticated peers, by address. Clones share the state.
#[derive(Debug, Clone)]
pub struct Strangers(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    bounds: Bounds,
    spared: Spared,
    table: Mutex<Table>,
}

/// Recognizes addresses that stand for many clients: they have no limits.
struct Spared(Box<dyn Fn(IpAddr) -> bool + Send + Sync>);

impl fmt::Debug for Spared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Spared")
    }
}

#[derive(Debug, Default)]
struct Table {
    seen: HashMap<Place, Seen, ahash::RandomState>,
    swept: Option<Instant>,
}

/// What an address stands for: itself, or its 64-bit network.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Place {
    /// An IPv4 address.
    V4(Ipv4Addr),
    /// The first 64 bits of an IPv6 address.
    V6(u64),
}

impl Place {
    /// Returns that of an address; an IPv4 address in IPv6 form is the IPv4 address.
    pub fn of(address: IpAddr) -> Self {
        match address.to_canonical() {
            IpAddr::V4(address) => Self::V4(address),
            IpAddr::V6(address) => {
                let [a, b, c, d, ..] = address.segments();
                Self::V6([a, b, c, d].into_iter().fold(0, |sum, part| (sum << 16) | u64::from(part)))
            }
        }
    }
}

#[derive(Debug)]
struct Seen {
    open: usize,
    /// How many failures are left; refilled within a minute.
    left: f64,
    at: Instant,
}

impl Seen {
    fn refill(&mut self, bounds: Bounds, now: Instant) {
        let all = f64::from(bounds.failed);
        let filled = now.saturating_duration_since(self.at).as_secs_f64() * all / MINUTE;
        self.left = (self.left + filled).min(all);
        // Never backwards: another thread may have read the clock earlier.
        self.at = self.at.max(now);
    }

    /// Returns whether there is nothing to remember.
    fn is_nothing(&mut self, bounds: Bounds, now: Instant) -> bool {
        self.refill(bounds, now);
        self.open == 0 && self.left >= f64::from(bounds.failed)
    }
}

/// One unauthenticated stream, counted until it is dropped.
#[derive(Debug)]
pub struct Stranger {
    strangers: Strangers,
    /// Where it is counted; `None` if it is not.
    place: Option<Place>,
    /// Why it is refused; `None` if it is not.
    pub shut: Option<Shut>,
    /// Since when it is counted.
    pub since: Instant,
}

impl Strangers {
    /// Creates an empty state with these limits.
    pub fn new(bounds: Bounds) -> Self {
        Self::sparing(bounds, |_| false)
    }

    /// Creates an empty state in which some addresses have no limits.
    pub fn sparing(bounds: Bounds, spared: impl Fn(IpAddr) -> bool + Send + Sync + 'static) -> Self {
        Self(Arc::new(Shared { bounds, spared: Spared(Box::new(spared)), table: Mutex::default() }))
    }

    /// Returns the limits.
    pub fn bounds(&self) -> Bounds {
        self.0.bounds
    }

    /// Counts a stream from this address. `None`: close it, there are too many even to refuse them.
    pub fn enter(&self, address: IpAddr) -> Option<Stranger> {
        self.enter_at(address, false, Instant::now())
    }

    /// Counts a stream that may still authenticate if it is shut. With `room` it is never closed at once,
    /// however many there are.
    pub fn enter_with_room(&self, address: IpAddr, room: bool) -> Option<Stranger> {
        self.enter_at(address, room, Instant::now())
    }

    fn enter_at(&self, address: IpAddr, room: bool, now: Instant) -> Option<Stranger> {
        let (place, bounds) = (Place::of(address), self.0.bounds);
        if (self.0.spared.0)(address) {
            // Not counted, so nothing changes when it leaves or fails.
            return Some(Stranger { strangers: self.clone(), place: None, shut: None, since: now });
        }
        let mut table = self.table();
        table.sweep(bounds, now);
        let nothing = || Seen { open: 0, left: f64::from(bounds.failed), at: now };
        let seen = table.seen.entry(place).or_insert_with(nothing);
        seen.refill(bounds, now);
        if !room && seen.open >= bounds.open.saturating_mul(2) {
            return None;
        }
        let shut = if seen.open >= bounds.open {
            Some(Shut::Open)
        } else if seen.left < 1.0 {
            let seconds = (1.0 - seen.left) * MINUTE / f64::from(bounds.failed.max(1));
            Some(Shut::Failed { wait: Duration::from_secs_f64(seconds.min(MINUTE)) })
        } else {
            None
        };
        seen.open += 1;
        drop(table);
        Some(Stranger { strangers: self.clone(), place: Some(place), shut, since: now })
    }

    fn table(&self) -> MutexGuard<'_, Table> {
        lock(&self.0.table)
    }
}

impl Table {
    /// Removes entries with nothing to remember, at most once a second, if there are many.
    fn sweep(&mut self, bounds: Bounds, now: Instant) {
        let lately = |swept: Instant| now.saturating_duration_since(swept) < Duration::from_secs(1);
        if self.seen.len() > MOST && !self.swept.is_some_and(lately) {
            self.swept = Some(now);
            self.seen.retain(|_, seen| !seen.is_nothing(bounds, now));
        }
    }

    fn leave(&mut self, place: Place, bounds: Bounds, now: Instant) {
        let size = self.seen.len();
        let Some(seen) = self.seen.get_mut(&place) else { return };
        seen.open = seen.open.saturating_sub(1);
        // In a flood from everywhere, addresses that may still log in are forgotten first, and beyond that
        // all of them.
        let crowded = seen.open == 0 && ((size > MOST && seen.left >= 1.0) || size > 2 * MOST);
        if crowded || seen.is_nothing(bounds, now) {
            self.seen.remove(&place);
        }
    }
}

impl Stranger {
    /// Counts a failed login.
    pub fn failed(&self) {
        let Some(place) = self.place else { return };
        if let Some(seen) = self.strangers.table().seen.get_mut(&place) {
            seen.left = (seen.left - 1.0).max(0.0);
        }
    }
}

impl Drop for Stranger {
    fn drop(&mut self) {
        let Some(place) = self.place else { return };
        let bounds = self.strangers.0.bounds;
        self.strangers.table().leave(place, bounds, Instant::now());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    fn known(strangers: &Strangers) -> usize {
        strangers.table().seen.len()
    }

    #[test]
    fn so_many_may_wait_as_many_are_told_and_the_rest_is_closed() {
        let strangers = Strangers::new(Bounds { open: 3, failed: 10 });
        let one = ip("192.0.2.1");
        let mut inside: Vec<Stranger> = (0..6).map(|_| strangers.enter(one).unwrap()).collect();
        let told: Vec<bool> = inside.iter().map(|stranger| stranger.shut == Some(Shut::Open)).collect();
        assert_eq!(told, [false, false, false, true, true, true]);
        assert!(strangers.enter(one).is_none());
        // The same address in its other form is the same; another address is not.
        assert!(strangers.enter(ip("::ffff:192.0.2.1")).is_none());
        assert_eq!(strangers.enter(ip("192.0.2.2")).unwrap().shut, None);
        inside.truncate(2);
        assert_eq!(strangers.enter(one).unwrap().shut, None);
        drop(inside);
        assert_eq!(known(&strangers), 0);
    }

    #[test]
    fn no_bound_holds_for_addresses_that_stand_for_many() {
        let balancer = ip("192.0.2.1");
        let strangers = Strangers::sparing(Bounds { open: 1, failed: 1 }, move |address| address == balancer);
        let inside: Vec<Stranger> = (0..9).map(|_| strangers.enter(balancer).unwrap()).collect();
        inside.iter().for_each(Stranger::failed);
        assert_eq!(strangers.enter(balancer).unwrap().shut, None);
        drop(inside);
        assert_eq!(known(&strangers), 0);
        let _one = strangers.enter(ip("192.0.2.2")).unwrap();
        assert_eq!(strangers.enter(ip("192.0.2.2")).unwrap().shut, Some(Shut::Open));
    }

    #[test]
    fn where_there_is_room_none_is_closed() {
        let strangers = Strangers::new(Bounds { open: 1, failed: 10 });
        let one = ip("192.0.2.1");
        let inside: Vec<Stranger> = (0..9).map(|_| strangers.enter_with_room(one, true).unwrap()).collect();
        assert_eq!(inside.iter().filter(|stranger| stranger.shut == Some(Shut::Open)).count(), 8);
        assert!(strangers.enter_with_room(one, false).is_none() && strangers.enter(one).is_none());
    }

    #[test]
    fn a_network_of_ipv6_is_one_address() {
        let strangers = Strangers::new(Bounds { open: 1, failed: 10 });
        let _inside = strangers.enter(ip("2001:db8:1:2::1")).unwrap();
        assert_eq!(strangers.enter(ip("2001:db8:1:2:ffff::9")).unwrap().shut, Some(Shut::Open));
        assert_eq!(strangers.enter(ip("2001:db8:1:3::1")).unwrap().shut, None);
    }

    #[test]
    fn failures_shut_one_address_out_until_they_are_old() {
        let strangers = Strangers::new(Bounds { open: 9, failed: 3 });
        let (one, begin) = (ip("192.0.2.1"), Instant::now());
        let at = |seconds| strangers.enter_at(one, false, begin + Duration::from_secs(seconds)).unwrap();
        for _ in 0..3 {
            let stranger = at(0);
            assert_eq!(stranger.shut, None);
            stranger.failed();
        }
        let Some(Shut::Failed { wait }) = at(0).shut else { panic!("not shut") };
        assert!(wait <= Duration::from_secs(20) && wait > Duration::from_secs(18), "{wait:?}");
        assert_eq!(strangers.enter_at(ip("192.0.2.2"), false, begin).unwrap().shut, None);
        // One more after a third of a minute, but not two.
        let again = at(21);
        assert_eq!(again.shut, None);
        again.failed();
        assert!(at(22).shut.is_some());
        // Without further failures all of them are available again.
        for _ in 0..3 {
            let stranger = at(200);
            assert_eq!(stranger.shut, None);
            stranger.failed();
        }
        assert!(at(200).shut.is_some());
    }

    #[test]
    fn a_flood_from_everywhere_takes_no_more_memory() {
        let strangers = Strangers::new(Bounds { open: 2, failed: 2 });
        let shut = ip("192.0.2.1");
        for _ in 0..2 {
            strangers.enter(shut).unwrap().failed();
        }
        for number in 0..100_000_u32 {
            strangers.enter(IpAddr::V4(Ipv4Addr::from_bits(0x0a00_0000 + number))).unwrap().failed();
            assert!(known(&strangers) <= 2 * MOST + 1);
        }
        assert!(strangers.enter(shut).unwrap().shut.is_some(), "who is shut out stays so");
        // If each address is shut out at once, only the number of entries counts.
        let strict = Strangers::new(Bounds { open: 2, failed: 1 });
        for number in 0..100_000_u32 {
            strict.enter(IpAddr::V4(Ipv4Addr::from_bits(0x0a00_0000 + number))).unwrap().failed();
        }
        assert!(known(&strict) <= 2 * MOST + 1, "{}", known(&strict));
    }
}
