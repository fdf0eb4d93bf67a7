//! One JSON-RPC 2.0 message: its kind, and the places of its parts. (JSON-RPC 2.0; MCP 2026-07-28, basic,
//! "Messages".)
//!
//! [`Message::scan`] reads the bytes once and keeps them. Reading is strict: UTF-8 without a byte order mark;
//! one object and nothing after it; no batch; no member name twice in one object, after unescaping, at any
//! depth (in results only at their own level, see [`Limits::once_in_results`]); no name that a lenient reader
//! takes for a known one ([`names::look_up`]); `jsonrpc` exactly `"2.0"`; an id that every reader parses
//! alike; one of `method`, `result` and `error`; `params`, `result` and `error` objects. Further requirements
//! of a method, such as a name for `tools/call`, are checked when it is judged.

mod fields;
pub mod id;
pub mod names;
pub mod refusal;
mod scan;

use std::borrow::Cow;

use bytes::Bytes;

use crate::domain::json::cursor::Span;

pub(in crate::protocol::mcp::codec) use fields::Fields;
pub(in crate::protocol::mcp::codec) use fields::Place;
pub use fields::Value;
use id::Id;
use names::ErrorField;
use names::Meta;
use names::Param;
use names::RefField;
use names::ResultField;
use names::Top;
use refusal::Refusal;
pub(in crate::protocol::mcp::codec) use scan::any;
pub(in crate::protocol::mcp::codec) use scan::known;

/// The limits on a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// The maximum size in bytes, including white space.
    pub bytes: usize,
    /// The maximum nesting depth, counting the message itself as 1. Default 64.
    pub depth: usize,
    /// Whether duplicate names are refused at any depth of `result` and `error` too, as they are everywhere
    /// else. Default: no, since a target's result may contain foreign documents. Set for a client's answers
    /// to the target, and for messages that are judged by their fields.
    pub once_in_results: bool,
}

impl Limits {
    /// Returns the defaults with at most `bytes` bytes.
    pub const fn new(bytes: usize) -> Self {
        Self { bytes, depth: 64, once_in_results: false }
    }
}

/// The kind of a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    /// A message with a method and an id.
    Request,
    /// A message with a result and an id.
    Response,
    /// A message with an error, and with an id unless the request could not be read.
    Error,
    /// A message with a method and no id.
    Notification,
}

/// One message: its bytes, and the places of its parts. Cloning it does not copy the body.
#[derive(Debug, Clone)]
pub struct Message {
    body: Bytes,
    kind: Kind,
    span: Span,
    found: scan::Found,
}

impl Message {
    /// Parses one message.
    ///
    /// # Errors
    /// The bytes are not exactly one unambiguous message within the limits.
    pub fn scan(body: Bytes, limits: Limits) -> Result<Self, Refusal> {
        scan::scan(body, limits)
    }

    /// Returns all its bytes, as they were received.
    pub const fn body(&self) -> &Bytes {
        &self.body
    }

    /// Returns its kind.
    pub const fn kind(&self) -> Kind {
        self.kind
    }

    /// Returns the place of its object, which may have white space around it.
    pub const fn span(&self) -> Span {
        self.span
    }

    fn top(&self, field: Top) -> Option<Value<'_>> {
        self.found.top.get(field).map(|place| place.value(&self.body))
    }

    /// Returns the id; `None` for a notification, or an error without an id or with the id `null`.
    pub fn id(&self) -> Option<Id<'_>> {
        self.top(Top::Id)?.id()
    }

    /// Returns the id as it was written, to echo it. In an error it may be `null`.
    pub fn id_value(&self) -> Option<Value<'_>> {
        self.top(Top::Id)
    }

    /// Returns the method of a request or notification, unescaped.
    pub fn method(&self) -> Option<Cow<'_, str>> {
        self.top(Top::Method)?.text()
    }

    /// Returns `params`, always an object.
    pub fn params(&self) -> Option<Value<'_>> {
        self.top(Top::Params)
    }

    /// Returns a member of `params`.
    pub fn param(&self, field: Param) -> Option<Value<'_>> {
        self.found.params.get(field).map(|place| place.value(&self.body))
    }

    /// Returns a member of `_meta`: of `params` in a request or notification, of `result` in a response.
    pub fn meta(&self, field: Meta) -> Option<Value<'_>> {
        self.found.meta.get(field).map(|place| place.value(&self.body))
    }

    /// Returns a member of `params.ref`.
    pub fn reference(&self, field: RefField) -> Option<Value<'_>> {
        self.found.reference.get(field).map(|place| place.value(&self.body))
    }

    /// Returns `result`, always an object.
    pub fn result(&self) -> Option<Value<'_>> {
        self.top(Top::Result)
    }

    /// Returns a member of `result`.
    pub fn outcome(&self, field: ResultField) -> Option<Value<'_>> {
        self.found.result.get(field).map(|place| place.value(&self.body))
    }

    /// The place of the first member name in `result` that is none of [`ResultField`] but may be taken for
    /// one. Not refused here, since a result may hold any member; who relies on a member of it should refuse.
    pub fn result_lookalike(&self) -> Option<usize> {
        self.found.result_lookalikes.first().map(|(_, at)| *at)
    }

    /// Whether a member name in `result` is not this one but may be taken for it.
    pub fn resembles(&self, field: ResultField) -> bool {
        self.found.result_lookalikes.iter().any(|(known, _)| *known == field)
    }

    /// Returns `error`, always an object with a code and a message.
    pub fn error(&self) -> Option<Value<'_>> {
        self.top(Top::Error)
    }

    /// Returns a member of `error`.
    pub fn failure(&self, field: ErrorField) -> Option<Value<'_>> {
        self.found.error.get(field).map(|place| place.value(&self.body))
    }
}
