//! The list of recordings, and jumps.

use super::super::Stage;
use super::ID;
use super::events;
use super::key;
use super::page;
use super::session;
use super::several;
use super::shown;
use crate::control::ApiError;
use crate::tui::Effect;
use crate::tui::Screen;
use crate::tui::message::Answer;
use crate::tui::message::Request;

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
