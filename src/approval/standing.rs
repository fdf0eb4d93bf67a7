//! The grants that cover more than one command, in memory: what the hot path asks first.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::PoisonError;
use std::sync::RwLock;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering;

use crate::approval::approvals::Electorate;
use crate::domain::approval::Approval;
use crate::domain::approval::ApprovalSpec;
use crate::domain::approval::Grant;
use crate::domain::approval::GrantScope;
use crate::domain::connection::ConnectionName;
use crate::domain::id::GrantId;
use crate::domain::id::SessionId;

/// The command that looks for a grant.
#[derive(Debug, Clone, Copy)]
pub struct Wanted<'a> {
    /// Who asks, by principal id.
    pub principal: &'a str,
    /// Where.
    pub connection: &'a ConnectionName,
    /// The policies that hold it, joined by `,`.
    pub rule: &'a str,
    /// Who must approve by these policies now: a grant that others gave does not count any more.
    pub spec: &'a ApprovalSpec,
    /// The session.
    pub session: SessionId,
}

/// One grant with what it takes to judge whether it still stands.
struct Standing {
    grant: Arc<Grant>,
    spec: ApprovalSpec,
    session: Option<SessionId>,
    approvers: Vec<String>,
}

/// All standing grants, by principal.
#[derive(Default)]
pub(super) struct StandingGrants {
    /// How many there are: with none, a look costs one load.
    count: AtomicUsize,
    by_principal: RwLock<HashMap<String, Vec<Standing>>>,
}

impl StandingGrants {
    /// A grant that covers this command now.
    pub(super) fn find(
        &self,
        wanted: &Wanted<'_>,
        now_ms: impl FnOnce() -> i64,
        electorate: &dyn Electorate,
    ) -> Option<Arc<Grant>> {
        if self.count.load(Ordering::Acquire) == 0 {
            return None;
        }
        let grants = self.by_principal.read().unwrap_or_else(PoisonError::into_inner);
        let of_one = grants.get(wanted.principal)?;
        let now_ms = now_ms();
        of_one
            .iter()
            .find(|standing| standing.covers(wanted, now_ms) && standing.has_quorum(electorate))
            .map(|standing| Arc::clone(&standing.grant))
    }

    /// Adds the grant that `approval` gave. One for a single command is not kept here: it is redeemed.
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

    /// The sessions that grants were given for.
    pub(super) fn sessions(&self) -> Vec<SessionId> {
        if self.count.load(Ordering::Acquire) == 0 {
            return Vec::new();
        }
        let grants = self.by_principal.read().unwrap_or_else(PoisonError::into_inner);
        grants.values().flatten().filter_map(|standing| standing.session).collect()
    }

    /// Takes one away.
    pub(super) fn remove(&self, id: GrantId) {
        self.retain(|grant| grant.id != id);
    }

    /// Takes those away that ran out.
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
        let mut grants = self.by_principal.write().unwrap_or_else(PoisonError::into_inner);
        edit(&mut grants);
        self.count.store(grants.values().map(Vec::len).sum(), Ordering::Release);
    }
}

impl Standing {
    fn covers(&self, wanted: &Wanted<'_>, now_ms: i64) -> bool {
        self.grant.connection == *wanted.connection
            && self.grant.rule == wanted.rule
            && self.grant.expires_ms > now_ms
            && self.session.is_none_or(|session| session == wanted.session)
            && self.spec == *wanted.spec
    }

    fn has_quorum(&self, electorate: &dyn Electorate) -> bool {
        quorum(&self.spec, self.approvers.iter().map(String::as_str), electorate)
    }
}

/// The distinct people who said yes. One deny ends an approval, so none of these took it back.
pub(super) fn yes(approval: &Approval) -> impl Iterator<Item = &str> {
    approval.decisions.iter().filter(|decision| decision.approve).map(|decision| decision.by.as_str())
}

/// How many distinct people must say yes: never none.
pub(super) fn wanted_votes(spec: &ApprovalSpec) -> usize {
    usize::try_from(spec.min.max(1)).unwrap_or(usize::MAX)
}

/// Whether enough of those who said yes may still do so.
pub(super) fn quorum<'a>(
    spec: &ApprovalSpec,
    approvers: impl Iterator<Item = &'a str>,
    electorate: &dyn Electorate,
) -> bool {
    approvers.filter(|approver| electorate.may_decide(approver, &spec.from)).count() >= wanted_votes(spec)
}
