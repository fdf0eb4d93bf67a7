//! The service layer behind the admin API: the same checks and the same audit entries whether a gateway runs
//! or not.
//!
//! [`Admin::online`] serves the admin socket of a running gateway; [`Admin::offline`] takes the lock of the
//! data directory and works on the store alone. Operations of a running gateway go through [`Live`]; offline
//! they fail with `not_running`.

mod approval;
mod approvers;
mod change;
mod diff;
mod entity;
mod event;
mod explain;
mod fault;
mod grant;
mod hide;
mod legal_hold;
mod lock;
mod lockable;
mod page;
mod pin;
mod plan;
mod remote;
mod secret;
mod session;
mod state;
mod streams;
#[cfg(test)]
mod tests;
mod trail;

pub use approvers::CurrentApprovers;
pub use entity::of_file;

use std::sync::Arc;

use arc_swap::ArcSwap;
use serde_json::json;

use crate::approval::Approvals;
use crate::config::Config;
use crate::config::PageSettings;
use crate::control::Answer;
use crate::control::ApiError;
use crate::control::Backend;
use crate::control::Caller;
use crate::control::ErrorCode;
use crate::control::Peer;
use crate::control::feed::Feed;
use crate::control::noun::gateway::ReloadReport;
use crate::control::noun::gateway::StatusReport;
use crate::control::noun::session::LiveSession;
use crate::control::page::issuer::Onward;
use crate::domain::Denied;
use crate::domain::connection::Connection;
use crate::domain::id::SessionId;
use crate::domain::lock::Lock;
use crate::domain::pin::Pin;
use crate::gateway::admin::fault::fault_of_store;
use crate::gateway::admin::streams::Streams;
use crate::gateway::revision::file_digest;
use crate::identity::OAuthGrant;
use crate::identity::Redeemed;
use crate::identity::Verified;
use crate::policy::PolicySet;
use crate::recording::Journal;
use crate::secret::Sealer;
use crate::secret::Vault;
use crate::store::DataDirLock;
use crate::store::Store;
use crate::store::lock_data_dir;

/// A future of the holder of a token.
pub type Identified<'a> = std::pin::Pin<Box<dyn Future<Output = Result<Arc<Verified>, Denied>> + Send + 'a>>;

/// The operations of a running gateway.
pub trait Live: Send + Sync + 'static {
    /// Reads file and store again and takes them over whole, or leaves all as it is. An invalid configuration
    /// is `invalid`, with its problems. That `actor` had it done is in the audit trail, with what the file
    /// says otherwise.
    fn reload<'a>(&'a self, actor: &'a str) -> Answer<'a, ReloadReport>;
    /// Takes over the entities of the store, which changed and were checked; the file stays as it was read
    /// last.
    fn entities_changed(&self) -> Answer<'_, ()>;
    /// Applies the current locks, and cuts the streams they apply to, before it returns.
    fn locks_changed(&self, locks: Vec<Lock>);
    /// Applies accepted pins before it returns.
    fn pins_accepted(&self, pins: Vec<Pin>);
    /// Forgets pins before it returns. Never waits: it is called on the store's thread.
    fn pins_forgotten(&self, pins: &[Pin]);
    /// Hands new pins over to the store, so that they are included when it is read next.
    fn flush_pins(&self);
    /// Returns the open sessions.
    fn sessions(&self) -> Vec<LiveSession>;
    /// Ends a session and cuts its streams; returns whether it was open.
    fn kill(&self, id: SessionId) -> bool;
    /// Returns the connections and policies in force: the store may contain others that were not applied.
    fn in_force(&self) -> (Vec<Connection>, PolicySet);
    /// Returns whether a server last listed its tool as read-only; `None` if the tool was not listed here.
    fn only_reads(&self, connection: &Connection, tool: &str) -> Option<bool>;
    /// Returns the state; the caller fills in `you`.
    fn status(&self) -> StatusReport;
    /// Identifies the holder of a token for the admin API over the network.
    fn identify<'a>(&'a self, token: &'a str) -> Identified<'a>;
    /// Returns whether an identified holder is still valid, without verifying the token again: no lock
    /// applies, and it has not expired.
    fn still_holds(&self, verified: &Verified) -> bool;
    /// Fetches the keys of an issuer, by its name, and waits for them.
    fn refresh_keys<'a>(&'a self, issuer: &'a str) -> Answer<'a, ()>;
    /// Returns the URL at an issuer, by its name, that a browser is redirected to with these parameters.
    fn onward<'a>(&'a self, issuer: &'a str, parameters: &'a [(String, String)]) -> Answer<'a, Onward>;
    /// What the issuer of the page makes of a grant, if it is still the one of that `iss`.
    fn redeem<'a>(
        &'a self,
        page: &'a PageSettings,
        iss: &'a str,
        grant: &'a OAuthGrant,
    ) -> Answer<'a, Redeemed>;
}

