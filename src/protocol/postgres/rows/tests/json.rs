//! Tests what of JSON may be written, and where.

use super::exposure::{effects, exposure};
use crate::protocol::postgres::catalog::tests::masked;
use crate::protocol::postgres::rows::Exposure;

/// Values without their keys, or whose keys are not searched for.
const LEAVES: &[&str] = &[
    "UPDATE mails SET id = (doc ->> 'ssn')::int",
    "UPDATE mails SET doc = jsonb_build_object('q', doc -> 'ssn')",
    "UPDATE mails SET doc = doc || jsonb_build_object('q', doc -> 'ssn')",
    "UPDATE mails SET doc = jsonb_set(doc, '{q}', doc -> 'ssn')",
    "UPDATE mails SET doc = jsonb_set('{}', '{q}', doc -> 'ssn')",
    "UPDATE mails SET doc = jsonb_set(doc, ARRAY[doc ->> 'ssn'], '1')",
    "UPDATE mails SET doc['q'] = doc['ssn']",
    "UPDATE mails SET doc[doc ->> 'ssn'] = '1'",
    "UPDATE mails SET doc = (SELECT m.doc -> 'ssn' FROM mails m)",
    "UPDATE mails SET (id, doc) = (SELECT (m.doc ->> 'ssn')::int, '{}' FROM mails m)",
    "UPDATE orders SET card = doc FROM mails",
    "UPDATE orders SET card = e.value FROM mails, jsonb_each_text(doc) e",
    "UPDATE orders SET card = j.a FROM mails AS j(b, a)",
    "UPDATE orders SET card = m.row_to_json FROM mails m",
    "UPDATE orders SET card = m::text FROM mails m",
    "INSERT INTO orders (card) SELECT doc ->> 'ssn' FROM mails",
    "INSERT INTO orders (card) SELECT s.x FROM (SELECT doc ->> 'ssn' AS x FROM mails) s",
    "INSERT INTO orders (card) VALUES ((SELECT doc ->> 'ssn' FROM mails))",
    "INSERT INTO orders (card) SELECT doc FROM mails",
    "INSERT INTO orders SELECT * FROM mails",
    "INSERT INTO orders TABLE mails",
    "INSERT INTO mails (id) VALUES (1) ON CONFLICT (id) DO UPDATE SET id = (excluded.doc ->> 'ssn')::int",
    "WITH w AS (SELECT doc ->> 'ssn' AS x FROM mails) INSERT INTO orders (card) SELECT x FROM w",
    "WITH w AS (UPDATE mails SET id = 1 RETURNING doc ->> 'ssn' AS x) INSERT INTO orders (card) SELECT x FROM w",
    "MERGE INTO orders o USING mails m ON o.id = m.id WHEN MATCHED THEN UPDATE SET card = m.doc ->> 'ssn'",
    "MERGE INTO orders o USING mails m ON o.id = m.id WHEN NOT MATCHED THEN INSERT (card) VALUES (m.doc)",
    "CREATE TABLE t AS SELECT doc ->> 'ssn' AS x FROM mails",
    "CREATE TABLE t AS SELECT doc || 'x'::text AS x FROM mails",
    "CREATE TABLE t AS SELECT m FROM mails m",
    "CREATE TABLE t AS SELECT doc FROM mails UNION SELECT 'x'",
    "SELECT doc ->> 'ssn' AS x INTO t FROM mails",
    "PREPARE p AS INSERT INTO orders (card) SELECT doc ->> 'ssn' FROM mails",
    "EXPLAIN ANALYZE UPDATE mails SET id = (doc ->> 'ssn')::int",
    "ALTER TABLE mails ALTER doc TYPE text",
    "ALTER TABLE mails ALTER id TYPE text USING doc ->> 'ssn'",
    "ALTER TABLE mails ADD x text GENERATED ALWAYS AS (doc ->> 'ssn') STORED",
    "CREATE TABLE t (doc jsonb, x text GENERATED ALWAYS AS (mails.doc ->> 'ssn') STORED, LIKE mails)",
    "ALTER TABLE mails ALTER found DROP EXPRESSION",
    "CREATE RULE r AS ON UPDATE TO mails DO ALSO INSERT INTO orders (card) VALUES (new.doc ->> 'ssn')",
    "CREATE FUNCTION f() RETURNS text LANGUAGE sql BEGIN ATOMIC SELECT doc ->> 'ssn' FROM mails; END",
    "INSERT INTO made_just_now (doc) SELECT m.doc FROM mails m",
    "ALTER TABLE mails RENAME COLUMN doc TO other",
    "ALTER TABLE mails RENAME TO other",
    "ALTER TABLE mails SET SCHEMA private",
    "ALTER TABLE orders ADD x int; INSERT INTO orders (card) SELECT other ->> 'ssn' FROM mails",
    "CREATE FUNCTION f() RETURNS text LANGUAGE sql BEGIN ATOMIC UPDATE mails SET id = 1 RETURNING doc ->> 'ssn'; END",
    "CREATE FUNCTION f() RETURNS int LANGUAGE sql BEGIN ATOMIC DELETE FROM mails WHERE doc ? 'a' RETURNING id; END",
    "CREATE RULE r AS ON DELETE TO orders DO INSTEAD UPDATE mails SET id = 1 RETURNING mails.id, 1, mails.doc ->> 'ssn'",
    "CREATE RULE r AS ON DELETE TO mails DO ALSO DELETE FROM orders WHERE total <> old.doc ->> 'ssn'",
    "CREATE RULE r AS ON UPDATE TO mails WHERE old.doc ? 'a' DO ALSO UPDATE orders SET id = 1",
    // A star may stand for no column at all.
    "INSERT INTO mails (found, doc) SELECT s.*, doc FROM (SELECT) s, mails",
    "INSERT INTO mails (found, doc) SELECT n.*, m.doc FROM nothing n, mails m",
    // Which rows come back reveals what a condition looks at.
    "INSERT INTO orders (id, card) SELECT m.id, string_agg(chr(c), '' ORDER BY p) FROM mails m, generate_series(1, 11) p, generate_series(32, 126) c WHERE substr(m.doc ->> 'ssn', p, 1) = chr(c) GROUP BY m.id",
    "INSERT INTO orders (card) SELECT chr(c) FROM generate_series(32, 126) c JOIN mails m ON substr(m.doc ->> 'ssn', 1, 1) = chr(c)",
    "INSERT INTO orders (card) SELECT o.total FROM orders o JOIN mails m USING (doc)",
    "INSERT INTO orders (id) SELECT 1 FROM generate_series(1, 999) LIMIT (SELECT (doc ->> 'ssn')::int FROM mails LIMIT 1)",
    "INSERT INTO orders (id) SELECT 1 FROM mails GROUP BY id HAVING max(doc ->> 'ssn') > '1'",
    "INSERT INTO orders (id) SELECT row_number() OVER (ORDER BY doc ->> 'ssn') FROM mails",
    "INSERT INTO orders (id) VALUES (1) ON CONFLICT (id) DO UPDATE SET id = 2 WHERE EXISTS (SELECT 1 FROM mails WHERE doc ? 'a')",
    "INSERT INTO mails (id, doc) SELECT id + 1, doc FROM mails WHERE doc ? 'a'",
    "INSERT INTO orders (id) SELECT DISTINCT ON (m.doc) m.id FROM mails m",
    "WITH w AS (SELECT chr(c) AS x FROM mails m, generate_series(32, 126) c WHERE m.doc ->> 'ssn' = chr(c)) INSERT INTO orders (card) SELECT x FROM w",
    "WITH w AS (DELETE FROM mails WHERE doc ->> 'ssn' LIKE '1%' RETURNING id) INSERT INTO orders (id) SELECT id FROM w",
    "WITH w AS (DELETE FROM mails WHERE doc ->> 'ssn' LIKE '1%' RETURNING id) UPDATE orders SET card = 'x' FROM w WHERE w.id = orders.id",
    "UPDATE mails SET id = 1 WHERE doc ? 'a'; INSERT INTO orders (id) VALUES (1)",
    "MERGE INTO orders o USING mails m ON o.total = m.doc ->> 'ssn' WHEN MATCHED THEN UPDATE SET id = 1",
    "MERGE INTO orders o USING mails m ON o.id = m.id WHEN MATCHED AND m.doc ? 'a' THEN DELETE",
    "CREATE TABLE t AS SELECT m.id, m.doc FROM mails m WHERE doc ? 'a'",
    "SELECT chr(c) AS x INTO t FROM mails m, generate_series(32, 126) c WHERE m.doc ->> 'ssn' = chr(c)",
    "PREPARE p AS SELECT id FROM mails WHERE doc ? 'a'; UPDATE orders SET id = 1",
    // Another row than the one that is changed, or a value that is chosen by what is compared.
    "UPDATE orders SET card = 'x' FROM mails m JOIN mails n ON m.doc = n.doc WHERE m.id = orders.id",
    "UPDATE orders SET card = 'x' FROM mails m WHERE m.doc ->> 'ssn' LIKE orders.total",
    "UPDATE orders SET card = 'x' FROM mails m WHERE doc ->> 'ssn' LIKE orders.total",
    "UPDATE mails m SET id = 1 FROM mails n WHERE n.doc ->> 'ssn' LIKE m.id::text",
    "UPDATE mails SET id = o.id FROM orders o WHERE mails.doc ->> 'ssn' = o.total",
    "UPDATE mails SET id = 1 WHERE id IN (SELECT (m.doc ->> 'id')::int FROM mails m ORDER BY m.doc -> 'x')",
    "UPDATE mails SET id = 1 WHERE EXISTS (SELECT 1 FROM orders o WHERE mails.doc ->> 'ssn' = o.total)",
    "UPDATE mails SET id = (SELECT o.id FROM orders o WHERE mails.doc ->> 'ssn' = o.total)",
];

