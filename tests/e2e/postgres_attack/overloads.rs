//! What a text calls without saying so: functions and operators that somebody who may make some has given the names of PostgreSQL's
//! own, names of columns that are functions, and functions that are not what they say of themselves.

use super::MASKS;
use super::RULES;
use super::orders;
use crate::support::World;
use crate::support::database::Database;
use crate::support::wire::Raw;
use crate::support::wire::Script;

/// Left there long ago. Each of them empties a table, or does so with the help of another.
const PLANTED: &str = "\
CREATE FUNCTION wipe() RETURNS int LANGUAGE sql AS 'DELETE FROM orders; SELECT 1';
CREATE FUNCTION lower(varchar) RETURNS text LANGUAGE sql AS 'SELECT wipe()::text';
CREATE FUNCTION upper(varchar) RETURNS text LANGUAGE sql IMMUTABLE AS 'SELECT wipe()::text';
CREATE FUNCTION plus(text, text) RETURNS text LANGUAGE sql AS 'SELECT wipe()::text';
CREATE OPERATOR + (LEFTARG = text, RIGHTARG = text, FUNCTION = plus);
CREATE FUNCTION same(text, varchar) RETURNS bool LANGUAGE plpgsql AS 'BEGIN RETURN wipe() = 1; END';
CREATE OPERATOR = (LEFTARG = text, RIGHTARG = varchar, FUNCTION = same);
CREATE OPERATOR % (LEFTARG = text, RIGHTARG = text, FUNCTION = texteq, NEGATOR = !%%);
CREATE FUNCTION not_same(text, text) RETURNS bool LANGUAGE plpgsql AS 'BEGIN RETURN wipe() = 1; END';
CREATE OPERATOR !%% (LEFTARG = text, RIGHTARG = text, FUNCTION = not_same, NEGATOR = %);
CREATE FUNCTION purge(customers) RETURNS int LANGUAGE sql AS 'SELECT wipe()';
CREATE FUNCTION purged(anyelement) RETURNS int LANGUAGE sql AS 'SELECT wipe()';
CREATE FUNCTION imm(int) RETURNS int LANGUAGE sql IMMUTABLE AS 'SELECT wipe()';
CREATE FUNCTION stab(int) RETURNS int LANGUAGE plpgsql STABLE AS 'BEGIN RETURN wipe(); END';
CREATE FUNCTION round(text, text) RETURNS text LANGUAGE sql AS 'SELECT wipe()::text';
CREATE FUNCTION repeat(text, int, VARIADIC text[]) RETURNS text LANGUAGE sql AS 'SELECT wipe()::text';
CREATE FUNCTION left(varchar, int, text DEFAULT 'x') RETURNS text LANGUAGE sql AS 'SELECT wipe()::text';
CREATE FUNCTION ascii(text, int DEFAULT 1, VARIADIC text[] DEFAULT '{}') RETURNS text LANGUAGE sql AS 'SELECT wipe()::text';
CREATE AGGREGATE percentile_cont(float8 ORDER BY text) (SFUNC = plus, STYPE = text);
CREATE AGGREGATE max(varchar) (SFUNC = plus, STYPE = text);
";

