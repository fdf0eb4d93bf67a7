//! Discovery: the gateway says where people sign in, and the issuer says how.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use http::StatusCode;
use serde::Deserialize;
use zeroize::Zeroizing;

use crate::cli::login::tokens::Hidden;
use crate::cli::login::tokens::Terms;
use crate::cli::login::tokens::Tokens;
use crate::cli::remote::Remote;
use crate::cli::report::Exit;
use crate::cli::report::Failure;
use crate::control::ApiError;
use crate::control::ClientError;
use crate::control::SignIn;
use crate::control::client::network::refined;
use crate::control::sign_in;
use crate::domain::json::Json;
use crate::domain::now_ms;
use crate::domain::percent;
use crate::domain::principal::MAX_TOKEN;
use crate::domain::with_causes;
use crate::transport::fetch;
use crate::transport::fetch::FetchError;
use crate::transport::fetch::Limits;
use crate::transport::fetch::Location;
use crate::transport::tls;

/// Limits of each exchange with a gateway or issuer outside the admin API.
pub(super) const LIMITS: Limits = Limits { timeout: Duration::from_secs(10), max_bytes: 256 << 10 };
/// Maximum length of a text sent to an issuer as a token, in bytes. Gateways accept less: [`MAX_TOKEN`].
const LONGEST: usize = 64 << 10;
/// Advice for an access token that is too long for gateways.
pub const SHORTER: &str = "have the issuer put less into the token, such as fewer groups";

/// The endpoints of an issuer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Endpoints {
    /// Authorization endpoint.
    pub authorization: Option<String>,
    /// Token endpoint.
    pub token: String,
    /// Device authorization endpoint (RFC 8628).
    pub device: Option<String>,
    /// Revocation endpoint (RFC 7009).
    pub revocation: Option<String>,
    /// Whether its answers identify it (RFC 9207).
    pub tells_iss: bool,
    /// The resources its tokens are for (RFC 9728, section 4); `None`: it does not list them.
    pub resources: Option<Vec<String>>,
}

/// Whether an issuer lists a gateway as a resource.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Listed {
    /// Listed under this name: a token can be requested that is valid there only (RFC 8707).
    As(String),
    /// Not listed. Issuers may leave out some resources that they know (RFC 9728, section 4); a gateway that
    /// sends people to somebody else's issuer is not listed either.
    Not,
    /// There is no list. The issuer may not know the parameter, and some refuse it (Microsoft Entra).
    Unsaid,
}

impl Endpoints {
    /// Looks up the gateway in the issuer's list.
    pub fn listed(&self, origin: &str) -> Listed {
        let Some(resources) = &self.resources else { return Listed::Unsaid };
        let is_it = |one: &&String| {
            Location::parse(one).is_ok_and(|location| location.is_bare() && location.origin() == origin)
        };
        resources.iter().find(is_it).cloned().map_or(Listed::Not, Listed::As)
    }
}

/// Returns the TLS settings for a URL; `None` for one without TLS.
fn tls_for(
    location: &Location,
    ca_file: Option<&Path>,
) -> Result<Option<Arc<rustls::ClientConfig>>, Failure> {
    if !location.secure {
        return Ok(None);
    }
    let config = tls::client_config(ca_file, &[b"http/1.1"]);
    config.map(Some).map_err(|error| ApiError::from(ClientError::Authorities { source: error }).into())
}

