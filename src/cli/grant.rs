//! `grant`: grants that approvals gave, and revoking them.

use clap::Subcommand;

use crate::cli::access::Access;
use crate::cli::access::Use;
use crate::cli::approval::note_more;
use crate::cli::ask;
use crate::cli::output;
use crate::cli::output::Format;
use crate::cli::output::Row;
use crate::cli::output::Terminal;
use crate::cli::place::Place;
use crate::cli::report::Exit;
use crate::cli::report::Failure;
use crate::cli::report::Outcome;
use crate::control::noun::grant::GrantFilter;
use crate::domain::approval::Grant;
use crate::domain::id::GrantId;
use crate::domain::now_ms;

/// Subcommands of `grant`.
#[derive(Debug, Subcommand)]
pub enum GrantVerb {
    /// List grants
    #[command(alias = "ls")]
    List {
        /// Include grants that have ended
        #[arg(short, long)]
        all: bool,
        /// Only those of this principal
        #[arg(long, value_name = "PRINCIPAL")]
        principal: Option<String>,
        /// Only those on this connection
        #[arg(long, value_name = "NAME")]
        connection: Option<String>,
        /// Maximum number to show
        #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1000))]
        limit: Option<u32>,
    },
    /// Revoke one
    Revoke {
        /// Its id
        id: String,
        /// Do not ask for confirmation
        #[arg(short, long)]
        yes: bool,
    },
}

/// Runs `grant`.
pub fn run(terminal: Terminal, place: &Place, verb: GrantVerb) -> Outcome {
    let access = Access::for_use(terminal, place, Use::looking(matches!(verb, GrantVerb::List { .. })))?;
    match verb {
        GrantVerb::List { all, principal, connection, limit } => {
            let empty = match (&principal, &connection) {
                (None, None) if all => "nothing was ever granted",
                (None, None) => "no grant stands",
                _ => "no grant matches",
            };
            let filter = GrantFilter { ended: Some(all), principal, connection, limit };
            let found = access.wait(access.backend().grants(filter))?;
            let now = now_ms();
            let rows: Vec<Row> = found.items.iter().map(|grant| row(grant, (terminal.format, now))).collect();
            let columns = ["id", "scope", "state", "ends", "principal", "connection", "policy"];
            terminal.list(&columns, &rows, empty)?;
            note_more(terminal, &found);
            Ok(Exit::Done)
        }
        GrantVerb::Revoke { id, yes } => {
            let known = "run: hoopctl grant list";
            let id: GrantId = id.parse().map_err(|error| Failure::usage(format!("{error}")).hint(known))?;
            ask::confirm(terminal, yes, &format!("Revoke {id}?"))?;
            let revoked = access.wait(access.backend().revoke_grant(id));
            let grant = revoked.map_err(|failure| match failure.exit {
                Exit::NotFound => failure.hint(known),
                _ => failure,
            })?;
            terminal.say(&format!("revoked {id}: {} on {}", grant.principal, grant.connection));
            if terminal.format.is_json() {
                terminal.item(&[], &output::json(&grant))?;
            }
            Ok(Exit::Done)
        }
    }
}

fn row(grant: &Grant, (format, now): (Format, i64)) -> Row {
    let state = match grant.ended_ms {
        Some(_) => "ended",
        None if grant.expires_ms <= now => "expired",
        None if grant.suspended => "suspended",
        None => "stands",
    };
    let ends = if matches!(state, "stands" | "suspended") {
        output::until(format, grant.expires_ms, now)
    } else {
        "-".to_owned()
    };
    Row {
        cells: vec![
            grant.id.to_string(),
            grant.scope.to_string(),
            state.to_owned(),
            ends,
            grant.principal.clone(),
            grant.connection.to_string(),
            grant.rule.clone(),
        ],
        json: output::json(grant),
    }
}
