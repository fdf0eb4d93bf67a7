//! Why asking, deciding, redeeming or revoking did not work.

use crate::domain::approval::ApprovalState;
use crate::domain::approval::GrantScope;
use crate::domain::id::ApprovalId;
use crate::domain::id::GrantId;
use crate::store::StoreError;

/// Why a command could not be held, or an approval not be used.
#[derive(Debug, thiserror::Error)]
pub enum ApprovalError {
    /// It was used by another request first.
    #[error("the approval has been used already")]
    AlreadyUsed,
    /// Those who approved may not do so any more.
    #[error("those who approved it may not approve any more")]
    ApproverGone,
    /// The approval is of another command, principal, connection, rule or session.
    #[error("the approval is not for this command")]
    Different,
    /// It came too late.
    #[error("the approval has expired")]
    Expired,
    /// No group may decide, so nobody ever could.
    #[error("no group may approve it")]
    NobodyMayDecide,
    /// It is not approved.
    #[error("the approval is {state}")]
    NotApproved {
        /// Where it stands.
        state: ApprovalState,
    },
    /// The gateway is starting or stopping.
    #[error("the gateway takes no requests for approval: it is starting or stopping")]
    NotOpen,
    /// The store failed.
    #[error("the store failed")]
    Store(#[source] StoreError),
    /// Too many commands wait for a decision.
    #[error("{limit} commands wait for approval already")]
    TooMany {
        /// How many may.
        limit: u64,
    },
    /// Too many commands of this principal wait for a decision.
    #[error("{limit} commands of the same principal wait for approval already")]
    TooManyOfOne {
        /// How many may.
        limit: u64,
    },
}

/// Why a decision did not count. Nothing was changed.
#[derive(Debug, thiserror::Error)]
pub enum DecideError {
    /// The same approver has said the same before.
    #[error("you have approved {id} before; a quorum counts distinct people")]
    AlreadyDecided {
        /// The approval.
        id: ApprovalId,
    },
    /// It was decided, or ended otherwise, before.
    #[error("{id} is {state} already")]
    Ended {
        /// The approval.
        id: ApprovalId,
        /// Where it stands.
        state: ApprovalState,
    },
    /// There is none.
    #[error("there is no approval {id}")]
    Missing {
        /// What was asked for.
        id: ApprovalId,
    },
    /// The approver is in none of the groups that may decide.
    #[error("only members of {} may decide on {id}", from.join(", "))]
    NotInGroup {
        /// The approval.
        id: ApprovalId,
        /// The groups that may.
        from: Vec<String>,
    },
    /// Apps and agents never decide.
    #[error("only a person may decide on {id}")]
    NotHuman {
        /// The approval.
        id: ApprovalId,
    },
    /// A requester never decides on their own command.
    #[error("{id} is your own request; somebody else must decide")]
    OwnRequest {
        /// The approval.
        id: ApprovalId,
    },
    /// The policy wants a reason.
    #[error("{id} needs a reason")]
    ReasonMissing {
        /// The approval.
        id: ApprovalId,
    },
    /// The reason is too long.
    #[error("the reason is longer than {limit} characters")]
    ReasonTooLong {
        /// How many characters it may have.
        limit: usize,
    },
    /// An approver wants to give less than the policy does, where several must agree.
    #[error("{id} needs several people: what they give together is {gives}, as the policy says")]
    SharedScope {
        /// The approval.
        id: ApprovalId,
        /// What the policy gives.
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
        /// What the approver wants to give.
        wanted: GrantScope,
        /// What the policy gives.
        gives: GrantScope,
    },
    /// The approver cannot see all that would be sent.
    #[error("{id} cannot be approved: it is too long to be shown whole; it can only be denied")]
    Truncated {
        /// The approval.
        id: ApprovalId,
    },
}

/// Why a grant could not be revoked.
#[derive(Debug, thiserror::Error)]
pub enum RevokeError {
    /// It was used up, revoked or ran out before.
    #[error("{id} has ended already")]
    Ended {
        /// The grant.
        id: GrantId,
    },
    /// There is none.
    #[error("there is no grant {id}")]
    Missing {
        /// What was asked for.
        id: GrantId,
    },
    /// The store failed.
    #[error("the store failed")]
    Store(#[source] StoreError),
}
