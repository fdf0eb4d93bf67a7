//! Targets that use HTTP+SSE: one event stream carries all messages of the server, and its first event names
//! the endpoint for messages to it. (MCP 2024-11-05, "Transports", "HTTP with SSE"; deprecated since
//! 2025-03-26.)
//!
//! A stream is one session of one client ([`super::duplex::solo`]) and stays on the worker that began it. The
//! endpoint is first checked against the connection's own URL ([`endpoint`]): the credential is sent nowhere
//! else.

mod endpoint;
mod session;

pub use session::begin;
