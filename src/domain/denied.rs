//! Refusals, as the client sees them. They never contain internal causes.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use crate::domain::id::ApprovalId;

/// The stable code of a refusal; part of the public contract.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum DenyCode {
    /// The approver denied it, or the approval was withdrawn.
    ApprovalDenied,
    /// Nobody decided in time.
    ApprovalExpired,
    /// Still pending: repeat the same request later.
    ApprovalPending,
    /// The request itself is invalid or ambiguous.
    BadRequest,
    /// A policy denies it, or none allows it.
    Denied,
    /// An error of the gateway.
    Internal,
    /// The issuer's keys are not available.
    IssuerUnavailable,
    /// A size, count or rate is exceeded.
    LimitExceeded,
    /// A lock applies.
    Locked,
    /// There is none of that name, or it is not open to the caller: the two are indistinguishable.
    NoSuchConnection,
    /// The gateway is overloaded or stopping.
    Overloaded,
    /// It could not be recorded, so it was not done.
    RecordingUnavailable,
    /// The session has ended.
    SessionEnded,
    /// No token, or an invalid one.
    Unauthenticated,
    /// The reply could not be masked and was withheld.
    UnmaskableReply,
    /// The target's credential is not available.
    UpstreamCredential,
    /// The target does not answer, or its answer is invalid.
    UpstreamUnavailable,
}

impl DenyCode {
    /// Returns the word for it: the `code` member of an error.
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

/// The finer reasons for the audit trail ([`Denied::audit`]) that the program itself looks at. All others are
/// only recorded, and stand where they are given.
pub mod reason {
    /// A body is longer than it may be.
    pub const BODY_TOO_LARGE: &str = "body_too_large";
    /// The client withdrew its request.
    pub const CLIENT_CANCELLED: &str = "client_cancelled";
    /// The client went away before the reply was complete.
    pub const CLIENT_GONE: &str = "client_gone";
    /// The client went away while its command waited for approval.
    pub const CLIENT_LEFT: &str = "client_left";
    /// The client does not read what it is sent.
    pub const CLIENT_SLOW: &str = "client_slow";
    /// The head of a request is longer than it may be.
    pub const HEAD_TOO_LARGE: &str = "head_too_large";
    /// The head of a request did not come in time.
    pub const HEAD_TOO_SLOW: &str = "head_too_slow";
    /// The request has no token.
    pub const NO_TOKEN: &str = "no_token";
    /// The token is valid, but lacks a scope that the issuer's settings require.
    pub const SCOPE: &str = "scope";
    /// The target says that its session is over.
    pub const TARGET_SESSION: &str = "target_session";
    /// The target did not answer in time.
    pub const UPSTREAM_TIMEOUT: &str = "upstream_timeout";
}

/// One refusal, as the client may see it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Denied {
    /// The stable code.
    pub code: DenyCode,
    /// What happened and what to do next, for the person behind the client.
    pub detail: String,
    /// The policy that decided, if one did.
    pub rule: Option<Arc<str>>,
    /// The approval that is pending or was decided.
    pub approval: Option<ApprovalId>,
    /// After how long to try again.
    pub retry_after: Option<Duration>,
    /// A finer reason for the audit trail; never sent to the client. Those that code looks at are in
    /// [`reason`].
    pub audit: Option<&'static str>,
    /// Whether the command may have reached its target, so that it may have been executed.
    pub sent: bool,
}

impl Denied {
    /// Creates a refusal with a code and a detail.
    pub fn new(code: DenyCode, detail: impl Into<String>) -> Self {
        let detail = detail.into();
        Self { code, detail, rule: None, approval: None, retry_after: None, audit: None, sent: false }
    }

    /// Sets the finer reason for the audit trail.
    pub fn because(mut self, audit: &'static str) -> Self {
        self.audit = Some(audit);
        self
    }

    /// Returns whether it has this reason for the audit trail.
    pub fn is_because(&self, audit: &str) -> bool {
        self.audit == Some(audit)
    }

    /// Returns whether it came of what the client did on the way, so that the target is not to blame.
    pub fn is_clients_fault(&self) -> bool {
        use reason::{CLIENT_CANCELLED, CLIENT_GONE, CLIENT_LEFT, CLIENT_SLOW};
        matches!(self.audit, Some(CLIENT_CANCELLED | CLIENT_GONE | CLIENT_LEFT | CLIENT_SLOW))
    }

    /// Sets the policy that decided.
    pub fn of_rule(mut self, rule: Option<Arc<str>>) -> Self {
        self.rule = rule;
        self
    }

    /// Sets the approval that is pending or was decided.
    pub fn of_approval(mut self, approval: ApprovalId) -> Self {
        self.approval = Some(approval);
        self
    }

    /// Sets after how long to try again.
    pub fn retry_in(mut self, wait: Duration) -> Self {
        self.retry_after = Some(wait);
        self
    }

    /// Marks it as a refusal of a command that may have reached its target.
    pub fn after_sending(mut self) -> Self {
        self.sent = true;
        self
    }
}
