//! Targets that are programs: the gateway starts them itself and exchanges messages over their standard
//! streams, one per line. (MCP 2026-07-28 and 2025-11-25, "Transports", "stdio".)
//!
//! In the legacy era a child process belongs to one session of one client ([`super::duplex::solo`]). In the
//! modern era all clients of a connection share one ([`joint`]), and ids and tokens of requests are renamed
//! in both directions. Children live on a thread of their own ([`programs`]), which any worker can reach.

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
