//! Common parts of the commands for connections and policies: list, show, add, edit, remove.

use std::path::Path;

use serde_json::Value;
use toml::Table;

use crate::cli::access::Access;
use crate::cli::apply;
use crate::cli::ask;
use crate::cli::entity;
use crate::cli::flags;
use crate::cli::output;
use crate::cli::output::Format;
use crate::cli::output::Row;
use crate::cli::output::Terminal;
use crate::cli::report::Exit;
use crate::cli::report::Failure;
use crate::cli::report::Outcome;
use crate::config;
use crate::control::noun::entity::Apply;
use crate::control::noun::entity::ApplyReport;
use crate::control::noun::entity::EntityChange;
use crate::control::noun::entity::EntityView;
use crate::control::noun::entity::PutMode;
use crate::control::noun::entity::plural;
use crate::domain::entity::EntityKind;

/// The options of the command line that define an entity.
pub trait EntityOptions {
    /// Returns whether no option is given.
    fn is_empty(&self) -> bool;

    /// Applies the given options to the entity's table; the rest stays.
    fn apply(&self, table: &mut Table) -> Result<(), Failure>;
}

/// Prints all entities of one kind; `cells` returns the columns between name and origin.
pub fn list(
    terminal: Terminal,
    access: &Access,
    kind: EntityKind,
    columns: &[&str],
    cells: impl Fn(&Value) -> Vec<String>,
) -> Outcome {
    let found = access.wait(access.backend().entities(kind))?;
    let rows: Vec<Row> = found
        .items
        .iter()
        .map(|view| Row {
            cells: std::iter::once(view.name.clone())
                .chain(cells(&view.value))
                .chain([view.origin.clone()])
                .collect(),
            json: output::json(view),
        })
        .collect();
    let columns: Vec<&str> = [kind.name_key()].iter().chain(columns).chain(&["origin"]).copied().collect();
    let plural = plural(kind);
    let empty = format!("there are no {plural} yet; add one: hoopctl {} add --help", noun(kind));
    terminal.list(&columns, &rows, &empty)?;
    Ok(Exit::Done)
}

const fn noun(kind: EntityKind) -> &'static str {
    match kind {
        EntityKind::Connection => "connect",
        EntityKind::Mask => "mask",
        EntityKind::Policy => "policy",
    }
}

/// Looks up an entity by name.
fn found(access: &Access, kind: EntityKind, name: &str) -> Result<EntityView, Failure> {
    access.wait(access.backend().entity(kind, name.to_owned())).map_err(|failure| match failure.exit {
        Exit::NotFound if failure.hint.is_none() => {
            let all = access.wait(access.backend().entities(kind)).map(|all| all.items).unwrap_or_default();
            let list = format!("run: hoopctl {} list", noun(kind));
            let meant = config::nearest(name, all.iter().map(|view| view.name.as_str()));
            failure.hint(meant.map_or(list, |meant| format!("did you mean {meant}?")))
        }
        _ => failure,
    })
}

/// Prints an entity as its TOML, or as JSON.
pub fn show(terminal: Terminal, access: &Access, kind: EntityKind, name: &str) -> Outcome {
    let view = found(access, kind, name)?;
    if terminal.format == Format::Table {
        let label = view.managed_by.as_deref().filter(|label| *label != "cli");
        let managed = label.map(|label| format!(", managed by {label}")).unwrap_or_default();
        terminal.say(&format!("# {}{managed}", view.origin));
        terminal.data(&apply::whole(kind, &view.toml).unwrap_or_else(|_no_toml| as_kept(&view.toml)))?;
    } else {
        let mut fields = vec![(kind.name_key(), view.name.clone()), ("origin", view.origin.clone())];
        fields.extend(keys(kind).iter().map(|key| (*key, joined(&view.value, &[key]))));
        terminal.item(&fields, &output::json(&view))?;
    }
    Ok(Exit::Done)
}

/// Renders a text that is no longer valid TOML.
fn as_kept(toml: &str) -> String {
    toml.lines().flat_map(|line| [crate::domain::text::Shown(line).to_string(), "\n".to_owned()]).collect()
}

/// Returns the keys of an entity that are shown in a list, without its name.
const fn keys(kind: EntityKind) -> &'static [&'static str] {
    match kind {
        EntityKind::Connection => &["upstream", "inject", "tags", "limits"],
        EntityKind::Mask => &["match", "fields", "entities", "patterns", "op"],
        EntityKind::Policy => &["effect", "match", "unless", "when", "approval", "limits", "message"],
    }
}

/// Adds a new entity. With `dry_run` it is only validated and printed.
pub fn add(
    terminal: Terminal,
    access: &Access,
    kind: EntityKind,
    name: &str,
    table: Table,
    dry_run: bool,
) -> Outcome {
    put(terminal, access, Put { kind, name, table, mode: PutMode::Create, expected: None, dry_run })
}

/// Returns the table of a new entity: from a file, or empty. A name in the file must match the one on the
/// command line.
pub fn new_table(
    access: &Access,
    kind: EntityKind,
    name: &str,
    file: Option<&Path>,
) -> Result<Table, Failure> {
    let mut table = match file {
        Some(file) => {
            bare(kind, entity::parse_table(&entity::read_text(file)?, &file.display().to_string())?)?
        }
        None => Table::new(),
    };
    make_paths_absolute(access, kind, &mut table, file)?;
    named(kind, name, &mut table)?;
    Ok(table)
}

