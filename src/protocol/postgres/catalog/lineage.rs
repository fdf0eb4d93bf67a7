//! Where the columns of a view come from, as the server describes its definition.

use crate::protocol::postgres::wire::back::RowDescription;

/// Where one column comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Source {
    /// The oid of the relation; 0 for the value of an expression.
    pub table: u32,
    /// The number of the column in it; 0 for an expression or a whole row.
    pub attribute: i16,
}

/// Where the columns of a view come from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lineage {
    /// Each column in its order.
    pub sources: Vec<Source>,
    /// Whether expressions in it may hold masked values. It is what
    /// [`Exposure::values`](crate::protocol::postgres::rows::Exposure::values) says of the definition's text;
    /// `true` if that was not judged.
    pub reaches: bool,
}

impl Lineage {
    /// What a description of the definition says.
    pub fn of(description: &RowDescription<'_>, reaches: bool) -> Self {
        let source = |column: crate::protocol::postgres::wire::back::Column<'_>| Source {
            table: column.table,
            attribute: column.attribute,
        };
        Self { sources: description.columns().map(source).collect(), reaches }
    }
}
