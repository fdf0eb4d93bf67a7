//! Recorded commands judged again: what other policies would change, and the policies that were really used.

use serde_json::Value;
use serde_json::json;

use crate::support::World;
use crate::support::database::Database;
use crate::support::mcp::Mcp;

/// More than is used.
const WIDE: &str = r#"
[[policy]]
id = "api"
effect = "allow"
match = { groups = ["support"], connections = ["crm", "raw"], operations = ["read", "write", "ddl"] }
[[policy]]
id = "never"
effect = "allow"
match = { groups = ["auditors"], connections = ["crm"] }
[[policy]]
id = "no-deletes"
effect = "deny"
match = { connections = ["crm", "raw"], methods = ["DELETE"] }
[[policy]]
id = "sql"
effect = "allow"
match = { groups = ["support"], connections = ["db"], operations = ["read", "write"] }
[[policy]]
id = "payroll"
effect = "deny"
match = { connections = ["db"], tables = ["payroll"] }
[[policy]]
id = "mcp"
effect = "allow"
match = { groups = ["support"], connections = ["tools"], tools = ["echo", "wait", "add_*"] }
[[mask]]
id = "pii"
match = { tags = { data = "pii" } }
fields = ["tier"]
"#;

/// Some of it is stopped, some held, and deletes pass.
const NEW: &str = r#"
[[policy]]
id = "reads"
effect = "allow"
match = { groups = ["support"], connections = ["crm", "raw", "db"], operations = ["read"] }
[[policy]]
id = "gold"
effect = "approve"
match = { groups = ["support"], connections = ["crm", "raw"], methods = ["PATCH"], args = { tier = "gold" } }
approval = { from = ["dba"] }
[[policy]]
id = "silver"
effect = "allow"
match = { groups = ["support"], connections = ["raw"], methods = ["PATCH"] }
[[policy]]
id = "deletes"
effect = "allow"
match = { groups = ["support"], connections = ["raw"], methods = ["DELETE"] }
[[policy]]
id = "tools"
effect = "allow"
match = { groups = ["support"], connections = ["tools"], tools = ["echo"], args = { message = "hi" } }
"#;

