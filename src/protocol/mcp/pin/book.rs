//! The pins of one connection, and what an element of a list does to them.

use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::collections::HashMap;

use tokio::sync::watch;

use crate::domain::Pin;
use crate::domain::PinKind;
use crate::domain::PinNote;
use crate::domain::PinVersion;
use crate::protocol::mcp::pin::Raw;
use crate::protocol::mcp::pin::Seen;
use crate::protocol::mcp::pin::ToKeep;
use crate::protocol::mcp::pin::Where;
use crate::protocol::mcp::pin::note;
use crate::protocol::mcp::pin::receipt::Writing;

/// How many pins one connection has at most. What comes beyond them cannot be checked.
pub const MOST: usize = 10_000;
/// The longest name that is pinned, in bytes: of a tool MCP wants 128 at most.
pub const LONGEST_NAME: usize = 1024;
/// How many bytes of text are kept for one connection. Beyond them pins have their fingerprints only.
const MOST_TEXT: usize = 32 << 20;
/// How long the pages of a first list may take to come, in milliseconds: a list without an end would never be seen as a whole, and
/// nothing in it would be new.
pub const FIRST_LIST_MS: i64 = 600_000;
/// For how long a change stands that one principal was shown while others are shown what was accepted, in milliseconds.
pub const STEADY_MS: i64 = 3_600_000;

/// The pins of one connection.
#[derive(Default)]
pub struct Book {
    kinds: BTreeMap<PinKind, HashMap<Box<str>, Entry>>,
    count: usize,
    /// Of which kinds a whole list was seen: what comes later is new.
    whole: BTreeSet<PinKind>,
    /// When something of a kind was first seen, in milliseconds since 1970.
    begun: BTreeMap<PinKind, i64>,
    /// Those that changed.
    changed: BTreeSet<(PinKind, Box<str>)>,
    /// How many bytes of text there are.
    text: usize,
    /// Whether it was said that there are too many.
    full: bool,
    /// How often the server said that its list has changed.
    lists: u64,
    /// Where the connection led when something was listed last.
    place: Box<str>,
    /// Those that are to be kept.
    pending: BTreeSet<(PinKind, Box<str>)>,
    /// What is to be added to the audit trail.
    notes: Vec<PinNote>,
    /// How it ends with those that no hand-over has taken.
    writing: Writing,
    /// A hand-over waits to be taken.
    waits: bool,
    /// Rises when something begins or ceases to be held back.
    shown: watch::Sender<u64>,
}

/// One pin, and what is known of it besides.
pub struct Entry {
    /// The pin.
    pub pin: Pin,
    /// What the server wrote when it said what is in [`Pin::seen`]; `None`: not since the gateway started, or it was two things at once.
    pub raw: Option<Raw>,
    /// When the audit trail was last told of a change.
    pub noted_ms: i64,
    /// At which of [`Book::lists`] it was listed last.
    listed: Option<u64>,
    /// To whom it was last said what is not accepted, and when.
    otherwise: Option<(Box<str>, i64)>,
    /// How it is kept; `None`: it came from there.
    writing: Option<Writing>,
    /// It could not be kept before, so it counts as kept only when it is.
    doubted: bool,
    /// What it became, until that stands in a recording.
    untold: Option<Became>,
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
            untold: None,
        }
    }

    /// What of it does not stand in a recording.
    pub fn still_to_tell(&self) -> Option<(Became, Pin)> {
        self.untold.map(|became| (became, self.pin.clone()))
    }

    /// What this says stands in a recording.
    pub fn told(&mut self, pin: &Pin) {
        if self.pin.seen().digest == pin.seen().digest {
            self.untold = None;
        }
    }

    /// Whether the last attempt to keep it failed.
    pub fn failed(&self) -> bool {
        self.writing.as_ref().is_some_and(Writing::has_failed)
    }

    /// Whether it counts as not kept.
    pub fn is_unkept(&self) -> bool {
        self.failed() || (self.doubted && self.writing.as_ref().is_some_and(|writing| !writing.is_kept()))
    }

    /// It is handed to the keeper.
    pub fn written_by(&mut self, writing: &Writing) {
        self.doubted = self.is_unkept();
        self.writing = Some(writing.clone());
    }

    /// Whether the server has gone back to what was accepted, if it says so to this principal: one that says one thing to some and
    /// another to others has not.
    fn takes_back(&self, at: Where<'_>) -> bool {
        self.otherwise.as_ref().is_none_or(|(whose, when_ms)| {
            **whose == *at.whose || at.now_ms.saturating_sub(*when_ms) >= STEADY_MS
        })
    }
}

/// What an element became.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Became {
    /// It is what it was.
    Same,
    /// It is again what was accepted.
    Back,
    /// It changed.
    Changed,
    /// It was pinned, as what was seen first.
    First,
    /// It was pinned, and came later than the first list.
    New,
    /// It cannot be pinned.
    TooMany,
    /// What it says was not read, since it was known; but what was known is another thing now.
    Unread,
}

impl Book {
    /// One of them.
    pub fn get(&self, kind: PinKind, name: &str) -> Option<&Entry> {
        self.kinds.get(&kind)?.get(name)
    }

    /// One of them, to change.
    pub fn get_mut(&mut self, kind: PinKind, name: &str) -> Option<&mut Entry> {
        self.kinds.get_mut(&kind)?.get_mut(name)
    }

    /// Puts in a pin that was kept.
    pub fn restore(&mut self, pin: Pin) {
        self.whole.insert(pin.kind);
        self.put(pin);
    }

