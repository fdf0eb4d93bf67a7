//! Tests of the service layer with a real store, real approvals and a real journal in a temporary directory.
//! Only the operations of a whole gateway ([`Live`]) are noted instead of executed.

mod approvals;
mod entities;
mod hidden;
mod holds;
mod labels;
mod page;
mod pins;
mod recordings;
mod remote;
mod rights;
mod secrets;
mod trail;

use std::path::Path;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::OnceLock;

use arc_swap::ArcSwap;
use http::StatusCode;
use zeroize::Zeroizing;

use crate::approval::Approvals;
use crate::config;
use crate::config::PageSettings;
use crate::control::Answer;
use crate::control::ApiError;
use crate::control::Backend;
use crate::control::ErrorCode;
use crate::control::Peer;
use crate::control::api::*;
use crate::control::page::issuer::Onward;
use crate::domain::Denied;
use crate::domain::DenyCode;
use crate::domain::Kind;
use crate::domain::Principal;
use crate::domain::connection::Connection;
use crate::domain::connection::Origin;
use crate::domain::entity::EntityKind;
use crate::domain::id::SessionId;
use crate::domain::json::Json;
use crate::domain::lock::Lock;
use crate::domain::pin::Pin;
use crate::gateway::admin::Admin;
use crate::gateway::admin::CurrentApprovers;
use crate::gateway::admin::Identified;
use crate::gateway::admin::Live;
use crate::gateway::admin::Parts;
use crate::gateway::revision::file_digest;
use crate::identity::OAuthGrant;
use crate::identity::Redeemed;
use crate::identity::TokenKey;
use crate::identity::Verified;
use crate::policy::PolicySet;
use crate::recording;
use crate::recording::Journal;
use crate::secret::SealKey;
use crate::secret::Sealer;
use crate::secret::Vault;
use crate::store::DataDirLock;
use crate::store::Store;
use crate::store::View;
use crate::store::lock_data_dir;

/// The file of every test, with one connection, policy and mask.
const FILE: &str = r#"
version = 1
[admin]
local_groups = { alice = ["dba"], carol = ["auditors"] }
listen = "127.0.0.1:8441"
roles = { operator = ["ops"], approver = ["dba", "on-call"], viewer = ["audit"] }
clients = ["ci"]
login = { client_id = "cli", scopes = ["openid", "use"] }
[[oidc]]
name = "idp"
issuer = "https://idp.example"
audiences = ["api://hoopctl"]
[[connection]]
name = "crm"
upstream = "https://crm.internal/api"
inject = "bearer:store:CRM_TOKEN"
tags = { data = "pii" }
[[policy]]
id = "etl-reads"
effect = "allow"
match = { groups = ["etl"], connections = ["crm"], operations = ["read"] }
[[mask]]
id = "pii"
match = { tags = { data = "pii" } }
fields = ["ssn"]
op = { kind = "redact" }
"#;

fn config(dir: &Path) -> config::Config {
    config_with(FILE, dir)
}

fn config_with(file: &str, dir: &Path) -> config::Config {
    let text = format!("{file}\n[storage]\ndata_dir = {:?}\n", dir.join("data"));
    config::parse(&text, Path::new("gw.toml")).unwrap()
}

/// The operations that a gateway was asked for.
#[derive(Default)]
struct Told {
    changes: Mutex<u32>,
    locks: Mutex<Vec<Lock>>,
    pins: Mutex<Vec<Pin>>,
    flushed: Mutex<u32>,
    live: Mutex<Vec<LiveSession>>,
    /// Connections in force besides those of the file.
    served: Mutex<Vec<String>>,
    fails: Mutex<bool>,
    /// The revision that was last applied.
    revision: Mutex<u64>,
    /// The store and the digest of the file, from which it is computed.
    stored: OnceLock<(Store, String)>,
    /// Principals that a lock names.
    shut_out: Mutex<Vec<String>>,
    /// Called before a session is ended; returns false if it has ended meanwhile.
    kills: Mutex<Option<Box<dyn Fn() -> bool + Send>>>,
    /// The issuer's answer to a code.
    redeemed: Mutex<(u16, String)>,
}

