//! The state of a running gateway, and how a reload replaces it: all of it, or nothing.

use std::path::Path;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::SystemTime;

use arc_swap::ArcSwap;
use arc_swap::ArcSwapOption;
use tokio::runtime::Handle;

use crate::approval::Approvals;
use crate::config;
use crate::config::Config;
use crate::config::Entities;
use crate::config::GatewayLimits;
use crate::config::Problems;
use crate::domain::Connection;
use crate::domain::Origin;
use crate::gateway::admin::CurrentApprovers;
use crate::gateway::error::GatewayError;
use crate::gateway::keeper::StoredKeys;
use crate::gateway::masks::MaskKey;
use crate::gateway::revision::file_content;
use crate::identity::Issuers;
use crate::pipeline::Gate;
use crate::pipeline::snapshot::CallerLimits;
use crate::pipeline::snapshot::Snapshot;
use crate::pipeline::snapshot::SnapshotParts;
use crate::policy::PolicySet;
use crate::protocol::mcp::PageAddress;
use crate::protocol::mcp::Pins;
use crate::protocol::mcp::Tools;
use crate::secret::Sealer;
use crate::secret::Vault;
use crate::store::FileNote;
use crate::store::Store;
use crate::store::StoredEntity;
use crate::transport::tls;

/// A running gateway.
pub struct Running {
    /// The enforcement point.
    pub gate: Gate,
    /// The store.
    pub store: Store,
    /// The approvals.
    pub approvals: Approvals,
    /// The resolved secrets.
    pub vault: Arc<Vault>,
    /// Seals the secrets of the store.
    pub sealer: Arc<Sealer>,
    /// The last valid configuration file.
    pub config: Arc<ArcSwap<Config>>,
    /// The path of the file.
    pub config_path: PathBuf,
    /// The changes in the file that need a restart.
    pub due: Due,
    /// The key of the `hash` mask.
    pub mask_key: MaskKey,
    /// The pins of what MCP servers offer.
    pub pins: Pins,
    /// The tools that MCP servers last listed.
    pub tools: Tools,
    /// The address of the approval page, for MCP clients.
    pub page: PageAddress,
    /// The listener's certificate.
    pub tls: Arc<ArcSwapOption<rustls::ServerConfig>>,
    /// The address for clients, with the actual port.
    pub listener: std::net::SocketAddr,
    /// The address for PostgreSQL clients, if enabled.
    pub databases: Option<std::net::SocketAddr>,
    /// The address of the admin API over the network, if enabled.
    pub remote: Option<std::net::SocketAddr>,
    /// The approvers.
    pub approvers: Arc<CurrentApprovers>,
    /// When it was started.
    pub started: SystemTime,
    /// The runtime on which the issuers fetch their keys.
    pub runtime: Handle,
    /// The number of pending approvals, at most a second old.
    pub pending: Arc<AtomicU64>,
    /// One reload at a time.
    pub reloading: tokio::sync::Mutex<()>,
}

/// The changes in the file that need a restart.
pub struct Due {
    /// The file as it was at the start, which still holds for keys that a reload cannot change.
    at_start: Config,
    /// The keys that differ in the last valid file.
    keys: ArcSwap<Vec<String>>,
}

impl Due {
    /// Creates it without differences. The file is read without overrides from the command line, which a
    /// reload does not see either.
    pub fn new(file: &Path, config: &Config) -> Self {
        let at_start = config::load(file).unwrap_or_else(|_changed| config.clone());
        Self { at_start, keys: ArcSwap::default() }
    }

    /// Returns the keys.
    pub fn keys(&self) -> Arc<Vec<String>> {
        self.keys.load_full()
    }
}

/// The result of a reload.
#[derive(Debug)]
pub struct Reloaded {
    /// The entities in force.
    pub entities: Entities,
    /// The revision of the policies in force.
    pub revision: u64,
    /// Keys that differ from the start, and need a restart.
    pub restart_needed: Vec<String>,
}

