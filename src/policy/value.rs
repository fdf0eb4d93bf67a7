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

use std::cmp::Ordering;
use std::fmt;

use crate::domain::json::Json;
use crate::policy::answer::Answer;
use crate::policy::decimal::Decimal;
use crate::policy::glob::Glob;
use crate::policy::glob::PATTERN_MAX;
use crate::policy::glob::check_text;
use crate::policy::problem::Refusal;

/// One entry of a `claims` or `args` table.
#[derive(Debug, Clone)]
pub(super) struct ValueTest {
    path: Box<str>,
    names: Box<[Box<str>]>,
    text: Box<str>,
    pattern: Pattern,
}

#[derive(Debug, Clone)]
enum Pattern {
    Is(Choices),
    IsNot(Choices),
    /// A number that stands so to the text's number.
    Compares(Holds, Box<str>),
}

/// Whether a comparison holds for how the value stands to the operand.
type Holds = fn(Ordering) -> bool;

#[derive(Debug, Clone)]
struct Choices(Box<[Choice]>);

#[derive(Debug, Clone)]
enum Choice {
    Anything,
    Glob(Glob),
    Literal(Box<str>),
}

/// What a path leads to.
#[derive(Clone, Copy)]
enum Leaf<'a> {
    /// A value that is no array.
    Value(&'a Json),
    /// An array without elements.
    Empty,
    /// Nothing.
    Missing,
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
        self.walk(args, true, &mut |leaf, exact| tally.add(self.pattern.leaf(leaf), exact));
        match &self.pattern {
            Pattern::Is(_) | Pattern::Compares(..) => tally.every(),
            Pattern::IsNot(choices) if choices.any() => tally.every().not(),
            // A target may have a default for what is missing.
            Pattern::IsNot(_) if tally.missing => Answer::Unsure,
            Pattern::IsNot(_) => tally.every().not(),
        }
    }

    /// What it says when there is no body at all.
    pub(super) fn of_no_args(&self) -> Answer {
        match &self.pattern {
            Pattern::Is(_) | Pattern::Compares(..) => Answer::No,
            Pattern::IsNot(choices) => {
                if choices.any() {
                    Answer::Yes
                } else {
                    Answer::Unsure
                }
            }
        }
    }

    /// What it says about the claims of a token. The issuer chose them: one element of a list is enough.
    pub(super) fn of_claims(&self, claims: &Json) -> Answer {
        let mut tally = Tally::default();
        match claims.member(&self.path) {
            Some(value) => leaves(value, &mut |leaf| tally.add(self.pattern.leaf(leaf), true)),
            None => self.walk(claims, false, &mut |leaf, exact| tally.add(self.pattern.leaf(leaf), exact)),
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
            _ => self.walk(root, folded, &mut |leaf, _exact| note(leaf)),
        }
        let text = found.join(", ");
        match text.char_indices().nth(80) {
            Some((end, _)) => format!("{}…", text.get(..end).unwrap_or_default()),
            None => text,
        }
    }

    /// Visits all that the path leads to. With `folded`, members whose names only look alike are visited too, as not exact.
    fn walk(&self, root: &Json, folded: bool, visit: &mut dyn FnMut(Leaf<'_>, bool)) {
        walk(root, &self.names, folded, true, visit);
    }
}

impl fmt::Display for ValueTest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} = {}", self.path, self.text)
    }
}

