//! Keys to decisions, and their results.

use std::time::Duration;

use ratatui::style::Modifier;

use super::super::START_MS;
use super::decision;
use super::id;
use super::listed;
use super::live;
use super::three;
use super::with;
use crate::control::ApiError;
use crate::control::ErrorCode;
use crate::control::noun::approval::Decide;
use crate::domain::approval::Approval;
use crate::domain::approval::ApprovalDecision;
use crate::domain::approval::ApprovalState;
use crate::domain::approval::GrantScope;
use crate::domain::command::Class;
use crate::tui::Msg;
use crate::tui::Screen;
use crate::tui::link::Link;
use crate::tui::message::Answer;
use crate::tui::message::Request;

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
    // It is gone after a while, and keys meant for it do not decide the next one.
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
    // It expires by the clock alone.
    let mut stage = with(&three());
    stage.press("a");
    stage.pass(Duration::from_mins(1));
    assert!(stage.screen().contains("expired meanwhile"));
    stage.strike("enter");
    assert!(decision(&mut stage).is_none());
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
    // If several approvers are needed, one of them cannot choose the scope.
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
    // The gateway is back: everything is requested again, and what is missing has ended.
    stage.effects();
    stage.send(Msg::Link(Link::Live));
    assert!(stage.requests().iter().any(|request| matches!(request, Request::Pending(_))));
    let rest: Vec<Approval> = three().into_iter().skip(1).collect();
    stage.answer(Answer::Pending(0, Ok(listed(&rest))));
    stage.draw();
    assert!(stage.screen().contains("✗ stopped"), "{}", stage.screen());
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