/// The parts of a running gateway that the service layer uses.
pub struct Parts {
    /// The store.
    pub store: Store,
    /// The last valid configuration file; swapped by a reload.
    pub config: Arc<ArcSwap<Config>>,
    /// The approvals.
    pub approvals: Approvals,
    /// The approvers.
    pub approvers: Arc<CurrentApprovers>,
    /// The journal.
    pub journal: Journal,
    /// Seals the secrets of the store.
    pub sealer: Arc<Sealer>,
    /// The secrets in use.
    pub vault: Arc<Vault>,
    /// The operations of the gateway.
    pub live: Arc<dyn Live>,
}

/// The parts that only a running gateway has.
struct Running {
    journal: Journal,
    sealer: Arc<Sealer>,
    vault: Arc<Vault>,
    approvers: Arc<CurrentApprovers>,
    live: Arc<dyn Live>,
}

/// The service layer.
pub struct Admin {
    store: Store,
    config: Arc<ArcSwap<Config>>,
    approvals: Approvals,
    running: Option<Running>,
    feed: Arc<Feed>,
    pump: std::sync::Mutex<event::Pump>,
    streams: Arc<Streams>,
    /// One change of entities at a time, so that what was checked is what is written.
    changing: tokio::sync::Mutex<()>,
    /// Dropped last, after the store is closed.
    _held: Option<DataDirLock>,
}

impl Admin {
    /// Creates the service layer of a running gateway.
    pub fn online(parts: Parts) -> Arc<Self> {
        let Parts { store, config, approvals, approvers, journal, sealer, vault, live } = parts;
        let running = Running { journal, sealer, vault, approvers, live };
        Self::new(store, config, approvals, Some(running), None)
    }

    /// Creates the service layer without a gateway: takes the data directory until it is dropped.
    ///
    /// # Errors
    /// `unavailable` with the process that holds the data directory, or with the problem of the store.
    pub fn offline(config: Config) -> Result<Arc<Self>, ApiError> {
        let data_dir = config.storage.data_dir.clone();
        let held = lock_data_dir(&data_dir).map_err(|error| fault_of_store(&error))?;
        Self::offline_with(config, held)
    }

    /// The same with the data directory, which was taken already.
    ///
    /// # Errors
    /// `unavailable` with what is wrong with the store.
    pub fn offline_with(config: Config, held: DataDirLock) -> Result<Arc<Self>, ApiError> {
        let data_dir = config.storage.data_dir.clone();
        let store = Store::open(&data_dir).map_err(|error| fault_of_store(&error))?;
        match Journal::finish(&data_dir, config.recording.clone()) {
            Ok(false) => {}
            Ok(true) => {
                let noted = store.call_blocking(|db| db.change(|change| change.note_journal(true)));
                noted.map_err(|error| fault_of_store(&error))?;
            }
            Err(error) => {
                tracing::warn!(%error, "what a gateway had recorded before it died is not all to be seen");
            }
        }
        let config = Arc::new(ArcSwap::from_pointee(config));
        let approvals = Approvals::new(store.clone(), CurrentApprovers::new(Arc::clone(&config)));
        Ok(Self::new(store, config, approvals, None, Some(held)))
    }

