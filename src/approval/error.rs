//! Errors of asking, deciding, redeeming and revoking.

use crate::domain::approval::ApprovalState;
use crate::domain::approval::GrantScope;
use crate::domain::id::ApprovalId;
use crate::domain::id::GrantId;
use crate::store::StoreError;

/// Why a command could not be held, or an approval could not be used.
#[derive(Debug, thiserror::Error)]
pub enum ApprovalError {
    /// It was used by another request first.
    #[error("the approval has been used already")]
    AlreadyUsed,
    /// The approvers have lost the right to approve.
    #[error("its approvers may no longer approve it")]
    ApproverGone,
    /// The approval is for another command, principal, connection, policy or session.
    #[error("the approval is not for this command")]
    Different,
    /// It came too late.
    #[error("the approval has expired")]
    Expired,
    /// No group may decide, so the command could never be approved.
    #[error("no group may approve it")]
    NobodyMayDecide,
    /// It is not approved.
    #[error("the approval is {state}")]
    NotApproved {
        /// Its state.
        state: ApprovalState,
    },
    /// The gateway is starting or stopping.
    #[error("the gateway accepts no requests for approval: it is starting or stopping")]
    NotOpen,
    /// The store failed.
    #[error("the store failed")]
    Store(#[source] StoreError),
    /// Too many commands are pending.
    #[error("{limit} commands are already waiting for approval")]
    TooMany {
        /// The limit.
        limit: u64,
    },
    /// Too many commands of this principal are pending.
    #[error("{limit} commands of the same principal are already waiting for approval")]
    TooManyOfOne {
        /// The limit.
        limit: u64,
    },
}

/// Why a decision did not count. Nothing was changed.
#[derive(Debug, thiserror::Error)]
pub enum DecideError {
    /// The same approver has made the same decision before.
    #[error("you have approved {id} before; a quorum counts distinct people")]
    AlreadyDecided {
        /// The approval.
        id: ApprovalId,
    },
    /// It was decided, or has ended in another way.
    #[error("{id} is {state} already")]
    Ended {
        /// The approval.
        id: ApprovalId,
        /// Its state.
        state: ApprovalState,
    },
    /// There is no such approval.
    #[error("there is no approval {id}")]
    Missing {
        /// The id.
        id: ApprovalId,
    },
    /// The approver is in none of the groups that may decide.
    #[error("only members of {} may decide on {id}", from.join(", "))]
    NotInGroup {
        /// The approval.
        id: ApprovalId,
        /// The groups that may decide.
        from: Vec<String>,
    },
    /// Apps and agents never decide.
    #[error("only a person may decide on {id}")]
    NotHuman {
        /// The approval.
        id: ApprovalId,
    },
    /// Requesters never decide on their own commands.
    #[error("{id} is your own request; somebody else must decide")]
    OwnRequest {
        /// The approval.
        id: ApprovalId,
    },
    /// The policy requires a reason.
    #[error("{id} needs a reason")]
    ReasonMissing {
        /// The approval.
        id: ApprovalId,
    },
    /// The reason is too long.
    #[error("the reason is longer than {limit} characters")]
    ReasonTooLong {
        /// The limit in characters.
        limit: usize,
    },
    /// An approver wants to give less than the policy does, although several approvers are required.
    #[error("{id} needs several people: what they give together is {gives}, as the policy says")]
    SharedScope {
        /// The approval.
        id: ApprovalId,
        /// The scope that the policy gives.
        gives: GrantScope,
    },
    /// The store failed.
    #[error("the store failed")]
    Store(#[source] StoreError),
    /// The approver wants to give more than the policy does.
    #[error("{id} cannot give {wanted}: its policy gives {gives}, and an approver may only give less")]
    Wider {
        /// The approval.
        id: ApprovalId,
        /// The scope that the approver wants to give.
        wanted: GrantScope,
        /// The scope that the policy gives.
        gives: GrantScope,
    },
    /// The approver cannot see everything that would be sent.
    #[error("{id} cannot be approved: it is too long to be shown whole; it can only be denied")]
    Truncated {
        /// The approval.
        id: ApprovalId,
    },
}

/// Why a grant could not be revoked.
#[derive(Debug, thiserror::Error)]
pub enum RevokeError {
    /// It was used up or revoked, or has expired.
    #[error("{id} has ended already")]
    Ended {
        /// The grant.
        id: GrantId,
    },
    /// There is no such grant.
    #[error("there is no grant {id}")]
    Missing {
        /// The id.
        id: GrantId,
    },
    /// The store failed.
    #[error("the store failed")]
    Store(#[source] StoreError),
}
