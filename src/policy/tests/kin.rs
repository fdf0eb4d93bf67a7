//! What shares rows with the relations of a text counts where a condition holds back, and nowhere else.

use std::sync::Arc;

use crate::domain::Class;
use crate::domain::Command;
use crate::domain::Connection;
use crate::domain::Effect;
use crate::domain::Kin;
use crate::domain::Protocol;
use crate::domain::command::Words;
use crate::domain::sql::Object;
use crate::policy::Matcher;
use crate::policy::PolicyRule;
use crate::policy::Subject;
use crate::policy::tests::NOW;
use crate::policy::tests::connection;
use crate::policy::tests::everybody;
use crate::policy::tests::principal;
use crate::policy::tests::rule;
use crate::policy::tests::set;
use crate::policy::tests::sql::left;
use crate::policy::tests::sql::says;
use crate::policy::tests::sql::sql;
use crate::policy::tests::texts;

fn object(text: &str) -> Object {
    let (schema, name) = text.split_once('.').unwrap();
    Object { schema: Some(schema.into()), name: name.into() }
}

/// A text that names `events`, of which `public.events_2024` and `old.events` share rows, and other
/// relations.
fn with_kin(words: &str) -> Command {
    with(words, |kin| {
        let named = Object { schema: None, name: "events".into() };
        kin.add(&named, ["public.events_2024", "old.events"].map(|name| Arc::new(object(name))).to_vec());
    })
}

/// The same where nobody knows of kin.
fn untold(words: &str) -> Command {
    with(words, |kin| *kin = Kin::untold())
}

fn with(words: &str, change: impl FnOnce(&mut Kin)) -> Command {
    let mut command = sql(Class::Read, words);
    let Words::Sql(sql) = &mut command.words else { panic!("{command:?}") };
    change(&mut sql.kin);
    command
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

#[test]
fn kin_counts_where_a_condition_holds_back() {
    for (matches, words, named, kin, unknown) in [
        // What is named, what its kin makes of it, and what it is where that is not known.
        (tables(&["events_2024"]), "t:events", "----", "-H-D", "-H-D"),
        (tables(&["public.events_2024"]), "t:events t:other", "----", "-H-D", "-H-D"),
        (tables(&["public.events_2025"]), "t:events", "----", "----", "-H-D"),
        (tables(&["old.*"]), "t:public.events", "----", "-H-D", "-H-D"),
        (tables(&["events"]), "t:events", "AHPD", "AHPD", "AHPD"),
        (tables(&["*"]), "t:events", "AHPD", "AHPD", "AHPD"),
        (columns(&["events_2024.secret"]), "t:events c:events.secret", "----", "-H-D", "-H-D"),
        (columns(&["events_2024.secret"]), "t:events c:events.*", "----", "-H-D", "-H-D"),
        (columns(&["events_2024.secret"]), "t:events c:events.id", "----", "----", "----"),
        (columns(&["old.events.secret"]), "t:other c:other.secret", "----", "----", "-H-D"),
        (columns(&["secret"]), "t:events c:events.secret", "AHPD", "AHPD", "AHPD"),
        (columns(&["events_2024.secret"]), "t:events", "A---", "A---", "A---"),
        // Met where none of them is named: then kin takes away, and what is only kin meets nothing.
        (columns_not(&["events_2024.secret"]), "t:events c:events.secret", "AHPD", "-H-D", "-HPD"),
        (columns_not(&["events_2024.secret"]), "t:events c:events.id", "AHPD", "AHPD", "AHPD"),
        (columns_not(&["secret"]), "t:events c:events.secret", "----", "----", "----"),
    ] {
        let found = (says(&matches, &sql(Class::Read, words)), says(&matches, &with_kin(words)));
        assert_eq!((&*found.0, &*found.1), (named, kin), "{matches:?} {words}");
        assert_eq!(says(&matches, &untold(words)), unknown, "{matches:?} {words}");
    }
}

#[test]
fn kin_takes_away_an_allow_and_excuses_nothing() {
    for (unless, words, named, kin, unknown) in [
        (tables(&["events_2024"]), "t:events", "AD", "-D", "-D"),
        (tables(&["events"]), "t:events", "--", "--", "--"),
        (columns(&["events_2024.secret"]), "t:events c:events.secret", "AD", "-D", "-D"),
        (columns_not(&["events_2024.secret"]), "t:events c:events.secret", "--", "-D", "-D"),
    ] {
        let found = (left(&unless, &sql(Class::Read, words)), left(&unless, &with_kin(words)));
        assert_eq!((&*found.0, &*found.1), (named, kin), "{unless:?} {words}");
        assert_eq!(left(&unless, &untold(words)), unknown, "{unless:?} {words}");
    }
}

#[test]
fn kin_is_asked_for_only_where_a_rule_may_go_by_it() {
    let who = principal("dev/a", &["dev"]);
    let asks = |rule: PolicyRule| {
        let connection = Connection { protocol: Protocol::Postgres, ..connection("db", &[]) };
        let source = "192.0.2.7".parse().unwrap();
        let subject = Subject { principal: &who, connection: &connection, source, now_ms: NOW };
        set(vec![rule]).asks_kin(&subject)
    };
    let all = || everybody();
    for (asked, effect, matches) in [
        (true, Effect::Deny, tables(&["payroll"])),
        (true, Effect::Approve, Matcher { tables: texts(&["payroll"]), ..all() }),
        (false, Effect::Allow, Matcher { tables: texts(&["payroll"]), ..all() }),
        (false, Effect::Deny, tables(&["payroll", "*"])),
        (true, Effect::Deny, columns(&["payroll.x"])),
        (false, Effect::Deny, columns(&["x"])),
        (false, Effect::Deny, columns_not(&["payroll.x"])),
        (true, Effect::Allow, Matcher { columns_not: texts(&["payroll.x"]), ..all() }),
        (false, Effect::Allow, Matcher { columns_not: texts(&["x"]), ..all() }),
        // Of others, and elsewhere.
        (false, Effect::Deny, Matcher { groups: texts(&["ops"]), ..tables(&["payroll"]) }),
        (false, Effect::Deny, Matcher { connections: texts(&["other"]), ..tables(&["payroll"]) }),
        (true, Effect::Deny, Matcher { groups: texts(&["dev"]), ..tables(&["payroll"]) }),
    ] {
        assert_eq!(asks(rule("tested", effect, matches.clone())), asked, "{effect:?} {matches:?}");
    }
    let unless = |effect| PolicyRule { unless: Some(tables(&["payroll"])), ..rule("tested", effect, all()) };
    assert!(asks(unless(Effect::Allow)) && !asks(unless(Effect::Deny)));
}
