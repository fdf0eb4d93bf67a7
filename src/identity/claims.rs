//! The claims of a token with a valid signature: strict types, times, audience, and the principal.

use std::sync::Arc;

use crate::domain::Groups;
use crate::domain::Kind;
use crate::domain::json::Json;
use crate::domain::text::is_deceptive;
use crate::identity::entra::Version;
use crate::identity::entra::is_guid;
use crate::identity::error::TokenError;
use crate::identity::groups;
use crate::identity::issuer::Issuer;
use crate::identity::kind;
use crate::identity::settings::is_graph;
use crate::identity::token::Failures;
use crate::identity::token::Header;

const MAX_ID: usize = 255;
const MAX_DISPLAY: usize = 256;

/// What a token says about its bearer.
#[derive(Debug)]
pub(crate) struct Judged {
    pub(crate) id: Arc<str>,
    pub(crate) kind: Kind,
    pub(crate) client: Option<Arc<str>>,
    pub(crate) display: Option<Arc<str>>,
    pub(crate) groups: Groups,
    /// `exp` plus the leeway, in milliseconds since 1970.
    pub(crate) expires_ms: i64,
    /// `jti` and `uti`.
    pub(crate) ids: Vec<Box<str>>,
}

/// Typed access to an object of claims. A claim of the wrong type is an error, not absent.
#[derive(Clone, Copy)]
pub(crate) struct Claims<'a>(pub(crate) &'a Json);

impl<'a> Claims<'a> {
    /// Returns a claim by its whole name, or, if there is none and the name has dots, by its path.
    pub(crate) fn find(self, name: &str) -> Option<&'a Json> {
        self.0.member(name).or_else(|| {
            let (first, rest) = name.split_once('.')?;
            rest.split('.').try_fold(self.0.member(first)?, |json, step| json.member(step))
        })
    }

    /// Returns a string that is not empty, if the claim exists.
    pub(crate) fn text(self, name: &str) -> Result<Option<&'a str>, TokenError> {
        match self.find(name).map(Json::as_str) {
            None => Ok(None),
            Some(Some(text)) if !text.is_empty() => Ok(Some(text)),
            Some(_) => Err(TokenError::claim(name, "is not a string with content")),
        }
    }

    /// Returns a required string.
    pub(crate) fn needed(self, name: &str) -> Result<&'a str, TokenError> {
        self.text(name)?.ok_or_else(|| TokenError::claim(name, "is missing"))
    }

    /// An identifier: 1 to 255 printable ASCII characters, with single spaces within at most, so that two
    /// that look alike are alike.
    pub(crate) fn identifier(self, name: &str) -> Result<Option<&'a str>, TokenError> {
        match self.text(name)? {
            Some(id) if id.len() > MAX_ID || !id.bytes().all(|byte| (0x20..0x7f).contains(&byte)) => {
                Err(TokenError::claim(name, "is not 1 to 255 printable ASCII characters"))
            }
            Some(id) if id.starts_with(' ') || id.ends_with(' ') || id.contains("  ") => {
                Err(TokenError::claim(name, "has a space at an end, or two in a row"))
            }
            found => Ok(found),
        }
    }

    /// Returns a GUID, in lower case.
    fn guid(self, name: &str) -> Result<&'a str, TokenError> {
        let id = self.needed(name)?;
        if is_guid(id) { Ok(id) } else { Err(TokenError::claim(name, "is not a GUID in lower case")) }
    }

    /// Returns a time in whole seconds.
    fn time(self, name: &str) -> Result<Option<i64>, TokenError> {
        match self.0.member(name) {
            None => Ok(None),
            Some(time) => match time.as_i64() {
                Some(seconds) => Ok(Some(seconds)),
                None => Err(TokenError::claim(name, "is not a whole number of seconds")),
            },
        }
    }

    fn has_any(self, names: &[&str]) -> bool {
        names.iter().any(|name| self.0.member(name).is_some())
    }
}

