//! Group membership: which of the groups that policies name a principal is in, computed once for all
//! policies.

use std::cmp::Ordering;
use std::collections::BTreeSet;
use std::collections::HashMap;
use std::sync::Arc;

use crate::domain::Groups;
use crate::policy::answer::Answer;
use crate::policy::condition::Condition;
use crate::policy::glob::Glob;

/// Number of names that are looked up once for all policies. The others are looked up one by one.
const PLACES: usize = 256;
/// Up to this many groups, each is looked up among the names; above, both sorted lists are merged.
const FEW: usize = 32;

/// One value of a `groups` condition.
#[derive(Debug, Clone)]
pub(super) struct GroupTest {
    glob: Glob,
    /// Its index among the names, if it is an exact name.
    place: Option<usize>,
}

/// The exact group names in a set of policies.
#[derive(Debug, Clone, Default)]
pub(super) struct GroupNames {
    /// Sorted; at most [`PLACES`].
    names: Vec<Arc<str>>,
    places: HashMap<Arc<str>, usize, ahash::RandomState>,
}

/// One bit per name: whether the principal is in that group.
#[derive(Debug)]
pub(super) struct Membership([u64; PLACES / 64]);

impl GroupTest {
    /// Matches any group that the pattern describes.
    pub(super) fn new(glob: Glob) -> Self {
        Self { glob, place: None }
    }

    /// Returns the pattern.
    pub(super) fn glob(&self) -> &Glob {
        &self.glob
    }
}

impl GroupNames {
    /// Collects the names of all conditions, and stores in each its index.
    pub(super) fn gather<'a>(conditions: impl Iterator<Item = &'a mut Condition>) -> Self {
        let mut tests: Vec<&mut GroupTest> = Vec::new();
        for condition in conditions {
            if let Condition::Groups(own) = condition {
                tests.extend(own);
            }
        }
        let exact: BTreeSet<&str> = tests.iter().filter_map(|test| test.glob.exact()).collect();
        let names: Vec<Arc<str>> = exact.into_iter().take(PLACES).map(Arc::from).collect();
        let places: HashMap<_, _, _> =
            names.iter().enumerate().map(|(place, name)| (Arc::clone(name), place)).collect();
        for test in tests {
            test.place = test.glob.exact().and_then(|name| places.get(name).copied());
        }
        Self { names, places }
    }

    /// Computes which of the names are among `groups`.
    pub(super) fn membership(&self, groups: &BTreeSet<Arc<str>>) -> Membership {
        let mut member = Membership([0; PLACES / 64]);
        if groups.len() <= FEW {
            groups.iter().filter_map(|group| self.places.get(&**group)).for_each(|place| member.add(*place));
            return member;
        }
        let mut names = self.names.iter().enumerate();
        let mut next = names.next();
        for group in groups {
            while let Some((place, name)) = next {
                match name.cmp(group) {
                    Ordering::Less => next = names.next(),
                    Ordering::Equal => {
                        member.add(place);
                        next = names.next();
                    }
                    Ordering::Greater => break,
                }
            }
        }
        member
    }
}

impl Membership {
    fn add(&mut self, place: usize) {
        if let Some(word) = self.0.get_mut(place / 64) {
            *word |= 1 << (place % 64);
        }
    }

    fn has(&self, place: usize) -> bool {
        self.0.get(place / 64).is_some_and(|word| word & (1 << (place % 64)) != 0)
    }
}

/// Returns whether one of the tests matches a group. `member` computes the membership on demand.
pub(super) fn answer<'a>(
    tests: &[GroupTest],
    groups: &Groups,
    member: impl Fn(&BTreeSet<Arc<str>>) -> &'a Membership,
) -> Answer {
    let Groups::Known(groups) = groups else { return Answer::Unsure };
    Answer::of(tests.iter().any(|test| match (test.place, test.glob.exact()) {
        (Some(place), _) => member(groups).has(place),
        (None, Some(name)) => groups.contains(name),
        (None, None) => groups.iter().any(|group| test.glob.matches(group.as_bytes())),
    }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn tests(names: &[String]) -> Vec<GroupTest> {
        names.iter().map(|name| GroupTest::new(Glob::parse(name).expect(name))).collect()
    }

    proptest! {
        #[test]
        fn a_lookup_for_all_rules_finds_what_a_lookup_for_one_finds(
            wanted in prop::collection::vec("[a-d]{1,3}|[a-d]\\*", 1..400),
            groups in prop::collection::btree_set("[a-d]{1,3}", 0..80),
        ) {
            let groups: BTreeSet<Arc<str>> = groups.into_iter().map(Arc::from).collect();
            let mut conditions: Vec<Condition> = wanted.chunks(3).map(|names| Condition::Groups(tests(names))).collect();
            let names = GroupNames::gather(conditions.iter_mut());
            prop_assert!(names.names.len() <= PLACES);
            let member = names.membership(&groups);
            for (condition, wanted) in conditions.iter().zip(wanted.chunks(3)) {
                let Condition::Groups(placed) = condition else { continue };
                let known = Groups::Known(groups.clone());
                let plain = tests(wanted);
                prop_assert_eq!(answer(placed, &known, |_| &member), answer(&plain, &known, |_| &member), "{:?}", wanted);
                prop_assert_eq!(answer(placed, &Groups::Unknown, |_| &member), Answer::Unsure);
            }
        }
    }
}
