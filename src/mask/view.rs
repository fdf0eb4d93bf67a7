//! A text as a reader will see it, with its escapes resolved, and the mapping back to its bytes.

use crate::domain::hex;
use crate::mask::escape;
use crate::mask::escape::Equals;
use crate::mask::escape::Read;
use crate::mask::escape::Readings;
use crate::mask::escape::Way;

/// A text with its escapes resolved. Reused, so that its buffers are allocated once.
#[derive(Debug, Default)]
pub(super) struct View {
    text: Vec<u8>,
    escapes: Vec<Escape>,
    /// The next way to read a `=`.
    other: Option<Equals>,
}

/// One resolved escape: its result, and its position.
#[derive(Debug, Clone, Copy)]
struct Escape {
    at: usize,
    len: usize,
    raw: usize,
    raw_len: usize,
}

impl View {
    /// Returns the text with its escapes resolved.
    pub(super) fn text(&self) -> &[u8] {
        &self.text
    }

    /// Returns whether there was no escape.
    pub(super) fn is_plain(&self) -> bool {
        self.escapes.is_empty()
    }

    pub(super) fn clear(&mut self) {
        self.text.clear();
        self.escapes.clear();
    }

    pub(super) fn plain(&mut self, bytes: &[u8]) {
        self.text.extend_from_slice(bytes);
    }

    pub(super) fn escape(&mut self, means: &[u8], raw: usize, raw_len: usize) {
        self.escapes.push(Escape { at: self.text.len(), len: means.len(), raw, raw_len });
        self.text.extend_from_slice(means);
    }

    /// Returns the range of original bytes for a range of the text. An escape that is only partly covered is
    /// included entirely.
    pub(super) fn raw_range(&self, start: usize, end: usize) -> (usize, usize) {
        (self.raw_of(start, false), self.raw_of(end, true))
    }

    /// Returns the position in the text for a position in the original bytes.
    pub(super) fn place_of(&self, raw: usize) -> usize {
        let after = self.escapes.partition_point(|escape| escape.raw < raw);
        let Some(escape) = after.checked_sub(1).and_then(|place| self.escapes.get(place)) else { return raw };
        escape.at + (raw + escape.len).saturating_sub(escape.raw + escape.raw_len)
    }

    fn raw_of(&self, at: usize, is_end: bool) -> usize {
        let after = self.escapes.partition_point(|escape| escape.at <= at);
        let Some(escape) = after.checked_sub(1).and_then(|place| self.escapes.get(place)) else { return at };
        let inside = at - escape.at;
        // An escape may stand for nothing (a joined line): its end is then its beginning, and the text after
        // it starts after its bytes.
        if inside >= escape.len && !(is_end && inside == 0) {
            escape.raw + escape.raw_len + inside - escape.len
        } else if is_end && inside > 0 {
            escape.raw + escape.raw_len
        } else {
            escape.raw
        }
    }

    /// Resolves percent escapes, and `+` as a blank. Invalid escapes are kept.
    pub(super) fn of_percent(&mut self, raw: &[u8]) {
        self.clear();
        let mut at = 0;
        while let Some(&byte) = raw.get(at) {
            match byte {
                b'%' => {
                    let digits = (
                        raw.get(at + 1).copied().and_then(hex::digit),
                        raw.get(at + 2).copied().and_then(hex::digit),
                    );
                    if let (Some(high), Some(low)) = digits {
                        self.escape(&[high << 4 | low], at, 3);
                        at += 3;
                        continue;
                    }
                    self.text.push(byte);
                }
                b'+' => self.escape(b" ", at, 1),
                _ => self.text.push(byte),
            }
            at += 1;
        }
    }

    /// Resolves escapes of ASCII characters in URLs, HTML, scripts and mail, at all levels; `false` if there
    /// is nothing to resolve, and so no view. A `=` stands for itself, if there is anything else to resolve:
    /// for the other ways to read it, call [`View::of_escapes_again`] until that returns `false`.
    pub(super) fn of_escapes(&mut self, raw: &[u8]) -> bool {
        self.other = Some(Equals::Sign);
        self.of_escapes_again(raw)
    }

    /// Resolves the escapes of the same text in the next way; `false` if there is no other.
    pub(super) fn of_escapes_again(&mut self, raw: &[u8]) -> bool {
        while let Some(equals) = self.other {
            self.other = self.resolve(raw, equals);
            if !self.is_plain() {
                return true;
            }
        }
        false
    }

