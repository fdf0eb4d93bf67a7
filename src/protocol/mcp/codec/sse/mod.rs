//! Event streams: read in pieces split anywhere, and written. (WHATWG HTML, section 9.2, "Server-sent events".)

mod read;
mod write;

use bytes::Bytes;

pub use read::Reader;
pub use write::KEEP_ALIVE;
pub use write::Unwritable;
pub use write::write;
pub use write::write_settings;

/// One event. Texts are as they came; nothing says that they are UTF-8.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Event {
    /// Its type. `None` or empty: `message`.
    pub event: Option<Bytes>,
    /// The id that it sets. Empty: there is none from now on. `None`: that of the events before it stays.
    pub id: Option<Bytes>,
    /// How long a client that lost the stream waits before it asks again, in milliseconds.
    pub retry: Option<u64>,
    /// Its data lines, joined by line feeds. May be empty.
    pub data: Bytes,
}

impl Event {
    /// Whether it is of the type `message`, in which MCP sends its messages.
    pub fn is_message(&self) -> bool {
        matches!(self.event.as_deref(), None | Some(b"" | b"message"))
    }
}

/// What a stream holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Item {
    /// An event with data.
    Event(Event),
    /// What would be an event but has no data line: it is not given to an application, but its id and retry count.
    Settings {
        /// As [`Event::id`].
        id: Option<Bytes>,
        /// As [`Event::retry`].
        retry: Option<u64>,
    },
    /// A comment, without its colon: what comes in between to keep the stream open. It may come ahead of the event that it stands in.
    Comment(Bytes),
}

/// An event that is longer than allowed. The stream cannot be read on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("an event of the stream is longer than {limit} bytes")]
pub struct TooLong {
    /// How many bytes an event may have, with its field names and line ends.
    pub limit: usize,
}
