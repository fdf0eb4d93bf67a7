//! Operations of `session` and `replay` on the events of a recording: fetch, follow, verify, prune.

use std::io;
use std::path::Path;

use serde_json::Value;
use serde_json::json;

use crate::cli::access::Access;
use crate::cli::ask;
use crate::cli::live::LiveStream;
use crate::cli::live::News;
use crate::cli::output;
use crate::cli::output::Colour;
use crate::cli::output::Format;
use crate::cli::output::Row;
use crate::cli::output::Terminal;
use crate::cli::place::Place;
use crate::cli::report::Exit;
use crate::cli::report::Failure;
use crate::cli::report::Outcome;
use crate::cli::session;
use crate::control::Peer;
use crate::control::noun::audit::AuditVerification;
use crate::control::noun::event::EventFilter;
use crate::control::noun::event::Topic;
use crate::control::noun::session::EventsFrom;
use crate::control::noun::session::RecordedEvent;
use crate::control::noun::session::VerifyReport;
use crate::domain::event::EventKind;
use crate::domain::id::SessionId;
use crate::domain::now_ms;
use crate::domain::text::Shown;
use crate::domain::units;
use crate::gateway::retention;
use crate::recording::FileError;
use crate::recording::Journal;
use crate::recording::RecordingFile;
use crate::recording::StoredEvent;
use crate::recording::chain::Hash;
use crate::recording::replay::transcript;
use crate::store;
use crate::store::AcknowledgedLegalHold;
use crate::store::LegalHoldFault;

/// Columns of the verification results.
pub const VERDICT_COLUMNS: [&str; 5] = ["result", "session", "events", "hash", "note"];

/// Returns whether this names a file: not an id, not `last`, and something that exists or looks like a path.
pub fn is_file(text: &str) -> bool {
    text != "last"
        && text.parse::<SessionId>().is_err()
        && (text.contains(['/', '.']) || Path::new(text).exists())
}

/// The events of a session from the first on, fetched page by page on demand.
pub struct Events<'a> {
    access: &'a Access,
    session: SessionId,
    page: std::vec::IntoIter<RecordedEvent>,
    next: Page,
}

/// The next page to fetch.
#[derive(Debug, Clone, Copy)]
enum Page {
    First,
    From(u64),
    None,
}

impl<'a> Events<'a> {
    /// Returns the events of one session.
    pub fn of(access: &'a Access, session: SessionId) -> Self {
        Self { access, session, page: Vec::new().into_iter(), next: Page::First }
    }

    fn turn(&mut self, from: Option<u64>) -> Result<(), Failure> {
        let wanted = EventsFrom { from, limit: Some(1000) };
        let page = self.access.wait(self.access.backend().session_events(self.session, wanted))?;
        self.next = page.next.map_or(Page::None, Page::From);
        self.page = page.events.into_iter();
        Ok(())
    }
}

impl Iterator for Events<'_> {
    type Item = Result<StoredEvent, Failure>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            if let Some(event) = self.page.next() {
                return Some(stored(&event.hash, &event.line));
            }
            let from = match std::mem::replace(&mut self.next, Page::None) {
                Page::First => None,
                Page::From(seq) => Some(seq),
                Page::None => return None,
            };
            if let Err(failure) = self.turn(from) {
                return Some(Err(failure));
            }
        }
    }
}

fn stored(hash: &str, line: &str) -> Result<StoredEvent, Failure> {
    StoredEvent::received(hash, line)
        .map_err(|error| Failure::new(Exit::Broken, error.to_string()).hint("run: hoopctl session verify"))
}

/// Returns one verification result as a row.
pub fn verdict(report: &VerifyReport) -> Row {
    let problem = match (&report.problem, report.broken_at) {
        (Some(problem), Some(seq)) => format!("event {seq}: {problem}"),
        (Some(problem), None) => problem.clone(),
        (None, Some(seq)) => format!("event {seq} is not as it was written"),
        (None, None) => match (report.pruned_ms, report.live) {
            (Some(ms), _) => {
                format!("its events were removed by retention, {}: nothing is proved", output::time(ms))
            }
            (None, true) => "it goes on: its end is not proved yet".to_owned(),
            (None, false) => String::new(),
        },
    };
    let result = match (report.intact, report.pruned_ms) {
        (false, _) => "BROKEN",
        (true, Some(_)) => "pruned",
        (true, None) => "ok",
    };
    Row {
        cells: vec![
            result.to_owned(),
            report.session.to_string(),
            report.events.to_string(),
            report.hash.clone().unwrap_or_default(),
            problem,
        ],
        json: output::json(report),
    }
}

/// Returns the problem of the audit trail, if any.
pub fn audit_problem(found: &AuditVerification) -> Option<String> {
    let seq = found.broken?;
    if found.unreadable {
        return Some(format!("the audit trail cannot be read from entry {seq} on: hoopctl.db is damaged"));
    }
    Some(format!("the audit trail is not as it was written, from entry {seq} on"))
}

