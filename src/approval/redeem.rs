//! Redeeming an approval: exactly one command ever passes on a `once` grant.

use std::sync::Arc;
use std::time::Duration;

use serde_json::json;

use crate::approval::approvals::Shared;
use crate::approval::ask::Ask;
use crate::approval::error::ApprovalError;
use crate::approval::lifecycle;
use crate::approval::standing;
use crate::approval::ticket::Ticket;
use crate::domain::approval::Approval;
use crate::domain::approval::ApprovalState;
use crate::domain::approval::Grant;
use crate::domain::approval::GrantScope;
use crate::domain::id::ApprovalId;
use crate::store;
use crate::store::StoreError;

/// How long an approved single command may take to be repeated, at most; less if the policy's timeout is
/// shorter.
pub const APPROVED_MAX: Duration = Duration::from_mins(5);

/// The proof that an approval was used for one command.
#[derive(Debug, Clone)]
pub struct Redeemed {
    /// The approval, with an empty `detail`.
    pub approval: Approval,
    /// The grant that let the command pass.
    pub grant: Grant,
}

impl Ticket {
    /// Redeems the approval for this ticket's command. A `once` grant is used up on disk before this returns:
    /// of any number of attempts one succeeds. If the gateway dies after that, the command was sent once or
    /// not at all.
    ///
    /// # Errors
    /// Each means: deny. [`ApprovalError::AlreadyUsed`], [`ApprovalError::Expired`],
    /// [`ApprovalError::ApproverGone`], [`ApprovalError::Different`], [`ApprovalError::NotApproved`],
    /// [`ApprovalError::Store`].
    pub async fn redeem(self) -> Result<Redeemed, ApprovalError> {
        let shared = Arc::clone(&self.approvals.shared);
        let (id, ask, slot) = (self.id(), self.ask.clone(), self.slot.clone());
        let redeemed = self.approvals.store.call(move |db| {
            let result = db.change(|change| redeem(change, &shared, id, &ask, &slot))?;
            match &result {
                Ok(redeemed) => shared.announce(&redeemed.approval),
                Err(Refusal::ApproverGone { grant, denied }) => {
                    shared.standing.remove(grant.id);
                    shared.announce_grant(Grant::clone(grant));
                    if let Some(denied) = denied {
                        lifecycle::finish(&shared, Approval::clone(denied));
                    }
                }
                Err(Refusal::Error(_)) => {}
            }
            if let Ok(Redeemed { grant, .. }) = &result
                && grant.ended_ms.is_some()
            {
                shared.announce_grant(grant.clone());
            }
            Ok(result.map_err(|refusal| match refusal {
                Refusal::ApproverGone { .. } => ApprovalError::ApproverGone,
                Refusal::Error(error) => error,
            }))
        });
        redeemed.await.map_err(ApprovalError::Store)?
    }
}

enum Refusal {
    /// The quorum is gone: the grant ends, and so does the approval if it was not used.
    ApproverGone {
        grant: Box<Grant>,
        denied: Option<Box<Approval>>,
    },
    Error(ApprovalError),
}

impl From<ApprovalError> for Refusal {
    fn from(error: ApprovalError) -> Self {
        Self::Error(error)
    }
}

fn redeem(
    change: &store::Change<'_>,
    shared: &Shared,
    id: ApprovalId,
    ask: &Ask,
    slot: &str,
) -> Result<Result<Redeemed, Refusal>, StoreError> {
    let now_ms = shared.clock.now();
    let Some(mut approval) = change.approval(id)? else {
        return Ok(Err(ApprovalError::Different.into()));
    };
    approval.detail.clear();
    let Some(mut grant) = change.grant_of(id)? else {
        return Ok(Err(ApprovalError::NotApproved { state: approval.state }.into()));
    };
    let bound = match grant.scope {
        GrantScope::Once => grant.bound_to == ask.digest && approval.digest == ask.digest,
        GrantScope::Session => grant.bound_to == ask.session.to_string(),
        GrantScope::Window(_) => true,
    };
    let ours =
        grant.principal == ask.principal && grant.connection == ask.connection && grant.rule == ask.rule;
    if !bound || !ours || approval.spec != ask.spec || grant.terms != ask.terms {
        return Ok(Err(ApprovalError::Different.into()));
    }
    if let Some(refusal) = ended(&approval, &grant, now_ms) {
        return Ok(Err(refusal.into()));
    }
    if !standing::quorum(&approval.spec, standing::yes(&approval), &*shared.roster) {
        return take_back(change, id, grant, now_ms).map(Err);
    }
    change.raise_clock(now_ms)?;
    if grant.scope == GrantScope::Once {
        if !change.use_approval(id, &ask.same(slot), now_ms)? || !change.end_grant(grant.id, now_ms)? {
            return Ok(Err(ApprovalError::AlreadyUsed.into()));
        }
        grant.ended_ms = Some(now_ms);
        approval.state = ApprovalState::Used;
    } else if change.end_approval(id, ApprovalState::Approved, ApprovalState::Used, true, now_ms)? {
        // The approved command runs; its grant stays for others.
        approval.state = ApprovalState::Used;
    }
    let detail = json!({ "approval": id, "request": ask.request, "digest": ask.digest });
    change.append_audit(&ask.principal, "grant.use", &grant.id.to_string(), &detail)?;
    Ok(Ok(Redeemed { approval, grant }))
}

/// Ends a grant whose approvers have lost the right to approve, so that the command can be asked for again.
fn take_back(
    change: &store::Change<'_>,
    id: ApprovalId,
    mut grant: Grant,
    now_ms: i64,
) -> Result<Refusal, StoreError> {
    change.end_grant(grant.id, now_ms)?;
    grant.ended_ms = Some(now_ms);
    let detail = json!({ "approval": id, "reason": "its approvers may no longer approve it" });
    change.append_audit("hoopctl", "grant.end", &grant.id.to_string(), &detail)?;
    let denied = lifecycle::end(change, id, ApprovalState::Approved, ApprovalState::Denied, true, now_ms)?;
    Ok(Refusal::ApproverGone { grant: Box::new(grant), denied: denied.map(Box::new) })
}

/// Returns why a grant is no longer valid; `None` if it is.
fn ended(approval: &Approval, grant: &Grant, now_ms: i64) -> Option<ApprovalError> {
    if approval.state == ApprovalState::Used && grant.scope == GrantScope::Once {
        return Some(ApprovalError::AlreadyUsed);
    }
    if !matches!(approval.state, ApprovalState::Approved | ApprovalState::Used) {
        return Some(match approval.state {
            ApprovalState::Expired => ApprovalError::Expired,
            state => ApprovalError::NotApproved { state },
        });
    }
    if grant.ended_ms.is_some() {
        return Some(ApprovalError::NotApproved { state: ApprovalState::Denied });
    }
    (grant.expires_ms <= now_ms).then_some(ApprovalError::Expired)
}
