//! A recording in the forms of other programs, and in the lossless form of this one.

mod har;
mod jsonl;

use std::io::Write;

use crate::recording::file::FileError;
use crate::recording::line::StoredEvent;
use crate::recording::reader::ReadError;
use crate::recording::replay;

pub use har::write_har;
pub use jsonl::write_jsonl;

/// Why a recording could not be exported.
#[derive(Debug, thiserror::Error)]
pub enum ExportError {
    /// The file it comes from cannot be read.
    #[error(transparent)]
    File(#[from] FileError),
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
