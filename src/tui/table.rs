//! Lists on screen: the selected row, the visible rows, and the layout of a row.

use ratatui::style::Style;
use ratatui::text::Line;
use ratatui::text::Span;

use crate::tui::look::Look;
use crate::tui::look::Role;
use crate::tui::text;

/// The selection of a list: bound to an item, never to a position.
#[derive(Debug, Clone)]
pub struct Cursor<K> {
    selected: Option<K>,
    place: usize,
    top: usize,
}

impl<K> Default for Cursor<K> {
    fn default() -> Self {
        Self { selected: None, place: 0, top: 0 }
    }
}

impl<K: PartialEq + Clone> Cursor<K> {
    /// Returns the selected item.
    pub fn selected(&self) -> Option<&K> {
        self.selected.as_ref()
    }

    /// Returns the index of the selected row, as of the last [`Cursor::settle`].
    pub fn place(&self) -> usize {
        self.place
    }

    /// Returns the index of the first visible row.
    pub fn top(&self) -> usize {
        self.top
    }

    /// Selects an item; [`Cursor::settle`] finds its row.
    pub fn select(&mut self, key: K) {
        self.selected = Some(key);
    }

    /// Adjusts to a new list or a new number of visible rows. The selected item stays selected wherever it is
    /// now; if it is gone, the item in its place is selected. Returns whether the selection changed.
    pub fn settle(&mut self, keys: &[K], rows: usize) -> bool {
        let before = self.selected.clone();
        let found = self.selected.as_ref().and_then(|selected| keys.iter().position(|key| key == selected));
        self.place = found.unwrap_or_else(|| self.place.min(keys.len().saturating_sub(1)));
        self.selected = keys.get(self.place).cloned();
        self.top = self.top.min(self.place).min(keys.len().saturating_sub(rows));
        if rows > 0 && self.place >= self.top + rows {
            self.top = self.place + 1 - rows;
        }
        self.selected != before
    }

    /// Moves the selection down by `by` rows (up if negative), within the list. Returns whether the selection
    /// changed.
    pub fn step(&mut self, keys: &[K], rows: usize, by: isize) -> bool {
        let place = self.place.saturating_add_signed(by).min(keys.len().saturating_sub(1));
        let before = std::mem::replace(&mut self.selected, keys.get(place).cloned());
        let changed = before != self.selected;
        self.settle(keys, rows);
        changed
    }
}

/// One cell of a row.
#[derive(Debug, Clone)]
pub struct Cell {
    /// The text, not escaped: it is escaped and fitted when drawn.
    pub text: String,
    /// Width, in columns.
    pub width: u16,
    /// The role of the text.
    pub role: Role,
}

impl Cell {
    /// Creates a cell.
    pub fn new(text: impl Into<String>, width: u16, role: Role) -> Self {
        Self { text: text.into(), width, role }
    }
}

/// Formats a row of cells separated by spaces. `role` applies to the whole row if it is [`Role::Selected`] or
/// [`Role::Over`].
pub fn row(cells: &[Cell], role: Role, look: &Look) -> Line<'static> {
    let over = if matches!(role, Role::Selected | Role::Over) { look.style(role) } else { Style::new() };
    let mut spans = Vec::with_capacity(cells.len() * 2);
    for (place, cell) in cells.iter().enumerate() {
        if place > 0 {
            spans.push(Span::styled(" ", over));
        }
        let shown = text::padded(&cell.text, usize::from(cell.width), look);
        // A selected row is a single bar: its symbols and words carry the meaning of the colours.
        let own = if role == Role::Selected { Style::new() } else { look.style(cell.role) };
        spans.push(Span::styled(shown, own.patch(over)));
    }
    Line::from(spans)
}

