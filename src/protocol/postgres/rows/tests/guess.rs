//! Texts, judged by the grammar, and what they look at that masks forbid.

use super::exposure::effects;
use crate::domain::sql::{Function, Object};
use crate::domain::{MaskOp, Predicates};
use crate::protocol::postgres::catalog::Masked;
use crate::protocol::postgres::catalog::tests::{catalog, guarded};
use crate::protocol::postgres::rows::Guess;

fn masked(predicates: Predicates) -> Masked {
    catalog().masked(&guarded(
        &[(&["public.customers.ssn", "part.tax"], &[], MaskOp::Redact), (&["card"], &[], MaskOp::Redact)],
        &[predicates],
    ))
}

fn guess(sql: &str, predicates: Predicates) -> Option<Guess> {
    Guess::of(Some(&effects(sql)), &masked(predicates), &[], false)
}

/// Texts that no mask forbids.
const HARMLESS: &[&str] = &[
    "SELECT 1",
    "SELECT * FROM customers",
    "SELECT ssn AS x, c.* FROM customers c WHERE id = 1 ORDER BY name",
    "SELECT count(*) FROM customers WHERE name LIKE 'a%'",
    "SELECT ssn, id FROM customers ORDER BY 2",
    "SELECT s.x FROM (SELECT ssn AS x, id FROM customers) s WHERE s.id > 5",
    "WITH w AS (SELECT id, ssn FROM customers) SELECT * FROM w JOIN orders o ON o.id = w.id",
    "SELECT id FROM private.customers p WHERE p.ssn > '5'",
    "SELECT c.ssn FROM customers c JOIN private.customers p ON p.ssn = c.name",
    "SELECT total FROM orders ORDER BY total",
    "SELECT relname FROM pg_class WHERE relname LIKE 'a%' ORDER BY 1",
    "SELECT DISTINCT column_name FROM information_schema.columns WHERE table_name = 'x'",
    "UPDATE customers SET ssn = '1', name = upper(name) WHERE id = 1 RETURNING *",
    "INSERT INTO customers (id, ssn) VALUES (1, '1') ON CONFLICT (id) DO UPDATE SET ssn = 'x'",
    "SELECT refund(id) FROM orders WHERE total > 5",
    "SELECT * FROM leak()",
    "SELECT doc FROM mails WHERE id = 1",
    "SELECT c.id FROM customers c JOIN unnest($1::int[]) AS u (id) ON u.id = c.id",
    "SELECT EXISTS (SELECT * FROM customers WHERE id = 1)",
    "SET work_mem = '1MB'",
    "BEGIN",
];

/// Comparisons of whole values.
const EQUAL: &[&str] = &[
    "SELECT id FROM customers WHERE ssn = '1'",
    "SELECT id FROM customers WHERE $1 = ssn AND name LIKE 'a%'",
    "SELECT id FROM customers c WHERE c.ssn IN ('1', '2') OR c.ssn = ANY ($1)",
    "SELECT o.id FROM orders o JOIN customers c ON c.ssn = $1",
    "SELECT id FROM (SELECT id, ssn AS x FROM customers) s WHERE x = '1'",
    "SELECT id FROM orders WHERE card = '4111'",
    "UPDATE customers SET name = 'x' WHERE ssn = '1'",
];

