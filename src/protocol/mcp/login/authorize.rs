//! The start of a login: what a client asks for, checked and handed on. (RFC 6749, section 4.1.1; RFC 7636.)

use crate::pipeline::McpLogin;
use crate::protocol::mcp::login::Fault;
use crate::protocol::mcp::login::form::Parameters;

/// Parameters that would make others of no account, or that have no business in an address.
const REFUSED: [&str; 4] = ["request", "request_uri", "client_secret", "client_assertion"];
/// What goes on to the issuer. All else is left out, other spellings of these too: an issuer may know parameters that ask for another
/// service's token, such as `audience`, and this client's secret would stand behind them.
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
/// A SHA-256 in base64url.
const CHALLENGE: usize = 43;

/// The parameters for the issuer: those of the client that a login has, and the scopes that are configured.
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
