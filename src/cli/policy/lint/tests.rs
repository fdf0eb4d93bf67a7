//! Findings about connections, masks and names.

use std::path::Path;

use super::*;
use crate::config::combine;
use crate::config::parse;

const HEAD: &str = r#"version = 1
[[oidc]]
name = "corp"
issuer = "https://id.example"
audiences = ["x"]
group_names = { support = "0f5c0000-1111-4222-8333-444455556666" }
clients = { "billing-app" = { name = "billing", groups = ["etl"] } }
[admin]
local_groups = { ann = ["dba"] }
[[connection]]
name = "crm"
upstream = "https://crm.example"
inject = "none"
tags = { data = "pii" }
[[mask]]
id = "pii"
match = { tags = { data = "pii" } }
fields = ["ssn"]
"#;

/// Returns the codes of the findings in a configuration, with what they are about.
fn found(text: &str) -> Vec<(String, String, String)> {
    let all = combine(&parse(text, Path::new("h.toml")).unwrap(), Vec::new()).unwrap();
    let mut findings: Vec<Finding> = all.warnings.iter().filter_map(named).collect();
    findings.extend(unmasked(&all.connections, &all.masks));
    let told = |finding: Finding| (finding.code.to_owned(), finding.rule, finding.place);
    findings.into_iter().map(told).collect()
}

#[test]
fn names_that_are_not_there_are_told_with_their_place() {
    assert_eq!(found(HEAD), []);
    let line = HEAD.lines().count() + 4;
    for (matches, code) in [
        (r#"groups = ["suport"]"#, "unknown-group"),
        (r#"clients = ["biling-app"]"#, "unknown-client"),
        (r#"issuers = ["crop"]"#, "unknown-issuer"),
        (r#"groups = ["support"], connections = ["cmr"]"#, "unknown-connection"),
        (r#"groups = ["support"], tags = { env = "prod" }"#, "unknown-tag"),
    ] {
        let text = format!("{HEAD}[[policy]]\nid = \"a\"\neffect = \"allow\"\nmatch = {{ {matches} }}\n");
        let expected = (code.to_owned(), "a".to_owned(), format!("h.toml:{line}"));
        assert_eq!(found(&text), [expected], "{matches}");
    }
    for matches in [
        r#"groups = ["support", "etl", "dba", "somebody-else"]"#,
        r#"clients = ["billing-app", "another"]"#,
        r#"groups = ["support"], connections = ["c*"], tags = { data = "pii" }"#,
    ] {
        let text = format!("{HEAD}[[policy]]\nid = \"a\"\neffect = \"allow\"\nmatch = {{ {matches} }}\n");
        assert_eq!(found(&text), [], "{matches}");
    }
}

#[test]
fn an_approval_that_nobody_can_give_is_told() {
    let held = |from: &str| {
        let policy = format!(
            "id = \"a\"\neffect = \"approve\"\nmatch = {{ groups = [\"etl\"] }}\napproval = {{ from = [\"{from}\"] }}"
        );
        found(&format!("{HEAD}[[policy]]\n{policy}\n")).into_iter().map(|(code, ..)| code).collect::<Vec<_>>()
    };
    assert_eq!(held("dba"), Vec::<String>::new());
    assert_eq!(held("sre"), ["nobody-approves"]);
}

#[test]
fn a_connection_with_personal_data_has_a_mask() {
    let codes =
        |text: String| found(&text).into_iter().map(|(code, rule, _)| (code, rule)).collect::<Vec<_>>();
    let bare = HEAD.split("[[mask]]").next().unwrap();
    let expected = [("pii-unmasked".to_owned(), "crm".to_owned())];
    assert_eq!(codes(bare.to_owned()), expected);
    let other =
        format!("{bare}[[mask]]\nid = \"m\"\nmatch = {{ connections = [\"x*\"] }}\nfields = [\"ssn\"]\n");
    assert_eq!(codes(other), expected);
    let every = format!("{bare}[[mask]]\nid = \"m\"\nfields = [\"ssn\"]\n");
    assert_eq!(codes(every), []);
    assert_eq!(codes(bare.replace("pii", "public")), []);
}

#[test]
fn the_policies_of_the_manual_are_clean() {
    let manual = include_str!("../../../../examples/guides/postgresql.md");
    let blocks = manual.split("```toml\n").skip(1).filter_map(|rest| rest.split("```").next());
    let policies = blocks.filter(|block| block.contains("id = \"refunds\""));
    let text = format!("version = 1\n{}", policies.collect::<String>());
    let config = parse(&text, Path::new("postgresql.md")).unwrap();
    assert!(config.policies.len() > 6, "{text}");
    assert_eq!(lint::lint(&config.policies), []);
}
