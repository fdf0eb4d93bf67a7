//! Functions, by name: SQL does not show which of several functions with one name is called.

use std::collections::{HashMap, HashSet};

use crate::domain::sql::{Function, Object};
use crate::protocol::postgres::judge::is_known;

/// What is known of a function, or of one support function of an aggregate.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "each is a column of the catalogue")]
pub(super) struct Routine {
    pub(super) schema: Box<str>,
    pub(super) procedure: bool,
    pub(super) immutable: bool,
    pub(super) volatile: bool,
    pub(super) definer: bool,
    /// Whether it is written in C.
    pub(super) native: bool,
    /// Whether its language is a common one.
    pub(super) known: bool,
    /// Whether a superuser owns it and it belongs to an extension: nobody else can have made it what it is.
    pub(super) trusted: bool,
    /// The number of arguments that it can be called with.
    pub(super) takes: Arguments,
    /// Whether its first argument can be a row.
    pub(super) takes_row: bool,
}

/// The number of arguments that a function can be called with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Arguments {
    /// The least number, without arguments that have a default.
    pub(super) least: usize,
    /// The most; `None` for any number, if the last one is `VARIADIC`.
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
    /// Returns whether it only computes and reads. What it is declared as counts only if a superuser has
    /// created it, in C or for an extension. The server keeps other non-volatile functions from writing, but
    /// not from calling functions that write.
    pub(super) fn harmless(&self) -> bool {
        self.vouched() && !self.volatile && !self.definer && !self.procedure
    }

    /// Returns whether it may be called in place of PostgreSQL's own harmless function with the same name:
    /// `pgcrypto` has its own `gen_random_uuid`.
    fn stands_in(&self) -> bool {
        self.harmless() || (self.native && self.trusted && !self.definer && !self.procedure)
    }

    fn vouched(&self) -> bool {
        self.native || (self.known && self.trusted)
    }

    /// Returns whether it is one of the server's own.
    fn own(&self) -> bool {
        matches!(&*self.schema, "pg_catalog" | "information_schema")
    }

    fn computes(&self) -> bool {
        self.native && self.immutable && !self.procedure
    }
}

/// The names by which a text may call functions unnoticed. All are empty in most databases.
#[derive(Debug, Default)]
pub(super) struct Hidden {
    /// The names of PostgreSQL's own functions that other functions have too, and how many arguments those
    /// take.
    functions: HashMap<Box<str>, Vec<Arguments>>,
    /// The names of operators that are not known to be harmless.
    operators: HashSet<Box<str>>,
    /// The functions that `x.name` may call if `x` is a row.
    fields: HashSet<Box<str>>,
    /// The functions that `(x).name` may call, whatever `x` is.
    applied: HashSet<Box<str>>,
}

impl Hidden {
    pub(super) fn is_empty(&self) -> bool {
        self.functions.is_empty() && self.operators.is_empty() && self.applied.is_empty()
    }

    /// Returns whether a call that looks like one of PostgreSQL's own function may be a call of another.
    pub(super) fn calls(&self, function: &Function) -> bool {
        let Function { object, arguments } = function;
        let fits = |takes: &Arguments| takes.fits(*arguments);
        object.schema.is_none() && self.functions.get(&object.name).is_some_and(|all| all.iter().any(fits))
    }

    /// Returns whether an operator that looks like PostgreSQL's own may be another.
    pub(super) fn operates(&self, operator: &Object) -> bool {
        operator.schema.is_none() && self.operators.contains(&operator.name)
    }

    /// Returns whether `x.name` is a call if the row `x` has no such column.
    pub(super) fn has_field(&self, name: &str) -> bool {
        self.fields.contains(name)
    }

    /// Returns whether `(x).name` is a call if `x` has no such column.
    pub(super) fn applies(&self, name: &str) -> bool {
        self.applied.contains(name)
    }

    /// Returns all names for which [`Self::has_field`] holds.
    pub(super) fn fields(&self) -> impl Iterator<Item = &str> {
        self.fields.iter().map(|name| &**name)
    }
}

/// All functions of a database.
#[derive(Debug, Default)]
pub(super) struct Routines {
    by_name: HashMap<Box<str>, Vec<Routine>>,
    /// Whether each function computes from its arguments alone, by oid.
    computing: HashMap<u32, bool>,
    /// The schemas that have an operator with a name, and whether it is harmless.
    operators: HashMap<Box<str>, Vec<(Box<str>, bool)>>,
    pub(super) hidden: Hidden,
}

impl Routines {
    pub(super) fn put(&mut self, oid: u32, name: &str, routine: Routine) {
        *self.computing.entry(oid).or_insert(true) &= routine.computes();
        if !routine.own() && !routine.stands_in() && is_known(name) {
            // What counts as an argument of a procedure differs between versions.
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

    /// Returns whether there is an operator that the name can mean, and all such operators are harmless.
    pub(super) fn is_harmless_operator(&self, operator: &Object) -> bool {
        let all = self.operators.get(&operator.name).into_iter().flatten();
        let mut meant = all
            .filter(|(schema, _)| operator.schema.as_ref().is_none_or(|own| own == schema))
            .map(|(_, harmless)| *harmless)
            .peekable();
        meant.peek().is_some() && meant.all(|harmless| harmless)
    }

    /// Returns whether there is a function that the name can mean, and `is` holds for all such functions.
    fn all<'a>(meant: impl Iterator<Item = &'a Routine>, is: impl Fn(&Routine) -> bool) -> bool {
        let mut meant = meant.peekable();
        meant.peek().is_some() && meant.all(is)
    }

    /// Returns the functions that a name can mean, in any schema if none is written.
    fn meant(&self, function: &Object) -> impl Iterator<Item = &Routine> {
        let all = self.by_name.get(&function.name).into_iter().flatten();
        all.filter(|routine| function.schema.as_ref().is_none_or(|schema| *schema == routine.schema))
    }

    /// Returns whether all functions that a call can mean are harmless. Functions with another number of
    /// arguments do not count; procedures do, since what counts as their argument differs between versions.
    pub(super) fn harmless(&self, function: &Function) -> bool {
        let fits = |routine: &&Routine| routine.procedure || routine.takes.fits(function.arguments);
        Self::all(self.meant(&function.object).filter(fits), Routine::harmless)
    }

    pub(super) fn computes(&self, function: &Object) -> bool {
        Self::all(self.meant(function), Routine::computes)
    }

    /// Returns whether the function with this oid computes from its arguments alone. Non-volatile functions
    /// of `pg_catalog` are not listed: their oid alone is enough.
    pub(super) fn computes_by_oid(&self, oid: u32) -> bool {
        self.computing.get(&oid).copied().unwrap_or(oid < super::FIRST_USER_OID)
    }

    pub(super) fn has(&self, name: &str) -> bool {
        self.by_name.get(name).is_some_and(|all| all.iter().any(|routine| &*routine.schema != "pg_catalog"))
    }
}
