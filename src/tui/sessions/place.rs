//! The layout of the sessions screen: the list, the selected session beside or below it, and the input line.

use ratatui::layout::Rect;

use crate::tui::Shared;

/// The list's share of a wide screen, in percent.
const LIST: u16 = 58;
/// Height of the list's frame and column headers, in rows.
const LIST_FRAME: u16 = 3;
/// Height of any other frame, in rows.
const FRAME: u16 = 2;
/// The screen height from which every fact has its own row, and the number of rows then.
pub(super) const TALL: (u16, u16) = (20, 12);
/// The number of fact rows on lower screens.
pub(super) const SHORT: u16 = 4;

/// The areas of the parts; `None` for hidden ones. Neighbours share their border line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Places {
    pub(super) list: Option<Rect>,
    /// The facts of the selected session.
    pub(super) facts: Option<Rect>,
    /// Its events.
    pub(super) tail: Option<Rect>,
    pub(super) prompt: Option<Rect>,
}

impl Places {
    /// Lays out an area. `any`: a session is selected. `open`: it fills the area. `typed`: an input line is
    /// open.
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

    /// Returns the number of visible sessions in the list.
    pub(super) fn rows(&self) -> usize {
        self.list.map_or(0, |list| usize::from(list.height.saturating_sub(LIST_FRAME)))
    }

    /// Returns the number of visible event lines.
    pub(super) fn tail_rows(&self) -> usize {
        self.tail.map_or(0, |tail| usize::from(tail.height.saturating_sub(FRAME)))
    }
}

/// Splits an area into an upper part of this height and a lower part that shares its last row.
fn cut(area: Rect, height: u16) -> (Rect, Rect) {
    let upper = Rect { height, ..area };
    let lower = Rect { y: upper.bottom().saturating_sub(1), height: area.height - height + 1, ..area };
    (upper, lower)
}
