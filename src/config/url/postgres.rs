//! Strict parsing of database URLs, `postgres://HOST[:PORT]/DATABASE`, with libpq's option names and a
//! specific error.

use crate::config::url::Address;
use crate::config::url::UrlFault;
use crate::config::url::address;
use crate::config::url::is_path;
use crate::domain::percent;
use crate::domain::secret::SecretRef;
use crate::domain::sql::NAME_MAX;

/// The two schemes, which are equivalent.
const SCHEMES: [&str; 2] = ["postgres://", "postgresql://"];
/// libpq modes that do not authenticate the server: a man in the middle could be the one that logs in.
const UNPROVEN: [&str; 4] = ["allow", "prefer", "require", "verify-ca"];

/// A parsed database URL.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::config) struct DatabaseUrl {
    /// `sslmode=verify-full`, the default.
    pub(in crate::config) tls: bool,
    /// In lower case; an IPv6 address without its brackets.
    pub(in crate::config) host: String,
    pub(in crate::config) port: u16,
    /// Percent-decoded.
    pub(in crate::config) database: String,
    /// `sslcert` and `sslkey`, percent-decoded.
    pub(in crate::config) certificate: Option<(String, String)>,
}

/// The options after the `?`.
struct Options {
    tls: bool,
    certificate: Option<(String, String)>,
}

/// Returns the part after the scheme, if it is that of a database.
pub(in crate::config) fn rest(text: &str) -> Option<&str> {
    SCHEMES.into_iter().find_map(|scheme| {
        let (start, rest) = text.split_at_checked(scheme.len())?;
        start.eq_ignore_ascii_case(scheme).then_some(rest)
    })
}

/// Returns the URL without its query, if the query is valid and names its key by a path or the store, so that
/// it holds no secret.
pub(in crate::config) fn without_query(text: &str) -> &str {
    let harmless = |query: &str| match options(query) {
        Ok(Options { certificate: Some((_, key)), .. }) => {
            matches!(key.parse(), Ok(SecretRef::File(_) | SecretRef::Store(_)))
        }
        read => read.is_ok(),
    };
    match text.split_once('?') {
        Some((address, query)) if rest(text).is_some() && harmless(query) => address,
        _ => text,
    }
}

/// Parses a URL; `text` is the part after the scheme.
pub(in crate::config) fn parse(text: &str) -> Result<DatabaseUrl, UrlFault> {
    if text.contains('#') {
        return Err(UrlFault::Fragment);
    }
    let (authority, path) = text.split_at(text.find(['/', '?']).unwrap_or(text.len()));
    let Address { host, port } = address(authority)?;
    let (path, query) = path.split_once('?').map_or((path, None), |(path, query)| (path, Some(query)));
    let Options { tls, certificate } = query.map_or(Ok(Options { tls: true, certificate: None }), options)?;
    let name = path.strip_prefix('/').filter(|name| !name.is_empty()).ok_or(UrlFault::NoDatabase)?;
    // An unescaped slash would begin another segment.
    let database = if name.contains('/') { None } else { decoded(name) };
    let database = database.filter(|name| name.len() <= NAME_MAX).ok_or(UrlFault::Database)?;
    Ok(DatabaseUrl { tls, host, port: port.unwrap_or(5432), database, certificate })
}

/// Parses a query: each option at most once, each with a value.
fn options(query: &str) -> Result<Options, UrlFault> {
    let (mut mode, mut file, mut key) = (None, None, None);
    for option in query.split('&') {
        let (name, value) = option.split_once('=').ok_or(UrlFault::DatabaseQuery)?;
        let place = match name {
            "sslmode" => &mut mode,
            "sslcert" => &mut file,
            "sslkey" => &mut key,
            _ => return Err(UrlFault::DatabaseQuery),
        };
        let value = decoded(value).ok_or(UrlFault::DatabaseQuery)?;
        if place.replace(value).is_some() {
            return Err(UrlFault::DatabaseQuery);
        }
    }
    let tls = match mode.as_deref() {
        None | Some("verify-full") => true,
        Some("disable") => false,
        Some(other) => {
            let unproven = UNPROVEN.into_iter().find(|own| *own == other);
            return Err(unproven.map_or(UrlFault::DatabaseQuery, |mode| UrlFault::Unproven { mode }));
        }
    };
    let certificate = match (file, key) {
        (None, None) => None,
        (Some(file), Some(key)) if tls => Some((file, key)),
        (Some(_), Some(_)) => return Err(UrlFault::CertificateWithoutTls),
        _ => return Err(UrlFault::HalfCertificate),
    };
    Ok(Options { tls, certificate })
}

