//! Moves the write-ahead log into the database beside the writer, so that the writer need not wait for it.

use std::path::Path;
use std::sync::Condvar;
use std::sync::Mutex;
use std::sync::PoisonError;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering;

use crate::recording::queue::lock;
use crate::recording::schema;

/// Pages of the log after which it is moved into the database: 16 MiB.
const PAGES: u32 = (16 << 20) / schema::PAGE_SIZE;

/// What the writer and the mover tell each other.
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

/// What the writer should do now.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Next {
    /// Nothing.
    Nothing,
    /// Move the rest: only the last pages are left, and after that the log can begin anew.
    Finish,
}

impl Default for Checkpoints {
    fn default() -> Self {
        Self { limit: PAGES, asked: false }
    }
}

impl Checkpoints {
    /// Looks at the length of the log after a commit. Asks the mover when it is long.
    pub(crate) fn after_commit(&mut self, pages: u32, room: &CheckpointRoom) -> Next {
        if pages < PAGES {
            self.limit = PAGES;
        }
        if self.asked {
            if !room.finished.swap(false, Ordering::AcqRel) {
                return Next::Nothing;
            }
            self.asked = false;
            // A reader may hold the log: then it goes on growing, and is tried again later.
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
            state = self.wake.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }
}

/// The mover's thread.
pub(crate) fn run(room: &CheckpointRoom, path: &Path) {
    while room.next() {
        // A failure here is no loss: the log stays as it is, the writer finds out what is wrong when it writes.
        let moved =
            schema::open_existing(path).and_then(|connection| schema::checkpoint(&connection, "PASSIVE"));
        if let Err(error) = moved {
            tracing::warn!(%error, "the log of recordings could not be moved into the database");
        }
        room.finished.store(true, Ordering::Release);
    }
}
