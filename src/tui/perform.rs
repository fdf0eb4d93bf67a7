//! Sends the model's requests to the gateway.

use std::sync::Arc;

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
use crate::control::paging;
use crate::domain::approval::Approval;
use crate::domain::approval::ApprovalState;
use crate::domain::id::SessionId;
use crate::tui::export;
use crate::tui::message::Answer;
use crate::tui::message::Request;

/// Number of events or entries per page.
pub(super) const PAGE: u32 = 1000;
/// Number of approvals in a principal's history.
const HISTORY: u32 = 200;
/// Number of sessions, ended ones included, in the list.
const ENDED: u32 = 500;
/// Number of events before a denial that are searched for its command.
const BEFORE: u32 = 64;
/// Maximum number of denials, and how far back they are searched, in milliseconds.
const DENIALS: (u32, i64) = (200, 86_400_000);
/// Matches the first line of a denial in a transcript, and no other line.
const DENIAL: &str = r"^\+[0-9:.]+ ✗ ";

/// Sends a request and returns the reply.
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
            let written = export::export(backend, &session, form, &to).await;
            Answer::Exported(to, written)
        }
    }
}

/// Gets the first event of a recording, and those that end with number `seq`.
async fn around(backend: &dyn Backend, id: SessionId, seq: u64) -> Result<EventPage, ApiError> {
    let first = EventsFrom { from: None, limit: Some(1) };
    let mut page = backend.session_events(id, first).await?;
    let limit = BEFORE.saturating_add(1);
    let from = seq.saturating_sub(u64::from(BEFORE)).max(2);
    let near = backend.session_events(id, EventsFrom { from: Some(from), limit: Some(limit) }).await?;
    page.events.extend(near.events.into_iter().filter(|event| event.seq <= seq));
    Ok(EventPage { next: near.next, ended: near.ended, ..page })
}

/// Gets all pending approvals.
async fn pending(backend: &dyn Backend) -> Result<Vec<Arc<Approval>>, ApiError> {
    let filter = ApprovalFilter { state: Some(ApprovalState::Pending), ..ApprovalFilter::default() };
    let found = paging::approvals(backend, &filter).await?;
    Ok(found.into_iter().map(|approval| Arc::new(Approval { detail: String::new(), ..approval })).collect())
}

/// Gets all live sessions, or the newest of all.
async fn sessions(backend: &dyn Backend, live: bool) -> Result<List<SessionView>, ApiError> {
    if !live {
        return backend.sessions(SessionFilter { limit: Some(ENDED), ..SessionFilter::default() }).await;
    }
    let filter = SessionFilter { live: Some(true), ..SessionFilter::default() };
    paging::sessions(backend, &filter).await.map(List::all)
}
