//! Filters the headers that cross the gateway: requests lose headers that are the client's own or could
//! deceive the target, replies lose headers that would lead the client around the gateway.

use http::HeaderMap;
use http::HeaderName;
use http::HeaderValue;
use http::header;

use crate::domain::Connection;
use crate::domain::Injection;
use crate::pipeline::ReplyGuard;
use crate::protocol::web::body::passing_trailers;
use crate::protocol::web::claims::is_claim;
use crate::protocol::web::request::folded;
use crate::protocol::web::tags::Tags;
use crate::protocol::web::tags::masked_tag;
use crate::protocol::web::tags::may_tell_the_body;
use crate::protocol::web::tags::speaks_of_the_bytes;
use crate::protocol::web::tags::translate_condition;
use crate::transport::media::without_charset;

/// Reply headers that never reach a client: hop-by-hop headers, and headers that would apply to the gateway's
/// whole origin in a browser (cookies, HSTS, ...), which all connections share.
const NEVER_RETURNED: [&str; 29] = [
    "alt-svc",
    "authentication-info",
    "clear-site-data",
    "connection",
    "expect-ct",
    "keep-alive",
    "nel",
    "proxy-authenticate",
    "proxy-authentication-info",
    "proxy-connection",
    "public-key-pins",
    "report-to",
    "reporting-endpoints",
    "secure-session-registration",
    "server",
    "service-worker-allowed",
    "set-cookie",
    "set-cookie2",
    "set-login",
    "strict-transport-security",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "use-as-dictionary",
    "via",
    "x-accel-redirect",
    "x-powered-by",
    "x-sendfile",
];
/// Reply headers whose value is a URL.
const LOCATIONS: [&str; 5] = ["content-location", "location", "sourcemap", "x-http-location", "x-sourcemap"];

/// Whether a request header goes to the target. One with `_` in its name never does: CGI, WSGI and PHP read
/// `_` and `-` alike, so it could be another header under a second spelling, or one of the variables that
/// only the server in front sets (RFC 3875, section 4.1.18).
fn is_sent(name: &HeaderName, by_connection: &[String]) -> bool {
    let name = name.as_str();
    !name.contains('_') && !is_claim(name) && !by_connection.iter().any(|listed| listed == name)
}

/// Returns the header names that `Connection` lists: they are hop-by-hop. Its usual keywords are left out.
fn listed(headers: &HeaderMap) -> Vec<String> {
    let values = headers.get_all(header::CONNECTION).iter().filter_map(|value| value.to_str().ok());
    let names = values.flat_map(|value| value.split(',')).map(str::trim);
    let usual = |name: &&str| name.eq_ignore_ascii_case("keep-alive") || name.eq_ignore_ascii_case("close");
    names.filter(|name| !usual(name)).map(str::to_ascii_lowercase).collect()
}

/// Builds the headers for the target. `tags` are the entity tags that the client got from a masked
/// connection. With `reads_bodies` the target is asked for a reply that can be read: whole and not encoded.
pub fn to_target(
    headers: &HeaderMap,
    connection: &Connection,
    tags: Option<Tags<'_>>,
    reads_bodies: bool,
) -> HeaderMap {
    let by_connection = listed(headers);
    let mut out = HeaderMap::with_capacity(headers.len() + 2);
    for (name, value) in headers {
        if is_sent(name, &by_connection) {
            out.append(name.clone(), value.clone());
        }
    }
    if headers.get(header::TE).is_some_and(|te| te.as_bytes().eq_ignore_ascii_case(b"trailers")) {
        out.insert(header::TE, HeaderValue::from_static("trailers"));
    }
    announce_trailers(headers, &mut out, |name| is_harmless_trailer(name, false));
    if reads_bodies {
        out.insert(header::ACCEPT_ENCODING, HeaderValue::from_static("identity"));
        ask_for_no_charset(&mut out);
        // A part of a document could cut a masked value, or the credential, in two.
        out.remove(header::RANGE);
        out.remove(header::IF_RANGE);
    }
    if let Injection::Header { name, .. } = &connection.inject {
        // Other spellings of the header that carries the credential.
        let other: Vec<HeaderName> =
            out.keys().filter(|key| folded(key.as_str()) == folded(name)).cloned().collect();
        for key in other {
            out.remove(key);
        }
    }
    if let Some(tags) = tags {
        for name in [header::IF_MATCH, header::IF_NONE_MATCH] {
            translate_condition(&mut out, &name, tags);
        }
    }
    if let Ok(host) = HeaderValue::from_str(&connection.upstream.authority()) {
        out.insert(header::HOST, host);
    }
    out
}

