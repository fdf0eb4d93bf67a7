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
use crate::store::AcknowledgedHold;
use crate::store::HoldFault;

/// How long a search may take, in seconds.
pub const GREP_TIMEOUT_S: u64 = 60;

/// Which sessions to list or search.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SessionFilter {
    /// Only those of this principal.
    pub principal: Option<String>,
    /// Only those on this connection.
    pub connection: Option<ConnectionName>,
    /// Only those that run (`true`) or have ended (`false`).
    pub live: Option<bool>,
    /// Only those that were not over before this time, in milliseconds since 1970.
    pub since_ms: Option<i64>,
    /// Only those that are held (`true`) or are not (`false`).
    pub held: Option<bool>,
    /// Only those older than this one: the next page.
    pub before: Option<SessionId>,
    /// At most so many, 1 to 1000. Default 100.
    pub limit: Option<u32>,
}

/// One session.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SessionView {
    /// Its id.
    pub id: SessionId,
    /// Whose it is: the principal id.
    pub principal: String,
    /// A name for it. Raw: show it escaped.
    pub label: String,
    /// What kind of caller.
    pub kind: Kind,
    /// Where.
    pub connection: String,
    /// What is spoken there.
    pub protocol: String,
    /// The issuer that vouched.
    pub issuer: String,
    /// The client (application) behind the token.
    pub client: Option<String>,
    /// The address it came from.
    pub source: String,
    /// When it began, in milliseconds since 1970.
    pub started_ms: i64,
    /// When it ended, in milliseconds since 1970; `None`: it runs.
    pub ended_ms: Option<i64>,
    /// Why it ended.
    pub end: Option<SessionEnd>,
    /// How many events are recorded.
    pub events: u64,
    /// How many commands were denied.
    pub denied: u64,
    /// How many values were masked.
    pub masked: u64,
    /// How many bytes the recording takes.
    pub bytes: u64,
    /// When its events were removed by retention, in milliseconds since 1970; `None`: they are there.
    #[serde(default)]
    pub pruned_ms: Option<i64>,
    /// Why its recording stays although its time is over; `None`: it does not.
    #[serde(default)]
    pub hold: Option<HoldView>,
    /// What only the running gateway knows; `None` for a session that has ended, and without a running gateway.
    pub live: Option<LiveSession>,
}

impl SessionView {
    /// What is recorded of it, without what only the running gateway knows.
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

    /// What exports say of it.
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

/// Why a session's recording stays.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HoldView {
    /// Why.
    pub reason: String,
    /// Who said so.
    pub actor: String,
    /// Since when, in milliseconds since 1970.
    pub since_ms: i64,
}

/// What the running gateway knows about one session.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LiveSession {
    /// Its id.
    pub id: SessionId,
    /// How many requests and streams run in it now.
    pub streams: u64,
    /// How many commands it has had.
    pub commands: u64,
    /// When it last had a command, in milliseconds since 1970.
    pub active_ms: i64,
    /// When it ends at the latest, in milliseconds since 1970.
    pub expires_ms: i64,
}

/// One recorded event, byte for byte.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RecordedEvent {
    /// Its number in its session.
    pub seq: u64,
    /// The stored bytes: one JSON object, as the hash covers it.
    pub line: String,
    /// The chain's hash after it, 64 hex digits.
    pub hash: String,
}

/// Which events of a session to read.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct EventsFrom {
    /// The first number wanted. Default: the first there is.
    pub from: Option<u64>,
    /// At most so many, 1 to 1000. Default 100. An answer also ends before it grows beyond 8 MiB.
    pub limit: Option<u32>,
}

/// A page of a recording.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EventPage {
    /// The session.
    pub session: SessionId,
    /// The events, by number.
    pub events: Vec<RecordedEvent>,
    /// Where the next page begins; `None`: this is all there is now.
    pub next: Option<u64>,
    /// Whether the session has ended, so that nothing will follow.
    pub ended: bool,
}

