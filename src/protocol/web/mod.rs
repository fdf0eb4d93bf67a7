//! The parts shared by all protocols over HTTP: the listener and its guard before hyper, the headers that
//! cross the gateway, the streams to targets, refusals. RFC 9110 (semantics), RFC 9112 (HTTP/1.1), RFC 9113
//! (HTTP/2).
//!
//! Requests come as `/c/<connection>/<path>`. The connection's protocol selects the [`App`] that answers.

pub mod body;
mod claims;
pub mod codec;
pub mod coding;
pub mod guarded;
mod h1;
mod h2;
pub mod headers;
pub mod outgoing;
pub mod progress;
pub mod reply;
pub mod request;
mod serve;
pub mod tags;
mod timer;
pub mod upstream;

pub use codec::HeadLimits;
pub use serve::App;
pub use serve::Probe;
pub use serve::TOLD;
pub use serve::WebService;
pub use upstream::sweep;
