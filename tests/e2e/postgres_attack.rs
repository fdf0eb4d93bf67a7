//! Attacks on the listener for PostgreSQL, message by message: what no driver sends, in the order that would hurt most.
//!
//! In each of them a `DELETE` must not run that nobody has approved, and no masked value may come back ([`Raw`] looks at every frame).

mod flow;
mod kept;
mod names;
mod noise;
mod overloads;
mod refused;
mod rows;

use crate::support::World;
use crate::support::database::Database;
use crate::support::database::MASKS;
use crate::support::wire::Raw;
use crate::support::wire::Replies;
use crate::support::wire::Script;

/// Who is in support reads, who is in etl writes what a person approves.
const RULES: &str = r#"
[[policy]]
id = "reads"
effect = "allow"
match = { groups = ["support"], connections = ["db"], operations = ["read"] }

[[policy]]
id = "writes"
effect = "approve"
match = { groups = ["etl"], connections = ["db"], operations = ["write"] }
approval = { from = ["dba"], timeout = "20s" }
"#;

/// What leads to masked values in no column of their own.
const LEAK: &str = "SELECT ssn||'' FROM customers";
const DELETE: &str = "DELETE FROM orders";

fn world() -> World {
    World::with_database(Database::new(""), &format!("{RULES}{MASKS}"))
}

fn orders(world: &World) -> String {
    world.direct("SELECT count(*) FROM orders")
}

/// Nothing was deleted, and the session lives on.
fn lives(world: &World, raw: &mut Raw, after: &Replies) {
    assert_eq!(orders(world), "50", "{after:?}");
    let replies = raw.ask(world, &Script::new().query("ROLLBACK").query("SELECT 40 + 2"), 2);
    assert_eq!(replies.rows(), ["42"], "{after:?}, then {replies:?} {}", world.log());
}

/// All rows are withheld.
fn withheld(replies: &Replies) -> bool {
    replies.rows().iter().all(|row| *row == "[REDACTED]")
}
