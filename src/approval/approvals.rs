//! [`Approvals`]: the one place that knows what is held and what was granted.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering;

use tokio::sync::broadcast;

use crate::approval::clock::Clock;
use crate::approval::desk::Change;
use crate::approval::desk::Desk;
use crate::approval::standing::StandingGrants;
use crate::approval::standing::Wanted;
use crate::approval::ticket::Outcome;
use crate::domain::approval::Approval;
use crate::domain::approval::Grant;
use crate::domain::id::ApprovalId;
use crate::store::ApprovalFilter;
use crate::store::Store;
use crate::store::StoreError;

/// Who may decide at this moment, by the configuration in force: asked again when an approval is used, so that one
/// given by a person who has lost the right since does not count.
pub trait Electorate: Send + Sync {
    /// Whether the principal with this id is in one of the groups `from`. Must answer at once, without waiting.
    fn may_decide(&self, approver: &str, from: &[String]) -> bool;
}

impl<F: Fn(&str, &[String]) -> bool + Send + Sync> Electorate for F {
    fn may_decide(&self, approver: &str, from: &[String]) -> bool {
        self(approver, from)
    }
}

/// All approvals and grants. Shared by all threads; clones are the same.
#[derive(Clone)]
pub struct Approvals {
    pub(super) store: Store,
    pub(super) shared: Arc<Shared>,
}

/// What jobs on the store's thread share with the rest.
pub(super) struct Shared {
    pub(super) clock: Clock,
    pub(super) desk: Desk,
    pub(super) standing: StandingGrants,
    pub(super) electorate: Arc<dyn Electorate>,
    /// Whether requests are taken: not before [`Approvals::recover`], not after [`Approvals::stop_all`].
    pub(super) open: AtomicBool,
}

impl Approvals {
    /// Approvals kept in `store`. Takes no requests before [`Self::recover`] is done.
    pub fn new(store: Store, electorate: Arc<dyn Electorate>) -> Self {
        let shared = Shared {
            clock: Clock::new(),
            desk: Desk::new(),
            standing: StandingGrants::default(),
            electorate,
            open: AtomicBool::new(false),
        };
        Self { store, shared: Arc::new(shared) }
    }

    /// The time that approvals are judged by, in milliseconds since 1970; it never goes back.
    pub fn now_ms(&self) -> i64 {
        self.shared.clock.now()
    }

    /// A session or window grant that covers this command now. Never waits; without any grants it costs one load.
    /// A grant for one command is not found here: [`Self::ask`] finds it, and it must be redeemed.
    pub fn standing_grant(&self, wanted: &Wanted<'_>) -> Option<Arc<Grant>> {
        self.shared.standing_grant(wanted)
    }

    /// The approvals that a filter wants, newest first, each with an empty `detail`.
    pub async fn list(&self, filter: ApprovalFilter) -> Result<Vec<Approval>, StoreError> {
        self.store.read(move |view| view.approvals(&filter)).await
    }

    /// One approval, whole.
    pub async fn show(&self, id: ApprovalId) -> Result<Option<Approval>, StoreError> {
        self.store.read(move |view| view.approval(id)).await
    }

    /// The grants that stand, or with `ended` the newest of all, newest first.
    pub async fn grants(&self, ended: bool) -> Result<Vec<Grant>, StoreError> {
        let standing_at = (!ended).then(|| self.shared.clock.now());
        self.store.read(move |view| view.grants(standing_at)).await
    }

    /// Every change from now on, for the event stream.
    pub fn subscribe(&self) -> broadcast::Receiver<Change> {
        self.shared.desk.subscribe()
    }
}

impl Shared {
    pub(super) fn standing_grant(&self, wanted: &Wanted<'_>) -> Option<Arc<Grant>> {
        self.standing.find(wanted, || self.clock.now(), &*self.electorate)
    }

    pub(super) fn is_open(&self) -> bool {
        self.open.load(Ordering::Acquire)
    }

    /// After the commit: wakes those who wait when it ended or was approved, and tells the stream.
    pub(super) fn announce(&self, approval: &Approval) {
        if let Some(outcome) = Outcome::of(approval) {
            self.desk.settle(approval.id, outcome);
        }
        let shown = Approval { detail: String::new(), ..approval.clone() };
        self.desk.publish(Change::Approval(Arc::new(shown)));
    }

    pub(super) fn announce_grant(&self, grant: Grant) {
        self.desk.publish(Change::Grant(Arc::new(grant)));
    }
}
