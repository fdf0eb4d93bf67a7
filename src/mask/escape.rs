//! One character of a text in any of the ways that serializers escape it, also escaped twice or three times over.

use crate::domain::hex;

/// How many times over an escape is read.
pub(super) const DEEPEST: u8 = 3;

/// No escape of one character is longer than this, as it stands.
const LONGEST: usize = 96;

/// What stands at a place of a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Read {
    /// A byte, and where the next one stands.
    Byte(u8, usize),
    /// Nothing: a line that is joined to the next one, and where that goes on.
    Joined(usize),
    /// The text ends here, or before the escape does.
    End,
}

/// Whether an escape may begin with the byte.
pub(super) fn begins(byte: u8) -> bool {
    matches!(byte, b'%' | b'\\' | b'&' | b'=')
}

/// What stands at `at`, with escapes resolved `level` times over. What is no escape stands for itself.
pub(super) fn read(text: &[u8], at: usize, level: u8) -> Read {
    let Some(&byte) = text.get(at) else { return Read::End };
    if level == 0 || !begins(byte) {
        return Read::Byte(byte, at + 1);
    }
    let start = read(text, at, level - 1);
    let Read::Byte(byte, next) = start else { return start };
    let escape = Escape { text, level: level - 1, limit: at + LONGEST };
    let resolved = match byte {
        b'%' => escape.percent(next),
        b'\\' => escape.backslash(next),
        b'&' => escape.entity(next),
        b'=' => escape.quoted_printable(next),
        _ => None,
    };
    resolved.unwrap_or(start)
}

/// What follows the beginning of an escape, itself read as many times over as there are levels below.
struct Escape<'a> {
    text: &'a [u8],
    level: u8,
    limit: usize,
}

impl Escape<'_> {
    fn next(&self, at: usize) -> Read {
        if at >= self.limit { Read::Byte(0, at) } else { read(self.text, at, self.level) }
    }

    /// As many digits as are needed: `Ok(None)` if there are others.
    fn digits(&self, at: usize, count: usize) -> Result<Option<(u32, usize)>, Read> {
        let (mut value, mut at) = (0, at);
        for _ in 0..count {
            match self.next(at) {
                Read::Byte(byte, next) => {
                    let Some(digit) = hex::digit(byte) else { return Ok(None) };
                    (value, at) = (value << 4 | u32::from(digit), next);
                }
                other => return Err(other),
            }
        }
        Ok(Some((value, at)))
    }

    fn hex(&self, at: usize, count: usize) -> Option<Read> {
        match self.digits(at, count) {
            Ok(digits) => digits.and_then(|(value, next)| Some(Read::Byte(u8::try_from(value).ok()?, next))),
            Err(other) => Some(other),
        }
    }

    /// `%2B`, and `%u002B`.
    fn percent(&self, at: usize) -> Option<Read> {
        match self.next(at) {
            Read::Byte(b'u' | b'U', next) => self.hex(next, 4),
            _ => self.hex(at, 2),
        }
    }

    /// `=2B`, and the end of a line that goes on.
    fn quoted_printable(&self, at: usize) -> Option<Read> {
        match self.next(at) {
            Read::Byte(b'\n', next) => Some(Read::Joined(next)),
            Read::Byte(b'\r', next) => match self.next(next) {
                Read::Byte(b'\n', next) => Some(Read::Joined(next)),
                Read::End => Some(Read::End),
                _ => None,
            },
            _ => self.hex(at, 2),
        }
    }

    /// `\u002B`, `\u{2B}`, `\x2B`, `\053`, `\n` and the like, and any sign behind a backslash.
    fn backslash(&self, at: usize) -> Option<Read> {
        let Read::Byte(byte, next) = self.next(at) else { return Some(self.next(at)) };
        let plain = |byte| Some(Read::Byte(byte, next));
        match byte {
            b'u' => match self.next(next) {
                Read::Byte(b'{', next) => self.number(next, 16, b'}'),
                _ => self.hex(next, 4),
            },
            b'x' => self.hex(next, 2),
            b'0'..=b'3' => {
                let (mut value, mut end) = (u32::from(byte - b'0'), next);
                for _ in 0..2 {
                    match self.next(end) {
                        Read::Byte(digit @ b'0'..=b'7', next) => {
                            (value, end) = (value << 3 | u32::from(digit - b'0'), next);
                        }
                        Read::End => return Some(Read::End),
                        _ => return None,
                    }
                }
                Some(Read::Byte(u8::try_from(value).ok()?, end))
            }
            b'n' => plain(b'\n'),
            b'r' => plain(b'\r'),
            b't' => plain(b'\t'),
            b'b' => plain(8),
            b'f' => plain(12),
            byte if byte.is_ascii_punctuation() => plain(byte),
            _ => None,
        }
    }

    /// `&plus;`, `&#43;`, `&#x2b;`; the semicolon may be missing, as HTML allows it.
    fn entity(&self, at: usize) -> Option<Read> {
        match self.next(at) {
            Read::Byte(b'#', next) => match self.next(next) {
                Read::Byte(b'x' | b'X', next) => self.number(next, 16, b';'),
                Read::End => Some(Read::End),
                _ => self.number(next, 10, b';'),
            },
            Read::End => Some(Read::End),
            _ => self.named(at),
        }
    }

    /// A number of up to eight digits, and the sign that ends it.
    fn number(&self, at: usize, base: u32, end: u8) -> Option<Read> {
        let (mut value, mut at, mut count) = (0u32, at, 0);
        loop {
            match self.next(at) {
                Read::Byte(byte, next) => {
                    let Some(digit) = char::from(byte).to_digit(base).filter(|_| count < 8) else {
                        let found = u8::try_from(value).ok().filter(|_| count > 0)?;
                        return Some(Read::Byte(found, if byte == end { next } else { at }));
                    };
                    (value, at, count) = (value.saturating_mul(base).saturating_add(digit), next, count + 1);
                }
                other => return Some(other),
            }
        }
    }

    fn named(&self, at: usize) -> Option<Read> {
        let (mut name, mut size, mut at) = ([0u8; LONGEST_NAME], 0, at);
        loop {
            match self.next(at) {
                Read::Byte(byte, next) if byte.is_ascii_alphabetic() => {
                    *name.get_mut(size)? = byte;
                    (size, at) = (size + 1, next);
                }
                Read::Byte(byte, next) => {
                    let found = entity_named(name.get(..size)?)?;
                    return Some(Read::Byte(found, if byte == b';' { next } else { at }));
                }
                other => return Some(other),
            }
        }
    }
}

