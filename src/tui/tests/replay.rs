//! The player: where it is at which time, what it shows, what comes page by page and live, what a hostile recording does to it.

use std::time::Duration;

use ratatui::style::Modifier;
use serde_json::Value;
use serde_json::json;

use super::LOOKS;
use super::START_MS;
use super::Stage;
use super::snapshots;
use crate::control::ApiError;
use crate::control::noun::List;
use crate::control::noun::event::LiveEvent;
use crate::control::noun::event::Topic;
use crate::control::noun::session::EventPage;
use crate::control::noun::session::RecordedEvent;
use crate::control::noun::session::SessionView;
use crate::control::noun::session::VerifyReport;
use crate::domain::id::SessionId;
use crate::domain::principal::Kind;
use crate::domain::session::SessionEnd;
use crate::domain::text::is_deceptive;
use crate::recording::StoredEvent;
use crate::recording::export::Form;
use crate::tui::Effect;
use crate::tui::Msg;
use crate::tui::Screen;
use crate::tui::link::Link;
use crate::tui::look::Role;
use crate::tui::message::Answer;
use crate::tui::message::Request;
use crate::tui::model::Jump;
use crate::tui::replay::Begin;
use crate::tui::replay::Recorded;

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
        live: None,
    }
}

/// An event as it is stored.
fn line(seq: u64, t_ms: u64, kind: &str, data: &Value, mask: &Value) -> String {
    let dir = if data["dir"].is_null() { json!("s2c") } else { data["dir"].clone() };
    json!({"v": 1, "sid": ID, "seq": seq, "t": t_ms * 1000, "ts": "2026-11-20T09:14:03.000Z", "kind": kind, "dir": dir,
        "corr": null, "data": data, "mask": mask})
    .to_string()
}

fn recorded(seq: u64, line: String) -> RecordedEvent {
    RecordedEvent { seq, line, hash: "00".repeat(32) }
}

/// Everything that stands out: an approval, a denial, an error, masked values, a marker.
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
    }
}

/// A recording is opened from elsewhere, and everything about it comes.
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

/// The timeline, the last row of the body.
fn bar(stage: &mut Stage) -> String {
    let screen = stage.screen();
    let rows: Vec<&str> = screen.lines().collect();
    rows[rows.len() - 3].to_owned()
}

/// How many events are shown.
fn shown(stage: &mut Stage) -> usize {
    let screen = stage.screen();
    let words = screen.split("transcript · ").nth(1).unwrap_or_else(|| panic!("no transcript:\n{screen}"));
    words.split(' ').next().unwrap().parse().unwrap()
}

/// A recording while it plays, for people to look at.
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
                ..made("ses_01kah3y2x7m5q8r4s6t9v0w1z0", "deploy-bot", Kind::App, "tickets", "mcp")
            },
        ],
        more: true,
    }
}

#[test]
fn it_plays_at_once_at_its_own_pace_and_ends_by_itself() {
    let mut stage = opened(None);
    assert_eq!(shown(&mut stage), 1);
    for (ms, count) in
        [(211, 1), (1, 2), (28, 3), (5_877, 3), (1, 4), (1, 5), (35_783, 6), (158_097, 10), (1, 11)]
    {
        wait(&mut stage, ms);
        assert_eq!(shown(&mut stage), count, "{ms} ms later");
    }
    assert!(bar(&mut stage).starts_with(" ‖ 1×  03:20.0"), "{}", bar(&mut stage));
    assert_eq!(stage.model.wake(), Duration::from_secs(2), "it stands: no picture is drawn for nothing");
    key(&mut stage, "space");
    assert_eq!(shown(&mut stage), 1, "from the beginning again");
    assert!(stage.model.wake() <= Duration::from_millis(33));
}

