//! The command line as its users meet it: help, completions, examples, streams and exit codes of the built program.
//!
//! `HOOPCTL_BLESS=1 cargo test --test cli` writes the golden files anew.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on ends")]

use std::collections::BTreeMap;
use std::io::Write;
use std::path::Path;
use std::path::PathBuf;
use std::process::Command;
use std::process::Output;
use std::process::Stdio;

use clap::ValueEnum;

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

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

/// Compares with a file of the repository, or writes it when asked to.
fn compare(file: &Path, found: &str) -> Result<(), String> {
    if std::env::var_os("HOOPCTL_BLESS").is_some() {
        std::fs::create_dir_all(file.parent().unwrap()).unwrap();
        std::fs::write(file, found).unwrap();
        return Ok(());
    }
    let wanted = std::fs::read_to_string(file).unwrap_or_default();
    if wanted == found {
        return Ok(());
    }
    let line = wanted.lines().zip(found.lines()).position(|(one, other)| one != other);
    let line = line.unwrap_or_else(|| wanted.lines().count().min(found.lines().count()));
    Err(format!(
        "{} differs at line {}\n  file:    {:?}\n  program: {:?}\nIf that is wanted: HOOPCTL_BLESS=1 cargo test --test cli",
        file.display(),
        line + 1,
        wanted.lines().nth(line).unwrap_or_default(),
        found.lines().nth(line).unwrap_or_default(),
    ))
}

/// Every command and verb, by the words that lead to it.
fn commands() -> Vec<Vec<String>> {
    fn below(command: &clap::Command, path: &[String], found: &mut Vec<Vec<String>>) {
        found.push(path.to_vec());
        for sub in command.get_subcommands().filter(|sub| !sub.is_hide_set()) {
            let mut longer = path.to_vec();
            longer.push(sub.get_name().to_owned());
            below(sub, &longer, found);
        }
    }
    let mut found = Vec::new();
    below(&hoopctl::cli::command(), &[], &mut found);
    found
}

#[test]
fn the_help_of_every_command_is_the_golden_one() {
    let folder = tempfile::tempdir().unwrap();
    let mut wrong = Vec::new();
    let mut names = Vec::new();
    for path in commands() {
        let mut arguments: Vec<&str> = path.iter().map(String::as_str).collect();
        arguments.push("--help");
        let output = run(folder.path(), &arguments);
        assert_eq!(code(&output), 0, "{arguments:?}");
        assert!(output.stderr.is_empty(), "{arguments:?}");
        let name = if path.is_empty() { "hoopctl".to_owned() } else { path.join("-") };
        let file = root().join(format!("tests/golden/help/{name}.txt"));
        wrong.extend(compare(&file, &text(&output.stdout)).err());
        names.push(format!("{name}.txt"));
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    for entry in std::fs::read_dir(root().join("tests/golden/help")).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        assert!(names.contains(&name), "tests/golden/help/{name} is of a command that is no more");
    }
}

#[test]
fn every_command_says_what_it_is_for_without_control_characters() {
    for path in commands() {
        let mut command = hoopctl::cli::command();
        command.build();
        let leaf = path.iter().try_fold(&command, |command, name| command.find_subcommand(name)).unwrap();
        let help = leaf.clone().render_help().to_string();
        assert!(!help.contains('\u{1b}'), "{path:?}");
        assert!(leaf.get_about().is_some(), "{path:?} says nothing about itself");
    }
}

#[test]
fn completions_are_those_of_the_repository() {
    let folder = tempfile::tempdir().unwrap();
    let mut wrong = Vec::new();
    let mut names = Vec::new();
    for (shell, name) in hoopctl::cli::completions::shells() {
        let word = shell.to_possible_value().unwrap().get_name().to_owned();
        let output = run(folder.path(), &["completions", &word]);
        assert_eq!(code(&output), 0);
        wrong.extend(compare(&root().join("completions").join(&name), &text(&output.stdout)).err());
        names.push(name);
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    for entry in std::fs::read_dir(root().join("completions")).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        assert!(names.contains(&name), "completions/{name} is of no shell");
    }
}

