//! Errors of a server quote rows. What of them a client and the recording see, where a text names nothing
//! that is masked or forbidden.

use crate::support::World;
use crate::support::database::Database;
use crate::support::database::MASKS;
use crate::support::database::WRITE_RULES;
use crate::support::wire::Raw;
use crate::support::wire::Script;

/// The beginning of each social security number in the database.
const SECRET: &str = "078-05-";

/// Ways to masked rows on which no masked column is named.
const WAYS: &str = "\
CREATE VIEW named AS SELECT id, name FROM customers;
CREATE VIEW checked AS SELECT id, name FROM customers WHERE ssn LIKE '078-05-1%' AND id < 100 WITH CHECK OPTION;
CREATE VIEW looking AS SELECT id FROM customers WHERE ssn::int > 0;
CREATE VIEW on_looking AS SELECT count(*) AS n FROM looking;
CREATE VIEW ordered AS SELECT id FROM customers ORDER BY ssn::int;
CREATE TABLE groups (id int PRIMARY KEY);
CREATE TABLE members (id int NOT NULL REFERENCES groups ON DELETE SET NULL ON UPDATE CASCADE CHECK (id < 100), ssn text);
CREATE TABLE areas (id int PRIMARY KEY);
CREATE TABLE parts (id int PRIMARY KEY REFERENCES areas ON UPDATE CASCADE);
CREATE TABLE owners (id int REFERENCES parts ON UPDATE CASCADE CHECK (id < 100), ssn text);
CREATE TABLE parent (id int NOT NULL);
CREATE TABLE child (ssn text) INHERITS (parent);
CREATE TABLE fired (id int);
CREATE FUNCTION fires() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN UPDATE customers SET id = NULL WHERE id = 1; RETURN NEW; END $$;
CREATE TRIGGER fires BEFORE INSERT ON fired FOR EACH ROW EXECUTE FUNCTION fires();
CREATE TABLE ruled (id int);
CREATE RULE ruled AS ON INSERT TO ruled DO ALSO UPDATE customers SET id = NULL WHERE id = 1;
CREATE FUNCTION looks() RETURNS int LANGUAGE sql STABLE AS 'SELECT max(ssn::int) FROM customers';
CREATE TABLE defaulted (id int, n int DEFAULT looks());
CREATE VIEW planned AS SELECT id FROM customers WHERE id > looks();
CREATE DOMAIN judged AS int CHECK (VALUE < looks());
CREATE TABLE typed (id int, n judged);
CREATE FUNCTION sees(int) RETURNS int LANGUAGE sql IMMUTABLE AS 'SELECT max(ssn::int) FROM customers';
CREATE TABLE indexed (id int);
CREATE INDEX ON indexed (sees(id));
CREATE TABLE own (id int PRIMARY KEY, kind text NOT NULL);
INSERT INTO groups VALUES (1);
INSERT INTO members VALUES (1, '078-05-7001');
INSERT INTO areas VALUES (1);
INSERT INTO parts VALUES (1);
INSERT INTO owners VALUES (1, '078-05-7002');
INSERT INTO child VALUES (1, '078-05-7003');
INSERT INTO own VALUES (1, 'x');
GRANT ALL ON ALL TABLES IN SCHEMA public TO gateway;
";

