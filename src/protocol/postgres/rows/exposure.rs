//! Whether a text may read masked values, so that what it computes, and messages about it, may hold them.

use std::collections::BTreeSet;

use crate::domain::Predicates;
use crate::domain::command::Class;
use crate::domain::sql::{Access, Column, Effects, NameAction, NameUse, Object, OutputSource, Verb};
use crate::protocol::postgres::catalog::{Kind, Mask, Masked, Relation, gives_data};
use crate::protocol::postgres::judge::{is_dangerous, lays_down};

/// The system columns that every table has.
const SYSTEM: [&str; 7] = ["cmax", "cmin", "ctid", "oid", "tableoid", "xmax", "xmin"];

/// Where masked values may appear because SQL ran. It says "may" unless the SQL rules it out.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "each is a fact of its own")]
pub struct Exposure {
    /// Whether computed values may be made of masked ones, or extracted from JSON.
    values: bool,
    /// Whether the text reads masked values.
    reads: bool,
    /// Whether it reads them other than in the rows that `RETURNING` gives to the client.
    looks: bool,
    /// Whether it reads columns that contain JSON, in which there may be masked fields.
    json: bool,
    /// Whether values read from JSON may be written elsewhere, other than as a whole document. For a text
    /// that deletes: whether it may choose rows by masked values of other rows.
    parts: bool,
    /// Whether errors and notices may quote masked values.
    reports: bool,
    /// Whether unknown code may run.
    code: bool,
    /// Whether `RETURNING` may return values of other rows, since a rule or trigger determines what it
    /// returns.
    rewritten: bool,
    /// The text is one query, and all that it reads stands in its words: those tell what each of its columns
    /// is made of.
    told: bool,
    /// It names a relation that the catalogue does not know, since its transaction, or it itself, has made or
    /// changed it: any of its columns may be masked.
    made: bool,
}

impl Exposure {
    /// Masked values appear nowhere.
    pub const NOTHING: Self = Self {
        values: false,
        reads: false,
        looks: false,
        json: false,
        parts: false,
        reports: false,
        code: false,
        rewritten: false,
        told: false,
        made: false,
    };
    /// Masked values may appear anywhere: the text is not understood. Rules are not assumed to determine what
    /// is returned: columns are taken for what they are described as.
    pub const ALL: Self = Self {
        values: true,
        reads: true,
        looks: true,
        json: true,
        parts: true,
        reports: true,
        code: true,
        rewritten: false,
        told: false,
        made: false,
    };

    /// Returns the exposure of a text with these effects; `None` for a text that was not understood.
    /// `opaque_left`: it calls a function that the judge did not find harmless. `remade`: relations may have
    /// been created or changed since the catalog was read. Harmless functions that may read tables count
    /// here, too.
    ///
    /// Prepared statements and cursors that it uses are not included: see [`Exposure::with_names`]. Under a
    /// plan without fields there is no exposure.
    pub fn of(effects: Option<&Effects>, masked: &Masked, opaque_left: bool, remade: bool) -> Self {
        if !masked.plan().has_fields() {
            return Self::NOTHING;
        }
        let Some(effects) = effects else { return Self::ALL };
        let catalog = masked.catalog();
        let code = opaque_left
            || effects.classes.contains(&Class::Unknown)
            || effects.opaque.iter().any(|call| !catalog.computes(&call.object))
            || effects.functions.iter().any(|call| is_dangerous(&call.object));
        let scope = ColumnScope::of(effects, masked, remade || effects.remakes());
        // A text that is only explained reads no row. But the planner evaluates stable functions, in views
        // and policies too.
        if !code && effects.verbs.len() == 1 && effects.verbs.contains(&Verb::Explain) {
            return Self { reports: scope.strays(effects), ..Self::NOTHING };
        }
        let (mut values, mut reads, mut looks) = (code, code, code);
        // What an index is made of is not returned.
        let used = effects.columns.iter().filter(|column| column.access != Access::Ddl);
        for column in used.filter(|column| scope.reaches(column)) {
            values = true;
            reads |= column.access == Access::Read;
            looks |= column.access == Access::Read && !effects.returned.contains(column);
        }
        if effects.functions.iter().any(|call| gives_data(&call.object)) {
            (values, reads, looks) = (true, true, true);
        }
        let json = effects.columns.iter().any(|column| scope.reads_json(column));
        values |= json;
        // A text that stores nothing may be the source of a table by its name.
        let parts = if effects.lays() {
            scope.writes_parts(effects)
        } else if effects.deletes() {
            scope.chooses(effects)
        } else {
            json
        };
        let rewritten = scope.is_rewritten(effects);
        // Another statement of the text may store it.
        let writes = effects.relations.iter().filter(|relation| relation.access == Access::Write).count();
        looks |= rewritten && writes > 1;
        let reports = values || scope.strays(effects);
        // Where values are hashed, what stands beside a hash must not tell whose it is.
        let hashes = !std::ptr::eq(masked.plan().for_computed(), masked.plan().as_ref());
        let told = values
            && !(code || rewritten || hashes || remade || scope.unknown)
            && !effects.functions.iter().any(|call| gives_data(&call.object))
            && effects.outputs.is_some()
            && effects.verbs.iter().all(|verb| *verb == Verb::Select);
        let made = (remade || effects.remakes()) && scope.unknown;
        Self { values: values || rewritten, reads, looks, json, parts, reports, code, rewritten, told, made }
    }

