//! Denials and changes.

use std::time::Duration;

use serde_json::Value;
use serde_json::json;

use super::LOOKS;
use super::START_MS;
use super::Stage;
use super::snapshots;
use crate::control::ApiError;
use crate::control::ErrorCode;
use crate::control::noun::List;
use crate::control::noun::audit::AuditEntry;
use crate::control::noun::entity::EntityView;
use crate::control::noun::event::LiveEvent;
use crate::control::noun::event::Topic;
use crate::control::noun::gateway::Explain;
use crate::control::noun::gateway::ExplainReport;
use crate::control::noun::gateway::FailedCondition;
use crate::control::noun::gateway::RuleReport;
use crate::control::noun::session::EventPage;
use crate::control::noun::session::GrepMatch;
use crate::control::noun::session::RecordedEvent;
use crate::control::noun::session::SessionView;
use crate::domain::entity::EntityKind;
use crate::domain::id::SessionId;
use crate::domain::principal::Kind;
use crate::domain::verdict::Effect as Verdict;
use crate::tui::Effect;
use crate::tui::Msg;
use crate::tui::Screen;
use crate::tui::look::Role;
use crate::tui::message::Answer;
use crate::tui::message::Request;
use crate::tui::model::Jump;

const SESSIONS: [&str; 3] =
    ["ses_0000000000000000000000000a", "ses_0000000000000000000000000b", "ses_0000000000000000000000000c"];

fn session(place: usize) -> SessionId {
    SESSIONS[place].parse().unwrap()
}

fn found(place: usize, seq: u64, ago_s: i64, text: &str) -> GrepMatch {
    GrepMatch {
        session: session(place),
        seq,
        ts_ms: START_MS - ago_s * 1000,
        kind: "decision".to_owned(),
        text: text.to_owned(),
    }
}

fn line(sid: SessionId, seq: u64, kind: &str, data: &Value) -> String {
    let corr = if kind == "session.start" { Value::Null } else { json!("req_0000000000000000000000000a") };
    let dir = if kind.ends_with("request") || kind.ends_with("query") { json!("c2s") } else { Value::Null };
    let data = data.to_string();
    format!(
        r#"{{"v":1,"sid":"{sid}","seq":{seq},"t":9,"ts":"2026-11-20T09:14:03.000Z","kind":"{kind}","dir":{dir},"corr":{corr},"data":{data},"mask":[]}}"#
    )
}

fn person(place: usize, label: &str, kind: Kind, connection: &str) -> Answer {
    let view = SessionView {
        id: session(place),
        principal: format!("entra:tenant/{label}"),
        label: label.to_owned(),
        kind,
        connection: connection.to_owned(),
        protocol: "http".to_owned(),
        issuer: "entra".to_owned(),
        client: None,
        source: "10.2.0.14".to_owned(),
        started_ms: START_MS,
        ended_ms: None,
        end: None,
        events: 9,
        denied: 1,
        masked: 0,
        bytes: 99,
        pruned_ms: None,
        hold: None,
        live: None,
    };
    Answer::Session(SESSIONS[place].to_owned(), Ok(Box::new(view)))
}

fn around(place: usize, seq: u64, kind: &str, command: &Value, decision: &Value) -> Answer {
    let sid = session(place);
    let start = json!({"principal": "entra:tenant/etl", "label": "etl", "kind": "app", "issuer": "entra", "client": "",
        "connection": "crm", "protocol": "http", "source": "10.2.0.14", "groups": ["etl", "batch"], "policy_rev": 40});
    let events = [(1, "session.start", &start), (seq - 1, kind, command), (seq, "decision", decision)];
    let events = events.map(|(seq, kind, data)| RecordedEvent {
        seq,
        line: line(sid, seq, kind, data),
        hash: String::new(),
    });
    Answer::Around(
        sid,
        seq,
        Ok(EventPage { session: sid, events: events.to_vec(), next: None, ended: false }),
    )
}

