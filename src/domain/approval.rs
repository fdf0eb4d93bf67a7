//! A held command, who may decide it, and what the decision gives.

use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::domain::command::Class;
use crate::domain::connection::ConnectionName;
use crate::domain::id::{ApprovalId, GrantId, RequestId, SessionId};
use crate::domain::principal::Kind;
use crate::domain::units;

/// The longest [`Approval::detail`], in bytes. What is longer is cut, and can then only be denied.
pub const MAX_DETAIL: usize = 1 << 20;

/// How far one approval reaches.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum GrantScope {
    /// This command, with exactly these bytes, one time.
    Once,
    /// Every command that the same rule would hold, until the session ends.
    Session,
    /// Every command of the same principal, connection and rule, for so long after the decision.
    Window(Duration),
}

impl GrantScope {
    /// Whether this reaches no further than `other`: once is within everything, a shorter window within a longer one.
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
    /// How many distinct people must say yes. At least 1, default 1.
    pub min: u32,
    /// How long it waits for them, in seconds. Default 600.
    pub timeout_s: u64,
    /// Whether a decision needs a reason. Default false.
    pub reason: bool,
    /// What a yes gives. Default once.
    pub grant: GrantScope,
}

/// Where an approval stands. Every state but `Pending` is an end, and `Approved` ends in one of the others or `Used`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ApprovalState {
    /// Approved by enough people; the command has not run yet.
    Approved,
    /// The requester went away before a decision.
    Cancelled,
    /// An approver said no.
    Denied,
    /// Nobody decided in time, or the approved command did not come back in time.
    Expired,
    /// Waits for a decision.
    Pending,
    /// The gateway stopped or died while it waited.
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

    /// The word for it in the store, records and output.
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

    /// The state a word names, if any.
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.as_str() == word)
    }
}

impl fmt::Display for ApprovalState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// What one approver said.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ApprovalDecision {
    /// The approver's principal id.
    pub by: String,
    /// Yes or no.
    pub approve: bool,
    /// Why; empty when none was given.
    pub reason: String,
    /// When, in milliseconds since 1970.
    pub at_ms: i64,
}

/// One held command, as approvers see it. All texts are raw: show them escaped.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Approval {
    /// Its id.
    pub id: ApprovalId,
    /// Where it stands.
    pub state: ApprovalState,
    /// The requester's principal id.
    pub principal: String,
    /// A name for the requester.
    pub label: String,
    /// What kind of caller asks.
    pub kind: Kind,
    /// The groups it asked with.
    pub groups: Vec<String>,
    /// Where the request came from: an address, without the port.
    pub source: String,
    /// The connection.
    pub connection: ConnectionName,
    /// The session it belongs to.
    pub session: SessionId,
    /// The request that asked first.
    pub request: RequestId,
    /// The policies that hold it, joined by `,`.
    pub rule: String,
    /// Who must decide.
    pub spec: ApprovalSpec,
    /// SHA-256 over principal, connection, rule and the exact bytes to be sent, 64 hex digits.
    pub digest: String,
    /// What the command does, as it was judged.
    #[serde(default = "unknown")]
    pub class: Class,
    /// One line: method and path.
    pub summary: String,
    /// All that will be sent, with masked values masked: the head without credentials, an empty line, the body. At most
    /// [`MAX_DETAIL`] bytes.
    pub detail: String,
    /// Whether `detail` had to leave something out; then it cannot be approved by showing it.
    pub truncated: bool,
    /// The reason that the requester gave (`Hoopctl-Reason`); empty when none.
    pub reason: String,
    /// The revision of the policies that held it.
    pub revision: u64,
    /// When it was asked, in milliseconds since 1970.
    pub created_ms: i64,
    /// When it expires, in milliseconds since 1970.
    pub expires_ms: i64,
    /// What was said so far.
    pub decisions: Vec<ApprovalDecision>,
    /// What it gave, once approved.
    pub grant: Option<GrantId>,
}

/// The class of what an older gateway asked for.
fn unknown() -> Class {
    Class::Unknown
}

/// How much harm a yes could do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Risk {
    /// A single command that reads.
    Low,
    /// A single command that changes data, or reads of a while.
    Medium,
    /// What changes structure or rights or is not understood, and changes of a while.
    High,
}

impl Risk {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Low, Self::Medium, Self::High];

    /// The word for it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Low => "low",
            Self::Medium => "medium",
            Self::High => "high",
        }
    }
}

impl Approval {
    /// How much harm a yes could do: by what the command does, and whether the yes lets more of its kind pass.
    pub fn risk(&self) -> Risk {
        match (self.class, self.spec.grant) {
            (Class::Read, GrantScope::Once) => Risk::Low,
            (Class::Read, _) | (Class::Write, GrantScope::Once) => Risk::Medium,
            (Class::Write | Class::Ddl | Class::Admin | Class::Unknown, _) => Risk::High,
        }
    }
}

/// What an approval gave.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Grant {
    /// Its id.
    pub id: GrantId,
    /// The approval that gave it.
    pub approval: ApprovalId,
    /// Who may use it.
    pub principal: String,
    /// Where.
    pub connection: ConnectionName,
    /// The policies it satisfies, joined by `,`.
    pub rule: String,
    /// How far it reaches.
    pub scope: GrantScope,
    /// For [`GrantScope::Once`]: the digest of the command; for [`GrantScope::Session`]: the session id; else empty.
    pub bound_to: String,
    /// When it was given, in milliseconds since 1970.
    pub created_ms: i64,
    /// Its absolute end, in milliseconds since 1970.
    pub expires_ms: i64,
    /// When it was used up (once) or revoked, in milliseconds since 1970.
    pub ended_ms: Option<i64>,
}
