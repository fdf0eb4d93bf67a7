//! Held commands, their approvers, and grants.

use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::domain::command::Class;
use crate::domain::connection::ConnectionName;
use crate::domain::id::{ApprovalId, GrantId, RequestId, SessionId};
use crate::domain::principal::Kind;
use crate::domain::units;

/// The longest [`Approval::detail`], in bytes. A longer text is cut, and the command can then only be denied.
pub const MAX_DETAIL: usize = 1 << 20;

/// The scope of a grant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum GrantScope {
    /// This command with exactly these bytes, once.
    Once,
    /// Every command that the same policies would hold, until the session ends.
    Session,
    /// Every command of the same principal, connection and policies, for this long after the decision.
    Window(Duration),
}

impl GrantScope {
    /// Returns whether this scope is at most `other`: once is within everything, a shorter window within a
    /// longer one.
    pub fn is_within(self, other: Self) -> bool {
        match (self, other) {
            (Self::Once, _) | (Self::Session, Self::Session) => true,
            (Self::Window(mine), Self::Window(most)) => mine <= most && !mine.is_zero(),
            (Self::Session | Self::Window(_), _) => false,
        }
    }
}

impl fmt::Display for GrantScope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Once => f.write_str("once"),
            Self::Session => f.write_str("session"),
            Self::Window(duration) => f.write_str(&units::format_duration(*duration)),
        }
    }
}

impl std::str::FromStr for GrantScope {
    type Err = units::InvalidUnit;

    fn from_str(text: &str) -> Result<Self, units::InvalidUnit> {
        match text {
            "once" => Ok(Self::Once),
            "session" => Ok(Self::Session),
            _ => {
                units::parse_duration(text).map(Self::Window).map_err(|_not_a_duration| units::InvalidUnit {
                    found: text.to_owned(),
                    wanted: "once, session, or a duration such as 15m",
                })
            }
        }
    }
}

impl Serialize for GrantScope {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for GrantScope {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = <std::borrow::Cow<'de, str>>::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

/// Who must approve, and what that gives: the `approval` table of a policy.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ApprovalSpec {
    /// The groups whose members may decide. Never empty.
    pub from: Vec<String>,
    /// How many distinct people must approve. At least 1, default 1.
    pub min: u32,
    /// How long it is pending, in seconds. Default 600.
    pub timeout_s: u64,
    /// Whether a decision needs a reason. Default false.
    pub reason: bool,
    /// The scope of the grant. Default once.
    pub grant: GrantScope,
}

/// The state of an approval. All states but `Pending` and `Approved` are final.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ApprovalState {
    /// Approved by enough people; the command has not run yet.
    Approved,
    /// The requester left before a decision.
    Cancelled,
    /// An approver denied it.
    Denied,
    /// Nobody decided in time, or the approved command was not repeated in time.
    Expired,
    /// Pending.
    Pending,
    /// The gateway stopped or died while it was pending.
    Stopped,
    /// Approved, and its command was sent.
    Used,
}

impl ApprovalState {
    /// All states.
    pub const ALL: [Self; 7] = [
        Self::Approved,
        Self::Cancelled,
        Self::Denied,
        Self::Expired,
        Self::Pending,
        Self::Stopped,
        Self::Used,
    ];

    /// Returns the word for it in the store, records and output.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Approved => "approved",
            Self::Cancelled => "cancelled",
            Self::Denied => "denied",
            Self::Expired => "expired",
            Self::Pending => "pending",
            Self::Stopped => "stopped",
            Self::Used => "used",
        }
    }

    /// Returns the state that a word names.
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.as_str() == word)
    }
}

impl fmt::Display for ApprovalState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The decision of one approver.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ApprovalDecision {
    /// The approver's principal id.
    pub by: String,
    /// Whether it approves.
    pub approve: bool,
    /// The reason, or empty.
    pub reason: String,
    /// The time, in milliseconds since 1970.
    pub at_ms: i64,
}

