//! The cached state of one source.

use std::sync::Arc;
use std::sync::RwLock;
use std::time::Duration;
use std::time::Instant;

use crate::domain::secret::Secret;
use crate::domain::sync::read_lock;
use crate::domain::sync::write_lock;
use crate::secret::error::SecretError;
use crate::secret::file::Stamp;

/// The last result for a source, good or bad.
pub(super) struct Entry {
    last: RwLock<Option<Found>>,
    /// Serializes reads of the source; the others wait for the result.
    pub(super) turn: tokio::sync::Semaphore,
}

/// A result, and until when it is valid without another read.
#[derive(Clone)]
pub(super) struct Found {
    pub(super) result: Result<Arc<Secret>, SecretError>,
    pub(super) stamp: Option<Stamp>,
    good_until: Instant,
}

impl Found {
    pub(super) fn new(
        result: Result<Arc<Secret>, SecretError>,
        stamp: Option<Stamp>,
        good_for: Duration,
    ) -> Self {
        Self { result, stamp, good_until: Instant::now() + good_for }
    }

    /// Extends the validity of unchanged content.
    pub(super) fn seen_again(mut self, good_for: Duration) -> Self {
        self.good_until = Instant::now() + good_for;
        self
    }
}

impl Entry {
    pub(super) fn new() -> Self {
        Self { last: RwLock::new(None), turn: tokio::sync::Semaphore::new(1) }
    }

    /// Returns the result if it is still valid without another read.
    pub(super) fn fresh(&self) -> Option<Result<Arc<Secret>, SecretError>> {
        let last = read_lock(&self.last);
        last.as_ref().filter(|found| Instant::now() < found.good_until).map(|found| found.result.clone())
    }

    /// Returns the last result, even if it is no longer valid.
    pub(super) fn last(&self) -> Option<Found> {
        read_lock(&self.last).clone()
    }

    pub(super) fn keep(&self, found: Option<Found>) {
        *write_lock(&self.last) = found;
    }
}
