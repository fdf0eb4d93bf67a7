//! The end of a login: checks the grants. (RFC 6749, sections 4.1.3 and 6; RFC 7636, section 4.5.)

use zeroize::Zeroizing;

use crate::pipeline::McpLogin;
use crate::pipeline::OAuthGrant;
use crate::protocol::mcp::login::Fault;
use crate::protocol::mcp::login::authorize::not_admitted;
use crate::protocol::mcp::login::form::Parameters;

/// Parameters by which a client would authenticate; here all clients are the same public one.
const PROOFS: [&str; 3] = ["client_secret", "client_assertion", "client_assertion_type"];

/// The grant in a form. What is none of its parameters is ignored (RFC 6749, section 3.2), and goes nowhere.
pub(super) fn grant(login: &McpLogin, body: &[u8]) -> Result<OAuthGrant, Fault> {
    let form = Parameters::read(body)?;
    let kind = form.get("grant_type").ok_or_else(|| Fault::request("grant_type is missing"))?;
    if !matches!(kind, "authorization_code" | "refresh_token") {
        let detail =
            "only authorization_code and refresh_token are taken here: programs ask the issuer itself";
        return Err(Fault::new("unsupported_grant_type", detail, "login_grant_type"));
    }
    if PROOFS.iter().any(|name| form.get(name).is_some()) {
        return Err(not_confidential());
    }
    if form.get("client_id") != Some(login.client_id.as_str()) {
        return Err(Fault::new(
            "invalid_client",
            "its client_id is not the one that registering gives",
            "login_client",
        ));
    }
    let scope = login.narrowed(form.get("scope"));
    let needed = |name: &str| form.get(name).ok_or_else(|| Fault::request(&format!("{name} is missing")));
    if kind == "refresh_token" {
        return Ok(OAuthGrant::Refresh { token: Zeroizing::new(needed("refresh_token")?.to_owned()), scope });
    }
    let (code, verifier, redirect_uri) = (needed("code")?, needed("code_verifier")?, needed("redirect_uri")?);
    if !(43..=128).contains(&verifier.len()) || !verifier.bytes().all(is_unreserved) {
        return Err(Fault::new("invalid_grant", "code_verifier is not one of RFC 7636", "login_pkce"));
    }
    if !login.admits(redirect_uri) {
        return Err(not_admitted());
    }
    Ok(OAuthGrant::Code {
        code: Zeroizing::new(code.to_owned()),
        verifier: Zeroizing::new(verifier.to_owned()),
        redirect_uri: redirect_uri.to_owned(),
        scope,
    })
}

/// Returns the fault for a client that authenticates.
pub(super) fn not_confidential() -> Fault {
    let detail = "clients have no secret here (token_endpoint_auth_method is none)";
    Fault::new("invalid_client", detail, "login_client")
}

fn is_unreserved(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"-._~".contains(&byte)
}
