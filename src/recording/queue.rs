//! What the workers and the writer share: the queue of events, who waits for which, and how far the writer is.
//!
//! Each append gets a ticket, one number more than the one before. The writer works in the order of tickets, so "done" is
//! one counter per durability, and a waiter needs no allocation of its own: it compares its ticket with the counter.

use std::sync::Arc;
use std::sync::Condvar;
use std::sync::Mutex;
use std::sync::MutexGuard;
use std::sync::PoisonError;
use std::task::Waker;
use std::time::Duration;
use std::time::Instant;

use arc_swap::ArcSwap;
use tokio::sync::broadcast;

use crate::domain::event::Event;
use crate::domain::event::EventKind;
use crate::recording::error::RecordError;
use crate::recording::failures::Failures;
use crate::recording::line::StoredEvent;
use crate::recording::progress::Progress;
use crate::recording::prune::Pruning;
use crate::recording::settings::Settings;
use crate::recording::syncer::SyncRoom;

/// Bytes of events that may wait to be recorded.
const MAX_QUEUED: usize = 32 << 20;
/// What an event takes besides its data.
const EVENT_SIZE: usize = size_of::<Item>();
/// How long an event that nobody waits for may wait for others, so that replies ride along with the next commands,
const LAZY: Duration = Duration::from_millis(5);
/// unless so many bytes of them are there.
const LAZY_BYTES: usize = 256 << 10;
/// How long one group may take before the journal counts as stalled.
const STALL: Duration = Duration::from_secs(5);
/// Events the live stream keeps for a slow reader.
const LIVE_EVENTS: usize = 512;

/// How safe an event is before its append resolves.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Durability {
    /// It survives the death of the process.
    Written,
    /// It survives the loss of power.
    Synced,
}

/// One queued event.
pub(crate) struct Item {
    /// The append it belongs to.
    pub(crate) ticket: u64,
    /// Whether somebody waits for that append.
    pub(crate) waited: bool,
    /// The event.
    pub(crate) event: Event,
}

/// What the writer does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum Sleep {
    /// It works, and looks into the queue when it is done.
    #[default]
    Awake,
    /// It sleeps, but not for long: what nobody waits for need not wake it.
    Dozes,
    /// It sleeps until it is woken.
    Deep,
}

/// What stands before the writer.
#[derive(Default)]
pub(crate) struct Queue {
    items: Vec<Item>,
    /// Bytes of `items` and of the group that is being written.
    bytes: usize,
    /// The last ticket that was given out.
    last: u64,
    /// The last ticket that is to be synced.
    sync_to: u64,
    sleep: Sleep,
    /// Somebody waits for something that is queued.
    urgent: bool,
    stop: bool,
    /// Set by the syncer: what was written may not be on the disk.
    poisoned: Option<RecordError>,
    /// Set while nothing can be recorded.
    broken: Option<RecordError>,
    /// Prunings that were asked for.
    prunings: Vec<Pruning>,
    /// Session ends that came while nothing could be recorded.
    owed: Vec<Event>,
    /// When the group in work was taken, or the first event came to an empty queue.
    since: Option<Instant>,
}

/// One group, as the writer took it. Its buffers are used again.
#[derive(Default)]
pub(crate) struct Group {
    /// The events, in the order of their tickets.
    pub(crate) items: Vec<Item>,
    /// The last ticket of the group.
    pub(crate) last: u64,
    /// The last ticket that is to be synced.
    pub(crate) sync_to: u64,
    /// Prunings that were asked for.
    pub(crate) prunings: Vec<Pruning>,
    /// Session ends that came while nothing could be recorded.
    pub(crate) owed: Vec<Event>,
    /// Stop after this group.
    pub(crate) stop: bool,
    /// What was written may not be on the disk.
    pub(crate) poisoned: Option<RecordError>,
    bytes: usize,
}

/// What all handles, the writer and the syncer share.
pub(crate) struct Shared {
    queue: Mutex<Queue>,
    wake_writer: Condvar,
    pub(crate) written: Progress,
    pub(crate) synced: Progress,
    failures: Failures,
    pub(crate) settings: ArcSwap<Settings>,
    pub(crate) live: broadcast::Sender<Arc<StoredEvent>>,
    pub(crate) sync: SyncRoom,
}

/// Locks, also after a thread died while it held the lock: the data behind these locks is whole between any two statements.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// From how many waiting events on a group is a crowd, which gathers before the next commit.
const CROWD: usize = 4;
/// How long it gathers.
const GATHER: Duration = Duration::from_micros(100);

/// How many events somebody waits for.
fn waiting(items: &[Item]) -> usize {
    items.iter().filter(|item| item.waited).count()
}

