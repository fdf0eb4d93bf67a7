//! The Model Context Protocol, over HTTP. A session in the recording is one principal on one connection; a
//! command is one message of the client. <https://modelcontextprotocol.io/specification>, versions 2024-11-05
//! to 2026-07-28.
//!
//! Both eras are passed on without translation: anything that is not judged, bound to a client, filtered or
//! masked passes byte for byte.
//!
//! # Reading order
//!
//! 1. [`codec`]: the message, read once and strictly.
//! 2. [`from_client`]: an HTTP request of a client, from its head to the message that its target gets.
//! 3. [`upstream`]: sending to a target over Streamable HTTP, the only place here that takes a permit apart.
//!    [`duplex`] is the same for targets with one channel of messages both ways: [`stdio`] and [`sse`].
//! 4. [`from_target`]: what a target says, until its client has it. [`reply`]: what a client gets in place of
//!    that. [`server_request`]: what a target may ask of a client and its person.
//! 5. [`held`]: calls that wait for approval.
//! 6. [`state`]: what outlives a request. [`pin`]: what targets offer, compared with what was accepted.
//! 7. [`record`] and [`dropped`]: the events of messages. [`login`]: clients without a token.

pub mod codec;
mod dropped;
mod duplex;
mod from_client;
mod from_target;
mod held;
mod login;
mod pin;
mod record;
mod reply;
mod server_request;
mod sse;
mod state;
mod stdio;
mod upstream;

pub use from_client::command;
pub use from_client::serve::McpApp;
pub use held::invite::PageAddress;
pub use pin::PinBatch;
pub use pin::PinKeeper;
pub use pin::PinReceipt;
pub use pin::Pins;
pub use pin::ToKeep;
pub use state::shared::McpShared;
pub use state::tools::Tools;
pub use stdio::Programs;
pub use stdio::reaper;
