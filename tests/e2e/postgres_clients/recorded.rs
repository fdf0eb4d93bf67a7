//! What the recording must hold of everything that was run.

use std::collections::BTreeMap;
use std::time::Duration;
use std::time::Instant;

use serde_json::Value;

use crate::support::World;

/// Every statement of every session on the database is recorded before it ran, and how it ended after; with its values; and nothing
/// holds a secret.
pub fn check(world: &World, secrets: &[&str]) {
    let mut statements = 0;
    for session in world.list(&["session", "list", "--connection", "db", "--limit", "500"]) {
        let id = session["id"].as_str().unwrap();
        let events = ended(world, id);
        for (event, secret) in
            events.iter().flat_map(|event| secrets.iter().map(move |secret| (event, secret)))
        {
            assert!(!event.to_string().contains(secret), "a secret is in {event}");
        }
        statements += check_session(&events);
    }
    assert!(statements > 5, "{statements} statements are recorded");
    world.ok(&["session", "verify", "--all"]);
    let log = world.log();
    for secret in secrets {
        assert!(!log.contains(secret), "a secret is in the log");
    }
}

/// The events of a session that has ended.
fn ended(world: &World, session: &str) -> Vec<Value> {
    let begin = Instant::now();
    loop {
        let events = world.events(session);
        if events.iter().any(|event| event["kind"] == "session.end") {
            return events;
        }
        assert!(begin.elapsed() < Duration::from_secs(10), "session {session} does not end: {}", world.log());
        std::thread::sleep(Duration::from_millis(50));
    }
}

/// Gives how many statements ran.
fn check_session(events: &[Value]) -> usize {
    let mut statements: BTreeMap<&str, Statement<'_>> = BTreeMap::new();
    for event in events {
        let (data, request) = (&event["data"], event["corr"].as_str().unwrap_or_default());
        match (event["kind"].as_str().unwrap(), statements.get_mut(request)) {
            ("sql.query", None) => {
                let effect = data["decision"]["effect"].as_str().unwrap_or_default();
                statements.insert(request, Statement { query: data, effect, ends: 0 });
            }
            ("decision", Some(statement)) => statement.effect = data["effect"].as_str().unwrap(),
            ("sql.done", Some(statement)) => {
                statement.ends += 1;
                assert_eq!(statement.effect, "allow", "it was not allowed: {} {event}", statement.query);
                let end = data["end"].as_str().unwrap();
                // Every client here waits for its answers.
                assert_ne!(end, "cut", "{} {event}", statement.query);
                assert_eq!(end == "error", data["error"]["sqlstate"].is_string(), "{event}");
            }
            ("sql.rows", Some(statement)) => assert_eq!(statement.effect, "allow", "{}", statement.query),
            ("sql.query" | "sql.done" | "sql.rows", _) => panic!("out of order: {event}"),
            _ => {}
        }
    }
    for Statement { query, effect, ends } in statements.values() {
        assert_eq!(*effect == "allow", *ends > 0, "{effect}, and ended {ends} times: {query}");
        let Some(sql) = query["sql"].as_str() else {
            // A message that was refused before it had a text, such as one for a portal that there is not.
            assert_ne!(*effect, "allow", "no SQL: {query}");
            continue;
        };
        let how = query["how"].as_str().unwrap();
        // The places in what `PREPARE` makes are filled by `EXECUTE`; a portal that is run again has the values of its `Bind`.
        let again = query["portal"].is_string();
        if how == "execute" && sql.contains("$1") && !sql.starts_with("PREPARE") && !again {
            assert!(
                query["params"].as_array().is_some_and(|values| !values.is_empty()),
                "no values: {query}"
            );
        }
    }
    statements.values().filter(|statement| statement.ends > 0).count()
}

/// What is recorded of a statement.
struct Statement<'a> {
    query: &'a Value,
    effect: &'a str,
    ends: usize,
}
