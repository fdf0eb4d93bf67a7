//! The open sessions. A session is opened by its first command and ended by the earliest of token, limit,
//! idle time, lock, kill and stop.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::MutexGuard;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::AtomicI64;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering;
use std::time::Duration;
use std::time::Instant;

use tokio::sync::watch;

use crate::domain::ConnectionName;
use crate::domain::Denied;
use crate::domain::DenyCode;
use crate::domain::Event;
use crate::domain::EventKind;
use crate::domain::Groups;
use crate::domain::Principal;
use crate::domain::RequestId;
use crate::domain::SessionEnd;
use crate::domain::SessionId;
use crate::domain::event::Direction;
use crate::domain::json::write::Object;
use crate::domain::now_ms;
use crate::domain::sync::lock;
use crate::identity::Trust;
use crate::identity::Verified;
use crate::pipeline::locks::LockSet;
use crate::pipeline::snapshot::Governed;
use crate::pipeline::snapshot::Snapshot;
use crate::recording::Journal;

/// One principal's session on one connection.
#[derive(Debug)]
pub struct Session {
    /// The session's id.
    pub id: SessionId,
    /// The caller as of the first command.
    pub principal: Arc<Principal>,
    /// The connection.
    pub governed: Arc<Governed>,
    /// On what its issuer said its principal rests.
    trust: Trust,
    /// The address it was opened from.
    pub source: IpAddr,
    /// When it began, in milliseconds since 1970.
    pub started_ms: i64,
    started: Instant,
    /// When it last had a command or part of a reply, in microseconds since it began.
    last_used_us: AtomicU64,
    /// When the last of its tokens expires, in milliseconds since 1970.
    token_end_ms: AtomicI64,
    token_ids: Mutex<Vec<Box<str>>>,
    /// When it ends at the latest, in microseconds since it began.
    hard_end_us: AtomicU64,
    commands: AtomicU64,
    /// The running exchanges. The last one records the end of a session that has ended meanwhile.
    running_exchanges: AtomicUsize,
    end_recorded: AtomicBool,
    ended: watch::Sender<Option<SessionEnd>>,
}

impl Session {
    fn new(verified: &Verified, governed: &Arc<Governed>, source: IpAddr, snapshot: &Snapshot) -> Self {
        let limit = micros(governed.connection.limits.session);
        Self {
            id: SessionId::new(),
            principal: Arc::clone(&verified.principal),
            governed: Arc::clone(governed),
            trust: snapshot.issuers().trust_in(&verified.principal),
            source,
            started_ms: now_ms(),
            started: Instant::now(),
            last_used_us: AtomicU64::new(0),
            token_end_ms: AtomicI64::new(verified.expires_ms),
            token_ids: Mutex::new(verified.token_ids.clone()),
            hard_end_us: AtomicU64::new(limit),
            commands: AtomicU64::new(0),
            running_exchanges: AtomicUsize::new(0),
            end_recorded: AtomicBool::new(false),
            ended: watch::Sender::new(None),
        }
    }

    /// Returns the microseconds since the session began.
    pub fn elapsed_us(&self) -> u64 {
        micros(self.started.elapsed())
    }

    /// Returns the number of commands so far.
    pub fn commands(&self) -> u64 {
        self.commands.load(Ordering::Relaxed)
    }

    /// Returns why the session ended; `None` while it is open.
    pub fn end(&self) -> Option<SessionEnd> {
        *self.ended.borrow()
    }

    /// Subscribes to the end of the session.
    pub fn subscribe_end(&self) -> watch::Receiver<Option<SessionEnd>> {
        self.ended.subscribe()
    }

    /// Makes the session end no later than `limit` after its start.
    pub fn shorten(&self, limit: Duration) {
        self.hard_end_us.fetch_min(micros(limit), Ordering::Relaxed);
    }

    /// Returns when the last of its tokens expires, in milliseconds since 1970.
    pub fn token_end_ms(&self) -> i64 {
        self.token_end_ms.load(Ordering::Relaxed)
    }

    /// Returns the latest possible end, in milliseconds since 1970: the session's limit or the expiry of its
    /// tokens, whichever comes first.
    pub fn latest_end_ms(&self) -> i64 {
        let limit_ms = self.hard_end_us.load(Ordering::Relaxed) / 1000;
        self.started_ms.saturating_add(i64::try_from(limit_ms).unwrap_or(i64::MAX)).min(self.token_end_ms())
    }

