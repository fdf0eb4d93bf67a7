//! How the gateway is reached: one stream of what changes in approvals and everything else, one of the session that is
//! watched, both taken up again when they break.

use std::sync::Arc;
use std::time::Duration;
use std::time::Instant;

use tokio::sync::mpsc;
use tokio::sync::watch;

use crate::control::ApiError;
use crate::control::Backend;
use crate::control::noun::event::EventFilter;
use crate::control::noun::event::EventSource;
use crate::control::noun::event::Topic;
use crate::domain::id::SessionId;
use crate::tui::message::Msg;

/// The first pause before another try, and the longest.
const BACK_OFF: (Duration, Duration) = (Duration::from_millis(200), Duration::from_secs(5));
/// A stream that lived so long stood: the next try may come soon.
const STANDS: Duration = Duration::from_secs(10);
/// After so many tries in vain the gateway counts as away.
const TRIES: u32 = 3;

/// How the gateway is reached now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Link {
    /// Not tried yet.
    Opening,
    /// The stream stands: what is shown is how it is.
    Live,
    /// The stream broke: it is tried again after `in_ms`.
    Retry {
        /// How long until the next try, in milliseconds.
        in_ms: u64,
        /// Why it broke. Raw.
        why: String,
    },
    /// Several tries were in vain; it is tried on. What is shown may be old, nothing can be decided.
    Offline {
        /// How long until the next try, in milliseconds.
        in_ms: u64,
        /// Why the last try failed. Raw.
        why: String,
    },
}

impl Link {
    /// Whether decisions and other changes can be made.
    pub const fn is_live(&self) -> bool {
        matches!(self, Self::Live)
    }
}

/// Follows what changes, but for the events of sessions, for as long as somebody takes the messages.
pub async fn follow_changes(backend: Arc<dyn Backend>, out: mpsc::Sender<Msg>) {
    let filter = EventFilter { without: Some(Topic::Session), ..EventFilter::default() };
    follow(backend, filter, &out, true).await;
}

/// Follows the events of the session that `watched` names, and of each that it names afterwards.
pub async fn follow_watched(
    backend: Arc<dyn Backend>,
    mut watched: watch::Receiver<Option<SessionId>>,
    out: mpsc::Sender<Msg>,
) {
    loop {
        let session = *watched.borrow_and_update();
        let following = async {
            if session.is_none() {
                return std::future::pending().await;
            }
            let filter = EventFilter { session, topic: Some(Topic::Session), without: None };
            follow(Arc::clone(&backend), filter, &out, false).await;
        };
        tokio::select! {
            () = following => return,
            changed = watched.changed() => if changed.is_err() { return },
        }
    }
}

/// Follows one stream; `told`: how it goes is told, too.
async fn follow(backend: Arc<dyn Backend>, filter: EventFilter, out: &mpsc::Sender<Msg>, told: bool) {
    let (mut last, mut tries, mut pause) = (None, 0_u32, BACK_OFF.0);
    loop {
        let why = match backend.events(filter, last.clone()).await {
            Ok(stream) => {
                if told && out.send(Msg::Link(Link::Live)).await.is_err() {
                    return;
                }
                let begin = Instant::now();
                let Some(why) = read(stream, out, &mut last).await else { return };
                // One that ends as soon as it stands is no reason to hurry.
                if begin.elapsed() >= STANDS {
                    (tries, pause) = (0, BACK_OFF.0);
                }
                why
            }
            Err(error) => why(&error),
        };
        tries = tries.saturating_add(1);
        let in_ms = u64::try_from(pause.as_millis()).unwrap_or(u64::MAX);
        let link = if tries > TRIES { Link::Offline { in_ms, why } } else { Link::Retry { in_ms, why } };
        if (told && out.send(Msg::Link(link)).await.is_err()) || out.is_closed() {
            return;
        }
        tokio::time::sleep(pause).await;
        pause = (pause * 2).min(BACK_OFF.1);
    }
}

/// Reads a stream to its end: why it ended, or `None` when nobody takes its messages any more.
async fn read(
    mut stream: Box<dyn EventSource>,
    out: &mpsc::Sender<Msg>,
    last: &mut Option<String>,
) -> Option<String> {
    loop {
        match stream.next().await {
            Ok(Some(event)) if event.topic == Topic::End => {
                let slow = event.data.contains("slow");
                return Some(if slow { "it was read too slowly" } else { "the gateway stops" }.to_owned());
            }
            Ok(Some(event)) => {
                *last = Some(event.id.clone());
                out.send(Msg::Live(event)).await.ok()?;
            }
            Ok(None) => return Some("the gateway ended the stream".to_owned()),
            Err(error) => return Some(why(&error)),
        }
    }
}

fn why(error: &ApiError) -> String {
    error.message.clone()
}
