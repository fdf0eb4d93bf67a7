//! A word of people counts for a statement and for what it stands in: the same text does something else where its session has set something else.

use crate::support::World;
use crate::support::database::Database;

const RULES: &str = r#"
[[policy]]
id = "reads"
effect = "allow"
match = { groups = ["etl"], connections = ["db"], operations = ["read", "write"] }

[[policy]]
id = "writes"
effect = "approve"
match = { groups = ["etl"], connections = ["db"], operations = ["write"], verbs = ["delete"] }
approval = { from = ["dba"], timeout = "5m" }
"#;

const EVIL: &str = "\
CREATE SCHEMA evil;
CREATE TABLE evil.orders (id int);
INSERT INTO evil.orders VALUES (2);
CREATE TABLE days (d date);
INSERT INTO days VALUES ('2026-01-02');
GRANT ALL ON SCHEMA evil TO gateway;
GRANT ALL ON ALL TABLES IN SCHEMA public, evil TO gateway;
";

/// A gateway whose clients send again what was approved.
fn world() -> (World, String) {
    let world = World::with_database(Database::with_options(EVIL, "approval_mode = \"retry\""), RULES);
    let token = world.token("writer");
    (world, token)
}

/// What an approver sees of what is held after these statements; it is approved.
fn approved(world: &World, token: &str, statements: &[&str]) -> String {
    let (_, _, err) = world.psql(token, statements);
    assert!(err.contains("Run the same statement again"), "{statements:?}: {err}");
    let id = world.wait_pending()["id"].as_str().unwrap().to_owned();
    let (_, shown, _) = world.cli(&["approval", "show", &id]);
    world.ok(&["approval", "approve", &id]);
    shown
}

#[test]
fn what_was_approved_does_not_run_where_something_else_is_set() {
    let (world, token) = world();
    let delete = "DELETE FROM orders WHERE id = 1";
    for before in [
        &["SET search_path = evil"][..],
        &["SELECT set_config('search_path', 'evil', false)"],
        &["BEGIN", "SET LOCAL search_path = evil"],
        &["BEGIN", "SET search_path = evil", "COMMIT"],
        &["SET DateStyle = 'SQL, DMY'"],
        &["SET TimeZone = 'Asia/Tokyo'"],
        &["SET row_security = off"],
        &["SET app.tenant = '7'"],
    ] {
        approved(&world, &token, &[delete]);
        let statements: Vec<&str> = before.iter().copied().chain([delete]).collect();
        // Held anew, with what its session has set.
        let shown = approved(&world, &token, &statements);
        let set = before.iter().find(|text| text.starts_with('S')).unwrap();
        assert!(shown.contains(&format!("before it, its session ran: {set}")), "{before:?}: {shown}");
        let elsewhere = set.contains("search_path");
        assert_eq!(shown.contains("looked up elsewhere"), elsewhere, "{before:?}: {shown}");
        // Both run where they were approved.
        let (_, out, err) = world.psql(&token, &statements);
        assert!(out.contains("DELETE"), "{before:?}: {out} {err} {shown}");
        let (_, out, err) = world.psql(&token, &[delete]);
        assert!(out.contains("DELETE"), "{before:?}: {out} {err}");
    }
}

#[test]
fn what_changes_nothing_for_a_statement_takes_no_word_back() {
    let (world, token) = world();
    let delete = "DELETE FROM days WHERE d = '01/02/2026'";
    let shown = approved(&world, &token, &["SET statement_timeout = '1min'", delete]);
    assert!(!shown.contains("its session ran"), "{shown}");
    let before = ["SET application_name = 'x'", "SET search_path = evil", "DISCARD ALL"];
    let (_, out, err) = world.psql(&token, &[before[0], before[1], before[2], delete]);
    assert!(out.ends_with("DELETE 1\n"), "{out} {err}");
}
