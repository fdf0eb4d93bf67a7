//! Conditions on MCP messages: tables of verdicts, filtering of lists, and general properties.

use proptest::prelude::*;

use crate::domain::Class;
use crate::domain::Command;
use crate::domain::Connection;
use crate::domain::Effect;
use crate::domain::McpCommand;
use crate::domain::Protocol;
use crate::domain::Verdict;
use crate::domain::command::Args;
use crate::domain::json::Json;
use crate::policy::Matcher;
use crate::policy::PolicyRule;
use crate::policy::PolicySet;
use crate::policy::tests::at;
use crate::policy::tests::command;
use crate::policy::tests::everybody;
use crate::policy::tests::groups;
use crate::policy::tests::ids;
use crate::policy::tests::principal;
use crate::policy::tests::rule;
use crate::policy::tests::set;
use crate::policy::tests::spec;
use crate::policy::tests::table;
use crate::policy::tests::texts;
use crate::policy::tests::with_body;

fn server() -> Connection {
    let mut connection = super::connection("tools", &[]);
    connection.protocol = Protocol::Mcp;
    connection.upstream.protocol = Protocol::Mcp;
    connection
}

fn of_class(tool: &str, class: Class) -> Command {
    McpCommand::call(tool).into_command(class)
}

fn call(tool: &str) -> Command {
    McpCommand { args: Args::Absent, ..McpCommand::call(tool) }.into_command(Class::Unknown)
}

fn read(uri: &str) -> Command {
    McpCommand::read_resource(uri).into_command(Class::Read)
}

fn prompt(name: &str) -> Command {
    McpCommand { args: Args::Absent, ..McpCommand::get_prompt(name) }.into_command(Class::Read)
}

fn message(method: &str) -> Command {
    McpCommand::new(method).into_command(McpCommand::class_of(method))
}

fn verdict(set: &PolicySet, command: &Command) -> Verdict {
    let (who, server) = (principal("dev/a", &["a"]), server());
    set.decide(&at(&who, &server), command)
}

fn effect(rules: Vec<PolicyRule>, command: &Command) -> Effect {
    verdict(&set(rules), command).effect
}

fn tools(globs: &[&str]) -> Matcher {
    Matcher { tools: texts(globs), ..everybody() }
}

fn prompts(globs: &[&str]) -> Matcher {
    Matcher { prompts: texts(globs), ..everybody() }
}

fn resources(globs: &[&str]) -> Matcher {
    Matcher { resources: texts(globs), ..everybody() }
}

fn methods(globs: &[&str]) -> Matcher {
    Matcher { methods: texts(globs), ..everybody() }
}

/// Returns an allow of everything.
fn all() -> PolicyRule {
    rule("all", Effect::Allow, Matcher { operations: Class::ALL.to_vec(), ..everybody() })
}

/// Returns the results of policies with this `match`: `A`: an allow lets the command pass; `H`: an approve
/// holds what another policy lets pass; `P`: the approve alone lets it pass after approval; `D`: a deny
/// holds.
fn says(matches: &Matcher, command: &Command) -> String {
    let approve = rule("tested", Effect::Approve, matches.clone());
    [
        ('A', effect(vec![rule("tested", Effect::Allow, matches.clone())], command) == Effect::Allow),
        ('H', effect(vec![approve.clone(), all()], command) == Effect::Approve),
        ('P', effect(vec![approve], command) == Effect::Approve),
        ('D', effect(vec![rule("tested", Effect::Deny, matches.clone()), all()], command) == Effect::Deny),
    ]
    .into_iter()
    .map(|(mark, yes)| if yes { mark } else { '-' })
    .collect()
}

