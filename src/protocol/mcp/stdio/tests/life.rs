//! How child processes begin and end.

use std::sync::Arc;
use std::time::Duration;
use std::time::Instant;

use serde_json::json;

use super::*;
use crate::domain::DenyCode;
use crate::domain::SessionId;
use crate::protocol::mcp::duplex::Solo;
use crate::protocol::mcp::stdio::child::loggable;

async fn started(programs: &Programs, spec: Spec) -> Arc<Solo> {
    programs.begin(spec, SessionId::new()).await.unwrap()
}

#[tokio::test]
async fn a_child_ends_when_its_input_is_closed_and_when_its_session_is_dropped() {
    let (programs, folder) = (Programs::default(), tempfile::tempdir().unwrap());
    let solo = started(&programs, spec(&folder, "x")).await;
    let pid = said(&mut solo.ask(&request(&json!(1), "env", json!({})), SILENCE, SILENCE).await.unwrap())
        .await["result"]["pid"]
        .clone();
    assert!(runs(&pid));
    let began = Instant::now();
    drop(solo);
    all_end(&programs, Duration::from_secs(2)).await;
    assert!(began.elapsed() < Duration::from_secs(2), "it was not to be told twice");
    assert!(!runs(&pid));
}

#[tokio::test]
async fn one_that_ignores_all_is_killed_with_what_it_started() {
    let (programs, folder) = (Programs::default(), tempfile::tempdir().unwrap());
    let solo = started(&programs, spec(&folder, "stubborn")).await;
    let pid = said(&mut solo.ask(&request(&json!(1), "env", json!({})), SILENCE, SILENCE).await.unwrap())
        .await["result"]["pid"]
        .clone();
    let below = said(&mut solo.ask(&request(&json!(2), "fork", json!({})), SILENCE, SILENCE).await.unwrap())
        .await["result"]["pid"]
        .clone();
    assert!(runs(&pid) && runs(&below));
    let began = Instant::now();
    solo.stop();
    assert!(!solo.lives());
    assert_eq!(
        solo.ask(&request(&json!(3), "env", json!({})), SILENCE, SILENCE).await.unwrap_err().code,
        DenyCode::UpstreamUnavailable
    );
    becomes("it is not killed", Duration::from_secs(8), || !runs(&pid) && !runs(&below)).await;
    assert!(began.elapsed() >= Duration::from_secs(4), "it was not given the time to end by itself");
    all_end(&programs, Duration::from_secs(4)).await;
}

#[tokio::test]
async fn what_a_child_leaves_behind_ends_with_it() {
    let (programs, folder) = (Programs::default(), tempfile::tempdir().unwrap());
    let solo = started(&programs, spec(&folder, "x")).await;
    let below = said(&mut solo.ask(&request(&json!(1), "fork", json!({})), SILENCE, SILENCE).await.unwrap())
        .await["result"]["pid"]
        .clone();
    let mut dies = solo.ask(&request(&json!(2), "die", json!({})), SILENCE, SILENCE).await.unwrap();
    assert_eq!(dies.next().await.unwrap_err().audit, Some("program_ended"));
    assert!(!solo.lives());
    becomes("what it started runs on", Duration::from_secs(6), || !runs(&below)).await;
}

#[tokio::test]
async fn all_end_with_the_gateway_and_none_is_started_after() {
    let (programs, folder) = (Programs::default(), tempfile::tempdir().unwrap());
    let mut kept = Vec::new();
    for _ in 0..3 {
        kept.push(started(&programs, spec(&folder, "x")).await);
    }
    let mut waits = kept[0].ask(&request(&json!(1), "never", json!({})), SILENCE, SILENCE).await.unwrap();
    assert!(is_silent(&mut waits).await, "it is never answered");
    assert_eq!(programs.living(), 3);
    programs.stop().await;
    assert_eq!(programs.living(), 0);
    assert!(waits.next().await.is_err());
    assert!(programs.begin(spec(&folder, "x"), SessionId::new()).await.is_err());
}

#[tokio::test]
async fn a_program_that_is_not_there_or_ends_at_once_is_not_started_over_and_over() {
    let (programs, folder) = (Programs::default(), tempfile::tempdir().unwrap());
    let of = SessionId::new();
    let mut missing = spec(&folder, "x");
    missing.program.name = "/nowhere/server".into();
    let began = Instant::now();
    for _ in 0..4 {
        let denied = programs.begin(missing.clone(), of).await.unwrap_err();
        assert_eq!((denied.code, denied.audit), (DenyCode::UpstreamUnavailable, Some("program_not_started")));
        assert!(!denied.detail.contains("nowhere"), "{}", denied.detail);
    }
    assert!(began.elapsed() >= Duration::from_millis(700), "100, 200 and 400 ms lie between four starts");
    let other = programs.begin(spec(&folder, "stillborn"), SessionId::new()).await.unwrap();
    becomes("it is taken for alive", Duration::from_secs(5), || !other.lives()).await;
}

#[tokio::test]
async fn the_secret_is_in_its_environment_and_nowhere_else() {
    let (programs, folder) = (Programs::default(), tempfile::tempdir().unwrap());
    let spec = spec(&folder, "x");
    let solo = started(&programs, spec.clone()).await;
    let told = said(&mut solo.ask(&request(&json!(1), "env", json!({})), SILENCE, SILENCE).await.unwrap())
        .await["result"]
        .clone();
    assert_eq!(told["backwards"], SECRET.chars().rev().collect::<String>());
    assert_eq!(told["env"]["KEY"], "*".repeat(SECRET.len()), "it is starred out of what is said");
    assert!(!told["args"].to_string().contains("s3cret"));
    let leaked: Vec<&String> =
        told["env"].as_object().unwrap().keys().filter(|name| name.starts_with("CARGO")).collect();
    assert!(leaked.is_empty(), "the gateway's own environment: {leaked:?}");
    said(&mut solo.ask(&request(&json!(2), "log", json!({})), SILENCE, SILENCE).await.unwrap()).await;
    let counts = || solo.peer().counts().logged.load(std::sync::atomic::Ordering::Relaxed);
    becomes("its log is not read", Duration::from_secs(5), || counts() == 1).await;
    let line = format!("key {SECRET} is \u{1b}[31mwrong");
    let logged = loggable(line.as_bytes(), line.len(), &spec).unwrap();
    assert_eq!(logged, format!("key {} is \\u{{1b}}[31mwrong", "*".repeat(SECRET.len())));
    assert_eq!(loggable(b"x", 10_000, &spec), None, "of a line that is cut nobody knows what was in it");
    assert_eq!(loggable(b"x", 1, &Spec { withheld: true, ..spec }), None);
}
