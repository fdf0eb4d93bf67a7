//! WebSocket (RFC 6455): the upgrade is a command of its own; afterwards the frames of both directions are
//! recorded as they pass. The end of the session closes both streams with a close frame.

use std::sync::Mutex;
use std::time::Duration;

use http::HeaderMap;
use http::HeaderValue;
use http::Response;
use http::StatusCode;
use http::header;
use hyper::body::Incoming;
use hyper::upgrade::OnUpgrade;
use hyper::upgrade::Upgraded;
use hyper_util::rt::TokioIo;
use rand::RngCore;
use tokio::io::AsyncReadExt;
use tokio::io::AsyncWriteExt;
use tokio::io::ReadHalf;
use tokio::io::WriteHalf;

use crate::domain::Denied;
use crate::domain::DenyCode;
use crate::domain::EventKind;
use crate::domain::event::Direction;
use crate::domain::json::write::Object;
use crate::domain::sync::lock;
use crate::pipeline::ReplyGuard;
use crate::pipeline::body::Capture;
use crate::protocol::http::back::response_event;
use crate::protocol::http::frames::Clear;
use crate::protocol::http::frames::FrameClearer;
use crate::protocol::http::frames::FrameReader;
use crate::protocol::http::frames::close;
use crate::protocol::web::body::ReplyBody;
use crate::protocol::web::headers;
use crate::protocol::web::reply;
use crate::transport::listen::OpenStreams;

/// How much of a frame is kept at most, in bytes, whatever `recording.max_body` is: a frame may stay
/// unfinished for as long as its socket is open.
const KEPT: usize = 256 << 10;
/// How long one side may take to read the close frame, and to close.
const GOODBYE: Duration = Duration::from_millis(300);

/// Returns whether a request asks for a WebSocket.
pub fn requested(headers: &HeaderMap) -> bool {
    headers.get(header::UPGRADE).is_some_and(|value| value.as_bytes().eq_ignore_ascii_case(b"websocket"))
}

/// Adds the handshake to the headers for the target, without extensions: compressed frames could not be
/// recorded as they are.
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
    /// The count of open streams, which it stays part of.
    pub open: OpenStreams,
}

/// Answers 101 and joins the two streams.
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
    *out.headers_mut() = headers::to_client(response.headers(), &mut guard, "", false);
    out.headers_mut().insert(header::UPGRADE, HeaderValue::from_static("websocket"));
    out.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("Upgrade"));
    let ttfb = guard.elapsed_us();
    let data = response_event(&out, |event| {
        event.value("body", "null").value("ttfb_us", ttfb).word("end", "upgraded");
    });
    reply::name(&mut out, guard.request(), Some(guard.session_id()));
    guard.record_head(data).await?;
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

/// Copies bytes both ways until one side or the session ends.
async fn join(client: Upgraded, target: Upgraded, guard: ReplyGuard) {
    let end = guard.end_watch();
    let (mut client_in, mut client_out) = tokio::io::split(TokioIo::new(client));
    let (mut target_in, mut target_out) = tokio::io::split(TokioIo::new(target));
    let (mut up, mut down) = (Side::new(Direction::C2s), Side::new(Direction::S2c));
    let guard = Mutex::new(guard);
    let (why, ended) = tokio::select! {
        () = pump(&mut client_in, &mut target_out, &mut up, &guard) => ("client", None),
        () = pump(&mut target_in, &mut client_out, &mut down, &guard) => ("target", None),
        end = end.wait() => (end.as_str(), Some(end)),
    };
    let told = ended.filter(|_| down.may_close());
    record_end(&guard, [&mut up, &mut down], why, told.map(close::code));
    if ended.is_none() {
        return;
    }
    let to_target = up.may_close().then(|| {
        let mut key = [0; 4];
        rand::rng().fill_bytes(&mut key);
        close::to_target(key)
    });
    tokio::join!(
        say_goodbye(&mut client_in, &mut client_out, told.map(close::to_client)),
        say_goodbye(&mut target_in, &mut target_out, to_target),
    );
}

/// Records the frames of which only a part has passed, then the end, and the close code that the client gets,
/// if any.
fn record_end(guard: &Mutex<ReplyGuard>, sides: [&mut Side; 2], why: &str, code: Option<u16>) {
    let mut guard = lock(guard);
    for side in sides {
        if let (Some(kind), Some(capture)) = (side.passed.unfinished(), side.capture.take())
            && let Err(denied) = record_frame(&mut guard, side.dir, kind, capture, Some("cut"))
        {
            tracing::error!(code = %denied.code, "an unfinished frame of a WebSocket could not be recorded");
        }
    }
    let mut data = String::new();
    let mut event = Object::begin(&mut data);
    event.word("frame", "end").value("body", "null").word("end", why).value("total_us", guard.elapsed_us());
    if let Some(code) = code {
        event.value("close", code);
    }
    drop(event);
    if let Err(denied) = guard.record(EventKind::HttpChunk, Direction::S2c, data) {
        tracing::error!(code = %denied.code, "the end of a WebSocket could not be recorded");
    }
}

