//! The target side: sends messages, and reads the answer as one message, an event stream, or nothing. (MCP,
//! "Transports", "Streamable HTTP".)

use std::pin::Pin;
use std::sync::Arc;

use bytes::Bytes;
use bytes::BytesMut;
use http::HeaderMap;
use http::HeaderName;
use http::HeaderValue;
use http::Method;
use http::Response;
use http::StatusCode;
use http::Uri;
use http::header;
use http::request::Parts;
use http_body_util::BodyExt;
use hyper::body::Incoming;

use crate::domain::Connection;
use crate::domain::Denied;
use crate::domain::DenyCode;
use crate::domain::SessionEnd;
use crate::domain::text::Shown;
use crate::pipeline::CommandRecord;
use crate::pipeline::Exchange;
use crate::pipeline::Held;
use crate::pipeline::Judged;
use crate::pipeline::Permit;
use crate::pipeline::ReplyGuard;
use crate::pipeline::snapshot::Governed;
use crate::protocol::mcp::codec::sse::Event;
use crate::protocol::mcp::codec::sse::Item;
use crate::protocol::mcp::codec::sse::Reader;
use crate::protocol::mcp::duplex;
use crate::protocol::mcp::duplex::Mail;
use crate::protocol::mcp::duplex::Solo;
use crate::protocol::mcp::duplex::upstream::Letter;
use crate::protocol::mcp::from_client::era::Era;
use crate::protocol::mcp::from_client::era::VERSION;
use crate::protocol::mcp::from_client::era::says_what_the_body_says;
use crate::protocol::mcp::from_client::rewrite;
use crate::protocol::mcp::from_target::context::MOST;
use crate::protocol::mcp::from_target::context::garbage;
use crate::protocol::mcp::server_request::own_answers::OwnAnswer;
use crate::protocol::mcp::state::sessions::Session;
use crate::protocol::mcp::state::sessions::Theirs;
use crate::protocol::mcp::state::shared::McpShared;
use crate::protocol::web::body::RequestBody;
use crate::protocol::web::coding::Decoder;
use crate::protocol::web::headers;
use crate::protocol::web::outgoing::Outgoing;
use crate::protocol::web::upstream;
use crate::transport::media::media_type;

/// The header with the session id.
pub const SESSION: HeaderName = HeaderName::from_static("mcp-session-id");
/// The header with the id of the last event that was received.
pub const LAST_EVENT: HeaderName = HeaderName::from_static("last-event-id");

/// A message to a target.
pub enum Outbound {
    /// A request to a server behind HTTP.
    Http(Outgoing),
    /// A message into a channel.
    Duplex(Letter),
}

/// A permitted [`Outbound`].
pub enum Permitted {
    /// A request to a server behind HTTP.
    Http(Permit<Outgoing>),
    /// A message into a channel.
    Duplex(Permit<Letter>),
}

impl Permitted {
    /// See [`Permit::is_once`].
    pub fn is_once(&self) -> bool {
        match self {
            Self::Http(permit) => permit.is_once(),
            Self::Duplex(permit) => permit.is_once(),
        }
    }
}

/// Calls [`Exchange::admit`] for either kind of target.
///
/// # Errors
/// The command is refused.
pub async fn admit(
    exchange: Exchange,
    judged: Judged,
    record: CommandRecord,
    outbound: Outbound,
    held: Option<Held>,
) -> Result<Permitted, Denied> {
    match outbound {
        Outbound::Http(outgoing) => exchange.admit(judged, record, outgoing, held).await.map(Permitted::Http),
        Outbound::Duplex(letter) => exchange.admit(judged, record, letter, held).await.map(Permitted::Duplex),
    }
}

/// Builds a request to the target. `event` is the target's own event id, in place of the one that the client
/// knows.
pub fn outbound(
    shared: &McpShared,
    head: &Parts,
    connection: &Connection,
    session: Option<&Session>,
    event: Option<&[u8]>,
    body: Option<Bytes>,
) -> Outbound {
    if !connection.is_duplex() {
        let outgoing = outgoing(head.method.clone(), &head.headers, connection, session, event, body);
        return Outbound::Http(outgoing);
    }
    let solo = session.and_then(|session| match &session.upstream {
        Theirs::Solo(solo) => Some(Arc::clone(solo)),
        Theirs::Id(_) => None,
    });
    // In the modern era there is no session, and the head of each request names the era.
    let era = if session.is_some() { Era::Legacy } else { Era::claimed(&head.headers) };
    Outbound::Duplex(Letter::new(shared.programs.clone(), &head.method, solo, body, era))
}

