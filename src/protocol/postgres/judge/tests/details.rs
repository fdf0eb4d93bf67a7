//! The parts of the effects, one by one.

use super::*;
use crate::domain::sql::{NameAction, NameUse, Transaction, Verb};

#[test]
fn columns_have_their_relations_as_far_as_written() {
    for (sql, expected) in [
        ("SELECT a, c.b, public.t.d FROM customers c, public.t", "?.a customers.b public.t.d"),
        ("SELECT * FROM customers", "?.*"),
        ("SELECT c.* FROM customers c", "customers.*"),
        ("SELECT c FROM customers c", "?.c customers.*"),
        ("SELECT row_to_json(customers) FROM customers", "?.customers customers.*"),
        ("TABLE customers", "?.*"),
        ("COPY customers TO STDOUT", "customers.*"),
        ("COPY customers (id, ssn) TO STDOUT", "customers.id customers.ssn"),
        ("SELECT (c).ssn FROM customers c", "?.ssn ?.c customers.*"),
        ("INSERT INTO t (a, b) VALUES (1, 2) RETURNING c", "t.a= t.b= ?.c"),
        ("INSERT INTO t VALUES (1)", "t.*="),
        ("COPY t FROM STDIN", "t.*="),
        ("MERGE INTO t USING (SELECT) s ON true WHEN NOT MATCHED THEN INSERT VALUES (1)", "t.*="),
        // What a join compares, and columns under other names.
        ("SELECT a FROM t JOIN u USING (ssn)", "?.a ?.ssn"),
        ("SELECT a FROM t NATURAL JOIN u", "?.a ?.*"),
        ("SELECT c.b FROM t AS c(a, b)", "t.b t.*"),
        ("SELECT c.b FROM (t CROSS JOIN u) AS c(a, b)", "?.b ?.*"),
        ("UPDATE t SET a = b WHERE c = 1", "t.a= ?.b ?.c"),
        ("SELECT a FROM t GROUP BY b HAVING max(c) > 1 ORDER BY d", "?.a ?.b ?.c ?.d"),
        ("SELECT count(*) FROM t", ""),
        // Other names for the columns hide which ones are read.
        ("SELECT x || '' FROM customers AS c (a, b, x)", "?.x customers.*"),
        ("SELECT x FROM (customers JOIN t USING (id)) AS j (a, x)", "?.x ?.id ?.*"),
        ("SELECT x FROM customers AS c", "?.x"),
        ("SELECT x.a FROM t x, u x2 WHERE EXISTS (SELECT FROM v x WHERE x.a = 1)", "t.a v.a"),
    ] {
        assert_eq!(columns(&effects(sql)), words(expected), "{sql}");
    }
}

#[test]
fn functions_have_schema_name_and_number_of_arguments() {
    let found = effects("SELECT lower(a), s.purge(1, 2), extract(year FROM b), count(*) FROM t");
    let shown: BTreeSet<String> =
        found.functions.iter().map(|call| format!("{}/{}", call.object, call.arguments)).collect();
    assert_eq!(shown, words("lower/1 s.purge/2 pg_catalog.extract/2 count/0"));
    let call = effects("CALL s.purge(1, lower('a'))");
    assert_eq!(call.functions.len(), 2);
}

