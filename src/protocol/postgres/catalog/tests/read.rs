//! Tests what is read from the results, and what names alone tell.

use super::*;
use crate::protocol::postgres::catalog::{Kind, Question, definition_of, relations_with};

#[test]
fn relations_are_found_by_oid_and_by_name() {
    let catalog = catalog();
    let customers = catalog.relation(16384).unwrap();
    assert_eq!((&*customers.schema, &*customers.name, customers.kind), ("public", "customers", Kind::Table));
    let numbers: Vec<i16> = customers.columns.iter().map(|column| column.number).collect();
    assert_eq!(numbers, [1, 2, 3, 5, 6]);
    assert_eq!(customers.columns[3].generated.as_deref(), Some("(id*2)"));
    let oids = |name| -> Vec<u32> { catalog.find(&object(name)).map(|relation| relation.oid).collect() };
    assert_eq!(oids("customers"), [16384, 16440]);
    assert_eq!(oids("private.customers"), [16440]);
    assert!(oids("pg_class").is_empty() && oids("nowhere.customers").is_empty());
    assert!(catalog.relation(16450).unwrap().columns.is_empty());
}

#[test]
fn rows_that_were_not_asked_for_are_refused() {
    for (question, bad) in [
        (0, "16384|public|customers|r|1|id|"),
        (0, "x|public|customers|r|1|id||f"),
        (0, "16384||customers|r|1|id||f"),
        (0, "16384|public|customers|i|1|id||f"),
        (0, "16384|public|customers|r|99999|id||f"),
        (0, "16384|public|customers|r|1|||f"),
        (0, "16384|public|customers|r|1|id||"),
        (1, "1|2"),
        (1, "1|-2|public|a|public|b"),
        (1, "1|2||a|public|b"),
        (1, "1|2|public|a|public|"),
        (2, "1|z|2"),
        (3, "1|public|f|f|i|f||t|1|1|t"),
        (3, "1|public|f|f|i|f|c||1|1|t"),
        (3, "1|public|f|f|i|f|c|t||1|t"),
        (3, "1|public|f|f|i|f|c|t|-1|1|t"),
        (3, "1|public|f|f|i|f|c|t|1|x|t"),
        (3, "1|public|f|f|i|f|c|t|1|1|"),
        (3, "1|public|f|f|i|f|c|t|1|t"),
        (3, "1|public|f|f|i|f|c"),
        (3, "4294967296|public|f|f|i|f|c|t|1|1|t"),
        (4, "|public|f|i|f|c|t"),
        (4, "+||f|i|f|c|t"),
        (4, "+|public|f|i|f|c|"),
        (4, "+|public|f|i|f|c"),
        (5, "1|2|public|a|public"),
        (5, "1|x|public|a|public|b"),
        (5, "1|2|public||public|b"),
    ] {
        let mut answers = answers();
        let place = match question {
            0 => &mut answers.relations,
            1 => &mut answers.inheritance,
            2 => &mut answers.dependencies,
            3 => &mut answers.functions,
            5 => &mut answers.references,
            _ => &mut answers.operators,
        };
        let number = place.len();
        place.extend(rows(bad));
        assert_eq!(Catalog::read(&answers).unwrap_err().row, number, "{bad}");
    }
}

#[test]
fn questions_are_one_statement_each_and_name_every_thing_with_its_schema() {
    for question in Question::ALL {
        let sql = question.sql();
        assert!(!sql.contains(';') && sql.is_ascii(), "{sql}");
        for from in ["FROM ", "JOIN "] {
            // The question's own names are found before all others.
            let own = |rest: &str| ["leads ", "has_json ", "("].iter().any(|name| rest.starts_with(name));
            let named = |rest: &str| rest.starts_with("pg_catalog.") || own(rest);
            assert!(sql.split(from).skip(1).all(named), "{sql}");
        }
    }
    let some = relations_with(["a'b", "c\\d", "e"].into_iter());
    assert!(some.contains("NOT a.attisdropped AND a.attname IN ('', 'a''b', 'e') LEFT"), "{some}");
    assert_eq!(definition_of(7), "SELECT pg_catalog.pg_get_viewdef(7::pg_catalog.oid)");
}

#[test]
fn columns_are_masked_by_their_names_and_what_hangs_on_them() {
    let masked = masked();
    for (oid, wanted) in [
        (16384, "=ssn !masked"),
        (16440, ""),
        (16430, "=card"),
        // From a partition to its parent and to the other partitions, by name: the column numbers differ.
        (16420, "=tax"),
        (16417, "=tax"),
        (16421, "=tax"),
        (12053, "!most_common_vals"),
        // A column generated from JSON, and a view that may show what is in it.
        (16480, "!found"),
        (16481, "!x"),
    ] {
        assert_eq!(shown(&masked, oid), wanted, "{oid}");
    }
    assert!(masked.knows(1259, 1) && masked.knows(16384, 1) && masked.knows(16384, 0));
    assert!(!masked.knows(16384, 4) && !masked.knows(16384, 9) && !masked.knows(17000, 1));
}

#[test]
fn a_plan_without_fields_masks_no_column() {
    let mut masked = catalog().masked(&plan(&[(&[], &[Entity::EmailAddress], MaskOp::Redact)]));
    assert!(masked.asks().is_empty());
    assert!(!masked.touches(16384) && !masked.touches(12053));
}

#[test]
fn what_a_rule_stands_in_for_is_known() {
    let catalog = catalog();
    assert!(catalog.is_rewritten(16402));
    assert!([16384, 16390, 16394, 99999].iter().all(|oid| !catalog.is_rewritten(*oid)));
}

#[test]
fn what_leads_to_the_settings_is_known_by_its_name() {
    let catalog = catalog();
    assert!(catalog.has_setters() && catalog.sets(&object("again")));
    assert!(catalog.sets(&object("renamed.again")) && !catalog.sets(&object("customers")));
}
