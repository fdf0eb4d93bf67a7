//! Masking: values in a reply that are found by the name of their field or by their shape are replaced before
//! anybody sees them.
//!
//! [`Plan`] is the compiled set of masks of one connection. A [`Masker`] processes one body in pieces of any
//! size, with bounded memory, and fails with [`Unmaskable`] if it cannot parse the body in the same way as
//! every client. Bytes outside masked values are unchanged. [`Redactor`] removes the gateway's own credential
//! from any body.
//!
//! The replacement of a JSON value depends on its type, so that the reply stays valid JSON:
//!
//! | value under a masked name | `redact`, `keep_*` | `replace` | `hash` | `null` |
//! |---|---|---|---|---|
//! | string | a string, by the operator | the text | 16 hex digits | `null` |
//! | number | `redact`: `null`; `keep_*`: a string | the text | 16 hex digits | `null` |
//! | `true`, `false` | `null` | the text | `null` | `null` |
//! | `null` | `null` | `null` | `null` | `null` |
//! | object | `"[REDACTED]"` | the text | `"[REDACTED]"` | `null` |
//! | array | each element as above | as before | as before | as before |

mod bits;
mod charset;
mod column;
mod csv;
pub mod detect;
mod echo;
mod entity;
mod escape;
mod field;
mod form;
mod format;
mod inert;
mod json;
mod latin;
mod lines;
mod masker;
pub mod mcp;
mod notes;
mod operator;
mod pairs;
mod plan;
mod redactor;
mod sse;
mod tag;
mod text;
mod value;
mod view;
mod wide;

pub use column::FieldRule;
pub use format::Format;
pub use masker::Masker;
pub use masker::Unmaskable;
pub use notes::Notes;
pub use operator::REDACTED;
pub use plan::Plan;
pub use plan::PlanError;
pub use plan::applies;
pub use redactor::Needles;
pub use redactor::Redactor;
pub use wide::Opening;
pub use wide::extends_ascii;

#[cfg(test)]
mod attacks;
#[cfg(test)]
mod strays;
#[cfg(test)]
mod tests;
#[cfg(test)]
mod worst;
