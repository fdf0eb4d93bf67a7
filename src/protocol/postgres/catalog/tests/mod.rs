//! A small catalog, as a server would answer.

mod functions;
mod read;
mod views;

use std::collections::BTreeMap;
use std::sync::Arc;

use super::{Answers, Catalog, Mask, Masked, Rows};
use crate::domain::sql::Object;
use crate::domain::{Entity, MaskOp, MaskRule, Origin, Predicates};
use crate::mask::Plan;

/// Returns rows of values between `|`, an empty one for NULL.
pub(in crate::protocol::postgres) fn rows(text: &str) -> Rows {
    let cell = |cell: &str| (!cell.is_empty()).then(|| cell.to_owned());
    text.split_whitespace().map(|row| row.split('|').map(cell).collect()).collect()
}

pub(in crate::protocol::postgres) fn answers() -> Answers {
    Answers {
        relations: rows(
            "12053|pg_catalog|pg_stats|v|3|attname||f 12053|pg_catalog|pg_stats|v|8|most_common_vals||f
             16384|public|customers|r|1|id||f 16384|public|customers|r|2|name||f 16384|public|customers|r|3|ssn||f
             16384|public|customers|r|5|twice|(id*2)|f 16384|public|customers|r|6|masked|concat(ssn,'!')|f
             16390|public|v1|v|1|id||f 16390|public|v1|v|2|note||f 16390|public|v1|v|3|x||f 16390|public|v1|v|4|card||f
             16394|public|v2|v|1|note||f 16394|public|v2|v|2|x||f 16394|public|v2|v|3|id||f
             16402|public|vc|v|1|count||f 16407|public|vf|v|1|note||f 16411|public|mv|m|1|m||f
             16417|public|parted|p|1|id||f 16417|public|parted|p|2|tax||f 16420|public|part|r|1|tax||f 16420|public|part|r|2|id||f
             16421|public|other_part|r|1|tax||f
             16430|public|orders|r|1|id||f 16430|public|orders|r|2|total||f 16430|public|orders|r|3|card||f
             16440|private|customers|r|1|id||f 16440|private|customers|r|2|ssn||f
             16450|public|nothing|r||||f 16460|public|vo|v|1|total||f 16470|public|wiped|r|1|id||f 16470|public|wiped|r|2|wipe||f
             16480|public|mails|r|1|id||f 16480|public|mails|r|2|doc||t 16480|public|mails|r|3|found|to_tsvector(doc)|f 16481|public|vd|v|1|x||f",
        ),
        inheritance: rows(
            "16420|16417|public|part|public|parted 16421|16417|public|other_part|public|parted 99999|16417|far|away|public|parted",
        ),
        references: rows("16430|16384|public|orders|public|customers"),
        dependencies: rows(
            "16390|r|16384 16394|r|16390 16402|r|16384 16402|i|7 16407|f|16406 16411|r|16394 16460|r|16430 16460|f|16500 13000|r|16384 16481|r|16480",
        ),
        functions: rows(
            "16406|public|getssn|f|s|f|sql|f|2|2|t 16426|public|mysum|a|i|f|internal|f|1|1|t 16426|public|mysum|a|v|f|sql|f|1|1|t
             16427|public|pg_sleep|f|i|f|c|f|1|1|t 2626|pg_catalog|pg_sleep|f|v|f|internal|f|1|1|t 16500|public|st_astext|f|i|f|c|t|1|1|t
             16501|public|owned|f|s|t|c|t|2|2|t 16502|public|purge|p|v|f|plpgsql|f|1|1|t 16503|public|py|f|i|f|plpython3u|t|2|2|t
             16504|public|two|f|i|f|c|f|2|2|t 16505|private|two|f|v|f|sql|f|2|2|t 16506|public|crosses|f|s|f|c|f|1|1|t
             16507|public|st_area|f|i|f|sql|t|1|1|t 16522|public|area|f|i|f|sql|t|1|1|t 16523|public|area|f|v|f|sql|f|2|3|f
             16508|public|lower|f|v|f|sql|f|1|1|t 16509|public|upper|f|i|f|sql|f|1|1|f
             16510|public|replace|f|i|f|sql|t|2|2|t 16511|public|gen_random_uuid|f|v|f|c|t|2|2|t 16512|public|random|f|v|f|c|f|0|0|f
             16513|public|wipe|f|v|f|sql|f|1|1|t 16514|public|fires|f|v|f|plpgsql|f|2|2|t
             16515|public|<%>|f|v|f|sql|f|1|1|t 16516|public|round|f|v|f|sql|f|2|3|f
             16517|public|repeat|f|v|f|sql|f|3||f 16518|public|percentile_cont|a|v|f|sql|f|2|2|f
             16519|public|btrim|p|v|f|sql|f|7|7|f 16520|public|sum|a|v|f|sql|f|0|0|f 16521|public|rank|a|v|f|sql|f|1||t
             13500|information_schema|_pg_truetypid|f|i|f|sql|f|2|2|t",
        ),
        operators: rows(
            "+|public|plus|v|f|sql|f =|public|citext_eq|i|f|c|t <->|public|distance|i|f|c|f %|public|modulo|i|f|sql|f
             ~~|public|like|i|f|sql|t #|public|join|s|t|c|t -|public|textcat|i|f|internal|f -|public|wipe|v|f|sql|f
             *|public|table_to_xml|s|f|internal|f <=>|public|cosine|i|f|c|f <=>|private|wipe|v|f|sql|f <#>|public|inner|i|f|c|f
             <%>|public|inner|i|f|c|f",
        ),
        setters: rows("again"),
    }
}

