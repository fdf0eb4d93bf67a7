//! What stands before the writer: the file written ahead, and the events that the database does not have yet.

use std::sync::Mutex;
use std::sync::MutexGuard;
use std::sync::PoisonError;
use std::time::Instant;

use crate::domain::event::Event;
use crate::domain::event::EventKind;
use crate::recording::ahead::Ahead;
use crate::recording::ahead::Position;
use crate::recording::error::RecordError;
use crate::recording::prune::Pruning;
use crate::recording::roster::Roster;

/// Events gather before the database gets them, unless so many bytes of them are there.
pub(crate) const GATHER_BYTES: usize = 1 << 20;

/// How safe an event is before its append resolves.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Durability {
    /// It survives the death of the process.
    Written,
    /// It survives the loss of power.
    Synced,
}

/// What a ticket waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stage {
    /// Its frames are on the disk.
    Synced,
    /// Its events are in the database.
    Settled,
}

/// What the writer does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Sleep {
    /// It works, and looks into the queue when it is done.
    #[default]
    Awake,
    /// It sleeps, but not for long: it need not be woken for an event.
    Dozes,
    /// It sleeps until it is woken.
    Deep,
}

/// Why nothing can be recorded at the moment.
#[derive(Debug, Clone)]
pub(crate) struct Fault {
    pub(crate) error: RecordError,
    /// What was written may not be on the disk.
    pub(crate) unsure: bool,
}

/// What stands before the writer.
pub(crate) struct Queue {
    pub(crate) ahead: Ahead,
    pub(crate) roster: Roster,
    pub(crate) events: Vec<Event>,
    /// Bytes of `events` and of the group that is being written.
    pub(crate) bytes: usize,
    /// The last ticket that was given out.
    pub(crate) last: u64,
    pub(crate) sleep: Sleep,
    /// Somebody waits for the database.
    pub(crate) urgent: bool,
    pub(crate) stop: bool,
    /// Not told to the writer yet.
    pub(crate) fault: Option<Fault>,
    /// Set while nothing can be recorded.
    pub(crate) broken: Option<RecordError>,
    /// Prunings that were asked for.
    pub(crate) prunings: Vec<Pruning>,
    /// Session ends that came while nothing could be recorded.
    pub(crate) owed: Vec<Event>,
    /// When the group in work was taken, or the first event came to an empty queue.
    pub(crate) since: Option<Instant>,
}

/// One group, as the writer took it. Its buffers are used again.
#[derive(Default)]
pub(crate) struct Group {
    /// The events, in the order of their tickets. They stay until the database has them.
    pub(crate) events: Vec<Event>,
    /// The last ticket of the group.
    pub(crate) last: u64,
    /// Up to where the file written ahead is in the database with this group.
    pub(crate) upto: Position,
    /// Prunings that were asked for.
    pub(crate) prunings: Vec<Pruning>,
    /// Session ends that came while nothing could be recorded.
    pub(crate) owed: Vec<Event>,
    /// Stop after this group.
    pub(crate) stop: bool,
    /// Nothing can be recorded.
    pub(crate) fault: Option<Fault>,
    /// The file written ahead should go on in a new segment.
    pub(crate) full: bool,
    pub(crate) bytes: usize,
}

/// Locks, also after a thread died while it held the lock: the data behind these locks is whole between any two statements.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Queue {
    pub(crate) fn new(ahead: Ahead) -> Self {
        Self {
            ahead,
            roster: Roster::default(),
            events: Vec::new(),
            bytes: 0,
            last: 0,
            sleep: Sleep::Awake,
            urgent: false,
            stop: false,
            fault: None,
            broken: None,
            prunings: Vec::new(),
            owed: Vec::new(),
            since: None,
        }
    }

    /// Why nothing is taken, if nothing is.
    pub(crate) fn closed(&self) -> Option<RecordError> {
        if self.stop { Some(RecordError::Stopped) } else { self.broken.clone() }
    }

    pub(crate) fn break_down(&mut self, error: &RecordError, unsure: bool) {
        self.broken = Some(error.clone());
        if unsure {
            self.ahead.taint();
        }
        let unsure = unsure || self.fault.as_ref().is_some_and(|fault| fault.unsure);
        self.fault = Some(Fault { error: error.clone(), unsure });
    }

    /// Whether something is queued that the writer should not leave lying.
    pub(crate) fn presses(&self) -> bool {
        self.urgent
            || self.bytes > GATHER_BYTES
            || !self.prunings.is_empty()
            || !self.owed.is_empty()
            || self.stop
            || self.fault.is_some()
    }

    /// Writes what was put off. After a failure nothing can be written: then the writer has it, and the segment is not used again.
    pub(crate) fn flush(&mut self) {
        if !self.ahead.is_tainted()
            && let Err(error) = self.ahead.flush()
        {
            self.break_down(&RecordError::broken(&error), false);
        }
    }

    /// Gives everything to the writer. What the database gets is written ahead of it, always.
    pub(crate) fn hand_over(&mut self, group: &mut Group) {
        self.flush();
        self.urgent = false;
        if group.events.is_empty() {
            std::mem::swap(&mut self.events, &mut group.events);
        } else {
            group.events.append(&mut self.events);
        }
        group.bytes = self.bytes;
        group.last = self.last;
        group.upto = self.ahead.position();
        group.prunings.append(&mut self.prunings);
        if self.broken.is_none() {
            group.owed.append(&mut self.owed);
        }
        group.stop = self.stop;
        group.fault = self.fault.take();
        group.full = self.ahead.is_full();
    }

    /// [`Self::owe`] for each of them.
    pub(crate) fn owe_all(&mut self, events: Vec<Event>) {
        for event in events {
            self.owe(event);
        }
    }

    /// Keeps the end of a session for later; anything else is gone, and its append was told so.
    pub(crate) fn owe(&mut self, event: Event) {
        if event.kind == EventKind::SessionEnd
            && !self.stop
            && self.roster.admit(std::slice::from_ref(&event)).is_ok()
        {
            self.owed.push(event);
        }
    }
}
