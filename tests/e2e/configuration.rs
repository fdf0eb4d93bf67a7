//! Configuration: all problems in one run, reload all or nothing, stop in order.

use std::time::Duration;
use std::time::Instant;

use serde_json::Value;

use crate::support::World;
use crate::support::client::request;
use crate::support::process::Process;
use crate::support::process::run;
use crate::support::steps::audited;
use crate::support::steps::wait_for;
use crate::support::world::RULES;

#[test]
fn all_problems_are_told_in_one_run_with_their_place() {
    let world = World::without_gateway("");
    let text = r#"version = 1
[gateway]
lisen = "127.0.0.1:1"
drain_timeout = "soon"
[storage]
data_dir = "data"
[[connection]]
name = "Crm"
upstream = "ftp://x"
inject = "bearer:hunter2"
[[policy]]
id = "a"
effect = "alow"
match = { grups = ["x"] }
[[mask]]
id = "m"
entities = ["US_SSM"]
op = { kind = "redact" }
"#;
    std::fs::write(world.path("hoopctl.toml"), text).unwrap();
    let (code, _, err) = world.cli(&["serve", "--check"]);
    assert_eq!(code, 3, "{err}");
    for wanted in [
        "hoopctl.toml:3:",
        "listen",
        "hoopctl.toml:4:",
        "hoopctl.toml:8:",
        "hoopctl.toml:9:",
        "hoopctl.toml:10:",
        "hoopctl.toml:13:",
        "allow",
        "hoopctl.toml:14:",
        "groups",
        "hoopctl.toml:17:",
        "US_SSN",
    ] {
        assert!(err.contains(wanted), "no {wanted} in {err}");
    }
    assert!(!err.contains("hunter2"), "a secret is not repeated: {err}");
    let (code, _, _) = world.cli(&["serve"]);
    assert_eq!(code, 3);
}

#[test]
fn a_reload_takes_all_of_it_or_nothing() {
    let world = World::new();
    let token = world.token("reader");
    assert_eq!(world.get("/c/crm/customers/7", Some(&token)).status, 200);
    world.write_config(&RULES.replace("operations = [\"read\"]", "operations = [\"reed\"]"));
    let (code, _, err) = world.cli(&["config", "reload"]);
    assert_eq!(code, 3, "{err}");
    assert_eq!(world.get("/c/crm/customers/7", Some(&token)).status, 200, "the old one holds");
    world.write_config(
        &RULES.replace(
            "id = \"support-reads\"\neffect = \"allow\"",
            "id = \"support-reads\"\neffect = \"deny\"",
        ),
    );
    world.gateway.as_ref().unwrap().signal("HUP");
    let begin = Instant::now();
    while world.get("/c/crm/customers/7", Some(&token)).status == 200 {
        assert!(begin.elapsed() < Duration::from_secs(3), "SIGHUP does not reload: {}", world.log());
        std::thread::sleep(Duration::from_millis(20));
    }
    world.write_config("[[policy]]\nid = 7\n");
    world.gateway.as_ref().unwrap().signal("HUP");
    wait_for("a reload that fails is audited", || {
        reloads(&world).last().is_some_and(|(_, action)| action == "config.reload.failed")
    });
    world.write_config(RULES);
    world.ok(&["config", "reload"]);
    assert_eq!(world.get("/c/crm/customers/7", Some(&token)).status, 200);

    // Each one is in the audit trail and in the log, with who asked for it.
    let reloads = reloads(&world);
    let local = reloads.last().unwrap().0.clone();
    assert!(local.starts_with("local:"), "{local}");
    let wanted = [
        ("signal:SIGHUP", "config.reload"),
        ("signal:SIGHUP", "config.reload.failed"),
        (&*local, "config.reload"),
    ];
    let told: Vec<(&str, &str)> = reloads.iter().map(|(actor, action)| (&**actor, &**action)).collect();
    assert_eq!(told, wanted);
    let log: Vec<Value> = world.log().lines().filter_map(|line| serde_json::from_str(line).ok()).collect();
    let logged: Vec<(&str, &str)> = log
        .iter()
        .filter_map(|line| Some((line["actor"].as_str()?, line["message"].as_str()?)))
        .map(|(actor, message)| {
            (actor, if message == "reloaded" { "config.reload" } else { "config.reload.failed" })
        })
        .collect();
    assert_eq!(logged, wanted);
}

