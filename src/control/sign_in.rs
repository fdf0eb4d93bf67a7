//! What the admin API tells strangers over the network: where people sign in (RFC 9728).

use serde::Deserialize;
use serde::Serialize;

/// Where that is told, to everybody, without a token.
pub const PATH: &str = "/.well-known/oauth-protected-resource";

/// The metadata of the admin API as a protected resource (RFC 9728, section 2).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SignIn {
    /// The address of the admin API, `https://HOST[:PORT]`: who asked must have asked there (section 3.3).
    pub resource: String,
    /// The issuers whose tokens are taken. The first is the one where people sign in with [`SignIn::hoopctl_login`].
    pub authorization_servers: Vec<String>,
    /// The scopes of which a token needs one; empty: any.
    #[serde(default)]
    pub scopes_supported: Vec<String>,
    /// How a token is sent: `header`, and in no other way.
    #[serde(default)]
    pub bearer_methods_supported: Vec<String>,
    /// As which client `hoopctl login` signs in. `None`: tokens come from elsewhere.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hoopctl_login: Option<SignInClient>,
}

/// The public client of the command line at the issuer: it has no secret.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SignInClient {
    /// Its id there.
    pub client_id: String,
    /// The scopes that are asked for, as they are.
    pub scopes: Vec<String>,
}
