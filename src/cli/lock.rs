//! `lock`: immediate revocations.

use std::time::Duration;

use clap::Subcommand;

use crate::cli::access::Access;
use crate::cli::ask;
use crate::cli::output;
use crate::cli::output::Row;
use crate::cli::output::Terminal;
use crate::cli::place::Place;
use crate::cli::report::Exit;
use crate::cli::report::Failure;
use crate::cli::report::Outcome;
use crate::control::noun::lock::NewLock;
use crate::domain::id::LockId;
use crate::domain::lock::LockTarget;
use crate::domain::units;

/// The verbs of `lock`.
#[derive(Debug, Subcommand)]
pub enum LockVerb {
    /// Shut somebody or something out
    Add {
        /// token:ID, principal:ID, client:ID, issuer:NAME, connection:NAME or everybody
        target: LockTarget,
        /// Why; operators see it, clients do not
        #[arg(short, long, value_name = "TEXT", default_value = "")]
        reason: String,
        /// How long it stands; without it, until it is removed
        #[arg(long = "for", value_name = "DURATION", value_parser = units::parse_duration)]
        duration: Option<Duration>,
        /// Do not ask (a lock of everybody asks)
        #[arg(short, long)]
        yes: bool,
    },
    /// List the locks that stand
    #[command(alias = "ls")]
    List,
    /// Remove a lock
    #[command(alias = "rm")]
    Remove {
        /// Its id
        id: String,
        /// Do not ask
        #[arg(short, long)]
        yes: bool,
    },
}

/// Runs `lock`.
pub fn run(terminal: Terminal, place: &Place, verb: LockVerb) -> Outcome {
    let access = Access::open(terminal, place)?;
    match verb {
        LockVerb::Add { target, reason, duration, yes } => {
            if target == LockTarget::Everybody {
                ask::confirm(terminal, yes, "Lock everybody out and cut all live streams?")?;
            }
            if duration.is_some_and(|duration| duration < Duration::from_secs(1)) {
                return Err(Failure::usage("--for must be at least 1s"));
            }
            let lock = NewLock { target, reason, for_s: duration.map(|duration| duration.as_secs()) };
            let lock = access.wait(access.backend().add_lock(lock))?;
            terminal
                .say(&format!("locked {}; lift it with: hoopctl lock remove {} --yes", lock.target, lock.id));
            terminal.item(
                &[("id", lock.id.to_string()), ("target", lock.target.to_string())],
                &output::json(&lock),
            )?;
            Ok(Exit::Done)
        }
        LockVerb::List => {
            let found = access.wait(access.backend().locks())?;
            let rows: Vec<Row> = found
                .items
                .iter()
                .map(|lock| Row {
                    cells: vec![
                        lock.id.to_string(),
                        lock.target.to_string(),
                        lock.expires_ms.map_or_else(|| "-".to_owned(), output::time),
                        lock.actor.clone(),
                        lock.reason.clone(),
                    ],
                    json: output::json(lock),
                })
                .collect();
            terminal.list(&["id", "target", "until", "by", "reason"], &rows, "no lock stands")?;
            Ok(Exit::Done)
        }
        LockVerb::Remove { id, yes } => {
            let id: LockId = id.parse().map_err(|error| Failure::usage(format!("{error}")))?;
            ask::confirm(terminal, yes, &format!("Remove {id}, so that what it shuts out may come back?"))?;
            let lock = access.wait(access.backend().remove_lock(id))?;
            terminal.say(&format!("removed {id}: {} is no longer locked by it", lock.target));
            if terminal.format.is_json() {
                terminal.item(&[], &output::json(&lock))?;
            }
            Ok(Exit::Done)
        }
    }
}
