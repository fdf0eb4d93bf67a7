//! Messages of the client that no message answers: notifications, and its answers to what the target asked.

use std::sync::Arc;

use bytes::Bytes;
use http::Response;
use http::StatusCode;

use crate::domain::Denied;
use crate::domain::DenyCode;
use crate::domain::McpCommand;
use crate::domain::command::mcp::ANSWER;
use crate::pipeline::Judged;
use crate::pipeline::ReplyGuard;
use crate::protocol::mcp::codec::envelope::Message;
use crate::protocol::mcp::codec::envelope::names::Param;
use crate::protocol::mcp::command::Wanted;
use crate::protocol::mcp::door::Door;
use crate::protocol::mcp::era::Era;
use crate::protocol::mcp::era::INVALID_PARAMS;
use crate::protocol::mcp::exchange::judge;
use crate::protocol::mcp::exchange::record;
use crate::protocol::mcp::exchange::wanted;
use crate::protocol::mcp::reply::Fault;
use crate::protocol::mcp::reply::json;
use crate::protocol::mcp::serve::Refused;
use crate::protocol::mcp::sessions::Session;
use crate::protocol::mcp::shared::HeldKey;
use crate::protocol::mcp::shared::McpShared;
use crate::protocol::mcp::upstream;
use crate::protocol::mcp::upstream::Answered;
use crate::protocol::mcp::upstream::outbound;
use crate::protocol::web::body::ReplyBody;

/// A notification: nothing comes back but that it was taken.
pub async fn tell(
    door: Door<'_>,
    era: Era,
    session: Option<Arc<Session>>,
    message: &Message,
) -> Result<Response<ReplyBody>, Refused> {
    let owner = door.owner();
    let Wanted { command, also } = match wanted(&door, &owner, message) {
        Ok(wanted) => wanted,
        Err(fault) => return Err(door.fault(era, fault, Some(message), "mcp_params").await),
    };
    if command.method() == "notifications/cancelled"
        && let Some(session) = &session
        && let Some(id) = message.param(Param::RequestId).and_then(|id| id.id())
    {
        let key = HeldKey { owner, session: session.id.clone(), id: id.into_owned() };
        // The target never saw that request; that the client does not want it any more is in its recording.
        if door.shared.held.cancel(&key) {
            return Ok(json(StatusCode::ACCEPTED, Bytes::new()));
        }
    }
    let judged = judge(&door.exchange, command, also, message);
    pass_on(door, session, judged, message, message.body().clone()).await
}

/// The client's answer to a question of the target.
pub async fn answer(
    door: Door<'_>,
    session: Option<Arc<Session>>,
    message: &Message,
) -> Result<Response<ReplyBody>, Refused> {
    let question = session.as_ref().zip(message.id()).and_then(|(session, id)| session.answered(&id));
    let Some(question) = question else {
        let fault = Fault::new(StatusCode::BAD_REQUEST, INVALID_PARAMS, "nothing was asked with this id");
        return Err(door.fault(Era::Legacy, fault, Some(message), "mcp_unasked").await);
    };
    if !door.exchange.governed().connection.mcp.allows(question) {
        let fault =
            Fault::new(StatusCode::BAD_REQUEST, INVALID_PARAMS, "the target may not ask this any more");
        return Err(door.fault(Era::Legacy, fault, Some(message), "mcp_unasked").await);
    }
    let judged = door.exchange.judge(McpCommand::new(ANSWER).into_command(McpCommand::class_of(ANSWER)));
    pass_on(door, session, judged, message, message.body().clone()).await
}

/// Sends what is not answered by a message.
async fn pass_on(
    door: Door<'_>,
    session: Option<Arc<Session>>,
    judged: Judged,
    message: &Message,
    body: Bytes,
) -> Result<Response<ReplyBody>, Refused> {
    let Door { shared, head, exchange } = door;
    let governed = Arc::clone(exchange.governed());
    let session_id = session.as_ref().map(|session| &*session.id).unwrap_or_default();
    let record = record(&judged.command, session_id, message).record(&exchange);
    let request = outbound(shared, head, &governed.connection, session.as_deref(), None, Some(body));
    if judged.holds() {
        let denied = Denied::new(DenyCode::Denied, "a message that is not answered cannot wait for approval")
            .because("not_held");
        return unheard(exchange.refuse(record, denied).await);
    }
    let mut end = std::pin::pin!(exchange.end_watch().wait());
    let permit = match upstream::admit(exchange, judged, record, request, None).await {
        Ok(permit) => permit,
        Err(denied) => return unheard(denied),
    };
    let (answered, guard) = upstream::send(permit, end.as_mut()).await;
    finish(guard, answered, shared, session.as_deref())
}

/// What answers a message that did not arrive. Nothing but a status could say so, and clients end their session at one: that it was refused,
/// or failed, is in the recording. Who must show a new token first is told.
///
/// # Errors
/// The token holds no more.
pub fn unheard(denied: Denied) -> Result<Response<ReplyBody>, Refused> {
    match denied.code {
        DenyCode::Unauthenticated => Err(denied.into()),
        _ => Ok(json(StatusCode::ACCEPTED, Bytes::new())),
    }
}

fn finish(
    mut guard: ReplyGuard,
    answered: Result<Answered, Denied>,
    shared: &McpShared,
    session: Option<&Session>,
) -> Result<Response<ReplyBody>, Refused> {
    let status = match answered {
        Ok(answered) => answered.status,
        Err(denied) => {
            guard.record_failure(&denied);
            return unheard(denied);
        }
    };
    guard.settle();
    if status == StatusCode::NOT_FOUND
        && let Some(session) = session
    {
        shared.end_session(session);
    }
    let status = if status.is_success() { StatusCode::ACCEPTED } else { status };
    Ok(json(status, Bytes::new()))
}
