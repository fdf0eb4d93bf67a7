//! `[[connection]]`, `[[policy]]` and `[[mask]]`.

use serde_json::Value;
use serde_json::json;

use crate::config::schema::DURATION;
use crate::config::schema::SOURCE;
use crate::config::schema::any_text;
use crate::config::schema::default;
use crate::config::schema::described;
use crate::config::schema::duration;
use crate::config::schema::flag;
use crate::config::schema::id;
use crate::config::schema::list;
use crate::config::schema::map;
use crate::config::schema::matching;
use crate::config::schema::name;
use crate::config::schema::size;
use crate::config::schema::table;
use crate::config::schema::text;
use crate::config::schema::texts;
use crate::config::schema::whole;
use crate::config::schema::words;
use crate::domain::command::Class;
use crate::domain::connection::ApprovalMode;
use crate::domain::connection::Notifications;
use crate::domain::connection::Protocol;
use crate::domain::connection::mcp::BinaryMode;
use crate::domain::connection::mcp::PinMode;
use crate::domain::connection::mcp::ServerRequest;
use crate::domain::connection::mcp::Transport;
use crate::domain::mask::Entity;
use crate::domain::mask::Predicates;
use crate::domain::principal::Kind;
use crate::domain::sql::Verb;
use crate::domain::verdict::Effect;

/// Returns `[[connection]]`
#[expect(clippy::too_many_lines, reason = "one key after the other")]
pub(super) fn connection() -> Value {
    let inject = format!("none|bearer:{SOURCE}|certificate:[^:]+|(basic|env|header|password):[^:]+:{SOURCE}");
    let modes = [ApprovalMode::Wait, ApprovalMode::Retry].map(ApprovalMode::as_str);
    let notifications = [Notifications::Redact, Notifications::Pass].map(Notifications::as_str);
    table(
        "A target, and how the gateway gets there",
        &["name", "upstream"],
        vec![
            ("name", name("Its name; clients call /c/NAME/…")),
            (
                "upstream",
                matching(
                    "Where it is: http://HOST, https://HOST, mcp+http://HOST, mcp+https://HOST, mcp+stdio:PROGRAM ARGUMENTS, postgres://HOST/DATABASE",
                    r"[A-Za-z][A-Za-z0-9+]*:[\s\S]+",
                ),
            ),
            (
                "inject",
                matching(
                    "Its credential: bearer:SRC, basic:USER:SRC, header:NAME:SRC or none; password:USER:SRC or certificate:USER for a database; env:NAME:SRC for a program. SRC is env:NAME, file:PATH, store:KEY or exec:COMMAND",
                    &inject,
                ),
            ),
            ("tags", map("Labels that policies and masks match", any_text())),
            ("limits", limits()),
            ("ca_file", text("Trust the authorities in this PEM file, not the platform's")),
            ("readonly", flag("Databases: sessions may only read, and the server holds them to it")),
            (
                "approval_mode",
                default(
                    words(
                        "Databases: a statement that needs an approval waits for it, or fails and passes when it is sent again",
                        modes,
                    ),
                    json!("wait"),
                ),
            ),
            (
                "notifications",
                default(
                    words(
                        "Databases: where masks have fields, the payload of a NOTIFY is redacted, or masked by shape alone",
                        notifications,
                    ),
                    json!("redact"),
                ),
            ),
            ("accept_cleartext", flag("Databases: the server may ask for the password as it is, inside TLS")),
            ("accept_md5", flag("Databases: the server may log the gateway in by MD5")),
            ("accept_trust", flag("Databases: the server may let the gateway in without a password")),
            ("trust_annotations", flag("MCP: a tool that its server says only reads is class read")),
            ("transport", words("MCP: how it is spoken over HTTP", Transport::ALL.map(Transport::as_str))),
            (
                "pin",
                default(
                    words(
                        "MCP: what follows when the server says another thing than was accepted",
                        PinMode::ALL.map(PinMode::as_str),
                    ),
                    json!("observe"),
                ),
            ),
            (
                "binary",
                default(
                    words(
                        "MCP: whether pictures, sounds and the like pass, in which nothing can be masked, where there are masks",
                        BinaryMode::ALL.map(BinaryMode::as_str),
                    ),
                    json!("withhold"),
                ),
            ),
            (
                "allow_server_requests",
                list(
                    "MCP: what the server may ask the client",
                    words("A kind of request", ServerRequest::ALL.map(ServerRequest::as_str)),
                ),
            ),
            (
                "elicitation_hosts",
                texts("MCP: hosts that the server may send people to: login.example.com, *.example.com"),
            ),
            ("origins", texts("MCP: origins of web pages that may call: https://HOST")),
            (
                "env",
                map(
                    "mcp+stdio: variables of the program, each as it is written; for a secret: inject = \"env:NAME:SRC\"",
                    any_text(),
                ),
            ),
        ],
    )
}

