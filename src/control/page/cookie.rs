//! The page's two cookies: the browser's session, and its sign-ins in progress. No script can read them, and
//! no other host can set them.

use http::HeaderMap;
use http::header;
use http::header::HeaderValue;

use crate::control::page::site::Site;

/// A cookie, by its full name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Cookie(String);

impl Cookie {
    /// Returns the cookie of a signed-in browser.
    pub(super) fn session(site: &Site) -> Self {
        Self::named(site, "hoopctl-page")
    }

    /// Returns the cookie of a browser with sign-ins in progress: one for all of them, so that a browser that
    /// begins many does not accumulate cookies until its header exceeds the gateway's limit.
    pub(super) fn begun(site: &Site) -> Self {
        Self::named(site, "hoopctl-begun")
    }

    /// Returns the cookie named `__Host-…`: only the host itself can set it, for all paths, over TLS (RFC
    /// 6265bis, section 4.1.3.2). Without TLS, which is for loopback only, there is no prefix: cookies are
    /// not bound to ports (RFC 6265, section 8.5), so a server on another port can read and set them.
    /// Choosing the id differently does not help there: whoever plants one can immediately lead the browser
    /// to the end of that sign-in.
    fn named(site: &Site, name: &str) -> Self {
        Self(if site.is_secure() { format!("__Host-{name}") } else { name.to_owned() })
    }

    /// Returns its value in a request. Two cookies of the same name count as none: they cannot be told apart.
    pub(super) fn read<'a>(&self, headers: &'a HeaderMap) -> Option<&'a str> {
        let lines = headers.get_all(header::COOKIE).iter().filter_map(|line| line.to_str().ok());
        let pairs = lines.flat_map(|line| line.split(';')).filter_map(|pair| pair.trim().split_once('='));
        let mut values = pairs.filter(|(name, _)| *name == self.0).map(|(_, value)| value);
        let value = values.next().filter(|value| is_id(value))?;
        values.next().is_none().then_some(value)
    }

    /// Sets it, for this many seconds.
    pub(super) fn set(&self, site: &Site, value: &str, seconds: u64) -> Option<HeaderValue> {
        let secure = if site.is_secure() { "; Secure" } else { "" };
        let line = format!("{}={value}; Path=/; Max-Age={seconds}; HttpOnly; SameSite=Lax{secure}", self.0);
        HeaderValue::try_from(line).ok()
    }

    /// Deletes it.
    pub(super) fn clear(&self, site: &Site) -> Option<HeaderValue> {
        self.set(site, "", 0)
    }
}

fn is_id(value: &str) -> bool {
    value.len() == 43 && value.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(lines: &[&str]) -> HeaderMap {
        lines.iter().map(|line| (header::COOKIE, HeaderValue::try_from(*line).unwrap())).collect()
    }

    #[test]
    fn one_cookie_of_its_name_counts() {
        let site = Site::parse("https://gw.example").unwrap();
        let cookie = Cookie::session(&site);
        let id = "a".repeat(43);
        let other = "b".repeat(43);
        let own = format!("__Host-hoopctl-page={id}");
        assert_eq!(cookie.read(&headers(&[&own])), Some(id.as_str()));
        assert_eq!(cookie.read(&headers(&[&format!("x=y; {own}; z=1")])), Some(id.as_str()));
        assert_eq!(cookie.read(&headers(&["x=y", &own])), Some(id.as_str()));
        for lines in [
            vec![],
            vec![format!("hoopctl-page={id}")],
            vec![format!("__host-hoopctl-page={id}")],
            vec![format!("{own}; __Host-hoopctl-page={other}")],
            vec![own.clone(), own.clone()],
            vec![format!("{own}x")],
            vec!["__Host-hoopctl-page=".to_owned()],
            vec![format!("x=\"{own}\"")],
        ] {
            let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
            assert_eq!(cookie.read(&headers(&lines)), None, "{lines:?}");
        }
    }

    #[test]
    fn no_script_reads_it_and_no_other_host_sets_it() {
        let site = Site::parse("https://gw.example").unwrap();
        assert_eq!(
            Cookie::session(&site).set(&site, "v", 60).unwrap(),
            "__Host-hoopctl-page=v; Path=/; Max-Age=60; HttpOnly; SameSite=Lax; Secure"
        );
        assert_eq!(
            Cookie::begun(&site).clear(&site).unwrap(),
            "__Host-hoopctl-begun=; Path=/; Max-Age=0; HttpOnly; SameSite=Lax; Secure"
        );
        let plain = Site::parse("http://127.0.0.1:1").unwrap();
        assert_eq!(
            Cookie::session(&plain).set(&plain, "v", 60).unwrap(),
            "hoopctl-page=v; Path=/; Max-Age=60; HttpOnly; SameSite=Lax"
        );
    }
}
