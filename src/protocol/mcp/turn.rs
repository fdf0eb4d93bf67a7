//! The reply context of one exchange, which turns each message from the target into what the client gets of
//! it.
//!
//! A message is read whole, cleared of the credential, filtered, masked and recorded before a byte of it is
//! passed on; an unreadable message is not passed on.

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
use crate::protocol::mcp::asking::Asking;
use crate::protocol::mcp::codec::envelope::Kind;
use crate::protocol::mcp::codec::envelope::Limits;
use crate::protocol::mcp::codec::envelope::Message;
use crate::protocol::mcp::codec::envelope::Value;
use crate::protocol::mcp::codec::envelope::id::Id;
use crate::protocol::mcp::codec::envelope::names::Param;
use crate::protocol::mcp::codec::envelope::names::ResultField;
use crate::protocol::mcp::codec::listing::Element;
use crate::protocol::mcp::codec::listing::Listed;
use crate::protocol::mcp::codec::listing::Listing;
use crate::protocol::mcp::codec::rewrite::Rewrite;
use crate::protocol::mcp::declared::Declared;
use crate::protocol::mcp::door::place;
use crate::protocol::mcp::dropped::Why;
use crate::protocol::mcp::dropped::unusable;
use crate::protocol::mcp::dropped::words;
use crate::protocol::mcp::era;
use crate::protocol::mcp::era::Era;
use crate::protocol::mcp::era::legacy;
use crate::protocol::mcp::fresh;
use crate::protocol::mcp::lists::Lists;
use crate::protocol::mcp::offer::reading;
use crate::protocol::mcp::offer::remember;
use crate::protocol::mcp::offer::shows;
use crate::protocol::mcp::own::Own;
use crate::protocol::mcp::pin::check;
use crate::protocol::mcp::record::from_target;
use crate::protocol::mcp::sessions::About;
use crate::protocol::mcp::sessions::OpenId;
use crate::protocol::mcp::sessions::Owner;
use crate::protocol::mcp::sessions::Question;
use crate::protocol::mcp::sessions::Session;
use crate::protocol::mcp::shared::McpShared;
use crate::protocol::mcp::subscription::Subscription;
use crate::protocol::mcp::subscription::Told;
use crate::protocol::mcp::task::offered;

/// The largest message of a target, in bytes.
pub const MOST: usize = 16 << 20;
/// The longest state of a request that is kept, in bytes.
const LONGEST_STATE: usize = 16 << 10;

/// The context of one exchange.
pub struct Turn {
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
    pub back: Option<mpsc::Sender<Own>>,
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
    Answer(Own),
}

