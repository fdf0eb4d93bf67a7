//! Configuration: all problems in one run, reload all or nothing, stop in order.

use std::time::Duration;
use std::time::Instant;

use crate::support::World;
use crate::support::client::request;
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
    world.write_config(RULES);
    assert_eq!(world.cli(&["config", "reload"]).0, 0);
    assert_eq!(world.get("/c/crm/customers/7", Some(&token)).status, 200);
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
