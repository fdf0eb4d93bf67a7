//! Each sample with its expected report.

use std::collections::BTreeSet;
use std::path::Path;
use std::path::PathBuf;

use crate::config::Template;
use crate::config::combine;
use crate::config::parse;
use crate::config::template;
use crate::domain::entity::EntityKind;

pub(super) fn samples(folder: &str) -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join(folder);
    let entries = std::fs::read_dir(&folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    let mut paths: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    paths.retain(|path| path.extension().is_some_and(|end| end == "toml"));
    paths.sort();
    assert!(!paths.is_empty());
    paths
}

/// Set `UPDATE_GOLDEN=1` to rewrite the reports, and review the difference.
#[test]
fn each_broken_sample_gives_exactly_its_report() {
    let mut wrong = Vec::new();
    for path in samples("tests/golden/config/invalid") {
        let name = path.file_name().unwrap().to_owned();
        let text = std::fs::read_to_string(&path).unwrap();
        let report = match parse(&text, Path::new(&name)) {
            Ok(config) => panic!("{}: accepted: {config:?}", path.display()),
            Err(problems) => problems.report(),
        };
        let golden = path.with_extension("txt");
        if std::env::var_os("UPDATE_GOLDEN").is_some() {
            std::fs::write(&golden, &report).unwrap();
        }
        let wanted = std::fs::read_to_string(&golden).unwrap_or_default();
        if report != wanted {
            wrong.push(format!("{}\n--- wanted\n{wanted}--- got\n{report}", path.display()));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn each_report_has_a_sample() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/config/invalid");
    let names = |end: &str| -> BTreeSet<String> {
        let entries = std::fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path());
        let own = entries.filter(|path| path.extension().is_some_and(|own| own == end));
        own.map(|path| path.file_stem().unwrap().to_str().unwrap().to_owned()).collect()
    };
    assert_eq!(names("toml"), names("txt"));
}

#[test]
fn a_file_with_ten_mistakes_reports_all_ten_in_order() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/config/invalid/ten.toml");
    let problems = parse(&std::fs::read_to_string(&path).unwrap(), Path::new("ten.toml")).unwrap_err();
    let lines: Vec<usize> = problems.iter().map(|problem| problem.line).collect();
    assert_eq!(problems.len(), 10, "{}", problems.report());
    assert!(lines.is_sorted() && lines.iter().all(|line| *line > 0));
}

#[test]
fn each_valid_sample_and_example_holds_without_a_warning() {
    for path in samples("tests/golden/config/valid").into_iter().chain(samples("examples")) {
        let text = std::fs::read_to_string(&path).unwrap();
        let config = parse(&text, &path).unwrap_or_else(|problems| panic!("{}", problems.report()));
        let entities =
            combine(&config, Vec::new()).unwrap_or_else(|problems| panic!("{}", problems.report()));
        assert!(config.warnings.is_empty(), "{:?}", config.warnings);
        assert!(entities.warnings.is_empty(), "{}: {:?}", path.display(), entities.warnings);
    }
}

#[test]
fn each_template_holds_as_it_is_and_with_each_key_uncommented() {
    for kind in [Template::Entra, Template::Generic] {
        let text = template(kind);
        let own = Path::new("hoopctl.toml");
        let config = parse(&text, own).unwrap_or_else(|problems| panic!("{}", problems.report()));
        let entities = combine(&config, Vec::new()).unwrap();
        assert!(entities.warnings.is_empty(), "{:?}", entities.warnings);
        let placeholder = usize::from(kind == Template::Entra);
        assert_eq!(config.warnings.len(), placeholder, "{:?}", config.warnings);
        let uncomment = |line: &str| match line.strip_prefix('#') {
            Some(rest) if rest.starts_with(|c: char| c.is_ascii_lowercase()) => rest.to_owned(),
            _ => line.to_owned(),
        };
        let full: Vec<String> = text.lines().map(uncomment).collect();
        assert!(full.iter().zip(text.lines()).filter(|(a, b)| a != b).count() > 10);
        parse(&full.join("\n"), own).unwrap_or_else(|problems| panic!("{kind:?} {}", problems.report()));
    }
}

#[test]
fn the_full_example_names_every_key_that_is_served() {
    let text =
        std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/hoopctl.toml")).unwrap();
    // A misspelt key makes the reader list all accepted keys, which must all be in the example.
    let probes = [
        "zzzzzzzz = 1",
        "[gateway]\nzzzzzzzz = 1",
        "[gateway.limits]\nzzzzzzzz = 1",
        "[admin]\nzzzzzzzz = 1",
        "[admin]\nroles = { zzzzzzzz = 1 }",
        "[admin]\nlogin = { zzzzzzzz = 1 }",
        "[storage]\nzzzzzzzz = 1",
        "[recording]\nzzzzzzzz = 1",
        "[recording.retention]\nzzzzzzzz = 1",
        "[[oidc]]\nzzzzzzzz = 1",
        "[[oidc]]\nclaims = { zzzzzzzz = 1 }",
        "[[oidc]]\nmcp_login = { zzzzzzzz = 1 }",
        "[[connection]]\nzzzzzzzz = 1",
        "[[connection]]\nlimits = { zzzzzzzz = 1 }",
        "[[policy]]\nzzzzzzzz = 1",
        "[[policy]]\nwhen = { zzzzzzzz = 1 }",
        "[[policy]]\napproval = { zzzzzzzz = 1 }",
        "[[mask]]\nzzzzzzzz = 1",
    ];
    for probe in probes {
        let problems = parse(&format!("version = 1\n{probe}\n"), Path::new("p.toml")).unwrap_err();
        let unknown = problems.iter().find(|problem| problem.key.ends_with("zzzzzzzz")).unwrap();
        let accepted = unknown.hint.as_deref().and_then(|hint| hint.strip_prefix("accepted: ")).unwrap();
        for key in accepted.split(", ").filter(|key| !["dev_issuer", "discovery_url"].contains(key)) {
            let stands = text.contains(&format!("{key} = "))
                || text.contains(&format!("[{key}]"))
                || text.contains(&format!(".{key}]"));
            assert!(stands, "{probe}: {key} is not in examples/hoopctl.toml");
        }
    }
    assert!(EntityKind::ALL.iter().all(|kind| text.contains(&format!("[[{kind}]]"))));
}
