//! Why bytes are not one message: the problem, its place, and the error code for it. (JSON-RPC 2.0, section
//! 5.1.)

use crate::domain::json::Fault;
use crate::domain::json::JsonError;

/// The JSON-RPC code for invalid JSON.
pub const PARSE_ERROR: i32 = -32700;
/// The JSON-RPC code for JSON that is not a valid message.
pub const INVALID_REQUEST: i32 = -32600;

/// Why bytes are not one message, and where. Its text contains no part of the input.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not one JSON-RPC message: {problem} at byte {at}")]
pub struct Refusal {
    /// The problem.
    pub problem: Problem,
    /// The offset in the bytes.
    pub at: usize,
}

impl Refusal {
    pub(super) const fn new(problem: Problem, at: usize) -> Self {
        Self { problem, at }
    }

    /// Returns the code of the error that answers it: [`PARSE_ERROR`] or [`INVALID_REQUEST`].
    pub const fn code(self) -> i32 {
        match self.problem {
            Problem::Encoding
            | Problem::ByteOrderMark
            | Problem::Syntax(_)
            | Problem::Trailing
            | Problem::TooDeep => PARSE_ERROR,
            Problem::TooLong { .. }
            | Problem::Batch
            | Problem::NoObject
            | Problem::Twice
            | Problem::Lookalike { .. }
            | Problem::Version
            | Problem::Shape { .. }
            | Problem::NoId
            | Problem::ParamsOfNothing
            | Problem::Both
            | Problem::Neither => INVALID_REQUEST,
        }
    }
}

impl From<JsonError> for Refusal {
    fn from(error: JsonError) -> Self {
        let problem = match error.fault {
            Fault::Encoding => Problem::Encoding,
            Fault::Syntax => Problem::Syntax(error.problem),
            Fault::Trailing => Problem::Trailing,
            Fault::Twice => Problem::Twice,
            Fault::Depth => Problem::TooDeep,
        };
        Self { problem, at: error.at }
    }
}

/// A problem with a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Problem {
    /// More bytes than allowed.
    #[error("{found} bytes, where at most {limit} are taken")]
    TooLong {
        /// The number of bytes.
        found: usize,
        /// The limit.
        limit: usize,
    },
    /// Bytes that are not UTF-8.
    #[error("bytes that are not UTF-8")]
    Encoding,
    /// A byte order mark.
    #[error("a byte order mark, which JSON must not begin with")]
    ByteOrderMark,
    /// Invalid JSON, with the cause.
    #[error("{0}")]
    Syntax(&'static str),
    /// Something follows the message.
    #[error("more than one JSON value")]
    Trailing,
    /// Nested deeper than allowed.
    #[error("values nested too deep")]
    TooDeep,
    /// An array of messages.
    #[error("a batch; send each message alone")]
    Batch,
    /// JSON, but not an object.
    #[error("a value that is no object")]
    NoObject,
    /// A member name occurs twice in one object.
    #[error("a member name that comes twice in one object")]
    Twice,
    /// A member name that some readers take for a known one.
    #[error("a member name that is not `{known}` but may be taken for it; write it as it is defined")]
    Lookalike {
        /// The known name.
        known: &'static str,
    },
    /// `jsonrpc` is missing or not `"2.0"`.
    #[error("no member `jsonrpc` that is exactly \"2.0\"")]
    Version,
    /// A member has the wrong shape.
    #[error("a member `{name}` that is not {wanted}")]
    Shape {
        /// The member's name.
        name: &'static str,
        /// The required shape.
        wanted: Wanted,
    },
    /// A result without an id.
    #[error("a result without an id")]
    NoId,
    /// `params` in a message without a method.
    #[error("a member `params` without a method")]
    ParamsOfNothing,
    /// More than one of `method`, `result` and `error`.
    #[error("more than one of the members `method`, `result` and `error`")]
    Both,
    /// None of `method`, `result` and `error`.
    #[error("none of the members `method`, `result` and `error`")]
    Neither,
}

/// The required shape of a member.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Wanted {
    /// A string.
    #[error("a string")]
    String,
    /// An array.
    #[error("an array")]
    Array,
    /// An object.
    #[error("an object")]
    Object,
    /// A whole number.
    #[error("a whole number")]
    Integer,
    /// A string, or a whole number that every reader parses alike.
    #[error("a string, or a whole number between -9007199254740991 and 9007199254740991")]
    Id,
}
