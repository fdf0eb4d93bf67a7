//! Tests of what a reload changes, and what it reports as unchanged: each key of the file is one or the
//! other.

use std::collections::BTreeSet;
use std::path::Path;

use super::*;

/// A file with every key once, each on its own line.
const WHOLE: &str = r#"version = 1
[gateway]
listen = "127.0.0.1:8440"
postgres_listen = "127.0.0.1:15432"
public_url = "https://gw.example"
drain_timeout = "30s"
workers = 2
[gateway.tls]
cert = "/tls.crt"
key = "file:/tls.key"
[gateway.limits]
header_block = "64KiB"
headers = 100
uri = "8KiB"
streams = 100
logins = 10
failed_logins = 10
shared_addresses = ["10.0.8.0/28"]
sessions = 10
rate = 10
[admin]
socket = "/a.sock"
local_groups = { ann = ["dba"] }
listen = "127.0.0.1:8441"
public_url = "https://gw.example:8441"
clients = ["idp/ci"]
[admin.roles]
operator = ["ops"]
approver = ["dba"]
viewer = ["audit"]
[admin.login]
issuer = "idp"
client_id = "cli"
scopes = ["use"]
[admin.page]
issuer = "idp"
client_id = "web"
scopes = ["use"]
secret = "file:/web"
[storage]
data_dir = "/d"
key = "file:/key"
[recording]
level = "full"
sync = "writes"
max_body = "1MiB"
[recording.retention]
recordings = "30d"
metadata = "400d"
max_size = "20GiB"
[[oidc]]
name = "idp"
issuer = "https://idp.example"
audiences = ["a"]
[[oidc]]
name = "other"
issuer = "https://other.example"
audiences = ["a"]
"#;

/// The one table that cannot be combined with the others.
const DEV: &str =
    "version = 1\n[storage]\ndata_dir = \"/d\"\n[dev_issuer]\nlisten = \"127.0.0.1:8449\"\n[recording]\n";

fn file(table: &str) -> &'static str {
    if table == "dev_issuer" { DEV } else { WHOLE }
}

/// Each key with another value, and what has to be restarted for it; empty: a reload is enough.
const KEYS: &[(&str, &str, &str, &str)] = &[
    ("gateway", "listen", "\"127.0.0.1:1\"", "gateway.listen"),
    ("gateway", "postgres_listen", "\"127.0.0.1:2\"", "gateway.postgres_listen"),
    ("gateway", "public_url", "\"https://other.example\"", "gateway.public_url"),
    // Read when the gateway stops.
    ("gateway", "drain_timeout", "\"1s\"", ""),
    ("gateway", "workers", "3", "gateway.workers"),
    ("gateway", "tls", "", ""),
    ("gateway", "limits", "", ""),
    // The certificate is swapped.
    ("gateway.tls", "cert", "\"/new.crt\"", ""),
    ("gateway.tls", "key", "\"file:/new.key\"", ""),
    ("gateway.limits", "header_block", "\"128KiB\"", "gateway.limits"),
    ("gateway.limits", "headers", "77", "gateway.limits"),
    ("gateway.limits", "uri", "\"4KiB\"", "gateway.limits"),
    ("gateway.limits", "streams", "77", "gateway.limits"),
    ("gateway.limits", "logins", "77", "gateway.limits"),
    ("gateway.limits", "failed_logins", "77", "gateway.limits"),
    ("gateway.limits", "shared_addresses", "[\"10.0.9.0/28\"]", "gateway.limits"),
    // Part of the snapshot that each command uses.
    ("gateway.limits", "sessions", "77", ""),
    ("gateway.limits", "rate", "77", ""),
    ("admin", "socket", "\"/b.sock\"", "admin.socket"),
    // Looked up in the last valid file by each call.
    ("admin", "local_groups", "{ ben = [\"dba\"] }", ""),
    ("admin", "listen", "\"127.0.0.1:3\"", "admin.listen"),
    ("admin", "public_url", "\"https://gw.example:8442\"", ""),
    ("admin", "clients", "[\"idp/cd\"]", ""),
    ("admin", "roles", "", ""),
    ("admin", "login", "", ""),
    ("admin", "page", "", ""),
    ("admin.roles", "operator", "[\"new\"]", ""),
    ("admin.roles", "approver", "[\"new\"]", ""),
    ("admin.roles", "viewer", "[\"new\"]", ""),
    ("admin.login", "issuer", "\"other\"", ""),
    ("admin.login", "client_id", "\"new\"", ""),
    ("admin.login", "scopes", "[\"new\"]", ""),
    ("admin.page", "issuer", "\"other\"", ""),
    ("admin.page", "client_id", "\"new\"", ""),
    ("admin.page", "scopes", "[\"new\"]", ""),
    ("admin.page", "secret", "\"file:/new\"", ""),
    ("storage", "data_dir", "\"/new\"", "storage"),
    ("storage", "key", "\"file:/new\"", "storage"),
    // Applied by the journal.
    ("recording", "level", "\"off\"", ""),
    ("recording", "sync", "\"all\"", ""),
    ("recording", "max_body", "\"2MiB\"", ""),
    ("recording", "retention", "", ""),
    ("recording.retention", "recordings", "\"1d\"", ""),
    ("recording.retention", "metadata", "\"401d\"", ""),
    ("recording.retention", "max_size", "\"1GiB\"", ""),
    ("dev_issuer", "listen", "\"127.0.0.1:4\"", "dev_issuer"),
];

