//! HTTP. A session is one principal on one connection, over however many streams; a command is one request, an upgrade to WebSocket one of its
//! own. RFC 9110 (semantics), RFC 6455 (WebSocket).
//!
//! What is judged is the canonical path, and what is judged is what is sent. Listener and streams to targets: [`crate::protocol::web`].

mod back;
mod body;
pub mod command;
mod exchange;
mod frames;
mod hold;
mod overrides;
mod websocket;

pub use exchange::HttpApp;
