//! Texts, judged by the grammar, and where masked values may appear because of them.

use std::sync::{Arc, LazyLock};

use super::*;
use crate::domain::sql::Effects;
use crate::domain::{Entity, MaskOp};
use crate::protocol::postgres::catalog::tests::{answers, catalog, masked, rows};
use crate::protocol::postgres::catalog::{Catalog, Lineage, Source};
use crate::protocol::postgres::judge::cache::Limits;
use crate::protocol::postgres::judge::{Judge, Judgement, Lexing};

static JUDGE: LazyLock<Judge> = LazyLock::new(|| Judge::start(1, Limits::default()).unwrap());

fn judge(sql: &str) -> Arc<Judgement> {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(JUDGE.judge(sql.as_bytes(), Lexing::default()))
}

pub(super) fn effects(sql: &str) -> Effects {
    let judgement = judge(sql);
    judgement.effects().unwrap_or_else(|| panic!("{sql}: {judgement:?}")).as_ref().clone()
}

pub(super) fn exposure(sql: &str) -> Exposure {
    Exposure::of(Some(&effects(sql)), &masked(), false, false)
}

#[test]
fn texts_that_read_nothing_masked_reach_nothing() {
    for sql in [
        "SELECT 1",
        "SHOW search_path",
        "SELECT count(*) FROM customers",
        "SELECT id, lower(name) FROM customers",
        "SELECT c.name || 'x', c.ctid FROM customers c WHERE id = 1",
        "SELECT count(*) AS n FROM customers GROUP BY name ORDER BY n",
        "SELECT ssn || '' FROM private.customers",
        "SELECT * FROM private.customers",
        "SELECT sum(total) FROM orders",
        "SELECT st_astext(total) FROM orders",
        "SELECT relname || '' FROM pg_class",
        "SELECT * FROM information_schema.tables",
        "SELECT upper(attname) FROM pg_stats",
        "EXPLAIN SELECT * FROM customers",
        "INSERT INTO private.customers (id) VALUES (1) RETURNING id + 1",
        "CREATE TABLE made AS SELECT id FROM orders",
        "SELECT twice + 1 FROM customers",
        "SELECT count(*), max(id + 1) FROM mails",
        // A subquery that is called like a table in it.
        "SELECT c.name, m.data FROM customers c LEFT JOIN LATERAL (SELECT json_agg(m.id) AS data FROM mails m) m ON true",
        "WITH m AS (SELECT m.id AS data FROM mails m) SELECT m.data FROM m",
        "SELECT m.data FROM (SELECT m.id FROM mails m) m (data)",
        "SELECT * FROM unnest('{1}'::int[])",
    ] {
        assert_eq!(exposure(sql), Exposure::NOTHING, "{sql}");
    }
}

#[test]
fn texts_that_may_read_something_masked_reach_it() {
    for sql in [
        "SELECT ssn || '' FROM customers",
        "SELECT c.ssn || '' FROM public.customers c",
        "SELECT count(*) FROM customers WHERE ssn = '1'",
        "SELECT * FROM customers",
        "SELECT c FROM customers c",
        "SELECT (c).ssn FROM customers c",
        "SELECT to_jsonb(c) FROM customers c",
        "WITH x AS (TABLE customers) SELECT count(*) FROM x",
        "SELECT (SELECT min(s.ssn) FROM customers s) FROM orders",
        "SELECT max(card) FROM orders",
        "SELECT max(masked) FROM customers",
        "SELECT tax || '' FROM other_part",
        // Other names for the columns.
        "SELECT x || '' FROM customers AS c (a, b, x)",
        "SELECT c.x || '' FROM customers AS c (a, b, x)",
        "SELECT x || '' FROM (customers CROSS JOIN orders) AS j (a, b, x)",
        // Calls that look like columns.
        "SELECT c.row_to_json FROM customers c",
        "SELECT o.getssn FROM orders o",
        "SELECT (o).getssn FROM orders o",
        "SELECT o.getssn FROM (SELECT 1 AS getssn FROM orders o) o",
        "SELECT m.to_json FROM (SELECT 1 AS to_json FROM mails m) m",
        "SELECT m.other FROM (SELECT m.id AS data FROM mails m) m",
        "SELECT c.data || '' FROM (SELECT c.ssn AS data FROM customers c) c",
        // Functions that may read anything.
        "SELECT getssn()",
        "SELECT crosses()",
        "SELECT nobody()",
        "SELECT other.st_astext(1)",
        "SELECT query_to_xml('select ssn from customers', true, false, '')",
        "SELECT ext.dblink('select 1')",
        "SELECT 1 @#@ 2",
        "SELECT lo_get(1)",
        "CALL purge()",
        "DO $$ BEGIN END $$",
        "EXPLAIN SELECT getssn()",
        "EXPLAIN ANALYZE SELECT * FROM customers",
        // The server's views of data.
        "SELECT most_common_vals::text FROM pg_stats",
        "SELECT * FROM pg_stats",
        "SELECT * FROM pg_stat_get_activity(NULL)",
        // Views that were not settled.
        "SELECT note || '' FROM v1",
        "SELECT count + 1 FROM vc",
        // A table that the catalog does not know.
        "SELECT a || '' FROM made_just_now",
        "SELECT * FROM pg_toast.pg_toast_16384",
        "SELECT * FROM pg_temp.x",
        // Changes.
        "INSERT INTO customers (ssn) VALUES ('1')",
        "DELETE FROM customers RETURNING ssn || ''",
        "UPDATE orders SET total = 1 FROM customers c WHERE c.ssn = '1'",
        "SELECT 1; SELECT ssn || '' FROM customers",
    ] {
        assert!(exposure(sql).values() && exposure(sql).reports(), "{sql}");
    }
    assert_eq!(Exposure::of(None, &masked(), false, false), Exposure::ALL);
    assert!(
        Exposure::of(Some(&effects("SELECT 1")), &masked(), true, false).values(),
        "a function is left that nobody knows"
    );
}

