//! `[[connection]]`: a target, its credential and its limits.

mod database;
mod inject;
mod mcp;

use std::net::IpAddr;
use std::time::Duration;

use crate::config::connection::database::database_key;
use crate::config::reader::Table;
use crate::config::reader::Value;
use crate::config::url;
use crate::config::url::UrlFault;
use crate::config::value::DAY;
use crate::domain::connection::ClientCertificate;
use crate::domain::connection::Connection;
use crate::domain::connection::ConnectionLimits;
use crate::domain::connection::ConnectionName;
use crate::domain::connection::Injection;
use crate::domain::connection::Protocol;
use crate::domain::connection::Upstream;

const NAME_HINT: &str = "accepted: 1 to 63 of a-z, 0-9 and -";
const UPSTREAM_HINT: &str = "accepted: http://HOST, https://HOST, mcp+http://HOST, mcp+https://HOST, with :PORT and /PATH; mcp+stdio:PROGRAM ARGUMENTS; postgres://HOST/DATABASE, with :PORT";
const VARIABLE_NAME: &str = "accepted: letters, digits and _, not starting with a digit";

/// Reads the body of one `[[connection]]`.
pub(super) fn read(value: &Value<'_>) -> Option<Connection> {
    value.table(read_table)?
}

fn read_table(table: &mut Table<'_>) -> Option<Connection> {
    let name = table.required("name", NAME_HINT).and_then(|value| name(&value));
    let upstream_value = table.required("upstream", UPSTREAM_HINT);
    // An invalid address still shows its protocol.
    let spoken = upstream_value.as_ref().and_then(spoken);
    let upstream = upstream_value.as_ref().and_then(upstream);
    let is_database = spoken.is_some_and(|spoken| spoken.protocol == Protocol::Postgres);
    let inject_value =
        if is_database { table.required("inject", inject::hint(spoken)) } else { table.take("inject") };
    let inject = match &inject_value {
        Some(value) => inject::read(value, spoken),
        None => (!is_database).then_some(Injection::None),
    };
    let tags = table.take("tags").map(|value| value.text_map()).unwrap_or_default();
    let limits =
        table.take("limits").and_then(|value| value.table(|table| limits(table, spoken))).unwrap_or_default();
    let ca_file = table.take("ca_file");
    let ca_path = ca_file.as_ref().and_then(Value::file);
    let database = database::read(table, spoken, upstream.as_ref().is_none_or(|upstream| upstream.tls));
    let mcp = mcp::read(table, spoken, inject.as_ref());
    table.later(
        &["protocol"],
        "this version serves targets at http://, https://, mcp+http://, mcp+https://, mcp+stdio: and postgres://",
    );
    let (upstream_value, upstream) = (upstream_value?, upstream?);
    if let (Some(value), false) = (&ca_file, upstream.tls) {
        let (problem, hint) = match upstream.protocol {
            _ if upstream.program.is_some() => ("no use for a program", "leave it out"),
            Protocol::Http => ("no use for an http:// upstream", "write https://, or leave it out"),
            Protocol::Mcp => ("no use for an mcp+http:// upstream", "write mcp+https://, or leave it out"),
            Protocol::Postgres => {
                ("no use with sslmode=disable", "take sslmode out of upstream, or leave it out")
            }
        };
        value.problem(problem, hint.to_owned());
    }
    let inject = inject?;
    if let (Some(value), Injection::Certificate { .. }, None) =
        (&inject_value, &inject, &upstream.certificate)
    {
        value.problem(
            "no certificate in upstream to log in with",
            "write upstream = \"postgres://HOST/DATABASE?sslcert=FILE&sslkey=SRC\"".to_owned(),
        );
    }
    if inject.source().is_some() && !upstream.tls && !is_loopback(&upstream) {
        let (problem, hint) = match upstream.protocol {
            Protocol::Http | Protocol::Mcp => (
                "the target's credential crosses the network unencrypted",
                "use TLS: https:// or mcp+https://",
            ),
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
        mcp,
    })
}

/// Returns the name of a connection or an issuer.
pub(super) fn name(value: &Value<'_>) -> Option<ConnectionName> {
    let name = value.text()?.parse().ok();
    if name.is_none() {
        value.problem("not a name", NAME_HINT.to_owned());
    }
    name
}

