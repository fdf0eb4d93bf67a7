//! Asking: a command is held, joins one that is held already, or finds that it was decided before.

use std::time::Duration;

use serde_json::json;

use crate::approval::approvals::Approvals;
use crate::approval::approvals::Shared;
use crate::approval::clock;
use crate::approval::error::ApprovalError;
use crate::approval::lifecycle;
use crate::approval::redeem::APPROVED_MAX;
use crate::approval::standing::Wanted;
use crate::approval::ticket::Outcome;
use crate::approval::ticket::Ticket;
use crate::domain::approval::Approval;
use crate::domain::approval::ApprovalSpec;
use crate::domain::approval::ApprovalState;
use crate::domain::approval::GrantScope;
use crate::domain::approval::MAX_DETAIL;
use crate::domain::command::Class;
use crate::domain::connection::ConnectionName;
use crate::domain::id::ApprovalId;
use crate::domain::id::RequestId;
use crate::domain::id::SessionId;
use crate::domain::principal::Kind;
use crate::domain::text::beginning;
use crate::store;
use crate::store::Same;
use crate::store::StoreError;

/// How many commands of one principal may be pending.
pub const MAX_PENDING_OF_ONE: u64 = 100;
/// How many commands may be pending.
pub const MAX_PENDING: u64 = 10_000;
/// The longest of the other texts from a client, in bytes; longer ones are cut.
const MAX_TEXT: usize = 4096;
/// The longest time a command may be pending, in seconds: 30 days.
const MAX_TIMEOUT_S: u64 = 30 * 86_400;
/// How long after its end an approval is still reported to a requester that was away, in milliseconds.
const TELL_FOR_MS: i64 = 600_000;

/// A command that a policy holds.
#[derive(Debug, Clone)]
pub struct Ask {
    /// The requester's principal id.
    pub principal: String,
    /// A name for the requester.
    pub label: String,
    /// The kind of caller.
    pub kind: Kind,
    /// The requester's groups.
    pub groups: Vec<String>,
    /// The requester's address, without the port.
    pub source: String,
    /// The connection.
    pub connection: ConnectionName,
    /// The session it belongs to.
    pub session: SessionId,
    /// When that session ends at the latest, in milliseconds since 1970. A session grant ends then.
    pub session_end_ms: i64,
    /// The request.
    pub request: RequestId,
    /// The policies that hold it, joined by `,`.
    pub rule: String,
    /// The digest of these policies and of the connection as they are defined.
    pub terms: String,
    /// Who must decide.
    pub spec: ApprovalSpec,
    /// SHA-256 over principal, connection, policies and the exact bytes to be sent, 64 hex digits.
    pub digest: String,
    /// The class of the command.
    pub class: Class,
    /// The method and path, on one line.
    pub summary: String,
    /// The approval text: all that will be sent, with masked values masked.
    pub detail: String,
    /// Whether `detail` was cut.
    pub truncated: bool,
    /// The reason that the requester gave, or empty.
    pub reason: String,
    /// The revision of the policies that hold it.
    pub revision: u64,
}

impl Ask {
    /// What makes another request the same as this one, beside principal, connection, rule and digest: who
    /// must approve, the terms, and for a session grant the session.
    pub(super) fn slot(&self) -> String {
        let session = (self.spec.grant == GrantScope::Session).then_some(self.session);
        json!([
            self.spec.from,
            self.spec.min,
            self.spec.timeout_s,
            self.spec.reason,
            self.spec.grant.to_string(),
            session.map(|session| session.to_string()),
            self.terms,
        ])
        .to_string()
    }

    pub(super) fn same<'a>(&'a self, slot: &'a str) -> Same<'a> {
        Same {
            principal: &self.principal,
            connection: &self.connection,
            rule: &self.rule,
            digest: &self.digest,
            slot,
        }
    }

    fn wanted(&self) -> Wanted<'_> {
        Wanted {
            principal: &self.principal,
            connection: &self.connection,
            rule: &self.rule,
            terms: &self.terms,
            spec: &self.spec,
            session: self.session,
        }
    }

    /// Creates the approval to ask for, with all texts cut to their limits.
    fn to_approval(&self, now_ms: i64) -> Approval {
        let timeout_ms = self.spec.timeout_s.min(MAX_TIMEOUT_S).saturating_mul(1000).cast_signed();
        let mut expires_ms = now_ms.saturating_add(timeout_ms);
        if self.spec.grant == GrantScope::Session {
            // Its grant would end with the session, so a later decision would be useless.
            expires_ms = expires_ms.min(self.session_end_ms);
        }
        Approval {
            id: ApprovalId::new(),
            state: ApprovalState::Pending,
            principal: self.principal.clone(),
            label: beginning(&self.label, MAX_TEXT).to_owned(),
            kind: self.kind,
            groups: self.groups.clone(),
            source: beginning(&self.source, MAX_TEXT).to_owned(),
            connection: self.connection.clone(),
            session: self.session,
            request: self.request,
            rule: self.rule.clone(),
            spec: self.spec.clone(),
            digest: self.digest.clone(),
            class: self.class,
            summary: beginning(&self.summary, MAX_TEXT).to_owned(),
            detail: beginning(&self.detail, MAX_DETAIL).to_owned(),
            truncated: self.truncated || self.detail.len() > MAX_DETAIL,
            reason: beginning(&self.reason, MAX_TEXT).to_owned(),
            revision: self.revision,
            created_ms: now_ms,
            expires_ms,
            decisions: Vec::new(),
            grant: None,
        }
    }
}

