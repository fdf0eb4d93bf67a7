//! Maskers that are done, kept for the next body: they know its names already.

use std::sync::Mutex;

use crate::mask::json::token::JsonMasker;

/// How many are kept. More bodies than that at once get new ones.
const MOST: usize = 16;

/// Maskers of one plan that wait for a body. What they know of earlier bodies are names and the rules of the plan for them.
#[derive(Debug, Default)]
#[expect(clippy::vec_box, reason = "they are handed over as they stand, not moved in memory")]
pub(in crate::mask) struct SpareMaskers(Mutex<Vec<Box<JsonMasker>>>);

impl SpareMaskers {
    /// One for a body that is one text, or `many`.
    pub(in crate::mask) fn take(&self, many: bool) -> Box<JsonMasker> {
        // Whoever would have to wait for another thread is faster with a new one.
        let spare = self.0.try_lock().ok().and_then(|mut spare| spare.pop());
        match spare {
            Some(mut masker) => {
                masker.set_many(many);
                masker
            }
            None => Box::new(JsonMasker::new(many)),
        }
    }

    /// Keeps one whose body has ended well.
    pub(in crate::mask) fn put(&self, mut masker: Box<JsonMasker>) {
        masker.begin_anew();
        if let Ok(mut spare) = self.0.try_lock()
            && spare.len() < MOST
        {
            spare.push(masker);
        }
    }
}