#[test]
fn settings_are_told_with_their_values() {
    let settings = |sql: &str| -> Vec<(Option<String>, Option<String>)> {
        let text = |text: &Option<Box<str>>| text.as_deref().map(str::to_owned);
        effects(sql).settings.iter().map(|set| (text(&set.name), text(&set.value))).collect()
    };
    let some = |text: &str| Some(text.to_owned());
    assert_eq!(settings("SET search_path TO a, \"B\""), [(some("search_path"), some("a, B"))]);
    // Each is one schema, whatever is in its name: none of them is a usual one.
    let odd = "SET search_path TO 'public, public', \" public\"";
    assert_eq!(settings(odd), [(some("search_path"), some("\"public, public\", \" public\""))]);
    for path in ["'public, public'", "\" public\"", "'\"public\"'", "\"public\"\"\""] {
        assert!(effects(&format!("SET search_path TO {path}")).moves_names(Class::Write), "{path}");
    }
    assert!(!effects("SET search_path TO \"$user\", public").moves_names(Class::Read));
    assert_eq!(settings("RESET ALL"), [(some("all"), None)]);
    assert_eq!(settings("SET TIME ZONE INTERVAL '2 hours'"), [(some("timezone"), some("2 hours"))]);
    assert_eq!(settings("SELECT set_config('App.Tenant', '7', true)"), [(some("app.tenant"), some("7"))]);
    assert_eq!(settings("SELECT set_config($1, '7', true)"), [(None, some("7"))]);
    assert_eq!(settings("BEGIN READ ONLY"), [(some("transaction_read_only"), some("1"))]);
    assert!(effects("SET client_encoding TO 'UTF8'").changes_lexing());
    assert!(effects("RESET ALL").changes_lexing() && effects("DISCARD ALL").changes_lexing());
    assert!(!effects("SET work_mem = '1MB'").changes_lexing());
}

#[test]
fn a_condition_of_constants_that_always_holds_is_none() {
    for condition in [
        "true",
        "1 = 1",
        "'t'",
        "'a' = 'a'",
        "2 > 1.5",
        "0x10 = 16",
        "NOT false",
        "'yes'::bool",
        "a = 1 OR true",
        "1 = 1 AND (2 <> 3 AND true)",
        "NOT (1 = 2 AND a = 1)",
        "1::bool",
        "true = true",
        "true <> false",
        "1 IS NOT NULL",
        "NULL IS NULL",
        "true IS TRUE",
        "(1 = 1) IS NOT FALSE",
        "NULL IS UNKNOWN",
        "9007199254740993 > 9007199254740992",
    ] {
        for sql in ["DELETE FROM t WHERE", "UPDATE t SET a = 1 WHERE", "DELETE FROM t USING u WHERE"] {
            assert!(effects(&format!("{sql} {condition}")).all_rows, "{sql} {condition}");
        }
        assert!(!effects(&format!("EXPLAIN DELETE FROM t WHERE {condition}")).all_rows);
    }
    for condition in [
        "false",
        "1 = 2",
        "'n'",
        "'a' = 'b'",
        "NULL",
        "$1",
        "$1 = $1",
        "a = a",
        "1 = 1 AND a = 1",
        "false OR a = 1",
        "NOT true",
        "CURRENT OF c",
        "'a' < 'b'",
        "now() = now()",
        "1 OPERATOR(s.=) 1",
        "1 IN (1)",
        "0::bool",
        "true = false",
        "1 IS NULL",
        "a IS NOT NULL",
        "true IS FALSE",
        "a IS NOT TRUE",
        "9007199254740993 = 9007199254740992",
        // Closer together than is compared.
        "1.00000000000000000001 = 1.0",
    ] {
        assert!(!effects(&format!("DELETE FROM t WHERE {condition}")).all_rows, "{condition}");
    }
    // Deeper than anybody writes it: counts as a condition.
    assert!(!effects(&format!("DELETE FROM t WHERE {}true", "NOT NOT ".repeat(200))).all_rows);
}

#[test]
fn a_merge_of_all_rows_is_told() {
    let merge = |on, when| effects(&format!("MERGE INTO t USING (SELECT 1) s ON {on} WHEN {when}"));
    for (on, when, all, some) in [
        ("true", "MATCHED THEN DELETE", true, false),
        ("1 = 1", "MATCHED AND 1 = 1 THEN UPDATE SET a = 1", true, false),
        ("false", "NOT MATCHED BY SOURCE THEN DELETE", true, false),
        ("true", "MATCHED AND t.a = 1 THEN DELETE", false, true),
        ("true", "MATCHED AND t.a = 1 THEN DELETE WHEN MATCHED THEN DELETE", true, true),
        ("false", "MATCHED THEN DELETE", false, true),
        ("t.a = 1", "MATCHED THEN DELETE", false, true),
        ("t.a = 1", "NOT MATCHED BY SOURCE THEN DELETE", false, true),
        ("true", "NOT MATCHED THEN INSERT VALUES (1)", false, false),
        ("true", "MATCHED THEN DO NOTHING", false, false),
    ] {
        let found = merge(on, when);
        assert_eq!((found.all_rows, found.some_rows), (all, some), "{on} {when}");
    }
}

