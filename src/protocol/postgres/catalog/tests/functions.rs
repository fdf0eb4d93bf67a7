//! Tests which functions count as harmless, and what a text may call without naming it.

use super::*;
use crate::domain::sql::Function;
use crate::protocol::postgres::judge::{Judge, Lexing, cache::Limits};

#[test]
fn a_function_is_harmless_if_all_that_its_name_can_mean_are() {
    let catalog = catalog();
    for (name, arguments, harmless, computes) in [
        // Written in SQL by a user: what it calls may write, whatever it is declared as.
        ("getssn", 2, false, false),
        ("public.getssn", 2, false, false),
        ("other.getssn", 2, false, false),
        // Written in SQL, but part of an extension that a superuser has installed.
        ("st_area", 1, true, false),
        ("st_astext", 1, true, true),
        // A stable function in C can read tables.
        ("crosses", 1, true, false),
        // One of the support functions of an aggregate is volatile.
        ("mysum", 1, false, false),
        // Without a schema the server's own is called, whatever the other is declared as.
        ("pg_sleep", 1, false, false),
        ("public.pg_sleep", 1, true, true),
        ("pg_catalog.pg_sleep", 1, false, false),
        ("pg_catalog.nobody", 1, false, false),
        ("owned", 2, false, false),
        ("purge", 1, false, false),
        ("py", 2, false, false),
        ("two", 2, false, false),
        ("public.two", 2, true, true),
        ("private.two", 2, false, false),
        ("nobody", 1, false, false),
        // Functions with the name but another number of arguments are not meant; a procedure may be.
        ("area", 1, true, false),
        ("area", 2, false, false),
        ("area", 3, false, false),
        ("area", 4, false, false),
        ("purge", 5, false, false),
        ("two", 1, false, false),
        ("public.two", 3, false, true),
    ] {
        let call = Function { object: object(name), arguments };
        assert_eq!(catalog.harmless(&call), harmless, "{name} {arguments}");
        assert_eq!(catalog.computes(&object(name)), computes, "{name}");
    }
    assert!(catalog.has_function("getssn") && !catalog.has_function("nobody"));
}

/// Returns what the catalog says that a text may call, by name.
fn opaque(catalog: &Catalog, sql: &str) -> Vec<String> {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let judge = Judge::start(1, Limits::default()).unwrap();
    let judgement = runtime.block_on(judge.judge(sql.as_bytes(), Lexing::default()));
    let effects = judgement.effects().unwrap_or_else(|| panic!("{sql}: {judgement:?}"));
    catalog.opaque(effects).into_iter().map(|function| function.object.to_string()).collect()
}