    /// Returns the number of running requests and streams.
    pub fn running_exchanges(&self) -> usize {
        self.running_exchanges.load(Ordering::Acquire)
    }

    pub(super) fn begin_exchange(&self) {
        self.running_exchanges.fetch_add(1, Ordering::AcqRel);
    }

    /// Counts an exchange out. Its own events are recorded before the end of the session.
    pub(super) fn end_exchange(&self, journal: &Journal) {
        if self.running_exchanges.fetch_sub(1, Ordering::AcqRel) == 1
            && let Some(end) = self.end()
        {
            self.record_end(end, journal);
        }
    }

    /// Returns whether the end is recorded. Nothing may be recorded after it.
    pub(super) fn is_recorded_as_ended(&self) -> bool {
        self.end_recorded.load(Ordering::Acquire)
    }

    /// Records the end, once. A session ends even if that fails: the next start of the gateway closes its
    /// recording.
    fn record_end(&self, end: SessionEnd, journal: &Journal) {
        if self.end_recorded.swap(true, Ordering::AcqRel) {
            return;
        }
        let event = self.event(EventKind::SessionEnd, None, None, format!("{{\"reason\":\"{end}\"}}"));
        if let Err(error) = journal.push(event) {
            tracing::error!(session = %self.id, %error, "the end of a session could not be recorded");
        }
    }

    /// Appends the caller and source address of a command, if they differ from those the session began with:
    /// another token may carry other groups or another client.
    pub(super) fn write_caller(&self, principal: &Arc<Principal>, source: IpAddr, data: &mut Object<'_>) {
        let began = &self.principal;
        let same = Arc::ptr_eq(began, principal)
            || (began.groups == principal.groups
                && began.client == principal.client
                && began.kind == principal.kind
                && began.issuer == principal.issuer);
        if same && self.source == source {
            return;
        }
        let mut caller = data.object("as");
        caller.word("kind", principal.kind).text("issuer", &principal.issuer);
        caller.text("client", principal.client.as_deref().unwrap_or_default()).word("source", source);
        write_groups(&mut caller, &principal.groups);
    }

    /// Returns when the session last had a command or part of a reply, in milliseconds since 1970.
    pub fn active_ms(&self) -> i64 {
        let after_ms = self.last_used_us.load(Ordering::Relaxed) / 1000;
        self.started_ms.saturating_add(i64::try_from(after_ms).unwrap_or(i64::MAX))
    }

    /// Creates an event of this session with the current time.
    pub fn event(
        &self,
        kind: EventKind,
        dir: Option<Direction>,
        corr: Option<RequestId>,
        data: String,
    ) -> Event {
        Event {
            session: self.id,
            t_us: self.elapsed_us(),
            ts_ms: now_ms(),
            kind,
            dir,
            corr,
            data,
            mask: Vec::new(),
        }
    }

    /// Counts a command, which also makes the session last as long as its token.
    pub(super) fn count_command(&self, verified: &Verified) {
        self.last_used_us.store(self.elapsed_us(), Ordering::Relaxed);
        self.commands.fetch_add(1, Ordering::Relaxed);
        self.token_end_ms.fetch_max(verified.expires_ms, Ordering::Relaxed);
        // Usually the same few tokens come again, so the list is only read.
        let mut known = lock(&self.token_ids);
        if known.len() < MAX_TOKEN_IDS && verified.token_ids.last().is_some_and(|id| !known.contains(id)) {
            known.extend(verified.token_ids.iter().cloned());
        }
    }

    /// Whether what its issuer says now is not what its principal rests on.
    fn is_of_another_trust(&self, snapshot: &Snapshot) -> bool {
        self.trust != snapshot.issuers().trust_in(&self.principal)
    }

    /// Why it should end now, if it should.
    fn due(&self, now_ms: i64) -> Option<SessionEnd> {
        let now_us = self.elapsed_us();
        if now_us >= self.hard_end_us.load(Ordering::Relaxed) {
            return Some(SessionEnd::Limit);
        }
        let idle = micros(self.governed.connection.limits.idle);
        // An open stream is in use: its exchange keeps the session from being idle.
        let rest = now_us.saturating_sub(self.last_used_us.load(Ordering::Relaxed));
        if rest >= idle && self.running_exchanges() == 0 {
            return Some(SessionEnd::Idle);
        }
        (self.token_end_ms() <= now_ms).then_some(SessionEnd::TokenExpired)
    }

