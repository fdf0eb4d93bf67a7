//! The newcomer: `hoopctl demo`, and every line that it prints pasted into a shell.

use std::process::Command;
use std::time::Duration;
use std::time::Instant;

use crate::support::process::Process;
use crate::support::process::run;

#[test]
fn each_line_of_the_demo_works_when_pasted() {
    let folder = tempfile::tempdir().unwrap();
    let mut demo = Command::new(env!("CARGO_BIN_EXE_hoopctl"));
    demo.args(["demo", "--keep", "kept"])
        .current_dir(folder.path())
        .env("HOME", folder.path())
        .env_remove("HOOPCTL_CONFIG");
    let demo = Process::start("demo", &mut demo, folder.path());
    let begin = Instant::now();
    while !demo.log().contains("Stop with Ctrl-C") {
        assert!(begin.elapsed() < Duration::from_secs(15), "{}", demo.log());
        std::thread::sleep(Duration::from_millis(20));
    }
    let lines: Vec<String> =
        demo.log().lines().filter_map(|line| line.strip_prefix("    ").map(str::to_owned)).collect();
    assert!(lines.len() > 10, "{lines:?}");
    let mut shell = Command::new("bash");
    shell.args(["-c", &lines.join("\n")]).current_dir(folder.path()).env("HOME", folder.path());
    let (code, out, err) = run(&mut shell);
    assert_eq!(code, 0, "{out}\n{err}");
    for wanted in [
        "\"ssn\":\"***-**-",            // 1: masked
        "\"code\":\"denied\"",          // 2: blocked
        "PATCH /customers/7",           // 3: held
        "\"tier\":\"gold\"",            // 3: and let through
        "approved by local:",           // 4: replay
        "\"code\":\"unauthenticated\"", // 5: refused tokens
        "data: ",                       // 6: a live stream, until the lock
    ] {
        assert!(out.contains(wanted), "no {wanted} in {out}\n{err}");
    }
}