#[test]
fn settings_that_are_changed_for_others_are_told_and_change_nothing_here() {
    for (sql, name, value) in [
        ("ALTER ROLE app SET search_path = evil", Some("search_path"), Some("evil")),
        ("ALTER ROLE ALL IN DATABASE db RESET row_security", Some("row_security"), None),
        ("ALTER DATABASE db SET Row_Security = off", Some("row_security"), Some("off")),
        ("ALTER SYSTEM SET sort_mem = '1MB'", Some("work_mem"), Some("1MB")),
        ("ALTER SYSTEM RESET ALL", Some("all"), None),
        (
            "CREATE FUNCTION f() RETURNS int LANGUAGE sql SET search_path = evil AS 'SELECT 1'",
            Some("search_path"),
            Some("evil"),
        ),
        ("ALTER FUNCTION f() SET search_path FROM CURRENT", Some("search_path"), None),
        ("ALTER PROCEDURE f() RESET ALL", Some("all"), None),
    ] {
        let found = effects(sql);
        let told: Vec<(Option<&str>, Option<&str>)> =
            found.changed_settings().map(|set| (set.name.as_deref(), set.value.as_deref())).collect();
        assert_eq!(told, [(name, value)], "{sql}");
        assert!(found.settings.is_empty() && !found.verbs.contains(&Verb::Set), "{sql}");
        assert!(!found.moves_names(Class::Admin) && !found.changes_lexing(), "{sql}");
    }
}

#[test]
fn settings_have_the_names_that_they_have_now() {
    for sql in ["SET Sort_Mem = '1MB'", "RESET sort_mem", "SELECT set_config('sort_mem', '1MB', false)"] {
        let found = effects(sql);
        assert!(found.settings.iter().all(|set| set.name.as_deref() == Some("work_mem")), "{sql}");
    }
    let vacuum = effects("SET vacuum_mem = '1MB'");
    assert_eq!(vacuum.settings.first().unwrap().name.as_deref(), Some("maintenance_work_mem"));
    // What a client sets is never taken for what was set before it.
    let same = effects("SELECT set_config('search_path', '?', false)");
    assert!(!same.moved_before && same.changed_settings().count() == 1);
    let moved = effects("SELECT 1").with_moved_names();
    assert!(moved.moved_before && moved.moves_names(Class::Read) && moved.changed_settings().count() == 0);
}

#[test]
fn rows_of_the_settings_are_settings() {
    for sql in [
        "UPDATE pg_settings SET setting = 'x' WHERE name = 'role'",
        "UPDATE pg_catalog.pg_settings s SET setting = 'x'",
    ] {
        let found = effects(sql);
        assert!(
            found.settings.iter().any(|setting| setting.name.is_none()) && found.changes_lexing(),
            "{sql}"
        );
    }
    assert!(effects("SELECT * FROM pg_settings").settings.is_empty());
    assert!(effects("UPDATE s.pg_settings SET setting = 'x'").settings.is_empty());
}

#[test]
fn all_rows_locks_and_channels_are_told() {
    assert!(effects("DELETE FROM t").all_rows && effects("UPDATE t SET a = 1").all_rows);
    assert!(!effects("DELETE FROM t WHERE a").all_rows && !effects("EXPLAIN DELETE FROM t").all_rows);
    assert!(effects("SELECT 1; WITH d AS (DELETE FROM t) SELECT 1").all_rows);
    for sql in ["SELECT 1 FROM t FOR SHARE", "LOCK t", "SELECT pg_advisory_lock(1)"] {
        assert!(effects(sql).locks, "{sql}");
    }
    assert!(!effects("SELECT pg_advisory_unlock(1), pg_advisory_unlock_all()").locks);
    assert!(!effects("SELECT 1").locks && !effects("LOCK t IN ACCESS SHARE MODE").locks);
    let channels: Vec<(bool, Option<Box<str>>)> =
        effects("LISTEN a; NOTIFY b; UNLISTEN *; SELECT pg_notify('c', '')")
            .channels
            .into_iter()
            .map(|channel| (channel.sends, channel.name))
            .collect();
    let some = |text: &str| Some(text.into());
    assert_eq!(channels, [(false, None), (false, some("a")), (true, some("b")), (true, some("c"))]);
}

