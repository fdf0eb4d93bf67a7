//! A child of one session: which message goes on which stream.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use serde_json::json;

use super::*;
use crate::domain::SessionId;
use crate::protocol::mcp::duplex::Solo;

async fn started(modes: &str) -> (Arc<Solo>, Programs, tempfile::TempDir) {
    let (programs, folder) = (Programs::default(), tempfile::tempdir().unwrap());
    let solo = programs.begin(spec(&folder, modes), SessionId::new()).await.unwrap();
    (solo, programs, folder)
}

fn note(text: &str) -> Value {
    json!({ "jsonrpc": "2.0", "method": "notifications/message", "params": { "data": text } })
}

fn say(id: i64, messages: &[Value]) -> Message {
    request(&json!(id), "say", json!({ "messages": messages }))
}

#[tokio::test]
async fn what_is_no_message_is_left_out_and_counted() {
    let (solo, _programs, _folder) = started("noise").await;
    let mut mail = solo.ask(&request(&json!(7), "echo", json!({ "a": 1 })), SILENCE, SILENCE).await.unwrap();
    let heard = next(&mut mail).await;
    assert_eq!(read(&heard.body)["result"]["seen"]["params"], json!({ "a": 1 }));
    assert!(heard.answer.is_some_and(|answer| answer.status == 200 && !answer.failed));
    assert_eq!(solo.peer().counts().dropped.load(Ordering::Relaxed), 5);
}

#[tokio::test]
async fn a_message_goes_on_exactly_one_stream() {
    let (solo, _programs, _folder) = started("x").await;
    // One request is open: its stream.
    let mut only = solo.ask(&say(1, &[note("a")]), SILENCE, SILENCE).await.unwrap();
    assert_eq!(said(&mut only).await, note("a"));
    assert_eq!(said(&mut only).await["id"], 1);
    // Several are open: the oldest one's stream, while nobody listens.
    let mut oldest = solo.ask(&request(&json!(2), "never", json!({})), SILENCE, SILENCE).await.unwrap();
    let mut newer = solo.ask(&say(3, &[note("b")]), SILENCE, SILENCE).await.unwrap();
    assert_eq!(said(&mut oldest).await, note("b"));
    assert_eq!(said(&mut newer).await["id"], 3);
    // Somebody listens: the separate stream.
    let mut stream = solo.listen().unwrap();
    let mut newer = solo.ask(&say(4, &[note("c")]), SILENCE, SILENCE).await.unwrap();
    assert_eq!(said(&mut stream).await, note("c"));
    assert_eq!(said(&mut newer).await["id"], 4);
    // A client that has left does not count: its request is still open, its stream is not.
    drop(oldest);
    drop(stream);
    let mut newer = solo.ask(&say(5, &[note("d")]), SILENCE, SILENCE).await.unwrap();
    assert_eq!(said(&mut newer).await, note("d"));
}

#[tokio::test]
async fn what_nobody_listens_to_is_kept_and_not_without_end() {
    let (solo, _programs, _folder) = started("x").await;
    let asks = json!({ "jsonrpc": "2.0", "id": "q", "method": "roots/list" });
    let notes: Vec<Value> =
        std::iter::once(asks).chain((0..70).map(|number| note(&number.to_string()))).collect();
    solo.tell(
        &message(&json!({ "jsonrpc": "2.0", "method": "say", "params": { "messages": notes } })),
        SILENCE,
    )
    .await
    .unwrap();
    let dropped = || solo.peer().counts().dropped.load(Ordering::Relaxed);
    becomes("nothing is dropped", Duration::from_secs(5), || dropped() == 7).await;
    let mut stream = solo.listen().unwrap();
    for number in 6..70 {
        assert_eq!(said(&mut stream).await, note(&number.to_string()));
    }
    // The dropped request is answered, so that the server does not wait for it.
    let heard =
        said(&mut solo.ask(&request(&json!(1), "heard", json!({})), SILENCE, SILENCE).await.unwrap()).await;
    assert_eq!(heard["result"]["heard"][1]["error"]["code"], -1, "{heard}");
    assert_eq!(heard["result"]["heard"][1]["id"], "q");
    // A second listener replaces the first.
    let mut second = solo.listen().unwrap();
    assert_eq!(stream.next().await.unwrap(), None);
    solo.tell(
        &message(&json!({ "jsonrpc": "2.0", "method": "say", "params": { "messages": [note("z")] } })),
        SILENCE,
    )
    .await
    .unwrap();
    assert_eq!(said(&mut second).await, note("z"));
}

