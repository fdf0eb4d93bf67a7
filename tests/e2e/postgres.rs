//! PostgreSQL through the gateway, with real clients.

use crate::support::World;
use crate::support::database::Database;
use crate::support::database::SQL_RULES;

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
    assert!(err.contains("42501: no policy allows this"), "{err}");
    assert!(err.contains("42501: Payroll is not for this gateway."), "{err}");
    assert!(err.contains("42601: syntax error at or near \"x\""), "{err}");
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
