//! JSON Web Tokens (RFC 7519) in compact form: three parts (five if encrypted), the first one a JSON object
//! with `alg`.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use crate::domain::json::Json;
use crate::mask::detect::Span;

/// Maximum length of a header that is decoded.
const HEADER: usize = 16 << 10;

/// Searches one text for tokens, from its start to its end. However many headers may begin before a dot,
/// what precedes it is decoded at most once for each alignment, and read from each start only to its first
/// error.
#[derive(Debug, Default)]
pub(super) struct Search {
    /// End of the last token.
    done: usize,
    /// End of the base64 that was looked at last.
    end: usize,
    /// What it decodes to, as far as the end of it is UTF-8, by the number of its characters modulo 4.
    decoded: [Option<String>; 4],
}

impl Search {
    /// Returns the token whose header begins at `at`, which must not decrease between calls.
    pub(super) fn at(&mut self, text: &[u8], at: usize) -> Option<Span> {
        if at < self.done {
            return None;
        }
        if at >= self.end {
            let size = text.get(at..)?.iter().take_while(|byte| is_base64(**byte)).count();
            *self = Self { end: at + size, ..Self::default() };
        }
        if text.get(self.end) != Some(&b'.') || !self.names_algorithm(text.get(at..self.end)?) {
            return None;
        }
        let rest = text.get(at..)?;
        let size = rest.iter().take_while(|byte| is_base64(**byte) || **byte == b'.').count();
        let run = rest.get(..size)?;
        // A full stop that ends the sentence.
        let stop = run.ends_with(b".") && memchr::memchr_iter(b'.', run).count() > 2;
        let run = run.get(..size - usize::from(stop))?;
        let mut parts = run.split(|byte| *byte == b'.').skip(1);
        let payload = parts.next()?;
        // Without a second dot it is a token only if the payload is one: a header alone is not a secret.
        if parts.next().is_none() && !payload.starts_with(b"eyJ") {
            return None;
        }
        self.done = at + run.len();
        Some(Span {
            start: at,
            end: self.done,
            score: 100,
            reason: "the header decodes and names an algorithm",
        })
    }

    /// Returns whether a header that ends where the base64 does is an object with `alg`.
    fn names_algorithm(&mut self, header: &[u8]) -> bool {
        let over = header.len() % 4;
        let Some(decoded) = self.decoded.get_mut(over).filter(|_| header.len() <= HEADER) else {
            return false;
        };
        let decoded = decoded.get_or_insert_with(|| {
            let bytes = URL_SAFE_NO_PAD.decode(header).unwrap_or_default();
            let last = bytes.utf8_chunks().last().filter(|last| last.invalid().is_empty());
            last.map(|last| last.valid().to_owned()).unwrap_or_default()
        });
        let size = header.len() / 4 * 3 + over.saturating_sub(1);
        let header = decoded.len().checked_sub(size).and_then(|start| decoded.get(start..));
        header
            .and_then(|header| Json::parse_text(header, 8).ok())
            .is_some_and(|header| header.member("alg").is_some())
    }
}

fn is_base64(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_')
}

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::*;
    use proptest::sample::select;

    use super::*;

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2000))]

        #[test]
        fn what_is_remembered_changes_nothing(parts in vec(select(vec![
            "eyJ", "eyJhbGciOiJub25lIn0", "eyJhIjoxfQ", "eyJhIjp7ImFsZyI6MX0", ".", ".", "a", "-", "=", " ", "_w", "w6k",
        ]), 0..16)) {
            let text = parts.concat().into_bytes();
            let (mut search, mut done) = (Search::default(), 0);
            for at in memchr::memmem::find_iter(&text, b"eyJ") {
                let anew = Search::default().at(&text, at).filter(|_| at >= done);
                prop_assert_eq!(search.at(&text, at), anew);
                done = anew.map_or(done, |token| token.end);
            }
        }
    }
}
