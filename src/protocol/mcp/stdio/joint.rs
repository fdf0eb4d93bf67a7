//! A child process of the modern era, shared by all clients of a connection: ids and tokens of requests are
//! renamed in both directions, so that clients know nothing of each other; a slow client loses its stream and
//! delays nobody. (MCP 2026-07-28, "Transports", "stdio".)

mod ending;

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::MutexGuard;
use std::time::Duration;
use std::time::Instant;

use bytes::Bytes;
use tokio::sync::oneshot;
use tokio::sync::watch;

use crate::domain::Denied;
use crate::domain::DenyCode;
use crate::domain::Secret;
use crate::domain::SessionId;
use crate::domain::denied::reason;
use crate::domain::sync::lock;
use crate::pipeline::EndWatch;
use crate::pipeline::snapshot::Governed;
use crate::protocol::mcp::codec::envelope::Kind;
use crate::protocol::mcp::codec::envelope::Message;
use crate::protocol::mcp::codec::envelope::id::Id;
use crate::protocol::mcp::codec::envelope::names::Meta;
use crate::protocol::mcp::codec::envelope::names::Param;
use crate::protocol::mcp::codec::rewrite::Rewrite;
use crate::protocol::mcp::dropped::Why;
use crate::protocol::mcp::dropped::words;
use crate::protocol::mcp::duplex::mail::Answered;
use crate::protocol::mcp::duplex::mail::Heard;
use crate::protocol::mcp::duplex::mail::Mail;
use crate::protocol::mcp::duplex::mail::Sender;
use crate::protocol::mcp::duplex::mail::Share;
use crate::protocol::mcp::duplex::peer;
use crate::protocol::mcp::duplex::peer::Listener;
use crate::protocol::mcp::duplex::peer::Parcel;
use crate::protocol::mcp::duplex::peer::Peer;
use crate::protocol::mcp::duplex::peer::Unread;
use crate::protocol::mcp::from_client::era::Era;
use crate::protocol::mcp::from_target::context::garbage;
use crate::protocol::mcp::server_request::own_answers::OwnAnswer;
use crate::protocol::mcp::stdio::Programs;
use crate::protocol::mcp::stdio::berth::Until;
use crate::protocol::mcp::stdio::codes::era_of;
use crate::protocol::mcp::stdio::codes::status_of;
use crate::protocol::mcp::stdio::environment::Spec;
use crate::protocol::mcp::stdio::joint::ending::watch_over;
use crate::protocol::mcp::stdio::programs::Key;

/// How many requests may be open at a time.
const MOST_OPEN: usize = 4096;
/// How many of them may belong to one principal.
const MOST_OPEN_OF_ONE: usize = 256;
/// How long an unused child lives.
const IDLE: Duration = Duration::from_mins(10);
/// How long a child may take to answer the probe for its era.
const PROBE: Duration = Duration::from_secs(3);
/// How long an unanswered probe counts as legacy: the child may only have been slow to start.
const SILENCE: Duration = Duration::from_mins(1);
/// What names the gateway's own first question only.
const NOBODYS: &str = "0";
/// The first question to a child, with the id 0: clients' requests begin at 1.
const DISCOVER: &str = concat!(
    r#"{"jsonrpc":"2.0","id":0,"method":"server/discover","params":{"_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28","#,
    r#""io.modelcontextprotocol/clientCapabilities":{},"io.modelcontextprotocol/clientInfo":{"name":"hoopctl","version":""#,
    env!("CARGO_PKG_VERSION"),
    r#""}}}}"#
);

/// A child process that all clients of a connection share. Dropping it ends it.
#[derive(Debug)]
pub struct Joint {
    peer: Peer,
    state: Mutex<State>,
    used: watch::Sender<Option<EndWatch>>,
}

#[derive(Debug)]
struct State {
    over: bool,
    next: i64,
    open: HashMap<i64, Open>,
    /// The watches of the sessions with open requests, and of the last one that used it.
    users: Vec<EndWatch>,
    /// What each session with messages that wait may have waiting.
    shares: HashMap<SessionId, Share>,
    /// The caller that waits for the child's era.
    probe: Option<oneshot::Sender<Era>>,
}

/// An open request to the child.
#[derive(Debug)]
struct Open {
    /// The session of its client.
    of: SessionId,
    /// Its id, as the client wrote it.
    id: Bytes,
    /// The client's progress token, as it wrote it.
    token: Option<Bytes>,
    client: Sender,
}

