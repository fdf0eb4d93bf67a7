//! Ends in the middle of things: the token's, the server's, the client's. Nothing that was open stays, and the recording says why.

use std::io::Write;
use std::process::Command;
use std::process::Stdio;
use std::time::Duration;
use std::time::Instant;

use super::wait_for;
use crate::support::World;
use crate::support::database::Database;
use crate::support::wire::Raw;
use crate::support::wire::Script;

/// Who is in support does anything but manage the server.
const RULES: &str = r#"
[[policy]]
id = "all"
effect = "allow"
match = { groups = ["support"], connections = ["db"], operations = ["read", "write", "ddl", "unknown"] }
"#;

fn world() -> World {
    World::with_database(Database::new(""), RULES)
}

/// Sessions of the gateway's clients at the server.
const SESSIONS: &str =
    "SELECT count(*) FROM pg_stat_activity WHERE usename = 'gateway' AND application_name <> 'hoopctl'";

fn orders(world: &World) -> String {
    world.direct("SELECT count(*) FROM orders")
}

/// Nothing of a session is left at the server, and nothing that it had not committed.
fn nothing_is_left(world: &World) {
    wait_for("the session at the server is over", world, || world.direct(SESSIONS) == "0");
    assert_eq!(orders(world), "50");
    assert_eq!(world.direct("SELECT count(*) FROM pg_locks WHERE NOT granted"), "0");
}

/// The end of a session's recording: why, and how its statements ended.
fn recorded(world: &World, session: &str) -> (String, Vec<String>) {
    let mut found = None;
    wait_for("the end is recorded", world, || {
        let events = world.events(session);
        let end = events.iter().find(|event| event["kind"] == "session.end");
        let ends = events.iter().filter(|event| event["kind"] == "sql.done");
        let ends = ends.map(|event| event["data"]["end"].as_str().unwrap().to_owned()).collect();
        found = end.map(|end| (end["data"]["reason"].as_str().unwrap().to_owned(), ends));
        found.is_some()
    });
    world.ok(&["session", "verify", session]);
    found.unwrap()
}

/// A transaction that has inserted something and is not over; with a statement that still runs, or without.
fn open_transaction(world: &World, token: &str, busy: bool) -> (Raw, String) {
    let mut raw = Raw::login(world, token);
    let begin = Script::new().query("BEGIN").query("INSERT INTO orders (amount) VALUES (1)");
    let replies = raw.ask(world, &begin, 2);
    assert!(replies.errors().is_empty(), "{replies:?}");
    if busy {
        raw.send(&Script::new().query("SELECT pg_sleep(60)"));
        wait_for("it sleeps", world, || {
            world.direct(
                "SELECT count(*) FROM pg_stat_activity WHERE query LIKE '%sleep(60)' AND state = 'active'",
            ) == "1"
        });
    }
    (raw, world.last_session())
}

#[test]
fn a_token_that_runs_out_rolls_its_transaction_back() {
    let mut world = world();
    world.stop();
    world.own_issuer(4);
    let text = world.head().replace("[storage]", "leeway = \"0s\"\n[storage]") + RULES;
    std::fs::write(world.path("hoopctl.toml"), text).unwrap();
    world.start();
    let token = world.token("reader");
    let (mut idle, idle_session) = open_transaction(&world, &token, false);
    let (mut busy, busy_session) = open_transaction(&world, &token, true);
    let begin = Instant::now();
    for raw in [&mut idle, &mut busy] {
        let replies = raw.replies(&world, 0);
        assert!(replies.ended() && replies.errors() == ["57P01"], "{replies:?}");
        assert!(format!("{replies:?}").contains("token"), "{replies:?}");
    }
    assert!(begin.elapsed() < Duration::from_secs(8), "its end comes when the token's does");
    nothing_is_left(&world);
    assert_eq!(recorded(&world, &idle_session), ("token_expired".into(), vec!["complete".into(); 2]));
    let ends = ["complete", "complete", "cut"].map(String::from).to_vec();
    assert_eq!(recorded(&world, &busy_session), ("token_expired".into(), ends));
    // The same token opens nothing any more.
    let mut raw = Raw::connect(&world);
    raw.send(&Raw::opening(&token));
    let replies = raw.replies(&world, 0);
    assert!(replies.ended() && replies.errors() == ["28000"], "{replies:?}");
}