/// Returns whether no network is between the gateway and the target.
fn is_loopback(upstream: &Upstream) -> bool {
    let literal = upstream.host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback());
    upstream.program.is_some() || literal || &*upstream.host == "localhost"
}

/// The kind of target according to the scheme, even of an invalid address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Spoken {
    protocol: Protocol,
    /// Whether it is a program that the gateway starts.
    program: bool,
}

fn spoken(value: &Value<'_>) -> Option<Spoken> {
    let text = value.node.as_str()?;
    let starts =
        |scheme: &str| text.get(..scheme.len()).is_some_and(|start| start.eq_ignore_ascii_case(scheme));
    let program = url::program::rest(text).is_some();
    let protocol = if url::postgres::rest(text).is_some() {
        Protocol::Postgres
    } else if program || url::mcp_rest(text).is_some() {
        Protocol::Mcp
    } else if ["http://", "https://"].into_iter().any(starts) {
        Protocol::Http
    } else {
        return None;
    };
    Some(Spoken { protocol, program })
}

/// Returns the value of a key that only applies to targets of one protocol. On another target it would have
/// no effect, so it is refused.
fn key_of<'d>(
    table: &mut Table<'d>,
    key: &'static str,
    spoken: Option<Spoken>,
    protocol: Protocol,
    only: &str,
) -> Option<Value<'d>> {
    let value = table.take(key)?;
    if spoken.is_some_and(|spoken| spoken.protocol != protocol) {
        value.problem(only, "leave it out".to_owned());
        return None;
    }
    Some(value)
}

fn upstream(value: &Value<'_>) -> Option<Upstream> {
    let text = value.url_text()?;
    let mut named = None;
    let web = |protocol, text: &str| {
        url::parse(text).map(|url| Upstream {
            protocol,
            tls: url.tls,
            host: url.host.into(),
            port: url.port,
            base_path: match protocol {
                // The exact endpoint: `/mcp/` may differ from `/mcp` on a server.
                Protocol::Mcp => url.path.into(),
                _ => url.path.trim_end_matches('/').into(),
            },
            program: None,
            certificate: None,
        })
    };
    let read = if let Some(rest) = url::postgres::rest(text) {
        url::postgres::parse(rest).map(|url| {
            named = url.certificate;
            Upstream {
                protocol: Protocol::Postgres,
                tls: url.tls,
                host: url.host.into(),
                port: url.port,
                base_path: format!("/{}", url.database).into(),
                program: None,
                certificate: None,
            }
        })
    } else if let Some(rest) = url::program::rest(text) {
        // Its arguments should hold no secret, but may.
        value.hide();
        url::program::parse(rest).map_err(UrlFault::from).map(|program| Upstream {
            protocol: Protocol::Mcp,
            tls: false,
            host: "".into(),
            port: 0,
            base_path: "".into(),
            program: Some(program),
            certificate: None,
        })
    } else if let Some(rest) = url::mcp_rest(text) {
        web(Protocol::Mcp, rest)
    } else {
        web(Protocol::Http, text)
    };
    let read = read.map_err(|fault| {
        let hint = match &fault {
            UrlFault::Later { .. } | UrlFault::Scheme => Some(UPSTREAM_HINT),
            UrlFault::UserInfo if url::postgres::rest(text).is_some() => {
                Some("name the login by its source, such as inject = \"password:USER:env:PASSWORD\"")
            }
            _ => fault.hint(),
        };
        let problem = match &fault {
            UrlFault::Scheme => "not a URL of something that is served".to_owned(),
            _ => fault.to_string(),
        };
        value.problem(problem, hint.map(str::to_owned));
    });
    let upstream = read.ok()?;
    let certificate = match named {
        Some((file, key)) => {
            let (file, key) = (value.file_in(&file), value.secret_in(&key));
            Some(ClientCertificate { file: file?, key: key? })
        }
        None => None,
    };
    Some(Upstream { certificate, ..upstream })
}

fn limits(table: &mut Table<'_>, spoken: Option<Spoken>) -> ConnectionLimits {
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
