//! `[[connection]]`: the way to a target, its credential and its limits.

use std::net::IpAddr;
use std::time::Duration;

use crate::config::reader::Table;
use crate::config::reader::Value;
use crate::config::url;
use crate::config::url::UrlFault;
use crate::config::value::DAY;
use crate::domain::connection::ApprovalMode;
use crate::domain::connection::Connection;
use crate::domain::connection::ConnectionLimits;
use crate::domain::connection::ConnectionName;
use crate::domain::connection::DatabaseOptions;
use crate::domain::connection::Injection;
use crate::domain::connection::Protocol;
use crate::domain::connection::Upstream;
use crate::domain::connection::Weaker;

const NAME_HINT: &str = "accepted: 1 to 63 of a-z, 0-9 and -";
const UPSTREAM_HINT: &str =
    "accepted: http://HOST, https://HOST, with :PORT and /PATH; postgres://HOST/DATABASE, with :PORT";
const INJECT_HINT: &str = "accepted: bearer:SRC, basic:USER:SRC, header:NAME:SRC, none; SRC is env:NAME, file:PATH, store:KEY or exec:COMMAND";
const LOGIN_HINT: &str =
    "accepted for postgres://: password:USER:SRC; SRC is env:NAME, file:PATH, store:KEY or exec:COMMAND";
/// The longest name of a database user, in bytes: a server cuts a longer one.
const USER_MAX: usize = 63;

/// Headers that the gateway and HTTP itself set: none of them can carry a credential of the target.
const NOT_FOR_CREDENTIALS: [&str; 12] = [
    "connection",
    "content-length",
    "content-type",
    "expect",
    "host",
    "keep-alive",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "content-encoding",
    "forwarded",
];

/// Reads the body of one `[[connection]]`.
pub(super) fn read(value: &Value<'_>) -> Option<Connection> {
    value.table(read_table)?
}

fn read_table(table: &mut Table<'_>) -> Option<Connection> {
    let name = table.required("name", NAME_HINT).and_then(|value| name(&value));
    let upstream_value = table.required("upstream", UPSTREAM_HINT);
    // A broken address still says what is meant to be spoken there.
    let spoken = upstream_value.as_ref().and_then(spoken);
    let upstream = upstream_value.as_ref().and_then(upstream);
    let inject_value = match spoken {
        Some(Protocol::Postgres) => table.required("inject", LOGIN_HINT),
        _ => table.take("inject"),
    };
    let inject = match (&inject_value, spoken) {
        (Some(value), _) => inject(value, spoken),
        (None, Some(Protocol::Postgres)) => None,
        (None, _) => Some(Injection::None),
    };
    let tags = table.take("tags").map(|value| value.text_map()).unwrap_or_default();
    let limits =
        table.take("limits").and_then(|value| value.table(|table| limits(table, spoken))).unwrap_or_default();
    let ca_file = table.take("ca_file");
    let ca_path = ca_file.as_ref().and_then(Value::file);
    let database = database(table, spoken, upstream.as_ref().is_none_or(|upstream| upstream.tls));
    table.later(
        &["env", "trust_annotations", "protocol"],
        "this version serves targets at http://, https:// and postgres://",
    );
    let (upstream_value, upstream) = (upstream_value?, upstream?);
    if let (Some(value), false) = (&ca_file, upstream.tls) {
        let (problem, hint) = match upstream.protocol {
            Protocol::Http => ("no use for an http:// upstream", "write https://, or leave it out"),
            Protocol::Postgres => {
                ("no use with sslmode=disable", "take sslmode out of upstream, or leave it out")
            }
        };
        value.problem(problem, hint.to_owned());
    }
    let inject = inject?;
    if inject.source().is_some() && !upstream.tls && !is_loopback(&upstream) {
        let (problem, hint) = match upstream.protocol {
            Protocol::Http => ("the target's credential crosses the network unencrypted", "use https://"),
            Protocol::Postgres => (
                "the login and all rows cross the network unencrypted, and nothing proves who answers",
                "take ?sslmode=disable out",
            ),
        };
        upstream_value.warning(problem, hint.to_owned());
    }
    let origin = table.source.origin(&table.span);
    Some(Connection {
        name: name?,
        origin,
        protocol: upstream.protocol,
        upstream,
        inject,
        tags,
        limits,
        ca_file: ca_path,
        database,
    })
}

