//! The command line as its users meet it: help, completions, examples, streams and exit codes of the built program.
//!
//! `HOOPCTL_BLESS=1 cargo test --test cli` writes the golden files anew.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on ends")]

use std::io::Write;
use std::path::Path;
use std::process::Command;
use std::process::Output;
use std::process::Stdio;

mod contract;
mod files;
mod help;
mod install;
mod newcomer;
mod renewing;
mod store;
mod written;

/// The program in an empty folder of its own, with nothing of the caller's environment that it would look at.
fn hoopctl(folder: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_hoopctl"));
    command
        .current_dir(folder)
        .env_clear()
        .env("HOME", folder)
        .env("PATH", "/usr/bin:/bin")
        .stdin(Stdio::null());
    command
}

fn run(folder: &Path, arguments: &[&str]) -> Output {
    hoopctl(folder).args(arguments).output().unwrap()
}

fn run_with(folder: &Path, arguments: &[&str], input: &str) -> Output {
    let mut command = hoopctl(folder);
    command.args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    // A program that refuses its arguments may be gone before it reads.
    child.stdin.take().unwrap().write_all(input.as_bytes()).ok();
    child.wait_with_output().unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

fn code(output: &Output) -> i32 {
    output.status.code().unwrap()
}
