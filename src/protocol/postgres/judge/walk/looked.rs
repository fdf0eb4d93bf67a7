//! Which of the columns that a text reads it looks at: which rows come back, how many and in what order
//! reveals their values.
//!
//! A column that a query returns unchanged, in its target list or by `*`, is not looked at by that. A
//! subquery passes it on under a name: whatever looks at something with that name, anywhere in the text,
//! looks at the column. Any other use of a column looks at it.

use std::collections::{BTreeMap, BTreeSet};

use pg_query::NodeEnum;
use pg_query::protobuf::{
    AExpr, AExprKind, ColumnRef, CommonTableExpr, FuncCall, InferClause, Node, ResTarget, ReturningClause,
    SelectStmt, SetOperation, SubLink, SubLinkType,
};

use super::documents::is_star;
use super::kinds::{self, Kind};
use super::parts::{Part, parts};
use super::{Place, Walk, Written, names};
use crate::domain::sql::{Access, Column, Look, Object};

/// The use of a node's value.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) enum Stand {
    /// Anything.
    #[default]
    Elsewhere,
    /// A query returns it, and compares or sorts what it returns.
    Compared,
    /// A query returns it unchanged.
    Bare,
    /// It is a source of rows.
    Source,
    /// It decides which rows there are, alone or with other conditions.
    Condition,
    /// It is compared with a constant for equality, as such a condition.
    Equal,
}

impl Stand {
    /// Returns the use of the parts of which the value is computed.
    pub(super) const fn below(self) -> Self {
        match self {
            Self::Compared => Self::Compared,
            _ => Self::Elsewhere,
        }
    }
}

/// The role of a query in a `UNION` or another set operation.
#[derive(Debug, Clone, Copy, Default)]
pub(super) enum Arm<'t> {
    /// It is not part of one.
    #[default]
    Alone,
    /// Its rows are added to others, under the column names of this target list.
    Added(&'t [Node]),
    /// Its rows are compared with others, or get column names that cannot be told.
    Compared,
}

/// What the name of an output column stands for.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Shown<'t> {
    Column(Written<'t>),
    Call(Object),
    Name(&'t str),
}

/// All columns.
const ALL: Written<'static> = Written { qualifier: None, name: None };

/// The columns that are looked at so far, and what output names stand for.
#[derive(Debug, Default)]
pub(super) struct Looks<'t> {
    columns: BTreeMap<Written<'t>, Look>,
    shown: BTreeMap<&'t str, BTreeSet<Shown<'t>>>,
}

/// Returns the place of a node if it differs from that of its parent.
pub(super) fn settled<'t>(node: &NodeEnum, place: &Place<'t>) -> Option<Place<'t>> {
    let keeps = match place.stand {
        Stand::Elsewhere | Stand::Compared => true,
        Stand::Bare => matches!(node, NodeEnum::ColumnRef(_) | NodeEnum::FuncCall(_)),
        Stand::Source => matches!(node, NodeEnum::List(_) | NodeEnum::FuncCall(_)),
        Stand::Condition => matches!(node, NodeEnum::BoolExpr(_) | NodeEnum::AExpr(_)),
        Stand::Equal => matches!(node, NodeEnum::ColumnRef(_)),
    };
    // What a query returns to an expression is looked at there.
    let sinks = !place.sunk && matches!(kinds::kind(node), Kind::Expression | Kind::Json);
    let stand = if keeps { place.stand } else { Stand::Elsewhere };
    (!keeps || sinks).then(|| Place { stand, sunk: place.sunk || sinks, ..place.clone() })
}

/// Returns the uses of the two operands of an operator.
pub(super) fn sides(expression: &AExpr, place: &Place<'_>) -> (Stand, Stand) {
    let nothing = (place.stand.below(), place.stand.below());
    let equals = matches!(names::qualified(&expression.name), Some((None | Some("pg_catalog"), "=")));
    if place.stand != Stand::Condition || !equals {
        return nothing;
    }
    let fixed = |side: &Option<Box<Node>>, is: fn(&Node) -> bool| side.as_deref().is_some_and(is);
    match AExprKind::try_from(expression.kind) {
        Ok(AExprKind::AexprOp) if fixed(&expression.rexpr, is_fixed) => (Stand::Equal, Stand::Elsewhere),
        Ok(AExprKind::AexprOp) if fixed(&expression.lexpr, is_fixed) => (Stand::Elsewhere, Stand::Equal),
        Ok(AExprKind::AexprIn | AExprKind::AexprOpAny) if fixed(&expression.rexpr, are_fixed) => {
            (Stand::Equal, Stand::Elsewhere)
        }
        _ => nothing,
    }
}

