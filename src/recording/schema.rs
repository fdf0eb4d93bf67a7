//! The database file of recordings: creating, opening and checking it.

use std::fs;
use std::io;
use std::io::Read;
use std::os::unix::fs::MetadataExt;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::path::PathBuf;
use std::time::Duration;

use rusqlite::Connection;
use rusqlite::OpenFlags;

use crate::recording::error::RecordError;

/// Name of the file in the data directory.
pub const FILE: &str = "events.db";
/// Page size in bytes. Measured: 8 KiB costs a fifth less per event than 4 KiB in groups of 64, and the same
/// in groups of 8.
pub(crate) const PAGE_SIZE: u32 = 8192;
/// The newest schema version known here. Since version 3 blocks may be compressed
/// ([`pack`](crate::recording::pack)), which no table records.
pub(crate) const VERSION: i64 = 3;
/// "hoop" in the header of the file distinguishes it from any other SQLite database.
const APPLICATION: i64 = 0x686f_6f70;
/// The first bytes of every SQLite database.
const MAGIC: &[u8; 16] = b"SQLite format 3\0";
/// Size in bytes to which SQLite's log is truncated when it restarts.
const LOG_LIMIT: i64 = 64 << 20;

/// `block.id` has the session's number in the upper 31 bits and the number of its first event in the lower
/// 32, so that the blocks of a session are adjacent and no further index is needed. `session.tail_*` is the
/// last event that the row covers. `emptying`: sessions whose blocks are being removed. `dropped`: numbers of
/// sessions whose rows were removed, which explains gaps.
const TABLES: &str = "
CREATE TABLE session (
    no INTEGER PRIMARY KEY AUTOINCREMENT,
    id TEXT NOT NULL UNIQUE,
    principal TEXT NOT NULL, label TEXT NOT NULL, kind TEXT NOT NULL,
    connection TEXT NOT NULL, protocol TEXT NOT NULL,
    issuer TEXT NOT NULL, client TEXT, source TEXT NOT NULL,
    started_ms INTEGER NOT NULL, ended_ms INTEGER, end TEXT,
    events INTEGER NOT NULL, denied INTEGER NOT NULL, masked INTEGER NOT NULL, bytes INTEGER NOT NULL,
    tail_seq INTEGER NOT NULL, tail_hash BLOB NOT NULL,
    pruned_ms INTEGER
) STRICT;
CREATE INDEX session_open ON session (no) WHERE ended_ms IS NULL;
CREATE INDEX session_kept ON session (ended_ms) WHERE ended_ms IS NOT NULL AND pruned_ms IS NULL;
CREATE INDEX session_pruned ON session (ended_ms) WHERE pruned_ms IS NOT NULL;
CREATE TABLE block (id INTEGER PRIMARY KEY, last_seq INTEGER NOT NULL, bytes BLOB NOT NULL) STRICT;
CREATE TABLE emptying (no INTEGER PRIMARY KEY) STRICT;
CREATE TABLE dropped (first_no INTEGER PRIMARY KEY, last_no INTEGER NOT NULL) STRICT;
CREATE TABLE probe (id INTEGER PRIMARY KEY, n INTEGER NOT NULL) STRICT;
INSERT INTO probe VALUES (1, 0);
";
/// Since version 2: the position in the write-ahead log that the database has reached, and the number of
/// committed groups.
const AHEAD: &str = "
CREATE TABLE ahead (id INTEGER PRIMARY KEY, segment INTEGER NOT NULL, at INTEGER NOT NULL, groups INTEGER NOT NULL) STRICT;
INSERT INTO ahead VALUES (1, 0, 0, 0);
";

/// Device and inode of a file.
type FileId = (u64, u64);

/// The database and SQLite's log of it, as they were when the journal was opened.
#[derive(Debug)]
pub(crate) struct Files {
    path: PathBuf,
    database: Option<FileId>,
    log: Option<FileId>,
}

impl Files {
    /// Notes which file is at `path` now.
    pub(crate) fn at(path: &Path) -> Self {
        Self { path: path.to_owned(), database: file_id(path), log: None }
    }

    /// Notes which file SQLite's log is now: it is made anew whenever the database is opened.
    pub(crate) fn note_log(&mut self) {
        self.log = file_id(&log_path(&self.path));
    }

