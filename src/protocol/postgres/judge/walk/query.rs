//! `SELECT`, the statements that change rows, and those that wrap another statement.

use pg_query::NodeEnum;
use pg_query::protobuf::{
    CommonTableExpr, CopyStmt, DefElem, DeleteStmt, ExplainStmt, InsertStmt, IntoClause, Node, ObjectType,
    OnConflictClause, ReturningClause, SelectStmt, UpdateStmt, WithClause,
};
use std::cmp::Ordering;
use std::rc::Rc;

use super::always::{self, Constant};
use super::documents::{self, Own, Takes};
use super::looked::{Arm, Stand};
use super::parts::{Part, parts};
use super::{Cte, MAX_CTES, Place, Walk, Written, names};
use crate::domain::command::Class;
use crate::domain::sql::{Access, Object, Verb};

impl<'t> Walk<'t> {
    pub(super) fn query(&mut self, node: &'t NodeEnum, place: &Place<'t>) {
        match node {
            NodeEnum::SelectStmt(select) => self.select(select, place),
            NodeEnum::InsertStmt(insert) => self.insert(insert, place),
            NodeEnum::UpdateStmt(update) => self.update(update, place),
            NodeEnum::DeleteStmt(delete) => self.delete(delete, place),
            NodeEnum::MergeStmt(merge) => self.merge(merge, place),
            NodeEnum::MergeWhenClause(clause) => self.merge_when(clause, None, None, place),
            NodeEnum::CommonTableExpr(cte) => self.cte(cte, place),
            NodeEnum::WithClause(with) => {
                self.with(Some(with), place);
            }
            NodeEnum::OnConflictClause(clause) => self.on_conflict(clause, None, place),
            NodeEnum::InferClause(clause) => clause.walk(self, place),
            NodeEnum::ReturningClause(clause) => clause.walk(self, place),
            NodeEnum::CtecycleClause(clause) => clause.walk(self, place),
            NodeEnum::ReturnStmt(stmt) => {
                parts!(stmt.as_ref() => self, place; ReturnStmt { walk: returnval; skip: });
            }
            NodeEnum::RawStmt(raw) => {
                parts!(raw.as_ref() => self, place; RawStmt { walk: stmt; skip: stmt_location stmt_len });
            }
            NodeEnum::LockingClause(_) => self.row_lock(place),
            NodeEnum::IntoClause(into) => self.new_table(into, place),
            NodeEnum::CopyStmt(copy) => self.copy(copy, place),
            NodeEnum::ExplainStmt(explain) => self.explain(explain, place),
            NodeEnum::CreateTableAsStmt(create) => {
                parts!(create.as_ref() => self, place; CreateTableAsStmt {
                    walk: ; keep: query objtype into; skip: is_select_into if_not_exists
                });
                // What a view shows is known from what it reads.
                let view = ObjectType::try_from(*objtype) == Ok(ObjectType::ObjectMatview);
                let inner = if view { place.deciding() } else { place.taken(Some(Takes::New)) };
                query.walk(self, &inner);
                self.act(Verb::Create, Class::Ddl, place);
                self.makes_table |= !view;
                if let Some(into) = into {
                    self.new_table(into, place);
                }
            }
            _ => self.misplaced(node),
        }
    }

    pub(super) fn select(&mut self, select: &'t SelectStmt, place: &Place<'t>) {
        let takes = if select.into_clause.is_some() { Some(Takes::New) } else { place.takes };
        let restricts = place.restricts && names::restricts(select);
        // Another relation's columns can be meant here, under any name.
        let whole = place.whole && !is_into(select);
        let outer = place;
        let place = &Place {
            own: None,
            takes: None,
            restricts: false,
            whole: false,
            stand: Stand::Elsewhere,
            sunk: false,
            arm: Arm::Alone,
            ..place.clone()
        };
        let last = select.with_clause.as_ref().filter(|_| whole).and_then(last_change);
        let inner = match (&select.with_clause, last) {
            (Some(with), Some(last)) => self.with_changes(with, last, place),
            (with, _) => self.with(with.as_ref(), place),
        };
        parts!(select => self, &inner; SelectStmt {
            walk: from_clause values_lists;
            keep: larg rarg distinct_clause target_list where_clause group_clause having_clause window_clause sort_clause
                limit_offset limit_count into_clause locking_clause;
            skip: group_distinct limit_option with_clause op all
        });
        // Which rows come back, how many and in what order reveals what a condition looks at.
        for list in [distinct_clause, group_clause, window_clause, sort_clause] {
            list.walk(self, &inner);
        }
        where_clause.walk(self, &inner.conditional());
        for part in [having_clause, limit_offset, limit_count] {
            part.walk(self, &inner);
        }
        if larg.is_some() {
            let arms = inner.arms(select, outer);
            larg.walk(self, &arms);
            rarg.walk(self, &arms);
        }
        if !target_list.is_empty() {
            self.gives(
                select,
                &Place { restricts, sunk: outer.sunk, arm: outer.arm, ..inner.clone() },
                takes,
            );
        }
        self.act(Verb::Select, Class::Read, place);
        if !locking_clause.is_empty() {
            self.row_lock(place);
        }
        if let Some(into) = into_clause {
            self.act_because(Verb::Create, Class::Ddl, "makes a table of what it reads", place);
            self.makes_table = true;
            self.new_table(into, place);
        }
    }

