//! The policy under which a command is counted, and what is left out.

use super::*;
use crate::domain::Groups;
use crate::domain::Kind;
use crate::domain::McpCommand;
use crate::domain::Protocol;
use crate::domain::command::Args;
use crate::domain::command::HttpCommand;
use crate::domain::command::Words;
use crate::domain::json::Json;
use crate::policy::Matcher;
use crate::policy::When;

fn texts(values: &[&str]) -> Vec<String> {
    values.iter().map(ToString::to_string).collect()
}

fn table(key: &str, value: &str) -> BTreeMap<String, String> {
    BTreeMap::from([(key.to_owned(), value.to_owned())])
}

fn allow(id: &str, matches: Matcher) -> PolicyRule {
    PolicyRule::bare(id, Effect::Allow, matches)
}

fn groups(names: &[&str]) -> Matcher {
    Matcher { groups: texts(names), ..Matcher::default() }
}

fn principal(id: &str) -> Principal {
    Principal {
        id: id.into(),
        kind: Kind::App,
        issuer: "idp".into(),
        client: Some("billing".into()),
        display: None,
        groups: ["ops-eu", "support"].into_iter().collect::<Groups>(),
        claims: Json::Object(Vec::new()),
    }
}

fn http(method: &str, path: &str) -> Command {
    let http = HttpCommand { method: method.into(), path: path.into(), query: "".into(), args: Args::Absent };
    Command { protocol: Protocol::Http, class: Class::Read, words: Words::Http(http) }
}

fn of(rule: &PolicyRule) -> Passed<'_> {
    Passed { who: Who::Group("support".to_owned()), rule, session_limit: rule.session_limit }
}

/// Returns the policies suggested for commands that one policy let pass.
fn written(rule: &PolicyRule, commands: &[Command]) -> Vec<PolicyRule> {
    let mut gathered = Gathered::default();
    for command in commands {
        gathered.pass("x", vec![(command, Some(of(rule)))]);
    }
    assert_eq!((gathered.beyond, gathered.orphaned), (0, 0));
    traffic::suggest::distinct(&gathered.used)
}

#[test]
fn a_policy_is_for_whom_the_deciding_one_names() {
    let client = Matcher { clients: texts(&["bill*"]), ..Matcher::default() };
    let subject = Matcher { subjects: texts(&["idp/*"]), ..Matcher::default() };
    let who = |matches, rules: &[&str], group| {
        let policies = PolicySet::compile(vec![allow("r", matches)], 1).unwrap();
        passed(&principal("idp/a"), &texts(rules), &policies, group).map(|by| by.who)
    };
    for (matches, expected) in [
        (groups(&["dev", "support"]), Who::Group("support".to_owned())),
        (groups(&["ops-*"]), Who::Group("ops-eu".to_owned())),
        (client, Who::Client("billing".to_owned())),
        (subject.clone(), Who::Subject("idp/a".to_owned())),
    ] {
        assert_eq!(who(matches, &["r"], None), Some(expected));
    }
    // No policy that let it pass exists any more.
    assert_eq!(who(subject.clone(), &["gone"], None), None);
    // For a group, only what it may do itself.
    assert_eq!(who(groups(&["support"]), &["r"], Some("support")), Some(Who::Group("support".to_owned())));
    for matches in [groups(&["ops-eu"]), subject] {
        assert_eq!(who(matches, &["r"], Some("support")), None);
    }
}

#[test]
fn what_denies_or_holds_back_now_let_nothing_pass_and_the_shortest_session_counts() {
    let minutes = |minutes: u64| Some(Duration::from_mins(minutes));
    let rules = vec![
        PolicyRule::bare("a", Effect::Deny, groups(&["support"])),
        PolicyRule { session_limit: minutes(9), ..allow("b", groups(&["support"])) },
        PolicyRule { session_limit: minutes(5), ..allow("c", groups(&["dev"])) },
    ];
    let policies = PolicySet::compile(rules, 1).unwrap();
    let principal = principal("idp/a");
    let by = passed(&principal, &texts(&["a", "b", "c"]), &policies, None).unwrap();
    assert_eq!((by.rule.id.as_str(), by.session_limit), ("b", minutes(5)));
    assert_eq!(passed(&principal, &texts(&["a"]), &policies, None), None);
}

