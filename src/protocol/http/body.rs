//! Bodies in transit: of a request to the target, of a reply to the client. They are streamed, with
//! backpressure.

use std::pin::Pin;
use std::sync::Arc;
use std::task::Context;
use std::task::Poll;
use std::time::Duration;

use bytes::Bytes;
use http::HeaderMap;
use http::header;
use http_body::Frame;
use http_body::SizeHint;
use hyper::body::Body;
use hyper::body::Incoming;

use crate::domain::Denied;
use crate::domain::DenyCode;
use crate::domain::EventKind;
use crate::domain::SessionEnd;
use crate::domain::event::Direction;
use crate::domain::json::write::Object;
use crate::mask::Notes;
use crate::pipeline::Exchange;
use crate::pipeline::ReplyGuard;
use crate::pipeline::SideNotes;
use crate::pipeline::body::Capture;
use crate::pipeline::snapshot::Governed;
use crate::protocol::http::exchange::body_text;
use crate::protocol::http::exchange::write_trailers;
use crate::protocol::http::overrides::Watch;
use crate::protocol::web::body::Cut;
use crate::protocol::web::body::Sent;
use crate::protocol::web::body::UploadError;
use crate::protocol::web::body::passing_trailers;
use crate::protocol::web::body::undecodable;
use crate::protocol::web::coding::Decoder;
use crate::protocol::web::headers;
use crate::protocol::web::progress::Sending;
use crate::transport::media::is_grpc;

/// How long the head of a masked reply waits for the first piece of its body.
const FIRST_PIECE: Duration = Duration::from_millis(50);

/// A request's body in transit: recorded when it ends or is dropped, cut when the session or token ends.
pub struct Upload {
    from: Incoming,
    sent: Arc<Sent>,
    end: Pin<Box<dyn Future<Output = SessionEnd> + Send>>,
    capture: Capture,
    notes: SideNotes,
    governed: Arc<Governed>,
    headers: HeaderMap,
    /// Set for types of bodies that may ask for another method.
    watch: Option<Watch>,
    /// `None`: both sides may be silent for long, as in gRPC calls.
    sending: Option<Sending>,
    complete: bool,
    /// Those that went on.
    trailers: Option<HeaderMap>,
}

impl Upload {
    /// Wraps the client's body, to record and watch it on its way to the target.
    pub fn new(from: Incoming, exchange: &Exchange, headers: &HeaderMap, sent: &Arc<Sent>) -> Self {
        let mut kept = HeaderMap::new();
        for name in [header::CONTENT_TYPE, header::CONTENT_ENCODING] {
            for value in headers.get_all(&name) {
                kept.append(name.clone(), value.clone());
            }
        }
        let sending = (!is_grpc(&kept)).then(Sending::default);
        Self {
            from,
            sent: Arc::clone(sent),
            end: Box::pin(exchange.end_watch().wait()),
            capture: exchange.capture(),
            notes: exchange.notes(),
            governed: Arc::clone(exchange.governed()),
            watch: Watch::of(headers),
            headers: kept,
            sending,
            complete: false,
            trailers: None,
        }
    }

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, UploadError>>> {
        if self.end.as_mut().poll(cx).is_ready() {
            return Poll::Ready(Some(Err(UploadError::Ended)));
        }
        let Poll::Ready(frame) = Pin::new(&mut self.from).poll_frame(cx) else {
            self.sent.set_awaited(true);
            if let Some(sending) = &mut self.sending {
                std::task::ready!(sending.poll_stalled(cx));
                self.sent.set_stalled();
                return Poll::Ready(Some(Err(UploadError::Stalled)));
            }
            return Poll::Pending;
        };
        if let Some(sending) = &mut self.sending {
            sending.goes_on();
        }
        self.sent.set_awaited(false);
        if matches!(frame, Some(Err(_))) {
            self.sent.set_stalled();
        }
        let frame = match frame {
            None => {
                self.watch_end()?;
                self.complete = true;
                return Poll::Ready(None);
            }
            Some(frame) => frame.map_err(UploadError::Client)?,
        };
        Poll::Ready(Some(Ok(match frame.into_data() {
            Ok(data) => {
                if let Some(watch) = &mut self.watch {
                    watch.sees(&data).map_err(|why| self.sent.refuse(why))?;
                }
                // If the length is known, the target has the whole body with these bytes.
                if self.from.is_end_stream() || self.from.size_hint().exact() == Some(0) {
                    self.watch_end()?;
                }
                self.sent.add(data.len() as u64);
                self.capture.add(&data);
                self.complete = self.from.is_end_stream();
                Frame::data(data)
            }
            Err(other) => match other.into_trailers() {
                Ok(trailers) => {
                    self.watch_end()?;
                    self.complete = true;
                    let passing =
                        passing_trailers(&trailers, |name| headers::is_harmless_trailer(name, false));
                    self.trailers = Some(passing.clone()).filter(|passing| !passing.is_empty());
                    Frame::trailers(passing)
                }
                Err(other) => other,
            },
        })))
    }

