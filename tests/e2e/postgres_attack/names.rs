//! Names that stand for one thing when they are judged and for another when they run.

use super::DELETE;
use super::LEAK;
use super::lives;
use super::orders;
use super::withheld;
use super::world;
use crate::support::World;
use crate::support::database::Database;
use crate::support::process::run;
use crate::support::wire::Raw;
use crate::support::wire::Replies;
use crate::support::wire::Script;

/// The delete was held as what it is, or refused; whoever held it denied it.
fn held_or_refused(replies: &Replies) {
    assert!(!replies.errors().is_empty(), "{replies:?}");
    assert!(replies.held.iter().all(|detail| detail.contains("DELETE FROM orders")), "{replies:?}");
    assert!(!replies.of('C').iter().any(|tag| tag.starts_with("DELETE")), "{replies:?}");
}

#[test]
fn a_statement_that_runs_another_by_name_is_what_the_other_is_now() {
    let world = world();
    let writer = world.token("writer");
    let mut raw = Raw::login(&world, &writer);
    raw.ask(&world, &Script::new().parse("p", "SELECT 1").parse("x", "EXECUTE p").sync(), 1);
    raw.ask(&world, &Script::new().close_statement("p").parse("p", DELETE).sync(), 1);
    let replies = raw.ask(&world, &Script::new().bind("", "x").execute("").sync(), 1);
    held_or_refused(&replies);
    assert_eq!(replies.held.len(), 1, "what it runs by name is what is approved: {replies:?}");
    lives(&world, &mut raw, &replies);

    // Bound while it was harmless, run when it is not.
    let script = Script::new().parse("p2", "SELECT 1").parse("x2", "EXECUTE p2").bind("a", "x2");
    let script = script.close_statement("p2").parse("p2", DELETE).execute("a").sync();
    let replies = raw.ask(&world, &script, 1);
    held_or_refused(&replies);
    lives(&world, &mut raw, &replies);

    // The same over two series of one transaction, and with SQL that closes and makes the name.
    let script =
        Script::new().query("BEGIN").parse("p3", "SELECT 1").parse("x3", "EXECUTE p3").bind("a", "x3");
    let script = script.sync().query("DEALLOCATE p3").query("PREPARE p3 AS DELETE FROM orders");
    let script = script.execute("a").sync();
    let replies = raw.ask(&world, &script, 5);
    held_or_refused(&replies);
    lives(&world, &mut raw, &replies);

    // With masked values in place of a delete.
    let mut raw = Raw::login(&world, &world.token("reader"));
    raw.ask(&world, &Script::new().parse("p", "SELECT 1").parse("x", "EXECUTE p").sync(), 1);
    raw.ask(&world, &Script::new().close_statement("p").parse("p", LEAK).sync(), 1);
    let replies = raw.ask(&world, &Script::new().bind("", "x").execute("").sync(), 1);
    assert!(withheld(&replies), "{replies:?}");
    let script = Script::new().parse("p2", "SELECT 1").parse("x2", "EXECUTE p2").bind("a", "x2");
    let script = script.close_statement("p2").parse("p2", LEAK).execute("a").sync();
    let replies = raw.ask(&world, &script, 1);
    assert!(withheld(&replies), "{replies:?}");
    lives(&world, &mut raw, &replies);
}

#[test]
fn names_that_the_server_cannot_tell_apart_are_refused() {
    let world = world();
    let mut raw = Raw::login(&world, &world.token("writer"));
    let name = |last: &str| format!("{}{last}", "a".repeat(63));
    for script in [
        Script::new().parse(&name("X"), "SELECT 1"),
        Script::new().bind("", &name("X")),
        Script::new().parse("", "SELECT 1").bind(&name("Y"), ""),
        Script::new().execute(&name("Y")),
        Script::new().close_statement(&name("Y")),
        Script::new().describe_portal(&name("Y")),
    ] {
        let replies = raw.ask(&world, &script.sync(), 1);
        assert_eq!(replies.errors(), ["42622"], "{replies:?}");
    }
    // In SQL the server cuts them, and so must who judges them.
    let (one, two) = (name("X"), name("Y"));
    let script = Script::new().query(&format!("PREPARE {one} AS SELECT 1"));
    let script = script.query(&format!("DEALLOCATE {two}")).query(&format!("PREPARE {two} AS {DELETE}"));
    let script = script.query(&format!("EXECUTE {one}")).bind("", &name("")).execute("").sync();
    let replies = raw.ask(&world, &script, 5);
    held_or_refused(&replies);
    lives(&world, &mut raw, &replies);
}

