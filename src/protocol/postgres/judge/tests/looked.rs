//! Tests what decides which rows a text returns, how many and in what order.

use super::*;
use crate::domain::sql::Look;

/// The columns that a text looks at, as [`columns`] writes them; `~` if they are only compared with constants
/// for equality.
fn looked(sql: &str) -> BTreeSet<String> {
    let shown = |(column, look): (&crate::domain::sql::Column, &Look)| {
        let relation = column.relation.as_ref().map_or_else(|| "?".to_owned(), ToString::to_string);
        let mark = if *look == Look::Equal { "~" } else { "" };
        format!("{relation}.{}{mark}", column.name.as_deref().unwrap_or("*"))
    };
    effects(sql).looked.iter().map(shown).collect()
}

#[test]
fn columns_that_are_only_given_are_not_looked_at() {
    for sql in [
        "SELECT 1",
        "SELECT ssn FROM c",
        "SELECT *, c.*, c.ssn AS x FROM c",
        "TABLE c",
        "SELECT x FROM (SELECT ssn AS x FROM c) s",
        "SELECT * FROM (SELECT ssn AS x, * FROM c) s, d",
        "WITH w AS (SELECT ssn FROM c) SELECT ssn FROM w",
        "WITH w (x) AS MATERIALIZED (SELECT ssn FROM c) SELECT w.x, s.x FROM w, w AS s",
        "WITH a AS (SELECT ssn AS x FROM c), b AS (SELECT x AS y FROM a) SELECT y FROM b LIMIT 3",
        "SELECT ssn FROM c UNION ALL SELECT x FROM d",
        "SELECT t.x FROM c AS t (x, y)",
        "SELECT s.y FROM (SELECT ssn FROM c) AS s (y)",
        "SELECT count(*), now() FROM c",
        "SELECT EXISTS (SELECT * FROM c)",
        "EXPLAIN SELECT ssn FROM c",
        "COPY c (ssn) TO STDOUT",
        "COPY (SELECT ssn FROM c) TO STDOUT",
        "PREPARE p AS SELECT ssn FROM c",
        "DECLARE x CURSOR FOR SELECT ssn FROM c",
        "INSERT INTO c (ssn) VALUES ('1') RETURNING ssn, *",
        "INSERT INTO c (ssn) VALUES ($1) ON CONFLICT DO NOTHING",
        "INSERT INTO c (ssn) SELECT ssn FROM d",
        "UPDATE c SET ssn = '1' RETURNING ssn AS x",
        "UPDATE c SET (ssn, name) = ('1', $2)",
        "UPDATE c SET doc = jsonb_set(doc, '{a}', $1) - 'b'",
        "WITH w AS (DELETE FROM c RETURNING ssn AS x) SELECT x FROM w",
        "SELECT * FROM generate_series(1, 3) AS g (n)",
        "SELECT * FROM (c CROSS JOIN d) AS j (x, y)",
    ] {
        assert_eq!(looked(sql), words(""), "{sql}");
    }
}

