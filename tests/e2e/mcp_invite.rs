//! MCP clients that can lead their person to the approval page, and attacks on the states that they come back
//! with.

use std::os::unix::fs::PermissionsExt as _;
use std::process::Command;
use std::thread;
use std::time::Duration;
use std::time::Instant;

use serde_json::Value;
use serde_json::json;

use crate::support::mcp::Mcp;
use crate::support::mcp::answer;
use crate::support::mcp::peers;
use crate::support::process::free_port;
use crate::support::process::run;

const HOLD: &str = r#"
[[policy]]
id = "reads"
effect = "allow"
match = { groups = ["support", "etl"], connections = ["tools"], operations = ["read"] }
[[policy]]
id = "held"
effect = "approve"
match = { groups = ["support", "etl"], connections = ["tools"], tools = ["add_note"] }
approval = { from = ["dba"], timeout = "5m" }
"#;

/// A gateway with a page; gives the page's address, too.
fn world() -> (Mcp, String) {
    let mut mcp = Mcp::new("", HOLD);
    let old = format!("issuer = \"http://127.0.0.1:{}\"", mcp.world.issuer_port);
    mcp.world.stop();
    let page = format!("http://127.0.0.1:{}", free_port());
    mcp.world.page_issuer(&page);
    let file = mcp.world.path("hoopctl.toml");
    let text = std::fs::read_to_string(&file).unwrap();
    assert!(text.contains(&old) && text.contains("[admin]\n"));
    let text = text.replace(&old, &format!("issuer = \"http://127.0.0.1:{}\"", mcp.world.issuer_port));
    let admin = format!(
        "[admin]\nlisten = \"{}\"\npublic_url = \"{page}\"\nroles = {{ approver = [\"dba\"] }}\n\
         page = {{ client_id = \"page\", scopes = [\"openid\", \"use\"], secret = \"file:page.secret\" }}\n",
        page.trim_start_matches("http://")
    );
    std::fs::write(&file, text.replace("[admin]\n", &admin)).unwrap();
    let secret = mcp.world.path("page.secret");
    std::fs::write(&secret, "page-s3cret").unwrap();
    std::fs::set_permissions(&secret, std::fs::Permissions::from_mode(0o600)).unwrap();
    mcp.world.start();
    (mcp, page)
}

/// Calls the held tool as a client that can be led.
fn call(mcp: &Mcp, token: &str, text: &str, more: &Value) -> Value {
    let mut params = json!({ "name": "add_note", "arguments": { "text": text }, "_meta": {
        "io.modelcontextprotocol/protocolVersion": "2026-07-28",
        "io.modelcontextprotocol/clientCapabilities": { "elicitation": { "url": {} } },
    } });
    for (name, value) in more.as_object().unwrap() {
        params[name] = value.clone();
    }
    let body = json!({ "jsonrpc": "2.0", "id": "a", "method": "tools/call", "params": params }).to_string();
    let headers =
        [("Mcp-Protocol-Version", "2026-07-28"), ("Mcp-Method", "tools/call"), ("Mcp-Name", "add_note")];
    answer(&mcp.post(token, &headers, &body))
}

