//! Tests which texts are judged as one, and which must not be.

use proptest::prelude::*;

use super::super::alike::{Alike, is_of_all};
use super::*;

fn alike(sql: &str) -> Option<String> {
    Alike::of(sql.as_bytes()).map(|alike| String::from_utf8(alike.as_bytes().to_vec()).unwrap())
}

#[test]
fn numbers_of_values_are_alike() {
    for (sql, common) in [
        (
            "SELECT abalance FROM accounts WHERE aid = 4711;",
            "SELECT abalance FROM accounts WHERE aid = 1111;",
        ),
        ("select 10-20", "select 11-11"),
        (
            "\n INSERT INTO t (a1, b) VALUES (10, -999999999) ; ",
            "\n INSERT INTO t (a1, b) VALUES (11, -111111111) ; ",
        ),
        ("DELETE FROM t WHERE a>=42", "DELETE FROM t WHERE a>=11"),
        ("update t set a=a+17 where b in(1,23)", "update t set a=a+11 where b in(1,11)"),
        // Only whole numbers.
        (
            "SELECT t10, 1.25, 10.5, 1e10, 0x10, 1_000, 12 FROM t",
            "SELECT t10, 1.25, 10.5, 1e10, 0x10, 1_000, 11 FROM t",
        ),
        // No column position, no flag, and only what is an `integer`.
        (
            "SELECT 11, 00, 012, 9999999999 FROM t ORDER BY 2",
            "SELECT 11, 00, 012, 9999999999 FROM t ORDER BY 2",
        ),
    ] {
        assert_eq!(alike(sql).as_deref(), Some(common), "{sql}");
    }
}

#[test]
fn all_other_texts_are_their_own() {
    for sql in [
        "",
        "SELECT 1",
        "SELECT a1b2 FROM t WHERE x = $12",
        // No quotes, no comments, no more than one statement.
        "SELECT 10, '10'",
        "SELECT 10 AS \"a 10\"",
        "SELECT 10 -- 10",
        "SELECT 10 /* 10 */",
        "SELECT 10/2",
        "SELECT 10; SELECT 10",
        "SELECT 10;;",
        "SELECT 10, U&10",
        "SELECT é, 10",
        "SELECT \u{a0}10",
        "SELECT 10\0",
        "SELECT 10 \\ 10",
        // Numbers that are not values.
        "EXPLAIN (ANALYZE 10) DELETE FROM t",
        "SET statement_timeout = 10",
        "FETCH 10 FROM c",
        "COPY t TO STDOUT WITH (FREEZE 10)",
        "WITH a AS (SELECT 10) SELECT",
    ] {
        assert_eq!(alike(sql), None, "{sql}");
    }
}

#[test]
fn a_judgement_with_a_number_in_it_is_of_one_text() {
    // The value of a setting: `11` for one does not stand for the other.
    for (first, second) in [
        ("SELECT set_config(11, 12, false)", "SELECT set_config(13, 14, false)"),
        ("SELECT pg_notify(11, 12)", "SELECT pg_notify(13, 14)"),
        // Whether a condition always holds.
        ("DELETE FROM t WHERE 11 = 12", "DELETE FROM t WHERE 11 = 11"),
        ("UPDATE t SET a = 1 WHERE a = 11 OR 25 > 31", "UPDATE t SET a = 1 WHERE a = 11 OR 25 > 12"),
    ] {
        let (first, second) = (effects(first), effects(second));
        assert_ne!(first, second);
    }
    // An error quotes its text.
    assert_ne!(judge("SELECT 12 34"), judge("SELECT 12 56"));
}

#[test]
fn what_is_alike_is_parsed_once() {
    let judge_of = Judge::start(1, Limits::default()).unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let judged = |sql: &str| runtime.block_on(judge_of.judge(sql.as_bytes(), Lexing::default()));
    let first = judged("SELECT a FROM t WHERE b = 4711");
    assert!(Arc::ptr_eq(&first, &judged("SELECT a FROM t WHERE b = 1234")));
    assert!(!Arc::ptr_eq(&first, &judged("SELECT a FROM t WHERE b = 12345")));
    assert!(!Arc::ptr_eq(&first, &judged("SELECT a FROM u WHERE b = 1234")));
}

/// Statements with `#` for a number.
const SHAPES: &[&str] = &[
    "SELECT a FROM t WHERE b = # ORDER BY # LIMIT # OFFSET #",
    "SELECT # + f(#, #), CASE WHEN a = # THEN b ELSE # END FROM t, u WHERE t.a = u.a AND t.b BETWEEN # AND #",
    "SELECT CAST(b AS numeric(#, #)), CAST(c AS char(#)) FROM t FOR UPDATE",
    "SELECT sum(a) OVER (ROWS # PRECEDING) FROM t GROUP BY # HAVING count(*) > # FETCH FIRST # ROWS ONLY",
    "SELECT a FROM t TABLESAMPLE system (#) REPEATABLE (#)",
    "SELECT generate_series(#, #), pg_sleep(#), pg_terminate_backend(#), lo_unlink(#), pg_advisory_lock(#, #)",
    "SELECT set_config(#, #, false)",
    "SELECT pg_notify(#, #), nextval(#), setval(#, #), txid_status(#)",
    "INSERT INTO t VALUES (#, #), (#, #) ON CONFLICT (a) DO UPDATE SET b = # RETURNING a + #",
    "INSERT INTO t SELECT a, # FROM u WHERE b > #",
    "UPDATE t SET a = #, b = b - # WHERE c = # RETURNING #",
    "UPDATE t SET (a, b) = (SELECT #, #)",
    "DELETE FROM t WHERE a IN (#, #, #)",
    "DELETE FROM t WHERE # = #",
    "SELECT # WHERE EXISTS (SELECT # FROM t WHERE a = #)",
    "SELECT CAST(a AS float(#)), CAST(b AS bit(#)) FROM t",
    "SELECT # UNION ALL SELECT # FROM t ORDER BY #",
    "SELECT x FROM xmltable(#)",
];

#[test]
fn all_shapes_can_be_alike() {
    for shape in SHAPES {
        assert!(alike(&shape.replace('#', "42")).is_some(), "{shape}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn numbers_have_no_part_in_what_is_kept_for_all(
        shape in prop::sample::select(SHAPES),
        numbers in prop::collection::vec(prop_oneof![0_u64..3, 9_u64..120, any::<u32>().prop_map(u64::from)], 12),
    ) {
        let mut numbers = numbers.iter().cycle();
        let parts: Vec<&str> = shape.split('#').collect();
        let mut sql = parts[0].to_owned();
        for part in &parts[1..] {
            sql.push_str(&numbers.next().unwrap().to_string());
            sql.push_str(part);
        }
        if let Some(common) = alike(&sql) {
            let (one, other) = (super::super::read(&sql, Lexing::default()), super::super::read(&common, Lexing::default()));
            // Of two types that differ in a number, the grammar may know only one: then the server refuses
            // the other.
            if is_of_all(&one) && is_of_all(&other) {
                prop_assert_eq!(one, other, "{}", sql);
            }
        }
    }

    #[test]
    fn nothing_of_the_corpus_changes_with_its_numbers(sql in prop::sample::select(garbage::sentences())) {
        if let Some(common) = alike(sql) {
            let (one, other) = (super::super::read(sql, Lexing::default()), super::super::read(&common, Lexing::default()));
            if is_of_all(&one) {
                prop_assert_eq!(one, other, "{}", sql);
            }
        }
    }
}