#[test]
fn a_parse_that_is_passed_over_leaves_the_name_as_it_was() {
    let world = world();
    let mut raw = Raw::login(&world, &world.token("writer"));
    let replies = raw.ask(&world, &Script::new().parse("", DELETE).sync(), 1);
    assert_eq!(replies.letters(), "1Z", "{replies:?}");
    let script = Script::new().parse("y", "SELECT * FROM nope").parse("", "SELECT 1").sync();
    let replies = raw.ask(&world, &script.bind("", "").execute("").sync(), 2);
    held_or_refused(&replies);
    assert_eq!((replies.held.len(), replies.errors()[0]), (1, "42P01"), "{replies:?}");
    lives(&world, &mut raw, &replies);

    // A refusal of the gateway in place of an error of the server.
    raw.ask(&world, &Script::new().parse("q", DELETE).sync(), 1);
    let script =
        Script::new().parse("z", "DROP TABLE orders").close_statement("q").parse("q", "SELECT 1").sync();
    let replies = raw.ask(&world, &script.bind("", "q").execute("").sync(), 2);
    held_or_refused(&replies);
    assert_eq!((replies.held.len(), replies.errors()[0]), (1, "42501"), "{replies:?}");
    lives(&world, &mut raw, &replies);

    // A simple query makes the server forget the unnamed statement.
    let script = Script::new().parse("", "SELECT 1").query("SELECT 2").bind("", "").execute("").sync();
    let replies = raw.ask(&world, &script, 2);
    assert_eq!(replies.errors(), ["26000"], "{replies:?}");
    lives(&world, &mut raw, &replies);
}

#[test]
fn an_approver_sees_what_runs() {
    let world = world();
    let mut raw = Raw::login(&world, &world.token("writer"));
    raw.ask(&world, &Script::new().parse("p", DELETE).sync(), 1);
    // The second one fails, since there is a `p`; and the first one is what runs.
    let script = Script::new().parse("p", "DELETE FROM orders WHERE id=7").sync();
    let script = script.bind("", "p").execute("").sync();
    raw.send(&script);
    let pending = world.wait_pending();
    let id = pending["id"].as_str().unwrap();
    let (_, shown, _) = world.cli(&["approval", "show", id]);
    assert!(shown.contains(DELETE) && !shown.contains("WHERE id=7"), "{shown}");
    assert_eq!(orders(&world), "50");
    world.ok(&["approval", "approve", id]);
    let replies = raw.replies(&world, 2);
    assert_eq!((replies.errors(), replies.of('C')), (vec!["42P05"], vec!["DELETE 50"]), "{replies:?}");
    // Once approved is approved once.
    world.direct("INSERT INTO orders SELECT n FROM generate_series(1, 50) n");
    let replies = raw.ask(&world, &Script::new().bind("", "p").execute("").sync(), 1);
    assert_eq!(replies.held.len(), 1, "{replies:?}");
    lives(&world, &mut raw, &replies);
}

#[test]
fn what_was_approved_is_not_swapped_before_it_runs() {
    let world = world();
    let mut raw = Raw::login(&world, &world.token("writer"));
    let one = "DELETE FROM orders WHERE id = 7";
    for synced in [true, false] {
        let script = Script::new().query("DEALLOCATE ALL").parse("p", one).parse("x", "EXECUTE p");
        let replies = raw.ask(&world, &script.sync(), 2);
        assert_eq!(replies.errors(), [""; 0], "{replies:?}");
        let script = Script::new().query("BEGIN").bind("a", "x");
        let script = if synced { script.sync() } else { script };
        raw.send(&script.close_statement("p").parse("p", DELETE).execute("a").sync());
        let pending = world.wait_pending();
        let id = pending["id"].as_str().unwrap();
        let (_, shown, _) = world.cli(&["approval", "show", id]);
        assert!(shown.contains(one), "{shown}");
        world.ok(&["approval", "approve", id]);
        let replies = raw.replies(&world, 2 + usize::from(synced));
        held_or_refused(&replies);
        lives(&world, &mut raw, &replies);
    }
}

