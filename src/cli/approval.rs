//! `approval`: held commands, and decisions about them.

use std::time::Duration;
use std::time::Instant;

use clap::Args;
use clap::Subcommand;

use crate::cli::access::Access;
use crate::cli::ask;
use crate::cli::output;
use crate::cli::output::Format;
use crate::cli::output::Row;
use crate::cli::output::Terminal;
use crate::cli::place::Place;
use crate::cli::report::Exit;
use crate::cli::report::Failure;
use crate::cli::report::Outcome;
use crate::cli::watch;
use crate::control::noun::List;
use crate::control::noun::approval::ApprovalFilter;
use crate::control::noun::approval::Decide;
use crate::control::noun::approval::MAX_WAIT_S;
use crate::domain::approval::Approval;
use crate::domain::approval::ApprovalState;
use crate::domain::approval::GrantScope;
use crate::domain::id::ApprovalId;
use crate::domain::now_ms;
use crate::domain::units;

/// Subcommands of `approval`.
#[derive(Debug, Subcommand)]
pub enum ApprovalVerb {
    /// List held commands
    #[command(alias = "ls")]
    List(ListApprovals),
    /// Show one, with everything that will be sent
    Show {
        /// Its id, or last
        id: String,
    },
    /// Approve it
    Approve(ApproveArgs),
    /// Deny it
    Deny(DecideArgs),
    /// Follow all approvals: one line when one is requested, decided or ends; pending ones first
    Watch,
    /// Wait until it is decided; exits with 0 if approved, 8 if still pending, 9 if not approved
    Wait {
        /// Its id, or last
        id: String,
        /// How long to wait
        #[arg(long, value_name = "DURATION", default_value = "10m", value_parser = units::parse_duration)]
        timeout: Duration,
    },
}

/// Options of `approval list`.
#[derive(Debug, Args)]
pub struct ListApprovals {
    /// Include approvals that have ended
    #[arg(short, long)]
    pub all: bool,
    /// Only those in this state: pending, approved, used, denied, expired, cancelled or stopped
    #[arg(long, value_name = "STATE", value_parser = state, conflicts_with = "all")]
    pub state: Option<ApprovalState>,
    /// Only those of this principal
    #[arg(long, value_name = "PRINCIPAL")]
    pub principal: Option<String>,
    /// Only those on this connection
    #[arg(long, value_name = "NAME")]
    pub connection: Option<String>,
    /// Maximum number to show
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1000))]
    pub limit: Option<u32>,
    /// Wait this long for the first one; exits with 8 if there is none
    #[arg(long, value_name = "DURATION", value_parser = units::parse_duration)]
    pub wait: Option<Duration>,
}

/// Options common to `approval approve` and `approval deny`.
#[derive(Debug, Args)]
pub struct DecideArgs {
    /// Its id; last is accepted while only one is pending, and shown and asked about on a terminal
    pub id: String,
    /// The reason; some policies require one
    #[arg(short, long, value_name = "TEXT", default_value = "")]
    pub reason: String,
}

/// Options of `approval approve`.
#[derive(Debug, Args)]
pub struct ApproveArgs {
    /// Which one, and why
    #[command(flatten)]
    pub decide: DecideArgs,
    /// Grant less than the policy allows: once, session, or a duration such as 15m
    #[arg(long, value_name = "SCOPE")]
    pub grant: Option<GrantScope>,
}

fn state(word: &str) -> Result<ApprovalState, String> {
    ApprovalState::parse(word).ok_or_else(|| {
        format!("expected one of {}", ApprovalState::ALL.map(ApprovalState::as_str).join(", "))
    })
}

/// Runs `approval`.
pub fn run(terminal: Terminal, place: &Place, verb: ApprovalVerb) -> Outcome {
    let access = Access::to_look(terminal, place)?;
    match verb {
        ApprovalVerb::List(args) => list(terminal, &access, &args),
        ApprovalVerb::Show { id } => show(terminal, &access, &id),
        ApprovalVerb::Approve(args) => decide(terminal, &access, &args.decide, true, args.grant),
        ApprovalVerb::Deny(args) => decide(terminal, &access, &args, false, None),
        ApprovalVerb::Watch => watch::approvals(terminal, &access),
        ApprovalVerb::Wait { id, timeout } => wait(terminal, &access, &id, timeout),
    }
}

