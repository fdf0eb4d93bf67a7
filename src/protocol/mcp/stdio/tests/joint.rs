//! A child shared by all clients: nobody receives another client's messages.

use std::sync::Arc;
use std::time::Duration;
use std::time::Instant;

use serde_json::json;

use super::*;
use crate::domain::SessionId;
use crate::protocol::mcp::from_client::era::Era;
use crate::protocol::mcp::stdio::joint::Joint;

async fn started(modes: &str) -> (Arc<Joint>, Programs, tempfile::TempDir) {
    let (programs, folder) = (Programs::default(), tempfile::tempdir().unwrap());
    let (joint, era) = Joint::start(&programs, spec(&folder, modes), None).await.unwrap();
    assert_eq!(era, Some(Era::Modern));
    (joint, programs, folder)
}

#[tokio::test]
async fn a_program_is_of_the_era_that_it_says() {
    let (programs, folder) = (Programs::default(), tempfile::tempdir().unwrap());
    for (modes, era) in [
        ("modern", Some(Era::Modern)),
        ("newer", Some(Era::Modern)),
        ("older", Some(Era::Legacy)),
        ("silent", None),
    ] {
        let began = Instant::now();
        let (_joint, told) = Joint::start(&programs, spec(&folder, modes), None).await.unwrap();
        assert_eq!(told, era, "{modes}");
        assert_eq!(began.elapsed() >= Duration::from_secs(3), era.is_none(), "{modes}");
    }
    let (dead, told) = Joint::start(&programs, spec(&folder, "stillborn"), None).await.unwrap();
    assert_eq!((told, dead.lives()), (None, false), "one that ends says nothing");
}

#[tokio::test]
async fn two_clients_with_the_same_ids_get_each_their_own() {
    let (joint, _programs, _folder) = started("modern").await;
    let (ann, bob) = (SessionId::new(), SessionId::new());
    let progress = json!({ "jsonrpc": "2.0", "method": "notifications/progress", "params": { "progressToken": "$token", "progress": 1 } });
    let tagged = json!({ "jsonrpc": "2.0", "method": "notifications/tools/list_changed", "params": { "_meta": { "io.modelcontextprotocol/subscriptionId": "$id" } } });
    let params = |name: &str| json!({ "name": name, "tag": true, "messages": [progress, tagged], "_meta": { "progressToken": 1 } });
    let mut first = joint.ask(&request(&json!("1"), "say", params("ann")), ann, SILENCE).await.unwrap();
    let mut second = joint.ask(&request(&json!("1"), "say", params("bob")), bob, SILENCE).await.unwrap();
    for mail in [&mut first, &mut second] {
        assert_eq!(said(mail).await["params"]["progressToken"], 1);
        assert_eq!(said(mail).await["params"]["_meta"]["io.modelcontextprotocol/subscriptionId"], "1");
        let last = next(mail).await;
        assert!(last.answer.is_some());
        assert_eq!(
            read(&last.body),
            json!({ "jsonrpc": "2.0", "id": "1", "result": { "_meta": { "io.modelcontextprotocol/subscriptionId": "1" } } })
        );
    }
    let mut asks = joint.ask(&request(&json!(1), "heard", json!({})), ann, SILENCE).await.unwrap();
    let heard = said(&mut asks).await["result"]["heard"].as_array().unwrap().clone();
    let seen: Vec<Value> = heard
        .iter()
        .filter(|message| message["method"] == "say")
        .map(|message| {
            json!([message["id"], message["params"]["_meta"]["progressToken"], message["params"]["name"]])
        })
        .collect();
    assert_eq!(seen, [json!([1, 1, "ann"]), json!([2, 2, "bob"])], "the child sees ids of the gateway's own");
}

