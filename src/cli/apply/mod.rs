//! `apply`: makes the store match files, all or nothing. `export`: the reverse.

mod export;
mod files;

use std::fmt::Write as _;
use std::path::PathBuf;

use clap::Args;

use crate::cli::access::Access;
use crate::cli::access::Use;
use crate::cli::apply::files::Sources;
use crate::cli::output;
use crate::cli::output::Colour;
use crate::cli::output::Format;
use crate::cli::output::Row;
use crate::cli::output::Terminal;
use crate::cli::place::Place;
use crate::cli::report::Exit;
use crate::cli::report::Failure;
use crate::cli::report::Outcome;
use crate::config::render_entity;
use crate::control::noun::entity::Apply;
use crate::control::noun::entity::ApplyReport;
use crate::control::noun::entity::Changed;
use crate::control::noun::entity::EntityChange;
use crate::control::noun::entity::FieldChange;
use crate::control::noun::entity::Outcome as Made;
use crate::control::noun::entity::PutMode;
use crate::domain::entity::BY_HAND;
use crate::domain::entity::LABEL_RULE;
use crate::domain::entity::is_label;
use crate::domain::text::Shown;

pub use export::ExportArgs;
pub use export::export;
pub use export::whole;

/// Options of `apply`.
#[derive(Debug, Args)]
pub struct ApplyArgs {
    /// A file, a directory whose .toml files are read, or - for standard input; may be repeated
    #[arg(short, long = "file", value_name = "DIR|FILE", required = true)]
    pub files: Vec<PathBuf>,
    /// Only print what would change
    #[arg(long)]
    pub dry_run: bool,
    /// Also remove entities managed under the same --managed-by that are no longer in the files
    #[arg(long)]
    pub prune: bool,
    /// The name under which these entities are managed; file sets that are applied separately need different
    /// names
    #[arg(long, value_name = "NAME", default_value = "apply", value_parser = label)]
    pub managed_by: String,
    /// Also take over entities managed under another name
    #[arg(long)]
    pub take_over: bool,
}

/// Parses the name under which entities are managed.
fn label(text: &str) -> Result<String, String> {
    match text {
        BY_HAND => Err("that is what `connect add` and the like write; take another name".to_owned()),
        _ => any_label(text),
    }
}

/// Parses a label, including that of entities added by hand.
fn any_label(text: &str) -> Result<String, String> {
    if is_label(text) { Ok(text.to_owned()) } else { Err(format!("expected {LABEL_RULE}")) }
}

/// Runs `apply`.
pub fn run(terminal: Terminal, place: &Place, args: &ApplyArgs) -> Outcome {
    let sources = Sources::read(&args.files, place.remote()?.is_some())?;
    for file in &sources.passed_over {
        let text = format!("passed over: {} is no file of that folder", Shown(&file.display().to_string()));
        if args.prune {
            // The entities in it would be removed.
            return Err(
                Failure::new(Exit::Config, text).hint("--prune needs a whole folder: name the file with -f")
            );
        }
        terminal.say(&format!("warning: {text}"));
    }
    let changes: Vec<EntityChange> = sources
        .entities()
        .map(|written| {
            let entity = &written.entity;
            EntityChange::Put {
                kind: entity.kind(),
                name: entity.name().to_owned(),
                toml: render_entity(entity),
                mode: PutMode::Any,
                expected: None,
            }
        })
        .collect();
    if changes.is_empty() {
        if args.prune {
            // An incomplete checkout would remove everything.
            let text = format!(
                "there is nothing in {}, and --prune would remove all that is managed by {}",
                output::count(sources.count() as u64, "file", "files"),
                args.managed_by
            );
            return Err(Failure::new(Exit::Config, text).hint(
                "remove them one by one where that is meant: hoopctl connect remove, hoopctl policy remove",
            ));
        }
        terminal.say("nothing to apply: there is no [[connection]], [[policy]] or [[mask]]");
    }
    for warning in &sources.warnings {
        terminal.say(&format!("warning: {warning}"));
    }
    let access = Access::for_use(terminal, place, Use::looking(args.dry_run))?;
    let apply = Apply {
        changes,
        dry_run: args.dry_run,
        prune: args.prune,
        managed_by: Some(args.managed_by.clone()),
        take_over: args.take_over,
    };
    let report = access.wait(access.backend().apply(apply)).map_err(|failure| placed(failure, &sources))?;
    print_report(terminal, &report, &sources)
}

/// Adds the positions in the files to an error of the gateway.
fn placed(failure: Failure, sources: &Sources) -> Failure {
    let lines: Vec<String> = failure.message.lines().map(|line| sources.placed(line)).collect();
    let mut failure = failure.message(lines.join("\n"));
    if let Some(serde_json::Value::Array(problems)) = failure.problems.as_deref_mut() {
        for problem in problems {
            if let Some(line) = problem.as_str() {
                *problem = sources.placed(line).into();
            }
        }
    }
    failure
}

fn print_report(terminal: Terminal, report: &ApplyReport, sources: &Sources) -> Outcome {
    for warning in &report.warnings {
        terminal.say(&format!("warning: {}", sources.placed(warning)));
    }
    match terminal.format {
        Format::Table | Format::Toml => {
            let text: String = report.changes.iter().map(|change| line_of(terminal, change)).collect();
            terminal.data(&text)?;
        }
        Format::Json => terminal.item(&[], &output::json(report))?,
        Format::Jsonl | Format::Csv => {
            let rows: Vec<Row> = report.changes.iter().map(row).collect();
            terminal.list(&["outcome", "kind", "name", "fields"], &rows, "")?;
        }
    }
    let count = |made: Made| report.changes.iter().filter(|change| change.outcome == made).count();
    let counts = [Made::Created, Made::Updated, Made::Adopted, Made::Unchanged, Made::Removed];
    let counts = counts.into_iter().filter(|made| *made != Made::Adopted || count(*made) > 0);
    let counts: Vec<String> = counts.map(|made| format!("{} {}", count(made), made.as_str())).collect();
    let dry = if report.dry_run { "; nothing was written" } else { "" };
    terminal.say(&format!("{}{dry}", counts.join(", ")));
    Ok(Exit::Done)
}

/// Returns one change as a line of output.
fn line_of(terminal: Terminal, change: &Changed) -> String {
    let colour = match change.outcome {
        Made::Created => Colour::Good,
        Made::Adopted | Made::Updated => Colour::Warn,
        Made::Removed => Colour::Bad,
        Made::Unchanged => Colour::Faint,
    };
    let word = terminal.paint(colour, &format!("{:9}", change.outcome.as_str()));
    let mut text = format!("{word}  {:10}  {}\n", change.kind.as_str(), Shown(&change.name));
    for field in &change.fields {
        writeln!(text, "             {}", Shown(&told_field(field))).ok();
    }
    text
}

fn told_field(field: &FieldChange) -> String {
    let value = |value: &Option<serde_json::Value>| {
        value.as_ref().map_or_else(|| "(none)".to_owned(), ToString::to_string)
    };
    format!("{}: {} -> {}", field.key, value(&field.was), value(&field.now))
}

fn row(change: &Changed) -> Row {
    let fields: Vec<String> = change.fields.iter().map(told_field).collect();
    Row {
        cells: vec![
            change.outcome.as_str().to_owned(),
            change.kind.as_str().to_owned(),
            change.name.clone(),
            fields.join("; "),
        ],
        json: output::json(change),
    }
}
