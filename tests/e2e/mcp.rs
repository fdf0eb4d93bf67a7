//! MCP through the gateway: official clients and the official conformance suite at a real server.

use std::thread;
use std::time::Duration;
use std::time::Instant;

use serde_json::Value;
use serde_json::json;

use crate::support::client::Client;
use crate::support::client::request;
use crate::support::mcp::ACCEPT;
use crate::support::mcp::ALL;
use crate::support::mcp::MCP_TOKEN;
use crate::support::mcp::Mcp;
use crate::support::mcp::answer;
use crate::support::mcp::peer;

/// The server may ask the client whatever there is to ask.
pub const OPEN: &str = "allow_server_requests = [\"elicitation\", \"roots\", \"sampling\"]";

/// Each client, and how it is started.
pub const CLIENTS: [(&str, &str, [&str; 2]); 8] = [
    ("py2 auto", "py2", ["client.py", "auto"]),
    ("py2 legacy", "py2", ["client.py", "legacy"]),
    ("py2 2026-07-28", "py2", ["client.py", "2026-07-28"]),
    ("py1", "py1", ["client.py", "legacy"]),
    ("ts1", "node", ["client.mjs", "sdk"]),
    ("ts2 auto", "node", ["client.mjs", "auto"]),
    ("ts2 legacy", "node", ["client.mjs", "legacy"]),
    ("ts2 2026-07-28", "node", ["client.mjs", "2026-07-28"]),
];

#[test]
fn each_client_sees_the_same_as_without_a_gateway() {
    let mcp = Mcp::new(OPEN, ALL);
    let (token, url) = (mcp.world.token("reader"), mcp.url());
    for (name, program, args) in CLIENTS {
        let env = |url, token| {
            [("MCP_URL", url), ("MCP_TOKEN", token), ("MCP_LONG", "1"), ("MCP_DENIED", "no_such_tool")]
        };
        // Both at once: they wait more than they work.
        let (direct, through) = thread::scope(|scope| {
            let direct = scope.spawn(|| peer(program, &args, &env(&mcp.direct, MCP_TOKEN)));
            let through = peer(program, &args, &env(&url, &token));
            (direct.join().unwrap(), through)
        });
        assert_eq!(direct.0, 0, "{name} directly: {}", direct.2);
        assert_eq!((through.0, &through.1), (0, &direct.1), "{name}: {}\n{}", through.2, mcp.world.log());
        assert!(direct.1.contains("closed"), "{name} did not come to its end: {}", direct.1);
    }
}

fn conformance(mcp: &Mcp, revision: &str, scenario: Option<&str>) -> (i32, String, String) {
    let token = mcp.world.token("reader");
    let expected = format!("expected-{revision}.txt");
    let mut args = vec!["conformance.mjs", "", revision, "--against", &expected];
    let url = mcp.url();
    args[1] = &url;
    if let Some(scenario) = scenario {
        args.extend(["--scenario", scenario]);
    }
    peer("node", &args, &[("MCP_TOKEN", &token)])
}

#[test]
fn the_official_suite_says_the_same_as_without_a_gateway() {
    let mcp = Mcp::new(OPEN, ALL);
    for revision in ["2025-11-25", "2026-07-28"] {
        let (code, out, err) = conformance(&mcp, revision, None);
        assert_eq!(code, 0, "{revision}: {err}\n{}", mcp.world.log());
        assert!(out.lines().count() > 80, "{out}");
    }
}

/// What the suite says otherwise than of the server itself: checks that are missing begin with `-`, others with `+`.
fn differs(mcp: &Mcp, revision: &str) -> Vec<String> {
    let (_, out, err) = conformance(mcp, revision, None);
    assert!(out.lines().count() > 80, "{revision}: {out}\n{err}\n{}", mcp.world.log());
    err.lines().filter(|line| line.starts_with("- ") || line.starts_with("+ ")).map(str::to_owned).collect()
}

/// The checks of this name in these scenarios fail, and nothing else is otherwise.
fn fail(checks: &[(&str, &str)]) -> Vec<String> {
    let line = |sign, (scenario, name), how| format!("{sign} {scenario} {scenario} {name} {how}");
    let missing = checks.iter().map(|check| line("-", *check, "SUCCESS"));
    missing.chain(checks.iter().map(|check| line("+", *check, "FAILURE"))).collect()
}

