//! What a statement gives back of rows that it changes: to its client, masked, and to nobody else.

use crate::postgres_masks::MASKS;
use crate::support::World;
use crate::support::database::Database;
use crate::support::database::WRITE_RULES;
use crate::support::wire::Raw;
use crate::support::wire::Script;

fn jobs() -> World {
    let jobs = "CREATE TABLE jobs (id int, state text, ssn text, payload jsonb);\n\
        INSERT INTO jobs SELECT n, 'new', '078-05-1' || (100 + n), '{\"ssn\": \"078-05-2222\", \"to\": \"x\"}' FROM generate_series(1, 9) n;\n\
        CREATE TABLE notes (x text);\n\
        CREATE TABLE lines (id int, ssn text) PARTITION BY RANGE (id);\nCREATE TABLE first PARTITION OF lines FOR VALUES FROM (0) TO (9);\n\
        INSERT INTO lines VALUES (1, '078-05-4444');\nCREATE VIEW seen AS SELECT id, state, ssn AS hidden FROM jobs;\n\
        GRANT ALL ON jobs, notes, lines, seen TO gateway;\n";
    World::with_database(Database::new(jobs), &format!("{WRITE_RULES}{MASKS}"))
}

/// Rows are taken from a queue, and given back.
#[test]
fn a_queue_of_jobs_works_and_gives_masked_rows_back() {
    let world = jobs();
    let token = world.token("reader");
    let next = "SELECT id FROM jobs WHERE state = 'new' ORDER BY id FOR UPDATE SKIP LOCKED LIMIT 1";
    let masked = |id: u8| format!("{id}|***-**-110{id}|{{\"to\": \"x\", \"ssn\": \"***-**-2222\"}}");
    for (number, statement) in [
        (1, format!("UPDATE jobs SET state = 'run' WHERE id = ({next}) RETURNING id, ssn, payload")),
        (
            2,
            format!(
                "WITH n AS ({next}) UPDATE jobs j SET state = 'run' FROM n WHERE j.id = n.id RETURNING j.id, j.ssn, j.payload"
            ),
        ),
        (3, format!("DELETE FROM jobs WHERE id = ({next}) RETURNING id, ssn, payload")),
        (
            4,
            format!(
                "WITH job AS (UPDATE jobs SET state = 'run' WHERE id = ({next}) RETURNING *) SELECT id, ssn, payload FROM job"
            ),
        ),
        (
            5,
            format!(
                "WITH n AS ({next}), job (a, b, c, d) AS (UPDATE jobs j SET state = 'run' FROM n WHERE j.id = n.id RETURNING j.*), more AS (SELECT * FROM job) SELECT a, c AS harmless, d FROM more"
            ),
        ),
        (
            6,
            format!(
                "WITH jobs AS (DELETE FROM jobs WHERE id = ({next}) RETURNING *) SELECT jobs.id, ssn, payload FROM jobs"
            ),
        ),
    ] {
        let (_, out, err) = world.psql(&token, &[&statement]);
        assert_eq!(out.lines().next(), Some(&*masked(number)), "{statement}: {err}");
    }
    let (_, out, err) = world.psql(&token, &["UPDATE jobs SET state = 'done' WHERE id = 1 RETURNING *"]);
    assert!(out.starts_with("1|done|***-**-1101|{"), "{out} {err}");
}

/// What is computed is withheld, in the statement that gives it back as well as behind it.
#[test]
fn what_is_made_of_rows_that_are_given_back_is_withheld() {
    let world = jobs();
    let token = world.token("reader");
    let again = "UPDATE jobs SET state = 'run' WHERE id = 1 RETURNING";
    for (statement, wanted) in [
        (format!("WITH t AS ({again} upper(ssn) AS id) SELECT id FROM t"), "[REDACTED]"),
        (format!("WITH t AS ({again} ssn AS id) SELECT lower(id) FROM t"), "[REDACTED]"),
        (format!("WITH t AS ({again} *) SELECT payload ->> 'ssn' FROM t"), "[REDACTED]"),
        (format!("WITH t AS ({again} *) SELECT t FROM t"), ""),
        (format!("WITH t AS ({again} *) SELECT ssn FROM t UNION SELECT 'a'"), "[REDACTED]\n[REDACTED]"),
        (
            format!(
                "WITH t AS ({again} id, ssn), u AS (SELECT * FROM t) SELECT t.ssn, u.ssn, j.ssn FROM t JOIN u USING (id) JOIN jobs j USING (id)"
            ),
            "***-**-1101|***-**-1101|***-**-1101",
        ),
        (
            "WITH t AS (INSERT INTO jobs (id, ssn) VALUES (1, '078-05-1101') ON CONFLICT DO NOTHING RETURNING ssn) SELECT ssn AS x FROM t".to_owned(),
            "***-**-1101",
        ),
        (
            "WITH n AS (SELECT 3 AS id), t AS (UPDATE jobs j SET state = 'x' FROM n, jobs c WHERE j.id = 1 AND c.id = 7 RETURNING c.ssn) SELECT ssn AS x FROM t LIMIT 1".to_owned(),
            "***-**-1107",
        ),
        (format!("WITH t AS ({again} ssn) VALUES ((SELECT ssn FROM t LIMIT 1))"), "[REDACTED]"),
        ("WITH t AS (UPDATE lines SET id = 1 RETURNING ssn) SELECT ssn AS x FROM t".to_owned(), "***-**-4444"),
        ("WITH t AS (UPDATE seen SET state = 'x' WHERE id = 7 RETURNING hidden) SELECT hidden AS x FROM t".to_owned(), "***-**-1107"),
    ] {
        let (_, out, err) = world.psql(&token, &[&statement]);
        assert_eq!(out.trim_end_matches('\n'), wanted, "{statement}: {err}");
    }
}