/// Each of them writes.
const ATTACKS: &[&str] = &[
    "SELECT lower('x'::varchar)",
    "SELECT upper('x'::varchar)",
    "SELECT name FROM customers WHERE lower(credit_card) = ''",
    "SELECT 'a'::text + 'b'::text",
    "SELECT 'a'::text = 'b'::varchar",
    "SELECT 'a'::text !%% 'b'::text",
    "SELECT 'a'::text IN ('b'::varchar)",
    "SELECT 'a'::text IN (SELECT 'b'::varchar)",
    "SELECT CASE 'a'::text WHEN 'b'::varchar THEN 1 END",
    "SELECT nullif('a'::text, 'b'::varchar)",
    "SELECT 'a'::text IS DISTINCT FROM 'b'::varchar",
    "SELECT 1 FROM (SELECT 'a'::text AS x) a JOIN (SELECT 'b'::varchar AS x) b USING (x)",
    "SELECT 1 FROM (SELECT 'a'::text AS x) a NATURAL JOIN (SELECT 'b'::varchar AS x) b",
    "SELECT NOT ('a'::text % name) FROM customers",
    "SELECT max(credit_card) FROM customers",
    "SELECT round('a'::text, 'b'::text)",
    "SELECT repeat('a', 1, 'b')",
    "SELECT repeat('a', 1, 'b', 'c', 'd')",
    "SELECT repeat('a', 1, VARIADIC ARRAY['b'])",
    "SELECT left('a'::varchar, 1)",
    "SELECT left('a'::varchar, 1, 'b')",
    "SELECT ascii('a', 2)",
    "SELECT ascii('a', 2, 'b', 'c')",
    "SELECT percentile_cont(0.5::float8) WITHIN GROUP (ORDER BY name) FROM customers",
    "SELECT c.purge FROM customers c",
    "SELECT customers.purge FROM customers",
    "SELECT (c).purge FROM customers c",
    "SELECT s.purge FROM (SELECT * FROM customers) s",
    "SELECT s.purged FROM (SELECT 1 AS x) s",
    "SELECT pg_class.purged FROM pg_class LIMIT 1",
    "SELECT ('x'::text).purged",
    "SELECT imm(1)",
    "SELECT stab(1)",
    // Planned, and with that computed.
    "EXPLAIN SELECT imm(1)",
    "COPY (SELECT 'a'::text + 'b'::text) TO STDOUT",
    "PREPARE p AS SELECT 'a'::text + 'b'::text; EXECUTE p",
    "DECLARE c CURSOR FOR SELECT 'a'::text + 'b'::text; FETCH c",
];

/// What has nothing to do with them, and looks like it.
const READS: &[&str] = &[
    "SELECT pg_catalog.lower('x'::varchar)",
    "SELECT 1 OPERATOR(pg_catalog.+) 2",
    "SELECT length(name), c.name FROM customers c WHERE c.id < 3 AND c.name LIKE '%1'",
    "SELECT s.name FROM (SELECT name FROM customers) s ORDER BY 1 LIMIT 1",
    "SELECT min(born) FROM customers",
    // Those of the name take another number of arguments.
    "SELECT round(1.5), repeat('a', 2)",
];

/// Whether a statement gets a transaction id, which is to say that it writes. At the database itself, past the gateway.
fn writes(world: &World, statement: &str) -> bool {
    let told = world.direct(&format!(
        "BEGIN; {statement}; SELECT 'assigned ' || (pg_current_xact_id_if_assigned() IS NOT NULL); ROLLBACK"
    ));
    told.contains("assigned true")
}

/// What a statement is answered with in a transaction of its own: the SQLSTATEs.
fn errors(world: &World, raw: &mut Raw, statement: &str) -> Vec<String> {
    let begin = Script::new().query("BEGIN");
    let one = !statement.contains("; ");
    let script = if one { begin.run(statement).sync() } else { begin.query(statement) };
    let replies = raw.ask(world, &script.query("ROLLBACK"), 3);
    replies.errors().iter().map(ToString::to_string).collect()
}

#[test]
fn what_only_the_catalogue_shows_is_no_read() {
    for masks in ["", MASKS] {
        let world = World::with_database(Database::new(PLANTED), &format!("{RULES}{masks}"));
        let mut raw = Raw::login(&world, &world.token("reader"));
        for attack in ATTACKS {
            assert!(writes(&world, attack), "{attack}");
            assert_eq!(errors(&world, &mut raw, attack), ["42501"], "{attack}: {}", world.log());
            let outside = raw.ask(&world, &Script::new().query(attack), 1);
            assert_eq!((outside.errors(), orders(&world)), (vec!["42501"], "50".to_owned()), "{attack}");
        }
        for read in READS {
            assert!(!writes(&world, read), "{read}");
            assert!(errors(&world, &mut raw, read).is_empty(), "{read}: {}", world.log());
        }
    }
}

