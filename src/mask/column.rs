//! Cells of tables: which rule masks a column, and the masked form of a value.

use crate::domain::MaskOp;
use crate::domain::Predicates;
use crate::mask::json::write_escaped;
use crate::mask::masker::Unmaskable;
use crate::mask::notes::Notes;
use crate::mask::operator::REDACTED;
use crate::mask::plan::Plan;

/// A rule of a [`Plan`] that masks fields by name. Only valid for that plan.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FieldRule(u16);

impl Plan {
    /// Returns whether values are masked by the name of their field.
    pub fn has_fields(&self) -> bool {
        !self.fields.is_empty()
    }

    /// Returns whether values are masked by their shape.
    pub fn has_detectors(&self) -> bool {
        !self.scanner.is_empty()
    }

    /// Returns the rule that masks a field of this name.
    pub fn field(&self, name: &[u8]) -> Option<FieldRule> {
        self.fields.find(name).map(FieldRule)
    }

    /// Returns the rule that masks a column of a table: by its name, or by a pattern with a dot that matches
    /// `table.column` or `schema.table.column`. The first rule that names it applies.
    pub fn column(&self, schema: &str, table: &str, column: &str) -> Option<FieldRule> {
        let name = self.fields.find(column.as_bytes());
        let path = if self.fields.has_paths() {
            let table = format!("{table}.{column}");
            let whole = format!("{schema}.{table}");
            [self.fields.find_path(&table), self.fields.find_path(&whole)]
        } else {
            [None, None]
        };
        name.into_iter().chain(path.into_iter().flatten()).min().map(FieldRule)
    }

    /// Where SQL texts may name the columns that a rule masks.
    pub fn predicates(&self, rule: FieldRule) -> Predicates {
        self.rule_predicates(rule.0)
    }

    /// What a rule puts in the place of a value.
    pub fn field_op(&self, rule: FieldRule) -> &MaskOp {
        self.op(rule.0)
    }

    /// Appends the masked text of a value; nothing for [`MaskOp::Null`].
    pub fn field_text(&self, rule: FieldRule, value: &[u8], out: &mut Vec<u8>) {
        self.write(rule.0, value, out);
    }

    /// Appends the masked form of a JSON value, as JSON. `hash` and `keep_*` apply to numbers and to strings
    /// without escapes; of anything else nothing is kept. `null` stays `null`.
    pub fn field_json(&self, rule: FieldRule, json: &[u8], out: &mut Vec<u8>) {
        let json = json.trim_ascii();
        if json == b"null" {
            out.extend_from_slice(json);
        } else if let Some(constant) = self.constant(rule.0) {
            out.extend_from_slice(constant);
        } else {
            out.push(b'"');
            match plain_scalar(json) {
                Some(text) => {
                    let mut masked = Vec::new();
                    self.write(rule.0, text, &mut masked);
                    write_escaped(&masked, out);
                }
                None => out.extend_from_slice(REDACTED),
            }
            out.push(b'"');
        }
    }

    /// Masks one cell of a table, in the column `name`. `None` if nothing was found by its shape, or by the
    /// name of a field inside it.
    pub fn cell(&self, name: &str, value: &[u8], notes: &mut Notes) -> Option<Vec<u8>> {
        self.whole(value, name, || name.to_owned(), notes)
    }

    /// Appends a JSON text with everything in it masked, and returns whether that changed anything.
    ///
    /// # Errors
    /// The text cannot be masked; `out` then holds a part of it and must be discarded.
    pub fn json(&self, json: &[u8], notes: &mut Notes, out: &mut Vec<u8>) -> Result<bool, Unmaskable> {
        let (mut masker, mut own) = (self.spare.take(false), Notes::new());
        masker.push(self, json, &mut own, out)?;
        masker.finish(self, &mut own, out)?;
        self.spare.put(masker);
        notes.merge(&own);
        Ok(!own.is_empty())
    }
}

