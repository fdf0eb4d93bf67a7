//! Conditions on SQL texts: tables of verdicts, and general properties.

use std::sync::Arc;

use proptest::prelude::*;

use crate::domain::Class;
use crate::domain::Command;
use crate::domain::Effect;
use crate::domain::Kin;
use crate::domain::Protocol;
use crate::domain::SqlCommand;
use crate::domain::command::Words;
use crate::domain::sql::Access;
use crate::domain::sql::Column;
use crate::domain::sql::Effects;
use crate::domain::sql::Function;
use crate::domain::sql::NameAction;
use crate::domain::sql::NameUse;
use crate::domain::sql::Object;
use crate::domain::sql::Reason;
use crate::domain::sql::Relation;
use crate::domain::sql::Setting;
use crate::domain::sql::Verb;
use crate::policy::Matcher;
use crate::policy::PolicyRule;
use crate::policy::PolicySet;
use crate::policy::RuleOutcome;
use crate::policy::SqlSummary;
use crate::policy::tests::at;
use crate::policy::tests::command;
use crate::policy::tests::connection;
use crate::policy::tests::decide;
use crate::policy::tests::everybody;
use crate::policy::tests::ids;
use crate::policy::tests::principal;
use crate::policy::tests::rule;
use crate::policy::tests::set;
use crate::policy::tests::spec;
use crate::policy::tests::table;
use crate::policy::tests::texts;

fn object(text: &str) -> Object {
    match text.rsplit_once('.') {
        Some((schema, name)) => Object { schema: Some(schema.into()), name: name.into() },
        None => Object { schema: None, name: text.into() },
    }
}

/// Returns a text with the effects that the words describe: `t:` a table, `c:` a column, `f:` a function,
/// `o:` one with unknown effects, `v:` a verb, `k:` a class beside the base, `path:` a search path, `s:`
/// another setting, `in:` any relation of a schema, `q:` a sequence, `all:` all rows, `some:` not all, `run:`
/// and `fetch:` a name of an earlier text.
pub(super) fn sql(base: Class, words: &str) -> Command {
    let mut effects = Effects { statements: 1, ..Effects::default() };
    effects.classes.insert(Class::Read);
    effects.classes.insert(base);
    for word in words.split_whitespace() {
        let (kind, name) = word.split_once(':').expect(word);
        let function = || Function { object: object(name), arguments: 1 };
        match kind {
            "t" => {
                effects.relations.insert(Relation {
                    object: object(name),
                    access: Access::Read,
                    only: false,
                });
            }
            "c" => {
                let whole = object(name);
                let relation = whole.schema.as_deref().map(object);
                let name = (&*whole.name != "*").then_some(whole.name);
                effects.columns.insert(Column { relation, name, access: Access::Read });
            }
            "f" => {
                effects.functions.insert(function());
            }
            "o" => {
                effects.functions.insert(function());
                effects.opaque.insert(function());
            }
            "v" => {
                effects.verbs.insert(*Verb::ALL.iter().find(|verb| verb.as_str() == name).expect(name));
            }
            "k" => {
                effects.classes.insert(Class::parse(name).expect(name));
            }
            "s" => {
                let name = (name != "?").then(|| name.into());
                effects.settings.insert(Setting { name, value: Some("x".into()) });
            }
            "in" => {
                effects.schemas.insert((name != "?").then(|| name.into()));
            }
            "q" => {
                effects.sequences.insert((name != "?").then(|| object(name)));
            }
            "all" => effects.all_rows = true,
            "some" => effects.some_rows = true,
            "path" => {
                let value = (name != "?").then(|| name.into());
                effects.settings.insert(Setting { name: Some("search_path".into()), value });
            }
            "run" => effects.names.push(NameUse { action: NameAction::Execute, name: Some(name.into()) }),
            "prepare" => effects.names.push(NameUse { action: NameAction::Prepare, name: Some(name.into()) }),
            "fetch" => effects.names.push(NameUse { action: NameAction::Fetch, name: Some(name.into()) }),
            other => panic!("{other}"),
        }
    }
    let opaque: Vec<Function> = effects.opaque.iter().cloned().collect();
    let class = if opaque.is_empty() { base } else { Class::Unknown };
    let text = Arc::from("SELECT …");
    let words =
        Words::Sql(SqlCommand { text, effects: Some(Arc::new(effects)), base, opaque, kin: Kin::default() });
    Command { protocol: Protocol::Postgres, class, words }
}