/// Why a connection has no shared child.
#[derive(Debug)]
pub enum NoJoint {
    /// Its program only supports the legacy era.
    Legacy,
    /// It cannot be started now.
    Denied(Denied),
}

impl From<Denied> for NoJoint {
    fn from(denied: Denied) -> Self {
        Self::Denied(denied)
    }
}

impl Joint {
    /// Returns the child of a connection as it is configured now, starting it if needed.
    ///
    /// # Errors
    /// Its program is of the legacy era, or cannot be started now.
    pub async fn of(
        programs: &Programs,
        governed: &Arc<Governed>,
        secret: Option<&Arc<Secret>>,
        spec: Spec,
        user: EndWatch,
    ) -> Result<Arc<Self>, NoJoint> {
        let berth = programs.joints().berth(governed, secret);
        // Callers that want the same child wait here until its era is known.
        let mut now = berth.now.lock().await;
        if let Some(joint) = now.joint.as_ref().filter(|joint| joint.lives()) {
            return Ok(Arc::clone(joint));
        }
        now.joint = None;
        match now.legacy {
            Some(Until::Changed) => return Err(NoJoint::Legacy),
            Some(Until::Then(then)) if Instant::now() < then => return Err(NoJoint::Legacy),
            Some(Until::Then(_)) | None => now.legacy = None,
        }
        let (joint, era) = Self::start(programs, spec, Some(user)).await?;
        match era {
            Some(Era::Modern) => {
                now.joint = Some(Arc::clone(&joint));
                Ok(joint)
            }
            Some(Era::Legacy) => {
                now.legacy = Some(Until::Changed);
                Err(NoJoint::Legacy)
            }
            None if !joint.lives() => Err(joint.peer.gone().into()),
            None => {
                now.legacy = Some(Until::Then(Instant::now() + SILENCE));
                Err(NoJoint::Legacy)
            }
        }
    }

    /// Starts a child and probes its era; `None` if it does not answer.
    pub(super) async fn start(
        programs: &Programs,
        spec: Spec,
        user: Option<EndWatch>,
    ) -> Result<(Arc<Self>, Option<Era>), Denied> {
        let (peer, ends) = Peer::new(peer::Kind::SharedProgram);
        let (told, era) = oneshot::channel();
        let users = user.into_iter().collect();
        let (open, shares) = (HashMap::new(), HashMap::new());
        let state = State { over: false, next: 1, open, users, shares, probe: Some(told) };
        let joint = Arc::new(Self { peer, state: Mutex::new(state), used: watch::Sender::new(None) });
        let key = Key::Connection(spec.name.clone());
        programs.start(spec, key, ends, Arc::downgrade(&joint)).await?;
        programs.home()?.spawn(watch_over(joint.used.subscribe(), Arc::downgrade(&joint)));
        joint.peer.tell(DISCOVER);
        let era = tokio::time::timeout(PROBE, era).await.ok().and_then(Result::ok);
        Ok((joint, era))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        lock(&self.state)
    }

    /// Marks the child as used by a client.
    pub fn touch(&self, watch: EndWatch) {
        {
            let mut state = self.state();
            let State { users, open, .. } = &mut *state;
            let session = watch.session_id();
            users.retain(|user| {
                user.session_id() != session && open.values().any(|open| open.of == user.session_id())
            });
            users.push(watch.clone());
        }
        self.used.send_replace(Some(watch));
    }

    /// Records a marker in the sessions of all open requests.
    fn mark(&self, data: &str) {
        for user in self.users() {
            user.mark(data.to_owned());
        }
    }

    /// Returns the watches of the sessions with open requests, or else of the last user.
    fn users(&self) -> Vec<EndWatch> {
        let state = self.state();
        let waits = |user: &&EndWatch| state.open.values().any(|open| open.of == user.session_id());
        let waiting: Vec<EndWatch> = state.users.iter().filter(waits).cloned().collect();
        if waiting.is_empty() { state.users.last().cloned().into_iter().collect() } else { waiting }
    }

    /// Returns whether it can still be used.
    pub fn lives(&self) -> bool {
        !self.state().over
    }

    /// Returns the peer.
    #[cfg(test)]
    pub fn peer(&self) -> &Peer {
        &self.peer
    }

    /// Sends a request of the principal whose session in the recording is `of`; its answer arrives as mail.
    /// Dropping the mail cancels it.
    ///
    /// # Errors
    /// The child has ended, makes no room for the request `within` this time, or too many are open.
    pub async fn ask(
        self: &Arc<Self>,
        message: &Message,
        of: SessionId,
        within: Duration,
    ) -> Result<Mail, Denied> {
        let (number, body, mail) = self.open(message, of)?;
        // Dropped before the mail: of what is not queued, nothing is cancelled.
        let mut unsent = Unsent { joint: self, number: Some(number) };
        self.write(body, of, within).await?;
        unsent.number = None;
        Ok(mail)
    }

