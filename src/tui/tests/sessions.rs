//! The sessions screen.

use std::time::Duration;

use serde_json::json;

use super::LOOKS;
use super::START_MS;
use super::Stage;
use super::snapshots;
use crate::control::noun::List;
use crate::control::noun::event::LiveEvent;
use crate::control::noun::event::Topic;
use crate::control::noun::session::EventPage;
use crate::control::noun::session::LegalHoldView;
use crate::control::noun::session::LiveSession;
use crate::control::noun::session::RecordedEvent;
use crate::control::noun::session::SessionView;
use crate::domain::id::SessionId;
use crate::domain::principal::Kind;
use crate::domain::session::SessionEnd;
use crate::tui::Effect;
use crate::tui::Msg;
use crate::tui::Screen;
use crate::tui::message::Answer;
use crate::tui::message::Request;

mod acts;
mod list;
mod tail;

/// Returns a session id with this number; a greater number started later.
fn id(number: u128) -> SessionId {
    SessionId::from_bits((0x0656_3abc_1f00_u128 << 76) + number)
}

fn session(number: u128, who: &str, connection: &str) -> SessionView {
    let minutes = i64::try_from(number).unwrap();
    SessionView {
        id: id(number),
        principal: format!("corp/{who}"),
        label: who.to_owned(),
        kind: if who.contains("agent") { Kind::Agent } else { Kind::Human },
        connection: connection.to_owned(),
        protocol: "postgres".to_owned(),
        issuer: "corp".to_owned(),
        client: Some("cli-5f0c".to_owned()),
        source: "10.2.0.14".to_owned(),
        started_ms: START_MS - 3_600_000 + minutes * 60_000,
        ended_ms: None,
        end: None,
        events: 8,
        denied: 0,
        masked: 0,
        bytes: 49_400,
        pruned_ms: None,
        hold: None,
        live: Some(LiveSession {
            id: id(number),
            streams: 1,
            commands: 118,
            active_ms: START_MS - 3000 * minutes,
            expires_ms: START_MS + 2_820_000,
        }),
    }
}

/// Returns sessions that differ in everything shown.
fn some() -> Vec<SessionView> {
    let mut all = vec![
        session(1, "etl-agent", "appdb"),
        session(2, "kim", "billing"),
        session(3, "deploy-agent", "k8s-api"),
        session(4, "Lea Brandt", "crm"),
        session(5, "support-agent-with-a-long-name", "tools-of-the-support-team"),
    ];
    all[0].denied = 2;
    all[0].masked = 318;
    all[1].protocol = "mcp".to_owned();
    all[1].masked = 3;
    all[3].protocol = "http".to_owned();
    all[3].live.as_mut().unwrap().commands = 12_041;
    all
}

fn told(stage: &mut Stage, views: &[SessionView]) {
    let found = Ok(List::all(views.to_vec()));
    stage.answer(Answer::Sessions { live: true, found });
}

/// Returns a stored line.
fn line(
    number: u128,
    seq: u64,
    kind: &str,
    dir: Option<&str>,
    data: &serde_json::Value,
    masked: bool,
) -> String {
    let mask = if masked { json!([{"entity": "US_SSN", "at": "ssn", "n": 5}]) } else { json!([]) };
    json!({
        "v": 1, "sid": id(number).to_string(), "seq": seq, "t": seq * 1_402_000, "ts": "2026-11-20T09:14:09.118Z",
        "kind": kind, "dir": dir, "corr": null, "data": data, "mask": mask,
    })
    .to_string()
}

fn recorded(seq: u64, line: String) -> RecordedEvent {
    RecordedEvent { seq, line, hash: "0".repeat(64) }
}

fn happened(number: u128) -> Vec<RecordedEvent> {
    let start = json!({"kind": "agent", "label": "etl-agent", "principal": "corp/etl-agent", "connection": "appdb", "policy_rev": 41});
    let query = json!({"how": "query", "class": "read", "sql": "SELECT id, ssn FROM customers LIMIT 5", "decision": {"rule": "reads"}});
    let rows = json!({"columns": ["id", "ssn"], "rows": [[7, "***-**-4399"], [9, null]]});
    let done = json!({"tag": "SELECT 2", "total_us": 1204, "end": "complete"});
    let write =
        json!({"how": "query", "class": "write", "sql": "UPDATE customers SET tier = 'gold' WHERE id = 7"});
    let held = json!({"approval": "apr_7f3k", "from": ["dba"], "min": 1, "summary": "UPDATE customers"});
    let decided = json!({"approve": true, "by": "local:kate", "reason": "INC-4411"});
    let denied = json!({"effect": "deny", "rule": "no-deletes", "reason": "only the nightly job deletes"});
    [
        ("session.start", None, start, false),
        ("sql.query", Some("c2s"), query, false),
        ("sql.rows", Some("s2c"), rows, true),
        ("sql.done", Some("s2c"), done, false),
        ("sql.query", Some("c2s"), write, false),
        ("approval.requested", None, held, false),
        ("approval.decided", None, decided, false),
        ("decision", None, denied, false),
    ]
    .into_iter()
    .zip(1..)
    .map(|((kind, dir, data, masked), seq)| recorded(seq, line(number, seq, kind, dir, &data, masked)))
    .collect()
}

