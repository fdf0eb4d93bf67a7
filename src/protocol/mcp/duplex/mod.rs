//! Targets with which a session has one channel of messages both ways, and no answer of its own to each request: programs
//! ([`crate::protocol::mcp::stdio`]), and servers that speak HTTP+SSE of 2024-11-05 ([`crate::protocol::mcp::sse`]).
//!
//! What is at the other end ([`peer`]) tells its listener what it hears. For the session of one client that is [`solo`], which finds out on
//! which stream of the client a message goes. What waits in between is kept in bounded rooms ([`mail`]).

pub mod mail;
pub mod peer;
pub mod solo;
#[cfg(test)]
mod tests;
pub mod upstream;

pub use mail::Mail;
pub use solo::Solo;
