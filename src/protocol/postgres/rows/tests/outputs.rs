//! Which computed columns are shown beside masked ones.

use super::exposure::effects;
use super::*;
use crate::domain::MaskOp;
use crate::protocol::postgres::catalog::tests::{catalog, masked, plan};

/// For each of so many computed columns: `+` it is shown, `-` it is withheld.
fn shown(masked: &Masked, sql: &str, count: usize) -> String {
    let effects = effects(sql);
    let exposure = Exposure::of(Some(&effects), masked, false, false);
    let mut out = BytesMut::new();
    write_row_description(&mut out, (0..count).map(|_| column("x", 25, Format::Text))).unwrap();
    let description = RowDescription::read(frame::body(&out)).unwrap();
    let plan = RowPlan::of(masked, &description, &[], exposure, effects.outputs.as_ref());
    let row = masked_row(&plan, &vec![Some(b"plain".to_vec()); count], &mut Notes::new());
    row.iter().map(|cell| if cell.as_deref() == Some(b"plain") { '+' } else { '-' }).collect()
}

#[test]
fn what_is_made_of_other_columns_is_shown_beside_masked_ones() {
    for (sql, wanted) in [
        ("SELECT count(*) FROM (SELECT id, name, ssn FROM public.customers) x", "+"),
        ("SELECT count(*) FROM (SELECT * FROM public.customers) x", "+"),
        ("SELECT ssn, row_number() OVER (ORDER BY id) FROM public.customers", "-+"),
        (
            "SELECT ssn, dense_rank() OVER w FROM public.customers WINDOW v AS (PARTITION BY name), w AS (v ORDER BY id)",
            "-+",
        ),
        (
            "SELECT c.ssn, count(o.id), sum(o.total / 2) FILTER (WHERE o.id > 1) FROM public.customers c LEFT JOIN orders o ON o.id = c.id GROUP BY c.id",
            "-++",
        ),
        ("SELECT 1 AS one FROM public.customers WHERE ssn = '1' LIMIT 1", "+"),
        (
            "SELECT $1::text, now(), CASE WHEN name = 'x' THEN 'a' ELSE initcap(name) END FROM public.customers WHERE ssn = '1'",
            "+++",
        ),
        (
            "SELECT coalesce(name, '-'), greatest(id, 1), name IS NULL, ARRAY[name], current_date, ssn FROM public.customers",
            "+++++-",
        ),
        ("SELECT count(*) FROM mails WHERE doc @> '{}'", "+"),
        ("SELECT max(x.id), max(x.ssn) FROM (SELECT * FROM public.customers) x", "+-"),
        (
            "SELECT max(id), max(name) FROM (SELECT c.* FROM public.customers c JOIN orders o ON o.id = c.id) x",
            "++",
        ),
        (
            "SELECT c.ssn, t.n, t.b / 1 FROM (SELECT id AS b, count(*) n FROM orders GROUP BY 1) t JOIN public.customers c ON c.id = t.b",
            "-++",
        ),
        (
            "WITH t (a, b) AS (SELECT id, count(*) FROM orders GROUP BY 1) SELECT t.b, a / 1 FROM t JOIN public.customers c ON c.id = t.a WHERE c.ssn = '1'",
            "++",
        ),
        ("SELECT max(name), 1 FROM public.customers JOIN orders USING (id)", "++"),
        ("SELECT max(name), 1 FROM public.customers JOIN orders USING (id) WHERE ssn = '1'", "-+"),
        ("SELECT json_agg(json_build_object('a', name)), ssn FROM public.customers", "+-"),
        (
            "SELECT private.id / 1, public.ssn || '' FROM private.customers private, public.customers public",
            "+-",
        ),
    ] {
        assert_eq!(shown(&masked(), sql, wanted.len()), wanted, "{sql}");
    }
}