pub(in crate::protocol::postgres) fn catalog() -> Arc<Catalog> {
    Arc::new(Catalog::read(&answers()).unwrap())
}

/// Returns a plan whose rules have these fields, entities and operators.
pub(in crate::protocol::postgres) fn plan(rules: &[(&[&str], &[Entity], MaskOp)]) -> Arc<Plan> {
    guarded(rules, &[Predicates::Allow])
}

/// Returns the same plan, with these predicates for its rules, in order.
pub(in crate::protocol::postgres) fn guarded(
    rules: &[(&[&str], &[Entity], MaskOp)],
    predicates: &[Predicates],
) -> Arc<Plan> {
    let rules: Vec<MaskRule> = rules
        .iter()
        .zip(predicates.iter().cycle())
        .map(|((fields, entities, op), &predicates)| MaskRule {
            id: "test".into(),
            origin: Origin::Store,
            connections: Vec::new(),
            tags: BTreeMap::new(),
            fields: fields.iter().map(|&field| field.to_owned()).collect(),
            entities: entities.to_vec(),
            patterns: BTreeMap::new(),
            op: op.clone(),
            predicates,
        })
        .collect();
    Arc::new(Plan::compile(&rules.iter().collect::<Vec<_>>(), [9; 32]).unwrap())
}

/// Returns the catalog under a plan that names columns with their tables, and `card` anywhere.
pub(in crate::protocol::postgres) fn masked() -> Masked {
    catalog().masked(&plan(&[
        (&["public.customers.ssn", "part.tax"], &[], MaskOp::Redact),
        (&["card"], &[], MaskOp::KeepLast { n: 4 }),
    ]))
}

fn object(name: &str) -> Object {
    match name.split_once('.') {
        Some((schema, name)) => Object { schema: Some(schema.into()), name: name.into() },
        None => Object { schema: None, name: name.into() },
    }
}

/// Returns the masked columns of a relation: `=` for a rule, `!` for withheld.
fn shown(masked: &Masked, oid: u32) -> String {
    let relation = masked.catalog().relation(oid).unwrap();
    let mut words = Vec::new();
    for column in &relation.columns {
        match masked.mask(oid, column.number) {
            Some(Mask::Field(_)) => words.push(format!("={}", column.name)),
            Some(Mask::Withheld) => words.push(format!("!{}", column.name)),
            None => {}
        }
    }
    words.join(" ")
}
