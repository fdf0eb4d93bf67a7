//! [`Approvals`]: the only owner of pending commands and grants.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering;

use tokio::sync::broadcast;

use crate::approval::clock::Clock;
use crate::approval::desk::Change;
use crate::approval::desk::Desk;
use crate::approval::standing;
use crate::approval::standing::StandingGrants;
use crate::approval::standing::Wanted;
use crate::approval::ticket::Outcome;
use crate::domain::approval::Approval;
use crate::domain::approval::Grant;
use crate::domain::id::ApprovalId;
use crate::store::ApprovalFilter;
use crate::store::Store;
use crate::store::StoreError;

/// The approvers by the current configuration. Asked again when an approval is used, so that one given by a
/// person who has since lost the right does not count.
pub trait ApproverRoster: Send + Sync {
    /// Returns whether the principal with this id is in one of the groups `from`. Must not block.
    fn may_decide(&self, approver: &str, from: &[String]) -> bool;
}

impl<F: Fn(&str, &[String]) -> bool + Send + Sync> ApproverRoster for F {
    fn may_decide(&self, approver: &str, from: &[String]) -> bool {
        self(approver, from)
    }
}

/// All approvals and grants. Shared by all threads; clones share the same state.
#[derive(Clone)]
pub struct Approvals {
    pub(super) store: Store,
    pub(super) shared: Arc<Shared>,
}

/// The state shared between jobs on the store's thread and everything else.
pub(super) struct Shared {
    pub(super) clock: Clock,
    pub(super) desk: Desk,
    pub(super) standing: StandingGrants,
    pub(super) roster: Arc<dyn ApproverRoster>,
    /// Whether requests are accepted: not before [`Approvals::recover`], not after [`Approvals::stop_all`].
    pub(super) open: AtomicBool,
}

impl Approvals {
    /// Creates approvals backed by `store`. Accepts no requests before [`Self::recover`] is done.
    pub fn new(store: Store, roster: Arc<dyn ApproverRoster>) -> Self {
        let shared = Shared {
            clock: Clock::new(),
            desk: Desk::new(),
            standing: StandingGrants::default(),
            roster,
            open: AtomicBool::new(false),
        };
        Self { store, shared: Arc::new(shared) }
    }

    /// Returns the time that approvals are judged by, in milliseconds since 1970; it never goes back.
    pub fn now_ms(&self) -> i64 {
        self.shared.clock.now()
    }

    /// Returns a session or window grant that covers this command now. Never waits; without any grants it
    /// costs one load. Does not find a grant for a single command: [`Self::ask`] finds it, and it must be
    /// redeemed.
    pub fn standing_grant(&self, wanted: &Wanted<'_>) -> Option<Arc<Grant>> {
        self.shared.standing_grant(wanted)
    }

    /// Lists the approvals that match a filter, newest first, each with an empty `detail`.
    pub async fn list(&self, filter: ApprovalFilter) -> Result<Vec<Approval>, StoreError> {
        self.store.read(move |view| view.approvals(&filter)).await
    }

    /// Returns one approval, with its `detail`.
    pub async fn show(&self, id: ApprovalId) -> Result<Option<Approval>, StoreError> {
        self.store.read(move |view| view.approval(id)).await
    }

    /// Lists the current grants, or with `ended` the newest of all, newest first.
    pub async fn grants(&self, ended: bool) -> Result<Vec<Grant>, StoreError> {
        let standing_at = (!ended).then(|| self.shared.clock.now());
        self.store.read(move |view| view.grants(standing_at)).await
    }

    /// The same, with those marked that cover nothing now.
    pub async fn judged_grants(&self, ended: bool) -> Result<Vec<Grant>, StoreError> {
        let standing_at = (!ended).then(|| self.shared.clock.now());
        let read = self.store.read(move |view| {
            let grants = view.grants(standing_at)?.into_iter();
            grants.map(|grant| Ok((view.approval(grant.approval)?, grant))).collect::<Result<Vec<_>, _>>()
        });
        let judged = read.await?.into_iter().map(|(approval, grant)| {
            let covers = |approval: Approval| {
                standing::quorum(&approval.spec, standing::yes(&approval), &*self.shared.roster)
            };
            Grant { suspended: grant.ended_ms.is_none() && !approval.is_some_and(covers), ..grant }
        });
        Ok(judged.collect())
    }

    /// Every change from now on, for the event stream.
    pub fn subscribe(&self) -> broadcast::Receiver<Change> {
        self.shared.desk.subscribe()
    }
}

impl Shared {
    pub(super) fn standing_grant(&self, wanted: &Wanted<'_>) -> Option<Arc<Grant>> {
        self.standing.find(wanted, || self.clock.now(), &*self.roster)
    }

    pub(super) fn is_open(&self) -> bool {
        self.open.load(Ordering::Acquire)
    }

    /// Called after the commit: wakes the waiting requests if the approval was approved or ended, and
    /// publishes the change.
    pub(super) fn announce(&self, approval: &Approval) {
        if let Some(outcome) = Outcome::of(approval) {
            self.desk.resolve(approval.id, outcome);
        }
        let shown = Approval { detail: String::new(), ..approval.clone() };
        self.desk.publish(Change::Approval(Arc::new(shown)));
    }

    pub(super) fn announce_grant(&self, grant: Grant) {
        self.desk.publish(Change::Grant(Arc::new(grant)));
    }
}
