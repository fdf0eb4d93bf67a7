//! The elements of a list that a target gives, so that some of them can be left out. (MCP 2026-07-28, server features: tools, prompts, resources;
//! utilities: pagination, caching.)
//!
//! An element without its name, with a member twice, or with a name that looks like a known one makes the whole list unreadable: what
//! cannot be judged must not be shown.

use std::borrow::Cow;

use crate::domain::json::cursor::Cursor;
use crate::domain::json::cursor::Shape;
use crate::domain::json::cursor::Span;
use crate::domain::json::cursor::Text;
use crate::protocol::mcp::codec::envelope::Fields;
use crate::protocol::mcp::codec::envelope::Message;
use crate::protocol::mcp::codec::envelope::Place;
use crate::protocol::mcp::codec::envelope::Value;
use crate::protocol::mcp::codec::envelope::any;
use crate::protocol::mcp::codec::envelope::known;
use crate::protocol::mcp::codec::envelope::names::ElementField;
use crate::protocol::mcp::codec::envelope::names::Hint;
use crate::protocol::mcp::codec::envelope::names::Names;
use crate::protocol::mcp::codec::envelope::names::ResultField;
use crate::protocol::mcp::codec::envelope::refusal::Problem;
use crate::protocol::mcp::codec::envelope::refusal::Refusal;
use crate::protocol::mcp::codec::envelope::refusal::Wanted;
use crate::protocol::mcp::codec::splice::Edit;
use crate::protocol::mcp::codec::splice::remove_elements;

/// How deep a list may be nested below the result: what a message may, less the message and its result.
const DEPTH: usize = 62;

/// What is listed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Listed {
    /// Tools.
    Tools,
    /// Prompts.
    Prompts,
    /// Resources.
    Resources,
    /// Templates of resources.
    ResourceTemplates,
}

impl Listed {
    /// All of them.
    pub const ALL: &'static [Self] = &[Self::Tools, Self::Prompts, Self::Resources, Self::ResourceTemplates];

    /// The method that asks for the list.
    pub const fn method(self) -> &'static str {
        match self {
            Self::Tools => "tools/list",
            Self::Prompts => "prompts/list",
            Self::Resources => "resources/list",
            Self::ResourceTemplates => "resources/templates/list",
        }
    }

    /// What the method asks for; `None` for the methods that ask for no list.
    pub fn by_method(method: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|listed| listed.method() == method)
    }

    /// The member of the result that holds the list.
    pub const fn field(self) -> ResultField {
        match self {
            Self::Tools => ResultField::Tools,
            Self::Prompts => ResultField::Prompts,
            Self::Resources => ResultField::Resources,
            Self::ResourceTemplates => ResultField::ResourceTemplates,
        }
    }

    /// The member that an element is judged by, and that it must have besides its name.
    pub const fn key(self) -> ElementField {
        match self {
            Self::Tools | Self::Prompts => ElementField::Name,
            Self::Resources => ElementField::Uri,
            Self::ResourceTemplates => ElementField::UriTemplate,
        }
    }
}

/// What the annotations of a tool claim. `None`: they do not say, or not as `true` or `false`. Only claims: the target wrote them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Hints {
    /// `readOnlyHint`: it changes nothing.
    pub read_only: Option<bool>,
    /// `destructiveHint`: it may destroy something.
    pub destructive: Option<bool>,
    /// `idempotentHint`: the same call again does nothing more.
    pub idempotent: Option<bool>,
    /// `openWorldHint`: it reaches outside of the target.
    pub open_world: Option<bool>,
}

/// One element of a list.
#[derive(Debug, Clone)]
pub struct Element<'m> {
    body: &'m [u8],
    /// Its place in the body of the message.
    pub span: Span,
    /// Its name, unescaped.
    pub name: Cow<'m, str>,
    /// What it is judged by ([`Listed::key`]), unescaped: its name, URI or template of URIs.
    pub key: Cow<'m, str>,
    /// What its annotations claim.
    pub hints: Hints,
    fields: Fields<ElementField>,
}

impl<'m> Element<'m> {
    /// One of its members.
    pub fn field(&self, field: ElementField) -> Option<Value<'m>> {
        self.fields.get(field).map(|place| place.value(self.body))
    }
}

