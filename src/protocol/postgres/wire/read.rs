//! Reads the parts of a message's body in their order, and knows what to say where one is missing.

use memchr::memchr;

use crate::protocol::postgres::wire::error::WireError;

/// The body of one message, read from front to end.
#[derive(Debug, Clone)]
pub(super) struct Reader<'a> {
    message: &'static str,
    body: &'a [u8],
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    /// A reader of the body of the message of this name.
    pub(super) const fn new(message: &'static str, body: &'a [u8]) -> Self {
        Self { message, body, rest: body }
    }

    /// The message's name.
    pub(super) const fn message(&self) -> &'static str {
        self.message
    }

    /// The whole body.
    pub(super) const fn body(&self) -> &'a [u8] {
        self.body
    }

    /// How many bytes were read.
    pub(super) const fn at(&self) -> usize {
        self.body.len().saturating_sub(self.rest.len())
    }

    /// Whether all was read.
    pub(super) const fn is_done(&self) -> bool {
        self.rest.is_empty()
    }

    fn array<const N: usize>(&mut self, part: &'static str) -> Result<[u8; N], WireError> {
        let (array, rest) =
            self.rest.split_first_chunk().ok_or(WireError::Short { message: self.message, part })?;
        self.rest = rest;
        Ok(*array)
    }

    /// One byte.
    pub(super) fn byte(&mut self, part: &'static str) -> Result<u8, WireError> {
        self.array(part).map(u8::from_be_bytes)
    }

    /// An Int16 that may be negative.
    pub(super) fn int16(&mut self, part: &'static str) -> Result<i16, WireError> {
        self.array(part).map(i16::from_be_bytes)
    }

    /// An Int16 that counts: the server reads it without a sign.
    pub(super) fn count(&mut self, part: &'static str) -> Result<u16, WireError> {
        self.array(part).map(u16::from_be_bytes)
    }

    /// An Int32 that may be negative.
    pub(super) fn int32(&mut self, part: &'static str) -> Result<i32, WireError> {
        self.array(part).map(i32::from_be_bytes)
    }

    /// An Int32 without a sign, such as an oid.
    pub(super) fn oid(&mut self, part: &'static str) -> Result<u32, WireError> {
        self.array(part).map(u32::from_be_bytes)
    }

    /// A String, without the NUL that ends it.
    pub(super) fn text(&mut self, part: &'static str) -> Result<&'a [u8], WireError> {
        let end = memchr(0, self.rest).ok_or(WireError::NoNul { message: self.message, part })?;
        let text = self.bytes(end, part)?;
        self.rest = self.rest.get(1..).unwrap_or_default();
        Ok(text)
    }

    /// So many bytes.
    pub(super) fn bytes(&mut self, length: usize, part: &'static str) -> Result<&'a [u8], WireError> {
        let (bytes, rest) =
            self.rest.split_at_checked(length).ok_or(WireError::Short { message: self.message, part })?;
        self.rest = rest;
        Ok(bytes)
    }

    /// All that is left.
    pub(super) const fn rest(&mut self) -> &'a [u8] {
        let rest = self.rest;
        self.rest = &[];
        rest
    }

    /// An Int32 length and so many bytes; `None` for the length -1, which is NULL.
    pub(super) fn value(&mut self, part: &'static str) -> Result<Option<&'a [u8]>, WireError> {
        let length = self.int32(part)?;
        if length == -1 {
            return Ok(None);
        }
        let bytes = usize::try_from(length)
            .map_err(|_negative| self.bad(part, length.into(), "a length, or -1 for NULL"))?;
        self.bytes(bytes, part).map(Some)
    }

    /// The error for a number that means nothing in its place.
    pub(super) const fn bad(&self, part: &'static str, found: i64, wanted: &'static str) -> WireError {
        WireError::Value { message: self.message, part, found, wanted }
    }

    /// Refuses what is left.
    pub(super) const fn end(&self) -> Result<(), WireError> {
        match self.rest.len() {
            0 => Ok(()),
            bytes => Err(WireError::Trailing { message: self.message, bytes }),
        }
    }
}

/// A text as UTF-8.
pub(super) fn utf8<'a>(
    message: &'static str,
    part: &'static str,
    text: &'a [u8],
) -> Result<&'a str, WireError> {
    std::str::from_utf8(text).map_err(|error| WireError::NotUtf8 { message, part, at: error.valid_up_to() })
}
