//! The service layer behind the admin API: the same checks and the same audit entry whether a gateway runs or not.
//!
//! [`Admin::online`] serves the admin socket of a running gateway; [`Admin::offline`] takes the lock of the data directory
//! and works on the store alone. What only a running gateway can do goes through [`Live`]; offline it is `not_running`.

mod approval;
mod change;
mod diff;
mod electors;
mod entity;
mod event;
mod explain;
mod fault;
mod grant;
mod hold;
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

pub use electors::Electors;

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

/// Who holds a token, to be awaited.
pub type Identified<'a> = std::pin::Pin<Box<dyn Future<Output = Result<Arc<Verified>, Denied>> + Send + 'a>>;

/// What only a gateway that runs can do.
pub trait Live: Send + Sync + 'static {
    /// Reads file and store again and takes them over whole, or leaves all as it is. An invalid configuration is
    /// `invalid`, with its problems.
    fn reload(&self) -> Answer<'_, ReloadReport>;
    /// Takes over the entities of the store, which changed and were checked; the file stays as it was read last.
    fn entities_changed(&self) -> Answer<'_, ()>;
    /// Takes over the locks that stand now, and cuts what they shut out, before it returns.
    fn locks_changed(&self, locks: Vec<Lock>);
    /// Takes over pins that were accepted, before it returns.
    fn pins_accepted(&self, pins: Vec<Pin>);
    /// Forgets pins, before it returns. Never waits: it is called on the store's thread.
    fn pins_forgotten(&self, pins: &[Pin]);
    /// Hands what lists have brought to the store, so that what is read from there next has it.
    fn flush_pins(&self);
    /// The sessions that live.
    fn sessions(&self) -> Vec<LiveSession>;
    /// Ends a session and cuts its streams; whether there was one.
    fn kill(&self, id: SessionId) -> bool;
    /// The connections and policies that judge now: the store may hold others that were not taken over.
    fn in_force(&self) -> (Vec<Connection>, PolicySet);
    /// Whether a server last said of its tool that it only reads; `None`: the tool was not listed here.
    fn only_reads(&self, connection: &Connection, tool: &str) -> Option<bool>;
    /// The state; `you` is filled in by the caller of this.
    fn status(&self) -> StatusReport;
    /// Who holds a token that opens the admin API over the network, as far as the token goes.
    fn identify<'a>(&'a self, token: &'a str) -> Identified<'a>;
    /// Whether who was identified would be so now, without a look at the token: no lock has come, its time is not over.
    fn still_holds(&self, verified: &Verified) -> bool;
    /// Fetches the keys of an issuer, by its name, and waits for them.
    fn refresh_keys<'a>(&'a self, issuer: &'a str) -> Answer<'a, ()>;
    /// Where a browser goes on to at an issuer, by its name, with these parameters.
    fn onward<'a>(&'a self, issuer: &'a str, parameters: &'a [(String, String)]) -> Answer<'a, Onward>;
    /// What the issuer of the page makes of a grant, if it is still the one of that `iss`.
    fn redeem<'a>(
        &'a self,
        page: &'a PageSettings,
        iss: &'a str,
        grant: &'a OAuthGrant,
    ) -> Answer<'a, Redeemed>;
}

/// The parts of a running gateway that the service layer works with.
pub struct Parts {
    /// The store.
    pub store: Store,
    /// The file as it was last read without a problem; swapped by a reload.
    pub config: Arc<ArcSwap<Config>>,
    /// The approvals.
    pub approvals: Approvals,
    /// Who decides them.
    pub electors: Arc<Electors>,
    /// The journal.
    pub journal: Journal,
    /// What seals secrets of the store.
    pub sealer: Arc<Sealer>,
    /// The secrets in use.
    pub vault: Arc<Vault>,
    /// The rest.
    pub live: Arc<dyn Live>,
}

/// What a running gateway has and a store alone has not.
struct Running {
    journal: Journal,
    sealer: Arc<Sealer>,
    vault: Arc<Vault>,
    electors: Arc<Electors>,
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
    /// One change of entities at a time: what was checked is what is written.
    changing: tokio::sync::Mutex<()>,
    /// Dropped last, after the store is closed.
    _held: Option<DataDirLock>,
}

impl Admin {
    /// The service layer of a running gateway.
    pub fn online(parts: Parts) -> Arc<Self> {
        let Parts { store, config, approvals, electors, journal, sealer, vault, live } = parts;
        let running = Running { journal, sealer, vault, electors, live };
        Self::new(store, config, approvals, Some(running), None)
    }

    /// The service layer without a gateway: takes the data directory until it is dropped.
    ///
    /// # Errors
    /// `unavailable` with the process that holds the data directory, or with what is wrong with the store.
    pub fn offline(config: Config) -> Result<Arc<Self>, ApiError> {
        let data_dir = config.storage.data_dir.clone();
        let held = lock_data_dir(&data_dir).map_err(|error| fault_of_store(&error))?;
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
        let approvals = Approvals::new(store.clone(), Electors::new(Arc::clone(&config)));
        Ok(Self::new(store, config, approvals, None, Some(held)))
    }

    /// The service layer where there is neither a gateway nor a store: it shows what the configuration has. What is changed in it is
    /// lost, so it is for looking only.
    ///
    /// # Errors
    /// The system gives no memory, or no thread.
    pub fn without_store(config: Config) -> Result<Arc<Self>, ApiError> {
        let store = Store::empty().map_err(|error| fault_of_store(&error))?;
        let config = Arc::new(ArcSwap::from_pointee(config));
        let approvals = Approvals::new(store.clone(), Electors::new(Arc::clone(&config)));
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

    /// The admin API as `peer` may use it. Without a gateway the peer is this very process.
    pub fn backend(self: &Arc<Self>, peer: &Peer) -> Arc<dyn Backend> {
        let config = self.config.load();
        let gateway_uid = nix::unistd::geteuid().as_raw();
        let caller = Caller::new(peer, &config.admin.local_groups, gateway_uid);
        Arc::new(Acting { admin: Arc::clone(self), caller, seat: None })
    }

    /// Ends all streams of events with a last message: the gateway stops.
    pub fn stop_events(&self) {
        self.feed.stop();
    }

    /// Tells the streams of events that something changed beside the admin API: a reload by signal, a lock that fell.
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

/// The service layer as one caller may use it.
struct Acting {
    admin: Arc<Admin>,
    caller: Caller,
    /// By which token it is here; `None` on the socket.
    seat: Option<remote::Seat>,
}

impl Acting {
    fn actor(&self) -> String {
        self.caller.actor().to_owned()
    }

    /// Passes who may change what the gateway does. A refusal is in the audit trail.
    async fn must_manage(&self, what: &str, subject: &str) -> Result<(), ApiError> {
        match self.caller.must_manage() {
            Ok(()) => Ok(()),
            Err(error) => self.refused(what, subject, error).await,
        }
    }

    /// Notes a refusal in the audit trail, and gives it back.
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

/// A text of a caller as it may stand in the audit trail: at most 200 characters.
fn cut(text: &str) -> String {
    text.chars().take(200).collect()
}
