//! Loosens the schema of a result where fields are masked: it then accepts the masks, and everything that it
//! accepted before.

use crate::mask::Plan;
use crate::mask::Unmaskable;
use crate::mask::mcp::DEEPEST;
use crate::mask::mcp::cursor;
use crate::mask::mcp::cursor::Step;
use crate::mask::mcp::place::Place;

/// Replaces a schema in which one part cannot be loosened without narrowing another.
const ANYTHING: &[u8] = b"{\"type\":\"object\"}";

/// Keywords under which a looser schema means a narrower one, or that depend on what others have evaluated.
const OPAQUE: [&str; 13] = [
    "$dynamicRef",
    "$id",
    "$recursiveRef",
    "contains",
    "dependencies",
    "dependentSchemas",
    "else",
    "if",
    "not",
    "propertyNames",
    "then",
    "unevaluatedItems",
    "unevaluatedProperties",
];

/// The keywords that stay in the schema of a masked field.
const KEPT: [&str; 5] = ["title", "description", "deprecated", "readOnly", "writeOnly"];

/// Loosens the `outputSchema` of a tool: a masked field may be a string, `null` or of its former type, and
/// has no pattern, format, choices or limits any more. `None`: none of its fields is masked. A schema that
/// cannot be loosened part by part becomes `{"type":"object"}`. The new schema accepts everything that the
/// original accepts.
///
/// # Errors
/// The schema is not JSON, or nested deeper than 64 levels.
pub fn rewrite_schema(plan: &Plan, schema: &[u8]) -> Result<Option<Vec<u8>>, Unmaskable> {
    let mut rewriter =
        Rewriter { plan, input: schema, out: Vec::new(), sent: 0, masks: false, opaque: false };
    let end = rewriter.schema(cursor::skip_blanks(schema, 0), DEEPEST)?;
    if cursor::skip_blanks(schema, end) != schema.len() {
        return Err(Unmaskable::malformed("more than one value"));
    }
    if !rewriter.masks {
        return Ok(None);
    }
    if rewriter.opaque {
        return Ok(Some(ANYTHING.to_vec()));
    }
    rewriter.out.extend_from_slice(schema.get(rewriter.sent..).unwrap_or_default());
    Ok(Some(rewriter.out))
}

struct Rewriter<'a> {
    plan: &'a Plan,
    input: &'a [u8],
    out: Vec<u8>,
    sent: usize,
    /// Whether a field is masked.
    masks: bool,
    /// Whether there is a keyword that cannot be kept.
    opaque: bool,
}