/// Documents that stay documents, and values that only decide about rows or go back to the client.
const STAYS: &[&str] = &[
    "UPDATE mails SET doc = doc || '{\"a\": 1}', id = 2 WHERE doc ->> 'a' = '1' RETURNING doc ->> 'ssn', id",
    "UPDATE mails SET doc = jsonb_set(coalesce(doc, '{}')::jsonb, '{a}', $1) - 'b' #- '{c}'",
    "UPDATE mails SET doc['a'] = '1', id = 1 FROM orders WHERE mails.id = orders.id",
    "UPDATE mails SET id = 1 WHERE id IN (SELECT m.id FROM mails m ORDER BY m.id)",
    "UPDATE orders SET card = 'x' FROM mails m WHERE m.id = orders.id",
    "UPDATE mails m SET id = $1, found = m.id FROM orders o WHERE m.doc ->> 'a' = o.total",
    "INSERT INTO mails (id, doc) VALUES (1, $1) ON CONFLICT (id) DO UPDATE SET doc = mails.doc || excluded.doc",
    "INSERT INTO mails (id, doc) SELECT id + 1, doc FROM mails WHERE id > 1 RETURNING doc -> 'b'",
    "INSERT INTO orders (id) SELECT id FROM mails",
    "MERGE INTO mails o USING mails m ON o.id = m.id WHEN MATCHED AND m.id > 1 THEN UPDATE SET doc = m.doc",
    "MERGE INTO mails o USING mails m ON o.id = m.id WHEN NOT MATCHED THEN INSERT (id, doc) VALUES (m.id, m.doc)",
    "CREATE TABLE t AS SELECT id, doc AS q FROM mails",
    "CREATE TABLE t AS SELECT m.id, m.doc FROM mails m WHERE id > 1",
    "SELECT doc INTO t FROM mails",
    "CREATE VIEW v AS WITH w AS (SELECT doc FROM mails WHERE doc ? 'a') SELECT doc ->> 'ssn' AS x FROM w",
    "CREATE VIEW v AS SELECT doc ->> 'ssn' AS x FROM mails",
    "CREATE MATERIALIZED VIEW v AS SELECT doc ->> 'ssn' AS x FROM mails",
    "CREATE INDEX ON mails ((doc ->> 'a')) WHERE doc ? 'b'",
    "ALTER TABLE mails ADD CHECK (doc ? 'a'), ALTER doc TYPE jsonb USING doc::jsonb",
    "ALTER TABLE mails ALTER id DROP EXPRESSION",
    "ALTER TABLE mails RENAME COLUMN id TO number",
    "ALTER TABLE wiped RENAME TO bills",
    "DELETE FROM mails WHERE doc ->> 'a' = '1' RETURNING doc",
    "EXPLAIN UPDATE mails SET id = (doc ->> 'ssn')::int",
];

