//! The keys of one issuer in use: immutable snapshots, and how each follows from the one before.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use crate::identity::jwk::Key;
use crate::identity::jwk::KeySet;

/// A key that the issuer no longer lists is dropped when a second successful fetch, at least this much later,
/// lacks it.
const GONE_AFTER: Duration = Duration::from_mins(1);

struct Held {
    key: Arc<Key>,
    /// Since when the issuer does not list it.
    missing_since: Option<Instant>,
}

/// Keys by id, and when they were last confirmed.
pub(crate) struct Snapshot {
    held: HashMap<Box<str>, Held>,
    /// The number of entries in the last document that cannot be used.
    pub(crate) skipped: usize,
    fetched: Instant,
    /// The same by the wall clock, in milliseconds since 1970.
    pub(crate) fetched_ms: i64,
}

impl Snapshot {
    /// Creates a snapshot of stored keys that were fetched at `at_ms`.
    pub(crate) fn kept(set: KeySet, at_ms: i64, now_ms: i64, now: Instant) -> Self {
        let age = Duration::from_millis(u64::try_from(now_ms.saturating_sub(at_ms)).unwrap_or(0));
        // If the monotonic clock does not reach back so far, the wall clock below still shows the age.
        let fetched = now.checked_sub(age).unwrap_or(now);
        Self { fetched, fetched_ms: at_ms, ..Self::next(None, set, now_ms, now, true) }
    }

    /// Creates the snapshot after a successful fetch. `old` is the one in use, if it is not too old. With
    /// `exactly`, keys that the issuer does not list are dropped at once.
    pub(crate) fn next(old: Option<&Self>, set: KeySet, now_ms: i64, now: Instant, exactly: bool) -> Self {
        let KeySet { keys, unusable, skipped } = set;
        let mut held: HashMap<_, _> =
            keys.into_iter().map(|(kid, key)| (kid, Held { key, missing_since: None })).collect();
        for (kid, before) in old.into_iter().flat_map(|old| &old.held) {
            let since = before.missing_since.unwrap_or(now);
            let gone = exactly || now.saturating_duration_since(since) >= GONE_AFTER;
            // An id that is listed with an unusable key loses its key at once.
            if gone || unusable.contains(kid) || held.contains_key(kid) {
                continue;
            }
            let missing = Held { key: Arc::clone(&before.key), missing_since: Some(since) };
            held.insert(kid.clone(), missing);
        }
        Self { held, skipped, fetched: now, fetched_ms: now_ms }
    }

    /// Returns the key with an id.
    pub(crate) fn find(&self, kid: &str) -> Option<&Key> {
        self.held.get(kid).map(|held| &*held.key)
    }

    /// Returns whether there is no key.
    pub(crate) fn is_empty(&self) -> bool {
        self.held.is_empty()
    }

    /// Returns the ids, in order.
    pub(crate) fn kids(&self) -> Vec<String> {
        let mut kids: Vec<_> = self.held.keys().map(ToString::to_string).collect();
        kids.sort_unstable();
        kids
    }

    /// Returns the time since the last success, by whichever clock shows more: one may be set back, the other
    /// may stop during sleep.
    pub(crate) fn age(&self, now_ms: i64, now: Instant) -> Duration {
        let wall = Duration::from_millis(u64::try_from(now_ms.saturating_sub(self.fetched_ms)).unwrap_or(0));
        now.saturating_duration_since(self.fetched).max(wall)
    }

    /// Returns whether both have the same keys under the same ids.
    pub(crate) fn same_keys(&self, other: &Self) -> bool {
        self.held.len() == other.held.len()
            && self.held.iter().all(|(kid, held)| {
                other.find(kid).is_some_and(|key| key.fingerprint() == held.key.fingerprint())
            })
    }
}