#[test]
fn what_needs_a_restart_is_told_until_there_was_one() {
    let world = World::new();
    let file = world.path("hoopctl.toml");
    let old = std::fs::read_to_string(&file).unwrap();
    let other = format!("listen = \"127.0.0.1:{}\"", world.port);
    std::fs::write(&file, old.replace(&other, "listen = \"127.0.0.1:1\"")).unwrap();
    for _ in 0..2 {
        let told = world.json(&["config", "reload"]);
        assert_eq!(told["restart_needed"], serde_json::json!(["gateway.listen"]), "{told}");
    }
    assert_eq!(world.json(&["status"])["restart_needed"], serde_json::json!(["gateway.listen"]));
    assert!(
        world.cli(&["status"]).1.contains("restart   needed: gateway.listen"),
        "{}",
        world.cli(&["status"]).1
    );
    let doctor = world.cli(&["doctor"]).1;
    assert!(doctor.contains("still runs with older settings: gateway.listen"), "{doctor}");
    // The environment that counts is the gateway's, which has the token of crm.
    let mut bare = world.hoopctl(&["doctor"]);
    let (_, doctor, _) = run(bare.env_remove("CRM_TOKEN"));
    assert!(doctor.contains("connection crm, credential: env:CRM_TOKEN is set for the gateway"), "{doctor}");
    // As it was at the start, nothing is left to be done.
    std::fs::write(&file, &old).unwrap();
    assert_eq!(world.json(&["config", "reload"])["restart_needed"], serde_json::json!([]));
    assert_eq!(world.json(&["status"])["restart_needed"], serde_json::json!([]));
}

#[test]
fn a_watched_file_is_taken_over_when_it_is_changed_or_not_at_all() {
    let mut world = World::without_gateway(RULES);
    let args = ["serve", "--watch", "--log-format", "json"];
    let mut gateway = Process::start("gateway", &mut world.hoopctl(&args), world.folder.path());
    gateway.wait_port(world.port);
    world.gateway = Some(gateway);
    wait_for("it is ready", || world.get("/readyz", None).status == 200);
    let token = world.token("reader");
    assert_eq!(world.get("/c/crm/customers/7", Some(&token)).status, 200);
    let told = |count: usize, action: &str| {
        wait_for(action, || reloads(&world).len() == count);
        assert_eq!(reloads(&world).last().unwrap(), &("file:changed".to_owned(), action.to_owned()));
    };
    world.write_config("[[policy]]\nid = 7\n");
    told(1, "config.reload.failed");
    assert_eq!(world.get("/c/crm/customers/7", Some(&token)).status, 200, "the old one holds");
    world.write_config("");
    told(2, "config.reload");
    assert_eq!(world.get("/c/crm/customers/7", Some(&token)).status, 404, "nothing allows it any more");
}

/// Who reloaded, and how it went, as the audit trail says.
fn reloads(world: &World) -> Vec<(String, String)> {
    let all = audited(world).into_iter();
    all.filter(|[_, action, _]| action.starts_with("config.reload"))
        .map(|[actor, action, _]| (actor, action))
        .collect()
}

#[test]
fn a_second_signal_ends_the_drain_and_an_interrupt_is_a_signal_to_stop() {
    for (first, second) in [("TERM", "TERM"), ("TERM", "INT"), ("INT", "TERM")] {
        let mut world = World::without_gateway("");
        let head = world.head().replace("drain_timeout = \"2s\"", "drain_timeout = \"10m\"");
        std::fs::write(world.path("hoopctl.toml"), head + RULES).unwrap();
        world.start();
        let mut live = world.client();
        live.send(request("GET", "/c/crm/__sse", Some(&world.token("reader")), &[], None));
        assert_eq!(live.head().status, 200);
        let gateway = world.gateway.as_ref().unwrap();
        gateway.signal(first);
        wait_for("it drains", || world.log().contains("draining"));
        std::thread::sleep(Duration::from_millis(300));
        assert!(live.chunk().is_some_and(|chunk| !chunk.is_empty()), "{first}: what runs goes on");
        let begin = Instant::now();
        gateway.signal(second);
        assert_eq!(world.gateway.as_mut().unwrap().wait(Duration::from_secs(5)), Some(0), "{first} {second}");
        assert!(begin.elapsed() < Duration::from_secs(5));
    }
}

