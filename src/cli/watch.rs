//! `session watch` and `approval watch`: one line for each event that needs attention.

use std::collections::HashMap;

use serde_json::Value;
use serde_json::json;

use crate::cli::access::Access;
use crate::cli::live::LiveStream;
use crate::cli::live::News;
use crate::cli::output;
use crate::cli::output::Format;
use crate::cli::output::Row;
use crate::cli::output::Terminal;
use crate::cli::report::Failure;
use crate::cli::report::Outcome;
use crate::control::noun::approval::ApprovalFilter;
use crate::control::noun::event::EventFilter;
use crate::control::noun::event::Topic;
use crate::control::noun::session::EventsFrom;
use crate::control::paging;
use crate::domain::approval::Approval;
use crate::domain::approval::ApprovalState;
use crate::domain::event::Direction;
use crate::domain::event::EventKind;
use crate::domain::id::ApprovalId;
use crate::domain::id::SessionId;
use crate::domain::now_ms;
use crate::domain::text::Shown;
use crate::recording::StoredEvent;
use crate::recording::chain::Hash;
use crate::recording::replay::Position;
use crate::recording::replay::transcript;

/// Maximum number of sessions or approvals that are remembered.
const REMEMBERED: usize = 10_000;
/// How many events before a denial its command is searched.
const BEFORE: u64 = 8;

