//! Common steps: open a connection, send a request that is held, wait for a condition.

use std::thread;
use std::time::Duration;
use std::time::Instant;

use crate::support::Client;
use crate::support::Reply;
use crate::support::World;
use crate::support::client::request;

/// Opens a connection to an address, with everything allowed for `support`.
pub fn open(world: &World, name: &str, address: &str, more: &[&str]) {
    let upstream = format!("http://{address}");
    let add = ["connect", "add", name, "--upstream", &upstream];
    let (code, _, err) = world.cli(&[&add[..], more].concat());
    assert_eq!(code, 0, "{err}");
    let id = format!("{name}-all");
    let (code, _, err) =
        world.cli(&["policy", "add", &id, "--allow", "--group", "support", "--connection", name]);
    assert_eq!(code, 0, "{err}");
}

/// Sends a PATCH of a customer, which is held, on its own thread.
pub fn held(world: &World, token: &str, body: &'static str) -> thread::JoinHandle<Reply> {
    let (port, token) = (world.port, token.to_owned());
    thread::spawn(move || {
        let mut client = Client::connect(port);
        let headers = [("Content-Type", "application/json")];
        client.send(request("PATCH", "/c/crm/customers/7", Some(&token), &headers, Some(body)));
        client.reply()
    })
}

/// Waits for a condition.
pub fn wait_until(what: &str, limit: Duration, is: impl Fn() -> bool) {
    let begin = Instant::now();
    while !is() {
        assert!(begin.elapsed() < limit, "{what}");
        thread::sleep(Duration::from_millis(20));
    }
}

/// Waits like [`wait_until`], for at most five seconds.
pub fn wait_for(what: &str, is: impl Fn() -> bool) {
    wait_until(what, Duration::from_secs(5), is);
}

/// Returns the newest session on a connection; `gateway` has refusals without a session.
pub fn session(world: &World, connection: &str) -> String {
    let sessions = world.list(&["session", "list"]);
    let found = sessions.iter().find(|session| session["connection"] == connection);
    found.unwrap_or_else(|| panic!("no session on {connection}"))["id"].as_str().unwrap().to_owned()
}

/// Returns whether an event of a session has `value` under `key`.
pub fn says(world: &World, session: &str, key: &str, value: &str) -> bool {
    world.events(session).iter().any(|event| event["data"][key] == value)
}

/// Returns the audit trail as actor, action and subject, without the gateway's periodic journal entries.
pub fn audited(world: &World) -> Vec<[String; 3]> {
    let store = rusqlite::Connection::open(world.path("data/hoopctl.db")).unwrap();
    let mut entries = store
        .prepare("SELECT actor, action, subject FROM audit WHERE action NOT GLOB 'journal.*' ORDER BY seq")
        .unwrap();
    let rows = entries.query_map([], |row| Ok([row.get(0)?, row.get(1)?, row.get(2)?])).unwrap();
    rows.map(Result::unwrap).collect()
}
