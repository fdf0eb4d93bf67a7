//! Brings what was written ahead to the disk: one `fdatasync` for everybody who waits, and one at least every 50 ms while
//! something is only written. Removes segments that are not needed any more.
//!
//! The frames of the file stand in the order of their tickets, so one sync makes all tickets before it durable, whatever
//! happens to the database. Its own log is synced before a segment goes.

use std::fs::File;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::Condvar;
use std::sync::Mutex;
use std::sync::PoisonError;
use std::time::Duration;
use std::time::Instant;

use crate::recording::error::RecordError;
use crate::recording::queue::Stage;
use crate::recording::queue::lock;
use crate::recording::shared::Shared;

/// How long something may be written and not be on the disk. The writer says within 10 ms that there is something.
const MAX_UNSYNCED: Duration = Duration::from_millis(40);
/// How long a woken task may take to wake the others of its thread.
const RELAY: Duration = Duration::from_millis(2);

/// What the others tell the syncer.
#[derive(Default)]
pub(crate) struct SyncRoom {
    state: Mutex<State>,
    wake: Condvar,
}

#[derive(Default)]
struct State {
    /// The database's write-ahead log. `None` while the database is not open: then nothing is synced.
    log: Option<Arc<Log>>,
    /// The last ticket that is to be synced.
    wanted: u64,
    /// Since when something is only written.
    dirty_since: Option<Instant>,
    asleep: bool,
    stop: bool,
}

/// The database's write-ahead log, for syncing only.
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

    /// Waits until all that was written to the log is on the disk.
    pub(crate) fn sync(&self) -> std::io::Result<()> {
        self.sync_file(&self.file)
    }

    fn sync_file(&self, file: &File) -> std::io::Result<()> {
        #[cfg(test)]
        if self.fails.as_ref().is_some_and(|fails| fails.load(std::sync::atomic::Ordering::SeqCst)) {
            return Err(std::io::Error::other("a sync that fails on purpose"));
        }
        file.sync_data()
    }
}

impl SyncRoom {
    /// Puts the log in place, or takes it away.
    pub(crate) fn set_log(&self, log: Option<Arc<Log>>) {
        let mut state = lock(&self.state);
        state.log = log;
        state.dirty_since = None;
    }

    /// Somebody waits until `ticket` is on the disk.
    pub(crate) fn want(&self, ticket: u64) {
        let mut state = lock(&self.state);
        state.wanted = state.wanted.max(ticket);
        state.dirty_since.get_or_insert_with(Instant::now);
        self.rouse(&mut state);
    }

    /// Something was written that nobody waits for.
    pub(crate) fn written(&self) {
        let mut state = lock(&self.state);
        if state.dirty_since.is_none() {
            state.dirty_since = Some(Instant::now());
            self.rouse(&mut state);
        }
    }

    fn rouse(&self, state: &mut State) {
        if std::mem::take(&mut state.asleep) {
            self.wake.notify_one();
        }
    }

    /// Ends the thread after one more sync.
    pub(crate) fn stop(&self) {
        lock(&self.state).stop = true;
        self.wake.notify_one();
    }

    /// Waits until something is to be synced. `None`: stop.
    fn next(&self, shared: &Shared) -> Option<Arc<Log>> {
        let synced = shared.progress(Stage::Synced);
        let mut state = lock(&self.state);
        loop {
            let mut wait = match (&state.log, state.dirty_since) {
                (Some(log), Some(since)) => {
                    let left = MAX_UNSYNCED.saturating_sub(since.elapsed());
                    if state.wanted > synced.done() || left.is_zero() || state.stop {
                        let log = Arc::clone(log);
                        // Before the sync: what is written while it runs is not covered by it.
                        state.dirty_since = None;
                        return Some(log);
                    }
                    Some(left)
                }
                _ if state.stop => return None,
                _ => None,
            };
            if synced.has_left() {
                wait = Some(wait.unwrap_or(RELAY).min(RELAY));
            }
            state.asleep = true;
            state = match wait {
                Some(wait) => self.wake.wait_timeout(state, wait).unwrap_or_else(PoisonError::into_inner).0,
                None => self.wake.wait(state).unwrap_or_else(PoisonError::into_inner),
            };
            state.asleep = false;
            if synced.has_left() {
                drop(state);
                synced.wake_all(synced.done(), &mut Vec::new());
                state = lock(&self.state);
            }
        }
    }
}

/// The syncer's thread.
pub(crate) fn run(shared: &Shared) {
    let mut wakers = Vec::new();
    while let Some(log) = shared.sync.next(shared) {
        let (files, sealed, ticket) = shared.unsynced();
        // Oldest first: what is on the disk has no gaps.
        let synced = files.iter().try_for_each(|file| log.sync_file(file));
        let removed = synced.and_then(|()| {
            let settled = shared.synced(ticket, sealed, &mut wakers);
            if settled.is_empty() { Ok(()) } else { log.sync().and_then(|()| remove(&settled)) }
        });
        if let Err(error) = removed {
            // The kernel may have dropped the pages: nothing since the last sync can be trusted to be on the disk.
            shared.sync.set_log(None);
            shared.poison(&RecordError::Broken { detail: format!("sync: {error}").into() });
        }
    }
}

/// Removes segments of which the database has everything.
pub(crate) fn remove(segments: &[PathBuf]) -> std::io::Result<()> {
    segments.iter().try_for_each(std::fs::remove_file)
}
