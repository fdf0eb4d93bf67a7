//! Errors of reading and writing messages, each with its SQLSTATE.

use crate::protocol::postgres::wire::sqlstate::SqlState;

/// Why bytes are not a valid message. The texts quote nothing of the message but numbers. The stream cannot
/// go on after an error in a frame; after one in a body it could, but PostgreSQL ends the session too.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum WireError {
    /// The byte begins no message that this peer may send now.
    #[error("the {sender} sent a message of type 0x{byte:02x}, which it may not send {stage}")]
    UnknownType {
        /// `client` or `server`.
        sender: &'static str,
        /// The stage, in words.
        stage: &'static str,
        /// The type byte.
        byte: u8,
    },
    /// The length of the frame is one that no peer may send.
    #[error("the length of {message} is {found}, but must be 4 to {most}")]
    Length {
        /// The message's name in the manual.
        message: &'static str,
        /// The length as sent: all bytes after the type.
        found: i32,
        /// The most that PostgreSQL accepts.
        most: u32,
    },
    /// PostgreSQL would accept the frame, but it is over the limit of this gateway.
    #[error("{message} has {found} bytes, more than the {limit} that this gateway takes")]
    TooLong {
        /// The message's name in the manual.
        message: &'static str,
        /// The length as sent: all bytes after the type.
        found: u32,
        /// The most that the caller's limits allow.
        limit: u32,
    },
    /// The body ends too early.
    #[error("{message} ends before or inside its {part}")]
    Short {
        /// The message's name in the manual.
        message: &'static str,
        /// The part that is missing.
        part: &'static str,
    },
    /// A text has no terminating NUL.
    #[error("the {part} of {message} has no end")]
    NoNul {
        /// The message's name in the manual.
        message: &'static str,
        /// The text.
        part: &'static str,
    },
    /// Bytes follow the end of the message.
    #[error("{message} has bytes after its end ({bytes})")]
    Trailing {
        /// The message's name in the manual.
        message: &'static str,
        /// The number of these bytes.
        bytes: usize,
    },
    /// A number is not valid in its place.
    #[error("the {part} of {message} is {found}, but must be {wanted}")]
    Value {
        /// The message's name in the manual.
        message: &'static str,
        /// The part that is the number.
        part: &'static str,
        /// The number.
        found: i64,
        /// The valid numbers.
        wanted: &'static str,
    },
    /// The number of format codes is wrong: there may be none, one, or one for each value.
    #[error("{message} has {formats} format codes for {values} values")]
    Formats {
        /// The message's name in the manual.
        message: &'static str,
        /// The number of codes.
        formats: usize,
        /// The number of values.
        values: usize,
    },
    /// A text is not UTF-8.
    #[error("the {part} of {message} is not UTF-8 at byte {at}")]
    NotUtf8 {
        /// The message's name in the manual.
        message: &'static str,
        /// The text.
        part: &'static str,
        /// The position of the first bad byte, from 0.
        at: usize,
    },
}

impl WireError {
    /// Returns the SQLSTATE for the client.
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

/// Why a message was not written. None of it was.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum WriteError {
    /// A text contains a NUL, which would end it there.
    #[error("the {part} of {message} has a NUL in it")]
    Nul {
        /// The message's name in the manual.
        message: &'static str,
        /// The text.
        part: &'static str,
    },
    /// A text is empty, which would end a list.
    #[error("the {part} of {message} is empty")]
    Empty {
        /// The message's name in the manual.
        message: &'static str,
        /// The text.
        part: &'static str,
    },
    /// There are more items than the count can hold.
    #[error("{message} would have {found} {part}, but can have at most {most}")]
    TooMany {
        /// The message's name in the manual.
        message: &'static str,
        /// What is counted.
        part: &'static str,
        /// The number of items; one more than the limit if they were not counted to the end.
        found: usize,
        /// The limit.
        most: usize,
    },
    /// The message or a part of it has too many bytes.
    #[error("{part} of {message} would have {found} bytes, but can have at most {most}")]
    TooLong {
        /// The message's name in the manual.
        message: &'static str,
        /// The part.
        part: &'static str,
        /// The number of bytes.
        found: usize,
        /// The limit.
        most: usize,
    },
    /// A cancel key has a length that the protocol version does not allow.
    #[error("a key of cancellation of {found} bytes, where the version of the protocol wants {wanted}")]
    Key {
        /// The number of bytes.
        found: usize,
        /// The allowed lengths.
        wanted: &'static str,
    },
}

impl WriteError {
    /// Returns the SQLSTATE for the client, if the text came from it.
    pub const fn sqlstate(&self) -> SqlState {
        match self {
            Self::Nul { .. } => SqlState::CHARACTER_NOT_IN_REPERTOIRE,
            Self::TooMany { .. } | Self::TooLong { .. } => SqlState::PROGRAM_LIMIT_EXCEEDED,
            Self::Empty { .. } | Self::Key { .. } => SqlState::PROTOCOL_VIOLATION,
        }
    }
}