#[tokio::test]
async fn nobody_hears_what_names_nobody_or_who_is_not_meant() {
    let (joint, _programs, _folder) = started("modern").await;
    let (ann, bob) = (SessionId::new(), SessionId::new());
    let mut waits = joint
        .ask(&request(&json!(5), "never", json!({ "_meta": { "progressToken": 5 } })), ann, SILENCE)
        .await
        .unwrap();
    let mut silent = joint.ask(&request(&json!(6), "never", json!({})), ann, SILENCE).await.unwrap();
    let subscription = |id: Value| json!({ "_meta": { "io.modelcontextprotocol/subscriptionId": id } });
    let messages = json!([
        { "jsonrpc": "2.0", "method": "notifications/message", "params": { "data": "whose?" } },
        { "jsonrpc": "2.0", "method": "notifications/progress", "params": { "progressToken": 77, "progress": 1 } },
        { "jsonrpc": "2.0", "method": "notifications/progress", "params": { "progressToken": "1", "progress": 1 } },
        // The second request has no token.
        { "jsonrpc": "2.0", "method": "notifications/progress", "params": { "progressToken": 2, "progress": 1 } },
        { "jsonrpc": "2.0", "method": "notifications/x", "params": subscription(json!(77)) },
        { "jsonrpc": "2.0", "method": "notifications/progress", "params": { "progressToken": 1, "progress": 1, "_meta": { "io.modelcontextprotocol/subscriptionId": 2 } } },
        { "jsonrpc": "2.0", "id": 77, "result": {} },
        { "jsonrpc": "2.0", "id": "1", "result": {} },
        { "jsonrpc": "2.0", "id": 9, "method": "sampling/createMessage" },
    ]);
    let mut other =
        joint.ask(&request(&json!(5), "say", json!({ "messages": messages })), bob, SILENCE).await.unwrap();
    assert_eq!(said(&mut other).await["id"], 5);
    assert!(is_silent(&mut waits).await && is_silent(&mut silent).await);
    assert_eq!(joint.peer().counts().dropped.load(std::sync::atomic::Ordering::Relaxed), 9);
}

#[tokio::test]
async fn who_leaves_cancels_and_nobody_cancels_for_others() {
    let (joint, _programs, _folder) = started("modern").await;
    let (ann, bob) = (SessionId::new(), SessionId::new());
    let cancel = |id: Value| {
        message(
            &json!({ "jsonrpc": "2.0", "method": "notifications/cancelled", "params": { "requestId": id } }),
        )
    };
    let mut waits = joint.ask(&request(&json!("a"), "never", json!({})), ann, SILENCE).await.unwrap();
    let left = joint.ask(&request(&json!("b"), "never", json!({})), ann, SILENCE).await.unwrap();
    for (id, of) in [(json!("a"), bob), (json!(1), ann), (json!(1), bob)] {
        joint.tell(&cancel(id), of, SILENCE).await.unwrap();
    }
    assert!(is_silent(&mut waits).await);
    drop(left);
    joint.tell(&cancel(json!("a")), ann, SILENCE).await.unwrap();
    assert_eq!(waits.next().await.unwrap_err().audit, Some("client_cancelled"));
    let mut asks = joint.ask(&request(&json!(1), "heard", json!({})), ann, SILENCE).await.unwrap();
    let heard = said(&mut asks).await["result"]["heard"].as_array().unwrap().clone();
    let cancelled: Vec<&Value> = heard
        .iter()
        .filter(|message| message["method"] == "notifications/cancelled")
        .map(|message| &message["params"]["requestId"])
        .collect();
    assert_eq!(cancelled, [&json!(2), &json!(1)]);
}

