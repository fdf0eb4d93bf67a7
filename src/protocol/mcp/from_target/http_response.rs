//! The reply path: turns the target's answer into the client's response, one message or a stream.

use std::pin::Pin;
use std::sync::Arc;

use bytes::Bytes;
use http::HeaderValue;
use http::Response;
use http::StatusCode;

use crate::domain::Denied;
use crate::domain::DenyCode;
use crate::domain::SessionEnd;
use crate::domain::denied::reason;
use crate::protocol::mcp::from_client::era::Era;
use crate::protocol::mcp::from_client::inbound::NO_SESSION;
use crate::protocol::mcp::from_client::inbound::Refused;
use crate::protocol::mcp::from_target::context::Came;
use crate::protocol::mcp::from_target::context::Taken;
use crate::protocol::mcp::from_target::context::garbage;
use crate::protocol::mcp::from_target::relay::Relay;
use crate::protocol::mcp::from_target::stream;
use crate::protocol::mcp::held::sink::Sink;
use crate::protocol::mcp::reply::Fault;
use crate::protocol::mcp::reply::json;
use crate::protocol::mcp::state::sessions::Session;
use crate::protocol::mcp::state::sessions::Theirs;
use crate::protocol::mcp::upstream;
use crate::protocol::mcp::upstream::Answer;
use crate::protocol::mcp::upstream::Answered;
use crate::protocol::mcp::upstream::SESSION;
use crate::protocol::web::body::ReplyBody;

/// Builds the client's response from the target's answer.
///
/// # Errors
/// The target no longer knows the session.
pub async fn http_response(
    mut relay: Relay,
    answered: Answered,
    mut end: Pin<Box<impl Future<Output = SessionEnd> + 'static>>,
) -> Result<Response<ReplyBody>, Refused> {
    let Answered { status, session: opened, body } = answered;
    if status == StatusCode::NOT_FOUND
        && let Some(session) = relay.context.session.take()
    {
        // Whatever the target's body says, the client has to initialize again.
        relay.shared.end_session(&session);
        relay.guard.record_failure(&garbage("its session is gone").because(reason::TARGET_SESSION));
        let fault = Fault::new(StatusCode::NOT_FOUND, NO_SESSION, "Session not found");
        return Err(Refused::Fault { era: relay.context.era, fault, id: Some(relay.id) });
    }
    let opened = match open_session(&mut relay, opened, status) {
        Ok(opened) => opened,
        Err(denied) => {
            // The client gets no session, whatever the target has.
            let (status, body) = relay.refuses(&denied);
            return Ok(json(status, body));
        }
    };
    let mut response = match body {
        Answer::Stream(source) => {
            let (response, out) = stream::open();
            tokio::task::spawn_local(async move {
                relay.run(source, Sink::Stream(out), end.as_mut()).await;
            });
            response
        }
        Answer::One(body, decoder) => {
            let read = upstream::one(body, decoder, end.as_mut()).await;
            one(&mut relay, status, read)
        }
        Answer::Said { body, .. } => one(&mut relay, status, Ok(body)),
        // It was turned away before anything was done. No other status says that.
        Answer::Nothing if status == StatusCode::TOO_MANY_REQUESTS => {
            let (status, body) = relay.refuses(&nothing(status));
            json(status, body)
        }
        Answer::Nothing => failed(&mut relay, nothing(status)),
        Answer::Strange => {
            let denied = upstream::strange(relay.guard.governed());
            failed(&mut relay, denied)
        }
    };
    if let Some(value) = opened.and_then(|session| HeaderValue::from_str(&session.id).ok()) {
        response.headers_mut().insert(SESSION, value);
    }
    Ok(response)
}

/// Opens the gateway's session for one that the target opened.
fn open_session(
    relay: &mut Relay,
    opened: Option<Theirs>,
    status: StatusCode,
) -> Result<Option<Arc<Session>>, Denied> {
    let initializes = &*relay.context.about.method == "initialize"
        && relay.context.era == Era::Legacy
        && status == StatusCode::OK;
    if initializes {
        relay.shared.givers.note(&relay.context.owner.connection, opened.is_some());
    }
    let Some(opened) = opened.filter(|_| initializes) else { return Ok(None) };
    let governed = Arc::clone(relay.guard.governed());
    let session = relay.shared.sessions.open(relay.context.owner.clone(), &governed, opened)?;
    session.declares(relay.context.declared);
    relay.context.session = Some(Arc::clone(&session));
    Ok(Some(session))
}

/// Builds the response in place of the target's answer.
fn failed(relay: &mut Relay, denied: Denied) -> Response<ReplyBody> {
    let (status, body) = relay.fails(denied);
    json(status, body)
}

/// Answers with a single message.
fn one(relay: &mut Relay, status: StatusCode, read: Result<Bytes, Denied>) -> Response<ReplyBody> {
    let taken = read.and_then(|data| {
        relay.context.take(&relay.shared, &mut relay.guard, data, Came::Alone(status.as_u16()))
    });
    let denied = match taken {
        Ok(Taken::Pass { body, last: true }) => {
            // Clients tell the gateway's refusals from the target's answers by their form; the target's
            // status is kept if MCP defines it.
            let status = if matches!(status.as_u16(), 200 | 400 | 404) { status } else { StatusCode::OK };
            return json(status, body);
        }
        Ok(Taken::Pass { .. } | Taken::Drop | Taken::Answer(_)) => {
            garbage("its answer is not the one to this request")
        }
        Err(denied) => denied,
    };
    failed(relay, denied)
}

fn nothing(status: StatusCode) -> Denied {
    let detail = format!("the target answered with the status {} and no message", status.as_u16());
    Denied::new(DenyCode::UpstreamUnavailable, detail).because("target_status")
}
