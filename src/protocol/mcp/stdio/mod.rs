//! Targets that are programs: the gateway starts them itself and speaks with them over their standard streams, one message a line.
//! (MCP 2026-07-28 and 2025-11-25, "Transports", "stdio".)
//!
//! In the legacy era a child belongs to one session of one client ([`solo`]). In the modern era all clients of a connection share one
//! ([`joint`]), and everything that names a request is renamed on its way in and back on its way out. Children live on a thread of their
//! own ([`programs`]), so that any worker reaches them; what comes from one is kept in bounded rooms ([`mail`]).

mod child;
mod environment;
mod joint;
mod mail;
mod process;
mod programs;
mod solo;
#[cfg(test)]
mod tests;
pub mod upstream;

pub use mail::Mail;
pub use programs::Programs;
pub use solo::Solo;

use crate::domain::Denied;
use crate::domain::DenyCode;

/// The refusal of what a program cannot answer any more.
fn gone() -> Denied {
    Denied::new(DenyCode::UpstreamUnavailable, "the target's program has ended; the next call starts it anew")
        .because("program_ended")
}
