//! Sessions and their recordings. Each call opens the recordings again, on a thread that may block.

use std::time::Duration;
use std::time::Instant;

use regex::Regex;
use regex::RegexBuilder;
use serde_json::Value;
use serde_json::json;

use crate::control::Answer;
use crate::control::ApiError;
use crate::control::ErrorCode;
use crate::control::noun::List;
use crate::control::noun::bounded;
use crate::control::noun::session::AcknowledgedRecordings;
use crate::control::noun::session::EventPage;
use crate::control::noun::session::EventsFrom;
use crate::control::noun::session::GREP_TIMEOUT_S;
use crate::control::noun::session::Grep;
use crate::control::noun::session::GrepMatch;
use crate::control::noun::session::LiveSession;
use crate::control::noun::session::RecordedEvent;
use crate::control::noun::session::SessionFilter;
use crate::control::noun::session::SessionView;
use crate::control::noun::session::Sessions;
use crate::control::noun::session::VerifyFrom;
use crate::control::noun::session::VerifyPage;
use crate::control::noun::session::VerifyReport;
use crate::control::noun::session::WholeReport;
use crate::domain::id::SessionId;
use crate::gateway::admin::Acting;
use crate::gateway::admin::Admin;
use crate::gateway::admin::fault::check_length;
use crate::gateway::admin::fault::fault_of_reading;
use crate::gateway::admin::fault::fault_of_store;
use crate::gateway::admin::legal_hold::LegalHolds;
use crate::recording;
use crate::recording::Finding;
use crate::recording::Journal;
use crate::recording::ReadError;
use crate::recording::Reader;
use crate::recording::RecordError;
use crate::recording::SessionRow;
use crate::recording::Verification;
use crate::recording::chain;
use crate::store::AcknowledgedLegalHold;

/// A page of events ends before this many bytes, but contains at least one event.
const MAX_PAGE: usize = 8 << 20;
/// How long a reader waits until all recorded events are in the database.
const SETTLE: Duration = Duration::from_secs(2);
/// A part of a full check ends after this many sessions, or this long.
const VERIFY_SESSIONS: usize = 1000;
pub(super) const VERIFY_FOR: Duration = Duration::from_secs(5);
/// How often, and in which interval, to check whether a live session that the gateway does not know has
/// ended.
const UNKNOWN_LOOKS: u32 = 5;
const UNKNOWN_FOR: Duration = Duration::from_millis(200);
/// The longest pattern, in bytes, and the largest memory of its program.
const MAX_PATTERN: usize = 1000;
const MAX_PROGRAM: usize = 1 << 20;

