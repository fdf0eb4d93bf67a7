//! Tests of messages that the peer does not accept, and of channels that nobody uses.

use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;
use serde_json::json;
use tokio::time::Instant;

use crate::domain::Denied;
use crate::domain::DenyCode;
use crate::protocol::mcp::codec::envelope::Limits;
use crate::protocol::mcp::codec::envelope::Message;
use crate::protocol::mcp::codec::envelope::id::Id;
use crate::protocol::mcp::duplex::Solo;
use crate::protocol::mcp::duplex::peer::Ends;
use crate::protocol::mcp::duplex::peer::Kind;
use crate::protocol::mcp::duplex::peer::Listener;
use crate::protocol::mcp::duplex::peer::Parcel;
use crate::protocol::mcp::server_request::own_answers::OwnAnswer;

/// No limit.
const SILENCE: Duration = Duration::MAX;
const MINUTE: Duration = Duration::from_mins(1);

fn message(value: &Value) -> Message {
    Message::scan(value.to_string().into(), Limits::new(32 << 20)).unwrap()
}

fn request(id: i64) -> Message {
    message(&json!({ "jsonrpc": "2.0", "id": id, "method": "tools/call", "params": {} }))
}

fn answer(id: i64) -> Message {
    message(&json!({ "jsonrpc": "2.0", "id": id, "result": {} }))
}

fn untaken() -> Denied {
    Denied::new(DenyCode::UpstreamUnavailable, "no").because("target_status")
}

/// Returns the next message for the peer, with its report.
async fn taken(ends: &mut Ends) -> Parcel {
    ends.input.next().await.unwrap()
}

fn tell(parcel: Parcel, went: Result<(), Denied>) {
    parcel.told.unwrap()(went);
}

#[tokio::test]
async fn a_request_that_is_not_taken_fails_and_no_other_does() {
    let (solo, mut ends) = Solo::new(Kind::Server);
    let mut first = solo.ask(&request(1), SILENCE, SILENCE).await.unwrap();
    let mut other = solo.ask(&request(2), SILENCE, SILENCE).await.unwrap();
    let (one, two) = (taken(&mut ends).await, taken(&mut ends).await);
    tell(one, Err(untaken()));
    assert_eq!(first.next().await.unwrap_err(), untaken());
    tell(two, Ok(()));
    solo.hear(answer(2)).await;
    assert!(other.next().await.unwrap().unwrap().answer.is_some());
    // It was answered before its delivery was reported, and its id is reused by then.
    let mut early = solo.ask(&request(3), SILENCE, SILENCE).await.unwrap();
    let late = taken(&mut ends).await;
    solo.hear(answer(3)).await;
    assert!(early.next().await.unwrap().unwrap().answer.is_some());
    let mut again = solo.ask(&request(3), SILENCE, SILENCE).await.unwrap();
    tell(late, Err(untaken()));
    solo.hear(answer(3)).await;
    assert!(again.next().await.unwrap().unwrap().answer.is_some());
}

#[tokio::test]
async fn what_is_not_answered_is_told_when_a_server_took_it_and_when_a_program_has_it() {
    let note = message(&json!({ "jsonrpc": "2.0", "method": "notifications/initialized" }));
    let (solo, mut ends) = Solo::new(Kind::Server);
    for went in [Ok(()), Err(untaken())] {
        let wanted = went.clone();
        let told = tokio::join!(solo.tell(&note, SILENCE), async { tell(taken(&mut ends).await, went) }).0;
        assert_eq!(told, wanted);
    }
    // Its delivery is unknown: the client must not take it for delivered.
    let told = tokio::join!(solo.tell(&note, SILENCE), async { drop(taken(&mut ends).await) }).0;
    assert_eq!(told.unwrap_err().audit, Some("stream_ended"));
    drop(ends);
    assert_eq!(solo.tell(&note, SILENCE).await.unwrap_err().audit, Some("stream_ended"));
    let (solo, _ends) = Solo::new(Kind::Program);
    assert_eq!(solo.tell(&note, SILENCE).await, Ok(()), "what it has not read yet is not waited for");
}

#[tokio::test]
async fn all_that_waits_is_told_why_there_will_be_no_answer() {
    let (solo, _ends) = Solo::new(Kind::Server);
    let mut waits = solo.ask(&request(1), SILENCE, SILENCE).await.unwrap();
    solo.over(&untaken());
    solo.over(&Kind::Server.gone());
    assert_eq!(waits.next().await.unwrap_err(), untaken().after_sending());
    assert_eq!(
        solo.ask(&request(2), SILENCE, SILENCE).await.unwrap_err(),
        untaken(),
        "the first reason stays"
    );
    assert_eq!(solo.listen().unwrap_err(), untaken());
    assert!(!solo.lives() && !solo.waits());
}

/// Returns the next message for the peer, as JSON.
async fn next(ends: &mut Ends) -> Value {
    serde_json::from_slice(&taken(ends).await.body).unwrap()
}

