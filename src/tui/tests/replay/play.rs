//! Playback: keys, speed, gaps.

use std::time::Duration;

use serde_json::json;

use super::super::Stage;
use super::bar;
use super::events;
use super::key;
use super::line;
use super::open;
use super::opened;
use super::recorded;
use super::session;
use super::shown;
use super::wait;
use crate::control::noun::session::RecordedEvent;
use crate::tui::Screen;
use crate::tui::replay::Begin;

#[test]
fn it_plays_at_once_at_its_own_pace_and_ends_by_itself() {
    let mut stage = opened(None);
    assert_eq!(shown(&mut stage), 1);
    for (ms, count) in
        [(211, 1), (1, 2), (28, 3), (5_877, 3), (1, 4), (1, 5), (35_783, 6), (158_097, 10), (1, 11)]
    {
        wait(&mut stage, ms);
        assert_eq!(shown(&mut stage), count, "{ms} ms later");
    }
    assert!(bar(&mut stage).starts_with(" ‖ 1×  03:20.0"), "{}", bar(&mut stage));
    assert_eq!(stage.model.wake(), Duration::from_secs(2), "it stands: no picture is drawn for nothing");
    key(&mut stage, "space");
    assert_eq!(shown(&mut stage), 1, "from the beginning again");
    assert!(stage.model.wake() <= Duration::from_millis(33));
}

#[test]
fn keys_lead_to_where_they_say() {
    // The start event, the keys, and the resulting event and time.
    for (from, keys, event, time) in [
        (1, "right", 3, "00:05.0"),
        (4, "left", 3, "00:01.1"),
        (1, "left", 1, "00:00.0"),
        (11, "right", 11, "03:20.0"),
        (11, "l h", 10, "03:15.0"),
        (1, "]", 2, "00:00.2"),
        (1, "] ] ]", 4, "00:06.1"),
        (4, "[", 3, "00:00.2"),
        (1, "[", 1, "00:00.0"),
        (11, "]", 11, "03:20.0"),
        (2, ".", 3, "00:00.2"),
        (1, "}", 3, "00:00.2"),
        (3, "}", 5, "00:06.1"),
        (6, "}", 8, "01:00.0"),
        (8, "} }", 10, "02:30.0"),
        (10, "}", 10, "02:30.0"),
        (10, "{", 9, "02:00.0"),
        (8, "{ {", 5, "00:06.1"),
        (3, "{", 3, "00:00.2"),
        (11, "0", 1, "00:00.0"),
        (1, "5", 8, "01:40.0"),
        (1, "9", 10, "03:00.0"),
        (1, "3", 8, "01:00.0"),
    ] {
        let mut stage = opened(Some(from));
        key(&mut stage, keys);
        let bar = bar(&mut stage);
        assert_eq!(
            (shown(&mut stage), bar.contains(&format!(" {time} "))),
            (event, true),
            "{from} {keys}: {bar}"
        );
        // It was paused, and stays paused.
        wait(&mut stage, 60_000);
        assert_eq!(shown(&mut stage), event, "{from} {keys}");
    }
}

#[test]
fn keys_while_it_plays_do_not_stop_it_but_one_step_does() {
    for (keys, count) in [("right", 11), ("5", 11), ("]", 11), ("}", 11), (".", 2)] {
        let mut stage = opened(None);
        key(&mut stage, keys);
        wait(&mut stage, 200_000);
        assert_eq!(shown(&mut stage), count, "{keys}");
    }
}

#[test]
fn back_while_it_plays_passes_over_events_that_are_due_at_once() {
    let none = json!([]);
    let at = [0, 1_000, 2_000, 2_000, 2_000, 9_000];
    let events: Vec<RecordedEvent> = (1..)
        .zip(at)
        .map(|(seq, t)| recorded(seq, line(seq, t, "marker", &json!({"text": "x"}), &none)))
        .collect();
    let mut stage = Stage::usual(Screen::Replay);
    open(&mut stage, session(), events.clone(), None);
    wait(&mut stage, 2_500);
    key(&mut stage, "[");
    assert_eq!(shown(&mut stage), 2);
    // While paused, each event can be reached.
    let mut stage = Stage::usual(Screen::Replay);
    open(&mut stage, session(), events, Some(5));
    for count in [4, 3, 2] {
        key(&mut stage, "[");
        assert_eq!(shown(&mut stage), count);
    }
}

#[test]
fn speeds_double_and_halve_within_bounds() {
    let mut stage = opened(None);
    for (keys, speed) in [
        ("+", "2×"),
        ("+ + +", "16×"),
        ("+", "16×"),
        ("=", "1×"),
        ("-", "0.5×"),
        ("- -", "0.25×"),
        ("-", "0.25×"),
    ] {
        key(&mut stage, keys);
        assert!(bar(&mut stage).contains(&format!(" {speed} ")), "{keys}: {}", bar(&mut stage));
    }
    key(&mut stage, "= + + 0");
    wait(&mut stage, 1_000);
    assert!(bar(&mut stage).contains(" 00:04.0 "), "{}", bar(&mut stage));
}

#[test]
fn an_idle_cap_shortens_what_is_long_and_stays_where_it_is() {
    let mut stage = opened(Some(7));
    key(&mut stage, "i");
    assert_eq!(shown(&mut stage), 7);
    // 0.24 s, 2 s for 5.878 s, 0.001 s, 2 s for 35.783 s, 0.055 s; then four of 2 s.
    let bar_then = bar(&mut stage);
    assert!(bar_then.contains(" 00:04.2 ") && bar_then.contains(" 00:12.2 "), "{bar_then}");
    assert!(bar_then.contains("idle cap 2s"), "{bar_then}");
    assert!(stage.screen().contains("» 33 s left out"), "{}", stage.screen());
    key(&mut stage, "i");
    assert!(bar(&mut stage).contains(" 00:41.9 "));
    assert!(!stage.screen().contains('»'));
    assert_eq!(shown(&mut stage), 7);
}

#[test]
fn what_the_command_line_wants_is_so() {
    let mut stage = Stage::usual(Screen::Replay);
    let begin = Begin {
        speed: 4.0,
        from: Some("@2".parse().unwrap()),
        to: Some("#denied".parse().unwrap()),
        idle: Some(Duration::from_secs(10)),
    };
    stage.model.replay.begin_with(begin);
    open(&mut stage, session(), events(), None);
    assert!(stage.screen().contains("1 of 8 events"), "{}", stage.screen());
    assert!(bar(&mut stage).starts_with(" ▶ 4×  00:00.0"), "{}", bar(&mut stage));
    wait(&mut stage, 1_000);
    assert!(bar(&mut stage).contains("00:04.0"));
    // 28 ms and 5.878 s, then 10 s each for 35, 18 and 60 s, and the time in between.
    assert!(bar(&mut stage).contains(" 00:35.9 "), "{}", bar(&mut stage));
    assert!(stage.screen().contains("SELECT") && !stage.screen().contains("session  agent"));
}
