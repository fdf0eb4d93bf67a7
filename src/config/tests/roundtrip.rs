//! Entities round-trip through their text, and file and store are combined without loss.

use std::collections::BTreeMap;
use std::time::Duration;

use proptest::collection::btree_map;
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use proptest::sample::select;
use proptest::sample::subsequence;

use super::with;
use crate::config::Entity;
use crate::config::combine;
use crate::config::parse_entity;
use crate::config::render_entity;
use crate::domain::approval::ApprovalSpec;
use crate::domain::approval::GrantScope;
use crate::domain::command::Class;
use crate::domain::connection::ApprovalMode;
use crate::domain::connection::ClientCertificate;
use crate::domain::connection::Connection;
use crate::domain::connection::ConnectionLimits;
use crate::domain::connection::DatabaseOptions;
use crate::domain::connection::Injection;
use crate::domain::connection::Notifications;
use crate::domain::connection::Origin;
use crate::domain::connection::Protocol;
use crate::domain::connection::Upstream;
use crate::domain::connection::Weaker;
use crate::domain::connection::mcp::BinaryMode;
use crate::domain::connection::mcp::McpOptions;
use crate::domain::connection::mcp::PinMode;
use crate::domain::connection::mcp::Program;
use crate::domain::connection::mcp::ServerRequest;
use crate::domain::connection::mcp::Transport;
use crate::domain::entity::EntityKind;
use crate::domain::mask;
use crate::domain::mask::MaskOp;
use crate::domain::mask::MaskRule;
use crate::domain::principal::Kind;
use crate::domain::secret::SecretRef;
use crate::domain::sql::Verb;
use crate::domain::verdict::Effect;
use crate::policy::Matcher;
use crate::policy::PolicyRule;
use crate::policy::When;

/// Generates any text that is not empty, including quotes, line feeds and control characters.
fn free_text() -> impl Strategy<Value = String> {
    vec(any::<char>(), 1..12).prop_map(|chars| chars.into_iter().collect())
}

fn texts() -> impl Strategy<Value = Vec<String>> {
    vec("[a-z][a-zA-Z0-9@/ .\"'\\\\-]{0,10}[a-z]", 0..3)
}

fn duration(low_ms: u64, high_ms: u64) -> impl Strategy<Value = Duration> {
    (low_ms..high_ms).prop_map(Duration::from_millis)
}

fn secret() -> impl Strategy<Value = SecretRef> {
    prop_oneof![
        "[A-Z_][A-Z0-9_]{0,8}".prop_map(SecretRef::Env),
        "/[ -~&&[^/]]{1,8}/[a-z\"]{1,4}".prop_map(|path| SecretRef::File(path.into())),
        "[a-zA-Z0-9_./-]{1,12}".prop_map(SecretRef::Store),
        "[a-z/]{1,8}( [ -~]{0,8}[!-~])?".prop_map(SecretRef::Exec),
    ]
}

fn injection() -> impl Strategy<Value = Injection> {
    prop_oneof![
        Just(Injection::None),
        secret().prop_map(Injection::Bearer),
        ("[!-~&&[^:]]{1,8}", secret()).prop_map(|(user, password)| Injection::Basic { user, password }),
        (select(vec!["x-api-key", "authorization", "cookie"]), secret())
            .prop_map(|(name, value)| Injection::Header { name: name.to_owned(), value }),
    ]
}

fn host() -> impl Strategy<Value = String> {
    prop_oneof![
        "[a-z][a-z0-9-]{0,8}[a-z]\\.example".prop_map(|host| host),
        any::<std::net::Ipv4Addr>().prop_map(|address| address.to_string()),
        any::<std::net::Ipv6Addr>().prop_map(|address| address.to_string()),
    ]
}

fn upstream() -> impl Strategy<Value = Upstream> {
    (any::<bool>(), host(), 1u16.., "(/[a-zA-Z0-9_~!$&'()*+,=:@-]{1,6}){0,3}").prop_map(
        |(tls, host, port, path)| Upstream {
            protocol: Protocol::Http,
            tls,
            host: host.into(),
            port,
            base_path: path.into(),
            program: None,
            certificate: None,
        },
    )
}

/// Returns names of databases: slashes, quotes, percent signs, dots, but no control characters.
fn database_name() -> impl Strategy<Value = String> {
    let odd =
        select(vec!["..", ".", "a/b", "%41", "?sslmode=disable", "#", "@", "caf\u{e9}", " ", "\u{202e}"]);
    let free = vec(any::<char>().prop_filter("a control character", |c| !c.is_control()), 1..15);
    prop_oneof![odd.prop_map(str::to_owned), free.prop_map(|chars| chars.into_iter().collect())]
}

