//! The Model Context Protocol, over HTTP. A session in the recording is one principal on one connection; a
//! command is one message of the client. <https://modelcontextprotocol.io/specification>, versions 2024-11-05
//! to 2026-07-28.
//!
//! Both eras are passed on without translation: anything that is not judged, bound to a client, filtered or
//! masked passes byte for byte.

mod asking;
mod back;
mod bound;
mod channel;
pub mod codec;
pub mod command;
mod declared;
mod door;
mod dropped;
mod duplex;
mod elicitation;
mod era;
mod exchange;
mod fresh;
mod hold;
mod invite;
mod limit;
mod lists;
mod login;
mod metadata;
mod mirror;
mod notice;
mod offer;
mod origin;
mod outcome;
mod own;
mod pin;
mod progress;
mod record;
mod relay;
mod reply;
mod serve;
mod sessions;
mod shared;
mod shown;
mod sink;
mod sse;
mod stdio;
mod stream;
mod subscription;
mod task;
mod tools;
mod turn;
mod upstream;
mod way;

pub use invite::PageAddress;
pub use pin::PinBatch;
pub use pin::PinKeeper;
pub use pin::PinReceipt;
pub use pin::Pins;
pub use pin::ToKeep;
pub use serve::McpApp;
pub use shared::McpShared;
pub use stdio::Programs;
pub use stdio::reaper;
pub use tools::Tools;
