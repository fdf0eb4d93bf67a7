//! Attacks on the reports: secrets in every place, deceptive text, input without end.

use std::path::Path;

use proptest::prelude::*;

use super::with;
use crate::config::parse;
use crate::config::parse_entity;
use crate::domain::connection::Origin;
use crate::domain::entity::EntityKind;
use crate::domain::text::is_deceptive;

/// Every place where people put a secret, right or wrong.
const LEAKY: &str = r#"version = 1
[gateway]
listen = "127.0.0.1:8440" # was hunter2
tls = { key = "hunter2", cert = "tls.crt" }
[storage]
data_dir = "/tmp/h"
key = "literal:hunter2"
[admin]
local_groups = { root = ["dba"] }
[[oidc]]
name = "idp"
issuer = "https://kim:hunter2@idp.example"
audiences = ["a"]
client_secret = "hunter2"
jwks_uri = "https://kim:hunter2@idp.example/keys"
[[connection]]
name = "a"
upstream = "https://kim:hunter2@a.example/"
inject = "bearer:hunter2"
password = "hunter2"
limits = { idle = "10m", password = "hunter2" }
[[connection]]
name = "b"
upstream = "https://b.example/?key=hunter2"
inject = "basic:svc:hunter2"
credential.password = "hunter2"
[connection.secrets]
deep = { deeper = ["hunter2", { x = "hunter2" }] }
[[connection]]
name = "c"
upstream = "https://c.example/"
inject = { bearer = "hunter2" }
[[connection]]
name = "d"
upstream = "https://d.example/"
inject = "exec:fetch --password hunter2"
typo = """
hunter2
hunter2 = 1"""
[[connection]]
name = "e"
upstream = "postgres://kim:hunter2@db.example/app"
inject = "password:svc:hunter2"
[[policy]]
id = "p"
effect = "allow"
match = { groups = ["x"], passwords = ["hunter2"] }
"#;

fn all_output(text: &str) -> Option<String> {
    let problems = parse(text, Path::new("h.toml")).err()?;
    Some(format!("{}{problems}{}{problems:?}", problems.report(), serde_json::to_string(&problems).unwrap()))
}

#[test]
fn no_secret_of_a_broken_file_shows_in_any_report() {
    let output = all_output(LEAKY).unwrap();
    assert!(!output.contains("hunter2"), "{output}");
    let problems = parse(LEAKY, Path::new("h.toml")).unwrap_err();
    assert!(problems.len() >= 15, "{}", problems.report());
}

#[test]
fn a_comment_on_the_line_of_a_problem_does_not_show() {
    let output = all_output("version = 9 # hunter2\n").unwrap();
    assert!(output.contains("version = 9") && !output.contains("hunter2"), "{output}");
    let output = all_output("version = 'a#b' # hunter2\n").unwrap();
    assert!(output.contains("'a#b'") && !output.contains("hunter2"), "{output}");
    let output = all_output("version = \"a\\\"#b\" # hunter2\n").unwrap();
    assert!(output.contains("#b") && !output.contains("hunter2"), "{output}");
}

#[test]
fn a_broken_line_of_a_secret_shows_its_key_at_most() {
    for line in [
        "inject = \"bearer:hunter2",
        "inject = bearer:hunter2",
        "inject = hunter2",
        "inject = \"\"\"hunter2\nhunter2",
        "inject hunter2",
        "hunter2",
        "hunter2 =",
        "[hunter2",
        "name = \"x\" inject = \"hunter2\"",
        "inject = { hunter2",
    ] {
        let output = all_output(&format!("version = 1\n[[connection]]\nname = \"a\"\n{line}\n")).unwrap();
        assert!(!output.contains("hunter2"), "{line}: {output}");
    }
}

#[test]
fn nothing_in_a_report_reaches_the_terminal_unescaped() {
    let evil = "version = 1\n[gateway]\nlisten = \"\\u001b[2J\\u202e\"\n\"\\u0007\" = 1\n'\u{202e}' = 2 \n[[policy]]\nid = \"\u{200b}\"\n";
    let problems = parse(evil, Path::new("a\u{1b}b.toml")).unwrap_err();
    let shown = format!("{}{problems}", problems.report());
    assert!(shown.chars().all(|c| c == '\n' || !is_deceptive(c)), "{shown:?}");
    let line = problems.iter().map(ToString::to_string).collect::<String>();
    assert!(!line.contains('\n'));
}

