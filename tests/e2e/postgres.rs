//! PostgreSQL through the gateway, with real clients.

use std::process::Child;
use std::process::Stdio;
use std::time::Duration;
use std::time::Instant;

use crate::support::World;
use crate::support::database::DATABASE_PASSWORD;
use crate::support::database::Database;
use crate::support::database::SQL_RULES;
use crate::support::database::WRITE_RULES;

/// Everything passes, what nothing is known about too.
pub const ALL: &str = r#"
[[policy]]
id = "all"
effect = "allow"
match = { groups = ["support"], connections = ["db"], operations = ["read", "write", "ddl", "admin", "unknown"] }
"#;

/// A psql that goes on by itself.
fn begin(world: &World, token: &str, statement: &str) -> Child {
    let mut psql = world.psql_command(token);
    psql.args(["-c", statement]).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
}

/// What it has said when it ended, and how long that took.
fn end(psql: Child) -> (String, String, Duration) {
    let begin = Instant::now();
    let output = psql.wait_with_output().unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).trim().to_owned();
    (text(&output.stdout), text(&output.stderr), begin.elapsed())
}

/// Waits until the database runs a statement that begins like this.
fn wait_running(world: &World, statement: &str) {
    let begin = Instant::now();
    let question =
        format!("SELECT count(*) FROM pg_stat_activity WHERE state = 'active' AND query LIKE '{statement}%'");
    while world.direct(&question) == "0" {
        assert!(begin.elapsed() < Duration::from_secs(10), "{statement} does not run: {}", world.log());
        std::thread::sleep(Duration::from_millis(20));
    }
}

fn id(approval: &serde_json::Value) -> String {
    approval["id"].as_str().unwrap().to_owned()
}

#[test]
fn psql_reads_what_it_may_and_is_told_what_it_may_not() {
    let world = World::with_database(Database::new(""), SQL_RULES);
    let token = world.token("reader");
    let (code, out, err) = world.psql(&token, &["SELECT name FROM customers WHERE id = 7"]);
    assert_eq!((code, out.trim()), (0, "Customer 7"), "{err} {}", world.log());

    // Denied: the error is PostgreSQL's own kind, and the session goes on.
    let (_, out, err) = world.psql(
        &token,
        &[
            "DELETE FROM customers",
            "SELECT count(*) FROM customers",
            "SELECT * FROM payroll",
            "SELECT 1 FRM x",
        ],
    );
    assert_eq!(out.trim(), "20");
    assert!(err.contains("42501: no policy allows this") && err.contains(", class "), "{err}");
    assert!(err.contains("42501: Payroll is not for this gateway."), "{err}");
    assert!(err.contains("42601: syntax error at or near \"x\""), "{err}");
    // What cannot be parsed is blamed on no policy.
    let syntax = err.rsplit("42601").next().unwrap();
    assert!(syntax.contains("code denied") && !syntax.contains("policy no-payroll"), "{syntax}");
    assert_eq!(world.direct("SELECT count(*) FROM customers"), "20");

    // Inside a transaction a refusal aborts it, as any error does.
    let (_, out, err) =
        world.psql(&token, &["BEGIN", "SELECT 1", "DELETE FROM orders", "SELECT 2", "ROLLBACK", "SELECT 3"]);
    assert_eq!(out.lines().collect::<Vec<_>>(), ["BEGIN", "1", "ROLLBACK", "3"]);
    assert!(err.contains("42501") && err.contains("25P02"), "{err}");
    // One string is judged as one: nothing of it runs.
    let (_, out, err) = world.psql(&token, &["SELECT 1; DELETE FROM orders"]);
    assert!(out.is_empty() && err.contains("42501"), "{out} {err}");
    assert_eq!(world.direct("SELECT count(*) FROM orders"), "50");
}

