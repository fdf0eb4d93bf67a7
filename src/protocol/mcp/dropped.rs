//! The texts recorded for messages from the target that nobody gets. They contain nothing of the message
//! itself.

use crate::domain::json::DEPTH;
use crate::domain::json::Json;
use crate::protocol::mcp::codec::envelope::Kind;
use crate::protocol::mcp::codec::envelope::Message;
use crate::protocol::mcp::codec::envelope::names::Known;
use crate::protocol::mcp::codec::envelope::names::Top;
use crate::protocol::mcp::codec::envelope::names::look_up;

/// The methods that are named.
const METHODS: [&str; 15] = [
    "elicitation/create",
    "notifications/cancelled",
    "notifications/elicitation/complete",
    "notifications/message",
    "notifications/progress",
    "notifications/prompts/list_changed",
    "notifications/resources/list_changed",
    "notifications/resources/updated",
    "notifications/subscriptions/acknowledged",
    "notifications/tasks",
    "notifications/tasks/status",
    "notifications/tools/list_changed",
    "ping",
    "roots/list",
    "sampling/createMessage",
];

/// Why a message from the target is dropped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Why {
    /// It answers a request that was not made here.
    Unasked,
    /// It is about something that the caller may not see.
    Hidden,
    /// Its task does not belong to the caller.
    NotItsTask,
    /// The caller has not subscribed to it.
    NotSubscribed,
    /// Its progress is less than the last one.
    NoProgress,
    /// It names no request, or an unknown one.
    Nobody,
    /// This version of MCP has no requests from servers.
    NoRequests,
    /// It asks the client what it may not ask.
    MayNotAsk,
    /// The id of its request is longer than one may be.
    LongId,
    /// More is kept for a stream that nobody opens than there is room for.
    Untaken,
}

impl Why {
    const fn words(self) -> &'static str {
        match self {
            Self::Unasked => "nobody asked for it",
            Self::Hidden => "it concerns something the caller may not see",
            Self::NotItsTask => "its task is not the caller's",
            Self::NotSubscribed => "the caller has not subscribed to it",
            Self::NoProgress => "it is not progress that the caller asked for",
            Self::Nobody => "it names no recipient",
            Self::NoRequests => "servers of this MCP version send no requests",
            Self::MayNotAsk => "it asks for something that is not allowed or declared",
            Self::LongId => "its id is longer than 512 bytes",
            Self::Untaken => "no client is listening and the buffer is full",
        }
    }
}

/// Returns kind, method and reason as fixed texts; an unknown method is only called another one.
pub fn words(message: &Message, why: Why) -> (&'static str, &'static str, &'static str) {
    let kind = match message.kind() {
        Kind::Request => "request",
        Kind::Notification => "notification",
        Kind::Response => "response",
        Kind::Error => "error",
    };
    (kind, message.method().map_or("", |method| named(&method)), why.words())
}

/// The same for what is no message, but JSON that says a method and cannot be meant as an answer: it has
/// neither an id nor what came of anything. `None`: it is something else.
pub fn unusable(data: &[u8]) -> Option<(&'static str, &'static str, &'static str)> {
    let said = Json::parse(data, DEPTH).ok()?;
    let Json::Object(members) = &said else { return None };
    let answers = |name: &str| match look_up::<Top>(name) {
        Known::Exactly(field) | Known::Lookalike(field) => {
            matches!(field, Top::Id | Top::Result | Top::Error)
        }
        Known::No => false,
    };
    let method = said.member("method").and_then(Json::as_str)?;
    let alone = !members.iter().any(|(name, _)| answers(name));
    alone.then(|| ("notification", named(method), "it is no message of MCP"))
}

fn named(method: &str) -> &'static str {
    METHODS.into_iter().find(|known| *known == method).unwrap_or("of another method")
}