fn outgoing(
    method: Method,
    from: &HeaderMap,
    connection: &Connection,
    session: Option<&Session>,
    event: Option<&[u8]>,
    body: Option<Bytes>,
) -> Outgoing {
    let mut headers = headers::to_target(from, connection, None, true);
    let checked = says_what_the_body_says(from);
    let strange: Vec<HeaderName> =
        headers.keys().filter(|name| !passes(name.as_str(), checked)).cloned().collect();
    for name in strange {
        headers.remove(name);
    }
    if rewrite::speaks_as_the_gateway(&connection.mcp) {
        for name in OF_THE_CLIENT {
            headers.remove(name);
        }
    }
    for name in [SESSION, LAST_EVENT, header::ORIGIN, header::REFERER, header::CONTENT_LENGTH] {
        headers.remove(name);
    }
    if let Some(value) = session.and_then(|session| match &session.upstream {
        Theirs::Id(id) => HeaderValue::from_str(id).ok(),
        Theirs::Solo(_) => None,
    }) {
        headers.insert(SESSION, value);
    }
    if let Some(version) = session.and_then(Session::version) {
        headers.insert(VERSION, HeaderValue::from_static(version));
    }
    if let Some(value) = event.and_then(|event| HeaderValue::from_bytes(event).ok()) {
        headers.insert(LAST_EVENT, value);
    }
    if body.is_some() {
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    }
    let path = if connection.upstream.base_path.is_empty() { "/" } else { "" };
    let body = body.map_or(RequestBody::Empty, |body| RequestBody::Whole(Some(body)));
    Outgoing { method, path: path.into(), query: Box::default(), headers, body }
}

/// Headers that tell one client from another.
const OF_THE_CLIENT: [HeaderName; 2] = [header::ACCEPT_LANGUAGE, header::USER_AGENT];

/// Returns whether a header of the client is sent to the target: only those of the protocol, since nothing
/// else of a request is judged, recorded and shown to approvers. Headers that repeat the body are only sent
/// if they were compared with it (`checked`).
fn passes(name: &str, checked: bool) -> bool {
    const KNOWN: [&str; 9] = [
        "accept",
        "accept-encoding",
        "accept-language",
        "content-type",
        "host",
        "mcp-protocol-version",
        "traceparent",
        "tracestate",
        "user-agent",
    ];
    KNOWN.contains(&name)
        || (checked && (matches!(name, "mcp-method" | "mcp-name") || name.starts_with("mcp-param-")))
}

/// Removes the headers of a held request that differ between attempts or do not matter, so that approvers
/// need not read them.
pub fn remove_attempt_headers(request: &mut Outbound) {
    if let Outbound::Http(outgoing) = request {
        for name in ["accept-language", "traceparent", "tracestate", "user-agent"] {
            outgoing.headers.remove(name);
        }
    }
}

/// Sends a permitted message; returns the target's answer, and always the guard that the reply must pass.
pub async fn send(
    permitted: Permitted,
    end: Pin<&mut impl Future<Output = SessionEnd>>,
) -> (Result<Answered, Denied>, ReplyGuard) {
    let permit = match permitted {
        Permitted::Http(permit) => permit,
        Permitted::Duplex(permit) => return duplex::upstream::send(permit, end).await,
    };
    let (answered, guard) = upstream::send(permit, None, end).await;
    if let Ok(response) = &answered {
        warn_of_redirect(guard.governed(), response);
    }
    let answered = answered.and_then(|response| answered_with(response).map_err(turned_away));
    (answered, guard)
}

/// Marks a failed message as sent, unless the target rejected the gateway's credential.
pub fn turned_away(denied: Denied) -> Denied {
    if denied.code == DenyCode::UpstreamCredential { denied } else { denied.after_sending() }
}