/// A name of a connection, an issuer or the like.
pub(super) fn name(value: &Value<'_>) -> Option<ConnectionName> {
    let name = value.text()?.parse().ok();
    if name.is_none() {
        value.problem("not a name", NAME_HINT.to_owned());
    }
    name
}

fn is_loopback(upstream: &Upstream) -> bool {
    let literal = upstream.host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback());
    literal || &*upstream.host == "localhost"
}

/// What is spoken at an address, going by its scheme.
fn spoken(value: &Value<'_>) -> Option<Protocol> {
    let text = value.node.as_str()?;
    let starts =
        |scheme: &str| text.get(..scheme.len()).is_some_and(|start| start.eq_ignore_ascii_case(scheme));
    if url::postgres::rest(text).is_some() {
        return Some(Protocol::Postgres);
    }
    ["http://", "https://"].into_iter().any(starts).then_some(Protocol::Http)
}

fn upstream(value: &Value<'_>) -> Option<Upstream> {
    let text = value.url_text()?;
    let read = match url::postgres::rest(text) {
        Some(rest) => url::postgres::parse(rest).map(|url| Upstream {
            protocol: Protocol::Postgres,
            tls: url.tls,
            host: url.host.into(),
            port: url.port,
            base_path: format!("/{}", url.database).into(),
        }),
        None => url::parse(text).map(|url| Upstream {
            protocol: Protocol::Http,
            tls: url.tls,
            host: url.host.into(),
            port: url.port,
            base_path: url.path.trim_end_matches('/').into(),
        }),
    };
    read.map_err(|fault| {
        let hint = match &fault {
            UrlFault::Later { .. } | UrlFault::Scheme => Some(UPSTREAM_HINT),
            UrlFault::UserInfo if url::postgres::rest(text).is_some() => {
                Some("name the login by its source, such as inject = \"password:USER:env:PASSWORD\"")
            }
            _ => fault.hint(),
        };
        let problem = match &fault {
            UrlFault::Scheme => "not an http://, https:// or postgres:// URL".to_owned(),
            _ => fault.to_string(),
        };
        value.problem(problem, hint.map(str::to_owned));
    })
    .ok()
}

/// Reads `inject`; `spoken` is what the target speaks, if that is known.
fn inject(value: &Value<'_>, spoken: Option<Protocol>) -> Option<Injection> {
    let hint = || if spoken == Some(Protocol::Postgres) { LOGIN_HINT } else { INJECT_HINT }.to_owned();
    let DeText(text) = DeText::of(value, hint())?;
    let (kind, rest) = text.split_once(':').unwrap_or((text, ""));
    match (kind, spoken) {
        ("bearer" | "basic" | "header" | "none", Some(Protocol::Postgres)) => {
            value.secret_problem(format!("{kind} is for http:// and https:// only"), hint());
            return None;
        }
        ("password", Some(Protocol::Http)) => {
            value.secret_problem("password: is for postgres:// only", hint());
            return None;
        }
        _ => {}
    }
    match kind {
        "none" if text == "none" => Some(Injection::None),
        "bearer" => value.secret_in(rest).map(Injection::Bearer),
        "basic" | "password" => {
            let Some((user, source)) = rest.split_once(':') else {
                value.secret_problem(format!("not {kind}:USER:SRC"), hint());
                return None;
            };
            let too_long = kind == "password" && user.len() > USER_MAX;
            if user.is_empty() || too_long || user.chars().any(char::is_control) {
                value.secret_problem(format!("not a user name in {kind}:USER:SRC"), hint());
                return None;
            }
            let (user, password) = (user.to_owned(), value.secret_in(source)?);
            Some(match kind {
                "basic" => Injection::Basic { user, password },
                _ => Injection::Password { user, password },
            })
        }
        "header" => {
            let Some((name, source)) = rest.split_once(':') else {
                value.secret_problem("not header:NAME:SRC", hint());
                return None;
            };
            let name = header_name(value, name)?;
            let source = value.secret_in(source)?;
            Some(Injection::Header { name, value: source })
        }
        "oauth" => {
            value.secret_problem("oauth: is not supported by this version of hoopctl", hint());
            None
        }
        _ => {
            value.secret_problem("not a way to inject a credential", hint());
            None
        }
    }
}

