//! What a client of PostgreSQL sees of masked columns, however it asks for them.

use crate::support::World;
use crate::support::database::Database;
use crate::support::database::WRITE_RULES;

/// The beginning of each social security number in the database.
const SECRET: &str = "078-05-";

pub const MASKS: &str = r#"
[[mask]]
id = "pii"
match = { tags = { data = "pii" } }
fields = ["ssn", "credit_card"]
entities = ["EMAIL_ADDRESS"]
op = { kind = "keep_last", n = 4 }
"#;

/// Views, a function and a table that hold or lead to masked values.
const MORE: &str = "\
CREATE VIEW plain AS SELECT id, ssn AS note, name FROM customers;
CREATE VIEW computed AS SELECT id, upper(ssn) AS shouted, name FROM customers;
CREATE VIEW on_view AS SELECT note AS again, id FROM plain;
CREATE FUNCTION leak() RETURNS SETOF customers LANGUAGE sql STABLE AS 'SELECT * FROM customers';
CREATE TABLE mails (id int, body text, doc jsonb);
INSERT INTO mails VALUES (1, 'write to ann@example.com', '{\"ssn\": \"078-05-9999\", \"x\": 1}');
CREATE VIEW docs AS SELECT id, doc ->> 'ssn' AS found, doc AS whole FROM mails;
CREATE TABLE sums (doc json, found text GENERATED ALWAYS AS (doc ->> 'ssn') STORED);
INSERT INTO sums VALUES ('{\"ssn\": \"078-05-9998\"}');
CREATE DOMAIN document AS jsonb;
CREATE TABLE lists (docs document[], one document);
INSERT INTO lists SELECT ARRAY[doc], doc FROM mails;
CREATE DOMAIN paper AS document;
CREATE DOMAIN sheet AS paper;
CREATE DOMAIN sheets AS sheet[];
CREATE TYPE folder AS (label text, page sheet);
CREATE TYPE span AS RANGE (subtype = paper);
CREATE TABLE deep (id int, page sheet, pages paper[], bound sheets, folder folder, folders folder[], span span, spans span_multirange);
INSERT INTO deep SELECT 1, doc, ARRAY[doc], ARRAY[doc], ROW('a', doc)::folder, ARRAY[ROW('a', doc)::folder], span(doc::paper, NULL), span_multirange(span(doc::paper, NULL)) FROM mails;
CREATE VIEW deeper AS SELECT page ->> 'ssn' AS found, (folder).page AS page FROM deep;
CREATE UNIQUE INDEX ON customers (ssn);
ANALYZE customers;
GRANT SELECT ON ALL TABLES IN SCHEMA public TO gateway;
";

/// A function of somebody's own is called where a policy names it.
const LEAKS: &str = r#"
[[policy]]
id = "leaks"
effect = "allow"
match = { groups = ["support"], connections = ["db"], operations = ["read"], functions = ["leak"] }
"#;

fn world() -> World {
    World::with_database(Database::new(MORE), &format!("{WRITE_RULES}{LEAKS}{MASKS}"))
}

/// How `keep_last` shows the number of the first customer.
const MASKED: &str = "***-**-1001";

