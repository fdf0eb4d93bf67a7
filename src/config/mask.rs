//! `[[mask]]`: which values are masked where, and what takes their place.

use std::collections::BTreeMap;

use crate::config::reader::Table;
use crate::config::reader::Value;
use crate::config::words::suggestion;
use crate::domain::mask::Entity;
use crate::domain::mask::MaskOp;
use crate::domain::mask::MaskRule;
use crate::domain::mask::Predicates;
use crate::mask::Plan;
use crate::mask::PlanError;

/// What an id of a policy or mask may be.
pub(super) const ID_HINT: &str = "accepted: 1 to 63 of letters, digits, - _ and .";

/// Reads the body of one `[[mask]]`.
pub(super) fn read(value: &Value<'_>) -> Option<MaskRule> {
    let mask = value.table(read_table)?;
    if let Some(mask) = &mask {
        compile(value, mask);
    }
    mask
}

/// Compiles the operator, each field and each pattern by itself, to say which one it is that cannot hold.
fn compile(value: &Value<'_>, mask: &MaskRule) {
    let bare = MaskRule { fields: Vec::new(), patterns: BTreeMap::new(), ..mask.clone() };
    let op_only = [("op", "", bare.clone())];
    let bare = MaskRule { entities: Vec::new(), op: MaskOp::Redact, ..bare };
    let fields = mask.fields.iter();
    let fields = fields
        .map(|field| ("fields", field.as_str(), MaskRule { fields: vec![field.clone()], ..bare.clone() }));
    let patterns = mask.patterns.iter().map(|(name, pattern)| {
        let alone = BTreeMap::from([(name.clone(), pattern.clone())]);
        ("patterns", name.as_str(), MaskRule { patterns: alone, ..bare.clone() })
    });
    for (key, name, alone) in op_only.into_iter().chain(fields).chain(patterns) {
        if let Err(error) = Plan::compile(&[&alone], [0; 32]) {
            let place = value.nearest_place(key, name);
            if !place.is_noted() {
                place.problem(problem_of(&error), None);
            }
        }
    }
}

/// What is wrong, without the rule and the key: those are said with the place.
fn problem_of(error: &PlanError) -> String {
    match error {
        PlanError::Field { .. } => "names no field".to_owned(),
        PlanError::KeepsTooMuch { most, .. } => format!("keeps more than {most} characters"),
        PlanError::Pattern { problem, .. } => {
            // The regex crate draws its errors over several lines; the last one says what is wrong.
            let last = problem.lines().next_back().unwrap_or_default();
            last.strip_prefix("error: ").unwrap_or(last).to_owned()
        }
        PlanError::Replacement { .. } => "holds a control character".to_owned(),
        PlanError::TooManyRules { .. } => error.to_string(),
    }
}

fn read_table(table: &mut Table<'_>) -> Option<MaskRule> {
    let id = table.required("id", ID_HINT).and_then(|value| id(&value));
    let place = table.take("match").and_then(|value| {
        value.table(|table| {
            let connections = table.take("connections").map(|value| value.texts()).unwrap_or_default();
            let tags = table.take("tags").map(|value| value.text_map()).unwrap_or_default();
            (connections, tags)
        })
    });
    let (connections, tags) = place.unwrap_or_default();
    let fields = table.take("fields").map(|value| value.texts()).unwrap_or_default();
    let patterns = table.take("patterns").map(|value| patterns(&value)).unwrap_or_default();
    let entities =
        table.take("entities").map(|value| value.list(|value| entity(value, &patterns))).unwrap_or_default();
    let op = match table.take("op") {
        Some(value) => operation(&value),
        None => Some(MaskOp::Redact),
    };
    let words = Predicates::ALL.map(|predicates| (predicates.as_str(), predicates));
    let predicates = match table.take("predicates") {
        Some(value) => {
            let word = value.word(&words);
            if word.is_some_and(|word| word != Predicates::default()) && table.peek("fields").is_none() {
                value.problem("holds for fields only", "name the columns in fields".to_owned());
            }
            word
        }
        None => Some(Predicates::default()),
    };
    if !["fields", "entities", "patterns"].iter().any(|key| table.peek(key).is_some()) {
        table.problem("masks nothing", "name at least one of fields, entities, patterns".to_owned());
    }
    let origin = table.source.origin(&table.span);
    Some(MaskRule {
        id: id?,
        origin,
        connections,
        tags,
        fields,
        entities,
        patterns,
        op: op?,
        predicates: predicates?,
    })
}

/// An id: it stands in decisions, logs and command lines.
pub(super) fn id(value: &Value<'_>) -> Option<String> {
    let text = value.text()?;
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
    if (1..=63).contains(&text.len()) && text.bytes().all(allowed) {
        return Some(text.to_owned());
    }
    value.problem("not an id", ID_HINT.to_owned());
    None
}

fn patterns(value: &Value<'_>) -> BTreeMap<String, String> {
    let patterns = value.text_map();
    for (name, pattern) in value.members().unwrap_or_default() {
        let word =
            name.bytes().all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit() || byte == b'_');
        if !word || name.len() > 63 {
            pattern.problem(
                "not a name for a pattern",
                "accepted: 1 to 63 of A-Z, 0-9 and _, such as CUSTOMER_NUMBER".to_owned(),
            );
        } else if Entity::built_in(name).is_some() {
            pattern.problem("the name of a built-in entity", "give the pattern another name".to_owned());
        }
    }
    patterns
}

fn entity(value: &Value<'_>, patterns: &BTreeMap<String, String>) -> Option<Entity> {
    let text = value.text()?;
    if let Some(entity) = Entity::built_in(text) {
        return Some(entity);
    }
    if patterns.contains_key(text) {
        return Some(Entity::Custom(text.to_owned()));
    }
    let accepted: Vec<&str> =
        Entity::BUILT_IN.iter().map(Entity::as_str).chain(patterns.keys().map(String::as_str)).collect();
    value.problem("no detector finds that", suggestion(text, &accepted));
    None
}

fn operation(value: &Value<'_>) -> Option<MaskOp> {
    const KINDS: [(&str, &str); 6] = [
        ("redact", "redact"),
        ("replace", "replace"),
        ("keep_last", "keep_last"),
        ("keep_first", "keep_first"),
        ("hash", "hash"),
        ("null", "null"),
    ];
    value.table(|table| {
        let kinds = "accepted: redact, replace, keep_last, keep_first, hash, null";
        let kind = table.required("kind", kinds).and_then(|value| value.word(&KINDS));
        Some(match kind.unwrap_or_default() {
            "replace" => {
                let with = table.required("with", "accepted: the text that takes the place")?;
                MaskOp::Replace { with: with.text()?.to_owned() }
            }
            "keep_last" => MaskOp::KeepLast { n: kept(table, 4)? },
            "keep_first" => MaskOp::KeepFirst { n: kept(table, 6)? },
            "hash" => MaskOp::Hash,
            "null" => MaskOp::Null,
            "redact" => MaskOp::Redact,
            _ => {
                // Whether they fit is not known before the kind is.
                drop([table.take("n"), table.take("with")]);
                return None;
            }
        })
    })?
}

/// How many characters stay. Payment card rules (PCI DSS 3.4) let at most the first six and the last four be
/// seen.
fn kept(table: &mut Table<'_>, most: i64) -> Option<u8> {
    table.required("n", &format!("accepted: a whole number from 1 to {most}"))?.whole(1..=most)
}
