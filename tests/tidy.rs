//! What a compiler does not check: the direction of dependencies, the shape of files, who may take a permit apart.

#![expect(clippy::unwrap_used, reason = "a test may stop where it fails")]

use std::collections::BTreeMap;
use std::path::Path;
use std::path::PathBuf;

/// Which modules a module may use; the table of src/ARCHITECTURE.md.
const LAYERS: &[(&str, &str)] = &[
    ("domain", ""),
    ("policy", "domain"),
    ("mask", "domain"),
    ("transport", "domain"),
    ("secret", "domain"),
    ("store", "domain"),
    ("identity", "domain transport"),
    ("recording", "domain store"),
    ("approval", "domain store"),
    ("pipeline", "domain policy mask identity secret recording approval"),
    ("protocol", "domain pipeline mask transport"),
    ("control", "domain store policy recording approval transport"),
    ("config", "domain policy mask identity recording secret transport control"),
    ("demo", "domain identity transport config"),
    (
        "gateway",
        "domain policy mask transport secret store identity recording approval pipeline protocol control config",
    ),
    ("tui", "domain control recording"),
    (
        "cli",
        "domain policy mask transport secret store identity recording approval pipeline protocol control config demo gateway tui",
    ),
];
/// The most lines of code a file may have, without comments, blank lines and tests.
const MAX_LINES: usize = 400;
/// Names that say nothing.
const BANNED: &[&str] = &["util", "utils", "common", "helper", "helpers", "manager", "misc"];

