//! The JSON Schema of the configuration file, for editors: draft-07, without keywords that draft 4 lacks.
//!
//! It has the keys, their types and descriptions. Constraints between several keys are only checked by the
//! reader. A test (`config/tests/schema.rs`) verifies that schema and reader agree about each key, type and
//! word.

mod entities;
mod settings;

use serde_json::Map;
use serde_json::Value;
use serde_json::json;

/// A source of a secret.
const SOURCE: &str = r"(env|file|store|exec):[\s\S]*\S[\s\S]*";
/// A duration.
const DURATION: &str = "[0-9]+(ms|s|m|h|d)";

/// Builds the schema.
pub fn schema() -> Value {
    let mut schema = json!({
        "$schema": "http://json-schema.org/draft-07/schema#",
        "title": "hoopctl.toml",
    });
    let root = table(
        "The configuration of hoopctl",
        &["version"],
        vec![
            ("version", json!({"description": "The version of this file", "type": "integer", "enum": [1]})),
            ("gateway", settings::gateway()),
            ("admin", settings::admin()),
            ("oidc", tables(settings::oidc())),
            ("storage", settings::storage()),
            ("recording", settings::recording()),
            ("connection", tables(entities::connection())),
            ("policy", tables(entities::policy())),
            ("mask", tables(entities::mask())),
            ("dev_issuer", settings::dev_issuer()),
        ],
    );
    if let (Some(schema), Value::Object(root)) = (schema.as_object_mut(), root) {
        schema.extend(root);
    }
    schema
}

/// Returns a table with these keys and no others.
fn table(about: &str, required: &[&str], members: Vec<(&str, Value)>) -> Value {
    let members: Map<String, Value> =
        members.into_iter().map(|(name, shape)| (name.to_owned(), shape)).collect();
    let mut table =
        json!({"description": about, "type": "object", "properties": members, "additionalProperties": false});
    if !required.is_empty()
        && let Some(table) = table.as_object_mut()
    {
        table.insert("required".to_owned(), json!(required));
    }
    table
}

/// Tables of one kind, each under its own header.
fn tables(one: Value) -> Value {
    with(json!({"type": "array"}), "items", one)
}

fn described(about: &str, shape: Value) -> Value {
    let mut whole = json!({"description": about});
    if let (Some(whole), Value::Object(shape)) = (whole.as_object_mut(), shape) {
        whole.extend(shape);
    }
    whole
}

/// Adds a default.
fn default(shape: Value, value: Value) -> Value {
    with(shape, "default", value)
}

/// Adds a keyword.
fn with(mut shape: Value, keyword: &str, value: Value) -> Value {
    if let Some(members) = shape.as_object_mut() {
        members.insert(keyword.to_owned(), value);
    }
    shape
}

fn any_text() -> Value {
    json!({"type": "string", "minLength": 1})
}

fn text(about: &str) -> Value {
    described(about, any_text())
}

fn matching(about: &str, pattern: &str) -> Value {
    described(about, json!({"type": "string", "pattern": format!("^({pattern})$")}))
}

fn flag(about: &str) -> Value {
    default(described(about, json!({"type": "boolean"})), json!(false))
}

fn whole(about: &str, low: i64, high: i64) -> Value {
    described(about, json!({"type": "integer", "minimum": low, "maximum": high}))
}

fn duration(about: &str, preset: &str) -> Value {
    let shape = matching(about, DURATION);
    if preset.is_empty() { shape } else { default(shape, json!(preset)) }
}

fn size(about: &str, preset: &str) -> Value {
    let either = json!({"anyOf": [
        {"type": "string", "pattern": "^[0-9]+(B|KiB|MiB|GiB)?$"},
        {"type": "integer", "minimum": 0},
    ]});
    default(described(about, either), json!(preset))
}

fn words<'a>(about: &str, words: impl IntoIterator<Item = &'a str>) -> Value {
    let words: Vec<&str> = words.into_iter().collect();
    described(about, json!({"type": "string", "enum": words}))
}

/// Returns a list of one or more elements.
fn list(about: &str, one: Value) -> Value {
    with(described(about, json!({"type": "array", "minItems": 1})), "items", one)
}

fn texts(about: &str) -> Value {
    list(about, any_text())
}

/// Returns a table of one or more values under arbitrary keys.
fn map(about: &str, one: Value) -> Value {
    with(described(about, json!({"type": "object", "minProperties": 1})), "additionalProperties", one)
}

fn secret(about: &str) -> Value {
    matching(&format!("{about}: env:NAME, file:PATH, store:KEY or exec:COMMAND"), SOURCE)
}

fn listener(about: &str) -> Value {
    matching(&format!("{about}: an IP address and a port, such as 127.0.0.1:8440"), ".+:[0-9]+")
}

fn name(about: &str) -> Value {
    matching(&format!("{about}: 1 to 63 of a-z, 0-9 and -"), "[a-z0-9-]{1,63}")
}

fn id(about: &str) -> Value {
    matching(&format!("{about}: 1 to 63 of letters, digits, - _ and ."), "[A-Za-z0-9._-]{1,63}")
}
