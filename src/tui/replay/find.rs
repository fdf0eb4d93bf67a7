//! Search inside a recording.

use regex::Regex;
use regex::RegexBuilder;

use crate::tui::replay::tape::Kept;

/// Maximum size of a compiled pattern, in bytes.
const MOST_PROGRAM: usize = 1 << 20;

/// A search and the events that match.
#[derive(Debug)]
pub(super) struct Find {
    /// The pattern as typed.
    pub(super) text: String,
    /// The compiled pattern, for highlighting.
    pub(super) regex: Regex,
    /// Indices of the matching events, ascending.
    hits: Vec<usize>,
    searched: usize,
}

impl Find {
    /// Compiles a regular expression, or the literal text if it is not one. Matching ignores case.
    pub(super) fn new(text: &str) -> Option<Self> {
        let build = |pattern: &str| {
            RegexBuilder::new(pattern)
                .case_insensitive(true)
                .size_limit(MOST_PROGRAM)
                .dfa_size_limit(MOST_PROGRAM)
                .build()
        };
        let regex = build(text).or_else(|_no_regex| build(&regex::escape(text))).ok()?;
        Some(Self { text: text.to_owned(), regex, hits: Vec::new(), searched: 0 })
    }

    /// Searches the events added since the last call.
    pub(super) fn search(&mut self, events: &[Kept]) {
        for (place, event) in events.iter().enumerate().skip(self.searched) {
            if event.lines().any(|(line, _)| self.regex.is_match(line)) {
                self.hits.push(place);
            }
        }
        self.searched = events.len();
    }

    /// Returns the number of matching events.
    pub(super) fn count(&self) -> usize {
        self.hits.len()
    }

    /// Returns the next match at or after `place`, or the first of all: its index, and its number among the
    /// matches, from 1.
    pub(super) fn from(&self, place: usize) -> Option<(usize, usize)> {
        let next = self.hits.partition_point(|hit| *hit < place);
        let next = if next < self.hits.len() { next } else { 0 };
        self.hits.get(next).map(|hit| (*hit, next + 1))
    }

    /// Returns the last match before `place`, or the last of all.
    pub(super) fn before(&self, place: usize) -> Option<(usize, usize)> {
        let before = self.hits.partition_point(|hit| *hit < place);
        let before = before.checked_sub(1).unwrap_or(self.hits.len().saturating_sub(1));
        self.hits.get(before).map(|hit| (*hit, before + 1))
    }
}
