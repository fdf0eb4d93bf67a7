//! Tests of the gate with a real journal and store in a temporary directory, and an issuer without a network.

use std::net::IpAddr;
use std::net::Ipv4Addr;
use std::sync::Arc;
use std::time::Duration;

use tokio::runtime::Handle;

use super::*;
use crate::domain::Class;
use crate::domain::Command;
use crate::domain::Connection;
use crate::domain::ConnectionLimits;
use crate::domain::DenyCode;
use crate::domain::Effect;
use crate::domain::EventKind;
use crate::domain::Injection;
use crate::domain::MaskRule;
use crate::domain::Origin;
use crate::domain::Protocol;
use crate::domain::RequestId;
use crate::domain::SessionEnd;
use crate::domain::Upstream;
use crate::domain::command::Args;
use crate::domain::command::HttpCommand;
use crate::domain::command::Words;
use crate::identity::NoKeeper;
use crate::identity::forge;
use crate::policy::Matcher;
use crate::policy::PolicyRule;
use crate::policy::PolicySet;
use crate::recording;
use crate::store::Store;
use snapshot::CallerLimits;
use snapshot::SnapshotParts;

/// Returns a connection `name` to a target on `host`.
pub(crate) fn connection(name: &str, host: &str) -> Connection {
    Connection {
        name: name.parse().unwrap(),
        origin: Origin::Store,
        protocol: Protocol::Http,
        upstream: Upstream {
            protocol: Protocol::Http,
            tls: false,
            host: host.into(),
            port: 80,
            base_path: "".into(),
            program: None,
            certificate: None,
        },
        inject: Injection::None,
        tags: std::collections::BTreeMap::new(),
        limits: ConnectionLimits::default(),
        ca_file: None,
        database: crate::domain::DatabaseOptions::default(),
        mcp: crate::domain::McpOptions::default(),
    }
}

/// Returns a snapshot that opens these connections to the members of `group`.
pub(crate) fn snapshot(
    issuers: Arc<Issuers>,
    connections: Vec<Connection>,
    masks: &[MaskRule],
    group: &str,
) -> Snapshot {
    let rule = PolicyRule {
        id: "open".to_owned(),
        origin: Origin::Store,
        effect: Effect::Allow,
        matches: Matcher { groups: vec![group.to_owned()], ..Matcher::default() },
        unless: None,
        when: None,
        approval: None,
        session_limit: None,
        message: None,
    };
    let parts = SnapshotParts {
        issuers,
        connections,
        fingerprint: |_| None,
        masks,
        policies: PolicySet::compile(vec![rule], 1).unwrap(),
        recording: recording::Settings::default(),
        limits: CallerLimits { sessions: 10, rate: None },
    };
    Snapshot::compile(parts, |_| [0; 32], None).unwrap()
}

/// Returns issuers that accept no token.
pub(crate) fn nobody() -> Arc<Issuers> {
    Arc::new(Issuers::new(Vec::new(), Arc::new(NoKeeper)).unwrap())
}

/// Returns a gate, and the directory with its files.
pub(crate) fn gate(snapshot: Snapshot) -> (Gate, tempfile::TempDir) {
    gate_hooked(snapshot, recording::Hooks::default())
}

fn gate_hooked(snapshot: Snapshot, hooks: recording::Hooks) -> (Gate, tempfile::TempDir) {
    let dir = tempfile::tempdir().unwrap();
    let data = dir.path().join("data");
    let store = Store::open(&data).unwrap();
    let journal = Journal::open_hooked(&data, recording::Settings::default(), hooks).unwrap();
    let approvals = Approvals::new(store, Arc::new(|_: &str, _: &[String]| false));
    let gate = Gate::new(snapshot, LockSet::new(Vec::new()), journal, approvals, Arc::new(Vault::new(None)));
    (gate, dir)
}

fn arrival<'a>(token: &'a str, path: &'a str) -> Arrival<'a> {
    Arrival {
        request: RequestId::new(),
        protocol: Protocol::Http,
        source: IpAddr::V4(Ipv4Addr::LOCALHOST),
        token: Some(token),
        connection: "crm",
        method: "GET",
        path,
    }
}

