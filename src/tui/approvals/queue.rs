//! The known approvals and their order.

use std::cmp::Ordering;
use std::collections::HashMap;
use std::sync::Arc;

use crate::domain::approval::Approval;
use crate::domain::approval::ApprovalState;
use crate::domain::id::ApprovalId;
use crate::tui::Shared;
use crate::tui::browse::Browse;
use crate::tui::filter::Filter;

/// How long an ended approval stays visible, in milliseconds.
const ENDED_FOR_MS: i64 = 10_000;
/// How long an ended approval is remembered, so that an older reply does not bring it back, in milliseconds.
const REMEMBERED_MS: i64 = 120_000;

/// How long after its deadline an approval counts as expired without word from the gateway, in milliseconds.
const LATE_MS: i64 = 5_000;

/// The sort order of the list.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) enum Sort {
    /// Soonest to expire first.
    #[default]
    Expires,
    /// Newest first.
    Newest,
    /// Highest risk first.
    Risk,
    /// By requester.
    Who,
    /// By connection.
    Connection,
}

impl Sort {
    pub(super) const fn word(self) -> &'static str {
        match self {
            Self::Expires => "expires",
            Self::Newest => "newest",
            Self::Risk => "risk",
            Self::Who => "who",
            Self::Connection => "connection",
        }
    }

    const fn next(self) -> Self {
        match self {
            Self::Expires => Self::Newest,
            Self::Newest => Self::Risk,
            Self::Risk => Self::Who,
            Self::Who => Self::Connection,
            Self::Connection => Self::Expires,
        }
    }
}

#[derive(Debug)]
struct Entry {
    approval: Arc<Approval>,
    /// When it ended, in milliseconds since the Unix epoch; `None` while pending.
    ended_ms: Option<i64>,
    /// The value of the update counter at its last update.
    told: u64,
    /// Whether only its end was ever reported: it is then never shown.
    hidden: bool,
    /// Whether the list being taken contains it.
    listed: bool,
}

/// Field names for filters.
const FILTER_KEYS: [&str; 5] = ["who", "conn", "risk", "rule", "from"];

/// All known approvals, and the visible ones.
#[derive(Debug)]
pub(super) struct Queue {
    entries: HashMap<ApprovalId, Entry>,
    /// The visible approvals in order, and the selection.
    pub(super) list: Browse<ApprovalId>,
    pending: usize,
    sort: Sort,
    /// Counts updates.
    told: u64,
    /// Whether the list was received at least once.
    known: bool,
}

impl Default for Queue {
    fn default() -> Self {
        Self {
            entries: HashMap::new(),
            list: Browse::new(&FILTER_KEYS),
            pending: 0,
            sort: Sort::default(),
            told: 0,
            known: false,
        }
    }
}

impl Queue {
    /// Returns the visible approvals in order.
    pub(super) fn order(&self) -> &[ApprovalId] {
        &self.list.keys
    }

    /// Returns an approval by id.
    pub(super) fn get(&self, id: ApprovalId) -> Option<&Approval> {
        self.entries.get(&id).map(|entry| &*entry.approval)
    }

    /// Returns whether the approval has ended or is unknown.
    pub(super) fn has_ended(&self, id: ApprovalId) -> bool {
        self.entries.get(&id).is_none_or(|entry| entry.ended_ms.is_some())
    }

    /// Returns the number of pending approvals.
    pub(super) fn pending(&self) -> usize {
        self.pending
    }

    /// Returns whether the list was received at least once.
    pub(super) fn is_known(&self) -> bool {
        self.known
    }

    pub(super) fn sorted_by(&self) -> Sort {
        self.sort
    }

    /// Returns whether no filter is set.
    pub(super) fn is_whole(&self) -> bool {
        self.list.filter.is_empty()
    }

    pub(super) fn sort_by_next(&mut self, shared: &Shared) {
        self.sort = self.sort.next();
        self.arrange(shared);
    }

    /// Returns the update counter. Updates after this value are newer than the reply to a request made now.
    pub(super) fn told(&self) -> u64 {
        self.told
    }

    /// Takes the current state of an approval. Returns whether it is a new pending one.
    pub(super) fn put(&mut self, approval: Approval, shared: &Shared) -> bool {
        self.told += 1;
        let told = self.told;
        let waits = approval.state == ApprovalState::Pending;
        let approval = Approval { detail: String::new(), ..approval };
        match self.entries.get_mut(&approval.id) {
            Some(entry) => {
                let waited = entry.ended_ms.is_none();
                entry.ended_ms = if waits { None } else { entry.ended_ms.or(Some(shared.now.wall_ms)) };
                // Its end does not move it: it is struck through in place.
                let expires_ms = entry.approval.expires_ms;
                (entry.approval, entry.told) = (Arc::new(Approval { expires_ms, ..approval }), told);
                if waited && !waits {
                    self.pending -= 1;
                } else if waited != waits {
                    self.arrange(shared);
                }
                false
            }
            // It was never shown, so its end is not shown; but an older list may still call it pending.
            None if !waits => {
                let ended_ms = Some(shared.now.wall_ms);
                let (id, approval) = (approval.id, Arc::new(approval));
                self.entries.insert(id, Entry { approval, ended_ms, told, hidden: true, listed: false });
                false
            }
            None => {
                let approval = Arc::new(approval);
                self.insert(Entry { approval, ended_ms: None, told, hidden: false, listed: false });
                true
            }
        }
    }

