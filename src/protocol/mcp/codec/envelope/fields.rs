//! The known members of a message, each with its place and shape.

use std::borrow::Cow;

use crate::domain::json::cursor::Shape;
use crate::domain::json::cursor::Span;
use crate::domain::json::cursor::unescape;
use crate::protocol::mcp::codec::envelope::id::Id;
use crate::protocol::mcp::codec::envelope::refusal::Wanted;

/// The place and shape of a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::protocol::mcp::codec) struct Place {
    pub(in crate::protocol::mcp::codec) span: Span,
    pub(in crate::protocol::mcp::codec) shape: Shape,
}

impl Place {
    pub(in crate::protocol::mcp::codec) fn value(self, body: &[u8]) -> Value<'_> {
        Value { raw: self.span.of(body), span: self.span, shape: self.shape }
    }
}

/// One value of a message, as it was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Value<'a> {
    /// Its bytes: one strict JSON value without surrounding white space.
    pub raw: &'a [u8],
    /// Its place in the body of the message.
    pub span: Span,
    /// Its shape.
    pub shape: Shape,
}

impl<'a> Value<'a> {
    /// Returns the unescaped text of a string, copied only if it contains an escape; `None` if it is not a
    /// string.
    pub fn text(&self) -> Option<Cow<'a, str>> {
        if self.shape != Shape::String {
            return None;
        }
        let inner = self.raw.get(1..self.raw.len().checked_sub(1)?)?;
        let inner = std::str::from_utf8(inner).ok()?;
        let escaped = memchr::memchr(b'\\', inner.as_bytes()).is_some();
        Some(if escaped { Cow::Owned(unescape(inner)) } else { Cow::Borrowed(inner) })
    }

    /// Returns the value as an id; `None` if it is neither a string nor a whole number that every reader
    /// parses alike.
    pub fn id(&self) -> Option<Id<'a>> {
        match self.shape {
            Shape::Number => Id::number(std::str::from_utf8(self.raw).ok()?),
            _ => self.text().map(Id::Text),
        }
    }

    /// Returns a whole number; `None` if it is not written as one or does not fit.
    pub fn integer(&self) -> Option<i64> {
        match self.shape {
            Shape::Number => std::str::from_utf8(self.raw).ok()?.parse().ok(),
            _ => None,
        }
    }

    /// Returns a boolean; `None` for any other shape.
    pub const fn boolean(&self) -> Option<bool> {
        match self.shape {
            Shape::True => Some(true),
            Shape::False => Some(false),
            _ => None,
        }
    }

    pub(in crate::protocol::mcp::codec) fn is(&self, wanted: Wanted) -> bool {
        match wanted {
            Wanted::String => self.shape == Shape::String,
            Wanted::Array => self.shape == Shape::Array,
            Wanted::Object => self.shape == Shape::Object,
            Wanted::Integer => self.integer().is_some(),
            // The content of the string does not matter.
            Wanted::Id => self.shape == Shape::String || self.id().is_some(),
        }
    }
}

/// The known members of one object.
#[derive(Debug, Clone)]
pub(in crate::protocol::mcp::codec) struct Fields<F>(Vec<(F, Place)>);

impl<F> Default for Fields<F> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<F: Copy + PartialEq> Fields<F> {
    pub(in crate::protocol::mcp::codec) fn put(&mut self, field: F, place: Place) {
        self.0.push((field, place));
    }

    pub(in crate::protocol::mcp::codec) fn get(&self, field: F) -> Option<Place> {
        self.0.iter().find(|(found, _)| *found == field).map(|(_, place)| *place)
    }
}
