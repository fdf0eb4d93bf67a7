//! A script of statements is readable, correct, and never does more than what was done.

use std::convert::Infallible;
use std::sync::LazyLock;

use proptest::prelude::*;
use regex::Regex;
use serde_json::Value;
use serde_json::json;

use crate::domain::event::Event;
use crate::domain::event::EventKind;
use crate::domain::event::EventKind::Decision;
use crate::domain::event::EventKind::SqlDone;
use crate::domain::event::EventKind::SqlQuery;
use crate::domain::event::MaskNote;
use crate::domain::id::RequestId;
use crate::domain::id::SessionId;
use crate::domain::principal::Kind;
use crate::domain::text::is_deceptive;
use crate::recording::export::ExportError;
use crate::recording::export::script;
use crate::recording::export::write_har;
use crate::recording::export::write_jsonl;
use crate::recording::export::write_sql;
use crate::recording::line::StoredEvent;
use crate::recording::session::SessionRow;

pub(super) fn row(protocol: &str) -> SessionRow {
    SessionRow {
        id: SessionId::new(),
        principal: "entra:t/kim\u{202e}\nDROP TABLE a;".to_owned(),
        label: "kim".to_owned(),
        kind: Kind::Human,
        connection: "shop-db".to_owned(),
        protocol: protocol.to_owned(),
        issuer: "entra".to_owned(),
        client: None,
        source: "10.0.0.1".to_owned(),
        started_ms: 1_795_166_043_000,
        ended_ms: None,
        end: None,
        events: 0,
        denied: 0,
        masked: 0,
        bytes: 0,
        pruned_ms: None,
    }
}

/// The events of a session, numbered as they are added.
#[derive(Default)]
struct Recorded(Vec<StoredEvent>);

impl Recorded {
    fn add(&mut self, kind: EventKind, corr: RequestId, data: &Value) -> &mut Event {
        let seq = self.0.len() as u64 + 1;
        let event = Event {
            session: SessionId::new(),
            t_us: 0,
            ts_ms: 1_795_166_043_212,
            kind,
            dir: None,
            corr: Some(corr),
            data: data.to_string(),
            mask: Vec::new(),
        };
        self.0.push(StoredEvent { seq, hash: [0; 32], line: "".into(), event });
        &mut self.0.last_mut().unwrap().event
    }

    /// Returns a statement that was allowed and done.
    fn done(&mut self, sql: &str) -> RequestId {
        let corr = RequestId::new();
        self.add(SqlQuery, corr, &allowed(sql));
        self.add(SqlDone, corr, &complete());
        corr
    }

    fn denied(&mut self, sql: &str) -> RequestId {
        let corr = RequestId::new();
        self.add(SqlQuery, corr, &json!({"sql": sql, "how": "simple", "class": "admin"}));
        self.add(
            Decision,
            corr,
            &json!({"effect": "deny", "rule": "no-ddl", "policy_rev": 1, "code": "denied"}),
        );
        corr
    }

    fn script(&self) -> String {
        let mut out = Vec::new();
        let events = self.0.iter().cloned().map(Ok::<_, Infallible>);
        write_sql(&row("postgres"), events.map(|event| Ok::<_, ExportError>(event.unwrap())), &mut out)
            .unwrap();
        String::from_utf8(out).unwrap()
    }

    /// Returns the script behind its head.
    fn statements(&self) -> String {
        self.script().splitn(4, '\n').nth(3).unwrap().trim_start_matches('\n').to_owned()
    }
}

fn allowed(sql: &str) -> Value {
    json!({"sql": sql, "how": "simple", "class": "read", "decision": {"effect": "allow", "rule": "r1", "policy_rev": 1}})
}

fn complete() -> Value {
    json!({"tag": "SELECT 3", "rows": 3, "bytes": 9, "total_us": 456, "tx": "idle", "end": "complete"})
}

