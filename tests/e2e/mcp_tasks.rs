//! Calls of MCP that wait for people as tasks of the gateway's own, and attacks on them.

use std::thread;
use std::time::Duration;
use std::time::Instant;

use serde_json::Value;
use serde_json::json;

use crate::support::mcp::Mcp;
use crate::support::mcp::answer;
use crate::support::mcp::peer;

const TASKS: &str = "io.modelcontextprotocol/tasks";
/// Notes and customers wait for people, for everybody who may use the server; `{}` is how long.
const HOLD: &str = r#"
[[policy]]
id = "reads"
effect = "allow"
match = { groups = ["support", "etl"], connections = ["tools"], operations = ["read"] }
[[policy]]
id = "held"
effect = "approve"
match = { groups = ["support", "etl"], connections = ["tools"], tools = ["add_note", "customers", "test_error_handling"] }
approval = { from = ["dba"], timeout = "5m" }
"#;

/// Sends a request of a client that knows tasks; gives the status of HTTP, and the answer.
fn asked(mcp: &Mcp, token: &str, method: &str, mut params: Value) -> (u16, Value) {
    params["_meta"] = json!({
        "io.modelcontextprotocol/protocolVersion": "2026-07-28",
        "io.modelcontextprotocol/clientCapabilities": { "extensions": { TASKS: {} } },
    });
    let name = params["name"].as_str().or(params["taskId"].as_str()).unwrap_or_default().to_owned();
    let body = json!({ "jsonrpc": "2.0", "id": "a", "method": method, "params": params }).to_string();
    let headers = [("Mcp-Protocol-Version", "2026-07-28"), ("Mcp-Method", method), ("Mcp-Name", &name)];
    let reply = mcp.post(token, &headers, &body);
    let kind = reply.header("content-type").unwrap_or_default().to_owned();
    let answer = answer(&reply);
    assert_eq!(answer["id"], "a", "{method} {kind}: {answer}");
    (reply.status, answer)
}

fn ask(mcp: &Mcp, token: &str, method: &str, params: Value) -> Value {
    asked(mcp, token, method, params).1
}

/// Calls a tool; gives the task that it became.
fn begin(mcp: &Mcp, token: &str, tool: &str, arguments: &Value) -> Value {
    let told = ask(mcp, token, "tools/call", json!({ "name": tool, "arguments": arguments }));
    let task = told["result"].clone();
    assert_eq!(task["resultType"], "task", "{told}\n{}", mcp.world.log());
    task
}

fn note(mcp: &Mcp, token: &str, text: &str) -> Value {
    begin(mcp, token, "add_note", &json!({ "text": text }))
}

fn about(mcp: &Mcp, token: &str, method: &str, task: &Value) -> Value {
    ask(mcp, token, method, json!({ "taskId": task["taskId"] }))
}

fn get(mcp: &Mcp, token: &str, task: &Value) -> Value {
    let told = about(mcp, token, "tasks/get", task);
    assert_eq!(told["result"]["resultType"], "complete", "{told}");
    assert_eq!(told["result"]["taskId"], task["taskId"], "{told}");
    told["result"].clone()
}

/// Asks until it is over.
fn over(mcp: &Mcp, token: &str, task: &Value) -> Value {
    let begin = Instant::now();
    loop {
        let told = get(mcp, token, task);
        if told["status"] != "working" {
            return told;
        }
        assert!(begin.elapsed() < Duration::from_secs(15), "it does not end: {told}\n{}", mcp.world.log());
        thread::sleep(Duration::from_millis(100));
    }
}

fn decide(mcp: &Mcp, words: &[&str]) {
    let pending = mcp.world.wait_pending();
    let args = [&["approval", words[0], pending["id"].as_str().unwrap()], &words[1..]].concat();
    let (code, _, err) = mcp.world.cli(&args);
    assert_eq!(code, 0, "{err}");
}

fn state(mcp: &Mcp, pending: &Value) -> Value {
    mcp.world.json(&["approval", "show", pending["id"].as_str().unwrap()])["state"].clone()
}

