//! The visible rows of a transcript: the newest at the bottom, or a fixed place further up.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use crate::tui::replay::lines;
use crate::tui::replay::lines::Form;
use crate::tui::replay::tape::Kept;
use crate::tui::text::Row;

/// The row at the bottom: an event and one of its rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Bottom {
    pub(super) event: usize,
    pub(super) row: usize,
}

/// Maximum number of rows cached, unless a single event has more.
const MOST_ROWS: usize = 4000;

/// A cache of the rows drawn last, so that they are not laid out for each picture.
#[derive(Debug, Default)]
pub(super) struct Made {
    /// The width, symbols and pattern they were laid out for.
    form: Option<(u16, &'static str, Option<String>)>,
    /// The events, each with the gap shown above it; oldest first.
    kept: VecDeque<(u64, Duration, Arc<[Row]>)>,
    /// The total number of rows.
    rows: usize,
}

impl Made {
    /// Returns the rows of an event.
    fn rows(&mut self, event: &Kept, form: Form<'_>) -> Arc<[Row]> {
        let found = form.found.map(regex::Regex::as_str);
        let same = self.form.as_ref().is_some_and(|(width, cut, pattern)| {
            (*width, *cut, pattern.as_deref()) == (form.width, form.look.signs.cut, found)
        });
        if !same {
            *self = Self::default();
            self.form = Some((form.width, form.look.signs.cut, found.map(str::to_owned)));
        }
        let mine = |(seq, skipped, _): &&(u64, Duration, _)| (*seq, *skipped) == (event.seq, event.skipped);
        if let Some((_, _, rows)) = self.kept.iter().rev().find(mine) {
            return Arc::clone(rows);
        }
        let rows: Arc<[Row]> = lines::rows(event, form).into();
        self.rows += rows.len();
        self.kept.push_back((event.seq, event.skipped, Arc::clone(&rows)));
        while self.rows > MOST_ROWS && self.kept.len() > 1 {
            let Some((_, _, oldest)) = self.kept.pop_front() else { break };
            self.rows -= oldest.len();
        }
        rows
    }
}

/// The visible events and their layout.
pub(super) struct Window<'a> {
    /// The events up to the position.
    pub(super) events: &'a [Kept],
    /// How rows are laid out.
    pub(super) form: Form<'a>,
    /// Height, in rows.
    pub(super) height: usize,
    /// The cache of rows.
    pub(super) made: &'a RefCell<Made>,
}

impl Window<'_> {
    fn made(&self, event: &Kept) -> Arc<[Row]> {
        self.made.borrow_mut().rows(event, self.form)
    }

    fn count(&self, event: usize) -> usize {
        self.events.get(event).map_or(0, |event| self.made(event).len())
    }

    /// Returns the last row.
    fn last(&self) -> Option<Bottom> {
        let event = self.events.len().checked_sub(1)?;
        Some(Bottom { event, row: self.count(event).saturating_sub(1) })
    }

    /// Returns the rows in view, top to bottom. Only events with a visible row are laid out.
    pub(super) fn rows(&self, bottom: Option<Bottom>) -> Vec<Row> {
        let mut out = VecDeque::new();
        let Some(bottom) = bottom.or_else(|| self.last()) else { return Vec::new() };
        for place in (0..=bottom.event).rev() {
            let Some(event) = self.events.get(place) else { continue };
            let rows = self.made(event);
            let seen = if place == bottom.event { bottom.row + 1 } else { rows.len() };
            for row in rows.iter().take(seen).rev() {
                if out.len() == self.height {
                    return out.into();
                }
                out.push_front(row.clone());
            }
        }
        out.into()
    }

    /// Returns the bottom row when the first row is at the top; `None` if everything fits.
    pub(super) fn top(&self) -> Option<Bottom> {
        self.down(Bottom { event: 0, row: 0 }, self.height.saturating_sub(1))
    }

    /// Returns the bottom after scrolling up by `by` rows, at most to the top.
    pub(super) fn up(&self, bottom: Option<Bottom>, mut by: usize) -> Option<Bottom> {
        let mut here = bottom.or_else(|| self.last())?;
        let top = self.top()?;
        while by > 0 {
            let step = by.min(here.row);
            here.row -= step;
            by -= step;
            if by > 0 {
                let Some(event) = here.event.checked_sub(1) else { break };
                here = Bottom { event, row: self.count(event).saturating_sub(1) };
                by -= 1;
            }
        }
        let above = (here.event, here.row) < (top.event, top.row);
        Some(if above { top } else { here })
    }

    /// Returns the bottom after scrolling down by `by` rows; `None` at the newest.
    pub(super) fn down(&self, mut here: Bottom, mut by: usize) -> Option<Bottom> {
        loop {
            let below = self.count(here.event).saturating_sub(here.row + 1);
            if by <= below {
                here.row += by;
                return (Some(here) != self.last()).then_some(here);
            }
            by -= below + 1;
            here = Bottom { event: here.event + 1, row: 0 };
            if here.event >= self.events.len() {
                return None;
            }
        }
    }

    /// Returns the bottom that centres a row of the last event; `None` if it is in view at the newest.
    pub(super) fn around(&self, row: usize) -> Option<Bottom> {
        let last = self.last()?;
        let seen = last.row.saturating_sub(row) < self.height;
        (!seen).then(|| Bottom { event: last.event, row: (row + self.height / 2).min(last.row) })
    }
}

