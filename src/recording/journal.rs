//! The journal: the pipeline appends events to it and learns when they are durable.

use std::future::Future;
use std::panic::AssertUnwindSafe;
use std::path::Path;
use std::path::PathBuf;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::Mutex;
use std::task::Context;
use std::task::Poll;
use std::thread::JoinHandle;

use tokio::sync::broadcast;

use crate::domain::event::Event;
use crate::domain::id::SessionId;
use crate::domain::now_ms;
use crate::domain::sync::lock;
use crate::recording::checkpoint;
use crate::recording::checkpoint::CheckpointRoom;
use crate::recording::error::RecordError;
use crate::recording::line::StoredEvent;
use crate::recording::prune::PruneReport;
use crate::recording::prune::Pruning;
use crate::recording::queue::Durability;
use crate::recording::queue::Stage;
use crate::recording::reader::ReadError;
use crate::recording::reader::Reader;
use crate::recording::recover;
use crate::recording::recover::OpenReport;
use crate::recording::removed;
use crate::recording::removed::Removal;
use crate::recording::schema;
use crate::recording::settings::Settings;
use crate::recording::settings::SyncMode;
use crate::recording::shared::Shared;
use crate::recording::syncer;
use crate::recording::wal;
use crate::recording::wal::Segment;
use crate::recording::wal::Wal;
use crate::recording::wal::replay;
#[cfg(test)]
use crate::recording::writer::Hooks;
use crate::recording::writer::Opened;
use crate::recording::writer::Writer;

/// A handle to the journal. Cheap to clone. The journal is closed by [`Journal::close`], or when the last
/// handle is dropped.
#[derive(Clone)]
pub struct Journal {
    owner: Arc<Owner>,
}

struct Owner {
    shared: Arc<Shared>,
    path: PathBuf,
    report: OpenReport,
    threads: Mutex<Vec<JoinHandle<()>>>,
}

/// Resolves when the events of one append are as durable as requested, or are known not to be recorded.
#[must_use = "an event is only known to be recorded once this resolved"]
pub struct Appended(State);

enum State {
    Done(Option<Result<(), RecordError>>),
    Waiting { shared: Arc<Shared>, ticket: u64, stage: Stage, registered: bool },
}

impl Journal {
    /// Opens the journal in `data_dir` or creates it, closes sessions that a dead process left open, and
    /// starts the journal's threads. The caller holds the lock of the data directory.
    ///
    /// # Errors
    /// A file that is not a journal, is truncated, has a newer schema, or is accessible to others; it is left
    /// unchanged.
    pub fn open(data_dir: &Path, settings: Settings) -> Result<Self, RecordError> {
        Self::open_with(
            data_dir,
            settings,
            #[cfg(test)]
            Hooks::default(),
        )
    }

    fn open_with(
        data_dir: &Path,
        settings: Settings,
        #[cfg(test)] hooks: Hooks,
    ) -> Result<Self, RecordError> {
        let (connection, path, made) = schema::open_writer(data_dir)?;
        let cannot = |error: rusqlite::Error| RecordError::Open {
            path: path.clone(),
            detail: error.to_string().into(),
        };
        // Nothing runs yet that could try again: the database itself cannot be used.
        let in_file = |error: RecordError| match error {
            RecordError::Broken { detail } => RecordError::Open { path: path.clone(), detail },
            other => other,
        };
        let replayed = replay::replay(&connection, data_dir).map_err(in_file)?;
        let mut report = recover::close_interrupted(&connection, now_ms()).map_err(cannot)?;
        report.unreadable = replayed.damaged;
        report.made = made;
        let last_no = recover::last_no(&connection).map_err(cannot)?;
        let segment = Segment::make(data_dir, replayed.next).map_err(|error| RecordError::Open {
            path: data_dir.to_owned(),
            detail: error.to_string().into(),
        })?;
        let shared = Arc::new(Shared::new(settings, Wal::new(segment)));
        #[cfg(test)]
        {
            shared.fail_writes(&hooks.write_fails);
            *lock(&shared.sync.fails) = Arc::clone(&hooks.sync_fails);
        }
        let room = Arc::new(CheckpointRoom::default());
        let mut writer = Writer::new(
            Arc::clone(&shared),
            Arc::clone(&room),
            path.clone(),
            last_no,
            replayed.groups,
            #[cfg(test)]
            hooks,
        );
        let (opened, log) = Opened::new(connection, &mut writer).map_err(in_file)?;
        shared.sync.sync_log(&log).map_err(|error| RecordError::broken(&error))?;
        replayed
            .done
            .iter()
            .try_for_each(std::fs::remove_file)
            .map_err(|error| RecordError::broken(&error))?;
        shared.sync.set_log(Some(log));
        let owner = Owner { shared, path, report, threads: Mutex::default() };
        // The writer first: it is the one that ends the other two.
        let (shared, syncing) = (Arc::clone(&owner.shared), Arc::clone(&owner.shared));
        let (ends, moves) = (Arc::clone(&room), owner.path.clone());
        owner.spawn("record", move || run_writer(writer, opened, &shared, &ends))?;
        owner.spawn("record-sync", move || run_syncer(&syncing))?;
        owner.spawn("record-move", move || checkpoint::run(&room, &moves))?;
        Ok(Self { owner: Arc::new(owner) })
    }

