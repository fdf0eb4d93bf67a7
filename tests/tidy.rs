//! What a compiler does not check: the direction of dependencies, the shape of files, who may take a permit
//! apart.

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
/// The longest line of a comment, in characters.
const MAX_COMMENT: usize = 110;
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

/// The folders whose files the architecture page names, each under a heading of its own.
const FOLDERS: &[&str] = &[
    "pipeline",
    "protocol/web",
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
fn the_architecture_page_names_each_file_of_a_folder_and_no_other() {
    let page = std::fs::read_to_string(src().join("ARCHITECTURE.md")).unwrap();
    for folder in FOLDERS {
        let heading = format!("\n### `{folder}`\n");
        let rest = page.split(&heading).nth(1).unwrap_or_else(|| panic!("no heading for {folder}"));
        let section = rest.split("\n#").next().unwrap();
        let told: Vec<&str> = section
            .split('`')
            .skip(1)
            .step_by(2)
            .filter(|name| {
                Path::new(name).extension().is_some_and(|extension| extension == "rs") || name.ends_with('/')
            })
            .collect();
        let there: Vec<String> = std::fs::read_dir(src().join(folder))
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .filter(|name| !matches!(name.as_str(), "mod.rs" | "tests.rs" | "tests" | "attacks.rs"))
            .collect();
        for name in &there {
            // A folder beside a file of its name is one with it.
            let stem = name.trim_end_matches(".rs");
            assert!(
                told.iter().any(|told| told.trim_end_matches(".rs").trim_end_matches('/') == stem),
                "ARCHITECTURE.md does not name {folder}/{name}"
            );
        }
        for name in told.iter().filter(|name| !name.trim_end_matches('/').contains('/') && **name != "mod.rs")
        {
            let stem = name.trim_end_matches(".rs").trim_end_matches('/');
            let is_there = there.iter().any(|file| file.trim_end_matches(".rs") == stem)
                || sources(&src().join(folder)).iter().any(|path| path.ends_with(name));
            assert!(is_there, "ARCHITECTURE.md names {folder}/{name}, which is not there");
        }
    }
}

/// README.md and the guides.
fn manual() -> Vec<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let guides = std::fs::read_dir(root.join("examples/guides")).unwrap().map(|entry| entry.unwrap().path());
    let mut pages: Vec<PathBuf> = guides.chain([root.join("README.md")]).collect();
    pages.sort();
    pages
}

/// The anchors of a page's headings, as GitHub makes them.
fn anchors(page: &str) -> Vec<String> {
    let headings = page.lines().filter(|line| line.starts_with('#'));
    let slug = |line: &str| -> String {
        let title = line.trim_start_matches('#').trim().to_lowercase().replace(' ', "-");
        title.chars().filter(|c| c.is_alphanumeric() || matches!(c, '-' | '_')).collect()
    };
    headings.map(slug).collect()
}

