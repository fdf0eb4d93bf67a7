//! What clients send without changing anything: it must be a read.

use super::*;

pub(super) const CASES: &[&str] = &[
    // psql, libpq
    "",
    ";",
    "SELECT version()",
    "SHOW search_path",
    "SELECT 1;",
    "BEGIN",
    "START TRANSACTION ISOLATION LEVEL SERIALIZABLE, READ ONLY, DEFERRABLE",
    "COMMIT AND CHAIN",
    "ROLLBACK",
    "SAVEPOINT pg_psql_temporary_savepoint",
    "RELEASE pg_psql_temporary_savepoint",
    "SELECT n.nspname FROM pg_catalog.pg_namespace n WHERE n.nspname OPERATOR(pg_catalog.~) '^(s.*)$' COLLATE pg_catalog.default",
    // pgbench
    "SELECT abalance FROM pgbench_accounts WHERE aid = 4711;",
    "select count(*) from pgbench_branches",
    // psycopg
    "BEGIN ISOLATION LEVEL READ COMMITTED",
    "SELECT typname AS name, oid, typarray AS array_oid, oid::regtype::text AS regtype, typdelim AS delimiter \
     FROM pg_type t WHERE t.oid = to_regtype($1) ORDER BY t.oid",
    "SELECT t.typname AS name, t.oid AS oid, t.typarray AS array_oid, a.fnames, a.ftypes FROM pg_type t \
     LEFT JOIN (SELECT attrelid, array_agg(attname) AS fnames, array_agg(atttypid) AS ftypes FROM \
     (SELECT a.attrelid, a.attname, a.atttypid FROM pg_attribute a JOIN pg_type t ON t.typrelid = a.attrelid \
     WHERE t.oid = to_regtype('x') AND a.attnum > 0 AND NOT a.attisdropped ORDER BY a.attnum) x GROUP BY attrelid) a \
     ON a.attrelid = t.typrelid WHERE t.oid = to_regtype('x')",
    "DECLARE \"named\" CURSOR FOR SELECT * FROM customers",
    "CLOSE \"named\"",
    "DEALLOCATE ALL",
    "DEALLOCATE _pg3_0",
    "SET client_encoding TO 'UTF8'",
    "SET TIME ZONE 'UTC'",
    // JDBC
    "SET extra_float_digits = 3",
    "SET application_name = 'PostgreSQL JDBC Driver'",
    "SHOW TRANSACTION ISOLATION LEVEL",
    "SET SESSION CHARACTERISTICS AS TRANSACTION ISOLATION LEVEL READ COMMITTED",
    "SET SESSION CHARACTERISTICS AS TRANSACTION READ ONLY",
    "SELECT current_catalog, current_schema(), session_user, current_user, CURRENT_TIMESTAMP, LOCALTIME",
    "SELECT n.nspname = ANY(current_schemas(true)), n.nspname, t.typname FROM pg_catalog.pg_type t \
     JOIN pg_catalog.pg_namespace n ON t.typnamespace = n.oid WHERE t.oid = $1",
    "SELECT NULL AS TABLE_CAT, n.nspname AS TABLE_SCHEM, ct.relname AS TABLE_NAME, a.attname AS COLUMN_NAME, \
     (information_schema._pg_expandarray(i.indkey)).n AS KEY_SEQ, ci.relname AS PK_NAME, \
     information_schema._pg_expandarray(i.indkey) AS KEYS, a.attnum AS A_ATTNUM \
     FROM pg_catalog.pg_class ct JOIN pg_catalog.pg_attribute a ON (ct.oid = a.attrelid) \
     JOIN pg_catalog.pg_namespace n ON (ct.relnamespace = n.oid) JOIN pg_catalog.pg_index i ON (a.attrelid = i.indrelid) \
     JOIN pg_catalog.pg_class ci ON (ci.oid = i.indexrelid) WHERE true AND n.nspname = 'public' AND i.indisprimary",
    "SELECT nspname, a.attname, a.atttypid, a.attnotnull OR (t.typtype = 'd' AND t.typnotnull) AS attnotnull, \
     pg_catalog.pg_get_expr(def.adbin, def.adrelid) AS adsrc, dsc.description, \
     row_number() OVER (PARTITION BY a.attrelid ORDER BY a.attnum) AS attnum, nullif(a.attidentity, '') as attidentity \
     FROM pg_catalog.pg_namespace n JOIN pg_catalog.pg_class c ON (c.relnamespace = n.oid) \
     JOIN pg_catalog.pg_attribute a ON (a.attrelid=c.oid) JOIN pg_catalog.pg_type t ON (a.atttypid = t.oid) \
     LEFT JOIN pg_catalog.pg_attrdef def ON (a.attrelid=def.adrelid AND a.attnum = def.adnum) \
     LEFT JOIN pg_catalog.pg_description dsc ON (c.oid=dsc.objoid AND a.attnum = dsc.objsubid) \
     WHERE c.relkind in ('r','p','v','f','m') and a.attnum > 0 AND NOT a.attisdropped AND c.relname LIKE 'cust%' ESCAPE '!'",
    // SQLAlchemy
    "select pg_catalog.version()",
    "select current_schema()",
    "show standard_conforming_strings",
    "SELECT CAST('test plain returns' AS VARCHAR(60)) AS anon_1",
    "SELECT pg_catalog.pg_class.relname FROM pg_catalog.pg_class JOIN pg_catalog.pg_namespace \
     ON pg_catalog.pg_namespace.oid = pg_catalog.pg_class.relnamespace WHERE pg_catalog.pg_class.relname = $1::VARCHAR \
     AND pg_catalog.pg_class.relkind = ANY (ARRAY['r', 'p', 'f', 'v', 'm']) AND pg_catalog.pg_table_is_visible(pg_catalog.pg_class.oid)",
    "SELECT attr.conrelid, array_agg(attr.attname ORDER BY attr.ord) AS cols, attr.conname, \
     min(attr.description) AS description FROM (SELECT con.conrelid, con.conname, con.conindid, \
     unnest(con.conkey) AS attnum, generate_subscripts(con.conkey, 1) AS ord FROM pg_catalog.pg_constraint con) attr \
     GROUP BY attr.conrelid, attr.conname ORDER BY attr.conrelid",
    "SELECT nextval.a FROM nextval",
    // Others, and people
    "SET application_name = 'node'; SET statement_timeout TO '30s'",
    "SET enable_seqscan = off",
    "SET search_path TO \"$user\", public",
    "SET work_mem = '64MB'",
    // What poolers clean up with: each session discards what is its own
    "SELECT pg_advisory_unlock_all();\nCLOSE ALL;\nUNLISTEN *;\nRESET ALL;",
    "SELECT pg_advisory_unlock(1), pg_catalog.pg_advisory_unlock_shared(1, 2)",
    "RESET ALL",
    "RESET search_path",
    "UNLISTEN *",
    "CLOSE ALL",
    "DISCARD ALL",
    "DISCARD PLANS",
    "DISCARD SEQUENCES",
    "DISCARD TEMP",
    "DISCARD TEMPORARY",
    "EXPLAIN (FORMAT JSON, COSTS off) SELECT * FROM customers WHERE id = 1",
    "EXPLAIN (ANALYZE, BUFFERS, SETTINGS) SELECT * FROM customers",
    "EXPLAIN CREATE TABLE t AS SELECT 1",
    "VALUES (1, 'a'), (2, DEFAULT)",
    "TABLE customers",
    "WITH RECURSIVE t(n) AS (VALUES (1) UNION ALL SELECT n+1 FROM t WHERE n < 100) SELECT sum(n) FROM t",
    "WITH RECURSIVE s AS (SELECT 1 AS a) SEARCH DEPTH FIRST BY a SET o CYCLE a SET c USING p SELECT * FROM s",
    "SELECT a, sum(b) OVER w, lag(b) OVER (PARTITION BY a ORDER BY c ROWS BETWEEN 1 PRECEDING AND CURRENT ROW) \
     FROM t WINDOW w AS (PARTITION BY a)",
    "SELECT a, b, grouping(a, b), count(*) FROM t GROUP BY GROUPING SETS ((a), ROLLUP (a, b), CUBE (b))",
    "SELECT percentile_cont(0.5) WITHIN GROUP (ORDER BY a) FROM t",
    "SELECT DISTINCT ON (a) a, b FROM t ORDER BY a, b DESC NULLS LAST LIMIT 10 OFFSET 5",
    "SELECT * FROM t ORDER BY a FETCH FIRST 5 ROWS WITH TIES",
    "SELECT * FROM t JOIN u USING (a) AS j LEFT JOIN LATERAL (SELECT 1) l ON true NATURAL JOIN w CROSS JOIN x",
    "SELECT CASE a WHEN 1 THEN 'x' ELSE 'y' END, coalesce(a, b), nullif(a, b), greatest(a, b), least(a, b) FROM t",
    "SELECT a IS NULL, b IS TRUE, c IS DISTINCT FROM d, e BETWEEN 1 AND 2, f NOT BETWEEN SYMMETRIC 1 AND 2 FROM t",
    "SELECT a LIKE 'x%', b ILIKE 'y', c SIMILAR TO 'z', d IN (1, 2), e = ANY(ARRAY[1]), f NOT IN (SELECT 1) FROM t",
    "SELECT a->'b'->>'c', d #>> '{e}', f @> '{}', g ? 'h', i @@ to_tsquery('j') FROM t",
    "SELECT a[1], b[1:2], (c).d, ARRAY(SELECT 1), ROW(1, 2), (1, 2) = (3, 4) FROM t",
    "SELECT extract(epoch FROM now()), date_trunc('day', a), a AT TIME ZONE 'UTC', interval '1 day' FROM t",
    "SELECT substring(a from 1 for 2), position('a' in b), trim(both ' ' from c), overlay(a placing 'b' from 1) FROM t",
    "SELECT string_agg(a, ',' ORDER BY b), json_agg(t), jsonb_build_object('a', 1), row_to_json(t) FROM t",
    "SELECT JSON_OBJECT('a': 1), JSON_ARRAY(1, 2), JSON_VALUE(a, '$.b'), JSON_QUERY(a, '$'), a IS JSON FROM t",
    "SELECT JSON_ARRAYAGG(a), JSON_OBJECTAGG(a: b), JSON_SCALAR(1), JSON_SERIALIZE(a), JSON('{}') FROM t",
    "SELECT * FROM JSON_TABLE('[]', '$[*]' COLUMNS (a int PATH '$.a', NESTED PATH '$.b' COLUMNS (c int)))",
    "SELECT * FROM XMLTABLE('/a' PASSING b COLUMNS c int PATH 'd' DEFAULT 1, o FOR ORDINALITY), t",
    "SELECT xmlelement(name a, xmlattributes(1 AS b), xmlforest(c)), xmlserialize(CONTENT d AS text) FROM t",
    "SELECT * FROM generate_series(1, 10) WITH ORDINALITY AS g(a, b), unnest(ARRAY[1]) u",
    "SELECT * FROM t TABLESAMPLE BERNOULLI (10) REPEATABLE (1)",
    "SELECT random(), gen_random_uuid(), clock_timestamp(), pg_backend_pid()",
    "SELECT pg_size_pretty(pg_total_relation_size('t'))",
    "SELECT * FROM pg_stat_activity WHERE state <> 'idle'",
    "SELECT a FROM t UNION ALL (SELECT b FROM u EXCEPT SELECT c FROM v INTERSECT SELECT d FROM w) ORDER BY 1",
    "COPY (SELECT * FROM customers) TO STDOUT WITH (FORMAT csv, HEADER)",
    "SET CONSTRAINTS ALL DEFERRED",
    "LOCK TABLE public.customers IN ACCESS SHARE MODE",
    "LISTEN events",
];

