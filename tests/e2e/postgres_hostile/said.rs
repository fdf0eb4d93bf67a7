//! What a target says besides its answers: its settings, notices, and what others notify.

use std::io::Write;

use serde_json::Value;
use serde_json::json;

use super::login;
use super::target::FakeTarget;
use super::target::complete;
use super::target::message;
use super::target::ready;
use super::target::report;
use crate::support::World;
use crate::support::database::Database;
use crate::support::wire::Raw;
use crate::support::wire::Script;

/// Who is in support reads orders.
const ORDERS: &str = r#"
[[policy]]
id = "orders"
effect = "allow"
match = { groups = ["support"], operations = ["read"], tables = ["orders"] }
"#;

/// A target that tells of the path that a comment names.
#[test]
fn a_path_that_the_server_tells_of_counts_whatever_has_set_it() {
    let target = FakeTarget::start(Box::new(|sql, stream| {
        let tell = |path: &str| message(b'S', format!("search_path\0{path}\0").as_bytes());
        if !sql.starts_with("SELECT") {
            // What stands for a refused text.
            let refused = report(b'E', "ERROR", "42601", "no");
            return stream.write_all(&[refused, tell("\"$user\", public"), ready()].concat());
        }
        let path = sql.split("-- ").nth(1).map(tell);
        stream.write_all(&[complete("SELECT 0"), path.unwrap_or_default(), ready()].concat())
    }));
    let lying = target.connection("plain", "accept_trust = true");
    let world = World::with_database(Database::with_options("", &lying), ORDERS);
    let mut raw = login(&world, "plain", &world.token("reader"));
    let mut ask = |sql: &str| {
        let replies = raw.ask(&world, &Script::new().query(sql), 1);
        replies.errors().iter().map(|state| (*state).to_owned()).collect::<Vec<_>>()
    };
    let names = "SELECT id FROM orders";
    assert!(ask(names).is_empty());
    // As after a function that has set it.
    assert!(ask("SELECT id FROM orders -- evil, public").is_empty());
    assert_eq!(ask(names), ["42501"]);
    // Meanwhile the server has told that all is as usual again.
    assert!(ask(names).is_empty());
}

#[test]
fn a_target_that_may_write_gives_no_session_that_only_reads() {
    let target =
        FakeTarget::start(Box::new(|_, stream| stream.write_all(&[complete("SELECT 0"), ready()].concat())));
    let lying = target.connection("plain", "accept_trust = true\nreadonly = true");
    let world = World::with_database(Database::with_options("", &lying), ORDERS);
    for (name, errors) in [("remembers", vec![]), ("forgets", vec!["57P03"])] {
        let mut raw = Raw::connect(&world);
        let startup = [("user", "x"), ("database", "plain"), ("application_name", name)];
        raw.send(&Script::new().startup(&startup).password(&world.token("reader")));
        let replies = raw.replies(&world, 1);
        assert_eq!(replies.errors(), errors, "{name}: {replies:?}");
    }
}

/// Who is in support does everything; social security numbers are masked wherever they are.
const ALL: &str = r#"
[[policy]]
id = "all"
effect = "allow"
match = { groups = ["support"], operations = ["read", "write", "ddl", "admin", "unknown"] }

[[mask]]
id = "ssn"
match = { tags = { data = "pii" } }
entities = ["US_SSN"]
op = { kind = "redact" }
"#;
const SSN: &str = "123-45-6789";
const FLOOD: usize = 3_000;

/// What was recorded of it, and all events as one text.
fn recorded(world: &World) -> (Vec<Value>, String) {
    let events = world.events(&world.last_session());
    let text = format!("{events:?}");
    assert!(!text.contains(SSN), "{text}");
    (events.into_iter().filter(|event| event["kind"] == "sql.notice").collect(), text)
}

