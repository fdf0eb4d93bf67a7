//! Views are withheld until the server has told where their columns come from.

use super::*;
use crate::protocol::postgres::catalog::{Lineage, Source};

fn lineage(sources: &[(u32, i16)], reaches: bool) -> Lineage {
    let source = |&(table, attribute): &(u32, i16)| Source { table, attribute };
    Lineage { sources: sources.iter().map(source).collect(), reaches }
}

#[test]
fn what_may_show_masked_values_is_withheld_until_it_is_settled() {
    let masked = masked();
    for (oid, wanted) in [
        (16390, "!id !note !x =card"),
        (16394, "!note !x !id"),
        (16402, "!count"),
        (16407, "!note"),
        (16411, "!m"),
        // It reads a masked table.
        (16460, "!total"),
    ] {
        assert_eq!(shown(&masked, oid), wanted, "{oid}");
    }
}

#[test]
fn views_are_settled_from_the_tables_up() {
    let mut masked = masked();
    assert_eq!(masked.asks(), [16390, 16402, 16407, 16460, 16481]);
    masked.settle(16390, Some(&lineage(&[(16384, 1), (16384, 3), (0, 0), (0, 0)], true)));
    masked.settle(16402, Some(&lineage(&[(0, 0)], false)));
    // It calls a function that may read tables, however its SQL was judged.
    masked.settle(16407, Some(&lineage(&[(0, 0)], false)));
    masked.settle(16460, Some(&lineage(&[(0, 0)], false)));
    // It reads JSON, and what it extracts may be a masked field.
    masked.settle(16481, Some(&lineage(&[(0, 0)], true)));
    for (oid, wanted) in
        [(16390, "=note !x !card"), (16402, ""), (16407, "!note"), (16460, ""), (16481, "!x")]
    {
        assert_eq!(shown(&masked, oid), wanted, "{oid}");
    }
    assert_eq!(masked.asks(), [16394]);
    masked.settle(16394, Some(&lineage(&[(16390, 2), (16390, 3), (16390, 1)], true)));
    assert_eq!(shown(&masked, 16394), "=note !x");
    assert_eq!(masked.mask(16394, 1), masked.mask(16384, 3), "by the same rule");
    assert_eq!(masked.asks(), [16411]);
    masked.settle(16411, Some(&lineage(&[(16394, 1)], true)));
    assert_eq!(shown(&masked, 16411), "=m");
    assert!(masked.asks().is_empty());
}

#[test]
fn a_lineage_that_is_missing_or_does_not_fit_settles_nothing() {
    for bad in [
        None,
        Some(lineage(&[(16384, 1)], false)),
        // A whole row of a masked table, an unknown table and column, a computed value.
        Some(lineage(&[(16384, 0), (17000, 1), (16384, 9), (0, 0)], true)),
    ] {
        let mut masked = masked();
        masked.asks();
        masked.settle(16390, bad.as_ref());
        let withheld = shown(&masked, 16390);
        assert!(withheld.starts_with("!id !note !x "), "{withheld}");
        // Only an open view can be settled: a second answer opens nothing.
        masked.settle(16390, Some(&lineage(&[(16430, 1); 4], false)));
        masked.settle(16384, Some(&lineage(&[(16430, 1); 5], false)));
        assert_eq!(shown(&masked, 16390), withheld);
        assert_eq!(shown(&masked, 16384), "=ssn !masked");
    }
}

#[test]
fn a_tower_or_a_ring_of_views_ends() {
    let mut answers = answers();
    for level in 0..100_u32 {
        let view = 20_000 + level;
        answers.relations.extend(rows(&format!("{view}|public|tower{level}|v|1|a||f")));
        let below = if level == 0 { 16384 } else { view - 1 };
        answers.dependencies.extend(rows(&format!("{view}|r|{below}")));
    }
    answers.relations.extend(rows("30000|public|ring|v|1|a||f 30001|public|ring2|v|1|a||f"));
    answers.dependencies.extend(rows("30000|r|30001 30001|r|30000 30001|r|16384"));
    let plan = plan(&[(&["ssn"], &[], MaskOp::Redact)]);
    let mut masked = Arc::new(Catalog::read(&answers).unwrap()).masked(&plan);
    let mut rounds = 0;
    loop {
        let asks = masked.asks();
        if asks.is_empty() {
            break;
        }
        rounds += 1;
        for view in asks {
            assert!(view < 30_000, "a ring stands on nothing that is settled");
            masked.settle(view, Some(&lineage(&[(16384, 1)], false)));
        }
    }
    assert_eq!(rounds, 32);
    assert_eq!(shown(&masked, 20_031), "");
    assert_eq!(shown(&masked, 20_032), "!a", "what stands higher stays withheld");
    assert_eq!(shown(&masked, 30_000), "!a");
}
