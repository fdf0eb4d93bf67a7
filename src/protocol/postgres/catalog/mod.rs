//! What a server's catalog says about relations, views and functions, as plain values, and which columns are
//! masked accordingly.
//!
//! Nothing here does I/O: a connection sends the SQL of each [`Question`] and hands over the results
//! ([`Catalog::read`]). From these and a [`Plan`] comes [`Masked`]: which columns of which relations are
//! masked. Columns of views that are computed from masked ones are found with the server's help: a view is
//! described, not run, and the description says where each column comes from ([`Masked::asks`],
//! [`Masked::settle`]). What is unknown stays withheld.
//!
//! This cannot see a view that runs SQL which it holds as a string (`query_to_xml`, `dblink`), a table into
//! which somebody copied masked values under another name, or what functions do inside. Only the rights of
//! the role at the server guard against these.

mod ask;
mod family;
mod lineage;
mod masked;
mod read;
mod routines;
mod shows;

#[cfg(test)]
pub(super) mod tests;

use std::collections::BTreeSet;
use std::collections::HashMap;
use std::collections::HashSet;
use std::sync::Arc;

pub use ask::Answers;
pub use ask::FIRST;
pub use ask::Question;
pub use ask::Rows;
pub use ask::definition_of;
pub use ask::relations_with;
pub use lineage::Lineage;
pub use lineage::Source;
pub use masked::Mask;
pub use masked::Masked;
pub use read::CatalogError;
pub use shows::gives_data;
pub use shows::shows_data;

use crate::domain::Kin;
use crate::domain::sql;
use crate::domain::sql::Access;
use crate::domain::sql::Effects;
use crate::domain::sql::Function;
use crate::domain::sql::Object;
use crate::mask::Plan;
use family::Family;
use routines::Routines;

/// The lowest oid of objects that are not PostgreSQL's own (`FirstNormalObjectId`).
pub const FIRST_USER_OID: u32 = 16_384;

/// The kind of a relation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A foreign table.
    Foreign,
    /// A materialized view.
    MaterializedView,
    /// A partitioned table.
    Partitioned,
    /// A sequence.
    Sequence,
    /// A table.
    Table,
    /// A view.
    View,
}

/// One column of a relation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Column {
    /// Its number, from 1. Numbers of dropped columns are not reused.
    pub number: i16,
    /// Its name.
    pub name: Box<str>,
    /// The expression of a generated column; `None` for any other.
    pub generated: Option<Box<str>>,
    /// Whether its type is JSON or contains JSON, in which field names count.
    pub json: bool,
}

/// One relation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Relation {
    /// Its oid.
    pub oid: u32,
    /// Its schema.
    pub schema: Box<str>,
    /// Its name.
    pub name: Box<str>,
    /// Its kind.
    pub kind: Kind,
    /// Its columns by number, without dropped ones.
    pub columns: Vec<Column>,
}

impl Relation {
    /// Returns whether it has a column with this name.
    pub fn has(&self, column: &str) -> bool {
        self.columns.iter().any(|own| *own.name == *column)
    }

    /// Returns whether any of its columns contains JSON.
    pub fn has_json(&self) -> bool {
        self.columns.iter().any(|column| column.json)
    }
}

/// What a view reads, or what the use or a change of a relation involves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Dependency {
    Relation(u32),
    Function(u32),
}

/// The catalog of one database at the time it was read.
///
/// Relations in PostgreSQL's own schemas are left out, except for those that show data of tables:
/// [`shows_data`].
#[derive(Debug, Default)]
pub struct Catalog {
    relations: HashMap<u32, Relation>,
    /// The oids of the relations with a name, in any schema.
    by_name: HashMap<Box<str>, Vec<u32>>,
    /// Pairs of child and parent.
    inheritance: Vec<(u32, u32)>,
    /// The same with names, which are known even where relations are not, and foreign keys.
    family: Family,
    /// What each view reads and calls, by its oid.
    dependencies: HashMap<u32, Vec<Dependency>>,
    /// What else a change of a relation changes or calls: foreign keys, triggers, rules, defaults, checks.
    changes: HashMap<u32, Vec<Dependency>>,
    /// What the row policies of a relation read and call.
    policies: HashMap<u32, Vec<Dependency>>,
    routines: Routines,
    /// The relations with an `INSTEAD` rule or trigger, which determines what a change returns.
    rewritten: HashSet<u32>,
    /// The names of relations whose rows are settings.
    setters: HashSet<Box<str>>,
}

impl Catalog {
    /// Reads the results of all [`Question`]s.
    ///
    /// # Errors
    /// A row does not have the form that was asked for.
    pub fn read(answers: &Answers) -> Result<Self, CatalogError> {
        read::catalog(answers)
    }

    /// Returns the relation with an oid.
    pub fn relation(&self, oid: u32) -> Option<&Relation> {
        self.relations.get(&oid)
    }

    /// Returns the relations that a name can mean: in its schema, or in any schema if none is written.
    pub fn find<'a>(&'a self, object: &'a Object) -> impl Iterator<Item = &'a Relation> {
        let oids = self.by_name.get(&object.name).map(Vec::as_slice).unwrap_or_default();
        let fits =
            |relation: &&Relation| object.schema.as_ref().is_none_or(|schema| *schema == relation.schema);
        oids.iter().filter_map(|oid| self.relations.get(oid)).filter(fits)
    }

    /// Returns all relations of a schema; with `None`, of all schemas.
    pub fn of_schema<'a>(&'a self, schema: Option<&'a str>) -> impl Iterator<Item = &'a Relation> {
        self.relations
            .values()
            .filter(move |relation| schema.is_none_or(|schema| *relation.schema == *schema))
    }

