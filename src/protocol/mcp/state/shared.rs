//! The state shared by all requests of all threads.

use std::collections::HashMap;
use std::collections::HashSet;
use std::sync::Arc;
use std::sync::Mutex;
use std::time::Duration;

use tokio::sync::Notify;
use tokio::sync::watch;
use tokio::time::MissedTickBehavior;

use crate::domain::sync::lock;
use crate::pipeline::Gate;
use crate::protocol::mcp::codec::envelope::id::Id;
use crate::protocol::mcp::held::invite::PageAddress;
use crate::protocol::mcp::held::outcome::Outcomes;
use crate::protocol::mcp::held::task::Tasks;
use crate::protocol::mcp::pin::Pins;
use crate::protocol::mcp::state::client_values::ClientValues;
use crate::protocol::mcp::state::sessions::Owner;
use crate::protocol::mcp::state::sessions::Session;
use crate::protocol::mcp::state::sessions::Sessions;
use crate::protocol::mcp::state::tools::Tools;
use crate::protocol::mcp::stdio::Programs;

/// The shared state of MCP connections. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub struct McpShared {
    /// Sessions of the legacy era.
    pub sessions: Sessions,
    /// The connections whose targets use session ids.
    pub givers: Givers,
    /// The tools that targets have listed.
    pub tools: Tools,
    /// The pins of what servers offer.
    pub pins: Pins,
    /// Values that only one client may send back.
    pub client_values: ClientValues,
    /// Pending requests.
    pub held: HeldRequests,
    /// Outcomes of approved calls whose clients left.
    pub outcomes: Outcomes,
    /// Pending calls of clients that poll a task.
    pub tasks: Tasks,
    /// Targets that are child processes.
    pub programs: Programs,
    /// The address of the approval page.
    pub page: PageAddress,
    /// Turns true when the gateway drains.
    pub draining: watch::Sender<bool>,
}

/// How often sessions that are over are looked for.
const SWEEP: Duration = Duration::from_mins(1);

impl McpShared {
    /// Regularly removes the sessions that can no longer be used, with all that they hold.
    pub async fn sweep(self, gate: Gate) {
        let mut every = tokio::time::interval(SWEEP);
        every.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            every.tick().await;
            self.sessions.sweep(&gate.snapshot());
        }
    }

    /// Ends a session and cancels its pending calls.
    pub fn end_session(&self, session: &Session) {
        self.sessions.end(session);
        self.held.end(&session.id);
    }
}

/// The connections whose targets use session ids: their clients must send one with everything but
/// `initialize`. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub struct Givers(Arc<Mutex<HashSet<Box<str>>>>);

impl Givers {
    /// Notes whether the connection's current target has given out an id.
    pub fn note(&self, connection: &str, gives: bool) {
        if gives {
            lock(&self.0).insert(connection.into());
        } else {
            lock(&self.0).remove(connection);
        }
    }

    /// Returns whether the target gave out an id the last time.
    pub fn give(&self, connection: &str) -> bool {
        lock(&self.0).contains(connection)
    }
}

/// The pending requests, so that `notifications/cancelled` finds them: the target has not seen them.
#[derive(Debug, Clone, Default)]
pub struct HeldRequests(Arc<Mutex<HashMap<HeldKey, Vec<Entry>>>>);

#[derive(Debug)]
struct Entry {
    /// The digest of what approvers read.
    digest: Box<str>,
    cancelled: Arc<Notify>,
    /// Whether its client has lost its stream and may come back with the same call.
    away: bool,
}

/// The key of a held request: its owner, session and id.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct HeldKey {
    /// Its owner.
    pub owner: Owner,
    /// The gateway's id of its session, or empty.
    pub session: Box<str>,
    /// Its id.
    pub id: Id<'static>,
}

/// A request that is held now.
#[derive(Debug)]
pub struct HeldRequest {
    all: HeldRequests,
    key: HeldKey,
    cancelled: Arc<Notify>,
    /// The earlier requests that it resumes, or whose id it uses.
    before: Vec<Arc<Notify>>,
}