/// Anything that reveals more.
const TELLING: &[&str] = &[
    "SELECT id FROM customers WHERE ssn LIKE '0%'",
    "SELECT id FROM customers c WHERE c.ssn > '5'",
    "SELECT id FROM customers c WHERE c > ROW(1, 'a', '5')",
    "SELECT id FROM customers ORDER BY ssn",
    "SELECT id, ssn FROM customers ORDER BY 2",
    "SELECT DISTINCT ssn FROM customers",
    "SELECT id FROM customers NATURAL JOIN orders",
    "SELECT id FROM customers JOIN orders USING (card)",
    "SELECT id FROM orders WHERE card < '5'",
    "SELECT id FROM (SELECT id, ssn AS x FROM customers) s WHERE x > '5'",
    "SELECT id FROM (SELECT * FROM customers) s WHERE s.ssn > '5'",
    "SELECT t.a FROM customers AS t (a, b, c) WHERE c > '5'",
    "SELECT * FROM customers EXCEPT SELECT * FROM private.customers",
    // Computed from a masked column, or that cannot be ruled out: a part of it may be compared.
    "SELECT id FROM customers WHERE masked = '1'",
    "SELECT id FROM v1 WHERE note = '1'",
    "SELECT id FROM mails WHERE doc ->> 'ssn' = '1'",
    "SELECT id FROM mails WHERE doc = '{}'",
    "SELECT id FROM mails m ORDER BY m",
    // Unknown columns.
    "SELECT a FROM made_just_now WHERE a = '1'",
    "SELECT x.a FROM made_just_now x WHERE x.a = '1'",
    "SELECT most_common_vals FROM pg_stats ORDER BY most_common_vals::text",
    "SELECT id FROM orders WHERE getssn() = '1'",
    "SELECT id FROM orders ORDER BY getssn()",
    "SELECT getssn() AS x FROM orders ORDER BY x",
    "SELECT l.n FROM leak() AS l (n) WHERE n = '1'",
    "SELECT id FROM orders o WHERE o.getssn = '1'",
    "SELECT id FROM orders WHERE id @#@ 2",
    "SELECT query_to_xml('select id from customers where ssn > ''5''', true, false, '')",
    "DO $$ BEGIN END $$",
    "SELECT 1; SELECT id FROM customers ORDER BY ssn",
];

#[test]
fn masks_say_how_their_columns_may_be_looked_at() {
    for sql in HARMLESS {
        for predicates in Predicates::ALL {
            assert_eq!(guess(sql, predicates), None, "{sql}");
        }
    }
    for sql in EQUAL {
        assert_eq!(guess(sql, Predicates::Allow), None, "{sql}");
        assert_eq!(guess(sql, Predicates::Equality), None, "{sql}");
        assert!(guess(sql, Predicates::Deny).is_some(), "{sql}");
    }
    for sql in TELLING {
        assert_eq!(guess(sql, Predicates::Allow), None, "{sql}");
        assert!(guess(sql, Predicates::Equality).is_some(), "{sql}");
        assert!(guess(sql, Predicates::Deny).is_some(), "{sql}");
    }
}

#[test]
fn what_was_not_read_is_taken_for_a_guess() {
    assert_eq!(Guess::of(None, &masked(Predicates::Allow), &[], false), None);
    assert_eq!(Guess::of(None, &masked(Predicates::Deny), &[], false), Some(Guess::Unread));
    // A function with the name of one of PostgreSQL's own.
    let lower = Function { object: Object { schema: None, name: "lower".into() }, arguments: 1 };
    let text = effects("SELECT id FROM orders WHERE lower('A') = 'a'");
    let masked = masked(Predicates::Equality);
    assert_eq!(Guess::of(Some(&text), &masked, &[], false), None);
    assert!(Guess::of(Some(&text), &masked, &[lower], false).is_some());
}

#[test]
fn each_column_follows_the_mask_that_owns_it() {
    let masked = catalog().masked(&guarded(
        &[
            (&["ssn"], &[], MaskOp::Redact),
            (&["card"], &[], MaskOp::Redact),
            (&["name"], &[], MaskOp::Redact),
        ],
        &[Predicates::Equality, Predicates::Deny, Predicates::Allow],
    ));
    let guess = |sql: &str| Guess::of(Some(&effects(sql)), &masked, &[], false);
    assert_eq!(guess("SELECT id FROM customers WHERE ssn = '1' ORDER BY name"), None);
    assert!(guess("SELECT id FROM customers ORDER BY ssn").is_some());
    let words = guess("SELECT id FROM orders o WHERE o.card = '1'").unwrap().words();
    assert!(words.starts_with("the column orders.card is masked"), "{words}");
    assert!(words.contains("predicates = \"deny\"") && !words.contains("constants"), "{words}");
    // A document may hold any of them.
    assert!(guess("SELECT id FROM mails ORDER BY doc::text").unwrap().words().contains("\"deny\""));
}
