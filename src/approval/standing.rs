//! Grants that cover more than one command, in memory, for the hot path.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::RwLock;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering;

use crate::approval::approvals::ApproverRoster;
use crate::domain::approval::Approval;
use crate::domain::approval::ApprovalSpec;
use crate::domain::approval::Grant;
use crate::domain::approval::GrantScope;
use crate::domain::connection::ConnectionName;
use crate::domain::id::GrantId;
use crate::domain::id::SessionId;
use crate::domain::sync::read_lock;
use crate::domain::sync::write_lock;

/// The command that looks for a grant.
#[derive(Debug, Clone, Copy)]
pub struct Wanted<'a> {
    /// The requester's principal id.
    pub principal: &'a str,
    /// The connection.
    pub connection: &'a ConnectionName,
    /// The policies that hold it, joined by `,`.
    pub rule: &'a str,
    /// The digest of these policies and of the connection as they are defined now: a grant on other terms
    /// does not count any more.
    pub terms: &'a str,
    /// Who must approve by these policies now: a grant that others gave does not count any more.
    pub spec: &'a ApprovalSpec,
    /// The session.
    pub session: SessionId,
}

/// A grant with what is needed to check whether it is still valid.
struct Standing {
    grant: Arc<Grant>,
    spec: ApprovalSpec,
    session: Option<SessionId>,
    approvers: Vec<String>,
}

/// All session and window grants, by principal.
#[derive(Default)]
pub(super) struct StandingGrants {
    /// The number of grants: without any, a lookup costs one load.
    count: AtomicUsize,
    by_principal: RwLock<HashMap<String, Vec<Standing>>>,
}

impl StandingGrants {
    /// Returns a grant that covers this command now.
    pub(super) fn find(
        &self,
        wanted: &Wanted<'_>,
        now_ms: impl FnOnce() -> i64,
        roster: &dyn ApproverRoster,
    ) -> Option<Arc<Grant>> {
        if self.count.load(Ordering::Acquire) == 0 {
            return None;
        }
        let grants = read_lock(&self.by_principal);
        let of_one = grants.get(wanted.principal)?;
        let now_ms = now_ms();
        of_one
            .iter()
            .find(|standing| standing.covers(wanted, now_ms) && standing.has_quorum(roster))
            .map(|standing| Arc::clone(&standing.grant))
    }

    /// Adds the grant of `approval`. A grant for a single command is not kept here: it is redeemed.
    pub(super) fn add(&self, grant: Grant, approval: &Approval) {
        let session = match grant.scope {
            GrantScope::Once => return,
            GrantScope::Session => Some(approval.session),
            GrantScope::Window(_) => None,
        };
        let principal = grant.principal.clone();
        let approvers = yes(approval).map(ToOwned::to_owned).collect();
        let standing = Standing { grant: Arc::new(grant), spec: approval.spec.clone(), session, approvers };
        self.edit(|grants| grants.entry(principal).or_default().push(standing));
    }

    /// Returns the sessions that have grants.
    pub(super) fn sessions(&self) -> Vec<SessionId> {
        if self.count.load(Ordering::Acquire) == 0 {
            return Vec::new();
        }
        let grants = read_lock(&self.by_principal);
        grants.values().flatten().filter_map(|standing| standing.session).collect()
    }

    /// Removes a grant.
    pub(super) fn remove(&self, id: GrantId) {
        self.retain(|grant| grant.id != id);
    }

    /// Removes expired grants.
    pub(super) fn expire(&self, now_ms: i64) {
        if self.count.load(Ordering::Acquire) > 0 {
            self.retain(|grant| grant.expires_ms > now_ms);
        }
    }

    fn retain(&self, keep: impl Fn(&Grant) -> bool) {
        self.edit(|grants| {
            grants.retain(|_principal, of_one| {
                of_one.retain(|standing| keep(&standing.grant));
                !of_one.is_empty()
            });
        });
    }

    fn edit(&self, edit: impl FnOnce(&mut HashMap<String, Vec<Standing>>)) {
        let mut grants = write_lock(&self.by_principal);
        edit(&mut grants);
        self.count.store(grants.values().map(Vec::len).sum(), Ordering::Release);
    }
}

impl Standing {
    fn covers(&self, wanted: &Wanted<'_>, now_ms: i64) -> bool {
        self.grant.connection == *wanted.connection
            && self.grant.rule == wanted.rule
            && self.grant.terms == wanted.terms
            && self.grant.expires_ms > now_ms
            && self.session.is_none_or(|session| session == wanted.session)
            && self.spec == *wanted.spec
    }

    fn has_quorum(&self, roster: &dyn ApproverRoster) -> bool {
        quorum(&self.spec, self.approvers.iter().map(String::as_str), roster)
    }
}

/// Returns the distinct people who approved. A denial ends an approval, so none of them has retracted.
pub(super) fn yes(approval: &Approval) -> impl Iterator<Item = &str> {
    approval.decisions.iter().filter(|decision| decision.approve).map(|decision| decision.by.as_str())
}

/// Returns how many distinct people must approve, at least one.
pub(super) fn wanted_votes(spec: &ApprovalSpec) -> usize {
    usize::try_from(spec.min.max(1)).unwrap_or(usize::MAX)
}

/// Returns whether enough of those who approved may still do so.
pub(super) fn quorum<'a>(
    spec: &ApprovalSpec,
    approvers: impl Iterator<Item = &'a str>,
    roster: &dyn ApproverRoster,
) -> bool {
    approvers.filter(|approver| roster.may_decide(approver, &spec.from)).count() >= wanted_votes(spec)
}
