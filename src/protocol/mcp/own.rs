//! What the gateway itself answers a target that asks something.

use crate::protocol::mcp::codec::envelope::id::Id;

/// What the gateway itself answers a target.
#[derive(Debug, PartialEq, Eq)]
pub enum Own {
    /// To a `ping` with this id.
    Pong(Id<'static>),
    /// To a request with this id that the client is not asked.
    Refused(Id<'static>),
    /// To a request with this id that the client was asked, and whose answer goes no further.
    Unanswered(Id<'static>),
}

impl Own {
    /// The id of what it answers.
    pub const fn id(&self) -> &Id<'static> {
        let (Self::Pong(id) | Self::Refused(id) | Self::Unanswered(id)) = self;
        id
    }

    /// The message.
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
