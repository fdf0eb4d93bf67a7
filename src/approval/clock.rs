//! A clock that never goes back: what has expired stays expired, also when somebody sets the wall clock.

use std::sync::Mutex;
use std::sync::PoisonError;
use std::time::Duration;
use std::time::Instant;

use crate::domain::now_ms;

/// Milliseconds since 1970, never less than before: the later of the wall clock and of the latest time seen, moved on
/// by the time that has really passed.
pub(super) struct Clock(Mutex<(i64, Instant)>);

impl Clock {
    pub(super) fn new() -> Self {
        Self(Mutex::new((now_ms(), Instant::now())))
    }

    /// The time now, in milliseconds since 1970.
    pub(super) fn now(&self) -> i64 {
        self.raise(0)
    }

    /// The time now, which is not before `seen_ms`.
    pub(super) fn raise(&self, seen_ms: i64) -> i64 {
        let mut latest = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (base, at) = *latest;
        let passed = i64::try_from(at.elapsed().as_millis()).unwrap_or(i64::MAX);
        let moved_on = base.saturating_add(passed);
        let jumped_to = now_ms().max(seen_ms);
        if jumped_to > moved_on {
            *latest = (jumped_to, Instant::now());
        }
        jumped_to.max(moved_on)
    }
}

/// `base_ms` plus a duration, at most the end of time.
pub(super) fn after(base_ms: i64, duration: Duration) -> i64 {
    base_ms.saturating_add(i64::try_from(duration.as_millis()).unwrap_or(i64::MAX))
}
