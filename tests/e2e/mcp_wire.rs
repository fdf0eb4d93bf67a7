//! What MCP servers and their clients may write where the protocol leaves them room, and what reaches the other side of it.

use std::io::Write;
use std::net::TcpStream;
use std::thread;
use std::time::Duration;
use std::time::Instant;

use serde_json::Value;
use serde_json::json;

use crate::support::Reply;
use crate::support::attack::Attack;
use crate::support::attack::data;
use crate::support::attack::polite;
use crate::support::attack::result;
use crate::support::attack::say;
use crate::support::client::Client;
use crate::support::client::request;
use crate::support::mcp::ACCEPT;
use crate::support::mcp::answer;
use crate::support::steps::wait_until;

const JSON: (&str, &str) = ("Content-Type", "application/json");
const BEGUN: &str = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nconnection: close\r\n\r\n";
/// As Express ends what has no body.
const CHUNKED: &str = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\nconnection: close\r\n\r\n";

/// The head of a request of the newer era.
fn modern(method: &'static str, name: &'static str) -> [(&'static str, &'static str); 3] {
    [("Mcp-Protocol-Version", "2026-07-28"), ("Mcp-Method", method), ("Mcp-Name", name)]
}

fn meta(capabilities: &Value) -> Value {
    json!({ "io.modelcontextprotocol/protocolVersion": "2026-07-28", "io.modelcontextprotocol/clientCapabilities": capabilities })
}

/// Opens a request whose response is still to be read.
pub fn open(attack: &Attack, method: &str, headers: &[(&str, &str)], body: Option<&str>) -> Client {
    let mut client = Client::connect(attack.world.port);
    let token = attack.world.token("reader");
    client.send(request(method, "/c/tools", Some(&token), &[&[ACCEPT, JSON], headers].concat(), body));
    client
}

/// Opens a session of a client that can be asked this.
pub fn session_with(attack: &Attack, capabilities: &Value) -> String {
    let params = json!({ "protocolVersion": "2025-11-25", "capabilities": capabilities, "clientInfo": { "name": "x", "version": "1" } });
    let hello = json!({ "jsonrpc": "2.0", "id": 0, "method": "initialize", "params": params });
    let reply = attack.send("POST", &[], Some(&hello.to_string()));
    reply.header("mcp-session-id").unwrap().to_owned()
}

pub fn call(id: i64, tool: &str) -> String {
    json!({ "jsonrpc": "2.0", "id": id, "method": "tools/call", "params": { "name": tool, "arguments": {} } })
        .to_string()
}

/// Why commands of a principal's only session failed, and how it was decided on all of them.
fn recorded(attack: &Attack) -> String {
    let session = attack.world.list(&["session", "list"])[0]["id"].as_str().unwrap().to_owned();
    format!("{:?}", attack.world.events(&session))
}

#[test]
fn an_end_without_a_word_is_the_end_of_a_session() {
    for (status, told) in [
        ("200 OK", 200),
        ("405 Method Not Allowed", 200),
        ("404 Not Found", 404),
        ("400 Bad Request", 200),
        ("500 Internal Server Error", 200),
        ("501 Not Implemented", 200),
        ("403 Forbidden", 200),
        ("down", 200),
    ] {
        let attack = Attack::new("", move |head, message, stream| {
            if head.starts_with("delete") && status != "down" {
                let head = CHUNKED.replace("200 OK", status);
                drop(stream.write_all(head.as_bytes()));
                thread::sleep(Duration::from_millis(200));
                drop(stream.write_all(b"0\r\n\r\n"));
            } else if !head.starts_with("delete") {
                polite(head, message, stream);
            }
        });
        let session = attack.session();
        let of_session = [("Mcp-Session-Id", &*session)];
        let ended = attack.send("DELETE", &of_session, None);
        assert_eq!((ended.status, ended.text().as_str()), (told, ""), "{status}");
        assert_eq!(attack.send("POST", &of_session, Some(&call(1, "open"))).status, 404, "{status}");
        assert!(attack.arrived("tools/call").is_empty(), "{status}");
    }
}

