//! The walk over a parse tree: it visits every node that can have an effect, and notes what it does.
//!
//! Two things make it complete. Each node type is listed in [`mod@kinds`], and each node is destructured with
//! all its fields by name ([`mod@parts`]): a new node type or a new field of PostgreSQL's grammar does not
//! compile until somebody has handled it. Node types that only exist after parse analysis are class unknown.
//!
//! The walk keeps its own list of what is left to visit: the depth of a text costs memory, not stack.

use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use pg_query::NodeEnum;
use pg_query::protobuf::{Alias, Node, ParseResult, RangeVar, SelectStmt};

use super::functions;
use crate::domain::command::Class;
use crate::domain::sql::{Access, Column, Effects, Object, Reason, Relation, Setting, Verb};

mod admin;
mod along;
mod always;
mod clauses;
mod ddl;
mod documents;
mod expressions;
mod json;
mod kinds;
mod looked;
mod merge;
mod names;
mod outputs;
mod parts;
mod query;
mod session;
mod tables;

use documents::{Own, Takes};
use kinds::Kind;
use looked::{Arm, Looks, Stand};
use parts::{Part, parts};

/// The most `WITH` names that are visible in one place. Each table name is looked up among them.
const MAX_CTES: usize = 500;

/// The most columns with relations that are noted: a column with an alias may belong to every table that has
/// this alias anywhere in the text.
const MAX_COLUMNS: usize = 100_000;
/// The most pairs of an unqualified column and a relation: each column may belong to each relation.
const MAX_PAIRS: usize = 4_000_000;

/// Returns what a parsed text does; `None` if it names too many columns of too many relations.
pub(super) fn effects(tree: &ParseResult) -> Option<Effects> {
    let mut walk = Walk::default();
    walk.effects.statements = tree.stmts.len();
    // What `pg_dump` begins with is recognised as a whole text only: within another, the same words can mean
    // another relation.
    let restricts = names::is_whole_select(&tree.stmts);
    for statement in &tree.stmts {
        let whole = names::is_select(statement);
        statement.stmt.walk(&mut walk, &Place { whole, restricts, ..Place::default() });
        // Statement by statement, since names and transaction commands have an order.
        while let Some((step, place)) = walk.pending.pop() {
            match step {
                Step::Node(node) => walk.node(node, &place),
                Step::Select(select) => walk.select(select, &place),
            }
        }
    }
    let mut effects = walk.finish()?;
    if let [statement] = tree.stmts.as_slice()
        && let Some(NodeEnum::SelectStmt(select)) =
            statement.stmt.as_ref().and_then(|statement| statement.node.as_ref())
    {
        effects.outputs = outputs::outputs(select);
    }
    Some(effects)
}

/// The context of a node.
#[derive(Debug, Clone, Default)]
#[expect(clippy::struct_excessive_bools, reason = "each is a fact of its own")]
struct Place<'t> {
    /// The `WITH` names that are visible here.
    ctes: Option<Rc<Cte<'t>>>,
    /// Whether it is only explained, not run.
    explained: bool,
    /// Whether it is within an `EXPLAIN`, even with `ANALYZE`: a cursor that is declared here is not opened.
    in_explain: bool,
    /// Whether it is within a `WITH`, a rule or a function body: what it returns may go on to other
    /// statements.
    within: bool,
    /// Whether what is read here is stored nowhere: it goes back to the client, or belongs to a definition
    /// that is known from what it reads.
    decides: bool,
    /// Whether it is what a statement returns to the client, and to nothing else.
    returns: bool,
    /// Whether it is a query that is a whole statement: its result goes to the client.
    whole: bool,
    /// The target of the `UPDATE` or `DELETE` whose condition this is.
    own: Option<Own<'t>>,
    /// Whether it is a query that is the whole text, or the result of such a query on the one row of
    /// `pg_settings` about [`super::settings::RESTRICTS`].
    restricts: bool,
    /// What takes the value of this node unchanged.
    takes: Option<Takes<'t>>,
    /// The relation that the statement changes.
    target: Option<Rc<Object>>,
    /// The use of the value of this node.
    stand: Stand,
    /// Whether it is in an expression, which looks at what a query returns here.
    sunk: bool,
    /// The role of a query in a set operation.
    arm: Arm<'t>,
}

/// One `WITH` name, and those around it.
#[derive(Debug)]
struct Cte<'t> {
    name: &'t str,
    outer: Option<Rc<Cte<'t>>>,
    depth: usize,
}

impl<'t> Place<'t> {
    /// Returns the same place, for values that are stored nowhere.
    fn deciding(&self) -> Self {
        Self { decides: true, takes: None, ..self.clone() }
    }

    /// Returns the same place, for a value that `takes` takes unchanged.
    fn taken(&self, takes: Option<Takes<'t>>) -> Self {
        Self { takes, ..self.clone() }
    }