/// What a reader sees of statements.
const SEEN: &[(&str, &str)] = &[
    ("SELECT ssn FROM customers WHERE id = 1", MASKED),
    ("SELECT ssn AS note FROM customers WHERE id = 1", MASKED),
    ("SELECT * FROM customers WHERE id = 1", "1|Customer 1|***-**-1001|**** **** **** 1111|10|1990-01-01"),
    ("TABLE customers LIMIT 1", "1|Customer 1|***-**-1001|**** **** **** 1111|10|1990-01-01"),
    ("SELECT x FROM (SELECT ssn AS x, id FROM customers) s WHERE id = 1", MASKED),
    ("WITH s AS MATERIALIZED (SELECT ssn AS x FROM customers WHERE id = 1) SELECT * FROM s", MASKED),
    ("SELECT DISTINCT ssn FROM customers WHERE id = 1", MASKED),
    ("SELECT c.ssn FROM customers c JOIN orders o ON o.customer = c.id WHERE c.id = 1", MASKED),
    ("SELECT t.b FROM customers AS t(a, n, b, d, e, f) WHERE a = 1", MASKED),
    ("SELECT note FROM plain WHERE id = 1", MASKED),
    ("SELECT again FROM on_view WHERE id = 1", MASKED),
    ("SELECT upper(ssn) FROM customers WHERE id = 1", "[REDACTED]"),
    ("SELECT ssn || '' FROM customers WHERE id = 1", "[REDACTED]"),
    ("SELECT coalesce(ssn, 'x') FROM customers WHERE id = 1", "[REDACTED]"),
    ("SELECT min(ssn) FROM customers", "[REDACTED]"),
    ("SELECT ssn FROM customers WHERE id = 1 UNION ALL SELECT 'a'", "[REDACTED]\n[REDACTED]"),
    ("SELECT (SELECT ssn FROM customers WHERE id = 1)", "[REDACTED]"),
    ("SELECT CASE WHEN true THEN ssn END FROM customers WHERE id = 1", "[REDACTED]"),
    ("SELECT row_to_json(c) FROM customers c WHERE id = 1", ""),
    ("SELECT c FROM customers c WHERE id = 1", ""),
    ("SELECT array_agg(ssn) FROM customers", ""),
    ("SELECT length(ssn) FROM customers WHERE id = 1", ""),
    ("SELECT shouted FROM computed WHERE id = 1", "[REDACTED]"),
    ("SELECT ssn FROM leak() WHERE id = 1", "[REDACTED]"),
    ("SELECT note FROM leak() AS l(id, name, note) WHERE id = 1", "[REDACTED]"),
    ("SELECT most_common_vals FROM pg_stats WHERE attname = 'ssn'", ""),
    ("PREPARE p AS SELECT ssn AS x FROM customers WHERE id = $1; EXECUTE p(1)", MASKED),
    ("BEGIN; DECLARE c CURSOR FOR SELECT ssn AS x FROM customers ORDER BY id; FETCH c", MASKED),
    ("SELECT body FROM mails", "write to ***@******e.com"),
    ("SELECT doc FROM mails", "{\"x\": 1, \"ssn\": \"***-**-9999\"}"),
    // Fields inside of JSON, as such and taken out of it.
    ("SELECT whole FROM docs", "{\"x\": 1, \"ssn\": \"***-**-9999\"}"),
    ("SELECT one FROM lists", "{\"x\": 1, \"ssn\": \"***-**-9999\"}"),
    ("SELECT docs FROM lists", ""),
    ("SELECT doc ->> 'ssn' FROM mails", "[REDACTED]"),
    ("SELECT doc['ssn'] FROM mails", ""),
    ("SELECT value FROM mails, jsonb_each_text(doc) WHERE key = 'ssn'", "[REDACTED]"),
    ("SELECT jsonb_path_query(doc, '$.ssn') #>> '{}' FROM mails", "[REDACTED]"),
    ("SELECT replace(doc::text, 'ssn', 'q') FROM mails", "[REDACTED]"),
    ("SELECT s.x ->> 'ssn' FROM (SELECT doc AS x FROM mails) s", "[REDACTED]"),
    ("SELECT m FROM mails m", ""),
    ("SELECT found FROM docs", "[REDACTED]"),
    ("SELECT found FROM sums", "[REDACTED]"),
    ("SELECT docs[1] ->> 'ssn' FROM lists", "[REDACTED]"),
    // However deep it stands in types of users.
    ("SELECT page FROM deep", "{\"x\": 1, \"ssn\": \"***-**-9999\"}"),
    ("SELECT page ->> 'ssn' FROM deep", "[REDACTED]"),
    ("SELECT page['ssn'] FROM deep", ""),
    ("SELECT pages, bound, folder, folders, span, spans FROM deep", "|||||"),
    ("SELECT pages[1] ->> 'ssn', bound[1] ->> 'ssn' FROM deep", "[REDACTED]|[REDACTED]"),
    ("SELECT (folder).page ->> 'ssn', (folders[1]).page ->> 'ssn' FROM deep", "[REDACTED]|[REDACTED]"),
    ("SELECT lower(span) ->> 'ssn', lower(spans) ->> 'ssn' FROM deep", "[REDACTED]|[REDACTED]"),
    ("SELECT found, page ->> 'ssn' FROM deeper", "[REDACTED]|[REDACTED]"),
    ("SELECT max(id) + 1 FROM mails", "2"),
    // What is made of other columns is shown beside masked ones.
    ("SELECT count(*) FROM (SELECT id, name, ssn FROM customers) AS anon_1", "20"),
    ("SELECT 1 AS one FROM customers WHERE ssn = '078-05-1001' LIMIT 1", "1"),
    (
        "SELECT *, row_number() OVER (ORDER BY id) FROM customers ORDER BY id LIMIT 1",
        "1|Customer 1|***-**-1001|**** **** **** 1111|10|1990-01-01|1",
    ),
    (
        "SELECT c.ssn, c.*, count(o.id) FROM customers c LEFT JOIN orders o ON o.customer = c.id WHERE c.id = 1 GROUP BY c.id",
        "***-**-1001|1|Customer 1|***-**-1001|**** **** **** 1111|10|1990-01-01|1",
    ),
    (
        "SELECT c.ssn, o.amount * 2, upper(c.ssn) FROM customers c JOIN orders o ON o.customer = c.id AND c.id = 2",
        "***-**-1002|4|[REDACTED]",
    ),
    (
        "WITH t AS (SELECT customer, count(*) n FROM orders GROUP BY 1) SELECT c.ssn, t.n + 1 FROM t JOIN customers c ON c.id = t.customer AND c.id = 1",
        "***-**-1001|2",
    ),
    ("SELECT count(*) FROM mails WHERE doc @> '{\"x\": 1}'", "1"),
    ("SELECT ssn, rank() OVER (ORDER BY ssn) FROM customers WHERE id = 1", "***-**-1001|"),
    ("SELECT max(x.name) FROM (SELECT ssn AS name FROM customers) x", "[REDACTED]"),
    (
        "SELECT c.name, m.data FROM customers c LEFT JOIN LATERAL (SELECT json_agg(m.id) AS data FROM mails m) m ON true WHERE c.id = 1",
        "Customer 1|[1]",
    ),
    ("SELECT upper(name) FROM customers AS c (id, x, name) WHERE id = 1", "[REDACTED]"),
    ("SELECT upper(l.name), 1 FROM leak() l WHERE id = 1", "[REDACTED]|"),
    ("SELECT upper(note) FROM plain WHERE id = 1", "[REDACTED]"),
    // Names that are moved over a join, and numbers of rows that spell a value.
    (
        "SELECT upper(r) FROM (SELECT * FROM (SELECT id, name FROM customers) x JOIN (SELECT id, ssn FROM customers) y USING (id)) t(p, q, r) WHERE p = 1",
        "[REDACTED]",
    ),
    (
        "SELECT chr(a.n::int) FROM customers c, LATERAL (SELECT count(*) n FROM generate_series(1, ascii(c.ssn))) a WHERE c.id = 1",
        "[REDACTED]",
    ),
    (
        "SELECT c.id, a.n FROM customers c, LATERAL (SELECT count(*) n FROM generate_series(1, substr(c.ssn, 8, 4)::int)) a WHERE c.id = 1",
        "1|",
    ),
    (
        "SELECT count(*) FROM generate_series(1, (SELECT substr(ssn, 8, 4)::int FROM customers WHERE id = 1))",
        "",
    ),
    (
        "SELECT count(*) FROM customers c JOIN orders g ON g.id <= substr(c.ssn, 10, 2)::int WHERE c.id = 7 GROUP BY c.id",
        "",
    ),
    // What has nothing to do with masked columns is as it is.
    ("SELECT count(*) FROM customers", "20"),
    ("SELECT name, balance * 2 FROM customers WHERE id = 1", "Customer 1|20"),
    ("SELECT name FROM computed WHERE id = 1", "Customer 1"),
    ("SELECT upper(name) FROM customers WHERE id = 1", "CUSTOMER 1"),
];

