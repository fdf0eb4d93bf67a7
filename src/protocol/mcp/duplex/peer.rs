//! The other end of a channel, as its listener holds it: what is to be sent there waits in a queue, which that end takes from and says for
//! each message whether it went.

use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering;

use bytes::Bytes;
use tokio::sync::oneshot;
use tokio::sync::watch;

use crate::domain::Denied;
use crate::domain::DenyCode;
use crate::protocol::mcp::codec::envelope::Message;
use crate::protocol::mcp::codec::envelope::id::Id;
use crate::protocol::mcp::duplex::mail::Inlet;
use crate::protocol::mcp::duplex::mail::Outlet;
use crate::protocol::mcp::duplex::mail::queue;
use crate::protocol::mcp::turn::garbage;

/// Who is told what comes from the other end.
pub trait Listener: Send + Sync + 'static {
    /// It listens for several principals: what the other end says to nobody may be about any of them.
    const SHARED: bool;

    /// Takes one message. Nothing more is read before this is done.
    fn hear(&self, message: Message) -> impl Future<Output = ()> + Send;

    /// The answer to the request with this id has come, and cannot be read: no other will.
    fn unread(&self, id: &Id<'_>, why: Unread);

    /// The other end has failed. `marker` says how, for the recordings of those that used it.
    fn failed(&self, marker: &str);

    /// There will be no more messages, for this reason.
    fn over(&self, why: &Denied);
}

/// Why an answer cannot be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unread {
    /// It is no message, or has more than one reading.
    NoMessage,
    /// It is longer than a message may be.
    TooLong,
}

impl Unread {
    /// The words of the recording for it: what came, and why nobody gets it.
    pub const fn words(self) -> (&'static str, &'static str, &'static str) {
        match self {
            Self::NoMessage => ("response", "", "it is no message of MCP"),
            Self::TooLong => ("response", "", "it is longer than 16 MiB"),
        }
    }

    /// The refusal of what waits for it.
    pub fn denied(self) -> Denied {
        let denied = match self {
            Self::NoMessage => garbage("it sent what is no MCP message"),
            Self::TooLong => garbage("its answer is longer than 16 MiB"),
        };
        denied.after_sending()
    }
}

/// What is at the other end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A program. What is written to it has arrived.
    Program,
    /// A server behind HTTP, which says of each message whether it takes it.
    Server,
}

impl Kind {
    /// The refusal of what it cannot answer any more.
    pub fn gone(self) -> Denied {
        let (detail, reason) = match self {
            Self::Program => {
                ("the target's program has ended; the next call starts it anew", "program_ended")
            }
            Self::Server => ("the target has ended the session; begin anew with initialize", "stream_ended"),
        };
        Denied::new(DenyCode::UpstreamUnavailable, detail).because(reason)
    }
}

/// The other end. Dropped, it is ended.
#[derive(Debug)]
pub struct Peer {
    kind: Kind,
    input: Inlet<Parcel>,
    stop: watch::Sender<bool>,
    counts: Arc<Counts>,
}

/// What was left out of what the other end said.
#[derive(Debug, Default)]
pub struct Counts {
    /// What is no message, messages that cannot be read, and those that are for nobody.
    pub dropped: AtomicU64,
    /// Lines of a program's log.
    pub logged: AtomicU64,
}

impl Counts {
    /// Counts something that is left out.
    pub fn drop_one(&self) {
        self.dropped.fetch_add(1, Ordering::Relaxed);
    }
}

/// Who is told whether a message went; dropped untold, it did not.
pub type Told = Box<dyn FnOnce(Result<(), Denied>) + Send>;

/// A message on its way to the other end.
pub struct Parcel {
    /// The message.
    pub body: Bytes,
    /// Who wants to know whether it went.
    pub told: Option<Told>,
}

impl std::fmt::Debug for Parcel {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Parcel").finish_non_exhaustive()
    }
}

/// What that end itself holds.
pub struct Ends {
    /// What it is to send.
    pub input: Outlet<Parcel>,
    /// True, or closed: it is to end.
    pub stop: watch::Receiver<bool>,
    /// What it leaves out.
    pub counts: Arc<Counts>,
}

impl Peer {
    /// The other end before its start.
    pub fn new(kind: Kind) -> (Self, Ends) {
        let (input, written) = queue();
        let (stop, stopped) = watch::channel(false);
        let counts = Arc::new(Counts::default());
        let ends = Ends { input: written, stop: stopped, counts: Arc::clone(&counts) };
        (Self { kind, input, stop, counts }, ends)
    }

    /// The refusal of what it cannot answer any more.
    pub fn gone(&self) -> Denied {
        self.kind.gone()
    }

    /// Gives it a message, as soon as there is room. Somebody else is told whether it went.
    ///
    /// # Errors
    /// It has ended.
    pub async fn write(&self, body: Bytes, told: Option<Told>) -> Result<(), Denied> {
        let length = body.len();
        self.input.put(Parcel { body, told }, length).await.map_err(|_closed| self.gone())
    }

    /// The same; what tells whether a message arrived is waited for.
    ///
    /// # Errors
    /// It has ended, or does not take the message.
    pub async fn deliver(&self, body: Bytes) -> Result<(), Denied> {
        if self.kind == Kind::Program {
            return self.write(body, None).await;
        }
        let (told, heard) = oneshot::channel();
        // Who does not wait any more need not know.
        self.write(body, Some(Box::new(move |went| drop(told.send(went))))).await?;
        heard.await.unwrap_or_else(|_untold| Err(self.gone()))
    }

    /// Gives it a message of the gateway's own, if there is room: what does not read is told nothing.
    pub fn tell(&self, body: impl Into<Bytes>) {
        let body = body.into();
        let length = body.len();
        if let Err(unsent) = self.input.try_put(Parcel { body, told: None }, length) {
            tracing::debug!(?unsent, "a target was not told something");
        }
    }

    /// Ends it.
    pub fn stop(&self) {
        self.stop.send_replace(true);
    }

    /// Counts a message that is for nobody.
    pub fn drop_one(&self) {
        self.counts.drop_one();
    }

    /// What was left out.
    #[cfg(test)]
    pub fn counts(&self) -> &Counts {
        &self.counts
    }
}
