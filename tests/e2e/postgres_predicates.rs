//! What nobody sees nobody finds out by asking: masks that say where their columns may be named.

use std::time::Duration;

use crate::support::World;
use crate::support::database::Database;
use crate::support::database::WRITE_RULES;
use crate::support::wire::Raw;
use crate::support::wire::Script;

/// Views, functions and tables that lead to masked values.
const MORE: &str = "\
CREATE VIEW plain AS SELECT id, ssn AS note, name FROM customers;
CREATE VIEW begins AS SELECT id, left(ssn, 3) AS start, name FROM customers;
CREATE VIEW fives AS SELECT id, name FROM customers WHERE ssn LIKE '078-05-1005';
CREATE FUNCTION leak() RETURNS SETOF customers LANGUAGE sql STABLE AS 'SELECT * FROM customers';
CREATE FUNCTION tell(n int) RETURNS text LANGUAGE sql STABLE AS 'SELECT ssn FROM customers WHERE id = n';
CREATE TABLE mails (id int, state text, doc jsonb);
INSERT INTO mails VALUES (1, 'new', '{\"ssn\": \"078-05-9999\", \"x\": 1}');
CREATE TABLE guesses (id int, ssn text, name text);
INSERT INTO guesses VALUES (1, '078-05-1005', 'x');
CREATE UNIQUE INDEX one_ssn ON customers (ssn);
GRANT ALL ON ALL TABLES IN SCHEMA public TO gateway;
";

const MORE_RULES: &str = r#"
[[policy]]
id = "code"
effect = "allow"
match = { groups = ["support"], connections = ["db"], operations = ["unknown", "admin"], functions = ["leak", "tell", "ssn", "query_to_xml"] }

[[policy]]
id = "blocks"
effect = "allow"
match = { groups = ["support"], connections = ["db"], operations = ["unknown"], verbs = ["do"] }

[[policy]]
id = "waits"
effect = "approve"
match = { groups = ["etl"], connections = ["db"], operations = ["read", "write"] }
approval = { from = ["dba"], timeout = "20s" }
"#;

fn rules(predicates: &str) -> String {
    format!(
        "{WRITE_RULES}{MORE_RULES}\n[[mask]]\nid = \"pii\"\nmatch = {{ tags = {{ data = \"pii\" }} }}\n\
         fields = [\"ssn\", \"credit_card\"]\nop = {{ kind = \"keep_last\", n = 4 }}\n{predicates}\n"
    )
}

fn world(predicates: &str) -> World {
    World::with_database(Database::new(MORE), &rules(predicates))
}