fn denied() -> Value {
    json!({"effect": "deny", "rule": "no-deletes", "policy_rev": 40, "code": "denied"})
}

fn delete() -> Value {
    json!({"method": "DELETE", "path": "/customers/7", "query": "soft=1", "class": "write", "headers": [["Content-Type", "application/json"]],
        "body": {"text": "{\"why\":\"gdpr\",\"ticket\":4411}", "length": 30}})
}

fn set(stage: &mut Stage) {
    let policy = EntityView {
        kind: EntityKind::Policy,
        name: "no-deletes".to_owned(),
        origin: "hoopctl.toml:41".to_owned(),
        read_only: true,
        managed_by: None,
        hidden: false,
        value: Value::Null,
        toml: String::new(),
    };
    stage.answer(Answer::Entities(EntityKind::Policy, Ok(vec![policy])));
    stage.answer(Answer::Denials(Ok(List::all(vec![
        found(0, 7, 3, "+00:00.119 ✗ denied by no-deletes"),
        found(1, 4, 120, "+00:06.119 ✗ denied no policy matched"),
        found(2, 9, 90_000, "+01:00.001 ✗ approval_expired by writes-need-approval \"timeout\""),
        // A line of another kind that looks the same.
        GrepMatch {
            kind: "approval.decided".to_owned(),
            ..found(2, 8, 5, "+00:01.000 ✗ denied by kate \"no\"")
        },
    ]))));
    stage.answer(person(0, "etl-agent", Kind::Agent, "crm"));
    stage.answer(person(1, "kim", Kind::Human, "appdb"));
    stage.answer(around(0, 7, "http.request", &delete(), &denied()));
    let none = json!({"effect": "deny", "rule": null, "policy_rev": 40, "code": "denied"});
    let sql = json!({"sql": "UPDATE customers\n   SET tier = 'gold'\n WHERE id = 7", "how": "simple", "class": "write"});
    stage.answer(around(1, 4, "sql.query", &sql, &none));
}

fn entry(seq: u64, ago_s: i64, actor: &str, action: &str, subject: &str, detail: Value) -> AuditEntry {
    AuditEntry {
        seq,
        ts_ms: START_MS - ago_s * 1000,
        actor: actor.to_owned(),
        action: action.to_owned(),
        subject: subject.to_owned(),
        detail,
        hash: "9c1e77ab".repeat(8),
    }
}

fn report() -> ExplainReport {
    let rule = |id: &str, effect, key: &str, wanted: &str, found: &str| RuleReport {
        id: id.to_owned(),
        effect,
        matched: key.is_empty(),
        failed: (!key.is_empty()).then(|| FailedCondition {
            key: key.to_owned(),
            wanted: wanted.to_owned(),
            found: found.to_owned(),
        }),
        unsure: Vec::new(),
        only_holds_back: false,
    };
    ExplainReport {
        effect: Verdict::Deny,
        rule: Some("no-deletes".to_owned()),
        class: "write".to_owned(),
        path: "/customers/7".to_owned(),
        note: None,
        needs_no_policy: false,
        sql: None,
        message: Some("Ask #dba.".to_owned()),
        unreadable: false,
        open: true,
        rules: vec![
            rule("etl-reads", Verdict::Allow, "match.operations", "read", "write"),
            rule("no-deletes", Verdict::Deny, "", "", ""),
            rule("writes-need-approval", Verdict::Approve, "match.tags", "env=prod", "no tags\u{1b}[31m"),
        ],
        revision: 41,
    }
}

#[test]
fn denials_in_all_sizes() {
    snapshots("denials", Screen::Log, set);
    snapshots("denials-none", Screen::Log, |stage| stage.answer(Answer::Denials(Ok(List::all(Vec::new())))));
    snapshots("denials-why", Screen::Log, |stage| {
        set(stage);
        stage.press("e");
        stage.answer(Answer::Explained(Ok(Box::new(report()))));
    });
}

