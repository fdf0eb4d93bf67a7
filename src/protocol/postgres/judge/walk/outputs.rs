//! Which columns of tables go into each column that a query gives.
//!
//! Only what is surely told: an expression of constants, parameters, functions and operators that PostgreSQL
//! brings along and that do nothing but compute, and columns that stand in a table of the query's own `FROM`,
//! or in a subquery there that is such a query. Of anything else it says that anything may go into it.
//!
//! What decides which rows there are goes into what functions make of them: a count of rows that a join makes
//! would spell a value. It does not go into anything else: which rows come is shown by every plain column,
//! too.

use std::collections::BTreeSet;
use std::rc::Rc;
use std::sync::Arc;

use pg_query::NodeEnum;
use pg_query::protobuf::{
    Alias, FuncCall, Node, RangeSubselect, RangeVar, ResTarget, SelectStmt, SetOperation, WindowDef,
    WithClause,
};

use super::super::functions::{self, Call};
use super::documents::is_star;
use super::looked::{name_of, written};
use super::parts::parts;
use super::{Written, names};
use crate::domain::sql::{Object, OutputSource, Outputs};

/// How deep queries and expressions are gone into.
const DEEPEST: usize = 48;
/// How many sources, rows and names of `WITH` are gone through for one text.
const MOST: usize = 20_000;

/// What goes into a column.
type Sources = BTreeSet<OutputSource>;

/// What rows come from.
#[derive(Debug, Clone)]
enum Rows<'t> {
    Table(Object),
    Query(Rc<Columns<'t>>),
    Untold,
}

/// The columns of a subquery.
#[derive(Debug, Default)]
struct Columns<'t> {
    /// Those that are listed: what each is called, if that is told, and what goes into it, if that is.
    listed: Vec<(Option<&'t str>, Option<Sources>)>,
    /// The tables all of whose columns it has.
    tables: Vec<Object>,
    /// What decides which rows there are, and so how many; `None` where anything may.
    count: Option<Sources>,
}

/// One element of a `FROM`.
#[derive(Debug)]
struct Item<'t> {
    name: Option<&'t str>,
    rows: Rows<'t>,
}

/// What the columns are made of that a text gives, if it is one query and nothing else.
pub(super) fn outputs<'t>(select: &'t SelectStmt) -> Option<Outputs> {
    let mut reader = Reader { ctes: Vec::new(), left: MOST, calls: false, windows: false };
    reader.with(select.with_clause.as_ref(), 0);
    let items = reader.items(select, 0)?;
    let count = match items.as_slice() {
        // Each of its rows is there or not: that is all that a condition can do.
        [Item { rows: Rows::Table(_), .. }] => Some(Sources::new()),
        _ => reader.count(select, &items),
    };
    let list = &select.target_list;
    let front = list.iter().position(is_star).unwrap_or(list.len());
    let back = list.iter().rposition(is_star).map(|star| star.saturating_add(1));
    let mut made = |nodes: &'t [Node]| {
        nodes.iter().map(|node| reader.made(node, select, &items, count.as_ref())).collect()
    };
    Some(Outputs {
        front: made(list.get(..front).unwrap_or_default()),
        back: back.map(|back| made(list.get(back..).unwrap_or_default())),
    })
}

struct Reader<'t> {
    /// The names of `WITH` that are visible.
    ctes: Vec<(&'t str, Rows<'t>)>,
    left: usize,
    /// Whether the expression that is read calls a function, which may be an aggregate.
    calls: bool,
    /// Whether it has a window.
    windows: bool,
}

impl<'t> Reader<'t> {
    /// Counts what is gone through; `None` when it is too much.
    fn spend(&mut self, count: usize) -> Option<()> {
        self.left = self.left.checked_sub(count)?;
        Some(())
    }

    fn with(&mut self, with: Option<&'t WithClause>, depth: usize) {
        let Some(with) = with else { return };
        if with.recursive {
            // Each sees all of them.
            let names = with.ctes.iter().filter_map(super::query::name_of);
            self.ctes.extend(names.map(|name| (name, Rows::Untold)));
            return;
        }
        for node in &with.ctes {
            let Some(NodeEnum::CommonTableExpr(cte)) = &node.node else { continue };
            let rows = match cte.ctequery.as_deref() {
                Some(query) => self.query(query, &cte.aliascolnames, depth),
                None => Rows::Untold,
            };
            self.ctes.push((&cte.ctename, rows));
        }
    }

