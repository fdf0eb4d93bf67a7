//! The lossless format: every stored byte and every hash. [`RecordingFile`](crate::recording::RecordingFile)
//! reads it.

use std::io::Write;

use crate::recording::chain;
use crate::recording::export::ExportError;
use crate::recording::export::not_written;
use crate::recording::file;
use crate::recording::line::StoredEvent;
use crate::recording::session::SessionRow;

/// Writes a recording as `jsonl`. Returns the number of events.
///
/// # Errors
/// Errors from `events`, and `out` that cannot be written. The output then lacks its last line, so a reader
/// detects that it is truncated.
pub fn write_jsonl<E: Into<ExportError>>(
    session: &SessionRow,
    events: impl Iterator<Item = Result<StoredEvent, E>>,
    out: &mut impl Write,
) -> Result<u64, ExportError> {
    let first = file::First { hoopctl: "recording".to_owned(), v: file::VERSION, session: session.clone() };
    let first = serde_json::to_vec(&first).map_err(|error| not_written(error.into()))?;
    out.write_all(&first).map_err(not_written)?;
    let (mut count, mut hash) = (0_u64, chain::GENESIS);
    for event in events {
        let event = event.map_err(Into::into)?;
        let (before, between, after) = file::EVENT;
        for part in [b"\n", before, chain::hex(&event.hash).as_bytes(), between, event.line.as_bytes(), after]
        {
            out.write_all(part).map_err(not_written)?;
        }
        count += 1;
        hash = event.hash;
    }
    out.write_all(b"\n").map_err(not_written)?;
    let last = file::Last {
        end: file::LastEvent { events: count, hash: chain::hex(&hash), head: Some(file::head_of(&first)) },
    };
    serde_json::to_writer(&mut *out, &last).map_err(|error| not_written(error.into()))?;
    out.write_all(b"\n").and_then(|()| out.flush()).map_err(not_written)?;
    Ok(count)
}
