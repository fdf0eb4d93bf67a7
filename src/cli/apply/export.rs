//! `export`: the content of the store, as TOML that `apply` accepts.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use clap::Args;
use toml::Table;
use toml::Value;

use crate::cli::access::Access;
use crate::cli::apply::any_label;
use crate::cli::output;
use crate::cli::output::Format;
use crate::cli::output::Row;
use crate::cli::output::Terminal;
use crate::cli::place::Place;
use crate::cli::report::Exit;
use crate::cli::report::Failure;
use crate::cli::report::Outcome;
use crate::config::Entity;
use crate::config::parse_entity;
use crate::config::render_entity;
use crate::control::noun::entity::EntityView;
use crate::domain::connection::Origin;
use crate::domain::entity::BY_HAND;
use crate::domain::entity::EntityKind;
use crate::domain::entity::VARIABLES;
use crate::domain::entity::without_arguments;
use crate::domain::secret::SecretRef;
use crate::domain::text::Shown;
use crate::domain::text::is_deceptive;

/// Options of `export`.
#[derive(Debug, Args)]
pub struct ExportArgs {
    /// Only what is managed under this name; cli: what no apply has taken over
    #[arg(long, value_name = "NAME", value_parser = any_label)]
    pub managed_by: Option<String>,
}

/// Runs `export`.
pub fn export(terminal: Terminal, place: &Place, args: &ExportArgs) -> Outcome {
    let access = Access::to_look(terminal, place)?;
    let mut views = Vec::new();
    for kind in [EntityKind::Connection, EntityKind::Policy, EntityKind::Mask] {
        views.extend(access.wait(access.backend().entities(kind))?.items);
    }
    let all = views.len();
    views.retain(|view| !view.read_only);
    if all > views.len() {
        let left = output::count((all - views.len()) as u64, "entity", "entities");
        terminal.say(&format!("left out: {left} of the configuration file"));
    }
    if let Some(label) = &args.managed_by {
        views.retain(|view| view.managed_by.as_ref() == Some(label));
        if views.is_empty() {
            terminal.say(&format!("nothing in the store is managed by {label}"));
        }
    }
    let names = |views: &[&EntityView]| -> String {
        let names: Vec<String> = views.iter().map(|view| Shown(&view.name).to_string()).collect();
        names.join(", ")
    };
    let hidden: Vec<&EntityView> = views.iter().filter(|view| view.hidden).collect();
    if !hidden.is_empty() {
        let text = format!(
            "warning: incomplete: only who manages sees variables and arguments of programs, so left out: {}",
            names(&hidden)
        );
        terminal.say(&text);
        views.retain(|view| !view.hidden);
    }
    let told: Vec<&EntityView> = views.iter().filter(|view| tells_values(view)).collect();
    if !told.is_empty() {
        let text = format!(
            "warning: variables and arguments of programs are printed as they are written; look for secrets in: {}",
            names(&told)
        );
        terminal.say(&text);
    }
    match terminal.format {
        Format::Table | Format::Toml => terminal.data(&text(&views, args.managed_by.as_deref())?)?,
        Format::Json | Format::Jsonl | Format::Csv => {
            let rows: Vec<Row> = views.iter().map(row).collect();
            terminal.list(&["kind", "name", "managed by"], &rows, "")?;
        }
    }
    Ok(Exit::Done)
}

fn row(view: &EntityView) -> Row {
    let managed_by = view.managed_by.clone().unwrap_or_default();
    Row {
        cells: vec![view.kind.as_str().to_owned(), view.name.clone(), managed_by],
        json: output::json(view),
    }
}

/// Returns whether its text has values that may be secrets: variables or arguments of a program.
fn tells_values(view: &EntityView) -> bool {
    let table: Table = view.toml.parse().unwrap_or_default();
    table.iter().any(|(key, value)| match value {
        Value::Table(variables) => key == VARIABLES && !variables.is_empty(),
        Value::String(text) => without_arguments(text).is_some(),
        _ => false,
    })
}

/// Renders the file. Of a secret it has the name, not the value. `label`: everything in it is managed under
/// that name.
fn text(views: &[EntityView], label: Option<&str>) -> Result<String, Failure> {
    let own = label.filter(|label| *label != BY_HAND);
    let more = own.map(|label| format!(" --managed-by {label}")).unwrap_or_default();
    let mut text =
        format!("# What the store of hoopctl holds; put it back with: hoopctl apply -f FILE{more}\n");
    let labels: BTreeSet<&str> = views.iter().filter_map(|view| view.managed_by.as_deref()).collect();
    if labels.len() > 1 {
        let labels: Vec<&str> = labels.into_iter().collect();
        writeln!(
            text,
            "# It has more than one owner; to keep them apart, export and apply each with --managed-by: {}",
            labels.join(", ")
        )
        .ok();
    }
    let secrets: BTreeSet<String> = views.iter().flat_map(kept_secrets).collect();
    if !secrets.is_empty() {
        let names: Vec<String> = secrets.into_iter().collect();
        writeln!(
            text,
            "# The secrets that it names are not in here, set them with hoopctl secret set: {}",
            names.join(", ")
        )
        .ok();
    }
    for view in views {
        let own = whole(view.kind, &view.toml).map_err(|error| {
            Failure::failed(format!("{} {} cannot be read: {error}", view.kind, view.name))
        })?;
        write!(text, "\n# managed by {}\n{own}", view.managed_by.as_deref().unwrap_or(BY_HAND)).ok();
    }
    Ok(text)
}

