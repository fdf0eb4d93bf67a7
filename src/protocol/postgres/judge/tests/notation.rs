//! Calls, columns and tables in forms that do not look like it.

use super::*;

fn functions(effects: &Effects) -> BTreeSet<String> {
    effects.functions.iter().map(|call| format!("{}/{}", call.object, call.arguments)).collect()
}

/// `(x).f` and `x.f` call `f` if there is no such column: a real server reads its file for the first of
/// these.
#[test]
fn a_call_behind_a_dot_is_a_call() {
    for (sql, class, calls) in [
        ("SELECT ('PG_VERSION'::text).pg_read_file", Class::Admin, "pg_read_file/1"),
        ("SELECT ('/etc/passwd').pg_read_file", Class::Admin, "pg_read_file/1"),
        (
            "SELECT f.pg_read_file FROM unnest(ARRAY['/etc/passwd']) f",
            Class::Admin,
            "unnest/1 pg_read_file/1",
        ),
        ("SELECT (f).pg_ls_dir FROM (VALUES ('.'::text)) v(f)", Class::Admin, "pg_ls_dir/1"),
        ("SELECT (pid).pg_terminate_backend FROM pg_stat_activity", Class::Admin, "pg_terminate_backend/1"),
        ("SELECT ('DELETE FROM customers'::text).ts_stat", Class::Admin, "ts_stat/1"),
        ("SELECT ($1).lo_unlink, (1).lo_get", Class::Admin, "lo_unlink/1 lo_get/1"),
        ("SELECT ('x'::text).lo_import.a", Class::Admin, "lo_import/1"),
        ("SELECT 1 FROM t ORDER BY (a).dblink", Class::Admin, "dblink/1"),
        ("SELECT ('s'::regclass).nextval", Class::Write, "nextval/1"),
        ("SELECT s.nextval FROM CAST('s' AS regclass) s", Class::Write, "nextval/1"),
        ("SELECT (1).pg_advisory_lock", Class::Write, "pg_advisory_lock/1"),
        ("SELECT (1e6).pg_sleep, (0.1).setseed", Class::Unknown, "pg_sleep/1 setseed/1"),
        ("EXPLAIN SELECT ('s'::regclass).nextval", Class::Write, "nextval/1"),
        ("UPDATE t SET a = ('x'::text).pg_read_file WHERE b", Class::Admin, "pg_read_file/1"),
        // These are columns, as far as the SQL can tell.
        ("SELECT l.lo_orderkey, l.lo, c.name, c.count, c.purge FROM l, c", Class::Read, ""),
        ("SELECT nextval FROM pg_read_file", Class::Read, ""),
    ] {
        let judgement = judge(sql);
        let effects = effects(sql);
        assert_eq!((judgement.class(), functions(&effects)), (class, words(calls)), "{sql}");
        assert!(class == Class::Read || !effects.reasons.is_empty(), "{sql}");
    }
    assert!(effects("SELECT (1).pg_advisory_lock").locks);
}

#[test]
fn a_name_with_a_dot_is_no_name_in_a_schema() {
    let sql = "SELECT \"information_schema._pg_expandarray\"(ARRAY[1])";
    assert_eq!(judge(sql).class(), Class::Unknown);
    assert_eq!(judge("SELECT information_schema._pg_expandarray(ARRAY[1])").class(), Class::Read);
}

#[test]
fn columns_are_told_in_all_their_disguises() {
    for (sql, expected) in [
        // A whole row after a dot.
        ("SELECT c.to_jsonb FROM customers c", "customers.to_jsonb customers.*"),
        ("SELECT customers.record_send FROM customers", "customers.record_send customers.*"),
        ("SELECT (c).to_json FROM customers c", "?.to_json ?.c customers.*"),
        // Compared without being written as columns.
        ("SELECT 1 FROM customers JOIN guess USING (ssn)", "?.ssn"),
        ("SELECT 1 FROM customers NATURAL JOIN guess", "?.*"),
        // Under another name.
        ("SELECT x FROM customers AS c (id, x)", "?.x customers.*"),
        ("SELECT j.x FROM (customers JOIN t ON true) AS j (a, x)", "?.x ?.*"),
        // Whole rows of a join, and an alias that another part of the text gives to a harmless table.
        ("SELECT j FROM (customers JOIN t ON true) AS j", "?.j ?.*"),
        (
            "SELECT j.ssn FROM (customers JOIN t ON true) AS j WHERE EXISTS (SELECT FROM harmless j)",
            "?.ssn harmless.ssn",
        ),
        ("SELECT u.ssn FROM customers JOIN t USING (ssn) AS u, harmless h", "?.ssn"),
        (
            "UPDATE customers SET a = 1 FROM (SELECT 1 FROM harmless old) q RETURNING old.ssn",
            "customers.a= customers.ssn harmless.ssn",
        ),
        (
            "DELETE FROM customers USING (SELECT 1 FROM harmless x) q RETURNING WITH (OLD AS x) x.ssn",
            "customers.ssn harmless.ssn",
        ),
        ("CREATE RULE r AS ON UPDATE TO customers DO ALSO NOTIFY a", ""),
        (
            "CREATE RULE r AS ON UPDATE TO customers DO ALSO INSERT INTO log (a) VALUES (old.ssn)",
            "log.a= customers.ssn",
        ),
        (
            "CREATE TRIGGER r AFTER UPDATE ON customers FOR EACH ROW WHEN (new.ssn IS NULL) EXECUTE FUNCTION f()",
            "customers.ssn",
        ),
        // All columns are changed.
        ("INSERT INTO customers VALUES (1, 'x')", "customers.*="),
        ("INSERT INTO customers DEFAULT VALUES", "customers.*="),
        ("COPY customers FROM STDIN", "customers.*="),
        ("COPY customers (ssn) FROM STDIN", "customers.ssn="),
        ("MERGE INTO customers USING s ON true WHEN NOT MATCHED THEN INSERT VALUES (1)", "customers.*="),
    ] {
        assert_eq!(columns(&effects(sql)), words(expected), "{sql}");
    }
}

