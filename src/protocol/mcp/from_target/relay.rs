//! Relays a target's event stream to the client: each message is processed separately, and the stream is kept
//! alive in between.

use std::pin::Pin;
use std::sync::Arc;
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
use crate::protocol::mcp::from_client::era::Era;
use crate::protocol::mcp::from_target::context::Came;
use crate::protocol::mcp::from_target::context::ReplyContext;
use crate::protocol::mcp::from_target::context::Taken;
use crate::protocol::mcp::from_target::context::garbage;
use crate::protocol::mcp::from_target::stream::Left;
use crate::protocol::mcp::held::sink::Sink;
use crate::protocol::mcp::record::from_target;
use crate::protocol::mcp::reply;
use crate::protocol::mcp::reply::Asked;
use crate::protocol::mcp::server_request::own_answers::OwnAnswer;
use crate::protocol::mcp::state::sessions::ASKED;
use crate::protocol::mcp::state::shared::McpShared;
use crate::protocol::mcp::upstream;
use crate::protocol::mcp::upstream::Source;

/// How long nothing is sent to a client before a comment is written to keep the stream alive.
pub const SILENCE: Duration = Duration::from_secs(12);

/// One stream, with all that is needed to process its messages.
pub struct Relay {
    /// The context of the exchange.
    pub context: ReplyContext,
    /// The state shared by all requests.
    pub shared: McpShared,
    /// Guards the reply.
    pub guard: ReplyGuard,
    /// The headers of the client's request, which are also used for the gateway's own answers to the target.
    pub headers: HeaderMap,
    /// The id of the client's request as it was written; empty on a separate stream.
    pub id: Bytes,
    /// How a refusal differs by the request.
    pub asked: Asked,
    /// Whether the stream is read to the answer even if the client leaves, because the call was approved.
    pub stays: bool,
}

/// The last message of a stream.
struct Last {
    /// The message for the client.
    body: Bytes,
    /// Whether the client received it.
    heard: bool,
}

/// Why a stream ends early.
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

/// Writes to a client that may not read, unless the session or token ends first. Returns whether the client
/// was there; with `stays` its absence is not an error.
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

async fn next(refused: &mut Option<mpsc::Receiver<OwnAnswer>>) -> Option<OwnAnswer> {
    match refused {
        Some(refused) => refused.recv().await,
        None => None,
    }
}

impl Relay {
    /// Relays a stream until it ends, the response has come, the client has left, or the session or token has
    /// ended.
    pub async fn run(
        mut self,
        source: Source,
        out: Sink,
        mut end: Pin<&mut impl Future<Output = SessionEnd>>,
    ) {
        let about = Arc::clone(&self.context.about);
        // A call that was approved for one run is read to its answer, on whichever stream that comes.
        self.stays |= about.awaited.reads() && self.context.era == Era::Legacy;
        match self.pass(source, &out, end.as_mut()).await {
            Ok(Some(Last { body, heard })) => about.awaited.done(body, heard),
            Ok(None) => about.awaited.lost(true),
            Err(broken) => {
                about.awaited.lost(false);
                if let Broken::Denied(denied) = broken {
                    let (_, body) = self.fails(denied);
                    if about.id.is_some() {
                        out.last(body).await;
                    }
                }
            }
        }
    }

    /// Records why a sent message has no answer for the client; returns the message in its place.
    pub fn fails(&mut self, denied: Denied) -> (StatusCode, Bytes) {
        self.refuses(&denied.after_sending())
    }

