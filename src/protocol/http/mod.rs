//! HTTP. A session is one principal on one connection, over any number of streams; a command is one request,
//! and an upgrade to WebSocket is a command of its own. RFC 9110 (semantics), RFC 6455 (WebSocket).
//!
//! The canonical path is judged, and exactly what was judged is sent. The listener and the streams to targets
//! are in [`crate::protocol::web`].

mod back;
mod body;
pub mod command;
mod exchange;
mod frames;
mod hold;
mod overrides;
mod websocket;

pub use exchange::HttpApp;
