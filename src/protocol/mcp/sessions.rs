//! Sessions of the legacy era: the gateway's own ids, each bound to the principal and connection that it was given to. (MCP 2025-11-25,
//! "Transports", "Session Management".)
//!
//! An id that somebody else presents is answered as one that there is not. After a restart there are none: clients initialize anew.

use std::collections::HashMap;
use std::collections::HashSet;
use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::MutexGuard;
use std::sync::PoisonError;
use std::time::Duration;

use rand::RngCore;
use tokio::sync::mpsc;
use tokio::time::Instant;

use crate::domain::Denied;
use crate::domain::DenyCode;
use crate::domain::ServerRequest;
use crate::pipeline::snapshot::Governed;
use crate::protocol::mcp::codec::envelope::id::Id;
use crate::protocol::mcp::declared::Declared;
use crate::protocol::mcp::duplex::Solo;
use crate::protocol::mcp::lists::Lists;
use crate::protocol::mcp::own::Own;

/// How long a session lives that nothing is sent on.
const IDLE: Duration = Duration::from_mins(30);
/// How often it is looked whether a session has run out under what waits in it.
const LOOK: Duration = Duration::from_secs(5);
/// How many sessions one principal may have on one connection.
const MOST_OF_ONE: usize = 256;
/// How many sessions there may be.
const MOST: usize = 16_384;
/// How many events of its streams a session can be asked to go on from.
const EVENTS: usize = 1024;
/// The longest id of an event that is kept, in bytes.
const LONGEST_EVENT: usize = 1024;
/// How many questions of the target may be open in one session.
pub const ASKED: usize = 256;
/// How many requests of the client may be open in one session.
const OPEN: usize = 256;

/// All sessions, shared by all threads. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub struct Sessions(Arc<Mutex<HashMap<Box<str>, Arc<Session>>>>);

/// One session.
#[derive(Debug)]
pub struct Session {
    /// The gateway's own id.
    pub id: Box<str>,
    /// What the target knows it by.
    pub upstream: Theirs,
    owner: Owner,
    governed: Arc<Governed>,
    state: Mutex<State>,
}

/// What a target knows a session by.
#[derive(Debug)]
pub enum Theirs {
    /// An id of its own.
    Id(Box<str>),
    /// A channel of its own.
    Solo(Arc<Solo>),
}

impl From<&str> for Theirs {
    fn from(id: &str) -> Self {
        Self::Id(id.into())
    }
}

/// Whose something is: a principal on a connection.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Owner {
    /// The principal's id.
    pub principal: Box<str>,
    /// The connection's name, and where it leads.
    pub connection: Box<str>,
}

#[derive(Debug)]
struct State {
    used: Instant,
    /// What the target asked of the client, by the id of its request.
    asked: HashMap<Id<'static>, Question>,
    /// The requests of the client that are not answered.
    open: HashSet<Id<'static>>,
    /// The target's ids of events, behind the gateway's numbers for them.
    events: VecDeque<(u64, Event)>,
    next_event: u64,
    /// The lists whose changes the target tells of.
    lists: Lists,
    /// What the client can be asked.
    declared: Declared,
    /// The version that both sides have agreed on.
    version: Option<&'static str>,
}

/// What a target asked of a client.
#[derive(Debug, Clone)]
pub struct Question {
    /// What it is.
    pub what: ServerRequest,
    /// Where the gateway answers it itself, if the client's answer is refused: with the stream on which it was asked.
    pub back: Option<mpsc::Sender<Own>>,
}

/// The id of a request that is not answered; free again when this is dropped.
#[derive(Debug)]
pub struct OpenId {
    session: Arc<Session>,
    id: Id<'static>,
}

impl Drop for OpenId {
    fn drop(&mut self) {
        locked(&self.session.state).open.remove(&self.id);
    }
}

/// Why no request may be opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Busy {
    /// One with its id is open.
    Twice,
    /// Too many are open.
    Full,
}

/// An event of a stream that can be gone on with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    /// The target's id of it.
    pub id: Box<[u8]>,
    /// What its stream answers: what comes after it is read in the same way.
    pub about: Arc<About>,
}

/// What a stream answers.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct About {
    /// The method that was asked; empty on a stream of its own, which answers nothing.
    pub method: Box<str>,
    /// The id of the request that is answered; `None`: no response may come.
    pub id: Option<Id<'static>>,
    /// The tool that is called.
    pub tool: Option<Box<str>>,
    /// Its client asks what there is, and knows tasks.
    pub asks_for_tasks: bool,
    /// The gateway's id of the task that is asked after, which the target knows by another.
    pub task: Option<Box<str>>,
    /// Its client wants to be told what the target logs meanwhile.
    pub logs: bool,
    /// Of a completion: the name of the argument.
    pub argument: Box<str>,
    /// The method and what it names.
    pub line: Box<str>,
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Sessions {
    /// Opens a session for what the target calls `upstream`.
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
            events: VecDeque::new(),
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
        let mut all = locked(&self.0);
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

    /// The session of that id, if it is the caller's own and still leads where its connection leads now. It counts as used.
    pub fn find(&self, id: &str, owner: &Owner, governed: &Governed) -> Option<Arc<Session>> {
        let session = locked(&self.0).get(id).cloned()?;
        let stands =
            session.owner == *owner && session.is_fresh() && !session.governed.leads_elsewhere(governed);
        if !stands {
            return None;
        }
        locked(&session.state).used = Instant::now();
        Some(session)
    }

    /// Ends a session.
    pub fn end(&self, session: &Session) {
        locked(&self.0).remove(&session.id);
        if let Theirs::Solo(solo) = &session.upstream {
            solo.stop();
        }
    }
}