/// Percent-decodes a text once. `None` if it is empty or invalid as a name.
fn decoded(text: &str) -> Option<String> {
    if !text.bytes().all(|byte| byte == b'%' || is_path(byte)) {
        return None;
    }
    let text = percent::decode_text(text)?;
    (!text.is_empty() && !text.chars().any(char::is_control)).then_some(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<DatabaseUrl, UrlFault> {
        parse(rest(text).unwrap_or_else(|| panic!("{text} is no address of a database")))
    }

    #[test]
    fn an_address_is_read_one_way() {
        for (text, tls, host, port, database) in [
            ("postgres://db/app", true, "db", 5432, "app"),
            ("postgresql://db/app", true, "db", 5432, "app"),
            ("POSTGRES://DB.Internal:6432/App", true, "db.internal", 6432, "App"),
            ("postgres://[::1]:1/app?sslmode=disable", false, "::1", 1, "app"),
            ("postgres://127.0.0.1/app?sslmode=verify-full", true, "127.0.0.1", 5432, "app"),
            ("postgres://db/a%2Fb%20%25%3f", true, "db", 5432, "a/b %?"),
            ("postgres://db/caf%C3%A9", true, "db", 5432, "caf\u{e9}"),
            // Decoded once; a plus stays a plus.
            ("postgres://db/%252e+", true, "db", 5432, "%2e+"),
            ("postgres://db/..", true, "db", 5432, ".."),
        ] {
            let (host, database) = (host.to_owned(), database.to_owned());
            let wanted = DatabaseUrl { tls, host, port, database, certificate: None };
            assert_eq!(read(text), Ok(wanted), "{text}");
        }
        let longest = "x".repeat(63);
        assert_eq!(read(&format!("postgres://db/{longest}")).map(|url| url.database), Ok(longest));
    }

    #[test]
    fn what_another_reader_could_take_for_another_address_is_refused() {
        for (text, fault) in [
            ("postgres://db", UrlFault::NoDatabase),
            ("postgres://db/", UrlFault::NoDatabase),
            ("postgres://db?sslmode=disable", UrlFault::NoDatabase),
            ("postgres:///app", UrlFault::Host),
            ("postgres://one,two/app", UrlFault::Host),
            ("postgres://%2Fvar%2Frun/app", UrlFault::Host),
            ("postgres://127.1/app", UrlFault::Host),
            ("postgres://db:0/app", UrlFault::Port),
            ("postgres://db:05432/app", UrlFault::Port),
            ("postgres://db:5432,6432/app", UrlFault::Port),
            ("postgres://svc:pw@db/app", UrlFault::UserInfo),
            ("postgres://svc@db/app", UrlFault::UserInfo),
            ("postgres://db/app#x", UrlFault::Fragment),
            ("postgres://db/app/", UrlFault::Database),
            ("postgres://db/app/two", UrlFault::Database),
            ("postgres://db/%00", UrlFault::Database),
            ("postgres://db/app%0a", UrlFault::Database),
            ("postgres://db/app%C2%85", UrlFault::Database),
            ("postgres://db/app%", UrlFault::Database),
            ("postgres://db/app%4", UrlFault::Database),
            ("postgres://db/app%+1", UrlFault::Database),
            ("postgres://db/app%zz", UrlFault::Database),
            ("postgres://db/app%ff", UrlFault::Database),
            ("postgres://db/app%C3", UrlFault::Database),
            ("postgres://db/a b", UrlFault::Database),
            ("postgres://db/caf\u{e9}", UrlFault::Database),
            ("postgres://db/app?", UrlFault::DatabaseQuery),
            ("postgres://db/app?sslmode", UrlFault::DatabaseQuery),
            ("postgres://db/app?sslmode=", UrlFault::DatabaseQuery),
            ("postgres://db/app?sslmode=Disable", UrlFault::DatabaseQuery),
            ("postgres://db/app?sslmode=no-verify", UrlFault::DatabaseQuery),
            ("postgres://db/app?sslmode=verify-full&sslmode=disable", UrlFault::DatabaseQuery),
            ("postgres://db/app?sslmode=verify-full?", UrlFault::DatabaseQuery),
            ("postgres://db/app?sslmode=verify-full&", UrlFault::DatabaseQuery),
            ("postgres://db/app?sslcert=&sslkey=file:k", UrlFault::DatabaseQuery),
            ("postgres://db/app?sslcert=c&sslkey=", UrlFault::DatabaseQuery),
            ("postgres://db/app?sslcert=c&sslcert=d&sslkey=file:k", UrlFault::DatabaseQuery),
            ("postgres://db/app?sslcert=c&sslkey=file:k&sslkey=file:l", UrlFault::DatabaseQuery),
            ("postgres://db/app?sslcert=c&sslkey=file:k%00", UrlFault::DatabaseQuery),
            ("postgres://db/app?sslcert=c?x&sslkey=file:k", UrlFault::DatabaseQuery),
            ("postgres://db/app?sslcert=c&sslkey=file:k&sslpassword=x", UrlFault::DatabaseQuery),
            ("postgres://db/app?SSLCERT=c&sslkey=file:k", UrlFault::DatabaseQuery),
            ("postgres://db/app?sslcert=c", UrlFault::HalfCertificate),
            ("postgres://db/app?sslkey=file:k&sslmode=verify-full", UrlFault::HalfCertificate),
            ("postgres://db/app?sslmode=disable&sslcert=c&sslkey=file:k", UrlFault::CertificateWithoutTls),
            (
                "postgres://db/app?sslcert=c&sslkey=file:k&sslmode=require",
                UrlFault::Unproven { mode: "require" },
            ),
            ("postgres://db/app?host=evil", UrlFault::DatabaseQuery),
            ("postgres://db/app?password=x", UrlFault::DatabaseQuery),
            ("postgres://db/app?sslmode=require", UrlFault::Unproven { mode: "require" }),
            ("postgres://db/app?sslmode=verify-ca", UrlFault::Unproven { mode: "verify-ca" }),
            ("postgres://db/app?sslmode=prefer", UrlFault::Unproven { mode: "prefer" }),
            ("postgres://db/app?sslmode=allow", UrlFault::Unproven { mode: "allow" }),
        ] {
            assert_eq!(read(text), Err(fault), "{text}");
        }
        for length in [64, 200] {
            let text = format!("postgres://db/{}", "x".repeat(length));
            assert_eq!(read(&text), Err(UrlFault::Database), "{length}");
        }
        for text in
            ["postgresq://db/app", "postgres:/db/app", "postgres:db", "http://db/app", "postgr\u{e9}s://db"]
        {
            assert_eq!(rest(text), None, "{text}");
        }
    }

    #[test]
    fn a_certificate_is_read_in_any_order_and_decoded_once() {
        for (query, file, key) in [
            ("sslcert=client.crt&sslkey=file:client.key", "client.crt", "file:client.key"),
            ("sslkey=store:db/key&sslmode=verify-full&sslcert=/etc/c.crt", "/etc/c.crt", "store:db/key"),
            ("sslcert=a%20b%26c%2525&sslkey=exec:/bin/key%20db", "a b&c%25", "exec:/bin/key db"),
        ] {
            let url = read(&format!("postgres://db/app?{query}")).unwrap();
            assert!(url.tls, "{query}");
            assert_eq!(url.certificate, Some((file.to_owned(), key.to_owned())), "{query}");
        }
    }

    #[test]
    fn only_a_query_that_is_read_counts_as_harmless() {
        for query in
            ["sslmode=disable", "sslcert=c&sslkey=file:/k", "sslkey=store:k&sslcert=c&sslmode=verify-full"]
        {
            assert_eq!(without_query(&format!("postgres://db/app?{query}")), "postgres://db/app");
        }
        for text in [
            "postgres://db/app?sslcert=c&sslkey=hunter2",
            "postgres://db/app?sslcert=c&sslkey=env:hunter2",
            "postgres://db/app?sslcert=c&sslkey=exec:key%20--password%20hunter2",
            "postgres://db/app?sslkey=file:k&sslcert=c&sslpassword=hunter2",
            "postgres://db/app?sslmode=disable&password=hunter2",
            "postgres://db/app?password=hunter2?sslmode=disable",
            "https://db/app?sslmode=disable",
        ] {
            assert_eq!(without_query(text), text);
        }
    }
}