fn database_options() -> impl Strategy<Value = DatabaseOptions> {
    let mode = select(vec![ApprovalMode::Wait, ApprovalMode::Retry]);
    let notifications = select(vec![Notifications::Redact, Notifications::Pass]);
    (any::<bool>(), mode, notifications, any::<[bool; 3]>()).prop_map(
        |(readonly, approval_mode, notifications, [accept_cleartext, accept_md5, accept_trust])| {
            DatabaseOptions {
                readonly,
                approval_mode,
                notifications,
                accept: Weaker { accept_cleartext, accept_md5, accept_trust },
            }
        },
    )
}

fn database() -> impl Strategy<Value = Connection> {
    let upstream = (any::<bool>(), host(), 1u16.., database_name());
    let login = ("[!-~&&[^:]]{1,63}", secret(), option::of(("/[ -~\u{e9}]{1,20}", secret())), any::<bool>());
    (connection(), upstream, login, database_options(), option::of(1u64..=1_000_000_000)).prop_map(
        |(own, (tls, host, port, name), (user, password, certificate, alone), database, rows)| Connection {
            protocol: Protocol::Postgres,
            upstream: Upstream {
                protocol: Protocol::Postgres,
                tls,
                host: host.into(),
                port,
                base_path: format!("/{name}").into(),
                program: None,
                certificate: certificate
                    .clone()
                    .filter(|_| tls)
                    .map(|(file, key)| ClientCertificate { file: file.into(), key }),
            },
            inject: match certificate {
                Some(_) if tls && alone => Injection::Certificate { user },
                _ => Injection::Password { user, password },
            },
            limits: ConnectionLimits { rows, ..own.limits },
            ca_file: own.ca_file.filter(|_| tls),
            database,
            ..own
        },
    )
}

fn mcp_options() -> impl Strategy<Value = McpOptions> {
    let host = prop_oneof![
        host(),
        host().prop_map(|name| format!("*.{name}")).prop_filter("no address", |own| own.ends_with('e'))
    ];
    let origin = select(vec!["https://app.example", "http://[::1]:8080", "https://app.example:8443"]);
    let requests = subsequence(ServerRequest::ALL.to_vec(), 0..4);
    let words =
        (select(Transport::ALL.to_vec()), select(PinMode::ALL.to_vec()), select(BinaryMode::ALL.to_vec()));
    (any::<bool>(), words, requests, vec(host, 0..3), vec(origin, 0..3)).prop_map(
        |(trust_annotations, (transport, pin, binary), requests, elicitation_hosts, origins)| McpOptions {
            trust_annotations,
            transport,
            pin,
            binary,
            allow_server_requests: requests.into_iter().collect(),
            elicitation_hosts,
            origins: origins.into_iter().map(str::to_owned).collect(),
            env: BTreeMap::new(),
        },
    )
}

/// Returns an MCP server with an address, or a program with its words and variables.
fn mcp() -> impl Strategy<Value = Connection> {
    let word = || vec(any::<char>().prop_filter("a null character", |c| *c != '\0'), 0..8);
    let text = |chars: Vec<char>| chars.into_iter().collect::<String>();
    let args = vec(word().prop_map(move |chars| text(chars).into()), 0..4);
    let program = (
        "(/[a-z '\"$]{1,6}){0,2}/?[a-z]{1,6}"
            .prop_filter("a relative path", |name| !name.contains('/') || name.starts_with('/')),
        args,
    )
        .prop_map(|(name, args)| Program { name: name.into(), args });
    let env = btree_map(
        "[A-Za-z_][A-Za-z0-9_]{0,6}",
        free_text().prop_map(|text| format!("x{}", text.replace('\0', ""))),
        0..3,
    );
    (connection(), mcp_options(), option::of((program, env, option::of(secret()))), "/?").prop_map(
        |(own, mcp, program, slash)| {
            let speaks = Connection {
                protocol: Protocol::Mcp,
                upstream: Upstream {
                    protocol: Protocol::Mcp,
                    base_path: format!("{}{slash}", own.upstream.base_path).into(),
                    ..own.upstream.clone()
                },
                mcp,
                ..own
            };
            let Some((program, env, secret)) = program else { return speaks };
            Connection {
                upstream: Upstream {
                    tls: false,
                    host: "".into(),
                    port: 0,
                    base_path: "".into(),
                    program: Some(program),
                    ..speaks.upstream
                },
                inject: secret
                    .map_or(Injection::None, |value| Injection::Env { name: "OWN_TOKEN".to_owned(), value }),
                ca_file: None,
                mcp: McpOptions { env, transport: Transport::default(), ..speaks.mcp },
                ..speaks
            }
        },
    )
}

