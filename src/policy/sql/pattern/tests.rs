//! Patterns and names, pair by pair.

use super::*;
use crate::domain::sql::Access;

use Answer::No;
use Answer::Unsure;
use Answer::Yes;

fn object(text: &str) -> Object {
    match text.split_once('.') {
        Some((schema, name)) => Object { schema: Some(schema.into()), name: name.into() },
        None => Object { schema: None, name: text.into() },
    }
}

#[test]
fn a_table_is_what_a_pattern_says_as_far_as_the_text_tells() {
    for (pattern, name, expected) in [
        ("crm.customers", "crm.customers", Yes),
        ("crm.customers", "crm.orders", No),
        ("crm.customers", "hr.customers", No),
        ("crm.c*", "crm.customers", Yes),
        ("c*.customers", "crm.customers", Yes),
        ("*.customers", "crm.customers", Yes),
        ("crm.*", "crm.x", Yes),
        ("customers", "crm.customers", Yes),
        ("customers", "crm.xcustomers", No),
        ("*", "crm.customers", Yes),
        // A name without a schema may be in any, and is taken as in public.
        ("crm.customers", "customers", Unsure),
        ("crm.customers", "orders", No),
        ("public.customers", "customers", Yes),
        ("pub*.customers", "customers", Yes),
        ("*.customers", "customers", Yes),
        ("customers", "customers", Yes),
        ("*", "customers", Yes),
        ("pg_catalog.*", "customers", Unsure),
        // Names that the system schema has.
        ("public.*", "pg_authid", Unsure),
        ("public.pg_authid", "pg_authid", Unsure),
        ("pg_catalog.pg_*", "pg_authid", Yes),
        ("pg_*", "pg_authid", Yes),
        ("*", "pg_authid", Yes),
        ("*.*", "pg_authid", Yes),
        ("public.*", "public.pg_authid", Yes),
        // Another case is another name, but perhaps not what the author of the pattern expected.
        ("crm.Customers", "crm.customers", Unsure),
        ("crm.customers", "crm.Customers", Unsure),
        ("crm.Customers", "crm.CUSTOMERS", Unsure),
        ("crm.Customers", "crm.Customers", Yes),
        ("CRM.customers", "crm.customers", Unsure),
        ("crm.Customers", "crm.orders", No),
        // Only the star is special.
        ("crm.c?", "crm.cx", No),
        ("crm.[a-z]", "crm.a", No),
        ("my table", "my table", Yes),
    ] {
        let glob = NameGlob::parse(pattern).expect(pattern);
        assert_eq!(glob.answer(&object(name)), expected, "{pattern} {name}");
        assert_eq!(glob.to_string(), pattern);
    }
    // A dot within a quoted name does not begin a schema.
    let dotted = Object { schema: Some("crm".into()), name: "a.customers".into() };
    assert_eq!(NameGlob::parse("a.customers").expect("pattern").answer(&dotted), No);
    assert_eq!(NameGlob::parse("crm.a*customers").expect("pattern").answer(&dotted), Yes);
}

#[test]
fn a_column_is_what_a_pattern_says_as_far_as_the_text_tells() {
    for (pattern, relation, name, expected) in [
        ("ssn", Some("crm.customers"), Some("ssn"), Yes),
        ("ssn", None, Some("ssn"), Yes),
        ("ssn", None, Some("id"), No),
        ("ssn", None, Some("SSN"), Unsure),
        ("*.ssn", None, Some("ssn"), Yes),
        ("*.*.ssn", None, Some("ssn"), Yes),
        ("customers.ssn", Some("crm.customers"), Some("ssn"), Yes),
        ("customers.ssn", Some("orders"), Some("ssn"), No),
        ("crm.customers.ssn", Some("crm.customers"), Some("ssn"), Yes),
        ("crm.customers.ssn", Some("hr.customers"), Some("ssn"), No),
        ("crm.customers.ssn", Some("customers"), Some("ssn"), Unsure),
        ("public.customers.ssn", Some("customers"), Some("ssn"), Yes),
        // The text does not show the table.
        ("customers.ssn", None, Some("ssn"), Unsure),
        ("customers.ssn", None, Some("id"), No),
        // All columns.
        ("ssn", None, None, Unsure),
        ("customers.ssn", None, None, Unsure),
        ("customers.ssn", Some("customers"), None, Unsure),
        ("customers.ssn", Some("orders"), None, No),
        ("customers.*", Some("customers"), None, Yes),
        ("customers.*", None, None, Unsure),
        ("*", None, None, Yes),
        ("*.*", None, None, Yes),
    ] {
        let column =
            Column { relation: relation.map(object), name: name.map(Into::into), access: Access::Read };
        let glob = ColumnGlob::parse(pattern).expect(pattern);
        assert_eq!(glob.answer(&column), expected, "{pattern} {relation:?} {name:?}");
        assert_eq!(glob.to_string(), pattern);
    }
}

#[test]
fn what_could_match_nothing_is_refused() {
    let long = "x".repeat(64);
    for pattern in
        ["", " ", ".", "a.", ".a", "a..b", "\"A\"", "public.f()", "a\u{200b}", " a", "a .b", long.as_str()]
    {
        assert!(NameGlob::parse(pattern).is_err(), "{pattern:?}");
        assert!(ColumnGlob::parse(pattern).is_err(), "{pattern:?}");
    }
    assert!(NameGlob::parse("db.crm.customers").is_err());
    assert!(ColumnGlob::parse("db.crm.customers.ssn").is_err());
    assert!(NameGlob::parse(&"x".repeat(63)).is_ok() && NameGlob::parse(&format!("{long}*")).is_ok());
}