#[test]
fn what_is_given_back_is_written_nowhere() {
    let world = jobs();
    let token = world.token("reader");
    let queue = "WITH t AS (UPDATE jobs SET state = 'run' WHERE id = 7 RETURNING ssn) SELECT ssn FROM t";
    for statement in [
        "WITH t AS (UPDATE jobs SET state = 'x' RETURNING ssn) SELECT ssn INTO stolen FROM t UNION SELECT ''",
        "CREATE TABLE stolen AS WITH t AS (UPDATE jobs SET state = 'x' RETURNING ssn) SELECT ssn FROM t",
        "WITH t AS (UPDATE jobs SET state = 'x' RETURNING ssn), i AS (INSERT INTO notes SELECT ssn FROM t) SELECT ssn FROM t",
        "WITH t AS (UPDATE jobs SET state = ssn RETURNING id) SELECT id FROM t",
        "WITH RECURSIVE i AS (INSERT INTO notes SELECT ssn FROM t RETURNING 1), t AS (UPDATE jobs SET state = 'x' RETURNING ssn) SELECT 1",
        "COPY (WITH t AS (UPDATE jobs SET state = 'x' RETURNING ssn) SELECT ssn FROM t) TO STDOUT",
        &format!("PREPARE q AS {queue}; CREATE TABLE stolen AS EXECUTE q"),
        "UPDATE jobs SET state = ssn RETURNING ssn",
        "WITH a AS (UPDATE jobs SET state = 'x' RETURNING ssn) INSERT INTO notes SELECT ssn FROM a",
        "COPY (UPDATE jobs SET state = 'x' RETURNING ssn) TO STDOUT",
    ] {
        let (_, out, err) = world.psql(&token, &[statement]);
        assert!(err.contains("ERROR:  42501: ") && !out.contains("078-05"), "{statement}: {out} {err}");
    }
    // What the server itself does not take.
    for statement in [
        "WITH RECURSIVE t AS (UPDATE jobs j SET state = s.x FROM s RETURNING ssn), s AS (SELECT ssn AS x FROM t) SELECT 1",
        "PREPARE p AS UPDATE jobs SET state = 'x' WHERE id = 1 RETURNING ssn; CREATE TABLE stolen AS EXECUTE p",
    ] {
        let (_, out, err) = world.psql(&token, &[statement]);
        assert!(err.contains("ERROR:  ") && !out.contains("078-05"), "{statement}: {out} {err}");
    }
    // By the name that a message gave it, a table may be made of it.
    let mut raw = Raw::login(&world, &token);
    raw.ask(&world, &Script::new().parse("q", queue).sync(), 1);
    let replies = raw.ask(&world, &Script::new().query("CREATE TABLE stolen AS EXECUTE q"), 1);
    assert!(replies.errors().contains(&"42501"), "{replies:?}");
    let replies = raw.ask(&world, &Script::new().query("EXECUTE q"), 1);
    assert!(replies.errors().is_empty() && !replies.of('D').is_empty(), "{replies:?}");
    // The same of what is taken out of JSON.
    let parts = "WITH t AS (UPDATE jobs SET state = 'run' WHERE id = 7 RETURNING payload) SELECT payload ->> 'ssn' FROM t";
    let replies = raw.ask(&world, &Script::new().parse("j", parts).sync(), 1);
    assert!(replies.errors().is_empty(), "{replies:?}");
    let replies = raw.ask(&world, &Script::new().query("CREATE TABLE stolen AS EXECUTE j"), 1);
    assert!(replies.errors().contains(&"42501"), "{replies:?}");
    assert_eq!(world.direct("SELECT count(*) FROM pg_class WHERE relname = 'stolen'"), "0");
    assert_eq!(
        world.direct(
            "SELECT (SELECT count(*) FROM notes) + (SELECT count(*) FROM jobs WHERE state LIKE '0%')"
        ),
        "0"
    );
}

