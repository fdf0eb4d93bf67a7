//! The login of people's MCP clients: what a client hands in is traded for tokens at the issuer. No token lets anybody in here; what
//! comes out is one, for the client alone.

use std::sync::Arc;

use crate::domain::Denied;
use crate::domain::DenyCode;
use crate::identity::Grant;
use crate::identity::Login;
use crate::identity::LoginError;
use crate::identity::Redeemed;
use crate::mask::Needles;
use crate::pipeline::Gate;

impl Gate {
    /// The login that holds now; `None`: there is none.
    pub fn login(&self) -> Option<Arc<Login>> {
        self.issuers().login().map(Arc::clone)
    }

    /// Has the issuer redeem a grant, once.
    ///
    /// # Errors
    /// That it could not be asked, or that its answer cannot be passed on. What the issuer refuses is none.
    pub async fn redeem(&self, login: &Login, grant: &Grant) -> Result<Redeemed, Denied> {
        let source = login.settings().secret.as_ref();
        let secret = match source {
            None => None,
            Some(source) => Some(self.0.vault.resolve(source).await.map_err(|error| {
                tracing::error!(%error, "the secret of mcp_login is not to be had");
                let detail = "the gateway cannot log in at the issuer; tell its operator";
                Denied::new(DenyCode::UpstreamCredential, detail).because("login_secret")
            })?),
        };
        let redeemed = login.redeem(grant, secret.as_deref()).await.map_err(|error| unavailable(&error))?;
        if let (Some(source), Some(secret)) = (source, &secret) {
            if Needles::new(&Needles::shapes(secret.expose())).replace(&redeemed.body).is_some() {
                tracing::error!(
                    "the issuer's answer to a login holds the client's own secret; it was withheld"
                );
                let detail = "the issuer's answer cannot be passed on; tell the gateway's operator";
                return Err(Denied::new(DenyCode::UpstreamUnavailable, detail).because("login_echo"));
            }
            if redeemed.unknown_client {
                // The next login looks again. Not after other refusals: any stranger can cause those.
                self.0.vault.forget_if(source, secret);
            }
        }
        if redeemed.unknown_client {
            tracing::error!("the issuer does not know the client of mcp_login, or its secret");
        }
        Ok(redeemed)
    }
}

/// Where a person's browser goes on to with these parameters, which are checked.
///
/// # Errors
/// That it is not known where people log in.
pub async fn login_url(login: &Login, parameters: &[(String, String)]) -> Result<String, Denied> {
    login.authorize_url(parameters).await.map_err(|error| unavailable(&error))
}

/// The refusal where the issuer cannot be asked.
fn unavailable(error: &LoginError) -> Denied {
    match error {
        LoginError::Busy => {
            let detail = "too many logins at once; try again in a moment";
            let retry_after = Some(std::time::Duration::from_secs(1));
            Denied { retry_after, ..Denied::new(DenyCode::Overloaded, detail).because("login_busy") }
        }
        LoginError::Endpoints => issuer_unavailable("login_endpoints"),
        LoginError::Token(cause) => {
            tracing::warn!(%error, %cause, "a login did not get through to the issuer");
            issuer_unavailable("login_no_answer")
        }
        LoginError::Answer(_) => {
            tracing::warn!(%error, "a login did not get through to the issuer");
            issuer_unavailable("login_bad_answer")
        }
    }
}

fn issuer_unavailable(audit: &'static str) -> Denied {
    let detail = "the issuer cannot be asked now; try again, or tell the gateway's operator";
    Denied::new(DenyCode::IssuerUnavailable, detail).because(audit)
}
