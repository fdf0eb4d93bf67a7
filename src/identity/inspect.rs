//! Decodes a token without trusting it, for `token inspect`.

use base64::Engine;
use base64::alphabet;
use base64::engine::DecodePaddingMode;
use base64::engine::general_purpose::GeneralPurpose;
use base64::engine::general_purpose::GeneralPurposeConfig;

use crate::domain::json::Json;
use crate::domain::now_ms;
use crate::identity::claims;
use crate::identity::entra::EntraIssuer;
use crate::identity::error::TokenError;
use crate::identity::issuers::Issuers;
use crate::identity::source::Source;
use crate::identity::token;
use crate::identity::token::Failures;
use crate::identity::token::Header;

/// The content of a token. Nothing of it is verified: anybody could have written it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Inspection {
    /// The header, if it is JSON.
    pub header: Option<Json>,
    /// The claims, if they are JSON.
    pub claims: Option<Json>,
    /// The name of the entry for its issuer.
    pub issuer: Option<String>,
    /// The key id in it.
    pub kid: Option<String>,
    /// Whether that issuer has this key; `None` if its keys are not available.
    pub kid_known: Option<bool>,
    /// Every reason found to refuse it. An empty list does not make it valid: only `verify` does.
    pub failures: Vec<TokenError>,
    /// Hints for the user.
    pub hints: Vec<&'static str>,
}

/// Decodes a token without any configuration: judges the syntax and header, not the claims.
pub fn inspect(token: &str) -> Inspection {
    let (mut seen, failures, _header) = decode_parts(token);
    seen.failures = failures.into_all();
    seen
}

/// Decodes a token and judges all of it but the signature by the configuration.
pub(crate) fn against(issuers: &Issuers, token: &str) -> Inspection {
    let (mut seen, mut failures, header) = decode_parts(token);
    if let Some(claims) = &seen.claims {
        match issuer_of(issuers, claims) {
            Ok(source) => {
                seen.issuer = Some(source.issuer.name.to_string());
                seen.kid_known = judge_key(source, header.as_ref(), &mut failures);
                judge_claims(source, header, claims, &mut failures);
            }
            Err(error) => {
                seen.hints.extend(sibling_hint(issuers, claims));
                failures.keep(error);
            }
        }
    }
    seen.failures = failures.into_all();
    seen.hints.extend(seen.failures.iter().filter_map(hint));
    seen
}

fn issuer_of<'a>(issuers: &'a Issuers, claims: &Json) -> Result<&'a Source, TokenError> {
    let iss = claims.member("iss").ok_or_else(|| TokenError::claim("iss", "is missing"))?;
    let iss = iss.as_str().ok_or_else(|| TokenError::claim("iss", "is not a string"))?;
    issuers.source(iss).map(AsRef::as_ref).ok_or(TokenError::UnknownIssuer)
}

/// Returns whether the issuer has the key; `None` if that is unknown.
fn judge_key(source: &Source, header: Option<&Header>, failures: &mut Failures) -> Option<bool> {
    let keys = source.keys();
    if keys.is_none() {
        failures.keep(TokenError::IssuerUnavailable);
    }
    let header = header?;
    if !source.issuer.settings.algorithms.contains(&header.algorithm) {
        failures.keep(TokenError::Algorithm);
    }
    let keys = keys?;
    let key = keys.find(&header.kid);
    match key {
        None => failures.keep(TokenError::UnknownKid),
        Some(key) if key.algorithm() != header.algorithm => failures.keep(TokenError::Algorithm),
        Some(_) => {}
    }
    Some(key.is_some())
}

fn judge_claims(source: &Source, header: Option<Header>, claims: &Json, failures: &mut Failures) {
    // A header that is refused anyway has no bearing on the claims.
    let header = header.unwrap_or_else(Header::plain);
    let now_s = now_ms().div_euclid(1000);
    if let Err(error) = claims::judge(&source.issuer, &header, claims, now_s, failures) {
        failures.keep(error);
    }
}

/// Decodes what needs no configuration.
fn decode_parts(text: &str) -> (Inspection, Failures, Option<Header>) {
    let mut failures = Failures::all();
    // Trims the line feed from a file or a shell.
    let text = text.trim();
    let parts: Vec<_> = text.split('.').collect();
    let part = |at: usize| parts.get(at).and_then(|part| decode_any(part));
    let (header, payload) = (part(0), part(1));
    let checked = header.as_deref().map(|bytes| token::read_header(bytes, &mut failures));
    let checked = match checked {
        Some(Ok(checked)) => checked,
        Some(Err(error)) => {
            failures.keep(error);
            None
        }
        None => None,
    };
    if let Err(error) = check_parts(text) {
        failures.keep(error);
    }
    let json = |bytes: Option<Vec<u8>>| bytes.and_then(|bytes| token::object(&bytes).ok());
    let header = json(header);
    let seen = Inspection {
        kid: header.as_ref().and_then(|header| header.member("kid")?.as_str()).map(str::to_owned),
        claims: json(payload),
        header,
        issuer: None,
        kid_known: None,
        failures: Vec::new(),
        hints: Vec::new(),
    };
    (seen, failures, checked)
}

fn check_parts(text: &str) -> Result<(), TokenError> {
    let parts = token::split(text)?;
    token::decode(parts.header)?;
    token::object(&token::decode(parts.payload)?)?;
    if token::decode(parts.signature)?.is_empty() {
        return Err(TokenError::Malformed("there is no signature"));
    }
    Ok(())
}

/// Decodes any variant of base64, only for display.
fn decode_any(part: &str) -> Option<Vec<u8>> {
    let config = GeneralPurposeConfig::new()
        .with_decode_allow_trailing_bits(true)
        .with_decode_padding_mode(DecodePaddingMode::Indifferent);
    let part: String = part
        .chars()
        .map(|c| match c {
            '+' => '-',
            '/' => '_',
            c => c,
        })
        .collect();
    GeneralPurpose::new(&alphabet::URL_SAFE, config).decode(part).ok()
}

/// Returns a hint if it is a v1 token of a tenant whose v2 issuer is configured: the most frequent mistake.
fn sibling_hint(issuers: &Issuers, claims: &Json) -> Option<&'static str> {
    let iss = claims.member("iss").and_then(Json::as_str)?;
    let entra = issuers.sources().iter().filter_map(|source| source.issuer.entra.as_ref());
    let is_sibling = entra.filter_map(EntraIssuer::v1_sibling).any(|(sibling, _)| sibling == iss);
    is_sibling.then_some(
        "it is a v1 token of a configured tenant: set requestedAccessTokenVersion to 2 in the manifest of the app \
         registration, or accept_v1 = true in the entry",
    )
}

fn hint(error: &TokenError) -> Option<&'static str> {
    Some(match error {
        TokenError::Audience => {
            "audiences of the entry lists what is accepted; a v2 token of Entra has the client id \
            of the API, a v1 token may have its App ID URI"
        }
        TokenError::Kind => "add the optional claim idtyp to access tokens in the app registration",
        TokenError::UnknownClient => {
            "give the app an app role, or name its client id below clients of the entry"
        }
        TokenError::GraphToken => {
            "ask for a token with the scope of this gateway, such as api://hoopctl/.default"
        }
        TokenError::IdToken => "send the access token, not the ID token",
        _ => return None,
    })
}
