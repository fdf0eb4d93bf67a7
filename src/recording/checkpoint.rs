//! Checkpoints SQLite's write-ahead log on a thread of its own, so that the writer need not wait for it.

use std::path::Path;
use std::sync::Condvar;
use std::sync::Mutex;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering;

use crate::domain::sync::lock;
use crate::domain::sync::wait_on;
use crate::recording::schema;

/// Number of WAL pages that triggers a checkpoint: 16 MiB.
const PAGES: u32 = (16 << 20) / schema::PAGE_SIZE;

/// State shared by the writer and the checkpoint thread.
#[derive(Default)]
pub(crate) struct CheckpointRoom {
    state: Mutex<State>,
    wake: Condvar,
    finished: AtomicBool,
}

#[derive(Default)]
struct State {
    wanted: bool,
    stop: bool,
}

/// The writer's side.
#[derive(Debug)]
pub(crate) struct Checkpoints {
    limit: u32,
    asked: bool,
}

/// What the writer should do next.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Next {
    /// Nothing.
    Nothing,
    /// Run the checkpoint to its end: only the last pages are left, and the log can then restart from its
    /// beginning.
    Finish,
}

impl Default for Checkpoints {
    fn default() -> Self {
        Self { limit: PAGES, asked: false }
    }
}

impl Checkpoints {
    /// Checks the length of the log after a commit, and wakes the checkpoint thread when it is long.
    pub(crate) fn after_commit(&mut self, pages: u32, room: &CheckpointRoom) -> Next {
        if pages < PAGES {
            self.limit = PAGES;
        }
        if self.asked {
            if !room.finished.swap(false, Ordering::AcqRel) {
                return Next::Nothing;
            }
            self.asked = false;
            // A reader may pin the log. It then keeps growing, and the checkpoint is tried again later.
            self.limit = pages.saturating_add(PAGES);
            return Next::Finish;
        }
        if pages >= self.limit {
            self.asked = true;
            room.ask();
        }
        Next::Nothing
    }
}

impl CheckpointRoom {
    fn ask(&self) {
        lock(&self.state).wanted = true;
        self.wake.notify_one();
    }

    /// Ends the thread.
    pub(crate) fn stop(&self) {
        lock(&self.state).stop = true;
        self.wake.notify_one();
    }

    fn next(&self) -> bool {
        let mut state = lock(&self.state);
        loop {
            if state.stop {
                return false;
            }
            if std::mem::take(&mut state.wanted) {
                return true;
            }
            state = wait_on(&self.wake, state, None);
        }
    }
}

/// Runs the checkpoint thread.
pub(crate) fn run(room: &CheckpointRoom, path: &Path) {
    while room.next() {
        // A failure here loses nothing: the log stays as it is, and the writer reports the problem when it
        // writes.
        let moved =
            schema::open_existing(path).and_then(|connection| schema::checkpoint(&connection, "PASSIVE"));
        if let Err(error) = moved {
            tracing::warn!(%error, "the log of recordings could not be moved into the database");
        }
        room.finished.store(true, Ordering::Release);
    }
}
