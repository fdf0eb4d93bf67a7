//! `session verify`: verifies recordings, and prints each result as it is found.

use serde_json::Value;
use serde_json::json;

use crate::cli::access::Access;
use crate::cli::access::Use;
use crate::cli::output;
use crate::cli::output::Format;
use crate::cli::output::Row;
use crate::cli::output::Terminal;
use crate::cli::place::Place;
use crate::cli::report::Exit;
use crate::cli::report::Failure;
use crate::cli::report::Outcome;
use crate::cli::session::VerifyArgs;
use crate::cli::session::find;
use crate::cli::session::recording;
use crate::control::noun::audit::AuditFrom;
use crate::control::noun::audit::AuditVerification;
use crate::control::noun::session::VerifyFrom;
use crate::control::noun::session::WholeReport;

/// Verifies one session, the newest if none is named, or all.
pub fn run(terminal: Terminal, place: &Place, args: &VerifyArgs) -> Outcome {
    let access = Access::for_use(terminal, place, Use::looking(!args.acknowledge))?;
    if let (true, Some(reason)) = (args.acknowledge, &args.reason) {
        let noted = access.wait(access.backend().acknowledge_recordings(reason.clone()))?;
        let when = output::time(noted.remade_ms);
        terminal.say(&format!("acknowledged: the recordings were begun anew at {when}"));
    }
    if args.all {
        return verify_all(terminal, &access);
    }
    verify_one(terminal, &access, args.id.as_deref().unwrap_or("last"))
}

fn verify_one(terminal: Terminal, access: &Access, id: &str) -> Outcome {
    let id = find(access, id)?.id;
    let report = access.wait(access.backend().verify_session(id))?;
    recording::print_verdicts(terminal, &[recording::verdict(&report)])?;
    if let Some(why) = &report.unsettled {
        terminal.say(&format!("not everything could be verified: {why}"));
    }
    Ok(match (report.intact, &report.unsettled) {
        (false, _) => Exit::Broken,
        // What was not checked is not verified.
        (true, Some(_)) => Exit::Failed,
        (true, None) => Exit::Done,
    })
}

/// Verifies the audit trail, page by page.
pub fn audit_trail(access: &Access) -> Result<AuditVerification, Failure> {
    let mut from = AuditFrom::default();
    loop {
        let found = access.wait(access.backend().verify_audit(from.clone()))?;
        if !found.more {
            return Ok(found);
        }
        if from.after.is_some_and(|before| found.entries <= before) {
            return Err(Failure::failed("the gateway sent an invalid page cursor (version mismatch?)"));
        }
        from = AuditFrom { after: Some(found.entries), head: Some(found.head) };
    }
}

/// The results so far.
struct Findings {
    terminal: Terminal,
    /// Rows that are printed at the end, in formats that are one document.
    kept: Vec<Row>,
    sessions: usize,
    broken: usize,
    problems: usize,
    /// Why some recorded events were not checked.
    unsettled: Option<String>,
}

impl Findings {
    /// Prints results: at once if the format allows it.
    fn tell(&mut self, rows: Vec<Row>) -> Result<(), Failure> {
        match self.terminal.format {
            Format::Table | Format::Toml | Format::Jsonl => recording::print_verdicts(self.terminal, &rows),
            Format::Json | Format::Csv => {
                self.kept.extend(rows);
                Ok(())
            }
        }
    }

    fn tell_besides(&mut self, problems: &[String]) -> Result<(), Failure> {
        self.problems += problems.len();
        self.tell(problems.iter().map(|problem| recording::found_besides(problem)).collect())
    }

    /// Returns all results as one document, with the totals and the end of the audit trail, as far as the
    /// check got.
    fn document(
        &self,
        recordings: &Result<WholeReport, Failure>,
        trail: &Result<AuditVerification, Failure>,
    ) -> Value {
        let items: Vec<&Value> = self.kept.iter().map(|row| &row.json).collect();
        let missing = recordings.as_ref().ok().map(|whole| whole.missing);
        let restarted = recordings.as_ref().ok().and_then(|whole| whole.remade_ms).map(output::time);
        let audit = trail.as_ref().ok().map(|trail| json!({"entries": trail.entries, "hash": trail.head}));
        let summary = json!({"sessions": self.sessions, "broken": self.broken, "problems": self.problems,
            "missing": missing, "restarted": restarted, "unsettled": self.unsettled});
        json!({"items": items, "summary": summary, "audit": audit})
    }