/// `EXPLAIN ANALYZE` opens no cursor either: the name is still that of an earlier cursor.
#[test]
fn a_cursor_that_is_only_explained_is_not_made() {
    for sql in [
        "EXPLAIN DECLARE c CURSOR FOR SELECT 1; FETCH c",
        "EXPLAIN ANALYZE DECLARE c CURSOR FOR SELECT 1; FETCH c",
    ] {
        assert_eq!(judge(sql).class(), Class::Unknown, "{sql}");
        assert_eq!(effects(sql).names.len(), 1, "{sql}");
    }
    assert_eq!(judge("DECLARE c CURSOR FOR SELECT 1; FETCH c").class(), Class::Read);
}

#[test]
fn what_else_was_not_seen() {
    for (sql, class, told) in [
        ("SET search_path = \"PUBLIC\"", Class::Write, ""),
        ("SET search_path = ' public'", Class::Write, ""),
        ("SET search_path = \"$user\", public", Class::Read, ""),
        ("SET enable_rls.tenant = 7", Class::Write, ""),
        ("CREATE FUNCTION f() RETURNS int LANGUAGE sql SET role = x AS 'SELECT 1'", Class::Admin, ""),
        ("ALTER FUNCTION f() SET role = x", Class::Admin, ""),
        ("ALTER FOREIGN TABLE t OPTIONS (SET filename '/etc/passwd')", Class::Admin, "d:t"),
        ("SECURITY LABEL ON TABLE customers IS 'x'", Class::Admin, "d:customers"),
        ("ALTER EXTENSION e DROP TABLE customers", Class::Admin, "d:customers"),
        ("IMPORT FOREIGN SCHEMA s LIMIT TO (customers) FROM SERVER w INTO t", Class::Admin, "d:customers"),
        (
            "CREATE CONSTRAINT TRIGGER t AFTER INSERT ON a FROM customers FOR EACH ROW EXECUTE FUNCTION f()",
            Class::Ddl,
            "d:a r:customers",
        ),
        ("CALL p(1 ORDER BY (SELECT ssn FROM customers))", Class::Unknown, "r:customers"),
        ("SELECT * FROM pg_hba_file_rules", Class::Admin, "r:pg_hba_file_rules"),
        ("TABLE pg_catalog.pg_file_settings", Class::Admin, "r:pg_catalog.pg_file_settings"),
        ("SELECT * FROM public.pg_file_settings", Class::Read, "r:public.pg_file_settings"),
    ] {
        assert_eq!((judge(sql).class(), relations(&effects(sql))), (class, words(told)), "{sql}");
    }
}

/// A megabyte of short words would need gigabytes. And each column of such an assignment holds a copy of the
/// source: without a bound the first of these needs more memory than there is.
#[test]
fn trees_that_need_too_much_memory_are_not_made() {
    let open = "WITH w AS (UPDATE t SET (a, b) = (";
    let nested = format!("{}SELECT 1{}", open.repeat(60), ") RETURNING 1) SELECT 1".repeat(60));
    let columns = vec!["a"; 100_000].join(",");
    let wide = format!("UPDATE t SET ({columns}) = (SELECT '{}')", "x,".repeat(200_000));
    let words = format!("SELECT a{}", ",a".repeat(500_000));
    for sql in [nested, wide, words] {
        assert_eq!(*judge(&sql), Judgement::Unread(Unread::TooLarge));
    }
    assert_eq!(judge("UPDATE t SET (a, b) = (SELECT 1, 2) WHERE c").class(), Class::Write);
}
