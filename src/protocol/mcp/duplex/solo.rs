//! The channel of one session of the legacy era. It has one client, so ids are passed unchanged; the task is
//! to find the client's stream for each message. (MCP 2025-11-25, "Transports", "Listening for Messages from
//! the Server".)

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::MutexGuard;
use std::sync::Weak;
use std::time::Duration;

use bytes::Bytes;
use tokio::sync::watch;
use tokio::time::Instant;

use crate::domain::Denied;
use crate::domain::DenyCode;
use crate::domain::SessionEnd;
use crate::domain::sync::lock;
use crate::pipeline::EndWatch;
use crate::pipeline::ReplyGuard;
use crate::protocol::mcp::codec::envelope::Kind;
use crate::protocol::mcp::codec::envelope::Message;
use crate::protocol::mcp::codec::envelope::id::Id;
use crate::protocol::mcp::codec::envelope::names::Meta;
use crate::protocol::mcp::codec::envelope::names::Param;
use crate::protocol::mcp::dropped::Why;
use crate::protocol::mcp::dropped::words;
use crate::protocol::mcp::duplex::mail::Answered;
use crate::protocol::mcp::duplex::mail::Heard;
use crate::protocol::mcp::duplex::mail::Mail;
use crate::protocol::mcp::duplex::mail::Sender;
use crate::protocol::mcp::duplex::peer;
use crate::protocol::mcp::duplex::peer::Ends;
use crate::protocol::mcp::duplex::peer::Listener;
use crate::protocol::mcp::duplex::peer::Peer;
use crate::protocol::mcp::duplex::peer::Unread;
use crate::protocol::mcp::server_request::own_answers::OwnAnswer;
use crate::protocol::web::upstream::Reach;

/// How many requests may be open at a time.
const MOST_OPEN: usize = 256;
/// How many requests of the target are remembered.
const MOST_ASKED: usize = 256;
/// How many messages are kept for a stream that is not open.
const MOST_KEPT: usize = 64;
/// How many bytes they may take together.
const MOST_KEPT_BYTES: usize = 1 << 20;
/// How long the channel lives without use and without open requests.
const IDLE: Duration = Duration::from_mins(30);
/// How long it lives after the end of the gateway's session or the client's token: the client may come back
/// with a new token.
const GRACE: Duration = Duration::from_mins(1);

/// The channel of one session. Dropping it ends it.
#[derive(Debug)]
pub struct Solo {
    peer: Peer,
    state: Mutex<State>,
    used: watch::Sender<Option<Used>>,
}

/// The last command that used a channel.
#[derive(Debug, Clone)]
pub struct Used {
    /// Watches the command's session, token and locks.
    pub watch: EndWatch,
    /// The target, with the current credential.
    pub reach: Reach,
}

#[derive(Debug, Default)]
struct State {
    /// Why there will be no more messages.
    over: Option<Denied>,
    /// The open requests, oldest first.
    open: Vec<Open>,
    stream: Option<Sender>,
    /// The target's unanswered requests to its client, and the stream of each.
    asked: Vec<(Id<'static>, Sender)>,
    /// When the last of them was answered.
    answered: Option<Instant>,
    kept: VecDeque<Message>,
    kept_bytes: usize,
}

/// An open request.
#[derive(Debug)]
struct Open {
    id: Id<'static>,
    token: Option<Id<'static>>,
    /// Whether it may be cancelled: all but `initialize`.
    cancels: bool,
    client: Sender,
}

/// The destination of a message.
enum Way {
    To(Sender),
    Kept,
    Nowhere,
}

impl Solo {
    /// Creates a channel, and the ends for its peer. [`Self::watch`] must run beside it.
    pub fn new(kind: peer::Kind) -> (Arc<Self>, Ends) {
        let (peer, ends) = Peer::new(kind);
        (Arc::new(Self { peer, state: Mutex::default(), used: watch::Sender::new(None) }), ends)
    }

    /// Ends the channel once its client is locked out, or stays away for too long.
    pub fn watch(self: &Arc<Self>) -> impl Future<Output = ()> + Send + use<> {
        watch_over(self.used(), Arc::downgrade(self))
    }

