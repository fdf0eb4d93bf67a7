//! Errors of the store. They never contain text of a command, a secret or a row.

use std::io;
use std::path::Path;
use std::path::PathBuf;

/// A failed operation of the store.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The audit trail is broken, so nothing is added to it.
    #[error(
        "the audit trail is broken at entry {seq}; run `hoopctl doctor`, and restore a backup or accept the break"
    )]
    AuditBroken {
        /// The first entry that is not intact.
        seq: u64,
    },
    /// The file is missing beside recordings. Nothing was made in its place.
    #[error(
        "{} is missing, but there are recordings in {}: put it back from a backup, or move {}* away too, to start empty",
        path.display(), recordings.display(), recordings.display()
    )]
    Alone {
        /// The missing file.
        path: PathBuf,
        /// The recordings.
        recordings: PathBuf,
    },
    /// Somebody else changed it first.
    #[error("{kind} {name:?} was changed by someone else meanwhile; read it again")]
    Changed {
        /// The kind of object.
        kind: &'static str,
        /// Its name.
        name: String,
    },
    /// The file is not an intact database. Nothing was written to it.
    #[error("{} is damaged ({problem}); nothing was changed: restore it from a backup, or move it away to start empty", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// The problem.
        problem: String,
    },
    /// An error of SQLite.
    #[error("cannot {operation}")]
    Database {
        /// The operation that failed.
        operation: &'static str,
        /// The cause.
        source: rusqlite::Error,
    },
    /// It exists already.
    #[error("{kind} {name:?} exists already")]
    Exists {
        /// The kind of object.
        kind: &'static str,
        /// Its name.
        name: String,
    },
    /// An error of the operating system.
    #[error("cannot {operation} {}", path.display())]
    Io {
        /// The operation that failed.
        operation: &'static str,
        /// The file.
        path: PathBuf,
        /// The cause.
        source: io::Error,
    },
    /// Another process has the data directory locked.
    #[error("{} is in use by another hoopctl{}", path.display(), pid.map(|pid| format!(" (process {pid})")).unwrap_or_default())]
    Locked {
        /// The data directory.
        path: PathBuf,
        /// The process that holds it, if it could be read.
        pid: Option<u32>,
    },
    /// It does not exist.
    #[error("there is no {kind} {name:?}")]
    Missing {
        /// The kind of object.
        kind: &'static str,
        /// Its name.
        name: String,
    },
    /// A newer version of hoopctl wrote the file.
    #[error("{} has schema version {found}, this hoopctl supports up to {known}: use the newer hoopctl, or a backup from before", path.display())]
    Newer {
        /// The file.
        path: PathBuf,
        /// The version of the file.
        found: i64,
        /// The newest version that this program knows.
        known: i64,
    },
    /// The file is a database of another application.
    #[error("{} is an SQLite database, but not one that hoopctl made; nothing was changed", path.display())]
    NotOurs {
        /// The file.
        path: PathBuf,
    },
    /// Too many jobs are queued.
    #[error("the store is busy")]
    Overloaded,
    /// The file or its file system is not writable.
    #[error("{} is read-only; hoopctl must be able to write it", path.display())]
    ReadOnly {
        /// The file.
        path: PathBuf,
    },
    /// The file was removed or replaced while it was open.
    #[error("{} was replaced or removed while hoopctl ran; restart hoopctl", path.display())]
    Replaced {
        /// The file.
        path: PathBuf,
    },
    /// The store's thread has ended, or a job panicked.
    #[error("the store has stopped")]
    Stopped,
    /// Others can read or write it.
    #[error("{} has mode {mode:03o}, so other users can access it; run: chmod {wanted:o} {}", path.display(), path.display())]
    TooWide {
        /// The file or directory.
        path: PathBuf,
        /// Its mode, permission bits only.
        mode: u32,
        /// The required mode.
        wanted: u32,
    },
    /// SQLite was built without a safety feature that the store relies on.
    #[error("SQLite refused a setting that the store's durability and integrity depend on")]
    Unsafe,
    /// It belongs to another user.
    #[error("{} belongs to user {owner}, hoopctl runs as user {us}; run hoopctl as its owner{}", path.display(), or_chown(path, *us))]
    WrongOwner {
        /// The file or directory.
        path: PathBuf,
        /// Its owner's user id.
        owner: u32,
        /// The user id of this process.
        us: u32,
    },
    /// It exists, but is not a regular file or not a directory.
    #[error("{} is not {wanted}", path.display())]
    WrongType {
        /// The path.
        path: PathBuf,
        /// The expected kind.
        wanted: &'static str,
    },
}

impl StoreError {
    /// Returns whether the disk or the file failed beneath the database, so that the connection must not be
    /// trusted any more.
    pub(super) fn is_fault_of_disk(&self) -> bool {
        use rusqlite::ErrorCode::CannotOpen;
        use rusqlite::ErrorCode::DatabaseCorrupt;
        use rusqlite::ErrorCode::NotADatabase;
        use rusqlite::ErrorCode::SystemIoFailure;
        match self {
            Self::Database { source, .. } => matches!(
                source.sqlite_error_code(),
                Some(CannotOpen | DatabaseCorrupt | NotADatabase | SystemIoFailure)
            ),
            _ => false,
        }
    }
}

/// Returns the other way out for a user whose file it may be. Root would take the folder from the gateway.
fn or_chown(path: &Path, us: u32) -> String {
    if us == 0 { String::new() } else { format!(", or: chown {us} {}", path.display()) }
}

/// Adds the failed operation to an error of SQLite.
pub(super) trait During<T> {
    /// Returns the same result, with the operation in its error: `cannot {operation}`.
    fn during(self, operation: &'static str) -> Result<T, StoreError>;
}

impl<T> During<T> for rusqlite::Result<T> {
    fn during(self, operation: &'static str) -> Result<T, StoreError> {
        self.map_err(|source| StoreError::Database { operation, source })
    }
}