    fn watch_end(&mut self) -> Result<(), UploadError> {
        self.watch.take().map_or(Ok(()), Watch::ends).map_err(|why| self.sent.refuse(why))
    }
}

impl Body for Upload {
    type Data = Bytes;
    type Error = UploadError;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, UploadError>>> {
        self.get_mut().poll(cx)
    }

    fn is_end_stream(&self) -> bool {
        // A watched body is checked once more at its end, so its end must be polled.
        self.watch.is_none() && self.from.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.from.size_hint()
    }
}

impl Drop for Upload {
    fn drop(&mut self) {
        if self.capture.length() == 0 && self.trailers.is_none() {
            return;
        }
        let (text, notes) = match self.capture.whole() {
            _ if self.governed.plan.is_empty() => {
                let mut text = String::new();
                self.capture.write(&mut text);
                (text, Notes::default())
            }
            Some(bytes) => body_text(&self.headers, bytes, &self.governed, self.capture.fresh()),
            None => {
                let mut text = String::new();
                Object::begin(&mut text).value("length", self.capture.length()).value("withheld", true);
                (text, Notes::default())
            }
        };
        let mut notes = notes;
        let end = if self.complete { "complete" } else { "cut" };
        let mut data = String::with_capacity(text.len() + 32);
        let mut rest = Object::begin(&mut data);
        rest.value("body", text).word("end", end);
        let masked = |name: &str, value: &[u8]| self.governed.plan.header(name, value, &mut notes);
        write_trailers(&mut rest, self.trailers.as_ref(), masked);
        drop(rest);
        if let Err(denied) = self.notes.record(EventKind::HttpChunk, Some(Direction::C2s), data, notes.take())
        {
            tracing::error!(code = %denied.code, "a request body could not be recorded");
        }
    }
}

/// Returns the refusal of an incomplete reply of which nothing was sent yet.
pub fn broken_off() -> Denied {
    Denied::new(DenyCode::UpstreamUnavailable, "the target aborted its reply").because("target_cut")
}

/// The state of a reply's head.
enum Head {
    Recorded,
    /// The head is not recorded, and nothing of the reply is sent.
    Waits,
    /// The reply is refused, and nothing of it is sent.
    Refused(Denied),
}

/// A reply's body between the target and the client.
pub struct Through {
    from: Incoming,
    decoder: Option<Decoder>,
    guard: ReplyGuard,
    end: Pin<Box<dyn Future<Output = SessionEnd> + Send>>,
    /// Whether each piece is recorded as it comes, for event streams that are followed live.
    live: bool,
    /// The length, if nothing can change it.
    length: Option<u64>,
    /// Set if the target announced the length. A body without a length may be a stream whose next piece is
    /// hours away.
    sending: Option<Sending>,
    trailers: Option<HeaderMap>,
    drained: bool,
    ended: bool,
    decoded: Vec<u8>,
    /// The first frame, until the client asks for it.
    first: Option<Result<Frame<Bytes>, Cut>>,
    head: Head,
}

