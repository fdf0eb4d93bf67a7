//! Tests of who may do what, and of what only a running gateway can do.

use super::*;
use crate::approval::ApproverRoster as _;
use crate::domain::entity::EntityKind;
use crate::domain::id::ApprovalId;
use crate::domain::id::GrantId;
use crate::domain::id::LockId;

fn refused<T>(answer: Result<T, ApiError>) {
    let error = answer.err().unwrap();
    assert_eq!((error.code, error.exit_code), (ErrorCode::Forbidden, 9), "{}", error.message);
    assert!(error.hint.is_some());
}

#[tokio::test]
async fn who_is_not_listed_looks_but_changes_nothing() {
    let rig = Rig::online().await;
    let mallory = rig.user("mallory");
    let everybody = "everybody".parse().unwrap();
    let lock = NewLock { target: everybody, reason: String::new(), for_s: None, unseen: false };
    let value = SecretValue::new(Zeroizing::new("hunter2".to_owned()));
    refused(mallory.apply(shop()).await);
    refused(mallory.apply(Apply { dry_run: true, ..shop() }).await);
    refused(mallory.apply(remove(EntityKind::Connection, "crm")).await);
    refused(mallory.add_lock(lock).await);
    refused(mallory.remove_lock(LockId::new()).await);
    refused(mallory.set_secret("K".to_owned(), value).await);
    refused(mallory.remove_secret("K".to_owned()).await);
    refused(mallory.revoke_grant(GrantId::new()).await);
    refused(mallory.kill_session(SessionId::new(), String::new()).await);
    refused(mallory.place_legal_hold(SessionId::new(), "x".to_owned()).await);
    refused(mallory.lift_legal_hold(SessionId::new(), "x".to_owned()).await);
    refused(mallory.reload().await);
    refused(mallory.refresh_issuer("entra".to_owned()).await);
    for approve in [true, false] {
        let decide = Decide { approve, reason: "ok".to_owned(), digest: None, grant: None };
        refused(mallory.decide_approval(ApprovalId::new(), decide).await);
    }
    let actions: Vec<String> = rig.audit().await.into_iter().map(|(_, action, _)| action).collect();
    let wanted = [
        "connection.put.refused",
        "connection.put.refused",
        "connection.remove.refused",
        "lock.add.refused",
        "lock.remove.refused",
        "secret.set.refused",
        "secret.remove.refused",
        "grant.revoke.refused",
        "session.kill.refused",
        "session.hold.refused",
        "session.release.refused",
        "config.reload.refused",
        "issuer.refresh.refused",
        "approval.approve.refused",
        "approval.deny.refused",
    ];
    assert_eq!(actions, wanted);

    mallory.entities(EntityKind::Policy).await.unwrap();
    mallory.locks().await.unwrap();
    mallory.sessions(SessionFilter::default()).await.unwrap();
    let you = mallory.status().await.unwrap().you.unwrap();
    assert_eq!((you.principal.as_str(), you.manages, you.decides), ("local:mallory", false, false));
}

#[tokio::test]
async fn the_owner_manages_without_groups_and_a_listed_user_by_them() {
    let rig = Rig::online().await;
    rig.owner().apply(shop()).await.unwrap();
    rig.user("carol").apply(remove(EntityKind::Connection, "shop")).await.unwrap();
    let decide = Decide { approve: true, reason: String::new(), digest: None, grant: None };
    refused(rig.owner().decide_approval(ApprovalId::new(), decide).await);
    let you = rig.user("alice").status().await.unwrap().you.unwrap();
    assert_eq!((you.groups, you.manages, you.decides), (vec!["dba".to_owned()], true, true));
    let root = rig.admin.backend(&Peer { uid: 0, user: Some("root".to_owned()) });
    assert!(root.status().await.unwrap().you.unwrap().manages);
}

#[tokio::test]
async fn without_a_gateway_only_the_store_can_be_worked_on() {
    let rig = Rig::offline();
    let alice = rig.user("alice");
    let decide = Decide { approve: true, reason: String::new(), digest: None, grant: None };
    let codes = [
        alice.reload().await.err().unwrap(),
        alice.kill_session(SessionId::new(), String::new()).await.err().unwrap(),
        alice.decide_approval(ApprovalId::new(), decide).await.err().unwrap(),
        alice.wait_approval(ApprovalId::new(), 1).await.err().unwrap(),
        alice.refresh_issuer("x".to_owned()).await.err().unwrap(),
        alice.events(EventFilter::default(), None).await.err().unwrap(),
    ];
    for error in codes {
        assert_eq!((error.code, error.exit_code), (ErrorCode::NotRunning, 7));
    }
    let status = alice.status().await.unwrap();
    assert_eq!((status.running, status.ready, status.counts.connections), (false, false, 1));
    assert!(alice.sessions(SessionFilter::default()).await.unwrap().items.is_empty());
    assert_eq!(alice.session("last".to_owned()).await.unwrap_err().code, ErrorCode::NotFound);
}

#[tokio::test]
async fn the_data_directory_has_one_user_at_a_time() {
    let rig = Rig::offline();
    let error = Admin::offline(config(rig.dir.path())).err().unwrap();
    assert_eq!((error.code, error.exit_code), (ErrorCode::Unavailable, 7));
    assert!(error.message.contains(&std::process::id().to_string()), "{}", error.message);
    let Rig { admin, approvals, store, dir, .. } = rig;
    drop((admin, approvals, store));
    Admin::offline(config(dir.path())).unwrap();
}

#[test]
fn approvers_are_those_the_configuration_lists_now() {
    let dir = tempfile::tempdir().unwrap();
    let swap = Arc::new(ArcSwap::from_pointee(config(dir.path())));
    let may = CurrentApprovers::new(Arc::clone(&swap));
    let dba = ["dba".to_owned()];
    assert!(may.may_decide("local:alice", &dba));
    for (approver, from) in [
        ("local:carol", &dba[..]),
        ("local:alice", &[]),
        ("alice", &dba[..]),
        ("entra:alice", &dba[..]),
        ("local:", &dba[..]),
        ("local:uid/0", &dba[..]),
        ("local:mallory", &dba[..]),
    ] {
        assert!(!may.may_decide(approver, from), "{approver}");
    }
    let mut without = config(dir.path());
    without.admin.local_groups.clear();
    swap.store(Arc::new(without));
    assert!(!may.may_decide("local:alice", &dba));
}
