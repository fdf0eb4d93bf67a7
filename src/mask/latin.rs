//! Conversion between Windows-1252 and UTF-8 (WHATWG Encoding, section 9.1). Each byte is a character of its
//! own, so unmasked text round-trips byte for byte.

use crate::mask::masker::Unmaskable;

/// The characters of bytes 0x80 to 0x9f; all other bytes are the character of their number.
const HIGH: [char; 32] = [
    '€', '\u{81}', '‚', 'ƒ', '„', '…', '†', '‡', 'ˆ', '‰', 'Š', '‹', 'Œ', '\u{8d}', 'Ž', '\u{8f}', '\u{90}',
    '‘', '’', '“', '”', '•', '–', '—', '˜', '™', 'š', '›', 'œ', '\u{9d}', 'ž', 'Ÿ',
];

/// Byte order marks by which readers detect Unicode, whatever the declared encoding.
const MARKS: [&[u8]; 3] = [b"\xef\xbb\xbf", b"\xfe\xff", b"\xff\xfe"];

/// Number of consecutive non-ASCII bytes that reveal the encoding.
const LONGEST_RUN: usize = 64;

/// One body being converted for the UTF-8 readers and back.
#[derive(Debug, Default)]
pub(super) struct Latin {
    /// The first bytes of the body.
    begun: Vec<u8>,
    /// Its first non-ASCII bytes, and whether all of them were seen.
    high: Vec<u8>,
    judged: bool,
    text: Vec<u8>,
    /// Masked text that is not encoded yet: its last character may be incomplete.
    masked: Vec<u8>,
}

impl Latin {
    /// Converts the next piece to text.
    pub(super) fn decode(&mut self, input: &[u8]) -> Result<&[u8], Unmaskable> {
        let missing = 3usize.saturating_sub(self.begun.len()).min(input.len());
        self.begun.extend_from_slice(input.get(..missing).unwrap_or_default());
        if MARKS.iter().any(|mark| self.begun.starts_with(mark)) {
            return Err(Unmaskable::malformed("text in Unicode that is said to be in Windows-1252"));
        }
        if !self.judged && self.is_utf8(input) {
            return Err(Unmaskable::malformed("text in UTF-8 that is said to be in Windows-1252"));
        }
        self.text.clear();
        for &byte in input {
            if byte.is_ascii() {
                self.text.push(byte);
            } else {
                let sign = HIGH.get(usize::from(byte - 0x80)).copied().unwrap_or(char::from(byte));
                self.text.extend_from_slice(sign.encode_utf8(&mut [0; 4]).as_bytes());
            }
        }
        Ok(&self.text)
    }

    /// Returns whether the first run of non-ASCII bytes is valid UTF-8: Windows-1252 text hardly ever is, and
    /// names would be different.
    fn is_utf8(&mut self, input: &[u8]) -> bool {
        let skipped =
            if self.high.is_empty() { input.iter().take_while(|byte| byte.is_ascii()).count() } else { 0 };
        let rest = input.get(skipped..).unwrap_or_default();
        let size = rest.iter().take_while(|byte| !byte.is_ascii()).count();
        let room = LONGEST_RUN - self.high.len();
        self.high.extend(rest.iter().take(size.min(room)));
        self.judged = size < rest.len() || size >= room;
        let is_valid = match std::str::from_utf8(&self.high) {
            Ok(_) => true,
            Err(error) => self.high.len() == LONGEST_RUN && error.error_len().is_none(),
        };
        self.judged && !self.high.is_empty() && is_valid
    }

    /// Masks a piece with `mask`, and appends it to `out` in the body's encoding. Nothing is appended if that
    /// fails.
    pub(super) fn between(
        &mut self,
        out: &mut Vec<u8>,
        mask: impl FnOnce(&mut Self, &mut Vec<u8>) -> Result<(), Unmaskable>,
    ) -> Result<(), Unmaskable> {
        let mut masked = std::mem::take(&mut self.masked);
        mask(self, &mut masked)?;
        let done = encode(&masked, out);
        masked.drain(..done);
        self.masked = masked;
        Ok(())
    }
}

