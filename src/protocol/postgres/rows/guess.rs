//! Whether a text looks at masked columns in a way that their masks forbid: then which rows come back may
//! reveal masked values, though none is shown.

use std::collections::BTreeSet;

use crate::domain::Predicates;
use crate::domain::command::Class;
use crate::domain::sql::{Column, Effects, Function, Look, Object};
use crate::protocol::postgres::catalog::{Masked, gives_data};
use crate::protocol::postgres::judge::{is_dangerous, runs_text};
use crate::protocol::postgres::rows::exposure::ColumnScope;

/// What a text looks at that its masks forbid. It is reported unless the SQL rules it out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Guess {
    /// The result of a function that may read tables.
    Call(Object),
    /// A column, and what its mask allows.
    Column(Column, Predicates),
    /// It cannot be told.
    Unread,
}

impl Guess {
    /// Returns what a text with these effects looks at that its masks forbid; `None` as effects is a text
    /// that was not understood. `opaque`: the calls that the judge did not find harmless. `remade`: relations
    /// may have been created or changed since the catalog was read.
    ///
    /// Prepared statements and cursors that it uses are not included: see [`Effects::used_names`].
    pub fn of(effects: Option<&Effects>, masked: &Masked, opaque: &[Function], remade: bool) -> Option<Self> {
        if masked.plan().strictest() == Predicates::Allow {
            return None;
        }
        let Some(effects) = effects else { return Some(Self::Unread) };
        if effects.classes.contains(&Class::Unknown) {
            return Some(Self::Unread);
        }
        if let Some(call) = effects.functions.iter().find(|call| runs_text(&call.object)) {
            return Some(Self::Call(call.object.clone()));
        }
        let unknown = effects.opaque.iter().filter(|call| !masked.catalog().computes(&call.object));
        let opaque: BTreeSet<&Object> = opaque.iter().chain(unknown).map(|call| &call.object).collect();
        let reads = |object: &&Object| opaque.contains(object) || is_dangerous(object) || gives_data(object);
        let mut calls = effects.looked_calls.iter().chain(&effects.operators);
        if let Some(object) = calls.find(reads) {
            return Some(Self::Call(object.clone()));
        }
        // `x.f` and `(x).f` are calls if there is no such column.
        let field = |name: &str| opaque.iter().any(|object| object.schema.is_none() && *object.name == *name);
        let fields = effects.looked.keys().filter_map(|column| column.name.as_deref());
        if let Some(name) = fields.into_iter().find(|name| field(name)) {
            return Some(Self::Call(Object { schema: None, name: name.into() }));
        }
        let source = effects.sources.iter().find(reads);
        let scope = ColumnScope::of(effects, masked, remade || effects.remakes());
        for (column, look) in &effects.looked {
            // The column names of such a function's result are unknown.
            if let Some(source) = source.filter(|_| column.relation.is_none()) {
                return Some(Self::Call(source.clone()));
            }
            let Some((predicates, whole)) = scope.predicates(column) else { continue };
            let allowed = match predicates {
                Predicates::Allow => true,
                Predicates::Equality => whole && *look == Look::Equal,
                Predicates::Deny => false,
            };
            if !allowed {
                return Some(Self::Column(column.clone(), predicates));
            }
        }
        None
    }

    /// Returns for the client what is forbidden and what is allowed. It quotes names from the SQL, but no
    /// values.
    pub fn words(&self) -> String {
        let allowed = "masked columns may only be selected or returned as such, through subqueries and WITH too, or be written";
        match self {
            Self::Call(function) => format!(
                "{function} may read masked columns, and what it gives decides what comes back, or nobody knows what it does with it; by predicates of their masks {allowed}"
            ),
            Self::Column(column, predicates) => {
                let relation =
                    column.relation.as_ref().map_or_else(String::new, |object| format!("{object}."));
                let name = column.name.as_deref();
                let what = match (name, &column.relation) {
                    (Some(name), _) => format!("the column {relation}{name} is masked, or may hold what is,"),
                    (None, Some(object)) => format!("a whole row of {object} holds masked columns,"),
                    (None, None) => "whole rows, or columns under other names, hold masked ones,".to_owned(),
                };
                let more = match predicates {
                    Predicates::Equality => {
                        ", or be compared with constants and parameters in WHERE and ON: by =, IN or = ANY"
                    }
                    Predicates::Allow | Predicates::Deny => "",
                };
                format!(
                    "{what} and its value would decide what comes back; by predicates = \"{predicates}\" of its mask {allowed}{more}"
                )
            }
            Self::Unread => format!(
                "it cannot be told which columns decide what comes back; by predicates of their masks {allowed}"
            ),
        }
    }
}
