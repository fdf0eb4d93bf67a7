//! Combines several required approvals into one that satisfies each of them.

use std::sync::Arc;

use crate::domain::ApprovalSpec;
use crate::domain::GrantScope;

/// The approval that the approve policies seen so far require together.
#[derive(Debug, Clone)]
pub(super) enum Need {
    /// No approval yet.
    Nothing,
    /// This approval.
    Spec(Arc<ApprovalSpec>),
    /// They have no group in common: nobody could satisfy them all.
    Impossible,
}

impl Need {
    /// Adds the requirement of one more policy that holds.
    pub(super) fn and(self, other: &Arc<ApprovalSpec>) -> Self {
        match self {
            Self::Nothing => Self::Spec(Arc::clone(other)),
            Self::Spec(spec) if spec == *other => Self::Spec(spec),
            Self::Spec(spec) => match together(&spec, other) {
                Some(spec) => Self::Spec(Arc::new(spec)),
                None => Self::Impossible,
            },
            Self::Impossible => Self::Impossible,
        }
    }
}

/// Returns the weakest requirement that implies both. A union of the groups would be wrong: with "one of dba"
/// and "one of security", one of dba alone would satisfy "one of dba or security".
fn together(left: &ApprovalSpec, right: &ApprovalSpec) -> Option<ApprovalSpec> {
    let mut from: Vec<String> =
        left.from.iter().filter(|group| right.from.contains(group)).cloned().collect();
    from.sort_unstable();
    from.dedup();
    (!from.is_empty()).then(|| ApprovalSpec {
        from,
        min: left.min.max(right.min),
        timeout_s: left.timeout_s.min(right.timeout_s),
        reason: left.reason || right.reason,
        grant: narrower(left.grant, right.grant),
    })
}

fn narrower(left: GrantScope, right: GrantScope) -> GrantScope {
    match (left, right) {
        (GrantScope::Session, GrantScope::Session) => GrantScope::Session,
        (GrantScope::Window(left), GrantScope::Window(right)) => GrantScope::Window(left.min(right)),
        // A session may outlast a window, and a window a session.
        _ => GrantScope::Once,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::time::Duration;

    fn spec() -> impl Strategy<Value = ApprovalSpec> {
        let from = prop::collection::vec(prop::sample::select(vec!["a", "b", "c"]), 1..4);
        let grant = prop_oneof![
            Just(GrantScope::Once),
            Just(GrantScope::Session),
            (1_u64..9).prop_map(|minutes| GrantScope::Window(Duration::from_secs(minutes * 60))),
        ];
        (from, 1_u32..4, 1_u64..900, any::<bool>(), grant).prop_map(
            |(from, min, timeout_s, reason, grant)| ApprovalSpec {
                from: from.into_iter().map(str::to_owned).collect(),
                min,
                timeout_s,
                reason,
                grant,
            },
        )
    }

    fn join(specs: &[ApprovalSpec]) -> Need {
        specs.iter().fold(Need::Nothing, |need, spec| need.and(&Arc::new(spec.clone())))
    }

    /// Returns whether approvals from members of these groups are sufficient.
    fn satisfied(spec: &ApprovalSpec, approvers: &[&str]) -> bool {
        approvers.iter().filter(|group| spec.from.iter().any(|from| from == *group)).count()
            >= spec.min as usize
    }

    proptest! {
        #[test]
        fn who_satisfies_the_whole_satisfies_each_rule(
            specs in prop::collection::vec(spec(), 1..4),
            approvers in prop::collection::vec(prop::sample::select(vec!["a", "b", "c"]), 0..6),
        ) {
            match join(&specs) {
                Need::Spec(whole) => for spec in &specs {
                    prop_assert!(!satisfied(&whole, &approvers) || satisfied(spec, &approvers));
                    prop_assert!(whole.timeout_s <= spec.timeout_s && whole.reason >= spec.reason);
                    let narrow = match (whole.grant, spec.grant) {
                        (GrantScope::Once, _) => true,
                        (GrantScope::Window(whole), GrantScope::Window(own)) => whole <= own,
                        (whole, own) => whole == own,
                    };
                    prop_assert!(narrow);
                },
                Need::Impossible => prop_assert!(["a", "b", "c"].iter().all(|group| specs.iter().any(|spec| !spec.from.iter().any(|from| from == group)))),
                Need::Nothing => prop_assert!(false),
            }
        }

        #[test]
        fn the_order_of_the_rules_does_not_matter(specs in prop::collection::vec(spec(), 2..4)) {
            let mut back = specs.clone();
            back.reverse();
            match (join(&specs), join(&back)) {
                (Need::Spec(one), Need::Spec(two)) => {
                    let groups = |spec: &ApprovalSpec| spec.from.iter().cloned().collect::<std::collections::BTreeSet<_>>();
                    prop_assert_eq!(groups(&one), groups(&two));
                    prop_assert_eq!((one.min, one.timeout_s, one.reason, one.grant), (two.min, two.timeout_s, two.reason, two.grant));
                }
                (one, two) => prop_assert!(matches!((one, two), (Need::Impossible, Need::Impossible))),
            }
        }
    }

    #[test]
    fn the_approvers_of_one_rule_cannot_satisfy_another() {
        let spec = |from: &[&str], min| ApprovalSpec {
            from: from.iter().map(ToString::to_string).collect(),
            min,
            timeout_s: 600,
            reason: false,
            grant: GrantScope::Session,
        };
        assert!(matches!(join(&[spec(&["dba"], 1), spec(&["security"], 1)]), Need::Impossible));
        let Need::Spec(both) = join(&[spec(&["dba"], 1), spec(&["sre", "dba"], 2)]) else {
            panic!("possible")
        };
        assert_eq!(*both, spec(&["dba"], 2));
    }
}
