//! Tests that an approval is used once, by exactly the approved command.

use std::time::Duration;

use super::super::*;
use super::House;
use super::MINUTE;
use super::NOW;
use super::ask;
use super::ask_for;
use super::open;
use super::wanted;
use crate::domain::approval::ApprovalState;
use crate::domain::approval::GrantScope;
use crate::domain::id::GrantId;
use crate::domain::id::SessionId;

#[tokio::test]
async fn an_approved_command_runs_once_and_the_next_is_held_again() {
    let house = House::new().await;
    let (ticket, grant) = house.approved(ask()).await;
    let id = ticket.id();
    let redeemed = ticket.redeem().await.unwrap();
    assert_eq!((redeemed.grant.id, redeemed.approval.state), (grant, ApprovalState::Used));
    assert_eq!(house.state(id).await, ApprovalState::Used);
    assert!(house.approvals.grants(false).await.unwrap().is_empty());
    let again = house.approvals.ask(ask()).await.unwrap();
    assert!(again.id() != id && again.outcome().is_none() && !again.joined());
    for (action, times) in
        [("approval.request", 2), ("approval.approve", 1), ("grant.add", 1), ("grant.use", 1)]
    {
        assert_eq!(house.audited(action).await, times, "{action}");
    }
}

#[tokio::test]
async fn of_a_thousand_redemptions_in_two_gateways_exactly_one_wins() {
    let house = House::new().await;
    let (first, _) = house.approved(ask()).await;
    let id = first.id();
    let (_other_store, other) = open(&house.dir.path().join("data"), &house.former);
    other.recover().await.unwrap();
    let mut tickets = vec![first];
    for number in 0..999 {
        let gateway = if number % 2 == 0 { &house.approvals } else { &other };
        let ticket = gateway.ask(ask()).await.unwrap();
        assert_eq!(ticket.id(), id);
        tickets.push(ticket);
    }
    // Four threads with a runtime each, as in the gateway.
    let mut shares: Vec<Vec<Ticket>> = (0..4).map(|_| Vec::new()).collect();
    for (number, ticket) in tickets.into_iter().enumerate() {
        shares[number % 4].push(ticket);
    }
    let threads: Vec<_> = shares
        .into_iter()
        .map(|share| {
            std::thread::spawn(move || {
                let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
                runtime.block_on(async {
                    let mut tries = tokio::task::JoinSet::new();
                    for ticket in share {
                        tries.spawn(ticket.redeem());
                    }
                    tries.join_all().await
                })
            })
        })
        .collect();
    let results: Vec<_> = threads.into_iter().flat_map(|thread| thread.join().unwrap()).collect();
    assert_eq!(results.len(), 1000);
    assert_eq!(results.iter().filter(|result| result.is_ok()).count(), 1);
    assert!(results.iter().all(|result| matches!(result, Ok(_) | Err(ApprovalError::AlreadyUsed))));
    assert_eq!(house.state(id).await, ApprovalState::Used);
    assert_eq!(house.audited("grant.use").await, 1);
}

/// Changes one thing that an approval is bound to. Returns false if this choice changes nothing.
fn mutate(ask: &mut Ask, field: usize, place: usize) -> bool {
    let before = ask.clone();
    let turn = |text: &mut String| {
        let at = place % text.len();
        let other = if text.as_bytes()[at] == b'0' { "1" } else { "0" };
        text.replace_range(at..=at, other);
    };
    match field {
        0 => turn(&mut ask.digest),
        1 => turn(&mut ask.principal),
        2 => turn(&mut ask.rule),
        3 => {
            let mut name = ask.connection.to_string();
            turn(&mut name);
            ask.connection = name.parse().unwrap();
        }
        4 => turn(&mut ask.spec.from[place % 2]),
        5 => ask.spec.min += 1 + u32::try_from(place).unwrap(),
        6 => ask.spec.timeout_s += 1 + place as u64,
        7 => ask.spec.reason = !ask.spec.reason,
        8 => ask.spec.grant = GrantScope::Window(Duration::from_secs(1 + place as u64)),
        9 => ask.spec.grant = GrantScope::Session,
        10 => ask.digest.make_ascii_uppercase(),
        11 => ask.digest.push('0'),
        12 => drop(ask.principal.pop()),
        13 => drop(ask.spec.from.pop()),
        14 => turn(&mut ask.terms),
        _ => ask.rule.push_str(",more"),
    }
    ask.digest != before.digest
        || ask.principal != before.principal
        || ask.rule != before.rule
        || ask.connection != before.connection
        || ask.spec != before.spec
        || ask.terms != before.terms
}

#[tokio::test]
async fn of_five_hundred_changed_commands_none_passes_on_the_approval() {
    let house = House::new().await;
    let (approved, _) = house.approved(ask()).await;
    let id = approved.id();
    for number in 0..500 {
        let mut changed = ask();
        assert!(mutate(&mut changed, number % 16, number / 16));
        let held = house.approvals.ask(changed.clone()).await.unwrap();
        assert_ne!(held.id(), id, "{number}");
        assert!(held.outcome().is_none(), "{number}");
        // The second check: a ticket that claims the approval with another command.
        let mut forged = house.approvals.ask(ask()).await.unwrap();
        assert_eq!(forged.id(), id);
        forged.slot = changed.slot();
        forged.ask = changed;
        let error = forged.redeem().await.unwrap_err();
        assert!(matches!(error, ApprovalError::Different), "{number}: {error:?}");
        // Its client leaves, to make room for the next.
        drop(held);
    }
    assert_eq!(house.state(id).await, ApprovalState::Approved);
    approved.redeem().await.unwrap();
}

