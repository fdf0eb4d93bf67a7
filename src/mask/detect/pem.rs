//! PEM blocks (RFC 7468): from `-----BEGIN` to the matching `-----END`, or the rest of a truncated block.

use crate::mask::detect::OPEN;
use crate::mask::detect::Span;

/// Maximum length of a block in bytes.
pub(in crate::mask) const LONGEST: usize = 64 << 10;

const BEGIN: &[u8] = b"-----BEGIN ";
const END: &[u8] = b"-----END ";
const DASHES: &[u8] = b"-----";

impl Span {
    /// Returns a PEM block that extends to the end of the current piece of text.
    fn open(start: usize, end: usize) -> Self {
        Self { start, end, score: 100, reason: OPEN }
    }
}

/// Returns the block that begins at `at`. `whole`: no more text follows.
pub(super) fn at(text: &[u8], at: usize, whole: bool) -> Option<Span> {
    let rest = text.get(at..)?;
    let cut = if whole { None } else { Some(Span::open(at, text.len())) };
    let Some(label) = label_len(rest.get(BEGIN.len()..)?) else {
        // The first line may not have arrived completely.
        return cut.filter(|_| rest.len() < BEGIN.len() + 80 && !rest.contains(&b'\n'));
    };
    let mut place = BEGIN.len() + label;
    let mut last_line = None;
    loop {
        place += gap_len(rest.get(place..)?);
        let token = rest.get(place..)?;
        if token.is_empty() {
            return cut.or_else(|| broken(at, last_line));
        }
        if let Some(tail) = token.strip_prefix(END) {
            let Some(label) = label_len(tail) else { return cut.or_else(|| broken(at, last_line)) };
            let end = at + place + END.len() + label;
            return Some(Span { start: at, end, score: 100, reason: "begin and end lines hold" });
        }
        if END.starts_with(token) {
            return cut.or_else(|| broken(at, last_line));
        }
        let size = token.iter().take_while(|byte| in_block(**byte)).count();
        // Another block begins: each is read only to the next one, however many there are.
        let begins = token.get(..size + 1).is_some_and(|token| token.ends_with(BEGIN));
        if size == 0 || begins || token.starts_with(DASHES) {
            return broken(at, last_line);
        }
        place += size;
        if !whole && place > LONGEST {
            return cut;
        }
        if size >= 32 {
            last_line = Some(at + place);
        }
    }
}

/// Returns a block without its end: up to the last line that is long enough to be data.
fn broken(start: usize, last_line: Option<usize>) -> Option<Span> {
    last_line.map(|end| Span { start, end, score: 90, reason: "a begin line with data behind it" })
}

/// Returns the length of a label and its closing dashes.
fn label_len(rest: &[u8]) -> Option<usize> {
    let size = rest
        .iter()
        .take(65)
        .take_while(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit() || **byte == b' ')
        .count();
    rest.get(size..)?.starts_with(DASHES).then_some(size + DASHES.len())
}

/// Characters of data and of the headers of old formats (`Proc-Type: 4,ENCRYPTED`).
fn in_block(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/' | b'=' | b':' | b',' | b'.' | b'-')
}

/// Returns the length of white space, including line ends that are themselves escaped, once or more.
fn gap_len(rest: &[u8]) -> usize {
    let mut size = 0;
    loop {
        let slashes = rest.iter().skip(size).take_while(|byte| **byte == b'\\').count();
        match rest.get(size + slashes) {
            Some(b'n' | b'r' | b't') if slashes > 0 => size += slashes + 1,
            Some(b' ' | b'\n' | b'\r' | b'\t' | b'>' | b'|' | b'"' | b'\'') => size += slashes + 1,
            _ => return size,
        }
    }
}
