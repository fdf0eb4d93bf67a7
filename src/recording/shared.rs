//! State shared by the workers, the writer and the syncer: the queue, and the progress of its events.
//!
//! Each append gets a ticket, one higher than the one before. Frames in the log, events in the queue and
//! groups in the database are all in ticket order. "Done" is therefore one counter per stage, and a waiter
//! needs no allocation of its own: it compares its ticket with the counter.

use std::cell::RefCell;
use std::collections::HashSet;
use std::fs::File;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::Condvar;
use std::sync::Mutex;
use std::sync::MutexGuard;
use std::task::Waker;
use std::time::Duration;
use std::time::Instant;

use arc_swap::ArcSwap;
use tokio::sync::broadcast;

use crate::domain::event::Event;
use crate::domain::id::SessionId;
use crate::domain::sync::lock;
use crate::domain::sync::wait_on;
use crate::recording::error::RecordError;
use crate::recording::failures::Failures;
use crate::recording::level;
use crate::recording::line::StoredEvent;
use crate::recording::progress::Progress;
use crate::recording::prune::Pruning;
use crate::recording::queue::Durability;
use crate::recording::queue::Fault;
use crate::recording::queue::GATHER_BYTES;
use crate::recording::queue::Group;
use crate::recording::queue::Queue;
use crate::recording::queue::Sleep;
use crate::recording::queue::Stage;
use crate::recording::roster;
use crate::recording::settings::Level;
use crate::recording::settings::Settings;
use crate::recording::syncer::SyncRoom;
use crate::recording::wal::Segment;
use crate::recording::wal::Wal;
use crate::recording::wal::frame;

/// Maximum bytes of events that may wait for the database.
const MAX_QUEUED: usize = 64 << 20;
/// With more than this many bytes queued, appends wait until the database has caught up.
const THROTTLED: usize = 8 << 20;
/// Memory an event takes besides its data.
const EVENT_SIZE: usize = size_of::<Event>();
/// How long events are gathered before they go to the database. Fewer commits make each event cheaper.
const GATHER: Duration = Duration::from_millis(50);
/// How long frames that nobody waits for are buffered.
const PUT_OFF: Duration = Duration::from_millis(10);
/// How long one group may take before the journal counts as stalled.
const STALL: Duration = Duration::from_secs(5);
/// Number of events that the live stream keeps for a slow receiver.
const LIVE_EVENTS: usize = 512;

/// State shared by all handles, the writer and the syncer.
pub(crate) struct Shared {
    queue: Mutex<Queue>,
    wake_writer: Condvar,
    synced: Progress,
    stored: Progress,
    failures: Failures,
    pub(crate) settings: ArcSwap<Settings>,
    pub(crate) live: broadcast::Sender<Arc<StoredEvent>>,
    pub(crate) sync: SyncRoom,
    /// Sessions under legal hold.
    pub(crate) legal_holds: Mutex<HashSet<SessionId>>,
}

thread_local! {
    /// Buffer for frames that are being built.
    static FRAMES: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
}

impl Shared {
    pub(crate) fn new(settings: Settings, wal: Wal) -> Self {
        Self {
            queue: Mutex::new(Queue::new(wal)),
            wake_writer: Condvar::new(),
            synced: Progress::default(),
            stored: Progress::default(),
            failures: Failures::default(),
            settings: ArcSwap::from_pointee(settings),
            live: broadcast::Sender::new(LIVE_EVENTS),
            sync: SyncRoom::default(),
            legal_holds: Mutex::default(),
        }
    }

