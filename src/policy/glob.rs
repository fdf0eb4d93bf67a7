//! Globs over names, with `*`, matched in linear time.

use std::fmt;

use memchr::memmem;

use crate::policy::problem::Refusal;

/// Maximum length of a pattern in bytes.
pub(super) const PATTERN_MAX: usize = 1024;

/// A pattern in which each `*` matches any text, including none.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Glob {
    text: Box<str>,
    shape: Shape,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Shape {
    /// `*`
    Any,
    /// No `*` at all.
    Exact(Box<[u8]>),
    /// The texts before, between and after the stars.
    Pieces { prefix: Box<[u8]>, middle: Box<[Box<[u8]>]>, suffix: Box<[u8]> },
}

/// Returns whether a pattern with `*` matches a name. An invalid pattern matches nothing.
pub fn fits(pattern: &str, name: &str) -> bool {
    Glob::parse(pattern).is_ok_and(|glob| glob.matches(name.as_bytes()))
}

impl Glob {
    /// Parses a pattern.
    pub(super) fn parse(text: &str) -> Result<Self, Refusal> {
        check_text(text)?;
        Ok(Self::of_pieces(text, |piece| piece.as_bytes().into()))
    }

    /// Builds a pattern; `read` converts its pieces between the stars to bytes.
    pub(super) fn of_pieces(text: &str, read: impl Fn(&str) -> Box<[u8]>) -> Self {
        let mut pieces: Vec<Box<[u8]>> = text.split('*').map(read).collect();
        let suffix = pieces.pop().unwrap_or_default();
        let mut pieces = pieces.into_iter();
        let shape = match pieces.next() {
            None => Shape::Exact(suffix),
            Some(prefix) => {
                let middle: Box<[_]> = pieces.filter(|piece| !piece.is_empty()).collect();
                if prefix.is_empty() && middle.is_empty() && suffix.is_empty() {
                    Shape::Any
                } else {
                    Shape::Pieces { prefix, middle, suffix }
                }
            }
        };
        Self { text: text.into(), shape }
    }

    /// Returns whether the pattern matches `name`.
    pub(super) fn matches(&self, name: &[u8]) -> bool {
        match &self.shape {
            Shape::Any => true,
            Shape::Exact(exact) => exact.len() == name.len() && begins_with(name, exact),
            Shape::Pieces { prefix, middle, suffix } => {
                let Some(end) = name.len().checked_sub(suffix.len()) else { return false };
                let (Some(mut rest), Some(tail)) = (name.get(prefix.len()..end), name.get(end..)) else {
                    return false;
                };
                if !begins_with(name, prefix) || !begins_with(tail, suffix) {
                    return false;
                }
                // The leftmost match of each piece leaves the most room for the next, so no backtracking is
                // needed.
                for piece in middle {
                    let Some(at) = memmem::find(rest, piece) else { return false };
                    rest = rest.get(at + piece.len()..).unwrap_or_default();
                }
                true
            }
        }
    }

    /// Returns the text, if it contains no star.
    pub(super) fn exact(&self) -> Option<&str> {
        matches!(self.shape, Shape::Exact(_)).then_some(&*self.text)
    }

    /// Returns a prefix of every name that it matches.
    pub(super) fn prefix(&self) -> &[u8] {
        match &self.shape {
            Shape::Any => &[],
            Shape::Exact(exact) => exact,
            Shape::Pieces { prefix, .. } => prefix,
        }
    }

    /// Returns whether it matches everything.
    pub(super) fn is_any(&self) -> bool {
        self.shape == Shape::Any
    }
}

/// Returns whether `name` begins with `prefix`. Most names differ from a pattern at its end, so that is
/// compared first; for texts this short a loop is faster than a call.
pub(super) fn begins_with(name: &[u8], prefix: &[u8]) -> bool {
    name.get(..prefix.len()).is_some_and(|start| start.iter().rev().eq(prefix.iter().rev()))
}

impl fmt::Display for Glob {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// Refuses invalid patterns: empty, too long, or with deceptive characters.
pub(super) fn check_text(text: &str) -> Result<(), Refusal> {
    if text.is_empty() {
        return Err(Refusal::new("empty", "write a text, or * for any"));
    }
    if text.len() > PATTERN_MAX {
        return Err(Refusal::new("too long", format!("at most {PATTERN_MAX} bytes are accepted")));
    }
    if text.chars().any(crate::domain::text::is_deceptive) {
        return Err(Refusal::new("an invisible character", "write only characters that can be seen"));
    }
    if text.trim() != text {
        return Err(Refusal::new(
            "space at its ends, so it matches nothing",
            format!("write {:?}", text.trim()),
        ));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn glob(pattern: &str) -> Glob {
        Glob::parse(pattern).expect(pattern)
    }

    #[test]
    fn stars_stand_for_any_text_and_nothing_else_is_special() {
        for (pattern, yes, no) in [
            ("*", &["", "a", "*"][..], &[][..]),
            ("**", &["", "a"], &[]),
            ("dba", &["dba"], &["", "dbax", "xdba", "DBA"]),
            ("a*", &["a", "ab"], &["", "ba"]),
            ("*a", &["a", "ba"], &["", "ab"]),
            ("a*a", &["aa", "aba"], &["a", "ab"]),
            ("a*b*c", &["abc", "axbxc", "abcbc"], &["acb", "ac"]),
            ("a?[b]", &["a?[b]"], &["axb", "a?b"]),
            ("a.c", &["a.c"], &["abc"]),
        ] {
            for name in yes {
                assert!(glob(pattern).matches(name.as_bytes()), "{pattern} {name}");
            }
            for name in no {
                assert!(!glob(pattern).matches(name.as_bytes()), "{pattern} {name}");
            }
        }
    }

    #[test]
    fn what_could_match_nothing_is_refused() {
        for pattern in ["", " ", " a", "a ", "a\u{200b}", "a\n", &"a".repeat(1025)] {
            assert!(Glob::parse(pattern).is_err(), "{pattern:?}");
        }
    }

    #[test]
    fn an_evil_name_does_not_cost_more_than_its_length() {
        let pattern = glob(&"a*".repeat(400));
        let name = "a".repeat(399) + &"b".repeat(1 << 20);
        let start = std::time::Instant::now();
        assert!(!pattern.matches(name.as_bytes()));
        assert!(start.elapsed().as_millis() < 500);
    }

    /// Returns the textbook definition.
    fn slow(pattern: &[u8], name: &[u8]) -> bool {
        match pattern.split_first() {
            None => name.is_empty(),
            Some((b'*', rest)) => (0..=name.len()).any(|at| slow(rest, &name[at..])),
            Some((byte, rest)) => name.first() == Some(byte) && slow(rest, &name[1..]),
        }
    }

    proptest! {
        #[test]
        fn it_agrees_with_the_textbook(pattern in "[ab*]{1,7}", name in "[ab]{0,9}") {
            prop_assert_eq!(glob(&pattern).matches(name.as_bytes()), slow(pattern.as_bytes(), name.as_bytes()));
        }
    }
}
