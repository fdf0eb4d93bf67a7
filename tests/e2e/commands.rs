//! The command line where it succeeds: what it prints, and in which form.

use std::time::Duration;

use serde_json::Value;

use crate::support::World;
use crate::support::process::Process;
use crate::support::process::run;
use crate::support::steps::wait_until;
use crate::support::world::RULES;

#[test]
fn a_token_that_holds_is_verified_and_says_whose_it_is() {
    let world = World::new();
    let token = world.token("reader");
    let mut command = world.hoopctl(&["token", "verify", "--env", "TOKEN", "-o", "json"]);
    let (code, out, err) = run(command.env("TOKEN", &token));
    assert_eq!(code, 0, "{err}");
    let told: Value = serde_json::from_str(&out).unwrap();
    assert_eq!((&told["principal"], &told["issuer"]), (&"idp/reader".into(), &"idp".into()), "{told}");
    assert!(told["groups"].as_array().unwrap().contains(&"support".into()), "{told}");
    assert!(told["expires_ms"].is_i64() && !told["token_ids"].as_array().unwrap().is_empty(), "{told}");
    std::fs::write(world.path("token"), &token).unwrap();
    let out = world.ok(&["token", "verify", "--file", "token"]);
    assert!(out.contains("idp/reader") && out.contains("support") && !out.contains(&token), "{out}");
    // One byte of the signature is another.
    let flipped = if token.ends_with("AAAA") { "BBBB" } else { "AAAA" };
    std::fs::write(world.path("token"), format!("{}{flipped}", &token[..token.len() - 4])).unwrap();
    assert_ne!(world.cli(&["token", "verify", "--file", "token"]).0, 0);
}

#[test]
fn a_target_that_answers_passes_its_test() {
    let world = World::new();
    let (code, out, err) = world.cli(&["connect", "test", "crm"]);
    assert_eq!(code, 0, "{err}");
    let told = out + &err;
    assert!(told.contains(&world.api_port.to_string()), "{told}");
    assert!(world.hits().is_empty(), "it asks for nothing there");
}

#[test]
fn the_settings_are_shown_as_they_hold() {
    let world = World::new();
    let told = world.json(&["config", "show"]);
    assert_eq!(told["gateway.listen"], format!("127.0.0.1:{}", world.port), "{told}");
    assert_eq!(told["gateway.drain_timeout"], "2s", "{told}");
    assert!(told["recording.level"] == "full", "what the file leaves out is filled in: {told}");
    let out = world.ok(&["config", "show"]);
    assert!(out.contains("gateway.drain_timeout"), "{out}");
}

#[test]
fn a_tail_follows_one_session_or_all() {
    let world = World::new();
    let token = world.token("writer");
    let get = |name: &str| world.get(&format!("/c/crm/customers/{name}"), Some(&token));
    let session = get("1").header("hoopctl-session").unwrap().to_owned();
    let tail = |name: &str, more: &[&str]| {
        let args = [&["session", "tail"], more, &["-o", "jsonl"]].concat();
        Process::start(name, &mut world.hoopctl(&args), world.folder.path())
    };
    let (one, all) = (tail("one", &[&session]), tail("all", &[]));
    let people =
        Process::start("people", &mut world.hoopctl(&["session", "tail", &session]), world.folder.path());
    let told = |tail: &Process| {
        get("7");
        let log = tail.log();
        log.lines().any(|line| serde_json::from_str::<Value>(line).is_ok() && line.contains("/customers/7"))
    };
    wait_until("the tail of one session tells", Duration::from_secs(10), || told(&one));
    wait_until("the tail of all sessions tells", Duration::from_secs(10), || told(&all));
    wait_until("the tail for people tells", Duration::from_secs(10), || {
        get("7");
        people.log().contains("GET /customers/7")
    });
}

/// How many rows a list has in each form; all forms must have as many.
fn rows(world: &World, list: &[&str]) -> usize {
    let told = |form: &str| {
        let (code, out, err) = world.cli(&[list, &["-o", form]].concat());
        assert_eq!(code, 0, "{list:?} {form}: {err}");
        out
    };
    let count = world.list(list).len();
    let lines: Vec<Value> = told("jsonl").lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(lines.len(), count, "{list:?}");
    assert!(lines.iter().all(Value::is_object), "{list:?}");
    let csv = told("csv");
    let head = csv.lines().next().unwrap_or_default();
    assert!(head.contains(',') || list[0] == "secret", "{list:?}: {head}");
    assert!(csv.lines().count() > count, "{list:?}: {csv}");
    let table = told("table");
    assert!(table.lines().count() > count, "{list:?}: {table}");
    assert!(!table.trim_start().starts_with(['{', '[']), "{list:?}: {table}");
    count
}

#[test]
fn every_list_comes_in_every_form() {
    let rules = RULES.replace("timeout = \"3s\", reason = true }", "timeout = \"60s\", grant = \"15m\" }");
    let world = World::with(&rules);
    let token = world.token("writer");
    let held = |path: &str| {
        let mut client = world.client();
        let json = [("Content-Type", "application/json")];
        let body = Some(r#"{"tier":"gold"}"#);
        client.send(crate::support::client::request("PATCH", path, Some(&token), &json, body));
        let pending = world.wait_pending();
        (client, pending["id"].as_str().unwrap().to_owned())
    };
    let (mut first, approval) = held("/c/crm/customers/7");
    assert_eq!(rows(&world, &["approval", "list"]), 1);
    world.ok(&["approval", "approve", &approval]);
    assert_eq!(first.reply().status, 200);
    std::fs::write(world.path("value"), "s3cret").unwrap();
    let mut secret = world.hoopctl(&["secret", "set", "own"]);
    assert!(
        secret.stdin(std::fs::File::open(world.path("value")).unwrap()).output().unwrap().status.success()
    );
    world.ok(&["lock", "add", "client:somebody", "--yes"]);
    for list in
        [&["grant", "list"][..], &["lock", "list"], &["secret", "list"], &["approval", "list", "--all"]]
    {
        assert_eq!(rows(&world, list), 1, "{list:?}");
    }
    assert_eq!(rows(&world, &["connect", "list"]), 2);
    assert_eq!(rows(&world, &["policy", "list"]), 5);
    assert!(rows(&world, &["session", "list"]) >= 2);
    let found = world.list(&["session", "grep", "customers"]).len();
    assert!(found >= 1, "{found}");
    for form in ["jsonl", "csv"] {
        let (code, out, err) = world.cli(&["session", "grep", "customers", "-o", form]);
        assert_eq!((code, out.lines().count()), (0, found + usize::from(form == "csv")), "{form}: {err}");
    }
}
