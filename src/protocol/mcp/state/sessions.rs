//! Sessions of the legacy era: the gateway's own ids, each bound to the principal and connection that it was
//! given to. (MCP 2025-11-25, "Transports", "Session Management".)
//!
//! An id that belongs to another principal is treated as unknown. After a restart there are no sessions:
//! clients initialize again.

use std::collections::HashMap;
use std::collections::HashSet;
use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::Mutex;
use std::time::Duration;

use rand::RngCore;
use tokio::sync::mpsc;
use tokio::time::Instant;

use crate::domain::Denied;
use crate::domain::DenyCode;
use crate::domain::ServerRequest;
use crate::domain::sync::lock;
use crate::pipeline::snapshot::Governed;
use crate::pipeline::snapshot::Snapshot;
use crate::protocol::mcp::codec::envelope::id::Id;
use crate::protocol::mcp::duplex::Solo;
use crate::protocol::mcp::from_target::lists::Lists;
use crate::protocol::mcp::held::outcome::Awaited;
use crate::protocol::mcp::reply::Asked;
use crate::protocol::mcp::server_request::declared::Declared;
use crate::protocol::mcp::server_request::own_answers::OwnAnswer;

/// How long an unused session lives.
const IDLE: Duration = Duration::from_mins(30);
/// How often pending calls check whether their session has expired.
const LOOK: Duration = Duration::from_secs(5);
/// How many sessions one principal may have on one connection.
const MOST_OF_ONE: usize = 256;
/// How many sessions there may be.
const MOST: usize = 16_384;
/// How many events of its streams a session can be resumed from.
const EVENTS: usize = 1024;
/// The longest event id that is kept, in bytes.
const LONGEST_EVENT: usize = 1024;
/// How many requests of the target may be open in one session.
pub const ASKED: usize = 256;
/// How many requests of the client may be open in one session.
const OPEN: usize = 256;
/// The bytes that the events of one session may take, with the requests that their streams answer.
const EVENT_ROOM: usize = 1 << 20;
/// What an event takes beside its texts.
const EVENT_FRAME: usize = 256;

/// All sessions, shared by all threads. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub struct Sessions(Arc<Mutex<HashMap<Box<str>, Arc<Session>>>>);

/// One session.
#[derive(Debug)]
pub struct Session {
    /// The gateway's own id.
    pub id: Box<str>,
    /// The target's side of the session.
    pub upstream: Theirs,
    owner: Owner,
    governed: Arc<Governed>,
    state: Mutex<State>,
}

/// The target's side of a session.
#[derive(Debug)]
pub enum Theirs {
    /// A session id.
    Id(Box<str>),
    /// A separate channel.
    Solo(Arc<Solo>),
}

impl From<&str> for Theirs {
    fn from(id: &str) -> Self {
        Self::Id(id.into())
    }
}

/// The owner of something: a principal on a connection.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Owner {
    /// The principal's id.
    pub principal: Box<str>,
    /// What its issuer's entry says ([`Issuers::digest_of`](crate::identity::Issuers::digest_of)): by other
    /// words the id may mean somebody else.
    pub issuer: [u8; 32],
    /// The connection's name and target.
    pub connection: Box<str>,
}

impl Owner {
    /// Returns the connection's name, for texts that clients see: they must not learn its target.
    pub fn connection_name(&self) -> &str {
        self.connection.split(' ').next().unwrap_or_default()
    }
}

#[derive(Debug)]
struct State {
    used: Instant,
    /// The target's open requests to the client, by id.
    asked: HashMap<Id<'static>, Question>,
    /// The client's open requests.
    open: HashSet<Id<'static>>,
    /// Where the client wanted to hear of progress, the newest last.
    tokens: VecDeque<Id<'static>>,
    /// The target's ids of events, behind the gateway's numbers for them.
    events: VecDeque<(u64, Event)>,
    /// The bytes that these take.
    event_bytes: usize,
    next_event: u64,
    /// The lists whose changes the target reports.
    lists: Lists,
    /// The requests that the client can answer.
    declared: Declared,
    /// The negotiated version.
    version: Option<&'static str>,
}