#[test]
fn the_official_suite_misses_one_denied_tool_and_nothing_else() {
    let deny = r#"
[[policy]]
id = "no-text"
effect = "deny"
match = { connections = ["tools"], tools = ["test_simple_text"] }
"#;
    let mcp = Mcp::new(OPEN, &format!("{ALL}{deny}"));
    for revision in ["2025-11-25", "2026-07-28"] {
        let missed = fail(&[("tools-call-simple-text", "ToolsCallSimpleText")]);
        assert_eq!(differs(&mcp, revision), missed, "{revision}: {}", mcp.world.log());
    }
}

const MASKS: &str = r#"
[[mask]]
id = "pii"
match = { connections = ["tools"] }
fields = ["iban", "email"]
entities = ["IBAN", "CREDIT_CARD"]
"#;

#[test]
fn the_official_suite_misses_what_cannot_be_masked_and_nothing_else() {
    let mcp = Mcp::new(OPEN, &format!("{ALL}{MASKS}"));
    // What is no text cannot be masked, so it is withheld.
    let binary = [
        ("prompts-get-with-image", "PromptsGetWithImage"),
        ("resources-read-binary", "ResourcesReadBinary"),
        ("tools-call-audio", "ToolsCallAudio"),
        ("tools-call-image", "ToolsCallImage"),
        ("tools-call-mixed-content", "ToolsCallMixedContent"),
    ];
    for revision in ["2025-11-25", "2026-07-28"] {
        assert_eq!(differs(&mcp, revision), fail(&binary), "{revision}: {}", mcp.world.log());
    }
}

#[test]
fn the_official_suite_misses_nothing_where_masks_find_nothing_and_what_is_no_text_may_pass() {
    let mcp = Mcp::new(&format!("{OPEN}\nbinary = \"allow\""), &format!("{ALL}{MASKS}"));
    for revision in ["2025-11-25", "2026-07-28"] {
        assert_eq!(differs(&mcp, revision), fail(&[]), "{revision}: {}", mcp.world.log());
    }
}

