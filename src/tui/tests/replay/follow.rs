//! A live session is followed while its screen is visible.

use serde_json::json;

use super::super::LOOKS;
use super::super::Stage;
use super::ID;
use super::bar;
use super::events;
use super::id;
use super::key;
use super::line;
use super::live;
use super::open;
use super::page;
use super::recorded;
use super::session;
use super::shown;
use super::wait;
use crate::control::noun::event::LiveEvent;
use crate::control::noun::event::Topic;
use crate::control::noun::session::EventPage;
use crate::control::noun::session::SessionView;
use crate::domain::id::SessionId;
use crate::tui::Effect;
use crate::tui::Msg;
use crate::tui::Screen;
use crate::tui::link::Link;
use crate::tui::message::Answer;
use crate::tui::message::Request;

#[test]
fn a_session_that_runs_is_followed_without_a_gap_or_a_double() {
    let mut stage = Stage::usual(Screen::Replay);
    let mut all = events();
    all.truncate(7);
    open(&mut stage, SessionView { ended_ms: None, end: None, ..session() }, all, None);
    assert!(stage.screen().contains("… goes on"), "{}", stage.screen());
    stage.effects();
    // Not yet: following was not requested.
    stage.send(live(8, 70_000, "marker"));
    assert!(stage.screen().contains(" of 7 events"));
    key(&mut stage, "f");
    let effects = stage.effects();
    assert!(
        matches!(effects[..], [Effect::Watch(Some(_)), Effect::Ask(Request::Events(_, 8))]),
        "{effects:?}"
    );
    assert!(bar(&mut stage).contains("● follows"));
    // Ahead of the page, which brings the events in between and this one again.
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
    // A gap requests the missing events.
    stage.send(live(13, 100_000, "marker"));
    assert!(matches!(stage.requests()[..], [Request::Events(_, 11)]));
    stage.answer(Answer::Events(
        id(),
        11,
        Ok(EventPage { session: id(), events: vec![two(11)], next: None, ended: false }),
    ));
    // An event of another session is ignored, whatever its number.
    let foreign = line(12, 1, "marker", &json!({"text": "note"}), &json!([]))
        .replace(ID, &SessionId::new().to_string());
    stage.send(Msg::Live(LiveEvent { id: "x".to_owned(), topic: Topic::Session, data: foreign }));
    assert!(stage.screen().contains("11 of 11 events"), "{}", stage.screen());
    // On another screen nothing is watched; on return, the missing events are requested.
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
    // The end of the session ends it.
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
    // Another recording is requested, and the screen is left before it arrives.
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
    // It pauses at its first event, and stays there.
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
