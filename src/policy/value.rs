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

mod form;
mod pattern;
mod walk;

use std::fmt;

use crate::domain::command::Args;
use crate::domain::form::Form;
use crate::domain::json::Json;
use crate::policy::answer::Answer;
use crate::policy::problem::Refusal;
use crate::policy::value::form::Wanted;
use crate::policy::value::pattern::Choices;
use crate::policy::value::pattern::Pattern;
use crate::policy::value::walk::Leaf;
use crate::policy::value::walk::Reading;
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

    /// What it says about what a command is called with. A client chose it: what two targets could read differently is unsure. Many targets read a
    /// parameter of the query as they do one of the body.
    pub(super) fn of_args(&self, args: &Args, query: &Form) -> Answer {
        if matches!(args, Args::NotRead | Args::Unreadable) {
            return Answer::Unsure;
        }
        let mut tally = Tally::default();
        self.walk_args(args, query, &mut |leaf| tally.add(self.pattern.leaf(leaf)));
        self.of_body(&tally)
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
            Some(value) => leaves(value, Reading::Exact, &mut |leaf| tally.add(self.pattern.leaf(leaf))),
            None => {
                walk(claims, &self.names, Reading::Exact, &mut |leaf| tally.add(self.pattern.leaf(leaf)));
            }
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

    /// What stands at the path in the claims, for people, cut at 80 characters.
    pub(super) fn found_in_claims(&self, claims: &Json) -> String {
        found(|note| match claims.member(&self.path) {
            Some(value) => leaves(value, Reading::Exact, note),
            None => walk(claims, &self.names, Reading::Exact, note),
        })
    }

    /// What stands at the path in the arguments, for people, cut at 80 characters.
    pub(super) fn found_in_args(&self, args: &Args, query: &Form) -> String {
        found(|note| self.walk_args(args, query, note))
    }

    /// Visits all that the path leads to.
    fn walk_args(&self, args: &Args, query: &Form, visit: &mut dyn FnMut(Leaf<'_>)) {
        match args {
            Args::Read(args) => walk(args, &self.names, Reading::ARGS, visit),
            Args::Form(form) if Wanted::new(&self.names).walk(form, visit) => {}
            Args::Form(_) | Args::Absent => visit(Leaf::Missing),
            Args::NotRead | Args::Unreadable => visit(Leaf::Doubtful),
        }
        if !query.pairs().is_empty() {
            Wanted::new(&self.names).walk(query, visit);
        }
    }
}

/// What is visited, for people, cut at 80 characters.
fn found(visit: impl FnOnce(&mut dyn FnMut(Leaf<'_>))) -> String {
    let mut found = Vec::new();
    visit(&mut |leaf| {
        found.push(match leaf {
            Leaf::Value(value) => value.to_string(),
            Leaf::Empty => "[]".to_owned(),
            Leaf::Missing => "nothing".to_owned(),
            Leaf::Doubtful => "what cannot be read".to_owned(),
        });
    });
    let text = found.join(", ");
    match text.char_indices().nth(80) {
        Some((end, _)) => format!("{}…", text.get(..end).unwrap_or_default()),
        None => text,
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
