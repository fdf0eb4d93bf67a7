//! Sessions and their recordings: list, read, search, verify, end.

use http::Method;
use serde::Deserialize;
use serde::Serialize;

use crate::control::Answer;
use crate::control::Backend;
use crate::control::Client;
use crate::control::call::Call;
use crate::control::call::Reply;
use crate::control::call::query_of;
use crate::control::error::ApiError;
use crate::control::noun::List;
use crate::domain::connection::ConnectionName;
use crate::domain::id::SessionId;
use crate::domain::percent;
use crate::domain::principal::Kind;
use crate::domain::session::SessionEnd;
use crate::recording::SessionRow;
use crate::store::AcknowledgedLegalHold;
use crate::store::LegalHoldFault;

/// Timeout of a search, in seconds.
pub const GREP_TIMEOUT_S: u64 = 60;

/// Selects sessions to list or search.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SessionFilter {
    /// Only sessions of this principal.
    pub principal: Option<String>,
    /// Only sessions on this connection.
    pub connection: Option<ConnectionName>,
    /// Only live sessions (`true`) or ended ones (`false`).
    pub live: Option<bool>,
    /// Only sessions that had not ended before this time, in milliseconds since 1970.
    pub since_ms: Option<i64>,
    /// Only sessions under legal hold (`true`) or others (`false`).
    pub held: Option<bool>,
    /// Only sessions older than this one: the next page.
    pub before: Option<SessionId>,
    /// Maximum number of sessions, 1 to 1000. Default 100.
    pub limit: Option<u32>,
}

/// One session.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SessionView {
    /// Its id.
    pub id: SessionId,
    /// The id of its principal.
    pub principal: String,
    /// A display name for the principal. Raw; must be escaped for display.
    pub label: String,
    /// The kind of principal.
    pub kind: Kind,
    /// Name of the connection.
    pub connection: String,
    /// Protocol of the target.
    pub protocol: String,
    /// The issuer of the token.
    pub issuer: String,
    /// The client (application) behind the token.
    pub client: Option<String>,
    /// The client's source address.
    pub source: String,
    /// When it began, in milliseconds since 1970.
    pub started_ms: i64,
    /// When it ended, in milliseconds since 1970; `None`: it is live.
    pub ended_ms: Option<i64>,
    /// Why it ended.
    pub end: Option<SessionEnd>,
    /// Number of recorded events.
    pub events: u64,
    /// Number of denied commands.
    pub denied: u64,
    /// Number of masked values.
    pub masked: u64,
    /// Size of the recording in bytes.
    pub bytes: u64,
    /// When its events were removed by retention, in milliseconds since 1970; `None`: they exist.
    #[serde(default)]
    pub pruned_ms: Option<i64>,
    /// Its legal hold, if any.
    #[serde(default)]
    pub hold: Option<LegalHoldView>,
    /// What only the running gateway knows; `None` for an ended session, and without a running gateway.
    pub live: Option<LiveSession>,
}

impl SessionView {
    /// Returns the recorded part, without what only the running gateway knows.
    pub fn of(row: SessionRow) -> Self {
        Self {
            id: row.id,
            principal: row.principal,
            label: row.label,
            kind: row.kind,
            connection: row.connection,
            protocol: row.protocol,
            issuer: row.issuer,
            client: row.client,
            source: row.source,
            started_ms: row.started_ms,
            ended_ms: row.ended_ms,
            end: row.end,
            events: row.events,
            denied: row.denied,
            masked: row.masked,
            bytes: row.bytes,
            pruned_ms: row.pruned_ms,
            hold: None,
            live: None,
        }
    }

