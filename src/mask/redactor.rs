//! The gateway's own credential must not come back: its bytes are replaced by `*`, as many, in any body, across pieces.

use std::sync::Arc;

use aho_corasick::packed;
use base64::Engine;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use memchr::memmem;

use crate::mask::json::write_escaped;

/// A needle shorter than this is not looked for: it would be everywhere.
const SHORTEST: usize = 4;

/// Secret byte strings to look for, compiled.
pub struct Needles {
    finders: Vec<memmem::Finder<'static>>,
    /// Finds any of them in one pass: most bodies hold none.
    any: Option<packed::Searcher>,
    shortest: usize,
    longest: usize,
}

impl std::fmt::Debug for Needles {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Needles({})", self.finders.len())
    }
}

impl Needles {
    /// Compiles byte strings. Those shorter than 4 bytes, and the doubles, are left out.
    pub fn new(needles: &[Vec<u8>]) -> Arc<Self> {
        let mut kept: Vec<&Vec<u8>> = needles.iter().filter(|needle| needle.len() >= SHORTEST).collect();
        kept.sort();
        kept.dedup();
        let longest = kept.iter().map(|needle| needle.len()).max().unwrap_or(0);
        let shortest = kept.iter().map(|needle| needle.len()).min().unwrap_or(usize::MAX);
        let any = packed::Searcher::new(&kept);
        let finders = kept.into_iter().map(|needle| memmem::Finder::new(needle).into_owned()).collect();
        Arc::new(Self { finders, any, shortest, longest })
    }

    /// The shapes in which a target may echo a secret: as it is, in JSON and HTML, percent-encoded, in hexadecimal, and in base64 of both
    /// alphabets at each of the three places it can have in a longer text.
    pub fn shapes(secret: &[u8]) -> Vec<Vec<u8>> {
        let mut json = Vec::new();
        write_escaped(secret, &mut json);
        let slashes = String::from_utf8_lossy(&json).replace('/', "\\/").into_bytes();
        // `spared`: what the one who encodes it takes for harmless; libraries differ in that.
        let percent = |upper: bool, spared: &[u8]| {
            let mut out = Vec::new();
            for &byte in secret {
                if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) || spared.contains(&byte) {
                    out.push(byte);
                } else {
                    let code = if upper { format!("%{byte:02X}") } else { format!("%{byte:02x}") };
                    out.extend_from_slice(code.as_bytes());
                }
            }
            out
        };
        // As serializers write it that escape all but letters and digits, and as it stands in HTML.
        let replaced = |special: &[u8], write: &dyn Fn(u8) -> String| {
            let mut out = Vec::new();
            for &byte in secret {
                if special.contains(&byte) {
                    out.extend_from_slice(write(byte).as_bytes());
                } else {
                    out.push(byte);
                }
            }
            out
        };
        let mut hex = Vec::new();
        for byte in secret {
            hex.extend_from_slice(format!("{byte:02x}").as_bytes());
        }
        let upper = hex.to_ascii_uppercase();
        let mut shapes = vec![secret.to_vec(), json, slashes, hex, upper];
        for spared in [b"".as_slice(), b"/", b"+=:@&$,", b"+=:@&$,/", b"!'()*"] {
            shapes.extend([percent(true, spared), percent(false, spared)]);
        }
        for special in [b"+<>&'\"`".as_slice(), b"+<>&'\"`/="] {
            shapes.push(replaced(special, &|byte| format!("\\u{byte:04X}")));
            shapes.push(replaced(special, &|byte| format!("\\u{byte:04x}")));
        }
        for special in [b"<>&\"'".as_slice(), b"<>&\"'+=/`"] {
            shapes.push(replaced(special, &|byte| format!("&#{byte};")));
            shapes.push(replaced(special, &|byte| format!("&#x{byte:X};")));
        }
        for skipped in 0..3 {
            let mut shifted = vec![0; skipped];
            shifted.extend_from_slice(secret);
            for encoded in [STANDARD_NO_PAD.encode(&shifted), URL_SAFE_NO_PAD.encode(&shifted)] {
                // The characters at the edges also hold bits of the neighbours.
                let first = [0, 2, 3].get(skipped).copied().unwrap_or(0);
                let last = if shifted.len() % 3 == 0 { encoded.len() } else { encoded.len() - 1 };
                shapes.extend(encoded.as_bytes().get(first..last).map(<[u8]>::to_vec));
            }
        }
        shapes.retain(|shape| shape.len() >= SHORTEST);
        shapes.sort();
        shapes.dedup();
        shapes
    }

    /// Whether there is nothing to look for.
    pub fn is_empty(&self) -> bool {
        self.finders.is_empty()
    }

    /// One whole text, such as the value of a header: what it becomes if a needle is in it.
    pub fn replace(&self, text: &[u8]) -> Option<Vec<u8>> {
        if text.len() < self.shortest {
            return None;
        }
        let mut stars = Vec::new();
        self.occurrences(text, &mut stars);
        if stars.is_empty() {
            return None;
        }
        let mut out = text.to_vec();
        star(&mut out, &stars);
        Some(out)
    }

    /// Whether a needle is in a text.
    fn is_in(&self, text: &[u8]) -> bool {
        match &self.any {
            Some(any) => any.find(text).is_some(),
            None => self.finders.iter().any(|finder| finder.find(text).is_some()),
        }
    }

    /// Every place of every needle, those that overlap too.
    fn occurrences(&self, text: &[u8], stars: &mut Vec<(usize, usize)>) {
        if !self.is_in(text) {
            return;
        }
        for finder in &self.finders {
            let len = finder.needle().len();
            let mut from = 0;
            while let Some(found) = text.get(from..).and_then(|rest| finder.find(rest)) {
                stars.push((from + found, from + found + len));
                from += found + 1;
            }
        }
    }

    /// Where the longest end of the text begins that may be the beginning of a needle.
    fn hold_from(&self, text: &[u8]) -> usize {
        let mut hold = text.len();
        for finder in &self.finders {
            let needle = finder.needle();
            let from = (text.len() + 1).saturating_sub(needle.len());
            let Some((&first, tail)) = needle.first().zip(text.get(from..hold)) else { continue };
            let begins = |at: &usize| text.get(from + at..).is_some_and(|end| needle.starts_with(end));
            if let Some(at) = memchr::memchr_iter(first, tail).find(begins) {
                hold = from + at;
            }
        }
        hold
    }
}

