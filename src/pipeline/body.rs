//! The part of a body that is recorded: its beginning, its length, and the digest of the whole if it was cut.

use aws_lc_rs::digest;

use crate::domain::hex;
use crate::domain::json::write::Object;
use crate::pipeline::enter::Exchange;

/// Captures the beginning of a body that passes by.
pub struct Capture {
    keeps: bool,
    max: usize,
    kept: Vec<u8>,
    length: u64,
    /// Set once the body is longer than what is kept.
    digest: Option<digest::Context>,
}

impl Capture {
    /// Keeps up to `max` bytes; if `keeps` is false, only counts them.
    pub fn new(keeps: bool, max: u64) -> Self {
        Self {
            keeps,
            max: usize::try_from(max).unwrap_or(usize::MAX),
            kept: Vec::new(),
            length: 0,
            digest: None,
        }
    }

    /// Adds the next piece of the body.
    pub fn add(&mut self, bytes: &[u8]) {
        self.length += bytes.len() as u64;
        if !self.keeps {
            return;
        }
        let room = self.max.saturating_sub(self.kept.len());
        if let Some(digest) = &mut self.digest {
            digest.update(bytes);
        } else if bytes.len() > room {
            let mut digest = digest::Context::new(&digest::SHA256);
            digest.update(&self.kept);
            digest.update(bytes);
            self.digest = Some(digest);
        }
        self.kept.extend_from_slice(bytes.get(..room.min(bytes.len())).unwrap_or_default());
    }

    /// Returns an empty capture with the same settings.
    pub fn fresh(&self) -> Self {
        Self { keeps: self.keeps, max: self.max, kept: Vec::new(), length: 0, digest: None }
    }

    /// Keeps no more than so many bytes.
    pub fn at_most(self, max: usize) -> Self {
        Self { max: self.max.min(max), ..self }
    }

    /// Returns the body, if all of it was kept.
    pub fn whole(&self) -> Option<&[u8]> {
        (self.kept.len() as u64 == self.length).then_some(&self.kept)
    }

    /// Returns the number of bytes that have passed.
    pub fn length(&self) -> u64 {
        self.length
    }

    /// Writes the body as it is recorded, or `null` if there was none. The capture is empty afterwards.
    pub fn write(&mut self, out: &mut String) {
        let kept = std::mem::take(&mut self.kept);
        let (length, digest) = (std::mem::take(&mut self.length), self.digest.take());
        if length == 0 {
            out.push_str("null");
            return;
        }
        let mut body = Object::begin(out);
        if !self.keeps {
            body.value("length", length);
            return;
        }
        // A cut may fall inside a character: the text then ends before it.
        let text = match std::str::from_utf8(&kept) {
            Ok(text) => Some(text),
            Err(error) if digest.is_some() && error.error_len().is_none() => {
                kept.get(..error.valid_up_to()).and_then(|valid| std::str::from_utf8(valid).ok())
            }
            Err(_not_text) => None,
        };
        match text {
            Some(text) => body.text("text", text),
            None => body.base64("base64", &kept),
        };
        body.value("length", length);
        if let Some(digest) = digest {
            body.word("sha256", hex::encode(digest.finish().as_ref())).value("cut", true);
        }
    }
}

impl Exchange {
    /// Returns whether bodies are recorded.
    pub fn keeps_bodies(&self) -> bool {
        self.snapshot.recording().keeps_bodies()
    }

    /// Returns an empty capture of a body, limited as the recording settings say.
    pub fn capture(&self) -> Capture {
        Capture::new(self.keeps_bodies(), self.snapshot.recording().max_body)
    }
}

impl std::fmt::Debug for Capture {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Capture").field("length", &self.length).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(max: u64, pieces: &[&[u8]]) -> String {
        let mut capture = Capture::new(true, max);
        for piece in pieces {
            capture.add(piece);
        }
        let mut out = String::new();
        capture.write(&mut out);
        out
    }

    #[test]
    fn a_short_body_is_kept_whole() {
        assert_eq!(written(10, &[b"a\"", b"b"]), r#"{"text":"a\"b","length":3}"#);
        assert_eq!(written(10, &[b"\xff\0"]), r#"{"base64":"/wA=","length":2}"#);
        assert_eq!(written(10, &[]), "null");
    }

    #[test]
    fn a_long_body_is_cut_with_the_digest_of_all_of_it() {
        let whole = "0123456789";
        let digest = hex::encode(digest::digest(&digest::SHA256, whole.as_bytes()).as_ref());
        let expected = format!(r#"{{"text":"0123","length":10,"sha256":"{digest}","cut":true}}"#);
        assert_eq!(written(4, &[whole.as_bytes()]), expected);
        assert_eq!(written(4, &[b"01", b"23", b"45", b"6789"]), expected);
        assert!(written(3, &["aé€".as_bytes()]).starts_with(r#"{"text":"aé","length":6"#));
        assert!(written(4, &["aé€".as_bytes()]).starts_with(r#"{"text":"aé","length":6"#));
    }
}