    /// Returns the row for exports.
    pub fn row(&self) -> SessionRow {
        SessionRow {
            id: self.id,
            principal: self.principal.clone(),
            label: self.label.clone(),
            kind: self.kind,
            connection: self.connection.clone(),
            protocol: self.protocol.clone(),
            issuer: self.issuer.clone(),
            client: self.client.clone(),
            source: self.source.clone(),
            started_ms: self.started_ms,
            ended_ms: self.ended_ms,
            end: self.end,
            events: self.events,
            denied: self.denied,
            masked: self.masked,
            bytes: self.bytes,
            pruned_ms: self.pruned_ms,
        }
    }
}

/// The legal hold of a session.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LegalHoldView {
    /// The reason.
    pub reason: String,
    /// The actor who placed it.
    pub actor: String,
    /// When it was placed, in milliseconds since 1970.
    pub since_ms: i64,
}

/// The running gateway's information about one session.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LiveSession {
    /// Its id.
    pub id: SessionId,
    /// Number of running requests and streams.
    pub streams: u64,
    /// Number of commands so far.
    pub commands: u64,
    /// Time of its last command, in milliseconds since 1970.
    pub active_ms: i64,
    /// When it ends at the latest, in milliseconds since 1970.
    pub expires_ms: i64,
}

/// One recorded event, byte for byte.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RecordedEvent {
    /// Sequence number in its session.
    pub seq: u64,
    /// The stored bytes: one JSON object, as covered by the hash.
    pub line: String,
    /// The chain hash up to and including it, 64 hex digits.
    pub hash: String,
}

/// Selects events of a session.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct EventsFrom {
    /// The first sequence number. Default: the first there is.
    pub from: Option<u64>,
    /// Maximum number of events, 1 to 1000. Default 100. An answer also ends before it exceeds 8 MiB.
    pub limit: Option<u32>,
}

/// A page of a recording.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EventPage {
    /// The session.
    pub session: SessionId,
    /// The events, in order.
    pub events: Vec<RecordedEvent>,
    /// Where the next page begins; `None`: there are no more now.
    pub next: Option<u64>,
    /// Whether the session has ended, so that no more will follow.
    pub ended: bool,
}

/// Result of verifying a recording.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct VerifyReport {
    /// The session.
    pub session: SessionId,
    /// Whether every event is intact.
    pub intact: bool,
    /// Number of events that were verified as intact.
    pub events: u64,
    /// The last intact hash of the chain, 64 hex digits.
    pub hash: Option<String>,
    /// Whether the session is live; its end cannot be verified yet.
    #[serde(default)]
    pub live: bool,
    /// When its events were removed by retention, in milliseconds since 1970; nothing is verified then.
    #[serde(default)]
    pub pruned_ms: Option<i64>,
    /// Sequence number of the first event that is not intact.
    pub broken_at: Option<u64>,
    /// The problem.
    pub problem: Option<String>,
    /// Why not all of it was checked: some events are not in the database yet.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unsettled: Option<String>,
}

/// Where a full verification continues.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct VerifyFrom {
    /// After this number, from the previous page. Default: start at the first session.
    pub after: Option<i64>,
}

/// A page of a full verification.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct VerifyPage {
    /// The result for each session, oldest first.
    pub sessions: Vec<VerifyReport>,
    /// Unreadable rows, which therefore name no session, as text.
    #[serde(default)]
    pub problems: Vec<String>,
    /// Why not everything could be checked. `None`: it was.
    #[serde(default)]
    pub unsettled: Option<String>,
    /// Where the next page begins.
    pub next: Option<i64>,
    /// Results beyond single sessions. Only in the last page, which has no `next`.
    pub whole: Option<WholeReport>,
}

