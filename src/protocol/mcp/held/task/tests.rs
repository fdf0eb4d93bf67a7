//! Tests of the owners, limits and stages of tasks.

use super::*;
use crate::domain::ApprovalId;
use crate::domain::json::Json;
use crate::domain::now_ms;

fn call(principal: &str, digest: &str) -> Call {
    let owner = Owner { principal: principal.into(), issuer: [0; 32], connection: "crm".into() };
    Call { owner, rules: "writes".into(), digest: digest.into(), tool: "pay".into(), mask_tag: "0".into() }
}

fn new(all: &Tasks, principal: &str, digest: &str) -> Work {
    match all.open(call(principal, digest)).unwrap() {
        Opened::New(work) => work,
        Opened::Known(task) => panic!("it is known: {task:?}"),
    }
}

fn told(task: &Task) -> Json {
    let body = wire::told(task, b"\"x\"");
    Json::parse(&body, 64).unwrap().member("result").unwrap().clone()
}

fn status(task: &Task) -> String {
    told(task).member("status").and_then(Json::as_str).unwrap().to_owned()
}

fn answer(rest: &str) -> bytes::Bytes {
    format!(r#"{{"jsonrpc":"2.0","id":1,{rest}}}"#).into()
}

#[test]
fn a_task_is_its_principals_on_its_connection() {
    let all = Tasks::default();
    let work = new(&all, "ann", "a");
    let task = work.task();
    let owner = &task.call.owner;
    assert!(all.of(owner, &task.id).is_some());
    let stranger = Owner { principal: "bob".into(), ..owner.clone() };
    let namesake = Owner { issuer: [1; 32], ..owner.clone() };
    let elsewhere = Owner { connection: "hr".into(), ..owner.clone() };
    for (owner, id) in
        [(&stranger, &*task.id), (&namesake, &*task.id), (&elsewhere, &*task.id), (owner, ""), (owner, "1")]
    {
        assert!(all.of(owner, id).is_none(), "{owner:?} {id}");
    }
    assert_eq!(task.id.len(), 48);
    assert_ne!(task.id, new(&all, "ann", "b").task().id);
}

#[test]
fn it_waits_runs_and_ends_once() {
    let all = Tasks::default();
    let work = new(&all, "ann", "a");
    let task = Arc::clone(work.task());
    let waiting = Waiting {
        approval: ApprovalId::new(),
        rule: "r".into(),
        from: vec!["dba".into()],
        until_ms: now_ms() + 60_000,
    };
    task.waits(&waiting);
    let before = told(&task);
    let said = before.member("statusMessage").and_then(Json::as_str).unwrap();
    assert!(said.contains("by dba") && said.contains(&waiting.approval.to_string()), "{said}");
    let ttl = before.member("ttlMs").and_then(Json::as_i64).unwrap();
    assert!((650_000..=660_000).contains(&ttl), "{ttl}: until it is over, and ten minutes");
    assert_eq!(before.member("status").and_then(Json::as_str), Some("working"));
    assert!(work.begins() && !work.begins(), "it is sent once");
    task.waits(&waiting);
    assert_ne!(told(&task).member("statusMessage").and_then(Json::as_str), Some(said), "late news");
    work.tells(&r#"{"jsonrpc":"2.0","method":"notifications/progress","params":{"progressToken":1,"progress":1,"message":"half"}}"#.into());
    assert_eq!(told(&task).member("statusMessage").and_then(Json::as_str), Some("half"));
    work.ends(&answer(r#""result":{"content":[],"n":1.10}"#));
    work.ends(&answer(r#""result":{"content":["again"]}"#));
    drop(work);
    let over = told(&task);
    assert_eq!(over.member("status").and_then(Json::as_str), Some("completed"));
    assert_eq!(over.member("result").unwrap().to_string(), r#"{"content":[],"n":1.10}"#);
    assert!(over.member("error").is_none());
}

#[tokio::test]
async fn what_was_taken_back_is_not_sent() {
    let all = Tasks::default();
    let work = new(&all, "ann", "a");
    let task = Arc::clone(work.task());
    task.cancel();
    assert_eq!(status(&task), "cancelled");
    work.cancelled().await;
    assert!(!work.begins());
    work.ends(&answer(r#""result":{}"#));
    assert_eq!(status(&task), "cancelled");
    // A running task ends as usual, whatever the result.
    let work = new(&all, "ann", "a");
    let task = Arc::clone(work.task());
    assert!(work.begins());
    task.cancel();
    work.cancelled().await;
    assert_eq!(status(&task), "working");
    work.ends(&answer(r#""error":{"code":1,"message":"no"}"#));
    assert_eq!(status(&task), "failed");
    assert_eq!(told(&task).member("error").unwrap().to_string(), r#"{"code":1,"message":"no"}"#);
    // If it was cut off for that, it is cancelled; if its work was lost, it has failed.
    for (cancel, end) in [(true, "cancelled"), (false, "failed")] {
        let work = new(&all, "ann", end);
        let task = Arc::clone(work.task());
        assert!(work.begins());
        if cancel {
            task.cancel();
        }
        drop(work);
        assert_eq!(status(&task), end);
    }
}

#[test]
fn the_same_call_finds_its_task_until_its_end_was_heard() {
    let all = Tasks::default();
    let known = |principal: &str, digest: &str| match all.open(call(principal, digest)).unwrap() {
        Opened::Known(task) => Some(task.id.clone()),
        Opened::New(_) => None,
    };
    let work = new(&all, "ann", "a");
    let task = Arc::clone(work.task());
    assert_eq!(known("ann", "a").as_ref(), Some(&task.id));
    assert_eq!(known("bob", "a"), None);
    assert_eq!(known("ann", "b"), None);
    task.heard();
    assert_eq!(known("ann", "a").as_ref(), Some(&task.id), "there is no end to be heard");
    work.ends(&answer(r#""result":{}"#));
    assert_eq!(known("ann", "a").as_ref(), Some(&task.id));
    task.heard();
    assert_eq!(known("ann", "a"), None);
    let work = new(&all, "ann", "c");
    work.task().cancel();
    assert_eq!(known("ann", "c"), None);
}

#[test]
fn one_principal_has_so_many_and_what_it_had_makes_room() {
    let all = Tasks::default();
    let works: Vec<Work> = (0..MOST_OF_ONE).map(|number| new(&all, "ann", &number.to_string())).collect();
    let full = |all: &Tasks| {
        let opened = all.open(call("ann", "another"));
        opened.is_err_and(|denied| denied.code == DenyCode::LimitExceeded)
    };
    assert!(full(&all));
    drop(new(&all, "bob", "a"));
    works[0].ends(&answer(r#""result":{}"#));
    assert!(full(&all), "its client has not had it");
    works[0].task().heard();
    let more = new(&all, "ann", "more");
    assert!(all.of(&more.task().call.owner, &works[0].task().id).is_none());
    assert!(full(&all));
}

#[test]
fn a_result_without_room_is_not_kept_and_said_to_be_done() {
    let all = Tasks::default();
    let result = |principal: &str| {
        let work = new(&all, principal, "a");
        assert!(work.begins());
        work.ends(&answer(r#""result":{"text":"something"}"#));
        Arc::clone(work.task())
    };
    let filling = new(&all, "ann", "b");
    filling.task().life().end(Instant::now(), End::Completed(vec![b'x'; SHARE - 10].into()));
    let refused = told(&result("ann"));
    assert_eq!(refused.member("status").and_then(Json::as_str), Some("failed"));
    let words = refused.member("error").unwrap().member("message").and_then(Json::as_str).unwrap();
    assert!(words.starts_with("This was done"), "{words}");
    assert_eq!(status(&result("bob")), "completed");
    for other in ["c", "d", "e", "f"] {
        let filling = new(&all, other, "b");
        filling.task().life().end(Instant::now(), End::Completed(vec![b'x'; SHARE - 20].into()));
    }
    assert_eq!(status(&result("dan")), "failed", "there is no room left for anybody");
}

#[test]
fn a_task_that_the_target_made_its_own_is_known_by_its_id() {
    let all = Tasks::default();
    let work = new(&all, "ann", "a");
    assert!(work.begins() && work.task().theirs().is_none());
    work.ends(&answer(r#""result":{"resultType":"task","taskId":"t","status":"working"}"#));
    assert_eq!(work.task().theirs().as_deref(), Some("t"));
}

#[test]
fn what_is_past_is_forgotten() {
    let all = Tasks::default();
    let work = new(&all, "ann", "a");
    let task = Arc::clone(work.task());
    work.ends(&answer(r#""result":{}"#));
    task.life().until = Some(Instant::now());
    assert!(all.of(&task.call.owner, &task.id).is_none());
    new(&all, "ann", "a");
    assert_eq!(lock(&all.0).len(), 1);
}
