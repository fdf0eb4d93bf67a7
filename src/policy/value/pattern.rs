//! Patterns for one value.

use std::cmp::Ordering;

use crate::domain::json::Json;
use crate::policy::answer::Answer;
use crate::policy::decimal::Decimal;
use crate::policy::glob::Glob;
use crate::policy::glob::PATTERN_MAX;
use crate::policy::glob::check_text;
use crate::policy::problem::Refusal;
use crate::policy::value::readings;
use crate::policy::value::walk::Leaf;

/// A requirement on a value.
#[derive(Debug, Clone)]
pub(super) enum Pattern {
    /// Equal to one of the choices.
    Is(Choices),
    /// Equal to none of the choices.
    IsNot(Choices),
    /// A number that compares so with the operand.
    Compares(Holds, Box<str>),
}

/// Whether a comparison holds for an ordering of value and operand.
pub(super) type Holds = fn(Ordering) -> bool;

/// Alternatives.
#[derive(Debug, Clone)]
pub(super) struct Choices(Box<[Choice]>);

#[derive(Debug, Clone)]
enum Choice {
    Anything,
    Glob(Glob),
    Literal(Box<str>),
}

impl Pattern {
    /// Parses a pattern.
    pub(super) fn parse(text: &str) -> Result<Self, Refusal> {
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

    /// Returns whether the pattern tests more than the characters of a text. If so, an object that some
    /// readers see in a text counts too.
    pub(super) fn asks_for_words(&self) -> bool {
        match self {
            Self::Is(choices) | Self::IsNot(choices) => {
                choices.0.iter().any(|choice| matches!(choice, Choice::Literal(_)))
            }
            Self::Compares(..) => true,
        }
    }

    /// What it says about one value; nothing about one that is not there. `sent`: a client chose the value,
    /// and a target may read it otherwise.
    pub(super) fn leaf(&self, leaf: Leaf<'_>, sent: bool) -> Option<Answer> {
        match (self, leaf) {
            (_, Leaf::Missing) => None,
            (_, Leaf::Doubtful) | (Self::Compares(..), Leaf::Within) => Some(Answer::Unsure),
            (Self::Is(choices) | Self::IsNot(choices), leaf) => {
                Some(Answer::any(choices.0.iter().map(|choice| choice.answer(leaf, sent))))
            }
            (Self::Compares(..), Leaf::Empty) => Some(Answer::No),
            (Self::Compares(holds, operand), Leaf::Value(value)) => {
                Some(compare(value, *holds, operand, sent))
            }
        }
    }
}

/// A number answers surely, unless it is the operand's to targets that keep 64 bits of it. What only may be
/// taken for one is unsure, unless it is one in JSON's own spelling and the comparison fails.
fn compare(value: &Json, holds: Holds, operand: &str, sent: bool) -> Answer {
    let number = |text: &str| {
        let order = Decimal::parse(text)?.compare(Decimal::parse(operand)?);
        let is_close = sent && order.is_ne() && readings::is_one_in_bits(text, operand);
        Some(if is_close { Answer::Unsure } else { Answer::of(holds(order)) })
    };
    match value {
        Json::Number(text) => number(text).unwrap_or(Answer::Unsure),
        Json::String(text) if number(text) == Some(Answer::No) => Answer::No,
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

    /// Returns whether every value matches.
    pub(super) fn any(&self) -> bool {
        self.0.iter().any(|choice| matches!(choice, Choice::Anything))
    }
}

impl Choice {
    fn answer(&self, leaf: Leaf<'_>, sent: bool) -> Answer {
        let value = match (self, leaf) {
            // Targets may read an object as a plain value: `{"$eq": 8}`. A glob tests the text before it.
            (Self::Anything, Leaf::Empty) | (_, Leaf::Doubtful) | (Self::Literal(_), Leaf::Within) => {
                return Answer::Unsure;
            }
            (_, Leaf::Missing | Leaf::Empty | Leaf::Within) => return Answer::No,
            (Self::Anything, Leaf::Value(_)) => return Answer::Yes,
            (_, Leaf::Value(value)) => value,
        };
        // Where a plain value is expected, targets may read one from an object: `{"$eq": 8}`.
        let Some(text) = value.scalar() else { return Answer::Unsure };
        let is_number = matches!(value, Json::Number(_));
        match self {
            Self::Anything => Answer::Yes,
            // The same number has other spellings, which the glob does not match.
            Self::Glob(_) if is_number && text.contains(['.', 'e', 'E']) => Answer::Unsure,
            Self::Glob(glob) => Answer::of(glob.matches(text.as_bytes())),
            Self::Literal(literal) => {
                if **literal == *text || (is_number && equal(literal, text)) {
                    Answer::Yes
                } else if (sent && readings::may_be(value, text, literal))
                    || value.as_str().is_some_and(|text| equal(literal, loose(text)))
                {
                    Answer::Unsure
                } else {
                    Answer::No
                }
            }
        }
    }
}

fn equal(left: &str, right: &str) -> bool {
    Decimal::parse(left)
        .is_some_and(|left| Decimal::parse(right).is_some_and(|right| left.compare(right).is_eq()))
}

/// Returns a text as a lenient target would read it as a number: without white space, plus sign and leading
/// zeros.
fn loose(text: &str) -> &str {
    let text = text.trim_matches(|c: char| c.is_whitespace() || c.is_control());
    let text = text.strip_prefix('+').unwrap_or(text);
    let digits = text.trim_start_matches('0');
    let zeros = text.len() - digits.len();
    // One zero stays before a point or the end.
    let keep = usize::from(zeros > 0 && !digits.starts_with(|c: char| c.is_ascii_digit()));
    text.get(zeros - keep..).unwrap_or(text)
}