fn list(terminal: Terminal, access: &Access, args: &ListApprovals) -> Outcome {
    let state = if args.all { None } else { Some(args.state.unwrap_or(ApprovalState::Pending)) };
    let filter = ApprovalFilter {
        state,
        principal: args.principal.clone(),
        connection: args.connection.clone(),
        before: None,
        limit: args.limit,
    };
    let all = filter.principal.is_none() && filter.connection.is_none();
    let empty = match state {
        Some(ApprovalState::Pending) if all => "no approval is pending",
        _ => "no approval matches",
    };
    let begin = Instant::now();
    let found = loop {
        let found = access.wait(access.backend().approvals(filter.clone()))?;
        if !found.items.is_empty() || begin.elapsed() >= args.wait.unwrap_or_default() {
            break found;
        }
        std::thread::sleep(Duration::from_millis(100));
    };
    let now = now_ms();
    let rows: Vec<Row> = found.items.iter().map(|approval| row(approval, (terminal.format, now))).collect();
    let columns = ["id", "state", "expires", "who", "connection", "command", "policy", "from"];
    terminal.list(&columns, &rows, empty)?;
    note_more(terminal, &found);
    Ok(if rows.is_empty() && args.wait.is_some() { Exit::Pending } else { Exit::Done })
}

/// Says that a list was truncated.
pub fn note_more<T>(terminal: Terminal, list: &List<T>) {
    if list.more {
        terminal.say(&format!("{} shown, and there are more: see --limit", list.items.len()));
    }
}

fn row(approval: &Approval, (format, now): (Format, i64)) -> Row {
    let expires = match approval.state {
        ApprovalState::Pending | ApprovalState::Approved if approval.expires_ms > now => {
            output::until(format, approval.expires_ms, now)
        }
        _ => "-".to_owned(),
    };
    Row {
        cells: vec![
            approval.id.to_string(),
            approval.state.to_string(),
            expires,
            approval.label.clone(),
            approval.connection.to_string(),
            approval.summary.clone(),
            approval.rule.clone(),
            approval.spec.from.join(","),
        ],
        json: output::json(approval),
    }
}

/// Finds an approval by its id or by `last`: the newest pending one, otherwise the newest of all.
fn find(access: &Access, id: &str) -> Result<Approval, Failure> {
    if id != "last" {
        return access.wait(access.backend().approval(parse(id)?));
    }
    let newest = |state| {
        let filter = ApprovalFilter { state, limit: Some(1), ..ApprovalFilter::default() };
        access.wait(access.backend().approvals(filter)).map(|list| list.items.into_iter().next())
    };
    let found = match newest(Some(ApprovalState::Pending))? {
        Some(approval) => approval,
        None => newest(None)?.ok_or_else(|| Failure::not_found("there are no approvals"))?,
    };
    // A list does not include what will be sent.
    access.wait(access.backend().approval(found.id))
}

fn parse(id: &str) -> Result<ApprovalId, Failure> {
    id.parse().map_err(|error| Failure::usage(format!("{error}")).hint("run: hoopctl approval list"))
}

/// Finds the approval to decide. `last` is refused while several are pending: what is approved must be what
/// was seen.
fn find_to_decide(access: &Access, id: &str) -> Result<Approval, Failure> {
    if id != "last" {
        return access.wait(access.backend().approval(parse(id)?));
    }
    let filter =
        ApprovalFilter { state: Some(ApprovalState::Pending), limit: Some(2), ..ApprovalFilter::default() };
    let mut pending = access.wait(access.backend().approvals(filter))?.items.into_iter();
    match (pending.next(), pending.next()) {
        // A list does not include what will be sent.
        (Some(only), None) => access.wait(access.backend().approval(only.id)),
        (None, _) => Err(Failure::not_found("no approval is pending")),
        (Some(_), Some(_)) => {
            Err(Failure::new(Exit::Conflict, "several commands wait: name the one you mean")
                .hint("run: hoopctl approval list"))
        }
    }
}

fn show(terminal: Terminal, access: &Access, id: &str) -> Outcome {
    let approval = find(access, id)?;
    terminal.item(&fields(&approval), &output::json(&approval))?;
    if terminal.format == Format::Table && approval.state == ApprovalState::Pending {
        terminal.say(&format!(
            "next: hoopctl approval approve {0} -r WHY, or hoopctl approval deny {0} -r WHY",
            approval.id
        ));
    }
    Ok(Exit::Done)
}