/// Takes a permit back without sending anything. Returns the guard, to record why.
pub fn withhold(permitted: Permitted) -> ReplyGuard {
    match permitted {
        Permitted::Http(permit) => permit.into_parts().1,
        Permitted::Duplex(permit) => permit.into_parts().1,
    }
}

/// Sends one of the gateway's own answers to a target's request in a permitted exchange, without waiting for
/// its delivery.
pub fn answer(
    own: &OwnAnswer,
    source: &Source,
    from: &HeaderMap,
    session: Option<&Session>,
    guard: &ReplyGuard,
) {
    match source {
        Source::Events(_) => {}
        Source::Solo(_, solo) => return solo.answer(own),
        // A shared program sends no requests on a stream.
        Source::Shared(_) => return,
    }
    let body = own.body().into();
    let outgoing = outgoing(Method::POST, from, &guard.governed().connection, session, None, Some(body));
    let sending = upstream::send_own(outgoing, guard);
    tokio::task::spawn_local(async move {
        if let Err(denied) = sending.await {
            tracing::debug!(code = %denied.code, "the target could not be answered");
        }
    });
}

/// The target's answer.
pub struct Answered {
    /// The status.
    pub status: StatusCode,
    /// The session that it opened.
    pub session: Option<Theirs>,
    /// The content.
    pub body: Answer,
}

/// The content of a response.
pub enum Answer {
    /// No message.
    Nothing,
    /// Something that is not a message: an error if a message is expected.
    Strange,
    /// One message.
    One(Incoming, Option<Decoder>),
    /// One message that has been received already.
    Said {
        /// The message.
        body: Bytes,
        /// Whether it is an error.
        failed: bool,
    },
    /// A sequence of messages.
    Stream(Source),
}

/// The source of messages.
pub enum Source {
    /// An event stream over HTTP.
    Events(Box<Events>),
    /// The channel of the session itself.
    Solo(Mail, Arc<Solo>),
    /// A program shared by all clients.
    Shared(Mail),
}

impl Source {
    /// Returns the next item; `None` if there will be none. Cancel safe.
    ///
    /// # Errors
    /// The stream broke off, or a message is too long.
    pub async fn next(&mut self) -> Result<Option<Item>, Denied> {
        match self {
            Self::Events(events) => events.next().await,
            Self::Solo(mail, _) | Self::Shared(mail) => {
                let heard = mail.next().await?;
                Ok(heard.map(|heard| Item::Event(Event { data: heard.body, ..Event::default() })))
            }
        }
    }
}

/// Tells the operator where a target redirects to. Its query is left out, which may hold a secret.
fn warn_of_redirect(governed: &Governed, response: &Response<Incoming>) {
    let status = response.status();
    if status.is_redirection() {
        let location = response.headers().get(header::LOCATION).and_then(|value| value.to_str().ok());
        let location = location.and_then(|location| location.parse::<Uri>().ok());
        let path = location.as_ref().map(Uri::path).unwrap_or_default();
        tracing::warn!(connection = %governed.connection.name, status = status.as_u16(), path = %Shown(path), "the target redirects, which is not followed: set the connection's upstream to the address that it leads to");
    }
}

/// Checks that a status neither rejects the gateway nor redirects it.
///
/// # Errors
/// It does.
pub fn lets_in(status: StatusCode) -> Result<(), Denied> {
    if matches!(
        status,
        StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN | StatusCode::PROXY_AUTHENTICATION_REQUIRED
    ) {
        return Err(Denied::new(
            DenyCode::UpstreamCredential,
            "the target rejected the gateway's credential; tell its operator",
        )
        .because("target_401"));
    }
    if status.is_redirection() {
        return Err(garbage("it redirects").because("target_redirect"));
    }
    Ok(())
}

/// Returns the refusal of an [`Answer::Strange`].
pub fn strange(governed: &Governed) -> Denied {
    tracing::warn!(connection = %governed.connection.name, "the target answered in a type that is not MCP's");
    garbage("its answer is neither JSON nor a stream of events")
}

