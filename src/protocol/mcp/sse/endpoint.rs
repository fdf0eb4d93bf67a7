//! The endpoint for messages, from the first event of a stream: a reference that is resolved against the
//! stream's own URL, and must have the same origin. (RFC 3986, sections 4 and 5; RFC 6454, section 5.)

use std::net::Ipv6Addr;

use http::Uri;

use crate::domain::connection::Upstream;

/// The longest reference, in bytes.
const LONGEST: usize = 4096;

/// Why an endpoint is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Problem {
    /// It is empty or too long.
    #[error("it is empty, or longer than 4096 bytes")]
    Length,
    /// Spaces, control characters, backslashes and other characters that no URI contains.
    #[error("a character that no URI may contain")]
    Character,
    /// A `%` without two hexadecimal digits.
    #[error("a % without two hexadecimal digits after it")]
    Percent,
    /// A fragment, which a server never sees.
    #[error("a fragment (#…)")]
    Fragment,
    /// Another scheme than the connection's, or something that resembles a scheme.
    #[error("another scheme than the connection's upstream")]
    Scheme,
    /// A user name.
    #[error("a user name or password")]
    UserInfo,
    /// Another host or port than the connection's.
    #[error("another host or port than the connection's upstream")]
    Origin,
    /// A path that could be read as a host.
    #[error("a path that begins with //")]
    Path,
}

/// Resolves a reference against the endpoint of `upstream`; returns its path and query.
///
/// # Errors
/// It is not a URI, or leads to another origin.
pub fn resolve(upstream: &Upstream, reference: &[u8]) -> Result<Uri, Problem> {
    if reference.is_empty() || reference.len() > LONGEST {
        return Err(Problem::Length);
    }
    let text = std::str::from_utf8(reference).map_err(|_other| Problem::Character)?;
    check_characters(text)?;
    let (hierarchy, query) = match text.split_once('?') {
        Some((hierarchy, query)) => (hierarchy, Some(query)),
        None => (text, None),
    };
    let rest = after_scheme(hierarchy, upstream)?;
    let base = if upstream.base_path.is_empty() { "/" } else { &*upstream.base_path };
    let path = if let Some(rest) = rest.strip_prefix("//") {
        let (authority, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
        check_authority(authority, upstream)?;
        without_dots(path)
    } else if rest.is_empty() {
        base.to_owned()
    } else if rest.starts_with('/') {
        without_dots(rest)
    } else {
        // The reference replaces what follows the last slash of the base.
        let folder = base.rfind('/').and_then(|slash| base.get(..=slash)).unwrap_or("/");
        without_dots(&format!("{folder}{rest}"))
    };
    if path.starts_with("//") {
        return Err(Problem::Path);
    }
    if path.contains(['[', ']']) || query.is_some_and(|query| query.contains(['[', ']'])) {
        return Err(Problem::Character);
    }
    let target = query.map_or_else(|| path.clone(), |query| format!("{path}?{query}"));
    Uri::try_from(target).map_err(|_invalid| Problem::Character)
}

fn check_characters(text: &str) -> Result<(), Problem> {
    let mut rest = text.as_bytes();
    while let Some((byte, behind)) = rest.split_first() {
        rest = behind;
        match byte {
            b'#' => return Err(Problem::Fragment),
            b'%' => match behind {
                [one, two, ..] if one.is_ascii_hexdigit() && two.is_ascii_hexdigit() => {}
                _ => return Err(Problem::Percent),
            },
            _ if byte.is_ascii_alphanumeric() || b"-._~:/?[]@!$&'()*+,;=".contains(byte) => {}
            _ => return Err(Problem::Character),
        }
    }
    Ok(())
}

/// Returns what follows the scheme, if there is one; it must be the connection's, and followed by an
/// authority.
fn after_scheme<'a>(hierarchy: &'a str, upstream: &Upstream) -> Result<&'a str, Problem> {
    let Some(colon) = hierarchy.find([':', '/']).filter(|at| hierarchy.as_bytes().get(*at) == Some(&b':'))
    else {
        return Ok(hierarchy);
    };
    let (scheme, rest) = hierarchy.split_at(colon);
    let own = if upstream.tls { "https" } else { "http" };
    match rest.strip_prefix(':') {
        Some(rest) if scheme.eq_ignore_ascii_case(own) && rest.starts_with("//") => Ok(rest),
        _ => Err(Problem::Scheme),
    }
}