    /// Adds the exposure of the prepared statements and cursors that a text uses by name. `known` is called
    /// for each use of a name that the text has not created itself before; `None` counts as
    /// [`Exposure::ALL`]. Under a plan without fields nothing is asked.
    pub fn with_names(
        self,
        effects: Option<&Effects>,
        masked: &Masked,
        known: impl Fn(&NameUse) -> Option<Self>,
    ) -> Self {
        let mut exposure = self;
        if !masked.plan().has_fields() {
            return exposure;
        }
        let lays = effects.is_none_or(Effects::lays);
        let mut made: BTreeSet<(bool, &str)> = BTreeSet::new();
        for entry in effects.map(|effects| effects.names.as_slice()).unwrap_or_default() {
            let Some(name) = entry.name.as_deref() else { continue };
            match entry.action {
                NameAction::Prepare | NameAction::Declare => {
                    made.insert((entry.action == NameAction::Prepare, name));
                }
                NameAction::Execute | NameAction::Fetch | NameAction::Position => {
                    if !made.contains(&(entry.action == NameAction::Execute, name)) {
                        let named = known(entry).unwrap_or(Self::ALL);
                        exposure = exposure.join(if lays { named.given_on() } else { named });
                    }
                }
                NameAction::Deallocate | NameAction::Close => {}
            }
        }
        exposure
    }

    /// Returns the exposure of a text whose rows go to a statement that stores them, and not to the client:
    /// `CREATE TABLE … AS EXECUTE`.
    #[must_use]
    pub const fn given_on(self) -> Self {
        let looks = self.looks || self.reads || self.rewritten;
        Self { looks, parts: self.parts || self.json, ..self }
    }

    /// Returns the combined exposure of two texts.
    #[must_use]
    pub const fn join(self, other: Self) -> Self {
        Self {
            values: self.values || other.values,
            reads: self.reads || other.reads,
            looks: self.looks || other.looks,
            json: self.json || other.json,
            parts: self.parts || other.parts,
            reports: self.reports || other.reports,
            code: self.code || other.code,
            rewritten: self.rewritten || other.rewritten,
            told: self.told && other.told,
            made: self.made || other.made,
        }
    }

    /// Returns whether values that come from no column may be computed from masked ones, or extracted from
    /// JSON.
    pub const fn values(self) -> bool {
        self.values
    }

    /// Whether a computed column holds nothing but what goes into it by the words of the text, so that it may
    /// be shown where [`shows_no_masked`] holds.
    ///
    /// Which rows there are, how many, and in which groups and order may hang on masked values. Every plain
    /// column beside it shows that, too (`SELECT id FROM customers WHERE ssn LIKE '078%'`): a client could
    /// compute this one from those. Masks that forbid such looks have the text refused ([`super::Guess`]).
    pub const fn told(self) -> bool {
        self.told
    }

