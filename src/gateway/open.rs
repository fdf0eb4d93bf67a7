//! Opens what the gateway runs on: the data directory with store, secrets and recordings, what file and store
//! say, compiled, and the listeners.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::SystemTime;

use arc_swap::ArcSwap;
use arc_swap::ArcSwapOption;
use tokio::net::TcpListener;

use crate::approval::Approvals;
use crate::config;
use crate::config::Config;
use crate::config::Entities;
use crate::domain::Lock;
use crate::domain::now_ms;
use crate::gateway::RunOptions;
use crate::gateway::admin::CurrentApprovers;
use crate::gateway::error::GatewayError;
use crate::gateway::keeper::StoredPins;
use crate::gateway::keeper::StoredSecrets;
use crate::gateway::masks::MaskKey;
use crate::gateway::revision::file_content;
use crate::gateway::running::Due;
use crate::gateway::running::Running;
use crate::gateway::running::compile;
use crate::gateway::running::issuers;
use crate::gateway::running::note;
use crate::gateway::running::page_origin;
use crate::gateway::running::server_tls;
use crate::gateway::running::stored_entities;
use crate::pipeline::Gate;
use crate::pipeline::locks::LockSet;
use crate::protocol::mcp::PageAddress;
use crate::protocol::mcp::Pins;
use crate::protocol::mcp::Tools;
use crate::recording::Journal;
use crate::secret::SEALED_COLUMN;
use crate::secret::SEALED_TABLE;
use crate::secret::Sealer;
use crate::secret::Vault;
use crate::secret::load_key;
use crate::secret::unusable;
use crate::store::DataDirLock;
use crate::store::FileContent;
use crate::store::Store;
use crate::store::StoreError;
use crate::store::View;
use crate::store::lock_data_dir_soon;
use crate::transport::listen::listen;

/// Where clients connect.
pub(super) struct Listeners {
    pub(super) http: TcpListener,
    pub(super) postgres: Option<TcpListener>,
    pub(super) admin: Option<TcpListener>,
}

impl Listeners {
    fn open(config: &Config) -> Result<Self, GatewayError> {
        let opened = |address| listen(address).map_err(|source| GatewayError::Listen { source });
        Ok(Self {
            http: opened(config.gateway.listen)?,
            postgres: config.gateway.postgres_listen.map(opened).transpose()?,
            admin: config.admin.remote.as_ref().map(|remote| opened(remote.listen)).transpose()?,
        })
    }

    /// Returns the address for PostgreSQL clients, if enabled.
    fn databases(&self) -> Option<SocketAddr> {
        self.postgres.as_ref()?.local_addr().ok()
    }
}

/// Opens all data on disk, compiles it, and listens. Nothing is served yet.
pub(super) async fn open(options: RunOptions) -> Result<(Running, Listeners, DataDirLock), GatewayError> {
    let RunOptions { config, config_path, watch: _, log_format: _ } = options;
    let data_dir = &config.storage.data_dir;
    let lock = lock_data_dir_soon(data_dir).map_err(of_store)?;
    let store = Store::open(data_dir).map_err(of_store)?;
    let (sealer, vault) = open_vault(&config, &store).await?;
    let mask_key = MaskKey::open(data_dir)?;
    let journal = open_journal(&config, &store).await?;

    let file = file_content(&config);
    let (entities, revision, locks) = read_entities(&config, &store, &file).await?;
    let pins = store.read(|view| view.pins(None)).await.map_err(of_store)?;
    let pins = Pins::new(pins, Arc::new(StoredPins(store.clone())));
    let issuers = issuers(&config, &store)?;
    let snapshot = compile(&config, &entities, revision, Arc::clone(&issuers), &mask_key, None)?;
    let certificate = server_tls(&config, &vault).await?;
    // Only now, so that a file that cannot be applied uses up no revision, and before the first record that
    // names the revision. Nobody else can have changed the store meanwhile: the data directory is ours.
    take_file(&store, file, &config).await.map_err(of_store)?;

    let runtime = tokio::runtime::Handle::current();
    issuers.start(&runtime);
    let shared_config = Arc::new(ArcSwap::from_pointee(config));
    let approvers = CurrentApprovers::new(Arc::clone(&shared_config));
    let approvals = Approvals::new(store.clone(), Arc::<CurrentApprovers>::clone(&approvers));
    approvals.recover().await.map_err(|source| GatewayError::Approvals { source })?;
    let gate = Gate::new(snapshot, LockSet::new(locks), journal, approvals.clone(), Arc::clone(&vault));
    approvers.heed(gate.lock_watch());
    let config = shared_config.load_full();
    let listeners = Listeners::open(&config)?;
    let address = listeners.http.local_addr().unwrap_or(config.gateway.listen);
    let page = PageAddress::default();
    page.set(page_origin(&config));
    let running = Running {
        gate,
        store,
        approvals,
        vault,
        sealer,
        config: shared_config,
        due: Due::new(&config_path, &config),
        config_path,
        mask_key,
        pins,
        tools: Tools::default(),
        page,
        tls: Arc::new(ArcSwapOption::new(certificate)),
        listener: address,
        databases: listeners.databases(),
        remote: listeners.admin.as_ref().and_then(|listener| listener.local_addr().ok()),
        approvers,
        started: SystemTime::now(),
        runtime,
        pending: Arc::default(),
        reloading: tokio::sync::Mutex::new(()),
    };
    Ok((running, listeners, lock))
}

