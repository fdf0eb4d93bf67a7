//! The two calls to an issuer at which people log in: where their browsers go, and what a code is traded for.

use std::sync::Arc;
use std::time::Duration;

use http::StatusCode;
use tokio::sync::Mutex;
use tokio::sync::Semaphore;
use tokio::time::Instant;

use crate::domain::Secret;
use crate::domain::json::Json;
use crate::domain::with_causes;
use crate::identity::discovery::Endpoints;
use crate::identity::discovery::endpoints;
use crate::identity::error::RenewError;
use crate::identity::login::LoginError;
use crate::identity::login::Redeemed;
use crate::identity::login::grant::OAuthGrant;
use crate::identity::login::grant::encode;
use crate::identity::source::Source;

/// How many codes and refresh tokens may be on their way to the issuer at once, for each way that they come.
pub(super) const SLOTS: usize = 32;
/// How long nobody asks again where the endpoints are, after that could not be found out.
pub(super) const PAUSE: Duration = Duration::from_secs(10);
/// The longest answer of the token endpoint that is passed on, in bytes.
pub(super) const MAX_ANSWER: usize = 256 << 10;

/// By which way a code comes. Each has places of its own: anybody may begin a login, and a flood of one must leave the other free.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Via {
    /// A person's MCP client.
    McpClient,
    /// A browser on its way to the approval page.
    Browser,
}

/// One issuer as a place where people log in.
pub struct Portal {
    source: Arc<Source>,
    known: Mutex<Known>,
    of_mcp_clients: Semaphore,
    of_browsers: Semaphore,
}

#[derive(Default)]
struct Known {
    endpoints: Option<(Arc<Endpoints>, Instant)>,
    failed: Option<Instant>,
}

impl Portal {
    /// The portal of an entry. Nothing is asked yet.
    pub(crate) fn new(source: &Arc<Source>) -> Self {
        let slots = || Semaphore::new(SLOTS);
        let (source, known) = (Arc::clone(source), Mutex::default());
        Self { source, known, of_mcp_clients: slots(), of_browsers: slots() }
    }

    pub(crate) fn source(&self) -> &Arc<Source> {
        &self.source
    }

    /// The `iss` of the tokens that it gives.
    pub fn iss(&self) -> &str {
        &self.source.issuer.iss
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

    /// Whether the issuer promises to say who it is when it sends a browser back (RFC 9207, section 3).
    ///
    /// # Errors
    /// [`LoginError::Endpoints`].
    pub async fn names_itself(&self) -> Result<bool, LoginError> {
        Ok(self.endpoints().await?.names_itself)
    }

    /// Sends a grant to the token endpoint, once, in the name of that client. No grant can ask for a token of the client's own:
    /// whoever comes here is not known, and the secret is the client's.
    ///
    /// # Errors
    /// Every [`LoginError`]; what the issuer refuses is none.
    pub async fn redeem(
        &self,
        via: Via,
        grant: &OAuthGrant,
        client_id: &str,
        secret: Option<&Secret>,
    ) -> Result<Redeemed, LoginError> {
        let slots = match via {
            Via::McpClient => &self.of_mcp_clients,
            Via::Browser => &self.of_browsers,
        };
        let _slot = slots.try_acquire().map_err(|_full| LoginError::Busy)?;
        let endpoints = self.endpoints().await?;
        let form = grant.form(client_id, secret);
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
                    let error = with_causes(&error);
                    tracing::warn!(issuer = %self.source.issuer.name, error, "people may not be able to log in");
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