    /// Inserts a new approval at its place: sorting ten thousand again for each new one would stall the
    /// screen.
    fn insert(&mut self, entry: Entry) {
        self.pending += 1;
        let (id, by) = (entry.approval.id, self.sort);
        if self.is_whole() || passes(&self.list.filter, &entry.approval) {
            let before = |other: &ApprovalId| {
                let other = self.entries.get(other);
                other.is_some_and(|other| compare(by, &other.approval, &entry.approval).is_lt())
            };
            let place = self.list.keys.partition_point(before);
            self.list.keys.insert(place, id);
        }
        self.entries.insert(id, entry);
    }

    /// Takes the list of all pending approvals, requested when the update counter was `asked`. Returns the
    /// new ones; none for the first list.
    pub(super) fn replace(
        &mut self,
        asked: u64,
        pending: &[Arc<Approval>],
        shared: &Shared,
    ) -> Vec<ApprovalId> {
        let first = !std::mem::replace(&mut self.known, true);
        let now = shared.now.wall_ms;
        let mut new = Vec::new();
        let mut changed = first;
        self.entries.reserve(pending.len().saturating_sub(self.entries.len()));
        for approval in pending {
            match self.entries.get_mut(&approval.id) {
                // A newer state is known already.
                Some(entry) if entry.told > asked => continue,
                // Most are unchanged: copying ten thousand would stall the screen.
                Some(entry) if entry.ended_ms.is_none() && !entry.hidden && entry.approval == *approval => {
                    (entry.told, entry.listed) = (asked, true);
                    continue;
                }
                Some(_) => {}
                None if first => {}
                None => new.push(approval.id),
            }
            let approval = Arc::clone(approval);
            let entry = Entry { approval, ended_ms: None, told: asked, hidden: false, listed: true };
            self.entries.insert(entry.approval.id, entry);
            changed = true;
        }
        for entry in self.entries.values_mut() {
            let listed = std::mem::take(&mut entry.listed);
            if entry.ended_ms.is_none() && entry.told <= asked && !listed {
                // It ended while disconnected, and nothing reported how.
                entry.ended_ms = Some(now);
                Arc::make_mut(&mut entry.approval).state = ApprovalState::Stopped;
                changed = true;
            }
        }
        if changed {
            self.arrange(shared);
        }
        new
    }

    /// Removes approvals that ended some time ago. Returns whether a visible one was removed.
    pub(super) fn forget_ended(&mut self, shared: &Shared) -> bool {
        let now = shared.now.wall_ms;
        for entry in self.entries.values_mut().filter(|entry| entry.ended_ms.is_none()) {
            // The gateway reports it at once; if that was missed, the clock decides.
            if now.saturating_sub(entry.approval.expires_ms) > LATE_MS {
                entry.ended_ms = Some(now);
                Arc::make_mut(&mut entry.approval).state = ApprovalState::Expired;
                self.pending -= 1;
            }
        }
        let over =
            |entry: &Entry, ms: i64| entry.ended_ms.is_some_and(|ended| now.saturating_sub(ended) >= ms);
        self.entries.retain(|_, entry| !over(entry, REMEMBERED_MS));
        let before = self.list.keys.len();
        let entries = &self.entries;
        self.list.keys.retain(|id| entries.get(id).is_some_and(|entry| !over(entry, ENDED_FOR_MS)));
        self.list.keys.len() != before
    }

    /// Filters and sorts the whole list again.
    pub(super) fn arrange(&mut self, shared: &Shared) {
        let now = shared.now.wall_ms;
        self.pending = self.entries.values().filter(|entry| entry.ended_ms.is_none()).count();
        let mut shown: Vec<&Entry> = self
            .entries
            .values()
            .filter(|entry| !entry.hidden)
            .filter(|entry| entry.ended_ms.is_none_or(|ended| now.saturating_sub(ended) < ENDED_FOR_MS))
            .filter(|entry| self.is_whole() || passes(&self.list.filter, &entry.approval))
            .collect();
        let by = self.sort;
        shown.sort_by(|one, other| compare(by, &one.approval, &other.approval));
        self.list.keys = shown.into_iter().map(|entry| entry.approval.id).collect();
    }
}

fn compare(by: Sort, one: &Approval, other: &Approval) -> Ordering {
    let first = match by {
        Sort::Expires => one.expires_ms.cmp(&other.expires_ms),
        Sort::Newest => other.created_ms.cmp(&one.created_ms),
        Sort::Risk => other.risk().cmp(&one.risk()),
        Sort::Who => one.label.cmp(&other.label),
        Sort::Connection => one.connection.cmp(&other.connection),
    };
    first.then(one.expires_ms.cmp(&other.expires_ms)).then(one.id.cmp(&other.id))
}

fn passes(filter: &Filter, approval: &Approval) -> bool {
    filter.passes(&[
        ("who", &approval.label),
        ("who", &approval.principal),
        ("conn", approval.connection.as_str()),
        ("risk", approval.risk().as_str()),
        ("rule", &approval.rule),
        ("from", &approval.source),
        ("", &approval.summary),
        ("", &approval.reason),
    ])
}
