//! The way back: from a target's response to what the client gets, recorded.

use std::fmt::Write;
use std::sync::Arc;

use bytes::Bytes;
use http::HeaderMap;
use http::Response;
use http::StatusCode;
use http::header;
use http_body_util::BodyExt;
use hyper::body::Body;
use hyper::body::Incoming;
use hyper::upgrade::OnUpgrade;

use crate::domain::Denied;
use crate::domain::DenyCode;
use crate::domain::EventKind;
use crate::domain::event::Direction;
use crate::mask::Format;
use crate::pipeline::ReplyGuard;
use crate::protocol::http::body::ReplyBody;
use crate::protocol::http::body::Sent;
use crate::protocol::http::body::Through;
use crate::protocol::http::body::undecodable;
use crate::protocol::http::coding::Decoder;
use crate::protocol::http::exchange::body_text;
use crate::protocol::http::exchange::write_headers;
use crate::protocol::http::headers;
use crate::protocol::http::reply;
use crate::protocol::http::websocket;

/// A reply up to this length is passed in one piece, with its exact length.
const IN_ONE_PIECE: u64 = 256 << 10;

/// A request's body that passed through after the request was recorded.
pub struct RequestTail {
    /// What passed.
    pub sent: Arc<Sent>,
    /// The request's headers, which say what the body is.
    pub headers: HeaderMap,
}

impl RequestTail {
    fn record(self, guard: &mut ReplyGuard) -> Result<(), Denied> {
        let Some(capture) = self.sent.take().filter(|capture| capture.length() > 0) else { return Ok(()) };
        let governed = Arc::clone(guard.governed());
        let body = if governed.plan.is_empty() {
            let (mut text, mut capture) = (String::new(), capture);
            capture.write(&mut text);
            text
        } else {
            capture.whole().map_or_else(
                || format!("{{\"length\":{},\"withheld\":true}}", capture.length()),
                |bytes| body_text(&self.headers, bytes, &governed, capture.fresh()).0,
            )
        };
        guard.record(EventKind::HttpChunk, Direction::C2s, format!("{{\"body\":{body}}}"))
    }
}

/// Records that a command failed on its way; the refusal goes to the client.
pub fn failed(mut guard: ReplyGuard, tail: Option<RequestTail>, denied: Denied) -> Denied {
    guard.record_failure(&denied);
    match tail.map_or(Ok(()), |tail| tail.record(&mut guard)) {
        Ok(()) => denied,
        Err(unrecorded) => unrecorded,
    }
}

/// Turns the target's response into the client's.
pub async fn reply(
    response: Response<Incoming>,
    mut guard: ReplyGuard,
    head_only: bool,
    tail: Option<RequestTail>,
    upgrade: Option<OnUpgrade>,
) -> Result<Response<ReplyBody>, Denied> {
    if let Some(tail) = tail {
        tail.record(&mut guard)?;
    }
    if response.status() == StatusCode::SWITCHING_PROTOCOLS {
        return websocket::switch(response, guard, upgrade);
    }
    match pass(response, &mut guard, head_only).await {
        Ok(Passed::Whole(mut response, bytes)) => {
            *response.body_mut() = ReplyBody::whole(bytes);
            finish(&mut response, &guard, upgrade.is_some());
            Ok(response)
        }
        Ok(Passed::Through(mut response, from, decoder, shape)) => {
            finish(&mut response, &guard, upgrade.is_some());
            *response.body_mut() =
                ReplyBody::Through(Box::new(Through::new(from, decoder, guard, shape.live, shape.length)));
            Ok(response)
        }
        Err(denied) => {
            guard.record_failure(&denied);
            Err(denied)
        }
    }
}

fn finish(response: &mut Response<ReplyBody>, guard: &ReplyGuard, was_upgrade: bool) {
    reply::name(response, guard.request(), Some(guard.session_id()));
    if was_upgrade {
        // What the client sent after its upgrade request was never looked at: the stream ends with this reply.
        response.headers_mut().insert(header::CONNECTION, http::HeaderValue::from_static("close"));
    }
}

struct Shape {
    live: bool,
    length: Option<u64>,
}

enum Passed {
    Whole(Response<ReplyBody>, Bytes),
    Through(Response<ReplyBody>, Incoming, Option<Decoder>, Shape),
}

