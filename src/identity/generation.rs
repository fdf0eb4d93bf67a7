//! The number by which a cached verification is known to be of the keys in use.

use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering;

/// A number that rises with each change of any key set. Numbers are never used twice in a process, so that what was
/// verified by issuers before a reload is not taken for verified by those after it.
pub(crate) struct Generation(AtomicU64);

impl Generation {
    /// A number that was not used before.
    pub(crate) fn new() -> Self {
        Self(AtomicU64::new(Self::unused()))
    }

    fn unused() -> u64 {
        static NEXT: AtomicU64 = AtomicU64::new(1);
        NEXT.fetch_add(1, Ordering::Relaxed)
    }

    /// The number as it is.
    pub(crate) fn now(&self) -> u64 {
        self.0.load(Ordering::Acquire)
    }

    /// Makes every verification so far one of the past.
    pub(crate) fn rise(&self) {
        self.0.fetch_max(Self::unused(), Ordering::AcqRel);
    }
}