#[test]
fn a_call_is_a_task_at_once_and_runs_once_when_it_is_approved() {
    let mcp = Mcp::new("", HOLD);
    let token = mcp.world.token("reader");
    let began = Instant::now();
    let task = note(&mcp, &token, "x");
    assert!(began.elapsed() < Duration::from_secs(5), "it was held");
    let pending = mcp.world.wait_pending();
    let said = task["statusMessage"].as_str().unwrap();
    assert!(said.contains(pending["id"].as_str().unwrap()) && said.contains("dba"), "{said}");
    for (member, ok) in [
        ("status", task["status"] == "working"),
        ("ttlMs", task["ttlMs"].as_u64().is_some_and(|ttl| (890_000..=910_000).contains(&ttl))),
        ("pollIntervalMs", task["pollIntervalMs"].as_u64().is_some_and(|poll| poll > 0)),
        ("createdAt", task["createdAt"].as_str().is_some_and(|at| at.starts_with("20") && at.ends_with('Z'))),
        ("lastUpdatedAt", task["lastUpdatedAt"].is_string()),
        ("result", task.get("result").is_none() && task.get("error").is_none()),
    ] {
        assert!(ok, "{member}: {task}");
    }
    // No client is connected; nothing is sent, and the task is there.
    assert_eq!(get(&mcp, &token, &task)["status"], "working");
    assert_eq!(about(&mcp, &token, "tasks/update", &task)["result"], json!({ "resultType": "complete" }));
    // Whose answer was lost finds it again by the same call.
    assert_eq!(note(&mcp, &token, "x")["taskId"], task["taskId"]);
    assert_ne!(note(&mcp, &token, "y")["taskId"], task["taskId"], "another call is another one");
    assert_eq!(mcp.tally("add_note"), 0);
    mcp.world.ok(&["approval", "approve", pending["id"].as_str().unwrap()]);
    for _again in 0..2 {
        let done = over(&mcp, &token, &task);
        assert_eq!(done["status"], "completed", "{done}");
        assert!(done["result"]["content"].is_array() && done["result"]["isError"] != json!(true), "{done}");
        assert!(done.get("error").is_none() && done.get("statusMessage").is_none(), "{done}");
    }
    assert_eq!(mcp.tally("add_note"), 1);
    assert_eq!(about(&mcp, &token, "tasks/cancel", &task)["result"], json!({ "resultType": "complete" }));
    assert_eq!(get(&mcp, &token, &task)["status"], "completed", "what is over stays as it ended");
    // Its end was heard: the same call is another one now.
    assert_ne!(note(&mcp, &token, "x")["taskId"], task["taskId"]);
    let session = mcp.world.list(&["session", "list"])[0]["id"].as_str().unwrap().to_owned();
    let events = mcp.world.events(&session);
    let own = events.iter().filter(|event| event["data"]["own"] == true).count();
    assert!(own >= 8, "what the gateway answered itself is recorded: {own}");
    let out = mcp.world.ok(&["session", "export", &session, "--format", "mcp-fixture"]);
    let exported: Value = serde_json::from_str(&out).unwrap();
    let exchanges = exported["exchanges"].as_array().unwrap();
    assert_eq!(exchanges.len(), 1, "one call came to the target: {exported}");
    assert!(exchanges[0]["responses"][0]["result"]["content"].is_array(), "{exported}");
}

#[test]
fn what_a_target_says_went_wrong_is_a_result() {
    let mcp = Mcp::new("", HOLD);
    let token = mcp.world.token("reader");
    let task = begin(&mcp, &token, "test_error_handling", &json!({}));
    decide(&mcp, &["approve"]);
    let done = over(&mcp, &token, &task);
    assert_eq!((&done["status"], &done["result"]["isError"]), (&json!("completed"), &json!(true)), "{done}");
}

#[test]
fn a_no_and_no_word_at_all_fail_a_task_in_words() {
    let mcp = Mcp::new("", &HOLD.replace("\"5m\"", "\"3s\""));
    let token = mcp.world.token("reader");
    let task = note(&mcp, &token, "x");
    decide(&mcp, &["deny", "-r", "not on a Friday"]);
    let denied = over(&mcp, &token, &task);
    assert_eq!(denied["status"], "failed", "{denied}");
    let error = &denied["error"];
    assert!(error["message"].as_str().unwrap().contains("an approver denied it: not on a Friday"), "{error}");
    assert_eq!(
        (&error["code"], &error["data"]["code"]),
        (&json!(4030), &json!("approval_denied")),
        "{error}"
    );
    assert!(denied.get("result").is_none());
    let task = note(&mcp, &token, "y");
    let expired = over(&mcp, &token, &task);
    assert_eq!(
        (&expired["status"], &expired["error"]["data"]["code"]),
        (&json!("failed"), &json!("approval_expired"))
    );
    assert!(expired["error"]["message"].as_str().unwrap().contains("not done"), "{expired}");
    assert_eq!(mcp.tally("add_note"), 0);
}

