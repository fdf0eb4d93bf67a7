//! Connections to databases: accepted and refused settings, with their reports.

use std::path::Path;

use super::with;
use crate::config::Config;
use crate::config::combine;
use crate::config::parse;
use crate::config::parse_entity;
use crate::domain::connection::ApprovalMode;
use crate::domain::connection::Connection;
use crate::domain::connection::Injection;
use crate::domain::connection::Notifications;
use crate::domain::connection::Origin;
use crate::domain::connection::Protocol;
use crate::domain::connection::Weaker;
use crate::domain::entity::EntityKind;

const OPEN: &str = "[gateway]\npostgres_listen = \"127.0.0.1:15432\"\n";
const LOGIN: &str = "inject = \"password:svc:env:PW\"\n";

fn one(upstream: &str, more: &str) -> Result<Connection, String> {
    let text = format!("name = \"db\"\nupstream = \"{upstream}\"\n{more}");
    let entity = parse_entity(EntityKind::Connection, &text, Origin::Store);
    match entity.map_err(|problems| problems.to_string())? {
        crate::config::Entity::Connection(connection) => Ok(connection),
        other => Err(format!("{other:?}")),
    }
}

fn warnings(config: &Config) -> Vec<String> {
    let entities = combine(config, Vec::new()).unwrap();
    config.warnings.iter().chain(&entities.warnings).map(ToString::to_string).collect()
}

#[test]
fn a_connection_to_a_database_has_the_defaults_of_the_contract_and_all_its_keys() {
    let least = one("postgres://DB.internal/app", LOGIN).unwrap();
    assert_eq!((least.protocol, least.upstream.protocol), (Protocol::Postgres, Protocol::Postgres));
    assert!(least.upstream.tls, "verify-full unless it says otherwise");
    assert_eq!(
        (&*least.upstream.host, least.upstream.port, least.upstream.database()),
        ("db.internal", 5432, "app")
    );
    assert_eq!(least.database, crate::domain::connection::DatabaseOptions::default());
    assert_eq!(least.limits.rows, None);
    let Injection::Password { user, password } = &least.inject else { panic!("{:?}", least.inject) };
    assert_eq!((user.as_str(), password.to_string().as_str()), ("svc", "env:PW"));

    let more = format!(
        "{LOGIN}readonly = true\napproval_mode = \"retry\"\nnotifications = \"pass\"\naccept_cleartext = true\naccept_md5 = true\naccept_trust = true\n\
         limits = {{ rows = 1000000000, response = \"5m\", body = \"1MiB\" }}\nca_file = \"/ca.pem\"\n"
    );
    let all = one("postgresql://db:6432/a%2Fb?sslmode=verify-full", &more).unwrap();
    assert_eq!((all.upstream.port, all.upstream.database()), (6432, "a/b"));
    assert_eq!((all.database.readonly, all.database.approval_mode), (true, ApprovalMode::Retry));
    assert_eq!(all.database.notifications, Notifications::Pass);
    let weaker = Weaker { accept_cleartext: true, accept_md5: true, accept_trust: true };
    assert_eq!((all.database.accept, all.limits.rows), (weaker, Some(1_000_000_000)));
    assert_eq!(all.upstream.to_string(), "postgres://db:6432/a%2Fb");
    let plain = one("postgres://[::1]/app?sslmode=disable", LOGIN).unwrap();
    assert_eq!(
        (plain.upstream.tls, plain.upstream.to_string().as_str()),
        (false, "postgres://[::1]/app?sslmode=disable")
    );
}

const CERTIFIED: &str = "postgres://db/app?sslcert=/etc/gw.crt&sslkey=file:/etc/gw.key";

