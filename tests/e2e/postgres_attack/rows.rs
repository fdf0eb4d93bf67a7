//! Rows, however they are asked for; texts that are read in two ways; names that are looked up in two places.

use hoopctl::protocol::postgres::wire::values::Format;

use super::MASKS;
use super::RULES;
use super::lives;
use super::withheld;
use super::world;
use crate::support::World;
use crate::support::database::Database;
use crate::support::database::WRITE_RULES;
use crate::support::wire::Raw;
use crate::support::wire::Script;

#[test]
fn rows_are_masked_however_they_are_asked_for() {
    let world = world();
    let mut raw = Raw::login(&world, &world.token("reader"));
    let sql = "SELECT ssn FROM customers ORDER BY id LIMIT 3";
    let masked = ["***-**-1001", "***-**-1002", "***-**-1003"];
    for results in [&[][..], &[Format::Text], &[Format::Binary]] {
        // Nobody asks what the columns are.
        let replies =
            raw.ask(&world, &Script::new().parse("", sql).bind_as("", "", results).execute("").sync(), 1);
        assert_eq!((replies.letters().as_str(), replies.rows()), ("12DDDCZ", masked.to_vec()), "{replies:?}");

        // In parts, and on after the end, in one series.
        let script = Script::new().parse("", sql).bind_as("", "", results);
        let script = script.execute_some("", 2).execute_some("", 2).execute_some("", 2).sync();
        let replies = raw.ask(&world, &script, 1);
        assert!(replies.letters().starts_with("12DDsDC"), "{replies:?}");
        assert_eq!(replies.rows(), masked, "{replies:?}");
        // Each part in a write of its own.
        raw.send(&Script::new().parse("", sql).bind_as("", "", results).execute_some("", 2).flush());
        std::thread::sleep(std::time::Duration::from_millis(100));
        raw.send(&Script::new().execute_some("", 2).flush());
        std::thread::sleep(std::time::Duration::from_millis(100));
        let replies = raw.ask(&world, &Script::new().execute_some("", 2).execute("").sync(), 1);
        assert!(replies.letters().starts_with("12DDsDC"), "{replies:?}");
        assert_eq!(replies.rows(), masked, "{replies:?}");
        lives(&world, &mut raw, &replies);

        // In a transaction, over several series; the portal is described in the middle of it.
        let script = Script::new().query("BEGIN").parse("", sql).bind_as("p", "", results);
        let script = script.execute_some("p", 1).sync().describe_portal("p").execute_some("p", 1).sync();
        let replies = raw.ask(&world, &script.execute("p").sync().execute("p").sync(), 5);
        assert_eq!(replies.rows(), masked, "{replies:?}");
        lives(&world, &mut raw, &replies);
    }
}

#[test]
fn a_text_is_judged_as_the_server_reads_it() {
    let world = world();
    let mut raw = Raw::login(&world, &world.token("reader"));
    // Read with backslashes the second column is a part of the first, and the other way round.
    let plain = "SELECT '\\', ssn||'' FROM customers --'";
    let escaped = "SELECT 'x\\', '||ssn||E'' FROM customers --'";
    for (before, now, text) in [("off", "on", plain), ("on", "off", escaped)] {
        for simple in [false, true] {
            raw.ask(&world, &Script::new().query(&format!("SET standard_conforming_strings = {before}")), 1);
            let script = Script::new().query(&format!("SET standard_conforming_strings = {now}"));
            let script = if simple { script.query(text) } else { script.run(text).sync() };
            let replies = raw.ask(&world, &script, 2);
            assert!(
                replies.rows().iter().all(|row| row.ends_with("[REDACTED]") || !row.contains("1001")),
                "{replies:?}"
            );
            lives(&world, &mut raw, &replies);
            // Set by a message of the series itself, and by a function.
            for change in [
                format!("SET standard_conforming_strings = {now}"),
                format!("SELECT set_config('standard_conforming_strings', '{now}', false)"),
            ] {
                let reset = format!("SET standard_conforming_strings = {before}");
                raw.ask(&world, &Script::new().query(&reset), 1);
                let replies = raw.ask(&world, &Script::new().run(&change).run(text).sync(), 1);
                lives(&world, &mut raw, &replies);
            }
        }
    }
    // An encoding in which a byte of a letter is a backslash.
    let script = Script::new().query("SET client_encoding = 'SJIS'").run("SELECT 1").sync();
    let replies = raw.ask(&world, &script, 2);
    assert!(!replies.errors().is_empty(), "{replies:?}");
}