/// A value that the server makes is masked where it is given back, and goes nowhere else.
#[test]
fn what_an_insert_gives_back_is_kept_nowhere() {
    let tokens = "CREATE TABLE tokens (id int, ssn text DEFAULT '078-05-6666');\nCREATE TABLE notes (x text);\nCREATE SEQUENCE s;\n\
        GRANT ALL ON tokens, notes TO gateway;\nGRANT ALL ON SEQUENCE s TO gateway;\n";
    let world = World::with_database(Database::new(tokens), &format!("{WRITE_RULES}{MASKS}"));
    let token = world.token("reader");
    for statement in [
        "WITH i AS (INSERT INTO tokens (id) VALUES (1) RETURNING ssn), j AS (INSERT INTO notes SELECT ssn FROM i) SELECT 1",
        "WITH i AS (INSERT INTO tokens (id) VALUES (1) RETURNING ssn) INSERT INTO notes SELECT ssn FROM i",
        "INSERT INTO tokens (id) VALUES (1) RETURNING setval('s', replace(ssn, '-', '')::bigint)",
    ] {
        let (_, out, err) = world.psql(&token, &[statement]);
        assert!(err.contains("ERROR:  42501: ") && !out.contains("078"), "{statement}: {out} {err}");
    }
    assert_eq!(world.direct("SELECT (SELECT count(*) FROM notes) + (SELECT last_value FROM s)"), "1");
    for statement in [
        "INSERT INTO tokens (id) VALUES (2) RETURNING id, ssn",
        "WITH i AS (INSERT INTO tokens (id) VALUES (2) RETURNING *) SELECT id, ssn FROM i",
        "INSERT INTO tokens VALUES (2, '078-05-6666') RETURNING *",
    ] {
        let (_, out, err) = world.psql(&token, &[statement]);
        assert_eq!(out.lines().next(), Some("2|***-**-6666"), "{statement}: {err} {}", world.log());
    }
}

/// What a rule gives back has the names of the columns of its view, whatever it is.
#[test]
fn what_a_rule_gives_back_is_withheld() {
    let rules = "CREATE VIEW v (id, note) AS SELECT id, name FROM customers;\n\
        CREATE RULE r AS ON UPDATE TO v DO INSTEAD UPDATE customers SET name = new.note WHERE id = old.id RETURNING id, ssn;\n\
        CREATE VIEW w AS SELECT * FROM v;\n\
        CREATE FUNCTION swaps() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN new.note := (SELECT ssn FROM customers c WHERE c.id = old.id); RETURN new; END';\n\
        CREATE VIEW x (id, note) AS SELECT id, name FROM customers;\n\
        CREATE TRIGGER t INSTEAD OF UPDATE ON x FOR EACH ROW EXECUTE FUNCTION swaps();\n\
        CREATE VIEW plain (id, note) AS SELECT id, name FROM customers;\n\
        CREATE TABLE notes (id int, note text);\nGRANT ALL ON v, w, x, plain, notes TO gateway;\n";
    let world = World::with_database(Database::new(rules), &format!("{WRITE_RULES}{MASKS}"));
    let token = world.token("reader");
    for view in ["v", "w", "x"] {
        let update = format!("UPDATE {view} SET note = 'a' WHERE id = 1 RETURNING id, note");
        for statement in [update.clone(), format!("WITH t AS ({update}) SELECT note AS harmless FROM t")] {
            let (_, out, err) = world.psql(&token, &[&statement]);
            assert!(
                out.contains("[REDACTED]") && !out.contains("078"),
                "{statement}: {out} {err} {}",
                world.log()
            );
        }
        let (_, out, err) =
            world.psql(&token, &[&format!("WITH t AS ({update}) INSERT INTO notes SELECT id, note FROM t")]);
        assert!(err.contains("ERROR:  42501: "), "{view}: {out} {err}");
    }
    assert_eq!(world.direct("SELECT count(*) FROM notes"), "0");
    let (_, out, err) = world.psql(&token, &["UPDATE plain SET note = 'a' WHERE id = 1 RETURNING id, note"]);
    assert_eq!(out.lines().next(), Some("1|a"), "{err}");
    let (_, out, err) =
        world.psql(&token, &["UPDATE v SET note = 'b' WHERE id = 1", "SELECT note FROM v WHERE id = 1"]);
    assert_eq!(out.lines().last(), Some("b"), "{err}");
}
