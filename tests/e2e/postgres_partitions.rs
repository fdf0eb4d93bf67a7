//! A table is also its partitions and children, and what it is part of: what a policy holds back of the one, it holds back under the names of
//! the others, too.

use crate::support::World;
use crate::support::database::Database;
use crate::support::database::MASKS;
use crate::support::database::WRITE_RULES;
use crate::support::wire::Raw;
use crate::support::wire::Script;

/// Three levels of partitions and of children, and what may become some.
const MORE: &str = "\
CREATE SCHEMA parts;
CREATE TABLE events (id int, day date, secret text) PARTITION BY RANGE (day);
CREATE TABLE events_2024 PARTITION OF events FOR VALUES FROM ('2024-01-01') TO ('2025-01-01') PARTITION BY RANGE (day);
CREATE TABLE parts.events_2024_05 PARTITION OF events_2024 FOR VALUES FROM ('2024-05-01') TO ('2024-06-01');
CREATE TABLE events_2025 PARTITION OF events FOR VALUES FROM ('2025-01-01') TO ('2026-01-01');
INSERT INTO events VALUES (1, '2024-05-05', 'a'), (2, '2025-05-05', 'b');
CREATE TABLE base (id int, note text);
CREATE TABLE kid (extra text) INHERITS (base);
CREATE TABLE grandkid () INHERITS (kid);
INSERT INTO grandkid VALUES (7, 'n', 'x');
CREATE TABLE vault (id int, secret text);
CREATE TABLE vault_old () INHERITS (vault);
CREATE TABLE top (id int, note text) PARTITION BY LIST (id);
CREATE TABLE spare (id int, note text);
CREATE TABLE bare (id int, note text);
CREATE TABLE ledger (id int);
INSERT INTO ledger VALUES (9);
CREATE TABLE over (id int);
INSERT INTO spare VALUES (3, 'c');
INSERT INTO bare VALUES (4, 'd');
ALTER TABLE top OWNER TO gateway;
ALTER TABLE spare OWNER TO gateway;
ALTER TABLE ledger OWNER TO gateway;
ALTER TABLE over OWNER TO gateway;
GRANT ALL ON SCHEMA parts TO gateway;
GRANT ALL ON ALL TABLES IN SCHEMA public, parts TO gateway;
";

const RULES: &str = r#"
[[policy]]
id = "keeper"
effect = "allow"
match = { groups = ["etl"], connections = ["db"], operations = ["read", "write", "ddl"] }

[[policy]]
id = "held-back"
effect = "deny"
match = { groups = ["support"], connections = ["db"], tables = ["public.events_2024", "base", "public.top"] }
unless = { groups = ["etl"] }
message = "Held back."

[[policy]]
id = "held-reads"
effect = "deny"
match = { groups = ["support"], connections = ["db"], tables = ["ledger"], verbs = ["select"] }
unless = { groups = ["etl"] }
message = "Held back."
"#;

fn world(more: &str) -> (World, String) {
    let world = World::with_database(Database::new(MORE), &format!("{WRITE_RULES}{RULES}{more}"));
    let token = world.token("reader");
    (world, token)
}

/// What one statement gave, and the SQLSTATEs of its errors.
fn ask(world: &World, raw: &mut Raw, statement: &str) -> (Vec<String>, Vec<String>) {
    let replies = raw.ask(world, &Script::new().query(statement), 1);
    let words = |list: Vec<&str>| list.into_iter().map(str::to_owned).collect();
    (words(replies.rows()), words(replies.errors()))
}

fn refused(world: &World, raw: &mut Raw, statement: &str) {
    let (rows, errors) = ask(world, raw, statement);
    assert_eq!((rows.len(), &errors[..]), (0, &["42501".to_owned()][..]), "{statement} {}", world.log());
}

fn passes(world: &World, raw: &mut Raw, statement: &str) -> String {
    let (rows, errors) = ask(world, raw, statement);
    assert!(errors.is_empty(), "{statement}: {errors:?} {}", world.log());
    rows.join(" ")
}