/// One column: its name, and its minimum width.
type Column = (&'static str, usize);

/// The columns of `session watch`.
const SESSION: [Column; 6] =
    [("time", 20), ("what", 6), ("who", 16), ("connection", 12), ("session", 30), ("detail", 0)];
/// The columns of `approval watch`.
const APPROVAL: [Column; 6] =
    [("time", 20), ("what", 9), ("who", 16), ("connection", 12), ("approval", 30), ("detail", 0)];

/// Selects the messages of one topic.
fn only(topic: Topic) -> EventFilter {
    EventFilter { session: None, topic: Some(topic), without: None }
}

/// Prints the names of the columns, if the format has them.
fn head(terminal: Terminal, columns: &[Column]) -> Result<(), Failure> {
    match terminal.format {
        Format::Table | Format::Toml => {
            let names: Vec<String> = columns.iter().map(|(name, _)| name.to_uppercase()).collect();
            terminal.data(&table_line(columns, &names))
        }
        Format::Csv => {
            let names: Vec<&str> = columns.iter().map(|(name, _)| *name).collect();
            terminal.data(&output::list(Format::Csv, &names, &[]))
        }
        Format::Json | Format::Jsonl => Ok(()),
    }
}

/// Formats one row as a line.
fn line(format: Format, columns: &[Column], row: Row) -> String {
    match format {
        Format::Table | Format::Toml => table_line(columns, &row.cells),
        Format::Csv => {
            let names: Vec<&str> = columns.iter().map(|(name, _)| *name).collect();
            let text = output::list(Format::Csv, &names, &[row]);
            // The names were printed once, before the first row.
            text.split_once('\n').map(|(_, line)| line.to_owned()).unwrap_or_default()
        }
        Format::Json | Format::Jsonl => output::json_line(&row.json),
    }
}

fn table_line(columns: &[Column], cells: &[String]) -> String {
    let padded: Vec<String> = cells
        .iter()
        .zip(columns)
        .map(|(cell, (_, width))| format!("{:width$}", Shown(cell).to_string()))
        .collect();
    format!("{}\n", padded.join("  ").trim_end())
}

/// The principal and connection of a session.
#[derive(Debug, Clone, Default)]
struct Owner {
    principal: String,
    label: String,
    connection: String,
}

/// Follows all sessions: starts, ends, denials.
pub fn sessions(terminal: Terminal, access: &Access) -> Outcome {
    let mut stream = LiveStream::open(access, only(Topic::Session))?;
    let denied: Position = "#denied".parse().map_err(|error| Failure::failed(format!("{error}")))?;
    let mut owners: HashMap<SessionId, Owner> = HashMap::new();
    head(terminal, &SESSION)?;
    loop {
        let News::Message(data) = stream.next_until_stop(terminal)? else { continue };
        if !may_matter(&data) {
            continue;
        }
        let event = StoredEvent::read(Hash::default(), data.as_bytes())
            .map_err(|error| Failure::failed(error.to_string()))?;
        let id = event.event.session;
        let what = match event.event.kind {
            EventKind::SessionStart => "begins",
            EventKind::SessionEnd => "ends",
            _ if denied.is_reached_by(&event) => "denied",
            _ => continue,
        };
        if owners.len() >= REMEMBERED {
            owners.clear();
        }
        let owner = match (what, owners.get(&id)) {
            ("begins", _) => owner_of(&event),
            (_, Some(owner)) => owner.clone(),
            _ => asked(access, id),
        };
        let command = if what == "denied" { command_of(access, &event) } else { None };
        terminal.data(&line(
            terminal.format,
            &SESSION,
            session_row(&event, what, &owner, command.as_deref()),
        ))?;
        if what == "ends" {
            owners.remove(&id);
        } else {
            owners.insert(id, owner);
        }
    }
}

/// Returns whether a message may be relevant: most are not, and need not be parsed.
fn may_matter(data: &str) -> bool {
    data.contains("\"kind\":\"session.") || data.contains("\"kind\":\"decision\"")
}

/// Returns the owner of a session according to its first event.
fn owner_of(event: &StoredEvent) -> Owner {
    let data: Value = serde_json::from_str(&event.event.data).unwrap_or_default();
    let text = |name: &str| data.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
    Owner { principal: text("principal"), label: text("label"), connection: text("connection") }
}

/// Returns the owner of a session that began before; empty if the gateway does not know it either.
fn asked(access: &Access, id: SessionId) -> Owner {
    access.wait(access.backend().session(id.to_string())).map_or_else(
        |_gone| Owner::default(),
        |view| Owner { principal: view.principal, label: view.label, connection: view.connection },
    )
}

/// Returns the command that was denied: the one with the same id a few events before.
fn command_of(access: &Access, denial: &StoredEvent) -> Option<String> {
    let from = denial.seq.saturating_sub(BEFORE).max(1);
    let wanted = EventsFrom { from: Some(from), limit: u32::try_from(BEFORE).ok() };
    let page = access.wait(access.backend().session_events(denial.event.session, wanted)).ok()?;
    let events =
        page.events.iter().rev().filter_map(|event| StoredEvent::received(&event.hash, &event.line).ok());
    events.filter(|event| is_command_of(event, denial)).map(|event| bare_transcript(&event)).next()
}

fn is_command_of(event: &StoredEvent, denial: &StoredEvent) -> bool {
    let kind = event.event.kind;
    denial.event.corr.is_some()
        && event.event.corr == denial.event.corr
        && (matches!(kind, EventKind::HttpRequest | EventKind::SqlQuery)
            || (kind == EventKind::McpMessage && event.event.dir == Some(Direction::C2s)))
}

/// Returns the transcript of an event without its time and symbol; for a statement with its first line.
fn bare_transcript(event: &StoredEvent) -> String {
    let lines = transcript(event);
    let mut lines = lines.iter();
    let first = lines.next().map(String::as_str).unwrap_or_default();
    let first = first
        .split_once(' ')
        .map_or(first, |(_time, rest)| rest)
        .trim_start_matches(['→', '✗', '■', '▶', ' ']);
    match lines.next().filter(|_| event.event.kind == EventKind::SqlQuery) {
        Some(sql) => format!("{first}  {}", sql.trim_start()),
        None => first.to_owned(),
    }
}

fn session_row(event: &StoredEvent, what: &str, owner: &Owner, command: Option<&str>) -> Row {
    let detail = match what {
        "begins" => owner.principal.clone(),
        _ => bare_transcript(event),
    };
    let shown = command.map_or_else(|| detail.clone(), |command| format!("{command}: {detail}"));
    let id = event.event.session;
    Row {
        cells: vec![
            output::time(event.event.ts_ms),
            what.to_owned(),
            owner.label.clone(),
            owner.connection.clone(),
            id.to_string(),
            shown,
        ],
        json: json!({
            "ts_ms": event.event.ts_ms,
            "what": what,
            "session": id.to_string(),
            "seq": event.seq,
            "principal": owner.principal,
            "label": owner.label,
            "connection": owner.connection,
            "command": command,
            "detail": detail,
        }),
    }
}

/// The last printed state of an approval, and its number of decisions.
type Told = (ApprovalState, usize);

/// The printed states, so that nothing is printed twice.
#[derive(Default)]
struct Known(HashMap<ApprovalId, Told>);

impl Known {
    /// Returns the row for an approval as it is now; `None` if it was printed already.
    fn take(&mut self, approval: &Approval, now_ms: i64) -> Option<Row> {
        let now = (approval.state, approval.decisions.len());
        if self.0.get(&approval.id) == Some(&now) {
            return None;
        }
        if self.0.len() >= REMEMBERED {
            self.0.retain(|_, (state, _)| *state == ApprovalState::Pending);
        }
        self.0.insert(approval.id, now);
        Some(approval_row(approval, now_ms))
    }
}

/// Follows all approvals, pending ones first.
pub fn approvals(terminal: Terminal, access: &Access) -> Outcome {
    // Opened before the list is read, so that nothing is missed in between.
    let mut stream = LiveStream::open(access, only(Topic::Approval))?;
    let mut known = Known::default();
    head(terminal, &APPROVAL)?;
    let mut news = News::Gap;
    loop {
        let found =
            match news {
                News::Gap => pending(access)?,
                News::Message(data) => {
                    let read = serde_json::from_str(&data);
                    vec![read.map_err(|error| {
                        Failure::failed(format!("an approval that cannot be read: {error}"))
                    })?]
                }
            };
        for approval in &found {
            if let Some(row) = known.take(approval, now_ms()) {
                terminal.data(&line(terminal.format, &APPROVAL, row))?;
            }
        }
        news = stream.next_until_stop(terminal)?;
    }
}

/// Returns all pending approvals, oldest first.
fn pending(access: &Access) -> Result<Vec<Approval>, Failure> {
    let filter = ApprovalFilter { state: Some(ApprovalState::Pending), ..ApprovalFilter::default() };
    let mut all = access.block_on(paging::approvals(access.backend(), &filter))?;
    all.reverse();
    Ok(all)
}

fn approval_row(approval: &Approval, now_ms: i64) -> Row {
    let last = approval.decisions.last();
    let by = |decision: &crate::domain::approval::ApprovalDecision| {
        let reason =
            if decision.reason.is_empty() { String::new() } else { format!(" \"{}\"", decision.reason) };
        format!("by {}{reason}", decision.by)
    };
    let (ms, what, detail) = match (approval.state, last) {
        (ApprovalState::Pending, None) => {
            let wanted =
                format!("{} wants {} of {}", approval.rule, approval.spec.min, approval.spec.from.join(", "));
            (approval.created_ms, "asked", wanted)
        }
        (ApprovalState::Pending, Some(decision)) => (decision.at_ms, "one yes", by(decision)),
        (state @ (ApprovalState::Approved | ApprovalState::Denied), Some(decision)) => {
            (decision.at_ms, state.as_str(), by(decision))
        }
        (state, _) => (now_ms, state.as_str(), String::new()),
    };
    let detail = if detail.is_empty() { detail } else { format!(": {detail}") };
    Row {
        cells: vec![
            output::time(ms),
            what.to_owned(),
            approval.label.clone(),
            approval.connection.to_string(),
            approval.id.to_string(),
            format!("{}{detail}", approval.summary),
        ],
        json: json!({"ts_ms": ms, "what": what, "approval": output::json(approval)}),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(seq: u64, kind: &str, data: &Value) -> StoredEvent {
        let line = json!({
            "v": 1, "sid": SessionId::from_bits(7).to_string(), "seq": seq, "t": 1_402_000,
            "ts": "2026-11-20T09:14:09.118Z", "kind": kind, "dir": null, "corr": null, "data": data, "mask": [],
        });
        StoredEvent::read(Hash::default(), line.to_string().as_bytes()).unwrap()
    }

    fn approval() -> Approval {
        serde_json::from_value(json!({
            "id": ApprovalId::from_bits(9).to_string(), "state": "pending", "principal": "corp/agent-7",
            "label": "agent-7\u{1b}[2J", "kind": "agent", "groups": ["etl"], "source": "10.2.0.14",
            "connection": "crm", "session": SessionId::from_bits(7).to_string(),
            "request": crate::domain::id::RequestId::from_bits(8).to_string(), "rule": "etl-writes",
            "spec": {"from": ["dba"], "min": 2, "timeout_s": 600, "reason": true, "grant": "once"},
            "digest": "00", "summary": "PATCH /customers/7\n", "detail": "", "truncated": false, "reason": "",
            "revision": 1, "created_ms": 0, "expires_ms": 600_000, "decisions": [], "grant": null,
        }))
        .unwrap()
    }

    #[test]
    fn every_line_is_one_line_whatever_is_in_it() {
        let owner = Owner {
            principal: "corp/agent\n7".to_owned(),
            label: "\u{1b}[31magent\r\n".to_owned(),
            connection: "crm".to_owned(),
        };
        let denial = event(
            4,
            "decision",
            &json!({"effect": "deny", "rule": "no-deletes", "reason": "no\u{1b}[2J\n!"}),
        );
        for format in [Format::Table, Format::Json, Format::Jsonl, Format::Csv] {
            let rows = [
                line(format, &SESSION, session_row(&denial, "denied", &owner, Some("DELETE /c\u{202e}"))),
                line(format, &APPROVAL, approval_row(&approval(), 0)),
            ];
            for text in rows {
                assert!(text.ends_with('\n') && text.matches('\n').count() == 1, "{format:?} {text:?}");
                let deceives = |c| crate::domain::text::is_deceptive(c) && c != '\n';
                assert!(!text.contains(deceives), "{format:?} {text:?}");
            }
        }
    }

    #[test]
    fn a_table_tells_when_what_who_where_and_why() {
        let start =
            json!({"kind": "agent", "label": "agent-7", "principal": "corp/agent-7", "connection": "crm"});
        let start = event(1, "session.start", &start);
        let owner = owner_of(&start);
        let row = |event: &StoredEvent, what: &str, command| {
            line(Format::Table, &SESSION, session_row(event, what, &owner, command))
        };
        let id = SessionId::from_bits(7);
        assert_eq!(
            row(&start, "begins", None),
            format!("2026-11-20T09:14:09Z  begins  agent-7           crm           {id}  corp/agent-7\n")
        );
        let denial = event(3, "decision", &json!({"effect": "deny", "rule": "no-deletes", "reason": ""}));
        assert!(row(&denial, "denied", Some("DELETE /x")).ends_with("  DELETE /x: denied by no-deletes\n"));
        let end = event(4, "session.end", &json!({"reason": "idle"}));
        assert!(row(&end, "ends", None).ends_with("  session ended: idle\n"));
        assert_eq!(
            line(Format::Csv, &SESSION, session_row(&end, "ends", &owner, None)).matches(',').count(),
            5
        );
    }

    #[test]
    fn only_what_can_matter_is_read() {
        for (kind, matters) in [
            ("session.start", true),
            ("session.end", true),
            ("decision", true),
            ("http.request", false),
            ("marker", false),
        ] {
            assert_eq!(may_matter(&event(1, kind, &json!({"kind": "x"})).line), matters, "{kind}");
        }
    }

    #[test]
    fn each_step_of_an_approval_is_told_once() {
        let mut known = Known::default();
        let mut approval = approval();
        let mut what = |approval: &Approval| {
            let row = known.take(approval, 5)?;
            Some((row.json["what"].as_str().unwrap().to_owned(), row.cells[5].clone()))
        };
        let say = |by: &str, approve| crate::domain::approval::ApprovalDecision {
            by: by.to_owned(),
            approve,
            reason: "ok".to_owned(),
            at_ms: 3,
        };
        assert_eq!(what(&approval).unwrap().1, "PATCH /customers/7\n: etl-writes wants 2 of dba");
        assert_eq!(what(&approval), None);
        approval.decisions.push(say("local:kate", true));
        assert_eq!(what(&approval).unwrap().0, "one yes");
        approval.decisions.push(say("local:lea", true));
        approval.state = ApprovalState::Approved;
        let (word, detail) = what(&approval).unwrap();
        assert_eq!(
            (word.as_str(), detail.as_str()),
            ("approved", "PATCH /customers/7\n: by local:lea \"ok\"")
        );
        approval.state = ApprovalState::Used;
        assert_eq!(what(&approval).unwrap().0, "used");
        assert_eq!(what(&approval), None);
    }
}
