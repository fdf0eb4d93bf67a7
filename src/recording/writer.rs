//! The one thread that writes recordings: takes what is queued, chains it, commits it as one transaction, tells who waits.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::AtomicU32;
use std::sync::atomic::Ordering;
use std::task::Waker;
use std::time::Duration;
use std::time::Instant;

use rusqlite::Connection;
use rusqlite::params;

use crate::domain::event::Event;
use crate::domain::id::SessionId;
use crate::recording::chain::Hash;
use crate::recording::checkpoint::CheckpointRoom;
use crate::recording::checkpoint::Checkpoints;
use crate::recording::checkpoint::Next;
use crate::recording::error::RecordError;
use crate::recording::level;
use crate::recording::line::StoredEvent;
use crate::recording::live::Block;
use crate::recording::live::SAVE_AFTER;
use crate::recording::live::Sessions;
use crate::recording::prune;
use crate::recording::prune::Pruning;
use crate::recording::queue::Group;
use crate::recording::queue::Shared;
use crate::recording::recover;
use crate::recording::schema;
use crate::recording::session;
use crate::recording::settings::Level;
use crate::recording::syncer::Log;

/// How long the writer waits before it tries a broken database again.
const RETRY: Duration = Duration::from_millis(250);
/// How long a woken task may take to wake the others of its thread.
const RELAY: Duration = Duration::from_millis(2);
/// An event longer than this goes to the live stream without its bodies.
const MAX_LIVE: usize = 64 << 10;

/// The writer and all it owns.
pub(crate) struct Writer {
    pub(crate) shared: Arc<Shared>,
    pub(crate) room: Arc<CheckpointRoom>,
    pub(crate) path: PathBuf,
    pub(crate) sessions: Sessions,
    #[cfg(test)]
    pub(crate) hooks: Hooks,
    group: Group,
    saved: Vec<SessionId>,
    live: Vec<Arc<StoredEvent>>,
    wakers: Vec<Waker>,
    prunings: Vec<Pruning>,
}

/// What tests put between the writer and the disk.
#[cfg(test)]
#[derive(Default, Clone)]
pub(crate) struct Hooks {
    /// Pages the database may have; 0: no limit.
    pub(crate) max_pages: Arc<AtomicU32>,
    /// Whether syncs fail.
    pub(crate) sync_fails: Arc<std::sync::atomic::AtomicBool>,
}

/// An open database, as the writer uses it.
pub(crate) struct Opened {
    connection: Connection,
    /// Pages in the log after the last commit.
    pages: Arc<AtomicU32>,
    checkpoints: Checkpoints,
}

impl Opened {
    /// Prepares a connection for the writer, and the log for the syncer.
    pub(crate) fn new(mut connection: Connection, writer: &Writer) -> Result<(Self, Arc<Log>), RecordError> {
        let pages = Arc::new(AtomicU32::new(0));
        let seen = Arc::clone(&pages);
        connection
            .wal_hook(Some(move |_log: &mut rusqlite::hooks::Wal, length: std::ffi::c_int| {
                seen.store(length.unsigned_abs(), Ordering::Relaxed);
                Ok(())
            }))
            .map_err(|error| RecordError::broken(&error))?;
        // The log is made by the first write.
        connection
            .execute("UPDATE probe SET n = n + 1 WHERE id = 1", [])
            .map_err(|error| RecordError::broken(&error))?;
        let log = Log::open(&writer.path).map_err(|error| RecordError::broken(&error))?;
        #[cfg(test)]
        let log = Log { fails: Some(Arc::clone(&writer.hooks.sync_fails)), ..log };
        Ok((Self { connection, pages, checkpoints: Checkpoints::default() }, Arc::new(log)))
    }
}

/// Why the writer stopped serving.
enum Halt {
    Stopped,
    /// `unsure`: what was written may not be on the disk.
    Broken {
        error: RecordError,
        unsure: bool,
    },
}

impl Writer {
    pub(crate) fn new(
        shared: Arc<Shared>,
        room: Arc<CheckpointRoom>,
        path: PathBuf,
        last_no: i64,
        #[cfg(test)] hooks: Hooks,
    ) -> Self {
        Self {
            shared,
            room,
            path,
            sessions: Sessions::starting_after(last_no),
            #[cfg(test)]
            hooks,
            group: Group::default(),
            saved: Vec::new(),
            live: Vec::new(),
            wakers: Vec::new(),
            prunings: Vec::new(),
        }
    }

