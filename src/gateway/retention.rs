//! Retention of recordings: what goes is in the audit trail before it goes, and so is now and then which sessions there are. So
//! `session verify --all` tells what retention removed from what somebody else did.

use std::path::Path;

use crate::gateway::running::Running;
use crate::recording::Journal;
use crate::recording::PruneReport;
use crate::recording::ReadError;
use crate::recording::Reader;
use crate::recording::RecordError;
use crate::store::Store;
use crate::store::StoreError;

/// A session that ended so long ago is on the disk, whatever happens to the machine.
const SETTLED_MS: i64 = 60_000;

/// Why nothing more is removed or noted.
#[derive(Debug, thiserror::Error)]
pub enum RetentionError {
    /// The recordings cannot be read.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// The recordings cannot be written.
    #[error(transparent)]
    Record(#[from] RecordError),
    /// It cannot be noted.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Notes which sessions there are that were over before `over_ms`, which is when they are on the disk for sure, and which were removed before
/// anybody noted that. Blocks.
///
/// # Errors
/// The recordings cannot be read, or the audit trail takes no entry.
pub fn look(store: &Store, data_dir: &Path, over_ms: i64) -> Result<(), RetentionError> {
    let reader = Reader::open(data_dir)?;
    let removed = reader.removed()?;
    let newest = reader.newest_over(over_ms)?;
    store.call_blocking(move |db| {
        db.change(|change| {
            if let Some(removed) = &removed {
                change.note_removed_before(removed)?;
            }
            newest.as_ref().map_or(Ok(()), |(number, session)| change.note_newest(*number, session))
        })
    })?;
    Ok(())
}

/// Removes what is past its retention, each part of it once it is noted. What cannot be noted stays. Blocks.
///
/// # Errors
/// The recordings cannot be read or written, or the audit trail takes no entry.
pub fn prune(
    store: &Store,
    journal: &Journal,
    data_dir: &Path,
    actor: &str,
    now_ms: i64,
) -> Result<PruneReport, RetentionError> {
    look(store, data_dir, now_ms.saturating_sub(SETTLED_MS))?;
    let mut all = PruneReport::default();
    loop {
        let next = journal.next_removal(now_ms)?;
        if !next.numbers.is_empty() {
            let (actor, ranges, reason) = (actor.to_owned(), next.ranges(), next.reason.as_str());
            store
                .call_blocking(move |db| db.change(|change| change.note_removal(&actor, &ranges, reason)))?;
        }
        let done = journal.prune_blocking(now_ms, next.numbers)?;
        all.recordings += done.recordings;
        all.sessions += done.sessions;
        all.bytes += done.bytes;
        if done.recordings == 0 {
            return Ok(all);
        }
    }
}

/// [`prune`] for a gateway that runs.
pub(super) async fn prune_running(running: &Running, now_ms: i64) {
    let (store, journal) = (running.store.clone(), running.gate.journal().clone());
    let config = running.config.load_full();
    let pruned = tokio::task::spawn_blocking(move || {
        prune(&store, &journal, &config.storage.data_dir, "hoopctl", now_ms)
            .map_err(|error| error.to_string())
    });
    if let Err(error) = pruned.await.unwrap_or_else(|error| Err(error.to_string())) {
        tracing::warn!(%error, "recordings could not be pruned");
    }
}

/// [`look`] at the end, when all sessions are over and on the disk.
pub(super) async fn note_sessions(running: &Running) {
    let (store, config) = (running.store.clone(), running.config.load_full());
    let noted = tokio::task::spawn_blocking(move || {
        look(&store, &config.storage.data_dir, i64::MAX).map_err(|error| error.to_string())
    });
    if let Err(error) = noted.await.unwrap_or_else(|error| Err(error.to_string())) {
        tracing::warn!(%error, "the audit trail does not tell which sessions there are");
    }
}
