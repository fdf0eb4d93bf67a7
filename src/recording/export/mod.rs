//! A recording in the forms of other programs, and in the lossless form of this one.

mod form;
mod har;
mod jsonl;
mod mcp;
mod new_file;
mod script;
mod sql;
#[cfg(test)]
mod tests;

use std::io::Write;

use crate::domain::connection::Protocol;
use crate::recording::file::FileError;
use crate::recording::line::StoredEvent;
use crate::recording::reader::ReadError;
use crate::recording::replay;
use crate::recording::session::SessionRow;

pub use form::Form;
pub use har::write_har;
pub use jsonl::write_jsonl;
pub use mcp::McpFixture;
pub use mcp::write_mcp_fixture;
pub use new_file::NewFile;
pub use sql::write_sql;

/// Why a recording could not be exported.
#[derive(Debug, thiserror::Error)]
pub enum ExportError {
    /// The file it comes from cannot be read.
    #[error(transparent)]
    File(#[from] FileError),
    /// The session spoke another protocol than the form has a place for; nothing was written.
    #[error("the session on connection {connection:?} holds no {wanted}: it speaks {found}")]
    OtherProtocol {
        /// The connection.
        connection: String,
        /// What the form is for.
        wanted: &'static str,
        /// What the session speaks.
        found: String,
    },
    /// The recording cannot be read.
    #[error(transparent)]
    Recording(#[from] ReadError),
    /// The export cannot be written.
    #[error("cannot write the export")]
    Write {
        /// What the system said.
        source: std::io::Error,
    },
}

/// That a session may hold what a form is for.
fn must_speak(session: &SessionRow, protocol: Protocol, wanted: &'static str) -> Result<(), ExportError> {
    // A protocol that is not known, of an older or newer recording, may hold it.
    let other = Protocol::ALL
        .iter()
        .any(|known| *known != protocol && known.as_str().eq_ignore_ascii_case(&session.protocol));
    if !other {
        return Ok(());
    }
    let (connection, found) = (session.connection.clone(), session.protocol.clone());
    Err(ExportError::OtherProtocol { connection, wanted, found })
}

fn not_written(source: std::io::Error) -> ExportError {
    ExportError::Write { source }
}

/// Writes a recording as text: its transcript.
///
/// # Errors
/// What `events` gives, and when `out` cannot be written.
pub fn write_text<E: Into<ExportError>>(
    events: impl Iterator<Item = Result<StoredEvent, E>>,
    out: &mut impl Write,
) -> Result<(), ExportError> {
    for event in events {
        for line in replay::transcript(&event.map_err(Into::into)?) {
            writeln!(out, "{line}").map_err(not_written)?;
        }
    }
    out.flush().map_err(not_written)
}