impl Admin {
    /// Reads recordings on a thread that may block, with all events up to now. `Ok(None)`: nothing was ever
    /// recorded here.
    pub(super) async fn read<T: Send + 'static>(
        &self,
        job: impl FnOnce(&Reader) -> Result<T, ApiError> + Send + 'static,
    ) -> Result<Option<T>, ApiError> {
        if let Some(why) = self.flush_journal().await {
            tracing::warn!("{why}");
        }
        self.read_now(job).await
    }

    /// Waits until all recorded events are in the database. Returns why they are not.
    async fn flush_journal(&self) -> Option<String> {
        let Some(running) = &self.running else {
            let left = Journal::unsettled(&self.config.load().storage.data_dir);
            return (left > 0).then(|| {
                format!("the write-ahead log ({left} files) is not in the database yet: start the gateway, and see its log")
            });
        };
        match tokio::time::timeout(SETTLE, running.journal.flush()).await {
            Ok(Ok(())) => None,
            Ok(Err(error)) => Some(format!("the last recorded events are not in the database yet: {error}")),
            Err(_elapsed) => {
                Some("the database is behind: the last recorded events are not in it yet".to_owned())
            }
        }
    }

    /// Does the same as [`Admin::read`] without waiting.
    pub(super) async fn read_now<T: Send + 'static>(
        &self,
        job: impl FnOnce(&Reader) -> Result<T, ApiError> + Send + 'static,
    ) -> Result<Option<T>, ApiError> {
        let data_dir = self.config.load().storage.data_dir.clone();
        let read = tokio::task::spawn_blocking(move || match Reader::open(&data_dir) {
            Ok(reader) => job(&reader).map(Some),
            Err(ReadError::NoJournal { .. }) => Ok(None),
            Err(error) => Err(fault_of_reading(&error)),
        });
        read.await.map_err(|_panicked| ApiError::new(ErrorCode::Internal, "reading the recordings failed"))?
    }

    /// Returns the part of a full check for a database that is damaged beyond reading, which is a finding.
    fn damaged(&self) -> Option<VerifyPage> {
        let opened = Reader::open(&self.config.load().storage.data_dir);
        let whole = WholeReport { unreadable: true, ..WholeReport::default() };
        matches!(opened, Err(ReadError::Open(RecordError::NotAJournal { .. })))
            .then(|| VerifyPage { whole: Some(whole), ..VerifyPage::default() })
    }

    /// Finds sessions that are live by their rows but unknown to the gateway: somebody has written them.
    async fn find_unknown(&self, page: &mut VerifyPage) -> Result<(), ApiError> {
        if self.running.is_none() || page.unsettled.is_some() {
            return Ok(());
        }
        let live = page.sessions.iter().filter(|report| report.live && report.intact);
        let mut unknown: Vec<SessionId> = live.map(|report| report.session).collect();
        for _ in 0..UNKNOWN_LOOKS {
            let known = self.live_sessions();
            unknown.retain(|id| known.iter().all(|session| session.id != *id));
            if unknown.is_empty() {
                return Ok(());
            }
            // A session that is just ending is no longer live, and its end is about to be recorded.
            tokio::time::sleep(UNKNOWN_FOR).await;
            if self.flush_journal().await.is_some() {
                return Ok(());
            }
            let asked = std::mem::take(&mut unknown);
            let left = self.read_now(move |reader| {
                let mut left = Vec::new();
                for id in asked {
                    let row = reader.session(id).map_err(|error| fault_of_reading(&error))?;
                    // The gateway's own recording of refusals is not a session.
                    let open =
                        |row: SessionRow| row.ended_ms.is_none() && row.principal != recording::GATEWAY;
                    left.extend(row.is_some_and(open).then_some(id));
                }
                Ok(left)
            });
            unknown = left.await?.unwrap_or_default();
        }
        for report in page.sessions.iter_mut().filter(|report| unknown.contains(&report.session)) {
            report.intact = false;
            report.problem =
                Some("its row says that it is still running, and the gateway does not know it".to_owned());
        }
        Ok(())
    }

    fn live_sessions(&self) -> Vec<LiveSession> {
        self.running.as_ref().map(|running| running.live.sessions()).unwrap_or_default()
    }

    /// Returns one session, with what is known besides its recording.
    pub(super) async fn session_view(&self, name: String) -> Result<SessionView, ApiError> {
        let row = self.session_row(name).await?;
        let hold = self.legal_holds().await?.remove(&row.id);
        Ok(SessionView { hold, ..view(row, &self.live_sessions()) })
    }

    async fn session_row(&self, name: String) -> Result<SessionRow, ApiError> {
        let missing = no_session(&name);
        let found =
            self.read(move |reader| reader.find(&name).map_err(|error| fault_of_reading(&error))).await?;
        found.ok_or(missing)
    }
}

fn no_session(name: &str) -> ApiError {
    let name: String = name.chars().take(80).collect();
    ApiError::new(ErrorCode::NotFound, format!("no session {name:?}"))
}

fn view(row: SessionRow, live: &[LiveSession]) -> SessionView {
    let live = live.iter().find(|session| session.id == row.id).cloned();
    SessionView { live, ..SessionView::of(row) }
}

fn wanted(filter: &SessionFilter, limit: Option<u32>) -> recording::SessionFilter {
    recording::SessionFilter {
        since_ms: filter.since_ms,
        principal: filter.principal.clone(),
        connection: filter.connection.as_ref().map(ToString::to_string),
        live: filter.live,
        before: filter.before,
        limit,
    }
}

/// Returns the sessions that match a filter, the newest first, at most `limit`.
fn rows(
    reader: &Reader,
    filter: &SessionFilter,
    limit: Option<u32>,
    holds: &LegalHolds,
) -> Result<Vec<SessionRow>, ApiError> {
    // The recordings do not show which ones are held.
    let at_most = if filter.held.is_some() { None } else { limit };
    let mut rows = reader.sessions(&wanted(filter, at_most)).map_err(|error| fault_of_reading(&error))?;
    if let Some(held) = filter.held {
        rows.retain(|row| holds.contains_key(&row.id) == held);
    }
    if let Some(limit) = limit {
        rows.truncate(usize::try_from(limit).unwrap_or(usize::MAX));
    }
    Ok(rows)
}

fn page(reader: &Reader, id: SessionId, from: EventsFrom) -> Result<EventPage, ApiError> {
    let fault = |error: ReadError| fault_of_reading(&error);
    let row = reader.session(id).map_err(fault)?.ok_or_else(|| no_session(&id.to_string()))?;
    let limit = usize::try_from(bounded(from.limit)).unwrap_or(usize::MAX);
    let mut page = EventPage { session: id, events: Vec::new(), next: None, ended: row.ended_ms.is_some() };
    let mut bytes = 0;
    for event in reader.events(id, from.from.unwrap_or(1).max(1)).map_err(fault)? {
        let event = match event {
            Ok(event) => event,
            // Readable events are returned first; the next page has the error.
            Err(ReadError::Event { seq, .. }) if !page.events.is_empty() => {
                page.next = Some(seq);
                break;
            }
            Err(error) => return Err(fault(error)),
        };
        bytes += event.line.len();
        if page.events.len() >= limit || (bytes > MAX_PAGE && !page.events.is_empty()) {
            page.next = Some(event.seq);
            break;
        }
        let hash = chain::hex(&event.hash);
        page.events.push(RecordedEvent { seq: event.seq, line: event.line.into(), hash });
    }
    Ok(page)
}

