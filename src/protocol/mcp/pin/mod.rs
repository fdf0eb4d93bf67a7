//! Pins of what servers offer, for all threads: what a server says now, held against what was accepted of it. No I/O: what is kept is
//! handed to a [`PinKeeper`], and looked up in memory.

mod batch;
mod book;
pub mod check;
mod fingerprint;
mod note;
mod receipt;
#[cfg(test)]
mod tests;
mod watch;

use std::collections::BTreeSet;
use std::collections::HashMap;
use std::collections::HashSet;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::MutexGuard;
use std::sync::PoisonError;

use crate::domain::ConnectionName;
use crate::domain::Pin;
use crate::domain::PinKind;
use crate::domain::PinVersion;
use crate::protocol::mcp::pin::book::Became;
use crate::protocol::mcp::pin::book::Book;
use crate::protocol::mcp::pin::book::Entry;

pub use batch::PinBatch;
pub use batch::ToKeep;
pub use receipt::PinReceipt;

/// SHA-256 of an element just as it was written: the same bytes need no second look.
pub type Raw = [u8; 32];

/// Keeps pins over a restart.
pub trait PinKeeper: Send + Sync {
    /// Keeps pins and adds notes to the audit trail, some time soon. Never waits. What is to be kept is taken only when it is kept, and
    /// one after the other. The receipt in it says how it ended: pins that cannot be kept come again with the next list, and are held
    /// back meanwhile. Of each connection one batch at most waits to be taken.
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

/// Where and when something came.
#[derive(Debug, Clone, Copy)]
pub struct Where<'a> {
    /// The connection.
    pub connection: &'a ConnectionName,
    /// The connection and where it leads.
    pub place: &'a str,
    /// What was listed.
    pub kind: PinKind,
    /// The principal to whom it was said.
    pub whose: &'a str,
    /// When, in milliseconds since 1970.
    pub now_ms: i64,
}

/// One element of a list, as it came.
#[derive(Debug)]
pub struct Seen<'a> {
    /// Its name.
    pub name: &'a str,
    /// Its bytes.
    pub raw: Raw,
    /// What it says, where its bytes are not the last ones ([`Pins::unknown`]).
    pub version: Option<PinVersion>,
}

/// What a list has brought.
#[derive(Debug, Default)]
pub struct Brought {
    /// For each element whether it is held back where changes are not only observed.
    pub held_back: Vec<bool>,
    /// How many were pinned as what was seen first.
    pub first: usize,
    /// What came after its list was first seen.
    pub new: Vec<Pin>,
    /// What is not what it was.
    pub changed: Vec<Pin>,
    /// What came first or new, with something to look at.
    pub flagged: Vec<Pin>,
    /// Whether there are now, for the first time, too many to pin.
    pub overflows: bool,
}

/// How what is to be used stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// It was listed as it was accepted.
    Fine,
    /// It is held back.
    HeldBack,
    /// What was first seen of it could not be kept: after a restart a change of it would not be noticed.
    Unkept,
    /// It was not listed since the gateway started, or since the server said that its list has changed.
    Unlisted,
}

impl std::fmt::Debug for Pins {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Pins").finish_non_exhaustive()
    }
}

impl Pins {
    /// The pins that were kept, and what keeps those that come.
    pub fn new(kept: Vec<Pin>, keeper: Arc<dyn PinKeeper>) -> Self {
        let mut all: HashMap<ConnectionName, Book> = HashMap::new();
        for pin in kept {
            all.entry(pin.connection.clone()).or_default().restore(pin);
        }
        Self(Arc::new(Shared { keeper: Some(keeper), all: Mutex::new(all) }))
    }

    fn all(&self) -> MutexGuard<'_, HashMap<ConnectionName, Book>> {
        self.0.all.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Of which elements it must be read what they say: of those that were not written just like this the last time, and of those that
    /// share their name with another.
    pub fn unknown(&self, connection: &ConnectionName, kind: PinKind, seen: &[Seen<'_>]) -> Vec<bool> {
        let mut names = HashSet::new();
        let twice: HashSet<&str> =
            seen.iter().map(|seen| seen.name).filter(|name| !names.insert(*name)).collect();
        let all = self.all();
        let book = all.get(connection);
        let known = |seen: &Seen<'_>| {
            !twice.contains(seen.name)
                && book
                    .and_then(|book| book.get(kind, seen.name))
                    .is_some_and(|entry| entry.raw == Some(seen.raw))
        };
        seen.iter().map(|seen| !known(seen)).collect()
    }

