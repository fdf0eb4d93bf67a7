//! One character of a text in the ways that serializers escape it, including double and triple escaping.
//!
//! Supported are percent escapes, those of JSON, scripts and C, those of CSS, numeric and named HTML
//! entities, and quoted-printable. Not supported are UTF-16 and UTF-32, hexadecimal with separators between
//! its digits, bytes as numbers in a list, an escape of more than 96 bytes, and entity names beyond ASCII
//! that HTML 4 lacks.

use crate::domain::hex;
use crate::mask::entity;

/// Maximum levels of escaping.
pub(super) const DEEPEST: u8 = 3;

/// Maximum length of one escaped character in bytes.
const LONGEST: usize = 96;

/// What a place of a text means, and where the text continues.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Read {
    /// A byte.
    Byte(u8, usize),
    /// A character beyond ASCII, in UTF-8; up to U+00FF it may also mean the byte of that number.
    Char(char, usize),
    /// Nothing: a line that is joined to the next one.
    Joined(usize),
    /// The text ends here, or within the escape.
    End,
}

impl Read {
    fn of_number(number: u32, next: usize) -> Option<Self> {
        let sign = char::from_u32(number)?;
        Some(match u8::try_from(sign) {
            Ok(byte) if byte.is_ascii() => Self::Byte(byte, next),
            _ => Self::Char(sign, next),
        })
    }
}

/// Where a `=` begins an escape of quoted-printable: it may as well be one between a name and its value,
/// which begins with two digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Equals {
    /// Nowhere.
    Sign,
    /// Where it is not escaped itself.
    Raw,
    /// Everywhere.
    Any,
}

/// How an escape is read.
#[derive(Debug, Clone, Copy)]
pub(super) struct Way {
    /// Also the escapes of CSS, which have another meaning elsewhere.
    pub css: bool,
    /// The escapes of quoted-printable.
    pub equals: Equals,
}

impl Way {
    /// All ways in which anything may read it.
    pub(super) const ALL: Self = Self { css: true, equals: Equals::Any };

    fn opens(self, sign: u8, is_raw: bool) -> bool {
        begins(sign) && (sign != b'=' || self.equals == Equals::Any || (self.equals == Equals::Raw && is_raw))
    }
}

/// Returns whether an escape may begin with the byte.
pub(super) fn begins(byte: u8) -> bool {
    matches!(byte, b'%' | b'\\' | b'&' | b'=')
}

/// Possible meanings of a place where an escape may begin, other than the byte itself.
#[derive(Debug, Default)]
pub(super) struct Readings {
    found: [Option<Read>; 2 * DEEPEST as usize],
    len: usize,
}

impl Readings {
    /// Iterates over the escapes.
    pub(super) fn of(text: &[u8], at: usize, way: Way) -> impl Iterator<Item = Read> {
        let mut readings = Self::default();
        let is_css = readings.add(text, at, Way { css: false, ..way });
        if way.css && is_css {
            readings.add(text, at, way);
        }
        readings.found.into_iter().flatten()
    }

    /// Adds the readings of each level; returns whether a CSS escape may be among them.
    fn add(&mut self, text: &[u8], at: usize, way: Way) -> bool {
        let is_css = |byte: u8, next: usize| {
            let follows = || text.get(next).is_some_and(|byte| hex::digit(*byte).is_some() || begins(*byte));
            byte == b'\\' && follows()
        };
        let mut any_css = text.get(at).is_some_and(|byte| is_css(*byte, at + 1));
        let mut last = Read::Byte(text.get(at).copied().unwrap_or_default(), at + 1);
        for level in 1..=DEEPEST {
            let read = read(text, at, level, way);
            let is_new = !matches!(read, Read::Byte(_, next) if next == at + 1)
                && !self.found.iter().take(self.len).any(|known| *known == Some(read));
            if let Some(place) = self.found.get_mut(self.len).filter(|_| is_new) {
                *place = Some(read);
                self.len += 1;
            }
            any_css |= matches!(read, Read::Byte(byte, next) if is_css(byte, next));
            if !goes_on(text, at, last, read) {
                break;
            }
            last = read;
        }
        any_css
    }
}

