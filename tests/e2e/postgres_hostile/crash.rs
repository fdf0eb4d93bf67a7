//! kill -9 of the gateway while many write through it: what the database has, the recording has.

use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::process::Child;
use std::process::Command;
use std::process::Stdio;
use std::time::Duration;

use crate::support::World;
use crate::support::database::Database;
use crate::support::process::run;

/// Readers and writers of everything.
const RULES: &str = r#"
[[policy]]
id = "all"
effect = "allow"
match = { groups = ["etl"], connections = ["db"], operations = ["read", "write"] }
"#;

/// How many clients write at once.
const CLIENTS: usize = 32;
/// Each statement is one of its own: who sent it, and the how manieth it is.
const SCRIPT: &str = "\\set n :n + 1\nINSERT INTO sent VALUES (:round, :client_id, :n);\n";

const TABLES: &str = "\
CREATE TABLE sent (round int, client int, n int, PRIMARY KEY (round, client, n));
GRANT ALL ON sent TO gateway;
";

/// How long a round lasts: some seconds, or as long as it takes to find what is rare.
fn duration() -> Duration {
    let long = std::env::var("HOOPCTL_LONG_TESTS").is_ok_and(|value| value == "1");
    Duration::from_secs(if long { 60 } else { 4 })
}

fn pgbench(world: &World, token: &str, arguments: &[&str]) -> Child {
    let mut pgbench = Command::new("timeout");
    pgbench.args(["--kill-after=1", "100", "pgbench", "-n", "-T", "90", "-d", "db"]).args(arguments);
    pgbench.current_dir(world.folder.path()).env("PGHOST", "127.0.0.1").env("PGUSER", "whoever");
    pgbench.env("PGPASSWORD", token).env("PGPORT", world.db().gateway_port.to_string());
    pgbench.env("PGSSLMODE", "disable").env("PGGSSENCMODE", "disable");
    let log = std::fs::File::create(world.path("pgbench.log")).unwrap();
    pgbench.stdin(Stdio::null()).stdout(log.try_clone().unwrap()).stderr(log).spawn().unwrap()
}

/// What is in the table, as the statement that put it there.
fn committed(world: &World) -> BTreeSet<String> {
    let rows =
        world.direct("SELECT format('INSERT INTO sent VALUES (%s, %s, %s);', round, client, n) FROM sent");
    rows.lines().map(str::to_owned).collect()
}

/// How many statements of a round each client was told are done, as pgbench has written it.
fn told(world: &World, round: usize) -> BTreeMap<usize, usize> {
    let mut clients = BTreeMap::new();
    for entry in std::fs::read_dir(world.folder.path()).unwrap() {
        let entry = entry.unwrap();
        if !entry.file_name().to_string_lossy().starts_with(&format!("told.{round}.")) {
            continue;
        }
        for line in std::fs::read_to_string(entry.path()).unwrap().lines() {
            let client = line.split(' ').next().unwrap().parse().unwrap();
            *clients.entry(client).or_default() += 1;
        }
    }
    clients
}

/// How many of each client the database has.
fn kept(world: &World, round: usize) -> BTreeMap<usize, usize> {
    let rows = world.direct(&format!("SELECT client, count(*) FROM sent WHERE round = {round} GROUP BY 1"));
    let number = |text: &str| text.parse().unwrap();
    rows.lines().filter_map(|row| row.split_once('|')).map(|(a, b)| (number(a), number(b))).collect()
}

/// The statements that are recorded as admitted.
fn recorded(world: &World) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for session in world.list(&["session", "list", "--connection", "db", "--limit", "500"]) {
        for event in world.events(session["id"].as_str().unwrap()) {
            if event["kind"] == "sql.query" {
                assert_eq!(event["data"]["decision"]["effect"], "allow", "{event}");
                found.extend(event["data"]["sql"].as_str().map(str::to_owned));
            }
        }
    }
    found
}

#[test]
fn after_kill_9_under_load_what_the_database_has_is_recorded() {
    let mut world = World::with_database(Database::new(TABLES), RULES);
    let token = world.token("writer");
    std::fs::write(world.path("sent.sql"), SCRIPT).unwrap();
    let mut init = Command::new("pgbench");
    init.args(["-i", "-q", "-s", "1"]).env("PGHOST", "127.0.0.1").env("PGUSER", "postgres");
    init.env("PGDATABASE", "postgres").env("PGPORT", world.db().server.port.to_string());
    let (code, _, err) = run(&mut init);
    assert_eq!(code, 0, "{err}");
    world.direct("GRANT ALL ON ALL TABLES IN SCHEMA public TO gateway");

    let clients = CLIENTS.to_string();
    for round in 0..2 {
        let variable = format!("round={round}");
        let before = committed(&world).len();
        let all = ["-c", &clients, "-j", "4", "-D", &variable, "-D", "n=0", "-f", "sent.sql"];
        let log = format!("--log-prefix=told.{round}");
        let mut load = vec![pgbench(&world, &token, &[&all[..], &["-M", "simple", "-l", &log]].concat())];
        for builtin in ["tpcb-like", "select-only"] {
            let script = format!("--builtin={builtin}");
            load.push(pgbench(&world, &token, &["-c", "8", "-j", "1", "-M", "extended", &script]));
        }
        std::thread::sleep(duration());
        world.gateway.as_mut().unwrap().kill();
        for child in &mut load {
            // They cannot go on alone.
            child.wait().unwrap();
        }
        // What was on its way to the server is done or gone by then.
        super::wait_for("the server is at rest", &world, || {
            world.direct("SELECT count(*) FROM pg_stat_activity WHERE usename = 'gateway'") == "0"
        });
        let sent = committed(&world);
        let log = std::fs::read_to_string(world.path("pgbench.log")).unwrap();
        assert!(sent.len() - before > CLIENTS * 5, "too little load: {} {log} {}", sent.len(), world.log());
        let per_client =
            world.direct(&format!("SELECT count(DISTINCT client) FROM sent WHERE round = {round}"));
        assert_eq!(per_client, clients, "all of them write at once");

        let (told, kept) = (told(&world, round), kept(&world, round));
        assert!(told.values().sum::<usize>() > CLIENTS * 5, "{told:?} {log}");
        for (client, told) in &told {
            let kept = kept.get(client).copied().unwrap_or_default();
            assert!(kept >= *told, "client {client} was told of {told}, and {kept} are there");
        }

        world.start();
        let recorded = recorded(&world);
        let missing: Vec<&String> = sent.difference(&recorded).collect();
        assert!(missing.is_empty(), "{} of {} are missing: {:?}", missing.len(), sent.len(), missing.first());
        let money = world.direct(
            "SELECT (SELECT count(*) FROM pgbench_history), \
             (SELECT sum(abalance) FROM pgbench_accounts) = (SELECT sum(delta) FROM pgbench_history)",
        );
        assert!(money.ends_with("|t") && !money.starts_with("0|"), "{money}");
        let told = recorded.iter().filter(|sql| sql.starts_with("INSERT INTO pgbench_history")).count();
        assert!(told > 0, "what others ran meanwhile is there, too");
        let sessions = world.list(&["session", "list", "--connection", "db", "--limit", "500"]);
        let interrupted = sessions.iter().filter(|session| session["end"] == "interrupted").count();
        assert!(interrupted >= CLIENTS, "{interrupted} of {}", sessions.len());
        world.ok(&["session", "verify", "--all"]);
    }
}
