//! What a held command brings along for its approvers and for the wait, and what its client is told.

use std::time::Duration;

use tokio::sync::oneshot;

use crate::domain::ApprovalId;

/// The approval text of a held command, and the digest that binds an approval to its bytes.
#[derive(Debug)]
pub struct Held {
    /// A digest of the exact bytes that will be sent: SHA-256, in hexadecimal digits.
    pub bytes_digest: String,
    /// The approval text: all that will be sent, readable, with masked values masked.
    pub detail: String,
    /// Whether `detail` was cut.
    pub truncated: bool,
    /// The reason that the requester gave.
    pub reason: String,
    /// The number of bytes that are kept in memory while the command is held.
    pub bytes: usize,
    /// How long the client waits for a decision. `None`: the connection's `approval_wait` applies.
    pub wait: Option<Duration>,
    /// Notified once, when the command has to wait.
    pub told: Option<oneshot::Sender<Waiting>>,
    /// Signals that the client disconnected but may resume. The approval stays pending and nothing is sent
    /// until it does. `None`: a disconnect withdraws the approval.
    pub leaves: Option<oneshot::Receiver<()>>,
}

impl Held {
    /// The longest approval text, in bytes. A longer command can be denied, but not approved.
    pub const MAX_SHOWN: usize = 256 << 10;
    /// The longest reason, in characters. A longer one is cut.
    pub const MAX_REASON: usize = 500;

    /// A command without a reason, of which `size` bytes are kept besides `detail`. What is more than
    /// approvers are shown is left out of `detail`; `truncated` says that something is left out already.
    #[must_use]
    pub fn new(bytes_digest: String, mut detail: String, truncated: bool, size: usize) -> Self {
        let cut = detail.len() > Self::MAX_SHOWN;
        if cut {
            detail.truncate(detail.floor_char_boundary(Self::MAX_SHOWN));
        }
        Self {
            bytes_digest,
            truncated: truncated || cut,
            reason: String::new(),
            bytes: size.saturating_add(detail.len()),
            detail,
            wait: None,
            told: None,
            leaves: None,
        }
    }
}

/// What a client is told about its own pending command.
#[derive(Debug)]
pub struct Waiting {
    /// The pending approval.
    pub approval: ApprovalId,
    /// The policies that ask for it, by id.
    pub rule: String,
    /// The groups whose members may decide.
    pub from: Vec<String>,
    /// When the approval expires, in milliseconds since 1970.
    pub until_ms: i64,
}
