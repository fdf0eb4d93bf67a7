//! The reply path: turns a target's response into the client's, recorded.

use std::pin::Pin;
use std::time::Duration;

use bytes::Bytes;
use http::HeaderMap;
use http::Response;
use http::StatusCode;
use http::header;
use http_body_util::BodyExt;
use hyper::body::Body;
use hyper::body::Incoming;

use crate::domain::Denied;
use crate::domain::DenyCode;
use crate::domain::SessionEnd;
use crate::domain::json::write::Object;
use crate::mask::Format;
use crate::mask::extends_ascii;
use crate::pipeline::ReplyGuard;
use crate::protocol::http::body::Through;
use crate::protocol::http::body::broken_off;
use crate::protocol::http::command;
use crate::protocol::http::exchange::write_headers;
use crate::protocol::http::websocket;
use crate::protocol::web::body::ReplyBody;
use crate::protocol::web::body::undecodable;
use crate::protocol::web::coding::Decoder;
use crate::protocol::web::headers;
use crate::protocol::web::reply;
use crate::transport::media;
use crate::transport::media::content_type;
use crate::transport::media::is_media_type;
use crate::transport::media::media_type;

/// A reply up to this length is passed in one piece, with its exact length.
const IN_ONE_PIECE: u64 = 256 << 10;

/// How long a target may make no progress within a short reply.
const STALL: Duration = Duration::from_mins(1);
/// A compressed reply up to this length is decompressed in one piece...
const PACKED_IN_ONE_PIECE: u64 = 32 << 10;
/// ... as long as it does not grow beyond this.
const UNPACKED: usize = 8 << 20;

/// Records that a command failed on its way; returns the refusal for the client.
pub fn failed(mut guard: ReplyGuard, denied: Denied) -> Denied {
    guard.record_failure(&denied);
    denied
}

/// The properties of the request that matter for its response.
pub struct Asked {
    /// Whether the response has no body, whatever its head says.
    pub head_only: bool,
    /// Path and query as they were sent, if masks need them.
    pub address: String,
    /// The upgrade to another protocol, if the request asked for one.
    pub upgrade: Option<websocket::Upgrade>,
}

/// Turns the target's response into the client's. `end` resolves when the session or token ends or a lock
/// applies.
pub async fn reply(
    response: Response<Incoming>,
    mut guard: ReplyGuard,
    asked: Asked,
    end: Pin<&mut impl Future<Output = SessionEnd>>,
) -> Result<Response<ReplyBody>, Denied> {
    if response.status() == StatusCode::SWITCHING_PROTOCOLS {
        return websocket::switch(response, guard, asked.upgrade).await;
    }
    match pass(response, &mut guard, &asked, end).await {
        Ok(Passed::Whole(mut response, bytes)) => {
            *response.body_mut() = ReplyBody::whole(bytes);
            reply::name(&mut response, guard.request(), Some(guard.session_id()));
            Ok(response)
        }
        Ok(Passed::Through(mut response, from, decoder, shape)) => {
            let waits = guard.masks() && !shape.live;
            let head = response_event(&response, |event| {
                event.value("body", "null").value("ttfb_us", shape.ttfb_us).word("end", "streaming");
            });
            reply::name(&mut response, guard.request(), Some(guard.session_id()));
            let mut through = Through::new(from, decoder, guard, shape.live, shape.length);
            through.begin(head, waits).await?;
            *response.body_mut() = ReplyBody::Through(Box::pin(through));
            Ok(response)
        }
        Err(denied) => {
            guard.record_failure(&denied);
            Err(denied)
        }
    }
}

struct Shape {
    live: bool,
    length: Option<u64>,
    ttfb_us: u64,
}

enum Passed {
    Whole(Response<ReplyBody>, Bytes),
    Through(Response<ReplyBody>, Incoming, Option<Decoder>, Shape),
}

