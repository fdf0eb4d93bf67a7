//! What waits between a target and a client: queues that hold so many bytes and no more.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use tokio::sync::OwnedSemaphorePermit;
use tokio::sync::Semaphore;
use tokio::sync::mpsc;
use tokio::time::Instant;

use crate::domain::Denied;
use crate::domain::DenyCode;
use crate::domain::units::format_duration;
use crate::protocol::mcp::turn::MOST;

/// How many bytes may wait in one queue: one message of the greatest length, and some more.
const ROOM: usize = MOST + (4 << 20);
/// What is counted as one, in bytes: however short a message is, it takes as much.
const UNIT: usize = 1024;

/// One end of a queue: what is put into it.
#[derive(Debug)]
pub struct Inlet<T> {
    queue: mpsc::UnboundedSender<(T, OwnedSemaphorePermit)>,
    room: Arc<Semaphore>,
}

impl<T> Clone for Inlet<T> {
    fn clone(&self) -> Self {
        Self { queue: self.queue.clone(), room: Arc::clone(&self.room) }
    }
}

/// The other end: what is taken out of it.
#[derive(Debug)]
pub struct Outlet<T>(mpsc::UnboundedReceiver<(T, OwnedSemaphorePermit)>);

/// Why something was not put into a queue.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unsent {
    /// There is no room.
    Full,
    /// Nobody takes anything out of it any more.
    Closed,
}

/// A queue with room for a fixed number of bytes.
pub fn queue<T>() -> (Inlet<T>, Outlet<T>) {
    let (queue, taken) = mpsc::unbounded_channel();
    (Inlet { queue, room: Arc::new(Semaphore::new(units(ROOM))) }, Outlet(taken))
}

const fn units(bytes: usize) -> usize {
    bytes.div_ceil(UNIT)
}

/// How much room something takes: all of it at most, so that what is longer than the queue passes alone.
fn taken_by(bytes: usize) -> u32 {
    u32::try_from(units(bytes).min(units(ROOM))).unwrap_or(u32::MAX)
}

impl<T> Inlet<T> {
    /// Puts something of this length in, as soon as there is room.
    pub async fn put(&self, what: T, bytes: usize) -> Result<(), Unsent> {
        let room = Arc::clone(&self.room).acquire_many_owned(taken_by(bytes)).await;
        self.queue.send((what, room.map_err(|_never| Unsent::Closed)?)).map_err(|_closed| Unsent::Closed)
    }

    /// Puts something of this length in, if there is room now. What has no length always has.
    pub fn try_put(&self, what: T, bytes: usize) -> Result<(), Unsent> {
        let room = Arc::clone(&self.room).try_acquire_many_owned(taken_by(bytes));
        self.queue.send((what, room.map_err(|_none| Unsent::Full)?)).map_err(|_closed| Unsent::Closed)
    }

    /// Whether both lead into the same queue.
    pub fn is(&self, other: &Self) -> bool {
        self.queue.same_channel(&other.queue)
    }

    /// Whether nobody takes anything out of it any more.
    pub fn is_closed(&self) -> bool {
        self.queue.is_closed()
    }
}

impl<T> Outlet<T> {
    /// What comes next; `None`: nothing will. Nothing is lost when the future is dropped.
    pub async fn next(&mut self) -> Option<T> {
        self.0.recv().await.map(|(what, _room)| what)
    }
}

/// A message of a target, as its client gets it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Heard {
    /// The message.
    pub body: Bytes,
    /// It is the response that was waited for.
    pub answer: Option<Answered>,
}

/// How a response reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Answered {
    /// The status that a server behind HTTP would give it.
    pub status: u16,
    /// It is an error.
    pub failed: bool,
}

/// Where a target's messages to one client are put.
pub type Sender = Inlet<Result<Heard, Denied>>;

impl Sender {
    /// Ends the stream with this refusal, behind what waits already.
    pub fn fail(&self, denied: Denied) {
        if self.try_put(Err(denied), 0).is_err() {
            tracing::debug!("a client left before it could be told why its stream ends");
        }
    }
}

/// What a target says to one client. Dropped, it tells the other end that nobody listens.
pub struct Mail {
    queue: Outlet<Result<Heard, Denied>>,
    first: Option<Heard>,
    left: Option<Box<dyn FnOnce() + Send>>,
    limit: Option<Limit>,
}

/// How long the target may say nothing under a request.
struct Limit {
    silence: Duration,
    /// Since when it is to say something.
    since: Instant,
    /// When the target last waited for the client: now, if it still does; `None`: never.
    waited: Box<dyn Fn() -> Option<Instant> + Send>,
    /// Run when it does not.
    gives_up: Option<Box<dyn FnOnce() + Send>>,
}

impl Limit {
    fn due(&self) -> Option<Instant> {
        let waited = (self.waited)().unwrap_or(self.since);
        self.since.max(waited).checked_add(self.silence)
    }

    fn is_over(&mut self) -> Denied {
        if let Some(gives_up) = self.gives_up.take() {
            gives_up();
        }
        let silence = format_duration(self.silence);
        let detail = format!("the target neither answered nor told of progress within {silence}");
        Denied::new(DenyCode::UpstreamUnavailable, detail).because("upstream_timeout").after_sending()
    }
}

