//! Scans a message once, from its first byte to its last.

use bytes::Bytes;

use crate::domain::json::JsonError;
use crate::domain::json::cursor::Cursor;
use crate::domain::json::cursor::Shape;
use crate::domain::json::cursor::Text;
use crate::protocol::mcp::codec::envelope::Kind;
use crate::protocol::mcp::codec::envelope::Limits;
use crate::protocol::mcp::codec::envelope::Message;
use crate::protocol::mcp::codec::envelope::fields::Fields;
use crate::protocol::mcp::codec::envelope::fields::Place;
use crate::protocol::mcp::codec::envelope::names::ErrorField;
use crate::protocol::mcp::codec::envelope::names::Known;
use crate::protocol::mcp::codec::envelope::names::Meta;
use crate::protocol::mcp::codec::envelope::names::Names;
use crate::protocol::mcp::codec::envelope::names::Param;
use crate::protocol::mcp::codec::envelope::names::RefField;
use crate::protocol::mcp::codec::envelope::names::ResultField;
use crate::protocol::mcp::codec::envelope::names::Top;
use crate::protocol::mcp::codec::envelope::names::look_up;
use crate::protocol::mcp::codec::envelope::refusal::Problem;
use crate::protocol::mcp::codec::envelope::refusal::Refusal;
use crate::protocol::mcp::codec::envelope::refusal::Wanted;

const MARK: &[u8] = b"\xef\xbb\xbf";

/// The parts found so far.
#[derive(Debug, Clone, Default)]
pub(super) struct Found {
    pub(super) top: Fields<Top>,
    pub(super) params: Fields<Param>,
    /// Taken from `params` or `result`; a message has only one of them.
    pub(super) meta: Fields<Meta>,
    pub(super) reference: Fields<RefField>,
    pub(super) result: Fields<ResultField>,
    /// The names in `result` that look like known ones, and where the first stands that looks like it.
    pub(super) result_lookalikes: Vec<(ResultField, usize)>,
    pub(super) error: Fields<ErrorField>,
}

pub(super) fn scan(body: Bytes, limits: Limits) -> Result<Message, Refusal> {
    if body.len() > limits.bytes {
        let problem = Problem::TooLong { found: body.len(), limit: limits.bytes };
        return Err(Refusal::new(problem, limits.bytes));
    }
    if body.starts_with(MARK) {
        return Err(Refusal::new(Problem::ByteOrderMark, 0));
    }
    let mut cursor = Cursor::new(&body, limits.depth)?;
    cursor.space();
    let start = cursor.at();
    match cursor.peek() {
        Some(b'[') => return Err(Refusal::new(Problem::Batch, start)),
        Some(b'{') => {}
        _ => {
            cursor.value()?;
            cursor.end()?;
            return Err(Refusal::new(Problem::NoObject, start));
        }
    }
    let mut found = Found::default();
    let mut walk = Walk { body: &body, found: &mut found, limits };
    let span = cursor.object(|cursor, name| walk.top(cursor, name))?;
    cursor.end()?;
    let kind = kind(&found, &body, start)?;
    Ok(Message { body, kind, span, found })
}

/// Returns the kind of a message with these members.
fn kind(found: &Found, body: &[u8], start: usize) -> Result<Kind, Refusal> {
    let has = |field| found.top.get(field).is_some();
    if !has(Top::Version) {
        return Err(Refusal::new(Problem::Version, start));
    }
    let kind = match (has(Top::Method), has(Top::Result), has(Top::Error)) {
        (true, false, false) if has(Top::Id) => Kind::Request,
        (true, false, false) => Kind::Notification,
        (false, true, false) if !has(Top::Id) => return Err(Refusal::new(Problem::NoId, start)),
        (false, true, false) => Kind::Response,
        (false, false, true) => Kind::Error,
        (false, false, false) => return Err(Refusal::new(Problem::Neither, start)),
        _ => return Err(Refusal::new(Problem::Both, start)),
    };
    if let Some(params) = found.top.get(Top::Params)
        && !has(Top::Method)
    {
        return Err(Refusal::new(Problem::ParamsOfNothing, params.span.start));
    }
    if kind == Kind::Error {
        for (field, wanted) in [(ErrorField::Code, Wanted::Integer), (ErrorField::Message, Wanted::String)] {
            if found.error.get(field).is_none() {
                let at = found.top.get(Top::Error).map_or(start, |place| place.span.start);
                return Err(Refusal::new(Problem::Shape { name: field.name(), wanted }, at));
            }
        }
    }
    // The id of an error may be null if the request could not be read; any other id must be valid.
    match found.top.get(Top::Id) {
        Some(place) if kind != Kind::Error || place.shape != Shape::Null => {
            check(place, body, Top::Id.name(), Wanted::Id)?;
        }
        _ => {}
    }
    Ok(kind)
}

fn check(place: Place, body: &[u8], name: &'static str, wanted: Wanted) -> Result<(), Refusal> {
    if place.value(body).is(wanted) {
        Ok(())
    } else {
        Err(Refusal::new(Problem::Shape { name, wanted }, place.span.start))
    }
}

/// Returns the known name, if it is one; a lookalike is refused.
pub(in crate::protocol::mcp::codec) fn known<F: Names>(name: &Text<'_>) -> Result<Option<F>, Refusal> {
    match look_up(&name.value()) {
        Known::Exactly(field) => Ok(Some(field)),
        Known::Lookalike(field) => {
            Err(Refusal::new(Problem::Lookalike { known: field.name() }, name.span().start))
        }
        Known::No => Ok(None),
    }
}

