//! The approval page: people sign in at a real provider with a browser that has no window, read a held command, and decide. Most of it is
//! done with a browser of a few lines, `tests/peers/browser.mjs`, and all that only a real one can tell with Chromium. To see what that
//! saw: `HOOPCTL_PICTURES=FOLDER cargo test --test e2e -- a_real_browser`.

use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use serde_json::Value;
use serde_json::json;

use crate::support::World;
use crate::support::process::Process;
use crate::support::process::free_port;
use crate::support::process::run;
use crate::support::steps::held;
use crate::support::steps::wait_until;
use crate::support::world::RULES;

const SECRET: &str = "page-s3cret";

/// A gateway with the page; gives its address, too.
fn world() -> (World, String) {
    let page = format!("http://127.0.0.1:{}", free_port());
    let mut world = configured(&page);
    world.start();
    (world, page)
}

/// What it takes for a page at that address of this machine, but for the gateway.
fn configured(page: &str) -> World {
    let rules = RULES.replace("timeout = \"3s\"", "timeout = \"60s\"");
    let mut world = World::without_gateway(&rules);
    world.page_issuer(page);
    let secret = world.path("page.secret");
    std::fs::write(&secret, SECRET).unwrap();
    std::fs::set_permissions(&secret, std::fs::Permissions::from_mode(0o600)).unwrap();
    world.write_config(&rules);
    let file = world.path("hoopctl.toml");
    let text = std::fs::read_to_string(&file).unwrap();
    let admin = format!(
        "[admin]\nlisten = \"127.0.0.1:{}\"\npublic_url = \"{page}\"\nroles = {{ approver = [\"dba\"], viewer = [\"audit\"] }}\n\
         page = {{ client_id = \"page\", scopes = [\"openid\", \"use\"], secret = \"file:page.secret\" }}\n",
        page.rsplit_once(':').unwrap().1
    );
    std::fs::write(&file, text.replace("[admin]\n", &admin)).unwrap();
    world
}