    /// Verifies each recording, page by page, oldest first.
    fn recordings(&mut self, access: &Access) -> Result<WholeReport, Failure> {
        let mut from = VerifyFrom::default();
        loop {
            let page = access.wait(access.backend().verify_all(from))?;
            self.sessions += page.sessions.len();
            self.broken += page.sessions.iter().filter(|report| !report.intact).count();
            self.tell(page.sessions.iter().map(recording::verdict).collect())?;
            self.tell_besides(&page.problems)?;
            self.unsettled = page.unsettled.or(self.unsettled.take());
            match (page.next, page.whole) {
                (Some(next), _) if from.after.is_none_or(|before| next > before) => from.after = Some(next),
                (None, Some(whole)) => {
                    self.tell_besides(&whole.problems())?;
                    self.tell_besides(whole.unacknowledged_ms.map(begun_anew).as_slice())?;
                    self.tell(whole.acknowledged.iter().map(recording::acknowledged).collect())?;
                    return Ok(whole);
                }
                _ => {
                    return Err(Failure::failed(
                        "the gateway sent an invalid page cursor (version mismatch?)",
                    ));
                }
            }
        }
    }
}

/// Describes recordings that were begun anew, which nobody has acknowledged.
fn begun_anew(ms: i64) -> String {
    format!(
        "the recordings were begun anew at {}, and what was recorded before is gone: find out why, then: \
         hoopctl session verify --all --acknowledge -r WHY",
        output::time(ms)
    )
}

/// Verifies everything that is recorded. Known damage takes precedence over what could not be checked.
fn verify_all(terminal: Terminal, access: &Access) -> Outcome {
    let mut found =
        Findings { terminal, kept: Vec::new(), sessions: 0, broken: 0, problems: 0, unsettled: None };
    let recordings = found.recordings(access);
    let trail = audit_trail(access);
    if let Ok(trail) = &trail {
        found.tell_besides(recording::audit_problem(trail).as_slice())?;
    }
    match terminal.format {
        Format::Json => terminal.item(&[], &found.document(&recordings, &trail))?,
        Format::Csv => recording::print_verdicts(terminal, &found.kept)?,
        Format::Table | Format::Toml | Format::Jsonl => {}
    }
    let Findings { sessions, broken, problems, unsettled, .. } = found;
    let exit = match (broken + problems, &unsettled) {
        (0, None) => Exit::Done,
        // What was not checked is not verified.
        (0, Some(_)) => Exit::Failed,
        _ => Exit::Broken,
    };
    if let Some(why) = unsettled {
        terminal.say(&format!("not everything could be verified: {why}"));
    }
    let (whole, trail) = match (recordings, trail) {
        (Ok(whole), Ok(trail)) => (whole, trail),
        (Err(mut failure), _) | (_, Err(mut failure)) => {
            terminal.say(&format!("{sessions} sessions, {broken} broken, before the check failed"));
            if exit == Exit::Broken {
                failure.exit = exit;
            }
            return Err(failure);
        }
    };
    for faulty in &whole.faulty_holds {
        let (session, fault) = (faulty.session, faulty.fault.as_str());
        terminal.say(&format!("{session}: {fault}; see hoopctl session hold --acknowledge"));
    }
    if let Some(ms) = whole.remade_ms {
        let when = output::time(ms);
        terminal.say(&format!("the recordings were restarted at {when}: they contain nothing older"));
    }
    terminal.say(&format!(
        "{sessions} sessions, {broken} broken, {} missing; audit trail: {} entries hold, last hash {}",
        whole.missing, trail.entries, trail.head
    ));
    Ok(exit)
}
