//! What is known of a target's catalogue, at the moments when it is not what the catalogue says now: it cannot be read, somebody changes
//! it by another way, or in a transaction that nobody else sees into.

use std::process::Child;
use std::process::Command;
use std::time::Duration;

use super::RULES;
use super::orders;
use crate::support::World;
use crate::support::database::Database;
use crate::support::steps::wait_for;
use crate::support::steps::wait_until;
use crate::support::wire::Raw;
use crate::support::wire::Script;

/// Who is in etl makes things, and reads.
const MAKERS: &str = r#"
[[policy]]
id = "makers"
effect = "allow"
match = { groups = ["etl"], operations = ["read", "ddl"] }
"#;
const MAKE: &str =
    "CREATE FUNCTION lower(varchar) RETURNS text LANGUAGE sql AS 'DELETE FROM orders; SELECT $1'";
const MADE: &str = "pg_proc WHERE proname = 'lower' AND prosrc LIKE 'DELETE%'";
const ATTACK: &str = "SELECT lower('x'::varchar)";
const PLUS: &str = "\
CREATE FUNCTION plus(text, text) RETURNS text LANGUAGE sql AS 'DELETE FROM orders; SELECT $1';
CREATE OPERATOR + (LEFTARG = text, RIGHTARG = text, FUNCTION = plus);
";

fn rules() -> String {
    let start = RULES.find("[[policy]]\nid = \"writes\"").unwrap();
    format!("{}{MAKERS}", RULES.split_at(start).0)
}

fn errors(world: &World, raw: &mut Raw, statement: &str) -> Vec<String> {
    let replies = raw.ask(world, &Script::new().query(statement), 1);
    replies.errors().iter().map(ToString::to_string).collect()
}

/// No further session of the gateway's role: what is open stays open.
fn fill(world: &World) {
    world.direct("ALTER ROLE gateway CONNECTION LIMIT 1");
}

/// Keeps the catalogue's questions waiting, and nothing else.
fn hold_catalogue(world: &World, seconds: u32) -> Child {
    let mut psql = Command::new("psql");
    let hold =
        format!("BEGIN; LOCK pg_catalog.pg_aggregate IN ACCESS EXCLUSIVE MODE; SELECT pg_sleep({seconds})");
    psql.args(["-X", "-h", "127.0.0.1", "-U", "postgres", "-d", "postgres", "-c", &hold]);
    psql.arg("-p").arg(world.db().server.port.to_string());
    let child = psql.spawn().unwrap();
    std::thread::sleep(Duration::from_millis(500));
    child
}

#[test]
fn a_catalogue_that_is_locked_for_a_moment_is_not_one_that_never_answers() {
    let world = World::with_database(Database::new(PLUS), RULES);
    let mut raw = Raw::login(&world, &world.token("reader"));
    let mut held = hold_catalogue(&world, 6);
    assert_eq!(errors(&world, &mut raw, "SELECT 'a'::text + 'b'::text"), ["57P03"], "{}", world.log());
    // Not tried again at once, and no less strict for that.
    assert_eq!(errors(&world, &mut raw, "SELECT 'a'::text + 'b'::text"), ["57P03"], "{}", world.log());
    assert_eq!(orders(&world), "50");
    held.wait().unwrap();
}

#[test]
fn whoever_leaves_while_the_catalogue_is_read_is_seen() {
    let world = World::with_database(Database::new(PLUS), RULES);
    let mut raw = Raw::login(&world, &world.token("reader"));
    let session = world.last_session();
    let mut held = hold_catalogue(&world, 8);
    raw.send(&Script::new().query("SELECT 'a'::text + 'b'::text"));
    std::thread::sleep(Duration::from_millis(200));
    drop(raw);
    let gone = || {
        let open = world.list(&["session", "list", "--live"]);
        !open.iter().any(|open| open["id"] == session.as_str())
    };
    wait_for("whoever left is still in the list", gone);
    assert!(held.try_wait().unwrap().is_none(), "the catalogue was let go before that was seen");
    held.wait().unwrap();
}