#[test]
fn a_lock_ends_what_is_open_and_is_what_the_recording_says() {
    let world = world();
    let token = world.token("reader");
    let (mut busy, session) = open_transaction(&world, &token, true);
    world.ok(&["lock", "add", "connection:db", "--reason", "test"]);
    let replies = busy.replies(&world, 0);
    assert!(replies.ended() && replies.errors() == ["57P01"], "{replies:?}");
    nothing_is_left(&world);
    let ends = ["complete", "complete", "cut"].map(String::from).to_vec();
    assert_eq!(recorded(&world, &session), ("locked".into(), ends));
}

#[test]
fn a_session_that_the_server_ends_says_so() {
    let world = world();
    let token = world.token("reader");
    for busy in [false, true] {
        let (mut raw, session) = open_transaction(&world, &token, busy);
        world.direct(&SESSIONS.replace("count(*)", "pg_terminate_backend(pid)"));
        let replies = raw.replies(&world, 0);
        // The code is the server's own. Its words are not: they may name its users and hosts.
        assert!(replies.ended() && replies.errors() == ["57P01"], "{replies:?}");
        nothing_is_left(&world);
        let (reason, ends) = recorded(&world, &session);
        assert_eq!((reason.as_str(), ends.len()), ("target_closed", if busy { 3 } else { 2 }));
        let events = world.events(&session);
        let told =
            events.iter().find(|event| event["kind"] == "error").unwrap_or_else(|| panic!("{events:?}"));
        assert_eq!(
            (&told["data"]["code"], &told["data"]["reason"]),
            (&"upstream_unavailable".into(), &"target_closed".into())
        );
    }
}

#[test]
fn a_client_that_is_killed_leaves_nothing_at_the_server() {
    let world = world();
    let token = world.token("reader");
    world.direct("CREATE TABLE blocked (n int)");
    world.direct("GRANT ALL ON blocked TO gateway");
    let copy_in = "COPY orders (note) FROM STDIN";
    let blocked = "BEGIN; INSERT INTO orders (amount) VALUES (1); LOCK TABLE blocked; COMMIT";
    let keep = "BEGIN; LOCK TABLE blocked; SELECT pg_sleep(60)";
    for (what, sql, lines) in [
        ("COPY in", copy_in, 2000),
        ("COPY in, at rest", copy_in, 1),
        ("COPY out", "COPY (SELECT generate_series(1, 1000000000)) TO STDOUT", 0),
        ("rows", "SELECT generate_series(1, 1000000000)", 0),
        ("sleep", "INSERT INTO orders (amount) VALUES (1) RETURNING pg_sleep(60)", 0),
        ("a lock that is waited for", blocked, 0),
    ] {
        let mut keeper = (sql == blocked).then(|| {
            let mut psql = Command::new("psql");
            psql.args(["-X", "-c", keep]).env("PGHOST", "127.0.0.1").env("PGUSER", "postgres");
            psql.env("PGDATABASE", "postgres").env("PGPORT", world.db().server.port.to_string());
            psql.stdout(Stdio::null()).spawn().unwrap()
        });
        if keeper.is_some() {
            wait_for("the lock is held", &world, || {
                world.direct("SELECT count(*) FROM pg_stat_activity WHERE query LIKE '%sleep(60)' AND state = 'active'") == "1"
            });
        }
        let mut psql = world.psql_command(&token);
        psql.args(["--set", "FETCH_COUNT=0", "-c", sql]).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut psql = psql.spawn().unwrap();
        if lines > 0 {
            let stdin = psql.stdin.as_mut().unwrap();
            for _ in 0..lines {
                writeln!(stdin, "{}", "x".repeat(1000)).unwrap();
            }
            stdin.flush().unwrap();
        }
        wait_for(what, &world, || {
            let begin = sql.chars().take(20).collect::<String>();
            world.direct(&format!("{SESSIONS} AND state = 'active' AND query LIKE '{begin}%'")) == "1"
        });
        std::thread::sleep(Duration::from_millis(200));
        let session = world.last_session();
        psql.kill().unwrap();
        psql.wait().unwrap();
        wait_for(&format!("{what}: the session at the server is over"), &world, || {
            world.direct(SESSIONS) == "0"
        });
        assert_eq!(orders(&world), "50", "{what}");
        let (reason, ends) = recorded(&world, &session);
        assert_eq!(reason, "left", "{what}");
        assert_eq!(ends.last().map(String::as_str), Some("cut"), "{what}: {ends:?}");
        if let Some(keeper) = &mut keeper {
            world.direct("SELECT pg_cancel_backend(pid) FROM pg_stat_activity WHERE query LIKE '%sleep(60)' AND pid <> pg_backend_pid()");
            keeper.wait().unwrap();
        }
    }
}
