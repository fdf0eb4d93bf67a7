//! What was used, and the policies that are written for it.

use std::sync::Arc;

use super::*;
use crate::config;
use crate::config::Entity;
use crate::domain::Kin;
use crate::domain::Protocol;
use crate::domain::command::Args;
use crate::domain::entity::EntityKind;
use crate::domain::sql::Effects;
use crate::domain::sql::Relation;

fn http(method: &str, path: &str) -> Command {
    let class = if method == "GET" { Class::Read } else { Class::Write };
    let http = HttpCommand { method: method.into(), path: path.into(), query: "".into(), args: Args::Absent };
    Command { protocol: Protocol::Http, class, words: Words::Http(http) }
}

fn sql(class: Class, verb: Verb, tables: &[&str]) -> Command {
    let relation = |name: &&str| Relation {
        object: Object { schema: None, name: (*name).into() },
        access: Access::Read,
        only: false,
    };
    let effects = Effects {
        classes: [class].into(),
        verbs: [verb].into(),
        relations: tables.iter().map(relation).collect(),
        ..Effects::default()
    };
    let words = SqlCommand {
        text: "".into(),
        effects: Some(Arc::new(effects)),
        base: class,
        opaque: vec![],
        kin: Kin::default(),
    };
    Command { protocol: Protocol::Postgres, class, words: Words::Sql(words) }
}

/// Returns the `match` of each policy, as displayed.
fn matches(commands: &[Command]) -> Vec<String> {
    let mut used = Used::default();
    for command in commands {
        assert!(used.add(command), "{command:?}");
    }
    let rules = used.policies(&Who::Group("ops".to_owned()), "x");
    for rule in &rules {
        // The configuration parses what is rendered.
        let text = config::render_entity(&Entity::Policy(rule.clone()));
        let read = config::parse_entity(EntityKind::Policy, &text, Origin::Store).unwrap();
        assert_eq!(read, Entity::Policy(rule.clone()));
    }
    rules.iter().map(|rule| rule.matches.to_string().replace("groups = ops; connections = x; ", "")).collect()
}

#[test]
fn methods_share_a_policy_only_where_they_share_their_paths() {
    assert_eq!(
        matches(&[http("GET", "/a/1"), http("GET", "/a/2"), http("DELETE", "/a/1"), http("HEAD", "/a/1")]),
        ["methods = GET; paths = /a/*", "methods = DELETE, HEAD; paths = /a/1"]
    );
    let upgrade = Command { class: Class::Unknown, ..http("GET", "/ws") };
    assert_eq!(matches(&[upgrade]), ["operations = unknown; methods = GET; paths = /ws"]);
}

#[test]
fn sql_is_told_apart_by_what_it_does() {
    assert_eq!(
        matches(&[
            sql(Class::Read, Verb::Select, &["b"]),
            sql(Class::Read, Verb::Select, &["a"]),
            sql(Class::Read, Verb::Show, &[]),
            sql(Class::Write, Verb::Update, &["b"]),
        ]),
        [
            "operations = read; tables = public.a, public.b; verbs = select",
            "operations = read; tables = pg_catalog.pg_no_table; verbs = show",
            "operations = write; tables = public.b; verbs = update",
        ]
    );
    assert!(!Used::default().add(&sql(Class::Unknown, Verb::Do, &[])), "what may do anything");
}

fn changing(verbs: &[Verb], changed: &[&str], read: &[&str]) -> Command {
    let relation = |access| {
        move |name: &&str| Relation {
            object: Object { schema: None, name: (*name).into() },
            access,
            only: false,
        }
    };
    let changed = changed.iter().map(relation(Access::Write));
    let effects = Effects {
        classes: [Class::Write].into(),
        verbs: verbs.iter().copied().collect(),
        relations: changed.chain(read.iter().map(relation(Access::Read))).collect(),
        ..Effects::default()
    };
    let effects = Some(Arc::new(effects));
    let words =
        SqlCommand { text: "".into(), effects, base: Class::Write, opaque: vec![], kin: Kin::default() };
    Command { protocol: Protocol::Postgres, class: Class::Write, words: Words::Sql(words) }
}

