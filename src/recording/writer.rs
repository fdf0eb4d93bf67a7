//! The one thread that writes recordings to the database: it takes what is queued, chains it, and commits it
//! as one transaction. What it takes is already in the write-ahead log, so hardly anybody waits for it, and
//! its groups may be large.

use std::path::Path;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::AtomicU32;
use std::sync::atomic::Ordering;
use std::task::Waker;
use std::time::Duration;
use std::time::Instant;

use rusqlite::Connection;

use crate::domain::event::Event;
use crate::domain::id::SessionId;
use crate::domain::sync::lock;
use crate::recording::chain::Hash;
use crate::recording::checkpoint::CheckpointRoom;
use crate::recording::checkpoint::Checkpoints;
use crate::recording::checkpoint::Next;
use crate::recording::error::RecordError;
use crate::recording::level;
use crate::recording::line::StoredEvent;
use crate::recording::live::SAVE_AFTER;
use crate::recording::live::Sessions;
use crate::recording::prune;
use crate::recording::prune::Pruning;
use crate::recording::prune::Spared;
use crate::recording::queue::Fault;
use crate::recording::queue::Group;
use crate::recording::recover;
use crate::recording::rows;
use crate::recording::schema;
use crate::recording::schema::Files;
use crate::recording::session;
use crate::recording::shared::Shared;
use crate::recording::syncer::Log;
use crate::recording::wal;
use crate::recording::wal::Position;
use crate::recording::wal::Segment;
use crate::recording::wal::replay;

/// How long the writer waits before it retries a broken database.
const RETRY: Duration = Duration::from_millis(250);
/// Events longer than this many bytes are sent to the live stream without their bodies.
const MAX_LIVE: usize = 64 << 10;

/// The writer and everything it owns.
pub(crate) struct Writer {
    pub(crate) shared: Arc<Shared>,
    pub(crate) room: Arc<CheckpointRoom>,
    pub(crate) path: PathBuf,
    pub(crate) files: Files,
    pub(crate) sessions: Sessions,
    #[cfg(test)]
    pub(crate) hooks: Hooks,
    group: Group,
    /// Number of the last group that was committed, or attempted.
    groups: u64,
    /// Whether the outcome of that commit is unknown.
    in_doubt: bool,
    saved: Vec<SessionId>,
    live: Vec<Arc<StoredEvent>>,
    wakers: Vec<Waker>,
    prunings: Vec<Pruning>,
}

/// Fault injection for tests, between the writer and the disk.
#[cfg(test)]
#[derive(Default, Clone)]
pub(crate) struct Hooks {
    /// Maximum number of pages of the database; 0: no limit.
    pub(crate) max_pages: Arc<AtomicU32>,
    /// Whether syncs fail.
    pub(crate) sync_fails: Arc<std::sync::atomic::AtomicBool>,
    /// Whether writes to the write-ahead log fail.
    pub(crate) write_fails: Arc<std::sync::atomic::AtomicBool>,
}

/// An open database, as the writer uses it.
pub(crate) struct Opened {
    connection: Connection,
    /// Pages in SQLite's log after the last commit.
    pages: Arc<AtomicU32>,
    checkpoints: Checkpoints,
}

impl Opened {
    /// Prepares a connection for the writer, and SQLite's log for the syncer.
    pub(crate) fn new(
        mut connection: Connection,
        writer: &mut Writer,
    ) -> Result<(Self, Arc<Log>), RecordError> {
        let pages = Arc::new(AtomicU32::new(0));
        let seen = Arc::clone(&pages);
        connection
            .wal_hook(Some(move |_log: &mut rusqlite::hooks::Wal, length: std::ffi::c_int| {
                seen.store(length.unsigned_abs(), Ordering::Relaxed);
                Ok(())
            }))
            .map_err(|error| RecordError::broken(&error))?;
        // SQLite's log is created by the first write.
        connection
            .execute("UPDATE probe SET n = n + 1 WHERE id = 1", [])
            .map_err(|error| RecordError::broken(&error))?;
        let log = Log::open(&writer.path).map_err(|error| RecordError::broken(&error))?;
        writer.files.note_log();
        Ok((Self { connection, pages, checkpoints: Checkpoints::default() }, Arc::new(log)))
    }
}