    /// The thread.
    pub(crate) fn run(mut self, opened: Opened) {
        let mut opened = Some(opened);
        while let Some(mut database) = opened.take() {
            match self.serve(&mut database) {
                Halt::Stopped => {
                    if let Err(error) = schema::checkpoint(&database.connection, "TRUNCATE") {
                        tracing::warn!(%error, "the log of recordings stays beside the database");
                    }
                    return;
                }
                Halt::Broken { error, unsure } => {
                    drop(database);
                    opened = self.recover(&error, unsure);
                }
            }
        }
    }

    fn serve(&mut self, database: &mut Opened) -> Halt {
        loop {
            let deadline = self.deadline();
            self.shared.take(&mut self.group, deadline);
            if self.shared.written.has_left() && self.group.items.is_empty() {
                let done = self.shared.written.done();
                self.shared.written.wake_all(done, &mut self.wakers);
            }
            if let Some(error) = self.group.poisoned.take() {
                return Halt::Broken { error, unsure: true };
            }
            self.prunings.append(&mut self.group.prunings);
            if let Err(error) = self.record(database) {
                return Halt::Broken { error, unsure: false };
            }
            if let Err(error) = self.prune_step(database) {
                return Halt::Broken { error, unsure: false };
            }
            if self.group.stop && self.prunings.is_empty() {
                return Halt::Stopped;
            }
        }
    }

    /// When the writer must do something although nobody asks.
    fn deadline(&self) -> Option<Instant> {
        if !self.prunings.is_empty() {
            return Some(Instant::now());
        }
        if self.shared.written.has_left() {
            return Some(Instant::now() + RELAY);
        }
        (!self.sessions.dirty.is_empty()).then(|| Instant::now() + SAVE_AFTER)
    }

    /// Records the group, and tells who waits.
    fn record(&mut self, database: &mut Opened) -> Result<(), RecordError> {
        let watched = self.shared.live.receiver_count() > 0;
        let level = self.shared.settings.load().level;
        for event in self.group.owed.drain(..) {
            if let Err(error) = self.sessions.add(&event) {
                tracing::warn!(session = %event.session, %error, "the end of a session is not recorded");
            }
        }
        for item in &mut self.group.items {
            if level != Level::Full && level::may_hold_body(&item.event.data) {
                item.event.data = level::without_bodies(&item.event.data);
            }
            match self.sessions.add(&item.event) {
                Ok((seq, hash)) if watched => self.live.extend(for_live(seq, hash, &item.event)),
                Ok(_) => {}
                Err(error) if item.waited => self.shared.fail(item.ticket, item.ticket, false, &error),
                Err(error) => {
                    tracing::warn!(session = %item.event.session, kind = %item.event.kind, %error, "an event is not recorded");
                }
            }
        }
        let now = Instant::now();
        let written = self.commit(&database.connection, now).map_err(|error| RecordError::broken(&error))?;
        self.sessions.committed(&self.saved, now);
        let (last, sync_to) = (self.group.last, self.group.sync_to);
        self.shared.written.advance_sparingly(last, &mut self.wakers);
        if written || sync_to > self.shared.synced.done() {
            self.shared.sync.written(sync_to);
        }
        for event in self.live.drain(..) {
            // No receiver left: nobody misses it.
            drop(self.shared.live.send(event));
        }
        let pages = database.pages.load(Ordering::Relaxed);
        if database.checkpoints.after_commit(pages, &self.room) == Next::Finish {
            schema::checkpoint(&database.connection, "PASSIVE")?;
        }
        Ok(())
    }

    fn commit(&mut self, connection: &Connection, now: Instant) -> rusqlite::Result<bool> {
        self.saved.clear();
        let sessions = &self.sessions;
        let wants = |id: &&SessionId| sessions.get(**id).is_some_and(|live| live.wants_save(now));
        let behind = sessions.dirty.iter().filter(|id| sessions.get(**id).is_some_and(|live| !live.touched));
        self.saved.extend(sessions.touched.iter().chain(behind).filter(wants));
        #[cfg(test)]
        self.limit_pages(connection)?;
        let statements = sessions.fresh.len() + sessions.blocks.len() + self.saved.len();
        if statements == 0 {
            return Ok(false);
        }
        let transaction = statements > 1;
        if transaction {
            connection.prepare_cached("BEGIN IMMEDIATE")?.execute([])?;
        }
        for (no, row) in &sessions.fresh {
            insert_session(connection, *no, row)?;
        }
        for block in &sessions.blocks {
            insert_block(connection, block)?;
        }
        for id in &self.saved {
            if let Some(live) = sessions.get(*id) {
                save_session(connection, live.no, &live.now)?;
            }
        }
        if transaction {
            connection.prepare_cached("COMMIT")?.execute([])?;
        }
        Ok(true)
    }