#[test]
fn a_certificate_is_named_by_a_file_and_the_source_of_its_key() {
    for inject in ["certificate:svc", "password:svc:env:PW"] {
        let connection = one(CERTIFIED, &format!("inject = \"{inject}\"\n")).unwrap();
        assert_eq!(connection.inject.to_string(), inject);
        assert_eq!(connection.upstream.to_string(), CERTIFIED);
        let certificate = connection.upstream.certificate.as_ref().unwrap();
        assert_eq!(certificate.file, Path::new("/etc/gw.crt"));
        assert_eq!(certificate.key.to_string(), "file:/etc/gw.key");
        let sources: Vec<String> = connection.secrets().map(ToString::to_string).collect();
        assert_eq!(sources.last().map(String::as_str), Some("file:/etc/gw.key"));
        assert_eq!(sources.len(), if inject.starts_with("password") { 2 } else { 1 });
    }
    // Relative paths are resolved against the directory of the file, as everywhere.
    let text = format!(
        "{OPEN}[[connection]]\nname = \"db\"\nupstream = \"postgres://db/app?sslcert=gw.crt&sslkey=file:gw.key\"\ninject = \"certificate:svc\"\n"
    );
    let config = parse(&format!("{}{text}", super::MINIMAL), Path::new("/etc/hoopctl/h.toml")).unwrap();
    let certificate = config.connections.iter().find_map(|own| own.upstream.certificate.as_ref()).unwrap();
    assert_eq!(certificate.file, Path::new("/etc/hoopctl/gw.crt"));
    assert_eq!(certificate.key.to_string(), "file:/etc/hoopctl/gw.key");
    // A value in place of the source of a key is not repeated: it may be the key.
    for key in ["hunter2", "env:hunter-2", "exec:"] {
        let found = one(&format!("postgres://db/app?sslcert=/c&sslkey={key}"), LOGIN).unwrap_err();
        assert!(!found.contains("hunter") && found.lines().count() == 1, "{found}");
    }
    for other in ["https://crm", "mcp+https://crm/mcp", "mcp+stdio:server"] {
        let found = one(other, "inject = \"certificate:svc\"\n").unwrap_err();
        assert!(found.contains("certificate: is for postgres:// only"), "{other}: {found}");
    }
}

#[test]
fn each_mistake_in_a_certificate_is_one_problem_that_says_what_is_accepted() {
    let db = "postgres://db/app";
    for (upstream, more, problem, hint) in [
        ("postgres://db/app?sslcert=/c", LOGIN.to_owned(), "used together", "sslcert=FILE&sslkey=SRC"),
        (
            "postgres://db/app?sslcert=/c&sslkey=/k",
            LOGIN.to_owned(),
            "a secret is named by its source",
            "secret set KEY",
        ),
        ("postgres://db/app?sslcert=c&sslkey=file:/k", LOGIN.to_owned(), "a relative path", "from the root"),
        (
            "postgres://db/app?sslmode=disable&sslcert=/c&sslkey=file:/k",
            LOGIN.to_owned(),
            "a certificate needs TLS",
            "take sslmode out",
        ),
        (
            db,
            "inject = \"certificate:svc\"\n".to_owned(),
            "no certificate in upstream",
            "?sslcert=FILE&sslkey=SRC",
        ),
        (CERTIFIED, "inject = \"certificate:\"\n".to_owned(), "not a user name", "certificate:USER"),
        (CERTIFIED, "inject = \"certificate:svc:env:X\"\n".to_owned(), "not a user name", "certificate:USER"),
        (
            CERTIFIED,
            format!("inject = \"certificate:{}\"\n", "u".repeat(64)),
            "not a user name",
            "certificate:USER",
        ),
    ] {
        let found = one(upstream, &more).unwrap_err();
        assert!(found.contains(problem) && found.contains(hint), "{upstream} {more}{found}");
        assert_eq!(found.lines().count(), 1, "{upstream} {more}{found}");
    }
}

