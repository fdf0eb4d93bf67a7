//! The display of events: colours, symbols, hostile text, long bodies, search matches.

use ratatui::style::Modifier;
use serde_json::json;

use super::super::LOOKS;
use super::super::Stage;
use super::events;
use super::id;
use super::key;
use super::line;
use super::open;
use super::opened;
use super::recorded;
use super::report;
use super::session;
use super::shown;
use crate::control::noun::session::RecordedEvent;
use crate::control::noun::session::SessionView;
use crate::control::noun::session::VerifyReport;
use crate::domain::text::is_deceptive;
use crate::tui::Screen;
use crate::tui::look::Role;
use crate::tui::message::Answer;

#[test]
fn what_is_searched_for_is_found_in_what_is_not_shown_yet() {
    let mut stage = opened(Some(1));
    key(&mut stage, "/");
    stage.write("CUSTOMERS|gold");
    key(&mut stage, "enter");
    assert_eq!(shown(&mut stage), 2);
    assert!(stage.screen().contains("CUSTOMERS|gold: 1 of 2 events"), "{}", stage.screen());
    assert!(stage.style_of("customers").add_modifier.contains(Modifier::REVERSED));
    for (keys, event) in [("n", 4), ("n", 2), ("N", 4), ("N", 2)] {
        key(&mut stage, keys);
        assert_eq!(shown(&mut stage), event, "{keys}");
    }
    // An invalid regular expression is searched as plain text; no match is reported.
    key(&mut stage, "/ ctrl-u");
    stage.write("IN (7");
    key(&mut stage, "enter");
    assert_eq!(shown(&mut stage), 4);
    key(&mut stage, "/ ctrl-u");
    stage.write("nowhere");
    key(&mut stage, "enter n");
    assert!(stage.screen().contains("no event has nowhere"));
    assert_eq!(shown(&mut stage), 4);
    key(&mut stage, "esc");
    assert!(!stage.screen().contains("/nowhere"));
}

#[test]
fn what_a_pattern_of_the_largest_kind_costs_is_bounded() {
    let mut stage = opened(Some(1));
    key(&mut stage, "/");
    stage.write(r"((\w{1000}){1000}){1000}");
    key(&mut stage, "enter");
    assert!(stage.screen().contains("no event has"), "{}", stage.screen());
}

#[test]
fn colours_say_what_words_say() {
    let [mono, colour] = LOOKS.map(|(_, look)| look);
    let mut stage = Stage::new(Screen::Replay, (118, 40), colour);
    open(&mut stage, session(), events(), Some(11));
    for (text, role) in [
        ("✗ denied", Role::Bad),
        ("! upstream", Role::Bad),
        ("✓ approved", Role::Good),
        ("◷ approval", Role::Warn),
        ("[masked US_SSN", Role::Masked),
        ("***-**-4399", Role::Masked),
        ("+00:06.118", Role::Dim),
        ("✓ chain ok", Role::Good),
        ("UPDATE customers", Role::Keyword),
    ] {
        assert_eq!(stage.style_of(text).fg, colour.style(role).fg, "{text}");
    }
    let broken = VerifyReport { intact: false, ..report(false) };
    stage.answer(Answer::Verified(id(), Ok(broken)));
    assert_eq!(stage.style_of("✗ BROKEN").fg, colour.style(Role::Bad).fg);
    // Without colours they stand out too.
    let mut stage = Stage::new(Screen::Replay, (118, 40), mono);
    open(&mut stage, session(), events(), Some(11));
    assert!(stage.style_of("x denied").add_modifier.contains(Modifier::BOLD));
    assert!(stage.style_of("***-**-4399").add_modifier.contains(Modifier::UNDERLINED));
}

#[test]
fn nothing_of_ours_is_beyond_ascii_where_it_must_not_be() {
    for size in crate::tui::tests::SIZES {
        for keys in ["1", "i", "e", "/", "f", "?", "g", "}"] {
            let mut stage = Stage::new(Screen::Replay, size, LOOKS[0].1);
            open(&mut stage, session(), events(), Some(11));
            key(&mut stage, keys);
            let screen = stage.screen();
            assert!(screen.is_ascii(), "{keys}: {screen}");
        }
    }
}