/// Texts that give one column, which may be made of masked ones.
const WITHHELD: &[&str] = &[
    "SELECT count(ssn) FROM public.customers",
    "SELECT initcap(c.ssn) FROM public.customers c",
    "SELECT id / length(ssn) FROM public.customers",
    "SELECT masked || '' FROM public.customers",
    "SELECT max(card) FROM orders",
    "SELECT max(doc->>'a') FROM mails",
    "SELECT count(*) FILTER (WHERE ssn > '5') FROM public.customers",
    "SELECT dense_rank() OVER (ORDER BY ssn) FROM public.customers",
    "SELECT dense_rank() OVER (PARTITION BY left(ssn, 1) ORDER BY id) FROM public.customers",
    "SELECT row_number() OVER w FROM public.customers WINDOW w AS (ORDER BY ssn)",
    "SELECT row_number() OVER (w) FROM public.customers WINDOW v AS (ORDER BY ssn), w AS (v)",
    "SELECT sum(id) OVER (ORDER BY id ROWS (SELECT length(ssn) FROM public.customers LIMIT 1) PRECEDING) FROM public.customers",
    "SELECT array_agg(id ORDER BY ssn) FROM public.customers",
    "SELECT mode() WITHIN GROUP (ORDER BY ssn) FROM public.customers",
    "SELECT CASE ssn WHEN '1' THEN 1 END FROM public.customers",
    "SELECT CASE WHEN ssn > '1' THEN 1 END FROM public.customers",
    "SELECT ARRAY[name, ssn] FROM public.customers",
    "SELECT name = ANY (ARRAY[ssn]) FROM public.customers",
    "SELECT grouping(ssn) FROM public.customers GROUP BY ssn",
    // Whole rows, and calls that look like columns.
    "SELECT c FROM public.customers c",
    "SELECT c::text FROM public.customers c",
    "SELECT count(c) FROM public.customers c",
    "SELECT count(c.*) FROM public.customers c",
    "SELECT count(x) FROM (SELECT * FROM public.customers) x",
    "SELECT (c).ssn || '' FROM public.customers c",
    "SELECT c.to_json || '' FROM public.customers c",
    "SELECT c.nothing || '' FROM public.customers c",
    "SELECT ROW(ssn) FROM public.customers",
    // Queries in expressions.
    "SELECT (SELECT ssn FROM public.customers LIMIT 1)",
    "SELECT (SELECT 1 FROM public.customers WHERE ssn = '1')",
    "SELECT EXISTS (SELECT FROM public.customers WHERE ssn = '1')",
    "SELECT ARRAY(SELECT ssn FROM public.customers)",
    "SELECT id IN (SELECT id FROM public.customers WHERE ssn = '1') FROM public.customers",
    // A number of rows that a value decides spells the value.
    "SELECT chr(a.n::int) FROM public.customers c, LATERAL (SELECT count(*) n FROM generate_series(1, ascii(c.ssn))) a",
    "SELECT a.n FROM public.customers c, LATERAL (SELECT count(*) n FROM orders g WHERE g.id <= ascii(c.ssn)) a",
    "SELECT a.n FROM public.customers c, LATERAL (SELECT count(*) n FROM orders g WHERE g.id <= ascii(ssn)) a",
    "SELECT a.n FROM public.customers c, LATERAL (SELECT count(*) n FROM (SELECT 1 FROM orders LIMIT ascii(c.ssn)) l) a",
    "SELECT count(*) FROM generate_series(1, (SELECT substr(ssn, 8, 4)::int FROM public.customers WHERE id = 1))",
    "SELECT count(*) FROM public.customers c JOIN orders g ON g.id <= ascii(c.ssn) GROUP BY c.id",
    "SELECT count(*) OVER (PARTITION BY c.id) FROM public.customers c, orders g WHERE g.id <= ascii(c.ssn)",
    "SELECT count(*) FROM (SELECT g.id FROM public.customers c JOIN orders g ON g.id <= ascii(c.ssn)) x",
    "SELECT count(*) FROM (SELECT c.id FROM public.customers c JOIN orders ssn USING (ssn)) x",
    "SELECT count(*) FROM (SELECT generate_series(1, ascii(ssn)) FROM public.customers WHERE id = 1) x",
    "SELECT g.n FROM public.customers c JOIN (SELECT row_number() OVER () n FROM orders) g ON g.n = ascii(c.ssn)",
    // Names that are moved.
    "SELECT initcap(r) FROM (SELECT * FROM (SELECT id, name FROM public.customers) x JOIN (SELECT id, ssn FROM public.customers) y USING (id)) t(p, q, r)",
    "WITH t(p, q, r) AS (SELECT * FROM (SELECT id, name FROM public.customers) x NATURAL JOIN (SELECT id, ssn FROM public.customers) y) SELECT initcap(r) FROM t",
    "SELECT initcap(name) FROM public.customers AS c (id, x, name)",
    "SELECT initcap(name) FROM (SELECT ssn AS name FROM public.customers) x",
    "SELECT initcap(x.name) FROM (SELECT ssn FROM public.customers) x (name)",
    "SELECT initcap(x.name) FROM (SELECT * FROM public.customers) x (id, x, name)",
    "SELECT initcap(name) FROM (public.customers CROSS JOIN orders) AS j (id, x, name)",
    "SELECT initcap(c.name) FROM (public.customers c CROSS JOIN orders o) AS c (id, x, name)",
    "WITH c (name) AS (SELECT ssn FROM public.customers) SELECT initcap(name) FROM c",
    "WITH customers AS (SELECT ssn AS name FROM public.customers) SELECT initcap(customers.name) FROM customers",
    "WITH c AS (SELECT ssn AS a FROM public.customers), d AS (SELECT a AS name FROM c) SELECT initcap(d.name) FROM d",
    "WITH RECURSIVE orders AS (SELECT ssn AS total FROM public.customers) SELECT max(total) FROM orders",
    "WITH RECURSIVE w AS (SELECT total FROM orders), orders AS (SELECT ssn AS total FROM public.customers) SELECT max(w.total) FROM w",
    "SELECT max(x.total) FROM (WITH orders AS (SELECT ssn AS total FROM public.customers) SELECT * FROM orders) x",
    "SELECT max(x.initcap) FROM (SELECT initcap(ssn) FROM public.customers) x",
    "SELECT max(x.name) FROM (SELECT ssn::name FROM public.customers) x",
    "SELECT max(x.coalesce) FROM (SELECT coalesce(ssn, '') FROM public.customers) x",
    "SELECT max(x.name) FROM (SELECT name FROM public.customers UNION ALL SELECT ssn FROM public.customers) x",
    "SELECT max(x.name) FROM public.customers c, LATERAL (SELECT c.ssn AS name) x",
    "SELECT max(x.name) FROM public.customers c, LATERAL (SELECT name FROM (SELECT c.ssn AS name) y) x",
    "SELECT max(x.a) FROM public.customers c, LATERAL (SELECT ssn AS a FROM orders) x",
    "SELECT max(x.name) FROM (VALUES ((SELECT min(ssn) FROM public.customers))) x (name)",
    "SELECT max(name) FROM public.customers c, json_to_record('{}') AS x (name text) WHERE ssn = '1'",
    "SELECT initcap(v1.note) FROM v1",
    "SELECT max(note) FROM v1 JOIN orders ON true",
    "SELECT max(public.customers.name) FROM public.customers WHERE ssn = '1'",
    "SELECT max(c.name) FROM public.customers c TABLESAMPLE system (1) WHERE ssn = '1'",
    // In one schema there is no such column.
    "SELECT max(c.name) FROM customers c, orders WHERE card = '1'",
    // Rows for a list of guesses.
    "SELECT g.x FROM (SELECT generate_series(0, 9) AS x) g, customers c WHERE left(c.ssn, 1) = g.x::text",
    "SELECT g FROM generate_series(0, 9) g, customers c WHERE left(c.ssn, 1) = g::text",
    "SELECT unnest(ARRAY[1, 2]) FROM public.customers WHERE ssn = '1'",
];