/// Why the writer stopped serving.
enum Halt {
    Stopped,
    Broken(Fault),
}

impl Writer {
    pub(crate) fn new(
        shared: Arc<Shared>,
        room: Arc<CheckpointRoom>,
        path: PathBuf,
        last_no: i64,
        groups: u64,
        #[cfg(test)] hooks: Hooks,
    ) -> Self {
        Self {
            shared,
            room,
            files: Files::at(&path),
            path,
            sessions: Sessions::starting_after(last_no),
            #[cfg(test)]
            hooks,
            group: Group::default(),
            groups,
            in_doubt: false,
            saved: Vec::new(),
            live: Vec::new(),
            wakers: Vec::new(),
            prunings: Vec::new(),
        }
    }

    /// Runs the thread.
    pub(crate) fn run(mut self, opened: Opened) {
        let mut opened = Some(opened);
        while let Some(mut database) = opened.take() {
            match self.serve(&mut database) {
                Halt::Stopped => return self.close(&database),
                Halt::Broken(fault) => {
                    drop(database);
                    opened = self.recover(fault);
                }
            }
        }
    }

    /// Leaves the database as a single file. What cannot be moved or synced now is found in SQLite's log, or
    /// in the write-ahead log, at the next start.
    fn close(&self, database: &Opened) {
        let moved = schema::checkpoint(&database.connection, "TRUNCATE").and_then(|moved| {
            if !moved {
                let log = Log::open(&self.path).map_err(|error| RecordError::broken(&error))?;
                self.shared.sync.sync_log(&log).map_err(|error| RecordError::broken(&error))?;
            }
            self.remove_before(self.shared.forget_sealed() + 1)
        });
        if let Err(error) = moved {
            tracing::warn!(%error, "the log of recordings stays beside the database");
        }
    }

    fn serve(&mut self, database: &mut Opened) -> Halt {
        loop {
            let deadline = self.deadline();
            self.shared.take(&mut self.group, Some(deadline));
            if let Some(fault) = self.group.fault.take() {
                return Halt::Broken(fault);
            }
            self.prunings.append(&mut self.group.prunings);
            let done = self
                .check_files(database)
                .and_then(|()| self.record(database, false))
                .and_then(|()| if self.group.full { self.next_segment() } else { Ok(()) })
                .and_then(|()| self.prune_step(database));
            if let Err(error) = done {
                return Halt::Broken(Fault { error, unsure: false });
            }
            self.shared.check_segment();
            if self.group.stop && self.prunings.is_empty() {
                return Halt::Stopped;
            }
        }
    }

    /// Checks that the database and SQLite's log are the files that they were. A log that is gone is open
    /// here still: what is in it is moved into the database, and the log is made anew. While a reader keeps
    /// it from being moved, it is written on: closing it would lose it.
    fn check_files(&self, database: &Opened) -> Result<(), RecordError> {
        self.files.check_database()?;
        if self.files.check().is_ok()
            || !matches!(schema::checkpoint(&database.connection, "TRUNCATE"), Ok(true))
        {
            return Ok(());
        }
        let detail = "SQLite's log was removed or replaced while the gateway ran: it is made anew".into();
        Err(RecordError::Broken { detail })
    }

    /// Returns when the writer must act even if nothing is queued: it saves sessions, and looks whether its
    /// files are still there.
    fn deadline(&self) -> Instant {
        if self.prunings.is_empty() { Instant::now() + SAVE_AFTER } else { Instant::now() }
    }