/// Returns whether a value is a constant or a parameter.
fn is_fixed(node: &Node) -> bool {
    match &node.node {
        Some(NodeEnum::AConst(_) | NodeEnum::ParamRef(_)) => true,
        Some(NodeEnum::TypeCast(cast)) => matches!(
            cast.arg.as_deref().and_then(|arg| arg.node.as_ref()),
            Some(NodeEnum::AConst(_) | NodeEnum::ParamRef(_))
        ),
        _ => false,
    }
}

/// Returns whether a list or array consists of constants and parameters.
fn are_fixed(node: &Node) -> bool {
    let array = |node: &Node| match &node.node {
        Some(NodeEnum::AArrayExpr(array)) => array.elements.iter().all(is_fixed),
        _ => is_fixed(node),
    };
    match &node.node {
        Some(NodeEnum::List(list)) => list.items.iter().all(is_fixed),
        Some(NodeEnum::TypeCast(cast)) => cast.arg.as_deref().is_some_and(array),
        _ => array(node),
    }
}

/// Returns the parts of an element of a target list.
fn value(node: &Node) -> Option<(&ResTarget, &NodeEnum)> {
    match &node.node {
        Some(NodeEnum::ResTarget(target)) => Some((target, target.val.as_deref()?.node.as_ref()?)),
        _ => None,
    }
}

/// Returns a column as written.
pub(super) fn written(column: &ColumnRef) -> Option<Written<'_>> {
    let (last, before) = column.fields.split_last()?;
    let name = match &last.node {
        Some(NodeEnum::AStar(_)) => None,
        _ => names::string(last),
    };
    Some(Written { qualifier: names::qualified(before), name })
}

/// The name of what an element gives, where it has one that can be told.
pub(super) fn name_of(node: &Node) -> Option<&str> {
    let (target, value) = value(node)?;
    if !target.name.is_empty() {
        return Some(&target.name);
    }
    match value {
        NodeEnum::ColumnRef(column) => written(column)?.name,
        NodeEnum::FuncCall(call) => names::qualified(&call.funcname).map(|(_, name)| name),
        _ => None,
    }
}

/// Returns the first query of a set operation.
fn first(select: &SelectStmt) -> &SelectStmt {
    let mut at = select;
    while let Some(left) = at.larg.as_deref() {
        at = left;
    }
    at
}

/// Returns whether a query of a set operation has a `*`.
fn has_star(select: &SelectStmt) -> bool {
    let mut left = vec![select];
    while let Some(select) = left.pop() {
        if select.target_list.iter().any(is_star) {
            return true;
        }
        left.extend(select.larg.as_deref().into_iter().chain(select.rarg.as_deref()));
    }
    false
}

/// Returns the positions, from 1, of output columns that a query sorts or groups by.
fn places(select: &SelectStmt) -> BTreeSet<usize> {
    let clauses = [&select.sort_clause, &select.group_clause, &select.distinct_clause];
    let mut left: Vec<&Node> = clauses.into_iter().flatten().collect();
    let mut found = BTreeSet::new();
    while let Some(node) = left.pop() {
        match &node.node {
            Some(NodeEnum::SortBy(sort)) => left.extend(sort.node.as_deref()),
            Some(NodeEnum::GroupingSet(set)) => left.extend(&set.content),
            Some(NodeEnum::RowExpr(row)) => left.extend(&row.args),
            Some(NodeEnum::List(list)) => left.extend(&list.items),
            Some(NodeEnum::AConst(_)) => {
                found.extend(names::constant(node).and_then(|number| number.parse::<usize>().ok()));
            }
            _ => {}
        }
    }
    found
}

impl<'t> Place<'t> {
    /// Returns the same place, for conditions on rows.
    pub(super) fn conditional(&self) -> Self {
        Self { stand: Stand::Condition, ..self.clone() }
    }

    /// Returns the same place, for values that are returned unchanged.
    pub(super) fn bare(&self) -> Self {
        Self { stand: Stand::Bare, ..self.clone() }
    }

    /// Returns the same place, for sources of rows.
    pub(super) fn source(&self) -> Self {
        Self { stand: Stand::Source, ..self.clone() }
    }