#[test]
fn what_the_deciding_policy_asks_for_is_asked_for_again() {
    let guarded = PolicyRule {
        matches: Matcher {
            clients: texts(&["bill*"]),
            issuers: texts(&["idp"]),
            kinds: vec![Kind::App],
            claims: table("dept", "sales"),
            tags: table("env", "dev"),
            source_ips: texts(&["10.0.0.0/8"]),
            operations: vec![Class::Read, Class::Write],
            args: table("tier", "gold"),
            ..groups(&["support", "dev"])
        },
        unless: Some(Matcher { paths: texts(&["/c/9"]), ..Matcher::default() }),
        when: Some(When { days: texts(&["mon-fri"]), ..When::default() }),
        session_limit: Some(Duration::from_mins(10)),
        ..allow("r", Matcher::default())
    };
    let rules = written(&guarded, &[http("GET", "/c/7"), http("GET", "/c/8")]);
    let expected = PolicyRule {
        id: "x-support".to_owned(),
        matches: Matcher {
            groups: texts(&["support"]),
            connections: texts(&["x"]),
            operations: vec![Class::Read],
            methods: texts(&["GET"]),
            paths: texts(&["/c/*"]),
            ..guarded.matches.clone()
        },
        ..guarded
    };
    assert_eq!(rules, [expected]);
}

#[test]
fn a_tool_may_be_used_as_the_deciding_policy_says_only() {
    let reads = Matcher {
        operations: vec![Class::Read],
        methods: texts(&["tools/call"]),
        tools: texts(&["get_*"]),
        ..groups(&["support"])
    };
    let call = McpCommand::call("get_x").into_command(Class::Read);
    let rules = written(&allow("r", reads.clone()), &[call]);
    let expected = Matcher { connections: texts(&["x"]), tools: texts(&["get_x"]), ..reads };
    assert_eq!(rules.into_iter().map(|rule| rule.matches).collect::<Vec<_>>(), [expected]);
}

#[test]
fn policies_with_other_guards_are_not_joined() {
    let nightly = PolicyRule {
        when: Some(When { hours: "22:00-06:00".to_owned(), ..When::default() }),
        ..allow("a", groups(&["support"]))
    };
    let always = allow("b", groups(&["support"]));
    let mut gathered = Gathered::default();
    gathered.pass("x", vec![(&http("GET", "/night"), Some(of(&nightly)))]);
    gathered.pass("x", vec![(&http("GET", "/day"), Some(of(&always)))]);
    let rules = traffic::suggest::distinct(&gathered.used);
    let told: Vec<(bool, &[String])> =
        rules.iter().map(|rule| (rule.when.is_some(), rule.matches.paths.as_slice())).collect();
    assert_eq!(told, [(true, &texts(&["/night"])[..]), (false, &texts(&["/day"])[..])]);
}

#[test]
fn a_name_that_no_policy_may_have_is_left_out_alone() {
    let everything = allow("r", groups(&["support"]));
    let long = format!("/{}", "a".repeat(2000));
    let mcp = |command: McpCommand| command.into_command(Class::Unknown);
    let mut gathered = Gathered::default();
    for odd in [
        http("GET", &long),
        mcp(McpCommand::read_resource("no-scheme")),
        mcp(McpCommand::call(" blank ")),
        mcp(McpCommand::get_prompt("p ")),
    ] {
        gathered.pass("x", vec![(&odd, Some(of(&everything)))]);
    }
    assert_eq!((gathered.beyond, gathered.used.len()), (4, 0));
    let blank = Passed { who: Who::Group(" ops".to_owned()), ..of(&everything) };
    gathered.pass("x", vec![(&http("GET", "/b"), Some(blank))]);
    let pattern = Passed { who: Who::Subject("idp/*".to_owned()), ..of(&everything) };
    gathered.pass("x", vec![(&http("GET", "/b"), Some(pattern))]);
    gathered.pass("x", vec![(&http("GET", "/a"), Some(of(&everything)))]);
    gathered.pass("x", vec![(&http("GET", "/a"), None)]);
    assert_eq!((gathered.beyond, gathered.orphaned), (6, 1));
    let rules = traffic::suggest::distinct(&gathered.used);
    assert_eq!(rules.iter().map(|rule| rule.matches.paths.clone()).collect::<Vec<_>>(), [texts(&["/a"])]);
    assert!(PolicySet::compile(rules, 0).is_ok());
}
