//! The pins of one connection, and how list elements change them.

use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::collections::HashMap;

use tokio::sync::watch;

use crate::domain::Pin;
use crate::domain::PinKind;
use crate::domain::PinNote;
use crate::domain::PinVersion;
use crate::domain::text::fold_name;
use crate::protocol::mcp::pin::ListedItem;
use crate::protocol::mcp::pin::Raw;
use crate::protocol::mcp::pin::ToKeep;
use crate::protocol::mcp::pin::Where;
use crate::protocol::mcp::pin::note;
use crate::protocol::mcp::pin::receipt::Writing;

/// The maximum number of pins of one connection. Elements beyond that cannot be checked.
pub const MOST: usize = 10_000;
/// The longest name that is pinned, in bytes: MCP allows 128 for a tool.
pub const LONGEST_NAME: usize = 1024;
/// How many bytes of text are kept for one connection. Beyond that, pins only have their fingerprints.
const MOST_TEXT: usize = 32 << 20;
/// How long the pages of a first list may take to arrive, in milliseconds: otherwise a list without an end
/// would never be complete, and nothing in it would count as new.
pub const FIRST_LIST_MS: i64 = 600_000;
/// How long a change stands that one principal was shown while others are shown the accepted text, in
/// milliseconds.
pub const STEADY_MS: i64 = 3_600_000;

/// The pins of one connection.
#[derive(Default)]
pub struct Book {
    kinds: BTreeMap<PinKind, HashMap<Box<str>, Entry>>,
    count: usize,
    /// The kinds of which a complete list was seen: later elements are new.
    whole: BTreeSet<PinKind>,
    /// When an element of a kind was first seen, in milliseconds since 1970.
    begun: BTreeMap<PinKind, i64>,
    /// The pins that have changed.
    changed: BTreeSet<(PinKind, Box<str>)>,
    /// The size of all texts in bytes.
    text: usize,
    /// Whether it was reported that there are too many.
    full: bool,
    /// How often the server has reported that its list changed.
    lists: u64,
    /// The connection's target when something was last listed.
    target: Box<str>,
    /// The pins to be stored.
    pending: BTreeSet<(PinKind, Box<str>)>,
    /// The entries to add to the audit trail.
    notes: Vec<PinNote>,
    /// The result for the pins that no batch has taken yet.
    writing: Writing,
    /// Whether a batch waits to be taken.
    waits: bool,
    /// Increases when an element begins or ceases to be held back.
    shown: watch::Sender<u64>,
}

/// A pin with its current state.
pub struct Entry {
    /// The pin.
    pub pin: Pin,
    /// The digest of the bytes behind [`Pin::seen`]; `None` if not listed since the gateway started, or
    /// listed in two forms at once.
    pub raw: Option<Raw>,
    /// When a change was last noted in the audit trail.
    pub noted_ms: i64,
    /// The value of [`Book::lists`] when it was last listed.
    listed: Option<u64>,
    /// The principal that was last shown a text that is not accepted, and when.
    otherwise: Option<(Box<str>, i64)>,
    /// The result of storing it; `None` if it came from the store.
    writing: Option<Writing>,
    /// Whether storing it failed before, so that it only counts as stored once that succeeds.
    doubted: bool,
    /// A change that is not in a recording yet.
    unrecorded: Option<ItemChange>,
}

impl Entry {
    const fn new(pin: Pin) -> Self {
        Self {
            pin,
            raw: None,
            noted_ms: i64::MIN,
            listed: None,
            otherwise: None,
            writing: None,
            doubted: false,
            unrecorded: None,
        }
    }

    /// Returns a change that is not in a recording yet, with the pin.
    pub fn unrecorded_change(&self) -> Option<(ItemChange, Pin)> {
        self.unrecorded.map(|change| (change, self.pin.clone()))
    }

    /// Notes that the change to this pin is in a recording.
    pub fn confirm_recorded(&mut self, pin: &Pin) {
        if self.pin.seen().digest == pin.seen().digest {
            self.unrecorded = None;
        }
    }

    /// Returns whether the last attempt to store it failed.
    pub fn failed(&self) -> bool {
        self.writing.as_ref().is_some_and(Writing::has_failed)
    }

    /// Returns whether it counts as not stored.
    pub fn is_unkept(&self) -> bool {
        self.failed() || (self.doubted && self.writing.as_ref().is_some_and(|writing| !writing.is_kept()))
    }

    /// Notes that it is handed to the keeper.
    pub fn written_by(&mut self, writing: &Writing) {
        self.doubted = self.is_unkept();
        self.writing = Some(writing.clone());
    }

    /// Returns whether the server has reverted to the accepted text, given that it now shows it to this
    /// principal: a server that shows different texts to different principals has not.
    fn takes_back(&self, at: Where<'_>) -> bool {
        self.otherwise.as_ref().is_none_or(|(whose, when_ms)| {
            **whose == *at.whose || at.now_ms.saturating_sub(*when_ms) >= STEADY_MS
        })
    }
}

