//! Settings of a session are rows of a view, and so they can be changed by views of it and by rules: each of
//! these is a `SET`.

use crate::support::World;
use crate::support::database::Database;
use crate::support::database::WRITE_RULES;

/// Ways to the settings that are there already.
const MORE: &str = "\
CREATE VIEW own AS SELECT * FROM pg_settings;
CREATE VIEW again AS SELECT name AS n, setting AS s FROM own;
CREATE TABLE door (x text);
CREATE RULE leads AS ON INSERT TO door DO ALSO UPDATE again SET s = new.x WHERE n = 'search_path';
CREATE TABLE hall (x text PRIMARY KEY);
GRANT ALL ON own, again, door, hall TO gateway;
";

const MAKE: &str = "CREATE TEMP VIEW v AS SELECT name AS n, setting AS s FROM pg_settings";
const SET: &str = "UPDATE v SET s = 'nowhere' WHERE n = 'search_path'";

#[test]
fn a_change_of_rows_that_are_settings_is_a_set() {
    let world = World::with_database(Database::new(MORE), WRITE_RULES);
    let token = world.token("reader");
    for statements in [
        &[MAKE, SET][..],
        &[MAKE, "UPDATE v SET s = 'off' WHERE n = 'row_security'"],
        &[&format!("{MAKE}; {SET}")],
        // What nobody else sees yet.
        &["BEGIN", MAKE, SET, "COMMIT"],
        &[
            "BEGIN",
            MAKE,
            "ALTER VIEW v RENAME TO w",
            "UPDATE w SET s = 'nowhere' WHERE n = 'search_path'",
            "COMMIT",
        ],
        &[
            "BEGIN",
            MAKE,
            "CREATE TEMP VIEW w AS SELECT * FROM v",
            "UPDATE w SET s = 'nowhere' WHERE n = 'search_path'",
        ],
        &["UPDATE again SET s = 'nowhere' WHERE n = 'search_path'"],
        &["WITH u AS (UPDATE again SET s = 'nowhere' WHERE n = 'search_path' RETURNING n) SELECT n FROM u"],
        &["PREPARE p AS UPDATE again SET s = 'nowhere' WHERE n = 'search_path'", "EXECUTE p"],
        &["EXPLAIN ANALYZE UPDATE again SET s = 'nowhere' WHERE n = 'search_path'"],
        &["CREATE TEMP VIEW w AS SELECT * FROM again", "UPDATE w SET s = 'nowhere' WHERE n = 'search_path'"],
        &["INSERT INTO door VALUES ('nowhere')"],
        &["MERGE INTO again USING (SELECT 1) o ON true WHEN MATCHED THEN UPDATE SET s = 'nowhere'"],
    ] {
        let all: Vec<&str> = statements.iter().copied().chain(["ROLLBACK", "SHOW search_path"]).collect();
        let (_, out, err) = world.psql(&token, &all);
        assert!(err.contains("ERROR:  42501: "), "{statements:?}: {out} {err} {}", world.log());
        assert_eq!(out.lines().last(), Some("\"$user\", public"), "{statements:?}: {out} {err}");
    }
    for statements in [
        &["SELECT s FROM again WHERE n = 'work_mem'"][..],
        &["EXPLAIN UPDATE again SET s = 'nowhere' WHERE n = 'search_path'"],
        &["INSERT INTO hall VALUES ('a')", "UPDATE orders SET amount = 1 WHERE id = 1"],
        &["CREATE TEMP TABLE t (x int)", "INSERT INTO t VALUES (1)"],
        &["BEGIN", "CREATE TABLE made AS SELECT 1 AS x", "INSERT INTO made VALUES (2)", "COMMIT"],
        &["BEGIN", "CREATE VIEW seen AS SELECT id FROM orders", "INSERT INTO made VALUES (3)", "COMMIT"],
        &[MAKE, "INSERT INTO made VALUES (4)", "SELECT count(*) FROM v"],
    ] {
        world.passes(&token, statements);
    }
    assert_eq!(world.direct("SELECT count(*) FROM made"), "4");
}

#[test]
fn after_it_nobody_knows_where_names_lead() {
    let rules = r#"
[[policy]]
id = "orders"
effect = "allow"
match = { groups = ["support"], connections = ["db"], operations = ["read"], tables = ["orders"] }

[[policy]]
id = "settings"
effect = "allow"
match = { groups = ["support"], connections = ["db"], operations = ["read", "write", "admin"], verbs = ["update"] }
"#;
    let world = World::with_database(Database::new(MORE), rules);
    let token = world.token("reader");
    let (count, set) = ("SELECT count(*) FROM orders", "UPDATE again SET s = 'nowhere' WHERE n = 'work_mem'");
    let (_, out, err) = world.psql(&token, &[count]);
    assert_eq!(out.trim(), "50", "{err} {}", world.log());
    let (_, out, err) = world.psql(&token, &[set, count]);
    assert!(err.contains("ERROR:  42501: ") && !out.contains("50"), "{out} {err}");
    // A setting of whatever name is changed: a deny of one holds.
    let deny = "[[policy]]\nid = \"no\"\neffect = \"deny\"\nmatch = { connections = [\"db\"], settings = [\"app.*\"] }\nmessage = \"Not here.\"\n";
    world.write_config(&format!("{rules}{deny}"));
    assert_eq!(world.cli(&["config", "reload"]).0, 0, "{}", world.log());
    world.refused(&token, &["UPDATE again SET s = 'x' WHERE n = 'app.tenant'"], "42501: Not here.");
}
