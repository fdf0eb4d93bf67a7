//! PostgreSQL, as a server to its clients and as a client to its target (PostgreSQL 18 manual, chapter 54;
//! versions 3.0 and 3.2).
//!
//! A session is one login: the client's token comes as its password, and opens one session at the target. A
//! command is what one message makes the server do: a `Query` with all its statements, or a `Bind`, whose
//! portal the following `Execute`s run. The path of a command:
//!
//! [`wire`] (bytes to messages) -> [`judge`] (SQL to effects) -> [`command`] (effects to a command) -> the
//! pipeline -> [`upstream`] (the only place that writes to the target) -> [`session`] (matches replies to
//! messages; masks, records) -> the client.
//!
//! A refusal is not simulated: in place of the refused message the target gets one that it must fail at, and
//! its error is reworded on the way back ([`reply`]). So the state of transactions, portals and pipelines is
//! always the target's own.
//!
//! [`relay`] runs elsewhere: on the user's machine, in front of a gateway, for clients that cannot send a
//! token.

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
