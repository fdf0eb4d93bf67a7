//! HTTP. A session is one principal on one connection, over however many streams; a command is one request, an upgrade to WebSocket one of its
//! own. RFC 9110 (semantics), RFC 9112 (HTTP/1.1), RFC 9113 (HTTP/2), RFC 6455 (WebSocket).
//!
//! Requests come as `/c/<connection>/<path>`; what is judged is the canonical path, and what is judged is what is sent.

mod back;
mod body;
pub mod codec;
mod coding;
pub mod command;
mod exchange;
mod frames;
mod guarded;
mod headers;
mod hold;
mod overrides;
mod reply;
mod serve;
mod upstream;
mod websocket;

pub use codec::HeadLimits;
pub use serve::HttpService;
pub use serve::Probe;
pub use upstream::sweep;