#[test]
fn errors_on_a_way_past_masked_rows_quote_none_of_them() {
    let world = World::with_database(Database::new(WAYS), &format!("{WRITE_RULES}{MASKS}"));
    let token = world.token("reader");
    // No policy counts for what was made in single-user mode.
    for statement in [
        "CREATE TABLE guarded AS SELECT 1 AS id",
        "ALTER TABLE guarded ENABLE ROW LEVEL SECURITY",
        "CREATE POLICY guarded ON guarded USING (EXISTS (SELECT FROM customers WHERE ssn::int > 0))",
        "GRANT ALL ON guarded TO gateway",
    ] {
        world.direct(statement);
    }
    for text in [
        // Written through.
        "UPDATE named SET id = NULL WHERE id = 1",
        "INSERT INTO named VALUES (1, 'x')",
        "WITH w AS (UPDATE named SET id = NULL RETURNING 1) SELECT * FROM w",
        "MERGE INTO customers USING (SELECT 1) q ON true WHEN MATCHED THEN UPDATE SET id = NULL",
        "UPDATE checked SET id = 200 WHERE id = 1",
        "DELETE FROM groups",
        "UPDATE groups SET id = 200",
        "UPDATE areas SET id = 200",
        "UPDATE parent SET id = NULL",
        "INSERT INTO fired VALUES (1)",
        "INSERT INTO ruled VALUES (1)",
        "INSERT INTO defaulted (id) VALUES (1)",
        "INSERT INTO typed VALUES (1, 1)",
        "INSERT INTO indexed VALUES (1)",
        // Looked at.
        "EXPLAIN SELECT id FROM planned",
        "SELECT count(*) FROM looking",
        "SELECT n FROM on_looking",
        "SELECT id FROM ordered",
        "EXPLAIN ANALYZE SELECT count(*) FROM looking",
        "BEGIN; DECLARE c CURSOR FOR SELECT count(*) FROM looking; FETCH c",
        "PREPARE p AS SELECT count(*) FROM looking; EXECUTE p",
        "COPY (SELECT count(*) FROM looking) TO STDOUT",
        "SELECT count(*) FROM guarded",
        "UPDATE guarded SET id = 2",
        "CREATE TABLE made AS SELECT count(*) FROM looking",
        // Renamed in the transaction, and so not in the catalogue.
        "BEGIN; ALTER VIEW looking RENAME TO young; SELECT count(*) FROM young",
        "BEGIN; ALTER TABLE own RENAME TO old; ALTER VIEW looking RENAME TO own; SELECT count(*) FROM own",
    ] {
        let (_, out, err) = world.psql(&token, &[text]);
        assert!(err.contains("the text is withheld"), "{text}: {out} {err}");
        assert!(!format!("{out}{err}").contains(SECRET), "{text}: {out} {err}");
        let events = world.events(&world.last_session());
        assert!(!format!("{events:?}").contains(SECRET), "{text}: {events:?}");
    }
    // Nor does what was only read before withhold what is said later, and true causes are told.
    let (_, out, err) =
        world.psql(&token, &["BEGIN", "SELECT ssn FROM customers WHERE id = 1", "SELECT 1 / 0", "SELECT 1"]);
    assert!(
        err.contains("division by zero") && err.contains("25P02: current transaction is aborted"),
        "{out} {err}"
    );
    let (_, out, err) = world
        .psql(&token, &["BEGIN", "DECLARE c CURSOR WITH HOLD FOR SELECT ssn::int FROM customers", "COMMIT"]);
    assert!(err.contains("the text is withheld") && !err.contains(SECRET), "{out} {err}");
    let (_, out, err) = world.psql(&token, &["BEGIN", "UPDATE named SET name = 'y'", "SELECT 1 / 0"]);
    assert!(err.contains("the text is withheld"), "{out} {err}");
    // What has no way to masked rows is told as it is.
    for (text, words) in [
        ("SELECT nme, ssn FROM customers", "column \"nme\" does not exist"),
        ("INSERT INTO own VALUES (1, 'x')", "Key (id)=(1) already exists"),
        ("INSERT INTO own VALUES (2, NULL)", "Failing row contains (2, null)"),
        ("SELECT id / 0 FROM own", "division by zero"),
        ("SELECT id / 0 FROM customers", "division by zero"),
    ] {
        let (_, _, err) = world.psql(&token, &[text]);
        assert!(err.contains(words), "{text}: {err}");
    }
}