/// A target's request to a client.
#[derive(Debug, Clone)]
pub struct Question {
    /// Its kind.
    pub what: ServerRequest,
    /// Where the gateway sends its own answer if the client's is refused: to the stream on which the request
    /// came.
    pub back: Option<mpsc::Sender<OwnAnswer>>,
}

/// The id of an open request; released on drop.
#[derive(Debug)]
pub struct OpenId {
    session: Arc<Session>,
    id: Id<'static>,
}

impl Drop for OpenId {
    fn drop(&mut self) {
        lock(&self.session.state).open.remove(&self.id);
    }
}

/// Why a request cannot be opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Busy {
    /// One with the same id is open.
    Twice,
    /// Too many are open.
    Full,
}

/// An event of a stream that can be resumed.
#[derive(Debug, Clone)]
pub struct Event {
    /// The target's id of it.
    pub id: Box<[u8]>,
    /// The request that its stream answers: later events are interpreted in the same way.
    pub about: Arc<About>,
}

/// The request that a stream answers.
#[derive(Debug, Default)]
pub struct About {
    /// The method; empty on a separate stream, which answers no request.
    pub method: Box<str>,
    /// The id of the request; `None` if no response may come.
    pub id: Option<Id<'static>>,
    /// Where the client wants to hear of progress.
    pub token: Option<Id<'static>>,
    /// The tool that is called.
    pub tool: Option<Box<str>>,
    /// Whether a client that supports tasks asks for the server's capabilities.
    pub asks_for_tasks: bool,
    /// The gateway's id of the requested task, if the target knows it by another.
    pub task: Option<Box<str>>,
    /// Whether the client wants to receive the target's log messages.
    pub logs: bool,
    /// The name of the argument of a completion.
    pub argument: Box<str>,
    /// The method and the name in the request.
    pub line: Box<str>,
    /// How a refusal differs by the request.
    pub asked: Asked,
    /// Whether it may change something: it was judged as no read.
    pub changes: bool,
    /// Who waits for its answer, if it was approved for one run.
    pub awaited: Awaited,
}

impl Event {
    /// Returns the bytes that it takes.
    fn bytes(&self) -> usize {
        EVENT_FRAME + self.id.len() + self.about.bytes()
    }
}

impl About {
    /// Returns the bytes of its texts.
    fn bytes(&self) -> usize {
        let Self { method, id, token, tool, task, argument, line, asked, .. } = self;
        let ids = [id, token].into_iter().flatten().map(|id| match id {
            Id::Text(text) => text.len(),
            Id::Number(_) => 0,
        });
        let texts = [Some(method), tool.as_ref(), task.as_ref(), Some(argument), Some(line)];
        let hidden = asked.hidden().map(str::len);
        ids.chain(texts.into_iter().flatten().map(|text| text.len())).chain(hidden).sum()
    }
}

impl Sessions {
    /// Opens a session for the target's side `upstream`.
    ///
    /// # Errors
    /// Too many are open.
    pub fn open(
        &self,
        owner: Owner,
        governed: &Arc<Governed>,
        upstream: impl Into<Theirs>,
    ) -> Result<Arc<Session>, Denied> {
        let mut random = [0_u8; 32];
        rand::rng().fill_bytes(&mut random);
        let id: Box<str> = crate::domain::hex::encode(&random).into();
        let state = State {
            used: Instant::now(),
            asked: HashMap::new(),
            open: HashSet::new(),
            tokens: VecDeque::new(),
            events: VecDeque::new(),
            event_bytes: 0,
            next_event: 0,
            lists: Lists::default(),
            declared: Declared::default(),
            version: None,
        };
        let session = Arc::new(Session {
            id: id.clone(),
            upstream: upstream.into(),
            owner,
            governed: Arc::clone(governed),
            state: Mutex::new(state),
        });
        let mut all = lock(&self.0);
        if all.len() >= MOST / 2 {
            all.retain(|_, session| session.is_fresh());
        }
        let own = all.values().filter(|known| known.owner == session.owner && known.is_fresh()).count();
        if own >= MOST_OF_ONE || all.len() >= MOST {
            let detail = "too many MCP sessions are open; end some, or wait until they run out";
            return Err(Denied::new(DenyCode::LimitExceeded, detail).because("mcp_sessions"));
        }
        all.insert(id, Arc::clone(&session));
        Ok(session)
    }

