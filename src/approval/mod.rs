//! Held commands: ask, wait, decide, redeem, expire.
//!
//! The store has the state of each approval; each transition is one transaction that names the state it
//! starts from, so every race has one winner. State in memory (waiting requests, current grants) is changed
//! on the store's thread after the commit, in the order of the commits.
//!
//! ```text
//! pending --decide--> approved --redeem--> used
//!    |                   '--too late--> expired,  --revoked--> denied
//!    '--> denied, expired, cancelled (requester gone), stopped (gateway gone)
//! ```

mod approvals;
mod ask;
mod clock;
mod decide;
mod desk;
mod error;
mod lifecycle;
mod redeem;
mod standing;
#[cfg(test)]
mod tests;
mod ticket;

pub use approvals::Approvals;
pub use approvals::ApproverRoster;
pub use ask::Ask;
pub use desk::Change;
pub use error::ApprovalError;
pub use error::DecideError;
pub use error::RevokeError;
pub use standing::Wanted;
pub use ticket::Outcome;
pub use ticket::Ticket;