/// How an element compares with its pin.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ItemChange {
    /// It is unchanged.
    Same,
    /// It is the accepted text again.
    Back,
    /// It changed.
    Changed,
    /// It was pinned as first seen.
    First,
    /// It was pinned, after the first list was complete.
    New,
    /// It cannot be pinned.
    TooMany,
    /// It was not parsed because it was known, but the known pin has changed meanwhile.
    Unread,
}

impl Book {
    /// Returns a pin.
    pub fn get(&self, kind: PinKind, name: &str) -> Option<&Entry> {
        self.kinds.get(&kind)?.get(name)
    }

    /// Returns a pin to change.
    pub fn get_mut(&mut self, kind: PinKind, name: &str) -> Option<&mut Entry> {
        self.kinds.get_mut(&kind)?.get_mut(name)
    }

    /// Whether a name is held back that a server may take for this one.
    pub fn holds_back_alike(&self, kind: PinKind, name: &str) -> bool {
        let Some(pins) = self.kinds.get(&kind) else { return false };
        let mut held_back = pins.iter().filter(|(_, entry)| entry.pin.is_held_back()).peekable();
        // Mostly there are none.
        if held_back.peek().is_none() {
            return false;
        }
        let folded = fold_name(name);
        held_back.any(|(held_back, _)| fold_name(held_back) == folded)
    }

    /// Puts in a pin that was kept.
    pub fn restore(&mut self, pin: Pin) {
        self.whole.insert(pin.kind);
        self.put(pin);
    }

    /// Adds a pin that was accepted and is stored.
    pub fn accept(&mut self, pin: Pin) {
        let (kind, name) = (pin.kind, pin.name.clone());
        self.put(pin);
        if let Some(entry) = self.get_mut(kind, &name) {
            (entry.writing, entry.doubted) = (None, false);
            if entry.pin.current.is_none() {
                (entry.otherwise, entry.unrecorded) = (None, None);
            }
        }
    }

    /// Notes that a list of this kind is complete.
    pub fn ends(&mut self, kind: PinKind) {
        self.whole.insert(kind);
    }

    /// Notes that there are too many pins; returns whether this is the first time.
    pub const fn overflows(&mut self) -> bool {
        !std::mem::replace(&mut self.full, true)
    }

    /// Returns whether the server at this place has listed a pin since it last reported a change of its list.
    pub fn is_listed(&self, entry: &Entry, target: &str) -> bool {
        entry.listed == Some(self.lists) && *self.target == *target
    }

    /// Notes where the connection leads. If that has changed, nothing counts as listed.
    pub fn leads_to(&mut self, target: &str) {
        if *self.target != *target {
            self.target = target.into();
            self.forget_lists();
        }
    }

    /// Removes a pin. If the element is listed again, it counts as new.
    pub fn forget(&mut self, kind: PinKind, name: &str) {
        let Some(entry) = self.kinds.get_mut(&kind).and_then(|pins| pins.remove(name)) else { return };
        let key = (kind, name.into());
        self.changed.remove(&key);
        self.pending.remove(&key);
        self.text = self.text.saturating_sub(text(&entry.pin));
        self.count = self.count.saturating_sub(1);
        self.full = false;
        self.whole.insert(kind);
        self.shows_otherwise();
    }

    /// Returns a watch that changes when an element begins or ceases to be held back.
    pub fn watch(&self) -> watch::Receiver<u64> {
        self.shown.subscribe()
    }

    fn shows_otherwise(&self) {
        self.shown.send_modify(|known| *known = known.wrapping_add(1));
    }

    /// Marks a pin to be stored.
    pub fn must_be_kept(&mut self, kind: PinKind, name: &str) {
        let writing = self.writing.clone();
        if let Some(entry) = self.get_mut(kind, name) {
            entry.written_by(&writing);
            self.pending.insert((kind, name.into()));
        }
    }

    /// Adds an entry for the audit trail.
    pub fn notes(&mut self, note: PinNote) {
        note::add(&mut self.notes, note);
    }

    /// Returns whether a batch has to be handed over, which the caller then does: one at a time.
    pub fn hands_over(&mut self) -> bool {
        let some = !self.pending.is_empty() || !self.notes.is_empty();
        let due = some && !self.waits;
        self.waits |= due;
        due
    }

    /// Takes the pins to be stored, as they are now.
    pub fn take_pending(&mut self) -> ToKeep {
        self.waits = false;
        let writing = Writing::default();
        let mut pins = Vec::new();
        for (kind, name) in std::mem::take(&mut self.pending) {
            if let Some(entry) = self.get_mut(kind, &name) {
                entry.written_by(&writing);
                pins.push(entry.pin.clone());
            }
        }
        ToKeep { pins, notes: std::mem::take(&mut self.notes), receipt: writing.receipt() }
    }

    /// Notes that a batch was not taken: its pins are not stored, and wait for the next one.
    pub fn leaves_pending(&mut self) {
        self.waits = false;
        drop(std::mem::take(&mut self.writing).receipt());
    }

