//! `serve`: the gateway in the foreground.

use clap::Args;
use clap::ValueEnum;

use crate::cli::config;
use crate::cli::demo::DevThread;
use crate::cli::named;
use crate::cli::output::Terminal;
use crate::cli::place::Place;
use crate::cli::report::Exit;
use crate::cli::report::Failure;
use crate::cli::report::Outcome;
use crate::gateway;
use crate::gateway::GatewayError;
use crate::gateway::RunOptions;
use crate::gateway::watch::FileWatch;
use crate::store;

/// Options of `serve`.
#[derive(Debug, Args)]
pub struct ServeArgs {
    /// Check the configuration, the files needed to start and, if no gateway runs, its data, then exit
    #[arg(long)]
    pub check: bool,
    /// Reload when the configuration file changes, as on SIGHUP; files that it names are not watched
    #[arg(long, conflicts_with = "check")]
    pub watch: bool,
    /// Format of the log on standard error
    #[arg(long, value_name = "FORMAT", value_enum, default_value = "auto")]
    pub log_format: LogFormat,
}

/// Format of the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum LogFormat {
    /// Readable on a terminal, otherwise JSON
    Auto,
    /// One JSON object per line
    Json,
    /// Readable text
    Pretty,
}

impl From<LogFormat> for gateway::LogFormat {
    fn from(format: LogFormat) -> Self {
        match format {
            LogFormat::Auto => Self::Auto,
            LogFormat::Json => Self::Json,
            LogFormat::Pretty => Self::Pretty,
        }
    }
}

/// Runs the gateway until a signal stops it.
pub fn run(terminal: Terminal, place: &Place, args: &ServeArgs) -> Outcome {
    if args.check {
        gateway::log_filter()?;
        let config = place.config()?;
        let mut stops = named::stops_the_start(&config);
        stops.extend(named::data_stops_the_start(&config));
        if !stops.is_empty() {
            return Err(Failure::new(Exit::Config, stops.join("\n"))
                .hint("it would not start; to check the configuration alone, run: hoopctl config check"));
        }
        return config::check(terminal, place);
    }
    let watch = if args.watch { Some(FileWatch::new(place.config_file()?)) } else { None };
    let config = place.config()?;
    let config_path = config.path.clone();
    if config.dev_issuer.is_some() {
        // Reported before the issuer's port is found to be taken: the gateway itself would find the lock
        // later.
        let data_dir = &config.storage.data_dir;
        store::lock_data_dir_soon(data_dir).map_err(|source| GatewayError::Store { source })?;
    }
    let _issuer = DevThread::start(&config)?;
    gateway::run(RunOptions { config, config_path, watch, log_format: args.log_format.into() })?;
    Ok(Exit::Done)
}
