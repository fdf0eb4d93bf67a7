//! How the gateway gets in at a server of PostgreSQL: by certificate, with a password that changes, and not at all with what is no such
//! server or wants to be told too much.

use std::fmt::Write as _;
use std::io::Read;
use std::io::Write;
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::PoisonError;
use std::time::Duration;
use std::time::Instant;

use crate::support::World;
use crate::support::database::Database;
use crate::support::process::run;
use crate::support::wire::Raw;
use crate::support::wire::Script;

/// One way to the server: the connection's name, the end of its upstream, its login, more lines.
type Way<'a> = (&'a str, &'a str, &'a str, &'a str);

/// Connections to the test's server, or to another port, and a policy that opens them.
fn connections(world: &World, port: u16, ways: &[Way<'_>]) -> String {
    let ca = world.db().server.folder().join("ca.pem");
    let mut text = String::new();
    for (name, query, inject, more) in ways {
        let ca = if query.contains("disable") {
            String::new()
        } else {
            format!("ca_file = \"{}\"\n", ca.display())
        };
        writeln!(
            text,
            "[[connection]]\nname = \"{name}\"\nupstream = \"postgres://localhost:{port}/postgres{query}\"\ninject = \"{inject}\"\n{ca}{more}"
        )
        .unwrap();
    }
    text + "[[policy]]\nid = \"all\"\neffect = \"allow\"\nmatch = { groups = [\"support\"], operations = [\"read\", \"unknown\"] }\n"
}

/// The same world with these connections.
fn with(mut world: World, port: u16, ways: &[Way<'_>]) -> World {
    let text = connections(&world, port, ways);
    world.stop();
    world.write_config(&text);
    world.start();
    world
}

/// A statement on one of the connections; what it gave and what was said of it.
fn ask(world: &World, connection: &str, statement: &str) -> (String, String) {
    let mut psql = world.psql_command(&world.token("reader"));
    let (_, out, err) = run(psql.args(["-c", statement]).env("PGDATABASE", connection));
    (out.trim().to_owned(), err)
}

/// An authority that makes certificates of clients.
struct Authority {
    issuer: rcgen::Issuer<'static, rcgen::KeyPair>,
    pem: String,
}

impl Authority {
    fn new() -> Self {
        let key = rcgen::KeyPair::generate().unwrap();
        let mut parameters = rcgen::CertificateParams::new(Vec::new()).unwrap();
        parameters.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
        parameters.distinguished_name.push(rcgen::DnType::CommonName, "clients");
        let pem = parameters.self_signed(&key).unwrap().pem();
        Self { issuer: rcgen::Issuer::new(parameters, key), pem }
    }

    /// Puts a certificate of this user and its key into files of this name.
    fn make(&self, folder: &Path, name: &str, user: &str) {
        let key = rcgen::KeyPair::generate().unwrap();
        let mut parameters = rcgen::CertificateParams::new(Vec::new()).unwrap();
        parameters.distinguished_name = rcgen::DistinguishedName::new();
        parameters.distinguished_name.push(rcgen::DnType::CommonName, user);
        let certificate = parameters.signed_by(&key, &self.issuer).unwrap();
        std::fs::write(folder.join(format!("{name}.crt")), certificate.pem()).unwrap();
        let file = folder.join(format!("{name}.key"));
        std::fs::write(&file, key.serialize_pem()).unwrap();
        std::fs::set_permissions(&file, PermissionsExt::from_mode(0o600)).unwrap();
    }
}

/// A cancel shows the certificate too: a server may take no stream without.
fn cancels(world: &World) {
    let mut raw = Raw::connect(world);
    raw.send(
        &Script::new().startup(&[("user", "whoever"), ("database", "cert")]).password(&world.token("reader")),
    );
    raw.finish_login(world);
    raw.send(&Script::new().query("SELECT pg_sleep(30)"));
    let begin = Instant::now();
    while world.direct(
        "SELECT count(*) FROM pg_stat_activity WHERE state = 'active' AND query LIKE 'SELECT pg_sleep%'",
    ) == "0"
    {
        assert!(begin.elapsed() < Duration::from_secs(10), "{}", world.log());
    }
    let (process, key) = raw.key.clone();
    let mut cancel = Script::new();
    hoopctl::protocol::postgres::wire::opening::write_cancel_request(&mut cancel.0, process, &key).unwrap();
    Raw::connect(world).send(&cancel);
    assert_eq!(raw.replies(world, 1).errors(), ["57014"]);
}

#[test]
fn the_gateway_logs_in_by_certificate_and_shows_its_key_to_nobody() {
    let (clients, others) = (Authority::new(), Authority::new());
    let roles = "CREATE ROLE certified LOGIN;\nCREATE ROLE twofold LOGIN PASSWORD 'twofold-s3cret';\nCREATE ROLE \"o'der\" LOGIN;\n";
    let hba = "hostssl all certified 127.0.0.1/32 cert\nhostssl all \"o'der\" 127.0.0.1/32 cert\n\
               hostssl all twofold 127.0.0.1/32 scram-sha-256 clientcert=verify-full\n";
    let database = Database::with_access(hba, roles, "", |server| {
        server.configure("clients.pem", &clients.pem, "ssl_ca_file = 'clients.pem'");
    });
    let world = World::with_database(database, "");
    let folder = world.folder.path().to_owned();
    clients.make(&folder, "certified", "certified");
    clients.make(&folder, "twofold", "twofold");
    clients.make(&folder, "odd name", "o'der");
    clients.make(&folder, "wide", "certified");
    std::fs::set_permissions(folder.join("wide.key"), PermissionsExt::from_mode(0o644)).unwrap();
    others.make(&folder, "foreign", "certified");
    std::fs::write(folder.join("twofold.pw"), "twofold-s3cret").unwrap();
    std::fs::set_permissions(folder.join("twofold.pw"), PermissionsExt::from_mode(0o600)).unwrap();
    let password = "password:twofold:file:twofold.pw";
    let port = world.db().server.port;
    let world = with(
        world,
        port,
        &[
            ("cert", "?sslcert=certified.crt&sslkey=file:certified.key", "certificate:certified", ""),
            (
                "odd",
                "?sslmode=verify-full&sslkey=file:odd%20name.key&sslcert=odd%20name.crt",
                "certificate:o'der",
                "",
            ),
            ("twofold", "?sslcert=twofold.crt&sslkey=file:twofold.key", password, ""),
            ("half", "", password, ""),
            ("mixed", "?sslcert=certified.crt&sslkey=file:certified.key", password, ""),
            (
                "other",
                "?sslcert=twofold.crt&sslkey=file:twofold.key",
                "certificate:certified",
                "accept_trust = true",
            ),
            (
                "asked",
                "?sslcert=certified.crt&sslkey=file:certified.key",
                "certificate:gateway",
                "accept_md5 = true",
            ),
            ("foreign", "?sslcert=foreign.crt&sslkey=file:foreign.key", "certificate:certified", ""),
            ("wrong", "?sslcert=twofold.crt&sslkey=file:certified.key", "certificate:certified", ""),
            ("wide", "?sslcert=wide.crt&sslkey=file:wide.key", "certificate:certified", ""),
            ("none", "?sslcert=none.crt&sslkey=file:certified.key", "certificate:certified", ""),
        ],
    );
    for (connection, user) in [("cert", "certified"), ("odd", "o'der"), ("twofold", "twofold")] {
        let (out, err) = ask(&world, connection, "SELECT current_user");
        assert_eq!(out, user, "{connection}: {err} {} {}", world.log(), world.db().server.log());
    }
    let refused = ["half", "mixed", "other", "asked", "foreign", "wrong", "wide", "none"];
    for connection in refused {
        let (out, err) = ask(&world, connection, "SELECT current_user");
        assert!(
            out.is_empty() && err.contains("the gateway cannot log in at the target"),
            "{connection}: {err}"
        );
        for told in ["certified", "twofold", "localhost", ".key", ".crt"] {
            assert!(!err.replace(&format!("\"{connection}\""), "").contains(told), "{connection}: {err}");
        }
    }
    let log = world.log();
    for words in [
        "look whether it trusts the certificate of sslcert",
        "has mode 644",
        "has only a certificate to log in with",
        "none.crt",
    ] {
        assert!(log.contains(words), "{words}: {log}");
    }
    cancels(&world);
    // A key that changes holds from the next login on, and what is shown of a connection names places only.
    clients.make(&folder, "foreign", "certified");
    std::thread::sleep(Duration::from_millis(1100));
    assert_eq!(ask(&world, "foreign", "SELECT current_user").0, "certified");
    let (_, shown, _) = world.cli(&["connect", "show", "cert"]);
    assert!(shown.contains("certified.key") && shown.contains("certificate:certified"), "{shown}");
    let texts = format!("{}{shown}", world.log());
    let secret = std::fs::read_to_string(folder.join("certified.key")).unwrap();
    let secret = secret.lines().nth(1).unwrap();
    assert!(!texts.contains(secret) && !texts.contains("twofold-s3cret"));
}

#[test]
fn a_password_that_was_changed_is_read_anew_when_the_old_one_is_refused() {
    let database = Database::new("CREATE ROLE turning LOGIN PASSWORD 'first-s3cret';\n");
    let world = World::with_database(database, "");
    let folder = world.folder.path().to_owned();
    let script = format!("echo run >> {0}/runs\ncat {0}/token\n", folder.display());
    std::fs::write(folder.join("token.sh"), script).unwrap();
    let put = |token: &str| {
        std::fs::write(folder.join("token"), token).unwrap();
        std::fs::set_permissions(folder.join("token"), PermissionsExt::from_mode(0o600)).unwrap();
    };
    put("first-s3cret\n");
    let program = format!("password:turning:exec:/bin/sh {}", folder.join("token.sh").display());
    let port = world.db().server.port;
    let world =
        with(world, port, &[("program", "", &program, ""), ("file", "", "password:turning:file:token", "")]);
    let runs = || std::fs::read_to_string(folder.join("runs")).unwrap().lines().count();
    let works = |connection: &str| {
        let (out, err) = ask(&world, connection, "SELECT current_user");
        assert_eq!(out, "turning", "{connection}: {err} {}", world.log());
    };
    let fails = |connection: &str| {
        let (out, err) = ask(&world, connection, "SELECT current_user");
        assert!(out.is_empty() && err.contains("cannot log in at the target"), "{connection}: {err}");
    };
    for _ in 0..3 {
        works("program");
        works("file");
    }
    assert_eq!(runs(), 1, "what a program printed is good for a while");
    // The token turns; no login in between is lost, and none waits for what was kept to become old.
    for token in ["second-s3cret", "third-s3cret"] {
        world.direct(&format!("ALTER ROLE turning PASSWORD '{token}'"));
        put(token);
        let before = runs();
        for _ in 0..3 {
            works("program");
            works("file");
        }
        assert_eq!(runs(), before + 1);
    }
    // Where it is still the wrong one the login fails, after one look and one attempt, and holds as soon as it is right.
    world.direct("ALTER ROLE turning PASSWORD 'fourth-s3cret'");
    let before = (runs(), world.db().server.log().matches("password authentication failed").count());
    fails("program");
    let after = (runs(), world.db().server.log().matches("password authentication failed").count());
    assert_eq!(after, (before.0 + 1, before.1 + 1));
    fails("file");
    put("fourth-s3cret");
    works("program");
    works("file");
    assert!(!world.log().contains("s3cret"));
}

/// What stands where a server should be: says the next part of its script once something came, and keeps what came.
struct Impostor {
    port: u16,
    got: Arc<Mutex<Vec<u8>>>,
}

impl Impostor {
    /// Plays the script to each that comes.
    fn start(script: &'static [&'static [u8]]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let got = Arc::<Mutex<Vec<u8>>>::default();
        let kept = Arc::clone(&got);
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let Ok(mut stream) = stream else { return };
                stream.set_read_timeout(Some(Duration::from_secs(2))).unwrap();
                let mut part = [0; 4096];
                let mut keep = |stream: &mut std::net::TcpStream| {
                    let read = stream.read(&mut part).unwrap_or(0);
                    kept.lock().unwrap_or_else(PoisonError::into_inner).extend_from_slice(&part[..read]);
                    read > 0
                };
                for words in script {
                    if !keep(&mut stream) || stream.write_all(words).is_err() {
                        break;
                    }
                }
                while keep(&mut stream) {}
            }
        });
        Self { port, got }
    }

    fn got(&self) -> Vec<u8> {
        self.got.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// `AuthenticationOk`, `client_encoding`, `ReadyForQuery`: a server that asks for nothing, and gives no key of cancellation.
const OPEN: &[u8] = b"R\0\0\0\x08\0\0\0\0S\0\0\0\x19client_encoding\0UTF8\0Z\0\0\0\x05I";

#[test]
fn who_only_passes_for_a_server_is_told_neither_user_nor_password() {
    let scripts: [(&str, &'static [&'static [u8]]); 7] = [
        // No TLS: maybe because somebody took it out.
        ("no", &[b"N"]),
        // A server of old, or an error that anybody could have put there.
        ("error", &[b"E\0\0\0\x0bSFATAL\0\0"]),
        ("http", &[b"HTTP/1.1 400 Bad Request\r\n\r\n"]),
        // Words in the clear behind the answer, as if they had come through TLS.
        ("early", &[b"SR\0\0\0\x08\0\0\0\0Z\0\0\0\x05I"]),
        ("clear", &[b"S", OPEN]),
        ("asks", &[b"S", b"R\0\0\0\x08\0\0\0\x03"]),
        ("quiet", &[b""]),
    ];
    let impostors: Vec<(&str, Impostor)> =
        scripts.into_iter().map(|(name, script)| (name, Impostor::start(script))).collect();
    // The same without TLS, as the connection has it: still only SCRAM is taken for a proof.
    let plain: [(&str, &'static [&'static [u8]]); 4] = [
        ("trust", &[OPEN]),
        ("clear-password", &[b"R\0\0\0\x08\0\0\0\x03", OPEN]),
        ("md5", &[b"R\0\0\0\x0c\0\0\0\x05salt", OPEN]),
        ("plus", &[b"R\0\0\0\x1c\0\0\0\x0aSCRAM-SHA-256-PLUS\0\0", OPEN]),
    ];
    let plain: Vec<(&str, Impostor)> =
        plain.into_iter().map(|(name, script)| (name, Impostor::start(script))).collect();
    let world = World::with_database(Database::new(""), "");
    let login = "password:gateway:env:DB_PASSWORD";
    let mut text = String::new();
    let limit = "limits = { connect = \"1s\" }";
    for (names, query) in [(&impostors, ""), (&plain, "?sslmode=disable")] {
        for (name, impostor) in names {
            let part = connections(&world, impostor.port, &[(name, query, login, limit)]);
            text += part.split("[[policy]]").next().unwrap();
        }
    }
    let open = Impostor::start(&[OPEN]);
    let part = connections(&world, open.port, &[("open", "?sslmode=disable", login, "accept_trust = true")]);
    text += &part;
    let mut world = world;
    world.stop();
    world.write_config(&text);
    world.start();
    for (name, impostor) in impostors.iter().chain(&plain) {
        let (out, err) = ask(&world, name, "SELECT 1");
        let told =
            err.contains("cannot log in at the target") || err.contains("the target cannot be reached");
        assert!(out.is_empty() && told, "{name}: {out} {err}");
        let got = impostor.got();
        let holds = |text: &str| got.windows(text.len()).any(|window| window == text.as_bytes());
        assert!(!holds("db-s3cret"), "{name}: {}", got.escape_ascii());
        if impostors.iter().any(|(tls, _)| tls == name) {
            assert!(got.starts_with(&[0, 0, 0, 8, 4, 0xd2, 0x16, 0x2f]), "{name}: {}", got.escape_ascii());
            assert!(!holds("gateway"), "{name}: {}", got.escape_ascii());
        } else {
            // One startup packet and nothing more: no password, no digest of it.
            let length = u32::from_be_bytes(got[..4].try_into().unwrap()) as usize;
            assert!(got[length..].is_empty() || got[length] == b'X', "{name}: {}", got.escape_ascii());
            assert!(!holds("md5"), "{name}: {}", got.escape_ascii());
        }
    }
    // A server that gives no key of cancellation: the client is given none.
    let mut raw = Raw::connect(&world);
    raw.send(
        &Script::new().startup(&[("user", "whoever"), ("database", "open")]).password(&world.token("reader")),
    );
    let replies = raw.replies(&world, 1);
    assert_eq!((replies.letters().as_str(), raw.key.0), ("RRZ", 0), "{replies:?} {}", world.log());
}

