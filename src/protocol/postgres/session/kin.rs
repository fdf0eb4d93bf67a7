//! Relations that share rows with those of a text: its partitions and children, and the tables that it is a
//! part of. Policies that hold back apply to all of them. The target's catalog is asked for them only if
//! there are such policies.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::sync::Arc;

use crate::domain::Command;
use crate::domain::Denied;
use crate::domain::Kin;
use crate::domain::command::Words;
use crate::domain::sql::Access;
use crate::domain::sql::Effects;
use crate::domain::sql::Object;
use crate::domain::sql::Relation;
use crate::protocol::postgres::session::judge_message::runs_names;
use crate::protocol::postgres::session::names::Definition;
use crate::protocol::postgres::session::state::SessionState;
use crate::protocol::postgres::targets::CatalogView;
use crate::protocol::postgres::targets::Change;
use crate::protocol::postgres::targets::Entry;

/// The most ties of one transaction that are kept.
const MOST: usize = 20_000;

/// The relations named by one text that changes relations: it may have made one a child of another.
pub(super) type Tie = BTreeSet<Object>;

/// The ties of the open transaction. No other session sees them, not even the one that reads the catalog.
#[derive(Debug, Default)]
pub(super) struct Ties(RefCell<Vec<Tie>>);

impl Ties {
    /// Adds the ties of a command that was sent.
    pub(super) fn sent(&self, ties: Vec<Tie>) {
        let mut own = self.0.borrow_mut();
        let room = MOST.saturating_add(1).saturating_sub(own.len());
        own.extend(ties.into_iter().take(room));
    }

    /// Forgets all ties: the transaction has ended.
    pub(super) fn ended(&self) {
        self.0.borrow_mut().clear();
    }

    /// Returns the kin of the relations that a text names, including kin by ties. `catalog` returns the kin
    /// that the catalog knows.
    fn kin(&self, effects: &Effects, catalog: impl Fn(&BTreeSet<Relation>) -> Kin) -> Kin {
        let ties = self.0.borrow();
        let mut kin = catalog(&effects.relations);
        if ties.len() > MOST {
            return Kin::untold();
        }
        if ties.is_empty() {
            return kin;
        }
        for relation in &effects.relations {
            let mut found: Tie = kin.of(&relation.object).cloned().collect();
            found.insert(relation.object.clone());
            let mut tied = Tie::new();
            while found.len() > tied.len() {
                tied.clone_from(&found);
                let met =
                    ties.iter().filter(|tie| tie.iter().any(|one| tied.iter().any(|own| meets(one, own))));
                let before = found.len();
                met.for_each(|tie| found.extend(tie.iter().cloned()));
                if found.len() > before {
                    found.extend(catalog(&found.iter().map(whole).collect()).all().cloned());
                }
            }
            kin.add(&relation.object, found.into_iter().map(Arc::new).collect());
        }
        kin
    }
}

/// Returns whether two names may mean the same relation.
fn meets(one: &Object, other: &Object) -> bool {
    one.name == other.name && (one.schema == other.schema || one.schema.is_none() || other.schema.is_none())
}

fn whole(object: &Object) -> Relation {
    Relation { object: object.clone(), access: Access::Read, only: false }
}

/// Returns the tie that a command may make; `None` if it can make none.
pub(super) fn tie(command: &Command, change: Change) -> Option<Tie> {
    let effects = command.sql()?.effects.as_deref().filter(|_| change >= Change::Relations)?;
    let tie: Tie = effects.relations.iter().map(|relation| relation.object.clone()).collect();
    (tie.len() > 1).then_some(tie)
}

impl SessionState {
    /// Returns whether policies may depend on relations that share rows with those of a text, or of what it
    /// runs by name.
    pub(super) fn wants_kin(&self, definition: &Definition) -> bool {
        let names = definition.judgement.effects().is_some_and(|effects| names_relations(effects));
        (names || runs_names(definition)) && self.seat.asks_kin()
    }

