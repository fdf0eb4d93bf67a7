//! Requests of the legacy era without a message: opening a stream, and ending a session.

use std::sync::Arc;

use bytes::Bytes;
use http::Response;
use http::StatusCode;

use crate::domain::Denied;
use crate::domain::McpCommand;
use crate::domain::command::mcp::END_SESSION;
use crate::domain::command::mcp::OPEN_STREAM;
use crate::protocol::mcp::from_client::era::Era;
use crate::protocol::mcp::from_client::era::INVALID_PARAMS;
use crate::protocol::mcp::from_client::inbound::Inbound;
use crate::protocol::mcp::from_client::inbound::Refused;
use crate::protocol::mcp::from_target::context::ReplyContext;
use crate::protocol::mcp::from_target::lists::Lists;
use crate::protocol::mcp::from_target::relay::Relay;
use crate::protocol::mcp::from_target::stream;
use crate::protocol::mcp::held::sink::Sink;
use crate::protocol::mcp::record::FromClient;
use crate::protocol::mcp::reply::Fault;
use crate::protocol::mcp::reply::json;
use crate::protocol::mcp::state::sessions::Event;
use crate::protocol::mcp::state::sessions::Owner;
use crate::protocol::mcp::state::sessions::Session;
use crate::protocol::mcp::upstream;
use crate::protocol::mcp::upstream::Answer;
use crate::protocol::mcp::upstream::Answered;
use crate::protocol::mcp::upstream::LAST_EVENT;
use crate::protocol::mcp::upstream::outbound;
use crate::protocol::web::body::ReplyBody;

/// Opens a stream of the legacy era, on which the target sends messages that belong to no request, or resumes
/// a lost stream.
pub async fn stream(inbound: Inbound<'_>) -> Result<Response<ReplyBody>, Refused> {
    let session = inbound.session(None).await?;
    let mut event = None;
    if let Some(last) = inbound.head.headers.get(&LAST_EVENT) {
        let known = session.as_ref().and_then(|session| session.event_of(last.to_str().ok()?));
        if known.is_none() {
            let fault = Fault::new(
                StatusCode::BAD_REQUEST,
                INVALID_PARAMS,
                "Last-Event-ID names no event of this session",
            );
            return Err(inbound.fault(Era::Legacy, fault.because("mcp_event"), None).await);
        }
        event = known;
    }
    let owner = inbound.owner();
    let (mut relay, answered) = open(inbound, OPEN_STREAM, session, event, owner).await?;
    let Answered { status, body, .. } = answered?;
    match body {
        Answer::Stream(source) => {
            let (response, out) = stream::open();
            let mut end = Box::pin(relay.guard.end_watch().wait());
            tokio::task::spawn_local(async move {
                relay.run(source, Sink::Stream(out), end.as_mut()).await;
            });
            Ok(response)
        }
        Answer::Strange => {
            let denied = upstream::strange(relay.guard.governed());
            relay.guard.record_failure(&denied);
            Err(denied.into())
        }
        Answer::One(..) | Answer::Said { .. } | Answer::Nothing => {
            relay.guard.mark_recorded();
            if status == StatusCode::NOT_FOUND
                && let Some(session) = &relay.context.session
            {
                relay.shared.end_session(session);
            }
            let status = if status.is_success() { StatusCode::METHOD_NOT_ALLOWED } else { status };
            Ok(json(status, Bytes::new()))
        }
    }
}

/// Ends a session at the client's request, whatever the target answers.
pub async fn delete(inbound: Inbound<'_>) -> Result<Response<ReplyBody>, Refused> {
    let session = inbound.session(None).await?;
    let Some(session) = session else {
        let fault = Fault::new(StatusCode::BAD_REQUEST, INVALID_PARAMS, "Mcp-Session-Id is missing");
        return Err(inbound.fault(Era::Legacy, fault.because("mcp_session"), None).await);
    };
    let owner = inbound.owner();
    let (relay, answered) = open(inbound, END_SESSION, Some(Arc::clone(&session)), None, owner).await?;
    let Relay { shared, mut guard, .. } = relay;
    // If the target does not support ending sessions, it keeps the session; the gateway's own session ends
    // all the same.
    shared.end_session(&session);
    let Ok(Answered { status, .. }) = answered else { return Ok(json(StatusCode::OK, Bytes::new())) };
    guard.mark_recorded();
    let known = status.is_success() || status == StatusCode::NOT_FOUND;
    Ok(json(if known { status } else { StatusCode::OK }, Bytes::new()))
}

/// Admits and sends a request without a message; returns the target's answer.
///
/// # Errors
/// The request is refused.
async fn open(
    inbound: Inbound<'_>,
    method: &'static str,
    session: Option<Arc<Session>>,
    event: Option<Event>,
    owner: Owner,
) -> Result<(Relay, Result<Answered, Denied>), Refused> {
    let Inbound { shared, head, exchange } = inbound;
    let governed = Arc::clone(exchange.governed());
    let judged = exchange.judge(McpCommand::new(method).into_command(McpCommand::class_of(method)));
    let session_id = session.as_ref().map(|session| &*session.id).unwrap_or_default();
    let class = judged.command.class.as_str();
    let record =
        FromClient { http: head.method.as_str(), method, name: "", class, session: session_id, body: &[] }
            .record(&exchange);
    let request = outbound(
        shared,
        head,
        &governed.connection,
        session.as_deref(),
        event.as_ref().map(|event| &*event.id),
        None,
    );
    let mut end = std::pin::pin!(exchange.end_watch().wait());
    let permit = upstream::admit(exchange, judged, record, request, None).await?;
    let (answered, mut guard) = upstream::send(permit, end.as_mut()).await;
    let answered = answered.inspect_err(|denied| guard.record_failure(denied));
    // A resumed stream is one of the request that it answers, and fails as that does.
    let about = event.map(|event| event.about).unwrap_or_default();
    let id = about.id.as_ref().map(|id| id.to_json().into()).unwrap_or_default();
    let asked = about.asked.clone();
    let context = ReplyContext {
        era: Era::Legacy,
        declared: session.as_ref().map(|session| session.declared()).unwrap_or_default(),
        about,
        session,
        open: None,
        owner,
        progress: f64::NEG_INFINITY,
        subscription: None,
        agreed: Lists::default(),
        back: None,
    };
    let relay = Relay {
        context,
        shared: shared.clone(),
        guard,
        headers: head.headers.clone(),
        id,
        asked,
        stays: false,
    };
    Ok((relay, answered))
}
