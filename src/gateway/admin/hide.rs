//! What who only looks is not told: people put secrets into the variables of a program, and into its
//! arguments.

use serde_json::Value as Json;
use toml::Table;
use toml::Value;

use crate::control::noun::audit::AuditEntry;
use crate::control::noun::entity::EntityView;
use crate::domain::entity::EntityKind;
use crate::domain::entity::VARIABLES;
use crate::domain::entity::without_arguments;

/// The members of an entry's detail that hold an entity's text.
const TEXTS: [&str; 2] = ["body", "was"];
/// The noun of entries that tell what the configuration file says.
const FILE: &str = "config";

/// An entity for who only looks.
pub(super) fn without_values(mut view: EntityView) -> EntityView {
    if let Some(table) = shortened(&view.toml) {
        view.hidden = true;
        view.toml = toml::to_string(&table).unwrap_or_default();
        view.value = serde_json::to_value(&table).unwrap_or_default();
    }
    view
}

/// An entry of the audit trail for who only looks: the texts of connections in it are shortened as the
/// connections are. Its hash stays that of the whole entry.
pub(super) fn without_texts(mut entry: AuditEntry) -> AuditEntry {
    let noun = entry.action.split_once('.').map_or("", |(noun, _verb)| noun);
    if EntityKind::parse(noun).is_some() || noun == FILE {
        shorten_texts(&mut entry.detail);
    }
    entry
}

/// Shortens every text of an entity in it.
fn shorten_texts(detail: &mut Json) {
    match detail {
        Json::Object(members) => {
            for (key, value) in members {
                match value {
                    Json::String(text) if TEXTS.contains(&key.as_str()) => {
                        if let Some(table) = shortened(text) {
                            *text = toml::to_string(&table).unwrap_or_default();
                        }
                    }
                    value => shorten_texts(value),
                }
            }
        }
        Json::Array(items) => items.iter_mut().for_each(shorten_texts),
        _ => {}
    }
}

/// The table of an entity's text without what is not told; `None`: all of it may be told.
fn shortened(text: &str) -> Option<Table> {
    // One that is no table any more is shown to nobody but those who can mend it.
    let mut table: Table = text.parse().unwrap_or_default();
    let mut hidden = table.is_empty();
    for (key, value) in &mut table {
        match value {
            Value::Table(variables) if key == VARIABLES => {
                variables.iter_mut().for_each(|(_, value)| *value = "***".into());
                hidden = true;
            }
            Value::String(text) => {
                let Some(program) = without_arguments(text) else { continue };
                *text = program;
                hidden = true;
            }
            _ => {}
        }
    }
    hidden.then_some(table)
}