#[test]
fn what_is_taken_out_of_json_may_be_a_masked_field() {
    for sql in [
        "SELECT doc ->> 'ssn' FROM mails",
        "SELECT m.doc['ssn'] FROM mails m",
        "SELECT jsonb_path_query(doc, '$.*') FROM mails",
        "SELECT e.value FROM mails, jsonb_each_text(doc) e",
        "SELECT replace(doc::text, 'ssn', 'q') FROM public.mails",
        "SELECT s.x ->> 'ssn' FROM (SELECT doc AS x FROM mails) s",
        "SELECT s.* FROM mails s",
        "SELECT count(m) FROM mails m",
        "UPDATE mails SET id = 1 WHERE doc ->> 'a' = '1' RETURNING id + 1",
        "COPY mails (doc) TO STDOUT (FORMAT csv)",
        "COPY mails TO STDOUT",
    ] {
        let (effects, exposure) = (effects(sql), exposure(sql));
        assert!(exposure.values() && exposure.reports(), "{sql}");
        assert_eq!(exposure.copies(Some(&effects)), sql.starts_with("COPY"), "{sql}");
        assert!(!exposure.keeps(Some(&effects)), "{sql}");
    }
    let keeps = effects("SELECT set_config('my.x', doc ->> 'ssn', false) FROM mails");
    assert!(Exposure::of(Some(&keeps), &masked(), false, false).keeps(Some(&keeps)));
    // The error quotes the row.
    let write = exposure("INSERT INTO mails (id, doc) VALUES (1, '{}') RETURNING id + 1");
    assert!(!write.values() && write.reports());
}

#[test]
fn a_settled_view_is_known() {
    let mut masked = masked();
    masked.asks();
    let of = |masked: &Masked, sql| Exposure::of(Some(&effects(sql)), masked, false, false).values();
    assert!(of(&masked, "SELECT total + 1 FROM vo"), "it is withheld as long as nobody has asked");
    let sources = vec![Source { table: 16430, attribute: 2 }];
    masked.settle(16460, Some(&Lineage { sources, reaches: false }));
    assert!(!of(&masked, "SELECT total + 1 FROM vo"));
}

#[test]
fn errors_may_quote_rows_of_masked_tables_that_are_changed() {
    for (sql, reports) in [
        ("UPDATE customers SET name = NULL", true),
        ("INSERT INTO customers (id) VALUES (1)", true),
        ("DELETE FROM customers", true),
        ("CREATE UNIQUE INDEX ON customers (ssn)", true),
        ("ALTER TABLE customers ALTER ssn TYPE int", true),
        ("DELETE FROM made_just_now", true),
        // It may be a view that looks at what it does not show.
        ("SELECT count(*) FROM made_just_now", true),
        ("INSERT INTO private.customers (id) VALUES (1)", false),
        ("CREATE TABLE made_just_now (a int)", false),
        ("SELECT id FROM customers", false),
    ] {
        let exposure = exposure(sql);
        assert_eq!((exposure.values(), exposure.reports()), (false, reports), "{sql}");
    }
}

