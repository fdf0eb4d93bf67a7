//! How a client of PostgreSQL gets in: the ways of new libpqs, what one address may do before it has logged
//! in, and what is said to who does not get in or must go.

use std::io::Read;
use std::net::IpAddr;
use std::net::TcpStream;
use std::net::UdpSocket;
use std::time::Duration;
use std::time::Instant;

use crate::postgres_clients::peer;
use crate::support::World;
use crate::support::database::Database;
use crate::support::process::Process;
use crate::support::process::run;
use crate::support::steps::wait_for;
use crate::support::wire::Raw;
use crate::support::wire::Script;

const RULES: &str = r#"
[[policy]]
id = "all"
effect = "allow"
match = { groups = ["support"], connections = ["db"], operations = ["read", "unknown"] }
"#;

/// A gateway whose configuration is the usual one, changed.
fn world(options: &str, change: impl Fn(&World, String) -> String) -> World {
    let database = Database::with_access("", "", options, |server| {
        server.configure("none", "", "max_connections = 150");
    });
    let mut world = World::with_database(database, RULES);
    world.stop();
    let text = change(&world, world.head()) + RULES;
    std::fs::write(world.path("hoopctl.toml"), text).unwrap();
    let mut gateway = Process::start("gateway", &mut world.hoopctl(&["serve"]), world.folder.path());
    gateway.wait_port(world.db().gateway_port);
    world.gateway = Some(gateway);
    let (code, _, err) = world.cli(&["status", "--wait", "10s"]);
    assert_eq!(code, 0, "{err} {}", world.log());
    world
}

/// A gateway with `gateway.limits`.
fn limited(limits: &str) -> World {
    world("", |_, head| head.replace("drain_timeout", &format!("limits = {{ {limits} }}\ndrain_timeout")))
}

/// A gateway with a certificate, that listens on every address of this machine.
fn encrypted() -> World {
    world("", |world, head| {
        let made = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
        std::fs::write(world.path("gw.crt"), made.cert.pem()).unwrap();
        std::fs::write(world.path("gw.key"), made.signing_key.serialize_pem()).unwrap();
        let chmod = run(std::process::Command::new("chmod").arg("600").arg(world.path("gw.key")));
        assert_eq!(chmod.0, 0);
        let port = world.db().gateway_port;
        let listen = format!("postgres_listen = \"127.0.0.1:{port}\"");
        let open = format!(
            "postgres_listen = \"0.0.0.0:{port}\"\ntls = {{ cert = \"gw.crt\", key = \"file:gw.key\" }}"
        );
        head.replace(&listen, &open)
    })
}

/// An address of this machine that is not loopback, if it has one; no packet is sent for it.
fn own_address() -> Option<IpAddr> {
    let probe = UdpSocket::bind("0.0.0.0:0").ok()?;
    probe.connect("192.0.2.1:9").ok()?;
    Some(probe.local_addr().ok()?.ip()).filter(|address| !address.is_loopback())
}

/// What a libpq of version 18 says of this connection.
fn libpq(world: &World, more: &str, token: Option<&str>) -> String {
    let port = world.db().gateway_port;
    let conninfo =
        format!("host=localhost hostaddr=127.0.0.1 port={port} dbname=db gssencmode=disable {more}");
    let mut python = peer::python("libpq_entry.py", &conninfo);
    python.args(token).env("PYTHONDONTWRITEBYTECODE", "1").env("PGOAUTHDEBUG", "UNSAFE");
    let (code, out, err) = run(&mut python);
    assert_eq!(code, 0, "{more}: {out} {err} {}", world.log());
    out
}

/// What [`libpq`] says of a session in which all is well.
fn well(protocol: &str, tls: bool) -> String {
    let tls = if tls { "True" } else { "False" };
    format!("protocol {protocol} tls {tls}\nname Customer 7\ncancelled 57014 True\non 2\n")
}