#[test]
fn what_is_told_at_a_commit_quotes_no_masked_row_however_its_transaction_was_sent() {
    let tells = "\
CREATE FUNCTION tells() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'of %', reverse(OLD.ssn); END $$;
CREATE CONSTRAINT TRIGGER tells AFTER UPDATE ON customers DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION tells();
";
    let world = World::with_database(Database::new(tells), &format!("{WRITE_RULES}{MASKS}"));
    let update = "UPDATE customers SET balance = 1 WHERE id = 1";
    let slow = "SELECT count(*) FROM generate_series(1, 2000000)";
    for (script, ready) in [
        (Script::new().query("BEGIN").query(update).query("COMMIT"), 3),
        // The target is ready outside of a transaction when all of the next one was sent.
        (Script::new().query(slow).query("BEGIN").query(update).query("COMMIT"), 4),
        (Script::new().run(slow).sync().run("BEGIN").run(update).sync().run("COMMIT").sync(), 3),
    ] {
        let mut session = Raw::login(&world, &world.token("reader"));
        let replies = session.ask(&world, &script, ready);
        let told = format!("{replies:?}");
        assert!(told.contains("P0001") && told.contains("withheld"), "{told} {}", world.log());
        assert!(!told.contains("-50-870"), "{told}");
        let events = world.events(&world.last_session());
        assert!(!format!("{events:?}").contains("-50-870"), "{events:?}");
    }
}

#[test]
fn a_notification_shows_no_masked_value_that_a_trigger_put_into_it() {
    let rings = "\
CREATE TABLE joined (id int);
CREATE FUNCTION rings() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN PERFORM pg_notify('news', (SELECT ssn FROM customers WHERE id = NEW.id)); RETURN NEW; END $$;
CREATE TRIGGER rings AFTER INSERT ON joined FOR EACH ROW EXECUTE FUNCTION rings();
GRANT ALL ON joined TO gateway;
";
    let world = World::with_database(Database::new(rings), &format!("{WRITE_RULES}{MASKS}"));
    let mut session = Raw::login(&world, &world.token("reader"));
    let script =
        Script::new().query("LISTEN news").query("INSERT INTO joined VALUES (1)").query("NOTIFY news");
    let told = format!("{:?}", session.ask(&world, &script, 3));
    assert!(told.contains("news") && told.contains("[REDACTED]") && !told.contains(SECRET), "{told}");
    let events = world.events(&world.last_session());
    let payloads: Vec<_> = events
        .iter()
        .filter(|event| event["kind"] == "sql.notice")
        .map(|event| event["data"]["payload"].as_str().unwrap_or_default())
        .collect();
    assert_eq!(payloads, ["[REDACTED]", ""], "{events:?}");
    assert!(!format!("{events:?}").contains(SECRET), "{events:?}");
}

#[test]
fn errors_show_no_columns_where_policies_go_by_columns() {
    let by_columns = r#"
[[policy]]
id = "columns"
effect = "allow"
match = { groups = ["support"], connections = ["db"], operations = ["read", "write"], columns_not = ["ssn", "credit_card"] }
"#;
    let keys = "CREATE UNIQUE INDEX ON customers (id, ssn);\nUPDATE customers SET ssn = '078-05-1000';\n";
    let texts =
        ["UPDATE customers SET id = NULL WHERE id = 2", "UPDATE customers SET balance = -1 WHERE id = 2"];
    let more = format!("{keys}ALTER TABLE customers ADD CHECK (balance >= 0);\n");
    let world = World::with_database(Database::new(&more), by_columns);
    let (_, out, err) = world.psql(&world.token("reader"), &texts);
    assert!(err.contains("23502") && err.contains("23514"), "{err}");
    assert!(!format!("{out}{err}").contains(SECRET), "{out} {err}");
    // Where none does, a server says what it says.
    let world = World::with_database(Database::new(&more), WRITE_RULES);
    let (_, _, err) = world.psql(&world.token("reader"), &texts);
    assert_eq!(err.matches("Failing row contains").count(), 2, "{err}");
}