#[tokio::test]
async fn a_caller_is_judged_by_the_policies_that_belong_to_its_issuers() {
    let provider = forge::Provider::default();
    let pair = forge::Pair::rsa(0);
    provider.issue(forge::ISS, &[pair.jwk("k")]);
    provider.slow(Duration::from_millis(200));
    let issuers = Arc::new(provider.issuers(vec![forge::generic()]));
    issuers.start(&Handle::current());
    let crm = || vec![connection("crm", "crm.internal")];
    let (gate, _dir) = gate(snapshot(issuers, crm(), &[], "admins"));
    let token = pair.token("k", &forge::claims());

    // A reload while the request waits for keys: a caller verified by the old issuers gets nothing under the
    // new policies.
    let (entered, ()) = tokio::join!(gate.enter(arrival(&token, "/c/crm/x")), async {
        tokio::time::sleep(Duration::from_millis(50)).await;
        gate.replace(snapshot(nobody(), crm(), &[], "dba"));
    });
    assert_eq!(entered.err().map(|denied| denied.code), Some(DenyCode::Unauthenticated));
    assert!(gate.sessions().list().is_empty());
}

#[tokio::test]
async fn a_token_that_was_verified_does_not_outlive_its_key() {
    let provider = forge::Provider::default();
    let (pair, other) = (forge::Pair::rsa(0), forge::Pair::rsa(1));
    provider.issue(forge::ISS, &[pair.jwk("k")]);
    let issuers = Arc::new(provider.issuers(vec![forge::generic()]));
    issuers.start(&Handle::current());
    let (gate, _dir) =
        gate(snapshot(Arc::clone(&issuers), vec![connection("crm", "crm.internal")], &[], "dba"));
    let token = pair.token("k", &forge::claims());
    for _ in 0..2 {
        assert!(gate.enter(arrival(&token, "/c/crm/x")).await.is_ok());
    }
    provider.issue(forge::ISS, &[other.jwk("new")]);
    issuers.refresh(None).await;
    let refused = gate.enter(arrival(&token, "/c/crm/x")).await.err();
    assert_eq!(refused.map(|denied| denied.code), Some(DenyCode::Unauthenticated));
}

/// Returns a gate that admits a caller, its token, and the directory with the gate's files.
fn opened(hooks: recording::Hooks) -> (Gate, String, tempfile::TempDir) {
    let provider = forge::Provider::default();
    let pair = forge::Pair::rsa(0);
    provider.issue(forge::ISS, &[pair.jwk("k")]);
    let issuers = Arc::new(provider.issuers(vec![forge::generic()]));
    issuers.start(&Handle::current());
    let crm = vec![connection("crm", "crm.internal")];
    let (gate, dir) = gate_hooked(snapshot(issuers, crm, &[], "dba"), hooks);
    (gate, pair.token("k", &forge::claims()), dir)
}

/// Returns an exchange for tests elsewhere, and the directory of its gate.
pub(crate) async fn exchange() -> (Exchange, tempfile::TempDir) {
    let (gate, token, dir) = opened(recording::Hooks::default());
    (gate.enter(arrival(&token, "/c/crm/x")).await.unwrap(), dir)
}

#[tokio::test]
async fn what_changes_something_waits_for_the_disk_and_a_read_does_not() {
    let hooks = recording::Hooks::default();
    let (gate, token, _dir) = opened(hooks.clone());
    let admit = async |method: &str, class| {
        let exchange = gate.enter(arrival(&token, "/c/crm/x")).await.unwrap();
        let http =
            HttpCommand { method: method.into(), path: "/x".into(), query: "".into(), args: Args::Absent };
        let judged = exchange.judge(Command { protocol: Protocol::Http, class, words: Words::Http(http) });
        let record = CommandRecord { kind: EventKind::HttpRequest, data: "{}".into(), mask: Vec::new() };
        exchange.admit(judged, record, (), None).await.map(drop).map_err(|denied| denied.code)
    };
    for class in [Class::Read, Class::Write, Class::Ddl, Class::Admin] {
        assert_eq!(admit("GET", class).await, Ok(()), "{class}");
    }
    hooks.sync_fails.store(true, std::sync::atomic::Ordering::SeqCst);
    assert_eq!(admit("GET", Class::Read).await, Ok(()));
    assert_eq!(admit("PATCH", Class::Write).await, Err(DenyCode::RecordingUnavailable));
}

