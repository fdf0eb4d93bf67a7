//! The destination of a call's messages: a client's open stream, or a task that its client polls.

use std::time::Duration;

use bytes::Bytes;

use crate::protocol::mcp::from_target::stream::Left;
use crate::protocol::mcp::from_target::stream::Writer;
use crate::protocol::mcp::held::hold::PATIENCE;
use crate::protocol::mcp::held::task::Work;

/// The destination of a call's messages.
pub enum Sink {
    /// An open stream: closing it cancels the call.
    Stream(Writer),
    /// A task, which exists whether or not its client is connected.
    Task(Work),
}

impl Sink {
    /// Longer than any approval can be pending: 31 days.
    pub const FOREVER: Duration = Duration::from_hours(31 * 24);

    /// Returns how long the call waits for a decision, within the connection's limit.
    pub fn patience(&self, limit: Duration) -> Duration {
        match self {
            Self::Stream(_) => PATIENCE.min(limit),
            Self::Task(_) => Self::FOREVER,
        }
    }

    /// Notes that the call is about to be sent. Returns false if its client has cancelled it.
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

    /// Passes on the answer to a client that may not read. Returns false if it was not received.
    pub async fn last(&self, data: Bytes) -> bool {
        match self {
            Self::Stream(out) => out.last(data).await,
            Self::Task(work) => {
                work.ends(&data);
                true
            }
        }
    }

    /// Passes on where a stream can be resumed, or how long to wait before that.
    ///
    /// # Errors
    /// The client has left.
    pub async fn settings(&self, id: Option<String>, retry: Option<u64>) -> Result<(), Left> {
        match self {
            Self::Stream(out) => out.settings(id, retry).await,
            Self::Task(_) => Ok(()),
        }
    }

    /// Writes a comment that keeps a stream alive.
    ///
    /// # Errors
    /// The client has left.
    pub async fn keep_alive(&self) -> Result<(), Left> {
        match self {
            Self::Stream(out) => out.keep_alive().await,
            Self::Task(_) => Ok(()),
        }
    }

    /// Resolves when nothing was written to a stream for `silence`.
    pub async fn silent(&self, silence: Duration) {
        match self {
            Self::Stream(out) => out.silent(silence).await,
            Self::Task(_) => std::future::pending().await,
        }
    }

    /// Resolves when the client cancels the call.
    pub async fn left(&self) {
        match self {
            Self::Stream(out) => out.left().await,
            Self::Task(work) => work.cancelled().await,
        }
    }
}