    /// Marks the session as used, so that idle time counts from now.
    pub fn mark_active(&self) {
        self.last_used_us.store(self.elapsed_us(), Ordering::Relaxed);
    }
}

fn micros(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}

/// How many token ids a session remembers, so that a lock on one of them ends it. Open streams check the
/// locks for their own token as well.
const MAX_TOKEN_IDS: usize = 3000;

/// Principal, connection, and the login session; the last is `None` where each command brings its own token.
type Key = (Arc<str>, ConnectionName, Option<SessionId>);

/// All open sessions, and those that have ended while streams of theirs are still running.
#[derive(Debug, Default)]
pub struct Sessions {
    live: Mutex<HashMap<Key, Arc<Session>, ahash::RandomState>>,
    ending: Mutex<Vec<(Arc<Session>, Instant)>>,
}

/// How long an ended session waits for its streams before its end is recorded without them.
const LAST_WORDS: Duration = Duration::from_secs(2);

impl Sessions {
    fn map(&self) -> MutexGuard<'_, HashMap<Key, Arc<Session>, ahash::RandomState>> {
        lock(&self.live)
    }

    /// Returns the open session of a verified caller on a connection, or opens one and records its start.
    pub(super) fn open(
        &self,
        verified: &Verified,
        governed: &Arc<Governed>,
        source: IpAddr,
        snapshot: &Snapshot,
        journal: &Journal,
    ) -> Result<Arc<Session>, Denied> {
        let mut map = self.map();
        let key = (Arc::clone(&verified.principal.id), governed.connection.name.clone(), None);
        if let Some(session) = map.get(&key) {
            let due = if session.governed.leads_elsewhere(governed) {
                Some(SessionEnd::ConnectionChanged)
            } else if session.is_of_another_trust(snapshot) {
                Some(SessionEnd::IssuerChanged)
            } else {
                session.due(now_ms()).filter(|end| *end != SessionEnd::TokenExpired)
            };
            match due {
                None if session.end().is_none() => {
                    session.count_command(verified);
                    session.shorten(governed.connection.limits.session);
                    return Ok(Arc::clone(session));
                }
                due => self.close(session, due.unwrap_or(SessionEnd::Idle), journal),
            }
            map.remove(&key);
        }
        Self::start(
            &mut map,
            key,
            Session::new(verified, governed, source, snapshot),
            snapshot,
            verified,
            journal,
        )
    }

    /// Opens a separate session for a login, whatever other sessions the caller has.
    pub(super) fn open_own(
        &self,
        verified: &Verified,
        governed: &Arc<Governed>,
        source: IpAddr,
        snapshot: &Snapshot,
        journal: &Journal,
    ) -> Result<Arc<Session>, Denied> {
        let session = Session::new(verified, governed, source, snapshot);
        let id = Some(session.id);
        let key = (Arc::clone(&verified.principal.id), governed.connection.name.clone(), id);
        Self::start(&mut self.map(), key, session, snapshot, verified, journal)
    }

    fn start(
        map: &mut HashMap<Key, Arc<Session>, ahash::RandomState>,
        key: Key,
        session: Session,
        snapshot: &Snapshot,
        verified: &Verified,
        journal: &Journal,
    ) -> Result<Arc<Session>, Denied> {
        let open = map.keys().filter(|(principal, ..)| **principal == *verified.principal.id).count();
        let limit = snapshot.limits().sessions;
        if open >= limit {
            let detail =
                format!("this principal has {open} sessions open, the limit is {limit}; end one first");
            return Err(Denied::new(DenyCode::LimitExceeded, detail).because("sessions"));
        }
        let session = Arc::new(session);
        let start =
            session.event(EventKind::SessionStart, None, None, start_data(&session, snapshot.revision()));
        journal.push(start).map_err(|_error| {
            Denied::new(DenyCode::RecordingUnavailable, "the session could not be recorded; try again later")
        })?;
        session.count_command(verified);
        map.insert(key, Arc::clone(&session));
        Ok(session)
    }

    /// Returns the open sessions, oldest first.
    pub fn list(&self) -> Vec<Arc<Session>> {
        let mut sessions: Vec<_> = self.map().values().map(Arc::clone).collect();
        sessions.sort_by_key(|session| session.id);
        sessions
    }

    /// Returns the open session with that id.
    pub fn find(&self, id: SessionId) -> Option<Arc<Session>> {
        self.map().values().find(|session| session.id == id).map(Arc::clone)
    }

    /// Ends a login session.
    pub(super) fn end_login(&self, id: SessionId, why: SessionEnd, journal: &Journal) {
        self.end_where(journal, |session| (session.id == id).then_some(why));
    }

    /// Ends one session. Returns whether it was open.
    pub fn kill(&self, id: SessionId, journal: &Journal) -> bool {
        self.end_where(journal, |session| (session.id == id).then_some(SessionEnd::Killed)) > 0
    }

    pub(super) fn end_due(&self, journal: &Journal) {
        self.record_ends(journal, LAST_WORDS);
        let now = now_ms();
        self.end_where(journal, |session| session.due(now));
    }

    pub(super) fn end_locked(&self, locks: &LockSet, journal: &Journal) {
        self.end_where(journal, |session| {
            let ids = lock(&session.token_ids);
            let shut =
                locks.shuts_out(&session.principal, &ids) || locks.shuts(&session.governed.connection.name);
            shut.then_some(SessionEnd::Locked)
        });
    }

    pub(super) fn end_changed(&self, snapshot: &Snapshot, journal: &Journal) {
        self.end_where(journal, |session| {
            let old = &session.governed.connection;
            let now = snapshot.connection(old.name.as_str());
            let same = now.is_some_and(|now| !session.governed.leads_elsewhere(now));
            let elsewhere = (!same).then_some(SessionEnd::ConnectionChanged);
            elsewhere.or_else(|| session.is_of_another_trust(snapshot).then_some(SessionEnd::IssuerChanged))
        });
    }

    /// Records the ends of sessions that ended at least `ago` before and whose streams are still open.
    pub(super) fn record_ends(&self, journal: &Journal, ago: Duration) {
        let mut ending = lock(&self.ending);
        ending.retain(|(session, since)| {
            let waits = session.running_exchanges() > 0 && since.elapsed() < ago;
            if !waits && let Some(end) = session.end() {
                session.record_end(end, journal);
            }
            waits
        });
    }

    /// Signals the end to the session's streams; it is recorded once the last of them is gone.
    fn close(&self, session: &Arc<Session>, end: SessionEnd, journal: &Journal) {
        session.ended.send_if_modified(|ended| {
            let first = ended.is_none();
            *ended = ended.or(Some(end));
            first
        });
        if session.running_exchanges() == 0 {
            session.record_end(end, journal);
        } else {
            let mut ending = lock(&self.ending);
            ending.push((Arc::clone(session), Instant::now()));
        }
    }

    /// Ends all sessions, since the gateway stops.
    pub fn end_all(&self, journal: &Journal) {
        self.end_where(journal, |_| Some(SessionEnd::Stopped));
    }

    fn end_where(&self, journal: &Journal, why: impl Fn(&Session) -> Option<SessionEnd>) -> usize {
        let mut map = self.map();
        let before = map.len();
        map.retain(|_, session| match why(session) {
            None => true,
            Some(end) => {
                self.close(session, end, journal);
                false
            }
        });
        before.saturating_sub(map.len())
    }
}

fn start_data(session: &Session, revision: u64) -> String {
    let principal = &session.principal;
    let connection = &session.governed.connection;
    let mut data = String::with_capacity(256);
    let mut start = Object::begin(&mut data);
    start.text("principal", &principal.id).text("label", principal.label()).word("kind", principal.kind);
    start.text("issuer", &principal.issuer).text("client", principal.client.as_deref().unwrap_or_default());
    start.text("connection", connection.name.as_str()).word("protocol", connection.protocol.as_str());
    start.text("upstream", &connection.upstream.shown()).word("source", session.source);
    write_groups(&mut start, &principal.groups);
    start.value("policy_rev", revision);
    drop(start);
    data
}

/// The groups, and whether they are all: where the provider left them out none are told.
fn write_groups(data: &mut Object<'_>, groups: &Groups) {
    data.texts("groups", groups.iter()).value("groups_known", matches!(groups, Groups::Known(_)));
}