    /// Queues a message of a principal, which has a share of the queue.
    async fn write(&self, body: Bytes, of: SessionId, within: Duration) -> Result<(), Denied> {
        let share = {
            let mut state = self.state();
            state.shares.retain(|whose, share| *whose == of || !share.is_unused());
            state.shares.entry(of).or_default().clone()
        };
        self.peer.write_of(Some(share), Parcel { body, told: None }, within).await
    }

    /// Registers a request to be sent; returns the gateway's own id, the request with that as id and token,
    /// and its mail.
    fn open(self: &Arc<Self>, message: &Message, of: SessionId) -> Result<(i64, Bytes, Mail), Denied> {
        let written = |value: &[u8]| Bytes::copy_from_slice(value);
        let id = written(message.id_value().map(|id| id.raw).unwrap_or_default());
        let token = message.meta(Meta::ProgressToken).map(|token| written(token.raw));
        let mut state = self.state();
        if state.over {
            return Err(self.peer.gone());
        }
        let own = state.open.values().filter(|open| open.of == of).count();
        if own >= MOST_OPEN_OF_ONE || state.open.len() >= MOST_OPEN {
            let denied = Denied::new(DenyCode::LimitExceeded, "too many requests to this target are open");
            return Err(denied.because("mcp_open"));
        }
        let number = state.next;
        state.next += 1;
        let mut rewrite = Rewrite::new(message);
        rewrite.id(number.to_string());
        if token.is_some() {
            rewrite.meta(Meta::ProgressToken, number.to_string());
        }
        let body = rewrite.finish().map_err(|_overlap| untaken())?;
        let joint = Arc::clone(self);
        let (client, mail) = Mail::open(move || joint.cancel(number));
        state.open.insert(number, Open { of, id, token, client });
        Ok((number, body, mail))
    }

    /// Sends a message that gets no answer. A cancellation refers to a request of the same principal; an
    /// ambiguous one is not sent.
    ///
    /// # Errors
    /// The child has ended, or makes no room for the message `within` this time.
    pub async fn tell(&self, message: &Message, of: SessionId, within: Duration) -> Result<(), Denied> {
        if !self.lives() {
            return Err(self.peer.gone());
        }
        // What a notification itself names so is no request of its client's here, and must be none of
        // another's.
        let mut rewrite = Rewrite::new(message);
        for named in [Meta::ProgressToken, Meta::SubscriptionId] {
            if message.meta(named).is_some() {
                rewrite.meta(named, NOBODYS);
            }
        }
        if message.method().as_deref() != Some("notifications/cancelled") {
            let body = rewrite.finish().map_err(|_overlap| untaken())?;
            return self.write(body, of, within).await;
        }
        let Some(id) = message.param(Param::RequestId).and_then(|id| id.id()) else { return Ok(()) };
        let found = {
            let state = self.state();
            let same = |open: &Open| open.of == of && open.id == id.to_json().as_bytes();
            let mut numbers = state.open.iter().filter(|(_, open)| same(open)).map(|(number, _)| *number);
            numbers.next().filter(|_| numbers.next().is_none())
        };
        let open = found.and_then(|number| Some((number, self.state().open.remove(&number)?)));
        let Some((number, open)) = open else { return Ok(()) };
        open.client.fail_cancelled();
        rewrite.param(Param::RequestId, number.to_string());
        let body = rewrite.finish().map_err(|_overlap| untaken())?;
        // The child must learn that nobody waits any more, even where its client has no room left.
        self.write(body, of, within).await.inspect_err(|_unsent| self.peer.cancel(&number.to_string()))
    }

    /// Cancels a request that nobody waits for any more.
    fn cancel(&self, number: i64) {
        if self.state().open.remove(&number).is_some() {
            self.peer.cancel(&number.to_string());
        }
    }

    /// Drops a message: counts it, and records that in the sessions of all open requests.
    fn leave_out(&self, message: &Message, why: Why) {
        self.note(words(message, why));
    }

