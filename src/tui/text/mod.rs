//! Text of clients and targets on screen: highlighted by syntax, free of cursor movement and hidden
//! characters, and wrapped so that continuation lines are recognizable.

mod highlight;
mod wrap;

use ratatui::style::Style;
use ratatui::text::Line;
use ratatui::text::Span;
use unicode_width::UnicodeWidthStr as _;

use crate::tui::look::Look;
use crate::tui::look::Role;

use wrap::Part;

pub use highlight::Syntax;
pub use wrap::Row;
pub use wrap::rows;
pub use wrap::wrapped;
pub use wrap::wrapped_words;

/// Maximum number of characters in one column. More combining characters are shown as code points.
const MOST_BESIDE: usize = 16;

/// A piece of a line with its role.
pub type Piece = (Role, String);

/// Highlights one line. Not escaped: [`wrapped`] does that.
pub fn pieces(line: &str, syntax: Syntax) -> Vec<Piece> {
    highlight::lines(line, syntax).flatten().map(|(role, text)| (role, text.to_owned())).collect()
}

/// The symbols that hoopctl writes into transcripts, each with an ASCII equivalent of the same width.
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

/// Replaces the symbols in hoopctl's own text by ASCII, if only ASCII is to be shown.
pub fn own_signs(text: &str, look: &Look) -> String {
    if !look.signs.cut.is_ascii() || text.is_ascii() {
        return text.to_owned();
    }
    text.chars().map(plain).collect()
}

fn plain(c: char) -> char {
    OWN_SIGNS.iter().find(|(sign, _)| *sign == c).map_or(c, |(_, plain)| *plain)
}

/// Replaces the symbols at these byte offsets of a line, ascending, by ASCII, if only ASCII is to be shown.
/// The pieces together are the line. The same symbols elsewhere were written by a client or target and stay.
pub fn own_signs_at(pieces: &mut [Piece], own: &[usize], look: &Look) {
    if !look.signs.cut.is_ascii() {
        return;
    }
    let (mut begin, mut own) = (0, own.iter().peekable());
    for (_, text) in pieces {
        let end = begin + text.len();
        if own.peek().is_some_and(|at| **at < end) {
            let sign = |(at, c)| {
                if own.next_if(|own| **own == begin + at).is_some() { plain(c) } else { c }
            };
            *text = text.char_indices().map(sign).collect();
        }
        begin = end;
    }
}

/// Escapes a text and truncates it to `width` columns on one line, with a mark if it was cut.
pub fn fitted(text: &str, width: usize, look: &Look) -> String {
    let start = bounded(text, width);
    let mut cut = Cut { width, used: 0, kept: 0, out: String::new() };
    for part in wrap::shown(start) {
        let fits = match part {
            Part::AsItIs(text) => cut.put(text),
            // An escaped code point can be cut anywhere.
            Part::Number(c) => c.escape_unicode().all(|digit| cut.put(digit.encode_utf8(&mut [0; 4]))),
        };
        if !fits {
            return cut.told(look);
        }
    }
    if start.len() < text.len() { cut.told(look) } else { cut.out }
}

/// A text that is filled up to a width.
struct Cut {
    width: usize,
    used: usize,
    /// The number of bytes that leave room for the truncation mark.
    kept: usize,
    out: String,
}

impl Cut {
    /// Appends a piece if it fits. Returns whether it did.
    fn put(&mut self, piece: &str) -> bool {
        let wide = piece.width();
        if self.used + wide > self.width {
            return false;
        }
        self.used += wide;
        self.out.push_str(piece);
        if self.used < self.width {
            self.kept = self.out.len();
        }
        true
    }

    /// Returns the text with a truncation mark.
    fn told(mut self, look: &Look) -> String {
        self.out.truncate(self.kept);
        if self.width > 0 {
            self.out.push_str(look.signs.cut);
        }
        self.out
    }
}

/// Returns a prefix that is longer than fits in `width` columns, but bounded: the rest is not read.
fn bounded(text: &str, width: usize) -> &str {
    let most = width.saturating_add(2).saturating_mul(MOST_BESIDE);
    text.char_indices().nth(most).and_then(|(end, _)| text.get(..end)).unwrap_or(text)
}

/// Fits a text like [`fitted`] and pads it with spaces to `width`.
pub fn padded(text: &str, width: usize, look: &Look) -> String {
    let mut out = fitted(text, width, look);
    let used = out.width();
    out.extend(std::iter::repeat_n(' ', width.saturating_sub(used)));
    out
}

/// Converts a row to a line of the screen, with `base` as the style below all roles.
pub fn line(row: &Row, look: &Look, base: Style) -> Line<'static> {
    let mut spans = Vec::with_capacity(row.pieces.len() + 1);
    let gutter = if row.goes_on { look.signs.goes_on } else { " " };
    spans.push(Span::styled(gutter, base.patch(look.style(Role::Dim))));
    spans.extend(
        row.pieces.iter().map(|(role, text)| Span::styled(text.clone(), base.patch(look.style(*role)))),
    );
    Line::from(spans)
}

/// Converts a row of foreign text like [`line()`], with an edge beside it that the text itself cannot
/// imitate.
pub fn line_of_others(row: &Row, look: &Look) -> Line<'static> {
    let mut line = line(row, look, Style::new());
    line.spans.insert(0, Span::styled(look.signs.edge, look.style(Role::Edge)));
    line
}

/// Formats a full time in UTC.
pub fn long_time(ts_ms: i64) -> String {
    let time = jiff::Timestamp::from_millisecond(ts_ms);
    time.map_or_else(|_beyond| "-".to_owned(), |time| time.strftime("%Y-%m-%d %H:%M:%SZ").to_string())
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
    fn only_signs_of_our_own_are_plain_whatever_others_write() {
        let [ascii, usual] = [true, false].map(|ascii| Look::new(Depth::Mono, Ground::Dark, ascii));
        let line = [(Role::Dim, "→ é→ ✓".to_owned()), (Role::Text, "✓ ∅ ∅".to_owned())];
        let at = |found: char| -> Vec<usize> {
            let all: String = line.iter().map(|(_, text)| text.as_str()).collect();
            all.char_indices().filter(|(_, c)| *c == found).map(|(at, _)| at).collect()
        };
        let own = [at('→')[0], at('✓')[1], at('∅')[1]];
        let mut shown = line.clone();
        own_signs_at(&mut shown, &own, &ascii);
        assert_eq!(shown, [(Role::Dim, "> é→ ✓".to_owned()), (Role::Text, "+ ∅ _".to_owned())]);
        let mut shown = line.clone();
        own_signs_at(&mut shown, &own, &usual);
        assert_eq!(shown, line);
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

    #[test]
    fn what_is_piled_up_stays_on_its_line() {
        let look = Look::new(Depth::Mono, Ground::Dark, false);
        let piled = format!("a{}b", "\u{301}".repeat(60));
        for shown in [fitted(&piled, 30, &look), padded(&piled, 30, &look), fitted(&piled, 4000, &look)] {
            assert!(!shown.contains('\u{301}'), "{shown}");
            assert!(shown.starts_with("\\u{61}\\u{301}"), "{shown}");
        }
        // Some languages put two or three marks on a letter.
        assert_eq!(fitted("e\u{301}\u{323}x", 4, &look), "e\u{301}\u{323}x");
        let endless = "\u{301}".repeat(10 << 20);
        let begun = std::time::Instant::now();
        for _ in 0..200 {
            assert_eq!(fitted(&endless, 8, &look), "\\u{301}…");
        }
        assert!(begun.elapsed().as_secs() < 5, "it looks at more than can be seen");
    }
}
