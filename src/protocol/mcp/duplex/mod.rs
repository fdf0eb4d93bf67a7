//! Targets with one bidirectional channel of messages per session, without a separate response to each
//! request: child processes ([`crate::protocol::mcp::stdio`]), and servers that use HTTP+SSE of 2024-11-05
//! ([`crate::protocol::mcp::sse`]).
//!
//! The other end ([`peer`]) passes the messages it receives to its listener. For the session of one client
//! that is [`solo`], which finds the client's stream for each message. Queues in between are bounded
//! ([`mail`]).

pub mod mail;
pub mod peer;
pub mod solo;
#[cfg(test)]
mod tests;
pub mod upstream;

pub use mail::Mail;
pub use solo::Solo;