    /// Returns the same place in a statement that changes this relation.
    fn changing(&self, target: Option<&Object>) -> Self {
        Self { target: target.cloned().map(Rc::new), ..self.clone() }
    }

    /// Returns the same place in a statement, for what it returns.
    fn returning(&self) -> Self {
        Self { decides: !self.within, returns: !self.within, takes: None, ..self.clone() }
    }

    /// Returns the same place, for a query whose result goes to the client, directly or through other
    /// queries.
    fn answering(&self) -> Self {
        Self { decides: true, returns: true, takes: None, ..self.clone() }
    }

    /// Returns the place of a query whose rows may go on to another part of the text, or to a later text.
    fn inside(&self) -> Self {
        Self { within: true, returns: false, whole: false, takes: None, own: None, ..self.clone() }
    }

    fn has_cte(&self, name: &str) -> bool {
        let mut at = self.ctes.as_deref();
        while let Some(cte) = at {
            if cte.name == name {
                return true;
            }
            at = cte.outer.as_deref();
        }
        false
    }
}

/// A node that is still to be visited.
#[derive(Debug, Clone, Copy)]
enum Step<'t> {
    Node(&'t NodeEnum),
    Select(&'t SelectStmt),
}

/// A column as written. The qualifier may be an alias that is only seen later.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Written<'t> {
    qualifier: Option<(Option<&'t str>, &'t str)>,
    name: Option<&'t str>,
}

/// The state of a walk.
#[derive(Debug, Default)]
struct Walk<'t> {
    effects: Effects,
    pending: Vec<(Step<'t>, Place<'t>)>,
    /// The columns that are read, and whether they are used anywhere but in a `RETURNING` to the client.
    columns: BTreeMap<Written<'t>, bool>,
    /// The columns whose values may be stored somewhere in another form.
    kept: BTreeSet<Written<'t>>,
    /// The columns that only decide which rows of their own relation are changed.
    decided: BTreeSet<Written<'t>>,
    /// Whether the text creates a table from what it reads.
    makes_table: bool,
    /// The columns that are taken unchanged, by a column with the same name or by a new one, with the
    /// relation if it exists already.
    taken: BTreeSet<(Option<Rc<Object>>, Written<'t>)>,
    /// The relations that each name or alias stands for.
    aliases: BTreeMap<&'t str, BTreeSet<Object>>,
    /// The aliases of joins: each stands for several tables, whatever else it stands for.
    joins: BTreeSet<&'t str>,
    /// The names that stand for rows whose columns the text defines: subqueries, functions, tables with
    /// renamed columns.
    derived: BTreeSet<&'t str>,
    /// Whether there are such rows without a name.
    derived_unnamed: bool,
    /// What stands for rows of nothing but the values that are written there, as those of `VALUES`, and which
    /// columns of it have names here.
    brought: BTreeMap<&'t str, BTreeSet<&'t str>>,
    /// What stands for other rows that the text makes.
    queried: BTreeSet<&'t str>,
    /// What queries with a name call their columns.
    gives: BTreeMap<&'t str, BTreeSet<&'t str>>,
    /// What is looked at.
    looks: Looks<'t>,
    /// The number of additional relations that columns were resolved to.
    noted: usize,
}

impl<'t> Walk<'t> {
    fn later(&mut self, node: &'t Node, place: &Place<'t>) {
        if let Some(node) = &node.node {
            self.pending.push((Step::Node(node), place.clone()));
        }
    }

    fn later_select(&mut self, select: &'t SelectStmt, place: &Place<'t>) {
        self.pending.push((Step::Select(select), place.clone()));
    }

    fn node(&mut self, node: &'t NodeEnum, place: &Place<'t>) {
        if place.takes.is_some_and(|takes| !documents::passes_on(node, takes)) {
            return self.node(node, &place.taken(None));
        }
        if let Some(place) = looked::settled(node, place) {
            return self.node(node, &place);
        }
        match kinds::kind(node) {
            Kind::Data => {}
            Kind::List => self.list(node, place),
            Kind::Query => self.query(node, place),
            Kind::Table => self.table(node, place),
            Kind::Clause => self.clause(node, place),
            Kind::Expression => self.expression(node, place),
            Kind::Json => self.json(node, place),
            Kind::Session => self.session(node, place),
            Kind::Structure => self.structure(node, place),
            Kind::Administration => self.administration(node, place),
            Kind::Analyzed => self.misplaced(node),
        }
    }

    fn list(&mut self, node: &'t NodeEnum, place: &Place<'t>) {
        match node {
            NodeEnum::List(list) => list.items.walk(self, place),
            _ => self.misplaced(node),
        }
    }

