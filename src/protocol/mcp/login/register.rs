//! Client registration without state: every client gets the configured client. (RFC 7591.)

use crate::domain::json::Json;
use crate::domain::json::write::Object;
use crate::pipeline::McpLogin;
use crate::protocol::mcp::login::Fault;

/// The maximum nesting depth of a client's metadata; a set of its keys fits.
const DEPTH: usize = 8;
/// How much of a redirect URI is repeated in an error, in bytes.
const SHOWN: usize = 200;

/// Returns the answer to a registration.
pub(super) fn registered(login: &McpLogin, body: &[u8]) -> Result<String, Fault> {
    let bad = |detail: &str| Fault::new("invalid_client_metadata", detail, "login_registration");
    let metadata =
        Json::parse(body, DEPTH).map_err(|_invalid| bad("the metadata is not one strict JSON value"))?;
    let uris = metadata.member("redirect_uris").and_then(Json::as_array).unwrap_or_default();
    let missing = || {
        Fault::new("invalid_redirect_uri", "redirect_uris is not an array of strings", "login_redirect_uri")
    };
    if uris.is_empty() {
        return Err(missing());
    }
    let mut admitted = Vec::new();
    for uri in uris {
        let uri = uri.as_str().ok_or_else(missing)?;
        if !login.admits(uri) {
            let shown = uri.get(..uri.floor_char_boundary(SHOWN)).unwrap_or_default();
            let detail = format!(
                "{shown:?} is not among the redirect_uris of mcp_login in the gateway's configuration; ask its operator to add it"
            );
            return Err(Fault::new("invalid_redirect_uri", detail, "login_redirect_uri"));
        }
        admitted.push(uri);
    }
    let mut out = String::new();
    Object::begin(&mut out)
        .text("client_id", &login.client_id)
        .texts("redirect_uris", admitted)
        .text("token_endpoint_auth_method", "none")
        .texts("grant_types", ["authorization_code", "refresh_token"])
        .texts("response_types", ["code"])
        .text("scope", &login.told_scopes().collect::<Vec<_>>().join(" "));
    Ok(out)
}
