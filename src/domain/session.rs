//! Why a session ended.

use std::fmt;

use serde::{Deserialize, Serialize};

/// The reason for the end of a session. It is recorded, and sent to live streams if their protocol allows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SessionEnd {
    /// The connection was removed or changed by a reload.
    ConnectionChanged,
    /// No command for `limits.idle`.
    Idle,
    /// The issuer of its token was removed or changed by a reload.
    IssuerChanged,
    /// The gateway died and closed the session at its next start.
    Interrupted,
    /// An operator ended it.
    Killed,
    /// The client of a login session left.
    Left,
    /// `limits.session` or the end of a grant.
    Limit,
    /// A lock.
    Locked,
    /// The gateway stopped.
    Stopped,
    /// The target ended it, or violated the protocol.
    TargetClosed,
    /// The token expired.
    TokenExpired,
}

impl SessionEnd {
    /// All of them.
    pub const ALL: [Self; 11] = [
        Self::ConnectionChanged,
        Self::Idle,
        Self::Interrupted,
        Self::IssuerChanged,
        Self::Killed,
        Self::Left,
        Self::Limit,
        Self::Locked,
        Self::Stopped,
        Self::TargetClosed,
        Self::TokenExpired,
    ];

    /// Returns the word for it in records and output.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::ConnectionChanged => "connection_changed",
            Self::Idle => "idle",
            Self::Interrupted => "interrupted",
            Self::IssuerChanged => "issuer_changed",
            Self::Killed => "killed",
            Self::Left => "left",
            Self::Limit => "limit",
            Self::Locked => "locked",
            Self::Stopped => "stopped",
            Self::TargetClosed => "target_closed",
            Self::TokenExpired => "token_expired",
        }
    }
}

impl fmt::Display for SessionEnd {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
