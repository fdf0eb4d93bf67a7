//! `[[connection]]`: the way to a target, its credential and its limits.

use std::net::IpAddr;
use std::time::Duration;

use crate::config::reader::Table;
use crate::config::reader::Value;
use crate::config::value::DAY;
use crate::domain::connection::Connection;
use crate::domain::connection::ConnectionLimits;
use crate::domain::connection::ConnectionName;
use crate::domain::connection::DatabaseOptions;
use crate::domain::connection::Injection;
use crate::domain::connection::Protocol;
use crate::domain::connection::Upstream;

const NAME_HINT: &str = "accepted: 1 to 63 of a-z, 0-9 and -";
const INJECT_HINT: &str = "accepted: bearer:SRC, basic:USER:SRC, header:NAME:SRC, none; SRC is env:NAME, file:PATH, store:KEY or exec:COMMAND";

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
    let upstream_value =
        table.required("upstream", "accepted: http://HOST, https://HOST, with :PORT and /PATH");
    let upstream = upstream_value.as_ref().and_then(upstream);
    let inject = match table.take("inject") {
        Some(value) => inject(&value),
        None => Some(Injection::None),
    };
    let tags = table.take("tags").map(|value| value.text_map()).unwrap_or_default();
    let limits = table.take("limits").and_then(|value| value.table(limits)).unwrap_or_default();
    let ca_file = table.take("ca_file");
    let ca_path = ca_file.as_ref().and_then(Value::file);
    table.later(&["env", "trust_annotations", "protocol"], "this version serves HTTP targets only");
    let (upstream_value, upstream) = (upstream_value?, upstream?);
    if let (Some(value), false) = (&ca_file, upstream.tls) {
        value.problem("no use for an http:// upstream", "write https://, or leave it out".to_owned());
    }
    let inject = inject?;
    if inject.source().is_some() && !upstream.tls && !is_loopback(&upstream) {
        upstream_value
            .warning("the target's credential crosses the network unencrypted", "use https://".to_owned());
    }
    let origin = table.source.origin(&table.span);
    Some(Connection {
        name: name?,
        origin,
        protocol: Protocol::Http,
        upstream,
        inject,
        tags,
        limits,
        ca_file: ca_path,
        database: DatabaseOptions::default(),
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

fn upstream(value: &Value<'_>) -> Option<Upstream> {
    let url = value.http_url()?;
    Some(Upstream {
        protocol: Protocol::Http,
        tls: url.tls,
        host: url.host.into(),
        port: url.port,
        base_path: url.path.trim_end_matches('/').into(),
    })
}

fn inject(value: &Value<'_>) -> Option<Injection> {
    let DeText(text) = DeText::of(value)?;
    if text == "none" {
        return Some(Injection::None);
    }
    let (kind, rest) = text.split_once(':').unwrap_or(("", text));
    match kind {
        "bearer" => value.secret_in(rest).map(Injection::Bearer),
        "basic" => {
            let Some((user, source)) = rest.split_once(':') else {
                value.secret_problem("not basic:USER:SRC", INJECT_HINT.to_owned());
                return None;
            };
            if user.is_empty() || user.chars().any(char::is_control) {
                value.secret_problem("not a user name in basic:USER:SRC", INJECT_HINT.to_owned());
                return None;
            }
            let password = value.secret_in(source)?;
            Some(Injection::Basic { user: user.to_owned(), password })
        }
        "header" => {
            let Some((name, source)) = rest.split_once(':') else {
                value.secret_problem("not header:NAME:SRC", INJECT_HINT.to_owned());
                return None;
            };
            let name = header_name(value, name)?;
            let source = value.secret_in(source)?;
            Some(Injection::Header { name, value: source })
        }
        "password" | "oauth" => {
            let problem = format!("{kind}: is not supported by this version of hoopctl");
            value.secret_problem(problem, INJECT_HINT.to_owned());
            None
        }
        _ => {
            value.secret_problem("not a way to inject a credential", INJECT_HINT.to_owned());
            None
        }
    }
}

/// A text that may be a secret: of another type it is not repeated either.
struct DeText<'d>(&'d str);

impl<'d> DeText<'d> {
    fn of(value: &Value<'d>) -> Option<Self> {
        let text = value.node.as_str().map(Self);
        if text.is_none() {
            value.secret_problem("not a text", INJECT_HINT.to_owned());
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

fn limits(table: &mut Table<'_>) -> ConnectionLimits {
    let default = ConnectionLimits::default();
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
        rows: None,
    }
}