impl Shared {
    pub(crate) fn new(settings: Settings) -> Self {
        Self {
            queue: Mutex::default(),
            wake_writer: Condvar::new(),
            written: Progress::default(),
            synced: Progress::default(),
            failures: Failures::default(),
            settings: ArcSwap::from_pointee(settings),
            live: broadcast::Sender::new(LIVE_EVENTS),
            sync: SyncRoom::default(),
        }
    }

    /// Queues events under one ticket, and gives it. No event that is kept: `None`.
    pub(crate) fn enqueue(
        &self,
        events: impl IntoIterator<Item = Event>,
        durability: Durability,
        waited: bool,
    ) -> Result<Option<u64>, RecordError> {
        let level = self.settings.load().level;
        let mut queue = lock(&self.queue);
        let fault = queue.fault();
        let (before, ticket) = (queue.items.len(), queue.last + 1);
        let mut bytes = 0;
        for event in events {
            if !level.keeps(event.kind) {
                continue;
            }
            if fault.is_some() {
                queue.owe(event);
                continue;
            }
            bytes += event.data.len() + EVENT_SIZE;
            queue.items.push(Item { ticket, waited, event });
        }
        if let Some(fault) = fault {
            return Err(fault);
        }
        if queue.items.len() == before {
            return Ok(None);
        }
        // One append that is larger than the room may pass when it is alone: refused, it would be refused for ever.
        if queue.bytes > 0 && queue.bytes + bytes > MAX_QUEUED {
            queue.items.truncate(before);
            return Err(RecordError::Overloaded);
        }
        queue.bytes += bytes;
        queue.last = ticket;
        if durability == Durability::Synced {
            queue.sync_to = ticket;
        }
        queue.since.get_or_insert_with(Instant::now);
        if waited {
            queue.urgent = true;
        }
        if waited || queue.sleep != Sleep::Dozes || queue.bytes > LAZY_BYTES {
            self.rouse(queue);
        }
        Ok(Some(ticket))
    }

    /// A ticket for all that was queued so far, to be synced.
    pub(crate) fn enqueue_flush(&self) -> Result<u64, RecordError> {
        let mut queue = lock(&self.queue);
        if let Some(fault) = queue.fault() {
            return Err(fault);
        }
        queue.last += 1;
        queue.sync_to = queue.last;
        queue.urgent = true;
        let ticket = queue.last;
        self.rouse(queue);
        Ok(ticket)
    }

    /// Asks for a pruning.
    pub(crate) fn enqueue_pruning(&self, pruning: Pruning) -> Result<(), RecordError> {
        let mut queue = lock(&self.queue);
        if let Some(fault) = queue.fault() {
            return Err(fault);
        }
        queue.prunings.push(pruning);
        self.rouse(queue);
        Ok(())
    }

    /// Wakes the writer if it sleeps. One system call per sleep, none while it works.
    fn rouse(&self, mut queue: MutexGuard<'_, Queue>) {
        let slept = std::mem::take(&mut queue.sleep);
        drop(queue);
        if slept != Sleep::Awake {
            self.wake_writer.notify_one();
        }
    }

    /// Takes all that is queued; waits for something until `deadline`. Gives back the room of the group before.
    pub(crate) fn take(&self, group: &mut Group, deadline: Option<Instant>) {
        // After work there is mostly more: then it dozes first, and sleeps only if nothing comes.
        let mut doze = (!group.items.is_empty()).then(|| Instant::now() + LAZY);
        let before = waiting(&group.items);
        group.items.clear();
        let mut queue = lock(&self.queue);
        queue.bytes = queue.bytes.saturating_sub(std::mem::take(&mut group.bytes));
        queue.since = (!queue.items.is_empty()).then(Instant::now);
        while !queue.presses() {
            let now = Instant::now();
            if !queue.items.is_empty() && doze.is_none() {
                doze = Some(now + LAZY);
            }
            let until = [doze, deadline].into_iter().flatten().min();
            let left = until.map(|until| until.saturating_duration_since(now));
            if left == Some(Duration::ZERO) {
                if !queue.items.is_empty() || deadline.is_some_and(|deadline| deadline <= now) {
                    break;
                }
                doze = None;
                continue;
            }
            queue.sleep = if doze.is_some() { Sleep::Dozes } else { Sleep::Deep };
            queue = match left {
                None => self.wake_writer.wait(queue).unwrap_or_else(PoisonError::into_inner),
                Some(left) => {
                    self.wake_writer.wait_timeout(queue, left).unwrap_or_else(PoisonError::into_inner).0
                }
            };
            queue.sleep = Sleep::Awake;
        }
        if before >= CROWD && waiting(&queue.items) < before && !queue.stop {
            // The same callers come again in a moment: one commit for all of them costs each far less than one for each.
            drop(queue);
            std::thread::sleep(GATHER);
            queue = lock(&self.queue);
        }
        queue.urgent = false;
        std::mem::swap(&mut queue.items, &mut group.items);
        group.bytes = queue.bytes;
        group.last = queue.last;
        group.sync_to = queue.sync_to;
        group.prunings.append(&mut queue.prunings);
        group.owed.append(&mut queue.owed);
        group.stop = queue.stop;
        group.poisoned = queue.poisoned.take();
    }

