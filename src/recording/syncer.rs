//! Brings what was written to the disk: one `fdatasync` of the write-ahead log for everybody who waits, and one at least
//! every 50 ms while something is only written.
//!
//! The database runs with `synchronous = NORMAL`: a commit writes its frames to the log with `write()` and does not wait
//! for the disk, so the death of the process loses nothing. `FULL` would sync the log in each commit and hold up all
//! that only want to be written; this thread does the same sync beside the writer, on a descriptor of its own. The log
//! is checksummed frame by frame, so one sync makes all commits before it durable, and checkpoints sync by themselves.

use std::fs::File;
use std::sync::Arc;
use std::sync::Condvar;
use std::sync::Mutex;
use std::sync::PoisonError;
use std::time::Duration;
use std::time::Instant;

use crate::recording::error::RecordError;
use crate::recording::queue::Shared;
use crate::recording::queue::lock;

/// How long something may be written and not be on the disk.
const MAX_UNSYNCED: Duration = Duration::from_millis(50);

/// What the writer tells the syncer.
#[derive(Default)]
pub(crate) struct SyncRoom {
    state: Mutex<State>,
    wake: Condvar,
}

#[derive(Default)]
struct State {
    /// The write-ahead log. `None` while the database is not open.
    log: Option<Arc<Log>>,
    /// The last ticket that is to be synced.
    wanted: u64,
    /// Since when something is only written.
    dirty_since: Option<Instant>,
    asleep: bool,
    stop: bool,
}

/// The write-ahead log, for syncing only.
pub(crate) struct Log {
    pub(crate) file: File,
    #[cfg(test)]
    pub(crate) fails: Option<Arc<std::sync::atomic::AtomicBool>>,
}

impl Log {
    /// Opens the log beside the database at `path`. No lock of the database is on this file, so closing it is harmless.
    pub(crate) fn open(path: &std::path::Path) -> std::io::Result<Self> {
        let mut log = path.as_os_str().to_owned();
        log.push("-wal");
        let file = File::open(log)?;
        Ok(Self {
            file,
            #[cfg(test)]
            fails: None,
        })
    }

    /// Waits until all that was written is on the disk.
    pub(crate) fn sync(&self) -> std::io::Result<()> {
        #[cfg(test)]
        if self.fails.as_ref().is_some_and(|fails| fails.load(std::sync::atomic::Ordering::SeqCst)) {
            return Err(std::io::Error::other("a sync that fails on purpose"));
        }
        self.file.sync_data()
    }
}

impl SyncRoom {
    /// Puts the log in place, or takes it away.
    pub(crate) fn set_log(&self, log: Option<Arc<Log>>) {
        let mut state = lock(&self.state);
        state.log = log;
        state.dirty_since = None;
    }

    /// A commit was written; tickets up to `wanted` are to be synced.
    pub(crate) fn written(&self, wanted: u64) {
        let mut state = lock(&self.state);
        let urgent = wanted > state.wanted;
        state.wanted = state.wanted.max(wanted);
        let first = state.dirty_since.is_none();
        if first {
            state.dirty_since = Some(Instant::now());
        }
        let wake = state.asleep && (urgent || first);
        drop(state);
        if wake {
            self.wake.notify_one();
        }
    }

    /// Ends the thread after one more sync.
    pub(crate) fn stop(&self) {
        lock(&self.state).stop = true;
        self.wake.notify_one();
    }

    /// Waits for something to sync. `None`: stop.
    fn next(&self, shared: &Shared) -> Option<(Arc<Log>, u64)> {
        let mut state = lock(&self.state);
        loop {
            let due = match (&state.log, state.dirty_since) {
                (Some(log), Some(since)) => {
                    let left = MAX_UNSYNCED.saturating_sub(since.elapsed());
                    if state.wanted > shared.synced.done() || left.is_zero() || state.stop {
                        let log = Arc::clone(log);
                        state.dirty_since = None;
                        // Before the sync: what is written while it runs is not covered by it.
                        return Some((log, shared.written.done()));
                    }
                    Some(left)
                }
                _ if state.stop => return None,
                _ => None,
            };
            state.asleep = true;
            state = match due {
                Some(left) => self.wake.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner).0,
                None => self.wake.wait(state).unwrap_or_else(PoisonError::into_inner),
            };
            state.asleep = false;
        }
    }
}

/// The syncer's thread.
pub(crate) fn run(shared: &Shared) {
    let mut wakers = Vec::new();
    while let Some((log, ticket)) = shared.sync.next(shared) {
        match log.sync() {
            Ok(()) => shared.synced.advance(ticket, &mut wakers),
            Err(error) => {
                // The kernel may have dropped the pages: nothing since the last sync can be trusted to be on the disk.
                shared.sync.set_log(None);
                shared.poison(RecordError::Broken { detail: format!("sync: {error}").into() });
            }
        }
    }
}
