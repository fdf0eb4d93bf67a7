//! Strict parsing of `http://` and `https://` URLs of targets and issuers, with a specific error. Database
//! URLs are in [`postgres`], programs that are started as a target in [`program`].

pub(super) mod postgres;
pub(super) mod program;

use std::net::IpAddr;
use std::net::Ipv4Addr;
use std::net::Ipv6Addr;

/// A parsed URL.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct HttpUrl {
    pub(super) tls: bool,
    /// In lower case; an IPv6 address without its brackets.
    pub(super) host: String,
    pub(super) port: u16,
    /// As written, from its first `/` on, without the query.
    pub(super) path: String,
}

/// Why a text is not a usable URL.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum UrlFault {
    #[error("sslcert and sslkey in the URL, but sslmode=disable: a certificate needs TLS")]
    CertificateWithoutTls,
    #[error("not the name of a database in the URL")]
    Database,
    #[error("unknown or repeated query parameter in the URL; allowed: sslmode, sslcert, sslkey")]
    DatabaseQuery,
    #[error("a fragment (#…) in the URL")]
    Fragment,
    #[error("sslcert and sslkey in the URL must be used together")]
    HalfCertificate,
    #[error("not a host name or IP address in the URL")]
    Host,
    #[error("{scheme} is not supported by this version of hoopctl")]
    Later { scheme: &'static str },
    #[error("no database in the URL")]
    NoDatabase,
    #[error("the URL path is ambiguous (dot segments, backslash or encoded slash)")]
    Path,
    #[error("not a port from 1 to 65535 in the URL")]
    Port,
    #[error("a query (?…) in the URL")]
    Query,
    #[error("not an http:// or https:// URL")]
    Scheme,
    #[error("sslmode={mode} in the URL does not authenticate the server: a man in the middle could answer")]
    Unproven { mode: &'static str },
    #[error("a user name or password in the URL")]
    UserInfo,
    #[error(transparent)]
    Words(#[from] program::WordsFault),
}

impl UrlFault {
    /// Returns what to do about it.
    pub(super) fn hint(&self) -> Option<&'static str> {
        Some(match self {
            Self::Later { .. } | Self::Scheme => "accepted: http://HOST, https://HOST, with :PORT and /PATH",
            Self::UserInfo => {
                "name the credential by its source, such as inject = \"basic:USER:env:PASSWORD\""
            }
            Self::Host => {
                "accepted: letters, digits, - and . in ASCII, four numbers, or an IPv6 address in [brackets]"
            }
            Self::Path => {
                "accepted: segments of unreserved characters and %XX, without . and .. and empty ones"
            }
            Self::Database => {
                "accepted: 1 to 63 bytes of UTF-8 without control characters; all but letters, digits and -._~ as %XX"
            }
            Self::DatabaseQuery => {
                "accepted: ?sslmode=verify-full, which is the default, or ?sslmode=disable; sslcert=FILE&sslkey=SRC, where SRC is env:NAME, file:PATH, store:KEY or exec:COMMAND; all but letters, digits and -._~/: as %XX"
            }
            Self::HalfCertificate => {
                "accepted: sslcert=FILE&sslkey=SRC, where SRC is env:NAME, file:PATH, store:KEY or exec:COMMAND"
            }
            Self::CertificateWithoutTls => "take sslmode out, or sslcert and sslkey",
            Self::NoDatabase => "accepted: postgres://HOST/DATABASE, with :PORT",
            Self::Unproven { .. } => {
                "accepted: sslmode=verify-full, which is the default (ca_file names an authority of your own), or sslmode=disable"
            }
            Self::Fragment | Self::Query => "leave it out",
            Self::Words(fault) => fault.hint(),
            Self::Port => return None,
        })
    }
}

/// Planned schemes that this version does not support.
const LATER: [&str; 3] = ["k8s+https://", "graph+https://", "tcp://"];

impl HttpUrl {
    /// Returns whether the host is a literal loopback address; a name such as `localhost` is not.
    pub(super) fn is_loopback_literal(&self) -> bool {
        self.host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
    }
}

/// Returns whether a text in place of a URL may hold a secret: a user name, a query, a fragment, or something
/// other than a port after the host. Applies to invalid URLs too, so only the text is examined.
pub(super) fn may_hold_a_secret(text: &str) -> bool {
    let text = postgres::without_query(text);
    let rest = text.split_once("://").map_or(text, |(_, rest)| rest).trim_start_matches('/');
    let (authority, _) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
    // Colons belong inside the brackets of an IPv6 address.
    let outside =
        authority.strip_prefix('[').and_then(|rest| rest.split_once(']')).map_or(authority, |(_, rest)| rest);
    let port = outside.split_once(':').map(|(_, port)| port);
    let plain = |c: char| c.is_alphanumeric() || "-._~:/[]%+;\\".contains(c);
    !text.chars().all(plain) || port.is_some_and(|port| !port.bytes().all(|byte| byte.is_ascii_digit()))
}

/// Returns the part after `mcp+` in the URL of an MCP server that is reached by HTTP.
pub(super) fn mcp_rest(text: &str) -> Option<&str> {
    let rest = after(text, "mcp+")?;
    (after(rest, "http://").is_some() || after(rest, "https://").is_some()).then_some(rest)
}

/// Returns the part after a scheme, which is matched in any case.
fn after<'a>(text: &'a str, scheme: &str) -> Option<&'a str> {
    let (start, rest) = text.split_at_checked(scheme.len())?;
    start.eq_ignore_ascii_case(scheme).then_some(rest)
}

