//! The approver's screen: what it looks like, and every way past its guards.

use std::time::Duration;

use ratatui::style::Modifier;

use super::START_MS;
use super::Stage;
use super::snapshots;
use crate::control::ApiError;
use crate::control::ErrorCode;
use crate::control::noun::List;
use crate::control::noun::approval::Decide;
use crate::control::noun::entity::EntityKind;
use crate::control::noun::entity::EntityView;
use crate::control::noun::event::LiveEvent;
use crate::control::noun::event::Topic;
use crate::domain::approval::Approval;
use crate::domain::approval::ApprovalDecision;
use crate::domain::approval::ApprovalSpec;
use crate::domain::approval::ApprovalState;
use crate::domain::approval::GrantScope;
use crate::domain::approval::MAX_DETAIL;
use crate::domain::command::Class;
use crate::domain::id::ApprovalId;
use crate::domain::principal::Kind;
use crate::tui::Effect;
use crate::tui::Msg;
use crate::tui::Screen;
use crate::tui::link::Link;
use crate::tui::look::Role;
use crate::tui::message::Answer;
use crate::tui::message::Request;

const SQL: &str =
    "database appdb, in a transaction\nUPDATE customers\n   SET tier = 'gold'\n WHERE id IN (7, 9, 12);\n";

fn id(number: u16) -> ApprovalId {
    format!("apr_01kah3y2x7m5q8r4s6t9v0{number:04}").parse().unwrap()
}

fn approval(number: u16, who: &str, connection: &str, summary: &str) -> Approval {
    Approval {
        id: id(number),
        state: ApprovalState::Pending,
        principal: format!("entra:72f988bf/{who}"),
        label: who.to_owned(),
        kind: if who.contains("agent") || who.contains("bot") { Kind::Agent } else { Kind::Human },
        groups: vec!["etl".to_owned(), "batch".to_owned()],
        source: "10.2.0.14".to_owned(),
        connection: connection.parse().unwrap(),
        session: "ses_01kah3y2x7m5q8r4s6t9v0w1z2".parse().unwrap(),
        request: "req_01kah3y2x7m5q8r4s6t9v0w1z3".parse().unwrap(),
        rule: "writes-need-approval".to_owned(),
        spec: ApprovalSpec {
            from: vec!["dba".to_owned()],
            min: 1,
            timeout_s: 600,
            reason: false,
            grant: GrantScope::Once,
        },
        digest: "9c1e77ab".repeat(8),
        class: Class::Write,
        summary: summary.to_owned(),
        detail: SQL.to_owned(),
        truncated: false,
        reason: "backfill tier after INC-4411".to_owned(),
        revision: 41,
        created_ms: START_MS - 60_000,
        expires_ms: START_MS + i64::from(number) * 100_000,
        decisions: Vec::new(),
        grant: None,
    }
}

fn three() -> Vec<Approval> {
    let mut all = vec![
        approval(1, "etl-agent", "appdb", "UPDATE customers SET tier = 'gold' WHERE id IN (7, 9, 12)"),
        approval(3, "kim", "billing", "tools/call refund"),
        approval(6, "deploy-bot", "k8s-api", "DELETE /api/v1/namespaces/web/pods/web-7f"),
    ];
    all[0].expires_ms = START_MS + 42_000;
    all[2].class = Class::Admin;
    all
}

fn entity(kind: EntityKind, name: &str, origin: &str, value: serde_json::Value) -> EntityView {
    let toml = String::new();
    EntityView { kind, name: name.to_owned(), origin: origin.to_owned(), read_only: true, value, toml }
}

fn told(stage: &mut Stage, approvals: &[Approval]) {
    stage.answer(Answer::Entities(
        EntityKind::Policy,
        Ok(vec![entity(
            EntityKind::Policy,
            "writes-need-approval",
            "hoopctl.toml:34",
            serde_json::json!({}),
        )]),
    ));
    let upstream = serde_json::json!({"upstream": "postgres://db.internal/app"});
    stage.answer(Answer::Entities(
        EntityKind::Connection,
        Ok(vec![entity(EntityKind::Connection, "appdb", "hoopctl.toml:12", upstream)]),
    ));
    stage.answer(Answer::Pending(0, Ok(List::all(approvals.to_vec()))));
}

