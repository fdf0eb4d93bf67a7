//! Patterns for single values inside JSON: the `claims` and `args` conditions.
//!
//! A path is member names joined by dots; `\.` writes a dot inside a name. Arrays are looked through: a name asks each of their
//! elements. A claim's whole name goes first, so `"https://example.com/role"` needs no escapes.
//!
//! A value pattern is one of
//! - a literal, `*` globs, or alternatives of both joined by `|`: `8`, `test-*`, `gold|silver`, `*` for any value at all;
//! - `=` and a literal in which nothing is special: `=a*b`, or `=` alone for the empty text;
//! - `!=` and any of the above; `!= *` holds when there is no value at all;
//! - `>`, `>=`, `<` or `<=` and a number.
//!
//! Numbers are compared by value as exact decimals (`1000`, `1e3` and `1000.0` are equal, and equal to the literal
//! `1000`), texts by their characters, case included; `true`, `false` and `null` as these words. A number in a text is not
//! surely a number: targets differ. Where it would match, and for every other text, boolean, `null` or object under a comparison, the answer is unsure.

mod pattern;
mod walk;

use std::fmt;

use crate::domain::json::Json;
use crate::policy::answer::Answer;
use crate::policy::problem::Refusal;
use crate::policy::value::pattern::Choices;
use crate::policy::value::pattern::Pattern;
use crate::policy::value::walk::Leaf;
use crate::policy::value::walk::leaves;
use crate::policy::value::walk::read_names;
use crate::policy::value::walk::walk;

/// One entry of a `claims` or `args` table.
#[derive(Debug, Clone)]
pub(super) struct ValueTest {
    path: Box<str>,
    names: Box<[Box<str>]>,
    text: Box<str>,
    pattern: Pattern,
}

/// What the leaves answered, taken together.
#[derive(Default)]
#[expect(clippy::struct_excessive_bools, reason = "four things that are seen or not, in any mixture")]
struct Tally {
    yes: bool,
    no: bool,
    unsure: bool,
    missing: bool,
}

impl ValueTest {
    /// Reads one entry as it was written.
    pub(super) fn parse(path: &str, text: &str) -> Result<Self, Refusal> {
        Ok(Self {
            path: path.into(),
            names: read_names(path)?,
            text: text.into(),
            pattern: Pattern::parse(text)?,
        })
    }

    /// What it says about a body. A client chose the body: what two targets could read differently is unsure.
    pub(super) fn of_args(&self, args: &Json) -> Answer {
        let mut tally = Tally::default();
        self.walk(args, true, &mut |leaf| tally.add(self.pattern.leaf(leaf)));
        self.of_body(&tally)
    }

    /// What it says when there is no body at all.
    pub(super) fn of_no_args(&self) -> Answer {
        self.of_body(&Tally { missing: true, ..Tally::default() })
    }

    fn of_body(&self, tally: &Tally) -> Answer {
        match &self.pattern {
            Pattern::Is(_) | Pattern::Compares(..) => tally.every(),
            // A target may have a default for what is missing.
            Pattern::IsNot(choices) if tally.missing && !choices.any() => Answer::Unsure,
            Pattern::IsNot(_) => tally.every().not(),
        }
    }

    /// What it says about the claims of a token. The issuer chose them: one element of a list is enough.
    pub(super) fn of_claims(&self, claims: &Json) -> Answer {
        let mut tally = Tally::default();
        match claims.member(&self.path) {
            Some(value) => leaves(value, &mut |leaf| tally.add(self.pattern.leaf(leaf))),
            None => self.walk(claims, false, &mut |leaf| tally.add(self.pattern.leaf(leaf))),
        }
        let choices = match &self.pattern {
            Pattern::Is(choices) | Pattern::IsNot(choices) => Some(choices),
            Pattern::Compares(..) => None,
        };
        let is = if !tally.only_missing() {
            tally.some()
        } else if choices.is_some_and(Choices::any) {
            // Only whether it is there was asked.
            Answer::No
        } else {
            Answer::Unsure
        };
        if matches!(self.pattern, Pattern::IsNot(_)) { is.not() } else { is }
    }

    /// What stands at the path, for people, cut at 80 characters.
    pub(super) fn found(&self, root: &Json, folded: bool) -> String {
        let mut found = Vec::new();
        let mut note = |leaf: Leaf<'_>| {
            found.push(match leaf {
                Leaf::Value(value) => value.to_string(),
                Leaf::Empty => "[]".to_owned(),
                Leaf::Missing => "nothing".to_owned(),
            });
        };
        match root.member(&self.path) {
            Some(value) if !folded => leaves(value, &mut note),
            _ => self.walk(root, folded, &mut note),
        }
        let text = found.join(", ");
        match text.char_indices().nth(80) {
            Some((end, _)) => format!("{}…", text.get(..end).unwrap_or_default()),
            None => text,
        }
    }

    /// Visits all that the path leads to. With `folded`, members whose names only look alike are visited too.
    fn walk(&self, root: &Json, folded: bool, visit: &mut dyn FnMut(Leaf<'_>)) {
        walk(root, &self.names, folded, visit);
    }
}

impl fmt::Display for ValueTest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} = {}", self.path, self.text)
    }
}

impl Tally {
    fn add(&mut self, answer: Option<Answer>) {
        match answer {
            None => self.missing = true,
            Some(Answer::No) => self.no = true,
            Some(Answer::Yes) => self.yes = true,
            Some(Answer::Unsure) => self.unsure = true,
        }
    }

    /// Yes when all leaves said so, no when none may have.
    fn every(&self) -> Answer {
        match (self.yes || self.unsure, self.no || self.missing || self.unsure) {
            (true, false) => Answer::Yes,
            (true, true) => Answer::Unsure,
            (false, _) => Answer::No,
        }
    }

    /// Whether the path led nowhere.
    fn only_missing(&self) -> bool {
        self.missing && !self.yes && !self.no && !self.unsure
    }

    /// Yes when one leaf said so.
    fn some(&self) -> Answer {
        match (self.yes, self.unsure) {
            (true, _) => Answer::Yes,
            (false, true) => Answer::Unsure,
            (false, false) => Answer::No,
        }
    }
}

#[cfg(test)]
mod tests;
