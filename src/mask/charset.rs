//! Checks the encoding of a text: it must be UTF-8, and must not declare another one.

use crate::mask::masker::Unmaskable;

/// How many bytes at the beginning of a body may declare its encoding.
const SAYS: usize = 4 << 10;

/// Encodings in which ASCII bytes have the same meaning as in UTF-8.
const PLAIN: [&str; 11] = [
    "ascii",
    "iso-8859-1",
    "iso-8859-15",
    "iso8859-1",
    "latin-1",
    "latin1",
    "us-ascii",
    "utf-8",
    "utf8",
    "windows-1252",
    "x-user-defined",
];

/// Checks one body in pieces.
#[derive(Debug, Default)]
pub(super) struct Charset {
    /// An incomplete character.
    cut: Vec<u8>,
    /// The beginning of the body, which may declare an encoding.
    seen: Vec<u8>,
    /// Bodies of this kind have no declaration: CSV and forms.
    silent: bool,
}

impl Charset {
    /// Creates one for bodies that only have to be UTF-8.
    pub(super) fn silent() -> Self {
        Self { silent: true, ..Self::default() }
    }

    /// Checks the next piece.
    pub(super) fn push(&mut self, input: &[u8]) -> Result<(), Unmaskable> {
        if !self.silent && self.seen.len() < SAYS && !input.is_empty() {
            let fresh = input.len().min(SAYS - self.seen.len());
            self.seen.extend_from_slice(input.get(..fresh).unwrap_or_default());
            if says_otherwise(&self.seen) {
                return Err(Unmaskable::malformed("text that says to be in another encoding"));
            }
        }
        if self.cut.is_empty() && input.is_ascii() {
            return Ok(());
        }
        let joined;
        let text = if self.cut.is_empty() {
            input
        } else {
            joined = [&std::mem::take(&mut self.cut), input].concat();
            &joined
        };
        match std::str::from_utf8(text) {
            Ok(_) => Ok(()),
            Err(error) if error.error_len().is_none() => {
                self.cut = text.get(error.valid_up_to()..).unwrap_or_default().to_vec();
                Ok(())
            }
            Err(_) => Err(Unmaskable::malformed("text that is not UTF-8")),
        }
    }

    /// Ends the body.
    pub(super) fn finish(&self) -> Result<(), Unmaskable> {
        if self.cut.is_empty() { Ok(()) } else { Err(Unmaskable::malformed("text that is not UTF-8")) }
    }
}

/// Returns whether a text declares an encoding in which ASCII bytes have another meaning: in the declaration
/// of XML or a style sheet, or in a `<meta>` of HTML. The same words elsewhere are not a declaration. An
/// incomplete name is waited for.
fn says_otherwise(text: &[u8]) -> bool {
    let lower = text.strip_prefix(b"\xef\xbb\xbf").unwrap_or(text).to_ascii_lowercase();
    let start = lower.trim_ascii_start();
    let until = |text: &[u8], end: &[u8]| memchr::memmem::find(text, end).map_or(text.len(), |at| at + 1);
    if let Some(style) = start.strip_prefix(b"@charset") {
        return names_another(style);
    }
    if let Some(xml) = start.strip_prefix(b"<?xml") {
        let declared = xml.get(..until(xml, b"?>")).unwrap_or_default();
        if assigned(declared, b"encoding").any(names_another) {
            return true;
        }
    }
    memchr::memmem::find_iter(&lower, b"<meta").any(|at| {
        let tag = lower.get(at..).unwrap_or_default();
        assigned(tag.get(..until(tag, b">")).unwrap_or_default(), b"charset").any(names_another)
    })
}

/// Returns the texts after each `word =`.
fn assigned<'a>(text: &'a [u8], word: &'static [u8]) -> impl Iterator<Item = &'a [u8]> {
    memchr::memmem::find_iter(text, word)
        .filter_map(move |at| text.get(at + word.len()..)?.trim_ascii_start().strip_prefix(b"="))
}

/// Returns whether a text begins with the name of another encoding, quoted or not.
fn names_another(text: &[u8]) -> bool {
    let text = text.trim_ascii_start();
    let (named, end): (_, &dyn Fn(&u8) -> bool) = match text.split_first() {
        Some((quote @ (b'"' | b'\''), quoted)) => (quoted, &move |byte| byte == quote),
        _ => (text, &|byte| !is_name(*byte)),
    };
    let size = named.iter().position(end).unwrap_or(0);
    is_other(named.get(..size).unwrap_or_default().trim_ascii())
}

fn is_name(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b':' | b'.' | b'+')
}

fn is_other(name: &[u8]) -> bool {
    !name.is_empty()
        && name.len() <= 40
        && name.iter().all(|byte| is_name(*byte))
        && !PLAIN.iter().any(|plain| plain.as_bytes() == name)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn passes(text: &[u8]) -> bool {
        let whole = {
            let mut charset = Charset::default();
            charset.push(text).and_then(|()| charset.finish()).is_ok()
        };
        let mut charset = Charset::default();
        let cut = text.iter().try_for_each(|byte| charset.push(&[*byte])).and_then(|()| charset.finish());
        assert_eq!(whole, cut.is_ok(), "{}", String::from_utf8_lossy(text));
        whole
    }

    #[test]
    fn text_is_utf_8_and_does_not_say_otherwise() {
        for text in [
            "plain",
            "é and € and 😀",
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?><a/>",
            "<?xml version='1.0' encoding = 'iso-8859-1' ?><a/>",
            "<meta charset=utf-8><meta http-equiv=x content=\"text/html; charset=UTF-8\">",
            "{\"encoding\": \"of something\", \"charset\": \"\"}",
            "the charset of it, and its encoding",
            "http_requests_total{encoding=\"gzip\"} 5",
            "accept-encoding=gzip, charset=koi8-r",
            "<a href=\"/x?encoding=base64\"><script charset=\"windows-1251\">",
            "<p>encoding=\"IBM037\"</p>",
        ] {
            assert!(passes(text.as_bytes()), "{text}");
        }
        for text in [
            "<?xml version=\"1.0\" encoding=\"utf-7\"?><a/>",
            "<?xml version=\"1.0\" encoding=\"IBM037\"?><a/>",
            "<html><META Charset=UTF-7>",
            "<meta http-equiv=x content=\"text/html; charset=iso-2022-jp\">",
            "@charset \"utf-16\";",
        ] {
            assert!(!passes(text.as_bytes()), "{text}");
        }
        // EBCDIC: `<?xml`, and Latin-1: `é.`
        for bytes in [&b"\x4c\x6f\xa7\x94\x93\x40"[..], b"caf\xe9.", b"\xff\xfea", b"cut \xe2\x82"] {
            assert!(!passes(bytes));
        }
    }
}
