//! `[gateway]`, `[admin]`, `[[oidc]]`, `[storage]`, `[recording]` and `[dev_issuer]`.

use serde_json::Value;
use serde_json::json;

use crate::config::schema::any_text;
use crate::config::schema::default;
use crate::config::schema::duration;
use crate::config::schema::flag;
use crate::config::schema::list;
use crate::config::schema::listener;
use crate::config::schema::map;
use crate::config::schema::name;
use crate::config::schema::secret;
use crate::config::schema::size;
use crate::config::schema::table;
use crate::config::schema::text;
use crate::config::schema::texts;
use crate::config::schema::whole;
use crate::config::schema::words;
use crate::identity::Algorithm;
use crate::identity::Profile;
use crate::recording::Level;
use crate::recording::SyncMode;

/// Returns `[gateway]`
pub(super) fn gateway() -> Value {
    let limits = table(
        "What one client can use up",
        &[],
        vec![
            ("header_block", size("Bytes of a request's header block", "64KiB")),
            ("headers", default(whole("Headers of one request", 8, 1000), json!(100))),
            ("uri", size("Bytes of a request target", "16KiB")),
            ("streams", default(whole("Open TCP connections of all clients", 1, 1_000_000), json!(10_000))),
            (
                "logins",
                default(whole("Streams of one address that have not logged in", 1, 1_000_000), json!(256)),
            ),
            (
                "failed_logins",
                default(whole("Failed logins of one address within a minute", 1, 1_000_000), json!(120)),
            ),
            (
                "shared_addresses",
                texts(
                    "Addresses or networks that stand for many clients, such as load balancers: logins and failed_logins do not hold for them",
                ),
            ),
            ("sessions", default(whole("Open sessions of one principal", 1, 100_000), json!(64))),
            ("rate", whole("Requests a second of one principal on all connections together", 1, 1_000_000)),
        ],
    );
    let tls = table(
        "The gateway's certificate; needed when a listener is not on a loopback address",
        &["cert", "key"],
        vec![("cert", text("A PEM file with the certificate chain")), ("key", secret("The private key"))],
    );
    table(
        "Where clients connect",
        &[],
        vec![
            ("listen", default(listener("HTTP and MCP"), json!("127.0.0.1:8440"))),
            ("postgres_listen", listener("PostgreSQL; the database is called as the connection")),
            ("public_url", text("The address that clients use, if it is another one")),
            ("tls", tls),
            ("drain_timeout", duration("How long running requests may go on after a stop signal", "30s")),
            ("limits", limits),
            ("workers", whole("Threads that serve requests; default: one for each core", 1, 256)),
        ],
    )
}

/// Returns `[admin]`
pub(super) fn admin() -> Value {
    let client = |about: &str, more: Vec<(&'static str, Value)>| {
        let members = vec![
            ("client_id", text("The id of the client at the issuer")),
            ("scopes", texts("The scopes that are asked for")),
            ("issuer", text("The name of the [[oidc]] entry; needed when there are several")),
        ];
        table(about, &["client_id", "scopes"], members.into_iter().chain(more).collect())
    };
    table(
        "Who manages the gateway",
        &[],
        vec![
            ("socket", default(text("The Unix socket, relative to storage.data_dir"), json!("admin.sock"))),
            (
                "local_groups",
                map(
                    "The gateway's own OS user, or root, and the groups it decides with; nobody else can open the socket",
                    texts("Groups"),
                ),
            ),
            ("listen", listener("The admin API over the network")),
            ("public_url", text("Its address for people, if it is another one")),
            (
                "roles",
                table(
                    "Groups of tokens, and what they may do over the network",
                    &[],
                    vec![
                        ("operator", texts("They look, and change what the gateway does")),
                        ("approver", texts("They look, and decide approvals")),
                        ("viewer", texts("They look")),
                    ],
                ),
            ),
            ("clients", texts("Clients whose tokens are taken: ID, or ISSUER/ID")),
            ("login", client("How hoopctl login signs in", Vec::new())),
            (
                "page",
                client("The approval page for browsers", vec![("secret", secret("The client's secret"))]),
            ),
        ],
    )
}

