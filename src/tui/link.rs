//! The connection to the gateway: one stream for changes of approvals and everything else, one for the
//! watched session; both are resumed when they break.

use std::sync::Arc;
use std::time::Duration;
use std::time::Instant;

use tokio::sync::mpsc;
use tokio::sync::watch;

use crate::control::ApiError;
use crate::control::Backend;
use crate::control::ErrorCode;
use crate::control::noun::event::EndReason;
use crate::control::noun::event::EventFilter;
use crate::control::noun::event::EventSource;
use crate::control::noun::event::Topic;
use crate::domain::id::SessionId;
use crate::tui::message::Msg;

/// The first and the longest delay before a retry.
const BACK_OFF: (Duration, Duration) = (Duration::from_millis(200), Duration::from_secs(5));
/// A stream that lasted this long was good: the next retry may come soon.
const STANDS: Duration = Duration::from_secs(10);
/// The number of failed attempts after which the gateway counts as offline.
const TRIES: u32 = 3;

/// The state of the connection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Link {
    /// Not tried yet.
    Opening,
    /// The stream is open: the display is current.
    Live,
    /// The stream broke and is retried after `in_ms`.
    Retry {
        /// Time until the next attempt, in milliseconds.
        in_ms: u64,
        /// Why it broke. Not escaped.
        why: String,
    },
    /// Several attempts failed, and retries go on. The display may be stale, and nothing can be decided.
    Offline {
        /// Time until the next attempt, in milliseconds.
        in_ms: u64,
        /// Why the last attempt failed. Not escaped.
        why: String,
    },
    /// The gateway no longer accepts the user's token. Retries go on, since another process may sign in
    /// again. Nothing can be decided.
    SignedOut {
        /// Time until the next attempt, in milliseconds.
        in_ms: u64,
        /// What to do. Not escaped.
        why: String,
    },
}

/// Why a stream is down.
#[derive(Debug, PartialEq, Eq)]
enum Broke {
    /// Any reason other than the token.
    Down(String),
    /// No token that the gateway accepts.
    SignedOut(String),
}

impl From<ApiError> for Broke {
    fn from(error: ApiError) -> Self {
        match error.code {
            ErrorCode::Unauthenticated => {
                Self::SignedOut(format!("signed out: {}", error.hint.unwrap_or(error.message)))
            }
            _ => Self::Down(error.message),
        }
    }
}

impl Broke {
    /// Returns the connection state after this many failed attempts.
    fn link(self, tries: u32, in_ms: u64) -> Link {
        match self {
            Self::SignedOut(why) => Link::SignedOut { in_ms, why },
            Self::Down(why) if tries > TRIES => Link::Offline { in_ms, why },
            Self::Down(why) => Link::Retry { in_ms, why },
        }
    }
}

impl Link {
    /// Returns whether decisions and other changes can be made.
    pub const fn is_live(&self) -> bool {
        matches!(self, Self::Live)
    }
}

/// Follows all changes except session events, until the receiver is dropped.
pub async fn follow_changes(backend: Arc<dyn Backend>, out: mpsc::Sender<Msg>) {
    let filter = EventFilter { without: Some(Topic::Session), ..EventFilter::default() };
    follow(backend, filter, &out, true).await;
}

/// Follows the events of the session named by `watched`, and of each one that it names later.
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

/// Follows one stream. With `told`, also reports the connection state.
async fn follow(backend: Arc<dyn Backend>, filter: EventFilter, out: &mpsc::Sender<Msg>, told: bool) {
    let (mut last, mut tries, mut pause) = (None, 0_u32, BACK_OFF.0);
    loop {
        let broke = match backend.events(filter, last.clone()).await {
            Ok(stream) => {
                if told && out.send(Msg::Link(Link::Live)).await.is_err() {
                    return;
                }
                let begin = Instant::now();
                let Some(broke) = read(stream, out, &mut last).await else { return };
                // A stream that ends as soon as it opens is no reason to retry fast.
                if begin.elapsed() >= STANDS {
                    (tries, pause) = (0, BACK_OFF.0);
                }
                broke
            }
            Err(error) => error.into(),
        };
        tries = tries.saturating_add(1);
        let in_ms = u64::try_from(pause.as_millis()).unwrap_or(u64::MAX);
        if (told && out.send(Msg::Link(broke.link(tries, in_ms))).await.is_err()) || out.is_closed() {
            return;
        }
        tokio::time::sleep(pause).await;
        pause = (pause * 2).min(BACK_OFF.1);
    }
}

/// Reads a stream to its end. Returns why it ended, or `None` if the receiver was dropped.
async fn read(
    mut stream: Box<dyn EventSource>,
    out: &mpsc::Sender<Msg>,
    last: &mut Option<String>,
) -> Option<Broke> {
    loop {
        match stream.next().await {
            Ok(Some(event)) if event.topic == Topic::End => {
                let why = match EndReason::of(&event.data) {
                    EndReason::Slow => "it was read too slowly",
                    EndReason::Stopping => "the gateway stops",
                };
                return Some(Broke::Down(why.to_owned()));
            }
            Ok(Some(event)) => {
                *last = Some(event.id.clone());
                out.send(Msg::Live(event)).await.ok()?;
            }
            Ok(None) => return Some(Broke::Down("the gateway ended the stream".to_owned())),
            Err(error) => return Some(error.into()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_is_signed_out_is_told_at_once_and_what_to_do() {
        let error = |code| ApiError::new(code, "no token").hint("hoopctl login --url https://gw.example");
        let out = |tries| Broke::from(error(ErrorCode::Unauthenticated)).link(tries, 200);
        let why = "signed out: hoopctl login --url https://gw.example".to_owned();
        for tries in [1, TRIES + 1] {
            assert_eq!(out(tries), Link::SignedOut { in_ms: 200, why: why.clone() });
            assert!(!out(tries).is_live(), "nothing can be decided");
        }
        let down = |tries| Broke::from(error(ErrorCode::Unavailable)).link(tries, 200);
        let why = "no token".to_owned();
        assert_eq!(down(1), Link::Retry { in_ms: 200, why: why.clone() });
        assert_eq!(down(TRIES + 1), Link::Offline { in_ms: 200, why });
    }
}
