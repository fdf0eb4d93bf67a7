//! The `outputSchema` of a tool: what it accepts, and what to write if it rejects a mask.

mod check;
mod formats;
mod reach;
mod sample;

use std::cell::Cell;
use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;

use regex::Regex;

use crate::domain::json::Json;

/// Whether a schema accepts a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fit {
    No,
    /// Undecided: an unsupported pattern or reference, or too much work.
    Unsure,
    Yes,
}

impl Fit {
    fn of(fits: bool) -> Self {
        if fits { Self::Yes } else { Self::No }
    }

    fn and(self, other: Self) -> Self {
        match (self, other) {
            (Self::No, _) | (_, Self::No) => Self::No,
            (Self::Yes, Self::Yes) => Self::Yes,
            _ => Self::Unsure,
        }
    }

    fn not(self) -> Self {
        match self {
            Self::No => Self::Yes,
            Self::Unsure => Self::Unsure,
            Self::Yes => Self::No,
        }
    }
}

/// Evaluates one schema. Its work for one message is limited; beyond that everything is undecided.
#[derive(Debug)]
pub(super) struct Checker<'a> {
    root: &'a Json,
    fuel: Cell<usize>,
    patterns: RefCell<HashMap<Box<str>, Option<Rc<Pattern>>>>,
}

/// A supported pattern, with samples that it matches.
#[derive(Debug)]
struct Pattern {
    regex: Regex,
    samples: Vec<String>,
}

/// What is known of a value of a result: all schemas that apply to it, and the value before it was masked.
#[derive(Debug, Clone)]
pub(super) struct Typed<'a> {
    pub(super) schemas: Vec<&'a Json>,
    pub(super) value: &'a Json,
    /// Whether a value may be kept that matches nothing: it is in a text, which no client validates.
    pub(super) lenient: bool,
}

/// Maximum number of compiled patterns that are kept.
const MOST_PATTERNS: usize = 256;

/// Maximum length of a pattern in bytes.
const LONGEST_PATTERN: usize = 1000;

impl<'a> Checker<'a> {
    /// Creates one for a message of this size in bytes.
    pub(super) fn new(root: &'a Json, size: usize) -> Self {
        Self { root, fuel: Cell::new(1_000_000 + 16 * size), patterns: RefCell::default() }
    }

    /// Returns whether the whole schema accepts a value.
    pub(super) fn accepts(&self, value: &Json) -> Fit {
        self.check(self.root, value, 0)
    }

    /// Returns the value of the whole result.
    pub(super) fn whole(&self, value: &'a Json, lenient: bool) -> Typed<'a> {
        Typed { schemas: vec![self.root], value, lenient }
    }

    /// Counts one step of work; `false` if the limit is exceeded.
    fn step(&self) -> bool {
        let left = self.fuel.get();
        self.fuel.set(left.saturating_sub(1));
        left > 0
    }

    fn pattern(&self, text: &str) -> Option<Rc<Pattern>> {
        if text.len() > LONGEST_PATTERN {
            return None;
        }
        if let Some(known) = self.patterns.borrow().get(text) {
            return known.clone();
        }
        if self.patterns.borrow().len() >= MOST_PATTERNS {
            return None;
        }
        let pattern = sample::compile(text).map(Rc::new);
        self.patterns.borrow_mut().insert(text.into(), pattern.clone());
        pattern
    }
}