fn limits() -> Value {
    table(
        "Its limits",
        &[],
        vec![
            ("session", duration("The longest session", "1h")),
            ("idle", duration("The longest time without a command", "10m")),
            (
                "approval_wait",
                duration("How long a held command waits before its client is told to come again", "60s"),
            ),
            ("connect", duration("How long dialling may take", "5s")),
            (
                "response",
                duration(
                    "How long the target may take to begin its answer, or be silent under a call where it is a program",
                    "60s",
                ),
            ),
            ("body", size("The longest body that is held or judged", "10MiB")),
            ("rate", whole("Commands a second of one principal", 1, 1_000_000)),
            ("rows", whole("Databases: the most rows that one statement gives", 1, 1_000_000_000)),
        ],
    )
}

/// Returns `[[policy]]`
pub(super) fn policy() -> Value {
    table(
        "A rule: a match and an effect. Deny beats approve beats allow, and what no policy allows is denied",
        &["id", "effect", "match"],
        vec![
            ("id", id("Its id")),
            (
                "effect",
                words(
                    "What happens to what it matches",
                    [Effect::Allow, Effect::Approve, Effect::Deny].map(Effect::as_str),
                ),
            ),
            (
                "match",
                matcher(
                    "Whom and what it is about: values of one key are alternatives, and each key must hold",
                ),
            ),
            ("unless", matcher("What is excepted")),
            (
                "when",
                table(
                    "When it holds",
                    &[],
                    vec![
                        ("days", texts("Days of the week, such as mon-fri")),
                        ("hours", text("Hours of the day, such as 08:00-18:00")),
                        ("tz", text("The time zone, such as Europe/Berlin")),
                    ],
                ),
            ),
            (
                "approval",
                table(
                    "Who decides (effect = \"approve\")",
                    &["from"],
                    vec![
                        ("from", texts("Groups whose members may decide")),
                        ("min", default(whole("How many people must say yes", 1, 100), json!(1))),
                        ("timeout", duration("How long it waits for them", "10m")),
                        ("reason", flag("A decision needs a reason")),
                        (
                            "grant",
                            default(
                                matching(
                                    "What a yes gives: once, session, or a duration",
                                    &format!("once|session|{DURATION}"),
                                ),
                                json!("once"),
                            ),
                        ),
                    ],
                ),
            ),
            (
                "limits",
                table(
                    "Limits of what it allows",
                    &[],
                    vec![("session", duration("The longest session", ""))],
                ),
            ),
            ("message", text("What a refused client is told, at most 500 characters")),
        ],
    )
}

