//! `pg_dump`, which reads the whole catalogue first, and then the tables with `COPY`.

use crate::support::World;
use crate::support::database::Database;
use crate::support::database::SQL_RULES;
use crate::support::process::run;

const APP: &str = "\
CREATE SCHEMA app;
CREATE TABLE app.things (id serial PRIMARY KEY, customer int REFERENCES customers, doc jsonb, mood text DEFAULT lower('A'));
INSERT INTO app.things (customer, doc) VALUES (1, '{\"ssn\": \"078-05-3333\"}');
CREATE TYPE app.state AS ENUM ('new', 'done');
CREATE DOMAIN app.positive AS int CHECK (VALUE > 0);
CREATE FUNCTION app.twice(x int) RETURNS int LANGUAGE sql IMMUTABLE AS 'SELECT x * 2';
CREATE VIEW app.names AS SELECT id, name FROM customers;
GRANT USAGE ON SCHEMA app TO gateway;
GRANT SELECT ON ALL TABLES IN SCHEMA app TO gateway;
GRANT SELECT ON ALL SEQUENCES IN SCHEMA app TO gateway;
";

const MASKS: &str = r#"
[[mask]]
id = "pii"
match = { tags = { data = "pii" } }
fields = ["ssn"]
op = { kind = "keep_last", n = 4 }
"#;

/// Runs it through the gateway; gives its exit code, the dump without what is different each time, and what
/// it says.
fn dump(world: &World, token: &str, args: &[&str]) -> (i32, String, String) {
    let like = world.psql_command(token);
    let mut dump = std::process::Command::new("pg_dump");
    dump.current_dir(world.folder.path()).args(args);
    for (name, value) in like.get_envs() {
        dump.env(name, value.unwrap());
    }
    let (code, out, err) = run(&mut dump);
    (code, plain(&out), err)
}

fn plain(dump: &str) -> String {
    dump.lines()
        .filter(|line| !line.starts_with("\\restrict") && !line.starts_with("\\unrestrict"))
        .collect::<Vec<_>>()
        .join("\n")
}

/// The same at the database itself.
fn direct(world: &World, args: &[&str]) -> String {
    let mut dump = std::process::Command::new("pg_dump");
    dump.args(args).env("PGHOST", "127.0.0.1").env("PGUSER", "postgres").env("PGDATABASE", "postgres");
    let (code, out, err) = run(dump.env("PGPORT", world.db().server.port.to_string()));
    assert_eq!(code, 0, "{err}");
    plain(&out)
}

#[test]
fn a_reader_dumps_what_may_be_read() {
    let world = World::with_database(Database::new(APP), SQL_RULES);
    let token = world.token("reader");
    for args in [
        &["--exclude-table=payroll"][..],
        &["--schema=app", "--schema-only"],
        &["--table=orders", "--data-only", "--inserts"],
    ] {
        let (code, out, err) = dump(&world, &token, args);
        assert_eq!(code, 0, "{args:?}: {err} {}", world.log());
        assert_eq!(out, direct(&world, args), "{args:?}");
    }
    let (code, _, err) = dump(&world, &token, &["--exclude-table=payroll", "-Fd", "-j2", "-f", "parts"]);
    assert!(code == 0 && world.folder.path().join("parts/toc.dat").is_file(), "{code} {err}");
    // It would have to lock a table that a policy keeps.
    let (code, _, err) = dump(&world, &token, &[]);
    assert!(code != 0 && err.contains("Payroll is not for this gateway."), "{code} {err}");
    assert!(world.direct("SELECT count(*) FROM customers").contains("20"));
}

#[test]
fn a_dump_holds_no_masked_value() {
    let world = World::with_database(Database::new(APP), &format!("{SQL_RULES}{MASKS}"));
    let token = world.token("reader");
    let structure = ["--schema-only", "--exclude-table=payroll"];
    let (code, out, err) = dump(&world, &token, &structure);
    assert_eq!(code, 0, "{err}");
    assert_eq!(out, direct(&world, &structure));
    let (code, out, err) = dump(&world, &token, &["--table=orders"]);
    assert!(code == 0 && out.contains("order 50"), "{err}");
    // `COPY` of masked columns is refused, and says so; as `INSERT` their values are masked.
    for table in ["customers", "app.things"] {
        let (code, out, err) = dump(&world, &token, &["--table", table]);
        assert!(code != 0 && err.contains("COPY of what may hold masked values is refused"), "{code} {err}");
        assert!(!out.contains("078-05"), "{out}");
        let (code, out, err) = dump(&world, &token, &["--inserts", "--table", table]);
        assert!(code == 0 && out.contains("***-**-") && !out.contains("078-05"), "{code} {out} {err}");
    }
}