/// Returns a text that was not understood.
pub(super) fn garbage() -> Command {
    let words = Words::Sql(SqlCommand {
        text: Arc::from("SELEC"),
        effects: None,
        base: Class::Unknown,
        opaque: Vec::new(),
        kin: Kin::default(),
    });
    Command { protocol: Protocol::Postgres, class: Class::Unknown, words }
}

fn tables(globs: &[&str]) -> Matcher {
    Matcher { tables: texts(globs), ..Matcher::default() }
}

fn columns(globs: &[&str]) -> Matcher {
    Matcher { columns: texts(globs), ..Matcher::default() }
}

fn columns_not(globs: &[&str]) -> Matcher {
    Matcher { columns_not: texts(globs), ..Matcher::default() }
}

fn functions(globs: &[&str]) -> Matcher {
    Matcher { functions: texts(globs), ..Matcher::default() }
}

fn verbs(verbs: &[Verb]) -> Matcher {
    Matcher { verbs: verbs.to_vec(), ..Matcher::default() }
}

fn operations(classes: &[Class]) -> Matcher {
    Matcher { operations: classes.to_vec(), ..Matcher::default() }
}

/// Returns an allow of everything.
fn all() -> PolicyRule {
    rule("all", Effect::Allow, Matcher { operations: Class::ALL.to_vec(), ..everybody() })
}

/// Returns the results of policies with this `match`: `A`: an allow lets the command pass; `H`: an approve
/// holds what another policy lets pass; `P`: the approve alone lets it pass after approval; `D`: a deny
/// holds.
pub(super) fn says(matches: &Matcher, command: &Command) -> String {
    let who = principal("dev/a", &[]);
    let known = Matcher { subjects: texts(&["*"]), ..matches.clone() };
    let approve = rule("tested", Effect::Approve, known.clone());
    let effect = |rules: Vec<PolicyRule>| decide(&set(rules), &who, command).effect;
    [
        ('A', effect(vec![rule("tested", Effect::Allow, known)]) == Effect::Allow),
        ('H', effect(vec![approve.clone(), all()]) == Effect::Approve),
        ('P', effect(vec![approve]) == Effect::Approve),
        ('D', effect(vec![rule("tested", Effect::Deny, matches.clone()), all()]) == Effect::Deny),
    ]
    .into_iter()
    .map(|(mark, yes)| if yes { mark } else { '-' })
    .collect()
}

/// Returns the effect of an `unless` on policies for everything: `A`: the allow still holds, `D`: the deny
/// does.
pub(super) fn left(unless: &Matcher, command: &Command) -> String {
    let who = principal("dev/a", &[]);
    let with = |effect| PolicyRule { id: "tested".to_owned(), unless: Some(unless.clone()), effect, ..all() };
    let allowed = decide(&set(vec![with(Effect::Allow)]), &who, command).effect == Effect::Allow;
    let denied = decide(&set(vec![with(Effect::Deny), all()]), &who, command).effect == Effect::Deny;
    [('A', allowed), ('D', denied)].into_iter().map(|(mark, yes)| if yes { mark } else { '-' }).collect()
}

#[test]
fn what_is_not_named_but_may_be_used_stops_and_is_never_allowed_by_parts() {
    for (globs, words, wanted) in [
        // Any relation of a schema.
        (&["hr.*"][..], "in:hr", "AHPD"),
        (&["*"], "in:hr", "AHPD"),
        (&["hr.payroll"], "in:hr", "-HPD"),
        (&["payroll"], "in:hr", "-HPD"),
        (&["crm.*"], "in:hr", "----"),
        (&["crm.orders"], "in:hr", "----"),
        (&["HR.*"], "in:hr", "-HPD"),
        (&["crm.orders"], "t:crm.orders in:hr", "-H-D"),
        // Any relation.
        (&["*"], "in:?", "AHPD"),
        (&["*.*"], "in:?", "AHPD"),
        (&["hr.*"], "in:?", "-HPD"),
        (&["crm.orders"], "t:crm.orders in:?", "-HPD"),
        // Sequences.
        (&["hr.*"], "q:hr.s", "AHPD"),
        (&["hr.*"], "q:s", "-HPD"),
        (&["hr.payroll"], "q:hr.s", "----"),
        (&["hr.payroll"], "q:?", "-HPD"),
        (&["*"], "q:?", "AHPD"),
        (&["crm.orders"], "t:crm.orders q:crm.s", "-H-D"),
    ] {
        let command = sql(Class::Write, words);
        assert_eq!(says(&tables(globs), &command), wanted, "{globs:?} {words}");
    }
    let shown = SqlSummary::of(&sql(Class::Write, "t:a in:hr in:? q:s")).unwrap().tables;
    assert_eq!(shown, ["*", "a", "hr.*", "s"]);
}

