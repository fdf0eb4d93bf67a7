//! Properties of every policy set.

use proptest::prelude::*;

use crate::domain::Class;
use crate::domain::Command;
use crate::domain::Effect;
use crate::domain::Groups;
use crate::domain::Principal;
use crate::domain::command::Args;
use crate::domain::command::Words;
use crate::domain::form::Form;
use crate::domain::json::Json;
use crate::policy::Matcher;
use crate::policy::PolicyRule;
use crate::policy::PolicySet;
use crate::policy::RuleOutcome;
use crate::policy::tests::at;
use crate::policy::tests::command;
use crate::policy::tests::connection;
use crate::policy::tests::groups;
use crate::policy::tests::principal;
use crate::policy::tests::rule;
use crate::policy::tests::spec;
use crate::policy::tests::table;
use crate::policy::tests::texts;

fn some(words: &'static [&'static str]) -> impl Strategy<Value = Vec<String>> {
    prop_oneof![
        Just(Vec::new()),
        prop::collection::vec(prop::sample::select(words), 1..3).prop_map(|words| texts(&words))
    ]
}

fn matcher() -> impl Strategy<Value = Matcher> {
    let who = (
        some(&["a", "b", "c*"]),
        some(&["dev/*", "dev/x", "*"]),
        prop::option::weighted(0.2, prop::sample::select(vec!["8", "!= *", "> 5"])),
    );
    let what = (
        prop_oneof![2 => Just(Vec::new()), 1 => prop::collection::vec(prop::sample::select(&Class::ALL[..]), 1..3)],
        some(&["GET", "POST"]),
        some(&["/a", "/a/**", "/*/b", "/**"]),
        prop::option::weighted(0.3, prop::sample::select(vec!["8", "> 5", "!= 8", "*"])),
    );
    (who, what).prop_map(|((groups, subjects, claim), (operations, methods, paths, arg))| Matcher {
        groups,
        subjects,
        claims: claim.map(|value| table(&[("level", value)])).unwrap_or_default(),
        operations,
        methods,
        paths,
        args: arg.map(|value| table(&[("n", value)])).unwrap_or_default(),
        ..Matcher::default()
    })
}

fn policy() -> impl Strategy<Value = PolicyRule> {
    let effect = prop::sample::select(vec![Effect::Allow, Effect::Approve, Effect::Deny]);
    let from = prop::sample::select(vec![&["dba"][..], &["sre"], &["dba", "sre"]]);
    (effect, matcher(), prop::option::weighted(0.3, matcher()), from).prop_map(
        |(effect, matches, unless, from)| PolicyRule {
            unless,
            approval: (effect == Effect::Approve).then(|| spec(from, 1)),
            ..rule("r", effect, matches)
        },
    )
}

/// Returns the generated policies that compile, each with an id of its own.
fn policies() -> impl Strategy<Value = Vec<PolicyRule>> {
    prop::collection::vec(policy(), 0..7).prop_map(|policies| {
        let sound = policies.into_iter().filter(|policy| PolicySet::compile(vec![policy.clone()], 0).is_ok());
        sound.enumerate().map(|(place, policy)| PolicyRule { id: format!("r{place}"), ..policy }).collect()
    })
}

