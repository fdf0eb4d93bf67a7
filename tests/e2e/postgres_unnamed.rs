//! What a statement does to relations and columns that stand nowhere among its tables: those of a schema,
//! what refers to a table that is emptied, sequences, columns of indexes and keys.

use crate::support::World;
use crate::support::database::Database;

/// A schema of its own, and what refers to `orders` in steps, from a partition too.
const MORE: &str = "\
CREATE SCHEMA hr;
CREATE TABLE hr.staff (id int, code text);
CREATE SEQUENCE hr.s2;
CREATE SCHEMA crm;
CREATE TABLE crm.leads (id int);
CREATE SEQUENCE crm.s1;
CREATE TYPE person AS (id int, code text);
CREATE TABLE payments (id int PRIMARY KEY, placed int REFERENCES orders);
CREATE TABLE refunds (id int, payment int REFERENCES payments) PARTITION BY LIST (id);
CREATE TABLE refunds_1 PARTITION OF refunds FOR VALUES IN (1);
INSERT INTO payments VALUES (1, 1);
INSERT INTO refunds VALUES (1, 1);
CREATE TABLE loose (id int PRIMARY KEY);
GRANT CREATE ON DATABASE postgres TO gateway;
ALTER SCHEMA hr OWNER TO gateway;
ALTER SCHEMA crm OWNER TO gateway;
ALTER TABLE hr.staff OWNER TO gateway;
ALTER TABLE crm.leads OWNER TO gateway;
ALTER TABLE orders OWNER TO gateway;
ALTER TABLE payments OWNER TO gateway;
ALTER TABLE refunds OWNER TO gateway;
ALTER TABLE refunds_1 OWNER TO gateway;
ALTER TABLE loose OWNER TO gateway;
ALTER TYPE person OWNER TO gateway;
ALTER SEQUENCE hr.s2 OWNER TO gateway;
ALTER SEQUENCE crm.s1 OWNER TO gateway;
";

const ADMIN: &str = r#"
[[policy]]
id = "all"
effect = "allow"
match = { groups = ["support"], connections = ["db"], operations = ["read", "write", "ddl", "admin"] }

[[policy]]
id = "held"
effect = "deny"
match = { connections = ["db"], tables = ["hr.*"] }
unless = { tables = ["public.*", "pg_catalog.*"] }
message = "Held back."
"#;

#[test]
fn a_statement_about_a_schema_is_one_about_its_relations() {
    let world = World::with_database(Database::new(MORE), ADMIN);
    let token = world.token("reader");
    for statement in [
        "GRANT SELECT ON ALL TABLES IN SCHEMA hr TO PUBLIC",
        "ALTER DEFAULT PRIVILEGES IN SCHEMA hr GRANT SELECT ON TABLES TO PUBLIC",
        "ALTER DEFAULT PRIVILEGES GRANT SELECT ON TABLES TO PUBLIC",
        "REINDEX SCHEMA hr",
        "REINDEX DATABASE postgres",
        "ALTER SCHEMA hr RENAME TO old",
        "DROP SCHEMA hr CASCADE",
        "DROP OWNED BY gateway",
        "DROP TYPE person CASCADE",
        "SELECT nextval('hr.s2')",
        "SELECT setval('\"hr\".s2', 7)",
        "SELECT nextval(('h' || 'r.s2')::regclass)",
        "BEGIN; SELECT currval('hr.s2')",
    ] {
        world.refused(&token, &[statement], "42501: Held back.");
    }
    assert_eq!(world.direct("SELECT last_value || ' ' || is_called FROM hr.s2"), "1 false");
    for statement in [
        "GRANT SELECT ON ALL TABLES IN SCHEMA crm TO PUBLIC",
        "REINDEX SCHEMA crm",
        "SELECT nextval('crm.s1')",
        "INSERT INTO orders (id, note) VALUES (nextval('orders_id_seq'), 'x')",
        "DROP SCHEMA IF EXISTS nothing",
        "ALTER SCHEMA crm RENAME TO old",
    ] {
        world.passes(&token, &[statement]);
    }
}