fn report(found: &Verification) -> VerifyReport {
    VerifyReport {
        session: found.session,
        intact: found.broken.is_none(),
        events: found.events,
        hash: Some(found.hash.clone()),
        live: found.live,
        pruned_ms: found.pruned_ms,
        broken_at: found.broken.map(|broken| broken.seq),
        problem: found.broken.map(|broken| broken.class.to_string()),
        unsettled: None,
    }
}

/// Runs one part of a full check, which exceeds its time by one session at most.
fn verify_part(reader: &Reader, from: VerifyFrom) -> Result<VerifyPage, ApiError> {
    let stop = Instant::now() + VERIFY_FOR;
    let (mut sessions, mut problems) = (Vec::new(), Vec::new());
    let each = |found: Finding| {
        match found {
            Finding::Session(found) => sessions.push(report(&found)),
            Finding::Nameless(no) => problems.push(format!("row {no} of the sessions cannot be read")),
            Finding::Rest(no) => problems.push(format!("no row of the sessions after {no} can be read")),
        }
        sessions.len() + problems.len() < VERIFY_SESSIONS && Instant::now() < stop
    };
    let next = reader
        .verify_after(from.after.unwrap_or(i64::MIN), each)
        .map_err(|error| fault_of_reading(&error))?;
    let whole = if next.is_none() {
        let found = reader.verify_numbers().map_err(|error| fault_of_reading(&error))?;
        Some(WholeReport {
            missing: found.missing,
            stray_blocks: found.stray_blocks,
            unpruned: found.unpruned,
            wrong_numbers: found.wrong_numbers,
            unreadable: found.unreadable,
            ..WholeReport::default()
        })
    } else {
        None
    };
    Ok(VerifyPage { sessions, problems, unsettled: None, next, whole })
}

fn search(
    reader: &Reader,
    grep: &Grep,
    pattern: &Regex,
    holds: &LegalHolds,
) -> Result<List<GrepMatch>, ApiError> {
    let fault = |error: ReadError| fault_of_reading(&error);
    let give_up = Instant::now() + Duration::from_secs(GREP_TIMEOUT_S);
    let limit = usize::try_from(bounded(grep.sessions.limit)).unwrap_or(usize::MAX);
    let mut found = List::all(Vec::new());
    let sessions = match grep.session {
        Some(id) => vec![reader.session(id).map_err(fault)?.ok_or_else(|| no_session(&id.to_string()))?],
        None => rows(reader, &grep.sessions, None, holds)?,
    };
    for session in sessions {
        for event in reader.events(session.id, 1).map_err(fault)? {
            // An unreadable event only ends its own session; verifying reports the cause.
            let Ok(event) = event else { break };
            for line in recording::matching(&event, pattern) {
                if found.items.len() >= limit {
                    found.more = true;
                    return Ok(found);
                }
                let (seq, ts_ms, kind) = (event.seq, event.event.ts_ms, event.event.kind.to_string());
                found.items.push(GrepMatch { session: session.id, seq, ts_ms, kind, text: line });
            }
            if Instant::now() >= give_up {
                found.more = true;
                return Ok(found);
            }
        }
    }
    Ok(found)
}

fn compile(pattern: &str) -> Result<Regex, ApiError> {
    let bad = |text: String| ApiError::new(ErrorCode::BadRequest, text);
    if pattern.len() > MAX_PATTERN {
        return Err(bad(format!("the pattern is longer than {MAX_PATTERN} bytes")));
    }
    let built = RegexBuilder::new(pattern).size_limit(MAX_PROGRAM).dfa_size_limit(MAX_PROGRAM).build();
    built.map_err(|error| bad(format!("the pattern is invalid: {error}")))
}

impl Acting {
    /// Adds an action on a session to the audit trail, on disk.
    async fn note(&self, action: &'static str, id: SessionId, detail: Value) -> Result<(), ApiError> {
        let actor = self.actor();
        let noted = self
            .admin
            .store
            .change(move |change| change.append_audit(&actor, action, &id.to_string(), &detail));
        noted.await.map_err(|error| fault_of_store(&error))
    }
}