#[test]
fn a_write_waits_for_a_person_and_runs_as_it_was_shown() {
    let world = World::with_database(Database::new(""), SQL_RULES);
    let token = world.token("writer");
    let psql = begin(&world, &token, "/* reason: INC-4411 */ UPDATE orders SET note = 'seen' WHERE id = 1");
    let pending = world.wait_pending();
    assert_eq!(
        world.direct("SELECT note FROM orders WHERE id = 1"),
        "order 1",
        "nothing is sent before the approval"
    );
    let (_, out, _) = world.cli(&["approval", "show", &id(&pending)]);
    assert!(
        out.contains("UPDATE orders SET note = 'seen'")
            && out.contains("INC-4411")
            && out.contains("in no transaction"),
        "{out}"
    );
    world.ok(&["approval", "approve", &id(&pending)]);
    let (out, err, _) = end(psql);
    assert_eq!(out, "UPDATE 1", "{err}");
    assert!(
        err.contains("NOTICE:  01H01: waiting for approval") && err.contains("of dba (policy writes)"),
        "{err}"
    );
    assert_eq!(world.direct("SELECT note FROM orders WHERE id = 1"), "seen");
    let session = world.last_session();
    let kinds: Vec<String> =
        world.events(&session).iter().map(|event| event["kind"].as_str().unwrap().to_owned()).collect();
    for kind in [
        "session.start",
        "sql.query",
        "approval.requested",
        "approval.decided",
        "decision",
        "sql.done",
        "session.end",
    ] {
        assert!(kinds.iter().any(|known| known == kind), "no {kind} in {kinds:?}");
    }

    // A no is a no, and the session goes on.
    let psql = begin(&world, &token, "DELETE FROM orders WHERE id = 2");
    let pending = world.wait_pending();
    world.ok(&["approval", "deny", &id(&pending), "-r", "not today"]);
    let (_, err, _) = end(psql);
    assert!(err.contains("42501: an approver denied it: not today"), "{err}");
    assert_eq!(world.direct("SELECT count(*) FROM orders"), "50");
}

#[test]
fn a_held_statement_is_withdrawn_when_its_client_cancels_or_goes() {
    let world = World::with_database(Database::new(""), SQL_RULES);
    let token = world.token("writer");
    for signal in ["INT", "KILL"] {
        let psql = begin(&world, &token, "DELETE FROM orders");
        let pending = world.wait_pending();
        let number = psql.id().to_string();
        assert_eq!(
            crate::support::process::run(std::process::Command::new("kill").args(["-s", signal, &number])).0,
            0
        );
        let (_, err, took) = end(psql);
        assert!(took < Duration::from_secs(2), "{took:?}");
        assert!(signal == "KILL" || err.contains("57014: canceling statement due to user request"), "{err}");
        let begin = Instant::now();
        loop {
            let approval = world.json(&["approval", "show", &id(&pending)]);
            if approval["state"] == "cancelled" {
                break;
            }
            assert!(begin.elapsed() < Duration::from_secs(5), "{approval}");
            std::thread::sleep(Duration::from_millis(20));
        }
    }
    assert_eq!(world.direct("SELECT count(*) FROM orders"), "50");
}

#[test]
fn in_retry_mode_the_same_statement_passes_once_it_is_approved() {
    let world = World::with_database(Database::with_options("", "approval_mode = \"retry\""), SQL_RULES);
    let token = world.token("writer");
    let update = "UPDATE orders SET amount = 7 WHERE id = 3";
    let (_, _, err) = world.psql(&token, &[update]);
    assert!(
        err.contains("42501") && err.contains("Run the same statement again once that is approved"),
        "{err}"
    );
    let pending = world.wait_pending();
    assert!(err.contains(&id(&pending)), "{err}");
    world.ok(&["approval", "approve", &id(&pending)]);
    let (_, out, err) = world.psql(&token, &["UPDATE orders SET amount = 8 WHERE id = 3"]);
    assert!(out.is_empty(), "another statement is not what was approved: {err}");
    let (_, out, err) = world.psql(&token, &[update]);
    assert_eq!(out.trim(), "UPDATE 1", "{err}");
    assert_eq!(world.direct("SELECT amount FROM orders WHERE id = 3"), "7");
}

