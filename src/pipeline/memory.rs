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
pub(super) struct MemoryBudget(Mutex<Reserved>);

#[derive(Debug, Default)]
struct Reserved {
    all: usize,
    each: HashMap<Arc<str>, usize>,
}

/// A reserved part of the budget, released on drop.
#[derive(Debug)]
pub(super) struct MemoryShare {
    budget: Arc<MemoryBudget>,
    principal: Arc<str>,
    bytes: usize,
}

impl MemoryBudget {
    fn reserved(&self) -> MutexGuard<'_, Reserved> {
        lock(&self.0)
    }

    /// Reserves memory for one command of a principal that keeps `bytes` bytes.
    ///
    /// # Errors
    /// The principal's share or the total budget is used up.
    pub(super) fn reserve(
        self: &Arc<Self>,
        principal: &Arc<str>,
        bytes: usize,
    ) -> Result<MemoryShare, Denied> {
        let mut share = MemoryShare { budget: Arc::clone(self), principal: Arc::clone(principal), bytes: 0 };
        share.grow(bytes.saturating_add(COMMAND), 0)?;
        Ok(share)
    }
}

/// Adds a time after which the client may try again.
fn later(denied: Denied) -> Denied {
    denied.retry_in(Duration::from_secs(5))
}

impl MemoryShare {
    /// Reserves `bytes` more. `one` is the limit of a single body, which the operator may set higher than a
    /// share.
    fn grow(&mut self, bytes: usize, one: usize) -> Result<(), Denied> {
        let mut reserved = self.budget.reserved();
        let own = reserved.each.get(&self.principal).copied().unwrap_or(0);
        if bytes > SHARE.max(one).saturating_sub(own) {
            let detail = format!(
                "your pending approvals and request bodies use more than {} MiB in total; wait until one of them finishes",
                SHARE >> 20
            );
            return Err(later(Denied::new(DenyCode::LimitExceeded, detail).because("held_share")));
        }
        if bytes > ALL.max(one).saturating_sub(reserved.all) {
            let detail =
                "the gateway's memory for request bodies and pending approvals is used up; try again later";
            return Err(later(Denied::new(DenyCode::Overloaded, detail).because("held_room")));
        }
        reserved.all += bytes;
        reserved.each.insert(Arc::clone(&self.principal), own + bytes);
        drop(reserved);
        self.bytes += bytes;
        Ok(())
    }
}

impl Drop for MemoryShare {
    fn drop(&mut self) {
        if self.bytes == 0 {
            return;
        }
        let mut reserved = self.budget.reserved();
        reserved.all = reserved.all.saturating_sub(self.bytes);
        let own = reserved.each.get(&self.principal).map_or(0, |own| own.saturating_sub(self.bytes));
        if own == 0 {
            reserved.each.remove(&self.principal);
        } else {
            reserved.each.insert(Arc::clone(&self.principal), own);
        }
    }
}

/// The reservation of an exchange's body, while the exchange may still be held.
#[derive(Debug, Default)]
pub(super) struct BodyShare(OnceLock<Arc<MemoryShare>>);

impl BodyShare {
    /// Transfers this exchange's reference to the body's reservation. The body keeps its own until it is
    /// dropped.
    pub(super) fn take(&mut self) -> Option<Arc<MemoryShare>> {
        self.0.take()
    }
}

/// Returns the size of a reservation, in bytes.
pub(super) fn size(share: Option<&Arc<MemoryShare>>) -> usize {
    share.map_or(0, |share| share.bytes)
}

/// The reservation of one body that is read whole. It grows with the bytes received, not with the announced
/// length.
#[derive(Debug)]
pub struct BodyBudget {
    share: MemoryShare,
    one: usize,
}

impl BodyBudget {
    /// Grows the reservation to `bytes` in total.
    ///
    /// # Errors
    /// The principal's share or the total budget is used up.
    pub fn grow_to(&mut self, bytes: usize) -> Result<(), Denied> {
        let more = bytes.saturating_sub(self.share.bytes);
        if more == 0 { Ok(()) } else { self.share.grow(more, self.one) }
    }

    /// Returns the reserved number of bytes.
    #[cfg(test)]
    pub(crate) fn reserved(&self) -> usize {
        self.share.bytes
    }

    /// Returns a reservation from a budget of its own, for tests.
    #[cfg(test)]
    pub(crate) fn alone(limit: u64) -> Self {
        let share = MemoryShare { budget: Arc::default(), principal: "somebody".into(), bytes: 0 };
        Self { share, one: usize::try_from(limit).unwrap() }
    }
}

/// A body with its reservation, which is released with the last reference to the body.
struct Kept {
    bytes: Vec<u8>,
    _share: Arc<MemoryShare>,
}