#[tokio::test]
async fn a_notification_names_no_request_of_another() {
    let (joint, _programs, _folder) = started("modern").await;
    let (ann, bob) = (SessionId::new(), SessionId::new());
    let _waits = joint.ask(&request(&json!(5), "never", json!({})), ann, SILENCE).await.unwrap();
    let meta = json!({ "progressToken": 1, "io.modelcontextprotocol/subscriptionId": 1, "x": 1 });
    for method in ["notifications/roots/list_changed", "notifications/x"] {
        let told = json!({ "jsonrpc": "2.0", "method": method, "params": { "_meta": meta } });
        joint.tell(&message(&told), bob, SILENCE).await.unwrap();
    }
    let mut asks = joint.ask(&request(&json!(1), "heard", json!({})), ann, SILENCE).await.unwrap();
    let heard = said(&mut asks).await["result"]["heard"].as_array().unwrap().clone();
    let metas: Vec<&Value> = heard
        .iter()
        .filter(|message| {
            message["method"].as_str().is_some_and(|method| method.starts_with("notifications/"))
        })
        .map(|message| &message["params"]["_meta"])
        .collect();
    let meant = json!({ "progressToken": 0, "io.modelcontextprotocol/subscriptionId": 0, "x": 1 });
    assert_eq!(metas, [&meant, &meant]);
}

#[tokio::test]
async fn a_slow_client_loses_its_stream_and_holds_nobody_up() {
    let (joint, _programs, folder) = started("modern").await;
    let (ann, bob) = (SessionId::new(), SessionId::new());
    let notes: Vec<Value> = (0..40).map(|_| json!({ "jsonrpc": "2.0", "method": "notifications/progress", "params": { "progressToken": "$token", "progress": 1, "message": "x".repeat(20_000) } })).collect();
    let params = json!({ "_meta": { "progressToken": 0 }, "mute": true, "messages": notes });
    let body = request(&json!(1), "say", params);
    let mut slow = joint.ask(&body, ann, SILENCE).await.unwrap();
    // Enough to fill the queue of the client that does not read.
    let mut rounds = Vec::new();
    for _ in 0..30 {
        let messages: Vec<Value> = (0..40).map(|_| json!({ "jsonrpc": "2.0", "method": "notifications/progress", "params": { "progressToken": 1, "progress": 1, "message": "x".repeat(20_000) } })).collect();
        rounds.push(
            joint
                .ask(&request(&json!(2), "say", json!({ "messages": messages })), bob, SILENCE)
                .await
                .unwrap(),
        );
    }
    for mail in &mut rounds {
        assert_eq!(said(mail).await["id"], 2, "the other client is answered");
    }
    let ended = async {
        loop {
            if let Err(denied) = slow.next().await {
                return denied.audit;
            }
        }
    };
    assert_eq!(tokio::time::timeout(Duration::from_secs(10), ended).await.unwrap(), Some("client_slow"));
    drop(folder);
}

#[tokio::test]
async fn errors_have_the_status_of_a_server_behind_http() {
    let (joint, _programs, _folder) = started("modern").await;
    for (code, status) in
        [(-32601, 404), (-32020, 400), (-32021, 400), (-32022, 400), (-32602, 200), (-32603, 200), (1, 200)]
    {
        let mut mail = joint
            .ask(&request(&json!(1), "fails", json!({ "code": code })), SessionId::new(), SILENCE)
            .await
            .unwrap();
        let answer = next(&mut mail).await.answer.unwrap();
        assert_eq!((answer.status, answer.failed), (status, true), "{code}");
    }
}

#[tokio::test]
async fn an_answer_that_cannot_be_read_fails_its_call_and_no_others() {
    let (joint, _programs, _folder) = started("modern").await;
    let (ann, bob) = (SessionId::new(), SessionId::new());
    let mut other = joint.ask(&request(&json!(1), "never", json!({})), bob, SILENCE).await.unwrap();
    for (method, params) in [
        ("raw", json!({ "line": TWICE })),
        ("raw", json!({ "line": NEITHER })),
        ("long", json!({ "length": 17 << 20 })),
    ] {
        let mut mail = joint.ask(&request(&json!("a"), method, params.clone()), ann, SILENCE).await.unwrap();
        let denied = broken(&mut mail).await;
        assert_eq!((denied.audit, denied.sent), (Some("target_garbage"), true), "{params}");
    }
    assert!(is_silent(&mut other).await);
    let mut again = joint.ask(&request(&json!("a"), "echo", json!({})), ann, SILENCE).await.unwrap();
    assert_eq!(said(&mut again).await["id"], "a");
}