/// Returns whether one more level may give another reading than this one and the last: if the reading is an
/// escape character that no escape has followed yet, unless one is escaped in there, or if the next character
/// is one, which may belong to a number or name.
fn goes_on(text: &[u8], at: usize, last: Read, read: Read) -> bool {
    let begins_at = |place: usize| text.get(place).is_some_and(|byte| begins(*byte));
    match read {
        Read::Byte(byte, next) if begins(byte) && read == last => {
            let rest = text.get(next..).unwrap_or_default().iter().take(LONGEST);
            let mut rest =
                rest.skip_while(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'#' | b'{'));
            rest.next().is_some_and(|byte| begins(*byte))
        }
        // Three characters that begin with one of these are two digits and no more.
        Read::Byte(byte, next) if next == at + 3 && matches!(text.get(at), Some(b'%' | b'=')) => begins(byte),
        Read::Byte(byte, next) => begins(byte) || begins_at(next),
        Read::Char(_, next) => begins_at(next),
        Read::Joined(_) | Read::End => false,
    }
}

/// Reads the character at `at`, with `level` levels of escapes resolved. Anything but an escape stands for
/// itself.
fn read(text: &[u8], at: usize, level: u8, way: Way) -> Read {
    let Some(&byte) = text.get(at) else { return Read::End };
    if level == 0 || !begins(byte) {
        return Read::Byte(byte, at + 1);
    }
    let start = read(text, at, level - 1, way);
    let escape = Escape { text, level: level - 1, way, limit: at + LONGEST };
    let opens = |byte, next| way.opens(byte, next == at + 1);
    match start {
        Read::Byte(byte, next) if opens(byte, next) => escape.behind(byte, next).unwrap_or(start),
        // A number or name may continue, or end, in text that is escaped more often than its beginning.
        Read::Byte(_, next) | Read::Char(_, next) if text.get(next).is_some_and(|byte| begins(*byte)) => {
            let longer = |below| match read(text, at, below, way) {
                Read::Byte(byte, next) if opens(byte, next) => escape.behind(byte, next),
                _ => None,
            };
            (0..level - 1).rev().find_map(longer).unwrap_or(start)
        }
        _ => start,
    }
}

/// The text after the beginning of an escape, read with the lower levels resolved.
struct Escape<'a> {
    text: &'a [u8],
    level: u8,
    way: Way,
    limit: usize,
}

