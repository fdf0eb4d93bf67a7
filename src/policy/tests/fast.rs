//! What a decision costs.

use std::time::Instant;

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

/// Fifty rules, all of them on the same connection, so that none is skipped at its first condition.
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

/// Run with `cargo test --release policy_decision_speed -- --ignored --nocapture` to see the figures.
#[test]
#[ignore = "a measurement, not a test: it needs a quiet machine and a release build"]
fn policy_decision_speed() {
    let set = fifty();
    let crm = connection("crm", &[("env", "prod")]);
    for (name, groups) in [("5 groups", 5), ("200 groups", 200)] {
        let names: Vec<String> =
            (0..groups).map(|place| format!("0f5c0000-0000-0000-0000-{place:012}")).collect();
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        let who = principal("dev/alice", &names);
        let subject = at(&who, &crm);
        let get = command("GET", "/v1/customers/4711/orders");
        let rounds = 200_000_u32;
        let start = Instant::now();
        for _ in 0..rounds {
            std::hint::black_box(set.decide(std::hint::black_box(&subject), std::hint::black_box(&get)));
        }
        println!("50 rules, {name}: {:?} a decision", start.elapsed() / rounds);
    }
}

#[test]
fn a_decision_over_fifty_rules_is_right() {
    let (who, crm) = (principal("dev/alice", &["group-3"]), connection("crm", &[]));
    let verdict = fifty().decide(&at(&who, &crm), &command("GET", "/v1/customers"));
    assert_eq!(super::ids(&verdict), ["allow03", "last"]);
    assert_eq!(super::ids(&fifty().decide(&at(&who, &crm), &command("GET", "/v1/area7"))), ["deny07"]);
}
