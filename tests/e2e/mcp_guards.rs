//! Attacks on the gateway before MCP servers, with targets that behave as badly as they can and clients that
//! try to get past a guard.

mod approved;
mod asks;
mod kind;
mod target;
mod told;

use std::io::Write;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering;
use std::thread;
use std::time::Duration;
use std::time::Instant;

use serde_json::json;

use crate::support::attack::Attack;
use crate::support::attack::polite;
use crate::support::attack::result;
use crate::support::attack::say;
use crate::support::client::Client;
use crate::support::client::request;
use crate::support::mcp::answer;

const LIST: &str = r#"{"jsonrpc":"2.0","id":2,"result":{"tools":[{"name":"open","inputSchema":{}},{"name":"hidden","inputSchema":{}}]}}"#;

#[test]
fn where_sessions_have_ids_nothing_but_their_beginning_goes_without_one() {
    let gives = Arc::new(AtomicBool::new(true));
    let now = Arc::clone(&gives);
    let attack = Attack::new("", move |head, message, stream| {
        if now.load(Ordering::SeqCst) {
            return polite(head, message, stream);
        }
        let body = json!({ "jsonrpc": "2.0", "id": message["id"], "result": { "content": [] } }).to_string();
        say(stream, "200 OK", "", "application/json", &body);
    });
    let list = r#"{"jsonrpc":"2.0","id":2,"method":"tools/call","params":{"name":"open","arguments":{}}}"#;
    let status = |method: &str, body: Option<&str>| attack.send(method, &[], body).status;
    assert_eq!(status("POST", Some(list)), 200, "it may do without");
    let session = attack.session();
    for (method, body) in [("POST", Some(list)), ("GET", None), ("DELETE", None)] {
        assert_eq!(status(method, body), 400, "{method}");
    }
    assert_eq!(attack.send("POST", &[("Mcp-Session-Id", &session)], Some(list)).status, 200);
    assert_eq!(attack.arrived("tools/call").len(), 2);
    // Another build of the server does without them.
    gives.store(false, Ordering::SeqCst);
    let hello = r#"{"jsonrpc":"2.0","id":0,"method":"initialize","params":{"protocolVersion":"2025-11-25","capabilities":{},"clientInfo":{"name":"x","version":"1"}}}"#;
    assert_eq!((status("POST", Some(hello)), status("POST", Some(list))), (200, 200));
}

#[test]
fn what_names_a_request_is_short() {
    let attack = Attack::new("", polite);
    let session = attack.session();
    let headers = [("Mcp-Session-Id", &*session)];
    let send = |id: usize, token: usize| {
        let meta = json!({ "progressToken": "t".repeat(token) });
        let params = json!({ "name": "open", "arguments": {}, "_meta": meta });
        let body =
            json!({ "jsonrpc": "2.0", "id": "i".repeat(id), "method": "tools/call", "params": params });
        attack.send("POST", &headers, Some(&body.to_string()))
    };
    assert_eq!(send(510, 510).status, 200);
    for (id, token, name) in [(511, 1, "id"), (8 << 20, 1, "id"), (1, 511, "progressToken")] {
        let refused = send(id, token);
        let error = &refused.json()["error"];
        assert_eq!((refused.status, &error["code"]), (400, &json!(-32600)), "{error}");
        let words = error["message"].as_str().unwrap();
        assert!(words.starts_with(name) && words.contains("at most 512"), "{words}");
    }
    assert_eq!(attack.arrived("tools/call").len(), 1);
}

#[test]
fn headers_that_nobody_judged_do_not_arrive() {
    let attack = Attack::new("", polite);
    let headers =
        [("X-Tenant", "prod"), ("Mcp-Name", "pay"), ("Mcp-Method", "tools/call"), ("Mcp-Param-Amount", "9")];
    let told = attack.call(&headers, &json!({ "name": "open", "arguments": {} }));
    assert_eq!(told["result"]["content"][0]["text"], "done", "{told}");
    let (head, _) = attack.arrived("tools/call").pop().unwrap();
    for name in ["x-tenant", "mcp-name", "mcp-method", "mcp-param-amount", "authorization"] {
        assert!(!head.contains(name), "{head}");
    }
}

