//! Functions, by name: a text does not say which of several of one name is called.

use std::collections::{HashMap, HashSet};

use crate::domain::sql::{Function, Object};
use crate::protocol::postgres::judge::is_known;

/// What is known about one function, or one of those that an aggregate is made of.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "each is a column of the catalogue")]
pub(super) struct Routine {
    pub(super) schema: Box<str>,
    pub(super) procedure: bool,
    pub(super) immutable: bool,
    pub(super) volatile: bool,
    pub(super) definer: bool,
    /// It is written in C.
    pub(super) native: bool,
    /// Its language is one of the usual ones.
    pub(super) known: bool,
    /// It is an extension's and a superuser's: nobody else can have made it what it is.
    pub(super) trusted: bool,
    /// How many arguments it can be called with.
    pub(super) takes: Arguments,
    /// The first of them can be a row.
    pub(super) takes_row: bool,
}

/// How many arguments a function can be called with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Arguments {
    /// Without those that have a default.
    pub(super) least: usize,
    /// `None`: any number, the last one is `VARIADIC`.
    pub(super) most: Option<usize>,
}

impl Arguments {
    /// Any number.
    const ANY: Self = Self { least: 0, most: None };

    const fn fits(self, number: usize) -> bool {
        self.least <= number
            && match self.most {
                Some(most) => number <= most,
                None => true,
            }
    }
}

impl Routine {
    /// Whether it does nothing but compute and read. What it says of itself counts only where a superuser has
    /// made it: in C, or for an extension. The server keeps others that are not volatile from writing, but
    /// not from calling what writes.
    pub(super) fn harmless(&self) -> bool {
        self.vouched() && !self.volatile && !self.definer && !self.procedure
    }

    /// Whether it may stand for a function of PostgreSQL's own of the same name, of which it is known that it
    /// is harmless: `pgcrypto` has a `gen_random_uuid` of its own.
    fn stands_in(&self) -> bool {
        self.harmless() || (self.native && self.trusted && !self.definer && !self.procedure)
    }

    fn vouched(&self) -> bool {
        self.native || (self.known && self.trusted)
    }

    /// Whether the server brings it along.
    fn own(&self) -> bool {
        matches!(&*self.schema, "pg_catalog" | "information_schema")
    }

    fn computes(&self) -> bool {
        self.native && self.immutable && !self.procedure
    }
}

/// The names by which a text may call what it does not seem to call. All are empty in most databases.
#[derive(Debug, Default)]
pub(super) struct Hidden {
    /// Names of PostgreSQL's own functions that others have too, and how many arguments these take.
    functions: HashMap<Box<str>, Vec<Arguments>>,
    /// The same of operators.
    operators: HashSet<Box<str>>,
    /// What `x.name` may call, where `x` is a row.
    fields: HashSet<Box<str>>,
    /// What `(x).name` may call, whatever `x` is.
    applied: HashSet<Box<str>>,
}

impl Hidden {
    pub(super) fn is_empty(&self) -> bool {
        self.functions.is_empty() && self.operators.is_empty() && self.applied.is_empty()
    }

    /// Whether a call that is taken for one of PostgreSQL's own function may be another's.
    pub(super) fn calls(&self, function: &Function) -> bool {
        let Function { object, arguments } = function;
        let fits = |takes: &Arguments| takes.fits(*arguments);
        object.schema.is_none() && self.functions.get(&object.name).is_some_and(|all| all.iter().any(fits))
    }

    /// The same of an operator.
    pub(super) fn operates(&self, operator: &Object) -> bool {
        operator.schema.is_none() && self.operators.contains(&operator.name)
    }

    /// Whether `x.name` is a call where the row `x` has no such column.
    pub(super) fn has_field(&self, name: &str) -> bool {
        self.fields.contains(name)
    }

    /// Whether `(x).name` is a call where `x` has no such column.
    pub(super) fn applies(&self, name: &str) -> bool {
        self.applied.contains(name)
    }

    /// All names of which [`Self::has_field`] holds.
    pub(super) fn fields(&self) -> impl Iterator<Item = &str> {
        self.fields.iter().map(|name| &**name)
    }
}

/// All functions of a database.
#[derive(Debug, Default)]
pub(super) struct Routines {
    by_name: HashMap<Box<str>, Vec<Routine>>,
    /// Whether it computes from its arguments alone, by oid.
    computing: HashMap<u32, bool>,
    /// The schemas that have an operator of a name, and whether it is harmless.
    operators: HashMap<Box<str>, Vec<(Box<str>, bool)>>,
    pub(super) hidden: Hidden,
}

impl Routines {
    pub(super) fn put(&mut self, oid: u32, name: &str, routine: Routine) {
        *self.computing.entry(oid).or_insert(true) &= routine.computes();
        if !routine.own() && !routine.stands_in() && is_known(name) {
            // What a procedure counts differs between versions.
            let takes = if routine.procedure { Arguments::ANY } else { routine.takes };
            let all = self.hidden.functions.entry(name.into()).or_default();
            if !all.contains(&takes) {
                all.push(takes);
            }
        }
        if !routine.own() && !routine.harmless() && routine.takes.fits(1) && !routine.procedure {
            self.hidden.applied.insert(name.into());
            if routine.takes_row {
                self.hidden.fields.insert(name.into());
            }
        }
        self.by_name.entry(name.into()).or_default().push(routine);
    }

    pub(super) fn operator(&mut self, name: &str, schema: &str, harmless: bool) {
        if !harmless {
            self.hidden.operators.insert(name.into());
        }
        self.operators.entry(name.into()).or_default().push((schema.into(), harmless));
    }

    /// Whether there is at least one operator that the name can mean, and all of them are harmless.
    pub(super) fn is_harmless_operator(&self, operator: &Object) -> bool {
        let all = self.operators.get(&operator.name).into_iter().flatten();
        let mut meant = all
            .filter(|(schema, _)| operator.schema.as_ref().is_none_or(|own| own == schema))
            .map(|(_, harmless)| *harmless)
            .peekable();
        meant.peek().is_some() && meant.all(|harmless| harmless)
    }

    /// Whether there is at least one function that the name can mean, and `is` holds for all of them.
    fn all<'a>(meant: impl Iterator<Item = &'a Routine>, is: impl Fn(&Routine) -> bool) -> bool {
        let mut meant = meant.peekable();
        meant.peek().is_some() && meant.all(is)
    }

    /// The functions that a name can mean, in any schema if none is written.
    fn meant(&self, function: &Object) -> impl Iterator<Item = &Routine> {
        let all = self.by_name.get(&function.name).into_iter().flatten();
        all.filter(|routine| function.schema.as_ref().is_none_or(|schema| *schema == routine.schema))
    }

    /// Those with another number of arguments are not called. What a procedure counts differs between
    /// versions.
    pub(super) fn harmless(&self, function: &Function) -> bool {
        let fits = |routine: &&Routine| routine.procedure || routine.takes.fits(function.arguments);
        Self::all(self.meant(&function.object).filter(fits), Routine::harmless)
    }

    pub(super) fn computes(&self, function: &Object) -> bool {
        Self::all(self.meant(function), Routine::computes)
    }

    /// The same of one function. Those of `pg_catalog` that are not volatile are not asked for: what they are
    /// is known by their names.
    pub(super) fn computes_by_oid(&self, oid: u32) -> bool {
        self.computing.get(&oid).copied().unwrap_or(oid < super::FIRST_USER_OID)
    }

    pub(super) fn has(&self, name: &str) -> bool {
        self.by_name.get(name).is_some_and(|all| all.iter().any(|routine| &*routine.schema != "pg_catalog"))
    }
}
