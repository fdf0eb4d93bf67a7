//! The metadata for clients without a token: which authorization server issues tokens for a connection. (RFC
//! 9728, "OAuth 2.0 Protected Resource Metadata".)
//!
//! It is returned for any name, so that unauthenticated peers do not learn which connections exist.

use http::HeaderValue;
use http::Method;
use http::Request;
use http::Response;
use http::StatusCode;
use http::Uri;
use http::header;
use hyper::body::Incoming;

use crate::domain::ConnectionName;
use crate::domain::json::write::Object;
use crate::pipeline::Gate;
use crate::protocol::mcp::login;
use crate::protocol::mcp::reply::json;
use crate::protocol::web::body::ReplyBody;
use crate::protocol::web::request::route;

/// The well-known path, before the path of the resource.
const WELL_KNOWN: &str = "/.well-known/oauth-protected-resource";

/// Returns the URL of the metadata for an address; `None` if the gateway's own address is not known.
pub fn url(uri: &Uri, host: Option<&HeaderValue>, tls: bool, public_url: Option<&str>) -> Option<String> {
    let authority = uri.authority().map(http::uri::Authority::as_str);
    let base = base(authority.or_else(|| host?.to_str().ok()), tls, public_url)?;
    let name: ConnectionName = route(uri.path())?.connection.parse().ok()?;
    Some(format!("{base}{WELL_KNOWN}/c/{name}"))
}

fn base(host: Option<&str>, tls: bool, public_url: Option<&str>) -> Option<String> {
    if let Some(url) = public_url {
        return Some(url.to_owned());
    }
    // The client's own `Host` is only used in its own answer, and must fit into a quoted string.
    let host = host
        .filter(|host| host.bytes().all(|byte| byte.is_ascii_alphanumeric() || b".-:[]".contains(&byte)))?;
    Some(format!("{}://{host}", if tls { "https" } else { "http" }))
}

/// Answers a request for metadata, of a connection or of the gateway as an authorization server; `None` for
/// any other request.
pub fn answer(
    request: &Request<Incoming>,
    gate: &Gate,
    tls: bool,
    public_url: Option<&str>,
) -> Option<Response<ReplyBody>> {
    let host = request.uri().authority().map(http::uri::Authority::as_str);
    let host = host.or_else(|| request.headers().get(header::HOST)?.to_str().ok());
    let base = base(host, tls, public_url)?;
    let path = request.uri().path();
    let document = match path.strip_prefix(WELL_KNOWN) {
        Some(path) => {
            let name = path.strip_prefix("/c/")?.trim_end_matches('/').trim_end_matches("/mcp");
            document(&base, &name.parse().ok()?, gate)
        }
        None => login::well_known(path, &base, &*gate.login()?)?,
    };
    let mut response = match *request.method() {
        Method::OPTIONS => json(StatusCode::NO_CONTENT, ""),
        Method::GET | Method::HEAD => json(StatusCode::OK, document),
        _ => json(StatusCode::METHOD_NOT_ALLOWED, ""),
    };
    let headers = response.headers_mut();
    headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));
    headers.insert(header::ACCESS_CONTROL_ALLOW_METHODS, HeaderValue::from_static("GET, HEAD, OPTIONS"));
    headers.insert(header::ACCESS_CONTROL_ALLOW_HEADERS, HeaderValue::from_static("mcp-protocol-version"));
    Some(response)
}

fn document(base: &str, name: &ConnectionName, gate: &Gate) -> String {
    let mut out = String::new();
    let mut document = Object::begin(&mut out);
    document.text("resource", &format!("{base}/c/{name}"));
    let (issuers, login) = (gate.issuers(), gate.login());
    // Clients take the first one. If people log in through the gateway, it replaces that issuer.
    let stood_for = login.as_ref().map(|login| login.iss());
    let own = login.is_some().then_some(base);
    let others = issuers.urls().filter(|url| Some(*url) != stood_for);
    document.texts("authorization_servers", own.into_iter().chain(others));
    let scopes = issuers.scopes();
    if !scopes.is_empty() {
        document.texts("scopes_supported", scopes);
    }
    document.texts("bearer_methods_supported", ["header"]);
    drop(document);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_address_of_the_metadata_is_what_the_client_reached_or_the_operator_says() {
        let at = |host: &str, tls, public_url| {
            url(&Uri::from_static("/c/tools"), Some(&HeaderValue::from_str(host).unwrap()), tls, public_url)
        };
        let path = "/.well-known/oauth-protected-resource/c/tools";
        assert_eq!(at("gw:8443", false, None), Some(format!("http://gw:8443{path}")));
        assert_eq!(at("gw:8443", true, None), Some(format!("https://gw:8443{path}")));
        assert_eq!(at("gw", false, Some("https://mcp.example")), Some(format!("https://mcp.example{path}")));
        assert_eq!(at("gw\" evil", true, None), None, "it goes into a quoted string");
    }
}
