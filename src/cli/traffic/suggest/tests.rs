//! Messages beside the policies.

use super::*;
use crate::domain::Class;
use crate::policy::Matcher;

fn texts(values: &[&str]) -> Vec<String> {
    values.iter().map(ToString::to_string).collect()
}

fn allow(id: &str, matches: Matcher) -> PolicyRule {
    PolicyRule::bare(id, Effect::Allow, matches)
}

fn groups(names: &[&str]) -> Matcher {
    Matcher { groups: texts(names), ..Matcher::default() }
}

#[test]
fn what_nothing_used_is_told() {
    let tools = Matcher { tools: texts(&["get_*", "put"]), ..groups(&["ops"]) };
    let reads = Matcher {
        operations: vec![Class::Read, Class::Ddl],
        methods: texts(&["get", "HEAD"]),
        ..groups(&["ops"])
    };
    let rules = vec![allow("a", groups(&["ops"])), allow("b", tools), allow("c", reads)];
    let policies = PolicySet::compile(rules, 1).unwrap();
    let set = |values: &[&str]| values.iter().map(ToString::to_string).collect::<BTreeSet<String>>();
    let used = BTreeMap::from([
        ("b".to_owned(), Usage { tools: set(&["get_x"]), ..Usage::default() }),
        ("c".to_owned(), Usage { classes: [Class::Read].into(), methods: set(&["GET"]), ..Usage::default() }),
    ]);
    let told: Vec<String> =
        unused(&policies, &used).into_iter().map(|(rule, what)| format!("{rule} {what}")).collect();
    assert_eq!(told, ["a all of it (store)", "b tool put", "c operation ddl", "c method HEAD"]);
}