#[test]
fn whatever_else_is_done_with_a_column_is_a_look_at_it() {
    for (sql, expected) in [
        ("SELECT id FROM c WHERE ssn LIKE '0%'", "?.ssn"),
        ("SELECT id FROM c WHERE ssn > '5' AND c.name = 'x'", "?.ssn c.name~"),
        ("SELECT id FROM c WHERE c > ROW(1, '5')", "?.c c.*"),
        ("SELECT id FROM c WHERE (id, ssn) = (1, '5')", "?.id ?.ssn"),
        ("SELECT id FROM c WHERE ssn IS NULL OR ssn IS DISTINCT FROM '1'", "?.ssn"),
        ("SELECT id FROM c WHERE CASE WHEN ssn = '1' THEN true END", "?.ssn"),
        ("SELECT id FROM c WHERE (ssn = '1') = true", "?.ssn"),
        ("SELECT id FROM c WHERE ssn BETWEEN '1' AND '2'", "?.ssn"),
        ("SELECT id FROM c WHERE ssn = name", "?.ssn ?.name"),
        ("SELECT id FROM c WHERE ssn = lower('A')", "?.ssn"),
        ("SELECT id FROM c WHERE ssn = '1' COLLATE odd", "?.ssn"),
        ("SELECT id FROM c WHERE ssn OPERATOR(s.=) '1'", "?.ssn"),
        ("SELECT id FROM c WHERE ssn <> '1'", "?.ssn"),
        ("SELECT id FROM c WHERE ssn::int = 1", "?.ssn"),
        ("SELECT id FROM c WHERE ssn = ALL ($1)", "?.ssn"),
        ("SELECT id FROM c WHERE ssn NOT IN ('1')", "?.ssn"),
        ("SELECT id FROM c WHERE ssn IN ('1', name)", "?.ssn ?.name"),
        ("SELECT id FROM c WHERE id IN (SELECT ssn FROM d)", "?.id ?.ssn"),
        ("SELECT id FROM c WHERE (SELECT ssn FROM d LIMIT 1) = '1'", "?.ssn"),
        ("SELECT id FROM c WHERE EXISTS (SELECT FROM d WHERE d.ssn < c.id)", "d.ssn c.id"),
        ("SELECT id FROM c WHERE doc ->> 'ssn' = '1'", "?.doc"),
        ("SELECT id FROM c ORDER BY ssn", "?.ssn"),
        ("SELECT id FROM c ORDER BY id USING <, ssn", "?.id ?.ssn"),
        ("SELECT id, ssn FROM c ORDER BY 2", "?.ssn"),
        ("SELECT id, ssn FROM c ORDER BY 1", "?.id"),
        ("SELECT ssn AS x FROM c ORDER BY x", "?.ssn ?.x"),
        ("SELECT *, id FROM c ORDER BY 2", "?.* ?.id"),
        ("SELECT count(*) FILTER (WHERE ssn > '5') FROM c", "?.ssn"),
        ("SELECT count(*) FROM c GROUP BY ssn", "?.ssn"),
        ("SELECT ssn, count(*) FROM c GROUP BY 1", "?.ssn"),
        ("SELECT ssn, id FROM c GROUP BY GROUPING SETS ((1, 2), ())", "?.ssn ?.id"),
        ("SELECT count(*) FROM c GROUP BY id HAVING max(ssn) > '5'", "?.id ?.ssn"),
        ("SELECT count(*) FROM c HAVING min(id) = 1 AND ssn = '1'", "?.id ?.ssn"),
        ("SELECT DISTINCT ssn FROM c", "?.ssn"),
        ("SELECT DISTINCT * FROM c", "?.*"),
        ("SELECT DISTINCT ON (ssn) id FROM c", "?.ssn"),
        ("SELECT row_number() OVER (ORDER BY ssn) FROM c", "?.ssn"),
        ("SELECT count(*) OVER w FROM c WINDOW w AS (PARTITION BY ssn ORDER BY id)", "?.ssn ?.id"),
        ("SELECT sum(id) OVER (ORDER BY id ROWS ssn PRECEDING) FROM c", "?.id ?.ssn"),
        ("SELECT id FROM c LIMIT (SELECT ssn::int FROM d)", "?.ssn"),
        ("SELECT id FROM c TABLESAMPLE system (1) WHERE ssn < '5'", "?.ssn"),
        ("SELECT upper(ssn), ssn || '', (c).ssn FROM c", "?.ssn ?.c c.*"),
        ("SELECT (SELECT ssn FROM c)", "?.ssn"),
        ("SELECT ARRAY(SELECT ssn FROM c), JSON_ARRAY(SELECT card FROM c)", "?.ssn ?.card"),
        ("SELECT 1 FROM c JOIN d ON c.ssn = d.ssn", "c.ssn d.ssn"),
        ("SELECT 1 FROM c JOIN d USING (ssn)", "?.ssn"),
        ("SELECT 1 FROM c NATURAL JOIN d", "?.*"),
        ("SELECT ssn FROM c INTERSECT SELECT '1'", "?.ssn"),
        ("SELECT ssn FROM c EXCEPT ALL SELECT x FROM d", "?.ssn ?.x"),
        ("SELECT ssn FROM c UNION SELECT '1'", "?.ssn"),
        ("SELECT ssn FROM c UNION ALL (SELECT x FROM d EXCEPT SELECT y FROM e)", "?.x ?.y"),
        ("SELECT * FROM c UNION ALL SELECT * FROM d", "?.*"),
        ("SELECT ssn FROM c UNION ALL SELECT '1' ORDER BY 1", "?.ssn"),
        ("SELECT id AS x FROM c UNION ALL SELECT ssn FROM d ORDER BY x", "?.id ?.ssn ?.x"),
        ("SELECT NULL UNION ALL SELECT ssn FROM c", "?.ssn"),
        ("VALUES (1) UNION ALL SELECT ssn FROM c", "?.ssn"),
    ] {
        assert_eq!(looked(sql), words(expected), "{sql}");
    }
}