#[test]
fn tables_are_any_for_what_holds_back_and_all_for_what_lets_pass() {
    let read = |words| sql(Class::Read, words);
    for (globs, command, expected) in [
        (&["crm.customers"][..], read("t:crm.customers"), "AHPD"),
        (&["crm.customers"], read("t:crm.orders"), "----"),
        (&["crm.customers"], read("t:crm.customers t:crm.orders"), "-H-D"),
        (&["crm.customers", "crm.o*"], read("t:crm.customers t:crm.orders"), "AHPD"),
        // Perhaps this one, perhaps another.
        (&["crm.customers"], read("t:customers"), "-HPD"),
        (&["crm.customers"], read("t:customers t:hr.x"), "-H-D"),
        (&["public.customers"], read("t:customers"), "AHPD"),
        (&["public.*"], read("t:pg_authid"), "-HPD"),
        (&["customers"], read("t:hr.customers"), "AHPD"),
        (&["customers"], read("t:Customers"), "-HPD"),
        // A text that names nothing has an empty list, which matches no condition that stops.
        (&["crm.customers"], read("f:now"), "A---"),
        // What the text does not show.
        (&["crm.customers"], garbage(), "-H-D"),
        (&["*"], garbage(), "-H-D"),
        (&["crm.customers"], read("run:p"), "-HPD"),
        (&["*"], read("run:p"), "-HPD"),
        (&["crm.customers"], read("t:crm.customers run:p"), "-HPD"),
        (&["crm.customers"], read("t:crm.customers prepare:p run:p"), "AHPD"),
        (&["crm.customers"], read("t:crm.customers run:p prepare:p"), "-HPD"),
        (&["crm.customers"], read("fetch:c"), "A---"),
        // A text that changes the meaning of names without a schema.
        (&["public.*"], sql(Class::Write, "path:hr,public t:customers"), "-HPD"),
        (&["public.*"], sql(Class::Write, "path:hr"), "----"),
        (&["public.*"], sql(Class::Admin, "path:?"), "----"),
        (&["public.*"], read("path:?"), "A---"),
        (&["public.*"], read("path:\"$user\",public t:customers"), "AHPD"),
        (&["public.*"], sql(Class::Admin, "path:public,pg_catalog t:customers"), "-HPD"),
        // Not SQL.
        (&["*"], command("GET", "/"), "----"),
    ] {
        assert_eq!(says(&tables(globs), &command), expected, "{globs:?} {command:?}");
    }
}

#[test]
fn columns_are_any_for_what_holds_back_and_all_for_what_lets_pass() {
    let read = |words| sql(Class::Read, words);
    for (matches, command, expected) in vec![
        (columns(&["*.ssn"]), read("c:ssn"), "AHPD"),
        (columns(&["ssn"]), read("c:crm.customers.ssn c:id"), "-H-D"),
        (columns(&["ssn"]), read("c:id"), "----"),
        (columns(&["ssn"]), read("c:*"), "-HPD"),
        (columns(&["ssn"]), read("c:customers.*"), "-HPD"),
        (columns(&["crm.customers.ssn"]), read("c:crm.orders.*"), "----"),
        (columns(&["crm.customers.ssn"]), read("c:ssn"), "-HPD"),
        (columns(&["id", "name"]), read("c:id c:customers.name"), "AHPD"),
        (columns(&["id"]), read("c:id c:ssn"), "-H-D"),
        (columns(&["*"]), read("c:*"), "AHPD"),
        (columns(&["ssn"]), read("t:customers"), "A---"),
        (columns(&["ssn"]), garbage(), "-H-D"),
        (columns(&["ssn"]), read("run:p"), "-HPD"),
        (columns(&["*"]), command("GET", "/"), "----"),
        // None of them: for an allow certainly none, for the others perhaps none.
        (columns_not(&["*.ssn"]), read("c:id c:name"), "AHPD"),
        (columns_not(&["*.ssn"]), read("c:id c:ssn"), "----"),
        (columns_not(&["*.ssn"]), read("c:*"), "-HPD"),
        (columns_not(&["*.ssn"]), read("c:customers.*"), "-HPD"),
        (columns_not(&["*.ssn"]), read("c:SSN"), "-HPD"),
        (columns_not(&["customers.ssn"]), read("c:ssn"), "-HPD"),
        (columns_not(&["customers.ssn"]), read("c:orders.*"), "AHPD"),
        (columns_not(&["*.ssn"]), read("t:customers"), "AHPD"),
        (columns_not(&["*.ssn"]), garbage(), "-H-D"),
        (columns_not(&["*.ssn"]), read("run:p"), "-HPD"),
        (columns_not(&["*.ssn"]), command("GET", "/"), "----"),
    ] {
        assert_eq!(says(&matches, &command), expected, "{matches} {command:?}");
    }
}