#[test]
fn a_masked_column_is_masked_under_every_name_and_withheld_in_every_expression() {
    let world = world();
    let token = world.token("reader");
    for &(statement, wanted) in SEEN {
        let (_, out, err) = world.psql(&token, &[statement]);
        let out: Vec<&str> =
            out.lines().filter(|line| !["PREPARE", "BEGIN", "DECLARE CURSOR"].contains(line)).collect();
        assert_eq!(out.join("\n"), wanted, "{statement}: {err} {}", world.log());
        assert!(!err.contains(SECRET), "{statement}: {err}");
    }
    let (_, _, err) = world.psql(&token, &["SELECT upper(ssn) FROM customers WHERE id = 1"]);
    assert!(err.contains("NOTICE:  01H02: withheld, since masked values may be in them: upper"), "{err}");
    let log = world.log();
    for session in world.list(&["session", "list"]) {
        let events = format!("{:?}", world.events(session["id"].as_str().unwrap()));
        assert!(!events.contains(SECRET), "{events}");
    }
    assert!(!log.contains(SECRET));
}

#[test]
fn the_hash_of_a_value_is_told_of_columns_alone() {
    let more = "CREATE TABLE mails (doc jsonb);\nINSERT INTO mails VALUES ('{\"ssn\": \"078-05-1001\"}');\nGRANT ALL ON mails TO gateway;\n";
    let masks = MASKS.replace("kind = \"keep_last\", n = 4", "kind = \"hash\"");
    let world = World::with_database(Database::new(more), &format!("{WRITE_RULES}{masks}"));
    let token = world.token("reader");
    let (_, hash, err) = world.psql(&token, &["SELECT ssn FROM customers WHERE id = 1"]);
    assert_eq!(hash.trim().len(), 16, "{hash} {err}");
    let (_, doc, _) = world.psql(&token, &["SELECT doc FROM mails"]);
    assert!(doc.contains(hash.trim()), "{doc} {hash}");
    for statement in [
        "SELECT '078-05-1001' AS ssn",
        "SELECT * FROM (VALUES ('078-05-1001')) AS v (ssn)",
        "SELECT json_build_object('ssn', '078-05-1001')",
        "SELECT '{\"ssn\": \"078-05-1001\"}'::jsonb",
        "SELECT 'ssn=078-05-1001'",
        "SELECT 'ssn=078-05-1001'::int",
        "SET application_name = 'ssn=078-05-1001'",
        "COPY (SELECT 'ssn=078-05-1001') TO STDOUT",
    ] {
        let (_, out, err) = world.psql(&token, &[statement]);
        assert!(!format!("{out}{err}").contains(hash.trim()), "{statement}: {out} {err}");
    }
    let (_, out, _) = world.psql(&token, &["SELECT 'x' AS ssn", "SELECT json_build_object('ssn', 'x')"]);
    assert_eq!(out, "[REDACTED]\n{\"ssn\" : \"[REDACTED]\"}\n");
}