    /// Whether the journal was told to stop.
    pub(crate) fn stopping(&self) -> bool {
        lock(&self.queue).stop
    }

    /// Tells the writer to stop after what is queued. Nothing more is taken.
    pub(crate) fn stop(&self) {
        let mut queue = lock(&self.queue);
        queue.stop = true;
        self.rouse(queue);
    }

    /// Waits a while, or until the journal is told to stop.
    pub(crate) fn pause(&self, pause: Duration) {
        let deadline = Instant::now() + pause;
        let mut queue = lock(&self.queue);
        while !queue.stop {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                break;
            }
            queue.sleep = Sleep::Deep;
            queue = self.wake_writer.wait_timeout(queue, left).unwrap_or_else(PoisonError::into_inner).0;
        }
        queue.sleep = Sleep::Awake;
    }

    /// From now on nothing can be recorded. `group`, whatever is queued and whoever waits for the disk fails with `error`.
    pub(crate) fn fail_all(&self, group: &mut Group, error: &RecordError, wakers: &mut Vec<Waker>) {
        let mut queue = lock(&self.queue);
        group.bytes = 0;
        for item in group.items.drain(..) {
            queue.owe(item.event);
        }
        queue.broken = Some(error.clone());
        queue.poisoned = None;
        queue.bytes = 0;
        queue.since = None;
        for item in std::mem::take(&mut queue.items) {
            queue.owe(item.event);
        }
        let last = queue.last;
        drop(queue);
        let (written, synced) = (self.written.done(), self.synced.done());
        self.fail(written + 1, last, false, error);
        self.fail(synced + 1, written, true, error);
        self.written.advance(last, wakers);
        self.synced.wake_all(last, wakers);
    }

    /// Says that what was written may not be on the disk.
    pub(crate) fn poison(&self, error: RecordError) {
        let mut queue = lock(&self.queue);
        queue.broken = Some(error.clone());
        queue.poisoned = Some(error);
        self.rouse(queue);
    }

    /// The journal can be written again. All tickets so far are decided.
    pub(crate) fn recovered(&self, wakers: &mut Vec<Waker>) {
        let mut queue = lock(&self.queue);
        queue.broken = None;
        let last = queue.last;
        drop(queue);
        self.synced.advance(last, wakers);
    }

    /// Records that the tickets of a range failed. Comes before the counter passes them.
    pub(crate) fn fail(&self, from: u64, to: u64, synced_only: bool, error: &RecordError) {
        self.failures.add(from, to, synced_only, error);
    }

    /// What became of a ticket: `None` while it is not decided.
    pub(crate) fn outcome(&self, ticket: u64, durability: Durability) -> Option<Result<(), RecordError>> {
        let done = self.progress(durability).done() >= ticket;
        // After the counter: a failure is recorded before the counter passes its tickets.
        if let Some(error) = self.failures.of(ticket, durability == Durability::Synced) {
            return Some(Err(error));
        }
        done.then_some(Ok(()))
    }

    /// The counter of one durability.
    pub(crate) fn progress(&self, durability: Durability) -> &Progress {
        match durability {
            Durability::Written => &self.written,
            Durability::Synced => &self.synced,
        }
    }

    /// Whether an event could be recorded now.
    pub(crate) fn healthy(&self) -> Result<(), RecordError> {
        let queue = lock(&self.queue);
        if let Some(fault) = queue.fault() {
            return Err(fault);
        }
        match queue.since.map(|since| since.elapsed()) {
            Some(elapsed) if elapsed > STALL => Err(RecordError::Stalled { seconds: elapsed.as_secs() }),
            _ => Ok(()),
        }
    }
}

impl Queue {
    fn fault(&self) -> Option<RecordError> {
        if self.stop { Some(RecordError::Stopped) } else { self.broken.clone() }
    }

    /// Whether something is queued that the writer should not leave lying.
    fn presses(&self) -> bool {
        self.urgent
            || self.bytes > LAZY_BYTES
            || !self.prunings.is_empty()
            || !self.owed.is_empty()
            || self.stop
            || self.poisoned.is_some()
    }

    /// Keeps the end of a session for later; anything else is gone, and its append was told so.
    fn owe(&mut self, event: Event) {
        if event.kind == EventKind::SessionEnd && !self.stop {
            self.owed.push(event);
        }
    }
}
