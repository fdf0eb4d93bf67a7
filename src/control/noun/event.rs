//! The live stream: events of sessions and approvals as they happen.

use std::future::Future;
use std::pin::Pin;

use http::Method;
use serde::Deserialize;
use serde::Serialize;

use crate::control::Answer;
use crate::control::Backend;
use crate::control::Client;
use crate::control::call::Call;
use crate::control::call::Reply;
use crate::control::call::query_of;
use crate::control::error::ApiError;
use crate::domain::id::SessionId;

/// The topic of a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Topic {
    /// An approval was requested, decided or ended; the data is its current state.
    Approval,
    /// A command was denied; the data is the session event of the denial. The same event is also sent as
    /// `session`.
    Denied,
    /// An event of a session; the data is the event.
    Session,
    /// Another change. The data is `{"revision":N}` for connections, policies, masks and locks (read them
    /// again), or `{"grant":…}` with the current state of a grant.
    Change,
    /// The stream could not be resumed where it ended, so messages were missed. Read the lists again; the
    /// data is `{}`.
    Gap,
    /// The last message: the data is `{"reason":"slow"}` (the reader did not keep up) or
    /// `{"reason":"stopping"}`.
    End,
}

impl Topic {
    /// All topics.
    pub const ALL: [Self; 6] =
        [Self::Approval, Self::Denied, Self::Session, Self::Change, Self::Gap, Self::End];

    /// Returns the name of the topic: the `event` field of the stream.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Approval => "approval",
            Self::Denied => "denied",
            Self::Session => "session",
            Self::Change => "change",
            Self::Gap => "gap",
            Self::End => "end",
        }
    }

    /// Parses the name of a topic.
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|topic| topic.as_str() == word)
    }
}

/// One message of the stream.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LiveEvent {
    /// Its id, for resuming the stream after it.
    pub id: String,
    /// The topic.
    pub topic: Topic,
    /// One JSON value on one line. Texts in it are raw and must be escaped for display.
    pub data: String,
}

/// Why the gateway ended the stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EndReason {
    /// The reader did not keep up. The stream can be resumed.
    Slow,
    /// The gateway stops.
    Stopping,
}

impl EndReason {
    /// Returns the data of the message [`Topic::End`].
    pub const fn data(self) -> &'static str {
        match self {
            Self::Slow => r#"{"reason":"slow"}"#,
            Self::Stopping => r#"{"reason":"stopping"}"#,
        }
    }

    /// Reads the data of the message [`Topic::End`]. A reason that is not known counts as `Stopping`.
    pub fn of(data: &str) -> Self {
        if data.contains("\"slow\"") { Self::Slow } else { Self::Stopping }
    }
}

/// Selects messages.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct EventFilter {
    /// Only this session, for session events and denials.
    pub session: Option<SessionId>,
    /// Only this topic. `gap` and `end` are always sent.
    pub topic: Option<Topic>,
    /// Every topic but this one, if `topic` is not set.
    pub without: Option<Topic>,
}

impl EventFilter {
    /// Returns whether messages of a topic are selected at all.
    pub fn wants(&self, topic: Topic) -> bool {
        match self.topic {
            Some(only) => only == topic,
            None => self.without != Some(topic),
        }
    }
}

/// The future of the next message: `None` at the end of the stream.
pub type NextEvent<'a> = Pin<Box<dyn Future<Output = Result<Option<LiveEvent>, ApiError>> + Send + 'a>>;

/// A stream of messages. Dropping a wait for the next one loses nothing.
pub trait EventSource: Send {
    /// Waits for the next message.
    fn next(&mut self) -> NextEvent<'_>;
}

/// Operations on the live stream.
pub trait Events {
    /// Opens the stream after the message with the id `after`, or from now on. Only a running gateway has
    /// one.
    fn events(&self, filter: EventFilter, after: Option<String>) -> Answer<'_, Box<dyn EventSource>>;
}

impl Events for Client {
    fn events(&self, filter: EventFilter, after: Option<String>) -> Answer<'_, Box<dyn EventSource>> {
        self.follow(Method::GET, format!("events{}", query_of(&filter)), after)
    }
}

/// The paths and what each takes.
pub(super) const ROUTES: &[(&str, &str)] = &[("events", "GET")];

/// Returns the route `/v1/events`.
///
/// # Errors
/// The backend's errors, `not_found` for other paths, and 405 for other methods.
pub async fn route(call: &Call, backend: &dyn Backend) -> Result<Reply, ApiError> {
    match (&call.method, call.path().as_slice()) {
        (&Method::GET, ["events"]) => {
            backend.events(call.parameters()?, call.last_event.clone()).await.map(Reply::Events)
        }
        _ => Err(call.unknown_among(ROUTES)),
    }
}
