//! PostgreSQL through the gateway, with the drivers that people use: each does the same at the gateway and at the database itself, and
//! must see the same.

mod dump;
mod java;
mod masked;
pub mod peer;
mod pgbench;
mod recorded;
mod rust;

use crate::support::World;
use crate::support::database::DATABASE_PASSWORD;
use crate::support::database::Database;
use peer::At;

/// Readers read; writers do anything but change roles, and change structure only with somebody's word.
const RULES: &str = r#"
[[policy]]
id = "reads"
effect = "allow"
match = { groups = ["support"], connections = ["db"], operations = ["read"] }

[[policy]]
id = "work"
effect = "allow"
match = { groups = ["etl"], connections = ["db"], operations = ["write", "unknown"] }

[[policy]]
id = "structure"
effect = "approve"
match = { groups = ["etl"], connections = ["db"], operations = ["ddl"] }
approval = { from = ["dba"], timeout = "20s" }
"#;

/// What the clients write to.
const TABLES: &str = "CREATE TABLE work (id int PRIMARY KEY, note text);\nGRANT ALL ON work TO gateway;\n";

fn world() -> World {
    World::with_database(Database::new(TABLES), RULES)
}

/// What a driver does is the same with the gateway in between; what it may not do it is told in its own words; what waits for people
/// runs with their word only; and all of it is in the recording.
fn check(run: impl Fn(&World, &str, At<'_>) -> String + Sync, same: &[&str], denied: &str, held: &str) {
    let world = world();
    let (reader, writer) = (world.token("reader"), world.token("writer"));
    let direct = run(&world, "same", At::Database);
    assert_eq!(world.direct("SELECT count(*) FROM work"), "0", "the program leaves nothing");
    let through = run(&world, "same", At::Gateway(&writer));
    peer::assert_same(&through, &direct);
    for line in same {
        assert!(through.lines().any(|found| found == *line), "{line:?} is not in:\n{through}");
    }

    world.direct("INSERT INTO work VALUES (7)");
    peer::assert_same(&run(&world, "denied", At::Gateway(&reader)), denied);
    assert_eq!(world.direct("SELECT id FROM work"), "7", "nothing was written");

    let told = std::thread::scope(|scope| {
        let told = scope.spawn(|| run(&world, "held", At::Gateway(&writer)));
        let pending = world.wait_pending();
        world.ok(&["approval", "approve", pending["id"].as_str().unwrap()]);
        told.join().unwrap()
    });
    peer::assert_same(&told, held);
    assert!(world.list(&["approval", "list"]).is_empty(), "what was withdrawn waits no more");
    let made = world
        .direct("SELECT count(*) FROM pg_class WHERE relname LIKE 'made_by_%' OR relname = 'never_made'");
    assert_eq!(made, "1");
    assert_eq!(world.direct("SELECT count(*) FROM pg_roles WHERE rolname = 'intruder'"), "0");
    recorded::check(&world, &[&reader, &writer, DATABASE_PASSWORD]);
}

#[test]
fn psycopg() {
    let run =
        |world: &World, mode: &str, at: At<'_>| peer::run(world, peer::python("psycopg_client.py", mode), at);
    let same = [
        "long (500000, '336311a016184326ddbdd61edd4eeb52')",
        "large 200000 20000100000",
        "savepoint 42501 INTRANS",
    ];
    check(run, &same, PSYCOPG_DENIED, PSYCOPG_HELD);
}

#[test]
fn asyncpg() {
    let run =
        |world: &World, mode: &str, at: At<'_>| peer::run(world, peer::python("asyncpg_client.py", mode), at);
    let same =
        ["many (1000, 499500)", "large 200000 20000100000", "transaction 42501", "sleep timed out 1 True"];
    check(run, &same, ASYNCPG_DENIED, ASYNCPG_HELD);
}

#[test]
fn node() {
    let run = |world: &World, mode: &str, at: At<'_>| peer::run(world, peer::node("pg.mjs", mode), at);
    let same = [
        "large 200000 20000100000",
        r#"queued ["SELECT","INSERT","42501","INSERT","SELECT"] [1,2]"#,
        r#"queued ["BEGIN","INSERT","42501","25P02","ROLLBACK"] []"#,
    ];
    check(run, &same, NODE_DENIED, NODE_HELD);
}

const PSYCOPG_DENIED: &str = "\
read ('Customer 7',)
write InsufficientPrivilege 42501
write InsufficientPrivilege 42501
write InsufficientPrivilege 42501
many InsufficientPrivilege 42501
syntax SyntaxError 42601 at 20
state IDLE
copy InsufficientPrivilege 42501 0
out InsufficientPrivilege 42501
do InsufficientPrivilege 42501
inside InsufficientPrivilege 42501
state INERROR
after InFailedSqlTransaction 25P02
state IDLE
prepare InsufficientPrivilege 42501
execute InsufficientPrivilege 42501
execute (1,)
extended prepare PREPARE
extended execute (2,)
cursor [(1,), (2,)]
";

const PSYCOPG_HELD: &str = "\
NOTICE 01H01 ['waiting', 'for', 'approval']
approved CREATE TABLE
NOTICE 01H01 ['waiting', 'for', 'approval']
withdrawn QueryCanceled 57014
on ('x',)
";

const ASYNCPG_DENIED: &str = "\
read Customer 7
write InsufficientPrivilegeError 42501
write InsufficientPrivilegeError 42501
prepare InsufficientPrivilegeError 42501
many InsufficientPrivilegeError 42501
syntax PostgresSyntaxError 42601 at 25
copy InsufficientPrivilegeError 42501
inside InsufficientPrivilegeError 42501
after InFailedSQLTransactionError 25P02
on x
";

const ASYNCPG_HELD: &str = "\
NOTICE 01H01 ['waiting', 'for', 'approval']
approved CREATE TABLE
NOTICE 01H01 ['waiting', 'for', 'approval']
withdrawn
on x
";

const NODE_DENIED: &str = "\
read [{\"name\":\"Customer 7\"}]
write DatabaseError 42501
write DatabaseError 42501
write DatabaseError 42501
again DatabaseError 42501
copy DatabaseError 42501
syntax DatabaseError 42601 at 25
inside DatabaseError 42501
after DatabaseError 25P02
on [{\"t\":\"x\"}]
";

const NODE_HELD: &str = "\
NOTICE 01H01 [\"waiting\",\"for\",\"approval\"]
approved CREATE
NOTICE 01H01 [\"waiting\",\"for\",\"approval\"]
withdrawn DatabaseError 57014
on [{\"t\":\"x\"}]
";