/// Takes out what asks for text in another encoding: in some of them neither a masked value nor the
/// credential could be found.
fn ask_for_no_charset(out: &mut HeaderMap) {
    out.remove(header::ACCEPT_CHARSET);
    let accepts: Vec<HeaderValue> = out.get_all(header::ACCEPT).iter().cloned().collect();
    let asks = |accept: &HeaderValue| {
        accept.as_bytes().to_ascii_lowercase().windows(7).any(|word| word == b"charset")
    };
    if !accepts.iter().any(asks) {
        return;
    }
    out.remove(header::ACCEPT);
    for accept in accepts {
        let changed =
            accept.to_str().ok().and_then(|text| HeaderValue::from_str(&without_charset(text)).ok());
        if let Some(changed) = changed {
            out.append(header::ACCEPT, changed);
        }
    }
}

/// Whether a trailer can be taken for nothing but data: checksums, timings and the status of gRPC. With
/// `rewritten` the body is not the sender's own bytes, and nothing may speak of those.
pub fn is_harmless_trailer(name: &str, rewritten: bool) -> bool {
    let harmless = ["grpc-", "x-checksum-", "x-trailer-"].iter().any(|family| name.starts_with(family))
        || name == "server-timing";
    harmless && !(rewritten && may_tell_the_body(name))
}

/// Announces the trailers of a message that may pass.
fn announce_trailers(from: &HeaderMap, to: &mut HeaderMap, passes: impl Fn(&str) -> bool) {
    if !from.contains_key(header::TRAILER) {
        return;
    }
    let listed = from.get_all(header::TRAILER).iter().filter_map(|value| value.to_str().ok());
    let names: Vec<String> = listed
        .flat_map(|list| list.split(','))
        .map(|name| name.trim().to_ascii_lowercase())
        .filter(|name| passes(name))
        .collect();
    if let Some(value) = Some(names.join(", "))
        .filter(|names| !names.is_empty())
        .and_then(|names| HeaderValue::from_str(&names).ok())
    {
        to.insert(header::TRAILER, value);
    }
}

/// Returns whether most replies have this header and no rule of this module concerns it. Saves the other
/// checks.
fn is_everyday(name: &HeaderName) -> bool {
    matches!(
        *name,
        header::CACHE_CONTROL | header::CONTENT_TYPE | header::DATE | header::LAST_MODIFIED | header::VARY
    )
}

/// Builds the reply headers for the client: cleared, masked, and with URLs that lead through the gateway.
/// `address` is the path and query of the resource; with `rewritten` the body is not the target's own bytes.
pub fn to_client(headers: &HeaderMap, guard: &mut ReplyGuard, address: &str, rewritten: bool) -> HeaderMap {
    let by_connection = listed(headers);
    let governed = std::sync::Arc::clone(guard.governed());
    let masks = guard.masks();
    let mut out = HeaderMap::with_capacity(headers.len() + 4);
    announce_trailers(headers, &mut out, |name| {
        is_harmless_trailer(name, rewritten) && !guard.is_in_name(name)
    });
    for (name, value) in headers {
        let text = name.as_str();
        let dropped = !is_everyday(name)
            && (NEVER_RETURNED.binary_search(&text).is_ok()
                || text.starts_with("hoopctl-")
                || (rewritten && speaks_of_the_bytes(text))
                || (masks && may_tell_the_body(text))
                || guard.is_in_name(text));
        if dropped || by_connection.iter().any(|listed| listed == text) {
            continue;
        }
        let value = match *name {
            header::LINK => match links_inside(value, &governed.connection) {
                Some(value) => value,
                None => continue,
            },
            header::REFRESH => match refresh_inside(value, &governed.connection) {
                Some(value) => value,
                None => continue,
            },
            _ if LOCATIONS.contains(&text) => match inside(value, &governed.connection) {
                Some(value) => value,
                None => continue,
            },
            header::ETAG if masks => {
                match masked_tag(value, Tags { plan: &governed.plan, address, changes: false }) {
                    Some(value) => value,
                    None => continue,
                }
            }
            _ => value.clone(),
        };
        match guard.header(text, value.as_bytes()) {
            None => {
                out.append(name.clone(), value);
            }
            Some(changed) => {
                if let Ok(changed) = HeaderValue::from_bytes(&changed) {
                    out.append(name.clone(), changed);
                }
            }
        }
    }
    out
}

