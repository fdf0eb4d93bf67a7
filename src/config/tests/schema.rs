//! The schema for editors and the reader agree about each key, its type and its words.

use std::collections::BTreeSet;
use std::path::Path;

use serde_json::Value;
use serde_json::json;

use crate::config::parse;
use crate::config::problem::Problem;
use crate::config::schema;

/// A key that is not near any other.
const UNKNOWN: &str = "qqqqqqqqqqqqqqqq";

/// Collects the problems of a value according to the keywords that the schema uses. Any other keyword fails
/// the test.
fn faults(schema: &Value, value: &Value, at: &str, found: &mut Vec<String>) {
    for (keyword, wanted) in schema.as_object().unwrap() {
        let number = || wanted.as_i64().unwrap();
        let least = |count: usize| count >= usize::try_from(number()).unwrap();
        let holds = match keyword.as_str() {
            "$schema" | "title" | "description" | "default" => true,
            "type" => match wanted.as_str().unwrap() {
                "string" => value.is_string(),
                "boolean" => value.is_boolean(),
                "integer" => value.is_i64() || value.is_u64(),
                "array" => value.is_array(),
                "object" => value.is_object(),
                other => panic!("type {other}"),
            },
            "enum" => wanted.as_array().unwrap().contains(value),
            "pattern" => {
                let pattern = regex::Regex::new(wanted.as_str().unwrap()).unwrap();
                value.as_str().is_none_or(|text| pattern.is_match(text))
            }
            "minLength" => value.as_str().is_none_or(|text| least(text.chars().count())),
            "minimum" => value.as_i64().is_none_or(|own| own >= number()),
            "maximum" => value.as_i64().is_none_or(|own| own <= number()),
            "minItems" => value.as_array().is_none_or(|own| least(own.len())),
            "minProperties" => value.as_object().is_none_or(|own| least(own.len())),
            "items" => {
                let elements = value.as_array().into_iter().flatten();
                elements.for_each(|element| faults(wanted, element, at, found));
                true
            }
            "properties" => {
                for (key, own) in value.as_object().into_iter().flatten() {
                    if let Some(shape) = wanted.get(key) {
                        faults(shape, own, &format!("{at}.{key}"), found);
                    }
                }
                true
            }
            "additionalProperties" => {
                for (key, own) in value.as_object().into_iter().flatten() {
                    match wanted {
                        _ if schema.get("properties").is_some_and(|known| known.get(key).is_some()) => {}
                        Value::Bool(false) => found.push(format!("{at}.{key}: unknown")),
                        shape => faults(shape, own, &format!("{at}.{key}"), found),
                    }
                }
                true
            }
            "required" => {
                let has = |key: &Value| value.get(key.as_str().unwrap()).is_some();
                !value.is_object() || wanted.as_array().unwrap().iter().all(has)
            }
            "anyOf" => wanted.as_array().unwrap().iter().any(|one| {
                let mut inner = Vec::new();
                faults(one, value, at, &mut inner);
                inner.is_empty()
            }),
            other => panic!("draft 4 or this test does not know {other}"),
        };
        if !holds {
            found.push(format!("{at}: {keyword} of {value}"));
        }
    }
}

fn is_good(schema: &Value, value: &Value) -> bool {
    let mut found = Vec::new();
    faults(schema, value, "", &mut found);
    found.is_empty()
}

/// One step from a table into it.
#[derive(Clone)]
enum Step {
    Key(String),
    /// An element of a list.
    Element,
    /// A member with an arbitrary key.
    Member,
}

/// Collects every shape of the schema, with the path to it.
fn shapes(schema: &Value, way: &[Step], found: &mut Vec<(Vec<Step>, Value)>) {
    found.push((way.to_vec(), schema.clone()));
    let next = |step| [way, &[step]].concat();
    for (key, inner) in schema.get("properties").and_then(Value::as_object).into_iter().flatten() {
        shapes(inner, &next(Step::Key(key.clone())), found);
    }
    if let Some(items) = schema.get("items") {
        shapes(items, &next(Step::Element), found);
    }
    if let Some(member) = schema.get("additionalProperties").filter(|own| own.is_object()) {
        shapes(member, &next(Step::Member), found);
    }
}

/// Returns a file with a value at the end of a path.
fn file(way: &[Step], value: Value) -> String {
    let whole = way.iter().rev().fold(value, |inner, step| match step {
        Step::Key(key) => json!({ key: inner }),
        Step::Element => json!([inner]),
        Step::Member => json!({ "FREE": inner }),
    });
    toml::to_string(&toml::Value::try_from(whole).unwrap()).unwrap()
}