#[test]
fn what_refers_to_a_table_that_is_emptied_counts_as_written() {
    let only = r#"
[[policy]]
id = "some"
effect = "allow"
match = { groups = ["support"], connections = ["db"], operations = ["write", "ddl"], tables = ["public.orders", "public.loose", "public.made"] }
"#;
    let held = r#"
[[policy]]
id = "all"
effect = "allow"
match = { groups = ["support"], connections = ["db"], operations = ["read", "write", "ddl"] }

[[policy]]
id = "held"
effect = "deny"
match = { connections = ["db"], tables = ["public.refunds_1"] }
"#;
    for rules in [only, held] {
        let world = World::with_database(Database::new(MORE), rules);
        let token = world.token("reader");
        for statements in [
            &["TRUNCATE orders CASCADE"][..],
            &["TRUNCATE ONLY public.orders RESTART IDENTITY CASCADE"],
            &["TRUNCATE loose, orders CASCADE"],
            // What the text, or its transaction, has made nobody has told.
            &["CREATE TABLE made (id int); TRUNCATE made CASCADE"],
            &["BEGIN", "CREATE TABLE made (id int)", "TRUNCATE loose CASCADE"],
        ] {
            world.refused(&token, statements, "42501");
        }
        assert_eq!(world.direct("SELECT count(*) FROM refunds"), "1");
        for (statement, said) in [("TRUNCATE loose CASCADE", "TRUNCATE TABLE"), ("TRUNCATE orders", "0A000")]
        {
            let (_, out, err) = world.psql(&token, &[statement]);
            assert!(format!("{out}{err}").contains(said), "{statement}: {out} {err} {}", world.log());
        }
    }
    let world = World::with_database(Database::new(MORE), &held.replace("refunds_1", "customers"));
    let token = world.token("reader");
    let (_, out, err) = world.psql(&token, &["TRUNCATE orders CASCADE"]);
    assert!(out.contains("TRUNCATE TABLE") && !err.contains("ERROR"), "{out} {err} {}", world.log());
    assert_eq!(world.direct("SELECT count(*) FROM refunds"), "0");
}

#[test]
fn a_column_that_is_held_back_is_so_in_definitions() {
    let rules = r#"
[[policy]]
id = "all"
effect = "allow"
match = { groups = ["support"], connections = ["db"], operations = ["read", "write", "ddl"] }

[[policy]]
id = "held"
effect = "deny"
match = { connections = ["db"], columns = ["staff.code"] }
message = "Held back."
"#;
    let world = World::with_database(Database::new(MORE), rules);
    let token = world.token("reader");
    for statement in [
        "ALTER TABLE hr.staff DROP COLUMN code",
        "ALTER TABLE hr.staff ALTER code TYPE varchar",
        "ALTER TABLE hr.staff ALTER code SET STATISTICS 100",
        "ALTER TABLE hr.staff ADD UNIQUE (code)",
        "CREATE UNIQUE INDEX ON hr.staff (code)",
        "CREATE STATISTICS st ON id, code FROM hr.staff",
        "CREATE TABLE probe (x text REFERENCES hr.staff (code))",
        "INSERT INTO hr.staff (id) VALUES (1) ON CONFLICT (code) DO NOTHING",
        "COMMENT ON COLUMN hr.staff.code IS 'x'",
    ] {
        world.refused(&token, &[statement], "42501: Held back.");
    }
    for statement in [
        "ALTER TABLE hr.staff ALTER id SET STATISTICS 100",
        "CREATE INDEX ON hr.staff (id)",
        "COMMENT ON COLUMN hr.staff.id IS 'x'",
        "CREATE TABLE made (code int); CREATE INDEX ON made (code)",
    ] {
        world.passes(&token, &[statement]);
    }
}
