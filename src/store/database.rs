//! Opens one of our SQLite files: created safely, checked before it is touched, migrated to the newest
//! schema.

use std::fs;
use std::fs::OpenOptions;
use std::io;
use std::io::Read;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::path::PathBuf;
use std::time::Duration;

use rusqlite::Connection;
use rusqlite::OpenFlags;
use rusqlite::TransactionBehavior;
use rusqlite::config::DbConfig;

use crate::store::error::During;
use crate::store::error::StoreError;
use crate::store::folder;

/// The first bytes of an SQLite file.
const MAGIC: &[u8; 16] = b"SQLite format 3\0";
/// Length of an SQLite file's header in bytes.
const HEAD: usize = 100;
/// How long a statement waits for the lock of another process, such as a backup.
const BUSY_TIMEOUT: Duration = Duration::from_secs(2);
/// Up to this size in bytes the whole file is checked at every start; beyond it only its header and length.
const QUICK_CHECK_MAX: u64 = 64 << 20;

/// Identification and migrations of a database file.
#[derive(Debug, Clone, Copy)]
pub struct Schema {
    /// SQLite's `application_id`, which distinguishes our files from others and from each other.
    pub application_id: i32,
    /// The migrations, oldest first; the schema version is their number. Never changed, only added to.
    pub migrations: &'static [&'static str],
}

impl Schema {
    /// Returns the newest version.
    fn version(&self) -> i64 {
        i64::try_from(self.migrations.len()).unwrap_or(i64::MAX)
    }
}

/// Opens the database at `path`, or creates it. The caller holds the data directory's lock.
///
/// # Errors
/// Anything that is not an intact, writable, private database of ours with a schema of this or an earlier
/// version; nothing is written to such a file.
pub fn open_or_create(path: &Path, schema: &Schema) -> Result<Connection, StoreError> {
    match fs::symlink_metadata(path) {
        Ok(_) => {}
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            if beside(path, "-wal").exists() {
                return Err(damaged(path, "the file is missing, but its write-ahead log is there"));
            }
            create(path, schema)?;
        }
        Err(source) => return Err(StoreError::Io { operation: "look at", path: path.to_owned(), source }),
    }
    open(path, schema)
}

/// Opens the database at `path`, which must exist.
///
/// # Errors
/// As [`open_or_create`].
pub fn open(path: &Path, schema: &Schema) -> Result<Connection, StoreError> {
    let mut connection = check(path, schema)?;
    let in_file = |error: rusqlite::Error| refused(path, error);
    migrate(&mut connection, path, schema)?;
    let mode: String =
        connection.pragma_update_and_check(None, "journal_mode", "wal", |row| row.get(0)).map_err(in_file)?;
    if mode != "wal" {
        return Err(damaged(path, "its file system does not support a write-ahead log"));
    }
    Ok(connection)
}

/// Opens the database at `path` as [`open`] does, and leaves its schema as it is.
///
/// # Errors
/// As [`open_or_create`].
pub fn check(path: &Path, schema: &Schema) -> Result<Connection, StoreError> {
    folder::check_private_file(path)?;
    for suffix in ["-wal", "-shm"] {
        let path = beside(path, suffix);
        if path.exists() {
            folder::check_private_file(&path)?;
        }
    }
    check_head(path)?;
    let connection = connect(path)?;
    // Until the file is known to be intact, closing it must not write to it.
    set(&connection, DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true)?;
    let in_file = |error: rusqlite::Error| refused(path, error);
    if connection.is_readonly("main").map_err(in_file)? {
        return Err(StoreError::ReadOnly { path: path.to_owned() });
    }
    check_schema(&connection, path, schema)?;
    check_content(&connection, path)?;
    set(&connection, DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, false)?;
    Ok(connection)
}

/// Creates an in-memory database, which is dropped with its connection.
///
/// # Errors
/// SQLite has no memory for it.
pub fn in_memory(schema: &Schema) -> Result<Connection, StoreError> {
    let path = Path::new(":memory:");
    let mut connection = connect(path)?;
    migrate(&mut connection, path, schema)?;
    Ok(connection)
}

/// Returns `path` with `suffix` appended to its name.
fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    PathBuf::from(name)
}

fn damaged(path: &Path, problem: impl Into<String>) -> StoreError {
    StoreError::Damaged { path: path.to_owned(), problem: problem.into() }
}

/// Maps an error of SQLite while a file is opened.
fn refused(path: &Path, error: rusqlite::Error) -> StoreError {
    use rusqlite::ErrorCode::DatabaseCorrupt;
    use rusqlite::ErrorCode::NotADatabase;
    use rusqlite::ErrorCode::ReadOnly;
    match error.sqlite_error_code() {
        Some(DatabaseCorrupt | NotADatabase) => damaged(path, error.to_string()),
        Some(ReadOnly) => StoreError::ReadOnly { path: path.to_owned() },
        _ => StoreError::Database { operation: "open the database", source: error },
    }
}

/// Creates the whole database under another name first, so that there is never an incomplete one under its
/// own.
fn create(path: &Path, schema: &Schema) -> Result<(), StoreError> {
    let unfinished = beside(path, ".new");
    for leftover in [unfinished.clone(), beside(&unfinished, "-journal")] {
        match fs::remove_file(&leftover) {
            Err(source) if source.kind() != io::ErrorKind::NotFound => {
                return Err(StoreError::Io { operation: "remove", path: leftover, source });
            }
            _ => {}
        }
    }
    OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(&unfinished)
        .map_err(|source| StoreError::Io { operation: "create", path: unfinished.clone(), source })?;
    let mut connection = connect(&unfinished)?;
    connection
        .pragma_update(None, "application_id", schema.application_id)
        .map_err(|error| refused(&unfinished, error))?;
    migrate(&mut connection, &unfinished, schema)?;
    connection.close().map_err(|(_connection, error)| refused(&unfinished, error))?;
    fs::rename(&unfinished, path).map_err(|source| StoreError::Io {
        operation: "rename",
        path: unfinished,
        source,
    })?;
    path.parent().map_or(Ok(()), folder::sync_folder)
}