    /// Applies to the database what a gateway that died had written only to the write-ahead log, if anything.
    /// The caller holds the lock of the data directory. Returns whether the database did not exist and was
    /// created.
    ///
    /// # Errors
    /// As [`Journal::open`].
    pub fn finish(data_dir: &Path, settings: Settings) -> Result<bool, RecordError> {
        if wal::segments(data_dir).is_ok_and(|segments| segments.is_empty()) {
            return Ok(false);
        }
        let journal = Self::open(data_dir, settings)?;
        journal.close();
        Ok(journal.report().made)
    }

    /// Counts the write-ahead log segments in the data directory. While no journal is open, their content is
    /// not in the database.
    pub fn unsettled(data_dir: &Path) -> usize {
        wal::segments(data_dir).map_or(0, |segments| segments.len())
    }

    /// Lists files in the data directory whose content could not be recovered after a crash.
    pub fn unreadable(data_dir: &Path) -> Vec<PathBuf> {
        let paths = std::fs::read_dir(data_dir).into_iter().flatten().flatten().map(|entry| entry.path());
        paths.filter(|path| path.extension().is_some_and(|ending| ending == replay::DAMAGED)).collect()
    }

    /// Opens a journal like [`Journal::open`], with fault injection for tests, between the writer and the
    /// disk.
    #[cfg(test)]
    pub(crate) fn open_hooked(
        data_dir: &Path,
        settings: Settings,
        hooks: Hooks,
    ) -> Result<Self, RecordError> {
        Self::open_with(data_dir, settings, hooks)
    }

    /// Records events in order, all or none. They are written when this returns. The future resolves when
    /// they are as durable as requested; at once for [`Durability::Written`]. While the database is far
    /// behind, it resolves only when the database has caught up. Events that the recording level leaves out
    /// resolve at once.
    ///
    /// With `sync = "all"`, `Written` means [`Durability::Synced`].
    pub fn append(&self, events: impl IntoIterator<Item = Event>, durability: Durability) -> Appended {
        let shared = &self.owner.shared;
        let durability = match shared.settings.load().sync {
            SyncMode::All => Durability::Synced,
            SyncMode::Writes => durability,
        };
        Appended(match shared.enqueue(events, Some(durability)) {
            Ok(Some((ticket, stage))) => {
                State::Waiting { shared: Arc::clone(shared), ticket, stage, registered: false }
            }
            Ok(None) => State::Done(Some(Ok(()))),
            Err(error) => State::Done(Some(Err(error))),
        })
    }

    /// Records an event without waiting for it, such as a reply or an end. It is written within about 10 ms,
    /// or 50 ms under load, and mostly visible in the database within 60 ms.
    ///
    /// # Errors
    /// Immediately, if the journal is broken, closed or overloaded: the event is then not recorded. The end
    /// of a session is kept nevertheless, and recorded when the journal works again.
    pub fn push(&self, event: Event) -> Result<(), RecordError> {
        self.owner.shared.enqueue([event], None).map(|_ticket| ())
    }