    /// Puts in a pin that somebody has accepted, and that is kept.
    pub fn accept(&mut self, pin: Pin) {
        let (kind, name) = (pin.kind, pin.name.clone());
        self.put(pin);
        if let Some(entry) = self.get_mut(kind, &name) {
            (entry.writing, entry.doubted) = (None, false);
            if entry.pin.current.is_none() {
                (entry.otherwise, entry.untold) = (None, None);
            }
        }
    }

    /// A list of this kind was seen to its end.
    pub fn ends(&mut self, kind: PinKind) {
        self.whole.insert(kind);
    }

    /// Whether it is only now that there are too many.
    pub const fn overflows(&mut self) -> bool {
        !std::mem::replace(&mut self.full, true)
    }

    /// Whether a pin was listed by the server at this place, and since it last said that its list has changed.
    pub fn is_listed(&self, entry: &Entry, place: &str) -> bool {
        entry.listed == Some(self.lists) && *self.place == *place
    }

    /// Something comes from this place. Where the connection led elsewhere before, nothing counts as listed any more.
    pub fn leads_to(&mut self, place: &str) {
        if *self.place != *place {
            self.place = place.into();
            self.forget_lists();
        }
    }

    /// Takes a pin away. What comes again of it came after the first list.
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

    /// A watch on what begins or ceases to be held back.
    pub fn watch(&self) -> watch::Receiver<u64> {
        self.shown.subscribe()
    }

    fn shows_otherwise(&self) {
        self.shown.send_modify(|known| *known = known.wrapping_add(1));
    }

    /// A pin must be kept.
    pub fn must_be_kept(&mut self, kind: PinKind, name: &str) {
        let writing = self.writing.clone();
        if let Some(entry) = self.get_mut(kind, name) {
            entry.written_by(&writing);
            self.pending.insert((kind, name.into()));
        }
    }

    /// The audit trail must say this.
    pub fn notes(&mut self, note: PinNote) {
        note::add(&mut self.notes, note);
    }

    /// Whether what is to be kept must be handed over, which the caller does then: one hand-over at a time.
    pub fn hands_over(&mut self) -> bool {
        let some = !self.pending.is_empty() || !self.notes.is_empty();
        let due = some && !self.waits;
        self.waits |= due;
        due
    }

    /// What is to be kept, as it is now.
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

    /// A hand-over was not taken: what was to be kept is not, and waits for the next one.
    pub fn leaves_pending(&mut self) {
        self.waits = false;
        drop(std::mem::take(&mut self.writing).receipt());
    }

    /// Nothing counts as listed any more.
    pub const fn forget_lists(&mut self) {
        self.lists = self.lists.wrapping_add(1);
    }

    /// One that changed.
    pub fn changed(&self) -> Option<Pin> {
        let (kind, name) = self.changed.first()?;
        self.get(*kind, name).map(|entry| entry.pin.clone())
    }

    /// Whether what comes now of this kind came after its first list. What a server says of itself is no list.
    fn is_late(&self, kind: PinKind, now_ms: i64) -> bool {
        let begun = self.begun.get(&kind);
        kind != PinKind::Server
            && (self.whole.contains(&kind)
                || begun.is_some_and(|begun| now_ms.saturating_sub(*begun) >= FIRST_LIST_MS))
    }

    /// Puts a pin in place of what there was of it.
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

    /// One element of a list; `again`: its name came before in the same list.
    pub fn take(&mut self, at: Where<'_>, seen: Seen<'_>, again: bool) -> Became {
        let Seen { name, raw, version } = seen;
        let version = version.map(|version| self.bounded(version));
        let (lists, kind) = (self.lists, at.kind);
        let Some(entry) = self.get_mut(kind, name) else {
            return self.first(at, name, raw, version);
        };
        // It was known when it was looked at; another reply came between.
        if version.is_none() && entry.raw != Some(raw) {
            entry.listed = None;
            return Became::Unread;
        }
        entry.listed = Some(lists);
        let Some(version) = version else {
            if entry.pin.current.is_some() {
                entry.otherwise = Some((at.whose.into(), at.now_ms));
            }
            return Became::Same;
        };
        let raw = Some(raw).filter(|_| !again);
        let mut pin = entry.pin.clone();
        let became = if version.digest == pin.accepted.digest {
            if pin.current.is_none() {
                entry.raw = raw;
                return Became::Same;
            }
            // One of two that is as it was does not excuse the other.
            if again || !entry.takes_back(at) {
                entry.raw = None;
                return Became::Same;
            }
            (pin.current, pin.changed_ms) = (None, None);
            if entry.untold == Some(Became::Changed) {
                entry.untold = None;
            }
            Became::Back
        } else {
            entry.otherwise = Some((at.whose.into(), at.now_ms));
            if version.digest == pin.seen().digest {
                entry.raw = raw;
                return Became::Same;
            }
            (pin.current, pin.changed_ms) = (Some(version), Some(at.now_ms));
            entry.untold = Some(Became::Changed);
            Became::Changed
        };
        entry.raw = raw;
        self.put(pin);
        became
    }

    /// What was never seen before.
    fn first(&mut self, at: Where<'_>, name: &str, raw: Raw, version: Option<PinVersion>) -> Became {
        let Some(version) = version else { return Became::Unread };
        if self.count >= MOST || name.len() > LONGEST_NAME {
            return Became::TooMany;
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
        let became = if late { Became::New } else { Became::First };
        if let Some(entry) = self.get_mut(at.kind, name) {
            (entry.raw, entry.listed) = (Some(raw), Some(lists));
            entry.untold = Some(became).filter(|_| late || !entry.pin.accepted.flags.is_empty());
        }
        became
    }

    /// Without its texts, where there are too many already.
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

/// How many bytes of text a pin has.
fn text(pin: &Pin) -> usize {
    pin.accepted.text_bytes() + pin.current.as_ref().map_or(0, PinVersion::text_bytes)
}
