//! The player: its position over time, its display, loading by pages and live, and hostile recordings.

use std::time::Duration;

use serde_json::Value;
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
use crate::control::noun::session::RecordedEvent;
use crate::control::noun::session::SessionView;
use crate::control::noun::session::VerifyReport;
use crate::domain::id::SessionId;
use crate::domain::principal::Kind;
use crate::domain::session::SessionEnd;
use crate::tui::Effect;
use crate::tui::Msg;
use crate::tui::Screen;
use crate::tui::message::Answer;
use crate::tui::message::Request;
use crate::tui::model::Jump;

mod choose;
mod follow;
mod load;
mod play;
mod text;

/// The session of all tests.
const ID: &str = "ses_01kah3y2x7m5q8r4s6t9v0w1z2";

fn id() -> SessionId {
    ID.parse().unwrap()
}

fn session() -> SessionView {
    SessionView {
        id: id(),
        principal: "entra:5f0c/c1".to_owned(),
        label: "etl-agent".to_owned(),
        kind: Kind::Agent,
        connection: "appdb".to_owned(),
        protocol: "postgres".to_owned(),
        issuer: "entra".to_owned(),
        client: None,
        source: "10.2.0.14".to_owned(),
        started_ms: START_MS,
        ended_ms: Some(START_MS + 200_000),
        end: Some(SessionEnd::Idle),
        events: 11,
        denied: 1,
        masked: 2,
        bytes: 4096,
        pruned_ms: None,
        hold: None,
        live: None,
    }
}

/// Returns an event as stored.
fn line(seq: u64, t_ms: u64, kind: &str, data: &Value, mask: &Value) -> String {
    let dir = if data["dir"].is_null() { json!("s2c") } else { data["dir"].clone() };
    json!({"v": 1, "sid": ID, "seq": seq, "t": t_ms * 1000, "ts": "2026-11-20T09:14:03.000Z", "kind": kind, "dir": dir,
        "corr": null, "data": data, "mask": mask})
    .to_string()
}

fn recorded(seq: u64, line: String) -> RecordedEvent {
    RecordedEvent { seq, line, hash: "00".repeat(32) }
}

/// Returns one event of each notable kind: an approval, a denial, an error, masked values, a marker.
fn events() -> Vec<RecordedEvent> {
    let none = json!([]);
    let masked = json!([{"entity": "US_SSN", "at": "ssn", "n": 2}]);
    let all = [
        (
            0,
            "session.start",
            json!({"kind": "agent", "principal": "entra:5f0c/c1", "label": "etl-agent",
            "connection": "appdb", "groups": ["etl", "batch"], "policy_rev": 41}),
            &none,
        ),
        (
            212,
            "sql.query",
            json!({"how": "query", "sql": "SELECT id, name, ssn FROM customers LIMIT 2"}),
            &none,
        ),
        (
            240,
            "sql.rows",
            json!({"columns": ["id", "name", "ssn"],
            "rows": [["7", "Ada L", "***-**-4399"], ["9", "Grace H", "***-**-1120"]]}),
            &masked,
        ),
        (
            6_118,
            "sql.query",
            json!({"how": "query", "class": "write",
            "sql": "UPDATE customers\n   SET tier = 'gold'\n WHERE id IN (7, 9, 12)"}),
            &none,
        ),
        (6_119, "approval.requested", json!({"approval": "apr_7F3K", "from": ["dba"], "min": 1}), &none),
        (41_902, "approval.decided", json!({"approve": true, "by": "kate", "reason": "INC-4411"}), &none),
        (41_957, "sql.done", json!({"tag": "UPDATE 3", "total_us": 3_214}), &none),
        (60_000, "marker", json!({"text": "backfill of tiers begins"}), &none),
        (
            120_000,
            "decision",
            json!({"effect": "deny", "rule": "no-destructive", "reason": "DROP is blocked"}),
            &none,
        ),
        (150_000, "error", json!({"code": "upstream_unavailable", "detail": "connection refused"}), &none),
        (200_000, "session.end", json!({"reason": "idle"}), &none),
    ];
    (1..)
        .zip(all)
        .map(|(seq, (t, kind, data, mask))| recorded(seq, line(seq, t, kind, &data, mask)))
        .collect()
}

fn page(events: Vec<RecordedEvent>, next: Option<u64>) -> Answer {
    let from = events.first().map_or(1, |event| event.seq);
    Answer::Events(id(), from, Ok(EventPage { session: id(), events, next, ended: true }))
}

fn report(live: bool) -> VerifyReport {
    VerifyReport {
        session: id(),
        intact: true,
        events: 11,
        hash: None,
        live,
        pruned_ms: None,
        broken_at: None,
        problem: None,
        unsettled: None,
    }
}

/// Opens a recording by a jump and answers all its requests.
fn open(stage: &mut Stage, view: SessionView, events: Vec<RecordedEvent>, at: Option<u64>) {
    let live = view.ended_ms.is_none();
    ask(stage, view, at);
    stage.answer(page(events, None));
    stage.answer(Answer::Verified(id(), Ok(report(live))));
}

fn ask(stage: &mut Stage, view: SessionView, at: Option<u64>) {
    let effects = stage.model.begin(Jump::Replay { session: "last".to_owned(), at });
    assert!(matches!(&effects[..], [Effect::Ask(Request::Session(name))] if name == "last"));
    stage.effects();
    stage.answer(Answer::Session("last".to_owned(), Ok(Box::new(view))));
}