/// Fetches the gateway's information about signing in.
///
/// # Errors
/// Exit 7 if it cannot be reached; 1 if it is not a gateway or its information is unusable.
pub async fn terms(remote: &Remote, ca_file: Option<&Path>) -> Result<Terms, Failure> {
    let origin = remote.location.origin();
    let tls = tls_for(&remote.location, ca_file)?;
    let url = format!("{origin}{}", sign_in::PATH);
    let bytes = fetch::get(&url, LIMITS, tls).await.map_err(|error| match error {
        FetchError::Status(status) => {
            Failure::from(ApiError::from(ClientError::NotAdminApi { origin: origin.clone(), status }))
        }
        error => ApiError::from(refined(origin.clone(), error)).into(),
    })?;
    let found: SignIn = serde_json::from_slice(&bytes).map_err(|_other| {
        Failure::from(ApiError::from(ClientError::NotAdminApi { origin: origin.clone(), status: 200 }))
    })?;
    // RFC 9728, section 3.3: one gateway must not send people to where tokens for another one are issued.
    let same = Location::parse(&found.resource).is_ok_and(|own| own.is_bare() && own.origin() == origin);
    if !same {
        return Err(Failure::failed(format!("{origin} reports its address as {}", found.resource))
            .code("another_resource")
            .hint("use the address that it reports, if that is the gateway you mean"));
    }
    let client = found.hoopctl_login.ok_or_else(|| {
        Failure::failed(format!("{origin} has no login for users"))
            .code("no_login")
            .hint("set HOOPCTL_TOKEN to an access token, or configure the login on the gateway")
    })?;
    let issuer =
        found.authorization_servers.into_iter().next().ok_or_else(|| {
            Failure::failed(format!("{origin} names no issuer to sign in at")).code("no_login")
        })?;
    Location::parse(&issuer)
        .map_err(|error| Failure::failed(format!("the issuer {issuer:?} cannot be used: {error}")))?;
    Ok(Terms { issuer, client_id: client.client_id, scopes: client.scopes })
}

/// Fetches the issuer's metadata.
///
/// # Errors
/// Exit 7 if it cannot be reached, 1 if its metadata is unusable.
pub async fn discover(issuer: &str, ca_file: Option<&Path>) -> Result<Endpoints, Failure> {
    // Discovery 1.0, section 4.1: a trailing / is removed.
    let url = format!("{}/.well-known/openid-configuration", issuer.trim_end_matches('/'));
    let location = Location::parse(&url).map_err(|error| unreachable(issuer, error))?;
    let tls = tls_for(&location, ca_file)?;
    let bytes = fetch::get(&url, LIMITS, tls).await.map_err(|error| unreachable(issuer, error))?;
    endpoints(&bytes, issuer).map_err(|problem| {
        Failure::failed(format!("the metadata of the issuer {issuer} {problem}")).code("issuer")
    })
}

/// Returns the failure for an issuer that could not be reached. Its certificate is subject to
/// --issuer-ca-file.
fn unreachable(issuer: &str, error: FetchError) -> Failure {
    match refined(issuer.to_owned(), error) {
        ClientError::NotTrusted { origin, why, .. } => {
            Failure::failed(format!("the issuer {origin} is not trusted: {why}"))
                .code("issuer")
                .hint("name the certificate authority with --issuer-ca-file FILE")
        }
        ClientError::Unreachable { source, .. } => Failure::new(
            Exit::Unreachable,
            format!("cannot ask the issuer {issuer}: {}", with_causes(&source)),
        )
        .code("issuer_unreachable"),
        other => ApiError::from(other).into(),
    }
}

pub(super) fn endpoints(document: &[u8], issuer: &str) -> Result<Endpoints, &'static str> {
    let document = Json::parse(document, 16).map_err(|_invalid| "is not one strict JSON value")?;
    if document.member("issuer").and_then(Json::as_str) != Some(issuer) {
        return Err("is about another issuer");
    }
    // Without TLS only for an issuer without TLS: nobody outside may redirect a code to a port of this
    // machine.
    let plain = Location::parse(issuer).is_ok_and(|own| !own.secure);
    let fits = |uri: &str| Location::parse(uri).is_ok_and(|location| location.secure || plain);
    let endpoint = |name: &str, wrong| match document.member(name).and_then(Json::as_str) {
        None => Ok(None),
        Some(uri) if fits(uri) => Ok(Some(uri.to_owned())),
        Some(_) => Err(wrong),
    };
    Ok(Endpoints {
        authorization: endpoint("authorization_endpoint", "has an authorization_endpoint that is not https")?,
        token: endpoint("token_endpoint", "has a token_endpoint that is not https")?
            .ok_or("has no token_endpoint")?,
        device: endpoint(
            "device_authorization_endpoint",
            "has a device_authorization_endpoint that is not https",
        )?,
        revocation: endpoint("revocation_endpoint", "has a revocation_endpoint that is not https")?,
        tells_iss: document.member("authorization_response_iss_parameter_supported")
            == Some(&Json::Bool(true)),
        resources: document.member("protected_resources").map(texts).transpose()?,
    })
}