#[test]
fn masked_values_leave_by_no_other_door() {
    let world = world();
    let token = world.token("reader");
    for (statement, state) in [
        ("COPY customers TO STDOUT", "42501"),
        ("COPY (SELECT ssn FROM customers) TO STDOUT", "42501"),
        ("COPY customers (id, ssn) TO STDOUT (FORMAT binary)", "42501"),
        ("COPY orders TO STDOUT (FORMAT binary)", "42501"),
        ("CREATE TABLE stolen AS SELECT ssn AS x FROM customers", "42501"),
        ("SELECT ssn AS x INTO stolen FROM customers", "42501"),
        ("CREATE VIEW stolen AS SELECT ssn AS x FROM customers", "42501"),
        ("INSERT INTO mails (body) SELECT ssn FROM customers", "42501"),
        ("UPDATE customers SET name = ssn", "42501"),
        ("ALTER TABLE customers RENAME COLUMN ssn TO harmless", "42501"),
        ("ALTER VIEW plain RENAME COLUMN note TO harmless", "42501"),
        ("ALTER TABLE customers RENAME TO people", "42501"),
        ("ALTER TABLE customers SET SCHEMA elsewhere", "42501"),
        (
            "INSERT INTO customers (id) VALUES (1) ON CONFLICT (id) DO UPDATE SET name = customers.ssn",
            "42501",
        ),
        ("COPY mails (doc) TO STDOUT", "42501"),
        ("COPY mails TO STDOUT (FORMAT csv)", "42501"),
        ("COPY (SELECT doc ->> 'ssn' FROM mails) TO STDOUT", "42501"),
        ("COPY (SELECT page ->> 'ssn' FROM deep) TO STDOUT", "42501"),
        ("COPY deep (page) TO STDOUT (FORMAT csv, QUOTE 's', ESCAPE 'x', FORCE_QUOTE *)", "42501"),
        ("COPY deep (folder) TO STDOUT", "42501"),
        ("SELECT set_config('my.x', doc ->> 'ssn', false) FROM mails", "42501"),
        ("SELECT (doc ->> 'ssn')::int FROM mails", "22P02"),
        ("SELECT ssn::int FROM customers", "22P02"),
        ("SELECT ssn::regclass FROM customers", "42P01"),
        ("UPDATE customers SET ssn = '078-05-1002' WHERE id = 1", "23505"),
        ("INSERT INTO customers SELECT 21, 'x', ssn FROM customers WHERE id = 1", "42501"),
    ] {
        let (_, out, err) = world.psql(&token, &[statement]);
        assert!(err.contains(&format!("ERROR:  {state}: ")), "{statement}: {out} {err}");
        let told = err.replace(statement, "").replace("'078-05-1002'", "");
        assert!(
            !out.contains(SECRET) && !told.contains("=(078") && !told.contains("\"078"),
            "{statement}: {out} {err}"
        );
    }
    assert_eq!(world.direct("SELECT count(*) FROM pg_class WHERE relname = 'stolen'"), "0");
    let (_, out, err) = world.psql(
        &token,
        &[
            "COPY orders (id, note) TO STDOUT",
            "COPY mails (body) TO STDOUT",
            "INSERT INTO customers (id, ssn) VALUES (99, '1') RETURNING id, ssn",
        ],
    );
    assert!(out.starts_with("1\torder 1\n") && out.contains("write to ***@******e.com"), "{out} {err}");
    assert!(out.contains("99|*"), "{out} {err}");
    // What the caller brings along is written into masked columns.
    let brought = [
        "INSERT INTO customers (id, ssn) VALUES (99, '22') ON CONFLICT (id) DO UPDATE SET ssn = EXCLUDED.ssn RETURNING ssn",
        "UPDATE customers c SET ssn = v.ssn FROM (VALUES (99, '333')) v (id, ssn) WHERE v.id = c.id",
        "INSERT INTO customers (id, name) SELECT * FROM unnest('{98}'::int[], '{x}'::text[])",
        "WITH r AS (SELECT * FROM unnest('{98}'::int[]) AS id) UPDATE customers SET name = 'y' FROM r WHERE r.id = customers.id",
    ];
    let (_, out, err) = world.psql(&token, &brought);
    assert_eq!(out, "**\nINSERT 0 1\nUPDATE 1\nINSERT 0 1\nUPDATE 1\n", "{err}");
    assert_eq!(world.direct("SELECT ssn FROM customers WHERE id = 99"), "333");
    let made = [
        "BEGIN",
        "CREATE TEMP TABLE made AS SELECT id FROM orders",
        "INSERT INTO orders (customer) SELECT id FROM made",
    ];
    let (_, _, err) = world.psql(&token, &made);
    assert!(err.contains("42501: the gateway does not know a table that this transaction has made"), "{err}");
}

