//! Wraps lines by display width, not by the number of characters.

use unicode_segmentation::UnicodeSegmentation as _;
use unicode_width::UnicodeWidthStr as _;

use crate::domain::text::is_deceptive;
use crate::tui::look::Role;
use crate::tui::text::Piece;
use crate::tui::text::Syntax;
use crate::tui::text::highlight;

/// More stacked characters than this are shown as code points: they would run into other lines.
const STACKED: usize = 4;
/// The display of a tab.
const TAB: &str = "    ";

/// One row of the screen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    /// Whether it continues the line above.
    pub goes_on: bool,
    /// Its pieces.
    pub pieces: Vec<Piece>,
}

/// Splits a text into grapheme clusters.
fn graphemes(text: &str) -> impl Iterator<Item = &str> {
    text.graphemes(true)
}

/// Splits off the next stretch of a text. Returns whether it is only printable ASCII, with each character a
/// grapheme of its own and one column wide. Characters that may combine with others (`e` before an accent)
/// are never in such a stretch.
fn stretch(text: &str) -> (bool, &str, &str) {
    let is_plain = |byte: &u8| matches!(byte, b' '..=b'~');
    let bytes = text.as_bytes();
    let plain = bytes.iter().take_while(|byte| is_plain(byte)).count();
    let split = |plain, at| {
        let (stretch, rest) = text.split_at_checked(at).unwrap_or((text, ""));
        (plain, stretch, rest)
    };
    if plain == bytes.len() {
        return split(true, plain);
    }
    // The next character may combine with the last one.
    if plain > 1 {
        return split(true, plain - 1);
    }
    // Ends before two adjacent plain characters: the first may combine with what is before it, but nothing
    // joins the two.
    let pair = |pair: &[u8]| pair.iter().all(is_plain);
    let other = bytes.windows(2).skip(plain).position(pair);
    split(false, other.map_or(bytes.len(), |at| plain + at + 1))
}

/// A part of a text, as it may be shown on screen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Part<'a> {
    /// Harmless text.
    AsItIs(&'a str),
    /// A deceptive character, or one in a stack that would run into other lines: shown as its code point.
    Number(char),
}

impl Part<'_> {
    /// Returns the width, in columns.
    pub(super) fn width(self) -> usize {
        match self {
            Self::AsItIs(text) => text.width(),
            Self::Number(c) => c.escape_unicode().count(),
        }
    }
}

/// Splits a text into displayable parts, lazily. Everything drawn goes through this function.
pub(super) fn shown(text: &str) -> impl Iterator<Item = Part<'_>> {
    graphemes(text).flat_map(parts)
}

/// Splits one grapheme cluster into parts.
fn parts(cluster: &str) -> impl Iterator<Item = Part<'_>> {
    let piled = cluster.chars().nth(STACKED).is_some();
    let escaped = piled || cluster.chars().any(is_deceptive);
    let whole = (!escaped).then_some(Part::AsItIs(cluster));
    let apart = if escaped { cluster } else { "" };
    whole.into_iter().chain(apart.char_indices().map(move |(at, c)| {
        let alone = apart.get(at..at + c.len_utf8()).unwrap_or_default();
        if piled || is_deceptive(c) { Part::Number(c) } else { Part::AsItIs(alone) }
    }))
}

/// Wraps a text into rows of at most `width` columns, besides one for the continuation mark. Every character
/// is included; deceptive ones are escaped.
pub fn rows(text: &str, syntax: Syntax, width: u16) -> Vec<Row> {
    let mut out = Vec::new();
    for line in highlight::lines(text, syntax) {
        let mut row = Filling::new(width, 0);
        for (role, text) in line {
            row.add(role, text, &mut out);
        }
        out.push(row.row);
    }
    out
}

/// Wraps the pieces of one line into rows as in [`rows`]. Continuation rows start at column `hang`, at most
/// half the width.
pub fn wrapped(pieces: &[Piece], width: u16, hang: u16) -> Vec<Row> {
    let mut out = Vec::new();
    let mut row = Filling::new(width, hang);
    for (role, text) in pieces {
        row.add(*role, text, &mut out);
    }
    out.push(row.row);
    out
}

/// Wraps like [`wrapped`], but between words where possible. For hoopctl's own words around foreign text.
pub fn wrapped_words(pieces: &[Piece], width: u16, hang: u16) -> Vec<Row> {
    let mut out = Vec::new();
    let mut row = Filling::new(width, hang);
    for (role, text) in pieces {
        for word in text.split_word_bounds() {
            // The width as displayed.
            let wide: usize = shown(word).map(Part::width).sum();
            if row.used > row.hang && row.used + wide > row.width && wide + row.hang <= row.width {
                row.turn(&mut out);
                if word.trim().is_empty() {
                    continue;
                }
            }
            row.add(*role, word, &mut out);
        }
    }
    out.push(row.row);
    out
}

