//! The exchanges of an MCP recording as one JSON document, for a test or a demo that plays the target.
//!
//! ```json
//! {"hoopctl":"mcp-fixture","v":1,"session":"ses_…","connection":"tools","exchanges":[
//!   {"request":{"http":"POST","method":"tools/call","params":{"name":"echo"}},"status":200,
//!    "responses":[{"jsonrpc":"2.0","id":3,"result":{"content":[]}}]}
//! ]}
//! ```
//!
//! - `exchanges` are in the order of the requests. Only requests that the target answered are included:
//!   refused ones never reached it, and notifications have no answer.
//! - `request.params` are those of the client, without the `progressToken` in their `_meta`; absent if there
//!   are none. A stream that the client opened has `http` GET, the method `stream/open`, and no end.
//! - `responses` are the target's messages in order, including requests and notifications, as the client
//!   received them: filtered and masked. The `id` of a result or an error, and the `progressToken` of
//!   progress, are those of the recording; a server of the document replaces them with those of its own
//!   client.
//! - `status` is the HTTP status.
//! - `"masked":true` marks exchanges with masked values: the original request may have held other values.

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::io;
use std::io::Write;

use ahash::AHashMap;

use crate::domain::connection::Protocol;
use crate::domain::event::Direction;
use crate::domain::event::Event;
use crate::domain::event::EventKind;
use crate::domain::id::RequestId;
use crate::domain::json::Json;
use crate::domain::json::push_string;
use crate::recording::export::ExportError;
use crate::recording::export::must_speak;
use crate::recording::export::not_written;
use crate::recording::line::StoredEvent;
use crate::recording::replay::mcp_message;
use crate::recording::session::SessionRow;

/// Maximum number of exchanges that wait for their end. Beyond it the oldest is left out.
const MAX_OPEN: usize = 10_000;
/// Maximum size of these exchanges in bytes, in total.
const MAX_OPEN_BYTES: usize = 64 << 20;
/// Maximum nesting depth of an event's data.
const MAX_DEPTH: usize = 16;

/// Result of an MCP export.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct McpFixture {
    /// Exchanges in the document.
    pub exchanges: u64,
    /// Exchanges that were left out although the target sent something: one of their messages is not recorded
    /// in full, or they have no end.
    pub left_out: u64,
}

/// Writes the exchanges of an MCP recording as one JSON document that a fake target can serve.
///
/// # Errors
/// Errors from `events`, `out` that cannot be written, and, before anything is written, a session that is not
/// MCP.
pub fn write_mcp_fixture<E: Into<ExportError>>(
    session: &SessionRow,
    events: impl Iterator<Item = Result<StoredEvent, E>>,
    out: &mut impl Write,
) -> Result<McpFixture, ExportError> {
    must_speak(session, Protocol::Mcp, "MCP")?;
    let mut head =
        format!("{{\"hoopctl\":\"mcp-fixture\",\"v\":1,\"session\":\"{}\",\"connection\":", session.id);
    push_string(&session.connection, &mut head);
    head.push_str(",\"exchanges\":[");
    out.write_all(head.as_bytes()).map_err(not_written)?;
    let mut exchanges = Exchanges::default();
    for event in events {
        exchanges.add(&event.map_err(Into::into)?, out).map_err(not_written)?;
    }
    exchanges.finish(out).map_err(not_written)?;
    out.write_all(b"\n]}\n").and_then(|()| out.flush()).map_err(not_written)?;
    Ok(exchanges.written)
}

/// A request, and the target's messages for it so far.
#[expect(clippy::struct_excessive_bools, reason = "five things that are true or not, each by itself")]
struct Exchange {
    corr: RequestId,
    /// The request as it appears in the document.
    request: String,
    is_stream: bool,
    status: i64,
    /// The target's messages, joined.
    responses: String,
    masked: bool,
    /// The target has sent something.
    has_come: bool,
    is_answered: bool,
    /// A part of the exchange is missing.
    is_broken: bool,
}

#[derive(Default)]
struct Exchanges {
    /// Open exchanges by the number of their event.
    open: BTreeMap<u64, Exchange>,
    by_request: AHashMap<RequestId, u64>,
    bytes: usize,
    written: McpFixture,
}

