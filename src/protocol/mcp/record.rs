//! The events for messages: an `mcp.message` for each one, in either direction, masked.

use crate::domain::EventKind;
use crate::domain::json::write::Object;
use crate::mask::Notes;
use crate::mask::mcp::Answer;
use crate::mask::mcp::Side;
use crate::mask::mcp::mask_message;
use crate::pipeline::CommandRecord;
use crate::pipeline::Exchange;
use crate::pipeline::body::Capture;

/// A message of the client, or a request without one.
pub struct FromClient<'a> {
    /// The HTTP method.
    pub http: &'a str,
    /// The MCP method; empty for a request that could not be read.
    pub method: &'a str,
    /// The name in the request, or empty.
    pub name: &'a str,
    /// Its class.
    pub class: &'a str,
    /// The gateway's id of the MCP session, or empty.
    pub session: &'a str,
    /// The message, or empty.
    pub body: &'a [u8],
}

impl FromClient<'_> {
    /// Builds the record, with masked values masked.
    pub fn record(&self, exchange: &Exchange) -> CommandRecord {
        let plan = &exchange.governed().plan;
        let mut notes = Notes::default();
        let mut data = String::with_capacity(160 + self.body.len());
        let mut record = Object::begin(&mut data);
        record.word("http", self.http);
        for (member, value) in [("method", self.method), ("name", self.name)] {
            if !value.is_empty() {
                let masked = plan.text(value, member, &mut notes);
                record.text(member, masked.as_deref().unwrap_or(value));
            }
        }
        record.word("class", self.class);
        if let Some(start) = self.session.get(..8) {
            // Whoever knows the whole id could go on with the session.
            record.word("session", format_args!("{start}…"));
        }
        let body = record.raw("body");
        let mut capture = exchange.capture();
        match mask_message(plan, self.body, Side::Client, Answer::default(), &mut notes) {
            _ if self.body.is_empty() => body.push_str("null"),
            Ok(masked) => {
                capture.add(masked.as_deref().unwrap_or(self.body));
                capture.write(body);
            }
            Err(_unmaskable) => body.push_str(&plan.withheld(self.body)),
        }
        drop(record);
        CommandRecord { kind: EventKind::McpMessage, data, mask: notes.take() }
    }
}

/// Writes the event's data for a message in which the gateway itself answered in place of the target.
/// `total_us` is set with the last message of the exchange.
pub fn of_gateway(capture: Capture, body: &[u8], total_us: Option<u64>) -> String {
    let mut data = from_target(capture, body, 200, total_us.map(|total_us| ("complete", total_us)));
    if data.pop().is_some() {
        data.push_str(",\"own\":true}");
    }
    data
}

/// The event's data for a status that came back with no message that goes on: with it the exchange is over.
pub fn of_status(status: u16, total_us: u64) -> String {
    format!("{{\"status\":{status},\"body\":null,\"total_us\":{total_us},\"end\":\"complete\"}}")
}

/// The event's data for a message that came back. `end` says how the exchange went, with its last message.
pub fn from_target(mut capture: Capture, body: &[u8], status: u16, end: Option<(&str, u64)>) -> String {
    let mut data = String::with_capacity(96 + body.len());
    let mut record = Object::begin(&mut data);
    record.value("status", status);
    capture.add(body);
    capture.write(record.raw("body"));
    if let Some((end, total_us)) = end {
        record.value("total_us", total_us).word("end", end);
    }
    drop(record);
    data
}
