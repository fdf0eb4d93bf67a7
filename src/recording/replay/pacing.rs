//! Computes when events are due in a replay: with their original gaps, or with long gaps shortened.

use std::time::Duration;

/// Assigns each event its point in the replay, in the order of the events. Pure.
#[derive(Debug, Clone, Default)]
pub struct Pacing {
    idle_limit: Option<Duration>,
    begun: bool,
    /// The time of the last event in the recording, and its point in the replay.
    last_t: Duration,
    at: Duration,
}

/// The point of one event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pace {
    /// When it is due, at speed 1, measured from the first event. Never decreases.
    pub at: Duration,
    /// The part of the gap before it that was left out.
    pub skipped: Duration,
}

impl Pacing {
    /// Starts before the first event. Gaps longer than `idle_limit` are shortened to it; `None`: as recorded.
    pub fn new(idle_limit: Option<Duration>) -> Self {
        Self { idle_limit, ..Self::default() }
    }

    /// Returns the point of the next event, which happened `t` after the start of its session.
    pub fn pace(&mut self, t: Duration) -> Pace {
        // Events of one session come from several threads, so time may go back by a few microseconds.
        let gap = if self.begun { t.saturating_sub(self.last_t) } else { Duration::ZERO };
        let played = self.idle_limit.map_or(gap, |limit| gap.min(limit));
        self.begun = true;
        self.last_t = self.last_t.max(t);
        self.at += played;
        Pace { at: self.at, skipped: gap.saturating_sub(played) }
    }
}
