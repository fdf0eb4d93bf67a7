//! `session export`: a recording as a file.

use std::io;
use std::path::Path;

use crate::cli::access::Access;
use crate::cli::output;
use crate::cli::output::Terminal;
use crate::cli::report::Exit;
use crate::cli::report::Failure;
use crate::cli::report::Outcome;
use crate::cli::session;
use crate::cli::session::ExportArgs;
use crate::cli::session::ExportFormat;
use crate::cli::session::recording::Events;
use crate::recording::export::ExportError;
use crate::recording::export::Form;
use crate::recording::export::NewFile;

/// Writes a recording to a new file, or to standard output.
pub fn export(terminal: Terminal, access: &Access, args: &ExportArgs) -> Outcome {
    let is_escaped = matches!(args.format, ExportFormat::Text | ExportFormat::Sql);
    if args.to.is_none() && terminal.stdout && !is_escaped {
        return Err(Failure::usage(
            "a recording as it is stored does not belong on a terminal: it may hold anything",
        )
        .hint("use --to FILE, a pipe or --format text"));
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
        Some(path) => to_file(path, |file| form.write(&row, events, file))?,
    };
    if let Some(failure) = stopped {
        return Err(failure);
    }
    let left_out = written.map_err(failure)?;
    if left_out > 0 {
        let exchanges = output::count(left_out, "exchange is", "exchanges are");
        terminal.say(&format!("{exchanges} left out: recorded incompletely, or without an end"));
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
                .hint(format!("--format {fitting}; text and jsonl fit every session"))
        }
        other => Failure::failed(other.to_string()),
    }
}

/// Writes a new file, which appears under its name only when it is entirely on disk: a partial recording is
/// never left behind.
fn to_file<T>(
    path: &Path,
    write: impl FnOnce(&mut NewFile) -> Result<T, ExportError>,
) -> Result<Result<T, ExportError>, Failure> {
    let failed = |error: io::Error| match error.kind() {
        io::ErrorKind::AlreadyExists => {
            Failure::new(Exit::Conflict, format!("{} is there already", path.display()))
                .hint("existing files are not overwritten: name another one, or remove it first")
        }
        _ => Failure::failed(format!("cannot write {}: {error}", path.display())),
    };
    let mut file = NewFile::create(path).map_err(failed)?;
    let written = write(&mut file);
    if written.is_ok() {
        file.finish().map_err(failed)?;
    }
    Ok(written)
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

    #[test]
    fn a_file_is_whole_or_not_there_and_nothing_is_written_over() {
        use std::io::Write as _;
        let folder = tempfile::tempdir().unwrap();
        let to = folder.path().join("a.jsonl");
        let count = || std::fs::read_dir(folder.path()).unwrap().count();
        let half = to_file(&to, |file| -> Result<(), ExportError> {
            file.write_all(&vec![b'x'; 100_000]).unwrap();
            file.flush().unwrap();
            // The state if the process were killed here.
            assert!(!to.exists());
            Err(ExportError::Write { source: io::Error::other("half") })
        });
        assert!(half.unwrap().is_err());
        assert_eq!(count(), 0);
        to_file(&to, |file| {
            file.write_all(b"whole").unwrap();
            Ok(())
        })
        .unwrap()
        .unwrap();
        let again = to_file(&to, |_| Ok(())).unwrap_err();
        assert_eq!((again.exit, again.exit.code()), (Exit::Conflict, 6));
        assert!(again.hint.is_some());
        let late = folder.path().join("late.jsonl");
        let failure = to_file(&late, |_| {
            std::fs::write(&late, "theirs").unwrap();
            Ok(())
        });
        assert_eq!(failure.unwrap_err().exit, Exit::Conflict);
        assert_eq!(std::fs::read(&late).unwrap(), b"theirs");
        assert_eq!((std::fs::read(&to).unwrap(), count()), (b"whole".to_vec(), 2));
    }
}
