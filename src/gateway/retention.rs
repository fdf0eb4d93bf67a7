//! Retention of recordings: removals are noted in the audit trail before they happen, and so are the existing
//! sessions from time to time. `session verify --all` can therefore distinguish removals by retention from
//! those by others.

use std::path::Path;
use std::time::Instant;

use crate::domain::now_ms;
use crate::domain::ranges::Ranges;
use crate::gateway::running::Running;
use crate::recording::Journal;
use crate::recording::PruneReport;
use crate::recording::ReadError;
use crate::recording::Reader;
use crate::recording::RecordError;
use crate::recording::Removal;
use crate::store::JournalRemoval;
use crate::store::Store;
use crate::store::StoreError;
use crate::store::View;

/// How long after its end a session may still get events. The journal accepts late events for a minute,
/// counted from when the end came to the database, which may be behind.
const SETTLED_MS: i64 = 600_000;

/// Why nothing more is removed or noted.
#[derive(Debug, thiserror::Error)]
pub enum RetentionError {
    /// The recordings cannot be read.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// The recordings cannot be written.
    #[error(transparent)]
    Record(#[from] RecordError),
    /// The recordings could not be synced to disk.
    #[error("the recordings are not on the disk: {source}")]
    Sync {
        /// The disk's error.
        source: std::io::Error,
    },
    /// The note could not be written.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Computes the time before which sessions have ended for good. A clock that jumps forward makes none of them
/// older than it is.
pub(super) struct Settled {
    /// The last time by the wall clock, and by the monotonic clock.
    looked: (i64, Instant),
}

impl Settled {
    pub(super) fn new(now_ms: i64) -> Self {
        Self { looked: (now_ms, Instant::now()) }
    }

    /// Returns the time before which a session must have ended, as of `now_ms`.
    pub(super) fn over_ms(&mut self, now_ms: i64) -> i64 {
        self.over_after(now_ms, Instant::now())
    }

    fn over_after(&mut self, now_ms: i64, now: Instant) -> i64 {
        let (before_ms, before) = self.looked;
        let passed = i64::try_from(now.saturating_duration_since(before).as_millis()).unwrap_or(i64::MAX);
        self.looked = (now_ms, now);
        settled(now_ms.min(before_ms.saturating_add(passed)))
    }
}

/// Returns the time before which a session must have ended, so that it gets no more events and is on disk.
fn settled(now_ms: i64) -> i64 {
    now_ms.saturating_sub(SETTLED_MS)
}

/// Notes the sessions that ended before `over_ms`, so that they no longer change, once they are on disk; also
/// those that were removed before they were noted, and those that stayed although they were to be removed.
/// Blocks.
///
/// # Errors
/// The recordings cannot be read or synced to disk, or the audit trail cannot be written.
pub fn look(store: &Store, data_dir: &Path, over_ms: i64) -> Result<(), RetentionError> {
    let told = store.call_blocking(|db| db.read(View::journal_notes))?;
    let look = Reader::open(data_dir)?.look(over_ms, &told)?;
    Reader::sync(data_dir).map_err(|source| RetentionError::Sync { source })?;
    store.call_blocking(move |db| db.change(|change| change.note_look(&told, &look)))?;
    Ok(())
}

/// Removes recordings that are past their retention, each part once it is noted. If it cannot be noted, it
/// stays. `over_ms` is as for [`look`]. Blocks.
///
/// # Errors
/// The recordings cannot be read or written, or the audit trail cannot be written.
pub fn prune(
    store: &Store,
    journal: &Journal,
    data_dir: &Path,
    actor: &str,
    [now_ms, over_ms]: [i64; 2],
) -> Result<PruneReport, RetentionError> {
    look(store, data_dir, over_ms)?;
    let mut all = PruneReport::default();
    loop {
        let next = journal.next_removal(now_ms)?;
        let nothing = next.is_empty();
        if !nothing {
            note(store, data_dir, actor, &next, over_ms)?;
        }
        let done = journal.prune_blocking(now_ms, next)?;
        all.recordings += done.recordings;
        all.sessions += done.sessions;
        all.bytes += done.bytes;
        if done.recordings + done.sessions == 0 {
            if !nothing || all.recordings + all.sessions > 0 {
                // A session that stayed must not be removed later without another note.
                look(store, data_dir, over_ms)?;
            }
            return Ok(all);
        }
    }
}

/// Notes a removal before it happens.
fn note(
    store: &Store,
    data_dir: &Path,
    actor: &str,
    next: &Removal,
    over_ms: i64,
) -> Result<(), RetentionError> {
    let events: Ranges = next.numbers.iter().copied().collect();
    let rows = Reader::open(data_dir)?.final_rows(&events, over_ms)?;
    let forgotten = next.forgotten.iter().copied().collect();
    let removal = JournalRemoval { events, rows, forgotten, reason: next.reason.as_str() };
    let actor = actor.to_owned();
    store.call_blocking(move |db| db.change(|change| change.note_removal(&actor, &removal)))?;
    Ok(())
}

/// Calls [`prune`] for a running gateway.
pub(super) async fn prune_running(running: &Running, now_ms: i64, over_ms: i64) {
    let (store, journal) = (running.store.clone(), running.gate.journal().clone());
    let config = running.config.load_full();
    let pruned = tokio::task::spawn_blocking(move || {
        prune(&store, &journal, &config.storage.data_dir, "hoopctl", [now_ms, over_ms])
            .map_err(|error| error.to_string())
    });
    if let Err(error) = pruned.await.unwrap_or_else(|error| Err(error.to_string())) {
        tracing::warn!(%error, "recordings could not be pruned");
    }
}

/// Returns whether the recordings exceed `max_size`, and some may be removed for that.
pub(super) async fn exceeds_size(running: &Running, now_ms: i64) -> bool {
    let journal = running.gate.journal().clone();
    if !journal.may_exceed_size() {
        return false;
    }
    let next = tokio::task::spawn_blocking(move || journal.next_removal(now_ms)).await;
    matches!(next, Ok(Ok(next)) if !next.numbers.is_empty())
}

/// Calls [`look`] at the end, when all sessions have ended and are on disk.
pub(super) async fn note_sessions(running: &Running) {
    let (store, config) = (running.store.clone(), running.config.load_full());
    let noted = tokio::task::spawn_blocking(move || {
        let data_dir = &config.storage.data_dir;
        // Events that are not in the database yet may belong to a session that has ended.
        let over_ms = if Journal::unsettled(data_dir) == 0 { i64::MAX } else { settled(now_ms()) };
        look(&store, data_dir, over_ms).map_err(|error| error.to_string())
    });
    if let Err(error) = noted.await.unwrap_or_else(|error| Err(error.to_string())) {
        tracing::warn!(%error, "the audit trail does not tell which sessions there are");
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_clock_that_jumps_makes_no_session_older() {
        let (mut settled, begun) = (Settled::new(1_000_000), Instant::now());
        let mut over = |now_ms, after| settled.over_after(now_ms, begun + Duration::from_secs(after));
        let about = |found: i64, wanted: i64| assert!((wanted - 50..=wanted).contains(&found), "{found}");
        about(over(1_010_000, 10), 410_000);
        // An hour forward, without the monotonic clock; from there it goes on.
        about(over(4_620_000, 20), 420_000);
        about(over(4_630_000, 30), 4_030_000);
        about(over(1_000_000, 40), 400_000);
    }
}
