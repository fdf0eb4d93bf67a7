//! The names that came before: the records of a body have the same ones, in the same order.

use crate::mask::field::FieldNames;

/// Names whose answers are known. One that comes where it is foreseen costs no more than a comparison.
#[derive(Debug, Default)]
pub(super) struct SeenNames {
    slots: Vec<Seen>,
    /// The slot of the name that came last, if it is in one, and of the name that is foreseen.
    last: usize,
    last_is_kept: bool,
    foreseen: usize,
    /// The slots with hits.
    hit: Vec<usize>,
}

/// One name and its answer. The name stands in its place, so that a new one costs no memory of its own.
#[derive(Debug, Clone, Copy, Default)]
struct Seen {
    /// The name in its quotes, with a colon behind, and which bits of that count.
    written: Words,
    counts: Words,
    size: usize,
    rule: Option<u16>,
    /// The slot of the name that came next, the last time.
    next: usize,
    /// How many of its values were masked since the last were noted.
    hits: u64,
}

/// Bytes as two numbers, which are compared at once.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Words(u128, u128);

impl Words {
    const ROOM: usize = 32;

    #[inline]
    fn of(bytes: &[u8; Self::ROOM]) -> Self {
        let half = |half: Option<&[u8; 16]>| half.map_or(0, |half| u128::from_le_bytes(*half));
        Self(half(bytes.first_chunk()), half(bytes.last_chunk()))
    }

    /// A name in its quotes, with a colon behind; `None`: it is too long.
    fn of_name(name: &[u8]) -> Option<Self> {
        let mut room = [0; Self::ROOM];
        let (quote, rest) = room.split_first_mut()?;
        *quote = b'"';
        rest.get_mut(..name.len())?.copy_from_slice(name);
        rest.get_mut(name.len()..name.len() + 2)?.copy_from_slice(b"\":");
        Some(Self::of(&room))
    }

    /// All bits of the first `size` bytes.
    fn first(size: usize) -> Self {
        let mut room = [0; Self::ROOM];
        room.iter_mut().take(size).for_each(|byte| *byte = 0xff);
        Self::of(&room)
    }
}

impl SeenNames {
    const SLOTS: usize = 64;

    /// If a text begins with the name that is foreseen, and its colon: their size, and the rule that masks the value.
    #[inline]
    pub(super) fn foreseen(&mut self, text: &[u8]) -> Option<(usize, Option<u16>)> {
        let seen = self.slots.get(self.foreseen)?;
        let Words(low, high) = Words::of(text.first_chunk()?);
        let differs = ((low ^ seen.written.0) & seen.counts.0) | ((high ^ seen.written.1) & seen.counts.1);
        if differs != 0 || seen.size == 0 {
            return None;
        }
        (self.last, self.last_is_kept, self.foreseen) = (self.foreseen, true, seen.next);
        Some((seen.size, seen.rule))
    }

    /// As [`FieldNames::find`], for the name that comes next.
    pub(super) fn find(&mut self, fields: &FieldNames, name: &[u8]) -> Option<u16> {
        self.last_is_kept = false;
        let Some(written) = Words::of_name(name) else { return fields.find(name) };
        if self.slots.is_empty() {
            self.slots.resize(Self::SLOTS, Seen::default());
        }
        let mix =
            (written.0 ^ written.1.rotate_left(64)).wrapping_mul(0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835);
        // A name has two places, so that two names that want the same one do not push each other out all the time.
        let one = usize::try_from(mix >> 122).unwrap_or(0) % Self::SLOTS;
        let places = [one, one ^ 1];
        let holds = |slot: usize, wanted| self.slots.get(slot).is_some_and(|seen| seen.written == wanted);
        let find = |wanted| places.into_iter().find(|&slot| holds(slot, wanted));
        let known = find(written);
        let slot = known.or_else(|| find(Words::default())).unwrap_or(one);
        // What is counted is not lost: its name stays.
        if known.is_none() && self.slots.get(slot).is_none_or(|seen| seen.hits > 0) {
            return fields.find(name);
        }
        if let Some(before) = self.slots.get_mut(self.last) {
            before.next = slot;
        }
        (self.last, self.last_is_kept) = (slot, true);
        let Some(seen) = self.slots.get_mut(slot) else { return fields.find(name) };
        if known.is_none() {
            let (size, rule) = (name.len() + 3, fields.find(name));
            *seen = Seen { written, counts: Words::first(size), size, rule, next: seen.next, hits: 0 };
        }
        self.foreseen = seen.next;
        seen.rule
    }

    /// The name that came last is none of those kept, or must not be told.
    pub(super) fn forget(&mut self) {
        self.last_is_kept = false;
    }

    /// Counts one masked value of the name that came last; `false`: it must be noted at once.
    #[inline]
    pub(super) fn count(&mut self) -> bool {
        let Some(seen) = self.slots.get_mut(self.last).filter(|_| self.last_is_kept) else { return false };
        seen.hits += 1;
        if seen.hits == 1 {
            self.hit.push(self.last);
        }
        seen.hits > 1
    }

    /// Gives each name with masked values that are counted but not noted, and how many there are.
    pub(super) fn settle(&mut self, mut note: impl FnMut(&[u8], u64)) {
        for slot in self.hit.drain(..) {
            let Some(seen) = self.slots.get_mut(slot) else { continue };
            let hits = std::mem::take(&mut seen.hits) - 1;
            if hits > 0 {
                let Words(low, high) = seen.written;
                let written = [low.to_le_bytes(), high.to_le_bytes()];
                note(written.as_flattened().get(1..seen.size - 2).unwrap_or_default(), hits);
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
        let room = " ".repeat(Words::ROOM);
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
