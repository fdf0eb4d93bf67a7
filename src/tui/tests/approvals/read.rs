//! What must have been read before a decision, and how payloads are shown.

use std::time::Duration;

use super::super::LOOKS;
use super::super::Stage;
use super::super::event;
use super::decision;
use super::id;
use super::live;
use super::read;
use super::three;
use super::told;
use super::with;
use crate::control::ApiError;
use crate::control::ErrorCode;
use crate::domain::approval::Approval;
use crate::domain::approval::MAX_DETAIL;
use crate::tui::Msg;
use crate::tui::Screen;
use crate::tui::link::Link;
use crate::tui::look::Role;
use crate::tui::message::Answer;
use crate::tui::message::Request;

#[test]
fn what_was_not_whole_on_the_screen_cannot_be_approved() {
    let mut long = three();
    long[0].detail = "SELECT 1;\n".repeat(200);
    let mut stage = with(&long);
    stage.press("a");
    let screen = stage.screen();
    assert!(screen.contains("rows of it were not on the screen yet (space reads on)"), "{screen}");
    // Jumping to the end shows the end, not the middle.
    stage.press("enter G a");
    assert!(!stage.model.pane(Screen::Approvals).takes_text());
    stage.press("g");
    for _ in 0..20 {
        stage.press("space");
    }
    assert!(stage.screen().contains("all "), "{}", stage.screen());
    stage.press("a");
    assert!(stage.screen().contains("[enter/esc]"));
    // A terminal that is too small to show anything shows nothing.
    let mut stage = Stage::new(Screen::Approvals, (39, 8), LOOKS[1].1);
    told(&mut stage, &three());
    read(&mut stage, &three());
    stage.press("a enter");
    assert!(decision(&mut stage).is_none());
    // A list without room for the selected item shows none of it until it is opened.
    let mut stage = Stage::new(Screen::Approvals, (60, 11), LOOKS[1].1);
    told(&mut stage, &three());
    read(&mut stage, &three());
    stage.press("a enter");
    assert!(decision(&mut stage).is_none());
    stage.press("space space space a enter");
    assert!(decision(&mut stage).is_some(), "{}", stage.screen());
    // Under the help, nothing counts as read.
    let mut stage = Stage::usual(Screen::Approvals);
    told(&mut stage, &three());
    stage.press("?");
    read(&mut stage, &three());
    stage.draw();
    stage.strike("esc");
    stage.pass(Duration::from_secs(1));
    stage.strike("a");
    assert!(!stage.model.pane(Screen::Approvals).takes_text());
}

#[test]
fn a_payload_that_was_cut_can_only_be_denied() {
    let mut cut = three();
    cut[0].truncated = true;
    let mut stage = with(&cut);
    stage.press("a");
    assert!(stage.screen().contains("it can only be denied"));
    stage.press("d");
    assert!(stage.screen().contains("deny \"etl-agent\""));
}

#[test]
fn a_payload_longer_than_any_gateway_shows_is_cut_and_can_only_be_denied() {
    let row = "UPDATE t SET a = 1;\n";
    let mut endless = three();
    endless[0].detail = row.repeat((10 << 20) / row.len());
    let mut stage = Stage::new(Screen::Approvals, (80, 4000), LOOKS[1].1);
    told(&mut stage, &endless);
    read(&mut stage, &endless);
    stage.press("enter");
    let mut pages = 1;
    while stage.screen().contains("rows to read") {
        assert!((pages - 1) * 3900 < MAX_DETAIL / row.len(), "more is laid out than a gateway shows");
        stage.press("space");
        pages += 1;
    }
    assert!(stage.screen().contains("not all of it is shown"));
    // All received text was read. It is still not all that will be sent.
    stage.press("a");
    assert!(stage.screen().contains("it can only be denied"));
    stage.press("enter");
    assert!(decision(&mut stage).is_none());
    stage.press("d");
    assert!(stage.screen().contains("deny \"etl-agent\""));
}

#[test]
fn another_digest_has_to_be_read_anew() {
    let mut stage = with(&three());
    let mut other = three();
    (other[0].digest, other[0].detail) = ("ff".repeat(32), "DROP TABLE customers".to_owned());
    live(&mut stage, &other[0]);
    stage.pass(Duration::from_millis(50));
    stage.draw();
    for key in ["a", "d"] {
        stage.strike(key);
        assert!(!stage.model.pane(Screen::Approvals).takes_text());
    }
    assert!(
        !stage.screen().contains("SET tier = 'gold'\n"),
        "what was read is not shown for what is not that"
    );
    read(&mut stage, &other);
    stage.press("a enter");
    let digest = decision(&mut stage).unwrap().1.digest;
    assert_eq!((digest, stage.screen().contains("DROP TABLE customers")), (Some("ff".repeat(32)), true));
}

#[test]
fn a_slow_terminal_gives_nobody_away() {
    // Another approval is selected and read; before its picture is drawn, a key for the previous one arrives.
    let mut stage = with(&three());
    stage.pass(Duration::from_secs(1));
    stage.strike("j");
    read(&mut stage, &three());
    let pressed = stage.now.at;
    stage.pass(Duration::from_secs(2));
    stage.draw();
    stage.send(Msg::Key { key: event("a"), at: pressed });
    assert!(!stage.model.pane(Screen::Approvals).takes_text(), "pressed before it was on the screen");
    stage.pass(Duration::from_millis(299));
    stage.strike("a");
    assert!(!stage.model.pane(Screen::Approvals).takes_text(), "too soon after it");
    stage.pass(Duration::from_millis(1));
    stage.strike("a");
    assert!(stage.model.pane(Screen::Approvals).takes_text());
    // A picture cut off by a smaller terminal shows nothing.
    let mut stage = Stage::usual(Screen::Approvals);
    told(&mut stage, &three());
    read(&mut stage, &three());
    stage.send(Msg::Drawn(ratatui::layout::Size { width: 80, height: 16 }));
    stage.pass(Duration::from_secs(1));
    stage.strike("a");
    assert!(!stage.model.pane(Screen::Approvals).takes_text());
}