#[test]
fn what_others_notify_and_what_the_server_remarks_is_recorded_as_the_client_gets_it() {
    let world = World::with_database(Database::new(""), ALL);
    let mut raw = Raw::login(&world, &world.token("reader"));
    let remark = format!("DROP TABLE IF EXISTS \"of {SSN}\"");
    raw.ask(&world, &Script::new().query("LISTEN jobs").query(&remark), 2);
    world.direct(&format!("NOTIFY jobs, 'for {SSN}'"));
    raw.ask(&world, &Script::new().query("SET application_name = 'agent'"), 1);
    let (said, text) = recorded(&world);
    let all: Vec<&Value> = said.iter().map(|event| &event["data"]).collect();
    let [remark, notification, setting] = all[..] else { panic!("{text}") };
    assert_eq!(
        (&remark["what"], &remark["severity"], &remark["sqlstate"]),
        (&"notice".into(), &"NOTICE".into(), &"00000".into())
    );
    assert!(remark["message"].as_str().unwrap().contains("does not exist, skipping"), "{remark}");
    assert_eq!((&notification["what"], &notification["channel"]), (&"notification".into(), &"jobs".into()));
    assert_eq!(notification["payload"], "for [REDACTED]");
    assert_eq!((&setting["name"], &setting["value"]), (&"application_name".into(), &"agent".into()));
    let masked: Vec<u64> = said
        .iter()
        .map(|event| event["mask"].as_array().unwrap().iter().filter_map(|note| note["n"].as_u64()).sum())
        .collect();
    assert_eq!(masked, [1, 1, 0], "{text}");
    // They belong to what was running, and stand before its end; what others notify belongs to nothing.
    let events = world.events(&world.last_session());
    let place = |wanted: &Value, kind: &str| {
        events.iter().position(|event| event["corr"] == wanted["corr"] && event["kind"] == kind).unwrap()
    };
    for (said, belongs) in [(&said[0], true), (&said[1], false), (&said[2], true)] {
        assert_eq!(!said["corr"].is_null(), belongs, "{said}");
    }
    assert!(place(&said[0], "sql.query") < place(&said[0], "sql.notice"));
    let out = world.ok(&["replay", &world.last_session(), "--speed", "1000"]);
    assert!(
        out.contains("on jobs") && out.contains("for [REDACTED]") && out.contains("setting application_name"),
        "{out}"
    );
    world.ok(&["session", "verify", &world.last_session()]);
}

#[test]
fn a_flood_of_what_a_target_says_is_bounded_in_the_recording_and_counted() {
    let target = FakeTarget::start(Box::new(|_sql, stream| {
        let one = report(b'N', "WARNING", "01000", &format!("{SSN} {}", "x".repeat(9_000)));
        stream.write_all(&[one.repeat(FLOOD), complete("SELECT 0"), ready()].concat())
    }));
    let lying = target.connection("plain", "accept_trust = true\ntags = { data = \"pii\" }");
    let world = World::with_database(Database::with_options("", &lying), ALL);
    let mut raw = login(&world, "plain", &world.token("reader"));
    raw.ask(&world, &Script::new().query("SELECT 1"), 1);
    let session =
        world.list(&["session", "list", "--connection", "plain"])[0]["id"].as_str().unwrap().to_owned();
    let events = world.events(&session);
    let said: Vec<&Value> = events.iter().filter(|event| event["kind"] == "sql.notice").collect();
    let told = said.iter().filter(|event| event["data"]["what"] == "notice").count();
    let sum = |number: &dyn Fn(&Value) -> u64| said.iter().map(|event| number(event)).sum::<u64>();
    let left_out = sum(&|event| event["data"]["not_recorded_before"].as_u64().unwrap_or_default());
    assert_eq!(told as u64 + left_out, FLOOD as u64);
    assert!((1..FLOOD / 4).contains(&told), "{told}");
    // All that was masked is counted, and of a long text the beginning is kept.
    let masked =
        sum(&|event| event["mask"].as_array().unwrap().iter().filter_map(|note| note["n"].as_u64()).sum());
    assert_eq!(masked, FLOOD as u64);
    let first = &said[0]["data"];
    assert!(
        first["message"].as_str().unwrap().starts_with("[REDACTED] xxx") && first["cut"] == true,
        "{first}"
    );
    // The rest is proven by what the client got.
    let message = format!("[REDACTED] {}", "x".repeat(9_000));
    let whole = format!("message {}\n{message}", message.len());
    let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, whole.as_bytes());
    let hex = digest.as_ref().iter().fold(String::new(), |hex, byte| format!("{hex}{byte:02x}"));
    assert_eq!((&first["length"], &first["sha256"]), (&json!(message.len()), &json!(hex)), "{first}");
    assert!(said.iter().all(|event| event.to_string().len() < 5_000));
}
