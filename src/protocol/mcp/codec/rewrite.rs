//! Changes to one message by the names of its parts: its id, and members of `params`, `_meta` and `result`.
//! (JSON-RPC 2.0, sections 4 and 5.)
//!
//! The value of an existing member is replaced; a missing member is inserted, with the objects around it if
//! they are missing too. All other bytes stay. Values are given as JSON and not checked here: the message may
//! be scanned again where that matters.

use bytes::Bytes;

use crate::domain::json::cursor::Span;
use crate::domain::json::push_bytes;
use crate::protocol::mcp::codec::envelope::Kind;
use crate::protocol::mcp::codec::envelope::Message;
use crate::protocol::mcp::codec::envelope::Value;
use crate::protocol::mcp::codec::envelope::names::Meta;
use crate::protocol::mcp::codec::envelope::names::Names;
use crate::protocol::mcp::codec::envelope::names::Param;
use crate::protocol::mcp::codec::envelope::names::ResultField;
use crate::protocol::mcp::codec::splice::Edit;
use crate::protocol::mcp::codec::splice::End;
use crate::protocol::mcp::codec::splice::SpliceError;
use crate::protocol::mcp::codec::splice::apply;
use crate::protocol::mcp::codec::splice::insert_members;
use crate::protocol::mcp::codec::splice::sort;

/// New values of members, the last one given for each name.
#[derive(Debug)]
struct News<F>(Vec<(F, Bytes)>);

impl<F: Names> News<F> {
    fn set(&mut self, field: F, json: Bytes) {
        self.0.retain(|(known, _)| *known != field);
        self.0.push((field, json));
    }

    /// Replaces the members that exist; returns the missing ones.
    fn replace<'m>(self, there: impl Fn(F) -> Option<Value<'m>>, edits: &mut Vec<Edit>) -> Self {
        let mut missing = Vec::new();
        for (field, json) in self.0 {
            match there(field) {
                Some(value) => edits.push(Edit::replace(value.span, json)),
                None => missing.push((field, json)),
            }
        }
        Self(missing)
    }

    fn members(&self) -> impl Iterator<Item = (&str, &[u8])> {
        self.0.iter().map(|(field, json)| (field.name(), json.as_ref()))
    }

    /// Writes the members as an object.
    fn object(&self) -> Bytes {
        let mut out = vec![b'{'];
        for (name, json) in self.members() {
            if out.len() > 1 {
                out.push(b',');
            }
            push_bytes(name.as_bytes(), &mut out);
            out.push(b':');
            out.extend_from_slice(json);
        }
        out.push(b'}');
        out.into()
    }
}

/// Collects the changes to one message, in any order, and applies them at once.
#[derive(Debug)]
pub struct Rewrite<'m> {
    message: &'m Message,
    edits: Vec<Edit>,
    id: Option<Bytes>,
    params: News<Param>,
    meta: News<Meta>,
    result: News<ResultField>,
}

impl<'m> Rewrite<'m> {
    /// Creates a rewrite without changes.
    pub const fn new(message: &'m Message) -> Self {
        Self {
            message,
            edits: Vec::new(),
            id: None,
            params: News(Vec::new()),
            meta: News(Vec::new()),
            result: News(Vec::new()),
        }
    }

    /// Sets the id to `json`. An error without an id gets it; a notification, which would become a request,
    /// is left alone.
    pub fn id(&mut self, json: impl Into<Bytes>) -> &mut Self {
        self.id = Some(json.into());
        self
    }

    /// Sets a member of `params` to `json`. Only for requests and notifications.
    pub fn param(&mut self, field: Param, json: impl Into<Bytes>) -> &mut Self {
        self.params.set(field, json.into());
        self
    }

    /// Sets a member of `_meta` to `json`: of `params` in a request or notification, of `result` in a
    /// response. Not for errors, and not together with a new value for the whole of `_meta`.
    pub fn meta(&mut self, field: Meta, json: impl Into<Bytes>) -> &mut Self {
        self.meta.set(field, json.into());
        self
    }

    /// Sets a member of `result` to `json`. Only for responses.
    pub fn outcome(&mut self, field: ResultField, json: impl Into<Bytes>) -> &mut Self {
        self.result.set(field, json.into());
        self
    }

    /// Adds other edits, such as masked values or removed elements, with places in the body of the message.
    /// They must not overlap each other or a member that is changed by name.
    pub fn edits(&mut self, edits: impl IntoIterator<Item = Edit>) -> &mut Self {
        self.edits.extend(edits);
        self
    }

    /// Returns the new body. Without changes it is the same body, not a copy.
    ///
    /// # Errors
    /// This kind of message has no such part, or changes overlap.
    pub fn finish(self) -> Result<Bytes, SpliceError> {
        let Self { message, mut edits, id, mut params, meta, mut result } = self;
        let body = message.body();
        if let Some(json) = id {
            match message.id_value() {
                Some(value) => edits.push(Edit::replace(value.span, json)),
                None if message.kind() == Kind::Error => {
                    edits.extend(insert_members(body, message.span(), End::First, [("id", json.as_ref())]));
                }
                None => {}
            }
        }
        let called = matches!(message.kind(), Kind::Request | Kind::Notification);
        let meta = meta.replace(|field| message.meta(field), &mut edits);
        if !meta.0.is_empty() {
            let there = if called { message.param(Param::Meta) } else { message.outcome(ResultField::Meta) };
            match there {
                Some(object) => edits.extend(insert_members(body, object.span, End::Last, meta.members())),
                None if called => params.set(Param::Meta, meta.object()),
                None => result.set(ResultField::Meta, meta.object()),
            }
        }
        let params = params.replace(|field| message.param(field), &mut edits);
        put(message, called, "params", message.params().map(|value| value.span), &params, &mut edits)?;
        let result = result.replace(|field| message.outcome(field), &mut edits);
        put(message, false, "result", message.result().map(|value| value.span), &result, &mut edits)?;
        sort(&mut edits);
        apply(body, &edits)
    }
}

/// Inserts members into the object of this name; if it is missing and `made` allows it, inserts the object
/// into the message.
fn put<F: Names>(
    message: &Message,
    made: bool,
    name: &'static str,
    object: Option<Span>,
    members: &News<F>,
    edits: &mut Vec<Edit>,
) -> Result<(), SpliceError> {
    if members.0.is_empty() {
        return Ok(());
    }
    edits.extend(match object {
        Some(object) => insert_members(message.body(), object, End::Last, members.members()),
        None if made => {
            let json = members.object();
            insert_members(message.body(), message.span(), End::Last, [(name, json.as_ref())])
        }
        None => return Err(SpliceError::NoObject(name)),
    });
    Ok(())
}