#[test]
fn what_runs_ends_at_once_with_a_lock_a_kill_or_a_cancel() {
    let world = World::with_database(Database::new(""), ALL);
    let token = world.token("reader");
    let sleeping = "SELECT pg_sleep(30)";
    let quiet = || {
        let begin = Instant::now();
        while world.direct(
            "SELECT count(*) FROM pg_stat_activity WHERE state = 'active' AND query LIKE 'SELECT pg_sleep%'",
        ) != "0"
        {
            assert!(begin.elapsed() < Duration::from_secs(2), "the database still runs it");
            std::thread::sleep(Duration::from_millis(20));
        }
    };
    let psql = begin(&world, &token, sleeping);
    wait_running(&world, sleeping);
    let number = psql.id().to_string();
    crate::support::process::run(std::process::Command::new("kill").args(["-s", "INT", &number]));
    let (_, err, took) = end(psql);
    assert!(took < Duration::from_secs(2) && err.contains("57014"), "{took:?} {err}");
    quiet();

    let psql = begin(&world, &token, sleeping);
    wait_running(&world, sleeping);
    world.ok(&["session", "kill", &world.last_session(), "--yes"]);
    let (_, err, took) = end(psql);
    assert!(
        took < Duration::from_secs(2) && err.contains("57P01: the session has ended (killed)"),
        "{took:?} {err}"
    );
    quiet();

    let psql = begin(&world, &token, sleeping);
    wait_running(&world, sleeping);
    world.ok(&["lock", "add", "connection:db", "--yes"]);
    let (_, err, took) = end(psql);
    assert!(
        took < Duration::from_secs(2) && err.contains("57P01: the session has ended (locked)"),
        "{took:?} {err}"
    );
    quiet();
    world.refused(&token, &["SELECT 1"], "access is locked");
}

#[test]
fn the_recording_holds_statements_rows_and_ends_and_no_secret() {
    let world = World::with_database(Database::new(""), SQL_RULES);
    let token = world.token("reader");
    let (code, ..) = world
        .psql(&token, &["SELECT id, name FROM customers WHERE id < 3 ORDER BY id", "DELETE FROM customers"]);
    assert_eq!(code, 1);
    let session = world.last_session();
    let events = world.events(&session);
    let of = |kind: &str| -> Vec<&serde_json::Value> {
        events.iter().filter(|event| event["kind"] == kind).map(|event| &event["data"]).collect()
    };
    assert_eq!(of("sql.query")[0]["sql"], "SELECT id, name FROM customers WHERE id < 3 ORDER BY id");
    assert_eq!(of("sql.query")[0]["decision"]["rule"], "reads");
    assert_eq!(of("sql.rows")[0]["rows"], serde_json::json!([["1", "Customer 1"], ["2", "Customer 2"]]));
    assert_eq!((&of("sql.done")[0]["tag"], &of("sql.done")[0]["rows"]), (&"SELECT 2".into(), &2.into()));
    assert_eq!(of("sql.query")[1]["class"], "write");
    assert_eq!(of("decision")[0]["code"], "denied");
    let (_, replay, err) = world.cli(&["replay", &session]);
    assert!(
        replay.contains("SELECT id, name FROM customers")
            && replay.contains("Customer 2")
            && replay.contains("SELECT 2"),
        "{replay} {err}"
    );
    world.ok(&["session", "verify", &session]);
    let text = format!("{events:?}{replay}{}", world.log());
    assert!(!text.contains(DATABASE_PASSWORD) && !text.contains(&token));
}

#[test]
fn rows_beyond_the_limit_are_not_sent() {
    let world = World::with_database(Database::with_options("", "limits = { rows = 5 }"), SQL_RULES);
    let token = world.token("reader");
    let (_, out, err) = world.psql(
        &token,
        &[
            "SELECT id FROM customers WHERE id < 6",
            "SELECT id FROM customers",
            "SELECT count(*) FROM customers",
        ],
    );
    assert!(err.contains("54000: the statement gives more than the 5 rows"), "{err}");
    assert!(out.trim().ends_with("20") && !out.contains("\n6\n"), "{out}");
    let (_, out, err) = world.psql(&token, &["SELECT g FROM generate_series(1, 10000000) g", "SELECT 1"]);
    assert!(err.contains("54000") && out.ends_with("1\n"), "{err} {out}");
}

