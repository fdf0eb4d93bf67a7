//! JSON, spliced: values are found by a strict reader that never builds a tree, and everything else is copied as it stands.
//!
//! The reader holds to RFC 8259, so that no client can read another structure than it did: what is malformed, cut or nested too
//! deep is an error. It works on whole tokens; a token that the input cuts is held until the rest arrives.

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