    /// Returns the session with that id, if it belongs to the caller and its connection still has the same
    /// target. Marks it as used.
    pub fn find(&self, id: &str, owner: &Owner, governed: &Governed) -> Option<Arc<Session>> {
        let mut all = lock(&self.0);
        let session = all.get(id).filter(|session| session.owner == *owner)?;
        if !session.is_fresh() {
            all.remove(id);
            return None;
        }
        if !session.stands(governed) {
            return None;
        }
        let session = Arc::clone(session);
        drop(all);
        lock(&session.state).used = Instant::now();
        Some(session)
    }

    /// Removes the sessions that can no longer be used.
    pub fn sweep(&self, snapshot: &Snapshot) {
        lock(&self.0).retain(|_, session| {
            let name = session.governed.connection.name.as_str();
            snapshot.connection(name).is_some_and(|now| session.stands(now))
        });
    }

    /// Ends a session.
    pub fn end(&self, session: &Session) {
        lock(&self.0).remove(&session.id);
        if let Theirs::Solo(solo) = &session.upstream {
            solo.stop();
        }
    }
}

impl Session {
    /// Sets the lists whose changes the target reports.
    pub fn tells(&self, lists: Lists) {
        lock(&self.state).lists = lists;
    }

    /// Sets the requests that the client can answer, as it declared at the beginning.
    pub fn declares(&self, declared: Declared) {
        lock(&self.state).declared = declared;
    }

    /// Returns the requests that the client can answer.
    pub fn declared(&self) -> Declared {
        lock(&self.state).declared
    }

    /// Sets the version that the target has agreed to.
    pub fn agrees_on(&self, version: &'static str) {
        lock(&self.state).version = Some(version);
    }

