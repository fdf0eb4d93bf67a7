//! Queues between a target and a client, bounded by bytes.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use tokio::sync::OwnedSemaphorePermit;
use tokio::sync::Semaphore;
use tokio::sync::mpsc;
use tokio::time::Instant;

use crate::domain::Denied;
use crate::domain::DenyCode;
use crate::domain::denied::reason;
use crate::domain::units::format_duration;
use crate::protocol::mcp::from_target::context::MOST;

/// How many bytes may wait in one queue: one message of the greatest length, and some more.
const ROOM: usize = MOST + (4 << 20);
/// How many of them may be of one of several senders.
const SHARE: usize = 4 << 20;
/// The unit of size in bytes: the least that a message counts.
const UNIT: usize = 1024;

/// A message with its room in the queue, and in the share of its sender.
type Queued<T> = (T, OwnedSemaphorePermit, Option<OwnedSemaphorePermit>);

/// The sending end of a queue.
#[derive(Debug)]
pub struct Inlet<T> {
    queue: mpsc::UnboundedSender<Queued<T>>,
    room: Arc<Semaphore>,
}

impl<T> Clone for Inlet<T> {
    fn clone(&self) -> Self {
        Self { queue: self.queue.clone(), room: Arc::clone(&self.room) }
    }
}

/// The receiving end of a queue.
#[derive(Debug)]
pub struct Outlet<T>(mpsc::UnboundedReceiver<Queued<T>>);

/// The part of a queue that one of several senders may fill. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Share(Arc<Semaphore>);

impl Default for Share {
    fn default() -> Self {
        Self(Arc::new(Semaphore::new(units(SHARE))))
    }
}

impl Share {
    /// Returns whether nothing of its sender waits, or is about to.
    pub fn is_unused(&self) -> bool {
        Arc::strong_count(&self.0) == 1
    }
}

/// Why something was not put into a queue.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unsent {
    /// There is no room.
    Full,
    /// The receiving end is gone.
    Closed,
}

/// Creates a queue with room for a fixed number of bytes.
pub fn queue<T>() -> (Inlet<T>, Outlet<T>) {
    let (queue, taken) = mpsc::unbounded_channel();
    (Inlet { queue, room: Arc::new(Semaphore::new(units(ROOM))) }, Outlet(taken))
}

const fn units(bytes: usize) -> usize {
    bytes.div_ceil(UNIT)
}

/// Returns the size of a message in units: at most all the `room`, so that a longer message passes alone.
fn taken_by(bytes: usize, room: usize) -> u32 {
    u32::try_from(units(bytes).min(units(room))).unwrap_or(u32::MAX)
}

impl<T> Inlet<T> {
    /// Puts in a message of this length, as soon as there is room.
    pub async fn put(&self, what: T, bytes: usize) -> Result<(), Unsent> {
        self.put_of(None, what, bytes).await
    }

    /// Does the same for a sender with a share of the queue: what it sends beyond that waits outside, where
    /// it is in nobody's way.
    pub async fn put_of(&self, share: Option<Share>, what: T, bytes: usize) -> Result<(), Unsent> {
        let own = match share {
            Some(Share(share)) => Some(share.acquire_many_owned(taken_by(bytes, SHARE)).await),
            None => None,
        };
        let own = own.transpose().map_err(|_never| Unsent::Closed)?;
        let room = Arc::clone(&self.room).acquire_many_owned(taken_by(bytes, ROOM)).await;
        let room = room.map_err(|_never| Unsent::Closed)?;
        self.queue.send((what, room, own)).map_err(|_closed| Unsent::Closed)
    }

    /// Puts in a message of this length, if there is room now. There is always room for length 0.
    pub fn try_put(&self, what: T, bytes: usize) -> Result<(), Unsent> {
        let room = Arc::clone(&self.room).try_acquire_many_owned(taken_by(bytes, ROOM));
        self.queue.send((what, room.map_err(|_none| Unsent::Full)?, None)).map_err(|_closed| Unsent::Closed)
    }

    /// Returns whether both ends belong to the same queue.
    pub fn is(&self, other: &Self) -> bool {
        self.queue.same_channel(&other.queue)
    }

    /// Returns whether the receiving end is gone.
    pub fn is_closed(&self) -> bool {
        self.queue.is_closed()
    }
}

