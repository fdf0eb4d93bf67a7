//! The relations that share rows, as partitions, children and parents, and those that refer to others by
//! foreign keys.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::sync::Arc;

use crate::domain::Kin;
use crate::domain::sql::{Object, Relation};

/// The most kin of one text; if it has more, nothing is known of its kin.
const MOST: usize = 100_000;

/// The relations that are children or parents of others, or have foreign keys.
#[derive(Debug, Default)]
pub(super) struct Family {
    names: HashMap<u32, Arc<Object>>,
    /// The oids of the relations with a name, in any schema.
    by_name: HashMap<Box<str>, Vec<u32>>,
    parents: HashMap<u32, Vec<u32>>,
    children: HashMap<u32, Vec<u32>>,
    /// The relations that refer to each, by its oid.
    referring: HashMap<u32, Vec<u32>>,
}

impl Family {
    /// Adds the name of a relation.
    pub(super) fn name(&mut self, oid: u32, schema: &str, name: &str) {
        self.names.entry(oid).or_insert_with(|| {
            self.by_name.entry(name.into()).or_default().push(oid);
            Arc::new(Object { schema: Some(schema.into()), name: name.into() })
        });
    }

    /// Notes that one relation is a child of another.
    pub(super) fn tie(&mut self, child: u32, parent: u32) {
        self.parents.entry(child).or_default().push(parent);
        self.children.entry(parent).or_default().push(child);
    }

    /// Notes that one relation refers to another.
    pub(super) fn refer(&mut self, from: u32, to: u32) {
        self.referring.entry(to).or_default().push(from);
    }

    /// Returns what a `TRUNCATE … CASCADE` of these relations empties besides: what refers to them or to
    /// their children, and so on. `None` if there are too many.
    pub(super) fn emptied<'a>(
        &self,
        relations: impl IntoIterator<Item = &'a Relation>,
    ) -> Option<BTreeSet<Object>> {
        let (mut found, mut left) = (HashSet::new(), Vec::new());
        for relation in relations {
            for oid in self.find(&relation.object) {
                left.push(oid);
                if !relation.only {
                    left.extend(reached(oid, &self.children));
                }
            }
        }
        while let Some(oid) = left.pop() {
            for &from in self.referring.get(&oid).into_iter().flatten() {
                let all = std::iter::once(from).chain(reached(from, &self.children));
                left.extend(all.filter(|oid| found.insert(*oid)));
            }
            if found.len() > MOST {
                return None;
            }
        }
        Some(found.iter().filter_map(|oid| self.names.get(oid)).map(|object| (**object).clone()).collect())
    }

    /// Returns the kin of relations: all parents and children of each, directly or not, without the children
    /// of one named with `ONLY`. A name without a schema may mean every relation with that name, whatever the
    /// search path is.
    pub(super) fn kin<'a>(&self, relations: impl IntoIterator<Item = &'a Relation>) -> Kin {
        let (mut kin, mut left) = (Kin::default(), MOST);
        for relation in relations {
            let mut found: BTreeSet<u32> = BTreeSet::new();
            for oid in self.find(&relation.object) {
                found.extend(reached(oid, &self.parents));
                if !relation.only {
                    found.extend(reached(oid, &self.children));
                }
            }
            let Some(rest) = left.checked_sub(found.len()) else { return Kin::untold() };
            left = rest;
            kin.add(&relation.object, found.iter().filter_map(|oid| self.names.get(oid)).cloned().collect());
        }
        kin
    }

    fn find<'a>(&'a self, object: &'a Object) -> impl Iterator<Item = u32> + 'a {
        let fits = |oid: &u32| {
            let schema = self.names.get(oid).and_then(|own| own.schema.as_ref());
            object.schema.is_none() || object.schema.as_ref() == schema
        };
        self.by_name.get(&object.name).into_iter().flatten().copied().filter(fits)
    }
}

