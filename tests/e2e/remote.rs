//! The admin API over the network, from an empty home: who gets in, what each role may do, and how it ends.

use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::process::Command;
use std::time::Duration;

use serde_json::Value;

use crate::support::World;
use crate::support::mcp::peer;
use crate::support::process::Process;
use crate::support::process::free_port;
use crate::support::process::run;
use crate::support::screen::Screen;
use crate::support::steps::wait_until;

const RULES: &str = r#"
[[policy]]
id = "etl-writes"
effect = "approve"
match = { groups = ["etl"], connections = ["crm"], methods = ["PATCH"] }
approval = { from = ["support"], timeout = "30s" }
[[policy]]
id = "reads"
effect = "allow"
match = { groups = ["support"], connections = ["crm"], operations = ["read"] }
"#;

const ADMIN: &str = r#"
roles = { operator = ["etl"], viewer = ["support"] }
clients = ["writer", "reader", "stranger"]
"#;

const PEOPLE: &str = r#"
roles = { operator = ["etl"], approver = ["dba"], viewer = ["support"] }
login = { client_id = "hoopctl-cli", scopes = ["openid", "offline_access", "use"] }
"#;

/// A world that is managed over the network, and where.
fn world(admin: &str) -> (World, String) {
    managed(World::without_gateway(RULES), admin)
}

/// One where people sign in, whose tokens live for so many seconds.
fn world_of_people(lifetime: u32) -> (World, String) {
    let mut world = World::without_gateway(RULES);
    world.sign_in_issuer(lifetime);
    world.write_config(&RULES.replace("from = [\"support\"]", "from = [\"dba\"], reason = false"));
    managed(world, PEOPLE)
}

fn managed(mut world: World, admin: &str) -> (World, String) {
    let port = free_port();
    let file = world.path("hoopctl.toml");
    let text = std::fs::read_to_string(&file).unwrap();
    let listen = format!("[admin]\nlisten = \"127.0.0.1:{port}\"\n{admin}");
    std::fs::write(&file, text.replace("[admin]\n", &listen)).unwrap();
    world.start();
    (world, format!("http://127.0.0.1:{port}"))
}

/// A command line on another machine: nothing of this world's files, and a home of its own.
struct Elsewhere {
    home: tempfile::TempDir,
    url: String,
}

impl Elsewhere {
    fn new(url: &str) -> Self {
        Self { home: tempfile::tempdir().unwrap(), url: url.to_owned() }
    }

    fn command(&self, args: &[&str], token: Option<&str>) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_hoopctl"));
        command.args(args).env_clear().env("PATH", std::env::var_os("PATH").unwrap_or_default());
        command.env("HOME", self.home.path()).env("HOOPCTL_URL", &self.url).current_dir(self.home.path());
        if let Some(token) = token {
            command.env("HOOPCTL_TOKEN", token);
        }
        command
    }

    /// Signs this person in, who looks at the pages of the issuer.
    fn sign_in(&self, who: &str) -> (i32, String) {
        let mut login = self.command(&["login", "--no-browser", "--yes"], None);
        let mut login = Process::start("login", &mut login, self.home.path());
        let address = |login: &Process| {
            login.log().lines().find(|line| line.contains("code_challenge=")).map(str::to_owned)
        };
        wait_until("the address is printed", Duration::from_secs(10), || address(&login).is_some());
        let address = address(&login).unwrap();
        let (code, out, err) = peer("node", &["sign_in.mjs", "browser", &address, who], &[]);
        assert_eq!(code, 0, "{out}{err}{}", login.log());
        let code = login.wait(Duration::from_secs(10)).unwrap();
        (code, login.log())
    }

    /// The command line as who signed in.
    fn own(&self, args: &[&str]) -> (i32, String, String) {
        run(&mut self.command(args, None))
    }

    fn kept(&self) -> Value {
        let file = self.home.path().join(".config/hoopctl/tokens.json");
        serde_json::from_str(&std::fs::read_to_string(file).unwrap()).unwrap()
    }

    fn cli(&self, args: &[&str], token: &str) -> (i32, String, String) {
        run(&mut self.command(args, Some(token)))
    }

    fn json(&self, args: &[&str], token: &str) -> Value {
        let (code, out, err) = self.cli(&[args, &["-o", "json"]].concat(), token);
        assert_eq!(code, 0, "{args:?}: {err}");
        serde_json::from_str(&out).unwrap()
    }
}