#[tokio::test(start_paused = true)]
async fn a_call_fails_under_which_the_other_end_is_silent_unless_it_waits_for_the_client() {
    let progress = json!({ "jsonrpc": "2.0", "method": "notifications/progress", "params": { "progressToken": "p", "progress": 1 } });
    let asks = json!({ "jsonrpc": "2.0", "id": 7, "method": "roots/list" });
    let calls = json!({ "jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": { "_meta": { "progressToken": "p" } } });
    let (solo, mut ends) = Solo::new(Kind::Program);
    let mut mail = solo.ask(&message(&calls), MINUTE, MINUTE).await.unwrap();
    assert_eq!(next(&mut ends).await["id"], 1);
    for said in [&progress, &progress, &asks] {
        tokio::time::sleep(MINUTE * 9 / 10).await;
        solo.hear(message(said)).await;
        assert!(mail.next().await.unwrap().unwrap().answer.is_none());
    }
    // A person may take any time.
    assert!(tokio::time::timeout(MINUTE * 20, mail.next()).await.is_err());
    let began = Instant::now();
    solo.tell(&message(&json!({ "jsonrpc": "2.0", "id": 7, "result": { "roots": [] } })), SILENCE)
        .await
        .unwrap();
    assert_eq!(next(&mut ends).await["id"], 7);
    let denied = mail.next().await.unwrap_err();
    assert_eq!((denied.audit, denied.sent), (Some("upstream_timeout"), true));
    assert_eq!(began.elapsed().as_secs(), 60);
    // The peer is told, and can no longer answer.
    let cancels = next(&mut ends).await;
    assert_eq!(
        (&cancels["method"], &cancels["params"]["requestId"]),
        (&json!("notifications/cancelled"), &json!(1))
    );
    assert!(!solo.waits());
    // A request that is refused on behalf of the client is no reason to wait.
    let mut mail = solo.ask(&request(2), MINUTE, MINUTE).await.unwrap();
    solo.hear(message(&asks)).await;
    mail.next().await.unwrap();
    solo.answer(&OwnAnswer::Refused(Id::Number(7)));
    let began = Instant::now();
    assert_eq!(mail.next().await.unwrap_err().audit, Some("upstream_timeout"));
    assert_eq!(began.elapsed().as_secs(), 60);
}

#[tokio::test(start_paused = true)]
async fn a_channel_that_nobody_uses_ends_but_not_under_a_call() {
    let (solo, mut ends) = Solo::new(Kind::Server);
    tokio::spawn(solo.watch());
    let mut waits = solo.ask(&request(1), SILENCE, SILENCE).await.unwrap();
    tokio::time::sleep(Duration::from_mins(100)).await;
    assert!(solo.lives() && solo.waits() && !*ends.stop.borrow());
    solo.hear(answer(1)).await;
    assert!(waits.next().await.unwrap().unwrap().answer.is_some() && !solo.waits());
    tokio::time::sleep(Duration::from_mins(31)).await;
    assert!(!solo.lives() && *ends.stop.borrow_and_update());
    drop(waits);
    assert_eq!(Arc::strong_count(&solo), 1);
    drop(solo);
    assert!(ends.stop.changed().await.is_err(), "dropped, it is ended");
}

#[tokio::test(start_paused = true)]
async fn a_program_that_does_not_read_delays_nobody_for_longer_than_its_limit() {
    let (solo, mut ends) = Solo::new(Kind::Program);
    let mut first = solo.ask(&request(1), MINUTE, MINUTE).await.unwrap();
    let long = |bytes: usize| {
        message(
            &json!({ "jsonrpc": "2.0", "method": "notifications/x", "params": { "x": "x".repeat(bytes) } }),
        )
    };
    for bytes in [16 << 20, (4 << 20) - 4096] {
        solo.tell(&long(bytes), MINUTE).await.unwrap();
    }
    let began = Instant::now();
    let denied = solo.tell(&long(1 << 20), MINUTE).await.unwrap_err();
    assert_eq!((denied.audit, denied.sent), (Some("target_full"), false));
    assert!(denied.detail.contains("within 1m"), "{}", denied.detail);
    let big = message(
        &json!({ "jsonrpc": "2.0", "id": 2, "method": "tools/call", "params": { "x": "x".repeat(1 << 20) } }),
    );
    let denied = solo.ask(&big, MINUTE, MINUTE).await.unwrap_err();
    assert_eq!((denied.audit, denied.sent), (Some("target_full"), false));
    assert!(began.elapsed() <= MINUTE * 2 + Duration::from_secs(1), "{:?}", began.elapsed());
    // Of what it was sent, it may have read something; and hears that nobody waits any more.
    let denied = first.next().await.unwrap_err();
    assert_eq!((denied.audit, denied.sent), (Some("upstream_timeout"), true));
    assert!(!solo.waits());
    let mut last = json!({});
    for _ in 0..4 {
        last = next(&mut ends).await;
    }
    assert_eq!(
        (&last["method"], &last["params"]["requestId"]),
        (&json!("notifications/cancelled"), &json!(1))
    );
}

#[tokio::test]
async fn a_target_whose_id_of_a_question_is_long_is_refused() {
    let (solo, mut ends) = Solo::new(Kind::Program);
    let mut mail = solo.ask(&request(1), SILENCE, SILENCE).await.unwrap();
    assert_eq!(next(&mut ends).await["id"], 1);
    for (length, passes) in [(513, false), (512, true)] {
        let asks = json!({ "jsonrpc": "2.0", "id": "x".repeat(length), "method": "roots/list" });
        solo.hear(message(&asks)).await;
        if passes {
            assert!(mail.next().await.unwrap().is_some());
        } else {
            assert_eq!(next(&mut ends).await["error"]["code"], -1);
        }
    }
}