#[test]
fn changes_in_all_sizes() {
    snapshots("changes", Screen::Log, |stage| {
        stage.press("v");
        stage.answer(Answer::Audit(Ok(List::all(vec![
            entry(1, 100_000, "hoopctl", "gateway.start", "", json!({})),
            entry(
                2,
                400,
                "local:kate",
                "policy.add",
                "no-deletes",
                json!({"digest": "9c1e77ab", "before": null}),
            ),
            entry(
                3,
                60,
                "local:kate",
                "approval.approve",
                "apr_7f3k",
                json!({"reason": "INC-4411", "scope": "once"}),
            ),
        ]))));
    });
}

#[test]
fn a_denial_comes_live_once_and_is_counted_until_it_is_looked_at() {
    let mut stage = Stage::usual(Screen::Approvals);
    stage.answer(Answer::Denials(Ok(List::all(vec![found(0, 7, 3, "+00:00.119 ✗ denied by no-deletes")]))));
    assert!(!stage.screen().contains("Log·"), "what was there before is not new");
    let told = |seq| {
        let data = line(session(0), seq, "decision", &denied());
        Msg::Live(LiveEvent { id: "x".to_owned(), topic: Topic::Denied, data })
    };
    for seq in [7, 8, 8, 9] {
        stage.send(told(seq));
    }
    stage.send(Msg::Live(LiveEvent {
        id: "x".to_owned(),
        topic: Topic::Denied,
        data: "{\"v\":9}".to_owned(),
    }));
    assert!(stage.screen().contains("6 Log·2"), "{}", stage.screen());
    stage.press("6");
    let screen = stage.screen();
    assert!(screen.contains("Denials · 3") && !screen.contains("LOG·"), "{screen}");
    // While frozen, the list shows how many denials wait.
    stage.press("p");
    stage.send(told(10));
    stage.pass(Duration::from_secs(1));
    assert!(stage.screen().contains("Denials · 3, 1 new held back"));
    stage.press("p");
    stage.pass(Duration::from_secs(1));
    assert!(stage.screen().contains("Denials · 4"));
}

#[test]
fn a_flood_is_bounded_and_the_newest_stay() {
    let mut stage = Stage::usual(Screen::Log);
    stage.answer(Answer::Denials(Ok(List::all(Vec::new()))));
    for seq in 1..=3000 {
        let data = line(session(0), seq, "decision", &denied());
        stage.send(Msg::Live(LiveEvent { id: "x".to_owned(), topic: Topic::Denied, data }));
    }
    stage.pass(Duration::from_secs(1));
    stage.requests();
    assert!(stage.screen().contains("Denials · 1000, the last"));
    stage.press("g enter");
    let jump = |stage: &mut Stage| {
        stage
            .requests()
            .into_iter()
            .find_map(|request| if let Request::Around(_, seq) = request { Some(seq) } else { None })
    };
    let _asked = jump(&mut stage);
    assert!(stage.model.screen == Screen::Replay);
}

#[test]
fn whose_a_denial_is_and_what_it_was_is_asked_for_what_is_seen_only() {
    let mut stage = Stage::usual(Screen::Log);
    let many =
        (0..300).map(|_| GrepMatch { session: SessionId::new(), ..found(0, 7, 3, "+0 ✗ denied by x") });
    stage.requests();
    stage.answer(Answer::Denials(Ok(List::all(many.collect()))));
    let asked = stage.requests();
    let sessions = asked.iter().filter(|request| matches!(request, Request::Session(_))).count();
    let commands = asked.iter().filter(|request| matches!(request, Request::Around(..))).count();
    assert!((1..=16).contains(&sessions) && (1..=4).contains(&commands), "{sessions} {commands}");
    stage.pass(Duration::from_mins(1));
    assert!(!stage.requests().iter().any(|request| matches!(request, Request::Session(_))), "nothing twice");
}

