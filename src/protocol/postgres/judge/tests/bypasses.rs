//! The ways around a gate that reads SQL less well than the server does. The numbers are those of the
//! research page.

use super::*;

/// Number, text, class, verbs, relations.
type Case = (&'static str, &'static str, Class, &'static str, &'static str);

pub(super) const CASES: &[Case] = &[
    ("B1", "SELECT 1; DELETE FROM customers", Class::Write, "select delete", "w:customers"),
    (
        "B2",
        "WITH d AS (DELETE FROM customers RETURNING *) SELECT count(*) FROM d",
        Class::Write,
        "select delete",
        "w:customers",
    ),
    (
        "B3",
        "EXPLAIN (ANALYZE false, ANALYZE true) DELETE FROM customers",
        Class::Write,
        "explain delete",
        "w:customers",
    ),
    (
        "B3",
        "EXPLAIN (ANALYZE true, ANALYZE false) DELETE FROM customers",
        Class::Write,
        "explain delete",
        "w:customers",
    ),
    ("B3", "EXPLAIN ANALYZE VERBOSE DELETE FROM customers", Class::Write, "explain delete", "w:customers"),
    ("B3", "EXPLAIN (ANALYZE off) DELETE FROM customers", Class::Read, "explain", "r:customers"),
    ("B3", "EXPLAIN DELETE FROM customers", Class::Read, "explain", "r:customers"),
    (
        "B4",
        "COPY (DELETE FROM customers RETURNING *) TO STDOUT",
        Class::Write,
        "copy_out delete",
        "w:customers",
    ),
    (
        "B5",
        r"UPDATE audit SET n=E'O\'B'; DELETE FROM customers",
        Class::Write,
        "update delete",
        "w:audit w:customers",
    ),
    ("B6", "SET standard_conforming_strings=off", Class::Admin, "set", ""),
    ("B6", "SET \"Standard_Conforming_Strings\" TO off", Class::Admin, "set", ""),
    ("B7", "SET NAMES 'SJIS'", Class::Admin, "set", ""),
    ("B7", "SELECT set_config('client_encoding', 'SJIS', false)", Class::Admin, "select set", ""),
    ("B8", "SELECT 1 --x\r; DELETE FROM customers", Class::Write, "select delete", "w:customers"),
    ("B9", "/* a /* b */ x */ DELETE FROM customers", Class::Write, "delete", "w:customers"),
    ("B9", "SELECT $a$;$a$; DELETE FROM customers", Class::Write, "select delete", "w:customers"),
    ("B9", "DELETE FROM U&\"c\\0075stomers\"", Class::Write, "delete", "w:customers"),
    ("B9", "DELETE FROM \"cu\"\"stomers\"", Class::Write, "delete", "w:cu\"stomers"),
    ("B9", "DELETE FROM CUSTOMERS", Class::Write, "delete", "w:customers"),
    (
        "B9",
        "DELETE FROM a123456789b123456789c123456789d123456789e123456789f123456789g123456789",
        Class::Write,
        "delete",
        "w:a123456789b123456789c123456789d123456789e123456789f123456789g12",
    ),
    ("B10", "DO $$BEGIN EXECUTE 'del'||'ete from customers'; END$$", Class::Unknown, "do", ""),
    (
        "B11",
        "SELECT query_to_xml('DELETE FROM customers RETURNING *',true,false,'')",
        Class::Admin,
        "select",
        "",
    ),
    ("B11", "SELECT database_to_xml(true,false,'')", Class::Admin, "select", ""),
    ("B11", "SELECT table_to_xml('customers',true,false,'')", Class::Admin, "select", ""),
    ("B11", "SELECT cursor_to_xml('c',1,true,false,'')", Class::Admin, "select", ""),
    ("B11", "SELECT * FROM ts_stat('DELETE FROM customers')", Class::Admin, "select", ""),
    ("B11", "SELECT * FROM crosstab('DELETE FROM customers') AS t(a int, b int)", Class::Admin, "select", ""),
    ("B11", "SELECT * FROM connectby('t','a','b','1',0) AS t(a int)", Class::Admin, "select", ""),
    (
        "B11",
        "SELECT * FROM ext.dblink('host=evil', 'DELETE FROM customers') AS t(a int)",
        Class::Admin,
        "select",
        "",
    ),
    ("B11", "SELECT ts_rewrite('a'::tsquery, 'DELETE FROM customers')", Class::Admin, "select", ""),
    ("B12", "SELECT pg_read_file('/etc/passwd')", Class::Admin, "select", ""),
    ("B12", "SELECT * FROM pg_ls_dir('.')", Class::Admin, "select", ""),
    ("B12", "SELECT pg_catalog.pg_read_binary_file('x')", Class::Admin, "select", ""),
    ("B12", "SELECT lo_import('/etc/passwd'), lo_export(1, 'x')", Class::Admin, "select", ""),
    ("B12", "SELECT lo_get(1), lo_put(1, 0, '')", Class::Admin, "select", ""),
    ("B12", "SELECT pg_stat_file('x'), pg_logdir_ls()", Class::Admin, "select", ""),
    ("B13", "COPY customers TO PROGRAM 'sh'", Class::Admin, "copy_out", "r:customers"),
    ("B13", "COPY customers FROM '/etc/passwd'", Class::Admin, "copy_in", "w:customers"),
    ("B13", "COPY customers FROM STDIN", Class::Write, "copy_in", "w:customers"),
    ("B13", "COPY customers TO STDOUT", Class::Read, "copy_out", "r:customers"),
    (
        "B14",
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity",
        Class::Admin,
        "select",
        "r:pg_stat_activity",
    ),
    ("B14", "SELECT pg_cancel_backend(1)", Class::Admin, "select", ""),
    ("B14", "SELECT pg_reload_conf(), pg_switch_wal(), pg_promote()", Class::Admin, "select", ""),
    ("B14", "SELECT pg_create_logical_replication_slot('a','b')", Class::Admin, "select", ""),
    ("B14", "SELECT * FROM pg_logical_slot_get_changes('a',NULL,NULL)", Class::Admin, "select", ""),
    (
        "B15",
        "SELECT set_config('default_transaction'||'_read_only','off',false)",
        Class::Admin,
        "select set",
        "",
    ),
    ("B15", "SELECT set_config($1,$2,false)", Class::Admin, "select set", ""),
    (
        "B15",
        "SELECT set_config(new_value=>'x', setting_name=>'role', is_local=>false)",
        Class::Admin,
        "select set",
        "",
    ),
    ("B15", "SELECT set_config('role.x'::varchar(4), 'postgres', false)", Class::Admin, "select set", ""),
    (
        "B15",
        "UPDATE pg_settings SET setting='off' WHERE name='default_transaction_read_only'",
        Class::Admin,
        "update",
        "w:pg_settings",
    ),
    ("B16", "SELECT setval('s',1)", Class::Write, "select", ""),
    ("B16", "SELECT nextval('s')", Class::Write, "select", ""),
    ("B16", "SELECT pg_advisory_lock(1)", Class::Write, "select", ""),
    ("B16", "SELECT pg_sleep(1e6)", Class::Unknown, "select", ""),
    ("B16", "SELECT pg_notify('c',ssn) FROM customers", Class::Write, "select", "r:customers"),
    ("B17", "CREATE FUNCTION s(text) RETURNS int LANGUAGE C AS 'libc','system'", Class::Admin, "create", ""),
    (
        "B17",
        "CREATE FUNCTION s() RETURNS int LANGUAGE sql SECURITY DEFINER AS 'SELECT 1'",
        Class::Admin,
        "create",
        "",
    ),
    ("B17", "CREATE EXTENSION dblink", Class::Admin, "create", ""),
    ("B17", "LOAD 'x'", Class::Admin, "load", ""),
    ("B17", "CREATE SERVER s FOREIGN DATA WRAPPER w OPTIONS (host 'evil')", Class::Admin, "create", ""),
    ("B17", "CREATE SUBSCRIPTION s CONNECTION 'host=evil' PUBLICATION p", Class::Admin, "create", ""),
    ("B17", "ALTER SYSTEM SET log_statement = 'all'", Class::Admin, "alter", ""),
    ("B18", "CALL purge()", Class::Unknown, "call", ""),
    ("B18", "SELECT purge()", Class::Unknown, "select", ""),
    ("B18", "SELECT * FROM purge()", Class::Unknown, "select", ""),
    ("B18", "SELECT * FROM ROWS FROM (purge(), lower('a'))", Class::Unknown, "select", ""),
    ("B18", "SELECT 1 ORDER BY (SELECT purge())", Class::Unknown, "select", ""),
    ("B18", "SELECT count(*) FILTER (WHERE purge()) OVER (PARTITION BY 1)", Class::Unknown, "select", ""),
    ("B18", "SELECT 1 LIMIT purge()", Class::Unknown, "select", ""),
    ("B18", "VALUES (1), (purge())", Class::Unknown, "select", ""),
    ("B18", "SELECT * FROM customers TABLESAMPLE evil(1)", Class::Unknown, "select", "r:customers"),
    ("B18", "SELECT JSON_OBJECT('a': purge())", Class::Unknown, "select", ""),
    ("B18", "SELECT xmlelement(name a, purge())", Class::Unknown, "select", ""),
    // Nothing in these says more than "read": see the comment of the module `judge`. They are here so that a
    // change is noticed.
    ("B19", "SELECT c.purge FROM customers c", Class::Read, "select", "r:customers"),
    ("B21", "SELECT * FROM innocent_view", Class::Read, "select", "r:innocent_view"),
    ("B20", "EXPLAIN SELECT imm(1)", Class::Unknown, "explain", ""),
    ("B21", "SELECT 1 @#@ 2", Class::Unknown, "select", ""),
    ("B21", "SELECT 1 OPERATOR(evil.+) 2", Class::Unknown, "select", ""),
    ("B21", "SELECT 1 OPERATOR(pg_catalog.+) 2", Class::Read, "select", ""),
    ("B21", "SELECT a FROM t ORDER BY a USING OPERATOR(evil.<)", Class::Unknown, "select", "r:t"),
    ("B21", "SELECT 1 OPERATOR(evil.=) ANY (SELECT 1)", Class::Unknown, "select", ""),
    (
        "B21",
        "CREATE RULE r AS ON SELECT TO t DO ALSO DELETE FROM customers",
        Class::Ddl,
        "create delete",
        "d:t w:customers",
    ),
    (
        "B21",
        "CREATE FUNCTION f() RETURNS int BEGIN ATOMIC DELETE FROM customers; SELECT 1; END",
        Class::Ddl,
        "create delete select",
        "w:customers",
    ),
    (
        "B21",
        "CREATE TRIGGER t BEFORE INSERT ON customers EXECUTE FUNCTION purge()",
        Class::Ddl,
        "create",
        "d:customers",
    ),
    ("B22", "PREPARE p AS DELETE FROM customers", Class::Write, "prepare delete", "w:customers"),
    ("B22", "EXECUTE p", Class::Unknown, "execute", ""),
    ("B22", "PREPARE p AS SELECT 1; EXECUTE p", Class::Read, "prepare select execute", ""),
    ("B22", "EXECUTE p; PREPARE p AS SELECT 1", Class::Unknown, "prepare select execute", ""),
    ("B23", "PREPARE sp AS SELECT ssn FROM customers", Class::Read, "prepare select", "r:customers"),
    (
        "B24",
        "DECLARE c CURSOR WITH HOLD FOR SELECT ssn FROM customers",
        Class::Read,
        "declare select",
        "r:customers",
    ),
    ("B24", "FETCH ALL FROM c", Class::Unknown, "fetch", ""),
    ("B24", "MOVE 1 IN c", Class::Unknown, "fetch", ""),
    ("B26", "SET ROLE x", Class::Admin, "set", ""),
    ("B26", "SET LOCAL ROLE NONE", Class::Admin, "set", ""),
    ("B26", "RESET ROLE", Class::Admin, "reset", ""),
    ("B26", "SET SESSION AUTHORIZATION x", Class::Admin, "set", ""),
    ("B26", "SET SESSION AUTHORIZATION DEFAULT", Class::Admin, "reset", ""),
    ("B26", "SELECT set_config('role','x',false)", Class::Admin, "select set", ""),
    ("B26", "SELECT pg_catalog.set_config('ROLE','x',false)", Class::Admin, "select set", ""),
    ("B27", "SET search_path=evil,public", Class::Write, "set", ""),
    ("B27", "SET search_path=evil,pg_catalog", Class::Admin, "set", ""),
    ("B27", "CREATE TEMP TABLE customers(a int)", Class::Ddl, "create", "d:customers"),
    (
        "B28",
        "BEGIN READ ONLY; COMMIT; INSERT INTO t VALUES (1)",
        Class::Write,
        "transaction insert select",
        "w:t",
    ),
    ("B28", "SET TRANSACTION READ WRITE", Class::Write, "set", ""),
    ("B28", "SET SESSION CHARACTERISTICS AS TRANSACTION READ WRITE", Class::Write, "set", ""),
    ("B28", "BEGIN READ WRITE", Class::Write, "transaction", ""),
    ("B29", "SELECT * INTO t2 FROM customers", Class::Ddl, "select create", "r:customers d:t2"),
    ("B29", "CREATE TABLE t2 AS EXECUTE p", Class::Unknown, "create execute", "d:t2"),
    (
        "B29",
        "CREATE MATERIALIZED VIEW m AS SELECT ssn FROM customers",
        Class::Ddl,
        "create select",
        "d:m r:customers",
    ),
    (
        "B29",
        "INSERT INTO notes SELECT ssn FROM customers",
        Class::Write,
        "insert select",
        "w:notes r:customers",
    ),
    (
        "B30",
        "MERGE INTO t USING s ON t.id = s.id WHEN MATCHED THEN DELETE \
         WHEN NOT MATCHED THEN INSERT VALUES (s.id) RETURNING merge_action()",
        Class::Write,
        "merge delete insert",
        "w:t r:s",
    ),
    (
        "B30",
        "INSERT INTO t(a) VALUES (1) ON CONFLICT (a) DO UPDATE SET a = (SELECT max(b) FROM s)",
        Class::Write,
        "insert update select",
        "w:t r:s",
    ),
    ("B30", "SELECT * FROM customers FOR UPDATE", Class::Write, "select", "r:customers"),
    ("B31", "PREPARE TRANSACTION 'x'", Class::Admin, "transaction", ""),
    ("B31", "COMMIT PREPARED 'x'", Class::Admin, "transaction", ""),
    ("B31", "ROLLBACK PREPARED 'x'", Class::Admin, "transaction", ""),
    ("B32", "ALTER ROLE me SET search_path = evil", Class::Admin, "alter", ""),
    ("B32", "ALTER DATABASE d SET search_path = evil", Class::Admin, "alter", ""),
    ("B32", "CREATE EVENT TRIGGER e ON ddl_command_start EXECUTE FUNCTION f()", Class::Admin, "create", ""),
    ("B35", "SELECT 0x1F, 1_000", Class::Read, "select", ""),
    (
        "B35",
        "SELECT * FROM JSON_TABLE('[]', '$[*]' COLUMNS (a int PATH '$' DEFAULT purge() ON EMPTY)) t",
        Class::Unknown,
        "select",
        "",
    ),
    ("B35", "UPDATE t SET a = 1 RETURNING WITH (OLD AS o) o.a", Class::Write, "update", "w:t"),
    ("B35", "ALTER TABLE t ADD CONSTRAINT c CHECK (a > 0) NOT ENFORCED", Class::Ddl, "alter", "d:t"),
    ("B36", "NOTIFY ch, 'payload'", Class::Write, "notify", ""),
    ("B36", "LISTEN ch", Class::Read, "listen", ""),
    ("B36", "COMMENT ON TABLE t IS 'payload'", Class::Ddl, "comment", "d:t"),
    // More of the same kinds.
    ("rights", "GRANT SELECT ON customers TO public", Class::Admin, "grant", "d:customers"),
    ("rights", "REVOKE admin FROM me", Class::Admin, "revoke", ""),
    ("rights", "CREATE USER me SUPERUSER", Class::Admin, "create", ""),
    ("rights", "DROP OWNED BY me", Class::Admin, "drop", ""),
    ("rights", "REASSIGN OWNED BY me TO you", Class::Admin, "reassign", ""),
    ("rights", "ALTER TABLE customers OWNER TO me", Class::Admin, "alter", "d:customers"),
    ("rights", "ALTER TABLE customers DISABLE ROW LEVEL SECURITY", Class::Admin, "alter", "d:customers"),
    ("rights", "ALTER TABLE customers DISABLE TRIGGER ALL", Class::Admin, "alter", "d:customers"),
    ("rights", "DROP POLICY p ON customers", Class::Admin, "drop", "d:customers"),
    ("rights", "SET session_replication_role = replica", Class::Admin, "set", ""),
    ("rights", "ALTER FUNCTION f() SECURITY DEFINER", Class::Admin, "alter", ""),
    ("rights", "DELETE FROM pg_catalog.pg_class", Class::Admin, "delete", "w:pg_catalog.pg_class"),
    ("server", "VACUUM customers", Class::Admin, "vacuum", "d:customers"),
    ("server", "CHECKPOINT", Class::Admin, "checkpoint", ""),
    ("server", "DROP DATABASE d", Class::Admin, "drop", ""),
    ("structure", "DROP TABLE a, public.b CASCADE", Class::Ddl, "drop", "d:a d:public.b"),
    ("structure", "DROP TRIGGER t ON public.b", Class::Ddl, "drop", "d:public.b"),
    ("structure", "ALTER TABLE t ADD COLUMN c int DEFAULT purge()", Class::Unknown, "alter", "d:t"),
    ("structure", "CREATE INDEX ON t (purge(a))", Class::Unknown, "create", "d:t"),
    ("structure", "CREATE VIEW v AS SELECT a FROM t", Class::Ddl, "create select", "d:v r:t"),
    ("structure", "ALTER TABLE t RENAME TO u", Class::Ddl, "alter rename", "d:t"),
    ("data", "TRUNCATE a, b", Class::Write, "truncate", "w:a w:b"),
    ("data", "REFRESH MATERIALIZED VIEW m", Class::Write, "refresh", "w:m"),
    ("data", "LOCK TABLE t IN EXCLUSIVE MODE", Class::Write, "lock", "r:t"),
    ("data", "SELECT pg_advisory_unlock_all(), pg_advisory_lock(1)", Class::Write, "select", ""),
    ("data", "SELECT evil.pg_advisory_unlock_all()", Class::Unknown, "select", ""),
    // More statements after those with which poolers clean up.
    ("data", "UNLISTEN *; RESET ALL; DROP TABLE t", Class::Ddl, "unlisten reset drop", "d:t"),
    ("rights", "RESET ALL; RESET SESSION AUTHORIZATION", Class::Admin, "reset", ""),
    ("rights", "DISCARD ALL; SET ROLE postgres", Class::Admin, "discard set", ""),
    ("rights", "RESET session_replication_role", Class::Admin, "reset", ""),
    ("data", "RESET app.tenant", Class::Write, "reset", ""),
    ("names", "WITH t AS (SELECT 1) DELETE FROM t", Class::Write, "select delete", "w:t"),
    ("names", "WITH t AS (SELECT * FROM t) SELECT * FROM t", Class::Read, "select", "r:t"),
    ("names", "WITH RECURSIVE t AS (SELECT * FROM t) SELECT * FROM t", Class::Read, "select", ""),
    ("names", "WITH t AS (SELECT 1) SELECT * FROM public.t", Class::Read, "select", "r:public.t"),
    ("names", "SELECT (WITH t AS (SELECT 1) SELECT a FROM t), b FROM t", Class::Read, "select", "r:t"),
    (
        "names",
        "WITH a AS (SELECT * FROM b), b AS (SELECT * FROM a) SELECT * FROM b",
        Class::Read,
        "select",
        "r:b",
    ),
];