impl Escape<'_> {
    fn next(&self, at: usize) -> Read {
        if at >= self.limit { Read::Byte(0, at) } else { read(self.text, at, self.level, self.way) }
    }

    /// Returns the meaning of an escape that begins with `sign` and continues at `at`.
    fn behind(&self, sign: u8, at: usize) -> Option<Read> {
        let first = self.next(at);
        let (byte, next) = match first {
            Read::Byte(byte, next) => (byte, next),
            Read::Char(..) => return None,
            Read::Joined(_) => return Some(first).filter(|_| sign == b'\\'),
            Read::End => return Some(first),
        };
        let is_digit = hex::digit(byte).is_some();
        match (sign, byte) {
            (b'%', b'u' | b'U') => self.unit(next, b'%'),
            (b'%' | b'=', _) if is_digit => self.byte(at),
            (b'=', b'\n') => Some(Read::Joined(next)),
            (b'=', b'\r') => match self.next(next) {
                Read::Byte(b'\n', next) => Some(Read::Joined(next)),
                Read::End => Some(Read::End),
                _ => None,
            },
            (b'\\', _) if self.way.css && is_digit => self.css(at),
            (b'\\', _) => self.backslash(byte, next),
            (b'&', b'#') => match self.next(next) {
                Read::Byte(b'x' | b'X', next) => self.number(next, 16, b';'),
                Read::End => Some(Read::End),
                _ => self.number(next, 10, b';'),
            },
            (b'&', _) if byte.is_ascii_alphabetic() => self.named(at),
            _ => None,
        }
    }

    /// Reads exactly `count` digits: `Ok(None)` if there are other characters.
    fn digits(&self, at: usize, count: usize) -> Result<Option<(u32, usize)>, Read> {
        let (mut value, mut at) = (0, at);
        for _ in 0..count {
            match self.next(at) {
                Read::Byte(byte, next) => {
                    let Some(digit) = hex::digit(byte) else { return Ok(None) };
                    (value, at) = (value << 4 | u32::from(digit), next);
                }
                Read::Char(..) => return Ok(None),
                other => return Err(other),
            }
        }
        Ok(Some((value, at)))
    }

    /// Returns two digits that are a byte.
    fn byte(&self, at: usize) -> Option<Read> {
        match self.digits(at, 2) {
            Ok(digits) => digits.and_then(|(value, next)| Some(Read::Byte(u8::try_from(value).ok()?, next))),
            Err(other) => Some(other),
        }
    }

    /// Digits that are the number of a character.
    fn hex(&self, at: usize, count: usize) -> Option<Read> {
        match self.digits(at, count) {
            Ok(digits) => digits.and_then(|(value, next)| Read::of_number(value, next)),
            Err(other) => Some(other),
        }
    }

    /// Returns four digits that are a UTF-16 unit, with the other half of a pair after `sign` and a `u`.
    fn unit(&self, at: usize, sign: u8) -> Option<Read> {
        let (high, at) = match self.digits(at, 4) {
            Ok(digits) => digits?,
            Err(other) => return Some(other),
        };
        if !(0xd800..0xdc00).contains(&high) {
            return Read::of_number(high, at);
        }
        let mut at = at;
        for wanted in [sign, b'u'] {
            match self.next(at) {
                Read::Byte(byte, next) if byte.to_ascii_lowercase() == wanted => at = next,
                Read::Byte(..) | Read::Char(..) => return None,
                other => return Some(other),
            }
        }
        match self.digits(at, 4) {
            Ok(digits) => {
                let (low, next) = digits.filter(|(low, _)| (0xdc00..0xe000).contains(low))?;
                Read::of_number(0x1_0000 + ((high - 0xd800) << 10) + (low - 0xdc00), next)
            }
            Err(other) => Some(other),
        }
    }

    /// Returns `\2b` in CSS: up to six digits, and a blank that belongs to them.
    fn css(&self, at: usize) -> Option<Read> {
        let (mut value, mut at, mut count) = (0, at, 0);
        loop {
            match self.next(at) {
                Read::Byte(byte, next) => {
                    let Some(digit) = hex::digit(byte).filter(|_| count < 6) else {
                        let is_blank = matches!(byte, b' ' | b'\t' | b'\n' | b'\r' | 12);
                        return Read::of_number(value, if is_blank { next } else { at })
                            .filter(|_| count > 0);
                    };
                    (value, at, count) = (value << 4 | u32::from(digit), next, count + 1);
                }
                Read::Char(..) => return Read::of_number(value, at).filter(|_| count > 0),
                other => return Some(other),
            }
        }
    }

    /// Returns `\u002B`, `\u{2B}`, `\U0000002B`, `\x2B`, `\053`, `\n` and the like, and any character after a
    /// backslash.
    fn backslash(&self, byte: u8, next: usize) -> Option<Read> {
        let plain = |byte| Some(Read::Byte(byte, next));
        match byte {
            b'u' => match self.next(next) {
                Read::Byte(b'{', next) => self.number(next, 16, b'}'),
                _ => self.unit(next, b'\\'),
            },
            b'U' => self.hex(next, 8),
            b'x' => self.hex(next, 2),
            b'0'..=b'7' => self.octal(u32::from(byte - b'0'), next),
            b'n' => plain(b'\n'),
            b'r' => plain(b'\r'),
            b't' => plain(b'\t'),
            b'b' => plain(8),
            b'f' => plain(12),
            byte if byte.is_ascii_punctuation() => plain(byte),
            _ => None,
        }
    }

    /// Returns one or two more octal digits, as long as the value is a byte.
    fn octal(&self, first: u32, at: usize) -> Option<Read> {
        let (mut value, mut end) = (first, at);
        for _ in 0..if first > 3 { 1 } else { 2 } {
            match self.next(end) {
                Read::Byte(digit @ b'0'..=b'7', next) => {
                    (value, end) = (value << 3 | u32::from(digit - b'0'), next);
                }
                Read::End => return Some(Read::End),
                _ => break,
            }
        }
        Read::of_number(value, end).filter(|_| end > at)
    }

    /// Returns `43;`, `2b;` or `2B}`: a number of up to eight digits after leading zeros, and its terminator,
    /// which may be missing.
    fn number(&self, at: usize, base: u32, end: u8) -> Option<Read> {
        let (mut value, mut at, mut count, mut any) = (0u32, at, 0, false);
        loop {
            match self.next(at) {
                Read::Byte(byte, next) => {
                    let Some(digit) = char::from(byte).to_digit(base).filter(|_| count < 8) else {
                        return Read::of_number(value, if byte == end { next } else { at }).filter(|_| any);
                    };
                    value = value.saturating_mul(base).saturating_add(digit);
                    (at, count, any) = (next, count + usize::from(value > 0), true);
                }
                Read::Char(..) => return Read::of_number(value, at).filter(|_| any),
                other => return Some(other),
            }
        }
    }

    /// Returns `plus;`; the semicolon may be missing, as HTML allows.
    fn named(&self, at: usize) -> Option<Read> {
        let (mut name, mut size, mut at) = ([0u8; entity::LONGEST], 0, at);
        // A digit ends a name of letters, unless it belongs to a longer one.
        let mut letters = None;
        loop {
            let read = self.next(at);
            match read {
                Read::Byte(byte, next) if byte.is_ascii_alphanumeric() => {
                    if byte.is_ascii_digit() && letters.is_none() {
                        letters = Some(entity::named(name.get(..size)?).map(|sign| (sign, at)));
                    }
                    let Some(place) = name.get_mut(size) else { break };
                    *place = byte;
                    (size, at) = (size + 1, next);
                }
                Read::Byte(..) | Read::Char(..) => {
                    let Some(sign) = entity::named(name.get(..size)?) else { break };
                    let end = match read {
                        Read::Byte(b';', next) => next,
                        _ => at,
                    };
                    return Read::of_number(sign.into(), end);
                }
                other => return Some(other),
            }
        }
        letters.flatten().and_then(|(sign, at)| Read::of_number(sign.into(), at))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PLAIN: Way = Way { css: false, equals: Equals::Any };

    #[test]
    fn an_escape_is_read_as_many_times_over_as_asked() {
        for (text, level, sign, rest) in [
            ("+x", 3, b'+', "x"),
            ("%2Bx", 0, b'%', "2Bx"),
            ("%2Bx", 1, b'+', "x"),
            ("%2bx", 3, b'+', "x"),
            ("%252Bx", 1, b'%', "2Bx"),
            ("%252Bx", 2, b'+', "x"),
            ("%25252Bx", 3, b'+', "x"),
            ("%u002bx", 1, b'+', "x"),
            ("\\u002Bx", 1, b'+', "x"),
            ("\\\\u002Bx", 1, b'\\', "u002Bx"),
            ("\\\\u002Bx", 2, b'+', "x"),
            ("\\u{2B}x", 1, b'+', "x"),
            ("\\x2Bx", 1, b'+', "x"),
            ("\\053x", 1, b'+', "x"),
            ("\\/x", 1, b'/', "x"),
            ("\\\\\\/x", 2, b'/', "x"),
            ("=2Bx", 1, b'+', "x"),
            ("&plus;x", 1, b'+', "x"),
            ("&amp;#43;x", 2, b'+', "x"),
            ("&#43;x", 1, b'+', "x"),
            ("&#00043x", 1, b'+', "x"),
            ("&#x2b;x", 1, b'+', "x"),
            ("%26%23x2B%3Bx", 2, b'+', "x"),
            ("&lt.x", 1, b'<', ".x"),
            ("&zzz;", 3, b'&', "zzz;"),
            ("%zz", 3, b'%', "zz"),
            ("\\q", 3, b'\\', "q"),
            ("=z", 3, b'=', "z"),
        ] {
            let wanted = Read::Byte(sign, text.len() - rest.len());
            assert_eq!(read(text.as_bytes(), 0, level, PLAIN), wanted, "{text} {level}");
        }
        for cut in [
            "", "%", "%2", "%u00", "\\", "\\u00", "\\x2", "\\05", "&", "&#", "&#4", "&#x", "&pl", "=2", "=",
            "=\r",
        ] {
            assert_eq!(read(cut.as_bytes(), 0, 1, PLAIN), Read::End, "{cut}");
        }
        assert_eq!(read(b"=\r\nx", 0, 1, PLAIN), Read::Joined(3));
        assert_eq!(read(b"=\nx", 0, 3, PLAIN), Read::Joined(2));
    }
}