/// Answers what the screen asks for of the selected approval.
fn read(stage: &mut Stage, approvals: &[Approval]) {
    stage.pass(Duration::from_millis(200));
    for request in stage.requests() {
        match request {
            Request::Approval(id) => {
                let found = approvals.iter().find(|approval| approval.id == id).unwrap().clone();
                stage.answer(Answer::Approval(id, Ok(Box::new(found))));
            }
            Request::History(principal) => {
                let used = |number| Approval {
                    state: ApprovalState::Used,
                    principal: principal.clone(),
                    ..approval(number, "x", "appdb", "SELECT 1")
                };
                stage.answer(Answer::History(principal.clone(), Ok(vec![used(90), used(91)])));
            }
            _ => {}
        }
    }
}

/// A screen with these, the first of them read whole.
fn with(approvals: &[Approval]) -> Stage {
    let mut stage = Stage::usual(Screen::Approvals);
    told(&mut stage, approvals);
    read(&mut stage, approvals);
    stage.draw();
    stage.effects();
    stage
}

fn live(stage: &mut Stage, approval: &Approval) {
    let data = serde_json::to_string(&Approval { detail: String::new(), ..approval.clone() }).unwrap();
    stage.send(Msg::Live(LiveEvent { id: "1-1".to_owned(), topic: Topic::Approval, data }));
}

fn decision(stage: &mut Stage) -> Option<(ApprovalId, Decide)> {
    stage.requests().into_iter().find_map(|request| match request {
        Request::Decide(id, decide) => Some((id, decide)),
        _ => None,
    })
}

/// A busy screen, for people to look at.
pub(super) fn picture() -> Stage {
    let mut stage = Stage::new(Screen::Approvals, (112, 26), super::LOOKS[1].1);
    told(&mut stage, &three());
    read(&mut stage, &three());
    stage.press("a");
    stage
}

#[test]
fn what_waits_in_all_sizes() {
    snapshots("approvals", Screen::Approvals, |stage| {
        told(stage, &three());
        read(stage, &three());
    });
    snapshots("approvals-none", Screen::Approvals, |stage| told(stage, &[]));
    snapshots("approvals-confirm", Screen::Approvals, |stage| {
        told(stage, &three());
        read(stage, &three());
        stage.press("a");
    });
    snapshots("approvals-open", Screen::Approvals, |stage| {
        told(stage, &three());
        stage.press("G");
        read(stage, &three());
        stage.press("enter space d");
        stage.write("not on a Friday");
    });
}

#[test]
fn colour_carries_what_sign_and_word_say_too() {
    let mut stage = with(&three());
    let look = stage.model.shared.look;
    assert_eq!(stage.style_of("▲ high").fg, look.style(Role::Bad).fg);
    stage.press("j");
    assert_eq!(stage.style_of("◷ 00:").fg, look.style(Role::Bad).fg);
    assert_eq!(stage.style_of("◷ 09:").fg, look.style(Role::Text).fg.or(Some(ratatui::style::Color::Reset)));
    stage.press("k");
    read(&mut stage, &three());
    assert_eq!(stage.style_of("UPDATE customers  ").fg, look.style(Role::Keyword).fg);
    assert_eq!(stage.style_of("'gold'      ").fg, look.style(Role::Quoted).fg);
}

#[test]
fn one_command_is_approved_with_the_digest_that_was_read() {
    let mut stage = with(&three());
    stage.press("a");
    assert!(stage.screen().contains("approve this one command for \"etl-agent\": UPDATE customers"));
    stage.press("enter");
    let (decided, decide) = decision(&mut stage).unwrap();
    assert_eq!(decided, id(1));
    let digest = Some("9c1e77ab".repeat(8));
    assert_eq!(decide, Decide { approve: true, reason: String::new(), digest, grant: None });
    let used = Approval { state: ApprovalState::Approved, ..three().remove(0) };
    stage.answer(Answer::Decided(id(1), true, Ok(Box::new(used))));
    assert!(stage.screen().contains("approved apr_01kah3y2x7m5q8r4s6t9v00001"));
    stage.press("j");
    assert!(stage.style_of("✓ approved ").add_modifier.contains(Modifier::CROSSED_OUT));
    // It is gone after a while, and the next one is not decided by keys meant for it.
    stage.pass(Duration::from_secs(11));
    stage.strike("a");
    assert!(!stage.model.pane(Screen::Approvals).takes_text());
}

