//! What an answer of a program says of itself by the code of its error.

use crate::protocol::mcp::codec::envelope::Kind;
use crate::protocol::mcp::codec::envelope::Message;
use crate::protocol::mcp::codec::envelope::names::ErrorField;
use crate::protocol::mcp::era::Era;

fn code_of(message: &Message) -> Option<i64> {
    message.failure(ErrorField::Code)?.integer()
}

/// Which era the answer to `server/discover` tells of. Older servers answer with errors of all kinds, newer ones with these.
pub(super) fn era_of(message: &Message) -> Era {
    match (message.kind(), code_of(message)) {
        (Kind::Response, _) | (_, Some(-32022..=-32020)) => Era::Modern,
        _ => Era::Legacy,
    }
}

/// The status that a server behind HTTP gives this response. That of wrong parameters is 200: what is wrong in a message's own form was
/// refused before, and what there is not must look like what the client does not see.
pub(super) fn status_of(message: &Message) -> u16 {
    match code_of(message) {
        Some(-32601) => 404,
        Some(-32022..=-32020) => 400,
        _ => 200,
    }
}
