//! A pool of used maskers, which already know the names of their plan's bodies.

use std::sync::Mutex;

use crate::mask::json::token::JsonMasker;

/// Maximum pool size. More bodies at once get new maskers.
const MOST: usize = 16;

/// Idle maskers of one plan. Of earlier bodies they keep only names and the plan's rules for them.
#[derive(Debug, Default)]
#[expect(clippy::vec_box, reason = "they are handed over as they stand, not moved in memory")]
pub(in crate::mask) struct SpareMaskers(Mutex<Vec<Box<JsonMasker>>>);

impl SpareMaskers {
    /// Takes one for a body that is one text, or `many`.
    pub(in crate::mask) fn take(&self, many: bool) -> Box<JsonMasker> {
        // A new one is faster than waiting for another thread.
        let spare = self.0.try_lock().ok().and_then(|mut spare| spare.pop());
        match spare {
            Some(mut masker) => {
                masker.set_many(many);
                masker
            }
            None => Box::new(JsonMasker::new(many)),
        }
    }

    /// Returns one whose body ended without an error.
    pub(in crate::mask) fn put(&self, mut masker: Box<JsonMasker>) {
        masker.begin_anew();
        if let Ok(mut spare) = self.0.try_lock()
            && spare.len() < MOST
        {
            spare.push(masker);
        }
    }
}