#[test]
fn each_visible_command_stands_in_exactly_one_group() {
    let mut count: BTreeMap<String, usize> = BTreeMap::new();
    for name in hoopctl::cli::help::GROUPS.iter().flat_map(|(_, names)| *names) {
        *count.entry((*name).to_owned()).or_default() += 1;
    }
    let command = hoopctl::cli::command();
    let visible: Vec<&str> =
        command.get_subcommands().filter(|sub| !sub.is_hide_set()).map(clap::Command::get_name).collect();
    for name in &visible {
        assert_eq!(count.remove(*name), Some(1), "{name}");
    }
    assert!(count.is_empty(), "groups name commands that are not there: {count:?}");
}

/// Splits a line as a POSIX shell would, as far as the examples need it; ends at a pipe or redirection.
fn shell_words(line: &str) -> Vec<String> {
    let mut words = Vec::new();
    let mut word: Option<String> = None;
    let mut quote = None;
    for c in line.chars() {
        match (quote, c) {
            (Some(open), c) if c == open => quote = None,
            (None, '\'' | '"') => {
                quote = Some(c);
                word.get_or_insert_default();
            }
            (None, '|' | '<' | '>') => break,
            (None, ' ') => words.extend(word.take()),
            (_, c) => word.get_or_insert_default().push(c),
        }
    }
    words.extend(word);
    words
}

#[test]
fn every_example_of_the_help_can_be_read() {
    let mut seen = 0;
    for path in commands() {
        let command = hoopctl::cli::command();
        let leaf = path.iter().try_fold(&command, |command, name| command.find_subcommand(name)).unwrap();
        let after = match leaf.get_after_help() {
            Some(after) => after.to_string(),
            None if path.is_empty() => hoopctl::cli::help::ROOT.to_owned(),
            None => continue,
        };
        for line in after.lines().filter(|line| line.starts_with("  hoopctl ")) {
            let words = shell_words(line.trim());
            let parsed = hoopctl::cli::command().try_get_matches_from(words);
            assert!(parsed.is_ok(), "{line}: {}", parsed.err().unwrap());
            seen += 1;
        }
    }
    assert!(seen > 40, "{seen} examples");
}

#[test]
fn every_noun_has_examples_and_its_plural() {
    let command = hoopctl::cli::command();
    for sub in command.get_subcommands() {
        if sub.get_name() != "version" {
            let after = sub.get_after_help().map(ToString::to_string).unwrap_or_default();
            assert!(after.contains("Examples:"), "{}", sub.get_name());
        }
    }
    for (alias, name) in [
        ("connections", "connect"),
        ("connection", "connect"),
        ("conn", "connect"),
        ("policies", "policy"),
        ("approvals", "approval"),
        ("grants", "grant"),
        ("locks", "lock"),
        ("sessions", "session"),
        ("secrets", "secret"),
    ] {
        let matches = hoopctl::cli::command().try_get_matches_from(["hoopctl", alias, "ls"]).unwrap();
        assert_eq!(matches.subcommand_name(), Some(name), "{alias}");
    }
}

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

#[test]
fn init_writes_a_private_file_that_holds_and_does_not_write_over_one() {
    use std::os::unix::fs::PermissionsExt;
    for options in [&["--oidc", "entra"][..], &["--oidc", "generic"], &["--demo"]] {
        let folder = tempfile::tempdir().unwrap();
        let arguments = [&["init"], options].concat();
        let output = run(folder.path(), &arguments);
        assert_eq!(code(&output), 0, "{}", text(&output.stderr));
        let file = folder.path().join("hoopctl.toml");
        assert_eq!(std::fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
        let check = run(folder.path(), &["config", "check"]);
        assert_eq!(code(&check), 0, "{options:?}: {}", text(&check.stderr));
        assert_eq!(code(&run(folder.path(), &["serve", "--check"])), 0);
        std::fs::write(&file, "mine").unwrap();
        assert_eq!(code(&run(folder.path(), &arguments)), 6);
        assert_eq!(std::fs::read_to_string(&file).unwrap(), "mine");
        assert_eq!(code(&run(folder.path(), &[&arguments[..], &["--force"]].concat())), 0);
        assert_ne!(std::fs::read_to_string(&file).unwrap(), "mine");
    }
}

#[test]
fn all_problems_of_a_configuration_are_told_at_once() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(
        folder.path().join("hoopctl.toml"),
        "version = 1\n[gateway]\nlisten = \"nowhere\"\nlisen = 1\n",
    )
    .unwrap();
    let output = run(folder.path(), &["config", "check"]);
    let stderr = text(&output.stderr);
    assert_eq!(code(&output), 3);
    assert!(stderr.contains("hoopctl.toml:3:") && stderr.contains("hoopctl.toml:4:"), "{stderr}");
    let output = run(folder.path(), &["config", "check", "-o", "json"]);
    let error: serde_json::Value = serde_json::from_slice(&output.stderr).unwrap();
    assert_eq!(error["error"]["problems"].as_array().unwrap().len(), 2);
}