struct Filling {
    width: usize,
    /// The start column of continuation rows.
    hang: usize,
    used: usize,
    row: Row,
}

impl Filling {
    fn new(width: u16, hang: u16) -> Self {
        let width = usize::from(width.max(2)) - 1;
        let hang = usize::from(hang).min(width / 2);
        Self { width, hang, used: 0, row: Row { goes_on: false, pieces: Vec::new() } }
    }

    fn add(&mut self, role: Role, text: &str, out: &mut Vec<Row>) {
        let mut rest = text;
        while !rest.is_empty() {
            let (plain, text, behind) = stretch(rest);
            rest = behind;
            if plain {
                self.put_plain(role, text, out);
            } else {
                graphemes(text).for_each(|cluster| self.add_one(role, cluster, out));
            }
        }
    }

    /// Appends one grapheme cluster.
    fn add_one(&mut self, role: Role, cluster: &str, out: &mut Vec<Row>) {
        if cluster == "\t" {
            self.put(role, TAB, out);
            return;
        }
        for part in parts(cluster) {
            match part {
                Part::AsItIs(text) => self.put(role, text, out),
                Part::Number(c) => {
                    // Character by character, so that it can be broken anywhere.
                    for digit in c.escape_unicode() {
                        self.put_plain(Role::Escape, digit.encode_utf8(&mut [0; 4]), out);
                    }
                }
            }
        }
    }

    /// Returns the start column of the current row.
    const fn begin(&self) -> usize {
        if self.row.goes_on { self.hang } else { 0 }
    }

    /// Finishes the full row and starts a continuation row.
    fn turn(&mut self, out: &mut Vec<Row>) {
        let mut next = Row { goes_on: true, pieces: Vec::new() };
        if self.hang > 0 {
            next.pieces.push((Role::Text, " ".repeat(self.hang)));
        }
        out.push(std::mem::replace(&mut self.row, next));
        self.used = self.hang;
    }

    fn put(&mut self, role: Role, text: &str, out: &mut Vec<Row>) {
        let wide = text.width();
        if self.used + wide > self.width && self.used > self.begin() {
            self.turn(out);
        }
        self.used += wide;
        self.push(role, text);
    }

    /// Appends printable ASCII, broken wherever a row is full.
    fn put_plain(&mut self, role: Role, text: &str, out: &mut Vec<Row>) {
        let mut rest = text;
        while !rest.is_empty() {
            if self.used >= self.width {
                self.turn(out);
            }
            let (fits, behind) = rest.split_at_checked(self.width - self.used).unwrap_or((rest, ""));
            self.used += fits.len();
            self.push(role, fits);
            rest = behind;
        }
    }

