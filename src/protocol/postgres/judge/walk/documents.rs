//! Which of the columns that a text reads it may write somewhere, and which of them as whole documents.
//!
//! A JSON document stays one, with the keys in it, if a column takes it unchanged or with parts added or
//! removed. Anything else made of it is a value without its key.

use std::collections::BTreeSet;

use pg_query::NodeEnum;
use pg_query::protobuf::{
    AExpr, AExprKind, FuncCall, Node, RangeVar, ResTarget, SelectStmt, SetOperation, TypeCast, TypeName,
};

use super::looked::{Arm, Stand, written};
use super::parts::{Part, parts};
use super::{MAX_COLUMNS, Place, Walk, Written, names, tables};
use crate::domain::sql::{Access, Column, Object, Verb};

/// What takes a value unchanged.
#[derive(Debug, Clone, Copy)]
pub(super) enum Takes<'t> {
    /// An existing column.
    Column(&'t str),
    /// Existing columns, in the order of the query's columns.
    Columns(&'t [Node]),
    /// A column that is created for it, with its type.
    New,
}

/// The target of an `UPDATE` or a `DELETE`, within its condition.
#[derive(Debug, Clone, Copy)]
pub(super) struct Own<'t> {
    /// The name or alias of the target.
    name: &'t str,
    /// Whether no other relation's columns could be meant.
    alone: bool,
}

impl<'t> Own<'t> {
    /// Returns the target of a statement with `others` in its `FROM` or `USING`, which stores `values`;
    /// `None` if one of the values may come from the others. A row that is chosen by another relation must
    /// not take anything from it: which row it was would reveal what was compared.
    pub(super) fn of(target: &'t RangeVar, others: &[Node], values: &[Node]) -> Option<Self> {
        let name = target.alias.as_ref().map_or(&target.relname, |alias| &alias.aliasname);
        let own = Self { name, alone: others.is_empty() };
        (own.alone || values.iter().all(|value| own.is_fixed(value))).then_some(own)
    }

    /// Returns whether a column as written belongs to the target.
    pub(super) fn has(self, written: Written<'_>) -> bool {
        self.alone || matches!(written.qualifier, Some((None, name)) if name == self.name)
    }

    /// Returns whether a value is a constant, a parameter or a column of the target.
    fn is_fixed(self, value: &Node) -> bool {
        match &value.node {
            Some(NodeEnum::AConst(_) | NodeEnum::ParamRef(_) | NodeEnum::SetToDefault(_)) => true,
            Some(NodeEnum::ResTarget(target)) => {
                target.indirection.is_empty() && target.val.as_deref().is_some_and(|val| self.is_fixed(val))
            }
            Some(NodeEnum::TypeCast(cast)) => cast.arg.as_deref().is_some_and(|arg| self.is_fixed(arg)),
            Some(NodeEnum::ColumnRef(column)) => match column.fields.as_slice() {
                [table, _] => names::string(table) == Some(self.name),
                _ => false,
            },
            _ => false,
        }
    }
}

/// Functions that return their first argument with parts added or removed.
const KEEPERS: [&str; 5] =
    ["json_strip_nulls", "jsonb_insert", "jsonb_set", "jsonb_set_lax", "jsonb_strip_nulls"];

/// Returns whether a node may pass its operand on unchanged. A new column gets the type of the expression:
/// `doc || text` is a text.
pub(super) fn passes_on(node: &NodeEnum, takes: Takes<'_>) -> bool {
    let typed = !matches!(takes, Takes::New);
    match node {
        NodeEnum::ColumnRef(_) | NodeEnum::SelectStmt(_) => true,
        NodeEnum::CoalesceExpr(_) => typed,
        NodeEnum::AExpr(expression) => typed && operands(expression) != (false, false),
        NodeEnum::FuncCall(call) => typed && keeps_first(call),
        NodeEnum::TypeCast(cast) => is_json_cast(cast),
        _ => false,
    }
}

