//! The frame around all screens: tabs, help, commands, the connection, sizes.

use super::Stage;
use super::snapshots;
use crate::tui::Effect;
use crate::tui::Msg;
use crate::tui::Screen;
use crate::tui::link::Link;

#[test]
fn the_help_in_all_sizes() {
    snapshots("help", Screen::Policies, |stage| stage.press("?"));
}

#[test]
fn no_size_breaks_any_screen() {
    for screen in Screen::ALL {
        let mut stage = match screen {
            Screen::Approvals => super::approvals::picture(),
            Screen::Sessions => super::sessions::picture(),
            Screen::Replay => super::replay::picture(),
            _ => Stage::usual(screen),
        };
        for (width, height) in
            [(1, 1), (5, 2), (40, 8), (300, 100), (0, 0), (39, 8), (40, 7), (60, 12), (110, 12)]
        {
            stage.resize(width, height);
            stage.press("? esc j k G g");
        }
    }
}

#[test]
fn screens_are_reached_by_number_by_tab_and_by_name() {
    let mut stage = Stage::usual(Screen::Approvals);
    for (keys, screen) in [
        ("4", Screen::Connections),
        ("tab", Screen::Policies),
        ("backtab backtab", Screen::Replay),
        ("tab", Screen::Connections),
    ] {
        stage.press(keys);
        assert_eq!(stage.model.screen, screen, "{keys}");
    }
    stage.press(":");
    stage.write("pol");
    stage.strike("enter");
    assert_eq!(stage.model.screen, Screen::Policies);
    stage.press(":");
    stage.write("nonsense");
    stage.strike("enter");
    assert!(stage.screen().contains("no command \"nonsense\""));
    stage.press(": q enter");
    assert!(matches!(stage.effects().last(), Some(Effect::Quit)));
}

#[test]
fn how_the_gateway_is_reached_is_said() {
    let mut stage = Stage::usual(Screen::Policies);
    assert!(stage.screen().contains("● live"));
    let why = "nothing listens\u{1b}[31m".to_owned();
    stage.send(Msg::Link(Link::Retry { in_ms: 3000, why: why.clone() }));
    let screen = stage.screen();
    assert!(screen.contains("◌ retry 3s") && screen.contains("nothing listens\\u{1b}[31m"), "{screen}");
    stage.send(Msg::Link(Link::Offline { in_ms: 5000, why }));
    assert!(stage.screen().contains("■ offline (read-only)"));
    let why = "signed out: hoopctl login --url https://gw.example".to_owned();
    stage.send(Msg::Link(Link::SignedOut { in_ms: 5000, why: why.clone() }));
    let screen = stage.screen();
    assert!(screen.contains("■ signed out (read-only)") && screen.contains(&why), "{screen}");
    stage.send(Msg::Link(Link::Live));
    assert!(stage.screen().contains("● live"), "it goes on by itself");
}
