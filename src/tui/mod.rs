//! The terminal UI: pending approvals, live sessions, replay, connections, policies and the log, over the
//! admin API.
//!
//! It follows the Elm architecture. [`Model`] is all state; [`Model::update`] takes one [`Msg`] and returns
//! the [`Effect`]s it requests. It does no I/O and reads no clock, so a test is a list of messages. [`view`]
//! draws the model. [`run()`] is the only loop with a terminal, threads and time in it.
//!
//! A screen is a [`Pane`]: a folder with its state, its handling of keys and replies, and its view. Common
//! state (time, size, look, keys, the connection to the gateway) is in [`Shared`].
//!
//! Approvers read text that an agent wrote. Therefore everything is escaped before it is drawn
//! ([`crate::domain::text`]), `a` works only after the whole payload has been on screen, a decision carries
//! the digest of what was shown, the selection follows an approval and not a row, and keys typed just as the
//! screen changed decide nothing.

pub mod approvals;
pub mod browse;
pub mod entities;
pub mod export;
pub mod filter;
pub mod ground;
pub mod input;
pub mod keys;
pub mod link;
pub mod log;
pub mod look;
pub mod message;
pub mod model;
pub mod notify;
pub mod pane;
pub mod panel;
pub mod perform;
pub mod raw;
pub mod replay;
pub mod run;
pub mod sessions;
pub mod shared;
pub mod signals;
pub mod table;
#[cfg(test)]
mod tests;
pub mod text;
pub mod turns;
pub mod view;

pub use look::Look;
pub use message::Effect;
pub use message::Msg;
pub use model::Model;
pub use pane::Pane;
pub use pane::Screen;
pub use run::Settings;
pub use run::TuiError;
pub use run::run;
pub use shared::Shared;
pub use signals::Ended;
