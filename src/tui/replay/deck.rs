//! The position of the replay. Pure arithmetic: the current time is a parameter.

use std::time::Duration;
use std::time::Instant;

use crate::recording::replay::Clock;
use crate::tui::replay::tape::Kept;
use crate::tui::replay::tape::Tape;

/// The lowest and highest speed that keys can set.
const SPEEDS: (f64, f64) = (0.25, 16.0);

/// A recording with a clock.
#[derive(Debug)]
pub(super) struct Deck {
    /// The events.
    pub(super) tape: Tape,
    clock: Clock,
    /// Number of visible events. Several can be due at one point, so the position alone is not enough.
    shown: usize,
}

impl Deck {
    /// Creates a deck that plays from the beginning.
    pub(super) fn new(now: Instant, tape: Tape, speed: f64) -> Self {
        Self { tape, clock: Clock::new(now, speed), shown: 0 }
    }

    /// Returns the number of visible events.
    pub(super) const fn shown(&self) -> usize {
        self.shown
    }

    /// Returns the last visible event.
    pub(super) fn standing(&self) -> Option<&Kept> {
        self.tape.get(self.shown.checked_sub(1)?)
    }

    /// Returns the position of the replay.
    pub(super) fn position(&self, now: Instant) -> Duration {
        self.clock.position(now).min(self.tape.end())
    }

    /// Returns whether it is playing.
    pub(super) const fn is_playing(&self) -> bool {
        !self.clock.is_paused()
    }

    /// Returns the speed.
    pub(super) const fn speed(&self) -> f64 {
        self.clock.speed()
    }

    /// Advances to `now`, possibly with new events. With `open`, more events are expected, so the replay
    /// waits at the end of those it has.
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

    /// Toggles between play and pause. At the end, it plays from the beginning.
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

    /// Pauses.
    pub(super) fn pause(&mut self, now: Instant) {
        self.clock.pause(now);
    }

    /// Seeks to a position, at most the end.
    pub(super) fn seek(&mut self, now: Instant, at: Duration) {
        let at = at.min(self.tape.end());
        self.clock.seek(now, at);
        self.shown = self.tape.due(at);
    }

    /// Skips forward or back.
    pub(super) fn skip(&mut self, now: Instant, by: Duration, back: bool) {
        let at = self.position(now);
        self.seek(now, if back { at.saturating_sub(by) } else { at.saturating_add(by) });
    }

    /// Seeks to a number of tenths of the recording.
    pub(super) fn tenths(&mut self, now: Instant, tenths: u32) {
        self.seek(now, self.tape.end() / 10 * tenths.min(10));
    }

    /// Seeks to an event, which becomes the last visible one.
    pub(super) fn stand(&mut self, now: Instant, place: usize) {
        let Some(event) = self.tape.get(place) else { return };
        self.clock.seek(now, event.at);
        self.shown = place + 1;
    }

    /// Seeks to the last event.
    pub(super) fn go_to_end(&mut self, now: Instant) {
        self.stand(now, self.tape.events().len().saturating_sub(1));
    }

    /// Returns the index of the next event for which `fits` is true.
    pub(super) fn next(&self, fits: impl Fn(&Kept) -> bool) -> Option<usize> {
        let events = self.tape.events().iter().enumerate().skip(self.shown);
        events.into_iter().find(|(_, event)| fits(event)).map(|(place, _)| place)
    }

    /// Returns the index of the last event before the current one for which `fits` is true. While playing,
    /// events due at the same point are skipped: the replay would reach the current one again at once.
    pub(super) fn before(&self, fits: impl Fn(&Kept) -> bool) -> Option<usize> {
        let here = self.standing()?.at;
        let playing = self.is_playing();
        let passed = |event: &Kept| !playing || event.at < here;
        let before = self.tape.events().iter().enumerate().take(self.shown.saturating_sub(1)).rev();
        before.into_iter().find(|(_, event)| passed(event) && fits(event)).map(|(place, _)| place)
    }

    /// Doubles or halves the speed, within bounds.
    pub(super) fn faster(&mut self, now: Instant, yes: bool) {
        let (speed, (least, most)) = (self.speed(), SPEEDS);
        let wanted =
            if yes { (speed * 2.0).min(most).max(speed) } else { (speed / 2.0).max(least).min(speed) };
        self.clock.set_speed(now, wanted);
    }

    /// Resets the speed to 1.
    pub(super) fn normal(&mut self, now: Instant) {
        self.clock.set_speed(now, 1.0);
    }

    /// Shortens longer gaps to `cap`, or restores them. The position between two events is kept as far as the
    /// gap is long enough.
    pub(super) fn set_cap(&mut self, now: Instant, cap: Option<Duration>) {
        let since =
            self.standing().map(|event| self.position(now).saturating_sub(event.at)).unwrap_or_default();
        self.tape.set_cap(cap);
        let here = self.standing().map(|event| event.at).unwrap_or_default();
        let next = self.tape.get(self.shown).map_or(self.tape.end(), |event| event.at);
        // Just before the next event, which is not visible yet.
        let most = next.saturating_sub(Duration::from_micros(1)).max(here);
        self.clock.seek(now, (here + since).min(most));
    }
}