/// What a full verification found besides single sessions.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct WholeReport {
    /// Sessions that were recorded and of which no trace is left: somebody removed them.
    pub missing: u64,
    /// Blocks of events that belong to no session.
    pub stray_blocks: u64,
    /// Sessions marked as pruned although they are live or their events exist; those events are not verified.
    #[serde(default)]
    pub unpruned: u64,
    /// Sessions, or ranges of removed ones, with numbers that were never assigned or that occur twice.
    #[serde(default)]
    pub wrong_numbers: u64,
    /// Sessions marked as removed without an entry in the audit trail.
    #[serde(default)]
    pub unexplained: u64,
    /// The number of a session in the audit trail that is missing or differs.
    #[serde(default)]
    pub unlike: Option<i64>,
    /// The id range of the first batch in which a session row differs from the audit trail's digest.
    #[serde(default)]
    pub altered: Option<[i64; 2]>,
    /// Sessions under legal hold whose recording was removed afterwards.
    #[serde(default)]
    pub lost_holds: u64,
    /// Sessions whose hold in the store and in the audit trail disagree.
    #[serde(default)]
    pub holds_unlike: u64,
    /// The faulty holds, each with its fault.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub faulty_holds: Vec<FaultyLegalHold>,
    /// Faults of holds that somebody acknowledged: no longer a problem, and never forgotten.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub acknowledged: Vec<AcknowledgedLegalHold>,
    /// The tables for these checks, or the whole database, cannot be read: they are damaged.
    #[serde(default)]
    pub unreadable: bool,
    /// The whole recording database is gone although the audit trail says that there was one.
    #[serde(default)]
    pub gone: bool,
    /// When the database was last created anew, in milliseconds since 1970, according to the audit trail:
    /// earlier recordings are not in it.
    #[serde(default)]
    pub remade_ms: Option<i64>,
    /// When that first happened without anybody having acknowledged it since.
    #[serde(default)]
    pub unacknowledged_ms: Option<i64>,
}

/// A legal hold that disagrees with the audit trail, or whose recording is gone.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FaultyLegalHold {
    /// Which session.
    pub session: SessionId,
    /// The problem.
    pub fault: LegalHoldFault,
}

/// The acknowledgement that the recordings were begun anew.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct AcknowledgedRecordings {
    /// When they were, in milliseconds since 1970.
    pub remade_ms: i64,
}

impl WholeReport {
    /// Returns the problems, as text.
    pub fn problems(&self) -> Vec<String> {
        let count = |number: u64, one: &str, more: &str| match number {
            0 => None,
            1 => Some(one.to_owned()),
            _ => Some(format!("{number} {more}")),
        };
        let found = [
            count(
                self.unpruned,
                "a session is said to be pruned and is not",
                "sessions are said to be pruned and are not",
            ),
            count(
                self.wrong_numbers,
                "a number of a session was never given, or stands twice",
                "numbers of sessions were never given, or stand twice",
            ),
            count(
                self.unexplained,
                "a session is said to be removed by retention, and the audit trail says nothing of that",
                "sessions are said to be removed by retention, and the audit trail says nothing of that",
            ),
            self.unlike.map(|no| format!("session number {no} is not the one that the audit trail tells of")),
            self.altered.map(|[first, last]| {
                format!("of the sessions number {first} to {last} not all are as the audit trail tells")
            }),
            count(
                self.lost_holds,
                "a session is held, and its recording is gone",
                "sessions are held, and their recordings are gone",
            ),
            count(
                self.holds_unlike,
                "which session is held is not what the audit trail tells",
                "sessions are held, or not, other than the audit trail tells",
            ),
            self.unreadable.then(|| "the database of recordings is damaged".to_owned()),
            count(self.missing, "a session is missing", "sessions are missing"),
            self.gone
                .then(|| "all recordings are gone: the audit trail says that there were some".to_owned()),
            count(self.stray_blocks, "a block of events has no session", "blocks of events have no session"),
        ];
        found.into_iter().flatten().collect()
    }
}

/// A search.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Grep {
    /// A regular expression over the lines of the transcript. At most 1000 bytes.
    pub pattern: String,
    /// The sessions to search. Its limit applies to matches.
    #[serde(default)]
    pub sessions: SessionFilter,
    /// Only this session.
    #[serde(default)]
    pub session: Option<SessionId>,
}

/// The reason for ending, holding or releasing a session.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Why {
    #[serde(default)]
    reason: String,
}

