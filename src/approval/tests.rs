//! Approvals as a whole: bindings, ends, races, restarts, and who may not.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;
use std::sync::Mutex;
use std::time::Duration;

use proptest::prelude::*;
use tempfile::TempDir;

use super::*;
use crate::domain::approval::Approval;
use crate::domain::approval::ApprovalSpec;
use crate::domain::approval::ApprovalState;
use crate::domain::approval::GrantScope;
use crate::domain::command::Class;
use crate::domain::id::ApprovalId;
use crate::domain::id::GrantId;
use crate::domain::id::RequestId;
use crate::domain::id::SessionId;
use crate::domain::json::Json;
use crate::domain::principal::Groups;
use crate::domain::principal::Kind;
use crate::domain::principal::Principal;
use crate::store::ApprovalFilter;
use crate::store::Store;
use crate::store::StoreError;
use crate::store::View;

mod scope;

const NOW: Duration = Duration::ZERO;
const SOON: Duration = Duration::from_secs(20);
const MINUTE: i64 = 60_000;

/// Who has lost the right to decide.
type Former = Arc<Mutex<BTreeSet<String>>>;

struct House {
    dir: TempDir,
    store: Store,
    approvals: Approvals,
    former: Former,
}

impl House {
    async fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let former = Former::default();
        let (store, approvals) = open(&dir.path().join("data"), &former);
        assert!(approvals.recover().await.unwrap().is_empty());
        Self { dir, store, approvals, former }
    }

    /// The same data directory after the gateway was killed and started again.
    async fn restarted(self) -> (Self, Vec<Approval>) {
        let Self { dir, store, approvals, former } = self;
        drop((store, approvals));
        let (store, approvals) = open(&dir.path().join("data"), &former);
        let ended = approvals.recover().await.unwrap();
        (Self { dir, store, approvals, former }, ended)
    }

    async fn state(&self, id: ApprovalId) -> ApprovalState {
        self.approvals.show(id).await.unwrap().unwrap().state
    }

    async fn decide(&self, id: ApprovalId, who: &str, approve: bool) -> Result<Approval, DecideError> {
        self.approvals.decide(id, &person(who), approve, "").await
    }

    /// An approved ticket, and its grant.
    async fn approved(&self, ask: Ask) -> (Ticket, GrantId) {
        let mut ticket = self.approvals.ask(ask).await.unwrap();
        let grant = self.decide(ticket.id(), "kate", true).await.unwrap().grant.unwrap();
        assert_eq!(ticket.wait(SOON).await, Outcome::Approved { approval: ticket.id(), grant });
        (ticket, grant)
    }

    async fn tick(&self, in_ms: i64) -> Vec<Approval> {
        self.approvals.tick(self.approvals.now_ms() + in_ms).await.unwrap()
    }

    /// Whether the audit trail is whole, and how often an action is in it.
    async fn audited(&self, action: &'static str) -> usize {
        assert_eq!(self.store.read(View::verify_audit).await.unwrap().broken, None);
        let trail = self.store.read(|view| view.audit(0, u32::MAX)).await.unwrap();
        trail.iter().filter(|entry| entry.action == action).count()
    }
}

fn open(dir: &Path, former: &Former) -> (Store, Approvals) {
    let store = Store::open(dir).unwrap();
    let former = Arc::clone(former);
    let electorate = move |who: &str, _from: &[String]| !former.lock().unwrap().contains(who);
    (store.clone(), Approvals::new(store, Arc::new(electorate)))
}

fn person(name: &str) -> Principal {
    principal(&format!("local:{name}"), Kind::Human, ["dba"].into_iter().collect())
}

fn principal(id: &str, kind: Kind, groups: Groups) -> Principal {
    Principal {
        id: id.into(),
        kind,
        issuer: "local".into(),
        client: None,
        display: None,
        groups,
        claims: Json::Object(Vec::new()),
    }
}