    /// Checks that the database is still the same file.
    ///
    /// # Errors
    /// [`RecordError::Replaced`]: what is written would not reach the file that everybody else sees.
    pub(crate) fn check_database(&self) -> Result<(), RecordError> {
        still(&self.path, self.database)
    }

    /// Checks that database and log are still the same files.
    ///
    /// # Errors
    /// As [`Self::check_database`].
    pub(crate) fn check(&self) -> Result<(), RecordError> {
        self.check_database()?;
        still(&log_path(&self.path), self.log)
    }
}

fn file_id(path: &Path) -> Option<FileId> {
    fs::metadata(path).ok().map(|metadata| (metadata.dev(), metadata.ino()))
}

fn still(path: &Path, id: Option<FileId>) -> Result<(), RecordError> {
    match fs::metadata(path) {
        Ok(metadata) if id == Some((metadata.dev(), metadata.ino())) => Ok(()),
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(RecordError::broken(&error)),
        _ => Err(RecordError::Replaced { path: path.to_owned() }),
    }
}

/// Opens the database in `data_dir` for the writer, or creates it. An existing file is not changed before it
/// is known to be a journal of a known version. Also returns whether it was created.
pub(crate) fn open_writer(data_dir: &Path) -> Result<(Connection, PathBuf, bool), RecordError> {
    let path = data_dir.join(FILE);
    let fresh =
        create_file(&path)? || fs::metadata(&path).is_ok_and(|meta| meta.len() == 0 && !has_log(&path));
    if !fresh {
        check_file(&path)?;
    }
    let opened = open_existing(&path).and_then(|connection| {
        if fresh {
            make(&connection, &path)?;
        } else {
            check(&connection, &path)?;
            upgrade(&connection).map_err(|error| cannot_open(&path, &error))?;
        }
        Ok(connection)
    })?;
    sync_directory(data_dir, &path)?;
    Ok((opened, path, fresh))
}

/// Creates the file, readable by its owner only. Returns `false` if it exists.
fn create_file(path: &Path) -> Result<bool, RecordError> {
    match fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(path) {
        Ok(_file) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(false),
        Err(error) => Err(cannot_open(path, &error)),
    }
}

/// Returns the path of SQLite's log of the database at `path`.
pub(crate) fn log_path(path: &Path) -> PathBuf {
    let mut log = path.as_os_str().to_owned();
    log.push("-wal");
    log.into()
}

fn has_log(path: &Path) -> bool {
    fs::metadata(log_path(path)).is_ok_and(|meta| meta.len() > 0)
}

fn cannot_open(path: &Path, error: &impl ToString) -> RecordError {
    RecordError::Open { path: path.to_owned(), detail: error.to_string().into() }
}

/// Checks an existing file before SQLite opens it: permissions, first bytes, length.
pub(crate) fn check_file(path: &Path) -> Result<(), RecordError> {
    let refuse =
        |problem: &str| RecordError::NotAJournal { path: path.to_owned(), problem: problem.to_owned() };
    let meta = fs::metadata(path).map_err(|error| cannot_open(path, &error))?;
    if !meta.is_file() {
        return Err(refuse("it is not a regular file"));
    }
    if meta.mode() & 0o077 != 0 {
        return Err(RecordError::WideMode { path: path.to_owned(), mode: meta.mode() & 0o7777 });
    }
    let mut head = [0_u8; 100];
    let mut file = fs::File::open(path).map_err(|error| cannot_open(path, &error))?;
    file.read_exact(&mut head).map_err(|_short| refuse("it is shorter than the header of a database"))?;
    if !head.starts_with(MAGIC) {
        return Err(refuse("it does not begin as a database does"));
    }
    // The header has the number of pages. While there is a SQLite log, pages in it may not be in the file
    // yet.
    let pages =
        head.get(28..32).and_then(|bytes| bytes.first_chunk()).map_or(0, |bytes| u32::from_be_bytes(*bytes));
    let size =
        head.get(16..18).and_then(|bytes| bytes.first_chunk()).map_or(0, |bytes| u16::from_be_bytes(*bytes));
    if u32::from(size) == PAGE_SIZE && !has_log(path) && meta.len() < u64::from(pages) * u64::from(PAGE_SIZE)
    {
        return Err(refuse("it is cut short: restore it from a copy, or move it away to begin a new one"));
    }
    Ok(())
}

