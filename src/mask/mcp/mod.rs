//! Masking of MCP messages: one whole JSON-RPC message, spliced.
//!
//! Whatever is not the skeleton of the protocol is masked, wherever it stands: strings by the detectors and as JSON inside text,
//! members by their names. `place` is the table of the members that the protocol needs as they are. Only there, and only in the
//! message that has them there, a name is no field: a tool stays callable where `name` is masked, a person's name does not.
//!
//! | place | names of fields | detectors | may change its type |
//! |---|---|---|---|
//! | ids, methods, cursors, `progressToken`, `taskId`, `requestState`, names of tools and prompts | no | no | – |
//! | `type`, `role`, `mimeType`, `uri`, counts, times, states | no | yes | no |
//! | texts: `content[].text`, `message`, `description` … | those inside the text | yes | no |
//! | titles and names of resources, clients, servers | yes | yes | no |
//! | all else: `structuredContent`, `arguments`, `error.data`, `_meta` … | yes | yes | as the table of [`crate::mask`] says |
//! | JSON Schemas | what `default`, `examples` and choices say of a field | in descriptions and values | no |
//!
//! **Text.** A text that is JSON, or has JSON in it (lines, fences, prose around it), is masked inside as `structuredContent` is,
//! texts in texts up to 6 deep. All else of it is searched for shapes and for `name=value`.
//!
//! **Binary data.** Base64 of a `blob` or `data` that is UTF-8 is masked as text and encoded again. What is not cannot be looked
//! at, so it is withheld: an image or sound becomes a text item that says so, a resource gets a text in place of its blob. Where
//! the operator wants it ([`Answer::passes_binary`]) it passes instead; what is no base64 at all does not.
//!
//! **Schemas.** Clients throw a result away that does not fit the `outputSchema` of its tool. So the schema that the client knows
//! is given along ([`Answer::schema`]), and a mask that it refuses becomes the next best value that it takes: `0`, `false`,
//! `000-00-0000`, the first choice of an `enum`. Where there is none the result is [`Unfit`](McpError::Unfit). This is what makes
//! results fit: it holds whatever list of tools the client remembers. The `outputSchema`s in a list of tools are also loosened
//! where fields are masked ([`rewrite_schema`]), so that a list does not promise what never comes; a loosened schema takes all that
//! the first one takes, so a value that fits the one fits both.

mod binary;
mod cursor;
mod object;
mod place;
mod rewrite;
mod scalar;
mod schema;
mod segments;
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

/// How deep objects and arrays of one JSON text may be nested, and all texts within texts together twice as deep.
const DEEPEST: usize = 64;

/// How many texts of JSON may be nested in one another.
const MOST_TEXTS: usize = 6;

/// What a response answers. Without one ([`Answer::default`]) a result is masked as plain data: all of it.
#[derive(Debug, Clone, Copy, Default)]
pub struct Answer<'a> {
    /// The method of the request, such as `tools/call`; for `tasks/result` and others that carry the result of another request
    /// their own. Empty: it is not known.
    pub method: &'a str,
    /// The `outputSchema` of the tool that was called, as the client has seen it. `None`: it has none.
    pub schema: Option<&'a Json>,
    /// Of `completion/complete`: the name of the argument that is completed. Empty: none.
    pub argument: &'a str,
    /// Binary data in which nothing can be found passes as it is.
    pub passes_binary: bool,
}

/// Why a message cannot be masked. Whoever gets it withholds the message; nothing of it holds a part of the message.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum McpError {
    /// The message, or a text in it, cannot be read in one way.
    #[error(transparent)]
    Unmaskable(#[from] Unmaskable),
    /// No value that hides the masked one is known to fit the `outputSchema` of the tool. The result goes to the client as an error
    /// of the tool, which no schema is applied to.
    #[error("a masked value of the result cannot be made to fit the outputSchema of the tool")]
    Unfit,
}

/// Masks one whole message: a request, notification, result or error, in either direction. `None`: nothing is masked, and the
/// message goes on as it is. What was masked is added to `notes`. Linear in the size of the message, which the caller bounds.
///
/// # Errors
/// The message cannot be masked and must be withheld; `notes` may hold a part of what was found.
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
