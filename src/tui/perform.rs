//! Asks the gateway what the model wants to know.

use std::io;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use crate::control::ApiError;
use crate::control::Backend;
use crate::control::noun::List;
use crate::control::noun::approval::ApprovalFilter;
use crate::control::noun::audit::AuditFilter;
use crate::control::noun::session::EventPage;
use crate::control::noun::session::EventsFrom;
use crate::control::noun::session::Grep;
use crate::control::noun::session::SessionFilter;
use crate::control::noun::session::SessionView;
use crate::domain::approval::Approval;
use crate::domain::approval::ApprovalState;
use crate::domain::id::SessionId;
use crate::recording::StoredEvent;
use crate::recording::export::ExportError;
use crate::recording::export::Form;
use crate::tui::message::Answer;
use crate::tui::message::Request;

/// How many things a page of a list holds.
const PAGE: u32 = 1000;
/// How many approvals of a principal tell its history.
const HISTORY: u32 = 200;
/// How many sessions that have ended are listed.
const ENDED: u32 = 500;
/// How many events before one of them tell what it is about.
const BEFORE: u32 = 64;
/// How many denials are looked for, and how far back, in milliseconds.
const DENIALS: (u32, i64) = (200, 86_400_000);
/// What the first line of a denial has in a transcript, and no other line begins with.
const DENIAL: &str = r"^\+[0-9:.]+ ✗ ";

/// Asks, and gives the answer.
pub async fn perform(backend: &dyn Backend, request: Request, now_ms: i64) -> Answer {
    match request {
        Request::Status => Answer::Status(backend.status().await),
        Request::Pending(told) => Answer::Pending(told, pending(backend).await),
        Request::Approval(id) => Answer::Approval(id, backend.approval(id).await.map(Box::new)),
        Request::History(principal) => {
            let filter = ApprovalFilter {
                principal: Some(principal.clone()),
                limit: Some(HISTORY),
                ..ApprovalFilter::default()
            };
            let found = backend.approvals(filter).await.map(|list| list.items);
            Answer::History(principal, found)
        }
        Request::Decide(id, decide) => {
            let yes = decide.approve;
            Answer::Decided(id, yes, backend.decide_approval(id, decide).await.map(Box::new))
        }
        Request::Sessions { live } => Answer::Sessions { live, found: sessions(backend, live).await },
        Request::Session(name) => {
            let found = backend.session(name.clone()).await.map(Box::new);
            Answer::Session(name, found)
        }
        Request::Kill(id, reason) => Answer::Killed(id, backend.kill_session(id, reason).await.map(Box::new)),
        Request::Lock(lock) => Answer::Locked(backend.add_lock(lock).await),
        Request::Events(id, from) => {
            let wanted = EventsFrom { from: Some(from), limit: Some(PAGE) };
            Answer::Events(id, from, backend.session_events(id, wanted).await)
        }
        Request::Around(id, seq) => Answer::Around(id, seq, around(backend, id, seq).await),
        Request::Verify(id) => Answer::Verified(id, backend.verify_session(id).await),
        Request::Entities(kind) => {
            Answer::Entities(kind, backend.entities(kind).await.map(|list| list.items))
        }
        Request::Audit(after) => Answer::Audit(backend.audit(AuditFilter { after, limit: Some(PAGE) }).await),
        Request::Denials => {
            let (limit, back) = DENIALS;
            let sessions = SessionFilter {
                since_ms: Some(now_ms.saturating_sub(back).max(0)),
                limit: Some(limit),
                ..SessionFilter::default()
            };
            let grep = Grep { pattern: DENIAL.to_owned(), sessions, session: None };
            Answer::Denials(backend.grep_sessions(grep).await)
        }
        Request::Explain(explain) => Answer::Explained(backend.explain(*explain).await.map(Box::new)),
        Request::Export { session, form, to } => {
            let written = export(backend, &session, form, &to).await;
            Answer::Exported(to, written)
        }
    }
}

/// The first event of a recording, then those that end with number `seq`.
async fn around(backend: &dyn Backend, id: SessionId, seq: u64) -> Result<EventPage, ApiError> {
    let first = EventsFrom { from: None, limit: Some(1) };
    let mut page = backend.session_events(id, first).await?;
    let limit = BEFORE.saturating_add(1);
    let from = seq.saturating_sub(u64::from(BEFORE)).max(2);
    let near = backend.session_events(id, EventsFrom { from: Some(from), limit: Some(limit) }).await?;
    page.events.extend(near.events.into_iter().filter(|event| event.seq <= seq));
    Ok(EventPage { next: near.next, ended: near.ended, ..page })
}

/// All pending approvals, page by page.
async fn pending(backend: &dyn Backend) -> Result<List<Approval>, ApiError> {
    let mut all = List::all(Vec::new());
    let mut before = None;
    loop {
        let filter = ApprovalFilter {
            state: Some(ApprovalState::Pending),
            before,
            limit: Some(PAGE),
            ..ApprovalFilter::default()
        };
        let page = backend.approvals(filter).await?;
        before = page.items.last().map(|approval| approval.id);
        all.items.extend(page.items);
        if !page.more || before.is_none() {
            return Ok(all);
        }
    }
}

/// All sessions that run, page by page; or the newest of all.
async fn sessions(backend: &dyn Backend, live: bool) -> Result<List<SessionView>, ApiError> {
    if !live {
        return backend.sessions(SessionFilter { limit: Some(ENDED), ..SessionFilter::default() }).await;
    }
    let mut all = List::all(Vec::new());
    let mut before = None;
    loop {
        let filter =
            SessionFilter { live: Some(true), before, limit: Some(PAGE), ..SessionFilter::default() };
        let page = backend.sessions(filter).await?;
        before = page.items.last().map(|session| session.id);
        all.items.extend(page.items);
        if !page.more || before.is_none() {
            return Ok(all);
        }
    }
}

/// Writes a recording to a new file that only its owner can read; gives how many events it has.
async fn export(backend: &dyn Backend, session: &SessionView, form: Form, to: &Path) -> Result<u64, String> {
    let mut events = Vec::new();
    let mut next = Some(1);
    while let Some(from) = next {
        let wanted = EventsFrom { from: Some(from), limit: Some(PAGE) };
        let page = backend.session_events(session.id, wanted).await.map_err(|error| error.message)?;
        for event in &page.events {
            events.push(StoredEvent::received(&event.hash, &event.line).map_err(|error| error.to_string())?);
        }
        next = page.next;
    }
    let count = u64::try_from(events.len()).unwrap_or(u64::MAX);
    let file = std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(to);
    let file = file.map_err(|error| match error.kind() {
        io::ErrorKind::AlreadyExists => format!("{} is there already", to.display()),
        _ => format!("cannot write {}: {error}", to.display()),
    })?;
    let mut out = io::BufWriter::new(file);
    let events = events.into_iter().map(Ok::<_, ExportError>);
    let written = form.write(&session.row(), events, &mut out);
    let written = written
        .and_then(|_left_out| io::Write::flush(&mut out).map_err(|source| ExportError::Write { source }));
    match written {
        Ok(()) => Ok(count),
        Err(error) => {
            // A part of a recording is none.
            drop(std::fs::remove_file(to));
            Err(error.to_string())
        }
    }
}
