//! Masking of MCP messages: one complete JSON-RPC message, by splicing.
//!
//! Everything except the skeleton of the protocol is masked, wherever it is: strings by the detectors and as
//! JSON inside text, members by their names. `place` is the table of the members that the protocol needs
//! unchanged. Only there, and only in messages that have them there, a name is not a field: a tool stays
//! callable if `name` is masked, but a person's name is masked.
//!
//! | place | names of fields | detectors | may change its type |
//! |---|---|---|---|
//! | ids, methods, cursors, `progressToken`, `taskId`, `requestState`, names of tools and prompts | no | no | – |
//! | `type`, `role`, `mimeType`, `uri`, counts, times, states | no | yes | no |
//! | texts: `content[].text`, `message`, `description` … | those inside the text | yes | no |
//! | titles and names of resources, clients, servers | yes | yes | no |
//! | anything else: `structuredContent`, `arguments`, `error.data`, `_meta` … | yes | yes | as in the table of [`crate::mask`] |
//! | JSON Schemas | `default`, `examples` and choices of a field | in descriptions and values | no |
//!
//! **Text.** A text that is JSON, or contains JSON (lines, code fences, surrounded by prose), is masked
//! inside like `structuredContent`, texts in texts up to 6 deep. The rest of it is searched for shapes, for
//! `name=value`, and for tables.
//!
//! **Binary data.** Base64 of a `blob` or `data` that is UTF-8 is masked as text and encoded again. Other
//! data cannot be examined, so it is withheld: an image or audio item becomes a text item that says so, a
//! resource gets a text in place of its blob. With [`Answer::passes_binary`] it passes instead; invalid
//! base64 does not. Documents of a type that cannot be read are withheld likewise, whatever they look like.
//!
//! **Schemas.** Clients discard a result that does not match the `outputSchema` of its tool. The caller
//! therefore passes the schema that the client knows ([`Answer::schema`]), and a mask that it rejects is
//! replaced by the next best value that it accepts: `0`, `false`, `000-00-0000`, the first choice of an
//! `enum`. If there is none the result is [`Unfit`](McpError::Unfit). This makes results valid whatever list
//! of tools the client remembers. The `outputSchema`s in a list of tools are also loosened where fields are
//! masked ([`rewrite_schema`]), so that a list does not promise values that never come. A loosened schema
//! accepts everything that the original accepts, so a value that matches the original matches both.

mod binary;
mod cursor;
mod object;
mod place;
mod rewrite;
mod scalar;
mod schema;
mod segments;
mod table;
mod text;
mod walk;

#[cfg(test)]
mod attacks;
#[cfg(test)]
mod tests;

use crate::domain::json::Json;
use crate::mask::Notes;
use crate::mask::Plan;
use crate::mask::Unmaskable;
use crate::mask::mcp::place::Place;
use crate::mask::mcp::place::Verb;
use crate::mask::mcp::walk::Walk;

pub use place::Side;
pub use rewrite::rewrite_schema;

/// Maximum nesting depth of objects and arrays in one JSON text; all texts within texts together may be twice
/// as deep.
const DEEPEST: usize = 64;

/// Maximum number of JSON texts nested in one another.
const MOST_TEXTS: usize = 6;

/// What a response answers. Without it ([`Answer::default`]) a result is masked entirely as plain data.
#[derive(Debug, Clone, Copy, Default)]
pub struct Answer<'a> {
    /// The method of the request, such as `tools/call`; for `tasks/result` and others that return the result
    /// of another request, that request's method. Empty: unknown.
    pub method: &'a str,
    /// The `outputSchema` of the called tool, as the client has seen it. `None`: it has none.
    pub schema: Option<&'a Json>,
    /// For `completion/complete`: the name of the argument that is completed. Empty: none.
    pub argument: &'a str,
    /// Whether binary data that cannot be examined passes unchanged.
    pub passes_binary: bool,
}

/// Why a message cannot be masked. The caller withholds the message; the error contains no part of it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum McpError {
    /// The message, or a text in it, cannot be parsed unambiguously.
    #[error(transparent)]
    Unmaskable(#[from] Unmaskable),
    /// No value that hides the masked one is known to match the `outputSchema` of the tool. The client gets
    /// an error of the tool instead, which is not validated against a schema.
    #[error("a masked value of the result cannot be made to fit the outputSchema of the tool")]
    Unfit,
}

/// Masks one complete message: a request, notification, result or error, in either direction. `None`: nothing
/// is masked, and the message is forwarded unchanged. What was masked is added to `notes`. Linear in the size
/// of the message, which the caller limits.
///
/// # Errors
/// The message cannot be masked and must be withheld; `notes` may hold a part of the findings.
pub fn mask_message(
    plan: &Plan,
    message: &[u8],
    from: Side,
    answers: Answer<'_>,
    notes: &mut Notes,
) -> Result<Option<Vec<u8>>, McpError> {
    if plan.is_empty() {
        return Ok(None);
    }
    let text = std::str::from_utf8(message).map_err(|_| Unmaskable::malformed("it is not UTF-8"))?;
    let end = cursor::value_end(text.as_bytes(), cursor::skip_blanks(message, 0), DEEPEST)?;
    if cursor::skip_blanks(message, end) != message.len() {
        return Err(Unmaskable::malformed("more than one value").into());
    }
    let schema = answers.schema.map(|root| schema::Checker::new(root, message.len()));
    let mut walk = Walk::new(plan, message, notes);
    walk.checker = schema.as_ref();
    walk.argument = answers.argument;
    walk.passes_binary = answers.passes_binary;
    walk.whole(Place::Message(from, Verb::of(answers.method)))
}
