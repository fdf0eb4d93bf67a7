//! The generation of the keys, which shows whether a cached verification is still current.

use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering;

/// A number that increases with each change of any key set. Numbers are never reused in a process, so that a
/// verification by issuers before a reload does not pass for one by those after it.
pub(crate) struct Generation(AtomicU64);

impl Generation {
    /// Creates a generation with a number that was not used before.
    pub(crate) fn new() -> Self {
        Self(AtomicU64::new(Self::unused()))
    }

    fn unused() -> u64 {
        static NEXT: AtomicU64 = AtomicU64::new(1);
        NEXT.fetch_add(1, Ordering::Relaxed)
    }

    /// Returns the current number.
    pub(crate) fn now(&self) -> u64 {
        self.0.load(Ordering::Acquire)
    }

    /// Makes all earlier verifications outdated.
    pub(crate) fn rise(&self) {
        self.0.fetch_max(Self::unused(), Ordering::AcqRel);
    }
}