    /// Resolves escapes in one way; returns the next one in which they may be read differently.
    fn resolve(&mut self, raw: &[u8], equals: Equals) -> Option<Equals> {
        self.clear();
        let (mut is_raw, mut is_escaped) = (false, false);
        let mut done = 0;
        let mut signs = Signs::new(raw);
        let mut at = signs.next(0);
        while at < raw.len() {
            is_raw |= raw.get(at) == Some(&b'=');
            // The deepest reading, of those that are text.
            let mut found = None;
            for read in Readings::of(raw, at, Way { css: false, equals }) {
                match read {
                    Read::Byte(byte @ (b'\t' | b'\n' | b'\r' | 0x20..=0x7e), next) => {
                        is_escaped |= byte == b'=' && may_open(raw, next);
                        found = Some((Some(byte), next));
                    }
                    Read::Joined(next) => found = Some((None, next)),
                    _ => {}
                }
            }
            let Some((means, next)) = found else {
                at = signs.next(at + 1);
                continue;
            };
            self.text.extend_from_slice(raw.get(done..at).unwrap_or_default());
            self.escape(means.as_slice(), at, next - at);
            (done, at) = (next, signs.next(next));
        }
        self.text.extend_from_slice(raw.get(done..).unwrap_or_default());
        match equals {
            Equals::Sign if is_raw => Some(Equals::Raw),
            Equals::Sign | Equals::Raw if is_escaped => Some(Equals::Any),
            _ => None,
        }
    }

    /// Resolves the doubled quotes of a quoted CSV field, given without its outer quotes.
    pub(super) fn of_quotes(&mut self, raw: &[u8]) {
        self.clear();
        let mut at = 0;
        while let Some(&byte) = raw.get(at) {
            if byte == b'"' {
                self.escape(b"\"", at, 2);
                at += 2;
            } else {
                self.text.push(byte);
                at += 1;
            }
        }
    }
}

/// Positions in a text at which escapes may begin, in order.
pub(super) struct Signs<'a> {
    text: &'a [u8],
    /// The next `%`, backslash or `&`, and the next `=`, as far as they were searched for.
    sign: usize,
    equals: usize,
}

impl<'a> Signs<'a> {
    pub(super) fn new(text: &'a [u8]) -> Self {
        let mut signs = Self { text, sign: 0, equals: 0 };
        (signs.sign, signs.equals) = (signs.sign_from(0), signs.equals_from(0));
        signs
    }

    /// Returns the first position from `from` on, which must not decrease between calls; the end of the text
    /// if there is none.
    pub(super) fn next(&mut self, from: usize) -> usize {
        if self.sign < from {
            self.sign = self.sign_from(from);
        }
        if self.equals < from {
            self.equals = self.equals_from(from);
        }
        self.sign.min(self.equals)
    }

    fn sign_from(&self, from: usize) -> usize {
        let rest = self.text.get(from..).unwrap_or_default();
        from + memchr::memchr3(b'%', b'\\', b'&', rest).unwrap_or(rest.len())
    }

    fn equals_from(&self, from: usize) -> usize {
        let rest = self.text.get(from..).unwrap_or_default();
        let is_escape = |at: &usize| opens(rest, at + 1);
        from + memchr::memchr_iter(b'=', rest).find(is_escape).unwrap_or(rest.len())
    }
}

/// Returns whether a `=` before `at` begins a quoted-printable escape of a character that a tag or the shape
/// of a value needs, or joins two lines: any other is usually a number after its name.
fn opens(text: &[u8], at: usize) -> bool {
    let rest = text.get(at..).unwrap_or_default();
    let digit = |place: usize| rest.get(place).copied().and_then(hex::digit);
    let sign = digit(0).zip(digit(1)).map(|(high, low)| high << 4 | low);
    let joins = || rest.starts_with(b"\n") || rest.starts_with(b"\r\n");
    sign.map_or_else(joins, |sign| b"@-.:=_<>".contains(&sign))
}

/// Returns whether the same holds of an escaped `=`, if what follows it may be escaped too.
fn may_open(text: &[u8], at: usize) -> bool {
    opens(text, at) || text.get(at).is_some_and(|byte| escape::begins(*byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_range_leads_back_to_the_bytes_it_came_from() {
        let raw = b"a%40b%2ec+d%zz";
        let mut view = View::default();
        view.of_percent(raw);
        assert_eq!(view.text(), b"a@b.c d%zz");
        for (start, end, wanted) in [
            (0, 1, "a"),
            (0, 2, "a%40"),
            (1, 2, "%40"),
            (1, 5, "%40b%2ec"),
            (2, 3, "b"),
            (4, 5, "c"),
            (5, 6, "+"),
            (0, 10, "a%40b%2ec+d%zz"),
        ] {
            let (from, to) = view.raw_range(start, end);
            assert_eq!(&raw[from..to], wanted.as_bytes());
        }
        let raw = b"a%40b&#64;c\\u0040d=40e%2540f&nbsp;\\q=zz";
        assert!(view.of_escapes(raw));
        assert_eq!(view.text(), b"a@b@c@d=40e@f&nbsp;\\q=zz");
        assert!(view.of_escapes_again(raw));
        assert_eq!(view.text(), b"a@b@c@d@e@f&nbsp;\\q=zz");
        assert_eq!(view.raw_range(9, 10), (22, 27));
        assert!(!view.of_escapes_again(raw));
        let raw = b"a%3D40b";
        assert!(view.of_escapes(raw) && view.text() == b"a=40b");
        assert!(view.of_escapes_again(raw) && view.text() == b"a@b" && !view.of_escapes_again(raw));
        assert!(!view.of_escapes(b"a=b &nbsp; \\q 100% & more"));
        view.of_quotes(br#"a""b"#);
        assert_eq!((view.text(), view.raw_range(1, 2)), (&br#"a"b"#[..], (1, 3)));
    }
}
