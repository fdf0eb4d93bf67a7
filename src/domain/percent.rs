//! Percent encoding (RFC 3986, section 2.1), also as used in forms; decoding is unambiguous.

use std::borrow::Cow;
use std::fmt;

use crate::domain::hex;

/// Decodes each `%XX` once. `None`: a `%` without two hex digits.
pub fn decode(text: &[u8]) -> Option<Cow<'_, [u8]>> {
    if memchr::memchr(b'%', text).is_none() {
        return Some(Cow::Borrowed(text));
    }
    let digit = |byte: Option<&u8>| hex::digit(*byte?);
    let mut out = Vec::with_capacity(text.len());
    let mut bytes = text.iter();
    while let Some(byte) = bytes.next() {
        out.push(match byte {
            b'%' => digit(bytes.next())? << 4 | digit(bytes.next())?,
            _ => *byte,
        });
    }
    Some(Cow::Owned(out))
}

/// Decodes a text. `None`: a `%` without two hex digits, or invalid UTF-8.
pub fn decode_text(text: &str) -> Option<String> {
    String::from_utf8(decode(text.as_bytes())?.into_owned()).ok()
}

/// Decodes a name or a value of a form, where `+` stands for a space. `None`: a `%` without two hex digits,
/// or invalid UTF-8.
pub fn decode_form(text: &[u8]) -> Option<String> {
    let spaced: Vec<u8> = text.iter().map(|&byte| if byte == b'+' { b' ' } else { byte }).collect();
    String::from_utf8(decode(&spaced)?.into_owned()).ok()
}

/// Decodes an invalid text as lenient readers do: a `%` without two hex digits stands for itself, and invalid
/// UTF-8 becomes U+FFFD.
pub fn decode_form_lossy(text: &[u8]) -> String {
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some((byte, behind)) = rest.split_first() {
        let escaped = match behind {
            [high, low, after @ ..] if *byte == b'%' => {
                hex::digit(*high).zip(hex::digit(*low)).map(|(high, low)| (high << 4 | low, after))
            }
            _ => None,
        };
        let (byte, after) = escaped.unwrap_or((if *byte == b'+' { b' ' } else { *byte }, behind));
        out.push(byte);
        rest = after;
    }
    String::from_utf8_lossy(&out).into_owned()
}

/// Encodes bytes as a part of a URL: everything but letters, digits, `-._~` and the bytes in `kept` becomes
/// `%XX`.
///
/// # Errors
/// Fails if `out` does; a [`String`] never does.
pub fn encode(bytes: &[u8], kept: &[u8], out: &mut impl fmt::Write) -> fmt::Result {
    bytes.iter().try_for_each(|byte| match byte {
        b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => {
            out.write_char(char::from(*byte))
        }
        own if kept.contains(own) => out.write_char(char::from(*own)),
        other => write!(out, "%{other:02X}"),
    })
}

/// Encodes one path segment or query value completely.
pub fn encoded(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    // Writing to a String cannot fail.
    encode(text.as_bytes(), b"", &mut out).unwrap_or_default();
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_escape_is_decoded_once_and_half_a_one_is_none() {
        for (text, wanted) in [
            ("", Some("")),
            ("a+b", Some("a+b")),
            ("%41%c3%A9", Some("Aé")),
            ("%2541", Some("%41")),
            ("%", None),
            ("%4", None),
            ("%4g", None),
            ("%+1", None),
            ("%\u{e9}1", None),
            ("%ff", None),
        ] {
            assert_eq!(decode_text(text).as_deref(), wanted, "{text}");
        }
        assert_eq!(decode(b"%ff").as_deref(), Some(&b"\xff"[..]));
        assert_eq!(decode_form(b"a+b%2B%20").as_deref(), Some("a b+ "));
        assert_eq!(decode_form(b"%ff"), None);
        for (text, wanted) in
            [("a+b%2B%41", "a b+A"), ("%61%ff%", "a\u{fffd}%"), ("%4g%4%", "%4g%4%"), ("%%41", "%A")]
        {
            assert_eq!(decode_form_lossy(text.as_bytes()), wanted, "{text}");
        }
    }

    #[test]
    fn what_is_encoded_decodes_to_itself() {
        let all: String = (0..=0x17f).filter_map(char::from_u32).collect();
        let text = encoded(&all);
        assert!(text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._~%".contains(&byte)), "{text}");
        assert_eq!(decode_text(&text), Some(all));
        let mut kept = String::new();
        encode(b"/a b:", b"/", &mut kept).unwrap();
        assert_eq!(kept, "/a%20b%3A");
    }
}