    /// Creates the service layer without a gateway and a store: it shows what the configuration contains.
    /// Changes are lost, so it is for looking only.
    ///
    /// # Errors
    /// The system has no memory or threads left.
    pub fn without_store(config: Config) -> Result<Arc<Self>, ApiError> {
        let store = Store::empty().map_err(|error| fault_of_store(&error))?;
        let config = Arc::new(ArcSwap::from_pointee(config));
        let approvals = Approvals::new(store.clone(), CurrentApprovers::new(Arc::clone(&config)));
        Ok(Self::new(store, config, approvals, None, None))
    }

    fn new(
        store: Store,
        config: Arc<ArcSwap<Config>>,
        approvals: Approvals,
        running: Option<Running>,
        held: Option<DataDirLock>,
    ) -> Arc<Self> {
        Arc::new(Self {
            store,
            config,
            approvals,
            running,
            feed: Arc::new(Feed::new()),
            pump: std::sync::Mutex::default(),
            streams: Arc::default(),
            changing: tokio::sync::Mutex::new(()),
            _held: held,
        })
    }

    /// Returns the admin API for `peer`. Without a gateway the peer is this process itself.
    pub fn backend(self: &Arc<Self>, peer: &Peer) -> Arc<dyn Backend> {
        let config = self.config.load();
        let gateway_uid = nix::unistd::geteuid().as_raw();
        let caller = Caller::new(peer, &config.admin.local_groups, gateway_uid);
        Arc::new(Acting { admin: Arc::clone(self), caller, seat: None })
    }

    /// Ends all event streams with a last message, because the gateway stops.
    pub fn stop_events(&self) {
        self.feed.stop();
    }

    /// Announces to the event streams a change outside of the admin API: a reload by signal, or an expired
    /// lock.
    pub fn announce_change(&self, revision: u64) {
        self.feed.publish(
            crate::control::noun::event::Topic::Change,
            None,
            json!({ "revision": revision }).to_string(),
        );
    }

    fn running(&self) -> Result<&Running, ApiError> {
        self.running.as_ref().ok_or_else(|| {
            ApiError::new(ErrorCode::NotRunning, "only a running gateway can do this, and none runs")
                .hint("start it with `hoopctl serve`")
        })
    }

    async fn revision(&self) -> Result<u64, ApiError> {
        if let Some(running) = &self.running {
            return Ok(running.live.status().revision);
        }
        let file = file_digest(&self.config.load());
        let given = self.store.read(move |view| view.revision_as(&file)).await;
        given.map_err(|error| fault_of_store(&error))
    }
}

/// The service layer for one caller.
struct Acting {
    admin: Arc<Admin>,
    caller: Caller,
    /// The caller's token; `None` on the socket.
    seat: Option<remote::Seat>,
}

impl Acting {
    fn actor(&self) -> String {
        self.caller.actor().to_owned()
    }

    /// Checks that the caller may change the gateway. A refusal is added to the audit trail.
    async fn must_manage(&self, what: &str, subject: &str) -> Result<(), ApiError> {
        match self.caller.must_manage() {
            Ok(()) => Ok(()),
            Err(error) => self.refused(what, subject, error).await,
        }
    }

    /// Adds a refusal to the audit trail, and returns it as the error.
    async fn refused<T>(&self, what: &str, subject: &str, error: ApiError) -> Result<T, ApiError> {
        let (actor, what, subject) = (self.actor(), format!("{what}.refused"), cut(subject));
        let detail = json!({ "code": error.code, "why": error.message });
        let noted =
            self.admin.store.change(move |change| change.append_audit(&actor, &what, &subject, &detail));
        if let Err(failure) = noted.await {
            tracing::error!(error = %failure, "a refused admin call is not in the audit trail");
        }
        Err(error)
    }
}

/// Cuts a caller's text for the audit trail: at most 200 characters.
fn cut(text: &str) -> String {
    text.chars().take(200).collect()
}
