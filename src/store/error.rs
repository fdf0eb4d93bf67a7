//! What can go wrong with the store. No text of a command, no secret and no row ever gets into these.

use std::io;
use std::path::PathBuf;

/// A failed operation of the store.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The audit trail does not fit its chain, so nothing is added to it.
    #[error(
        "the audit trail is broken at entry {seq}; run `hoopctl doctor`, and restore a backup or accept the break"
    )]
    AuditBroken {
        /// The first entry that does not fit.
        seq: u64,
    },
    /// Somebody else changed it first.
    #[error("{kind} {name:?} was changed by somebody else meanwhile; look at it again")]
    Changed {
        /// What kind of thing.
        kind: &'static str,
        /// Its name.
        name: String,
    },
    /// The file is no whole database. Nothing was written to it.
    #[error("{} is damaged ({problem}); nothing was changed: restore it from a backup, or move it away to start empty", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        problem: String,
    },
    /// SQLite refused.
    #[error("cannot {operation}")]
    Database {
        /// What was being done.
        operation: &'static str,
        /// Why it failed.
        source: rusqlite::Error,
    },
    /// It is there already.
    #[error("{kind} {name:?} exists already")]
    Exists {
        /// What kind of thing.
        kind: &'static str,
        /// Its name.
        name: String,
    },
    /// The operating system refused.
    #[error("cannot {operation} {}", path.display())]
    Io {
        /// What was being done.
        operation: &'static str,
        /// With which file.
        path: PathBuf,
        /// Why it failed.
        source: io::Error,
    },
    /// Another process works with the data directory.
    #[error("{} is in use by another hoopctl{}", path.display(), pid.map(|pid| format!(" (process {pid})")).unwrap_or_default())]
    Locked {
        /// The data directory.
        path: PathBuf,
        /// The process that holds it, where it could be read.
        pid: Option<u32>,
    },
    /// It is not there.
    #[error("there is no {kind} {name:?}")]
    Missing {
        /// What kind of thing.
        kind: &'static str,
        /// Its name.
        name: String,
    },
    /// A later hoopctl made the file.
    #[error("{} has schema version {found}, this hoopctl knows up to {known}: use the newer hoopctl, or a backup from before", path.display())]
    Newer {
        /// The file.
        path: PathBuf,
        /// The version found in it.
        found: i64,
        /// The newest version known here.
        known: i64,
    },
    /// The file is a database of something else.
    #[error("{} is an SQLite database, but not one that hoopctl made; nothing was changed", path.display())]
    NotOurs {
        /// The file.
        path: PathBuf,
    },
    /// More work waits than the store takes.
    #[error("the store is busy")]
    Overloaded,
    /// The file or its file system cannot be written.
    #[error("{} is read-only; hoopctl must be able to write it", path.display())]
    ReadOnly {
        /// The file.
        path: PathBuf,
    },
    /// The file was removed or put aside while it was open.
    #[error("{} was replaced or removed while hoopctl ran; restart hoopctl", path.display())]
    Replaced {
        /// The file.
        path: PathBuf,
    },
    /// The store's thread has ended, or its work on this call was cut off.
    #[error("the store has stopped")]
    Stopped,
    /// Others could read or write it.
    #[error("{} has mode {mode:03o}, which lets others in; run: chmod {wanted:o} {}", path.display(), path.display())]
    TooWide {
        /// The file or folder.
        path: PathBuf,
        /// Its mode, permission bits only.
        mode: u32,
        /// The mode it should have.
        wanted: u32,
    },
    /// SQLite was built without a safety that the store relies on.
    #[error("SQLite does not take a setting that the store's safety relies on")]
    Unsafe,
    /// It belongs to another user.
    #[error("{} belongs to user {owner}, hoopctl runs as user {us}; run hoopctl as its owner, or: chown {us} {}", path.display(), path.display())]
    WrongOwner {
        /// The file or folder.
        path: PathBuf,
        /// The user it belongs to.
        owner: u32,
        /// The user we are.
        us: u32,
    },
    /// It is there, but not a regular file or not a folder.
    #[error("{} is not {wanted}", path.display())]
    WrongType {
        /// What was found there.
        path: PathBuf,
        /// What was expected.
        wanted: &'static str,
    },
}

impl StoreError {
    /// Whether the disk or the file failed beneath the database, so that the connection must not be trusted any more.
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

/// Says during which operation SQLite failed.
pub(super) trait During<T> {
    /// The same result, with the operation in its error: `cannot {operation}`.
    fn during(self, operation: &'static str) -> Result<T, StoreError>;
}

impl<T> During<T> for rusqlite::Result<T> {
    fn during(self, operation: &'static str) -> Result<T, StoreError> {
        self.map_err(|source| StoreError::Database { operation, source })
    }
}