async fn pass(
    response: Response<Incoming>,
    guard: &mut ReplyGuard,
    head_only: bool,
) -> Result<Passed, Denied> {
    let (head, body) = response.into_parts();
    if head.status == StatusCode::UNAUTHORIZED && guard.injects() {
        return Err(Denied::new(
            DenyCode::UpstreamCredential,
            "the target does not accept the gateway's credential; tell its operator",
        )
        .because("target_401"));
    }
    let empty = head_only
        || body.is_end_stream()
        || matches!(head.status, StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED);
    let masks = guard.masks();
    if masks && head.status == StatusCode::PARTIAL_CONTENT && !empty {
        return Err(crate::pipeline::unmaskable("it is only a part of a document"));
    }
    let (decoder, format) =
        if empty { (None, None) } else { (decoder(&head.headers, guard)?, format(&head.headers)) };
    if !empty {
        guard.begin_body(format)?;
    }
    let rewritten = masks || decoder.is_some();
    let mut out = Response::new(ReplyBody::Whole(None));
    *out.status_mut() = head.status;
    *out.headers_mut() = headers::to_client(&head.headers, guard, rewritten);
    let live = matches!(format, Some(Format::Sse | Format::NdJson)) || is_event_stream(&head.headers);
    let length = body.size_hint().exact();
    let ttfb = guard.elapsed_us();
    if empty {
        record(guard, &out, ttfb, true)?;
        return Ok(Passed::Whole(out, Bytes::new()));
    }
    if !live && length.is_some_and(|length| length <= IN_ONE_PIECE) {
        let bytes = in_one_piece(body, decoder, guard).await?;
        out.headers_mut().insert(header::CONTENT_LENGTH, bytes.len().into());
        guard.count(bytes.len() as u64, 0);
        record(guard, &out, ttfb, true)?;
        return Ok(Passed::Whole(out, bytes));
    }
    record(guard, &out, ttfb, false)?;
    // The net for credentials never changes a length; masking and decoding do.
    let length = length.filter(|_| !rewritten);
    Ok(Passed::Through(out, body, decoder, Shape { live, length }))
}

async fn in_one_piece(
    mut body: Incoming,
    mut decoder: Option<Decoder>,
    guard: &mut ReplyGuard,
) -> Result<Bytes, Denied> {
    let broken =
        || Denied::new(DenyCode::UpstreamUnavailable, "the target broke off its reply").because("target_cut");
    let mut out =
        Vec::with_capacity(usize::try_from(body.size_hint().lower()).unwrap_or(0).saturating_add(64));
    let mut decoded = Vec::new();
    while let Some(frame) = body.frame().await {
        let Ok(data) = frame.map_err(|_error| broken())?.into_data() else { continue };
        match &mut decoder {
            None => guard.pass(&data, &mut out)?,
            Some(decoder) => {
                decoded.clear();
                decoder.push(&data, &mut decoded).map_err(|error| undecodable(error.0))?;
                guard.pass(&decoded, &mut out)?;
            }
        }
    }
    if let Some(decoder) = &mut decoder {
        decoded.clear();
        decoder.finish(&mut decoded).map_err(|error| undecodable(error.0))?;
        guard.pass(&decoded, &mut out)?;
    }
    guard.finish(&mut out)?;
    Ok(out.into())
}

/// What undoes the reply's coding, where its body must be read.
fn decoder(headers: &HeaderMap, guard: &ReplyGuard) -> Result<Option<Decoder>, Denied> {
    let mut codings = headers.get_all(header::CONTENT_ENCODING).iter();
    let (first, second) = (codings.next(), codings.next());
    let Some(coding) = first.filter(|coding| !coding.as_bytes().eq_ignore_ascii_case(b"identity")) else {
        return Ok(None);
    };
    if !guard.reads_bodies() {
        return Ok(None);
    }
    let decoder = coding.to_str().ok().filter(|_| second.is_none()).and_then(Decoder::of);
    decoder.map(Some).ok_or_else(|| undecodable("its encoding is not known here"))
}

fn format(headers: &HeaderMap) -> Option<Format> {
    let mut types = headers.get_all(header::CONTENT_TYPE).iter();
    let first = types.next()?;
    // With two types a client may choose the one that was not read.
    if types.next().is_some() { None } else { Format::of(first.to_str().ok()?) }
}

fn is_event_stream(headers: &HeaderMap) -> bool {
    let content_type =
        headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    content_type
        .get(.."text/event-stream".len())
        .is_some_and(|start| start.eq_ignore_ascii_case("text/event-stream"))
}

/// Records the response's head, and with `complete` its body too.
fn record(
    guard: &mut ReplyGuard,
    response: &Response<ReplyBody>,
    ttfb_us: u64,
    complete: bool,
) -> Result<(), Denied> {
    let mut data = String::with_capacity(512);
    let _infallible = write!(data, "{{\"status\":{},\"headers\":", response.status().as_u16());
    write_headers(&mut data, response.headers(), |_, _| None);
    data.push_str(",\"body\":");
    if complete {
        guard.capture.write(&mut data);
        let _infallible =
            write!(data, ",\"ttfb_us\":{ttfb_us},\"total_us\":{},\"end\":\"complete\"}}", guard.elapsed_us());
    } else {
        let _infallible = write!(data, "null,\"ttfb_us\":{ttfb_us},\"end\":\"streaming\"}}");
    }
    guard.record(EventKind::HttpResponse, Direction::S2c, data)
}
