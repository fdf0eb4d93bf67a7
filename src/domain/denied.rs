//! What a client is told when a command does not pass. No cause from inside ever gets into it.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use crate::domain::id::ApprovalId;

/// The stable reason of a refusal; part of the outside contract.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum DenyCode {
    /// The approver said no, or the requester's approval was withdrawn.
    ApprovalDenied,
    /// Nobody decided in time.
    ApprovalExpired,
    /// Still waiting: repeat the same request later.
    ApprovalPending,
    /// The request itself is wrong or has two readings.
    BadRequest,
    /// A policy blocks it, or none allows it.
    Denied,
    /// A fault of the gateway.
    Internal,
    /// The issuer's keys are not to be had.
    IssuerUnavailable,
    /// A size, count or rate is exceeded.
    LimitExceeded,
    /// A lock stands against it.
    Locked,
    /// There is none of that name, or it is not open to the caller: the two look alike.
    NoSuchConnection,
    /// The gateway is full or stopping.
    Overloaded,
    /// It could not be recorded, so it was not done.
    RecordingUnavailable,
    /// The session has ended.
    SessionEnded,
    /// No token, or one that does not hold.
    Unauthenticated,
    /// The reply could not be masked and was withheld.
    UnmaskableReply,
    /// The target's credential could not be had.
    UpstreamCredential,
    /// The target does not answer, or answers nonsense.
    UpstreamUnavailable,
}

impl DenyCode {
    /// The word for it: the `code` member of an error.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::ApprovalDenied => "approval_denied",
            Self::ApprovalExpired => "approval_expired",
            Self::ApprovalPending => "approval_pending",
            Self::BadRequest => "bad_request",
            Self::Denied => "denied",
            Self::Internal => "internal",
            Self::IssuerUnavailable => "issuer_unavailable",
            Self::LimitExceeded => "limit_exceeded",
            Self::Locked => "locked",
            Self::NoSuchConnection => "no_such_connection",
            Self::Overloaded => "overloaded",
            Self::RecordingUnavailable => "recording_unavailable",
            Self::SessionEnded => "session_ended",
            Self::Unauthenticated => "unauthenticated",
            Self::UnmaskableReply => "unmaskable_reply",
            Self::UpstreamCredential => "upstream_credential",
            Self::UpstreamUnavailable => "upstream_unavailable",
        }
    }
}

impl fmt::Display for DenyCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// One refusal, as the client may read it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Denied {
    /// The stable reason.
    pub code: DenyCode,
    /// What happened and what to do next, for the person behind the client.
    pub detail: String,
    /// The policy that decided, where one did.
    pub rule: Option<Arc<str>>,
    /// The approval it waits for or was decided by.
    pub approval: Option<ApprovalId>,
    /// When to try again.
    pub retry_after: Option<Duration>,
    /// A finer reason for the audit trail; never sent to the client.
    pub audit: Option<&'static str>,
    /// The command may have reached its target: whether it was done is not known.
    pub sent: bool,
}

impl Denied {
    /// A refusal with a code and words.
    pub fn new(code: DenyCode, detail: impl Into<String>) -> Self {
        let detail = detail.into();
        Self { code, detail, rule: None, approval: None, retry_after: None, audit: None, sent: false }
    }

    /// The same, with the finer reason for the audit trail.
    pub fn because(mut self, audit: &'static str) -> Self {
        self.audit = Some(audit);
        self
    }

    /// The same, of a command that may have reached its target.
    pub fn after_sending(mut self) -> Self {
        self.sent = true;
        self
    }
}