#[test]
fn each_mistake_is_one_problem_that_says_what_is_accepted() {
    let secret = "env:PW";
    let user = |user: &str| format!("inject = \"password:{user}:{secret}\"\n");
    let key = |line: &str| format!("{LOGIN}{line}\n");
    let db = "postgres://db/app";
    for (upstream, more, problem, hint) in [
        ("postgres://db", LOGIN.to_owned(), "no database in the URL", "postgres://HOST/DATABASE"),
        ("postgres://db/%00", LOGIN.to_owned(), "not the name of a database", "1 to 63 bytes"),
        ("postgres://db/app?sslmode=require", LOGIN.to_owned(), "sslmode=require", "sslmode=verify-full"),
        (
            "postgres://db/app?sslmode=verify-ca",
            LOGIN.to_owned(),
            "does not authenticate the server",
            "verify-full",
        ),
        ("postgres://db/app?application_name=x", LOGIN.to_owned(), "query parameter", "?sslmode=verify-full"),
        ("postgres://kim@db/app", LOGIN.to_owned(), "a user name or password", "password:USER:env:PASSWORD"),
        ("ftp://db/app", String::new(), "not a URL of something that is served", "postgres://HOST/DATABASE"),
        (db, String::new(), "missing", "password:USER:SRC"),
        (
            db,
            "inject = \"none\"\naccept_trust = true\n".to_owned(),
            "none is for http://",
            "password:USER:SRC",
        ),
        (db, "inject = \"bearer:env:T\"\n".to_owned(), "bearer is for http://", "password:USER:SRC"),
        (db, "inject = \"basic:u:env:T\"\n".to_owned(), "basic is for http://", "password:USER:SRC"),
        (db, "inject = \"header:X-Key:env:T\"\n".to_owned(), "header is for http://", "password:USER:SRC"),
        (db, "inject = \"oauth:x\"\n".to_owned(), "oauth: is not supported", "password:USER:SRC"),
        (db, "inject = \"password:svc\"\n".to_owned(), "not password:USER:SRC", "password:USER:SRC"),
        (
            db,
            "inject = \"password:svc:pw\"\n".to_owned(),
            "a secret is named by its source",
            "secret set KEY",
        ),
        (db, user(""), "not a user name", "password:USER:SRC"),
        (db, user(&"u".repeat(64)), "not a user name", "password:USER:SRC"),
        // 63 characters, but 126 bytes: the server would truncate it and log in another user.
        (db, user(&"\u{e9}".repeat(63)), "not a user name", "password:USER:SRC"),
        (db, user("a\\u0000b"), "not a user name", "password:USER:SRC"),
        (db, key("readonly = \"yes\""), "not true or false", "true, false"),
        (db, key("approval_mode = \"block\""), "unknown word", "retry, wait"),
        (db, key("notifications = \"drop\""), "unknown word", "pass, redact"),
        (db, key("accept_trust = 1"), "not true or false", "true, false"),
        (db, key("limits = { rows = 0 }"), "out of bounds", "from 1 to 1000000000"),
        (db, key("limits = { rows = 1000000001 }"), "out of bounds", "from 1 to 1000000000"),
        (db, key("limits = { rows = \"10\" }"), "not a whole number", "from 1 to 1000000000"),
        (
            "postgres://db/app?sslmode=disable",
            key("ca_file = \"/ca.pem\""),
            "no use with sslmode",
            "leave it out",
        ),
        (db, key("accept_md4 = true"), "unknown key", "accept_md5"),
    ] {
        let found = one(upstream, &more).unwrap_err();
        assert!(found.contains(problem) && found.contains(hint), "{upstream} {more}{found}");
        assert_eq!(found.lines().count(), 1, "{upstream} {more}{found}");
    }
    assert!(one(db, &user(&"u".repeat(63))).is_ok());
}

#[test]
fn what_only_databases_have_promises_nothing_on_an_http_connection() {
    for line in [
        "readonly = true",
        "readonly = false",
        "approval_mode = \"retry\"",
        "notifications = \"redact\"",
        "accept_cleartext = true",
        "accept_md5 = false",
        "accept_trust = true",
        "limits = { rows = 10 }",
    ] {
        for upstream in ["http://127.0.0.1:1", "HTTPS://crm/api"] {
            let found = one(upstream, &format!("{line}\n")).unwrap_err();
            assert!(found.contains("only for postgres://") && found.lines().count() == 1, "{line}: {found}");
        }
    }
    let found = one("https://crm", "inject = \"password:svc:env:PW\"\n").unwrap_err();
    assert!(found.contains("password: is for postgres:// only") && found.contains("bearer:SRC"), "{found}");
}

#[test]
fn a_broken_address_of_a_database_is_not_taken_for_one_of_http() {
    // One mistake, one problem: the rest of the table is valid for a database.
    let more = format!("{LOGIN}readonly = true\nlimits = {{ rows = 5 }}\n");
    for upstream in ["postgres://db", "POSTGRES://db:0/app", "postgresql://a b/app"] {
        assert_eq!(one(upstream, &more).unwrap_err().lines().count(), 1, "{upstream}");
    }
}

#[test]
fn no_secret_in_the_address_of_a_database_shows() {
    for upstream in [
        "postgres://kim:hunter2@db/app",
        "postgres://db/app?password=hunter2",
        "postgres://db/app?sslmode=disable&password=hunter2",
        "postgres://db/app?sslmode=hunter2",
        "postgres://db/app?password=hunter2&sslmode=disable",
        "postgres://db/app#hunter2",
        "postgres://kim:hunter2/app",
    ] {
        let text = format!("[[connection]]\nname = \"db\"\nupstream = \"{upstream}\"\n{LOGIN}");
        let problems = with(&text).unwrap_err();
        let shown = format!("{}{problems}{problems:?}", problems.report());
        assert!(!shown.contains("hunter2"), "{upstream}: {shown}");
    }
}