// The depth is that of the JSON, which its reader bounds.
fn walk(value: &Json, names: &[Box<str>], folded: bool, exact: bool, visit: &mut dyn FnMut(Leaf<'_>, bool)) {
    let Some((name, rest)) = names.split_first() else {
        leaves(value, &mut |leaf| visit(leaf, exact));
        return;
    };
    match value {
        Json::Array(elements) => {
            if elements.is_empty() {
                visit(Leaf::Missing, exact);
            }
            for element in elements {
                walk(element, names, folded, exact, visit);
            }
        }
        Json::Object(members) => {
            let mut there = false;
            for (key, member) in members {
                if **key == **name {
                    there = true;
                    walk(member, rest, folded, exact, visit);
                } else if folded && looks_like(key, name) {
                    walk(member, rest, folded, false, visit);
                }
            }
            if !there {
                visit(Leaf::Missing, exact);
            }
        }
        _ => visit(Leaf::Missing, exact),
    }
}

fn leaves(value: &Json, visit: &mut dyn FnMut(Leaf<'_>)) {
    match value {
        Json::Array(elements) if elements.is_empty() => visit(Leaf::Empty),
        Json::Array(elements) => elements.iter().for_each(|element| leaves(element, visit)),
        _ => visit(Leaf::Value(value)),
    }
}

/// Whether some targets take one member name for the other: they fold case, `_` and `-` (Go's `encoding/json`, ASP.NET, protobuf).
fn looks_like(key: &str, name: &str) -> bool {
    fn folded(text: &str) -> impl Iterator<Item = char> {
        // Upwards first: only so does `ſ` meet `s`.
        text.chars()
            .filter(|c| !matches!(c, '_' | '-'))
            .flat_map(char::to_uppercase)
            .flat_map(char::to_lowercase)
    }
    folded(key).eq(folded(name))
}

fn read_names(path: &str) -> Result<Box<[Box<str>]>, Refusal> {
    check_text(path)?;
    let refusal = || Refusal::new("no path", "write member names joined by dots, such as order.amount");
    let mut names = vec![String::new()];
    let mut chars = path.chars();
    while let Some(c) = chars.next() {
        match (c, names.last_mut()) {
            ('.', _) => names.push(String::new()),
            ('\\', Some(name)) => match chars.next() {
                Some(escaped @ ('.' | '\\')) => name.push(escaped),
                _ => {
                    return Err(Refusal::new(
                        "a backslash that escapes nothing",
                        "write \\. for a dot inside a name, \\\\ for a backslash",
                    ));
                }
            },
            (c, Some(name)) => name.push(c),
            (_, None) => return Err(refusal()),
        }
    }
    if names.iter().any(String::is_empty) {
        Err(refusal())
    } else {
        Ok(names.into_iter().map(Into::into).collect())
    }
}

impl Pattern {
    fn parse(text: &str) -> Result<Self, Refusal> {
        if let Some(rest) = text.strip_prefix("!=") {
            return Ok(Self::IsNot(Choices::parse(rest.trim_start())?));
        }
        if text.starts_with('!') {
            return Err(Refusal::new(
                "a ! without =",
                "write != before a value, or = before a literal that starts with !",
            ));
        }
        let orders: [(&str, Holds); 4] = [
            (">=", Ordering::is_ge),
            ("<=", Ordering::is_le),
            (">", Ordering::is_gt),
            ("<", Ordering::is_lt),
        ];
        for (sign, holds) in orders {
            if let Some(operand) = text.strip_prefix(sign) {
                let operand = operand.trim();
                return match Decimal::parse(operand) {
                    Some(_) if operand.len() <= 64 => Ok(Self::Compares(holds, operand.into())),
                    _ => Err(Refusal::new(
                        "a comparison without a number",
                        format!("write a number after {sign}, or = before a literal that starts with it"),
                    )),
                };
            }
        }
        Ok(Self::Is(Choices::parse(text)?))
    }

    fn leaf(&self, leaf: Leaf<'_>) -> Option<Answer> {
        match (self, leaf) {
            (_, Leaf::Missing) => None,
            (Self::Is(choices) | Self::IsNot(choices), leaf) => {
                Some(Answer::any(choices.0.iter().map(|choice| choice.answer(leaf))))
            }
            (Self::Compares(..), Leaf::Empty) => Some(Answer::No),
            (Self::Compares(holds, operand), Leaf::Value(value)) => Some(compare(value, *holds, operand)),
        }
    }
}

/// A number answers surely. What only may be taken for one is unsure, unless it is one in JSON's own spelling and the comparison fails.
fn compare(value: &Json, holds: Holds, operand: &str) -> Answer {
    let number = |text: &str| Some(holds(Decimal::parse(text)?.compare(Decimal::parse(operand)?)));
    match value {
        Json::Number(text) => number(text).map_or(Answer::Unsure, Answer::of),
        Json::String(text) if number(text) == Some(false) => Answer::No,
        _ => Answer::Unsure,
    }
}

impl Choices {
    fn parse(text: &str) -> Result<Self, Refusal> {
        if let Some(literal) = text.strip_prefix('=') {
            if literal.starts_with(['=', '>', '<']) || literal.len() > PATTERN_MAX {
                return Err(Refusal::new(
                    "no comparison",
                    "write one of > >= < <= != =, or = and a space before a literal",
                ));
            }
            let literal = literal.strip_prefix(' ').unwrap_or(literal);
            return Ok(Self([Choice::Literal(literal.into())].into()));
        }
        if text.is_empty() {
            return Err(Refusal::new("empty", "write = for the empty text, * for any value"));
        }
        if text.starts_with(['>', '<', '!']) {
            return Err(Refusal::new("two comparisons", "write one of > >= < <= != ="));
        }
        let choice = |part: &str| -> Result<Choice, Refusal> {
            check_text(part)?;
            let glob = Glob::parse(part)?;
            Ok(match glob.exact() {
                Some(literal) => Choice::Literal(literal.into()),
                None if glob.is_any() => Choice::Anything,
                None => Choice::Glob(glob),
            })
        };
        Ok(Self(text.split('|').map(choice).collect::<Result<_, _>>()?))
    }

    /// Whether every value is meant.
    fn any(&self) -> bool {
        self.0.iter().any(|choice| matches!(choice, Choice::Anything))
    }
}

impl Choice {
    fn answer(&self, leaf: Leaf<'_>) -> Answer {
        let value = match (self, leaf) {
            (Self::Anything, Leaf::Empty) => return Answer::Unsure,
            (_, Leaf::Missing | Leaf::Empty) => return Answer::No,
            (Self::Anything, Leaf::Value(_)) => return Answer::Yes,
            (_, Leaf::Value(value)) => value,
        };
        // Where a plain value is expected, targets make something of an object: `{"$eq": 8}`.
        let Some(text) = value.scalar() else { return Answer::Unsure };
        let is_number = matches!(value, Json::Number(_));
        match self {
            Self::Anything => Answer::Yes,
            // The same number has other spellings, which the glob does not see.
            Self::Glob(_) if is_number && text.contains(['.', 'e', 'E']) => Answer::Unsure,
            Self::Glob(glob) => Answer::of(glob.matches(text.as_bytes())),
            Self::Literal(literal) => {
                if **literal == *text {
                    Answer::Yes
                } else if is_number {
                    Answer::of(equal(literal, text))
                } else if value.as_str().is_some_and(|text| equal(literal, loose(text))) {
                    Answer::Unsure
                } else {
                    Answer::No
                }
            }
        }
    }
}

fn equal(left: &str, right: &str) -> bool {
    match (Decimal::parse(left), Decimal::parse(right)) {
        (Some(left), Some(right)) => left.compare(right).is_eq(),
        _ => false,
    }
}

/// A text as a lenient target would read it as a number: without space, plus sign and zeros in front.
fn loose(text: &str) -> &str {
    let text = text.trim_matches(|c: char| c.is_whitespace() || c.is_control());
    let text = text.strip_prefix('+').unwrap_or(text);
    let digits = text.trim_start_matches('0');
    let zeros = text.len() - digits.len();
    // One zero stays before a point or an end.
    let keep = usize::from(zeros > 0 && !digits.starts_with(|c: char| c.is_ascii_digit()));
    text.get(zeros - keep..).unwrap_or(text)
}

impl Tally {
    fn add(&mut self, answer: Option<Answer>, exact: bool) {
        match answer {
            None => self.missing = true,
            Some(Answer::No) => self.no = true,
            Some(Answer::Yes) if exact => self.yes = true,
            Some(Answer::Yes | Answer::Unsure) => self.unsure = true,
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
