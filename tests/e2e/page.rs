//! The approval page: people sign in at a real provider with a browser that has no window, read a held command, and decide.

use std::os::unix::fs::PermissionsExt as _;
use std::thread;

use crate::support::Client;
use crate::support::Reply;
use crate::support::World;
use crate::support::client::request;
use crate::support::process::free_port;
use crate::support::world::RULES;

const SECRET: &str = "page-s3cret";

/// A gateway with the page; gives its address, too.
fn world() -> (World, String) {
    let rules = RULES.replace("timeout = \"3s\"", "timeout = \"60s\"");
    let mut world = World::without_gateway(&rules);
    let page = format!("http://127.0.0.1:{}", free_port());
    world.page_issuer(&page);
    let secret = world.path("page.secret");
    std::fs::write(&secret, SECRET).unwrap();
    std::fs::set_permissions(&secret, std::fs::Permissions::from_mode(0o600)).unwrap();
    world.write_config(&rules);
    let file = world.path("hoopctl.toml");
    let text = std::fs::read_to_string(&file).unwrap();
    let admin = format!(
        "[admin]\nlisten = \"{}\"\npublic_url = \"{page}\"\nroles = {{ approver = [\"dba\"], viewer = [\"audit\"] }}\n\
         page = {{ client_id = \"page\", scopes = [\"openid\", \"use\"], secret = \"file:page.secret\" }}\n",
        page.trim_start_matches("http://")
    );
    std::fs::write(&file, text.replace("[admin]\n", &admin)).unwrap();
    world.start();
    (world, page)
}

/// Sends a PATCH that is held, from a thread of its own.
fn held(world: &World, token: &str, body: &'static str) -> thread::JoinHandle<Reply> {
    let (port, token) = (world.port, token.to_owned());
    thread::spawn(move || {
        let mut client = Client::connect(port);
        let headers = [("Content-Type", "application/json")];
        client.send(request("PATCH", "/c/crm/customers/7", Some(&token), &headers, Some(body)));
        client.reply()
    })
}

#[test]
fn people_approve_and_deny_what_waits_after_they_have_read_it() {
    let (world, page) = world();
    let token = world.token("writer");
    let browse = |address: &str, args: [&str; 3], env: &[(&str, &str)]| {
        let (code, out, err) = world.peer("browser.mjs", &[address, args[0], args[1], args[2]], env);
        assert_eq!(code, 0, "{out}\n{err}\n{}", world.log());
        out
    };
    let waiting = held(&world, &token, r#"{"tier":"</li><form action=x>gold"}"#);
    let id = world.wait_pending()["id"].as_str().unwrap().to_owned();
    let address = format!("{page}/approval/{id}");
    let path = format!("at /approval/{id} 200");

    // Who may look sees it, and no button; who has no role sees nothing.
    let vic = browse(&address, ["vic", "once", "x"], &[]);
    assert!(vic.contains(&path) && vic.contains("signed in as") && vic.contains("idp/vic"), "{vic}");
    assert!(vic.contains("You may look, not decide") && vic.contains("no such button"), "{vic}");
    let eve = browse(&address, ["eve", "once", "x"], &[]);
    assert!(eve.contains("at /signed-in 403") && !eve.contains("PATCH"), "{eve}");

    // A form of another site, or with another key, decides nothing.
    for (name, value) in [("ORIGIN", "https://evil.example"), ("ORIGIN", "null"), ("KEY", "x")] {
        let forged = browse(&address, ["kate", "once", "x"], &[(name, value)]);
        assert!(forged.contains("sent 403"), "{name}: {forged}");
    }
    assert_eq!(world.json(&["approval", "show", &id])["decisions"].as_array().unwrap().len(), 0);
    assert!(!world.hits().iter().any(|hit| hit.starts_with("PATCH")));

    let kate = browse(&address, ["kate", "once", "INC-4411"], &[]);
    assert!(
        kate.contains("PATCH /customers/7") && kate.contains(r#"{"tier":"</li><form action=x>gold"}"#),
        "{kate}"
    );
    assert!(kate.contains("sent 303") && kate.contains("approved by idp/kate"), "{kate}");
    assert!(kate.contains("api 401"), "her cookies open no API: {kate}");
    let reply = waiting.join().unwrap();
    assert_eq!((reply.status, reply.json()["tier"].as_str()), (200, Some("</li><form action=x>gold")));
    assert_eq!(world.hits().iter().filter(|hit| hit.starts_with("PATCH")).count(), 1);

    // Read again it is over; the next one is denied.
    let again = browse(&address, ["kate", "deny", "late"], &[]);
    assert!(again.contains("It is over: used.") && again.contains("no such button"), "{again}");
    let waiting = held(&world, &token, r#"{"tier":"iron"}"#);
    let id = world.wait_pending()["id"].as_str().unwrap().to_owned();
    let denied = browse(&format!("{page}/approval/{id}"), ["kate", "deny", "no"], &[]);
    assert!(denied.contains("sent 303") && denied.contains("It is over: denied."), "{denied}");
    let reply = waiting.join().unwrap();
    assert_eq!((reply.status, reply.code().as_str()), (403, "approval_denied"));

    let log = world.log();
    assert!(log.contains("signed in on the approval page"), "{log}");
    for secret in [SECRET, "tier", "Bearer", "eyJ"] {
        assert!(!log.contains(secret), "{secret}: {log}");
    }
}

#[test]
fn a_locked_person_and_an_issuer_that_is_gone_get_nobody_in() {
    let (mut world, page) = world();
    let token = world.token("writer");
    let waiting = held(&world, &token, "{}");
    let id = world.wait_pending()["id"].as_str().unwrap().to_owned();
    let address = format!("{page}/approval/{id}");
    assert_eq!(world.cli(&["lock", "add", "principal:idp/kate", "--reason", "left", "--yes"]).0, 0);
    let (code, out, err) = world.peer("browser.mjs", &[&address, "kate", "once", "x"], &[]);
    assert!(code == 0 && out.contains("at /signed-in 403") && !out.contains("PATCH"), "{out}{err}");
    world.issuer.as_mut().unwrap().kill();
    let (code, out, err) = world.peer("browser.mjs", &[&address, "vic", "none"], &[]);
    // It was asked a moment ago where people sign in; there is nobody now.
    assert!(code != 0 && err.contains("ECONNREFUSED") || out.contains("503"), "{out}{err}");
    assert_eq!(world.cli(&["approval", "deny", &id, "-r", "no"]).0, 0);
    assert_eq!(waiting.join().unwrap().status, 403);
}