#[test]
fn a_column_is_looked_at_under_each_name_that_a_query_gives_it() {
    for (sql, expected) in [
        ("SELECT id FROM (SELECT id, c.ssn AS x FROM c) s WHERE x LIKE '0%'", "?.x c.ssn"),
        ("SELECT id FROM (SELECT id, c.ssn AS x FROM c) s WHERE s.x = '0'", "?.x~ c.ssn~"),
        ("SELECT id FROM (SELECT * FROM c) s WHERE s.ssn > '5'", "?.ssn"),
        ("SELECT 1 FROM (SELECT c.ssn AS x FROM c) s WHERE s > ROW('5')", "?.s ?.*"),
        ("SELECT y FROM (SELECT x AS y FROM (SELECT c.ssn AS x FROM c) s) t ORDER BY y", "?.y ?.x c.ssn"),
        ("WITH w AS (SELECT c.ssn AS x FROM c) SELECT 1 FROM w GROUP BY x", "?.x c.ssn"),
        ("WITH w (x) AS (SELECT c.ssn FROM c) SELECT 1 FROM w WHERE w.x > '5'", "?.x c.ssn"),
        ("WITH w (x) AS (SELECT * FROM c) SELECT 1 FROM w WHERE x > '5'", "?.x ?.*"),
        ("SELECT 1 FROM (SELECT c.ssn FROM c) AS s (x) WHERE x > '5'", "?.x c.ssn"),
        ("SELECT 1 FROM c AS t (x) WHERE t.x > '5'", "c.x ?.x ?.*"),
        ("SELECT 1 FROM (c CROSS JOIN d) AS j (x) WHERE x > '5'", "?.x ?.*"),
        ("WITH w AS (SELECT 1) SELECT 1 FROM w AS q (x) WHERE x > '5'", "?.x ?.*"),
        (
            "SELECT 1 FROM (SELECT id FROM c UNION ALL SELECT d.ssn FROM d) AS s (x) WHERE x > 5",
            "?.x ?.id d.ssn",
        ),
        ("WITH w AS (DELETE FROM c RETURNING c.ssn AS x) SELECT 1 FROM w WHERE x > '5'", "?.x c.ssn"),
        ("WITH w (x) AS (DELETE FROM c RETURNING c.ssn) SELECT 1 FROM w WHERE x > '5'", "?.x c.ssn"),
        (
            "WITH RECURSIVE r AS (SELECT c.ssn AS x FROM c UNION ALL SELECT x FROM r) SELECT 1 FROM r WHERE x > '5'",
            "?.x c.ssn",
        ),
        (
            "WITH RECURSIVE r AS (SELECT ssn FROM c UNION ALL SELECT ssn FROM r) SEARCH DEPTH FIRST BY ssn SET o SELECT o FROM r ORDER BY o",
            "?.ssn ?.o",
        ),
        (
            "WITH RECURSIVE r AS (SELECT ssn FROM c UNION ALL SELECT ssn FROM r) CYCLE ssn SET a USING b SELECT 1 FROM r",
            "?.ssn",
        ),
        // Names that are not those of a column.
        ("SELECT 1 FROM c JOIN unnest($1::int[]) AS u (id) ON u.id = c.id", "?.id c.id"),
        ("SELECT 1 FROM c, (VALUES (1)) AS v (n) WHERE v.n > 1", "?.n"),
        // An alias of a table here is an alias of a subquery elsewhere.
        (
            "SELECT 1 FROM d s WHERE EXISTS (SELECT FROM (SELECT ssn FROM c) s WHERE s.ssn > '5')",
            "?.ssn d.ssn",
        ),
    ] {
        assert_eq!(looked(sql), words(expected), "{sql}");
    }
}

