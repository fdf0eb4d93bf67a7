//! The login of people's MCP clients at an issuer that does not speak their dialect of OAuth: what an operator says about it, and the
//! two calls to the issuer that it needs.

mod grant;
mod redirect;
mod settings;
#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::time::Duration;

use http::StatusCode;
use tokio::sync::Mutex;
use tokio::sync::Semaphore;
use tokio::time::Instant;

use crate::domain::Secret;
use crate::domain::json::Json;
use crate::identity::discovery::Endpoints;
use crate::identity::discovery::endpoints;
use crate::identity::error::RenewError;
use crate::identity::source::Source;
use crate::identity::source::describe;
use crate::transport::fetch::FetchError;

pub use grant::Grant;
pub use settings::McpLogin;

use grant::encode;

/// How many codes and refresh tokens may be on their way to the issuer at once.
const SLOTS: usize = 32;
/// How long nobody asks again where the endpoints are, after that could not be found out.
const PAUSE: Duration = Duration::from_secs(10);
/// The longest answer of the token endpoint that is passed on, in bytes.
const MAX_ANSWER: usize = 256 << 10;

/// The issuer at which people's MCP clients log in.
pub struct Login {
    source: Arc<Source>,
    settings: McpLogin,
    known: Mutex<Known>,
    slots: Semaphore,
}

#[derive(Default)]
struct Known {
    endpoints: Option<(Arc<Endpoints>, Instant)>,
    failed: Option<Instant>,
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
    pub(crate) fn of(source: &Arc<Source>) -> Option<Self> {
        let issuer = &source.issuer;
        let settings = issuer.settings.mcp_login.clone().filter(|_| !issuer.is_sibling())?;
        let source = Arc::clone(source);
        Some(Self { source, settings, known: Mutex::default(), slots: Semaphore::new(SLOTS) })
    }

    /// What the operator says about it.
    pub fn settings(&self) -> &McpLogin {
        &self.settings
    }

    /// The `iss` of the tokens that it gives.
    pub fn iss(&self) -> &str {
        &self.source.issuer.iss
    }

    /// Where the keys of its tokens are, as far as that is known yet.
    pub fn keys_uri(&self) -> Option<String> {
        self.source.keys_uri()
    }

    /// Where a browser goes on to: the issuer's authorization endpoint, with these parameters.
    ///
    /// # Errors
    /// [`LoginError::Endpoints`].
    pub async fn authorize_url(&self, parameters: &[(String, String)]) -> Result<String, LoginError> {
        let endpoints = self.endpoints().await?;
        let mut url = endpoints.authorization.clone();
        url.push(if url.contains('?') { '&' } else { '?' });
        encode(parameters.iter().map(|(name, value)| (name.as_str(), value.as_bytes())), &mut url);
        Ok(url)
    }

    /// Sends a grant to the token endpoint, once, in the name of the configured client. No grant can ask for a token of that client's
    /// own: whoever comes here is not known, and the secret is the client's.
    ///
    /// # Errors
    /// Every [`LoginError`]; what the issuer refuses is none.
    pub async fn redeem(&self, grant: &Grant, secret: Option<&Secret>) -> Result<Redeemed, LoginError> {
        let _slot = self.slots.try_acquire().map_err(|_full| LoginError::Busy)?;
        let endpoints = self.endpoints().await?;
        let form = grant.form(&self.settings.client_id, secret);
        let answer = self.source.fetch().post(&endpoints.token, form).await.map_err(LoginError::Token)?;
        let granted = answer.status == StatusCode::OK;
        if !granted && !answer.status.is_client_error() {
            return Err(LoginError::Answer("has a status that is neither 200 nor an error of the client"));
        }
        if answer.media_type != "application/json" || answer.body.len() > MAX_ANSWER {
            return Err(LoginError::Answer("is not JSON, or longer than 256 KiB"));
        }
        let wanted = if granted { "access_token" } else { "error" };
        let object =
            Json::parse(&answer.body, 16).map_err(|_invalid| LoginError::Answer("is not strict JSON"))?;
        let Some(said) = object.member(wanted).and_then(Json::as_str) else {
            return Err(LoginError::Answer("has neither a token nor an error"));
        };
        let unknown_client = !granted && said == "invalid_client";
        Ok(Redeemed { status: answer.status, body: answer.body, unknown_client })
    }

    /// The endpoints, by discovery: asked once for all who wait, and again when they are older than keys may be.
    async fn endpoints(&self) -> Result<Arc<Endpoints>, LoginError> {
        let mut known = self.known.lock().await;
        let settings = &self.source.issuer.settings;
        let younger = |limit| {
            let young = known.endpoints.as_ref().filter(|(_, at)| at.elapsed() < limit);
            young.map(|(endpoints, _)| Arc::clone(endpoints))
        };
        if let Some(endpoints) = younger(settings.soft_ttl) {
            return Ok(endpoints);
        }
        let old = younger(settings.hard_ttl);
        if known.failed.is_none_or(|at| at.elapsed() >= PAUSE) {
            match self.discover().await {
                Ok(found) => {
                    let found = Arc::new(found);
                    *known = Known { endpoints: Some((Arc::clone(&found), Instant::now())), failed: None };
                    return Ok(found);
                }
                Err(error) => {
                    known.failed = Some(Instant::now());
                    let error = describe(&error);
                    tracing::warn!(issuer = %self.source.issuer.name, error, "people's MCP clients may not be able to log in");
                }
            }
        }
        old.ok_or(LoginError::Endpoints)
    }

    async fn discover(&self) -> Result<Endpoints, RenewError> {
        let url = self.source.issuer.discovery_url();
        let bytes = self.source.fetch().get(&url).await.map_err(RenewError::Discovery)?;
        endpoints(&bytes, self.iss()).map_err(RenewError::Document)
    }
}