/// What checking a recording found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct VerifyReport {
    /// The session.
    pub session: SessionId,
    /// Whether every event is as it was written.
    pub intact: bool,
    /// How many events were checked and found good.
    pub events: u64,
    /// The last good hash of the chain, 64 hex digits.
    pub hash: Option<String>,
    /// Whether the session goes on: then its end cannot be proved yet.
    #[serde(default)]
    pub live: bool,
    /// When its events were removed by retention, in milliseconds since 1970: then nothing is proved.
    #[serde(default)]
    pub pruned_ms: Option<i64>,
    /// The number of the first event that is not as it was written.
    pub broken_at: Option<u64>,
    /// What is wrong with it.
    pub problem: Option<String>,
    /// Why not all of it was looked at: some of what was recorded is not in the database yet.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unsettled: Option<String>,
}

/// Where a check of everything goes on.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct VerifyFrom {
    /// After this number, which the part before gave. Default: from the first session on.
    pub after: Option<i64>,
}

/// A part of a check of everything.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct VerifyPage {
    /// What was found of each session, the oldest first.
    pub sessions: Vec<VerifyReport>,
    /// Rows that cannot be read and so name no session, in words.
    #[serde(default)]
    pub problems: Vec<String>,
    /// Why not all that was recorded could be looked at. `None`: it was.
    #[serde(default)]
    pub unsettled: Option<String>,
    /// Where the next part begins.
    pub next: Option<i64>,
    /// What no session shows. Only in the last part, which has no `next`.
    pub whole: Option<WholeReport>,
}

/// What a check of everything found besides each session.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct WholeReport {
    /// Sessions that were recorded, and of which not even a trace is left: somebody removed them.
    pub missing: u64,
    /// Blocks of events that belong to no session.
    pub stray_blocks: u64,
    /// Sessions that are said to be pruned, though they go on or their events are there: so nobody proves those.
    #[serde(default)]
    pub unpruned: u64,
    /// Sessions, or ranges of removed ones, with numbers that were never given or that stand twice.
    #[serde(default)]
    pub wrong_numbers: u64,
    /// Sessions that are said to be removed, which the audit trail does not say.
    #[serde(default)]
    pub unexplained: u64,
    /// The number of a session that the audit trail tells of, and that is not there or is another one.
    #[serde(default)]
    pub unlike: Option<i64>,
    /// The numbers of the first and the last of sessions that the audit trail tells of together, where what is said of one of them was changed.
    #[serde(default)]
    pub altered: Option<[i64; 2]>,
    /// Sessions that are held, and whose recording went after that.
    #[serde(default)]
    pub lost_holds: u64,
    /// Sessions that are held, or that the audit trail says are held, but not both.
    #[serde(default)]
    pub holds_unlike: u64,
    /// Which of the holds these are, and what is wrong with each.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub faulty_holds: Vec<FaultyHold>,
    /// What was wrong with holds, and somebody took note of: no problem any more, and never forgotten.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub acknowledged: Vec<AcknowledgedHold>,
    /// The tables that say so, or the whole database, cannot be read: they are damaged.
    #[serde(default)]
    pub unreadable: bool,
    /// The whole database of recordings is gone: the audit trail says that there was one.
    #[serde(default)]
    pub gone: bool,
    /// When the database was last made anew, in milliseconds since 1970, as the audit trail says: what was recorded before is not in it.
    #[serde(default)]
    pub remade_ms: Option<i64>,
}

/// A hold that is not as the audit trail tells, or whose recording is gone.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FaultyHold {
    /// Which session.
    pub session: SessionId,
    /// What is wrong.
    pub fault: HoldFault,
}

impl WholeReport {
    /// What is not as it was written, in words.
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

/// What to search for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Grep {
    /// A regular expression over the lines of the transcript. At most 1000 bytes.
    pub pattern: String,
    /// In which sessions. Its limit counts matches.
    #[serde(default)]
    pub sessions: SessionFilter,
    /// In this session only.
    #[serde(default)]
    pub session: Option<SessionId>,
}

