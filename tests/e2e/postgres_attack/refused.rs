//! What is refused: that it is recorded, with which SQLSTATE, and what comes after a cut.

use std::time::Duration;
use std::time::Instant;

use serde_json::Value;

use super::DELETE;
use super::MASKS;
use super::RULES;
use super::lives;
use super::world;
use crate::support::World;
use crate::support::database::Database;
use crate::support::database::WRITE_RULES;
use crate::support::wire::Raw;
use crate::support::wire::Script;

/// The events of the last session once it is over.
fn ended(world: &World) -> Vec<Value> {
    let begin = Instant::now();
    loop {
        let events = world.events(&world.last_session());
        if events.iter().any(|event| event["kind"] == "session.end") {
            return events;
        }
        assert!(begin.elapsed() < Duration::from_secs(10), "{events:?}");
        std::thread::sleep(Duration::from_millis(50));
    }
}

#[test]
fn a_message_that_never_became_a_command_is_recorded_with_its_reason() {
    let options = "limits = { body = \"64KiB\" }";
    let world = World::with_database(Database::with_options("", options), &format!("{RULES}{MASKS}"));
    let mut raw = Raw::login(&world, &world.token("reader"));
    let secret = format!("SELECT '{}'", "s3cret".repeat(20_000));
    let long = "n".repeat(64);
    for (script, state, reason) in [
        (Script::new().bind("", "nobody").sync(), "26000", "unknown_statement"),
        (Script::new().execute("nobody").sync(), "34000", "unknown_portal"),
        // What the server passes over is not recorded as if it had come to it.
        (
            Script::new().execute("nobody").bind("", "nobody").execute("other").sync(),
            "34000",
            "unknown_portal",
        ),
        (Script::new().parse(&long, "SELECT 1").sync(), "42622", "name_too_long"),
        (Script::new().bind(&long, "").sync(), "42622", "name_too_long"),
        (Script::new().describe_portal(&long).sync(), "42622", "name_too_long"),
        (Script::new().query(&secret), "54000", "too_long"),
        (Script::new().parse("", &secret).sync(), "54000", "too_long"),
        (Script::new().message(b'Q', b"SELECT 1\0 more\0"), "08P01", "malformed"),
    ] {
        let replies = raw.ask(&world, &script, 1);
        assert_eq!(replies.errors(), [state], "{reason}: {replies:?}");
        lives(&world, &mut raw, &replies);
        let count = |events: &[Value], wanted: &str| {
            events.iter().filter(|event| event["data"]["reason"] == wanted).count()
        };
        // It is written; the reader has it a moment later.
        std::thread::sleep(Duration::from_millis(200));
        let events = world.events(&world.last_session());
        let found = events
            .iter()
            .rev()
            .find(|event| event["kind"] == "decision" && event["data"]["reason"] == reason);
        let decision = found.unwrap_or_else(|| panic!("no {reason} in {events:?}"));
        assert_eq!(decision["data"]["effect"], "deny");
        assert!(decision["data"]["code"].is_string(), "{decision}");
        let query =
            events.iter().find(|event| event["kind"] == "sql.query" && event["corr"] == decision["corr"]);
        let query = &query.unwrap_or_else(|| panic!("no statement of {decision}"))["data"];
        assert!(query["sql"].is_null() && query["class"] == "unknown", "{query}");
        if reason == "unknown_statement" {
            assert_eq!((&query["statement"], count(&events, reason)), (&"nobody".into(), 1));
        }
    }
    raw.send(&Script::new().terminate());
    let events = ended(&world);
    let reasons: Vec<&Value> = events
        .iter()
        .map(|event| &event["data"]["reason"])
        .filter(|reason| *reason == "unknown_portal")
        .collect();
    assert_eq!(reasons.len(), 2, "{events:?}");
    assert!(!format!("{events:?}").contains("s3crets3cret"));
    world.ok(&["session", "verify", &world.last_session()]);
}

