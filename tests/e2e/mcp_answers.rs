//! Answers of MCP clients that the gateway refuses: the target that asked does not wait for them.

use serde_json::Value;
use serde_json::json;

use crate::mcp_wire::asks;
use crate::mcp_wire::call;
use crate::mcp_wire::open;
use crate::mcp_wire::session_with;
use crate::support::attack::data;

const MAY: &str = "allow_server_requests = [\"roots\"]\nlimits = { body = \"4KiB\" }";
const NO_ANSWERS: &str = r#"
[[policy]]
id = "no-answers"
effect = "deny"
match = { connections = ["tools"], methods = ["request/answer"] }
"#;

#[test]
fn a_target_whose_question_stays_without_answer_is_told_so_once() {
    let good = json!({ "jsonrpc": "2.0", "id": 70, "result": { "roots": [] } }).to_string();
    let both = r#"{"jsonrpc":"2.0","id":70,"result":{"roots":[]},"error":{"code":1,"message":"x"}}"#;
    let long =
        json!({ "jsonrpc": "2.0", "result": { "roots": [], "x": "x".repeat(8192) }, "id": 70 }).to_string();
    let denies = format!("{MAY}\n{NO_ANSWERS}");
    let version = [("Mcp-Protocol-Version", "2020-01-01")];
    for (why, options, headers, body) in [
        ("malformed", MAY, &[][..], both),
        ("too long", MAY, &[], &*long),
        ("of no version", MAY, &version, &*good),
        ("denied", &*denies, &[], &*good),
    ] {
        let attack = asks(options);
        let session = session_with(&attack, &json!({ "roots": {} }));
        let of_session = ("Mcp-Session-Id", &*session);
        let mut client = open(&attack, "POST", &[of_session], Some(&call(1, "open")));
        let asked: Value = serde_json::from_str(&data(&mut client)).unwrap();
        assert_eq!(asked["id"], 70, "{why}");
        let refused = attack.send("POST", &[&[of_session], headers].concat(), Some(body));
        assert!(refused.status >= 400, "{why}: {} {}", refused.status, refused.text());
        let done: Value = serde_json::from_str(&data(&mut client)).unwrap();
        let told: Value =
            serde_json::from_str(done["result"]["content"][0]["text"].as_str().unwrap()).unwrap();
        assert_eq!(told[0]["error"]["message"], "what the client answered was refused", "{why}: {told}");
        // Nothing of what the client wrote is in it, and the question is over.
        assert!(told[0].get("result").is_none(), "{told}");
        assert_eq!(attack.send("POST", &[of_session], Some(&good)).status, 400, "{why}");
        let to_target = attack.seen.lock().unwrap().iter().filter(|(_, body)| body.contains(":70")).count();
        assert_eq!(to_target, 1, "{why}");
    }
}