#[test]
fn errors_may_quote_masked_rows_that_are_looked_at_or_changed_along_the_way() {
    let with = |dependencies: &str, inheritance: &str| {
        let mut answers = answers();
        answers.dependencies.extend(rows(dependencies));
        answers.inheritance.extend(rows(inheritance));
        Arc::new(Catalog::read(&answers).unwrap()).masked(masked().plan())
    };
    let (delete, read) = ("DELETE FROM private.customers", "SELECT id FROM private.customers");
    for (dependencies, inheritance, sql, reports) in [
        ("", "", delete, false),
        ("", "", read, false),
        // Foreign keys and rules, one after another; triggers, defaults, checks.
        ("16440|c|16384", "", delete, true),
        ("16440|c|16384", "", read, false),
        ("16470|c|16440 16440|c|16384", "", "UPDATE wiped SET id = 1", true),
        ("16440|x|16513", "", delete, true),
        ("16440|x|16513", "", read, false),
        ("16440|x|16500", "", delete, false),
        ("", "16384|16470|public|customers|public|wiped", "UPDATE wiped SET id = 1", true),
        ("", "16384|16470|public|customers|public|wiped", "SELECT id FROM wiped", false),
        // Row policies.
        ("16440|p|16384", "", read, true),
        ("16440|p|16470", "", read, false),
        ("16440|q|16513", "", read, true),
        ("16440|c|16470 16470|p|16384", "", delete, true),
    ] {
        let masked = with(dependencies, inheritance);
        let exposure = Exposure::of(Some(&effects(sql)), &masked, false, false);
        assert_eq!(
            (exposure.values(), exposure.reports()),
            (false, reports),
            "{dependencies} {inheritance} {sql}"
        );
    }
    assert!(
        Exposure::of(Some(&effects(read)), &masked(), false, true).reports(),
        "it may have been made anew"
    );
    // A view that shows nothing masked.
    let mut masked = masked();
    masked.asks();
    let sources = vec![Source { table: 16430, attribute: 2 }];
    masked.settle(16460, Some(&Lineage { sources, reaches: false }));
    for sql in ["SELECT count(*) FROM vo", "UPDATE vo SET total = 1", "REFRESH MATERIALIZED VIEW vo"] {
        let exposure = Exposure::of(Some(&effects(sql)), &masked, false, false);
        assert_eq!((exposure.values(), exposure.reports()), (false, true), "{sql}");
    }
}

