//! Session recordings: what happened in every session, with an order and content that can be verified.
//!
//! The pipeline appends events to the [`Journal`]. They are written to a write-ahead log at once; then one
//! thread chains them by session and stores them in `events.db`, in blocks that never change afterwards.
//! [`Reader`] reads them, with or without a running writer, and [`Reader::verify`] verifies them. [`replay`]
//! plays them, [`export`] converts them for other programs, and [`RecordingFile`] is a recording outside of
//! the database.
//!
//! What the chain proves: changing, moving or removing single events, or inserting those of another session,
//! is detected and located. Anyone who can write the whole database can rebuild the chain of a whole session;
//! against that, keep the final hash, [`Verification::hash`], elsewhere.

pub mod chain;
mod check;
mod checkpoint;
mod error;
pub mod export;
mod failures;
mod file;
mod grep;
mod journal;
mod level;
mod line;
mod live;
mod pack;
mod progress;
mod prove;
mod prune;
mod queue;
mod reader;
mod recover;
mod removed;
pub mod replay;
mod roster;
mod rows;
mod schema;
mod session;
mod settings;
mod shared;
mod syncer;
mod tail;
#[cfg(test)]
mod tests;
mod trail;
mod verify;
mod wal;
mod writer;

pub use check::check;
pub use error::RecordError;
pub use file::FileError;
pub use file::FileEvents;
pub use file::RecordingFile;
pub use grep::matching;
pub use journal::Appended;
pub use journal::Journal;
pub use line::LineError;
pub use line::StoredEvent;
pub use prove::Finding;
pub use prove::JournalVerification;
pub use prune::PruneReport;
pub use queue::Durability;
pub use reader::Events;
pub use reader::ReadError;
pub use reader::Reader;
pub use reader::SessionFilter;
pub use recover::OpenReport;
pub use removed::PruneReason;
pub use removed::Removal;
pub use schema::FILE;
pub use session::GATEWAY;
pub use session::SessionRow;
pub use settings::Level;
pub use settings::Settings;
pub use settings::SyncMode;
pub use trail::AgainstTrail;
#[cfg(test)]
pub(crate) use trail::tests::fail as fail_syncs;
pub use verify::Broken;
pub use verify::Damage;
pub use verify::Verification;
#[cfg(test)]
pub(crate) use writer::Hooks;
