//! The start of a login: checks a client's authorization request and redirects it. (RFC 6749, section 4.1.1;
//! RFC 7636.)

use crate::pipeline::McpLogin;
use crate::protocol::mcp::login::Fault;
use crate::protocol::mcp::login::form::Parameters;

/// Parameters that would override others, or that do not belong in a URL.
const REFUSED: [&str; 4] = ["request", "request_uri", "client_secret", "client_assertion"];
/// The parameters that are passed to the issuer. All others are dropped, other spellings of these too: an
/// issuer may know parameters that ask for a token of another service, such as `audience`, and this client's
/// secret would vouch for them.
const PASSED: [&str; 12] = [
    "client_id",
    "code_challenge",
    "code_challenge_method",
    "domain_hint",
    "login_hint",
    "max_age",
    "nonce",
    "prompt",
    "redirect_uri",
    "response_type",
    "scope",
    "state",
];
/// The length of a SHA-256 digest in base64url.
const CHALLENGE: usize = 43;

/// Returns the parameters for the issuer: those of the client that belong to a login, and the configured
/// scopes.
pub(super) fn parameters(login: &McpLogin, query: &[u8]) -> Result<Vec<(String, String)>, Fault> {
    let mut parameters = Parameters::read(query)?;
    if parameters.get("client_id") != Some(login.client_id.as_str()) {
        return Err(Fault::new(
            "invalid_client",
            "its client_id is not the one that registering gives",
            "login_client",
        ));
    }
    if !parameters.get("redirect_uri").is_some_and(|uri| login.admits(uri)) {
        return Err(not_admitted());
    }
    if parameters.get("response_type") != Some("code") {
        return Err(Fault::new("unsupported_response_type", "response_type must be code", "login_request"));
    }
    let challenge = parameters.get("code_challenge").unwrap_or_default();
    let is_challenge = challenge.len() == CHALLENGE && challenge.bytes().all(is_base64url);
    if parameters.get("code_challenge_method") != Some("S256") || !is_challenge {
        let detail = "PKCE is needed: code_challenge, and code_challenge_method must be S256";
        return Err(Fault::new("invalid_request", detail, "login_pkce"));
    }
    if let Some(name) = REFUSED.into_iter().find(|name| parameters.get(name).is_some()) {
        return Err(Fault::request(&format!("{name} is not taken here")));
    }
    let scope = login.scope(parameters.get("scope"));
    parameters.set("scope", scope);
    let passes = |(name, _): &(String, String)| PASSED.contains(&name.as_str());
    Ok(parameters.into_pairs().into_iter().filter(passes).collect())
}

pub(super) fn not_admitted() -> Fault {
    let detail =
        "its redirect_uri is not among the redirect_uris of mcp_login in the gateway's configuration";
    Fault::new("invalid_redirect_uri", detail, "login_redirect_uri")
}

fn is_base64url(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"-_".contains(&byte)
}