    /// Returns the view of the catalog with the relations that share rows. If the catalog cannot be read now,
    /// the last view counts for some minutes, provided that it is merely old. `None` if the target does not
    /// answer questions about its catalog: then all policies go by the SQL alone, as the log says.
    ///
    /// # Errors
    /// The catalog cannot be read for the moment, and there is no recent view from after the last change of
    /// relations.
    pub(super) async fn catalog_with_kin(&self) -> Result<Option<Arc<CatalogView>>, Denied> {
        let entry = self.entry(&self.seat.current());
        entry.want_kin();
        self.catalog_or_old(&entry, Entry::current, Entry::old_kin).await
    }

    /// Adds to a command the relations that share rows with those it names. If they are unknown, they may be
    /// any.
    pub(super) fn tell_kin(&self, command: &mut Command, known: Option<&CatalogView>) {
        let Words::Sql(sql) = &mut command.words else { return };
        let Some(effects) = sql.effects.as_deref().filter(|effects| names_relations(effects)) else { return };
        if !self.seat.asks_kin() {
            return;
        }
        sql.kin = match known.filter(|known| known.has_kin()) {
            Some(known) => {
                self.transaction.ties.kin(effects, |relations| known.masked.catalog().kin(relations))
            }
            None if self.entry(&self.seat.current()).is_unreadable() => Kin::default(),
            None => Kin::untold(),
        };
    }
}

/// Returns whether a text names relations that may have kin: those of PostgreSQL's own have none.
fn names_relations(effects: &Effects) -> bool {
    let own = |object: &Object| matches!(object.schema.as_deref(), Some("pg_catalog" | "information_schema"));
    effects.relations.iter().any(|relation| !own(&relation.object))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn object(text: &str) -> Object {
        match text.split_once('.') {
            Some((schema, name)) => Object { schema: Some(schema.into()), name: name.into() },
            None => Object { schema: None, name: text.into() },
        }
    }

    /// Returns the kin of a text that names this, where the catalog knows that `public.leaf` is a child of
    /// `public.stem`.
    fn kin(ties: &Ties, named: &str) -> Vec<String> {
        let catalog = |relations: &BTreeSet<Relation>| {
            let mut kin = Kin::default();
            for Relation { object: named, .. } in relations {
                match &*named.name {
                    "stem" => kin.add(named, vec![Arc::new(object("public.leaf"))]),
                    "leaf" => kin.add(named, vec![Arc::new(object("public.stem"))]),
                    _ => {}
                }
            }
            kin
        };
        let effects = Effects { relations: [whole(&object(named))].into(), ..Effects::default() };
        let all: BTreeSet<String> = ties.kin(&effects, catalog).all().map(ToString::to_string).collect();
        all.into_iter().filter(|name| name != named).collect()
    }

    #[test]
    fn what_a_transaction_has_tied_counts_until_its_end() {
        let ties = Ties::default();
        assert_eq!(kin(&ties, "stem"), ["public.leaf"]);
        let tie = |names: &[&str]| ties.sent(vec![names.iter().map(|name| object(name)).collect()]);
        tie(&["public.leaf", "made"]);
        tie(&["made", "over"]);
        tie(&["one", "other"]);
        for (named, wanted) in [
            ("over", &["made", "public.leaf", "public.stem"][..]),
            ("stem", &["made", "over", "public.leaf", "public.stem"]),
            ("public.made", &["made", "over", "public.leaf", "public.stem"]),
            ("one", &["other"]),
            ("else", &[]),
        ] {
            assert_eq!(kin(&ties, named), wanted, "{named}");
        }
        ties.ended();
        assert!(kin(&ties, "over").is_empty());
    }

    #[test]
    fn more_ties_than_are_kept_may_be_any() {
        let ties = Ties::default();
        let one = || vec![Tie::from([object("a"), object("b")])];
        (0..MOST).for_each(|_| ties.sent(one()));
        let effects = Effects { relations: [whole(&object("c"))].into(), ..Effects::default() };
        let untold = || ties.kin(&effects, |_| Kin::default()).is_untold();
        assert!(!untold());
        ties.sent(one());
        ties.sent(one());
        assert!(untold());
        assert_eq!(ties.0.borrow().len(), MOST + 1);
    }
}