#[test]
fn what_is_held_back_is_so_under_the_names_of_its_parents_and_children() {
    for more in ["", MASKS] {
        let (world, token) = world(more);
        let mut raw = Raw::login(&world, &token);
        for statement in [
            // A partition by its parent, and the parent's other names.
            "SELECT * FROM events",
            "SELECT count(*) FROM public.events e",
            "SELECT 1 FROM events_2025 a JOIN events b USING (id)",
            "WITH e AS (SELECT * FROM events) SELECT count(*) FROM e",
            "DELETE FROM events",
            "UPDATE events SET secret = 'z'",
            "INSERT INTO events VALUES (5, '2024-05-06', 'z')",
            "MERGE INTO events USING orders ON false WHEN MATCHED THEN DELETE",
            "TRUNCATE events",
            "COPY (SELECT id FROM events) TO STDOUT",
            "COPY events FROM STDIN",
            "CREATE TABLE mine AS SELECT * FROM events",
            "PREPARE p AS SELECT * FROM events",
            "EXPLAIN ANALYZE SELECT * FROM events",
            "DECLARE c CURSOR WITH HOLD FOR SELECT * FROM events",
            // By its own partition.
            "SELECT * FROM parts.events_2024_05",
            "SET search_path = parts, public; SELECT * FROM events_2024_05",
            "DELETE FROM ONLY parts.events_2024_05",
            // A parent by its children, with and without their own.
            "SELECT * FROM kid",
            "SELECT * FROM grandkid",
            "SELECT extra FROM ONLY grandkid",
            "UPDATE grandkid SET note = 'z' WHERE id = 7",
            "SELECT * FROM \"kid\" k",
        ] {
            refused(&world, &mut raw, statement);
        }
        for (statement, wanted) in [
            ("SELECT id FROM events_2025", "2"),
            // Nothing of partitions and children is read here.
            ("SELECT count(*) FROM ONLY events", "0"),
            ("DELETE FROM ONLY events", ""),
            ("SELECT count(*) FROM orders", "50"),
            ("SELECT note FROM spare", "c"),
        ] {
            assert_eq!(passes(&world, &mut raw, statement), wanted, "{statement}");
        }
        // Prepared by name and by the protocol.
        let script = Script::new().parse("s", "DELETE FROM events").bind("", "s").execute("").sync();
        assert_eq!(raw.ask(&world, &script, 1).errors(), ["42501"], "{}", world.log());
        let script = Script::new().parse("t", "SELECT id FROM events_2025").bind("", "t").execute("").sync();
        assert_eq!(raw.ask(&world, &script, 1).rows(), ["2"], "{}", world.log());
        assert_eq!(passes(&world, &mut raw, "EXECUTE t"), "2");
        assert_eq!(world.direct("SELECT count(*) FROM events"), "2");
    }
}

#[test]
fn a_column_that_is_held_back_is_so_in_every_relation_that_shares_it() {
    let columns = r#"
[[policy]]
id = "held-columns"
effect = "deny"
match = { connections = ["db"], columns = ["vault_old.secret", "base.note"] }
"#;
    for more in ["", MASKS] {
        let world = World::with_database(Database::new(MORE), &format!("{WRITE_RULES}{columns}{more}"));
        let mut raw = Raw::login(&world, &world.token("reader"));
        for statement in [
            "SELECT v.secret FROM vault v",
            "SELECT vault FROM vault",
            "UPDATE vault SET secret = '' WHERE vault.id = 1",
            "SELECT g.note FROM grandkid g",
            "SELECT g.id FROM ONLY grandkid g WHERE g.note = 'n'",
            "INSERT INTO kid (note) VALUES ('z')",
        ] {
            refused(&world, &mut raw, statement);
        }
        for (statement, wanted) in [
            ("SELECT v.id FROM vault v", ""),
            ("SELECT v.secret FROM ONLY vault v", ""),
            ("SELECT g.extra FROM grandkid g", "x"),
            ("SELECT s.note FROM spare s", "c"),
        ] {
            assert_eq!(passes(&world, &mut raw, statement), wanted, "{statement}");
        }
    }
}

#[test]
fn what_becomes_a_partition_through_the_gateway_counts_at_once() {
    let (world, token) = world("");
    let (mut raw, mut keeper) = (Raw::login(&world, &token), Raw::login(&world, &world.token("writer")));
    assert_eq!(passes(&world, &mut raw, "PREPARE s AS SELECT note FROM spare; EXECUTE s"), "c");
    assert_eq!(passes(&world, &mut raw, "SELECT note FROM spare"), "c");
    passes(&world, &mut keeper, "ALTER TABLE top ATTACH PARTITION spare FOR VALUES IN (3)");
    refused(&world, &mut raw, "SELECT note FROM spare");
    refused(&world, &mut raw, "EXECUTE s");
    passes(&world, &mut keeper, "CREATE TABLE made PARTITION OF top FOR VALUES IN (5)");
    refused(&world, &mut raw, "SELECT note FROM made");
    passes(&world, &mut keeper, "ALTER TABLE top DETACH PARTITION spare");
    assert_eq!(passes(&world, &mut raw, "SELECT note FROM spare"), "c");
    // Whoever is held back makes no new ways to it.
    refused(&world, &mut raw, "ALTER TABLE top ATTACH PARTITION bare FOR VALUES IN (4)");
    refused(&world, &mut raw, "CREATE TABLE another PARTITION OF top FOR VALUES IN (6)");
}

