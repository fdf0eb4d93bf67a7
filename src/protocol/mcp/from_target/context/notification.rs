//! Notifications of the target: which of them the client gets.

use bytes::Bytes;

use crate::domain::Denied;
use crate::domain::json::DEPTH;
use crate::domain::json::Json;
use crate::pipeline::ReplyGuard;
use crate::protocol::mcp::codec::envelope::Message;
use crate::protocol::mcp::codec::envelope::names::Param;
use crate::protocol::mcp::dropped::Why;
use crate::protocol::mcp::from_client::era::Era;
use crate::protocol::mcp::from_target::context::ReplyContext;
use crate::protocol::mcp::from_target::context::Taken;
use crate::protocol::mcp::from_target::context::dropped;
use crate::protocol::mcp::from_target::context::garbage;
use crate::protocol::mcp::from_target::list_filter::reading;
use crate::protocol::mcp::from_target::subscription::Told;
use crate::protocol::mcp::state::shared::McpShared;

impl ReplyContext {
    /// Handles a notification of the target.
    ///
    /// # Errors
    /// It violates the protocol, or could not be masked or recorded.
    pub(super) fn on_notification(
        &mut self,
        shared: &McpShared,
        guard: &mut ReplyGuard,
        message: &Message,
        status: u16,
    ) -> Result<Taken, Denied> {
        let Some(body) = self.subscribed(message)? else {
            return Ok(dropped(guard, message, Why::NotSubscribed));
        };
        let method = message.method().unwrap_or_default();
        let checked = match &*method {
            "notifications/progress" => self.progresses(message),
            "notifications/message" => self.wants_log(),
            "notifications/tools/list_changed" => {
                // The content of the list is unknown until it is fetched again.
                shared.pins.list_changed(&guard.governed().connection.name);
                Ok(())
            }
            "notifications/resources/updated" => shows_resource(guard, message),
            "notifications/cancelled" => {
                self.close_question(message);
                Ok(())
            }
            method if method.starts_with("notifications/tasks") => self.on_task(shared, guard, message),
            _ => Ok(()),
        };
        match checked {
            Ok(()) => self.pass(shared, guard, body, status),
            Err(why) => Ok(dropped(guard, message, why)),
        }
    }

    /// Returns the notification as the client gets it on a subscription, or as it is elsewhere; `None`: the
    /// client did not subscribe to it.
    fn subscribed(&mut self, message: &Message) -> Result<Option<Bytes>, Denied> {
        let Some((subscription, id)) = self.subscription.as_ref().zip(self.about.id.as_ref()) else {
            return Ok(Some(message.body().clone()));
        };
        let told = subscription.told(message, id);
        match told.map_err(|_overlap| garbage("its notification could not be split"))? {
            Told::Drop => Ok(None),
            Told::Pass(body) => Ok(Some(body)),
            Told::Agreed(body, lists) => {
                self.agreed = lists;
                Ok(Some(body))
            }
        }
    }

    /// Checks that the client wants log messages: in the modern era only with a requested `logLevel`.
    fn wants_log(&self) -> Result<(), Why> {
        if self.era == Era::Modern && !self.about.logs { Err(Why::NotSubscribed) } else { Ok(()) }
    }

    /// Closes the request to the client that the target cancels.
    fn close_question(&self, message: &Message) {
        if let (Some(session), Some(id)) =
            (&self.session, message.param(Param::RequestId).and_then(|id| id.id()))
        {
            session.answered(&id);
        }
    }

    /// Checks that a task is this client's and asks it only for what it may be asked, and notes its end.
    fn on_task(&self, shared: &McpShared, guard: &ReplyGuard, message: &Message) -> Result<(), Why> {
        let task = message.param(Param::TaskId).and_then(|task| task.text());
        if task.is_none_or(|task| shared.client_values.task_of(&self.owner, &task).is_none()) {
            return Err(Why::NotItsTask);
        }
        let params = message.params().map(|params| Json::parse(params.raw, DEPTH));
        let asking = self.asking(&guard.governed().connection.mcp);
        if !params.is_some_and(|params| params.is_ok_and(|params| asking.task(&params).is_ok())) {
            return Err(Why::MayNotAsk);
        }
        self.forget_task(shared, message.params());
        Ok(())
    }
}

/// Checks that the caller may read the resource that was updated.
fn shows_resource(guard: &ReplyGuard, message: &Message) -> Result<(), Why> {
    let uri = message.param(Param::Uri).and_then(|uri| uri.text());
    if uri.is_some_and(|uri| guard.shows(&reading(&uri))) { Ok(()) } else { Err(Why::Hidden) }
}