/// Tokens that are matched whole: `E'…'`, `'…'`, `"…"`, names.
fn words(plain: &str) -> Vec<Regex> {
    let name = r"^[A-Za-z_\x{80}-\x{10ffff}][A-Za-z0-9_$\x{80}-\x{10ffff}]*";
    let words = [r"^(?s)[eE]'(?:[^'\\]|\\.|'')*'", plain, r#"^(?s)"(?:[^"]|"")*""#, name];
    words.iter().map(|pattern| Regex::new(pattern).unwrap()).collect()
}

static STANDARD: LazyLock<Vec<Regex>> = LazyLock::new(|| words(r"^(?s)'(?:[^']|'')*'"));
static OLD: LazyLock<Vec<Regex>> = LazyLock::new(|| words(r"^(?s)'(?:[^'\\]|\\.|'')*'"));
static TAG: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r"^\$(?:[A-Za-z_\x{80}-\x{10ffff}][A-Za-z0-9_\x{80}-\x{10ffff}]*)?\$").unwrap()
});

/// Returns the text outside of comments as a SQL reader sees it, with and without
/// `standard_conforming_strings`, and whether something is left open at the end. An implementation
/// independent of [`script`]: by patterns, from the front.
fn outside_of_comments(text: &str, standard: bool) -> (String, bool) {
    let patterns = if standard { &*STANDARD } else { &*OLD };
    let (mut seen, mut rest) = (String::new(), text);
    while let Some(c) = rest.chars().next() {
        let length = if rest.starts_with("--") {
            rest = &rest[rest.find(['\n', '\r']).unwrap_or(rest.len())..];
            continue;
        } else if rest.starts_with("/*") {
            let (mut depth, mut at) = (0, 0);
            loop {
                match rest.get(at..) {
                    Some(here) if here.starts_with("/*") => (depth, at) = (depth + 1, at + 2),
                    Some(here) if here.starts_with("*/") => (depth, at) = (depth - 1, at + 2),
                    Some("") => return (seen, true),
                    _ => at += 1,
                }
                if depth == 0 {
                    break;
                }
            }
            rest = &rest[at..];
            continue;
        } else if let Some(found) = TAG.find(rest) {
            match rest[found.end()..].find(found.as_str()) {
                Some(at) => at + 2 * found.len(),
                None => return (seen + rest, true),
            }
        } else if let Some(found) = patterns.iter().find_map(|pattern| pattern.find(rest)) {
            found.end()
        } else if c == '\'' || c == '"' {
            return (seen + rest, true);
        } else {
            c.len_utf8()
        };
        seen.push_str(&rest[..length]);
        rest = &rest[length..];
    }
    (seen, false)
}

#[test]
fn a_script_has_what_was_done_as_it_was_sent_and_the_rest_as_comments() {
    let mut session = Recorded::default();
    let first = session.done("SELECT *\n  FROM customers");
    let denied = session.denied("DROP TABLE\r\n  customers;\r-- x");
    let failed = RequestId::new();
    let mut query = allowed("SELECT $1, $2");
    query["how"] = "execute".into();
    query["params"] = json!(["it's\n; DROP TABLE a", null]);
    session.add(SqlQuery, failed, &query);
    session.add(
        SqlDone,
        failed,
        &json!({"end": "error", "total_us": 1000, "error": {"sqlstate": "42501", "message": "no\nDROP TABLE b;"}}),
    );
    let last = session.done("UPDATE a SET b = 1; -- all of it  \n\n");
    let [first, denied, failed, last] = [first, denied, failed, last].map(|corr| corr.to_string());
    let at = "2026-11-20T09:14:03.212Z";
    assert_eq!(
        session.statements(),
        format!(
            r"-- {at} {first} allowed by r1, SELECT 3, 3 rows, 0.456 ms
SELECT *
  FROM customers;

-- {at} {denied} denied by no-ddl (denied)
-- not to be run: it was not allowed
-- DROP TABLE
--   customers;
-- -- x

-- {at} {failed} allowed by r1, failed: 42501 no\u{{a}}DROP TABLE b;, 1.000 ms
-- $1 = 'it''s\u{{a}}; DROP TABLE a'
-- $2 = ∅
-- not to be run: it was not done to its end
-- SELECT $1, $2

-- {at} {last} allowed by r1, SELECT 3, 3 rows, 0.456 ms
UPDATE a SET b = 1; -- all of it
"
        )
    );
    assert!(session.script().starts_with("-- hoopctl ses_"));
    assert!(!session.script().lines().any(|line| line.starts_with("DROP")));
}

