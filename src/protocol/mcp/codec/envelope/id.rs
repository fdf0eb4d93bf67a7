//! Request ids, and values of the same form: progress tokens and subscription ids. (JSON-RPC 2.0, section 4;
//! MCP 2026-07-28, `RequestId`.)

use std::borrow::Cow;

use crate::domain::json::write_string;

/// The largest whole number that every JSON reader parses exactly, and the negative of the smallest: 2^53 - 1
/// (RFC 8259, section 6).
pub const GREATEST: i64 = (1 << 53) - 1;

/// The longest id, or value of the same form, of a request, in bytes.
pub const LONGEST: usize = 512;

/// The value of an id. Two ids are the same if they are equal here, however they are written; a number never
/// equals a string.
///
/// To echo an id, use its bytes ([`crate::protocol::mcp::codec::envelope::Value::raw`]): they keep type and
/// spelling.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Id<'a> {
    /// A whole number, at most [`GREATEST`] away from 0.
    Number(i64),
    /// A string, unescaped.
    Text(Cow<'a, str>),
}

impl Id<'_> {
    /// Parses a number: only plain digits with or without a minus. No fraction or exponent, not `-0`, and no
    /// number that a reader with 64-bit floating-point numbers would round.
    pub(super) fn number(raw: &str) -> Option<Self> {
        let number: i64 = raw.parse().ok()?;
        let plain = raw != "-0" && (-GREATEST..=GREATEST).contains(&number);
        plain.then_some(Self::Number(number))
    }

    /// Returns whether it is longer than [`LONGEST`]: such an id is not kept in mind.
    pub fn is_long(&self) -> bool {
        matches!(self, Self::Text(text) if text.len() > LONGEST)
    }

    /// Returns the id with an owned text.
    pub fn into_owned(self) -> Id<'static> {
        match self {
            Self::Number(number) => Id::Number(number),
            Self::Text(text) => Id::Text(Cow::Owned(text.into_owned())),
        }
    }

    /// Writes the id as JSON, for ids that the gateway generates.
    pub fn to_json(&self) -> String {
        match self {
            Self::Number(number) => number.to_string(),
            Self::Text(text) => {
                let mut out = String::with_capacity(text.len() + 2);
                // Writing to a string never fails.
                write_string(text, &mut out).unwrap_or_default();
                out
            }
        }
    }
}
