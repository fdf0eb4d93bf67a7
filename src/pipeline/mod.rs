//! The enforcement point: the one ordered path from a token and a command to a permit, and from a reply back to the client.
//!
//! A protocol calls, in this order: [`Gate::enter`] (authenticate, locks, open the session), [`Exchange::judge`] (decide),
//! [`Exchange::admit`] (approve, record; gives the [`Permit`]), and on the way back the [`ReplyGuard`] (redact, mask, record).

mod admit;
mod authenticate;
mod batch;
pub mod body;
mod brief;
mod callers;
mod credential;
mod end;
mod enter;
mod hold;
mod identify;
pub mod locks;
mod login;
mod marker;
pub mod metrics;
mod notice;
mod permit;
mod refusals;
mod reply;
mod room;
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

pub use admit::CommandRecord;
pub use admit::Held;
pub use admit::Judged;
pub use admit::Waiting;
pub use batch::Asked;
pub use batch::admit_together;
pub use brief::BRIEF;
pub use brief::brief;
pub use credential::Credential;
pub use end::EndWatch;
pub use enter::Arrival;
pub use enter::Exchange;
pub use enter::session_ended;
pub use login::login_url;
pub use login::names_itself;
pub use marker::LeftOut;
pub use permit::Permit;
pub use permit::Preparation;
pub use reply::ReplyGuard;
pub use reply::unmaskable;
pub use room::BodyRoom;
pub use seat::Seat;
pub use side::SideNotes;

pub use crate::identity::Login;
pub use crate::identity::McpLogin;
pub use crate::identity::OAuthGrant;

use callers::Callers;
use locks::LockSet;
use metrics::Metrics;
use refusals::Refusals;
use room::Room;
use sessions::Sessions;
use snapshot::Snapshot;

/// What every worker thread shares. Cheap to clone.
#[derive(Clone)]
pub struct Gate(Arc<Inner>);

struct Inner {
    snapshot: ArcSwap<Snapshot>,
    locks: Arc<ArcSwap<LockSet>>,
    /// Rises with each change of the locks: who stands on a token asks again.
    locks_changed: watch::Sender<u64>,
    /// The revision of the policies that stand.
    policies_changed: watch::Sender<u64>,
    sessions: Sessions,
    callers: Callers,
    refusals: Refusals,
    journal: Journal,
    approvals: Approvals,
    vault: Arc<Vault>,
    room: Arc<Room>,
    metrics: Metrics,
}

impl Gate {
    /// Puts the parts together. `locks` are those that stand at the start.
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
            room: Arc::default(),
            metrics: Metrics::default(),
        }))
    }

    /// What holds now. A command keeps the one it began with.
    pub fn snapshot(&self) -> Arc<Snapshot> {
        self.0.snapshot.load_full()
    }

    /// Swaps in another snapshot. Sessions on connections that are gone or changed end.
    pub fn replace(&self, snapshot: Snapshot) {
        let revision = snapshot.revision();
        self.0.snapshot.store(Arc::new(snapshot));
        self.0.policies_changed.send_if_modified(|known| std::mem::replace(known, revision) != revision);
        self.0.sessions.end_changed(&self.snapshot(), &self.0.journal);
    }

    /// Swaps in the locks that stand now, and ends every session that one of them shuts out.
    pub fn replace_locks(&self, locks: LockSet) {
        self.0.locks.store(Arc::new(locks));
        self.0.locks_changed.send_modify(|version| *version += 1);
        self.0.sessions.end_locked(&self.0.locks.load(), &self.0.journal);
    }

    /// The locks as they stand at each time, for who must not keep the gate itself.
    pub fn lock_watch(&self) -> Arc<ArcSwap<LockSet>> {
        Arc::clone(&self.0.locks)
    }

    /// The locks that stand now.
    pub fn locks(&self) -> Arc<LockSet> {
        self.0.locks.load_full()
    }

    /// The issuers that are trusted now.
    pub fn issuers(&self) -> Arc<Issuers> {
        Arc::clone(self.0.snapshot.load().issuers())
    }

    /// The sessions that live now.
    pub fn sessions(&self) -> &Sessions {
        &self.0.sessions
    }

    /// The journal.
    pub fn journal(&self) -> &Journal {
        &self.0.journal
    }

    /// The counters.
    pub fn metrics(&self) -> &Metrics {
        &self.0.metrics
    }

    /// Ends sessions whose time is over, and forgets callers that have been quiet. Called about once a second.
    pub fn tick(&self) {
        self.0.sessions.end_due(&self.0.journal);
        self.0.callers.forget_quiet();
        self.0.refusals.tick(&self.0.journal, self.0.snapshot.load().revision());
        let locks = self.0.locks.load();
        if locks.any_fell() {
            self.0.locks.store(Arc::new(locks.standing()));
        }
    }
}