#[test]
fn a_notification_is_answered_alike_whatever_became_of_it() {
    let attack = Attack::new("", |head, message, stream| match message["params"]["reason"].as_str() {
        Some("chunked") => {
            drop(stream.write_all(CHUNKED.as_bytes()));
            thread::sleep(Duration::from_millis(200));
            drop(stream.write_all(b"0\r\n\r\n"));
        }
        Some("html") => say(stream, "200 OK", "", "text/html", "<p>thanks"),
        // Neither of these is an answer.
        Some("cut") => {}
        Some("401") => say(stream, "401 Unauthorized", "", "text/html", ""),
        Some("500") => say(stream, "500 Internal Server Error", "", "text/html", ""),
        Some("429") => say(stream, "429 Too Many Requests", "", "text/html", ""),
        Some("400") => say(stream, "400 Bad Request", "", "text/html", ""),
        _ => polite(head, message, stream),
    });
    let session = attack.session();
    let tell = |session: &str, method: &str, reason: &str| {
        let body =
            json!({ "jsonrpc": "2.0", "method": method, "params": { "requestId": 9, "reason": reason } });
        attack.send("POST", &[("Mcp-Session-Id", session)], Some(&body.to_string()))
    };
    for reason in ["chunked", "html", "cut", "401", "500", "429", "400"] {
        let told = tell(&session, "notifications/cancelled", reason);
        assert_eq!((told.status, told.text().as_str()), (202, ""), "{reason}");
    }
    // A session that does not begin at the target has not begun.
    for (reason, status) in [("html", 202), ("cut", 502), ("401", 502), ("500", 500), ("429", 429)] {
        assert_eq!(tell(&session, "notifications/initialized", reason).status, status, "{reason}");
    }
    // One that no policy allows does not arrive.
    assert_eq!(tell(&session, "notifications/odd", "").status, 202);
    assert!(attack.arrived("notifications/odd").is_empty());
    let all = recorded(&attack);
    for reason in ["target_401", "upstream_unavailable", "notifications/odd", "denied"] {
        assert!(all.contains(reason), "{reason} is not recorded: {all}");
    }
    // Who must begin anew is told so.
    assert_eq!(tell(&"0".repeat(64), "notifications/cancelled", "").status, 404);
    let mut client = Client::connect(attack.world.port);
    client.send(request("POST", "/c/tools", Some("garbage"), &[ACCEPT, JSON], Some("{}")));
    assert_eq!(client.reply().status, 401);
    let answered = attack.send("POST", &[("Mcp-Session-Id", &session)], Some(&call(1, "open")));
    assert_eq!(answer(&answered)["result"]["content"][0]["text"], "done", "the session lives on");
}

#[test]
fn a_client_hears_something_whatever_its_target_keeps_itself_awake_with() {
    let attack = Attack::new("", |head, message, stream| {
        if !head.starts_with("get") {
            return polite(head, message, stream);
        }
        drop(stream.write_all(BEGUN.as_bytes()));
        let begin = Instant::now();
        while begin.elapsed() < Duration::from_secs(20) && stream.write_all(b": ping\n\n").is_ok() {
            thread::sleep(Duration::from_secs(1));
        }
    });
    let session = attack.session();
    let mut relayed = open(&attack, "GET", &[("Mcp-Session-Id", &session)], None);
    let mut held = open(&attack, "POST", &[("Mcp-Session-Id", &session)], Some(&call(1, "pay")));
    for client in [&mut relayed, &mut held] {
        let head = client.head();
        assert_eq!(head.header("content-type"), Some("text/event-stream"));
        assert_eq!(
            (head.header("cache-control"), head.header("x-accel-buffering")),
            (Some("no-cache"), Some("no"))
        );
    }
    let began = Instant::now();
    thread::scope(|scope| {
        for client in [relayed, held] {
            scope.spawn(move || {
                let mut client = client;
                client.set_patience(Duration::from_secs(15));
                let line = std::iter::from_fn(|| client.line()).find(|line| line.starts_with(':'));
                let line = line.expect("it hears nothing");
                assert!(!line.contains("ping"), "{line}");
                let waited = began.elapsed();
                assert!((5..16).contains(&waited.as_secs()), "after {waited:?}");
            });
        }
    });
}

