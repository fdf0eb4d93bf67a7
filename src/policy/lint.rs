//! Lint: valid policies that look like a mistake, judged by the set alone: too wide, never decisive, or a
//! weaker guard than it seems.
//!
//! Everything is derived from the written policies, and only certain findings are reported. It is not known
//! which of two globs is wider, so only equal texts, `*` alone, and a literal matched by a glob count.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::domain::Class;
use crate::domain::Effect;
use crate::policy::glob::Glob;
use crate::policy::rule::Matcher;
use crate::policy::rule::PolicyRule;

/// Severity of a finding.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Weight {
    /// It should be changed, or be intended.
    Warning,
    /// It is often intended, and worth knowing.
    Note,
}

/// One finding.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// Short code for its kind.
    pub code: &'static str,
    /// Severity.
    pub weight: Weight,
    /// The policy, or another entity, that it is about.
    pub rule: String,
    /// Where that is defined.
    pub place: String,
    /// The finding. May contain names from the policies: not escaped.
    pub found: String,
    /// What to do about it.
    pub fix: String,
}

/// The conditions that say who.
const WHO: [&str; 5] = ["groups", "subjects", "clients", "issuers", "kinds"];
/// The conditions on names in a SQL text: an allow requires all of them to match, a deny or approve some.
const SQL: [&str; 7] = ["tables", "columns", "columns_not", "functions", "verbs", "settings", "all_rows"];

impl Finding {
    fn of(rule: &PolicyRule, code: &'static str, found: String, fix: impl Into<String>) -> Self {
        Self {
            code,
            weight: Weight::Warning,
            rule: rule.id.clone(),
            place: rule.origin.to_string(),
            found,
            fix: fix.into(),
        }
    }
}

/// Lints policies. The findings are in the order of the policies' ids.
pub fn lint(rules: &[PolicyRule]) -> Vec<Finding> {
    let mut rules: Vec<&PolicyRule> = rules.iter().collect();
    rules.sort_by(|left, right| left.id.cmp(&right.id));
    let mut findings = Vec::new();
    for rule in &rules {
        if rule.effect == Effect::Allow {
            findings.extend(for_everybody(rule));
            findings.extend(for_every_connection(rule));
        }
        findings.extend(stops_all_but(rule));
        findings.extend(never_decides(rule, &rules));
        if rule.effect == Effect::Approve {
            findings.extend(own_approvers(rule));
            findings.extend(stands_beside(rule, &rules));
        }
    }
    findings
}

fn for_everybody(rule: &PolicyRule) -> Option<Finding> {
    let said = rule.matches.written();
    let mut who = said.iter().filter(|(key, _)| WHO.contains(&key.as_str()) || key.starts_with("claims."));
    // All kinds of callers together are everybody.
    let any = |(key, values): &(String, Vec<String>)| {
        // A claim of any value must still be present.
        (WHO.contains(&key.as_str()) && values.iter().any(|value| value == "*"))
            || (key == "kinds" && values.len() >= 3)
    };
    who.all(any).then(|| {
        let fix = "name groups, clients or subjects; if everybody with a valid token is meant, say what they may do: operations, paths, tools or tables";
        Finding::of(rule, "allow-everybody", "it lets everybody with a valid token pass".to_owned(), fix)
    })
}

fn for_every_connection(rule: &PolicyRule) -> Option<Finding> {
    let Matcher { connections, tags, protocols, .. } = &rule.matches;
    let everywhere = connections.is_empty() || connections.iter().any(|glob| glob == "*");
    (everywhere && tags.is_empty() && protocols.is_empty()).then(|| {
        let found = "it holds on every connection, those that are added later too".to_owned();
        Finding::of(rule, "allow-every-connection", found, "name connections, or tags that they have")
    })
}

fn stops_all_but(rule: &PolicyRule) -> Option<Finding> {
    let turned = rule.effect == Effect::Deny && rule.matches.all_rows == Some(false);
    turned.then(|| {
        let found = "it stops every SQL text but those that change all rows, reads too".to_owned();
        Finding::of(rule, "deny-some-rows", found, "all_rows = true stops changes of all rows")
    })
}

