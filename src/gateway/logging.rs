//! The log on standard error: for people on a terminal, one JSON object per line elsewhere. It never contains
//! data of clients or targets.

use std::io::IsTerminal;

use tracing_subscriber::EnvFilter;

/// The format of the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum LogFormat {
    /// Pretty on a terminal, otherwise JSON.
    #[default]
    Auto,
    /// One JSON object per line.
    Json,
    /// Readable text.
    Pretty,
}

/// Starts the log. `HOOPCTL_LOG` sets what is logged (default `info`). If a log was started before, nothing
/// changes.
pub fn start(format: LogFormat) {
    let filter = EnvFilter::try_from_env("HOOPCTL_LOG").unwrap_or_else(|_unset| EnvFilter::new("info"));
    let terminal = std::io::stderr().is_terminal();
    let pretty = match format {
        LogFormat::Auto => terminal,
        LogFormat::Json => false,
        LogFormat::Pretty => true,
    };
    let colour = terminal && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
    let builder = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    let started = if pretty {
        builder.with_ansi(colour).with_target(false).compact().try_init()
    } else {
        builder.json().flatten_event(true).with_target(false).try_init()
    };
    drop(started);
}