#[test]
fn filters_look_into_who_and_where() {
    for (filter, shown, hidden) in [
        ("who:kim", "UPDATE customers", "DELETE"),
        ("conn:crm", "DELETE /customers/7", "UPDATE"),
        ("rule:no-del", "DELETE", "UPDATE"),
        ("code:approval", "approval_expired", "DELETE"),
        ("customers -update", "DELETE", "UPDATE"),
    ] {
        let mut stage = Stage::new(Screen::Log, (118, 30), LOOKS[1].1);
        set(&mut stage);
        stage.press("/");
        stage.write(filter);
        stage.strike("enter");
        let screen = stage.screen();
        assert!(screen.contains(shown) && !screen.contains(hidden), "{filter}: {screen}");
    }
}

#[test]
fn a_recording_is_opened_at_the_denial() {
    let mut stage = Stage::usual(Screen::Log);
    set(&mut stage);
    let (shared, log) = (&mut stage.model.shared, &mut stage.model.log);
    let effects = crate::tui::Pane::act(log, crate::tui::keys::Action::Open, shared).unwrap();
    let at = |effect: &Effect| matches!(effect, Effect::Go(Jump::Replay { session, at: Some(7) }) if session == SESSIONS[0]);
    assert!(effects.iter().any(at), "{effects:?}");
}

fn explained(stage: &mut Stage) -> Explain {
    let asked = stage
        .requests()
        .into_iter()
        .find_map(|request| if let Request::Explain(explain) = request { Some(*explain) } else { None });
    asked.expect("an explanation is asked for")
}

#[test]
fn why_is_asked_with_what_was_recorded() {
    let mut stage = Stage::usual(Screen::Log);
    set(&mut stage);
    stage.press("e");
    let http = explained(&mut stage);
    assert_eq!(
        (http.principal.as_str(), http.kind, http.connection.as_str()),
        ("entra:tenant/etl", Kind::App, "crm")
    );
    assert_eq!((http.method.as_str(), http.path.as_str()), ("DELETE", "/customers/7?soft=1"));
    assert_eq!(http.groups, Some(vec!["etl".to_owned(), "batch".to_owned()]));
    assert_eq!(http.source, "10.2.0.14".parse().ok());
    assert_eq!(http.content_type.as_deref(), Some("application/json"));
    assert!(http.body.unwrap().contains("gdpr") && http.sql.is_none() && http.mcp.is_none());
    stage.press("j e");
    let sql = explained(&mut stage);
    assert!(sql.sql.unwrap().starts_with("UPDATE customers\n") && sql.path.is_empty() && sql.body.is_none());
    // The command is not known yet: the explanation is requested as soon as it arrives.
    stage.press("j e");
    assert!(!stage.requests().iter().any(|request| matches!(request, Request::Explain(_))));
    let body = json!({"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": "refund", "arguments": {"amount": 120}}});
    let mcp = json!({"http": "POST", "method": "tools/call", "name": "refund", "class": "unknown", "body": {"text": body.to_string(), "length": 9}});
    stage.answer(around(
        2,
        9,
        "mcp.message",
        &mcp,
        &json!({"effect": "approve", "rule": "w", "code": "approval_expired"}),
    ));
    let mcp = explained(&mut stage).mcp.unwrap();
    assert_eq!((mcp.method.as_deref(), mcp.tool.as_deref()), (Some("tools/call"), Some("refund")));
    assert_eq!(mcp.arguments.as_deref(), Some("{\"amount\":120}"));
}

#[test]
fn an_explanation_marks_what_decides_and_one_of_others_is_not_taken() {
    let mut stage = Stage::usual(Screen::Log);
    set(&mut stage);
    stage.answer(Answer::Explained(Ok(Box::new(report()))));
    assert!(!stage.screen().contains("Why it is denied"), "nobody asked here");
    stage.press("e");
    stage.answer(Answer::Explained(Ok(Box::new(report()))));
    let screen = stage.screen();
    for wanted in [
        "✗ DENY  by no-deletes",
        "Judged by the policies of today, revision 41; it was denied by revision 40.",
        "▶✓ no-deletes",
        "matches and decides",
        "match.operations wants read, found write",
        "found no tags\\u{1b",
    ] {
        assert!(screen.contains(wanted), "{wanted}: {screen}");
    }
    assert_eq!(stage.style_of("✗ DENY").fg, LOOKS[1].1.style(Role::Bad).fg);
    stage.press("q");
    assert!(stage.screen().contains("Denials · 3"));
    // A user who moved on is not taken back.
    stage.press("e j");
    stage.answer(Answer::Explained(Ok(Box::new(report()))));
    assert!(!stage.screen().contains("Why it is denied"));
}

