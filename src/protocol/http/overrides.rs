//! Detects bodies that ask for another method than the request's own, as some frameworks allow with a field
//! `_method`. Bodies are checked as they pass, and little of them is kept. A body that cannot be checked
//! reliably is refused.

mod form;
mod json;
mod parts;

use http::HeaderMap;
use http::header;
use memchr::memmem;

use crate::protocol::web::coding::Decoder;
use form::FormNames;
use json::TopNames;
use parts::Parts;

/// The refusal of a body that asks for another method.
pub const ASKS: &str = "the body asks for another method than the request's own";
const UNSEEN: &str = "a body whose Content-Encoding hides whether it asks for another method";
const UNREADABLE: &str = "a body that is not what its Content-Encoding says";
/// A header name that some frameworks also accept as a field.
const HEADER: &[u8] = b"x-http-method-override";
/// How many bytes of a name are needed to recognize it, and to see whether it goes on.
const TELLING: usize = HEADER.len() + 1;
/// How many compressed bytes are decompressed at a time: even a bomb yields only a few megabytes.
const PACKED: usize = 256;

/// Whether a body may go on so far; the error says why not.
pub type Seen = Result<(), &'static str>;

/// Returns whether frameworks read another method from a field or parameter of this name. Some normalize
/// names: PHP drops spaces before a name, writes `_` for `.` and `[`, and ends a name at a NUL or `[`; Rack
/// drops brackets around it.
pub fn is_method_field(name: &[u8]) -> bool {
    let mut telling = Name::default();
    for &byte in name {
        telling.push(byte);
    }
    telling.is_method()
}

/// Returns whether a header's value begins with `start`, in any case.
pub fn begins(value: &[u8], start: &[u8]) -> bool {
    value.get(..start.len()).is_some_and(|found| found.eq_ignore_ascii_case(start))
}

/// The first bytes of a name, without white space and brackets before it.
#[derive(Debug, Default)]
struct Name {
    bytes: [u8; TELLING],
    length: usize,
    bracketed: bool,
}

impl Name {
    fn push(&mut self, byte: u8) {
        if !self.has_begun() && (byte <= b' ' || matches!(byte, b'[' | b']')) {
            self.bracketed |= byte == b'[';
            return;
        }
        if let Some(place) = self.bytes.get_mut(self.length) {
            *place = byte;
            self.length += 1;
        }
    }

    const fn has_begun(&self) -> bool {
        self.length > 0
    }

    fn is_method(&self) -> bool {
        let bytes = self.bytes.get(..self.length).unwrap_or_default();
        let (marked, word) = match bytes.split_first() {
            Some((b'_' | b'.', word)) => (true, word),
            _ => (self.bracketed, bytes),
        };
        let is = |name: &[u8], wanted: &[u8]| {
            let end = name.iter().position(|byte| matches!(byte, 0 | b'[' | b']')).unwrap_or(name.len());
            name.get(..end).is_some_and(|name| name.eq_ignore_ascii_case(wanted))
        };
        (marked && is(word, b"method")) || is(bytes, HEADER)
    }
}

/// Looks for such a name in a body, piece by piece.
#[derive(Default)]
pub struct Watch {
    /// Why a body with these headers is refused whatever it contains.
    hidden: Option<&'static str>,
    decoder: Option<Decoder>,
    form: Option<FormNames>,
    json: Option<TopNames>,
    parts: Option<Parts>,
}

impl Watch {
    /// Returns what to look for in a body of the type that the headers name; `None` for types from which no
    /// method is read.
    pub fn of(headers: &HeaderMap) -> Option<Self> {
        let mut watch = Self::default();
        let types = headers.get_all(header::CONTENT_TYPE);
        for value in &types {
            watch.add_type(value.as_bytes());
        }
        // Rack takes a body without a content type for a form.
        if types.iter().next().is_none() {
            watch.form = Some(FormNames::default());
        }
        if watch.form.is_none() && watch.json.is_none() && watch.parts.is_none() && watch.hidden.is_none() {
            return None;
        }
        watch.add_codings(headers);
        Some(watch)
    }

    /// Returns a watch that looks for JSON, whatever the headers say.
    pub fn of_json() -> Self {
        Self { json: Some(TopNames::default()), ..Self::default() }
    }