/// Returns all that is reached from an oid by some steps, without the oid itself.
fn reached(from: u32, steps: &HashMap<u32, Vec<u32>>) -> HashSet<u32> {
    let (mut found, mut left) = (HashSet::new(), vec![from]);
    while let Some(oid) = left.pop() {
        let next = steps.get(&oid).into_iter().flatten().copied();
        left.extend(next.filter(|next| *next != from && found.insert(*next)));
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::sql::Access;

    /// Returns a tree of partitions, a table with two parents, and two relations with the same name.
    fn family() -> Family {
        let mut family = Family::default();
        for (oid, name) in [
            (1, "public.events"),
            (2, "public.events_2024"),
            (3, "parts.events_2024_05"),
            (4, "public.events_2025"),
            (5, "public.left"),
            (6, "public.right"),
            (7, "public.both"),
            (8, "old.events"),
            (9, "old.events_1999"),
        ] {
            let (schema, name) = name.split_once('.').unwrap();
            family.name(oid, schema, name);
        }
        for (child, parent) in [(2, 1), (3, 2), (4, 1), (7, 5), (7, 6), (9, 8)] {
            family.tie(child, parent);
        }
        family
    }

    fn relation(text: &str) -> Relation {
        let (only, text) = text.strip_prefix("ONLY ").map_or((false, text), |text| (true, text));
        let object = match text.split_once('.') {
            Some((schema, name)) => Object { schema: Some(schema.into()), name: name.into() },
            None => Object { schema: None, name: text.into() },
        };
        Relation { object, access: Access::Read, only }
    }

    fn kin(texts: &[&str]) -> String {
        let relations: Vec<Relation> = texts.iter().map(|text| relation(text)).collect();
        let kin = family().kin(&relations);
        let names: BTreeSet<String> = kin.all().map(ToString::to_string).collect();
        names.into_iter().collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn kin_is_all_above_and_all_below() {
        for (texts, wanted) in [
            (&["public.events"][..], "parts.events_2024_05 public.events_2024 public.events_2025"),
            (&["events"], "old.events_1999 parts.events_2024_05 public.events_2024 public.events_2025"),
            (&["old.events"], "old.events_1999"),
            // Not its siblings.
            (&["public.events_2024"], "parts.events_2024_05 public.events"),
            (&["events_2024_05"], "public.events public.events_2024"),
            (&["both"], "public.left public.right"),
            (&["public.left"], "public.both"),
            (&["ONLY public.events"], ""),
            (&["ONLY events_2024"], "public.events"),
            (
                &["ONLY public.events", "public.events"],
                "parts.events_2024_05 public.events_2024 public.events_2025",
            ),
            (&["left", "right"], "public.both"),
            (&["elsewhere.events", "customers", "public.events_1999"], ""),
        ] {
            assert_eq!(kin(texts), wanted, "{texts:?}");
        }
        // Each relation has its own kin.
        let (left, events) = (relation("left"), relation("old.events"));
        let kin = family().kin([&left, &events]);
        let of = |relation: &Relation| kin.of(&relation.object).map(ToString::to_string).collect::<Vec<_>>();
        assert_eq!((of(&left), of(&events)), (vec!["public.both".into()], vec!["old.events_1999".into()]));
    }

    #[test]
    fn what_refers_to_it_is_emptied_and_what_refers_to_that() {
        let mut family = family();
        // `left` refers to a partition, `both` to `left`, `old.events` to `right`, and the references form a
        // cycle.
        for (from, to) in [(5, 2), (7, 5), (8, 6), (5, 7), (6, 6)] {
            family.refer(from, to);
        }
        for (texts, wanted) in [
            (&["public.events"][..], "public.both public.left"),
            (&["ONLY public.events"], ""),
            (&["events_2024"], "public.both public.left"),
            (&["left"], "public.both public.left"),
            // Its parent refers to it through the parent's other children.
            (&["right"], "old.events old.events_1999 public.both public.left public.right"),
            (&["elsewhere.events", "customers", "public.events_2025"], ""),
        ] {
            let relations: Vec<Relation> = texts.iter().map(|text| relation(text)).collect();
            let found = family.emptied(&relations).unwrap();
            let names: Vec<String> = found.iter().map(ToString::to_string).collect();
            assert_eq!(names.join(" "), wanted, "{texts:?}");
        }
        for oid in 10..11 + u32::try_from(MOST).unwrap() {
            family.name(oid, "public", &format!("r{oid}"));
            family.refer(oid, 4);
        }
        assert_eq!(family.emptied([&relation("events_2025")]), None);
    }

    #[test]
    fn a_circle_and_a_crowd_end() {
        let mut family = family();
        family.tie(1, 3);
        let kin = family.kin([&relation("public.events")]);
        assert_eq!(kin.all().count(), 3, "each once above and below is once in all: {kin:?}");
        for oid in 10..10 + u32::try_from(MOST).unwrap() {
            family.name(oid, "public", &format!("p{oid}"));
            family.tie(oid, 4);
        }
        assert!(family.kin([&relation("events_2025")]).is_untold());
        assert!(!family.kin([&relation("ONLY events_2025")]).is_untold());
    }
}
