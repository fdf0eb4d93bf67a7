//! Tests of approvals, grants and their live stream.

use std::time::Duration;

use super::*;
use crate::approval::Ask;
use crate::domain::approval::ApprovalSpec;
use crate::domain::approval::ApprovalState;
use crate::domain::approval::GrantScope;
use crate::domain::id::RequestId;

pub(super) fn ask(principal: &str, digest: &str, grant: GrantScope) -> Ask {
    Ask {
        principal: principal.to_owned(),
        label: "etl".to_owned(),
        kind: Kind::App,
        groups: vec!["etl".to_owned()],
        source: "10.0.0.1".to_owned(),
        connection: "crm".parse().unwrap(),
        session: SessionId::new(),
        session_end_ms: i64::MAX,
        request: RequestId::new(),
        rule: "etl-writes".to_owned(),
        terms: "a".repeat(64),
        spec: ApprovalSpec { from: vec!["dba".to_owned()], min: 1, timeout_s: 600, reason: true, grant },
        digest: digest.repeat(64),
        class: crate::domain::command::Class::Write,
        summary: "PATCH /customers/7".to_owned(),
        detail: "PATCH /customers/7\n\n{}".to_owned(),
        truncated: false,
        reason: String::new(),
        revision: 1,
    }
}

pub(super) fn yes(reason: &str) -> Decide {
    Decide { approve: true, reason: reason.to_owned(), digest: None, grant: None }
}

#[tokio::test]
async fn only_a_person_of_the_right_group_decides_and_never_the_requester() {
    let rig = Rig::online().await;
    let held = rig.approvals.ask(ask("entra/etl", "a", GrantScope::Once)).await.unwrap();
    let own = rig.approvals.ask(ask("local:alice", "b", GrantScope::Once)).await.unwrap();
    let code = |answer: Result<crate::domain::Approval, ApiError>| answer.unwrap_err().code;
    for (user, id, decide, wanted) in [
        ("mallory", held.id(), yes("ok"), ErrorCode::Forbidden),
        ("carol", held.id(), yes("ok"), ErrorCode::Forbidden),
        ("alice", own.id(), yes("ok"), ErrorCode::Forbidden),
        ("alice", held.id(), yes(""), ErrorCode::BadRequest),
        ("alice", crate::domain::ApprovalId::new(), yes("ok"), ErrorCode::NotFound),
        ("alice", held.id(), Decide { digest: Some("b".repeat(64)), ..yes("ok") }, ErrorCode::Conflict),
    ] {
        assert_eq!(code(rig.user(user).decide_approval(id, decide).await), wanted, "{user}");
    }
    let decide = Decide { digest: Some("a".repeat(64)), ..yes("INC-1") };
    let approved = rig.user("alice").decide_approval(held.id(), decide).await.unwrap();
    assert_eq!((approved.state, approved.decisions[0].by.as_str()), (ApprovalState::Approved, "local:alice"));
    assert_eq!(code(rig.user("alice").decide_approval(held.id(), yes("again")).await), ErrorCode::Conflict);
    let refused: Vec<_> =
        rig.audit().await.into_iter().filter(|(_, action, _)| action.ends_with(".refused")).collect();
    let wanted = [("local:mallory", held.id()), ("local:carol", held.id()), ("local:alice", own.id())];
    assert_eq!(refused, wanted.map(|(who, id)| entry(who, "approval.approve.refused", &id.to_string())));
}

#[tokio::test]
async fn a_wait_ends_with_the_decision_or_with_its_time() {
    let rig = Rig::online().await;
    let held = rig.approvals.ask(ask("entra/etl", "a", GrantScope::Once)).await.unwrap();
    let id = held.id();
    let mallory = rig.user("mallory");
    assert_eq!(mallory.wait_approval(id, 0).await.unwrap().state, ApprovalState::Pending);
    let waiting = tokio::spawn(async move { mallory.wait_approval(id, 60).await });
    tokio::time::sleep(Duration::from_millis(50)).await;
    let no = Decide { approve: false, reason: "not today".to_owned(), digest: None, grant: None };
    rig.user("alice").decide_approval(id, no).await.unwrap();
    let ended = tokio::time::timeout(Duration::from_secs(20), waiting).await.unwrap().unwrap().unwrap();
    assert_eq!((ended.state, ended.decisions[0].reason.as_str()), (ApprovalState::Denied, "not today"));
    let filter = ApprovalFilter { state: Some(ApprovalState::Denied), ..Default::default() };
    assert_eq!(rig.user("mallory").approvals(filter).await.unwrap().items.len(), 1);
}

#[tokio::test]
async fn a_grant_is_listed_and_taken_back_once() {
    let rig = Rig::online().await;
    let scope = GrantScope::Window(Duration::from_mins(10));
    let held = rig.approvals.ask(ask("entra/etl", "a", scope)).await.unwrap();
    rig.user("alice").decide_approval(held.id(), yes("ok")).await.unwrap();
    let owner = rig.owner();
    let grants = owner.grants(GrantFilter::default()).await.unwrap().items;
    assert_eq!(grants.len(), 1);
    let none = GrantFilter { principal: Some("other".to_owned()), ..Default::default() };
    assert!(owner.grants(none).await.unwrap().items.is_empty());
    assert!(owner.revoke_grant(grants[0].id).await.unwrap().ended_ms.is_some());
    assert_eq!(owner.revoke_grant(grants[0].id).await.unwrap_err().code, ErrorCode::Conflict);
    assert!(owner.grants(GrantFilter::default()).await.unwrap().items.is_empty());
    let ended = GrantFilter { ended: Some(true), ..Default::default() };
    assert_eq!(owner.grants(ended).await.unwrap().items.len(), 1);
}

async fn next(stream: &mut Box<dyn EventSource>) -> LiveEvent {
    tokio::time::timeout(Duration::from_secs(20), stream.next()).await.unwrap().unwrap().unwrap()
}

#[tokio::test]
async fn the_stream_tells_of_approvals_changes_and_sessions_and_is_taken_up_again() {
    let rig = Rig::online().await;
    let mut stream = rig.user("mallory").events(EventFilter::default(), None).await.unwrap();
    let held = rig.approvals.ask(ask("entra/etl", "a", GrantScope::Once)).await.unwrap();
    let asked = next(&mut stream).await;
    assert_eq!(asked.topic, Topic::Approval);
    let approval: crate::domain::Approval = serde_json::from_str(&asked.data).unwrap();
    assert_eq!((approval.id, approval.state), (held.id(), ApprovalState::Pending));
    drop(stream);
    rig.owner().apply(shop()).await.unwrap();
    let mut again = rig.user("mallory").events(EventFilter::default(), Some(asked.id)).await.unwrap();
    let change = next(&mut again).await;
    let revision = rig.store.read(View::revision).await.unwrap();
    assert_eq!((change.topic, change.data), (Topic::Change, format!("{{\"revision\":{revision}}}")));

    let session = SessionId::new();
    recordings::begin(rig.journal.as_ref().unwrap(), session).await;
    let begun = next(&mut again).await;
    assert_eq!(begun.topic, Topic::Session);
    assert!(begun.data.contains(&session.to_string()) && begun.data.contains("session.start"));
    assert!(next(&mut again).await.data.contains("http.request"));
    recordings::deny(rig.journal.as_ref().unwrap(), session).await;
    let (event, denied) = (next(&mut again).await, next(&mut again).await);
    assert_eq!((event.topic, denied.topic), (Topic::Session, Topic::Denied));
    assert_eq!(event.data, denied.data);
    rig.admin.stop_events();
    assert_eq!(next(&mut again).await.topic, Topic::End);
}
