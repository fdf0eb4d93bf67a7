//! The official conformance suite at servers that are programs, and at servers of HTTP+SSE: clients see Streamable HTTP, and nothing may be
//! lost on the way.

use std::path::Path;
use std::process::Command;

use crate::support::World;
use crate::support::mcp::ALL;
use crate::support::mcp::peer;
use crate::support::mcp::peers;
use crate::support::process::Process;
use crate::support::process::free_port;

/// The server may ask the client whatever there is to ask.
const OPEN: &str = "allow_server_requests = [\"elicitation\", \"roots\", \"sampling\"]";

/// What only a server of Streamable HTTP has, and need not have: streams that are gone on with, and answers that come as a stream where
/// nothing comes before them. The suite notes that they are not there.
const OF_STREAMS: [&str; 4] = [
    "- server-sse-multiple-streams server-sse-streams-functional ServerSSEStreamsFunctional SUCCESS",
    "- server-sse-polling server-sse-disconnect-resume ServerDisconnectResume SUCCESS",
    "- server-sse-polling server-sse-priming-event ServerSendsPrimingEvent SUCCESS",
    "- server-sse-polling server-sse-retry-field ServerSendsRetryField SUCCESS",
];

/// The program that is the server.
fn program() -> String {
    let program = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/mcp-fixture/debug/mcp-fixture");
    assert!(program.is_file(), "the MCP server is not built; run tests/setup");
    program.to_str().unwrap().to_owned()
}

fn world(connection: &str) -> World {
    World::with_server(
        &format!("[[connection]]\nname = \"tools\"\n{connection}\n{OPEN}\n{ALL}"),
        ("NOTHING", "x"),
    )
}

/// What the suite says otherwise than of the same server over Streamable HTTP: lines that are missing begin with `-`, others with `+`.
fn differs(world: &World, revision: &str) -> Vec<String> {
    let (url, token) = (format!("http://127.0.0.1:{}/c/tools", world.port), world.token("reader"));
    let expected = format!("expected-{revision}.txt");
    let args = ["conformance.mjs", &url, revision, "--against", &expected];
    let (_, out, err) = peer("node", &args, &[("MCP_TOKEN", &token)]);
    assert!(out.lines().count() >= 80, "{out}\n{err}\n{}", world.log());
    err.lines().filter(|line| line.starts_with("- ") || line.starts_with("+ ")).map(str::to_owned).collect()
}

#[test]
fn the_official_suite_says_the_same_of_a_program_in_both_eras() {
    let world = world(&format!("upstream = \"mcp+stdio:{} --stdio\"", program()));
    assert_eq!(differs(&world, "2025-11-25"), OF_STREAMS, "{}", world.log());
    assert_eq!(differs(&world, "2026-07-28"), OF_STREAMS[..1], "{}", world.log());
}

#[test]
fn the_official_suite_says_the_same_of_a_server_of_http_and_sse() {
    let port = free_port();
    let world = world(&format!("upstream = \"mcp+http://127.0.0.1:{port}/sse\"\ntransport = \"sse\""));
    let mut bridge = Command::new("node");
    bridge.arg(peers().join("mcp/bridge_sse.mjs")).arg(port.to_string()).args([&program(), "--stdio"]);
    let mut bridge = Process::tied("bridge", &mut bridge, world.folder.path());
    bridge.wait_port(port);
    assert_eq!(differs(&world, "2025-11-25"), OF_STREAMS, "{}\n{}", bridge.log(), world.log());
}
