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
pub use wrap::wrapped;
pub use wrap::wrapped_words;

/// A piece of a line, and what it is.
pub type Piece = (Role, String);

/// One line in the colours of a language. Not escaped: [`wrapped`] does that.
pub fn pieces(line: &str, syntax: Syntax) -> Vec<Piece> {
    highlight::lines(line, syntax).flatten().collect()
}

/// The signs that hoopctl itself writes into transcripts, each with the one of ASCII that is as wide.
const OWN_SIGNS: [(char, char); 17] = [
    ('→', '>'),
    ('←', '<'),
    ('✓', '+'),
    ('✗', 'x'),
    ('◷', '?'),
    ('▶', '>'),
    ('■', '#'),
    ('●', '*'),
    ('×', 'x'),
    ('·', '-'),
    ('…', '~'),
    ('│', '|'),
    ('─', '-'),
    ('∅', '_'),
    ('»', '>'),
    ('⟪', '{'),
    ('⟫', '}'),
];

/// A text of hoopctl's with signs of ASCII, where no others are to be shown.
pub fn own_signs(text: &str, look: &Look) -> String {
    if !look.signs.cut.is_ascii() || text.is_ascii() {
        return text.to_owned();
    }
    let plain = |c: char| OWN_SIGNS.iter().find(|(sign, _)| *sign == c).map_or(c, |(_, plain)| *plain);
    text.chars().map(plain).collect()
}

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
    fn signs_of_our_own_are_plain_where_they_are_to_be_and_as_wide() {
        let [ascii, usual] = [true, false].map(|ascii| Look::new(Depth::Mono, Ground::Dark, ascii));
        assert_eq!(own_signs("← 2 rows [masked ssn ×2] é", &ascii), "< 2 rows [masked ssn x2] é");
        assert_eq!(own_signs("← ×", &usual), "← ×");
        for (sign, plain) in OWN_SIGNS {
            assert_eq!(sign.to_string().width(), 1, "{sign}");
            assert!(plain.is_ascii_graphic());
        }
    }

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
