//! JSON by splicing: a strict reader finds values without building a tree, and everything else is copied
//! verbatim.
//!
//! The reader is strict (RFC 8259), so that no client can see another structure: malformed, truncated or too
//! deeply nested input is an error. It works on complete tokens; an incomplete token is held until the rest
//! arrives.

mod edit;
mod lex;
mod names;
mod nest;
mod spare;
mod stretch;
mod string;
mod token;

pub(super) use lex::is_scalar;
pub(super) use lex::unescape;
pub(super) use lex::whole_number;
pub(super) use lex::write_escaped;
pub(in crate::mask) use spare::SpareMaskers;
pub(super) use token::JsonMasker;

#[cfg(test)]
mod tests;