fn limits() -> impl Strategy<Value = ConnectionLimits> {
    (
        duration(100, 2_592_000_001),
        duration(100, 2_592_000_001),
        1u64..=1 << 30,
        duration(0, 3_600_001),
        option::of(1u32..=1_000_000),
        duration(10, 300_001),
        duration(10, 3_600_001),
    )
        .prop_map(|(session, idle, body, approval_wait, rate, connect, response)| ConnectionLimits {
            rows: None,
            session,
            idle,
            body,
            approval_wait,
            rate,
            connect,
            response,
        })
}

fn connection() -> impl Strategy<Value = Connection> {
    let tags = btree_map(free_text(), free_text(), 0..3);
    let limits = prop_oneof![Just(ConnectionLimits::default()), limits()];
    ("[a-z0-9-]{1,63}", upstream(), injection(), tags, limits, any::<bool>()).prop_map(
        |(name, upstream, inject, tags, limits, ca)| Connection {
            database: DatabaseOptions::default(),
            mcp: McpOptions::default(),
            name: name.parse().unwrap(),
            origin: Origin::Store,
            protocol: Protocol::Http,
            ca_file: (ca && upstream.tls).then(|| "/etc/ca \"1\".pem".into()),
            upstream,
            inject,
            tags,
            limits,
        },
    )
}

fn mask_rule() -> impl Strategy<Value = MaskRule> {
    let op = prop_oneof![
        Just(MaskOp::Hash),
        Just(MaskOp::Null),
        Just(MaskOp::Redact),
        (1u8..=6).prop_map(|n| MaskOp::KeepFirst { n }),
        (1u8..=4).prop_map(|n| MaskOp::KeepLast { n }),
        "[a-zA-Z\"' ]{1,8}".prop_map(|with| MaskOp::Replace { with }),
    ];
    let tags = btree_map("[a-z]{1,4}", "[a-z]{1,4}", 0..2);
    let patterns = select(vec![
        BTreeMap::new(),
        BTreeMap::from([("CUSTOMER".to_owned(), "C-[0-9]{8}\\.\"x\"".to_owned())]),
    ]);
    let entities = subsequence(mask::Entity::BUILT_IN.to_vec(), 1..4);
    (
        "[a-zA-Z0-9._-]{1,20}",
        vec("[a-z*-]{1,5}", 0..2),
        tags,
        vec("[a-z_*]{0,4}[a-z]", 0..3),
        entities,
        patterns,
        op,
        select(mask::Predicates::ALL.to_vec()),
    )
        .prop_map(|(id, connections, tags, fields, entities, patterns, op, predicates)| MaskRule {
            id,
            origin: Origin::Store,
            connections,
            tags,
            // It holds for fields only.
            predicates: if fields.is_empty() { mask::Predicates::default() } else { predicates },
            fields,
            entities,
            patterns,
            op,
        })
}