/// One held command, as approvers see it. All texts are raw: show them escaped.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Approval {
    /// Its id.
    pub id: ApprovalId,
    /// Its state.
    pub state: ApprovalState,
    /// The requester's principal id.
    pub principal: String,
    /// A name for the requester.
    pub label: String,
    /// The kind of caller.
    pub kind: Kind,
    /// The requester's groups.
    pub groups: Vec<String>,
    /// The requester's address, without the port.
    pub source: String,
    /// The connection.
    pub connection: ConnectionName,
    /// The session it belongs to.
    pub session: SessionId,
    /// The first request.
    pub request: RequestId,
    /// The policies that hold it, joined by `,`.
    pub rule: String,
    /// Who must decide.
    pub spec: ApprovalSpec,
    /// SHA-256 over principal, connection, policies and the exact bytes to be sent, 64 hex digits.
    pub digest: String,
    /// The class of the command.
    #[serde(default = "unknown")]
    pub class: Class,
    /// The method and path, on one line.
    pub summary: String,
    /// The approval text: all that will be sent, with masked values masked: the head without credentials, an
    /// empty line, the body. At most [`MAX_DETAIL`] bytes.
    pub detail: String,
    /// Whether `detail` was cut; then it cannot be approved.
    pub truncated: bool,
    /// The reason that the requester gave (`Hoopctl-Reason`), or empty.
    pub reason: String,
    /// The revision of the policies that hold it.
    pub revision: u64,
    /// When it was created, in milliseconds since 1970.
    pub created_ms: i64,
    /// When it expires, in milliseconds since 1970.
    pub expires_ms: i64,
    /// The decisions so far.
    pub decisions: Vec<ApprovalDecision>,
    /// The grant it gave, once approved.
    pub grant: Option<GrantId>,
}

/// The class of an approval from an older gateway.
fn unknown() -> Class {
    Class::Unknown
}

/// How much harm approving could do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Risk {
    /// A single command that reads.
    Low,
    /// A single command that changes data, or any number that read.
    Medium,
    /// Commands that change structure or rights or are not understood, or any number that change data.
    High,
}

impl Risk {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Low, Self::Medium, Self::High];

    /// Returns the word for it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Low => "low",
            Self::Medium => "medium",
            Self::High => "high",
        }
    }
}

impl Approval {
    /// Returns how much harm approving could do, from the class of the command and the scope of the grant.
    pub fn risk(&self) -> Risk {
        match (self.class, self.spec.grant) {
            (Class::Read, GrantScope::Once) => Risk::Low,
            (Class::Read, _) | (Class::Write, GrantScope::Once) => Risk::Medium,
            (Class::Write | Class::Ddl | Class::Admin | Class::Unknown, _) => Risk::High,
        }
    }
}

/// The grant of an approval.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Grant {
    /// Its id.
    pub id: GrantId,
    /// The approval that gave it.
    pub approval: ApprovalId,
    /// The principal that may use it.
    pub principal: String,
    /// The connection.
    pub connection: ConnectionName,
    /// The policies it satisfies, joined by `,`.
    pub rule: String,
    /// Its scope.
    pub scope: GrantScope,
    /// For [`GrantScope::Once`]: the digest of the command; for [`GrantScope::Session`]: the session id; else
    /// empty.
    pub bound_to: String,
    /// When it was given, in milliseconds since 1970.
    pub created_ms: i64,
    /// Its absolute end, in milliseconds since 1970.
    pub expires_ms: i64,
    /// When it was used up (once) or revoked, in milliseconds since 1970.
    pub ended_ms: Option<i64>,
    /// Digest of the policies and of the connection as they were when it was given. If they are others now,
    /// the grant covers nothing.
    #[serde(skip)]
    pub terms: String,
    /// Whether it covers nothing now because too few of its approvers may still give it. Only a running
    /// gateway's list says so; the store does not keep it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub suspended: bool,
}