#[test]
fn where_names_are_looked_up_is_known_before_they_are_judged() {
    let more = "CREATE SCHEMA evil;\nCREATE TABLE evil.orders AS SELECT 'stolen' AS note;\n\
                GRANT USAGE ON SCHEMA evil TO gateway;\nGRANT SELECT ON evil.orders TO gateway;\n";
    let rules = r#"
[[policy]]
id = "orders"
effect = "allow"
match = { groups = ["support"], connections = ["db"], operations = ["read"], tables = ["public.orders"] }

[[policy]]
id = "settings"
effect = "allow"
match = { groups = ["support"], connections = ["db"], verbs = ["set"] }
"#;
    let world = World::with_database(Database::new(more), rules);
    let reader = world.token("reader");
    let read = "SELECT * FROM orders";
    let set = "SET search_path=evil";
    for (script, ready) in [
        (Script::new().run(set).run(read).sync(), 1),
        (Script::new().run(set).sync().run(read).sync(), 2),
        (Script::new().query(set).query(read), 2),
        (Script::new().query(set).run(read).sync(), 2),
        (Script::new().run(set).sync().query(read), 2),
        (Script::new().parse("s", read).run(set).bind("", "s").execute("").sync(), 1),
        (Script::new().parse("s", read).sync().query(set).bind("", "s").execute("").sync(), 3),
        (Script::new().query(&format!("{set}; {read}")), 1),
    ] {
        let mut raw = Raw::login(&world, &reader);
        let replies = raw.ask(&world, &Script::new().run(read).sync(), 1);
        assert_eq!((replies.rows().len(), replies.errors().len()), (50, 0), "{replies:?} {}", world.log());
        let replies = raw.ask(&world, &script, ready);
        assert_eq!(replies.errors(), ["42501"], "{replies:?}");
        assert!(replies.rows().is_empty(), "{replies:?}");
        // Once it is set nobody knows where names lead, operators too: what is narrowed to tables passes nothing more.
        let is_set = replies.of('C').contains(&"SET");
        let replies = raw.ask(&world, &Script::new().query("SELECT note FROM public.orders WHERE id = 1"), 1);
        let wanted = if is_set { "EZ" } else { "TDCZ" };
        assert_eq!(replies.letters(), wanted, "{replies:?}");
    }
}

#[test]
fn a_portal_is_not_run_under_rules_that_are_gone() {
    let world = World::with_database(Database::new(""), &format!("{RULES}{MASKS}"));
    let mut raw = Raw::login(&world, &world.token("reader"));
    let script = Script::new().query("BEGIN").parse("", "SELECT note FROM orders").bind("p", "");
    let replies = raw.ask(&world, &script.execute_some("p", 1).sync(), 2);
    assert_eq!(replies.rows().len(), 1, "{replies:?}");
    world.write_config(&format!("{}{MASKS}", RULES.replace("\"support\"", "\"nobody\"")));
    assert_eq!(world.cli(&["config", "reload"]).0, 0, "{}", world.log());
    let replies = raw.ask(&world, &Script::new().execute("p").sync(), 1);
    assert!(replies.rows().is_empty() && withheld(&replies), "{replies:?}");
    assert!(!replies.errors().is_empty() || replies.ended(), "{replies:?}");
}