    /// What a subquery gives, under these names.
    fn query(&mut self, query: &'t Node, names: &'t [Node], depth: usize) -> Rows<'t> {
        let Some(NodeEnum::SelectStmt(select)) = &query.node else { return Rows::Untold };
        let outside = self.ctes.len();
        let columns = self.columns(select, names, depth.saturating_add(1));
        self.ctes.truncate(outside);
        columns.map_or(Rows::Untold, |columns| Rows::Query(Rc::new(columns)))
    }

    fn columns(&mut self, select: &'t SelectStmt, names: &'t [Node], depth: usize) -> Option<Columns<'t>> {
        if depth > DEEPEST {
            return None;
        }
        self.with(select.with_clause.as_ref(), depth);
        let items = self.items(select, depth)?;
        let mut columns = Columns { count: self.count(select, &items), ..Columns::default() };
        for node in &select.target_list {
            if is_star(node) {
                self.star(node, &items, &mut columns)?;
                continue;
            }
            let made = self.made(node, select, &items, columns.count.as_ref());
            // Numbers of rows would be a table of guesses.
            let made = made.filter(|_| !self.windows);
            if made.is_none() {
                // It may give several rows for one.
                columns.count = None;
            }
            columns.listed.push((name_of(node), made));
        }
        if !names.is_empty() {
            // How many columns a `*` stands for, and in which order, is not known here: a join with USING has
            // some once.
            (!select.target_list.iter().any(is_star)).then_some(())?;
            let listed = columns.listed.iter_mut().zip(names);
            listed.for_each(|(column, name)| column.0 = names::string(name));
        }
        Some(columns)
    }

    /// Adds what a `*` or `t.*` stands for.
    fn star(&mut self, node: &'t Node, items: &[Item<'t>], columns: &mut Columns<'t>) -> Option<()> {
        let Some(NodeEnum::ColumnRef(star)) = value(node) else { return None };
        let Written { qualifier, name: None } = written(star)? else { return None };
        for item in meant(qualifier, items)? {
            self.spend(1)?;
            match &item.rows {
                Rows::Table(object) => columns.tables.push(object.clone()),
                Rows::Query(query) => {
                    for (name, sources) in &query.listed {
                        self.spend(sources.as_ref().map_or(1, BTreeSet::len).saturating_add(1))?;
                        columns.listed.push((*name, sources.clone()));
                    }
                    self.spend(query.tables.len())?;
                    columns.tables.extend(query.tables.iter().cloned());
                }
                Rows::Untold => return None,
            }
        }
        Some(())
    }

    /// The elements of the `FROM` of a plain query; `None` for another one.
    fn items(&mut self, select: &'t SelectStmt, depth: usize) -> Option<Vec<Item<'t>>> {
        parts!(select; SelectStmt {
            keep: from_clause values_lists into_clause op larg rarg;
            skip: distinct_clause target_list where_clause group_clause group_distinct having_clause window_clause
                sort_clause limit_offset limit_count limit_option locking_clause with_clause all
        });
        let plain = SetOperation::try_from(*op) == Ok(SetOperation::SetopNone)
            && values_lists.is_empty()
            && into_clause.is_none()
            && larg.is_none()
            && rarg.is_none();
        plain.then_some(())?;
        let mut items = Vec::new();
        for node in from_clause {
            self.item(node, &mut items, depth);
        }
        Some(items)
    }

    fn item(&mut self, node: &'t Node, items: &mut Vec<Item<'t>>, depth: usize) {
        let depth = depth.saturating_add(1);
        let untold = |alias: Option<&'t Alias>| Item { name: alias.map(aliased), rows: Rows::Untold };
        let item = match &node.node {
            Some(NodeEnum::RangeVar(range)) => self.table(range),
            Some(NodeEnum::RangeSubselect(range)) => {
                let RangeSubselect { lateral: _, subquery, alias } = range.as_ref();
                let names = alias.as_ref().map_or(&[][..], |alias| &alias.colnames);
                let rows = subquery.as_deref().map_or(Rows::Untold, |query| self.query(query, names, depth));
                Item { name: alias.as_ref().map(aliased), rows }
            }
            // A join with a name hides the names in it.
            Some(NodeEnum::JoinExpr(join)) if join.alias.is_none() && depth <= DEEPEST => {
                for side in [&join.larg, &join.rarg].into_iter().flatten() {
                    self.item(side, items, depth);
                }
                if join.join_using_alias.is_none() {
                    return;
                }
                untold(join.join_using_alias.as_ref())
            }
            Some(NodeEnum::JoinExpr(join)) => untold(join.alias.as_ref()),
            // What a function calls its columns is not known.
            _ => untold(None),
        };
        items.push(item);
    }

    fn table(&mut self, range: &'t RangeVar) -> Item<'t> {
        let RangeVar { catalogname, schemaname, relname, alias, inh: _, relpersistence: _, location: _ } =
            range;
        let name = Some(alias.as_ref().map_or(relname.as_str(), aliased));
        if !catalogname.is_empty() || alias.as_ref().is_some_and(|alias| !alias.colnames.is_empty()) {
            return Item { name, rows: Rows::Untold };
        }
        let cte = self.ctes.iter().rev().find(|(cte, _)| schemaname.is_empty() && cte == relname);
        let rows = match cte {
            Some((_, rows)) => rows.clone(),
            None => Rows::Table(names::object(schemaname, relname)),
        };
        let looked = self.ctes.len();
        let rows = self.spend(looked).map_or(Rows::Untold, |()| rows);
        Item { name, rows }
    }

    /// What decides how many rows a query has: the conditions and limits of it and of what its rows come
    /// from.
    fn count(&mut self, select: &'t SelectStmt, items: &[Item<'t>]) -> Option<Sources> {
        let mut sources = Sources::new();
        for item in items {
            match &item.rows {
                Rows::Table(_) => {}
                Rows::Query(query) => {
                    let count = query.count.as_ref()?;
                    self.spend(count.len())?;
                    sources.extend(count.iter().cloned());
                }
                Rows::Untold => return None,
            }
        }
        let at = &At { select, items, depth: 0 };
        let conditions =
            [&select.where_clause, &select.having_clause, &select.limit_offset, &select.limit_count];
        self.values(conditions.into_iter().filter_map(|node| node.as_deref()), at, &mut sources)?;
        select.from_clause.iter().try_for_each(|node| self.joined(node, at, &mut sources))?;
        Some(sources)
    }

    /// Adds what joins go by.
    fn joined(&mut self, node: &'t Node, at: &At<'_, 't>, sources: &mut Sources) -> Option<()> {
        let Some(NodeEnum::JoinExpr(join)) = &node.node else { return Some(()) };
        let at = &At { depth: at.depth.saturating_add(1), ..*at };
        (at.depth <= DEEPEST && !join.is_natural).then_some(())?;
        self.values(join.quals.as_deref(), at, sources)?;
        for name in &join.using_clause {
            self.column(None, names::string(name)?, at.items, sources)?;
        }
        [&join.larg, &join.rarg].into_iter().flatten().try_for_each(|side| self.joined(side, at, sources))
    }

    /// What goes into an element of a list of targets; `count`: what decides how many rows there are.
    fn made(
        &mut self,
        node: &'t Node,
        select: &'t SelectStmt,
        items: &[Item<'t>],
        count: Option<&Sources>,
    ) -> Option<Sources> {
        let Some(NodeEnum::ResTarget(target)) = &node.node else { return None };
        let ResTarget { name: _, indirection, val, location: _ } = target.as_ref();
        indirection.is_empty().then_some(())?;
        let mut sources = Sources::new();
        (self.calls, self.windows) = (false, false);
        self.value(val.as_deref()?, &At { select, items, depth: 0 }, &mut sources)?;
        if self.calls {
            let count = count?;
            self.spend(count.len())?;
            sources.extend(count.iter().cloned());
        }
        Some(sources)
    }

    /// Adds what goes into an expression; `None` where anything may.
    fn value(&mut self, node: &'t Node, at: &At<'_, 't>, sources: &mut Sources) -> Option<()> {
        let at = &At { depth: at.depth.saturating_add(1), ..*at };
        (at.depth <= DEEPEST).then_some(())?;
        match node.node.as_ref()? {
            NodeEnum::AConst(_) | NodeEnum::ParamRef(_) | NodeEnum::SqlvalueFunction(_) => Some(()),
            NodeEnum::ColumnRef(column) => {
                let Written { qualifier, name } = written(column)?;
                self.column(qualifier, name?, at.items, sources)
            }
            NodeEnum::FuncCall(call) => self.call(call, at, sources),
            NodeEnum::AExpr(expression) => {
                let (schema, name) = names::qualified(&expression.name)?;
                functions::known_operator(schema, name).then_some(())?;
                self.values(
                    expression.lexpr.as_deref().into_iter().chain(expression.rexpr.as_deref()),
                    at,
                    sources,
                )
            }
            NodeEnum::BoolExpr(expression) => self.values(&expression.args, at, sources),
            NodeEnum::CaseExpr(case) => {
                let ends = case.arg.as_deref().into_iter().chain(case.defresult.as_deref());
                self.values(ends.chain(&case.args), at, sources)
            }
            NodeEnum::CaseWhen(when) => {
                self.values(when.expr.as_deref().into_iter().chain(when.result.as_deref()), at, sources)
            }
            NodeEnum::CoalesceExpr(expression) => self.values(&expression.args, at, sources),
            NodeEnum::MinMaxExpr(expression) => self.values(&expression.args, at, sources),
            NodeEnum::NullTest(test) => self.values(test.arg.as_deref(), at, sources),
            NodeEnum::BooleanTest(test) => self.values(test.arg.as_deref(), at, sources),
            NodeEnum::TypeCast(cast) => self.values(cast.arg.as_deref(), at, sources),
            NodeEnum::CollateClause(clause) => self.values(clause.arg.as_deref(), at, sources),
            NodeEnum::AArrayExpr(array) => self.values(&array.elements, at, sources),
            NodeEnum::List(list) => self.values(&list.items, at, sources),
            NodeEnum::SortBy(sort) => {
                sort.use_op.is_empty().then_some(())?;
                self.values(sort.node.as_deref(), at, sources)
            }
            _ => None,
        }
    }

    fn values(
        &mut self,
        nodes: impl IntoIterator<Item = &'t Node>,
        at: &At<'_, 't>,
        sources: &mut Sources,
    ) -> Option<()> {
        nodes.into_iter().try_for_each(|node| self.value(node, at, sources))
    }

    fn call(&mut self, call: &'t FuncCall, at: &At<'_, 't>, sources: &mut Sources) -> Option<()> {
        parts!(call; FuncCall {
            keep: funcname args agg_order agg_filter over;
            skip: agg_within_group agg_star agg_distinct func_variadic funcformat location
        });
        self.calls = true;
        self.windows |= over.is_some();
        let (schema, name) = names::qualified(funcname)?;
        let computes = functions::call(schema, name) == Call::Safe
            && !name.starts_with("pg_")
            && !functions::gives_rows(name);
        computes.then_some(())?;
        self.values(args.iter().chain(agg_order).chain(agg_filter.as_deref()), at, sources)?;
        let Some(window) = over else { return Some(()) };
        self.window(window, at, sources)?;
        self.named_window(&window.name, at, sources)
    }

    fn window(&mut self, window: &'t WindowDef, at: &At<'_, 't>, sources: &mut Sources) -> Option<()> {
        let at = &At { depth: at.depth.saturating_add(1), ..*at };
        (at.depth <= DEEPEST).then_some(())?;
        parts!(window; WindowDef {
            keep: refname partition_clause order_clause start_offset end_offset;
            skip: name frame_options location
        });
        let offsets = start_offset.as_deref().into_iter().chain(end_offset.as_deref());
        self.values(partition_clause.iter().chain(order_clause).chain(offsets), at, sources)?;
        self.named_window(refname, at, sources)
    }

    /// A window of `WINDOW`; none where there is no name.
    fn named_window(&mut self, name: &str, at: &At<'_, 't>, sources: &mut Sources) -> Option<()> {
        if name.is_empty() {
            return Some(());
        }
        let named = at.select.window_clause.iter().find_map(|node| match &node.node {
            Some(NodeEnum::WindowDef(window)) if window.name == name => Some(window),
            _ => None,
        });
        self.window(named?, at, sources)
    }

    fn column(
        &mut self,
        qualifier: Option<(Option<&'t str>, &'t str)>,
        name: &'t str,
        items: &[Item<'t>],
        sources: &mut Sources,
    ) -> Option<()> {
        let (mut relations, mut listed) = (Vec::new(), false);
        for item in meant(qualifier, items)? {
            self.spend(1)?;
            match &item.rows {
                Rows::Table(object) => relations.push(object.clone()),
                Rows::Query(query) => {
                    self.spend(query.listed.len().saturating_add(query.tables.len()))?;
                    relations.extend(query.tables.iter().cloned());
                    let meant = query.listed.iter().filter(|(own, _)| own.is_none_or(|own| own == name));
                    for (own, made) in meant {
                        let made = made.as_ref()?;
                        self.spend(made.len())?;
                        sources.extend(made.iter().cloned());
                        listed |= own.is_some();
                    }
                }
                Rows::Untold => return None,
            }
        }
        if !relations.is_empty() {
            sources.insert(OutputSource {
                relations: Arc::from(relations),
                name: name.into(),
                certain: !listed,
            });
        } else if !listed {
            return None;
        }
        Some(())
    }
}

/// Where an expression stands.
#[derive(Clone, Copy)]
struct At<'a, 't> {
    select: &'t SelectStmt,
    items: &'a [Item<'t>],
    depth: usize,
}

/// The elements of a `FROM` that a column with this qualifier may be of.
fn meant<'a, 't>(
    qualifier: Option<(Option<&'t str>, &'t str)>,
    items: &'a [Item<'t>],
) -> Option<&'a [Item<'t>]> {
    match qualifier {
        None => Some(items),
        // A schema is seen in a name of its own only.
        Some((Some(_), _)) => None,
        Some((None, alias)) => {
            let mut found = items.iter().enumerate().filter(|(_, item)| item.name == Some(alias));
            let (place, _) = found.next()?;
            found.next().is_none().then_some(())?;
            items.get(place..=place)
        }
    }
}

fn value(node: &Node) -> Option<&NodeEnum> {
    match &node.node {
        Some(NodeEnum::ResTarget(target)) => target.val.as_deref()?.node.as_ref(),
        _ => None,
    }
}

fn aliased(alias: &Alias) -> &str {
    &alias.aliasname
}
