//! What a target says and nobody gets: which words of the gateway's own the recording has for it. Nothing of the message itself is in them.

use crate::protocol::mcp::codec::envelope::Kind;
use crate::protocol::mcp::codec::envelope::Message;

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

/// Why a message of a target goes nowhere.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Why {
    /// It answers what was not asked here.
    Unasked,
    /// The caller does not see what it is about.
    Hidden,
    /// Its task is not the caller's.
    NotItsTask,
    /// The caller did not ask to be told of it.
    NotSubscribed,
    /// It is less than the progress before.
    NoProgress,
    /// It names no request, or not one that there is.
    Nobody,
    /// This version of MCP has no requests of servers.
    NoRequests,
    /// More is kept for a stream that nobody opens than there is room for.
    Untaken,
}

impl Why {
    const fn words(self) -> &'static str {
        match self {
            Self::Unasked => "nobody asked for it",
            Self::Hidden => "the caller does not see what it is about",
            Self::NotItsTask => "its task is not the caller's",
            Self::NotSubscribed => "the caller did not ask to be told of it",
            Self::NoProgress => "it is no progress",
            Self::Nobody => "it names nobody",
            Self::NoRequests => "servers of this version ask nothing",
            Self::Untaken => "nobody listens, and too much is kept",
        }
    }
}

/// Kind, method and reason, each in the gateway's own words: of a method that is not known only that it is another.
pub fn words(message: &Message, why: Why) -> (&'static str, &'static str, &'static str) {
    let kind = match message.kind() {
        Kind::Request => "request",
        Kind::Notification => "notification",
        Kind::Response => "response",
        Kind::Error => "error",
    };
    let method = message.method().map_or("", |method| {
        METHODS.into_iter().find(|known| *known == method).unwrap_or("of another method")
    });
    (kind, method, why.words())
}
