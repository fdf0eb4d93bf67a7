//! All child processes of all connections: the thread they live on, their limits, when a failed one is
//! started again, and how all of them end.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::Weak;
use std::thread::JoinHandle;
use std::time::Duration;
use std::time::Instant;

use tokio::runtime::Handle;
use tokio::sync::oneshot;
use tokio::sync::watch;

use crate::domain::ConnectionName;
use crate::domain::Denied;
use crate::domain::DenyCode;
use crate::domain::SessionId;
use crate::domain::sync::lock;
use crate::protocol::mcp::duplex::Solo;
use crate::protocol::mcp::duplex::peer;
use crate::protocol::mcp::duplex::peer::Ends;
use crate::protocol::mcp::duplex::peer::Listener;
use crate::protocol::mcp::stdio::berth::Joints;
use crate::protocol::mcp::stdio::child::run;
use crate::protocol::mcp::stdio::environment::Spec;
use crate::protocol::mcp::stdio::process::GRACE;
use crate::protocol::mcp::stdio::process::Process;
use crate::protocol::mcp::stdio::reaper::Reaper;

/// How many child processes there may be at a time.
const MOST: usize = 512;
/// How many of them may belong to sessions of one principal on one connection.
const MOST_OF_ONE: usize = 32;
/// How long to wait before a failed program is started again; doubled with each further failure.
const FIRST_DELAY: Duration = Duration::from_millis(100);
/// The maximum of this delay.
const LONGEST_DELAY: Duration = Duration::from_secs(30);
/// How long a program has to live to count as healthy again.
const SOUND: Duration = Duration::from_mins(1);
/// How long a call waits for the end of the delay before it is refused.
const PATIENCE: Duration = Duration::from_secs(5);

/// All child processes. Cheap to clone.
#[derive(Clone)]
pub struct Programs(Arc<Inner>);

struct Inner {
    home: Mutex<Option<Home>>,
    books: Mutex<BTreeMap<Key, Book>>,
    living: watch::Sender<usize>,
    closing: watch::Sender<bool>,
    joints: Joints,
    reaper: Arc<Reaper>,
}

/// The thread with the runtime of all child processes.
struct Home {
    handle: Handle,
    /// Dropping it ends the thread.
    open: watch::Sender<()>,
    thread: JoinHandle<()>,
}

/// The owner of a child process.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Key {
    /// All clients of a connection.
    Connection(ConnectionName),
    /// One principal on one connection.
    Session(SessionId),
}

/// The state of the children of one key.
#[derive(Debug, Default)]
struct Book {
    living: usize,
    restraint: Restraint,
}

/// When a failed program may be started again.
#[derive(Debug, Default, Clone, Copy)]
struct Restraint {
    delay: Duration,
    until: Option<Instant>,
}

impl Restraint {
    /// Notes that it ended by itself after living for `lived`.
    fn failed(&mut self, now: Instant, lived: Duration) {
        let delay = if lived >= SOUND { FIRST_DELAY } else { self.delay * 2 };
        self.delay = delay.clamp(FIRST_DELAY, LONGEST_DELAY);
        self.until = Some(now + self.delay);
    }

    fn left(&self, now: Instant) -> Duration {
        self.until.map_or(Duration::ZERO, |until| until.saturating_duration_since(now))
    }

    /// Returns whether it need not be remembered any longer.
    fn is_over(&self, now: Instant) -> bool {
        self.until.is_none_or(|until| now.saturating_duration_since(until) > SOUND)
    }
}

impl Default for Programs {
    fn default() -> Self {
        Self(Arc::new(Inner {
            home: Mutex::new(None),
            books: Mutex::default(),
            living: watch::Sender::new(0),
            closing: watch::Sender::new(false),
            joints: Joints::default(),
            reaper: Arc::default(),
        }))
    }
}

impl std::fmt::Debug for Programs {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Programs({})", self.living())
    }
}

impl Programs {
    /// Returns the number of child processes.
    pub fn living(&self) -> usize {
        *self.0.living.borrow()
    }

    /// Returns the shared child processes.
    pub(super) fn joints(&self) -> &Joints {
        &self.0.joints
    }

    /// Ends all children, and waits for that. From now on none is started.
    pub async fn stop(&self) {
        self.0.closing.send_replace(true);
        let mut living = self.0.living.subscribe();
        // The limit for the three steps of ending a process.
        let ended = tokio::time::timeout(GRACE * 3 + GRACE / 2, living.wait_for(|living| *living == 0));
        if ended.await.is_err() {
            tracing::warn!(children = self.living(), "some programs do not exit");
        }
        let home = lock(&self.0.home).take();
        if let Some(Home { thread, open, .. }) = home {
            drop(open);
            if thread.join().is_err() {
                tracing::error!("the thread of the programs died");
            }
        }
    }

    /// Returns the runtime for tasks of child processes.
    ///
    /// # Errors
    /// The thread cannot be started.
    pub(super) fn home(&self) -> Result<Handle, Denied> {
        let mut home = lock(&self.0.home);
        if let Some(home) = &*home {
            return Ok(home.handle.clone());
        }
        if *self.0.closing.borrow() {
            return Err(Denied::new(DenyCode::Overloaded, "the gateway is stopping"));
        }
        let started = Home::start().map_err(|error| {
            tracing::error!(%error, "cannot start the thread for programs");
            Denied::new(DenyCode::Internal, "the gateway cannot start the target's program")
        })?;
        Ok(home.insert(started).handle.clone())
    }

