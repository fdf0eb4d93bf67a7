//! A cache of names: the records of a body have the same ones, in the same order.

use crate::mask::field::FieldNames;

/// Names with known results. A name that was predicted costs no more than a comparison.
#[derive(Debug)]
pub(super) struct SeenNames {
    slots: Vec<Seen>,
    /// The slot of the last name, if it is in one, and of the predicted name.
    last: usize,
    last_is_kept: bool,
    foreseen: usize,
    /// The slot of the first name of a body.
    first: usize,
    /// The slots with hits.
    hit: Vec<usize>,
}

/// No slot: there is no previous name.
const NONE: usize = usize::MAX;

/// One name and its result. The name is stored inline, so that a new one needs no allocation.
#[derive(Debug, Clone, Copy, Default)]
struct Seen {
    /// The quoted name followed by a colon, and the mask of its significant bits.
    written: [u8; Seen::ROOM],
    counts: [u8; Seen::ROOM],
    size: usize,
    rule: Option<u16>,
    /// The slot of the name that followed last time.
    next: usize,
    /// Number of masked values since hits were last noted.
    hits: u64,
}

impl Seen {
    const ROOM: usize = 32;

    fn name(&self) -> &[u8] {
        self.written.get(1..self.size.saturating_sub(2)).unwrap_or_default()
    }

    /// Replaces the name in this slot; `None`: the name is too long.
    fn keep(&mut self, name: &[u8], rule: Option<u16>) -> Option<()> {
        let size = name.len() + 3;
        let mut written = [0; Self::ROOM];
        let (quote, rest) = written.get_mut(..size)?.split_first_mut()?;
        let (room, colon) = rest.split_at_mut(name.len());
        *quote = b'"';
        room.copy_from_slice(name);
        colon.copy_from_slice(b"\":");
        let mut counts = [0; Self::ROOM];
        counts.get_mut(..size)?.fill(0xff);
        *self = Self { written, counts, size, rule, next: self.next, hits: 0 };
        Some(())
    }
}

/// Returns the bytes as two numbers, which are compared at once.
#[inline]
fn words(bytes: &[u8; Seen::ROOM]) -> (u128, u128) {
    let word = |half: Option<&[u8; 16]>| half.map_or(0, |half| u128::from_le_bytes(*half));
    (word(bytes.first_chunk()), word(bytes.last_chunk()))
}

/// Returns the first of the four slots that a name may have.
fn slot_of(name: &[u8]) -> usize {
    let word = match (name.first_chunk(), name.last_chunk()) {
        (Some(first), Some(last)) => u64::from_le_bytes(*first) ^ u64::from_le_bytes(*last).rotate_left(29),
        _ => name.iter().fold(0, |word, byte| (word << 8) | u64::from(*byte)),
    };
    usize::try_from(word.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 58).unwrap_or(0)
}

impl Default for SeenNames {
    fn default() -> Self {
        Self { slots: Vec::new(), last: NONE, last_is_kept: false, foreseen: 0, first: 0, hit: Vec::new() }
    }
}

impl SeenNames {
    const SLOTS: usize = 64;

    /// If a text begins with the predicted name and its colon: their size, and the rule that masks the value.
    #[inline]
    pub(super) fn foreseen(&mut self, text: &[u8]) -> Option<(usize, Option<u16>)> {
        let seen = self.slots.get(self.foreseen)?;
        let (text, written, counts) = (words(text.first_chunk()?), words(&seen.written), words(&seen.counts));
        let differs = ((text.0 ^ written.0) & counts.0) | ((text.1 ^ written.1) & counts.1);
        if differs != 0 || seen.size == 0 {
            return None;
        }
        (self.last, self.last_is_kept, self.foreseen) = (self.foreseen, true, seen.next);
        Some((seen.size, seen.rule))
    }