    /// Does the same for a message that the target did not accept.
    pub fn refuses(&mut self, denied: &Denied) -> (StatusCode, Bytes) {
        self.guard.record_failure(denied);
        // A resumed stream is opened by a read, whatever the request that it answers does.
        let changes = self.context.about.changes || self.guard.changes();
        let denied = &reply::of_sent(denied, changes);
        self.context.is_answered();
        reply::refusal(denied, self.context.era, &self.asked, &self.id, self.guard.request())
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
        // A stream that only reports what happens may be open for ever; its client opens another.
        let reports = self.context.about.id.is_none() || self.context.subscription.is_some();
        let mut draining = self.shared.draining.subscribe();
        loop {
            let item = tokio::select! {
                biased;
                end = end.as_mut() => return Err(crate::pipeline::session_ended(end).into()),
                () = out.left(), if !stays => return Err(Broken::Left),
                _ = draining.wait_for(|draining| *draining), if reports => {
                    self.guard.mark_recorded();
                    return Ok(None);
                }
                () = policies.changed(), if self.context.lists().any() => {
                    self.lists_changed(out, end.as_mut()).await?;
                    continue;
                }
                () = pins.changed(), if hides && self.context.lists().any() => {
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
                None if self.context.about.id.is_some() && !resumable => {
                    return Err(garbage("its stream ended without the answer").into());
                }
                None => {
                    self.guard.mark_recorded();
                    return Ok(None);
                }
                Some(Item::Comment(_)) => {}
                Some(Item::Settings { id, retry }) => {
                    resumable |= id.is_some() && self.context.session.is_some();
                    unless(end.as_mut(), out.settings(self.own_id(id.as_deref()), retry), stays).await?;
                }
                Some(Item::Event(event)) => {
                    resumable |= event.id.is_some() && self.context.session.is_some();
                    // An event with only an id is a point to resume from; some servers store its message as
                    // `{}`. MCP uses no other event types.
                    if matches!(event.data.trim_ascii(), b"" | b"{}") || !event.is_message() {
                        let id = self.own_id(event.id.as_deref());
                        unless(end.as_mut(), out.settings(id, event.retry), stays).await?;
                    } else if let Some(last) = self.message(&source, event, out, end.as_mut()).await? {
                        return Ok(Some(last));
                    }
                }
            }
        }
    }

    /// Notifies the client that changed policies or pins may show other tools, prompts and resources.
    async fn lists_changed(
        &mut self,
        out: &Sink,
        mut end: Pin<&mut impl Future<Output = SessionEnd>>,
    ) -> Result<(), Broken> {
        let subscription = (self.context.era == Era::Modern).then_some(&*self.id);
        for body in self.context.lists().changed(subscription) {
            let data = from_target(self.guard.fresh_capture(), &body, 200, None);
            self.guard.record(EventKind::McpMessage, Direction::S2c, data)?;
            unless(end.as_mut(), out.message(body, None, None), self.stays).await?;
        }
        Ok(())
    }

    /// Passes one message on; returns it if it is the last one.
    async fn message(
        &mut self,
        source: &Source,
        event: Event,
        out: &Sink,
        end: Pin<&mut impl Future<Output = SessionEnd>>,
    ) -> Result<Option<Last>, Broken> {
        let id = self.own_id(event.id.as_deref());
        let retry = event.retry;
        match self.context.take(&self.shared, &mut self.guard, event.data, Came::Streamed)? {
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

    /// Sends one of the gateway's own answers to the target.
    fn answer(&self, own: &OwnAnswer, source: &Source) {
        upstream::answer(own, source, &self.headers, self.context.session.as_deref(), &self.guard);
    }

    /// Returns the gateway's own answers for this stream, for requests on it whose answers are refused.
    /// `None` without a session, in which the target may not send requests.
    fn takes_back(&mut self) -> Option<mpsc::Receiver<OwnAnswer>> {
        self.context.session.as_ref()?;
        let (back, refused) = mpsc::channel(ASKED);
        self.context.back = Some(back);
        Some(refused)
    }

    /// Returns the gateway's id for the target's event id; `None` without a session to resume.
    fn own_id(&self, id: Option<&[u8]>) -> Option<String> {
        let session = self.context.session.as_ref()?;
        session.event(id.filter(|id| !id.is_empty())?, &self.context.about)
    }
}