#[test]
fn whole_values_are_compared_for_equality() {
    for (sql, expected) in [
        ("SELECT id FROM c WHERE ssn = '1'", "?.ssn~"),
        ("SELECT id FROM c WHERE $1 = c.ssn AND NOT (ssn = '2' OR id = 7)", "?.ssn~ c.ssn~ ?.id~"),
        ("SELECT id FROM c WHERE ssn = '1'::text AND id IN (1, $2)", "?.ssn~ ?.id~"),
        ("SELECT id FROM c WHERE ssn = ANY ($1::text[]) OR id = ANY (ARRAY[1, 2])", "?.ssn~ ?.id~"),
        ("SELECT 1 FROM c JOIN d ON c.ssn = $1", "c.ssn~"),
        ("DELETE FROM c WHERE ssn = '1'", "?.ssn~"),
        ("UPDATE c SET name = 'x' WHERE ssn = $1", "?.ssn~"),
        ("SELECT id FROM c WHERE ssn = '1' ORDER BY ssn", "?.ssn"),
        ("SELECT ssn = '1' FROM c", "?.ssn"),
        ("SELECT id FROM c WHERE EXISTS (SELECT FROM d WHERE d.ssn = '1')", "d.ssn~"),
        ("SELECT id FROM c WHERE (ssn = '1') IS TRUE", "?.ssn"),
    ] {
        assert_eq!(looked(sql), words(expected), "{sql}");
    }
}

#[test]
fn changes_look_at_what_decides_them() {
    for (sql, expected) in [
        ("UPDATE c SET name = 'x' WHERE ssn > '5'", "?.ssn"),
        ("UPDATE c SET name = d.ssn FROM d WHERE c.id = d.id", "d.ssn c.id d.id"),
        ("UPDATE c SET name = (SELECT ssn FROM d)", "?.ssn"),
        ("DELETE FROM c USING d WHERE c.ssn LIKE d.x", "c.ssn d.x"),
        ("INSERT INTO c (id) VALUES (1) ON CONFLICT (ssn) DO NOTHING", "c.ssn"),
        ("INSERT INTO c (id) VALUES (1) ON CONFLICT ON CONSTRAINT k DO NOTHING", "c.*"),
        ("INSERT INTO c (id) VALUES (1) ON CONFLICT (lower(ssn)) DO NOTHING", "?.ssn"),
        (
            "INSERT INTO c (id) VALUES (1) ON CONFLICT (id) DO UPDATE SET name = 'x' WHERE c.ssn = '5'",
            "c.id c.ssn",
        ),
        ("INSERT INTO d (x) SELECT id FROM c WHERE ssn > '5'", "?.ssn"),
        ("INSERT INTO d (doc) SELECT DISTINCT doc FROM c", "?.doc"),
        ("DELETE FROM c RETURNING ssn > '5'", "?.ssn"),
        ("UPDATE c SET id = 1 RETURNING old.ssn = new.ssn", "c.ssn"),
        ("MERGE INTO c USING d ON c.ssn = d.x WHEN MATCHED THEN DELETE", "c.ssn d.x"),
        ("MERGE INTO c USING d ON c.ssn = '1' WHEN MATCHED AND c.card = '2' THEN DELETE", "c.ssn~ c.card"),
        ("EXPLAIN ANALYZE SELECT 1 FROM c WHERE ssn > '5'", "?.ssn"),
        ("COPY (SELECT id FROM c WHERE ssn > '5') TO STDOUT", "?.ssn"),
        ("COPY c FROM STDIN WHERE ssn > '5'", "?.ssn"),
        ("PREPARE p AS SELECT 1 FROM c WHERE ssn > $1", "?.ssn"),
        ("EXECUTE p ((SELECT ssn FROM c))", "?.ssn"),
        ("DECLARE x CURSOR FOR SELECT 1 FROM c ORDER BY ssn", "?.ssn"),
        ("CREATE VIEW v AS SELECT id FROM c WHERE ssn > '5'", "?.ssn"),
        ("CREATE TABLE t AS SELECT DISTINCT doc FROM c", "?.doc"),
        ("CREATE INDEX ON c (id) WHERE ssn > '5'", "?.ssn"),
        ("ALTER TABLE c ADD CHECK (ssn > '5')", "?.ssn"),
        ("CREATE POLICY p ON c USING (ssn > '5')", "?.ssn"),
    ] {
        assert_eq!(looked(sql), words(expected), "{sql}");
    }
}

