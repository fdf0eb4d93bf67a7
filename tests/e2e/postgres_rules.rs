//! Policies on what a statement of PostgreSQL is for: all rows, and the settings of its session.

use crate::support::World;
use crate::support::database::Database;
use crate::support::database::WRITE_RULES;
use crate::support::wire::Raw;
use crate::support::wire::Script;

const RULES: &str = r#"
[[policy]]
id = "settings"
effect = "allow"
match = { groups = ["support"], connections = ["db"], operations = ["read", "write", "admin"] }

[[policy]]
id = "no-whole-tables"
effect = "deny"
match = { connections = ["db"], all_rows = true }
unless = { tables = ["notes"] }
message = "Say which rows."

[[policy]]
id = "fixed-settings"
effect = "deny"
match = { connections = ["db"], settings = ["role", "session_authorization", "app.*"] }
message = "These settings stay."
"#;

const MORE: &str = "CREATE TABLE notes (x text);\nGRANT ALL ON notes TO gateway;\n";

#[test]
fn changes_of_all_rows_are_denied_where_those_of_some_pass() {
    let world = World::with_database(Database::new(MORE), &format!("{WRITE_RULES}{RULES}"));
    let token = world.token("reader");
    for statement in [
        "UPDATE orders SET amount = 0",
        "DELETE FROM orders",
        "UPDATE orders SET amount = 0 WHERE true",
        "DELETE FROM orders WHERE 1=1",
        "DELETE FROM orders WHERE 11 = 11",
        "DELETE FROM orders WHERE id = 1 OR true",
        "UPDATE orders o SET amount = 0 FROM customers c",
        "WITH d AS (DELETE FROM orders RETURNING *) SELECT count(*) FROM d",
        "SELECT 1; DELETE FROM orders",
        "PREPARE p AS DELETE FROM orders; EXECUTE p",
        "EXPLAIN ANALYZE DELETE FROM orders",
    ] {
        world.refused(&token, &[statement], "42501: Say which rows.");
    }
    assert_eq!(world.direct("SELECT count(*) FROM orders WHERE amount > 0"), "50");
    for (statement, said) in [
        ("UPDATE orders SET amount = 7 WHERE id = 1", "UPDATE 1"),
        ("DELETE FROM orders WHERE id = 2", "DELETE 1"),
        ("DELETE FROM orders WHERE 11 = 12", "DELETE 0"),
        ("INSERT INTO notes VALUES ('a')", "INSERT 0 1"),
        ("DELETE FROM notes", "DELETE 1"),
    ] {
        let (_, out, err) = world.psql(&token, &[statement]);
        assert_eq!(out.trim(), said, "{statement}: {err} {}", world.log());
    }
    // As a prepared statement of the protocol, and with what it runs by name.
    let mut raw = Raw::login(&world, &token);
    let replies =
        raw.ask(&world, &Script::new().parse("", "DELETE FROM orders").bind("", "").execute("").sync(), 1);
    assert_eq!(replies.errors(), ["42501"], "{replies:?}");
    let some = "DELETE FROM orders WHERE id = 3";
    let replies = raw.ask(&world, &Script::new().parse("p", some).bind("", "p").execute("").sync(), 1);
    assert!(replies.errors().is_empty(), "{replies:?}");
    let replies = raw.ask(&world, &Script::new().query("EXECUTE p"), 1);
    assert!(replies.errors().is_empty(), "{replies:?}");
    assert_eq!(world.direct("SELECT count(*) FROM orders"), "48");
    let explain = ["policy", "explain", "--as", "kim", "--group", "support", "--connection", "db", "--sql"];
    let (_, out, _) = world.cli(&[&explain[..], &["DELETE FROM orders WHERE true"]].concat());
    assert!(out.contains("all rows: an UPDATE or DELETE of all rows"), "{out}");
}

#[test]
fn settings_that_a_policy_guards_stay() {
    let world = World::with_database(Database::new(MORE), &format!("{WRITE_RULES}{RULES}"));
    let token = world.token("reader");
    for statement in [
        "SET ROLE gateway",
        "SET SESSION AUTHORIZATION gateway",
        "SET app.tenant = '7'",
        "SET LOCAL \"App.Tenant\" = '7'",
        "SELECT set_config('app.tenant', '7', false)",
        "SELECT set_config('app.' || 'tenant', '7', false)",
        "UPDATE pg_settings SET setting = 'gateway' WHERE name = 'role'",
        "RESET app.tenant",
        "RESET ALL",
        "DISCARD ALL",
    ] {
        world.refused(&token, &[statement], "42501: These settings stay.");
    }
    for statement in [
        "SET statement_timeout = '5s'",
        "SET application_name = 'me'",
        "SELECT set_config('work_mem', '1MB', false)",
        "BEGIN ISOLATION LEVEL SERIALIZABLE",
        "SELECT current_setting('app.tenant', true)",
        "SHOW role",
    ] {
        world.passes(&token, &[statement]);
    }
}