async fn pass(
    response: Response<Incoming>,
    guard: &mut ReplyGuard,
    asked: &Asked,
    end: Pin<&mut impl Future<Output = SessionEnd>>,
) -> Result<Passed, Denied> {
    let (head, body) = response.into_parts();
    if head.status == StatusCode::UNAUTHORIZED && guard.injects() {
        return Err(Denied::new(
            DenyCode::UpstreamCredential,
            "the target rejected the gateway's credential; tell its operator",
        )
        .because("target_401"));
    }
    let empty = asked.head_only
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
        watch_charset(&head.headers, guard)?;
    }
    let rewritten = masks || decoder.is_some();
    let mut out = Response::new(ReplyBody::Whole(None));
    *out.status_mut() = head.status;
    let created = Some(&asked.address).filter(|_| masks && head.status == StatusCode::CREATED);
    let created = created.and_then(|asked| created_at(&head.headers, guard, asked));
    let address = created.as_ref().unwrap_or(&asked.address);
    *out.headers_mut() = headers::to_client(&head.headers, guard, address, rewritten);
    let live = matches!(format, Some(Format::Sse | Format::NdJson))
        || is_media_type(&head.headers, "text/event-stream");
    let length = body.size_hint().exact();
    let ttfb_us = guard.elapsed_us();
    if empty {
        record(guard, &out, ttfb_us).await?;
        return Ok(Passed::Whole(out, Bytes::new()));
    }
    let short = if decoder.is_some() { PACKED_IN_ONE_PIECE } else { IN_ONE_PIECE };
    if !live && length.is_some_and(|length| length <= short) {
        let bytes = in_one_piece(body, decoder, guard, end).await?;
        out.headers_mut().insert(header::CONTENT_LENGTH, bytes.len().into());
        guard.count(bytes.len() as u64, 0);
        record(guard, &out, ttfb_us).await?;
        return Ok(Passed::Whole(out, bytes));
    }
    // Redacting the credential never changes a length; masking and decoding do.
    let length = length.filter(|_| !rewritten);
    Ok(Passed::Through(out, body, decoder, Shape { live, length, ttfb_us }))
}

/// Returns the address of a created resource, in the form in which it will be requested: the entity tag of a
/// 201 belongs to it (RFC 9110, section 15.3.2).
fn created_at(headers: &HeaderMap, guard: &ReplyGuard, asked: &str) -> Option<String> {
    let path = asked.split('?').next()?;
    let location = headers::location(headers, &guard.governed().connection, path)?;
    let (path, query) = location.split_once('?').unwrap_or((&location, ""));
    Some(format!("{}?{query}", command::canonical_path(path).ok()?))
}

async fn in_one_piece(
    mut body: Incoming,
    mut decoder: Option<Decoder>,
    guard: &mut ReplyGuard,
    mut end: Pin<&mut impl Future<Output = SessionEnd>>,
) -> Result<Bytes, Denied> {
    let mut out =
        Vec::with_capacity(usize::try_from(body.size_hint().lower()).unwrap_or(0).saturating_add(64));
    let mut decoded = Vec::new();
    loop {
        let frame = tokio::select! {
            biased;
            end = end.as_mut() => return Err(crate::pipeline::session_ended(end)),
            frame = tokio::time::timeout(STALL, body.frame()) => frame.map_err(|_stalled| broken_off())?,
        };
        let Some(frame) = frame else { break };
        if decoder.is_some() && out.len() > UNPACKED {
            return Err(undecodable("it is too large when decompressed"));
        }
        let Ok(data) = frame.map_err(|_error| broken_off())?.into_data() else { continue };
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

/// Returns the decoder of the reply's coding; `None` if there is none or the body need not be read.
fn decoder(headers: &HeaderMap, guard: &ReplyGuard) -> Result<Option<Decoder>, Denied> {
    if !guard.must_read_bodies() {
        return Ok(None);
    }
    Decoder::of_headers(headers).map_err(|_unknown| undecodable("its Content-Encoding is not supported"))
}

/// Where a credential was sent along, a body must be in an encoding in which it would be found, as it is
/// declared and as it begins.
fn watch_charset(headers: &HeaderMap, guard: &mut ReplyGuard) -> Result<(), Denied> {
    if guard.injects() && !media::charsets(headers).all(|charset| charset.is_some_and(extends_ascii)) {
        return Err(crate::pipeline::unsearchable());
    }
    let is_text = media_type(headers).is_none_or(|essence| Format::of(essence).is_some());
    if is_text {
        guard.watch_opening();
    }
    Ok(())
}

/// The format in which a body can be read for masking.
pub(super) fn format(headers: &HeaderMap) -> Option<Format> {
    content_type(headers).and_then(Format::of)
}

/// Records a response with its whole body.
async fn record(guard: &mut ReplyGuard, response: &Response<ReplyBody>, ttfb_us: u64) -> Result<(), Denied> {
    let data = response_event(response, |event| {
        guard.capture.write(event.raw("body"));
        event.value("ttfb_us", ttfb_us).value("total_us", guard.elapsed_us()).word("end", "complete");
    });
    guard.record_head(data).await
}

/// Returns the data of a response's event. `rest` adds the body, and what is known besides.
pub(super) fn response_event(response: &Response<ReplyBody>, rest: impl FnOnce(&mut Object<'_>)) -> String {
    let mut data = String::with_capacity(1 << 10);
    let mut event = Object::begin(&mut data);
    event.value("status", response.status().as_u16());
    write_headers(&mut event, response.headers(), |_, _| None);
    rest(&mut event);
    drop(event);
    data
}
