//! What approvers see of a held SQL statement besides its text, and that looking does nothing.

use std::process::Child;
use std::process::Stdio;
use std::time::Duration;
use std::time::Instant;

use crate::support::World;
use crate::support::database::Database;
use crate::support::database::SQL_RULES;
use crate::support::wire::Raw;
use crate::support::wire::Script;

/// Operators with usual names whose functions say that they are immutable, and are not: one takes its time, one writes.
const TRAPS: &str = "\
CREATE TABLE touched (at timestamptz);
CREATE TYPE slow AS (x bool);
CREATE FUNCTION touch(bool) RETURNS slow LANGUAGE plpgsql IMMUTABLE AS 'BEGIN PERFORM pg_sleep(20); INSERT INTO touched VALUES (now()); RETURN NULL; END';
CREATE CAST (bool AS slow) WITH FUNCTION touch(bool);
CREATE TYPE quick AS (x bool);
CREATE FUNCTION writes(bool) RETURNS quick LANGUAGE plpgsql IMMUTABLE AS 'BEGIN INSERT INTO touched VALUES (now()); RETURN NULL; END';
CREATE CAST (bool AS quick) WITH FUNCTION writes(bool);
GRANT ALL ON touched TO gateway;
";

fn begin(world: &World, statements: &[&str]) -> Child {
    let mut psql = world.psql_command(&world.token("writer"));
    for statement in statements {
        psql.args(["-c", statement]);
    }
    psql.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
}

/// What an approver sees of what comes of these statements, and how long it took to come; it is denied.
fn held(world: &World, statements: &[&str]) -> (String, Duration) {
    let start = Instant::now();
    let psql = begin(world, statements);
    let pending = world.wait_pending();
    let took = start.elapsed();
    let id = pending["id"].as_str().unwrap();
    let (_, shown, _) = world.cli(&["approval", "show", id]);
    world.ok(&["approval", "deny", id, "-r", "no"]);
    psql.wait_with_output().unwrap();
    (shown, took)
}

fn rules() -> String {
    format!(
        "{SQL_RULES}\n[[policy]]\nid = \"etl-reads\"\neffect = \"allow\"\nmatch = {{ groups = [\"etl\"], connections = [\"db\"], operations = [\"read\"] }}\n"
    )
}

#[test]
fn an_approver_sees_what_a_statement_would_touch_and_which_locks_its_session_holds() {
    let world = World::with_database(Database::new(""), &rules());
    world.direct("ANALYZE orders");
    let (shown, _) = held(&world, &["DELETE FROM orders"]);
    assert!(
        shown.contains("in no transaction")
            && shown.contains("estimated by the target: delete of public.orders, about 50 rows"),
        "{shown} {}",
        world.log()
    );
    let (shown, _) = held(&world, &["UPDATE orders SET note = 'a' WHERE id = 7;"]);
    assert!(shown.contains("update of public.orders, about 1 row"), "{shown}");
    // Two changes in one statement.
    let (shown, _) = held(
        &world,
        &["WITH gone AS (DELETE FROM orders RETURNING 1) INSERT INTO customers (id) SELECT 100 FROM gone"],
    );
    assert!(
        shown.contains("delete of public.orders, about 50 rows")
            && shown.contains("insert of public.customers"),
        "{shown}"
    );
    let (shown, _) = held(&world, &["BEGIN", "SELECT 1 FROM customers", "DELETE FROM orders"]);
    assert!(
        shown.contains("inside an open transaction")
            && shown.contains("its session holds locks: public.customers (AccessShareLock)"),
        "{shown}"
    );
    // With parameters: the plan for any values.
    let mut raw = Raw::login(&world, &world.token("writer"));
    let update =
        Script::new().parse("", "UPDATE orders SET note = $1 WHERE id = $2").bind_values(&["b", "3"]);
    let replies = raw.ask(&world, &update.execute("").sync(), 1);
    assert!(replies.held.concat().contains("update of public.orders, about 1 row"), "{replies:?}");
    assert_eq!(world.direct("SELECT count(*) FROM orders"), "50");
}

