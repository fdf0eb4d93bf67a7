//! All mistakes are reported at once, each with its key and what is accepted.

use std::time::Duration;

use crate::domain::Class;
use crate::domain::Effect;
use crate::domain::GrantScope;
use crate::policy::Matcher;
use crate::policy::PolicyRule;
use crate::policy::PolicySet;
use crate::policy::When;
use crate::policy::tests::everybody;
use crate::policy::tests::groups;
use crate::policy::tests::rule;
use crate::policy::tests::spec;
use crate::policy::tests::table;
use crate::policy::tests::texts;

/// Returns the keys that are refused.
fn keys(rules: Vec<PolicyRule>) -> Vec<String> {
    match PolicySet::compile(rules, 0) {
        Ok(_) => Vec::new(),
        Err(problems) => problems.into_iter().map(|problem| problem.key).collect(),
    }
}

#[test]
fn all_problems_of_all_rules_come_at_once() {
    let bad = PolicyRule {
        unless: Some(Matcher::default()),
        when: Some(When {
            days: texts(&["monday"]),
            hours: "8-19".to_owned(),
            tz: "Mars/Olympus".to_owned(),
        }),
        approval: Some(spec(&["dba"], 1)),
        session_limit: Some(Duration::ZERO),
        message: Some("  ".to_owned()),
        ..rule(
            "bad rule",
            Effect::Allow,
            Matcher {
                groups: texts(&["", " dba"]),
                subjects: texts(&["alice@example.com"]),
                connections: texts(&["CRM", "crm"]),
                tags: table(&[("env", "prod|")]),
                source_ips: texts(&["10.0.0.1/8"]),
                methods: texts(&["GET POST"]),
                paths: texts(&["admin/**", "/ok", "/a//b"]),
                claims: table(&[("a..b", "x")]),
                args: table(&[("order.amount", "> many")]),
                ..Matcher::default()
            },
        )
    };
    let found =
        keys(vec![bad, rule("same", Effect::Deny, everybody()), rule("same", Effect::Deny, everybody())]);
    let expected = [
        "id",
        "unless",
        "approval",
        "limits.session",
        "message",
        "match.connections",
        "match.tags.env",
        "match.subjects",
        "match.groups",
        "match.groups",
        "match.source_ips",
        "match.paths",
        "match.paths",
        "match.claims.a..b",
        "match.args.order.amount",
        "when.days",
        "when.hours",
        "when.tz",
        "id",
    ];
    let mut sorted = (found.clone(), expected.map(str::to_owned).to_vec());
    sorted.1.push("match.methods".to_owned());
    sorted.0.sort();
    sorted.1.sort();
    assert_eq!(sorted.0, sorted.1, "{found:?}");
}

#[test]
fn a_problem_reads_as_a_sentence_with_its_repair() {
    let problems = PolicySet::compile(
        vec![rule("r", Effect::Deny, Matcher { paths: texts(&["admin/**"]), ..Matcher::default() })],
        0,
    );
    let problems = problems.expect_err("no slash");
    assert_eq!(
        problems[0].to_string(),
        r#"policy r: match.paths = "admin/**": a path that does not start with /; write "/admin/**""#
    );
}

#[test]
fn a_rule_for_everybody_or_everything_must_say_so() {
    let reads = Matcher { operations: vec![Class::Read], ..Matcher::default() };
    let here =
        Matcher { connections: texts(&["crm"]), source_ips: texts(&["10.0.0.0/8"]), ..Matcher::default() };
    for (effect, matches, refused) in [
        (Effect::Allow, Matcher::default(), true),
        (Effect::Allow, reads.clone(), true),
        (Effect::Allow, here.clone(), true),
        (Effect::Allow, everybody(), false),
        (Effect::Allow, groups(&["a"]), false),
        (Effect::Allow, Matcher { claims: table(&[("a", "b")]), ..Matcher::default() }, false),
        (Effect::Approve, Matcher::default(), true),
        (Effect::Approve, reads.clone(), true),
        (Effect::Approve, here.clone(), true),
        (Effect::Approve, everybody(), false),
        (Effect::Approve, groups(&["a"]), false),
        (Effect::Deny, Matcher::default(), true),
        (Effect::Deny, here, false),
        (Effect::Deny, everybody(), false),
    ] {
        assert_eq!(
            keys(vec![rule("r", effect, matches.clone())]) == ["match"],
            refused,
            "{effect} {matches}"
        );
    }
}

#[test]
fn an_approval_must_be_possible_and_belongs_to_approve_only() {
    let with = |effect, spec| PolicyRule { approval: spec, ..rule("r", effect, everybody()) };
    let mut at_once = spec(&["dba"], 1);
    at_once.timeout_s = 0;
    let mut no_window = spec(&["dba"], 1);
    no_window.grant = GrantScope::Window(Duration::ZERO);
    for (tested, refused) in [
        (with(Effect::Approve, Some(spec(&["dba"], 1))), vec![]),
        (with(Effect::Approve, None), vec!["approval"]),
        (with(Effect::Allow, Some(spec(&["dba"], 1))), vec!["approval"]),
        (with(Effect::Deny, Some(spec(&["dba"], 1))), vec!["approval"]),
        (with(Effect::Approve, Some(spec(&[], 1))), vec!["approval.from"]),
        (
            with(Effect::Approve, Some(spec(&["*", ""], 0))),
            vec!["approval.from", "approval.from", "approval.min"],
        ),
        (with(Effect::Approve, Some(at_once)), vec!["approval.timeout"]),
        (with(Effect::Approve, Some(no_window)), vec!["approval.grant"]),
    ] {
        assert_eq!(keys(vec![tested.clone()]), refused, "{tested:?}");
    }
}

#[test]
fn an_excuse_that_always_holds_is_refused() {
    let with = |matches, unless| PolicyRule { unless: Some(unless), ..rule("r", Effect::Deny, matches) };
    let narrow = Matcher { methods: texts(&["GET"]), ..groups(&["a"]) };
    for (matches, unless, refused) in [
        (groups(&["a"]), groups(&["a"]), true),
        (groups(&["a"]), groups(&["b", "a"]), true),
        (narrow.clone(), groups(&["a"]), true),
        (groups(&["a"]), narrow, false),
        (groups(&["a", "b"]), groups(&["a"]), false),
        (everybody(), groups(&["a"]), false),
        (everybody(), Matcher::default(), true),
    ] {
        assert_eq!(
            keys(vec![with(matches.clone(), unless.clone())]) == ["unless"],
            refused,
            "{matches} unless {unless}"
        );
    }
}

#[test]
fn a_deny_limits_no_session() {
    let limited =
        |effect| PolicyRule { session_limit: Some(Duration::from_mins(1)), ..rule("r", effect, everybody()) };
    assert_eq!(keys(vec![limited(Effect::Deny)]), ["limits.session"]);
    assert!(keys(vec![limited(Effect::Allow)]).is_empty());
    assert!(keys(vec![limited(Effect::Approve)]).is_empty());
}