    /// Whether a relation is named that the catalogue does not know, since the transaction has made or
    /// changed it.
    pub const fn made(self) -> bool {
        self.made
    }

    /// Whether columns that come back may hold masked values although they are called after others: nothing
    /// of them is shown.
    pub const fn rewritten(self) -> bool {
        self.rewritten
    }

    /// Returns whether errors and notices may quote masked values. That includes changes of rows of a masked
    /// table in any way ("failing row contains …"), and anything that looks at masked values on the way
    /// without showing them.
    pub const fn reports(self) -> bool {
        self.reports
    }

    /// Returns whether code runs that may put anything into any field of an error, even into the names of
    /// columns.
    pub const fn code(self) -> bool {
        self.code
    }

    /// Returns whether a `COPY … TO` in the text may carry masked values. Its columns are not described, so
    /// it must be refused then.
    pub fn copies(self, effects: Option<&Effects>) -> bool {
        self.values && effects.is_none_or(|effects| effects.verbs.contains(&Verb::CopyOut))
    }

    /// Returns whether the text may put masked values where they are not masked any more: it reads them, and
    /// inserts, updates or creates something, or calls a function that stores its arguments, such as
    /// `set_config`. Rows of a `RETURNING` do not count: they go to the client only, masked. An `UPDATE` that
    /// only compares masked values counts; one that only compares JSON does not, and documents may be written
    /// as a whole, since field names are searched there again. A `DELETE` that looks at other rows than those
    /// it deletes counts: a list of guesses without the wrong ones is a copy.
    pub fn keeps(self, effects: Option<&Effects>) -> bool {
        let (lays, deletes, calls) = effects.map_or((true, true, true), |effects| {
            let calls = effects.functions.iter().any(|call| lays_down(&call.object));
            (effects.lays(), effects.deletes(), calls)
        });
        (self.looks && lays) || (self.parts && (lays || deletes)) || ((self.reads || self.json) && calls)
    }
}

/// Whether all that goes into an output are columns of tables that are neither masked nor JSON.
pub(super) fn shows_no_masked(masked: &Masked, sources: &BTreeSet<OutputSource>) -> bool {
    sources.iter().all(|source| is_plain(masked, source))
}

/// A name may mean a relation in each schema. A view's columns are what its definition makes of others.
fn is_plain(masked: &Masked, source: &OutputSource) -> bool {
    let OutputSource { relations, name, certain } = source;
    let mut has = !certain;
    for object in relations.iter() {
        let all: Vec<&Relation> = masked.catalog().find(object).collect();
        if all.is_empty() || is_system(object) {
            return false;
        }
        if all.iter().any(|relation| relation.has(name)) {
            let plain = |relation: &&Relation| {
                relation.has(name)
                    && matches!(relation.kind, Kind::Table | Kind::Partitioned)
                    && !masked.names(relation, name)
                    && !relation.columns.iter().any(|own| own.json && own.name == *name)
            };
            if !all.iter().all(plain) {
                return false;
            }
            has = true;
        }
    }
    has && masked.plan().field(name.as_bytes()).is_none()
}

/// How many pairs of a column without a relation and a relation of a whole schema are looked at; with more,
/// any column may be of any relation.
const MAX_PAIRS: usize = 1_000_000;

/// The relations of a text, to resolve its columns.
pub(super) struct ColumnScope<'a> {
    masked: &'a Masked,
    relations: Vec<&'a Relation>,
    /// Columns behind a name that stands for a query, too: see [`Effects::given`].
    given: &'a BTreeSet<Column>,
    /// One is read or changed that the catalogue does not know: any column may be its.
    unknown: bool,
    /// Whether they may have changed since the catalog was read.
    remade: bool,
}

