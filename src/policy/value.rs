//! Patterns for single values in JSON: the `claims` and `args` conditions.
//!
//! A path is member names joined by dots; `\.` writes a dot inside a name. Arrays are transparent: a name
//! applies to each of their elements. A claim whose whole name equals the path takes precedence, so
//! `"https://example.com/role"` needs no escapes.
//!
//! A value pattern is one of
//! - a literal, `*` globs, or alternatives of both joined by `|`: `8`, `test-*`, `gold|silver`, `*` for any
//!   value at all;
//! - `=` and a literal without special characters: `=a*b`, or `=` alone for the empty text;
//! - `!=` and any of the above; `!= *` holds if there is no value at all;
//! - `>`, `>=`, `<` or `<=` and a number.
//!
//! Numbers are compared by value as exact decimals (`1000`, `1e3` and `1000.0` are equal, and equal to the
//! literal `1000`), texts by their characters, case included; `true`, `false` and `null` as these words. A
//! number in a text is not surely a number: targets differ. Where it would match, and for every other text,
//! boolean, `null` or object under a comparison, the answer is unsure.
//!
//! In `args`, which a client writes, unsure is also what some target may take for the literal: beside a
//! number another one that is it when it is cut, rounded or kept in 32 or 64 bits (`8.7` and `4294967304` for
//! `8`), any text with a digit that is no plain number, `true` and `false` for 1 and 0 and the other way
//! round; beside any literal a text that differs only in case, width, blanks around it or characters that are
//! not seen. Under a comparison it is a number within rounding of the operand.

mod form;
mod pattern;
mod readings;
mod texts;
mod walk;

use std::fmt;

use crate::domain::command::Args;
use crate::domain::form::Form;
use crate::domain::json::Json;
use crate::policy::answer::Answer;
use crate::policy::problem::Refusal;
use crate::policy::value::form::Parts;
use crate::policy::value::form::Wanted;
use crate::policy::value::pattern::Choices;
use crate::policy::value::pattern::Pattern;
use crate::policy::value::texts::Texts;
use crate::policy::value::walk::Leaf;
use crate::policy::value::walk::Reading;
use crate::policy::value::walk::Walk;
use crate::policy::value::walk::read_names;

/// One entry of a `claims` or `args` table.
#[derive(Debug, Clone)]
pub(super) struct ValueTest {
    path: Box<str>,
    names: Box<[Box<str>]>,
    text: Box<str>,
    pattern: Pattern,
}

/// The arguments of a command and the parameters of its query, prepared once for all policies.
#[derive(Debug)]
pub(super) struct Called<'a> {
    args: &'a Args,
    form: Parts,
    query: Parts,
    texts: Texts,
}

impl<'a> Called<'a> {
    /// Parses forms, and the JSON in strings.
    pub(super) fn new(args: &'a Args, query: &Form) -> Self {
        let (mut form, query, mut texts) = (Parts::default(), Parts::new(query), Texts::default());
        match args {
            Args::Read(json) => texts.read(json),
            Args::Form(pairs) => {
                form = Parts::new(pairs);
                form.read_into(&mut texts);
            }
            Args::Absent | Args::NotRead | Args::Unreadable => {}
        }
        query.read_into(&mut texts);
        Self { args, form, query, texts }
    }

    /// Returns the arguments.
    pub(super) fn args(&self) -> &'a Args {
        self.args
    }

    /// Returns whether there is a query with parameters.
    pub(super) fn has_query(&self) -> bool {
        !self.query.is_empty()
    }
}

/// The combined answers of the leaves.
#[derive(Default)]
#[expect(clippy::struct_excessive_bools, reason = "four things that are seen or not, in any mixture")]
struct Tally {
    yes: bool,
    no: bool,
    unsure: bool,
    missing: bool,
}

impl ValueTest {
    /// Parses one entry.
    pub(super) fn parse(path: &str, text: &str) -> Result<Self, Refusal> {
        Ok(Self {
            path: path.into(),
            names: read_names(path)?,
            text: text.into(),
            pattern: Pattern::parse(text)?,
        })
    }

    /// Evaluates the arguments of a command. The client chose them, so a value that two targets could read
    /// differently is unsure. Many targets read a query parameter like a member of the body.
    pub(super) fn of_args(&self, called: &Called<'_>) -> Answer {
        if matches!(called.args, Args::NotRead | Args::Unreadable) {
            return Answer::Unsure;
        }
        let mut tally = Tally::default();
        let mut visit = |leaf: Leaf<'_>| self.count(leaf, true, &mut tally);
        let mut walk = Walk::new(Reading::Lenient(&called.texts), &mut visit);
        self.walk_body(called, &mut walk);
        self.walk_query(called, &mut walk);
        self.of_body(&tally)
    }