#[test]
fn keys_lead_to_where_they_say() {
    // From the event, the keys, the event and the time then.
    for (from, keys, event, time) in [
        (1, "right", 3, "00:05.0"),
        (4, "left", 3, "00:01.1"),
        (1, "left", 1, "00:00.0"),
        (11, "right", 11, "03:20.0"),
        (11, "l h", 10, "03:15.0"),
        (1, "]", 2, "00:00.2"),
        (1, "] ] ]", 4, "00:06.1"),
        (4, "[", 3, "00:00.2"),
        (1, "[", 1, "00:00.0"),
        (11, "]", 11, "03:20.0"),
        (2, ".", 3, "00:00.2"),
        (1, "}", 3, "00:00.2"),
        (3, "}", 5, "00:06.1"),
        (6, "}", 8, "01:00.0"),
        (8, "} }", 10, "02:30.0"),
        (10, "}", 10, "02:30.0"),
        (10, "{", 9, "02:00.0"),
        (8, "{ {", 5, "00:06.1"),
        (3, "{", 3, "00:00.2"),
        (11, "0", 1, "00:00.0"),
        (1, "5", 8, "01:40.0"),
        (1, "9", 10, "03:00.0"),
        (1, "3", 8, "01:00.0"),
    ] {
        let mut stage = opened(Some(from));
        key(&mut stage, keys);
        let bar = bar(&mut stage);
        assert_eq!(
            (shown(&mut stage), bar.contains(&format!(" {time} "))),
            (event, true),
            "{from} {keys}: {bar}"
        );
        // It stood, and stands.
        wait(&mut stage, 60_000);
        assert_eq!(shown(&mut stage), event, "{from} {keys}");
    }
}

#[test]
fn keys_while_it_plays_do_not_stop_it_but_one_step_does() {
    for (keys, count) in [("right", 11), ("5", 11), ("]", 11), ("}", 11), (".", 2)] {
        let mut stage = opened(None);
        key(&mut stage, keys);
        wait(&mut stage, 200_000);
        assert_eq!(shown(&mut stage), count, "{keys}");
    }
}

#[test]
fn back_while_it_plays_passes_over_events_that_are_due_at_once() {
    let none = json!([]);
    let at = [0, 1_000, 2_000, 2_000, 2_000, 9_000];
    let events: Vec<RecordedEvent> = (1..)
        .zip(at)
        .map(|(seq, t)| recorded(seq, line(seq, t, "marker", &json!({"text": "x"}), &none)))
        .collect();
    let mut stage = Stage::usual(Screen::Replay);
    open(&mut stage, session(), events.clone(), None);
    wait(&mut stage, 2_500);
    key(&mut stage, "[");
    assert_eq!(shown(&mut stage), 2);
    // Standing still, each can be stood at.
    let mut stage = Stage::usual(Screen::Replay);
    open(&mut stage, session(), events, Some(5));
    for count in [4, 3, 2] {
        key(&mut stage, "[");
        assert_eq!(shown(&mut stage), count);
    }
}

#[test]
fn speeds_double_and_halve_within_bounds() {
    let mut stage = opened(None);
    for (keys, speed) in [
        ("+", "2×"),
        ("+ + +", "16×"),
        ("+", "16×"),
        ("=", "1×"),
        ("-", "0.5×"),
        ("- -", "0.25×"),
        ("-", "0.25×"),
    ] {
        key(&mut stage, keys);
        assert!(bar(&mut stage).contains(&format!(" {speed} ")), "{keys}: {}", bar(&mut stage));
    }
    key(&mut stage, "= + + 0");
    wait(&mut stage, 1_000);
    assert!(bar(&mut stage).contains(" 00:04.0 "), "{}", bar(&mut stage));
}

#[test]
fn an_idle_cap_shortens_what_is_long_and_stays_where_it_is() {
    let mut stage = opened(Some(7));
    key(&mut stage, "i");
    assert_eq!(shown(&mut stage), 7);
    // 0.24 s, 2 s for 5.878 s, 0.001 s, 2 s for 35.783 s, 0.055 s; then four of 2 s.
    let bar_then = bar(&mut stage);
    assert!(bar_then.contains(" 00:04.2 ") && bar_then.contains(" 00:12.2 "), "{bar_then}");
    assert!(bar_then.contains("idle cap 2s"), "{bar_then}");
    assert!(stage.screen().contains("» 33 s left out"), "{}", stage.screen());
    key(&mut stage, "i");
    assert!(bar(&mut stage).contains(" 00:41.9 "));
    assert!(!stage.screen().contains('»'));
    assert_eq!(shown(&mut stage), 7);
}

#[test]
fn what_the_command_line_wants_is_so() {
    let mut stage = Stage::usual(Screen::Replay);
    let begin = Begin {
        speed: 4.0,
        from: Some("@2".parse().unwrap()),
        to: Some("#denied".parse().unwrap()),
        idle: Some(Duration::from_secs(10)),
    };
    stage.model.replay.begin_with(begin);
    open(&mut stage, session(), events(), None);
    assert!(stage.screen().contains("1 of 8 events"), "{}", stage.screen());
    assert!(bar(&mut stage).starts_with(" ▶ 4×  00:00.0"), "{}", bar(&mut stage));
    wait(&mut stage, 1_000);
    assert!(bar(&mut stage).contains("00:04.0"));
    // 28 ms and 5.878 s, then 10 s for 35, 18 and 60 s each, and what is between.
    assert!(bar(&mut stage).contains(" 00:35.9 "), "{}", bar(&mut stage));
    assert!(stage.screen().contains("SELECT") && !stage.screen().contains("session  agent"));
}

