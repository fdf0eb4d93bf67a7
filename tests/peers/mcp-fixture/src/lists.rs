//! What the server has: tools, prompts and resources of `lists.json`, with pages and with texts filled in.
//!
//! An entry has the definition that clients are shown, and mostly a `result`; texts in it name in `{/pointer}` what is put
//! in their place, from the arguments and from what the client was asked (`rounds`).

use rmcp::ErrorData;
use rmcp::model::Tool;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value, json};

/// How long a client may keep a list, in milliseconds.
const FRESH: u64 = 60_000;

/// A list with its names on the wire.
#[derive(Clone, Copy)]
pub struct Kind {
    /// The key of the list, in `lists.json` and on the wire.
    pub list: &'static str,
    /// The key of an entry's definition in `lists.json`.
    pub entry: &'static str,
    /// What names one, in its definition.
    pub name: &'static str,
    /// The key of the list in the result.
    pub wire: &'static str,
}

/// `tools/list`.
pub const TOOLS: Kind = Kind { list: "tools", entry: "tool", name: "name", wire: "tools" };
/// `prompts/list`.
pub const PROMPTS: Kind = Kind { list: "prompts", entry: "prompt", name: "name", wire: "prompts" };
/// `resources/list`.
pub const RESOURCES: Kind = Kind { list: "resources", entry: "resource", name: "uri", wire: "resources" };
/// `resources/templates/list`.
pub const TEMPLATES: Kind =
    Kind { list: "templates", entry: "template", name: "uriTemplate", wire: "resourceTemplates" };

/// All that the server has.
pub struct Lists {
    all: Value,
    page: Option<usize>,
}

impl Lists {
    /// Reads what was built in. `page` is how many entries a page has; all of them without it.
    ///
    /// # Errors
    ///
    /// The file is no JSON, which the first start after a change of it shows.
    pub fn new(page: Option<usize>) -> serde_json::Result<Self> {
        Ok(Self { all: serde_json::from_str(include_str!("lists.json"))?, page })
    }

    fn entries(&self, kind: Kind) -> &[Value] {
        self.all.get(kind.list).and_then(Value::as_array).map_or(&[], Vec::as_slice)
    }

    /// The entry of that name.
    pub fn find(&self, kind: Kind, name: &str) -> Option<&Value> {
        self.entries(kind)
            .iter()
            .find(|entry| entry.get(kind.entry).and_then(|shown| shown.get(kind.name)) == Some(&json!(name)))
    }

    /// The definition of a tool, as it is now.
    pub fn tool(&self, name: &str, version: u64) -> Option<Tool> {
        serde_json::from_value(shown(self.find(TOOLS, name)?, TOOLS, version)).ok()
    }

    /// One page of a list. A cursor is the number of the entry that a page begins with.
    ///
    /// # Errors
    ///
    /// The cursor did not come from here.
    pub fn page<T: DeserializeOwned>(
        &self,
        kind: Kind,
        cursor: Option<&str>,
        version: u64,
    ) -> Result<T, ErrorData> {
        let all = self.entries(kind);
        let unknown = || ErrorData::invalid_params("the cursor is not one that this server gave", None);
        let first: usize = cursor.map_or(Ok(0), str::parse).map_err(|_| unknown())?;
        let rest = all.get(first..).filter(|rest| first == 0 || !rest.is_empty()).ok_or_else(unknown)?;
        let count = self.page.unwrap_or(rest.len()).min(rest.len());
        let page: Vec<Value> = rest.iter().take(count).map(|entry| shown(entry, kind, version)).collect();
        let mut result = json!({ kind.wire: page, "ttlMs": FRESH, "cacheScope": "public" });
        if let Some(object) = result.as_object_mut().filter(|_| count < rest.len()) {
            object.insert("nextCursor".to_owned(), json!((first + count).to_string()));
        }
        complete(result)
    }

    /// What is read at that address, filled in; `None` where there is nothing.
    pub fn read(&self, uri: &str) -> Option<Value> {
        if let Some(entry) = self.find(RESOURCES, uri) {
            return entry.get("result").cloned();
        }
        self.entries(TEMPLATES).iter().find_map(|entry| {
            let template = entry.pointer("/template/uriTemplate")?.as_str()?;
            let (before, after) = template.split_once("{id}")?;
            let id = uri.strip_prefix(before)?.strip_suffix(after)?;
            (!id.is_empty() && !id.contains('/'))
                .then(|| fill(entry.get("result").unwrap_or(&Value::Null), &json!({ "id": id })))
        })
    }
}

/// The definition of an entry, with the version in its description.
fn shown(entry: &Value, kind: Kind, version: u64) -> Value {
    let mut shown = entry.get(kind.entry).cloned().unwrap_or_default();
    if let Some(Value::String(text)) = shown.get_mut("description") {
        *text = text.replace("{version}", &version.to_string());
    }
    shown
}

/// A copy in which each `{/pointer}` of a text is what `from` has there: a text as it is, all else as JSON, and what is
/// absent as nothing.
pub fn fill(template: &Value, from: &Value) -> Value {
    match template {
        Value::String(text) => Value::String(fill_text(text, from)),
        Value::Array(items) => items.iter().map(|item| fill(item, from)).collect(),
        Value::Object(fields) => Value::Object(
            fields.iter().map(|(key, value)| (key.clone(), fill(value, from))).collect::<Map<_, _>>(),
        ),
        other => other.clone(),
    }
}

fn fill_text(text: &str, from: &Value) -> String {
    let mut filled = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("{/") {
        let Some((pointer, after)) = after.split_once('}') else { break };
        filled.push_str(before);
        match from.pointer(&format!("/{pointer}")) {
            None => {}
            Some(Value::String(text)) => filled.push_str(text),
            Some(other) => filled.push_str(&other.to_string()),
        }
        rest = after;
    }
    filled + rest
}

/// A complete result from its JSON.
///
/// # Errors
///
/// The JSON is not of that result, which is a fault of this server.
pub fn complete<T: DeserializeOwned>(mut value: Value) -> Result<T, ErrorData> {
    if let Some(fields) = value.as_object_mut() {
        fields.insert("resultType".to_owned(), json!("complete"));
    }
    wire(value)
}

/// A message from its JSON.
///
/// # Errors
///
/// The JSON is not of that message, which is a fault of this server.
pub fn wire<T: DeserializeOwned>(value: Value) -> Result<T, ErrorData> {
    serde_json::from_value(value).map_err(|error| {
        ErrorData::internal_error(format!("{} cannot be made: {error}", std::any::type_name::<T>()), None)
    })
}
