//! Checks whether a request may come from a page in a browser: with DNS rebinding the page's server directs
//! its requests to a gateway, with the page's own origin and host. (MCP, "Transports", "Security Warning".)

use std::net::IpAddr;

use http::HeaderMap;
use http::Uri;
use http::header;
use http::request::Parts;

use crate::domain::McpOptions;

/// Checks the origin and host of a request.
///
/// # Errors
/// The reason for the refusal, for the person behind the client.
pub fn check(head: &Parts, options: &McpOptions, public_url: Option<&str>) -> Result<(), &'static str> {
    let host = host(head);
    let own = public_url.and_then(|url| url.parse::<Uri>().ok());
    let own_host = own.as_ref().and_then(Uri::host);
    if let Some(own) = own_host
        && !host.is_some_and(|host| is_local(host) || host.eq_ignore_ascii_case(own))
    {
        return Err("the Host header names another host than this gateway");
    }
    let Some(origin) = origin(&head.headers)? else { return Ok(()) };
    if options.lists_origin(origin) {
        return Ok(());
    }
    let page = origin.parse::<Uri>().ok();
    let page_host = page.as_ref().and_then(Uri::host).unwrap_or_default();
    let same = own.as_ref().is_some_and(|own| {
        own.scheme() == page.as_ref().and_then(Uri::scheme)
            && own.authority() == page.as_ref().and_then(Uri::authority)
    });
    // A page from this machine, whose request must also be addressed to this machine.
    let local = is_local(page_host) && host.is_some_and(is_local);
    if same || local { Ok(()) } else { Err("a page of this Origin may not use this connection") }
}

fn origin(headers: &HeaderMap) -> Result<Option<&str>, &'static str> {
    let mut values = headers.get_all(header::ORIGIN).iter();
    match (values.next(), values.next()) {
        (None, _) => Ok(None),
        (Some(origin), None) => {
            origin.to_str().map(Some).map_err(|_unreadable| "an Origin that cannot be read")
        }
        _ => Err("more than one Origin"),
    }
}

/// Returns the host that a request is addressed to, without the port.
pub fn host(head: &Parts) -> Option<&str> {
    if let Some(authority) = head.uri.authority() {
        return Some(authority.host());
    }
    let text = head.headers.get(header::HOST)?.to_str().ok()?;
    let end = match text.strip_prefix('[') {
        Some(rest) => rest.find(']')? + 2,
        None => text.find(':').unwrap_or(text.len()),
    };
    text.get(..end)
}

/// Returns whether a name always means this machine, regardless of DNS.
fn is_local(host: &str) -> bool {
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    host.eq_ignore_ascii_case("localhost") || bare.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn checked(host: &str, origins: &[&str], public_url: Option<&str>) -> bool {
        let mut request = http::Request::builder().header(header::HOST, host);
        for origin in origins {
            request = request.header(header::ORIGIN, *origin);
        }
        let (head, ()) = request.body(()).unwrap().into_parts();
        let options = McpOptions { origins: vec!["https://app.example".into()], ..McpOptions::default() };
        check(&head, &options, public_url).is_ok()
    }

    #[test]
    fn a_page_of_another_origin_is_turned_away() {
        let public = Some("https://gw.example:8440");
        for (host, origins, url, passes) in [
            ("127.0.0.1:8440", &[][..], None, true),
            ("gw.internal", &[], None, true),
            ("127.0.0.1:8440", &["http://localhost:6274"], None, true),
            ("[::1]:8440", &["http://127.0.0.1:1"], None, true),
            ("127.0.0.1:8440", &["https://app.example"], None, true),
            ("127.0.0.1:8440", &["http://evil.example"], None, false),
            ("127.0.0.1:8440", &["null"], None, false),
            ("127.0.0.1:8440", &["http://localhost.evil.example"], None, false),
            ("127.0.0.1:8440", &["http://localhost", "http://localhost"], None, false),
            // DNS rebinding: the page's own name leads here.
            ("evil.example:8440", &["http://evil.example:8440"], None, false),
            ("evil.example", &["http://localhost"], None, false),
            ("gw.example:8440", &["https://gw.example:8440"], public, true),
            ("gw.example:8440", &["https://gw.example"], public, false),
            ("gw.example:8440", &[], public, true),
            ("localhost:8440", &[], public, true),
            ("evil.example:8440", &[], public, false),
        ] {
            assert_eq!(checked(host, origins, url), passes, "{host} {origins:?} {url:?}");
        }
    }
}
