//! Tests of waiting requests: their time, clients that leave, join or come back, and the event stream.

use std::collections::BTreeSet;
use std::time::Duration;

use super::super::*;
use super::House;
use super::MINUTE;
use super::NOW;
use super::SOON;
use super::ask;
use super::person;
use crate::approval::ask::MAX_PENDING_OF_ONE;
use crate::domain::approval::ApprovalState;
use crate::store::ApprovalFilter;

#[tokio::test]
async fn a_waiting_request_hears_that_its_time_is_over_without_a_tick() {
    let house = House::new().await;
    let mut asked = ask();
    asked.spec.timeout_s = 1;
    let mut ticket = house.approvals.ask(asked).await.unwrap();
    assert_eq!(ticket.wait(SOON).await, Outcome::Expired);
    assert_eq!(house.state(ticket.id()).await, ApprovalState::Expired);
    let ended = house.tick(0).await;
    assert_eq!(ended.iter().map(|approval| approval.id).collect::<Vec<_>>(), [ticket.id()]);
    assert!(house.tick(0).await.is_empty());
    assert!(matches!(
        house.decide(ticket.id(), "kate", true).await,
        Err(DecideError::Ended { state: ApprovalState::Expired, .. })
    ));
}

#[tokio::test]
async fn a_yes_after_the_end_of_its_time_does_not_count_though_nothing_ticked() {
    let house = House::new().await;
    let ticket = house.approvals.ask(ask()).await.unwrap();
    house.approvals.shared.clock.raise(house.approvals.now_ms() + 10 * MINUTE);
    let error = house.decide(ticket.id(), "kate", true).await.unwrap_err();
    assert!(matches!(error, DecideError::Ended { state: ApprovalState::Expired, .. }));
    assert_eq!(house.state(ticket.id()).await, ApprovalState::Expired);
    assert_eq!(house.tick(0).await.len(), 1);
}

#[tokio::test]
async fn an_approved_command_that_does_not_come_back_in_time_expires() {
    let house = House::new().await;
    for (timeout_s, end) in [(600, 5 * MINUTE), (60, MINUTE)] {
        let mut asked = ask();
        asked.spec.timeout_s = timeout_s;
        let (ticket, _) = house.approved(asked.clone()).await;
        let id = ticket.id();
        drop(ticket);
        assert!(house.tick(end - 5_000).await.is_empty());
        let back = house.approvals.ask(asked.clone()).await.unwrap();
        assert!(matches!(back.outcome(), Some(Outcome::Approved { .. })));
        assert_eq!(house.tick(5_000).await.len(), 1);
        assert_eq!(house.state(id).await, ApprovalState::Expired);
        assert!(matches!(back.redeem().await, Err(ApprovalError::Expired)));
        assert!(house.approvals.grants(false).await.unwrap().is_empty());
    }
}

#[tokio::test]
async fn the_last_client_that_goes_away_cancels_and_one_that_was_told_to_come_back_does_not() {
    let house = House::new().await;
    let first = house.approvals.ask(ask()).await.unwrap();
    let mut second = house.approvals.ask(ask()).await.unwrap();
    let id = first.id();
    assert!(second.id() == id && second.joined() && !first.joined());
    drop(first);
    house.tick(0).await;
    assert_eq!(house.state(id).await, ApprovalState::Pending);
    assert_eq!(second.wait(NOW).await, Outcome::Pending(id));
    drop(second);
    assert!(house.tick(0).await.is_empty());
    assert_eq!(house.state(id).await, ApprovalState::Pending);
    // It comes back, and then leaves while it waits.
    let mut back = house.approvals.ask(ask()).await.unwrap();
    assert_eq!(back.id(), id);
    assert!(tokio::time::timeout(Duration::from_millis(30), back.wait(SOON)).await.is_err());
    drop(back);
    let ended = house.tick(0).await;
    assert_eq!(
        ended.iter().map(|approval| (approval.id, approval.state)).collect::<Vec<_>>(),
        [(id, ApprovalState::Cancelled)]
    );
    assert!(matches!(
        house.decide(id, "kate", true).await,
        Err(DecideError::Ended { state: ApprovalState::Cancelled, .. })
    ));
    assert_ne!(house.approvals.ask(ask()).await.unwrap().id(), id);
}

#[tokio::test]
async fn a_request_that_joins_while_the_last_one_leaves_keeps_the_approval() {
    let house = House::new().await;
    let leaves = house.approvals.ask(ask()).await.unwrap();
    let id = leaves.id();
    let (go, wait) = std::sync::mpsc::channel::<()>();
    house.store.call_later(move |_db| assert!(wait.recv().is_ok())).unwrap();
    // The join is queued before the other leaves, so the cancellation comes after it.
    let approvals = house.approvals.clone();
    let joins = tokio::spawn(async move { approvals.ask(ask()).await.unwrap() });
    tokio::task::yield_now().await;
    drop(leaves);
    go.send(()).unwrap();
    let mut joined = joins.await.unwrap();
    assert!(house.tick(0).await.is_empty());
    assert_eq!((joined.id(), house.state(id).await), (id, ApprovalState::Pending));
    house.decide(id, "kate", true).await.unwrap();
    assert!(matches!(joined.wait(SOON).await, Outcome::Approved { .. }));
}

