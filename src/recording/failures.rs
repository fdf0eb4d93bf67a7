//! Which appends failed, and why: ranges of tickets, one per outage.

use std::collections::VecDeque;
use std::sync::Mutex;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering;

use crate::domain::sync::lock;
use crate::recording::error::RecordError;
use crate::recording::queue::Stage;

/// Maximum number of ranges. Beyond it the oldest two are merged with everything between them: a waiter that
/// asks late may then be told of a failure that was none, but never of a success that was none.
const MAX_RANGES: usize = 256;

/// The failed ranges. Costs one atomic load while there are none.
#[derive(Default)]
pub(crate) struct Failures {
    any: AtomicBool,
    ranges: Mutex<VecDeque<Failure>>,
}

struct Failure {
    from: u64,
    to: u64,
    /// Only waiters for this stage are told.
    stage: Stage,
    error: RecordError,
}

impl Failures {
    /// Records that the tickets `from..=to` failed. An empty range is ignored.
    pub(crate) fn add(&self, from: u64, to: u64, stage: Stage, error: &RecordError) {
        if from > to {
            return;
        }
        let mut ranges = lock(&self.ranges);
        ranges.push_back(Failure { from, to, stage, error: error.clone() });
        if ranges.len() > MAX_RANGES
            && let Some(oldest) = ranges.pop_front()
        {
            match ranges.iter_mut().find(|failure| failure.stage == oldest.stage) {
                Some(next) => {
                    next.from = next.from.min(oldest.from);
                    next.to = next.to.max(oldest.to);
                }
                None => ranges.push_back(oldest),
            }
        }
        drop(ranges);
        self.any.store(true, Ordering::Release);
    }

    /// Returns why a ticket failed, if it did, to a waiter for `stage`.
    pub(crate) fn of(&self, ticket: u64, stage: Stage) -> Option<RecordError> {
        if !self.any.load(Ordering::Acquire) {
            return None;
        }
        let holds =
            |failure: &&Failure| failure.stage == stage && (failure.from..=failure.to).contains(&ticket);
        lock(&self.ranges).iter().find(holds).map(|failure| failure.error.clone())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_is_never_forgotten_however_many_there_are() {
        use Stage::{Stored, Synced};
        let failures = Failures::default();
        assert!(failures.of(1, Synced).is_none());
        failures.add(5, 4, Stored, &RecordError::Stopped);
        assert!(failures.of(5, Stored).is_none());
        failures.add(2, 3, Synced, &RecordError::Overloaded);
        assert!(failures.of(2, Synced).is_some() && failures.of(2, Stored).is_none());
        let tickets: Vec<u64> = (0..2000).map(|n| 10 + n * 2).collect();
        for ticket in &tickets {
            failures.add(
                *ticket,
                *ticket,
                if ticket % 4 == 0 { Synced } else { Stored },
                &RecordError::Stopped,
            );
        }
        for ticket in tickets {
            assert!(failures.of(ticket, if ticket % 4 == 0 { Synced } else { Stored }).is_some());
        }
        assert!(failures.of(10_000, Synced).is_none());
        assert!(lock(&failures.ranges).len() <= MAX_RANGES);
    }
}