#[test]
fn names_that_sql_makes_in_extended_messages_are_known() {
    let world = world();
    let mut raw = Raw::login(&world, &world.token("reader"));
    let begin = || Script::new().parse("p", "SELECT name FROM customers").sync();
    let deallocate = || Script::new().run("DEALLOCATE p").sync();
    let prepare = || Script::new().run("PREPARE p AS SELECT ssn||'' FROM customers").sync();
    let run = || Script::new().query("EXECUTE p").bind("", "p").execute("").sync();
    for script in [begin(), deallocate(), prepare()] {
        let replies = raw.ask(&world, &script, 1);
        assert_eq!(replies.errors(), [""; 0], "{replies:?}");
    }
    let replies = raw.ask(&world, &run(), 2);
    assert!(withheld(&replies) && replies.rows().len() >= 20, "{replies:?}");
    // The same in one write, and in one series.
    let mut all = Script::new().query("DEALLOCATE ALL");
    for script in [begin(), deallocate(), prepare(), run()] {
        all.0.extend_from_slice(&script.0);
    }
    let replies = raw.ask(&world, &all, 6);
    assert!(withheld(&replies) && replies.rows().len() >= 20, "{replies:?}");
    let script = Script::new().query("DEALLOCATE ALL").parse("p", "SELECT name FROM customers");
    let script = script.run("DEALLOCATE p").run("PREPARE p AS SELECT ssn||'' FROM customers");
    let replies = raw.ask(&world, &script.bind("b", "p").execute("b").sync(), 2);
    assert!(withheld(&replies), "{replies:?}");
    lives(&world, &mut raw, &replies);
}

#[test]
fn cursors_that_sql_makes_in_extended_messages_are_known() {
    let world = world();
    let mut raw = Raw::login(&world, &world.token("reader"));
    let bound = || Script::new().query("BEGIN").parse("", "SELECT 1").bind("c", "").sync();
    let close = || Script::new().run("CLOSE c");
    let declare = || Script::new().run("DECLARE c CURSOR FOR SELECT ssn||'' FROM customers");
    for script in [bound(), close().sync(), declare().sync()] {
        let ready = 1 + usize::from(script.0.starts_with(b"Q"));
        let replies = raw.ask(&world, &script, ready);
        assert_eq!(replies.errors(), [""; 0], "{replies:?}");
    }
    let replies = raw.ask(&world, &Script::new().execute_some("c", 2).sync().query("FETCH 2 FROM c"), 2);
    assert!(withheld(&replies) && replies.rows().len() == 4, "{replies:?}");
    lives(&world, &mut raw, &replies);
    // All in one write, with and without an end of the series between them.
    for synced in [true, false] {
        let mut all = Script::new();
        for script in [bound(), close(), declare()] {
            all.0.extend_from_slice(&script.0);
            all = if synced { all.sync() } else { all };
        }
        let ready = if synced { 6 } else { 3 };
        let replies = raw.ask(&world, &all.execute_some("c", 2).sync(), ready);
        assert!(withheld(&replies), "{replies:?}");
        lives(&world, &mut raw, &replies);
    }
    // A cursor over what must be approved does not get round it.
    let mut raw = Raw::login(&world, &world.token("writer"));
    let script =
        Script::new().query("BEGIN").parse("p", DELETE).bind("c", "p").sync().query("FETCH ALL FROM c");
    let replies = raw.ask(&world, &script.execute("c").sync(), 4);
    lives(&world, &mut raw, &replies);
}

#[test]
fn a_search_path_of_the_startup_packet_needs_the_policy_of_set() {
    let more = "CREATE SCHEMA evil;\nGRANT USAGE ON SCHEMA evil TO gateway;\n\
                CREATE FUNCTION evil.lower(text) RETURNS text LANGUAGE sql AS $$ DELETE FROM public.orders; SELECT 'stolen' $$;\n";
    let rules = r#"
[[policy]]
id = "reads"
effect = "allow"
match = { groups = ["support"], connections = ["db"], operations = ["read"] }
"#;
    let world = World::with_database(Database::new(more), rules);
    let token = world.token("reader");
    let login = |path: &str| {
        let mut psql = world.psql_command(&token);
        // `options` of libpq: a backslash keeps a space.
        psql.env("PGOPTIONS", format!("-c search_path={}", path.replace('\\', "\\\\").replace(' ', "\\ ")));
        psql.args(["-c", "SHOW search_path", "-c", "SELECT 1"]);
        run(&mut psql)
    };
    for usual in ["public", "\"$user\", public", "pg_catalog,public", "", "\"\"", "\"\",public"] {
        let (code, out, err) = login(usual);
        assert_eq!((code, out.lines().last()), (0, Some("1")), "{usual:?}: {out} {err}");
    }
    for path in [
        "evil,pg_catalog",
        "public--,evil,pg_catalog",
        "public -- ,evil,pg_catalog",
        "public/*,evil,pg_catalog,*/",
        "public,evil,pg_catalog",
        "default,evil,pg_catalog",
        "public; SELECT 1",
        "public,EVIL,\"pg_catalog\"",
        "\"\",evil,\"\",pg_catalog",
        "''",
    ] {
        let (code, out, err) = login(path);
        assert_eq!((code, out.as_str()), (2, ""), "{path:?}: {err}");
        assert!(err.contains("search_path") || err.contains("schemas"), "{path:?}: {err}");
    }
    assert_eq!(world.direct("SELECT count(*) FROM orders").trim(), "50");
}
