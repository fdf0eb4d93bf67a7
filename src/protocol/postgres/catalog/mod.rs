//! What a server's catalogue says about relations, views and functions, as plain values, and which columns
//! are masked by that.
//!
//! Nothing here asks: a connection sends the texts of [`Question`] and gives back what came
//! ([`Catalog::read`]). From that and a [`Plan`] comes [`Masked`]: which columns of which relations are
//! masked. Columns of views that are computed from masked ones are found with the server's help: a view is
//! described, not run, and the description says where each column comes from ([`Masked::asks`],
//! [`Masked::settle`]). What is not known stays withheld.
//!
//! What this cannot see: a view that runs a SQL text which it holds as a string (`query_to_xml`, `dblink`), a
//! table into which somebody copied masked values under another name, and what functions do inside. The
//! rights of the role at the server are what guarantees that.

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

/// Oids below this belong to what PostgreSQL brings along (`FirstNormalObjectId`).
pub const FIRST_USER_OID: u32 = 16_384;

/// What a relation is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A table of another server.
    Foreign,
    /// A view whose rows are kept.
    MaterializedView,
    /// A table that is made of partitions.
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
    /// Its number, from 1; numbers of dropped columns are not given again.
    pub number: i16,
    /// Its name.
    pub name: Box<str>,
    /// The expression it is computed by, if it is a generated column.
    pub generated: Option<Box<str>>,
    /// Its values are JSON, or have JSON in them: names of fields count there.
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
    /// What it is.
    pub kind: Kind,
    /// Its columns by their numbers, without those that were dropped.
    pub columns: Vec<Column>,
}

impl Relation {
    /// Whether it has a column of this name.
    pub fn has(&self, column: &str) -> bool {
        self.columns.iter().any(|own| *own.name == *column)
    }

    /// Whether any of its columns is JSON.
    pub fn has_json(&self) -> bool {
        self.columns.iter().any(|column| column.json)
    }
}

/// What a view reads, or what comes along with the use or a change of a relation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Dependency {
    Relation(u32),
    Function(u32),
}

/// The catalogue of one database, as it was when it was asked for.
///
/// Relations of PostgreSQL's own schemas are not in it, but for those that show data of tables:
/// [`shows_data`].
#[derive(Debug, Default)]
pub struct Catalog {
    relations: HashMap<u32, Relation>,
    /// The oids of the relations of a name, in any schema.
    by_name: HashMap<Box<str>, Vec<u32>>,
    /// Child and parent.
    inheritance: Vec<(u32, u32)>,
    /// The same with the names of all of them, which are there also where relations are not, and foreign
    /// keys.
    family: Family,
    /// What the views read, by their oids.
    dependencies: HashMap<u32, Vec<Dependency>>,
    /// What a change of a relation changes or calls besides: foreign keys, triggers, rules, defaults, checks.
    changes: HashMap<u32, Vec<Dependency>>,
    /// What the policies of a relation look at.
    policies: HashMap<u32, Vec<Dependency>>,
    routines: Routines,
    /// The relations for whose change something else is done, which says what is given back of it.
    rewritten: HashSet<u32>,
    /// The names of relations by whose rows settings are changed.
    setters: HashSet<Box<str>>,
}

impl Catalog {
    /// Reads the answers to all [`Question`]s.
    ///
    /// # Errors
    /// A row that is not as it was asked for.
    pub fn read(answers: &Answers) -> Result<Self, CatalogError> {
        read::catalog(answers)
    }

    /// A relation by its oid.
    pub fn relation(&self, oid: u32) -> Option<&Relation> {
        self.relations.get(&oid)
    }

    /// The relations that a name can mean: those of that name in the schema, or in any schema if none is
    /// written.
    pub fn find<'a>(&'a self, object: &'a Object) -> impl Iterator<Item = &'a Relation> {
        let oids = self.by_name.get(&object.name).map(Vec::as_slice).unwrap_or_default();
        let fits =
            |relation: &&Relation| object.schema.as_ref().is_none_or(|schema| *schema == relation.schema);
        oids.iter().filter_map(|oid| self.relations.get(oid)).filter(fits)
    }