/// Texts; whether they copy masked values to the client; whether they keep such values where they are not
/// masked.
const KEPT: &[(&str, bool, bool)] = &[
    ("COPY customers TO STDOUT", true, false),
    ("COPY customers (id, ssn) TO STDOUT", true, false),
    ("COPY (SELECT c FROM customers c) TO STDOUT", true, false),
    ("COPY customers (id, name) TO STDOUT", false, false),
    ("COPY (SELECT count(*) FROM customers) TO STDOUT", false, false),
    ("COPY made_just_now TO STDOUT", true, false),
    ("COPY customers FROM STDIN", false, false),
    ("SELECT ssn FROM customers", false, false),
    ("INSERT INTO notes SELECT ssn FROM customers", false, true),
    ("CREATE TABLE t AS SELECT ssn AS note FROM customers", false, true),
    ("SELECT ssn AS note INTO t FROM customers", false, true),
    ("CREATE VIEW v AS SELECT * FROM customers", false, true),
    ("UPDATE orders SET total = c.ssn FROM customers c", false, true),
    ("INSERT INTO customers (ssn) VALUES ($1)", false, false),
    ("INSERT INTO orders (id) SELECT id FROM customers", false, false),
    // The caller's own value, into the very column that it is masked in.
    (
        "INSERT INTO customers (id, ssn) VALUES (1, '1') ON CONFLICT (id) DO UPDATE SET name = EXCLUDED.name, ssn = EXCLUDED.ssn",
        false,
        false,
    ),
    (
        "INSERT INTO customers (id, ssn) VALUES (1, '1') ON CONFLICT (id) DO UPDATE SET name = EXCLUDED.ssn",
        false,
        true,
    ),
    (
        "INSERT INTO customers (id, ssn) VALUES (1, '1') ON CONFLICT (id) DO UPDATE SET ssn = EXCLUDED.ssn || ''",
        false,
        true,
    ),
    (
        "INSERT INTO customers (id, ssn) VALUES (1, '1') ON CONFLICT (id) DO UPDATE SET ssn = EXCLUDED.ssn WHERE EXCLUDED.ssn > '5'",
        false,
        true,
    ),
    (
        "INSERT INTO customers (id, ssn) SELECT 2, ssn FROM customers ON CONFLICT (id) DO UPDATE SET ssn = EXCLUDED.ssn",
        false,
        true,
    ),
    ("UPDATE customers c SET ssn = v.ssn FROM (VALUES (1, '1')) v (id, ssn) WHERE v.id = c.id", false, false),
    (
        "UPDATE customers c SET ssn = v.ssn FROM unnest($1::int[], $2::text[]) v (id, ssn) WHERE v.id = c.id",
        false,
        false,
    ),
    (
        "UPDATE orders SET total = v.ssn FROM (VALUES (1, (SELECT min(ssn) FROM customers))) v (id, ssn)",
        false,
        true,
    ),
    (
        "UPDATE orders SET total = v.ssn FROM customers c, LATERAL (VALUES (1, c.ssn)) v (id, ssn)",
        false,
        true,
    ),
    ("UPDATE orders SET total = v.ssn FROM unnest(ARRAY(SELECT ssn FROM customers)) v (ssn)", false, true),
    ("UPDATE orders SET total = v.ssn FROM getssn() v (ssn)", false, true),
    ("UPDATE orders SET total = v.ssn FROM (SELECT ssn FROM customers) v (ssn)", false, true),
    (
        "UPDATE orders SET total = v.ssn FROM (SELECT ssn FROM customers) v WHERE EXISTS (SELECT FROM (VALUES (1)) v (ssn))",
        false,
        true,
    ),
    (
        "WITH v AS (SELECT ssn FROM customers) UPDATE orders SET total = v.ssn FROM v WHERE EXISTS (SELECT FROM (VALUES (1)) v (ssn))",
        false,
        true,
    ),
    ("UPDATE orders SET total = v.doc ->> 'a' FROM (VALUES ((SELECT doc FROM mails))) v (doc)", false, true),
    // A star stands for what is in the `FROM` of its own query.
    ("INSERT INTO customers (id, name) SELECT * FROM unnest($1::int[], $2::text[])", false, false),
    ("INSERT INTO customers (id, ssn) SELECT v.* FROM (VALUES (1, '2')) v", false, false),
    (
        "WITH r AS (SELECT * FROM unnest('{1}'::int[]) AS id) UPDATE customers SET name = 'x' FROM r WHERE r.id = customers.id",
        false,
        false,
    ),
    ("INSERT INTO orders (total) SELECT * FROM unnest(ARRAY(SELECT ssn FROM customers))", false, true),
    ("INSERT INTO orders (total) SELECT * FROM (VALUES ((SELECT min(ssn) FROM customers))) v", false, true),
    (
        "INSERT INTO orders SELECT x.* FROM customers c, LATERAL (SELECT c.* FROM (VALUES (1)) v) x",
        false,
        true,
    ),
    ("INSERT INTO orders SELECT * FROM (VALUES (1)) v, customers", false, true),
    ("INSERT INTO orders SELECT * FROM (VALUES (1) UNION SELECT ssn FROM customers) v", false, true),
    ("INSERT INTO orders SELECT * FROM getssn()", false, true),
    // Rows that are left of a list of guesses.
    (
        "DELETE FROM orders k USING customers m WHERE m.id = 1 AND substr(m.ssn, k.id, 1) <> k.total",
        false,
        true,
    ),
    ("DELETE FROM orders k USING customers m WHERE ssn <> k.total", false, true),
    ("DELETE FROM orders k WHERE NOT EXISTS (SELECT 1 FROM customers c WHERE c.ssn = k.total)", false, true),
    ("DELETE FROM orders WHERE total NOT IN (SELECT ssn FROM customers)", false, true),
    ("DELETE FROM orders WHERE id > (SELECT count(*) FROM customers WHERE ssn LIKE '1%')", false, true),
    (
        "DELETE FROM orders USING customers c JOIN customers d ON c.ssn = d.name WHERE orders.id = c.id",
        false,
        true,
    ),
    ("DELETE FROM customers c USING customers d WHERE d.ssn LIKE c.name", false, true),
    (
        "WITH w AS (SELECT id FROM customers WHERE ssn LIKE '1%') DELETE FROM orders USING w WHERE w.id = orders.id",
        false,
        true,
    ),
    (
        "WITH w AS (DELETE FROM customers WHERE ssn LIKE '1%' RETURNING id) DELETE FROM orders USING w WHERE w.id = 1",
        false,
        true,
    ),
    ("UPDATE orders SET total = 1 FROM customers m WHERE m.ssn <> orders.total", false, true),
    ("MERGE INTO orders k USING customers m ON m.ssn = k.total WHEN MATCHED THEN DELETE", false, true),
    ("DELETE FROM orders k USING mails m WHERE m.doc ->> 'ssn' <> k.total", false, true),
    ("DELETE FROM mails k USING mails m WHERE m.doc ->> 'ssn' <> k.id", false, true),
    ("DELETE FROM customers WHERE ssn = '1' RETURNING ssn", false, false),
    ("DELETE FROM customers c USING orders o WHERE c.ssn = '1' AND o.id = c.id", false, false),
    ("DELETE FROM orders USING customers c WHERE c.id = orders.id AND c.name = 'x'", false, false),
    ("DELETE FROM orders WHERE id IN (SELECT id FROM customers)", false, false),
    ("DELETE FROM mails WHERE doc ->> 'ssn' = '1'", false, false),
    // Functions that store their arguments.
    ("SELECT set_config('application_name', ssn, false) FROM customers", false, true),
    ("SELECT pg_catalog.set_config('application_name', c::text, false) FROM customers c", false, true),
    ("SELECT set_config('app.tenant', '7', false) WHERE EXISTS (SELECT ssn FROM customers)", false, true),
    ("EXPLAIN ANALYZE SELECT set_config('application_name', ssn, false) FROM customers", false, true),
    ("DELETE FROM customers RETURNING set_config('application_name', ssn, false)", false, true),
    ("SELECT setval('s', ssn::bigint) FROM customers", false, true),
    ("SELECT pg_notify('c', ssn) FROM customers", false, true),
    ("SELECT pg_advisory_lock(ssn::bigint) FROM customers", false, true),
    ("SELECT pg_try_advisory_xact_lock(ssn::bigint) FROM customers", false, true),
    ("SELECT pg_advisory_unlock(ssn::bigint) FROM customers", false, true),
    ("SELECT pg_advisory_unlock_all() FROM customers WHERE ssn = '1'", false, true),
    ("SELECT pg_advisory_unlock_all()", false, false),
    ("SELECT setseed(ssn::float) FROM customers", false, true),
    ("SELECT set_config('app.tenant', name, false), nextval('s') FROM customers", false, false),
    ("SELECT set_config('app.tenant', '7', false)", false, false),
    ("SELECT upper(ssn), current_setting('app.tenant') FROM customers", false, false),
];