#[test]
fn endless_nesting_is_a_problem_and_not_the_end() {
    for text in [
        format!("x = {}", "[".repeat(200_000)),
        format!("x = {}", "{ a = ".repeat(100_000)),
        format!("x = {}{}", "[".repeat(100_000), "]".repeat(100_000)),
        format!("{} = 1", "a.".repeat(100_000)),
        format!("[{}a]", "a.".repeat(100_000)),
        "[[a]]\n".repeat(20_000),
        "\"".repeat(100_000),
    ] {
        assert!(parse(&text, Path::new("h.toml")).is_err());
    }
}

#[test]
fn an_inline_list_of_tables_is_read_like_headers() {
    let config = with(
        "connection = []\npolicy = [{ id = \"p\", effect = \"deny\", match = { methods = [\"PUT\"] } }]\n",
    );
    // Under [storage] these are unknown keys, since TOML cannot return to the top level.
    assert_eq!(config.unwrap_err().len(), 2);
    let text = "version = 1\npolicy = [{ id = \"p\", effect = \"deny\", match = { methods = [\"PUT\"] } }]\nstorage.data_dir = \"/d\"\n";
    assert_eq!(parse(text, Path::new("h.toml")).unwrap().policies.len(), 1);
}

#[test]
fn an_empty_list_never_means_everybody() {
    for condition in
        ["groups = []", "groups = [\"\"]", "tags = {}", "args = {}", "connections = []", "methods = []"]
    {
        let more = format!(
            "[[policy]]\nid = \"p\"\neffect = \"allow\"\nmatch = {{ kinds = [\"human\"], {condition} }}\n"
        );
        assert_eq!(with(&more).unwrap_err().len(), 1, "{condition}");
    }
    let bare = "[[policy]]\nid = \"p\"\neffect = \"allow\"\n";
    assert!(with(bare).is_err());
}

#[test]
fn what_the_store_keeps_has_no_folder_for_relative_paths() {
    for body in [
        "name = \"a\"\nupstream = \"https://a\"\nca_file = \"ca.pem\"\n",
        "name = \"a\"\nupstream = \"https://a\"\ninject = \"bearer:file:token\"\n",
    ] {
        let error = parse_entity(EntityKind::Connection, body, Origin::Store).unwrap_err();
        assert_eq!(error.len(), 1, "{}", error.report());
        assert!(error.to_string().starts_with("connection:3:"), "{error}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, max_global_rejects: 1 << 20, ..ProptestConfig::default() })]

    #[test]
    fn no_text_makes_the_reader_panic(text in "\\PC{0,200}") {
        drop(parse(&text, Path::new("h.toml")));
        drop(parse_entity(EntityKind::Policy, &text, Origin::Store));
    }

    #[test]
    fn no_damage_to_a_file_makes_a_secret_show(at in 0usize..2000, len in 0usize..12, put in "[\"'\\[\\]{}=.#,\\n a0\\\\]{0,3}") {
        let mut bytes = LEAKY.as_bytes().to_vec();
        let start = at.min(bytes.len());
        let end = (start + len).min(bytes.len());
        // The marker itself stays whole, or its rest could not be found.
        prop_assume!(!LEAKY[start..end].contains("hunter2") && LEAKY.match_indices("hunter2").all(|(own, _)| {
            end <= own || start >= own + 7
        }));
        // It is not one either if nothing begins the query.
        let query = LEAKY.find("/?key=").unwrap();
        prop_assume!(end <= query || start >= query + 6);
        bytes.splice(start..end, put.bytes());
        let text = String::from_utf8(bytes).unwrap();
        if let Some(output) = all_output(&text) {
            let leak = output.lines().find(|line| line.contains("hunter2")).map(|line| line.chars().take(300).collect::<String>());
            prop_assert!(leak.is_none(), "{leak:?}\n{text}");
        }
    }
}
