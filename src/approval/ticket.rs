//! One request that waits for a decision.

use std::time::Duration;

use tokio::sync::watch;
use tokio::time::Instant;

use crate::approval::approvals::Approvals;
use crate::approval::ask::Ask;
use crate::domain::approval::Approval;
use crate::domain::approval::ApprovalState;
use crate::domain::id::ApprovalId;
use crate::domain::id::GrantId;

/// How long to wait before an approval that should have expired is checked again.
const AGAIN: Duration = Duration::from_millis(50);

/// The outcome of waiting for a decision.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// Enough people approved: [`Ticket::redeem`] it.
    Approved {
        /// The approval.
        approval: ApprovalId,
        /// The grant it gave.
        grant: GrantId,
    },
    /// All its requesters have left.
    Cancelled,
    /// An approver denied it, or the grant was revoked before it was used.
    Denied {
        /// The approver's principal id.
        by: String,
        /// The reason, or empty.
        reason: String,
    },
    /// Nobody decided in time, or the approved command was not repeated in time.
    Expired,
    /// Not decided yet. The approval stays; the same request repeated joins it.
    Pending(ApprovalId),
    /// The gateway is stopping.
    Stopped,
    /// It was approved, and another request used it.
    Used,
}

impl Outcome {
    /// Returns the outcome for waiting requests; `None` while it is pending.
    pub(super) fn of(approval: &Approval) -> Option<Self> {
        Some(match approval.state {
            ApprovalState::Approved => match approval.grant {
                Some(grant) => Self::Approved { approval: approval.id, grant },
                // Cannot happen, since both are written together. Without a grant nothing may pass.
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

/// One held request. If it is dropped while it waits, its client has left: if it was the last one, the
/// approval is cancelled. If it is dropped after [`Outcome::Pending`], its client will come back, and the
/// approval stays.
#[must_use = "a ticket that is dropped cancels its approval"]
pub struct Ticket {
    pub(super) approvals: Approvals,
    pub(super) ask: Ask,
    pub(super) slot: String,
    pub(super) approval: Approval,
    pub(super) joined: bool,
    pub(super) outcome: Option<Outcome>,
    /// Set until it is settled.
    pub(super) waiting: Option<watch::Receiver<Option<Outcome>>>,
    /// Whether its client was told to ask again.
    pub(super) comes_back: bool,
}

impl Ticket {
    /// Returns the approval as it was when it was asked for or joined.
    pub fn approval(&self) -> &Approval {
        &self.approval
    }

    /// Returns the approval's id.
    pub fn id(&self) -> ApprovalId {
        self.approval.id
    }

    /// Returns whether the approval, or the grant, existed before this request.
    pub fn joined(&self) -> bool {
        self.joined
    }

    /// Returns the outcome if it is settled, without waiting.
    #[cfg(test)]
    pub fn outcome(&self) -> Option<&Outcome> {
        self.outcome.as_ref()
    }

    /// Waits for a decision, for at most `up_to`. May be called again after [`Outcome::Pending`]. The caller
    /// need not record an end: [`Approvals::tick`], [`Approvals::decide`] and [`Approvals::stop_all`] return
    /// each to their caller once.
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
                // The sender is only dropped when the gateway ends.
                Ok(Err(_closed)) => {
                    self.outcome = Some(Outcome::Stopped);
                    self.waiting = None;
                }
                Err(_elapsed) if left_ms <= 0 || wake >= over => {
                    if let Err(error) = self.approvals.expire_some().await {
                        // It could not be ended in the store, but for this request it has expired: fail
                        // closed.
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