/// Each of them tells more of a value than whether it is the one that the client knows. The database itself runs them.
const TELLING: &[&str] = &[
    "SELECT id FROM customers WHERE ssn LIKE '078-05-1%'",
    "SELECT id FROM customers c WHERE c.ssn ~ '^078' AND id < 5",
    "SELECT id FROM customers WHERE ssn BETWEEN '0' AND '1'",
    "SELECT id FROM customers WHERE left(ssn, 3) = '078'",
    "SELECT id FROM customers WHERE NOT ssn > '5'",
    "SELECT id FROM customers WHERE id = 1 AND CASE WHEN ssn > '5' THEN true ELSE false END",
    "SELECT id FROM customers WHERE 1 / length(ssn) = 0",
    "SELECT id FROM customers ORDER BY ssn",
    "SELECT id, ssn FROM customers ORDER BY 2 DESC",
    "SELECT ssn AS x FROM customers ORDER BY x LIMIT 1",
    "SELECT count(*) FILTER (WHERE ssn > '5') FROM customers",
    "SELECT count(ssn), count(DISTINCT credit_card) FROM customers",
    "SELECT count(*) FROM customers GROUP BY ssn",
    "SELECT ssn, count(*) FROM customers GROUP BY 1",
    "SELECT DISTINCT ssn FROM customers",
    "SELECT DISTINCT ON (left(ssn, 9)) id FROM customers",
    "SELECT 1 FROM customers HAVING max(ssn) > '5'",
    "SELECT id, rank() OVER (ORDER BY ssn) FROM customers",
    "SELECT sum(id) OVER w FROM customers WINDOW w AS (PARTITION BY left(ssn, 9))",
    "SELECT id FROM orders LIMIT (SELECT count(*) FROM customers WHERE ssn < '078-05-1005')",
    "SELECT id FROM orders LIMIT (SELECT right(ssn, 1)::int FROM customers WHERE id = 7)",
    "SELECT c.id FROM customers c JOIN guesses g ON c.ssn < g.ssn",
    "SELECT c.id FROM customers c JOIN guesses g USING (ssn)",
    "SELECT id FROM customers NATURAL JOIN guesses",
    "SELECT id FROM customers c WHERE EXISTS (SELECT FROM guesses g WHERE g.ssn > c.ssn)",
    "SELECT id FROM orders o WHERE EXISTS (SELECT FROM customers c WHERE c.id = o.id AND c.ssn > '5')",
    "SELECT id FROM orders WHERE (SELECT ssn FROM customers WHERE id = 1) > '078-05-1'",
    "SELECT id FROM customers c WHERE c > ROW(5)::text::customers",
    "SELECT id FROM customers c WHERE c::text LIKE '%1005%'",
    "SELECT id FROM customers WHERE ROW(ssn, id) > ROW('078-05-1005', 0)",
    "SELECT id FROM customers c ORDER BY c DESC",
    "SELECT id FROM (SELECT ssn AS x, id FROM customers) s WHERE x > '5'",
    "WITH w (a, b) AS (SELECT id, ssn FROM customers) SELECT a FROM w ORDER BY b",
    "SELECT a FROM customers AS c (a, b, d, e, f, g) WHERE d > '5'",
    "SELECT s FROM (SELECT ssn FROM customers) s ORDER BY s",
    "SELECT ssn FROM customers INTERSECT SELECT '078-05-1005'",
    "SELECT ssn FROM customers EXCEPT SELECT ssn FROM guesses",
    "SELECT ssn FROM customers UNION SELECT '078-05-1005'",
    "SELECT ssn AS x FROM customers UNION ALL SELECT '078-05-1005' ORDER BY x",
    "SELECT id FROM plain WHERE note > '5'",
    "SELECT id FROM plain ORDER BY note",
    "SELECT id FROM begins WHERE start = '078'",
    "SELECT id FROM mails WHERE doc ->> 'ssn' LIKE '078%'",
    "SELECT id FROM mails WHERE doc @> '{\"ssn\": \"078-05-9999\"}'",
    "SELECT m.id FROM mails m, jsonb_each_text(m.doc) e WHERE e.value LIKE '078%'",
    "SELECT id FROM leak() WHERE ssn > '5'",
    "SELECT x FROM leak() AS l (x, y, z) WHERE z > '5'",
    "SELECT id FROM orders WHERE tell(customer) > '5'",
    "SELECT tell(1) AS x ORDER BY x",
    "SELECT x FROM tell(1) AS x WHERE x > '5'",
    "WITH w AS (SELECT tell(1) AS y) SELECT 1 FROM w AS q (x) WHERE x > '5'",
    "SELECT id FROM customers c WHERE ssn(c) > '5'",
    "SELECT id FROM customers c, LATERAL (SELECT c.ssn AS x) s WHERE x > '5'",
    "SELECT id FROM customers c, LATERAL (VALUES (c.ssn)) AS v (x) WHERE x > '5'",
    "SELECT id FROM mails, JSON_TABLE(doc, '$' COLUMNS (s text PATH '$.ssn')) t WHERE s > '0'",
    "SELECT id FROM customers WHERE id = 1 AND row_to_json(customers)::text LIKE '%1001%'",
    "SELECT query_to_xml('SELECT 1 FROM customers WHERE ssn LIKE ''0%''', true, false, '')",
    "DO 'BEGIN PERFORM 1 FROM customers WHERE ssn > ''5''; END'",
    "EXPLAIN SELECT id FROM customers WHERE ssn > '5'",
    "EXPLAIN ANALYZE SELECT id FROM customers ORDER BY ssn",
    "PREPARE p AS SELECT id FROM customers WHERE ssn > $1; EXECUTE p('5')",
    "BEGIN; DECLARE c CURSOR FOR SELECT id FROM customers ORDER BY ssn; FETCH c",
    "COPY (SELECT id FROM customers WHERE ssn > '5') TO STDOUT",
    "UPDATE customers SET name = 'x' WHERE ssn LIKE '078-05-1%'",
    "UPDATE orders o SET note = 'x' FROM customers c WHERE c.id = o.customer AND c.ssn > '5'",
    "UPDATE customers SET name = 'x' WHERE id = 1 RETURNING ssn > '5'",
    "UPDATE customers SET name = CASE WHEN ssn > '5' THEN 'y' ELSE 'z' END",
    "DELETE FROM guesses g USING customers c WHERE c.ssn = g.ssn",
    "DELETE FROM customers WHERE ssn > '5' AND id = 21 RETURNING id",
    "INSERT INTO customers (id, ssn) VALUES (31, '078-05-1005') ON CONFLICT (ssn) DO NOTHING",
    "INSERT INTO customers (id, ssn) VALUES (1, '5') ON CONFLICT (id) DO UPDATE SET name = 'x' WHERE customers.ssn > '5'",
    "INSERT INTO orders (customer) SELECT id FROM customers WHERE ssn > '5'",
    "MERGE INTO customers c USING guesses g ON c.ssn = g.ssn WHEN MATCHED THEN UPDATE SET name = 'x'",
    "MERGE INTO customers c USING guesses g ON c.id = g.id WHEN MATCHED AND c.ssn > '5' THEN UPDATE SET name = 'x'",
    "WITH w AS (UPDATE customers SET name = name WHERE id < 9 RETURNING ssn AS x, id) SELECT id FROM w WHERE x > '5'",
    "ALTER TABLE customers ADD CHECK (ssn > '5')",
    "CREATE VIEW mine AS SELECT id FROM customers WHERE ssn > '5'",
];