    /// Returns the place of the operands of a set operation; `outer` is the place of the whole.
    pub(super) fn arms(&self, select: &'t SelectStmt, outer: &Self) -> Self {
        let adds = SetOperation::try_from(select.op) == Ok(SetOperation::SetopUnion) && select.all;
        let arm = match outer.arm {
            _ if outer.sunk || !adds || !places(select).is_empty() => Arm::Compared,
            Arm::Alone if has_star(select) => Arm::Compared,
            Arm::Alone => Arm::Added(&first(select).target_list),
            other => other,
        };
        Self { arm, ..self.clone() }
    }
}

impl<'t> Walk<'t> {
    /// Notes a column, if its use looks at it.
    pub(super) fn look(&mut self, written: Written<'t>, stand: Stand) {
        let look = match stand {
            Stand::Bare => return,
            Stand::Equal => Look::Equal,
            _ => Look::Other,
        };
        let known = self.looks.columns.entry(written).or_insert(look);
        *known = look.max(*known);
    }

    /// Notes a call, by the use of its value.
    pub(super) fn look_at_call(&mut self, object: &Object, stand: Stand) {
        match stand {
            Stand::Bare => {}
            Stand::Source => {
                self.effects.sources.insert(object.clone());
            }
            _ => {
                self.effects.looked_calls.insert(object.clone());
            }
        }
    }

    /// Notes whether a query sorts or groups by position. Returns the use of each element of its target list.
    pub(super) fn items(&mut self, select: &'t SelectStmt, place: &Place<'t>) -> Vec<Stand> {
        let places = places(select);
        self.effects.by_numbers |= !places.is_empty();
        let list = &select.target_list;
        let plain = !select.distinct_clause.is_empty()
            && select.distinct_clause.iter().all(|node| node.node.is_none());
        let all = place.sunk
            || plain
            || matches!(place.arm, Arm::Compared)
            || (!places.is_empty() && list.iter().any(is_star));
        let mut stands = Vec::with_capacity(list.len());
        for (number, node) in list.iter().enumerate() {
            let also = match place.arm {
                Arm::Added(first) => first.get(number).and_then(name_of).map(Some),
                Arm::Alone | Arm::Compared => Some(None),
            };
            stands.push(match also {
                Some(also) if !all && !places.contains(&number.saturating_add(1)) => {
                    self.shows(node, also);
                    Stand::Bare
                }
                _ => Stand::Compared,
            });
        }
        stands
    }

    /// Notes the names by which an element of a target list is known.
    fn shows(&mut self, node: &'t Node, also: Option<&'t str>) {
        let Some((_, value)) = value(node) else { return };
        let shown = match value {
            NodeEnum::ColumnRef(column) => written(column).map(Shown::Column),
            NodeEnum::FuncCall(call) => called(call).map(Shown::Call),
            _ => None,
        };
        let Some(shown) = shown else { return };
        for name in [name_of(node), also].into_iter().flatten() {
            self.looks.shown.entry(name).or_default().insert(shown.clone());
        }
    }

