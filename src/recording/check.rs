//! A check of the files of the recordings while no journal is open: whether one could be. Changes nothing.

use std::path::Path;

use crate::recording::error::RecordError;
use crate::recording::reader::ReadError;
use crate::recording::reader::Reader;
use crate::recording::schema;
use crate::recording::wal;

/// Up to this size in bytes a thorough check reads the whole database.
const WHOLE_MAX: u64 = 1 << 30;

/// Checks the database in `data_dir` and the segments of the write-ahead log. A `thorough` check reads all of
/// a database of at most 1 GiB, another one its head, its schema and the ends of its tables. The caller holds
/// the lock of the data directory.
///
/// # Errors
/// Why [`Journal::open`](crate::recording::Journal::open) would fail, or fail soon.
pub fn check(data_dir: &Path, thorough: bool) -> Result<(), RecordError> {
    let segments = wal::segments(data_dir).map_err(|error| cannot(data_dir, &error))?;
    for (_, path) in segments {
        let file = std::fs::File::open(&path).map_err(|error| cannot(&path, &error))?;
        if !file.metadata().is_ok_and(|metadata| metadata.is_file()) {
            return Err(cannot(&path, &"it is not a regular file: move it away"));
        }
    }
    let path = data_dir.join(schema::FILE);
    let length = std::fs::metadata(&path).map_or(0, |metadata| metadata.len());
    if length == 0 {
        // The next start makes one.
        return Ok(());
    }
    let reader = Reader::open(data_dir).map_err(|error| match error {
        ReadError::Open(error) => error,
        other => cannot(&path, &other),
    })?;
    if thorough && length <= WHOLE_MAX {
        let answer: Result<String, _> =
            reader.connection.query_row("PRAGMA quick_check(1)", [], |row| row.get(0));
        let problem = answer.unwrap_or_else(|error| error.to_string());
        if problem != "ok" {
            let problem = format!("it is damaged ({problem})");
            return Err(RecordError::NotAJournal { path, problem });
        }
    }
    Ok(())
}

fn cannot(path: &Path, error: &impl ToString) -> RecordError {
    RecordError::Open { path: path.to_owned(), detail: error.to_string().into() }
}