/// How long the longest of the names below is.
const LONGEST_NAME: usize = 10;

/// The names that HTML has for signs of ASCII, sorted.
const NAMES: [(&str, u8); 43] = [
    ("AMP", b'&'),
    ("GT", b'>'),
    ("Hat", b'^'),
    ("LT", b'<'),
    ("NewLine", b'\n'),
    ("QUOT", b'"'),
    ("Tab", b'\t'),
    ("UnderBar", b'_'),
    ("amp", b'&'),
    ("apos", b'\''),
    ("ast", b'*'),
    ("bsol", b'\\'),
    ("colon", b':'),
    ("comma", b','),
    ("commat", b'@'),
    ("dollar", b'$'),
    ("equals", b'='),
    ("excl", b'!'),
    ("grave", b'`'),
    ("gt", b'>'),
    ("lbrace", b'{'),
    ("lbrack", b'['),
    ("lcub", b'{'),
    ("lowbar", b'_'),
    ("lpar", b'('),
    ("lsqb", b'['),
    ("lt", b'<'),
    ("midast", b'*'),
    ("num", b'#'),
    ("percnt", b'%'),
    ("period", b'.'),
    ("plus", b'+'),
    ("quest", b'?'),
    ("quot", b'"'),
    ("rbrace", b'}'),
    ("rbrack", b']'),
    ("rcub", b'}'),
    ("rpar", b')'),
    ("rsqb", b']'),
    ("semi", b';'),
    ("sol", b'/'),
    ("verbar", b'|'),
    ("vert", b'|'),
];

/// The sign that an entity of HTML stands for.
pub(super) fn entity_named(name: &[u8]) -> Option<u8> {
    let found = NAMES.binary_search_by(|(known, _)| known.as_bytes().cmp(name)).ok()?;
    NAMES.get(found).map(|(_, sign)| *sign)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_names_are_sorted() {
        assert!(NAMES.is_sorted() && NAMES.iter().all(|(name, _)| name.len() <= LONGEST_NAME));
    }

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
            assert_eq!(read(text.as_bytes(), 0, level), wanted, "{text} {level}");
        }
        for cut in [
            "", "%", "%2", "%u00", "\\", "\\u00", "\\x2", "\\05", "&", "&#", "&#4", "&#x", "&pl", "=2", "=",
            "=\r",
        ] {
            assert_eq!(read(cut.as_bytes(), 0, 1), Read::End, "{cut}");
        }
        assert_eq!(read(b"=\r\nx", 0, 1), Read::Joined(3));
        assert_eq!(read(b"=\nx", 0, 3), Read::Joined(2));
    }
}