impl Sessions for Acting {
    fn sessions(&self, filter: SessionFilter) -> Answer<'_, List<SessionView>> {
        Box::pin(async move {
            let limit = bounded(filter.limit);
            let mut holds = self.admin.legal_holds().await?;
            let held = holds.clone();
            let found = self.admin.read(move |reader| rows(reader, &filter, Some(limit + 1), &held)).await?;
            let live = self.admin.live_sessions();
            let views = found.unwrap_or_default().into_iter().map(|row| {
                let hold = holds.remove(&row.id);
                SessionView { hold, ..view(row, &live) }
            });
            let views = views.collect();
            Ok(List::cut(views, limit))
        })
    }

    fn session(&self, id: String) -> Answer<'_, SessionView> {
        Box::pin(async move { self.admin.session_view(id).await })
    }

    fn session_events(&self, id: SessionId, from: EventsFrom) -> Answer<'_, EventPage> {
        Box::pin(async move {
            let found = self.admin.read(move |reader| page(reader, id, from)).await?;
            found.ok_or_else(|| no_session(&id.to_string()))
        })
    }

    fn verify_session(&self, id: SessionId) -> Answer<'_, VerifyReport> {
        Box::pin(async move {
            let unsettled = self.admin.flush_journal().await;
            let verify = move |reader: &Reader| reader.verify(id).map_err(|error| fault_of_reading(&error));
            let found = self.admin.read_now(verify).await?.ok_or_else(|| no_session(&id.to_string()))?;
            let mut page = VerifyPage { sessions: vec![report(&found)], unsettled, ..VerifyPage::default() };
            self.admin.find_unknown(&mut page).await?;
            let report = page.sessions.pop().ok_or_else(|| no_session(&id.to_string()))?;
            Ok(VerifyReport { unsettled: page.unsettled, ..report })
        })
    }

    fn verify_all(&self, from: VerifyFrom) -> Answer<'_, VerifyPage> {
        Box::pin(async move {
            let unsettled = self.admin.flush_journal().await;
            let found = self.admin.read_now(move |reader| verify_part(reader, from)).await;
            let found = found.or_else(|error| self.admin.damaged().map(Some).ok_or(error))?;
            let absent = found.is_none();
            let nothing = || VerifyPage { whole: Some(WholeReport::default()), ..VerifyPage::default() };
            let mut page = VerifyPage { unsettled, ..found.unwrap_or_else(nothing) };
            self.admin.find_unknown(&mut page).await?;
            if let Some(whole) = &mut page.whole {
                let told = self.admin.hold_against_trail(whole).await?;
                let made = told.made_ms;
                // A running gateway has created one.
                whole.gone = absent && (!made.is_empty() || self.admin.running.is_some());
                whole.remade_ms = made.get(1..).and_then(<[i64]>::last).copied();
                whole.unacknowledged_ms = told.remade_ms;
            }
            Ok(page)
        })
    }

    fn grep_sessions(&self, grep: Grep) -> Answer<'_, List<GrepMatch>> {
        Box::pin(async move {
            let pattern = compile(&grep.pattern)?;
            let holds = self.admin.legal_holds().await?;
            let found = self.admin.read(move |reader| search(reader, &grep, &pattern, &holds)).await?;
            Ok(found.unwrap_or_else(|| List::all(Vec::new())))
        })
    }

    fn kill_session(&self, id: SessionId, reason: String) -> Answer<'_, SessionView> {
        Box::pin(async move {
            self.must_manage("session.kill", &id.to_string()).await?;
            check_length(&reason)?;
            let running = self.admin.running()?;
            let ended = || ApiError::new(ErrorCode::Conflict, format!("{id} has ended already"));
            if !running.live.sessions().iter().any(|session| session.id == id) {
                self.admin.session_row(id.to_string()).await?;
                return Err(ended());
            }
            let detail = if reason.is_empty() { json!({}) } else { json!({ "reason": reason }) };
            // Before the action: if the gateway dies in between, it is known who wanted it.
            self.note("session.kill", id, detail).await?;
            if !running.live.kill(id) {
                self.note("session.kill.failed", id, json!({ "reason": "it had ended" })).await?;
                return Err(ended());
            }
            Ok(SessionView { live: None, ..self.admin.session_view(id.to_string()).await? })
        })
    }

    fn place_legal_hold(&self, id: SessionId, reason: String) -> Answer<'_, SessionView> {
        Box::pin(self.place_hold(id, reason))
    }

    fn lift_legal_hold(&self, id: SessionId, reason: String) -> Answer<'_, SessionView> {
        Box::pin(self.lift_hold(id, reason))
    }

    fn acknowledge_legal_hold(&self, id: SessionId, reason: String) -> Answer<'_, AcknowledgedLegalHold> {
        Box::pin(self.acknowledge_hold(id, reason))
    }

    fn acknowledge_recordings(&self, reason: String) -> Answer<'_, AcknowledgedRecordings> {
        Box::pin(self.acknowledge_remade(reason))
    }
}
