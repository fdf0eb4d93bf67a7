//! A target's stream of events on its way to the client: each message is taken for itself, in between the client is kept awake.

use std::pin::Pin;
use std::time::Duration;

use bytes::Bytes;
use http::HeaderMap;
use http::StatusCode;
use tokio::sync::mpsc;

use crate::domain::Denied;
use crate::domain::EventKind;
use crate::domain::PinMode;
use crate::domain::SessionEnd;
use crate::domain::event::Direction;
use crate::pipeline::ReplyGuard;
use crate::protocol::mcp::codec::sse::Event;
use crate::protocol::mcp::codec::sse::Item;
use crate::protocol::mcp::era::Era;
use crate::protocol::mcp::own::Own;
use crate::protocol::mcp::record::from_target;
use crate::protocol::mcp::reply;
use crate::protocol::mcp::reply::Asked;
use crate::protocol::mcp::sessions::ASKED;
use crate::protocol::mcp::shared::McpShared;
use crate::protocol::mcp::sink::Sink;
use crate::protocol::mcp::stream::Left;
use crate::protocol::mcp::turn::Came;
use crate::protocol::mcp::turn::Taken;
use crate::protocol::mcp::turn::Turn;
use crate::protocol::mcp::turn::garbage;
use crate::protocol::mcp::upstream;
use crate::protocol::mcp::upstream::Source;

/// How long a client reads nothing before a comment is written to it, whatever its target says meanwhile.
pub const SILENCE: Duration = Duration::from_secs(12);

/// One stream, with all that it takes to read its messages.
pub struct Relay {
    /// What it is about.
    pub turn: Turn,
    /// What all requests share.
    pub shared: McpShared,
    /// Guards what comes back.
    pub guard: ReplyGuard,
    /// The headers of the client's request: what the gateway answers the target goes with them.
    pub headers: HeaderMap,
    /// The id of the client's request as it was written; empty on a stream of its own.
    pub id: Bytes,
    /// How a refusal differs by what was asked.
    pub asked: Asked,
    /// The stream is read to its answer though the client has left: people approved what it answers.
    pub stays: bool,
}

/// The answer with which a stream ended.
pub struct Last {
    /// What the client gets.
    pub body: Bytes,
    /// The client was there to take it.
    pub heard: bool,
}

/// Why a stream ends before its end.
enum Broken {
    Left,
    Denied(Denied),
}

impl From<Left> for Broken {
    fn from(_left: Left) -> Self {
        Self::Left
    }
}

impl From<Denied> for Broken {
    fn from(denied: Denied) -> Self {
        Self::Denied(denied)
    }
}

/// Writes to the client, who may not read, unless what the exchange stands on ends first. Gives whether the client was there; where it
/// need not be (`stays`), that it is not is no end.
async fn unless(
    end: Pin<&mut impl Future<Output = SessionEnd>>,
    write: impl Future<Output = Result<(), Left>>,
    stays: bool,
) -> Result<bool, Broken> {
    tokio::select! {
        biased;
        end = end => Err(crate::pipeline::session_ended(end).into()),
        written = write => match written {
            Err(Left) if stays => Ok(false),
            written => Ok(written.map(|()| true)?),
        },
    }
}

async fn next(refused: &mut Option<mpsc::Receiver<Own>>) -> Option<Own> {
    match refused {
        Some(refused) => refused.recv().await,
        None => None,
    }
}

impl Relay {
    /// Passes a stream on until it ends, the response has come, the client has left, or what the exchange stands on has ended. Gives the
    /// target's answer, if one came.
    pub async fn run(
        mut self,
        source: Source,
        out: Sink,
        mut end: Pin<&mut impl Future<Output = SessionEnd>>,
    ) -> Option<Last> {
        match self.pass(source, &out, end.as_mut()).await {
            Ok(last) => last,
            Err(Broken::Left) => None,
            Err(Broken::Denied(denied)) => {
                let (_, body) = self.fails(denied);
                if self.turn.about.id.is_some() {
                    out.last(body).await;
                }
                None
            }
        }
    }

    /// Records why what was sent has no answer that its client gets; gives what answers it.
    pub fn fails(&mut self, denied: Denied) -> (StatusCode, Bytes) {
        self.refuses(&denied.after_sending())
    }

    /// The same of what the target did not take.
    pub fn refuses(&mut self, denied: &Denied) -> (StatusCode, Bytes) {
        self.guard.record_failure(denied);
        let denied = &reply::of_sent(denied, &self.guard);
        self.turn.is_answered();
        reply::refusal(denied, self.turn.era, &self.asked, &self.id, self.guard.request())
    }

