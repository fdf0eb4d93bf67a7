//! Where the parts of the screen are: the list, the selected session beside or below it, the line that is typed.

use ratatui::layout::Rect;

use crate::tui::Shared;

/// What part of a wide screen the list has, in hundredths.
const LIST: u16 = 58;
/// Rows of the frame of the list, with the heads of its columns.
const LIST_FRAME: u16 = 3;
/// Rows of any other frame.
const FRAME: u16 = 2;
/// From so many rows on every fact has a row of its own; and how many that are.
pub(super) const TALL: (u16, u16) = (20, 12);
/// How many rows the facts have otherwise.
pub(super) const SHORT: u16 = 4;

/// Where the parts are; `None` for what is not seen. Neighbours share the line between them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Places {
    pub(super) list: Option<Rect>,
    /// What is known of the selected session.
    pub(super) facts: Option<Rect>,
    /// Its events.
    pub(super) tail: Option<Rect>,
    pub(super) prompt: Option<Rect>,
}

impl Places {
    /// In this area. `any`: a session is selected. `open`: it has all of it. `typed`: something is typed.
    pub(super) fn new(shared: &Shared, area: Rect, (any, open, typed): (bool, bool, bool)) -> Self {
        let foot = u16::from(typed).min(area.height);
        let body = Rect { height: area.height - foot, ..area };
        let prompt = typed.then(|| Rect { y: body.bottom(), height: foot, ..area });
        let (list, detail) = if open {
            (None, Some(body))
        } else if shared.is_narrow() || !any {
            (Some(body), None)
        } else if shared.is_wide() {
            let width = u16::try_from(u32::from(body.width) * u32::from(LIST) / 100).unwrap_or(body.width);
            let left = Rect { width, ..body };
            let right = Rect { x: left.right().saturating_sub(1), width: body.width - width + 1, ..body };
            (Some(left), Some(right))
        } else {
            let height = (body.height / 2).max(LIST_FRAME + 1).min(body.height);
            let (upper, lower) = cut(body, height);
            (Some(upper), Some(lower))
        };
        let (facts, tail) = detail.map_or((None, None), |detail| {
            let rows = detail.height.saturating_sub(FRAME);
            let facts = match rows {
                0..4 => 1,
                4..8 => 2,
                _ if rows < TALL.0 => SHORT,
                _ => TALL.1,
            };
            let (upper, lower) = cut(detail, (facts + FRAME).min(detail.height));
            (Some(upper), (lower.height > FRAME).then_some(lower))
        });
        Self { list, facts, tail, prompt }
    }

    /// How many sessions of the list are seen.
    pub(super) fn rows(&self) -> usize {
        self.list.map_or(0, |list| usize::from(list.height.saturating_sub(LIST_FRAME)))
    }

    /// How many lines of the events are seen.
    pub(super) fn tail_rows(&self) -> usize {
        self.tail.map_or(0, |tail| usize::from(tail.height.saturating_sub(FRAME)))
    }
}

/// An upper part so high, and a lower part that shares its last row.
fn cut(area: Rect, height: u16) -> (Rect, Rect) {
    let upper = Rect { height, ..area };
    let lower = Rect { y: upper.bottom().saturating_sub(1), height: area.height - height + 1, ..area };
    (upper, lower)
}
