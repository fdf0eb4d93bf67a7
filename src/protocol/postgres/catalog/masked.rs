//! The masked columns of a database under a plan.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::sync::Arc;

use super::lineage::{Lineage, Source};
use super::shows::shows_in;
use super::{Catalog, Dependency, FIRST_USER_OID, Relation};
use crate::mask::{FieldRule, Plan};

/// The most levels of views on views; views above that stay withheld.
const DEEPEST: usize = 32;

/// How a column is masked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mask {
    /// It is masked by this rule.
    Field(FieldRule),
    /// It is computed from masked values, or that cannot be ruled out: nothing of it is shown.
    Withheld,
}

/// The masked columns of a database under a plan.
#[derive(Debug, Clone)]
pub struct Masked {
    catalog: Arc<Catalog>,
    plan: Arc<Plan>,
    /// The masks by the oid of the relation and the number of the column. No entry is empty.
    columns: HashMap<u32, HashMap<i16, Mask>>,
    /// The views that are not settled.
    open: BTreeSet<u32>,
    /// The relations whose use looks at masked values, shown or not: in the condition of a view, in a row
    /// policy.
    looks: HashSet<u32>,
    /// The relations whose change may reach rows of others that have masked values.
    spreads: HashSet<u32>,
    rounds: usize,
}

impl Masked {
    pub(super) fn of(catalog: Arc<Catalog>, plan: Arc<Plan>) -> Self {
        let mut masked = Self {
            catalog,
            plan,
            columns: HashMap::new(),
            open: BTreeSet::new(),
            looks: HashSet::new(),
            spreads: HashSet::new(),
            rounds: 0,
        };
        if masked.plan.has_fields() {
            masked.by_name();
            masked.by_table();
            let any = masked.catalog.relations.keys().any(|oid| masked.tells(*oid));
            masked.by_view();
            // Code can reach masked values only if there are any.
            if any {
                masked.beside();
            }
        }
        masked
    }

    /// Returns the catalog it was made from.
    pub fn catalog(&self) -> &Catalog {
        &self.catalog
    }

    /// Returns the plan it was made for.
    pub fn plan(&self) -> &Arc<Plan> {
        &self.plan
    }

    /// Returns how a column is masked; `None` if it is not.
    pub fn mask(&self, table: u32, attribute: i16) -> Option<Mask> {
        self.columns.get(&table)?.get(&attribute).copied()
    }

    /// Returns whether any column of a relation is masked.
    pub fn touches(&self, table: u32) -> bool {
        self.columns.contains_key(&table)
    }

    /// Returns whether a row of a relation as a single value may hold masked values: a column is masked, or
    /// contains JSON.
    pub fn tells(&self, table: u32) -> bool {
        self.touches(table) || self.catalog.relation(table).is_some_and(Relation::has_json)
    }

    /// Returns whether using a relation looks at masked values that may not be shown: errors can quote them.
    pub fn looks(&self, table: u32) -> bool {
        self.looks.contains(&table)
    }

    /// Returns whether changing a relation may change or look at rows with masked values, its own or others':
    /// through a view, foreign keys, triggers, rules, children, or code in defaults and checks.
    pub fn spreads(&self, table: u32) -> bool {
        self.tells(table) || self.looks(table) || self.spreads.contains(&table)
    }

    /// Returns whether a column contains JSON, even if its type is not PostgreSQL's own, such as an array of
    /// a domain.
    pub fn hides_json(&self, table: u32, attribute: i16) -> bool {
        let columns =
            self.catalog.relation(table).map(|relation| relation.columns.as_slice()).unwrap_or_default();
        columns.iter().any(|column| column.number == attribute && column.json)
    }

    /// Returns whether a relation has a masked column with this name.
    pub fn names(&self, relation: &Relation, column: &str) -> bool {
        self.columns.get(&relation.oid).is_some_and(|masks| {
            relation.columns.iter().any(|own| *own.name == *column && masks.contains_key(&own.number))
        })
    }

