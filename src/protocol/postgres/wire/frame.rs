//! Finds the frames in a stream: a type byte, a length, a body. Long frames pass in pieces, so that no frame
//! fills the memory.
//!
//! A [`Scanner`] follows one direction of one stream and is shown the bytes that were not taken yet. It
//! reports what is at their front; the caller takes that many bytes ([`Found::bytes`]) and looks again. So a
//! relay can walk over all frames of one read and pass them on with one write. [`Scanner::take`] also takes
//! the bytes, for callers that want frames one by one. (PostgreSQL 18 manual, 54.1.1 and 54.7.)

use std::marker::PhantomData;

use bytes::BytesMut;

use crate::protocol::postgres::wire::error::WireError;
use crate::protocol::postgres::wire::tag::LONGEST;
use crate::protocol::postgres::wire::tag::Size;
use crate::protocol::postgres::wire::tag::Stage;
use crate::protocol::postgres::wire::tag::Tag;

/// The bytes before a body: the type, and the length of everything after the type.
pub const HEADER: usize = 5;
/// The bytes of the length itself, which it includes.
const LENGTH: u32 = 4;

/// Limits for the length of frames. At most the greater of `whole` and 65,536 bytes must be held in memory to
/// scan a stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// The longest frame that is given whole, in bytes with the header. Longer frames of the large types are
    /// given in pieces; small messages are always given whole. Default 256 KiB.
    pub whole: usize,
    /// The greatest length of a [`Size::Statement`], in bytes. Default and maximum [`LONGEST`]. A relay that
    /// refuses long statements but keeps the session leaves this, and drops the pieces of what is
    /// [`Found::Long`].
    pub statement: u32,
    /// The greatest length of a [`Size::Data`], in bytes. Default and maximum [`LONGEST`].
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
    /// The number of bytes of the body, 0 to 1 GiB - 5.
    pub body: u32,
}

impl<T> Header<T> {
    /// Returns the number of bytes of the frame, with its header.
    pub fn frame(&self) -> usize {
        in_memory(self.body).saturating_add(HEADER)
    }
}

/// What is at the front of the bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Found<T> {
    /// A whole frame.
    Frame(Header<T>),
    /// The header of a frame longer than [`Limits::whole`]. Its body, which is not empty, follows in pieces.
    Long(Header<T>),
    /// A piece of the body of the long frame.
    Piece {
        /// The number of bytes of the piece, at least 1.
        bytes: usize,
        /// The number of bytes after it; 0 at the end of the frame.
        left: u32,
    },
    /// An incomplete frame.
    Partial {
        /// The least number of bytes that must arrive before there is more to find.
        missing: usize,
    },
}

impl<T> Found<T> {
    /// Returns the number of bytes that the caller must take before it looks again.
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
    /// A whole frame: its type, and all its bytes with the header.
    Frame(T, BytesMut),
    /// The start of a long frame: its header, and the bytes of the header.
    Long(Header<T>, BytesMut),
    /// The next bytes of the long frame, and the number of bytes after them.
    Piece(BytesMut, u32),
}

/// Returns the body of a whole frame; empty if it has none.
pub fn body(frame: &[u8]) -> &[u8] {
    frame.get(HEADER..).unwrap_or_default()
}

/// Follows one direction of one stream, frame by frame.
#[derive(Debug, Clone)]
pub struct Scanner<T> {
    stage: Stage,
    limits: Limits,
    /// The number of bytes of a long frame's body that are still to come.
    left: u32,
    sender: PhantomData<T>,
}

impl<T: Tag> Scanner<T> {
    /// Creates a scanner for the bytes after the startup packet, in either direction.
    pub fn new(limits: Limits) -> Self {
        Self { stage: Stage::Login, limits, left: 0, sender: PhantomData }
    }

    /// Notes that the login is over: from the next frame on, messages of a session may come, and those of a
    /// login may not.
    pub fn session_begins(&mut self) {
        self.stage = Stage::Session;
    }

    /// Returns whether the next byte would begin a frame. A stream that ends elsewhere was cut off.
    #[cfg(test)]
    pub fn at_frame_start(&self) -> bool {
        self.left == 0
    }

    /// Looks at `input`, the bytes of the stream that were not taken yet.
    ///
    /// # Errors
    /// A type that the peer may not send now, or a length that its type or the limits do not allow. The
    /// stream cannot go on after it.
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

    /// Takes what is at the front of `input` out of it; `None` if it is incomplete.
    ///
    /// # Errors
    /// The same as [`Scanner::look`].
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

    /// Checks the length that was sent, and returns that of the body.
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

/// Converts a length to a number of bytes in memory.
fn in_memory(length: u32) -> usize {
    usize::try_from(length).unwrap_or(usize::MAX)
}