/// Returns the table of one entity: as it is, or below the `[[header]]` that `show` and `export` print.
fn bare(kind: EntityKind, mut table: Table) -> Result<Table, Failure> {
    let header = kind.as_str();
    let Some(toml::Value::Array(mut own)) = table.get(header).cloned() else { return Ok(table) };
    table.remove(header);
    table.remove("version");
    match (own.pop(), own.is_empty() && table.is_empty()) {
        (Some(toml::Value::Table(one)), true) => Ok(one),
        _ => Err(Failure::usage(format!("the file holds more than one [[{header}]]"))
            .hint("run: hoopctl apply -f FILE, which applies everything in a file")),
    }
}

/// Makes its paths absolute; only connections have paths.
fn make_paths_absolute(
    access: &Access,
    kind: EntityKind,
    table: &mut Table,
    file: Option<&Path>,
) -> Result<(), Failure> {
    match kind {
        EntityKind::Connection if access.is_remote() => entity::paths_elsewhere(table),
        EntityKind::Connection => entity::absolute_paths(table, file),
        EntityKind::Mask | EntityKind::Policy => Ok(()),
    }
}

fn named(kind: EntityKind, name: &str, table: &mut Table) -> Result<(), Failure> {
    let key = kind.name_key();
    match table.get(key) {
        Some(other) if other.as_str() != Some(name) => {
            Err(Failure::usage(format!("the text has {key} = {other}, the command line says {name}")))
        }
        Some(_) => Ok(()),
        None => {
            table.insert(key.to_owned(), name.into());
            Ok(())
        }
    }
}

/// Changes an entity: by options, from a file, or in an editor.
pub fn edit(
    terminal: Terminal,
    access: &Access,
    (kind, name): (EntityKind, &str),
    file: Option<&Path>,
    options: &dyn EntityOptions,
) -> Outcome {
    let view = found(access, kind, name)?;
    refuse_read_only(&view)?;
    let by_options = !options.is_empty();
    let text = match file {
        Some(file) => entity::read_text(file)?,
        None if by_options => view.toml.clone(),
        None => {
            let Some(text) = ask::edit(terminal, name, &view.toml)? else {
                terminal.say("nothing was changed");
                return Ok(Exit::Done);
            };
            text
        }
    };
    let mut table = bare(kind, entity::parse_table(&text, name)?)?;
    make_paths_absolute(access, kind, &mut table, file)?;
    if by_options {
        options.apply(&mut table)?;
        make_paths_absolute(access, kind, &mut table, None)?;
    }
    named(kind, name, &mut table)?;
    put(
        terminal,
        access,
        Put { kind, name, table, mode: PutMode::Replace, expected: Some(view.toml), dry_run: false },
    )
}

fn refuse_read_only(view: &EntityView) -> Result<(), Failure> {
    if view.read_only {
        let message = format!("{} {:?} is managed by {}", view.kind.as_str(), view.name, view.origin);
        return Err(
            Failure::new(Exit::Conflict, message).hint("edit it there, then run: hoopctl config reload")
        );
    }
    Ok(())
}

/// Removes an entity, after confirmation.
pub fn remove(
    terminal: Terminal,
    access: &Access,
    (kind, name): (EntityKind, &str),
    yes: bool,
    dry_run: bool,
) -> Outcome {
    let view = found(access, kind, name)?;
    refuse_read_only(&view)?;
    if !dry_run {
        let more = if kind == EntityKind::Connection { " and end its sessions" } else { "" };
        ask::confirm(terminal, yes, &format!("Remove {} {name}{more}?", kind.as_str()))?;
    }
    let change = EntityChange::Remove { kind, name: name.to_owned() };
    let report = access.wait(access.backend().apply(Apply::one(change, dry_run)))?;
    print_report(terminal, &report)
}

struct Put<'a> {
    kind: EntityKind,
    name: &'a str,
    table: Table,
    mode: PutMode,
    expected: Option<String>,
    dry_run: bool,
}

fn put(terminal: Terminal, access: &Access, put: Put<'_>) -> Outcome {
    let Put { kind, name, table, mode, expected, dry_run } = put;
    let toml = toml::to_string(&table).map_err(|error| {
        Failure::failed(format!("{} {name} cannot be written as TOML: {error}", kind.as_str()))
    })?;
    let change = EntityChange::Put { kind, name: name.to_owned(), toml: toml.clone(), mode, expected };
    let report = access
        .wait(access.backend().apply(Apply::one(change, dry_run)))
        .map_err(|failure| flags::by_options(failure, kind))?;
    if dry_run && terminal.format == Format::Table {
        terminal.data(&apply::whole(kind, &toml).unwrap_or_else(|_no_toml| as_kept(&toml)))?;
    }
    print_report(terminal, &report)
}

fn print_report(terminal: Terminal, report: &ApplyReport) -> Outcome {
    for warning in &report.warnings {
        terminal.say(&format!("warning: {warning}"));
    }
    let would = if report.dry_run { "would be " } else { "" };
    for change in &report.changes {
        terminal.say(&format!(
            "{} {}: {would}{}",
            change.kind.as_str(),
            change.name,
            change.outcome.as_str()
        ));
    }
    if terminal.format.is_json() {
        terminal.item(&[], &output::json(report))?;
    }
    Ok(Exit::Done)
}

/// Joins the texts of a member that is a text or a list of texts.
pub fn joined(value: &Value, path: &[&str]) -> String {
    let found = path.iter().try_fold(value, |value, key| value.get(key));
    match found {
        Some(Value::Array(values)) => values
            .iter()
            .map(|value| value.as_str().map_or_else(|| value.to_string(), str::to_owned))
            .collect::<Vec<_>>()
            .join(","),
        Some(Value::Object(members)) => members
            .iter()
            .map(|(key, value)| {
                format!("{key}={}", value.as_str().map_or_else(|| value.to_string(), str::to_owned))
            })
            .collect::<Vec<_>>()
            .join(","),
        Some(Value::String(text)) => text.clone(),
        Some(Value::Null) | None => String::new(),
        Some(other) => other.to_string(),
    }
}