    /// Notes a node that no parser returns, or that its file does not handle.
    fn misplaced(&mut self, _node: &NodeEnum) {
        self.class(Class::Unknown, || "a part of the statement is not known".into());
    }

    /// Notes a class, with the reason for it.
    fn class(&mut self, class: Class, words: impl FnOnce() -> Box<str>) {
        self.effects.classes.insert(class);
        if class != Class::Read {
            self.reason(class, words);
        }
    }

    fn reason(&mut self, class: Class, words: impl FnOnce() -> Box<str>) {
        if self.effects.reasons.len() < Effects::MAX_REASONS {
            self.effects.reasons.insert(Reason { class, words: words() });
        }
    }

    /// Notes what a statement does. One that is only explained does nothing.
    fn act(&mut self, verb: Verb, class: Class, place: &Place<'t>) {
        if place.explained {
            self.effects.classes.insert(Class::Read);
        } else {
            self.effects.verbs.insert(verb);
            self.class(class, || verb.as_str().into());
        }
    }

    /// Notes what a statement does, like [`Walk::act`], with a reason of its own.
    fn act_because(&mut self, verb: Verb, class: Class, words: &str, place: &Place<'t>) {
        self.act(verb, Class::Read, place);
        if !place.explained {
            self.class(class, || words.into());
        }
    }

    /// Notes a relation, and that its name and alias stand for it.
    fn relation(&mut self, range: &'t RangeVar, access: Access, place: &Place<'t>) -> Object {
        parts!(range; RangeVar {
            keep: schemaname relname alias inh;
            skip: catalogname relpersistence location
        });
        let object = names::object(schemaname, relname);
        if let Some(alias) = alias.as_ref().filter(|alias| !alias.colnames.is_empty()) {
            // Its columns have other names here, so which one is meant cannot be told.
            self.read(Some(object.clone()), None);
            if !place.decides {
                self.keep(Some(object.clone()), None);
            }
            self.derived.insert(&alias.aliasname);
            self.renames(&alias.colnames, None);
        }
        let alias = alias.as_ref().map_or(relname.as_str(), |alias| alias.aliasname.as_str());
        self.stands_for(alias, Some(&object));
        if functions::tells_files(object.schema.as_deref(), &object.name) {
            self.class(Class::Admin, || format!("reads {object}").into());
        }
        let access = if place.explained { Access::Read } else { access };
        if access == Access::Write && is_catalogue(&object) {
            self.class(Class::Admin, || format!("changes the catalogue {object}").into());
            if &*object.name == "pg_settings" {
                // It is a `SET`, of whatever the rows are.
                self.effects.settings.insert(Setting { name: None, value: None });
            }
        }
        self.effects.relations.insert(Relation { object: object.clone(), access, only: !inh });
        object
    }

    /// Notes the target of a statement, if it has one.
    fn target(&mut self, range: Option<&'t RangeVar>, access: Access, place: &Place<'t>) -> Option<Object> {
        range.map(|range| self.relation(range, access, place))
    }

    /// Notes a relation whose name is a list of strings.
    fn named(&mut self, names: &'t [Node], access: Access) {
        match names::object_of(names) {
            Some(object) => {
                self.effects.relations.insert(Relation { object, access, only: false });
            }
            None => self.class(Class::Unknown, || "a name could not be read".into()),
        }
    }

    /// Notes that any relation of a schema may be used; with `None`, of any schema.
    fn any_of(&mut self, schema: Option<&str>) {
        self.effects.schemas.insert(schema.map(Into::into));
    }

    /// Notes that a name stands for a relation, for the columns of the text.
    fn stands_for(&mut self, name: &'t str, object: Option<&Object>) {
        self.aliases.entry(name).or_default().extend(object.cloned());
    }

    /// Notes that the text defines rows with this alias, or without one.
    fn derives(&mut self, alias: Option<&'t Alias>) {
        match alias {
            Some(alias) => {
                self.derived.insert(&alias.aliasname);
                self.queried.insert(&alias.aliasname);
            }
            None => self.derived_unnamed = true,
        }
    }

    /// The same of rows of nothing but the values that are written there. What those read is noted where they
    /// stand.
    fn brings(&mut self, alias: Option<&'t Alias>) {
        let Some(alias) = alias else { return self.derives(None) };
        self.derived.insert(&alias.aliasname);
        let names: BTreeSet<&'t str> = alias.colnames.iter().filter_map(names::string).collect();
        self.brought
            .entry(&alias.aliasname)
            .and_modify(|known| known.retain(|name| names.contains(name)))
            .or_insert(names);
    }