impl std::fmt::Debug for Mail {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Mail").finish_non_exhaustive()
    }
}

impl Mail {
    /// Mail, and where it comes from. `left` is run when it is dropped; what it holds lives as long.
    pub fn open(left: impl FnOnce() + Send + 'static) -> (Sender, Self) {
        let (sender, queue) = queue();
        (sender, Self { queue, first: None, left: Some(Box::new(left)), limit: None })
    }

    /// The same of a request: from now on, and from each message on, the target may be silent for so long. That it waits for its client is
    /// no silence: `waited` says when it last did. `gives_up` is run when it is silent for longer.
    pub fn within(
        mut self,
        silence: Duration,
        waited: impl Fn() -> Option<Instant> + Send + 'static,
        gives_up: impl FnOnce() + Send + 'static,
    ) -> Self {
        let gives_up: Box<dyn FnOnce() + Send> = Box::new(gives_up);
        let (waited, gives_up) = (Box::new(waited), Some(gives_up));
        self.limit = Some(Limit { silence, since: Instant::now(), waited, gives_up });
        self
    }

    /// The next message; `None`: there will be none. Nothing is lost when the future is dropped.
    ///
    /// # Errors
    /// The stream was broken off, or the target is silent for too long.
    pub async fn next(&mut self) -> Result<Option<Heard>, Denied> {
        if let Some(first) = self.first.take() {
            return Ok(Some(first));
        }
        loop {
            let due = self.limit.as_ref().and_then(Limit::due);
            let silent = async {
                match due {
                    Some(due) => tokio::time::sleep_until(due).await,
                    None => std::future::pending().await,
                }
            };
            let heard = tokio::select! {
                biased;
                heard = self.queue.next() => Some(heard),
                () = silent => None,
            };
            match (heard, &mut self.limit) {
                (Some(heard), limit) => {
                    if let Some(limit) = limit {
                        limit.since = Instant::now();
                    }
                    return heard.transpose();
                }
                (None, Some(limit)) if limit.due().is_none_or(|due| due <= Instant::now()) => {
                    return Err(limit.is_over());
                }
                // The client was waited for meanwhile.
                (None, _) => {}
            }
        }
    }

    /// Gives a message back, to be the next.
    pub fn put_back(&mut self, heard: Heard) {
        self.first = Some(heard);
    }
}

impl Drop for Mail {
    fn drop(&mut self) {
        if let Some(left) = self.left.take() {
            left();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_queue_holds_so_many_bytes_and_short_messages_count_too() {
        let (inlet, mut outlet) = queue();
        let most = (0..100_000).take_while(|_| inlet.try_put((), 1).is_ok()).count();
        assert_eq!(most, units(ROOM));
        assert_eq!(inlet.try_put((), 1), Err(Unsent::Full));
        assert_eq!(inlet.try_put((), 0), Ok(()), "an end needs no room");
        assert_eq!(outlet.next().await, Some(()));
        assert_eq!(inlet.try_put((), 1), Ok(()));
        drop(outlet);
        assert_eq!(inlet.put((), usize::MAX).await, Err(Unsent::Closed), "nobody waits for who has left");
    }

    #[tokio::test(start_paused = true)]
    async fn silence_counts_from_the_last_message_and_not_while_the_client_is_waited_for() {
        let minute = Duration::from_mins(1);
        let waited = Arc::new(std::sync::Mutex::new(None));
        let known = Arc::clone(&waited);
        let (sender, mail) = Mail::open(|| {});
        let mut mail = mail.within(minute, move || *known.lock().unwrap(), || {});
        let began = Instant::now();
        let heard = Heard { body: Bytes::new(), answer: None };
        let says = async {
            tokio::time::sleep(minute * 9 / 10).await;
            sender.try_put(Ok(heard.clone()), 1).unwrap();
        };
        assert_eq!(tokio::join!(mail.next(), says).0, Ok(Some(heard.clone())));
        // It is asked again and again, as by who has other things to look after meanwhile.
        let later = began + minute * 3 / 2;
        *waited.lock().unwrap() = Some(later);
        let denied = loop {
            if let Ok(next) = tokio::time::timeout(minute / 7, mail.next()).await {
                break next.unwrap_err();
            }
        };
        assert_eq!(denied.audit, Some("upstream_timeout"));
        assert!(
            denied.sent && Instant::now().duration_since(later) < minute * 11 / 10,
            "{:?}",
            began.elapsed()
        );
        assert!(Instant::now() >= later + minute);
    }

    #[tokio::test]
    async fn what_is_longer_than_the_queue_passes_alone() {
        let (inlet, mut outlet) = queue();
        assert_eq!(inlet.try_put(1, ROOM * 2), Ok(()));
        assert_eq!(inlet.try_put(2, 1), Err(Unsent::Full));
        assert_eq!(outlet.next().await, Some(1));
        assert_eq!(inlet.try_put(2, ROOM * 2), Ok(()));
    }
}
