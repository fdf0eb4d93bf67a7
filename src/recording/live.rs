//! The writer's view of the open sessions: how far each is recorded, and which of its events are in the
//! current group.

use std::time::Duration;
use std::time::Instant;

use ahash::AHashMap;

use crate::domain::event::Event;
use crate::domain::event::EventKind;
use crate::domain::id::SessionId;
use crate::recording::chain;
use crate::recording::error::RecordError;
use crate::recording::line;
use crate::recording::pack::Packer;
use crate::recording::session;
use crate::recording::session::Reached;
use crate::recording::session::SessionRow;

/// Size in bytes at which a block is closed and another one begun.
pub(crate) const MAX_BLOCK: usize = 1 << 20;
/// How long events of an ended session are still accepted: replies that were on their way.
const LATE: Duration = Duration::from_mins(1);
/// A session's row is updated after this many events,
const SAVE_EVENTS: u64 = 256;
/// or after this much time.
pub(crate) const SAVE_AFTER: Duration = Duration::from_secs(1);
/// Number of buffers that are kept for the next group, and the maximum size of one.
const KEPT_BUFFERS: usize = 64;
/// The maximum sequence number: it makes up half of a block's id.
const MAX_SEQ: u64 = u32::MAX as u64;

/// One open session.
pub(crate) struct Live {
    /// Its number, which makes up half of its blocks' ids.
    pub(crate) no: i64,
    prefix: Vec<u8>,
    /// Its position including the current group.
    pub(crate) now: Reached,
    /// Its position in the database.
    pub(crate) kept: Reached,
    /// Whether its row is in the database.
    pub(crate) rooted: bool,
    /// Acknowledged events were lost, so the session accepts no more.
    pub(crate) lost: bool,
    /// The last event that its row covers. The next field is the time since when there are newer ones.
    pub(crate) saved_seq: u64,
    dirty_since: Option<Instant>,
    /// Its open block in the current group.
    block: Option<usize>,
    pub(crate) touched: bool,
}

/// Events of one session that are stored as one row.
pub(crate) struct Block {
    pub(crate) no: i64,
    pub(crate) first: u64,
    pub(crate) last: u64,
    /// Its frames while the group is open; afterwards the stored bytes.
    pub(crate) bytes: Vec<u8>,
}

/// All open sessions, and the current group.
#[derive(Default)]
pub(crate) struct Sessions {
    by_id: AHashMap<SessionId, Live>,
    /// The last session number assigned in the database.
    pub(crate) last_no: i64,
    /// Blocks of the current group.
    pub(crate) blocks: Vec<Block>,
    /// Sessions that begin in the current group.
    pub(crate) fresh: Vec<(i64, SessionRow)>,
    /// Sessions with events in the current group.
    pub(crate) touched: Vec<SessionId>,
    /// Ended sessions with the time when their end was seen, oldest first.
    ended: std::collections::VecDeque<(Instant, SessionId)>,
    /// Sessions that accept no new events; events queued earlier are in the next group.
    leaving: Vec<SessionId>,
    /// Sessions whose rows are out of date.
    pub(crate) dirty: Vec<SessionId>,
    buffers: Vec<Vec<u8>>,
    packer: Packer,
}

impl Live {
    pub(crate) fn new(no: i64, id: SessionId, reached: Reached, rooted: bool) -> Self {
        Self {
            no,
            prefix: line::prefix_of(id),
            now: reached,
            kept: reached,
            rooted,
            lost: false,
            saved_seq: reached.seq,
            dirty_since: None,
            block: None,
            touched: false,
        }
    }

    /// Returns whether its row should be written with this group.
    pub(crate) fn wants_save(&self, now: Instant) -> bool {
        self.now.ended.is_some()
            || self.now.seq - self.saved_seq >= SAVE_EVENTS
            || self.dirty_since.is_some_and(|since| now.duration_since(since) >= SAVE_AFTER)
    }
}

impl Sessions {
    /// Starts with no open session; the next one gets the number after `last_no`.
    pub(crate) fn starting_after(last_no: i64) -> Self {
        Self { last_no, ..Self::default() }
    }

    /// Adds an event to the current group. Returns its number and hash.
    ///
    /// # Errors
    /// The event cannot be recorded; the group is then unchanged.
    pub(crate) fn add(&mut self, event: &Event) -> Result<(u64, chain::Hash), RecordError> {
        if event.kind != EventKind::SessionStart {
            return self.chain(event);
        }
        self.begin(event)?;
        let first = self.chain(event);
        if first.is_err() {
            self.by_id.remove(&event.session);
            self.fresh.pop();
            self.last_no -= 1;
        }
        first
    }

