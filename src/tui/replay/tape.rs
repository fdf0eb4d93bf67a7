//! The events of a recording as kept by the player: when each is due, its visible lines and its mark.

use std::time::Duration;

use crate::domain::event::EventKind;
use crate::recording::StoredEvent;
use crate::recording::replay::Mark;
use crate::recording::replay::Pacing;
use crate::recording::replay::Position;
use crate::recording::replay::Told;
use crate::recording::replay::transcript_told;

/// Maximum number of events kept.
pub const MOST_EVENTS: usize = 20_000;
/// Maximum size of all lines kept, in bytes.
pub(super) const MOST_BYTES: usize = 64 << 20;
/// The number of parts in which the timeline aggregates marks.
pub(super) const PARTS: usize = 1000;
/// The marks, most severe first.
const GRAVEST: [Mark; 5] = [Mark::Denied, Mark::Error, Mark::Approval, Mark::Mask, Mark::Marker];

/// One event.
#[derive(Debug)]
pub(super) struct Kept {
    /// Its sequence number in the session.
    pub(super) seq: u64,
    /// Time since the session's start.
    t: Duration,
    /// Position in the replay at which it is due.
    pub(super) at: Duration,
    /// The omitted part of the gap before it.
    pub(super) skipped: Duration,
    /// Its kind; `None` if it cannot be parsed.
    pub(super) kind: Option<EventKind>,
    /// Its most severe mark.
    pub(super) mark: Option<Mark>,
    /// Whether values in it are masked.
    pub(super) masked: bool,
    /// Its transcript. Escaped.
    text: Text,
}

/// Lines separated by line feeds, and the byte offsets of hoopctl's own symbols.
#[derive(Debug, Default)]
struct Text {
    lines: Box<str>,
    own: Box<[usize]>,
}

impl Text {
    fn of(told: &[Told]) -> Self {
        let (mut lines, mut own) = (String::new(), Vec::new());
        for (place, line) in told.iter().enumerate() {
            if place > 0 {
                lines.push('\n');
            }
            own.extend(line.own.iter().map(|at| lines.len() + at));
            lines.push_str(&line.text);
        }
        Self { lines: lines.into(), own: own.into() }
    }

    fn bytes(&self) -> usize {
        self.lines.len() + size_of_val(&*self.own)
    }
}

impl Kept {
    /// Returns the lines of its transcript, each with the byte offsets of hoopctl's own symbols.
    pub(super) fn lines(&self) -> impl Iterator<Item = (&str, Vec<usize>)> {
        let (mut begin, mut own) = (0, self.text.own.iter().peekable());
        self.text.lines.split('\n').map(move |line| {
            let end = begin + line.len();
            let signs = std::iter::from_fn(|| own.next_if(|at| **at < end)).map(|at| at - begin).collect();
            begin = end + 1;
            (line, signs)
        })
    }
}

/// The result of adding an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Added {
    /// It was kept, or lies outside the part to play.
    Taken,
    /// It was known already.
    Known,
    /// Events before it are missing.
    Early,
    /// The maximum is reached.
    Full,
}

/// The kept events of a recording.
#[derive(Debug, Default)]
pub(super) struct Tape {
    events: Vec<Kept>,
    bytes: usize,
    cap: Option<Duration>,
    pacing: Pacing,
    from: Option<Position>,
    to: Option<Position>,
    over: bool,
    last_seq: u64,
    parts: Vec<Option<Mark>>,
}

impl Tape {
    /// Creates an empty tape that keeps the events between two positions.
    pub(super) fn new(cap: Option<Duration>, from: Option<Position>, to: Option<Position>) -> Self {
        Self { cap, pacing: Pacing::new(cap), from, to, ..Self::default() }
    }

    /// Returns the events in order.
    pub(super) fn events(&self) -> &[Kept] {
        &self.events
    }

    /// Returns an event by index.
    pub(super) fn get(&self, place: usize) -> Option<&Kept> {
        self.events.get(place)
    }

    /// Returns the number of the last event added, kept or not.
    pub(super) const fn last_seq(&self) -> u64 {
        self.last_seq
    }

    /// Returns whether the part to play is complete, so that no more events are needed.
    pub(super) const fn is_over(&self) -> bool {
        self.over
    }

    /// Returns the position of the last event.
    pub(super) fn end(&self) -> Duration {
        self.events.last().map(|event| event.at).unwrap_or_default()
    }

