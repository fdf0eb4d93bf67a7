//! Why tokens are refused, and why issuers cannot be used.

use crate::domain::denied::reason;
use crate::identity::settings::SettingProblem;
use crate::transport::fetch::FetchError;
use crate::transport::tls::TlsError;

/// Why a token does not identify a principal. Contains nothing that came from the token.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TokenError {
    /// It is not one strict JWT.
    #[error("the token is malformed: {0}")]
    Malformed(&'static str),
    /// `alg` is not allowed for this issuer or key.
    #[error("the algorithm is not allowed for this issuer and key")]
    Algorithm,
    /// A header member would change how the token is read.
    #[error("the header member {0} is not allowed")]
    ForbiddenHeader(&'static str),
    /// `typ` is not that of an access token.
    #[error("the type of the token is not that of an access token")]
    TokenType,
    /// It is meant for Microsoft Graph.
    #[error("the token is one for Microsoft Graph, not for this gateway")]
    GraphToken,
    /// It tells an app who signed in, and gives no access.
    #[error("the token is an ID, refresh or logout token, not an access token")]
    IdToken,
    /// No entry has this `iss`.
    #[error("no configured issuer has exactly this iss")]
    UnknownIssuer,
    /// The issuer has no usable key with this id.
    #[error("the issuer has no usable key with this kid")]
    UnknownKid,
    /// The signature is wrong.
    #[error("the signature is wrong")]
    Signature,
    /// A claim is missing or of the wrong type.
    #[error("the claim {name} {problem}")]
    Claim {
        /// Its name, as configured.
        name: Box<str>,
        /// The problem.
        problem: &'static str,
    },
    /// It is after `exp`.
    #[error("the token has expired")]
    Expired,
    /// It is before `nbf` or `iat`.
    #[error("the token is not valid yet")]
    NotYetValid,
    /// It is valid for longer than allowed.
    #[error("the token is valid for longer than this issuer's max_lifetime")]
    Lifetime,
    /// It is not meant for this gateway.
    #[error("none of the token's audiences is one of ours")]
    Audience,
    /// `tid`, `iss` and `ver` do not belong together.
    #[error("the tenant or version of the token is not that of the issuer")]
    Tenant,
    /// It does not say whether it belongs to a person or an app.
    #[error("the token does not say whether it speaks for a person or an app (optional claim idtyp)")]
    Kind,
    /// It belongs to an app of the tenant that was not admitted.
    #[error("the app is neither in clients nor has it an app role")]
    UnknownClient,
    /// It is a person's token without a required scope.
    #[error("the token has none of the needed scopes")]
    Scope,
    /// It is bound to a key that a plain bearer does not prove.
    #[error("the token is bound to a key (cnf) and cannot be used as a plain bearer")]
    Bound,
    /// The issuer's keys are not available, or too old. Not the client's fault: 503, not 401.
    #[error("the issuer's keys are not available")]
    IssuerUnavailable,
}

impl TokenError {
    /// Returns a stable word for the audit trail, metrics and logs.
    pub const fn reason(&self) -> &'static str {
        match self {
            Self::Malformed(_) => "malformed",
            Self::Algorithm => "algorithm",
            Self::ForbiddenHeader(_) => "forbidden_header",
            Self::TokenType => "token_type",
            Self::GraphToken => "graph_token",
            Self::IdToken => "id_token",
            Self::UnknownIssuer => "unknown_issuer",
            Self::UnknownKid => "unknown_kid",
            Self::Signature => "signature",
            Self::Claim { .. } => "claim",
            Self::Expired => "expired",
            Self::NotYetValid => "not_yet_valid",
            Self::Lifetime => "lifetime",
            Self::Audience => "audience",
            Self::Tenant => "tenant",
            Self::Kind => "kind",
            Self::UnknownClient => "unknown_client",
            Self::Scope => reason::SCOPE,
            Self::Bound => "bound",
            Self::IssuerUnavailable => "issuer_unavailable",
        }
    }

    /// Returns whether the gateway, not the token, is at fault: the answer is 503.
    pub const fn is_unavailable(&self) -> bool {
        matches!(self, Self::IssuerUnavailable)
    }

    pub(crate) fn claim(name: &str, problem: &'static str) -> Self {
        Self::Claim { name: name.into(), problem }
    }
}

/// Why a token could not be verified synchronously.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unverified {
    /// The token is refused, finally.
    #[error(transparent)]
    Refused(#[from] TokenError),
    /// Keys are being fetched that may decide it: call `verify`, which waits.
    #[error("the issuer's keys are being fetched")]
    NeedsKeys,
}

/// Why issuers cannot be used as configured.
#[derive(Debug, thiserror::Error)]
pub enum IdentityError {
    /// A setting is wrong.
    #[error("issuer {issuer}: {problem}")]
    Setting {
        /// The entry.
        issuer: String,
        /// The problem.
        problem: SettingProblem,
    },
    /// Two entries have the same name.
    #[error("there are two issuers named {0}")]
    NameTwice(String),
    /// Two entries accept the same `iss`.
    #[error("two entries accept tokens of {0}")]
    IssuerTwice(String),
    /// Two entries have a login for MCP clients.
    #[error("a second entry has mcp_login, {0}: MCP clients are sent to one issuer")]
    LoginTwice(String),
    /// A tenant is configured for two clouds: its principals would be mixed up.
    #[error("tenant {0} is claimed by Microsoft's and by a loopback issuer")]
    TenantTwice(String),
    /// The certificate authorities for fetching cannot be used.
    #[error("issuer {issuer}: no TLS settings")]
    Tls {
        /// The entry.
        issuer: String,
        /// The cause.
        source: TlsError,
    },
}

/// Why keys were not renewed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum RenewError {
    /// The discovery document could not be fetched.
    #[error("cannot get the discovery document")]
    Discovery(#[source] FetchError),
    /// It cannot be used.
    #[error("the discovery document {0}")]
    Document(&'static str),
    /// The keys could not be fetched.
    #[error("cannot get the keys")]
    Keys(#[source] FetchError),
    /// They cannot be used.
    #[error("the key set {0}")]
    KeySet(&'static str),
}