#[test]
fn what_is_known_to_be_wrong_is_not_relied_on() {
    let world = World::with_database(Database::new(""), &rules());
    let mut reader = Raw::login(&world, &world.token("reader"));
    let mut maker = Raw::login(&world, &world.token("writer"));
    assert!(errors(&world, &mut reader, ATTACK).is_empty(), "{}", world.log());
    assert!(errors(&world, &mut reader, &format!("PREPARE p AS {ATTACK}")).is_empty(), "{}", world.log());
    fill(&world);
    assert!(errors(&world, &mut maker, MAKE).is_empty(), "{}", world.log());
    assert_eq!(errors(&world, &mut reader, ATTACK), ["57P03"], "{}", world.log());
    assert_eq!(errors(&world, &mut reader, "EXECUTE p"), ["57P03"], "{}", world.log());
    assert_eq!(orders(&world), "50");
}

#[test]
fn what_comes_through_another_connection_is_seen() {
    let database = Database::new("");
    let other = database.connection().replace("name = \"db\"", "name = \"other\"");
    let world = World::with_database(database, &format!("{}{other}", rules()));
    let mut reader = Raw::login(&world, &world.token("reader"));
    assert!(errors(&world, &mut reader, ATTACK).is_empty(), "{}", world.log());
    let mut maker = Raw::connect(&world);
    let names = [("user", "whoever"), ("database", "other")];
    maker.send(&Script::new().startup(&names).password(&world.token("writer")));
    maker.finish_login(&world);
    assert!(errors(&world, &mut maker, MAKE).is_empty(), "{}", world.log());
    assert_eq!(errors(&world, &mut reader, ATTACK), ["42501"], "{}", world.log());
    assert_eq!(orders(&world), "50");
}

#[test]
fn what_is_committed_after_its_session_has_left_is_seen() {
    let slow = "\
CREATE TABLE slow (id int);
GRANT ALL ON slow TO gateway;
CREATE FUNCTION sleeps() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN FOR i IN 1..5 LOOP BEGIN PERFORM pg_sleep(1); EXCEPTION WHEN query_canceled THEN PERFORM 1; END; END LOOP; RETURN NULL; END';
CREATE CONSTRAINT TRIGGER sleeps AFTER INSERT ON slow DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION sleeps();
";
    let rules = rules().replace("[\"read\", \"ddl\"]", "[\"read\", \"write\", \"ddl\"]");
    let world = World::with_database(Database::new(slow), &rules);
    let mut reader = Raw::login(&world, &world.token("reader"));
    let mut maker = Raw::login(&world, &world.token("writer"));
    for statement in ["BEGIN", "INSERT INTO slow VALUES (1)", MAKE] {
        assert!(errors(&world, &mut maker, statement).is_empty(), "{statement}: {}", world.log());
    }
    maker.send(&Script::new().query("COMMIT"));
    let count = |from: &str| world.direct(&format!("SELECT count(*) FROM {from}"));
    // Before that, the cancel of whoever leaves would end it.
    wait_until("the server does not sleep in the COMMIT", Duration::from_secs(30), || {
        count("pg_stat_activity WHERE query = 'COMMIT' AND wait_event = 'PgSleep'") == "1"
    });
    drop(maker);
    // What is known of the catalogue is fresh, and without it.
    assert!(errors(&world, &mut reader, ATTACK).is_empty(), "{}", world.log());
    assert_eq!(count(MADE), "0", "it was committed before it was asked for");
    wait_until("whoever left is still at the server", Duration::from_secs(30), || {
        count("pg_stat_activity WHERE query = 'COMMIT'") == "0"
    });
    assert_eq!(count(MADE), "1", "the server did not commit");
    // The end of the stream is on its way.
    std::thread::sleep(Duration::from_millis(500));
    assert_eq!(errors(&world, &mut reader, ATTACK), ["42501"], "{}", world.log());
    assert_eq!(orders(&world), "50");
}

