//! JDBC.

use std::path::Path;
use std::process::Command;

use super::check;
use super::masked;
use super::peer;
use crate::support::process::run;

/// Where Debian puts the driver.
const DRIVER: &str = "/usr/share/java/postgresql.jar";

/// The program, compiled into this folder.
fn compile(classes: &Path) {
    assert!(Path::new(DRIVER).is_file(), "{DRIVER} is not there; run tests/setup");
    let mut compiler = peer::command("javac");
    compiler
        .args(["-J-XX:+UseSerialGC", "-J-XX:TieredStopAtLevel=1", "-cp", DRIVER, "-encoding", "UTF-8", "-d"])
        .arg(classes);
    let (code, out, err) = run(compiler.arg(peer::folder().join("Jdbc.java")));
    assert_eq!(code, 0, "there is no javac that works; run tests/setup: {out} {err}");
}

fn java(classes: &Path, mode: &str) -> Command {
    let mut java = peer::command("java");
    let path = format!("{DRIVER}:{}", classes.display());
    java.args(["-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-Dfile.encoding=UTF-8", "-cp", &path]);
    java.args(["Jdbc", mode]);
    java
}

#[test]
fn jdbc() {
    let classes = tempfile::tempdir().unwrap();
    compile(classes.path());
    let same = [
        "large 200000 20000100000",
        "batch true [-3, -3, -3, -3] 42501",
        "batch false [-3, -3, -3, -3] 42501",
        "soon true [1]",
    ];
    check(|world, mode, at| peer::run(world, java(classes.path(), mode), at), &same, DENIED, HELD);
}

#[test]
fn masked_by_jdbc() {
    let classes = tempfile::tempdir().unwrap();
    compile(classes.path());
    let row = "1,Ann,***-**-1001,**** **** **** 1111,null,null,null,12.50,1990-01-01,[1, 2]";
    let nothing = "2,null,null,null,null,null,null,null,null,null";
    masked::check(|world, at| peer::run(world, java(classes.path(), "masked"), at), MASKED, row, nothing);
}

const MASKED: &str = "\
people  [[ANN, NOBODY]]
fetched true
people &prepareThreshold=1 [[ANN, NOBODY]]
fetched true
people &prepareThreshold=-1 [[ANN, NOBODY]]
fetched true
people &preferQueryMode=simple [[ANN, NOBODY]]
fetched true
people &binaryTransfer=false [[ANN, NOBODY]]
fetched true
typed ***-**-1001 0 true null null 12.50
typed ***-**-1001 0 true null null 12.50
computed [null,[REDACTED],[REDACTED],Ann, null,null,null,null]
";

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