/// Computes column widths from the wanted ones. Column `grows` takes the rest of `total`. Columns that do not
/// fit get zero width, the last ones first.
pub fn widths<const N: usize>(total: u16, wanted: [u16; N], grows: usize) -> [u16; N] {
    let mut out = wanted;
    let least = 8;
    if let Some(width) = out.get_mut(grows) {
        *width = least;
    }
    let used = |out: &[u16; N]| out.iter().map(|width| width + u16::from(*width > 0)).sum::<u16>();
    for place in (0..N).rev() {
        if used(&out) <= total + 1 {
            break;
        }
        if place != grows
            && let Some(width) = out.get_mut(place)
        {
            *width = 0;
        }
    }
    let rest = (total + 1).saturating_sub(used(&out));
    if let Some(width) = out.get_mut(grows) {
        *width += rest;
    }
    out
}

/// Draws a sparkline of these numbers, newest last.
pub fn sparkline(numbers: impl IntoIterator<Item = u64, IntoIter: Clone>, look: &Look) -> String {
    let numbers = numbers.into_iter();
    let most = numbers.clone().max().unwrap_or(0).max(1);
    let sign = |number: u64| {
        let last = look.signs.spark.len() - 1;
        let height = usize::try_from(number.saturating_mul(last as u64).div_ceil(most)).unwrap_or(last);
        look.signs.spark.get(height.min(last)).copied().unwrap_or(" ")
    };
    numbers.map(sign).collect()
}

/// Formats the absolute distance to a point in time: `00:42`, `1:02:03`, `3d`.
pub fn clock(ms: i64) -> String {
    let seconds = ms.unsigned_abs() / 1000;
    match seconds {
        0..3600 => format!("{:02}:{:02}", seconds / 60, seconds % 60),
        3600..172_800 => format!("{}:{:02}:{:02}", seconds / 3600, seconds / 60 % 60, seconds % 60),
        _ => format!("{}d", seconds / 86_400),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::tui::look::Depth;
    use crate::tui::look::Ground;

    #[test]
    fn the_selection_follows_what_was_selected_and_not_its_row() {
        let mut cursor = Cursor::default();
        cursor.settle(&[10, 11, 12], 5);
        cursor.step(&[10, 11, 12], 5, 1);
        assert_eq!(cursor.selected(), Some(&11));
        assert!(!cursor.settle(&[7, 8, 9, 10, 11, 12], 5));
        assert_eq!((cursor.selected(), cursor.place()), (Some(&11), 4));
        // The selected item is gone: the item in its place is selected.
        assert!(cursor.settle(&[7, 8, 9, 10, 12], 5));
        assert_eq!(cursor.selected(), Some(&12));
        assert!(cursor.settle(&[], 5));
        assert_eq!(cursor.selected(), None);
        assert!(cursor.settle(&[1], 5));
        assert_eq!(cursor.selected(), Some(&1));
    }

    proptest! {
        #[test]
        fn the_selected_row_is_always_seen(
            lists in proptest::collection::vec((proptest::collection::btree_set(0..40_u8, 0..30), 1..8_usize, -9..9_isize), 1..12),
        ) {
            let mut cursor = Cursor::default();
            for (keys, rows, by) in lists {
                let keys: Vec<u8> = keys.into_iter().collect();
                cursor.settle(&keys, rows);
                cursor.step(&keys, rows, by);
                prop_assert_eq!(cursor.selected(), keys.get(cursor.place()));
                prop_assert!(keys.is_empty() || (cursor.top()..cursor.top() + rows).contains(&cursor.place()));
                prop_assert!(cursor.top() == 0 || cursor.top() + rows <= keys.len());
            }
        }

        #[test]
        fn columns_fill_the_row(total in 10..200_u16) {
            let found = widths(total, [3, 8, 20, 10], 2);
            let used: u16 = found.iter().map(|width| width + u16::from(*width > 0)).sum();
            prop_assert!(used == total + 1, "{found:?}");
        }
    }

    #[test]
    fn sparklines_and_clocks() {
        let look = Look::new(Depth::Mono, Ground::Dark, true);
        assert_eq!(sparkline([0, 1, 7, 14], &look), "_.=#");
        assert_eq!(sparkline([0, 0], &look), "__");
        for (ms, text) in [(0, "00:00"), (42_900, "00:42"), (3_723_000, "1:02:03"), (259_200_000, "3d")] {
            assert_eq!(clock(ms), text);
        }
    }
}