#[test]
fn looking_runs_nothing_waits_for_nothing_and_never_keeps_a_statement_from_its_approvers() {
    let world = World::with_database(Database::new(TRAPS), &rules());
    world.direct("ANALYZE orders");
    for (statement, words) in [
        // The planner computes what says that it is immutable: it may not write, and not take its time.
        ("DELETE FROM orders WHERE true::slow IS NULL", "no estimate"),
        ("DELETE FROM orders WHERE true::quick IS NULL", "no estimate"),
        // What cannot be planned.
        ("DELETE FROM no_such_table", "no estimate"),
        ("DELETE FROM orders; DELETE FROM customers", "no estimate"),
        ("PREPARE p AS DELETE FROM orders; EXECUTE p", "no estimate"),
        ("EXPLAIN ANALYZE DELETE FROM orders", "no estimate"),
        // It may be cut into words in another way: in doubt there is none.
        ("DELETE FROM orders WHERE note = ';'", "no estimate"),
    ] {
        let (shown, took) = held(&world, &[statement]);
        assert!(shown.contains(words), "{statement}: {shown}");
        assert!(took < Duration::from_secs(4), "{statement}: {took:?}");
    }
    assert_eq!(world.direct("SELECT count(*) FROM touched"), "0");
    assert_eq!(world.direct("SELECT count(*) FROM orders"), "50");

    // Somebody keeps the table to himself.
    let mut psql = std::process::Command::new("psql");
    psql.args(["-XAt", "-c", "BEGIN; LOCK TABLE orders; SELECT pg_sleep(6)", "-h", "127.0.0.1"]);
    psql.args(["-U", "postgres", "-d", "postgres", "-p", &world.db().server.port.to_string()]);
    let mut locking = psql.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    let locked = "SELECT count(*) FROM pg_locks WHERE mode = 'AccessExclusiveLock' AND relation = 'orders'::regclass AND granted";
    while world.direct(locked) == "0" {
        std::thread::sleep(Duration::from_millis(20));
    }
    let (shown, took) = held(&world, &["DELETE FROM orders"]);
    assert!(shown.contains("no estimate") && took < Duration::from_secs(4), "{took:?} {shown}");
    locking.wait().unwrap();
}

#[test]
fn names_are_sure_again_when_a_search_path_is_put_back() {
    let rules = r#"
[[policy]]
id = "orders"
effect = "allow"
match = { groups = ["support"], connections = ["db"], operations = ["read"], tables = ["orders"] }

[[policy]]
id = "settings"
effect = "allow"
match = { groups = ["support"], connections = ["db"], operations = ["read", "write"], verbs = ["set", "reset", "discard", "transaction"] }

[[policy]]
id = "functions"
effect = "allow"
match = { groups = ["support"], connections = ["db"], operations = ["unknown"], functions = ["paths"] }
"#;
    let more = "CREATE SCHEMA app;\nCREATE FUNCTION paths() RETURNS int LANGUAGE plpgsql VOLATILE AS 'BEGIN PERFORM set_config(''search_path'', ''app'', false); RETURN 1; END';\n";
    let world = World::with_database(Database::new(more), rules);
    let token = world.token("reader");
    let count = "SELECT count(*) FROM orders";
    for (before, passes) in [
        (&["SELECT 1"][..], true),
        (&["SET search_path = app, public"], false),
        (&["SET search_path = app, public", "RESET search_path"], true),
        (&["SET search_path = app, public", "RESET ALL"], true),
        (&["SET search_path = app, public", "DISCARD ALL"], true),
        (&["SET search_path = app, public", "SET search_path TO DEFAULT"], true),
        (&["SET search_path = app, public", "SET search_path = public"], true),
        // What is rolled back, or was only for a transaction, puts nothing back.
        (&["SET search_path = app, public", "BEGIN", "RESET search_path", "ROLLBACK"], false),
        (&["SET search_path = app, public", "BEGIN; RESET search_path; ROLLBACK"], false),
        (&["SET search_path = app, public", "SET LOCAL search_path = public"], false),
        (&["SET search_path = app, public", "BEGIN", "SET LOCAL search_path = public", "COMMIT"], false),
        // A schema with a comma in its name.
        (&["SET search_path = 'public, public'"], false),
        (&["SET search_path = \"public, public\""], false),
        // A function may have done anything.
        (&["SELECT paths()"], false),
        (&["DO 'BEGIN PERFORM set_config(''search_path'', ''app'', false); END'"], false),
        (&["DO 'BEGIN END'", "DISCARD ALL"], true),
        (&["SELECT paths()", "RESET search_path"], false),
        (&["SELECT paths()", "DISCARD ALL"], true),
        (&["DISCARD ALL", "SET search_path = app, public"], false),
    ] {
        let statements: Vec<&str> = before.iter().copied().chain([count]).collect();
        let (_, out, err) = world.psql(&token, &statements);
        assert_eq!(out.lines().last() == Some("50"), passes, "{before:?}: {out} {err}");
        assert_eq!(err.contains("42501"), !passes, "{before:?}: {out} {err}");
    }
}