impl AsRef<[u8]> for Kept {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

impl Exchange {
    /// Returns an empty reservation for this exchange's body, which may have up to `limit` bytes.
    pub fn body_budget(&self, limit: u64) -> BodyBudget {
        let (budget, principal) = (Arc::clone(&self.gate.0.memory), Arc::clone(&self.verified.principal.id));
        let one = usize::try_from(limit).unwrap_or(usize::MAX);
        BodyBudget { share: MemoryShare { budget, principal, bytes: 0 }, one }
    }

    /// Returns a body that was read, tied to its reservation.
    pub fn keep(&self, bytes: Vec<u8>, budget: BodyBudget) -> Bytes {
        if budget.share.bytes == 0 {
            return bytes.into();
        }
        let share = Arc::new(budget.share);
        // An exchange has one body. The reservation of a second would last as long as that body alone.
        drop(self.body_share.0.set(Arc::clone(&share)));
        Bytes::from_owner(Kept { bytes, _share: share })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LARGE: usize = (16 << 20) - COMMAND;

    fn refusal(reserved: Result<MemoryShare, Denied>) -> Option<&'static str> {
        reserved.err().and_then(|denied| denied.audit)
    }

    #[test]
    fn nobody_takes_more_than_a_share_and_all_together_no_more_than_there_is() {
        let budget = Arc::new(MemoryBudget::default());
        let people: Vec<Arc<str>> = (0..5).map(|n| format!("principal {n}").into()).collect();
        let mut shares = Vec::new();
        for person in &people[..4] {
            shares.extend((0..4).map(|_| budget.reserve(person, LARGE).unwrap()));
            assert_eq!(refusal(budget.reserve(person, 0)), Some("held_share"));
        }
        assert_eq!(refusal(budget.reserve(&people[4], 0)), Some("held_room"));
        shares.pop();
        let again = budget.reserve(&people[4], LARGE).unwrap();
        assert_eq!(refusal(budget.reserve(&people[3], 0)), Some("held_room"));
        drop((shares, again));
        assert!(budget.reserved().all == 0 && budget.reserved().each.is_empty());
    }

    #[test]
    fn sizes_beyond_all_bounds_are_refused() {
        let budget = Arc::new(MemoryBudget::default());
        assert_eq!(refusal(budget.reserve(&"a".into(), usize::MAX)), Some("held_share"));
        assert!(budget.reserved().each.is_empty());
    }

    fn body(budget: &Arc<MemoryBudget>, who: &str, one: usize) -> BodyBudget {
        let share = MemoryShare { budget: Arc::clone(budget), principal: who.into(), bytes: 0 };
        BodyBudget { share, one }
    }

    fn refused(reached: Result<(), Denied>) -> Option<(DenyCode, &'static str)> {
        reached.err().and_then(|denied| Some((denied.code, denied.audit?)))
    }

    #[test]
    fn bodies_take_room_as_they_grow_and_share_it_with_what_waits() {
        let budget = Arc::new(MemoryBudget::default());
        let mut bodies: Vec<_> = (0..4).map(|_| body(&budget, "a", 1 << 20)).collect();
        for body in &mut bodies {
            assert_eq!(refused(body.grow_to(SHARE / 8)), None);
            assert_eq!(refused(body.grow_to(SHARE / 4)), None);
            assert_eq!(refused(body.grow_to(SHARE / 8)), None, "what it has is not taken again");
        }
        let mut last = body(&budget, "a", 1 << 20);
        assert_eq!(refused(last.grow_to(1)), Some((DenyCode::LimitExceeded, "held_share")));
        assert_eq!(refusal(budget.reserve(&"a".into(), 0)), Some("held_share"));
        assert_eq!(refused(body(&budget, "b", 1 << 20).grow_to(SHARE)), None, "and gives it back");
        let mut others: Vec<_> = ["b", "c", "d"].map(|who| body(&budget, who, 1)).into();
        assert!(others.iter_mut().all(|body| body.grow_to(SHARE).is_ok()));
        assert_eq!(refused(body(&budget, "e", 1).grow_to(1)), Some((DenyCode::Overloaded, "held_room")));
        drop((bodies, last, others));
        assert!(budget.reserved().all == 0 && budget.reserved().each.is_empty());
    }

    #[test]
    fn one_body_may_be_as_large_as_its_connection_lets_it() {
        let budget = Arc::new(MemoryBudget::default());
        let mut large = body(&budget, "a", 2 * ALL);
        assert_eq!(refused(large.grow_to(2 * ALL)), None);
        assert!(refused(large.grow_to(2 * ALL + 1)).is_some());
        assert!(refused(body(&budget, "a", 2 * ALL).grow_to(1)).is_some());
    }
}