/// The result of the transaction.
struct Found {
    approval: Approval,
    /// Whether it existed before.
    joined: bool,
    /// Whether it ended in this transaction.
    ended_now: bool,
}

impl Approvals {
    /// Holds a command. The ticket may be settled at once: by an existing grant, by an approval given while
    /// the requester was away, or by an end that was not reported to it yet.
    ///
    /// # Errors
    /// [`ApprovalError::NotOpen`], [`ApprovalError::NobodyMayDecide`], [`ApprovalError::TooManyOfOne`],
    /// [`ApprovalError::TooMany`] and [`ApprovalError::Store`]. Each means: deny.
    pub async fn ask(&self, ask: Ask) -> Result<Ticket, ApprovalError> {
        let approvals = self.clone();
        let asked = self.store.call(move |db| {
            let slot = ask.slot();
            let found = db.change(|change| find_or_hold(change, &approvals.shared, &ask, &slot))?;
            // Runs after the commit and before any other job, so that nothing can decide, expire or cancel it
            // in between.
            Ok(found.map(|found| approvals.seat(ask, slot, found)))
        });
        asked.await.map_err(ApprovalError::Store)?
    }

    fn seat(&self, ask: Ask, slot: String, found: Found) -> Ticket {
        let Found { approval, joined, ended_now } = found;
        if ended_now {
            self.shared.desk.note_ended(approval.clone());
        }
        if !joined || ended_now {
            self.shared.announce(&approval);
        }
        let outcome = Outcome::of(&approval);
        let waiting = outcome.is_none().then(|| self.shared.desk.sit(approval.id));
        Ticket { approvals: self.clone(), ask, slot, approval, joined, outcome, waiting, comes_back: false }
    }
}

fn find_or_hold(
    change: &store::Change<'_>,
    shared: &Shared,
    ask: &Ask,
    slot: &str,
) -> Result<Result<Found, ApprovalError>, StoreError> {
    if !shared.is_open() {
        return Ok(Err(ApprovalError::NotOpen));
    }
    if ask.spec.from.is_empty() {
        return Ok(Err(ApprovalError::NobodyMayDecide));
    }
    let now_ms = shared.clock.now();
    let same = ask.same(slot);
    if let Some(grant) = shared.standing_grant(&ask.wanted())
        && let Some(mut approval) = change.approval(grant.approval)?
    {
        // The grant counts for this request, even if the first approved command has run already.
        approval.state = ApprovalState::Approved;
        return Ok(Ok(Found { approval, joined: true, ended_now: false }));
    }
    let open = [ApprovalState::Approved, ApprovalState::Pending];
    if let Some(approval) = change.same_approval(&same, &open)? {
        if approval.expires_ms > now_ms {
            return Ok(Ok(Found { approval, joined: true, ended_now: false }));
        }
        let state = approval.state;
        if let Some(approval) =
            lifecycle::end(change, approval.id, state, ApprovalState::Expired, true, now_ms)?
        {
            return Ok(Ok(Found { approval, joined: true, ended_now: true }));
        }
    }
    let ends = [ApprovalState::Denied, ApprovalState::Expired];
    if let Some(approval) = change.untold_approval(&same, &ends, now_ms.saturating_sub(TELL_FOR_MS))? {
        change.tell_approval(approval.id)?;
        return Ok(Ok(Found { approval, joined: true, ended_now: false }));
    }
    if change.count_pending_of(&ask.principal)? >= MAX_PENDING_OF_ONE {
        return Ok(Err(ApprovalError::TooManyOfOne { limit: MAX_PENDING_OF_ONE }));
    }
    if change.count_pending()? >= MAX_PENDING {
        return Ok(Err(ApprovalError::TooMany { limit: MAX_PENDING }));
    }
    let approval = ask.to_approval(now_ms);
    change.raise_clock(now_ms)?;
    change.insert_approval(&approval, slot, ask.session_end_ms)?;
    change.set_terms(approval.id, &ask.terms)?;
    let detail = json!({
        "connection": approval.connection.as_str(),
        "rule": approval.rule,
        "digest": approval.digest,
        "request": approval.request,
        "expires_ms": approval.expires_ms,
    });
    change.append_audit(&approval.principal, "approval.request", &approval.id.to_string(), &detail)?;
    Ok(Ok(Found { approval, joined: false, ended_now: false }))
}

/// Returns until when an approved command may be repeated, depending on the scope of the grant, in
/// milliseconds since 1970.
pub(super) fn approved_until(
    spec: &ApprovalSpec,
    scope: GrantScope,
    session_end_ms: i64,
    now_ms: i64,
) -> i64 {
    match scope {
        GrantScope::Once => {
            let timeout = Duration::from_secs(spec.timeout_s);
            clock::after(now_ms, timeout.min(APPROVED_MAX))
        }
        GrantScope::Session => session_end_ms,
        GrantScope::Window(window) => clock::after(now_ms, window),
    }
}