    /// Records one event, which is written when this returns: it survives the death of the process.
    ///
    /// # Errors
    /// As [`Journal::push`].
    pub fn write(&self, event: Event) -> Result<(), RecordError> {
        self.owner.shared.enqueue([event], Some(Durability::Written)).map(|_ticket| ())
    }

    /// Resolves when everything recorded before is in the database, where a [`Reader`] finds it.
    pub fn flush(&self) -> Appended {
        let shared = &self.owner.shared;
        Appended(match shared.press() {
            Ok(ticket) => {
                State::Waiting { shared: Arc::clone(shared), ticket, stage: Stage::Stored, registered: false }
            }
            Err(error) => State::Done(Some(Err(error))),
        })
    }

    /// Returns whether events can be recorded now. The journal recovers by itself when space is freed or the
    /// disk responds again.
    ///
    /// # Errors
    /// Why events cannot be recorded.
    pub fn healthy(&self) -> Result<(), RecordError> {
        self.owner.shared.healthy()
    }

    /// Subscribes to the live stream: every event from now on, once it is recorded. A slow receiver is told
    /// that it missed some. An event with more than 64 KiB of data is sent without the content of its body,
    /// with its true number and hash.
    pub fn subscribe(&self) -> broadcast::Receiver<Arc<StoredEvent>> {
        self.owner.shared.live.subscribe()
    }

    /// Places sessions under legal hold: retention removes nothing of them after this returns. What was
    /// removed before is not restored.
    pub fn place_legal_holds(&self, sessions: impl IntoIterator<Item = SessionId>) {
        lock(&self.owner.shared.legal_holds).extend(sessions);
    }

    /// Lifts the legal hold of a session.
    pub fn lift_legal_hold(&self, session: SessionId) {
        lock(&self.owner.shared.legal_holds).remove(&session);
    }

    /// Returns the number of sessions under legal hold.
    pub fn legal_holds(&self) -> usize {
        lock(&self.owner.shared.legal_holds).len()
    }

    /// Returns whether a session is under legal hold.
    #[cfg(test)]
    pub(crate) fn is_under_legal_hold(&self, session: SessionId) -> bool {
        lock(&self.owner.shared.legal_holds).contains(&session)
    }

    /// Returns what retention removes next, as of `now_ms`. The caller notes it where it survives the loss of
    /// the recordings, and then passes it to [`Journal::prune`]. Blocks.
    ///
    /// # Errors
    /// The database cannot be read.
    pub fn next_removal(&self, now_ms: i64) -> Result<Removal, ReadError> {
        let folder = self.owner.path.parent().unwrap_or(Path::new(""));
        let reader = Reader::open(folder)?;
        let held = lock(&self.owner.shared.legal_holds).clone();
        Ok(removed::next(&reader.connection, now_ms, &self.settings(), &held)?)
    }

    /// Returns whether the database and SQLite's log of it may hold more than `max_size`. Costs two system
    /// calls; [`Journal::next_removal`] is exact.
    pub fn may_exceed_size(&self) -> bool {
        let length = |path: &Path| std::fs::metadata(path).map_or(0, |metadata| metadata.len());
        let path = &self.owner.path;
        length(path) + length(&schema::log_path(path)) > self.settings().max_size
    }

    /// Removes the events of the given sessions that have ended, and the rows of those that were pruned,
    /// except sessions that are under legal hold by now, and returns free space. Appends continue meanwhile.
    ///
    /// # Errors
    /// The journal is broken or closed, or becomes so meanwhile.
    pub async fn prune(&self, now_ms: i64, removal: Removal) -> Result<PruneReport, RecordError> {
        let (pruning, report) = Pruning::new(now_ms, removal);
        self.owner.shared.enqueue_pruning(pruning)?;
        report.await.map_err(|_dropped| self.why_stopped())
    }

    /// Prunes like [`Journal::prune`], for callers without a runtime. Must not be called on a runtime's
    /// thread.
    ///
    /// # Errors
    /// As [`Journal::prune`].
    pub fn prune_blocking(&self, now_ms: i64, removal: Removal) -> Result<PruneReport, RecordError> {
        let (pruning, report) = Pruning::new(now_ms, removal);
        self.owner.shared.enqueue_pruning(pruning)?;
        report.blocking_recv().map_err(|_dropped| self.why_stopped())
    }