#[test]
fn a_no_needs_a_reason() {
    let mut stage = with(&three());
    stage.press("d enter");
    assert!(stage.screen().contains("a reason is needed"));
    assert!(decision(&mut stage).is_none());
    stage.write("no ticket");
    stage.press("enter");
    let (_, decide) = decision(&mut stage).unwrap();
    assert_eq!((decide.approve, decide.reason.as_str()), (false, "no ticket"));
}

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
    let mut stage = Stage::new(Screen::Approvals, (39, 8), super::LOOKS[1].1);
    told(&mut stage, &three());
    read(&mut stage, &three());
    stage.press("a enter");
    assert!(decision(&mut stage).is_none());
    // A list without room for what is selected shows nothing of it, until it is opened.
    let mut stage = Stage::new(Screen::Approvals, (60, 11), super::LOOKS[1].1);
    told(&mut stage, &three());
    read(&mut stage, &three());
    stage.press("a enter");
    assert!(decision(&mut stage).is_none());
    stage.press("space space space a enter");
    assert!(decision(&mut stage).is_some(), "{}", stage.screen());
    // Under the help nothing is read.
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
    let mut stage = Stage::new(Screen::Approvals, (80, 4000), super::LOOKS[1].1);
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
    // All that is here was read. It is still not all that will be sent.
    stage.press("a");
    assert!(stage.screen().contains("it can only be denied"));
    stage.press("enter");
    assert!(decision(&mut stage).is_none());
    stage.press("d");
    assert!(stage.screen().contains("deny \"etl-agent\""));
}

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
    // The selected one ends by itself while the hand is on its way: what takes its place is not approved by that key.
    let mut stage = with(&three());
    live(&mut stage, &Approval { state: ApprovalState::Cancelled, ..three().remove(0) });
    stage.pass(Duration::from_secs(11));
    stage.draw();
    stage.strike("a");
    stage.strike("enter");
    assert!(decision(&mut stage).is_none());
    // Two keys in one go: the confirm line does not take an Enter that was typed before it could be read.
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
fn what_changes_while_its_confirm_line_is_open_closes_it() {
    for (change, says) in [
        (
            Approval {
                state: ApprovalState::Denied,
                decisions: vec![ApprovalDecision {
                    by: "local:lee".to_owned(),
                    approve: false,
                    reason: "no".to_owned(),
                    at_ms: START_MS,
                }],
                ..three().remove(0)
            },
            "is denied by local:lee meanwhile",
        ),
        (Approval { state: ApprovalState::Expired, ..three().remove(0) }, "is expired meanwhile"),
        (Approval { digest: "ff".repeat(32), ..three().remove(0) }, "is not the command that was read"),
    ] {
        let mut stage = with(&three());
        stage.press("a");
        live(&mut stage, &change);
        stage.strike("enter");
        stage.pass(Duration::from_secs(1));
        stage.strike("enter");
        assert!(decision(&mut stage).is_none(), "{says}");
        assert!(stage.screen().contains(says), "{says}: {}", stage.screen());
    }
    // Its time runs out by the clock alone.
    let mut stage = with(&three());
    stage.press("a");
    stage.pass(Duration::from_mins(1));
    assert!(stage.screen().contains("expired meanwhile"));
    stage.strike("enter");
    assert!(decision(&mut stage).is_none());
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
fn a_decision_is_sent_once_and_what_is_not_known_of_it_is_said() {
    let mut stage = with(&three());
    stage.press("a enter");
    assert!(decision(&mut stage).is_some());
    for keys in ["a enter", "d", "A enter"] {
        stage.press(keys);
        assert!(decision(&mut stage).is_none(), "{keys}");
        assert!(stage.screen().contains("a decision on it is on its way"));
    }
    let slow = ApiError::new(ErrorCode::Timeout, "the gateway did not answer within 30 s");
    stage.answer(Answer::Decided(id(1), true, Err(slow)));
    assert!(stage.screen().contains("whether it was decided is not known"));
    assert!(stage.requests().iter().any(|request| matches!(request, Request::Pending(_))));
    stage.press("a");
    assert!(stage.screen().contains("[enter/esc]"));
}

#[test]
fn a_slow_terminal_gives_nobody_away() {
    // Another one is selected and read; before its picture is there, a key comes that was meant for the one before.
    let mut stage = with(&three());
    stage.pass(Duration::from_secs(1));
    stage.strike("j");
    read(&mut stage, &three());
    let pressed = stage.now.at;
    stage.pass(Duration::from_secs(2));
    stage.draw();
    stage.send(Msg::Key { key: super::event("a"), at: pressed });
    assert!(!stage.model.pane(Screen::Approvals).takes_text(), "pressed before it was on the screen");
    stage.pass(Duration::from_millis(299));
    stage.strike("a");
    assert!(!stage.model.pane(Screen::Approvals).takes_text(), "too soon after it");
    stage.pass(Duration::from_millis(1));
    stage.strike("a");
    assert!(stage.model.pane(Screen::Approvals).takes_text());
    // A picture that was cut by a smaller terminal shows nothing.
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
    // Its answer is lost with the link: the next link asks anew.
    stage.send(Msg::Link(Link::Retry { in_ms: 200, why: "gone".to_owned() }));
    stage.send(Msg::Link(Link::Live));
    stage.pass(Duration::from_millis(200));
    assert!(asked(&mut stage));
    // Told twice, what was read stays read.
    read(&mut stage, &three());
    stage.answer(Answer::Approval(id(1), Ok(Box::new(three().remove(0)))));
    stage.draw();
    stage.answer(Answer::Approval(id(1), Ok(Box::new(three().remove(0)))));
    stage.press("a");
    assert!(stage.screen().contains("[enter/esc]"), "{}", stage.screen());
}

#[test]
fn lists_that_overlap_neither_hide_nor_raise_anybody() {
    let mut stage = with(&three());
    let late = approval(7, "late-agent", "appdb", "DELETE FROM t");
    // Asked; one comes; asked again. The first answer does not have it, the second has.
    live(&mut stage, &late);
    stage.answer(Answer::Pending(0, Ok(List::all(three()))));
    assert_eq!(stage.model.pane(Screen::Approvals).badge(), "4");
    stage.answer(Answer::Pending(1, Ok(List::all([three(), vec![late.clone()]].concat()))));
    assert_eq!(stage.model.pane(Screen::Approvals).badge(), "4");
    // One that ended before any list had it: an older list does not bring it.
    let over = approval(8, "over-agent", "appdb", "DELETE FROM t");
    live(&mut stage, &Approval { state: ApprovalState::Denied, ..over.clone() });
    stage.answer(Answer::Pending(1, Ok(List::all([three(), vec![late, over]].concat()))));
    assert_eq!(stage.model.pane(Screen::Approvals).badge(), "4");
    assert!(!stage.screen().contains("over-agent"));
    // Nobody says that the first one's time is over: the clock does.
    stage.pass(Duration::from_secs(48));
    assert_eq!(stage.model.pane(Screen::Approvals).badge(), "3");
}

#[test]
fn what_came_while_nobody_listened_is_told_and_a_flood_only_now_and_then() {
    let mut stage = with(&three());
    let notes = |stage: &mut Stage| {
        stage.effects().iter().filter(|effect| matches!(effect, Effect::Notify(_))).count()
    };
    stage.answer(Answer::Pending(
        0,
        Ok(List::all([three(), vec![approval(7, "late", "appdb", "x")]].concat())),
    ));
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
fn high_risk_wants_the_name_of_the_connection() {
    let mut risky = three();
    risky.truncate(1);
    risky[0].class = Class::Ddl;
    let mut stage = with(&risky);
    stage.press("a enter");
    assert!(stage.screen().contains("is not the name of the connection, appdb"));
    stage.write("appdb");
    stage.press("enter");
    assert!(decision(&mut stage).is_some());
}

#[test]
fn a_yes_gives_what_the_policy_gives_or_less() {
    let mut hour = three();
    hour[0].spec.grant = GrantScope::Window(Duration::from_hours(1));
    hour[0].class = Class::Read;
    let mut stage = with(&hour);
    stage.press("a enter");
    assert_eq!(decision(&mut stage).unwrap().1.grant, Some(GrantScope::Once));
    for (text, grant) in [
        ("", None),
        ("15m", Some(GrantScope::Window(Duration::from_mins(15)))),
        ("once", Some(GrantScope::Once)),
    ] {
        let mut stage = with(&hour);
        stage.press("A");
        if !text.is_empty() {
            stage.press("ctrl-u");
            stage.write(text);
        }
        stage.press("enter");
        assert_eq!(decision(&mut stage).unwrap().1.grant, grant, "{text}");
    }
    for (text, says) in
        [("2h", "2h is more than the policy gives, 1h"), ("session", "more than"), ("soon", "once, session")]
    {
        let mut stage = with(&hour);
        stage.press("A ctrl-u");
        stage.write(text);
        stage.press("enter");
        assert!(decision(&mut stage).is_none());
        assert!(stage.screen().contains(says), "{text}: {}", stage.screen());
    }
    // Where several must agree, one of them cannot say how far.
    hour[0].spec.min = 2;
    let mut stage = with(&hour);
    assert!(stage.screen().contains("2 of dba"));
    stage.press("a");
    assert!(stage.screen().contains("2 people give 1h together, as the policy says: A approves that"));
    stage.press("A enter");
    assert_eq!(decision(&mut stage).unwrap().1.grant, None);
    let mut stage = with(&three());
    stage.press("A");
    assert!(stage.screen().contains("gives one command only: a approves that"));
}

#[test]
fn who_may_not_decide_is_told_so() {
    let mut own = three();
    own[0].principal = "local:kate".to_owned();
    let mut stage = with(&own);
    stage.press("a");
    assert!(stage.screen().contains("it is your own request"));
    let mut others = three();
    others[0].spec.from = vec!["security".to_owned()];
    let mut stage = with(&others);
    stage.press("d");
    assert!(stage.screen().contains("only members of security may decide it"));
}

#[test]
fn without_the_gateway_nothing_is_decided_and_what_was_known_stays() {
    let mut stage = with(&three());
    stage.press("a");
    stage.send(Msg::Link(Link::Offline { in_ms: 5000, why: "nothing listens".to_owned() }));
    stage.press("enter a");
    assert!(decision(&mut stage).is_none());
    assert!(stage.screen().contains("nothing can be decided"));
    // It is back: everything is asked anew, and what is not there any more has ended.
    stage.effects();
    stage.send(Msg::Link(Link::Live));
    assert!(stage.requests().iter().any(|request| matches!(request, Request::Pending(_))));
    let rest: Vec<Approval> = three().into_iter().skip(1).collect();
    stage.answer(Answer::Pending(0, Ok(List::all(rest))));
    stage.draw();
    assert!(stage.screen().contains("✗ stopped"), "{}", stage.screen());
}

#[test]
fn an_older_list_brings_nothing_back_and_takes_nothing_away() {
    let mut stage = with(&three());
    // Asked; before the answer one ends and one comes.
    stage.send(Msg::Live(LiveEvent { id: "1-2".to_owned(), topic: Topic::Gap, data: "{}".to_owned() }));
    live(&mut stage, &Approval { state: ApprovalState::Denied, ..three().remove(1) });
    live(&mut stage, &approval(7, "late-agent", "appdb", "DELETE FROM t"));
    stage.answer(Answer::Pending(0, Ok(List::all(three()))));
    let screen = stage.screen();
    assert!(screen.contains("✗ denied") && screen.contains("late-agent"), "{screen}");
    assert_eq!(stage.model.pane(Screen::Approvals).badge(), "3");
}

#[test]
fn the_gateways_no_is_said_and_the_list_read_anew() {
    let mut stage = with(&three());
    stage.press("a enter");
    stage.effects();
    let error = ApiError::new(ErrorCode::Conflict, "apr_1 is used already");
    stage.answer(Answer::Decided(id(1), true, Err(error)));
    assert!(stage.screen().contains("apr_1 is used already"));
    assert!(stage.requests().iter().any(|request| matches!(request, Request::Pending(_))));
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
    // Only what is seen is drawn: as long as with three. (A frame of these takes 1 ms here, of 16 at most, without optimisation.)
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

#[test]
fn a_payload_that_imitates_facts_is_told_apart_in_each_row() {
    // All that stands above a payload, and edges of its own, copied into a payload; a reason that tries the other way round.
    let copied = " who     kate human local:kate\n┃ who     kate\n: effect  read, risk low\n│ why     policy reads\n\n(not all of it is shown)\n"
        .to_owned()
        + &"\u{202e}\u{301}日本語 effect  read, risk low; a yes gives nothing ".repeat(12);
    let reason = "fine\n┃ SELECT 1\r: SELECT 1 ".repeat(8);
    for (_, look) in super::LOOKS {
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
                    // Behind the frame's own edge.
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