/// Builds the trailers of a reply for the client: those that may pass, cleared and masked.
pub fn trailers_to_client(trailers: &HeaderMap, guard: &mut ReplyGuard, rewritten: bool) -> HeaderMap {
    let mut out =
        passing_trailers(trailers, |name| is_harmless_trailer(name, rewritten) && !guard.is_in_name(name));
    for (name, value) in &mut out {
        if let Some(changed) = guard.header(name.as_str(), value.as_bytes())
            && let Ok(changed) = HeaderValue::from_bytes(&changed)
        {
            *value = changed;
        }
    }
    out
}

/// Rewrites a redirect so that the client can follow it: one to the target's own origin leads back through
/// the gateway; `None` if it leads to a part of the target that the connection does not open.
fn inside(value: &HeaderValue, connection: &Connection) -> Option<HeaderValue> {
    let text = value.to_str().ok()?;
    let upstream = &connection.upstream;
    let scheme = |scheme: &str| match text.get(..scheme.len()) {
        Some(start) if start.eq_ignore_ascii_case(scheme) => text.get(scheme.len()..),
        _ => None,
    };
    // Either scheme: a target behind a proxy of its own often names the wrong one.
    let after_scheme = scheme("https:").or_else(|| scheme("http:")).unwrap_or(text);
    let path = match after_scheme.strip_prefix("//") {
        Some(rest) => {
            let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
            let (authority, path) = rest.split_at(end);
            if !same_authority(authority, connection) {
                return Some(value.clone());
            }
            path
        }
        None if text.starts_with('/') => text,
        // Relative to the request's own path, or another scheme.
        None => return Some(value.clone()),
    };
    let below = path.strip_prefix(&*upstream.base_path)?;
    let opens = below.is_empty() || below.starts_with(['/', '?', '#']);
    opens.then(|| HeaderValue::from_str(&format!("/c/{}{below}", connection.name)).ok()).flatten()
}

/// Returns the path and query below the connection that `Location` leads to. `asked` is the path that was
/// requested.
pub fn location(headers: &HeaderMap, connection: &Connection, asked: &str) -> Option<String> {
    let value = inside(headers.get(header::LOCATION)?, connection)?;
    let text = value.to_str().ok()?.split('#').next()?;
    if let Some(below) = text.strip_prefix("/c/").and_then(|text| text.strip_prefix(connection.name.as_str()))
    {
        return Some(below.to_owned()).filter(|below| below.starts_with('/'));
    }
    // Relative to the path, unless it begins with a scheme or a host, or is empty.
    let first = text.split(['/', '?']).next().filter(|first| !first.is_empty() && !first.contains(':'))?;
    let (folder, _) = asked.rsplit_once('/')?;
    Some(format!("{folder}/{first}{}", text.get(first.len()..)?))
}

/// Rewrites links to the target's own origin as redirects are; `None` if that is not possible for all of
/// them.
fn links_inside(value: &HeaderValue, connection: &Connection) -> Option<HeaderValue> {
    let upstream = &connection.upstream;
    let authority = upstream.authority();
    let mut text = String::new();
    for piece in value.to_str().ok()?.split_inclusive('>') {
        // No target contains a `<`, but a title may: the last one begins the target.
        match piece.strip_suffix('>').and_then(|piece| piece.rsplit_once('<')) {
            // Some readers take what follows a `<` for a target even without a `>`.
            None if piece.contains('<') => return None,
            None => text.push_str(piece),
            Some((before, target)) => {
                let target = inside(&HeaderValue::from_str(target).ok()?, connection)?;
                text.extend([before, "<", target.to_str().ok()?, ">"]);
            }
        }
    }
    for scheme in ["https", "http"] {
        let own = format!("{scheme}://{authority}{}/", upstream.base_path);
        text = text.replace(&own, &format!("/c/{}/", connection.name));
    }
    shown(&text, connection)
}

/// Rewrites the URL of a `Refresh` header as a redirect. Parsed as browsers do (HTML, "shared declarative
/// refresh steps"): `url=` and the quotes are optional.
fn refresh_inside(value: &HeaderValue, connection: &Connection) -> Option<HeaderValue> {
    let text = value.to_str().ok()?.trim();
    let end = text.find(|next: char| !matches!(next, '0'..='9' | '.')).unwrap_or(text.len());
    let (time, rest) = text.split_at(end);
    let rest = rest.trim_start_matches([' ', '\t', ';', ',']);
    if time.is_empty() || rest.is_empty() {
        return shown(text, connection).filter(|_| rest.is_empty());
    }
    let word = rest.get(..3).filter(|word| word.eq_ignore_ascii_case("url"));
    let named = word.and_then(|_| rest.get(3..)?.trim_start().strip_prefix('='));
    let target = named.unwrap_or(rest).trim_start();
    let target = match target.chars().next() {
        Some(quote @ ('"' | '\'')) => target.split(quote).nth(1).unwrap_or_default(),
        _ => target,
    };
    let target = inside(&HeaderValue::from_str(target.trim()).ok()?, connection)?;
    shown(&format!("{time}; url={}", target.to_str().ok()?), connection)
}

