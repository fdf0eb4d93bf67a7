//! Counts of masked values, without the values.

use crate::domain::MaskNote;
use crate::domain::text::beginning;

/// Maximum number of distinct places; later ones are counted together.
const MOST: usize = 64;

/// Maximum length of the name of a place in bytes.
const LONGEST: usize = 64;

/// Number of masked values, by detector (or `field`) and place.
#[derive(Debug, Clone, Default)]
pub struct Notes {
    entries: Vec<MaskNote>,
    /// The index at which the next one is expected: records repeat.
    next: usize,
}

impl Notes {
    /// Returns no notes.
    pub fn new() -> Self {
        Self::default()
    }

    /// Returns whether nothing was masked.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Returns total number of masked values.
    pub fn total(&self) -> u64 {
        self.entries.iter().map(|note| note.n).sum()
    }

    /// Returns the notes so far.
    pub fn as_slice(&self) -> &[MaskNote] {
        &self.entries
    }

    /// Takes the notes so far, leaving none.
    pub fn take(&mut self) -> Vec<MaskNote> {
        std::mem::take(&mut self.entries)
    }

    /// Adds the notes of another part of the same message.
    pub fn merge(&mut self, other: &Self) {
        for note in &other.entries {
            self.count(&note.entity, &note.at, note.n);
        }
    }

    /// Counts a value that was masked by the name of its field. `at` is the field.
    pub fn masked(&mut self, at: &str) {
        self.add("field", at);
    }

    /// Counts a value that was withheld since it could not be masked. `at` is the place.
    pub fn withheld(&mut self, at: &str) {
        self.add("withheld", at);
    }

    pub(super) fn add(&mut self, entity: &str, at: &str) {
        self.count(entity, at, 1);
    }

    pub(super) fn count(&mut self, entity: &str, at: &str, n: u64) {
        let mut at = beginning(at, LONGEST);
        if self.bump(entity, at, n) {
            return;
        }
        if self.entries.len() >= MOST {
            at = "…";
            if self.bump(entity, at, n) {
                return;
            }
        }
        self.entries.push(MaskNote { entity: entity.to_owned(), at: at.to_owned(), n });
    }

    fn bump(&mut self, entity: &str, at: &str, n: u64) -> bool {
        let is = |note: &MaskNote| note.at == at && note.entity == entity;
        let expected = if self.entries.get(self.next).is_some_and(is) { Some(self.next) } else { None };
        let Some(place) = expected.or_else(|| self.entries.iter().position(is)) else { return false };
        self.next = if place + 1 < self.entries.len() { place + 1 } else { 0 };
        if let Some(note) = self.entries.get_mut(place) {
            note.n = note.n.saturating_add(n);
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_target_with_endless_names_cannot_grow_the_notes() {
        let mut notes = Notes::new();
        for place in 0..10_000 {
            notes.add("field", &format!("{place}{}", "x".repeat(200)));
        }
        assert!(notes.as_slice().len() <= MOST + 1);
        assert_eq!(notes.total(), 10_000);
        assert!(notes.as_slice().iter().all(|note| note.at.len() <= LONGEST));
        assert_eq!(notes.take().len(), MOST + 1);
        assert!(notes.is_empty());
    }
}