    /// Returns whether the catalog knows a column, so that having no mask means that it is not masked.
    /// PostgreSQL's own relations are all known. If it does not know a column, the catalog is older than the
    /// column.
    pub fn knows(&self, table: u32, attribute: i16) -> bool {
        if table < FIRST_USER_OID {
            return true;
        }
        let Some(relation) = self.catalog.relation(table) else { return false };
        attribute <= 0 || relation.columns.iter().any(|column| column.number == attribute)
    }

    /// Returns the views whose definitions are to be described next: those that may show masked values and
    /// are built only on settled relations. Settle each with [`Masked::settle`]; then there may be more.
    /// Empty when all are settled, or after 32 rounds.
    pub fn asks(&mut self) -> Vec<u32> {
        if self.rounds >= DEEPEST {
            return Vec::new();
        }
        self.rounds += 1;
        let ready = |view: &&u32| {
            let below = self.catalog.dependencies.get(*view).into_iter().flatten();
            below.into_iter().all(|on| !matches!(on, Dependency::Relation(oid) if self.open.contains(oid)))
        };
        self.open.iter().filter(ready).copied().collect()
    }

    /// Settles a view by the server's description of it. Without a lineage, or with one that does not fit the
    /// view, all its columns stay withheld.
    pub fn settle(&mut self, view: u32, lineage: Option<&Lineage>) {
        if !self.open.remove(&view) {
            return;
        }
        let catalog = Arc::clone(&self.catalog);
        let (Some(relation), Some(lineage)) = (catalog.relation(view), lineage) else { return };
        if lineage.sources.len() != relation.columns.len() {
            return;
        }
        let reaches = lineage.reaches || self.calls_unknown(view);
        let mut masks = HashMap::new();
        for (column, source) in relation.columns.iter().zip(&lineage.sources) {
            let mask = self.inherited(*source, reaches).or_else(|| self.named(relation, &column.name));
            masks.extend(mask.map(|mask| (column.number, mask)));
        }
        if masks.is_empty() {
            self.columns.remove(&view);
        } else {
            self.columns.insert(view, masks);
        }
    }

    /// Returns how a column of a view that comes from `source` is masked.
    fn inherited(&self, source: Source, reaches: bool) -> Option<Mask> {
        let Source { table, attribute } = source;
        let hidden = match (table, attribute) {
            (0, _) => reaches,
            (_, 0) => self.tells(table) || !self.knows(table, 0),
            _ => !self.knows(table, attribute),
        };
        if hidden { Some(Mask::Withheld) } else { self.mask(table, attribute) }
    }

    /// Returns the mask that the plan has for a column by its name.
    fn named(&self, relation: &Relation, column: &str) -> Option<Mask> {
        self.plan.column(&relation.schema, &relation.name, column).map(Mask::Field)
    }

    fn by_name(&mut self) {
        let catalog = Arc::clone(&self.catalog);
        for relation in catalog.relations.values() {
            for column in &relation.columns {
                let shows = || shows_in(&relation.name, &column.name).then_some(Mask::Withheld);
                if let Some(mask) = self.named(relation, &column.name).or_else(shows) {
                    self.put(relation.oid, column.number, mask);
                }
            }
        }
    }

    /// Extends masks to columns with the same name in partitions, children and parents, and withholds columns
    /// that are generated from masked ones, until nothing is added.
    fn by_table(&mut self) {
        let catalog = Arc::clone(&self.catalog);
        loop {
            let mut added = false;
            for &(child, parent) in &catalog.inheritance {
                let (Some(child), Some(parent)) = (catalog.relation(child), catalog.relation(parent)) else {
                    continue;
                };
                for (from, to) in [(child, parent), (parent, child)] {
                    added |= self.copy_masks(from, to);
                }
            }
            for relation in catalog.relations.values() {
                added |= self.tells(relation.oid) && self.generated(relation);
            }
            if !added {
                return;
            }
        }
    }

    fn copy_masks(&mut self, from: &Relation, to: &Relation) -> bool {
        let Some(masks) = self.columns.get(&from.oid) else { return false };
        let named: Vec<(&str, Mask)> = from
            .columns
            .iter()
            .filter_map(|column| Some((&*column.name, *masks.get(&column.number)?)))
            .collect();
        let mut added = false;
        for (name, mask) in named {
            if let Some(column) = to.columns.iter().find(|column| *column.name == *name) {
                added |= self.put(to.oid, column.number, mask);
            }
        }
        added
    }