    /// Returns the number of events due at a position.
    pub(super) fn due(&self, at: Duration) -> usize {
        self.events.partition_point(|event| event.at <= at)
    }

    /// Returns the most severe mark in each of the [`PARTS`] parts of the time.
    pub(super) fn parts(&self) -> &[Option<Mark>] {
        &self.parts
    }

    /// Returns whether no more events can be kept.
    pub(super) const fn is_full(&self) -> bool {
        self.events.len() >= MOST_EVENTS || self.bytes >= MOST_BYTES
    }

    /// Adds the next event. Call [`Tape::settle`] after the last of several.
    pub(super) fn add(&mut self, stored: &StoredEvent) -> Added {
        let begins =
            !self.events.is_empty() || self.from.as_ref().is_none_or(|from| from.is_reached_by(stored));
        let event = &stored.event;
        let kept = Kept {
            seq: stored.seq,
            t: Duration::from_micros(event.t_us),
            at: Duration::ZERO,
            skipped: Duration::ZERO,
            kind: Some(event.kind),
            mark: GRAVEST.into_iter().find(|mark| mark.is_on(stored)),
            masked: !event.mask.is_empty(),
            text: Text::default(),
        };
        let added = self.put(kept, begins, || Text::of(&transcript_told(stored)));
        if added == Added::Taken && begins {
            self.over |= self.to.as_ref().is_some_and(|to| to.is_reached_by(stored));
        }
        added
    }

    /// Adds an event that cannot be parsed.
    pub(super) fn add_unreadable(&mut self, seq: u64, problem: &str) -> Added {
        let t = self.events.last().map(|event| event.t).unwrap_or_default();
        let kept = Kept {
            seq,
            t,
            at: Duration::ZERO,
            skipped: Duration::ZERO,
            kind: None,
            mark: Some(Mark::Error),
            masked: false,
            text: Text::default(),
        };
        self.put(kept, true, || {
            let text = format!("! event {seq}: {problem}").replace('\n', " ");
            Text { lines: text.into(), own: Box::default() }
        })
    }

    fn put(&mut self, mut kept: Kept, begins: bool, text: impl FnOnce() -> Text) -> Added {
        if kept.seq <= self.last_seq {
            return Added::Known;
        }
        // The first page may start later, since older events may have been removed. After it, no event may be
        // missing.
        if self.last_seq > 0 && kept.seq > self.last_seq + 1 {
            return Added::Early;
        }
        if self.is_full() {
            return Added::Full;
        }
        self.last_seq = kept.seq;
        if self.over || !begins {
            return Added::Taken;
        }
        kept.text = text();
        let pace = self.pacing.pace(kept.t);
        (kept.at, kept.skipped) = (pace.at, pace.skipped);
        self.bytes += kept.text.bytes();
        self.events.push(kept);
        Added::Taken
    }

    /// Shortens longer gaps to `cap`, or restores them.
    pub(super) fn set_cap(&mut self, cap: Option<Duration>) {
        self.cap = cap;
        self.pacing = Pacing::new(cap);
        for event in &mut self.events {
            let pace = self.pacing.pace(event.t);
            (event.at, event.skipped) = (pace.at, pace.skipped);
        }
        self.settle();
    }

    /// Returns the maximum length of a gap.
    pub(super) const fn cap(&self) -> Option<Duration> {
        self.cap
    }

    /// Recomputes the marks of the timeline.
    pub(super) fn settle(&mut self) {
        let end = self.end();
        self.parts.clear();
        self.parts.resize(PARTS, None);
        for event in &self.events {
            let Some(part) = self.parts.get_mut(part(event.at, end, PARTS)) else { continue };
            if let Some(mark) = event.mark.filter(|mark| graver(*mark, *part)) {
                *part = Some(mark);
            }
        }
    }
}

/// Returns whether a mark is more severe than another.
pub(super) fn graver(mark: Mark, other: Option<Mark>) -> bool {
    let rank = |mark: Mark| GRAVEST.iter().position(|known| *known == mark);
    other.is_none_or(|other| rank(mark) < rank(other))
}

/// Returns in which of `parts` parts of the time up to `end` a position lies.
pub(super) fn part(at: Duration, end: Duration, parts: usize) -> usize {
    let last = parts.saturating_sub(1);
    let steps = u128::try_from(last).unwrap_or_default();
    let place = (at.as_micros() * steps).checked_div(end.as_micros()).unwrap_or_default();
    usize::try_from(place).unwrap_or(last).min(last)
}