#[test]
fn what_has_its_name_from_one_of_the_server_is_seen() {
    let catalog = catalog();
    for (sql, wanted) in [
        // Functions.
        ("SELECT lower(name) FROM customers", &["lower"][..]),
        ("SELECT pg_catalog.lower(name) FROM customers", &[]),
        // It is declared immutable, but anybody can have created it.
        ("SELECT upper(name) FROM customers", &["upper"]),
        // Functions of extensions, in SQL or in C; the latter may be volatile where the server's own is
        // harmless.
        ("SELECT replace(name, 'a', 'b'), gen_random_uuid() FROM customers", &[]),
        // Written in C, volatile, and of no extension: an aggregate can be like that.
        ("SELECT random()", &["random"]),
        ("SELECT information_schema._pg_truetypid(1, 2)", &[]),
        ("SELECT length(name), public.nobody() FROM customers", &["public.nobody"]),
        ("SELECT c.lower FROM customers c", &["lower"]),
        ("SELECT s.lower FROM (SELECT 1) s", &["lower"]),
        // It takes no row; after a value it is a call all the same.
        ("SELECT s.upper FROM (SELECT name AS upper FROM customers) s", &[]),
        ("SELECT c.upper FROM customers c", &[]),
        ("SELECT (s.name).upper FROM (SELECT name FROM customers) s", &["upper"]),
        // With as many arguments as it takes: with its default or without, after VARIADIC any number, and
        // those of WITHIN GROUP count.
        ("SELECT round(1), round(1, 2, 3, 4)", &[]),
        ("SELECT round(1, 2)", &["round"]),
        ("SELECT round(1, 2, 3)", &["round"]),
        ("SELECT repeat('a', 2)", &[]),
        ("SELECT repeat('a', 2, 'b')", &["repeat"]),
        ("SELECT repeat('a', 2, 'b', 'c', 'd')", &["repeat"]),
        ("SELECT percentile_cont(0.5) WITHIN GROUP (ORDER BY id) FROM orders", &["percentile_cont"]),
        ("SELECT btrim('a')", &["btrim"]),
        // An array counts as one, a named argument as any other; what an aggregate is sorted by does not
        // count.
        ("SELECT repeat('a', 2, VARIADIC ARRAY['b'])", &["repeat"]),
        ("SELECT repeat('a', VARIADIC ARRAY['b'])", &[]),
        ("SELECT round(b => 1, a => 2)", &["round"]),
        ("SELECT round(b => 1)", &[]),
        ("SELECT lower(name ORDER BY id) FROM customers", &["lower"]),
        ("SELECT percentile_cont(id ORDER BY name) FROM customers", &[]),
        // One without arguments; one that takes any number, also in WITHIN GROUP.
        ("SELECT sum(*) FROM orders", &["sum"]),
        ("SELECT sum(total) FROM orders", &[]),
        ("SELECT rank(1) WITHIN GROUP (ORDER BY id) FROM orders", &["rank"]),
        ("SELECT rank(1, 2) WITHIN GROUP (ORDER BY id, total) FROM orders", &["rank"]),
        ("SELECT rank() OVER (ORDER BY id) FROM orders", &[]),
        // Operators.
        ("SELECT 'a' + 'b'", &["+"]),
        ("SELECT 'a' OPERATOR(pg_catalog.+) 'b'", &[]),
        ("SELECT 1 FROM orders WHERE id = 1 AND a <-> b < 1 AND a ~~ b", &[]),
        ("SELECT 1 FROM orders WHERE id % 2 = 1", &["%"]),
        ("SELECT 1 FROM orders ORDER BY id USING -", &["-"]),
        ("SELECT a # b FROM orders", &["#"]),
        // One of its functions is harmless, the other not; its function is declared harmless, and dangerous
        // by name.
        ("SELECT a - b FROM orders", &["-"]),
        ("SELECT a * b FROM orders", &["*"]),
        ("PREPARE p AS SELECT 1 + 1; EXPLAIN SELECT 2 % 1", &["%", "+"]),
        // Operators that are not PostgreSQL's: those of extensions are harmless, unless another with the name
        // is not.
        ("SELECT a <#> b, a OPERATOR(public.<=>) b FROM orders", &[]),
        ("SELECT a <=> b FROM orders", &["<=>"]),
        ("SELECT a OPERATOR(private.<=>) b FROM orders", &["private.<=>"]),
        (
            "SELECT a OPERATOR(other.<#>) b, a @#@ b, a OPERATOR(pg_catalog.<#>) b FROM orders",
            &["@#@", "other.<#>", "pg_catalog.<#>"],
        ),
        // A function whose name looks like an operator.
        ("SELECT \"<#>\"(1, 2)", &["<#>"]),
        ("SELECT \"<%>\"(1), a <%> b FROM orders", &["<%>", "<%>"]),
        // Neither of them.
        ("SELECT id, name FROM customers ORDER BY id", &[]),
    ] {
        assert_eq!(opaque(&catalog, sql), wanted, "{sql}");
    }
    assert!(catalog.hides() && !Catalog::default().hides());
}

#[test]
fn a_name_behind_a_dot_is_a_call_where_there_is_no_such_column() {
    let catalog = catalog();
    for (sql, wanted) in [
        ("SELECT c.wipe FROM customers c", &["wipe"][..]),
        ("SELECT public.customers.wipe FROM public.customers", &["wipe"]),
        ("SELECT id FROM orders WHERE orders.wipe > 0", &["wipe"]),
        ("SELECT (c).wipe FROM customers c", &["wipe"]),
        ("SELECT (c.x).wipe FROM customers c", &["wipe"]),
        ("SELECT s.wipe FROM (SELECT * FROM customers) s", &["wipe"]),
        ("WITH s AS (SELECT * FROM customers) SELECT s.wipe FROM s", &["wipe"]),
        ("WITH w AS (SELECT * FROM customers) SELECT s.wipe FROM w s", &["wipe"]),
        ("SELECT pg_class.wipe FROM pg_class", &["wipe"]),
        ("SELECT j.wipe FROM (customers JOIN orders USING (id)) AS j", &["wipe"]),
        // The column exists in one of the places only.
        ("SELECT wiped.wipe FROM wiped", &[]),
        ("SELECT (SELECT w.wipe FROM (SELECT 1) w) FROM wiped w", &["wipe"]),
        ("SELECT (SELECT wiped.wipe FROM wiped()) FROM wiped", &["wipe", "wiped"]),
        ("SELECT w.wipe FROM wiped AS w(a)", &["wipe"]),
        ("INSERT INTO wiped VALUES (1) RETURNING wiped.wipe", &[]),
        // No call: a plain name, a column that is changed, a function that takes no row, a name that is no
        // function's.
        ("SELECT wipe FROM customers", &[]),
        ("UPDATE customers SET wipe = 1", &[]),
        ("SELECT c.fires FROM customers c", &[]),
        ("SELECT c.ssn, c.nobody FROM customers c", &[]),
        // Harmless ones.
        ("SELECT c.crosses, c.st_astext FROM customers c", &[]),
    ] {
        assert_eq!(opaque(&catalog, sql), wanted, "{sql}");
    }
    let fields: std::collections::BTreeSet<&str> = catalog.fields().collect();
    assert_eq!(fields.into_iter().collect::<Vec<_>>(), ["<%>", "lower", "mysum", "rank", "wipe"]);
}