impl Turn {
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
                let body = self.answer(shared, guard, &message, nameless)?;
                self.is_answered();
                let body = self.masked(shared, guard, body)?;
                let end = Some(("complete", guard.elapsed_us()));
                let data = from_target(guard.fresh_capture(), &body, status, end);
                guard.count(body.len() as u64, 0);
                guard.record_end(EventKind::McpMessage, data)?;
                Ok(Taken::Pass { body, last: true })
            }
            Kind::Request => self.asked(shared, guard, &message, status),
            Kind::Notification => self.told(shared, guard, &message, status),
        }
    }

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

    fn masked(&self, shared: &McpShared, guard: &mut ReplyGuard, body: Bytes) -> Result<Bytes, Denied> {
        let governed = Arc::clone(guard.governed());
        if governed.plan.is_empty() {
            return Ok(body);
        }
        let tool = self.about.tool.as_deref().and_then(|tool| shared.tools.get(&place(&governed), tool));
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

    /// Processes a response: filters its lists, and binds states and tasks to the client. One that is
    /// `nameless` gets the id of the request.
    fn answer(
        &self,
        shared: &McpShared,
        guard: &mut ReplyGuard,
        message: &Message,
        nameless: bool,
    ) -> Result<Bytes, Denied> {
        let mut rewrite = Rewrite::new(message);
        if let Some(id) = self.about.id.as_ref().filter(|_| nameless) {
            rewrite.id(id.to_json());
        }
        let astray = self.asking(&guard.governed().connection.mcp).leads_astray(message);
        if self.era == Era::Modern || astray {
            rewrite.edits(era::codes_of_now(message));
        }
        if astray && self.era == Era::Legacy {
            guard.record(EventKind::McpMessage, Direction::S2c, refusal(Some(ServerRequest::Elicitation)))?;
        }
        if message.kind() == Kind::Response {
            if let Some(session) = self.session.as_ref().filter(|_| &*self.about.method == "initialize")
                && let Some(result) = message.result().and_then(|result| Json::parse(result.raw, DEPTH).ok())
            {
                session.tells(Lists::of_capabilities(&result));
                let agreed = result.member("protocolVersion").and_then(Json::as_str).and_then(legacy);
                if let Some(agreed) = agreed {
                    session.agrees_on(agreed);
                }
            }
            if let Some(listed) = Listed::by_method(&self.about.method) {
                let listing = Listing::read(message, listed).map_err(|refusal| {
                    tracing::warn!(connection = %guard.governed().connection.name, problem = %refusal.problem, "the target's list cannot be read");
                    check::unreadable(guard.governed())
                })?;
                let held_back = check::listed(&shared.pins, guard, message, &listing, &self.owner.principal)?;
                let shown = |element: &Element<'_>| {
                    !held_back.contains(&element.span.start) && shows(guard, listed, element)
                };
                if listed == Listed::Tools {
                    remember(shared, guard, &listing)?;
                }
                rewrite.edits(listing.keep(shown));
            }
            if matches!(&*self.about.method, "initialize" | "server/discover")
                && check::greeted(&shared.pins, guard, message, &self.about.method, &self.owner.principal)?
                && message.outcome(ResultField::Instructions).is_some()
            {
                rewrite.outcome(ResultField::Instructions, "\"\"");
            }
            if self.about.asks_for_tasks
                && let Some(capabilities) = message.outcome(ResultField::Capabilities)
                && let Some(offered) = offered(capabilities.raw)
            {
                rewrite.outcome(ResultField::Capabilities, offered);
            }
            fresh::bound(message, &mut rewrite, &self.about.method, guard.masks())?;
            if let Some(state) = message.outcome(ResultField::RequestState) {
                if state.raw.len() > LONGEST_STATE {
                    return Err(garbage("its requestState is longer than 16 KiB"));
                }
                rewrite.outcome(
                    ResultField::RequestState,
                    shared.bound.state(&self.owner, &self.about.line, state.raw),
                );
            }
            self.asking(&guard.governed().connection.mcp).check(message, &self.about.method)?;
            self.remember_task(shared, message);
            if self.about.method.starts_with("tasks/") {
                self.forget_task(shared, message.result());
            }
            if let Some(own) = &self.about.task
                && message.outcome(ResultField::TaskId).is_some()
            {
                rewrite.outcome(ResultField::TaskId, format!("\"{own}\""));
            }
        }
        rewrite.finish().map_err(|_overlap| garbage("its answer could not be split"))
    }

    /// Marks a task as finished if `said`, the answer to a request about it or a notification, says so.
    fn forget_task(&self, shared: &McpShared, said: Option<Value<'_>>) {
        let said = said.and_then(|said| Json::parse(said.raw, DEPTH).ok());
        let text = |name| said.as_ref().and_then(|said| said.member(name)).and_then(Json::as_str);
        if let (Some(task), Some("completed" | "failed" | "cancelled")) = (text("taskId"), text("status")) {
            shared.bound.task_is_over(&self.owner, task);
        }
    }

    fn remember_task(&self, shared: &McpShared, message: &Message) {
        let task = message
            .outcome(ResultField::TaskId)
            .and_then(|value| value.text().map(std::borrow::Cow::into_owned));
        let nested = || {
            let task = Json::parse(message.outcome(ResultField::Task)?.raw, DEPTH).ok()?;
            task.member("taskId").and_then(Json::as_str).map(str::to_owned)
        };
        if let Some(task) = task.or_else(nested).filter(|_| &*self.about.method == "tools/call") {
            shared.bound.task(&self.owner, &task, self.about.tool.as_deref());
        }
    }

    /// Handles a request of the target to the client.
    fn asked(
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
            return Ok(Taken::Answer(Own::Pong(id)));
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
                Ok(Taken::Answer(Own::Refused(id)))
            }
        }
    }

    fn asking<'o>(&self, options: &'o McpOptions) -> Asking<'o> {
        Asking { declared: self.declared, options }
    }

    fn told(
        &mut self,
        shared: &McpShared,
        guard: &mut ReplyGuard,
        message: &Message,
        status: u16,
    ) -> Result<Taken, Denied> {
        let method = message.method().unwrap_or_default();
        let body = match self.subscription.as_ref().zip(self.about.id.as_ref()) {
            None => message.body().clone(),
            Some((subscription, id)) => {
                let told = subscription.told(message, id);
                match told.map_err(|_overlap| garbage("its notification could not be split"))? {
                    Told::Drop => return Ok(dropped(guard, message, Why::NotSubscribed)),
                    Told::Pass(body) => body,
                    Told::Agreed(body, lists) => {
                        self.agreed = lists;
                        body
                    }
                }
            }
        };
        match &*method {
            "notifications/progress" => {
                if let Err(why) = self.progresses(message) {
                    return Ok(dropped(guard, message, why));
                }
            }
            // Without a requested `logLevel` no log message is forwarded.
            "notifications/message" if self.era == Era::Modern && !self.about.logs => {
                return Ok(dropped(guard, message, Why::NotSubscribed));
            }
            "notifications/tools/list_changed" => {
                // The content of the list is unknown until it is fetched again.
                shared.pins.list_changed(&guard.governed().connection.name);
            }
            "notifications/resources/updated" => {
                let uri = message.param(Param::Uri).and_then(|uri| uri.text());
                let shown = uri.is_some_and(|uri| guard.shows(&reading(&uri)));
                if !shown {
                    return Ok(dropped(guard, message, Why::Hidden));
                }
            }
            "notifications/cancelled" => {
                if let (Some(session), Some(id)) =
                    (&self.session, message.param(Param::RequestId).and_then(|id| id.id()))
                {
                    session.answered(&id);
                }
            }
            method if method.starts_with("notifications/tasks") => {
                let task = message.param(Param::TaskId).and_then(|task| task.text());
                if task.is_none_or(|task| shared.bound.task_of(&self.owner, &task).is_none()) {
                    return Ok(dropped(guard, message, Why::NotItsTask));
                }
                let said = message.params().map(|params| Json::parse(params.raw, DEPTH));
                let asking = self.asking(&guard.governed().connection.mcp);
                if !said.is_some_and(|said| said.is_ok_and(|said| asking.task(&said).is_ok())) {
                    return Ok(dropped(guard, message, Why::MayNotAsk));
                }
                self.forget_task(shared, message.params());
            }
            _ => {}
        }
        self.pass(shared, guard, body, status)
    }
}

/// What is recorded of a question that the client is not asked.
fn refusal(what: Option<ServerRequest>) -> String {
    format!("{{\"refused\":\"{}\"}}", what.map_or("other", ServerRequest::as_str))
}

/// Nobody gets this message; that there was one is recorded.
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
