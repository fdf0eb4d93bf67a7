//! Ends without a decision: expired, requester gone, gateway stopped or restarted.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use serde_json::json;

use crate::approval::approvals::Approvals;
use crate::approval::approvals::Shared;
use crate::approval::ticket::Outcome;
use crate::domain::approval::Approval;
use crate::domain::approval::ApprovalState;
use crate::domain::approval::Grant;
use crate::domain::approval::GrantScope;
use crate::domain::id::ApprovalId;
use crate::domain::id::SessionId;
use crate::store;
use crate::store::ApprovalFilter;
use crate::store::StoreError;

/// How many approvals are ended in one transaction.
const BATCH: u32 = 500;

impl Approvals {
    /// Ends the approvals that have expired by `now_ms` (milliseconds since 1970, the caller's clock) and
    /// those that all requesters have left. Called once a second. Returns all approvals that ended by
    /// themselves since the last call, each exactly once, for the caller to record `approval.expired`.
    ///
    /// # Errors
    /// Fails if the store does. Approvals that ended before the error are returned by the next call.
    pub async fn tick(&self, now_ms: i64) -> Result<Vec<Approval>, StoreError> {
        let now_ms = self.shared.clock.raise(now_ms);
        self.shared.standing.expire(now_ms);
        for id in self.shared.desk.all_deserted() {
            self.cancel_now(id).await?;
        }
        while self.expire_some().await? == BATCH as usize {}
        Ok(self.shared.desk.take_ended())
    }

    /// Stops all pending approvals, and accepts no more requests. Returns all approvals that ended by
    /// themselves and were not returned yet. Approved commands that have not run keep their approval across
    /// the restart.
    ///
    /// # Errors Fails if the store does; the waiting requests get [`super::Outcome::Stopped`] all the same
    /// when the gateway drops them.
    pub async fn stop_all(&self) -> Result<Vec<Approval>, StoreError> {
        self.shared.open.store(false, Ordering::Release);
        self.stop_pending().await?;
        Ok(self.shared.desk.take_ended())
    }

    /// Takes over the state of an earlier process, then accepts requests: pending approvals are stopped,
    /// session grants end (their sessions are gone), window grants and approved commands stay. Returns all
    /// approvals that ended by this.
    ///
    /// # Errors
    /// Fails if the store does; no requests are accepted then.
    pub async fn recover(&self) -> Result<Vec<Approval>, StoreError> {
        let shared = Arc::clone(&self.shared);
        self.store.read(move |view| Ok(shared.clock.raise(view.clock()?))).await?;
        self.stop_pending().await?;
        let shared = Arc::clone(&self.shared);
        let take_over = move |db: &mut store::Db| {
            let now_ms = shared.clock.now();
            let (standing, ended) = db.change(|change| take_over(change, now_ms))?;
            for (grant, approval) in standing {
                shared.standing.add(grant, &approval);
            }
            for approval in ended {
                finish(&shared, approval);
            }
            Ok(())
        };
        self.store.call(take_over).await?;
        self.shared.open.store(true, Ordering::Release);
        Ok(self.shared.desk.take_ended())
    }

    /// Ends the grants of sessions that are no longer open. Called once a second, and when sessions end.
    /// There is nothing to record besides the session's own end.
    ///
    /// # Errors Fails if the store does. A grant whose session is gone covers nothing in any case; the next
    /// call ends it.
    pub async fn end_without_session(&self, lives: impl Fn(SessionId) -> bool) -> Result<(), StoreError> {
        for session in self.shared.standing.sessions() {
            if !lives(session) {
                self.session_ended(session).await?;
            }
        }
        Ok(())
    }

    /// Ends the grants whose terms hold no longer, whatever they reach: to be called where policies and
    /// connections may have changed. `holds` says whether a grant's policies and connection are defined as
    /// they were when it was given.
    ///
    /// # Errors
    /// Those of the store. A grant on other terms covers nothing anyway; the next call ends it.
    pub async fn end_outdated(
        &self,
        holds: impl Fn(&Grant) -> bool + Send + 'static,
    ) -> Result<(), StoreError> {
        let shared = Arc::clone(&self.shared);
        self.store.call(move |db| end_outdated(db, &shared, &holds)).await
    }

