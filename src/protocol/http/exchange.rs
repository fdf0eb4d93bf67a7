//! One request from its head to its reply: the steps of the pipeline applied to HTTP.

use std::pin::Pin;
use std::sync::Arc;

use bytes::Bytes;
use http::HeaderMap;
use http::Request;
use http::Response;
use http::header;
use http::request::Parts;
use hyper::body::Body;
use hyper::body::Incoming;

use crate::domain::Command;
use crate::domain::Denied;
use crate::domain::EventKind;
use crate::domain::MaskNote;
use crate::domain::Protocol;
use crate::domain::json::push_string;
use crate::domain::json::write::Array;
use crate::domain::json::write::Object;
use crate::mask::Notes;
use crate::pipeline::CommandRecord;
use crate::pipeline::Exchange;
use crate::pipeline::Gate;
use crate::pipeline::Judged;
use crate::pipeline::body::Capture;
use crate::pipeline::snapshot::Governed;
use crate::protocol::http::back;
use crate::protocol::http::body::Upload;
use crate::protocol::http::command;
use crate::protocol::http::hold;
use crate::protocol::http::websocket;
use crate::protocol::web::App;
use crate::protocol::web::body::ReplyBody;
use crate::protocol::web::body::RequestBody;
use crate::protocol::web::body::Sent;
use crate::protocol::web::headers;
use crate::protocol::web::outgoing::Outgoing;
use crate::protocol::web::reply;
use crate::protocol::web::request;
use crate::protocol::web::request::Origin;
use crate::protocol::web::request::read_whole;
use crate::protocol::web::tags::Tags;
use crate::protocol::web::upstream;
use crate::transport::listen::OpenStreams;

/// A request body up to this length is read before the command is recorded, so that it is recorded in one
/// piece.
const READ_FIRST: u64 = 64 << 10;

/// Answers requests on connections to HTTP APIs.
pub struct HttpApp {
    gate: Gate,
    open: OpenStreams,
}

impl HttpApp {
    /// Creates an app. `open` counts the streams that are handed over to a WebSocket.
    pub fn new(gate: Gate, open: OpenStreams) -> Self {
        Self { gate, open }
    }
}

impl App for HttpApp {
    fn protocol(&self) -> Protocol {
        Protocol::Http
    }

    fn answer(
        &self,
        origin: Origin,
        request: Request<Incoming>,
    ) -> Pin<Box<dyn Future<Output = Response<ReplyBody>> + '_>> {
        Box::pin(async move { answer(self, &origin, request).await })
    }
}

async fn answer(app: &HttpApp, origin: &Origin, mut request: Request<Incoming>) -> Response<ReplyBody> {
    let upgrade = websocket::requested(request.headers())
        .then(|| websocket::Upgrade { client: hyper::upgrade::on(&mut request), open: app.open.clone() });
    let (head, body) = request.into_parts();
    let (exchange, rest) = match request::enter(&app.gate, Protocol::Http, origin, &head).await {
        Ok(entered) => entered,
        Err(denied) => return reply::problem(&denied, origin.request, None),
    };
    let session = exchange.session_id();
    match run(exchange, &head, rest, body, upgrade).await {
        Ok(response) => response,
        Err(denied) => reply::problem(&denied, origin.request, Some(session)),
    }
}

