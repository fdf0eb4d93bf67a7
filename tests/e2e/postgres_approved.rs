//! A word of people counts for a statement and for what it stands in: the same text does something else where
//! its session has set something else.

use crate::support::World;
use crate::support::database::Database;
use crate::support::wire::Raw;
use crate::support::wire::Script;

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
    world.refused(token, statements, "Run the same statement again");
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

/// Sends statements of one transaction that leaves the row on which a cursor stands to an approver.
const AT_CURSOR: [&str; 4] = [
    "BEGIN",
    "DECLARE c CURSOR FOR SELECT id FROM orders WHERE id = 1",
    "FETCH c",
    "DELETE FROM orders WHERE CURRENT OF c",
];

#[test]
fn a_row_on_which_a_cursor_stands_is_approved_with_the_query_of_the_cursor_and_nothing_else() {
    let world = World::with_database(Database::new(EVIL), RULES);
    let token = world.token("writer");
    let [begin, declare, fetch, delete] = AT_CURSOR;
    let prepare = format!("PREPARE p AS {delete}");
    for held in [&[delete][..], &[prepare.as_str(), "EXECUTE p"]] {
        let statements = [&[begin, declare, fetch][..], held].concat();
        let (shown, out) = std::thread::scope(|scope| {
            let told = scope.spawn(|| world.psql(&token, &statements));
            let shown = held.iter().map(|_| {
                let id = world.wait_pending()["id"].as_str().unwrap().to_owned();
                let (_, shown, _) = world.cli(&["approval", "show", &id]);
                world.ok(&["approval", "approve", &id]);
                shown
            });
            (shown.collect::<Vec<String>>(), told.join().unwrap())
        });
        for shown in shown {
            assert!(shown.contains("SELECT id FROM orders WHERE id = 1"), "{held:?}: {shown}");
            assert!(shown.contains("the row on which its cursor stands"), "{held:?}: {shown}");
        }
        assert!(out.1.contains("DELETE 1"), "{held:?}: {out:?}");
    }
    let (world, token) = self::world();
    let (_, out, err) = world.psql(&token, &AT_CURSOR);
    assert!(err.contains("42501") && err.contains("name the row by its key"), "{out} {err}");
    assert!(world.list(&["approval", "list"]).is_empty());
}

#[test]
fn nobody_is_asked_about_a_statement_in_a_transaction_that_has_failed() {
    let (world, token) = world();
    let delete = "DELETE FROM orders WHERE id = 1";
    let (_, out, err) = world.psql(&token, &["BEGIN", "SELECT 1 / 0", delete, "COMMIT"]);
    assert!(
        err.contains("25P02") && err.contains("nobody is asked") && out.ends_with("ROLLBACK\n"),
        "{out} {err}"
    );
    let mut raw = Raw::login(&world, &token);
    raw.ask(&world, &Script::new().query("BEGIN").query("SELECT 1 / 0"), 2);
    let replies = raw.ask(&world, &Script::new().run(delete).sync().run("ROLLBACK").sync(), 2);
    assert_eq!((replies.errors(), replies.held.len()), (vec!["25P02"], 0), "{replies:?}");
    assert!(world.list(&["approval", "list"]).is_empty());
    assert_eq!(world.direct("SELECT count(*) FROM orders WHERE id = 1"), "1");
    // What ends the transaction first is held as ever.
    let shown = approved(&world, &token, &["BEGIN", "SELECT 1 / 0", &format!("ROLLBACK; {delete}")]);
    assert!(shown.contains("inside a failed transaction"), "{shown}");
}

#[test]
fn data_that_is_copied_in_is_no_part_of_its_approval_and_has_its_digest_in_the_recording() {
    let rules = RULES.replace("\"delete\"", "\"copy_in\"");
    let world = World::with_database(Database::new(EVIL), &rules);
    let token = world.token("writer");
    let rows = world.folder.path().join("rows");
    std::fs::write(&rows, "7\n8\n").unwrap();
    let copy = format!("\\copy orders (customer) from '{}'", rows.display());
    let (shown, told) = std::thread::scope(|scope| {
        let told = scope.spawn(|| world.psql(&token, &[&copy]));
        let id = world.wait_pending()["id"].as_str().unwrap().to_owned();
        let (_, shown, _) = world.cli(&["approval", "show", &id]);
        world.ok(&["approval", "approve", &id]);
        (shown, told.join().unwrap())
    });
    assert!(shown.contains("its rows come after the approval and are not part of it"), "{shown}");
    assert!(told.1.contains("COPY 2"), "{told:?}");
    let events = world.events(&world.last_session());
    let copied = events.iter().find_map(|event| event["data"].get("copy")).unwrap();
    let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, b"7\n8\n");
    let hex = digest.as_ref().iter().fold(String::new(), |hex, byte| format!("{hex}{byte:02x}"));
    assert_eq!((&copied["dir"], &copied["bytes"], &copied["sha256"]), (&"in".into(), &4.into(), &hex.into()));
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
