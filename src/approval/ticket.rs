//! One request's place in the queue for a decision.

use std::time::Duration;

use tokio::sync::watch;
use tokio::time::Instant;

use crate::approval::approvals::Approvals;
use crate::approval::ask::Ask;
use crate::domain::approval::Approval;
use crate::domain::approval::ApprovalState;
use crate::domain::id::ApprovalId;
use crate::domain::id::GrantId;

/// How long to wait before an approval that should be over is looked at again.
const AGAIN: Duration = Duration::from_millis(50);

/// How the wait for a decision went.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// Enough people said yes: [`Ticket::redeem`] it.
    Approved {
        /// The approval.
        approval: ApprovalId,
        /// What it gave.
        grant: GrantId,
    },
    /// Every request for it went away.
    Cancelled,
    /// An approver said no, or the grant was revoked before it was used.
    Denied {
        /// The approver's principal id.
        by: String,
        /// Why; empty when no reason was given.
        reason: String,
    },
    /// Nobody decided in time, or the approved command did not come back in time.
    Expired,
    /// Not decided yet. The approval stays; the same request repeated joins it.
    Pending(ApprovalId),
    /// The gateway stops.
    Stopped,
    /// It was approved, and another request used it.
    Used,
}

impl Outcome {
    /// How an approval ended for those who wait; `None` while it is pending.
    pub(super) fn of(approval: &Approval) -> Option<Self> {
        Some(match approval.state {
            ApprovalState::Approved => match approval.grant {
                Some(grant) => Self::Approved { approval: approval.id, grant },
                // Cannot be: the two are written together. Without a grant nothing may pass.
                None => Self::Expired,
            },
            ApprovalState::Cancelled => Self::Cancelled,
            ApprovalState::Denied => {
                let no = approval.decisions.iter().rev().find(|decision| !decision.approve);
                Self::Denied {
                    by: no.map(|no| no.by.clone()).unwrap_or_default(),
                    reason: no.map(|no| no.reason.clone()).unwrap_or_default(),
                }
            }
            ApprovalState::Expired => Self::Expired,
            ApprovalState::Pending => return None,
            ApprovalState::Stopped => Self::Stopped,
            ApprovalState::Used => Self::Used,
        })
    }
}

/// One request that is held. Dropped while it waits, its client has gone away: when it was the last one, the approval is
/// cancelled. Dropped after [`Outcome::Pending`], its client will come back, and the approval stays.
#[must_use = "a ticket that is dropped cancels its approval"]
pub struct Ticket {
    pub(super) approvals: Approvals,
    pub(super) ask: Ask,
    pub(super) slot: String,
    pub(super) approval: Approval,
    pub(super) joined: bool,
    pub(super) outcome: Option<Outcome>,
    /// There while it is not settled.
    pub(super) waiting: Option<watch::Receiver<Option<Outcome>>>,
    /// Whether its client was told to ask again.
    pub(super) comes_back: bool,
}

impl Ticket {
    /// The approval as it was when it was asked for, or joined.
    pub fn approval(&self) -> &Approval {
        &self.approval
    }

    /// The approval's id.
    pub fn id(&self) -> ApprovalId {
        self.approval.id
    }

    /// Whether the approval, or the grant, was there before this request.
    pub fn joined(&self) -> bool {
        self.joined
    }

    /// How it ended, if it has, without waiting.
    #[cfg(test)]
    pub fn settled(&self) -> Option<&Outcome> {
        self.outcome.as_ref()
    }

    /// Waits for a decision, at most `up_to`. May be called again after [`Outcome::Pending`]. Whoever waits need not
    /// record an end: [`Approvals::tick`], [`Approvals::decide`] and [`Approvals::stop_all`] give each to their caller once.
    pub async fn wait(&mut self, up_to: Duration) -> Outcome {
        self.comes_back = false;
        let give_up = Instant::now() + up_to;
        loop {
            if let Some(outcome) = &self.outcome {
                return outcome.clone();
            }
            let Some(waiting) = &mut self.waiting else { return Outcome::Stopped };
            let news = waiting.borrow_and_update().clone();
            if news.is_some() {
                self.outcome = news;
                self.waiting = None;
                continue;
            }
            let left_ms = self.approval.expires_ms.saturating_sub(self.approvals.now_ms());
            let over = Instant::now() + Duration::from_millis(u64::try_from(left_ms).unwrap_or(0));
            let wake = over.max(Instant::now() + AGAIN).min(give_up);
            match tokio::time::timeout_at(wake, waiting.changed()).await {
                Ok(Ok(())) => {}
                // The desk lost its place without a word: that only happens when everything ends.
                Ok(Err(_closed)) => {
                    self.outcome = Some(Outcome::Stopped);
                    self.waiting = None;
                }
                Err(_elapsed) if left_ms <= 0 || wake >= over => {
                    if let Err(error) = self.approvals.expire_some().await {
                        // It cannot be ended, but for this request it is over: fail closed.
                        tracing::warn!(approval = %self.approval.id, %error, "cannot expire an approval");
                        return Outcome::Expired;
                    }
                }
                Err(_elapsed) if Instant::now() >= give_up => {
                    self.comes_back = true;
                    return Outcome::Pending(self.approval.id);
                }
                Err(_elapsed) => {}
            }
        }
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        if self.waiting.is_some() && self.approvals.shared.desk.leave(self.approval.id, self.comes_back) {
            self.approvals.cancel_later(self.approval.id);
        }
    }
}