/// Returns the reader's problems for the value at the end of a path.
fn problems(way: &[Step], value: &Value) -> Vec<Problem> {
    let last = way.iter().rev().find_map(|step| match step {
        Step::Key(key) => Some(key.as_str()),
        Step::Member => Some("FREE"),
        Step::Element => None,
    });
    let last = last.unwrap_or_default();
    // Whether the two fit together is only checked when the operator is known.
    let text = match (last, way.split_last()) {
        ("n", Some((_, op))) => file(op, json!({ "kind": "keep_first", "n": value })),
        ("with", Some((_, op))) => file(op, json!({ "kind": "replace", "with": value })),
        _ => file(way, value.clone()),
    };
    let found = parse(&text, Path::new("h.toml")).err().unwrap_or_default();
    found.into_iter().filter(|own| own.key == last || own.key.ends_with(&format!(".{last}"))).collect()
}

fn accepted(hint: Option<&str>) -> BTreeSet<String> {
    let hint = hint.and_then(|hint| hint.strip_prefix("accepted: ")).unwrap_or_default();
    hint.split(", ").map(str::to_owned).collect()
}

fn all() -> Vec<(Vec<Step>, Value)> {
    let mut found = Vec::new();
    shapes(&schema(), &[], &mut found);
    assert!(found.len() > 200, "{}", found.len());
    found
}

fn told(way: &[Step]) -> String {
    file(way, json!(UNKNOWN))
}

#[test]
fn the_schema_has_the_keys_that_the_reader_accepts_and_no_others() {
    for (way, shape) in all() {
        let Some(members) = shape.get("properties").and_then(Value::as_object) else { continue };
        let text = file(&way, json!({ UNKNOWN: 1 }));
        let found = parse(&text, Path::new("h.toml")).unwrap_err();
        let unknown = found.iter().find(|problem| problem.key.ends_with(UNKNOWN));
        let unknown = unknown.unwrap_or_else(|| panic!("{text}: {found}"));
        let known: BTreeSet<String> = members.keys().cloned().collect();
        assert_eq!(known, accepted(unknown.hint.as_deref()), "{text}");
    }
}

#[test]
fn the_schema_has_the_words_that_the_reader_accepts_and_no_others() {
    let mut count = 0;
    for (way, shape) in all() {
        let Some(words) = shape.get("enum").and_then(Value::as_array) else { continue };
        if shape["type"] != "string" {
            continue;
        }
        let found = problems(&way, &json!(UNKNOWN));
        let [problem] = found.as_slice() else { panic!("{}: {found:?}", told(&way)) };
        let words: BTreeSet<String> = words.iter().map(|word| word.as_str().unwrap().to_owned()).collect();
        let hint = problem.hint.as_deref().map(|hint| hint.split(';').next().unwrap_or_default());
        assert_eq!(words, accepted(hint), "{}", told(&way));
        count += 1;
    }
    assert!(count > 15, "{count}");
}

/// Values of every type, some of which are valid somewhere.
fn candidates() -> Vec<Value> {
    vec![
        json!(true),
        json!(false),
        json!(-1),
        json!(0),
        json!(3),
        json!(2_000_000_000_i64),
        json!(1.5),
        json!(""),
        json!("a b"),
        json!("name"),
        json!("UPPER.x"),
        json!("10m"),
        json!("500ms"),
        json!("10"),
        json!("3MiB"),
        json!("127.0.0.1:9"),
        json!("[::1]:9"),
        json!("env:NAME"),
        json!("store:"),
        json!("hunter2"),
        json!("bearer:env:NAME"),
        json!("bearer:hunter2"),
        json!("none"),
        json!("https://a.example/x"),
        json!("postgres://h/d"),
        json!("mcp+stdio:prog a"),
        json!("once"),
        json!("EMAIL_ADDRESS"),
        json!([]),
        json!(["name"]),
        json!([3]),
        json!({}),
        json!({"name": "x"}),
        json!({"name": 3}),
        json!({"name": ["x"]}),
        json!({"kind": "redact"}),
    ]
}