    /// Returns the relations that share rows with these, as a text names them: their partitions, children and
    /// parents.
    pub fn kin(&self, relations: &BTreeSet<sql::Relation>) -> Kin {
        self.family.kin(relations)
    }

    /// Returns what a `TRUNCATE … CASCADE` of these relations, as a text names them, empties besides: what
    /// refers to them by foreign keys, and so on. `None` if there are too many.
    pub fn emptied(&self, relations: &BTreeSet<sql::Relation>) -> Option<BTreeSet<Object>> {
        self.family.emptied(relations)
    }

    /// Returns the masked columns under a plan, as far as names tell. Columns of views that may show masked
    /// ones are withheld until they are settled: see [`Masked::asks`].
    pub fn masked(self: &Arc<Self>, plan: &Arc<Plan>) -> Masked {
        Masked::of(Arc::clone(self), Arc::clone(plan))
    }

    /// Returns whether the catalog shows that a function is harmless. Every function that the name can mean
    /// with this number of arguments must be known, must not be a procedure, volatile or `SECURITY DEFINER`,
    /// and must be one that only a superuser can have created: written in C, or part of an extension. For an
    /// aggregate its support functions count.
    ///
    /// What other functions are declared as is no proof: an SQL function that is declared immutable can call
    /// one that writes.
    pub fn harmless(&self, function: &Function) -> bool {
        self.routines.harmless(function)
    }

    /// Returns the functions and operators that a text calls, or may call, and that may do anything: unknown
    /// ones that are not [harmless](Self::harmless), those that share a name with one of PostgreSQL's own,
    /// and `c.f` if `c` has no column `f`. An operator is listed as a function with two arguments.
    pub fn opaque(&self, effects: &Effects) -> Vec<Function> {
        // A quoted function name can look like an operator.
        let operates = |object: &Object| {
            effects.operators.contains(object)
                && self.routines.is_harmless_operator(object)
                && !self.has_function(&object.name)
        };
        let harmless = |function: &Function| self.harmless(function) || operates(&function.object);
        let unknown = effects.opaque.iter().filter(|function| !harmless(function));
        let hidden = &self.routines.hidden;
        if hidden.is_empty() {
            return unknown.cloned().collect();
        }
        let mut opaque: BTreeSet<Function> = unknown.cloned().collect();
        opaque.extend(effects.functions.iter().filter(|function| hidden.calls(function)).cloned());
        let operators = effects.operators.iter().filter(|operator| hidden.operates(operator));
        opaque.extend(operators.map(|operator| Function { object: operator.clone(), arguments: 2 }));
        let columns = effects.columns.iter().filter_map(|column| self.call(column));
        let fields = effects.fields.iter().map(|name| &**name).filter(|name| hidden.has_field(name));
        let applied = effects.applied.iter().map(|name| &**name).filter(|name| hidden.applies(name));
        opaque.extend(
            columns
                .chain(fields)
                .chain(applied)
                .map(|name| Function { object: Object { schema: None, name: name.into() }, arguments: 1 }),
        );
        opaque.into_iter().collect()
    }

    /// Returns the function that the name after a relation's may be.
    fn call<'a>(&self, column: &'a sql::Column) -> Option<&'a str> {
        let name = column.name.as_deref().filter(|name| self.routines.hidden.has_field(name))?;
        let mut found = self.find(column.relation.as_ref()?).peekable();
        let call = found.peek().is_none() || found.any(|relation| !relation.has(name));
        (call && column.access == Access::Read).then_some(name)
    }

    /// Returns whether a text may call functions without naming them. If not, its own words tell all that it
    /// calls.
    pub fn hides(&self) -> bool {
        !self.routines.hidden.is_empty()
    }

    /// Returns the names that after a dot may be calls of functions.
    pub fn fields(&self) -> impl Iterator<Item = &str> {
        self.routines.hidden.fields()
    }

    /// Returns whether a function is known to compute from its arguments alone: immutable, and written in C.
    /// Others may read tables.
    pub fn computes(&self, function: &Object) -> bool {
        self.routines.computes(function)
    }

    /// Returns whether a function with this name exists outside `pg_catalog`: `row.name` may be a call of it.
    pub fn has_function(&self, name: &str) -> bool {
        self.routines.has(name)
    }

    /// Returns whether a rule or trigger may determine what a change of a relation, or of one below a view,
    /// returns: then its columns may hold anything.
    pub fn is_rewritten(&self, relation: u32) -> bool {
        let (mut left, mut seen) = (vec![relation], HashSet::new());
        while let Some(oid) = left.pop() {
            if self.rewritten.contains(&oid) {
                return true;
            }
            if seen.insert(oid) {
                left.extend(self.dependencies.get(&oid).into_iter().flatten().filter_map(|on| match on {
                    Dependency::Relation(below) => Some(*below),
                    Dependency::Function(_) => None,
                }));
            }
        }
        false
    }

    /// Returns whether changing rows of this relation may change settings. Only its name counts: the name of
    /// its schema may have changed.
    pub fn sets(&self, relation: &Object) -> bool {
        self.setters.contains(&relation.name)
    }

    /// Returns whether there is such a relation besides `pg_settings` itself.
    pub fn has_setters(&self) -> bool {
        !self.setters.is_empty()
    }

    fn put(&mut self, relation: Relation) {
        self.by_name.entry(relation.name.clone()).or_default().push(relation.oid);
        self.relations.insert(relation.oid, relation);
    }
}