#[tokio::test]
async fn a_client_that_was_away_hears_the_end_once() {
    let house = House::new().await;
    for no in [true, false] {
        let mut ticket = house.approvals.ask(ask()).await.unwrap();
        let id = ticket.id();
        assert_eq!(ticket.wait(NOW).await, Outcome::Pending(id));
        drop(ticket);
        let expected = if no {
            house.approvals.decide(id, &person("kate"), false, "not today").await.unwrap();
            Outcome::Denied { by: "local:kate".into(), reason: "not today".into() }
        } else {
            house.tick(10 * MINUTE).await;
            Outcome::Expired
        };
        let mut told = house.approvals.ask(ask()).await.unwrap();
        assert_eq!((told.id(), told.wait(NOW).await), (id, expected));
        assert!(told.redeem().await.is_err());
        let new = house.approvals.ask(ask()).await.unwrap();
        assert!(new.id() != id && new.outcome().is_none());
        drop(new);
        house.tick(0).await;
    }
}

#[tokio::test]
async fn nobody_can_fill_the_desk() {
    let house = House::new().await;
    let mut tickets = Vec::new();
    let numbered = |number: u64| Ask { digest: format!("{number:064}"), ..ask() };
    for number in 0..MAX_PENDING_OF_ONE {
        tickets.push(house.approvals.ask(numbered(number)).await.unwrap());
    }
    assert!(matches!(
        house.approvals.ask(numbered(MAX_PENDING_OF_ONE)).await,
        Err(ApprovalError::TooManyOfOne { limit: MAX_PENDING_OF_ONE })
    ));
    // The same request again is not a new one, and others are not affected.
    tickets.push(house.approvals.ask(numbered(0)).await.unwrap());
    tickets.push(house.approvals.ask(Ask { principal: "entra:t/other".into(), ..ask() }).await.unwrap());
    drop(tickets.remove(1));
    house.tick(0).await;
    assert!(house.approvals.ask(numbered(MAX_PENDING_OF_ONE)).await.is_ok());
}

#[tokio::test]
async fn lists_filter_and_leave_the_detail_out() {
    let house = House::new().await;
    let ticket = house.approvals.ask(ask()).await.unwrap();
    let (used, _) = house.approved(Ask { digest: "c".repeat(64), ..ask() }).await;
    let used_id = used.id();
    used.redeem().await.unwrap();
    let list = |filter| house.approvals.list(filter);
    let all = list(ApprovalFilter::default()).await.unwrap();
    assert_eq!(all.iter().map(|approval| approval.id).collect::<Vec<_>>(), [used_id, ticket.id()]);
    assert!(all.iter().all(|approval| approval.detail.is_empty()));
    assert_eq!((all[0].decisions.len(), all[0].grant.is_some()), (1, true));
    let pending = ApprovalFilter { state: Some(ApprovalState::Pending), ..ApprovalFilter::default() };
    assert_eq!(list(pending).await.unwrap().len(), 1);
    let nobody = ApprovalFilter { principal: Some("nobody".into()), ..ApprovalFilter::default() };
    assert!(list(nobody).await.unwrap().is_empty());
    let shown = house.approvals.show(ticket.id()).await.unwrap().unwrap();
    assert_eq!((shown.detail, shown.groups, shown.spec), (ask().detail, ask().groups, ask().spec));
    assert!(house.approvals.prune(house.approvals.now_ms() + 10 * MINUTE).await.unwrap() == 1);
    assert!(house.approvals.show(used_id).await.unwrap().is_none());
}

#[tokio::test]
async fn the_stream_tells_each_change_and_no_text_of_the_command() {
    let house = House::new().await;
    let mut changes = house.approvals.subscribe();
    let (ticket, _) = house.approved(ask()).await;
    ticket.redeem().await.unwrap();
    let mut seen = Vec::new();
    while let Ok(change) = changes.try_recv() {
        seen.push(match change {
            Change::Approval(approval) => {
                assert!(approval.detail.is_empty());
                approval.state.to_string()
            }
            Change::Grant(grant) => format!("grant {}", grant.ended_ms.is_none()),
        });
    }
    assert_eq!(seen, ["pending", "grant true", "approved", "used", "grant false"]);
    let trail = house.store.read(|view| view.audit(0, 100)).await.unwrap();
    assert!(!format!("{trail:?}").contains("customers"));
}

#[tokio::test]
async fn of_a_yes_a_no_an_end_and_a_client_that_leaves_at_once_one_decides() {
    let mut ends = BTreeSet::new();
    let house = House::new().await;
    for round in 0..60_u64 {
        let asked = Ask { digest: format!("{round:064}"), ..ask() };
        let ticket = house.approvals.ask(asked).await.unwrap();
        let id = ticket.id();
        let vote = |who: &'static str, approve| {
            let approvals = house.approvals.clone();
            async move { approvals.decide(id, &person(who), approve, "").await.is_ok() }
        };
        let leave = async {
            tokio::task::yield_now().await;
            drop(ticket);
        };
        // A different order each time.
        let (yes, no) = match round % 4 {
            0 => {
                let (yes, no, ()) = tokio::join!(vote("kate", true), vote("lee", false), leave);
                (yes, no)
            }
            1 => {
                let (no, yes, ()) = tokio::join!(vote("lee", false), vote("kate", true), leave);
                (yes, no)
            }
            2 => {
                let ((), yes, no) = tokio::join!(leave, vote("kate", true), vote("lee", false));
                (yes, no)
            }
            _ => {
                leave.await;
                tokio::join!(vote("kate", true), vote("lee", false))
            }
        };
        house.tick(0).await;
        let state = house.state(id).await;
        let expected = match (yes, no) {
            (true, false) => ApprovalState::Approved,
            (false, true) => ApprovalState::Denied,
            (false, false) => ApprovalState::Cancelled,
            (true, true) => panic!("both counted"),
        };
        assert_eq!(state, expected);
        ends.insert(state.as_str());
    }
    assert_eq!(ends.len(), 3, "the race always ended alike: {ends:?}");
}
