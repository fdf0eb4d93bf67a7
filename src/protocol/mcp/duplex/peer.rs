//! The other end of a channel, as its listener sees it: outgoing messages wait in a queue, and the peer
//! reports for each whether it was sent.

use std::sync::Arc;
use std::sync::Mutex;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering;
use std::time::Duration;

use bytes::Bytes;
use tokio::sync::oneshot;
use tokio::sync::watch;

use crate::domain::Denied;
use crate::domain::DenyCode;
use crate::domain::sync::lock;
use crate::domain::units::format_duration;
use crate::pipeline::LeftOut;
use crate::protocol::mcp::codec::envelope::Message;
use crate::protocol::mcp::codec::envelope::id::Id;
use crate::protocol::mcp::duplex::mail::Inlet;
use crate::protocol::mcp::duplex::mail::Outlet;
use crate::protocol::mcp::duplex::mail::Share;
use crate::protocol::mcp::duplex::mail::queue;
use crate::protocol::mcp::from_target::context::garbage;

/// Receives the messages from a peer.
pub trait Listener: Send + Sync + 'static {
    /// Whether it listens for several principals: a message that belongs to no request may then be about any
    /// of them.
    const SHARED: bool;

    /// Takes one message. Nothing more is read until this returns.
    fn hear(&self, message: Message) -> impl Future<Output = ()> + Send;

    /// Reports that the answer to the request with this id has arrived but cannot be read: no other will
    /// come.
    fn unread(&self, id: &Id<'_>, why: Unread);

    /// Reports that the peer has failed. `marker` describes the failure, for the recordings of its users.
    fn failed(&self, marker: &str);

    /// Reports that there will be no more messages, and why.
    fn over(&self, why: &Denied);
}

/// Why an answer cannot be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unread {
    /// It is not a message, or is ambiguous.
    NoMessage,
    /// It is longer than a message may be.
    TooLong,
}

impl Unread {
    /// Returns the texts for the recording: the kind of message, its method, and why nobody gets it.
    pub const fn words(self) -> (&'static str, &'static str, &'static str) {
        match self {
            Self::NoMessage => ("response", "", "it is not an MCP message"),
            Self::TooLong => ("response", "", "it is longer than 16 MiB"),
        }
    }

    /// Returns the refusal of the request that waits for it.
    pub fn denied(self) -> Denied {
        let denied = match self {
            Self::NoMessage => garbage("it sent something that is not an MCP message"),
            Self::TooLong => garbage("its answer is longer than 16 MiB"),
        };
        denied.after_sending()
    }
}

/// The kind of peer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A child process with one session. A message has arrived once it is written.
    Program,
    /// A child process of all clients, without sessions.
    SharedProgram,
    /// A server behind HTTP, which accepts or refuses each message.
    Server,
}

impl Kind {
    /// Returns the refusal of a request that the peer can no longer answer.
    pub fn gone(self) -> Denied {
        let (detail, reason) = match self {
            Self::Program => (
                "the target's program has ended, and the session with it; start again with initialize",
                "program_ended",
            ),
            Self::SharedProgram => {
                ("the target's program has ended; the next call starts it again", "program_ended")
            }
            Self::Server => ("the target has ended the session; start again with initialize", "stream_ended"),
        };
        Denied::new(DenyCode::UpstreamUnavailable, detail).because(reason)
    }
}

/// A peer. Dropping it ends it.
#[derive(Debug)]
pub struct Peer {
    kind: Kind,
    input: Inlet<Parcel>,
    stop: watch::Sender<bool>,
    counts: Arc<Counts>,
    left_out: Mutex<LeftOut>,
}

/// Counts of dropped output of a peer.
#[derive(Debug, Default)]
pub struct Counts {
    /// Output that is not a message, unreadable messages, and messages for nobody.
    pub dropped: AtomicU64,
    /// Lines of a child process's log.
    pub logged: AtomicU64,
}

impl Counts {
    /// Counts one dropped message.
    pub fn drop_one(&self) {
        self.dropped.fetch_add(1, Ordering::Relaxed);
    }
}

/// Called with whether a message was sent; if it is dropped uncalled, the message was not sent.
pub type Told = Box<dyn FnOnce(Result<(), Denied>) + Send>;

/// A message on its way to the peer.
pub struct Parcel {
    /// The message.
    pub body: Bytes,
    /// Reports whether it was sent.
    pub told: Option<Told>,
}

