//! The gateway's metadata as an authorization server. (RFC 8414; `OpenID` Connect Discovery 1.0 for clients
//! that ask for that form.)

use crate::domain::json::write::Object;
use crate::pipeline::Login;
use crate::protocol::mcp::login::AUTHORIZE;
use crate::protocol::mcp::login::REGISTER;
use crate::protocol::mcp::login::TOKEN;

/// The well-known paths of both forms, without the path of the issuer.
const PLACES: [&str; 2] = ["/.well-known/oauth-authorization-server", "/.well-known/openid-configuration"];

/// Returns the document at a path, if it is one of this login; `issuer` is the gateway's own address.
pub fn well_known(path: &str, issuer: &str, login: &Login) -> Option<String> {
    let rest = PLACES.iter().find_map(|place| path.strip_prefix(place))?;
    let rest = rest.strip_suffix('/').unwrap_or(rest);
    // The path of an issuer, if it has one, follows the well-known path, or was removed by a proxy before the
    // gateway.
    if !rest.is_empty() && rest != path_of(issuer) {
        return None;
    }
    let keys = login.keys_uri();
    Some(document(issuer, &login.settings().told_scopes().collect::<Vec<_>>(), keys.as_deref()))
}

/// Returns the path of a URL without a trailing slash.
pub(super) fn path_of(url: &str) -> &str {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    rest.find('/').and_then(|at| rest.get(at..)).unwrap_or_default()
}

/// Writes the document. `authorization_response_iss_parameter_supported` (RFC 9207) is not in it: the browser
/// goes from the issuer straight to the client, so the gateway cannot add its own `iss` there.
pub(super) fn document(issuer: &str, scopes: &[&str], keys: Option<&str>) -> String {
    let mut out = String::new();
    let mut document = Object::begin(&mut out);
    document
        .text("issuer", issuer)
        .text("authorization_endpoint", &format!("{issuer}{AUTHORIZE}"))
        .text("token_endpoint", &format!("{issuer}{TOKEN}"))
        .text("registration_endpoint", &format!("{issuer}{REGISTER}"));
    if let Some(keys) = keys {
        document.text("jwks_uri", keys);
    }
    if !scopes.is_empty() {
        document.texts("scopes_supported", scopes);
    }
    document
        .texts("response_types_supported", ["code"])
        .texts("response_modes_supported", ["query"])
        .texts("grant_types_supported", ["authorization_code", "refresh_token"])
        .texts("token_endpoint_auth_methods_supported", ["none"])
        .texts("code_challenge_methods_supported", ["S256"])
        .texts("subject_types_supported", ["pairwise"])
        .texts("id_token_signing_alg_values_supported", ["RS256"]);
    drop(document);
    out
}
