//! Fetches an issuer's documents, and checks its discovery document.

use std::future::Future;
use std::io;
use std::path::Path;
use std::pin::Pin;
use std::sync::Arc;

use tokio::sync::OnceCell;
use zeroize::Zeroizing;

use crate::domain::json::Json;
use crate::transport::fetch;
use crate::transport::fetch::Answer;
use crate::transport::fetch::FetchError;
use crate::transport::fetch::Limits;
use crate::transport::fetch::Location;
use crate::transport::tls;
use crate::transport::tls::TlsError;

/// Fetches documents. Tests replace the network here.
pub(crate) trait Fetch: Send + Sync {
    fn get<'a>(&'a self, url: &'a str) -> Fetching<'a>;

    /// Sends a form, once.
    fn post<'a>(&'a self, url: &'a str, form: Zeroizing<Vec<u8>>) -> Posting<'a>;
}

pub(crate) type Fetching<'a> = Pin<Box<dyn Future<Output = Result<Vec<u8>, FetchError>> + Send + 'a>>;
pub(crate) type Posting<'a> = Pin<Box<dyn Future<Output = Result<Answer, FetchError>> + Send + 'a>>;

/// Fetches documents over the network.
pub(crate) struct Web {
    tls: OnceCell<Arc<rustls::ClientConfig>>,
}

impl Web {
    /// Trusts only the authorities in `ca_file`, which is read now. Without one, those of the machine are
    /// read when first needed, so that a start does not wait for them and a loopback issuer needs none.
    pub(crate) fn new(ca_file: Option<&Path>) -> Result<Self, TlsError> {
        let tls = match ca_file {
            Some(path) => OnceCell::new_with(Some(tls::client_config(Some(path), &[HTTP1])?)),
            None => OnceCell::new(),
        };
        Ok(Self { tls })
    }

    async fn tls(&self) -> Result<Arc<rustls::ClientConfig>, TlsError> {
        let load = || async {
            let loaded = tokio::task::spawn_blocking(|| tls::client_config(None, &[HTTP1])).await;
            loaded.map_err(|_stopping| TlsError::NoPlatformAuthority)?
        };
        self.tls.get_or_try_init(load).await.cloned()
    }

    /// Returns the TLS settings for a URL; `None` for one without TLS.
    async fn tls_for(&self, url: &str) -> Result<Option<Arc<rustls::ClientConfig>>, FetchError> {
        let location = Location::parse(url)?;
        if !location.secure {
            return Ok(None);
        }
        let failed = |error| FetchError::Tls { host: location.host, source: io::Error::other(error) };
        self.tls().await.map(Some).map_err(failed)
    }
}

const HTTP1: &[u8] = b"http/1.1";

impl Fetch for Web {
    fn get<'a>(&'a self, url: &'a str) -> Fetching<'a> {
        Box::pin(async move { fetch::get(url, Limits::default(), self.tls_for(url).await?).await })
    }

    fn post<'a>(&'a self, url: &'a str, form: Zeroizing<Vec<u8>>) -> Posting<'a> {
        Box::pin(
            async move { fetch::post_form(url, form, Limits::default(), self.tls_for(url).await?).await },
        )
    }
}

/// Returns the URL of the keys. By `OpenID` Connect Discovery 1.0 section 4 the document must be about
/// exactly this issuer.
pub(crate) fn jwks_uri(document: &[u8], iss: &str) -> Result<String, &'static str> {
    let document = about(document, iss)?;
    let uri = document.member("jwks_uri").and_then(Json::as_str).ok_or("has no jwks_uri")?;
    if may_lead_to(uri, iss) { Ok(uri.to_owned()) } else { Err("has a jwks_uri that is not https") }
}

/// The authorization endpoint and the token endpoint.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Endpoints {
    pub(crate) authorization: String,
    pub(crate) token: String,
    /// Whether the issuer promises to identify itself when it redirects a browser back.
    pub(crate) names_itself: bool,
}

/// Returns the endpoints in a discovery document, which must be about exactly this issuer.
pub(crate) fn endpoints(document: &[u8], iss: &str) -> Result<Endpoints, &'static str> {
    let document = about(document, iss)?;
    let uri = |name| document.member(name).and_then(Json::as_str).filter(|uri| may_lead_to(uri, iss));
    let authorization = uri("authorization_endpoint").ok_or("has no authorization_endpoint that is https")?;
    let token = uri("token_endpoint").ok_or("has no token_endpoint that is https")?;
    let promised = document.member("authorization_response_iss_parameter_supported");
    let names_itself = matches!(promised, Some(Json::Bool(true)));
    Ok(Endpoints { authorization: authorization.to_owned(), token: token.to_owned(), names_itself })
}

fn about(document: &[u8], iss: &str) -> Result<Json, &'static str> {
    let document = Json::parse(document, 16).map_err(|_invalid| "is not one strict JSON value")?;
    let own = document.member("issuer").and_then(Json::as_str) == Some(iss);
    if own { Ok(document) } else { Err("is about another issuer") }
}

/// Returns whether the issuer's document may contain this URL. Without TLS only if the issuer itself is: a
/// document from outside must not point at a port of this machine.
fn may_lead_to(uri: &str, iss: &str) -> bool {
    let plain_issuer = || Location::parse(iss).is_ok_and(|issuer| !issuer.secure);
    Location::parse(uri).is_ok_and(|location| location.secure || plain_issuer())
}
