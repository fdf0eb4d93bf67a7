//! The cost of a decision.

use crate::domain::Effect;
use crate::policy::Matcher;
use crate::policy::PolicySet;
use crate::policy::tests::at;
use crate::policy::tests::command;
use crate::policy::tests::connection;
use crate::policy::tests::everybody;
use crate::policy::tests::groups;
use crate::policy::tests::principal;
use crate::policy::tests::rule;
use crate::policy::tests::set;
use crate::policy::tests::table;
use crate::policy::tests::texts;

/// Returns fifty policies on the same connection, so that none is skipped at its first condition.
fn fifty() -> PolicySet {
    let mut rules = Vec::new();
    for place in 0..20 {
        let paths = texts(&[&format!("/v1/area{place}/**"), &format!("/v2/*/area{place}/x")]);
        rules.push(rule(
            &format!("deny{place:02}"),
            Effect::Deny,
            Matcher { paths, connections: texts(&["crm"]), ..Matcher::default() },
        ));
    }
    for place in 0..10 {
        let args = table(&[("order.amount", "> 1000")]);
        rules.push(rule(
            &format!("approve{place:02}"),
            Effect::Approve,
            Matcher { args, methods: texts(&["POST"]), ..groups(&[&format!("team{place}")]) },
        ));
    }
    for place in 0..19 {
        let names = texts(&[&format!("group-{place}"), &format!("other-{place}")]);
        rules.push(rule(
            &format!("allow{place:02}"),
            Effect::Allow,
            Matcher { groups: names, connections: texts(&["c*"]), ..Matcher::default() },
        ));
    }
    rules.push(rule("last", Effect::Allow, everybody()));
    set(rules)
}

#[test]
fn a_decision_over_fifty_rules_is_right() {
    let (who, crm) = (principal("dev/alice", &["group-3"]), connection("crm", &[]));
    let verdict = fifty().decide(&at(&who, &crm), &command("GET", "/v1/customers"));
    assert_eq!(super::ids(&verdict), ["allow03", "last"]);
    assert_eq!(super::ids(&fifty().decide(&at(&who, &crm), &command("GET", "/v1/area7"))), ["deny07"]);
}
