//! Functions, by name: a text does not say which of several of one name is called.

use std::collections::HashMap;

use crate::domain::sql::Object;

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
}

impl Routine {
    fn harmless(&self) -> bool {
        self.known && !self.volatile && !self.definer && !self.procedure
    }

    fn computes(&self) -> bool {
        self.native && self.immutable && !self.procedure
    }
}

/// All functions of a database.
#[derive(Debug, Default)]
pub(super) struct Routines {
    by_name: HashMap<Box<str>, Vec<Routine>>,
    /// Whether it computes from its arguments alone, by oid.
    computing: HashMap<u32, bool>,
}

impl Routines {
    pub(super) fn put(&mut self, oid: u32, name: &str, routine: Routine) {
        *self.computing.entry(oid).or_insert(true) &= routine.computes();
        self.by_name.entry(name.into()).or_default().push(routine);
    }

    /// Whether there is at least one function that the name can mean, and `is` holds for all of them.
    fn all(&self, function: &Object, is: impl Fn(&Routine) -> bool) -> bool {
        let mut any = false;
        for routine in self.by_name.get(&function.name).into_iter().flatten() {
            if function.schema.as_ref().is_none_or(|schema| *schema == routine.schema) {
                any = true;
                if !is(routine) {
                    return false;
                }
            }
        }
        any
    }

    pub(super) fn harmless(&self, function: &Object) -> bool {
        self.all(function, Routine::harmless)
    }

    pub(super) fn computes(&self, function: &Object) -> bool {
        self.all(function, Routine::computes)
    }

    /// The same of one function. Those of `pg_catalog` that are not volatile are not asked for: what they are is known by their names.
    pub(super) fn computes_by_oid(&self, oid: u32) -> bool {
        self.computing.get(&oid).copied().unwrap_or(oid < super::FIRST_USER_OID)
    }

    pub(super) fn has(&self, name: &str) -> bool {
        self.by_name.get(name).is_some_and(|all| all.iter().any(|routine| &*routine.schema != "pg_catalog"))
    }
}