/// Each of them is a statement that the database itself runs, and that leaves a value of a document in a
/// column that is not masked.
const TAKEN_OUT: &[&str] = &[
    "UPDATE mails SET body = doc ->> 'ssn'",
    "UPDATE mails SET body = doc",
    "UPDATE mails SET doc = jsonb_build_object('q', doc -> 'ssn')",
    "UPDATE mails SET doc = jsonb_set(doc, '{q}', doc -> 'ssn')",
    "UPDATE mails SET doc['q'] = doc['ssn']",
    "UPDATE mails SET body = e.value FROM mails m, jsonb_each_text(m.doc) e WHERE e.key = 'ssn'",
    "UPDATE mails SET body = m::text FROM mails m",
    "INSERT INTO mails (body) SELECT doc ->> 'ssn' FROM mails",
    "INSERT INTO mails (body) SELECT x FROM (SELECT doc ->> 'ssn' AS x FROM mails) s",
    "INSERT INTO mails (id, body) SELECT id, doc FROM mails",
    "INSERT INTO mails (body) SELECT found FROM docs",
    "INSERT INTO mails (body) SELECT page ->> 'ssn' FROM deep",
    "INSERT INTO mails (body) SELECT (folder).page ->> 'ssn' FROM deep",
    "INSERT INTO mails (body) SELECT found FROM sums",
    "INSERT INTO notes (body) SELECT doc FROM mails",
    "INSERT INTO notes SELECT doc FROM mails",
    "INSERT INTO notes (doc) SELECT doc FROM mails",
    "WITH w AS (UPDATE mails SET id = 1 RETURNING doc ->> 'ssn' AS x) INSERT INTO notes SELECT x FROM w",
    "MERGE INTO notes n USING mails m ON false WHEN NOT MATCHED THEN INSERT (doc) VALUES (m.doc ->> 'ssn')",
    "CREATE TABLE stolen AS SELECT doc ->> 'ssn' AS x FROM mails",
    "SELECT doc::text AS x INTO stolen FROM mails",
    "CREATE TABLE stolen AS SELECT doc || 'x'::text AS x FROM mails",
    "PREPARE p AS SELECT doc ->> 'ssn' AS x FROM mails; CREATE TABLE stolen AS EXECUTE p",
    "ALTER TABLE mails ALTER doc TYPE text",
    "ALTER TABLE mails ALTER body TYPE text USING doc ->> 'ssn'",
    "ALTER TABLE mails ADD x text GENERATED ALWAYS AS (doc ->> 'ssn') STORED",
    "ALTER TABLE sums ALTER found DROP EXPRESSION",
    // Nothing of it is written but what is found to be equal to it.
    "INSERT INTO notes (body) SELECT string_agg(chr(c), '' ORDER BY p) FROM mails m, generate_series(1, 11) p, generate_series(32, 126) c WHERE substr(m.doc ->> 'ssn', p, 1) = chr(c) GROUP BY m.id",
    "INSERT INTO notes (body) SELECT chr(c) FROM generate_series(32, 126) c JOIN mails m ON left(m.doc ->> 'ssn', 1) = chr(c)",
    "CREATE TABLE stolen AS SELECT 1 AS x FROM generate_series(1, 999) LIMIT (SELECT left(doc ->> 'ssn', 3)::int FROM mails LIMIT 1)",
    "MERGE INTO notes n USING mails m ON n.body = m.doc ->> 'ssn' WHEN NOT MATCHED THEN INSERT (body) VALUES ('x')",
    "UPDATE customers SET name = 'x' FROM mails m WHERE customers.ssn = m.doc ->> 'ssn'",
    "ALTER TABLE notes ADD more text; ALTER TABLE notes RENAME doc TO old; ALTER TABLE notes RENAME more TO doc; UPDATE notes SET doc = m.doc FROM mails m",
    "ALTER TABLE mails RENAME doc TO other; INSERT INTO notes (body) SELECT other ->> 'ssn' FROM mails",
    "BEGIN; ALTER TABLE mails RENAME TO other",
    // What is left of a list of all guesses.
    "DELETE FROM cand k USING customers m WHERE m.id = 1 AND substr(m.ssn, k.p, 1) <> k.ch",
    "DELETE FROM cand k USING mails m WHERE substr(m.doc ->> 'ssn', k.p, 1) <> k.ch",
    "DELETE FROM cand k WHERE k.ch <> (SELECT substr(doc ->> 'ssn', k.p, 1) FROM mails)",
    "UPDATE cand SET ch = '' FROM customers m WHERE m.id = 1 AND substr(m.ssn, p, 1) <> ch",
    "CREATE TEMP TABLE mails (id int, doc text); INSERT INTO mails (id, doc) SELECT id, doc FROM public.mails",
    "UPDATE mails SET body = c.name FROM customers c WHERE c.name LIKE left(mails.doc ->> 'ssn', 1)",
];

