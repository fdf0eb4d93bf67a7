//! The tour of an MCP server: first with curl, in the protocol version without sessions, then with a client.

use crate::cli::tour::Step;
use crate::cli::tour::Tour;
use crate::demo::config::CONNECTION;

/// Sends a message: its method, what it names, and members of its parameters. Curl leaves out a header
/// without a value.
const MCP: &str = r#"mcp() { curl -s $CRM -H "Authorization: Bearer $T" -H "Content-Type: application/json" -H "Accept: application/json, text/event-stream" -H "MCP-Protocol-Version: 2026-07-28" -H "Mcp-Method: $1" -H "Mcp-Name: $2" -d "$(printf '{"jsonrpc":"2.0","id":1,"method":"%s","params":{%s"_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientCapabilities":{}}}}' "$1" "$3")"; echo; }"#;
/// Calls a tool: its name, and its arguments.
const CALL: &str = r#"call() { mcp tools/call "$1" "\"name\":\"$1\",\"arguments\":$2,"; }"#;

/// Returns the steps.
pub(super) fn steps(tour: &Tour) -> Vec<Step> {
    let owned = |lines: &[&str]| lines.iter().map(|line| (*line).to_owned()).collect::<Vec<_>>();
    let explain = format!("hoopctl policy explain --as agent-7 --group support --connection {CONNECTION}");
    vec![
        (
            "0  the way to the demo, a token of an app in the group support, and two short words for curl",
            [tour.setup(), owned(&[MCP, CALL])].concat(),
        ),
        ("1  the tools: only those that this app may use", owned(&["mcp tools/list"])),
        (
            "2  a tool that reads: personal data is masked",
            owned(&[r#"call list_customers '{"tier":"gold"}'"#]),
        ),
        (
            "3  a tool that deletes: for this app there is none, and why",
            vec![
                r#"call delete_customer '{"customer":7}'"#.to_owned(),
                format!("{explain} --tool delete_customer"),
            ],
        ),
        (
            "4  arguments count: a small refund passes, a huge one is refused in words for a model",
            owned(&[
                r#"call refund '{"customer":7,"amount":40}'"#,
                r#"call refund '{"customer":7,"amount":5000}'"#,
            ]),
        ),
        (
            "5  one in between: held until you approve exactly this one",
            owned(&[
                r#"call refund '{"customer":7,"amount":250}' &"#,
                "hoopctl approval list --wait 10s",
                "hoopctl approval approve last -r INC-4411; wait",
            ]),
        ),
        (
            "6  what happened: at its own pace (q leaves), and proof that the recording is as it was written",
            owned(&["hoopctl replay last --idle-limit 1s", "hoopctl session verify last"]),
        ),
        (
            "7  a client of your own: Claude Code; for Cursor and VS Code --for cursor and --for vscode",
            vec![
                "export HOOPCTL_TOKEN=$T".to_owned(),
                format!("hoopctl connect env {CONNECTION} --for claude"),
            ],
        ),
    ]
}

/// Returns the steps for a recorded server, which only has what the recording has.
pub(super) fn recorded(tour: &Tour) -> Vec<Step> {
    let own = "export HOOPCTL_TOKEN=$T".to_owned();
    vec![
        ("0  the way to the demo, and a token of an app in the group support", tour.setup()),
        (
            "1  a client of your own: Claude Code; for Cursor and VS Code --for cursor and --for vscode",
            vec![own, format!("hoopctl connect env {CONNECTION} --for claude")],
        ),
        (
            "2  afterwards, what it asked and what the recording answered",
            vec!["hoopctl replay last --idle-limit 1s".to_owned()],
        ),
    ]
}