#[test]
fn masks_are_tried_on_standard_input_and_values_are_not_printed() {
    let folder = tempfile::tempdir().unwrap();
    let input = "card 4111111111111111\nssn 512-34-4391 and nothing else\n";
    let output = run_with(folder.path(), &["mask", "test"], input);
    let stdout = text(&output.stdout);
    assert_eq!(code(&output), 0);
    assert!(stdout.contains("CREDIT_CARD") && stdout.contains("US_SSN"), "{stdout}");
    assert!(!stdout.contains("4111111111111111") && !stdout.contains("512-34-4391"), "{stdout}");
    let output = run_with(folder.path(), &["mask", "test", "--entity", "us_ssn", "-o", "json"], input);
    let found: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!((found["items"][0]["line"].as_u64(), found["items"].as_array().unwrap().len()), (Some(2), 1));
    assert_eq!(code(&run_with(folder.path(), &["mask", "test", "--entity", "nope"], input)), 2);
    let empty = run_with(folder.path(), &["mask", "test"], "nothing here");
    assert_eq!((code(&empty), text(&empty.stdout).as_str()), (0, ""));
}

#[test]
fn a_token_is_inspected_without_being_believed() {
    let folder = tempfile::tempdir().unwrap();
    // {"alg":"none"} . {"iss":"https://x","exp":1}
    let token = "eyJhbGciOiJub25lIn0.eyJpc3MiOiJodHRwczovL3giLCJleHAiOjF9.";
    let output = run_with(folder.path(), &["token", "inspect"], token);
    let stdout = text(&output.stdout);
    assert_eq!(code(&output), 0, "{}", text(&output.stderr));
    assert!(stdout.contains("https://x") && stdout.contains("refused"), "{stdout}");
    assert_eq!(code(&run_with(folder.path(), &["token", "inspect", "-"], "not a token")), 4);
    assert_eq!(code(&run_with(folder.path(), &["token", "inspect"], "")), 4);
    assert_eq!(code(&run_with(folder.path(), &["token", "verify"], token)), 3);
}

#[test]
fn manual_pages_are_written_for_every_command() {
    let folder = tempfile::tempdir().unwrap();
    let output = run(folder.path(), &["man", "--dir", "man"]);
    assert_eq!(code(&output), 0, "{}", text(&output.stderr));
    for path in commands() {
        let name =
            std::iter::once("hoopctl").chain(path.iter().map(String::as_str)).collect::<Vec<_>>().join("-");
        let page = std::fs::read_to_string(folder.path().join(format!("man/{name}.1"))).unwrap();
        assert!(page.contains(".TH"), "{name}");
    }
    assert!(text(&run(folder.path(), &["man"]).stdout).contains(".TH"));
}

#[test]
fn doctor_says_what_to_do_and_ends_with_1_when_something_is_wrong() {
    let folder = tempfile::tempdir().unwrap();
    let output = run(folder.path(), &["doctor"]);
    assert_eq!(code(&output), 1);
    assert!(text(&output.stdout).contains("hoopctl init"), "{}", text(&output.stdout));
    let output = run(folder.path(), &["doctor", "-o", "jsonl"]);
    let first: serde_json::Value =
        serde_json::from_str(text(&output.stdout).lines().next().unwrap()).unwrap();
    assert_eq!(first["state"], "wrong");
}