/// `rest`: the path behind the connection's name.
async fn run(
    exchange: Exchange,
    head: &Parts,
    rest: &str,
    mut body: Incoming,
    upgrade: Option<websocket::Upgrade>,
) -> Result<Response<ReplyBody>, Denied> {
    let governed = Arc::clone(exchange.governed());
    let mut recorder = RequestRecorder {
        version: head.version,
        headers: &head.headers,
        governed: &governed,
        notes: Notes::default(),
    };
    let (judged, whole) = judge(&exchange, head, rest, &mut body, &mut recorder).await?;

    let (path, query) =
        judged.command.http().map(|http| (http.path.clone(), http.query.clone())).unwrap_or_default();
    let masks = !governed.plan.is_empty();
    let address = if masks { format!("{path}?{query}") } else { String::new() };
    let changes = [http::Method::PUT, http::Method::PATCH, http::Method::DELETE].contains(&head.method);
    let tags = masks.then_some(Tags { plan: &governed.plan, address: &address, changes });
    let mut headers =
        headers::to_target(&head.headers, &governed.connection, tags, exchange.may_read_bodies());
    if upgrade.is_some() {
        if masks && !judged.is_denied() {
            let denied = crate::pipeline::unmaskable("frames of a WebSocket are not masked");
            return Err(exchange.refuse(recorder.command(&judged.command, None), denied).await);
        }
        websocket::offer(&head.headers, &mut headers);
    }
    let held = judged.holds().then(|| {
        hold::remove_attempt_headers(&mut headers);
        let reason =
            head.headers.get("hoopctl-reason").and_then(|value| value.to_str().ok()).unwrap_or_default();
        hold::held(&judged.command, &headers, whole.as_deref().unwrap_or_default(), &governed, reason)
    });
    let text = whole.as_ref().map(|bytes| recorder.body(bytes, exchange.capture()));
    let record = recorder.command(&judged.command, text.as_deref());
    let (body, sent) = outgoing_body(body, whole, &exchange, &head.headers);
    let outgoing = Outgoing { method: head.method.clone(), path, query, headers, body };
    // One watch for the request and the reply: creating one is cheap, waiting on one is not.
    let mut end = std::pin::pin!(exchange.end_watch().wait());
    let permit = exchange.admit(judged, record, outgoing, held).await?;
    let (answered, guard) = upstream::send(permit, sent.as_ref(), end.as_mut()).await;
    match answered {
        Ok(response) => {
            let asked = back::Asked { head_only: head.method == http::Method::HEAD, address, upgrade };
            back::reply(response, guard, asked, end).await
        }
        Err(denied) => Err(back::failed(guard, denied)),
    }
}

/// Reads as much of the request as is needed to judge it, and to hold or record it in one piece.
async fn judge(
    exchange: &Exchange,
    head: &Parts,
    rest: &str,
    body: &mut Incoming,
    recorder: &mut RequestRecorder<'_>,
) -> Result<(Judged, Option<Bytes>), Denied> {
    let mut command = match command::command(&head.method, rest, head.uri.query(), &head.headers) {
        Ok(command) => command,
        Err(denied) => {
            let record = recorder.unparsed(head.method.as_str(), head.uri.path());
            return Err(exchange.refuse(record, denied).await);
        }
    };
    let limit = exchange.governed().connection.limits.body;
    let mut whole = None;
    if exchange.wants_args(&command) {
        match read_whole(body, limit, exchange)
            .await
            .and_then(|bytes| Ok((command::args(&head.headers, &bytes)?, bytes)))
        {
            Ok((args, bytes)) => {
                command = command.with_args(args);
                whole = Some(bytes);
            }
            Err(denied) => return Err(exchange.refuse(recorder.command(&command, None), denied).await),
        }
    }
    let judged = exchange.judge(command);
    if whole.is_none() && body.is_end_stream() {
        return Ok((judged, Some(Bytes::new())));
    }
    let short = body.size_hint().exact().is_some_and(|length| length <= READ_FIRST);
    let form = command::is_form(&head.headers);
    if whole.is_none() && (judged.holds() || (judged.passes() && (short || form))) {
        let limit = if judged.holds() || form { limit } else { READ_FIRST };
        match read_whole(body, limit, exchange)
            .await
            .and_then(|bytes| command::check_overrides(&head.headers, &bytes).map(|()| bytes))
        {
            Ok(bytes) => whole = Some(bytes),
            Err(denied) => {
                return Err(exchange.refuse(recorder.command(&judged.command, None), denied).await);
            }
        }
    }
    Ok((judged, whole))
}

/// Returns the body to send: the bytes that were read whole, or the client's own stream, recorded and
/// watched.
fn outgoing_body(
    body: Incoming,
    whole: Option<Bytes>,
    exchange: &Exchange,
    headers: &HeaderMap,
) -> (RequestBody, Option<Arc<Sent>>) {
    match whole {
        Some(bytes) if bytes.is_empty() => (RequestBody::Empty, None),
        Some(bytes) => (RequestBody::Whole(Some(bytes)), None),
        None if body.is_end_stream() => (RequestBody::Empty, None),
        None => {
            let sent = Arc::new(Sent::default());
            (RequestBody::Through(Box::pin(Upload::new(body, exchange, headers, &sent))), Some(sent))
        }
    }
}