#[test]
fn a_database_without_tls_is_a_warning_unless_it_is_on_this_machine() {
    let of = |upstream: &str| {
        with(&format!("{OPEN}[[connection]]\nname = \"db\"\nupstream = \"{upstream}\"\n{LOGIN}")).unwrap()
    };
    for harmless in [
        "postgres://10.0.0.9/app",
        "postgres://10.0.0.9/app?sslmode=verify-full",
        "postgres://127.0.0.1/app?sslmode=disable",
        "postgres://[::1]/app?sslmode=disable",
        "postgres://localhost/app?sslmode=disable",
    ] {
        assert_eq!(warnings(&of(harmless)), [""; 0], "{harmless}");
    }
    let [warning] = warnings(&of("postgres://10.0.0.9/app?sslmode=disable")).try_into().unwrap();
    assert!(warning.contains("connection.db.upstream") && warning.contains("unencrypted"), "{warning}");
    let cleartext = format!(
        "{OPEN}[[connection]]\nname = \"db\"\nupstream = \"postgres://[::1]/app?sslmode=disable\"\n{LOGIN}accept_cleartext = true\n"
    );
    let [warning] = warnings(&with(&cleartext).unwrap()).try_into().unwrap();
    assert!(warning.contains("inside TLS only"), "{warning}");
}

#[test]
fn a_database_that_no_listener_leads_to_is_a_warning_that_says_how_to_open_one() {
    let table = format!("[[connection]]\nname = \"db\"\nupstream = \"postgres://db/app\"\n{LOGIN}");
    let config = with(&table).unwrap();
    let [warning] = warnings(&config).try_into().unwrap();
    assert!(
        warning.starts_with("h.toml:6:12: connection.db.upstream = \"postgres://db/app\": nobody can use it")
            && warning.contains("[gateway] postgres_listen = \"127.0.0.1:15432\""),
        "{warning}"
    );
    assert_eq!(warnings(&with(&format!("{OPEN}{table}")).unwrap()), [""; 0]);
    let stored =
        parse_entity(EntityKind::Connection, table.split_once('\n').unwrap().1, Origin::Store).unwrap();
    let found = combine(&with("").unwrap(), vec![stored]).unwrap().warnings;
    assert!(
        found.len() == 1 && found[0].to_string().starts_with("store: connection.db.upstream"),
        "{found:?}"
    );
}

#[test]
fn the_listener_for_databases_is_held_to_what_the_other_one_is() {
    let gateway = |lines: &str| {
        let text = format!("version = 1\n[storage]\ndata_dir = \"/d\"\n{lines}");
        parse(&text, Path::new("h.toml")).map_err(|problems| problems.to_string())
    };
    let tls = "tls = { cert = \"c\", key = \"env:K\" }\n";
    for (lines, listen) in [
        ("[gateway]\n".to_owned(), None),
        ("[gateway]\npostgres_listen = \"[::1]:15432\"\n".to_owned(), Some("[::1]:15432")),
        (
            "[gateway]\nlisten = \"127.0.0.1:0\"\npostgres_listen = \"127.0.0.1:0\"\n".to_owned(),
            Some("127.0.0.1:0"),
        ),
        (format!("[gateway]\n{tls}postgres_listen = \"0.0.0.0:5432\"\n"), Some("0.0.0.0:5432")),
        ("[gateway]\npostgres_listen = \"127.0.0.2:8440\"\n".to_owned(), Some("127.0.0.2:8440")),
    ] {
        let found = gateway(&lines).unwrap().gateway.postgres_listen;
        assert_eq!(found, listen.map(|listen| listen.parse().unwrap()), "{lines}");
    }
    let dev = "postgres_listen = \"127.0.0.1:8449\"\n[dev_issuer]\n";
    for (lines, problem) in [
        ("[gateway]\npostgres_listen = \"0.0.0.0:5432\"\n".to_owned(), "tls is required"),
        ("[gateway]\npostgres_listen = \"10.0.0.9:5432\"\n".to_owned(), "tls is required"),
        ("[gateway]\npostgres_listen = \"127.0.0.1:8440\"\n".to_owned(), "gateway.listen is 127.0.0.1:8440"),
        (format!("[gateway]\n{tls}postgres_listen = \"0.0.0.0:8440\"\n"), "gateway.listen is 127.0.0.1:8440"),
        ("[gateway]\npostgres_listen = \"localhost\"\n".to_owned(), "not an address to listen on"),
        (format!("[gateway]\n{dev}listen = \"127.0.0.1:8449\"\n"), "the gateway already listens there"),
        // Its tokens allow impersonating anybody: nothing that it opens may be reachable from the network.
        (
            format!("[gateway]\n{tls}postgres_listen = \"0.0.0.0:5432\"\n[dev_issuer]\n"),
            "trusts no development issuer",
        ),
    ] {
        let found = gateway(&lines).unwrap_err();
        assert!(found.contains(problem) && found.lines().count() == 1, "{lines}{found}");
    }
}