/// One match of a search.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct GrepMatch {
    /// The session.
    pub session: SessionId,
    /// Sequence number of the event.
    pub seq: u64,
    /// Its time, in milliseconds since 1970.
    pub ts_ms: i64,
    /// The kind of event.
    pub kind: String,
    /// The line of its transcript, escaped.
    pub text: String,
}

/// Operations on sessions.
pub trait Sessions {
    /// Lists sessions, newest first.
    fn sessions(&self, filter: SessionFilter) -> Answer<'_, List<SessionView>>;
    /// Returns one session, by its id, an id prefix, or `last` for the newest.
    fn session(&self, id: String) -> Answer<'_, SessionView>;
    /// Returns a page of its recording.
    fn session_events(&self, id: SessionId, from: EventsFrom) -> Answer<'_, EventPage>;
    /// Verifies its recording.
    fn verify_session(&self, id: SessionId) -> Answer<'_, VerifyReport>;
    /// Verifies everything, page by page: each recording, and that none is missing.
    fn verify_all(&self, from: VerifyFrom) -> Answer<'_, VerifyPage>;
    /// Searches recordings, the newest session first.
    fn grep_sessions(&self, grep: Grep) -> Answer<'_, List<GrepMatch>>;
    /// Ends a session and cuts its live streams. The reason, at most 1000 bytes, is kept in the audit trail.
    /// One that has ended is a `conflict`.
    fn kill_session(&self, id: SessionId, reason: String) -> Answer<'_, SessionView>;
    /// Places a session under legal hold, until it is released. The reason, at most 1000 bytes, is kept in
    /// the audit trail. One that is already held is a `conflict`.
    fn place_legal_hold(&self, id: SessionId, reason: String) -> Answer<'_, SessionView>;
    /// Lifts a legal hold, with a reason. One that is not held is `not_found`.
    fn lift_legal_hold(&self, id: SessionId, reason: String) -> Answer<'_, SessionView>;
    /// Acknowledges a hold that was tampered with, or whose recording is gone, with a reason. A hold without
    /// faults is a `conflict`.
    fn acknowledge_legal_hold(&self, id: SessionId, reason: String) -> Answer<'_, AcknowledgedLegalHold>;
    /// Acknowledges, with a reason, that the recordings were begun anew, so that what is older is gone. If
    /// they were not, or that is acknowledged already, it is a `conflict`.
    fn acknowledge_recordings(&self, reason: String) -> Answer<'_, AcknowledgedRecordings>;
}

impl Sessions for Client {
    fn sessions(&self, filter: SessionFilter) -> Answer<'_, List<SessionView>> {
        self.call(Method::GET, format!("sessions{}", query_of(&filter)))
    }

    fn session(&self, id: String) -> Answer<'_, SessionView> {
        self.call(Method::GET, format!("sessions/{}", percent::encoded(&id)))
    }

    fn session_events(&self, id: SessionId, from: EventsFrom) -> Answer<'_, EventPage> {
        self.call(Method::GET, format!("sessions/{id}/events{}", query_of(&from)))
    }

    fn verify_session(&self, id: SessionId) -> Answer<'_, VerifyReport> {
        let longer = std::time::Duration::from_secs(GREP_TIMEOUT_S);
        self.call_for(Method::GET, format!("sessions/{id}/verify"), longer)
    }

    fn verify_all(&self, from: VerifyFrom) -> Answer<'_, VerifyPage> {
        let longer = std::time::Duration::from_secs(GREP_TIMEOUT_S);
        self.call_for(Method::GET, format!("sessions/verify{}", query_of(&from)), longer)
    }

    fn grep_sessions(&self, grep: Grep) -> Answer<'_, List<GrepMatch>> {
        self.call_with(Method::POST, "sessions/grep".to_owned(), &grep)
    }

    fn kill_session(&self, id: SessionId, reason: String) -> Answer<'_, SessionView> {
        self.call_with(Method::POST, format!("sessions/{id}/kill"), &Why { reason })
    }

    fn place_legal_hold(&self, id: SessionId, reason: String) -> Answer<'_, SessionView> {
        self.call_with(Method::POST, format!("sessions/{id}/hold"), &Why { reason })
    }

    fn lift_legal_hold(&self, id: SessionId, reason: String) -> Answer<'_, SessionView> {
        self.call_with(Method::POST, format!("sessions/{id}/release"), &Why { reason })
    }

    fn acknowledge_legal_hold(&self, id: SessionId, reason: String) -> Answer<'_, AcknowledgedLegalHold> {
        self.call_with(Method::POST, format!("sessions/{id}/acknowledge"), &Why { reason })
    }

    fn acknowledge_recordings(&self, reason: String) -> Answer<'_, AcknowledgedRecordings> {
        self.call_with(Method::POST, "sessions/acknowledge".to_owned(), &Why { reason })
    }
}

