//! The small parts of JSON: numbers, words, and string escapes.

use crate::domain::hex;
use crate::mask::bits;
use crate::mask::view::View;

/// Maximum length of a number in bytes.
pub(super) const LONGEST_NUMBER: usize = 4096;

/// Maximum number of digits of an integer that is examined.
const MOST_DIGITS: usize = 19;

/// Returns whether the token is a number, `true`, `false` or `null`.
pub(in crate::mask) fn is_scalar(token: &[u8]) -> bool {
    matches!(token, b"true" | b"false" | b"null") || number(token) == Some(token.len())
}

/// Returns the size of the number or word at the beginning of a text, if it is one and its terminator is
/// present.
#[inline]
pub(super) fn scalar(text: &[u8]) -> Option<usize> {
    let size = match text.first()? {
        b't' if text.starts_with(b"true") => 4,
        b'f' if text.starts_with(b"false") => 5,
        b'n' if text.starts_with(b"null") => 4,
        _ => number(text)?,
    };
    let ends = matches!(text.get(size)?, b',' | b'}' | b']' | b' ' | b'\n' | b'\r' | b'\t');
    (ends && size <= LONGEST_NUMBER).then_some(size)
}

/// Returns the size of the number at the beginning of a text.
#[inline]
fn number(text: &[u8]) -> Option<usize> {
    let whole = usize::from(text.first() == Some(&b'-'));
    let mut end = digits(text, whole)?;
    if end > whole + 1 && text.get(whole) == Some(&b'0') {
        return None;
    }
    if text.get(end) == Some(&b'.') {
        end = digits(text, end + 1)?;
    }
    if let Some(b'e' | b'E') = text.get(end) {
        let sign = usize::from(matches!(text.get(end + 1), Some(b'+' | b'-')));
        end = digits(text, end + 1 + sign)?;
    }
    Some(end)
}

/// Returns the end of the digits that begin at `at`, if there are any.
#[inline]
fn digits(text: &[u8], at: usize) -> Option<usize> {
    let mut end = at;
    while text.get(end).is_some_and(u8::is_ascii_digit) {
        end += 1;
    }
    (end > at).then_some(end)
}

/// Writes the digits of a number that is an integer in any notation (`4.111E15`, `4111.0`), for detectors.
/// `false` if it is not, or too long to be anything.
pub(in crate::mask) fn whole_number(token: &[u8], out: &mut Vec<u8>) -> bool {
    out.clear();
    let token = token.strip_prefix(b"-").unwrap_or(token);
    let mantissa = token.iter().position(|byte| matches!(byte, b'e' | b'E')).unwrap_or(token.len());
    let exponent = token.get(mantissa + 1..).unwrap_or_default();
    let exponent: i32 = match std::str::from_utf8(exponent).map(str::parse) {
        Ok(Ok(exponent)) => exponent,
        _ if exponent.is_empty() => 0,
        _ => return false,
    };
    let mut point = None;
    for &byte in token.get(..mantissa).unwrap_or_default() {
        if byte == b'.' {
            point = Some(out.len());
        } else if out.len() < 2 * MOST_DIGITS {
            out.push(byte);
        } else {
            return false;
        }
    }
    let point = i64::try_from(point.unwrap_or(out.len())).unwrap_or(0) + i64::from(exponent);
    let Ok(point) = usize::try_from(point) else { return false };
    if point > MOST_DIGITS || out.iter().skip(point).any(|digit| *digit != b'0') {
        return false;
    }
    out.resize(point, b'0');
    true
}