fn fields(approval: &Approval) -> Vec<(&'static str, String)> {
    let now = now_ms();
    let spec = &approval.spec;
    let reason = if spec.reason { ", with a reason" } else { "" };
    let left = output::distance(approval.expires_ms, now);
    let left = if approval.expires_ms > now { format!("in {left}") } else { format!("{left} ago") };
    let why = if approval.reason.is_empty() { "(none given)" } else { &approval.reason };
    let mut fields = vec![
        ("id", approval.id.to_string()),
        ("state", approval.state.to_string()),
        ("who", output::who(&approval.label, approval.kind, &approval.principal)),
        ("groups", approval.groups.join(", ")),
        ("from", approval.source.clone()),
        ("connection", approval.connection.to_string()),
        ("session", approval.session.to_string()),
        ("policy", approval.rule.clone()),
        ("does", format!("{} (risk {})", approval.class, approval.risk().as_str())),
        ("needs", format!("{} of {}{reason}", spec.min, spec.from.join(", "))),
        ("gives", spec.grant.to_string()),
        ("expires", format!("{} ({left})", output::time(approval.expires_ms))),
        ("digest", approval.digest.clone()),
        ("reason", why.to_owned()),
    ];
    for decision in &approval.decisions {
        let word = if decision.approve { "approved" } else { "denied" };
        fields.push(("decision", format!("{word} by {} {}", decision.by, decision.reason)));
    }
    fields.push(("command", approval.summary.clone()));
    fields.push(("sends", approval.detail.clone()));
    if approval.truncated {
        fields.push(("", "(not all of it is shown here)".to_owned()));
    }
    fields
}

fn decide(
    terminal: Terminal,
    access: &Access,
    args: &DecideArgs,
    approve: bool,
    grant: Option<GrantScope>,
) -> Outcome {
    let seen = find_to_decide(access, &args.id)?;
    if args.id == "last" && terminal.dialog {
        // What is pending now need not be what a list showed a moment ago: its requester may have exchanged
        // it.
        if !terminal.format.is_json() {
            terminal.item(&fields(&seen), &output::json(&seen))?;
        }
        let verb = if approve { "approve" } else { "deny" };
        ask::confirm(terminal, false, &format!("{verb} {} of {}?", seen.summary, seen.label))?;
    }
    let decide = Decide { approve, reason: args.reason.clone(), digest: Some(seen.digest.clone()), grant };
    let now = access.wait(access.backend().decide_approval(seen.id, decide))?;
    let verb = if approve { "approved" } else { "denied" };
    terminal.say(&format!("{verb} {}: {} by {} on {}", now.id, now.summary, now.label, now.connection));
    if now.state == ApprovalState::Pending {
        let yes = now.decisions.iter().filter(|decision| decision.approve).count();
        terminal.say(&format!("still pending: approved by {yes} of {}", now.spec.min));
    }
    if terminal.format.is_json() {
        terminal.item(&[], &output::json(&now))?;
    }
    Ok(Exit::Done)
}

fn wait(terminal: Terminal, access: &Access, id: &str, timeout: Duration) -> Outcome {
    let begin = Instant::now();
    let id = find(access, id)?.id;
    let approval = loop {
        let left = timeout.saturating_sub(begin.elapsed());
        let seconds = left.as_millis().div_ceil(1000).min(u128::from(MAX_WAIT_S));
        let approval =
            access.wait(access.backend().wait_approval(id, u64::try_from(seconds).unwrap_or(MAX_WAIT_S)))?;
        if approval.state != ApprovalState::Pending || begin.elapsed() >= timeout {
            break approval;
        }
    };
    terminal.item(
        &[("id", approval.id.to_string()), ("state", approval.state.to_string())],
        &output::json(&approval),
    )?;
    Ok(match approval.state {
        ApprovalState::Approved | ApprovalState::Used => Exit::Done,
        ApprovalState::Pending => Exit::Pending,
        ApprovalState::Cancelled
        | ApprovalState::Denied
        | ApprovalState::Expired
        | ApprovalState::Stopped => Exit::Denied,
    })
}
