//! npm's server-everything behind the gateway: a server of the older era that nobody here wrote, over Streamable HTTP on Express.

use std::process::Command;
use std::thread;

use serde_json::Value;
use serde_json::json;

use crate::mcp::CLIENTS;
use crate::mcp::OPEN;
use crate::support::World;
use crate::support::caller::Caller;
use crate::support::client::Client;
use crate::support::client::request;
use crate::support::mcp::ACCEPT;
use crate::support::mcp::ALL;
use crate::support::mcp::peer;
use crate::support::mcp::peers;
use crate::support::process::Process;
use crate::support::process::free_port;

struct Everything {
    world: World,
    port: u16,
    _server: Process,
}

fn everything() -> Everything {
    let port = free_port();
    let connection = format!(
        "[[connection]]\nname = \"tools\"\nupstream = \"mcp+http://127.0.0.1:{port}/mcp\"\n{OPEN}\n{ALL}"
    );
    let world = World::with_server(&connection, ("NOTHING", "x"));
    let package = "node_modules/@modelcontextprotocol/server-everything/dist/index.js";
    let mut command = Command::new("node");
    command.arg("-r").arg(peers().join("mcp/loopback.cjs")).arg(peers().join(package));
    command.arg("streamableHttp").env("PORT", port.to_string());
    let mut server = Process::start("server", &mut command, world.folder.path());
    server.wait_port(port);
    Everything { world, port, _server: server }
}

#[test]
fn each_client_sees_the_same_as_without_a_gateway() {
    let everything = everything();
    let token = everything.world.token("reader");
    let (direct, url) = (
        format!("http://127.0.0.1:{}/mcp", everything.port),
        format!("http://127.0.0.1:{}/c/tools", everything.world.port),
    );
    // The others speak to servers of the newer era only.
    for (name, program, args) in CLIENTS.into_iter().filter(|(name, ..)| !name.contains("2026")) {
        let env = |url, token| {
            [
                ("MCP_URL", url),
                ("MCP_TOKEN", token),
                ("MCP_PLAN", "everything"),
                ("MCP_LONG", "1"),
                ("MCP_DENIED", "no_such_tool"),
            ]
        };
        let (direct, through) = thread::scope(|scope| {
            let direct = scope.spawn(|| peer(program, &args, &env(&direct, "")));
            let through = peer(program, &args, &env(&url, &token));
            (direct.join().unwrap(), through)
        });
        assert_eq!(direct.0, 0, "{name} directly: {}", direct.2);
        assert_eq!(
            (through.0, &through.1),
            (0, &direct.1),
            "{name}: {}\n{}",
            through.2,
            everything.world.log()
        );
        assert!(direct.1.contains("closed"), "{name} did not come to its end: {}", direct.1);
    }
}

#[test]
fn a_session_is_over_when_its_client_ends_it() {
    let everything = everything();
    let caller = Caller::begun(&everything.world, "reader", "tools", &json!({}));
    assert_eq!(caller.call(1, "echo", &json!({ "message": "x" })).status, 200);
    let ended = caller.open("DELETE", &[], None).reply();
    assert_eq!(ended.status, 200, "{}", ended.text());
    assert_eq!(caller.call(2, "echo", &json!({ "message": "x" })).status, 404);
    assert_eq!(caller.open("DELETE", &[], None).reply().status, 404);
}

#[test]
fn what_it_does_not_know_is_its_own_answer() {
    let everything = everything();
    let caller = Caller::new(&everything.world, "reader", "tools");
    let told = caller.modern(&json!("d\"1"), "server/discover", json!({})).reply();
    let params = json!({ "_meta": {
        "io.modelcontextprotocol/protocolVersion": "2026-07-28", "io.modelcontextprotocol/clientCapabilities": {} } });
    let body = json!({ "jsonrpc": "2.0", "id": "d\"1", "method": "server/discover", "params": params });
    let mut direct = Client::connect(everything.port);
    let headers = [
        ACCEPT,
        ("Content-Type", "application/json"),
        ("Mcp-Protocol-Version", "2026-07-28"),
        ("Mcp-Method", "server/discover"),
    ];
    direct.send(request("POST", "/mcp", None, &headers, Some(&body.to_string())));
    let direct = direct.reply();
    assert_eq!((direct.status, &direct.json()["id"]), (400, &Value::Null), "{}", direct.text());
    assert_eq!(told.status, 400, "{}", told.text());
    assert_eq!(told.json()["error"], direct.json()["error"]);
    assert_eq!(told.json()["id"], "d\"1", "it is the answer to this request");
}