#[test]
fn each_way_around_is_seen() {
    let mut wrong = Vec::new();
    for (number, sql, class, told_verbs, told_relations) in CASES {
        let judgement = judge(sql);
        let Some(effects) = judgement.effects() else {
            wrong.push(format!("{number} {sql}\n    not understood: {judgement:?}"));
            continue;
        };
        let found = (judgement.class(), verbs(effects), relations(effects));
        if found != (*class, words(told_verbs), words(told_relations)) {
            wrong.push(format!("{number} {sql}\n    {found:?}\n    {:?}", effects.reasons));
        }
        assert!(
            matches!(*class, Class::Read)
                || !effects.reasons.is_empty()
                || effects.names.iter().any(|name| name.name.is_some()),
            "{number} {sql}: no reason"
        );
    }
    assert!(wrong.is_empty(), "{} of {}:\n{}", wrong.len(), CASES.len(), wrong.join("\n"));
}

#[test]
fn b6_strings_are_cut_as_the_server_cuts_them() {
    let sql = r"SELECT '\'' ; DELETE FROM customers; --'";
    let on = judge_bytes(sql.as_bytes(), Lexing::default());
    assert_eq!((on.class(), on.effects().unwrap().statements), (Class::Read, 1));
    let off = judge_bytes(sql.as_bytes(), OFF);
    assert_eq!((off.class(), off.effects().unwrap().statements), (Class::Write, 2));
}

#[test]
fn b7_only_utf8_is_read() {
    let judgement = judge_bytes(b"SELECT E'\x83\x5c' ; INSERT INTO t VALUES (1); --'", Lexing::default());
    assert_eq!(*judgement, Judgement::Unread(Unread::NotUtf8));
    assert_eq!(judgement.class(), Class::Unknown);
}

#[test]
fn b34_other_spaces_are_no_spaces() {
    for sql in ["SELECT\u{a0}ssn FROM customers", "SELECT\u{3000}ssn FROM customers"] {
        assert!(matches!(*judge(sql), Judgement::Syntax(_)), "{sql}");
    }
}
