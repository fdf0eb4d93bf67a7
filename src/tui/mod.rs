//! The terminal UI: pending approvals, live sessions, replay, connections, policies and the log, over the admin API.
//!
//! Elm's shape. [`Model`] is all state; [`Model::update`] takes one [`Msg`] and gives the [`Effect`]s that it wants, and does
//! nothing else: no I/O, no clock, so that a test is a list of messages. [`view`] draws the model. [`run()`] is the one loop with
//! a terminal, threads and time in it.
//!
//! A screen is a [`Pane`]: a folder with its state, what it does with keys and answers, and its view. What all share
//! (time, size, look, keys, the link to the gateway) is in [`Shared`].
//!
//! Who decides here reads text that an agent wrote. So nothing is drawn that is not escaped ([`crate::domain::text`]), `a`
//! works only once the whole payload has been on the screen, a decision carries the digest of what was shown, the
//! selection follows an approval and not a row, and keys typed just as the screen changed under the hand decide nothing.

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
