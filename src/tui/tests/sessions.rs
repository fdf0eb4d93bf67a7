//! The screen of sessions that run.

use std::time::Duration;
use std::time::Instant;

use serde_json::json;

use super::LOOKS;
use super::START_MS;
use super::Stage;
use super::snapshots;
use crate::control::ApiError;
use crate::control::ErrorCode;
use crate::control::noun::List;
use crate::control::noun::event::LiveEvent;
use crate::control::noun::event::Topic;
use crate::control::noun::session::EventPage;
use crate::control::noun::session::LiveSession;
use crate::control::noun::session::RecordedEvent;
use crate::control::noun::session::SessionView;
use crate::domain::id::SessionId;
use crate::domain::lock::LockTarget;
use crate::domain::principal::Kind;
use crate::domain::session::SessionEnd;
use crate::tui::Effect;
use crate::tui::Msg;
use crate::tui::Screen;
use crate::tui::link::Link;
use crate::tui::look::Role;
use crate::tui::message::Answer;
use crate::tui::message::Request;
use crate::tui::model::Jump;

/// The session with this number; a greater number began later.
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
        live: Some(LiveSession {
            id: id(number),
            streams: 1,
            commands: 118,
            active_ms: START_MS - 3000 * minutes,
            expires_ms: START_MS + 2_820_000,
        }),
    }
}

/// Some that differ in everything that is shown.
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

/// A stored line.
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

fn marker(number: u128, seq: u64, text: &str) -> String {
    line(number, seq, "marker", None, &json!({"text": text}), false)
}

/// The list is there, the selected session's events are.
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

/// Sessions that run, for people to look at.
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

#[test]
fn loading_is_said_after_a_moment_and_errors_leave_what_is_shown() {
    let mut stage = Stage::usual(Screen::Sessions);
    assert!(!stage.screen().contains("Loading"));
    stage.pass(Duration::from_millis(200));
    assert!(stage.screen().contains("Loading the sessions"));
    let error = ApiError::new(ErrorCode::Failed, "the disk\u{1b}[2J is full");
    stage.answer(Answer::Sessions { live: true, found: Err(error.clone()) });
    let screen = stage.screen();
    assert!(screen.contains("could not be read: the disk\\u{1b}[2J is full"), "{screen}");
    told(&mut stage, &some());
    stage.answer(Answer::Sessions { live: true, found: Err(error) });
    let screen = stage.screen();
    assert!(screen.contains("Lea Brandt") && screen.contains("the disk\\u{1b}[2J is full"), "{screen}");
}

fn polls(stage: &mut Stage) -> usize {
    stage.requests().iter().filter(|request| matches!(request, Request::Sessions { live: true })).count()
}

#[test]
fn sessions_are_asked_for_only_when_it_is_of_use() {
    let mut stage = Stage::usual(Screen::Policies);
    stage.pass(Duration::from_secs(9));
    assert_eq!(polls(&mut stage), 0, "the screen is not shown");
    stage.press("1");
    assert_eq!(polls(&mut stage), 1, "at once");
    stage.pass(Duration::from_secs(9));
    assert_eq!(polls(&mut stage), 0, "one is under way");
    told(&mut stage, &some());
    stage.pass(Duration::from_millis(1));
    assert_eq!(polls(&mut stage), 1);
    told(&mut stage, &some());
    stage.pass(Duration::from_millis(1900));
    assert_eq!(polls(&mut stage), 0, "too soon");
    stage.pass(Duration::from_millis(100));
    assert_eq!(polls(&mut stage), 1);
    told(&mut stage, &some());
    stage.strike("p");
    stage.pass(Duration::from_secs(9));
    assert_eq!(polls(&mut stage), 0, "the lists are held still");
    stage.strike("p");
    stage.pass(Duration::from_millis(1));
    assert_eq!(polls(&mut stage), 1);
    told(&mut stage, &some());
    stage.send(Msg::Link(Link::Offline { in_ms: 5000, why: "gone".to_owned() }));
    stage.pass(Duration::from_secs(9));
    assert_eq!(polls(&mut stage), 0, "there is nobody to ask");
    stage.send(Msg::Link(Link::Live));
    assert_eq!(polls(&mut stage), 1, "at once");
}