    /// Finds the rule like [`FieldNames::find`], for the next name, which must be in the body without
    /// escapes.
    pub(super) fn find(&mut self, fields: &FieldNames, name: &[u8]) -> Option<u16> {
        self.last_is_kept = false;
        if name.is_empty() || name.len() + 3 > Seen::ROOM {
            return fields.find(name);
        }
        if self.slots.is_empty() {
            self.slots.resize(Self::SLOTS, Seen::default());
        }
        // A name has four possible slots, so that names with the same one do not evict each other all the
        // time.
        let one = slot_of(name) % Self::SLOTS;
        let known = self.find_slot(one, name);
        let slot = known.or_else(|| self.find_slot(one, b"")).unwrap_or(one);
        match self.slots.get_mut(self.last) {
            Some(before) => before.next = slot,
            None => self.first = slot,
        }
        let Some(seen) = self.slots.get_mut(slot) else { return fields.find(name) };
        if known.is_none() {
            let rule = fields.find(name);
            // A slot with counted hits is kept, so that they are not lost.
            if seen.hits > 0 || seen.keep(name, rule).is_none() {
                return rule;
            }
        }
        (self.last, self.last_is_kept, self.foreseen) = (slot, true, seen.next);
        seen.rule
    }

    /// Returns the slot of a name, one of four; for an empty name, a free one.
    fn find_slot(&self, one: usize, name: &[u8]) -> Option<usize> {
        [one, one ^ 1, one ^ 2, one ^ 3]
            .into_iter()
            .find(|&slot| self.slots.get(slot).is_some_and(|seen| seen.name() == name))
    }

    /// Prepares for another body, which mostly has the same names. All counted hits have been noted.
    pub(super) fn begin_anew(&mut self) {
        (self.last, self.last_is_kept, self.foreseen) = (NONE, false, self.first);
    }

    /// Forgets the last name, which is not in a slot or must not be predicted.
    pub(super) fn forget(&mut self) {
        self.last_is_kept = false;
    }

    /// Counts a masked value of the last name; `false`: it must be noted at once.
    #[inline]
    pub(super) fn count(&mut self) -> bool {
        let Some(seen) = self.slots.get_mut(self.last).filter(|_| self.last_is_kept) else { return false };
        seen.hits += 1;
        if seen.hits == 1 {
            self.hit.push(self.last);
        }
        seen.hits > 1
    }

    /// Passes each name with counted hits that are not noted yet to `note`, with their number.
    pub(super) fn settle(&mut self, mut note: impl FnMut(&[u8], u64)) {
        for slot in self.hit.drain(..) {
            let Some(seen) = self.slots.get_mut(slot) else { continue };
            let hits = std::mem::take(&mut seen.hits) - 1;
            if hits > 0 {
                note(seen.name(), hits);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    #[test]
    fn each_of_many_names_has_its_own_answer_and_count() {
        let (mut fields, mut seen) = (FieldNames::default(), SeenNames::default());
        assert!(fields.add("*7", 3));
        let names: Vec<String> = (0..300).map(|number| format!("name {number}")).collect();
        let mut noted = BTreeMap::new();
        for round in 0..4 {
            for name in &names {
                let rule = name.ends_with('7').then_some(3);
                assert_eq!(seen.find(&fields, name.as_bytes()), rule, "{name}");
                for _ in 0..2 {
                    if rule.is_some() && !seen.count() {
                        *noted.entry(name.clone()).or_insert(0) += 1;
                    }
                }
            }
            if round == 2 {
                seen.settle(|name, hits| {
                    *noted.entry(String::from_utf8(name.to_vec()).unwrap()).or_insert(0) += hits;
                });
            }
        }
        seen.settle(|name, hits| {
            *noted.entry(String::from_utf8(name.to_vec()).unwrap()).or_insert(0) += hits;
        });
        assert_eq!(noted.len(), 30);
        assert!(noted.values().all(|hits| *hits == 8), "{noted:?}");
    }

    #[test]
    fn a_name_is_foreseen_only_as_it_stood() {
        let (mut fields, mut seen) = (FieldNames::default(), SeenNames::default());
        assert!(fields.add("ssn", 1));
        let room = " ".repeat(Seen::ROOM);
        for _ in 0..2 {
            assert_eq!(seen.find(&fields, b"id"), None);
            assert_eq!(seen.find(&fields, b"ssn"), Some(1));
        }
        assert_eq!(seen.foreseen(format!("\"id\":{room}").as_bytes()), Some((5, None)));
        for other in ["\"ssN\":", "\"ssn\" :", "\"ssn1\":", "\"id\":", "\"s\\u0073n\":"] {
            assert_eq!(seen.foreseen(format!("{other}{room}").as_bytes()), None, "{other}");
        }
        assert_eq!(seen.foreseen(b"\"ssn\":"), None);
        assert_eq!(seen.foreseen(format!("\"ssn\":{room}").as_bytes()), Some((6, Some(1))));
    }
}