#[test]
fn what_the_open_transaction_has_made_is_not_unknown_to_it() {
    let purge = "CREATE TABLE own (id int, purge int);\nALTER TABLE own OWNER TO gateway;\n\
                 CREATE FUNCTION purge(own) RETURNS int LANGUAGE sql AS 'DELETE FROM orders RETURNING 1';\n";
    let world = World::with_database(Database::new(purge), &rules());
    let mut maker = Raw::login(&world, &world.token("writer"));
    let column = "SELECT o.purge FROM own o";
    for (made, then, wanted) in [
        (MAKE, ATTACK, &["42501"][..]),
        (MAKE, "SELECT 1", &[]),
        (MAKE, "SELECT pg_catalog.lower('x'::varchar)", &[]),
        ("ALTER TABLE own DROP purge", column, &["42501"]),
        ("ALTER TABLE own ADD more int", "SELECT o.id, length('x') FROM own o", &[]),
        ("CREATE TABLE more (id int)", "SELECT lower('x'::varchar), 1 + 1", &[]),
    ] {
        for script in [
            Script::new().query("BEGIN").query(made).query(then).query("ROLLBACK"),
            Script::new().query("BEGIN").run(made).run(then).sync().query("SELECT 1").query("ROLLBACK"),
            // All of it in one series.
            Script::new()
                .run("BEGIN")
                .run(made)
                .run(then)
                .sync()
                .query("ROLLBACK")
                .query("SELECT 1")
                .query("SELECT 2"),
        ] {
            let replies = maker.ask(&world, &script, 4);
            // What follows in a failed transaction fails by itself.
            let errors: Vec<&str> = replies.errors().into_iter().filter(|state| *state != "25P02").collect();
            assert_eq!(errors, wanted, "{made}; {then}: {replies:?} {}", world.log());
            assert_eq!(orders(&world), "50", "{made}; {then}");
        }
    }
    // Outside of it the column is there.
    assert!(errors(&world, &mut maker, column).is_empty(), "{}", world.log());
}

#[test]
fn a_function_that_a_policy_names_does_not_throw_away_what_is_known() {
    let named = r#"
[[policy]]
id = "own"
effect = "allow"
match = { groups = ["support"], connections = ["db"], operations = ["read"], functions = ["public.appfn"] }
"#;
    let own = "CREATE FUNCTION appfn(int) RETURNS int LANGUAGE sql AS 'SELECT $1';\n";
    let world = World::with_database(Database::new(&format!("{PLUS}{own}")), &format!("{RULES}{named}"));
    // A session each: where names are looked up is not known any more after such a call.
    let mut sessions: Vec<Raw> = (0..4).map(|_| Raw::login(&world, &world.token("reader"))).collect();
    let mut last = sessions.pop().unwrap();
    assert!(errors(&world, &mut last, "SELECT 1 = 1").is_empty(), "{}", world.log());
    fill(&world);
    for mut raw in sessions {
        for statement in ["SELECT public.appfn(1)", "SELECT 1 = 1"] {
            assert!(errors(&world, &mut raw, statement).is_empty(), "{statement}: {}", world.log());
        }
    }
    // In its transaction, too.
    let script =
        Script::new().query("BEGIN").query("SELECT public.appfn(1)").query("SELECT 1 = 1").query("COMMIT");
    let replies = last.ask(&world, &script, 4);
    assert!(replies.errors().is_empty(), "{replies:?} {}", world.log());
}

#[test]
fn a_function_that_a_policy_names_is_denied_the_second_time() {
    let named = r#"
[[policy]]
id = "own"
effect = "allow"
match = { groups = ["support"], connections = ["db"], operations = ["read"], functions = ["public.appfn", "public.moves"] }
"#;
    // What the body of a function names is looked up where another one has moved that to.
    let own = "CREATE FUNCTION moves() RETURNS text LANGUAGE sql AS 'SELECT set_config(''search_path'', ''evil'', false)';\n\
               CREATE FUNCTION inner_of(int) RETURNS int LANGUAGE sql AS 'SELECT $1';\n\
               CREATE FUNCTION appfn(int) RETURNS int LANGUAGE plpgsql AS 'BEGIN RETURN inner_of($1); END';\n\
               CREATE SCHEMA evil;\nGRANT USAGE ON SCHEMA evil TO PUBLIC;\n\
               CREATE FUNCTION evil.inner_of(int) RETURNS int LANGUAGE sql AS 'DELETE FROM public.orders RETURNING 1';\n";
    let world = World::with_database(Database::new(own), &format!("{RULES}{named}"));
    let mut raw = Raw::login(&world, &world.token("reader"));
    for (statement, wanted) in [
        ("SELECT public.moves()", &[][..]),
        ("SELECT public.appfn(1)", &["42501"]),
        ("SELECT public.moves()", &["42501"]),
        ("DISCARD ALL", &[]),
        ("SELECT public.appfn(1)", &[]),
    ] {
        assert_eq!(errors(&world, &mut raw, statement), wanted, "{statement}: {}", world.log());
    }
    assert_eq!(orders(&world), "50");
}