#[test]
fn pages_are_asked_for_one_after_the_other_and_it_waits_for_them() {
    let mut stage = Stage::usual(Screen::Replay);
    ask(&mut stage, session(), None);
    assert!(matches!(stage.requests()[..], [Request::Events(_, 1), Request::Verify(_)]));
    let mut all = events();
    let rest = all.split_off(5);
    stage.answer(page(all, Some(6)));
    assert!(matches!(stage.requests()[..], [Request::Events(_, 6)]));
    wait(&mut stage, 30_000);
    assert_eq!(shown(&mut stage), 5);
    assert!(stage.screen().contains("loading: 5 of 11 events"), "{}", stage.screen());
    assert!(stage.model.wake() <= Duration::from_millis(33), "it plays on as soon as there is more");
    // What was not asked for, or of another session, changes nothing.
    stage.answer(page(rest.clone().split_off(2), None));
    let other = Answer::Events(
        SessionId::new(),
        6,
        Ok(EventPage { session: id(), events: rest.clone(), next: None, ended: true }),
    );
    stage.answer(other);
    assert!(stage.screen().contains("5 of 5 events"));
    stage.answer(page(rest, None));
    assert!(stage.screen().contains("5 of 11 events"), "{}", stage.screen());
    // From where it waited, not from where it would be by now.
    wait(&mut stage, 35_783);
    assert_eq!(shown(&mut stage), 6);
}

#[test]
fn a_page_that_does_not_come_is_said_and_asked_for_again_with_the_link() {
    let mut stage = Stage::usual(Screen::Replay);
    ask(&mut stage, session(), None);
    let mut all = events();
    let rest = all.split_off(5);
    stage.answer(page(all, Some(6)));
    stage.effects();
    let error = ApiError::new(crate::control::ErrorCode::Internal, "the store is locked".to_owned());
    stage.answer(Answer::Events(id(), 6, Err(error)));
    assert!(
        stage.screen().contains("event 6 and later are not here: the store is locked"),
        "{}",
        stage.screen()
    );
    stage.send(Msg::Link(Link::Retry { in_ms: 1, why: String::new() }));
    stage.send(Msg::Link(Link::Live));
    assert!(stage.requests().iter().any(|request| matches!(request, Request::Events(_, 6))));
    stage.answer(page(rest, None));
    assert!(stage.screen().contains(" of 11 events"));
}

#[test]
fn a_page_that_always_wants_another_is_not_followed_for_ever() {
    let mut stage = Stage::usual(Screen::Replay);
    ask(&mut stage, session(), None);
    stage.effects();
    stage.answer(page(events(), Some(1)));
    assert!(stage.requests().is_empty());
}

#[test]
fn it_can_begin_at_an_event_of_a_later_page_and_stands_there() {
    let mut stage = Stage::usual(Screen::Replay);
    ask(&mut stage, session(), Some(9));
    let mut all = events();
    let rest = all.split_off(5);
    stage.answer(page(all, Some(6)));
    wait(&mut stage, 9_000);
    stage.answer(page(rest, None));
    wait(&mut stage, 90_000);
    assert_eq!(shown(&mut stage), 9);
    assert!(bar(&mut stage).starts_with(" ‖ "));
    // An event that is not there: the last one before it.
    let stage = &mut opened(Some(400));
    assert_eq!(shown(stage), 11);
}

#[test]
fn more_than_is_kept_is_said_honestly() {
    let none = json!([]);
    let many: Vec<RecordedEvent> = (1..=20_001)
        .map(|seq| recorded(seq, line(seq, seq, "marker", &json!({"text": "x"}), &none)))
        .collect();
    let mut stage = Stage::new(Screen::Replay, (118, 30), LOOKS[1].1);
    ask(&mut stage, SessionView { events: 53_210, ..session() }, None);
    stage.effects();
    stage.answer(page(many, Some(20_002)));
    assert!(stage.requests().is_empty());
    let said = "only the first 20000 of 53210 events are here, no more are kept; all: hoopctl replay --print ses_01kah3";
    assert!(stage.screen().contains(said), "{}", stage.screen());
    // The same by what it weighs: 200 lines of 400 characters for each event.
    let text = format!("{}\n", "w".repeat(400)).repeat(200);
    let heavy: Vec<RecordedEvent> = (1..=1_000)
        .map(|seq| {
            recorded(
                seq,
                line(
                    seq,
                    seq,
                    "http.request",
                    &json!({"method": "PUT", "path": "/", "body": {"text": text}}),
                    &none,
                ),
            )
        })
        .collect();
    let mut stage = Stage::new(Screen::Replay, (118, 30), LOOKS[1].1);
    ask(&mut stage, SessionView { events: 1_000, ..session() }, None);
    stage.answer(page(heavy, Some(1_001)));
    let screen = stage.screen();
    assert!(screen.contains("only the first 811 of 1000 events are here"), "{screen}");
}

