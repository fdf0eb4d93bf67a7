//! Requests that are refused unread, because they come too fast or are too long. The refusal still names the
//! request, so that clients take it for the answer; only the request's id and method are searched for.

use std::time::Duration;

use http::Response;
use http::header;
use http::request::Parts;
use http_body_util::BodyExt;
use hyper::body::Body;
use hyper::body::Incoming;

use crate::domain::Denied;
use crate::domain::RequestId;
use crate::domain::command::mcp::CALL;
use crate::protocol::mcp::codec::envelope::Kind;
use crate::protocol::mcp::codec::glimpse::Glimpse;
use crate::protocol::mcp::from_client::era::Era;
use crate::protocol::mcp::from_client::inbound::Refused;
use crate::protocol::mcp::from_client::one_way;
use crate::protocol::mcp::reply;
use crate::protocol::mcp::reply::Asked;
use crate::protocol::mcp::reply::json;
use crate::protocol::web::body::ReplyBody;

/// How many bytes are searched of a message that came too fast.
pub const BRIEF: u64 = 1 << 20;
/// How many bytes are searched of a message that is too long.
pub const LONG: u64 = 64 << 20;
/// How long a message is searched.
const PATIENCE: Duration = Duration::from_secs(10);

/// Answers a message that is refused unread; `glimpse` has seen what there was to see.
///
/// # Errors
/// The request is not known, or a notification must not be lost.
pub fn answer(
    denied: Denied,
    head: &Parts,
    glimpse: &Glimpse,
    request: RequestId,
) -> Result<Response<ReplyBody>, Refused> {
    let Some(message) = glimpse.message() else { return Err(denied.into()) };
    let Some(id) = message.id_value().filter(|_| message.kind() == Kind::Request) else {
        return one_way::undelivered(denied, &message.method().unwrap_or_default());
    };
    let asked = if message.method().as_deref() == Some(CALL) { Asked::Tool } else { Asked::Other };
    let (status, text) = reply::refusal(&denied, Era::claimed(&head.headers), &asked, id.raw, request);
    let mut response = json(status, text);
    if let Some(wait) = denied.retry_after {
        let seconds = wait.as_secs() + u64::from(wait.subsec_nanos() > 0);
        response.headers_mut().insert(header::RETRY_AFTER, seconds.max(1).into());
    }
    Ok(response)
}

/// Searches the rest of a body: at most `most` bytes, and only as long as [`PATIENCE`].
pub async fn look(body: &mut Incoming, glimpse: &mut Glimpse, most: u64) {
    if body.size_hint().lower() <= most {
        drop(tokio::time::timeout(PATIENCE, look_on(body, glimpse, most)).await);
    }
}

async fn look_on(body: &mut Incoming, glimpse: &mut Glimpse, most: u64) {
    let mut seen: u64 = 0;
    while let Some(Ok(frame)) = body.frame().await {
        if let Ok(data) = frame.into_data() {
            glimpse.push(&data);
            seen = seen.saturating_add(data.len() as u64);
        }
        if seen > most {
            return;
        }
    }
}
