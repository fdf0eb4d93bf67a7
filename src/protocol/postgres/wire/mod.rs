//! The wire format of the PostgreSQL protocol, 3.0 and 3.2: packets, frames and messages, read and written
//! strictly. No I/O, no policy.
//!
//! A stream begins with packets without a type ([`opening`]), the last of which has the session's parameters
//! ([`startup`]). Everything after that is frames ([`frame`]), whose bodies are the messages of a client
//! ([`front`]) or of a server ([`back`]). A view borrows the body it reads, and either reads it in the only
//! possible way or refuses it. A writer writes a whole message or nothing. Nothing here keeps bytes:
//! [`frame::Limits`] bounds what must be held in memory.

#![cfg_attr(not(test), deny(clippy::arithmetic_side_effects))]

pub mod back;
pub mod error;
pub mod frame;
pub mod front;
pub mod opening;
mod read;
pub mod sqlstate;
pub mod startup;
pub mod tag;
#[cfg(test)]
mod tests;
pub mod values;
mod write;