fn sources(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(sources(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
    found.sort();
    found
}

fn src() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("src")
}

/// The top-level module a file belongs to; `None` for lib.rs and main.rs.
fn module_of(path: &Path) -> Option<String> {
    let relative = path.strip_prefix(src()).unwrap();
    let mut parts = relative.components();
    let first = parts.next().unwrap().as_os_str().to_str().unwrap();
    parts.next().map(|_| first.to_owned())
}

/// The code of a file: what stands before its inline tests.
fn code(text: &str) -> &str {
    text.split("\n#[cfg(test)]\nmod tests {").next().unwrap()
}

fn is_test_file(path: &Path) -> bool {
    let text = path.to_str().unwrap();
    ["tests.rs", "forge.rs", "attacks.rs"].iter().any(|end| text.ends_with(end)) || text.contains("/tests/")
}

#[test]
fn modules_use_only_what_their_row_allows() {
    let layers: BTreeMap<&str, Vec<&str>> =
        LAYERS.iter().map(|(module, uses)| (*module, uses.split_whitespace().collect())).collect();
    let mut wrong = Vec::new();
    for path in sources(&src()) {
        let Some(module) = module_of(&path) else { continue };
        let allowed =
            layers.get(module.as_str()).unwrap_or_else(|| panic!("module {module} has no row in LAYERS"));
        let text = std::fs::read_to_string(&path).unwrap();
        let text = if is_test_file(&path) { "" } else { code(&text) };
        for (number, line) in text.lines().enumerate() {
            let line = line.split("//").next().unwrap_or_default();
            for rest in line.split("crate::").skip(1) {
                let used: String =
                    rest.chars().take_while(|c| c.is_ascii_alphanumeric() || *c == '_').collect();
                if used.is_empty() || rest.starts_with('{') || rest.starts_with('*') {
                    wrong.push(format!(
                        "{}:{}: a path that does not name its module",
                        path.display(),
                        number + 1
                    ));
                } else if used != module
                    && layers.contains_key(used.as_str())
                    && !allowed.contains(&used.as_str())
                {
                    wrong.push(format!("{}:{}: {module} uses {used}", path.display(), number + 1));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn the_architecture_page_has_the_same_table() {
    let page = std::fs::read_to_string(src().join("ARCHITECTURE.md")).unwrap();
    for (module, uses) in LAYERS {
        let row = page
            .lines()
            .find(|line| line.starts_with(&format!("| [`{module}`] ")))
            .unwrap_or_else(|| panic!("no row for {module}"));
        let cell = row.trim_end_matches('|').rsplit('|').next().unwrap().trim();
        let told: Vec<&str> = cell.split(", ").collect();
        match cell {
            "nothing" => assert!(uses.is_empty(), "{module}"),
            "everything" | "all above" => {}
            cell if cell.starts_with("domain, and the settings") => {}
            _ => assert_eq!(told, uses.split_whitespace().collect::<Vec<_>>(), "{module}"),
        }
    }
}

/// The folders whose rooms the architecture page tells, each under a heading of its own.
const ROOMS: &[&str] = &[
    "protocol/mcp",
    "protocol/postgres",
    "tui",
    "recording",
    "cli/login",
    "cli/traffic",
    "control/page",
    "gateway/admin",
];

#[test]
fn the_architecture_page_knows_each_room_and_no_other() {
    let page = std::fs::read_to_string(src().join("ARCHITECTURE.md")).unwrap();
    for folder in ROOMS {
        let heading = page
            .lines()
            .find(|line| line.starts_with("### The rooms of") && line.contains(&format!("`{folder}`")));
        let heading = heading.unwrap_or_else(|| panic!("no heading for {folder}"));
        let section = page.split(heading).nth(1).unwrap().split("\n#").next().unwrap();
        let rows = section
            .lines()
            .filter(|line| !line.starts_with("| room"))
            .filter_map(|line| line.strip_prefix("| ")?.split(" | ").next());
        let told: Vec<&str> = rows.flat_map(|row| row.split('`').skip(1).step_by(2)).collect();
        let there: Vec<String> = std::fs::read_dir(src().join(folder))
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .filter(|name| !matches!(name.as_str(), "mod.rs" | "tests.rs" | "tests" | "attacks.rs"))
            .collect();
        for name in &there {
            // A folder beside a file of its name is one room with it.
            let stem = name.trim_end_matches(".rs");
            assert!(
                told.contains(&name.as_str())
                    || told.contains(&stem)
                    || told.contains(&format!("{stem}.rs").as_str()),
                "{folder}/{name} is in no table of ARCHITECTURE.md"
            );
        }
        for name in told.iter().filter(|name| !name.contains(['/', ' ']) && **name != "mod.rs") {
            let is_there =
                there.iter().any(|file| file.trim_end_matches(".rs") == name.trim_end_matches(".rs"));
            assert!(is_there, "ARCHITECTURE.md tells of {folder}/{name}, which is not there");
        }
    }
}

#[test]
fn only_upstream_takes_a_permit_apart_and_protocols_do_not_know_each_other() {
    for path in sources(&src()) {
        let text = std::fs::read_to_string(&path).unwrap();
        let name = path.file_name().unwrap().to_str().unwrap();
        if module_of(&path).as_deref() == Some("protocol") {
            assert!(name == "upstream.rs" || !text.contains("permit.into_parts"), "{}", path.display());
            let folder = path.strip_prefix(src().join("protocol")).unwrap().components().next().unwrap();
            let folder = folder.as_os_str().to_str().unwrap();
            for rest in text.split("crate::protocol::").skip(1) {
                assert!(
                    folder == "mod.rs"
                        || rest.starts_with(folder)
                        || (folder != "web" && rest.starts_with("web")),
                    "{} names another protocol",
                    path.display()
                );
            }
        }
        if name == "reply.rs" && path.to_str().unwrap().contains("/protocol/") {
            assert!(
                text.contains("#![deny(clippy::wildcard_enum_match_arm)]"),
                "{}: a new code must not compile without words",
                path.display()
            );
        }
    }
}

#[test]
fn files_say_what_they_are_and_stay_readable() {
    let mut wrong = Vec::new();
    for path in sources(&src()) {
        let text = std::fs::read_to_string(&path).unwrap();
        let shown = path.strip_prefix(src()).unwrap().display().to_string();
        if !is_test_file(&path) && !text.starts_with("//!") && !text.starts_with("#![doc") {
            wrong.push(format!("{shown}: the first line does not say what the file is"));
        }
        let stem = path.file_stem().unwrap().to_str().unwrap();
        if BANNED.contains(&stem) {
            wrong.push(format!("{shown}: the name says nothing"));
        }
        if !is_test_file(&path) {
            let lines = code(&text)
                .lines()
                .map(str::trim)
                .filter(|line| !line.is_empty() && !line.starts_with("//"))
                .count();
            if lines > MAX_LINES {
                wrong.push(format!("{shown}: {lines} lines of code, at most {MAX_LINES}"));
            }
        }
        for (number, line) in text.lines().enumerate() {
            let marked = ["TODO", "FIXME", "XXX"].iter().any(|mark| line.contains(mark));
            if marked {
                wrong.push(format!("{shown}:{}: left open", number + 1));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn a_thread_that_cannot_be_had_is_no_panic() {
    // `std::thread::spawn` panics where the system gives no more threads; `Builder` says so.
    let mut wrong = Vec::new();
    for path in sources(&src()) {
        let text = std::fs::read_to_string(&path).unwrap();
        if !is_test_file(&path) && code(&text).contains("thread::spawn(") {
            wrong.push(path);
        }
    }
    assert!(wrong.is_empty(), "{wrong:?}");
}

#[test]
fn each_end_to_end_file_is_part_of_the_test() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/e2e");
    let main = std::fs::read_to_string(folder.join("main.rs")).unwrap();
    for entry in std::fs::read_dir(&folder).unwrap() {
        let path = entry.unwrap().path();
        let stem = path.file_stem().unwrap().to_str().unwrap();
        assert!(stem == "main" || main.contains(&format!("mod {stem};")), "{stem} is forgotten");
    }
}