fn asks() -> impl Strategy<Value = (Principal, Command)> {
    let groups = prop_oneof![
        Just(Groups::Unknown),
        prop::collection::vec(prop::sample::select(vec!["a", "b", "cc"]), 0..3)
            .prop_map(|names| names.into_iter().collect()),
    ];
    let claims = prop::sample::select(vec!["{}", r#"{"level":8}"#, r#"{"level":"x"}"#]);
    let method = prop::sample::select(vec!["GET", "POST", "DDL", "ADMIN", "BREW"]);
    let path =
        prop::sample::select(vec!["/", "/a", "/a/", "/a/b", "/c/b", "/a;x", "/x%2fa", "/A/b.", "/C/B"]);
    let args = prop_oneof![
        Just(Args::Absent),
        Just(Args::NotRead),
        Just(Args::Unreadable),
        prop::sample::select(vec![
            "{}",
            r#"{"n":8}"#,
            r#"{"n":[1,8]}"#,
            r#"{"N":8}"#,
            r#"{"n":"8"}"#,
            r#"{"n":[]}"#,
            "[]"
        ])
        .prop_map(|text| Args::Read(Json::parse(text.as_bytes(), 8).expect(text))),
        prop::sample::select(vec!["n=8", "n=8&n[]=1", "x=1;n=8", "m=1", "n={}"])
            .prop_map(|text| Args::Form(Form::read(text.as_bytes()).expect(text))),
    ];
    (groups, claims, method, path, args).prop_map(|(groups, claims, method, path, args)| {
        let claims = Json::parse(claims.as_bytes(), 8).expect(claims);
        (Principal { groups, claims, ..principal("dev/x", &[]) }, command(method, path).with_args(args))
    })
}

fn effect(rules: Vec<PolicyRule>, who: &Principal, what: &Command) -> Effect {
    let set = PolicySet::compile(rules, 1).expect("sound rules");
    set.decide(&at(who, &connection("crm", &[])), what).effect
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, ..ProptestConfig::default() })]

    #[test]
    fn the_order_of_the_rules_never_matters(rules in policies().prop_shuffle(), ask in asks()) {
        let mut sorted = rules.clone();
        sorted.sort_by(|left, right| left.id.cmp(&right.id));
        let crm = connection("crm", &[]);
        let verdict = |rules| PolicySet::compile(rules, 1).expect("sound").decide(&at(&ask.0, &crm), &ask.1);
        prop_assert_eq!(verdict(rules), verdict(sorted));
    }

    #[test]
    fn one_more_deny_never_widens(rules in policies(), deny in policy(), ask in asks()) {
        let deny = PolicyRule { id: "more".to_owned(), effect: Effect::Deny, approval: None, ..deny };
        prop_assume!(PolicySet::compile(vec![deny.clone()], 0).is_ok());
        let before = effect(rules.clone(), &ask.0, &ask.1);
        let after = effect([rules, vec![deny]].concat(), &ask.0, &ask.1);
        prop_assert!(after >= before);
    }

    #[test]
    fn one_allow_less_never_widens(rules in policies(), ask in asks()) {
        let before = effect(rules.clone(), &ask.0, &ask.1);
        for place in (0..rules.len()).filter(|place| rules[*place].effect == Effect::Allow) {
            let mut fewer = rules.clone();
            fewer.remove(place);
            prop_assert!(effect(fewer, &ask.0, &ask.1) >= before);
        }
    }

    #[test]
    fn one_more_approve_never_turns_a_hold_into_a_pass(rules in policies(), approve in policy(), ask in asks()) {
        let approve = PolicyRule { id: "more".to_owned(), effect: Effect::Approve, approval: Some(spec(&["dba"], 1)), ..approve };
        prop_assume!(PolicySet::compile(vec![approve.clone()], 0).is_ok());
        let before = effect(rules.clone(), &ask.0, &ask.1);
        let after = effect([rules, vec![approve]].concat(), &ask.0, &ask.1);
        prop_assert!(after != Effect::Allow || before == Effect::Allow);
    }

    #[test]
    fn to_know_less_never_widens(rules in policies(), ask in asks()) {
        let (who, what) = ask;
        let knowing = effect(rules.clone(), &who, &what);
        let unread = what.clone().with_args(Args::Unreadable);
        let overage = Principal { groups: Groups::Unknown, ..who.clone() };
        // If nothing would be allowed, an approve may still hold because of something unknown.
        for less in [effect(rules.clone(), &who, &unread), effect(rules.clone(), &overage, &what), effect(rules, &overage, &unread)] {
            prop_assert!(less != Effect::Allow || knowing == Effect::Allow);
        }
    }

    #[test]
    fn a_parameter_of_the_query_never_widens(rules in policies(), ask in asks(), query in prop::sample::select(vec!["n=8", "n=1", "N[]=8", "m=8"])) {
        let (who, what) = ask;
        let mut asked = what.clone();
        if let Words::Http(http) = &mut asked.words {
            http.query = query.into();
        }
        let without = effect(rules.clone(), &who, &what);
        prop_assert!(effect(rules, &who, &asked) != Effect::Allow || without == Effect::Allow);
    }

    #[test]
    fn what_passes_is_open_and_what_does_not_want_the_body_does_not_need_it(rules in policies(), ask in asks()) {
        let set = PolicySet::compile(rules, 1).expect("sound");
        let crm = connection("crm", &[]);
        let subject = at(&ask.0, &crm);
        let verdict = set.decide(&subject, &ask.1);
        prop_assert!(verdict.effect == Effect::Deny || set.opens(&subject));
        if !set.wants_args(&subject, &ask.1) {
            let other = set.decide(&subject, &ask.1.clone().with_args(Args::Absent));
            prop_assert_eq!(other.effect, verdict.effect);
        }
    }

    #[test]
    fn an_explanation_says_what_the_decision_did(rules in policies(), ask in asks()) {
        let set = PolicySet::compile(rules, 1).expect("sound");
        let crm = connection("crm", &[]);
        let explanation = set.explain(&at(&ask.0, &crm), &ask.1);
        let held: Vec<_> = explanation.rules.iter().filter_map(|rule| match &rule.outcome {
            RuleOutcome::Held { only_holds_back, .. } => Some((rule.effect, *only_holds_back)),
            RuleOutcome::Failed { .. } => None,
        }).collect();
        let has = |effect: Effect| held.iter().any(|(held, _)| *held == effect);
        let grants = held.iter().any(|(effect, holds_back)| *effect == Effect::Allow || (*effect == Effect::Approve && !holds_back));
        let strictest = if has(Effect::Deny) || !grants { Effect::Deny } else if has(Effect::Approve) { Effect::Approve } else { Effect::Allow };
        let impossible = strictest == Effect::Approve && explanation.verdict.message.as_deref().is_some_and(|message| message.contains("common"));
        prop_assert_eq!(explanation.verdict.effect, if impossible { Effect::Deny } else { strictest });
        prop_assert!(explanation.verdict.rules.iter().all(|id| explanation.held().any(|held| held == &**id)));
    }
}

#[test]
fn the_generated_rules_reach_every_verdict() {
    use proptest::strategy::ValueTree;
    use proptest::test_runner::TestRunner;
    let mut runner = TestRunner::deterministic();
    let mut seen = std::collections::BTreeMap::new();
    for _ in 0..2000 {
        let rules = policies().new_tree(&mut runner).expect("rules").current();
        let (who, what) = asks().new_tree(&mut runner).expect("ask").current();
        *seen.entry(effect(rules, &who, &what)).or_insert(0) += 1;
    }
    assert!(
        [Effect::Allow, Effect::Approve, Effect::Deny].iter().all(|effect| seen.get(effect) > Some(&50)),
        "{seen:?}"
    );
    assert!(groups(&["a"]).says_who());
}