    /// Marks all elements as not listed.
    pub const fn forget_lists(&mut self) {
        self.lists = self.lists.wrapping_add(1);
    }

    /// Returns one of the changed pins.
    pub fn changed(&self) -> Option<Pin> {
        let (kind, name) = self.changed.first()?;
        self.get(*kind, name).map(|entry| entry.pin.clone())
    }

    /// Returns whether an element of this kind that appears now is new, since the first list was complete. A
    /// server's greeting is not a list.
    fn is_late(&self, kind: PinKind, now_ms: i64) -> bool {
        let begun = self.begun.get(&kind);
        kind != PinKind::Server
            && (self.whole.contains(&kind)
                || begun.is_some_and(|begun| now_ms.saturating_sub(*begun) >= FIRST_LIST_MS))
    }

    /// Replaces a pin.
    fn put(&mut self, pin: Pin) {
        let (kind, name): (_, Box<str>) = (pin.kind, pin.name.as_str().into());
        let key = (kind, name.clone());
        if pin.current.is_some() {
            self.changed.insert(key);
        } else {
            self.changed.remove(&key);
        }
        self.text += text(&pin);
        let pins = self.kinds.entry(kind).or_default();
        if let Some(entry) = pins.get_mut(&name) {
            self.text = self.text.saturating_sub(text(&entry.pin));
            let otherwise = entry.pin.is_held_back() != pin.is_held_back();
            entry.pin = pin;
            if otherwise {
                self.shows_otherwise();
            }
        } else {
            pins.insert(name, Entry::new(pin));
            self.count += 1;
        }
    }

    /// Compares one list element with its pin. `again`: its name occurred before in the same list.
    pub fn take(&mut self, at: Where<'_>, seen: ListedItem<'_>, again: bool) -> ItemChange {
        let ListedItem { name, raw, version } = seen;
        let version = version.map(|version| self.bounded(version));
        let (lists, kind) = (self.lists, at.kind);
        let Some(entry) = self.get_mut(kind, name) else {
            return self.first(at, name, raw, version);
        };
        // It was known when it was checked; another reply came in between.
        if version.is_none() && entry.raw != Some(raw) {
            entry.listed = None;
            return ItemChange::Unread;
        }
        entry.listed = Some(lists);
        let Some(version) = version else {
            if entry.pin.current.is_some() {
                entry.otherwise = Some((at.whose.into(), at.now_ms));
            }
            return ItemChange::Same;
        };
        let raw = Some(raw).filter(|_| !again);
        let mut pin = entry.pin.clone();
        let change = if version.digest == pin.accepted.digest {
            if pin.current.is_none() {
                entry.raw = raw;
                return ItemChange::Same;
            }
            // One of two equal names being unchanged does not excuse the other.
            if again || !entry.takes_back(at) {
                entry.raw = None;
                return ItemChange::Same;
            }
            (pin.current, pin.changed_ms) = (None, None);
            if entry.unrecorded == Some(ItemChange::Changed) {
                entry.unrecorded = None;
            }
            ItemChange::Back
        } else {
            entry.otherwise = Some((at.whose.into(), at.now_ms));
            if version.digest == pin.seen().digest {
                entry.raw = raw;
                return ItemChange::Same;
            }
            (pin.current, pin.changed_ms) = (Some(version), Some(at.now_ms));
            entry.unrecorded = Some(ItemChange::Changed);
            ItemChange::Changed
        };
        entry.raw = raw;
        self.put(pin);
        change
    }

    /// Pins an element that was never seen before.
    fn first(&mut self, at: Where<'_>, name: &str, raw: Raw, version: Option<PinVersion>) -> ItemChange {
        let Some(version) = version else { return ItemChange::Unread };
        if self.count >= MOST || name.len() > LONGEST_NAME {
            return ItemChange::TooMany;
        }
        let late = self.is_late(at.kind, at.now_ms);
        self.begun.entry(at.kind).or_insert(at.now_ms);
        self.put(Pin {
            connection: at.connection.clone(),
            kind: at.kind,
            name: name.to_owned(),
            accepted: version,
            accepted_ms: at.now_ms,
            accepted_by: None,
            fresh: late,
            current: None,
            changed_ms: None,
        });
        let lists = self.lists;
        let change = if late { ItemChange::New } else { ItemChange::First };
        if let Some(entry) = self.get_mut(at.kind, name) {
            (entry.raw, entry.listed) = (Some(raw), Some(lists));
            entry.unrecorded = Some(change).filter(|_| late || !entry.pin.accepted.flags.is_empty());
        }
        change
    }

    /// Removes the texts of a version if there are too many already.
    fn bounded(&self, mut version: PinVersion) -> PinVersion {
        if self.text + version.text_bytes() > MOST_TEXT {
            for member in &mut version.members {
                member.cut |= !member.text.is_empty();
                member.text.clear();
            }
        }
        version
    }
}

/// Returns the size of a pin's texts in bytes.
fn text(pin: &Pin) -> usize {
    pin.accepted.text_bytes() + pin.current.as_ref().map_or(0, PinVersion::text_bytes)
}