#[test]
fn what_a_server_may_read_otherwise_gets_past_no_deny() {
    let denies = r#"
[[policy]]
id = "no-large"
effect = "deny"
match = { connections = ["tools"], tools = ["open"], args = { "order.amount" = "> 1000" } }
[[policy]]
id = "no-seven"
effect = "deny"
match = { connections = ["tools"], tools = ["open"], args = { "ids" = "7" } }
[[policy]]
id = "private"
effect = "deny"
match = { connections = ["tools"], resources = ["file:///priv/**"] }
"#;
    let attack = Attack::new(denies, polite);
    for arguments in [
        json!({ "order": "{\"amount\":5000}" }),
        json!({ "order": "[{\"amount\":5,\"amount\":5000}]" }),
        json!({ "order": { "amount": 5 }, "order.amount": 5000 }),
        json!({ "order[amount]": 5000 }),
        json!({ "order": { "amount\u{200b}": 5000 } }),
        json!({ "\u{ff29}ds ": 7 }),
        json!({ "ids": "[7]" }),
        json!({ "ids": ["[8, 7]"] }),
        json!({ "ids": 7.5 }),
        json!({ "ids": "0x7" }),
        json!({ "ids ": 7 }),
        json!({ "order.amount": 5000 }),
        json!({ "order[amount]": 5000 }),
        json!({ "order": { "amount\u{200b}": 5000 } }),
        json!({ "order": { "ａmount": 5000 } }),
    ] {
        let told = attack.call(&[], &json!({ "name": "open", "arguments": arguments }));
        assert_eq!(told["result"]["_meta"]["dev.hoopctl/decision"]["code"], "denied", "{arguments}: {told}");
    }
    for arguments in [json!("{\"ids\":7}"), json!([{ "ids": 7 }]), json!(7)] {
        let told = attack.call(&[], &json!({ "name": "open", "arguments": arguments }));
        assert_eq!(told["error"]["code"], -32602, "{arguments}: {told}");
    }
    for uri in ["file:///priv/a", "file://x/priv/a", "file://127.0.0.1/priv/a", "file:///priv./a"] {
        let body = json!({ "jsonrpc": "2.0", "id": 1, "method": "resources/read", "params": { "uri": uri } });
        let told = answer(&attack.send("POST", &[], Some(&body.to_string())));
        assert_eq!(told["error"]["message"], format!("Resource not found: {uri}"), "{told}");
    }
    assert!(attack.arrived("tools/call").is_empty() && attack.arrived("resources/read").is_empty());
    let told = attack
        .call(&[], &json!({ "name": "open", "arguments": { "order": "{\"amount\":5}", "ids": "[8]" } }));
    assert_eq!(told["result"]["content"][0]["text"], "done", "{told}");
}

#[test]
fn a_client_learns_that_its_session_is_gone_however_the_target_says_so() {
    for id in ["null", "\"server-error\"", "7"] {
        let gone = format!(
            r#"{{"jsonrpc":"2.0","id":{id},"error":{{"code":-32001,"message":"Session not found"}}}}"#
        );
        let attack = Attack::new("", move |head, message, stream| {
            if message["method"] == "initialize" {
                polite(head, message, stream);
            } else {
                say(stream, "404 Not Found", "", "application/json", &gone);
            }
        });
        let session = attack.session();
        let list = r#"{"jsonrpc":"2.0","id":7,"method":"tools/list"}"#;
        for _again in 0..2 {
            let reply = attack.send("POST", &[("Mcp-Session-Id", &session)], Some(list));
            assert_eq!(reply.status, 404, "{id}: {}", reply.text());
        }
        assert_eq!(attack.arrived("tools/list").len(), 1, "{id}: the session has ended here, too");
    }
}

