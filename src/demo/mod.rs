//! Parts for evaluating hoopctl that have no place in production: a token issuer, sample targets, a sample
//! configuration.

pub mod api;
pub mod config;
pub mod fixture;
pub mod issuer;
pub mod mcp;
mod people;
mod rpc;
pub mod target;
pub mod tick;

use std::io;

/// Why a part of the demo does not run.
#[derive(Debug, thiserror::Error)]
pub enum DemoError {
    /// A listener cannot be used.
    #[error("the {what} cannot listen")]
    Listen {
        /// The part.
        what: &'static str,
        /// The cause.
        source: io::Error,
    },
    /// A thread cannot be started.
    #[error("the {what} cannot start its thread")]
    Thread {
        /// The part.
        what: &'static str,
        /// The cause.
        source: io::Error,
    },
    /// A recording cannot be served.
    #[error("the recorded exchanges cannot be served: {why}")]
    Fixture {
        /// The problem.
        why: String,
    },
}
