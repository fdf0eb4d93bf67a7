//! The live stream: what happens in sessions and to approvals, as it happens.

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

/// What a message of the stream is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Topic {
    /// An approval was asked for, decided or ended; the data is the approval as it is now.
    Approval,
    /// A command did not pass; the data is the event of the session that says so. The same event comes as `session`, too.
    Denied,
    /// An event of a session; the data is the event.
    Session,
    /// Something else changed. The data is `{"revision":N}` for connections, policies, masks and locks (read them again), or
    /// `{"grant":…}` with a grant as it is now.
    Change,
    /// The stream could not be taken up where it was left: something is missing. Read the lists again; the data is `{}`.
    Gap,
    /// The last message: the data is `{"reason":"slow"}` (the reader did not keep up) or `{"reason":"stopping"}`.
    End,
}

impl Topic {
    /// All of them.
    pub const ALL: [Self; 6] =
        [Self::Approval, Self::Denied, Self::Session, Self::Change, Self::Gap, Self::End];

    /// The word for it: the `event` field of the stream.
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

    /// The topic a word names, if any.
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|topic| topic.as_str() == word)
    }
}

/// One message of the stream.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LiveEvent {
    /// Its id, to take the stream up again after it.
    pub id: String,
    /// What it is about.
    pub topic: Topic,
    /// One JSON value as text, on one line. Raw texts in it: show them escaped.
    pub data: String,
}

/// Which messages are wanted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct EventFilter {
    /// Of the sessions, and of what was denied in them, this one only.
    pub session: Option<SessionId>,
    /// This topic only. `gap` and `end` always come.
    pub topic: Option<Topic>,
    /// Every topic but this one, where `topic` names none.
    pub without: Option<Topic>,
}

impl EventFilter {
    /// Whether messages of a topic are wanted at all.
    pub fn wants(&self, topic: Topic) -> bool {
        match self.topic {
            Some(only) => only == topic,
            None => self.without != Some(topic),
        }
    }
}

/// The next message, to be awaited: `None` at the end of the stream.
pub type NextEvent<'a> = Pin<Box<dyn Future<Output = Result<Option<LiveEvent>, ApiError>> + Send + 'a>>;

/// A stream of messages. Giving up a wait for the next one loses nothing.
pub trait EventSource: Send {
    /// Waits for the next message.
    fn next(&mut self) -> NextEvent<'_>;
}

/// What can be done with the live stream.
pub trait Events {
    /// Opens it, after the message with the id `after` or from now on. Only a running gateway has one.
    fn events(&self, filter: EventFilter, after: Option<String>) -> Answer<'_, Box<dyn EventSource>>;
}

impl Events for Client {
    fn events(&self, filter: EventFilter, after: Option<String>) -> Answer<'_, Box<dyn EventSource>> {
        self.follow(Method::GET, format!("events{}", query_of(&filter)), after)
    }
}

/// The paths and what each takes.
const ROUTES: &[(&str, &str)] = &[("events", "GET")];

/// The route `/v1/events`.
///
/// # Errors
/// What the backend says, `not_found` for other paths, and for other methods 405.
pub async fn route(call: &Call, backend: &dyn Backend) -> Result<Reply, ApiError> {
    match (&call.method, call.path().as_slice()) {
        (&Method::GET, ["events"]) => {
            backend.events(call.parameters()?, call.last_event.clone()).await.map(Reply::Events)
        }
        _ => Err(call.unknown_among(ROUTES)),
    }
}
