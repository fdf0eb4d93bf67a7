//! The steps that turn a response of the target into what the client gets.

use bytes::Bytes;

use crate::domain::Denied;
use crate::domain::EventKind;
use crate::domain::ServerRequest;
use crate::domain::command::mcp::CALL;
use crate::domain::event::Direction;
use crate::domain::json::DEPTH;
use crate::domain::json::Json;
use crate::pipeline::ReplyGuard;
use crate::protocol::mcp::codec::envelope::Kind;
use crate::protocol::mcp::codec::envelope::Message;
use crate::protocol::mcp::codec::envelope::Value;
use crate::protocol::mcp::codec::envelope::names::ResultField;
use crate::protocol::mcp::codec::listing::Element;
use crate::protocol::mcp::codec::listing::Listed;
use crate::protocol::mcp::codec::listing::Listing;
use crate::protocol::mcp::codec::rewrite::Rewrite;
use crate::protocol::mcp::from_client::era;
use crate::protocol::mcp::from_client::era::Era;
use crate::protocol::mcp::from_client::era::legacy;
use crate::protocol::mcp::from_target::cache_hints;
use crate::protocol::mcp::from_target::context::ReplyContext;
use crate::protocol::mcp::from_target::context::garbage;
use crate::protocol::mcp::from_target::context::refusal;
use crate::protocol::mcp::from_target::list_filter::remember;
use crate::protocol::mcp::from_target::list_filter::shows;
use crate::protocol::mcp::from_target::lists::Lists;
use crate::protocol::mcp::held::task::offered;
use crate::protocol::mcp::pin::check;
use crate::protocol::mcp::state::shared::McpShared;

/// The longest `requestState` of a target, in bytes.
const LONGEST_STATE: usize = 16 << 10;

impl ReplyContext {
    /// Rewrites a response: filters its list, and binds states and tasks to the client. One that is
    /// `nameless` gets the id of the request.
    ///
    /// # Errors
    /// It violates the protocol, asks for what the client may not be asked, or could not be recorded.
    pub(super) fn rewrite_response(
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
        self.replace_error_codes(guard, message, &mut rewrite)?;
        if message.kind() == Kind::Response {
            self.agree_on_version(message);
            self.filter_list(shared, guard, message, &mut rewrite)?;
            self.withhold_instructions(shared, guard, message, &mut rewrite)?;
            self.offer_tasks(message, &mut rewrite);
            cache_hints::limit(message, &mut rewrite, &self.about.method, guard.masks())?;
            self.bind_state(shared, message, &mut rewrite)?;
            self.asking(&guard.governed().connection.mcp).check(message, &self.about.method)?;
            self.track_task(shared, message);
            self.restore_task_id(message, &mut rewrite);
        }
        rewrite.finish().map_err(|_overlap| garbage("its answer could not be split"))
    }

    /// Replaces the error codes of the other era, and those that would send the client to a URL that it may
    /// not be sent to. The latter is recorded in the legacy era.
    fn replace_error_codes(
        &self,
        guard: &mut ReplyGuard,
        message: &Message,
        rewrite: &mut Rewrite<'_>,
    ) -> Result<(), Denied> {
        let astray = self.asking(&guard.governed().connection.mcp).leads_astray(message);
        if self.era == Era::Modern || astray {
            rewrite.edits(era::codes_of_now(message));
        }
        if astray && self.era == Era::Legacy {
            guard.record(EventKind::McpMessage, Direction::S2c, refusal(Some(ServerRequest::Elicitation)))?;
        }
        Ok(())
    }

    /// Notes in the session the version, and the lists whose changes are reported, that the target agreed to
    /// in its answer to `initialize`.
    fn agree_on_version(&self, message: &Message) {
        if let Some(session) = self.session.as_ref().filter(|_| &*self.about.method == "initialize")
            && let Some(result) = message.result().and_then(|result| Json::parse(result.raw, DEPTH).ok())
        {
            session.tells(Lists::of_capabilities(&result));
            let agreed = result.member("protocolVersion").and_then(Json::as_str).and_then(legacy);
            if let Some(agreed) = agreed {
                session.agrees_on(agreed);
            }
        }
    }

