//! The newcomer: `hoopctl demo`, and every line that it prints pasted into a shell.

use std::path::Path;
use std::process::Command;
use std::sync::Mutex;
use std::sync::PoisonError;
use std::time::Duration;
use std::time::Instant;

use serde_json::Value;
use serde_json::json;

use crate::support::mcp::ALL;
use crate::support::mcp::Mcp;
use crate::support::mcp::peer;
use crate::support::process::Process;
use crate::support::process::run;

/// The demo looks for free ports and then uses them: two that start at once would find the same.
static STARTS: Mutex<()> = Mutex::new(());

fn started(folder: &Path, arguments: &[&str]) -> Process {
    let _alone = STARTS.lock().unwrap_or_else(PoisonError::into_inner);
    let mut demo = Command::new(env!("CARGO_BIN_EXE_hoopctl"));
    demo.args(["demo", "--keep", "kept"])
        .args(arguments)
        .current_dir(folder)
        .env("HOME", folder)
        .env_remove("HOOPCTL_CONFIG");
    // The log of an earlier start in the same folder goes on.
    let guides = |log: &str| log.matches("Stop with Ctrl-C").count();
    let before = guides(&std::fs::read_to_string(folder.join("demo.log")).unwrap_or_default());
    let demo = Process::start("demo", &mut demo, folder);
    let begin = Instant::now();
    while guides(&demo.log()) == before {
        assert!(begin.elapsed() < Duration::from_secs(15), "{}", demo.log());
        std::thread::sleep(Duration::from_millis(20));
    }
    demo
}

/// Pastes all lines that the demo printed, and `more` after them; gives what a shell prints.
fn pasted(folder: &Path, demo: &Process, more: &str) -> (String, String) {
    let lines: Vec<String> =
        demo.log().lines().filter_map(|line| line.strip_prefix("    ").map(str::to_owned)).collect();
    assert!(lines.len() > 10, "{lines:?}");
    let script = format!("set -e\n{}\n{more}", lines.join("\n"));
    let mut shell = Command::new("bash");
    shell.args(["-c", &script]).current_dir(folder).env("HOME", folder);
    let (code, out, err) = run(&mut shell);
    assert_eq!(code, 0, "{out}\n{err}");
    (out, err)
}

#[test]
fn each_line_of_the_demo_works_when_pasted() {
    let folder = tempfile::tempdir().unwrap();
    let demo = started(folder.path(), &[]);
    // For people: the log, too.
    assert!(demo.log().contains("policies") && !demo.log().lines().any(|line| line.starts_with('{')));
    let (out, err) = pasted(folder.path(), &demo, "");
    for wanted in [
        "\"ssn\":\"***-**-",            // 1: masked
        "\"code\":\"denied\"",          // 2: blocked
        "PATCH /customers/7",           // 3: held
        "\"tier\":\"gold\"",            // 3: and let through
        "approved by local:",           // 4: replay
        "\"code\":\"unauthenticated\"", // 5: refused tokens
        "data: ",                       // 6: a live stream, until the lock
    ] {
        assert!(out.contains(wanted), "no {wanted} in {out}\n{err}");
    }
}

/// The answers among what a shell printed, in their order.
fn answers(out: &str) -> Vec<Value> {
    let messages = out.lines().map(|line| line.strip_prefix("data:").unwrap_or(line));
    let messages = messages.filter_map(|line| serde_json::from_str::<Value>(line).ok());
    messages.filter(|message| message["jsonrpc"] == "2.0" && message.get("id").is_some()).collect()
}

