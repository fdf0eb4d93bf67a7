//! Which schemas apply to the members and elements of a value.

use crate::domain::json::Json;
use crate::mask::mcp::schema::Checker;
use crate::mask::mcp::schema::Fit;
use crate::mask::mcp::schema::Typed;
use crate::mask::mcp::schema::check::items_at;

/// Maximum chain of references and branches, and maximum number of schemas that may apply to one value.
const FARTHEST: usize = 16;
const MOST: usize = 64;

impl<'a> Checker<'a> {
    /// Returns the member of a value, with the schemas that apply to it.
    pub(in crate::mask::mcp) fn member(&self, typed: &Typed<'a>, name: &str) -> Option<Typed<'a>> {
        let value = typed.value.member(name)?;
        let mut schemas = Vec::new();
        for schema in self.all(typed) {
            schemas.extend(self.members_of(schema, name));
        }
        Some(Typed { schemas, value, lenient: typed.lenient })
    }

    /// Returns the element of a value, with the schemas that apply to it.
    pub(in crate::mask::mcp) fn element(&self, typed: &Typed<'a>, place: usize) -> Option<Typed<'a>> {
        let value = typed.value.as_array()?.get(place)?;
        let mut schemas = Vec::new();
        for schema in self.all(typed) {
            let Json::Object(words) = schema else { continue };
            for word in ["prefixItems", "items", "additionalItems"] {
                let content = schema.member(word);
                schemas.extend(content.and_then(|content| items_at(words, word, content, place)));
            }
        }
        Some(Typed { schemas, value, lenient: typed.lenient })
    }

    /// Returns whether a schema of a value names a member, as optional or required.
    pub(in crate::mask::mcp) fn declares(&self, typed: &Typed<'a>, name: &str) -> bool {
        self.all(typed).into_iter().any(|schema| {
            let required = schema.member("required").and_then(Json::as_array).unwrap_or_default();
            schema.member("properties").is_some_and(|fields| fields.member(name).is_some())
                || required.iter().any(|required| required.as_str() == Some(name))
        })
    }

    /// Returns all schemas that apply to a value: also behind references, and in branches that do not reject
    /// it.
    pub(super) fn all(&self, typed: &Typed<'a>) -> Vec<&'a Json> {
        let mut found = Vec::new();
        for schema in &typed.schemas {
            self.reach(schema, typed.value, 0, &mut found);
        }
        found
    }

    fn reach(&self, schema: &'a Json, value: &Json, depth: usize, found: &mut Vec<&'a Json>) {
        if depth > FARTHEST || found.len() >= MOST || !self.step() {
            return;
        }
        found.push(schema);
        let Json::Object(words) = schema else { return };
        for (word, content) in words {
            match (&**word, content) {
                ("$ref", Json::String(name)) => {
                    if let Some(schema) = self.resolve(name) {
                        self.reach(schema, value, depth + 1, found);
                    }
                }
                ("allOf", Json::Array(schemas)) => {
                    for schema in schemas {
                        self.reach(schema, value, depth + 1, found);
                    }
                }
                ("anyOf" | "oneOf", Json::Array(schemas)) => {
                    for schema in schemas {
                        if self.check(schema, value, 0) != Fit::No {
                            self.reach(schema, value, depth + 1, found);
                        }
                    }
                }
                ("then" | "else", _) => self.reach(content, value, depth + 1, found),
                _ => {}
            }
        }
    }

    /// Returns the schema that a reference within the document names.
    pub(super) fn resolve(&self, reference: &str) -> Option<&'a Json> {
        let path = reference.strip_prefix('#')?;
        if path.is_empty() {
            return Some(self.root);
        }
        let mut schema = self.root;
        for part in path.strip_prefix('/')?.split('/') {
            let name = part.replace("%24", "$").replace("~1", "/").replace("~0", "~");
            schema = match schema {
                Json::Array(schemas) => schemas.get(name.parse::<usize>().ok()?)?,
                _ => schema.member(&name)?,
            };
        }
        Some(schema)
    }

    /// Returns the schemas of a member in one object of a schema.
    fn members_of(&self, schema: &'a Json, name: &str) -> Vec<&'a Json> {
        let Json::Object(words) = schema else { return Vec::new() };
        let mut found = Vec::new();
        for (word, content) in words {
            found.extend(self.members_by(words, word, content, name).0);
        }
        found
    }

    /// Returns the schemas of a member according to one keyword, and whether they are all.
    pub(super) fn members_by(
        &self,
        words: &'a [(Box<str>, Json)],
        word: &str,
        content: &'a Json,
        name: &str,
    ) -> (Vec<&'a Json>, bool) {
        match (word, content) {
            ("properties", _) => (content.member(name).into_iter().collect(), true),
            ("patternProperties", Json::Object(patterns)) => {
                let (mut found, mut sure) = (Vec::new(), true);
                for (pattern, schema) in patterns {
                    match self.pattern(pattern) {
                        Some(pattern) if pattern.regex.is_match(name) => found.push(schema),
                        Some(_) => {}
                        None => sure = false,
                    }
                }
                (found, sure)
            }
            ("additionalProperties", _) => {
                let of =
                    |name: &str| words.iter().find(|(word, _)| &**word == name).map(|(_, content)| content);
                if of("properties").is_some_and(|fields| fields.member(name).is_some()) {
                    return (Vec::new(), true);
                }
                let by_pattern = of("patternProperties")
                    .map(|patterns| self.members_by(words, "patternProperties", patterns, name));
                match by_pattern {
                    Some((found, _)) if !found.is_empty() => (Vec::new(), true),
                    Some((_, false)) => (Vec::new(), false),
                    _ => (vec![content], true),
                }
            }
            _ => (Vec::new(), true),
        }
    }
}