/// Judges the claims at `now_s`, in seconds since 1970. `Ok(None)` only if failures are collected.
pub(crate) fn judge(
    issuer: &Issuer,
    header: &Header,
    json: &Json,
    now_s: i64,
    failures: &mut Failures,
) -> Result<Option<Judged>, TokenError> {
    let claims = Claims(json);
    failures.note(check_purpose(issuer, header, claims))?;
    failures.note(check_audience(issuer, claims))?;
    let expires_s = failures.note(check_times(issuer, claims, now_s))?;
    failures.note(check_tenant(issuer, claims))?;
    let id = failures.note(principal_id(issuer, claims))?;
    let client = failures.note(client(issuer, claims))?;
    failures.note(check_rfc9068(issuer, header, claims))?;
    let kind = failures.note(kind::of(issuer, claims, client.flatten()))?;
    let (Some(id), Some(client), Some(kind)) = (id, client, kind) else { return Ok(None) };
    if kind.person {
        failures.note(check_scope(issuer, claims))?;
    }
    let entry = client.filter(|_| !kind.person).and_then(|client| issuer.settings.clients.get(client));
    let gathered = failures.note(groups::of(issuer, claims, entry))?;
    let ids = failures.note(token_ids(claims))?;
    let (Some(gathered), Some(ids), Some(expires_s)) = (gathered, ids, expires_s) else {
        return Ok(None);
    };
    if issuer.entra.is_some() && !kind.person && entry.is_none() && !gathered.has_role {
        failures.note::<()>(Err(TokenError::UnknownClient))?;
    }
    Ok(Some(Judged {
        id: id.into(),
        kind: kind.kind,
        client: client.map(Arc::from),
        display: display(claims, entry.map(|entry| entry.name.as_str())),
        groups: gathered.groups,
        expires_ms: expires_s.saturating_mul(1000),
        ids,
    }))
}

/// Refuses tokens that are not access tokens for this gateway, whoever signed them.
fn check_purpose(issuer: &Issuer, header: &Header, claims: Claims<'_>) -> Result<(), TokenError> {
    let audience = claims.0.member("aud");
    let graph = |aud: &Json| aud.as_str().is_some_and(is_graph);
    let for_graph =
        audience.is_some_and(|aud| graph(aud) || aud.as_array().is_some_and(|list| list.iter().any(graph)));
    // The signature of a Graph token covers a modified header, so that only Graph can check it.
    if issuer.entra.is_some() && (header.nonce || for_graph) {
        return Err(TokenError::GraphToken);
    }
    if header.nonce {
        return Err(TokenError::ForbiddenHeader("nonce"));
    }
    if claims.has_any(&["nonce", "at_hash", "c_hash", "s_hash", "events"]) {
        return Err(TokenError::IdToken);
    }
    // Keycloak and Cognito name the kind of token in a claim.
    let said = |name| claims.0.member(name).and_then(Json::as_str);
    if matches!(said("typ"), Some("ID" | "Refresh" | "Offline" | "Logout")) || said("token_use") == Some("id")
    {
        return Err(TokenError::IdToken);
    }
    if claims.has_any(&["cnf"]) {
        return Err(TokenError::Bound);
    }
    Ok(())
}

/// Checks `aud` (RFC 7519 section 4.1.3): a string or an array of strings, one of which is ours, byte for
/// byte.
fn check_audience(issuer: &Issuer, claims: Claims<'_>) -> Result<(), TokenError> {
    let wrong = || TokenError::claim("aud", "is not a string or an array of strings");
    let ours = |audience: &str| issuer.settings.audiences.iter().any(|own| own == audience);
    let admitted = match claims.0.member("aud") {
        None => return Err(TokenError::claim("aud", "is missing")),
        Some(Json::String(audience)) => ours(audience),
        Some(Json::Array(list)) => {
            let mut admitted = false;
            for audience in list {
                admitted |= ours(audience.as_str().ok_or_else(wrong)?);
            }
            admitted
        }
        Some(_) => return Err(wrong()),
    };
    if admitted { Ok(()) } else { Err(TokenError::Audience) }
}

/// Checks all times; returns the second from which the token is refused.
fn check_times(issuer: &Issuer, claims: Claims<'_>, now_s: i64) -> Result<i64, TokenError> {
    let seconds = |time: std::time::Duration| i64::try_from(time.as_secs()).unwrap_or(i64::MAX);
    let leeway = seconds(issuer.settings.leeway);
    let longest = seconds(issuer.settings.max_lifetime);
    let exp = claims.time("exp")?.ok_or_else(|| TokenError::claim("exp", "is missing"))?;
    let (nbf, iat) = (claims.time("nbf")?, claims.time("iat")?);
    let end = exp.saturating_add(leeway);
    if now_s >= end {
        return Err(TokenError::Expired);
    }
    let latest = now_s.saturating_add(leeway);
    if [nbf, iat].into_iter().flatten().any(|start| start > latest) {
        return Err(TokenError::NotYetValid);
    }
    // Without `iat` only the remaining lifetime is known; with it the whole lifetime counts as well.
    let lives = iat.map_or(0, |iat| exp.saturating_sub(iat)).max(exp.saturating_sub(latest));
    if lives > longest {
        return Err(TokenError::Lifetime);
    }
    Ok(end)
}

