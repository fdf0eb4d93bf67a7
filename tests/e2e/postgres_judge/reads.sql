-- What only reads, one statement a line: the judge must call each a read, and a real server must find no trace of it.
SELECT 1
SELECT
SELECT * FROM customers
SELECT id, name AS n, ssn "S" FROM public.customers c WHERE c.id = 1
SELECT ALL id FROM customers ORDER BY name DESC NULLS LAST, 1 LIMIT 1 OFFSET 0
SELECT DISTINCT name FROM customers
SELECT DISTINCT ON (name) name, id FROM customers ORDER BY name, id
TABLE customers
TABLE ONLY customers
SELECT * FROM ONLY (customers)
SELECT * FROM customers *
SELECT * FROM postgres.public.customers
VALUES (1, 'a'), (2, 'b')
VALUES (1), (2) ORDER BY 1 LIMIT 1
SELECT * FROM (VALUES (1, 'a')) v (x, y)
SELECT c FROM customers c
SELECT (c).ssn FROM customers c
SELECT (c).* FROM customers c
SELECT c.* FROM customers c
SELECT customers FROM customers
SELECT c.to_jsonb FROM customers c
SELECT c.concat FROM customers c
SELECT public.customers.name FROM public.customers
SELECT ('abc'::text).upper
SELECT (ARRAY[1, 2, 3])[2], (ARRAY[1, 2, 3])[1:2], '{1,2}'::int[]
SELECT ARRAY(SELECT id FROM customers), ARRAY[[1, 2], [3, 4]]
SELECT ROW(1, 'a'), (1, 2) = (1, 2), ROW(1, 2) < ROW(1, 3)
SELECT id FROM customers WHERE id IN (1, 2) AND name NOT IN (SELECT name FROM t)
SELECT id FROM customers WHERE EXISTS (SELECT FROM t WHERE t.a = customers.id)
SELECT id FROM customers WHERE id = ANY (ARRAY[1]) OR id <> ALL (SELECT a FROM t)
SELECT id FROM customers WHERE (id, name) IN (SELECT id, name FROM customers)
SELECT id FROM customers WHERE (id, name) = (SELECT 1, 'x')
SELECT (SELECT max(id) FROM customers), (SELECT 1)
SELECT id FROM customers WHERE name LIKE 'a%' ESCAPE '!' OR name ILIKE 'A%' OR name NOT LIKE 'b' OR name SIMILAR TO 'c'
SELECT id FROM customers WHERE name ~ 'a' OR name ~* 'a' OR name !~ 'a' OR name !~* 'a' OR name ^@ 'a'
SELECT id BETWEEN 1 AND 2, id NOT BETWEEN SYMMETRIC 2 AND 1 FROM customers
SELECT id IS NULL, name IS NOT NULL, id ISNULL, id NOTNULL, id IS DISTINCT FROM 1, id IS NOT DISTINCT FROM 1 FROM customers
SELECT true IS TRUE, false IS NOT FALSE, NULL::bool IS UNKNOWN, NOT true AND false OR true
SELECT CASE WHEN id = 1 THEN 'a' ELSE 'b' END, CASE id WHEN 1 THEN 2 END FROM customers
SELECT coalesce(name, 'x'), nullif(id, 1), greatest(1, 2), least(1, 2) FROM customers
SELECT 1 + 2 - 3 * 4 / 5 % 6, |/ 4::float8, ||/ 8::float8, @ (-1), 1 & 2 | 3 # 4, ~1, 1 << 2 >> 1
SELECT 1 OPERATOR(pg_catalog.+) 2, 'a' || 'b', 'a' COLLATE "C" < 'b'
SELECT 1::text, CAST(1 AS numeric(10, 2)), int4 '5', 'customers'::regclass, 's'::regclass::oid, 'pg_catalog'::regnamespace
SELECT date '2020-01-01' + 1, timestamp '2020-01-01' AT TIME ZONE 'UTC', interval '1 day' * 2, time '10:00'
SELECT current_date, current_time, current_timestamp(2), localtime, localtimestamp, now(), clock_timestamp()
SELECT current_user, session_user, user, current_role, current_catalog, current_schema, current_schemas(true)
SELECT extract(year FROM now()), date_part('day', now()), date_trunc('hour', now()), age(now()), (now(), now()) OVERLAPS (now(), now())
SELECT substring('abc' FROM 1 FOR 2), substring('abc' SIMILAR 'a#"b#"c' ESCAPE '#'), position('a' IN 'b'), overlay('abc' PLACING 'x' FROM 1)
SELECT trim(BOTH 'a' FROM 'aba'), trim(' a '), ltrim('a'), lower('A'), upper('a'), initcap('a'), length('a'), reverse('a'), repeat('a', 3)
SELECT 'a' IS NORMALIZED, normalize('a', NFC), collation for ('a'), unistr('a'), format('%s %I %L', 1, 'a', 'b')
SELECT U&'d\0061t\+000061', U&'d!0061' UESCAPE '!', E'a\nb', $$a$$, $x$b$x$, B'101', X'1F', 1.5e3
SELECT * FROM U&"c\0075stomers"
SELECT * FROM "customers", CUSTOMERS AS c2, "Customers"
SELECT 1 /* a /* b */ c */ -- d
SELECT count(*), sum(id), avg(id), min(id), max(id), bool_and(true), string_agg(name, ',' ORDER BY id), array_agg(DISTINCT id) FROM customers
SELECT count(*) FILTER (WHERE id > 1), percentile_cont(0.5) WITHIN GROUP (ORDER BY id), mode() WITHIN GROUP (ORDER BY name) FROM customers
SELECT name, count(*) FROM customers GROUP BY name HAVING count(*) > 0
SELECT name, id, grouping(name, id) FROM customers GROUP BY GROUPING SETS ((name), (id), ()), ROLLUP (name), CUBE (id)
SELECT name FROM customers GROUP BY DISTINCT ROLLUP (name), ROLLUP (name)
SELECT row_number() OVER (), rank() OVER w, lag(id) OVER (PARTITION BY name ORDER BY id), ntile(2) OVER (ORDER BY id) FROM customers WINDOW w AS (ORDER BY id)
SELECT sum(id) OVER (ORDER BY id ROWS BETWEEN UNBOUNDED PRECEDING AND 1 FOLLOWING EXCLUDE CURRENT ROW) FROM customers
SELECT sum(id) OVER (ORDER BY id RANGE BETWEEN 1 PRECEDING AND CURRENT ROW), sum(id) OVER (ORDER BY id GROUPS 1 PRECEDING) FROM customers
SELECT * FROM customers JOIN t ON t.a = customers.id
SELECT * FROM customers LEFT JOIN t ON true RIGHT JOIN t t2 ON true FULL JOIN t t3 ON t3.a = t2.a
SELECT * FROM customers CROSS JOIN t, t t2
SELECT * FROM t JOIN t t2 USING (a) AS u WHERE u.a = 1
SELECT * FROM t NATURAL JOIN t t2
SELECT * FROM (customers JOIN t ON true) AS j (a, b, c, d, e)
SELECT * FROM customers c, LATERAL (SELECT * FROM t WHERE t.a = c.id) l
SELECT * FROM customers c, LATERAL generate_series(1, c.id) g (n)
SELECT * FROM generate_series(1, 3) WITH ORDINALITY AS g (n, o)
SELECT * FROM ROWS FROM (generate_series(1, 2), unnest(ARRAY['a', 'b'])) AS r (a, b)
SELECT * FROM unnest(ARRAY[1], ARRAY['a'])
SELECT * FROM json_to_recordset('[{"a": 1}]') AS x (a int)
SELECT * FROM json_populate_record(NULL::customers, '{"id": 1}')
SELECT * FROM current_date, coalesce(1, 2) AS c
SELECT * FROM customers TABLESAMPLE SYSTEM (10)
SELECT * FROM customers TABLESAMPLE BERNOULLI (10) REPEATABLE (1)
SELECT * FROM customers AS c (a, b, d)
SELECT 1 UNION SELECT 2 UNION ALL SELECT 3 INTERSECT SELECT 3 EXCEPT ALL SELECT 4
(SELECT 1 ORDER BY 1 LIMIT 1) UNION (SELECT 2) ORDER BY 1
SELECT id, name FROM customers UNION (TABLE t)
SELECT * FROM customers ORDER BY id FETCH FIRST 1 ROW WITH TIES
SELECT * FROM customers ORDER BY id USING <
SELECT * FROM customers LIMIT (SELECT 1) OFFSET (SELECT 0)
SELECT * FROM customers LIMIT ALL
WITH customers AS (SELECT 1) SELECT * FROM customers
WITH c AS (SELECT * FROM customers) SELECT * FROM c
WITH customers AS (SELECT * FROM customers) SELECT * FROM customers
WITH a AS (SELECT * FROM t), t AS (SELECT 1) SELECT * FROM a, t
WITH customers AS (SELECT 1) SELECT * FROM public.customers
WITH customers AS (SELECT 1) SELECT * FROM ONLY customers
WITH a AS MATERIALIZED (SELECT 1), b AS NOT MATERIALIZED (SELECT 2) SELECT * FROM a, b
WITH RECURSIVE r (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM r WHERE n < 3) SELECT * FROM r
WITH RECURSIVE r (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM r WHERE n < 3) SEARCH DEPTH FIRST BY n SET o SELECT * FROM r
WITH RECURSIVE r (n) AS (SELECT 1 UNION ALL SELECT n % 2 + 1 FROM r) CYCLE n SET c USING p SELECT * FROM r
WITH RECURSIVE a AS (SELECT * FROM b), b AS (SELECT 1) SELECT * FROM a
SELECT (WITH customers AS (SELECT 1 AS x) SELECT x FROM customers), (SELECT max(id) FROM customers)
SELECT * FROM (WITH customers AS (SELECT 1) SELECT * FROM customers) q, customers
WITH a AS (WITH customers AS (SELECT 2 AS x) SELECT x FROM customers) SELECT * FROM a, customers
SELECT '{"a": 1}'::jsonb -> 'a', '{"a": 1}'::jsonb ->> 'a', '{"a": 1}'::jsonb #> '{a}', '{"a": 1}'::jsonb #>> '{a}'
SELECT '{"a": 1}'::jsonb ? 'a', '{"a": 1}'::jsonb ?| ARRAY['a'], '{"a": 1}'::jsonb ?& ARRAY['a'], '{}'::jsonb @> '{}', '{}'::jsonb - 'a'
SELECT ('{"a": 1}'::jsonb)['a'], '{"a": 1}'::jsonb @? '$.a', '{"a": 1}'::jsonb @@ '$.a == 1', '{}'::jsonb || '{}'
SELECT jsonb_path_query('{"a": [1]}', '$.a[*]'), jsonb_set('{}', '{a}', '1'), json_build_object('a', 1), to_jsonb(1), jsonb_pretty('{}')
SELECT json_agg(c), jsonb_object_agg(c.id, c.name), row_to_json(c) FROM customers c GROUP BY c
SELECT * FROM jsonb_each('{"a": 1}'), jsonb_array_elements('[1]'), jsonb_to_record('{"a": 1}') AS x (a int)
SELECT xmlelement(name a, xmlattributes(1 AS b), 'c'), xmlforest(1 AS a), xmlconcat('<a/>', '<b/>'), xmlcomment('a'), xmlpi(name a, 'b')
SELECT xmlparse(CONTENT '<a/>'), xmlroot('<a/>', VERSION '1.0'), xmlserialize(CONTENT '<a/>'::xml AS text), '<a/>'::xml IS DOCUMENT
SELECT xpath('/a', '<a/>'), xmlexists('/a' PASSING ('<a/>'::xml)), xml_is_well_formed('<a/>'), xmlagg('<a/>'::xml)
SELECT * FROM XMLTABLE('/r/a' PASSING ('<r><a b="1"/></r>'::xml) COLUMNS b int PATH '@b' DEFAULT 2, o FOR ORDINALITY)
SELECT * FROM XMLTABLE(XMLNAMESPACES('x' AS y), '/r' PASSING ('<r/>'::xml) COLUMNS b text PATH '.')
SELECT to_tsvector('english', 'a cat'), to_tsquery('cat'), 'a'::tsvector @@ 'a'::tsquery, ts_rank('a'::tsvector, 'a'::tsquery), ts_headline('a', 'a'::tsquery)
SELECT point '(1,2)' <-> point '(3,4)', box '((0,0),(1,1))' && box '((0,0),(1,1))', circle '<(0,0),1>' @> point '(0,0)', lseg '((0,0),(1,1))' ?|| lseg '((0,0),(0,1))', ?- lseg '((0,0),(1,1))'
SELECT inet '10.0.0.1' << inet '10.0.0.0/8', cidr '10.0.0.0/8', macaddr '08:00:2b:01:02:03', host(inet '10.0.0.1')
SELECT int4range(1, 5) @> 3, int4range(1, 2) -|- int4range(2, 3), lower(int4range(1, 2)), nummultirange(numrange(1, 2))
SELECT md5('a'), sha256('a'), encode('a', 'base64'), decode('YQ==', 'base64'), convert_to('a', 'UTF8'), get_byte('a', 0), gen_random_uuid()
SELECT random(), pi(), sqrt(4), power(2, 3), round(1.5), trunc(1.5), div(7, 2), gcd(4, 6), width_bucket(5, 1, 10, 3), sin(1)
SELECT regexp_replace('a', 'a', 'b'), regexp_matches('a', 'a'), regexp_split_to_array('a,b', ','), split_part('a,b', ',', 1), translate('a', 'a', 'b')
SELECT array_append(ARRAY[1], 2), array_position(ARRAY[1], 1), cardinality(ARRAY[1]), array_to_string(ARRAY[1], ','), ARRAY[1] || 2, ARRAY[1] <@ ARRAY[1, 2]
SELECT make_date(2020, 1, 1), to_char(now(), 'YYYY'), to_date('2020', 'YYYY'), to_timestamp(0), justify_days('30 days'), isfinite(now()), timeofday()
SELECT last_value, is_called FROM s
SELECT * FROM pg_sequences
SELECT pg_sequence_last_value('s')
SELECT pg_relation_size('customers'), pg_total_relation_size('customers'), pg_table_size('customers'), pg_size_pretty(1::bigint), pg_database_size('postgres')
SELECT pg_get_viewdef('pg_tables'), pg_get_constraintdef(oid) FROM pg_constraint LIMIT 1
SELECT pg_get_functiondef('pg_catalog.now'::regproc), pg_get_expr(adbin, adrelid) FROM pg_attrdef LIMIT 1
SELECT has_table_privilege('customers', 'SELECT'), has_schema_privilege('public', 'USAGE'), pg_has_role('open', 'MEMBER')
SELECT to_regclass('customers'), to_regtype('int4'), to_regproc('now'), to_regrole('open'), to_regnamespace('public')
SELECT obj_description('customers'::regclass), col_description('customers'::regclass, 1), format_type(23, NULL), pg_typeof(1)
SELECT current_setting('search_path'), current_setting('app.none', true), version(), pg_backend_pid(), inet_server_port(), pg_postmaster_start_time()
SELECT pg_is_in_recovery(), pg_current_wal_lsn(), pg_current_snapshot(), pg_current_xact_id_if_assigned(), txid_current_if_assigned(), pg_current_wal_lsn() - '0/0'::pg_lsn
SELECT * FROM pg_stat_activity
SELECT * FROM pg_locks
SELECT * FROM pg_settings
SELECT * FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
SELECT * FROM information_schema.tables
SELECT * FROM information_schema.columns WHERE table_name = 'customers'
SELECT (information_schema._pg_expandarray(ARRAY[1])).n
SELECT * FROM pg_prepared_statements, pg_cursors
SELECT * FROM pg_stat_user_tables, pg_stat_database, pg_stat_replication
SELECT * FROM pg_timezone_names LIMIT 1
SELECT * FROM pg_available_extensions LIMIT 1
SELECT * FROM cv
SELECT tableoid, ctid, xmin, cmin FROM customers
SELECT * FROM customers WHERE ctid = '(0,1)'
SELECT 'up'::mood, 'up'::mood > 'down', enum_range(NULL::mood), '(1,a)'::pair, ROW(1, 'a')::pair, (ROW(1, 'a')::pair).x
SELECT 5::positive
SELECT oid, loid FROM pg_largeobject_metadata, pg_largeobject
SHOW ALL
SHOW search_path
SHOW TIME ZONE
SHOW TRANSACTION ISOLATION LEVEL
SHOW SESSION AUTHORIZATION
EXPLAIN SELECT * FROM customers
EXPLAIN VERBOSE SELECT * FROM customers
EXPLAIN ANALYZE SELECT * FROM customers
EXPLAIN (ANALYZE, BUFFERS, TIMING off, FORMAT json) SELECT * FROM customers
EXPLAIN (COSTS off, SETTINGS, SUMMARY) SELECT 1
EXPLAIN DELETE FROM customers
EXPLAIN (ANALYZE off) DELETE FROM customers
EXPLAIN (ANALYZE false, VERBOSE) UPDATE customers SET name = 'x'
EXPLAIN (ANALYZE 0) INSERT INTO customers VALUES (9)
EXPLAIN INSERT INTO customers SELECT * FROM customers ON CONFLICT DO NOTHING
EXPLAIN MERGE INTO customers USING t ON id = a WHEN MATCHED THEN DELETE
EXPLAIN CREATE TABLE x AS SELECT * FROM customers
EXPLAIN CREATE MATERIALIZED VIEW x AS SELECT * FROM customers
EXPLAIN REFRESH MATERIALIZED VIEW cm
EXPLAIN DECLARE c CURSOR FOR SELECT * FROM customers
EXPLAIN ANALYZE DECLARE c CURSOR FOR SELECT * FROM customers
EXPLAIN SELECT * FROM customers FOR UPDATE
EXPLAIN WITH d AS (DELETE FROM customers RETURNING *) SELECT * FROM d
COPY customers TO STDOUT
COPY customers (id, ssn) TO STDOUT WITH (FORMAT csv, HEADER, QUOTE '"')
COPY (SELECT * FROM customers) TO STDOUT
COPY (VALUES (1)) TO STDOUT
COPY (TABLE customers) TO STDOUT (FORMAT text, DELIMITER '|')
COPY customers TO STDOUT DELIMITER '|' NULL 'x' CSV
PREPARE p1 AS SELECT * FROM customers WHERE id = $1
PREPARE p2 (int, text) AS SELECT $1, $2
PREPARE p3 AS VALUES (1); EXECUTE p3
PREPARE p4 (int) AS SELECT $1; EXECUTE p4 (1 + 1)
PREPARE p5 AS SELECT 1; EXPLAIN ANALYZE EXECUTE p5
DEALLOCATE ALL
DECLARE c1 CURSOR FOR SELECT * FROM customers
DECLARE c2 NO SCROLL CURSOR WITHOUT HOLD FOR TABLE customers; FETCH ALL FROM c2
DECLARE c3 BINARY INSENSITIVE SCROLL CURSOR FOR SELECT 1; MOVE NEXT c3; FETCH BACKWARD 1 IN c3; CLOSE c3
CLOSE ALL
SET application_name = 'x'
SET LOCAL statement_timeout = '10s'
SET SESSION work_mem TO DEFAULT
SET TIME ZONE 'UTC'
SET LOCAL TIME ZONE INTERVAL '+01:00' HOUR TO MINUTE
SET NAMES 'UTF8'
SET client_encoding TO 'utf-8'
SET DateStyle = ISO, MDY
SET XML OPTION DOCUMENT
SET enable_seqscan = off
SET TRANSACTION READ ONLY
SET TRANSACTION ISOLATION LEVEL REPEATABLE READ
SET SESSION CHARACTERISTICS AS TRANSACTION READ ONLY
SET standard_conforming_strings = on
SET search_path TO "$user", public
RESET work_mem
RESET ALL
SET CONSTRAINTS ALL IMMEDIATE
LISTEN ch
UNLISTEN *
DISCARD PLANS
DISCARD SEQUENCES
DISCARD TEMP
LOCK TABLE customers IN ACCESS SHARE MODE
SAVEPOINT a
SAVEPOINT a; RELEASE a
SAVEPOINT a; ROLLBACK TO a
SELECT 1; SELECT * FROM customers; TABLE t
SELECT a.b FROM (SELECT 1 AS b) a
SELECT q FROM (SELECT * FROM customers) q
SELECT x.y FROM (VALUES (ROW(1, 2))) AS x (y)
SELECT to_json(c.*), c IS NULL, c = c FROM customers c
SELECT count(c), count(DISTINCT c.*) FROM customers c
SELECT max(id) FROM customers HAVING max(id) > 0
SELECT id, (SELECT string_agg(t.b, ',') FROM t WHERE t.a = c.id) FROM customers c
SELECT * FROM customers WHERE name = ANY ('{a,b}') AND id % 2 = 0 AND NOT EXISTS (SELECT 1 FROM t)
SELECT 'a' < ALL (SELECT name FROM customers), 1 OPERATOR(pg_catalog.=) ANY (SELECT id FROM customers)
SELECT VARIADIC_OK FROM (SELECT concat(VARIADIC ARRAY['a', 'b']) AS VARIADIC_OK) x
SELECT make_interval(days => 1), make_timestamptz(2020, 1, 1, 0, 0, 0), jsonb_path_exists('{}', '$', silent => true)
SELECT 1 WHERE 1 = 1 AND (2, 3) >= (2, 2)
SELECT aclexplode(relacl) FROM pg_class WHERE relname = 'customers'
SELECT tablename FROM pg_tables WHERE tablename = 'customers'
SELECT most_common_vals FROM pg_stats WHERE tablename = 'customers'
SELECT quote_ident('a'), quote_literal('a'), quote_nullable(NULL)
SELECT string_to_table('a,b', ','), generate_subscripts(ARRAY[1], 1), regexp_split_to_table('a', 'b')
SELECT lo.a FROM t lo
SELECT stddev(id), variance(id), corr(id, id), regr_slope(id, id), bit_and(id), every(true) FROM customers
SELECT rank(1) WITHIN GROUP (ORDER BY id), first_value(1) OVER () FROM customers GROUP BY id
SELECT first_value(id) OVER w, last_value(id) OVER w, nth_value(id, 1) OVER w, cume_dist() OVER w FROM customers WINDOW w AS (ORDER BY id), v AS (w)
