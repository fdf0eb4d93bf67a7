//! Members that were found, each with its place and shape.

use std::borrow::Cow;

use crate::domain::json::cursor::Shape;
use crate::domain::json::cursor::Span;
use crate::domain::json::cursor::unescape;
use crate::protocol::mcp::codec::envelope::id::Id;
use crate::protocol::mcp::codec::envelope::refusal::Wanted;

/// Where a value stands and what it is.
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
    /// Its bytes: one strict JSON value without white space around it.
    pub raw: &'a [u8],
    /// Where they stand in the body of the message.
    pub span: Span,
    /// What it is.
    pub shape: Shape,
}

impl<'a> Value<'a> {
    /// What a string says, unescaped, copied only where it holds an escape. `None`: it is no string.
    pub fn text(&self) -> Option<Cow<'a, str>> {
        if self.shape != Shape::String {
            return None;
        }
        let inner = self.raw.get(1..self.raw.len().checked_sub(1)?)?;
        let inner = std::str::from_utf8(inner).ok()?;
        let escaped = memchr::memchr(b'\\', inner.as_bytes()).is_some();
        Some(if escaped { Cow::Owned(unescape(inner)) } else { Cow::Borrowed(inner) })
    }

    /// What it says as an id. `None`: it is neither a string nor a whole number that every reader reads alike.
    pub fn id(&self) -> Option<Id<'a>> {
        match self.shape {
            Shape::Number => Id::number(std::str::from_utf8(self.raw).ok()?),
            _ => self.text().map(Id::Text),
        }
    }

    /// A number that is written as a whole one and fits.
    pub fn integer(&self) -> Option<i64> {
        match self.shape {
            Shape::Number => std::str::from_utf8(self.raw).ok()?.parse().ok(),
            _ => None,
        }
    }

    /// `true` or `false`. `None`: it is neither.
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
            // What a string says does not matter.
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