#[test]
fn what_is_taken_out_of_json_is_not_written_elsewhere() {
    for (texts, keeps) in [(LEAVES, true), (STAYS, false)] {
        for sql in texts {
            assert_eq!(exposure(sql).keeps(Some(&effects(sql))), keeps, "{sql}");
        }
    }
}

#[test]
fn a_document_is_written_only_where_a_document_is_known_to_be() {
    let masked = masked();
    let keeps = |sql: &str, remade| {
        let effects = effects(sql);
        Exposure::of(Some(&effects), &masked, false, remade).keeps(Some(&effects))
    };
    for sql in [
        // The catalog does not show such a column.
        "UPDATE orders SET doc = m.doc FROM mails m",
        "INSERT INTO orders (id, doc) SELECT id, doc FROM mails",
        "MERGE INTO orders o USING mails m ON false WHEN NOT MATCHED THEN INSERT (doc) VALUES (m.doc)",
        "ALTER TABLE orders ADD doc text; UPDATE orders SET doc = m.doc FROM mails m",
        "CREATE TEMP TABLE mails (id int, doc text); INSERT INTO mails (id, doc) SELECT id, doc FROM public.mails",
        "DROP TABLE orders; INSERT INTO mails (id, doc) SELECT id, doc FROM mails",
    ] {
        assert!(keeps(sql, false), "{sql}");
    }
    for (sql, remade) in [
        ("UPDATE mails SET doc = doc || $1", true),
        ("INSERT INTO mails (id, doc) SELECT id, doc FROM mails", true),
        ("CREATE TABLE t AS SELECT doc FROM mails", false),
        ("INSERT INTO mails (id, doc) VALUES (1, $1)", false),
        ("UPDATE orders SET total = 1", false),
    ] {
        assert!(!keeps(sql, false), "{sql}");
        assert_eq!(keeps(sql, true), remade, "{sql}");
    }
}

