//! Plays a recording: when each event is due, and how it is shown.

mod body;
mod clock;
mod mcp;
mod notice;
mod pacing;
mod player;
mod position;
mod sign;
mod sql;
mod table;
#[cfg(test)]
mod tests;
mod transcript;

pub use clock::Clock;
pub(crate) use mcp::message as mcp_message;
pub use pacing::Pace;
pub use pacing::Pacing;
pub use player::Cue;
pub use player::PlayOptions;
pub use player::Player;
pub use position::InvalidPosition;
pub use position::Mark;
pub use position::Position;
pub use sign::Told;
pub(crate) use sql::whole_parameter;
pub(crate) use transcript::message_whole;
pub use transcript::transcript;
pub use transcript::transcript_told;
pub(crate) use transcript::transcript_whole;
