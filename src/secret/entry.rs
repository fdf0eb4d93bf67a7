//! One source as the vault remembers it.

use std::sync::Arc;
use std::sync::PoisonError;
use std::sync::RwLock;
use std::time::Duration;
use std::time::Instant;

use crate::domain::secret::Secret;
use crate::secret::error::SecretError;
use crate::secret::file::Stamp;

/// What was last found at a source, good or bad.
pub(super) struct Entry {
    last: RwLock<Option<Found>>,
    /// One look at the source at a time; the others wait for its result.
    pub(super) turn: tokio::sync::Semaphore,
}

/// A result and until when it is good without another look.
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

    /// The same content, seen again just now.
    pub(super) fn seen_again(mut self, good_for: Duration) -> Self {
        self.good_until = Instant::now() + good_for;
        self
    }
}

impl Entry {
    pub(super) fn new() -> Self {
        Self { last: RwLock::new(None), turn: tokio::sync::Semaphore::new(1) }
    }

    /// What was found, if that is still good without another look.
    pub(super) fn fresh(&self) -> Option<Result<Arc<Secret>, SecretError>> {
        let last = self.last.read().unwrap_or_else(PoisonError::into_inner);
        last.as_ref().filter(|found| Instant::now() < found.good_until).map(|found| found.result.clone())
    }

    /// What was found last, good or too old.
    pub(super) fn last(&self) -> Option<Found> {
        self.last.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(super) fn keep(&self, found: Option<Found>) {
        *self.last.write().unwrap_or_else(PoisonError::into_inner) = found;
    }
}
