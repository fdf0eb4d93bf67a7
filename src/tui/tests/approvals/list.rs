//! The list: its content, order and selection.

use std::time::Duration;

use super::super::START_MS;
use super::super::Stage;
use super::approval;
use super::decision;
use super::id;
use super::listed;
use super::live;
use super::read;
use super::three;
use super::with;
use crate::control::noun::event::LiveEvent;
use crate::control::noun::event::Topic;
use crate::domain::approval::Approval;
use crate::domain::approval::ApprovalState;
use crate::tui::Effect;
use crate::tui::Msg;
use crate::tui::Screen;
use crate::tui::message::Answer;

#[test]
fn new_rows_never_move_the_selection_and_keys_under_the_hand_decide_nothing() {
    let mut stage = with(&three());
    let mut urgent = approval(0, "mallory-agent", "appdb", "DROP TABLE customers");
    urgent.expires_ms = START_MS + 5_000;
    stage.pass(Duration::from_secs(1));
    live(&mut stage, &urgent);
    stage.draw();
    stage.strike("a");
    stage.press("enter");
    assert_eq!(decision(&mut stage).unwrap().0, id(1), "the one that was selected");
    stage.pass(Duration::from_secs(9));
    live(&mut stage, &Approval { id: id(10), ..urgent });
    assert!(stage.screen().contains("new: mallory-agent asks on appdb"), "{}", stage.screen());
    // The selected approval ends just before the key: its successor is not approved by that key.
    let mut stage = with(&three());
    live(&mut stage, &Approval { state: ApprovalState::Cancelled, ..three().remove(0) });
    stage.pass(Duration::from_secs(11));
    stage.draw();
    stage.strike("a");
    stage.strike("enter");
    assert!(decision(&mut stage).is_none());
    // Two keys at once: the confirmation does not take an Enter typed before it was readable.
    let mut stage = with(&three());
    stage.pass(Duration::from_secs(1));
    stage.strike("a");
    stage.strike("enter");
    assert!(decision(&mut stage).is_none());
    stage.draw();
    stage.pass(Duration::from_millis(301));
    stage.strike("enter");
    assert!(decision(&mut stage).is_some());
}

#[test]
fn lists_that_overlap_neither_hide_nor_raise_anybody() {
    let mut stage = with(&three());
    let late = approval(7, "late-agent", "appdb", "DELETE FROM t");
    // Request; one approval arrives; request again. The first reply lacks it, the second has it.
    live(&mut stage, &late);
    stage.answer(Answer::Pending(0, Ok(listed(&three()))));
    assert_eq!(stage.model.pane(Screen::Approvals).badge(), "4");
    stage.answer(Answer::Pending(1, Ok(listed(&[three(), vec![late.clone()]].concat()))));
    assert_eq!(stage.model.pane(Screen::Approvals).badge(), "4");
    // An approval that ended before any list contained it is not brought back by an older list.
    let over = approval(8, "over-agent", "appdb", "DELETE FROM t");
    live(&mut stage, &Approval { state: ApprovalState::Denied, ..over.clone() });
    stage.answer(Answer::Pending(1, Ok(listed(&[three(), vec![late, over]].concat()))));
    assert_eq!(stage.model.pane(Screen::Approvals).badge(), "4");
    assert!(!stage.screen().contains("over-agent"));
    // No event reports that the first one expired: the clock does.
    stage.pass(Duration::from_secs(48));
    assert_eq!(stage.model.pane(Screen::Approvals).badge(), "3");
}

#[test]
fn what_came_while_nobody_listened_is_told_and_a_flood_only_now_and_then() {
    let mut stage = with(&three());
    let notes = |stage: &mut Stage| {
        stage.effects().iter().filter(|effect| matches!(effect, Effect::Notify(_))).count()
    };
    stage
        .answer(Answer::Pending(0, Ok(listed(&[three(), vec![approval(7, "late", "appdb", "x")]].concat()))));
    assert_eq!(notes(&mut stage), 1);
    for number in 10..100 {
        live(&mut stage, &approval(number, "noisy-agent", "appdb", "secret \u{7}"));
    }
    assert_eq!(notes(&mut stage), 0);
    stage.pass(Duration::from_secs(3));
    live(&mut stage, &approval(100, "noisy-agent", "appdb", "secret"));
    let told = stage.effects();
    assert!(told.iter().any(|effect| matches!(effect, Effect::Notify(text) if !text.contains("secret"))));
}

#[test]
fn an_older_list_brings_nothing_back_and_takes_nothing_away() {
    let mut stage = with(&three());
    // Request; before the reply, one approval ends and one arrives.
    stage.send(Msg::Live(LiveEvent { id: "1-2".to_owned(), topic: Topic::Gap, data: "{}".to_owned() }));
    live(&mut stage, &Approval { state: ApprovalState::Denied, ..three().remove(1) });
    live(&mut stage, &approval(7, "late-agent", "appdb", "DELETE FROM t"));
    stage.answer(Answer::Pending(0, Ok(listed(&three()))));
    let screen = stage.screen();
    assert!(screen.contains("✗ denied") && screen.contains("late-agent"), "{screen}");
    assert_eq!(stage.model.pane(Screen::Approvals).badge(), "3");
}

#[test]
fn ten_thousand_that_wait_and_a_megabyte_in_one_line() {
    let mut many: Vec<Approval> =
        (0..9_999).map(|number| approval(number, "etl-agent", "appdb", "UPDATE t SET a = 1")).collect();
    many[0].detail = "x".repeat(1 << 20);
    let mut stage = with(&many);
    assert_eq!(stage.model.pane(Screen::Approvals).badge(), "9999");
    stage.press("G");
    assert!(stage.screen().contains("▶"), "{}", stage.screen());
    stage.press("g");
    read(&mut stage, &many);
    assert!(stage.screen().contains("rows to read"), "{}", stage.screen());
    // Only visible rows are drawn, so it takes as long as with three. (A frame takes 1 ms here, at most 16,
    // without optimisation.)
    let time = |stage: &mut Stage| {
        let before = std::time::Instant::now();
        for _ in 0..20 {
            stage.draw();
        }
        before.elapsed()
    };
    let (large, small) = (time(&mut stage), time(&mut with(&three())));
    println!("a frame of 10,000: {:?}, of three: {:?}", large / 20, small / 20);
    assert!(large < 20 * small, "{large:?} {small:?}");
    let before = std::time::Instant::now();
    live(&mut stage, &approval(7, "late-agent", "appdb", "DELETE FROM t"));
    println!("one that comes: {:?}", before.elapsed());
}

#[test]
fn a_filter_a_sort_and_the_way_back() {
    let mut stage = with(&three());
    stage.press("/");
    stage.write("conn:bill");
    stage.press("enter");
    let screen = stage.screen();
    assert!(screen.contains("kim") && !screen.contains("deploy-bot"), "{screen}");
    stage.press("esc");
    assert!(stage.screen().contains("deploy-bot"));
    stage.press("/");
    stage.write("nope:x");
    stage.press("enter");
    assert!(stage.screen().contains("there is no nope: here"));
    stage.press("esc o o");
    assert!(stage.screen().contains("sort: risk"));
    stage.press("q");
    assert!(matches!(stage.effects().last(), Some(Effect::Quit)));
}
