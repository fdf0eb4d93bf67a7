//! The members of an object, each at its place.

use crate::mask::Unmaskable;
use crate::mask::mcp::McpError;
use crate::mask::mcp::binary::Binary;
use crate::mask::mcp::cursor;
use crate::mask::mcp::cursor::Step;
use crate::mask::mcp::place::Place;
use crate::mask::mcp::place::Side;
use crate::mask::mcp::place::Verb;
use crate::mask::mcp::rewrite;
use crate::mask::mcp::scalar::quoted;
use crate::mask::mcp::walk::Spot;
use crate::mask::mcp::walk::Walk;

/// The text in place of data that cannot be masked.
const WITHHELD: &str = "[withheld by the gateway: binary data cannot be masked]";
/// The text in place of one whose type is not read.
const WITHHELD_TYPE: &str = "[withheld by the gateway: a text of this type cannot be masked]";

/// What members of the same object determine about each other.
#[derive(Debug, Default)]
struct Siblings {
    verb: Option<Verb>,
    /// The rule of the argument that the object is about.
    rule: Option<u16>,
    media_type: String,
    has_text: bool,
    has_action: bool,
}

impl Walk<'_> {
    /// Replaces an item whose data cannot be examined by a text that says so. `None`: it is not such an item.
    pub(super) fn withheld_content(&mut self, at: usize) -> Result<Option<usize>, McpError> {
        let input = self.input;
        let data = match cursor::find(input, at, "data")? {
            Some(value) if input.get(value) == Some(&b'"') => cursor::find_text(input, at, "data")?,
            _ => return Ok(None),
        };
        let media_type = cursor::find_text(input, at, "mimeType")?;
        if !matches!(self.binary(&data, &String::from_utf8_lossy(&media_type), false)?, Binary::Withheld) {
            return Ok(None);
        }
        let end = cursor::value_end(input, at, super::DEEPEST)?;
        self.notes.withheld("data");
        self.put(at, end, format!("{{\"type\":\"text\",\"text\":\"{WITHHELD}\"}}").as_bytes());
        Ok(Some(end))
    }

    fn siblings(&self, at: usize, place: Place) -> Result<Siblings, Unmaskable> {
        let mut known = Siblings::default();
        let text = |name| {
            cursor::find_text(self.input, at, name).map(|text| String::from_utf8_lossy(&text).into_owned())
        };
        match place {
            Place::Message(..) | Place::Request => known.verb = Some(Verb::of(&text("method")?)),
            Place::Argument => known.rule = self.plan.fields.find(text("name")?.as_bytes()),
            Place::Content | Place::Resource => {
                known.media_type = text("mimeType")?;
                known.has_text = cursor::find(self.input, at, "text")?.is_some();
            }
            Place::Response(_) => known.has_action = cursor::find(self.input, at, "action")?.is_some(),
            _ => {}
        }
        Ok(known)
    }

    pub(super) fn members(&mut self, at: usize, spot: &Spot<'_>) -> Result<usize, McpError> {
        let input = self.input;
        let siblings = self.siblings(at, spot.place)?;
        let mut step = cursor::first(input, at);
        loop {
            let start = match step {
                Step::End(end) => return Ok(end),
                Step::Next(start) => start,
            };
            let (name_end, value) = cursor::name_end(input, start)?;
            let name = cursor::name_text(input, start, name_end)?;
            let name = String::from_utf8_lossy(&name);
            self.field.clear();
            self.field.push_str(&name);
            let end = match (spot.place, &*name) {
                (Place::Content, "data") | (Place::Resource, "blob" | "text")
                    if input.get(value) == Some(&b'"') =>
                {
                    self.document(start, value, &siblings)?
                }
                (Place::Tool, "outputSchema") => self.output_schema(value)?,
                _ => {
                    let (place, rule) = self.member(spot, &siblings, &name);
                    let typed = spot.typed.as_ref().zip(self.checker);
                    let typed = typed.and_then(|(typed, checker)| checker.member(typed, &name));
                    if place == Place::Data {
                        self.name(start, name_end, &name)?;
                    }
                    self.value(value, &Spot { place, rule, typed })?
                }
            };
            step = cursor::after(input, end, true)?;
        }
    }

    /// Returns the place of a member, and the rule for its name.
    fn member(&self, spot: &Spot<'_>, siblings: &Siblings, name: &str) -> (Place, Option<u16>) {
        let named = self.plan.fields.find(name.as_bytes());
        let place = match (spot.place, name) {
            (Place::Message(side, _), "params") => Place::Params(side, siblings.verb.unwrap_or(Verb::Other)),
            (Place::Message(_, verb), "result") => Place::Result(verb),
            (Place::Request, "params") => Place::Params(Side::Target, siblings.verb.unwrap_or(Verb::Other)),
            (Place::Response(_), _) => {
                Place::Response(siblings.has_action).member(name).unwrap_or(Place::Data)
            }
            (place, _) => place.member(name).unwrap_or(Place::Data),
        };
        let rule = match (spot.place, place) {
            (Place::Argument, Place::Data) if name == "value" => siblings.rule,
            (_, Place::Data | Place::Label) | (Place::Fields(_), _) => named,
            (_, Place::Values(true) | Place::Schema(_)) => spot.rule,
            (_, Place::Completed) => self.plan.fields.find(self.argument.as_bytes()),
            _ => None,
        };
        (place, rule)
    }

    /// Masks a name in which a detector finds something. Names that become equal are distinguished by a
    /// number.
    fn name(&mut self, start: usize, end: usize, name: &str) -> Result<(), McpError> {
        if self.plan.scanner.is_empty() {
            return Ok(());
        }
        "name".clone_into(&mut self.field);
        let new = self.text(name.as_bytes(), false)?;
        let Some(new) = new else {
            self.field.clear();
            self.field.push_str(name);
            return Ok(());
        };
        self.masked_names += 1;
        let mut new = if new == "null" { "\"\"".to_owned() } else { new };
        if self.masked_names > 1 {
            new.pop();
            new = format!("{new}~{}\"", self.masked_names);
        }
        self.put(start, end, new.as_bytes());
        Ok(())
    }

    /// Returns the content of a document: text, or base64 of it.
    fn document(&mut self, name: usize, value: usize, siblings: &Siblings) -> Result<usize, McpError> {
        let input = self.input;
        let end = cursor::string_end(input, value)?;
        let (text, _) = cursor::string_text(input, value, end)?;
        if self.field == "text" {
            if self.withholds(&siblings.media_type) {
                self.notes.withheld("text");
                self.put(value, end, format!("\"{WITHHELD_TYPE}\"").as_bytes());
            } else if let Some(new) = self.formatted(&text, &siblings.media_type, true)? {
                self.put(value, end, quoted(&new).as_bytes());
            }
            return Ok(end);
        }
        match self.binary(&text, &siblings.media_type, true)? {
            Binary::Same => {}
            Binary::New(new) => self.put(value, end, quoted(new.as_bytes()).as_bytes()),
            Binary::Withheld => {
                self.notes.withheld("blob");
                if siblings.has_text || self.field == "data" {
                    self.put(value, end, b"\"\"");
                } else {
                    self.put(name, end, format!("\"text\":\"{WITHHELD}\"").as_bytes());
                }
            }
        }
        Ok(end)
    }

    /// Returns the output schema of a tool: loosened, then masked like any other.
    fn output_schema(&mut self, at: usize) -> Result<usize, McpError> {
        let end = cursor::value_end(self.input, at, super::DEEPEST)?;
        let before = self.input.get(at..end).unwrap_or_default();
        let loosened = rewrite::rewrite_schema(self.plan, before)?;
        let mut inner = Walk::new(self.plan, loosened.as_deref().unwrap_or(before), self.notes);
        (inner.level, inner.texts) = (self.level, self.texts);
        let masked = inner.whole(Place::Schema(false))?;
        if let Some(new) = masked.or(loosened) {
            self.put(at, end, &new);
        }
        Ok(end)
    }
}