/// Exact look-ups, by who knows the value, and how many rows come back.
const EQUAL: &[(&str, &str)] = &[
    ("SELECT id FROM customers WHERE ssn = '078-05-1005'", "5"),
    ("SELECT c.id FROM customers c WHERE '078-05-1005' = c.ssn AND name LIKE 'C%'", "5"),
    ("SELECT id FROM customers WHERE ssn IN ('078-05-1005', 'x')", "5"),
    ("SELECT id FROM customers WHERE ssn = ANY ('{078-05-1005}')", "5"),
    ("SELECT id FROM customers WHERE ssn = ANY (ARRAY['078-05-1005', 'x']::text[])", "5"),
    ("SELECT o.id FROM orders o JOIN customers c ON c.id = o.customer AND c.ssn = '078-05-1005'", "5"),
    (
        "SELECT id FROM orders o WHERE EXISTS (SELECT FROM customers c WHERE c.id = o.id AND c.ssn = '078-05-1005')",
        "5",
    ),
    ("SELECT id FROM plain WHERE note = '078-05-1005'", "5"),
    ("SELECT id FROM (SELECT id, ssn AS x FROM customers) s WHERE x = '078-05-1005'", "5"),
    ("PREPARE p AS SELECT id FROM customers WHERE ssn = $1; EXECUTE p('078-05-1005')", "PREPARE\n5"),
    (
        "BEGIN; DELETE FROM customers WHERE ssn = '078-05-1005' RETURNING id; ROLLBACK",
        "BEGIN\n5\nDELETE 1\nROLLBACK",
    ),
];

