//! A connection that only reads: no text, no setting and no code frees a session of it.

use crate::postgres::ALL;
use crate::support::World;
use crate::support::database::Database;

/// A view that writes, by a function that nobody sees in a text; one that sets what a text may not; and one
/// that only says so.
const CODE: &str = "\
CREATE FUNCTION writes() RETURNS int LANGUAGE plpgsql AS $$ BEGIN INSERT INTO orders (note) VALUES ('side'); RETURN 1; END $$;
CREATE VIEW sidev AS SELECT writes();
CREATE FUNCTION frees() RETURNS text LANGUAGE sql AS $$ SELECT set_config('default_transaction_read_only', 'off', false) $$;
GRANT ALL ON ALL TABLES IN SCHEMA public TO gateway;
";

/// A gateway before a database that is only read, and a token for it.
fn world() -> (World, String) {
    let world = World::with_database(Database::with_options(CODE, "readonly = true"), ALL);
    let token = world.token("reader");
    (world, token)
}

const REFUSED: &str = "this connection is read-only";

#[test]
fn a_connection_that_only_reads_cannot_be_talked_into_writing() {
    let (world, token) = world();
    let (_, out, err) = world.psql(
        &token,
        &[
            "SELECT 1",
            "DELETE FROM orders",
            "SET default_transaction_read_only = off",
            "SET SESSION CHARACTERISTICS AS TRANSACTION READ WRITE",
            "BEGIN READ WRITE; DELETE FROM orders; COMMIT",
            "SELECT set_config('transaction_read_only', 'off', false)",
            "SELECT set_config('default_transaction'||'_read_only', 'off', false)",
            "RESET work_mem; SELECT set_config('default_transaction_read_only', 'o' || 'ff', false)",
            "RESET work_mem; SELECT set_config(n, 'o' || 'ff', false) FROM (VALUES ('default_transaction_read_only')) v (n)",
            "SELECT set_config('transaction_read_only', NULL, false)",
            "PREPARE p AS SELECT set_config('transaction_read_only', NULL, false)",
            "RESET ALL; DELETE FROM orders",
            "DISCARD ALL",
            "DELETE FROM orders",
        ],
    );
    assert_eq!(out.lines().next(), Some("1"));
    assert_eq!(err.matches("25006: cannot execute DELETE in a read-only transaction").count(), 3, "{err}");
    assert_eq!(err.matches(REFUSED).count(), 9, "{err}");
    assert_eq!(world.direct("SELECT count(*) FROM orders"), "50");
}

#[test]
fn what_resets_the_setting_of_a_transaction_frees_nothing() {
    let (world, token) = world();
    let resets = [
        "RESET transaction_read_only",
        "SET transaction_read_only TO DEFAULT",
        "SET LOCAL transaction_read_only TO DEFAULT",
        "SET SESSION \"Transaction_Read_Only\" = DEFAULT",
        "SET TRANSACTION READ WRITE",
        "RESET default_transaction_read_only",
        "SET default_transaction_read_only TO DEFAULT",
    ];
    for reset in resets {
        for text in [
            format!("BEGIN; {reset}; SELECT * FROM sidev; INSERT INTO orders (note) VALUES ('own'); COMMIT"),
            format!("BEGIN; SAVEPOINT a; {reset}; SELECT * FROM sidev; RELEASE a; COMMIT"),
        ] {
            world.refused(&token, &[&text], REFUSED);
        }
        let (_, _, err) = world.psql(&token, &["BEGIN", reset, "SELECT * FROM sidev", "COMMIT"]);
        assert!(err.contains(REFUSED) && err.contains("25P02"), "{reset}: {err}");
    }
    // They leave both settings as they are, or as the session began.
    let harmless =
        ["BEGIN; RESET ALL; SELECT * FROM sidev; COMMIT", "ROLLBACK", "RESET ROLE; SELECT * FROM sidev"];
    let (_, _, err) = world.psql(&token, &harmless);
    assert_eq!(err.matches("25006").count(), 2, "{err}");
    let (_, out, err) = world.psql(
        &token,
        &[
            "RESET SESSION AUTHORIZATION",
            "DISCARD ALL",
            "SET transaction_read_only = on",
            "SELECT * FROM sidev",
        ],
    );
    assert!(err.matches("25006").count() == 1 && out.ends_with("SET\n"), "{out} {err}");
    assert_eq!(world.direct("SELECT count(*) FROM orders"), "50");
}

#[test]
fn code_that_nobody_has_read_does_not_run_where_only_reads_are_allowed() {
    let (world, token) = world();
    for text in [
        "DO $$ BEGIN COMMIT; SET TRANSACTION READ WRITE; INSERT INTO orders (note) VALUES ('do'); END $$",
        "DO $$ BEGIN PERFORM set_config('default_transaction_read_only', 'off', false); END $$; COMMIT; DELETE FROM orders",
        "SELECT query_to_xml('SELECT set_config(''default_transaction_read_only'', ''off'', false)', true, true, ''); COMMIT; DELETE FROM orders",
        "SELECT 1; SELECT this is no SQL",
    ] {
        world.refused(&token, &[text], REFUSED);
    }
    // The database's own code may do it; then the session is over.
    let (code, out, err) = world.psql(&token, &["SELECT frees()", "DELETE FROM orders", "SELECT 1"]);
    assert!(
        err.contains("the target says that the session may write now") && !out.contains("DELETE"),
        "{code} {out} {err}"
    );
    assert_eq!(world.direct("SELECT count(*) FROM orders"), "50");
}
