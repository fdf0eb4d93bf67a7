//! Which functions are taken for harmless, and what a text may call that it does not seem to call.

use super::*;
use crate::domain::sql::Function;
use crate::protocol::postgres::judge::{Judge, Lexing, cache::Limits};

#[test]
fn a_function_is_harmless_if_all_that_its_name_can_mean_are() {
    let catalog = catalog();
    for (name, arguments, harmless, computes) in [
        // In SQL, and nobody's but a user's: what it calls may write, whatever it says of itself.
        ("getssn", 2, false, false),
        ("public.getssn", 2, false, false),
        ("other.getssn", 2, false, false),
        // In SQL, but of an extension that a superuser has made.
        ("st_area", 1, true, false),
        ("st_astext", 1, true, true),
        // A stable one in C can read tables.
        ("crosses", 1, true, false),
        // One of the functions an aggregate is made of is volatile.
        ("mysum", 1, false, false),
        // Without a schema the one of the server is called, whatever the other says of itself.
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
        // Those of a name with another number of arguments are not meant; a procedure may be.
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

/// What the catalogue says that a text may call, by name.
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
        // It says that it is immutable, but anybody can have made it.
        ("SELECT upper(name) FROM customers", &["upper"]),
        // Those of extensions, in SQL or in C; the latter may be volatile where the server's own is harmless.
        ("SELECT replace(name, 'a', 'b'), gen_random_uuid() FROM customers", &[]),
        // In C, volatile, and not an extension's: an aggregate can be like that.
        ("SELECT random()", &["random"]),
        ("SELECT information_schema._pg_truetypid(1, 2)", &[]),
        ("SELECT length(name), public.nobody() FROM customers", &["public.nobody"]),
        ("SELECT c.lower FROM customers c", &["lower"]),
        ("SELECT s.lower FROM (SELECT 1) s", &["lower"]),
        // It takes no row; behind a value it is a call all the same.
        ("SELECT s.upper FROM (SELECT name AS upper FROM customers) s", &[]),
        ("SELECT c.upper FROM customers c", &[]),
        ("SELECT (s.name).upper FROM (SELECT name FROM customers) s", &["upper"]),
        // With as many arguments as it takes: with its default or without, after VARIADIC any number, those
        // of WITHIN GROUP too.
        ("SELECT round(1), round(1, 2, 3, 4)", &[]),
        ("SELECT round(1, 2)", &["round"]),
        ("SELECT round(1, 2, 3)", &["round"]),
        ("SELECT repeat('a', 2)", &[]),
        ("SELECT repeat('a', 2, 'b')", &["repeat"]),
        ("SELECT repeat('a', 2, 'b', 'c', 'd')", &["repeat"]),
        ("SELECT percentile_cont(0.5) WITHIN GROUP (ORDER BY id) FROM orders", &["percentile_cont"]),
        ("SELECT btrim('a')", &["btrim"]),
        // An array counts as one, an argument by name as any other; what an aggregate is sorted by is none.
        ("SELECT repeat('a', 2, VARIADIC ARRAY['b'])", &["repeat"]),
        ("SELECT repeat('a', VARIADIC ARRAY['b'])", &[]),
        ("SELECT round(b => 1, a => 2)", &["round"]),
        ("SELECT round(b => 1)", &[]),
        ("SELECT lower(name ORDER BY id) FROM customers", &["lower"]),
        ("SELECT percentile_cont(id ORDER BY name) FROM customers", &[]),
        // One without arguments; one that takes any number, and as many in WITHIN GROUP.
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
        // One of its functions is harmless, the other not; its function is harmless by what it says, and
        // dangerous by name.
        ("SELECT a - b FROM orders", &["-"]),
        ("SELECT a * b FROM orders", &["*"]),
        ("PREPARE p AS SELECT 1 + 1; EXPLAIN SELECT 2 % 1", &["%", "+"]),
        // Operators that are not PostgreSQL's: those of extensions are harmless, but not where one of the
        // name is not.
        ("SELECT a <#> b, a OPERATOR(public.<=>) b FROM orders", &[]),
        ("SELECT a <=> b FROM orders", &["<=>"]),
        ("SELECT a OPERATOR(private.<=>) b FROM orders", &["private.<=>"]),
        (
            "SELECT a OPERATOR(other.<#>) b, a @#@ b, a OPERATOR(pg_catalog.<#>) b FROM orders",
            &["@#@", "other.<#>", "pg_catalog.<#>"],
        ),
        // A function under a name that looks like an operator.
        ("SELECT \"<#>\"(1, 2)", &["<#>"]),
        ("SELECT \"<%>\"(1), a <%> b FROM orders", &["<%>", "<%>"]),
        // What is none of them.
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
        // There is such a column in one place, but not in the other.
        ("SELECT wiped.wipe FROM wiped", &[]),
        ("SELECT (SELECT w.wipe FROM (SELECT 1) w) FROM wiped w", &["wipe"]),
        ("SELECT (SELECT wiped.wipe FROM wiped()) FROM wiped", &["wipe", "wiped"]),
        ("SELECT w.wipe FROM wiped AS w(a)", &["wipe"]),
        ("INSERT INTO wiped VALUES (1) RETURNING wiped.wipe", &[]),
        // No call: a plain name, one that is changed, a function that takes no row, a name that is no
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