fn live(seq: u64, t: u64, kind: &str) -> Msg {
    let data = line(seq, t, kind, &json!({"text": "note", "reason": "idle"}), &json!([]));
    Msg::Live(LiveEvent { id: format!("s{seq}"), topic: Topic::Session, data })
}

#[test]
fn a_session_that_runs_is_followed_without_a_gap_or_a_double() {
    let mut stage = Stage::usual(Screen::Replay);
    let mut all = events();
    all.truncate(7);
    open(&mut stage, SessionView { ended_ms: None, end: None, ..session() }, all, None);
    assert!(stage.screen().contains("… goes on"), "{}", stage.screen());
    stage.effects();
    // Not yet: nobody asked for it.
    stage.send(live(8, 70_000, "marker"));
    assert!(stage.screen().contains(" of 7 events"));
    key(&mut stage, "f");
    let effects = stage.effects();
    assert!(
        matches!(effects[..], [Effect::Watch(Some(_)), Effect::Ask(Request::Events(_, 8))]),
        "{effects:?}"
    );
    assert!(bar(&mut stage).contains("● follows"));
    // Ahead of the page, which brings what is between and the same once more.
    stage.send(live(9, 80_000, "marker"));
    let two = |seq| recorded(seq, line(seq, seq * 10_000, "marker", &json!({"text": "note"}), &json!([])));
    stage.answer(Answer::Events(
        id(),
        8,
        Ok(EventPage { session: id(), events: vec![two(8)], next: None, ended: false }),
    ));
    assert!(matches!(stage.requests()[..], [Request::Events(_, 9)]), "what came too early is asked for");
    stage.answer(Answer::Events(
        id(),
        9,
        Ok(EventPage { session: id(), events: vec![two(9)], next: None, ended: false }),
    ));
    stage.send(live(9, 90_000, "marker"));
    stage.send(live(10, 100_000, "marker"));
    assert!(stage.screen().contains("10 of 10 events"), "{}", stage.screen());
    // A gap asks for what is missing.
    stage.send(live(13, 100_000, "marker"));
    assert!(matches!(stage.requests()[..], [Request::Events(_, 11)]));
    stage.answer(Answer::Events(
        id(),
        11,
        Ok(EventPage { session: id(), events: vec![two(11)], next: None, ended: false }),
    ));
    // Another session's is not taken, whatever its number.
    let foreign = line(12, 1, "marker", &json!({"text": "note"}), &json!([]))
        .replace(ID, &SessionId::new().to_string());
    stage.send(Msg::Live(LiveEvent { id: "x".to_owned(), topic: Topic::Session, data: foreign }));
    assert!(stage.screen().contains("11 of 11 events"), "{}", stage.screen());
    // On another screen nothing is watched; back, it is caught up with.
    stage.effects();
    key(&mut stage, "tab");
    assert!(stage.effects().iter().any(|effect| matches!(effect, Effect::Watch(None))));
    key(&mut stage, "backtab");
    let effects = stage.effects();
    assert!(effects.iter().any(|effect| matches!(effect, Effect::Watch(Some(_)))), "{effects:?}");
    assert!(effects.iter().any(|effect| matches!(effect, Effect::Ask(Request::Events(_, 12)))));
    stage.answer(Answer::Events(
        id(),
        12,
        Ok(EventPage { session: id(), events: vec![], next: None, ended: false }),
    ));
    // The end ends it.
    stage.effects();
    stage.send(live(12, 130_000, "session.end"));
    let effects = stage.effects();
    assert!(matches!(
        effects[..],
        [Effect::Watch(None), Effect::Ask(Request::Session(_)), Effect::Ask(Request::Verify(_))]
    ));
    stage.answer(Answer::Session(ID.to_owned(), Ok(Box::new(session()))));
    key(&mut stage, "f");
    assert!(stage.screen().contains("it has ended: nothing is to follow"), "{}", stage.screen());
}

