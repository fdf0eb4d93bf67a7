//! Calls that wait for approval.
//!
//! Reading order: [`hold`] (waiting, then sending once), [`approval_text`] (what approvers read, and the
//! digest that binds their decision to the call), [`sink`] (where the outcome goes: an open stream, or a
//! task), [`task`] (tasks of the gateway's own), [`invite`] (clients that can lead their person to the
//! approval page), [`outcome`] (approved calls whose clients left before the answer).

pub mod approval_text;
pub mod hold;
pub mod invite;
pub mod outcome;
pub mod sink;
pub mod task;