impl Live for Told {
    fn reload<'a>(&'a self, actor: &'a str) -> Answer<'a, ReloadReport> {
        Box::pin(async move {
            if *self.fails.lock().unwrap() {
                let problems = vec!["gw.toml:1:1: wrong".to_owned()];
                return Err(ApiError::new(ErrorCode::Invalid, "invalid").problems(problems));
            }
            let (store, _) = self.stored.get().unwrap().clone();
            let actor = actor.to_owned();
            let note = move |change: &crate::store::Change<'_>| {
                change.append_audit(&actor, "config.reload", "gw.toml", &serde_json::json!({}))
            };
            store.change(note).await.unwrap();
            Ok(ReloadReport {
                revision: 9,
                counts: Counts::default(),
                restart_needed: vec![],
                warnings: vec![],
            })
        })
    }

    fn entities_changed(&self) -> Answer<'_, ()> {
        Box::pin(async {
            if *self.fails.lock().unwrap() {
                return Err(ApiError::new(ErrorCode::Failed, "the masks do not compile"));
            }
            *self.changes.lock().unwrap() += 1;
            self.take_over().await;
            Ok(())
        })
    }

    fn locks_changed(&self, locks: Vec<Lock>) {
        *self.locks.lock().unwrap() = locks;
    }

    fn pins_accepted(&self, pins: Vec<Pin>) {
        self.pins.lock().unwrap().extend(pins);
    }

    fn pins_forgotten(&self, pins: &[Pin]) {
        self.pins.lock().unwrap().retain(|pin| !pins.iter().any(|gone| gone.name == pin.name));
    }

    fn flush_pins(&self) {
        *self.flushed.lock().unwrap() += 1;
    }

    fn sessions(&self) -> Vec<LiveSession> {
        self.live.lock().unwrap().clone()
    }

    fn kill(&self, id: SessionId) -> bool {
        if self.kills.lock().unwrap().as_ref().is_some_and(|kills| !kills()) {
            return false;
        }
        let mut live = self.live.lock().unwrap();
        let before = live.len();
        live.retain(|session| session.id != id);
        live.len() < before
    }

    fn in_force(&self) -> (Vec<Connection>, PolicySet) {
        let file = config(Path::new("/nowhere"));
        let parse = |toml: &String| config::parse_entity(EntityKind::Connection, toml, Origin::Store);
        let served = self.served.lock().unwrap();
        let served = served.iter().filter_map(|toml| match parse(toml).unwrap() {
            config::Entity::Connection(connection) => Some(connection),
            _ => None,
        });
        let connections = file.connections.into_iter().chain(served).collect();
        (connections, PolicySet::compile(file.policies, 7).unwrap())
    }

    fn only_reads(&self, _connection: &Connection, tool: &str) -> Option<bool> {
        tool.starts_with("list_").then_some(true)
    }

    fn status(&self) -> StatusReport {
        StatusReport {
            version: "0".to_owned(),
            running: true,
            ready: true,
            pid: Some(1),
            started_ms: Some(1),
            config: String::new(),
            data_dir: String::new(),
            revision: *self.revision.lock().unwrap(),
            listeners: vec![],
            issuers: vec![],
            targets: vec![],
            recording_problem: None,
            restart_needed: Box::default(),
            unset: None,
            counts: Counts::default(),
            you: None,
        }
    }

    fn identify<'a>(&'a self, token: &'a str) -> Identified<'a> {
        Box::pin(async move { self.holder(token) })
    }

    fn still_holds(&self, verified: &Verified) -> bool {
        let locked = self.shut_out.lock().unwrap();
        verified.expires_ms > crate::domain::now_ms() && !locked.contains(&verified.principal.id.to_string())
    }

    fn refresh_keys<'a>(&'a self, _issuer: &'a str) -> Answer<'a, ()> {
        Box::pin(async { Ok(()) })
    }

    fn onward<'a>(&'a self, issuer: &'a str, parameters: &'a [(String, String)]) -> Answer<'a, Onward> {
        let query: Vec<String> = parameters.iter().map(|(name, value)| format!("{name}={value}")).collect();
        let url = format!("https://{issuer}.example/?{}", query.join("&"));
        Box::pin(async { Ok(Onward { url, iss: "https://idp.example".to_owned(), names_itself: true }) })
    }

    fn redeem<'a>(
        &'a self,
        _page: &'a PageSettings,
        _iss: &'a str,
        _grant: &'a OAuthGrant,
    ) -> Answer<'a, Redeemed> {
        let (status, body) = self.redeemed.lock().unwrap().clone();
        let status = StatusCode::from_u16(status).unwrap();
        Box::pin(async move { Ok(Redeemed { status, body: body.into(), unknown_client: false }) })
    }
}

/// A service layer with its parts.
struct Rig {
    admin: Arc<Admin>,
    approvals: Approvals,
    approvers: Arc<CurrentApprovers>,
    store: Store,
    told: Arc<Told>,
    journal: Option<Journal>,
    data: PathBuf,
    _lock: Option<DataDirLock>,
    dir: tempfile::TempDir,
}

