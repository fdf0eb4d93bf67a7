//! Forms: `name=value` joined by `&`, percent escapes, `+` for a blank. Bodies and queries are written so (WHATWG URL, section 5).

use crate::domain::percent;

/// The most pairs that are kept: more than targets read.
pub const MOST_PAIRS: usize = 10_000;

/// What a form says, in its order. Where readers split it at different places, all that one of them sees is there.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Form(Box<[Pair]>);

/// One name with its value, both decoded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pair {
    /// The name, as it was written: `a[b]`, `a.b`.
    pub name: Box<str>,
    /// The value.
    pub value: Box<str>,
    /// Whether all readers see it. Some split at `;` too.
    pub sure: bool,
}

impl Form {
    /// Reads a body. `None`: a `%` without two hex digits, or no UTF-8.
    pub fn read(body: &[u8]) -> Option<Self> {
        Self::of(std::str::from_utf8(body).ok()?, |text| percent::decode_form(text.as_bytes()))
    }

    /// Reads a query. What cannot be decoded is taken as it stands.
    pub fn of_query(query: &str) -> Self {
        Self::of(query, |text| Some(percent::decode_form(text.as_bytes()).unwrap_or_else(|| text.to_owned())))
            .unwrap_or_default()
    }

    fn of(text: &str, decode: impl Fn(&str) -> Option<String>) -> Option<Self> {
        let mut pairs = Vec::new();
        let mut add = |pair: &str, sure: bool| {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            let pair = Pair { name: decode(name)?.into(), value: decode(value)?.into(), sure };
            // One more tells that there are more.
            if pairs.len() <= MOST_PAIRS {
                pairs.push(pair);
            }
            Some(())
        };
        for pair in text.split('&').filter(|pair| !pair.is_empty()) {
            let split = pair.contains(';');
            add(pair, !split)?;
            for part in pair.split(';').filter(|part| split && !part.is_empty()) {
                add(part, false)?;
            }
        }
        Some(Self(pairs.into()))
    }

    /// The names with their values, at most [`MOST_PAIRS`].
    pub fn pairs(&self) -> &[Pair] {
        self.0.get(..MOST_PAIRS).unwrap_or(&self.0)
    }

    /// Whether there were more of them.
    pub fn is_cut(&self) -> bool {
        self.0.len() > MOST_PAIRS
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Vec<(String, String, bool)> {
        let form = Form::read(text.as_bytes()).expect(text);
        form.pairs().iter().map(|pair| (pair.name.to_string(), pair.value.to_string(), pair.sure)).collect()
    }

    #[test]
    fn pairs_are_decoded_once_and_kept_in_their_order() {
        let pair = |name: &str, value: &str, sure| (name.to_owned(), value.to_owned(), sure);
        assert_eq!(read(""), []);
        assert_eq!(
            read("a=1&b=x%20y+z&&a=%2541&c"),
            [pair("a", "1", true), pair("b", "x y z", true), pair("a", "%41", true), pair("c", "", true)]
        );
        assert_eq!(
            read("a=1;b=2&c=3"),
            [pair("a", "1;b=2", false), pair("a", "1", false), pair("b", "2", false), pair("c", "3", true)]
        );
        for unreadable in [&b"a=%"[..], b"a%zz=1", b"\xff=1", b"a=%ff"] {
            assert_eq!(Form::read(unreadable), None);
        }
        assert_eq!(Form::of_query("a=%ff&b=1").pairs().len(), 2);
        for (pairs, cut) in [(MOST_PAIRS, false), (MOST_PAIRS + 1, true)] {
            let form = Form::read("a&".repeat(pairs).as_bytes()).expect("form");
            assert_eq!((form.pairs().len(), form.is_cut()), (MOST_PAIRS, cut));
        }
        assert_eq!(Form::read(("a&".repeat(MOST_PAIRS) + "%").as_bytes()), None);
    }
}
