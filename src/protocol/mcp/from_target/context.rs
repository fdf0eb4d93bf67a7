//! The reply context of one exchange, which turns each message from the target into what the client gets of
//! it.
//!
//! A message is read whole, cleared of the credential, filtered, masked and recorded before a byte of it is
//! passed on; an unreadable message is not passed on.

mod notification;
mod response;

use std::sync::Arc;

use bytes::Bytes;
use tokio::sync::mpsc;

use crate::domain::BinaryMode;
use crate::domain::Denied;
use crate::domain::DenyCode;
use crate::domain::EventKind;
use crate::domain::McpOptions;
use crate::domain::ServerRequest;
use crate::domain::event::Direction;
use crate::domain::json::DEPTH;
use crate::domain::json::Json;
use crate::mask::Notes;
use crate::mask::mcp::Answer;
use crate::mask::mcp::McpError;
use crate::mask::mcp::Side;
use crate::mask::mcp::mask_message;
use crate::pipeline::ReplyGuard;
use crate::pipeline::unmaskable;
use crate::protocol::mcp::codec::envelope::Kind;
use crate::protocol::mcp::codec::envelope::Limits;
use crate::protocol::mcp::codec::envelope::Message;
use crate::protocol::mcp::codec::envelope::id::Id;
use crate::protocol::mcp::dropped::Why;
use crate::protocol::mcp::dropped::unusable;
use crate::protocol::mcp::dropped::words;
use crate::protocol::mcp::from_client::era::Era;
use crate::protocol::mcp::from_client::inbound::target_key;
use crate::protocol::mcp::from_target::lists::Lists;
use crate::protocol::mcp::from_target::subscription::Subscription;
use crate::protocol::mcp::record::from_target;
use crate::protocol::mcp::server_request::asking::Asking;
use crate::protocol::mcp::server_request::declared::Declared;
use crate::protocol::mcp::server_request::own_answers::OwnAnswer;
use crate::protocol::mcp::state::sessions::About;
use crate::protocol::mcp::state::sessions::OpenId;
use crate::protocol::mcp::state::sessions::Owner;
use crate::protocol::mcp::state::sessions::Question;
use crate::protocol::mcp::state::sessions::Session;
use crate::protocol::mcp::state::shared::McpShared;

/// The largest message of a target, in bytes.
pub const MOST: usize = 16 << 20;

/// The context of one exchange.
pub struct ReplyContext {
    /// Its era.
    pub era: Era,
    /// The requests that the client can answer.
    pub declared: Declared,
    /// The request that is answered.
    pub about: Arc<About>,
    /// The session, in the legacy era.
    pub session: Option<Arc<Session>>,
    /// The reserved id of the client's request until it is answered, in a session of the legacy era.
    pub open: Option<OpenId>,
    /// The owner of the request.
    pub owner: Owner,
    /// The progress that was last sent to the client.
    pub progress: f64,
    /// The changes that a subscription asks for.
    pub subscription: Option<Subscription>,
    /// The lists whose changes the target of a subscription has agreed to report.
    pub agreed: Lists,
    /// Where the gateway answers the target's request itself if the client's answer is refused. Only for
    /// streams of a session.
    pub back: Option<mpsc::Sender<OwnAnswer>>,
}

/// How a message from the target arrived.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Came {
    /// As the whole answer, with this status.
    Alone(u16),
    /// On a stream, which was answered with 200.
    Streamed,
}

impl Came {
    const fn status(self) -> u16 {
        match self {
            Self::Alone(status) => status,
            Self::Streamed => 200,
        }
    }
}

/// What is done with a message from the target.
#[derive(Debug)]
pub enum Taken {
    /// It is passed to the client.
    Pass {
        /// The message.
        body: Bytes,
        /// Whether it is the expected response.
        last: bool,
    },
    /// It is dropped.
    Drop,
    /// It is dropped, and the gateway answers the target.
    Answer(OwnAnswer),
}

impl ReplyContext {
    /// Returns the lists whose changes are reported on this stream.
    pub fn lists(&self) -> Lists {
        match &self.session {
            Some(session) if self.about.id.is_none() => session.lists(),
            _ => self.agreed,
        }
    }

    /// Releases the request's id: the client is about to get its answer, and may reuse the id once it has
    /// read that.
    pub fn is_answered(&mut self) {
        self.open = None;
    }