    /// Commits the group to the database. With `mark`, its position is committed even if there is nothing
    /// else. The group is kept until the commit succeeded.
    fn record(&mut self, database: &mut Opened, mark: bool) -> Result<(), RecordError> {
        let watched = self.shared.live.receiver_count() > 0;
        for event in self.group.events.iter().chain(&self.group.owed) {
            match self.sessions.add(event) {
                Ok((seq, hash)) if watched => self.live.extend(for_live(seq, hash, event)),
                Ok(_) => {}
                Err(error) => {
                    tracing::error!(session = %event.session, kind = %event.kind, %error, "an event is not recorded");
                }
            }
        }
        let now = Instant::now();
        self.saved.clear();
        #[cfg(test)]
        self.limit_pages(&database.connection).map_err(|error| RecordError::broken(&error))?;
        self.groups += 1;
        self.in_doubt = true;
        let place = Place { upto: self.group.upto, groups: self.groups };
        self.sessions.pack();
        let written = commit(&database.connection, &self.sessions, &mut self.saved, now, place, mark)
            .map_err(|error| RecordError::broken(&error))?;
        self.in_doubt = false;
        self.shared.forget(&self.sessions.committed(&self.saved, now));
        self.group.events.clear();
        self.group.owed.clear();
        self.shared.mark_stored(self.group.last, &mut self.wakers);
        if written {
            self.shared.sync.written();
        }
        for event in self.live.drain(..) {
            // Fails only without receivers.
            drop(self.shared.live.send(event));
        }
        let pages = database.pages.load(Ordering::Relaxed);
        if database.checkpoints.after_commit(pages, &self.room) == Next::Finish {
            schema::checkpoint(&database.connection, "PASSIVE")?;
        }
        Ok(())
    }

    fn directory(&self) -> &Path {
        self.path.parent().unwrap_or_else(|| Path::new("."))
    }

    /// Creates the next segment of the write-ahead log.
    fn make_segment(&self) -> Result<Segment, RecordError> {
        let number = self.group.upto.segment + 1;
        Segment::make(self.directory(), number).map_err(|error| RecordError::broken(&error))
    }

    fn remove_before(&self, end: u64) -> Result<(), RecordError> {
        wal::remove_before(self.directory(), end).map_err(|error| RecordError::broken(&error))
    }

    fn next_segment(&mut self) -> Result<(), RecordError> {
        self.group.full = false;
        self.shared.go_on_in(self.make_segment()?)
    }

    #[cfg(test)]
    fn limit_pages(&self, connection: &Connection) -> rusqlite::Result<()> {
        let limit = match self.hooks.max_pages.load(Ordering::SeqCst) {
            0 => u32::MAX - 1,
            limit => limit,
        };
        connection.pragma_update_and_check(None, "max_page_count", limit, |_row| Ok(()))
    }

    /// Does one small step of pruning, so that no append waits for long.
    fn prune_step(&mut self, database: &Opened) -> Result<(), RecordError> {
        let Some(pruning) = self.prunings.first_mut() else { return Ok(()) };
        let sessions = &self.sessions;
        // Held until the step is over: whoever places a legal hold afterwards can see whether the session was
        // already removed.
        let legal_holds = lock(&self.shared.legal_holds);
        let spared = Spared { is_open: &|no| sessions.is_open(no), legal_holds: &legal_holds };
        let done = prune::step(&database.connection, pruning, &spared)
            .map_err(|error| RecordError::broken(&error))?;
        drop(legal_holds);
        if done {
            // The file itself shrinks when the log is moved into it.
            schema::checkpoint(&database.connection, "PASSIVE")?;
            self.prunings.remove(0).finish();
        }
        Ok(())
    }

    /// Fails all waiters, then retries until the database can be written again and holds everything that was
    /// acknowledged. `None`: the journal is stopping; the next start does the rest.
    fn recover(&mut self, fault: Fault) -> Option<Opened> {
        let Fault { error, mut unsure } = fault;
        let database = self.path.display();
        tracing::error!(%database, %error, "recording is broken: commands are refused until it works again");
        self.shared.sync.set_log(None);
        self.shared.fail_all(&error, &mut self.wakers);
        self.prunings.clear();
        while !self.shared.stopping() {
            if matches!(error, RecordError::Replaced { .. }) {
                // Nothing that the gateway could do by itself would bring the recordings back.
                self.shared.pause(RETRY);
                continue;
            }
            self.sessions.rolled_back();
            self.live.clear();
            let revived = self.revive(&mut unsure);
            match revived.and_then(|opened| self.shared.recovered(&mut self.wakers).map(|()| opened)) {
                Ok(opened) => {
                    tracing::info!("recording works again");
                    return Some(opened);
                }
                Err(fault) => {
                    tracing::debug!(error = %fault.error, "recording is still broken");
                    unsure |= fault.unsure;
                    self.shared.sync.set_log(None);
                }
            }
            self.shared.pause(RETRY);
        }
        None
    }