/// The same behind TLS, at the name of this machine.
fn secure_world() -> (World, String) {
    let page = format!("https://localhost:{}", free_port());
    let mut world = configured(&page);
    let made = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
    std::fs::write(world.path("tls.crt"), made.cert.pem()).unwrap();
    let key = world.path("tls.key");
    std::fs::write(&key, made.signing_key.serialize_pem()).unwrap();
    std::fs::set_permissions(&key, std::fs::Permissions::from_mode(0o600)).unwrap();
    let file = world.path("hoopctl.toml");
    let text = std::fs::read_to_string(&file).unwrap();
    let tls = "tls = { cert = \"tls.crt\", key = \"file:tls.key\" }\ndrain_timeout";
    let text =
        text.replace("drain_timeout", tls).replace("approval_wait = \"10s\"", "approval_wait = \"60s\"");
    std::fs::write(&file, text).unwrap();
    let mut gateway = Process::start("gateway", &mut world.hoopctl(&["serve"]), world.folder.path());
    gateway.wait_port(world.port);
    world.gateway = Some(gateway);
    (world, page)
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

/// Has so many commands held, each with one of these bodies; gives their addresses on the page, and what gives the answers at the end.
fn held_securely(world: &World, page: &str, bodies: &[Value]) -> (Vec<String>, Vec<Process>) {
    let token = world.token("writer");
    let mut ids: Vec<String> = Vec::new();
    let mut waiting = Vec::new();
    for (number, body) in bodies.iter().enumerate() {
        let file = world.path(&format!("body-{number}"));
        std::fs::write(&file, body.to_string()).unwrap();
        let mut curl = Command::new("curl");
        curl.args(["-sS", "--cacert", "tls.crt", "-X", "PATCH", "-H", "Content-Type: application/json"]);
        curl.args(["-H", &format!("Authorization: Bearer {token}"), "-w", "\nstatus %{http_code}\n"]);
        curl.args(["--data-binary", &format!("@{}", file.display())]);
        curl.arg(format!("https://localhost:{}/c/crm/customers/7", world.port));
        let name = format!("curl-{number}");
        waiting.push(Process::start(&name, curl.current_dir(world.folder.path()), world.folder.path()));
        let new = || {
            let all = world.list(&["approval", "list"]);
            all.iter().map(|one| one["id"].as_str().unwrap().to_owned()).find(|id| !ids.contains(id))
        };
        wait_until("it is held", Duration::from_secs(20), || new().is_some());
        let id = new().unwrap();
        ids.push(id);
    }
    (ids.iter().map(|id| format!("{page}/approval/{id}")).collect(), waiting)
}

#[test]
fn a_real_browser_shows_what_agents_write_as_it_is_and_needs_no_script_to_decide() {
    let (world, page) = secure_world();
    let hostile = "</code></li></ol></pre><script>alert(1)</script><b>bold</b><img src=https://evil.example/x onerror=alert(2)>\u{202e}reversed\u{202c}";
    let bodies = [
        json!({ "tier": hostile, "note": "a".repeat(300) }),
        json!({ "tier": "iron" }),
        json!({ "note": "x".repeat(260_000) }),
    ];
    let (addresses, mut waiting) = held_securely(&world, &page, &bodies);
    let [approved, denied, long] = &addresses[..] else { panic!("{addresses:?}") };
    let pictures = std::env::var("HOOPCTL_PICTURES").unwrap_or_default();
    if !pictures.is_empty() {
        std::fs::create_dir_all(Path::new(&pictures)).unwrap();
    }
    let (code, out, err) = world.peer("chromium.mjs", &["tls.crt", approved, denied, long, &pictures], &[]);
    assert_eq!(code, 0, "{out}\n{err}\n{}", world.log());
    let seen: Value = serde_json::from_str(&out).unwrap();
    let text = |name: &str| seen[name].as_str().unwrap_or_else(|| panic!("{name}: {seen}")).to_owned();
    let issuer = format!("http://127.0.0.1:{}/auth", world.issuer_port);

    // Signed in by way of the issuer, over TLS, with two cookies that no script reads and no other host sets. The one of the sign-in that
    // is over opens nothing, and goes with its time.
    let cookie = |name: &str| json!({ "name": name, "secure": true, "httpOnly": true, "sameSite": "Lax", "path": "/", "domain": "localhost" });
    let (begun, own) = (cookie("__Host-hoopctl-begun"), cookie("__Host-hoopctl-page"));
    assert_eq!((&seen["cookies"], &seen["secure"]), (&json!([begun, own]), &json!("https:")));
    let path = |name: &str| -> Vec<String> {
        seen[name].as_array().unwrap().iter().map(|one| one.as_str().unwrap().to_owned()).collect()
    };
    assert!(path("documents").contains(&format!("GET {issuer}")), "{seen}");
    assert_eq!(path("documents").last().unwrap(), &format!("GET {approved}"));
    assert_eq!(
        seen["sent"][0]["names"],
        json!(["__Host-hoopctl-begun", "__Host-hoopctl-page"]),
        "sent back with the form: {}",
        seen["sent"]
    );

    // Every character is there, and none of it did anything: no element, no question, no request, nothing against the policy.
    let shown = text("page");
    let wanted = hostile.replace('\u{202e}', "\\u{202e}").replace('\u{202c}', "\\u{202c}");
    assert!(shown.contains(&wanted) && shown.contains(&"a".repeat(300)), "{shown}");
    assert_eq!(seen["elements"], json!([0, 3, 0, 0, 1]), "script, form, b, img, bdo");
    assert_eq!((&seen["complaints"], &seen["others"]), (&json!([]), &json!([])));

    // It is read on a telephone without scrolling sideways, in the dark too, and by who hears it; nothing is reached unseen.
    assert!(seen["column"].as_u64().unwrap() > 300, "a fact has the whole width: {}", seen["column"]);
    for (name, most) in [("wide", 1200), ("narrow", 400), ("dark", 400)] {
        assert!(seen[name].as_u64().unwrap() <= most, "{name}: {}", seen[name]);
    }
    assert!(
        seen["long"]["width"].as_u64().unwrap() <= 400 && seen["long"]["letters"].as_u64().unwrap() > 260_000,
        "{}",
        seen["long"]
    );
    assert_eq!(
        (&seen["ground"], &seen["darkGround"]),
        (&json!(["rgb(0, 0, 0)", false]), &json!(["rgb(255, 255, 255)", true]))
    );
    let controls = [
        "button: Sign out",
        "textbox: Reason to approve (its policy wants one):",
        "button: Approve this one command",
        "textbox: Reason to deny (its policy wants one):",
        "button: Deny",
    ];
    assert_eq!(path("reached"), controls);
    for part in ["main: ", "banner: ", "heading: Your decision"] {
        assert!(path("tree").iter().any(|one| one == part), "{part}: {}", seen["tree"]);
    }

    // Another browser has nothing of this one's session; who has no role, or has signed out, is left with none.
    assert!(path("viewerPath").contains(&format!("GET {issuer}")));
    assert!(text("viewer").contains("idp/vic") && text("viewer").contains("You may look, not decide"));
    assert!(text("stranger").contains("You may not do this") && !text("stranger").contains("PATCH"));
    assert_eq!((&seen["strangerCookies"], &seen["outCookies"]), (&json!([begun]), &json!([begun])));

    // Decided by the keyboard and by the mouse, where no script runs.
    assert!(
        text("approved").contains("approved by idp/kate") && text("approved").contains("\"INC-4411 äöü\""),
        "{}",
        text("approved")
    );
    assert!(text("denied").contains("denied by idp/kate") && text("denied").contains("\"not <b>today</b>\""));
    assert_eq!(path("again"), [format!("GET {denied}")], "signed in already");
    assert!(text("out").contains("You are signed out here"));
    assert!(path("afterwards").contains(&format!("GET {issuer}")), "{}", seen["afterwards"]);
    for (curl, status) in waiting.iter_mut().zip(["status 200", "status 403"]) {
        assert_eq!(curl.wait(Duration::from_secs(20)), Some(0), "{}", curl.log());
        assert!(curl.log().contains(status), "{}", curl.log());
    }
    let (_, out, _) =
        run(Command::new("curl").args(["-s", &format!("http://127.0.0.1:{}/__hits", world.api_port)]));
    assert_eq!(out.matches("PATCH").count(), 1, "{out}");
}

#[test]
fn a_locked_person_and_an_issuer_that_is_gone_get_nobody_in() {
    let (mut world, page) = world();
    let token = world.token("writer");
    let waiting = held(&world, &token, "{}");
    let id = world.wait_pending()["id"].as_str().unwrap().to_owned();
    let address = format!("{page}/approval/{id}");
    world.ok(&["lock", "add", "principal:idp/kate", "--reason", "left", "--yes"]);
    let (code, out, err) = world.peer("browser.mjs", &[&address, "kate", "once", "x"], &[]);
    assert!(code == 0 && out.contains("at /signed-in 403") && !out.contains("PATCH"), "{out}{err}");
    world.issuer.as_mut().unwrap().kill();
    let (code, out, err) = world.peer("browser.mjs", &[&address, "vic", "none"], &[]);
    // It was asked a moment ago where people sign in; there is nobody now.
    assert!(code != 0 && err.contains("ECONNREFUSED") || out.contains("503"), "{out}{err}");
    world.ok(&["approval", "deny", &id, "-r", "no"]);
    assert_eq!(waiting.join().unwrap().status, 403);
}
