//! A clock that never goes back: what has expired stays expired, even if the wall clock is set back.

use std::sync::Mutex;
use std::time::Duration;
use std::time::Instant;

use crate::domain::now_ms;
use crate::domain::sync::lock;

/// Milliseconds since 1970, never less than before: the later of the wall clock and the latest time seen,
/// advanced by the monotonic time since then.
pub(super) struct Clock(Mutex<(i64, Instant)>);

impl Clock {
    pub(super) fn new() -> Self {
        Self(Mutex::new((now_ms(), Instant::now())))
    }

    /// Returns the time now, in milliseconds since 1970.
    pub(super) fn now(&self) -> i64 {
        self.raise(0)
    }

    /// Returns the time now, which is not before `seen_ms`.
    pub(super) fn raise(&self, seen_ms: i64) -> i64 {
        let mut latest = lock(&self.0);
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

/// Adds a duration to `base_ms`, saturating.
pub(super) fn after(base_ms: i64, duration: Duration) -> i64 {
    base_ms.saturating_add(i64::try_from(duration.as_millis()).unwrap_or(i64::MAX))
}