impl<'a> ColumnScope<'a> {
    pub(super) fn of(effects: &'a Effects, masked: &'a Masked, remade: bool) -> Self {
        let (mut relations, mut unknown) = (Vec::new(), false);
        for relation in &effects.relations {
            let before = relations.len();
            relations.extend(masked.catalog().find(&relation.object));
            // A relation that is only created holds nothing yet.
            unknown |=
                relations.len() == before && relation.access != Access::Ddl && !is_system(&relation.object);
        }
        let bare = effects.columns.iter().filter(|column| column.relation.is_none()).count();
        let more: Vec<&Relation> = of_schemas(effects, masked).collect();
        if bare.saturating_mul(more.len()) > MAX_PAIRS {
            unknown = true;
        } else {
            relations.extend(more);
        }
        Self { masked, relations, given: &effects.given, unknown, remade }
    }

    /// Returns whether a column that is named may be masked, or may be a call and no column.
    fn reaches(&self, column: &Column) -> bool {
        let name = column.name.as_deref();
        if name.is_some_and(|name| self.masked.plan().field(name.as_bytes()).is_some()) {
            return true;
        }
        match (&column.relation, name) {
            (Some(object), name) => {
                let mut found = self.masked.catalog().find(object).peekable();
                if found.peek().is_none() {
                    return !is_system(object);
                }
                found.any(|relation| match name {
                    Some(name) => self.column_reaches(relation, name, self.given.contains(column)),
                    None => self.masked.touches(relation.oid),
                })
            }
            (None, Some(name)) => {
                let calls = || {
                    let has = |relation: &&Relation| relation.has(name);
                    !self.relations.iter().any(has) && self.masked.catalog().has_function(name)
                };
                self.unknown
                    || self.relations.iter().any(|relation| self.masked.names(relation, name))
                    || calls()
            }
            (None, None) => {
                self.unknown || self.relations.iter().any(|relation| self.masked.touches(relation.oid))
            }
        }
    }

    /// Returns what the masks allow for a column that is named, if it may be masked or hold masked fields,
    /// and whether it is exactly a masked column, so that comparing it compares whole values.
    pub(super) fn predicates(&self, column: &Column) -> Option<(Predicates, bool)> {
        let plan = self.masked.plan();
        let json = self.reads_json(column);
        if !json && !self.reaches(column) {
            return None;
        }
        let relations: Vec<&Relation> = match &column.relation {
            Some(object) => self.masked.catalog().find(object).collect(),
            None => self.relations.clone(),
        };
        let untold = match &column.relation {
            Some(object) => relations.is_empty() && !is_system(object),
            None => self.unknown,
        };
        let name = column.name.as_deref();
        let own =
            |own: &&crate::protocol::postgres::catalog::Column| name.is_none_or(|name| *own.name == *name);
        let masks = relations.iter().flat_map(|relation| {
            relation.columns.iter().filter(own).filter_map(|own| self.masked.mask(relation.oid, own.number))
        });
        let by_name = name.and_then(|name| plan.field(name.as_bytes())).map(Mask::Field);
        let mut found = None;
        for mask in masks.chain(by_name) {
            match mask {
                Mask::Field(rule) => found = found.max(Some(plan.predicates(rule))),
                Mask::Withheld => return Some((plan.strictest(), false)),
            }
        }
        match found.filter(|_| !json && !untold) {
            Some(found) => Some((found, name.is_some())),
            None => Some((plan.strictest(), false)),
        }
    }

    /// Returns whether a relation is changed whose rules or triggers do something else instead, through which
    /// masked values are reached.
    fn is_rewritten(&self, effects: &Effects) -> bool {
        let changed = effects.relations.iter().filter(|relation| relation.access == Access::Write);
        changed.flat_map(|relation| self.masked.catalog().find(&relation.object)).any(|relation| {
            self.masked.spreads(relation.oid) && self.masked.catalog().is_rewritten(relation.oid)
        })
    }