/// Changes a statement, the events after it, and what was masked in it.
type Change = dyn Fn(&mut Value, &mut Vec<(EventKind, Value)>, &mut Vec<MaskNote>);

#[test]
fn only_what_was_allowed_and_done_whole_can_run() {
    let mut cases: Vec<(&str, Recorded)> = Vec::new();
    let mut case = |why, change: &Change| {
        let (mut session, corr) = (Recorded::default(), RequestId::new());
        let (mut query, mut after, mut mask) =
            (allowed("DELETE FROM a"), vec![(SqlDone, complete())], Vec::new());
        change(&mut query, &mut after, &mut mask);
        session.add(SqlQuery, corr, &query).mask = mask;
        for (kind, data) in after {
            session.add(kind, corr, &data);
        }
        cases.push((why, session));
    };
    case("", &|_, _, _| {});
    case("", &|query, after, _| {
        query.as_object_mut().unwrap().remove("decision");
        after.insert(0, (Decision, json!({"effect": "approve", "rule": "r"})));
        after.insert(1, (Decision, json!({"effect": "allow", "rule": "r", "approval": "apr_1"})));
    });
    case("", &|query, after, _| {
        query["how"] = "execute".into();
        after.insert(0, (SqlDone, json!({"end": "suspended"})));
    });
    case("it was not allowed", &|query, _, _| drop(query.as_object_mut().unwrap().remove("decision")));
    case("it was not allowed", &|query, _, _| query["decision"] = json!("allow"));
    case("it was not allowed", &|query, _, _| query["decision"] = json!({"effect": "approve"}));
    case("it was not allowed", &|query, _, _| query["decision"] = json!({"effect": "allow", "code": 1}));
    case("it was not allowed", &|_, after, _| {
        after.insert(0, (Decision, json!({"effect": "allow", "rule": "r1", "code": "session_ended"})));
    });
    case("it was not done to its end", &|_, after, _| after.clear());
    case("it was not done to its end", &|_, after, _| after[0].1["end"] = "suspended".into());
    case("it was not done to its end", &|_, after, _| after[0].1["end"] = "cancelled".into());
    case("it was not done to its end", &|_, after, _| after[0].1["end"] = 1.into());
    case("it was not done to its end", &|_, after, _| after[0].1["error"] = "x".into());
    case("it was not done to its end", &|_, after, _| {
        after.insert(0, (SqlDone, json!({"end": "error", "error": {"sqlstate": "1"}})));
    });
    case("it was not done to its end", &|_, after, _| {
        after.push((EventKind::Error, json!({"code": "upstream_unavailable"})));
    });
    case("it was only prepared", &|query, _, _| query["how"] = "prepare".into());
    case("it is no text that was sent", &|query, _, _| query["how"] = "function".into());
    case("it is no text that was sent", &|query, _, _| drop(query.as_object_mut().unwrap().remove("how")));
    case("it was not recorded whole", &|query, _, _| query["cut"] = true.into());
    case("values in it are masked", &|_, _, mask| {
        mask.push(MaskNote { entity: "US_SSN".to_owned(), at: "text".to_owned(), n: 1 });
    });
    case("it reads rows from the client, which are not here", &|query, _, _| {
        query["sql"] = "COPY a FROM /* */ STDIN".into();
    });
    case("it reads rows from the client, which are not here", &|_, after, _| {
        after[0].1["copy"] = json!({"dir": "in", "bytes": 1, "messages": 1});
    });
    case("it has invisible characters", &|query, _, _| query["sql"] = "SELECT '\u{202e}'".into());
    case("it has invisible characters", &|query, _, _| query["sql"] = "SELECT 1 -- x\rDROP TABLE a".into());
    for (why, session) in cases {
        let script = session.statements();
        let runs = script.lines().any(|line| !line.is_empty() && !line.starts_with("--"));
        assert_eq!(runs, why.is_empty(), "{why}: {script}");
        assert!(script.contains(&format!("-- not to be run: {why}")) || why.is_empty(), "{why}: {script}");
    }
}

