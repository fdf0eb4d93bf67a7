//! The allowed redirect URIs (RFC 8252, section 7): the person's own machine at any port, or exactly what is
//! configured.

/// One entry of `redirect_uris`.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum RedirectRule<'a> {
    /// `http` to this machine. `None` means any port or path.
    Loopback { origin: &'static str, port: Option<u16>, path: Option<&'a str> },
    /// Exactly this URI.
    Exact(&'a str),
}

/// The names of this machine are not interchangeable: a client gets its code at the one it asked for.
const LOOPBACK: [&str; 3] = ["http://127.0.0.1", "http://[::1]", "http://localhost"];
/// The longest URI, in bytes.
const LONGEST: usize = 1024;
/// Schemes that do not belong to a single application: a browser runs, shows or saves their content, or sends
/// it in clear text.
const SHARED: [&str; 14] = [
    "about",
    "blob",
    "chrome",
    "data",
    "file",
    "filesystem",
    "ftp",
    "http",
    "javascript",
    "mailto",
    "vbscript",
    "view-source",
    "ws",
    "wss",
];

const PLAIN: &str = "not printable ASCII of at most 1024 bytes without \\, # and *";
const IN_THE_CLEAR: &str = "http:// only to 127.0.0.1, [::1] or localhost: any port, or :PORT, and a path of letters, digits and -._~, or /* for any";
const NOWHERE: &str = "accepted: http://127.0.0.1/* and the like, https://HOST/PATH, or a scheme of an application, such as cursor://PATH";

impl<'a> RedirectRule<'a> {
    /// Parses a rule.
    ///
    /// # Errors
    /// What is wrong with it, and what is accepted.
    pub(super) fn parse(text: &'a str) -> Result<Self, &'static str> {
        let star = text.matches('*').count();
        let any_path = LOOPBACK.iter().any(|origin| text.starts_with(origin)) && text.ends_with("/*");
        if text.is_empty() || text.len() > LONGEST || !is_plain(text) || star > usize::from(any_path) {
            return Err(PLAIN);
        }
        for origin in LOOPBACK {
            let Some(rest) = text.strip_prefix(origin) else { continue };
            let (rest, any) = rest.strip_suffix("/*").map_or((rest, false), |rest| (rest, true));
            let (port, path) = place(rest).ok_or(IN_THE_CLEAR)?;
            if any && !path.is_empty() {
                return Err(IN_THE_CLEAR);
            }
            return Ok(Self::Loopback { origin, port, path: (!any).then_some(path) });
        }
        let (scheme, rest) = text.split_once(':').ok_or(NOWHERE)?;
        if scheme == "http" {
            return Err(IN_THE_CLEAR);
        }
        let is_scheme = scheme.starts_with(|first: char| first.is_ascii_lowercase())
            && scheme
                .bytes()
                .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"+-.".contains(&byte));
        if !is_scheme || SHARED.contains(&scheme) || !rest.starts_with('/') || rest.len() < 2 {
            return Err(NOWHERE);
        }
        if scheme == "https" {
            let authority = rest.strip_prefix("//").and_then(|rest| rest.split(['/', '?']).next());
            if authority.is_none_or(|authority| authority.is_empty() || authority.contains('@')) {
                return Err("https:// is followed by a host, without a user name");
            }
        }
        Ok(Self::Exact(text))
    }

    /// Returns whether a client's redirect URI matches the rule.
    pub(super) fn admits(&self, uri: &str) -> bool {
        match self {
            Self::Exact(own) => uri == *own,
            Self::Loopback { origin, port, path } => {
                let place = uri.strip_prefix(origin).filter(|_| uri.len() <= LONGEST).and_then(place);
                place.is_some_and(|(its_port, its_path)| {
                    (port.is_none() || *port == its_port) && path.is_none_or(|path| same_path(path, its_path))
                })
            }
        }
    }
}

fn is_plain(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_graphic() && !b"\\#".contains(&byte))
}

fn same_path(one: &str, other: &str) -> bool {
    one == other || (one.len() <= 1 && other.len() <= 1)
}

/// Splits what follows the host: `:PORT`, then an unambiguous path. No query, fragment, user name or escape
/// is allowed.
fn place(rest: &str) -> Option<(Option<u16>, &str)> {
    let (authority, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
    let port = if authority.is_empty() {
        None
    } else {
        let digits = authority.strip_prefix(':')?;
        let plain = digits.bytes().all(|byte| byte.is_ascii_digit()) && !digits.starts_with('0');
        Some(digits.parse::<u16>().ok().filter(|_| plain)?)
    };
    let segments = path.strip_prefix('/').unwrap_or(path);
    let segments = segments.strip_suffix('/').unwrap_or(segments);
    let good = |segment: &str| {
        !matches!(segment, "" | "." | "..")
            && segment.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte))
    };
    (path.len() <= 1 || segments.split('/').all(good)).then_some((port, path))
}