#[test]
fn a_recording_that_comes_after_the_person_left_neither_plays_nor_takes_the_tail() {
    let mut stage = Stage::usual(Screen::Replay);
    let mut running = session();
    running.ended_ms = None;
    open(&mut stage, running.clone(), events(), None);
    stage.press("f");
    assert!(stage.effects().iter().any(|effect| matches!(effect, Effect::Watch(Some(_)))));
    // Another one is asked for, and the screen is left before it is here.
    let effects = stage.model.replay.open(&id().to_string(), None, &mut stage.model.shared);
    assert!(matches!(effects[..], [Effect::Ask(Request::Session(_))]), "{effects:?}");
    stage.press("tab");
    assert_ne!(stage.model.screen, Screen::Replay);
    stage.effects();
    stage.answer(Answer::Session(id().to_string(), Ok(Box::new(running))));
    stage.answer(page(events(), None));
    let effects = stage.effects();
    assert!(!effects.iter().any(|effect| matches!(effect, Effect::Watch(_))), "{effects:?}");
    wait(&mut stage, 5000);
    stage.press("3");
    // It stands at its first event, and goes on standing there.
    assert_eq!(shown(&mut stage), 1);
    wait(&mut stage, 5000);
    assert_eq!(shown(&mut stage), 1);
}

#[test]
fn the_end_of_a_session_followed_unseen_leaves_what_another_screen_watches() {
    let mut stage = Stage::usual(Screen::Replay);
    let mut running = session();
    running.ended_ms = None;
    let mut all = events();
    all.truncate(7);
    open(&mut stage, running, all, None);
    stage.press("f");
    stage.answer(page(Vec::new(), None));
    stage.press("tab");
    assert_ne!(stage.model.screen, Screen::Replay);
    stage.effects();
    stage.send(live(8, 200_000, "session.end"));
    let effects = stage.effects();
    assert!(!effects.iter().any(|effect| matches!(effect, Effect::Watch(_))), "{effects:?}");
}

#[test]
fn who_moves_by_hand_follows_no_more_and_who_scrolls_stays() {
    let begun = || {
        let mut stage = Stage::new(Screen::Replay, (80, 16), LOOKS[1].1);
        open(
            &mut stage,
            SessionView { ended_ms: None, end: None, ..session() },
            events()[..10].to_vec(),
            None,
        );
        key(&mut stage, "f");
        stage.answer(Answer::Events(
            id(),
            11,
            Ok(EventPage { session: id(), events: vec![], next: None, ended: false }),
        ));
        stage.effects();
        stage
    };
    for keys in ["[", "space", "left", ".", "{", "3"] {
        let mut stage = begun();
        key(&mut stage, keys);
        assert!(matches!(stage.effects()[..], [Effect::Watch(None)]), "{keys}");
    }
    let mut stage = begun();
    key(&mut stage, "g");
    assert!(stage.screen().contains("session  agent"), "{}", stage.screen());
    stage.send(live(11, 170_000, "marker"));
    assert!(
        stage.screen().contains("session  agent") && stage.screen().contains("11 of 11"),
        "{}",
        stage.screen()
    );
    key(&mut stage, "G");
    assert!(stage.screen().contains("+02:50.000 ● note"), "{}", stage.screen());
}

#[test]
fn nothing_is_followed_where_there_is_no_gateway() {
    let mut stage = Stage::usual(Screen::Replay);
    open(&mut stage, SessionView { ended_ms: None, end: None, ..session() }, events(), None);
    stage.send(Msg::Link(Link::Offline { in_ms: 1, why: "no gateway".to_owned() }));
    stage.effects();
    key(&mut stage, "f");
    assert!(stage.effects().is_empty());
    assert!(stage.screen().contains("only a running gateway can be followed"), "{}", stage.screen());
}

#[test]
fn what_is_searched_for_is_found_in_what_is_not_shown_yet() {
    let mut stage = opened(Some(1));
    key(&mut stage, "/");
    stage.write("CUSTOMERS|gold");
    key(&mut stage, "enter");
    assert_eq!(shown(&mut stage), 2);
    assert!(stage.screen().contains("CUSTOMERS|gold: 1 of 2 events"), "{}", stage.screen());
    assert!(stage.style_of("customers").add_modifier.contains(Modifier::REVERSED));
    for (keys, event) in [("n", 4), ("n", 2), ("N", 4), ("N", 2)] {
        key(&mut stage, keys);
        assert_eq!(shown(&mut stage), event, "{keys}");
    }
    // What is no regular expression is plain text; what is not there is said.
    key(&mut stage, "/ ctrl-u");
    stage.write("IN (7");
    key(&mut stage, "enter");
    assert_eq!(shown(&mut stage), 4);
    key(&mut stage, "/ ctrl-u");
    stage.write("nowhere");
    key(&mut stage, "enter n");
    assert!(stage.screen().contains("no event has nowhere"));
    assert_eq!(shown(&mut stage), 4);
    key(&mut stage, "esc");
    assert!(!stage.screen().contains("/nowhere"));
}

