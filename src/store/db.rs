//! The open database: [`View`] reads, [`Change`] also writes, both in one transaction.

use std::cell::Cell;
use std::fs;
use std::ops::Deref;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::path::PathBuf;

use rusqlite::Connection;
use rusqlite::Transaction;
use rusqlite::TransactionBehavior;

use crate::domain::now_ms;
use crate::store::database;
use crate::store::database::Schema;
use crate::store::error::During;
use crate::store::error::StoreError;

/// The schema of `hoopctl.db`: application id `HPDB` and our migrations.
const SCHEMA: Schema = Schema {
    application_id: 0x4850_4442,
    migrations: &[
        include_str!("migrations/0001_initial.sql"),
        include_str!("migrations/0002_file.sql"),
        include_str!("migrations/0003_pin.sql"),
        include_str!("migrations/0004_class.sql"),
        include_str!("migrations/0005_audited.sql"),
        include_str!("migrations/0006_hold.sql"),
        include_str!("migrations/0007_audit_action.sql"),
        include_str!("migrations/0008_terms.sql"),
    ],
};

/// The database, on the store's own thread.
pub struct Db {
    path: PathBuf,
    /// `None` after a disk error, until it was opened and checked again.
    view: Option<View>,
    /// Device and inode of the open file; `None`: there is no file.
    file: Option<(u64, u64)>,
}

impl Db {
    pub(super) fn open(path: &Path) -> Result<Self, StoreError> {
        let view = View { connection: database::open_or_create(path, &SCHEMA)? };
        let file = Some(identity(path)?);
        Ok(Self { path: path.to_owned(), view: Some(view), file })
    }

    /// Checks the file and reads the sealed secrets in it. Its schema stays as it is.
    pub(super) fn check(path: &Path) -> Result<Vec<(String, Vec<u8>)>, StoreError> {
        View { connection: database::check(path, &SCHEMA)? }.sealed_secrets()
    }

    /// Creates an empty one, in memory only.
    pub(super) fn empty() -> Result<Self, StoreError> {
        let view = View { connection: database::in_memory(&SCHEMA)? };
        Ok(Self { path: PathBuf::new(), view: Some(view), file: None })
    }

    /// Reads in one transaction, so that all reads are consistent.
    pub fn read<T>(&mut self, job: impl FnOnce(&View) -> Result<T, StoreError>) -> Result<T, StoreError> {
        let result = self.view().and_then(|view| {
            // Rolled back on drop.
            let _transaction = view.begin(TransactionBehavior::Deferred)?;
            job(view)
        });
        self.after(result)
    }

    /// Reads and writes in one transaction: everything is on disk when this returns `Ok`, nothing otherwise.
    pub fn change<T>(
        &mut self,
        job: impl FnOnce(&Change<'_>) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        let result = self.view().and_then(|view| {
            let transaction = view.begin(TransactionBehavior::Immediate)?;
            let change = Change { view, now_ms: now_ms(), scrub: Cell::new(false) };
            let value = job(&change)?;
            transaction.commit().during("commit to the store")?;
            if change.scrub.get() {
                view.scrub();
            }
            Ok(value)
        });
        self.after(result)
    }

    fn view(&mut self) -> Result<&View, StoreError> {
        if self.file.is_some_and(|open| !identity(&self.path).is_ok_and(|file| file == open)) {
            return Err(StoreError::Replaced { path: self.path.clone() });
        }
        match &mut self.view {
            Some(view) => Ok(view),
            closed => Ok(closed.insert(View { connection: database::open(&self.path, &SCHEMA)? })),
        }
    }

    /// After a disk error (above all a failed sync) SQLite's memory is not trusted: the next call reopens the
    /// file and checks it.
    fn after<T>(&mut self, result: Result<T, StoreError>) -> Result<T, StoreError> {
        if result.as_ref().is_err_and(StoreError::is_fault_of_disk) {
            self.view = None;
        }
        result
    }
}

fn identity(path: &Path) -> Result<(u64, u64), StoreError> {
    fs::symlink_metadata(path)
        .map(|metadata| (metadata.dev(), metadata.ino()))
        .map_err(|source| StoreError::Io { operation: "look at", path: path.to_owned(), source })
}

/// A consistent view of the store; exists only inside a transaction.
pub struct View {
    pub(super) connection: Connection,
}

impl View {
    fn begin(&self, behavior: TransactionBehavior) -> Result<Transaction<'_>, StoreError> {
        Transaction::new_unchecked(&self.connection, behavior).during("begin a transaction of the store")
    }

    /// Checkpoints and truncates the log, so that overwritten and deleted content is gone from the disk.
    fn scrub(&self) {
        let emptied =
            self.connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |row| row.get::<_, i64>(0));
        if !matches!(emptied, Ok(0)) {
            tracing::warn!("cannot empty the store's log; old sealed secrets stay in it for a while");
        }
    }
}

/// One change of the store: all or nothing.
pub struct Change<'a> {
    view: &'a View,
    /// The time of the change, in milliseconds since 1970.
    pub(super) now_ms: i64,
    scrub: Cell<bool>,
}

impl Change<'_> {
    /// Requests that the log is truncated after the commit, so that old content leaves the disk.
    pub(super) fn scrub_after(&self) {
        self.scrub.set(true);
    }
}

impl Deref for Change<'_> {
    type Target = View;

    fn deref(&self) -> &View {
        self.view
    }
}

/// Parses a text column.
pub(super) fn parsed<T>(row: &rusqlite::Row<'_>, column: &str) -> rusqlite::Result<T>
where
    T: std::str::FromStr,
    T::Err: std::error::Error + Send + Sync + 'static,
{
    let place = row.as_ref().column_index(column)?;
    row.get_ref(place)?.as_str()?.parse().map_err(|error: T::Err| unreadable(place, error))
}

/// Parses a JSON column.
pub(super) fn from_json<T: serde::de::DeserializeOwned>(
    row: &rusqlite::Row<'_>,
    column: &str,
) -> rusqlite::Result<T> {
    let place = row.as_ref().column_index(column)?;
    serde_json::from_str(row.get_ref(place)?.as_str()?).map_err(|error| unreadable(place, error))
}

/// Parses a column that holds one of a few words.
pub(super) fn word<T>(
    row: &rusqlite::Row<'_>,
    column: &str,
    parse: impl Fn(&str) -> Option<T>,
) -> rusqlite::Result<T> {
    let place = row.as_ref().column_index(column)?;
    parse(row.get_ref(place)?.as_str()?).ok_or_else(|| unreadable(place, UnknownWord))
}

/// Serializes a value for a JSON column.
pub(super) fn to_json(value: &impl serde::Serialize) -> Result<String, StoreError> {
    serde_json::to_string(value)
        .map_err(|error| rusqlite::Error::ToSqlConversionFailure(Box::new(error)))
        .during("write a value as JSON")
}

/// A word in the store that this version does not know.
#[derive(Debug, thiserror::Error)]
#[error("unknown word in the store")]
struct UnknownWord;

fn unreadable(place: usize, error: impl std::error::Error + Send + Sync + 'static) -> rusqlite::Error {
    rusqlite::Error::FromSqlConversionFailure(place, rusqlite::types::Type::Text, Box::new(error))
}