#[test]
fn the_trail_is_read_to_its_end_and_then_on() {
    let mut stage = Stage::usual(Screen::Log);
    let audits = |stage: &mut Stage| -> Vec<Option<u64>> {
        let after = |request| if let Request::Audit(after) = request { Some(after) } else { None };
        stage.requests().into_iter().filter_map(after).collect()
    };
    assert!(audits(&mut stage).is_empty(), "nobody looks at it yet");
    stage.press("v");
    assert_eq!(audits(&mut stage), [Some(0)]);
    let page = |from: u64, more| {
        let one = |seq| entry(seq, 9, "local:kate", "policy.add", &format!("p{seq}"), json!({}));
        Answer::Audit(Ok(List { items: (from..from + 1000).map(one).collect(), more }))
    };
    stage.answer(page(1, true));
    assert_eq!(audits(&mut stage), [Some(1000)]);
    stage.answer(page(1001, false));
    assert!(audits(&mut stage).is_empty());
    assert!(stage.screen().contains("Changes · 1000") && stage.screen().contains("p2000"));
    for _ in 0..9 {
        stage.send(Msg::Live(LiveEvent { id: "x".to_owned(), topic: Topic::Change, data: "{}".to_owned() }));
    }
    stage.pass(Duration::from_secs(1));
    assert_eq!(audits(&mut stage), [Some(2000)]);
    stage.answer(Answer::Audit(Err(ApiError::new(ErrorCode::Internal, "the store is gone"))));
    assert!(stage.screen().contains("the store is gone") && stage.screen().contains("p2000"));
    // A gateway that repeats itself is not asked forever.
    stage.press("v v");
    audits(&mut stage);
    stage.answer(page(1001, true));
    assert!(audits(&mut stage).is_empty());
}

#[test]
fn hostile_text_is_shown_as_what_it_is() {
    let mut stage = Stage::usual(Screen::Log);
    let evil = "x\u{1b}[2J\u{202e}\u{200b}";
    stage.answer(Answer::Denials(Ok(List::all(vec![found(
        0,
        7,
        3,
        &format!("+0 ✗ denied by {evil} \"{evil}\""),
    )]))));
    stage.answer(person(0, evil, Kind::Human, evil));
    let long = json!({"sql": format!("select '{evil}' -- {}", "y".repeat(1 << 20)), "class": "read"});
    stage.answer(around(0, 7, "sql.query", &long, &denied()));
    stage.send(Msg::Live(LiveEvent {
        id: "x".to_owned(),
        topic: Topic::Denied,
        data: line(session(1), 2, "decision", &json!({"code": evil, "rule": evil, "reason": evil})),
    }));
    for keys in ["j", "g", "e", "v", "v"] {
        stage.press(keys);
        let screen = stage.screen();
        assert!(!screen.chars().any(|c| c != '\n' && crate::domain::text::is_deceptive(c)), "{screen}");
    }
    assert!(stage.screen().contains("x\\u{1b}"));
    for text in ["", "✗", "+0 ✗", "+0 ✗ denied by", "no sign"] {
        stage.answer(Answer::Denials(Ok(List::all(vec![found(2, 3, 3, text)]))));
        stage.draw();
    }
    let page = EventPage { session: session(0), events: Vec::new(), next: None, ended: true };
    stage.answer(Answer::Around(session(0), 7, Ok(page)));
    stage.draw();
}
