//! `status`: whether the gateway is running, and its state.

use std::time::Duration;
use std::time::Instant;

use clap::Args;

use crate::cli::access::Access;
use crate::cli::output;
use crate::cli::output::Format;
use crate::cli::output::Terminal;
use crate::cli::place::Place;
use crate::cli::report::Exit;
use crate::cli::report::Failure;
use crate::cli::report::Outcome;
use crate::cli::token::jwks;
use crate::control::noun::gateway::CallerReport;
use crate::control::noun::gateway::StatusReport;
use crate::control::noun::gateway::TargetReport;
use crate::domain::now_ms;
use crate::domain::units;

/// Options of `status`.
#[derive(Debug, Args)]
pub struct StatusArgs {
    /// Wait up to this long until it is ready
    #[arg(long, value_name = "DURATION", value_parser = units::parse_duration)]
    pub wait: Option<Duration>,
}

/// Polling interval.
const PAUSE: Duration = Duration::from_millis(50);

/// Shows the state. Exits with 7 if the gateway is not running, 1 if it is running but not ready.
pub fn run(terminal: Terminal, place: &Place, args: &StatusArgs) -> Outcome {
    let begin = Instant::now();
    let wait = args.wait.unwrap_or_default();
    let report = loop {
        let found = look(place);
        let ready = found.as_ref().is_ok_and(|report| report.ready);
        // An invalid configuration does not improve by waiting.
        let waits = found.as_ref().err().is_none_or(|failure| failure.exit == Exit::Unreachable);
        if ready || !waits || begin.elapsed() >= wait {
            break found?;
        }
        std::thread::sleep(PAUSE);
    };
    terminal.item(&fields(&report), &output::json(&report))?;
    if let (Format::Table, Some(problem)) = (terminal.format, &report.recording_problem) {
        terminal.say(&format!("cannot record, so all requests are refused: {problem}"));
    }
    Ok(if report.ready { Exit::Done } else { Exit::Failed })
}

fn look(place: &Place) -> Result<StatusReport, Failure> {
    let access = Access::online(place)?;
    access.wait(access.backend().status())
}

/// Returns the last result of reaching a target; `None` if nothing was sent to it yet.
fn health(target: &TargetReport, now: i64) -> Option<String> {
    let ago = |ms: i64| output::distance(ms, now);
    if target.fails() {
        let error = target.error.as_deref().unwrap_or_default();
        return target.failed_ms.map(|ms| format!("{error} {}", ago(ms)));
    }
    target.answered_ms.map(|ms| format!("answered {}", ago(ms)))
}

/// Returns the caller's permissions as text.
pub const fn may(you: &CallerReport) -> &'static str {
    match (you.manages, you.decides) {
        (true, true) => "manage and decide",
        (true, false) => "manage, not decide",
        (false, true) => "decide",
        (false, false) => "look",
    }
}

fn fields(report: &StatusReport) -> Vec<(&'static str, String)> {
    let now = now_ms();
    let counts = report.counts;
    let mut fields = vec![
        ("gateway", if report.ready { "ready" } else { "not ready" }.to_owned()),
        ("version", report.version.clone()),
        ("pid", report.pid.map(|pid| pid.to_string()).unwrap_or_default()),
        ("up", report.started_ms.map(|ms| output::distance(ms, now)).unwrap_or_default()),
        ("config", report.config.clone()),
        ("data", report.data_dir.clone()),
        ("revision", report.revision.to_string()),
    ];
    for listener in &report.listeners {
        fields.push(("listens", format!("{}://{}", listener.scheme, listener.address)));
    }
    if !report.restart_needed.is_empty() {
        fields.push(("restart", format!("needed: {} changed in the file", report.restart_needed.join(", "))));
    }
    for issuer in &report.issuers {
        let state = jwks::state(issuer);
        let keys = output::count(issuer.keys, "key", "keys");
        fields.push(("issuer", format!("{} {} ({keys}, {state})", issuer.name, issuer.issuer)));
    }
    for target in &report.targets {
        let Some(state) = health(target, now) else { continue };
        fields.push(("target", format!("{} ({state})", target.connection)));
    }
    fields.push((
        "holds",
        [
            output::count(counts.connections, "connection", "connections"),
            output::count(counts.policies, "policy", "policies"),
            output::count(counts.masks, "mask", "masks"),
        ]
        .join(", "),
    ));
    fields.push((
        "now",
        [
            output::count(counts.sessions, "session", "sessions"),
            output::count(counts.approvals, "approval waiting", "approvals waiting"),
            output::count(counts.locks, "lock", "locks"),
            output::count(counts.held, "held recording", "held recordings"),
        ]
        .join(", "),
    ));
    if let Some(you) = &report.you {
        let may = may(you);
        let groups =
            if you.groups.is_empty() { String::new() } else { format!(", groups {}", you.groups.join(", ")) };
        fields.push(("you", format!("{} (may {may}{groups})", you.principal)));
    }
    fields
}
