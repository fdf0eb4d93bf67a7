//! Deciding: who may, what a decision does, and revoking a grant.

use std::sync::Arc;

use serde_json::json;

use crate::approval::approvals::Approvals;
use crate::approval::approvals::Shared;
use crate::approval::ask::approved_until;
use crate::approval::error::DecideError;
use crate::approval::error::RevokeError;
use crate::approval::lifecycle;
use crate::approval::standing;
use crate::domain::approval::Approval;
use crate::domain::approval::ApprovalDecision;
use crate::domain::approval::ApprovalState;
use crate::domain::approval::Grant;
use crate::domain::approval::GrantScope;
use crate::domain::id::ApprovalId;
use crate::domain::id::GrantId;
use crate::domain::principal::Kind;
use crate::domain::principal::Principal;
use crate::store;
use crate::store::StoreError;

/// The longest reason of an approver, in characters.
pub const MAX_REASON: usize = 2000;

impl Approvals {
    /// Counts one approver's decision. One denial denies; enough distinct approvers approve. Returns the
    /// resulting approval (its `detail` empty), for the caller to record `approval.decided`.
    ///
    /// # Errors
    /// The reason why the decision does not count, see [`DecideError`]; also [`DecideError::Ended`] if it
    /// comes too late.
    pub async fn decide(
        &self,
        id: ApprovalId,
        approver: &Principal,
        approve: bool,
        reason: &str,
    ) -> Result<Approval, DecideError> {
        self.decide_within(id, approver, approve, reason, None).await
    }

    /// Does the same as [`Approvals::decide`], but approving gives no more than `within`, which the policy
    /// must allow: for example one command instead of a window.
    ///
    /// # Errors
    /// Fails like [`Approvals::decide`], and with [`DecideError::Wider`] and [`DecideError::SharedScope`].
    pub async fn decide_within(
        &self,
        id: ApprovalId,
        approver: &Principal,
        approve: bool,
        reason: &str,
        within: Option<GrantScope>,
    ) -> Result<Approval, DecideError> {
        let shared = Arc::clone(&self.shared);
        let said = Said { approver: approver.clone(), approve, reason: reason.trim().to_owned(), within };
        let decided = self.store.call(move |db| {
            let decided = db.change(|change| decide(change, &shared, id, &said))?;
            Ok(match decided {
                Decided::Counted(approval, grant) => {
                    if let Some(grant) = grant.map(|grant| *grant) {
                        shared.standing.add(grant.clone(), &approval);
                        shared.announce_grant(grant);
                    }
                    shared.announce(&approval);
                    Ok(approval)
                }
                Decided::Over(approval) => {
                    shared.desk.note_ended(approval.clone());
                    shared.announce(&approval);
                    Err(DecideError::Ended { id, state: ApprovalState::Expired })
                }
                Decided::Refused(error) => Err(error),
            })
        });
        decided.await.map_err(DecideError::Store)?
    }

    /// Revokes a grant at once, and returns it. An approved command that has not run is denied.
    ///
    /// # Errors
    /// [`RevokeError::Missing`], [`RevokeError::Ended`], [`RevokeError::Store`].
    pub async fn revoke(&self, id: GrantId, actor: &str, reason: &str) -> Result<Grant, RevokeError> {
        let shared = Arc::clone(&self.shared);
        let (actor, reason) = (actor.to_owned(), reason.to_owned());
        let revoked = self.store.call(move |db| {
            let revoked = db.change(|change| revoke(change, &shared, id, &actor, &reason))?;
            Ok(revoked.map(|(grant, denied)| {
                shared.standing.remove(id);
                shared.announce_grant(grant.clone());
                if let Some(denied) = denied {
                    shared.announce(&denied);
                }
                grant
            }))
        });
        revoked.await.map_err(RevokeError::Store)?
    }
}

enum Decided {
    /// It counted; with the grant, if it was the last approval needed.
    Counted(Approval, Option<Box<Grant>>),
    /// It came too late: the approval expired now.
    Over(Approval),
    Refused(DecideError),
}

/// The decision of one approver.
struct Said {
    approver: Principal,
    approve: bool,
    reason: String,
    within: Option<GrantScope>,
}

fn decide(
    change: &store::Change<'_>,
    shared: &Shared,
    id: ApprovalId,
    said: &Said,
) -> Result<Decided, StoreError> {
    let Said { approver, approve, reason, within } = said;
    let approve = *approve;
    let now_ms = shared.clock.now();
    let Some(mut approval) = change.approval(id)? else {
        return Ok(Decided::Refused(DecideError::Missing { id }));
    };
    approval.detail.clear();
    if approval.state != ApprovalState::Pending {
        return Ok(Decided::Refused(DecideError::Ended { id, state: approval.state }));
    }
    if let Some(refused) =
        refused(&approval, approver, approve, reason).or_else(|| too_far(&approval, *within))
    {
        return Ok(Decided::Refused(refused));
    }
    if approval.expires_ms <= now_ms {
        let told = shared.desk.occupied(id);
        let over = lifecycle::end(change, id, ApprovalState::Pending, ApprovalState::Expired, told, now_ms)?;
        return Ok(over.map_or(
            Decided::Refused(DecideError::Ended { id, state: ApprovalState::Expired }),
            Decided::Over,
        ));
    }
    let decision =
        ApprovalDecision { by: approver.id.to_string(), approve, reason: reason.clone(), at_ms: now_ms };
    if !change.insert_decision(id, &decision)? {
        return Ok(Decided::Refused(DecideError::AlreadyDecided { id }));
    }
    let verb = if approve { "approval.approve" } else { "approval.deny" };
    let detail =
        json!({ "reason": decision.reason, "digest": approval.digest, "requester": approval.principal });
    change.append_audit(&decision.by, verb, &id.to_string(), &detail)?;
    change.raise_clock(now_ms)?;
    approval.decisions.push(decision);
    if !approve {
        let told = shared.desk.occupied(id);
        if !change.end_approval(id, ApprovalState::Pending, ApprovalState::Denied, told, now_ms)? {
            return Ok(Decided::Refused(DecideError::Ended { id, state: approval.state }));
        }
        approval.state = ApprovalState::Denied;
        return Ok(Decided::Counted(approval, None));
    }
    if standing::yes(&approval).count() < standing::wanted_votes(&approval.spec) {
        return Ok(Decided::Counted(approval, None));
    }
    let scope = within.unwrap_or(approval.spec.grant);
    let grant = give(change, &mut approval, scope, now_ms)?;
    Ok(Decided::Counted(approval, Some(Box::new(grant))))
}