#[tokio::test]
async fn a_command_tells_who_sent_it_where_that_is_not_who_the_session_began_with() {
    let provider = forge::Provider::default();
    let pair = forge::Pair::rsa(0);
    provider.issue(forge::ISS, &[pair.jwk("k")]);
    let issuers = Arc::new(provider.issuers(vec![forge::generic()]));
    issuers.start(&Handle::current());
    let (gate, dir) = gate(snapshot(issuers, vec![connection("crm", "crm.internal")], &[], "dba"));
    let of = |changes| pair.token("k", &forge::with(forge::claims(), changes));
    let first = of(serde_json::json!({}));
    let groups = of(serde_json::json!({ "groups": ["dba", "etl"], "jti": "j2" }));
    let client = of(serde_json::json!({ "azp": "other", "jti": "j3" }));
    let elsewhere = IpAddr::V4(Ipv4Addr::new(10, 0, 0, 7));
    let here = IpAddr::V4(Ipv4Addr::LOCALHOST);
    for (token, source) in
        [(&first, here), (&groups, here), (&client, here), (&first, elsewhere), (&first, here)]
    {
        let exchange = gate.enter(Arrival { source, ..arrival(token, "/c/crm/x") }).await.unwrap();
        let http =
            HttpCommand { method: "GET".into(), path: "/x".into(), query: "".into(), args: Args::Absent };
        let command = Command { protocol: Protocol::Http, class: Class::Read, words: Words::Http(http) };
        let judged = exchange.judge(command);
        let record =
            CommandRecord { kind: EventKind::HttpRequest, data: "{\"n\":1}".into(), mask: Vec::new() };
        assert!(exchange.admit(judged, record, (), None).await.is_ok());
    }
    gate.close();
    gate.journal().flush().await.unwrap();
    gate.journal().close();
    let reader = recording::Reader::open(&dir.path().join("data")).unwrap();
    let sessions = reader.sessions(&recording::SessionFilter::default()).unwrap();
    let own: Vec<_> = sessions.iter().filter(|session| session.principal != recording::GATEWAY).collect();
    let [session] = &own[..] else { panic!("{own:?}") };
    let events = reader.events(session.id, 1).unwrap().map(|event| event.unwrap().event);
    let (mut told, mut began) = (Vec::new(), String::new());
    for event in events {
        match event.kind {
            EventKind::SessionStart => began = event.data,
            EventKind::HttpRequest => {
                let data: serde_json::Value = serde_json::from_str(&event.data).unwrap();
                assert_eq!(data["decision"]["rule"], "open", "{data}");
                let text = |name: &str| data["as"][name].as_str().unwrap_or_default().to_owned();
                let groups = data["as"]["groups"].as_array().map_or(0, Vec::len);
                told.push((groups, text("client"), text("source")));
            }
            _ => {}
        }
    }
    assert!(began.contains(r#""groups":["dba"],"groups_known":true"#), "{began}");
    let (cli, here) = ("cli".to_owned(), "127.0.0.1".to_owned());
    let same = || (0, String::new(), String::new());
    let expected = [
        same(),
        (2, cli.clone(), here.clone()),
        (1, "other".to_owned(), here),
        (1, cli, "10.0.0.7".to_owned()),
        same(),
    ];
    assert_eq!(told, expected);
}

/// Returns the events of the gateway's own recording as one text.
fn refusals(dir: &tempfile::TempDir) -> String {
    let reader = recording::Reader::open(&dir.path().join("data")).unwrap();
    let sessions = reader.sessions(&recording::SessionFilter::default()).unwrap();
    let own = sessions.iter().find(|session| session.principal == recording::GATEWAY).unwrap();
    reader.events(own.id, 1).unwrap().map(|event| event.unwrap().line.to_string()).collect()
}

#[tokio::test]
async fn recordings_of_refusals_end_and_others_begin() {
    let dir = tempfile::tempdir().unwrap();
    let journal = Journal::open(dir.path(), recording::Settings::default()).unwrap();
    let refusals = Refusals::open(&journal, 1);
    let denied = crate::domain::Denied::new(DenyCode::Unauthenticated, "no token");
    let stranger = refusals::RefusedRequest {
        request: RequestId::new(),
        source: Ipv4Addr::LOCALHOST.into(),
        method: "GET",
        path: "/c/crm/",
        principal: None,
    };
    refusals.grow_by(9_999);
    for _ in 0..2 {
        refusals.record(&journal, 1, stranger, &denied, None);
    }
    refusals.close(&journal);
    journal.flush().await.unwrap();
    let reader = recording::Reader::open(dir.path()).unwrap();
    let sessions = reader.sessions(&recording::SessionFilter::default()).unwrap();
    let ends: Vec<_> = sessions.iter().map(|session| (session.end, session.events)).collect();
    assert_eq!(ends, [(Some(SessionEnd::Stopped), 3), (Some(SessionEnd::Limit), 3)]);
}

#[tokio::test]
async fn a_refusal_without_a_session_is_recorded_without_secrets_in_its_path() {
    let mask = MaskRule {
        id: "pii".to_owned(),
        origin: Origin::Store,
        tags: std::collections::BTreeMap::new(),
        connections: vec!["crm".to_owned()],
        fields: Vec::new(),
        entities: vec![crate::domain::Entity::EmailAddress],
        patterns: std::collections::BTreeMap::new(),
        op: crate::domain::MaskOp::Redact,
        predicates: crate::domain::Predicates::default(),
    };
    let (gate, dir) = gate(snapshot(nobody(), vec![connection("crm", "crm.internal")], &[mask], "dba"));
    let long = format!("/c/crm/{}?t=s3cret", "x".repeat(10_000));
    for path in ["/c/crm/x?access_token=s3cret&page=2", "/c/crm/customers/jane@example.org/x", &long] {
        assert!(gate.enter(arrival("no token", path)).await.is_err());
    }
    gate.close();
    gate.journal().flush().await.unwrap();
    gate.journal().close();
    let told = refusals(&dir);
    assert!(
        !told.contains("s3cret") && !told.contains("jane@") && !told.contains(&"x".repeat(513)),
        "{told}"
    );
    assert!(
        told.contains("access_token=[withheld]&page=[withheld]") && told.contains("/customers/"),
        "{told}"
    );
}

/// Returns a connection `name` to a database.
fn database(name: &str) -> Connection {
    let http = connection(name, "db.internal");
    Connection {
        protocol: Protocol::Postgres,
        upstream: Upstream {
            protocol: Protocol::Postgres,
            tls: true,
            port: 5432,
            base_path: "/app".into(),
            program: None,
            certificate: None,
            ..http.upstream
        },
        ..http
    }
}

#[tokio::test]
async fn a_connection_exists_only_for_the_protocol_that_it_speaks() {
    let provider = forge::Provider::default();
    let pair = forge::Pair::rsa(0);
    provider.issue(forge::ISS, &[pair.jwk("k")]);
    let issuers = Arc::new(provider.issuers(vec![forge::generic()]));
    issuers.start(&Handle::current());
    let both = vec![connection("crm", "crm.internal"), database("db")];
    let (gate, dir) = gate(snapshot(issuers, both, &[], "dba"));
    let token = pair.token("k", &forge::claims());
    let enter = async |protocol, connection| {
        let arrival = Arrival { protocol, connection, ..arrival(&token, "/c/db/x") };
        gate.enter(arrival).await.map(|exchange| exchange.session_id())
    };
    // Each is open to the caller through its own protocol.
    assert!(enter(Protocol::Http, "crm").await.is_ok());
    assert!(enter(Protocol::Postgres, "db").await.is_ok());
    let absent = enter(Protocol::Http, "none").await.unwrap_err();
    for (protocol, connection) in [(Protocol::Http, "db"), (Protocol::Postgres, "crm")] {
        let denied = enter(protocol, connection).await.unwrap_err();
        assert_eq!(denied.audit, Some("wrong_protocol"), "{connection}");
        assert_eq!((denied.code, &denied.detail), (absent.code, &absent.detail), "{connection}");
    }
    assert_eq!(gate.sessions().list().len(), 2);
    gate.close();
    gate.journal().flush().await.unwrap();
    gate.journal().close();
    let told = refusals(&dir);
    assert_eq!(told.matches("wrong_protocol").count(), 2, "{told}");
}

#[test]
fn a_connection_leads_elsewhere_once_its_file_of_authorities_holds_others() {
    let mut connection = database("db");
    connection.ca_file = Some("ca.pem".into());
    let compiled = |fingerprint, before: Option<&Snapshot>| {
        let parts = SnapshotParts {
            issuers: nobody(),
            connections: vec![connection.clone()],
            fingerprint,
            masks: &[],
            policies: PolicySet::compile(Vec::new(), 1).unwrap(),
            recording: recording::Settings::default(),
            limits: CallerLimits { sessions: 10, rate: None },
        };
        Snapshot::compile(parts, |_| [0; 32], before).unwrap()
    };
    let before = compiled(|_| Some([1; 32]), None);
    let [same, other] =
        [compiled(|_| Some([1; 32]), Some(&before)), compiled(|_| Some([2; 32]), Some(&before))];
    let of = |snapshot: &Snapshot| Arc::clone(snapshot.connection("db").unwrap());
    assert!(Arc::ptr_eq(&of(&before), &of(&same)));
    assert!(of(&before).leads_elsewhere(&of(&other)));
}

#[test]
fn a_session_does_not_outlive_the_options_that_it_began_with() {
    let of = |connection| {
        let snapshot = snapshot(nobody(), vec![connection], &[], "dba");
        Arc::clone(snapshot.connection("db").unwrap())
    };
    let before = of(database("db"));
    assert!(!before.leads_elsewhere(&of(database("db"))));
    let mut readonly = database("db");
    readonly.database.readonly = true;
    let mut strict = database("db");
    strict.database.accept.accept_md5 = true;
    let mut other = database("db");
    other.upstream.base_path = "/other".into();
    for changed in [readonly, strict, other] {
        let changed = of(changed);
        assert!(before.leads_elsewhere(&changed) && changed.leads_elsewhere(&before));
    }
}