#[test]
fn a_denied_statement_stays_in_its_comment_whatever_ends_a_line() {
    for end in [
        "\n", "\r", "\r\n", "\n\r", "\u{b}", "\u{c}", "\u{85}", "\u{2028}", "\u{2029}", "\\n", "\0", "*/",
        "'", "$$",
    ] {
        let mut session = Recorded::default();
        session.denied(&format!("SELECT 1{end}DROP TABLE customers; \\! reboot{end}{end}"));
        session.done("SELECT 2");
        let script = session.script();
        for line in script.split(|c: char| is_deceptive(c)) {
            assert!(line.is_empty() || line.starts_with("-- ") || line == "SELECT 2;", "{end:?}: {line:?}");
        }
        assert!(!script.contains(|c| is_deceptive(c) && c != '\n'), "{end:?}");
        for standard in [true, false] {
            let (seen, open) = outside_of_comments(&script, standard);
            assert_eq!((seen.trim(), open), ("SELECT 2;", false), "{end:?}");
        }
    }
}

#[test]
fn a_statement_that_was_done_cannot_reach_beyond_its_own_lines() {
    // Each of them would execute the comment after it, or make psql itself act.
    for attack in [
        "SELECT '",
        "SELECT \"",
        "SELECT $$",
        "SELECT $a$ $b$",
        "SELECT /* /* */",
        "SELECT (1",
        "SELECT 1)",
        "SELECT e'\\'",
        "SELECT E'\\\\\\'",
        r"SELECT '\'; DROP TABLE a; --'",
        r"SELECT 'a\''; DROP TABLE a; --'",
        r"SELECT E'a' 'b\'",
        "SELECT E'a'\n'\\'; DROP TABLE a; --'",
        r"SELECT 1 \; DROP TABLE a",
        r"\! reboot",
        "SELECT 1\n\\! reboot",
        "SELECT 'DROP TABLE a' \\gexec",
        "SELECT a[1:LAST_ERROR_MESSAGE]",
        "SELECT :'x', :\"x\"",
        "SELECT a$b$ '",
        "SELECT $1$ '",
        "SELECT x:::y",
    ] {
        assert!(script::closed(attack).is_err(), "{attack}");
        let mut session = Recorded::default();
        session.done(attack);
        session.denied("'; \"; $$; $a$; */ ); DROP TABLE customers; -- '");
        for standard in [true, false] {
            let (seen, open) = outside_of_comments(&session.script(), standard);
            assert_eq!((seen.trim(), open), ("", false), "{attack}");
        }
    }
    for (harmless, wanted) in [
        ("SELECT 'it''s', \"a\"\"b\", E'\\'', $$'$$, $a$ $b$ $a$, '\\d+', '\\\\' /* ' /* */ */ -- '", "\n;"),
        ("SELECT a::text, b[1 : 2], f(x := 1), $1, a$b$c FROM t WHERE é = 1e5", ";"),
        ("SELECT 1; SELECT 2;", ""),
        ("SELECT 1; -- done", ""),
        ("-- nothing", ""),
        ("", ""),
        ("SELECT 1 -- one\n", "\n;"),
        ("DO $do$ BEGIN RAISE NOTICE '%', ';'; END $do$", ";"),
        ("SELECT 1\r\n  , 2", ";"),
    ] {
        let mut session = Recorded::default();
        session.done(harmless);
        let script = session.statements();
        let text = script.split_once('\n').unwrap().1;
        assert_eq!(text, format!("{}{wanted}\n", harmless.trim_end()), "{script}");
    }
}