#[test]
fn each_condition_asks_what_a_message_names() {
    let nameless = McpCommand::new("tools/call").into_command(Class::Unknown);
    let task =
        McpCommand { tool: Some("echo".into()), ..McpCommand::new("tasks/get") }.into_command(Class::Read);
    for (matches, command, expected) in vec![
        (tools(&["echo"]), call("echo"), "AHPD"),
        (tools(&["e*", "x"]), call("echo"), "AHPD"),
        (tools(&["*"]), call("echo"), "AHPD"),
        (tools(&["echo"]), call("echo2"), "----"),
        (tools(&["echo"]), task, "AHPD"),
        (tools(&["*"]), read("file:///x"), "----"),
        (tools(&["*"]), prompt("echo"), "----"),
        // Perhaps the same tool to this server. An approval does not let it pass either: its class is
        // unknown.
        (tools(&["echo"]), call("Echo"), "-H-D"),
        (tools(&["echo"]), call(" echo"), "-H-D"),
        (tools(&["echo"]), call("ec\u{200b}ho"), "-H-D"),
        (tools(&["Echo"]), call("echo"), "-H-D"),
        (tools(&["*"]), nameless, "-H-D"),
        (prompts(&["review"]), prompt("review"), "AHPD"),
        (prompts(&["review"]), prompt("Review"), "-HPD"),
        (prompts(&["review"]), prompt("other"), "----"),
        (prompts(&["*"]), call("review"), "----"),
        (resources(&["file:///a/**"]), read("file:///a/b"), "AHPD"),
        (resources(&["file:///a/*"]), read("file:///a/b/c"), "-HPD"),
        (resources(&["file:///a/**"]), read("file:///b/../a/b"), "-HPD"),
        (resources(&["file:///a/**"]), read("file:///b"), "----"),
        (resources(&["*"]), call("x"), "----"),
        (methods(&["resources/*"]), read("file:///x"), "AHPD"),
        (methods(&["Resources/Read"]), read("file:///x"), "-HPD"),
        (methods(&["resources/list"]), read("file:///x"), "----"),
        // A method names no tool.
        (methods(&["tools/call"]), call("echo"), "-H-D"),
        (methods(&["*"]), call("echo"), "-H-D"),
        // An unknown message passes by its name.
        (methods(&["x/do"]), message("x/do"), "AHPD"),
        (methods(&["x/*"]), message("x/do"), "AHPD"),
        (methods(&["x/do"]), message("X/do"), "-H-D"),
        (everybody(), message("x/do"), "-H-D"),
        (everybody(), call("echo"), "-H-D"),
        (everybody(), read("x:y"), "AHPD"),
        // `operations` are required beside the name.
        (Matcher { operations: vec![Class::Read], ..tools(&["echo"]) }, call("echo"), "----"),
        (Matcher { operations: vec![Class::Unknown], ..tools(&["echo"]) }, call("echo"), "AHPD"),
        // Conditions of other protocols.
        (Matcher { paths: texts(&["/**"]), ..everybody() }, call("echo"), "----"),
        (Matcher { tables: texts(&["*"]), ..everybody() }, call("echo"), "----"),
        (Matcher { protocols: vec![Protocol::Http], ..everybody() }, call("echo"), "----"),
        (tools(&["*"]), command("POST", "/"), "----"),
        (resources(&["*"]), command("GET", "/"), "----"),
        (methods(&["P*"]), command("POST", "/"), "AHPD"),
        (methods(&["p*"]), command("POST", "/"), "AHPD"),
        (methods(&["*"]), command("BREW", "/"), "-H-D"),
    ] {
        assert_eq!(says(&matches, &command), expected, "{matches} {command:?}");
    }
}

