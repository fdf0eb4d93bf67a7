//! `connect open`: real clients of PostgreSQL that send no token.

use std::net::TcpStream;
use std::net::UdpSocket;
use std::os::unix::fs::PermissionsExt;
use std::process::Command;
use std::process::Stdio;
use std::time::Duration;
use std::time::Instant;

use crate::support::World;
use crate::support::database::Database;
use crate::support::process::Process;
use crate::support::process::free_port;
use crate::support::process::run;

const RULES: &str = r#"
[[policy]]
id = "all"
effect = "allow"
match = { groups = ["support"], connections = ["db"], operations = ["read", "write", "ddl", "unknown"] }
"#;

/// `connect open db` with these options.
struct Open {
    process: Process,
    port: u16,
}

impl Open {
    fn start(world: &World, options: &[&str]) -> Self {
        let port = free_port();
        let port_text = port.to_string();
        let args = [&["connect", "open", "db", "--port", &port_text][..], options].concat();
        let mut process = Process::start("open", &mut world.hoopctl(&args), world.folder.path());
        process.wait_port(port);
        Self { process, port }
    }

    /// A client that knows host and port, and no password.
    fn psql_command(&self) -> Command {
        psql(&format!("host=127.0.0.1 port={} dbname=anything user=whoever", self.port))
    }

    fn psql(&self, statement: &str) -> (i32, String, String) {
        run(self.psql_command().args(["-c", statement]))
    }
}

fn psql(conninfo: &str) -> Command {
    let mut psql = Command::new("psql");
    psql.args(["-X", "-At", "-w", "-v", "VERBOSITY=verbose", "-d", conninfo]);
    psql.env_remove("PGPASSWORD").env_remove("PGSSLMODE").env("PGPASSFILE", "/nonexistent");
    psql
}

/// Writes a token where `--token file:` finds it.
fn put_token(world: &World, token: &str) {
    let path = world.path("token");
    std::fs::write(&path, token).unwrap();
    std::fs::set_permissions(&path, PermissionsExt::from_mode(0o600)).unwrap();
}

#[test]
fn psql_needs_no_password_and_each_login_reads_the_token_anew() {
    let world = World::with_database(Database::new(""), RULES);
    let token = world.token("reader");
    put_token(&world, &token);
    let mut open = Open::start(&world, &["--token", "file:token"]);
    let (code, out, err) = open.psql("SELECT name FROM customers WHERE id = 7");
    assert_eq!((code, out.trim()), (0, "Customer 7"), "{err} {}", open.process.log());
    // The address that it prints is one that clients take as it is.
    let log = open.process.log();
    let url = log.lines().find(|line| line.starts_with("postgresql://")).unwrap();
    assert_eq!(url, format!("postgresql://127.0.0.1:{}/db?sslmode=disable", open.port));
    let (code, out, err) = run(psql(url).args(["-c", "SELECT 1"]));
    assert_eq!((code, out.trim()), (0, "1"), "{err}");

    // Another person's token: the gateway says who may in, in its own words.
    put_token(&world, &world.token("stranger"));
    let (code, _, err) = open.psql("SELECT 1");
    assert_eq!(code, 2, "{err}");
    let direct = world.psql(&world.token("stranger"), &["SELECT 1"]).2;
    let words = direct.lines().find_map(|line| line.split_once("FATAL:")).unwrap().1.trim();
    assert!(err.contains(words), "{err} {direct}");
    put_token(&world, "no token");
    assert!(open.psql("SELECT 1").2.contains("FATAL"));
    put_token(&world, &world.token("writer"));
    let (code, out, err) = open.psql("SELECT 2");
    assert_eq!((code, out.trim()), (0, "2"), "{err}");

    // A source that fails is told to the client, with what to do; the way stays open.
    std::fs::remove_file(world.path("token")).unwrap();
    let (code, _, err) = open.psql("SELECT 1");
    assert!(code == 2 && err.contains("no token for the gateway: file:token is not set"), "{err}");
    assert!(err.contains("--token"), "{err}");
    put_token(&world, &token);
    assert_eq!(open.psql("SELECT 3").1.trim(), "3");

    // Who did it is the token's, and nothing of it is left anywhere.
    let sessions = world.list(&["session", "list", "--connection", "db"]);
    assert!(sessions.iter().any(|session| session.to_string().contains("reader")), "{sessions:?}");
    assert!(!sessions.iter().any(|session| session.to_string().contains("whoever")), "{sessions:?}");
    open.process.signal("INT");
    assert_eq!(open.process.wait(Duration::from_secs(5)), Some(0));
    let logs = open.process.log() + &world.log();
    assert!(!logs.contains(&token) && !logs.contains("SELECT"), "{logs}");
}