    /// Notes what a query with a name calls its columns.
    fn names_given(&mut self, name: &'t str, columns: &'t [Node], query: Option<&'t Node>) {
        let own = match query.and_then(|query| query.node.as_ref()) {
            Some(NodeEnum::SelectStmt(select)) if columns.is_empty() => select.target_list.as_slice(),
            _ => &[],
        };
        let names = columns.iter().filter_map(names::string).chain(own.iter().filter_map(looked::name_of));
        self.gives.entry(name).or_default().extend(names);
    }

    /// Whether a column may be one that a query of this name gives, and has not the name of a function of
    /// PostgreSQL's own.
    fn is_given(&self, written: Written<'t>) -> bool {
        let Written { qualifier: Some((None, alias)), name: Some(name) } = written else { return false };
        self.gives.get(alias).is_some_and(|names| names.contains(name))
            && functions::call(None, name) == functions::Call::Opaque
    }

    /// Whether a column is one of rows that the text brings along, whatever the name stands for elsewhere.
    fn is_brought(&self, written: Written<'t>) -> bool {
        let Written { qualifier: Some((None, alias)), name: Some(name) } = written else { return false };
        self.brought.get(alias).is_some_and(|names| names.contains(name))
            && !self.queried.contains(alias)
            && !self.aliases.contains_key(alias)
            && !self.joins.contains(alias)
    }

    /// Notes a column that is changed; without a name all of them.
    fn changed(&mut self, relation: Option<&Object>, name: Option<&str>) {
        self.effects.columns.insert(Column {
            relation: relation.cloned(),
            name: name.map(Into::into),
            access: Access::Write,
        });
    }

    /// Notes columns that are named in a definition. Expressions among them are ignored.
    fn defines<'n>(&mut self, relation: Option<&Object>, columns: impl IntoIterator<Item = &'n Node>) {
        for column in columns {
            let name = match &column.node {
                Some(NodeEnum::String(name)) => name.sval.as_str(),
                Some(NodeEnum::IndexElem(element)) => element.name.as_str(),
                Some(NodeEnum::StatsElem(element)) => element.name.as_str(),
                _ => continue,
            };
            self.defined(relation, name);
        }
    }

    fn defined(&mut self, relation: Option<&Object>, name: &str) {
        if !name.is_empty() {
            let column = Column { relation: relation.cloned(), name: Some(name.into()), access: Access::Ddl };
            self.effects.columns.insert(column);
        }
    }

    /// Notes a column that is read.
    fn reads(&mut self, written: Written<'t>, place: &Place<'t>) {
        if place.own.is_some_and(|own| own.has(written)) {
            self.decided.insert(written);
        } else if !place.decides {
            self.kept.insert(written);
        }
        self.look(written, place.stand);
        self.looks(written, place);
    }

    /// Notes a column that is used, and whether only a `RETURNING` to the client uses it.
    fn looks(&mut self, written: Written<'t>, place: &Place<'t>) {
        *self.columns.entry(written).or_default() |= !place.returns;
    }

    /// Resolves the relation of each column, now that all aliases are known.
    fn finish(mut self) -> Option<Effects> {
        let bare = self.columns.keys().filter(|written| written.qualifier.is_none()).count();
        if bare.saturating_mul(self.effects.relations.len()) > MAX_PAIRS {
            return None;
        }
        self.finish_kept();
        self.finish_looked();
        let mut elsewhere = self.effects.columns.clone();
        for (written, looked) in std::mem::take(&mut self.columns) {
            let Written { qualifier, name } = written;
            if let Some((None, alias)) = qualifier {
                let untold =
                    self.aliases.get(alias).is_none_or(BTreeSet::is_empty) || self.joins.contains(alias);
                if untold || self.derived.contains(alias) || self.derived_unnamed {
                    self.effects.fields.extend(name.map(Into::into));
                }
            }
            if self.is_brought(written) {
                continue;
            }
            self.relations_of(written, |walk, relation, name| {
                let column = Column { relation, name: name.map(Into::into), access: Access::Read };
                if looked {
                    elsewhere.insert(column.clone());
                } else {
                    walk.effects.returned.insert(column.clone());
                }
                if walk.is_given(written) {
                    walk.effects.given.insert(column.clone());
                }
                walk.effects.columns.insert(column);
            });
        }
        self.effects.returned.retain(|column| !elsewhere.contains(column));
        (self.noted <= MAX_COLUMNS).then_some(self.effects)
    }

    fn read(&mut self, relation: Option<Object>, name: Option<&str>) {
        self.effects.columns.insert(Column { relation, name: name.map(Into::into), access: Access::Read });
    }
}

/// Returns whether changing rows of a relation changes the server or the settings of the session: `UPDATE
/// pg_settings` is a `SET`.
fn is_catalogue(object: &Object) -> bool {
    match object.schema.as_deref() {
        None => object.name.starts_with("pg_"),
        Some(schema) => schema == "pg_catalog" || schema == "information_schema" || schema == "pg_toast",
    }
}