#[test]
fn harmless_statements_are_reads() {
    let mut wrong = Vec::new();
    for sql in CASES {
        let judgement = judge(sql);
        if judgement.class() != Class::Read {
            wrong.push(format!("{sql}\n    {judgement:?}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Real traffic, as logged by the server.
#[test]
fn what_psql_and_pg_dump_send_is_read() {
    let mut wrong = Vec::new();
    for (name, list) in [("psql", include_str!("psql.sql")), ("pg_dump", include_str!("pg_dump.sql"))] {
        for sql in list.split("-- next --\n").skip(1) {
            let judgement = judge(sql);
            let class = judgement.effects().map(|effects| effects.class_with(|_| Some(Class::Read)));
            if class != Some(Class::Read) {
                wrong.push(format!(
                    "{name}: {sql}    {:?}",
                    judgement.effects().map(|effects| &effects.reasons)
                ));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// The one setting name that `pg_dump` computes, and texts that only look like it.
#[test]
fn a_computed_name_of_a_setting_is_known_in_the_text_of_pg_dump_only() {
    let dump = "SELECT set_config(name, 'view, foreign-table', false) FROM pg_settings WHERE name = 'restrict_nonsystem_relation_kind'";
    assert_eq!(judge(dump).class(), Class::Read);
    let computed = effects(dump).settings.into_iter().next().unwrap();
    assert_eq!(computed.name.as_deref(), Some("restrict_nonsystem_relation_kind"));
    for (from, to) in [
        ("'view, foreign-table'", "''"),
        ("'view, foreign-table'", "'postgres'"),
        ("'view, foreign-table'", "name"),
        ("set_config(name", "set_config(setting"),
        ("set_config(name", "set_config(lower(name)"),
        ("set_config(name", "set_config(s.name"),
        ("pg_settings", "pg_settings s"),
        ("pg_settings", "pg_settings, t"),
        ("pg_settings", "evil.pg_settings"),
        ("pg_settings", "pg_setting"),
        ("'restrict_nonsystem_relation_kind'", "'role'"),
        ("'restrict_nonsystem_relation_kind'", "'restrict_nonsystem_relation_kind' OR true"),
        ("WHERE name = ", "WHERE name <> "),
        ("WHERE name = ", "WHERE setting = "),
        ("WHERE name = ", "WHERE name OPERATOR(evil.=) "),
        ("SELECT set_config", "WITH pg_settings AS (SELECT 'role' AS name) SELECT set_config"),
        ("FROM", "FROM (SELECT set_config(name, 'view, foreign-table', false) FROM t) s,"),
        ("SELECT set_config", "SELECT set_config('application_name', 'search_path', false), set_config"),
        ("SELECT set_config", "SELECT 1; SELECT set_config"),
        ("SELECT set_config", "SELECT DISTINCT set_config"),
        ("view, foreign-table', false) FROM", "view, foreign-table', false) INTO t FROM"),
        ("kind'", "kind' ORDER BY set_config('application_name', 'search_path', false)"),
        ("kind'", "kind' LIMIT length(set_config('application_name', 'search_path', false))"),
        ("kind'", "kind' GROUP BY name"),
        ("kind'", "kind' FOR UPDATE"),
        ("SELECT set_config", "EXPLAIN ANALYZE SELECT set_config"),
        ("SELECT set_config", "PREPARE p AS SELECT set_config"),
        ("SELECT set_config", "SELECT 1 UNION ALL SELECT set_config"),
        (
            "SELECT set_config(",
            "SELECT (SELECT set_config(name, 'view, foreign-table', false) FROM t), set_config(",
        ),
    ] {
        let sql = dump.replacen(from, to, 1);
        assert_ne!(sql, dump);
        assert!(judge(&sql).class() >= Class::Admin, "{sql}");
    }
    // With a `WITH` around it, the name would be read twice, and changed in between.
    let around = "WITH pg_settings AS (SELECT current_setting('application_name') AS name) \
                  SELECT * FROM (SELECT set_config('application_name', 'search_path', false), q) s";
    for sql in [
        around.replace(", q", &dump.replacen("SELECT", ",", 1)),
        around.replace(
            "(SELECT set_config('application_name', 'search_path', false), q)",
            &format!("({dump})"),
        ),
    ] {
        assert!(judge(&sql).class() >= Class::Admin, "{sql}");
    }
}
