//! Forms: `name=value` joined by `&`, with percent escapes and `+` for a blank, as in bodies and queries
//! (WHATWG URL, section 5).

use crate::domain::percent;

/// The maximum number of pairs that are kept: more than targets read.
pub const MOST_PAIRS: usize = 10_000;

/// The content of a form, in order. If readers split it at different places, it contains the pairs that any
/// of them sees.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Form {
    pairs: Box<[Pair]>,
    /// Whether some pair could not be decoded.
    faulty: bool,
}

/// One name with its value, both decoded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pair {
    /// The name, as it was written: `a[b]`, `a.b`.
    pub name: Box<str>,
    /// The value.
    pub value: Box<str>,
    /// Whether all readers see it. Some split at `;` as well.
    pub sure: bool,
    /// The part of it that could not be decoded. Readers differ in how they treat that.
    pub fault: Option<Part>,
}

/// A part of a pair.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    /// The part before the `=`.
    Name,
    /// The part after the `=`.
    Value,
}

impl Form {
    /// Parses a body. `None`: a `%` without two hex digits, or invalid UTF-8.
    pub fn read(body: &[u8]) -> Option<Self> {
        let form = Self::of(std::str::from_utf8(body).ok()?);
        (!form.faulty).then_some(form)
    }

    /// Parses a query. A part that cannot be decoded is decoded as far as possible, and marked.
    pub fn of_query(query: &str) -> Self {
        Self::of(query)
    }

    fn of(text: &str) -> Self {
        let (mut pairs, mut faulty) = (Vec::new(), false);
        let mut add = |pair: &str, sure: bool| {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            let [(name, named), (value, valued)] = [name, value].map(decode);
            let fault = match (named, valued) {
                (false, _) => Some(Part::Name),
                (true, false) => Some(Part::Value),
                (true, true) => None,
            };
            faulty |= fault.is_some();
            // One more shows that there are more.
            if pairs.len() <= MOST_PAIRS {
                pairs.push(Pair { name: name.into(), value: value.into(), sure, fault });
            }
        };
        for pair in text.split('&').filter(|pair| !pair.is_empty()) {
            let split = pair.contains(';');
            add(pair, !split);
            for part in pair.split(';').filter(|part| split && !part.is_empty()) {
                add(part, false);
            }
        }
        Self { pairs: pairs.into(), faulty }
    }

    /// Returns the pairs, at most [`MOST_PAIRS`].
    pub fn pairs(&self) -> &[Pair] {
        self.pairs.get(..MOST_PAIRS).unwrap_or(&self.pairs)
    }

    /// Returns whether there were more of them.
    pub fn is_cut(&self) -> bool {
        self.pairs.len() > MOST_PAIRS
    }
}

/// Decodes a part; returns whether it could be decoded completely.
fn decode(text: &str) -> (String, bool) {
    let decoded = percent::decode_form(text.as_bytes());
    let sure = decoded.is_some();
    (decoded.unwrap_or_else(|| percent::decode_form_lossy(text.as_bytes())), sure)
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
        let query = Form::of_query("n=%61b%ff&b=1&%6e%=%ff&c=%");
        let pairs: Vec<_> =
            query.pairs().iter().map(|pair| (&*pair.name, &*pair.value, pair.fault)).collect();
        assert_eq!(
            pairs,
            [
                ("n", "ab\u{fffd}", Some(Part::Value)),
                ("b", "1", None),
                ("n%", "\u{fffd}", Some(Part::Name)),
                ("c", "%", Some(Part::Value))
            ]
        );
        for (pairs, cut) in [(MOST_PAIRS, false), (MOST_PAIRS + 1, true)] {
            let form = Form::read("a&".repeat(pairs).as_bytes()).expect("form");
            assert_eq!((form.pairs().len(), form.is_cut()), (MOST_PAIRS, cut));
        }
        assert_eq!(Form::read(("a&".repeat(MOST_PAIRS) + "%").as_bytes()), None);
    }
}
