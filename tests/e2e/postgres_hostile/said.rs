//! What a target says besides its answers: its settings, notices, and what others notify.

use std::io::Write;

use super::login;
use super::target::FakeTarget;
use super::target::complete;
use super::target::message;
use super::target::ready;
use super::target::report;
use crate::support::World;
use crate::support::database::Database;
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
        // What stands for a refused text.
        if !sql.starts_with("SELECT") {
            return stream.write_all(&[report(b'E', "ERROR", "42601", "no"), ready()].concat());
        }
        let path =
            sql.split("-- ").nth(1).map(|path| message(b'S', format!("search_path\0{path}\0").as_bytes()));
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
    // A text that names no table is no matter; the server says that all is as usual again.
    assert!(ask("SELECT 1 -- \"$user\", public").is_empty());
    assert!(ask(names).is_empty());
}