    /// Takes the next message of the target.
    ///
    /// # Errors
    /// It is not a message, could not be masked or recorded, or violates the protocol: the exchange fails.
    pub fn take(
        &mut self,
        shared: &McpShared,
        guard: &mut ReplyGuard,
        data: Bytes,
        came: Came,
    ) -> Result<Taken, Denied> {
        let status = came.status();
        let data = guard.clear(&data).map_or(data, Bytes::from);
        let message = match Message::scan(data.clone(), Limits::new(MOST)) {
            Ok(message) => message,
            Err(refusal) => {
                tracing::warn!(connection = %guard.governed().connection.name, problem = %refusal.problem, at = refusal.at, "the target sent what is no MCP message");
                let (kind, method, why) =
                    unusable(&data).ok_or_else(|| garbage("it sent what is no MCP message"))?;
                guard.leave_out(kind, method, why);
                return Ok(Taken::Drop);
            }
        };
        match message.kind() {
            Kind::Response | Kind::Error => {
                // A server that could not or would not read a request answers with an error without an id,
                // which can only belong to this request.
                let nameless =
                    matches!(came, Came::Alone(_)) && message.kind() == Kind::Error && message.id().is_none();
                if self.about.id.is_none() || (!nameless && message.id().as_ref() != self.about.id.as_ref()) {
                    tracing::warn!(connection = %guard.governed().connection.name, "the target answered a request that was not sent");
                    return Ok(dropped(guard, &message, Why::Unasked));
                }
                let body = self.rewrite_response(shared, guard, &message, nameless)?;
                self.is_answered();
                let body = self.masked(shared, guard, body)?;
                let end = Some(("complete", guard.elapsed_us()));
                let data = from_target(guard.fresh_capture(), &body, status, end);
                guard.count(body.len() as u64, 0);
                guard.record_end(EventKind::McpMessage, data)?;
                Ok(Taken::Pass { body, last: true })
            }
            Kind::Request => self.on_request(shared, guard, &message, status),
            Kind::Notification => self.on_notification(shared, guard, &message, status),
        }
    }

    /// Masks and records a message, and passes it to the client.
    fn pass(
        &mut self,
        shared: &McpShared,
        guard: &mut ReplyGuard,
        body: Bytes,
        status: u16,
    ) -> Result<Taken, Denied> {
        let body = self.masked(shared, guard, body)?;
        let data = from_target(guard.fresh_capture(), &body, status, None);
        guard.count(body.len() as u64, 0);
        guard.record(EventKind::McpMessage, Direction::S2c, data)?;
        Ok(Taken::Pass { body, last: false })
    }

    /// Masks a message of the target.
    fn masked(&self, shared: &McpShared, guard: &mut ReplyGuard, body: Bytes) -> Result<Bytes, Denied> {
        let governed = Arc::clone(guard.governed());
        if governed.plan.is_empty() {
            return Ok(body);
        }
        let tool = self.about.tool.as_deref().and_then(|tool| shared.tools.get(&target_key(&governed), tool));
        let schema = tool.and_then(|tool| tool.schema);
        let answer = Answer {
            method: &self.about.method,
            schema: schema.as_deref(),
            argument: &self.about.argument,
            passes_binary: governed.connection.mcp.binary == BinaryMode::Allow,
        };
        let mut notes = Notes::default();
        let masked = mask_message(&governed.plan, &body, Side::Target, answer, &mut notes);
        guard.add_notes(&notes);
        match masked {
            Ok(None) => Ok(body),
            Ok(Some(masked)) => Ok(masked.into()),
            Err(McpError::Unmaskable(_)) => Err(unmaskable("it cannot be read")),
            Err(McpError::Unfit) => Err(unmaskable("masked values would not fit the tool's outputSchema")),
        }
    }

    /// Handles a request of the target to the client.
    fn on_request(
        &mut self,
        shared: &McpShared,
        guard: &mut ReplyGuard,
        message: &Message,
        status: u16,
    ) -> Result<Taken, Denied> {
        let method = message.method().unwrap_or_default();
        let Some(id) = message.id().map(Id::into_owned) else { return Ok(Taken::Drop) };
        if self.era == Era::Modern {
            return Err(garbage("it sent a request to the client, which this version of MCP does not allow"));
        }
        if method == "ping" {
            return Ok(Taken::Answer(OwnAnswer::Pong(id)));
        }
        let options = &guard.governed().connection.mcp;
        let what = ServerRequest::of_method(&method).filter(|what| options.allows(*what));
        let params = what.and_then(|_| Json::parse(message.params()?.raw, DEPTH).ok());
        let harmless = what.is_some_and(|what| self.asking(options).may(what, params.as_ref()));
        let open = |what| {
            self.session
                .as_ref()
                .is_some_and(|session| session.ask(id.clone(), Question { what, back: self.back.clone() }))
        };
        match what {
            Some(what) if harmless && open(what) => self.pass(shared, guard, message.body().clone(), status),
            _ => {
                tracing::info!(connection = %guard.governed().connection.name, "the target asked the client what it may not ask");
                guard.record(EventKind::McpMessage, Direction::S2c, refusal(what))?;
                Ok(Taken::Answer(OwnAnswer::Refused(id)))
            }
        }
    }

    fn asking<'o>(&self, options: &'o McpOptions) -> Asking<'o> {
        Asking { declared: self.declared, options }
    }
}

/// Returns the record of a request that the client does not get.
fn refusal(what: Option<ServerRequest>) -> String {
    format!("{{\"refused\":\"{}\"}}", what.map_or("other", ServerRequest::as_str))
}

/// Records that a message was dropped.
fn dropped(guard: &mut ReplyGuard, message: &Message, why: Why) -> Taken {
    let (kind, method, why) = words(message, why);
    guard.leave_out(kind, method, why);
    Taken::Drop
}

/// Returns the refusal for a target that violates the protocol.
pub fn garbage(what: &str) -> Denied {
    Denied::new(DenyCode::UpstreamUnavailable, format!("the target does not keep to MCP: {what}"))
        .because("target_garbage")
}
