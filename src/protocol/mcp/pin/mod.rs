//! Pins of what servers offer, for all threads: what a server says now, held against what was accepted of it. No I/O: what is kept is
//! handed to a [`PinKeeper`], and looked up in memory.

mod book;
pub mod check;
mod fingerprint;
mod receipt;
#[cfg(test)]
mod tests;

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
use crate::domain::PinNote;
use crate::domain::PinVersion;
use crate::protocol::mcp::pin::book::Became;
use crate::protocol::mcp::pin::book::Book;
use crate::protocol::mcp::pin::book::Entry;
use crate::protocol::mcp::pin::receipt::Writing;

pub use receipt::PinReceipt;

/// How often the audit trail tells of changes of one pin, in milliseconds: a server may give another text each time.
const NOTE_EVERY_MS: i64 = 60_000;
/// How many pins of one list the audit trail tells of one by one. More are told of as so many.
const MOST_NOTES: usize = 20;

/// SHA-256 of an element just as it was written: the same bytes need no second look.
pub type Raw = [u8; 32];

/// Keeps pins over a restart.
pub trait PinKeeper: Send + Sync {
    /// Keeps pins and adds notes to the audit trail, some time soon and in the order of the calls. Never waits. The receipt says how it
    /// ended: pins that cannot be kept come again with the next list, and are held back meanwhile.
    fn keep(&self, pins: Vec<Pin>, notes: Vec<PinNote>, receipt: PinReceipt);
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

    /// Takes over a list, or a page of one; `whole`: it ends here.
    pub fn saw(&self, at: Where<'_>, seen: Vec<Seen<'_>>, whole: bool) -> Brought {
        let kind = at.kind;
        let mut all = self.all();
        let book = all.entry(at.connection.clone()).or_default();
        let mut brought = Brought::default();
        let mut names: Vec<&str> = Vec::with_capacity(seen.len());
        let mut done: HashSet<&str> = HashSet::new();
        let mut keep: BTreeSet<&str> = BTreeSet::new();
        for seen in seen {
            let name = seen.name;
            names.push(name);
            let again = !done.insert(name);
            let became = book.take(at, seen, again);
            match became {
                Became::Same => {}
                Became::Back => {
                    keep.insert(name);
                }
                Became::Changed | Became::First | Became::New => {
                    keep.insert(name);
                    let Some(pin) = book.get(kind, name).map(|entry| entry.pin.clone()) else { continue };
                    if became == Became::Changed {
                        brought.changed.retain(|known: &Pin| known.name != name);
                        brought.changed.push(pin);
                        continue;
                    }
                    if !pin.accepted.flags.is_empty() {
                        brought.flagged.push(pin.clone());
                    }
                    if became == Became::New {
                        brought.new.push(pin);
                    } else {
                        brought.first += 1;
                    }
                }
                Became::TooMany => brought.overflows |= book.overflows(),
            }
        }
        if whole && !names.is_empty() {
            book.ends(kind);
        }
        self.keep(book, at, &names, keep, &brought);
        // Only now: of two elements of one name the second may have changed what holds for the first.
        brought.held_back = names
            .iter()
            .map(|name| {
                book.get(kind, name).is_none_or(|entry| entry.pin.is_held_back() || entry.is_unkept())
            })
            .collect();
        brought
    }

    /// Hands on what is to be kept. Under the lock, so that what comes later is kept later.
    fn keep<'a>(
        &self,
        book: &mut Book,
        at: Where<'_>,
        names: &[&'a str],
        mut keep: BTreeSet<&'a str>,
        brought: &Brought,
    ) {
        let Some(keeper) = &self.0.keeper else { return };
        keep.extend(names.iter().filter(|name| book.get(at.kind, name).is_some_and(Entry::failed)));
        if keep.is_empty() {
            return;
        }
        let notes = notes(book, at, brought);
        let pins: Vec<Pin> =
            keep.iter().filter_map(|name| book.get(at.kind, name)).map(|entry| entry.pin.clone()).collect();
        let writing = Writing::default();
        for name in keep {
            if let Some(entry) = book.get_mut(at.kind, name) {
                entry.written_by(&writing);
            }
        }
        keeper.keep(pins, notes, writing.receipt());
    }

    /// How something stands that a client wants to use.
    pub fn standing(&self, connection: &ConnectionName, kind: PinKind, name: &str) -> Standing {
        let all = self.all();
        let Some(book) = all.get(connection) else { return Standing::Unlisted };
        match book.get(kind, name) {
            Some(entry) if entry.pin.is_held_back() => Standing::HeldBack,
            Some(entry) if entry.is_unkept() => Standing::Unkept,
            Some(entry) if book.is_listed(entry) => Standing::Fine,
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
            let (kind, name, differs) = (pin.kind, pin.name.clone(), pin.current.is_some());
            book.accept(pin.clone());
            if differs
                && let Some(keeper) = &self.0.keeper
                && let Some(entry) = book.get_mut(kind, &name)
            {
                let writing = Writing::default();
                entry.written_by(&writing);
                keeper.keep(vec![pin], Vec::new(), writing.receipt());
            }
        }
    }
}

/// What the audit trail says of what a list has brought.
fn notes(book: &mut Book, at: Where<'_>, brought: &Brought) -> Vec<PinNote> {
    let note = |action: &'static str, pins: &[&Pin], count: usize, members: Vec<String>| {
        let first = pins.first();
        PinNote {
            connection: at.connection.clone(),
            action,
            kind: at.kind,
            count,
            name: first.map(|pin| pin.name.clone()).unwrap_or_default(),
            members,
            digest: first.map(|pin| pin.seen().digest.clone()).unwrap_or_default(),
        }
    };
    let each = |action, pins: &[&Pin], members: &dyn Fn(&Pin) -> Vec<String>| match pins.len() {
        ..=MOST_NOTES => pins.iter().map(|pin| note(action, &[*pin], 1, members(pin))).collect(),
        many => vec![note(action, pins, many, Vec::new())],
    };
    let mut notes = Vec::new();
    if brought.first > 0 {
        notes.push(note("pin.first", &[], brought.first, Vec::new()));
    }
    if !brought.new.is_empty() {
        let new: Vec<&Pin> = brought.new.iter().collect();
        notes.push(note("pin.new", &new, new.len(), Vec::new()));
    }
    let mut due: Vec<&Pin> = Vec::new();
    for pin in &brought.changed {
        let Some(entry) = book.get_mut(at.kind, &pin.name) else { continue };
        if at.now_ms.saturating_sub(entry.noted_ms) >= NOTE_EVERY_MS {
            entry.noted_ms = at.now_ms;
            due.push(pin);
        }
    }
    let changes = |pin: &Pin| pin.changes().into_iter().map(|change| change.member).collect();
    notes.extend(each("pin.change", &due, &changes));
    let flagged: Vec<&Pin> = brought.flagged.iter().collect();
    let flags = |pin: &Pin| pin.accepted.flags.iter().map(|flag| flag.member.clone()).collect();
    notes.extend(each("pin.flag", &flagged, &flags));
    notes
}
