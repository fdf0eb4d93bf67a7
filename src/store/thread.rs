//! The store's thread and the handle that sends it jobs.

use std::panic::AssertUnwindSafe;
use std::panic::catch_unwind;
use std::path::Path;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::mpsc;
use std::thread;
use std::thread::JoinHandle;
use std::time::Duration;
use std::time::Instant;

use tokio::sync::OwnedSemaphorePermit;
use tokio::sync::Semaphore;
use tokio::sync::oneshot;

use crate::store::DB_FILE;
use crate::store::db::Change;
use crate::store::db::Db;
use crate::store::db::View;
use crate::store::error::StoreError;
use crate::store::folder;

/// The name of the recordings' file in the data directory.
const RECORDINGS: &str = "events.db";
/// Maximum number of calls that wait or run.
const QUEUE: usize = 1024;
/// How long a call waits for a place in the queue before it is refused.
const QUEUE_WAIT: Duration = Duration::from_secs(5);

/// Returns the path of the file.
///
/// # Errors
/// It is missing beside recordings: locks, holds and the trail of what was recorded would be gone silently.
fn path_in(data_dir: &Path) -> Result<PathBuf, StoreError> {
    let (path, recordings) = (data_dir.join(DB_FILE), data_dir.join(RECORDINGS));
    if !path.exists() && recordings.metadata().is_ok_and(|metadata| metadata.len() > 0) {
        return Err(StoreError::Alone { path, recordings });
    }
    Ok(path)
}

type Job = Box<dyn FnOnce(&mut Db) + Send>;

/// The handle of the store. Cheap to clone; the file is closed when the last one is dropped.
#[derive(Clone)]
pub struct Store(Arc<Shared>);

struct Shared {
    /// `None` only during drop.
    jobs: Option<mpsc::Sender<Job>>,
    room: Arc<Semaphore>,
    thread: Option<JoinHandle<()>>,
}

impl Store {
    /// Opens `data_dir/hoopctl.db`, creating both if they are missing. The caller holds the
    /// [`super::DataDirLock`].
    ///
    /// # Errors
    /// A missing file beside recordings, which are never made without it. A directory or file that is
    /// accessible to others or belongs to another user; a file that is damaged, not ours, read-only or has a
    /// newer schema. None of these is changed.
    pub fn open(data_dir: &Path) -> Result<Self, StoreError> {
        folder::private_folder(data_dir)?;
        let path = path_in(data_dir)?;
        Self::of(Db::open(&path)?, data_dir)
    }

    /// Checks `data_dir/hoopctl.db` as [`Store::open`] does, and changes nothing. Returns the sealed secrets
    /// in it; none if there is no file yet. The caller holds the [`super::DataDirLock`].
    ///
    /// # Errors
    /// As [`Store::open`].
    pub fn check(data_dir: &Path) -> Result<Vec<(String, Vec<u8>)>, StoreError> {
        let path = path_in(data_dir)?;
        if path.exists() { Db::check(&path) } else { Ok(Vec::new()) }
    }

    /// Creates an empty one, in memory only, for reading where there is none.
    ///
    /// # Errors
    /// No memory or no thread is available.
    pub fn empty() -> Result<Self, StoreError> {
        Self::of(Db::empty()?, Path::new(""))
    }

    fn of(db: Db, data_dir: &Path) -> Result<Self, StoreError> {
        let (jobs, queue) = mpsc::channel::<Job>();
        let thread = thread::Builder::new().name("store".into()).spawn(move || work(db, &queue)).map_err(
            |source| StoreError::Io { operation: "start a thread for", path: data_dir.into(), source },
        )?;
        let room = Arc::new(Semaphore::new(QUEUE));
        Ok(Self(Arc::new(Shared { jobs: Some(jobs), room, thread: Some(thread) })))
    }

    /// Runs `job` on the store's thread. Once queued it is run, even if the caller goes away.
    ///
    /// # Errors
    /// The job's errors; [`StoreError::Overloaded`] if the queue stays full for five seconds,
    /// [`StoreError::Stopped`].
    pub async fn call<T: Send + 'static>(
        &self,
        job: impl FnOnce(&mut Db) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        let room = Arc::clone(&self.0.room);
        let place = match Arc::clone(&room).try_acquire_owned() {
            Ok(place) => place,
            Err(_full) => tokio::time::timeout(QUEUE_WAIT, room.acquire_owned())
                .await
                .map_err(|_elapsed| StoreError::Overloaded)?
                .map_err(|_closed| StoreError::Stopped)?,
        };
        let (answer, answered) = oneshot::channel();
        self.submit(place, move |db| {
            // A caller that went away does not need the answer.
            drop(answer.send(job(db)));
        })?;
        answered.await.map_err(|_thread_gone| StoreError::Stopped)?
    }

    /// Runs [`Self::call`] with one transaction that may write.
    pub async fn change<T: Send + 'static>(
        &self,
        job: impl FnOnce(&Change<'_>) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        self.call(move |db| db.change(job)).await
    }

    /// Runs [`Self::call`] with one transaction that only reads.
    pub async fn read<T: Send + 'static>(
        &self,
        job: impl FnOnce(&View) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        self.call(move |db| db.read(job)).await
    }

    /// Runs [`Self::call`] for code that is not async; blocks the thread. Must not be called from within a
    /// job.
    pub fn call_blocking<T: Send + 'static>(
        &self,
        job: impl FnOnce(&mut Db) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        let give_up = Instant::now() + QUEUE_WAIT;
        let place = loop {
            match Arc::clone(&self.0.room).try_acquire_owned() {
                Ok(place) => break place,
                Err(_full) if Instant::now() < give_up => thread::sleep(Duration::from_millis(1)),
                Err(_full) => return Err(StoreError::Overloaded),
            }
        };
        let (answer, answered) = mpsc::sync_channel(1);
        self.submit(place, move |db| {
            drop(answer.send(job(db)));
        })?;
        answered.recv().map_err(|_thread_gone| StoreError::Stopped)?
    }

    /// Queues `job` without waiting for it.
    ///
    /// # Errors
    /// [`StoreError::Overloaded`] at once if the queue is full.
    pub fn call_later(&self, job: impl FnOnce(&mut Db) + Send + 'static) -> Result<(), StoreError> {
        let place = Arc::clone(&self.0.room).try_acquire_owned().map_err(|_full| StoreError::Overloaded)?;
        self.submit(place, job)
    }

    fn submit(
        &self,
        place: OwnedSemaphorePermit,
        job: impl FnOnce(&mut Db) + Send + 'static,
    ) -> Result<(), StoreError> {
        let jobs = self.0.jobs.as_ref().ok_or(StoreError::Stopped)?;
        let job = move |db: &mut Db| {
            job(db);
            drop(place);
        };
        jobs.send(Box::new(job)).map_err(|_thread_gone| StoreError::Stopped)
    }
}

impl Drop for Shared {
    fn drop(&mut self) {
        self.jobs = None;
        let Some(thread) = self.thread.take() else { return };
        // The last handle may have been inside a job: the thread cannot join itself.
        if thread.thread().id() != thread::current().id() && thread.join().is_err() {
            tracing::error!("the store's thread ended with a panic");
        }
    }
}

/// Runs one job after the other until the last handle is dropped.
fn work(mut db: Db, queue: &mpsc::Receiver<Job>) {
    while let Ok(job) = queue.recv() {
        // A panic in a job rolls its transaction back and ends its call, not the store.
        if catch_unwind(AssertUnwindSafe(|| job(&mut db))).is_err() {
            tracing::error!("a job of the store ended with a panic");
        }
    }
}
