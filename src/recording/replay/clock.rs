//! The clock of a replay: when a point of the recording is due, with variable speed and pause.

use std::time::Duration;
use std::time::Instant;

/// The minimum and maximum speed.
const SPEEDS: (f64, f64) = (0.01, 1000.0);

/// Maps recording time to wall-clock time. Pure: the current time is passed in, so that a test can set it.
///
/// Every deadline is absolute, `base + (at - position) / speed`, so that delays do not add up. A change of
/// speed or a pause sets a new base.
#[derive(Debug, Clone)]
pub struct Clock {
    base: Instant,
    position: Duration,
    speed: f64,
    paused: bool,
}

impl Clock {
    /// Starts at the beginning, at time `now`. `speed` is clamped to 0.01..=1000.
    pub fn new(now: Instant, speed: f64) -> Self {
        Self { base: now, position: Duration::ZERO, speed: held(speed), paused: false }
    }

    /// Returns when the point `at` of the recording is due. `None` while paused. A point in the past is due
    /// at once.
    pub fn deadline(&self, at: Duration) -> Option<Instant> {
        let ahead = at.saturating_sub(self.position).div_f64(self.speed);
        (!self.paused).then(|| self.base.checked_add(ahead)).flatten()
    }

    /// Returns the current position in the recording.
    pub fn position(&self, now: Instant) -> Duration {
        if self.paused {
            return self.position;
        }
        self.position + now.saturating_duration_since(self.base).mul_f64(self.speed)
    }

    /// Continues at another speed.
    pub fn set_speed(&mut self, now: Instant, speed: f64) {
        self.rebase(now);
        self.speed = held(speed);
    }

    /// Pauses.
    pub fn pause(&mut self, now: Instant) {
        self.rebase(now);
        self.paused = true;
    }

    /// Resumes.
    pub fn resume(&mut self, now: Instant) {
        self.rebase(now);
        self.paused = false;
    }

    /// Jumps to a point of the recording.
    pub fn seek(&mut self, now: Instant, at: Duration) {
        self.base = now;
        self.position = at;
    }

    /// Returns the speed.
    pub const fn speed(&self) -> f64 {
        self.speed
    }

    /// Returns whether the clock is paused.
    pub const fn is_paused(&self) -> bool {
        self.paused
    }

    fn rebase(&mut self, now: Instant) {
        self.position = self.position(now);
        self.base = now;
    }
}

fn held(speed: f64) -> f64 {
    if speed.is_finite() { speed.clamp(SPEEDS.0, SPEEDS.1) } else { 1.0 }
}
