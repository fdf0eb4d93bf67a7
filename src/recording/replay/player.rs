//! Selects the events of a recording that are played, and their points in the replay.

use std::time::Duration;

use crate::recording::line::StoredEvent;
use crate::recording::replay::pacing::Pacing;
use crate::recording::replay::position::Position;

/// Options of a replay.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PlayOptions {
    /// The longest gap between two events; longer ones are shortened to it. `None`: as recorded.
    pub idle_limit: Option<Duration>,
    /// Where to begin. `None`: at the start.
    pub from: Option<Position>,
    /// Where to end: the first event at or beyond this position is the last. `None`: play to the end.
    pub to: Option<Position>,
}

/// One event of a replay.
#[derive(Debug, Clone)]
pub struct Cue {
    /// When it is due in the replay, at speed 1, measured from the first played event. Never decreases.
    pub at: Duration,
    /// The part of the gap before it that was left out.
    pub skipped: Duration,
    /// The event to show.
    pub event: StoredEvent,
}

/// Yields the events to play, in order, each with its point in the replay. Pure: it neither sleeps nor reads
/// a clock; [`Clock`](crate::recording::replay::Clock) converts points to deadlines.
pub struct Player<I> {
    events: I,
    options: PlayOptions,
    pacing: Pacing,
    begun: bool,
    over: bool,
}

impl<I> Player<I> {
    /// Creates a player for `events`.
    pub fn new(events: I, options: PlayOptions) -> Self {
        let pacing = Pacing::new(options.idle_limit);
        Self { events, options, pacing, begun: false, over: false }
    }

    fn cue(&mut self, event: StoredEvent) -> Cue {
        self.begun = true;
        let pace = self.pacing.pace(Duration::from_micros(event.event.t_us));
        Cue { at: pace.at, skipped: pace.skipped, event }
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
