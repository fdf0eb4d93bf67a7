//! Text of clients and targets on the screen: coloured by its language, nothing in it that moves a cursor or hides, and
//! wrapped so that a line that goes on looks like no other.

mod highlight;
mod wrap;

use ratatui::style::Style;
use ratatui::text::Line;
use ratatui::text::Span;
use unicode_width::UnicodeWidthStr as _;

use crate::domain::text::Shown;
use crate::tui::look::Look;
use crate::tui::look::Role;

pub use highlight::Syntax;
pub use wrap::Row;
pub use wrap::rows;
pub use wrap::wrap;
pub use wrap::wrap_words;

/// A piece of a line, and what it is.
pub type Piece = (Role, String);

/// A text on one line, escaped, cut at `width` columns with a sign that says so.
pub fn fitted(text: &str, width: usize, look: &Look) -> String {
    // More characters than columns cannot be seen: what is longer is not even escaped.
    let start: String = text.chars().take(width.saturating_add(1)).collect();
    let shown = Shown(&start).to_string();
    if shown.width() <= width && start.len() == text.len() {
        return shown;
    }
    let (mut out, mut used) = (String::new(), 0);
    for c in wrap::graphemes(&shown) {
        let wide = c.width();
        if used + wide + 1 > width {
            break;
        }
        used += wide;
        out.push_str(c);
    }
    if width > 0 {
        out.push_str(look.signs.cut);
    }
    out
}

/// [`fitted`], with blanks up to `width`.
pub fn padded(text: &str, width: usize, look: &Look) -> String {
    let mut out = fitted(text, width, look);
    let used = out.width();
    out.extend(std::iter::repeat_n(' ', width.saturating_sub(used)));
    out
}

/// A row as a line of the screen, `base` below all its colours.
pub fn line(row: &Row, look: &Look, base: Style) -> Line<'static> {
    let mut spans = Vec::with_capacity(row.pieces.len() + 1);
    let gutter = if row.goes_on { look.signs.goes_on } else { " " };
    spans.push(Span::styled(gutter, base.patch(look.style(Role::Dim))));
    spans.extend(
        row.pieces.iter().map(|(role, text)| Span::styled(text.clone(), base.patch(look.style(*role)))),
    );
    Line::from(spans)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tui::look::Depth;
    use crate::tui::look::Ground;

    #[test]
    fn a_cut_text_says_so_and_fits() {
        let look = Look::new(Depth::Mono, Ground::Dark, false);
        for (text, width, shown) in [
            ("abc", 3, "abc"),
            ("abcd", 3, "ab…"),
            ("日本語", 6, "日本語"),
            ("日本語", 5, "日本…"),
            ("日本語", 4, "日…"),
            ("a\u{202e}b", 20, "a\\u{202e}b"),
            ("a\nb", 3, "a\\…"),
            ("abc", 0, ""),
            ("abc", 1, "…"),
            ("", 4, ""),
        ] {
            assert_eq!(fitted(text, width, &look), shown, "{text:?} {width}");
            assert_eq!(padded(text, width, &look).width(), width, "{text:?} {width}");
        }
        assert!(fitted(&"x".repeat(10 << 20), 8, &look).ends_with('…'));
    }
}