    /// Returns the last command that used it.
    pub fn used(&self) -> watch::Receiver<Option<Used>> {
        self.used.subscribe()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        lock(&self.state)
    }

    /// Marks the channel as used by a command: it lives at least as long as the command's session and token.
    /// The guard has fetched the credential.
    pub fn touch(&self, guard: &ReplyGuard) {
        self.used.send_replace(Some(Used { watch: guard.end_watch(), reach: Reach::of(guard) }));
    }

    /// Returns whether it can still be used.
    pub fn lives(&self) -> bool {
        self.state().over.is_none()
    }

    /// Returns whether a request of its client is open.
    pub fn waits(&self) -> bool {
        !self.state().open.is_empty()
    }

    /// Ends it.
    pub fn stop(&self) {
        self.over(&self.peer.gone());
        self.peer.stop();
    }

    /// Returns the refusal of a request that the peer can no longer answer.
    pub fn gone(&self) -> Denied {
        self.peer.gone()
    }

    /// Returns the peer.
    #[cfg(test)]
    pub fn peer(&self) -> &Peer {
        &self.peer
    }

    /// Sends a request; its answer arrives as mail, in which the target may be silent for `silence`. The
    /// target has to make room for the request `within` a time.
    ///
    /// # Errors
    /// The peer has ended or makes no room, the id is in use, or too many requests are open.
    pub async fn ask(
        self: &Arc<Self>,
        message: &Message,
        silence: Duration,
        within: Duration,
    ) -> Result<Mail, Denied> {
        let Some(id) = message.id().map(Id::into_owned) else { return Err(self.peer.gone()) };
        let kept_alive = Arc::clone(self);
        let (client, mail) = Mail::open(move || drop(kept_alive));
        let (waits, gives_up, asked) = (Arc::downgrade(self), Arc::downgrade(self), client.clone());
        let gives_up = move || {
            if let Some(solo) = gives_up.upgrade() {
                solo.gives_up(&asked);
            }
        };
        let mail = mail.within(silence, move || waits.upgrade()?.waited(), gives_up);
        let (solo, whose) = (Arc::downgrade(self), client.clone());
        let told = move |went: Result<(), Denied>| {
            let Err(denied) = went else { return };
            // Found by its stream, not by its id: it may be answered by now, and the id reused.
            if let Some(open) = solo.upgrade().and_then(|solo| solo.forget(|open| open.client.is(&whose))) {
                open.client.fail(denied);
            }
        };
        {
            let mut state = self.state();
            if let Some(over) = &state.over {
                return Err(over.clone());
            }
            if state.open.iter().any(|open| open.id == id) {
                let denied = Denied::new(DenyCode::BadRequest, "a request with this id is open already");
                return Err(denied.because("mcp_id_twice"));
            }
            if state.open.len() >= MOST_OPEN {
                let denied =
                    Denied::new(DenyCode::LimitExceeded, "too many requests of this session are open");
                return Err(denied.because("mcp_open"));
            }
            let token = message.meta(Meta::ProgressToken).and_then(|token| token.id()).map(Id::into_owned);
            let cancels = message.method().as_deref() != Some("initialize");
            state.open.push(Open { id: id.clone(), token, cancels, client });
        }
        // A caller that leaves before the message is queued leaves nothing behind; one that leaves later has
        // not cancelled the request.
        let mut unsent = Unsent { solo: self, id: Some(id) };
        self.peer.write(message.body().clone(), Some(Box::new(told)), within).await?;
        unsent.id = None;
        drop(unsent);
        Ok(mail)
    }

    /// Sends a message that gets no answer.
    ///
    /// # Errors
    /// The peer has ended, refuses the message, or makes no room for it `within` this time.
    pub async fn tell(&self, message: &Message, within: Duration) -> Result<(), Denied> {
        if let Some(over) = &self.state().over {
            return Err(over.clone());
        }
        self.peer.deliver(message.body().clone(), within).await?;
        if let (Kind::Response | Kind::Error, Some(id)) = (message.kind(), message.id()) {
            self.is_answered(&id);
        }
        if message.method().as_deref() == Some("notifications/cancelled")
            && let Some(id) = message.param(Param::RequestId).and_then(|id| id.id())
            && let Some(open) = self.forget(|open| open.cancels && open.id == id)
        {
            open.client.fail_cancelled();
        }
        Ok(())
    }

