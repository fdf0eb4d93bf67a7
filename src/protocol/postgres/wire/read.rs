//! Reads the parts of a message's body in order, and reports which one is missing.

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
    /// Creates a reader for the body of the message with this name.
    pub(super) const fn new(message: &'static str, body: &'a [u8]) -> Self {
        Self { message, body, rest: body }
    }

    /// Returns the name of the message.
    pub(super) const fn message(&self) -> &'static str {
        self.message
    }

    /// Returns the whole body.
    pub(super) const fn body(&self) -> &'a [u8] {
        self.body
    }

    /// Returns the number of bytes that were read.
    pub(super) const fn at(&self) -> usize {
        self.body.len().saturating_sub(self.rest.len())
    }

    /// Returns whether everything was read.
    pub(super) const fn is_done(&self) -> bool {
        self.rest.is_empty()
    }

    fn array<const N: usize>(&mut self, part: &'static str) -> Result<[u8; N], WireError> {
        let (array, rest) =
            self.rest.split_first_chunk().ok_or(WireError::Short { message: self.message, part })?;
        self.rest = rest;
        Ok(*array)
    }

    /// Reads one byte.
    pub(super) fn byte(&mut self, part: &'static str) -> Result<u8, WireError> {
        self.array(part).map(u8::from_be_bytes)
    }

    /// Reads an Int16 that may be negative.
    pub(super) fn int16(&mut self, part: &'static str) -> Result<i16, WireError> {
        self.array(part).map(i16::from_be_bytes)
    }

    /// Reads an Int16 that is a count, which the server reads as unsigned.
    pub(super) fn count(&mut self, part: &'static str) -> Result<u16, WireError> {
        self.array(part).map(u16::from_be_bytes)
    }

    /// Reads an Int32 that may be negative.
    pub(super) fn int32(&mut self, part: &'static str) -> Result<i32, WireError> {
        self.array(part).map(i32::from_be_bytes)
    }

    /// Reads an unsigned Int32, such as an oid.
    pub(super) fn oid(&mut self, part: &'static str) -> Result<u32, WireError> {
        self.array(part).map(u32::from_be_bytes)
    }

    /// Reads a String, without its terminating NUL.
    pub(super) fn text(&mut self, part: &'static str) -> Result<&'a [u8], WireError> {
        let end = memchr(0, self.rest).ok_or(WireError::NoNul { message: self.message, part })?;
        let text = self.bytes(end, part)?;
        self.rest = self.rest.get(1..).unwrap_or_default();
        Ok(text)
    }

    /// Reads this many bytes.
    pub(super) fn bytes(&mut self, length: usize, part: &'static str) -> Result<&'a [u8], WireError> {
        let (bytes, rest) =
            self.rest.split_at_checked(length).ok_or(WireError::Short { message: self.message, part })?;
        self.rest = rest;
        Ok(bytes)
    }

    /// Reads everything that is left.
    pub(super) const fn rest(&mut self) -> &'a [u8] {
        let rest = self.rest;
        self.rest = &[];
        rest
    }

    /// Reads an Int32 length and that many bytes; `None` for the length -1, which is NULL.
    pub(super) fn value(&mut self, part: &'static str) -> Result<Option<&'a [u8]>, WireError> {
        let length = self.int32(part)?;
        if length == -1 {
            return Ok(None);
        }
        let bytes = usize::try_from(length)
            .map_err(|_negative| self.bad(part, length.into(), "a length, or -1 for NULL"))?;
        self.bytes(bytes, part).map(Some)
    }

    /// Returns the error for a number that is not valid in its place.
    pub(super) const fn bad(&self, part: &'static str, found: i64, wanted: &'static str) -> WireError {
        WireError::Value { message: self.message, part, found, wanted }
    }

    /// Refuses bytes that are left.
    pub(super) const fn end(&self) -> Result<(), WireError> {
        match self.rest.len() {
            0 => Ok(()),
            bytes => Err(WireError::Trailing { message: self.message, bytes }),
        }
    }
}

/// Returns a text as UTF-8.
pub(super) fn utf8<'a>(
    message: &'static str,
    part: &'static str,
    text: &'a [u8],
) -> Result<&'a str, WireError> {
    std::str::from_utf8(text).map_err(|error| WireError::NotUtf8 { message, part, at: error.valid_up_to() })
}