impl Through {
    /// Wraps the target's body. The guard's body has begun.
    pub fn new(
        from: Incoming,
        decoder: Option<Decoder>,
        guard: ReplyGuard,
        live: bool,
        length: Option<u64>,
    ) -> Self {
        let end = Box::pin(guard.end_watch().wait());
        let announced = !live && from.size_hint().exact().is_some();
        Self {
            from,
            decoder,
            guard,
            end,
            live,
            length,
            sending: announced.then(Sending::default),
            trailers: None,
            drained: false,
            ended: false,
            decoded: Vec::new(),
            first: None,
            head: Head::Recorded,
        }
    }

    /// Records the reply's head before the client gets it. If it `waits`, it first waits briefly for the
    /// first piece, so that a body that cannot be passed on from its beginning is refused with a status
    /// instead of being cut. A body that is complete by then is recorded as complete: that describes the
    /// target's reply, not how much of it the client took.
    ///
    /// # Errors
    /// The reply is refused, and recorded as such; the client gets nothing of it.
    pub async fn begin(&mut self, head: String, waits: bool) -> Result<(), Denied> {
        if waits {
            self.head = Head::Waits;
            let first = std::future::poll_fn(|cx| self.poll(cx));
            let first = tokio::time::timeout(FIRST_PIECE, first).await;
            self.first = first.unwrap_or_default();
        }
        self.record_begin(head).await.inspect_err(|denied| {
            self.ended = true;
            self.guard.record_failure(denied);
        })
    }

    async fn record_begin(&mut self, head: String) -> Result<(), Denied> {
        if let Head::Refused(denied) = std::mem::replace(&mut self.head, Head::Waits) {
            return Err(denied);
        }
        self.guard.record_head(head).await?;
        self.head = Head::Recorded;
        if self.drained { self.record_rest("complete") } else { Ok(()) }
    }

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Cut>>> {
        if let Some(first) = self.first.take() {
            return Poll::Ready(Some(first));
        }
        if self.ended {
            return Poll::Ready(None);
        }
        if let Poll::Ready(end) = self.end.as_mut().poll(cx) {
            let denied = crate::pipeline::session_ended(end);
            return Poll::Ready(Some(Err(self.cut("session_ended", end.as_str(), denied))));
        }
        loop {
            if self.drained {
                self.ended = true;
                return Poll::Ready(
                    self.trailers
                        .take()
                        .filter(|trailers| !trailers.is_empty())
                        .map(|trailers| Ok(Frame::trailers(trailers))),
                );
            }
            let Poll::Ready(frame) = Pin::new(&mut self.from).poll_frame(cx) else {
                let Some(sending) = &mut self.sending else { return Poll::Pending };
                std::task::ready!(sending.poll_stalled(cx));
                let why = "the target sends nothing more";
                return Poll::Ready(Some(Err(self.cut("target_stalled", why, broken_off()))));
            };
            if let Some(sending) = &mut self.sending {
                sending.goes_on();
            }
            let sent = match frame {
                Some(Ok(frame)) => match frame.into_data() {
                    Ok(data) => self.pass(data),
                    Err(other) => {
                        self.trailers = other.into_trailers().ok().map(|trailers| self.clear(&trailers));
                        Ok(Bytes::new())
                    }
                },
                Some(Err(_broken)) => {
                    return Poll::Ready(Some(Err(self.cut("target", "the target aborted", broken_off()))));
                }
                None => {
                    self.drained = true;
                    self.finish()
                }
            };
            match sent {
                Ok(bytes) if bytes.is_empty() => {}
                Ok(bytes) => return Poll::Ready(Some(Ok(Frame::data(bytes)))),
                Err(denied) => {
                    if matches!(self.head, Head::Recorded) {
                        self.guard.record_failure(&denied);
                    }
                    let why = "the rest of the reply is withheld";
                    return Poll::Ready(Some(Err(self.cut("withheld", why, denied))));
                }
            }
        }
    }