/// Opens an existing file for writing.
pub(crate) fn open_existing(path: &Path) -> Result<Connection, RecordError> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let open = || -> rusqlite::Result<Connection> {
        let connection = Connection::open_with_flags(path, flags)?;
        connection.busy_timeout(Duration::from_secs(2))?;
        connection.pragma_update(None, "synchronous", "NORMAL")?;
        connection.pragma_update(None, "wal_autocheckpoint", 0)?;
        connection.pragma_update(None, "journal_size_limit", LOG_LIMIT)?;
        connection.pragma_update(None, "cache_size", -2048)?;
        connection.pragma_update(None, "secure_delete", "FAST")?;
        connection.pragma_update(None, "temp_store", "MEMORY")?;
        connection.pragma_update(None, "trusted_schema", false)?;
        connection.pragma_update(None, "cell_size_check", true)?;
        Ok(connection)
    };
    open().map_err(|error| cannot_open(path, &error))
}

fn make(connection: &Connection, path: &Path) -> Result<(), RecordError> {
    let make = || -> rusqlite::Result<()> {
        connection.pragma_update(None, "page_size", PAGE_SIZE)?;
        connection.pragma_update(None, "auto_vacuum", "INCREMENTAL")?;
        connection.pragma_update_and_check(None, "journal_mode", "WAL", |_row| Ok(()))?;
        connection.execute_batch(&format!(
            "BEGIN IMMEDIATE; {TABLES} {AHEAD} PRAGMA application_id = {APPLICATION}; PRAGMA user_version = {VERSION}; COMMIT;"
        ))?;
        checkpoint_mode(connection, "TRUNCATE").map(|_moved| ())
    };
    make().map_err(|error| cannot_open(path, &error))
}

/// Upgrades a journal of an older version.
fn upgrade(connection: &Connection) -> rusqlite::Result<()> {
    let found: i64 = connection.pragma_query_value(None, "user_version", |row| row.get(0))?;
    let tables = match found {
        1 => AHEAD,
        2 => "",
        _ => return Ok(()),
    };
    connection.execute_batch(&format!("BEGIN IMMEDIATE; {tables} PRAGMA user_version = {VERSION}; COMMIT;"))
}

/// Refuses a file that is not a journal of a known version.
pub(crate) fn check(connection: &Connection, path: &Path) -> Result<(), RecordError> {
    let number = |pragma: &str| connection.pragma_query_value(None, pragma, |row| row.get::<_, i64>(0));
    let refuse = |problem: String| RecordError::NotAJournal { path: path.to_owned(), problem };
    let damaged = |error: rusqlite::Error| refuse(error.to_string());
    if number("application_id").map_err(damaged)? != APPLICATION {
        return Err(refuse("it is a database of something else".to_owned()));
    }
    let found = number("user_version").map_err(damaged)?;
    if found > VERSION {
        return Err(RecordError::NewerSchema { path: path.to_owned(), found, known: VERSION });
    }
    if found < 1 {
        return Err(refuse(format!("it has the schema version {found}")));
    }
    // Reads the whole schema and the ends of both large tables, which appends will touch.
    connection
        .query_row("SELECT (SELECT max(no) FROM session), (SELECT max(id) FROM block)", [], |_row| Ok(()))
        .map_err(damaged)
}

/// Makes the name of the new file durable.
fn sync_directory(data_dir: &Path, path: &Path) -> Result<(), RecordError> {
    fs::File::open(data_dir)
        .and_then(|directory| directory.sync_all())
        .map_err(|error| cannot_open(path, &error))
}

/// Runs a checkpoint of SQLite's log; `mode` is SQLite's name for it. Returns whether all of it was moved: a
/// reader may pin it.
fn checkpoint_mode(connection: &Connection, mode: &str) -> rusqlite::Result<bool> {
    connection.query_row(&format!("PRAGMA wal_checkpoint({mode})"), [], |row| {
        let (busy, log, moved): (i64, i64, i64) = (row.get(0)?, row.get(1)?, row.get(2)?);
        Ok(busy == 0 && log == moved)
    })
}

/// Runs [`checkpoint_mode`] with the journal's error type.
pub(crate) fn checkpoint(connection: &Connection, mode: &str) -> Result<bool, RecordError> {
    checkpoint_mode(connection, mode).map_err(|error| RecordError::broken(&error))
}
