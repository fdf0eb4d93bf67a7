//! Pages that arrive, fail or are too many; files; exports.

use std::time::Duration;

use serde_json::json;

use super::super::LOOKS;
use super::super::Stage;
use super::ID;
use super::ask;
use super::bar;
use super::events;
use super::id;
use super::key;
use super::line;
use super::open;
use super::opened;
use super::page;
use super::recorded;
use super::session;
use super::shown;
use super::wait;
use crate::control::ApiError;
use crate::control::noun::session::EventPage;
use crate::control::noun::session::RecordedEvent;
use crate::control::noun::session::SessionView;
use crate::domain::id::SessionId;
use crate::recording::StoredEvent;
use crate::recording::export::Form;
use crate::tui::Msg;
use crate::tui::Screen;
use crate::tui::link::Link;
use crate::tui::message::Answer;
use crate::tui::message::Request;
use crate::tui::replay::Begin;
use crate::tui::replay::Recorded;

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
    // Pages that were not requested, or of another session, change nothing.
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
    // From the place where it waited, not from where it would be by now.
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
    // A missing event: the last one before it.
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
    // The same by size: 200 lines of 400 characters per event.
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
    // Keys of the player do nothing while the dialog is open.
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
fn lines_that_cannot_be_read_are_said_and_do_not_stop_it() {
    let mut all = events();
    all[3].line = "{\"v\":7}".to_owned();
    let mut stage = Stage::usual(Screen::Replay);
    open(&mut stage, session(), all, Some(5));
    let screen = stage.screen();
    assert!(screen.contains("! event 4: a recorded line cannot be parsed"), "{screen}");
    assert!(screen.contains("approval apr_7F3K requested"), "{screen}");
}
