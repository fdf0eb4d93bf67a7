//! Finds the frames in a stream: a type byte, a length, a body. Long ones pass in pieces, so that no frame
//! fills the memory.
//!
//! A [`Scanner`] follows one direction of one stream and is shown the bytes that were not yet taken. What it
//! finds stands at their front; the caller takes that many bytes ([`Found::bytes`]) and looks again. So a
//! relay walks over all frames that arrived with one read and passes them on with one write.
//! [`Scanner::take`] does the taking for who wants frames one by one. (PostgreSQL 18 manual, 54.1.1 and
//! 54.7.)

use std::marker::PhantomData;

use bytes::BytesMut;

use crate::protocol::postgres::wire::error::WireError;
use crate::protocol::postgres::wire::tag::LONGEST;
use crate::protocol::postgres::wire::tag::Size;
use crate::protocol::postgres::wire::tag::Stage;
use crate::protocol::postgres::wire::tag::Tag;

/// The bytes before a body: the type, and the length of all that follows the type.
pub const HEADER: usize = 5;
/// The bytes of the length itself, which it counts.
const LENGTH: u32 = 4;

/// How long frames may be. No more than the greater of `whole` and 65,536 bytes must be held in memory to
/// look at a stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Longer frames of the large types are given in pieces, in bytes with the header. Default 256 KiB. Small
    /// messages are always given whole.
    pub whole: usize,
    /// The most that the length of a [`Size::Statement`] may say, in bytes. Default and ceiling [`LONGEST`].
    /// A relay that wants to refuse a long statement and keep the session leaves this and drops the pieces of
    /// what is [`Found::Long`].
    pub statement: u32,
    /// The most that the length of a [`Size::Data`] may say, in bytes. Default and ceiling [`LONGEST`].
    pub data: u32,
}

impl Default for Limits {
    fn default() -> Self {
        Self { whole: 256 << 10, statement: LONGEST, data: LONGEST }
    }
}

/// The type and length of a frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Header<T> {
    /// The type.
    pub tag: T,
    /// How many bytes the body has, 0 to 1 GiB - 5.
    pub body: u32,
}

impl<T> Header<T> {
    /// How many bytes the frame has, with its header.
    pub fn frame(&self) -> usize {
        in_memory(self.body).saturating_add(HEADER)
    }
}

/// What stands at the front of the bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Found<T> {
    /// A whole frame.
    Frame(Header<T>),
    /// The header of a frame longer than [`Limits::whole`]. Its body, which is not empty, follows as pieces.
    Long(Header<T>),
    /// A piece of the body of the long frame.
    Piece {
        /// How many bytes of it are here, at least 1.
        bytes: usize,
        /// How many come after them; with 0 the frame is done.
        left: u32,
    },
    /// Nothing yet.
    Partial {
        /// How many bytes must come at least before there is more to find.
        missing: usize,
    },
}

impl<T> Found<T> {
    /// How many bytes at the front it is, which the caller must take before the next look.
    pub fn bytes(&self) -> usize {
        match self {
            Self::Frame(header) => header.frame(),
            Self::Long(_) => HEADER,
            Self::Piece { bytes, .. } => *bytes,
            Self::Partial { .. } => 0,
        }
    }
}

/// What [`Scanner::take`] took out of a buffer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Part<T> {
    /// A whole frame: its type and all its bytes, the header's too.
    Frame(T, BytesMut),
    /// A long frame begins: its header, and the bytes of that.
    Long(Header<T>, BytesMut),
    /// The next bytes of the long frame, and how many come after them.
    Piece(BytesMut, u32),
}

/// The body of a whole frame; empty where `frame` has no body.
pub fn body(frame: &[u8]) -> &[u8] {
    frame.get(HEADER..).unwrap_or_default()
}

/// Follows one direction of one stream, frame by frame.
#[derive(Debug, Clone)]
pub struct Scanner<T> {
    stage: Stage,
    limits: Limits,
    /// How much of the body of a long frame is still to come.
    left: u32,
    sender: PhantomData<T>,
}

