//! The wiring: the order in which things are opened, which tasks run, and how the gateway reloads and stops.

pub mod admin;
mod error;
mod health;
mod keeper;
mod live;
mod logging;
mod masks;
mod notices;
mod open;
mod periodic;
mod process;
pub mod retention;
mod revision;
mod running;
mod shutdown;
mod signals;
mod start;
pub mod watch;
mod workers;

use std::path::PathBuf;

pub use error::GatewayError;
pub use logging::LogFormat;
pub use logging::filter as log_filter;
pub use masks::MaskKey;

use crate::config::Config;
use crate::gateway::watch::FileWatch;

/// How to run the gateway.
#[derive(Debug, Clone)]
pub struct RunOptions {
    /// The checked configuration.
    pub config: Config,
    /// Its file; a reload reads it again.
    pub config_path: PathBuf,
    /// Watches the file, if changes are reloaded automatically; created before the file was read.
    pub watch: Option<FileWatch>,
    /// The format of the log, on standard error.
    pub log_format: LogFormat,
}

/// Runs the gateway in the foreground until SIGTERM or SIGINT, then drains: it stops accepting, lets running
/// requests end within `drain_timeout`, and closes the sessions with their reason. SIGHUP reloads. Blocks;
/// starts its own threads.
///
/// # Errors
/// It could not be started. Nothing is served then, and nothing on disk was changed except by a schema
/// upgrade.
pub fn run(options: RunOptions) -> Result<(), GatewayError> {
    logging::start(options.log_format, log_filter()?);
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|source| GatewayError::Runtime { source })?;
    runtime.block_on(start::run(options))
}
