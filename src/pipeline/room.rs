//! The memory budget for bodies that are read whole and for pending commands: a total, and a share per
//! principal, so that nobody can use all of it.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::MutexGuard;
use std::sync::OnceLock;
use std::time::Duration;

use bytes::Bytes;

use crate::domain::Denied;
use crate::domain::DenyCode;
use crate::domain::sync::lock;
use crate::pipeline::enter::Exchange;

/// The total budget, in bytes.
const ALL: usize = 256 << 20;
/// The share of one principal, in bytes.
const SHARE: usize = 64 << 20;
/// The overhead of a held command besides its bytes.
const COMMAND: usize = 4 << 10;

/// The budget, and how much each principal has reserved.
#[derive(Debug, Default)]
pub(super) struct Room(Mutex<Taken>);

#[derive(Debug, Default)]
struct Taken {
    all: usize,
    each: HashMap<Arc<str>, usize>,
}

/// A reserved part of the budget, released on drop.
#[derive(Debug)]
pub(super) struct Part {
    room: Arc<Room>,
    principal: Arc<str>,
    bytes: usize,
}

impl Room {
    fn taken(&self) -> MutexGuard<'_, Taken> {
        lock(&self.0)
    }

    /// Reserves memory for one command of a principal that keeps `bytes` bytes.
    ///
    /// # Errors
    /// The principal's share or the total budget is used up.
    pub(super) fn take(self: &Arc<Self>, principal: &Arc<str>, bytes: usize) -> Result<Part, Denied> {
        let mut part = Part { room: Arc::clone(self), principal: Arc::clone(principal), bytes: 0 };
        part.grow(bytes.saturating_add(COMMAND), 0)?;
        Ok(part)
    }
}

/// Adds a time after which the client may try again.
fn later(denied: Denied) -> Denied {
    Denied { retry_after: Some(Duration::from_secs(5)), ..denied }
}

impl Part {
    /// Reserves `bytes` more. `one` is the limit of a single body, which the operator may set higher than a
    /// share.
    fn grow(&mut self, bytes: usize, one: usize) -> Result<(), Denied> {
        let mut taken = self.room.taken();
        let own = taken.each.get(&self.principal).copied().unwrap_or(0);
        if bytes > SHARE.max(one).saturating_sub(own) {
            let detail = format!(
                "your pending approvals and request bodies use more than {} MiB in total; wait until one of them finishes",
                SHARE >> 20
            );
            return Err(later(Denied::new(DenyCode::LimitExceeded, detail).because("held_share")));
        }
        if bytes > ALL.max(one).saturating_sub(taken.all) {
            let detail =
                "the gateway's memory for request bodies and pending approvals is used up; try again later";
            return Err(later(Denied::new(DenyCode::Overloaded, detail).because("held_room")));
        }
        taken.all += bytes;
        taken.each.insert(Arc::clone(&self.principal), own + bytes);
        drop(taken);
        self.bytes += bytes;
        Ok(())
    }
}

impl Drop for Part {
    fn drop(&mut self) {
        if self.bytes == 0 {
            return;
        }
        let mut taken = self.room.taken();
        taken.all = taken.all.saturating_sub(self.bytes);
        let own = taken.each.get(&self.principal).map_or(0, |own| own.saturating_sub(self.bytes));
        if own == 0 {
            taken.each.remove(&self.principal);
        } else {
            taken.each.insert(Arc::clone(&self.principal), own);
        }
    }
}

/// The reservation of an exchange's body, while the exchange may still be held.
#[derive(Debug, Default)]
pub(super) struct OfBody(OnceLock<Arc<Part>>);

impl OfBody {
    /// Transfers this exchange's reference to the body's reservation. The body keeps its own until it is
    /// dropped.
    pub(super) fn hand_on(&mut self) -> Option<Arc<Part>> {
        self.0.take()
    }
}

/// Returns the size of a reservation, in bytes.
pub(super) fn size(part: Option<&Arc<Part>>) -> usize {
    part.map_or(0, |part| part.bytes)
}

/// The reservation of one body that is read whole. It grows with the bytes received, not with the announced
/// length.
#[derive(Debug)]
pub struct BodyRoom {
    part: Part,
    one: usize,
}

impl BodyRoom {
    /// Grows the reservation to `bytes` in total.
    ///
    /// # Errors
    /// The principal's share or the total budget is used up.
    pub fn reach(&mut self, bytes: usize) -> Result<(), Denied> {
        let more = bytes.saturating_sub(self.part.bytes);
        if more == 0 { Ok(()) } else { self.part.grow(more, self.one) }
    }

    /// Returns the reserved number of bytes.
    #[cfg(test)]
    pub(crate) fn taken(&self) -> usize {
        self.part.bytes
    }

