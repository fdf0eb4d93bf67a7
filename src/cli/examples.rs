//! Examples for the subcommands whose help has no examples of its own.

/// Each command, as its words on the command line, with its examples.
pub const VERBS: &[(&str, &[&str])] = &[
    (
        "approval approve",
        &[
            "approval approve apr_01kah3y2x7m5q8r4s6t9v0w1z2 -r INC-4411",
            "approval approve last --grant session",
        ],
    ),
    ("approval deny", &["approval deny apr_01kah3y2x7m5q8r4s6t9v0w1z2 -r 'not on a Friday'"]),
    ("approval list", &["approval list", "approval list --all --connection crm -o json"]),
    ("approval show", &["approval show last", "approval show apr_01kah3y2x7m5q8r4s6t9v0w1z2 -o json"]),
    ("approval wait", &["approval wait apr_01kah3y2x7m5q8r4s6t9v0w1z2 --timeout 10m"]),
    ("approval watch", &["approval watch", "approval watch -o jsonl"]),
    ("config check", &["config check", "config check -c /etc/hoopctl/hoopctl.toml -o json"]),
    ("config reload", &["config reload"]),
    ("config show", &["config show", "config show -o json"]),
    (
        "connect edit",
        &[
            "connect edit crm",
            "connect edit crm --limit session=30m --tag env=prod",
            "connect edit crm -f crm.toml",
        ],
    ),
    ("connect list", &["connect list", "connect list -o csv"]),
    ("connect remove", &["connect remove crm", "connect remove crm --dry-run"]),
    ("connect show", &["connect show crm", "connect show crm > crm.toml"]),
    ("connect test", &["connect test crm"]),
    ("grant list", &["grant list", "grant list --all --principal corp/agent-7"]),
    ("grant revoke", &["grant revoke grt_01kah3y2x7m5q8r4s6t9v0w1z2"]),
    ("lock list", &["lock list", "lock list -o json"]),
    ("lock remove", &["lock remove lck_01kah3y2x7m5q8r4s6t9v0w1z2", "lock remove last --yes"]),
    ("mask test", &["mask test < customers.json", "mask test --entity US_SSN -o json < notes.txt"]),
    (
        "policy edit",
        &[
            "policy edit crm-reads",
            "policy edit crm-reads --group support --group sales",
            "policy edit crm-reads -f crm-reads.toml",
        ],
    ),
    ("policy list", &["policy list", "policy list -o json"]),
    ("policy remove", &["policy remove crm-reads", "policy remove crm-reads --dry-run"]),
    ("policy show", &["policy show crm-reads", "policy show crm-reads > crm-reads.toml"]),
    ("secret list", &["secret list"]),
    ("secret remove", &["secret remove crm-token"]),
    ("secret set", &["secret set crm-token", "secret set crm-token < token.txt"]),
    (
        "session export",
        &[
            "session export last --format har --to last.har",
            "session export ses_01kah3y2x7m5q8r4s6t9v0w1z2 > session.jsonl",
        ],
    ),
    ("session grep", &["session grep customers/7 --since 7d"]),
    ("session kill", &["session kill ses_01kah3y2x7m5q8r4s6t9v0w1z2"]),
    ("session prune", &["session prune", "session prune --yes"]),
    ("session show", &["session show last", "session show last -o json"]),
    ("session tail", &["session tail", "session tail last -o jsonl"]),
    ("session verify", &["session verify last", "session verify --all -o json"]),
    ("session watch", &["session watch"]),
    ("token inspect", &["token inspect < token.txt", "token inspect --env MY_TOKEN"]),
    ("token jwks", &["token jwks", "token jwks entra --refresh"]),
    (
        "token mint",
        &[
            "token mint --as agent-7 --group support",
            "token mint --as kim --kind human --group dba --lifetime 10m",
        ],
    ),
    ("token verify", &["token verify < token.txt", "token verify --env MY_TOKEN"]),
    ("version", &["version", "version -o json"]),
];

/// Returns the examples as text for the end of a help.
pub fn of(path: &str) -> Option<String> {
    let (_path, lines) = VERBS.iter().find(|(verb, _lines)| *verb == path)?;
    let lines: Vec<String> = lines.iter().map(|line| format!("  hoopctl {line}")).collect();
    Some(format!("Examples:\n{}", lines.join("\n")))
}