/// Parses and checks the entities of the store.
pub fn stored_entities(stored: &[StoredEntity]) -> Result<Vec<config::Entity>, Problems> {
    stored.iter().map(|entity| config::parse_entity(entity.kind, &entity.body, Origin::Store)).collect()
}

/// Creates the issuers of the file, with their stored keys. They fetch nothing yet.
pub fn issuers(config: &Config, store: &Store) -> Result<Arc<Issuers>, GatewayError> {
    Issuers::new(config.oidc.clone(), Arc::new(StoredKeys(store.clone())))
        .map(Arc::new)
        .map_err(|source| GatewayError::Identity { source })
}

/// Compiles file and store into a snapshot.
pub fn compile(
    config: &Config,
    entities: &Entities,
    revision: u64,
    issuers: Arc<Issuers>,
    masks: &MaskKey,
    before: Option<&Snapshot>,
) -> Result<Snapshot, GatewayError> {
    let policies = PolicySet::compile(entities.policies.clone(), revision)
        .map_err(|problems| GatewayError::Policies { problems })?;
    let limits = CallerLimits { sessions: config.gateway.limits.sessions, rate: config.gateway.limits.rate };
    let connections: Vec<Connection> = entities.connections.clone();
    let recording = config.recording.clone();
    let key = |name: &_| masks.of(name);
    let parts = SnapshotParts {
        issuers,
        connections,
        fingerprint: tls::fingerprint,
        masks: &entities.masks,
        policies,
        recording,
        limits,
    };
    Snapshot::compile(parts, key, before).map_err(|source| GatewayError::Snapshot { source })
}

/// Loads the listener's certificate from the configured files.
pub async fn server_tls(
    config: &Config,
    vault: &Vault,
) -> Result<Option<Arc<rustls::ServerConfig>>, GatewayError> {
    let Some(files) = &config.gateway.tls else { return Ok(None) };
    let cert = std::fs::read(&files.cert)
        .map_err(|source| GatewayError::Certificate { path: files.cert.clone(), source })?;
    let key = vault.resolve(&files.key).await.map_err(|source| GatewayError::CertificateKey { source })?;
    tls::server_config(&cert, key.expose(), &[b"h2", b"http/1.1"])
        .map(Some)
        .map_err(|source| GatewayError::Tls { source })
}

impl Running {
    /// Reads file and store again and swaps in what they say; or leaves everything as it is.
    pub async fn reload(&self, actor: &str) -> Result<Reloaded, GatewayError> {
        let _one_at_a_time = self.reloading.lock().await;
        let load = if self.config.load().found { config::load_found } else { config::load };
        let config = load(&self.config_path).map_err(|problems| GatewayError::Config { problems })?;
        let note = note(actor, "config.reload", &config, true);
        let reloaded = self.apply(config, &note).await?;
        self.due.keys.store(Arc::new(reloaded.restart_needed.clone()));
        Ok(reloaded)
    }

    /// Applies entities that changed in the store; the file stays as it was read.
    pub async fn entities_changed(&self) -> Result<Reloaded, GatewayError> {
        let _one_at_a_time = self.reloading.lock().await;
        let config = Config::clone(&self.config.load());
        let note = note("hoopctl", "config.reload", &config, false);
        self.apply(config, &note).await
    }

    async fn apply(&self, config: Config, note: &FileNote) -> Result<Reloaded, GatewayError> {
        let config = Arc::new(config);
        loop {
            if let Some(reloaded) = self.try_apply(&config, note).await? {
                return Ok(reloaded);
            }
        }
    }