    /// All relations of a schema, or of all schemas.
    pub fn of_schema<'a>(&'a self, schema: Option<&'a str>) -> impl Iterator<Item = &'a Relation> {
        self.relations
            .values()
            .filter(move |relation| schema.is_none_or(|schema| *relation.schema == *schema))
    }

    /// The relations that share rows with these, as a text names them: their partitions and children, and
    /// what they are part of.
    pub fn kin(&self, relations: &BTreeSet<sql::Relation>) -> Kin {
        self.family.kin(relations)
    }

    /// What a `TRUNCATE … CASCADE` of these relations, as a text names them, empties besides: what refers to
    /// them by foreign keys, and to that. `None` where that is more than is told.
    pub fn emptied(&self, relations: &BTreeSet<sql::Relation>) -> Option<BTreeSet<Object>> {
        self.family.emptied(relations)
    }

    /// Which columns are masked under a plan, as far as names tell. The columns of views that may show masked
    /// ones are withheld until they are settled: see [`Masked::asks`].
    pub fn masked(self: &Arc<Self>, plan: &Arc<Plan>) -> Masked {
        Masked::of(Arc::clone(self), Arc::clone(plan))
    }

    /// Whether a function is known to be harmless, by what the catalogue says of it: every function that the
    /// name can mean, with so many arguments, is there, none of them is a procedure, volatile, or a `SECURITY
    /// DEFINER`, and each is one that only a superuser can have made: written in C, or of an extension. Of an
    /// aggregate the functions that it is made of count.
    ///
    /// What others say of themselves is no proof: a function in SQL that is declared immutable can call one
    /// that writes.
    pub fn harmless(&self, function: &Function) -> bool {
        self.routines.harmless(function)
    }

    /// The functions and operators that a text calls, or may call, which may do anything: those of which
    /// nothing is known, if they are not [harmless](Self::harmless); those that have their name from one of
    /// PostgreSQL's own, which the text may mean; and `c.f` where `c` has no column `f`. An operator stands
    /// there as a function of two arguments.
    pub fn opaque(&self, effects: &Effects) -> Vec<Function> {
        // A quoted name of a function can look like an operator.
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

    /// The function that a name behind that of a relation may be.
    fn call<'a>(&self, column: &'a sql::Column) -> Option<&'a str> {
        let name = column.name.as_deref().filter(|name| self.routines.hidden.has_field(name))?;
        let mut found = self.find(column.relation.as_ref()?).peekable();
        let call = found.peek().is_none() || found.any(|relation| !relation.has(name));
        (call && column.access == Access::Read).then_some(name)
    }

    /// Whether a text may call anything that it does not seem to call. If not, its words tell all that it
    /// calls.
    pub fn hides(&self) -> bool {
        !self.routines.hidden.is_empty()
    }

    /// The names that behind a dot may be those of functions.
    pub fn fields(&self) -> impl Iterator<Item = &str> {
        self.routines.hidden.fields()
    }

    /// Whether a function is known to compute from its arguments alone: immutable, and written in C. Others
    /// may read tables.
    pub fn computes(&self, function: &Object) -> bool {
        self.routines.computes(function)
    }

    /// Whether there is a function of this name outside `pg_catalog`: `row.name` may be a call of it.
    pub fn has_function(&self, name: &str) -> bool {
        self.routines.has(name)
    }

    /// Whether what a change of a relation gives back may be what a rule or trigger makes of it, also one of
    /// a relation below a view: under the names of its columns stands anything.
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

    /// Whether settings may be changed by changing rows of this relation. Its name alone counts: that of its
    /// schema may have changed.
    pub fn sets(&self, relation: &Object) -> bool {
        self.setters.contains(&relation.name)
    }

    /// Whether there is any such relation but `pg_settings` itself.
    pub fn has_setters(&self) -> bool {
        !self.setters.is_empty()
    }

    fn put(&mut self, relation: Relation) {
        self.by_name.entry(relation.name.clone()).or_default().push(relation.oid);
        self.relations.insert(relation.oid, relation);
    }
}