#[test]
fn roles_of_a_token_say_what_its_holder_may_do() {
    let (world, url) = world(ADMIN);
    let away = Elsewhere::new(&url);
    let (operator, viewer, nobody) = (world.token("writer"), world.token("reader"), world.token("stranger"));
    assert_eq!(world.get("/c/crm/customers/7", Some(&viewer)).status, 200);

    // Everybody with a role looks.
    for token in [&operator, &viewer] {
        let sessions = away.json(&["session", "list"], token);
        let of_crm =
            sessions["items"].as_array().unwrap().iter().find(|session| session["connection"] == "crm");
        let id = of_crm.unwrap()["id"].as_str().unwrap();
        let shown = away.json(&["session", "show", id], token).to_string();
        assert!(shown.contains("idp/reader"), "{shown}");
        let (code, out, err) = away.cli(&["replay", id, "--print"], token);
        assert!(code == 0 && out.contains("GET /customers/7"), "{out}{err}");
        assert_eq!(away.cli(&["session", "verify", id], token).0, 0);
    }
    let you = away.json(&["status"], &operator)["you"].clone();
    assert_eq!(
        (&you["principal"], &you["manages"], &you["decides"]),
        (&"idp/writer".into(), &true.into(), &false.into())
    );

    // Who only looks changes nothing; who manages does, and the audit trail names the token's holder.
    let (code, _, err) = away.cli(&["lock", "add", "connection:crm", "--yes"], &viewer);
    assert!(code == 9 && err.contains("may look, not change anything"), "{code} {err}");
    std::fs::write(away.home.path().join("value"), "s3cret-of-shop\n").unwrap();
    let value = away.home.path().join("value");
    std::fs::set_permissions(&value, std::fs::Permissions::from_mode(0o600)).unwrap();
    let set = format!("hoopctl secret set SHOP < {}", value.display());
    let mut shell = Command::new("sh");
    let path = format!(
        "{}:/usr/bin:/bin",
        std::path::Path::new(env!("CARGO_BIN_EXE_hoopctl")).parent().unwrap().display()
    );
    shell.args(["-c", &set]).env_clear().env("PATH", path).env("HOME", away.home.path());
    shell.env("HOOPCTL_URL", &url).env("HOOPCTL_TOKEN", &operator);
    let (code, _, err) = run(&mut shell);
    assert_eq!(code, 0, "{err}");
    let add = ["connect", "add", "shop", "--upstream", "http://127.0.0.1:9", "--inject", "bearer:store:SHOP"];
    let (code, _, err) = away.cli(&add, &operator);
    assert_eq!(code, 0, "{err}");
    let program = ["connect", "add", "sh", "--upstream", "mcp+stdio:sh -c id"];
    let (code, _, err) = away.cli(&program, &operator);
    assert!(code == 9 && err.contains("reaches into the gateway's own machine"), "{code} {err}");
    assert!(world.list(&["connect", "list"]).iter().all(|connection| connection["name"] != "sh"));
    assert!(world.list(&["connect", "list"]).iter().any(|connection| connection["name"] == "shop"));
    let audit = rusqlite::Connection::open(world.path("data/hoopctl.db")).unwrap();
    let mut actors = audit.prepare("SELECT actor, action FROM audit").unwrap();
    let actors = actors.query_map([], |row| Ok((row.get(0)?, row.get(1)?))).unwrap();
    let actors: Vec<(String, String)> = actors.map(Result::unwrap).collect();
    for (who, action) in [("idp/writer", "connection.put.refused"), ("idp/reader", "lock.add.refused")] {
        assert!(actors.contains(&(who.to_owned(), action.to_owned())), "{actors:?}");
    }

    // No role, no token, a token that does not hold: nothing at all.
    let (code, out, err) = away.cli(&["session", "list"], &nobody);
    assert!(code == 9 && out.is_empty() && err.contains("admin.roles"), "{code} {err}");
    let (code, out, err) = run(&mut away.command(&["session", "list"], None));
    assert!(code == 4 && out.is_empty() && err.contains("hoopctl login --url"), "{code} {err}");
    let broken = format!("{}x", &viewer[..viewer.len() - 8]);
    let (code, out, err) = away.cli(&["session", "list"], &broken);
    assert!(code == 4 && out.is_empty() && !err.contains(&broken), "{code} {err}");
    // An app decides nothing, whatever its groups.
    let (reply, refused) = std::thread::scope(|scope| {
        let held =
            scope.spawn(|| world.send_json("PATCH", "/c/crm/customers/7", &operator, r#"{"tier":"gold"}"#));
        let pending = world.wait_pending();
        let id = pending["id"].as_str().unwrap();
        let refused = away.cli(&["approval", "approve", id], &world.token("reader"));
        world.ok(&["session", "kill", pending["session"].as_str().unwrap(), "--yes"]);
        (held.join().unwrap(), refused)
    });
    assert!(refused.0 == 9 && refused.2.contains("only people decide"), "{refused:?}");
    assert_ne!(reply.status, 200);
}

#[test]
fn a_lock_and_a_lost_role_end_what_is_open() {
    let (world, url) = world(ADMIN);
    let away = Elsewhere::new(&url);
    let viewer = world.token("reader");
    let watch = |name: &str, token: &str| {
        let mut watch = away.command(&["session", "watch", "-o", "jsonl"], Some(token));
        Process::start(name, &mut watch, world.folder.path())
    };
    let lines = |watch: &Process| watch.log().lines().filter(|line| line.starts_with('{')).count();
    let (followed, others) = (watch("watch", &viewer), watch("others", &world.token("writer")));
    wait_until("the streams stand", Duration::from_secs(20), || {
        world.send_json("DELETE", "/c/crm/customers/1", &viewer, "{}");
        lines(&followed) > 0 && lines(&others) > 0
    });
    world.ok(&["lock", "add", "principal:idp/reader", "--yes"]);
    let (code, _, err) = away.cli(&["status"], &viewer);
    assert!(code == 9 && err.contains("locked out"), "{code} {err}");
    // What comes now is seen by others, and not by who is locked out.
    std::thread::sleep(Duration::from_millis(1500));
    let (before, seen) = (lines(&followed), lines(&others));
    wait_until("others see what comes", Duration::from_secs(20), || {
        world.send_json("DELETE", "/c/crm/customers/2", &world.token("writer"), "{}");
        lines(&others) > seen
    });
    std::thread::sleep(Duration::from_millis(500));
    assert_eq!(lines(&followed), before, "{}", followed.log());

    // A lock on everybody holds the data path, and lets in who takes it away.
    let locks = world.list(&["lock", "list"]);
    world.ok(&["lock", "remove", locks[0]["id"].as_str().unwrap(), "--yes"]);
    let operator = world.token("writer");
    assert_eq!(away.cli(&["lock", "add", "everybody", "--yes"], &operator).0, 0);
    assert_ne!(world.get("/c/crm/customers/1", Some(&viewer)).status, 200);
    let locks = away.json(&["lock", "list"], &operator);
    assert_eq!(
        away.cli(&["lock", "remove", locks["items"][0]["id"].as_str().unwrap(), "--yes"], &operator).0,
        0
    );
    assert_eq!(world.get("/c/crm/customers/1", Some(&viewer)).status, 200);

    // A reload that takes the role away holds at once.
    let file = world.path("hoopctl.toml");
    let text = std::fs::read_to_string(&file).unwrap();
    std::fs::write(&file, text.replace("viewer = [\"support\"]", "viewer = [\"nobody\"]")).unwrap();
    world.ok(&["config", "reload"]);
    assert_eq!(away.cli(&["session", "list"], &viewer).0, 9);
    assert_eq!(away.cli(&["session", "list"], &operator).0, 0);
}

#[test]
fn a_client_of_one_issuer_is_not_that_of_another_with_the_same_id() {
    let mut world = World::without_gateway(RULES);
    let other = world.issuer_port;
    world.own_issuer(300);
    let both = format!(
        "{RULES}\n[[oidc]]\nname = \"other\"\nissuer = \"http://127.0.0.1:{other}\"\naudiences = [\"api://hoopctl\"]\n"
    );
    world.write_config(&both);
    let (mut world, url) = managed(
        world,
        "roles = { operator = [\"etl\"], viewer = [\"support\"] }\nclients = [\"idp/writer\"]\n",
    );
    let away = Elsewhere::new(&url);
    let ours = world.token("writer");
    let own = std::mem::replace(&mut world.issuer_port, other);
    let theirs = world.token("writer");
    world.issuer_port = own;
    // Both are good tokens with the same groups, from clients of the same id.
    for token in [&ours, &theirs] {
        assert_eq!(world.get("/c/crm/customers/7", Some(token)).status, 200);
    }
    assert_eq!(away.json(&["status"], &ours)["you"]["principal"], "idp/writer");
    for args in [&["status"][..], &["session", "list"], &["lock", "add", "everybody", "--yes"]] {
        let (code, out, err) = away.cli(args, &theirs);
        assert!(code == 9 && out.is_empty() && err.contains("none of admin.clients"), "{code} {out} {err}");
    }
    // Turned round by a reload, so is who gets in.
    let file = world.path("hoopctl.toml");
    let text = std::fs::read_to_string(&file).unwrap();
    std::fs::write(&file, text.replace("\"idp/writer\"", "\"other/writer\"")).unwrap();
    world.ok(&["config", "reload"]);
    assert_eq!(away.cli(&["status"], &ours).0, 9);
    assert_eq!(away.json(&["status"], &theirs)["you"]["principal"], "other/writer");
    // An id without its issuer would be of either: no configuration says so.
    std::fs::write(&file, text.replace("\"idp/writer\"", "\"writer\"")).unwrap();
    let (code, _, err) = world.cli(&["config", "check"]);
    assert!(code == 3 && err.contains("several issuers"), "{code} {err}");
}

#[test]
fn a_certificate_that_nobody_vouches_for_is_not_spoken_to() {
    let mut world = World::without_gateway(RULES);
    let (port, key) =
        (free_port(), rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap());
    std::fs::write(world.path("tls.crt"), key.cert.pem()).unwrap();
    let key_file = world.path("tls.key");
    std::fs::write(&key_file, key.signing_key.serialize_pem()).unwrap();
    std::fs::set_permissions(&key_file, std::fs::Permissions::from_mode(0o600)).unwrap();
    let file = world.path("hoopctl.toml");
    let text = std::fs::read_to_string(&file).unwrap();
    let tls = "tls = { cert = \"tls.crt\", key = \"file:tls.key\" }\ndrain_timeout";
    let listen = format!("[admin]\nlisten = \"0.0.0.0:{port}\"\n{ADMIN}");
    std::fs::write(&file, text.replace("drain_timeout", tls).replace("[admin]\n", &listen)).unwrap();
    let mut gateway = Process::start("gateway", &mut world.hoopctl(&["serve"]), world.folder.path());
    gateway.wait_port(port);
    let token = world.token("reader");
    let away = Elsewhere::new(&format!("https://localhost:{port}"));
    let (code, _, err) = away.cli(&["status"], &token);
    assert!(code != 0 && err.contains("--ca-file") && !err.contains(&token), "{code} {err}");
    let ca = world.path("tls.crt").display().to_string();
    let (code, _, err) = away.cli(&["--ca-file", &ca, "status"], &token);
    assert_eq!(code, 0, "{err}");
    // The right authority, another name.
    let other = Elsewhere::new(&format!("https://127.0.0.1:{port}"));
    let (code, _, err) = other.cli(&["--ca-file", &ca, "status"], &token);
    assert!(code != 0 && !err.contains(&token), "{code} {err}");
    // Nobody there, somebody else there.
    for (url, exit) in [
        (format!("https://localhost:{}", free_port()), 7),
        (format!("http://127.0.0.1:{}", world.api_port), 1),
    ] {
        let (code, _, err) = Elsewhere::new(&url).cli(&["--ca-file", &ca, "status"], &token);
        assert!(code == exit && !err.contains(&token), "{url}: {code} {err}");
    }
    world.gateway = Some(gateway);
    assert_eq!(world.stop(), Some(0));
}

#[test]
fn a_person_signs_in_elsewhere_and_approves_on_the_screen() {
    let (world, url) = world_of_people(300);
    let ada = Elsewhere::new(&url);
    let (code, log) = ada.sign_in("ada");
    assert!(code == 0 && log.contains("idp/ada") && log.contains("dba"), "{log}");
    let file = ada.home.path().join(".config/hoopctl/tokens.json");
    let mode = std::fs::metadata(&file).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    for secret in ["access", "refresh"] {
        let kept = ada.kept();
        let tokens = &kept["gateways"][&url]["tokens"];
        let secret = tokens[secret].as_str().unwrap_or_else(|| panic!("{secret} of {kept}")).to_owned();
        assert!(secret.len() > 20 && !log.contains(&secret) && !world.log().contains(&secret));
    }

    // What is held is read and approved on her own screen.
    let screen = Screen::of(&ada.command(&["tui"], None), ada.home.path(), (100, 32));
    let shown = screen.wait("Nothing waits.");
    assert!(shown.contains("live") && shown.contains("ada"), "{shown}");
    let token = world.token("writer");
    let reply = std::thread::scope(|scope| {
        let body = r#"{"tier":"gold","note":"from afar"}"#;
        let held = scope.spawn(|| world.send_json("PATCH", "/c/crm/customers/7", &token, body));
        screen.wait("PATCH /customers/7");
        screen.wait(r#""note":"#);
        screen.press(&["a"]);
        screen.wait("[enter/esc]");
        screen.press(&["Enter"]);
        screen.wait("approved apr_");
        held.join().unwrap()
    });
    assert_eq!(reply.status, 200, "{}", reply.text());
    let approvals = world.list(&["approval", "list", "--state", "used"]);
    assert_eq!(approvals[0]["decisions"][0]["by"], "idp/ada", "{approvals:?}");

    // Who is in none of the groups that a policy names, or in no role, decides nothing.
    let mallory = Elsewhere::new(&url);
    assert_eq!(mallory.sign_in("mallory").0, 0);
    let eve = Elsewhere::new(&url);
    let (code, log) = eve.sign_in("nobody");
    assert!(code == 9 && log.contains("does not let you in"), "{code} {log}");
    let reply = std::thread::scope(|scope| {
        let held =
            scope.spawn(|| world.send_json("PATCH", "/c/crm/customers/8", &token, r#"{"tier":"gold"}"#));
        let pending = world.wait_pending();
        let id = pending["id"].as_str().unwrap();
        for other in [&mallory, &eve] {
            let (code, _, err) = other.own(&["approval", "approve", id]);
            assert_eq!(code, 9, "{err}");
        }
        let (code, _, err) = ada.own(&["approval", "deny", id, "-r", "not from here"]);
        assert_eq!(code, 0, "{err}");
        held.join().unwrap()
    });
    assert!(reply.status == 403 && reply.text().contains("not from here"), "{}", reply.text());

    // A lock on her ends the screen's stream and her word; signing out forgets her login everywhere.
    world.ok(&["lock", "add", "principal:idp/ada", "--yes"]);
    assert_eq!(ada.own(&["approval", "list"]).0, 9);
    let lock = world.list(&["lock", "list"])[0]["id"].as_str().unwrap().to_owned();
    world.ok(&["lock", "remove", &lock, "--yes"]);
    let refresh = ada.kept()["gateways"][&url]["tokens"]["refresh"].as_str().unwrap().to_owned();
    let (code, _, err) = ada.own(&["logout"]);
    assert!(code == 0 && err.contains("revoked at the issuer"), "{code} {err}");
    assert_eq!(ada.own(&["approval", "list"]).0, 4);
    let issuer = format!("http://127.0.0.1:{}/token", world.issuer_port);
    let form = format!("grant_type=refresh_token&client_id=hoopctl-cli&refresh_token={refresh}");
    let (_, out, _) = run(Command::new("curl").args(["-sS", "-d", &form, &issuer]));
    assert!(out.contains("invalid_grant"), "{out}");
    assert!(!std::fs::read_to_string(&file).unwrap().contains(&refresh));
}

#[test]
fn a_login_is_renewed_while_it_is_used_and_by_two_at_once_only_once() {
    // Every token is within the minute before its end, so that each command renews it.
    let (world, url) = world_of_people(50);
    let ada = Elsewhere::new(&url);
    assert_eq!(ada.sign_in("ada").0, 0);
    let refresh =
        |ada: &Elsewhere| ada.kept()["gateways"][&url]["tokens"]["refresh"].as_str().unwrap().to_owned();
    let first = refresh(&ada);
    assert_eq!(ada.own(&["approval", "list"]).0, 0);
    let second = refresh(&ada);
    assert_ne!(first, second, "the issuer gives a new one each time");
    // A refresh token that is used twice ends the login at this issuer: none of these may do that.
    std::thread::scope(|scope| {
        let running: Vec<_> = (0..6).map(|_| scope.spawn(|| ada.own(&["approval", "list"]))).collect();
        for one in running {
            let (code, _, err) = one.join().unwrap();
            assert_eq!(code, 0, "{err}");
        }
    });
    assert_eq!(ada.own(&["approval", "list"]).0, 0);

    // The gateway names other terms: nothing is renewed until she has said yes again.
    let file = world.path("hoopctl.toml");
    let text = std::fs::read_to_string(&file).unwrap();
    std::fs::write(&file, text.replace("\"offline_access\", \"use\"", "\"use\"")).unwrap();
    world.ok(&["config", "reload"]);
    let (code, _, err) = ada.own(&["approval", "list"]);
    assert!(code == 4 && err.contains("hoopctl login"), "{code} {err}");

    // Somebody steals the file and uses its token first: the issuer ends the login, and that is said.
    std::fs::write(&file, text).unwrap();
    world.ok(&["config", "reload"]);
    let issuer = format!("http://127.0.0.1:{}/token", world.issuer_port);
    let form = format!("grant_type=refresh_token&client_id=hoopctl-cli&refresh_token={}", refresh(&ada));
    let (_, out, _) = run(Command::new("curl").args(["-sS", "-d", &form, &issuer]));
    assert!(out.contains("access_token"), "{out}");
    let (code, _, err) = ada.own(&["approval", "list"]);
    assert!(code == 4 && err.contains("hoopctl login"), "{code} {err}");
}

#[test]
fn the_browser_is_started_with_an_address_that_says_nothing() {
    let (_world, url) = world_of_people(300);
    let ada = Elsewhere::new(&url);
    // In place of a browser: what it was started with, and where that leads.
    let script = "#!/bin/sh\necho \"$@\" >\"$HOME/given\"\ncurl -sS -o \"$HOME/page\" -w '%{redirect_url}\\n' \"$1\" >\"$HOME/led\"\n";
    let program = ada.home.path().join("xdg-open");
    std::fs::write(&program, script).unwrap();
    std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o700)).unwrap();
    let mut login = ada.command(&["login", "--yes"], None);
    let path = std::env::var("PATH").unwrap_or_default();
    login.env("PATH", format!("{}:{path}", ada.home.path().display())).env("TERM", "screen");
    let screen = Screen::of(&login, ada.home.path(), (300, 40));
    let read = |name: &str| std::fs::read_to_string(ada.home.path().join(name)).unwrap_or_default();
    wait_until("the browser is led on", Duration::from_secs(10), || read("led").ends_with('\n'));
    let (given, led) = (read("given"), read("led"));
    assert!(given.starts_with("http://127.0.0.1:") && given.contains("/open/"), "{given}");
    for word in ["state", "nonce", "challenge", "?"] {
        assert!(!given.contains(word), "{given}");
    }
    assert!(led.contains("code_challenge=") && led.contains("state="), "{led}");
    let (code, out, err) = peer("node", &["sign_in.mjs", "browser", led.trim(), "ada"], &[]);
    assert_eq!(code, 0, "{out}{err}{}", screen.shown());
    screen.wait("ended with 0");
    assert_eq!(ada.own(&["approval", "list"]).0, 0);
}

#[test]
fn a_person_without_a_browser_signs_in_by_a_code() {
    let (_world, url) = world_of_people(300);
    let ada = Elsewhere::new(&url);
    let mut login = ada.command(&["login", "--device", "--yes"], None);
    let mut login = Process::start("login", &mut login, ada.home.path());
    let code = |login: &Process| {
        login.log().lines().find_map(|line| line.strip_prefix("and enter the code ").map(str::to_owned))
    };
    wait_until("the code is printed", Duration::from_secs(10), || code(&login).is_some());
    let (code, log) = (code(&login).unwrap(), login.log());
    let address = log.lines().find(|line| line.starts_with("http")).unwrap().to_owned();
    let (done, out, err) = peer("node", &["sign_in.mjs", "device", &address, &code, "ada"], &[]);
    assert_eq!(done, 0, "{out}{err}");
    assert_eq!(login.wait(Duration::from_secs(20)), Some(0), "{}", login.log());
    assert!(login.log().contains("idp/ada"), "{}", login.log());
    assert_eq!(ada.own(&["approval", "list"]).0, 0);
}

#[test]
fn a_screen_that_is_left_while_a_token_is_renewed_waits_for_it_says_so_and_heeds_signals() {
    let (_world, url) = world_of_people(300);
    let ada = Elsewhere::new(&url);
    assert_eq!(ada.sign_in("ada").0, 0);
    let screen = Screen::of(&ada.command(&["tui"], None), ada.home.path(), (100, 32));
    screen.wait("Nothing waits.");
    // From now on the token has run out, and the issuer is one that takes its time.
    let issuer = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let mut kept = ada.kept();
    let entry = &mut kept["gateways"][&url];
    entry["token_endpoint"] = format!("http://{}/token", issuer.local_addr().unwrap()).into();
    entry["tokens"]["expires_ms"] = 1.into();
    std::fs::write(ada.home.path().join(".config/hoopctl/tokens.json"), kept.to_string()).unwrap();
    screen.press(&["2"]);
    let (mut asked, _) = issuer.accept().unwrap();
    let process = screen.process("hoopctl");
    screen.press(&["q"]);
    screen.wait("waiting for a token that is being renewed");
    run(Command::new("kill").args(["-TERM", &process]));
    // It waits for the answer, as the refresh token is used up, and then does what it does by itself.
    let body = r#"{"access_token":"new-access","token_type":"Bearer","refresh_token":"new-refresh"}"#;
    let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\nConnection: close\r\n\r\n", body.len());
    asked.write_all(format!("{head}{body}").as_bytes()).unwrap();
    screen.wait("ended with 143");
    assert_eq!(ada.kept()["gateways"][&url]["tokens"]["refresh"], "new-refresh");
}
