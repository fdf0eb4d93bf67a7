//! Programs of other languages that speak PostgreSQL.

use std::path::Path;
use std::path::PathBuf;
use std::process::Command;

use crate::support::World;
use crate::support::database::DATABASE_PASSWORD;
use crate::support::process::run as finish;

/// What is refused at the gateway: nobody may change roles.
pub const DENIED: &str = "CREATE ROLE intruder";
/// What fails at the database in the same place: before anything of it runs.
pub const WRONG: &str = "CREATE ROL intruder";

/// Where a program goes.
#[derive(Clone, Copy)]
pub enum At<'a> {
    /// The database itself, as the gateway logs in there.
    Database,
    /// The gateway, with this token.
    Gateway(&'a str),
}

impl At<'_> {
    /// Port, user, password, database.
    pub fn place(self, world: &World) -> (u16, &'static str, String, &'static str) {
        match self {
            At::Database => (world.db().server.port, "gateway", DATABASE_PASSWORD.to_owned(), "postgres"),
            At::Gateway(token) => (world.db().gateway_port, "whoever", token.to_owned(), "db"),
        }
    }

    /// A statement that fails there.
    pub const fn bad(self) -> &'static str {
        match self {
            At::Database => WRONG,
            At::Gateway(_) => DENIED,
        }
    }
}

/// The folder of the programs.
pub fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/peers")
}

/// A command that is ended when it takes too long.
pub fn command(program: impl AsRef<Path>) -> Command {
    let mut command = Command::new("timeout");
    command.args(["--kill-after=1", "50"]).arg(program.as_ref());
    command
}

/// A program in Python with the drivers that tests/setup has installed.
pub fn python(program: &str, mode: &str) -> Command {
    let interpreter = folder().join("venv/bin/python");
    assert!(interpreter.is_file(), "the drivers of Python are not installed; run tests/setup");
    let mut python = command(interpreter);
    python.arg(folder().join(program)).arg(mode);
    python
}

/// A program in JavaScript.
pub fn node(program: &str, mode: &str) -> Command {
    assert!(folder().join("node_modules/pg").is_dir(), "the peers are not installed; run tests/setup");
    let mut node = command("node");
    node.arg(folder().join(program)).arg(mode);
    node
}

/// Points a program at the gateway or the database, as libpq and its like are told.
pub fn point(world: &World, command: &mut Command, at: At<'_>) {
    let (port, user, password, database) = at.place(world);
    command
        .envs([
            ("PGHOST", "127.0.0.1"),
            ("PGUSER", user),
            ("PGPASSWORD", &password),
            ("PGDATABASE", database),
        ])
        .envs([("PGSSLMODE", "disable"), ("PGGSSENCMODE", "disable"), ("BAD", at.bad())])
        .env("PGPORT", port.to_string())
        .env("PYTHONDONTWRITEBYTECODE", "1");
}

/// Runs a program that has to come to its end; gives what it has printed.
pub fn run(world: &World, mut command: Command, at: At<'_>) -> String {
    point(world, &mut command, at);
    let (code, out, err) = finish(&mut command);
    assert_eq!(code, 0, "{out}\n{err}\n{}", world.log());
    out
}

/// Holds what a program printed against what it was to print, but for the SQLSTATE of [`DENIED`] and [`WRONG`], and the place of the
/// latter's error.
pub fn assert_same(found: &str, wanted: &str) {
    let shape = |text: &str| -> Vec<String> {
        text.lines()
            .map(|line| line.trim().replace("42501", "42601").replace("42601 at 8", "42601"))
            .collect()
    };
    let (found_lines, wanted_lines) = (shape(found), shape(wanted));
    for (found, wanted) in found_lines.iter().zip(&wanted_lines) {
        // In a failed transaction the server comes to a denied statement no more than to any other; one that is wrong it reads first.
        if wanted.contains("42601") && *found == wanted.replace("42601", "25P02") {
            continue;
        }
        assert_eq!(found, wanted, "in:\n{}", found_lines.join("\n"));
    }
    assert_eq!(found_lines.len(), wanted_lines.len(), "found:\n{found}\nwanted:\n{wanted}");
}