    /// Returns whether a column that is read may contain JSON.
    fn reads_json(&self, column: &Column) -> bool {
        let is = |relation: &Relation| match &column.name {
            Some(name) => {
                // It may have got this name since.
                let renamed = self.remade && !relation.has(name) && !SYSTEM.contains(&&**name);
                relation.columns.iter().any(|own| own.json && own.name == *name)
                    || (renamed && relation.has_json())
            }
            None => relation.has_json(),
        };
        let unknown = |object: &Object| self.masked.catalog().find(object).next().is_none();
        column.access == Access::Read
            && match &column.relation {
                Some(object) if self.remade && unknown(object) => !is_system(object),
                Some(object) => self.masked.catalog().find(object).any(is),
                None => (self.remade && self.unknown) || self.relations.iter().any(|relation| is(relation)),
            }
    }

    /// Returns whether values extracted from JSON may be written where they are no document any more.
    fn writes_parts(&self, effects: &Effects) -> bool {
        effects.kept.iter().any(|column| self.reads_json(column))
            || effects.documents.iter().any(|column| self.loses_names(column))
    }

    /// Returns whether masked values of other rows, or fields of their JSON, may decide which rows are
    /// deleted.
    fn chooses(&self, effects: &Effects) -> bool {
        effects.kept.iter().any(|column| self.reaches(column) || self.reads_json(column))
    }

    /// Returns whether a document may be written into a column that is not known to contain JSON: field names
    /// are searched in JSON only.
    fn loses_names(&self, column: &Column) -> bool {
        let read = Column { relation: None, name: column.name.clone(), access: Access::Read };
        if !self.reads_json(&read) {
            return false;
        }
        let relations: Vec<&Relation> = match &column.relation {
            Some(_) if self.remade => return true,
            Some(target) => self.masked.catalog().find(target).collect(),
            None if self.unknown => return true,
            None => self.relations.clone(),
        };
        let columns = relations.iter().flat_map(|relation| &relation.columns);
        let mut named = columns.filter(|own| Some(&own.name) == column.name.as_ref()).peekable();
        named.peek().is_none() || named.any(|own| !own.json)
    }

    /// `row.name` is a call of the function `name` with the whole row if the relation has no such column.
    /// `given`: or a column of a query, and then a call only if there is such a function.
    fn column_reaches(&self, relation: &Relation, name: &str, given: bool) -> bool {
        let calls = !relation.has(name) && !SYSTEM.contains(&name);
        self.masked.names(relation, name)
            || (calls
                && ((!given && self.masked.tells(relation.oid)) || self.masked.catalog().has_function(name)))
    }

    /// Returns whether a masked relation, or its rows, are changed, or rows are used in a way that looks at
    /// or changes masked values without the text naming them. Anything that the catalog does not know, or not
    /// any more, may be such a way.
    fn strays(&self, effects: &Effects) -> bool {
        let mut used = effects.relations.iter().filter(|relation| relation.access != Access::Ddl).peekable();
        // Relations that are emptied along with it have triggers of their own.
        let emptied = !effects.cascades.is_empty();
        let unsure = self.unknown || emptied || (self.remade && used.peek().is_some());
        let changes = |relation: &Relation| self.masked.spreads(relation.oid);
        let looks = |relation: &Relation| self.masked.looks(relation.oid);
        unsure
            || of_schemas(effects, self.masked).any(changes)
            || effects.relations.iter().any(|relation| {
                let mut found = self.masked.catalog().find(&relation.object);
                // Changing a relation itself may look at all that it reads: refreshing a materialized view,
                // checking a constraint.
                if relation.access == Access::Read { found.any(looks) } else { found.any(changes) }
            })
    }
}

/// Returns the relations of the schemas of which a text may use any relation.
fn of_schemas<'a>(effects: &'a Effects, masked: &'a Masked) -> impl Iterator<Item = &'a Relation> {
    effects.schemas.iter().flat_map(|schema| masked.catalog().of_schema(schema.as_deref()))
}

/// Returns whether a relation that is not in the catalog is one of PostgreSQL's own. Those that show data of
/// tables are in the catalog.
fn is_system(object: &Object) -> bool {
    match object.schema.as_deref() {
        None => {
            let name = &object.name;
            name.starts_with("pg_") && !name.starts_with("pg_toast") && !name.starts_with("pg_temp")
        }
        Some(schema) => schema == "pg_catalog" || schema == "information_schema",
    }
}