/// Connects, with all safety settings of SQLite enabled.
fn connect(path: &Path) -> Result<Connection, StoreError> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags).map_err(|error| refused(path, error))?;
    connection.busy_timeout(BUSY_TIMEOUT).map_err(|error| refused(path, error))?;
    for (config, on) in [
        (DbConfig::SQLITE_DBCONFIG_DEFENSIVE, true),
        (DbConfig::SQLITE_DBCONFIG_TRUSTED_SCHEMA, false),
        (DbConfig::SQLITE_DBCONFIG_ENABLE_FKEY, true),
        (DbConfig::SQLITE_DBCONFIG_DQS_DML, false),
        (DbConfig::SQLITE_DBCONFIG_DQS_DDL, false),
    ] {
        set(&connection, config, on)?;
    }
    for (pragma, value) in [
        ("synchronous", "FULL"),
        ("secure_delete", "ON"),
        ("cell_size_check", "ON"),
        ("temp_store", "MEMORY"),
    ] {
        connection.pragma_update(None, pragma, value).map_err(|error| refused(path, error))?;
    }
    Ok(connection)
}

fn set(connection: &Connection, config: DbConfig, on: bool) -> Result<(), StoreError> {
    let now = connection.set_db_config(config, on).during("configure the database")?;
    if now == on { Ok(()) } else { Err(StoreError::Unsafe) }
}

/// Checks the first bytes and the length without SQLite: for a better message, and because SQLite accepts a
/// file whose last page is truncated.
fn check_head(path: &Path) -> Result<(), StoreError> {
    let io = |source| StoreError::Io { operation: "read", path: path.to_owned(), source };
    let mut head = Vec::with_capacity(HEAD);
    let file = fs::File::open(path).map_err(io)?;
    let length = file.metadata().map_err(io)?.len();
    file.take(HEAD as u64).read_to_end(&mut head).map_err(io)?;
    if head.is_empty() {
        return Err(damaged(path, "it is empty"));
    }
    // A file truncated within these bytes may still be ours.
    if !MAGIC.starts_with(head.get(..MAGIC.len()).unwrap_or(&head)) {
        return Err(damaged(path, "it is not an SQLite database"));
    }
    let Some((page, pages)) = pages(&head) else { return Err(damaged(path, "its head is cut")) };
    // If there is a log, it may have the pages that the file lacks.
    let has_log = fs::metadata(beside(path, "-wal")).is_ok_and(|log| log.len() > 0);
    if !has_log && length < page.saturating_mul(pages) {
        return Err(damaged(path, "its end is cut"));
    }
    Ok(())
}

/// Returns the page size and number of pages in a file's header. See "The Database Header" in SQLite's
/// "Database File Format".
fn pages(head: &[u8]) -> Option<(u64, u64)> {
    let size = u16::from_be_bytes(head.get(16..18)?.try_into().ok()?);
    let count = u32::from_be_bytes(head.get(28..32)?.try_into().ok()?);
    // 1 means 65536, which does not fit.
    let size = if size == 1 { 65_536 } else { u64::from(size) };
    (head.len() == HEAD).then_some((size, u64::from(count)))
}

fn user_version(connection: &Connection) -> rusqlite::Result<i64> {
    connection.pragma_query_value(None, "user_version", |row| row.get(0))
}

fn check_schema(connection: &Connection, path: &Path, schema: &Schema) -> Result<(), StoreError> {
    let application: i32 = connection
        .pragma_query_value(None, "application_id", |row| row.get(0))
        .map_err(|error| refused(path, error))?;
    if application != schema.application_id {
        return Err(StoreError::NotOurs { path: path.to_owned() });
    }
    let found = user_version(connection).map_err(|error| refused(path, error))?;
    if found > schema.version() {
        return Err(StoreError::Newer { path: path.to_owned(), found, known: schema.version() });
    }
    Ok(())
}

fn check_content(connection: &Connection, path: &Path) -> Result<(), StoreError> {
    let length = fs::metadata(path).map_or(0, |metadata| metadata.len());
    if length > QUICK_CHECK_MAX {
        return Ok(());
    }
    let answer: String = connection
        .query_row("PRAGMA quick_check(1)", [], |row| row.get(0))
        .map_err(|error| refused(path, error))?;
    if answer == "ok" { Ok(()) } else { Err(damaged(path, answer)) }
}

/// Migrates the schema to the newest version; each step is atomic.
fn migrate(connection: &mut Connection, path: &Path, schema: &Schema) -> Result<(), StoreError> {
    let in_file = |error: rusqlite::Error| refused(path, error);
    let have = user_version(connection).map_err(in_file)?;
    for (version, sql) in (1_i64..).zip(schema.migrations) {
        if version <= have {
            continue;
        }
        let step = connection.transaction_with_behavior(TransactionBehavior::Immediate).map_err(in_file)?;
        step.execute_batch(sql).map_err(in_file)?;
        step.pragma_update(None, "user_version", version).map_err(in_file)?;
        step.commit().map_err(in_file)?;
    }
    Ok(())
}