/// The paths and what each takes.
pub(super) const ROUTES: &[(&str, &str)] = &[
    ("sessions", "GET"),
    ("sessions/acknowledge", "GET, POST"),
    ("sessions/grep", "GET, POST"),
    ("sessions/verify", "GET"),
    ("sessions/*", "GET"),
    ("sessions/*/acknowledge", "POST"),
    ("sessions/*/events", "GET"),
    ("sessions/*/verify", "GET"),
    ("sessions/*/hold", "POST"),
    ("sessions/*/kill", "POST"),
    ("sessions/*/release", "POST"),
];

/// Returns the routes below `/v1/sessions`.
///
/// # Errors
/// The backend's errors, `not_found` for other paths, and 405 for other methods.
pub async fn route(call: &Call, backend: &dyn Backend) -> Result<Reply, ApiError> {
    match (&call.method, call.path().as_slice()) {
        (&Method::GET, ["sessions"]) => Reply::json(&backend.sessions(call.parameters()?).await?),
        (&Method::GET, ["sessions", "verify"]) => Reply::json(&backend.verify_all(call.parameters()?).await?),
        (&Method::GET, ["sessions", id, "events"]) => {
            Reply::json(&backend.session_events(call.id(id)?, call.parameters()?).await?)
        }
        (method, path) => {
            call.no_parameters()?;
            match (method, path) {
                (&Method::POST, ["sessions", "grep"]) => {
                    Reply::json(&backend.grep_sessions(call.json()?).await?)
                }
                (&Method::POST, ["sessions", "acknowledge"]) => {
                    let Why { reason } = call.json()?;
                    Reply::json(&backend.acknowledge_recordings(reason).await?)
                }
                (&Method::GET, ["sessions", id]) => Reply::json(&backend.session((*id).to_owned()).await?),
                (&Method::GET, ["sessions", id, "verify"]) => {
                    Reply::json(&backend.verify_session(call.id(id)?).await?)
                }
                (&Method::POST, ["sessions", id, "kill"]) => {
                    let Why { reason } = if call.body.is_empty() { Why::default() } else { call.json()? };
                    Reply::json(&backend.kill_session(call.id(id)?, reason).await?)
                }
                (&Method::POST, ["sessions", id, "hold"]) => {
                    let Why { reason } = call.json()?;
                    Reply::json(&backend.place_legal_hold(call.id(id)?, reason).await?)
                }
                (&Method::POST, ["sessions", id, "release"]) => {
                    let Why { reason } = call.json()?;
                    Reply::json(&backend.lift_legal_hold(call.id(id)?, reason).await?)
                }
                (&Method::POST, ["sessions", id, "acknowledge"]) => {
                    let Why { reason } = call.json()?;
                    Reply::json(&backend.acknowledge_legal_hold(call.id(id)?, reason).await?)
                }
                _ => Err(call.unknown_among(ROUTES)),
            }
        }
    }
}
