//! Keys of an MCP connection.

use std::collections::BTreeMap;

use crate::config::connection::Spoken;
use crate::config::connection::VARIABLE_NAME;
use crate::config::connection::key_of;
use crate::config::reader::Table;
use crate::config::reader::Value;
use crate::config::url;
use crate::config::value::is_variable_name;
use crate::domain::connection::Injection;
use crate::domain::connection::Protocol;
use crate::domain::connection::mcp::BinaryMode;
use crate::domain::connection::mcp::McpOptions;
use crate::domain::connection::mcp::PinMode;
use crate::domain::connection::mcp::ServerRequest;
use crate::domain::connection::mcp::Transport;
use crate::domain::secret::SecretRef;

const ONLY: &str = "only for mcp+http://, mcp+https:// and mcp+stdio:";

/// Reads the keys; `inject` is the credential, if it could be read.
pub(super) fn read(table: &mut Table<'_>, spoken: Option<Spoken>, inject: Option<&Injection>) -> McpOptions {
    if let Some(value) = table.peek("env") {
        // Variables should hold no secret, but may.
        value.hide();
    }
    let mut take = |key| key_of(table, key, spoken, Protocol::Mcp, ONLY);
    let trust_annotations = take("trust_annotations").and_then(|value| value.flag()).unwrap_or_default();
    let transport = take("transport").map(|value| transport(&value, spoken)).unwrap_or_default();
    let modes = PinMode::ALL.map(|mode| (mode.as_str(), mode));
    let pin = take("pin").and_then(|value| value.word(&modes)).unwrap_or_default();
    let words = BinaryMode::ALL.map(|binary| (binary.as_str(), binary));
    let binary = take("binary").and_then(|value| value.word(&words)).unwrap_or_default();
    let requests = ServerRequest::ALL.map(|request| (request.as_str(), request));
    let allow_server_requests: std::collections::BTreeSet<_> = take("allow_server_requests")
        .map(|value| value.words(&requests).into_iter().collect())
        .unwrap_or_default();
    let hosts = take("elicitation_hosts");
    if let (Some(value), false) = (&hosts, allow_server_requests.contains(&ServerRequest::Elicitation)) {
        value.warning(
            "no use while the server may not elicit",
            "add it: allow_server_requests = [\"elicitation\"]".to_owned(),
        );
    }
    let elicitation_hosts = hosts.map(|value| value.list(host)).unwrap_or_default();
    let origins = take("origins").map(|value| value.list(origin)).unwrap_or_default();
    let env = take("env").map(|value| variables(&value, spoken, inject)).unwrap_or_default();
    McpOptions {
        trust_annotations,
        transport,
        pin,
        binary,
        allow_server_requests,
        elicitation_hosts,
        origins,
        env,
    }
}

/// Reads `transport`. Refused for a program, which always uses its standard streams.
fn transport(value: &Value<'_>, spoken: Option<Spoken>) -> Transport {
    if spoken.is_some_and(|spoken| spoken.program) {
        value.problem("only for mcp+http:// and mcp+https://", "leave it out".to_owned());
        return Transport::default();
    }
    value.word(&Transport::ALL.map(|transport| (transport.as_str(), transport))).unwrap_or_default()
}

/// Returns a host name or address, or `*.` and a name.
fn host(value: &Value<'_>) -> Option<String> {
    let host = value.text()?.to_ascii_lowercase();
    let name = host.strip_prefix("*.").unwrap_or(&host);
    if url::is_host_name(name) && !host.ends_with('.') {
        return Some(host);
    }
    value.problem(
        "not a host name",
        "accepted: a name such as login.example.com without scheme and port, an address, or *.example.com for all below it"
            .to_owned(),
    );
    None
}

/// Returns the value of an `Origin` header (RFC 6454, section 6.2).
fn origin(value: &Value<'_>) -> Option<String> {
    match url::parse(value.url_text()?) {
        Ok(url) if url.path.is_empty() => {
            let (scheme, default) = if url.tls { ("https", 443) } else { ("http", 80) };
            let host = if url.host.contains(':') { format!("[{}]", url.host) } else { url.host };
            let port = if url.port == default { String::new() } else { format!(":{}", url.port) };
            Some(format!("{scheme}://{host}{port}"))
        }
        _ => {
            value.problem(
                "not the origin of a web page",
                "accepted: http://HOST, https://HOST, with :PORT and without a path".to_owned(),
            );
            None
        }
    }
}

/// Reads `env`: variables of a program, each taken literally.
fn variables(
    value: &Value<'_>,
    spoken: Option<Spoken>,
    inject: Option<&Injection>,
) -> BTreeMap<String, String> {
    if spoken.is_some_and(|spoken| !spoken.program) {
        value.problem("only for mcp+stdio: another target has no environment", "leave it out".to_owned());
        return BTreeMap::new();
    }
    let Some(members) = value.members() else {
        value.secret_problem("not a table", "write it as a table: { name = \"value\" }".to_owned());
        return BTreeMap::new();
    };
    for (name, value) in members {
        let text = value.node.as_str().unwrap_or_default();
        if text.parse::<SecretRef>().is_ok() {
            value.warning(
                "a value is taken as it is written, also one that reads like the source of a secret",
                format!("where a secret is meant: inject = \"env:{name}:SRC\""),
            );
        }
        if !name.is_empty() && !is_variable_name(name) {
            value.problem("not the name of a variable", VARIABLE_NAME.to_owned());
        }
        if text.contains('\0') {
            value.problem("a null character, which no variable holds", "take it away".to_owned());
        }
        if matches!(inject, Some(Injection::Env { name: own, .. }) if own == name) {
            value.problem("inject sets this variable", "leave out one of them".to_owned());
        }
    }
    value.text_map()
}