impl Rewriter<'_> {
    fn put(&mut self, start: usize, end: usize, new: &[u8]) {
        self.out.extend_from_slice(self.input.get(self.sent..start).unwrap_or_default());
        self.out.extend_from_slice(new);
        self.sent = end;
    }

    /// Reads the schema, or list of schemas, at `at`.
    fn schema(&mut self, at: usize, depth: usize) -> Result<usize, Unmaskable> {
        let deeper = depth.checked_sub(1).ok_or(Unmaskable::TooDeep)?;
        match self.input.get(at) {
            Some(b'{') => self.words(at, deeper),
            Some(b'[') => {
                let mut step = cursor::first(self.input, at);
                loop {
                    match step {
                        Step::End(end) => return Ok(end),
                        Step::Next(next) => {
                            let end = self.schema(next, deeper)?;
                            step = cursor::after(self.input, end, false)?;
                        }
                    }
                }
            }
            _ => cursor::value_end(self.input, at, depth),
        }
    }

    fn words(&mut self, at: usize, depth: usize) -> Result<usize, Unmaskable> {
        let input = self.input;
        let (mut has_any, mut has_one) = (false, false);
        let mut step = cursor::first(input, at);
        loop {
            let start = match step {
                Step::End(end) => {
                    self.opaque |= has_any && has_one;
                    return Ok(end);
                }
                Step::Next(start) => start,
            };
            let (name_end, value) = cursor::name_end(input, start)?;
            let name = cursor::name_text(input, start, name_end)?;
            let name = String::from_utf8_lossy(&name);
            self.opaque |= OPAQUE.contains(&&*name);
            has_any |= name == "anyOf";
            if name == "oneOf" {
                has_one = true;
                // With two branches loosened, both may accept a value.
                self.put(start, name_end, b"\"anyOf\"");
            }
            let end = match Place::Schema(false).member(&name) {
                Some(Place::Schema(_)) => self.schema(value, depth)?,
                Some(Place::Fields(_)) => self.fields(value, depth, true)?,
                Some(Place::Definitions(_)) => self.fields(value, depth, false)?,
                _ => self.other(&name, value, depth)?,
            };
            step = cursor::after(input, end, true)?;
        }
    }

    /// Returns a keyword that contains no schema.
    fn other(&mut self, name: &str, at: usize, depth: usize) -> Result<usize, Unmaskable> {
        let input = self.input;
        let end = cursor::value_end(input, at, depth)?;
        match name {
            "$ref" => {
                let (target, _) = cursor::string_text(input, at, end)?;
                let target = String::from_utf8_lossy(&target);
                let shared = ["#/$defs/", "#/definitions/"]
                    .iter()
                    .any(|start| target.strip_prefix(start).is_some_and(|name| !name.contains('/')));
                self.opaque |= target != "#" && !shared;
            }
            // A choice of whole objects contains the values of their fields.
            "const" => self.opaque |= matches!(input.get(at), Some(b'{' | b'[')),
            "enum" => {
                let choices = input.get(at + 1..end).unwrap_or_default();
                self.opaque |= choices.iter().any(|byte| matches!(byte, b'{' | b'['));
            }
            // Masked values may be equal.
            "uniqueItems" => self.put(at, end, b"false"),
            _ => {}
        }
        Ok(end)
    }

    /// Schemas by name.
    fn fields(&mut self, at: usize, depth: usize, are_fields: bool) -> Result<usize, Unmaskable> {
        let input = self.input;
        if input.get(at) != Some(&b'{') {
            self.opaque = true;
            return cursor::value_end(input, at, depth);
        }
        let deeper = depth.checked_sub(1).ok_or(Unmaskable::TooDeep)?;
        let mut step = cursor::first(input, at);
        loop {
            let start = match step {
                Step::End(end) => return Ok(end),
                Step::Next(start) => start,
            };
            let (name_end, value) = cursor::name_end(input, start)?;
            let name = cursor::name_text(input, start, name_end)?;
            let end = if are_fields && self.plan.fields.find(&name).is_some() {
                self.masks = true;
                let end = cursor::value_end(input, value, deeper)?;
                if input.get(value) == Some(&b'{') {
                    let new = loosened(input, value)?;
                    self.put(value, end, &new);
                }
                end
            } else {
                self.schema(value, deeper)?
            };
            step = cursor::after(input, end, true)?;
        }
    }
}

/// Returns the schema of a masked field: only its annotations remain, and its type among others.
fn loosened(input: &[u8], at: usize) -> Result<Vec<u8>, Unmaskable> {
    let mut out = vec![b'{'];
    let mut step = cursor::first(input, at);
    while let Step::Next(start) = step {
        let (name_end, value) = cursor::name_end(input, start)?;
        let name = cursor::name_text(input, start, name_end)?;
        let end = cursor::value_end(input, value, DEEPEST)?;
        let separator: &[u8] = if out.len() > 1 { b"," } else { b"" };
        if KEPT.iter().any(|kept| *kept.as_bytes() == *name) {
            out.extend_from_slice(separator);
            out.extend_from_slice(input.get(start..end).unwrap_or_default());
        } else if *name == *b"type" {
            out.extend_from_slice(separator);
            out.extend_from_slice(b"\"type\":");
            types(input.get(value..end).unwrap_or_default(), &mut out);
        }
        step = cursor::after(input, end, true)?;
    }
    out.push(b'}');
    Ok(out)
}

/// Appends the types of a field and those of masks, each once.
fn types(before: &[u8], out: &mut Vec<u8>) {
    let all = ["array", "boolean", "integer", "number", "object", "string", "null"];
    let mut first = true;
    out.push(b'[');
    for name in all {
        let quoted = format!("\"{name}\"");
        let had = memchr::memmem::find(before, quoted.as_bytes()).is_some();
        if had || matches!(name, "string" | "null") {
            out.extend_from_slice(if first { b"" } else { b"," });
            out.extend_from_slice(quoted.as_bytes());
            first = false;
        }
    }
    out.push(b']');
}