/// Checks that `tid` and `ver` are those of the issuer that signed.
fn check_tenant(issuer: &Issuer, claims: Claims<'_>) -> Result<(), TokenError> {
    let Some(entra) = &issuer.entra else { return Ok(()) };
    if claims.guid("tid")? != entra.tenant || claims.needed("ver")? != entra.version.as_str() {
        return Err(TokenError::Tenant);
    }
    Ok(())
}

/// Returns `entra:{tid}/{oid}`, or `{issuer name}/{subject}`; the part before the first slash cannot contain
/// one.
fn principal_id(issuer: &Issuer, claims: Claims<'_>) -> Result<String, TokenError> {
    if issuer.entra.is_some() {
        // `sub` is not used, but a token with an invalid `sub` is not one of Entra's.
        claims.identifier("sub")?;
        return Ok(format!("{}/{}", issuer.origin(), claims.guid("oid")?));
    }
    let name = issuer.settings.claims.subject.as_deref().unwrap_or("sub");
    let subject = claims.identifier(name)?.ok_or_else(|| TokenError::claim(name, "is missing"))?;
    Ok(format!("{}/{subject}", issuer.origin()))
}

fn client<'a>(issuer: &Issuer, claims: Claims<'a>) -> Result<Option<&'a str>, TokenError> {
    if let Some(entra) = &issuer.entra {
        let name = match entra.version {
            Version::V1 => "appid",
            Version::V2 => "azp",
        };
        // Only access tokens name the app that requested them.
        return claims.identifier(name)?.map(Some).ok_or(TokenError::IdToken);
    }
    if let Some(name) = &issuer.settings.claims.client {
        return claims.identifier(name);
    }
    let mut found = None;
    for name in ["client_id", "azp", "appid", "cid"] {
        match (found, claims.identifier(name)?) {
            (Some(first), Some(second)) if first != second => {
                return Err(TokenError::claim(name, "names another client than a claim before it"));
            }
            (None, second) => found = second,
            _ => {}
        }
    }
    Ok(found)
}

/// Checks RFC 9068 sections 2.1 and 2.2, if required.
fn check_rfc9068(issuer: &Issuer, header: &Header, claims: Claims<'_>) -> Result<(), TokenError> {
    if !issuer.settings.rfc9068 {
        return Ok(());
    }
    if !header.at_jwt {
        return Err(TokenError::TokenType);
    }
    claims.needed("client_id")?;
    claims.needed("jti")?;
    claims.time("iat")?.map(drop).ok_or_else(|| TokenError::claim("iat", "is missing"))
}

/// Checks the scope: a person's token needs one, since that is what the person agreed to.
fn check_scope(issuer: &Issuer, claims: Claims<'_>) -> Result<(), TokenError> {
    let wanted = &issuer.settings.scopes;
    if issuer.entra.is_none() && wanted.is_empty() {
        return Ok(());
    }
    let scopes = match claims.text("scp")? {
        Some(scopes) => Some(scopes),
        None if issuer.entra.is_none() => claims.text("scope")?,
        None => None,
    };
    let mut held = scopes.unwrap_or_default().split(' ').filter(|scope| !scope.is_empty());
    if held.any(|scope| wanted.is_empty() || wanted.iter().any(|one| one == scope)) {
        Ok(())
    } else {
        Err(TokenError::Scope)
    }
}

/// Returns a display name. It never decides anything, so a wrong type only loses it.
fn display(claims: Claims<'_>, entry: Option<&str>) -> Option<Arc<str>> {
    let said = |name| claims.0.member(name).and_then(Json::as_str);
    let names = ["name", "preferred_username", "upn", "unique_name", "email", "app_displayname"];
    let name = entry.filter(|name| !name.is_empty()).or_else(|| names.into_iter().find_map(said));
    let shown: String = name?.chars().filter(|c| !is_deceptive(*c)).take(MAX_DISPLAY).collect();
    if shown.is_empty() { None } else { Some(shown.into()) }
}

fn token_ids(claims: Claims<'_>) -> Result<Vec<Box<str>>, TokenError> {
    let mut ids = Vec::with_capacity(3);
    for name in ["jti", "uti"] {
        if let Some(id) = claims.text(name)? {
            ids.push(id.into());
        }
    }
    Ok(ids)
}
