//! The keys of one issuer as they are used: one immutable snapshot, and how the next one follows from it.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use crate::identity::jwk::Key;
use crate::identity::jwk::KeySet;

/// A key that is gone from the provider is dropped when a second successful fetch, at least this much later, lacks it.
const GONE_AFTER: Duration = Duration::from_mins(1);

struct Held {
    key: Arc<Key>,
    /// Since when the provider does not list it.
    missing_since: Option<Instant>,
}

/// Keys by id, and when they were last known to be right.
pub(crate) struct Snapshot {
    held: HashMap<Box<str>, Held>,
    /// Entries of the last document that cannot be used.
    pub(crate) skipped: usize,
    fetched: Instant,
    /// The same by the wall clock, in milliseconds since 1970.
    pub(crate) fetched_ms: i64,
}

impl Snapshot {
    /// Keys that were fetched at `at_ms` and kept since.
    pub(crate) fn kept(set: KeySet, at_ms: i64, now_ms: i64, now: Instant) -> Self {
        let age = Duration::from_millis(u64::try_from(now_ms.saturating_sub(at_ms)).unwrap_or(0));
        // Where the monotonic clock does not reach back so far, the wall clock below still tells the age.
        let fetched = now.checked_sub(age).unwrap_or(now);
        Self { fetched, fetched_ms: at_ms, ..Self::next(None, set, now_ms, now, true) }
    }

    /// What follows from a successful fetch. `old` is what is in use and not too old. With `exactly`, what the provider
    /// does not list is dropped at once.
    pub(crate) fn next(old: Option<&Self>, set: KeySet, now_ms: i64, now: Instant, exactly: bool) -> Self {
        let KeySet { keys, unusable, skipped } = set;
        let mut held: HashMap<_, _> =
            keys.into_iter().map(|(kid, key)| (kid, Held { key, missing_since: None })).collect();
        for (kid, before) in old.into_iter().flat_map(|old| &old.held) {
            let since = before.missing_since.unwrap_or(now);
            let gone = exactly || now.saturating_duration_since(since) >= GONE_AFTER;
            // An id that is listed, but with a key that cannot be used, has lost its key now.
            if gone || unusable.contains(kid) || held.contains_key(kid) {
                continue;
            }
            let missing = Held { key: Arc::clone(&before.key), missing_since: Some(since) };
            held.insert(kid.clone(), missing);
        }
        Self { held, skipped, fetched: now, fetched_ms: now_ms }
    }

    /// The key of an id.
    pub(crate) fn find(&self, kid: &str) -> Option<&Key> {
        self.held.get(kid).map(|held| &*held.key)
    }

    /// Whether there is no key.
    pub(crate) fn is_empty(&self) -> bool {
        self.held.is_empty()
    }

    /// The ids, in order.
    pub(crate) fn kids(&self) -> Vec<String> {
        let mut kids: Vec<_> = self.held.keys().map(ToString::to_string).collect();
        kids.sort_unstable();
        kids
    }

    /// Time since the last success, by whichever clock says more: one may be set back, the other may stand in sleep.
    pub(crate) fn age(&self, now_ms: i64, now: Instant) -> Duration {
        let wall = Duration::from_millis(u64::try_from(now_ms.saturating_sub(self.fetched_ms)).unwrap_or(0));
        now.saturating_duration_since(self.fetched).max(wall)
    }

    /// Whether both hold the same keys under the same ids.
    pub(crate) fn same_keys(&self, other: &Self) -> bool {
        self.held.len() == other.held.len()
            && self.held.iter().all(|(kid, held)| {
                other.find(kid).is_some_and(|key| key.fingerprint() == held.key.fingerprint())
            })
    }
}