/// Returns a problem of the recordings as a whole, as a row without a session.
pub fn found_besides(problem: &str) -> Row {
    let mut cells = vec![String::new(); VERDICT_COLUMNS.len()];
    for (cell, text) in cells.iter_mut().zip(["BROKEN", "", "", "", problem]) {
        text.clone_into(cell);
    }
    Row { cells, json: json!({ "session": null, "intact": false, "problem": problem }) }
}

/// Returns an acknowledged fault of a legal hold, as a row.
pub fn acknowledged(noted: &AcknowledgedLegalHold) -> Row {
    let now = match (noted.held, noted.faults.contains(&LegalHoldFault::Unknown)) {
        (false, _) => "the hold is over",
        (true, false) => "it was held again as before",
        (true, true) => "it was held on by them",
    };
    let note = format!(
        "{}; acknowledged by {} {}: {}; {now}",
        LegalHoldFault::all_in_words(&noted.faults),
        noted.actor,
        output::time(noted.ts_ms),
        noted.reason
    );
    let cells =
        vec!["acknowledged".to_owned(), noted.session.to_string(), String::new(), String::new(), note];
    Row { cells, json: json!({ "session": noted.session, "acknowledged": noted }) }
}

/// Returns one verification result as a line of output.
pub fn verdict_line(terminal: Terminal, row: &Row) -> String {
    let [result, session, events, hash, note] = std::array::from_fn(|place| {
        row.cells.get(place).map(|cell| Shown(cell).to_string()).unwrap_or_default()
    });
    let note = if note.is_empty() { note } else { format!("; {note}") };
    match result.as_str() {
        "ok" => {
            let sign = terminal.paint(Colour::Good, "\u{2713}");
            format!("{sign} {session}  chain ok, {events} events, last hash {hash}{note}\n")
        }
        "pruned" => {
            let sign = terminal.paint(Colour::Warn, "!");
            format!("{sign} {session}  {events} events were there, last hash {hash}{note}\n")
        }
        "acknowledged" => format!("{} {session}{note}\n", terminal.paint(Colour::Warn, "!")),
        _ if session.is_empty() => {
            format!("{} {}\n", terminal.paint(Colour::Bad, "\u{2717} BROKEN"), note.trim_start_matches("; "))
        }
        _ => {
            let sign = terminal.paint(Colour::Bad, "\u{2717} BROKEN");
            format!("{sign} {session}  {events} events hold{note}\n")
        }
    }
}

/// Follows events: of one session, from its last events on, or of all sessions.
pub fn tail(terminal: Terminal, access: &Access, id: Option<&str>) -> Outcome {
    let session = id.map(|id| session::find(access, id)).transpose()?;
    let only = session.as_ref().map(|view| view.id);
    let filter = EventFilter { session: only, topic: Some(Topic::Session), without: None };
    // Subscribed before the recording is read, so that no event is missed in between.
    let mut stream = LiveStream::open(access, filter)?;
    let mut seen = 0;
    if let Some(session) = only {
        for event in Events::of(access, session) {
            let event = event?;
            seen = event.seq;
            if !follow(terminal, &event, true)? {
                return Ok(Exit::Done);
            }
        }
    }
    while let Some(news) = stream.next(terminal)? {
        let News::Message(data) = news else { continue };
        let event = StoredEvent::read(Hash::default(), data.as_bytes())
            .map_err(|error| Failure::failed(error.to_string()))?;
        let repeated = only.is_some() && event.seq <= seen;
        if !repeated && !follow(terminal, &event, only.is_some())? {
            break;
        }
    }
    Ok(Exit::Done)
}

/// Prints one event of a live stream. Returns whether more may follow if only one session is `followed`.
fn follow(terminal: Terminal, event: &StoredEvent, followed: bool) -> Result<bool, Failure> {
    print(terminal, event, !followed)?;
    Ok(!(followed && event.event.kind == EventKind::SessionEnd))
}

/// Prints one event: its transcript, or the event itself. `named`: prefixed with the end of its session's id.
pub fn print(terminal: Terminal, event: &StoredEvent, named: bool) -> Result<(), Failure> {
    if terminal.format.is_json() {
        let value = serde_json::from_str(&event.line).unwrap_or(Value::Null);
        return terminal.data(&output::json_line(&value));
    }
    let id = event.event.session.to_string();
    let start = if named {
        format!("{} ", id.get(id.len().saturating_sub(6)..).unwrap_or_default())
    } else {
        String::new()
    };
    let lines: Vec<String> = transcript(event).into_iter().map(|line| format!("{start}{line}\n")).collect();
    terminal.data(&lines.concat())
}