#[test]
fn a_held_call_leads_to_its_page_and_its_state_to_that_call_alone() {
    let (mcp, page) = world();
    let (reader, writer) = (mcp.world.token("reader"), mcp.world.token("writer"));
    let began = Instant::now();
    let first = call(&mcp, &reader, "x", &json!({}));
    assert!(began.elapsed() < Duration::from_secs(10), "not as long as without a page");
    let result = &first["result"];
    assert_eq!(result["resultType"], "input_required", "{first}\n{}", mcp.world.log());
    let pending = mcp.world.wait_pending();
    let id = pending["id"].as_str().unwrap();
    let asked = &result["inputRequests"]["approval"];
    assert_eq!(
        (&asked["method"], &asked["params"]["mode"], &asked["params"]["url"]),
        (&json!("elicitation/create"), &json!("url"), &json!(format!("{page}/approval/{id}")))
    );
    let words = asked["params"]["message"].as_str().unwrap();
    assert!(words.starts_with("tools/call add_note on tools: approval apr_"), "{words}");
    assert!(!words.contains("://"), "the target is none of its business: {words}");
    let more = json!({ "requestState": result["requestState"], "inputResponses": { "approval": { "action": "accept" } } });
    // Another principal's, another call's, none at all.
    for (token, text, more) in [
        (&writer, "x", more.clone()),
        (&reader, "y", more.clone()),
        (&reader, "x", json!({ "requestState": "00" })),
    ] {
        let refused = call(&mcp, token, text, &more);
        assert_eq!(refused["error"]["code"], -32602, "{refused}");
    }
    assert_eq!(mcp.world.list(&["approval", "list"]).len(), 1, "none of it asked for anything");
    let done = thread::scope(|scope| {
        let waiting = scope.spawn(|| call(&mcp, &reader, "x", &more));
        thread::sleep(Duration::from_secs(3));
        assert!(!waiting.is_finished(), "the second round is held");
        mcp.world.ok(&["approval", "approve", id]);
        waiting.join().unwrap()
    });
    assert!(done["result"]["content"].is_array() && done["result"]["isError"] != json!(true), "{done}");
    assert_eq!(mcp.tally("add_note"), 1);
    // The state is of a call that has run: it waits anew, and runs nothing.
    thread::scope(|scope| {
        let again = scope.spawn(|| call(&mcp, &reader, "x", &more));
        let pending = mcp.world.wait_pending();
        assert_ne!(pending["id"].as_str().unwrap(), id);
        mcp.world.ok(&["approval", "deny", pending["id"].as_str().unwrap(), "-r", "no"]);
        let denied = again.join().unwrap();
        assert_eq!(denied["result"]["_meta"]["dev.hoopctl/decision"]["code"], "approval_denied", "{denied}");
    });
    assert_eq!(mcp.tally("add_note"), 1);
}

#[test]
fn a_client_of_the_sdk_gets_the_address_and_its_call_runs_after_a_browser_said_yes() {
    let (mcp, page) = world();
    let token = mcp.world.token("reader");
    let url = mcp.url();
    let env = [("MCP_URL", url.as_str()), ("MCP_TOKEN", token.as_str())];
    let (code, out, err) = thread::scope(|scope| {
        let client = scope.spawn(|| crate::support::mcp::peer("node", &["invite.mjs", "x"], &env));
        let pending = mcp.world.wait_pending();
        thread::sleep(Duration::from_secs(3));
        let address = format!("{page}/approval/{}", pending["id"].as_str().unwrap());
        let mut browser = Command::new("node");
        let browser = browser.arg(peers().join("browser.mjs")).args([&address, "kate", "once", "ok"]);
        let (code, out, err) = run(browser);
        assert!(code == 0 && out.contains("sent 303"), "{out}{err}{}", mcp.world.log());
        client.join().unwrap()
    });
    assert_eq!(code, 0, "{out}{err}{}", mcp.world.log());
    assert_eq!(
        out.lines().filter(|line| line.starts_with(&format!("led to url {page}/approval/apr_"))).count(),
        1,
        "{out}"
    );
    assert!(
        out.contains("needs 1 approver from dba") && out.lines().any(|line| line.starts_with("ok ")),
        "{out}"
    );
    assert_eq!(mcp.tally("add_note"), 1);
}

#[test]
fn what_its_own_person_declines_is_withdrawn_and_does_not_run() {
    let (mcp, _page) = world();
    let reader = mcp.world.token("reader");
    let answered = |state: &Value, action: &str| {
        let answers = json!({ "approval": { "action": action } });
        call(&mcp, &reader, "x", &json!({ "requestState": state, "inputResponses": answers }))
    };
    for action in ["decline", "cancel"] {
        let first = call(&mcp, &reader, "x", &json!({}));
        let pending = mcp.world.wait_pending();
        let id = pending["id"].as_str().unwrap();
        let done = answered(&first["result"]["requestState"], action);
        assert_eq!(done["result"]["_meta"]["dev.hoopctl/decision"]["code"], "denied", "{done}");
        assert_eq!(mcp.world.json(&["approval", "show", id])["state"], "cancelled", "{action}");
        assert_ne!(mcp.world.cli(&["approval", "approve", id]).0, 0);
    }
    // Approved a moment before it is declined: it does not run for that, either.
    let first = call(&mcp, &reader, "x", &json!({}));
    let pending = mcp.world.wait_pending();
    mcp.world.ok(&["approval", "approve", pending["id"].as_str().unwrap()]);
    let done = answered(&first["result"]["requestState"], "decline");
    assert!(done["result"]["isError"] == json!(true), "{done}");
    assert_eq!(mcp.tally("add_note"), 0);
}