/// The keys that only a database has; `tls` says whether it is reached by TLS.
fn database(table: &mut Table<'_>, spoken: Option<Protocol>, tls: bool) -> DatabaseOptions {
    let mut flag = |key| database_key(table, key, spoken).and_then(|value| value.flag()).unwrap_or_default();
    let readonly = flag("readonly");
    let (accept_md5, accept_trust) = (flag("accept_md5"), flag("accept_trust"));
    let cleartext = database_key(table, "accept_cleartext", spoken);
    let accept_cleartext = cleartext.as_ref().and_then(Value::flag).unwrap_or_default();
    if let (Some(value), true, false) = (&cleartext, accept_cleartext, tls) {
        value.warning(
            "no use with sslmode=disable: a password in the clear is sent inside TLS only",
            "leave it out, or take sslmode out of upstream".to_owned(),
        );
    }
    let modes = [ApprovalMode::Wait, ApprovalMode::Retry].map(|mode| (mode.as_str(), mode));
    let approval_mode = database_key(table, "approval_mode", spoken).and_then(|value| value.word(&modes));
    DatabaseOptions {
        readonly,
        approval_mode: approval_mode.unwrap_or_default(),
        accept: Weaker { accept_cleartext, accept_md5, accept_trust },
    }
}

/// The value of a key that only a database has: on another target it would promise what nobody keeps.
fn database_key<'d>(table: &mut Table<'d>, key: &'static str, spoken: Option<Protocol>) -> Option<Value<'d>> {
    let value = table.take(key)?;
    if spoken == Some(Protocol::Http) {
        value.problem("only for postgres://", "leave it out".to_owned());
        return None;
    }
    Some(value)
}

/// A text that may be a secret: of another type it is not repeated either.
struct DeText<'d>(&'d str);

impl<'d> DeText<'d> {
    fn of(value: &Value<'d>, hint: String) -> Option<Self> {
        let text = value.node.as_str().map(Self);
        if text.is_none() {
            value.secret_problem("not a text", hint);
        }
        text
    }
}

fn header_name(value: &Value<'_>, name: &str) -> Option<String> {
    let Ok(parsed) = name.parse::<http::HeaderName>() else {
        value.secret_problem(
            "not a header name in header:NAME:SRC",
            "accepted: a token of RFC 9110".to_owned(),
        );
        return None;
    };
    let own = parsed.as_str().starts_with("hoopctl-") || parsed.as_str().starts_with("proxy-");
    if own || NOT_FOR_CREDENTIALS.contains(&parsed.as_str()) {
        value.secret_problem(
            format!("the header {parsed} cannot carry a credential"),
            "accepted: a header of the target's own, such as X-Api-Key".to_owned(),
        );
        return None;
    }
    Some(parsed.as_str().to_owned())
}

fn limits(table: &mut Table<'_>, spoken: Option<Protocol>) -> ConnectionLimits {
    let default = ConnectionLimits::default();
    let rows = database_key(table, "rows", spoken).and_then(|value| value.whole(1..=1_000_000_000));
    let mut duration = |key, low_ms, high, default| {
        let bounds = Duration::from_millis(low_ms)..=high;
        table.take(key).and_then(|value| value.duration(bounds)).unwrap_or(default)
    };
    let hour = Duration::from_hours(1);
    ConnectionLimits {
        session: duration("session", 100, DAY * 30, default.session),
        idle: duration("idle", 100, DAY * 30, default.idle),
        approval_wait: duration("approval_wait", 0, hour, default.approval_wait),
        connect: duration("connect", 10, Duration::from_mins(5), default.connect),
        response: duration("response", 10, hour, default.response),
        body: table.take("body").and_then(|value| value.size(1..=1 << 30)).unwrap_or(default.body),
        rate: table.take("rate").and_then(|value| value.whole(1..=1_000_000)),
        rows,
    }
}