#[test]
fn each_line_of_a_log_that_no_person_reads_is_json() {
    let mut world = World::new();
    let token = world.token("writer");
    world.get("/c/crm/customers/7", Some(&token));
    world.send("DELETE", "/c/crm/customers/7", Some(&token), &[], None);
    world.get("/c/none/x", None);
    world.write_config("[[policy]]\nid = 7\n");
    world.gateway.as_ref().unwrap().signal("HUP");
    wait_for("it has not reloaded", || world.log().contains("\"not reloaded\""));
    world.write_config(RULES);
    world.gateway.as_ref().unwrap().signal("HUP");
    wait_for("it has reloaded", || world.log().contains("\"reloaded\""));
    let gateway = world.gateway.as_mut().unwrap();
    gateway.signal("TERM");
    assert_eq!(gateway.wait(Duration::from_secs(10)), Some(0));
    let log = world.log();
    for line in log.lines() {
        let line: Value =
            serde_json::from_str(line).unwrap_or_else(|error| panic!("no JSON ({error}): {line}"));
        assert!(line["level"].is_string() && line["timestamp"].is_string(), "{line}");
        assert!(line["message"].is_string(), "{line}");
    }
    for message in ["ready", "command refused", "request refused", "not reloaded", "draining", "stopped"] {
        assert!(log.contains(&format!("\"message\":\"{message}\"")), "no {message} in {log}");
    }
}

#[test]
fn a_stop_lets_running_requests_end_and_tells_sessions_why() {
    let mut world = World::new();
    let token = world.token("reader");
    let mut upload = world.client();
    upload.send(request("PUT", "/c/raw/__size", Some(&token), &[("Content-Length", "100000")], None));
    upload.send(vec![b'a'; 50_000]);
    let mut live = world.client();
    live.send(request("GET", "/c/crm/__sse", Some(&token), &[], None));
    let session = live.head().header("hoopctl-session").unwrap().to_owned();
    std::thread::sleep(Duration::from_millis(300));
    let gateway = world.gateway.as_ref().unwrap();
    gateway.signal("TERM");
    std::thread::sleep(Duration::from_millis(300));
    assert!(std::net::TcpStream::connect(("127.0.0.1", world.port)).is_err(), "it accepts no more");
    upload.send(vec![b'a'; 50_000]);
    assert_eq!(upload.reply().json()["size"], 100_000);
    while live.chunk().is_some_and(|chunk| !chunk.is_empty()) {}
    assert_eq!(world.gateway.as_mut().unwrap().wait(Duration::from_secs(10)), Some(0));
    let end = world.events(&session).pop().unwrap();
    assert_eq!((&end["kind"], &end["data"]["reason"]), (&"session.end".into(), &"stopped".into()));
}

#[test]
fn it_is_ready_in_well_under_a_second() {
    let mut world = World::without_gateway(RULES);
    let begin = Instant::now();
    world.start();
    assert!(begin.elapsed() < Duration::from_secs(1), "{:?}", begin.elapsed());
}

#[test]
fn a_broken_file_does_not_stand_between_an_operator_and_a_gateway_that_runs() {
    let world = World::new();
    let token = world.token("reader");
    assert_eq!(world.get("/c/crm/customers/7", Some(&token)).status, 200);
    std::fs::write(world.path("hoopctl.toml"), "version = \n").unwrap();
    let (code, _, err) = world.cli(&["lock", "add", "everybody", "--yes"]);
    assert!(code == 3 && err.contains("--socket"), "{code} {err}");
    let socket = world.path("data/admin.sock").display().to_string();
    let (code, _, err) = world.cli(&["lock", "add", "everybody", "--yes", "--socket", &socket]);
    assert_eq!(code, 0, "{err}");
    assert_eq!(world.get("/c/crm/customers/7", Some(&token)).code(), "locked");
}