#[test]
fn copies_and_what_keeps_values_are_told() {
    for &(sql, copies, keeps) in KEPT {
        let effects = effects(sql);
        let exposure = Exposure::of(Some(&effects), &masked(), false, false);
        assert_eq!(exposure.copies(Some(&effects)), copies, "{sql}");
        assert_eq!(exposure.keeps(Some(&effects)), keeps, "{sql}");
    }
    assert!(Exposure::ALL.copies(None) && Exposure::ALL.keeps(None));
    assert!(!Exposure::NOTHING.copies(None) && !Exposure::NOTHING.keeps(None));
}

/// The mask of a table's column is lost where rows or columns are found under another name, and nowhere else.
#[test]
fn no_masked_column_gets_away_from_its_name() {
    for (sql, keeps) in [
        ("ALTER TABLE parted DETACH PARTITION part", true),
        ("ALTER TABLE parted DETACH PARTITION part CONCURRENTLY", true),
        ("ALTER TABLE part NO INHERIT parted", true),
        ("ALTER SCHEMA public RENAME TO old", true),
        ("ALTER EXTENSION e SET SCHEMA old", true),
        ("ALTER TYPE t RENAME ATTRIBUTE tax TO x CASCADE", true),
        ("ALTER TYPE t RENAME ATTRIBUTE doc TO x CASCADE", true),
        ("ALTER TYPE t ALTER ATTRIBUTE doc TYPE text CASCADE", true),
        ("ALTER TYPE t RENAME ATTRIBUTE name TO x CASCADE", false),
        // Its tables have no column with another name without it.
        ("ALTER TYPE t RENAME ATTRIBUTE tax TO x", false),
        ("ALTER TABLE orders DETACH PARTITION wiped", false),
        ("ALTER SCHEMA private RENAME TO old", false),
        ("ALTER TABLE parted ATTACH PARTITION part DEFAULT", false),
        // What is made of a masked column shows nothing of it.
        ("CREATE INDEX ON customers (ssn)", false),
        ("ALTER TABLE customers DROP ssn", false),
        ("INSERT INTO customers (id) VALUES (1) ON CONFLICT (ssn) DO NOTHING", false),
        ("DROP SCHEMA public CASCADE", false),
    ] {
        let effects = effects(sql);
        let plan = plan(&[(&["parted.tax", "public.customers.ssn"], &[], MaskOp::Redact)]);
        let masked = catalog().masked(&plan);
        let exposure = Exposure::of(Some(&effects), &masked, false, false);
        assert_eq!(exposure.keeps(Some(&effects)), keeps, "{sql}");
    }
    for sql in ["REINDEX SCHEMA public", "REINDEX DATABASE db", "TRUNCATE wiped CASCADE"] {
        assert!(exposure(sql).reports(), "{sql}");
    }
    assert!(!exposure("REINDEX SCHEMA elsewhere").reports());
}