    fn row_lock(&mut self, place: &Place<'t>) {
        if !place.explained {
            self.effects.locks = true;
            self.class(Class::Write, || "locks rows".into());
        }
    }

    fn new_table(&mut self, into: &'t IntoClause, place: &Place<'t>) {
        parts!(into => self, place; IntoClause {
            walk: options;
            keep: rel view_query;
            skip: col_names access_method on_commit table_space_name skip_data
        });
        self.target(rel.as_ref(), Access::Ddl, place);
        if view_query.is_some() {
            self.class(Class::Unknown, || "a query in a form that no parser gives".into());
        }
    }

    /// Visits the queries of a `WITH`. Returns the place of what follows it, where its names are visible.
    pub(super) fn with(&mut self, with: Option<&'t WithClause>, place: &Place<'t>) -> Place<'t> {
        let Some(with) = with else { return place.clone() };
        parts!(with; WithClause { keep: ctes recursive; skip: location });
        let mut inner = place.clone();
        for node in ctes {
            let Some(NodeEnum::CommonTableExpr(cte)) = &node.node else {
                self.class(Class::Unknown, || "a WITH in a form that is not known".into());
                continue;
            };
            // Without RECURSIVE a query sees the names before it, and its own name means a table.
            if !*recursive {
                self.cte(cte, &inner.inside());
            }
            self.add_name(&mut inner, &cte.ctename);
        }
        if *recursive {
            ctes.walk(self, &inner.inside());
        }
        inner
    }

    /// Does the same for a query that is a whole statement and changes rows in its `WITH`. What the `last`
    /// such query returns goes to the client with the query's own result, and so does what is read after it:
    /// nothing that could store it can see it.
    fn with_changes(&mut self, with: &'t WithClause, last: usize, place: &Place<'t>) -> Place<'t> {
        parts!(with; WithClause { keep: ctes recursive; skip: location });
        if ctes.iter().any(|node| name_of(node).is_none()) {
            self.class(Class::Unknown, || "a WITH in a form that is not known".into());
        }
        let mut inner = place.clone();
        if *recursive {
            // Each may see all others; the server refuses queries that see each other in a cycle.
            ctes.iter().filter_map(name_of).for_each(|name| self.add_name(&mut inner, name));
            let only = ctes.iter().filter(|node| changes_rows(node)).count() == 1;
            for node in ctes.iter().rev() {
                let within = !(only && changes_rows(node));
                node.walk(self, &Place { within, ..inner.inside() });
            }
            return inner.answering();
        }
        for (number, node) in ctes.iter().enumerate() {
            let place = match number.cmp(&last) {
                Ordering::Less => inner.inside(),
                Ordering::Equal => Place { within: false, ..inner.inside() },
                Ordering::Greater => inner.inside().answering(),
            };
            node.walk(self, &place);
            if let Some(name) = name_of(node) {
                self.add_name(&mut inner, name);
            }
        }
        inner.answering()
    }

    fn add_name(&mut self, place: &mut Place<'t>, name: &'t str) {
        let depth = place.ctes.as_ref().map_or(0, |cte| cte.depth).saturating_add(1);
        if depth > MAX_CTES {
            self.class(Class::Unknown, || "more names in WITH than are kept".into());
        } else {
            place.ctes = Some(Rc::new(Cte { name, outer: place.ctes.take(), depth }));
        }
    }

    fn cte(&mut self, cte: &'t CommonTableExpr, place: &Place<'t>) {
        parts!(cte => self, place; CommonTableExpr {
            walk: ctequery cycle_clause;
            keep: aliascolnames ctename;
            skip: ctematerialized search_clause location cterecursive cterefcount ctecolnames
                ctecoltypes ctecoltypmods ctecolcollations
        });
        self.names_given(ctename, aliascolnames, ctequery.as_deref());
        self.renames(aliascolnames, ctequery.as_deref().and_then(|query| query.node.as_ref()));
        self.looks_on_the_way(cte);
    }

    fn insert(&mut self, insert: &'t InsertStmt, place: &Place<'t>) {
        let inner = self.with(insert.with_clause.as_ref(), &writing(place));
        parts!(insert => self, &inner; InsertStmt {
            walk: ;
            keep: relation cols select_stmt on_conflict_clause returning_clause;
            skip: with_clause r#override
        });
        self.act(Verb::Insert, Class::Write, place);
        let target = self.target(relation.as_ref(), Access::Write, place);
        let inner = inner.changing(target.as_ref());
        returning_clause.walk(self, &inner.returning());
        select_stmt.walk(self, &inner.taken(Some(Takes::Columns(cols))));
        if cols.is_empty() {
            self.changed(target.as_ref(), None);
        }
        self.targets(cols, target.as_ref(), &inner);
        self.old_and_new(insert.returning_clause.as_ref(), target.as_ref());
        if let Some(clause) = on_conflict_clause {
            self.on_conflict(clause, target.as_ref(), &inner);
        }
    }

    fn on_conflict(&mut self, clause: &'t OnConflictClause, target: Option<&Object>, place: &Place<'t>) {
        /// `OnConflictAction::OnconflictUpdate`.
        const UPDATE: i32 = pg_query::protobuf::OnConflictAction::OnconflictUpdate as i32;
        parts!(clause => self, place; OnConflictClause {
            walk: ;
            keep: infer where_clause action target_list;
            skip: location
        });
        where_clause.walk(self, place);
        infer.walk(self, &place.deciding());
        if *action == UPDATE {
            self.act(Verb::Update, Class::Write, place);
        }
        self.stands_for("excluded", target);
        self.looks_for_conflict(infer.as_deref());
        self.defines(target, infer.iter().flat_map(|infer| &infer.index_elems));
        for node in target_list {
            match documents::target_of(node) {
                // What the caller has written into this very column.
                Some(Takes::Column(name)) if documents::is_excluded(node, name) => {
                    self.changed(target, Some(name));
                }
                _ => self.targets(std::slice::from_ref(node), target, place),
            }
        }
    }

    fn update(&mut self, update: &'t UpdateStmt, place: &Place<'t>) {
        let inner = self.with(update.with_clause.as_ref(), &writing(place));
        parts!(update => self, &inner; UpdateStmt {
            walk: ;
            keep: from_clause relation target_list where_clause returning_clause;
            skip: with_clause
        });
        from_clause.walk(self, &inner);
        returning_clause.walk(self, &inner.returning());
        self.act(Verb::Update, Class::Write, place);
        let target = self.target(relation.as_ref(), Access::Write, place);
        let inner = inner.changing(target.as_ref());
        self.targets(target_list, target.as_ref(), &inner);
        self.old_and_new(update.returning_clause.as_ref(), target.as_ref());
        let own = relation.as_ref().and_then(|range| Own::of(range, from_clause, target_list));
        self.condition(where_clause.as_deref(), own, &inner);
    }

    fn delete(&mut self, delete: &'t DeleteStmt, place: &Place<'t>) {
        let inner = self.with(delete.with_clause.as_ref(), &writing(place));
        parts!(delete => self, &inner; DeleteStmt {
            walk: ;
            keep: using_clause relation where_clause returning_clause;
            skip: with_clause
        });
        using_clause.walk(self, &inner);
        returning_clause.walk(self, &inner.returning());
        self.act(Verb::Delete, Class::Write, place);
        let target = self.target(relation.as_ref(), Access::Write, place);
        self.old_and_new(delete.returning_clause.as_ref(), target.as_ref());
        let own = relation.as_ref().and_then(|range| Own::of(range, using_clause, &[]));
        self.condition(where_clause.as_deref(), own, &inner);
    }

    /// Visits the condition of an `UPDATE` or a `DELETE`. What a `WITH` returns goes on: there it is a
    /// condition like that of a query.
    fn condition(&mut self, condition: Option<&'t Node>, own: Option<Own<'t>>, place: &Place<'t>) {
        let own = own.filter(|_| !place.within);
        match condition {
            Some(condition) => condition.walk(self, &Place { own, ..place.conditional() }),
            None => return self.changes(true, place),
        }
        let always = self.constant(condition) == Some(true);
        self.changes(always, place);
    }

    /// Evaluates a condition without any row.
    pub(super) fn constant(&mut self, condition: Option<&Node>) -> Option<bool> {
        let Constant { value, by_numbers } = always::of(condition);
        self.effects.by_numbers |= by_numbers;
        value
    }

    /// Notes that rows are changed: all of them, or those of a condition.
    pub(super) fn changes(&mut self, all: bool, place: &Place<'t>) {
        self.effects.all_rows |= all && !place.explained;
        self.effects.some_rows |= !all && !place.explained;
    }

    /// Notes the names by which a `RETURNING` calls the rows before and after the change.
    pub(super) fn old_and_new(&mut self, returning: Option<&'t ReturningClause>, target: Option<&Object>) {
        let Some(returning) = returning else { return };
        self.stands_for("old", target);
        self.stands_for("new", target);
        for option in &returning.options {
            match &option.node {
                Some(NodeEnum::ReturningOption(option)) => self.stands_for(&option.value, target),
                _ => self.class(Class::Unknown, || "an option of RETURNING that is not known".into()),
            }
        }
    }

    /// Notes the columns that are set, and visits their values.
    pub(super) fn targets(&mut self, list: &'t [Node], relation: Option<&Object>, place: &Place<'t>) {
        for node in list {
            if let Some(NodeEnum::ResTarget(target)) = &node.node {
                self.changed(relation, Some(&target.name));
            }
            self.target_value(node, place, documents::target_of(node));
        }
    }

    fn copy(&mut self, copy: &'t CopyStmt, place: &Place<'t>) {
        parts!(copy => self, place; CopyStmt {
            walk: query options;
            keep: where_clause relation attlist is_from is_program filename;
            skip:
        });
        where_clause.walk(self, &place.deciding());
        let (verb, class, access) = if *is_from {
            (Verb::CopyIn, Class::Write, Access::Write)
        } else {
            (Verb::CopyOut, Class::Read, Access::Read)
        };
        self.act(verb, class, place);
        self.effects.copies_binary |= options.iter().any(|option| match &option.node {
            Some(NodeEnum::DefElem(option)) => {
                let value = option.arg.as_deref().and_then(names::constant);
                option.defname == "format" && value.is_some_and(|value| value == "binary")
            }
            _ => false,
        });
        if *is_program {
            self.class(Class::Admin, || "runs a program at the server".into());
        } else if !filename.is_empty() {
            self.class(Class::Admin, || "uses a file of the server".into());
        }
        let Some(target) = self.target(relation.as_ref(), access, place) else { return };
        if *is_from {
            if attlist.is_empty() {
                self.changed(Some(&target), None);
            }
            attlist.iter().filter_map(names::string).for_each(|name| self.changed(Some(&target), Some(name)));
            return;
        }
        let qualifier = relation.as_ref().map(|range| {
            ((!range.schemaname.is_empty()).then_some(range.schemaname.as_str()), range.relname.as_str())
        });
        if attlist.is_empty() {
            self.looks(Written { qualifier, name: None }, place);
        }
        for name in attlist.iter().filter_map(names::string) {
            self.looks(Written { qualifier, name: Some(name) }, place);
        }
    }

    fn explain(&mut self, explain: &'t ExplainStmt, place: &Place<'t>) {
        parts!(explain => self, place; ExplainStmt { walk: options; keep: query; skip: });
        self.act(Verb::Explain, Class::Read, place);
        // The server takes the last of several options; here one that may be true is enough.
        let runs = options.iter().any(|option| match &option.node {
            Some(NodeEnum::DefElem(option)) => {
                option.defname.eq_ignore_ascii_case("analyze") && !is_off(option)
            }
            _ => true,
        });
        let inner = Place { explained: place.explained || !runs, in_explain: true, ..place.clone() };
        query.walk(self, &inner);
    }
}