#[test]
fn what_functions_give_is_looked_at_or_given() {
    let calls = |sql: &str| {
        let effects = effects(sql);
        let all = |objects: &BTreeSet<crate::domain::sql::Object>, mark: &str| {
            objects.iter().map(|object| format!("{mark}{object}")).collect::<Vec<_>>()
        };
        let looked = all(&effects.looked_calls, "");
        looked.into_iter().chain(all(&effects.sources, "@")).collect::<BTreeSet<_>>()
    };
    for (sql, expected) in [
        ("SELECT f(1)", ""),
        ("SELECT f(1) AS x FROM c WHERE y = 1", ""),
        ("SELECT f(g(1))", "g"),
        ("SELECT f(1) + 1", "f"),
        ("SELECT f(1)::text", "f"),
        ("SELECT f(1) AS x FROM c ORDER BY x", "f"),
        ("SELECT f(1) FROM c ORDER BY f", "f"),
        ("SELECT f(1) FROM c ORDER BY 1", "f"),
        ("SELECT DISTINCT f(1)", "f"),
        ("SELECT (s.f(1)).x", "s.f"),
        ("SELECT 1 FROM (SELECT f(1) AS x) s WHERE x > 5", "f"),
        ("SELECT 1 FROM c WHERE f(c.id) > 5", "f"),
        ("WITH w AS (SELECT f(1) AS y) SELECT 1 FROM w AS q (x) WHERE x > 5", "f"),
        ("SELECT DISTINCT * FROM (SELECT f(1) AS y) s", "f"),
        ("SELECT 1 FROM (SELECT f(1) AS y) s WHERE s > ROW(5)", "f"),
        ("SELECT 1 FROM (SELECT f(1)) AS s (x) WHERE x > 5", "f"),
        ("SELECT * FROM s.f(g(1))", "g @s.f"),
        ("SELECT * FROM ROWS FROM (f(1), g(2) AS (a int)) AS x", "@f @g"),
        ("CALL f(g(1))", "g"),
    ] {
        assert_eq!(calls(sql), words(expected), "{sql}");
    }
}

#[test]
fn places_of_columns_are_not_shared_by_texts_that_are_alike() {
    let text = |number: usize| {
        let columns: Vec<String> = (0..12).map(|number| format!("c{number}")).collect();
        format!("select {} from c order by {number}", columns.join(", "))
    };
    assert_eq!(looked(&text(11)), words("?.c10"));
    assert_eq!(looked(&text(12)), words("?.c11"));
}
