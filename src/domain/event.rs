//! One event of a recording, as used by recordings, exports and the live stream.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::domain::id::{RequestId, SessionId};
use crate::domain::json::push_bytes;
use crate::domain::json::push_number;

/// The kind of an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum EventKind {
    /// A decision about an approval was made by one approver.
    #[serde(rename = "approval.decided")]
    ApprovalDecided,
    /// An approval ended without a decision.
    #[serde(rename = "approval.expired")]
    ApprovalExpired,
    /// A command is held.
    #[serde(rename = "approval.requested")]
    ApprovalRequested,
    /// The policies' verdict on a command.
    #[serde(rename = "decision")]
    Decision,
    /// Something failed.
    #[serde(rename = "error")]
    Error,
    /// A piece of a streamed body, or a WebSocket frame.
    #[serde(rename = "http.chunk")]
    HttpChunk,
    /// An HTTP request.
    #[serde(rename = "http.request")]
    HttpRequest,
    /// An HTTP response.
    #[serde(rename = "http.response")]
    HttpResponse,
    /// A note of an operator, or of the gateway about something beside the commands.
    #[serde(rename = "marker")]
    Marker,
    /// A message of MCP, in either direction.
    #[serde(rename = "mcp.message")]
    McpMessage,
    /// Values were masked.
    #[serde(rename = "mask")]
    Mask,
    /// A session ended.
    #[serde(rename = "session.end")]
    SessionEnd,
    /// A session began.
    #[serde(rename = "session.start")]
    SessionStart,
    /// A SQL statement is done: its tag, rows and bytes, or how it failed.
    #[serde(rename = "sql.done")]
    SqlDone,
    /// A message from a SQL target that belongs to no reply: a notice, a notification, a setting; masked, up
    /// to a limit.
    #[serde(rename = "sql.notice")]
    SqlNotice,
    /// A SQL statement, with its parameters.
    #[serde(rename = "sql.query")]
    SqlQuery,
    /// Rows that a SQL statement returned, masked, up to a limit.
    #[serde(rename = "sql.rows")]
    SqlRows,
}

impl EventKind {
    /// All kinds.
    pub const ALL: [Self; 17] = [
        Self::ApprovalDecided,
        Self::ApprovalExpired,
        Self::ApprovalRequested,
        Self::Decision,
        Self::Error,
        Self::HttpChunk,
        Self::HttpRequest,
        Self::HttpResponse,
        Self::Marker,
        Self::Mask,
        Self::McpMessage,
        Self::SessionEnd,
        Self::SessionStart,
        Self::SqlDone,
        Self::SqlNotice,
        Self::SqlQuery,
        Self::SqlRows,
    ];

    /// Returns the word for it in records and exports.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::ApprovalDecided => "approval.decided",
            Self::ApprovalExpired => "approval.expired",
            Self::ApprovalRequested => "approval.requested",
            Self::Decision => "decision",
            Self::Error => "error",
            Self::HttpChunk => "http.chunk",
            Self::HttpRequest => "http.request",
            Self::HttpResponse => "http.response",
            Self::Marker => "marker",
            Self::Mask => "mask",
            Self::McpMessage => "mcp.message",
            Self::SessionEnd => "session.end",
            Self::SessionStart => "session.start",
            Self::SqlDone => "sql.done",
            Self::SqlNotice => "sql.notice",
            Self::SqlQuery => "sql.query",
            Self::SqlRows => "sql.rows",
        }
    }
}

impl fmt::Display for EventKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The direction of a part of the conversation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Direction {
    /// From the client to the target.
    C2s,
    /// From the target to the client.
    S2c,
}

/// How many values were masked, never which.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MaskNote {
    /// The detector, or `field` for a rule by name.
    pub entity: String,
    /// The field's name or the location (`text`, `header:…`).
    pub at: String,
    /// The number of values.
    pub n: u64,
}

impl MaskNote {
    /// Appends notes as JSON, as [`MaskNote`] reads it.
    pub fn write_all(notes: &[Self], out: &mut Vec<u8>) {
        out.push(b'[');
        for (place, note) in notes.iter().enumerate() {
            out.extend_from_slice(if place == 0 { b"{\"entity\":" } else { b",{\"entity\":" });
            push_bytes(note.entity.as_bytes(), out);
            out.extend_from_slice(b",\"at\":");
            push_bytes(note.at.as_bytes(), out);
            out.extend_from_slice(b",\"n\":");
            push_number(note.n, out);
            out.push(b'}');
        }
        out.push(b']');
    }
}

/// One event before it is recorded. The journal assigns its number and hash, in order of arrival.
#[derive(Debug, Clone)]
pub struct Event {
    /// The session it belongs to.
    pub session: SessionId,
    /// Microseconds since the session's start, on a monotonic clock.
    pub t_us: u64,
    /// Milliseconds since 1970.
    pub ts_ms: i64,
    /// Its kind.
    pub kind: EventKind,
    /// Its direction, for parts of the conversation.
    pub dir: Option<Direction>,
    /// The request it belongs to.
    pub corr: Option<RequestId>,
    /// Its content, one JSON object as text, with masked values masked.
    pub data: String,
    /// What was masked in it.
    pub mask: Vec<MaskNote>,
}