#[test]
fn a_kill_ends_a_stream_whose_client_does_not_read() {
    let cut = Arc::new(AtomicBool::new(false));
    let seen = Arc::clone(&cut);
    let attack = Attack::new("", move |head, message, stream| {
        if !head.starts_with("get") {
            return polite(head, message, stream);
        }
        let begun = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nconnection: close\r\n\r\n";
        let told = json!({ "jsonrpc": "2.0", "method": "notifications/message", "params": { "level": "info", "data": "x".repeat(1 << 16) } });
        let event = format!("data: {told}\n\n");
        stream.write_all(begun.as_bytes()).unwrap();
        while stream.write_all(event.as_bytes()).is_ok() {}
        seen.store(true, Ordering::SeqCst);
    });
    let session = attack.session();
    let mut client = Client::connect(attack.world.port);
    let token = attack.world.token("reader");
    let headers = [("Accept", "text/event-stream"), ("Mcp-Session-Id", &*session)];
    client.send(request("GET", "/c/tools", Some(&token), &headers, None));
    assert_eq!(client.head().status, 200);
    // It reads no further: everything on the way fills up.
    thread::sleep(Duration::from_secs(2));
    assert!(!cut.load(Ordering::SeqCst));
    let id = attack.world.list(&["session", "list"])[0]["id"].as_str().unwrap().to_owned();
    attack.world.ok(&["session", "kill", &id, "--yes"]);
    let begin = Instant::now();
    while !cut.load(Ordering::SeqCst) {
        assert!(begin.elapsed() < Duration::from_secs(5), "the target still speaks to it");
        thread::sleep(Duration::from_millis(50));
    }
}

#[test]
fn a_state_that_is_too_long_to_be_kept_fails_its_call() {
    let attack = Attack::new("allow_server_requests = [\"elicitation\"]", |_head, message, stream| {
        let length = message["params"]["arguments"]["length"].as_u64().unwrap();
        let state = "x".repeat(usize::try_from(length).unwrap());
        result(
            stream,
            message,
            &json!({ "resultType": "input_required", "inputRequests": {}, "requestState": state }),
        );
    });
    let headers = [("Mcp-Protocol-Version", "2026-07-28"), ("Mcp-Method", "tools/call"), ("Mcp-Name", "ask")];
    let ask = |length: usize| {
        let meta = json!({ "io.modelcontextprotocol/protocolVersion": "2026-07-28", "io.modelcontextprotocol/clientCapabilities": {} });
        attack.call(&headers, &json!({ "name": "ask", "arguments": { "length": length }, "_meta": meta }))
    };
    let kept = ask((16 << 10) - 2);
    let own = kept["result"]["requestState"].as_str().unwrap();
    assert!(own.len() < 100 && !own.contains("xx"), "the client gets one of the gateway's own: {own}");
    assert_eq!(ask((16 << 10) - 1)["result"]["isError"], true);
}

#[test]
fn a_stream_of_its_own_tells_of_the_clients_own_requests_and_tasks_and_of_no_others() {
    let attack = Attack::new("", |head, message, stream| {
        if !head.starts_with("get") {
            let task = &message["params"]["arguments"]["task"];
            return result(
                stream,
                message,
                &json!({ "content": [], "task": { "taskId": task, "status": "working" } }),
            );
        }
        let progress = |token: &str, progress: u32| json!({ "method": "notifications/progress", "params": { "progressToken": token, "progress": progress } });
        let task = |id: &str| json!({ "method": "notifications/tasks/status", "params": { "taskId": id, "status": "completed" } });
        let all = [
            progress("a", 5),
            progress("b", 1),
            progress("c", 1),
            progress("a", 2),
            task("of-ann"),
            task("of-bob"),
            task("of-nobody"),
        ];
        let all = all.map(|mut message| {
            message["jsonrpc"] = json!("2.0");
            format!("data: {message}\n\n")
        });
        say(stream, "200 OK", "", "text/event-stream", &all.concat());
    });
    for (principal, task, token) in [("reader", "of-ann", "a"), ("writer", "of-bob", "b")] {
        let session = attack.session_of(principal);
        let call = json!({ "jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": { "name": "open", "arguments": { "task": task }, "_meta": { "progressToken": token } } });
        let begun =
            attack.send_as(principal, "POST", &[("Mcp-Session-Id", &session)], Some(&call.to_string()));
        assert!(answer(&begun)["result"]["task"]["taskId"] == task, "{}", begun.text());
        let told = attack.send_as(principal, "GET", &[("Mcp-Session-Id", &session)], None).text();
        let tokens: Vec<_> =
            ["\"a\"", "\"b\"", "\"c\""].into_iter().filter(|token| told.contains(token)).collect();
        assert_eq!(tokens, [format!("\"{token}\"")], "{principal}: {told}");
        // How far two requests are has nothing to do with each other.
        assert!(token != "a" || (told.contains(":5") && told.contains(":2")), "{told}");
        let tasks: Vec<_> =
            ["of-ann", "of-bob", "of-nobody"].into_iter().filter(|id| told.contains(id)).collect();
        assert_eq!(tasks, [task], "{principal}: {told}");
    }
}