/// Returns the text of a JSON number, or of a string without escapes.
fn plain_scalar(json: &[u8]) -> Option<&[u8]> {
    if json.first().is_some_and(|first| first.is_ascii_digit() || *first == b'-') {
        return Some(json);
    }
    let inner = json.strip_prefix(b"\"")?.strip_suffix(b"\"")?;
    memchr::memchr2(b'\\', b'"', inner).is_none().then_some(inner)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{Entity, MaskRule};
    use crate::mask::tests::{plan, rule};

    #[test]
    fn columns_are_named_alone_or_with_their_table() {
        let plan = plan(&[
            rule(&["public.customers.ssn", "orders.*_card"], &[], MaskOp::Redact),
            rule(&["name*", "a.b"], &[], MaskOp::Null),
        ]);
        for (schema, table, column, wanted) in [
            ("public", "customers", "ssn", Some(0)),
            ("Public", "CUSTOMERS", "SSN", Some(0)),
            ("private", "customers", "ssn", None),
            ("any", "orders", "credit_card", Some(0)),
            ("any", "names", "card", None),
            ("names", "x", "y", None),
            ("any", "x", "name_first", Some(1)),
            ("x", "a", "b", Some(1)),
            ("a", "b", "c", None),
        ] {
            assert_eq!(
                plan.column(schema, table, column).map(|rule| rule.0),
                wanted,
                "{schema}.{table}.{column}"
            );
        }
    }

    #[test]
    fn the_rule_that_owns_a_column_says_where_it_may_be_named() {
        let said = |fields: &[&str], predicates| MaskRule { predicates, ..rule(fields, &[], MaskOp::Redact) };
        let plan = plan(&[
            said(&["card"], Predicates::Allow),
            said(&["ssn", "card"], Predicates::Deny),
            said(&["mail"], Predicates::Equality),
        ]);
        for (column, wanted) in
            [("card", Predicates::Allow), ("ssn", Predicates::Deny), ("mail", Predicates::Equality)]
        {
            let owner = plan.column("public", "customers", column).unwrap();
            assert_eq!(plan.predicates(owner), wanted, "{column}");
        }
        assert_eq!(plan.strictest(), Predicates::Deny);
    }

    #[test]
    fn json_under_a_masked_name_stays_json() {
        let ops = [
            MaskOp::Redact,
            MaskOp::Replace { with: "a\"b".into() },
            MaskOp::Null,
            MaskOp::Hash,
            MaskOp::KeepLast { n: 2 },
        ];
        for op in ops {
            let plan = plan(&[rule(&["ssn"], &[Entity::EmailAddress], op.clone())]);
            let rule = plan.field(b"ssn").unwrap();
            for json in [
                "{\"a\":\"secret\"}",
                "[1, \"secret\"]",
                "\"se\\\"cret\"",
                " \"secret\" ",
                "-12345",
                "true",
                "null",
            ] {
                let mut out = Vec::new();
                plan.field_json(rule, json.as_bytes(), &mut out);
                let value: serde_json::Value = serde_json::from_slice(&out).unwrap();
                assert!(value.is_string() || value.is_null(), "{json}");
                assert!(
                    json == "null" || !String::from_utf8(out).unwrap().contains("secret"),
                    "{op:?} {json}"
                );
            }
        }
        let plan = plan(&[rule(&["ssn"], &[], MaskOp::KeepLast { n: 2 })]);
        let mut out = Vec::new();
        plan.field_json(plan.field(b"ssn").unwrap(), b"\"secret\"", &mut out);
        assert_eq!(out, b"\"****et\"");
    }

    #[test]
    fn json_is_masked_inside_and_says_whether() {
        let plan = plan(&[rule(&["ssn"], &[], MaskOp::Redact)]);
        let (mut notes, mut out) = (Notes::new(), Vec::new());
        assert_eq!(plan.json(b"{\"a\": 1}", &mut notes, &mut out), Ok(false));
        assert_eq!(out, b"{\"a\": 1}");
        out.clear();
        assert_eq!(plan.json(b"{\"ssn\": \"1\"}", &mut notes, &mut out), Ok(true));
        assert_eq!(out, b"{\"ssn\": \"[REDACTED]\"}");
        assert_eq!(notes.total(), 1);
        assert!(plan.json(b"{\"ssn\": ", &mut notes, &mut out).is_err());
    }
}
