//! Pins of what servers offer, shared by all threads: the current texts of a server, compared with the
//! accepted ones. No I/O: pins are handed to a [`PinKeeper`] to be stored, and looked up in memory.

mod batch;
mod book;
pub mod check;
mod comparison;
mod fingerprint;
mod note;
mod receipt;
#[cfg(test)]
mod tests;
mod watch;

use std::collections::HashMap;
use std::collections::HashSet;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::MutexGuard;

use crate::domain::ConnectionName;
use crate::domain::Pin;
use crate::domain::PinKind;
use crate::domain::PinVersion;
use crate::domain::sync::lock;
use crate::protocol::mcp::pin::book::Book;
use crate::protocol::mcp::pin::book::Entry;
use crate::protocol::mcp::pin::comparison::Comparison;

pub use batch::PinBatch;
pub use batch::ToKeep;
pub use receipt::PinReceipt;

/// SHA-256 of an element as it was written: if it is unchanged, the element need not be parsed.
pub type Raw = [u8; 32];

/// Stores pins across restarts.
pub trait PinKeeper: Send + Sync {
    /// Stores pins and adds notes to the audit trail, soon and without blocking. The keeper takes a batch
    /// when it stores it, one after the other, and reports the result by its receipt: pins that could not be
    /// stored are handed over again with the next list, and held back until then. At most one batch of each
    /// connection waits to be taken.
    fn keep(&self, batch: PinBatch);
}

/// The pins of all connections. Cheap to clone.
#[derive(Clone, Default)]
pub struct Pins(Arc<Shared>);

#[derive(Default)]
struct Shared {
    keeper: Option<Arc<dyn PinKeeper>>,
    all: Mutex<HashMap<ConnectionName, Book>>,
}

/// Where and when a list was received.
#[derive(Debug, Clone, Copy)]
pub struct Where<'a> {
    /// The connection.
    pub connection: &'a ConnectionName,
    /// The connection's name and target.
    pub target: &'a str,
    /// The kind of list.
    pub kind: PinKind,
    /// The principal that requested it.
    pub whose: &'a str,
    /// When, in milliseconds since 1970.
    pub now_ms: i64,
}

/// One element of a list.
#[derive(Debug)]
pub struct ListedItem<'a> {
    /// Its name.
    pub name: &'a str,
    /// The digest of its bytes.
    pub raw: Raw,
    /// Its version, if its bytes have changed ([`Pins::unknown`]).
    pub version: Option<PinVersion>,
}

/// The result of comparing a list with its pins.
#[derive(Debug, Default)]
pub struct ListDiff {
    /// For each element whether it is held back (unless changes are only observed).
    pub held_back: Vec<bool>,
    /// How many were pinned as first seen.
    pub first: usize,
    /// The elements that appeared after the first list.
    pub new: Vec<Pin>,
    /// The changed elements.
    pub changed: Vec<Pin>,
    /// The new elements with flags.
    pub flagged: Vec<Pin>,
    /// Whether there are now too many to pin, for the first time.
    pub overflows: bool,
}

/// The state of an item that a client wants to use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// It was listed as accepted.
    Fine,
    /// It is held back.
    HeldBack,
    /// Its first version could not be stored, so a change after a restart would not be noticed.
    Unkept,
    /// It was not listed since the gateway started, or since the server reported a change of its list.
    Unlisted,
}

impl std::fmt::Debug for Pins {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Pins").finish_non_exhaustive()
    }
}

impl Pins {
    /// Creates pins from the stored ones; `keeper` stores new ones.
    pub fn new(kept: Vec<Pin>, keeper: Arc<dyn PinKeeper>) -> Self {
        let mut all: HashMap<ConnectionName, Book> = HashMap::new();
        for pin in kept {
            all.entry(pin.connection.clone()).or_default().restore(pin);
        }
        Self(Arc::new(Shared { keeper: Some(keeper), all: Mutex::new(all) }))
    }

