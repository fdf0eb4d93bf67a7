//! Exports of a recording: formats of other programs, and a lossless format of this one.

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
    /// The source file cannot be read.
    #[error(transparent)]
    File(#[from] FileError),
    /// The format cannot represent the session's protocol; nothing was written.
    #[error("the session on connection {connection:?} holds no {wanted}: it speaks {found}")]
    OtherProtocol {
        /// Name of the connection.
        connection: String,
        /// The protocol that the format represents.
        wanted: &'static str,
        /// The protocol of the session.
        found: String,
    },
    /// The recording cannot be read.
    #[error(transparent)]
    Recording(#[from] ReadError),
    /// The export cannot be written.
    #[error("cannot write the export")]
    Write {
        /// The error of the operating system.
        source: std::io::Error,
    },
}

/// Checks that the session may hold what the format represents.
fn must_speak(session: &SessionRow, protocol: Protocol, wanted: &'static str) -> Result<(), ExportError> {
    // An unknown protocol, of an older or newer recording, is not refused.
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

/// Writes the transcript of a recording as text.
///
/// # Errors
/// Errors from `events`, and `out` that cannot be written.
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