#[test]
fn each_end_goes_to_its_own_statement_and_broken_events_are_no_statements() {
    let mut session = Recorded::default();
    let (one, two) = (RequestId::new(), RequestId::new());
    session.add(SqlQuery, one, &allowed("SELECT 1"));
    session.add(SqlQuery, two, &allowed("SELECT 2"));
    session.add(SqlDone, two, &json!({"tag": "SELECT 2", "rows": 1, "total_us": 7, "end": "complete"}));
    session.add(SqlDone, one, &json!({"end": "error", "error": {"sqlstate": "1", "message": "no"}}));
    session.add(SqlDone, RequestId::new(), &complete());
    session.add(SqlQuery, RequestId::new(), &json!({"class": "read", "verbs": ["select"]}));
    for broken in [json!(null), json!([1]), json!({"sql": ["DROP TABLE a"], "params": 3, "decision": []})] {
        session.add(SqlQuery, RequestId::new(), &broken);
    }
    session.add(SqlQuery, RequestId::new(), &json!(0)).data = "{\"sql\":\"DROP".to_owned();
    let script = session.statements();
    assert!(script.find("SELECT 1").unwrap() < script.find("SELECT 2").unwrap(), "in the order they came");
    assert!(script.contains("failed: 1 no") && script.contains("-- SELECT 1\n"), "{script}");
    assert!(
        script.contains(&format!("{two} allowed by r1, SELECT 2, 1 row, 0.007 ms\nSELECT 2;\n")),
        "{script}"
    );
    assert_eq!(script.matches("-- (its text is not recorded)").count(), 5, "{script}");
    assert_eq!(outside_of_comments(&script, true).0.trim(), "SELECT 2;");
}

#[test]
fn a_form_says_when_a_session_has_nothing_for_it_and_writes_nothing() {
    let none = || std::iter::empty::<Result<StoredEvent, ExportError>>();
    let mut out = Vec::new();
    let error = write_har(&row("postgres"), none(), &mut out).unwrap_err();
    assert_eq!(error.to_string(), "the session on connection \"shop-db\" holds no HTTP: it speaks postgres");
    let error = write_sql(&row("http"), none(), &mut out).unwrap_err();
    assert_eq!(error.to_string(), "the session on connection \"shop-db\" holds no SQL: it speaks http");
    assert!(out.is_empty());
    write_har(&row("http"), none(), &mut out).unwrap();
    write_har(&row(""), none(), &mut out).unwrap();
}

#[test]
fn jsonl_takes_sql_as_it_is() {
    let event = Recorded::default().add(SqlQuery, RequestId::new(), &allowed("SELECT '\u{202e}'\n")).clone();
    let stored = StoredEvent::compose(1, [7; 32], event).unwrap();
    let mut out = Vec::new();
    assert_eq!(
        write_jsonl(&row("postgres"), [Ok::<_, ExportError>(stored.clone())].into_iter(), &mut out).unwrap(),
        1
    );
    let text = String::from_utf8(out).unwrap();
    assert!(text.lines().nth(1).unwrap().contains(&*stored.line), "{text}");
}

/// Fragments that open, close and hide.
fn piece() -> impl Strategy<Value = &'static str> {
    prop::sample::select(vec![
        "'", "''", "\"", "$$", "$a$", "$", "--", "/*", "*/", "\n", "\r\n", "\r", "\u{2028}", "E'", "e'a'\n'",
        "\\", "\\'", ";", "(", ")", ":", "::", " ", "a", "é", "1", "U&'", "-", "/", "*",
    ])
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn nothing_that_was_denied_ever_stands_outside_of_a_comment(
        statements in prop::collection::vec((any::<bool>(), prop::collection::vec(piece(), 0..8), prop::collection::vec(piece(), 0..5)), 1..6),
    ) {
        let mut session = Recorded::default();
        for (may, before, after) in &statements {
            let (before, after) = (before.concat(), after.concat());
            if *may {
                session.done(&format!("{before}KEPT{after}"));
            } else {
                session.denied(&format!("{before} DROPPED {after}"));
            }
        }
        let script = session.script();
        for standard in [true, false] {
            let (seen, open) = outside_of_comments(&script, standard);
            prop_assert!(!seen.contains("DROPPED") && !open, "{script}");
        }
        prop_assert!(!script.replace("\r\n", "\n").contains(|c| is_deceptive(c) && c != '\n'), "{script:?}");
    }
}