#[test]
fn a_column_may_have_been_renamed_since_the_catalogue_was_read() {
    let masked = masked();
    let of = |sql: &str, remade| {
        let effects = effects(sql);
        let exposure = Exposure::of(Some(&effects), &masked, false, remade);
        (exposure.values(), exposure.keeps(Some(&effects)))
    };
    for sql in [
        "INSERT INTO orders (card) SELECT other ->> 'ssn' FROM mails",
        "INSERT INTO orders (card) SELECT m.other ->> 'ssn' FROM mails m",
        "CREATE TABLE t AS SELECT other AS x FROM mails",
        "UPDATE mails SET id = (other ->> 'ssn')::int",
    ] {
        assert_eq!(of(sql, true), (true, true), "{sql}");
    }
    assert!(!of("INSERT INTO orders (card) SELECT other ->> 'ssn' FROM mails", false).1);
    assert_eq!(of("SELECT other ->> 'ssn' FROM mails", true), (true, false));
    for sql in
        ["INSERT INTO orders (id) SELECT m.id FROM mails m WHERE m.ctid = '(0,1)'", "SELECT x FROM orders"]
    {
        assert_eq!(of(sql, true), (false, false), "{sql}");
    }
}

#[test]
fn what_lays_nothing_down_may_be_made_a_table_of_by_its_name() {
    let masked = masked();
    let execute = effects("CREATE TABLE t AS EXECUTE p");
    let with = |sql| {
        let named = Some(exposure(sql));
        let exposure =
            Exposure::of(Some(&execute), &masked, false, false)
                .with_names(Some(&execute), &masked, |_| named);
        exposure.keeps(Some(&execute))
    };
    assert!(with("SELECT doc ->> 'ssn' FROM mails") && !with("SELECT id FROM mails"));
}