/// Returns whether a query creates a table from its result. The first query of a `UNION` says so.
fn is_into(select: &SelectStmt) -> bool {
    let mut at = Some(select);
    while let Some(select) = at {
        if select.into_clause.is_some() {
            return true;
        }
        at = select.larg.as_deref();
    }
    false
}

/// The name of one query of a `WITH`.
pub(super) fn name_of(node: &Node) -> Option<&str> {
    match &node.node {
        Some(NodeEnum::CommonTableExpr(cte)) => Some(&cte.ctename),
        _ => None,
    }
}

/// Returns whether one query of a `WITH` changes rows.
fn changes_rows(node: &Node) -> bool {
    let Some(NodeEnum::CommonTableExpr(cte)) = &node.node else { return true };
    let query = cte.ctequery.as_deref().and_then(|query| query.node.as_ref());
    !matches!(query, Some(NodeEnum::SelectStmt(_)))
}

/// Returns the index of the last query of a `WITH` that changes rows.
fn last_change(with: &WithClause) -> Option<usize> {
    with.ctes.iter().rposition(changes_rows)
}

/// Returns the place of what is in a statement that changes rows.
pub(super) fn writing<'t>(place: &Place<'t>) -> Place<'t> {
    Place { decides: false, returns: false, takes: None, own: None, ..place.clone() }
}

/// Returns whether an option is certain to be off.
fn is_off(option: &DefElem) -> bool {
    let value = option.arg.as_deref().and_then(names::constant);
    value.is_some_and(|value| ["false", "off", "0"].iter().any(|word| value.eq_ignore_ascii_case(word)))
}
