//! Where the replay is. Pure arithmetic: it is told what time it is.

use std::time::Duration;
use std::time::Instant;

use crate::recording::replay::Clock;
use crate::tui::replay::tape::Kept;
use crate::tui::replay::tape::Tape;

/// The slowest and the fastest speed that keys lead to.
const SPEEDS: (f64, f64) = (0.25, 16.0);

/// A recording with a clock.
#[derive(Debug)]
pub(super) struct Deck {
    /// The events.
    pub(super) tape: Tape,
    clock: Clock,
    /// How many events are shown. Several can be due at one point, so that the point does not tell.
    shown: usize,
}

impl Deck {
    /// At the beginning, playing.
    pub(super) fn new(now: Instant, tape: Tape, speed: f64) -> Self {
        Self { tape, clock: Clock::new(now, speed), shown: 0 }
    }

    /// How many events are shown.
    pub(super) const fn shown(&self) -> usize {
        self.shown
    }

    /// The last event that is shown.
    pub(super) fn standing(&self) -> Option<&Kept> {
        self.tape.get(self.shown.checked_sub(1)?)
    }

    /// The point of the replay.
    pub(super) fn position(&self, now: Instant) -> Duration {
        self.clock.position(now).min(self.tape.end())
    }

    /// Whether it plays.
    pub(super) const fn is_playing(&self) -> bool {
        !self.clock.is_paused()
    }

    /// How fast.
    pub(super) const fn speed(&self) -> f64 {
        self.clock.speed()
    }

    /// Time went on, or events came. While more are to come (`open`) the end of what is here is waited at.
    pub(super) fn advance(&mut self, now: Instant, open: bool) {
        if self.clock.is_paused() {
            return;
        }
        let (at, end) = (self.clock.position(now), self.tape.end());
        self.shown = self.shown.max(self.tape.due(at)).min(self.tape.events().len());
        if at >= end {
            self.clock.seek(now, end);
            if !open {
                self.clock.pause(now);
            }
        }
    }

    /// Plays, or stands still. At the end it plays from the beginning.
    pub(super) fn toggle(&mut self, now: Instant) {
        if self.is_playing() {
            self.clock.pause(now);
            return;
        }
        if self.shown >= self.tape.events().len() && self.position(now) >= self.tape.end() {
            self.seek(now, Duration::ZERO);
        }
        self.clock.resume(now);
    }

    /// Stands still.
    pub(super) fn pause(&mut self, now: Instant) {
        self.clock.pause(now);
    }

    /// Goes to a point, as far as there are any.
    pub(super) fn seek(&mut self, now: Instant, at: Duration) {
        let at = at.min(self.tape.end());
        self.clock.seek(now, at);
        self.shown = self.tape.due(at);
    }

    /// Goes so far on or back.
    pub(super) fn skip(&mut self, now: Instant, by: Duration, back: bool) {
        let at = self.position(now);
        self.seek(now, if back { at.saturating_sub(by) } else { at.saturating_add(by) });
    }

    /// Goes to so many tenths of it.
    pub(super) fn tenths(&mut self, now: Instant, tenths: u32) {
        self.seek(now, self.tape.end() / 10 * tenths.min(10));
    }

    /// Goes to an event: it is the last one that is shown.
    pub(super) fn stand(&mut self, now: Instant, place: usize) {
        let Some(event) = self.tape.get(place) else { return };
        self.clock.seek(now, event.at);
        self.shown = place + 1;
    }

    /// Goes to the last event.
    pub(super) fn go_to_end(&mut self, now: Instant) {
        self.stand(now, self.tape.events().len().saturating_sub(1));
    }

    /// The next event that `fits`.
    pub(super) fn next(&self, fits: impl Fn(&Kept) -> bool) -> Option<usize> {
        let events = self.tape.events().iter().enumerate().skip(self.shown);
        events.into_iter().find(|(_, event)| fits(event)).map(|(place, _)| place)
    }

    /// The last event before the one it stands at that `fits`. While it plays, the ones due at the same point are passed
    /// over: it would be back among them at once.
    pub(super) fn before(&self, fits: impl Fn(&Kept) -> bool) -> Option<usize> {
        let here = self.standing()?.at;
        let playing = self.is_playing();
        let passed = |event: &Kept| !playing || event.at < here;
        let before = self.tape.events().iter().enumerate().take(self.shown.saturating_sub(1)).rev();
        before.into_iter().find(|(_, event)| passed(event) && fits(event)).map(|(place, _)| place)
    }

    /// Twice as fast, or half as fast, within bounds.
    pub(super) fn faster(&mut self, now: Instant, yes: bool) {
        let (speed, (least, most)) = (self.speed(), SPEEDS);
        let wanted =
            if yes { (speed * 2.0).min(most).max(speed) } else { (speed / 2.0).max(least).min(speed) };
        self.clock.set_speed(now, wanted);
    }

    /// As fast as it was.
    pub(super) fn normal(&mut self, now: Instant) {
        self.clock.set_speed(now, 1.0);
    }

    /// Shortens longer gaps to `cap`, or none. It stays where it is between two events, as far as the gap is that long.
    pub(super) fn set_cap(&mut self, now: Instant, cap: Option<Duration>) {
        let since =
            self.standing().map(|event| self.position(now).saturating_sub(event.at)).unwrap_or_default();
        self.tape.set_cap(cap);
        let here = self.standing().map(|event| event.at).unwrap_or_default();
        let next = self.tape.get(self.shown).map_or(self.tape.end(), |event| event.at);
        // Short of the next event, which is not shown yet.
        let most = next.saturating_sub(Duration::from_micros(1)).max(here);
        self.clock.seek(now, (here + since).min(most));
    }
}