/// Returns whether an operator returns its left or its right operand with parts added or removed.
pub(super) fn operands(expression: &AExpr) -> (bool, bool) {
    let own = matches!(names::qualified(&expression.name), Some((None | Some("pg_catalog"), _)));
    if !own || AExprKind::try_from(expression.kind) != Ok(AExprKind::AexprOp) {
        return (false, false);
    }
    match names::qualified(&expression.name) {
        Some((_, "||")) => (true, true),
        Some((_, "-" | "#-")) => (true, false),
        _ => (false, false),
    }
}

/// Returns whether a call returns its first argument with parts added or removed.
pub(super) fn keeps_first(call: &FuncCall) -> bool {
    matches!(names::qualified(&call.funcname), Some((None | Some("pg_catalog"), name)) if KEEPERS.contains(&name))
}

fn is_json_cast(cast: &TypeCast) -> bool {
    cast.type_name.as_ref().is_some_and(is_json)
}

/// Returns whether a type is `json` or `jsonb`.
pub(super) fn is_json(name: &TypeName) -> bool {
    name.array_bounds.is_empty()
        && !name.setof
        && !name.pct_type
        && matches!(names::qualified(&name.names), Some((None | Some("pg_catalog"), "json" | "jsonb")))
}

impl<'t> Walk<'t> {
    /// Notes a column whose value is used unchanged.
    pub(super) fn stands(&mut self, written: Written<'t>, place: &Place<'t>) {
        let target = match place.takes.filter(|_| !place.decides) {
            Some(Takes::Column(column)) if written.name == Some(column) => place.target.clone(),
            Some(Takes::New) => None,
            _ => return self.reads(written, place),
        };
        if place.stand == Stand::Compared {
            self.look(written, place.stand);
        }
        self.taken.insert((target, written));
        self.looks(written, place);
    }

    /// Visits what a query returns, column by column.
    pub(super) fn gives(&mut self, select: &'t SelectStmt, place: &Place<'t>, takes: Option<Takes<'t>>) {
        let one = SetOperation::try_from(select.op) == Ok(SetOperation::SetopNone);
        let list = &select.target_list;
        let columns = match takes {
            // It is unknown how many columns a star stands for, even whether there is one.
            Some(Takes::Columns(columns)) if columns.len() == list.len() && !list.iter().any(is_star) => {
                columns
            }
            _ => &[],
        };
        let stands = self.items(select, place);
        let place = &Place { arm: Arm::Alone, ..place.clone() };
        let brought = tables::brings_all(&select.from_clause);
        // The last one in is visited first.
        for (number, (node, stand)) in list.iter().zip(stands).enumerate().rev() {
            // It stands for values that are visited where they stand.
            if brought && tables::is_star_of(node, &select.from_clause) {
                continue;
            }
            let takes = match takes {
                Some(Takes::New) if one => Some(Takes::New),
                Some(Takes::Columns(_)) if one => columns.get(number).and_then(target_of),
                _ => None,
            };
            self.target_value(node, &Place { stand, ..place.clone() }, takes);
        }
    }

    /// Visits one element of a target list.
    pub(super) fn target_value(&mut self, node: &'t Node, place: &Place<'t>, takes: Option<Takes<'t>>) {
        let Some(NodeEnum::ResTarget(target)) = &node.node else { return node.walk(self, place) };
        parts!(target.as_ref() => self, place; ResTarget { walk: indirection; keep: val; skip: name location });
        val.walk(self, &place.taken(takes));
    }

    /// Notes a column whose values may be stored somewhere in another form.
    pub(super) fn keep(&mut self, relation: Option<Object>, name: Option<&str>) {
        self.effects.kept.insert(Column { relation, name: name.map(Into::into), access: Access::Read });
    }