#[test]
fn names_stand_for_what_was_prepared() {
    let masked = masked();
    let of = |sql: &str, known: Option<Exposure>| {
        let effects = effects(sql);
        Exposure::of(Some(&effects), &masked, false, false).with_names(Some(&effects), &masked, |_| known)
    };
    for sql in ["EXECUTE p", "FETCH c", "EXPLAIN ANALYZE EXECUTE p"] {
        assert_eq!(of(sql, None), Exposure::ALL, "{sql}");
        assert_eq!(of(sql, Some(Exposure::NOTHING)), Exposure::NOTHING, "{sql}");
        assert!(of(sql, Some(exposure("SELECT ssn FROM customers"))).values(), "{sql}");
    }
    assert_eq!(of("PREPARE p AS SELECT 1; EXECUTE p", None), Exposure::NOTHING);
    assert!(of("PREPARE p AS SELECT ssn FROM customers", None).values());
    // A cursor with the same name is another thing.
    assert_eq!(of("PREPARE p AS SELECT 1; FETCH p", None), Exposure::ALL);
    assert_eq!(of("CLOSE c; DEALLOCATE ALL", None), Exposure::NOTHING);
}

#[test]
fn nothing_is_reached_under_a_plan_without_fields() {
    let masked = catalog().masked(&plan(&[(&[], &[Entity::UsSsn], MaskOp::Redact)]));
    assert_eq!(Exposure::of(None, &masked, true, false), Exposure::NOTHING);
    let effects = effects("EXECUTE p");
    assert_eq!(Exposure::NOTHING.with_names(Some(&effects), &masked, |_| None), Exposure::NOTHING);
}

