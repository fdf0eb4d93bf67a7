//! The schema of the configuration file, as a validator that nobody here wrote reads it.

use std::path::Path;
use std::process::Command;

use serde_json::Value;
use serde_json::json;

use crate::support::process::run;

fn case(name: &str, toml: &str) -> Value {
    let table: toml::Table = toml.parse().unwrap_or_else(|error| panic!("{name}: {error}"));
    json!({ "name": name, "value": table })
}

/// What ajv says of each file.
fn told(cases: &[Value]) -> Value {
    let folder = tempfile::tempdir().unwrap();
    let (code, schema, err) =
        run(Command::new(env!("CARGO_BIN_EXE_hoopctl")).args(["config", "schema"]).current_dir(&folder));
    assert_eq!(code, 0, "{err}");
    let [of_schema, of_cases] = ["schema.json", "cases.json"].map(|name| folder.path().join(name));
    std::fs::write(&of_schema, schema).unwrap();
    std::fs::write(&of_cases, Value::from(cases.to_vec()).to_string()).unwrap();
    let peers = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/peers");
    let (code, out, err) =
        run(Command::new("node").arg(peers.join("schema.mjs")).args([&of_schema, &of_cases]));
    assert_eq!(code, 0, "{err}");
    serde_json::from_str(&out).unwrap()
}

#[test]
fn good_files_hold() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut cases = Vec::new();
    for folder in ["examples", "tests/golden/config/valid"] {
        for entry in std::fs::read_dir(root.join(folder)).unwrap() {
            let path = entry.unwrap().path();
            if path.extension().is_some_and(|ending| ending == "toml") {
                cases.push(case(path.to_str().unwrap(), &std::fs::read_to_string(&path).unwrap()));
            }
        }
    }
    let folder = tempfile::tempdir().unwrap();
    for options in [&["--oidc", "entra"][..], &["--oidc", "generic"], &["--demo"]] {
        let mut init = Command::new(env!("CARGO_BIN_EXE_hoopctl"));
        let (code, _, err) = run(init.args(["init", "--force"]).args(options).current_dir(&folder));
        assert_eq!(code, 0, "{err}");
        let text = std::fs::read_to_string(folder.path().join("hoopctl.toml")).unwrap();
        cases.push(case(&options.join(" "), &text));
    }
    assert!(cases.len() > 8, "{}", cases.len());
    for (name, fault) in told(&cases).as_object().unwrap() {
        assert!(fault.is_null(), "{name}: {fault}");
    }
}

#[test]
fn bad_files_are_refused_where_they_are_bad() {
    let connection = "[[connection]]\nname = \"a\"\nupstream = \"http://h\"\n";
    let policy = "[[policy]]\nid = \"p\"\neffect = \"allow\"\n";
    let cases = [
        ("", "", "version"),
        ("version = 2", "", "/version"),
        ("versions = 1", "", ""),
        ("version = 1", "[gateway]\nlisen = \"127.0.0.1:1\"", "/gateway"),
        ("version = 1", "[gateway]\nlisten = 8440", "/gateway/listen"),
        ("version = 1", "[gateway]\ndrain_timeout = \"soon\"", "/gateway/drain_timeout"),
        ("version = 1", "[gateway]\nworkers = 0", "/gateway/workers"),
        ("version = 1", "[[oidc]]\nname = \"a\"\nissuer = \"https://i\"", "/oidc/0"),
        (
            "version = 1",
            "[[oidc]]\nname = \"a\"\nissuer = \"https://i\"\naudiences = []",
            "/oidc/0/audiences",
        ),
        ("version = 1", "[recording]\nlevel = \"most\"", "/recording/level"),
        ("version = 1", &format!("{connection}inject = \"bearer:hunter2\""), "/connection/0/inject"),
        ("version = 1", &format!("{connection}limits = {{ rate = \"10\" }}"), "/connection/0/limits/rate"),
        ("version = 1", &format!("{connection}tags = {{ a = 1 }}"), "/connection/0/tags/a"),
        ("version = 1", &connection.replace("\"a\"", "\"A\""), "/connection/0/name"),
        ("version = 1", "[connection]\nname = \"a\"", "/connection"),
        ("version = 1", policy, "/policy/0"),
        ("version = 1", &format!("{policy}match = {{ grups = [\"a\"] }}"), "/policy/0/match"),
        (
            "version = 1",
            &format!("{policy}match = {{ operations = [\"reed\"] }}"),
            "/policy/0/match/operations/0",
        ),
        (
            "version = 1",
            &format!("{policy}match = {{}}\napproval = {{ from = [\"a\"], grant = \"twice\" }}"),
            "/policy/0/approval/grant",
        ),
        ("version = 1", "[[mask]]\nid = \"m\"", "/mask/0"),
        (
            "version = 1",
            "[[mask]]\nid = \"m\"\nfields = [\"a\"]\nop = { kind = \"blur\" }",
            "/mask/0/op/kind",
        ),
    ];
    let files: Vec<Value> = cases
        .iter()
        .enumerate()
        .map(|(at, (head, more, _))| case(&at.to_string(), &format!("{head}\n{more}\n")))
        .collect();
    let told = told(&files);
    for (at, (head, more, wanted)) in cases.iter().enumerate() {
        let fault = told[at.to_string()].as_str().unwrap_or_else(|| panic!("held: {head} {more}"));
        assert!(fault.contains(wanted), "{head} {more}: {fault}");
    }
}