fn matcher(about: &str) -> Value {
    let kinds = [Kind::Human, Kind::App, Kind::Agent].map(Kind::as_str);
    let protocols = [Protocol::Http, Protocol::Mcp, Protocol::Postgres].map(Protocol::as_str);
    table(
        about,
        &[],
        vec![
            ("groups", texts("Groups of the caller")),
            ("subjects", texts("Principals, or globs over them")),
            ("clients", texts("Clients (applications), by their ids")),
            ("issuers", texts("Issuers, by the names of their [[oidc]] entries")),
            ("kinds", list("What kind of caller", words("A kind", kinds))),
            ("claims", map("Claims of the token", any_text())),
            ("connections", texts("Connections, or globs over their names")),
            ("tags", map("Tags of the connection", any_text())),
            ("protocols", list("What is spoken to the target", words("A protocol", protocols))),
            ("source_ips", texts("Addresses or networks that the request comes from")),
            (
                "operations",
                list(
                    "Classes of commands; an allow without this covers all but unknown",
                    words("A class", Class::ALL.map(Class::as_str)),
                ),
            ),
            ("methods", texts("Methods of HTTP or MCP, such as PATCH or resources/*")),
            ("paths", texts("Paths below the connection: * within a segment, ** over segments")),
            ("tools", texts("Tools of an MCP server, or globs over their names")),
            ("prompts", texts("Prompts of an MCP server, or globs over their names")),
            ("resources", texts("Resources of an MCP server: URIs, * within a segment, ** over segments")),
            (
                "args",
                map(
                    "Values in a JSON body, MCP arguments or form fields, by path: a literal, a glob, a|b, or a comparison such as > 1000",
                    any_text(),
                ),
            ),
            ("tables", texts("Tables that a SQL text names, such as crm.customers or hr.*")),
            ("columns", texts("Columns that a SQL text names: column, table.column or schema.table.column")),
            ("columns_not", texts("Columns that a SQL text must not name")),
            ("functions", texts("Functions that a SQL text calls, such as public.refund")),
            (
                "verbs",
                list("What a SQL text does", words("A verb", Verb::ALL.iter().map(|verb| verb.as_str()))),
            ),
            ("settings", texts("Settings that a SQL text changes, such as statement_timeout or app.*")),
            (
                "all_rows",
                described(
                    "Whether a SQL text has an UPDATE or DELETE of all rows: without a WHERE, or with one that always holds",
                    json!({"type": "boolean"}),
                ),
            ),
        ],
    )
}

/// Returns `[[mask]]`
pub(super) fn mask() -> Value {
    let detected = json!({"anyOf": [
        {"enum": Entity::BUILT_IN.iter().map(Entity::as_str).collect::<Vec<_>>()},
        {"type": "string", "pattern": "^[A-Z0-9_]{1,63}$"},
    ]});
    let kinds = ["redact", "replace", "keep_last", "keep_first", "hash", "null"];
    let mut mask = table(
        "Which values of replies are masked where, and what takes their place",
        &["id"],
        vec![
            ("id", id("Its id")),
            (
                "match",
                table(
                    "Where; everywhere without it",
                    &[],
                    vec![
                        ("connections", texts("Connections, or globs over their names")),
                        ("tags", map("Tags of the connection", any_text())),
                    ],
                ),
            ),
            ("fields", texts("Fields and columns by name: *_token, customer.ssn")),
            ("entities", list("What detectors find in texts", detected)),
            ("patterns", map("Detectors of one's own: regular expressions by name", any_text())),
            (
                "op",
                table(
                    "What takes the place of a value",
                    &["kind"],
                    vec![
                        (
                            "kind",
                            words(
                                "redact, replace by a text, keep the last or first characters, a keyed hash, or null",
                                kinds,
                            ),
                        ),
                        ("n", whole("How many characters stay", 1, 6)),
                        ("with", text("The text that takes the place")),
                    ],
                ),
            ),
            (
                "predicates",
                words(
                    "Where a SQL text may name a column of fields beside what it selects plainly: anywhere (allow), in conditions that compare it with whole values for equality, or nowhere (deny)",
                    Predicates::ALL.map(Predicates::as_str),
                ),
            ),
        ],
    );
    if let Some(mask) = mask.as_object_mut() {
        let one = ["fields", "entities", "patterns"].map(|key| json!({"required": [key]}));
        mask.insert("anyOf".to_owned(), json!(one));
    }
    mask
}