/// What clients do with documents.
const STAY: &[&str] = &[
    "UPDATE mails SET doc = doc || '{\"a\": 1}' WHERE doc ->> 'x' = '1' RETURNING id",
    "UPDATE mails SET doc = jsonb_set(doc, '{a}', '2') - 'b' WHERE doc ? 'x' AND id IN (SELECT id FROM mails)",
    "UPDATE mails SET doc['a'] = '3'",
    "INSERT INTO mails (id, doc) VALUES (2, '{\"ssn\": \"078-05-7777\"}') ON CONFLICT (id) DO UPDATE SET doc = mails.doc || excluded.doc",
    "INSERT INTO mails (id, doc) SELECT id + 10, doc FROM mails",
    "MERGE INTO mails o USING mails m ON o.id = m.id WHEN MATCHED THEN UPDATE SET doc = m.doc",
    "CREATE TABLE kept AS SELECT id, doc AS other FROM mails",
    "CREATE VIEW seen AS SELECT doc ->> 'ssn' AS x FROM mails",
    "CREATE MATERIALIZED VIEW stored AS SELECT doc ->> 'ssn' AS x FROM mails",
    "CREATE INDEX ON mails ((doc ->> 'x'))",
    "PREPARE p AS SELECT id FROM mails; CREATE TABLE numbers AS EXECUTE p",
];

#[test]
fn what_is_taken_out_of_json_is_written_nowhere_else() {
    let more = format!(
        "{MORE}CREATE TABLE notes (doc text, body text);\nALTER TABLE mails ADD PRIMARY KEY (id);\nCREATE TABLE cand AS SELECT p, chr(c) AS ch FROM generate_series(1, 11) p, generate_series(32, 126) c;\n\
         GRANT ALL ON notes, mails, cand TO gateway;\n\
         ALTER TABLE mails OWNER TO gateway;\nALTER VIEW docs OWNER TO gateway;\n"
    );
    let world = World::with_database(Database::new(&more), &format!("{WRITE_RULES}{MASKS}"));
    let token = world.token("reader");
    for statement in TAKEN_OUT {
        if !statement.starts_with("ALTER") && !statement.contains("RETURNING doc") {
            world.direct(&format!("BEGIN; ALTER TABLE mails DROP CONSTRAINT mails_pkey CASCADE; ALTER TABLE mails ALTER id DROP NOT NULL; {statement}; ROLLBACK"));
        }
        world.refused(&token, &[statement], "ERROR:  42501: ");
    }
    assert_eq!(world.direct("SELECT count(*) FROM pg_class WHERE relname = 'stolen'"), "0");
    assert_eq!(world.direct("SELECT count(*) FROM notes"), "0");
    assert_eq!(world.direct("SELECT count(*) FROM cand WHERE ch <> ''"), "1045");
    for statement in STAY {
        world.passes(&token, &[statement]);
    }
    for table in ["mails", "kept", "seen", "stored", "numbers"] {
        let (_, out, err) = world.psql(&token, &[&format!("SELECT * FROM {table}")]);
        assert!(!out.is_empty() && !out.contains("078-05") && !err.contains("ERROR"), "{table}: {out} {err}");
    }
    assert_ne!(world.direct("SELECT count(*) FROM stored WHERE x LIKE '078-05-%'"), "0", "it is there");
}

