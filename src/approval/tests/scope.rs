//! Tests of what an approver may give: the policy's scope, or less if one person decides.

use std::time::Duration;

use super::*;

const QUARTER: GrantScope = GrantScope::Window(Duration::from_mins(15));
const HOUR: GrantScope = GrantScope::Window(Duration::from_hours(1));

async fn given(gives: GrantScope, within: Option<GrantScope>) -> (House, Ask, Result<Approval, DecideError>) {
    let house = House::new().await;
    let asked = ask_for(gives);
    let mut ticket = house.approvals.ask(asked.clone()).await.unwrap();
    // Told to come back, so that dropping it ends nothing.
    assert!(matches!(ticket.wait(NOW).await, Outcome::Pending(_)));
    let decided = house.approvals.decide_within(ticket.id(), &person("kate"), true, "", within).await;
    (house, asked, decided)
}

#[test]
fn a_scope_is_within_itself_and_within_what_reaches_further() {
    let all = [GrantScope::Once, GrantScope::Session, QUARTER, HOUR];
    let within = |one: GrantScope| all.map(|other| one.is_within(other));
    assert_eq!(within(GrantScope::Once), [true; 4]);
    assert_eq!(within(GrantScope::Session), [false, true, false, false]);
    assert_eq!(within(QUARTER), [false, false, true, true]);
    assert_eq!(within(HOUR), [false, false, false, true]);
    assert!(!GrantScope::Window(Duration::ZERO).is_within(HOUR));
}

#[tokio::test]
async fn one_command_out_of_a_window_leaves_no_grant_for_the_next() {
    let (house, asked, decided) = given(HOUR, Some(GrantScope::Once)).await;
    let approval = decided.unwrap();
    assert_eq!(approval.spec.grant, HOUR, "what the policy says stays what it says");
    assert!(house.approvals.standing_grant(&wanted(&asked)).is_none());
    let mut ticket = house.approvals.ask(asked.clone()).await.unwrap();
    let grant = approval.grant.unwrap();
    assert_eq!(ticket.wait(SOON).await, Outcome::Approved { approval: approval.id, grant });
    assert_eq!(ticket.redeem().await.unwrap().grant.scope, GrantScope::Once);
    // Used up: the same command is held again, and so is another one.
    for digest in [asked.digest.clone(), "f".repeat(64)] {
        let mut again = house.approvals.ask(Ask { digest, ..asked.clone() }).await.unwrap();
        assert!(matches!(again.wait(NOW).await, Outcome::Pending(_)));
    }
}

#[tokio::test]
async fn a_shorter_window_ends_sooner() {
    let (house, asked, decided) = given(HOUR, Some(QUARTER)).await;
    let expires = decided.unwrap().expires_ms - house.approvals.now_ms();
    assert!((14 * MINUTE..=15 * MINUTE).contains(&expires), "{expires}");
    assert_eq!(house.approvals.standing_grant(&wanted(&asked)).unwrap().scope, QUARTER);
    house.tick(16 * MINUTE).await;
    assert!(house.approvals.standing_grant(&wanted(&asked)).is_none());
}

#[tokio::test]
async fn more_than_the_policy_gives_is_refused_and_decides_nothing() {
    for (gives, within) in [
        (GrantScope::Once, GrantScope::Session),
        (GrantScope::Once, QUARTER),
        (QUARTER, HOUR),
        (HOUR, GrantScope::Session),
        (GrantScope::Session, QUARTER),
        (HOUR, GrantScope::Window(Duration::ZERO)),
    ] {
        let (house, asked, decided) = given(gives, Some(within)).await;
        let error = decided.unwrap_err();
        assert!(matches!(error, DecideError::Wider { .. }), "{gives} {within}: {error}");
        assert!(house.approvals.standing_grant(&wanted(&asked)).is_none());
        assert_eq!(house.audited("approval.approve").await, 0);
    }
}

#[tokio::test]
async fn where_several_must_agree_none_of_them_says_how_far() {
    let house = House::new().await;
    let mut asked = ask_for(HOUR);
    asked.spec.min = 2;
    let ticket = house.approvals.ask(asked).await.unwrap();
    let decide = |who, within| {
        let (approvals, id) = (house.approvals.clone(), ticket.id());
        async move { approvals.decide_within(id, &person(who), true, "", within).await }
    };
    let error = decide("kate", Some(GrantScope::Once)).await.unwrap_err();
    assert!(matches!(error, DecideError::SharedScope { .. }), "{error}");
    assert_eq!(decide("kate", Some(HOUR)).await.unwrap().state, ApprovalState::Pending);
    assert_eq!(decide("lee", None).await.unwrap().state, ApprovalState::Approved);
}