    /// Takes over a list, or a page of one; `whole`: it ends here. What it has brought is to be told, and then said to be
    /// ([`Self::told`]): until then it comes with each list.
    pub fn saw(&self, at: Where<'_>, seen: Vec<Seen<'_>>, whole: bool) -> Brought {
        let kind = at.kind;
        let mut all = self.all();
        let book = all.entry(at.connection.clone()).or_default();
        book.leads_to(at.place);
        let mut brought = Brought::default();
        let mut names: Vec<&str> = Vec::with_capacity(seen.len());
        let mut done: HashSet<&str> = HashSet::new();
        let mut keep: BTreeSet<&str> = BTreeSet::new();
        let mut unread: HashSet<&str> = HashSet::new();
        let mut untold: Vec<(Became, Pin)> = Vec::new();
        let mut urgent = false;
        for seen in seen {
            let name = seen.name;
            names.push(name);
            let again = !done.insert(name);
            let became = book.take(at, seen, again);
            match became {
                Became::Unread => {
                    unread.insert(name);
                }
                Became::TooMany => brought.overflows |= book.overflows(),
                Became::Same => untold.extend(book.get(kind, name).and_then(Entry::still_to_tell)),
                Became::Back => {
                    keep.insert(name);
                }
                Became::Changed | Became::First | Became::New => {
                    keep.insert(name);
                    urgent |= became != Became::Changed;
                    brought.first += usize::from(became == Became::First);
                    let Some(pin) = book.get(kind, name).map(|entry| entry.pin.clone()) else { continue };
                    if again {
                        brought.changed.retain(|known: &Pin| known.name != name);
                    }
                    brought.add(became, pin);
                }
            }
        }
        if whole && !names.is_empty() {
            book.ends(kind);
        }
        if self.0.keeper.is_some() {
            keep.extend(names.iter().filter(|name| book.get(kind, name).is_some_and(Entry::failed)));
            for note in note::notes(book, at, &brought) {
                book.notes(note);
            }
            for name in keep {
                book.must_be_kept(kind, name);
            }
        }
        // What the audit trail knows already.
        for (became, pin) in untold {
            if !brought.changed.iter().any(|known| known.name == pin.name) {
                brought.add(became, pin);
            }
        }
        // Only now: of two elements of one name the second may have changed what holds for the first.
        let held_back: Vec<bool> = names
            .iter()
            .map(|name| {
                unread.contains(name) || book.get(kind, name).is_none_or(|entry| entry.pin.is_held_back())
            })
            .collect();
        drop(all);
        // What is first seen is kept at once: how many there are is bounded. Changes wait for [`Self::flush`].
        if urgent {
            self.flush_of(at.connection);
        }
        let all = self.all();
        let unkept = |name: &str| {
            all.get(at.connection).and_then(|book| book.get(kind, name)).is_none_or(Entry::is_unkept)
        };
        brought.held_back =
            held_back.into_iter().zip(names).map(|(held_back, name)| held_back || unkept(name)).collect();
        brought
    }

    /// What a list has brought stands in the recording.
    pub fn told(&self, at: Where<'_>, brought: &Brought) {
        let mut all = self.all();
        let Some(book) = all.get_mut(at.connection) else { return };
        for pin in brought.changed.iter().chain(&brought.new).chain(&brought.flagged) {
            if let Some(entry) = book.get_mut(at.kind, &pin.name) {
                entry.told(pin);
            }
        }
    }

    /// How something stands that a client wants to use of a connection that leads to this place.
    pub fn standing(&self, connection: &ConnectionName, place: &str, kind: PinKind, name: &str) -> Standing {
        let all = self.all();
        let Some(book) = all.get(connection) else { return Standing::Unlisted };
        match book.get(kind, name) {
            Some(entry) if entry.pin.is_held_back() => Standing::HeldBack,
            Some(entry) if entry.is_unkept() => Standing::Unkept,
            Some(entry) if book.is_listed(entry, place) => Standing::Fine,
            _ => Standing::Unlisted,
        }
    }

    /// A server says that its list of tools has changed: what it says of them now is not known until they are listed again.
    pub fn list_changed(&self, connection: &ConnectionName) {
        if let Some(book) = self.all().get_mut(connection) {
            book.forget_lists();
        }
    }

    /// A pin that changed, if there is one.
    pub fn changed(&self, connection: &ConnectionName) -> Option<Pin> {
        self.all().get(connection)?.changed()
    }

    /// Takes over pins that somebody has accepted in the store.
    pub fn accepted(&self, pins: Vec<Pin>, now_ms: i64) {
        let mut all = self.all();
        for mut pin in pins {
            let book = all.entry(pin.connection.clone()).or_default();
            // What the server says is known best here: it may have changed again since.
            let seen = book.get(pin.kind, &pin.name).map(|entry| entry.pin.seen().clone());
            let again = seen.filter(|seen| seen.digest != pin.accepted.digest);
            pin.changed_ms = again.is_some().then_some(now_ms);
            pin.current = again;
            let (kind, name) = (pin.kind, pin.name.clone());
            book.accept(pin);
            // Always: what a list brought may have been written behind the acceptance.
            if self.0.keeper.is_some() {
                book.must_be_kept(kind, &name);
            }
        }
    }

    /// Forgets pins that are no longer kept: what is listed again of them is new.
    pub fn forgotten(&self, pins: &[Pin]) {
        let mut all = self.all();
        for pin in pins {
            if let Some(book) = all.get_mut(&pin.connection) {
                book.forget(pin.kind, &pin.name);
            }
        }
    }
}

impl Brought {
    fn add(&mut self, became: Became, pin: Pin) {
        if became == Became::Changed {
            self.changed.push(pin);
            return;
        }
        if !pin.accepted.flags.is_empty() {
            self.flagged.push(pin.clone());
        }
        if became == Became::New {
            self.new.push(pin);
        }
    }
}
