//! Syncs the write-ahead log to disk: one `fdatasync` for all waiters, and at least one every 50 ms while
//! there is unsynced data. Removes segments that are no longer needed.
//!
//! Frames are in ticket order, so one sync makes all earlier tickets durable, whatever happens to the
//! database. SQLite's own log is synced before a segment is removed.

use std::fs::File;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::Condvar;
use std::sync::Mutex;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering;
use std::time::Duration;
use std::time::Instant;

use crate::domain::sync::lock;
use crate::domain::sync::wait_on;
use crate::recording::error::RecordError;
use crate::recording::queue::Sleep;
use crate::recording::queue::Stage;
use crate::recording::shared::Shared;

/// How long data may be written but not synced. The writer reports within 10 ms that there is some.
const MAX_UNSYNCED: Duration = Duration::from_millis(40);
/// How long a woken task may take to wake the others of its thread.
const RELAY: Duration = Duration::from_millis(2);

/// State shared between the syncer and the other threads.
#[derive(Default)]
pub(crate) struct SyncRoom {
    state: Mutex<State>,
    wake: Condvar,
    /// Whether [`State::dirty_since`] is set; readable without the lock.
    dirty: AtomicBool,
    /// Makes syncs fail, for tests.
    #[cfg(test)]
    pub(crate) fails: Mutex<Arc<AtomicBool>>,
}

#[derive(Default)]
struct State {
    /// SQLite's write-ahead log. `None` while the database is not open: no segment is removed then.
    log: Option<Arc<Log>>,
    /// The last ticket that somebody waits for.
    wanted: u64,
    /// Since when there is unsynced data.
    dirty_since: Option<Instant>,
    sleep: Sleep,
    stop: bool,
}

/// SQLite's write-ahead log, opened for syncing only.
#[derive(Debug)]
pub(crate) struct Log(File);

impl Log {
    /// Opens the log beside the database at `path`. SQLite holds no lock on this file, so closing it is
    /// harmless.
    pub(crate) fn open(path: &std::path::Path) -> std::io::Result<Self> {
        let mut log = path.as_os_str().to_owned();
        log.push("-wal");
        File::open(log).map(Self)
    }

    /// Syncs it to disk.
    pub(crate) fn sync(&self) -> std::io::Result<()> {
        self.0.sync_data()
    }
}

/// A sync that is due.
struct Due {
    /// SQLite's log, if the database is open.
    log: Option<Arc<Log>>,
}

impl SyncRoom {
    /// Sets or clears the log.
    pub(crate) fn set_log(&self, log: Option<Arc<Log>>) {
        lock(&self.state).log = log;
    }

    /// Syncs a file to disk.
    #[cfg_attr(not(test), expect(clippy::unused_self, reason = "tests let it fail"))]
    fn sync_file(&self, file: &File) -> std::io::Result<()> {
        #[cfg(test)]
        if lock(&self.fails).load(Ordering::SeqCst) {
            return Err(std::io::Error::other("a sync that fails on purpose"));
        }
        file.sync_data()
    }

    /// Syncs SQLite's log to disk.
    pub(crate) fn sync_log(&self, log: &Log) -> std::io::Result<()> {
        self.sync_file(&log.0)
    }

    /// Removes segments whose content is in the database. It is in `log`, if that is still the current one,
    /// which is synced first. Segments that could not be removed stay in `segments`.
    fn remove(&self, log: &Arc<Log>, segments: &mut Vec<PathBuf>) -> std::io::Result<()> {
        if segments.is_empty() {
            return Ok(());
        }
        self.sync_log(log)?;
        // Under the lock, so that the log cannot be replaced meanwhile.
        let state = lock(&self.state);
        if state.log.as_ref().is_some_and(|current| Arc::ptr_eq(current, log)) {
            segments.retain(|path| match std::fs::remove_file(path) {
                Ok(()) => false,
                Err(error) => {
                    tracing::warn!(segment = %path.display(), %error, "a file that is not needed any more stays");
                    error.kind() != std::io::ErrorKind::NotFound
                }
            });
        }
        Ok(())
    }

    /// Requests a sync up to `ticket`, which somebody waits for.
    pub(crate) fn want(&self, ticket: u64) {
        let mut state = lock(&self.state);
        state.wanted = state.wanted.max(ticket);
        state.dirty_since.get_or_insert_with(Instant::now);
        self.rouse(&mut state);
    }

    /// Notes that something was written. Costs next to nothing if that is already noted, and no system call
    /// while the syncer will check soon anyway.
    pub(crate) fn written(&self) {
        if !self.dirty.swap(true, Ordering::AcqRel) {
            let mut state = lock(&self.state);
            state.dirty_since.get_or_insert_with(Instant::now);
            if state.sleep == Sleep::Deep {
                self.rouse(&mut state);
            }
        }
    }

    fn rouse(&self, state: &mut State) {
        if std::mem::take(&mut state.sleep) != Sleep::Awake {
            self.wake.notify_one();
        }
    }

    /// Ends the thread after one more sync.
    pub(crate) fn stop(&self) {
        lock(&self.state).stop = true;
        self.wake.notify_one();
    }

    /// Waits until a sync is due. `None`: stop.
    fn next(&self, shared: &Shared) -> Option<Due> {
        let synced = shared.progress(Stage::Synced);
        let mut state = lock(&self.state);
        // After a sync more is usually written soon; its writer then need not wake this thread.
        let awake_until = Instant::now() + MAX_UNSYNCED;
        loop {
            let doze = awake_until.saturating_duration_since(Instant::now());
            let mut wait = (!doze.is_zero()).then_some(doze);
            if let Some(since) = state.dirty_since {
                let left = MAX_UNSYNCED.saturating_sub(since.elapsed());
                if state.wanted > synced.done() || left.is_zero() || state.stop {
                    // Cleared before the sync: what is written while it runs is not covered by it.
                    state.dirty_since = None;
                    self.dirty.store(false, Ordering::Release);
                    return Some(Due { log: state.log.clone() });
                }
                wait = Some(left);
            } else if state.stop {
                return None;
            }
            if synced.has_left() {
                wait = Some(wait.unwrap_or(RELAY).min(RELAY));
            }
            state.sleep = if wait.is_some() { Sleep::Dozes } else { Sleep::Deep };
            state = wait_on(&self.wake, state, wait);
            state.sleep = Sleep::Awake;
            if synced.has_left() {
                drop(state);
                synced.wake_all(synced.done(), &mut Vec::new());
                state = lock(&self.state);
            }
        }
    }
}

/// Runs the syncer's thread.
pub(crate) fn run(shared: &Shared) {
    let (mut wakers, mut removable) = (Vec::new(), Vec::new());
    while let Some(Due { log }) = shared.sync.next(shared) {
        let (files, sealed, ticket) = shared.unsynced();
        // Oldest first, so that the data on disk has no gaps.
        let synced = files.iter().try_for_each(|file| shared.sync.sync_file(file)).and_then(|()| {
            removable.append(&mut shared.synced(ticket, sealed, &mut wakers));
            log.as_ref().map_or(Ok(()), |log| shared.sync.remove(log, &mut removable))
        });
        if let Err(error) = synced {
            // The kernel may have dropped the pages: nothing since the last sync can be trusted to be on
            // disk.
            shared.sync.set_log(None);
            shared.poison(&RecordError::Broken { detail: format!("sync: {error}").into() });
        }
    }
    let synced = shared.progress(Stage::Synced);
    synced.wake_all(synced.done(), &mut wakers);
}
