//! Who may do what: matrices of principals and commands, and unknown values.

use std::time::Duration;

use crate::domain::Class;
use crate::domain::Command;
use crate::domain::Effect;
use crate::domain::GrantScope;
use crate::domain::Kind;
use crate::domain::Principal;
use crate::domain::command::Args;
use crate::domain::json::Json;
use crate::policy::Matcher;
use crate::policy::PolicyRule;
use crate::policy::PolicySet;
use crate::policy::When;
use crate::policy::tests::NOW;
use crate::policy::tests::at;
use crate::policy::tests::command;
use crate::policy::tests::connection;
use crate::policy::tests::decide;
use crate::policy::tests::everybody;
use crate::policy::tests::groups;
use crate::policy::tests::ids;
use crate::policy::tests::principal;
use crate::policy::tests::rule;
use crate::policy::tests::rules;
use crate::policy::tests::set;
use crate::policy::tests::spec;
use crate::policy::tests::table;
use crate::policy::tests::texts;
use crate::policy::tests::unknown_groups;
use crate::policy::tests::with_body;

/// Returns one line per command, one column per principal.
fn matrix(set: &PolicySet, principals: &[(&str, Principal)], commands: &[(&str, Command)]) -> String {
    let line = |name: &str, cells: Vec<&str>| {
        let cells: Vec<String> = cells.into_iter().map(|cell| format!("{cell:<13}")).collect();
        format!("{name:<22}{}", cells.concat()).trim_end().to_owned()
    };
    let mut lines = vec![line("command", principals.iter().map(|(name, _)| *name).collect())];
    for (name, command) in commands {
        let effects = principals.iter().map(|(_, principal)| decide(set, principal, command).effect.as_str());
        lines.push(line(name, effects.collect()));
    }
    lines.join("\n") + "\n"
}