    fn add_type(&mut self, value: &[u8]) {
        let essence = value.split(|byte| matches!(byte, b';' | b',')).next().unwrap_or_default();
        if begins(value, b"application/x-www-form-urlencoded") || !essence.contains(&b'/') {
            self.form = Some(FormNames::default());
        }
        if begins(value, b"multipart/") {
            match parts::boundary(value) {
                Some(boundary) if self.parts.is_none() => self.parts = Some(Parts::new(boundary)),
                _ => self.hidden = Some("a multipart body whose boundary is not plain"),
            }
        }
        // Frameworks recognize JSON by these words anywhere in the type.
        let is_json =
            |word: &[u8]| word.eq_ignore_ascii_case(b"/json") || word.eq_ignore_ascii_case(b"+json");
        if value.windows(5).any(is_json) {
            self.json = Some(TopNames::default());
        }
        let watched = self.form.is_some() || self.json.is_some() || self.parts.is_some();
        if watched && !extends_ascii(value) {
            self.hidden = Some("a body in a charset that does not extend ASCII");
        }
    }

    /// Adds what follows from the content codings. Some servers decompress a body and some read it as it
    /// comes. Compressed JSON is not JSON as it comes, so checking the decompressed body is enough; Brotli's
    /// output could be both.
    fn add_codings(&mut self, headers: &HeaderMap) {
        let values = headers.get_all(header::CONTENT_ENCODING).iter();
        let codings = values.flat_map(|value| value.as_bytes().split(|byte| *byte == b','));
        let codings = codings.map(|coding| coding.trim_ascii().to_ascii_lowercase());
        for coding in codings.filter(|coding| !coding.is_empty() && coding != b"identity") {
            let coding = match coding.as_slice() {
                b"gzip" | b"x-gzip" => "gzip",
                b"zstd" => "zstd",
                _ => "",
            };
            let only_json = self.form.is_none() && self.parts.is_none();
            match Decoder::of(coding) {
                Some(decoder) if only_json && self.decoder.is_none() => self.decoder = Some(decoder),
                _ => self.hidden = Some(UNSEEN),
            }
        }
    }

    /// Checks the next piece before it is sent.
    pub fn sees(&mut self, data: &[u8]) -> Seen {
        if let Some(why) = self.hidden {
            return Err(why);
        }
        let Some(mut decoder) = self.decoder.take() else { return self.sees_plain(data) };
        let mut plain = Vec::new();
        for piece in data.chunks(PACKED) {
            plain.clear();
            decoder.push(piece, &mut plain).map_err(|_undecodable| UNREADABLE)?;
            self.sees_plain(&plain)?;
        }
        self.decoder = Some(decoder);
        Ok(())
    }

    fn sees_plain(&mut self, data: &[u8]) -> Seen {
        self.form.as_mut().map_or(Ok(()), |form| form.sees(data))?;
        self.json.as_mut().map_or(Ok(()), |json| json.sees(data))?;
        self.parts.as_mut().map_or(Ok(()), |parts| parts.sees(data))
    }

    /// Checks what can only be decided at the end, before the last piece is sent.
    pub fn ends(mut self) -> Seen {
        if let Some(mut decoder) = self.decoder.take() {
            let mut plain = Vec::new();
            decoder.finish(&mut plain).map_err(|_undecodable| UNREADABLE)?;
            self.sees_plain(&plain)?;
        }
        self.form.map_or(Ok(()), |form| form.ends())?;
        self.parts.map_or(Ok(()), |parts| parts.ends())
    }

    /// Checks a whole body.
    pub fn sees_whole(mut self, body: &[u8]) -> Seen {
        self.sees(body)?;
        self.ends()
    }
}

/// Returns whether a content type names only charsets that extend ASCII: names are compared as bytes.
fn extends_ascii(content_type: &[u8]) -> bool {
    const WORD: &[u8] = b"charset";
    let lower = content_type.to_ascii_lowercase();
    memmem::find_iter(&lower, WORD).all(|at| {
        let rest = lower.get(at + WORD.len()..).unwrap_or_default().trim_ascii_start();
        let Some(charset) = rest.strip_prefix(b"=").map(<[u8]>::trim_ascii_start) else { return false };
        let charset = charset.strip_prefix(b"\"").unwrap_or(charset);
        let end = charset.iter().position(|byte| b"\"; \t".contains(byte)).unwrap_or(charset.len());
        let known: [&[u8]; 8] = [
            b"utf-8",
            b"utf8",
            b"us-ascii",
            b"ascii",
            b"iso-8859-1",
            b"latin1",
            b"iso-8859-15",
            b"windows-1252",
        ];
        charset.get(..end).is_some_and(|charset| known.contains(&charset))
    })
}

#[cfg(test)]
mod tests;