#[test]
fn who_cancels_takes_the_approval_along() {
    let mcp = Mcp::new("", HOLD);
    let token = mcp.world.token("reader");
    let task = note(&mcp, &token, "x");
    let pending = mcp.world.wait_pending();
    for _again in 0..2 {
        assert_eq!(about(&mcp, &token, "tasks/cancel", &task)["result"], json!({ "resultType": "complete" }));
        assert_eq!(get(&mcp, &token, &task)["status"], "cancelled");
    }
    let begin = Instant::now();
    while state(&mcp, &pending) != "cancelled" {
        assert!(begin.elapsed() < Duration::from_secs(5), "{}", state(&mcp, &pending));
        thread::sleep(Duration::from_millis(50));
    }
    assert_ne!(mcp.world.cli(&["approval", "approve", pending["id"].as_str().unwrap()]).0, 0);
    assert_eq!(mcp.tally("add_note"), 0);
    assert_ne!(note(&mcp, &token, "x")["taskId"], task["taskId"]);
}

#[test]
fn to_anybody_else_there_is_no_task() {
    let mcp = Mcp::new("", HOLD);
    let (token, stranger) = (mcp.world.token("reader"), mcp.world.token("writer"));
    let task = note(&mcp, &token, "x");
    let pending = mcp.world.wait_pending();
    for method in ["tasks/get", "tasks/cancel", "tasks/update"] {
        let none = asked(&mcp, &token, method, json!({ "taskId": "0".repeat(48) }));
        assert_eq!(none.1["error"], json!({ "code": -32602, "message": "Task not found" }), "{method}");
        assert_eq!(asked(&mcp, &stranger, method, json!({ "taskId": task["taskId"] })), none, "{method}");
    }
    // Another client's own call of the same words is its own task.
    assert_ne!(note(&mcp, &stranger, "x")["taskId"], task["taskId"]);
    assert_eq!(state(&mcp, &pending), "pending");
    assert_eq!(get(&mcp, &token, &task)["status"], "working");
    // Nor is there one in the older era, or without the client's word that it knows tasks.
    let old =
        json!({ "jsonrpc": "2.0", "id": 1, "method": "tasks/get", "params": { "taskId": task["taskId"] } });
    assert_eq!(answer(&mcp.post(&token, &[], &old.to_string()))["error"]["code"], -32602);
    let unable = json!({ "jsonrpc": "2.0", "id": 1, "method": "tasks/get", "params": { "taskId": task["taskId"], "_meta": {
        "io.modelcontextprotocol/protocolVersion": "2026-07-28", "io.modelcontextprotocol/clientCapabilities": {} } } });
    let id = task["taskId"].as_str().unwrap();
    let headers = [("Mcp-Protocol-Version", "2026-07-28"), ("Mcp-Method", "tasks/get"), ("Mcp-Name", id)];
    let reply = mcp.post(&token, &headers, &unable.to_string());
    assert_eq!((reply.status, answer(&reply)["error"]["code"].as_i64()), (400, Some(-32021)));
    assert!(answer(&reply)["error"]["data"]["requiredCapabilities"]["extensions"][TASKS].is_object());
    // There is no such method, whoever asks.
    assert_eq!(about(&mcp, &token, "tasks/steal", &task)["error"]["code"], -32601);
}

#[test]
fn who_does_not_know_tasks_waits_on_a_stream_as_before() {
    let mcp = Mcp::new("limits = { approval_wait = \"1s\" }", HOLD);
    let token = mcp.world.token("reader");
    let held = mcp.call(&token, "add_note", &json!({ "text": "x" }));
    assert_eq!(held["result"]["_meta"]["dev.hoopctl/decision"]["code"], "approval_pending", "{held}");
    // Nor does what needs no approval become a task.
    let free = ask(&mcp, &token, "tools/list", json!({}));
    assert!(free["result"]["tools"].is_array(), "{free}");
}

#[test]
fn a_result_is_masked_in_its_task_and_by_masks_that_came_later() {
    let mask = "[[mask]]\nid = \"pii\"\nmatch = { connections = [\"tools\"] }\nfields = [\"iban\"]\nentities = [\"IBAN\"]\n";
    let mcp = Mcp::new("", &format!("{HOLD}{mask}"));
    let token = mcp.world.token("reader");
    let task = begin(&mcp, &token, "customers", &json!({}));
    decide(&mcp, &["approve"]);
    let done = over(&mcp, &token, &task).to_string();
    assert!(done.contains("Ada Lovelace") && done.contains("ada@example.com"), "{done}");
    assert!(!done.contains("GB82WEST"), "{done}");
    let path = mcp.world.path("hoopctl.toml");
    let text = std::fs::read_to_string(&path).unwrap();
    std::fs::write(&path, text.replace("entities = [\"IBAN\"]", "entities = [\"IBAN\", \"EMAIL_ADDRESS\"]"))
        .unwrap();
    mcp.world.ok(&["config", "reload"]);
    let now = get(&mcp, &token, &task).to_string();
    assert!(
        now.contains("Ada Lovelace") && !now.contains("ada@example.com") && !now.contains("GB82WEST"),
        "{now}"
    );
    let session = mcp.world.list(&["session", "list"])[0]["id"].as_str().unwrap().to_owned();
    assert!(!format!("{:?}", mcp.world.events(&session)).contains("GB82WEST"));
}

