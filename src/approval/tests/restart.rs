//! Tests of a gateway that stops or is killed, and of a clock that is set back.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::Mutex;
use std::time::Duration;

use tempfile::TempDir;

use super::super::*;
use super::House;
use super::MINUTE;
use super::SOON;
use super::ask;
use super::ask_for;
use super::open;
use super::wanted;
use crate::domain::approval::ApprovalState;
use crate::domain::approval::GrantScope;
use crate::store::StoreError;

#[tokio::test]
async fn the_store_itself_moves_an_approval_from_the_right_state_only() {
    let house = House::new().await;
    for state in ApprovalState::ALL {
        let ticket = house.approvals.ask(Ask { digest: format!("{state:x<64}"), ..ask() }).await.unwrap();
        let (id, asked, slot) = (ticket.id(), ticket.ask.clone(), ticket.slot.clone());
        let later = house.approvals.now_ms() + MINUTE;
        let (approves, approves_late, uses, uses_late) = house
            .store
            .call(move |db| {
                db.change(|change| change.end_approval(id, ApprovalState::Pending, state, true, 0))?;
                // Each in a transaction that is rolled back, so that they do not affect each other.
                let attempt = |db: &mut crate::store::Db, use_it: bool, now_ms: i64| {
                    let mut moved = None;
                    let undone: Result<(), StoreError> = db.change(|change| {
                        moved = Some(if use_it {
                            change.use_approval(id, &asked.same(&slot), now_ms)?
                        } else {
                            change.approve(id, later, now_ms)?
                        });
                        Err(StoreError::Stopped)
                    });
                    assert!(undone.is_err());
                    moved.unwrap()
                };
                let far = i64::MAX;
                Ok((
                    attempt(db, false, 0),
                    attempt(db, false, far),
                    attempt(db, true, 0),
                    attempt(db, true, far),
                ))
            })
            .await
            .unwrap();
        assert_eq!((approves, approves_late), (state == ApprovalState::Pending, false), "{state}");
        assert_eq!((uses, uses_late), (state == ApprovalState::Approved, false), "{state}");
    }
}

#[tokio::test]
async fn a_stopping_gateway_stops_what_waits_and_takes_nothing_more() {
    let house = House::new().await;
    let mut waiting = house.approvals.ask(ask()).await.unwrap();
    let mut other = ask();
    other.digest = "b".repeat(64);
    let (approved, _) = house.approved(other.clone()).await;
    let waits = tokio::spawn(async move { (waiting.wait(SOON).await, waiting.id()) });
    let stopped = house.approvals.stop_all().await.unwrap();
    let (outcome, id) = waits.await.unwrap();
    assert_eq!(outcome, Outcome::Stopped);
    assert_eq!(
        stopped.iter().map(|approval| (approval.id, approval.state)).collect::<Vec<_>>(),
        [(id, ApprovalState::Stopped)]
    );
    assert!(matches!(house.approvals.ask(ask()).await, Err(ApprovalError::NotOpen)));
    drop(approved);
    let (house, ended) = house.restarted().await;
    assert!(ended.is_empty());
    // A command that was approved before the stop may still run, once.
    house.approvals.ask(other.clone()).await.unwrap().redeem().await.unwrap();
    assert!(house.approvals.ask(other).await.unwrap().outcome().is_none());
}

#[tokio::test]
async fn after_a_kill_what_waited_is_stopped_and_session_grants_are_gone() {
    let house = House::new().await;
    let pending = house.approvals.ask(ask()).await.unwrap();
    let session = ask_for(GrantScope::Session);
    let window = ask_for(GrantScope::Window(Duration::from_mins(15)));
    let (session_ticket, _) = house.approved(session.clone()).await;
    let (window_ticket, _) = house.approved(window.clone()).await;
    let ids = (pending.id(), session_ticket.id());
    // A kill drops nothing: the tickets live until the files are copied.
    let copy = tempfile::tempdir().unwrap();
    let dir = copy.path().join("data");
    crate::store::private_folder(&dir).unwrap();
    for name in ["hoopctl.db", "hoopctl.db-wal"] {
        std::fs::copy(house.dir.path().join("data").join(name), dir.join(name)).unwrap();
    }
    drop((pending, session_ticket, window_ticket));
    let (_store, killed) = open(&dir, &house.former);
    assert!(matches!(killed.ask(ask()).await, Err(ApprovalError::NotOpen)));
    let ended = killed.recover().await.unwrap();
    assert_eq!(ended.iter().map(|approval| approval.id).collect::<BTreeSet<_>>().len(), 2);
    assert_eq!(killed.show(ids.0).await.unwrap().unwrap().state, ApprovalState::Stopped);
    assert_eq!(killed.show(ids.1).await.unwrap().unwrap().state, ApprovalState::Expired);
    assert!(killed.standing_grant(&wanted(&session)).is_none());
    assert!(killed.standing_grant(&wanted(&window)).is_some());
    assert!(killed.recover().await.unwrap().is_empty());
}