#[test]
fn what_a_text_only_reads_may_not_be_changed() {
    for (command, left_out) in [
        (changing(&[Verb::Update], &["orders"], &["orders"]), None),
        (changing(&[Verb::Truncate], &["a", "b"], &[]), None),
        (
            changing(&[Verb::Update], &["orders"], &["customers", "orders"]),
            Some("update of public.orders that reads public.customers"),
        ),
        (
            changing(&[Verb::Insert, Verb::Delete], &["a", "b"], &[]),
            Some("insert, delete of public.a, public.b"),
        ),
    ] {
        assert_eq!(mixed(&command).as_deref(), left_out);
        assert_eq!(Used::default().add(&command), left_out.is_none(), "{command:?}");
    }
    let mut moved = sql(Class::Read, Verb::Select, &["a"]);
    let Words::Sql(words) = &mut moved.words else { panic!() };
    words.effects = words.effects.as_ref().map(|effects| Arc::new(effects.with_moved_names()));
    assert!(!Used::default().add(&moved), "names lead elsewhere");
}

#[test]
fn functions_stay_those_of_the_deciding_policy() {
    let matches = Matcher { functions: vec!["pg_catalog.lower".to_owned()], ..Matcher::default() };
    let mut used = Used::under(Guards { matches, ..Guards::default() });
    assert!(used.add(&sql(Class::Read, Verb::Select, &["a"])));
    let rules = used.policies(&Who::Group("ops".to_owned()), "x");
    assert_eq!(rules[0].matches.functions, ["pg_catalog.lower"]);
}

#[test]
fn mcp_is_named_and_handshakes_need_no_policy_of_their_own() {
    let of = |command: McpCommand| command.into_command(Class::Unknown);
    let list = || of(McpCommand::new("tools/list"));
    assert_eq!(matches(&[list()]), ["methods = tools/list"]);
    assert_eq!(
        matches(&[
            list(),
            of(McpCommand::call("echo")),
            of(McpCommand::get_prompt("p")),
            of(McpCommand::read_resource("a://t/1")),
            of(McpCommand::read_resource("a://t/2")),
            of(McpCommand::new("logging/setLevel")),
        ]),
        [
            "tools = echo",
            "prompts = p",
            "methods = resources/read; resources = a://t/*",
            "methods = logging/setLevel"
        ]
    );
}

#[test]
fn a_name_that_would_be_a_pattern_comes_into_no_policy() {
    let of = |command: McpCommand| command.into_command(Class::Unknown);
    for command in [
        http("G*T", "/a"),
        of(McpCommand::call("*")),
        of(McpCommand::get_prompt("p*")),
        of(McpCommand::read_resource("a://**")),
        of(McpCommand::new("x/*")),
        sql(Class::Read, Verb::Select, &["a", "b*"]),
        sql(Class::Read, Verb::Select, &["a.b"]),
    ] {
        let mut used = Used::default();
        assert!(!used.add(&command), "{command:?}");
        assert_eq!(used, Used::default());
    }
    assert_eq!(matches(&[http("GET", "/a*")]), ["methods = GET; paths = /a%2A"]);
}

#[test]
fn an_id_is_one_that_policies_may_have() {
    let long = "x".repeat(80);
    for (who, number, expected) in [
        (Who::Group("Ops Team".to_owned()), None, "crm-ops-team".to_owned()),
        (Who::Subject("idp/ö".to_owned()), Some(2), "crm-idp---2".to_owned()),
        (Who::Client(long), Some(12), format!("crm-{}-12", "x".repeat(56))),
    ] {
        let found = id(&who, "crm", number);
        assert!(found.len() <= ID_MAX, "{found}");
        assert_eq!(found, expected);
    }
}
