//! Which of the columns that a text reads it looks at: which rows there are, how many and in what order tells
//! what is in those.
//!
//! A column that a query gives as it is, in its list or by `*`, is not looked at by that. A subquery gives it
//! on under a name: whoever looks at something of that name, anywhere in the text, looks at the column. What
//! else is done with a column is a look at it.

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

/// What is done with the value of a node.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) enum Stand {
    /// Anything.
    #[default]
    Elsewhere,
    /// A query gives it, and compares or sorts what it gives.
    Compared,
    /// A query gives it as it is.
    Bare,
    /// Rows come from it.
    Source,
    /// It decides which rows there are, alone or with others.
    Condition,
    /// It is compared with a constant for equality, to decide that.
    Equal,
}

impl Stand {
    /// What is done with what the value of a node is made of.
    pub(super) const fn below(self) -> Self {
        match self {
            Self::Compared => Self::Compared,
            _ => Self::Elsewhere,
        }
    }
}

/// Which query of several that a `UNION` and the like join this is.
#[derive(Debug, Clone, Copy, Default)]
pub(super) enum Arm<'t> {
    /// It stands alone.
    #[default]
    Alone,
    /// One whose rows are added to others, under the names of this list.
    Added(&'t [Node]),
    /// One whose rows are compared with others, or are known under names that cannot be told.
    Compared,
}

/// What a name of an output stands for.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Shown<'t> {
    Column(Written<'t>),
    Call(Object),
    Name(&'t str),
}

/// All columns.
const ALL: Written<'static> = Written { qualifier: None, name: None };

/// What a walk has found so far.
#[derive(Debug, Default)]
pub(super) struct Looks<'t> {
    columns: BTreeMap<Written<'t>, Look>,
    shown: BTreeMap<&'t str, BTreeSet<Shown<'t>>>,
}

/// The place of a node, where it is not that of what the node stands in.
pub(super) fn settled<'t>(node: &NodeEnum, place: &Place<'t>) -> Option<Place<'t>> {
    let keeps = match place.stand {
        Stand::Elsewhere | Stand::Compared => true,
        Stand::Bare => matches!(node, NodeEnum::ColumnRef(_) | NodeEnum::FuncCall(_)),
        Stand::Source => matches!(node, NodeEnum::List(_) | NodeEnum::FuncCall(_)),
        Stand::Condition => matches!(node, NodeEnum::BoolExpr(_) | NodeEnum::AExpr(_)),
        Stand::Equal => matches!(node, NodeEnum::ColumnRef(_)),
    };
    // What a query gives to an expression is looked at there.
    let sinks = !place.sunk && matches!(kinds::kind(node), Kind::Expression | Kind::Json);
    let stand = if keeps { place.stand } else { Stand::Elsewhere };
    (!keeps || sinks).then(|| Place { stand, sunk: place.sunk || sinks, ..place.clone() })
}

/// What is done with the two sides of an operator.
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

/// Whether a value is a constant or a parameter.
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

/// Whether a list or an array is one of constants and parameters.
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

/// What stands in an element of a list of targets.
fn value(node: &Node) -> Option<(&ResTarget, &NodeEnum)> {
    match &node.node {
        Some(NodeEnum::ResTarget(target)) => Some((target, target.val.as_deref()?.node.as_ref()?)),
        _ => None,
    }
}

/// A column as it is written.
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

/// The first of the queries that a `UNION` and the like join.
fn first(select: &SelectStmt) -> &SelectStmt {
    let mut at = select;
    while let Some(left) = at.larg.as_deref() {
        at = left;
    }
    at
}

/// Whether one of them has a `*`.
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

/// The places of outputs that a query sorts or groups by, from 1.
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
    /// The same place, for what decides which rows there are.
    pub(super) fn conditional(&self) -> Self {
        Self { stand: Stand::Condition, ..self.clone() }
    }

    /// The same place, for what is given as it is.
    pub(super) fn bare(&self) -> Self {
        Self { stand: Stand::Bare, ..self.clone() }
    }

    /// The same place, for what rows come from.
    pub(super) fn source(&self) -> Self {
        Self { stand: Stand::Source, ..self.clone() }
    }

    /// The place of the queries that a query joins. `outer`: that of the query itself.
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
    /// Notes a column that is looked at, where it is.
    pub(super) fn look(&mut self, written: Written<'t>, stand: Stand) {
        let look = match stand {
            Stand::Bare => return,
            Stand::Equal => Look::Equal,
            _ => Look::Other,
        };
        let known = self.looks.columns.entry(written).or_insert(look);
        *known = look.max(*known);
    }

    /// Notes a call, by what is done with its value.
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

    /// Notes the number of columns that the order or the groups of a query hang on, and what is done with
    /// each element of its list.
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

    /// Notes under which names an element of a list is known.
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

    /// Notes that columns have other names: those of what a query gives, or of any.
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

    /// What a `WITH` sorts by or compares on its way through its own rows.
    pub(super) fn looks_on_the_way(&mut self, cte: &'t CommonTableExpr) {
        let search = cte.search_clause.as_ref().map(|clause| clause.search_col_list.as_slice());
        let cycle = cte.cycle_clause.as_deref().map(|clause| clause.cycle_col_list.as_slice());
        for name in search.into_iter().chain(cycle).flatten().filter_map(names::string) {
            self.look(Written { qualifier: None, name: Some(name) }, Stand::Elsewhere);
        }
    }

    /// What decides whether there is a row like the one to be inserted.
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

    /// A query in an expression. Whether there is any row tells nothing of what it gives.
    pub(super) fn sub_link(&mut self, link: &'t SubLink, place: &Place<'t>) {
        let exists = SubLinkType::try_from(link.sub_link_type) == Ok(SubLinkType::ExistsSublink);
        link.subselect.walk(self, &Place { sunk: !exists, ..place.clone() });
    }

    /// Whether a column says that it is one of a table, not of a query.
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

    /// The columns that are looked at, with those that are so by the names that queries give them.
    fn all_looked(&mut self) -> BTreeMap<Written<'t>, Look> {
        let Looks { columns, shown } = std::mem::take(&mut self.looks);
        let mut left: Vec<(Written<'t>, Look)> = columns.into_iter().collect();
        let mut all: BTreeMap<Written<'t>, Look> = BTreeMap::new();
        // Each name is gone into once for each kind of look.
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

    /// Gives the columns that are looked at their relations, now that all names are known.
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

/// The function that is called.
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