#[tokio::test]
async fn a_kill_anywhere_around_a_redemption_lets_it_pass_at_most_once() {
    for _ in 0..10 {
        let house = House::new().await;
        let (ticket, _) = house.approved(ask()).await;
        let data = house.dir.path().join("data");
        let copies: Arc<Mutex<Vec<TempDir>>> = Arc::default();
        let kept = Arc::clone(&copies);
        // Copies of the files at many moments: before, during and after.
        let killer = std::thread::spawn(move || {
            for _ in 0..12 {
                let copy = tempfile::tempdir().unwrap();
                let dir = copy.path().join("data");
                crate::store::private_folder(&dir).unwrap();
                for name in ["hoopctl.db", "hoopctl.db-wal"] {
                    std::fs::copy(data.join(name), dir.join(name)).unwrap();
                }
                kept.lock().unwrap().push(copy);
            }
        });
        let sent_before = ticket.redeem().await.is_ok();
        assert!(sent_before);
        killer.join().unwrap();
        let after = tempfile::tempdir().unwrap();
        let dir = after.path().join("data");
        crate::store::private_folder(&dir).unwrap();
        for name in ["hoopctl.db", "hoopctl.db-wal"] {
            std::fs::copy(house.dir.path().join("data").join(name), dir.join(name)).unwrap();
        }
        // It was acknowledged, so no restart may let it pass again.
        let (_store, restarted) = open(&dir, &house.former);
        restarted.recover().await.unwrap();
        assert!(restarted.ask(ask()).await.unwrap().outcome().is_none());
        // Killed at another moment: it passes at most once, however often it is asked for.
        let copies = std::mem::take(&mut *copies.lock().unwrap());
        for copy in &copies {
            let (_store, killed) = open(&copy.path().join("data"), &house.former);
            killed.recover().await.unwrap();
            let mut passed = 0;
            for _ in 0..3 {
                let ticket = killed.ask(ask()).await.unwrap();
                if ticket.outcome().is_some() && ticket.redeem().await.is_ok() {
                    passed += 1;
                }
            }
            assert!(passed <= 1);
        }
    }
}

#[tokio::test]
async fn a_clock_that_is_set_back_brings_nothing_back() {
    let house = House::new().await;
    let asked = ask_for(GrantScope::Window(Duration::from_mins(15)));
    let (ticket, _) = house.approved(asked.clone()).await;
    ticket.redeem().await.unwrap();
    house.tick(16 * MINUTE).await;
    // Something happens at that time, so that the store knows it.
    drop(house.approvals.ask(ask()).await.unwrap());
    assert!(house.approvals.tick(0).await.is_ok());
    assert!(house.approvals.standing_grant(&wanted(&asked)).is_none());
    let (house, _) = house.restarted().await;
    assert!(house.approvals.now_ms() >= crate::domain::now_ms() + 15 * MINUTE);
    assert!(house.approvals.standing_grant(&wanted(&asked)).is_none());
    assert!(house.approvals.grants(false).await.unwrap().is_empty());
}

#[tokio::test]
async fn what_was_given_on_other_terms_ends_and_so_does_what_an_older_gateway_gave() {
    let house = House::new().await;
    let asked = ask_for(GrantScope::Window(Duration::from_mins(15)));
    let mut old = ask_for(GrantScope::Window(Duration::from_mins(20)));
    (old.digest, old.terms) = ("c".repeat(64), String::new());
    let (ticket, _) = house.approved(asked.clone()).await;
    house.approved(old.clone()).await.0.redeem().await.unwrap();
    ticket.redeem().await.unwrap();
    assert!(house.approvals.standing_grant(&wanted(&old)).is_some());
    let (house, _ended) = house.restarted().await;
    assert!(house.approvals.standing_grant(&wanted(&old)).is_none());
    house.approvals.end_outdated(|_grant| true).await.unwrap();
    assert!(house.approvals.standing_grant(&wanted(&asked)).is_some());
    house.approvals.end_outdated(|grant| grant.terms != "a".repeat(64)).await.unwrap();
    assert!(house.approvals.standing_grant(&wanted(&asked)).is_none());
    assert!(house.approvals.grants(false).await.unwrap().is_empty());
    let ended = house.approvals.grants(true).await.unwrap();
    assert!(ended.iter().all(|grant| grant.ended_ms.is_some()) && ended.len() == 2, "{ended:?}");
}