    /// Resolves the relations of the columns that are kept, in a text that stores something or deletes rows.
    pub(super) fn finish_kept(&mut self) {
        let (kept, taken) = (std::mem::take(&mut self.kept), std::mem::take(&mut self.taken));
        if !self.effects.lays() && !self.effects.deletes() {
            self.effects.kept.clear();
            return;
        }
        for written in self.copied() {
            self.relations_of(written, |walk, relation, name| walk.keep(relation, name));
        }
        for written in kept {
            if self.is_brought(written) {
                continue;
            }
            self.relations_of(written, |walk, relation, name| walk.keep(relation, name));
        }
        for (target, written) in taken {
            // Whole rows are no documents, whatever their name says.
            let row = written.qualifier.is_none()
                && written.name.is_some_and(|word| {
                    self.joins.contains(word)
                        || self.derived.contains(word)
                        || self.aliases.contains_key(word)
                });
            if row {
                self.relations_of(written, |walk, relation, name| walk.keep(relation, name));
            } else {
                let relation = target.map(|target| (*target).clone());
                let name = written.name.map(Into::into);
                self.effects.documents.insert(Column { relation, name, access: Access::Write });
            }
        }
    }

    /// Returns the columns of conditions in a text that adds rows: how many rows there are, and which, may
    /// reveal what the condition looks at.
    fn copied(&mut self) -> BTreeSet<Written<'t>> {
        let verbs = &self.effects.verbs;
        let copies = self.makes_table
            || [Verb::Insert, Verb::Merge, Verb::Refresh].iter().any(|verb| verbs.contains(verb));
        if copies { std::mem::take(&mut self.decided) } else { BTreeSet::new() }
    }

    /// Calls `note` with each relation that a column may belong to, and its name; with `None` for what cannot
    /// be told.
    pub(super) fn relations_of(
        &mut self,
        written: Written<'t>,
        mut note: impl FnMut(&mut Self, Option<Object>, Option<&'t str>),
    ) {
        let Written { qualifier, name } = written;
        let called = qualifier.map_or(name, |(_, alias)| Some(alias));
        let most = called.and_then(|name| self.aliases.get(name)).map_or(0, BTreeSet::len);
        self.noted = self.noted.saturating_add(most.saturating_sub(1));
        if self.noted > MAX_COLUMNS {
            // The text is refused as too large.
            return;
        }
        match (qualifier, name) {
            (Some((Some(schema), relation)), _) => note(self, Some(names::object(schema, relation)), name),
            (Some((None, alias)), _) => {
                let objects = self.aliases.get(alias).cloned().unwrap_or_default();
                if objects.is_empty() || self.joins.contains(alias) {
                    note(self, None, name);
                }
                for object in objects {
                    note(self, Some(object), name);
                }
            }
            (None, Some(word)) => {
                note(self, None, name);
                if self.joins.contains(word) {
                    note(self, None, None);
                }
                // `SELECT c FROM customers c` reads whole rows.
                for object in self.aliases.get(word).cloned().unwrap_or_default() {
                    note(self, Some(object), None);
                }
            }
            (None, None) => note(self, None, None),
        }
    }
}

/// Returns whether an element of a target list is `*`, `t.*` or `(row).*`.
pub(super) fn is_star(node: &Node) -> bool {
    let Some(NodeEnum::ResTarget(target)) = &node.node else { return false };
    let last = match target.val.as_deref().and_then(|val| val.node.as_ref()) {
        Some(NodeEnum::ColumnRef(column)) => column.fields.last(),
        Some(NodeEnum::AIndirection(indirection)) => indirection.indirection.last(),
        _ => None,
    };
    last.is_some_and(|last| matches!(last.node, Some(NodeEnum::AStar(_))))
}

/// Returns the column that an element of an `INSERT` column list or of a `SET` names, if it is the whole
/// column.
pub(super) fn target_of(node: &Node) -> Option<Takes<'_>> {
    match &node.node {
        Some(NodeEnum::ResTarget(target)) => whole(target),
        _ => None,
    }
}

fn whole(target: &ResTarget) -> Option<Takes<'_>> {
    target.indirection.is_empty().then_some(Takes::Column(&target.name))
}

/// Whether what is set is `EXCLUDED.` and this name.
pub(super) fn is_excluded(node: &Node, name: &str) -> bool {
    let Some(NodeEnum::ResTarget(target)) = &node.node else { return false };
    match target.val.as_deref().and_then(|value| value.node.as_ref()) {
        Some(NodeEnum::ColumnRef(column)) => {
            let excluded = Written { qualifier: Some((None, "excluded")), name: Some(name) };
            written(column) == Some(excluded)
        }
        _ => false,
    }
}