fn star(text: &mut [u8], stars: &[(usize, usize)]) {
    for &(start, end) in stars {
        if let Some(secret) = text.get_mut(start..end) {
            secret.fill(b'*');
        }
    }
}

/// Replaces needles in one body. It holds back only what may be the beginning of one.
#[derive(Debug)]
pub struct Redactor {
    needles: Arc<Needles>,
    held: Vec<u8>,
    /// How many of the bytes held belong to a needle that began before them.
    starred: usize,
    stars: Vec<(usize, usize)>,
    hits: u64,
}

impl Redactor {
    /// A redactor of one body.
    pub fn new(needles: Arc<Needles>) -> Self {
        Self { needles, held: Vec::new(), starred: 0, stars: Vec::new(), hits: 0 }
    }

    /// How many needles were replaced.
    pub fn hits(&self) -> u64 {
        self.hits
    }

    /// Whether a piece can be sent as it is: nothing is held, no needle is in it, and none may begin in it. If so it counts as
    /// taken, otherwise it must be given to [`Redactor::push`].
    pub fn passes(&mut self, input: &[u8]) -> bool {
        self.held.is_empty() && !self.needles.is_in(input) && self.needles.hold_from(input) == input.len()
    }

    /// Takes the next piece, and appends to `out` what is safe to send.
    pub fn push(&mut self, input: &[u8], out: &mut Vec<u8>) {
        if self.needles.is_empty() {
            out.extend_from_slice(input);
            return;
        }
        let mut text = std::mem::take(&mut self.held);
        text.extend_from_slice(input);
        let hold = self.needles.hold_from(&text);
        self.send(&text, hold, out);
        text.drain(..hold);
        self.held = text;
        debug_assert!(self.held.len() < self.needles.longest);
    }

    /// Ends the body, and appends what was held.
    pub fn finish(&mut self, out: &mut Vec<u8>) {
        let text = std::mem::take(&mut self.held);
        self.send(&text, text.len(), out);
    }

    fn send(&mut self, text: &[u8], hold: usize, out: &mut Vec<u8>) {
        self.stars.clear();
        self.needles.occurrences(text, &mut self.stars);
        self.stars.retain(|(start, _)| *start < hold);
        self.hits += self.stars.len() as u64;
        self.stars.push((0, self.starred));
        let end = self.stars.iter().map(|(_, end)| *end).max().unwrap_or(0);
        let sent = out.len();
        out.extend_from_slice(text.get(..hold).unwrap_or_default());
        for (start, end) in &mut self.stars {
            (*start, *end) = ((*start).min(hold) + sent, (*end).min(hold) + sent);
        }
        star(out, &self.stars);
        self.starred = end.saturating_sub(hold);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_known_in_the_shapes_that_serializers_give_it() {
        let shapes = Needles::shapes(b"api-s3cret/+tok<en");
        for known in [
            // Python's quote and quote_plus, Go's PathEscape, JavaScript's encodeURI and encodeURIComponent.
            "api-s3cret/%2Btok%3Cen",
            "api-s3cret%2F%2Btok%3Cen",
            "api-s3cret%2F+tok%3Cen",
            "api-s3cret/+tok%3Cen",
            "api-s3cret%2f%2btok%3cen",
            // JSON of .NET and Go, and with escaped slashes; HTML.
            "api-s3cret/\\u002Btok\\u003Cen",
            "api-s3cret\\/+tok<en",
            "api-s3cret/+tok&#60;en",
            "api-s3cret/+tok&#x3C;en",
        ] {
            assert!(shapes.iter().any(|shape| shape == known.as_bytes()), "{known}");
        }
        assert_eq!(Needles::shapes(b"plainsecret").len(), 1 + 2 + 3, "a plain one has few");
    }
}