impl<T: Tag> Scanner<T> {
    /// A scanner for the bytes behind the startup packet, or behind the startup packet's answer.
    pub fn new(limits: Limits) -> Self {
        Self { stage: Stage::Login, limits, left: 0, sender: PhantomData }
    }

    /// The login is over: from the next frame on, what belongs to a session may come, and what belongs to a
    /// login may not.
    pub fn session_begins(&mut self) {
        self.stage = Stage::Session;
    }

    /// Whether the next byte would begin a frame. A stream that ends elsewhere was cut off.
    #[cfg(test)]
    pub fn at_frame_start(&self) -> bool {
        self.left == 0
    }

    /// Looks at `input`, the bytes of the stream that were not yet taken.
    ///
    /// # Errors
    /// A type that the peer may not send now, a length that no message of its type may have, or one over the
    /// limits. The stream cannot go on after it.
    pub fn look(&mut self, input: &[u8]) -> Result<Found<T>, WireError> {
        if self.left > 0 {
            return Ok(self.piece(input.len()));
        }
        let Some((&byte, rest)) = input.split_first() else {
            return Ok(Found::Partial { missing: HEADER });
        };
        let tag = T::of(byte, self.stage).ok_or(WireError::UnknownType {
            sender: T::SENDER,
            stage: self.stage.words(),
            byte,
        })?;
        let Some((length, _)) = rest.split_first_chunk() else {
            return Ok(Found::Partial { missing: HEADER.saturating_sub(input.len()) });
        };
        let header = Header { tag, body: self.check(tag, i32::from_be_bytes(*length))? };
        // A frame without a body is never long: no piece would come to end it.
        let long = header.body > 0 && header.frame() > self.limits.whole;
        if long && !matches!(tag.size(), Size::Small(_)) {
            self.left = header.body;
            return Ok(Found::Long(header));
        }
        Ok(match header.frame().saturating_sub(input.len()) {
            0 => Found::Frame(header),
            missing => Found::Partial { missing },
        })
    }

    /// Takes what stands at the front of `input` out of it; `None` where there is nothing yet.
    ///
    /// # Errors
    /// As [`Scanner::look`].
    pub fn take(&mut self, input: &mut BytesMut) -> Result<Option<Part<T>>, WireError> {
        let found = self.look(input)?;
        let bytes = found.bytes();
        Ok(match found {
            Found::Partial { .. } => None,
            Found::Frame(header) => Some(Part::Frame(header.tag, input.split_to(bytes))),
            Found::Long(header) => Some(Part::Long(header, input.split_to(bytes))),
            Found::Piece { left, .. } => Some(Part::Piece(input.split_to(bytes), left)),
        })
    }

    fn piece(&mut self, here: usize) -> Found<T> {
        if here == 0 {
            return Found::Partial { missing: 1 };
        }
        let now = u32::try_from(here).unwrap_or(u32::MAX).min(self.left);
        self.left = self.left.saturating_sub(now);
        Found::Piece { bytes: in_memory(now), left: self.left }
    }

    /// How long the body is, by the length that was sent.
    fn check(&self, tag: T, found: i32) -> Result<u32, WireError> {
        let most = tag.size().most();
        let bad = WireError::Length { message: tag.name(), found, most };
        let length = u32::try_from(found).map_err(|_negative| bad)?;
        let body = length.checked_sub(LENGTH).ok_or(bad)?;
        if length > most {
            return Err(bad);
        }
        let limit = match tag.size() {
            Size::Small(most) => most,
            Size::Statement => self.limits.statement,
            Size::Data => self.limits.data,
        };
        if length > limit {
            return Err(WireError::TooLong { message: tag.name(), found: length, limit });
        }
        Ok(body)
    }
}

/// A length as a number of bytes in memory.
fn in_memory(length: u32) -> usize {
    usize::try_from(length).unwrap_or(usize::MAX)
}