fn never_decides(rule: &PolicyRule, rules: &[&PolicyRule]) -> Option<Finding> {
    let others = || rules.iter().filter(|other| other.id != rule.id);
    if rule.effect != Effect::Deny
        && let Some(deny) = others().find(|other| other.effect == Effect::Deny && covers(other, rule))
    {
        let found = format!("deny {} stops all that it is for, so it never decides", deny.id);
        return Some(Finding::of(
            rule,
            "shadowed",
            found,
            format!("remove it, or give {} an unless", deny.id),
        ));
    }
    let same = |other: &&&PolicyRule| {
        other.effect == rule.effect
            && other.approval == rule.approval
            && other.session_limit == rule.session_limit
            // The message for those whom it stops is part of a policy.
            && (rule.effect == Effect::Allow || other.message == rule.message)
            && covers(other, rule)
            // Of two equal policies the later one is reported.
            && (!covers(rule, other) || other.id < rule.id)
    };
    let wide = others().find(same)?;
    let equal = if covers(rule, wide) { "says the same" } else { "covers all that it is for" };
    let found = format!("{} {} {equal}, so it adds nothing", wide.effect, wide.id);
    Some(Finding::of(rule, "redundant", found, format!("remove one of the two; {} is the wider", wide.id)))
}

fn own_approvers(rule: &PolicyRule) -> Option<Finding> {
    let spec = rule.approval.as_ref()?;
    let both: Vec<&str> =
        spec.from.iter().filter(|group| rule.matches.groups.contains(group)).map(String::as_str).collect();
    if both.is_empty() {
        return None;
    }
    let both = both.join(", ");
    let found = format!(
        "those who ask are in {both}, which approves: nobody approves a command of their own, so another member must"
    );
    Some(Finding::of(rule, "approver-asks", found, "name approvers in another group, if there are any"))
}

fn stands_beside(rule: &PolicyRule, rules: &[&PolicyRule]) -> Option<Finding> {
    let wide = rules.iter().find(|other| other.effect == Effect::Allow && covers(other, rule))?;
    let found =
        format!("allow {} covers the same: without this approve it would let all of it pass", wide.id);
    let fix = format!("narrow {}, or keep both: the approve wins as long as it is there", wide.id);
    Some(Finding { weight: Weight::Note, ..Finding::of(rule, "held-back-only", found, fix) })
}

/// Returns whether `wide` certainly holds wherever `narrow` does.
fn covers(wide: &PolicyRule, narrow: &PolicyRule) -> bool {
    if wide.when.is_some() && wide.when != narrow.when {
        return false;
    }
    if wide.unless.is_some() && wide.unless != narrow.unless {
        return false;
    }
    let own: BTreeMap<String, Vec<String>> = narrow.matches.written().into_iter().collect();
    let conditions = wide.matches.written().into_iter().all(|(key, values)| {
        // One of them tests all names in a text, the other some. But a change of all rows to an allow is one
        // to all other policies too.
        let alike = wide.effect == narrow.effect || (key == "all_rows" && wide.effect != Effect::Allow);
        if SQL.contains(&key.as_str()) && !alike {
            return false;
        }
        if key == "columns_not" {
            return own.get(&key) == Some(&values);
        }
        own.get(&key).is_some_and(|narrow| narrow.iter().all(|value| among(value, &values)))
    });
    conditions && covers_classes(wide, narrow)
}

/// Returns whether the classes of `narrow` are among those that `wide` covers implicitly, beyond the values
/// that both list, which are compared like all others.
fn covers_classes(wide: &PolicyRule, narrow: &PolicyRule) -> bool {
    let (wide, narrow, denies) = (&wide.matches, &narrow.matches, wide.effect == Effect::Deny);
    if denies || wide.operations.contains(&Class::Unknown) {
        return true;
    }
    // A policy that names a function covers it although its class is unknown, so the wide one must name it
    // too. Without `operations` the same is true of a tool and a method.
    if !narrow.functions.is_empty() && wide.functions.is_empty() {
        return false;
    }
    let names = |matcher: &Matcher| [&matcher.tools, &matcher.methods].map(|values| !values.is_empty());
    !wide.operations.is_empty()
        || (!narrow.operations.contains(&Class::Unknown)
            && names(narrow).iter().zip(names(wide)).all(|(narrow, wide)| !narrow || wide))
}