/// Renders an entity as in a file, below its `[[header]]`. Each key is on one line; a table of its own would
/// belong to the file.
///
/// # Errors
/// The text is not TOML.
pub fn whole(kind: EntityKind, toml: &str) -> Result<String, toml::de::Error> {
    // A text that this version cannot parse is rendered as it is stored.
    let read = parse_entity(kind, toml, Origin::Store);
    let body = read.map_or_else(|_unread| toml.to_owned(), |entity| render_entity(&entity));
    let table: Table = body.parse()?;
    let first = kind.name_key();
    // The order of the keys as written, which a table does not keep.
    let mut keys: Vec<&String> = table.keys().collect();
    keys.sort_by_key(|key| (key.as_str() != first, position(&body, key)));
    let mut text = format!("[[{kind}]]\n");
    for key in keys {
        if let Some(value) = table.get(key) {
            writeln!(text, "{} = {}", written_key(key), written(value)).ok();
        }
    }
    Ok(text)
}

/// Returns the line number of a key.
fn position(body: &str, key: &str) -> usize {
    let own = |line: &str| {
        line.trim_start_matches('[')
            .strip_prefix(key)
            .is_some_and(|rest| rest.starts_with([' ', '=', ']', '.']))
    };
    body.lines().position(own).unwrap_or(usize::MAX)
}

/// Returns the names of the store's secrets that a connection needs.
fn kept_secrets(view: &EntityView) -> Vec<String> {
    match parse_entity(view.kind, &view.toml, Origin::Store) {
        Ok(Entity::Connection(connection)) => connection
            .secrets()
            .filter_map(|source| match source {
                SecretRef::Store(name) => Some(name.clone()),
                _ => None,
            })
            .collect(),
        _ => Vec::new(),
    }
}

/// Renders a value on one line, without characters that could deceive a terminal; TOML escapes replace them.
fn written(value: &Value) -> String {
    match value {
        Value::String(text) if text.chars().any(is_deceptive) => quoted(text),
        Value::Array(values) => {
            format!("[{}]", values.iter().map(written).collect::<Vec<_>>().join(", "))
        }
        Value::Table(members) if members.is_empty() => "{}".to_owned(),
        Value::Table(members) => {
            let member =
                |(key, value): (&String, &Value)| format!("{} = {}", written_key(key), written(value));
            format!("{{ {} }}", members.iter().map(member).collect::<Vec<_>>().join(", "))
        }
        other => other.to_string(),
    }
}

fn written_key(key: &str) -> String {
    let bare =
        !key.is_empty() && key.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte));
    if bare { key.to_owned() } else { quoted(key) }
}

/// Renders a basic string.
fn quoted(text: &str) -> String {
    let mut out = "\"".to_owned();
    for c in text.chars() {
        match c {
            '"' | '\\' => out.extend(['\\', c]),
            c if is_deceptive(c) || c.is_control() => {
                write!(out, "\\U{:08X}", u32::from(c)).ok();
            }
            c => out.push(c),
        }
    }
    out.push('"');
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn view(kind: EntityKind, toml: &str) -> EntityView {
        let table: Table = toml.parse().unwrap();
        EntityView {
            kind,
            name: table[kind.name_key()].as_str().unwrap().to_owned(),
            origin: "store".to_owned(),
            read_only: false,
            managed_by: Some("cli".to_owned()),
            hidden: false,
            value: serde_json::Value::Null,
            toml: toml.to_owned(),
        }
    }

    #[test]
    fn what_is_written_reads_back_the_same_and_moves_no_cursor() {
        let connection = "inject = \"bearer:store:crm\"\nname = \"crm\"\nupstream = \"https://crm\"\n[tags]\n\"a.b\" = \"x\\\"y\"\n";
        let message = "message = \"a\\nb\\u202E\\u001B[2J \\\\ 'q' \\\"q\\\"\"\n";
        let policy = format!(
            "effect = \"deny\"\nid = \"p\"\n{message}[match]\nconnections = [\"crm\"]\n[match.args]\n\"order.amount\" = \"> 10\"\n"
        );
        let text = text(&[view(EntityKind::Connection, connection), view(EntityKind::Policy, &policy)], None)
            .unwrap();
        assert!(!text.chars().any(|c| is_deceptive(c) && c != '\n'), "{text:?}");
        assert!(text.contains("secret set: crm\n"), "{text}");
        let back: Table = text.parse().unwrap();
        for (kind, one) in [(EntityKind::Connection, connection), (EntityKind::Policy, &policy)] {
            let found = back[kind.as_str()][0].as_table().unwrap();
            let [found, one] = [toml::to_string(found).unwrap(), one.to_owned()]
                .map(|text| parse_entity(kind, &text, Origin::Store).unwrap());
            assert_eq!(found, one);
        }
        let lines: Vec<&str> = text.lines().skip_while(|line| !line.starts_with('[')).take(4).collect();
        assert_eq!(
            lines,
            [
                "[[connection]]",
                "name = \"crm\"",
                "upstream = \"https://crm\"",
                "inject = \"bearer:store:crm\""
            ]
        );
    }
}
