//! Where the columns of a view come from, according to the server's description of its definition.

use crate::protocol::postgres::wire::back::RowDescription;

/// Where one column comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Source {
    /// The oid of the relation; 0 if the column is an expression.
    pub table: u32,
    /// The number of the column in the relation; 0 for an expression or a whole row.
    pub attribute: i16,
}

/// Where the columns of a view come from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lineage {
    /// The source of each column, in order.
    pub sources: Vec<Source>,
    /// Whether its expressions may hold masked values: the result of
    /// [`Exposure::values`](crate::protocol::postgres::rows::Exposure::values) for the definition; `true` if
    /// that was not judged.
    pub reaches: bool,
}

impl Lineage {
    /// Reads the sources from a description of the definition.
    pub fn of(description: &RowDescription<'_>, reaches: bool) -> Self {
        let source = |column: crate::protocol::postgres::wire::back::Column<'_>| Source {
            table: column.table,
            attribute: column.attribute,
        };
        Self { sources: description.columns().map(source).collect(), reaches }
    }
}