fn matcher() -> impl Strategy<Value = Matcher> {
    let kinds = subsequence(vec![Kind::Agent, Kind::App, Kind::Human], 0..3);
    let classes = subsequence(Class::ALL.to_vec(), 0..4);
    let ips = subsequence(vec!["10.0.0.0/8".to_owned(), "::1".to_owned(), "192.0.2.7".to_owned()], 0..3);
    let methods = subsequence(vec!["GET".to_owned(), "tools/*".to_owned(), "*".to_owned()], 0..3);
    let paths = subsequence(vec!["/orders/*".to_owned(), "/a/**".to_owned(), "/".to_owned()], 0..3);
    let args =
        select(vec![BTreeMap::new(), BTreeMap::from([("order.amount".to_owned(), "> 1000".to_owned())])]);
    let claims = select(vec![BTreeMap::new(), BTreeMap::from([("a \"b\"".to_owned(), "c|d".to_owned())])]);
    let tags = btree_map("[a-z][a-z ]{0,4}[a-z]", "[a-z]{1,4}", 0..2);
    let tables = subsequence(vec!["crm.*".to_owned(), "my table".to_owned(), "*".to_owned()], 0..3);
    let columns =
        subsequence(vec!["*.ssn".to_owned(), "crm.customers.id".to_owned(), "a'b".to_owned()], 0..3);
    let functions = subsequence(vec!["public.purge".to_owned(), "app_*".to_owned()], 0..2);
    let verbs = subsequence(Verb::ALL.to_vec(), 0..4);
    let resources =
        subsequence(vec!["file:///data/**".to_owned(), "db://x/*?a=%41".to_owned(), "*".to_owned()], 0..3);
    let settings = subsequence(vec!["statement_timeout".to_owned(), "app.*".to_owned()], 0..2);
    let all_rows = option::of(any::<bool>());
    let sql = (tables, columns.clone(), columns, functions, verbs, settings, all_rows);
    let mcp = (texts(), texts(), resources);
    let lists = (texts(), texts(), texts(), texts(), vec("[a-z0-9-]{1,8}\\*?", 0..3));
    ((kinds, classes, ips, methods, paths, args, claims, tags), lists, sql, mcp).prop_map(
        |((kinds, operations, source_ips, methods, paths, args, claims, tags), lists, sql, mcp)| {
            let (tools, prompts, resources) = mcp;
            let (tables, columns, columns_not, functions, verbs, settings, all_rows) = sql;
            let (mut groups, names, clients, issuers, connections) = lists;
            let subjects = names.into_iter().map(|name| format!("idp/{name}")).collect();
            // An allow must say who.
            groups.push("dba".to_owned());
            Matcher {
                tools,
                prompts,
                resources,
                groups,
                subjects,
                clients,
                issuers,
                kinds,
                claims,
                connections,
                tags,
                protocols: Protocol::ALL.to_vec(),
                source_ips,
                operations,
                methods,
                paths,
                args,
                tables,
                columns,
                columns_not,
                functions,
                verbs,
                settings,
                all_rows,
            }
        },
    )
}

fn approval() -> impl Strategy<Value = ApprovalSpec> {
    let grant = prop_oneof![
        Just(GrantScope::Once),
        Just(GrantScope::Session),
        (1u64..86_400).prop_map(|seconds| GrantScope::Window(Duration::from_secs(seconds))),
    ];
    (vec("[a-z]{1,5}", 1..3), 1u32..=3, 1u64..=604_800, any::<bool>(), grant).prop_map(
        |(from, min, timeout_s, reason, grant)| ApprovalSpec { from, min, timeout_s, reason, grant },
    )
}

fn policy() -> impl Strategy<Value = PolicyRule> {
    let effect = select(vec![Effect::Allow, Effect::Approve, Effect::Deny]);
    let excuse = Matcher { groups: vec!["break \"glass\"".to_owned()], ..Matcher::default() };
    let window = When {
        days: vec!["mon-fri".to_owned()],
        hours: "08:00-19:00".to_owned(),
        tz: "Europe/Lisbon".to_owned(),
    };
    let night = When { days: Vec::new(), hours: "22:00-06:00".to_owned(), tz: String::new() };
    (
        "[a-zA-Z0-9._-]{1,63}",
        effect,
        matcher(),
        select(vec![None, Some(excuse)]),
        select(vec![None, Some(window), Some(night)]),
        approval(),
        option::of(duration(1000, 2_592_000_000)),
        option::of(free_text().prop_map(|text| format!("x{text}"))),
    )
        .prop_map(|(id, effect, matches, unless, when, approval, session_limit, message)| PolicyRule {
            id,
            origin: Origin::Store,
            effect,
            matches,
            unless,
            when,
            approval: (effect == Effect::Approve).then_some(approval),
            session_limit: session_limit.filter(|_| effect != Effect::Deny),
            message,
        })
}