#[test]
fn a_row_on_which_a_cursor_stands_is_changed_by_the_name_of_the_cursor() {
    for sql in ["DELETE FROM t WHERE CURRENT OF c", "UPDATE t SET a = 1 WHERE CURRENT OF c"] {
        let found = effects(sql);
        let wanted = NameUse { action: NameAction::Position, name: Some("c".into()) };
        assert_eq!((&found.names[..], found.is_at_cursor()), (&[wanted][..], true), "{sql}");
        assert_eq!(found.class_with(|_| Some(Class::Read)), Class::Write, "{sql}");
        assert_eq!(found.class_with(|_| None), Class::Unknown, "{sql}");
    }
    let whole = "DECLARE c CURSOR FOR SELECT a FROM t; FETCH c; DELETE FROM t WHERE CURRENT OF c";
    assert!(!effects(whole).is_at_cursor(), "the text tells all of it");
}

#[test]
fn names_and_transactions_keep_their_order() {
    let found = effects(
        "BEGIN; PREPARE p AS SELECT 1; EXECUTE p; SAVEPOINT s; DECLARE c CURSOR FOR SELECT 1; FETCH c; CLOSE ALL; \
         ROLLBACK TO s; RELEASE s; DEALLOCATE p; COMMIT",
    );
    let actions: Vec<NameAction> = found.names.iter().map(|name| name.action).collect();
    assert_eq!(
        actions,
        [
            NameAction::Prepare,
            NameAction::Execute,
            NameAction::Declare,
            NameAction::Fetch,
            NameAction::Close,
            NameAction::Deallocate
        ]
    );
    assert_eq!(
        found.transaction,
        [
            Transaction::Begin,
            Transaction::Savepoint,
            Transaction::RollbackTo,
            Transaction::Release,
            Transaction::Commit
        ]
    );
    assert_eq!(found.statements, 11);
    assert_eq!(found.class(), Class::Read);
}

#[test]
fn a_session_can_say_what_a_name_is() {
    let found = effects("EXECUTE p; FETCH c");
    assert_eq!(found.class(), Class::Unknown);
    assert_eq!(found.class_with(|_| Some(Class::Read)), Class::Read);
    let known = |name: &NameUse| (name.name.as_deref() == Some("p")).then_some(Class::Write);
    assert_eq!(found.class_with(known), Class::Unknown);
}

#[test]
fn syntax_errors_say_what_and_where() {
    for (sql, message, position) in [
        ("SELEC 1", "syntax error at or near \"SELEC\"", Some(0)),
        ("SELECT a FROM FROM a", "syntax error at or near \"FROM\"", Some(14)),
        ("SELECT 1 FROM a a a", "syntax error at or near \"a\"", Some(18)),
        ("SELECT (1", "syntax error at end of input", Some(9)),
        ("SELECT 'a', 'b", "unterminated quoted string at or near \"'b\"", Some(12)),
    ] {
        match &*judge(sql) {
            Judgement::Syntax(error) => {
                assert_eq!((&*error.message, error.position), (message, position), "{sql}");
            }
            other => panic!("{sql}: {other:?}"),
        }
    }
}

#[test]
fn the_same_text_is_judged_once() {
    let first = judge("SELECT 'the same text'");
    assert!(Arc::ptr_eq(&first, &judge("SELECT 'the same text'")));
}

