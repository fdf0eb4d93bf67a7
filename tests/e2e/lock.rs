//! Locks: refused within a second, live streams cut.

use std::time::Duration;
use std::time::Instant;

use crate::support::World;
use crate::support::client::request;
use crate::support::steps::held;

#[test]
fn a_lock_cuts_a_live_stream_and_shuts_the_door() {
    let world = World::new();
    let token = world.token("reader");
    for target in ["principal:idp/reader", "client:reader", "connection:crm", "issuer:idp", "everybody"] {
        let mut live = world.client();
        live.send(request("GET", "/c/crm/__sse", Some(&token), &[], None));
        let head = live.head();
        assert_eq!(head.status, 200, "{target}: {}", world.log());
        live.set_patience(Duration::from_secs(5));
        assert!(live.chunk().is_some());
        let begin = Instant::now();
        let (code, out, err) =
            world.cli(&["lock", "add", target, "--reason", "incident", "--yes", "-o", "json"]);
        assert_eq!(code, 0, "{target}: {err}");
        let lock: serde_json::Value = serde_json::from_str(&out).unwrap();
        while let Some(chunk) = live.chunk() {
            if chunk.is_empty() {
                break;
            }
            assert!(begin.elapsed() < Duration::from_secs(2), "{target}: the stream goes on");
        }
        assert!(begin.elapsed() < Duration::from_secs(2), "{target}");
        let reply = world.get("/c/crm/customers/7", Some(&token));
        assert_eq!((reply.status, reply.code().as_str()), (403, "locked"), "{target}");
        let id = lock["id"].as_str().unwrap_or_else(|| panic!("{lock}"));
        world.ok(&["lock", "remove", id, "--yes"]);
        assert_eq!(world.get("/c/crm/customers/7", Some(&token)).status, 200, "{target}: removed");
        let session = head.header("hoopctl-session").unwrap();
        let end = world.events(session).pop().unwrap();
        assert_eq!(
            (&end["kind"], &end["data"]["reason"]),
            (&"session.end".into(), &"locked".into()),
            "{target}"
        );
    }
}

#[test]
fn a_locked_token_stays_out_over_a_restart_while_another_of_the_same_client_gets_in() {
    let mut world = World::new();
    let (locked, other) = (world.token("reader"), world.token("reader"));
    let payload =
        base64::Engine::decode(&base64::prelude::BASE64_URL_SAFE_NO_PAD, locked.split('.').nth(1).unwrap())
            .unwrap();
    let claims: serde_json::Value = serde_json::from_slice(&payload).unwrap();
    let target = format!("token:{}", claims["jti"].as_str().unwrap());
    assert_eq!(world.get("/c/crm/customers/7", Some(&locked)).status, 200);
    world.ok(&["lock", "add", &target, "--yes"]);
    assert_eq!(world.get("/c/crm/customers/7", Some(&locked)).code(), "locked");
    assert_eq!(world.get("/c/crm/customers/7", Some(&other)).status, 200);
    world.stop();
    world.start();
    assert_eq!(world.get("/c/crm/customers/7", Some(&locked)).code(), "locked");
}

#[test]
fn a_killed_session_ends_and_the_next_request_opens_another() {
    let world = World::new();
    let token = world.token("reader");
    let mut live = world.client();
    live.send(request("GET", "/c/crm/__sse", Some(&token), &[], None));
    let session = live.head().header("hoopctl-session").unwrap().to_owned();
    assert!(live.chunk().is_some());
    world.ok(&["session", "kill", &session, "--yes"]);
    let begin = Instant::now();
    while live.chunk().is_some_and(|chunk| !chunk.is_empty()) {
        assert!(begin.elapsed() < Duration::from_secs(2));
    }
    let next = world.get("/c/crm/customers/7", Some(&token));
    assert_eq!(next.status, 200);
    assert_ne!(next.header("hoopctl-session"), Some(session.as_str()));
}

#[test]
fn a_lock_of_the_second_token_of_a_session_cuts_its_stream_and_not_the_first() {
    let world = World::new();
    // The one that opens the session is the younger: it runs out no sooner than the other.
    let (second, first) = (world.token("reader"), world.token("reader"));
    let opened = world.get("/c/crm/customers/7", Some(&first));
    let mut live = world.client();
    live.send(request("GET", "/c/crm/__sse", Some(&second), &[], None));
    let head = live.head();
    assert_eq!(head.header("hoopctl-session"), opened.header("hoopctl-session"), "one session, two tokens");
    live.set_patience(Duration::from_secs(5));
    assert!(live.chunk().is_some());
    let payload = second.split('.').nth(1).unwrap();
    let payload = base64::Engine::decode(&base64::prelude::BASE64_URL_SAFE_NO_PAD, payload).unwrap();
    let claims: serde_json::Value = serde_json::from_slice(&payload).unwrap();
    let target = format!("token:{}", claims["jti"].as_str().unwrap());
    let begin = Instant::now();
    world.ok(&["lock", "add", &target, "--yes"]);
    while live.chunk().is_some_and(|chunk| !chunk.is_empty()) {
        assert!(begin.elapsed() < Duration::from_secs(2), "the stream goes on");
    }
    assert_eq!(world.get("/c/crm/customers/7", Some(&second)).code(), "locked");
    assert_eq!(world.get("/c/crm/customers/7", Some(&first)).status, 200);
}

#[test]
fn a_caller_that_is_locked_out_while_its_command_waits_is_told_so() {
    let world = World::new();
    let token = world.token("writer");
    let waits = held(&world, &token, r#"{"tier":"gold"}"#);
    world.wait_pending();
    world.ok(&["lock", "add", "principal:idp/writer", "--yes"]);
    let reply = waits.join().unwrap();
    assert_eq!((reply.status, reply.code().as_str()), (403, "locked"), "{}", reply.text());
}