    /// Answers a request of the target on behalf of the gateway.
    pub fn answer(&self, own: &OwnAnswer) {
        self.peer.tell(own.body());
        self.is_answered(own.id());
    }

    /// Notes a request of the target to its client on this stream.
    fn asks(&self, id: &Id<'_>, stream: &Sender) {
        let mut state = self.state();
        state.asked.retain(|(_, stream)| !stream.is_closed());
        if state.asked.len() < MOST_ASKED {
            state.asked.push((id.clone().into_owned(), stream.clone()));
        }
    }

    /// Notes that a request of the target is answered, or was cancelled by it.
    fn is_answered(&self, id: &Id<'_>) {
        let mut state = self.state();
        let before = state.asked.len();
        state.asked.retain(|(asked, _)| asked != id);
        if state.asked.len() < before {
            state.answered = Some(Instant::now());
        }
    }

    /// Returns when the target last waited for an answer of its client: now, if it still does.
    fn waited(&self) -> Option<Instant> {
        let state = self.state();
        let waits = state.asked.iter().any(|(_, stream)| !stream.is_closed());
        if waits { Some(Instant::now()) } else { state.answered }
    }

    /// Gives up on a request because the target was silent for too long, and tells the target.
    fn gives_up(&self, client: &Sender) {
        if let Some(Open { cancels: true, id, .. }) = self.forget(|open| open.client.is(client)) {
            self.peer.cancel(&id.to_json());
        }
    }

    /// Opens the stream for messages that belong to no request. An earlier one ends.
    ///
    /// # Errors
    /// The peer has ended.
    pub fn listen(self: &Arc<Self>) -> Result<Mail, Denied> {
        let kept_alive = Arc::clone(self);
        let (client, mail) = Mail::open(move || drop(kept_alive));
        let mut state = self.state();
        if let Some(over) = &state.over {
            return Err(over.clone());
        }
        state.kept_bytes = 0;
        for message in std::mem::take(&mut state.kept) {
            let body = message.body().clone();
            let bytes = body.len();
            // The kept messages are far smaller than the queue.
            if client.try_put(Ok(Heard { body, answer: None }), bytes).is_err() {
                self.peer.drop_one();
            }
        }
        state.stream = Some(client);
        drop(state);
        Ok(mail)
    }

    fn forget(&self, which: impl Fn(&Open) -> bool) -> Option<Open> {
        let mut state = self.state();
        let place = state.open.iter().position(which)?;
        Some(state.open.remove(place))
    }

    /// Drops a message: counts it, and records that in the session.
    fn leave_out(&self, message: &Message, why: Why) {
        self.note(words(message, why));
    }

    fn note(&self, words: (&'static str, &'static str, &'static str)) {
        if let Some(marker) = self.peer.leave_out(words) {
            self.mark(&marker);
        }
    }

    /// Records a marker in the session that last used the channel.
    fn mark(&self, data: &str) {
        let watch = self.used.borrow().as_ref().map(|used| used.watch.clone());
        if let Some(watch) = watch {
            watch.mark(data.to_owned());
        }
    }

    /// Returns the destination of a notification or request of the target.
    fn way(&self, message: &Message) -> Way {
        let state = self.state();
        if message.method().as_deref() == Some("notifications/progress") {
            let token = message.param(Param::ProgressToken).and_then(|token| token.id());
            let open = state.open.iter().find(|open| token.is_some() && open.token == token);
            return open.map_or(Way::Nowhere, |open| Way::To(open.client.clone()));
        }
        let stream = state.stream.as_ref().filter(|stream| !stream.is_closed());
        let mut listening = state.open.iter().map(|open| &open.client).filter(|client| !client.is_closed());
        let (oldest, more) = (listening.next(), listening.next().is_some());
        let to = if more { stream.or(oldest) } else { oldest.or(stream) };
        to.map_or(Way::Kept, |to| Way::To(to.clone()))
    }

    /// Keeps a message for a stream that is not open. If there are too many, the oldest are dropped, and
    /// requests among them are answered.
    fn keep(&self, message: Message) {
        let mut gone = Vec::new();
        {
            let mut state = self.state();
            state.kept_bytes += message.body().len();
            state.kept.push_back(message);
            while state.kept.len() > MOST_KEPT || state.kept_bytes > MOST_KEPT_BYTES {
                let Some(oldest) = state.kept.pop_front() else { break };
                state.kept_bytes = state.kept_bytes.saturating_sub(oldest.body().len());
                gone.push(oldest);
            }
        }
        for oldest in gone {
            self.leave_out(&oldest, Why::Untaken);
            if let (Kind::Request, Some(id)) = (oldest.kind(), oldest.id()) {
                self.answer(&OwnAnswer::Refused(id.into_owned()));
            }
        }
    }
}

/// A request that is not queued yet.
struct Unsent<'a> {
    solo: &'a Solo,
    id: Option<Id<'static>>,
}

impl Drop for Unsent<'_> {
    fn drop(&mut self) {
        if let Some(id) = self.id.take() {
            self.solo.forget(|open| open.id == id);
        }
    }
}