#[tokio::test]
async fn a_session_grant_of_one_session_is_none_of_another() {
    let house = House::new().await;
    let first = ask_for(GrantScope::Session);
    let (ticket, _) = house.approved(first.clone()).await;
    ticket.redeem().await.unwrap();
    assert!(house.approvals.standing_grant(&wanted(&first)).is_some());
    let mut other_command = first.clone();
    other_command.digest = "f".repeat(64);
    let mut passes = house.approvals.ask(other_command.clone()).await.unwrap();
    assert!(matches!(passes.wait(NOW).await, Outcome::Approved { .. }));
    passes.redeem().await.unwrap();
    let other_session = ask_for(GrantScope::Session);
    assert!(house.approvals.standing_grant(&wanted(&other_session)).is_none());
    let mut forged = house.approvals.ask(other_command.clone()).await.unwrap();
    forged.ask.session = other_session.session;
    assert!(matches!(forged.redeem().await, Err(ApprovalError::Different)));
    assert!(house.approvals.ask(other_session).await.unwrap().outcome().is_none());
    house.approvals.end_without_session(|_lives| true).await.unwrap();
    assert!(house.approvals.standing_grant(&wanted(&first)).is_some());
    house.approvals.end_without_session(|session| session != first.session).await.unwrap();
    assert!(house.approvals.standing_grant(&wanted(&first)).is_none());
    assert!(house.approvals.ask(other_command).await.unwrap().outcome().is_none());
}

#[tokio::test]
async fn a_window_grant_covers_its_principal_connection_and_rule_until_its_absolute_end() {
    let house = House::new().await;
    let asked = ask_for(GrantScope::Window(Duration::from_mins(15)));
    let (ticket, _) = house.approved(asked.clone()).await;
    let mut later = asked.clone();
    (later.session, later.digest) = (SessionId::new(), "e".repeat(64));
    assert!(house.approvals.standing_grant(&wanted(&later)).is_some());
    for number in 1..16 {
        let mut changed = later.clone();
        assert!(mutate(&mut changed, number, 7));
        let covered = house.approvals.standing_grant(&wanted(&changed)).is_some();
        // A window does not depend on the digest, but on everything else.
        assert_eq!(covered, matches!(number, 10 | 11), "{number}");
    }
    assert!(house.tick(14 * MINUTE).await.is_empty());
    assert!(house.approvals.standing_grant(&wanted(&later)).is_some());
    // Its end needs no tick.
    house.approvals.shared.clock.raise(house.approvals.now_ms() + MINUTE);
    assert!(house.approvals.standing_grant(&wanted(&later)).is_none());
    // It was not used for its own command, so the approval has ended with it.
    let ended = house.tick(0).await;
    assert_eq!(
        ended.iter().map(|approval| (approval.id, approval.state)).collect::<Vec<_>>(),
        [(ticket.id(), ApprovalState::Expired)]
    );
    assert!(house.approvals.standing_grant(&wanted(&later)).is_none());
    assert!(matches!(ticket.redeem().await, Err(ApprovalError::Expired)));
}

#[tokio::test]
async fn a_revoked_grant_covers_nothing_from_that_moment() {
    let house = House::new().await;
    let asked = ask_for(GrantScope::Window(Duration::from_mins(15)));
    let (ticket, grant) = house.approved(asked.clone()).await;
    let id = ticket.id();
    ticket.redeem().await.unwrap();
    let revoked = house.approvals.revoke(grant, "local:root", "over").await.unwrap();
    assert!(revoked.ended_ms.is_some());
    assert!(house.approvals.standing_grant(&wanted(&asked)).is_none());
    assert!(matches!(house.approvals.revoke(grant, "local:root", "").await, Err(RevokeError::Ended { .. })));
    assert!(matches!(
        house.approvals.revoke(GrantId::new(), "local:root", "").await,
        Err(RevokeError::Missing { .. })
    ));
    assert_eq!(house.state(id).await, ApprovalState::Used);
    // Revoking denies a command that has not run yet.
    let (once, grant) = house.approved(ask()).await;
    let id = once.id();
    house.approvals.revoke(grant, "local:root", "no after all").await.unwrap();
    assert_eq!(house.state(id).await, ApprovalState::Denied);
    assert!(matches!(once.redeem().await, Err(ApprovalError::NotApproved { state: ApprovalState::Denied })));
    let told = house.approvals.ask(ask()).await.unwrap();
    assert_eq!(
        told.outcome(),
        Some(&Outcome::Denied { by: "local:root".into(), reason: "no after all".into() })
    );
    assert_eq!(house.audited("grant.revoke").await, 2);
}
