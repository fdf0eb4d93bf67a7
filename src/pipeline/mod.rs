//! The enforcement point: the one ordered path from a token and a command to a permit, and from a reply back
//! to the client.
//!
//! A protocol calls, in this order: [`Gate::enter`] (authenticates, checks the locks, opens the session),
//! [`Exchange::judge`] (decides), [`Exchange::admit`] (waits for approval, records, gives the [`Permit`]),
//! and on the way back the [`ReplyGuard`] (redacts, masks, records).

mod admit;
mod authenticate;
mod batch;
pub mod body;
mod brief;
mod callers;
mod credential;
mod decision;
mod end;
mod enter;
mod filter;
mod held;
mod hold;
mod judged;
pub mod locks;
mod login;
mod marker;
mod memory;
pub mod metrics;
mod notice;
mod permit;
mod refusals;
mod reply;
mod seat;
pub mod sessions;
mod side;
pub mod snapshot;
#[cfg(test)]
pub(crate) mod tests;

use std::sync::Arc;

use arc_swap::ArcSwap;
use tokio::sync::watch;

use crate::approval::Approvals;
use crate::identity::Issuers;
use crate::recording::Journal;
use crate::secret::Vault;

pub use batch::Asked;
pub use batch::admit_together;
pub use brief::BRIEF;
pub use brief::brief;
pub use credential::Credential;
pub use decision::CommandRecord;
pub use end::EndWatch;
pub use enter::Arrival;
pub use enter::Exchange;
pub use enter::session_ended;
pub use filter::unmaskable;
pub use filter::unsearchable;
pub use held::Held;
pub use held::Waiting;
pub use hold::masked_summary;
pub use judged::Judged;
pub use login::login_url;
pub use login::names_itself;
pub use marker::LeftOut;
pub use memory::BodyBudget;
pub use permit::Permit;
pub use permit::Preparation;
pub use reply::ReplyGuard;
pub use seat::Seat;
pub use side::SideNotes;

pub use crate::identity::Login;
pub use crate::identity::McpLogin;
pub use crate::identity::OAuthGrant;

use callers::Callers;
use locks::LockSet;
use memory::MemoryBudget;
use metrics::Metrics;
use refusals::Refusals;
use sessions::Sessions;
use snapshot::Snapshot;

/// The state that all worker threads share. Cheap to clone.
#[derive(Clone)]
pub struct Gate(Arc<Inner>);

struct Inner {
    snapshot: ArcSwap<Snapshot>,
    locks: Arc<ArcSwap<LockSet>>,
    /// Increases with each change of the locks, so that open streams check them again.
    locks_changed: watch::Sender<u64>,
    /// The revision of the current policies.
    policies_changed: watch::Sender<u64>,
    sessions: Sessions,
    callers: Callers,
    refusals: Refusals,
    journal: Journal,
    approvals: Approvals,
    vault: Arc<Vault>,
    memory: Arc<MemoryBudget>,
    metrics: Metrics,
}

impl Gate {
    /// Creates the gate. `locks` are the locks in force at the start.
    pub fn new(
        snapshot: Snapshot,
        locks: LockSet,
        journal: Journal,
        approvals: Approvals,
        vault: Arc<Vault>,
    ) -> Self {
        let refusals = Refusals::open(&journal, snapshot.revision());
        Self(Arc::new(Inner {
            policies_changed: watch::Sender::new(snapshot.revision()),
            snapshot: ArcSwap::from_pointee(snapshot),
            locks: Arc::new(ArcSwap::from_pointee(locks)),
            locks_changed: watch::Sender::new(0),
            sessions: Sessions::default(),
            callers: Callers::default(),
            refusals,
            journal,
            approvals,
            vault,
            memory: Arc::default(),
            metrics: Metrics::default(),
        }))
    }

    /// Returns the current snapshot. A command keeps the snapshot it began with.
    pub fn snapshot(&self) -> Arc<Snapshot> {
        self.0.snapshot.load_full()
    }

    /// Swaps in another snapshot, and ends the sessions on connections that were removed or changed.
    pub fn replace(&self, snapshot: Snapshot) {
        let revision = snapshot.revision();
        self.0.snapshot.store(Arc::new(snapshot));
        self.0.policies_changed.send_if_modified(|known| std::mem::replace(known, revision) != revision);
        self.0.sessions.end_changed(&self.snapshot(), &self.0.journal);
    }

    /// Swaps in the current locks, and ends every session that one of them applies to.
    pub fn replace_locks(&self, locks: LockSet) {
        self.0.locks.store(Arc::new(locks));
        self.0.locks_changed.send_modify(|version| *version += 1);
        self.0.sessions.end_locked(&self.0.locks.load(), &self.0.journal);
    }

    /// Returns a handle that always shows the current locks, for callers that must not keep the gate itself.
    pub fn lock_watch(&self) -> Arc<ArcSwap<LockSet>> {
        Arc::clone(&self.0.locks)
    }

    /// Returns the current locks.
    pub fn locks(&self) -> Arc<LockSet> {
        self.0.locks.load_full()
    }

    /// Returns the currently trusted issuers.
    pub fn issuers(&self) -> Arc<Issuers> {
        Arc::clone(self.0.snapshot.load().issuers())
    }

    /// Returns the open sessions.
    pub fn sessions(&self) -> &Sessions {
        &self.0.sessions
    }

    /// Returns the journal.
    pub fn journal(&self) -> &Journal {
        &self.0.journal
    }

    /// Returns the counters.
    pub fn metrics(&self) -> &Metrics {
        &self.0.metrics
    }

    /// Ends sessions that are due, and drops idle rate limit buckets and expired locks. Called about once a
    /// second.
    pub fn tick(&self) {
        self.0.sessions.end_due(&self.0.journal);
        // A session that a request opened by what held when it came, a moment after that was replaced.
        self.0.sessions.end_changed(&self.snapshot(), &self.0.journal);
        self.0.callers.forget_quiet();
        self.0.refusals.tick(&self.0.journal, self.0.snapshot.load().revision());
        let locks = self.0.locks.load();
        if locks.any_fell() {
            self.0.locks.store(Arc::new(locks.standing()));
        }
    }
}