/// What has nothing to do with what is in masked columns.
const ORDINARY: &[(&str, &str)] = &[
    ("SELECT ssn FROM customers WHERE id = 5", "***-**-1005"),
    ("SELECT ssn AS x, name FROM customers WHERE name LIKE '%er 5' ORDER BY id", "***-**-1005|Customer 5"),
    ("SELECT id, ssn FROM customers ORDER BY 1 LIMIT 1", "1|***-**-1001"),
    ("SELECT * FROM guesses", "1|***-**-1005|x"),
    ("SELECT x FROM (SELECT ssn AS x, id FROM customers) s WHERE s.id = 5", "***-**-1005"),
    (
        "WITH w AS MATERIALIZED (SELECT ssn AS x, id AS y FROM customers) SELECT x FROM w WHERE y = 5",
        "***-**-1005",
    ),
    ("SELECT c.ssn FROM customers c JOIN orders o ON o.customer = c.id WHERE o.id = 5", "***-**-1005"),
    ("SELECT c.ssn FROM customers c JOIN unnest('{5}'::int[]) AS u (id) ON u.id = c.id", "***-**-1005"),
    ("SELECT note FROM plain WHERE id = 5", "***-**-1005"),
    ("SELECT id, name FROM fives", "5|Customer 5"),
    ("SELECT count(*) FROM customers WHERE balance > 100", "10"),
    (
        "SELECT id FROM orders o WHERE id = 5 AND EXISTS (SELECT * FROM customers c WHERE c.id = o.customer)",
        "5",
    ),
    ("SELECT name FROM customers WHERE id IN (SELECT customer FROM orders WHERE amount = 5)", "Customer 5"),
    ("SELECT doc FROM mails WHERE state = 'new'", "{\"x\": 1, \"ssn\": \"***-**-9999\"}"),
    ("SELECT tell(5) AS x", "[REDACTED]"),
    (
        "BEGIN; DECLARE c CURSOR FOR SELECT ssn FROM customers ORDER BY id; FETCH c",
        "BEGIN\nDECLARE CURSOR\n***-**-1001",
    ),
    (
        "INSERT INTO customers (id, ssn) VALUES (41, '9') ON CONFLICT DO NOTHING RETURNING ssn",
        "*\nINSERT 0 1",
    ),
    ("UPDATE customers SET ssn = '8', name = upper(name) WHERE id = 41 RETURNING ssn AS x", "*\nUPDATE 1"),
    ("UPDATE mails SET doc = jsonb_set(doc, '{x}', '2') WHERE id = 1", "UPDATE 1"),
    ("DELETE FROM customers WHERE id = 41", "DELETE 1"),
    ("SELECT relname FROM pg_class WHERE relname LIKE 'custom%s' ORDER BY relname", "customers"),
];

#[test]
fn nothing_can_be_asked_of_a_masked_column_where_its_mask_denies_it() {
    let world = world("predicates = \"deny\"");
    let token = world.token("reader");
    let before = world.direct("SELECT md5(string_agg(c::text, ',' ORDER BY id)) FROM customers c");
    for statement in TELLING.iter().chain(EQUAL.iter().map(|(statement, _)| statement)) {
        refused(&world, &token, statement);
    }
    assert_eq!(world.direct("SELECT md5(string_agg(c::text, ',' ORDER BY id)) FROM customers c"), before);
    let log = world.db().server.log();
    assert!(!log.contains("LIKE '078") && !log.contains("ORDER BY ssn"), "the server has seen it: {log}");
    ordinary(&world, &token);
    // What graphical clients ask.
    for command in ["\\d customers", "\\dt", "\\dv", "\\df"] {
        let (code, _, err) = world.psql(&token, &[command]);
        assert_eq!((code, err.contains("ERROR")), (0, false), "{command}: {err}");
    }
    let (_, _, err) = world.psql(&token, &["SELECT id FROM customers c WHERE c.ssn = '078-05-1005'"]);
    assert!(err.contains("the column customers.ssn is masked"), "{err}");
    assert!(err.contains("predicates = \"deny\"") && err.contains("selected or returned"), "{err}");
    assert!(
        !err.contains("IN or = ANY") && !err.replace("WHERE c.ssn = '078-05-1005'", "").contains("1005"),
        "{err}"
    );
    // The refusal is in the recording, with the statement.
    let events: Vec<_> = world
        .list(&["session", "list"])
        .iter()
        .flat_map(|session| world.events(session["id"].as_str().unwrap()))
        .collect();
    let text = format!("{events:?}");
    assert!(text.contains("c.ssn = ") && text.contains("masked_predicate"), "{text}");
}

#[test]
fn whole_values_can_be_looked_up_where_the_mask_allows_it_and_nothing_else() {
    let world = world("predicates = \"equality\"");
    let token = world.token("reader");
    for statement in TELLING {
        refused(&world, &token, statement);
    }
    for (statement, wanted) in EQUAL {
        let (_, out, err) = world.psql(&token, &[statement]);
        assert_eq!(out.trim_end(), *wanted, "{statement}: {err}");
    }
    ordinary(&world, &token);
    let mut raw = Raw::login(&world, &token);
    let script = Script::new().parse("", "SELECT id FROM customers WHERE ssn = $1");
    let replies = raw.ask(&world, &script.bind_values(&["078-05-1005"]).execute("").sync(), 1);
    assert_eq!((replies.errors().len(), replies.rows()), (0, vec!["5"]), "{replies:?}");
    let (_, _, err) = world.psql(&token, &["SELECT id FROM customers ORDER BY ssn"]);
    assert!(err.contains("predicates = \"equality\"") && err.contains("by =, IN or = ANY"), "{err}");
}