    fn chain(&mut self, event: &Event) -> Result<(u64, chain::Hash), RecordError> {
        let id = event.session;
        let malformed = |problem| RecordError::Malformed { problem };
        let Some(live) = self.by_id.get_mut(&id) else {
            return Err(RecordError::NoSession { session: id });
        };
        if live.lost {
            return Err(RecordError::Lost { session: id });
        }
        let seq = live.now.seq + 1;
        if seq > MAX_SEQ {
            return Err(malformed("a session with too many events"));
        }
        let ended = match event.kind {
            EventKind::SessionEnd if live.now.ended.is_some() => {
                return Err(malformed("a session that ends twice"));
            }
            EventKind::SessionEnd => Some((event.ts_ms, session::from_end(event).map_err(malformed)?)),
            _ => live.now.ended,
        };
        let place = match live.block {
            Some(place) if self.blocks.get(place).is_some_and(|block| block.bytes.len() < MAX_BLOCK) => place,
            _ => {
                let bytes = self.buffers.pop().unwrap_or_default();
                self.blocks.push(Block { no: live.no, first: seq, last: seq, bytes });
                self.blocks.len() - 1
            }
        };
        let Some(block) = self.blocks.get_mut(place) else {
            return Err(malformed("a block that is not there"));
        };
        let before = block.bytes.len();
        let hash = chain::push_frame(&mut block.bytes, &live.now.hash, |out| {
            line::write_line(out, &live.prefix, seq, event)
        });
        let hash = match hash {
            Ok(hash) => hash,
            Err(problem) => {
                if before == 0
                    && let Some(block) = self.blocks.pop()
                {
                    self.buffers.push(block.bytes);
                }
                return Err(malformed(problem));
            }
        };
        let length = block.bytes.len() - before - chain::HEAD;
        block.last = seq;
        live.block = Some(place);
        live.now.counts.add(event, length);
        live.now = Reached { seq, hash, t_us: event.t_us, ts_ms: event.ts_ms, ended, ..live.now };
        if !live.touched {
            live.touched = true;
            self.touched.push(id);
        }
        Ok((seq, hash))
    }

    fn begin(&mut self, event: &Event) -> Result<(), RecordError> {
        if self.by_id.contains_key(&event.session) {
            return Err(RecordError::Malformed { problem: "a session that begins twice" });
        }
        let row = session::from_start(event).map_err(|problem| RecordError::Malformed { problem })?;
        let no = self.last_no + 1;
        if no > i64::from(i32::MAX) {
            return Err(RecordError::Malformed { problem: "more sessions than the database can number" });
        }
        self.last_no = no;
        self.fresh.push((no, row));
        self.by_id.insert(event.session, Live::new(no, event.session, Reached::START, false));
        Ok(())
    }

    /// Inserts a session that was found in the database.
    pub(crate) fn insert(&mut self, id: SessionId, live: Live) {
        self.by_id.insert(id, live);
    }

    /// Looks up a session.
    pub(crate) fn get(&self, id: SessionId) -> Option<&Live> {
        self.by_id.get(&id)
    }

    /// Iterates over all sessions, to compare them with the database.
    pub(crate) fn iter_mut(&mut self) -> impl Iterator<Item = (&SessionId, &mut Live)> {
        self.by_id.iter_mut()
    }

    /// Drops sessions that are not in the database.
    pub(crate) fn retain_rooted(&mut self) {
        self.by_id.retain(|_, live| live.rooted);
    }

    /// Returns whether a session of this number is open.
    pub(crate) fn is_open(&self, no: i64) -> bool {
        self.by_id.values().any(|live| live.no == no)
    }

    /// Marks the current group as committed. `saved` are the sessions whose rows were updated. Returns those
    /// that ended long ago and accept no more events.
    pub(crate) fn committed(&mut self, saved: &[SessionId], now: Instant) -> Vec<SessionId> {
        for id in self.touched.drain(..) {
            let Some(live) = self.by_id.get_mut(&id) else { continue };
            if live.kept.ended.is_none() && live.now.ended.is_some() {
                self.ended.push_back((now, id));
            }
            live.kept = live.now;
            live.rooted = true;
            live.block = None;
            live.touched = false;
            if live.dirty_since.is_none() && live.saved_seq != live.now.seq {
                live.dirty_since = Some(now);
                self.dirty.push(id);
            }
        }
        for id in saved {
            if let Some(live) = self.by_id.get_mut(id) {
                live.saved_seq = live.now.seq;
                live.dirty_since = None;
            }
        }
        if !saved.is_empty() {
            self.dirty.retain(|id| self.by_id.get(id).is_some_and(|live| live.dirty_since.is_some()));
        }
        self.clear_group();
        for id in self.leaving.drain(..) {
            self.by_id.remove(&id);
        }
        while let Some((_, id)) = self.ended.pop_front_if(|(since, _)| now.duration_since(*since) > LATE) {
            self.leaving.push(id);
        }
        self.leaving.clone()
    }

    /// Restores every session to its state before the current group, which was not committed.
    pub(crate) fn rolled_back(&mut self) {
        for id in self.touched.drain(..) {
            if let Some(live) = self.by_id.get_mut(&id) {
                live.now = live.kept;
                live.block = None;
                live.touched = false;
            }
        }
        self.clear_group();
    }

    /// Completes the current group: compresses its blocks for storage.
    pub(crate) fn pack(&mut self) {
        for block in &mut self.blocks {
            self.packer.pack(&mut block.bytes);
        }
    }

    fn clear_group(&mut self) {
        self.fresh.clear();
        for block in self.blocks.drain(..) {
            let mut bytes = block.bytes;
            if self.buffers.len() < KEPT_BUFFERS && bytes.capacity() <= MAX_BLOCK / 4 {
                bytes.clear();
                self.buffers.push(bytes);
            }
        }
    }
}
