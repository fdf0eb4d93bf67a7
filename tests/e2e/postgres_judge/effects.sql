-- What does more than read, one statement a line: the judge must call none of these a read. Those marked with `+` leave a trace that the
-- test looks for; it shows that the test would see one.
+INSERT INTO customers VALUES (2)
+INSERT INTO t SELECT 1 RETURNING a
+INSERT INTO customers (id) VALUES (1) ON CONFLICT (id) DO UPDATE SET name = 'x'
+INSERT INTO customers DEFAULT VALUES
+UPDATE customers SET name = 'x'
+UPDATE customers SET (name, ssn) = (SELECT 'a', 'b')
+UPDATE ONLY customers c SET name = 'x' FROM (SELECT 1) q WHERE c.id = 1
+DELETE FROM customers
+DELETE FROM customers USING (SELECT 1) q RETURNING *
+MERGE INTO customers USING (SELECT 1 AS a) q ON id = a WHEN MATCHED THEN DELETE
+WITH d AS (DELETE FROM customers RETURNING *) SELECT * FROM d
+WITH d AS (INSERT INTO t VALUES (1) RETURNING *), e AS (SELECT 1) SELECT * FROM e
+WITH customers AS (SELECT 1) DELETE FROM customers
+EXPLAIN ANALYZE DELETE FROM customers
+EXPLAIN (ANALYZE) DELETE FROM customers
+EXPLAIN (ANALYZE true) DELETE FROM customers
+EXPLAIN (ANALYZE 1, VERBOSE) DELETE FROM customers
+EXPLAIN (ANALYSE on) DELETE FROM customers
+EXPLAIN (ANALYZE 'off', ANALYZE 'true') DELETE FROM customers
+EXPLAIN ANALYZE CREATE TABLE x AS SELECT 1
+EXPLAIN ANALYZE SELECT * FROM customers FOR UPDATE
+EXPLAIN ANALYZE WITH d AS (DELETE FROM customers RETURNING *) SELECT * FROM d
+COPY (DELETE FROM customers RETURNING *) TO STDOUT
+PREPARE q1 AS DELETE FROM customers; EXECUTE q1
+PREPARE q2 AS DELETE FROM customers; EXPLAIN ANALYZE EXECUTE q2
+PREPARE q3 AS SELECT 1; CREATE TABLE x AS EXECUTE q3
+DECLARE c CURSOR FOR SELECT * FROM customers FOR UPDATE; FETCH c
+SELECT * FROM customers FOR UPDATE
+SELECT * FROM customers FOR NO KEY UPDATE SKIP LOCKED
+SELECT * FROM customers FOR SHARE
+SELECT * FROM customers FOR KEY SHARE NOWAIT
+SELECT 1 FROM (SELECT * FROM customers FOR UPDATE) q
+SELECT (SELECT id FROM customers LIMIT 1 FOR UPDATE)
+WITH c AS (SELECT * FROM customers FOR UPDATE) SELECT * FROM c
+SELECT * INTO x FROM customers
+SELECT 1 INTO TEMP x
+CREATE TABLE x AS TABLE customers
+CREATE TABLE x ()
+CREATE TEMP TABLE customers (a int)
+CREATE VIEW x AS SELECT 1
+CREATE MATERIALIZED VIEW x AS SELECT 1
+REFRESH MATERIALIZED VIEW cm
+CREATE SCHEMA x CREATE TABLE y ()
+CREATE FUNCTION x() RETURNS int BEGIN ATOMIC SELECT 1; END
+CREATE FUNCTION x() RETURNS int LANGUAGE sql AS 'SELECT 1'
+CREATE RULE x AS ON INSERT TO t DO ALSO DELETE FROM customers
+CREATE INDEX ON customers (name)
+CREATE SEQUENCE x
+CREATE ROLE x
+ALTER TABLE customers ADD x int
+ALTER TABLE customers RENAME name TO x
+ALTER ROLE open SET work_mem = '1MB'
+ALTER SEQUENCE s RESTART
+DROP TABLE t
+TRUNCATE customers
+COMMENT ON TABLE customers IS 'x'
+GRANT SELECT ON customers TO open
+DO $$BEGIN DELETE FROM customers; END$$
+CALL purge()
+SELECT nextval('s')
+SELECT setval('s', 7)
+SELECT ('s'::regclass).nextval
+SELECT s.nextval FROM CAST('s' AS regclass) s
+SELECT pg_catalog.nextval('s')
+SELECT pg_advisory_lock(1)
+SELECT (1).pg_advisory_lock
+SELECT pg_advisory_xact_lock(1)
SELECT query_to_xml('DELETE FROM customers RETURNING *', true, false, '')
+SELECT lo_create(0)
+SELECT (0::oid).lo_create
+SELECT lo_from_bytea(0, 'a')
+SELECT wipe()
+SELECT * FROM wipe()
+SELECT 1 ORDER BY wipe()
+SELECT set_config('role', 'other', false)
SELECT set_config(new_value => 'other', setting_name => 'role', is_local => false)
+SELECT set_config(a, 'other', true) FROM (VALUES ('role')) v (a)
+SELECT (SELECT set_config('session_replication_role', 'replica', true))
+SELECT set_config('app.tenant', '7', true)
+SET ROLE other
+SET LOCAL ROLE other
+SET SESSION AUTHORIZATION other
+SET standard_conforming_strings = off
+SET client_encoding = 'LATIN1'
+SET session_replication_role = replica
+SET app.tenant = 7
+UPDATE pg_settings SET setting = 'replica' WHERE name = 'session_replication_role'
SELECT ('PG_VERSION'::text).pg_read_file
SELECT f.pg_read_file FROM unnest(ARRAY['PG_VERSION']) f
SELECT pg_read_file('PG_VERSION')
SELECT pg_ls_dir('.')
SELECT (pg_backend_pid()).pg_cancel_backend
SELECT (0.01::float8).pg_sleep
SELECT ts_stat('SELECT 1')
SELECT * FROM pg_hba_file_rules
NOTIFY ch, 'x'
SELECT pg_notify('ch', 'x')
RESET ROLE
RESET SESSION AUTHORIZATION
SET SESSION AUTHORIZATION DEFAULT
SET search_path = evil, public
SET search_path = "PUBLIC"
PREPARE TRANSACTION 'x'
ROLLBACK PREPARED 'x'
EXECUTE unknown
FETCH unknown
EXPLAIN ANALYZE DECLARE d CURSOR FOR SELECT 1; FETCH d
LOCK customers
VACUUM customers
ANALYZE customers
CLUSTER customers
REINDEX TABLE customers
CHECKPOINT
LOAD 'plpgsql'
ALTER SYSTEM SET work_mem = '1MB'
COPY customers FROM STDIN
COPY customers TO '/tmp/x'
COPY customers TO PROGRAM 'cat'
COPY customers FROM PROGRAM 'cat'
SELECT 1 @#@ 2
SELECT 1 OPERATOR(evil.+) 2
SELECT pg_temp.f()
SELECT "information_schema._pg_expandarray"(ARRAY[1])
SELECT * FROM customers TABLESAMPLE evil (1)
BEGIN READ WRITE
SET TRANSACTION READ WRITE
SECURITY LABEL ON TABLE customers IS 'x'
IMPORT FOREIGN SCHEMA s FROM SERVER w INTO public
CREATE PUBLICATION x FOR TABLE customers
CREATE SUBSCRIPTION x CONNECTION 'host=x' PUBLICATION p
EXPLAIN ANALYZE REFRESH MATERIALIZED VIEW cm
