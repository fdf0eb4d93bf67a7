//! One JSON-RPC 2.0 message: what it is, and where its parts stand. (JSON-RPC 2.0; MCP 2026-07-28, basic, "Messages".)
//!
//! [`Message::scan`] reads the bytes once and keeps them. Strict means: UTF-8 without a byte order mark; one object and nothing behind it;
//! no batch; no member name twice in one object, after unescaping, at any depth (in results only at their own level, see
//! [`Limits::once_in_results`]); no name that a lenient reader takes for a known one ([`names::look_up`]); `jsonrpc` exactly `"2.0"`; an
//! id that every reader reads alike; one of `method`, `result` and `error`; `params`, `result` and `error` objects.
//! What else a method needs, such as a name for `tools/call`, is for who judges it.

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

/// How long and deep a message may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// The most bytes, white space counted.
    pub bytes: usize,
    /// How deep values may be nested, the message itself being 1. Default 64.
    pub depth: usize,
    /// Whether names may come only once at any depth of `result` and `error`, too, as they may everywhere else. Default no: what a
    /// target returns may hold documents of others. For what a client answers to the target, and what is judged by its fields.
    pub once_in_results: bool,
}

impl Limits {
    /// The defaults, with at most so many bytes.
    pub const fn new(bytes: usize) -> Self {
        Self { bytes, depth: 64, once_in_results: false }
    }
}

/// What a message is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    /// It has a method and an id.
    Request,
    /// It has a result and an id.
    Response,
    /// It has an error; and an id, unless what it answers could not be read.
    Error,
    /// It has a method and no id.
    Notification,
}

/// One message: its bytes, and where its parts stand in them. Cloning it copies no bytes of the body.
#[derive(Debug, Clone)]
pub struct Message {
    body: Bytes,
    kind: Kind,
    span: Span,
    found: scan::Found,
}

impl Message {
    /// Reads one message.
    ///
    /// # Errors
    /// Bytes that are not exactly one message with one reading, within the limits.
    pub fn scan(body: Bytes, limits: Limits) -> Result<Self, Refusal> {
        scan::scan(body, limits)
    }

    /// All its bytes, as they came.
    pub const fn body(&self) -> &Bytes {
        &self.body
    }

    /// What it is.
    pub const fn kind(&self) -> Kind {
        self.kind
    }

    /// Where its object stands, which may have white space around it.
    pub const fn span(&self) -> Span {
        self.span
    }

    fn top(&self, field: Top) -> Option<Value<'_>> {
        self.found.top.get(field).map(|place| place.value(&self.body))
    }

    /// What the id says. `None`: a notification, or an error without an id or with the id `null`.
    pub fn id(&self) -> Option<Id<'_>> {
        self.top(Top::Id)?.id()
    }

    /// The id as it was written, to echo it. In an error it may be `null`.
    pub fn id_value(&self) -> Option<Value<'_>> {
        self.top(Top::Id)
    }

    /// The method of a request or notification, unescaped.
    pub fn method(&self) -> Option<Cow<'_, str>> {
        self.top(Top::Method)?.text()
    }

    /// `params`, always an object.
    pub fn params(&self) -> Option<Value<'_>> {
        self.top(Top::Params)
    }

    /// A member of `params`.
    pub fn param(&self, field: Param) -> Option<Value<'_>> {
        self.found.params.get(field).map(|place| place.value(&self.body))
    }

    /// A member of `_meta`: of `params` in a request or notification, of `result` in a response.
    pub fn meta(&self, field: Meta) -> Option<Value<'_>> {
        self.found.meta.get(field).map(|place| place.value(&self.body))
    }

    /// A member of `params.ref`.
    pub fn reference(&self, field: RefField) -> Option<Value<'_>> {
        self.found.reference.get(field).map(|place| place.value(&self.body))
    }

    /// `result`, always an object.
    pub fn result(&self) -> Option<Value<'_>> {
        self.top(Top::Result)
    }

    /// A member of `result`.
    pub fn outcome(&self, field: ResultField) -> Option<Value<'_>> {
        self.found.result.get(field).map(|place| place.value(&self.body))
    }

    /// The place of the first member name in `result` that is none of [`ResultField`] but may be taken for one. Not refused here, since
    /// a result may hold any member; who relies on a member of it should refuse.
    pub const fn result_lookalike(&self) -> Option<usize> {
        self.found.result_lookalike
    }

    /// `error`, always an object with a code and a message.
    pub fn error(&self) -> Option<Value<'_>> {
        self.top(Top::Error)
    }

    /// A member of `error`.
    pub fn failure(&self, field: ErrorField) -> Option<Value<'_>> {
        self.found.error.get(field).map(|place| place.value(&self.body))
    }
}