impl Session {
    /// Notes which lists the target has said to tell of when they change.
    pub fn tells(&self, lists: Lists) {
        locked(&self.state).lists = lists;
    }

    /// Notes what the client can be asked, as it said at the beginning.
    pub fn declares(&self, declared: Declared) {
        locked(&self.state).declared = declared;
    }

    /// What the client can be asked.
    pub fn declared(&self) -> Declared {
        locked(&self.state).declared
    }

    /// Notes the version that the target has agreed to.
    pub fn agrees_on(&self, version: &'static str) {
        locked(&self.state).version = Some(version);
    }

    /// The version that both sides have agreed on; `None`: none that is known here.
    pub fn version(&self) -> Option<&'static str> {
        locked(&self.state).version
    }

    /// The lists whose changes are told in this session.
    pub fn lists(&self) -> Lists {
        locked(&self.state).lists
    }

    /// Whether it can be gone on with.
    pub fn is_fresh(&self) -> bool {
        // Under a call that takes so long a channel is not idle.
        let (lives, waits) = match &self.upstream {
            Theirs::Id(_) => (true, false),
            Theirs::Solo(solo) => (solo.lives(), solo.waits()),
        };
        lives && (waits || locked(&self.state).used.elapsed() < IDLE)
    }

    /// Resolves when it cannot be gone on with any more.
    pub async fn runs_out(&self) {
        while self.is_fresh() {
            tokio::time::sleep(LOOK).await;
        }
    }

    /// The client asks something with this id, which is its own until what this gives is dropped.
    ///
    /// # Errors
    /// A request with that id is open, or too many are.
    pub fn opens(self: &Arc<Self>, id: Id<'static>) -> Result<OpenId, Busy> {
        let mut state = locked(&self.state);
        if state.open.contains(&id) {
            return Err(Busy::Twice);
        }
        if state.open.len() >= OPEN {
            return Err(Busy::Full);
        }
        state.open.insert(id.clone());
        Ok(OpenId { session: Arc::clone(self), id })
    }

    /// The target asks something of the client. False: too much is open, or it used the id of another open question.
    pub fn ask(&self, id: Id<'static>, question: Question) -> bool {
        let mut state = locked(&self.state);
        let again = state.asked.get(&id).map(|known| known.what == question.what);
        // On a stream that is gone on with it comes again.
        if again == Some(false) || (again.is_none() && state.asked.len() >= ASKED) {
            return false;
        }
        state.asked.insert(id, question);
        true
    }

    /// The client answers: what was asked with that id. Each question is answered once.
    pub fn answered(&self, id: &Id<'_>) -> Option<Question> {
        locked(&self.state).asked.remove(&id.clone().into_owned())
    }

    /// The client's answer to a question does not reach the target, which is told so, where the channel on which it asked still stands.
    pub fn unanswered(&self, id: Id<'static>, question: &Question) {
        let own = Own::Unanswered(id);
        match (&self.upstream, &question.back) {
            (Theirs::Solo(solo), _) => solo.answer(&own),
            (Theirs::Id(_), Some(back)) if back.try_send(own).is_ok() => {}
            (Theirs::Id(_), _) => {
                tracing::debug!("a target is not told that its question stays without answer");
            }
        }
    }

    /// The gateway's id for an event that the target gave this id; none for one that is too long to be kept.
    pub fn event(&self, upstream: &[u8], about: &Arc<About>) -> Option<String> {
        if upstream.len() > LONGEST_EVENT {
            return None;
        }
        let mut state = locked(&self.state);
        state.used = Instant::now();
        let number = state.next_event;
        state.next_event += 1;
        if state.events.len() >= EVENTS {
            state.events.pop_front();
        }
        state.events.push_back((number, Event { id: upstream.into(), about: Arc::clone(about) }));
        Some(number.to_string())
    }

    /// The event that the gateway numbered so; `None`: there is no such event, or it is too long ago.
    pub fn event_of(&self, number: &str) -> Option<Event> {
        let number: u64 = number.parse().ok().filter(|parsed: &u64| parsed.to_string() == number)?;
        let state = locked(&self.state);
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
        Owner { principal: principal.into(), connection: "crm".into() }
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
        let first = session.opens(Id::Number(1)).unwrap();
        assert_eq!(session.opens(Id::Number(1)).unwrap_err(), Busy::Twice);
        let beside = (session.opens(Id::Text("1".into())), other.opens(Id::Number(1)));
        assert!(beside.0.is_ok() && beside.1.is_ok());
        drop(first);
        let again = session.opens(Id::Number(1)).unwrap();
        let most: Vec<_> = (2..256).map(|number| session.opens(Id::Number(number)).unwrap()).collect();
        assert_eq!(session.opens(Id::Number(999)).unwrap_err(), Busy::Full);
        drop((again, most));
        assert!(session.opens(Id::Number(999)).is_ok());
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
        assert_eq!(told.recv().await, Some(Own::Unanswered(Id::Number(8))));
        // Its stream is over: nothing stands on which it could be told.
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
        assert_eq!(
            session.event_of(&first).unwrap(),
            Event { id: (*b"u-1").into(), about: Arc::clone(&about) }
        );
        assert_eq!(session.event(&[b'x'; LONGEST_EVENT + 1], &about), None);
        for wrong in ["u-1", "", "-0", "+0", "00", "99"] {
            assert_eq!(session.event_of(wrong), None, "{wrong}");
        }
        for number in 0..EVENTS {
            session.event(number.to_string().as_bytes(), &about);
        }
        assert_eq!(session.event_of(&first), None);
    }
}