#[test]
fn each_line_of_the_demo_of_mcp_works_when_pasted() {
    let folder = tempfile::tempdir().unwrap();
    let demo = started(folder.path(), &["--scenario", "mcp"]);
    // After the last line: what the server remembers, and the line for the client as its shell reads it.
    let more = "call list_customers '{\"tier\":\"silver\"}'
claude() { printf 'claude got %s\\n' \"$@\"; }
eval \"$(hoopctl connect env crm --for claude)\"
hoopctl connect env crm --for vscode > vscode.json";
    let (out, err) = pasted(folder.path(), &demo, more);
    let answers = answers(&out);
    let [tools, gold, deleted, small, huge, held, silver] = &answers[..] else {
        panic!("{} answers in {out}\n{err}", answers.len())
    };
    // 1: what the caller may never use is not there.
    let tools: Vec<&str> = tools["result"]["tools"]
        .as_array()
        .unwrap()
        .iter()
        .filter_map(|tool| tool["name"].as_str())
        .collect();
    assert_eq!(tools, ["list_customers", "refund"]);
    // 2: masked in both forms, and in no form anywhere else.
    let rows = &gold["result"]["structuredContent"]["customers"];
    assert_eq!(
        (&rows[0]["name"], &rows[0]["ssn"]),
        (&json!("Bo Lindqvist"), &json!("***-**-6042")),
        "{gold}"
    );
    let text: Value = serde_json::from_str(gold["result"]["content"][0]["text"].as_str().unwrap()).unwrap();
    assert_eq!(text["customers"], *rows);
    for secret in ["527-81-6042", "318-44-9127", "bo@example.com", "edith@example.org"] {
        assert!(!out.contains(secret), "{secret} in {out}");
    }
    // 3: denied, as a tool that there is not; the operator sees why.
    assert_eq!(deleted["error"]["message"], "Unknown tool: delete_customer");
    assert!(out.contains("DENY") && out.contains("by no-deletes"), "{out}");
    // 4: by its arguments.
    let said = |answer: &Value| answer["result"]["content"][0]["text"].as_str().unwrap().to_owned();
    assert_eq!(said(small), "refunded 40 to customer 7, whose balance is 880");
    assert_eq!(huge["result"]["isError"], true);
    assert!(said(huge).contains("Refunds above 1000") && said(huge).contains("not done"), "{huge}");
    // 5: held, approved, and done once.
    assert!(out.contains("tools/call refund"), "{out}");
    assert_eq!(said(held), "refunded 250 to customer 7, whose balance is 1130");
    let grace = silver["result"]["structuredContent"]["customers"].as_array().unwrap().iter();
    let grace = grace.clone().find(|customer| customer["id"] == 7).unwrap();
    assert_eq!(grace["balance"], 1130, "40 and 250 on 840, and nothing else");
    // 6: replayed, and proved.
    for wanted in [
        "tools/list  \u{2713} support-reads",
        "\u{2717} denied by no-deletes",
        "\u{2717} denied by no-huge-refunds",
        "refund  [write]  \u{2713} small-refunds",
        "\u{2713} approved by local:",
        "chain ok",
    ] {
        assert!(out.contains(wanted), "no {wanted} in {out}\n{err}");
    }
    // 7: for a client of one's own; the shell hands on the name of the variable, not the token.
    assert!(out.contains("claude mcp add --transport http crm http://127.0.0.1:"), "{out}");
    assert!(out.contains("claude got Authorization: Bearer ${HOOPCTL_TOKEN}\n"), "{out}");
    let setup = std::fs::read(folder.path().join("vscode.json")).unwrap();
    let setup: Value = serde_json::from_slice(&setup).unwrap();
    assert_eq!(setup["servers"]["crm"]["type"], "http");
}

#[test]
fn a_folder_that_is_kept_has_its_scenario() {
    let folder = tempfile::tempdir().unwrap();
    drop(started(folder.path(), &["--scenario", "mcp"]));
    let again = started(folder.path(), &[]);
    assert_eq!(again.log().matches("  MCP server   http://").count(), 2, "{}", again.log());
    drop(again);
    let mut other = Command::new(env!("CARGO_BIN_EXE_hoopctl"));
    other.args(["demo", "--keep", "kept", "--scenario", "http"]).current_dir(folder.path());
    let (code, _, err) = run(&mut other);
    assert!(code == 6 && err.contains("is of the scenario mcp"), "{code} {err}");
}

#[test]
fn a_recorded_server_says_the_same_to_the_same_clients() {
    let clients = [
        ("py1", ["client.py", "legacy"]),
        ("node", ["client.mjs", "legacy"]),
        ("node", ["client.mjs", "2026-07-28"]),
        ("py2", ["client.py", "auto"]),
    ];
    let seen = |url: &str, token: &str| {
        clients.map(|(program, args)| {
            let env = [("MCP_URL", url), ("MCP_TOKEN", token), ("MCP_LONG", "0.1")];
            let (code, out, err) = peer(program, &args, &env);
            assert!(code == 0 && out.contains("closed"), "{args:?}: {out}\n{err}");
            out
        })
    };
    let open = "allow_server_requests = [\"elicitation\", \"roots\", \"sampling\"]";
    let mcp = Mcp::new(open, ALL);
    let first = seen(&mcp.url(), &mcp.world.token("reader"));
    let session = mcp.world.list(&["session", "list"])[0]["id"].as_str().unwrap().to_owned();
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("recorded.json");
    let to = ["session", "export", &session, "--format", "mcp-fixture", "--to", file.to_str().unwrap()];
    let (code, _, err) = mcp.world.cli(&to);
    assert_eq!(code, 0, "{err}");
    drop(mcp);
    let demo = started(folder.path(), &["--fixture", "recorded.json"]);
    let log = demo.log();
    let gateway = log.split("  gateway      ").nth(1).unwrap().split_whitespace().next().unwrap();
    let mut mint = Command::new(env!("CARGO_BIN_EXE_hoopctl"));
    mint.args(["token", "mint", "--as", "agent-7", "--group", "support", "-c", "kept/hoopctl.toml"]);
    let (code, token, err) = run(mint.current_dir(folder.path()).env("HOME", folder.path()));
    assert_eq!(code, 0, "{err}");
    let url = format!("{gateway}/c/crm");
    assert_eq!(seen(&url, token.trim()), first, "{}", demo.log());
    // What nobody asked then has no answer, and says why.
    let env =
        [("MCP_URL", &*url), ("MCP_TOKEN", token.trim()), ("MCP_STEPS", "denied"), ("MCP_DENIED", "other")];
    let (_, out, _) = peer("node", &["client.mjs", "legacy"], &env);
    assert!(out.contains("the recording has no tools/call other with these parameters"), "{out}");
    let mut wrong = Command::new(env!("CARGO_BIN_EXE_hoopctl"));
    wrong.args(["demo", "--fixture", "kept/hoopctl.toml"]).current_dir(folder.path());
    let (code, _, err) = run(&mut wrong);
    assert!(code == 1 && err.contains("the recorded exchanges cannot be served"), "{code} {err}");
}