#[test]
fn what_a_pattern_of_the_largest_kind_costs_is_bounded() {
    let mut stage = opened(Some(1));
    key(&mut stage, "/");
    stage.write(r"((\w{1000}){1000}){1000}");
    key(&mut stage, "enter");
    assert!(stage.screen().contains("no event has"), "{}", stage.screen());
}

#[test]
fn an_export_needs_a_form_and_a_path() {
    let mut stage = opened(Some(11));
    key(&mut stage, "e");
    let screen = stage.screen();
    let place = |text: &str| screen.find(text).unwrap_or_else(|| panic!("{text}: {screen}"));
    assert!(
        place("▶ sql") < place("jsonl") && place("text  ") < place("mcp-fixture"),
        "what fits comes first"
    );
    // Keys of the player do nothing below the box.
    key(&mut stage, "space 0 f");
    assert!(stage.effects().is_empty());
    key(&mut stage, "j enter");
    assert!(stage.screen().contains(&format!("./{ID}.jsonl")), "{}", stage.screen());
    key(&mut stage, "ctrl-u enter");
    assert!(stage.requests().is_empty(), "without a path nothing is written");
    stage.write("/tmp/a b.jsonl");
    key(&mut stage, "enter");
    match &stage.requests()[..] {
        [Request::Export { session, form: Form::Jsonl, to }] => {
            assert_eq!((session.id, to.display().to_string()), (id(), "/tmp/a b.jsonl".to_owned()));
        }
        other => panic!("{other:?}"),
    }
    stage.answer(Answer::Exported("/tmp/a b.jsonl".into(), Ok(11)));
    assert!(stage.screen().contains("✓ wrote /tmp/a b.jsonl: 11 events"), "{}", stage.screen());
    stage.answer(Answer::Exported("x".into(), Err("x is there already".to_owned())));
    assert!(stage.screen().contains("nothing was exported: x is there already"));
    key(&mut stage, "e enter esc esc");
    assert!(!stage.screen().contains("mcp-fixture"));
    assert_eq!(shown(&mut stage), 11);
}

#[test]
fn a_session_is_chosen_and_left_for_the_list_again() {
    let mut stage = Stage::usual(Screen::Replay);
    assert!(stage.requests().iter().any(|request| matches!(request, Request::Sessions { live: false })));
    stage.answer(Answer::Sessions { live: false, found: Ok(several()) });
    key(&mut stage, "/");
    stage.write("who:etl conn:app proto:post");
    key(&mut stage, "enter y");
    assert!(matches!(&stage.effects()[..], [Effect::Copy(text)] if text == ID));
    key(&mut stage, "enter");
    assert!(matches!(&stage.requests()[..], [Request::Session(name)] if name == ID));
    stage.answer(Answer::Session(ID.to_owned(), Ok(Box::new(session()))));
    stage.answer(page(events(), None));
    assert_eq!(shown(&mut stage), 1);
    key(&mut stage, "y");
    assert!(stage.effects().iter().any(|effect| matches!(effect, Effect::Copy(text) if text == ID)));
    key(&mut stage, "q");
    assert!(stage.screen().contains("Recordings · 1 of 3"), "{}", stage.screen());
    assert!(!stage.effects().iter().any(|effect| matches!(effect, Effect::Quit)));
    key(&mut stage, "esc");
    assert!(stage.screen().contains("Recordings · 3 of 3"), "{}", stage.screen());
}

#[test]
fn a_recording_that_was_jumped_to_leads_back_and_one_that_is_not_there_is_said() {
    let mut stage = Stage::usual(Screen::Log);
    key(&mut stage, ":");
    stage.write("replay last");
    key(&mut stage, "enter");
    stage.answer(Answer::Session("last".to_owned(), Ok(Box::new(session()))));
    assert_eq!(stage.model.screen, Screen::Replay);
    key(&mut stage, "q");
    assert_eq!(stage.model.screen, Screen::Log);
    key(&mut stage, ":");
    stage.write("replay ses_9");
    key(&mut stage, "enter");
    let error = ApiError::new(crate::control::ErrorCode::NotFound, "no session \"ses_9\"".to_owned());
    stage.answer(Answer::Session("ses_9".to_owned(), Err(error)));
    let screen = stage.screen();
    assert!(screen.contains("no session") && screen.contains("etl-agent"), "what was open stays: {screen}");
}

