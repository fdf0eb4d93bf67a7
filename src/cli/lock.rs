//! `lock`: immediate revocations.

use std::time::Duration;

use clap::Subcommand;

use crate::cli::access::Access;
use crate::cli::access::Use;
use crate::cli::ask;
use crate::cli::help;
use crate::cli::output;
use crate::cli::output::Row;
use crate::cli::output::Terminal;
use crate::cli::place::Place;
use crate::cli::report::Exit;
use crate::cli::report::Failure;
use crate::cli::report::Outcome;
use crate::control::noun::lock::NewLock;
use crate::control::noun::session::SessionFilter;
use crate::domain::id::LockId;
use crate::domain::lock::Lock;
use crate::domain::lock::LockTarget;
use crate::domain::units;

/// Subcommands of `lock`.
#[derive(Debug, Subcommand)]
pub enum LockVerb {
    /// Lock out a token, principal, client, issuer, connection or everybody
    #[command(after_help = help::LOCK_ADD)]
    Add {
        /// token:ID, principal:ISSUER/SUBJECT, client:ID, issuer:NAME, connection:NAME or everybody
        target: LockTarget,
        /// The reason; shown to operators, not to clients
        #[arg(short, long, value_name = "TEXT", default_value = "")]
        reason: String,
        /// How long the lock stays; without it, until it is removed
        #[arg(long = "for", value_name = "DURATION", value_parser = units::parse_duration)]
        duration: Option<Duration>,
        /// Do not ask for confirmation of a lock of everybody or of an unknown name
        #[arg(short, long)]
        yes: bool,
    },
    /// List the current locks
    #[command(alias = "ls")]
    List,
    /// Remove a lock
    #[command(alias = "rm")]
    Remove {
        /// Its id, or last for the newest one
        id: String,
        /// Do not ask for confirmation
        #[arg(short, long)]
        yes: bool,
    },
}

/// Warns of a principal without sessions: it may be a future one, or a typing error.
fn warn_of_unseen(terminal: Terminal, access: &Access, id: &str) {
    let filter = SessionFilter { principal: Some(id.to_owned()), limit: Some(1), ..SessionFilter::default() };
    if access.wait(access.backend().sessions(filter)).is_ok_and(|found| found.items.is_empty()) {
        terminal.say(&format!(
            "warning: {id} has never had a session; to check the id, run: hoopctl session list"
        ));
    }
}

/// Sets a lock. If the name is unknown, a user is asked for confirmation; a program gets a warning, and the
/// lock is set: a needless lock is harmless, a missing one may not be.
fn add(terminal: Terminal, access: &Access, lock: NewLock) -> Result<Lock, Failure> {
    let unknown = match access.wait(access.backend().add_lock(lock.clone())) {
        Err(failure) if failure.exit == Exit::NotFound && !lock.unseen => failure,
        done => {
            let done = done?;
            if let LockTarget::Principal(id) = &done.target {
                warn_of_unseen(terminal, access, id);
            }
            return Ok(done);
        }
    };
    if terminal.dialog {
        ask::confirm(terminal, false, &format!("{}. Lock it all the same?", unknown.message))?;
    } else {
        terminal.say(&format!("warning: {}, until there is one", unknown.message));
    }
    access.wait(access.backend().add_lock(NewLock { unseen: true, ..lock }))
}

/// Returns the lock with this id, or the newest one for `last`.
fn find(access: &Access, id: &str) -> Result<Lock, Failure> {
    let wanted: Option<LockId> = match id {
        "last" => None,
        id => Some(
            id.parse().map_err(|error| Failure::usage(format!("{error}")).hint("run: hoopctl lock list"))?,
        ),
    };
    let found = access.wait(access.backend().locks())?.items;
    let found = found.into_iter().find(|lock| wanted.is_none_or(|wanted| lock.id == wanted));
    found.ok_or_else(|| match wanted {
        Some(id) => Failure::not_found(format!("there is no lock {id}")).hint("run: hoopctl lock list"),
        None => Failure::not_found("there are no locks"),
    })
}

/// Runs `lock`.
pub fn run(terminal: Terminal, place: &Place, verb: LockVerb) -> Outcome {
    let access = Access::for_use(terminal, place, Use::looking(matches!(verb, LockVerb::List)))?;
    match verb {
        LockVerb::Add { target, reason, duration, yes } => {
            if target == LockTarget::Everybody {
                ask::confirm(terminal, yes, "Lock everybody out and cut all live streams?")?;
            }
            if duration.is_some_and(|duration| duration < Duration::from_secs(1)) {
                return Err(Failure::usage("--for must be at least 1s"));
            }
            let for_s = duration.map(|duration| duration.as_secs());
            let lock = add(terminal, &access, NewLock { target, reason, for_s, unseen: yes })?;
            terminal.say(&format!(
                "locked {}; to remove the lock, run: hoopctl lock remove {} --yes",
                lock.target, lock.id
            ));
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
            terminal.list(&["id", "target", "until", "by", "reason"], &rows, "there are no locks")?;
            Ok(Exit::Done)
        }
        LockVerb::Remove { id, yes } => {
            let lock = find(&access, &id)?;
            let id = lock.id;
            ask::confirm(terminal, yes, &format!("Remove {id}, so that {} may come back?", lock.target))?;
            let lock = access.wait(access.backend().remove_lock(id))?;
            terminal.say(&format!("removed {id}: {} is no longer locked by it", lock.target));
            if terminal.format.is_json() {
                terminal.item(&[], &output::json(&lock))?;
            }
            Ok(Exit::Done)
        }
    }
}