/// Writes the request's event.
struct RequestRecorder<'a> {
    version: http::Version,
    headers: &'a HeaderMap,
    governed: &'a Governed,
    notes: Notes,
}

impl RequestRecorder<'_> {
    /// Records a request that could not be parsed, with its path as it was sent.
    fn unparsed(&mut self, method: &str, path: &str) -> CommandRecord {
        self.record(method, path, "", "unknown", None)
    }

    fn command(&mut self, command: &Command, body: Option<&str>) -> CommandRecord {
        let query = command.http().map_or("", |http| &http.query);
        self.record(command.method(), command.path(), query, command.class.as_str(), body)
    }

    fn record(
        &mut self,
        method: &str,
        path: &str,
        query: &str,
        class: &str,
        body: Option<&str>,
    ) -> CommandRecord {
        let mut data = String::with_capacity(1 << 10);
        let mut request = Object::begin(&mut data);
        request.text("method", method);
        let plan = &self.governed.plan;
        let masked = if path.is_empty() { None } else { plan.text(path, "path", &mut self.notes) };
        request.text("path", masked.as_deref().unwrap_or(path));
        let masked = plan.query(query, &mut self.notes);
        request.text("query", masked.as_deref().unwrap_or(query));
        request.word("http", if self.version == http::Version::HTTP_2 { "2" } else { "1.1" });
        request.word("class", class);
        write_headers(&mut request, self.headers, |name, value| {
            self.governed.plan.header(name, value, &mut self.notes)
        });
        request.value("body", body.unwrap_or("null"));
        drop(request);
        let mask: Vec<MaskNote> = if self.notes.is_empty() { Vec::new() } else { self.notes.take() };
        CommandRecord { kind: EventKind::HttpRequest, data, mask }
    }

    /// Writes a body that was read whole.
    fn body(&mut self, bytes: &[u8], capture: Capture) -> String {
        let (text, notes) = body_text(self.headers, bytes, self.governed, capture);
        self.notes.merge(&notes);
        text
    }
}

/// Writes a request's body for the recording: masked on a masked connection, withheld if that is not
/// possible.
pub(super) fn body_text(
    headers: &HeaderMap,
    bytes: &[u8],
    governed: &Governed,
    mut capture: Capture,
) -> (String, Notes) {
    let mut out = String::new();
    if bytes.is_empty() || governed.plan.is_empty() {
        capture.add(bytes);
        capture.write(&mut out);
        return (out, Notes::default());
    }
    if let Some((masked, notes)) = hold::masked_with_notes(headers, bytes, governed) {
        capture.add(&masked);
        capture.write(&mut out);
        return (out, notes);
    }
    out.push_str(&governed.plan.withheld(bytes));
    (out, Notes::default())
}

/// Adds the trailers of a body, if there are any.
pub(super) fn write_trailers(
    out: &mut Object<'_>,
    trailers: Option<&HeaderMap>,
    masked: impl FnMut(&str, &[u8]) -> Option<Vec<u8>>,
) {
    if let Some(trailers) = trailers.filter(|trailers| !trailers.is_empty()) {
        write_pairs(out.array("trailers"), trailers, masked);
    }
}

/// Adds headers as an array of pairs, without credentials.
pub(super) fn write_headers(
    out: &mut Object<'_>,
    headers: &HeaderMap,
    masked: impl FnMut(&str, &[u8]) -> Option<Vec<u8>>,
) {
    write_pairs(out.array("headers"), headers, masked);
}

fn write_pairs(
    mut pairs: Array<'_>,
    headers: &HeaderMap,
    mut masked: impl FnMut(&str, &[u8]) -> Option<Vec<u8>>,
) {
    for (name, value) in headers {
        let out = pairs.item();
        out.push_str("[\"");
        out.push_str(name.as_str());
        out.push_str("\",");
        let secret = [header::AUTHORIZATION, header::COOKIE, header::PROXY_AUTHORIZATION].contains(name);
        let replaced =
            if secret { Some(b"[withheld]".to_vec()) } else { masked(name.as_str(), value.as_bytes()) };
        let text = String::from_utf8_lossy(replaced.as_deref().unwrap_or(value.as_bytes()));
        push_string(&text, out);
        out.push(']');
    }
}