/// Returns why approving cannot give `within`; `None` if it can.
fn too_far(approval: &Approval, within: Option<GrantScope>) -> Option<DecideError> {
    let (id, gives) = (approval.id, approval.spec.grant);
    let wanted = within?;
    if !wanted.is_within(gives) {
        return Some(DecideError::Wider { id, wanted, gives });
    }
    // With several approvers it is not known what the others meant to give.
    let shared = wanted != gives && standing::wanted_votes(&approval.spec) > 1;
    shared.then_some(DecideError::SharedScope { id, gives })
}

/// Returns why this approver's decision does not count; `None` if it does.
fn refused(approval: &Approval, approver: &Principal, approve: bool, reason: &str) -> Option<DecideError> {
    let id = approval.id;
    if approver.kind != Kind::Human {
        return Some(DecideError::NotHuman { id });
    }
    if *approver.id == *approval.principal {
        return Some(DecideError::OwnRequest { id });
    }
    let from = &approval.spec.from;
    if !from.iter().any(|group| approver.groups.contains(group)) {
        return Some(DecideError::NotInGroup { id, from: from.clone() });
    }
    if approve && approval.truncated {
        return Some(DecideError::Truncated { id });
    }
    if approval.spec.reason && reason.is_empty() {
        return Some(DecideError::ReasonMissing { id });
    }
    (reason.chars().count() > MAX_REASON).then_some(DecideError::ReasonTooLong { limit: MAX_REASON })
}

/// Approves, and stores the grant.
fn give(
    change: &store::Change<'_>,
    approval: &mut Approval,
    scope: GrantScope,
    now_ms: i64,
) -> Result<Grant, StoreError> {
    let session_end_ms = change.session_end_of(approval.id)?;
    let expires_ms = approved_until(&approval.spec, scope, session_end_ms, now_ms);
    let grant = Grant {
        id: GrantId::new(),
        approval: approval.id,
        principal: approval.principal.clone(),
        connection: approval.connection.clone(),
        rule: approval.rule.clone(),
        scope,
        bound_to: match scope {
            GrantScope::Once => approval.digest.clone(),
            GrantScope::Session => approval.session.to_string(),
            GrantScope::Window(_) => String::new(),
        },
        created_ms: now_ms,
        expires_ms,
        ended_ms: None,
        terms: change.terms_of(approval.id)?,
        suspended: false,
    };
    if !change.approve(approval.id, expires_ms, now_ms)? {
        // Checked in this same transaction: only a damaged store gets here, and it must not give a grant.
        return Err(StoreError::Missing { kind: "pending approval", name: approval.id.to_string() });
    }
    change.insert_grant(&grant)?;
    let detail = json!({
        "approval": grant.approval,
        "principal": grant.principal,
        "connection": grant.connection.as_str(),
        "rule": grant.rule,
        "scope": grant.scope.to_string(),
        "expires_ms": grant.expires_ms,
    });
    change.append_audit("hoopctl", "grant.add", &grant.id.to_string(), &detail)?;
    approval.state = ApprovalState::Approved;
    approval.expires_ms = expires_ms;
    approval.grant = Some(grant.id);
    Ok(grant)
}

type Revoked = (Grant, Option<Approval>);

fn revoke(
    change: &store::Change<'_>,
    shared: &Shared,
    id: GrantId,
    actor: &str,
    reason: &str,
) -> Result<Result<Revoked, RevokeError>, StoreError> {
    let now_ms = shared.clock.now();
    let Some(mut grant) = change.grant(id)? else { return Ok(Err(RevokeError::Missing { id })) };
    if !change.end_grant(id, now_ms)? {
        return Ok(Err(RevokeError::Ended { id }));
    }
    grant.ended_ms = Some(now_ms);
    let detail = json!({ "approval": grant.approval, "principal": grant.principal, "reason": reason });
    change.append_audit(actor, "grant.revoke", &id.to_string(), &detail)?;
    change.raise_clock(now_ms)?;
    let no =
        ApprovalDecision { by: actor.to_owned(), approve: false, reason: reason.to_owned(), at_ms: now_ms };
    let approval = grant.approval;
    let unused =
        change.end_approval(approval, ApprovalState::Approved, ApprovalState::Denied, false, now_ms)?;
    if unused {
        change.insert_decision(approval, &no)?;
    }
    let denied = if unused { change.approval(approval)? } else { None };
    Ok(Ok((grant, denied)))
}