    /// Ends the grants that were given for one session.
    async fn session_ended(&self, session: SessionId) -> Result<(), StoreError> {
        let shared = Arc::clone(&self.shared);
        let end = move |db: &mut store::Db| {
            let now_ms = shared.clock.now();
            let grants = db.read(|view| view.grants_of_session(session))?;
            if grants.is_empty() {
                return Ok(());
            }
            db.change(|change| {
                grants.iter().try_for_each(|grant| {
                    change.end_grant(grant.id, now_ms)?;
                    let detail = json!({ "approval": grant.approval, "session": session });
                    change.append_audit("hoopctl", "grant.end", &grant.id.to_string(), &detail)
                })
            })?;
            for mut grant in grants {
                shared.standing.remove(grant.id);
                grant.ended_ms = Some(now_ms);
                shared.announce_grant(grant);
            }
            Ok(())
        };
        self.store.call(end).await
    }

    /// Removes approvals that ended before `before_ms`; returns their number. The audit trail keeps its
    /// entries.
    ///
    /// # Errors
    /// Fails if the store does.
    pub async fn prune(&self, before_ms: i64) -> Result<u64, StoreError> {
        self.store.change(move |change| change.prune_approvals(before_ms)).await
    }

    /// Ends one batch of expired approvals; returns their number.
    pub(super) async fn expire_some(&self) -> Result<usize, StoreError> {
        let shared = Arc::clone(&self.shared);
        self.store.call(move |db| expire(db, &shared)).await
    }

    /// Cancels one approval if every requester has left it. Called from a `drop`, so it cannot wait. If the
    /// store's queue is full, the next [`Self::tick`] does it.
    pub(super) fn cancel_later(&self, id: ApprovalId) {
        let shared = Arc::clone(&self.shared);
        let job = move |db: &mut store::Db| {
            if let Err(error) = cancel(db, &shared, id) {
                tracing::warn!(approval = %id, %error, "cannot cancel an approval yet");
            }
        };
        if let Err(error) = self.store.call_later(job) {
            tracing::debug!(approval = %id, %error, "an approval is cancelled a little later");
        }
    }

    async fn cancel_now(&self, id: ApprovalId) -> Result<(), StoreError> {
        let shared = Arc::clone(&self.shared);
        self.store.call(move |db| cancel(db, &shared, id)).await
    }

    async fn stop_pending(&self) -> Result<(), StoreError> {
        loop {
            let shared = Arc::clone(&self.shared);
            let stopped = self.store.call(move |db| stop(db, &shared)).await?;
            if stopped < BATCH as usize {
                return Ok(());
            }
        }
    }
}

/// Ends an approval inside a transaction, with its audit entry. `None`: it was not in `from`.
pub(super) fn end(
    change: &store::Change<'_>,
    id: ApprovalId,
    from: ApprovalState,
    to: ApprovalState,
    told: bool,
    now_ms: i64,
) -> Result<Option<Approval>, StoreError> {
    if !change.end_approval(id, from, to, told, now_ms)? {
        return Ok(None);
    }
    change.raise_clock(now_ms)?;
    change.append_audit("hoopctl", &format!("approval.{to}"), &id.to_string(), &json!({ "was": from }))?;
    let mut approval = change.approval(id)?;
    if let Some(approval) = &mut approval {
        approval.detail.clear();
    }
    Ok(approval)
}

/// Called after the commit: wakes the waiting requests, publishes the change, and keeps the approval for
/// [`Approvals::tick`].
pub(super) fn finish(shared: &Shared, ended: Approval) {
    shared.announce(&ended);
    shared.desk.note_ended(ended);
}

/// Ends up to [`BATCH`] expired approvals; returns their number.
fn expire(db: &mut store::Db, shared: &Shared) -> Result<usize, StoreError> {
    let now_ms = shared.clock.now();
    // Looked up by a read first: usually there are none, and nothing is written.
    let due = db.read(|view| view.due_approvals(now_ms, BATCH))?;
    if due.is_empty() {
        return Ok(0);
    }
    let ended = db.change(|change| {
        let mut ended = Vec::new();
        for id in due {
            let told = shared.desk.occupied(id);
            for from in [ApprovalState::Pending, ApprovalState::Approved] {
                ended.extend(end(change, id, from, ApprovalState::Expired, told, now_ms)?);
            }
        }
        Ok(ended)
    })?;
    let count = ended.len();
    for approval in ended {
        finish(shared, approval);
    }
    Ok(count)
}