    fn why_stopped(&self) -> RecordError {
        self.healthy().err().unwrap_or(RecordError::Stopped)
    }

    /// Returns the settings in force.
    pub fn settings(&self) -> Arc<Settings> {
        self.owner.shared.settings.load_full()
    }

    /// Applies other settings to events from now on.
    pub fn reconfigure(&self, settings: Settings) {
        self.owner.shared.settings.store(Arc::new(settings));
    }

    /// Returns what was found when the journal was opened.
    pub fn report(&self) -> &OpenReport {
        &self.owner.report
    }

    /// Writes and syncs all queued events, and ends the threads. Blocks until then. Nothing is accepted
    /// afterwards.
    pub fn close(&self) {
        self.owner.close();
    }
}

impl Owner {
    fn spawn(&self, name: &str, run: impl FnOnce() + Send + 'static) -> Result<(), RecordError> {
        let thread = std::thread::Builder::new()
            .name(name.to_owned())
            .spawn(run)
            .map_err(|error| RecordError::Thread { detail: error.to_string().into() })?;
        lock(&self.threads).push(thread);
        Ok(())
    }

    fn close(&self) {
        self.shared.stop();
        let threads = std::mem::take(&mut *lock(&self.threads));
        for thread in threads {
            if thread.join().is_err() {
                tracing::error!("a thread of the recorder died");
            }
        }
    }
}

impl Drop for Owner {
    fn drop(&mut self) {
        self.close();
    }
}

/// Runs the writer's thread. If it panics, all waiters are told, and nothing more is accepted.
fn run_writer(writer: Writer, opened: Opened, shared: &Shared, room: &CheckpointRoom) {
    let run = std::panic::catch_unwind(AssertUnwindSafe(|| writer.run(opened)));
    if run.is_err() {
        let error = RecordError::Broken { detail: "the recorder died: restart the gateway".into() };
        tracing::error!(%error, "recording is broken");
        shared.fail_all(&error, &mut Vec::new());
    }
    shared.sync.stop();
    room.stop();
}

/// Runs the syncer's thread. All remaining waiters are told when it ends.
fn run_syncer(shared: &Shared) {
    let run = std::panic::catch_unwind(AssertUnwindSafe(|| syncer::run(shared)));
    let error = match run {
        Ok(()) => RecordError::Stopped,
        Err(_panic) => RecordError::Broken { detail: "the recorder died: restart the gateway".into() },
    };
    shared.fail_all(&error, &mut Vec::new());
}

impl Future for Appended {
    type Output = Result<(), RecordError>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let State::Waiting { shared, ticket, stage, registered } = &mut self.0 else {
            let State::Done(outcome) = &mut self.0 else { return Poll::Pending };
            // Polling again after completion is a bug of the caller; it must not look like success.
            return Poll::Ready(outcome.take().unwrap_or(Err(RecordError::Stopped)));
        };
        let outcome = match shared.outcome(*ticket, *stage) {
            Some(outcome) => outcome,
            None if shared.progress(*stage).wait(*ticket, context.waker(), *registered) => {
                *registered = true;
                // A failure between the two checks woke those who were registered then.
                match shared.outcome(*ticket, *stage) {
                    Some(outcome) => outcome,
                    None => return Poll::Pending,
                }
            }
            // Completed between the two checks.
            None => shared.outcome(*ticket, *stage).unwrap_or(Err(RecordError::Stopped)),
        };
        if *registered {
            shared.progress(*stage).relay();
        }
        self.0 = State::Done(None);
        Poll::Ready(outcome)
    }
}

impl Drop for Appended {
    fn drop(&mut self) {
        if let State::Waiting { shared, ticket, stage, registered: true } = &self.0 {
            shared.progress(*stage).leave(*ticket);
        }
    }
}

impl std::fmt::Debug for Journal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Journal").field("path", &self.owner.path).finish_non_exhaustive()
    }
}