fn of_store(source: StoreError) -> GatewayError {
    GatewayError::Store { source }
}

/// Opens the secrets of the store with the sealing key.
///
/// # Errors
/// The key is missing, or it is not the one that the secrets were sealed with: no connection would work.
async fn open_vault(config: &Config, store: &Store) -> Result<(Arc<Sealer>, Arc<Vault>), GatewayError> {
    let of_seal = |source| GatewayError::Seal { source };
    let sealed = store.read(View::sealed_secrets).await.map_err(of_store)?;
    let key = load_key(&config.storage.key_source(), !sealed.is_empty()).map_err(of_seal)?;
    let sealer = Arc::new(Sealer::new(&key).map_err(of_seal)?);
    let damaged = sealer.prove(SEALED_TABLE, SEALED_COLUMN, &sealed).map_err(of_seal)?;
    for (name, error) in damaged {
        tracing::error!(secret = name, %error, "a stored secret does not open: its connections are refused until it is set again (hoopctl secret set)");
    }
    let vault = Vault::new(Some((Arc::clone(&sealer), Arc::new(StoredSecrets(store.clone())))));
    Ok((sealer, Arc::new(vault)))
}

/// Opens the recordings, with the legal holds in place before anything is pruned.
async fn open_journal(config: &Config, store: &Store) -> Result<Journal, GatewayError> {
    let journal = Journal::open(&config.storage.data_dir, config.recording.clone())
        .map_err(|source| GatewayError::Journal { source })?;
    note_journal(store, journal.report().made).await.map_err(of_store)?;
    journal.place_legal_holds(store.read(View::under_legal_hold).await.map_err(of_store)?);
    Ok(journal)
}

/// Reads the entities of file and store together, the revision that they have, and the locks in force. Logs
/// the warnings about them.
async fn read_entities(
    config: &Config,
    store: &Store,
    file: &FileContent,
) -> Result<(Entities, u64, Vec<Lock>), GatewayError> {
    let (now, digest) = (now_ms(), file.digest.clone());
    let read =
        store.read(move |view| Ok((view.entities(None)?, view.revision_as(&digest)?, view.locks(now)?)));
    let (stored, revision, locks) = read.await.map_err(of_store)?;
    let problems = |problems| GatewayError::Config { problems };
    let entities = config::combine(config, stored_entities(&stored).map_err(problems)?).map_err(problems)?;
    for warning in config.warnings.iter().chain(&entities.warnings) {
        tracing::warn!("{warning}");
    }
    for connection in &entities.connections {
        for why in connection.secrets().filter_map(unusable) {
            tracing::warn!(connection = %connection.name, "{why}: commands to it are refused until its credential is there");
        }
    }
    Ok((entities, revision, locks))
}

/// Notes in the audit trail that there are recordings, so that they cannot vanish unnoticed. A broken trail
/// does not prevent the start.
async fn note_journal(store: &Store, made: bool) -> Result<(), StoreError> {
    match store.change(move |change| change.note_journal(made)).await {
        Err(error @ StoreError::AuditBroken { .. }) => {
            tracing::error!(%error, "the start of the recordings is missing in the audit trail");
            Ok(())
        }
        noted => noted,
    }
}

/// Numbers what the file says, and notes what is new of it in the audit trail. A broken trail does not
/// prevent the start.
async fn take_file(store: &Store, content: FileContent, config: &Config) -> Result<u64, StoreError> {
    let note = note("hoopctl", "config.start", config, false);
    let digest = content.digest.clone();
    match store.change(move |change| change.take_file(&content, &note)).await {
        Err(error @ StoreError::AuditBroken { .. }) => {
            tracing::error!(%error, "what the configuration file changed is not in the audit trail");
            store.change(move |change| change.revision_with(&digest)).await
        }
        taken => taken,
    }
}

#[cfg(test)]
mod tests;