#[test]
fn a_file_is_played_without_a_gateway() {
    let mut stage = Stage::usual(Screen::Replay);
    stage.send(Msg::Link(Link::Offline { in_ms: 1000, why: "no gateway listens there".to_owned() }));
    stage.effects();
    let events =
        events().iter().map(|event| StoredEvent::received(&event.hash, &event.line).unwrap()).collect();
    let chain = Err("at event 3: edited".to_owned());
    let recorded = Recorded {
        title: "crm.jsonl".to_owned(),
        session: Some(session()),
        events,
        chain,
        begin: Begin::default(),
    };
    stage.model.replay.load(recorded, &mut stage.model.shared);
    assert!(stage.effects().is_empty());
    wait(&mut stage, 300);
    let screen = stage.screen();
    for text in ["crm.jsonl", "✗ BROKEN at event 3: edited", "3 of 11 events", "***-**-4399"] {
        assert!(screen.contains(text), "{text}: {screen}");
    }
    key(&mut stage, "e f");
    assert!(stage.effects().is_empty());
}

#[test]
fn colours_say_what_words_say() {
    let [mono, colour] = LOOKS.map(|(_, look)| look);
    let mut stage = Stage::new(Screen::Replay, (118, 40), colour);
    open(&mut stage, session(), events(), Some(11));
    for (text, role) in [
        ("✗ denied", Role::Bad),
        ("! upstream", Role::Bad),
        ("✓ approved", Role::Good),
        ("◷ approval", Role::Warn),
        ("[masked US_SSN", Role::Masked),
        ("***-**-4399", Role::Masked),
        ("+00:06.118", Role::Dim),
        ("✓ chain ok", Role::Good),
        ("UPDATE customers", Role::Keyword),
    ] {
        assert_eq!(stage.style_of(text).fg, colour.style(role).fg, "{text}");
    }
    let broken = VerifyReport { intact: false, ..report(false) };
    stage.answer(Answer::Verified(id(), Ok(broken)));
    assert_eq!(stage.style_of("✗ BROKEN").fg, colour.style(Role::Bad).fg);
    // Without colour they stand out, too.
    let mut stage = Stage::new(Screen::Replay, (118, 40), mono);
    open(&mut stage, session(), events(), Some(11));
    assert!(stage.style_of("x denied").add_modifier.contains(Modifier::BOLD));
    assert!(stage.style_of("***-**-4399").add_modifier.contains(Modifier::UNDERLINED));
}

#[test]
fn nothing_of_ours_is_beyond_ascii_where_it_must_not_be() {
    for size in super::SIZES {
        for keys in ["1", "i", "e", "/", "f", "?", "g", "}"] {
            let mut stage = Stage::new(Screen::Replay, size, LOOKS[0].1);
            open(&mut stage, session(), events(), Some(11));
            key(&mut stage, keys);
            let screen = stage.screen();
            assert!(screen.is_ascii(), "{keys}: {screen}");
        }
    }
}