/// Resolves the escapes of a string, given without its quotes. `None`: an invalid escape. A lone surrogate
/// becomes U+FFFD; `lone` is set if there was one.
pub(in crate::mask) fn unescape(raw: &[u8], view: &mut View, lone: &mut bool) -> Option<()> {
    view.clear();
    let mut at = 0;
    while let Some(found) = memchr::memchr(b'\\', raw.get(at..)?) {
        let slash = at + found;
        view.plain(raw.get(at..slash)?);
        let (means, size) = escape(raw.get(slash..)?)?;
        *lone |= means.is_none();
        let c = means.unwrap_or(char::REPLACEMENT_CHARACTER);
        view.escape(c.encode_utf8(&mut [0; 4]).as_bytes(), slash, size);
        at = slash + size;
    }
    view.plain(raw.get(at..)?);
    Some(())
}

/// Returns the meaning of one escape (`None`: a lone surrogate), and its length.
fn escape(rest: &[u8]) -> Option<(Option<char>, usize)> {
    let simple = match rest.get(1)? {
        b'"' => '"',
        b'\\' => '\\',
        b'/' => '/',
        b'b' => '\u{8}',
        b'f' => '\u{c}',
        b'n' => '\n',
        b'r' => '\r',
        b't' => '\t',
        b'u' => {
            let first = hex4(rest.get(2..6)?)?;
            if !(0xd800..0xdc00).contains(&first) {
                return Some((char::from_u32(first), 6));
            }
            let second = rest.get(6..12).and_then(|next| next.strip_prefix(b"\\u")).and_then(hex4);
            return Some(match second {
                Some(second @ 0xdc00..0xe000) => {
                    (char::from_u32(0x10000 + ((first - 0xd800) << 10) + (second - 0xdc00)), 12)
                }
                _ => (None, 6),
            });
        }
        _ => return None,
    };
    Some((Some(simple), 2))
}

fn hex4(digits: &[u8]) -> Option<u32> {
    digits.iter().try_fold(0, |value, digit| Some(value << 4 | u32::from(hex::digit(*digit)?)))
}

/// Appends text as the content of a JSON string. Invalid UTF-8 becomes U+FFFD.
pub(in crate::mask) fn write_escaped(text: &[u8], out: &mut Vec<u8>) {
    if text.is_ascii() || std::str::from_utf8(text).is_ok() {
        escape_stops(text, out);
        return;
    }
    for chunk in text.utf8_chunks() {
        escape_stops(chunk.valid().as_bytes(), out);
        if !chunk.invalid().is_empty() {
            out.extend_from_slice("\u{fffd}".as_bytes());
        }
    }
}

/// Appends UTF-8, escaping what a JSON string must not contain.
fn escape_stops(text: &[u8], out: &mut Vec<u8>) {
    let mut at = 0;
    while let Some(stop) = bits::string_stop(text, at) {
        out.extend_from_slice(text.get(at..stop).unwrap_or_default());
        match text.get(stop).copied().unwrap_or_default() {
            byte @ (b'"' | b'\\') => out.extend_from_slice(&[b'\\', byte]),
            b'\n' => out.extend_from_slice(b"\\n"),
            b'\r' => out.extend_from_slice(b"\\r"),
            b'\t' => out.extend_from_slice(b"\\t"),
            byte => out.extend_from_slice(format!("\\u{byte:04x}").as_bytes()),
        }
        at = stop + 1;
    }
    out.extend_from_slice(text.get(at..).unwrap_or_default());
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn what_is_escaped_reads_as_it_was(bytes in prop::collection::vec(prop_oneof![4 => 0u8..0x80, 1 => any::<u8>()], 0..60)) {
            let mut out = vec![b'"'];
            write_escaped(&bytes, &mut out);
            out.push(b'"');
            let read: String = serde_json::from_slice(&out).unwrap();
            prop_assert_eq!(read, String::from_utf8_lossy(&bytes));
        }

        #[test]
        fn what_is_text_reads_as_it_was(text in any::<String>()) {
            let mut out = vec![b'"'];
            write_escaped(text.as_bytes(), &mut out);
            out.push(b'"');
            prop_assert_eq!(serde_json::from_slice::<String>(&out).unwrap(), text);
        }
    }
}