/// Why a session is ended, held or released.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Why {
    #[serde(default)]
    reason: String,
}

/// One place where it was found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct GrepMatch {
    /// The session.
    pub session: SessionId,
    /// The number of the event in it.
    pub seq: u64,
    /// When, in milliseconds since 1970.
    pub ts_ms: i64,
    /// What kind of event.
    pub kind: String,
    /// The line of its transcript, escaped.
    pub text: String,
}

/// What can be done with sessions.
pub trait Sessions {
    /// Those that match, the newest first.
    fn sessions(&self, filter: SessionFilter) -> Answer<'_, List<SessionView>>;
    /// One of them, by its id, the beginning of one, or `last` for the newest.
    fn session(&self, id: String) -> Answer<'_, SessionView>;
    /// A page of its recording.
    fn session_events(&self, id: SessionId, from: EventsFrom) -> Answer<'_, EventPage>;
    /// Checks its recording.
    fn verify_session(&self, id: SessionId) -> Answer<'_, VerifyReport>;
    /// Checks everything, part by part: each recording, and that none is missing.
    fn verify_all(&self, from: VerifyFrom) -> Answer<'_, VerifyPage>;
    /// Searches recordings, the newest session first.
    fn grep_sessions(&self, grep: Grep) -> Answer<'_, List<GrepMatch>>;
    /// Ends it and cuts its live streams. The reason, at most 1000 bytes, is kept in the audit trail. One that has ended is a
    /// `conflict`.
    fn kill_session(&self, id: SessionId, reason: String) -> Answer<'_, SessionView>;
    /// Keeps its recording from retention until it is released. The reason, at most 1000 bytes, is kept in the audit trail. One
    /// that is held is a `conflict`.
    fn hold_session(&self, id: SessionId, reason: String) -> Answer<'_, SessionView>;
    /// Lets retention have it again, with a reason. One that is not held is `not_found`.
    fn release_session(&self, id: SessionId, reason: String) -> Answer<'_, SessionView>;
    /// Takes note of a hold that was tampered with, or whose recording is gone, with a reason. One with which nothing is wrong is a `conflict`.
    fn acknowledge_hold(&self, id: SessionId, reason: String) -> Answer<'_, AcknowledgedHold>;
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

    fn hold_session(&self, id: SessionId, reason: String) -> Answer<'_, SessionView> {
        self.call_with(Method::POST, format!("sessions/{id}/hold"), &Why { reason })
    }

    fn release_session(&self, id: SessionId, reason: String) -> Answer<'_, SessionView> {
        self.call_with(Method::POST, format!("sessions/{id}/release"), &Why { reason })
    }

    fn acknowledge_hold(&self, id: SessionId, reason: String) -> Answer<'_, AcknowledgedHold> {
        self.call_with(Method::POST, format!("sessions/{id}/acknowledge"), &Why { reason })
    }
}

/// The paths and what each takes.
const ROUTES: &[(&str, &str)] = &[
    ("sessions", "GET"),
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

/// The routes below `/v1/sessions`.
///
/// # Errors
/// What the backend says, `not_found` for other paths, and for other methods 405.
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
                    Reply::json(&backend.hold_session(call.id(id)?, reason).await?)
                }
                (&Method::POST, ["sessions", id, "release"]) => {
                    let Why { reason } = call.json()?;
                    Reply::json(&backend.release_session(call.id(id)?, reason).await?)
                }
                (&Method::POST, ["sessions", id, "acknowledge"]) => {
                    let Why { reason } = call.json()?;
                    Reply::json(&backend.acknowledge_hold(call.id(id)?, reason).await?)
                }
                _ => Err(call.unknown_among(ROUTES)),
            }
        }
    }
}