fn ask() -> Ask {
    Ask {
        principal: "entra:t/etl".into(),
        label: "etl".into(),
        kind: Kind::App,
        groups: vec!["etl".into()],
        source: "10.2.0.14".into(),
        connection: "crm".parse().unwrap(),
        session: SessionId::new(),
        session_end_ms: crate::store::now_ms() + 60 * MINUTE,
        request: RequestId::new(),
        rule: "etl-writes".into(),
        spec: ApprovalSpec {
            from: vec!["dba".into(), "lead".into()],
            min: 1,
            timeout_s: 600,
            reason: false,
            grant: GrantScope::Once,
        },
        digest: "0123456789abcdef".repeat(4),
        class: Class::Write,
        summary: "PATCH /customers/8".into(),
        detail: "PATCH /customers/8 HTTP/1.1\r\n\r\n{}".into(),
        truncated: false,
        reason: String::new(),
        revision: 3,
    }
}

fn ask_for(grant: GrantScope) -> Ask {
    let mut ask = ask();
    ask.spec.grant = grant;
    ask
}

fn wanted(ask: &Ask) -> Wanted<'_> {
    Wanted {
        principal: &ask.principal,
        connection: &ask.connection,
        rule: &ask.rule,
        spec: &ask.spec,
        session: ask.session,
    }
}

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
    assert!(again.id() != id && again.settled().is_none() && !again.joined());
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

/// Changes one thing that an approval is bound to. `false`: this choice changes nothing.
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
        _ => ask.rule.push_str(",more"),
    }
    ask.digest != before.digest
        || ask.principal != before.principal
        || ask.rule != before.rule
        || ask.connection != before.connection
        || ask.spec != before.spec
}