    /// `None`: the store was changed meanwhile, so that the number would stand for something else.
    async fn try_apply(
        &self,
        config: &Arc<Config>,
        note: &FileNote,
    ) -> Result<Option<Reloaded>, GatewayError> {
        let of_store = |source| GatewayError::Store { source };
        let (content, note) = (file_content(config), note.clone());
        let digest = content.digest.clone();
        let stored = self.store.read(move |view| Ok((view.entities(None)?, view.revision_as(&digest)?)));
        let (stored, revision) = stored.await.map_err(of_store)?;
        let problems = |problems| GatewayError::Config { problems };
        let entities =
            config::combine(config, stored_entities(&stored).map_err(problems)?).map_err(problems)?;
        let old = self.config.load_full();
        let before = self.gate.snapshot();
        let known = self.gate.issuers();
        let same = old.oidc == config.oidc && known.have_authorities_of(&config.oidc);
        let issuers = if same { known } else { issuers(config, &self.store)? };
        let snapshot =
            compile(config, &entities, revision, Arc::clone(&issuers), &self.mask_key, Some(&before))?;
        let certificate = server_tls(config, &self.vault).await?;
        // Only now, so that an invalid file does not use up a revision.
        let given = self.store.change(move |change| {
            let holds = change.revision_as(&content.digest)? == revision;
            if holds { change.take_file(&content, &note).map(Some) } else { Ok(None) }
        });
        if given.await.map_err(of_store)?.is_none() {
            return Ok(None);
        }
        // From here on nothing can fail.
        if self.tls.load().is_some() && certificate.is_some() {
            self.tls.store(certificate);
        }
        self.gate.journal().reconfigure(config.recording.clone());
        // Issuers that existed before are running already.
        issuers.start(&self.runtime);
        self.gate.replace(snapshot);
        if !Arc::ptr_eq(before.issuers(), &issuers) {
            self.approvers
                .forget_unless(|person| before.issuers().trust_in(person) == issuers.trust_in(person));
        }
        let restart_needed = restart_needed(&self.due.at_start, config);
        self.page.set(page_origin(config));
        self.config.store(Arc::clone(config));
        Ok(Some(Reloaded { entities, revision, restart_needed }))
    }
}

/// What the audit trail says of a file that was read.
pub fn note(actor: &str, action: &'static str, config: &Config, always: bool) -> FileNote {
    FileNote { actor: actor.to_owned(), action, file: config.path.display().to_string(), always }
}

/// The origin of the approval page, if there is one.
pub fn page_origin(config: &Config) -> Option<String> {
    config.admin.remote.as_ref()?.page.as_ref().map(|page| page.site.origin().to_owned())
}

fn restart_needed(old: &Config, new: &Config) -> Vec<String> {
    let checks = [
        ("gateway.listen", old.gateway.listen != new.gateway.listen),
        ("gateway.postgres_listen", old.gateway.postgres_listen != new.gateway.postgres_listen),
        ("gateway.public_url", old.gateway.public_url != new.gateway.public_url),
        ("gateway.tls", old.gateway.tls.is_some() != new.gateway.tls.is_some()),
        ("gateway.workers", old.gateway.workers != new.gateway.workers),
        ("gateway.limits", standing(&old.gateway.limits) != standing(&new.gateway.limits)),
        ("admin.socket", old.admin.socket != new.admin.socket),
        ("admin.listen", remote_listener(old) != remote_listener(new)),
        ("storage", old.storage != new.storage),
        ("dev_issuer", old.dev_issuer != new.dev_issuer),
    ];
    checks.into_iter().filter(|(_, changed)| *changed).map(|(key, _)| key.to_owned()).collect()
}

fn remote_listener(config: &Config) -> Option<std::net::SocketAddr> {
    config.admin.remote.as_ref().map(|remote| remote.listen)
}

/// Returns the limits that a reload cannot change.
fn standing(limits: &GatewayLimits) -> GatewayLimits {
    let by_reload = GatewayLimits::default();
    GatewayLimits { sessions: by_reload.sessions, rate: by_reload.rate, ..limits.clone() }
}

#[cfg(test)]
mod tests;
