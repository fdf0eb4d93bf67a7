//! The help of every command, completions and manual pages.

use std::collections::BTreeMap;
use std::path::Path;
use std::path::PathBuf;

use clap::ValueEnum;

use super::code;
use super::run;
use super::text;

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
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
fn the_schema_is_that_of_the_repository() {
    let folder = tempfile::tempdir().unwrap();
    let output = run(folder.path(), &["config", "schema"]);
    assert_eq!(code(&output), 0);
    compare(&root().join("examples/hoopctl.schema.json"), &text(&output.stdout)).unwrap();
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
fn every_command_has_examples_and_every_noun_its_plural() {
    let root = hoopctl::cli::command();
    for path in commands().iter().filter(|path| !path.is_empty()) {
        let leaf = path.iter().try_fold(&root, |command, name| command.find_subcommand(name)).unwrap();
        let after = leaf.get_after_help().map(ToString::to_string).unwrap_or_default();
        assert!(after.starts_with("Examples:\n  hoopctl "), "{path:?}: {after}");
    }
    let verbs: Vec<String> = commands().iter().map(|path| path.join(" ")).collect();
    for (verb, _examples) in hoopctl::cli::examples::VERBS {
        assert!(verbs.iter().any(|known| known == verb), "{verb}");
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
        ("audits", "audit"),
        ("secrets", "secret"),
    ] {
        let matches = hoopctl::cli::command().try_get_matches_from(["hoopctl", alias, "ls"]).unwrap();
        assert_eq!(matches.subcommand_name(), Some(name), "{alias}");
    }
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
