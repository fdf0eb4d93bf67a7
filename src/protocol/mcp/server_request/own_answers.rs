//! The gateway's own answers to requests of a target.

use crate::protocol::mcp::codec::envelope::id::Id;

/// An answer of the gateway itself to a target's request.
#[derive(Debug, PartialEq, Eq)]
pub enum OwnAnswer {
    /// The answer to a `ping` with this id.
    Pong(Id<'static>),
    /// An error for the request with this id, which the client may not be asked.
    Refused(Id<'static>),
    /// An error for the target's request with this id: the client's answer was refused.
    Unanswered(Id<'static>),
}

impl OwnAnswer {
    /// Returns the id of the request.
    pub const fn id(&self) -> &Id<'static> {
        let (Self::Pong(id) | Self::Refused(id) | Self::Unanswered(id)) = self;
        id
    }

    /// Returns the message.
    pub fn body(&self) -> String {
        let (id, why) = match self {
            Self::Pong(id) => {
                return format!("{{\"jsonrpc\":\"2.0\",\"id\":{},\"result\":{{}}}}", id.to_json());
            }
            Self::Refused(id) => (id, "the client may not be asked this"),
            Self::Unanswered(id) => (id, "what the client answered was refused"),
        };
        let id = id.to_json();
        format!("{{\"jsonrpc\":\"2.0\",\"id\":{id},\"error\":{{\"code\":-1,\"message\":\"{why}\"}}}}")
    }
}
