//! WebSocket (RFC 6455): the upgrade is a command of its own; afterwards the frames of both sides are recorded as they pass, and the end of the
//! session closes them.

use std::sync::Arc;
use std::sync::Mutex;
use std::sync::PoisonError;

use http::HeaderMap;
use http::HeaderValue;
use http::Response;
use http::StatusCode;
use http::header;
use hyper::body::Incoming;
use hyper::upgrade::OnUpgrade;
use hyper::upgrade::Upgraded;
use hyper_util::rt::TokioIo;
use tokio::io::AsyncReadExt;
use tokio::io::AsyncWriteExt;
use tokio::io::ReadHalf;
use tokio::io::WriteHalf;

use crate::domain::Denied;
use crate::domain::DenyCode;
use crate::domain::EventKind;
use crate::domain::event::Direction;
use crate::pipeline::ReplyGuard;
use crate::protocol::http::frames::Clear;
use crate::protocol::http::frames::FrameClearer;
use crate::protocol::http::frames::FrameReader;
use crate::protocol::web::body::ReplyBody;
use crate::protocol::web::headers;
use crate::protocol::web::reply;
use crate::transport::listen::OpenStreams;

/// Whether a request asks for a WebSocket.
pub fn requested(headers: &HeaderMap) -> bool {
    headers.get(header::UPGRADE).is_some_and(|value| value.as_bytes().eq_ignore_ascii_case(b"websocket"))
}

/// Puts the handshake back into the headers that go to the target, without extensions: compressed frames could not be recorded as they are.
pub fn offer(from: &HeaderMap, to: &mut HeaderMap) {
    to.insert(header::UPGRADE, HeaderValue::from_static("websocket"));
    to.insert(header::CONNECTION, HeaderValue::from_static("Upgrade"));
    for name in [header::SEC_WEBSOCKET_KEY, header::SEC_WEBSOCKET_VERSION, header::SEC_WEBSOCKET_PROTOCOL] {
        if let Some(value) = from.get(&name) {
            to.insert(name, value.clone());
        }
    }
}

/// A client that asked for a WebSocket.
pub struct Upgrade {
    /// Its stream, once it is switched.
    pub client: OnUpgrade,
    /// The count of open streams, in which it stays.
    pub open: OpenStreams,
}

/// Answers 101 and joins the two sides.
pub async fn switch(
    response: Response<Incoming>,
    mut guard: ReplyGuard,
    upgrade: Option<Upgrade>,
) -> Result<Response<ReplyBody>, Denied> {
    let answered = response
        .headers()
        .get(header::UPGRADE)
        .is_some_and(|value| value.as_bytes().eq_ignore_ascii_case(b"websocket"));
    let extends = response.headers().contains_key(header::SEC_WEBSOCKET_EXTENSIONS);
    let Some(Upgrade { client, open }) = upgrade.filter(|_| answered && !extends) else {
        let denied = Denied::new(
            DenyCode::UpstreamUnavailable,
            "the target switched to a protocol that was not asked for",
        )
        .because("switch");
        guard.record_failure(&denied);
        return Err(denied);
    };
    guard.begin_body(None)?;
    let mut out = Response::new(ReplyBody::Whole(None));
    *out.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
    *out.headers_mut() = headers::to_client(response.headers(), &mut guard, false);
    out.headers_mut().insert(header::UPGRADE, HeaderValue::from_static("websocket"));
    out.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("Upgrade"));
    reply::name(&mut out, guard.request(), Some(guard.session_id()));
    let ttfb = guard.elapsed_us();
    let data =
        format!("{{\"status\":101,\"headers\":[],\"body\":null,\"ttfb_us\":{ttfb},\"end\":\"upgraded\"}}");
    guard.record_head(EventKind::HttpResponse, data).await?;
    let target = hyper::upgrade::on(response);
    let stream = open.enter();
    tokio::task::spawn_local(async move {
        let _counted = stream;
        match tokio::try_join!(client, target) {
            Ok((client, target)) => join(client, target, guard).await,
            Err(error) => tracing::debug!(%error, "a WebSocket was not established"),
        }
    });
    Ok(out)
}

/// Moves bytes both ways until one side ends, or the session does.
async fn join(client: Upgraded, target: Upgraded, guard: ReplyGuard) {
    let end = guard.end_watch();
    let (client_in, client_out) = tokio::io::split(TokioIo::new(client));
    let (target_in, target_out) = tokio::io::split(TokioIo::new(target));
    let guard = Arc::new(Mutex::new(guard));
    let why = tokio::select! {
        () = pump(client_in, target_out, Direction::C2s, &guard) => "client",
        () = pump(target_in, client_out, Direction::S2c, &guard) => "target",
        end = end.wait() => end.as_str(),
    };
    let mut guard = guard.lock().unwrap_or_else(PoisonError::into_inner);
    let data =
        format!("{{\"frame\":\"end\",\"body\":null,\"end\":\"{why}\",\"total_us\":{}}}", guard.elapsed_us());
    if let Err(denied) = guard.record(EventKind::HttpChunk, Direction::S2c, data) {
        tracing::error!(code = %denied.code, "the end of a WebSocket could not be recorded");
    }
}

async fn pump(
    mut from: ReadHalf<TokioIo<Upgraded>>,
    mut to: WriteHalf<TokioIo<Upgraded>>,
    dir: Direction,
    guard: &Mutex<ReplyGuard>,
) {
    let mut side =
        Side { dir, passed: FrameReader::new(dir == Direction::C2s), came: FrameClearer::default() };
    let mut buffer = vec![0; 16 << 10];
    loop {
        let Ok(count) = from.read(&mut buffer).await else { return };
        let Some(bytes) = buffer.get(..count).filter(|bytes| !bytes.is_empty()) else { return };
        let mut out = Vec::with_capacity(bytes.len());
        if step(bytes, &mut side, guard, &mut out).is_err() || to.write_all(&out).await.is_err() {
            return;
        }
    }
}

impl Clear for ReplyGuard {
    fn piece(&mut self, input: &[u8], out: &mut Vec<u8>) {
        self.clear_piece(input, out);
    }

    fn rest(&mut self, out: &mut Vec<u8>) {
        self.clear_rest(out);
    }

    fn whole(&self, text: &[u8]) -> Option<Vec<u8>> {
        self.clear(text)
    }
}

/// One side's frames, as they came and as they go on.
struct Side {
    dir: Direction,
    came: FrameClearer,
    passed: FrameReader,
}

/// Records the frames that `bytes` complete, then lets the bytes go on: what is not recorded is not sent.
fn step(bytes: &[u8], side: &mut Side, guard: &Mutex<ReplyGuard>, out: &mut Vec<u8>) -> Result<(), ()> {
    let mut guard = guard.lock().unwrap_or_else(PoisonError::into_inner);
    if side.dir == Direction::S2c {
        side.came.push(bytes, &mut *guard, out).map_err(|_malformed| ())?;
    } else {
        out.extend_from_slice(bytes);
    }
    for frame in side.passed.push(out).map_err(|_malformed| ())? {
        let mut capture = guard.fresh_capture();
        capture.add(&frame.payload);
        capture.skip(frame.length.saturating_sub(frame.payload.len() as u64));
        let mut data = format!("{{\"frame\":\"{}\",\"body\":", frame.kind);
        capture.write(&mut data);
        data.push('}');
        guard.record(EventKind::HttpChunk, side.dir, data).map_err(|_denied| ())?;
    }
    Ok(())
}