/// Returns `[[oidc]]`
pub(super) fn oidc() -> Value {
    let client = table(
        "An app whose tokens carry no groups",
        &["name"],
        vec![("name", text("A name for people")), ("groups", texts("Its groups"))],
    );
    let login = table(
        "People's MCP clients log in through the gateway, as this client",
        &["client_id", "scopes"],
        vec![
            ("client_id", text("The id of the client at the issuer")),
            ("scopes", texts("Scopes that give a token for this gateway")),
            ("secret", secret("The client's secret")),
            ("redirect_uris", texts("Where MCP clients may be sent back to")),
        ],
    );
    let claims = table(
        "Names of claims, where the issuer has others",
        &[],
        vec![
            ("subject", text("Who it is")),
            ("groups", text("The groups")),
            ("roles", text("The roles")),
            ("client", text("The client")),
        ],
    );
    let profiles = [Profile::Entra, Profile::Generic].map(Profile::as_str);
    table(
        "Whose tokens are believed",
        &["name", "issuer", "audiences"],
        vec![
            ("name", name("Its name, the beginning of each principal of it")),
            ("issuer", text("The exact `iss` of its tokens")),
            ("profile", default(words("Whose rules it follows", profiles), json!("generic"))),
            ("audiences", texts("The `aud` that means this gateway")),
            ("discovery_url", text("Where its metadata is, if not below the issuer")),
            ("jwks_uri", text("Where its keys are, without discovery")),
            (
                "algorithms",
                list(
                    "Signatures that are accepted",
                    words("An algorithm", Algorithm::ALL.map(Algorithm::as_str)),
                ),
            ),
            ("leeway", duration("Allowed difference of clocks, at most 300s", "60s")),
            ("max_lifetime", duration("The longest life of a token", "")),
            ("claims", claims),
            ("scopes", texts("Scopes of which a token must have one")),
            ("group_names", map("Names for the ids that the provider sends: NAME = ID", any_text())),
            ("clients", map("Apps whose tokens carry no groups, by their ids", client)),
            ("ca_file", text("Trust the authorities in this PEM file, not the platform's")),
            ("accept_v1", flag("Entra: also tokens of version 1 of the same tenant")),
            ("allow_missing_idtyp", flag("Entra: tokens without idtyp")),
            ("rfc9068", flag("Access tokens must say that they are (RFC 9068)")),
            ("mcp_login", login),
            ("refetch_interval", duration("The shortest time between two fetches of keys", "")),
            ("soft_ttl", duration("When keys are fetched again", "")),
            ("hard_ttl", duration("When keys are too old to be believed", "")),
        ],
    )
}

/// Returns `[storage]`
pub(super) fn storage() -> Value {
    table(
        "Where things are kept",
        &[],
        vec![
            ("data_dir", text("The folder that hoopctl serve owns")),
            ("key", secret("The key that seals secrets kept in the store")),
        ],
    )
}

/// Returns `[recording]`
pub(super) fn recording() -> Value {
    table(
        "What is recorded, and for how long",
        &[],
        vec![
            ("level", default(words("How much of it", Level::ALL.map(Level::as_str)), json!("full"))),
            (
                "sync",
                default(
                    words(
                        "Which commands are on the disk before they are forwarded",
                        SyncMode::ALL_WORDS.map(SyncMode::as_str),
                    ),
                    json!("writes"),
                ),
            ),
            (
                "retention",
                table(
                    "How long it is kept",
                    &[],
                    vec![
                        ("recordings", duration("Events", "30d")),
                        ("metadata", duration("That there was a session", "400d")),
                        ("max_size", size("All of it on the disk", "20GiB")),
                    ],
                ),
            ),
            ("max_body", size("Longer bodies are cut in the recording", "1MiB")),
        ],
    )
}

/// Returns `[dev_issuer]`
pub(super) fn dev_issuer() -> Value {
    table(
        "An issuer of tokens for development: it gives one to anybody who asks",
        &[],
        vec![("listen", default(listener("Where it listens, on loopback only"), json!("127.0.0.1:8449")))],
    )
}