/// Appends a text; returns how much of it was used, without an incomplete character. Characters that
/// Windows-1252 lacks become `?`.
fn encode(text: &[u8], out: &mut Vec<u8>) -> usize {
    let mut done = 0;
    for chunk in text.utf8_chunks() {
        for sign in chunk.valid().chars() {
            let high = || HIGH.iter().zip(0x80..).find(|(known, _)| **known == sign).map(|(_, byte)| byte);
            let low = u8::try_from(sign).ok().filter(|byte| !(0x80..0xa0).contains(byte));
            out.push(low.or_else(high).unwrap_or(b'?'));
        }
        done += chunk.valid().len();
        let invalid = chunk.invalid();
        let is_cut = done + invalid.len() == text.len()
            && std::str::from_utf8(invalid).is_err_and(|error| error.error_len().is_none());
        if is_cut {
            break;
        }
        if !invalid.is_empty() {
            out.push(b'?');
            done += invalid.len();
        }
    }
    done
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use proptest::prelude::*;

    use crate::domain::Entity;
    use crate::domain::MaskOp;
    use crate::mask::Format;
    use crate::mask::Masker;
    use crate::mask::Plan;
    use crate::mask::tests::plan;
    use crate::mask::tests::rule;

    fn run(plan: Plan, format: Format, pieces: impl IntoIterator<Item = Vec<u8>>) -> Option<Vec<u8>> {
        let (mut masker, mut out) = (Masker::new(Arc::new(plan), format), Vec::new());
        pieces.into_iter().try_for_each(|piece| masker.push(&piece, &mut out)).ok()?;
        masker.finish(&mut out).ok()?;
        Some(out)
    }

    #[test]
    fn text_in_windows_1252_is_masked_and_all_else_stays_byte_for_byte() {
        let with = MaskOp::Replace { with: "\u{2026}\u{444}".into() };
        for (op, text, wanted) in [
            (
                MaskOp::Redact,
                &b"caf\xe9 \x80 pr\xe9nom: J\xf6rg \x85\nx\xff\n"[..],
                &b"caf\xe9 \x80 pr\xe9nom: [REDACTED] \x85\nx\xff\n"[..],
            ),
            (MaskOp::KeepLast { n: 3 }, b"PR\xc9NOM=\xd6l\xd6l\xd6l\x9cr\xfc", b"PR\xc9NOM=******\x9cr\xfc"),
            (with, b"pr\xe9nom: x\n\x81 to kim@b.com", b"pr\xe9nom: \x85?\n\x81 to \x85?"),
        ] {
            let plan = || plan(&[rule(&["pr\u{e9}nom"], &[Entity::EmailAddress], op.clone())]);
            assert_eq!(run(plan(), Format::LatinText, [text.to_vec()]).as_deref(), Some(wanted));
            let bytes = text.iter().map(|byte| vec![*byte]);
            assert_eq!(run(plan(), Format::LatinText, bytes).as_deref(), Some(wanted), "byte by byte");
        }
        let plan = || plan(&[rule(&["pr\u{e9}nom"], &[], MaskOp::Redact)]);
        let table = b"a;pr\xe9nom\n\xfc;J\xf6rg\n".to_vec();
        let masked = run(plan(), Format::LatinCsv, [table]);
        assert_eq!(masked.as_deref(), Some(&b"a;pr\xe9nom\n\xfc;[REDACTED]\n"[..]));
        for mark in [
            &b"\xef\xbb\xbfa\n"[..],
            b"\xfe\xff\xe9\n",
            b"\xff\xfe\xe9\n",
            b"<meta charset=utf-7>",
            b"a\0b",
            b"pr\xc3\xa9nom: J\n",
        ] {
            assert_eq!(run(plan(), Format::LatinText, [mark.to_vec()]), None, "{mark:?}");
            assert_eq!(run(plan(), Format::LatinText, mark.iter().map(|byte| vec![*byte])), None, "{mark:?}");
        }
    }

    proptest! {
        #[test]
        fn bytes_of_which_none_are_masked_come_back_as_they_are(bytes in prop::collection::vec(1u8..=0xff, 0..400), size in 1usize..50) {
            prop_assume!(!super::MARKS.iter().any(|mark| bytes.starts_with(mark)));
            let high: Vec<u8> =
                bytes.iter().copied().skip_while(u8::is_ascii).take_while(|byte| !byte.is_ascii()).collect();
            prop_assume!(high.is_empty() || std::str::from_utf8(&high).is_err());
            let plan = plan(&[rule(&["nobody"], &[], MaskOp::Redact)]);
            let pieces: Vec<Vec<u8>> = bytes.chunks(size).map(<[u8]>::to_vec).collect();
            prop_assert_eq!(run(plan, Format::LatinText, pieces), Some(bytes));
        }
    }
}