/// The store without a gateway: what the words of the configuration say, through the same checks.
#[test]
fn without_a_gateway_the_store_is_edited_directly() {
    let folder = tempfile::tempdir().unwrap();
    let all = |arguments: &[&str]| run(folder.path(), &[&["--data-dir", "data"], arguments].concat());
    let add = [
        "connect",
        "add",
        "crm",
        "--upstream",
        "http://127.0.0.1:9",
        "--inject",
        "none",
        "--tag",
        "data=pii",
    ];
    let output = all(&add);
    assert_eq!(code(&output), 0, "{}", text(&output.stderr));
    assert!(text(&output.stderr).contains("gateway not running: editing the store directly"));
    assert_eq!(code(&all(&add)), 6);
    let list: serde_json::Value =
        serde_json::from_slice(&all(&["connections", "ls", "-o", "json"]).stdout).unwrap();
    assert_eq!(list["items"][0]["name"], "crm");
    let show = text(&all(&["connect", "show", "crm"]).stdout);
    assert!(
        show.starts_with("[[connection]]\n") && show.contains("upstream = \"http://127.0.0.1:9\""),
        "{show}"
    );
    assert_eq!(code(&all(&["connect", "edit", "crm", "--limit", "session=30m"])), 0);
    assert!(text(&all(&["connect", "show", "crm"]).stdout).contains("30m"));
    assert_eq!(code(&all(&["connect", "test", "crm"])), 1);
    assert!(text(&all(&["connect", "env", "crm"]).stdout).contains("http://127.0.0.1:8440/c/crm/"));

    let policy = [
        "policy",
        "add",
        "crm-reads",
        "--allow",
        "--group",
        "support",
        "--connection",
        "crm",
        "--operation",
        "read",
    ];
    assert_eq!(code(&all(&policy)), 0);
    let explain = |method| {
        code(&all(&[
            "policy",
            "explain",
            "--exit-code",
            "--as",
            "dev/a",
            "--group",
            "support",
            "--connection",
            "crm",
            method,
            "/x",
        ]))
    };
    assert_eq!((explain("GET"), explain("DELETE")), (0, 9));
    for (case, exit, out, err) in [
        (r#"method = "GET", effect = "allow""#, 0, "allow by crm-reads", "1 of 1"),
        (r#"method = "GET", effect = "deny""#, 1, "\u{2713} allow   crm-reads", "0 of 1"),
        (r#"method = "POST", effect = "deny""#, 0, "deny", "no case reaches: crm-reads"),
        (r#"method = "POST", effect = "allow""#, 1, "match.operations wants read, found write", "0 of 1"),
        (r#"method = "TRACE", effect = "deny""#, 1, "TRACE and CONNECT are not served", "0 of 1"),
        (r#"method = "BAD METHOD", effect = "deny""#, 1, "is no method", "0 of 1"),
        (r#"method = "GET", effect = "maybe""#, 3, "", "cases.toml: line 1"),
    ] {
        let (method, effect) = case.split_once(", ").unwrap();
        let cases = format!(
            "case = [{{ name = \"one\", as = {{ subject = \"dev/a\", groups = [\"support\"] }}, connection = \"crm\", \
             {method}, path = \"/x\", expect = {{ {effect} }} }}]"
        );
        std::fs::write(folder.path().join("cases.toml"), cases).unwrap();
        let output = all(&["policy", "test", "cases.toml"]);
        let (found, said) = (text(&output.stdout), text(&output.stderr));
        assert_eq!(code(&output), exit, "{case}: {found} {said}");
        assert!(found.contains(out) && said.contains(err), "{case}: {found} {said}");
    }
    for wrong in ["", "[[test]]", "case = 1"] {
        std::fs::write(folder.path().join("cases.toml"), wrong).unwrap();
        assert_eq!(code(&all(&["policy", "test", "cases.toml"])), 3, "{wrong}");
    }
    assert_eq!(code(&all(&["policy", "test", "missing.toml"])), 3);

    assert_eq!(code(&all(&["connect", "remove", "crm"])), 2, "it needs a yes without a terminal");
    assert_eq!(code(&all(&["policy", "rm", "crm-reads", "--yes"])), 0);
    assert_eq!(code(&all(&["connect", "rm", "crm", "--yes"])), 0);
    assert_eq!(code(&all(&["connect", "show", "crm"])), 5);
    assert_eq!(code(&all(&["approval", "show", "last"])), 5);
    assert_eq!(code(&all(&["approval", "show", "apr_1"])), 2);
}

#[test]
fn a_connection_to_a_database_is_added_edited_and_told_to_its_clients() {
    let folder = tempfile::tempdir().unwrap();
    let all = |arguments: &[&str]| run(folder.path(), arguments);
    let file = folder.path().join("hoopctl.toml");
    std::fs::write(&file, "version = 1\n[storage]\ndata_dir = \"data\"\n").unwrap();
    let add = |upstream: &str, more: &[&str]| {
        let inject = ["--inject", "password:svc:file:./pw"];
        all(&[&["connect", "add", "db", "--upstream", upstream][..], &inject, more].concat())
    };
    // Nothing is kept of what does not hold.
    for (upstream, more, word) in [
        ("postgres://127.0.0.1:9", &[][..], "no database"),
        ("postgres://127.0.0.1:9/app?sslmode=require", &[], "sslmode=require"),
        ("postgres://127.0.0.1:9/app", &["--rows", "0"], "1..=1000000000"),
        ("postgres://127.0.0.1:9/app", &["--approval-mode", "never"], "retry"),
        ("postgres://127.0.0.1:9/app", &["--readonly=perhaps"], "perhaps"),
        ("http://127.0.0.1:9", &[], "password: is for postgres:// only"),
    ] {
        let output = add(upstream, more);
        let said = text(&output.stderr);
        assert!(matches!(code(&output), 2 | 3) && said.contains(word), "{upstream} {more:?}: {said}");
    }
    let http = all(&["connect", "add", "db", "--upstream", "http://127.0.0.1:9", "--accept-md5"]);
    assert!(
        code(&http) == 3 && text(&http.stderr).contains("only for postgres://"),
        "{}",
        text(&http.stderr)
    );
    assert_eq!(code(&all(&["connect", "show", "db"])), 5);

    let upstream = "postgres://127.0.0.1:9/app?sslmode=disable";
    let output = add(upstream, &["--readonly", "--approval-mode", "retry", "--accept-md5", "--rows", "500"]);
    assert_eq!(code(&output), 0, "{}", text(&output.stderr));
    assert!(text(&output.stderr).contains("[gateway] postgres_listen"), "{}", text(&output.stderr));
    let shown = || text(&all(&["connect", "show", "db"]).stdout);
    let here = folder.path().canonicalize().unwrap();
    for line in [
        &format!("upstream = \"{upstream}\""),
        &format!("inject = \"password:svc:file:{}/pw\"", here.display()),
        "readonly = true",
        "approval_mode = \"retry\"",
        "accept_md5 = true",
        "rows = 500",
    ] {
        assert!(shown().contains(line), "{line}: {}", shown());
    }
    assert!(text(&all(&["connect", "list"]).stdout).contains(upstream));
    let edit = ["connect", "edit", "db", "--readonly=false", "--accept-md5=false", "--limit", "rows=7"];
    assert_eq!(code(&all(&edit)), 0);
    let after = shown();
    assert!(
        !after.contains("readonly") && !after.contains("accept_md5") && after.contains("rows = 7"),
        "{after}"
    );

    assert_eq!(code(&all(&["connect", "test", "db"])), 1);
    let explain = ["policy", "explain", "--as", "dev/a", "--connection", "db", "GET", "/x"];
    let output = all(&explain);
    assert!(
        code(&output) == 2 && text(&output.stderr).contains("db is a database: give SQL"),
        "{}",
        text(&output.stderr)
    );
    let reads =
        ["policy", "add", "reads", "--allow", "--group", "g", "--connection", "db", "--operation", "read"];
    assert_eq!(code(&all(&reads)), 0);
    for (sql, wanted) in [("SELECT a FROM t", 0), ("DELETE FROM t", 9)] {
        let explain =
            ["policy", "explain", "--exit-code", "--as", "dev/a", "--group", "g", "--connection", "db"];
        let output = all(&[&explain[..], &["--sql", sql]].concat());
        assert_eq!(code(&output), wanted, "{sql}: {}", text(&output.stderr));
    }

    let closed = all(&["connect", "env", "db"]);
    assert!(
        code(&closed) == 3 && text(&closed.stderr).contains("postgres_listen"),
        "{}",
        text(&closed.stderr)
    );
    let config =
        "version = 1\n[storage]\ndata_dir = \"data\"\n[gateway]\npostgres_listen = \"127.0.0.1:15432\"\n";
    std::fs::write(&file, config).unwrap();
    let told = text(&all(&["connect", "env", "db"]).stdout);
    assert_eq!(
        told,
        "export PGHOST=127.0.0.1\nexport PGPORT=15432\nexport PGDATABASE=db\nexport PGSSLMODE=disable\nexport PGPASSWORD=\"$TOKEN\"\n"
    );
    let dotenv = text(&all(&["connect", "env", "db", "--for", "dotenv"]).stdout);
    assert!(dotenv.starts_with("PGHOST=127.0.0.1\n") && dotenv.ends_with("PGPASSWORD=\n"), "{dotenv}");
    assert_eq!(code(&all(&["connect", "env", "db", "--for", "curl"])), 2);
}

#[test]
fn a_connection_to_an_mcp_server_is_told_to_each_client_without_a_token() {
    let folder = tempfile::tempdir().unwrap();
    let all = |arguments: &[&str]| {
        let mut command = hoopctl(folder.path());
        command.env("HOOPCTL_TOKEN", "hunter2").env("TOKEN", "hunter2");
        command.args(arguments).output().unwrap()
    };
    let config = "version = 1\n[storage]\ndata_dir = \"data\"\n[gateway]\npublic_url = \"https://gw.example:8440\"\n\
                  [[connection]]\nname = \"crm\"\nupstream = \"http://127.0.0.1:9\"\n\
                  [[connection]]\nname = \"db\"\nupstream = \"postgres://127.0.0.1:9/app?sslmode=disable\"\ninject = \"password:u:env:P\"\n\
                  [[connection]]\nname = \"tools\"\nupstream = \"mcp+http://127.0.0.1:9/mcp\"\n";
    std::fs::write(
        folder.path().join("hoopctl.toml"),
        config.replace("[gateway]\n", "[gateway]\npostgres_listen = \"127.0.0.1:15432\"\n"),
    )
    .unwrap();
    let url = "https://gw.example:8440/c/tools";
    for (client, server) in
        [("cursor", "/mcpServers/tools"), ("vscode", "/servers/tools"), ("mcp-json", "/mcpServers/tools")]
    {
        // The same whatever is asked of lists: it is a file.
        for format in ["table", "json"] {
            let output = all(&["connect", "env", "tools", "--for", client, "-o", format]);
            assert_eq!(code(&output), 0, "{client}: {}", text(&output.stderr));
            let file: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
            let server = file.pointer(server).unwrap_or_else(|| panic!("{client}: {file}"));
            assert_eq!(server["url"], url, "{client}");
            assert!(
                server["headers"]["Authorization"].as_str().unwrap().starts_with("Bearer ${"),
                "{client}"
            );
            assert!(!text(&output.stdout).contains("hunter2") && !text(&output.stderr).contains("hunter2"));
        }
    }
    let line = text(&all(&["connect", "env", "tools", "--for", "claude"]).stdout);
    assert_eq!(
        line,
        format!(
            "claude mcp add --transport http tools {url} --header 'Authorization: Bearer ${{HOOPCTL_TOKEN}}'\n"
        )
    );
    let quiet = all(&["connect", "env", "tools", "--for", "vscode", "-q"]);
    assert!(quiet.stderr.is_empty(), "{}", text(&quiet.stderr));
    for client in ["claude", "cursor", "vscode", "mcp-json"] {
        for (name, exit, word) in [
            ("crm", 2, "crm is an HTTP connection, and CLIENT is for MCP servers"),
            ("db", 2, "db leads to a database, which CLIENT is no client of"),
            ("nope", 5, "nope"),
        ] {
            let output = all(&["connect", "env", name, "--for", client]);
            let said = text(&output.stderr);
            assert_eq!(code(&output), exit, "{name} {client}: {said}");
            assert!(output.stdout.is_empty() && said.contains(&word.replace("CLIENT", client)), "{said}");
        }
    }
    for client in ["psql", "python"] {
        let output = all(&["connect", "env", "tools", "--for", client]);
        let said = text(&output.stderr);
        assert!(code(&output) == 2 && said.contains(client) && said.contains("claude"), "{said}");
    }
}

#[test]
fn config_check_holds_the_file_against_the_store() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("hoopctl.toml");
    let config = "version = 1\n[storage]\ndata_dir = \"data\"\n[[policy]]\nid = \"crm-reads\"\neffect = \"allow\"\n\
                  match = { groups = [\"support\"], connections = [\"crm\"] }\n";
    std::fs::write(&file, config).unwrap();
    let check = || {
        let output = run(folder.path(), &["config", "check"]);
        (code(&output), text(&output.stderr))
    };
    let (exit, said) = check();
    assert!(exit == 0 && said.contains("match.connections"), "{exit} {said}");
    assert!(!folder.path().join("data").exists(), "a check makes nothing");
    let add = ["connect", "add", "crm", "--upstream", "https://127.0.0.1:9", "--ca-file", "ca.pem"];
    let output = run(folder.path(), &[&add[..], &["--inject", "bearer:file:./crm.key"]].concat());
    assert_eq!(code(&output), 0, "{}", text(&output.stderr));
    let (exit, said) = check();
    assert!(exit == 0 && !said.contains("match.connections"), "{exit} {said}");
    let shown = text(&run(folder.path(), &["connect", "show", "crm"]).stdout);
    let here = folder.path().canonicalize().unwrap();
    for path in ["ca_file = \"HERE/ca.pem\"", "bearer:file:HERE/crm.key\""] {
        assert!(shown.contains(&path.replace("HERE", here.to_str().unwrap())), "{shown}");
    }
    std::fs::write(
        &file,
        config.to_owned() + "[[connection]]\nname = \"crm\"\nupstream = \"http://127.0.0.1:9\"\n",
    )
    .unwrap();
    for arguments in [&["config", "check"][..], &["serve", "--check"]] {
        let output = run(folder.path(), arguments);
        assert_eq!(code(&output), 3, "{}", text(&output.stderr));
        assert!(text(&output.stderr).contains("there twice"), "{}", text(&output.stderr));
    }
}

#[test]
fn a_secret_goes_in_by_standard_input_and_never_comes_out() {
    let folder = tempfile::tempdir().unwrap();
    let all = |arguments: &[&str], input: &str| {
        run_with(folder.path(), &[&["--data-dir", "data"], arguments].concat(), input)
    };
    let output = all(&["secret", "set", "crm-token"], "hunter2\n");
    assert_eq!(code(&output), 0, "{}", text(&output.stderr));
    let list = all(&["secret", "list", "-o", "json"], "");
    assert!(text(&list.stdout).contains("crm-token") && !text(&list.stdout).contains("hunter2"));
    for entry in std::fs::read_dir(folder.path().join("data")).unwrap() {
        let path = entry.unwrap().path();
        if path.is_file() {
            let bytes = std::fs::read(&path).unwrap();
            assert!(!bytes.windows(7).any(|part| part == b"hunter2"), "{}", path.display());
        }
    }
    assert_eq!(code(&all(&["secret", "remove", "crm-token", "--yes"], "")), 0);
    assert_eq!(code(&all(&["secret", "remove", "crm-token", "--yes"], "")), 5);
    assert_eq!(code(&all(&["secret", "set", "empty"], "")), 2);
}