#[test]
fn an_answer_that_was_on_its_way_does_not_move_what_is_held_still() {
    let mut stage = stage();
    stage.pass(Duration::from_secs(3));
    stage.strike("p");
    let before = stage.screen();
    told(&mut stage, &[session(9, "new", "appdb")]);
    assert_eq!(stage.screen(), before);
}

#[test]
fn the_selection_follows_a_session_and_never_a_row() {
    let mut stage = stage();
    stage.press("g j");
    assert!(selected(&mut stage).starts_with("Lea Brandt"));
    let mut more = some();
    more.push(session(9, "newcomer", "appdb"));
    told(&mut stage, &more);
    assert!(selected(&mut stage).starts_with("Lea Brandt"));
    stage.press("o");
    assert!(stage.screen().contains("sort: who"));
    assert!(selected(&mut stage).starts_with("Lea Brandt"));
    // It ends: what stands there is another one now, and a key that was meant for it is dropped.
    let rest: Vec<_> = more.into_iter().filter(|view| view.label != "Lea Brandt").collect();
    told(&mut stage, &rest);
    stage.pass(Duration::from_secs(11));
    assert!(!selected(&mut stage).starts_with("Lea Brandt"));
    stage.strike("x");
    assert!(!stage.screen().contains("reason:"));
    stage.press("x");
    assert!(stage.screen().contains("reason:"));
}

#[test]
fn every_column_sorts() {
    let mut stage = stage();
    let mut firsts = Vec::new();
    for word in ["started", "who", "connection", "commands", "denied", "masked", "activity", "started"] {
        let screen = stage.screen();
        assert!(screen.contains(&format!("sort: {word}")), "{word}: {screen}");
        stage.press("g");
        firsts.push(selected(&mut stage).split_whitespace().next().unwrap().to_owned());
        stage.press("o");
    }
    let wanted = [
        "support-agen…",
        "deploy-agent",
        "etl-agent",
        "Lea",
        "etl-agent",
        "etl-agent",
        "etl-agent",
        "support-agen…",
    ];
    let begins = |(found, wanted): (&String, &&str)| found.starts_with(wanted.trim_end_matches('…'));
    assert!(firsts.iter().zip(&wanted).all(begins), "{firsts:?}");
}

#[test]
fn a_filter_shows_what_fits_and_esc_clears_it_first() {
    let mut stage = stage();
    for (filter, fits) in [
        ("who:kim", vec!["kim"]),
        ("conn:crm", vec!["Lea Brandt"]),
        ("kind:agent -verdict:masked proto:postgres", vec!["deploy-agent", "support-agent"]),
        ("verdict:denied", vec!["etl-agent"]),
        ("client:5f0c from:10.2 lea", vec!["Lea Brandt"]),
    ] {
        stage.press("/ ctrl-u");
        stage.write(filter);
        stage.strike("enter");
        let screen = stage.screen();
        for who in ["etl-agent", "kim", "deploy-agent", "Lea Brandt", "support-agent"] {
            let listed = screen.lines().take(10).any(|line| line.contains(who) && !line.contains("filter:"));
            assert_eq!(listed, fits.contains(&who), "{filter}: {who}\n{screen}");
        }
        assert!(screen.contains(&format!("Sessions · {} of 5", fits.len())), "{screen}");
    }
    stage.press("/ ctrl-u");
    stage.write("nobody");
    stage.strike("enter");
    assert!(stage.screen().contains("None of the sessions that run (5) fits nobody"));
    stage.press("q");
    assert!(stage.effects().iter().all(|effect| !matches!(effect, Effect::Quit)));
    assert!(stage.screen().contains("filter: none"));
    stage.press("q");
    assert!(matches!(stage.effects().last(), Some(Effect::Quit)));
}

