//! Pools of connections, unchanged, for those who may only read; and what cleaning up must not do.

use std::path::PathBuf;

use super::RULES;
use crate::support::World;
use crate::support::database::Database;
use crate::support::process::run;
use crate::support::wire::Raw;
use crate::support::wire::Script;

/// A role that the server itself gives to whoever logs in as the gateway.
const ROLES: &str = "\
CREATE ROLE limited;
GRANT limited TO gateway;
GRANT SELECT ON customers, orders TO limited;
ALTER ROLE gateway SET role = 'limited';
ALTER ROLE gateway SET app.tenant = '7';
";

/// Where Debian puts the pool, what it writes its log with, and the driver.
const JARS: &str = "/usr/share/java/HikariCP.jar:/usr/share/java/slf4j-api.jar:/usr/share/java/slf4j-nop.jar:/usr/share/java/postgresql.jar";

fn point(world: &World, token: &str, command: &mut std::process::Command) {
    command
        .env("PGHOST", "127.0.0.1")
        .env("PGUSER", "whoever")
        .env("PGDATABASE", "db")
        .env("PGPASSWORD", token);
    command.env("PGPORT", world.db().gateway_port.to_string()).env("PGSSLMODE", "disable");
    command.env("PYTHONDONTWRITEBYTECODE", "1");
}

#[test]
fn pools_are_clean_after_use_where_only_reading_is_allowed() {
    let world = World::with_database(Database::new(""), RULES);
    let token = world.token("reader");
    let peers = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/peers");
    let java = ["java", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-cp", JARS].map(PathBuf::from);
    let hikari = "30 20\n42501\ntrue true 50\ntrue true 50\ntrue true 50\n";
    let others = [
        (peers.join("venv/bin/python"), "asyncpg_pool.py", "30 20\n 0\n42501\nFalse 50\n42\n"),
        (peers.join("venv/bin/python"), "psycopg_pool_client.py", "30 20\n42501\nIDLE 50\n42\n"),
        (
            peers.join("venv/bin/python"),
            "sqlalchemy_client.py",
            "20 Customer 7\nTrue True\n42501\nCustomer 7 True\n",
        ),
        ("node".into(), "pg_pool.mjs", "30 20\n42501\n50\n42\n"),
    ];
    let others = others.map(|(program, script, wanted)| (vec![program], script, wanted));
    for (program, script, wanted) in others.into_iter().chain([(java.to_vec(), "HikariPool.java", hikari)]) {
        let mut command = std::process::Command::new("timeout");
        command.args(["--kill-after=1", "50"]).args(program).arg(peers.join(script));
        point(&world, &token, &mut command);
        let (code, out, err) = run(&mut command);
        assert_eq!((code, out.as_str()), (0, wanted), "{script}: {err} {}", world.log());
    }
    // What the driver really sent: all of it was allowed but for what was meant to change something.
    let mut cleaned = 0;
    for session in world.list(&["session", "list", "--connection", "db", "--limit", "500"]) {
        for event in world.events(session["id"].as_str().unwrap()) {
            let sql = event["data"]["sql"].as_str().unwrap_or_default();
            cleaned += usize::from(sql.contains("pg_advisory_unlock_all"));
            if event["kind"] == "sql.query" && event["data"]["decision"]["effect"] != "allow" {
                let writes = sql == "DELETE FROM orders" || sql.starts_with("UPDATE customers SET name=");
                assert!(writes, "{event}");
            }
        }
    }
    assert!(cleaned > 5, "{cleaned}");
}

#[test]
fn cleaning_up_gives_back_what_is_the_sessions_own_and_nothing_else() {
    let world = World::with_database(Database::with_options(ROLES, "readonly = true"), RULES);
    let token = world.token("reader");
    for clean in [
        "DISCARD ALL",
        "RESET ALL",
        "SELECT pg_advisory_unlock_all(); CLOSE ALL; UNLISTEN *; RESET ALL;",
        "DISCARD TEMP",
    ] {
        let mut raw = Raw::login(&world, &token);
        let tell = "SELECT current_user, current_setting('app.tenant'), current_setting('default_transaction_read_only')";
        let replies =
            raw.ask(&world, &Script::new().query("SET work_mem = '5MB'").query(clean).query(tell), 3);
        assert!(replies.errors().is_empty(), "{clean}: {replies:?} {}", world.log());
        assert_eq!(replies.rows().last(), Some(&"limited|7|on"), "{clean}: {replies:?}");
        // What is guarded stays guarded, before it and behind it.
        for guarded in [
            "RESET ROLE",
            "RESET SESSION AUTHORIZATION",
            "SET default_transaction_read_only = off",
            "RESET ALL; SET transaction_read_only = off",
            "SET app.tenant = '8'",
            "RESET app.tenant",
            "SELECT pg_advisory_lock(1)",
            "DELETE FROM orders",
        ] {
            let replies = raw.ask(&world, &Script::new().query(guarded), 1);
            assert_eq!(replies.errors(), ["42501"], "{clean}, then {guarded}: {replies:?}");
        }
    }
    assert_eq!(world.direct("SELECT count(*) FROM orders"), "50");
}
