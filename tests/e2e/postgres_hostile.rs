//! PostgreSQL where something goes badly wrong: targets that lie, results and messages of a gigabyte, ends in the middle of things,
//! kill -9 under load, pools.

mod answers;
mod crash;
mod ends;
mod flood;
mod large;
mod pools;
mod said;
mod target;

use std::time::Duration;
use std::time::Instant;

use crate::support::World;
use crate::support::database::Database;
use crate::support::database::MASKS;
use crate::support::wire::Raw;
use crate::support::wire::Script;
use target::FakeTarget;

/// Who is in support reads.
const RULES: &str = r#"
[[policy]]
id = "reads"
effect = "allow"
match = { groups = ["support"], operations = ["read"] }
"#;

/// A gateway before a real database, and before a target that lies: `masked`, `plain`, and `untrusted`, where a proof is wanted.
fn world(target: &FakeTarget) -> World {
    let lying = [
        target.connection("masked", "accept_trust = true\ntags = { data = \"pii\" }"),
        target.connection("plain", "accept_trust = true"),
        target.connection("untrusted", ""),
    ]
    .concat();
    World::with_database(Database::with_options("", &lying), &format!("{RULES}{MASKS}"))
}

/// What opens a session on a connection.
fn opening(connection: &str, token: &str) -> Script {
    Script::new().startup(&[("user", "whoever"), ("database", connection)]).password(token)
}

/// A session on a connection.
fn login(world: &World, connection: &str, token: &str) -> Raw {
    let mut raw = Raw::connect(world);
    raw.send(&opening(connection, token));
    raw.finish_login(world);
    raw
}

/// The gateway serves others.
fn is_up(world: &World, token: &str) {
    let (code, out, err) = world.psql(token, &["SELECT count(*) FROM customers"]);
    assert_eq!((code, out.trim()), (0, "20"), "{err} {}", world.log());
}

fn wait_for(what: &str, world: &World, mut holds: impl FnMut() -> bool) {
    let begin = Instant::now();
    while !holds() {
        assert!(begin.elapsed() < Duration::from_secs(10), "not so: {what}; {}", world.log());
        std::thread::sleep(Duration::from_millis(30));
    }
}

/// The memory of the gateway, from here on.
struct Memory {
    process: u32,
    before: u64,
}

impl Memory {
    /// What it has now; the peak is forgotten.
    fn watch(world: &World) -> Self {
        let process = world.gateway.as_ref().unwrap().pid();
        std::fs::write(format!("/proc/{process}/clear_refs"), "5").unwrap();
        Self { process, before: kibibytes(process, "VmRSS:") }
    }

    /// How much more it has had at its peak, in MiB.
    fn growth(&self) -> u64 {
        kibibytes(self.process, "VmHWM:").saturating_sub(self.before) / 1024
    }
}

fn kibibytes(process: u32, name: &str) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix(name)).unwrap();
    line.trim().trim_end_matches(" kB").parse().unwrap()
}