#[test]
fn new_libpqs_get_in_by_direct_tls_and_protocol_3_2() {
    let world = encrypted();
    let token = world.token("reader");
    let login = format!("user=whoever password={token} sslrootcert={}", world.path("gw.crt").display());
    for (more, protocol) in [
        ("sslmode=verify-full", "3 0"),
        ("sslmode=verify-full sslnegotiation=direct", "3 0"),
        (
            "sslmode=verify-full sslnegotiation=direct min_protocol_version=3.2 max_protocol_version=3.2",
            "3 2",
        ),
        // The server itself speaks 3.0 only: what is spoken with it is another matter.
        ("sslmode=verify-full max_protocol_version=latest", "3 2"),
        ("sslmode=verify-full channel_binding=disable require_auth=password", "3 0"),
    ] {
        assert_eq!(libpq(&world, &format!("{login} {more}"), None), well(protocol, true), "{more}");
    }
    // Who must not be told a password is told none.
    let told = libpq(&world, &format!("{login} sslmode=verify-full require_auth=scram-sha-256"), None);
    assert!(told.starts_with("refused") && !told.contains(&token), "{told}");
    // Another certificate than the one that is trusted, direct or not.
    let other = world.db().server.folder().join("ca.pem");
    for way in ["postgres", "direct"] {
        let more = format!(
            "user=x password={token} sslrootcert={} sslmode=verify-full sslnegotiation={way}",
            other.display()
        );
        let told = libpq(&world, &more, None);
        assert!(told.starts_with("refused") && told.contains("certificate verify failed"), "{told}");
    }
    // From this machine the clear is taken; from elsewhere it is refused before a token is asked for.
    assert_eq!(libpq(&world, &format!("user=x password={token} sslmode=disable"), None), well("3 0", false));
    if let Some(own) = own_address() {
        let mut stream = TcpStream::connect((own, world.db().gateway_port)).unwrap();
        let script = Script::new().startup(&[("user", "whoever"), ("database", "db")]);
        std::io::Write::write_all(&mut stream, &script.0).unwrap();
        let mut told = Vec::new();
        stream.read_to_end(&mut told).unwrap();
        let told = String::from_utf8_lossy(&told).into_owned();
        assert!(
            told.starts_with('E') && told.contains("C28000") && told.contains("sslmode=require"),
            "{told}"
        );
    }
    assert!(!world.log().contains(&token));
}

#[test]
fn a_libpq_shows_its_token_by_oauthbearer() {
    let world = encrypted();
    let token = world.token("reader");
    let issuer = format!("http://127.0.0.1:{}", world.issuer_port);
    let ways = format!(
        "user=oauth sslmode=verify-full sslrootcert={} oauth_issuer={issuer} oauth_client_id=reader",
        world.path("gw.crt").display()
    );
    let discovery = format!("asked {issuer}/.well-known/openid-configuration\n");
    for more in ["", " require_auth=oauth max_protocol_version=3.2"] {
        let told = libpq(&world, &format!("{ways}{more}"), Some(&token));
        let protocol = if more.is_empty() { "3 0" } else { "3 2" };
        assert_eq!(told, format!("{discovery}{}", well(protocol, true)), "{more}");
    }
    let told = libpq(&world, &ways, Some("no.such.token"));
    assert!(told.contains("refused") && !told.lines().any(|line| line.starts_with("name")), "{told}");
    // Another issuer than the one the gateway names: the client gives its token to nobody.
    let told = libpq(&world, &ways.replace(&issuer, "https://elsewhere.example"), Some(&token));
    assert!(told.starts_with("refused") && !told.contains("asked"), "{told}");
    assert!(!world.log().contains(&token));
}

/// A client that sends its startup packet and its password, one by one; gives how it ended.
fn attempt(world: &World, token: &str) -> (Vec<String>, bool) {
    let mut raw = Raw::connect(world);
    raw.send(&Raw::opening(token));
    let replies = raw.replies(world, 1);
    (replies.errors().iter().map(|state| (*state).to_owned()).collect(), replies.ended())
}

#[test]
fn one_address_does_not_take_all_the_room_before_it_has_logged_in() {
    let world = limited("logins = 2");
    let token = world.token("reader");
    assert_eq!(attempt(&world, &token), (vec![], false));
    // Two that say nothing; the next two are told so, the one after them gets no word.
    let mut silent: Vec<Raw> = (0..2).map(|_| Raw::connect(&world)).collect();
    std::thread::sleep(Duration::from_millis(200));
    let begin = Instant::now();
    let mut waiting = Raw::connect(&world);
    std::thread::sleep(Duration::from_millis(100));
    let mut told = Raw::connect(&world);
    std::thread::sleep(Duration::from_millis(100));
    let mut closed = Raw::connect(&world);
    assert_eq!(closed.replies(&world, 0).said, ["EOF"]);
    told.send(&Raw::opening(&token));
    let replies = told.replies(&world, 0);
    assert_eq!(replies.errors(), ["53300"], "{replies:?}");
    assert!(replies.said[0].contains("2 streams from this address have not logged in yet"), "{replies:?}");
    // Who is only told so is not waited for as long as anybody else.
    assert_eq!(waiting.replies(&world, 0).said, ["EOF"]);
    assert!(begin.elapsed() < Duration::from_secs(20), "{:?}", begin.elapsed());
    // A session that has begun is no stranger, and those that leave make room.
    silent.pop();
    wait_for("the gateway sees that it has left", || attempt(&world, &token) == (vec![], false));
    let mut session = Raw::login(&world, &token);
    let mut other = Raw::login(&world, &token);
    for raw in [&mut session, &mut other] {
        assert_eq!(raw.ask(&world, &Script::new().query("SELECT 1"), 1).rows(), ["1"]);
    }
}