    fn clear(&mut self, trailers: &HeaderMap) -> HeaderMap {
        let rewritten = self.guard.masks() || self.decoder.is_some();
        headers::trailers_to_client(trailers, &mut self.guard, rewritten)
    }

    fn pass(&mut self, data: Bytes) -> Result<Bytes, Denied> {
        if self.decoder.is_none() && self.guard.passes_untouched(&data) {
            self.guard.capture.add(&data);
            self.record_live()?;
            return Ok(data);
        }
        let mut out = Vec::with_capacity(data.len() + 64);
        match &mut self.decoder {
            None => self.guard.pass(&data, &mut out)?,
            Some(decoder) => {
                self.decoded.clear();
                decoder.push(&data, &mut self.decoded).map_err(|error| undecodable(error.0))?;
                self.guard.pass(&self.decoded, &mut out)?;
            }
        }
        if !out.is_empty() {
            self.record_live()?;
        }
        Ok(out.into())
    }

    fn finish(&mut self) -> Result<Bytes, Denied> {
        let mut out = Vec::new();
        if let Some(decoder) = &mut self.decoder {
            self.decoded.clear();
            decoder.finish(&mut self.decoded).map_err(|error| undecodable(error.0))?;
            self.guard.pass(&self.decoded, &mut out)?;
        }
        self.guard.finish(&mut out)?;
        if matches!(self.head, Head::Recorded) {
            self.record_rest("complete")?;
        }
        Ok(out.into())
    }

    fn record_live(&mut self) -> Result<(), Denied> {
        if !self.live {
            return Ok(());
        }
        let mut data = String::new();
        let bytes = self.guard.capture.length();
        self.guard.capture.write(Object::begin(&mut data).raw("body"));
        self.guard.count(bytes, 0);
        self.guard.record(EventKind::HttpChunk, Direction::S2c, data)
    }

    fn record_rest(&mut self, end: &str) -> Result<(), Denied> {
        self.guard.count(self.guard.capture.length(), 0);
        let mut data = String::new();
        let mut rest = Object::begin(&mut data);
        self.guard.capture.write(rest.raw("body"));
        rest.value("total_us", self.guard.elapsed_us()).word("end", end);
        // They are cleared and masked already, and are sent only after a body that came to its end.
        write_trailers(&mut rest, self.trailers.as_ref().filter(|_| self.drained), |_, _| None);
        drop(rest);
        self.guard.record(EventKind::HttpChunk, Direction::S2c, data)
    }

    /// Ends the body early: the client's body is cut; if the client has nothing yet, the reply becomes
    /// `refused`.
    fn cut(&mut self, end: &str, why: &'static str, refused: Denied) -> Cut {
        self.ended = true;
        if !matches!(self.head, Head::Recorded) {
            self.head = Head::Refused(refused);
        } else if let Err(denied) = self.record_rest(end) {
            tracing::error!(code = %denied.code, "the end of a reply could not be recorded");
        }
        Cut(why)
    }
}

impl Body for Through {
    type Data = Bytes;
    type Error = Cut;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Cut>>> {
        self.get_mut().poll(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.ended && self.first.is_none()
    }

    fn size_hint(&self) -> SizeHint {
        self.length.map_or_else(SizeHint::default, SizeHint::with_exact)
    }
}

impl Drop for Through {
    fn drop(&mut self) {
        // If the body has not begun, the guard records the failure.
        if !self.ended && matches!(self.head, Head::Recorded) {
            self.cut("client_gone", "the client went away", broken_off());
        }
    }
}

#[cfg(test)]
mod tests;