/// What would lay masked values down, and what would then show them.
const KEEPERS: &[(&str, &str)] = &[
    ("SELECT set_config('my.x', ssn, false) FROM customers WHERE id = 1", "SHOW my.x"),
    (
        "SELECT set_config('my.x', ssn, false) FROM customers WHERE id = 1",
        "SELECT current_setting('my.x', true)",
    ),
    (
        "SELECT set_config('application_name', ssn, false) FROM customers WHERE id = 1",
        "SHOW application_name",
    ),
    ("SELECT setval('seq', replace(ssn, '-', '')::bigint) FROM customers WHERE id = 1", "TABLE seq"),
    (
        "PREPARE keep AS SELECT set_config('application_name', ssn, false) FROM customers; EXECUTE keep",
        "SHOW application_name",
    ),
    (
        "EXPLAIN ANALYZE SELECT set_config('application_name', ssn, false) FROM customers",
        "SHOW application_name",
    ),
    (
        "INSERT INTO customers (id) VALUES (1) ON CONFLICT (id) DO UPDATE SET id = 1 RETURNING set_config('application_name', ssn, false)",
        "SHOW application_name",
    ),
    (
        "DELETE FROM customers WHERE id = 20 RETURNING set_config('application_name', ssn, false)",
        "SHOW application_name",
    ),
    (
        "DECLARE d CURSOR WITH HOLD FOR SELECT set_config('application_name', ssn, false) FROM customers; FETCH d",
        "SHOW application_name",
    ),
    ("SELECT set_config('application_name', shouted, false) FROM computed", "SHOW application_name"),
    ("SELECT set_config('application_name', c.n, false) FROM leak() AS c(a, b, n)", "SHOW application_name"),
    (
        "SELECT pg_catalog.set_config('application_name', c::text, false) FROM customers c",
        "SHOW application_name",
    ),
    (
        "SELECT set_config(name => 'application_name', value => ssn, is_local => false) FROM customers",
        "SHOW application_name",
    ),
    (
        "SELECT set_config('application_name', (TABLE customers LIMIT 1)::text, false)",
        "SHOW application_name",
    ),
    ("SELECT pg_notify('c', ssn) FROM customers", "LISTEN c"),
    ("LISTEN c", "SELECT pg_notify('c', ssn) FROM customers"),
    ("SELECT lo_from_bytea(4711, ssn::bytea) FROM customers WHERE id = 1", "SELECT lo_get(4711)"),
    (
        "SELECT pg_advisory_lock(replace(ssn, '-', '')::bigint) FROM customers WHERE id = 1",
        "SELECT objid FROM pg_locks WHERE locktype = 'advisory'",
    ),
    (
        "MERGE INTO kept k USING customers c ON k.id = c.id WHEN NOT MATCHED THEN INSERT VALUES (c.id, c.ssn)",
        "TABLE kept",
    ),
    ("UPDATE kept SET body = c.ssn FROM customers c WHERE c.id = 1", "TABLE kept"),
    ("WITH s AS (SELECT ssn FROM customers) INSERT INTO kept SELECT 1, s.ssn FROM s", "TABLE kept"),
    ("WITH d AS (DELETE FROM customers RETURNING ssn) INSERT INTO kept SELECT 1, d.ssn FROM d", "TABLE kept"),
    ("INSERT INTO kept SELECT 1, c::text FROM customers c", "TABLE kept"),
    ("INSERT INTO kept VALUES (1, (SELECT ssn FROM customers WHERE id = 1))", "TABLE kept"),
    ("UPDATE customers SET ssn = ssn RETURNING ssn||''", "SELECT 1"),
    (
        "INSERT INTO customers (id) VALUES (1) ON CONFLICT (id) DO UPDATE SET id = 1 RETURNING ssn||''",
        "SELECT 1",
    ),
    (
        "ALTER TABLE customers ADD COLUMN copied text GENERATED ALWAYS AS (ssn || '') STORED",
        "SELECT copied FROM customers",
    ),
    ("ALTER TABLE customers ALTER COLUMN name TYPE text USING ssn", "SELECT name FROM customers"),
    ("ALTER TABLE customers ADD CONSTRAINT c CHECK (ssn = 'x')", "SELECT 1"),
    ("CREATE UNIQUE INDEX ON customers ((left(ssn, 6)))", "SELECT 1"),
    ("DELETE FROM customers WHERE id = 19 RETURNING ssn||''", "SELECT 1"),
    ("CREATE TABLE parent (ssn text); ALTER TABLE customers INHERIT parent", "SELECT * FROM parent"),
];

#[test]
fn masked_values_are_kept_nowhere_and_leave_in_no_side_message() {
    let more = "ALTER TABLE customers OWNER TO gateway;\nCREATE TABLE kept (id int, body text);\nCREATE SEQUENCE seq;\n\
                CREATE VIEW computed AS SELECT id, upper(ssn) AS shouted FROM customers;\n\
                CREATE FUNCTION leak() RETURNS SETOF customers LANGUAGE sql STABLE AS 'SELECT * FROM customers';\n\
                GRANT ALL ON computed TO gateway;\nGRANT ALL ON kept TO gateway;\nGRANT ALL ON seq TO gateway;\n";
    let world = World::with_database(Database::new(more), &format!("{WRITE_RULES}{MASKS}"));
    let mut raw = Raw::login(&world, &world.token("reader"));
    for (keep, look) in KEEPERS {
        for extended in [false, true] {
            let script = if extended && !keep.contains("; ") {
                Script::new().run(keep).sync().run(look).sync()
            } else {
                Script::new().query(keep).query(look)
            };
            // Whatever comes is looked at, and nothing of it may hold the value in another form.
            let replies = raw.ask(&world, &script, 2);
            assert!(
                !replies.said.iter().any(|word| word.contains("78051001") || word.contains("3037382d")),
                "{keep}: {replies:?}"
            );
        }
        assert_eq!(world.direct("SELECT count(*) FROM kept WHERE body LIKE '%078-05-%'"), "0", "{keep}");
    }
}

#[test]
fn a_portal_may_fail_more_than_once() {
    let world = world();
    let mut raw = Raw::login(&world, &world.token("reader"));
    let sql = "SELECT 1 / (id - id) FROM orders";
    let script = Script::new().query("BEGIN").parse("", sql).bind("p", "").execute("p").sync();
    let replies = raw.ask(&world, &script.execute("p").sync().execute("p").sync(), 4);
    assert_eq!(replies.errors(), ["22012", "25P02", "25P02"], "{replies:?}");
    lives(&world, &mut raw, &replies);
}
