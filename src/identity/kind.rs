//! Whether a token speaks for a person, an app or an agent.
//!
//! | token | kind |
//! |---|---|
//! | an agent facet (`xms_act_fct` or `xms_sub_fct` holds 11 or 13), or `act` (delegation, RFC 8693) | agent |
//! | `idtyp` is `app` | app |
//! | `idtyp` is `user` | human |
//! | Entra, no `idtyp`, some `scp` | human |
//! | Entra, no `idtyp`, no `scp` | refused; with `allow_missing_idtyp` an app if `sub` is `oid` |
//! | generic, the subject is the client itself (also as `…@clients`), or its Keycloak service account | app |
//! | generic, the subject is named like a service account of Keycloak or Kubernetes | app, without groups of its entry |
//! | generic, anything else | human |
//!
//! Software that acts for a person is an agent too: it never approves anything, even with the person's own
//! token.

use crate::domain::Kind;
use crate::identity::claims::Claims;
use crate::identity::error::TokenError;
use crate::identity::issuer::Issuer;

/// The kind, and whether the token's subject is a person (an agent may act for one, or for itself).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Bearer {
    pub(crate) kind: Kind,
    pub(crate) person: bool,
}

/// Determines the kind.
///
/// # Errors
/// The claims contradict each other, or an Entra token does not show the kind.
pub(crate) fn of(issuer: &Issuer, claims: Claims<'_>, client: Option<&str>) -> Result<Bearer, TokenError> {
    let person = is_person(issuer, claims, client)?;
    let kind = if is_agent(claims)? {
        Kind::Agent
    } else if person && (issuer.entra.is_some() || !is_service_account(claims, client)?) {
        Kind::Human
    } else {
        Kind::App
    };
    Ok(Bearer { kind, person })
}

fn is_agent(claims: Claims<'_>) -> Result<bool, TokenError> {
    let mut agent = claims.0.member("act").is_some();
    for name in ["xms_act_fct", "xms_sub_fct"] {
        // Space-separated numbers in any order; unknown ones are ignored.
        let facets = claims.text(name)?.unwrap_or_default();
        agent |= facets.split(' ').any(|facet| facet == "11" || facet == "13");
    }
    Ok(agent)
}

fn is_person(issuer: &Issuer, claims: Claims<'_>, client: Option<&str>) -> Result<bool, TokenError> {
    let entra = issuer.entra.is_some();
    let scoped = entra && claims.text("scp")?.is_some();
    match claims.text("idtyp")? {
        // Scopes are what a person agreed to; an app has none.
        Some("app") if scoped => Err(TokenError::Kind),
        Some("app") => Ok(false),
        Some("user") => Ok(true),
        Some(_) => Err(TokenError::Kind),
        None if entra && scoped => Ok(true),
        None if entra => {
            let own = claims
                .text("sub")?
                .is_some_and(|sub| claims.0.member("oid").is_some_and(|oid| oid.as_str() == Some(sub)));
            if issuer.settings.allow_missing_idtyp && own { Ok(false) } else { Err(TokenError::Kind) }
        }
        None => Ok(!is_own_client(claims, client)?),
    }
}

/// Returns whether the subject is the client itself, as with `client_credentials`. RFC 9068 section 2.2.
fn is_own_client(claims: Claims<'_>, client: Option<&str>) -> Result<bool, TokenError> {
    let Some(client) = client else { return Ok(false) };
    if claims.text("sub")?.is_some_and(|sub| sub == client || sub.strip_suffix("@clients") == Some(client)) {
        return Ok(true);
    }
    // Keycloak: a service account is a user of its own; only its tokens carry `client_id` beside this name.
    Ok(claims.text("client_id")? == Some(client) && is_keycloak_account(claims, client))
}

/// Returns whether the subject has a name as service accounts have. A user may have taken it: so it approves
/// nothing, but is not given what the client's entry gives.
fn is_service_account(claims: Claims<'_>, client: Option<&str>) -> Result<bool, TokenError> {
    let of_kubernetes = claims.text("sub")?.is_some_and(|sub| sub.starts_with("system:serviceaccount:"));
    Ok(of_kubernetes || client.is_some_and(|client| is_keycloak_account(claims, client)))
}

fn is_keycloak_account(claims: Claims<'_>, client: &str) -> bool {
    let account = claims.0.member("preferred_username").and_then(|name| name.as_str());
    let account = account.and_then(|name| name.strip_prefix("service-account-"));
    account.is_some_and(|name| name == client.to_lowercase())
}