#[test]
fn a_denied_tool_is_gone_from_lists_and_calls_and_nothing_else_is() {
    let deny = r#"
[[policy]]
id = "no-echo"
effect = "deny"
match = { connections = ["tools"], tools = ["echo"] }
"#;
    let mcp = Mcp::new(OPEN, &format!("{ALL}{deny}"));
    let token = mcp.world.token("reader");
    let listed = |answer: &Value| {
        let tools = answer["result"]["tools"].as_array().unwrap();
        tools.iter().map(|tool| tool["name"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    let tools = listed(&mcp.ask(&token, "tools/list", json!({})));
    assert!(!tools.contains(&"echo".to_owned()) && tools.contains(&"tally".to_owned()), "{tools:?}");
    let refused = mcp.call(&token, "echo", &json!({ "message": "x" }));
    let unknown = mcp.call(&token, "no_such_tool", &json!({}));
    assert_eq!(refused["error"], json!({ "code": -32602, "message": "Unknown tool: echo" }));
    assert_eq!(unknown["error"]["code"], -32602, "{unknown}");
    assert_eq!(mcp.tally("echo"), 0);
    let scope = mcp.ask(&token, "tools/list", json!({}));
    assert_eq!(scope["result"]["cacheScope"], "private", "a filtered list is nobody else's");
}

#[test]
fn an_argument_that_a_policy_forbids_is_refused_in_words_that_a_model_reads() {
    let rules = r#"
[[policy]]
id = "small-waits"
effect = "allow"
match = { groups = ["support"], connections = ["tools"], tools = ["wait"], args = { "milliseconds" = "< 100" } }
"#;
    let mcp = Mcp::new("", rules);
    let token = mcp.world.token("reader");
    assert_done(&mcp.call(&token, "wait", &json!({ "milliseconds": 1, "steps": 1 })));
    let refused = mcp.call(&token, "wait", &json!({ "milliseconds": 5000, "steps": 1 }));
    assert_eq!(refused["result"]["isError"], true, "{refused}");
    let text = refused["result"]["content"][0]["text"].as_str().unwrap();
    assert!(text.contains("not done") && text.contains("Do not try it again"), "{text}");
    assert_eq!(refused["result"]["_meta"]["dev.hoopctl/decision"]["code"], "denied");
    // What no policy names is not even there.
    assert_eq!(
        mcp.call(&token, "echo", &json!({ "message": "x" }))["error"]["message"],
        "Unknown tool: echo"
    );
    assert_eq!(mcp.tally("wait"), 1);
}

const HOLD: &str = r#"
[[policy]]
id = "reads"
effect = "allow"
match = { groups = ["support"], connections = ["tools"], operations = ["read"] }
[[policy]]
id = "notes"
effect = "approve"
match = { groups = ["support"], connections = ["tools"], tools = ["add_note"] }
approval = { from = ["dba"], timeout = "5m" }
"#;

/// The tool was called and says that it went well.
fn assert_done(answer: &Value) {
    let result = &answer["result"];
    assert!(result["content"].is_array() && result["isError"] != json!(true), "{answer}");
}

fn approve(mcp: &Mcp) -> String {
    let pending = mcp.world.wait_pending();
    let id = pending["id"].as_str().unwrap().to_owned();
    mcp.world.ok(&["approval", "approve", &id]);
    id
}

#[test]
fn a_held_call_waits_on_an_open_stream_and_runs_once() {
    let mcp = Mcp::new("", HOLD);
    let token = mcp.world.token("reader");
    let arguments = json!({ "text": "4111 1111 1111 1111" });
    thread::scope(|scope| {
        let call = scope.spawn(|| mcp.call(&token, "add_note", &arguments));
        let pending = mcp.world.wait_pending();
        let shown = mcp.world.cli(&["approval", "show", pending["id"].as_str().unwrap()]).1;
        assert!(shown.contains("tools/call add_note") && shown.contains("\"text\""), "{shown}");
        assert_eq!(mcp.tally("add_note"), 0, "it reached the server before the word of anybody");
        approve(&mcp);
        let done = call.join().unwrap();
        assert_done(&done);
    });
    assert_eq!(mcp.tally("add_note"), 1);
    // A no is a no.
    thread::scope(|scope| {
        let call = scope.spawn(|| mcp.call(&token, "add_note", &arguments));
        let pending = mcp.world.wait_pending();
        mcp.world.ok(&["approval", "deny", pending["id"].as_str().unwrap(), "-r", "no"]);
        let refused = call.join().unwrap();
        assert_eq!(
            refused["result"]["_meta"]["dev.hoopctl/decision"]["code"], "approval_denied",
            "{refused}"
        );
    });
    assert_eq!(mcp.tally("add_note"), 1);
}

#[test]
fn a_call_that_nobody_decided_in_time_goes_on_waiting_when_it_is_sent_again() {
    let mcp = Mcp::new("limits = { approval_wait = \"1s\" }", HOLD);
    let token = mcp.world.token("reader");
    let arguments = json!({ "text": "x" });
    let first = mcp.call(&token, "add_note", &arguments);
    let decision = &first["result"]["_meta"]["dev.hoopctl/decision"];
    assert_eq!(
        (first["result"]["isError"].as_bool(), decision["code"].as_str()),
        (Some(true), Some("approval_pending"))
    );
    let second = mcp.call(&token, "add_note", &arguments);
    assert_eq!(second["result"]["_meta"]["dev.hoopctl/decision"]["approval_id"], decision["approval_id"]);
    assert_eq!(Value::from(approve(&mcp)), decision["approval_id"]);
    // Other arguments are another call.
    let other = mcp.call(&token, "add_note", &json!({ "text": "y" }));
    assert_ne!(other["result"]["_meta"]["dev.hoopctl/decision"]["approval_id"], decision["approval_id"]);
    let third = mcp.call(&token, "add_note", &arguments);
    assert_done(&third);
    assert_eq!(mcp.tally("add_note"), 1);
}

#[test]
fn a_late_approval_reaches_each_client_at_its_default_settings() {
    // The whole of it is what people wait: longer than the 60 s that some clients do.
    let long = std::env::var("HOOPCTL_LONG_TESTS").is_ok_and(|value| value == "1");
    let (options, late) = if long { ("", 90) } else { ("limits = { approval_wait = \"4s\" }", 10) };
    let mcp = Mcp::new(options, HOLD);
    let (token, url) = (mcp.world.token("reader"), mcp.url());
    thread::scope(|scope| {
        let began = Instant::now();
        let clients = CLIENTS.map(|(name, program, args)| {
            let (url, token) = (url.as_str(), token.as_str());
            scope.spawn(move || {
                let env = [("MCP_URL", url), ("MCP_TOKEN", token), ("MCP_STEPS", "held"), ("MCP_HELD", name)];
                (name, peer(program, &args, &env))
            })
        });
        let pending = || mcp.world.list(&["approval", "list", "--state", "pending"]);
        while pending().len() < CLIENTS.len() {
            assert!(began.elapsed() < Duration::from_mins(1), "not all are held: {:?}", pending());
            thread::sleep(Duration::from_millis(200));
        }
        // The last to come has to wait as long.
        thread::sleep(Duration::from_secs(late));
        for approval in pending() {
            mcp.world.ok(&["approval", "approve", approval["id"].as_str().unwrap()]);
        }
        for client in clients {
            let (name, (code, out, err)) = client.join().unwrap();
            let held = out.lines().find(|line| line.starts_with("held ")).unwrap_or_default();
            let told = held.strip_prefix("held asked again ").and_then(|rest| rest.split_once(" times ok "));
            let again: usize =
                told.unwrap_or_else(|| panic!("{name}: {code} {out} {err}")).0.parse().unwrap();
            assert!(again >= 1, "{name}: {out}");
        }
    });
    assert_eq!(mcp.tally("add_note"), CLIENTS.len() as u64, "each once");
}

#[test]
fn a_client_that_cancels_takes_its_call_along() {
    let mcp = Mcp::new("", HOLD);
    let token = mcp.world.token("reader");
    let hello = r#"{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"protocolVersion":"2025-11-25","capabilities":{},"clientInfo":{"name":"x","version":"1"}}}"#;
    let session = mcp.post(&token, &[], hello).header("mcp-session-id").unwrap().to_owned();
    let of_session = ("Mcp-Session-Id", session.as_str());
    let body = r#"{"jsonrpc":"2.0","id":"a","method":"tools/call","params":{"name":"add_note","arguments":{"text":"x"},"_meta":{"progressToken":"p"}}}"#;
    let headers = [ACCEPT, ("Content-Type", "application/json"), of_session];
    let mut client = Client::connect(mcp.world.port);
    client.send(request("POST", "/c/tools", Some(&token), &headers, Some(body)));
    assert_eq!(client.head().status, 200, "the stream is open before anybody decides");
    let pending = mcp.world.wait_pending();
    let state = |pending: &Value| {
        mcp.world.json(&["approval", "show", pending["id"].as_str().unwrap()])["state"].clone()
    };
    let cancel = r#"{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":"a"}}"#;
    // Neither somebody else's word counts, nor that of another client of the same principal.
    mcp.post(&mcp.world.token("writer"), &[of_session], cancel);
    mcp.post(&token, &[], cancel);
    assert_eq!(state(&pending), "pending");
    assert_eq!(mcp.post(&token, &[of_session], cancel).status, 202);
    thread::sleep(Duration::from_millis(500));
    assert_eq!(state(&pending), "cancelled");
    assert_eq!(mcp.tally("add_note"), 0);
}

#[test]
fn personal_data_is_masked_wherever_it_stands() {
    let masks = r#"
[[mask]]
id = "pii"
match = { connections = ["tools"] }
fields = ["iban"]
entities = ["EMAIL_ADDRESS", "IBAN"]
"#;
    let mcp = Mcp::new("", &format!("{ALL}{masks}"));
    let token = mcp.world.token("reader");
    let direct = "GB82WEST12345698765432";
    let called = mcp.call(&token, "customers", &json!({})).to_string();
    let read = mcp.ask(&token, "resources/read", json!({ "uri": "test://customer-file" })).to_string();
    for text in [&called, &read] {
        assert!(!text.contains(direct) && !text.contains("ada@example.com"), "{text}");
        assert!(text.contains("Ada Lovelace"), "{text}");
    }
    let session = mcp.world.list(&["session", "list"])[0]["id"].as_str().unwrap().to_owned();
    let recorded = format!("{:?}", mcp.world.events(&session));
    assert!(
        recorded.contains("Ada Lovelace")
            && !recorded.contains(direct)
            && !recorded.contains("ada@example.com")
    );
}

#[test]
fn the_clients_token_never_arrives_and_the_credential_never_comes_back() {
    let mcp = Mcp::new("", ALL);
    let token = mcp.world.token("reader");
    let headers = [("Cookie", "a=b"), ("X-Forwarded-For", "1.2.3.4")];
    let body =
        r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"seen","arguments":{"a":1.10}}}"#;
    let seen = answer(&mcp.post(&token, &headers, body)).to_string();
    let direct = mcp.call(&token, "seen", &json!({})).to_string();
    for text in [&seen, &direct] {
        for secret in [&*token, MCP_TOKEN, "a=b", "1.2.3.4"] {
            assert!(!text.contains(secret), "{secret} in {text}");
        }
    }
}

#[test]
fn a_session_is_its_own_principals() {
    let mcp = Mcp::new("", &ALL.replace("[\"support\"]", "[\"support\", \"etl\"]"));
    let (token, stranger) = (mcp.world.token("reader"), mcp.world.token("writer"));
    let hello = r#"{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"protocolVersion":"2025-11-25","capabilities":{},"clientInfo":{"name":"x","version":"1"}}}"#;
    let begun = mcp.post(&token, &[], hello);
    let session = begun.header("mcp-session-id").unwrap().to_owned();
    let list = r#"{"jsonrpc":"2.0","id":2,"method":"tools/list"}"#;
    let with = |token: &str, session: &str, body: &str| mcp.post(token, &[("Mcp-Session-Id", session)], body);
    assert_eq!(
        with(&token, &session, r#"{"jsonrpc":"2.0","method":"notifications/initialized"}"#).status,
        202
    );
    assert!(answer(&with(&token, &session, list))["result"]["tools"].is_array());
    assert_eq!(with(&stranger, &session, list).status, 404);
    assert_eq!(with(&token, "0".repeat(64).as_str(), list).status, 404);
    let mut client = Client::connect(mcp.world.port);
    for (method, status) in [("GET", 404), ("DELETE", 404)] {
        let headers = [("Accept", "text/event-stream"), ("Mcp-Session-Id", session.as_str())];
        client.send(request(method, "/c/tools", Some(&stranger), &headers, None));
        assert_eq!(client.reply().status, status, "{method} by a stranger");
    }
    client.send(request("DELETE", "/c/tools", Some(&token), &[("Mcp-Session-Id", session.as_str())], None));
    assert!((200..300).contains(&client.reply().status));
    assert_eq!(with(&token, &session, list).status, 404);
}

#[test]
fn what_is_not_one_message_with_one_reading_is_refused() {
    let mcp = Mcp::new("", ALL);
    let token = mcp.world.token("reader");
    let call =
        |params: &str| format!(r#"{{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{params}}}"#);
    let deep = format!("{}1{}", "[".repeat(70), "]".repeat(70));
    for (body, code) in [
        (r#"[{"jsonrpc":"2.0","id":1,"method":"tools/list"}]"#.to_owned(), -32600),
        ("{".to_owned(), -32700),
        (call(r#"{"name":"tally","name":"echo"}"#), -32600),
        (call(r#"{"name":"tally","n\u0061me":"echo"}"#), -32600),
        (call(r#"{"name":"tally","Name":"echo"}"#), -32600),
        (call(r#"{"name":"echo","arguments":{"message":"a","message":"b"}}"#), -32600),
        (call(&format!(r#"{{"name":"echo","arguments":{deep}}}"#)), -32700),
        (r#"{"jsonrpc":"2.0","id":null,"method":"tools/list"}"#.to_owned(), -32600),
        (r#"{"jsonrpc":"2.0","id":1.5,"method":"tools/list"}"#.to_owned(), -32600),
        (r#"{"jsonrpc":"1.0","id":1,"method":"tools/list"}"#.to_owned(), -32600),
        (r#"{"jsonrpc":"2.0","id":1,"method":"tools/list","result":{}}"#.to_owned(), -32600),
    ] {
        let reply = mcp.post(&token, &[], &body);
        assert_eq!((reply.status, answer(&reply)["error"]["code"].as_i64()), (400, Some(code)), "{body}");
    }
    let unasked = mcp.post(&token, &[], r#"{"jsonrpc":"2.0","id":5,"result":{}}"#);
    assert_eq!(unasked.status, 400, "an answer that nobody asked for");
    assert_eq!(mcp.tally("echo"), 0, "nothing of it was called");
}

#[test]
fn strangers_are_told_where_tokens_are_had_and_pages_of_others_nothing() {
    let mcp = Mcp::new("", ALL);
    let (token, stranger) = (mcp.world.token("reader"), mcp.world.token("stranger"));
    let mut client = Client::connect(mcp.world.port);
    let headers = [ACCEPT, ("Content-Type", "application/json")];
    let list = r#"{"jsonrpc":"2.0","id":2,"method":"tools/list"}"#;
    // Whoever may not use a connection does not learn what stands behind its name: an MCP server, an API, or nothing.
    let page = ("Origin", "https://evil.example");
    for (token, headers, status) in [
        (None, &headers[..], 401),
        (None, &[ACCEPT, page], 401),
        (Some("garbage"), &[page], 401),
        (Some(&*stranger), &headers, 404),
        (Some(&*stranger), &[ACCEPT, page], 404),
    ] {
        let told = ["tools", "crm", "nothing"].map(|name| {
            client.send(request("POST", &format!("/c/{name}"), token, headers, Some(list)));
            let mut reply = client.reply();
            let mut body = reply.json();
            assert_eq!(reply.status, status, "{name}: {body}");
            body["request_id"] = Value::Null;
            reply.headers.retain(|(name, _)| !name.eq_ignore_ascii_case("hoopctl-request-id"));
            for (field, value) in &mut reply.headers {
                if field.eq_ignore_ascii_case("date") || field.eq_ignore_ascii_case("content-length") {
                    value.clear();
                }
                *value = value.replace(&format!("/c/{name}\""), "/c/NAME\"");
            }
            assert_eq!(reply.header("www-authenticate").is_some(), status == 401, "{name}");
            (body.to_string(), reply.headers)
        });
        assert_eq!(told[0], told[1], "{headers:?}");
        assert_eq!(told[0], told[2], "{headers:?}");
    }
    client.send(request("POST", "/c/tools", None, &headers, Some(list)));
    let reply = client.reply();
    let challenge = reply.header("www-authenticate").unwrap().to_owned();
    assert_eq!(reply.status, 401);
    let url = challenge.split('"').nth(1).unwrap();
    assert!(url.ends_with("/.well-known/oauth-protected-resource/c/tools"), "{challenge}");
    client.send(request("GET", "/.well-known/oauth-protected-resource/c/tools", None, &[], None));
    let metadata = client.reply().json();
    assert!(metadata["resource"].as_str().unwrap().ends_with("/c/tools"), "{metadata}");
    assert_eq!(metadata["authorization_servers"].as_array().unwrap().len(), 1);
    let evil = [ACCEPT, ("Content-Type", "application/json"), ("Origin", "http://evil.example")];
    client.send(request("POST", "/c/tools", Some(&token), &evil, Some(list)));
    assert_eq!(client.reply().status, 403);
    let wrong = [("Accept", "application/json"), ("Content-Type", "application/json")];
    client.send(request("POST", "/c/tools", Some(&token), &wrong, Some(list)));
    assert_eq!(client.reply().status, 406);
    client.send(request(
        "POST",
        "/c/tools",
        Some(&token),
        &[ACCEPT, ("Content-Type", "text/plain")],
        Some(list),
    ));
    assert_eq!(client.reply().status, 415);
    // An API is not reached through MCP's door, nor the other way round.
    client.send(request("POST", "/c/tools?access_token=x", Some(&token), &headers, Some(list)));
    assert_eq!(client.reply().status, 400);
}