#[test]
fn prepared_statements_and_cursors_are_judged_by_what_they_run() {
    let world = World::with_database(Database::new(""), SQL_RULES);
    let token = world.token("reader");
    let (_, out, err) = world.psql(
        &token,
        &[
            "PREPARE gone AS DELETE FROM orders",
            "EXECUTE gone",
            "PREPARE p AS SELECT name FROM customers WHERE id = $1",
            "EXECUTE p(3)",
            "EXECUTE nobody_made_this",
            "BEGIN",
            "DECLARE c CURSOR FOR SELECT id FROM customers ORDER BY id",
            "FETCH 2 FROM c",
            "CLOSE c",
            "COMMIT",
            "DEALLOCATE p",
            "EXECUTE p(3)",
        ],
    );
    let lines: Vec<&str> = out.lines().collect();
    assert_eq!(
        lines,
        [
            "PREPARE",
            "Customer 3",
            "BEGIN",
            "DECLARE CURSOR",
            "1",
            "2",
            "CLOSE CURSOR",
            "COMMIT",
            "DEALLOCATE"
        ]
    );
    assert_eq!(err.matches("42501").count(), 4, "{err}");
    assert_eq!(world.direct("SELECT count(*) FROM orders"), "50");
}

#[test]
fn a_target_that_goes_is_told_without_its_secrets() {
    let mut world = World::with_database(Database::new(""), ALL);
    let token = world.token("reader");
    let psql = begin(&world, &token, "SELECT pg_sleep(30)");
    wait_running(&world, "SELECT pg_sleep(30)");
    world.direct("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query LIKE 'SELECT pg_sleep%' AND usename = 'gateway'");
    let (_, err, took) = end(psql);
    assert!(took < Duration::from_secs(2) && err.contains("57P01"), "{took:?} {err}");
    let (_, _, err) = world.psql(&token, &["ALTER ROLE gateway PASSWORD 'other'"]);
    assert!(err.is_empty(), "{err}");
    let (_, _, err) = world.psql(&token, &["SELECT 1"]);
    assert!(
        err.contains("the gateway cannot log in at the target")
            && !err.contains("gateway\"")
            && !err.contains("localhost"),
        "{err}"
    );
    world.database.as_mut().unwrap().server.stop();
    world.refused(&token, &["SELECT 1"], "the target cannot be reached");
    assert!(!world.log().contains(DATABASE_PASSWORD));
}

#[test]
fn writes_pass_where_a_policy_says_so_and_copies_go_both_ways() {
    let world = World::with_database(Database::new(""), WRITE_RULES);
    let token = world.token("reader");
    let (code, out, err) = world.psql(
        &token,
        &[
            "CREATE TABLE t (a int, b text)",
            "INSERT INTO t SELECT g, 'row ' || g FROM generate_series(1, 1000) g",
            "\\copy t (a, b) TO 'copied.csv' CSV",
            "\\copy t (a, b) FROM 'copied.csv' CSV",
            "SELECT count(*), sum(a) FROM t",
        ],
    );
    assert_eq!(code, 0, "{err}");
    assert!(out.ends_with("COPY 1000\nCOPY 1000\n2000|1001000\n"), "{out}");
    let events = world.events(&world.last_session());
    let copies: Vec<&serde_json::Value> = events
        .iter()
        .filter(|event| event["data"]["copy"].is_object())
        .map(|event| &event["data"]["copy"])
        .collect();
    assert_eq!(copies.len(), 2, "{events:?}");
    assert_eq!((&copies[0]["dir"], &copies[0]["messages"]), (&"out".into(), &1000.into()));
    assert_eq!((&copies[1]["dir"], &copies[1]["bytes"]), (&"in".into(), &copies[0]["bytes"]));
}

#[test]
fn policies_are_explained_for_sql_as_they_decide() {
    let world = World::with_database(Database::new(""), SQL_RULES);
    let as_ = |group: &str, sql: &str| {
        world.json(&[
            "policy",
            "explain",
            "--as",
            "kim",
            "--group",
            group,
            "--connection",
            "db",
            "--sql",
            sql,
        ])
    };
    for (group, sql, effect, rule) in [
        ("support", "SELECT name FROM customers", "allow", Some("reads")),
        ("etl", "DELETE FROM orders", "approve", Some("writes")),
        ("support", "SELECT * FROM payroll", "deny", Some("no-payroll")),
        ("support", "DELETE FROM orders", "deny", None),
    ] {
        let report = as_(group, sql);
        assert_eq!(
            (report["effect"].as_str(), report["rule"].as_str()),
            (Some(effect), rule),
            "{sql}: {report}"
        );
    }
}
