//! Public metadata of the admin API over the network: where to sign in (RFC 9728).

use serde::Deserialize;
use serde::Serialize;

/// The path of the metadata, which needs no token.
pub const PATH: &str = "/.well-known/oauth-protected-resource";

/// The metadata of the admin API as a protected resource (RFC 9728, section 2).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SignIn {
    /// The URL of the admin API, `https://HOST[:PORT]`, which must match the called one (section 3.3).
    pub resource: String,
    /// The issuers whose tokens are accepted. The first is the one where people sign in with
    /// [`SignIn::hoopctl_login`].
    pub authorization_servers: Vec<String>,
    /// Scopes of which a token needs one; empty: any.
    #[serde(default)]
    pub scopes_supported: Vec<String>,
    /// How a token is sent: only in the `header`.
    #[serde(default)]
    pub bearer_methods_supported: Vec<String>,
    /// The client with which `hoopctl login` signs in. `None`: tokens come from elsewhere.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hoopctl_login: Option<SignInClient>,
}

/// The public client of the command line at the issuer, without a secret.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SignInClient {
    /// The client id.
    pub client_id: String,
    /// The requested scopes.
    pub scopes: Vec<String>,
}