#[tokio::test]
async fn progress_goes_to_whom_it_is_for_and_a_ping_is_answered_here() {
    let (solo, _programs, _folder) = started("x").await;
    let progress = |token: &str| json!({ "jsonrpc": "2.0", "method": "notifications/progress", "params": { "progressToken": token, "progress": 1 } });
    let params = json!({ "_meta": { "progressToken": "mine" }, "mute": true, "messages": [] });
    let mut mine = solo.ask(&request(&json!(1), "say", params), SILENCE, SILENCE).await.unwrap();
    let ping = json!({ "jsonrpc": "2.0", "id": 99, "method": "ping" });
    let mut other =
        solo.ask(&say(2, &[progress("mine"), progress("nobody's"), ping]), SILENCE, SILENCE).await.unwrap();
    assert_eq!(said(&mut mine).await, progress("mine"));
    assert_eq!(said(&mut other).await["id"], 2);
    assert!(is_silent(&mut mine).await);
    let mut asks = solo.ask(&request(&json!(3), "heard", json!({})), SILENCE, SILENCE).await.unwrap();
    let heard = said(&mut asks).await["result"]["heard"].as_array().unwrap().clone();
    assert!(heard.contains(&json!({ "jsonrpc": "2.0", "id": 99, "result": {} })), "{heard:?}");
}

#[tokio::test]
async fn an_id_is_used_once_at_a_time_and_what_is_cancelled_ends() {
    let (solo, _programs, _folder) = started("x").await;
    let mut mail = solo.ask(&request(&json!("a"), "never", json!({})), SILENCE, SILENCE).await.unwrap();
    assert_eq!(
        solo.ask(&request(&json!("a"), "echo", json!({})), SILENCE, SILENCE).await.unwrap_err().audit,
        Some("mcp_id_twice")
    );
    let cancel = |id: Value| {
        message(
            &json!({ "jsonrpc": "2.0", "method": "notifications/cancelled", "params": { "requestId": id } }),
        )
    };
    solo.tell(&cancel(json!(1)), SILENCE).await.unwrap();
    assert!(is_silent(&mut mail).await);
    solo.tell(&cancel(json!("a")), SILENCE).await.unwrap();
    assert_eq!(mail.next().await.unwrap_err().audit, Some("client_cancelled"));
    let mut again = solo.ask(&request(&json!("a"), "echo", json!({})), SILENCE, SILENCE).await.unwrap();
    assert_eq!(said(&mut again).await["id"], "a");
    // A client that leaves has not cancelled, and the late answer is dropped.
    let mut begins =
        solo.ask(&request(&json!("b"), "initialize", json!({})), SILENCE, SILENCE).await.unwrap();
    solo.tell(&cancel(json!("b")), SILENCE).await.unwrap();
    assert!(is_silent(&mut begins).await, "initialize is not cancelled");
}

#[tokio::test]
async fn a_child_that_floods_waits_until_somebody_reads() {
    let (solo, programs, folder) = started("x").await;
    let count = folder.path().join("count");
    let mut mail =
        solo.ask(&request(&json!(1), "flood", json!({ "count": count })), SILENCE, SILENCE).await.unwrap();
    let written = || std::fs::read_to_string(&count).unwrap_or_default().parse::<u64>().unwrap_or(0);
    next(&mut mail).await;
    let mut before = 0;
    for _ in 0..200 {
        tokio::time::sleep(Duration::from_millis(300)).await;
        if written() == before && before > 0 {
            break;
        }
        before = written();
    }
    // Each line has 1.1 KiB, and counts as two units of the queue of 20 MiB.
    assert!((5_000..25_000).contains(&before), "{before} lines were taken in");
    for _ in 0..1000 {
        next(&mut mail).await;
    }
    becomes("it does not go on", Duration::from_secs(5), || written() > before).await;
    drop(mail);
    solo.stop();
    all_end(&programs, Duration::from_secs(6)).await;
}

#[tokio::test]
async fn an_answer_that_cannot_be_read_fails_its_call_and_no_other() {
    let (solo, _programs, _folder) = started("x").await;
    let mut other = solo.ask(&request(&json!(1), "never", json!({})), SILENCE, SILENCE).await.unwrap();
    for (method, params) in [
        ("raw", json!({ "line": TWICE })),
        ("raw", json!({ "line": NEITHER })),
        ("long", json!({ "length": 17 << 20 })),
    ] {
        let mut mail =
            solo.ask(&request(&json!("a"), method, params.clone()), SILENCE, SILENCE).await.unwrap();
        let denied = broken(&mut mail).await;
        assert_eq!((denied.audit, denied.sent), (Some("target_garbage"), true), "{params}");
    }
    assert!(is_silent(&mut other).await);
    assert_eq!(solo.peer().counts().dropped.load(Ordering::Relaxed), 3);
    let mut again = solo.ask(&request(&json!("a"), "echo", json!({})), SILENCE, SILENCE).await.unwrap();
    assert_eq!(said(&mut again).await["id"], "a");
}

#[tokio::test]
async fn a_child_that_never_answers_is_not_waited_for() {
    let (solo, _programs, _folder) = started("x").await;
    let mut mail =
        solo.ask(&request(&json!(1), "never", json!({})), Duration::from_millis(500), SILENCE).await.unwrap();
    assert_eq!(broken(&mut mail).await.audit, Some("upstream_timeout"));
    let mut asks = solo.ask(&request(&json!(2), "heard", json!({})), SILENCE, SILENCE).await.unwrap();
    let heard = said(&mut asks).await["result"]["heard"].as_array().unwrap().clone();
    assert_eq!(heard[1]["params"]["requestId"], 1, "{heard:?}");
}