fn check_authority(authority: &str, upstream: &Upstream) -> Result<(), Problem> {
    if authority.contains('@') {
        return Err(Problem::UserInfo);
    }
    let (host, port) = match authority.strip_prefix('[') {
        Some(rest) => rest.split_once(']').ok_or(Problem::Origin)?,
        None => authority.split_at(authority.find(':').unwrap_or(authority.len())),
    };
    let bracketed = authority.starts_with('[');
    let same_host = match upstream.host.parse::<Ipv6Addr>() {
        Ok(own) => bracketed && host.parse() == Ok(own),
        Err(_name) => !bracketed && host.eq_ignore_ascii_case(&upstream.host),
    };
    let digits = match port.strip_prefix(':') {
        Some(digits) => digits,
        None if port.is_empty() => "",
        None => return Err(Problem::Origin),
    };
    let port = match digits {
        "" => Some(if upstream.tls { 443 } else { 80 }),
        _ if digits.bytes().all(|byte| byte.is_ascii_digit()) => digits.parse().ok(),
        _ => None,
    };
    if same_host && port == Some(upstream.port) { Ok(()) } else { Err(Problem::Origin) }
}

/// Removes the segments `.` and `..` from an absolute path; an empty path becomes `/`.
fn without_dots(path: &str) -> String {
    let mut kept: Vec<&str> = Vec::new();
    let mut segments = path.strip_prefix('/').unwrap_or(path).split('/').peekable();
    while let Some(segment) = segments.next() {
        match segment {
            "." | ".." => {
                if segment == ".." {
                    kept.pop();
                }
                if segments.peek().is_none() {
                    kept.push("");
                }
            }
            _ => kept.push(segment),
        }
    }
    format!("/{}", kept.join("/"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::Protocol;

    fn upstream(tls: bool, host: &str, port: u16, path: &str) -> Upstream {
        Upstream {
            protocol: Protocol::Mcp,
            tls,
            host: host.into(),
            port,
            base_path: path.into(),
            program: None,
            certificate: None,
        }
    }

    fn found(upstream: &Upstream, reference: &str) -> Result<String, Problem> {
        resolve(upstream, reference.as_bytes()).map(|uri| uri.to_string())
    }

    #[test]
    fn a_reference_is_resolved_as_rfc_3986_does() {
        // The examples of section 5.4 that stay at the origin, except for those with a fragment and oddities
        // of other schemes.
        let base = upstream(false, "a", 80, "/b/c/d;p");
        for (reference, wanted) in [
            ("g", "/b/c/g"),
            ("./g", "/b/c/g"),
            ("g/", "/b/c/g/"),
            ("/g", "/g"),
            ("?y", "/b/c/d;p?y"),
            ("g?y", "/b/c/g?y"),
            (";x", "/b/c/;x"),
            ("g;x?y", "/b/c/g;x?y"),
            (".", "/b/c/"),
            ("./", "/b/c/"),
            ("..", "/b/"),
            ("../", "/b/"),
            ("../g", "/b/g"),
            ("../..", "/"),
            ("../../g", "/g"),
            ("../../../../g", "/g"),
            ("/./g", "/g"),
            ("/../g", "/g"),
            ("g.", "/b/c/g."),
            (".g", "/b/c/.g"),
            ("g..", "/b/c/g.."),
            ("./../g", "/b/g"),
            ("./g/.", "/b/c/g/"),
            ("g/./h", "/b/c/g/h"),
            ("g/../h", "/b/c/h"),
            ("g;x=1/../y", "/b/c/y"),
            ("g?y/../x", "/b/c/g?y/../x"),
            ("g?y:z//@x", "/b/c/g?y:z//@x"),
            ("/a//b", "/a//b"),
            ("http://a/x?y", "/x?y"),
            ("HTTP://A:80", "/"),
            ("http://a:?y", "/?y"),
            ("//a/x", "/x"),
            ("/messages/?session_id=0f%2Fe", "/messages/?session_id=0f%2Fe"),
            ("/%2e%2e/x", "/%2e%2e/x"),
            ("/a:b@c", "/a:b@c"),
        ] {
            assert_eq!(found(&base, reference).as_deref(), Ok(wanted), "{reference}");
        }
        for (base, reference, wanted) in [
            (upstream(true, "h", 443, ""), "messages", "/messages"),
            (upstream(true, "h", 443, ""), "?s=1", "/?s=1"),
            (upstream(true, "h", 443, "/sse"), "https://h:443/m", "/m"),
            (upstream(true, "h", 8443, "/x/sse/"), "m", "/x/sse/m"),
            (upstream(true, "h", 8443, "/sse"), "https://h:8443/m", "/m"),
            (upstream(false, "::1", 8080, "/sse"), "http://[0:0::1]:8080/m", "/m"),
        ] {
            assert_eq!(found(&base, reference).as_deref(), Ok(wanted), "{reference}");
        }
    }

    #[test]
    fn nothing_leads_to_another_origin() {
        let base = upstream(true, "crm.internal", 8443, "/sse");
        for (reference, problem) in [
            ("https://evil.example:8443/m", Problem::Origin),
            ("https://crm.internal/m", Problem::Origin),
            ("https://crm.internal:443/m", Problem::Origin),
            ("https://crm.internal:8444/m", Problem::Origin),
            ("https://crm.internal:08443x/m", Problem::Origin),
            ("https://crm.internal:73979/m", Problem::Origin),
            ("https://crm.internal:+8443/m", Problem::Origin),
            ("https://crm.internal:8443:8443/m", Problem::Origin),
            ("https://crm.internal.evil.example:8443/m", Problem::Origin),
            ("https://crm.internal.:8443/m", Problem::Origin),
            ("https://crm%2einternal:8443/m", Problem::Origin),
            ("https://[crm.internal]:8443/m", Problem::Origin),
            ("https://[::1]:8443/m", Problem::Origin),
            ("https://[crm.internal:8443/m", Problem::Origin),
            ("https:///m", Problem::Origin),
            ("https://?m", Problem::Origin),
            ("https://:8443/m", Problem::Origin),
            ("//evil.example/m", Problem::Origin),
            ("//evil.example:8443", Problem::Origin),
            ("///evil.example/m", Problem::Origin),
            ("//crm.internal/m", Problem::Origin),
            ("http://crm.internal:8443/m", Problem::Scheme),
            ("http:m", Problem::Scheme),
            ("https:m", Problem::Scheme),
            ("https:/m", Problem::Scheme),
            ("ftp://crm.internal:8443/m", Problem::Scheme),
            ("file:///etc/passwd", Problem::Scheme),
            ("javascript:alert(1)", Problem::Scheme),
            ("data:text/plain,x", Problem::Scheme),
            ("crm.internal:8443/m", Problem::Scheme),
            (":8443/m", Problem::Scheme),
            ("a:b", Problem::Scheme),
            ("https://crm.internal:8443@evil.example/m", Problem::UserInfo),
            ("https://user@crm.internal:8443/m", Problem::UserInfo),
            ("https://@crm.internal:8443/m", Problem::UserInfo),
            ("https://evil.example%40crm.internal:8443/m", Problem::Origin),
            ("//user:pass@crm.internal:8443/m", Problem::UserInfo),
            (r"\\evil.example\m", Problem::Character),
            (r"/\evil.example/m", Problem::Character),
            (r"https:\\evil.example\m", Problem::Character),
            (r"https://evil.example\@crm.internal:8443/m", Problem::Character),
            ("/m#x", Problem::Fragment),
            ("#", Problem::Fragment),
            ("https://evil.example#@crm.internal:8443/m", Problem::Fragment),
            ("/m x", Problem::Character),
            (" /m", Problem::Character),
            ("/m\t", Problem::Character),
            ("/m\r\nHost: evil.example", Problem::Character),
            ("/m\nx", Problem::Character),
            ("\u{0}/m", Problem::Character),
            ("/m\u{7f}", Problem::Character),
            ("/m\u{e9}", Problem::Character),
            ("https://crm.internal\u{3002}evil:8443/m", Problem::Character),
            ("https://\u{212a}rm.internal:8443/m", Problem::Character),
            ("/m<x>", Problem::Character),
            ("/m\"", Problem::Character),
            ("/m|x", Problem::Character),
            ("/m^x`", Problem::Character),
            ("/m{x}", Problem::Character),
            ("/m[x]", Problem::Character),
            ("/m?x[]=1", Problem::Character),
            ("/m%", Problem::Percent),
            ("/m%2", Problem::Percent),
            ("/m%0g", Problem::Percent),
            ("/.//evil.example/m", Problem::Path),
            ("/x/..//evil.example/m", Problem::Path),
            ("https://crm.internal:8443//evil.example/m", Problem::Path),
            ("", Problem::Length),
        ] {
            assert_eq!(found(&base, reference), Err(problem), "{reference:?}");
        }
        assert_eq!(resolve(&base, b"/m\xff"), Err(Problem::Character));
        assert_eq!(found(&base, &"a".repeat(LONGEST + 1)), Err(Problem::Length));
        assert!(found(&base, &"a".repeat(LONGEST)).is_ok());
    }

    proptest::proptest! {
        #[test]
        fn whatever_is_accepted_is_a_path_at_the_origin(reference in "[a-c/:.@?\\\\\\[\\]%0-9 #-]{0,24}") {
            let base = upstream(false, "a", 80, "/b/c");
            if let Ok(uri) = resolve(&base, reference.as_bytes()) {
                proptest::prop_assert!(uri.host().is_none() && uri.scheme().is_none());
                proptest::prop_assert!(uri.path().starts_with('/') && !uri.path().starts_with("//"));
                proptest::prop_assert!(!uri.path().split('/').any(|segment| segment == ".." || segment == "."));
            }
        }
    }
}