#[test]
fn what_the_open_transaction_has_tied_counts_before_others_see_it() {
    let (world, token) = world("");
    let mut raw = Raw::login(&world, &token);
    let tie = "ALTER TABLE ledger INHERIT over";
    assert_eq!(passes(&world, &mut raw, "SELECT id FROM over"), "");
    passes(&world, &mut raw, "BEGIN");
    passes(&world, &mut raw, tie);
    refused(&world, &mut raw, "SELECT id FROM over");
    passes(&world, &mut raw, "ROLLBACK");
    assert_eq!(passes(&world, &mut raw, "SELECT id FROM over"), "");
    // The end of what was sent before it is not the end of it.
    let (slow, both) = ("SELECT sum(n) FROM generate_series(1, 2000000) n", format!("BEGIN; {tie}"));
    let replies = raw.ask(&world, &Script::new().query(slow).query(&both), 2);
    assert!(replies.errors().is_empty(), "{replies:?}");
    refused(&world, &mut raw, "SELECT id FROM over");
    passes(&world, &mut raw, "ROLLBACK");
    // In one text, and in one series of messages.
    refused(&world, &mut raw, &format!("{tie}; SELECT id FROM over"));
    let script = Script::new().run(tie).run("SELECT id FROM over").sync();
    let replies = raw.ask(&world, &script, 1);
    assert!(replies.rows().is_empty() && !replies.errors().is_empty(), "{replies:?}");
}

#[test]
fn an_approve_holds_what_shares_rows_and_an_allow_covers_what_is_named() {
    let rules = r#"
[[policy]]
id = "some"
effect = "allow"
match = { groups = ["support"], connections = ["db"], operations = ["read"], tables = ["public.events", "public.orders"] }

[[policy]]
id = "asked"
effect = "approve"
match = { groups = ["support"], connections = ["db"], operations = ["read"], tables = ["public.events_2025"] }
approval = { from = ["dba"], timeout = "5m" }
"#;
    let world = World::with_database(Database::with_options(MORE, "approval_mode = \"retry\""), rules);
    let token = world.token("reader");
    for (statement, out, said) in [
        ("SELECT count(*) FROM orders", "50", ""),
        ("SELECT count(*) FROM ONLY public.events", "0", ""),
        ("SELECT count(*) FROM public.events", "", "Run the same statement again"),
        ("SELECT count(*) FROM public.events_2024", "", "42501"),
    ] {
        let (_, found, err) = world.psql(&token, &[statement]);
        assert_eq!(found.trim(), out, "{statement}: {err} {}", world.log());
        assert!(err.contains(said), "{statement}: {err}");
    }
}

#[test]
fn without_the_catalogue_nothing_passes_that_hangs_on_it() {
    let (world, token) = world("");
    world.direct("ALTER ROLE gateway CONNECTION LIMIT 1");
    let mut raw = Raw::login(&world, &token);
    assert_eq!(passes(&world, &mut raw, "SELECT 1"), "1");
    for statement in ["SELECT * FROM events", "SELECT count(*) FROM orders", "DELETE FROM events"] {
        assert_eq!(ask(&world, &mut raw, statement).1, ["57P03"], "{statement} {}", world.log());
    }
    // Where no policy goes by it, it is not asked for.
    drop(raw);
    world.direct("ALTER ROLE gateway CONNECTION LIMIT 2");
    let mut keeper = Raw::login(&world, &world.token("writer"));
    assert_eq!(passes(&world, &mut keeper, "SELECT id FROM events"), "1 2");
    // A target that answers no such questions is judged by the words alone.
    let (other, token) = self::world("");
    other.direct("REVOKE SELECT ON pg_catalog.pg_inherits FROM PUBLIC");
    let mut raw = Raw::login(&other, &token);
    assert_eq!(passes(&other, &mut raw, "SELECT count(*) FROM events"), "2");
    refused(&other, &mut raw, "SELECT * FROM events_2024");
    assert!(other.log().contains("the catalogue of a target could not be read"), "{}", other.log());
}
