//! Logins of people: an issuer's authorization and token endpoints ([`Portal`]), and the login of people's
//! MCP clients at an issuer that does not support the OAuth features they need ([`Login`]).

mod grant;
mod portal;
mod redirect;
mod settings;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use http::StatusCode;

use crate::domain::Secret;
use crate::transport::fetch::FetchError;

pub use grant::OAuthGrant;
pub use portal::Portal;
pub use portal::Via;
pub use settings::McpLogin;
pub use settings::OPENID;

use portal::SLOTS;

/// The issuer at which people's MCP clients log in.
pub struct Login {
    portal: Arc<Portal>,
    settings: McpLogin,
}

/// The issuer's answer to a grant: one JSON object with tokens, or with the error of RFC 6749, section 5.2.
pub struct Redeemed {
    /// 200 for tokens; otherwise an error status of the client.
    pub status: StatusCode,
    /// The object. Never logged or recorded.
    pub body: Vec<u8>,
    /// Whether the issuer does not know the configured client or its secret.
    pub unknown_client: bool,
}

/// Why a login fails. Contains no part of the request or the answer.
#[derive(Debug, thiserror::Error)]
pub enum LoginError {
    /// The issuer's endpoints are not known, now or recently.
    #[error("it is not known where the issuer's endpoints are")]
    Endpoints,
    /// Too many logins at once.
    #[error("{SLOTS} grants are on their way to the issuer already")]
    Busy,
    /// The token endpoint did not answer.
    #[error("the token endpoint does not answer")]
    Token(#[source] FetchError),
    /// Its answer cannot be passed on.
    #[error("the answer of the token endpoint {0}")]
    Answer(&'static str),
}

impl Login {
    /// Returns the login of an entry; `None` if it has none, and for the v1 sibling of an entry.
    pub(crate) fn of(portal: &Arc<Portal>) -> Option<Self> {
        let issuer = &portal.source().issuer;
        let settings = issuer.settings.mcp_login.clone().filter(|_| !issuer.is_sibling())?;
        Some(Self { portal: Arc::clone(portal), settings })
    }

    /// Returns the configured settings.
    pub fn settings(&self) -> &McpLogin {
        &self.settings
    }

    /// Returns the issuer's endpoints.
    pub fn portal(&self) -> &Portal {
        &self.portal
    }

    /// Returns the `iss` of its tokens.
    pub fn iss(&self) -> &str {
        self.portal.iss()
    }

    /// Returns the URL of the keys of its tokens, if known yet.
    pub fn keys_uri(&self) -> Option<String> {
        self.portal.source().keys_uri()
    }

    /// Builds the URL that a browser is redirected to: see [`Portal::authorize_url`].
    ///
    /// # Errors
    /// [`LoginError::Endpoints`].
    pub async fn authorize_url(&self, parameters: &[(String, String)]) -> Result<String, LoginError> {
        self.portal.authorize_url(parameters).await
    }

    /// Sends a grant to the token endpoint, once, as the configured client: see [`Portal::redeem`].
    ///
    /// # Errors
    /// Every [`LoginError`]; what the issuer refuses is none.
    pub async fn redeem(&self, grant: &OAuthGrant, secret: Option<&Secret>) -> Result<Redeemed, LoginError> {
        self.portal.redeem(Via::McpClient, grant, &self.settings.client_id, secret).await
    }
}