#[test]
fn only_what_is_named_with_only_is_without_its_children() {
    for (sql, told) in [
        ("SELECT * FROM a", "a"),
        ("SELECT * FROM a *", "a"),
        ("SELECT * FROM ONLY a", "ONLY:a"),
        ("SELECT * FROM ONLY (s.a) x, b", "ONLY:s.a b"),
        ("SELECT * FROM ONLY a, a", "ONLY:a a"),
        ("INSERT INTO a VALUES (1)", "a"),
        ("UPDATE a SET x = 1 WHERE y", "a"),
        ("UPDATE ONLY a SET x = 1 WHERE y", "ONLY:a"),
        ("DELETE FROM a USING ONLY b", "a ONLY:b"),
        ("DELETE FROM ONLY a", "ONLY:a"),
        ("MERGE INTO ONLY a USING b ON true WHEN MATCHED THEN DELETE", "ONLY:a b"),
        ("TRUNCATE a, ONLY b", "a ONLY:b"),
        ("LOCK TABLE a", "a"),
        ("LOCK TABLE ONLY a", "ONLY:a"),
        ("ALTER TABLE a ADD x int", "a"),
        ("ALTER TABLE ONLY a ADD x int", "ONLY:a"),
        ("COPY a TO STDOUT", "a"),
        ("COPY (TABLE a) TO STDOUT", "a"),
        ("COPY (TABLE ONLY a) TO STDOUT", "ONLY:a"),
        ("COPY a FROM STDIN", "a"),
        ("DROP TABLE a", "a"),
        ("CREATE TABLE a PARTITION OF b DEFAULT", "a b"),
        ("CREATE TABLE a () INHERITS (b)", "a b"),
        ("ALTER TABLE a ATTACH PARTITION b DEFAULT", "a b"),
        ("ALTER TABLE a INHERIT b", "a b"),
        ("CREATE TABLE a AS TABLE b", "a b"),
        ("SELECT * INTO a FROM b", "a b"),
        ("CREATE VIEW a AS SELECT * FROM b", "a b"),
        ("CREATE INDEX ON a (x)", "a"),
        ("VACUUM a", "a"),
        ("ANALYZE a", "a"),
        ("CLUSTER a USING i", "a"),
        ("REINDEX TABLE a", "a"),
        ("GRANT SELECT ON a TO x", "a"),
        ("COMMENT ON TABLE a IS 'x'", "a"),
        ("EXPLAIN SELECT * FROM a", "a"),
        ("SELECT * FROM a FOR UPDATE", "a"),
        ("SELECT * FROM a TABLESAMPLE SYSTEM (1)", "a"),
        ("DECLARE c CURSOR FOR SELECT * FROM a", "a"),
        ("PREPARE p AS DELETE FROM a", "a"),
    ] {
        let mark = |only| if only { "ONLY:" } else { "" };
        let found: BTreeSet<String> =
            effects(sql).relations.iter().map(|of| format!("{}{}", mark(of.only), of.object)).collect();
        assert_eq!(found, words(told), "{sql}");
    }
}

