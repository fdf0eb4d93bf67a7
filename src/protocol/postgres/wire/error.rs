//! What can be wrong with bytes that were read, and with what is to be written; each with its SQLSTATE.

use crate::protocol::postgres::wire::sqlstate::SqlState;

/// Why bytes are not a message. The texts hold nothing of the message but numbers. The stream cannot go on
/// after an error of a frame; after one of a body it could, but PostgreSQL ends the session too.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum WireError {
    /// A byte that begins no message which this peer may send now.
    #[error("the {sender} sent a message of type 0x{byte:02x}, which it may not send {stage}")]
    UnknownType {
        /// `client` or `server`.
        sender: &'static str,
        /// When, in words.
        stage: &'static str,
        /// The type byte.
        byte: u8,
    },
    /// A frame whose length no peer may send.
    #[error("the length of {message} is {found}, but must be 4 to {most}")]
    Length {
        /// The message's name in the manual.
        message: &'static str,
        /// The length as it was sent: all bytes after the type.
        found: i32,
        /// The most that PostgreSQL takes.
        most: u32,
    },
    /// A frame that PostgreSQL would take, but is over the limit of this gateway.
    #[error("{message} has {found} bytes, more than the {limit} that this gateway takes")]
    TooLong {
        /// The message's name in the manual.
        message: &'static str,
        /// The length as it was sent: all bytes after the type.
        found: u32,
        /// The most that the caller's limits take.
        limit: u32,
    },
    /// A body that ends too early.
    #[error("{message} ends before or inside its {part}")]
    Short {
        /// The message's name in the manual.
        message: &'static str,
        /// What is missing.
        part: &'static str,
    },
    /// A text without the NUL that ends it.
    #[error("the {part} of {message} has no end")]
    NoNul {
        /// The message's name in the manual.
        message: &'static str,
        /// Which text.
        part: &'static str,
    },
    /// Bytes after the end of the message.
    #[error("{message} has bytes after its end ({bytes})")]
    Trailing {
        /// The message's name in the manual.
        message: &'static str,
        /// How many.
        bytes: usize,
    },
    /// A number that means nothing in its place.
    #[error("the {part} of {message} is {found}, but must be {wanted}")]
    Value {
        /// The message's name in the manual.
        message: &'static str,
        /// Which number.
        part: &'static str,
        /// The number.
        found: i64,
        /// What it may be.
        wanted: &'static str,
    },
    /// As many format codes as fit no rule: there may be none, one, or one for each value.
    #[error("{message} has {formats} format codes for {values} values")]
    Formats {
        /// The message's name in the manual.
        message: &'static str,
        /// How many codes.
        formats: usize,
        /// How many values.
        values: usize,
    },
    /// A text that is not UTF-8.
    #[error("the {part} of {message} is not UTF-8 at byte {at}")]
    NotUtf8 {
        /// The message's name in the manual.
        message: &'static str,
        /// Which text.
        part: &'static str,
        /// The place of the first bad byte, from 0.
        at: usize,
    },
}

impl WireError {
    /// What the client's program is told.
    pub const fn sqlstate(&self) -> SqlState {
        match self {
            Self::TooLong { .. } => SqlState::PROGRAM_LIMIT_EXCEEDED,
            Self::NotUtf8 { .. } => SqlState::CHARACTER_NOT_IN_REPERTOIRE,
            Self::UnknownType { .. }
            | Self::Length { .. }
            | Self::Short { .. }
            | Self::NoNul { .. }
            | Self::Trailing { .. }
            | Self::Value { .. }
            | Self::Formats { .. } => SqlState::PROTOCOL_VIOLATION,
        }
    }
}

/// Why a message was not written. Nothing of it was.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum WriteError {
    /// A text with a NUL in it, which would end it there.
    #[error("the {part} of {message} has a NUL in it")]
    Nul {
        /// The message's name in the manual.
        message: &'static str,
        /// Which text.
        part: &'static str,
    },
    /// A text that may not be empty, since an empty one ends a list.
    #[error("the {part} of {message} is empty")]
    Empty {
        /// The message's name in the manual.
        message: &'static str,
        /// Which text.
        part: &'static str,
    },
    /// More items than a count can say.
    #[error("{message} would have {found} {part}, but can have at most {most}")]
    TooMany {
        /// The message's name in the manual.
        message: &'static str,
        /// What is counted.
        part: &'static str,
        /// How many there are; where they were not counted to the end, one more than is possible.
        found: usize,
        /// How many can be.
        most: usize,
    },
    /// More bytes than the message or its part may have.
    #[error("{part} of {message} would have {found} bytes, but can have at most {most}")]
    TooLong {
        /// The message's name in the manual.
        message: &'static str,
        /// Which part.
        part: &'static str,
        /// How many bytes there are.
        found: usize,
        /// How many can be.
        most: usize,
    },
    /// A key of cancellation of a length that the version does not know.
    #[error("a key of cancellation of {found} bytes, where the version of the protocol wants {wanted}")]
    Key {
        /// How many bytes there are.
        found: usize,
        /// How many may be.
        wanted: &'static str,
    },
}

impl WriteError {
    /// What the client's program is told, where the text came from it.
    pub const fn sqlstate(&self) -> SqlState {
        match self {
            Self::Nul { .. } => SqlState::CHARACTER_NOT_IN_REPERTOIRE,
            Self::TooMany { .. } | Self::TooLong { .. } => SqlState::PROGRAM_LIMIT_EXCEEDED,
            Self::Empty { .. } | Self::Key { .. } => SqlState::PROTOCOL_VIOLATION,
        }
    }
}
