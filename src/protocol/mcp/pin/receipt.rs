//! Whether pins that were handed to their keeper are kept. What is neither kept nor refused yet counts as kept, unless it was refused
//! before.

use std::sync::Arc;
use std::sync::atomic::AtomicU8;
use std::sync::atomic::Ordering;

const UNDERWAY: u8 = 0;
const KEPT: u8 = 1;
const FAILED: u8 = 2;

/// One hand-over of pins to their keeper, as those see it that wait for it.
#[derive(Debug, Clone, Default)]
pub struct Writing(Arc<AtomicU8>);

/// What a keeper says of pins that it was given. Dropped without a word it says that they are not kept.
#[derive(Debug)]
pub struct PinReceipt(Arc<AtomicU8>);

impl Writing {
    /// What goes to the keeper.
    pub fn receipt(&self) -> PinReceipt {
        PinReceipt(Arc::clone(&self.0))
    }

    /// Whether it is kept.
    pub fn is_kept(&self) -> bool {
        self.0.load(Ordering::Acquire) == KEPT
    }

    /// Whether it could not be kept.
    pub fn has_failed(&self) -> bool {
        self.0.load(Ordering::Acquire) == FAILED
    }
}

impl PinReceipt {
    /// They are kept, whatever happens to the process.
    pub fn kept(self) {
        self.0.store(KEPT, Ordering::Release);
    }
}

impl Drop for PinReceipt {
    fn drop(&mut self) {
        // Kept stays kept; nobody but this one writes here.
        let _before = self.0.compare_exchange(UNDERWAY, FAILED, Ordering::AcqRel, Ordering::Acquire);
    }
}