#[test]
fn what_is_used_without_being_named_is_told_by_its_schema() {
    for (sql, told) in [
        ("GRANT SELECT ON ALL TABLES IN SCHEMA hr, s TO x", "hr.* s.*"),
        ("REVOKE ALL ON ALL SEQUENCES IN SCHEMA hr FROM x", "hr.*"),
        ("GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA hr TO x", ""),
        ("GRANT SELECT ON t TO x", ""),
        ("ALTER DEFAULT PRIVILEGES IN SCHEMA hr GRANT SELECT ON TABLES TO x", "hr.*"),
        ("ALTER DEFAULT PRIVILEGES GRANT SELECT ON TABLES TO x", "*"),
        ("ALTER DEFAULT PRIVILEGES FOR ROLE y REVOKE USAGE ON SEQUENCES FROM x", "*"),
        ("ALTER DEFAULT PRIVILEGES GRANT EXECUTE ON FUNCTIONS TO x", ""),
        ("REINDEX SCHEMA hr", "hr.*"),
        ("REINDEX DATABASE db", "*"),
        ("REINDEX TABLE t", ""),
        ("VACUUM", "*"),
        ("VACUUM t", ""),
        ("ANALYZE", "*"),
        ("CLUSTER", "*"),
        ("ALTER SCHEMA hr RENAME TO x", "hr.*"),
        ("ALTER SCHEMA hr OWNER TO x", ""),
        ("ALTER EXTENSION e SET SCHEMA x", "*"),
        ("DROP SCHEMA hr, s CASCADE", "* hr.* s.*"),
        ("DROP SCHEMA hr", ""),
        ("DROP OWNED BY x", "*"),
        ("REASSIGN OWNED BY x TO y", "*"),
        ("DROP TYPE t CASCADE", "*"),
        ("DROP FUNCTION f() CASCADE", "*"),
        ("DROP EXTENSION e CASCADE", "*"),
        ("DROP TYPE t", ""),
        ("DROP TABLE t CASCADE", ""),
        ("ALTER TYPE t RENAME ATTRIBUTE a TO b CASCADE", "*"),
        ("ALTER TYPE t DROP ATTRIBUTE a CASCADE", "*"),
        ("ALTER TYPE t DROP ATTRIBUTE a", ""),
        ("ALTER TABLE t DROP a CASCADE", ""),
        ("ALTER TABLE ALL IN TABLESPACE a SET TABLESPACE b", "*"),
        ("CREATE PUBLICATION p FOR ALL TABLES", "*"),
        ("CREATE PUBLICATION p FOR TABLES IN SCHEMA hr, TABLE t", "hr.*"),
        ("ALTER PUBLICATION p ADD TABLES IN SCHEMA CURRENT_SCHEMA", "*"),
        ("CREATE SUBSCRIPTION s CONNECTION '' PUBLICATION p", "*"),
        ("IMPORT FOREIGN SCHEMA a FROM SERVER s INTO hr", "hr.*"),
        // Any relation may refer to it, as long as the catalog has not told.
        ("TRUNCATE a, s.b CASCADE", "*"),
        ("TRUNCATE a", ""),
    ] {
        let found = effects(sql);
        let any = |schema: Option<&str>| schema.map_or("*".to_owned(), |schema| format!("{schema}.*"));
        assert_eq!(found.any_of().map(any).collect::<BTreeSet<_>>(), words(told), "{sql}");
    }
    let found = effects("TRUNCATE a, ONLY s.b CASCADE");
    let cascades: Vec<String> = found
        .cascades
        .iter()
        .map(|of| format!("{}{}", of.object, if of.only { " only" } else { "" }))
        .collect();
    assert_eq!(cascades, ["a", "s.b only"]);
    let told =
        found.with_emptied([crate::domain::sql::Object { schema: Some("hr".into()), name: "c".into() }]);
    assert_eq!(told.any_of().count(), 0);
    assert_eq!(relations(&told), words("w:a w:s.b w:hr.c"));
}

#[test]
fn sequences_are_told_by_the_names_that_functions_are_given() {
    for (sql, told) in [
        ("SELECT nextval('s')", "s"),
        ("SELECT setval('hr.s2', 7)", "hr.s2"),
        ("SELECT pg_catalog.currval('db.hr.s2'::regclass)", "hr.s2"),
        ("SELECT nextval('S2'::text)", "s2"),
        ("SELECT nextval(' \"Hr\" . \"a\"\"b.c\" ')", "Hr.a\"b.c"),
        ("SELECT nextval(CAST('s'::text AS pg_catalog.regclass))", "s"),
        ("INSERT INTO t VALUES (nextval('t_id_seq'))", "t_id_seq"),
        ("CREATE TABLE t (id int DEFAULT nextval('s'))", "s"),
        ("SELECT setval(pg_get_serial_sequence('\"T\"', 'id'), 1)", "T"),
        // Computed, an oid, or not a name.
        ("SELECT nextval($1)", "?"),
        ("SELECT nextval('16400')", "?"),
        ("SELECT nextval(16400)", "?"),
        ("SELECT nextval(('h' || 'r.s')::regclass)", "?"),
        ("SELECT nextval('a.b.c.d')", "?"),
        ("SELECT nextval('a b')", "?"),
        ("SELECT nextval('')", "?"),
        ("SELECT nextval('\"\"')", "?"),
        ("SELECT nextval('s'::evil.regclass)", "?"),
        ("SELECT nextval('s'::varchar(1))", "?"),
        ("SELECT ('s'::regclass).nextval", "?"),
        ("SELECT s.currval FROM CAST('s' AS regclass) s", "?"),
        ("SELECT evil.nextval('s'), lastval(), setseed(1)", ""),
    ] {
        let found = effects(sql);
        let name = |of: &Option<crate::domain::sql::Object>| {
            of.as_ref().map_or_else(|| "?".to_owned(), ToString::to_string)
        };
        assert_eq!(found.sequences.iter().map(name).collect::<BTreeSet<_>>(), words(told), "{sql}");
    }
}

