//! Mask operators: the replacement of a value.

use aws_lc_rs::hmac;

use crate::domain::MaskOp;

/// The text of `redact`, and the replacement of an object under a masked name if the operator has no text of
/// its own.
pub const REDACTED: &[u8] = crate::domain::mask::REDACTED.as_bytes();

/// Appends the masked text of a value.
///
/// `keep_first` and `keep_last` count letters and digits; all others become `*`, and other ASCII characters
/// are kept. If a value has fewer than twice as many letters and digits, none is kept: a four-digit number
/// reveals nothing.
pub(super) fn write_masked(op: &MaskOp, key: &hmac::Key, value: &[u8], out: &mut Vec<u8>) {
    match op {
        MaskOp::Hash => write_hash(key, value, out),
        MaskOp::KeepFirst { n } => write_kept(value, usize::from(*n), 0, out),
        MaskOp::KeepLast { n } => write_kept(value, 0, usize::from(*n), out),
        MaskOp::Null => {}
        MaskOp::Redact => out.extend_from_slice(REDACTED),
        MaskOp::Replace { with } => out.extend_from_slice(with.as_bytes()),
    }
}

fn write_hash(key: &hmac::Key, value: &[u8], out: &mut Vec<u8>) {
    let tag = hmac::sign(key, value);
    for byte in tag.as_ref().iter().take(8) {
        for digit in [byte >> 4, byte & 15] {
            out.push(if digit < 10 { b'0' + digit } else { b'a' + digit - 10 });
        }
    }
}

fn write_kept(value: &[u8], first: usize, last: usize, out: &mut Vec<u8>) {
    if value.is_ascii() {
        write_kept_bytes(value, first, last, out);
    } else {
        write_kept_chars(value, first, last, out);
    }
}

fn write_kept_chars(value: &[u8], first: usize, last: usize, out: &mut Vec<u8>) {
    let text = String::from_utf8_lossy(value);
    let counts = |c: char| c.is_alphanumeric() || !c.is_ascii();
    let all = text.chars().filter(|&c| counts(c)).count();
    let (first, last) = if all < 2 * (first + last) { (0, 0) } else { (first, last) };
    let mut seen = 0;
    for c in text.chars() {
        let counted = counts(c);
        if counted && seen >= first && seen < all - last {
            out.push(b'*');
        } else {
            out.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes());
        }
        seen += usize::from(counted);
    }
}

/// Does the same for ASCII text: all are hidden, eight at a time, and then the kept ones are restored.
fn write_kept_bytes(value: &[u8], first: usize, last: usize, out: &mut Vec<u8>) {
    let start = out.len();
    out.extend_from_slice(value);
    let written = out.get_mut(start..).unwrap_or_default();
    let mut all = 0;
    let (words, rest) = written.as_chunks_mut();
    for bytes in words {
        let word = u64::from_le_bytes(*bytes);
        let marks = marks(word);
        all += (marks.wrapping_mul(each(1)) >> 56) as usize;
        let stars = marks * 0xff;
        *bytes = (word & !stars | each(b'*') & stars).to_le_bytes();
    }
    for byte in rest.iter_mut().filter(|byte| byte.is_ascii_alphanumeric()) {
        all += 1;
        *byte = b'*';
    }
    if all < 2 * (first + last) {
        return;
    }
    let counted = |(_, byte): &(&mut u8, &u8)| byte.is_ascii_alphanumeric();
    written.iter_mut().zip(value).filter(counted).take(first).for_each(|(to, byte)| *to = *byte);
    written.iter_mut().zip(value).rev().filter(counted).take(last).for_each(|(to, byte)| *to = *byte);
}

/// Returns a word with this value in each byte.
const fn each(byte: u8) -> u64 {
    u64::from_ne_bytes([byte; 8])
}

/// Returns the lowest bit of each ASCII byte that is a letter or digit.
#[inline]
fn marks(word: u64) -> u64 {
    // The highest bit of each byte that is `byte` or above. None is above 0x7f, so no sum carries into the
    // next one.
    let from = |word: u64, byte: u8| word + each(0x80 - byte);
    let folded = word | each(0x20);
    let digits = from(word, b'0') & !from(word, b'9' + 1);
    let letters = from(folded, b'a') & !from(folded, b'z' + 1);
    (digits | letters) >> 7 & each(1)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn bytes_are_kept_as_characters_are(value in "[ -~\\n\\x00]{0,24}", first in 0usize..7, last in 0usize..5) {
            let (mut bytes, mut chars) = (Vec::new(), Vec::new());
            write_kept_bytes(value.as_bytes(), first, last, &mut bytes);
            write_kept_chars(value.as_bytes(), first, last, &mut chars);
            prop_assert_eq!(bytes, chars);
        }
    }

    fn masked(op: &MaskOp, value: &str) -> String {
        let key = hmac::Key::new(hmac::HMAC_SHA256, &[7; 32]);
        let mut out = Vec::new();
        write_masked(op, &key, value.as_bytes(), &mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn each_operator_writes_its_own() {
        let last = MaskOp::KeepLast { n: 4 };
        for (op, value, wanted) in [
            (&MaskOp::Redact, "x", "[REDACTED]"),
            (&MaskOp::Null, "x", ""),
            (&MaskOp::Replace { with: "<SSN>".into() }, "x", "<SSN>"),
            (&last, "123-45-6789", "***-**-6789"),
            (&last, "4111 1111 1111 1234", "**** **** **** 1234"),
            (&last, "1234", "****"),
            (&last, "1234567", "*******"),
            (&last, "12345678", "****5678"),
            (&last, "", ""),
            (&last, "日本語日本語日本語", "*****語日本語"),
            (&MaskOp::KeepFirst { n: 2 }, "secret!", "se****!"),
            (&MaskOp::KeepFirst { n: 0 }, "secret", "******"),
        ] {
            assert_eq!(masked(op, value), wanted, "{op:?} {value}");
        }
    }

    #[test]
    fn a_hash_is_stable_and_keyed() {
        let one = masked(&MaskOp::Hash, "123-45-6789");
        assert_eq!(one.len(), 16);
        assert!(one.bytes().all(|byte| byte.is_ascii_hexdigit()));
        assert_eq!(one, masked(&MaskOp::Hash, "123-45-6789"));
        assert_ne!(one, masked(&MaskOp::Hash, "123-45-6780"));
        let other = hmac::Key::new(hmac::HMAC_SHA256, &[8; 32]);
        let mut out = Vec::new();
        write_masked(&MaskOp::Hash, &other, b"123-45-6789", &mut out);
        assert_ne!(one.as_bytes(), out);
    }
}
