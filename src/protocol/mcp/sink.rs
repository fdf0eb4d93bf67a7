//! Where it is told what comes of a call: a client's open stream, or a task that its client asks after.

use std::time::Duration;

use bytes::Bytes;

use crate::protocol::mcp::hold::PATIENCE;
use crate::protocol::mcp::stream::Left;
use crate::protocol::mcp::stream::Writer;
use crate::protocol::mcp::task::Work;

/// Where what comes of a call is told.
pub enum Sink {
    /// On an open stream: who leaves it does not want the call any more.
    Stream(Writer),
    /// In a task: it is there for its client, whether that is connected or not.
    Task(Work),
}

impl Sink {
    /// Longer than any approval may wait: 31 days.
    pub const FOREVER: Duration = Duration::from_hours(31 * 24);

    /// How long people have, where the connection lets a client wait so long.
    pub fn patience(&self, limit: Duration) -> Duration {
        match self {
            Self::Stream(_) => PATIENCE.min(limit),
            Self::Task(_) => Self::FOREVER,
        }
    }

    /// The call is sent now. False: its client has taken it back before.
    pub fn begins(&self) -> bool {
        match self {
            Self::Stream(_) => true,
            Self::Task(work) => work.begins(),
        }
    }

    /// Passes on a message that is not the answer.
    ///
    /// # Errors
    /// The client has left.
    pub async fn message(&self, data: Bytes, id: Option<String>, retry: Option<u64>) -> Result<(), Left> {
        match self {
            Self::Stream(out) => out.message(data, id, retry).await,
            Self::Task(work) => {
                work.tells(&data);
                Ok(())
            }
        }
    }

    /// Passes on the answer.
    ///
    /// # Errors
    /// The client has left.
    pub async fn answer(&self, data: Bytes, id: Option<String>, retry: Option<u64>) -> Result<(), Left> {
        match self {
            Self::Stream(out) => out.message(data, id, retry).await,
            Self::Task(work) => {
                work.ends(&data);
                Ok(())
            }
        }
    }

    /// Passes on the answer to a client that may not read. False: nobody has it.
    pub async fn last(&self, data: Bytes) -> bool {
        match self {
            Self::Stream(out) => out.last(data).await,
            Self::Task(work) => {
                work.ends(&data);
                true
            }
        }
    }

    /// Passes on where a stream can be gone on with, or how long to wait before that.
    ///
    /// # Errors
    /// The client has left.
    pub async fn settings(&self, id: Option<String>, retry: Option<u64>) -> Result<(), Left> {
        match self {
            Self::Stream(out) => out.settings(id, retry).await,
            Self::Task(_) => Ok(()),
        }
    }

    /// Keeps a stream from being taken for dead.
    ///
    /// # Errors
    /// The client has left.
    pub async fn keep_alive(&self) -> Result<(), Left> {
        match self {
            Self::Stream(out) => out.keep_alive().await,
            Self::Task(_) => Ok(()),
        }
    }

    /// Resolves when a stream has been silent for so long: only what is written to the client ends its silence.
    pub async fn silent(&self, silence: Duration) {
        match self {
            Self::Stream(out) => out.silent(silence).await,
            Self::Task(_) => std::future::pending().await,
        }
    }

    /// Resolves when the client does not want the call any more.
    pub async fn left(&self) {
        match self {
            Self::Stream(out) => out.left().await,
            Self::Task(work) => work.cancelled().await,
        }
    }
}