#[test]
fn the_matrix_of_a_small_shop() {
    let principals = [
        ("nobody", principal("dev/x", &[])),
        ("support", principal("dev/sue", &["support"])),
        ("etl", principal("dev/etl", &["etl"])),
        ("both", principal("dev/bob", &["etl", "support"])),
        ("break-glass", principal("dev/eva", &["break-glass", "etl"])),
        ("overage", unknown_groups(principal("dev/big", &[]))),
    ];
    let small = with_body(command("POST", "/orders"), r#"{"order":{"amount":1000.0}}"#);
    let large = with_body(command("POST", "/orders"), r#"{"order":{"amount":1000.01}}"#);
    let commands = [
        ("GET /orders", command("GET", "/orders")),
        ("POST /orders 1000.0", small),
        ("POST /orders 1000.01", large.clone()),
        ("POST /orders unread", large.clone().with_args(Args::NotRead)),
        ("POST /orders garbage", large.with_args(Args::Unreadable)),
        ("GET /admin", command("GET", "/admin")),
        ("GET /admin/users", command("GET", "/admin/users")),
        ("GET /x%2fadmin", command("GET", "/x%2fadmin")),
        ("UPGRADE /orders", command("BREW", "/orders")),
    ];
    let expected = "\
command               nobody       support      etl          both         break-glass  overage
GET /orders           deny         allow        allow        allow        allow        deny
POST /orders 1000.0   deny         deny         allow        allow        allow        deny
POST /orders 1000.01  approve      approve      approve      approve      approve      approve
POST /orders unread   approve      approve      approve      approve      approve      approve
POST /orders garbage  approve      approve      approve      approve      approve      approve
GET /admin            deny         deny         deny         deny         allow        deny
GET /admin/users      deny         deny         deny         deny         allow        deny
GET /x%2fadmin        deny         deny         deny         deny         allow        deny
UPGRADE /orders       deny         deny         deny         deny         deny         deny
";
    assert_eq!(matrix(&rules(), &principals, &commands), expected);
}

#[test]
fn a_verdict_names_what_decided() {
    let set = set(vec![
        PolicyRule {
            session_limit: Some(Duration::from_mins(1)),
            ..rule("b-allow", Effect::Allow, everybody())
        },
        PolicyRule {
            session_limit: Some(Duration::from_secs(90)),
            message: Some("hi".to_owned()),
            ..rule("a-allow", Effect::Allow, everybody())
        },
        PolicyRule {
            session_limit: Some(Duration::from_secs(30)),
            ..rule("c-approve", Effect::Approve, Matcher { methods: texts(&["post"]), ..everybody() })
        },
        PolicyRule {
            message: Some("never".to_owned()),
            ..rule("d-deny", Effect::Deny, Matcher { paths: texts(&["/x"]), ..Matcher::default() })
        },
        rule("a-deny", Effect::Deny, Matcher { paths: texts(&["/x"]), ..Matcher::default() }),
    ]);
    let who = principal("dev/a", &[]);
    let allowed = decide(&set, &who, &command("GET", "/"));
    assert_eq!(
        (allowed.effect, ids(&allowed), allowed.rule.as_deref()),
        (Effect::Allow, vec!["a-allow", "b-allow"], Some("a-allow"))
    );
    assert_eq!(
        (allowed.session_limit, allowed.message.as_deref(), allowed.revision),
        (Some(Duration::from_mins(1)), Some("hi"), 7)
    );
    let held = decide(&set, &who, &command("POST", "/"));
    assert_eq!((held.effect, ids(&held)), (Effect::Approve, vec!["c-approve"]));
    assert_eq!(held.session_limit, Some(Duration::from_secs(30)));
    assert_eq!(held.approval.as_deref(), Some(&spec(&["dba"], 1)));
    assert_eq!(held.message, None);
    let denied = decide(&set, &who, &command("POST", "/x"));
    assert_eq!(
        (denied.effect, ids(&denied), denied.rule.as_deref()),
        (Effect::Deny, vec!["a-deny", "d-deny"], Some("a-deny"))
    );
    assert_eq!(
        (denied.message.as_deref(), denied.approval, denied.session_limit),
        (Some("never"), None, None)
    );
    let nothing = PolicySet::compile(Vec::new(), 3).expect("empty");
    let denied = decide(&nothing, &who, &command("GET", "/"));
    assert_eq!((denied.effect, denied.rule, denied.revision), (Effect::Deny, None, 3));
    assert!(denied.rules.is_empty());
}

#[test]
fn unknown_passes_only_by_name() {
    let named = || Matcher { operations: vec![Class::Unknown], ..everybody() };
    let unknown = command("BREW", "/");
    let who = principal("dev/a", &[]);
    let effect = |rules: &[PolicyRule]| decide(&set(rules.to_vec()), &who, &unknown).effect;
    let allow_any = rule("allow-any", Effect::Allow, everybody());
    let allow_named = rule("allow-named", Effect::Allow, named());
    let approve_any = rule("approve-any", Effect::Approve, everybody());
    let approve_named = rule("approve-named", Effect::Approve, named());
    let deny_any = rule("deny-any", Effect::Deny, everybody());
    let deny_writes =
        rule("deny-writes", Effect::Deny, Matcher { operations: vec![Class::Write], ..Matcher::default() });
    for (rules, expected) in [
        (std::slice::from_ref(&allow_any), Effect::Deny),
        (std::slice::from_ref(&allow_named), Effect::Allow),
        (std::slice::from_ref(&approve_any), Effect::Deny),
        (std::slice::from_ref(&approve_named), Effect::Approve),
        (&[allow_any.clone(), approve_any.clone()][..], Effect::Deny),
        // An approve for everything holds what another policy lets pass by name.
        (&[allow_named.clone(), approve_any.clone()], Effect::Approve),
        (&[allow_any.clone(), approve_named.clone()], Effect::Approve),
        (&[allow_named.clone(), deny_writes], Effect::Allow),
        (&[allow_named.clone(), deny_any], Effect::Deny),
    ] {
        let names: Vec<&str> = rules.iter().map(|rule| rule.id.as_str()).collect();
        assert_eq!(effect(rules), expected, "{names:?}");
    }
    for (method, expected) in [
        ("GET", Effect::Allow),
        ("POST", Effect::Allow),
        ("DDL", Effect::Allow),
        ("ADMIN", Effect::Allow),
        ("BREW", Effect::Deny),
    ] {
        let all = set(vec![rule("all", Effect::Allow, everybody())]);
        assert_eq!(decide(&all, &who, &command(method, "/")).effect, expected, "{method}");
    }
}

/// Returns whether an allow, an approve and a deny with only this match hold for the command.
fn holds(matches: &Matcher, unless: Option<&Matcher>, who: &Principal, command: &Command) -> [bool; 3] {
    [Effect::Allow, Effect::Approve, Effect::Deny].map(|effect| {
        let mut matches = matches.clone();
        if effect != Effect::Deny && matches.subjects.is_empty() {
            matches.subjects = texts(&["*"]);
        }
        let tested = PolicyRule { unless: unless.cloned(), ..rule("tested", effect, matches) };
        ids(&decide(&set(vec![tested]), who, command)) == ["tested"]
    })
}

const YES: [bool; 3] = [true, true, true];
const NO: [bool; 3] = [false, false, false];
/// For an unsure answer an allow does not hold; an approve and a deny do.
const UNSURE: [bool; 3] = [false, true, true];

#[test]
fn each_key_holds_for_its_values_only() {
    let who = Principal {
        claims: Json::parse(br#"{"dept":"x","roles":["a","b"]}"#, 8).expect("claims"),
        ..principal("dev/alice", &["dba", "eu-ops"])
    };
    let get = command("GET", "/orders/7");
    let any = Matcher::default;
    let cases: Vec<(Matcher, [bool; 3])> = vec![
        (Matcher { groups: texts(&["sre", "dba"]), ..any() }, YES),
        (Matcher { groups: texts(&["*-ops"]), ..any() }, YES),
        (Matcher { groups: texts(&["DBA", "db", "dba2"]), ..any() }, NO),
        (Matcher { subjects: texts(&["dev/alice"]), ..any() }, YES),
        (Matcher { subjects: texts(&["dev/*"]), ..any() }, YES),
        (Matcher { subjects: texts(&["dev/al", "prod/*"]), ..any() }, NO),
        (Matcher { clients: texts(&["bill*"]), ..any() }, YES),
        (Matcher { clients: texts(&["bill"]), ..any() }, NO),
        (Matcher { issuers: texts(&["dev"]), ..any() }, YES),
        (Matcher { issuers: texts(&["entra"]), ..any() }, NO),
        (Matcher { kinds: vec![Kind::Human, Kind::App], ..any() }, YES),
        (Matcher { kinds: vec![Kind::Human, Kind::Agent], ..any() }, NO),
        (Matcher { claims: table(&[("dept", "x|y"), ("roles", "b")]), ..any() }, YES),
        (Matcher { claims: table(&[("dept", "x"), ("roles", "c")]), ..any() }, NO),
        (Matcher { claims: table(&[("dept", "x"), ("clearance", "top")]), ..any() }, UNSURE),
        (Matcher { claims: table(&[("dept", "y"), ("clearance", "top")]), ..any() }, NO),
        (Matcher { connections: texts(&["erp", "crm"]), ..any() }, YES),
        (Matcher { connections: texts(&["c*m"]), ..any() }, YES),
        (Matcher { connections: texts(&["cr", "crm2"]), ..any() }, NO),
        (Matcher { tags: table(&[("env", "prod|stage")]), ..any() }, YES),
        (Matcher { tags: table(&[("env", "pr*")]), ..any() }, YES),
        (Matcher { tags: table(&[("env", "prod"), ("data", "pii")]), ..any() }, NO),
        (Matcher { protocols: vec![crate::domain::Protocol::Http], ..any() }, YES),
        (Matcher { source_ips: texts(&["192.0.2.0/24", "10.0.0.0/8"]), ..any() }, YES),
        (Matcher { source_ips: texts(&["10.0.0.2", "::/0"]), ..any() }, NO),
        (Matcher { operations: vec![Class::Write, Class::Read], ..any() }, YES),
        (Matcher { operations: vec![Class::Write, Class::Unknown], ..any() }, NO),
        (Matcher { methods: texts(&["get"]), ..any() }, YES),
        (Matcher { methods: texts(&["GETS", "POST"]), ..any() }, NO),
        (Matcher { paths: texts(&["/users/*", "/orders/*"]), ..any() }, YES),
        (Matcher { paths: texts(&["/orders"]), ..any() }, NO),
        (Matcher { paths: texts(&["/orders/7/"]), ..any() }, UNSURE),
        // Keys join by AND.
        (Matcher { groups: texts(&["dba"]), methods: texts(&["GET"]), ..any() }, YES),
        (Matcher { groups: texts(&["dba"]), methods: texts(&["POST"]), ..any() }, NO),
        (Matcher { groups: texts(&["sre"]), methods: texts(&["GET"]), ..any() }, NO),
    ];
    for (matches, expected) in cases {
        assert_eq!(holds(&matches, None, &who, &get), expected, "{matches}");
    }
}

#[test]
fn what_is_not_known_helps_no_allow_and_stops_no_deny() {
    let known = principal("dev/a", &["x"]);
    let overage = unknown_groups(principal("dev/a", &[]));
    let no_client = Principal { client: None, ..principal("dev/a", &[]) };
    let get = command("GET", "/");
    let post = command("POST", "/");
    let body = |args| command("POST", "/").with_args(args);
    let any = Matcher::default;
    let by_group = groups(&["x"]);
    let by_client = Matcher { clients: texts(&["billing"]), ..any() };
    let by_arg = Matcher { args: table(&[("a", "1")]), ..any() };
    let by_claim = Matcher { claims: table(&[("suspended", "true")]), ..any() };
    let has_claim = Matcher { claims: table(&[("suspended", "*")]), ..any() };
    let writes = Matcher { operations: vec![Class::Write], ..any() };
    let cases = [
        (&by_group, None, &overage, &get, UNSURE),
        (&by_group, None, &known, &get, YES),
        (&groups(&["*"]), None, &overage, &get, UNSURE),
        (&by_client, None, &no_client, &get, UNSURE),
        (&Matcher { clients: texts(&["*"]), ..any() }, None, &no_client, &get, YES),
        (&by_claim, None, &known, &get, UNSURE),
        (&has_claim, None, &known, &get, NO),
        (&by_arg, None, &known, &body(Args::NotRead), UNSURE),
        (&by_arg, None, &known, &body(Args::Unreadable), UNSURE),
        (&by_arg, None, &known, &body(Args::Absent), NO),
        // The mirror case: an unsure exception makes none from a deny, and disables an allow.
        (&writes, Some(&by_group), &overage, &post, UNSURE),
        (&writes, Some(&by_group), &known, &post, NO),
        (&writes, Some(&by_client), &no_client, &post, UNSURE),
        (&writes, Some(&by_arg), &known, &body(Args::NotRead), UNSURE),
        (&writes, Some(&by_arg), &known, &body(Args::Unreadable), UNSURE),
        (&writes, Some(&by_arg), &known, &body(Args::Absent), YES),
        (&writes, Some(&by_claim), &known, &post, UNSURE),
        (&writes, Some(&has_claim), &known, &post, YES),
        // All conditions of an exception must hold.
        (
            &writes,
            Some(&Matcher { args: table(&[("a", "1")]), ..groups(&["y"]) }),
            &known,
            &body(Args::NotRead),
            YES,
        ),
        // A deny by claim with the exception for tokens that do not have it.
        (&by_claim, Some(&Matcher { claims: table(&[("suspended", "!= *")]), ..any() }), &known, &get, NO),
        // Two unsure answers stay unsure.
        (&by_group, Some(&by_claim), &overage, &get, UNSURE),
    ];
    for (matches, unless, who, command, expected) in cases {
        assert_eq!(
            holds(matches, unless, who, command),
            expected,
            "{matches} unless {unless:?} {:?}",
            command.args()
        );
    }
}

#[test]
fn spelling_gets_nobody_past_a_deny_or_into_an_allow() {
    let who = principal("dev/a", &[]);
    let path = |pattern: &str| Matcher { paths: texts(&[pattern]), ..Matcher::default() };
    let arg = |value: &str| Matcher { args: table(&[("order.amount", value)]), ..Matcher::default() };
    for spelled in [
        "/admin/",
        "/admin;x=1",
        "/x/../admin",
        "/x%2f..%2fadmin",
        "//admin",
        "/./admin",
        "/%2e/admin",
        "/admin%00",
        "admin",
        "/a\\..\\admin",
    ] {
        let [allow, approve, deny] = holds(&path("/admin"), None, &who, &command("GET", spelled));
        assert!(!allow && approve && deny, "{spelled}");
    }
    for body in [
        r#"{"order":{"amount":"2000"}}"#,
        r#"{"order":{"amount":[1,2000]}}"#,
        r#"{"order":[{"amount":1},{"amount":2000}]}"#,
        r#"{"order":{"Amount":2000}}"#,
        r#"{"Order":{"amount":2000}}"#,
        r#"{"order":{"amount":1,"AMOUNT":2000}}"#,
        r#"{"order":{"amount":{"value":2000}}}"#,
        r#"{"order":{"amount":"2e3"}}"#,
        r#"[{"order":{"amount":2000}},{"order":{"amount":1}}]"#,
    ] {
        let [_, approve, deny] = holds(&arg("> 1000"), None, &who, &with_body(command("POST", "/"), body));
        assert!(approve && deny, "{body}");
        // The same trick does not make a large order pass as a small one.
        let [allow, ..] = holds(&arg("<= 1000"), None, &who, &with_body(command("POST", "/"), body));
        assert!(!allow, "{body}");
    }
    // A lower-case method is another method: its class is unknown, whatever the policy's `methods` are.
    let reads = Matcher { methods: texts(&["GET"]), ..Matcher::default() };
    assert_eq!(holds(&reads, None, &who, &command("get", "/")), [false, false, true]);
    // The same address in another notation.
    let block = set(vec![rule(
        "net",
        Effect::Deny,
        Matcher { source_ips: texts(&["10.0.0.0/8"]), ..Matcher::default() },
    )]);
    let crm = connection("crm", &[]);
    let mut subject = at(&who, &crm);
    subject.source = "::ffff:10.9.9.9".parse().expect("address");
    assert_eq!(ids(&block.decide(&subject, &command("GET", "/"))), ["net"]);
}

#[test]
fn several_approvals_are_joined_so_that_each_is_satisfied() {
    let approve =
        |id: &str, spec| PolicyRule { approval: Some(spec), ..rule(id, Effect::Approve, everybody()) };
    let who = principal("dev/a", &[]);
    let get = command("GET", "/");
    let mut strict = spec(&["sre", "dba"], 2);
    strict.reason = true;
    strict.grant = GrantScope::Session;
    let both = decide(&set(vec![approve("a", spec(&["dba", "sec"], 1)), approve("b", strict)]), &who, &get);
    let joined = both.approval.clone().expect("approval");
    assert_eq!((both.effect, ids(&both)), (Effect::Approve, vec!["a", "b"]));
    assert_eq!(
        (joined.from.clone(), joined.min, joined.reason, joined.grant),
        (texts(&["dba"]), 2, true, GrantScope::Once)
    );
    // One of dba alone must not satisfy the policy that requires security.
    let apart = decide(
        &set(vec![
            approve("a", spec(&["dba"], 1)),
            approve("b", spec(&["sec"], 1)),
            rule("c", Effect::Allow, everybody()),
        ]),
        &who,
        &get,
    );
    assert_eq!((apart.effect, ids(&apart), apart.approval.clone()), (Effect::Deny, vec!["a", "b"], None));
    assert_eq!(
        apart.message.as_deref(),
        Some("policies a, b each want an approval, and no group of approvers is common to all of them")
    );
}

#[test]
fn a_deny_that_surely_holds_is_named_before_one_that_might() {
    let set = set(vec![
        PolicyRule {
            message: Some("too large".to_owned()),
            ..rule("a-large", Effect::Deny, Matcher { args: table(&[("n", "> 5")]), ..Matcher::default() })
        },
        rule("z-closed", Effect::Deny, Matcher { paths: texts(&["/closed"]), ..Matcher::default() }),
    ]);
    let who = principal("dev/a", &[]);
    let unread = |path: &str| command("POST", path).with_args(Args::NotRead);
    let sure = decide(&set, &who, &unread("/closed"));
    assert_eq!((ids(&sure), sure.message.as_deref()), (vec!["z-closed"], None));
    assert_eq!(ids(&decide(&set, &who, &unread("/open"))), ["a-large"]);
}

#[test]
fn a_rule_holds_only_in_its_window() {
    let mut office = rule("office", Effect::Allow, everybody());
    office.when = Some(When {
        days: texts(&["mon-fri"]),
        hours: "08:00-19:00".to_owned(),
        tz: "Europe/Lisbon".to_owned(),
    });
    let mut night = rule("night", Effect::Deny, Matcher::default());
    night.when = Some(When { days: Vec::new(), hours: "22:00-06:00".to_owned(), tz: String::new() });
    let set = set(vec![office, night]);
    let (who, crm) = (principal("dev/a", &[]), connection("crm", &[]));
    let hour = 3_600_000;
    for (now_ms, effect, open) in [
        (NOW, Effect::Allow, true),
        (NOW + 8 * hour, Effect::Deny, false),
        (NOW + 11 * hour, Effect::Deny, false),
        (NOW + 24 * hour, Effect::Allow, true),
        (NOW + 5 * 24 * hour, Effect::Deny, false),
    ] {
        let subject = crate::policy::Subject { now_ms, ..at(&who, &crm) };
        assert_eq!(set.decide(&subject, &command("GET", "/")).effect, effect, "{now_ms}");
        assert_eq!(set.opens(&subject), open, "{now_ms}");
    }
    let never = crate::policy::Subject { now_ms: i64::MAX, ..at(&who, &crm) };
    assert_eq!(ids(&set.decide(&never, &command("GET", "/"))), ["night"], "a broken clock allows nothing");
}

#[test]
fn a_connection_opens_when_some_command_could_pass() {
    let (who, crm) = (principal("dev/a", &["x"]), connection("crm", &[]));
    let overage = unknown_groups(principal("dev/a", &[]));
    let any = Matcher::default;
    let with = |effect, matches, unless| PolicyRule { unless, ..rule("r", effect, matches) };
    for (tested, opens, opens_overage) in [
        (with(Effect::Allow, groups(&["x"]), None), true, false),
        (
            with(
                Effect::Allow,
                Matcher { paths: texts(&["/only"]), args: table(&[("a", "1")]), ..groups(&["x"]) },
                None,
            ),
            true,
            false,
        ),
        (with(Effect::Allow, groups(&["y"]), None), false, false),
        (with(Effect::Allow, Matcher { connections: texts(&["erp"]), ..everybody() }, None), false, false),
        (with(Effect::Allow, everybody(), Some(groups(&["x"]))), false, false),
        (
            with(Effect::Allow, everybody(), Some(Matcher { methods: texts(&["GET"]), ..groups(&["x"]) })),
            true,
            true,
        ),
        (with(Effect::Approve, groups(&["x"]), None), true, true),
        (with(Effect::Deny, Matcher { groups: texts(&["x"]), ..any() }, None), false, false),
    ] {
        let set = set(vec![tested.clone()]);
        assert_eq!(set.opens(&at(&who, &crm)), opens, "{tested:?}");
        assert_eq!(set.opens(&at(&overage, &crm)), opens_overage, "{tested:?}");
    }
}

#[test]
fn the_body_is_wanted_only_when_it_matters() {
    let (who, crm) = (principal("dev/a", &["x"]), connection("crm", &[]));
    let arg = |matches: Matcher| Matcher { args: table(&[("n", "> 5")]), ..matches };
    let posts = || Matcher { methods: texts(&["POST"]), ..Matcher::default() };
    let held = || Matcher { methods: texts(&["POST"]), ..everybody() };
    let with = |effect, matches, unless| PolicyRule { unless, ..rule("r", effect, matches) };
    let closed = rule("closed", Effect::Deny, everybody());
    for (rules, get, post) in [
        (vec![with(Effect::Allow, everybody(), None)], false, false),
        (vec![with(Effect::Approve, arg(held()), None)], false, true),
        (vec![with(Effect::Deny, arg(posts()), None)], false, true),
        (vec![with(Effect::Allow, arg(groups(&["x"])), None)], true, true),
        (vec![with(Effect::Allow, arg(groups(&["y"])), None)], false, false),
        (vec![with(Effect::Deny, posts(), Some(arg(Matcher::default())))], false, true),
        (vec![with(Effect::Deny, posts(), Some(arg(groups(&["y"]))))], false, false),
        (vec![with(Effect::Deny, posts(), Some(arg(groups(&["x"]))))], false, true),
        (vec![with(Effect::Approve, arg(held()), None), closed], false, false),
    ] {
        let set = set(rules.clone());
        for args in [Args::NotRead, Args::Absent, Args::Unreadable] {
            let wants =
                |method: &str| set.wants_args(&at(&who, &crm), &command(method, "/").with_args(args.clone()));
            assert_eq!((wants("GET"), wants("POST")), (get, post), "{rules:?} {args:?}");
        }
    }
}
