//! Addresses of databases: one strict reading of `postgres://HOST[:PORT]/DATABASE`, or a fault that says what is wrong.

use crate::config::url::Address;
use crate::config::url::UrlFault;
use crate::config::url::address;
use crate::config::url::is_path;

/// The two schemes; they mean the same.
const SCHEMES: [&str; 2] = ["postgres://", "postgresql://"];
/// The queries that are read, and whether they ask for TLS.
const QUERIES: [(&str, bool); 2] = [("sslmode=verify-full", true), ("sslmode=disable", false)];
/// The modes of libpq that do not prove who answers: a server in between could be the one that logs in.
const UNPROVEN: [&str; 4] = ["allow", "prefer", "require", "verify-ca"];
/// The longest name of a database, in bytes: a server cuts a longer one, and would open another database than the one named.
const NAME_MAX: usize = 63;

/// The address of a database, taken apart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::config) struct DatabaseUrl {
    /// `sslmode=verify-full`; it is the default.
    pub(in crate::config) tls: bool,
    /// In lower case; an IPv6 address without its brackets.
    pub(in crate::config) host: String,
    pub(in crate::config) port: u16,
    /// Decoded.
    pub(in crate::config) database: String,
}

/// What stands behind the scheme, if it is one of a database.
pub(in crate::config) fn rest(text: &str) -> Option<&str> {
    SCHEMES.into_iter().find_map(|scheme| {
        let (start, rest) = text.split_at_checked(scheme.len())?;
        start.eq_ignore_ascii_case(scheme).then_some(rest)
    })
}

/// The address without its query, if that is one of those that are read and so holds no secret.
pub(in crate::config) fn without_query(text: &str) -> &str {
    let known = |end: &str| QUERIES.iter().any(|(query, _)| *query == end);
    match text.split_once('?') {
        Some((address, query)) if rest(text).is_some() && known(query) => address,
        _ => text,
    }
}

/// Reads an address; `text` is what stands behind the scheme.
pub(in crate::config) fn parse(text: &str) -> Result<DatabaseUrl, UrlFault> {
    if text.contains('#') {
        return Err(UrlFault::Fragment);
    }
    let (authority, path) = text.split_at(text.find(['/', '?']).unwrap_or(text.len()));
    let Address { host, port } = address(authority)?;
    let (path, query) = path.split_once('?').map_or((path, None), |(path, query)| (path, Some(query)));
    let tls = query.map_or(Ok(true), tls)?;
    let name = path.strip_prefix('/').filter(|name| !name.is_empty()).ok_or(UrlFault::NoDatabase)?;
    let database = decoded(name).ok_or(UrlFault::Database)?;
    Ok(DatabaseUrl { tls, host, port: port.unwrap_or(5432), database })
}

/// Whether the query asks for TLS.
fn tls(query: &str) -> Result<bool, UrlFault> {
    if let Some((_, tls)) = QUERIES.into_iter().find(|(own, _)| *own == query) {
        return Ok(tls);
    }
    let mode = query.strip_prefix("sslmode=");
    let unproven = mode.and_then(|mode| UNPROVEN.into_iter().find(|own| *own == mode));
    Err(unproven.map_or(UrlFault::DatabaseQuery, |mode| UrlFault::Unproven { mode }))
}

/// The name of a database as it is meant: each `%XX` decoded once, nothing left that is no part of a name.
fn decoded(name: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(name.len());
    let mut rest = name.bytes();
    while let Some(byte) = rest.next() {
        bytes.push(match byte {
            b'%' => {
                let mut digit = || char::from(rest.next()?).to_digit(16);
                u8::try_from(digit()? * 16 + digit()?).ok()?
            }
            // A bare one would begin another segment.
            b'/' => return None,
            other if is_path(other) => other,
            _ => return None,
        });
    }
    let name = String::from_utf8(bytes).ok()?;
    ((1..=NAME_MAX).contains(&name.len()) && !name.chars().any(char::is_control)).then_some(name)
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
            // Decoded once, and a plus is a plus.
            ("postgres://db/%252e+", true, "db", 5432, "%2e+"),
            ("postgres://db/..", true, "db", 5432, ".."),
        ] {
            let wanted = DatabaseUrl { tls, host: host.to_owned(), port, database: database.to_owned() };
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
    fn only_a_query_that_is_read_counts_as_harmless() {
        assert_eq!(without_query("postgres://db/app?sslmode=disable"), "postgres://db/app");
        for text in [
            "postgres://db/app?sslmode=disable&password=hunter2",
            "postgres://db/app?password=hunter2?sslmode=disable",
            "https://db/app?sslmode=disable",
        ] {
            assert_eq!(without_query(text), text);
        }
    }
}