    /// Returns the negotiated version; `None` if it is unknown.
    pub fn version(&self) -> Option<&'static str> {
        lock(&self.state).version
    }

    /// Returns the lists whose changes are reported in this session.
    pub fn lists(&self) -> Lists {
        lock(&self.state).lists
    }

    /// Returns whether it can still be used on its connection as that is now.
    fn stands(&self, governed: &Governed) -> bool {
        self.is_fresh() && !self.governed.leads_elsewhere(governed)
    }

    /// Returns whether it can still be used.
    pub fn is_fresh(&self) -> bool {
        // During a long call a channel is not idle.
        let (lives, waits) = match &self.upstream {
            Theirs::Id(_) => (true, false),
            Theirs::Solo(solo) => (solo.lives(), solo.waits()),
        };
        lives && (waits || lock(&self.state).used.elapsed() < IDLE)
    }

    /// Resolves when it can no longer be used.
    pub async fn runs_out(&self) {
        while self.is_fresh() {
            tokio::time::sleep(LOOK).await;
        }
    }

    /// Reserves the id of a client's request until the returned value is dropped.
    ///
    /// # Errors
    /// A request with that id is open, or too many are.
    pub fn reserve(self: &Arc<Self>, id: Id<'static>) -> Result<OpenId, Busy> {
        let mut state = lock(&self.state);
        if state.open.contains(&id) {
            return Err(Busy::Twice);
        }
        if state.open.len() >= OPEN {
            return Err(Busy::Full);
        }
        state.open.insert(id.clone());
        Ok(OpenId { session: Arc::clone(self), id })
    }

    /// The client wants to hear of progress under this token.
    pub fn add_progress_token(&self, token: Id<'static>) {
        let mut state = lock(&self.state);
        if token.is_long() || state.tokens.contains(&token) {
            return;
        }
        if state.tokens.len() >= OPEN {
            state.tokens.pop_front();
        }
        state.tokens.push_back(token);
    }

    /// Whether the client gave this token lately.
    pub fn gave(&self, token: &Id<'_>) -> bool {
        lock(&self.state).tokens.iter().any(|known| known == token)
    }

    /// The target asks something of the client. False: too much is open, its id is too long, or that of
    /// another open question.
    pub fn ask(&self, id: Id<'static>, question: Question) -> bool {
        if id.is_long() {
            return false;
        }
        let mut state = lock(&self.state);
        let again = state.asked.get(&id).map(|known| known.what == question.what);
        // It is repeated on a resumed stream.
        if again == Some(false) || (again.is_none() && state.asked.len() >= ASKED) {
            return false;
        }
        state.asked.insert(id, question);
        true
    }

    /// Takes the target's request with that id, which the client answers. Each is answered once.
    pub fn answered(&self, id: &Id<'_>) -> Option<Question> {
        lock(&self.state).asked.remove(&id.clone().into_owned())
    }

    /// Sends the gateway's own answer to a target's request whose answer is refused, if the request's channel
    /// is still open.
    pub fn unanswered(&self, id: Id<'static>, question: &Question) {
        let own = OwnAnswer::Unanswered(id);
        match (&self.upstream, &question.back) {
            (Theirs::Solo(solo), _) => solo.answer(&own),
            (Theirs::Id(_), Some(back)) if back.try_send(own).is_ok() => {}
            (Theirs::Id(_), _) => {
                tracing::debug!("a target could not be told that its request stays unanswered");
            }
        }
    }

    /// Returns the gateway's id for a target's event id; `None` if that, or the request that its stream
    /// answers, is too long to be kept. The oldest events are forgotten first.
    pub fn event(&self, upstream: &[u8], about: &Arc<About>) -> Option<String> {
        let event = Event { id: upstream.into(), about: Arc::clone(about) };
        let bytes = event.bytes();
        if upstream.len() > LONGEST_EVENT || bytes > EVENT_ROOM {
            return None;
        }
        let mut state = lock(&self.state);
        state.used = Instant::now();
        let number = state.next_event;
        state.next_event += 1;
        state.event_bytes += bytes;
        while state.events.len() >= EVENTS || state.event_bytes > EVENT_ROOM {
            let Some((_, oldest)) = state.events.pop_front() else { break };
            state.event_bytes = state.event_bytes.saturating_sub(oldest.bytes());
        }
        state.events.push_back((number, event));
        Some(number.to_string())
    }

    /// Returns the event with the gateway's number; `None` if it is unknown or too old.
    pub fn event_of(&self, number: &str) -> Option<Event> {
        let number: u64 = number.parse().ok().filter(|parsed: &u64| parsed.to_string() == number)?;
        let state = lock(&self.state);
        let place = state.events.binary_search_by_key(&number, |(number, _)| *number).ok()?;
        state.events.get(place).map(|(_, event)| event.clone())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pipeline::tests::connection;
    use crate::pipeline::tests::nobody;
    use crate::pipeline::tests::snapshot;

    fn owner(principal: &str) -> Owner {
        Owner { principal: principal.into(), issuer: [0; 32], connection: "crm".into() }
    }

    #[test]
    fn a_session_is_found_by_its_owner_only_and_only_while_it_leads_there() {
        let before = snapshot(nobody(), vec![connection("crm", "a.internal")], &[], "dba");
        let after = snapshot(nobody(), vec![connection("crm", "b.internal")], &[], "dba");
        let (here, elsewhere) = (before.connection("crm").unwrap(), after.connection("crm").unwrap());
        let sessions = Sessions::default();
        let session = sessions.open(owner("ann"), here, "theirs").unwrap();
        assert_ne!(&*session.id, "theirs");
        assert!(sessions.find(&session.id, &owner("ann"), here).is_some());
        assert!(sessions.find(&session.id, &owner("bob"), here).is_none());
        assert!(sessions.find("theirs", &owner("ann"), here).is_none());
        assert!(sessions.find(&session.id, &owner("ann"), elsewhere).is_none());
        let other = Owner { connection: "hr".into(), ..owner("ann") };
        assert!(sessions.find(&session.id, &other, here).is_none());
        sessions.end(&session);
        assert!(sessions.find(&session.id, &owner("ann"), here).is_none());
    }

    #[test]
    fn one_principal_has_so_many_sessions_and_no_more() {
        let now = snapshot(nobody(), vec![connection("crm", "a.internal")], &[], "dba");
        let here = now.connection("crm").unwrap();
        let sessions = Sessions::default();
        for _ in 0..MOST_OF_ONE {
            sessions.open(owner("ann"), here, "x").unwrap();
        }
        assert_eq!(sessions.open(owner("ann"), here, "x").unwrap_err().code, DenyCode::LimitExceeded);
        assert!(sessions.open(owner("bob"), here, "x").is_ok());
    }

    #[test]
    fn an_id_is_used_once_at_a_time_and_so_many_are() {
        let now = snapshot(nobody(), vec![connection("crm", "a.internal")], &[], "dba");
        let sessions = Sessions::default();
        let session = sessions.open(owner("ann"), now.connection("crm").unwrap(), "x").unwrap();
        let other = sessions.open(owner("ann"), now.connection("crm").unwrap(), "y").unwrap();
        let first = session.reserve(Id::Number(1)).unwrap();
        assert_eq!(session.reserve(Id::Number(1)).unwrap_err(), Busy::Twice);
        let beside = (session.reserve(Id::Text("1".into())), other.reserve(Id::Number(1)));
        assert!(beside.0.is_ok() && beside.1.is_ok());
        drop(first);
        let again = session.reserve(Id::Number(1)).unwrap();
        let most: Vec<_> = (2..256).map(|number| session.reserve(Id::Number(number)).unwrap()).collect();
        assert_eq!(session.reserve(Id::Number(999)).unwrap_err(), Busy::Full);
        drop((again, most));
        assert!(session.reserve(Id::Number(999)).is_ok());
    }

    #[tokio::test]
    async fn a_target_is_told_where_it_stands_that_a_question_stays_without_answer() {
        let now = snapshot(nobody(), vec![connection("crm", "a.internal")], &[], "dba");
        let here = now.connection("crm").unwrap();
        let (solo, mut ends) = Solo::new(crate::protocol::mcp::duplex::peer::Kind::Program);
        let program = Sessions::default().open(owner("ann"), here, Theirs::Solo(solo)).unwrap();
        let (back, mut told) = mpsc::channel(1);
        let question = Question { what: ServerRequest::Roots, back: Some(back) };
        program.unanswered(Id::Number(7), &question);
        let body = ends.input.next().await.unwrap().body;
        assert!(body.starts_with(br#"{"jsonrpc":"2.0","id":7,"error":{"#), "{body:?}");
        let server = Sessions::default().open(owner("ann"), here, "x").unwrap();
        server.unanswered(Id::Number(8), &question);
        assert_eq!(told.recv().await, Some(OwnAnswer::Unanswered(Id::Number(8))));
        // Its stream is over, so there is nowhere to send it.
        drop(told);
        server.unanswered(Id::Number(9), &question);
    }

    #[test]
    fn a_question_is_answered_once_and_an_event_is_known_for_a_while() {
        let now = snapshot(nobody(), vec![connection("crm", "a.internal")], &[], "dba");
        let session = Sessions::default().open(owner("ann"), now.connection("crm").unwrap(), "x").unwrap();
        let asks = |what| session.ask(Id::Number(1), Question { what, back: None });
        assert!(asks(ServerRequest::Roots) && !asks(ServerRequest::Sampling));
        assert!(asks(ServerRequest::Roots), "the same again");
        assert!(session.answered(&Id::Text("1".into())).is_none());
        assert!(session.answered(&Id::Number(1)).is_some());
        assert!(session.answered(&Id::Number(1)).is_none());
        assert!(asks(ServerRequest::Roots), "another with the same id");
        let about = Arc::new(About { method: "tools/list".into(), ..About::default() });
        let first = session.event(b"u-1", &about).unwrap();
        let event = session.event_of(&first).unwrap();
        assert!(*event.id == *b"u-1" && Arc::ptr_eq(&event.about, &about));
        assert_eq!(session.event(&[b'x'; LONGEST_EVENT + 1], &about), None);
        for wrong in ["u-1", "", "-0", "+0", "00", "99"] {
            assert!(session.event_of(wrong).is_none(), "{wrong}");
        }
        for number in 0..EVENTS {
            session.event(number.to_string().as_bytes(), &about);
        }
        assert!(session.event_of(&first).is_none());
    }

    #[test]
    fn what_is_kept_of_events_and_questions_is_bounded_by_its_bytes() {
        let now = snapshot(nobody(), vec![connection("crm", "a.internal")], &[], "dba");
        let session = Sessions::default().open(owner("ann"), now.connection("crm").unwrap(), "x").unwrap();
        let of = |bytes: usize| Arc::new(About { line: "x".repeat(bytes).into(), ..About::default() });
        let about = of(EVENT_ROOM / 4);
        let numbers: Vec<String> = (0..8).map(|_| session.event(b"u", &about).unwrap()).collect();
        let known: Vec<bool> = numbers.iter().map(|number| session.event_of(number).is_some()).collect();
        assert_eq!(known, [false, false, false, false, false, true, true, true]);
        assert!(lock(&session.state).event_bytes <= EVENT_ROOM);
        assert_eq!(session.event(b"u", &of(EVENT_ROOM)), None, "it would leave no room for others");
        let last = session.event(b"u", &of(1)).unwrap();
        assert!(session.event_of(&last).is_some() && session.event_of(&numbers[7]).is_some());
        let asks = |length: usize| {
            let question = Question { what: ServerRequest::Roots, back: None };
            session.ask(Id::Text("x".repeat(length).into()), question)
        };
        assert!(asks(512) && !asks(513));
    }

    #[tokio::test(start_paused = true)]
    async fn a_session_that_is_over_is_freed() {
        let before = snapshot(nobody(), vec![connection("crm", "a.internal")], &[], "dba");
        let after = snapshot(nobody(), vec![connection("crm", "b.internal")], &[], "dba");
        let here = before.connection("crm").unwrap();
        let sessions = Sessions::default();
        let held = |session: &Arc<Session>| Arc::strong_count(session) > 1;
        let (solo, _ends) = Solo::new(crate::protocol::mcp::duplex::peer::Kind::Program);
        let [ended, used] = [Theirs::Solo(Arc::clone(&solo)), "x".into()]
            .map(|theirs| sessions.open(owner("ann"), here, theirs).unwrap());
        solo.stop();
        assert!(sessions.find(&ended.id, &owner("ann"), here).is_none());
        assert!(!held(&ended), "who looks for it removes it");
        sessions.sweep(&before);
        assert!(held(&used));
        sessions.sweep(&after);
        assert!(!held(&used), "its connection leads elsewhere");
        let idle = sessions.open(owner("ann"), here, "y").unwrap();
        tokio::time::advance(IDLE).await;
        sessions.sweep(&before);
        assert!(!held(&idle));
    }
}
