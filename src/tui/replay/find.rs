//! Search inside a recording.

use regex::Regex;
use regex::RegexBuilder;

use crate::tui::replay::tape::Kept;

/// The largest program a pattern may become, in bytes.
const MOST_PROGRAM: usize = 1 << 20;

/// What is searched for, and the events that have it.
#[derive(Debug)]
pub(super) struct Find {
    /// As it was typed.
    pub(super) text: String,
    /// What is set off.
    pub(super) regex: Regex,
    /// The places of the events, in their order.
    hits: Vec<usize>,
    searched: usize,
}

impl Find {
    /// Looks for a regular expression, or for the text itself where it is none. Case does not count.
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

    /// Looks into the events that came since.
    pub(super) fn search(&mut self, events: &[Kept]) {
        for (place, event) in events.iter().enumerate().skip(self.searched) {
            if event.lines().any(|(line, _)| self.regex.is_match(line)) {
                self.hits.push(place);
            }
        }
        self.searched = events.len();
    }

    /// How many events have it.
    pub(super) fn count(&self) -> usize {
        self.hits.len()
    }

    /// The next event with it from this one on, or the first of all: its place, and the how many-th it is, from 1.
    pub(super) fn from(&self, place: usize) -> Option<(usize, usize)> {
        let next = self.hits.partition_point(|hit| *hit < place);
        let next = if next < self.hits.len() { next } else { 0 };
        self.hits.get(next).map(|hit| (*hit, next + 1))
    }

    /// The last event with it before this one, or the last of all.
    pub(super) fn before(&self, place: usize) -> Option<(usize, usize)> {
        let before = self.hits.partition_point(|hit| *hit < place);
        let before = before.checked_sub(1).unwrap_or(self.hits.len().saturating_sub(1));
        self.hits.get(before).map(|hit| (*hit, before + 1))
    }
}