/// What comes: six requests, four SQL texts, three messages of MCP.
fn traffic(all: &Mcp, token: &str) -> Vec<u16> {
    let world = &all.world;
    let mut seen: Vec<u16> = ["/c/crm/customers", "/c/crm/customers/1", "/c/crm/customers/2"]
        .iter()
        .map(|path| world.get(path, Some(token)).status)
        .collect();
    seen.push(world.send_json("PATCH", "/c/raw/customers/7", token, r#"{"tier":"gold"}"#).status);
    seen.push(world.send_json("PATCH", "/c/raw/customers/7", token, r#"{"tier":"silver"}"#).status);
    seen.push(world.send("DELETE", "/c/raw/customers/9", Some(token), &[], None).status);
    let texts = [
        "SELECT name FROM customers WHERE id = 7",
        "SELECT 1",
        "UPDATE orders SET note = 'seen' WHERE id = 1",
        "SELECT salary FROM payroll",
    ];
    for text in texts {
        let (code, _, _) = world.psql(token, &[text]);
        seen.push(u16::from(code == 0));
    }
    let list = all.ask(token, "tools/list", json!({}));
    seen.push(u16::from(list["result"].is_object()));
    for message in ["hi", "bye"] {
        let reply = all.call(token, "echo", &json!({ "message": message }));
        seen.push(u16::from(reply["result"]["isError"] != true && reply["error"].is_null()));
    }
    seen
}

const PASSED: [u16; 13] = [200, 200, 200, 200, 200, 403, 1, 1, 1, 0, 1, 1, 1];

fn simulated(world: &World, file: &str, text: &str, more: &[&str]) -> Value {
    std::fs::write(world.path(file), text).unwrap();
    world.json(&[&["policy", "simulate", "-f", file][..], more].concat())
}

fn rows(found: &Value) -> Vec<String> {
    let row = |item: &Value| {
        let text = |name: &str| item[name].as_str().unwrap().to_owned();
        format!(
            "{} {} -> {} {} by {}",
            item["count"],
            text("from"),
            text("to"),
            text("command"),
            text("rule")
        )
    };
    found["items"].as_array().unwrap().iter().map(row).collect()
}

#[test]
fn other_policies_are_held_against_what_came_and_what_was_used_is_enough() {
    let mut all = Mcp::with_all(Database::new(""), WIDE);
    let token = all.world.token("reader");
    assert_eq!(traffic(&all, &token), PASSED, "{}", all.world.log());
    // A mask hides what a policy asks for.
    assert_eq!(all.world.send_json("PATCH", "/c/crm/customers/7", &token, r#"{"tier":"gold"}"#).status, 200);

    // The policies as they are change nothing, by a whole configuration too.
    let config = std::fs::read_to_string(all.world.path("hoopctl.toml")).unwrap();
    for (file, text) in [("bare.toml", WIDE.split("[[mask]]").next().unwrap()), ("whole.toml", &config)] {
        let found = simulated(&all.world, file, text, &["--fail-on-change"]);
        let told = (&found["commands"], &found["changed"], &found["cannot_tell"]);
        assert_eq!(told, (&json!(14), &json!(0), &json!(0)), "{file}: {found}");
    }

    for runs in [true, false] {
        if !runs {
            all.world.stop();
        }
        let found = simulated(&all.world, "new.toml", NEW, &[]);
        let mut expected = vec![
            "1 deny -> allow DELETE /customers/* by deletes",
            "1 allow -> approve PATCH /customers/* by gold",
            "1 allow -> deny tools/call echo by mcp",
            "1 allow -> deny update of orders by sql",
            "1 deny -> allow select of payroll by reads",
        ];
        let mut rows = rows(&found);
        rows.sort();
        expected.sort_unstable();
        assert_eq!(rows, expected, "{found}");
        assert_eq!((&found["commands"], &found["cannot_tell"]), (&json!(13), &json!(1)), "{found}");
        let why = found["doubts"][0]["why"].as_str().unwrap();
        assert!(why.contains("policy gold asks for arguments"), "{why}");
    }
    all.world.start();
    let (code, out, err) = all.world.cli(&["policy", "simulate", "-f", "new.toml", "--fail-on-change"]);
    assert_eq!(code, 1, "{err}");
    let summary = "5 of 13 commands change: 2 deny -> allow, 1 allow -> approve, 2 allow -> deny\n";
    assert!(out.starts_with(summary), "{out}");
    assert!(out.contains("\u{26a0}  deny -> allow"), "{out}");
    let (code, out, _) =
        all.world.cli(&["policy", "simulate", "-f", "new.toml", "--connection", "tools", "-o", "csv"]);
    assert_eq!((code, out.lines().count()), (0, 2), "{out}");

    let suggested = suggested(&all);
    // In place of what was there it lets the same pass, and nothing else.
    all.world.stop();
    let connection = config.split("[[connection]]\nname = \"tools\"").nth(1).unwrap();
    let connection = connection.split("[[policy]]").next().unwrap();
    all.world.write_config(&format!("[[connection]]\nname = \"tools\"{connection}{suggested}"));
    all.world.start();
    assert_eq!(traffic(&all, &token), PASSED, "{suggested}\n{}", all.world.log());
    let world = &all.world;
    assert_eq!(world.get("/c/crm/customers/3", Some(&token)).status, 200, "another id");
    assert_eq!(world.get("/c/crm/__hits", Some(&token)).status, 403);
    assert_eq!(world.get("/c/raw/customers", Some(&token)).status, 403);
    for text in ["SELECT note FROM orders", "UPDATE customers SET name = 'x'", "DELETE FROM orders"] {
        world.refused(&token, &[text], "42501");
    }
    assert!(!all.call(&token, "wait", &json!({ "milliseconds": 1, "steps": 1 }))["error"].is_null());
}

/// What is suggested, with its comments looked at.
fn suggested(all: &Mcp) -> String {
    let text = all.world.ok(&["policy", "suggest"]);
    for wanted in [
        "# What 12 commands of the last ",
        "# Keep the denies: 2 commands denied.",
        "# Unused: all of it (",
        ") of allow never\n",
        "# Unused: operation ddl of allow api\n",
        "# Unused: tool wait of allow mcp\n",
        "# Unused: tool add_* of allow mcp\n",
    ] {
        assert!(text.contains(wanted), "no {wanted} in {text}");
    }
    assert!(!text.contains("Not covered") && !text.contains("cannot tell"), "{text}");
    // It is what simulate takes: nothing that passed is stopped.
    let found = simulated(&all.world, "suggested.toml", &text, &[]);
    assert_eq!((&found["changed"], &found["cannot_tell"]), (&json!(0), &json!(0)), "{found}\n{text}");
    let (_, only, _) = all.world.cli(&["policy", "suggest", "--connection", "tools", "--group", "support"]);
    assert_eq!(only.matches("[[policy]]").count(), 1, "{only}");
    assert_eq!(all.world.json(&["policy", "suggest"])["uncovered"], 0);
    text
}

/// Guards, paths and texts that may not become wider.
const GUARDED: &str = r#"
[[policy]]
id = "silver"
effect = "allow"
match = { groups = ["support"], connections = ["raw"], methods = ["PATCH"], args = { tier = "silver" } }
unless = { paths = ["/customers/9"] }
limits = { session = "1h" }
[[policy]]
id = "agent"
effect = "allow"
match = { subjects = ["*"], connections = ["raw"], methods = ["GET"], source_ips = ["127.0.0.1"] }
[[policy]]
id = "sql"
effect = "allow"
match = { groups = ["support"], connections = ["db"], operations = ["read", "write"] }
"#;

#[test]
fn what_is_suggested_is_no_wider_than_what_let_it_pass() {
    let all = Mcp::with_all(Database::new(""), GUARDED);
    let (world, token) = (&all.world, all.world.token("reader"));
    for id in [7, 8] {
        let path = format!("/c/raw/customers/{id}");
        assert_eq!(world.send_json("PATCH", &path, &token, r#"{"tier":"silver"}"#).status, 200);
    }
    assert_eq!(world.get("/c/raw/customers/7", Some(&token)).status, 200);
    assert_eq!(world.get(&format!("/c/raw/customers/{}", "x".repeat(1500)), Some(&token)).status, 404);
    let text = "UPDATE orders SET note = 'x' WHERE id IN (SELECT id FROM customers WHERE id = 1)";
    let (code, _, err) = world.psql(&token, &[text]);
    assert_eq!(code, 0, "{err}");

    let found = world.json(&["policy", "suggest"]);
    let of = |method: &str| {
        let policies = found["policies"].as_array().unwrap();
        policies.iter().find(|policy| policy["match"]["methods"] == json!([method])).unwrap()
    };
    let patch = of("PATCH");
    assert_eq!(patch["match"]["paths"], json!(["/customers/*"]), "{found}");
    assert_eq!(patch["match"]["args"], json!({ "tier": "silver" }), "{found}");
    assert_eq!(patch["unless"], json!({ "paths": ["/customers/9"] }), "{found}");
    assert_eq!(patch["limits"], json!({ "session": "1h" }), "{found}");
    assert_eq!(of("GET")["match"]["source_ips"], json!(["127.0.0.1"]), "{found}");
    assert_eq!(found["policies"].as_array().unwrap().len(), 2, "{found}");
    let told = (&found["beyond"], &found["uncovered"], &found["unsure"]);
    assert_eq!(told, (&json!(2), &json!(2), &json!(0)), "{found}");
    let mixed = "update of public.orders that reads public.customers";
    assert_eq!(found["mixed"], json!({ mixed: 1 }), "{found}");

    // A group gets what policies gave the group, not what others gave its members.
    let only = world.json(&["policy", "suggest", "--group", "support"]);
    assert_eq!((&only["allowed"], &only["by_other_policies"]), (&json!(3), &json!(2)), "{only}");
}