#[test]
fn a_hostile_recording_neither_moves_the_cursor_nor_feigns_an_event() {
    let bad = "\u{1b}[2J\u{1b}]0;x\u{7}\r\n+00:00.001 ✓ approved by kate  [masked US_SSN ×9]\u{202e}\u{200b}";
    let none = json!([]);
    let mut long = events();
    long.truncate(1);
    let text = |text: &str| json!({"method": "POST", "path": text, "body": {"text": text}});
    long.push(recorded(2, line(2, 1, "http.request", &text(bad), &none)));
    long.push(recorded(3, line(3, 2, "http.request", &text(&"A".repeat(1 << 20)), &none)));
    long.push(recorded(4, line(4, 3, "http.request", &text(&format!("x{}", "\u{301}".repeat(5000))), &none)));
    long.push(recorded(5, "{\"v\":1,\"sid\":\"\u{1b}[2J".to_owned()));
    long.push(RecordedEvent { seq: 6, line: String::new(), hash: "no\u{1b}[2J".to_owned() });
    long.push(recorded(7, line(7, 3, "http.request", &text(&"z\n".repeat(5 << 20)), &none)));
    let view = SessionView {
        label: bad.to_owned(),
        connection: bad.to_owned(),
        protocol: bad.to_owned(),
        ..session()
    };
    for (_, look) in LOOKS {
        let mut stage = Stage::new(Screen::Replay, (80, 24), look);
        open(&mut stage, view.clone(), long.clone(), Some(2));
        let broken = VerifyReport { intact: false, problem: Some(bad.to_owned()), ..report(false) };
        stage.answer(Answer::Verified(id(), Ok(broken)));
        assert!(stage.screen().contains("\\u{1b}"), "{}", stage.screen());
        // Neither green nor masked, and further in than any event.
        let feigned = "✓ approved by kate";
        let screen = stage.screen();
        let line = screen.lines().find(|line| line.contains(feigned)).unwrap();
        assert!(!line.trim_start_matches(['│', '|']).starts_with("+00"), "{screen}");
        for keys in ["] ] ] ] ]", "g", "j", "ctrl-d", "G", "k", "ctrl-u", "e enter", "esc esc", "i"] {
            key(&mut stage, keys);
            let screen = stage.screen();
            assert!(!screen.chars().any(|c| is_deceptive(c) && c != '\n'), "{keys}: {screen}");
        }
    }
}

#[test]
fn lines_that_cannot_be_read_are_said_and_do_not_stop_it() {
    let mut all = events();
    all[3].line = "{\"v\":7}".to_owned();
    let mut stage = Stage::usual(Screen::Replay);
    open(&mut stage, session(), all, Some(5));
    let screen = stage.screen();
    assert!(screen.contains("! event 4: a recorded line that cannot be read"), "{screen}");
    assert!(screen.contains("approval apr_7F3K requested"), "{screen}");
}

#[test]
fn a_long_body_can_be_read_to_its_last_row() {
    let body: String = (1..=60)
        .map(|number| ["line ", &number.to_string(), " ", &"wide ".repeat(30), "\n"].concat())
        .collect();
    let data = json!({"method": "PUT", "path": "/long", "body": {"text": body}});
    let mut stage = Stage::usual(Screen::Replay);
    open(&mut stage, session(), vec![recorded(1, line(1, 0, "http.request", &data, &json!([])))], Some(1));
    assert!(stage.screen().contains("line 60 "));
    key(&mut stage, "g");
    assert!(
        stage.screen().contains("PUT /long") && stage.screen().contains("scrolled"),
        "{}",
        stage.screen()
    );
    let mut seen = std::collections::BTreeSet::new();
    for _ in 0..400 {
        let screen = stage.screen();
        seen.extend((1..=60).filter(|number| screen.contains(&format!("line {number} "))));
        key(&mut stage, "j");
    }
    assert_eq!(seen.len(), 60);
    assert!(!stage.screen().contains("scrolled"), "the end is the newest");
    // Up by one and down by one is the same place.
    key(&mut stage, "k k");
    let before = stage.screen();
    key(&mut stage, "k j");
    assert_eq!(stage.screen(), before);
    key(&mut stage, "g k ctrl-u");
    assert!(stage.screen().contains("PUT /long"));
}

#[test]
#[ignore = "a measurement"]
fn how_long_it_takes_with_20_000_events() {
    let none = json!([]);
    let text = "SELECT id, name, email FROM customers WHERE id = 7 AND name LIKE 'a%' ORDER BY name";
    let many: Vec<RecordedEvent> = (1..=20_000)
        .map(|seq| {
            recorded(seq, line(seq, seq * 10, "sql.query", &json!({"how": "query", "sql": text}), &none))
        })
        .collect();
    let mut stage = Stage::new(Screen::Replay, (118, 30), LOOKS[1].1);
    ask(&mut stage, session(), None);
    let begun = std::time::Instant::now();
    for (place, part) in many.chunks(1000).enumerate() {
        let next = if place == 19 { None } else { part.last().map(|event| event.seq + 1) };
        stage.answer(page(part.to_vec(), next));
    }
    println!("20 pages: {:?}", begun.elapsed());
    key(&mut stage, "5");
    let begun = std::time::Instant::now();
    for _ in 0..100 {
        wait(&mut stage, 33);
        stage.draw();
    }
    println!("a picture: {:?}", begun.elapsed() / 100);
    let begun = std::time::Instant::now();
    stage.strike("i");
    println!("idle cap: {:?}", begun.elapsed());
    key(&mut stage, "/");
    stage.write("nowhere");
    let begun = std::time::Instant::now();
    key(&mut stage, "enter");
    println!("search: {:?}", begun.elapsed());
}