/// Where the mask says nothing, nothing is new.
#[test]
fn without_a_word_of_the_mask_conditions_are_as_they_were() {
    let world = world("");
    let token = world.token("reader");
    for statement in TELLING {
        let (_, _, err) = world.psql(&token, &[statement]);
        assert!(!err.contains("predicates"), "{statement}: {err}");
        let reads = statement.starts_with("SELECT") || statement.starts_with("EXPLAIN");
        assert!(!reads || !err.contains("42501"), "{statement}: {err}");
    }
    for (statement, wanted) in EQUAL {
        let (_, out, err) = world.psql(&token, &[statement]);
        assert_eq!(out.trim_end(), *wanted, "{statement}: {err}");
    }
}

/// By messages of their own, by names that were made before, and before people are asked.
#[test]
fn a_guess_is_refused_on_each_way_to_the_server() {
    let world = world("");
    let token = world.token("reader");
    let guess = "SELECT id FROM customers ORDER BY ssn";
    let mut raw = Raw::login(&world, &token);
    let bound = Script::new().query("BEGIN").parse("s", guess).bind("p", "s").execute_some("p", 1).sync();
    let replies = raw.ask(&world, &bound, 2);
    assert!(replies.errors().is_empty() && replies.rows().len() == 1, "{replies:?}");
    let named = [
        "PREPARE q AS SELECT id FROM customers ORDER BY ssn",
        "DECLARE k CURSOR FOR SELECT id FROM customers ORDER BY ssn",
    ];
    for statement in named {
        assert!(raw.ask(&world, &Script::new().query(statement), 1).errors().is_empty());
    }
    world.write_config(&rules("predicates = \"deny\""));
    assert_eq!(world.cli(&["config", "reload"]).0, 0, "{}", world.log());
    std::thread::sleep(Duration::from_millis(300));
    // An error ends the transaction, and with it what was bound and declared in it.
    let replies = raw.ask(&world, &Script::new().execute_some("p", 1).sync(), 1);
    assert!(replies.rows().is_empty() && !replies.errors().is_empty(), "{replies:?}");
    raw.ask(&world, &Script::new().query("ROLLBACK"), 1);
    for script in [
        Script::new().query("EXECUTE q"),
        Script::new().query("EXPLAIN ANALYZE EXECUTE q"),
        Script::new().bind("", "s").execute("").sync(),
        Script::new().parse("", guess).sync(),
        Script::new().parse("", guess).bind("", "").execute("").sync(),
        Script::new().run(guess).sync(),
        Script::new().query(guess),
    ] {
        let replies = raw.ask(&world, &script, 1);
        assert_eq!((replies.errors(), replies.rows().len()), (vec!["42501"], 0), "{replies:?}");
    }
    let replies = raw.ask(&world, &Script::new().run("SELECT ssn FROM customers WHERE id = 5").sync(), 1);
    assert_eq!(replies.rows().len(), 1, "{replies:?}");
    // Nobody is asked about it.
    let etl = world.token("writer");
    for statement in [guess, "UPDATE customers SET name = 'x' WHERE ssn > '5'"] {
        refused(&world, &etl, statement);
    }
    assert!(world.list(&["approval", "list"]).is_empty());
}

#[test]
fn an_unknown_word_is_told() {
    let world = World::without_gateway(&rules("predicates = \"never\""));
    let (code, _, err) = world.cli(&["config", "check"]);
    assert_eq!(code, 3, "{err}");
    assert!(err.contains("mask.pii.predicates = \"never\": unknown word"), "{err}");
    assert!(
        err.contains("accepted: allow, deny, equality") || err.contains("allow, equality, deny"),
        "{err}"
    );
}

fn refused(world: &World, token: &str, statement: &str) {
    let (_, out, err) = world.psql(token, &[statement]);
    assert!(err.contains("ERROR:  42501: ") && err.contains("predicates"), "{statement}: {out} {err}");
    assert!(out.lines().all(|line| line == "BEGIN"), "{statement}: {out}");
}

fn ordinary(world: &World, token: &str) {
    for (statement, wanted) in ORDINARY {
        let (_, out, err) = world.psql(token, &[statement]);
        assert_eq!(out.trim_end(), *wanted, "{statement}: {err}");
    }
}