    fn note(&self, words: (&'static str, &'static str, &'static str)) {
        if let Some(marker) = self.peer.leave_out(words) {
            self.mark(&marker);
        }
    }

    /// Queues a message for a client; one that does not keep up loses its stream.
    fn give(&self, number: i64, client: &Sender, heard: Heard) {
        let bytes = heard.body.len();
        if client.try_put(Ok(heard), bytes).is_err() {
            self.peer.drop_one();
            if !client.is_closed() {
                let denied =
                    Denied::new(DenyCode::LimitExceeded, "the client does not read its stream fast enough");
                client.fail(denied.because(reason::CLIENT_SLOW).after_sending());
            }
            self.cancel(number);
        }
    }

    fn answered(&self, message: &Message) {
        let Some(Id::Number(number)) = message.id() else { return self.leave_out(message, Why::Unasked) };
        if number == 0 {
            let probe = self.state().probe.take();
            if probe.is_some_and(|probe| probe.send(era_of(message)).is_err()) {
                tracing::debug!("a program announced its protocol version too late");
            }
            return;
        }
        let found = self.state().open.remove(&number);
        let Some(Open { id, client, .. }) = found else { return self.leave_out(message, Why::Unasked) };
        let mut rewrite = Rewrite::new(message);
        rewrite.id(id.clone());
        if message.meta(Meta::SubscriptionId).is_some() {
            rewrite.meta(Meta::SubscriptionId, id);
        }
        match rewrite.finish() {
            Ok(body) => {
                let failed = message.kind() == Kind::Error;
                let answer = Some(Answered { status: status_of(message), failed });
                self.give(number, &client, Heard { body, answer });
            }
            Err(_overlap) => client.fail(untaken().after_sending()),
        }
    }

    fn told(&self, message: &Message) {
        let named = |value: Option<Id<'_>>| match value {
            Some(Id::Number(number)) => Some(number),
            _ => None,
        };
        let subscription = named(message.meta(Meta::SubscriptionId).and_then(|id| id.id()));
        let method = message.method().unwrap_or_default();
        let param = match &*method {
            "notifications/progress" => Some(Param::ProgressToken),
            "notifications/cancelled" => Some(Param::RequestId),
            _ => None,
        };
        let number = match param {
            Some(param) => named(message.param(param).and_then(|id| id.id())),
            None => subscription,
        };
        let mut rewrite = Rewrite::new(message);
        let found = number.and_then(|number| {
            let state = self.state();
            let open = state.open.get(&number)?;
            if let Some(param) = param {
                let client =
                    if param == Param::ProgressToken { open.token.clone()? } else { open.id.clone() };
                rewrite.param(param, client);
            }
            match subscription {
                None => {}
                Some(subscription) if subscription == number => {
                    rewrite.meta(Meta::SubscriptionId, open.id.clone());
                }
                // It names two requests.
                Some(_) => return None,
            }
            Some((number, open.client.clone()))
        });
        // A notification that names no request may be about any client's: nobody gets it.
        let Some((number, client)) = found else { return self.leave_out(message, Why::Nobody) };
        match rewrite.finish() {
            Ok(body) => self.give(number, &client, Heard { body, answer: None }),
            Err(_overlap) => self.peer.drop_one(),
        }
    }
}

impl Listener for Joint {
    const SHARED: bool = true;

    async fn hear(&self, message: Message) {
        match message.kind() {
            Kind::Response | Kind::Error => self.answered(&message),
            Kind::Notification => self.told(&message),
            Kind::Request => {
                // This era has no requests from servers. A child that waited for an answer would block all
                // clients.
                self.leave_out(&message, Why::NoRequests);
                if let Some(id) = message.id() {
                    self.peer.tell(OwnAnswer::Refused(id.into_owned()).body());
                }
            }
        }
    }

    fn unread(&self, id: &Id<'_>, why: Unread) {
        let open = match id {
            Id::Number(number) => self.state().open.remove(number),
            Id::Text(_) => None,
        };
        if let Some(open) = open {
            open.client.fail(why.denied());
        }
        self.note(why.words());
    }

    fn failed(&self, marker: &str) {
        self.mark(marker);
    }

    fn over(&self, why: &Denied) {
        if let Some(marker) = self.peer.left_out() {
            self.mark(&marker);
        }
        let mut state = self.state();
        state.over = true;
        state.probe = None;
        for open in state.open.drain() {
            open.1.client.fail(why.clone().after_sending());
        }
    }
}

/// A request that is not queued yet.
struct Unsent<'a> {
    joint: &'a Joint,
    number: Option<i64>,
}

impl Drop for Unsent<'_> {
    fn drop(&mut self) {
        if let Some(number) = self.number.take() {
            self.joint.state().open.remove(&number);
        }
    }
}

fn untaken() -> Denied {
    garbage("one of its messages could not be split")
}