    /// Records events under one ticket, all or none. Without `durability` they may be written a little later.
    /// Returns the ticket and stage to wait for, if any.
    pub(crate) fn enqueue(
        &self,
        events: impl IntoIterator<Item = Event>,
        durability: Option<Durability>,
    ) -> Result<Option<(u64, Stage)>, RecordError> {
        let level = self.settings.load().level;
        let mut kept: Vec<Event> = Vec::new();
        for mut event in events {
            if !level.keeps(event.kind) {
                continue;
            }
            if level != Level::Full && level::may_hold_content(event.kind, &event.data) {
                event.data = level::without_content(event.kind, &event.data);
            }
            roster::check(&event)?;
            kept.push(event);
        }
        if kept.is_empty() {
            return Ok(None);
        }
        FRAMES.with_borrow_mut(|frames| self.put(kept, durability, frames))
    }

    /// Queues like [`Self::enqueue`], for events that were checked one by one. `frames` is a buffer.
    fn put(
        &self,
        events: Vec<Event>,
        durability: Option<Durability>,
        frames: &mut Vec<u8>,
    ) -> Result<Option<(u64, Stage)>, RecordError> {
        frames.clear();
        // Built before the lock is taken. Only the data of the last event, often long, is not copied.
        let (mut bytes, mut data) = (0, "");
        for event in &events {
            frames.extend_from_slice(data.as_bytes());
            frame::push_head(frames, event).map_err(|problem| RecordError::Malformed { problem })?;
            data = &event.data;
            bytes += event.data.capacity() + EVENT_SIZE;
        }
        let mut queue = lock(&self.queue);
        if let Some(fault) = queue.closed() {
            queue.owe_all(events);
            return Err(fault);
        }
        // An append larger than the limit may pass if the queue is empty: otherwise it would be refused for
        // ever.
        if queue.bytes > 0 && queue.bytes + bytes > MAX_QUEUED {
            queue.owe_all(events);
            return Err(RecordError::Overloaded);
        }
        queue.roster.admit(&events)?;
        let put = match durability {
            Some(_) => queue.wal.write(frames, data.as_bytes()),
            None => queue.wal.put_off(frames, data.as_bytes()),
        };
        if let Err(error) = put {
            let error = RecordError::broken(&error);
            queue.roster.take_back(&events);
            queue.break_down(&error, false);
            queue.owe_all(events);
            self.rouse(queue);
            return Err(error);
        }
        queue.events.extend(events);
        queue.bytes += bytes;
        queue.last += 1;
        queue.since.get_or_insert_with(Instant::now);
        let (ticket, throttled) = (queue.last, queue.bytes > THROTTLED);
        if queue.sleep == Sleep::Deep || (queue.sleep == Sleep::Dozes && queue.bytes > GATHER_BYTES) {
            self.rouse(queue);
        } else {
            drop(queue);
        }
        self.sync.written();
        if durability == Some(Durability::Synced) {
            self.sync.want(ticket);
            return Ok(Some((ticket, Stage::Synced)));
        }
        Ok((throttled && durability.is_some()).then_some((ticket, Stage::Stored)))
    }

    /// Returns the ticket of everything recorded so far, and makes the writer commit it at once.
    pub(crate) fn press(&self) -> Result<u64, RecordError> {
        let mut queue = lock(&self.queue);
        if let Some(fault) = queue.closed() {
            return Err(fault);
        }
        queue.urgent = true;
        // A ticket of its own: no two waiters share one.
        queue.last += 1;
        let ticket = queue.last;
        self.rouse(queue);
        Ok(ticket)
    }