impl Listener for Solo {
    const SHARED: bool = false;

    async fn hear(&self, message: Message) {
        let body: Bytes = message.body().clone();
        let bytes = body.len();
        match message.kind() {
            Kind::Response | Kind::Error => {
                let open = message.id().and_then(|id| self.forget(|open| open.id == id));
                let Some(open) = open else { return self.leave_out(&message, Why::Unasked) };
                let answer = Answered { status: 200, failed: message.kind() == Kind::Error };
                if open.client.put(Ok(Heard { body, answer: Some(answer) }), bytes).await.is_err() {
                    self.peer.drop_one();
                }
            }
            Kind::Request if message.method().as_deref() == Some("ping") => {
                if let Some(id) = message.id() {
                    self.answer(&OwnAnswer::Pong(id.into_owned()));
                }
            }
            Kind::Request | Kind::Notification => match self.way(&message) {
                // Such an id is kept nowhere.
                _ if message.kind() == Kind::Request && message.id().is_some_and(|id| id.is_long()) => {
                    self.leave_out(&message, Why::LongId);
                    if let Some(id) = message.id() {
                        self.answer(&OwnAnswer::Refused(id.into_owned()));
                    }
                }
                Way::To(client) => {
                    if let (Kind::Request, Some(id)) = (message.kind(), message.id()) {
                        self.asks(&id, &client);
                    } else if message.method().as_deref() == Some("notifications/cancelled")
                        && let Some(id) = message.param(Param::RequestId).and_then(|id| id.id())
                    {
                        self.is_answered(&id);
                    }
                    if client.put(Ok(Heard { body, answer: None }), bytes).await.is_err() {
                        self.keep(message);
                    }
                }
                Way::Kept => self.keep(message),
                Way::Nowhere => self.leave_out(&message, Why::Nobody),
            },
        }
    }

    fn unread(&self, id: &Id<'_>, why: Unread) {
        if let Some(open) = self.forget(|open| open.id == *id) {
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
        state.over.get_or_insert_with(|| why.clone());
        state.stream = None;
        state.kept.clear();
        state.asked.clear();
        for open in state.open.drain(..) {
            open.client.fail(why.clone().after_sending());
        }
    }
}

/// Ends a channel whose client is locked out, or stays away for too long.
async fn watch_over(mut used: watch::Receiver<Option<Used>>, solo: Weak<Solo>) {
    loop {
        let watch = used.borrow_and_update().as_ref().map(|used| used.watch.clone());
        let ended = async {
            match watch {
                Some(watch) => watch.wait().await,
                None => std::future::pending().await,
            }
        };
        let ended = tokio::select! {
            changed = used.changed() => match changed {
                Ok(()) => continue,
                Err(_dropped) => return,
            },
            ended = ended => Some(ended),
            () = tokio::time::sleep(IDLE) => None,
        };
        let waits = matches!(ended, Some(SessionEnd::Idle | SessionEnd::Limit | SessionEnd::TokenExpired));
        if waits && let Ok(changed) = tokio::time::timeout(GRACE, used.changed()).await {
            if changed.is_err() {
                return;
            }
            continue;
        }
        let Some(solo) = solo.upgrade() else { return };
        if ended.is_none() && solo.waits() {
            // Its client waits for an answer.
            continue;
        }
        solo.stop();
        return;
    }
}