impl std::fmt::Debug for Parcel {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Parcel").finish_non_exhaustive()
    }
}

/// The peer's own ends of the channel.
pub struct Ends {
    /// The messages that it has to send.
    pub input: Outlet<Parcel>,
    /// True, or closed, if it has to end.
    pub stop: watch::Receiver<bool>,
    /// The counts of what it drops.
    pub counts: Arc<Counts>,
}

impl Peer {
    /// Creates a peer and its ends before it is started.
    pub fn new(kind: Kind) -> (Self, Ends) {
        let (input, written) = queue();
        let (stop, stopped) = watch::channel(false);
        let counts = Arc::new(Counts::default());
        let ends = Ends { input: written, stop: stopped, counts: Arc::clone(&counts) };
        (Self { kind, input, stop, counts, left_out: Mutex::default() }, ends)
    }

    /// Returns the refusal of a request that the peer can no longer answer.
    pub fn gone(&self) -> Denied {
        self.kind.gone()
    }

    /// Queues a message, as soon as there is room. `told` is called with whether it was sent.
    ///
    /// # Errors
    /// The peer has ended, or makes no room `within` this time: the message is not sent.
    pub async fn write(&self, body: Bytes, told: Option<Told>, within: Duration) -> Result<(), Denied> {
        self.write_of(None, Parcel { body, told }, within).await
    }

    /// Does the same for one of several senders, which has a share of the queue.
    ///
    /// # Errors
    /// As [`Self::write`].
    pub async fn write_of(
        &self,
        share: Option<Share>,
        parcel: Parcel,
        within: Duration,
    ) -> Result<(), Denied> {
        let length = parcel.body.len();
        match tokio::time::timeout(within, self.input.put_of(share, parcel, length)).await {
            Ok(put) => put.map_err(|_closed| self.gone()),
            Err(_elapsed) => {
                let within = format_duration(within);
                let detail = format!("the target has not read earlier messages within {within}");
                Err(Denied::new(DenyCode::UpstreamUnavailable, detail).because("target_full"))
            }
        }
    }

    /// Queues a message and waits until the peer has accepted it, if it reports that.
    ///
    /// # Errors
    /// The peer has ended, refuses the message, or makes no room for it `within` this time.
    pub async fn deliver(&self, body: Bytes, within: Duration) -> Result<(), Denied> {
        if self.kind != Kind::Server {
            return self.write(body, None, within).await;
        }
        let (told, heard) = oneshot::channel();
        // The receiver may be gone.
        self.write(body, Some(Box::new(move |went| drop(told.send(went)))), within).await?;
        heard.await.unwrap_or_else(|_untold| Err(self.gone()))
    }

    /// Queues a message of the gateway's own if there is room: a peer that does not read gets none.
    pub fn tell(&self, body: impl Into<Bytes>) {
        let body = body.into();
        let length = body.len();
        if let Err(unsent) = self.input.try_put(Parcel { body, told: None }, length) {
            tracing::debug!(?unsent, "a notification to a target was dropped");
        }
    }

    /// Queues that a request is cancelled, also where there is no room: the request itself had to wait for
    /// some, so there are never many of these.
    pub fn cancel(&self, id: &str) {
        let body = format!(
            "{{\"jsonrpc\":\"2.0\",\"method\":\"notifications/cancelled\",\"params\":{{\"requestId\":{id}}}}}"
        );
        // A peer that has ended needs none.
        let _ended = self.input.try_put(Parcel { body: body.into(), told: None }, 0);
    }

    /// Ends the peer.
    pub fn stop(&self) {
        self.stop.send_replace(true);
    }

    /// Counts a message for nobody.
    pub fn drop_one(&self) {
        self.counts.drop_one();
    }

    /// Counts a message for nobody, of this kind and method, and why nobody gets it; returns what the
    /// recording is told of it, now and then.
    pub fn leave_out(
        &self,
        (kind, method, why): (&'static str, &'static str, &'static str),
    ) -> Option<String> {
        self.drop_one();
        lock(&self.left_out).note(kind, method, why)
    }

    /// Returns what the recording is not told yet of messages for nobody.
    pub fn left_out(&self) -> Option<String> {
        lock(&self.left_out).rest()
    }

    /// Returns the counts of dropped output.
    #[cfg(test)]
    pub fn counts(&self) -> &Counts {
        &self.counts
    }
}