impl Rig {
    async fn online() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let data = dir.path().join("data");
        let lock = lock_data_dir(&data).unwrap();
        let store = Store::open(&data).unwrap();
        let config = Arc::new(ArcSwap::from_pointee(config(dir.path())));
        let approvers = CurrentApprovers::new(Arc::clone(&config));
        let approvals = Approvals::new(store.clone(), Arc::<CurrentApprovers>::clone(&approvers));
        approvals.recover().await.unwrap();
        let journal = Journal::open(&data, recording::Settings::default()).unwrap();
        let told = Arc::new(Told::default());
        told.stored.set((store.clone(), file_digest(&config.load()))).unwrap_or_default();
        told.take_over().await;
        let admin = Admin::online(Parts {
            store: store.clone(),
            config,
            approvals: approvals.clone(),
            approvers: Arc::clone(&approvers),
            journal: journal.clone(),
            sealer: Arc::new(Sealer::new(&SealKey::new(Zeroizing::new([7; 32]))).unwrap()),
            vault: Arc::new(Vault::new(None)),
            live: Arc::clone(&told) as Arc<dyn Live>,
        });
        Self {
            admin,
            approvals,
            approvers,
            store,
            told,
            journal: Some(journal),
            data,
            _lock: Some(lock),
            dir,
        }
    }

    fn offline() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let admin = Admin::offline(config(dir.path())).unwrap();
        let (store, approvals) = (admin.store.clone(), admin.approvals.clone());
        let data = dir.path().join("data");
        let approvers = CurrentApprovers::new(Arc::clone(&admin.config));
        Self {
            admin,
            approvals,
            approvers,
            store,
            told: Arc::default(),
            journal: None,
            data,
            _lock: None,
            dir,
        }
    }

    /// Returns the admin API of the gateway's own user.
    fn owner(&self) -> Arc<dyn Backend> {
        self.admin.backend(&Peer { uid: nix::unistd::geteuid().as_raw(), user: Some("gateway".to_owned()) })
    }

    /// Returns the admin API of another OS user.
    fn user(&self, name: &str) -> Arc<dyn Backend> {
        self.admin.backend(&Peer { uid: 4_000_000, user: Some(name.to_owned()) })
    }

    /// Returns actor, action and subject of every audit entry.
    async fn audit(&self) -> Vec<(String, String, String)> {
        let entries = self.owner().audit(AuditFilter { after: None, limit: Some(1000) }).await.unwrap();
        entries.items.into_iter().map(|entry| (entry.actor, entry.action, entry.subject)).collect()
    }
}

impl Told {
    /// Applies the revision like a gateway.
    async fn take_over(&self) {
        let (store, file) = self.stored.get().unwrap().clone();
        let given = store.change(move |change| change.revision_with(&file)).await.unwrap();
        *self.revision.lock().unwrap() = given;
    }

    /// Parses the tokens of these tests: `client kind name group group …`; a word `@7` among the groups is
    /// the time of issue.
    fn holder(&self, token: &str) -> Result<Arc<Verified>, Denied> {
        let mut words = token.split(' ');
        let (Some(client), Some(kind), Some(name)) = (words.next(), words.next(), words.next()) else {
            return Err(Denied::new(DenyCode::Unauthenticated, "no"));
        };
        let id = format!("idp/{name}");
        if self.shut_out.lock().unwrap().contains(&id) {
            return Err(Denied::new(DenyCode::Locked, "locked"));
        }
        let (times, groups): (Vec<&str>, Vec<&str>) = words.partition(|word| word.starts_with('@'));
        let issued = times.first().map(|time| format!("{{\"iat\":{}}}", &time[1..]));
        let claims = Json::parse(issued.as_deref().unwrap_or("{}").as_bytes(), 4).unwrap();
        let principal = Principal {
            id: id.into(),
            kind: if kind == "human" { Kind::Human } else { Kind::App },
            issuer: "idp".into(),
            client: Some(client.into()),
            display: None,
            groups: groups.into_iter().collect(),
            claims,
        };
        let expires_ms = crate::domain::now_ms() + 60_000;
        Ok(Arc::new(Verified {
            principal: Arc::new(principal),
            expires_ms,
            token_ids: vec![],
            generation: 0,
            key: TokenKey::unknown(),
        }))
    }
}

fn entry(actor: &str, action: &str, subject: &str) -> (String, String, String) {
    (actor.to_owned(), action.to_owned(), subject.to_owned())
}

fn put(kind: EntityKind, name: &str, toml: &str, mode: PutMode) -> Apply {
    let change =
        EntityChange::Put { kind, name: name.to_owned(), toml: toml.to_owned(), mode, expected: None };
    Apply::one(change, false)
}

fn remove(kind: EntityKind, name: &str) -> Apply {
    Apply::one(EntityChange::Remove { kind, name: name.to_owned() }, false)
}

fn shop() -> Apply {
    put(EntityKind::Connection, "shop", SHOP, PutMode::Create)
}

const SHOP: &str = "# the shop\nname = \"shop\"\nupstream = \"http://127.0.0.1:9000\"\n";
