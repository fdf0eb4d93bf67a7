//! Which events of a recording are played, and at which point of the replay.

use std::time::Duration;

use crate::recording::line::StoredEvent;
use crate::recording::replay::position::Position;

/// What is played.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PlayOptions {
    /// The longest gap between two events; a longer one is shortened to it. `None`: as recorded.
    pub idle_limit: Option<Duration>,
    /// Where to begin. `None`: at the start.
    pub from: Option<Position>,
    /// The last event: the first one at or beyond it. `None`: to the end.
    pub to: Option<Position>,
}

/// One event of a replay.
#[derive(Debug, Clone)]
pub struct Cue {
    /// The point of the replay where it is due, at speed 1, from the first played event. Never goes back.
    pub at: Duration,
    /// How much of the gap before it was left out.
    pub skipped: Duration,
    /// The event.
    pub event: StoredEvent,
}

/// Gives the events to be played, in their order, each with its point in the replay. Pure: it neither sleeps nor asks for the
/// time; [`Clock`](crate::recording::replay::Clock) turns points into deadlines.
pub struct Player<I> {
    events: I,
    options: PlayOptions,
    begun: bool,
    over: bool,
    /// The time of the last event in the recording, and its point in the replay.
    last_t: Duration,
    at: Duration,
}

impl<I> Player<I> {
    /// Plays `events`.
    pub fn new(events: I, options: PlayOptions) -> Self {
        Self { events, options, begun: false, over: false, last_t: Duration::ZERO, at: Duration::ZERO }
    }

    fn cue(&mut self, event: StoredEvent) -> Cue {
        let t = Duration::from_micros(event.event.t_us);
        // Events of one session come from several threads: a few microseconds back are possible.
        let gap = if self.begun { t.saturating_sub(self.last_t) } else { Duration::ZERO };
        let played = self.options.idle_limit.map_or(gap, |limit| gap.min(limit));
        self.begun = true;
        self.last_t = self.last_t.max(t);
        self.at += played;
        Cue { at: self.at, skipped: gap.saturating_sub(played), event }
    }
}

impl<I, E> Iterator for Player<I>
where
    I: Iterator<Item = Result<StoredEvent, E>>,
{
    type Item = Result<Cue, E>;

    fn next(&mut self) -> Option<Self::Item> {
        while !self.over {
            let event = match self.events.next()? {
                Ok(event) => event,
                Err(error) => {
                    self.over = true;
                    return Some(Err(error));
                }
            };
            let begins =
                self.begun || self.options.from.as_ref().is_none_or(|from| from.is_reached_by(&event));
            if !begins {
                continue;
            }
            self.over = self.options.to.as_ref().is_some_and(|to| to.is_reached_by(&event));
            return Some(Ok(self.cue(event)));
        }
        None
    }
}
