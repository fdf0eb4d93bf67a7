//! Interprets the error codes in a program's answers.

use crate::protocol::mcp::codec::envelope::Kind;
use crate::protocol::mcp::codec::envelope::Message;
use crate::protocol::mcp::codec::envelope::names::ErrorField;
use crate::protocol::mcp::from_client::era::Era;

fn code_of(message: &Message) -> Option<i64> {
    message.failure(ErrorField::Code)?.integer()
}

/// Returns the era that the answer to `server/discover` indicates. Legacy servers answer with errors of all
/// kinds, modern ones with these.
pub(super) fn era_of(message: &Message) -> Era {
    match (message.kind(), code_of(message)) {
        (Kind::Response, _) | (_, Some(-32022..=-32020)) => Era::Modern,
        _ => Era::Legacy,
    }
}

/// Returns the status that a server behind HTTP gives this response. Invalid parameters are 200: malformed
/// messages were refused before, and a missing item must look like one hidden from the client.
pub(super) fn status_of(message: &Message) -> u16 {
    match code_of(message) {
        Some(-32601) => 404,
        Some(-32022..=-32020) => 400,
        _ => 200,
    }
}
