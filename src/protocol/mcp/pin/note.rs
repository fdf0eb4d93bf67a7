//! Audit trail entries about the pins in a list.

use crate::domain::Pin;
use crate::domain::PinNote;
use crate::protocol::mcp::pin::ListDiff;
use crate::protocol::mcp::pin::Where;
use crate::protocol::mcp::pin::book::Book;

/// How often changes of one pin are noted in the audit trail, in milliseconds: a server may send another text
/// each time.
pub const NOTE_EVERY_MS: i64 = 60_000;
/// How many pins of one list are noted individually. More are noted as a count.
pub const MOST_NOTES: usize = 20;
/// How many notes of one connection wait at most. Further ones are added to the last one of the same kind.
const MOST_WAITING: usize = 200;

/// Adds a note to the waiting ones.
pub fn add(waiting: &mut Vec<PinNote>, note: PinNote) {
    let alike = |known: &&mut PinNote| known.action == note.action && known.kind == note.kind;
    if waiting.len() >= MOST_WAITING
        && let Some(known) = waiting.iter_mut().rev().find(alike)
    {
        known.count = known.count.saturating_add(note.count);
        known.members.clear();
        return;
    }
    waiting.push(note);
}

/// Returns the notes about a list.
pub fn notes(book: &mut Book, at: Where<'_>, diff: &ListDiff) -> Vec<PinNote> {
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
    if diff.first > 0 {
        notes.push(note("pin.first", &[], diff.first, Vec::new()));
    }
    if !diff.new.is_empty() {
        let new: Vec<&Pin> = diff.new.iter().collect();
        notes.push(note("pin.new", &new, new.len(), Vec::new()));
    }
    let mut due: Vec<&Pin> = Vec::new();
    for pin in &diff.changed {
        let Some(entry) = book.get_mut(at.kind, &pin.name) else { continue };
        if at.now_ms.saturating_sub(entry.noted_ms) >= NOTE_EVERY_MS {
            entry.noted_ms = at.now_ms;
            due.push(pin);
        }
    }
    let changes = |pin: &Pin| pin.changes().into_iter().map(|change| change.member).collect();
    notes.extend(each("pin.change", &due, &changes));
    let flagged: Vec<&Pin> = diff.flagged.iter().collect();
    let flags = |pin: &Pin| pin.accepted.flags.iter().map(|flag| flag.member.clone()).collect();
    notes.extend(each("pin.flag", &flagged, &flags));
    notes
}