/// Removes recordings beyond the configured retention. Only while no gateway has the store open.
pub fn prune(terminal: Terminal, place: &Place, yes: bool) -> Outcome {
    let config = place.config()?;
    let dir = config.storage.data_dir.clone();
    let failed =
        |error: &dyn std::fmt::Display| Failure::failed(format!("cannot prune {}: {error}", dir.display()));
    let _lock = store::lock_data_dir_soon(&dir).map_err(|error| match error {
        store::StoreError::Locked { .. } => Failure::new(Exit::Unreachable, error.to_string())
            .hint("a running gateway prunes by itself, as recording.retention says"),
        other => failed(&other),
    })?;
    terminal.say(&format!("editing the store in {} directly", dir.display()));
    let keep = units::format_duration(config.recording.recordings);
    let size = units::format_size(config.recording.max_size);
    ask::confirm(
        terminal,
        yes,
        &format!("Remove recordings older than {keep}, and the oldest beyond {size}?"),
    )?;
    let store = store::Store::open(&dir).map_err(|error| failed(&error))?;
    let holds =
        store.call_blocking(|db| db.read(store::View::under_legal_hold)).map_err(|error| failed(&error))?;
    let journal = Journal::open(&dir, config.recording).map_err(|error| failed(&error))?;
    journal.place_legal_holds(holds.iter().copied());
    let made = journal.report().made;
    let actor = Peer::this_process().principal_id();
    store
        .call_blocking(move |db| db.change(|change| change.note_journal(made)))
        .map_err(|error| failed(&error))?;
    // No session can get events any more.
    let times = [now_ms(), i64::MAX];
    let report = retention::prune(&store, &journal, &dir, &actor, times).map_err(|error| failed(&error))?;
    journal.close();
    let detail = json!({"recordings": report.recordings, "sessions": report.sessions, "bytes": report.bytes});
    let audited = detail.clone();
    store
        .call_blocking(move |db| {
            db.change(|change| change.append_audit(&actor, "session.prune", "*", &audited))
        })
        .map_err(|error| failed(&error))?;
    terminal.say(&format!(
        "removed the events of {}, {} altogether, {} bytes",
        output::count(report.recordings, "session", "sessions"),
        output::count(report.sessions, "session", "sessions"),
        report.bytes
    ));
    if !holds.is_empty() {
        let count =
            output::count(holds.len() as u64, "session is held and stays", "sessions are held and stay");
        terminal.say(&format!("{count}: hoopctl session list --held"));
    }
    if terminal.format.is_json() {
        terminal.item(&[], &detail)?;
    }
    Ok(Exit::Done)
}

/// Opens an exported recording.
pub fn open_file(path: &Path) -> Result<RecordingFile, Failure> {
    RecordingFile::read(path).map_err(|error| file_failure(&error))
}

/// Converts an error of an exported recording.
pub fn file_failure(error: &FileError) -> Failure {
    let exit = match error {
        FileError::Event { .. } => Exit::Broken,
        FileError::Read { source, .. } if source.kind() == io::ErrorKind::NotFound => Exit::NotFound,
        _ => Exit::Failed,
    };
    let message = match error {
        FileError::Read { source, .. } => format!("{error}: {source}"),
        _ => error.to_string(),
    };
    Failure::new(exit, message)
}

/// Verifies an exported recording.
pub fn verify_file(terminal: Terminal, path: &Path) -> Outcome {
    let file = open_file(path)?;
    let found = file.verify().map_err(|error| file_failure(&error))?;
    if !file.has_head().map_err(|error| file_failure(&error))? {
        terminal.say(&format!(
            "{}: its last line has no digest of the first one, as exports of older versions: who, where and when \
             is proved only as far as the events say it",
            path.display()
        ));
    }
    let report = VerifyReport {
        session: found.session,
        intact: found.broken.is_none(),
        events: found.events,
        hash: Some(found.hash),
        live: found.live,
        pruned_ms: found.pruned_ms,
        broken_at: found.broken.as_ref().map(|broken| broken.seq),
        problem: found.broken.as_ref().map(|broken| broken.class.as_str().to_owned()),
        unsettled: None,
    };
    print_verdicts(terminal, &[verdict(&report)])?;
    Ok(if report.intact { Exit::Done } else { Exit::Broken })
}

/// Prints verification results.
pub fn print_verdicts(terminal: Terminal, rows: &[Row]) -> Result<(), Failure> {
    if terminal.format == Format::Table {
        let lines: Vec<String> = rows.iter().map(|row| verdict_line(terminal, row)).collect();
        return terminal.data(&lines.concat());
    }
    terminal.list(&VERDICT_COLUMNS, rows, "")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_no_file_and_a_path_is() {
        let id = SessionId::new().to_string();
        for (text, file) in [
            ("last", false),
            (id.as_str(), false),
            ("a.jsonl", true),
            ("./last", true),
            ("ses_1", false),
            ("/x", true),
        ] {
            assert_eq!(is_file(text), file, "{text}");
        }
    }

    #[test]
    fn a_broken_recording_says_where_and_never_looks_intact() {
        let report = VerifyReport {
            session: SessionId::new(),
            intact: false,
            events: 4,
            hash: None,
            live: false,
            pruned_ms: None,
            broken_at: Some(5),
            problem: Some("edited\u{1b}[2J".to_owned()),
            unsettled: None,
        };
        let terminal =
            Terminal { format: Format::Table, quiet: false, stdout: false, dialog: false, colour: false };
        let line = verdict_line(terminal, &verdict(&report));
        assert!(line.contains("BROKEN") && line.contains("event 5: edited\\u{1b}[2J"), "{line}");
    }
}