/// Sends a close frame to one side, and waits a moment for it to close. Its remaining output is read and
/// discarded: closing a stream with unread input can discard what was written last.
async fn say_goodbye(
    from: &mut ReadHalf<TokioIo<Upgraded>>,
    to: &mut WriteHalf<TokioIo<Upgraded>>,
    frame: Option<Vec<u8>>,
) {
    let Some(frame) = frame else { return };
    let goodbye = async {
        to.write_all(&frame).await?;
        to.flush().await?;
        let mut unread = vec![0; 4 << 10];
        while from.read(&mut unread).await? > 0 {}
        Ok::<(), std::io::Error>(())
    };
    if !matches!(tokio::time::timeout(GOODBYE, goodbye).await, Ok(Ok(()))) {
        tracing::debug!("one side of a WebSocket did not close when asked to");
    }
}

async fn pump(
    from: &mut ReadHalf<TokioIo<Upgraded>>,
    to: &mut WriteHalf<TokioIo<Upgraded>>,
    side: &mut Side,
    guard: &Mutex<ReplyGuard>,
) {
    let mut buffer = vec![0; 16 << 10];
    loop {
        let Ok(count) = from.read(&mut buffer).await else { return };
        let Some(bytes) = buffer.get(..count).filter(|bytes| !bytes.is_empty()) else { return };
        let mut out = Vec::with_capacity(bytes.len());
        // From here on, an interrupted write may have left half a frame.
        side.is_whole = false;
        if step(bytes, side, guard, &mut out).is_err() || to.write_all(&out).await.is_err() {
            return;
        }
        side.is_whole = true;
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

/// The frames of one direction, as they arrive and as they are sent.
struct Side {
    dir: Direction,
    came: FrameClearer,
    passed: FrameReader,
    /// What has passed of the payload of the frame that is not finished.
    capture: Option<Capture>,
    /// What one read has of a payload, unmasked. Its buffer is reused.
    payload: Vec<u8>,
    /// Whether everything released so far is written.
    is_whole: bool,
    /// Whether a close frame was sent, after which there are no others.
    is_closed: bool,
}

impl Side {
    fn new(dir: Direction) -> Self {
        Self {
            dir,
            came: FrameClearer::default(),
            passed: FrameReader::new(dir == Direction::C2s),
            capture: None,
            payload: Vec::new(),
            is_whole: true,
            is_closed: false,
        }
    }

    /// Returns whether a close frame can be sent in this direction now.
    fn may_close(&self) -> bool {
        self.is_whole && !self.is_closed && self.passed.is_between()
    }
}

/// Records the frames that `bytes` complete, then releases the bytes: what is not recorded is not sent. Of a
/// frame that takes more than one read, the earlier bytes go on before; it is recorded when it is complete,
/// or as far as it came when the socket ends.
fn step(bytes: &[u8], side: &mut Side, guard: &Mutex<ReplyGuard>, out: &mut Vec<u8>) -> Result<(), ()> {
    let mut guard = lock(guard);
    if side.dir == Direction::S2c {
        side.came.push(bytes, &mut *guard, out).map_err(|_malformed| ())?;
    } else {
        out.extend_from_slice(bytes);
    }
    let mut rest = out.as_slice();
    loop {
        side.payload.clear();
        let ended = side.passed.next(&mut rest, &mut side.payload).map_err(|_malformed| ())?;
        let mut capture = side.capture.take().unwrap_or_else(|| guard.fresh_capture().at_most(KEPT));
        capture.add(&side.payload);
        let Some(kind) = ended else {
            side.capture = side.passed.unfinished().map(|_kind| capture);
            return Ok(());
        };
        side.is_closed |= kind == "close";
        record_frame(&mut guard, side.dir, kind, capture, None).map_err(|_denied| ())?;
    }
}

fn record_frame(
    guard: &mut ReplyGuard,
    dir: Direction,
    kind: &str,
    mut capture: Capture,
    end: Option<&str>,
) -> Result<(), Denied> {
    let mut data = String::new();
    let mut event = Object::begin(&mut data);
    event.word("frame", kind);
    capture.write(event.raw("body"));
    if let Some(end) = end {
        event.word("end", end);
    }
    drop(event);
    guard.record(EventKind::HttpChunk, dir, data)
}
