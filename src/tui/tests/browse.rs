//! All lists behave alike: the same keys and the same filter line on every screen with a list.

use super::Stage;
use crate::tui::Screen;
use crate::tui::browse;
use crate::tui::keys::Action;

#[test]
fn how_far_an_action_goes() {
    for (action, rows, by) in [
        (Action::Down, 9, Some(1)),
        (Action::Up, 9, Some(-1)),
        (Action::HalfDown, 9, Some(4)),
        (Action::HalfUp, 9, Some(-4)),
        (Action::HalfDown, 0, Some(1)),
        (Action::HalfUp, 1, Some(-1)),
        (Action::Top, 9, Some(isize::MIN)),
        (Action::Bottom, 9, Some(isize::MAX)),
        (Action::Filter, 9, None),
        (Action::PayloadDown, 9, None),
    ] {
        assert_eq!(browse::way(action, rows), by, "{action:?} {rows}");
    }
    for (top, by, all, rows, wanted) in [
        (0, 1, 10, 4, 1),
        (6, 1, 10, 4, 6),
        (3, isize::MIN, 10, 4, 0),
        (3, isize::MAX, 10, 4, 6),
        (3, -1, 2, 4, 0),
        (0, 5, 0, 4, 0),
    ] {
        assert_eq!(browse::scrolled(top, by, all, rows), wanted, "{top} {by} {all} {rows}");
    }
}

#[test]
fn every_list_is_filtered_letter_by_letter_and_escape_gives_it_up() {
    for screen in Screen::ALL {
        let mut stage = Stage::usual(screen);
        stage.press("/");
        let shown = stage.screen();
        assert!(shown.contains("words, "), "the line says what can be asked for on {screen:?}:\n{shown}");
        stage.write(&"x".repeat(300));
        stage.strike("enter");
        stage.press("/");
        // The current filter is edited; its end is visible.
        stage.write("y");
        assert!(stage.screen().contains(" / xxx"), "{screen:?}:\n{}", stage.screen());
        stage.strike("esc");
        let shown = stage.screen();
        assert!(!shown.contains("xxx") && !shown.contains(" / x"), "{screen:?}:\n{shown}");
        // An unknown field name is reported, and the line stays open.
        stage.press("/");
        stage.write("nosuch:x");
        stage.strike("enter");
        let shown = stage.screen();
        assert!(shown.contains("there is no nosuch: here"), "{screen:?}:\n{shown}");
        assert!(shown.contains("/ nosuch:x"), "{screen:?}:\n{shown}");
    }
}
