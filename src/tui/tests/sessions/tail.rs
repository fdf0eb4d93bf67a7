//! The events of the selected session as they arrive.

use std::time::Duration;
use std::time::Instant;

use serde_json::json;

use super::super::LOOKS;
use super::super::Stage;
use super::filled;
use super::happened;
use super::id;
use super::line;
use super::live;
use super::page;
use super::recorded;
use super::session;
use super::some;
use super::stage;
use super::told;
use super::wanted;
use crate::tui::Screen;
use crate::tui::look::Role;
use crate::tui::message::Answer;

fn marker(number: u128, seq: u64, text: &str) -> String {
    line(number, seq, "marker", None, &json!({"text": text}), false)
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
    // Its events arrive in any order, and show nothing on another screen.
    stage.send(live(marker(4, 9, "later")));
    stage.answer(Answer::Events(id(4), 1, Ok(page(4, happened(4)))));
}

#[test]
fn who_comes_back_sees_the_selected_session_anew_and_without_a_hole() {
    let mut stage = stage();
    assert!(stage.model.sessions.tail_events() > 0);
    stage.press("2");
    assert_eq!(wanted(&stage.effects()), ["nothing"], "nothing is followed that nobody sees");
    assert_eq!(stage.model.sessions.tail_events(), 0);
    // Events in the meantime are not received here.
    stage.send(live(marker(1, 9, "missed")));
    stage.press("1");
    assert_eq!(wanted(&stage.effects()), [""; 0], "not before it has been selected for a moment");
    stage.pass(Duration::from_millis(301));
    assert_eq!(wanted(&stage.effects()), [format!("watch {}", id(1)), format!("{} from 1", id(1))]);
    let missed = recorded(9, marker(1, 9, "missed"));
    stage.answer(Answer::Events(id(1), 1, Ok(page(1, [happened(1), vec![missed]].concat()))));
    assert_eq!(stage.model.sessions.tail_events(), 9);
    assert!(stage.screen().contains("missed"));
    // A reply to the request made before leaving adds no duplicates.
    stage.answer(Answer::Events(id(1), 1, Ok(page(1, happened(1)))));
    assert_eq!(stage.model.sessions.tail_events(), 9);
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
    // Events that the stream did not deliver are requested.
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
    // While frozen it stays in place, and continues from the end afterwards.
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
    // Nor does text in a body count as a denial.
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
fn what_the_player_asked_for_is_not_taken_for_the_tail() {
    let mut stage = stage();
    stage.press("enter");
    let events = vec![recorded(9, marker(1, 9, "of the player"))];
    stage.answer(Answer::Events(id(1), 9, Ok(page(1, events))));
    assert!(!stage.screen().contains("of the player"));
}
