//! PostgreSQL, as a server to its clients and as a client to its target (PostgreSQL 18 manual, chapter 54;
//! versions 3.0 and 3.2).
//!
//! A session is one login: the client's token comes as its password, and opens one session at the target. A
//! command is what one message makes the server do: a `Query` with all its statements, or a `Bind`, whose
//! portal the next `Execute`s run. The way of one:
//!
//! [`wire`] (bytes to messages) -> [`judge`] (SQL to effects) -> [`command`] (effects to a command) -> the
//! pipeline -> [`upstream`] (the one place that writes to the target) -> [`session`] (which reply belongs to
//! what; masks, records) -> the client.
//!
//! What is refused is not simulated: the target gets a message in its place that it must fail at, and the
//! error is reworded on its way back ([`reply`]). So the state of transactions, portals and pipelines is
//! always the target's own.
//!
//! [`relay`] stands elsewhere: on the user's machine, before a gateway, for clients that cannot send a token.

pub mod bearer;
pub mod cancel;
pub mod catalog;
mod certificate;
pub mod command;
pub mod inquiry;
pub mod judge;
pub mod login;
pub mod relay;
pub mod reply;
pub mod rows;
pub mod serve;
pub mod session;
pub mod targets;
pub mod upstream;
mod welcome;
pub mod wire;