/// What a statement in a `WITH` returns goes to the client, if nothing that writes can see it.
#[test]
fn what_a_with_gives_back_is_kept_only_by_what_writes_behind_it() {
    const BACK: &str = "UPDATE customers SET name = 'x' WHERE id = 1 RETURNING";
    for (sql, keeps) in [
        ("WITH t AS (@ *) SELECT * FROM t", false),
        ("WITH t AS (@ id, ssn) SELECT ssn || '' FROM t WHERE ssn LIKE '0%' ORDER BY ssn", false),
        ("WITH t (a, b) AS (@ id, ssn) SELECT b FROM t", false),
        ("WITH t AS (@ upper(ssn) AS u) SELECT u FROM t", false),
        ("WITH t AS (@ *) SELECT t.ssn, c.ssn FROM t JOIN customers c USING (id)", false),
        ("WITH t AS (@ *), u AS (SELECT ssn FROM t) SELECT * FROM u", false),
        ("WITH customers AS (@ *) SELECT ssn FROM customers", false),
        ("WITH t AS (DELETE FROM customers WHERE ssn = '1' RETURNING ssn) SELECT * FROM t", false),
        ("WITH t AS (DELETE FROM mails WHERE doc ->> 'ssn' = '1' RETURNING *) SELECT * FROM t", false),
        ("WITH t AS (INSERT INTO customers (id) VALUES (1) RETURNING ssn) SELECT * FROM t", false),
        ("WITH i AS (INSERT INTO orders (id) VALUES (1)), t AS (@ ssn) SELECT ssn FROM t", false),
        ("WITH RECURSIVE t AS (@ ssn) SELECT ssn FROM t", false),
        ("WITH RECURSIVE t AS (@ ssn), n AS (SELECT 1) SELECT ssn FROM t, n", false),
        // Something after it may write it.
        ("WITH t AS (@ ssn) INSERT INTO orders (total) SELECT ssn FROM t", true),
        ("WITH t AS (@ ssn), i AS (INSERT INTO orders (total) SELECT ssn FROM t) SELECT 1", true),
        ("WITH t AS (@ ssn), i AS (DELETE FROM orders USING t WHERE total <> ssn) SELECT ssn FROM t", true),
        (
            "WITH t AS (@ ssn), u AS (SELECT ssn AS x FROM t), i AS (UPDATE orders SET total = x FROM u) SELECT 1",
            true,
        ),
        (
            "WITH t AS (UPDATE orders SET total = ssn FROM customers RETURNING orders.id) SELECT * FROM t",
            true,
        ),
        (
            "WITH t AS (UPDATE orders SET total = 1 FROM customers c WHERE c.ssn = '1' RETURNING *) SELECT 1",
            true,
        ),
        (
            "WITH s AS (SELECT ssn FROM customers), t AS (UPDATE orders SET total = s.ssn FROM s RETURNING 1) SELECT ssn FROM s",
            true,
        ),
        (
            "WITH RECURSIVE t AS (UPDATE orders SET total = s.x FROM s RETURNING 1), s AS (SELECT ssn AS x FROM customers) SELECT * FROM t",
            true,
        ),
        (
            "WITH RECURSIVE i AS (INSERT INTO orders (total) SELECT ssn FROM t RETURNING 1), t AS (@ ssn) SELECT ssn FROM t",
            true,
        ),
        (
            "WITH t AS (WITH s AS (SELECT ssn FROM customers) UPDATE orders SET total = s.ssn FROM s RETURNING 1) SELECT 1",
            true,
        ),
        (
            "WITH t AS (INSERT INTO orders (total) SELECT ssn FROM customers RETURNING *) SELECT * FROM t",
            true,
        ),
        (
            "WITH t AS (DELETE FROM orders USING mails m WHERE m.doc ->> 'ssn' <> total RETURNING 1) SELECT 1",
            true,
        ),
        ("WITH t AS (@ ssn) SELECT ssn INTO made FROM t", true),
        ("WITH t AS (@ ssn) SELECT ssn INTO made FROM t UNION SELECT ''", true),
        ("CREATE TABLE made AS WITH t AS (@ ssn) SELECT ssn FROM t", true),
        ("CREATE VIEW made AS WITH t AS (@ ssn) SELECT ssn FROM t", true),
        ("WITH t AS (@ ssn) SELECT set_config('app.x', ssn, false) FROM t", true),
        ("WITH t AS (@ set_config('app.x', ssn, false)) SELECT 1 FROM t", true),
        ("SELECT (WITH t AS (@ ssn) SELECT ssn FROM t)", true),
        ("(WITH t AS (@ ssn) SELECT ssn FROM t) UNION SELECT 'a'", true),
        ("EXPLAIN ANALYZE WITH t AS (@ ssn) SELECT ssn FROM t", true),
    ] {
        let sql = sql.replace('@', BACK);
        let effects = effects(&sql);
        let exposure = Exposure::of(Some(&effects), &masked(), false, false);
        assert_eq!(exposure.keeps(Some(&effects)), keeps, "{sql}");
        assert!(exposure.reports(), "{sql}");
    }
    // A table may be made of it, by its name.
    let back = exposure(&format!("WITH t AS ({BACK} ssn) SELECT ssn FROM t"));
    for (sql, keeps) in [("CREATE TABLE made AS EXECUTE p", true), ("EXECUTE p", false)] {
        let effects = effects(sql);
        let exposure = Exposure::of(Some(&effects), &masked(), false, false).with_names(
            Some(&effects),
            &masked(),
            |_| Some(back),
        );
        assert_eq!(exposure.keeps(Some(&effects)), keeps, "{sql}");
    }
}