    fn all(&self) -> MutexGuard<'_, HashMap<ConnectionName, Book>> {
        lock(&self.0.all)
    }

    /// Returns for each element whether it must be parsed: its bytes have changed, or it shares its name with
    /// another.
    pub fn unknown(&self, connection: &ConnectionName, kind: PinKind, seen: &[ListedItem<'_>]) -> Vec<bool> {
        let mut names = HashSet::new();
        let twice: HashSet<&str> =
            seen.iter().map(|seen| seen.name).filter(|name| !names.insert(*name)).collect();
        let all = self.all();
        let book = all.get(connection);
        let known = |seen: &ListedItem<'_>| {
            !twice.contains(seen.name)
                && book
                    .and_then(|book| book.get(kind, seen.name))
                    .is_some_and(|entry| entry.raw == Some(seen.raw))
        };
        seen.iter().map(|seen| !known(seen)).collect()
    }

    /// Compares a list, or a page of one, with its pins; `whole`: this is the end of the list. The caller has
    /// to record the result and confirm that with [`Self::confirm_recorded`]: until then it is returned again
    /// with each list.
    pub fn compare_list(&self, at: Where<'_>, items: Vec<ListedItem<'_>>, whole: bool) -> ListDiff {
        let names: Vec<&str> = items.iter().map(|item| item.name).collect();
        let mut all = self.all();
        let book = all.entry(at.connection.clone()).or_default();
        book.leads_to(at.target);
        let mut comparison = Comparison::default();
        for item in items {
            comparison.add(book, at, item);
        }
        if whole && !names.is_empty() {
            book.ends(at.kind);
        }
        if self.0.keeper.is_some() {
            comparison.mark_to_be_kept(book, at, &names);
        }
        comparison.add_unrecorded();
        let held_back = comparison.held_back(book, at.kind, &names);
        drop(all);
        // New pins are stored at once, as their number is bounded. Changes wait for [`Self::flush`].
        if comparison.has_new_pins {
            self.flush_of(at.connection);
        }
        let unkept = self.unkept(at, &names);
        let held_back = held_back.into_iter().zip(unkept).map(|(held_back, unkept)| held_back || unkept);
        ListDiff { held_back: held_back.collect(), ..comparison.diff }
    }

    /// Returns for each element whether its pin counts as not stored.
    fn unkept(&self, at: Where<'_>, names: &[&str]) -> Vec<bool> {
        let all = self.all();
        let book = all.get(at.connection);
        let entry = |name: &str| book.and_then(|book| book.get(at.kind, name));
        names.iter().map(|name| entry(name).is_none_or(Entry::is_unkept)).collect()
    }

    /// Notes that the result of a list is recorded.
    pub fn confirm_recorded(&self, at: Where<'_>, diff: &ListDiff) {
        let mut all = self.all();
        let Some(book) = all.get_mut(at.connection) else { return };
        for pin in diff.changed.iter().chain(&diff.new).chain(&diff.flagged) {
            if let Some(entry) = book.get_mut(at.kind, &pin.name) {
                entry.confirm_recorded(pin);
            }
        }
    }

    /// Returns the state of an item that a client wants to use, on a connection that leads to `target`.
    pub fn standing(&self, connection: &ConnectionName, target: &str, kind: PinKind, name: &str) -> Standing {
        let all = self.all();
        let Some(book) = all.get(connection) else { return Standing::Unlisted };
        match book.get(kind, name) {
            Some(entry) if entry.pin.is_held_back() => Standing::HeldBack,
            Some(entry) if entry.is_unkept() => Standing::Unkept,
            Some(entry) if book.is_listed(entry, target) => Standing::Fine,
            // A server that lists a name of its own tells it from others.
            _ if book.holds_back_alike(kind, name) => Standing::HeldBack,
            _ => Standing::Unlisted,
        }
    }

    /// Notes that a server has reported a change of its tools: they are unknown until they are listed again.
    pub fn list_changed(&self, connection: &ConnectionName) {
        if let Some(book) = self.all().get_mut(connection) {
            book.forget_lists();
        }
    }

    /// Returns a changed pin, if there is one.
    pub fn changed(&self, connection: &ConnectionName) -> Option<Pin> {
        self.all().get(connection)?.changed()
    }

    /// Applies pins that were accepted in the store.
    pub fn accepted(&self, pins: Vec<Pin>, now_ms: i64) {
        let mut all = self.all();
        for mut pin in pins {
            let book = all.entry(pin.connection.clone()).or_default();
            // The current version is known best here: it may have changed again in the meantime.
            let seen = book.get(pin.kind, &pin.name).map(|entry| entry.pin.seen().clone());
            let again = seen.filter(|seen| seen.digest != pin.accepted.digest);
            pin.changed_ms = again.is_some().then_some(now_ms);
            pin.current = again;
            let (kind, name) = (pin.kind, pin.name.clone());
            book.accept(pin);
            // Always: changes from a list may have been stored after the acceptance.
            if self.0.keeper.is_some() {
                book.must_be_kept(kind, &name);
            }
        }
    }

    /// Removes pins that are no longer stored: if their elements are listed again, they count as new.
    pub fn forgotten(&self, pins: &[Pin]) {
        let mut all = self.all();
        for pin in pins {
            if let Some(book) = all.get_mut(&pin.connection) {
                book.forget(pin.kind, &pin.name);
            }
        }
    }
}
