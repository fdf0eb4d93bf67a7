//! The server's relations and functions that show data of tables, or the SQL of statements.

use crate::domain::sql::Object;

/// These relations, and their columns that show it. An extension can be in any schema, so only the name
/// counts.
const RELATIONS: &[(&str, &[&str])] = &[
    ("pg_cursors", &["statement"]),
    ("pg_largeobject", &["data"]),
    ("pg_prepared_statements", &["statement"]),
    ("pg_stat_activity", &["query"]),
    ("pg_stat_statements", &["query"]),
    ("pg_statistic", &["stavalues1", "stavalues2", "stavalues3", "stavalues4", "stavalues5"]),
    ("pg_statistic_ext_data", &["stxdmcv", "stxdexpr"]),
    ("pg_stats", &["most_common_vals", "histogram_bounds", "most_common_elems", "range_bounds_histogram"]),
    ("pg_stats_ext", &["most_common_vals"]),
    ("pg_stats_ext_exprs", &["most_common_vals", "histogram_bounds", "most_common_elems"]),
];

/// The functions behind these relations.
const FUNCTIONS: &[&str] = &[
    "pg_cursor",
    "pg_mcv_list_items",
    "pg_prepared_statement",
    "pg_stat_get_activity",
    "pg_stat_get_backend_activity",
    "pg_stat_statements",
];

/// Returns whether a relation shows values of other tables: statistics, the SQL of statements, large objects.
pub fn shows_data(relation: &Object) -> bool {
    RELATIONS.iter().any(|(name, _)| *name == &*relation.name)
}

/// Returns whether a function shows values of other tables.
pub fn gives_data(function: &Object) -> bool {
    FUNCTIONS.contains(&&*function.name)
}

/// Returns whether a column of such a relation shows them.
pub(super) fn shows_in(relation: &str, column: &str) -> bool {
    RELATIONS.iter().any(|(name, columns)| *name == relation && columns.contains(&column))
}

#[cfg(test)]
mod tests {
    use super::super::Question;
    use super::*;

    #[test]
    fn each_of_them_is_asked_for() {
        for (name, _) in RELATIONS {
            let quoted = format!("'{name}'");
            // That of an extension is in a schema of its own.
            assert!(*name == "pg_stat_statements" || Question::Relations.sql().contains(&quoted), "{name}");
            assert!(shows_data(&Object { schema: None, name: (*name).into() }));
        }
        assert!(!shows_data(&Object { schema: None, name: "pg_class".into() }));
    }
}