/// The list that a response holds.
#[derive(Debug, Clone)]
pub struct Listing<'m> {
    message: &'m Message,
    /// What is listed.
    pub listed: Listed,
    /// The elements in their order.
    pub elements: Vec<Element<'m>>,
}

impl<'m> Listing<'m> {
    /// Reads the list out of the response to the request for it.
    ///
    /// # Errors
    /// A result without the list, or with a member that may be taken for one that counts here; an element that is no object, lacks its
    /// name or key, has a member twice at any depth, or one that looks like a known one.
    pub fn read(message: &'m Message, listed: Listed) -> Result<Self, Refusal> {
        let shape = |name, wanted, at| Refusal { problem: Problem::Shape { name, wanted }, at };
        let result = message.result().ok_or(shape("result", Wanted::Object, message.span().start))?;
        if let Some(at) = message.result_lookalike() {
            return Err(Refusal { problem: Problem::Lookalike { known: listed.field().name() }, at });
        }
        let list = message.outcome(listed.field()).filter(|list| list.shape == Shape::Array).ok_or(shape(
            listed.field().name(),
            Wanted::Array,
            result.span.start,
        ))?;
        let body: &'m [u8] = message.body();
        let mut cursor = Cursor::new(body, DEPTH)?.starting_at(list.span.start);
        let mut elements = Vec::new();
        cursor.array(|cursor| {
            elements.push(element(cursor, body, listed)?);
            Ok::<(), Refusal>(())
        })?;
        Ok(Self { message, listed, elements })
    }

    /// Where the next page begins. `None`: this is the last one, or it is no string.
    pub fn next_cursor(&self) -> Option<Cow<'m, str>> {
        self.message.outcome(ResultField::NextCursor)?.text()
    }

    /// The edits that leave out the elements for which `keeps` says no. Everything else stays byte by byte.
    pub fn keep(&self, mut keeps: impl FnMut(&Element<'m>) -> bool) -> Vec<Edit> {
        let spans: Vec<Span> = self.elements.iter().map(|element| element.span).collect();
        remove_elements(&spans, |place| self.elements.get(place).is_none_or(|element| !keeps(element)))
    }
}

fn element<'m>(cursor: &mut Cursor<'_>, body: &'m [u8], listed: Listed) -> Result<Element<'m>, Refusal> {
    let at = cursor.at();
    if cursor.peek() != Some(b'{') {
        return Err(Refusal { problem: Problem::NoObject, at });
    }
    let mut fields = Fields::default();
    let mut hints = Hints::default();
    let span = cursor.object(|cursor, name| {
        let Some(field) = known::<ElementField>(&name)? else {
            return Ok(any(cursor).map(drop)?);
        };
        let place = match field {
            ElementField::Annotations if cursor.peek() == Some(b'{') => {
                let span = cursor.object(|cursor, name| hint(cursor, &name, body, &mut hints))?;
                Place { span, shape: Shape::Object }
            }
            _ => any(cursor)?,
        };
        fields.put(field, place);
        Ok::<(), Refusal>(())
    })?;
    let text = |field: ElementField| {
        fields.get(field).and_then(|place| place.value(body).text()).ok_or_else(|| {
            let at = fields.get(field).map_or(at, |place| place.span.start);
            Refusal { problem: Problem::Shape { name: field.name(), wanted: Wanted::String }, at }
        })
    };
    let (name, key) = (text(ElementField::Name)?, text(listed.key())?);
    Ok(Element { body, span, name, key, hints, fields })
}

fn hint(cursor: &mut Cursor<'_>, name: &Text<'_>, body: &[u8], hints: &mut Hints) -> Result<(), Refusal> {
    let field = known::<Hint>(name)?;
    let says = any(cursor)?.value(body).boolean();
    match field {
        Some(Hint::ReadOnly) => hints.read_only = says,
        Some(Hint::Destructive) => hints.destructive = says,
        Some(Hint::Idempotent) => hints.idempotent = says,
        Some(Hint::OpenWorld) => hints.open_world = says,
        None => {}
    }
    Ok(())
}