#[cfg(test)]
mod tests {
    use regex::Regex;

    use super::*;
    use crate::recording::StoredEvent;
    use crate::recording::chain::Hash;
    use crate::tui::look::Depth;
    use crate::tui::look::Ground;
    use crate::tui::look::Look;
    use crate::tui::replay::tape::Tape;

    /// Returns requests ten seconds apart, each with several rows.
    fn tape(count: u64) -> Tape {
        let mut tape = Tape::new(None, None, None);
        for seq in 1..=count {
            let line = serde_json::json!({
                "v": 1, "sid": "ses_01kah3y2x7m5q8r4s6t9v0w1z2", "seq": seq, "t": seq * 10_000_000,
                "ts": "2026-11-20T09:14:03.000Z", "kind": "http.request", "dir": "c2s", "corr": null,
                "data": {"method": "GET", "path": format!("/{seq}"), "body": {"text": "a\nb\nc"}}, "mask": [],
            });
            tape.add(&StoredEvent::read(Hash::default(), line.to_string().as_bytes()).unwrap());
        }
        tape.settle();
        tape
    }

    fn look(ascii: bool) -> Look {
        Look::new(Depth::Mono, Ground::Dark, ascii)
    }

    #[test]
    fn rows_are_made_once_for_each_form_and_are_those_of_the_form() {
        let tape = tape(2);
        let (usual, ascii) = (look(false), look(true));
        let pattern = Regex::new("GET").unwrap();
        let form = Form { width: 80, look: &usual, found: None };
        let mut made = Made::default();
        let first = made.rows(&tape.events()[0], form);
        assert!(Arc::ptr_eq(&first, &made.rows(&tape.events()[0], form)), "they are kept");
        assert!(!Arc::ptr_eq(&first, &made.rows(&tape.events()[1], form)));
        assert!(Arc::ptr_eq(&first, &made.rows(&tape.events()[0], form)), "another one does not push it out");
        // Anything that changes the rows invalidates the cache.
        let others = [
            Form { width: 12, ..form },
            Form { look: &ascii, ..form },
            Form { found: Some(&pattern), ..form },
        ];
        for other in others {
            made.rows(&tape.events()[0], form);
            let rows = made.rows(&tape.events()[0], other);
            assert_eq!(*rows, *lines::rows(&tape.events()[0], other));
            assert_ne!(*rows, *first);
        }
    }

    #[test]
    fn a_gap_that_is_shortened_is_told_though_the_event_was_made_before() {
        let mut tape = tape(3);
        let usual = look(false);
        let form = Form { width: 80, look: &usual, found: None };
        let mut made = Made::default();
        let before = made.rows(&tape.events()[2], form);
        tape.set_cap(Some(Duration::from_secs(2)));
        let after = made.rows(&tape.events()[2], form);
        assert_eq!(after.len(), before.len() + 1);
        assert_eq!(*after, *lines::rows(&tape.events()[2], form));
    }

    #[test]
    fn no_more_rows_are_kept_than_may_be_and_the_oldest_go_first() {
        let tape = tape(2 * MOST_ROWS as u64);
        let usual = look(false);
        let form = Form { width: 80, look: &usual, found: None };
        let mut made = Made::default();
        let first = made.rows(&tape.events()[0], form);
        for event in tape.events() {
            made.rows(event, form);
            assert!(made.rows <= MOST_ROWS);
            assert_eq!(made.rows, made.kept.iter().map(|(_, _, rows)| rows.len()).sum::<usize>());
        }
        assert!(made.kept.len() * first.len() + first.len() > MOST_ROWS, "it is filled");
        let last = tape.events().last().unwrap();
        assert!(made.kept.back().is_some_and(|(seq, ..)| *seq == last.seq));
        assert!(!Arc::ptr_eq(&first, &made.rows(&tape.events()[0], form)), "the oldest is made anew");
    }
}