fn survives(entity: &Entity) -> Result<(), TestCaseError> {
    let text = render_entity(entity);
    match parse_entity(entity.kind(), &text, Origin::Store) {
        Ok(again) => {
            prop_assert_eq!(&again, entity, "{}", text);
            prop_assert_eq!(render_entity(&again), text);
        }
        Err(problems) => prop_assert!(false, "{}\n{}", text, problems.report()),
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_connection_survives_its_text(own in connection()) {
        survives(&Entity::Connection(own))?;
    }

    #[test]
    fn a_connection_to_a_database_survives_its_text(own in database()) {
        survives(&Entity::Connection(own))?;
    }

    #[test]
    fn a_connection_to_an_mcp_server_survives_its_text(own in mcp()) {
        survives(&Entity::Connection(own))?;
    }

    #[test]
    fn a_mask_survives_its_text(own in mask_rule()) {
        survives(&Entity::Mask(own))?;
    }

    #[test]
    fn a_policy_survives_its_text(own in policy()) {
        survives(&Entity::Policy(own))?;
    }
}

const CRM: &str =
    "[[connection]]\nname = \"crm\"\nupstream = \"https://crm.example\"\ntags = { data = \"pii\" }\n";

fn stored(kind: EntityKind, text: &str) -> Entity {
    parse_entity(kind, text, Origin::Store).unwrap_or_else(|problems| panic!("{}", problems.report()))
}

#[test]
fn a_name_in_file_and_store_is_a_problem_at_its_line() {
    let config = with(CRM).unwrap();
    let other = stored(EntityKind::Connection, "name = \"wiki\"\nupstream = \"https://wiki.example\"\n");
    let both = combine(&config, vec![other.clone()]).unwrap();
    assert_eq!(both.connections.iter().map(|own| own.name.as_str()).collect::<Vec<_>>(), ["crm", "wiki"]);
    let same = stored(EntityKind::Connection, "name = \"crm\"\nupstream = \"https://evil.example\"\n");
    let problems = combine(&config, vec![same]).unwrap_err();
    assert_eq!(
        problems.to_string(),
        "h.toml:5:8: connection.crm.name = \"crm\": there twice: the store has it too; take it out of the file, or out of \
         the store with: hoopctl connect remove crm"
    );
    let twice = combine(&config, vec![other.clone(), other]).unwrap_err();
    assert!(twice.to_string().starts_with("store: connection.wiki.name = \"wiki\": there twice"), "{twice}");
    // A policy may have the same name as a connection.
    let policy =
        stored(EntityKind::Policy, "id = \"crm\"\neffect = \"deny\"\nmatch = { methods = [\"PUT\"] }\n");
    assert!(combine(&config, vec![policy]).is_ok());
}

#[test]
fn names_of_things_that_are_nowhere_are_warnings_with_their_place() {
    let rules = "[admin]\nlocal_groups = { root = [\"dba\"] }\n[[oidc]]\nname = \"idp\"\nissuer = \"https://idp.example\"\naudiences = [\"a\"]\n\
        group_names = { etl = \"1\" }\n\
        [[policy]]\nid = \"p\"\neffect = \"approve\"\nmatch = { groups = [\"elt\", \"other\"], connections = [\"cmr\", \"wiki\", \"cr*\"], issuers = [\"ipd\"] }\n\
        approval = { from = [\"sre\"] }\n\
        [[mask]]\nid = \"m\"\nmatch = { tags = { data = \"pi\" }, connections = [\"crm\"] }\nfields = [\"ssn\"]\n";
    let config = with(&format!("{CRM}{rules}")).unwrap();
    assert!(config.warnings.is_empty());
    let wiki = stored(EntityKind::Connection, "name = \"wiki\"\nupstream = \"https://wiki.example\"\n");
    let policy =
        stored(EntityKind::Policy, "id = \"s\"\neffect = \"deny\"\nmatch = { connections = [\"gone\"] }\n");
    let entities = combine(&config, vec![wiki, policy]).unwrap();
    let mut shown: Vec<String> = entities.warnings.iter().map(ToString::to_string).collect();
    shown.sort();
    assert_eq!(
        shown,
        [
            "h.toml:18:21: policy.p.match.groups = \"elt\": no group of that name is configured; did you mean \"etl\"?",
            "h.toml:18:53: policy.p.match.connections = \"cmr\": no connection has that name; did you mean \"crm\"?",
            "h.toml:18:87: policy.p.match.issuers = \"ipd\": no [[oidc]] has that name; did you mean \"idp\"?",
            "h.toml:19:22: policy.p.approval.from = \"sre\": no member of approval.from is configured as an approver, so this policy can never be approved; \
             give an OS user the group: [admin] local_groups = { USER = [\"GROUP\"] }",
            "h.toml:22:27: mask.m.match.tags.data = \"pi\": no connection has that tag; did you mean \"pii\"?",
            "store: policy.s.match.connections = \"gone\": no connection has that name",
        ]
    );
}

#[test]
fn a_credential_that_crosses_the_network_in_the_clear_is_a_warning() {
    let config =
        with("[[connection]]\nname = \"a\"\nupstream = \"http://10.0.0.9\"\ninject = \"bearer:env:T\"\n")
            .unwrap();
    assert_eq!(config.warnings.len(), 1);
    for harmless in ["http://127.0.0.1:1", "https://10.0.0.9", "http://[::1]", "http://localhost"] {
        let text =
            format!("[[connection]]\nname = \"a\"\nupstream = \"{harmless}\"\ninject = \"bearer:env:T\"\n");
        assert!(with(&text).unwrap().warnings.is_empty(), "{harmless}");
    }
}