    async fn pass(
        &mut self,
        mut source: Source,
        out: &Sink,
        mut end: Pin<&mut impl Future<Output = SessionEnd>>,
    ) -> Result<Option<Last>, Broken> {
        let stays = self.stays;
        let mut resumable = false;
        let mut refused = self.takes_back();
        let mut policies = self.guard.policy_watch();
        let connection = &self.guard.governed().connection;
        let mut pins = self.shared.pins.watch(&connection.name);
        let hides = connection.mcp.pin != PinMode::Observe;
        loop {
            let item = tokio::select! {
                biased;
                end = end.as_mut() => return Err(crate::pipeline::session_ended(end).into()),
                () = out.left(), if !stays => return Err(Broken::Left),
                () = policies.changed(), if self.turn.lists().any() => {
                    self.lists_changed(out, end.as_mut()).await?;
                    continue;
                }
                () = pins.changed(), if hides && self.turn.lists().any() => {
                    self.lists_changed(out, end.as_mut()).await?;
                    continue;
                }
                Some(own) = next(&mut refused) => {
                    self.answer(&own, &source);
                    continue;
                }
                () = out.silent(SILENCE) => {
                    unless(end.as_mut(), out.keep_alive(), stays).await?;
                    continue;
                }
                item = source.next() => item?,
            };
            match item {
                None if self.turn.about.id.is_some() && !resumable => {
                    return Err(garbage("its stream ended without the answer").into());
                }
                None => {
                    self.guard.settle();
                    return Ok(None);
                }
                Some(Item::Comment(_)) => {}
                Some(Item::Settings { id, retry }) => {
                    resumable |= id.is_some() && self.turn.session.is_some();
                    unless(end.as_mut(), out.settings(self.own_id(id.as_deref()), retry), stays).await?;
                }
                Some(Item::Event(event)) => {
                    resumable |= event.id.is_some() && self.turn.session.is_some();
                    // An id with nothing else is where a client may go on from. Other types of events are none of MCP's.
                    if event.data.is_empty() || !event.is_message() {
                        let id = self.own_id(event.id.as_deref());
                        unless(end.as_mut(), out.settings(id, event.retry), stays).await?;
                    } else if let Some(last) = self.message(&source, event, out, end.as_mut()).await? {
                        return Ok(Some(last));
                    }
                }
            }
        }
    }

    /// Tells that other policies or pins may show other tools, prompts and resources.
    async fn lists_changed(
        &mut self,
        out: &Sink,
        mut end: Pin<&mut impl Future<Output = SessionEnd>>,
    ) -> Result<(), Broken> {
        let subscription = (self.turn.era == Era::Modern).then_some(&*self.id);
        for body in self.turn.lists().changed(subscription) {
            let data = from_target(self.guard.fresh_capture(), &body, 200, None);
            self.guard.record(EventKind::McpMessage, Direction::S2c, data)?;
            unless(end.as_mut(), out.message(body, None, None), self.stays).await?;
        }
        Ok(())
    }

    /// Passes one message on; gives the last one.
    async fn message(
        &mut self,
        source: &Source,
        event: Event,
        out: &Sink,
        end: Pin<&mut impl Future<Output = SessionEnd>>,
    ) -> Result<Option<Last>, Broken> {
        let id = self.own_id(event.id.as_deref());
        let retry = event.retry;
        match self.turn.take(&self.shared, &mut self.guard, event.data, Came::Streamed)? {
            Taken::Pass { body, last } => {
                let write = async {
                    let body = body.clone();
                    if last { out.answer(body, id, retry).await } else { out.message(body, id, retry).await }
                };
                let heard = unless(end, write, self.stays).await?;
                Ok(last.then_some(Last { body, heard }))
            }
            Taken::Drop => Ok(None),
            Taken::Answer(own) => {
                self.answer(&own, source);
                Ok(None)
            }
        }
    }

    /// Answers the target in the gateway's own words.
    fn answer(&self, own: &Own, source: &Source) {
        upstream::answer(own, source, &self.headers, self.turn.session.as_deref(), &self.guard);
    }

    /// What the gateway answers on this stream, where the client's answer to a question that came on it is refused. None without a session,
    /// in which nothing is asked.
    fn takes_back(&mut self) -> Option<mpsc::Receiver<Own>> {
        self.turn.session.as_ref()?;
        let (back, refused) = mpsc::channel(ASKED);
        self.turn.back = Some(back);
        Some(refused)
    }

    /// The gateway's id for the target's id of an event; none where there is no session to go on with.
    fn own_id(&self, id: Option<&[u8]>) -> Option<String> {
        let session = self.turn.session.as_ref()?;
        session.event(id.filter(|id| !id.is_empty())?, &self.turn.about)
    }
}