impl Exchanges {
    fn add(&mut self, stored: &StoredEvent, out: &mut impl Write) -> io::Result<()> {
        let event = &stored.event;
        let Some(corr) = event.corr else { return Ok(()) };
        match (event.kind, event.dir) {
            (EventKind::McpMessage, Some(Direction::C2s)) => {
                let exchange = Exchange::of(event, corr);
                self.bytes += exchange.size();
                self.open.insert(stored.seq, exchange);
                self.by_request.insert(corr, stored.seq);
            }
            (EventKind::McpMessage | EventKind::Error, _) => {
                let place = self.by_request.get(&corr);
                let Some(exchange) = place.and_then(|seq| self.open.get_mut(seq)) else { return Ok(()) };
                let before = exchange.size();
                exchange.go_on(event);
                self.bytes = self.bytes.saturating_sub(before) + exchange.size();
            }
            _ => return Ok(()),
        }
        while self.open.first_key_value().is_some_and(|(_, oldest)| oldest.is_over())
            || self.open.len() > MAX_OPEN
            || (self.bytes > MAX_OPEN_BYTES && self.open.len() > 1)
        {
            self.write_oldest(out)?;
        }
        Ok(())
    }

    fn write_oldest(&mut self, out: &mut impl Write) -> io::Result<()> {
        let Some((seq, exchange)) = self.open.pop_first() else { return Ok(()) };
        self.bytes = self.bytes.saturating_sub(exchange.size());
        if self.by_request.get(&exchange.corr) == Some(&seq) {
            self.by_request.remove(&exchange.corr);
        }
        if !exchange.has_come {
            return Ok(());
        }
        if exchange.is_broken || !(exchange.is_answered || exchange.is_stream) {
            self.written.left_out += 1;
            return Ok(());
        }
        out.write_all(if self.written.exchanges == 0 { b"\n" } else { b",\n" })?;
        self.written.exchanges += 1;
        let Exchange { request, status, responses, masked, .. } = exchange;
        let masked = if masked { "\"masked\":true," } else { "" };
        write!(out, "{{\"request\":{request},\"status\":{status},{masked}\"responses\":[{responses}]}}")
    }

    fn finish(&mut self, out: &mut impl Write) -> io::Result<()> {
        while !self.open.is_empty() {
            self.write_oldest(out)?;
        }
        Ok(())
    }
}

impl Exchange {
    fn of(event: &Event, corr: RequestId) -> Self {
        let data = Json::parse(event.data.as_bytes(), MAX_DEPTH).unwrap_or(Json::Null);
        let text = |name| data.member(name).and_then(Json::as_str).unwrap_or_default();
        let message = mcp_message(&data);
        let is_stream = text("http") == "GET";
        let mut request = String::from("{\"http\":");
        push_string(text("http"), &mut request);
        request.push_str(",\"method\":");
        push_string(text("method"), &mut request);
        if let Some(params) = message.as_ref().and_then(|message| message.member("params")) {
            request.push_str(",\"params\":");
            request.push_str(&without_token(params).to_string());
        }
        request.push('}');
        Self {
            corr,
            request,
            is_stream,
            status: 200,
            responses: String::new(),
            masked: !event.mask.is_empty(),
            has_come: false,
            is_answered: false,
            is_broken: message.is_none() && !is_stream,
        }
    }

    /// Adds an event that followed the request.
    fn go_on(&mut self, event: &Event) {
        if event.kind == EventKind::Error {
            self.is_broken = true;
            return;
        }
        let data = Json::parse(event.data.as_bytes(), MAX_DEPTH).unwrap_or(Json::Null);
        if data.member("own") == Some(&Json::Bool(true)) {
            // The gateway's own answer in place of the target's.
            return;
        }
        if data.member("refused").is_some() {
            // A target's request that was refused: its content is not recorded, and it never reached the
            // client.
            return;
        }
        self.has_come = true;
        self.masked |= !event.mask.is_empty();
        self.is_broken |= data.member("end").is_some_and(|end| end.as_str() != Some("complete"));
        if let Some(status) = data.member("status").and_then(Json::as_i64) {
            self.status = status;
        }
        let Some(message) = mcp_message(&data) else {
            self.is_broken = true;
            return;
        };
        self.is_answered |= message.member("result").is_some() || message.member("error").is_some();
        if !self.responses.is_empty() {
            self.responses.push(',');
        }
        self.responses.push_str(&message.to_string());
    }

    /// Returns whether nothing more can come. A stream may carry the answers to other requests.
    fn is_over(&self) -> bool {
        !self.is_stream && (self.is_answered || self.is_broken && self.has_come)
    }

    fn size(&self) -> usize {
        self.request.len() + self.responses.len()
    }
}

/// Removes the progress token from the parameters: the client chooses another for each request.
fn without_token(params: &Json) -> Json {
    let Json::Object(members) = params else { return params.clone() };
    let mut members = members.clone();
    for (name, value) in &mut members {
        if let (true, Json::Object(meta)) = (&**name == "_meta", value) {
            meta.retain(|(name, _)| &**name != "progressToken");
        }
    }
    members.retain(|(name, value)| &**name != "_meta" || *value != Json::Object(Vec::new()));
    Json::Object(members)
}