/// Returns whether a lower-case text is a host name or an address, as in a URL.
pub(super) fn is_host_name(text: &str) -> bool {
    is_host(text) || text.parse::<Ipv6Addr>().is_ok()
}

/// Parses a URL.
pub(super) fn parse(text: &str) -> Result<HttpUrl, UrlFault> {
    let lower = text.to_ascii_lowercase();
    let (tls, rest) = if lower.starts_with("https://") {
        (true, text.get(8..).unwrap_or_default())
    } else if lower.starts_with("http://") {
        (false, text.get(7..).unwrap_or_default())
    } else {
        let later = LATER.into_iter().find(|scheme| lower.starts_with(scheme));
        return Err(later.map_or(UrlFault::Scheme, |scheme| UrlFault::Later { scheme }));
    };
    if rest.contains('#') {
        return Err(UrlFault::Fragment);
    }
    let (authority, path) = rest.split_at(rest.find(['/', '?']).unwrap_or(rest.len()));
    let Address { host, port } = address(authority)?;
    if path.contains('?') {
        return Err(UrlFault::Query);
    }
    if !is_one_reading(path) {
        return Err(UrlFault::Path);
    }
    Ok(HttpUrl { tls, host, port: port.unwrap_or(if tls { 443 } else { 80 }), path: path.to_owned() })
}

/// A host and port.
struct Address {
    host: String,
    /// `None`: the scheme's default.
    port: Option<u16>,
}

/// Parses the part between the scheme and the path.
fn address(authority: &str) -> Result<Address, UrlFault> {
    if authority.contains('@') {
        return Err(UrlFault::UserInfo);
    }
    let (host, port) = authority_parts(authority)?;
    let port = port.map(|digits| port_number(digits).ok_or(UrlFault::Port)).transpose()?;
    Ok(Address { host, port })
}

fn authority_parts(authority: &str) -> Result<(String, Option<&str>), UrlFault> {
    if let Some(rest) = authority.strip_prefix('[') {
        let (host, rest) = rest.split_once(']').ok_or(UrlFault::Host)?;
        let host: Ipv6Addr = host.parse().map_err(|_not_an_address| UrlFault::Host)?;
        let port = match rest {
            "" => None,
            _ => Some(rest.strip_prefix(':').ok_or(UrlFault::Host)?),
        };
        return Ok((host.to_string(), port));
    }
    let (host, port) = authority.split_once(':').map_or((authority, None), |(host, port)| (host, Some(port)));
    let host = host.to_ascii_lowercase();
    if is_host(&host) { Ok((host, port)) } else { Err(UrlFault::Host) }
}

/// Returns whether it is a DNS name (RFC 1123, and `_`, which container networks use) or an IPv4 address in
/// dotted decimal. Some resolvers accept `127.1` and `0x7f.0.0.1` as addresses, so they are refused.
fn is_host(host: &str) -> bool {
    let labels = || host.strip_suffix('.').unwrap_or(host).split('.');
    let label = |label: &str| {
        (1..=63).contains(&label.len())
            && !label.starts_with('-')
            && !label.ends_with('-')
            && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte))
    };
    let number = |label: &str| {
        label.bytes().all(|byte| byte.is_ascii_digit())
            || label.strip_prefix("0x").is_some_and(|rest| rest.bytes().all(|byte| byte.is_ascii_hexdigit()))
    };
    if host.len() > 253 || !labels().all(label) {
        return false;
    }
    // WHATWG URL, "ends in a number": such a host must be an IPv4 address.
    !labels().next_back().is_some_and(number) || host.parse::<Ipv4Addr>().is_ok()
}

fn port_number(digits: &str) -> Option<u16> {
    let plain = digits.bytes().all(|byte| byte.is_ascii_digit()) && !digits.starts_with('0');
    digits.parse().ok().filter(|port| plain && *port > 0)
}

/// Returns whether all servers interpret the path alike: no empty or dot segments, plain or encoded, and
/// nothing that some decode.
fn is_one_reading(path: &str) -> bool {
    let mut bytes = path.bytes();
    while let Some(byte) = bytes.next() {
        let ok = match byte {
            b'%' => {
                let hex = [bytes.next(), bytes.next()]
                    .map(|digit| digit.and_then(|digit| char::from(digit).to_digit(16)));
                // An encoded `.`, `/`, `\`, `%`, `;` or control character is another path to some servers.
                matches!(hex, [Some(high), Some(low)]
                    if !matches!(high * 16 + low, 0..=0x1f | 0x25 | 0x2e | 0x2f | 0x3b | 0x5c | 0x7f))
            }
            b';' => false,
            other => is_path(other),
        };
        if !ok {
            return false;
        }
    }
    let Some(rest) = path.strip_prefix('/') else { return path.is_empty() };
    let rest = rest.strip_suffix('/').unwrap_or(rest);
    rest.is_empty() && path.len() <= 1
        || !rest.is_empty() && rest.split('/').all(|segment| !matches!(segment, "" | "." | ".."))
}

/// Returns whether the byte is a `pchar` and `/` of RFC 3986, section 3.3.
fn is_path(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"-._~!$&'()*+,;=:@/%".contains(&byte)
}