    /// Requests a pruning.
    pub(crate) fn enqueue_pruning(&self, pruning: Pruning) -> Result<(), RecordError> {
        let mut queue = lock(&self.queue);
        if let Some(fault) = queue.closed() {
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

    /// Takes everything that is queued; waits for something until `deadline`. Returns the previous group's
    /// bytes to the queue's limit.
    pub(crate) fn take(&self, group: &mut Group, deadline: Option<Instant>) {
        let (mut gathered, mut flushed) = (None, None);
        let mut queue = lock(&self.queue);
        queue.bytes = queue.bytes.saturating_sub(std::mem::take(&mut group.bytes));
        queue.since = (!queue.events.is_empty()).then(Instant::now);
        while !queue.presses() {
            let now = Instant::now();
            if gathered.is_none() && !queue.events.is_empty() {
                gathered = Some(now + GATHER);
            }
            let until = [gathered, deadline].into_iter().flatten().min();
            if until.is_some_and(|until| until <= now) {
                break;
            }
            if flushed.is_some_and(|flushed| flushed <= now) {
                queue.flush();
                flushed = None;
                continue;
            }
            if gathered.is_some() {
                flushed.get_or_insert(now + PUT_OFF);
            }
            queue.sleep = if gathered.is_some() { Sleep::Dozes } else { Sleep::Deep };
            let until = [until, flushed].into_iter().flatten().min();
            let left = until.map(|until| until.saturating_duration_since(now));
            queue = wait_on(&self.wake_writer, queue, left);
            queue.sleep = Sleep::Awake;
        }
        queue.hand_over(group);
    }

    /// Takes what is left while nothing can be recorded, so that all of it is in one group.
    pub(crate) fn take_rest(&self, group: &mut Group) {
        lock(&self.queue).hand_over(group);
    }

    /// Continues the write-ahead log in a new segment.
    pub(crate) fn go_on_in(&self, segment: Segment) -> Result<(), RecordError> {
        let mut queue = lock(&self.queue);
        let last = queue.last;
        queue.flush();
        if let Some(error) = queue.broken.clone() {
            return Err(error);
        }
        queue.wal.go_on_in(segment, last);
        Ok(())
    }

    /// Checks that the write-ahead log's current segment is still in its place. If not, nobody would find
    /// what is written to it after a crash: the writer makes all of it durable in the database and begins
    /// another.
    pub(crate) fn check_segment(&self) {
        let mut queue = lock(&self.queue);
        if queue.broken.is_none()
            && let Err(error) = queue.wal.check_place()
        {
            queue.break_down(&RecordError::broken(&error), true);
        }
    }

    /// Returns whether the write-ahead log must continue in a new segment.
    pub(crate) fn is_tainted(&self) -> bool {
        lock(&self.queue).wal.is_tainted()
    }

    /// Starts a new segment after a failure: the writer has the buffered frames.
    pub(crate) fn begin_anew(&self, segment: Segment) {
        let mut queue = lock(&self.queue);
        let last = queue.last;
        queue.wal.go_on_in(segment, last);
    }

    /// Returns the files that one sync must cover, oldest first; how many of them are sealed; and the ticket
    /// it completes.
    pub(crate) fn unsynced(&self) -> (Vec<Arc<File>>, usize, u64) {
        let mut queue = lock(&self.queue);
        // Buffered frames are written now: otherwise they would wait for the next sync.
        queue.flush();
        let (files, sealed) = queue.wal.unsynced();
        (files, sealed, queue.last)
    }

    /// Marks everything up to `ticket` as synced. Returns the segments that are no longer needed.
    pub(crate) fn synced(&self, ticket: u64, sealed: usize, wakers: &mut Vec<Waker>) -> Vec<PathBuf> {
        self.synced.advance_sparingly(ticket, wakers);
        let mut queue = lock(&self.queue);
        queue.wal.synced(sealed);
        queue.wal.take_stored(self.stored.done())
    }

    /// Forgets the sealed segments, whose content is durable in the database. Returns the number of the
    /// current one.
    pub(crate) fn forget_sealed(&self) -> u64 {
        let mut queue = lock(&self.queue);
        queue.wal.forget_sealed();
        queue.wal.position().segment
    }

    /// Marks everything up to `ticket` as committed to the database.
    pub(crate) fn mark_stored(&self, ticket: u64, wakers: &mut Vec<Waker>) {
        self.stored.advance(ticket, wakers);
    }

    /// Forgets sessions that ended so long ago that they accept no more events.
    pub(crate) fn forget(&self, sessions: &[SessionId]) {
        if !sessions.is_empty() {
            let mut queue = lock(&self.queue);
            for session in sessions {
                queue.roster.forget(*session);
            }
        }
    }

    /// Closes a session to new events, because acknowledged ones were lost.
    pub(crate) fn lose(&self, session: SessionId) {
        lock(&self.queue).roster.lose(session);
    }

    /// Returns whether the journal is stopping.
    pub(crate) fn stopping(&self) -> bool {
        lock(&self.queue).stop
    }

    /// Tells the writer to stop after the queued events. No more are accepted.
    pub(crate) fn stop(&self) {
        let mut queue = lock(&self.queue);
        queue.stop = true;
        self.rouse(queue);
    }

    /// Waits for `pause`, or until the journal is stopping.
    pub(crate) fn pause(&self, pause: Duration) {
        let deadline = Instant::now() + pause;
        let mut queue = lock(&self.queue);
        while !queue.stop {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                break;
            }
            queue.sleep = Sleep::Deep;
            queue = wait_on(&self.wake_writer, queue, Some(left));
        }
        queue.sleep = Sleep::Awake;
    }

    /// Enters the broken state: nothing can be recorded from now on. All waiters for the disk or the database
    /// get the error; what was written stays.
    pub(crate) fn fail_all(&self, error: &RecordError, wakers: &mut Vec<Waker>) {
        let mut queue = lock(&self.queue);
        queue.broken = Some(error.clone());
        queue.since = None;
        // Whether recovery succeeds or not, everything accepted is in the log.
        queue.flush();
        let last = queue.last;
        drop(queue);
        for (stage, progress) in [(Stage::Synced, &self.synced), (Stage::Stored, &self.stored)] {
            self.failures.add(progress.done() + 1, last, stage, error);
            progress.wake_all(last, wakers);
        }
    }

    /// Reports that written data may not be on the disk.
    pub(crate) fn poison(&self, error: &RecordError) {
        let mut queue = lock(&self.queue);
        queue.break_down(error, true);
        self.rouse(queue);
    }

    /// Leaves the broken state: everything recorded so far is durable in the database, and appends are
    /// accepted again.
    ///
    /// # Errors
    /// A fault that happened meanwhile.
    pub(crate) fn recovered(&self, wakers: &mut Vec<Waker>) -> Result<(), Fault> {
        let mut queue = lock(&self.queue);
        if let Some(fault) = queue.fault.take() {
            return Err(fault);
        }
        queue.broken = None;
        let last = queue.last;
        drop(queue);
        self.synced.advance(last, wakers);
        self.stored.advance(last, wakers);
        Ok(())
    }

    /// Returns the outcome of a ticket; `None` while it is pending.
    pub(crate) fn outcome(&self, ticket: u64, stage: Stage) -> Option<Result<(), RecordError>> {
        let done = self.progress(stage).done() >= ticket;
        // After reading the counter: a failure is recorded before the counter passes its tickets.
        if let Some(error) = self.failures.of(ticket, stage) {
            return Some(Err(error));
        }
        done.then_some(Ok(()))
    }

    /// Returns the counter of one stage.
    pub(crate) fn progress(&self, stage: Stage) -> &Progress {
        match stage {
            Stage::Synced => &self.synced,
            Stage::Stored => &self.stored,
        }
    }

    /// Returns whether an event could be recorded now.
    pub(crate) fn healthy(&self) -> Result<(), RecordError> {
        let queue = lock(&self.queue);
        if let Some(fault) = queue.closed() {
            return Err(fault);
        }
        match queue.since.map(|since| since.elapsed()) {
            Some(elapsed) if elapsed > STALL => Err(RecordError::Stalled { seconds: elapsed.as_secs() }),
            _ => Ok(()),
        }
    }

    #[cfg(test)]
    pub(crate) fn fail_writes(&self, fails: &Arc<std::sync::atomic::AtomicBool>) {
        lock(&self.queue).wal.fails = Arc::clone(fails);
    }
}