    /// Returns a reservation from a budget of its own, for tests.
    #[cfg(test)]
    pub(crate) fn alone(limit: u64) -> Self {
        let part = Part { room: Arc::default(), principal: "somebody".into(), bytes: 0 };
        Self { part, one: usize::try_from(limit).unwrap() }
    }
}

/// A body with its reservation, which is released with the last reference to the body.
struct Kept {
    bytes: Vec<u8>,
    _part: Arc<Part>,
}

impl AsRef<[u8]> for Kept {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

impl Exchange {
    /// Returns an empty reservation for this exchange's body, which may have up to `limit` bytes.
    pub fn body_room(&self, limit: u64) -> BodyRoom {
        let (room, principal) = (Arc::clone(&self.gate.0.room), Arc::clone(&self.verified.principal.id));
        let one = usize::try_from(limit).unwrap_or(usize::MAX);
        BodyRoom { part: Part { room, principal, bytes: 0 }, one }
    }

    /// Returns a body that was read, tied to its reservation.
    pub fn keep(&self, bytes: Vec<u8>, room: BodyRoom) -> Bytes {
        if room.part.bytes == 0 {
            return bytes.into();
        }
        let part = Arc::new(room.part);
        // An exchange has one body. The reservation of a second would last as long as that body alone.
        drop(self.of_body.0.set(Arc::clone(&part)));
        Bytes::from_owner(Kept { bytes, _part: part })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LARGE: usize = (16 << 20) - COMMAND;

    fn refusal(taken: Result<Part, Denied>) -> Option<&'static str> {
        taken.err().and_then(|denied| denied.audit)
    }

    #[test]
    fn nobody_takes_more_than_a_share_and_all_together_no_more_than_there_is() {
        let room = Arc::new(Room::default());
        let people: Vec<Arc<str>> = (0..5).map(|n| format!("principal {n}").into()).collect();
        let mut parts = Vec::new();
        for person in &people[..4] {
            parts.extend((0..4).map(|_| room.take(person, LARGE).unwrap()));
            assert_eq!(refusal(room.take(person, 0)), Some("held_share"));
        }
        assert_eq!(refusal(room.take(&people[4], 0)), Some("held_room"));
        parts.pop();
        let again = room.take(&people[4], LARGE).unwrap();
        assert_eq!(refusal(room.take(&people[3], 0)), Some("held_room"));
        drop((parts, again));
        assert!(room.taken().all == 0 && room.taken().each.is_empty());
    }

    #[test]
    fn sizes_beyond_all_bounds_are_refused() {
        let room = Arc::new(Room::default());
        assert_eq!(refusal(room.take(&"a".into(), usize::MAX)), Some("held_share"));
        assert!(room.taken().each.is_empty());
    }

    fn body(room: &Arc<Room>, who: &str, one: usize) -> BodyRoom {
        let part = Part { room: Arc::clone(room), principal: who.into(), bytes: 0 };
        BodyRoom { part, one }
    }

    fn refused(reached: Result<(), Denied>) -> Option<(DenyCode, &'static str)> {
        reached.err().and_then(|denied| Some((denied.code, denied.audit?)))
    }

    #[test]
    fn bodies_take_room_as_they_grow_and_share_it_with_what_waits() {
        let room = Arc::new(Room::default());
        let mut bodies: Vec<_> = (0..4).map(|_| body(&room, "a", 1 << 20)).collect();
        for body in &mut bodies {
            assert_eq!(refused(body.reach(SHARE / 8)), None);
            assert_eq!(refused(body.reach(SHARE / 4)), None);
            assert_eq!(refused(body.reach(SHARE / 8)), None, "what it has is not taken again");
        }
        let mut last = body(&room, "a", 1 << 20);
        assert_eq!(refused(last.reach(1)), Some((DenyCode::LimitExceeded, "held_share")));
        assert_eq!(refusal(room.take(&"a".into(), 0)), Some("held_share"));
        assert_eq!(refused(body(&room, "b", 1 << 20).reach(SHARE)), None, "and gives it back");
        let mut others: Vec<_> = ["b", "c", "d"].map(|who| body(&room, who, 1)).into();
        assert!(others.iter_mut().all(|body| body.reach(SHARE).is_ok()));
        assert_eq!(refused(body(&room, "e", 1).reach(1)), Some((DenyCode::Overloaded, "held_room")));
        drop((bodies, last, others));
        assert!(room.taken().all == 0 && room.taken().each.is_empty());
    }

    #[test]
    fn one_body_may_be_as_large_as_its_connection_lets_it() {
        let room = Arc::new(Room::default());
        let mut large = body(&room, "a", 2 * ALL);
        assert_eq!(refused(large.reach(2 * ALL)), None);
        assert!(refused(large.reach(2 * ALL + 1)).is_some());
        assert!(refused(body(&room, "a", 2 * ALL).reach(1)).is_some());
    }
}