#[test]
fn an_error_without_an_id_answers_where_nothing_else_can_be_meant() {
    let masks =
        "[[mask]]\nid = \"pii\"\nmatch = { connections = [\"tools\"] }\nentities = [\"EMAIL_ADDRESS\"]\n";
    let attack = Attack::new(masks, |head, message, stream| {
        let params = &message["params"];
        let error = |id: &str| {
            format!(r#"{{{id}"jsonrpc":"2.0","error":{{"code":-32601,"message":"ask ada@example.com"}}}}"#)
        };
        match params["arguments"]["as"].as_str() {
            Some("null") => say(stream, "404 Not Found", "", "application/json", &error("\"id\":null,")),
            Some("absent") => say(stream, "400 Bad Request", "", "application/json", &error("")),
            Some("other") => say(stream, "200 OK", "", "application/json", &error("\"id\":99,")),
            Some("streamed") => {
                say(stream, "200 OK", "", "text/event-stream", &format!("data: {}\n\n", error("")));
            }
            _ => polite(head, message, stream),
        }
    });
    let ask = |tool: &'static str, how: &str| {
        let params = json!({ "name": tool, "arguments": { "as": how }, "_meta": meta(&json!({})) });
        let body = json!({ "jsonrpc": "2.0", "id": "a", "method": "tools/call", "params": params });
        let reply = attack.send("POST", &modern("tools/call", tool), Some(&body.to_string()));
        (reply.status, answer(&reply))
    };
    for (how, status) in [("null", 404), ("absent", 400)] {
        let (told, message) = ask("open", how);
        assert_eq!(
            (told, &message["id"], &message["error"]["code"]),
            (status, &json!("a"), &json!(-32601)),
            "{message}"
        );
        let text = message["error"]["message"].as_str().unwrap();
        assert!(text.starts_with("ask ") && !text.contains("ada@"), "{text}");
    }
    for how in ["other", "streamed"] {
        let (_, message) = ask("open", how);
        assert_eq!(
            message["result"]["_meta"]["dev.hoopctl/decision"]["code"], "upstream_unavailable",
            "{how}: {message}"
        );
    }
    // The stream of a held call is open before it is known.
    let (status, message) = thread::scope(|scope| {
        let held = scope.spawn(|| ask("pay", "null"));
        attack.approve();
        held.join().unwrap()
    });
    assert_eq!(
        (status, &message["id"], &message["error"]["code"]),
        (200, &json!("a"), &json!(-32601)),
        "{message}"
    );
}

