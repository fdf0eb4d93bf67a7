//! Writes frames and packets as a whole or not at all: the length is filled in last, and an error removes
//! what was written.

use bytes::BufMut;
use bytes::BytesMut;
use memchr::memchr;

use crate::protocol::postgres::wire::error::WriteError;
use crate::protocol::postgres::wire::opening::LONGEST_PACKET;
use crate::protocol::postgres::wire::tag::Tag;

/// The body of a message that is being written.
pub(super) struct Body<'a> {
    message: &'static str,
    out: &'a mut BytesMut,
}

/// Appends a frame of this type, with the body that `fill` writes.
pub(super) fn frame<T: Tag>(
    out: &mut BytesMut,
    tag: T,
    fill: impl FnOnce(&mut Body<'_>) -> Result<(), WriteError>,
) -> Result<(), WriteError> {
    let before = out.len();
    out.put_u8(tag.byte());
    let most = usize::try_from(tag.size().most()).unwrap_or(usize::MAX);
    let written = sized(out, tag.name(), most, fill);
    if written.is_err() {
        out.truncate(before);
    }
    written
}

/// Appends a packet without a type, as sent before or instead of a startup packet.
pub(super) fn packet(
    out: &mut BytesMut,
    message: &'static str,
    fill: impl FnOnce(&mut Body<'_>) -> Result<(), WriteError>,
) -> Result<(), WriteError> {
    let before = out.len();
    let written = sized(out, message, LONGEST_PACKET, fill);
    if written.is_err() {
        out.truncate(before);
    }
    written
}

fn sized(
    out: &mut BytesMut,
    message: &'static str,
    most: usize,
    fill: impl FnOnce(&mut Body<'_>) -> Result<(), WriteError>,
) -> Result<(), WriteError> {
    let start = out.len();
    out.put_u32(0);
    fill(&mut Body { message, out: &mut *out })?;
    let found = out.len().saturating_sub(start);
    let too_long = WriteError::TooLong { message, part: "the whole", found, most };
    let length = u32::try_from(found).map_err(|_more| too_long)?;
    if found > most {
        return Err(too_long);
    }
    fill_in(out, start, length.to_be_bytes());
    Ok(())
}

/// Overwrites bytes that were reserved.
fn fill_in<const N: usize>(out: &mut BytesMut, at: usize, bytes: [u8; N]) {
    if let Some(place) = out.get_mut(at..).and_then(|rest| rest.first_chunk_mut()) {
        *place = bytes;
    }
}

impl Body<'_> {
    /// Appends one byte.
    pub(super) fn byte(&mut self, byte: u8) {
        self.out.put_u8(byte);
    }

    /// Appends an Int16.
    #[cfg(test)]
    pub(super) fn int16(&mut self, number: i16) {
        self.out.put_i16(number);
    }

    /// Appends an unsigned Int16.
    pub(super) fn uint16(&mut self, number: u16) {
        self.out.put_u16(number);
    }

    /// Appends an Int32.
    pub(super) fn int32(&mut self, number: i32) {
        self.out.put_i32(number);
    }

    /// Appends an unsigned Int32.
    pub(super) fn uint32(&mut self, number: u32) {
        self.out.put_u32(number);
    }

    /// Appends bytes without a length or terminator.
    pub(super) fn bytes(&mut self, bytes: &[u8]) {
        self.out.put_slice(bytes);
    }

    /// Appends a String and its terminating NUL.
    pub(super) fn text(&mut self, part: &'static str, text: &[u8]) -> Result<(), WriteError> {
        if memchr(0, text).is_some() {
            return Err(WriteError::Nul { message: self.message, part });
        }
        self.out.put_slice(text);
        self.out.put_u8(0);
        Ok(())
    }

    /// Appends a String of a list that ends with an empty one.
    pub(super) fn listed(&mut self, part: &'static str, text: &[u8]) -> Result<(), WriteError> {
        if text.is_empty() {
            return Err(WriteError::Empty { message: self.message, part });
        }
        self.text(part, text)
    }

    /// Appends an Int32 length and the bytes; for `None`, which is NULL, the length -1.
    pub(super) fn value(&mut self, part: &'static str, value: Option<&[u8]>) -> Result<(), WriteError> {
        let Some(bytes) = value else {
            self.int32(-1);
            return Ok(());
        };
        let most = usize::try_from(i32::MAX).unwrap_or(usize::MAX);
        let length = i32::try_from(bytes.len()).map_err(|_more| WriteError::TooLong {
            message: self.message,
            part,
            found: bytes.len(),
            most,
        })?;
        self.int32(length);
        self.bytes(bytes);
        Ok(())
    }

    /// Appends an Int16 count, and each item as `put` writes it.
    pub(super) fn counted<I: IntoIterator>(
        &mut self,
        part: &'static str,
        items: I,
        mut put: impl FnMut(&mut Self, I::Item) -> Result<(), WriteError>,
    ) -> Result<(), WriteError> {
        let start = self.out.len();
        self.uint16(0);
        let mut count = 0_u16;
        for item in items {
            let most = usize::from(u16::MAX);
            count = count.checked_add(1).ok_or(WriteError::TooMany {
                message: self.message,
                part,
                found: most.saturating_add(1),
                most,
            })?;
            put(self, item)?;
        }
        fill_in(self.out, start, count.to_be_bytes());
        Ok(())
    }
}