impl<T> Outlet<T> {
    /// Returns the next message; `None` if there will be none. Cancel safe.
    pub async fn next(&mut self) -> Option<T> {
        self.0.recv().await.map(|(what, ..)| what)
    }
}

/// A message from the target, as its client gets it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Heard {
    /// The message.
    pub body: Bytes,
    /// Set if it is the expected response.
    pub answer: Option<Answered>,
}

/// The result of a response.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Answered {
    /// The status that a server behind HTTP would give it.
    pub status: u16,
    /// Whether it is an error.
    pub failed: bool,
}

/// The queue for a target's messages to one client.
pub type Sender = Inlet<Result<Heard, Denied>>;

impl Sender {
    /// Ends the stream with this refusal, after the messages that wait already.
    pub fn fail(&self, denied: Denied) {
        if self.try_put(Err(denied), 0).is_err() {
            tracing::debug!("a client left before it could be told why its stream ends");
        }
    }

    /// Ends the stream of a request that its client has cancelled: it gets no answer.
    pub fn fail_cancelled(&self) {
        let denied = Denied::new(DenyCode::BadRequest, "the client has cancelled this request");
        self.fail(denied.because(reason::CLIENT_CANCELLED).after_sending());
    }
}

/// A target's messages to one client. Dropping it tells the peer that nobody listens.
pub struct Mail {
    queue: Outlet<Result<Heard, Denied>>,
    first: Option<Heard>,
    left: Option<Box<dyn FnOnce() + Send>>,
    limit: Option<Limit>,
}

/// The limit on the target's silence during a request.
struct Limit {
    silence: Duration,
    /// The start of the current silence.
    since: Instant,
    /// Returns when the target last waited for the client: now, if it still does; `None` if it never has.
    waited: Box<dyn Fn() -> Option<Instant> + Send>,
    /// Called when the limit is exceeded.
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
        let detail = format!("the target sent neither an answer nor progress within {silence}");
        Denied::new(DenyCode::UpstreamUnavailable, detail).because(reason::UPSTREAM_TIMEOUT).after_sending()
    }
}

impl std::fmt::Debug for Mail {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Mail").finish_non_exhaustive()
    }
}

impl Mail {
    /// Creates a mail with its sender. `left` is called when the mail is dropped.
    pub fn open(left: impl FnOnce() + Send + 'static) -> (Sender, Self) {
        let (sender, queue) = queue();
        (sender, Self { queue, first: None, left: Some(Box::new(left)), limit: None })
    }

    /// Limits the target's silence, from now on and after each message. Time in which it waits for its client
    /// does not count: `waited` returns when it last did. `gives_up` is called when the limit is exceeded.
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

    /// Returns the next message; `None` if there will be none. Cancel safe.
    ///
    /// # Errors
    /// The stream broke off, or the target was silent for too long.
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
                // The target waited for the client in the meantime.
                (None, _) => {}
            }
        }
    }

    /// Puts a message back, to be returned next.
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
        // Polled in pieces, as by a caller that has other things to do.
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
    async fn who_has_filled_its_share_is_in_nobodys_way() {
        let (inlet, mut outlet) = queue();
        let shares = [Share::default(), Share::default()];
        let [mut one, mut other] = [0, 1].map(|number| {
            let (inlet, share) = (inlet.clone(), shares[number].clone());
            Box::pin(async move {
                for _ in 0..3 {
                    inlet.put_of(Some(share.clone()), number, SHARE * 2).await.unwrap();
                }
            })
        });
        // What it sends next waits, and the other's is queued all the same.
        assert!(by_now(one.as_mut()).await.is_none());
        assert!(by_now(other.as_mut()).await.is_none());
        assert_eq!((outlet.next().await, outlet.next().await), (Some(0), Some(1)));
        let ((), (), rest) = tokio::join!(one, other, async {
            let mut rest = [0; 2];
            for _ in 0..4 {
                rest[outlet.next().await.unwrap()] += 1;
            }
            rest
        });
        assert_eq!(rest, [2, 2]);
        assert!(shares.iter().all(Share::is_unused));
    }

    /// Looks whether something is done by now.
    async fn by_now<T>(task: std::pin::Pin<&mut impl Future<Output = T>>) -> Option<T> {
        tokio::time::timeout(Duration::ZERO, task).await.ok()
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
