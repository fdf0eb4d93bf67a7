//! The log on standard error: for people on a terminal, one JSON object per line elsewhere. It never contains
//! data of clients or targets.

use std::io::IsTerminal;

use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::LevelFilter;

use crate::gateway::error::GatewayError;

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

/// The variable that says what is logged.
const VARIABLE: &str = "HOOPCTL_LOG";

/// Returns what `HOOPCTL_LOG` says is logged; `info` unless it is set.
///
/// # Errors
/// It is neither a level nor a list of `module=level`.
pub fn filter() -> Result<EnvFilter, GatewayError> {
    let wanted = std::env::var_os(VARIABLE).unwrap_or_default();
    let wanted = wanted.to_str().map(str::trim);
    let found = wanted.unwrap_or("text that is not UTF-8");
    let filter = match wanted {
        Some("") => Some(EnvFilter::new("info")),
        Some(text) if text.split(',').map(str::trim).filter(|part| !part.is_empty()).all(has_level) => {
            EnvFilter::try_new(text).ok()
        }
        _ => None,
    };
    filter.ok_or_else(|| GatewayError::LogFilter { found: found.to_owned() })
}

/// Returns whether one part of a filter is a level, or ends with one. A word alone would be taken for a
/// module all of whose lines are wanted, and everything else would be silent.
fn has_level(part: &str) -> bool {
    let (module, level) = part.rsplit_once('=').unwrap_or(("hoopctl", part));
    !level.is_empty() && !module.is_empty() && !module.contains('=') && level.parse::<LevelFilter>().is_ok()
}

/// Starts the log. If a log was started before, nothing changes.
pub fn start(format: LogFormat, filter: EnvFilter) {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_part_of_a_filter_has_a_level() {
        for good in ["info", "DEBUG", "off", "hoopctl=debug", "hoopctl::recording=trace"] {
            assert!(has_level(good), "{good}");
        }
        for bad in ["", "inof", "a=b=c", "=info", "hoopctl=", "hoopctl=inof", "hoopctl", "7", "[span]"] {
            assert!(!has_level(bad), "{bad}");
        }
    }
}