/// Returns whether a value, which may be a glob, is certainly covered by one of `globs`.
fn among(value: &str, globs: &[String]) -> bool {
    globs.iter().any(|glob| {
        let literal = || !value.contains(['*', '|', '/', '<', '>', '=', '!']);
        glob == value
            || (glob == "*" && !value.starts_with('!'))
            || (glob == "/**" && value.starts_with('/'))
            || (literal() && Glob::parse(glob).is_ok_and(|glob| glob.matches(value.as_bytes())))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::ApprovalSpec;
    use crate::domain::GrantScope;

    fn rule(id: &str, effect: Effect, matches: Matcher) -> PolicyRule {
        let from = vec!["dba".to_owned(), "sre".to_owned()];
        let spec = ApprovalSpec { from, min: 1, timeout_s: 60, reason: false, grant: GrantScope::Once };
        PolicyRule {
            approval: (effect == Effect::Approve).then_some(spec),
            ..PolicyRule::bare(id, effect, matches)
        }
    }

    fn texts(values: &[&str]) -> Vec<String> {
        values.iter().map(ToString::to_string).collect()
    }

    fn crm(groups: &[&str]) -> Matcher {
        Matcher { groups: texts(groups), connections: texts(&["crm"]), ..Matcher::default() }
    }

    fn reads(groups: &[&str]) -> Matcher {
        Matcher { operations: vec![Class::Read], ..crm(groups) }
    }

    fn codes(rules: &[PolicyRule]) -> Vec<(String, &'static str)> {
        lint(rules).into_iter().map(|finding| (finding.rule, finding.code)).collect()
    }

    #[test]
    fn each_finding_is_told_where_it_is_and_nowhere_else() {
        use Effect::{Allow, Approve, Deny};
        let tool = |names: &[&str]| Matcher { tools: texts(names), ..crm(&["ops"]) };
        let tables = |names: &[&str]| Matcher { tables: texts(names), ..crm(&["ops"]) };
        let narrow = rule("b", Allow, reads(&["ops"]));
        let told = PolicyRule { message: Some("ask x".to_owned()), ..rule("b", Deny, reads(&["ops"])) };
        let excused = PolicyRule {
            unless: Some(Matcher { kinds: vec![crate::domain::Kind::Human], ..Matcher::default() }),
            ..rule("a", Deny, crm(&["ops"]))
        };
        let at_night =
            PolicyRule { when: Some(crate::policy::When::default()), ..rule("a", Allow, crm(&["ops"])) };
        let everybody =
            Matcher { subjects: texts(&["*"]), connections: texts(&["crm"]), ..Matcher::default() };
        for (rules, expected) in [
            (vec![rule("a", Allow, crm(&["ops"]))], &[][..]),
            (vec![rule("a", Allow, everybody.clone())], &[("a", "allow-everybody")]),
            (vec![rule("a", Allow, crm(&["*"]))], &[("a", "allow-everybody")]),
            (vec![rule("a", Deny, everybody)], &[]),
            (
                vec![rule(
                    "a",
                    Allow,
                    Matcher { claims: [("dept".to_owned(), "*".to_owned())].into(), ..crm(&["*"]) },
                )],
                &[],
            ),
            (
                vec![rule("a", Allow, Matcher { connections: vec![], ..crm(&["ops"]) })],
                &[("a", "allow-every-connection")],
            ),
            (
                vec![rule("a", Allow, Matcher { connections: texts(&["*"]), ..crm(&["ops"]) })],
                &[("a", "allow-every-connection")],
            ),
            (
                vec![rule(
                    "a",
                    Allow,
                    Matcher {
                        connections: vec![],
                        tags: [("env".to_owned(), "dev".to_owned())].into(),
                        ..crm(&["ops"])
                    },
                )],
                &[],
            ),
            // Shadowed by a deny: of the same, of everybody, of every tool; not by one with an exception.
            (vec![rule("a", Deny, crm(&["ops"])), narrow.clone()], &[("b", "shadowed")]),
            (vec![rule("a", Deny, crm(&["*"])), narrow.clone()], &[("b", "shadowed")]),
            (vec![rule("a", Deny, reads(&["ops"])), rule("b", Allow, crm(&["ops"]))], &[]),
            (vec![excused, narrow.clone()], &[]),
            (
                vec![rule("a", Deny, tool(&["get_*"])), rule("b", Allow, tool(&["get_x"]))],
                &[("b", "shadowed")],
            ),
            (vec![rule("a", Deny, tool(&["get_*"])), rule("b", Allow, tool(&["get_x", "put"]))], &[]),
            (vec![rule("a", Deny, tables(&["a", "b"])), rule("b", Allow, tables(&["a"]))], &[]),
            // The same as another, or narrower.
            (vec![rule("a", Allow, crm(&["ops", "dev"])), narrow.clone()], &[("b", "redundant")]),
            (vec![narrow.clone(), rule("c", Allow, reads(&["ops"]))], &[("c", "redundant")]),
            (vec![rule("a", Allow, crm(&["ops"])), rule("b", Allow, tool(&["x"]))], &[]),
            (vec![at_night, narrow.clone()], &[]),
            (
                vec![
                    rule("a", Allow, crm(&["ops"])),
                    rule("b", Allow, Matcher { operations: vec![Class::Unknown], ..crm(&["ops"]) }),
                ],
                &[],
            ),
            (vec![rule("a", Deny, crm(&["ops"])), rule("b", Deny, reads(&["ops"]))], &[("b", "redundant")]),
            (vec![rule("a", Deny, crm(&["ops"])), told], &[]),
            // Approvers.
            (vec![rule("a", Approve, crm(&["ops", "dba"]))], &[("a", "approver-asks")]),
            (
                vec![rule("a", Approve, reads(&["ops"])), rule("b", Allow, crm(&["ops"]))],
                &[("a", "held-back-only")],
            ),
            (vec![rule("a", Approve, crm(&["ops"])), rule("b", Allow, reads(&["ops"]))], &[]),
        ] {
            let expected: Vec<(String, &str)> =
                expected.iter().map(|(rule, code)| ((*rule).to_owned(), *code)).collect();
            let shown: Vec<String> =
                rules.iter().map(|rule| format!("{} {}", rule.effect, rule.matches)).collect();
            assert_eq!(codes(&rules), expected, "{shown:?}");
        }
    }

    #[test]
    fn what_lets_a_function_be_called_is_covered_by_what_lets_it_be_called() {
        use Effect::{Allow, Approve, Deny};
        let calls = |operations: &[Class]| Matcher {
            operations: operations.to_vec(),
            functions: texts(&["public.refund"]),
            ..crm(&["ops"])
        };
        for (rules, expected) in [
            (vec![rule("a", Allow, reads(&["ops"])), rule("b", Allow, calls(&[Class::Read]))], None),
            (vec![rule("a", Allow, reads(&["ops"])), rule("b", Approve, calls(&[Class::Read]))], None),
            (vec![rule("a", Approve, reads(&["ops"])), rule("b", Approve, calls(&[Class::Read]))], None),
            (
                vec![rule("a", Deny, reads(&["ops"])), rule("b", Allow, calls(&[Class::Read]))],
                Some("shadowed"),
            ),
            (
                vec![
                    rule("a", Allow, Matcher { functions: vec![], ..calls(&[Class::Read, Class::Unknown]) }),
                    rule("b", Allow, calls(&[Class::Read])),
                ],
                Some("redundant"),
            ),
            (
                vec![
                    rule("a", Allow, Matcher { functions: texts(&["public.*"]), ..calls(&[Class::Read]) }),
                    rule("b", Allow, calls(&[Class::Read])),
                ],
                Some("redundant"),
            ),
        ] {
            let found: Vec<&str> = codes(&rules).iter().map(|(_, code)| *code).collect();
            assert_eq!(found, Vec::from_iter(expected), "{:?}", rules.iter().map(|rule| rule.effect));
        }
    }

    #[test]
    fn what_is_asked_of_all_rows_and_settings_is_compared_as_it_is_meant() {
        use Effect::{Allow, Approve, Deny};
        let rows = |wanted| Matcher { all_rows: Some(wanted), ..crm(&["ops"]) };
        let set = |names: &[&str]| Matcher { settings: texts(names), ..crm(&["ops"]) };
        for (rules, expected) in [
            (vec![rule("a", Deny, rows(true)), rule("b", Allow, rows(true))], &[("b", "shadowed")][..]),
            (vec![rule("a", Deny, rows(true)), rule("b", Approve, rows(true))], &[("b", "shadowed")]),
            (vec![rule("a", Deny, rows(true)), rule("b", Allow, rows(false))], &[]),
            // It holds more than the allow lets pass.
            (vec![rule("a", Allow, rows(true)), rule("b", Approve, rows(true))], &[]),
            (vec![rule("a", Deny, set(&["app.*"])), rule("b", Allow, set(&["app.x"]))], &[]),
            (vec![rule("a", Deny, set(&["app.*"])), rule("b", Deny, set(&["app.x"]))], &[("b", "redundant")]),
            (vec![rule("a", Deny, rows(false))], &[("a", "deny-some-rows")]),
            (vec![rule("a", Allow, rows(false)), rule("b", Deny, rows(true))], &[]),
        ] {
            let expected: Vec<(String, &str)> =
                expected.iter().map(|(rule, code)| ((*rule).to_owned(), *code)).collect();
            assert_eq!(codes(&rules), expected);
        }
    }

    #[test]
    fn only_what_is_often_meant_is_a_note() {
        let rules = [
            rule("a", Effect::Approve, reads(&["ops"])),
            rule("b", Effect::Allow, Matcher { connections: vec![], ..crm(&["ops"]) }),
        ];
        let weights: Vec<Weight> = lint(&rules).into_iter().map(|finding| finding.weight).collect();
        assert_eq!(weights, [Weight::Note, Weight::Warning]);
    }
}
