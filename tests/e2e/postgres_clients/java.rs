//! JDBC.

use std::path::Path;
use std::process::Command;

use super::check;
use super::peer;
use crate::support::process::run;

/// Where Debian puts the driver.
const DRIVER: &str = "/usr/share/java/postgresql.jar";

#[test]
fn jdbc() {
    assert!(Path::new(DRIVER).is_file(), "{DRIVER} is not there; run tests/setup");
    let classes = tempfile::tempdir().unwrap();
    let mut compiler = peer::command("javac");
    compiler
        .args(["-J-XX:+UseSerialGC", "-J-XX:TieredStopAtLevel=1", "-cp", DRIVER, "-encoding", "UTF-8", "-d"])
        .arg(classes.path());
    let (code, out, err) = run(compiler.arg(peer::folder().join("Jdbc.java")));
    assert_eq!(code, 0, "there is no javac that works; run tests/setup: {out} {err}");
    let java = |mode: &str| -> Command {
        let mut java = peer::command("java");
        let path = format!("{DRIVER}:{}", classes.path().display());
        java.args(["-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-Dfile.encoding=UTF-8", "-cp", &path]);
        java.args(["Jdbc", mode]);
        java
    };
    let same = [
        "large 200000 20000100000",
        "batch true [-3, -3, -3, -3] 42501",
        "batch false [-3, -3, -3, -3] 42501",
        "soon true [1]",
    ];
    check(|world, mode, at| peer::run(world, java(mode), at), &same, DENIED, HELD);
}

const DENIED: &str = "\
read [Customer 7]
write PSQLException 42501
write PSQLException 42501
batch [-3, -3, -3] 42501
copy PSQLException 42501
syntax PSQLException 42601 at 25
read [1]
inside PSQLException 42501
after PSQLException 25P02
on [x]
";

const HELD: &str = "\
approved 0
01H01 [waiting, for, approval]
withdrawn PSQLException 57014
on [x]
";