    /// Starts a program for `key`; `listener` gets its messages.
    ///
    /// # Errors
    /// There are too many, it failed too often, or it cannot be started.
    pub(super) async fn start<L: Listener>(
        &self,
        spec: Spec,
        key: Key,
        ends: Ends,
        listener: Weak<L>,
    ) -> Result<(), Denied> {
        let mut place = self.place(key).await?;
        let (told, started) = oneshot::channel();
        let name = spec.name.clone();
        self.home()?.spawn(async move {
            match Process::start(&spec, &place.of.reaper) {
                Ok((process, streams)) => {
                    // The caller may have left: then there is no listener either, and the child ends at once.
                    drop(told.send(Ok(())));
                    run(process, streams, spec, ends, listener, place).await;
                }
                Err(error) => {
                    place.failed(Duration::ZERO);
                    drop(told.send(Err(error)));
                }
            }
        });
        match started.await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(error)) => {
                tracing::error!(connection = %name, %error, "the program of a connection cannot be started");
                Err(Denied::new(
                    DenyCode::UpstreamUnavailable,
                    "the target's program cannot be started; tell its operator",
                )
                .because("program_not_started"))
            }
            Err(_ended) => Err(Denied::new(DenyCode::Overloaded, "the gateway is stopping")),
        }
    }

    /// Starts a program for an MCP session; `of` is its principal's session in the recording.
    ///
    /// # Errors
    /// It cannot be started, or not now.
    pub async fn begin(&self, spec: Spec, of: SessionId) -> Result<Arc<Solo>, Denied> {
        let (solo, ends) = Solo::new(peer::Kind::Program);
        self.home()?.spawn(solo.watch());
        self.start(spec, Key::Session(of), ends, Arc::downgrade(&solo)).await?;
        Ok(solo)
    }

    async fn place(&self, key: Key) -> Result<Place, Denied> {
        let now = Instant::now();
        let left = lock(&self.0.books).get(&key).map_or(Duration::ZERO, |book| book.restraint.left(now));
        if left > PATIENCE {
            let detail =
                format!("the target's program keeps failing; it is tried again in {} s", left.as_secs() + 1);
            return Err(Denied::new(DenyCode::UpstreamUnavailable, detail).because("program_fails"));
        }
        if !left.is_zero() {
            tokio::time::sleep(left).await;
        }
        let mut books = lock(&self.0.books);
        books.retain(|_, book| book.living > 0 || !book.restraint.is_over(now));
        let full = Denied::new(DenyCode::LimitExceeded, "too many programs run; end some sessions, or wait");
        let full = full.because("programs");
        if books.values().map(|book| book.living).sum::<usize>() >= MOST {
            return Err(full);
        }
        let book = books.entry(key.clone()).or_default();
        if matches!(key, Key::Session(_)) && book.living >= MOST_OF_ONE {
            return Err(full);
        }
        book.living += 1;
        self.0.living.send_modify(|living| *living += 1);
        Ok(Place { of: Arc::clone(&self.0), key, closing: self.0.closing.subscribe() })
    }
}

impl Home {
    fn start() -> std::io::Result<Self> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let handle = runtime.handle().clone();
        let (open, mut closed) = watch::channel(());
        let thread = std::thread::Builder::new().name("programs".to_owned()).spawn(move || {
            // Remaining tasks are dropped with the runtime, which kills their children.
            runtime.block_on(async { while closed.changed().await.is_ok() {} });
        })?;
        Ok(Self { handle, open, thread })
    }
}

/// A reserved slot for one child process; released on drop.
pub struct Place {
    of: Arc<Inner>,
    key: Key,
    closing: watch::Receiver<bool>,
}

impl Place {
    /// Resolves when all children have to end.
    pub async fn closes(&mut self) {
        if self.closing.wait_for(|closing| *closing).await.is_err() {
            std::future::pending::<()>().await;
        }
    }

    /// Notes that the child failed after living for `lived`.
    pub fn failed(&mut self, lived: Duration) {
        if let Some(book) = lock(&self.of.books).get_mut(&self.key) {
            book.restraint.failed(Instant::now(), lived);
        }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        if let Some(book) = lock(&self.of.books).get_mut(&self.key) {
            book.living = book.living.saturating_sub(1);
        }
        self.of.living.send_modify(|living| *living = living.saturating_sub(1));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_that_fails_waits_longer_each_time_until_it_has_lived() {
        let (now, mut restraint) = (Instant::now(), Restraint::default());
        assert_eq!(restraint.left(now), Duration::ZERO);
        let mut delays = Vec::new();
        for _ in 0..11 {
            restraint.failed(now, Duration::from_secs(59));
            delays.push(restraint.left(now).as_millis());
        }
        assert_eq!(delays, [100, 200, 400, 800, 1600, 3200, 6400, 12800, 25600, 30000, 30000]);
        restraint.failed(now, SOUND);
        assert_eq!(restraint.left(now), FIRST_DELAY);
    }

    #[tokio::test]
    async fn there_are_so_many_children_and_no_more() {
        let programs = Programs::default();
        let (one, other) = (Key::Session(SessionId::new()), Key::Session(SessionId::new()));
        let mut places = Vec::new();
        for _ in 0..MOST_OF_ONE {
            places.push(programs.place(one.clone()).await.unwrap());
        }
        assert_eq!(programs.place(one.clone()).await.err().unwrap().code, DenyCode::LimitExceeded);
        assert!(programs.place(other).await.is_ok());
        places.pop();
        places.push(programs.place(one).await.unwrap());
        for _ in 0..MOST - MOST_OF_ONE {
            places.push(programs.place(Key::Session(SessionId::new())).await.unwrap());
        }
        assert!(programs.place(Key::Connection("a".parse().unwrap())).await.is_err());
        drop(places);
        assert_eq!(programs.living(), 0);
    }
}
