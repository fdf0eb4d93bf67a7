//! `audit`: who changed what, according to the audit trail.

use std::collections::VecDeque;
use std::time::Duration;

use clap::Args;
use clap::Subcommand;

use crate::cli::access::Access;
use crate::cli::help;
use crate::cli::output;
use crate::cli::output::Row;
use crate::cli::output::Terminal;
use crate::cli::place::Place;
use crate::cli::report::Exit;
use crate::cli::report::Failure;
use crate::cli::report::Outcome;
use crate::control::noun::audit::AuditEntry;
use crate::control::noun::audit::AuditFilter;
use crate::domain::now_ms;
use crate::domain::units;

/// Number of entries per request.
const PAGE: u32 = 1000;

/// Subcommands of `audit`.
#[derive(Debug, Subcommand)]
pub enum AuditVerb {
    /// List entries, newest last
    #[command(alias = "ls", after_help = help::AUDIT)]
    List(ListAudit),
}

/// Options of `audit list`.
#[derive(Debug, Args)]
pub struct ListAudit {
    /// Only entries of this recent period
    #[arg(long, value_name = "DURATION", value_parser = units::parse_duration)]
    pub since: Option<Duration>,
    /// Only those of this actor: a principal, or hoopctl for the gateway itself
    #[arg(long, value_name = "PRINCIPAL")]
    pub actor: Option<String>,
    /// Only this action, such as policy.add, or all actions of one noun, such as policy
    #[arg(long, value_name = "ACTION")]
    pub action: Option<String>,
    /// Only actions on this subject: a name or an id
    #[arg(long, value_name = "NAME")]
    pub subject: Option<String>,
    /// Maximum number to show; the newest are shown
    #[arg(long, value_name = "N", default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    pub limit: u32,
}

impl ListAudit {
    fn wants(&self, entry: &AuditEntry, since_ms: i64) -> bool {
        let is = |wanted: &Option<String>, found: &str| wanted.as_ref().is_none_or(|wanted| wanted == found);
        let of_noun =
            |noun: &String| entry.action.split_once('.').is_some_and(|(found, _verb)| found == noun);
        entry.ts_ms >= since_ms
            && is(&self.actor, &entry.actor)
            && is(&self.subject, &entry.subject)
            && (is(&self.action, &entry.action) || self.action.as_ref().is_some_and(of_noun))
    }
}

/// Runs `audit`.
pub fn run(terminal: Terminal, place: &Place, verb: &AuditVerb) -> Outcome {
    let AuditVerb::List(args) = verb;
    let access = Access::to_look(terminal, place)?;
    let ago = args.since.map(|since| i64::try_from(since.as_millis()).unwrap_or(i64::MAX));
    let since_ms = ago.map_or(i64::MIN, |ago| now_ms().saturating_sub(ago));
    let limit = args.limit as usize;
    let (mut found, mut left) = (VecDeque::new(), 0_u64);
    let seen = each(&access, |entry| {
        if args.wants(&entry, since_ms) {
            found.push_back(row(&entry));
        }
        if found.len() > limit {
            found.pop_front();
            left += 1;
        }
    })?;
    let empty = if seen == 0 { "nothing was changed yet" } else { "no entry matches" };
    let columns = ["number", "when", "actor", "action", "subject", "detail"];
    terminal.list(&columns, found.make_contiguous(), empty)?;
    if left > 0 {
        let older = output::count(left, "older one is", "older ones are");
        terminal.say(&format!("{older} left out: see --limit"));
    }
    Ok(Exit::Done)
}

/// Reads the trail page by page. Returns how many entries it has.
fn each(access: &Access, mut seen: impl FnMut(AuditEntry)) -> Result<u64, Failure> {
    let (mut after, mut count) = (None, 0);
    loop {
        let page = access.wait(access.backend().audit(AuditFilter { after, limit: Some(PAGE) }))?;
        let Some(last) = page.items.last().map(|entry| entry.seq) else { return Ok(count) };
        count += page.items.len() as u64;
        page.items.into_iter().for_each(&mut seen);
        // A page that does not advance would be requested for ever.
        if !page.more || Some(last) <= after {
            return Ok(count);
        }
        after = Some(last);
    }
}

fn row(entry: &AuditEntry) -> Row {
    let detail = match &entry.detail {
        serde_json::Value::Object(members) if members.is_empty() => String::new(),
        detail => detail.to_string(),
    };
    Row {
        cells: vec![
            entry.seq.to_string(),
            output::time(entry.ts_ms),
            entry.actor.clone(),
            entry.action.clone(),
            entry.subject.clone(),
            detail,
        ],
        json: output::json(entry),
    }
}