#[test]
fn a_kill_ends_a_task_that_waits_and_a_lock_as_well() {
    let mcp = Mcp::new("", HOLD);
    let token = mcp.world.token("reader");
    let task = note(&mcp, &token, "x");
    let pending = mcp.world.wait_pending();
    let session = mcp.world.list(&["session", "list"])[0]["id"].as_str().unwrap().to_owned();
    mcp.world.ok(&["session", "kill", &session, "--yes"]);
    let ended = over(&mcp, &token, &task);
    assert_eq!(
        (&ended["status"], &ended["error"]["data"]["code"]),
        (&json!("failed"), &json!("session_ended")),
        "{ended}"
    );
    assert_ne!(mcp.world.cli(&["approval", "approve", pending["id"].as_str().unwrap()]).0, 0);
    let task = note(&mcp, &token, "y");
    let pending = mcp.world.wait_pending();
    let out = mcp.world.ok(&["lock", "add", "connection:tools", "--reason", "now", "--yes", "-o", "json"]);
    let begin = Instant::now();
    while state(&mcp, &pending) == "pending" {
        assert!(begin.elapsed() < Duration::from_secs(5), "it still waits");
        thread::sleep(Duration::from_millis(50));
    }
    let lock: Value = serde_json::from_str(&out).unwrap();
    mcp.world.ok(&["lock", "remove", lock["id"].as_str().unwrap(), "--yes"]);
    assert_eq!(over(&mcp, &token, &task)["status"], "failed");
    assert_eq!(mcp.tally("add_note"), 0);
}

#[test]
fn a_task_waits_no_longer_than_its_token_lasts() {
    let mut mcp = Mcp::new("", HOLD);
    let (before, path) = (mcp.world.issuer_port, mcp.world.path("hoopctl.toml"));
    mcp.world.own_issuer(6);
    let text = std::fs::read_to_string(&path).unwrap();
    let (before, now) = (format!("127.0.0.1:{before}\""), format!("127.0.0.1:{}\"", mcp.world.issuer_port));
    assert!(text.contains(&before), "{text}");
    let text = text.replace(&before, &format!("{now}\nleeway = \"1s\""));
    std::fs::write(&path, text).unwrap();
    mcp.world.stop();
    mcp.world.start();
    let token = mcp.world.token("reader");
    let task = note(&mcp, &token, "x");
    let pending = mcp.world.wait_pending();
    let begin = Instant::now();
    while state(&mcp, &pending) == "pending" {
        assert!(begin.elapsed() < Duration::from_secs(20), "it still waits");
        thread::sleep(Duration::from_millis(200));
    }
    // Another token of the same principal may ask how it ended.
    let ended = over(&mcp, &mcp.world.token("reader"), &task);
    assert_eq!(
        (&ended["status"], &ended["error"]["data"]["code"]),
        (&json!("failed"), &json!("session_ended")),
        "{ended}"
    );
    assert_eq!(mcp.tally("add_note"), 0);
}

#[test]
fn so_many_tasks_and_no_more() {
    const MOST: u64 = 64;
    let mcp = Mcp::new("", HOLD);
    let (token, other) = (mcp.world.token("reader"), mcp.world.token("writer"));
    let mut tasks = (0..MOST).map(|number| note(&mcp, &token, &number.to_string())).collect::<Vec<_>>();
    let more = json!({ "name": "add_note", "arguments": { "text": "more" } });
    let refused = ask(&mcp, &token, "tools/call", more.clone());
    assert_eq!(refused["result"]["isError"], true, "{refused}");
    assert_eq!(refused["result"]["_meta"]["dev.hoopctl/decision"]["code"], "limit_exceeded", "{refused}");
    note(&mcp, &other, "more");
    // What is over and was told of makes room.
    let last = tasks.pop().unwrap();
    about(&mcp, &token, "tasks/cancel", &last);
    assert_eq!(get(&mcp, &token, &last)["status"], "cancelled");
    assert_eq!(ask(&mcp, &token, "tools/call", more)["result"]["resultType"], "task");
    assert_eq!(about(&mcp, &token, "tasks/get", &last)["error"]["code"], -32602);
}

