//! Signed-in browsers: a random id for a token, in memory, for at most an hour. The token itself is checked
//! again at each request.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::MutexGuard;
use std::time::Duration;

use tokio::time::Instant;
use zeroize::Zeroizing;

use crate::control::page::random;
use crate::control::page::random::Kept;
use crate::domain::sync::lock;

/// How long a browser stays signed in, however long its token is valid.
pub(super) const LASTS: Duration = Duration::from_hours(1);
/// Maximum number of sessions; beyond it the oldest is dropped.
const MOST: usize = 2_000;
/// Maximum number per person; beyond it their oldest is dropped.
const MOST_OF_ONE: usize = 8;

/// The session of one browser.
#[derive(Debug, Clone)]
pub(super) struct Session {
    /// The token it was opened with.
    pub(super) token: Arc<Zeroizing<String>>,
    /// The value in its own forms, which no other page knows.
    pub(super) form_key: Arc<str>,
    principal: Arc<str>,
    at: Instant,
}

impl Session {
    /// Returns a session whose principal is not known yet.
    pub(super) fn of(token: Zeroizing<String>) -> Self {
        let form_key = random::secret().into();
        Self { token: Arc::new(token), form_key, principal: "".into(), at: Instant::now() }
    }
}

/// All sessions, keyed by the SHA-256 of their id.
#[derive(Debug, Default)]
pub(super) struct Sessions(Mutex<HashMap<Kept, Session>>);

impl Sessions {
    fn all(&self) -> MutexGuard<'_, HashMap<Kept, Session>> {
        lock(&self.0)
    }

    /// Signs a browser in. Returns its new id.
    pub(super) fn open(&self, session: Session, principal: &str) -> String {
        let (now, id) = (Instant::now(), random::secret());
        let session = Session { principal: principal.into(), at: now, ..session };
        let mut all = self.all();
        all.retain(|_, session| now.duration_since(session.at) < LASTS);
        let oldest = |all: &HashMap<Kept, Session>, of: Option<&str>| {
            let own = all.iter().filter(|(_, session)| of.is_none_or(|of| *session.principal == *of));
            let mut own: Vec<(Instant, Kept)> = own.map(|(key, session)| (session.at, *key)).collect();
            own.sort_unstable();
            (own.len(), own.first().map(|(_, key)| *key))
        };
        for (of, most) in [(Some(principal), MOST_OF_ONE), (None, MOST)] {
            if let (count, Some(oldest)) = oldest(&all, of)
                && count >= most
            {
                all.remove(&oldest);
            }
        }
        all.insert(random::kept(&id), session);
        id
    }

    /// Looks up a session by id.
    pub(super) fn get(&self, id: &str) -> Option<Session> {
        let mut all = self.all();
        // No token stays in memory longer than its session, as long as anybody looks.
        all.retain(|_, session| session.at.elapsed() < LASTS);
        all.get(&random::kept(id)).cloned()
    }

    /// Ends a session, if it exists.
    pub(super) fn end(&self, id: &str) {
        self.all().remove(&random::kept(id));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn open(all: &Sessions, principal: &str) -> String {
        all.open(Session::of(Zeroizing::new("t".to_owned())), principal)
    }

    #[tokio::test(start_paused = true)]
    async fn it_ends_when_it_is_ended_and_after_an_hour() {
        let all = Sessions::default();
        let (one, other) = (open(&all, "ada"), open(&all, "ada"));
        assert_ne!(one, other);
        let keys = (all.get(&one).unwrap().form_key, all.get(&other).unwrap().form_key);
        assert!(keys.0 != keys.1 && *keys.0 != *one, "nothing of one is in another");
        all.end(&one);
        assert!(all.get(&one).is_none() && all.get("").is_none());
        tokio::time::advance(LASTS.saturating_sub(Duration::from_secs(1))).await;
        assert!(all.get(&other).is_some());
        tokio::time::advance(Duration::from_secs(1)).await;
        assert!(all.get(&other).is_none());
    }

    #[tokio::test(start_paused = true)]
    async fn who_signs_in_often_shuts_nobody_else_out() {
        let all = Sessions::default();
        let bob = open(&all, "bob");
        let first = open(&all, "ada");
        for _more in 0..MOST_OF_ONE {
            tokio::time::advance(Duration::from_millis(1)).await;
            open(&all, "ada");
        }
        assert!(all.get(&first).is_none() && all.get(&bob).is_some());
        assert_eq!(all.all().len(), MOST_OF_ONE + 1);
        for number in 0..MOST {
            open(&all, &number.to_string());
        }
        assert_eq!(all.all().len(), MOST);
    }
}
