//! A cache of judgements: clients send the same texts again and again.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use super::alike::Alike;
use super::{Judgement, Lexing};

/// The longest text that is kept, in bytes.
pub const MAX_TEXT: usize = 16 * 1024;

/// The bounds of a cache.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// The bytes of texts and judgements, approximately.
    pub bytes: usize,
    /// The number of judgements.
    pub entries: usize,
}

/// 16 MiB, 10,000 judgements.
impl Default for Limits {
    fn default() -> Self {
        Self { bytes: 16 * 1024 * 1024, entries: 10_000 }
    }
}

/// A bounded cache of judgements, by the exact bytes of a text and the lexing rules, or for all texts that
/// are [`Alike`].
///
/// It has two generations of half the size each. An entry that is used moves to the young one; when that is
/// full it becomes the old one, and entries that were not used in the meantime are dropped. Each step takes
/// the same time.
#[derive(Debug)]
pub(super) struct Cache {
    limits: Limits,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    young: Generation,
    old: Generation,
}

#[derive(Debug, Default)]
struct Generation {
    standard: HashMap<Box<[u8]>, Arc<Judgement>, ahash::RandomState>,
    escaping: HashMap<Box<[u8]>, Arc<Judgement>, ahash::RandomState>,
    alike: HashMap<Box<[u8]>, Arc<Judgement>, ahash::RandomState>,
    bytes: usize,
}

/// What a key stands for.
#[derive(Debug, Clone, Copy)]
enum Side {
    /// One text under these lexing rules.
    Exact(Lexing),
    /// All texts that are alike.
    Alike,
}

impl Generation {
    fn side(&mut self, side: Side) -> &mut HashMap<Box<[u8]>, Arc<Judgement>, ahash::RandomState> {
        match side {
            Side::Exact(Lexing { standard_conforming_strings: true }) => &mut self.standard,
            Side::Exact(Lexing { standard_conforming_strings: false }) => &mut self.escaping,
            Side::Alike => &mut self.alike,
        }
    }

    fn entries(&self) -> usize {
        self.standard.len().saturating_add(self.escaping.len()).saturating_add(self.alike.len())
    }
}

impl Cache {
    pub(super) fn new(limits: Limits) -> Self {
        Self { limits, state: Mutex::default() }
    }

    /// Returns the judgement of a text, if it is kept.
    pub(super) fn find(&self, sql: &[u8], lexing: Lexing) -> Option<Arc<Judgement>> {
        self.find_in(Side::Exact(lexing), sql)
    }

    /// Returns the judgement of all texts that are alike, if it is kept.
    pub(super) fn find_alike(&self, alike: &Alike) -> Option<Arc<Judgement>> {
        self.find_in(Side::Alike, alike.as_bytes())
    }

    fn find_in(&self, side: Side, key: &[u8]) -> Option<Arc<Judgement>> {
        if key.len() > MAX_TEXT {
            return None;
        }
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(found) = state.young.side(side).get(key) {
            return Some(Arc::clone(found));
        }
        let (text, found) = state.old.side(side).remove_entry(key)?;
        state.old.bytes = state.old.bytes.saturating_sub(weight(&text, &found));
        self.insert(&mut state, side, text, Arc::clone(&found));
        Some(found)
    }

    /// Keeps a judgement, if neither text nor judgement is too large.
    pub(super) fn keep(&self, sql: &[u8], lexing: Lexing, judgement: &Arc<Judgement>) {
        self.keep_in(Side::Exact(lexing), sql, judgement);
    }

    /// Keeps a judgement for all texts that are alike. The caller has checked that it [holds for all of
    /// them](super::alike::is_of_all).
    pub(super) fn keep_alike(&self, alike: &Alike, judgement: &Arc<Judgement>) {
        self.keep_in(Side::Alike, alike.as_bytes(), judgement);
    }

    fn keep_in(&self, side: Side, key: &[u8], judgement: &Arc<Judgement>) {
        if key.len() <= MAX_TEXT && weight(key, judgement) <= self.limits.bytes / 2 {
            let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
            self.insert(&mut state, side, key.into(), Arc::clone(judgement));
        }
    }

    fn insert(&self, state: &mut State, side: Side, text: Box<[u8]>, judgement: Arc<Judgement>) {
        let added = weight(&text, &judgement);
        let full = state.young.bytes.saturating_add(added) > self.limits.bytes / 2
            || state.young.entries() >= self.limits.entries / 2;
        if full {
            state.old = std::mem::take(&mut state.young);
        }
        if self.limits.entries < 2 {
            return;
        }
        if state.young.side(side).insert(text, judgement).is_none() {
            state.young.bytes = state.young.bytes.saturating_add(added);
        }
    }
}

fn weight(text: &[u8], judgement: &Judgement) -> usize {
    /// The bytes that the map itself needs for an entry.
    const ENTRY: usize = 64;
    text.len().saturating_add(judgement.weight()).saturating_add(ENTRY)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::postgres::judge::Unread;

    fn judgement() -> Arc<Judgement> {
        Arc::new(Judgement::Unread(Unread::Failed))
    }

    #[test]
    fn the_way_of_reading_is_part_of_the_key() {
        let cache = Cache::new(Limits::default());
        let off = Lexing { standard_conforming_strings: false };
        cache.keep(b"SELECT 1", Lexing::default(), &judgement());
        assert!(cache.find(b"SELECT 1", Lexing::default()).is_some());
        assert!(cache.find(b"SELECT 1", off).is_none());
        assert!(cache.find(b"select 1", Lexing::default()).is_none());
    }

    #[test]
    fn it_stays_bounded_and_keeps_what_is_asked_for() {
        let limits = Limits { bytes: 100_000, entries: 100 };
        let cache = Cache::new(limits);
        cache.keep(b"often", Lexing::default(), &judgement());
        for number in 0..10_000 {
            cache.keep(format!("SELECT {number}").as_bytes(), Lexing::default(), &judgement());
            assert!(cache.find(b"often", Lexing::default()).is_some(), "{number}");
            let state = cache.state.lock().unwrap();
            assert!(state.young.entries() + state.old.entries() <= limits.entries, "{number}");
            assert!(state.young.bytes + state.old.bytes <= limits.bytes, "{number}");
        }
        assert!(cache.find(b"SELECT 0", Lexing::default()).is_none());
    }

    #[test]
    fn long_texts_are_not_kept() {
        let cache = Cache::new(Limits::default());
        let long = vec![b' '; MAX_TEXT + 1];
        cache.keep(&long, Lexing::default(), &judgement());
        assert!(cache.find(&long, Lexing::default()).is_none());
    }
}