#[test]
fn a_function_that_is_named_does_not_make_a_text_unknown() {
    let refund = || functions(&["public.refund"]);
    let reads = || Matcher { operations: vec![Class::Read], ..refund() };
    for (matches, command, expected) in [
        (refund(), sql(Class::Read, "o:refund"), "AHPD"),
        (refund(), sql(Class::Read, "o:public.refund"), "AHPD"),
        (refund(), sql(Class::Write, "o:public.refund"), "AHPD"),
        (refund(), sql(Class::Read, "o:hr.refund"), "----"),
        (refund(), sql(Class::Read, "o:refund o:purge"), "-H-D"),
        // This name does not match with certainty.
        (refund(), sql(Class::Read, "o:Refund"), "-H-D"),
        // A code block is unknown by itself.
        (refund(), sql(Class::Unknown, "o:refund"), "-H-D"),
        (refund(), garbage(), "-H-D"),
        // A known function needs no name in the policy, but may have one.
        (refund(), sql(Class::Read, "f:lower"), "A---"),
        (refund(), sql(Class::Read, "f:public.refund"), "AHPD"),
        (refund(), command("GET", "/"), "----"),
        // The rest of the text is judged by its own class.
        (reads(), sql(Class::Read, "o:refund"), "AHPD"),
        (reads(), sql(Class::Write, "o:refund"), "----"),
        (reads(), sql(Class::Read, "o:refund o:purge"), "-H-D"),
        (Matcher { operations: vec![Class::Unknown], ..refund() }, sql(Class::Read, "o:refund"), "AHPD"),
        (Matcher { operations: vec![Class::Unknown], ..refund() }, sql(Class::Read, "o:purge"), "----"),
        (Matcher { operations: vec![Class::Unknown], ..refund() }, sql(Class::Unknown, "o:refund"), "AHPD"),
        // Without the name of the function it stays unknown.
        (Matcher::default(), sql(Class::Read, "o:refund"), "-H-D"),
        (tables(&["*"]), sql(Class::Read, "o:refund t:x"), "-H-D"),
    ] {
        let matches = if matches.is_empty() { everybody() } else { matches };
        assert_eq!(says(&matches, &command), expected, "{matches} {command:?}");
    }
}

#[test]
fn a_worse_effect_does_not_hide_another() {
    let both = || sql(Class::Ddl, "k:write");
    for (classes, command, expected) in [
        (&[Class::Write][..], sql(Class::Write, ""), "AHPD"),
        (&[Class::Read], sql(Class::Write, ""), "----"),
        (&[Class::Ddl, Class::Write], both(), "AHPD"),
        // `CREATE TABLE x(); DELETE FROM t` is a write too.
        (&[Class::Write], both(), "-H-D"),
        (&[Class::Ddl], both(), "-H-D"),
        (&[Class::Admin], both(), "----"),
        // So is `DELETE FROM t WHERE refund(id)`.
        (&[Class::Write], sql(Class::Write, "o:refund"), "-H-D"),
        (&[Class::Read], sql(Class::Read, "o:refund"), "-H-D"),
        (&[Class::Unknown], sql(Class::Write, "o:refund"), "AHPD"),
        (&[Class::Unknown], garbage(), "AHPD"),
        (&[Class::Write], garbage(), "----"),
    ] {
        let matches = operations(classes);
        assert_eq!(says(&matches, &command), expected, "{matches} {command:?}");
    }
    // The function's name does not let the rest of the text past any deny.
    let who = principal("dev/a", &[]);
    let rules = |deny: &[Class]| {
        let refund = Matcher { subjects: texts(&["*"]), ..functions(&["public.refund"]) };
        set(vec![rule("refund", Effect::Allow, refund), rule("deny", Effect::Deny, operations(deny))])
    };
    let text = |base| sql(base, "o:refund");
    for (deny, base, expected) in [
        (Class::Write, Class::Read, "refund"),
        (Class::Write, Class::Write, "deny"),
        (Class::Unknown, Class::Read, "deny"),
    ] {
        assert_eq!(ids(&decide(&rules(&[deny]), &who, &text(base))), [expected], "{deny} {base}");
    }
}