impl HeldRequests {
    /// Notes that a request is held until the returned value is dropped. `None`: one with the same id already
    /// is, and its client is connected.
    pub fn hold(&self, key: HeldKey, digest: &str) -> Option<HeldRequest> {
        let mut all = lock(&self.0);
        if all.get(&key).is_some_and(|same| same.iter().any(|entry| !entry.away)) {
            return None;
        }
        let of_session = |other: &HeldKey| other.owner == key.owner && other.session == key.session;
        let own = all.iter().filter(|(other, _)| of_session(other));
        let before = own.flat_map(|(other, entries)| {
            let comes_back = |entry: &&Entry| entry.away && (*other == key || &*entry.digest == digest);
            entries.iter().filter(comes_back).map(|entry| Arc::clone(&entry.cancelled)).collect::<Vec<_>>()
        });
        let before = before.collect();
        let cancelled = Arc::new(Notify::new());
        let entry = Entry { digest: digest.into(), cancelled: Arc::clone(&cancelled), away: false };
        all.entry(key.clone()).or_default().push(entry);
        Some(HeldRequest { all: self.clone(), key, cancelled, before })
    }

    /// Cancels the held requests with this id; returns whether there are any.
    pub fn cancel(&self, key: &HeldKey) -> bool {
        let all = lock(&self.0);
        all.get(key).map(|held| held.iter().for_each(|entry| entry.cancelled.notify_one())).is_some()
    }

    /// Cancels all held requests of a session.
    fn end(&self, session: &str) {
        let all = lock(&self.0);
        let own = all.iter().filter(|(key, _)| &*key.session == session);
        own.flat_map(|(_, held)| held).for_each(|entry| entry.cancelled.notify_one());
    }
}

impl HeldRequest {
    /// Resolves when the client has cancelled it.
    pub async fn cancelled(&self) {
        self.cancelled.notified().await;
    }

    /// Notes that it is pending itself: the requests that it resumes can end.
    pub fn becomes_pending(&self) {
        self.before.iter().for_each(|before| before.notify_one());
    }

    /// Notes that its client has lost its stream.
    pub fn leaves(&self) {
        let mut all = lock(&self.all.0);
        let own = all.get_mut(&self.key).into_iter().flatten();
        own.filter(|entry| Arc::ptr_eq(&entry.cancelled, &self.cancelled))
            .for_each(|entry| entry.away = true);
    }
}

impl Drop for HeldRequest {
    fn drop(&mut self) {
        let mut all = lock(&self.all.0);
        let Some(own) = all.get_mut(&self.key) else { return };
        own.retain(|entry| !Arc::ptr_eq(&entry.cancelled, &self.cancelled));
        if own.is_empty() {
            all.remove(&self.key);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_held_request_is_cancelled_by_its_own_client_only() {
        let key = |principal: &str, session: &str| HeldKey {
            owner: Owner { principal: principal.into(), issuer: [0; 32], connection: "crm".into() },
            session: session.into(),
            id: Id::Number(1),
        };
        let all = HeldRequests::default();
        let held = all.hold(key("ann", "s"), "a").unwrap();
        assert!(all.hold(key("ann", "s"), "a").is_none(), "the same id twice");
        assert!(!all.cancel(&key("bob", "s")) && !all.cancel(&key("ann", "other")));
        assert!(all.cancel(&key("ann", "s")));
        held.cancelled().await;
        drop(held);
        assert!(!all.cancel(&key("ann", "s")));
    }

    async fn is_over(held: &HeldRequest) -> bool {
        tokio::time::timeout(Duration::from_millis(1), held.cancelled()).await.is_ok()
    }

    #[tokio::test]
    async fn who_comes_back_with_the_same_call_takes_the_place_of_the_one_that_was_left() {
        let key = |session: &str, id: i64| HeldKey {
            owner: Owner { principal: "ann".into(), issuer: [0; 32], connection: "crm".into() },
            session: session.into(),
            id: Id::Number(id),
        };
        let all = HeldRequests::default();
        let left = all.hold(key("s", 1), "a").unwrap();
        left.leaves();
        let others =
            [(key("t", 1), "a"), (key("s", 2), "b")].map(|(key, digest)| all.hold(key, digest).unwrap());
        others.iter().for_each(HeldRequest::becomes_pending);
        assert!(!is_over(&left).await, "neither another session nor another call");
        let back = all.hold(key("s", 3), "a").unwrap();
        assert!(!is_over(&left).await, "it keeps the place until the other one waits");
        back.becomes_pending();
        assert!(is_over(&left).await && !is_over(&back).await);
        assert!(!is_over(&others[0]).await && !is_over(&others[1]).await);
        drop(left);
        back.leaves();
        // The same id again, for another call.
        let same_id = all.hold(key("s", 3), "c").unwrap();
        assert!(all.cancel(&key("s", 3)) && is_over(&back).await && is_over(&same_id).await);
        drop((back, same_id));
        all.end("s");
        assert!(is_over(&others[1]).await && !is_over(&others[0]).await);
        drop(others);
        assert!(lock(&all.0).is_empty());
    }
}