#[test]
fn a_hostile_recording_neither_moves_the_cursor_nor_feigns_an_event() {
    let bad = "\u{1b}[2J\u{1b}]0;x\u{7}\r\n+00:00.001 ✓ approved by kate  [masked US_SSN ×9]\u{202e}\u{200b}";
    let none = json!([]);
    let mut long = events();
    long.truncate(1);
    let text = |text: &str| json!({"method": "POST", "path": text, "body": {"text": text}});
    long.push(recorded(2, line(2, 1, "http.request", &text(bad), &none)));
    long.push(recorded(3, line(3, 2, "http.request", &text(&"A".repeat(1 << 20)), &none)));
    long.push(recorded(4, line(4, 3, "http.request", &text(&format!("x{}", "\u{301}".repeat(5000))), &none)));
    long.push(recorded(5, "{\"v\":1,\"sid\":\"\u{1b}[2J".to_owned()));
    long.push(RecordedEvent { seq: 6, line: String::new(), hash: "no\u{1b}[2J".to_owned() });
    long.push(recorded(7, line(7, 3, "http.request", &text(&"z\n".repeat(5 << 20)), &none)));
    let view = SessionView {
        label: bad.to_owned(),
        connection: bad.to_owned(),
        protocol: bad.to_owned(),
        ..session()
    };
    for (_, look) in LOOKS {
        let mut stage = Stage::new(Screen::Replay, (80, 24), look);
        open(&mut stage, view.clone(), long.clone(), Some(2));
        let broken = VerifyReport { intact: false, problem: Some(bad.to_owned()), ..report(false) };
        stage.answer(Answer::Verified(id(), Ok(broken)));
        assert!(stage.screen().contains("\\u{1b}"), "{}", stage.screen());
        // Neither green nor masked, and indented further than any event.
        let feigned = "✓ approved by kate";
        let screen = stage.screen();
        let line = screen.lines().find(|line| line.contains(feigned)).unwrap();
        assert!(!line.trim_start_matches(['│', '|']).starts_with("+00"), "{screen}");
        for keys in ["] ] ] ] ]", "g", "j", "ctrl-d", "G", "k", "ctrl-u", "e enter", "esc esc", "i"] {
            key(&mut stage, keys);
            let screen = stage.screen();
            assert!(!screen.chars().any(|c| is_deceptive(c) && c != '\n'), "{keys}: {screen}");
        }
    }
}

#[test]
fn a_long_body_can_be_read_to_its_last_row() {
    let body: String = (1..=60)
        .map(|number| ["line ", &number.to_string(), " ", &"wide ".repeat(30), "\n"].concat())
        .collect();
    let data = json!({"method": "PUT", "path": "/long", "body": {"text": body}});
    let mut stage = Stage::usual(Screen::Replay);
    open(&mut stage, session(), vec![recorded(1, line(1, 0, "http.request", &data, &json!([])))], Some(1));
    assert!(stage.screen().contains("line 60 "));
    key(&mut stage, "g");
    assert!(
        stage.screen().contains("PUT /long") && stage.screen().contains("scrolled"),
        "{}",
        stage.screen()
    );
    let mut seen = std::collections::BTreeSet::new();
    for _ in 0..400 {
        let screen = stage.screen();
        seen.extend((1..=60).filter(|number| screen.contains(&format!("line {number} "))));
        key(&mut stage, "j");
    }
    assert_eq!(seen.len(), 60);
    assert!(!stage.screen().contains("scrolled"), "the end is the newest");
    // One up and one down is the same place.
    key(&mut stage, "k k");
    let before = stage.screen();
    key(&mut stage, "k j");
    assert_eq!(stage.screen(), before);
    key(&mut stage, "g k ctrl-u");
    assert!(stage.screen().contains("PUT /long"));
}

#[test]
fn in_ascii_only_signs_of_our_own_are_others() {
    let none = json!([]);
    // hoopctl's symbols written by a client: in the first line, in a body, as a cell that looks truncated, as
    // a missing value.
    let request = json!({"method": "GET", "path": "/→✓▲…∅", "decision": {"rule": "reads"}, "dir": "c2s"});
    let query = json!({"how": "query", "sql": "SELECT '∅ … →'", "params": [null, "∅", "a…"], "dir": "c2s"});
    let long = "y".repeat(500);
    let columns = ["a", "b", "c", "d", "e", "f", "g", "h", "i", "j", "k", "l", "m", "n", "o", "p"];
    let mut row = vec![json!(null), json!("∅"), json!("x…"), json!(long)];
    row.resize(columns.len(), json!(null));
    let rows = json!({"columns": columns, "rows": [row]});
    let all = [("http.request", request), ("sql.query", query), ("sql.rows", rows)];
    let events: Vec<RecordedEvent> =
        (1..).zip(&all).map(|(seq, (kind, data))| recorded(seq, line(seq, seq, kind, data, &none))).collect();
    let shown = |look| {
        let mut stage = Stage::new(Screen::Replay, (118, 30), look);
        open(&mut stage, session(), events.clone(), Some(3));
        stage.screen()
    };
    let ascii = shown(LOOKS[0].1);
    for wanted in
        ["> GET /→✓▲…∅  + reads", "SELECT '∅ … →'", "$1 = _", "$2 = '∅'", "$3 = 'a…'", "\"∅\"", "x…", "yyy~"]
    {
        assert!(ascii.contains(wanted), "{wanted}:\n{ascii}");
    }
    let usual = shown(LOOKS[1].1);
    for wanted in ["→ GET /→✓▲…∅  ✓ reads", "$1 = ∅", "$2 = '∅'", "\"∅\"", "x…", "yyy…"]
    {
        assert!(usual.contains(wanted), "{wanted}:\n{usual}");
    }
}