    /// Adds what the pattern says of a leaf; `sent`: of one that a client chose.
    fn count(&self, leaf: Leaf<'_>, sent: bool, tally: &mut Tally) {
        // A glob has seen the text.
        if !matches!(leaf, Leaf::Within) || self.pattern.asks_for_words() {
            tally.add(self.pattern.leaf(leaf, sent));
        }
    }

    fn of_body(&self, tally: &Tally) -> Answer {
        match &self.pattern {
            Pattern::Is(_) | Pattern::Compares(..) => tally.every(),
            // A target may have a default for a missing value.
            Pattern::IsNot(choices) if tally.missing && !choices.any() => Answer::Unsure,
            Pattern::IsNot(_) => tally.every().not(),
        }
    }

    /// Evaluates the claims of a token. The issuer chose them: one matching element of a list is enough.
    pub(super) fn of_claims(&self, claims: &Json) -> Answer {
        let mut tally = Tally::default();
        self.walk_claims(claims, &mut |leaf| self.count(leaf, false, &mut tally));
        let choices = match &self.pattern {
            Pattern::Is(choices) | Pattern::IsNot(choices) => Some(choices),
            Pattern::Compares(..) => None,
        };
        let is = if !tally.only_missing() {
            tally.some()
        } else if choices.is_some_and(Choices::any) {
            // Only the presence of the claim was tested.
            Answer::No
        } else {
            Answer::Unsure
        };
        if matches!(self.pattern, Pattern::IsNot(_)) { is.not() } else { is }
    }

    /// Returns the value at the path in the claims, for display, limited to 80 characters.
    pub(super) fn found_in_claims(&self, claims: &Json) -> String {
        found(|note| self.walk_claims(claims, note))
    }

    /// Returns the value at the path in the arguments, for display, limited to 80 characters; likewise the
    /// value in the query, if any.
    pub(super) fn found_in_args(&self, called: &Called<'_>) -> String {
        let reading = Reading::Lenient(&called.texts);
        let body = found(|note| self.walk_body(called, &mut Walk::new(reading, note)));
        let query = found(|note| self.walk_query(called, &mut Walk::new(reading, note)));
        if query.is_empty() { body } else { format!("in the body: {body}; in the query: {query}") }
    }

    fn walk_claims(&self, claims: &Json, visit: &mut dyn FnMut(Leaf<'_>)) {
        let mut walk = Walk::new(Reading::Exact, visit);
        match claims.member(&self.path) {
            Some(value) => walk.leaves(value),
            None => walk.path(claims, &self.names),
        }
    }

    /// Visits everything that the path leads to in the arguments.
    fn walk_body(&self, called: &Called<'_>, walk: &mut Walk<'_>) {
        match called.args {
            Args::Read(args) => walk.path(args, &self.names),
            Args::Form(_) if Wanted::new(&self.names).walk(&called.form, walk) => {}
            Args::Form(_) | Args::Absent => walk.leaf(Leaf::Missing),
            Args::NotRead | Args::Unreadable => walk.leaf(Leaf::Doubtful),
        }
    }

    /// Visits everything that the path may lead to in the query.
    fn walk_query(&self, called: &Called<'_>, walk: &mut Walk<'_>) {
        if called.has_query() {
            Wanted::new(&self.names).walk(&called.query, walk);
        }
    }
}

/// Maximum number of characters shown of a value.
const FOUND: usize = 80;

/// Formats the visited values for display, limited to 80 characters.
fn found(visit: impl FnOnce(&mut dyn FnMut(Leaf<'_>))) -> String {
    let mut text = String::new();
    visit(&mut |leaf| {
        // In bytes, which are at least as many as characters; a few more show that there are more.
        if text.len() > 4 * FOUND {
            return;
        }
        if !text.is_empty() && !matches!(leaf, Leaf::Within) {
            text.push_str(", ");
        }
        match leaf {
            Leaf::Value(value) => text.push_str(&value.to_string()),
            Leaf::Empty => text.push_str("[]"),
            Leaf::Missing => text.push_str("nothing"),
            Leaf::Doubtful => text.push_str("what cannot be read"),
            // The text that holds it was added before.
            Leaf::Within => {}
        }
    });
    match text.char_indices().nth(FOUND) {
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

    /// Yes if all leaves answered yes, no if none may have.
    fn every(&self) -> Answer {
        match (self.yes || self.unsure, self.no || self.missing || self.unsure) {
            (true, false) => Answer::Yes,
            (true, true) => Answer::Unsure,
            (false, _) => Answer::No,
        }
    }

    /// Returns whether the path led nowhere.
    fn only_missing(&self) -> bool {
        self.missing && !self.yes && !self.no && !self.unsure
    }

    /// Yes if one leaf answered yes.
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
