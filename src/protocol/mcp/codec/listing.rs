//! The elements of a target's list, so that some of them can be left out. (MCP 2026-07-28, server features:
//! tools, prompts, resources; utilities: pagination, caching.)
//!
//! An element without its name, with a duplicate member, or with a name that looks like a known one makes the
//! whole list unreadable: an element that cannot be judged must not be shown.

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

/// How deep a list may be nested below the result: the limit of a message, less the message and its result.
const DEPTH: usize = 62;

/// The kinds of lists.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Listed {
    /// Tools.
    Tools,
    /// Prompts.
    Prompts,
    /// Resources.
    Resources,
    /// Resource templates.
    ResourceTemplates,
}

impl Listed {
    /// All of them.
    pub const ALL: &'static [Self] = &[Self::Tools, Self::Prompts, Self::Resources, Self::ResourceTemplates];

    /// Returns the method that requests the list.
    pub const fn method(self) -> &'static str {
        match self {
            Self::Tools => "tools/list",
            Self::Prompts => "prompts/list",
            Self::Resources => "resources/list",
            Self::ResourceTemplates => "resources/templates/list",
        }
    }

    /// Returns the list that a method requests; `None` for other methods.
    pub fn by_method(method: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|listed| listed.method() == method)
    }

    /// Returns the member of the result that contains the list.
    pub const fn field(self) -> ResultField {
        match self {
            Self::Tools => ResultField::Tools,
            Self::Prompts => ResultField::Prompts,
            Self::Resources => ResultField::Resources,
            Self::ResourceTemplates => ResultField::ResourceTemplates,
        }
    }

    /// Returns the member that an element is judged by; it is required, as is the name.
    pub const fn key(self) -> ElementField {
        match self {
            Self::Tools | Self::Prompts => ElementField::Name,
            Self::Resources => ElementField::Uri,
            Self::ResourceTemplates => ElementField::UriTemplate,
        }
    }
}

/// The claims in a tool's annotations; `None` if absent or not a boolean. They are only claims of the target.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Hints {
    /// `readOnlyHint`: the tool changes nothing.
    pub read_only: Option<bool>,
    /// `destructiveHint`: the tool may destroy something.
    pub destructive: Option<bool>,
    /// `idempotentHint`: repeating the call has no further effect.
    pub idempotent: Option<bool>,
    /// `openWorldHint`: the tool reaches outside of the target.
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
    /// The key it is judged by ([`Listed::key`]), unescaped: its name, URI or URI template.
    pub key: Cow<'m, str>,
    /// The claims of its annotations.
    pub hints: Hints,
    fields: Fields<ElementField>,
}

impl<'m> Element<'m> {
    /// Returns one of its members.
    pub fn field(&self, field: ElementField) -> Option<Value<'m>> {
        self.fields.get(field).map(|place| place.value(self.body))
    }
}

/// The list in a response.
#[derive(Debug, Clone)]
pub struct Listing<'m> {
    message: &'m Message,
    /// The kind of list.
    pub listed: Listed,
    /// The elements in order.
    pub elements: Vec<Element<'m>>,
}

impl<'m> Listing<'m> {
    /// Reads the list from the response to the request for it.
    ///
    /// # Errors
    /// The result has no list, or a member that may be taken for a relevant one; or an element is not an
    /// object, lacks its name or key, has a duplicate member at any depth, or a name that looks like a known
    /// one.
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

    /// Returns the cursor of the next page; `None` if this is the last one, or the cursor is not a string.
    pub fn next_cursor(&self) -> Option<Cow<'m, str>> {
        self.message.outcome(ResultField::NextCursor)?.text()
    }

    /// Returns the edits that remove the elements for which `keeps` returns false. All other bytes stay.
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
