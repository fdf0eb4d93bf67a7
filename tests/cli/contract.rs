//! What programs rely on: exit codes, errors, what goes to which stream.

use std::process::Stdio;

use super::code;
use super::hoopctl;
use super::run;
use super::run_with;
use super::text;

#[test]
fn usage_errors_end_with_2_and_leave_standard_output_empty() {
    let folder = tempfile::tempdir().unwrap();
    for arguments in [
        &["nope"][..],
        &[],
        &["connect"],
        &["connect", "add"],
        &["replay", "last", "--speed", "0"],
        &["approval", "list", "--state", "odd"],
        &["lock", "add", "planet:mars"],
        &["session", "verify"],
        &["status", "--wait", "soon"],
        &["policy", "add", "x", "--allow", "--deny"],
    ] {
        let output = run(folder.path(), arguments);
        assert_eq!(code(&output), 2, "{arguments:?}: {}", text(&output.stderr));
        assert!(output.stdout.is_empty() && !output.stderr.is_empty(), "{arguments:?}");
    }
}

#[test]
fn json_errors_are_json_on_standard_error() {
    let folder = tempfile::tempdir().unwrap();
    for (arguments, exit, word) in [
        (&["nope", "-o", "json"][..], 2, "usage"),
        (&["-o", "jsonl", "connect", "add"], 2, "usage"),
        (&["-o", "json", "config", "check"], 3, "config_invalid"),
        (&["-o", "json", "config", "check", "-c", "missing.toml"], 3, "config_invalid"),
        (&["-o", "json", "config", "reload", "--socket", "none.sock"], 7, "not_running"),
        (&["-o", "json", "secret", "set", "a", "hunter2"], 2, "literal_secret"),
    ] {
        let output = run(folder.path(), arguments);
        assert_eq!(code(&output), exit, "{arguments:?}: {}", text(&output.stderr));
        assert!(output.stdout.is_empty(), "{arguments:?}");
        let stderr = text(&output.stderr);
        let error: serde_json::Value =
            serde_json::from_str(&stderr).unwrap_or_else(|_| panic!("{arguments:?}: {stderr}"));
        assert_eq!(error["error"]["exit_code"], exit, "{arguments:?}");
        assert_eq!(error["error"]["code"], word, "{arguments:?}");
        assert!(
            error["error"]["message"].is_string() && error["error"].get("hint").is_some(),
            "{arguments:?}"
        );
    }
    let mut command = hoopctl(folder.path());
    let output = command.env("HOOPCTL_OUTPUT", "json").arg("nope").output().unwrap();
    assert!(text(&output.stderr).starts_with("{\"error\":"), "{}", text(&output.stderr));
    // TOML is for two commands; a variable is for all.
    let output = hoopctl(folder.path()).env("HOOPCTL_OUTPUT", "toml").arg("version").output().unwrap();
    assert_eq!((code(&output), text(&output.stdout).is_empty()), (0, false), "{}", text(&output.stderr));
    let output = hoopctl(folder.path()).args(["version", "-o", "toml"]).output().unwrap();
    assert_eq!(code(&output), 2);
    let output = hoopctl(folder.path()).env("HOOPCTL_OUTPUT", "yaml").arg("version").output().unwrap();
    assert_eq!(code(&output), 2);
}

#[test]
fn a_secret_in_the_arguments_is_refused_and_not_repeated() {
    let folder = tempfile::tempdir().unwrap();
    for arguments in [
        &["secret", "set", "crm", "hunter2"][..],
        &["connect", "add", "crm", "--upstream", "http://127.0.0.1:1", "--inject", "bearer:hunter2"],
        &["connect", "add", "crm", "--upstream", "http://127.0.0.1:1", "--inject", "basic:svc:hunter2"],
        &["connect", "add", "crm", "--upstream", "http://127.0.0.1:1", "--inject", "hunter2"],
        &["connect", "add", "crm", "--upstream", "http://svc:hunter2@127.0.0.1:1"],
        &["connect", "add", "db", "--upstream", "postgres://db/app", "--inject", "password:svc:hunter2"],
        &["connect", "add", "db", "--upstream", "postgres://db/app", "--inject", "password:hunter2"],
        &["connect", "add", "db", "--upstream", "postgres://svc:hunter2@db/app"],
        &[
            "connect",
            "add",
            "db",
            "--upstream",
            "postgres://db/app?password=hunter2",
            "--inject",
            "password:u:env:P",
        ],
        &["token", "inspect", "hunter2.hunter2.hunter2"],
        &["token", "verify", "hunter2.hunter2.hunter2"],
    ] {
        let output = run_with(folder.path(), &[arguments, &["--data-dir", "data"]].concat(), "");
        let stderr = text(&output.stderr);
        assert!(matches!(code(&output), 2 | 3), "{arguments:?}: {stderr}");
        assert!(
            !stderr.contains("hunter2") && !text(&output.stdout).contains("hunter2"),
            "{arguments:?}: {stderr}"
        );
    }
}

#[test]
fn a_reader_that_goes_away_is_no_error() {
    let folder = tempfile::tempdir().unwrap();
    let mut child = hoopctl(folder.path())
        .args(["completions", "bash"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    let output = child.wait_with_output().unwrap();
    assert_eq!((code(&output), text(&output.stderr).as_str()), (0, ""));
}

#[test]
fn no_colour_reaches_a_pipe_or_a_terminal_that_does_not_want_it() {
    let folder = tempfile::tempdir().unwrap();
    for arguments in [&["--help"][..], &["doctor"], &["nope"]] {
        let output = hoopctl(folder.path()).env("TERM", "xterm-256color").args(arguments).output().unwrap();
        assert!(!output.stdout.contains(&0x1b) && !output.stderr.contains(&0x1b), "{arguments:?}");
    }
}

#[test]
fn version_is_said_in_every_format() {
    let folder = tempfile::tempdir().unwrap();
    let version = env!("CARGO_PKG_VERSION");
    assert_eq!(text(&run(folder.path(), &["version"]).stdout), format!("hoopctl {version}\n"));
    assert_eq!(text(&run(folder.path(), &["--version"]).stdout), format!("hoopctl {version}\n"));
    let json: serde_json::Value =
        serde_json::from_slice(&run(folder.path(), &["version", "-o", "json"]).stdout).unwrap();
    assert_eq!((json["version"].as_str(), json["schema"].as_str()), (Some(version), Some("hoopctl/v1")));
    assert_eq!(
        text(&run(folder.path(), &["version", "-o", "csv"]).stdout),
        format!("name,version\nhoopctl,{version}\n")
    );
}