#[test]
fn what_may_be_made_of_masked_columns_is_withheld() {
    for sql in WITHHELD {
        let exposure = Exposure::of(Some(&effects(sql)), &masked(), false, false);
        assert!(exposure.values() && exposure.told(), "{sql}");
        assert_eq!(shown(&masked(), sql, 1), "-", "{sql}");
    }
    for sql in [
        // Other code, other statements.
        "SELECT getssn(), 1",
        "SELECT lower(name), public.lower(name) FROM public.customers WHERE ssn = '1'",
        "SELECT count(*) FROM public.customers, getssn() WHERE customers.ssn = '1'",
        "SELECT count(*) FROM pg_stat_get_activity(NULL)",
        "SELECT max(attname) FROM pg_stats WHERE most_common_vals::text = '1'",
        "SELECT count(*) FROM public.customers WHERE ssn = '1' UNION SELECT 1",
        "VALUES ((SELECT ssn FROM public.customers))",
        "WITH w AS (UPDATE customers SET name = 'x' RETURNING ssn) SELECT count(*) FROM w",
        "SELECT 1; SELECT count(*) FROM public.customers WHERE ssn = '1'",
        "SELECT count(*) FROM public.customers, made_just_now WHERE ssn = '1'",
    ] {
        assert_eq!(shown(&masked(), sql, 1), "-", "{sql}");
    }
    let deep =
        format!("SELECT {}1{} FROM public.customers WHERE ssn = '1'", "initcap(".repeat(60), ")".repeat(60));
    assert_eq!(shown(&masked(), &deep, 1), "-");
    let mut nested = "SELECT id, ssn FROM public.customers".to_owned();
    (0..60).for_each(|_| nested = format!("SELECT * FROM ({nested}) x"));
    assert_eq!(shown(&masked(), &format!("SELECT max(id) FROM ({nested}) x"), 1), "-");
}

/// The columns that come are those of the text, from its front to the first `*` and from its end to the last.
#[test]
fn a_column_is_found_by_its_place() {
    for (sql, count, wanted) in [
        ("SELECT *, 1, initcap(ssn), 2 FROM public.customers", 8, "-----+-+"),
        ("SELECT 1, initcap(ssn), * FROM public.customers", 7, "+------"),
        ("SELECT 1, c.*, 2, c.*, 3 FROM public.customers c", 13, "+-----------+"),
        ("SELECT 1, 2 FROM public.customers WHERE ssn = '1'", 2, "++"),
        // They do not fit.
        ("SELECT 1, 2 FROM public.customers WHERE ssn = '1'", 1, "-"),
        ("SELECT 1, 2 FROM public.customers WHERE ssn = '1'", 3, "---"),
        ("SELECT 1, *, 2 FROM public.customers", 1, "-"),
    ] {
        assert_eq!(shown(&masked(), sql, count), wanted, "{sql}");
    }
}

#[test]
fn what_is_hashed_or_made_anew_stays_withheld() {
    let sql = "SELECT count(*), 'x' FROM public.customers WHERE ssn = '1'";
    let hashed = catalog().masked(&plan(&[(&["ssn"], &[], MaskOp::Hash)]));
    assert_eq!(shown(&hashed, sql, 2), "--");
    let effects = effects(sql);
    assert!(Exposure::of(Some(&effects), &masked(), false, false).told());
    assert!(!Exposure::of(Some(&effects), &masked(), false, true).told());
    assert!(!Exposure::of(Some(&effects), &masked(), true, false).told());
}