#[test]
fn the_schema_is_no_stricter_than_the_reader_and_knows_the_type_of_each_key() {
    let mut wrong = Vec::new();
    // The reader's problems for a value of the wrong type.
    let of_type = [
        "not a string",
        "not true or false",
        "not a whole number",
        "not a list",
        "not a table",
        "an empty list",
        "an empty table",
        "empty",
    ];
    for (way, shape) in all() {
        if !matches!(way.last(), Some(Step::Key(_))) {
            continue;
        }
        for value in candidates() {
            let found = problems(&way, &value);
            let good = is_good(&shape, &value);
            let simple = !value.is_object() && !value.is_array();
            if simple && found.is_empty() && !good {
                wrong.push(format!("stricter than the reader: {}: {value}", told(&way)));
            }
            let refused = found.iter().find(|problem| of_type.iter().any(|start| problem.problem == *start));
            if let Some(problem) = refused.filter(|_| good) {
                wrong.push(format!("accepts what is {}: {}: {value}", problem.problem, told(&way)));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn what_the_reader_accepts_the_schema_accepts() {
    for folder in ["tests/golden/config/valid", "examples"] {
        for path in super::golden::samples(folder) {
            let text = std::fs::read_to_string(&path).unwrap();
            let value = serde_json::to_value(text.parse::<toml::Table>().unwrap()).unwrap();
            let mut found = Vec::new();
            faults(&schema(), &value, "", &mut found);
            assert!(found.is_empty(), "{}: {found:#?}", path.display());
        }
    }
}

#[test]
fn the_bounds_of_numbers_are_those_of_the_reader() {
    let mut count = 0;
    for (way, shape) in all() {
        let (Some(low), Some(high)) = (shape["minimum"].as_i64(), shape["maximum"].as_i64()) else {
            continue;
        };
        for (value, good) in [(low - 1, false), (low, true), (high, true), (high + 1, false)] {
            let found = problems(&way, &json!(value));
            assert_eq!(found.is_empty(), good, "{}: {value}: {found:?}", told(&way));
        }
        count += 1;
    }
    assert!(count > 8, "{count}");
}

/// Returns a valid value of a required key.
fn needed(key: &str) -> Value {
    match key {
        "version" => json!(1),
        "upstream" => json!("http://h"),
        "effect" => json!("deny"),
        "match" => json!({ "groups": ["g"] }),
        "kind" => json!("redact"),
        "issuer" => json!("https://idp.example"),
        "key" => json!("file:k"),
        "audiences" | "from" | "scopes" => json!(["a"]),
        "cert" | "client_id" | "id" | "name" => json!("a"),
        other => panic!("this test does not know what {other} is"),
    }
}

#[test]
fn the_keys_that_must_be_there_are_those_of_the_reader() {
    let mut count = 0;
    for (way, shape) in all() {
        let Some(members) = shape.get("properties").and_then(Value::as_object) else { continue };
        let required: Vec<&str> =
            shape["required"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
        let missing = |without: Option<&str>, key: &str| {
            let there = required.iter().filter(|key| Some(**key) != without);
            let table: serde_json::Map<_, _> = there.map(|key| ((*key).to_owned(), needed(key))).collect();
            let found = parse(&file(&way, table.into()), Path::new("h.toml")).err().unwrap_or_default();
            let of_key = |own: &&Problem| own.key == key || own.key.ends_with(&format!(".{key}"));
            found.iter().filter(of_key).filter(|own| own.problem == "missing").count()
        };
        for key in members.keys() {
            if required.contains(&key.as_str()) {
                assert_eq!(missing(Some(key), key), missing(None, key) + 1, "{}: {key}", told(&way));
                count += 1;
            } else {
                assert_eq!(missing(None, key), 0, "{}: {key}", told(&way));
            }
        }
    }
    assert!(count > 15, "{count}");
}

#[test]
fn a_default_is_what_the_reader_takes_when_the_key_is_not_there() {
    let lines = regex::Regex::new("(line|column): [0-9]+|text: [0-9]+ bytes").unwrap();
    let read = |whole: &Value| -> Result<String, String> {
        let text = toml::to_string(&toml::Value::try_from(whole.clone()).unwrap()).unwrap();
        let mut config = parse(&text, Path::new("h.toml")).map_err(|found| format!("{text}: {found}"))?;
        config.warnings = Vec::new();
        Ok(lines.replace_all(&format!("{config:?}"), "").into_owned())
    };
    let base = |noun: &str| match noun {
        "oidc" => json!({ "name": "a", "issuer": "https://idp.example", "audiences": ["a"] }),
        "connection" => json!({ "name": "a", "upstream": "postgres://h/d", "inject": "password:u:env:P" }),
        "policy" => {
            json!({ "id": "a", "effect": "approve", "match": { "groups": ["g"] }, "approval": { "from": ["g"] } })
        }
        "mask" => json!({ "id": "a", "fields": ["f"] }),
        _ => json!({}),
    };
    let mut wrong = Vec::new();
    let mut count = 0;
    for (way, shape) in all() {
        let (Some(preset), Some(Step::Key(noun))) = (shape.get("default"), way.first()) else { continue };
        let keys: Vec<&str> = way
            .iter()
            .filter_map(|step| if let Step::Key(key) = step { Some(key.as_str()) } else { None })
            .collect();
        let mut own = base(noun);
        // Keys that only apply to MCP servers.
        if matches!(keys.last(), Some(&"binary" | &"pin" | &"trust_annotations")) {
            own = json!({ "name": "a", "upstream": "mcp+http://h/mcp" });
        }
        let with = |mut own: Value, value: Option<&Value>| {
            let mut place = &mut own;
            for key in &keys[1..keys.len() - 1] {
                place = place.as_object_mut().unwrap().entry(*key).or_insert_with(|| json!({}));
            }
            if let (Some(value), Some(last)) = (value, keys.last()) {
                place[*last] = value.clone();
            }
            let own = if matches!(way.get(1), Some(Step::Element)) { json!([own]) } else { own };
            read(&json!({ "version": 1, noun: own }))
        };
        match (with(own.clone(), Some(preset)), with(own, None)) {
            (Ok(given), Ok(taken)) if given == taken => {}
            (Ok(_), Ok(_)) => wrong.push(keys.join(".")),
            (Err(found), _) | (_, Err(found)) => wrong.push(format!("{}: {found}", keys.join("."))),
        }
        count += 1;
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(count > 25, "{count}");
}