#[test]
fn arguments_decide_about_a_call() {
    let refund = |args: &str| with_body(call("refund"), args);
    let large = Matcher { args: table(&[("amount", "> 1000")]), ..tools(&["refund"]) };
    let rules = || {
        vec![
            rule("refunds", Effect::Allow, tools(&["refund"])),
            rule("large", Effect::Approve, large.clone()),
        ]
    };
    for (command, expected) in [
        (refund(r#"{"amount":5}"#), Effect::Allow),
        (refund(r#"{"amount":2000}"#), Effect::Approve),
        (refund(r#"{"Amount":2000}"#), Effect::Approve),
        (refund(r#"{"amount":"2000"}"#), Effect::Approve),
        (call("refund").with_args(Args::Unreadable), Effect::Approve),
        (call("refund").with_args(Args::NotRead), Effect::Approve),
        (with_body(call("other"), r#"{"amount":5}"#), Effect::Deny),
    ] {
        assert_eq!(effect(rules(), &command), expected, "{command:?}");
    }
    let (who, server) = (principal("dev/a", &[]), server());
    assert!(set(rules()).wants_args(&at(&who, &server), &call("refund")));
    assert!(!set(rules()).wants_args(&at(&who, &server), &call("other")));
}

#[test]
fn a_trusted_annotation_is_a_class_like_any_other() {
    let reads =
        || vec![rule("reads", Effect::Allow, Matcher { operations: vec![Class::Read], ..everybody() })];
    for (class, expected) in
        [(Class::Read, Effect::Allow), (Class::Write, Effect::Deny), (Class::Unknown, Effect::Deny)]
    {
        assert_eq!(effect(reads(), &McpCommand::call("x").into_command(class)), expected, "{class}");
    }
}

#[test]
fn what_needs_no_policy_passes_wherever_the_connection_is_open_and_by_name_it_does_not() {
    let echo = || rule("echo", Effect::Allow, tools(&["echo"]));
    let deny = |id, matches| rule(id, Effect::Deny, matches);
    let hello = message("initialize");
    let list = message("tools/list");
    for (rules, command, expected, by) in [
        (vec![], &hello, Effect::Deny, &[][..]),
        (vec![echo()], &hello, Effect::Allow, &["echo"]),
        (vec![echo()], &list, Effect::Allow, &["echo"]),
        (vec![echo(), all()], &list, Effect::Allow, &["all"]),
        // Only what the policy names.
        (vec![echo()], &message("resources/subscribe"), Effect::Deny, &[]),
        (vec![echo()], &message("logging/setLevel"), Effect::Deny, &[]),
        // For another caller or another protocol.
        (vec![rule("b", Effect::Allow, groups(&["b"]))], &hello, Effect::Deny, &[]),
        (
            vec![rule("http", Effect::Allow, Matcher { paths: texts(&["/**"]), ..everybody() })],
            &hello,
            Effect::Deny,
            &[],
        ),
        (
            vec![rule("sql", Effect::Allow, Matcher { tables: texts(&["*"]), ..everybody() })],
            &hello,
            Effect::Deny,
            &[],
        ),
        (vec![rule("ask", Effect::Approve, tools(&["echo"]))], &hello, Effect::Allow, &["ask"]),
        // Holding the handshake would ask an approver about nothing.
        (vec![rule("ask", Effect::Approve, everybody())], &hello, Effect::Allow, &["ask"]),
        (vec![rule("ask", Effect::Approve, methods(&["tools/*"])), echo()], &list, Effect::Approve, &["ask"]),
        (
            vec![rule("ask", Effect::Approve, methods(&["tools/*"])), echo()],
            &hello,
            Effect::Allow,
            &["ask", "echo"],
        ),
        // A deny about commands does not concern these messages, unless it names the method or has no
        // condition on the command.
        (
            vec![echo(), deny("no-reads", Matcher { operations: vec![Class::Read], ..everybody() })],
            &hello,
            Effect::Allow,
            &["echo"],
        ),
        (
            vec![echo(), deny("no-args", Matcher { args: table(&[("a", "!= 1")]), ..everybody() })],
            &hello,
            Effect::Allow,
            &["echo"],
        ),
        (vec![echo(), deny("no-lists", methods(&["tools/list"]))], &list, Effect::Deny, &["no-lists"]),
        (vec![echo(), deny("no-lists", methods(&["TOOLS/*"]))], &list, Effect::Deny, &["no-lists"]),
        (vec![echo(), deny("no-lists", methods(&["tools/list"]))], &hello, Effect::Allow, &["echo"]),
        (vec![echo(), deny("shut", groups(&["a"]))], &hello, Effect::Deny, &["shut"]),
        (
            vec![echo(), PolicyRule { unless: Some(tools(&["echo"])), ..deny("else", groups(&["a"])) }],
            &hello,
            Effect::Allow,
            &["echo"],
        ),
        (
            vec![echo(), PolicyRule { unless: Some(methods(&["tools/*"])), ..deny("else", groups(&["a"])) }],
            &hello,
            Effect::Deny,
            &["else"],
        ),
    ] {
        let found = verdict(&set(rules.clone()), command);
        assert_eq!((found.effect, ids(&found).as_slice()), (expected, by), "{rules:?} {command:?}");
    }
}

#[test]
fn an_explanation_says_why_a_list_passes() {
    let (who, server) = (principal("dev/a", &[]), server());
    let rules = set(vec![rule("echo", Effect::Allow, tools(&["echo"]))]);
    let shown = rules.explain(&at(&who, &server), &message("tools/list")).to_string();
    assert_eq!(
        shown,
        "\
dev/a on tools: tools/list (read)
  needs no policy of its own: it passes for everybody to whom the connection is open, unless a policy names its method
✗ allow   echo  match.tools wants echo, found no tool
allow by echo
"
    );
    let shown = rules.explain(&at(&who, &server), &call("Echo")).to_string();
    assert!(shown.contains("match.operations wants read, write, ddl, admin, found unknown"), "{shown}");
    let plain = rules.explain(&at(&who, &server), &call("echo")).to_string();
    assert_eq!(plain, "dev/a on tools: tools/call echo (unknown)\n✓ allow   echo\nallow by echo\n");
}

#[test]
fn a_caller_is_shown_what_some_arguments_would_let_it_use() {
    let (who, server) = (principal("dev/a", &["a"]), server());
    let deny = |matches| rule("deny", Effect::Deny, matches);
    let echo = |effect| rule("echo", effect, tools(&["echo"]));
    let with_args = |matches: Matcher| Matcher { args: table(&[("n", "8")]), ..matches };
    for (rules, shown) in [
        (vec![], false),
        (vec![echo(Effect::Allow)], true),
        (vec![echo(Effect::Approve)], true),
        (vec![rule("echo", Effect::Allow, with_args(tools(&["echo"])))], true),
        (vec![rule("other", Effect::Allow, tools(&["other"]))], false),
        (vec![rule("all", Effect::Allow, everybody())], false),
        (vec![all()], true),
        (vec![echo(Effect::Allow), deny(tools(&["echo"]))], false),
        (vec![echo(Effect::Allow), deny(tools(&["ECHO"]))], false),
        (vec![echo(Effect::Allow), deny(with_args(tools(&["echo"])))], true),
        (vec![echo(Effect::Allow), deny(methods(&["tools/call"]))], false),
        (vec![echo(Effect::Allow), deny(methods(&["tools/list"]))], true),
        (
            vec![
                echo(Effect::Allow),
                PolicyRule { unless: Some(with_args(everybody())), ..deny(everybody()) },
            ],
            true,
        ),
        (vec![echo(Effect::Allow), PolicyRule { unless: Some(groups(&["b"])), ..deny(everybody()) }], false),
        (vec![echo(Effect::Allow), deny(resources(&["*"]))], true),
    ] {
        let rules_shown = format!("{rules:?}");
        assert_eq!(
            set(rules).may_pass(&at(&who, &server), &of_class("echo", Class::Unknown)),
            shown,
            "{rules_shown}"
        );
    }
    let reads =
        set(vec![rule("reads", Effect::Allow, Matcher { operations: vec![Class::Read], ..everybody() })]);
    assert!(reads.may_pass(&at(&who, &server), &of_class("list", Class::Read)));
    assert!(!reads.may_pass(&at(&who, &server), &of_class("list", Class::Write)));
}

#[test]
fn prompts_resources_and_templates_are_shown_by_the_same_rules() {
    let (who, server) = (principal("dev/a", &[]), server());
    let rules = set(vec![
        rule("data", Effect::Allow, resources(&["file:///data/**"])),
        rule("db", Effect::Approve, resources(&["db://t/*"])),
        rule("keys", Effect::Deny, resources(&["file:///data/keys/**"])),
        rule("prompts", Effect::Allow, prompts(&["re*"])),
    ]);
    let subject = at(&who, &server);
    for (uri, shown) in [
        ("file:///data/x", true),
        ("file:///data/keys/x", false),
        ("file:///data/KEYS/x", false),
        ("file:///other", false),
        ("file:///data/../other", false),
        ("db://t/1", true),
    ] {
        assert_eq!(rules.may_pass(&subject, &read(uri)), shown, "{uri}");
    }
    for (template, shown) in [
        ("file:///data/{path}", true),
        ("file:///{path}", true),
        ("file:///data/keys/{key}", false),
        ("file:///other/{path}", false),
        ("db://t/{id}", true),
        ("db://{table}/1", true),
        ("db://u/{id}", false),
        ("{+uri}", true),
    ] {
        assert_eq!(rules.may_read_template(&subject, template), shown, "{template}");
    }
    for (name, shown) in [("review", true), ("other", false)] {
        let get = McpCommand::get_prompt(name).into_command(Class::Read);
        assert_eq!(rules.may_pass(&subject, &get), shown, "{name}");
    }
}

#[test]
fn patterns_that_match_nothing_are_refused() {
    for (matches, key) in [
        (tools(&[""]), "match.tools"),
        (tools(&[" echo"]), "match.tools"),
        (prompts(&["a\u{200b}"]), "match.prompts"),
        (resources(&["data/**"]), "match.resources"),
        (resources(&["file:///a/../b"]), "match.resources"),
        (methods(&["tools call"]), "match.methods"),
        (methods(&[""]), "match.methods"),
    ] {
        let problems = PolicySet::compile(vec![rule("r", Effect::Deny, matches.clone())], 0).expect_err(key);
        assert_eq!((problems.len(), problems[0].key.as_str()), (1, key), "{matches}");
    }
}

fn some(words: &'static [&'static str]) -> impl Strategy<Value = Vec<String>> {
    prop_oneof![
        2 => Just(Vec::new()),
        1 => prop::collection::vec(prop::sample::select(words), 1..3).prop_map(|words| texts(&words))
    ]
}

fn matcher() -> impl Strategy<Value = Matcher> {
    let classes = prop_oneof![3 => Just(Vec::new()), 1 => prop::collection::vec(prop::sample::select(&Class::ALL[..]), 1..3)];
    let arg = prop::option::weighted(0.4, prop::sample::select(vec!["8", "> 5", "!= 8", "*", "!= *"]));
    (
        some(&["a", "b"]),
        some(&["echo", "ECHO", "e*", "*"]),
        some(&["tools/call", "tools/*", "initialize", "*", "GET"]),
        some(&["x:/a/**", "x:/a/*", "*"]),
        classes,
        arg,
    )
        .prop_map(|(groups, tools, methods, resources, operations, arg)| Matcher {
            groups,
            tools,
            methods,
            resources,
            operations,
            args: arg.map(|value| table(&[("n", value)])).unwrap_or_default(),
            ..everybody()
        })
}

fn policies() -> impl Strategy<Value = Vec<PolicyRule>> {
    let effect = prop::sample::select(vec![Effect::Allow, Effect::Approve, Effect::Deny]);
    let from = prop::sample::select(vec![&["dba"][..], &["sre"], &["dba", "sre"]]);
    let policy = (effect, matcher(), prop::option::weighted(0.4, matcher()), from).prop_map(
        |(effect, matches, unless, from)| PolicyRule {
            unless,
            approval: (effect == Effect::Approve).then(|| spec(from, 1)),
            ..rule("r", effect, matches)
        },
    );
    prop::collection::vec(policy, 0..6).prop_map(|policies| {
        let sound = policies.into_iter().filter(|policy| PolicySet::compile(vec![policy.clone()], 0).is_ok());
        sound.enumerate().map(|(place, policy)| PolicyRule { id: format!("r{place}"), ..policy }).collect()
    })
}

fn args() -> impl Strategy<Value = Args> {
    let texts = vec!["{}", r#"{"n":8}"#, r#"{"n":[1,8]}"#, r#"{"N":8}"#, r#"{"n":"8"}"#, r#"{"n":6}"#, "[]"];
    prop_oneof![
        Just(Args::Absent),
        Just(Args::NotRead),
        Just(Args::Unreadable),
        prop::sample::select(texts).prop_map(|text| Args::Read(Json::parse(text.as_bytes(), 8).expect(text))),
    ]
}

fn messages() -> impl Strategy<Value = Command> {
    let tool = prop::sample::select(vec!["echo", "Echo", "other"]);
    let class = prop::sample::select(vec![Class::Unknown, Class::Read, Class::Write]);
    let called = (tool, class).prop_map(|(tool, class)| McpCommand::call(tool).into_command(class));
    let uri = prop::sample::select(vec!["x:/a/b", "x:/a/b/c", "x:/b", "x:/b/../a", "x:/a%2fb"]);
    let method = prop::sample::select(vec!["initialize", "tools/list", "ping", "x/do", "tasks/list"]);
    let command = prop_oneof![3 => called, 1 => uri.prop_map(read), 1 => method.prop_map(message)];
    (command, args()).prop_map(|(command, args)| command.with_args(args))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 3000, ..ProptestConfig::default() })]

    #[test]
    fn what_is_not_denied_with_some_arguments_is_shown(rules in policies(), command in messages()) {
        let (rules, who, server) = (set(rules), principal("dev/a", &["a"]), server());
        let subject = at(&who, &server);
        if rules.decide(&subject, &command).effect != Effect::Deny {
            prop_assert!(rules.opens(&subject));
            let mcp = command.mcp().expect("MCP");
            prop_assert!(mcp.needs_no_policy() || rules.may_pass(&subject, &command));
            if let Some(tool) = mcp.tool.as_deref() {
                prop_assert!(rules.may_pass(&subject, &of_class(tool, command.class)));
            }
        }
    }

    #[test]
    fn a_template_is_shown_when_a_plain_uri_of_it_can_be_read(rules in policies(), value in "[ab](/[ab])?") {
        let (rules, who, server) = (set(rules), principal("dev/a", &["a"]), server());
        let subject = at(&who, &server);
        for start in ["x:/a/", "x:/", "x:/b/", "x:"] {
            if rules.decide(&subject, &read(&format!("{start}{value}"))).effect != Effect::Deny {
                let template = format!("{start}{{v}}");
                prop_assert!(rules.may_read_template(&subject, &template), "{}", template);
            }
        }
    }

    #[test]
    fn what_does_not_want_the_arguments_does_not_need_them(rules in policies(), command in messages(), args in args()) {
        let (rules, who, server) = (set(rules), principal("dev/a", &["a"]), server());
        let subject = at(&who, &server);
        if !rules.wants_args(&subject, &command) {
            let other = rules.decide(&subject, &command.clone().with_args(args));
            prop_assert_eq!(other.effect, rules.decide(&subject, &command).effect);
        }
    }

    #[test]
    fn what_is_denied_by_name_is_not_reached_by_another_spelling(rules in policies(), spelling in "[eE][cC][hH][oO]") {
        let shut = rule("shut", Effect::Deny, tools(&["echo"]));
        prop_assert_eq!(effect([rules, vec![shut]].concat(), &call(&spelling)), Effect::Deny);
    }
}
