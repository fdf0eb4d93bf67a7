//! The differences between two versions of an entity, by key.

use serde_json::Value as Json;
use toml::Table;
use toml::Value;

use crate::config::parse_entity;
use crate::config::render_entity;
use crate::control::noun::entity::FieldChange;
use crate::domain::connection::Origin;
use crate::domain::entity::EntityKind;
use crate::domain::entity::VARIABLES;
use crate::domain::entity::names_program;

/// Returns whether two texts are equivalent, however they are written.
pub(super) fn is_same(kind: EntityKind, old: &str, new: &str) -> bool {
    let read = |text| parse_entity(kind, text, Origin::Store);
    old == new || matches!((read(old), read(new)), (Ok(old), Ok(new)) if old == new)
}

/// Returns the differences between two texts, by key. Defaults are left out of both.
pub(super) fn changes(kind: EntityKind, old: &str, new: &str) -> Vec<FieldChange> {
    let mut found = Vec::new();
    compare("", &table(kind, old), &table(kind, new), &mut found);
    found
}

/// Returns the table of a text; one that this version cannot parse is compared as it is written.
fn table(kind: EntityKind, text: &str) -> Table {
    let whole = parse_entity(kind, text, Origin::Store).map(|entity| render_entity(&entity));
    whole.as_deref().unwrap_or(text).parse().unwrap_or_default()
}

fn compare(within: &str, old: &Table, new: &Table, found: &mut Vec<FieldChange>) {
    for key in old.keys().chain(new.keys().filter(|key| !old.contains_key(*key))) {
        let whole = if within.is_empty() { key.clone() } else { format!("{within}.{key}") };
        match (old.get(key), new.get(key)) {
            (old, new) if old == new => {}
            (old, new) if is_table(old) && is_table(new) => {
                let empty = Table::new();
                let inner = |value: Option<&Value>| value.and_then(Value::as_table).unwrap_or(&empty).clone();
                compare(&whole, &inner(old), &inner(new), found);
            }
            (old, new) => {
                let is_hidden =
                    |value: &Value| within == VARIABLES || value.as_str().is_some_and(names_program);
                let (was, now) =
                    (old.map(|old| shown(old, is_hidden(old))), new.map(|new| shown(new, is_hidden(new))));
                found.push(FieldChange { key: whole, was, now });
            }
        }
    }
}

/// Returns whether it is a table or missing; its members are then compared.
fn is_table(value: Option<&Value>) -> bool {
    value.is_none_or(Value::is_table)
}

fn shown(value: &Value, hidden: bool) -> Json {
    if hidden { Json::from("***") } else { serde_json::to_value(value).unwrap_or_default() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(kind: EntityKind, old: &str, new: &str) -> Vec<String> {
        let shown = |value: Option<Json>| value.map_or_else(|| "-".to_owned(), |value| value.to_string());
        let told =
            |change: FieldChange| format!("{}: {} {}", change.key, shown(change.was), shown(change.now));
        changes(kind, old, new).into_iter().map(told).collect()
    }

    #[test]
    fn only_what_differs_is_told_by_its_key() {
        let policy = EntityKind::Policy;
        let old = "id = \"a\"\neffect = \"approve\"\nmatch = { groups = [\"x\"], connections = [\"c\"] }\napproval = { from = [\"d\"], timeout = \"600s\" }\n";
        let new = "id = \"a\"\neffect = \"allow\"\n[match]\ngroups = [\"x\", \"y\"]\nconnections = [\"c\"]\noperations = [\"read\"]\n";
        assert_eq!(
            told(policy, old, new),
            [
                "approval.from: [\"d\"] -",
                "effect: \"approve\" \"allow\"",
                "match.groups: [\"x\"] [\"x\",\"y\"]",
                "match.operations: - [\"read\"]",
            ]
        );
        // An explicit default, and another spelling of a duration, are no changes.
        let same = old.replace("\"600s\"", "\"10m\", min = 1");
        assert!(is_same(policy, old, &same) && told(policy, old, &same).is_empty());
        assert!(!is_same(policy, old, new));
        // An invalid text only equals itself.
        assert!(is_same(policy, "nope", "nope") && !is_same(policy, "nope", old));
    }

    #[test]
    fn variables_of_a_program_are_not_told() {
        let old = "name = \"t\"\nupstream = \"mcp+stdio:server\"\nenv = { A = \"hunter2\", B = \"x\" }\n";
        let new = old.replace("hunter2", "hunter3").replace("B = \"x\"", "C = \"x\"");
        assert_eq!(
            told(EntityKind::Connection, old, &new),
            ["env.A: \"***\" \"***\"", "env.B: \"***\" -", "env.C: - \"***\""]
        );
        let none = "name = \"t\"\nupstream = \"mcp+stdio:server\"\n";
        assert_eq!(told(EntityKind::Connection, none, old), ["env.A: - \"***\"", "env.B: - \"***\""]);
        let arguments = none.replace("server", "server --key hunter2");
        assert_eq!(told(EntityKind::Connection, none, &arguments), ["upstream: \"***\" \"***\""]);
        let http = "name = \"t\"\nupstream = \"http://127.0.0.1:1\"\n";
        let exec = format!("{http}inject = \"bearer:exec:tool hunter2\"\n");
        assert_eq!(told(EntityKind::Connection, http, &exec), ["inject: - \"***\""]);
    }
}