/// Tables whose columns are masked by the names of others: of a parent, a schema, a type.
const BY_TABLE: &str = "\
CREATE TABLE people (id int, code text) PARTITION BY LIST (id);
CREATE TABLE people_1 PARTITION OF people FOR VALUES IN (1);
INSERT INTO people VALUES (1, '078-05-1001');
CREATE TABLE base (id int, code text);
CREATE TABLE kid () INHERITS (base);
INSERT INTO kid VALUES (1, '078-05-1001');
CREATE SCHEMA hr;
CREATE TABLE hr.staff (id int, code text);
INSERT INTO hr.staff VALUES (1, '078-05-1001');
CREATE TYPE person AS (id int, code text);
CREATE TABLE typed OF person;
INSERT INTO typed VALUES (1, '078-05-1001');
CREATE TABLE papers (id int, doc jsonb) PARTITION BY LIST (id);
CREATE TABLE papers_1 PARTITION OF papers FOR VALUES IN (1);
CREATE SCHEMA crm;
CREATE TABLE crm.leads (id int);
GRANT CREATE ON DATABASE postgres TO gateway;
ALTER TABLE people OWNER TO gateway;
ALTER TABLE people_1 OWNER TO gateway;
ALTER TABLE base OWNER TO gateway;
ALTER TABLE kid OWNER TO gateway;
ALTER TABLE typed OWNER TO gateway;
ALTER TABLE papers OWNER TO gateway;
ALTER TABLE papers_1 OWNER TO gateway;
ALTER SCHEMA hr OWNER TO gateway;
ALTER TABLE hr.staff OWNER TO gateway;
ALTER SCHEMA crm OWNER TO gateway;
ALTER TYPE person OWNER TO gateway;
";

#[test]
fn a_mask_of_the_column_of_a_table_is_not_lost_by_a_change_of_names() {
    let masks = r#"
[[mask]]
id = "codes"
fields = ["people.code", "base.code", "hr.staff.code", "typed.code"]
op = { kind = "redact" }
"#;
    let world = World::with_database(Database::new(BY_TABLE), &format!("{WRITE_RULES}{masks}"));
    let token = world.token("reader");
    let tables = ["people", "people_1", "base", "kid", "hr.staff", "typed"];
    for (statement, raw) in [
        ("ALTER TABLE people DETACH PARTITION people_1", "people_1"),
        ("ALTER TABLE kid NO INHERIT base", "kid"),
        ("ALTER SCHEMA hr RENAME TO old", "old.staff"),
        ("ALTER TABLE hr.staff SET SCHEMA public", "staff"),
        ("ALTER TYPE person RENAME ATTRIBUTE code TO harmless CASCADE", "typed"),
    ] {
        // It would be in the clear there.
        let there = format!("BEGIN; {statement}; SELECT * FROM {raw}");
        assert!(world.direct(&there).contains("078-05-1001"), "{statement}");
        world.refused(&token, &[statement], "42501: this statement could write masked values");
    }
    for table in tables {
        let (_, out, err) = world.psql(&token, &[&format!("SELECT code FROM {table}")]);
        assert_eq!(out.trim(), "[REDACTED]", "{table}: {err} {}", world.log());
    }
    for statement in ["ALTER TABLE papers DETACH PARTITION papers_1", "ALTER SCHEMA crm RENAME TO sales"] {
        world.passes(&token, &[statement]);
    }
}