fn page(number: u128, events: Vec<RecordedEvent>) -> EventPage {
    EventPage { session: id(number), events, next: None, ended: false }
}

fn live(line: String) -> Msg {
    Msg::Live(LiveEvent { id: "1-1".to_owned(), topic: Topic::Session, data: line })
}

/// Answers the requests for the list and for the selected session's events.
fn filled(stage: &mut Stage) {
    let mut views = some();
    for round in 0..7 {
        told(stage, &views);
        for (place, view) in views.iter_mut().enumerate() {
            let more = u64::try_from(place).unwrap() * round % 5 + u64::from(place == 0);
            view.live.as_mut().unwrap().commands += more;
        }
        stage.pass(Duration::from_secs(2));
    }
    told(stage, &views);
    stage.press("G");
    stage.pass(Duration::from_millis(400));
    stage.answer(Answer::Events(id(1), 1, Ok(page(1, happened(1)))));
    stage.effects();
}

fn stage() -> Stage {
    let mut stage = Stage::usual(Screen::Sessions);
    filled(&mut stage);
    stage
}

fn selected(stage: &mut Stage) -> String {
    let screen = stage.screen();
    let row = screen.lines().find(|line| line.contains("│▶")).unwrap_or_default();
    row.trim_start_matches(['│', '▶', '⚙', ' ']).to_owned()
}

/// Returns live sessions, for the pictures.
pub(super) fn picture() -> Stage {
    let mut stage = Stage::new(Screen::Sessions, (118, 24), LOOKS[1].1);
    filled(&mut stage);
    stage
}

#[test]
fn the_sessions_in_all_sizes() {
    snapshots("sessions", Screen::Sessions, filled);
}

#[test]
fn a_held_one_in_all_sizes() {
    let held = |stage: &mut Stage| {
        let mut all = some();
        for place in [0, 4] {
            let (reason, actor) = ("case 4411: \u{1b}[2J claims".to_owned(), "local:kate".to_owned());
            all[place].hold = Some(LegalHoldView { reason, actor, since_ms: START_MS - 60_000 });
        }
        told(stage, &all);
    };
    snapshots("sessions-held", Screen::Sessions, held);
    snapshots("session-held", Screen::Sessions, |stage| {
        held(stage);
        stage.press("enter");
    });
}

#[test]
fn one_of_them_in_all_sizes() {
    snapshots("session-open", Screen::Sessions, |stage| {
        filled(stage);
        stage.press("enter");
    });
}

#[test]
fn the_end_of_one_and_a_kill_in_all_sizes() {
    snapshots("session-kill", Screen::Sessions, |stage| {
        filled(stage);
        told(stage, &some()[..4]);
        let mut over = session(5, "support-agent-with-a-long-name", "tools");
        (over.ended_ms, over.end, over.live) = (Some(START_MS), Some(SessionEnd::TokenExpired), None);
        stage.answer(Answer::Session(id(5).to_string(), Ok(Box::new(over))));
        stage.press("x");
        stage.write("runs wild");
    });
}

#[test]
fn nothing_in_all_sizes() {
    snapshots("sessions-none", Screen::Sessions, |stage| told(stage, &[]));
}

#[test]
fn what_is_wrong_wide_in_light_and_long_is_aligned() {
    let mut stage = Stage::new(Screen::Sessions, (200, 50), LOOKS[1].1);
    filled(&mut stage);
    super::snapshot("sessions-200x50-colour", &stage.screen());
}

fn wanted(effects: &[Effect]) -> Vec<String> {
    effects
        .iter()
        .filter_map(|effect| match effect {
            Effect::Watch(None) => Some("nothing".to_owned()),
            Effect::Watch(Some(session)) => Some(format!("watch {session}")),
            Effect::Ask(Request::Events(session, from)) => Some(format!("{session} from {from}")),
            _ => None,
        })
        .collect()
}