#[test]
fn a_program_gives_the_token_of_each_login() {
    let world = World::with_database(Database::new(""), RULES);
    put_token(&world, &world.token("reader"));
    // It counts how often it runs.
    let script = world.path("mint");
    std::fs::write(&script, "#!/bin/sh\necho x >> minted\ncat token\n").unwrap();
    std::fs::set_permissions(&script, PermissionsExt::from_mode(0o700)).unwrap();
    let source = format!("exec:{}", script.display());
    let open = Open::start(&world, &["--token", &source]);
    let (code, out, err) = open.psql("CREATE TABLE t (n int); INSERT INTO t VALUES (4)");
    assert_eq!(code, 0, "{out} {err}");
    let (_, out, err) = open.psql("SELECT n FROM t");
    assert_eq!(out.trim(), "4", "{err}");
    assert_eq!(std::fs::read_to_string(world.path("minted")).unwrap(), "x\nx\n");
    // A database that the client names with the connection is the target's.
    let conninfo = format!("host=127.0.0.1 port={} dbname=db/template1 user=whoever", open.port);
    let (_, out, err) = run(psql(&conninfo).args(["-c", "SELECT current_database()"]));
    assert_eq!(out.trim(), "template1", "{err}");
}

#[test]
fn a_cancel_passes() {
    let world = World::with_database(Database::new(""), RULES);
    put_token(&world, &world.token("reader"));
    let open = Open::start(&world, &["--token", "file:token"]);
    let mut psql = open.psql_command();
    psql.args(["-c", "SELECT pg_sleep(20)"]).stdin(Stdio::null());
    let child = psql.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let running =
        "SELECT count(*) FROM pg_stat_activity WHERE query = 'SELECT pg_sleep(20)' AND state = 'active'";
    let begin = Instant::now();
    while world.direct(running) != "1" {
        assert!(begin.elapsed() < Duration::from_secs(10), "it does not run");
        std::thread::sleep(Duration::from_millis(20));
    }
    let begin = Instant::now();
    assert!(Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap().success());
    let output = child.wait_with_output().unwrap();
    let err = String::from_utf8(output.stderr).unwrap();
    assert!(begin.elapsed() < Duration::from_secs(2), "{err}");
    assert!(err.contains("57014"), "{err}");
    assert_eq!(world.direct(running), "0");
}

#[test]
fn a_gateway_that_is_away_is_told_to_the_client() {
    let mut world = World::with_database(Database::new(""), RULES);
    put_token(&world, &world.token("reader"));
    let mut open = Open::start(&world, &["--token", "file:token"]);
    assert_eq!(open.psql("SELECT 1").1.trim(), "1");
    world.stop();
    let (code, _, err) = open.psql("SELECT 1");
    let gateway = format!("127.0.0.1:{}", world.db().gateway_port);
    assert!(code == 2 && err.contains("FATAL:  no way to the gateway") && err.contains(&gateway), "{err}");
    world.start();
    assert_eq!(open.psql("SELECT 2").1.trim(), "2");
    open.process.signal("TERM");
    assert_eq!(open.process.wait(Duration::from_secs(5)), Some(0));
}