#[test]
fn whoever_has_functions_and_operators_of_their_own_names_them() {
    let named = r#"
[[policy]]
id = "own"
effect = "allow"
match = { groups = ["support"], connections = ["db"], operations = ["read"], functions = ["imm", "public.stab", "+", "purge"] }
"#;
    let world = World::with_database(Database::new(PLANTED), &format!("{RULES}{named}"));
    for (statement, wanted) in [
        ("SELECT imm(1)", &[][..]),
        ("SELECT public.stab(1)", &[]),
        ("SELECT 'a'::text + 'b'::text", &[]),
        ("SELECT c.purge FROM customers c", &[]),
        ("SELECT imm(1), lower('x'::varchar)", &["42501"]),
        ("SELECT imm(1) = 2", &["42501"]),
        ("UPDATE orders SET note = 'x' WHERE imm(1) > 0", &["42501"]),
    ] {
        let mut raw = Raw::login(&world, &world.token("reader"));
        assert_eq!(errors(&world, &mut raw, statement), wanted, "{statement}: {}", world.log());
    }
}

#[test]
fn what_extensions_bring_along_goes_on_being_read() {
    let more = "CREATE EXTENSION citext;\nCREATE EXTENSION pg_trgm;\nCREATE EXTENSION pgcrypto;\nCREATE EXTENSION hstore;\n\
                CREATE EXTENSION intarray;\nCREATE EXTENSION earthdistance CASCADE;\n\
                CREATE TABLE tags (name citext, words hstore);\nGRANT SELECT ON tags TO gateway;\n\
                CREATE FUNCTION touch() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END';\n\
                CREATE FUNCTION digest(text, text, int) RETURNS text LANGUAGE sql AS 'DELETE FROM orders; SELECT $1';\n\
                CREATE FUNCTION similarity(text, text, text DEFAULT 'x', VARIADIC text[] DEFAULT '{}') RETURNS text LANGUAGE sql AS 'DELETE FROM orders; SELECT $1';\n";
    for masks in ["", MASKS] {
        let world = World::with_database(Database::new(more), &format!("{RULES}{masks}"));
        let mut raw = Raw::login(&world, &world.token("reader"));
        for read in [
            "SELECT t.name FROM tags t WHERE t.name = 'X' AND t.name LIKE 'x%' ORDER BY t.name",
            "SELECT replace(name, 'a', 'b'), split_part(name, 'a', 1), max(name), lower(name) FROM tags GROUP BY 1, 2, 4",
            "SELECT name FROM customers WHERE name % 'Customer' ORDER BY name <-> 'Customer 1' LIMIT 1",
            "SELECT word_similarity('a', 'b'), gen_random_uuid() IS NULL, 7 % 2, '{1}'::int[] & '{2}'::int[]",
            "SELECT name, 'abc' <<-> name, 'abc' %> name FROM customers",
            "SELECT words -> 'a', words || 'b=>1'::hstore, words ? 'c' FROM tags",
            "SELECT latitude(ll_to_earth(1, 2)), digest('a', 'sha256')",
        ] {
            assert!(errors(&world, &mut raw, read).is_empty(), "{read}: {}", world.log());
        }
        // Somebody's own of such a name, with as many arguments.
        for attack in [
            "SELECT digest('a'::text, 'b', 1)",
            "SELECT similarity('a', 'b')",
            "SELECT similarity('a', 'b', 'c', 'd', 'e')",
        ] {
            assert_eq!(errors(&world, &mut raw, attack), ["42501"], "{attack}: {}", world.log());
        }
        assert_eq!(orders(&world), "50");
    }
}

