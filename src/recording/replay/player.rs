//! Which events of a recording are played, and at which point of the replay.

use std::time::Duration;

use crate::recording::line::StoredEvent;
use crate::recording::replay::pacing::Pacing;
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
    pacing: Pacing,
    begun: bool,
    over: bool,
}

impl<I> Player<I> {
    /// Plays `events`.
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