/// Tables that may occur several times are replaced completely, whatever their keys are.
const REPLACED: [&str; 4] = ["connection", "mask", "oidc", "policy"];

fn read(text: &str) -> Config {
    config::parse(text, Path::new("h.toml")).unwrap_or_else(|problems| panic!("{problems}\n{text}"))
}

/// Returns the keys that a table of the file accepts, by its refusal of another one.
fn accepted(table: &str) -> BTreeSet<String> {
    const WRONG: &str = "qqqqqqqqqqqqqqqqqqqqqqqq";
    let header = format!("[{table}]\n");
    let text = if table.is_empty() {
        format!("{WRONG} = 1\n{WHOLE}")
    } else {
        file(table).replace(&header, &format!("{header}{WRONG} = 1\n"))
    };
    let problems = config::parse(&text, Path::new("h.toml")).unwrap_err();
    let hint =
        problems.iter().find(|problem| problem.key.ends_with(WRONG)).and_then(|own| own.hint.as_deref());
    let hint = hint.and_then(|hint| hint.strip_prefix("accepted: ")).unwrap_or_else(|| panic!("{problems}"));
    hint.split(", ").map(str::to_owned).collect()
}

#[test]
fn every_key_is_applied_by_a_reload_or_said_to_need_a_restart() {
    let tables: BTreeSet<&str> = KEYS.iter().map(|(table, ..)| *table).collect();
    for table in &tables {
        let walked =
            KEYS.iter().filter(|(own, ..)| own == table).map(|(_, key, ..)| (*key).to_owned()).collect();
        assert_eq!(accepted(table), walked, "[{table}]: another key than those of this test");
    }
    for name in accepted("") {
        let known = tables.contains(name.as_str()) || REPLACED.contains(&name.as_str()) || name == "version";
        assert!(known, "{name} is not in this test");
    }
    for (table, key, value, wanted) in KEYS.iter().filter(|(_, _, value, _)| !value.is_empty()) {
        let (before, rest) = file(table).split_once(&format!("[{table}]\n")).unwrap();
        let end = rest.find("\n[").unwrap();
        let (own, after) = rest.split_at(end);
        let line = own.lines().find(|line| line.starts_with(&format!("{key} = "))).unwrap();
        let own = own.replacen(line, &format!("{key} = {value}"), 1);
        let old = read(file(table));
        assert_eq!(restart_needed(&old, &old), [""; 0]);
        let new = read(&format!("{before}[{table}]\n{own}{after}"));
        let wanted: Vec<&str> = [*wanted].into_iter().filter(|wanted| !wanted.is_empty()).collect();
        assert_eq!(restart_needed(&old, &new), wanted, "{table}.{key}");
    }
}

#[test]
fn a_listener_that_moves_comes_or_goes_needs_a_restart() {
    let of =
        |gateway: &str| read(&format!("version = 1\n[storage]\ndata_dir = \"/d\"\n[gateway]\n{gateway}\n"));
    let (none, one) = (of(""), of("postgres_listen = \"127.0.0.1:15432\""));
    let other = of("postgres_listen = \"127.0.0.1:15433\"");
    for (old, new) in [(&none, &one), (&one, &none), (&one, &other)] {
        assert_eq!(restart_needed(old, new), ["gateway.postgres_listen"]);
    }
    assert_eq!(restart_needed(&one, &one), [""; 0]);
    let tls = of("tls = { cert = \"/c\", key = \"file:/k\" }");
    assert_eq!(restart_needed(&none, &tls), ["gateway.tls"]);
    assert_eq!(restart_needed(&none, &of("listen = \"127.0.0.1:1\"")), ["gateway.listen"]);
}