#[test]
fn a_restart_forgets_tasks_and_takes_their_approvals_along() {
    let mut mcp = Mcp::new("", HOLD);
    let token = mcp.world.token("reader");
    let task = note(&mcp, &token, "x");
    let pending = mcp.world.wait_pending();
    mcp.world.stop();
    mcp.world.start();
    assert_eq!(about(&mcp, &token, "tasks/get", &task)["error"]["code"], -32602);
    assert_eq!(state(&mcp, &pending), "stopped");
    assert_eq!(mcp.tally("add_note"), 0);
}

#[test]
fn a_task_that_the_target_makes_its_own_is_asked_after_by_the_gateways_id() {
    let slow = r#"
[[policy]]
id = "slow"
effect = "approve"
match = { groups = ["support"], connections = ["tools"], tools = ["slow_compute"], methods = ["tools/call"] }
approval = { from = ["dba"], timeout = "5m" }
[[policy]]
id = "cancel"
effect = "allow"
match = { groups = ["support"], connections = ["tools"], methods = ["tasks/cancel"] }
"#;
    let mcp = Mcp::new("", &format!("{HOLD}{slow}"));
    let token = mcp.world.token("reader");
    let task = begin(&mcp, &token, "slow_compute", &json!({ "seconds": 2 }));
    decide(&mcp, &["approve"]);
    let done = over(&mcp, &token, &task);
    assert_eq!(done["status"], "completed", "{done}");
    assert_eq!(done["result"]["content"][0]["text"], "Computed for 2 s.", "{done}");
    // Cancelled there, too.
    let task = begin(&mcp, &token, "slow_compute", &json!({ "seconds": 600 }));
    decide(&mcp, &["approve"]);
    let begin = Instant::now();
    while mcp.tally("slow_compute") < 2 {
        assert!(begin.elapsed() < Duration::from_secs(10), "it does not run");
        thread::sleep(Duration::from_millis(50));
    }
    thread::sleep(Duration::from_millis(500));
    assert_eq!(about(&mcp, &token, "tasks/cancel", &task)["result"], json!({ "resultType": "complete" }));
    assert_eq!(over(&mcp, &token, &task)["status"], "cancelled");
    let stranger = mcp.world.token("writer");
    assert_eq!(about(&mcp, &stranger, "tasks/get", &task)["error"]["code"], -32602);
}

#[test]
fn a_policy_that_denies_requests_about_tasks_stops_them() {
    let deny = "[[policy]]\nid = \"stay\"\neffect = \"deny\"\nmatch = { connections = [\"tools\"], methods = [\"tasks/cancel\"] }\n";
    // Nothing allows any of them, which is no matter: whose the task is, may ask after it.
    let only = HOLD.replace("operations = [\"read\"]", "methods = [\"tools/list\"]");
    let mcp = Mcp::new("", &format!("{only}{deny}"));
    let token = mcp.world.token("reader");
    let task = note(&mcp, &token, "x");
    assert_eq!(asked(&mcp, &token, "tasks/cancel", json!({ "taskId": task["taskId"] })).0, 404);
    assert_eq!(get(&mcp, &token, &task)["status"], "working");
}

#[test]
fn the_python_sdk_takes_its_result_from_a_task() {
    let mcp = Mcp::new("", HOLD);
    let (token, url) = (mcp.world.token("reader"), mcp.url());
    let env = [
        ("MCP_URL", &*url),
        ("MCP_TOKEN", &*token),
        ("MCP_STEPS", "held"),
        ("MCP_HELD", "x"),
        ("MCP_TASKS", "1"),
    ];
    thread::scope(|scope| {
        let client = scope.spawn(|| peer("py2", &["client.py", "auto"], &env));
        let pending = mcp.world.wait_pending();
        thread::sleep(Duration::from_secs(3));
        mcp.world.ok(&["approval", "approve", pending["id"].as_str().unwrap()]);
        let (code, out, err) = client.join().unwrap();
        assert_eq!(code, 0, "{out}{err}");
        let lines: Vec<&str> = out.lines().collect();
        assert!(lines.iter().any(|line| line.starts_with("task working waiting for approval")), "{out}");
        assert!(lines.iter().any(|line| line.starts_with("held asked again 0 times ok")), "{out}");
    });
    assert_eq!(mcp.tally("add_note"), 1);
}
