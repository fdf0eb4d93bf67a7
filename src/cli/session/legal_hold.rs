//! `session hold`: legal holds, which keep recordings from retention.

use clap::Args;

use crate::cli::access::Access;
use crate::cli::access::Use;
use crate::cli::approval::note_more;
use crate::cli::output;
use crate::cli::output::Row;
use crate::cli::output::Terminal;
use crate::cli::place::Place;
use crate::cli::report::Exit;
use crate::cli::report::Failure;
use crate::cli::report::Outcome;
use crate::cli::session::find;
use crate::control::noun::session::SessionFilter;
use crate::control::noun::session::SessionView;
use crate::domain::id::SessionId;
use crate::store::LegalHoldFault;

/// Options of `session hold`.
#[derive(Debug, Args)]
pub struct HoldArgs {
    /// The session's id, or last
    #[arg(required_unless_present = "list")]
    pub id: Option<String>,
    /// The reason, for the audit trail
    #[arg(short, long, value_name = "TEXT", required_unless_present = "list")]
    pub reason: Option<String>,
    /// Lift the hold, so that retention applies again
    #[arg(long)]
    pub release: bool,
    /// Acknowledge a hold that was tampered with, or whose recording is gone
    #[arg(long, conflicts_with = "release")]
    pub acknowledge: bool,
    /// List the sessions on hold
    #[arg(long, conflicts_with_all = ["id", "reason", "release", "acknowledge"])]
    pub list: bool,
}

/// Runs `session hold`.
pub fn run(terminal: Terminal, place: &Place, args: &HoldArgs) -> Outcome {
    let access = Access::for_use(terminal, place, Use::looking(args.list))?;
    let (Some(id), Some(reason)) = (&args.id, &args.reason) else {
        let held = SessionFilter { held: Some(true), ..SessionFilter::default() };
        return list(terminal, &access, held);
    };
    if reason.trim().is_empty() {
        return Err(Failure::usage("the reason is empty: it is kept in the audit trail"));
    }
    if args.acknowledge {
        return acknowledge(terminal, &access, id, reason.clone());
    }
    let found = find(&access, id)?;
    let backend = access.backend();
    let view = if args.release {
        access.wait(backend.lift_legal_hold(found.id, reason.clone()))?
    } else {
        access.wait(backend.place_legal_hold(found.id, reason.clone()))?
    };
    terminal.say(&format!("{} {}", if args.release { "released" } else { "held" }, view.id));
    if let (Some(ms), false) = (view.pruned_ms, args.release) {
        terminal.say(&format!(
            "warning: its events were removed by retention, {}: what stays is that it was there, and its hash",
            output::time(ms)
        ));
    }
    if terminal.format.is_json() {
        terminal.item(&[], &output::json(&view))?;
    }
    Ok(Exit::Done)
}

/// Acknowledges what happened to a hold. A session that is gone is only known by its id.
fn acknowledge(terminal: Terminal, access: &Access, id: &str, reason: String) -> Outcome {
    let session: SessionId = match id.parse() {
        Ok(session) => session,
        Err(_) => find(access, id)?.id,
    };
    let noted = access.wait(access.backend().acknowledge_legal_hold(session, reason))?;
    let now = match (noted.held, noted.faults.contains(&LegalHoldFault::Unknown)) {
        (false, _) => "it is not held",
        (true, false) => "it is held as before",
        (true, true) => "it is held until somebody releases it",
    };
    terminal
        .say(&format!("acknowledged: {session}, {}; now {now}", LegalHoldFault::all_in_words(&noted.faults)));
    if terminal.format.is_json() {
        terminal.item(&[], &output::json(&noted))?;
    }
    Ok(Exit::Done)
}

/// Lists sessions under legal hold, with the reasons.
pub fn list(terminal: Terminal, access: &Access, filter: SessionFilter) -> Outcome {
    let found = access.wait(access.backend().sessions(filter))?;
    let rows: Vec<Row> = found.items.iter().map(row).collect();
    let columns = ["id", "started", "who", "connection", "held", "by", "reason"];
    terminal.list(&columns, &rows, "no session is held")?;
    note_more(terminal, &found);
    Ok(Exit::Done)
}

fn row(view: &SessionView) -> Row {
    let (since, by, reason) = match &view.hold {
        Some(hold) => (output::time(hold.since_ms), hold.actor.clone(), hold.reason.clone()),
        None => Default::default(),
    };
    Row {
        cells: vec![
            view.id.to_string(),
            output::time(view.started_ms),
            view.label.clone(),
            view.connection.clone(),
            since,
            by,
            reason,
        ],
        json: output::json(view),
    }
}