#[test]
fn what_comes_too_fast_or_is_too_long_is_refused_in_an_answer() {
    let attack = Attack::new("limits = { body = \"2KiB\" }", polite);
    let long = |id: &str, method: &str| {
        let params = json!({ "name": "open", "arguments": { "text": "x".repeat(10_000), "id": 8 } });
        let id = if id.is_empty() { String::new() } else { format!(r#","id":{id}"#) };
        format!(r#"{{"method":"{method}","params":{params},"jsonrpc":"2.0"{id}}}"#)
    };
    let reply = attack.send("POST", &[], Some(&long("\"a\"", "tools/call")));
    let told = reply.json();
    assert_eq!(
        (reply.status, &told["id"], &told["result"]["isError"]),
        (200, &json!("a"), &json!(true)),
        "{told}"
    );
    let decision = &told["result"]["_meta"]["dev.hoopctl/decision"];
    assert_eq!(
        (&decision["code"], &decision["retryable"]),
        (&json!("limit_exceeded"), &json!(false)),
        "{told}"
    );
    assert_eq!(attack.send("POST", &[], Some(&long("", "notifications/cancelled"))).status, 202);
    assert_eq!(
        attack.send("POST", &[], Some(&long("{}", "tools/list"))).status,
        413,
        "nobody knows which it is"
    );
    assert!(attack.arrived("tools/call").is_empty(), "what was too long did not arrive");

    let attack = Attack::new("limits = { rate = 1 }", polite);
    // As often as it takes: the machine may be slow.
    let refused = |method: &str, body: Option<&str>, is: &dyn Fn(&Reply) -> bool| {
        (0..20).map(|_| attack.send(method, &[], body)).find(is).expect("it never comes too fast")
    };
    let ping = r#"{"jsonrpc":"2.0","id":7,"method":"ping"}"#;
    let reply = refused("POST", Some(ping), &|reply| reply.json()["error"].is_object());
    let error = &reply.json()["error"];
    assert_eq!((reply.status, &reply.json()["id"]), (200, &json!(7)), "{error}");
    assert_eq!((&error["code"], &error["data"]["retryable"]), (&json!(4290), &json!(true)), "{error}");
    assert!(reply.header("retry-after").is_some() && reply.header("hoopctl-request-id").is_some());
    let notice = r#"{"jsonrpc":"2.0","method":"notifications/roots/list_changed"}"#;
    for _more in 0..5 {
        assert_eq!(attack.send("POST", &[], Some(notice)).status, 202);
    }
    let begun = r#"{"jsonrpc":"2.0","method":"notifications/initialized"}"#;
    refused("POST", Some(begun), &|reply| reply.status == 429);
    refused("POST", Some("garbage"), &|reply| reply.status == 429);
    refused("GET", None, &|reply| reply.status == 429);
}

/// A target that asks its client something in the middle of a call, and answers when that is answered.
pub fn asks(options: &str) -> Attack {
    let told = std::sync::Mutex::new(std::collections::HashMap::<i64, Value>::new());
    let told = std::sync::Arc::new(told);
    Attack::new(options, move |head, message, stream: &mut TcpStream| {
        if message["method"].is_null() && message["id"].is_i64() {
            told.lock().unwrap().insert(message["id"].as_i64().unwrap(), message.clone());
            return say(stream, "202 Accepted", "", "text/plain", "");
        }
        if message["method"] != "tools/call" {
            return polite(head, message, stream);
        }
        drop(stream.write_all(BEGUN.as_bytes()));
        for (id, method) in [(70, "roots/list"), (71, "ping"), (72, "sampling/createMessage")] {
            let asked = json!({ "jsonrpc": "2.0", "id": id, "method": method, "params": {} });
            drop(stream.write_all(format!("data: {asked}\n\n").as_bytes()));
        }
        let begin = Instant::now();
        while told.lock().unwrap().len() < 3 && begin.elapsed() < Duration::from_secs(5) {
            thread::sleep(Duration::from_millis(20));
        }
        let told = told.lock().unwrap();
        let of = |id: i64| told.get(&id).cloned().unwrap_or_default();
        let text = json!([of(70), of(71), of(72)]).to_string();
        let done = json!({ "jsonrpc": "2.0", "id": message["id"], "result": { "content": [{ "type": "text", "text": text }] } });
        drop(stream.write_all(format!("data: {done}\n\n").as_bytes()));
    })
}

#[test]
fn what_a_client_is_not_asked_is_answered_for_it() {
    let may = "allow_server_requests = [\"roots\"]";
    for (options, capabilities) in
        [("", json!({ "roots": {}, "sampling": {} })), (may, json!({})), (may, json!({ "sampling": {} }))]
    {
        let attack = asks(options);
        let session = session_with(&attack, &capabilities);
        let reply = attack.send("POST", &[("Mcp-Session-Id", &session)], Some(&call(1, "open")));
        assert!(!reply.text().contains("roots/list"), "{options} {capabilities}: {}", reply.text());
        let told = answer(&reply)["result"]["content"][0]["text"].clone();
        let told: Value = serde_json::from_str(told.as_str().unwrap()).unwrap();
        for refused in [&told[0], &told[2]] {
            assert_eq!(refused["error"]["code"], -1, "{options} {capabilities}: {told}");
        }
        assert_eq!((&told[1]["id"], &told[1]["result"]), (&json!(71), &json!({})), "{told}");
        // Each answer of the gateway goes into the same session.
        let answered = attack
            .seen
            .lock()
            .unwrap()
            .iter()
            .filter(|(head, body)| {
                head.contains("mcp-session-id: theirs")
                    && (body.contains("\"error\"") || body.contains("\"id\":71"))
            })
            .count();
        assert_eq!(answered, 3);
    }
    // One that can be asked is.
    let attack = asks(may);
    let session = session_with(&attack, &json!({ "roots": {} }));
    let mut client = open(&attack, "POST", &[("Mcp-Session-Id", &session)], Some(&call(1, "open")));
    let asked: Value = serde_json::from_str(&data(&mut client)).unwrap();
    assert_eq!((&asked["id"], &asked["method"]), (&json!(70), &json!("roots/list")));
    let roots = json!({ "jsonrpc": "2.0", "id": 70, "result": { "roots": [] } }).to_string();
    assert_eq!(attack.send("POST", &[("Mcp-Session-Id", &session)], Some(&roots)).status, 202);
    let done = data(&mut client);
    assert!(done.contains("roots") && done.contains("-1"), "{done}");
}

#[test]
fn a_session_speaks_the_version_it_agreed_on_whatever_its_client_says() {
    let attack = Attack::new("", |head, message, stream| {
        if message["method"] == "initialize" {
            let agreed = json!({ "protocolVersion": "2025-06-18", "capabilities": {}, "serverInfo": { "name": "s", "version": "1" } });
            return result(stream, message, &agreed);
        }
        polite(head, message, stream);
    });
    let session = attack.session();
    let send = |method: &str, version: Option<&str>| {
        let mut headers = vec![("Mcp-Session-Id", &*session)];
        headers.extend(version.map(|version| ("Mcp-Protocol-Version", version)));
        let body = call(1, "open");
        attack.send(method, &headers, (method == "POST").then_some(&*body)).status
    };
    for version in ["2025-13-01", "2026-07-28"] {
        assert_eq!(send("POST", Some(version)), 400, "{version}");
    }
    assert_eq!((send("GET", Some("2025-13-01")), send("DELETE", Some("2025-13-01"))), (400, 400));
    assert!(attack.arrived("tools/call").is_empty());
    // Some clients always say the same one.
    for version in [None, Some("2025-06-18"), Some("2024-11-05"), Some("2025-11-25")] {
        assert_eq!(send("POST", version), 200);
        let (head, _) = attack.arrived("tools/call").pop().unwrap();
        assert!(head.contains("mcp-protocol-version: 2025-06-18\r\n"), "{head}");
    }
    // A version that is not known yet is not judged by the rules of one that is.
    let params = json!({ "name": "open", "_meta": { "io.modelcontextprotocol/protocolVersion": "2027-01-01", "io.modelcontextprotocol/clientCapabilities": {} } });
    let body = json!({ "jsonrpc": "2.0", "id": 5, "method": "tools/call", "params": params }).to_string();
    let headers =
        [("Mcp-Protocol-Version", "2027-01-01"), ("Mcp-Method", "tools/call"), ("Mcp-Name", "open")];
    let reply = attack.send("POST", &headers, Some(&body));
    let told = reply.json();
    assert_eq!(
        (reply.status, &told["id"], &told["error"]["code"]),
        (400, &json!(5), &json!(-32022)),
        "{told}"
    );
    assert_eq!(told["error"]["data"]["supported"][0], "2026-07-28");
    assert_eq!(attack.arrived("tools/call").len(), 4);
}

#[test]
fn a_subscription_is_told_what_it_asked_for() {
    let attack = Attack::new("", |_head, message, stream| {
        let tag = |id: &str| json!({ "_meta": { "io.modelcontextprotocol/subscriptionId": id } });
        let told = |method: &str, mut params: Value, more: Value| {
            if let (Some(all), Some(more)) = (params.as_object_mut(), more.as_object()) {
                all.extend(more.clone());
            }
            json!({ "jsonrpc": "2.0", "method": format!("notifications/{method}"), "params": params })
        };
        let id = message["id"].as_str().unwrap();
        let both = json!({ "notifications": { "toolsListChanged": true, "promptsListChanged": true } });
        let all = [
            told("subscriptions/acknowledged", tag(id), both),
            told("prompts/list_changed", tag(id), json!({})),
            told("message", tag(id), json!({ "level": "info", "data": "x" })),
            told("resources/updated", tag(id), json!({ "uri": "a:b" })),
            told("tools/list_changed", tag("another"), json!({})),
            told("tools/list_changed", json!({}), json!({})),
            json!({ "jsonrpc": "2.0", "id": id, "result": { "resultType": "complete" } }),
        ];
        let body = all.map(|message| format!("data: {message}\n\n")).concat();
        say(stream, "200 OK", "", "text/event-stream", &body);
    });
    let params = json!({ "notifications": { "toolsListChanged": true }, "_meta": meta(&json!({})) });
    let listen =
        json!({ "jsonrpc": "2.0", "id": "mine", "method": "subscriptions/listen", "params": params });
    let headers = [("Mcp-Protocol-Version", "2026-07-28"), ("Mcp-Method", "subscriptions/listen")];
    let reply = attack.send("POST", &headers, Some(&listen.to_string()));
    let text = reply.text();
    let heard: Vec<Value> = text
        .lines()
        .filter_map(|line| line.strip_prefix("data:"))
        .map(|data| serde_json::from_str(data).unwrap())
        .collect();
    let [agreed, changed, last] = &heard[..] else { panic!("{text}") };
    assert_eq!(agreed["params"]["notifications"], json!({ "toolsListChanged": true }));
    assert_eq!(changed["method"], "notifications/tools/list_changed");
    assert_eq!(changed["params"]["_meta"]["io.modelcontextprotocol/subscriptionId"], "mine");
    assert_eq!(last["id"], "mine");
}

#[test]
fn a_held_call_is_told_of_progress_that_only_rises() {
    let attack = Attack::new("", |head, message, stream| {
        if message["params"]["name"] != "pay" {
            return polite(head, message, stream);
        }
        drop(stream.write_all(BEGUN.as_bytes()));
        for progress in ["0", "0.0000005", "1", "0.5", "2"] {
            let token = &message["params"]["_meta"]["progressToken"];
            let told = format!(
                r#"{{"jsonrpc":"2.0","method":"notifications/progress","params":{{"progressToken":{token},"progress":{progress}}}}}"#
            );
            drop(stream.write_all(format!("data: {told}\n\n").as_bytes()));
        }
        let done = json!({ "jsonrpc": "2.0", "id": message["id"], "result": { "content": [] } });
        drop(stream.write_all(format!("data: {done}\n\n").as_bytes()));
    });
    let params = json!({ "name": "pay", "arguments": {}, "_meta": { "progressToken": "p\"1" } });
    let body = json!({ "jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params }).to_string();
    let mut client = open(&attack, "POST", &[], Some(&body));
    assert_eq!(client.head().status, 200);
    let mut next = || serde_json::from_str::<Value>(&data(&mut client)).unwrap();
    let mut seen = Vec::new();
    while seen.len() < 2 {
        let told = next();
        assert_eq!(told["params"]["progressToken"], "p\"1", "{told}");
        let waits = told["params"]["message"].as_str().unwrap();
        assert!(waits.starts_with("waiting for approval apr_") && waits.contains("dba"), "{told}");
        seen.push(told["params"]["progress"].as_f64().unwrap());
    }
    attack.approve();
    let last = loop {
        let told = next();
        match told["params"]["progress"].as_f64() {
            Some(progress) => seen.push(progress),
            None => break told,
        }
    };
    assert!(last["result"].is_object(), "{last}");
    assert!(seen.windows(2).all(|pair| pair[0] < pair[1]), "{seen:?}");
    assert_eq!(seen[seen.len() - 2..], [1.0, 2.0], "{seen:?}");
    wait_until("it ran", Duration::from_secs(1), || attack.arrived("tools/call").len() == 1);
}
