//! What is listed changes with the policies, and clients that listen are told so.

use serde_json::Value;
use serde_json::json;

use crate::support::client::Client;
use crate::support::client::request;
use crate::support::mcp::ACCEPT;
use crate::support::mcp::ALL;
use crate::support::mcp::Mcp;

const HELLO: &str = r#"{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"protocolVersion":"2025-11-25","capabilities":{},"clientInfo":{"name":"x","version":"1"}}}"#;

/// The next message on a stream of events.
fn next(client: &mut Client) -> Value {
    loop {
        let line = client.line().expect("the stream has ended, or nothing comes on it");
        if let Some(data) = line.strip_prefix("data:").filter(|data| !data.trim().is_empty()) {
            return serde_json::from_str(data).unwrap();
        }
    }
}

/// Whether the caller is shown a tool.
fn lists(mcp: &Mcp, token: &str, tool: &str) -> bool {
    let listed = mcp.ask(token, "tools/list", json!({}));
    listed["result"]["tools"].as_array().unwrap().iter().any(|listed| listed["name"] == tool)
}

#[test]
fn who_listens_is_told_that_policies_show_other_tools() {
    let mcp = Mcp::new("", ALL);
    let token = mcp.world.token("reader");
    let session = mcp.post(&token, &[], HELLO).header("mcp-session-id").unwrap().to_owned();
    let of_session = [ACCEPT, ("Mcp-Session-Id", session.as_str())];
    mcp.post(&token, &of_session[1..], r#"{"jsonrpc":"2.0","method":"notifications/initialized"}"#);
    let mut legacy = Client::connect(mcp.world.port);
    legacy.send(request("GET", "/c/tools", Some(&token), &of_session, None));
    assert_eq!(legacy.head().status, 200);

    let meta = r#""_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientCapabilities":{}}"#;
    let listen = format!(
        r#"{{"jsonrpc":"2.0","id":"l 1","method":"subscriptions/listen","params":{{"notifications":{{"toolsListChanged":true}},{meta}}}}}"#
    );
    let headers = [
        ACCEPT,
        ("Content-Type", "application/json"),
        ("Mcp-Protocol-Version", "2026-07-28"),
        ("Mcp-Method", "subscriptions/listen"),
    ];
    let mut modern = Client::connect(mcp.world.port);
    modern.send(request("POST", "/c/tools", Some(&token), &headers, Some(&listen)));
    assert_eq!(modern.head().status, 200);
    assert_eq!(next(&mut modern)["method"], "notifications/subscriptions/acknowledged");

    assert!(lists(&mcp, &token, "echo"));
    // Nothing has changed: nothing is told, or what is told below would not come first.
    mcp.world.ok(&["config", "reload"]);
    mcp.world.ok(&["policy", "add", "no-echo", "--deny", "--connection", "tools", "--tool", "echo"]);
    let told = next(&mut modern);
    assert_eq!(told["method"], "notifications/tools/list_changed");
    assert_eq!(told["params"]["_meta"], json!({ "io.modelcontextprotocol/subscriptionId": "l 1" }));
    assert!(!lists(&mcp, &token, "echo"));
    assert_eq!(next(&mut legacy), json!({ "jsonrpc": "2.0", "method": "notifications/tools/list_changed" }));
    // It has promised to tell of these as well.
    assert_eq!(next(&mut legacy)["method"], "notifications/prompts/list_changed");

    // What the target tells goes on as before, and is the next that who asked for tools only hears.
    mcp.world.ok(&["policy", "remove", "no-echo", "--yes"]);
    assert_eq!(next(&mut modern), told);
    assert!(lists(&mcp, &token, "echo"));
    let recorded = mcp.world.list(&["session", "list", "--limit", "500"]);
    let events = recorded.iter().flat_map(|session| mcp.world.events(session["id"].as_str().unwrap()));
    let told = events.filter(|event| event.to_string().contains("notifications/tools/list_changed")).count();
    assert!(told >= 3, "{told} are recorded");
}

#[test]
fn a_stream_shows_by_the_policies_that_stand_and_not_by_those_it_began_with() {
    let mcp = Mcp::new("", ALL);
    let token = mcp.world.token("reader");
    let session = mcp.post(&token, &[], HELLO).header("mcp-session-id").unwrap().to_owned();
    let of_session = [ACCEPT, ("Mcp-Session-Id", session.as_str())];
    mcp.post(&token, &of_session[1..], r#"{"jsonrpc":"2.0","method":"notifications/initialized"}"#);
    let mut stream = Client::connect(mcp.world.port);
    stream.send(request("GET", "/c/tools", Some(&token), &of_session, None));
    assert_eq!(stream.head().status, 200);
    let uri = "test://watched-resource";
    let send = |method: &str, params: Value| {
        let body = json!({ "jsonrpc": "2.0", "id": 2, "method": method, "params": params }).to_string();
        mcp.post(&token, &of_session[1..], &body)
    };
    assert_eq!(send("resources/subscribe", json!({ "uri": uri })).status, 200);
    let change = || send("tools/call", json!({ "name": "touch", "arguments": { "uri": uri } }));
    let changed = change();
    assert!(changed.text().contains("Told "), "{}", changed.text());
    assert_eq!(next(&mut stream)["method"], "notifications/resources/updated");
    mcp.world.ok(&[
        "policy",
        "add",
        "no-news",
        "--deny",
        "--connection",
        "tools",
        "--resource",
        "test://watched-*",
    ]);
    change();
    mcp.call(&token, "test_trigger_tool_change", &json!({}));
    // First what the policies changed, then what the server did; of the hidden resource there is no word.
    let mut methods = vec![];
    while methods.iter().filter(|method| *method == "notifications/tools/list_changed").count() < 2 {
        methods.push(next(&mut stream)["method"].clone());
    }
    assert!(!methods.iter().any(|method| method == "notifications/resources/updated"), "{methods:?}");
}
