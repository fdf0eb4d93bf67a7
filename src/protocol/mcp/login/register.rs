//! Client registration without state: every client gets the configured client. (RFC 7591.)

use crate::domain::json::Json;
use crate::domain::json::push_string;
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
    let mut out = String::from("{\"client_id\":");
    push_string(&login.client_id, &mut out);
    for (place, uri) in uris.iter().enumerate() {
        let uri = uri.as_str().ok_or_else(missing)?;
        if !login.admits(uri) {
            let shown = uri.get(..uri.floor_char_boundary(SHOWN)).unwrap_or_default();
            let detail = format!(
                "{shown:?} is not among the redirect_uris of mcp_login in the gateway's configuration; ask its operator to add it"
            );
            return Err(Fault::new("invalid_redirect_uri", detail, "login_redirect_uri"));
        }
        out.push_str(if place == 0 { ",\"redirect_uris\":[" } else { "," });
        push_string(uri, &mut out);
    }
    out.push_str("],\"token_endpoint_auth_method\":\"none\",\"grant_types\":[\"authorization_code\",\"refresh_token\"],");
    out.push_str("\"response_types\":[\"code\"],\"scope\":");
    push_string(&login.told_scopes().collect::<Vec<_>>().join(" "), &mut out);
    out.push('}');
    Ok(out)
}
