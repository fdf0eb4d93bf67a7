//! Tests of who may decide, how many must, and what cannot be approved.

use std::time::Duration;

use super::super::*;
use super::House;
use super::NOW;
use super::SOON;
use super::ask;
use super::ask_for;
use super::person;
use super::principal;
use super::wanted;
use crate::domain::approval::ApprovalState;
use crate::domain::approval::GrantScope;
use crate::domain::approval::MAX_DETAIL;
use crate::domain::id::ApprovalId;
use crate::domain::principal::Groups;
use crate::domain::principal::Kind;
use crate::domain::principal::Principal;

#[tokio::test]
async fn who_may_not_decide_is_told_why_and_changes_nothing() {
    let house = House::new().await;
    let mut asked = ask();
    (asked.principal, asked.spec.reason) = ("local:kim".into(), true);
    let ticket = house.approvals.ask(asked).await.unwrap();
    let id = ticket.id();
    let dba = || ["dba"].into_iter().collect::<Groups>();
    for approve in [true, false] {
        let reason = "because";
        let refused = async |who: &Principal, reason: &str| {
            house.approvals.decide(id, who, approve, reason).await.unwrap_err()
        };
        assert!(matches!(refused(&person("kim"), reason).await, DecideError::OwnRequest { .. }));
        for kind in [Kind::App, Kind::Agent] {
            let who = principal("local:bot", kind, dba());
            assert!(matches!(refused(&who, reason).await, DecideError::NotHuman { .. }));
        }
        for groups in [Groups::Unknown, Groups::from_iter(["dev", "DBA", "dba "])] {
            let who = principal("local:joe", Kind::Human, groups);
            assert!(matches!(refused(&who, reason).await, DecideError::NotInGroup { .. }));
        }
        assert!(matches!(refused(&person("kate"), " \n").await, DecideError::ReasonMissing { .. }));
        let long = "x".repeat(decide::MAX_REASON + 1);
        assert!(matches!(refused(&person("kate"), &long).await, DecideError::ReasonTooLong { .. }));
        let other = house.approvals.decide(ApprovalId::new(), &person("kate"), approve, reason).await;
        assert!(matches!(other, Err(DecideError::Missing { .. })));
    }
    let approval = house.approvals.show(id).await.unwrap().unwrap();
    assert_eq!((approval.state, approval.decisions.len()), (ApprovalState::Pending, 0));
    let decided = house.approvals.decide(id, &person("kate"), true, " ok ").await.unwrap();
    assert_eq!(decided.decisions[0].reason, "ok");
    assert!(matches!(
        house.approvals.decide(id, &person("kate"), false, "no").await,
        Err(DecideError::Ended { state: ApprovalState::Approved, .. })
    ));
}

#[tokio::test]
async fn what_cannot_be_shown_whole_can_only_be_denied() {
    let house = House::new().await;
    let mut told = ask();
    told.truncated = true;
    let mut long = ask();
    (long.digest, long.detail) = ("a".repeat(64), "é".repeat(MAX_DETAIL));
    for asked in [told, long] {
        let ticket = house.approvals.ask(asked).await.unwrap();
        let shown = house.approvals.show(ticket.id()).await.unwrap().unwrap();
        assert!(shown.truncated && shown.detail.len() <= MAX_DETAIL);
        let error = house.decide(ticket.id(), "kate", true).await.unwrap_err();
        assert!(matches!(error, DecideError::Truncated { .. }) && error.to_string().contains("too long"));
        assert_eq!(house.decide(ticket.id(), "kate", false).await.unwrap().state, ApprovalState::Denied);
    }
}

#[tokio::test]
async fn a_quorum_counts_distinct_people_and_one_no_ends_it() {
    let house = House::new().await;
    let mut asked = ask();
    asked.spec.min = 3;
    let mut ticket = house.approvals.ask(asked.clone()).await.unwrap();
    let id = ticket.id();
    house.decide(id, "kate", true).await.unwrap();
    for _ in 0..3 {
        assert!(matches!(house.decide(id, "kate", true).await, Err(DecideError::AlreadyDecided { .. })));
    }
    assert_eq!(house.decide(id, "lee", true).await.unwrap().state, ApprovalState::Pending);
    assert_eq!(ticket.wait(NOW).await, Outcome::Pending(id));
    assert_eq!(house.decide(id, "max", true).await.unwrap().state, ApprovalState::Approved);
    ticket.redeem().await.unwrap();
    // Even from somebody who approved before.
    let mut vetoed = house.approvals.ask(asked.clone()).await.unwrap();
    for (who, approve) in [("kate", true), ("lee", true), ("kate", false)] {
        house.decide(vetoed.id(), who, approve).await.unwrap();
    }
    assert_eq!(vetoed.wait(SOON).await, Outcome::Denied { by: "local:kate".into(), reason: String::new() });
    // A policy that requires nobody still requires one.
    (asked.spec.min, asked.digest) = (0, "d".repeat(64));
    let ticket = house.approvals.ask(asked.clone()).await.unwrap();
    assert!(ticket.outcome().is_none());
    asked.spec.from.clear();
    assert!(matches!(house.approvals.ask(asked).await, Err(ApprovalError::NobodyMayDecide)));
}

#[tokio::test]
async fn an_approver_who_lost_the_right_meanwhile_has_not_approved() {
    let house = House::new().await;
    let window = ask_for(GrantScope::Window(Duration::from_mins(15)));
    let (ticket, _) = house.approved(window.clone()).await;
    ticket.redeem().await.unwrap();
    let (once, _) = house.approved(ask()).await;
    let id = once.id();
    house.former.lock().unwrap().insert("local:kate".into());
    assert!(house.approvals.standing_grant(&wanted(&window)).is_none());
    assert!(matches!(once.redeem().await, Err(ApprovalError::ApproverGone)));
    assert_eq!(house.state(id).await, ApprovalState::Denied);
    assert_eq!(house.tick(0).await.len(), 1);
    // It can be asked for again, and approved by somebody else.
    let again = house.approvals.ask(ask()).await.unwrap();
    assert!(again.outcome().is_none());
    house.decide(again.id(), "lee", true).await.unwrap();
    again.redeem().await.unwrap();
}
