//! `session export`: a recording as a file.

use std::io;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use crate::cli::access::Access;
use crate::cli::output;
use crate::cli::output::Terminal;
use crate::cli::recording::Events;
use crate::cli::report::Exit;
use crate::cli::report::Failure;
use crate::cli::report::Outcome;
use crate::cli::session;
use crate::cli::session::ExportArgs;
use crate::cli::session::ExportFormat;
use crate::recording::export::ExportError;
use crate::recording::export::Form;

/// Writes a recording to a new file, or to standard output.
pub fn export(terminal: Terminal, access: &Access, args: &ExportArgs) -> Outcome {
    let is_escaped = matches!(args.format, ExportFormat::Text | ExportFormat::Sql);
    if args.to.is_none() && terminal.stdout && !is_escaped {
        return Err(Failure::usage(
            "a recording as it is stored does not belong on a terminal: it may hold anything",
        )
        .hint("--to FILE, or a pipe, or --format text"));
    }
    let view = session::find(access, &args.id)?;
    let (row, form) = (view.row(), form_of(args.format));
    let mut stopped = None;
    let events = Events::of(access, view.id).map(|event| {
        event.map_err(|failure| {
            stopped = Some(failure);
            ExportError::Write { source: io::Error::other("the recording cannot be read to its end") }
        })
    });
    let written = match &args.to {
        None => form.write(&row, events, &mut io::BufWriter::new(io::stdout().lock())),
        Some(path) => {
            let file = new_file(path)?;
            let written = form.write(&row, events, &mut io::BufWriter::new(file));
            if written.is_err() {
                // A part of a recording is none.
                std::fs::remove_file(path).ok();
            }
            written
        }
    };
    if let Some(failure) = stopped {
        return Err(failure);
    }
    let left_out = written.map_err(failure)?;
    if left_out > 0 {
        let exchanges = output::count(left_out, "exchange is", "exchanges are");
        terminal.say(&format!("{exchanges} left out: not recorded whole, or without an end"));
    }
    if let Some(path) = &args.to {
        terminal.say(&format!("wrote {} ({} events)", path.display(), view.events));
    }
    Ok(Exit::Done)
}

const fn form_of(format: ExportFormat) -> Form {
    match format {
        ExportFormat::Har => Form::Har,
        ExportFormat::Jsonl => Form::Jsonl,
        ExportFormat::McpFixture => Form::McpFixture,
        ExportFormat::Sql => Form::Sql,
        ExportFormat::Text => Form::Text,
    }
}

fn failure(error: ExportError) -> Failure {
    match error {
        ExportError::Write { source } => Failure::output(&source),
        ExportError::OtherProtocol { ref found, .. } => {
            let fitting = match found.as_str() {
                "mcp" => "mcp-fixture",
                "postgres" => "sql",
                _ => "har",
            };
            Failure::usage(error.to_string())
                .hint(format!("--format {fitting}; text and jsonl take every session"))
        }
        other => Failure::failed(other.to_string()),
    }
}

fn new_file(path: &Path) -> Result<std::fs::File, Failure> {
    let opened = std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(path);
    opened.map_err(|error| match error.kind() {
        io::ErrorKind::AlreadyExists => {
            Failure::new(Exit::Conflict, format!("{} is there already", path.display()))
        }
        _ => Failure::failed(format!("cannot write {}: {error}", path.display())),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_form_that_does_not_fit_the_session_is_a_wrong_command_line_and_the_fitting_one_is_named() {
        let error = |wanted, found: &str| ExportError::OtherProtocol {
            connection: "shop-db".to_owned(),
            wanted,
            found: found.to_owned(),
        };
        let told = failure(error("HTTP", "postgres"));
        assert_eq!((told.exit, told.exit.code()), (Exit::Usage, 2));
        assert!(told.message.contains("holds no HTTP: it speaks postgres"), "{}", told.message);
        assert!(told.hint.unwrap().starts_with("--format sql;"));
        assert!(failure(error("SQL", "http")).hint.unwrap().starts_with("--format har;"));
        assert!(failure(error("HTTP", "mcp")).hint.unwrap().starts_with("--format mcp-fixture;"));
        let full = failure(ExportError::Write { source: io::ErrorKind::StorageFull.into() });
        assert_eq!(full.exit, Exit::Failed);
    }
}