#[test]
fn only_this_machine_gets_in_and_by_a_socket_only_this_user() {
    let world = World::with_database(Database::new(""), RULES);
    put_token(&world, &world.token("reader"));
    let open = Open::start(&world, &["--token", "file:token"]);
    // An address of this machine that is not loopback; no packet is sent for it.
    let probe = UdpSocket::bind("0.0.0.0:0").unwrap();
    if probe.connect("192.0.2.1:9").is_ok() {
        let own = probe.local_addr().unwrap().ip();
        assert!(own.is_loopback() || TcpStream::connect((own, open.port)).is_err(), "{own}");
    }
    let sockets = run(Command::new("grep").args([&format!(":{:04X} ", open.port), "/proc/net/tcp"])).1;
    let listening: Vec<&str> = sockets.lines().filter(|line| line.contains(" 00000000:0000 0A ")).collect();
    assert!(listening.len() == 1 && listening[0].contains("0100007F:"), "{sockets}");
    assert!(TcpStream::connect(("::1", open.port)).is_err());

    let folder = world.path("in");
    std::fs::create_dir(&folder).unwrap();
    for mode in [0o777, 0o770, 0o1777] {
        std::fs::set_permissions(&folder, PermissionsExt::from_mode(mode)).unwrap();
        let (code, out, err) = world.cli(&["connect", "open", "db", "--unix", "in", "--token", "file:token"]);
        assert!(code == 1 && out.is_empty() && err.contains("others could"), "{mode:o}: {code} {err}");
    }
    std::fs::set_permissions(&folder, PermissionsExt::from_mode(0o700)).unwrap();
    let args = ["connect", "open", "db", "--unix", "in", "--token", "file:token"];
    let mut process = Process::start("unix", &mut world.hoopctl(&args), world.folder.path());
    let begin = Instant::now();
    while !process.log().contains("postgresql://") {
        assert!(begin.elapsed() < Duration::from_secs(10), "{}", process.log());
        std::thread::sleep(Duration::from_millis(10));
    }
    let socket = folder.join(".s.PGSQL.5432");
    assert_eq!(std::fs::metadata(&socket).unwrap().permissions().mode() & 0o777, 0o600);
    let log = process.log();
    let url = log.lines().find(|line| line.starts_with("postgresql://")).unwrap();
    for conninfo in [url, &format!("host={} dbname=x", folder.display())] {
        let (code, out, err) = run(psql(conninfo).args(["-c", "SELECT 5"]));
        assert_eq!((code, out.trim()), (0, "5"), "{conninfo}: {err}");
    }
    process.signal("INT");
    assert_eq!(process.wait(Duration::from_secs(5)), Some(0));
    assert!(!socket.exists());
}

#[test]
fn once_ends_with_its_client_and_a_variable_must_be_there() {
    let world = World::with_database(Database::new(""), RULES);
    let args = ["connect", "open", "db", "--once", "--port"];
    let (code, out, err) = run(world.hoopctl(&args[..4]).env_remove("HOOPCTL_TOKEN"));
    assert!(code == 4 && out.is_empty() && err.contains("env:HOOPCTL_TOKEN is not set"), "{code} {err}");
    for (client, ends, code) in [("reader", 0, 0), ("stranger", 1, 2)] {
        let port = free_port();
        let mut command = world.hoopctl(&[&args[..], &[&port.to_string()]].concat());
        command.env("HOOPCTL_TOKEN", world.token(client));
        let mut process = Process::start(client, &mut command, world.folder.path());
        process.wait_port(port);
        let conninfo = format!("host=127.0.0.1 port={port} dbname=db user=x");
        assert_eq!(run(psql(&conninfo).args(["-c", "SELECT 1"])).0, code, "{client}");
        assert_eq!(process.wait(Duration::from_secs(5)), Some(ends), "{client}: {}", process.log());
    }
}
