//! The terminal UI in a real terminal, before a real gateway: an approver decides real held requests, and
//! watches them again.

use std::process::Command;
use std::time::Duration;
use std::time::Instant;

use serde_json::json;

use crate::support::World;
use crate::support::client::Reply;
use crate::support::database::Database;
use crate::support::mcp::Mcp;
use crate::support::mcp::peer;
use crate::support::process::run;
use crate::support::screen::Screen;
use crate::support::steps::wait_until;

const BODY: &str = r#"{"tier":"gold","note":"from the test"}"#;

/// Writes that wait long enough for a person at a screen.
fn rules(timeout: &str) -> String {
    format!(
        r#"
[[policy]]
id = "etl-writes"
effect = "approve"
match = {{ groups = ["etl"], connections = ["crm"], operations = ["write"] }}
approval = {{ from = ["dba"], timeout = "{timeout}" }}
[[policy]]
id = "reads"
effect = "allow"
match = {{ groups = ["support"], connections = ["crm"], operations = ["read"] }}
[[mask]]
id = "pii"
match = {{ tags = {{ data = "pii" }} }}
fields = ["ssn"]
op = {{ kind = "keep_last", n = 4 }}
"#
    )
}

/// Sends a write beside what the test does; the answer comes when it is decided.
fn held<R>(world: &World, path: &str, decide: impl FnOnce() -> R) -> (Reply, R) {
    std::thread::scope(|scope| {
        let token = world.token("writer");
        let sent = scope.spawn(move || world.send_json("PATCH", path, &token, BODY));
        let decided = decide();
        (sent.join().unwrap(), decided)
    })
}