#[test]
fn an_address_whose_logins_fail_too_often_must_wait() {
    let world = limited("failed_logins = 60");
    let token = world.token("reader");
    let begin = Instant::now();
    let mut failed = 0;
    let refused = loop {
        let (states, ended) = attempt(&world, "no.such.token");
        assert!(ended, "{states:?}");
        if states != ["28000"] {
            break states;
        }
        failed += 1;
        assert!(
            failed < 500 && begin.elapsed() < Duration::from_mins(1),
            "{failed} failed, none was shut out"
        );
    };
    assert_eq!(refused, ["53300"]);
    assert!(failed >= 60, "{failed}");
    let (_, _, err) = world.psql(&token, &["SELECT 1"]);
    assert!(err.contains("more than 60 logins from this address have failed within a minute"), "{err}");
    assert!(err.contains("code limit_exceeded") && err.contains("try again in"), "{err}");
    std::thread::sleep(Duration::from_millis(2500));
    let (_, out, err) = world.psql(&token, &["SELECT 1"]);
    assert_eq!(out.trim(), "1", "{err}");
}

#[test]
fn a_hundred_clients_of_one_machine_are_no_attack() {
    let world = limited("sessions = 200");
    let token = world.token("reader");
    let script = world.path("one.sql");
    std::fs::write(&script, "SELECT 1;\n").unwrap();
    let mut pgbench = peer::command("pgbench");
    pgbench.args(["-n", "-c", "100", "-j", "2", "-t", "2", "-f"]).arg(&script);
    peer::point(&world, &mut pgbench, peer::At::Gateway(&token));
    let (code, out, err) = run(&mut pgbench);
    assert_eq!(code, 0, "{out} {err} {}", world.log());
    assert!(out.contains("processed: 200/200"), "{out}");
}

#[test]
fn who_does_not_get_in_or_must_go_is_told_by_the_right_code() {
    let mut world = world("limits = { session = \"4s\", idle = \"1s\" }", |_, head| {
        head.replace("drain_timeout", "limits = { sessions = 2 }\ndrain_timeout")
    });
    let token = world.token("reader");
    let refused = |database: &str, token: &str| -> (String, String) {
        let mut raw = Raw::connect(&world);
        raw.send(&Script::new().startup(&[("user", "whoever"), ("database", database)]).password(token));
        let replies = raw.replies(&world, 1);
        assert!(replies.ended(), "{database}: {replies:?}");
        (replies.errors().join(" "), replies.said[1].clone())
    };
    assert_eq!(refused("nowhere", &token).0, "3D000");
    assert_eq!(refused("db/nowhere", &token).0, "3D000");
    assert_eq!(refused("db", "").0, "28000");
    // Whether the connection is there, is open to the caller or not: who has no right token learns nothing of
    // it.
    let text = refused("db", "no.such.token");
    assert_eq!(text, refused("nowhere", "no.such.token"));
    assert_eq!(text, refused("crm", "no.such.token"));
    // And who has one learns not whether a connection is there that is not for it.
    let stranger = world.token("stranger");
    assert_eq!(refused("db", &stranger), refused("nowhere", &stranger));
    assert_eq!(refused("crm", &token), refused("nowhere", &token));

    let mut idle = Raw::login(&world, &token);
    let mut second = Raw::login(&world, &token);
    assert_eq!(refused("db", &token).0, "53300");
    let replies = idle.replies(&world, 0);
    assert_eq!((replies.errors(), replies.ended()), (vec!["57P05"], true), "{replies:?}");
    drop(second.replies(&world, 0));
    let mut busy = Raw::login(&world, &token);
    busy.send(&Script::new().query("SELECT pg_sleep(30)"));
    let begin = Instant::now();
    let replies = busy.replies(&world, 0);
    assert_eq!((replies.errors(), replies.ended()), (vec!["57P01"], true), "{replies:?}");
    assert!(begin.elapsed() < Duration::from_secs(8), "{:?}", begin.elapsed());
    // A client that is gone leaves nothing running.
    let mut gone = Raw::login(&world, &token);
    gone.send(&Script::new().query("SELECT pg_sleep(29)"));
    let running =
        "SELECT count(*) FROM pg_stat_activity WHERE state = 'active' AND query LIKE 'SELECT pg_sleep(%'";
    let wait = |wanted: &str, limit| {
        let begin = Instant::now();
        while world.direct(running) != wanted {
            assert!(begin.elapsed() < limit, "{} run", world.direct(running));
            std::thread::sleep(Duration::from_millis(20));
        }
    };
    wait("1", Duration::from_secs(3));
    drop(gone);
    wait("0", Duration::from_secs(2));

    world.database.as_mut().unwrap().server.stop();
    world.refused(&token, &["SELECT 1"], "the target cannot be reached");
    let mut raw = Raw::connect(&world);
    raw.send(&Raw::opening(&token));
    let replies = raw.replies(&world, 1);
    assert_eq!(replies.errors(), ["57P03"], "{replies:?}");
}