    /// Removes from a list what the caller may not use, and what waits for its pin to be accepted.
    fn filter_list(
        &self,
        shared: &McpShared,
        guard: &mut ReplyGuard,
        message: &Message,
        rewrite: &mut Rewrite<'_>,
    ) -> Result<(), Denied> {
        let Some(listed) = Listed::by_method(&self.about.method) else { return Ok(()) };
        let listing = Listing::read(message, listed).map_err(|refusal| {
            tracing::warn!(connection = %guard.governed().connection.name, problem = %refusal.problem, "the target's list cannot be read");
            check::unreadable(guard.governed())
        })?;
        let held_back = check::listed(&shared.pins, guard, message, &listing, &self.owner.principal)?;
        let shown =
            |element: &Element<'_>| !held_back.contains(&element.span.start) && shows(guard, listed, element);
        if listed == Listed::Tools {
            remember(shared, guard, &listing)?;
        }
        rewrite.edits(listing.keep(shown));
        Ok(())
    }

    /// Empties the instructions of a server if their pin is not accepted.
    fn withhold_instructions(
        &self,
        shared: &McpShared,
        guard: &mut ReplyGuard,
        message: &Message,
        rewrite: &mut Rewrite<'_>,
    ) -> Result<(), Denied> {
        if matches!(&*self.about.method, "initialize" | "server/discover")
            && check::greeted(&shared.pins, guard, message, &self.about.method, &self.owner.principal)?
            && message.outcome(ResultField::Instructions).is_some()
        {
            rewrite.outcome(ResultField::Instructions, "\"\"");
        }
        Ok(())
    }

    /// Adds tasks to the capabilities of a server, for a client that knows them.
    fn offer_tasks(&self, message: &Message, rewrite: &mut Rewrite<'_>) {
        if self.about.asks_for_tasks
            && let Some(capabilities) = message.outcome(ResultField::Capabilities)
            && let Some(offered) = offered(capabilities.raw)
        {
            rewrite.outcome(ResultField::Capabilities, offered);
        }
    }

    /// Replaces `requestState` by one that only this client can use, and only for the same command.
    fn bind_state(
        &self,
        shared: &McpShared,
        message: &Message,
        rewrite: &mut Rewrite<'_>,
    ) -> Result<(), Denied> {
        let Some(state) = message.outcome(ResultField::RequestState) else { return Ok(()) };
        if state.raw.len() > LONGEST_STATE {
            return Err(garbage("its requestState is longer than 16 KiB"));
        }
        let own = shared.client_values.state(&self.owner, &self.about.line, state.raw);
        rewrite.outcome(ResultField::RequestState, own);
        Ok(())
    }

    /// Notes whose a new task is, and that one is finished.
    fn track_task(&self, shared: &McpShared, message: &Message) {
        self.remember_task(shared, message);
        if self.about.method.starts_with("tasks/") {
            self.forget_task(shared, message.result());
        }
    }

    /// Binds a task that the target made for a call to the owner of the request.
    fn remember_task(&self, shared: &McpShared, message: &Message) {
        let task = message
            .outcome(ResultField::TaskId)
            .and_then(|value| value.text().map(std::borrow::Cow::into_owned));
        let nested = || {
            let task = Json::parse(message.outcome(ResultField::Task)?.raw, DEPTH).ok()?;
            task.member("taskId").and_then(Json::as_str).map(str::to_owned)
        };
        if let Some(task) = task.or_else(nested).filter(|_| &*self.about.method == CALL) {
            shared.client_values.task(&self.owner, &task, self.about.tool.as_deref());
        }
    }

    /// Marks a task as finished if `status`, the answer to a request about it or a notification, says so.
    pub(super) fn forget_task(&self, shared: &McpShared, status: Option<Value<'_>>) {
        let status = status.and_then(|status| Json::parse(status.raw, DEPTH).ok());
        let text = |name| status.as_ref().and_then(|status| status.member(name)).and_then(Json::as_str);
        if let (Some(task), Some("completed" | "failed" | "cancelled")) = (text("taskId"), text("status")) {
            shared.client_values.task_is_over(&self.owner, task);
        }
    }

    /// Replaces the target's id of a task by the gateway's, by which the client knows it.
    fn restore_task_id(&self, message: &Message, rewrite: &mut Rewrite<'_>) {
        if let Some(own) = &self.about.task
            && message.outcome(ResultField::TaskId).is_some()
        {
            rewrite.outcome(ResultField::TaskId, format!("\"{own}\""));
        }
    }
}
