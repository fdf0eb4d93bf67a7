//! Memory for what waits for people: so much for all, and so much for each, so that nobody takes it all.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::MutexGuard;
use std::sync::PoisonError;

use crate::domain::Denied;
use crate::domain::DenyCode;

/// How much all held commands together may keep in memory, in bytes.
const ALL: usize = 256 << 20;
/// How much of that those of one principal may take.
const SHARE: usize = 64 << 20;
/// What a held command takes besides its bytes.
const COMMAND: usize = 4 << 10;

/// The room, and who has how much of it.
#[derive(Debug, Default)]
pub(super) struct HeldRoom(Mutex<Taken>);

#[derive(Debug, Default)]
struct Taken {
    all: usize,
    each: HashMap<Arc<str>, usize>,
}

/// A part of the room; it is given back when this is dropped.
#[derive(Debug)]
pub(super) struct Part {
    room: Arc<HeldRoom>,
    principal: Arc<str>,
    bytes: usize,
}

impl HeldRoom {
    fn taken(&self) -> MutexGuard<'_, Taken> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes room for one command of a principal, which keeps so many bytes.
    ///
    /// # Errors
    /// The principal has its share already, or there is no room.
    pub(super) fn take(self: &Arc<Self>, principal: &Arc<str>, bytes: usize) -> Result<Part, Denied> {
        let bytes = bytes.saturating_add(COMMAND);
        let mut taken = self.taken();
        let own = taken.each.get(principal).copied().unwrap_or(0);
        if bytes > SHARE.saturating_sub(own) {
            let detail = format!(
                "commands of yours that wait for approval may take {} MiB together; wait until one is decided",
                SHARE >> 20
            );
            return Err(Denied::new(DenyCode::LimitExceeded, detail).because("held_share"));
        }
        if bytes > ALL.saturating_sub(taken.all) {
            let detail = "too much waits for approval already; try again later";
            return Err(Denied::new(DenyCode::Overloaded, detail).because("held_room"));
        }
        taken.all += bytes;
        taken.each.insert(Arc::clone(principal), own + bytes);
        Ok(Part { room: Arc::clone(self), principal: Arc::clone(principal), bytes })
    }
}

impl Drop for Part {
    fn drop(&mut self) {
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

#[cfg(test)]
mod tests {
    use super::*;

    const LARGE: usize = (16 << 20) - COMMAND;

    fn refusal(taken: Result<Part, Denied>) -> Option<&'static str> {
        taken.err().and_then(|denied| denied.audit)
    }

    #[test]
    fn nobody_takes_more_than_a_share_and_all_together_no_more_than_there_is() {
        let room = Arc::new(HeldRoom::default());
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
        let room = Arc::new(HeldRoom::default());
        assert_eq!(refusal(room.take(&"a".into(), usize::MAX)), Some("held_share"));
        assert!(room.taken().each.is_empty());
    }
}