    /// Reopens the database, starts a new segment, and commits everything that was acknowledged before.
    fn revive(&mut self, unsure: &mut bool) -> Result<Opened, Fault> {
        let sure = |error| Fault { error, unsure: false };
        let broken = |error: rusqlite::Error| sure(RecordError::broken(&error));
        let (mut opened, log) = recover::reopen(self, *unsure).map_err(sure)?;
        if self.in_doubt && replay::place(&opened.connection).map_err(broken)?.groups == self.groups {
            // The last group was committed after all, although its commit returned an error.
            self.group.events.clear();
            self.group.owed.clear();
        }
        self.shared.take_rest(&mut self.group);
        if self.shared.is_tainted() {
            self.shared.begin_anew(self.make_segment().map_err(sure)?);
            self.shared.take_rest(&mut self.group);
        }
        *unsure |= self.group.fault.take().is_some_and(|fault| fault.unsure);
        self.record(&mut opened, true).map_err(sure)?;
        if *unsure && !schema::checkpoint(&opened.connection, "TRUNCATE").map_err(sure)? {
            let detail = "a reader keeps the log from being written again".into();
            return Err(sure(RecordError::Broken { detail }));
        }
        self.shared.sync.sync_log(&log).map_err(|error| sure(RecordError::broken(&error)))?;
        self.remove_before(self.shared.forget_sealed()).map_err(sure)?;
        self.shared.sync.set_log(Some(log));
        Ok(opened)
    }
}

/// How far the database has got.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Place {
    /// The position in the write-ahead log that it has reached.
    pub(crate) upto: Position,
    /// Number of the last committed group.
    pub(crate) groups: u64,
}

/// Writes the current group as one transaction. `saved` receives the sessions whose rows were updated.
/// Returns `false` if there was nothing to write; with `mark` there always is.
fn commit(
    connection: &Connection,
    sessions: &Sessions,
    saved: &mut Vec<SessionId>,
    now: Instant,
    place: Place,
    mark: bool,
) -> rusqlite::Result<bool> {
    let wants = |id: &&SessionId| sessions.get(**id).is_some_and(|live| live.wants_save(now));
    let behind = sessions.dirty.iter().filter(|id| sessions.get(**id).is_some_and(|live| !live.touched));
    saved.extend(sessions.touched.iter().chain(behind).filter(wants));
    if !mark && sessions.fresh.is_empty() && sessions.blocks.is_empty() && saved.is_empty() {
        return Ok(false);
    }
    connection.prepare_cached("BEGIN IMMEDIATE")?.execute([])?;
    for (no, row) in &sessions.fresh {
        rows::insert_session(connection, *no, row)?;
    }
    for block in &sessions.blocks {
        rows::insert_block(connection, block)?;
    }
    for id in &*saved {
        if let Some(live) = sessions.get(*id) {
            rows::save_session(connection, live.no, &live.now)?;
        }
    }
    let Place { upto, groups } = place;
    connection
        .prepare_cached("UPDATE ahead SET segment = ?, at = ?, groups = ? WHERE id = 1")?
        .execute([upto.segment, upto.at, groups].map(session::column))?;
    connection.prepare_cached("COMMIT")?.execute([])?;
    Ok(true)
}

/// Commits like [`commit`], for a journal that is being opened.
pub(crate) fn commit_all(
    connection: &Connection,
    sessions: &mut Sessions,
    place: Place,
) -> rusqlite::Result<()> {
    let (mut saved, now) = (Vec::new(), Instant::now());
    sessions.pack();
    commit(connection, sessions, &mut saved, now, place, true)?;
    sessions.committed(&saved, now);
    Ok(())
}

fn for_live(seq: u64, hash: Hash, event: &Event) -> Option<Arc<StoredEvent>> {
    let mut event = event.clone();
    if event.data.len() > MAX_LIVE {
        event.data = level::without_content(event.kind, &event.data);
    }
    StoredEvent::compose(seq, hash, event).ok().map(Arc::new)
}