fn end_outdated(
    db: &mut store::Db,
    shared: &Shared,
    holds: &impl Fn(&Grant) -> bool,
) -> Result<(), StoreError> {
    let now_ms = shared.clock.now();
    let mut grants = db.read(|view| view.live_grants(now_ms))?;
    grants.retain(|grant| !holds(grant));
    if grants.is_empty() {
        return Ok(());
    }
    let ended = db.change(|change| {
        let mut ended = Vec::new();
        for grant in &grants {
            ended.extend(end_on_old_terms(change, grant, now_ms)?);
        }
        Ok(ended)
    })?;
    for mut grant in grants {
        shared.standing.remove(grant.id);
        grant.ended_ms = Some(now_ms);
        shared.announce_grant(grant);
    }
    for approval in ended {
        finish(shared, approval);
    }
    Ok(())
}

/// Ends a grant whose policies or connection are not what they were, and what was approved by it and has not
/// run. Gives that.
fn end_on_old_terms(
    change: &store::Change<'_>,
    grant: &Grant,
    now_ms: i64,
) -> Result<Option<Approval>, StoreError> {
    change.end_grant(grant.id, now_ms)?;
    let detail = json!({ "approval": grant.approval, "reason": "its policies or its connection changed" });
    change.append_audit("hoopctl", "grant.end", &grant.id.to_string(), &detail)?;
    end(change, grant.approval, ApprovalState::Approved, ApprovalState::Expired, false, now_ms)
}

fn cancel(db: &mut store::Db, shared: &Shared, id: ApprovalId) -> Result<(), StoreError> {
    // Requests only join on this thread, so none can come between this check and the commit.
    if !shared.desk.deserted(id) {
        return Ok(());
    }
    let now_ms = shared.clock.now();
    let ended =
        db.change(|change| end(change, id, ApprovalState::Pending, ApprovalState::Cancelled, true, now_ms))?;
    match ended {
        Some(approval) => finish(shared, approval),
        // It ended in another way, so its entry is left over.
        None => shared.desk.resolve(id, Outcome::Cancelled),
    }
    Ok(())
}

/// Stops up to [`BATCH`] pending approvals; returns their number.
fn stop(db: &mut store::Db, shared: &Shared) -> Result<usize, StoreError> {
    let now_ms = shared.clock.now();
    let filter = ApprovalFilter {
        state: Some(ApprovalState::Pending),
        limit: Some(BATCH),
        ..ApprovalFilter::default()
    };
    let stopped = db.change(|change| {
        let mut stopped = Vec::new();
        for approval in change.approvals(&filter)? {
            let told = shared.desk.occupied(approval.id);
            stopped.extend(end(
                change,
                approval.id,
                ApprovalState::Pending,
                ApprovalState::Stopped,
                told,
                now_ms,
            )?);
        }
        Ok(stopped)
    })?;
    let count = stopped.len();
    for approval in stopped {
        finish(shared, approval);
    }
    Ok(count)
}

type TakenOver = (Vec<(Grant, Approval)>, Vec<Approval>);

/// Splits the state of an earlier process into grants that stay and approvals that have ended.
fn take_over(change: &store::Change<'_>, now_ms: i64) -> Result<TakenOver, StoreError> {
    let (mut standing, mut ended) = (Vec::new(), Vec::new());
    for grant in change.live_grants(now_ms)? {
        let Some(approval) = change.approval(grant.approval)? else { continue };
        match grant.scope {
            GrantScope::Once => {}
            GrantScope::Session => {
                change.end_grant(grant.id, now_ms)?;
                let detail = json!({ "approval": grant.approval, "session": approval.session });
                change.append_audit("hoopctl", "grant.end", &grant.id.to_string(), &detail)?;
                ended.extend(end(
                    change,
                    approval.id,
                    ApprovalState::Approved,
                    ApprovalState::Expired,
                    false,
                    now_ms,
                )?);
            }
            // One of a gateway that did not keep the terms yet.
            GrantScope::Window(_) if grant.terms.is_empty() => {
                ended.extend(end_on_old_terms(change, &grant, now_ms)?);
            }
            GrantScope::Window(_) => standing.push((grant, approval)),
        }
    }
    Ok((standing, ended))
}
