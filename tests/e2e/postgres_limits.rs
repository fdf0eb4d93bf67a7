//! What is cut at a limit when the target was done with it already: it is told and recorded as done.

use std::time::Duration;
use std::time::Instant;

use crate::support::World;
use crate::support::database::Database;
use crate::support::database::WRITE_RULES;
use crate::support::wire::Raw;
use crate::support::wire::Script;

#[test]
fn a_change_that_gives_too_many_rows_is_recorded_as_done() {
    let world = World::with_database(Database::with_options("", "limits = { rows = 5 }"), WRITE_RULES);
    let token = world.token("reader");
    let update = "UPDATE orders SET note = 'x' RETURNING id";
    let (_, out, err) = world.psql(&token, &[update]);
    assert!(
        err.contains("54000") && err.contains("has done the statement all the same (UPDATE 50)"),
        "{out} {err}"
    );
    let mut raw = Raw::login(&world, &token);
    let again = Script::new().run("UPDATE orders SET note = 'y' RETURNING id").sync();
    let replies = raw.ask(&world, &again, 1);
    assert!(replies.errors().concat().contains("54000"), "{replies:?}");
    drop(raw);
    assert_eq!(world.direct("SELECT count(*) FROM orders WHERE note = 'y'"), "50");
    let mut done = 0;
    for session in world.list(&["session", "list"]) {
        for event in world.events(session["id"].as_str().unwrap()) {
            if event["kind"] == "sql.done" {
                let data = &event["data"];
                assert_eq!(
                    (&data["tag"], &data["end"], &data["cut"]),
                    (&"UPDATE 50".into(), &"complete".into(), &true.into())
                );
                assert_eq!(data["error"]["sqlstate"], "54000");
                done += 1;
            }
        }
    }
    assert_eq!(done, 2);
}

#[test]
fn the_limit_of_rows_holds_for_copies() {
    let world = World::with_database(Database::with_options("", "limits = { rows = 5 }"), WRITE_RULES);
    let token = world.token("reader");
    for (copy, passes) in [
        ("COPY (SELECT id FROM orders WHERE id <= 5) TO STDOUT", true),
        ("COPY (SELECT id FROM orders WHERE id <= 6) TO STDOUT", false),
        ("COPY orders TO STDOUT (FORMAT csv)", false),
        ("COPY (SELECT repeat('x', 3000000) FROM orders) TO STDOUT", false),
    ] {
        let (_, out, err) = world.psql(&token, &[copy]);
        assert_eq!(err.contains("54000: the copy gives more than the 5 rows"), !passes, "{copy}: {err}");
        assert!(out.lines().filter(|line| !line.starts_with("COPY")).count() <= 5, "{copy}: {out}");
    }
}

#[test]
fn what_a_text_runs_by_name_is_looked_at_once_and_is_not_too_much() {
    let world = World::with_database(Database::new(""), WRITE_RULES);
    let mut raw = Raw::login(&world, &world.token("reader"));
    let names = |of: &str| (0..1500).map(|n| of.replace('#', &n.to_string())).collect::<Vec<_>>().join(", ");
    let wide =
        format!("PREPARE wide AS SELECT {} FROM (SELECT {}) a WHERE false", names("a.c#"), names("# AS c#"));
    raw.ask(&world, &Script::new().query(&wide), 1);
    let began = Instant::now();
    let replies = raw.ask(&world, &Script::new().query(&"EXECUTE wide;".repeat(2000)), 1);
    assert_eq!(replies.of('C').len(), 2000, "{:?}", replies.errors());
    assert!(began.elapsed() < Duration::from_secs(40), "{:?}", began.elapsed());

    // Many long ones together.
    let mut prepare = Script::new();
    for name in 0..7 {
        prepare = prepare.query(&format!("PREPARE long{name} AS SELECT 1 /* {} */", "x".repeat(700_000)));
    }
    raw.ask(&world, &prepare, 7);
    let all: Vec<String> = (0..7).map(|name| format!("EXECUTE long{name}")).collect();
    let replies = raw.ask(&world, &Script::new().query(&all.join("; ")).query("EXECUTE long3"), 2);
    assert_eq!((replies.errors(), replies.rows()), (vec!["53300"], vec!["1"]), "{replies:?}");
    drop(raw);
    let runs: Vec<usize> = world
        .events(&world.last_session())
        .iter()
        .filter_map(|event| event["data"]["runs"].as_array().map(Vec::len))
        .collect();
    assert_eq!(runs, [1, 1], "the text of each counts once");
}