#[tokio::test]
async fn of_five_hundred_changed_commands_none_passes_on_the_approval() {
    let house = House::new().await;
    let (approved, _) = house.approved(ask()).await;
    let id = approved.id();
    for number in 0..500 {
        let mut changed = ask();
        assert!(mutate(&mut changed, number % 15, number / 15));
        let held = house.approvals.ask(changed.clone()).await.unwrap();
        assert_ne!(held.id(), id, "{number}");
        assert!(held.settled().is_none(), "{number}");
        // And past the first gate: a ticket that claims the approval with another command.
        let mut forged = house.approvals.ask(ask()).await.unwrap();
        assert_eq!(forged.id(), id);
        forged.slot = changed.slot();
        forged.ask = changed;
        let error = forged.redeem().await.unwrap_err();
        assert!(matches!(error, ApprovalError::Different), "{number}: {error:?}");
        // Its client goes away: room for the next.
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
    assert!(house.approvals.ask(other_session).await.unwrap().settled().is_none());
    house.approvals.session_ended(first.session).await.unwrap();
    assert!(house.approvals.standing_grant(&wanted(&first)).is_none());
    assert!(house.approvals.ask(other_command).await.unwrap().settled().is_none());
}

#[tokio::test]
async fn a_window_grant_covers_its_principal_connection_and_rule_until_its_absolute_end() {
    let house = House::new().await;
    let asked = ask_for(GrantScope::Window(Duration::from_mins(15)));
    let (ticket, _) = house.approved(asked.clone()).await;
    let mut later = asked.clone();
    (later.session, later.digest) = (SessionId::new(), "e".repeat(64));
    assert!(house.approvals.standing_grant(&wanted(&later)).is_some());
    for number in 1..15 {
        let mut changed = later.clone();
        assert!(mutate(&mut changed, number, 7));
        let covered = house.approvals.standing_grant(&wanted(&changed)).is_some();
        // The digest is not part of a window; everything else is.
        assert_eq!(covered, matches!(number, 10 | 11), "{number}");
    }
    assert!(house.tick(14 * MINUTE).await.is_empty());
    assert!(house.approvals.standing_grant(&wanted(&later)).is_some());
    // Its end needs no tick.
    house.approvals.shared.clock.raise(house.approvals.now_ms() + MINUTE);
    assert!(house.approvals.standing_grant(&wanted(&later)).is_none());
    // Nobody used it for the command it was asked for: that one is over with it.
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
    // One that has not run yet is denied by it.
    let (once, grant) = house.approved(ask()).await;
    let id = once.id();
    house.approvals.revoke(grant, "local:root", "no after all").await.unwrap();
    assert_eq!(house.state(id).await, ApprovalState::Denied);
    assert!(matches!(once.redeem().await, Err(ApprovalError::NotApproved { state: ApprovalState::Denied })));
    let told = house.approvals.ask(ask()).await.unwrap();
    assert_eq!(
        told.settled(),
        Some(&Outcome::Denied { by: "local:root".into(), reason: "no after all".into() })
    );
    assert_eq!(house.audited("grant.revoke").await, 2);
}

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
        let long = "x".repeat(MAX_REASON + 1);
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
    // Also of one who said yes before.
    let mut vetoed = house.approvals.ask(asked.clone()).await.unwrap();
    for (who, approve) in [("kate", true), ("lee", true), ("kate", false)] {
        house.decide(vetoed.id(), who, approve).await.unwrap();
    }
    assert_eq!(vetoed.wait(SOON).await, Outcome::Denied { by: "local:kate".into(), reason: String::new() });
    // A policy that wants nobody still wants one.
    (asked.spec.min, asked.digest) = (0, "d".repeat(64));
    let ticket = house.approvals.ask(asked.clone()).await.unwrap();
    assert!(ticket.settled().is_none());
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
    assert!(again.settled().is_none());
    house.decide(again.id(), "lee", true).await.unwrap();
    again.redeem().await.unwrap();
}

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
        assert!(matches!(back.settled(), Some(Outcome::Approved { .. })));
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
    // It comes back, and then goes away in the middle of its wait.
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
    // The join is in the queue when the other leaves, and its cancelling comes after.
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
                // Each in a change of its own that is given up, so that none sees another's.
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
        assert!(new.id() != id && new.settled().is_none());
        drop(new);
        house.tick(0).await;
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
    // What was approved before the stop may still run, once.
    house.approvals.ask(other.clone()).await.unwrap().redeem().await.unwrap();
    assert!(house.approvals.ask(other).await.unwrap().settled().is_none());
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
        // The files as they are at many moments: before, during and after.
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
        // Acknowledged, so no restart may let it pass again.
        let (_store, restarted) = open(&dir, &house.former);
        restarted.recover().await.unwrap();
        assert!(restarted.ask(ask()).await.unwrap().settled().is_none());
        // Killed at another moment: it passes once at most, however often it is asked.
        let copies = std::mem::take(&mut *copies.lock().unwrap());
        for copy in &copies {
            let (_store, killed) = open(&copy.path().join("data"), &house.former);
            killed.recover().await.unwrap();
            let mut passed = 0;
            for _ in 0..3 {
                let ticket = killed.ask(ask()).await.unwrap();
                if ticket.settled().is_some() && ticket.redeem().await.is_ok() {
                    passed += 1;
                }
            }
            assert!(passed <= 1);
        }
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
    // The same one again is no new one, and others are not affected.
    tickets.push(house.approvals.ask(numbered(0)).await.unwrap());
    tickets.push(house.approvals.ask(Ask { principal: "entra:t/other".into(), ..ask() }).await.unwrap());
    drop(tickets.remove(1));
    house.tick(0).await;
    assert!(house.approvals.ask(numbered(MAX_PENDING_OF_ONE)).await.is_ok());
}

#[tokio::test]
async fn a_clock_that_is_set_back_brings_nothing_back() {
    let house = House::new().await;
    let asked = ask_for(GrantScope::Window(Duration::from_mins(15)));
    let (ticket, _) = house.approved(asked.clone()).await;
    ticket.redeem().await.unwrap();
    house.tick(16 * MINUTE).await;
    // Something happens at that time, so the store knows it.
    drop(house.approvals.ask(ask()).await.unwrap());
    assert!(house.approvals.tick(0).await.is_ok());
    assert!(house.approvals.standing_grant(&wanted(&asked)).is_none());
    let (house, _) = house.restarted().await;
    assert!(house.approvals.now_ms() >= crate::store::now_ms() + 15 * MINUTE);
    assert!(house.approvals.standing_grant(&wanted(&asked)).is_none());
    assert!(house.approvals.grants(false).await.unwrap().is_empty());
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

/// One thing that may happen to an approval.
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

/// Does the steps, and checks after each that states only move along the edges of the diagram in `mod.rs`, and that no
/// approval passes two commands or one that too few people approved.
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
        // Another first each time.
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