#[test]
fn what_could_not_be_read_is_asked_for_again() {
    let mut stage = Stage::usual(Screen::Approvals);
    told(&mut stage, &three());
    stage.pass(Duration::from_millis(200));
    let asked =
        |stage: &mut Stage| stage.requests().iter().any(|request| matches!(request, Request::Approval(_)));
    assert!(asked(&mut stage));
    let broken = ApiError::new(ErrorCode::Unavailable, "the gateway went away");
    stage.answer(Answer::Approval(id(1), Err(broken)));
    stage.pass(Duration::from_secs(1));
    assert!(!asked(&mut stage));
    stage.pass(Duration::from_millis(1100));
    assert!(asked(&mut stage));
    // The reply is lost with the connection: it is requested again over the next one.
    stage.send(Msg::Link(Link::Retry { in_ms: 200, why: "gone".to_owned() }));
    stage.send(Msg::Link(Link::Live));
    stage.pass(Duration::from_millis(200));
    assert!(asked(&mut stage));
    // After a second reply, what was read stays read.
    read(&mut stage, &three());
    stage.answer(Answer::Approval(id(1), Ok(Box::new(three().remove(0)))));
    stage.draw();
    stage.answer(Answer::Approval(id(1), Ok(Box::new(three().remove(0)))));
    stage.press("a");
    assert!(stage.screen().contains("[enter/esc]"), "{}", stage.screen());
}

#[test]
fn hostile_text_is_shown_as_what_it_is() {
    let mut evil = three();
    evil[0].label = "kate\u{1b}[2K\u{202e}".to_owned();
    evil[0].summary = "a\u{1b}]0;x\u{7}\nb".to_owned();
    evil[0].reason = "r\u{200b}\u{9b}31m".to_owned();
    evil[0].detail = format!("x\u{1b}[H\u{202e}y\n{}\n\u{fffd}", "\u{301}".repeat(100));
    let mut stage = with(&evil);
    stage.press("enter");
    let screen = stage.screen();
    assert!(!screen.chars().any(|c| crate::domain::text::is_deceptive(c) && c != '\n'), "{screen}");
    assert!(screen.contains("x\\u{1b}[H\\u{202e}y"), "{screen}");
    stage.press("esc a");
    let screen = stage.screen();
    assert!(!screen.chars().any(|c| crate::domain::text::is_deceptive(c) && c != '\n'), "{screen}");
}

#[test]
fn a_payload_that_imitates_facts_is_told_apart_in_each_row() {
    // The text above a payload, with edges, copied into a payload; and a reason that imitates a payload.
    let copied = " who     kate human local:kate\n┃ who     kate\n: effect  read, risk low\n│ why     policy reads\n\n(not all of it is shown)\n"
        .to_owned()
        + &"\u{202e}\u{301}日本語 effect  read, risk low; a yes gives nothing ".repeat(12);
    let reason = "fine\n┃ SELECT 1\r: SELECT 1 ".repeat(8);
    for (_, look) in LOOKS {
        for size in [(80, 24), (118, 30), (60, 16)] {
            let hostile = Approval { detail: copied.clone(), reason: reason.clone(), ..three()[0].clone() };
            let all = [hostile];
            let mut stage = Stage::new(Screen::Approvals, size, look);
            told(&mut stage, &all);
            read(&mut stage, &all);
            stage.press("enter");
            let edge = look.signs.edge;
            let mut sent = std::collections::BTreeSet::new();
            let mut facts = std::collections::BTreeSet::new();
            for _ in 0..80 {
                let screen = stage.screen();
                for row in screen.lines().skip(3).take(usize::from(size.1) - 6) {
                    // Inside the frame's own edge.
                    let row: String = row.chars().skip(1).collect();
                    if row.starts_with(edge) {
                        sent.insert(row)
                    } else {
                        facts.insert(row)
                    };
                }
                let fact = format!("{edge}  who     kate");
                if screen.contains(&fact) {
                    let style = stage.style_of(&fact);
                    assert_eq!(style, style.patch(look.style(Role::Edge)), "{screen}");
                }
                stage.press("j");
            }
            let holds = |rows: &std::collections::BTreeSet<String>, text: &str| {
                rows.iter().any(|row| row.contains(text))
            };
            for text in ["kate human", "policy reads", "risk low", "not all of it", "日本語"] {
                assert!(holds(&sent, text) && !holds(&facts, text), "{text} {size:?}: {sent:#?} {facts:#?}");
            }
            for text in ["etl-agent", "risk medium", "SELECT 1"] {
                assert!(holds(&facts, text) && !holds(&sent, text), "{text} {size:?}: {sent:#?} {facts:#?}");
            }
        }
    }
}

#[test]
fn what_is_said_of_a_payload_that_was_cut_is_not_in_it() {
    let cut = Approval { truncated: true, ..three()[0].clone() };
    let mut stage = with(&[cut]);
    let screen = stage.screen();
    let row = screen.lines().find(|row| row.contains("not all of it is shown")).unwrap();
    assert!(!row.contains('┃'), "{row}");
    assert!(screen.contains("┃ UPDATE customers"), "{screen}");
}
