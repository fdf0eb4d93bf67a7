//! The texts recorded for messages from the target that nobody gets. They contain nothing of the message
//! itself.

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
    /// Too many messages are already kept for a stream that is not open.
    Untaken,
}

impl Why {
    const fn words(self) -> &'static str {
        match self {
            Self::Unasked => "nobody asked for it",
            Self::Hidden => "it concerns something the caller may not see",
            Self::NotItsTask => "its task is not the caller's",
            Self::NotSubscribed => "the caller has not subscribed to it",
            Self::NoProgress => "its progress does not increase",
            Self::Nobody => "it names no recipient",
            Self::NoRequests => "servers of this MCP version send no requests",
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
    let method = message.method().map_or("", |method| {
        METHODS.into_iter().find(|known| *known == method).unwrap_or("of another method")
    });
    (kind, method, why.words())
}