#[test]
fn a_password_kept_with_too_few_iterations_is_warned_of_once() {
    // What a server with `scram_iterations = 1000` makes of "weak-s3cret"; older servers take it as it is.
    let roles = "CREATE ROLE weak LOGIN PASSWORD 'SCRAM-SHA-256$1000:MDEyMzQ1Njc4OWFiY2RlZg==$z19fXX1G4ut8b07tul4uf7jnWgJVEcCOOFQLSPWdCbQ=:cVLw6mOcy7cKxoivIkg/VWTbbTA2NET2CDDpn4v9NN4=';\n";
    let world = World::with_database(Database::new(roles), "");
    let file = world.folder.path().join("weak.pw");
    std::fs::write(&file, "weak-s3cret").unwrap();
    std::fs::set_permissions(&file, PermissionsExt::from_mode(0o600)).unwrap();
    let port = world.db().server.port;
    let world = with(world, port, &[("weak", "", "password:weak:file:weak.pw", "")]);
    for _ in 0..2 {
        let (out, err) = ask(&world, "weak", "SELECT current_user");
        assert_eq!(out, "weak", "{err} {}", world.log());
    }
    let log = world.log();
    assert_eq!(log.matches("too few iterations").count(), 1, "{log}");
    assert!(log.contains("1000") && !log.contains("weak-s3cret"), "{log}");
}