    fn push(&mut self, role: Role, text: &str) {
        match self.row.pieces.last_mut() {
            Some((last, piece)) if *last == role => piece.push_str(text),
            _ => self.row.pieces.push((role, text.to_owned())),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn texts(text: &str, width: u16) -> Vec<(bool, String)> {
        let plain = |row: Row| (row.goes_on, row.pieces.into_iter().map(|(_, text)| text).collect());
        rows(text, Syntax::Plain, width).into_iter().map(plain).collect()
    }

    #[test]
    fn a_line_that_goes_on_is_marked_and_no_other_is() {
        let wrapped = texts("abcdef\nxy\n\n", 5);
        let wanted = [(false, "abcd"), (true, "ef"), (false, "xy"), (false, ""), (false, "")];
        assert_eq!(wrapped, wanted.map(|(goes_on, text)| (goes_on, text.to_owned())));
        assert_eq!(texts("日本語", 5), [(false, "日本".to_owned()), (true, "語".to_owned())]);
    }

    #[test]
    fn rows_that_go_on_can_begin_further_in() {
        let line = [(Role::Dim, "+00 ".to_owned()), (Role::Text, "abcdef".to_owned())];
        let shown = |row: Row| row.pieces.into_iter().map(|(_, text)| text).collect::<String>();
        let found: Vec<String> = wrapped(&line, 9, 4).into_iter().map(shown).collect();
        assert_eq!(found, ["+00 abcd", "    ef"]);
        // At most so far that words, wide ones too, have room.
        let found: Vec<String> =
            wrapped(&[(Role::Text, "日本".to_owned())], 4, 40).into_iter().map(shown).collect();
        assert_eq!(found, ["日", " 本"]);
    }

    #[test]
    fn what_deceives_is_shown_as_its_number() {
        let shown: String = texts("a\u{1b}[2J\r\u{202e}b\u{200b}", 80).remove(0).1;
        assert_eq!(shown, "a\\u{1b}[2J\\u{d}\\u{202e}b\\u{200b}");
        let stacked = format!("a{}b", "\u{301}".repeat(40));
        assert!(texts(&stacked, 2000).remove(0).1.contains("\\u{301}\\u{301}"));
        let escape = rows("x\u{7}", Syntax::Plain, 80).remove(0).pieces.pop().unwrap();
        assert_eq!(escape, (Role::Escape, "\\u{7}".to_owned()));
    }

    #[test]
    fn no_text_takes_much_longer_than_a_plain_one() {
        // A search from the start at each character would take minutes; the limit leaves room for a busy
        // machine.
        const MANY: usize = 1 << 17;
        let times = |part: &str| part.repeat(MANY / part.len());
        let took = |text: &str, syntax| {
            let begun = std::time::Instant::now();
            assert!(!rows(text, syntax, 80).is_empty());
            begun.elapsed()
        };
        let plain = took(&"x".repeat(MANY), Syntax::Plain).max(std::time::Duration::from_millis(20));
        let half = MANY / 4;
        let texts = [
            (Syntax::Plain, times("\u{301}")),
            (Syntax::Plain, times("\u{202e}")),
            (Syntax::Plain, times("\u{1f1e6}")),
            (Syntax::Plain, times("\u{915}\u{94d}")),
            (Syntax::Plain, times("\u{1f468}\u{200d}")),
            (Syntax::Sql, "/*".repeat(half) + &"*/".repeat(half)),
            (Syntax::Sql, times("/*")),
            (Syntax::Sql, times("$")),
            (Syntax::Sql, times("$a")),
            (Syntax::Sql, times("$a$")),
            (Syntax::Sql, format!("${}$\n{}", "a".repeat(MANY / 2), "x\n".repeat(half))),
            (Syntax::Json, times(&format!("\"a\"{}", " ".repeat(1000)))),
            (Syntax::Json, format!("\"a\"{}", " ".repeat(MANY))),
            (Syntax::Json, times("\\\"")),
            (Syntax::Toml, times("a  ")),
            (Syntax::Http, format!("GET /\n\n{{{}", times("\"a\"  "))),
        ];
        for (syntax, text) in texts {
            let took = took(&text, syntax);
            let start: String = text.chars().take(12).collect();
            assert!(took < plain * 100, "{syntax:?} {start:?}: {took:?}, a plain one {plain:?}");
        }
    }

    /// Adds each grapheme cluster alone.
    fn one_by_one(text: &str, width: u16) -> Vec<Row> {
        let mut out = Vec::new();
        for line in text.split('\n') {
            let mut row = Filling::new(width, 0);
            graphemes(line).for_each(|cluster| row.add_one(Role::Text, cluster, &mut out));
            out.push(row.row);
        }
        out
    }

    proptest! {
        #[test]
        fn what_is_taken_in_stretches_looks_as_if_taken_one_by_one(
            text in "([a-c #1]{0,6}[\u{301}\u{600}\u{200d}\u{fe0f}\u{20e3}\u{1f1e6}\u{915}\u{94d}\u{e33}日é\t\r\n\u{1b}]{0,3}){0,20}",
            width in 2..40_u16,
        ) {
            prop_assert_eq!(rows(&text, Syntax::Plain, width), one_by_one(&text, width));
        }

        #[test]
        fn every_row_fits_and_nothing_is_lost(text in "[a-c日é\u{202e}\u{301}'\"\\-/*$ \n]{0,200}", width in 2..30_u16) {
            for syntax in [Syntax::Plain, Syntax::Sql, Syntax::Json, Syntax::Http] {
                let rows = rows(&text, syntax, width);
                for row in &rows {
                    let all: String = row.pieces.iter().map(|(_, text)| text.as_str()).collect();
                    // A single wide character is wider than a row of one column.
                    prop_assert!(all.width() <= usize::from(width - 1).max(2), "{all:?}");
                    prop_assert!(!all.chars().any(is_deceptive));
                }
                let shown: String =
                    rows.iter().flat_map(|row| &row.pieces).map(|(_, text)| text.as_str()).collect();
                let kept = |text: &str| {
                    text.chars().filter(|c| matches!(c, 'a'..='c' | '日' | '\'' | '*' | '$')).collect::<String>()
                };
                let plain = |text: &str| kept(&text.replace("\\u{202e}", "").replace("\\u{301}", ""));
                // Stacked characters are shown as code points, including their base.
                if !text.contains('\u{301}') {
                    prop_assert_eq!(plain(&shown), plain(&text));
                }
            }
        }
    }
}
