//! The origin of the page, as browsers write it.

use crate::domain::id::ApprovalId;
use crate::transport::fetch::Location;

/// The origin of the page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Site {
    /// Scheme, host in lower case, and the port unless it is the scheme's default.
    origin: String,
    secure: bool,
}

impl Site {
    /// Parses a URL. `https` for any host, `http` only for loopback.
    ///
    /// # Errors
    /// The problem.
    pub fn parse(url: &str) -> Result<Self, &'static str> {
        let location = Location::parse(url)
            .map_err(|_why| "not https://HOST[:PORT], or http:// to this machine alone")?;
        let authority = url.split_once("://").map_or("", |(_, rest)| rest.trim_end_matches('/'));
        if authority.contains(['/', '?', '\\']) {
            return Err("it has a path or a query, and the page's cookies are for a host of its own");
        }
        let (scheme, own_port) = if location.secure { ("https", 443) } else { ("http", 80) };
        let host = if location.host.contains(':') { format!("[{}]", location.host) } else { location.host };
        let port = if location.port == own_port { String::new() } else { format!(":{}", location.port) };
        Ok(Self { origin: format!("{scheme}://{host}{port}"), secure: location.secure })
    }

    /// Returns the `Origin` header that a browser sends on this page.
    pub fn origin(&self) -> &str {
        &self.origin
    }

    /// Returns whether it uses TLS, so that its cookies can require it.
    pub const fn is_secure(&self) -> bool {
        self.secure
    }

    /// Returns the URL of one approval, for people.
    pub fn approval(&self, id: ApprovalId) -> String {
        format!("{}/approval/{id}", self.origin)
    }

    /// Returns the redirect URI, to be registered at the issuer for the page's client.
    pub fn redirect_uri(&self) -> String {
        format!("{}/signed-in", self.origin)
    }

    /// Returns whether a `Host` header names this origin.
    pub(super) fn is_called(&self, host: &str) -> bool {
        let scheme = if self.secure { "https" } else { "http" };
        Self::parse(&format!("{scheme}://{host}")).is_ok_and(|called| called == *self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_origin_is_what_browsers_make_of_it() {
        for (url, origin, secure) in [
            ("https://GW.example:8441", "https://gw.example:8441", true),
            ("https://gw.example:443/", "https://gw.example", true),
            ("http://127.0.0.1:8441", "http://127.0.0.1:8441", false),
            ("http://localhost:80", "http://localhost", false),
            ("https://[2001:DB8::1]:8441", "https://[2001:db8::1]:8441", true),
        ] {
            let site = Site::parse(url).unwrap();
            assert_eq!((site.origin(), site.is_secure()), (origin, secure), "{url}");
            assert_eq!(site.redirect_uri(), format!("{origin}/signed-in"));
        }
        for url in [
            "http://gw.example",
            "https://gw.example/admin",
            "https://gw.example/?x",
            "https://gw.example?x",
            "https://ada@gw.example",
            "https://gw.example#x",
            "https://",
            "gw.example",
            "javascript:alert(1)",
        ] {
            assert!(Site::parse(url).is_err(), "{url}");
        }
    }

    #[test]
    fn only_its_own_host_names_it() {
        let site = Site::parse("https://gw.example:8441").unwrap();
        assert!(site.is_called("gw.example:8441") && site.is_called("GW.example:8441"));
        for host in [
            "",
            "gw.example",
            "evil.example:8441",
            "gw.example:8441/x",
            "gw.example:8441.evil.example",
            "gw.example:8441@evil.example",
            "evil.example@gw.example:8441",
            "gw.example:8441#",
            "gw.example:8441\r\nX: y",
        ] {
            assert!(!site.is_called(host), "{host:?}");
        }
        assert!(Site::parse("https://gw.example").unwrap().is_called("gw.example:443"));
    }
}