/// Returns a header's value, unless it contains a URL with the target's host. The bare host name says little,
/// and is often the connection's own.
fn shown(text: &str, connection: &Connection) -> Option<HeaderValue> {
    let host = &*connection.upstream.host;
    // Browsers read `\` as `/`; brackets surround an IPv6 address.
    let plain = text.to_ascii_lowercase().replace('\\', "/").replace('[', "");
    let named = plain.match_indices(host).any(|(at, _)| {
        let before = plain.get(..at).unwrap_or_default();
        let after = plain.get(at + host.len()..).unwrap_or_default();
        let longer = |next: char| next.is_ascii_alphanumeric() || matches!(next, '-' | '_' | '.');
        let after = after.strip_prefix('.').unwrap_or(after);
        (before.ends_with("//") || before.ends_with('@')) && !after.starts_with(longer)
    });
    (!named).then(|| HeaderValue::from_str(text).ok()).flatten()
}

fn same_authority(authority: &str, connection: &Connection) -> bool {
    let upstream = &connection.upstream;
    let explicit = format!("{}:{}", upstream.host, upstream.port);
    let without_user = authority.rsplit('@').next().unwrap_or(authority);
    without_user.eq_ignore_ascii_case(&upstream.authority()) || without_user.eq_ignore_ascii_case(&explicit)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::ConnectionLimits;
    use crate::domain::Origin;
    use crate::domain::Protocol;
    use crate::domain::Upstream;

    fn connection() -> Connection {
        Connection {
            name: "crm".parse().unwrap(),
            origin: Origin::Store,
            protocol: Protocol::Http,
            upstream: Upstream {
                tls: true,
                protocol: Protocol::Http,
                host: "crm.internal".into(),
                port: 443,
                base_path: "/api".into(),
                program: None,
                certificate: None,
            },
            inject: Injection::None,
            tags: std::collections::BTreeMap::new(),
            limits: ConnectionLimits::default(),
            ca_file: None,
            database: crate::domain::DatabaseOptions::default(),
            mcp: crate::domain::McpOptions::default(),
        }
    }

    fn headers(list: &[(&str, &str)]) -> HeaderMap {
        list.iter()
            .map(|(name, value)| (name.parse::<HeaderName>().unwrap(), value.parse::<HeaderValue>().unwrap()))
            .collect()
    }

    #[test]
    fn the_list_is_sorted() {
        assert!(NEVER_RETURNED.is_sorted());
    }

    #[test]
    fn only_harmless_headers_reach_the_target() {
        let sent = headers(&[
            ("Authorization", "Bearer x"),
            ("authorization_", "x"),
            ("SCRIPT_NAME", "/public"),
            ("Script-Name", "/public"),
            ("X_Api_Key", "k"),
            ("X-Api-Key", "k"),
            ("Cookie", "a=b"),
            ("X-Forwarded-For", "1.2.3.4"),
            ("X_Forwarded_For", "1.2.3.4"),
            ("Forwarded", "for=x"),
            ("Proxy-Authorization", "y"),
            ("X-Original-URL", "/admin"),
            ("X-Rewrite-URL", "/admin"),
            ("Connection", "close, X-Hop"),
            ("X-Hop", "1"),
            ("Upgrade", "h2c"),
            ("TE", "trailers"),
            ("Host", "gateway"),
            ("Hoopctl-Reason", "r"),
            ("Accept", "text/html;charset=utf-16"),
            ("Accept-Charset", "utf-16"),
            ("Content-Type", "application/json"),
            ("Content_Type", "multipart/form-data; boundary=b"),
            ("Content_Encoding", "gzip"),
            ("Expect", "100-continue"),
            ("Accept-Encoding", "gzip"),
            ("Range", "bytes=0-1"),
        ]);
        let out = to_target(&sent, &connection(), None, false);
        let mut names: Vec<&str> = out.keys().map(HeaderName::as_str).collect();
        names.sort_unstable();
        assert_eq!(
            names,
            [
                "accept",
                "accept-charset",
                "accept-encoding",
                "content-type",
                "host",
                "range",
                "te",
                "x-api-key"
            ]
        );
        assert_eq!(out.get("host").unwrap(), "crm.internal");
        let plan = crate::mask::Plan::compile(&[], [0; 32]).unwrap();
        let out =
            to_target(&sent, &connection(), Some(Tags { plan: &plan, address: "", changes: false }), true);
        assert!(!out.contains_key("range"));
        assert_eq!(out.get("accept-encoding").unwrap(), "identity");
        assert_eq!(out.get("accept").unwrap(), "text/html");
        assert!(!out.contains_key("accept-charset"));
    }

    #[test]
    fn redirects_stay_inside() {
        for (location, wanted) in [
            ("https://crm.internal/api/customers/7", Some("/c/crm/customers/7")),
            ("HTTPS://CRM.internal:443/api/x?y#z", Some("/c/crm/x?y#z")),
            ("https://crm.internal/api", Some("/c/crm")),
            ("//crm.internal/api/x", Some("/c/crm/x")),
            ("/api/x", Some("/c/crm/x")),
            ("https://user:pw@crm.internal/api/x", Some("/c/crm/x")),
            ("/admin", None),
            ("/apix", None),
            ("https://crm.internal/other", None),
            ("next", Some("next")),
            ("https://elsewhere.example/api/x", Some("https://elsewhere.example/api/x")),
            ("http://crm.internal/api/x", Some("/c/crm/x")),
        ] {
            let value = HeaderValue::from_static(location);
            assert_eq!(
                inside(&value, &connection()).as_ref().map(|value| value.to_str().unwrap()),
                wanted,
                "{location}"
            );
        }
    }

    #[test]
    fn links_stay_inside_or_are_not_shown() {
        for (link, wanted) in [
            ("</api/x?page=2>; rel=next", Some("</c/crm/x?page=2>; rel=next")),
            (
                "<https://crm.internal/api/x>; rel=\"self\", </api/x?a=1,2>; title=\"a < b > c\", <?page=3>; rel=next",
                Some("</c/crm/x>; rel=\"self\", </c/crm/x?a=1,2>; title=\"a < b > c\", <?page=3>; rel=next"),
            ),
            ("<https://elsewhere.example/x>; rel=help", Some("<https://elsewhere.example/x>; rel=help")),
            ("</api/x>; rel=next, </admin>; rel=up", None),
            ("</apix>; rel=next", None),
            ("<https://crm.internal/other>; rel=next", None),
            ("</api/x>; anchor=\"https://crm.internal/other\"", None),
            ("</api/x>; rel=next, </admin; rel=up", None),
            ("<https://elsewhere.example/?to=//user@CRM.internal./>; rel=help", None),
            (
                "<https://crm.internal.example/x>; title=\"crm.internal\"",
                Some("<https://crm.internal.example/x>; title=\"crm.internal\""),
            ),
        ] {
            let value = HeaderValue::from_static(link);
            assert_eq!(
                links_inside(&value, &connection()).as_ref().map(|value| value.to_str().unwrap()),
                wanted,
                "{link}"
            );
        }
    }

    #[test]
    fn a_host_named_as_the_connection_does_not_hide_its_links() {
        let mut connection = connection();
        connection.upstream.host = "crm".into();
        for (link, wanted) in [
            ("<https://crm/api/crm/7>; rel=next", Some("</c/crm/crm/7>; rel=next")),
            ("</api/x>; anchor=\"//crm:443/y\"", None),
        ] {
            let found = links_inside(&HeaderValue::from_static(link), &connection);
            assert_eq!(found.as_ref().map(|value| value.to_str().unwrap()), wanted, "{link}");
        }
    }

    #[test]
    fn refreshes_stay_inside_or_are_not_shown() {
        for (refresh, wanted) in [
            ("5", Some("5")),
            ("5; url=https://crm.internal/api/x", Some("5; url=/c/crm/x")),
            ("0; url=/api/x", Some("0; url=/c/crm/x")),
            ("0;URL = '/api/x' y", Some("0; url=/c/crm/x")),
            ("0,\"/api/x\"", Some("0; url=/c/crm/x")),
            ("0.5 /api/x", Some("0.5; url=/c/crm/x")),
            ("0; url=next", Some("0; url=next")),
            ("0; url=/admin", None),
            ("0; url=https://crm.internal/other", None),
            ("url=/api/x", None),
            ("0; url=https://elsewhere.example/", Some("0; url=https://elsewhere.example/")),
        ] {
            let found = refresh_inside(&HeaderValue::from_static(refresh), &connection());
            assert_eq!(found.as_ref().map(|value| value.to_str().unwrap()), wanted, "{refresh}");
        }
    }
}
