//! Verdicts on partly known commands: a returned verdict equals the one with full knowledge.

use proptest::prelude::*;

use super::*;
use crate::domain::McpCommand;
use crate::policy::Unknown;

const ARGS: Unknown = Unknown { args: true, claims: false };
const CLAIMS: Unknown = Unknown { args: false, claims: true };

fn by_args(groups_of: &[&str], tier: &str) -> Matcher {
    Matcher { args: table(&[("tier", tier)]), ..groups(groups_of) }
}

fn by_claims(groups_of: &[&str], dept: &str) -> Matcher {
    Matcher { claims: table(&[("dept", dept)]), ..groups(groups_of) }
}

fn settled(rules: Vec<PolicyRule>, unknown: Unknown, command: &Command) -> Result<Effect, String> {
    let (principal, connection) = (principal("dev/a", &["ops"]), connection("crm", &[]));
    let subject = Subject {
        principal: &principal,
        connection: &connection,
        source: "127.0.0.1".parse().unwrap(),
        now_ms: NOW,
    };
    let found = set(rules).settled(&subject, command, unknown);
    found.map(|verdict| verdict.effect).map_err(|unsettled| format!("{} {}", unsettled.rule, unsettled.key))
}

#[test]
fn only_what_may_change_the_verdict_unsettles_it() {
    use Effect::{Allow, Approve, Deny};
    let post = command("POST", "/x").with_args(Args::NotRead);
    let all = || rule("all", Allow, groups(&["ops"]));
    let limited = || PolicyRule {
        session_limit: Some(std::time::Duration::from_mins(1)),
        ..rule("a", Allow, by_args(&["ops"], "gold"))
    };
    for (rules, unknown, expected) in [
        (vec![all()], ARGS, Ok(Allow)),
        (vec![rule("a", Allow, by_args(&["ops"], "gold"))], ARGS, Err("a args")),
        (vec![rule("a", Allow, by_claims(&["ops"], "x"))], CLAIMS, Err("a claims")),
        // The value is known, so it does not matter that a policy tests it.
        (vec![rule("a", Allow, by_args(&["ops"], "gold"))], CLAIMS, Ok(Deny)),
        // Another policy lets it pass anyway, or it is about other callers.
        (vec![all(), rule("a", Allow, by_args(&["ops"], "gold"))], ARGS, Ok(Allow)),
        // But the session limit depends on it.
        (vec![all(), limited()], ARGS, Err("a args")),
        (vec![all(), limited()], CLAIMS, Ok(Allow)),
        (vec![all(), rule("a", Deny, by_args(&["dev"], "gold"))], ARGS, Ok(Allow)),
        (vec![all(), rule("a", Deny, by_args(&["ops"], "gold"))], ARGS, Err("a args")),
        (vec![all(), rule("a", Approve, by_args(&["ops"], "gold"))], ARGS, Err("a args")),
        (vec![all(), rule("a", Deny, by_claims(&["ops"], "x"))], CLAIMS, Err("a claims")),
        // It is denied anyway.
        (
            vec![all(), rule("a", Deny, by_args(&["ops"], "gold")), rule("b", Deny, groups(&["ops"]))],
            ARGS,
            Ok(Deny),
        ),
        // It is held anyway.
        (
            vec![rule("a", Allow, by_args(&["ops"], "gold")), rule("b", Approve, groups(&["ops"]))],
            ARGS,
            Ok(Approve),
        ),
        (
            vec![
                all(),
                PolicyRule { unless: Some(by_args(&[], "gold")), ..rule("a", Deny, groups(&["ops"])) },
            ],
            ARGS,
            Err("a args"),
        ),
    ] {
        let shown = format!("{rules:?}");
        assert_eq!(settled(rules, unknown, &post), expected.map_err(str::to_owned), "{shown}");
    }
}

#[test]
fn what_needs_no_policy_hangs_on_who_the_connection_is_open_to() {
    let list = McpCommand::new("tools/list").into_command(Class::Read);
    let principal = principal("dev/a", &["ops"]);
    let connection = Connection { protocol: Protocol::Mcp, ..connection("crm", &[]) };
    let subject = Subject {
        principal: &principal,
        connection: &connection,
        source: "127.0.0.1".parse().unwrap(),
        now_ms: NOW,
    };
    let of = |rules| set(rules).settled(&subject, &list, CLAIMS).map(|verdict| verdict.effect).ok();
    let tool = |matcher| Matcher { tools: texts(&["x"]), ..matcher };
    assert_eq!(of(vec![rule("a", Effect::Allow, tool(groups(&["ops"])))]), Some(Effect::Allow));
    assert_eq!(of(vec![rule("a", Effect::Allow, tool(by_claims(&["ops"], "x")))]), None);
    assert_eq!(
        of(vec![
            rule("a", Effect::Allow, tool(groups(&["ops"]))),
            // It is about a tool, and so does not stop the list.
            rule("b", Effect::Deny, tool(by_claims(&["ops"], "x"))),
        ]),
        Some(Effect::Allow)
    );
    assert_eq!(
        of(vec![
            rule("a", Effect::Allow, tool(groups(&["ops"]))),
            rule("b", Effect::Deny, by_claims(&["ops"], "x")),
        ]),
        None
    );
}

/// Effect, callers, whether it is in `unless`, and its conditions on arguments and claims.
type Parts = (u8, u8, bool, Option<bool>, Option<bool>);

fn a_rule() -> impl Strategy<Value = Parts> {
    (0..3u8, 0..3u8, any::<bool>(), any::<Option<bool>>(), any::<Option<bool>>())
}

proptest! {
    /// Whatever is unknown: a returned verdict is the one with full knowledge.
    #[test]
    fn a_settled_verdict_is_the_true_one(
        parts in proptest::collection::vec(a_rule(), 1..6),
        gold in any::<bool>(),
        there in any::<bool>(),
    ) {
        let written = |(place, (effect, who, excuses, args, claims)): (usize, &Parts)| {
            let effect = [Effect::Allow, Effect::Approve, Effect::Deny][usize::from(*effect)];
            let mut matches = groups(&[["ops", "dev", "*"][usize::from(*who)]]);
            let mut asked = Matcher::default();
            if let Some(gold) = args {
                asked.args = table(&[("tier", if *gold { "gold" } else { "!= gold" })]);
            }
            if let Some(there) = claims {
                asked.claims = table(&[("dept", if *there { "x" } else { "!= *" })]);
            }
            let mut unless = None;
            if *excuses && !asked.is_empty() {
                unless = Some(asked);
            } else {
                matches.args = asked.args;
                matches.claims = asked.claims;
            }
            PolicyRule { unless, ..rule(&format!("r{place}"), effect, matches) }
        };
        let rules = set(parts.iter().enumerate().map(written).collect());
        let connection = connection("crm", &[]);
        let mut known = principal("dev/a", &["ops"]);
        let told = if there { r#"{"dept":"x"}"# } else { "{}" };
        known.claims = Json::parse(told.as_bytes(), 8).unwrap();
        let recorded = principal("dev/a", &["ops"]);
        let source = "127.0.0.1".parse().unwrap();
        let subject = |principal| Subject { principal, connection: &connection, source, now_ms: NOW };
        let post = command("POST", "/x");
        let truth = rules.decide(&subject(&known), &with_body(post.clone(), if gold { r#"{"tier":"gold"}"# } else { r#"{"tier":"tin"}"# }));
        let unknown = Unknown { args: true, claims: true };
        if let Ok(verdict) = rules.settled(&subject(&recorded), &post.with_args(Args::NotRead), unknown) {
            prop_assert_eq!(verdict.effect, truth.effect);
        }
    }
}
