//! Conditions on the settings that a SQL text changes, and on changes of all rows.

use std::sync::Arc;

use crate::domain::Class;
use crate::domain::Effect;
use crate::domain::command::Words;
use crate::policy::Matcher;
use crate::policy::PolicyRule;
use crate::policy::PolicySet;
use crate::policy::tests::at;
use crate::policy::tests::command;
use crate::policy::tests::connection;
use crate::policy::tests::everybody;
use crate::policy::tests::principal;
use crate::policy::tests::rule;
use crate::policy::tests::set;
use crate::policy::tests::sql::garbage;
use crate::policy::tests::sql::left;
use crate::policy::tests::sql::says;
use crate::policy::tests::sql::sql;
use crate::policy::tests::texts;

fn settings(globs: &[&str]) -> Matcher {
    Matcher { settings: texts(globs), ..Matcher::default() }
}

fn all_rows(wanted: bool) -> Matcher {
    Matcher { all_rows: Some(wanted), ..Matcher::default() }
}

#[test]
fn settings_are_any_for_what_holds_back_and_all_for_what_lets_pass() {
    let read = |words| sql(Class::Read, words);
    for (globs, command, expected) in [
        (&["role"][..], read("s:role"), "AHPD"),
        (&["role"], read("s:work_mem"), "----"),
        (&["role"], read("s:role s:work_mem"), "-H-D"),
        (&["app.*", "role"], read("s:role s:app.tenant"), "AHPD"),
        (&["app.*"], read("s:application_name"), "----"),
        (&["role"], read("t:x"), "A---"),
        // A reset of all settings, and a computed name, may be this one.
        (&["role"], read("s:all"), "-HPD"),
        (&["role"], read("s:?"), "-HPD"),
        (&["*"], read("s:all s:?"), "AHPD"),
        (&["role"], read("run:p"), "-HPD"),
        (&["role"], garbage(), "-H-D"),
        (&["*"], command("GET", "/"), "----"),
        (&["search_path"], sql(Class::Write, "path:hr"), "AHPD"),
        (&["search_path"], sql(Class::Write, "path:?"), "AHPD"),
        (&["role"], sql(Class::Write, "path:?"), "----"),
    ] {
        assert_eq!(says(&settings(globs), &command), expected, "{globs:?} {command:?}");
    }
    // Names have moved before: that is no change by this text.
    let mut moved = read("t:x");
    if let Words::Sql(sql) = &mut moved.words {
        sql.effects = sql.effects.as_ref().map(|effects| Arc::new(effects.with_moved_names()));
    }
    assert_eq!(says(&settings(&["search_path"]), &moved), "A---");
    assert_eq!(left(&settings(&["app.*"]), &sql(Class::Write, "s:app.x")), "--");
    assert_eq!(left(&settings(&["app.*"]), &sql(Class::Write, "s:app.x s:role")), "-D");
    for text in ["Role", "a b", "", "app.\u{200b}x", "all"] {
        let problems =
            PolicySet::compile(vec![rule("r", Effect::Deny, settings(&[text]))], 1).expect_err(text);
        assert_eq!((problems[0].key.as_str(), problems[0].value.as_str()), ("match.settings", text));
    }
}

#[test]
fn all_rows_is_a_yes_or_a_no() {
    let write = |words| sql(Class::Write, words);
    for (wanted, command, expected) in [
        (true, write("all:rows"), "AHPD"),
        (true, write("t:x"), "----"),
        (false, write("all:rows"), "----"),
        (false, write("t:x"), "AHPD"),
        // What an earlier text prepared may contain one, beside what this one contains.
        (true, write("run:p"), "-HPD"),
        (false, write("run:p"), "-HPD"),
        (true, write("run:p all:rows"), "-HPD"),
        // A condition that lets pass covers the whole text.
        (true, write("all:rows some:rows"), "-H-D"),
        (true, write("all:rows v:delete v:insert"), "-H-D"),
        (true, write("all:rows v:delete v:truncate"), "-H-D"),
        (true, write("all:rows v:delete v:select"), "AHPD"),
        (false, write("all:rows some:rows"), "----"),
        (true, write("some:rows"), "----"),
        (false, write("some:rows"), "AHPD"),
        (false, write("run:p all:rows"), "----"),
        (true, garbage(), "-H-D"),
        (false, garbage(), "-H-D"),
        (true, command("GET", "/"), "----"),
    ] {
        assert_eq!(says(&all_rows(wanted), &command), expected, "{wanted} {command:?}");
    }
    assert_eq!(left(&all_rows(false), &write("t:x")), "--");
    assert_eq!(left(&all_rows(false), &write("all:rows")), "AD");
    // The same condition twice is not reported as a mistake: one side is unsure where the other is not.
    let twice = PolicyRule { unless: Some(all_rows(false)), ..rule("r", Effect::Deny, all_rows(true)) };
    assert!(PolicySet::compile(vec![twice], 1).is_ok());
}

#[test]
fn an_explanation_says_what_is_set_and_whether_it_is_for_all_rows() {
    let (who, appdb) = (principal("dev/a", &[]), connection("appdb", &[]));
    let rules = set(vec![
        rule("all", Effect::Allow, Matcher { operations: Class::ALL.to_vec(), ..everybody() }),
        rule("roles", Effect::Deny, settings(&["role"])),
        rule("some", Effect::Allow, Matcher { subjects: texts(&["*"]), ..all_rows(false) }),
        rule("whole", Effect::Deny, all_rows(true)),
    ]);
    let shown = rules.explain(&at(&who, &appdb), &sql(Class::Write, "all:rows s:app.x s:?")).to_string();
    for line in [
        "  settings: ?, app.x\n",
        "  all rows: an UPDATE or DELETE of all rows\n",
        "not sure, counts as held: match.settings wants role, found ?, app.x\n",
        "match.all_rows wants no UPDATE or DELETE of all rows, found one\n",
        "deny by whole\n",
    ] {
        assert!(shown.contains(line), "{line}{shown}");
    }
}
