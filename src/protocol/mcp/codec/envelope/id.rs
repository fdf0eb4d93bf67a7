//! Ids of requests, and what is shaped like one: progress tokens, ids of subscriptions. (JSON-RPC 2.0, section 4; MCP 2026-07-28, `RequestId`.)

use std::borrow::Cow;

use crate::domain::json::write_string;

/// The greatest whole number that every reader of JSON reads exactly, and its negative the least: 2^53 - 1 (RFC 8259, section 6).
pub const GREATEST: i64 = (1 << 53) - 1;

/// What an id says. Two ids are the same when they are equal here, however they are spelled; a number and a string never are.
///
/// To echo one, use its bytes ([`crate::protocol::mcp::codec::envelope::Value::raw`]): they keep type and spelling.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Id<'a> {
    /// A whole number, at most [`GREATEST`] away from 0.
    Number(i64),
    /// A string, unescaped.
    Text(Cow<'a, str>),
}

impl Id<'_> {
    /// The number written as `raw`: only plain digits with or without a minus. No fraction or exponent, not `-0`, and nothing that a
    /// reader with 64-bit floating-point numbers would take for its neighbour.
    pub(super) fn number(raw: &str) -> Option<Self> {
        let number: i64 = raw.parse().ok()?;
        let plain = raw != "-0" && (-GREATEST..=GREATEST).contains(&number);
        plain.then_some(Self::Number(number))
    }

    /// The same id, to keep.
    pub fn into_owned(self) -> Id<'static> {
        match self {
            Self::Number(number) => Id::Number(number),
            Self::Text(text) => Id::Text(Cow::Owned(text.into_owned())),
        }
    }

    /// The id as JSON: for one that the gateway made itself.
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