    /// Withholds the generated columns whose expression contains the name of a column that is masked or
    /// contains JSON.
    fn generated(&mut self, relation: &Relation) -> bool {
        let masks = self.columns.get(&relation.oid);
        let is_masked = |number| masks.is_some_and(|masks| masks.contains_key(&number));
        let masked: Vec<String> = relation
            .columns
            .iter()
            .filter(|column| column.json || is_masked(column.number))
            .map(|column| column.name.replace('"', "\"\""))
            .collect();
        let mut added = false;
        for column in &relation.columns {
            let Some(expression) = &column.generated else { continue };
            if masked.iter().any(|name| expression.contains(name.as_str())) {
                added |= self.put(relation.oid, column.number, Mask::Withheld);
            }
        }
        added
    }

    /// Withholds all columns of the views that may show masked values, and opens these views.
    fn by_view(&mut self) {
        let catalog = Arc::clone(&self.catalog);
        let mut open: HashSet<u32> = HashSet::new();
        loop {
            let before = open.len();
            for (&view, dependencies) in &catalog.dependencies {
                let suspect = |on: &Dependency| match *on {
                    Dependency::Relation(oid) => oid != view && (self.tells(oid) || open.contains(&oid)),
                    Dependency::Function(oid) => !catalog.routines.computes_by_oid(oid),
                };
                // By its schema, not its oid: objects created in single-user mode have oids like PostgreSQL's
                // own views.
                let own = catalog.relation(view).is_none_or(|relation| &*relation.schema == "pg_catalog");
                if !own && dependencies.iter().any(suspect) {
                    open.insert(view);
                }
            }
            if open.len() == before {
                break;
            }
        }
        for &view in &open {
            for column in
                catalog.relation(view).map(|relation| relation.columns.as_slice()).unwrap_or_default()
            {
                self.put(view, column.number, Mask::Withheld);
            }
        }
        self.open.extend(open);
    }

    /// Finds the relations that reach masked values without showing them. A view that turns out to show none
    /// still looks at them.
    fn beside(&mut self) {
        let catalog = Arc::clone(&self.catalog);
        let open: HashSet<u32> = self.open.iter().copied().collect();
        self.looks = self.leading_to(open, &[&catalog.dependencies, &catalog.policies]);
        let mut children: HashMap<u32, Vec<Dependency>> = HashMap::new();
        for &(child, parent) in &catalog.inheritance {
            children.entry(parent).or_default().push(Dependency::Relation(child));
        }
        let ways = [&catalog.dependencies, &catalog.changes, &children];
        self.spreads = self.leading_to(self.looks.clone(), &ways);
    }

    /// Returns the relations from which dependencies lead to one that tells masked values, to one of `found`,
    /// or to unknown code.
    fn leading_to(&self, mut found: HashSet<u32>, ways: &[&HashMap<u32, Vec<Dependency>>]) -> HashSet<u32> {
        let own = |oid| self.catalog.relation(oid).is_none_or(|relation| &*relation.schema == "pg_catalog");
        loop {
            let before = found.len();
            for (&from, to) in ways.iter().copied().flatten() {
                let leads = |to: &Dependency| match *to {
                    Dependency::Relation(oid) => self.tells(oid) || found.contains(&oid),
                    Dependency::Function(oid) => !self.catalog.routines.computes_by_oid(oid),
                };
                if !found.contains(&from) && !own(from) && to.iter().any(leads) {
                    found.insert(from);
                }
            }
            if found.len() == before {
                return found;
            }
        }
    }

    /// Returns whether a view calls a function that may read tables.
    fn calls_unknown(&self, view: u32) -> bool {
        self.catalog.dependencies.get(&view).into_iter().flatten().any(|on| match *on {
            Dependency::Relation(_) => false,
            Dependency::Function(oid) => !self.catalog.routines.computes_by_oid(oid),
        })
    }

    /// Adds a mask where there is none. Returns whether it did.
    fn put(&mut self, table: u32, attribute: i16, mask: Mask) -> bool {
        let masks = self.columns.entry(table).or_default();
        let before = masks.len();
        masks.entry(attribute).or_insert(mask);
        masks.len() > before
    }
}
