//! Which rows of a transcript are seen: the newest at the bottom, or a place further up that stays where it is.

use std::collections::VecDeque;

use crate::tui::replay::lines;
use crate::tui::replay::lines::Form;
use crate::tui::replay::tape::Kept;
use crate::tui::text::Row;

/// The row at the bottom: of which event, and which of its rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Bottom {
    pub(super) event: usize,
    pub(super) row: usize,
}

/// The events that are shown, and how.
pub(super) struct Window<'a> {
    /// The events up to the position.
    pub(super) events: &'a [Kept],
    /// How rows are made.
    pub(super) form: Form<'a>,
    /// How many rows are seen.
    pub(super) height: usize,
}

impl Window<'_> {
    fn count(&self, event: usize) -> usize {
        self.events.get(event).map_or(0, |event| lines::rows(event, self.form).len())
    }

    /// The last row there is.
    fn last(&self) -> Option<Bottom> {
        let event = self.events.len().checked_sub(1)?;
        Some(Bottom { event, row: self.count(event).saturating_sub(1) })
    }

    /// The rows that are seen, the upper ones first. Only events with a row among them are looked at.
    pub(super) fn rows(&self, bottom: Option<Bottom>) -> Vec<Row> {
        let mut out = VecDeque::new();
        let Some(bottom) = bottom.or_else(|| self.last()) else { return Vec::new() };
        for place in (0..=bottom.event).rev() {
            let Some(event) = self.events.get(place) else { continue };
            let mut rows = lines::rows(event, self.form);
            if place == bottom.event {
                rows.truncate(bottom.row + 1);
            }
            for row in rows.into_iter().rev() {
                if out.len() == self.height {
                    return out.into();
                }
                out.push_front(row);
            }
        }
        out.into()
    }

    /// The bottom when the first row is at the top; `None` where all fits.
    pub(super) fn top(&self) -> Option<Bottom> {
        self.down(Bottom { event: 0, row: 0 }, self.height.saturating_sub(1))
    }

    /// The bottom so many rows further up, not beyond the first row at the top.
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

    /// The bottom so many rows further down; `None` at the newest.
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

    /// The bottom at which a row of the last event stands in the middle; `None`: it is seen at the newest.
    pub(super) fn around(&self, row: usize) -> Option<Bottom> {
        let last = self.last()?;
        let seen = last.row.saturating_sub(row) < self.height;
        (!seen).then(|| Bottom { event: last.event, row: (row + self.height / 2).min(last.row) })
    }
}
