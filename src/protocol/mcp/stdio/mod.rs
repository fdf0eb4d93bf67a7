//! Targets that are programs: the gateway starts them itself and speaks with them over their standard streams, one message a line.
//! (MCP 2026-07-28 and 2025-11-25, "Transports", "stdio".)
//!
//! In the legacy era a child belongs to one session of one client ([`super::duplex::solo`]). In the modern era all clients of a connection
//! share one ([`joint`]), and everything that names a request is renamed on its way in and back on its way out. Children live on a thread
//! of their own ([`programs`]), so that any worker reaches them.

mod berth;
mod child;
mod codes;
pub mod environment;
pub mod joint;
mod process;
mod programs;
pub mod reaper;
#[cfg(test)]
mod tests;
mod words;

pub use programs::Programs;
