//! The list: its requests, order, filter and selection.

use std::time::Duration;
use std::time::Instant;

use super::super::Stage;
use super::selected;
use super::session;
use super::some;
use super::stage;
use super::told;
use crate::control::ApiError;
use crate::control::ErrorCode;
use crate::tui::Effect;
use crate::tui::Msg;
use crate::tui::Screen;
use crate::tui::link::Link;
use crate::tui::message::Answer;
use crate::tui::message::Request;

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
    // It ends: another session is in its place now, and a key meant for it is dropped.
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

#[test]
fn a_filter_that_is_typed_guards_what_it_selects() {
    let mut stage = stage();
    stage.press("/");
    stage.write("who:kim");
    assert!(stage.screen().contains("1 of 5"), "each letter counts");
    assert!(selected(&mut stage).starts_with("kim "), "{}", stage.screen());
    stage.strike("enter");
    stage.effects();
    // The rest of the text typed for the line ends no session.
    stage.strike("x");
    assert!(!stage.screen().contains("reason:"));
    stage.press("/ esc");
    assert!(stage.screen().contains("filter: none"));
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
    // Without optimisation; a release build takes a small fraction of it.
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