/// Reads a value of any kind.
pub(in crate::protocol::mcp::codec) fn any(cursor: &mut Cursor<'_>) -> Result<Place, JsonError> {
    cursor.value().map(|(span, shape)| Place { span, shape })
}

struct Walk<'a> {
    body: &'a [u8],
    found: &'a mut Found,
    limits: Limits,
}

impl Walk<'_> {
    fn top(&mut self, cursor: &mut Cursor<'_>, name: Text<'_>) -> Result<(), Refusal> {
        let Some(field) = known::<Top>(&name)? else {
            return Ok(any(cursor).map(drop)?);
        };
        let place = match field {
            Top::Params => self.object(cursor, field.name(), Self::param)?,
            Top::Error => self.object(cursor, field.name(), Self::error)?,
            Top::Result => self.object(cursor, field.name(), Self::result)?,
            Top::Version | Top::Id | Top::Method => any(cursor)?,
        };
        match field {
            Top::Version if place.span.of(self.body) != b"\"2.0\"" => {
                return Err(Refusal::new(Problem::Version, place.span.start));
            }
            Top::Method => check(place, self.body, field.name(), Wanted::String)?,
            _ => {}
        }
        self.found.top.put(field, place);
        Ok(())
    }

    /// Reads an object, calling `member` for each of its members.
    fn object(
        &mut self,
        cursor: &mut Cursor<'_>,
        name: &'static str,
        member: fn(&mut Self, &mut Cursor<'_>, Text<'_>) -> Result<(), Refusal>,
    ) -> Result<Place, Refusal> {
        if cursor.peek() != Some(b'{') {
            let place = any(cursor)?;
            check(place, self.body, name, Wanted::Object)?;
            return Ok(place);
        }
        let span = cursor.object(|cursor, name| member(self, cursor, name))?;
        Ok(Place { span, shape: Shape::Object })
    }

    fn param(&mut self, cursor: &mut Cursor<'_>, name: Text<'_>) -> Result<(), Refusal> {
        let Some(field) = known::<Param>(&name)? else {
            return Ok(any(cursor).map(drop)?);
        };
        let place = match field {
            Param::Meta => self.object(cursor, field.name(), Self::meta)?,
            Param::Ref if cursor.peek() == Some(b'{') => {
                self.object(cursor, field.name(), Self::reference)?
            }
            _ => any(cursor)?,
        };
        let wanted = match field {
            Param::Name | Param::Uri | Param::TaskId | Param::Cursor | Param::RequestState => {
                Some(Wanted::String)
            }
            Param::RequestId | Param::ProgressToken => Some(Wanted::Id),
            _ => None,
        };
        if let Some(wanted) = wanted {
            check(place, self.body, field.name(), wanted)?;
        }
        self.found.params.put(field, place);
        Ok(())
    }

    fn meta(&mut self, cursor: &mut Cursor<'_>, name: Text<'_>) -> Result<(), Refusal> {
        let field = known::<Meta>(&name)?;
        let place = any(cursor)?;
        let Some(field) = field else { return Ok(()) };
        match field {
            Meta::ProgressToken | Meta::SubscriptionId => {
                check(place, self.body, field.name(), Wanted::Id)?;
            }
            Meta::ProtocolVersion => check(place, self.body, field.name(), Wanted::String)?,
            Meta::ClientCapabilities | Meta::ClientInfo | Meta::LogLevel | Meta::RelatedTask => {}
        }
        self.found.meta.put(field, place);
        Ok(())
    }

    fn reference(&mut self, cursor: &mut Cursor<'_>, name: Text<'_>) -> Result<(), Refusal> {
        let field = known::<RefField>(&name)?;
        let place = any(cursor)?;
        if let Some(field) = field {
            check(place, self.body, field.name(), Wanted::String)?;
            self.found.reference.put(field, place);
        }
        Ok(())
    }

    fn error(&mut self, cursor: &mut Cursor<'_>, name: Text<'_>) -> Result<(), Refusal> {
        let field = known::<ErrorField>(&name)?;
        let place = self.foreign(cursor)?;
        let Some(field) = field else { return Ok(()) };
        match field {
            ErrorField::Code => check(place, self.body, field.name(), Wanted::Integer)?,
            ErrorField::Message => check(place, self.body, field.name(), Wanted::String)?,
            ErrorField::Data => {}
        }
        self.found.error.put(field, place);
        Ok(())
    }

    fn result(&mut self, cursor: &mut Cursor<'_>, name: Text<'_>) -> Result<(), Refusal> {
        match look_up(&name.value()) {
            Known::Exactly(ResultField::Meta) => {
                let place = self.object(cursor, ResultField::Meta.name(), Self::meta)?;
                self.found.result.put(ResultField::Meta, place);
            }
            Known::Exactly(field) => {
                let place = self.foreign(cursor)?;
                self.found.result.put(field, place);
            }
            Known::Lookalike(field) => {
                let known = &mut self.found.result_lookalikes;
                if !known.iter().any(|(known, _)| *known == field) {
                    known.push((field, name.span().start));
                }
                self.foreign(cursor)?;
            }
            Known::No => {
                self.foreign(cursor)?;
            }
        }
        Ok(())
    }

    /// Reads a value that may contain foreign documents, in which names may occur twice unless the limits say
    /// otherwise.
    fn foreign(&self, cursor: &mut Cursor<'_>) -> Result<Place, Refusal> {
        let before = cursor.names_once(self.limits.once_in_results);
        let place = any(cursor);
        cursor.names_once(before);
        Ok(place?)
    }
}
