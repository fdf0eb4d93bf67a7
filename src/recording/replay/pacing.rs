//! The points of a replay at which events are due: as far apart as they were, or less where long gaps are shortened.

use std::time::Duration;

/// Gives each event its point, in the order of the events. Pure.
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
    /// Where it is due, at speed 1, from the first event. Never goes back.
    pub at: Duration,
    /// How much of the gap before it was left out.
    pub skipped: Duration,
}

impl Pacing {
    /// Before the first event. A gap longer than `idle_limit` is shortened to it; `None`: as recorded.
    pub fn new(idle_limit: Option<Duration>) -> Self {
        Self { idle_limit, ..Self::default() }
    }

    /// The point of the next event, so long after the start of its session.
    pub fn pace(&mut self, t: Duration) -> Pace {
        // Events of one session come from several threads: a few microseconds back are possible.
        let gap = if self.begun { t.saturating_sub(self.last_t) } else { Duration::ZERO };
        let played = self.idle_limit.map_or(gap, |limit| gap.min(limit));
        self.begun = true;
        self.last_t = self.last_t.max(t);
        self.at += played;
        Pace { at: self.at, skipped: gap.saturating_sub(played) }
    }
}