#[test]
fn links_of_the_manual_lead_somewhere() {
    let readme = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("README.md")).unwrap();
    let mut wrong = Vec::new();
    for path in manual() {
        let text = std::fs::read_to_string(&path).unwrap();
        let name = path.file_name().unwrap().to_str().unwrap();
        if name != "README.md" && !readme.contains(&format!("](examples/guides/{name})")) {
            wrong.push(format!("README.md does not lead to {name}"));
        }
        for link in text.split("](").skip(1) {
            let target = link.split(')').next().unwrap();
            if target.contains("://") {
                continue;
            }
            let (file, anchor) = target.split_once('#').unwrap_or((target, ""));
            let to = if file.is_empty() { path.clone() } else { path.parent().unwrap().join(file) };
            let is_there = to.exists();
            if !is_there
                || (!anchor.is_empty()
                    && !anchors(&std::fs::read_to_string(&to).unwrap()).contains(&anchor.to_owned()))
            {
                wrong.push(format!("{name}: {target}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// All keys below a table of the JSON Schema, written as in the guide, each with its shape.
fn keys<'s>(shape: &'s serde_json::Value, path: &str, found: &mut BTreeMap<String, &'s serde_json::Value>) {
    let shape = shape.get("items").filter(|_| !path.contains('.')).unwrap_or(shape);
    if !path.is_empty() && (path.contains('.') || shape.get("properties").is_none()) {
        found.insert(path.to_owned(), shape);
    }
    // The same keys as policy.match, which another assertion holds.
    let inner =
        shape.get("properties").and_then(serde_json::Value::as_object).filter(|_| path != "policy.unless");
    for (key, inner) in inner.into_iter().flatten() {
        let path = if path.is_empty() { key.clone() } else { format!("{path}.{key}") };
        keys(inner, &path, found);
    }
    let free = shape.get("additionalProperties").and_then(|free| free.get("properties")?.as_object());
    for (key, inner) in free.into_iter().flatten() {
        keys(inner, &format!("{path}.ID.{key}"), found);
    }
}

#[test]
fn the_guide_of_the_configuration_has_each_key_with_its_default_words_and_bounds() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples");
    let schema = std::fs::read_to_string(root.join("hoopctl.schema.json")).unwrap();
    let schema: serde_json::Value = serde_json::from_str(&schema).unwrap();
    let policy = &schema["properties"]["policy"]["items"]["properties"];
    assert_eq!(policy["match"]["properties"], policy["unless"]["properties"]);
    let guide = std::fs::read_to_string(root.join("guides/configuration.md")).unwrap();
    let mut found = BTreeMap::new();
    keys(&schema, "", &mut found);
    assert!(found.len() > 130, "{}", found.len());
    let mut wrong = Vec::new();
    for (key, shape) in &found {
        let Some(row) = guide.lines().find(|line| line.starts_with(&format!("| `{key}` |"))) else {
            wrong.push(format!("{key} is missing"));
            continue;
        };
        let words = [shape, shape.get("items").unwrap_or(shape)].map(|shape| shape.get("enum"));
        let words = words.into_iter().flatten().flat_map(|words| words.as_array().unwrap());
        for value in words.chain(shape.get("default")) {
            let shown = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
            if !row.contains(&format!("`{shown}`")) {
                wrong.push(format!("{key} does not say `{shown}`"));
            }
        }
        for bound in ["minimum", "maximum"].iter().filter_map(|bound| shape.get(bound)) {
            if !row.contains(&bound.to_string()) {
                wrong.push(format!("{key} does not say {bound}"));
            }
        }
    }
    let rows = guide.lines().filter_map(|line| line.strip_prefix("| `")?.split('`').next());
    let tables =
        rows.filter(|key| key.split('.').next().is_some_and(|top| !schema["properties"][top].is_null()));
    wrong.extend(tables.filter(|key| !found.contains_key(*key)).map(|key| format!("there is no key {key}")));
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
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
fn comments_are_wrapped() {
    let mut wrong = Vec::new();
    for path in sources(&src()) {
        let text = std::fs::read_to_string(&path).unwrap();
        for (number, line) in text.lines().enumerate() {
            // A row of a table cannot be wrapped.
            let row = line.trim_start_matches([' ', '/', '!']).starts_with('|');
            if line.trim_start().starts_with("//") && !row && line.chars().count() > MAX_COMMENT {
                wrong.push(format!("{}:{}: wrap this comment", path.display(), number + 1));
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
fn locks_are_taken_in_one_way() {
    // `domain::sync` says when the data behind a lock is still good after a panic.
    let mut wrong = Vec::new();
    for path in sources(&src()) {
        let shown = path.strip_prefix(src()).unwrap().display().to_string();
        let exempt = shown == "domain/sync.rs"
            || shown.starts_with("protocol/mcp/")
            || shown.starts_with("protocol/postgres/");
        if !exempt && std::fs::read_to_string(&path).unwrap().contains("PoisonError") {
            wrong.push(format!("{shown}: use what domain::sync has"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
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
