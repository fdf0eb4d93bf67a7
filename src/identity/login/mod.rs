//! Where people log in: an issuer's authorization and token endpoints ([`Portal`]), and the login of people's MCP clients at an issuer
//! that does not speak their dialect of OAuth ([`Login`]).

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

/// What the issuer made of a grant: one JSON object with tokens, or with the error of RFC 6749, section 5.2, that says why there are none.
pub struct Redeemed {
    /// 200 for tokens; else an error of the client.
    pub status: StatusCode,
    /// The object. Never logged or recorded.
    pub body: Vec<u8>,
    /// Whether it is the configured client or its secret that the issuer does not know.
    pub unknown_client: bool,
}

/// Why a login does not go on. Holds no part of what was asked or answered.
#[derive(Debug, thiserror::Error)]
pub enum LoginError {
    /// The issuer does not say where people log in, now or of late.
    #[error("it is not known where the issuer's endpoints are")]
    Endpoints,
    /// Too many at once.
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
    /// The login of an entry; `None` where it has none, and for the v1 sibling of one.
    pub(crate) fn of(portal: &Arc<Portal>) -> Option<Self> {
        let issuer = &portal.source().issuer;
        let settings = issuer.settings.mcp_login.clone().filter(|_| !issuer.is_sibling())?;
        Some(Self { portal: Arc::clone(portal), settings })
    }

    /// What the operator says about it.
    pub fn settings(&self) -> &McpLogin {
        &self.settings
    }

    /// The issuer.
    pub fn portal(&self) -> &Portal {
        &self.portal
    }

    /// The `iss` of the tokens that it gives.
    pub fn iss(&self) -> &str {
        self.portal.iss()
    }

    /// Where the keys of its tokens are, as far as that is known yet.
    pub fn keys_uri(&self) -> Option<String> {
        self.portal.source().keys_uri()
    }

    /// Where a browser goes on to: [`Portal::authorize_url`].
    ///
    /// # Errors
    /// [`LoginError::Endpoints`].
    pub async fn authorize_url(&self, parameters: &[(String, String)]) -> Result<String, LoginError> {
        self.portal.authorize_url(parameters).await
    }

    /// Sends a grant to the token endpoint, once, in the name of the configured client: [`Portal::redeem`].
    ///
    /// # Errors
    /// Every [`LoginError`]; what the issuer refuses is none.
    pub async fn redeem(&self, grant: &OAuthGrant, secret: Option<&Secret>) -> Result<Redeemed, LoginError> {
        self.portal.redeem(Via::McpClient, grant, &self.settings.client_id, secret).await
    }
}