fn texts(list: &Json) -> Result<Vec<String>, &'static str> {
    let Json::Array(all) = list else { return Err("has protected_resources that are no list") };
    let text = |one: &Json| one.as_str().map(str::to_owned);
    all.iter().map(text).collect::<Option<_>>().ok_or("has protected_resources that are no texts")
}

/// Encodes pairs as a form or a query.
pub fn form(pairs: &[(&str, &str)]) -> Zeroizing<Vec<u8>> {
    let longest: usize = pairs.iter().map(|(name, value)| name.len() + 2 + 3 * value.len()).sum();
    // Allocated in full, so that growing leaves no copy of a part behind.
    let mut out = Zeroizing::new(Vec::with_capacity(longest));
    for (place, (name, value)) in pairs.iter().enumerate() {
        if place > 0 {
            out.push(b'&');
        }
        out.extend_from_slice(percent::encoded(name).as_bytes());
        out.push(b'=');
        let value = Zeroizing::new(percent::encoded(value));
        out.extend_from_slice(value.as_bytes());
    }
    out
}

/// An issuer's answer to a form: an object, or an OAuth error.
#[derive(Debug)]
pub enum Said {
    /// Status 200, with the body.
    Yes(Zeroizing<Vec<u8>>),
    /// An error of RFC 6749, section 5.2: its code and its description.
    No(String, String),
}

/// Why an issuer gave no usable answer.
#[derive(Debug)]
pub enum Unanswered {
    /// There was no answer; a retry may help.
    Network(Failure),
    /// The answer is invalid.
    Answer(Failure),
}

impl From<Unanswered> for Failure {
    fn from(unanswered: Unanswered) -> Self {
        match unanswered {
            Unanswered::Network(failure) | Unanswered::Answer(failure) => failure,
        }
    }
}

/// Sends a form, once.
///
/// # Errors
/// No answer, or an invalid one.
pub async fn post(url: &str, pairs: &[(&str, &str)], ca_file: Option<&Path>) -> Result<Said, Unanswered> {
    let location = Location::parse(url).map_err(|error| Unanswered::Answer(unreachable(url, error)))?;
    let tls = tls_for(&location, ca_file).map_err(Unanswered::Answer)?;
    let answer = fetch::post_form(url, form(pairs), LIMITS, tls).await.map_err(|error| match error {
        FetchError::TooBig(_) | FetchError::Url { .. } => Unanswered::Answer(unreachable(url, error)),
        error => Unanswered::Network(unreachable(url, error)),
    })?;
    let body = Zeroizing::new(answer.body);
    if answer.status == StatusCode::OK {
        return Ok(Said::Yes(body));
    }
    let status = answer.status.as_u16();
    let wrong = |exit| {
        Failure::new(exit, format!("{url} answered with status {status} and no error of OAuth"))
            .code("issuer")
    };
    if answer.status.is_server_error() || status == 429 {
        return Err(Unanswered::Network(wrong(Exit::Unreachable)));
    }
    let object = Json::parse(&body, 16).ok();
    let text = |name| object.as_ref().and_then(|object| object.member(name)?.as_str()).map(str::to_owned);
    match text("error") {
        Some(error) => {
            let description = text("error_description").unwrap_or_default();
            Ok(Said::No(error, description.chars().take(500).collect()))
        }
        None => Err(Unanswered::Answer(wrong(Exit::Failed))),
    }
}

/// The answer of a token endpoint.
#[derive(Deserialize)]
pub struct Given {
    access_token: Hidden,
    token_type: String,
    #[serde(default)]
    expires_in: Option<i64>,
    #[serde(default)]
    refresh_token: Option<Hidden>,
    #[serde(default)]
    id_token: Option<Hidden>,
}

impl Given {
    /// Parses an answer. Checking it is separate ([`Self::check`]), since the issuer has issued the tokens in
    /// any case.
    ///
    /// # Errors
    /// An answer without tokens.
    pub fn read(body: &[u8]) -> Result<Self, Failure> {
        // The cause is left out: it may repeat part of the answer.
        serde_json::from_slice(body).map_err(|_other| Self::wrong("cannot be read"))
    }

