//! Whether a batch of pins is stored. One that is neither stored nor failed counts as stored, unless it
//! failed before.

use std::sync::Arc;
use std::sync::atomic::AtomicU8;
use std::sync::atomic::Ordering;

const UNDERWAY: u8 = 0;
const KEPT: u8 = 1;
const FAILED: u8 = 2;

/// The result of one batch, for those that wait for it.
#[derive(Debug, Clone, Default)]
pub struct Writing(Arc<AtomicU8>);

/// The keeper's report about a batch. Dropping it reports that the pins are not stored.
#[derive(Debug)]
pub struct PinReceipt(Arc<AtomicU8>);

impl Writing {
    /// Returns the receipt for the keeper.
    pub fn receipt(&self) -> PinReceipt {
        PinReceipt(Arc::clone(&self.0))
    }

    /// Returns whether the batch is stored.
    pub fn is_kept(&self) -> bool {
        self.0.load(Ordering::Acquire) == KEPT
    }

    /// Returns whether storing it failed.
    pub fn has_failed(&self) -> bool {
        self.0.load(Ordering::Acquire) == FAILED
    }
}

impl PinReceipt {
    /// Reports that the pins are durably stored.
    pub fn kept(self) {
        self.0.store(KEPT, Ordering::Release);
    }
}

impl Drop for PinReceipt {
    fn drop(&mut self) {
        // A stored batch stays stored; only this receipt writes here.
        let _before = self.0.compare_exchange(UNDERWAY, FAILED, Ordering::AcqRel, Ordering::Acquire);
    }
}
