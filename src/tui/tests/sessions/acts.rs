//! Ending, locking out, playing and jumping.

use std::time::Duration;

use serde_json::json;

use super::super::START_MS;
use super::super::Stage;
use super::id;
use super::line;
use super::live;
use super::selected;
use super::session;
use super::some;
use super::stage;
use super::told;
use crate::control::ApiError;
use crate::control::ErrorCode;
use crate::domain::lock::LockTarget;
use crate::domain::session::SessionEnd;
use crate::tui::Effect;
use crate::tui::Msg;
use crate::tui::Screen;
use crate::tui::link::Link;
use crate::tui::message::Answer;
use crate::tui::message::Request;
use crate::tui::model::Jump;

#[test]
fn a_kill_is_bound_to_what_was_selected_when_its_line_opened() {
    let mut stage = stage();
    stage.press("x");
    // An Enter that was meant for something else.
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
    // Ten seconds later it is gone, whatever an old reply contains.
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
    // The rest of "fix it", with the key that would end the session now in that place.
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
        assert!(screen.contains("a reason is required") && screen.contains("reason:"), "{screen}");
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
    assert!(stage.screen().contains("a reason is required"));
    // The session's end does not change whom the lock applies to.
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
    // A filter that would hide it is cleared.
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