#[test]
fn verbs_are_words_of_the_statements() {
    let read = |words| sql(Class::Read, words);
    for (matches, command, expected) in [
        (verbs(&[Verb::Select]), read("v:select"), "AHPD"),
        (verbs(&[Verb::Select]), read("v:select v:copy_out"), "-H-D"),
        (verbs(&[Verb::CopyOut]), read("v:select v:copy_out"), "-H-D"),
        (verbs(&[Verb::CopyOut]), read("v:select"), "----"),
        (verbs(&[Verb::Select]), read(""), "A---"),
        (verbs(&[Verb::Select]), garbage(), "-H-D"),
        (verbs(&[Verb::Execute]), read("v:execute run:p"), "AHPD"),
        (verbs(&[Verb::Select]), command("GET", "/"), "----"),
    ] {
        assert_eq!(says(&matches, &command), expected, "{matches} {command:?}");
    }
}

#[test]
fn an_excuse_asks_the_other_way_round() {
    let read = |words| sql(Class::Read, words);
    for (unless, command, expected) in [
        // An exception from an allow applies if one name may match, from a deny if all certainly match.
        (tables(&["crm.*"]), read("t:crm.a"), "--"),
        (tables(&["crm.*"]), read("t:crm.a t:hr.b"), "-D"),
        (tables(&["crm.*"]), read("t:hr.b"), "AD"),
        (tables(&["crm.*"]), read("t:a"), "-D"),
        (tables(&["crm.*"]), read(""), "A-"),
        (tables(&["crm.*"]), garbage(), "-D"),
        (columns(&["ssn"]), read("c:*"), "-D"),
        (columns(&["ssn"]), read("c:ssn"), "--"),
        (columns_not(&["ssn"]), read("c:*"), "-D"),
        (columns_not(&["ssn"]), read("c:id"), "--"),
        (columns_not(&["ssn"]), read("c:ssn"), "AD"),
        (functions(&["public.refund"]), read("o:refund"), "--"),
        (functions(&["public.refund"]), read("o:refund o:purge"), "-D"),
        (functions(&["public.refund"]), read("o:purge"), "AD"),
        (verbs(&[Verb::Select]), read("v:select v:insert"), "-D"),
        (Matcher { operations: vec![Class::Read], ..functions(&["public.refund"]) }, read("o:refund"), "--"),
        (
            Matcher { operations: vec![Class::Read], ..functions(&["public.refund"]) },
            sql(Class::Write, "o:refund"),
            "AD",
        ),
        (tables(&["*"]), command("GET", "/"), "AD"),
    ] {
        assert_eq!(left(&unless, &command), expected, "{unless} {command:?}");
    }
}

#[test]
fn what_only_a_request_has_no_text_has() {
    let text = sql(Class::Read, "t:x");
    for (matches, expected) in [
        (Matcher { paths: texts(&["/**"]), ..Matcher::default() }, "----"),
        (Matcher { paths: texts(&["/"]), ..Matcher::default() }, "----"),
        (Matcher { methods: texts(&["GET", "SELECT"]), ..Matcher::default() }, "----"),
        (Matcher { args: table(&[("a", "*")]), ..Matcher::default() }, "----"),
        (Matcher { args: table(&[("a", "!= 1")]), ..Matcher::default() }, "-HPD"),
    ] {
        assert_eq!(says(&matches, &text), expected, "{matches}");
    }
}

#[test]
fn an_approve_lets_pass_no_more_than_it_matches() {
    let who = principal("dev/a", &[]);
    let customers = || Matcher { subjects: texts(&["*"]), ..tables(&["crm.customers"]) };
    let orders = Matcher { subjects: texts(&["*"]), ..tables(&["crm.*"]) };
    let approve = rule("customers", Effect::Approve, customers());
    let alone = set(vec![approve.clone()]);
    let beside = set(vec![approve, rule("crm", Effect::Allow, orders)]);
    for (words, by_itself, with_allow) in [
        ("t:crm.customers", Effect::Approve, Effect::Approve),
        // The approval is for the customers; a grant for a while would open the salaries.
        ("t:crm.customers t:hr.salaries", Effect::Deny, Effect::Deny),
        ("t:crm.customers t:crm.orders", Effect::Deny, Effect::Approve),
        ("t:crm.orders", Effect::Deny, Effect::Allow),
    ] {
        let text = sql(Class::Read, words);
        assert_eq!(decide(&alone, &who, &text).effect, by_itself, "{words}");
        assert_eq!(decide(&beside, &who, &text).effect, with_allow, "{words}");
    }
    let appdb = connection("appdb", &[]);
    let shown = alone.explain(&at(&who, &appdb), &sql(Class::Read, "t:crm.customers t:hr.x")).to_string();
    assert!(shown.contains("✓ approve customers  holds back what another policy lets pass"), "{shown}");
}

