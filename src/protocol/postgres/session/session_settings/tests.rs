//! Tests which sessions count as alike.

use super::*;
use crate::protocol::postgres::judge::Judge;
use crate::protocol::postgres::judge::Lexing;
use crate::protocol::postgres::judge::cache::Limits;

/// A series of one text: the text, the tags with which it ended transactions, whether it failed, and the
/// transaction status after it.
struct Did(&'static str, &'static [&'static str], bool, Transaction);

const IDLE: Transaction = Transaction::Idle;
const OPEN: Transaction = Transaction::Open;
const FAILED: Transaction = Transaction::Failed;

/// Returns a series that succeeded outside a transaction.
const fn set(text: &'static str) -> Did {
    Did(text, &[], false, IDLE)
}

/// Returns a series that succeeded inside a transaction.
const fn inside(text: &'static str) -> Did {
    Did(text, &[], false, OPEN)
}

const COMMIT: Did = Did("COMMIT", &["COMMIT"], false, IDLE);
const ROLLBACK: Did = Did("ROLLBACK", &["ROLLBACK"], false, IDLE);
const BACK: Did = Did("ROLLBACK TO a", &["ROLLBACK"], false, OPEN);
const FAIL: Did = Did("SELECT 1/0", &[], true, FAILED);

struct Sessions(Judge);

impl Sessions {
    fn change(&self, text: &str) -> Option<SettingChange> {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let judgement = runtime.block_on(self.0.judge(text.as_bytes(), Lexing::default()));
        let definition = Definition::new(text.as_bytes(), b"", judgement);
        // As if settings were changed before: every later text says so.
        let effects = definition.judgement.effects()?.with_moved_names();
        SettingChange::of(&definition, &effects, None)
    }

    /// Returns the settings of a session after all these series.
    fn after(&self, all: &[Did]) -> SessionSettings {
        let settings = SessionSettings::default();
        let mut before = IDLE;
        for (number, Did(text, tags, failed, now)) in (1..).zip(all) {
            settings.sent(self.change(text), number);
            tags.iter().for_each(|tag| settings.done(tag));
            if *failed {
                settings.failed();
            }
            settings.ready(before, *now, number);
            before = *now;
        }
        settings
    }

    fn alike(&self, one: &[Did], other: &[Did]) -> bool {
        self.after(one).digest(false) == self.after(other).digest(false)
    }
}

fn sessions() -> Sessions {
    Sessions(Judge::start(1, Limits::default()).unwrap())
}

const EVIL: &str = "SET search_path = evil";
const PUBLIC: &str = "SET search_path = public";

#[test]
fn sessions_are_alike_where_the_same_is_in_force() {
    let all = sessions();
    for (one, other) in [
        (vec![], vec![set("SET application_name = 'x'"), set("SET statement_timeout = 0"), set("SELECT 1")]),
        (vec![], vec![set(EVIL), set("DISCARD ALL")]),
        (vec![], vec![set(EVIL), set("RESET search_path")]),
        (vec![], vec![set(EVIL), set("CLOSE ALL; UNLISTEN *; RESET ALL;")]),
        (vec![], vec![set("BEGIN"), inside(EVIL), ROLLBACK]),
        (vec![], vec![inside("BEGIN"), inside(EVIL), FAIL, ROLLBACK]),
        (vec![], vec![inside("BEGIN"), inside("SET LOCAL app.tenant = '7'"), COMMIT]),
        (vec![], vec![Did(EVIL, &[], true, IDLE)]),
        (vec![set(EVIL)], vec![set(PUBLIC), set(EVIL)]),
        (vec![set(EVIL)], vec![inside("BEGIN"), inside(EVIL), COMMIT]),
        (
            vec![inside("BEGIN"), inside("SET LOCAL app.tenant = '7'")],
            vec![
                inside("BEGIN"),
                inside("SET LOCAL app.tenant = '8'"),
                COMMIT,
                inside("BEGIN"),
                inside("SET LOCAL app.tenant = '7'"),
            ],
        ),
        (
            vec![set("SELECT set_config('app.tenant', '7', false)")],
            vec![set(EVIL), set("DISCARD ALL"), set("SELECT set_config('app.tenant', '7', false)")],
        ),
    ] {
        assert!(all.alike(&one, &other), "{} {}", one.len(), other.len());
    }
}

#[test]
fn sessions_differ_where_something_else_may_be_in_force() {
    let all = sessions();
    let computed = "SELECT set_config('search_path', 'evil', false)";
    for other in [
        vec![set(EVIL)],
        vec![set("SET datestyle = 'SQL, DMY'")],
        vec![set("SET TIME ZONE 'UTC'")],
        vec![set("SET row_security = off")],
        vec![set("SET app.tenant = '7'")],
        vec![set(computed)],
        vec![set("SELECT set_config(n, 'evil', false) FROM names n")],
        vec![set("PREPARE p AS SELECT set_config('search_path', $1, false)")],
        vec![inside("BEGIN"), inside(EVIL)],
        vec![inside("BEGIN"), inside("SET LOCAL search_path = evil")],
        vec![inside("BEGIN"), inside(EVIL), COMMIT],
        // These only look as if they applied to one transaction.
        vec![set("SET /* */ LOCAL search_path = evil")],
        vec![inside("BEGIN"), inside(EVIL), inside("SET LOCAL search_path = public"), COMMIT],
        // These only look as if they were reset.
        vec![inside("BEGIN"), inside(EVIL), Did("COMMIT AND CHAIN", &["COMMIT"], false, OPEN), ROLLBACK],
        vec![set(EVIL), inside("BEGIN"), inside("RESET search_path"), ROLLBACK],
        vec![set(EVIL), Did("RESET search_path", &[], true, IDLE)],
        vec![set(computed), set("RESET search_path")],
        vec![set("SET ROLE x"), set("RESET ALL")],
        vec![set("CREATE TEMP VIEW orders AS SELECT * FROM evil.orders")],
        vec![set("SELECT 1 AS id INTO TEMP orders")],
    ] {
        assert!(!all.alike(&[], &other), "{}", other.len());
    }
    assert!(all.after(&[set(EVIL)]).has_set() && all.after(&[set(computed)]).has_set());
    assert!(!all.after(&[set(EVIL), set("DISCARD ALL")]).has_set());
    let waits = SessionSettings::default();
    waits.sent(all.change(EVIL), 5);
    waits.ready(IDLE, IDLE, 4);
    assert_ne!(waits.digest(false), SessionSettings::default().digest(false));
    // The order matters, and so does what was rolled back.
    assert!(!all.alike(&[set(computed), set(PUBLIC)], &[set(PUBLIC), set(computed)]));
    assert!(!all.alike(&[set(PUBLIC), set(EVIL)], &[set(EVIL), set(PUBLIC)]));
    let back = || vec![inside("BEGIN; SAVEPOINT a"), inside(EVIL), BACK, COMMIT];
    assert!(!all.alike(&back(), &[]) && !all.alike(&back(), &[set(EVIL)]) && !all.alike(&back(), &back()));
    let twice = || vec![Did("SET search_path = evil; COMMIT; SET search_path = x", &["COMMIT"], true, IDLE)];
    assert!(!all.alike(&twice(), &twice()), "where it failed nobody knows");
    // Names that are looked up elsewhere, the startup packet, and what the server reports matter.
    let plain = SessionSettings::default();
    assert_ne!(plain.digest(true), plain.digest(false));
    assert_ne!(SessionSettings::new([("TimeZone", "UTC")].into_iter()).digest(false), plain.digest(false));
    assert_eq!(
        SessionSettings::new([("application_name", "x")].into_iter()).digest(false),
        plain.digest(false)
    );
    plain.reported(b"DateStyle", b"SQL, DMY");
    assert_ne!(plain.digest(false), SessionSettings::default().digest(false));
}

#[test]
fn many_texts_of_one_transaction_are_kept_as_few() {
    let all = sessions();
    let settings = SessionSettings::default();
    let change = all.change("SET app.tenant = '7'");
    for number in 1..1000 {
        settings.sent(change.clone(), number);
        settings.ready(OPEN, OPEN, number);
    }
    assert_eq!(settings.0.borrow().open.len(), APART);
    let before = settings.digest(false);
    settings.sent(change, 1000);
    settings.ready(OPEN, OPEN, 1000);
    assert_ne!(settings.digest(false), before);
}

#[test]
fn people_see_one_line_for_each_text() {
    let all = sessions();
    let settings = all.after(&[
        set("SET search_path =\n  evil;\n\n"),
        inside("BEGIN"),
        inside("SET LOCAL app.x = 'in no\r\ntransaction'"),
    ]);
    assert_eq!(
        settings.lines(true),
        [
            "names without a schema may be looked up elsewhere than usual",
            "before it, its session ran: SET search_path = evil;",
            "before it, its session ran: SET LOCAL app.x = 'in no transaction'",
        ]
    );
    settings.reported(b"search_path", b"evil");
    assert_eq!(
        settings.lines(true)[0],
        "names without a schema may be looked up elsewhere than usual, in evil"
    );
    let long = all.change(&format!("SET app.x = '{}'", "x".repeat(1000))).unwrap();
    assert_eq!(long.text.chars().count(), SHOWN.0 + 1);
}
