//! The writer's input: the write-ahead log, and the events that are not in the database yet.

use std::time::Instant;

use crate::domain::event::Event;
use crate::domain::event::EventKind;
use crate::recording::error::RecordError;
use crate::recording::prune::Pruning;
use crate::recording::roster::Roster;
use crate::recording::wal::Position;
use crate::recording::wal::Wal;

/// Events are gathered before they go to the database, up to this many bytes.
pub(crate) const GATHER_BYTES: usize = 1 << 20;

/// How durable an event must be before its append resolves.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Durability {
    /// It survives the death of the process.
    Written,
    /// It survives a power loss.
    Synced,
}

/// The stage that a waiter waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stage {
    /// The frames are synced to disk.
    Synced,
    /// The events are in the database.
    Stored,
}

/// The state of the writer's thread.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Sleep {
    /// Working; it checks the queue when it is done.
    #[default]
    Awake,
    /// In a short sleep: it need not be woken for an event.
    Dozes,
    /// Asleep until it is woken.
    Deep,
}

/// Why nothing can be recorded at the moment.
#[derive(Debug, Clone)]
pub(crate) struct Fault {
    pub(crate) error: RecordError,
    /// Data that was written may not be on the disk.
    pub(crate) unsure: bool,
}

/// The queue in front of the writer.
pub(crate) struct Queue {
    pub(crate) wal: Wal,
    pub(crate) roster: Roster,
    pub(crate) events: Vec<Event>,
    /// Bytes of `events` and of the group that is being written.
    pub(crate) bytes: usize,
    /// The last ticket that was issued.
    pub(crate) last: u64,
    pub(crate) sleep: Sleep,
    /// Somebody waits for the database.
    pub(crate) urgent: bool,
    pub(crate) stop: bool,
    /// A fault that the writer has not picked up yet.
    pub(crate) fault: Option<Fault>,
    /// Set while nothing can be recorded.
    pub(crate) broken: Option<RecordError>,
    /// Requested prunings.
    pub(crate) prunings: Vec<Pruning>,
    /// Session ends that arrived while nothing could be recorded.
    pub(crate) owed: Vec<Event>,
    /// When the current group was taken, or when the first event arrived in an empty queue.
    pub(crate) since: Option<Instant>,
}

/// One group, as the writer takes it from the queue. Its buffers are reused.
#[derive(Default)]
pub(crate) struct Group {
    /// The events in the order of their tickets. They are kept until they are in the database.
    pub(crate) events: Vec<Event>,
    /// The last ticket of the group.
    pub(crate) last: u64,
    /// The position in the write-ahead log up to which this group brings the database.
    pub(crate) upto: Position,
    /// Requested prunings.
    pub(crate) prunings: Vec<Pruning>,
    /// Session ends that arrived while nothing could be recorded.
    pub(crate) owed: Vec<Event>,
    /// Stop after this group.
    pub(crate) stop: bool,
    /// Set if nothing can be recorded.
    pub(crate) fault: Option<Fault>,
    /// The write-ahead log should continue in a new segment.
    pub(crate) full: bool,
    pub(crate) bytes: usize,
}

impl Queue {
    pub(crate) fn new(wal: Wal) -> Self {
        Self {
            wal,
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

    /// Returns why no events are accepted, if none are.
    pub(crate) fn closed(&self) -> Option<RecordError> {
        if self.stop { Some(RecordError::Stopped) } else { self.broken.clone() }
    }

    pub(crate) fn break_down(&mut self, error: &RecordError, unsure: bool) {
        self.broken = Some(error.clone());
        if unsure {
            self.wal.taint();
        }
        let unsure = unsure || self.fault.as_ref().is_some_and(|fault| fault.unsure);
        self.fault = Some(Fault { error: error.clone(), unsure });
    }

    /// Returns whether something is queued that the writer should handle at once.
    pub(crate) fn presses(&self) -> bool {
        self.urgent
            || self.bytes > GATHER_BYTES
            || !self.prunings.is_empty()
            || !self.owed.is_empty()
            || self.stop
            || self.fault.is_some()
    }

    /// Writes the buffered frames. After a failure nothing can be written: the fault goes to the writer, and
    /// the segment is not used again.
    pub(crate) fn flush(&mut self) {
        if !self.wal.is_tainted()
            && let Err(error) = self.wal.flush()
        {
            self.break_down(&RecordError::broken(&error), false);
        }
    }

    /// Hands everything to the writer. Flushes first: the database only ever receives what is in the
    /// write-ahead log.
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
        group.upto = self.wal.position();
        group.prunings.append(&mut self.prunings);
        if self.broken.is_none() {
            group.owed.append(&mut self.owed);
        }
        group.stop = self.stop;
        group.fault = self.fault.take();
        group.full = self.wal.is_full();
    }

    /// Calls [`Self::owe`] for each event.
    pub(crate) fn owe_all(&mut self, events: Vec<Event>) {
        for event in events {
            self.owe(event);
        }
    }

    /// Keeps the end of a session for later. Any other event is dropped; its append has returned the error.
    pub(crate) fn owe(&mut self, event: Event) {
        if event.kind == EventKind::SessionEnd
            && !self.stop
            && self.roster.admit(std::slice::from_ref(&event)).is_ok()
        {
            self.owed.push(event);
        }
    }
}