#[test]
fn an_explanation_shows_what_the_text_does() {
    let (who, appdb) = (principal("dev/a", &[]), connection("appdb", &[]));
    let rules = set(vec![
        rule("no-hr", Effect::Deny, tables(&["hr.*"])),
        rule("no-ssn", Effect::Deny, columns(&["*.ssn"])),
        rule("refunds", Effect::Allow, Matcher { subjects: texts(&["*"]), ..functions(&["public.refund"]) }),
        rule("reads", Effect::Allow, Matcher { operations: vec![Class::Read], ..everybody() }),
        rule("crm", Effect::Allow, Matcher { subjects: texts(&["*"]), ..tables(&["crm.*"]) }),
        rule("web", Effect::Allow, Matcher { paths: texts(&["/**"]), ..everybody() }),
    ]);
    let mut text = sql(Class::Read, "t:a\u{1b}[2J t:crm.b c:crm.b.id o:purge f:lower");
    if let Words::Sql(sql) = &mut text.words {
        let mut effects = Effects::clone(sql.effects.as_ref().expect("effects"));
        effects.reasons.insert(Reason { class: Class::Unknown, words: "calls purge\u{1b}".into() });
        sql.effects = Some(Arc::new(effects));
    }
    assert_eq!(
        rules.explain(&at(&who, &appdb), &text).to_string(),
        "\
dev/a on appdb: SELECT … (unknown)
  tables: a\\u{1b}[2J, crm.b
  functions: lower, purge
  not known: purge
  why: unknown: calls purge\\u{1b}
✓ deny    no-hr    not sure, counts as held: match.tables wants hr.*, found a\\u{1b}[2J, crm.b
✗ deny    no-ssn   match.columns wants *.ssn, found crm.b.id
✗ allow   crm      match.operations wants read, write, ddl, admin, found unknown, read without purge
✗ allow   reads    match.operations wants read, found unknown, read without purge
✗ allow   refunds  match.operations wants read, write, ddl, admin, found unknown, read without purge
✗ allow   web      match.operations wants read, write, ddl, admin, found unknown, read without purge
deny by no-hr
"
    );
    let shown = rules.explain(&at(&who, &appdb), &garbage());
    assert!(shown.to_string().contains("  why: unknown: the SQL could not be understood\n"), "{shown}");
    let json = serde_json::to_value(&shown).expect("json");
    assert_eq!(json["sql"]["understood"], false);
    let shown = rules.explain(&at(&who, &appdb), &sql(Class::Read, "run:p t:crm.b")).to_string();
    assert!(
        shown.contains("match.tables wants only crm.*, found crm.b, what an earlier text has prepared\n"),
        "{shown}"
    );
    assert!(shown.contains("match.paths wants /**, found no HTTP request\n"), "{shown}");
    assert!(!shown.contains('\u{1b}'));
    let http = serde_json::to_value(rules.explain(&at(&who, &appdb), &command("GET", "/"))).expect("json");
    assert!(http.get("sql").is_none());
}

#[test]
fn patterns_that_are_none_are_told_with_their_value() {
    for (matches, key, value) in [
        (tables(&["crm.customers", "a.b.c"]), "match.tables", "a.b.c"),
        (columns(&["a.b.c.d"]), "match.columns", "a.b.c.d"),
        (columns_not(&["a."]), "match.columns_not", "a."),
        (functions(&["public.f()"]), "match.functions", "public.f()"),
    ] {
        for effect in [Effect::Deny, Effect::Allow, Effect::Approve] {
            let matches = Matcher { subjects: texts(&["*"]), ..matches.clone() };
            let problems = PolicySet::compile(vec![rule("r", effect, matches)], 1).expect_err(value);
            assert_eq!(problems.len(), 1, "{problems:?}");
            assert_eq!((problems[0].key.as_str(), problems[0].value.as_str()), (key, value));
        }
    }
    // One tests some names, the other all: not the same condition twice.
    let twice = PolicyRule { unless: Some(tables(&["hr.*"])), ..rule("r", Effect::Deny, tables(&["hr.*"])) };
    assert!(PolicySet::compile(vec![twice], 1).is_ok());
}

const TABLES: &[&str] = &["crm.a", "crm.*", "a", "hr.b", "public.a", "*", "pg_catalog.*"];
const COLUMNS: &[&str] = &["id", "*.ssn", "a.id", "crm.a.*", "hr.b.ssn", "*"];
const FUNCTIONS: &[&str] = &["public.f", "g", "hr.*", "*"];
const SETTINGS: &[&str] = &["role", "app.*", "*"];
const VERBS: &[Verb] = &[Verb::Select, Verb::Insert, Verb::Drop];

fn some(words: &'static [&'static str]) -> impl Strategy<Value = Vec<String>> {
    prop_oneof![
        2 => Just(Vec::new()),
        1 => prop::collection::vec(prop::sample::select(words), 1..3).prop_map(|words| texts(&words))
    ]
}

fn matcher(with_not: bool) -> impl Strategy<Value = Matcher> {
    let classes = prop::collection::vec(prop::sample::select(&Class::ALL[..]), 1..3);
    let classes = prop_oneof![2 => Just(Vec::new()), 1 => classes];
    let verbs =
        prop_oneof![3 => Just(Vec::new()), 1 => prop::collection::vec(prop::sample::select(VERBS), 1..3)];
    let not =
        prop_oneof![3 => Just(Vec::new()), 1 => prop::collection::vec(prop::sample::select(COLUMNS), 1..3)];
    let all_rows = prop::option::weighted(0.2, any::<bool>());
    let own = (some(SETTINGS), all_rows);
    (classes, some(TABLES), some(COLUMNS), not, some(FUNCTIONS), verbs, own).prop_map(
        move |(operations, tables, columns, not, functions, verbs, (settings, all_rows))| Matcher {
            settings,
            // As with `columns_not`, naming more may let more pass for a policy with `all_rows`.
            all_rows: all_rows.filter(|_| with_not),
            operations,
            tables,
            columns,
            columns_not: if with_not { texts(&not) } else { Vec::new() },
            functions,
            verbs,
            ..Matcher::default()
        },
    )
}

fn policy(with_not: bool) -> impl Strategy<Value = PolicyRule> {
    let effect = prop::sample::select(vec![Effect::Allow, Effect::Allow, Effect::Approve, Effect::Deny]);
    (effect, matcher(with_not), prop::option::weighted(0.2, matcher(with_not))).prop_map(
        |(effect, matches, unless)| PolicyRule {
            unless: unless.filter(|unless| !unless.is_empty()),
            approval: (effect == Effect::Approve).then(|| spec(&["dba"], 1)),
            ..rule("r", effect, Matcher { subjects: texts(&["*"]), ..matches })
        },
    )
}

fn policies(with_not: bool) -> impl Strategy<Value = Vec<PolicyRule>> {
    prop::collection::vec(policy(with_not), 0..6).prop_map(|policies| {
        let sound = policies.into_iter().filter(|policy| PolicySet::compile(vec![policy.clone()], 0).is_ok());
        sound.enumerate().map(|(place, policy)| PolicyRule { id: format!("r{place}"), ..policy }).collect()
    })
}

const NAMES: &[&str] = &[
    "t:crm.a",
    "t:a",
    "t:hr.b",
    "t:pg_class",
    "t:A",
    "c:id",
    "c:ssn",
    "c:a.id",
    "c:*",
    "c:crm.a.*",
    "f:lower",
    "o:f",
    "o:hr.g",
    "o:public.f",
    "v:select",
    "v:insert",
    "run:p",
    "fetch:c",
    "path:hr",
    "path:public",
    "s:role",
    "s:app.x",
    "s:all",
    "all:rows",
];

fn asks() -> impl Strategy<Value = (Class, Vec<&'static str>)> {
    let base = prop::sample::select(vec![Class::Read, Class::Read, Class::Write, Class::Ddl, Class::Unknown]);
    (base, prop::collection::vec(prop::sample::select(NAMES), 0..5))
}

fn effect(rules: Vec<PolicyRule>, what: &Command) -> Effect {
    let set = PolicySet::compile(rules, 1).expect("sound rules");
    set.decide(&at(&principal("dev/x", &[]), &connection("appdb", &[])), what).effect
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_order_of_the_rules_never_matters(rules in policies(true).prop_shuffle(), (base, names) in asks()) {
        let mut sorted = rules.clone();
        sorted.sort_by(|left, right| left.id.cmp(&right.id));
        let (who, appdb, what) = (principal("dev/x", &[]), connection("appdb", &[]), sql(base, &names.join(" ")));
        let verdict = |rules| PolicySet::compile(rules, 1).expect("sound").decide(&at(&who, &appdb), &what);
        prop_assert_eq!(verdict(rules), verdict(sorted));
    }

    #[test]
    fn one_more_pattern_makes_no_deny_weaker_and_no_allow_narrower(
        others in policies(true), list in 0_usize..4, more in any::<prop::sample::Index>(), deny in matcher(true), (base, names) in asks(),
    ) {
        let what = sql(base, &names.join(" "));
        // An empty list is no condition at all, so it gets one pattern before the other is added.
        let mut deny = deny;
        match list {
            0 if deny.tables.is_empty() => deny.tables.push("crm.a".to_owned()),
            1 if deny.columns.is_empty() => deny.columns.push("*.ssn".to_owned()),
            2 if deny.functions.is_empty() => deny.functions.push("public.f".to_owned()),
            3 if deny.verbs.is_empty() => deny.verbs.push(Verb::Select),
            _ => {}
        }
        let mut wider = deny.clone();
        match list {
            0 => wider.tables.push(TABLES[more.index(TABLES.len())].to_owned()),
            1 => wider.columns.push(COLUMNS[more.index(COLUMNS.len())].to_owned()),
            2 => wider.functions.push(FUNCTIONS[more.index(FUNCTIONS.len())].to_owned()),
            _ => wider.verbs.push(VERBS[more.index(VERBS.len())]),
        }
        let with = |effect: Effect, matches: &Matcher| {
            let matches = Matcher { subjects: texts(&["*"]), ..matches.clone() };
            [others.clone(), vec![rule("tested", effect, matches)]].concat()
        };
        prop_assert!(effect(with(Effect::Deny, &wider), &what) >= effect(with(Effect::Deny, &deny), &what));
        prop_assert!(effect(with(Effect::Allow, &wider), &what) <= effect(with(Effect::Allow, &deny), &what));
    }

    #[test]
    fn one_more_forbidden_column_makes_no_allow_wider(
        others in policies(true), more in prop::sample::select(COLUMNS), allow in matcher(true), (base, names) in asks(),
    ) {
        let what = sql(base, &names.join(" "));
        let mut narrower = allow.clone();
        narrower.columns_not.push(more.to_owned());
        let with = |matches: &Matcher| {
            let matches = Matcher { subjects: texts(&["*"]), ..matches.clone() };
            [others.clone(), vec![rule("tested", Effect::Allow, matches)]].concat()
        };
        prop_assert!(effect(with(&narrower), &what) >= effect(with(&allow), &what));
    }

    #[test]
    fn to_name_more_never_turns_what_waits_or_is_blocked_into_a_pass(
        rules in policies(false), (base, names) in asks(), more in prop::sample::select(NAMES),
    ) {
        // It would change the class, and a policy may name only the other one.
        prop_assume!(!more.starts_with("o:"));
        let less = effect(rules.clone(), &sql(base, &names.join(" ")));
        let after = effect(rules, &sql(base, &format!("{} {more}", names.join(" "))));
        prop_assert!(after != Effect::Allow || less == Effect::Allow);
    }

    #[test]
    fn an_explanation_says_what_the_decision_did(rules in policies(true), (base, names) in asks()) {
        let set = PolicySet::compile(rules, 1).expect("sound");
        let appdb = connection("appdb", &[]);
        let explanation = set.explain(&at(&principal("dev/x", &[]), &appdb), &sql(base, &names.join(" ")));
        let held: Vec<_> = explanation.rules.iter().filter_map(|rule| match &rule.outcome {
            RuleOutcome::Held { only_holds_back, .. } => Some((rule.effect, *only_holds_back)),
            RuleOutcome::Failed { .. } => None,
        }).collect();
        let has = |effect: Effect| held.iter().any(|(held, _)| *held == effect);
        let grants = held.iter().any(|(effect, holds_back)| *effect == Effect::Allow || (*effect == Effect::Approve && !holds_back));
        let strictest = if has(Effect::Deny) || !grants { Effect::Deny } else if has(Effect::Approve) { Effect::Approve } else { Effect::Allow };
        prop_assert_eq!(explanation.verdict.effect, strictest);
    }
}

#[test]
fn the_generated_rules_reach_every_verdict() {
    use proptest::strategy::ValueTree;
    use proptest::test_runner::TestRunner;
    let mut runner = TestRunner::deterministic();
    let mut seen = std::collections::BTreeMap::new();
    for _ in 0..2000 {
        let rules = policies(true).new_tree(&mut runner).expect("rules").current();
        let (base, names) = asks().new_tree(&mut runner).expect("ask").current();
        *seen.entry(effect(rules, &sql(base, &names.join(" ")))).or_insert(0) += 1;
    }
    assert!(
        [Effect::Allow, Effect::Approve, Effect::Deny].iter().all(|effect| seen.get(effect) > Some(&50)),
        "{seen:?}"
    );
}