#[test]
fn a_wrong_filter_says_why_and_stays_open() {
    let mut stage = stage();
    stage.press("/");
    stage.write("whom:kim");
    stage.strike("enter");
    let screen = stage.screen();
    assert!(screen.contains("there is no whom: here") && screen.contains(" / whom:kim"), "{screen}");
    stage.press("esc");
    assert!(stage.screen().contains("filter: none"));
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

#[test]
fn only_a_session_that_stays_selected_is_followed() {
    let mut stage = stage();
    for _ in 0..3 {
        stage.strike("k");
        stage.pass(Duration::from_millis(200));
    }
    assert_eq!(wanted(&stage.effects()), ["nothing"], "it only passed by");
    stage.pass(Duration::from_millis(101));
    assert_eq!(wanted(&stage.effects()), [format!("watch {}", id(4)), format!("{} from 1", id(4))]);
    stage.press("5");
    assert_eq!(wanted(&stage.effects()).last().map(String::as_str), Some("nothing"));
    // Its events come in whatever way, and say nothing on another screen.
    stage.send(live(marker(4, 9, "later")));
    stage.answer(Answer::Events(id(4), 1, Ok(page(4, happened(4)))));
}

#[test]
fn of_a_long_session_the_last_events_are_asked_for() {
    let mut stage = Stage::usual(Screen::Sessions);
    let mut long = session(1, "etl-agent", "appdb");
    long.events = 12_000;
    told(&mut stage, &[long.clone()]);
    stage.pass(Duration::from_millis(400));
    assert!(wanted(&stage.effects()).contains(&format!("{} from 11950", id(1))));
    let events = (11_950..=12_000).map(|seq| recorded(seq, marker(1, seq, "x"))).collect();
    stage.answer(Answer::Events(id(1), 11_950, Ok(page(1, events))));
    // What the stream did not bring is asked for.
    long.events = 12_003;
    told(&mut stage, &[long]);
    assert_eq!(wanted(&stage.effects()), [format!("{} from 12001", id(1))]);
}

#[test]
fn each_event_is_shown_once_in_its_order_and_a_hole_is_filled() {
    let mut stage = stage();
    stage.press("enter");
    stage.send(live(marker(1, 12, "twelve")));
    stage.send(live(marker(1, 9, "nine")));
    stage.send(live(marker(1, 9, "nine again")));
    stage.send(live(marker(2, 10, "of another session")));
    stage.effects();
    told(&mut stage, &some());
    assert_eq!(wanted(&stage.effects()), [format!("{} from 9", id(1))]);
    let events = (9..=11).map(|seq| recorded(seq, marker(1, seq, &format!("number {seq}")))).collect();
    stage.answer(Answer::Events(id(1), 9, Ok(page(1, events))));
    let screen = stage.screen();
    let places: Vec<_> =
        ["nine", "number 10", "number 11", "twelve"].iter().map(|text| screen.find(text)).collect();
    assert!(places.iter().all(Option::is_some) && places.is_sorted(), "{places:?}\n{screen}");
    assert!(!screen.contains("again") && !screen.contains("of another"), "{screen}");
}

#[test]
fn the_tail_follows_its_end_unless_somebody_reads_further_up() {
    let mut stage = stage();
    stage.press("enter");
    for seq in 9..40 {
        stage.send(live(marker(1, seq, &format!("note {seq}."))));
    }
    assert!(stage.screen().contains("note 39."));
    stage.press("b");
    let before = stage.screen();
    assert!(
        !before.contains("note 39.") && before.contains("stands") && before.contains("6 more below (space)"),
        "{before}"
    );
    let notes = |screen: &str| -> Vec<String> {
        screen.lines().filter(|line| line.contains("note ")).map(str::to_owned).collect()
    };
    for seq in 40..700 {
        stage.send(live(marker(1, seq, &format!("note {seq}."))));
        if seq == 45 {
            assert_eq!(notes(&stage.screen()), notes(&before));
        }
    }
    assert_eq!(stage.model.sessions.tail_events(), 500);
    stage.press("G");
    assert!(stage.screen().contains("note 699."));
    // Held still it stays, and goes on from the end afterwards.
    stage.strike("p");
    stage.send(live(marker(1, 700, "note 700.")));
    assert!(!stage.screen().contains("note 700."));
    stage.strike("p");
    stage.pass(Duration::from_millis(1));
    assert!(stage.screen().contains("note 700."));
}

#[test]
fn what_passed_was_held_denied_and_masked_is_told_apart_by_more_than_colour() {
    let mut stage = Stage::new(Screen::Sessions, (118, 50), LOOKS[1].1);
    filled(&mut stage);
    let look = LOOKS[1].1;
    for (text, role) in [
        ("✗ denied by no-deletes", Role::Bad),
        ("◷ approval apr_7f3k", Role::Warn),
        ("✓ approved by local:kate", Role::Good),
        ("[masked US_SSN ×5]", Role::Masked),
        ("→ query  ✓ reads", Role::Accent),
        ("✗2", Role::Bad),
        ("318", Role::Masked),
    ] {
        let foreground = if text == "✗2" || text == "318" { None } else { look.style(role).fg };
        let found = stage.style_of(text).fg;
        assert!(foreground.is_none() || found == foreground, "{text}: {found:?}");
    }
}

#[test]
fn a_note_on_masking_that_a_client_wrote_is_no_note() {
    let mut stage = stage();
    stage.press("enter");
    let data = json!({"method": "GET", "path": "/x  [masked US_SSN ×9]", "class": "read"});
    stage.send(live(line(1, 9, "http.request", Some("c2s"), &data, false)));
    assert_ne!(stage.style_of("[masked US_SSN ×9]").fg, LOOKS[1].1.style(Role::Masked).fg);
    // Nor is a denial one that stands in a body.
    let data = json!({"status": 200, "body": {"text": "+00:01.000 ✗ denied by nobody"}});
    stage.send(live(line(1, 10, "http.response", Some("s2c"), &data, false)));
    assert_ne!(stage.style_of("✗ denied by nobody").fg, LOOKS[1].1.style(Role::Bad).fg);
}

#[test]
fn hostile_text_moves_nothing_and_costs_nothing() {
    let evil = "\u{1b}[2J\u{202e}\u{7}\u{200b}x";
    for size in [(80, 24), (118, 30), (200, 50), (58, 20)] {
        let mut stage = Stage::new(Screen::Sessions, size, LOOKS[1].1);
        let mut view = session(1, evil, evil);
        (view.principal, view.source, view.issuer) = (evil.to_owned(), evil.to_owned(), evil.to_owned());
        (view.client, view.protocol) = (Some(evil.to_owned()), evil.to_owned());
        let mut long = session(2, &"W".repeat(10 << 20), &"日本".repeat(1 << 18));
        long.source = "\u{301}".repeat(1 << 20);
        told(&mut stage, &[view, long]);
        stage.press("G");
        stage.pass(Duration::from_millis(400));
        let lines = ["y".repeat(1 << 20), evil.repeat(1000), "\n".repeat(1 << 16)];
        for (text, seq) in lines.iter().zip(1..) {
            stage.send(live(marker(1, seq, text)));
        }
        stage.send(live("no line\u{1b}[2J".to_owned()));
        let broken = recorded(4, "{\u{1b}[2J".to_owned());
        stage.answer(Answer::Events(id(1), 1, Ok(page(1, vec![broken]))));
        let begin = Instant::now();
        for keys in ["x esc", "L esc", "enter", "esc", "k", "y"] {
            stage.press(keys);
            let screen = stage.screen();
            assert!(!screen.chars().any(|c| crate::domain::text::is_deceptive(c) && c != '\n'), "{screen}");
        }
        assert!(begin.elapsed() < Duration::from_secs(5));
        stage.press("G x");
        let screen = stage.screen();
        assert!(screen.contains("\\u{1b}[2J"), "{screen}");
    }
}

#[test]
fn a_kill_is_bound_to_what_was_selected_when_its_line_opened() {
    let mut stage = stage();
    stage.press("x");
    // Enter that was meant for something else.
    stage.strike("enter");
    assert!(stage.requests().iter().all(|request| !matches!(request, Request::Kill(..))));
    stage.write("runs wild");
    let mut more = some();
    more.insert(0, session(9, "newcomer", "appdb"));
    told(&mut stage, &more);
    stage.press("enter");
    let kills: Vec<_> = stage
        .requests()
        .into_iter()
        .filter_map(|request| if let Request::Kill(id, reason) = request { Some((id, reason)) } else { None })
        .collect();
    assert_eq!(kills, [(id(1), "runs wild".to_owned())]);
    let mut over = session(1, "etl-agent", "appdb");
    (over.ended_ms, over.end, over.live) = (Some(START_MS), Some(SessionEnd::Killed), None);
    stage.answer(Answer::Killed(id(1), Ok(Box::new(over))));
    let screen = stage.screen();
    assert!(screen.contains(&format!("✓ ended {}", id(1))) && screen.contains("■ ended: killed"), "{screen}");
    let crossed = stage.style_of("etl-agent").add_modifier;
    assert!(crossed.contains(ratatui::style::Modifier::CROSSED_OUT));
    // Ten seconds later it is gone, whatever an old answer says.
    told(&mut stage, &some());
    assert!(stage.screen().contains("ended: killed"));
    told(&mut stage, &some()[1..]);
    stage.pass(Duration::from_secs(11));
    assert!(!stage.screen().contains("etl-agent"));
}

#[test]
fn a_reason_for_a_session_that_ended_meanwhile_ends_no_other() {
    let mut stage = stage();
    stage.press("x");
    stage.write("fi");
    stage.send(live(line(1, 9, "session.end", None, &json!({"reason": "idle"}), false)));
    let screen = stage.screen();
    assert!(
        screen.contains("has ended: idle; nothing is sent") && screen.contains("has ended meanwhile: idle"),
        "{screen}"
    );
    told(&mut stage, &some()[1..]);
    stage.pass(Duration::from_secs(11));
    // The rest of "fix it", with the key that would end what stands there now.
    stage.write("x it");
    stage.strike("enter");
    stage.strike("enter");
    assert!(stage.requests().iter().all(|request| !matches!(request, Request::Kill(..) | Request::Lock(_))));
    assert!(!stage.screen().contains("reason:"));
}

#[test]
fn nothing_is_ended_without_a_reason() {
    let mut stage = stage();
    for reason in ["", "   "] {
        stage.press("x");
        stage.write(reason);
        stage.press("enter");
        assert!(stage.requests().iter().all(|request| !matches!(request, Request::Kill(..))));
        let screen = stage.screen();
        assert!(screen.contains("an end wants a reason") && screen.contains("reason:"), "{screen}");
        stage.press("esc");
    }
}

#[test]
fn nothing_is_ended_while_the_gateway_is_not_reached() {
    let mut stage = stage();
    stage.press("x");
    stage.write("runs wild");
    stage.send(Msg::Link(Link::Retry { in_ms: 200, why: "gone".to_owned() }));
    stage.press("enter");
    assert!(stage.requests().iter().all(|request| !matches!(request, Request::Kill(..))));
    assert!(stage.screen().contains("the gateway is not reached"));
    stage.press("esc");
    for key in ["x", "L"] {
        stage.press(key);
        assert!(!stage.screen().contains("reason:"), "{key}");
    }
}

#[test]
fn keys_that_act_are_dropped_just_after_the_screen_changed() {
    let mut stage = stage();
    stage.press("5");
    stage.strike("1");
    stage.strike("x");
    stage.strike("L");
    assert!(!stage.screen().contains("reason:"));
}

#[test]
fn a_lock_wants_a_reason_and_shuts_out_who_was_selected() {
    let mut stage = stage();
    stage.press("L");
    assert!(stage.screen().contains("lock principal:corp/etl-agent for everything; reason:"));
    stage.press("enter");
    assert!(stage.screen().contains("a lock wants a reason"));
    // The session's end changes nothing about whom it shuts out.
    told(&mut stage, &some()[1..]);
    stage.write(" leaked token ");
    stage.press("enter");
    let lock = stage
        .requests()
        .into_iter()
        .find_map(|request| if let Request::Lock(lock) = request { Some(lock) } else { None });
    let lock = lock.unwrap();
    assert_eq!(lock.target, LockTarget::Principal("corp/etl-agent".to_owned()));
    assert_eq!((lock.reason.as_str(), lock.for_s), ("leaked token", None));
    stage.answer(Answer::Locked(Err(ApiError::new(ErrorCode::Forbidden, "you may not"))));
    assert!(stage.screen().contains("you may not"));
}

#[test]
fn a_recording_is_played_and_an_id_is_copied() {
    let mut stage = stage();
    stage.press("y");
    assert!(
        stage
            .effects()
            .iter()
            .any(|effect| matches!(effect, Effect::Copy(text) if *text == id(1).to_string()))
    );
    stage.press("r");
    assert_eq!(stage.model.screen, Screen::Replay);
    stage.press("q");
    assert_eq!(stage.model.screen, Screen::Sessions);
    stage.press("enter");
    assert_eq!(stage.model.screen, Screen::Sessions);
    stage.press("enter");
    assert_eq!(stage.model.screen, Screen::Replay);
}

#[test]
fn a_jump_finds_its_session_or_says_that_it_is_over() {
    let mut stage = Stage::usual(Screen::Policies);
    let effects = stage.model.begin(Jump::Session(id(3)));
    assert!(effects.iter().any(|effect| matches!(effect, Effect::Ask(Request::Sessions { live: true }))));
    told(&mut stage, &some());
    assert!(selected(&mut stage).starts_with("deploy-agent"));
    // A filter that would hide it goes.
    stage.press("/");
    stage.write("who:kim");
    stage.strike("enter");
    stage.model.begin(Jump::Session(id(3)));
    assert!(selected(&mut stage).starts_with("deploy-agent"));
    stage.model.begin(Jump::Session(id(77)));
    stage.pass(Duration::from_secs(2));
    told(&mut stage, &some());
    assert!(stage.screen().contains(&format!("{} does not run any more: r plays its recording", id(77))));
    stage.press("r");
    assert_eq!(stage.model.screen, Screen::Replay);
}

#[test]
fn why_sessions_ended_is_asked_for_a_few_of_them() {
    let mut stage = Stage::usual(Screen::Sessions);
    let many: Vec<_> = (1..60).map(|number| session(number, "kim", "crm")).collect();
    told(&mut stage, &many);
    stage.effects();
    told(&mut stage, &[]);
    let asked = stage.requests().iter().filter(|request| matches!(request, Request::Session(_))).count();
    assert_eq!(asked, 8);
}

#[test]
fn thousands_of_sessions_are_no_burden() {
    let many: Vec<_> = (1..5001).map(|number| session(number, &format!("agent-{number}"), "appdb")).collect();
    let mut stage = stage();
    told(&mut stage, &many);
    stage.screen();
    let begin = Instant::now();
    for _ in 0..50 {
        stage.strike("j");
        stage.screen();
    }
    let each = begin.elapsed() / 50;
    // Without optimisation; a release build takes a small part of it.
    assert!(each < Duration::from_millis(100), "{each:?} a key and a picture");
}

#[test]
fn no_size_breaks_what_is_there() {
    let mut stage = stage();
    for (width, height) in
        [(1, 1), (40, 8), (300, 100), (0, 0), (59, 30), (60, 12), (110, 12), (200, 9), (41, 60)]
    {
        stage.resize(width, height);
        for keys in ["j", "enter", "G", "esc", "x", "esc", "L", "a", "esc", "/", "esc"] {
            stage.press(keys);
        }
    }
}

#[test]
fn what_the_player_asked_for_is_not_taken_for_the_tail() {
    let mut stage = stage();
    stage.press("enter");
    let events = vec![recorded(9, marker(1, 9, "of the player"))];
    stage.answer(Answer::Events(id(1), 9, Ok(page(1, events))));
    assert!(!stage.screen().contains("of the player"));
}
