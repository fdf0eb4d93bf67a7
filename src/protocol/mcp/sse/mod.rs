//! Targets that speak HTTP+SSE: one stream of events brings all that the server says, and its first event says where messages are sent to.
//! (MCP 2024-11-05, "Transports", "HTTP with SSE"; deprecated since 2025-03-26.)
//!
//! A stream is one session of one client ([`super::duplex::solo`]) and stays on the worker that began it. Where messages go is held
//! against the connection's own address first ([`endpoint`]): the credential goes nowhere else.

mod endpoint;
mod session;

pub use session::begin;