/// Classifies a response.
///
/// # Errors
/// It rejects the gateway, or its head violates the protocol.
pub fn answered_with(response: Response<Incoming>) -> Result<Answered, Denied> {
    let (head, body) = response.into_parts();
    lets_in(head.status)?;
    let session = match head.headers.get(SESSION) {
        None => None,
        Some(value) => {
            let visible = value.as_bytes().iter().all(|byte| (0x21..=0x7e).contains(byte));
            let text = value.to_str().ok().filter(|text| visible && !text.is_empty() && text.len() <= 1024);
            Some(Theirs::from(text.ok_or_else(|| garbage("the id of its session is not visible ASCII"))?))
        }
    };
    let essence = media_type(&head.headers).unwrap_or_default().to_ascii_lowercase();
    let body = match &*essence {
        "text/event-stream" if head.status == StatusCode::OK => {
            Answer::Stream(Source::Events(Box::new(Events::new(body, decoder(&head.headers)?))))
        }
        "application/json" => Answer::One(body, decoder(&head.headers)?),
        _ if head.status == StatusCode::OK && !hyper::body::Body::is_end_stream(&body) => {
            // A body without a type may turn out to be empty; that is fine if no message is expected.
            Answer::Strange
        }
        _ => Answer::Nothing,
    };
    Ok(Answered { status: head.status, session, body })
}

fn decoder(headers: &HeaderMap) -> Result<Option<Decoder>, Denied> {
    Decoder::of_headers(headers)
        .map_err(|_unknown| garbage("the Content-Encoding of its answer is not supported"))
}

/// Reads a response that is one message.
pub async fn one(
    mut body: Incoming,
    mut decoder: Option<Decoder>,
    mut end: Pin<&mut impl Future<Output = SessionEnd>>,
) -> Result<Bytes, Denied> {
    let mut whole = BytesMut::new();
    let mut decoded = Vec::new();
    loop {
        let frame = tokio::select! {
            biased;
            end = end.as_mut() => return Err(crate::pipeline::session_ended(end)),
            frame = body.frame() => frame,
        };
        let Some(frame) = frame else { break };
        let Ok(data) = frame.map_err(|_broken| cut())?.into_data() else { continue };
        match &mut decoder {
            // Usually it arrives in one piece, which need not be copied.
            None if whole.is_empty() && hyper::body::Body::is_end_stream(&body) && data.len() <= MOST => {
                return Ok(data);
            }
            None => whole.extend_from_slice(&data),
            Some(decoder) => {
                decoded.clear();
                decoder
                    .push(&data, &mut decoded)
                    .map_err(|_broken| garbage("its answer cannot be decompressed"))?;
                whole.extend_from_slice(&decoded);
            }
        }
        if whole.len() > MOST {
            return Err(garbage("its answer is longer than 16 MiB"));
        }
    }
    if let Some(decoder) = &mut decoder {
        decoded.clear();
        decoder.finish(&mut decoded).map_err(|_broken| garbage("its answer cannot be decompressed"))?;
        whole.extend_from_slice(&decoded);
    }
    Ok(whole.freeze())
}

fn cut() -> Denied {
    Denied::new(DenyCode::UpstreamUnavailable, "the target aborted its reply").because("target_cut")
}

/// An event stream from a target.
pub struct Events {
    body: Incoming,
    decoder: Option<Decoder>,
    reader: Reader,
}

impl Events {
    fn new(body: Incoming, decoder: Option<Decoder>) -> Self {
        Self { body, decoder, reader: Reader::new(MOST) }
    }

    /// Returns the next item; `None` if the stream has ended. Cancel safe.
    ///
    /// # Errors
    /// The stream broke off, or an event is too long.
    pub async fn next(&mut self) -> Result<Option<Item>, Denied> {
        loop {
            if let Some(item) =
                self.reader.take().map_err(|_long| garbage("an event is longer than 16 MiB"))?
            {
                return Ok(Some(item));
            }
            let Some(frame) = self.body.frame().await else { return Ok(None) };
            let Ok(data) = frame.map_err(|_broken| cut())?.into_data() else { continue };
            match &mut self.decoder {
                None => self.reader.push(data),
                Some(decoder) => {
                    let mut decoded = Vec::new();
                    decoder
                        .push(&data, &mut decoded)
                        .map_err(|_broken| garbage("its answer cannot be decompressed"))?;
                    self.reader.push(decoded.into());
                }
            }
        }
    }
}
