//! The two endpoints of an issuer at which people log in: browsers are redirected to one, and codes are
//! redeemed at the other.

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

/// How many codes and refresh tokens may be in flight to the issuer at once, for each kind of caller.
pub(super) const SLOTS: usize = 32;
/// How long to wait after a failed discovery before the next one.
pub(super) const PAUSE: Duration = Duration::from_secs(10);
/// The longest answer of the token endpoint that is passed on, in bytes.
pub(super) const MAX_ANSWER: usize = 256 << 10;

/// The kind of caller with a grant. Each has slots of its own: anybody may begin a login, and a flood of one
/// kind must not block the other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Via {
    /// A person's MCP client.
    McpClient,
    /// A browser on its way to the approval page.
    Browser,
}

/// One issuer at which people log in.
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
    /// Creates the portal of an entry, without a request to the issuer.
    pub(crate) fn new(source: &Arc<Source>) -> Self {
        let slots = || Semaphore::new(SLOTS);
        let (source, known) = (Arc::clone(source), Mutex::default());
        Self { source, known, of_mcp_clients: slots(), of_browsers: slots() }
    }

    pub(crate) fn source(&self) -> &Arc<Source> {
        &self.source
    }

    /// Returns the `iss` of its tokens.
    pub fn iss(&self) -> &str {
        &self.source.issuer.iss
    }

    /// Builds the URL that a browser is redirected to: the issuer's authorization endpoint with these
    /// parameters.
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

    /// Returns whether the issuer promises to identify itself when it redirects a browser back (RFC 9207,
    /// section 3).
    ///
    /// # Errors
    /// [`LoginError::Endpoints`].
    pub async fn names_itself(&self) -> Result<bool, LoginError> {
        Ok(self.endpoints().await?.names_itself)
    }

    /// Sends a grant to the token endpoint, once, as that client. A grant can never ask for a token of the
    /// client itself: the caller is not authenticated, and the secret is the client's.
    ///
    /// # Errors
    /// Every [`LoginError`]; a refusal by the issuer is not an error.
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

    /// Returns the endpoints by discovery: fetched once for all that wait, and again when they are older than
    /// keys may be.
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