#[test]
fn columns_of_definitions_are_told() {
    for (sql, told) in [
        ("ALTER TABLE s.t DROP COLUMN a, ALTER b SET STATISTICS 7, ADD c int", "s.t.a~ s.t.b~"),
        ("ALTER TABLE t ALTER a TYPE text, ALTER b SET DEFAULT 1, ALTER c DROP NOT NULL", "t.a~ t.b~ t.c~"),
        ("ALTER TABLE t ALTER a SET STORAGE plain, ALTER b ADD GENERATED ALWAYS AS IDENTITY", "t.a~ t.b~"),
        ("ALTER TABLE t ADD UNIQUE (a) INCLUDE (b), DROP CONSTRAINT c, CLUSTER ON i", "t.a~ t.b~"),
        ("ALTER TABLE t ADD FOREIGN KEY (a) REFERENCES u (b)", "t.a~ u.b~"),
        ("ALTER TABLE t ADD EXCLUDE USING gist (a WITH =)", "t.a~"),
        ("CREATE TABLE t (a int REFERENCES u (b), FOREIGN KEY (a) REFERENCES s.u (c))", "u.b~ s.u.c~"),
        ("CREATE INDEX ON t (a, (lower(b))) INCLUDE (c)", "t.a~ t.c~ ?.b"),
        ("CREATE STATISTICS x ON a, b FROM t", "t.a~ t.b~"),
        ("CREATE TRIGGER g BEFORE UPDATE OF a ON t EXECUTE FUNCTION f()", "t.a~"),
        ("INSERT INTO t (a) VALUES (1) ON CONFLICT (b, lower(c)) DO NOTHING", "t.a= t.b~ ?.c"),
        ("COMMENT ON COLUMN s.t.a IS ''", "s.t.a~"),
        ("COMMENT ON TABLE t IS ''", ""),
        ("GRANT SELECT (a), UPDATE (b) ON t TO x", "t.a~ t.b~"),
        ("ANALYZE t (a)", "t.a~"),
        ("CREATE PUBLICATION p FOR TABLE t (a)", "t.a~"),
    ] {
        assert_eq!(columns(&effects(sql)), words(told), "{sql}");
    }
}

#[test]
fn what_is_found_under_another_name_counts_as_read() {
    for (sql, read, kept) in [
        ("ALTER TABLE t RENAME a TO b", "t.a", "t.a"),
        ("ALTER TABLE t SET SCHEMA x", "t.*", "t.*"),
        ("ALTER SCHEMA s RENAME TO x", "?.*", "?.*"),
        ("ALTER EXTENSION e SET SCHEMA x", "?.*", "?.*"),
        ("ALTER TYPE s.t RENAME ATTRIBUTE a TO b CASCADE", "?.a", "?.a"),
        ("ALTER TABLE t DETACH PARTITION s.p", "s.p.*", ""),
        ("ALTER TABLE t DETACH PARTITION p CONCURRENTLY", "p.*", ""),
        ("ALTER TABLE t DETACH PARTITION p FINALIZE", "p.*", ""),
        ("ALTER TABLE t NO INHERIT u", "t.*", ""),
        ("ALTER TABLE t INHERIT u", "", ""),
        ("ALTER TABLE t ATTACH PARTITION p DEFAULT", "", ""),
        ("ALTER INDEX i RENAME TO j", "", ""),
    ] {
        let found = effects(sql);
        let kept_columns = Effects { columns: found.kept.clone(), ..Effects::default() };
        assert_eq!((columns(&found), columns(&kept_columns)), (words(read), words(kept)), "{sql}");
    }
}