    #[cfg(test)]
    fn limit_pages(&self, connection: &Connection) -> rusqlite::Result<()> {
        let limit = match self.hooks.max_pages.load(Ordering::SeqCst) {
            0 => u32::MAX - 1,
            limit => limit,
        };
        connection.pragma_update_and_check(None, "max_page_count", limit, |_row| Ok(()))
    }

    /// Prunes a little, so that no append waits for long.
    fn prune_step(&mut self, database: &Opened) -> Result<(), RecordError> {
        let Some(pruning) = self.prunings.first_mut() else { return Ok(()) };
        let settings = self.shared.settings.load();
        let sessions = &self.sessions;
        let done = prune::step(&database.connection, pruning, &settings, |no| sessions.is_open(no))
            .map_err(|error| RecordError::broken(&error))?;
        if done {
            // The file itself becomes shorter when the log is moved into it.
            schema::checkpoint(&database.connection, "PASSIVE")?;
            self.prunings.remove(0).finish();
        }
        Ok(())
    }

    /// Fails everything at hand, then tries until the database can be written again. `None`: the journal is to stop.
    fn recover(&mut self, error: &RecordError, unsure: bool) -> Option<Opened> {
        tracing::error!(%error, "recording is broken: commands are refused until it works again");
        self.shared.sync.set_log(None);
        self.sessions.rolled_back();
        self.live.clear();
        self.prunings.clear();
        self.shared.fail_all(&mut self.group, error, &mut self.wakers);
        while !self.shared.stopping() {
            match recover::reopen(self, unsure) {
                Ok((opened, log)) => {
                    self.shared.sync.set_log(Some(log));
                    self.shared.recovered(&mut self.wakers);
                    tracing::info!("recording works again");
                    return Some(opened);
                }
                Err(error) => tracing::debug!(%error, "recording is still broken"),
            }
            self.shared.pause(RETRY);
        }
        None
    }
}

/// The id of a block: the session's number and the first event's.
pub(crate) fn block_id(no: i64, first: u64) -> i64 {
    no << 32 | session::column(first)
}

fn for_live(seq: u64, hash: Hash, event: &Event) -> Option<Arc<StoredEvent>> {
    let mut event = event.clone();
    if event.data.len() > MAX_LIVE {
        event.data = level::without_bodies(&event.data);
    }
    StoredEvent::compose(seq, hash, event).ok().map(Arc::new)
}

/// Writes one block.
pub(crate) fn insert_block(connection: &Connection, block: &Block) -> rusqlite::Result<()> {
    connection
        .prepare_cached("INSERT INTO block (id, last_seq, bytes) VALUES (?, ?, ?)")?
        .execute(params![block_id(block.no, block.first), session::column(block.last), block.bytes])
        .map(|_one| ())
}

fn insert_session(connection: &Connection, no: i64, row: &session::SessionRow) -> rusqlite::Result<()> {
    connection
        .prepare_cached(
            "INSERT INTO session (no, id, principal, label, kind, connection, protocol, issuer, client, source,
                 started_ms, events, denied, masked, bytes, tail_seq, tail_hash)
             VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 0, 0, 0, 0, 0, zeroblob(32))",
        )?
        .execute(params![
            no,
            row.id.to_string(),
            row.principal,
            row.label,
            row.kind.as_str(),
            row.connection,
            row.protocol,
            row.issuer,
            row.client,
            row.source,
            row.started_ms,
        ])
        .map(|_one| ())
}

/// Brings a session's row up to date.
pub(crate) fn save_session(
    connection: &Connection,
    no: i64,
    reached: &session::Reached,
) -> rusqlite::Result<()> {
    let counts = reached.counts;
    connection
        .prepare_cached(
            "UPDATE session SET events = ?, denied = ?, masked = ?, bytes = ?, tail_seq = ?, tail_hash = ?,
                 ended_ms = ?, end = ? WHERE no = ?",
        )?
        .execute(params![
            session::column(counts.events),
            session::column(counts.denied),
            session::column(counts.masked),
            session::column(counts.bytes),
            session::column(reached.seq),
            reached.hash,
            reached.ended.map(|(at, _)| at),
            reached.ended.map(|(_, end)| end.as_str()),
            no,
        ])
        .map(|_one| ())
}
