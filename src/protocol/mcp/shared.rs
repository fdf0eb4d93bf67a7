//! What all requests of all threads share, and what one of them is about.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::PoisonError;

use tokio::sync::Notify;

use crate::protocol::mcp::bound::Bound;
use crate::protocol::mcp::codec::envelope::id::Id;
use crate::protocol::mcp::invite::PageAddress;
use crate::protocol::mcp::outcome::Outcomes;
use crate::protocol::mcp::pin::Pins;
use crate::protocol::mcp::sessions::Owner;
use crate::protocol::mcp::sessions::Sessions;
use crate::protocol::mcp::stdio::Programs;
use crate::protocol::mcp::task::Tasks;
use crate::protocol::mcp::tools::Tools;

/// What MCP connections share over all threads. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub struct McpShared {
    /// Sessions of the legacy era.
    pub sessions: Sessions,
    /// What targets said of their tools.
    pub tools: Tools,
    /// What servers offer, held against what was accepted of it.
    pub pins: Pins,
    /// What may come back from one client only.
    pub bound: Bound,
    /// Requests that wait for people.
    pub held: HeldRequests,
    /// What came of approved calls whose clients left.
    pub outcomes: Outcomes,
    /// Calls that wait for people while their clients do something else.
    pub tasks: Tasks,
    /// Targets that are programs.
    pub programs: Programs,
    /// Where the approval page is.
    pub page: PageAddress,
}

/// Which requests wait for people, so that `notifications/cancelled` finds them: the target has not seen them.
#[derive(Debug, Clone, Default)]
pub struct HeldRequests(Arc<Mutex<HashMap<HeldKey, Arc<Notify>>>>);

/// A request that is held: whose, in which session, with which id.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct HeldKey {
    /// Whose it is.
    pub owner: Owner,
    /// The gateway's id of its session; empty where there is none.
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
}

impl HeldRequests {
    /// A request is held until what this gives is dropped. `None`: one with the same id already is.
    pub fn hold(&self, key: HeldKey) -> Option<HeldRequest> {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if all.contains_key(&key) {
            return None;
        }
        let cancelled = Arc::new(Notify::new());
        all.insert(key.clone(), Arc::clone(&cancelled));
        Some(HeldRequest { all: self.clone(), key, cancelled })
    }

    /// Cancels a held request; says whether there was one.
    pub fn cancel(&self, key: &HeldKey) -> bool {
        let all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.get(key).map(|held| held.notify_one()).is_some()
    }
}

impl HeldRequest {
    /// Resolves when the client has cancelled it.
    pub async fn cancelled(&self) {
        self.cancelled.notified().await;
    }
}

impl Drop for HeldRequest {
    fn drop(&mut self) {
        self.all.0.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.key);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_held_request_is_cancelled_by_its_own_client_only() {
        let key = |principal: &str, session: &str| HeldKey {
            owner: Owner { principal: principal.into(), connection: "crm".into() },
            session: session.into(),
            id: Id::Number(1),
        };
        let all = HeldRequests::default();
        let held = all.hold(key("ann", "s")).unwrap();
        assert!(all.hold(key("ann", "s")).is_none(), "the same id twice");
        assert!(!all.cancel(&key("bob", "s")) && !all.cancel(&key("ann", "other")));
        assert!(all.cancel(&key("ann", "s")));
        held.cancelled().await;
        drop(held);
        assert!(!all.cancel(&key("ann", "s")));
    }
}
