//! Logins of people at an issuer: exchanges an authorization code or refresh token for tokens. This admits
//! nobody to the gateway; the resulting token is only for the MCP client or the browser that logged in.

use std::sync::Arc;

use crate::domain::Denied;
use crate::domain::DenyCode;
use crate::domain::secret::SecretRef;
use crate::identity::Login;
use crate::identity::LoginError;
use crate::identity::OAuthGrant;
use crate::identity::Portal;
use crate::identity::Redeemed;
use crate::identity::Via;
use crate::mask::Needles;
use crate::pipeline::Gate;

impl Gate {
    /// Returns the current MCP login; `None` if there is none.
    pub fn login(&self) -> Option<Arc<Login>> {
        self.issuers().login().map(Arc::clone)
    }

    /// Redeems a grant at the issuer, once.
    ///
    /// # Errors
    /// That it could not be asked, or that its answer cannot be passed on. What the issuer refuses is none.
    pub async fn redeem(&self, login: &Login, grant: &OAuthGrant) -> Result<Redeemed, Denied> {
        let settings = login.settings();
        let (client_id, secret) = (&settings.client_id, settings.secret.as_ref());
        self.redeem_as(login.portal(), Via::McpClient, grant, client_id, secret).await
    }

    /// Returns the login endpoints of the issuer with that name; `None` if it has none.
    pub fn portal(&self, issuer: &str) -> Option<Arc<Portal>> {
        self.issuers().portal(issuer).map(Arc::clone)
    }

    /// Redeems a client's grant at an issuer, once. `source` refers to the client's secret, if it has one.
    ///
    /// # Errors
    /// The same as [`Gate::redeem`].
    pub async fn redeem_as(
        &self,
        portal: &Portal,
        via: Via,
        grant: &OAuthGrant,
        client_id: &str,
        source: Option<&SecretRef>,
    ) -> Result<Redeemed, Denied> {
        let secret = match source {
            None => None,
            Some(source) => Some(self.0.vault.resolve(source).await.map_err(|error| {
                tracing::error!(%error, client_id, "the client secret for the issuer is not available");
                let detail = "the gateway cannot authenticate to the issuer; tell its operator";
                Denied::new(DenyCode::UpstreamCredential, detail).because("login_secret")
            })?),
        };
        let redeemed = portal.redeem(via, grant, client_id, secret.as_deref()).await;
        let redeemed = redeemed.map_err(|error| unavailable(&error))?;
        if let (Some(source), Some(secret)) = (source, &secret) {
            if Needles::new(&Needles::shapes(secret.expose())).replace(&redeemed.body).is_some() {
                tracing::error!(
                    "the issuer's answer to a login holds the client's own secret; it was withheld"
                );
                let detail = "the issuer's answer cannot be passed on; tell the gateway's operator";
                return Err(Denied::new(DenyCode::UpstreamUnavailable, detail).because("login_echo"));
            }
            if redeemed.unknown_client {
                // The next login reads it again. Only for this refusal: anybody can cause the other ones.
                self.0.vault.forget_if(source, secret);
            }
        }
        if redeemed.unknown_client {
            let issuer = portal.iss();
            tracing::error!(issuer, client_id, "the issuer does not know the client, or its secret");
        }
        Ok(redeemed)
    }
}

/// Builds the URL at the issuer that the browser is redirected to, from checked parameters.
///
/// # Errors
/// The issuer's login endpoints are not known.
pub async fn login_url(portal: &Portal, parameters: &[(String, String)]) -> Result<String, Denied> {
    portal.authorize_url(parameters).await.map_err(|error| unavailable(&error))
}

/// Returns whether the issuer promises to identify itself (`iss`) when it redirects a browser back.
///
/// # Errors
/// The issuer's login endpoints are not known.
pub async fn names_itself(portal: &Portal) -> Result<bool, Denied> {
    portal.names_itself().await.map_err(|error| unavailable(&error))
}

/// Returns the refusal when the issuer cannot be reached.
fn unavailable(error: &LoginError) -> Denied {
    match error {
        LoginError::Busy => {
            let detail = "too many logins at once; try again in a moment";
            let wait = std::time::Duration::from_secs(1);
            Denied::new(DenyCode::Overloaded, detail).because("login_busy").retry_in(wait)
        }
        LoginError::Endpoints => issuer_unavailable("login_endpoints"),
        LoginError::Token(cause) => {
            tracing::warn!(%error, %cause, "a login did not reach the issuer");
            issuer_unavailable("login_no_answer")
        }
        LoginError::Answer(_) => {
            tracing::warn!(%error, "a login did not reach the issuer");
            issuer_unavailable("login_bad_answer")
        }
    }
}

fn issuer_unavailable(audit: &'static str) -> Denied {
    let detail = "the issuer is not reachable now; try again, or tell the gateway's operator";
    Denied::new(DenyCode::IssuerUnavailable, detail).because(audit)
}