    fn wrong(problem: &str) -> Failure {
        Failure::failed(format!("the response of the issuer's token endpoint {problem}")).code("issuer")
    }

    /// Checks that it is usable: a bearer token that can be sent, and an ID token for this login, if there is
    /// one ([`check_id_token`]).
    ///
    /// # Errors
    /// The problem. A caller that does not use it must revoke it.
    pub fn check(&self, terms: &Terms, nonce: Option<&str>) -> Result<(), Failure> {
        if !self.token_type.eq_ignore_ascii_case("bearer") {
            return Err(Self::wrong("has a token that is no bearer token"));
        }
        let fits = |token: &Hidden| is_token(token.expose());
        if !fits(&self.access_token) || !self.refresh_token.as_ref().is_none_or(fits) {
            return Err(Self::wrong("has a token that cannot be sent"));
        }
        let length = self.access_token.expose().len();
        if length > MAX_TOKEN {
            let message = format!(
                "the issuer gave an access token of {length} bytes, and no gateway takes one above {MAX_TOKEN}"
            );
            return Err(Failure::new(Exit::Refused, message).code("token_too_long").hint(SHORTER));
        }
        self.id_token.as_ref().map_or(Ok(()), |token| check_id_token(token.expose(), terms, nonce))
    }

    /// Returns whether it has a new refresh token, so that `old` is used up.
    pub fn replaces(&self, old: &Hidden) -> bool {
        self.refresh_token.as_ref().is_some_and(|new| new != old && !new.expose().is_empty())
    }

    /// Converts to stored tokens. `asked_ms`: when they were requested, in milliseconds since 1970; `old`:
    /// the refresh token that stays valid if there is no new one.
    pub fn tokens(self, asked_ms: i64, old: Option<Hidden>) -> Tokens {
        let expires_ms = self.expires_in.map(|s| asked_ms.saturating_add(s.max(0).saturating_mul(1000)));
        Tokens { access: self.access_token, expires_ms, refresh: self.refresh_token.or(old) }
    }
}

/// Returns whether a text can be sent as a token: printable ASCII, not too long for an issuer.
pub fn is_token(text: &str) -> bool {
    !text.is_empty() && text.len() <= LONGEST && text.bytes().all(|byte| byte.is_ascii_graphic())
}

/// Checks the claims of an ID token. It came from the token endpoint over TLS, so its signature need not be
/// verified (`OpenID` Connect Core 1.0, section 3.1.3.7, point 6).
///
/// # Errors
/// A token of another issuer, for another client, of another login, or an expired one.
fn check_id_token(token: &str, terms: &Terms, nonce: Option<&str>) -> Result<(), Failure> {
    use base64::Engine as _;
    use base64::engine::general_purpose::URL_SAFE_NO_PAD;
    let wrong = |problem| {
        Failure::new(Exit::Refused, format!("the issuer's ID token {problem}"))
            .code("id_token")
            .hint("nothing was saved; sign in again, and ask your administrator if this persists")
    };
    let payload = token.split('.').nth(1).and_then(|part| URL_SAFE_NO_PAD.decode(part).ok());
    let claims =
        payload.and_then(|bytes| Json::parse(&bytes, 32).ok()).ok_or_else(|| wrong("cannot be read"))?;
    let text = |name| claims.member(name).and_then(Json::as_str);
    if text("iss") != Some(&*terms.issuer) {
        return Err(wrong("is of another issuer"));
    }
    let client = Some(&*terms.client_id);
    let ours = match claims.member("aud") {
        Some(Json::Array(all)) => {
            all.iter().any(|one| one.as_str() == client) && (all.len() == 1 || text("azp") == client)
        }
        Some(one) => one.as_str() == client,
        None => false,
    };
    if !ours {
        return Err(wrong("is for another client"));
    }
    if nonce.is_some() && text("nonce") != nonce {
        return Err(wrong("is of another login"));
    }
    let now_s = now_ms().div_euclid(1000);
    // Clocks differ by minutes.
    if claims.member("exp").and_then(Json::as_i64).is_none_or(|exp| exp.saturating_add(300) < now_s) {
        return Err(wrong("has run out"));
    }
    Ok(())
}