#[test]
fn an_approver_approves_denies_and_misses_held_requests_and_watches_a_replay() {
    let world = World::with(&rules("30s"));
    let screen = Screen::new(&world, (100, 32), &["tui", "approvals"]);
    screen.wait("Nothing waits.");
    let shown = screen.wait("(dba)");
    assert!(shown.contains("live"), "{shown}");

    // Approved: what was read is what runs.
    let (reply, shown) = held(&world, "/c/crm/customers/7", || {
        screen.wait("PATCH /customers/7");
        let shown = screen.wait(r#""note":"#);
        screen.press(&["a"]);
        screen.wait("[enter/esc]");
        screen.press(&["Enter"]);
        screen.wait("approved apr_");
        shown
    });
    assert_eq!(reply.status, 200, "{}", reply.text());
    assert!(shown.contains("policy etl-writes (") && shown.contains("hoopctl.toml:"), "{shown}");
    let db: serde_json::Value =
        serde_json::from_str(&world.get("/c/crm/customers/7", Some(&world.token("reader"))).text()).unwrap();
    assert_eq!(db["tier"], json!("gold"));

    // Denied, with a reason that the client reads.
    let (reply, ()) = held(&world, "/c/crm/customers/8", || {
        // The selection stays at what was decided until it is gone, or a key moves it.
        screen.wait("PATCH /customers/8");
        screen.press(&["n"]);
        screen.wait("┃ PATCH /customers/8 ");
        screen.press(&["d"]);
        screen.wait("reason:");
        screen.write("not on a Friday");
        screen.press(&["Enter"]);
        screen.wait("denied apr_");
    });
    assert_eq!((reply.status, reply.json()["code"].as_str()), (403, Some("approval_denied")));
    assert!(reply.text().contains("not on a Friday"), "{}", reply.text());

    // Left by its client while the confirm line is open: Enter decides nothing.
    let token = world.token("writer");
    let mut client = world.client();
    client.send(crate::support::client::request(
        "PATCH",
        "/c/crm/customers/9",
        Some(&token),
        &[("Content-Type", "application/json")],
        Some(BODY),
    ));
    screen.wait("PATCH /customers/9");
    screen.press(&["n"]);
    screen.wait("┃ PATCH /customers/9 ");
    screen.press(&["a"]);
    screen.wait("[enter/esc]");
    drop(client);
    screen.wait("is cancelled meanwhile");
    screen.press(&["Enter"]);
    assert!(!world.hits().iter().any(|hit| hit.contains("PATCH /customers/9")), "{:?}", world.hits());

    // All of it can be watched again.
    screen.press(&[":"]);
    screen.write("replay last");
    screen.press(&["Enter"]);
    let shown = screen.wait("GET /customers/7");
    assert!(shown.contains("crm"), "{shown}");
    screen.press(&["Q"]);
    screen.wait("ended with 0");
    assert!(screen.is_restored());
}

#[test]
fn a_held_statement_is_read_with_what_it_would_touch_and_approved() {
    let rules = r#"
[[policy]]
id = "db-writes"
effect = "approve"
match = { groups = ["etl"], connections = ["db"], operations = ["write", "ddl"] }
approval = { from = ["dba"], timeout = "30s" }
[[policy]]
id = "db-reads"
effect = "allow"
match = { groups = ["etl"], connections = ["db"], operations = ["read"] }
"#;
    let world = World::with_database(Database::new(""), rules);
    let token = world.token("writer");
    let screen = Screen::new(&world, (110, 32), &["tui"]);
    screen.wait("Nothing waits.");
    std::thread::scope(|scope| {
        let update = scope.spawn(|| world.psql(&token, &["UPDATE orders SET note = 'seen' WHERE id = 1"]));
        let shown = screen.wait("SET note = 'seen' WHERE id = 1 ");
        assert!(shown.contains("medium") && shown.contains("in no transaction"), "{shown}");
        screen.press(&["a"]);
        screen.wait("[enter/esc]");
        screen.press(&["Enter"]);
        let (code, out, err) = update.join().unwrap();
        assert_eq!((code, out.trim()), (0, "UPDATE 1"), "{err}");
    });
    assert_eq!(world.direct("SELECT note FROM orders WHERE id = 1"), "seen");

    // What runs a prepared statement does what that does, whatever its own words are.
    std::thread::scope(|scope| {
        let prepared = ["PREPARE p(int) AS UPDATE orders SET note = 'run' WHERE id = $1", "EXECUTE p(2)"];
        let token = &token;
        let world = &world;
        let run = scope.spawn(move || world.psql(token, &prepared));
        for wanted in [prepared[0], prepared[1]] {
            let pending = world.wait_pending();
            assert_eq!(
                (pending["class"].as_str(), pending["summary"].as_str()),
                (Some("write"), Some(wanted))
            );
            world.ok(&["approval", "approve", pending["id"].as_str().unwrap()]);
        }
        let (code, _, err) = run.join().unwrap();
        assert_eq!(code, 0, "{err}");
    });

    // What changes structure wants the name of its connection.
    std::thread::scope(|scope| {
        let create = scope.spawn(|| world.psql(&token, &["CREATE TABLE made (id int)"]));
        screen.wait("CREATE TABLE made");
        screen.press(&["n"]);
        screen.wait("risk high");
        screen.press(&["a"]);
        screen.wait("type the name of the connection, db:");
        screen.write("db");
        screen.press(&["Enter"]);
        let (code, out, err) = create.join().unwrap();
        assert_eq!((code, out.trim()), (0, "CREATE TABLE"), "{err}");
    });
}

/// `timeout` makes its command a process group in the background.
#[test]
fn in_the_background_the_screen_ends_at_once_and_says_so() {
    let world = World::with(&rules("3s"));
    let hoopctl = world.hoopctl(&["tui"]);
    let mut behind = Command::new("timeout");
    behind.arg("10").arg(hoopctl.get_program()).args(hoopctl.get_args());
    for (name, value) in hoopctl.get_envs() {
        match value {
            Some(value) => behind.env(name, value),
            None => behind.env_remove(name),
        };
    }
    let screen = Screen::of(&behind, world.folder.path(), (100, 32));
    let shown = screen.wait("ended with 2");
    assert!(shown.contains("in its background") && shown.contains("--foreground"), "{shown}");
}

#[test]
fn nobody_in_time_is_shown_as_expired() {
    let world = World::with(&rules("3s"));
    let screen = Screen::new(&world, (80, 24), &["tui"]);
    screen.wait("Nothing waits.");
    let (reply, ()) = held(&world, "/c/crm/customers/7", || {
        screen.wait("PATCH /customers/7");
        screen.press(&["a"]);
        // The word alone stands in its history of a day, too.
        std::thread::sleep(Duration::from_secs(4));
        screen.wait("expired");
        screen.press(&["Enter"]);
    });
    assert_eq!((reply.status, reply.json()["code"].as_str()), (403, Some("approval_expired")));
    assert!(world.hits().iter().all(|hit| !hit.starts_with("PATCH")), "{:?}", world.hits());
}

#[test]
fn a_gateway_that_dies_and_comes_back_under_the_screen() {
    let mut world = World::with(&rules("30s"));
    let screen = Screen::new(&world, (100, 32), &["tui"]);
    screen.wait("Nothing waits.");
    let mut gateway = world.gateway.take().unwrap();
    gateway.signal("KILL");
    gateway.wait(Duration::from_secs(5));
    screen.wait("offline (read-only)");
    world.start();
    screen.wait("live");
    let (reply, ()) = held(&world, "/c/crm/customers/7", || {
        screen.wait("PATCH /customers/7");
        screen.wait("rows read");
        screen.press(&["a"]);
        screen.wait("[enter/esc]");
        screen.press(&["Enter"]);
    });
    assert_eq!(reply.status, 200, "{}", reply.text());
}

#[test]
fn the_terminal_is_as_before_after_a_signal_and_sizes_are_followed() {
    let world = World::with(&rules("30s"));
    for (signal, code) in [("TERM", 143), ("HUP", 129), ("INT", 130)] {
        let screen = Screen::new(&world, (80, 24), &["tui", "--theme", "mono"]);
        screen.wait("Nothing waits.");
        screen.resize(30, 5);
        screen.wait("too small");
        screen.resize(120, 30);
        screen.wait("Nothing waits.");
        let process = screen.process("hoopctl");
        run(Command::new("kill").args([&format!("-{signal}"), &process]));
        screen.wait(&format!("ended with {code}\n"));
        assert!(screen.is_restored(), "{signal}");
    }
    // A terminal that is closed takes its program along.
    let screen = Screen::new(&world, (80, 24), &["tui"]);
    screen.wait("Nothing waits.");
    let process = screen.process("hoopctl");
    drop(screen);
    let begin = Instant::now();
    while run(Command::new("kill").args(["-0", &process])).0 == 0 {
        assert!(begin.elapsed() < Duration::from_secs(8), "it runs on without a terminal");
        std::thread::sleep(Duration::from_millis(50));
    }
}

#[test]
fn colours_are_for_the_ground_that_the_terminal_says_it_has() {
    let world = World::with(&rules("30s"));
    let tui = world.hoopctl(&["tui"]);
    for (ground, grey) in [("#fdf6e3", "38;2;100;100;100m"), ("#002b36", "38;2;150;150;150m")] {
        // The terminal's ground is set as a program in it would set it.
        let line = format!("printf '\\033]11;{ground}\\033\\\\'; exec {} tui", tui.get_program().display());
        let mut command = Command::new("sh");
        command.args(["-c", &line.replace('\'', "\"")]).env("COLORTERM", "truecolor");
        command.envs(tui.get_envs().filter_map(|(name, value)| Some((name, value?))));
        let screen = Screen::of(&command, world.folder.path(), (80, 24));
        screen.wait("Nothing waits.");
        let coloured = screen.coloured();
        assert!(coloured.contains(grey), "{ground}: {coloured:?}");
        // Neither that nor an answer that comes when nobody waits for it any more is taken for keys.
        screen.write("\u{1b}]11;rgb:aaaa/dddd/eeee\u{1b}\\");
        screen.press(&["?"]);
        screen.wait("[everywhere]");
        screen.press(&["Escape", "q"]);
        screen.wait("ended with 0");
    }
}

#[test]
fn a_terminal_that_is_closed_ends_with_the_code_for_it_every_time() {
    let world = World::with(&rules("30s"));
    let code = world.folder.path().join("code");
    for round in 0..8 {
        let command = world.hoopctl(&["tui", "--theme", "mono"]);
        let words = [command.get_program()].into_iter().chain(command.get_args());
        let words: Vec<_> = words.map(|word| format!("\"{}\"", word.to_string_lossy())).collect();
        // The shell outlives the terminal to write down what the screen ended with.
        let line = format!("trap \"\" HUP; {}; echo $? >\"{}\"", words.join(" "), code.display());
        let mut shell = Command::new("sh");
        shell.args(["-c", &line]);
        for (name, value) in command.get_envs() {
            if let Some(value) = value {
                shell.env(name, value);
            }
        }
        let screen = Screen::of(&shell, world.folder.path(), (80, 24));
        screen.wait("Nothing waits.");
        drop(screen);
        let told = || std::fs::read_to_string(&code).unwrap_or_default();
        wait_until("the screen has ended", Duration::from_secs(10), || told().ends_with('\n'));
        assert_eq!(told(), "129\n", "round {round}");
        std::fs::remove_file(&code).unwrap();
    }
}

#[test]
fn a_screen_that_is_stopped_leaves_the_terminal_and_comes_back_as_it_is_by_then() {
    let world = World::with(&rules("30s"));
    let screen = Screen::new(&world, (100, 32), &["tui"]);
    screen.wait("Nothing waits.");
    let process = screen.process("hoopctl");
    let send = |signal: &str| assert_eq!(run(Command::new("kill").args([signal, &process])).0, 0, "{signal}");
    let state = || run(Command::new("ps").args(["-o", "stat=", "-p", &process])).1;
    let is = |wanted: &dyn Fn() -> bool, what: &str| {
        let begin = Instant::now();
        while !wanted() {
            assert!(begin.elapsed() < Duration::from_secs(10), "{what}: {}\n{}", state(), screen.shown());
            std::thread::sleep(Duration::from_millis(50));
        }
    };
    for _ in 0..2 {
        send("-TSTP");
        is(&|| state().starts_with('T'), "it stands still");
        assert!(screen.is_restored(), "others can use the terminal:\n{}", screen.shown());
        assert!(!screen.shown().contains("Nothing waits."), "{}", screen.shown());
        send("-CONT");
        screen.wait("Nothing waits.");
        assert!(!screen.is_restored());
    }
    // Stopped in a way that cannot be heard: what others left on the screen is drawn over.
    send("-STOP");
    is(&|| state().starts_with('T'), "it stands still");
    screen.write_over("left by another program");
    send("-CONT");
    is(&|| !screen.shown().contains("left by another program"), "it is drawn anew");
    // It takes keys, follows what happens, and ends as ever.
    let (reply, ()) = held(&world, "/c/crm/customers/7", || {
        screen.wait("rows read");
        screen.press(&["a"]);
        screen.wait("[enter/esc]");
        screen.press(&["Enter"]);
    });
    assert_eq!(reply.status, 200, "{}", reply.text());
    // While it stands still a signal to end waits until it goes on.
    send("-TSTP");
    is(&|| state().starts_with('T'), "it stands still");
    send("-TERM");
    send("-CONT");
    screen.wait("ended with 143\n");
    assert!(screen.is_restored());
}

const HOLD: &str = r#"
[[policy]]
id = "reads"
effect = "allow"
match = { groups = ["support"], connections = ["tools"], operations = ["read"] }
[[policy]]
id = "notes"
effect = "approve"
match = { groups = ["support"], connections = ["tools"], tools = ["add_note"] }
approval = { from = ["dba"], timeout = "5m" }
"#;

#[test]
fn a_held_tool_call_of_a_real_client_is_read_and_approved_and_another_is_denied() {
    let mcp = Mcp::new("", HOLD);
    let (token, url) = (mcp.world.token("reader"), mcp.url());
    let client = |text: &str| {
        let env =
            [("MCP_URL", url.as_str()), ("MCP_TOKEN", &token), ("MCP_STEPS", "held"), ("MCP_HELD", text)];
        peer("node", &["client.mjs", "sdk"], &env)
    };
    let screen = Screen::new(&mcp.world, (110, 32), &["tui"]);
    screen.wait("Nothing waits.");
    std::thread::scope(|scope| {
        let call = scope.spawn(|| client("pay 4111 to \u{202e}nobody"));
        // What the tool would get, with nothing hidden in it, and beside the edge of what others wrote.
        let shown = screen.wait("pay 4111 to \\u{202e}nobody");
        let arguments = shown.lines().find(|line| line.contains("\\u{202e}")).unwrap();
        assert!(arguments.contains("┃"), "{shown}");
        assert!(shown.contains("tools/call add_note") && shown.contains("policy notes ("), "{shown}");
        assert_eq!(mcp.tally("add_note"), 0, "it reached the server before the word of anybody");
        screen.wait("rows read");
        screen.press(&["a"]);
        screen.wait("type the name of the connection, tools:");
        screen.write("tools");
        screen.press(&["Enter"]);
        screen.wait("approved apr_");
        let (code, out, err) = call.join().unwrap();
        assert!(code == 0 && out.contains("held asked again 0 times ok"), "{code} {out} {err}");
    });
    assert_eq!(mcp.tally("add_note"), 1);
    std::thread::scope(|scope| {
        let call = scope.spawn(|| client("another one"));
        screen.wait("1 pending");
        screen.press(&["n"]);
        screen.wait("\"another one\"");
        screen.press(&["d"]);
        screen.wait("reason:");
        screen.write("not on a Friday");
        screen.press(&["Enter"]);
        screen.wait("denied apr_");
        let (_, out, err) = call.join().unwrap();
        assert!(out.contains("not on a Friday") && !out.contains("times ok"), "{out} {err}");
    });
    assert_eq!(mcp.tally("add_note"), 1);
    screen.press(&["Q"]);
    screen.wait("ended with 0\n");
}

#[test]
fn what_cannot_be_shown_is_said_before_the_screen_is_taken() {
    let world = World::without_gateway("");
    let (code, out, err) = world.cli(&["tui"]);
    assert_eq!((code, out.as_str()), (2, ""));
    assert!(err.contains("the screen needs a terminal") && err.contains("hoopctl approval list"), "{err}");
    let screen = Screen::new(&world, (80, 24), &["tui"]);
    let shown = screen.wait("ended with 7");
    assert!(shown.contains("not running") || shown.contains("no gateway"), "{shown}");
    std::fs::create_dir_all(world.path(".config/hoopctl")).unwrap();
    std::fs::write(world.path(".config/hoopctl/keys.toml"), "[approvals]\napprove = \"d\"\n").unwrap();
    let screen = Screen::new(&world, (80, 24), &["tui"]);
    let shown = screen.wait("ended with 3").replace('\n', "");
    assert!(shown.contains("the key d would do both approve and deny"), "{shown}");
}
