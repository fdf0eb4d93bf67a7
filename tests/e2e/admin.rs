//! The command line: online through the socket, offline on the store, every change in the audit log.

use crate::support::World;

#[test]
fn what_is_added_holds_at_once_and_after_a_restart_and_offline() {
    let mut world = World::new();
    let token = world.token("reader");
    let api = format!("http://127.0.0.1:{}", world.api_port);
    let add = |world: &World, name: &str| {
        world.ok(&["connect", "add", name, "--upstream", &api, "--inject", "bearer:env:CRM_TOKEN"]);
        let id = format!("{name}-reads");
        let (code, _, err) = world.cli(&[
            "policy",
            "add",
            &id,
            "--allow",
            "--group",
            "support",
            "--connection",
            name,
            "--operation",
            "read",
        ]);
        assert_eq!(code, 0, "{err}");
        err
    };
    add(&world, "online");
    assert_eq!(world.get("/c/online/customers/1", Some(&token)).status, 200);
    assert_eq!(world.stop(), Some(0));
    let words = add(&world, "offline");
    assert!(words.contains("not running"), "{words}");
    world.start();
    for name in ["online", "offline"] {
        assert_eq!(world.get(&format!("/c/{name}/customers/1"), Some(&token)).status, 200, "{name}");
    }
    let names: Vec<String> =
        world.list(&["connect", "list"]).iter().map(|row| row["name"].as_str().unwrap().to_owned()).collect();
    assert_eq!(names, ["crm", "offline", "online", "raw"]);
    let (code, _, err) = world.cli(&["connect", "remove", "crm", "--yes"]);
    assert_eq!(code, 6, "{err}");
    assert!(err.contains("hoopctl.toml"), "it names the file: {err}");
    assert_eq!(world.cli(&["connect", "add", "online", "--upstream", &api]).0, 6);
    world.ok(&["connect", "remove", "online", "--yes"]);
    assert_eq!(world.get("/c/online/customers/1", Some(&token)).status, 404);
    assert_eq!(world.cli(&["connect", "show", "online"]).0, 5);
}

#[test]
fn explain_names_the_first_condition_that_failed() {
    let world = World::new();
    let out = world.ok(&[
        "policy",
        "explain",
        "--as",
        "idp/kim",
        "--group",
        "support",
        "--connection",
        "crm",
        "DELETE",
        "/customers/7",
    ]);
    assert!(
        out.contains("no-deletes") && out.contains("support-reads") && out.contains("operations"),
        "{out}"
    );
    std::fs::write(
        world.path("cases.toml"),
        r#"
[[case]]
name = "support may read"
as = { subject = "idp/kim", groups = ["support"], kind = "human" }
connection = "crm"
method = "GET"
path = "/customers/7"
expect = { effect = "allow", rule = "support-reads" }
[[case]]
name = "nobody deletes"
as = { subject = "idp/kim", groups = ["support"], kind = "human" }
connection = "crm"
method = "DELETE"
path = "/customers/7"
expect = { effect = "allow" }
"#,
    )
    .unwrap();
    let (code, out, err) = world.cli(&["policy", "test", "cases.toml"]);
    assert_eq!(code, 1, "{out} {err}");
    assert!(format!("{out}{err}").contains("nobody deletes"), "{out} {err}");
}

#[test]
fn a_secret_is_kept_sealed_and_used() {
    let world = World::new();
    std::fs::write(world.path("value"), crate::support::world::API_TOKEN).unwrap();
    let mut command = world.hoopctl(&["secret", "set", "crm-token"]);
    let output = command.stdin(std::fs::File::open(world.path("value")).unwrap()).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let api = format!("http://127.0.0.1:{}", world.api_port);
    world.ok(&["connect", "add", "sealed", "--upstream", &api, "--inject", "bearer:store:crm-token"]);
    assert_eq!(
        world
            .cli(&[
                "policy",
                "add",
                "sealed-reads",
                "--allow",
                "--group",
                "support",
                "--connection",
                "sealed"
            ])
            .0,
        0
    );
    assert_eq!(
        world.get("/c/sealed/customers/1", Some(&world.token("reader"))).status,
        200,
        "{}",
        world.log()
    );
    for name in ["data/hoopctl.db", "data/hoopctl.db-wal"] {
        let bytes = std::fs::read(world.path(name)).unwrap_or_default();
        let needle = crate::support::world::API_TOKEN.as_bytes();
        assert!(!bytes.windows(needle.len()).any(|window| window == needle), "{name} holds the secret");
    }
    let (code, out, err) =
        world.cli(&["connect", "add", "literal", "--upstream", &api, "--inject", "bearer:hunter2"]);
    assert_ne!(code, 0);
    assert!(!format!("{out}{err}").contains("hunter2"), "{err}");
}

#[test]
fn a_credential_that_is_missing_or_wrong_is_the_gateways_fault() {
    let world = World::new();
    let token = world.token("reader");
    let api = format!("http://127.0.0.1:{}", world.api_port);
    for (name, inject) in [
        ("unset", "bearer:env:NOT_SET"),
        ("wrong", "bearer:env:HOME"),
        ("nofile", "bearer:file:/nonexistent"),
    ] {
        world.ok(&["connect", "add", name, "--upstream", &api, "--inject", inject]);
        world.ok(&["policy", "add", name, "--allow", "--group", "support", "--connection", name]);
        let reply = world.get(&format!("/c/{name}/customers/1"), Some(&token));
        assert_eq!(
            (reply.status, reply.code().as_str()),
            (502, "upstream_credential"),
            "{name}: {}",
            reply.text()
        );
    }
}

#[test]
fn metrics_status_and_doctor_speak() {
    let world = World::new();
    world.get("/c/crm/customers/7", Some(&world.token("reader")));
    let metrics = world.get("/metrics", None).text();
    assert!(
        metrics
            .contains("hoopctl_requests_total{connection=\"crm\",protocol=\"http\",verdict=\"allowed\"} 1"),
        "{metrics}"
    );
    assert!(metrics.contains("hoopctl_masked_values_total{connection=\"crm\"}"), "{metrics}");
    let status = world.json(&["status"]);
    assert_eq!(status["running"], true);
    assert_eq!(status["ready"], true);
    world.get("/c/crm/customers/7", None);
    let (_, sessions, _) = world.cli(&["session", "list"]);
    assert!(sessions.contains("  local:gateway  "), "{sessions}");
    let (code, out, err) = world.cli(&["doctor"]);
    assert!(code == 0 || code == 1, "{err}");
    assert!(out.contains('✓'), "{out}");
}
