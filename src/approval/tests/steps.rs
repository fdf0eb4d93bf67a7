//! Random steps in any order: a command never passes without a grant for it.

use std::collections::BTreeSet;

use proptest::prelude::*;

use super::super::*;
use super::House;
use super::MINUTE;
use super::NOW;
use super::ask;
use crate::domain::approval::ApprovalState;
use crate::store::ApprovalFilter;
use crate::store::View;

/// A step in the life of an approval.
#[derive(Debug, Clone, Copy)]
enum Step {
    Ask,
    Approve(u8),
    Deny,
    Leave,
    ComeBackLater,
    Redeem,
    Expire,
    Revoke,
    Restart,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => Just(Step::Ask),
        4 => (0..3_u8).prop_map(Step::Approve),
        1 => Just(Step::Deny),
        2 => Just(Step::Leave),
        2 => Just(Step::ComeBackLater),
        4 => Just(Step::Redeem),
        1 => Just(Step::Expire),
        1 => Just(Step::Revoke),
        1 => Just(Step::Restart),
    ]
}

/// Takes the steps, and checks after each that states only change along the edges of the diagram in `mod.rs`,
/// and that no approval passes two commands or one that too few people approved.
async fn follow(steps: Vec<Step>) {
    let mut house = House::new().await;
    let asked = || {
        let mut asked = ask();
        asked.spec.min = 2;
        asked
    };
    let mut tickets: Vec<Ticket> = Vec::new();
    let mut states = std::collections::BTreeMap::new();
    let mut passed = BTreeSet::new();
    for step in steps {
        let newest = house.approvals.list(ApprovalFilter::default()).await.unwrap().first().cloned();
        match (step, newest) {
            (Step::Ask, _) => tickets.push(house.approvals.ask(asked()).await.unwrap()),
            (Step::Approve(who), Some(newest)) => {
                drop(house.decide(newest.id, ["kate", "lee", "max"][usize::from(who)], true).await);
            }
            (Step::Deny, Some(newest)) => drop(house.decide(newest.id, "kate", false).await),
            (Step::Leave, _) => drop(tickets.pop()),
            (Step::ComeBackLater, _) => {
                if let Some(mut ticket) = tickets.pop() {
                    ticket.wait(NOW).await;
                }
            }
            (Step::Redeem, _) => {
                if let Some(ticket) = tickets.pop()
                    && let Ok(redeemed) = ticket.redeem().await
                {
                    assert!(redeemed.approval.decisions.len() >= 2);
                    assert!(passed.insert(redeemed.approval.id), "one approval passed two commands");
                }
            }
            (Step::Expire, _) => drop(house.tick(10 * MINUTE).await),
            (Step::Revoke, Some(newest)) => {
                if let Some(grant) = newest.grant {
                    drop(house.approvals.revoke(grant, "local:root", "").await);
                }
            }
            (Step::Restart, _) => {
                tickets.clear();
                house = house.restarted().await.0;
            }
            (_, None) => {}
        }
        house.tick(0).await;
        for approval in house.approvals.list(ApprovalFilter::default()).await.unwrap() {
            use ApprovalState::{Approved, Cancelled, Denied, Expired, Pending, Stopped, Used};
            let before = states.insert(approval.id, approval.state).unwrap_or(Pending);
            let edge = match (before, approval.state) {
                (from, to) if from == to => true,
                (Pending | Approved, Used) => passed.contains(&approval.id),
                (Pending, Approved | Cancelled | Denied | Expired | Stopped)
                | (Approved, Denied | Expired) => true,
                _ => false,
            };
            assert!(edge, "{before} to {} by {step:?}", approval.state);
            assert_eq!(approval.state == Used, passed.contains(&approval.id));
        }
    }
    let pending = house.store.read(View::count_pending).await.unwrap();
    assert!(pending <= 1, "the same command is held twice");
    assert_eq!(house.store.read(View::verify_audit).await.unwrap().broken, None);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 60, ..ProptestConfig::default() })]

    #[test]
    fn no_order_of_steps_passes_a_command_twice_or_unapproved(steps in prop::collection::vec(step(), 1..25)) {
        tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(follow(steps));
    }
}