#[test]
fn a_flood_of_refused_messages_is_bounded_in_the_recording_and_counted() {
    let world = world();
    let mut raw = Raw::login(&world, &world.token("reader"));
    let flood = (0..3_000).fold(Script::new(), |script, _| script.execute("nobody").sync());
    let replies = raw.ask(&world, &flood, 3_000);
    assert_eq!(replies.errors().len(), 3_000);
    std::thread::sleep(Duration::from_millis(1_100));
    let replies = raw.ask(&world, &Script::new().execute("nobody").sync(), 1);
    lives(&world, &mut raw, &replies);
    raw.send(&Script::new().terminate());
    let events = ended(&world);
    let refused: Vec<&Value> =
        events.iter().filter(|event| event["data"]["reason"] == "unknown_portal").collect();
    let left_out: u64 =
        refused.iter().filter_map(|event| event["data"]["not_recorded_before"].as_u64()).sum();
    assert_eq!(refused.len() as u64 + left_out, 3_001);
}

#[test]
fn in_a_failed_transaction_the_server_says_so_first() {
    let world = world();
    let mut raw = Raw::login(&world, &world.token("reader"));
    let fail = Script::new().query("BEGIN").query("SELECT 1/0");
    for (script, ready, wanted) in [
        (Script::new().query(DELETE), 1, "25P02"),
        (Script::new().run(DELETE).sync(), 1, "25P02"),
        (Script::new().query("SELECT 1"), 1, "25P02"),
        // What the server finds out before it looks at the transaction.
        (Script::new().query("DELETE FRM orders"), 1, "42601"),
        (Script::new().bind("", "nobody").sync(), 1, "26000"),
        // What ends the transaction does run in it.
        (Script::new().query("ROLLBACK; DELETE FROM orders"), 1, "42501"),
        (Script::new().run("ROLLBACK").run(DELETE).sync(), 1, "42501"),
    ] {
        raw.ask(&world, &fail, 2);
        let replies = raw.ask(&world, &script, ready);
        assert_eq!(replies.errors(), [wanted], "{replies:?}");
        lives(&world, &mut raw, &replies);
    }
    // Outside of one it is the refusal, as ever, and so in one that has not failed.
    for before in ["SELECT 1", "BEGIN"] {
        let replies = raw.ask(&world, &Script::new().query(before).run(DELETE).sync(), 2);
        assert_eq!(replies.errors(), ["42501"], "{replies:?}");
        lives(&world, &mut raw, &replies);
    }
}

#[test]
fn each_statement_of_a_text_that_is_cut_has_its_end_in_the_recording() {
    let world = World::with_database(Database::with_options("", "limits = { rows = 5 }"), WRITE_RULES);
    let token = world.token("reader");
    let text =
        "SELECT 1; SELECT g FROM generate_series(1, 10) g; UPDATE orders SET note = 'late' WHERE id = 1";
    world.refused(&token, &[text], "54000");
    let events = ended(&world);
    let done: Vec<&Value> =
        events.iter().filter(|event| event["kind"] == "sql.done").map(|event| &event["data"]).collect();
    let ran = world.direct("SELECT note FROM orders WHERE id = 1") == "late";
    // Whether the target was stopped in time or not: the recording says what became of the last one.
    assert_eq!((&done[0]["tag"], &done[1]["error"]["sqlstate"]), (&"SELECT 1".into(), &"54000".into()));
    let update = done.get(2).is_some_and(|done| done["tag"] == "UPDATE 1");
    assert_eq!(update, ran, "{done:?}");
    // With the second statement as the one that fails.
    world.refused(&token, &["SELECT 2; SELECT 1/0; SELECT 3"], "22012");
    let events = ended(&world);
    let ends: Vec<&Value> = events
        .iter()
        .filter(|event| event["kind"] == "sql.done")
        .map(|event| &event["data"]["end"])
        .collect();
    assert_eq!(ends, ["complete", "error"]);
}