fn opened(at: Option<u64>) -> Stage {
    let mut stage = Stage::usual(Screen::Replay);
    open(&mut stage, session(), events(), at);
    stage.effects();
    stage
}

fn key(stage: &mut Stage, name: &str) {
    for name in name.split(' ') {
        stage.strike(name);
    }
}

fn wait(stage: &mut Stage, ms: u64) {
    stage.pass(Duration::from_millis(ms));
}

/// Returns the timeline, the last row of the body.
fn bar(stage: &mut Stage) -> String {
    let screen = stage.screen();
    let rows: Vec<&str> = screen.lines().collect();
    rows[rows.len() - 3].to_owned()
}

/// Returns the number of visible events.
fn shown(stage: &mut Stage) -> usize {
    let screen = stage.screen();
    let words = screen.split("transcript · ").nth(1).unwrap_or_else(|| panic!("no transcript:\n{screen}"));
    words.split(' ').next().unwrap().parse().unwrap()
}

/// Returns a recording while it plays, for the pictures.
pub(super) fn picture() -> Stage {
    let mut stage = Stage::new(Screen::Replay, (100, 24), LOOKS[1].1);
    open(&mut stage, session(), events(), Some(7));
    key(&mut stage, "space");
    wait(&mut stage, 300);
    stage
}

#[test]
fn a_recording_in_all_sizes() {
    snapshots("replay-end", Screen::Replay, |stage| {
        open(stage, session(), events(), Some(11));
    });
    snapshots("replay-middle", Screen::Replay, |stage| {
        open(stage, session(), events(), Some(7));
        key(stage, "space");
        wait(stage, 300);
    });
    snapshots("replay-idle-cap", Screen::Replay, |stage| {
        open(stage, session(), events(), Some(11));
        key(stage, "i");
    });
    snapshots("replay-broken", Screen::Replay, |stage| {
        open(stage, session(), events(), Some(9));
        let broken = VerifyReport {
            intact: false,
            broken_at: Some(9),
            problem: Some("edited: its bytes are not those that were hashed".to_owned()),
            ..report(false)
        };
        stage.answer(Answer::Verified(id(), Ok(broken)));
    });
    snapshots("replay-found", Screen::Replay, |stage| {
        open(stage, session(), events(), Some(1));
        key(stage, "/");
        stage.write("customers");
        key(stage, "enter n");
    });
}

#[test]
fn the_list_and_empty_states_in_all_sizes() {
    snapshots("replay-list", Screen::Replay, |stage| {
        stage.answer(Answer::Sessions { live: false, found: Ok(several()) });
        key(stage, "j");
    });
    let hold = LegalHoldView {
        reason: "case 4411".to_owned(),
        actor: "local:kate".to_owned(),
        since_ms: START_MS + 300_000,
    };
    snapshots("replay-list-held", Screen::Replay, |stage| {
        let mut all = several();
        for view in all.items.iter_mut().take(2) {
            view.hold = Some(hold.clone());
        }
        stage.answer(Answer::Sessions { live: false, found: Ok(all) });
        key(stage, "j");
    });
    snapshots("replay-held", Screen::Replay, |stage| {
        open(stage, SessionView { hold: Some(hold.clone()), ..session() }, Vec::new(), None);
    });
    snapshots("replay-list-empty", Screen::Replay, |stage| {
        stage.answer(Answer::Sessions { live: false, found: Ok(List::all(Vec::new())) });
    });
    snapshots("replay-list-filter", Screen::Replay, |stage| {
        stage.answer(Answer::Sessions { live: false, found: Ok(several()) });
        key(stage, "/");
        stage.write("who:kim");
    });
    snapshots("replay-empty", Screen::Replay, |stage| {
        open(stage, SessionView { ended_ms: None, end: None, events: 0, ..session() }, Vec::new(), None);
    });
    snapshots("replay-loading", Screen::Replay, |stage| {
        ask(stage, session(), None);
        wait(stage, 200);
    });
    snapshots("replay-export", Screen::Replay, |stage| {
        open(stage, session(), events(), Some(11));
        key(stage, "e down enter");
    });
}

fn several() -> List<SessionView> {
    let made = |name: &str, label: &str, kind, connection: &str, protocol: &str| SessionView {
        id: name.parse().unwrap(),
        label: label.to_owned(),
        kind,
        connection: connection.to_owned(),
        protocol: protocol.to_owned(),
        ..session()
    };
    List {
        items: vec![
            SessionView {
                ended_ms: None,
                end: None,
                ..made("ses_01kah3y2x7m5q8r4s6t9v0w1z5", "kim", Kind::Human, "billing", "http")
            },
            session(),
            SessionView {
                denied: 0,
                masked: 0,
                pruned_ms: Some(START_MS),
                hold: None,
                ..made("ses_01kah3y2x7m5q8r4s6t9v0w1z0", "deploy-bot", Kind::App, "tickets", "mcp")
            },
        ],
        more: true,
    }
}

fn live(seq: u64, t: u64, kind: &str) -> Msg {
    let data = line(seq, t, kind, &json!({"text": "note", "reason": "idle"}), &json!([]));
    Msg::Live(LiveEvent { id: format!("s{seq}"), topic: Topic::Session, data })
}
