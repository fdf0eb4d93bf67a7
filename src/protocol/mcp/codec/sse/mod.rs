//! Event streams, read from pieces and written. (WHATWG HTML, section 9.2, "Server-sent events".)

mod read;
mod write;

use bytes::Bytes;

pub use read::Reader;
pub use write::KEEP_ALIVE;
pub use write::Unwritable;
pub use write::write;
pub use write::write_settings;

/// One event. Texts are as they were received, and not necessarily UTF-8.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Event {
    /// Its type. `None` or empty: `message`.
    pub event: Option<Bytes>,
    /// The id that it sets. Empty: resets the id. `None`: the id of earlier events stays.
    pub id: Option<Bytes>,
    /// How long a client that lost the stream should wait before it reconnects, in milliseconds.
    pub retry: Option<u64>,
    /// Its data lines, joined by line feeds. May be empty.
    pub data: Bytes,
}

impl Event {
    /// Returns whether its type is `message`, which MCP uses for its messages.
    pub fn is_message(&self) -> bool {
        matches!(self.event.as_deref(), None | Some(b"" | b"message"))
    }
}

/// An item of a stream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Item {
    /// An event with data.
    Event(Event),
    /// An event without a data line: applications do not see it, but its id and retry time count.
    Settings {
        /// See [`Event::id`].
        id: Option<Bytes>,
        /// See [`Event::retry`].
        retry: Option<u64>,
    },
    /// A comment, without its colon: usually sent to keep the stream open. It may be returned before the
    /// event that it is part of.
    Comment(Bytes),
}

/// An event is longer than allowed. The stream cannot be read any further.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("an event of the stream is longer than {limit} bytes")]
pub struct TooLong {
    /// The limit in bytes, including field names and line ends.
    pub limit: usize,
}