#[test]
fn what_is_new_in_the_catalogue_is_withheld_until_it_is_known() {
    let world = world();
    let token = world.token("reader");
    assert_eq!(world.psql(&token, &["SELECT ssn FROM customers WHERE id = 1"]).1.trim(), "***-**-1001");
    // Made beside the gateway: its column names are not known yet, so nothing of it is shown before they are.
    world.direct("CREATE TABLE fresh (id int, ssn text, name text)");
    world.direct("INSERT INTO fresh VALUES (1, '078-05-7777', 'Ann')");
    world.direct("GRANT SELECT ON fresh TO gateway");
    let (_, out, err) = world.psql(&token, &["SELECT name FROM fresh", "SELECT ssn, name FROM fresh"]);
    assert_eq!(out.lines().last(), Some("***-**-7777|Ann"), "{out} {err}");
    // Made through the gateway, it is known at once.
    let (_, out, err) = world.psql(
        &token,
        &[
            "CREATE TABLE own (ssn text, name text)",
            "INSERT INTO own VALUES ('078-05-8888', 'Bob')",
            "SELECT ssn AS x, name FROM own",
        ],
    );
    assert_eq!(out.lines().last(), Some("***-**-8888|Bob"), "{out} {err}");
}

#[test]
fn a_mask_that_a_reload_adds_holds_for_sessions_that_are_open() {
    let mut world = World::with_database(Database::new(MORE), WRITE_RULES);
    let token = world.token("reader");
    let mut psql = world.psql_command(&token);
    let folder = world.folder.path().to_owned();
    let script = "SELECT ssn FROM customers WHERE id = 1;\n\\! touch first\n\\! while [ ! -e go ]; do sleep 0.05; done\nSELECT ssn FROM customers WHERE id = 1;\n";
    std::fs::write(folder.join("script.sql"), script).unwrap();
    let psql = psql.args(["-f", "script.sql"]).stdout(std::process::Stdio::piped()).spawn().unwrap();
    let begin = std::time::Instant::now();
    while !folder.join("first").exists() {
        assert!(begin.elapsed().as_secs() < 10);
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
    world.write_config(&format!("{WRITE_RULES}{MASKS}"));
    assert_eq!(world.cli(&["config", "reload"]).0, 0, "{}", world.log());
    std::fs::write(folder.join("go"), "").unwrap();
    let out = psql.wait_with_output().unwrap();
    assert_eq!(String::from_utf8_lossy(&out.stdout).trim(), "078-05-1001\n***-**-1001");
    assert_eq!(world.stop(), Some(0));
}

#[test]
fn a_value_across_the_cut_of_a_held_statements_summary_is_masked_and_counted_once() {
    const RULES: &str = r#"
[recording]
level = "~"
[[policy]]
id = "writes"
effect = "approve"
match = { groups = ["etl"], connections = ["db"], operations = ["write"] }
approval = { from = ["dba"], timeout = "20s" }
[[mask]]
id = "pii"
match = { tags = { data = "pii" } }
entities = ["CREDIT_CARD"]
op = { kind = "redact" }
"#;
    let start = "UPDATE customers SET name = '";
    let filled = "x".repeat(300 - 5 - start.len());
    let text = format!("{start}{filled} 4111111111111111' WHERE id = 1");
    for level in ["full", "metadata", "off"] {
        let world = World::with_database(Database::new(""), &RULES.replace('~', level));
        let token = world.token("writer");
        std::thread::scope(|scope| {
            let run = scope.spawn(|| world.psql(&token, &[&text]));
            let pending = world.wait_pending();
            let summary = pending["summary"].as_str().unwrap();
            assert!(summary.starts_with(start) && !summary.contains('4'), "{summary}");
            world.ok(&["approval", "deny", pending["id"].as_str().unwrap(), "-r", "no"]);
            let (_, _, err) = run.join().unwrap();
            assert!(err.contains("denied it: no"), "{err}");
        });
        let events = world.events(&world.last_session());
        let asked = events.iter().find(|event| event["kind"] == "approval.requested").unwrap();
        assert_eq!(asked["data"].get("summary").is_some(), level == "full", "{asked}");
        assert!(asked["data"]["approval"].is_string() && asked["data"]["digest"].is_string(), "{asked}");
        let counted: u64 = events
            .iter()
            .filter(|event| event["kind"] == "sql.query")
            .flat_map(|event| event["mask"].as_array().cloned().unwrap_or_default())
            .map(|note| note["n"].as_u64().unwrap())
            .sum();
        assert_eq!(counted, u64::from(level == "full"), "{level}: {events:?}");
        let mut world = world;
        world.stop();
        for name in ["data/events.db", "data/events.db-wal", "data/hoopctl.db", "data/hoopctl.db-wal"] {
            let bytes = std::fs::read(world.path(name)).unwrap_or_default();
            assert!(!bytes.windows(6).any(|window| window == b"x 4111"), "{level}: {name}");
        }
    }
}