#[test]
fn what_is_made_meanwhile_is_seen() {
    let rules = RULES.replace(
        r#"groups = ["etl"], connections = ["db"], operations = ["write"]"#,
        r#"groups = ["nobody"]"#,
    ) + "\n[[policy]]\nid = \"ddl\"\neffect = \"allow\"\nmatch = { groups = [\"etl\"], connections = [\"db\"], operations = [\"ddl\"] }\n";
    let world = World::with_database(Database::new(""), &rules);
    let mut reader = Raw::login(&world, &world.token("reader"));
    let attack = "SELECT lower('x'::varchar)";
    assert!(errors(&world, &mut reader, attack).is_empty(), "{}", world.log());
    // Made by somebody who has asked the catalogue for nothing so far.
    let mut maker = Raw::login(&world, &world.token("writer"));
    let make = "CREATE FUNCTION lower(varchar) RETURNS text LANGUAGE sql AS 'DELETE FROM orders; SELECT $1'";
    let replies = maker.ask(&world, &Script::new().query(make), 1);
    assert!(replies.errors().is_empty(), "{replies:?} {}", world.log());
    assert!(writes(&world, attack));
    assert_eq!(errors(&world, &mut reader, attack), ["42501"], "{}", world.log());
    let replies = maker.ask(&world, &Script::new().query("DROP FUNCTION lower(varchar)"), 1);
    assert!(replies.errors().is_empty(), "{replies:?}");
    assert!(errors(&world, &mut reader, attack).is_empty(), "{}", world.log());
    // Columns come and go too.
    for (change, wanted) in [
        (
            "CREATE FUNCTION purge(orders) RETURNS int LANGUAGE sql AS 'DELETE FROM orders RETURNING 1'",
            &["42501"][..],
        ),
        ("ALTER TABLE own ADD purge int", &[]),
        ("ALTER TABLE own DROP purge", &["42501"]),
    ] {
        if change.starts_with("CREATE") {
            let replies = maker.ask(&world, &Script::new().query("CREATE TABLE own (id int)"), 1);
            assert!(replies.errors().is_empty(), "{replies:?}");
        }
        let replies = maker.ask(&world, &Script::new().query(change), 1);
        assert!(replies.errors().is_empty(), "{change}: {replies:?}");
        let found = errors(&world, &mut reader, "SELECT o.purge FROM own o");
        assert_eq!(found, wanted, "{change}: {}", world.log());
    }
}

#[test]
fn a_catalogue_that_cannot_be_read_lets_nothing_pass_that_hangs_on_it() {
    let world = World::with_database(Database::new(PLANTED), RULES);
    world.direct("ALTER ROLE gateway CONNECTION LIMIT 1");
    let mut raw = Raw::login(&world, &world.token("reader"));
    // It is full: what calls nothing runs, the rest is to be tried again.
    let replies = raw.ask(&world, &Script::new().query("SELECT 1").query("SELECT 'a'::text + 'b'::text"), 2);
    assert_eq!((replies.rows(), replies.errors()), (vec!["1"], vec!["57P03"]), "{replies:?} {}", world.log());
    assert_eq!(orders(&world), "50");

    // It does not answer at all, and never will: then there are the words alone.
    let world = World::with_database(Database::new(""), RULES);
    world.direct("REVOKE SELECT ON pg_catalog.pg_operator FROM PUBLIC");
    let mut raw = Raw::login(&world, &world.token("reader"));
    for (statement, wanted) in [
        ("SELECT length(name) FROM customers WHERE id = 1", &[][..]),
        ("SELECT nobody(1)", &["42501"]),
        ("DELETE FROM orders", &["42501"]),
    ] {
        assert_eq!(errors(&world, &mut raw, statement), wanted, "{statement}: {}", world.log());
    }
    assert!(world.log().contains("the catalogue of a target could not be read"), "{}", world.log());
    // Where values are masked nothing passes without it.
    let world = World::with_database(Database::new(""), &format!("{RULES}{MASKS}"));
    world.direct("REVOKE SELECT ON pg_catalog.pg_operator FROM PUBLIC");
    let mut raw = Raw::login(&world, &world.token("reader"));
    let replies = raw.ask(&world, &Script::new().query("SELECT name FROM customers"), 1);
    assert_eq!(replies.errors(), ["57P03"], "{replies:?}");
}
