//! Errors of recording an event and of opening the journal.

use std::path::PathBuf;
use std::sync::Arc;

use crate::domain::id::SessionId;

/// Why an event is not in the recording, or the journal could not be opened. Cheap to clone: many waiters
/// receive the same error.
#[derive(Debug, Clone, thiserror::Error)]
pub enum RecordError {
    /// The database cannot be written: disk full, device failed, wrong permissions. The journal retries by
    /// itself.
    #[error("the recording cannot be written: {detail}")]
    Broken {
        /// The message of SQLite or the operating system; contains no part of an event.
        detail: Arc<str>,
    },
    /// Acknowledged events of a session are no longer in the database, so nothing may be added to that
    /// session.
    #[error("recorded events of {session} are missing from the database")]
    Lost {
        /// The affected session.
        session: SessionId,
    },
    /// The session was never started, or ended long ago.
    #[error("{session} is not open for recording")]
    NoSession {
        /// The session that the event names.
        session: SessionId,
    },
    /// `data` is not one JSON object on one line, or the first event of a session lacks a member.
    #[error("the event's data is invalid: {problem}")]
    Malformed {
        /// The problem; contains no part of the data.
        problem: &'static str,
    },
    /// The file is not a recording journal. It is left unchanged.
    #[error("{path} is not a recording database: {problem}")]
    NotAJournal {
        /// Path of the file.
        path: PathBuf,
        /// The problem.
        problem: String,
    },
    /// A newer version wrote it.
    #[error(
        "{path} has schema version {found}, this version knows {known}: use the version of hoopctl that wrote it"
    )]
    NewerSchema {
        /// Path of the file.
        path: PathBuf,
        /// The schema version of the file.
        found: i64,
        /// The newest version that this program knows.
        known: i64,
    },
    /// More events are queued than the journal may hold.
    #[error("too many events are waiting to be recorded")]
    Overloaded,
    /// The database could not be opened.
    #[error("cannot open {path}: {detail}")]
    Open {
        /// Path of the file.
        path: PathBuf,
        /// The message of SQLite or the operating system.
        detail: Arc<str>,
    },
    /// The database, or SQLite's log of it, was removed or replaced while it was open. That does not heal.
    #[error(
        "{path} was removed or replaced while the gateway ran: stop the gateway, put the file back (or move all of \
         events.db* away), and start it again; it takes over what was recorded last from ahead-*.log"
    )]
    Replaced {
        /// Path of the file.
        path: PathBuf,
    },
    /// The disk has not responded for several seconds.
    #[error("the recording has not been written for {seconds} s")]
    Stalled {
        /// Seconds without a response.
        seconds: u64,
    },
    /// The journal has been closed.
    #[error("the recording is closed")]
    Stopped,
    /// A journal thread could not be started.
    #[error("cannot start the recorder: {detail}")]
    Thread {
        /// The message of the operating system.
        detail: Arc<str>,
    },
    /// The file or its directory can be read or written by others.
    #[error("{path} has mode {mode:04o}, but only its owner may have access: chmod 600 {path}")]
    WideMode {
        /// Path of the file or directory.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
}

impl RecordError {
    /// Wraps a message of the database or the operating system.
    pub(crate) fn broken(error: &impl ToString) -> Self {
        Self::Broken { detail: error.to_string().into() }
    }
}