    /// Notes that columns get other names: the output columns of `query`, or with `None` any columns.
    pub(super) fn renames(&mut self, columns: &'t [Node], query: Option<&'t NodeEnum>) {
        let returned =
            |clause: &'t Option<ReturningClause>| clause.as_ref().map(|clause| clause.exprs.as_slice());
        let outputs: Option<&'t [Node]> = match query {
            Some(NodeEnum::SelectStmt(select)) => Some(first(select).target_list.as_slice()),
            Some(NodeEnum::InsertStmt(insert)) => returned(&insert.returning_clause),
            Some(NodeEnum::UpdateStmt(update)) => returned(&update.returning_clause),
            Some(NodeEnum::DeleteStmt(delete)) => returned(&delete.returning_clause),
            Some(NodeEnum::MergeStmt(merge)) => returned(&merge.returning_clause),
            _ => None,
        };
        let told = outputs.map_or(0, |outputs| outputs.iter().position(is_star).unwrap_or(usize::MAX));
        for (number, name) in columns.iter().enumerate() {
            let Some(name) = names::string(name) else { continue };
            let shown = if number >= told {
                Some(Shown::Column(ALL))
            } else {
                outputs.and_then(|outputs| outputs.get(number)).and_then(name_of).map(Shown::Name)
            };
            self.looks.shown.entry(name).or_default().extend(shown);
        }
    }

    /// Notes the columns that a recursive `WITH` query searches or detects cycles by.
    pub(super) fn looks_on_the_way(&mut self, cte: &'t CommonTableExpr) {
        let search = cte.search_clause.as_ref().map(|clause| clause.search_col_list.as_slice());
        let cycle = cte.cycle_clause.as_deref().map(|clause| clause.cycle_col_list.as_slice());
        for name in search.into_iter().chain(cycle).flatten().filter_map(names::string) {
            self.look(Written { qualifier: None, name: Some(name) }, Stand::Elsewhere);
        }
    }

    /// Notes the columns by which `ON CONFLICT` finds an existing row.
    pub(super) fn looks_for_conflict(&mut self, infer: Option<&'t InferClause>) {
        let Some(infer) = infer else { return };
        let qualifier = Some((None, "excluded"));
        for element in &infer.index_elems {
            if let Some(NodeEnum::IndexElem(element)) = &element.node
                && !element.name.is_empty()
            {
                self.look(Written { qualifier, name: Some(&element.name) }, Stand::Elsewhere);
            }
        }
        if !infer.conname.is_empty() {
            self.look(Written { qualifier, name: None }, Stand::Elsewhere);
        }
    }

    /// Visits a subquery in an expression. `EXISTS` reveals nothing of what the subquery returns.
    pub(super) fn sub_link(&mut self, link: &'t SubLink, place: &Place<'t>) {
        let exists = SubLinkType::try_from(link.sub_link_type) == Ok(SubLinkType::ExistsSublink);
        link.subselect.walk(self, &Place { sunk: !exists, ..place.clone() });
    }

    /// Returns whether a column is certain to belong to a table, and not to a subquery.
    fn is_of_tables(&self, column: Written<'t>) -> bool {
        match column.qualifier {
            Some((Some(_), _)) => true,
            Some((None, alias)) => {
                let told = self.aliases.get(alias).is_some_and(|objects| !objects.is_empty());
                told && !self.derived.contains(alias) && !self.joins.contains(alias)
            }
            None => false,
        }
    }

    /// Returns the columns that are looked at, including those looked at under the output names of
    /// subqueries.
    fn all_looked(&mut self) -> BTreeMap<Written<'t>, Look> {
        let Looks { columns, shown } = std::mem::take(&mut self.looks);
        let mut left: Vec<(Written<'t>, Look)> = columns.into_iter().collect();
        let mut all: BTreeMap<Written<'t>, Look> = BTreeMap::new();
        // Each name is followed once for each kind of look.
        let mut names: BTreeSet<(Look, &'t str)> = BTreeSet::new();
        let mut rows = false;
        while let Some((column, look)) = left.pop() {
            let known = all.entry(column).or_insert(look);
            *known = look.max(*known);
            if self.is_of_tables(column) {
                continue;
            }
            let mut through: Vec<&'t str> = column.name.into_iter().collect();
            while let Some(name) = through.pop() {
                if !names.insert((look, name)) {
                    continue;
                }
                for shown in shown.get(name).into_iter().flatten() {
                    match shown {
                        Shown::Column(column) => left.push((*column, look)),
                        Shown::Name(name) => through.push(name),
                        Shown::Call(object) => {
                            self.effects.looked_calls.insert(object.clone());
                        }
                    }
                }
                // The rows of a subquery as values.
                if column.qualifier.is_none() && self.derived.contains(name) {
                    left.push((ALL, look));
                }
            }
            rows |= column.name.is_none();
        }
        if rows {
            let calls = shown.into_values().flatten().filter_map(|shown| match shown {
                Shown::Call(object) => Some(object),
                Shown::Column(_) | Shown::Name(_) => None,
            });
            self.effects.looked_calls.extend(calls);
        }
        all
    }

    /// Resolves the relations of the columns that are looked at, now that all names are known.
    pub(super) fn finish_looked(&mut self) {
        let noted = std::mem::take(&mut self.noted);
        for (written, look) in self.all_looked() {
            let note = |walk: &mut Self, relation: Option<Object>, name: Option<&str>| {
                let column = Column { relation, name: name.map(Into::into), access: Access::Read };
                let known = walk.effects.looked.entry(column).or_insert(look);
                *known = look.max(*known);
            };
            if let Some((None, alias)) = written.qualifier
                && self.derived.contains(alias)
            {
                note(self, None, written.name);
            }
            self.relations_of(written, note);
        }
        self.noted = self.noted.max(noted);
    }
}

/// Returns the function that is called.
fn called(call: &FuncCall) -> Option<Object> {
    names::object_of(&call.funcname)
}

impl Part for ReturningClause {
    fn walk<'t>(&'t self, walk: &mut Walk<'t>, place: &Place<'t>) {
        parts!(self; ReturningClause { keep: exprs; skip: options });
        for node in exprs.iter().rev() {
            walk.shows(node, None);
            walk.target_value(node, &place.bare(), None);
        }
    }
}
