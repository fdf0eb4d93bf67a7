//! A list of a server while it is compared with the pins of its connection, element by element.

use std::collections::BTreeSet;
use std::collections::HashSet;

use crate::domain::Pin;
use crate::domain::PinKind;
use crate::protocol::mcp::pin::ListDiff;
use crate::protocol::mcp::pin::ListedItem;
use crate::protocol::mcp::pin::Where;
use crate::protocol::mcp::pin::book::Book;
use crate::protocol::mcp::pin::book::Entry;
use crate::protocol::mcp::pin::book::ItemChange;
use crate::protocol::mcp::pin::note;

/// What was found in the elements so far.
#[derive(Default)]
pub struct Comparison<'a> {
    /// The differences.
    pub diff: ListDiff,
    /// Whether there are pins that were not there before.
    pub has_new_pins: bool,
    names: HashSet<&'a str>,
    to_keep: BTreeSet<&'a str>,
    unread: HashSet<&'a str>,
    /// Changes that the audit trail has already, and no recording.
    unrecorded: Vec<(ItemChange, Pin)>,
}

impl<'a> Comparison<'a> {
    /// Compares the next element.
    pub fn add(&mut self, book: &mut Book, at: Where<'_>, item: ListedItem<'a>) {
        let name = item.name;
        let again = !self.names.insert(name);
        let change = book.take(at, item, again);
        match change {
            ItemChange::Unread => {
                self.unread.insert(name);
            }
            ItemChange::TooMany => self.diff.overflows |= book.overflows(),
            ItemChange::Same => {
                self.unrecorded.extend(book.get(at.kind, name).and_then(Entry::unrecorded_change));
            }
            ItemChange::Back => {
                self.to_keep.insert(name);
            }
            ItemChange::Changed | ItemChange::First | ItemChange::New => {
                self.to_keep.insert(name);
                self.has_new_pins |= change != ItemChange::Changed;
                self.diff.first += usize::from(change == ItemChange::First);
                let Some(pin) = book.get(at.kind, name).map(|entry| entry.pin.clone()) else { return };
                if again {
                    self.diff.changed.retain(|known: &Pin| known.name != name);
                }
                self.put(change, pin);
            }
        }
    }

    /// Marks what changed, and what could not be stored before, to be stored.
    pub fn mark_to_be_kept(&mut self, book: &mut Book, at: Where<'_>, names: &[&'a str]) {
        let failed = names.iter().filter(|name| book.get(at.kind, name).is_some_and(Entry::failed));
        self.to_keep.extend(failed);
        for note in note::notes(book, at, &self.diff) {
            book.notes(note);
        }
        for name in &self.to_keep {
            book.must_be_kept(at.kind, name);
        }
    }

    /// Adds the changes that no recording has yet. After [`Self::mark_to_be_kept`]: the audit trail has them.
    pub fn add_unrecorded(&mut self) {
        for (change, pin) in std::mem::take(&mut self.unrecorded) {
            if !self.diff.changed.iter().any(|known| known.name == pin.name) {
                self.put(change, pin);
            }
        }
    }

    /// Returns for each element whether it is held back. Only after the last one: of two elements with the
    /// same name, the second may have changed the state of the first.
    pub fn held_back(&self, book: &Book, kind: PinKind, names: &[&str]) -> Vec<bool> {
        let is_held_back = |name: &str| {
            self.unread.contains(name) || book.get(kind, name).is_none_or(|entry| entry.pin.is_held_back())
        };
        names.iter().map(|name| is_held_back(name)).collect()
    }

    fn put(&mut self, change: ItemChange, pin: Pin) {
        if change == ItemChange::Changed {
            self.diff.changed.push(pin);
            return;
        }
        if !pin.accepted.flags.is_empty() {
            self.diff.flagged.push(pin.clone());
        }
        if change == ItemChange::New {
            self.diff.new.push(pin);
        }
    }
}
