//! Why something could not be recorded, or a recording not be opened.

use std::path::PathBuf;
use std::sync::Arc;

use crate::domain::id::SessionId;

/// Why an event is not in the recording, or the journal could not be opened. Cheap to clone: many waiters get the same one.
#[derive(Debug, Clone, thiserror::Error)]
pub enum RecordError {
    /// The database cannot be written: full disk, failed device, wrong rights. The journal tries again by itself.
    #[error("the recording cannot be written: {detail}")]
    Broken {
        /// What the database or the system said; no part of an event.
        detail: Arc<str>,
    },
    /// Session events that had been acknowledged are no longer in the database: nothing may be added to that session.
    #[error("recorded events of {session} are gone from the database")]
    Lost {
        /// The session.
        session: SessionId,
    },
    /// The session was never started, or ended long ago.
    #[error("{session} is not open for recording")]
    NoSession {
        /// The session.
        session: SessionId,
    },
    /// `data` is not one JSON object on one line, or the first event of a session lacks a member.
    #[error("the event's data is not usable: {problem}")]
    Malformed {
        /// What is wrong; no part of the data.
        problem: &'static str,
    },
    /// The file is not a journal of recordings: it is left as it is.
    #[error("{path} is not a recording database: {problem}")]
    NotAJournal {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        problem: String,
    },
    /// A newer version wrote it.
    #[error(
        "{path} has schema version {found}, this version knows {known}: use the version of hoopctl that wrote it"
    )]
    NewerSchema {
        /// The file.
        path: PathBuf,
        /// Its version.
        found: i64,
        /// The newest one known here.
        known: i64,
    },
    /// More is queued than the journal may hold.
    #[error("too many events wait to be recorded")]
    Overloaded,
    /// The database could not be opened.
    #[error("cannot open {path}: {detail}")]
    Open {
        /// The file.
        path: PathBuf,
        /// What the database or the system said.
        detail: Arc<str>,
    },
    /// The disk has not answered for several seconds.
    #[error("the recording has not been written for {seconds} s")]
    Stalled {
        /// How long.
        seconds: u64,
    },
    /// The journal was closed.
    #[error("the recording is closed")]
    Stopped,
    /// A thread of the journal could not be started.
    #[error("cannot start the recorder: {detail}")]
    Thread {
        /// What the system said.
        detail: Arc<str>,
    },
    /// The file or its directory can be read or written by others.
    #[error("{path} has mode {mode:04o}, but only its owner may have access: chmod 600 {path}")]
    WideMode {
        /// The file.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
}

impl RecordError {
    /// The database's or the system's words.
    pub(crate) fn broken(error: &impl ToString) -> Self {
        Self::Broken { detail: error.to_string().into() }
    }
}
