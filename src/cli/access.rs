//! Access to the gateway: through its admin socket, directly to its store if it is not running, or over the
//! network if it is remote.

use std::pin::Pin;
use std::sync::Arc;
use std::time::Instant;

use tokio::runtime::Runtime;

use crate::cli::output::Terminal;
use crate::cli::place::Place;
use crate::cli::remote::Remote;
use crate::cli::report::Failure;
use crate::control::Answer;
use crate::control::ApiError;
use crate::control::Backend;
use crate::control::Bearer;
use crate::control::Client;
use crate::control::Peer;
use crate::gateway::admin::Admin;
use crate::recording;
use crate::store;
use crate::store::StoreError;

/// The access that a command needs if no gateway is running.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Use {
    /// Changing the store, which is created if there is none.
    Change,
    /// Reading only: nothing is created.
    Look,
}

impl Use {
    /// Returns `Look` if `looks`, otherwise `Change`.
    pub const fn looking(looks: bool) -> Self {
        if looks { Self::Look } else { Self::Change }
    }
}

/// An open connection to a gateway or store.
pub struct Access {
    backend: Arc<dyn Backend>,
    runtime: Runtime,
    remote: bool,
}

impl Access {
    /// Opens the gateway named by its URL; otherwise the local one. If none is running, opens its store and
    /// says so.
    pub fn open(terminal: Terminal, place: &Place) -> Result<Self, Failure> {
        Self::for_use(terminal, place, Use::Change)
    }

    /// Opens access like [`Access::open`], for reading only: does not create a store.
    pub fn to_look(terminal: Terminal, place: &Place) -> Result<Self, Failure> {
        Self::for_use(terminal, place, Use::Look)
    }

    /// Opens access like [`Access::open`], for either use.
    pub fn for_use(terminal: Terminal, place: &Place, how: Use) -> Result<Self, Failure> {
        if let Some(remote) = place.remote()? {
            return Self::elsewhere(remote);
        }
        let runtime = runtime()?;
        let socket = place.socket()?;
        let end = Instant::now() + store::WAITS;
        loop {
            match runtime.block_on(Client::connect(&socket)) {
                Ok(client) => return Ok(Self { backend: Arc::new(client), runtime, remote: false }),
                Err(error) if !error.is_not_running() => return Err(ApiError::from(error).into()),
                Err(_nobody) => {}
            }
            let config = place.config_or_default()?;
            let data_dir = config.storage.data_dir.clone();
            // A folder that cannot be looked into may have one: opening it says what is wrong. So it does
            // where there are recordings, and the store that belongs to them is missing.
            let has = |file: &str| !matches!(data_dir.join(file).try_exists(), Ok(false));
            let has_store = has(store::DB_FILE) || has(recording::FILE);
            let admin = {
                let _entered = runtime.enter();
                match how {
                    Use::Look if !has_store => Admin::without_store(config)?,
                    Use::Change | Use::Look => match store::lock_data_dir(&data_dir) {
                        // A gateway that starts, and soon listens; or another command that is soon done.
                        Err(StoreError::Locked { .. }) if Instant::now() < end => {
                            std::thread::sleep(store::BETWEEN);
                            continue;
                        }
                        Ok(held) => Admin::offline_with(config, held)?,
                        // It fails in the same way, and says why.
                        Err(_) => Admin::offline(config)?,
                    },
                }
            };
            let backend = admin.backend(&Peer::this_process());
            terminal.say(&match how {
                Use::Change => "gateway not running: editing the store directly".to_owned(),
                Use::Look if has_store => "gateway not running: reading the store directly".to_owned(),
                Use::Look => {
                    format!("gateway not running, and there is no store in {} yet", data_dir.display())
                }
            });
            return Ok(Self { backend, runtime, remote: false });
        }
    }

    /// Accesses a remote gateway. Connects with the first request.
    pub fn elsewhere(remote: Remote) -> Result<Self, Failure> {
        let client = remote.client()?;
        Ok(Self { backend: Arc::new(client), runtime: runtime()?, remote: true })
    }

    /// Accesses a remote gateway with the given credentials.
    pub fn elsewhere_as(remote: Remote, bearer: Arc<dyn Bearer>) -> Result<Self, Failure> {
        let ca_file = remote.ca_file.clone();
        let client = remote.client_as(bearer, ca_file.as_deref())?;
        Ok(Self { backend: Arc::new(client), runtime: runtime()?, remote: true })
    }

    /// Connects to the running gateway.
    pub fn online(place: &Place) -> Result<Self, Failure> {
        if let Some(remote) = place.remote()? {
            return Self::elsewhere(remote);
        }
        let runtime = runtime()?;
        let client = runtime
            .block_on(Client::connect(place.socket()?))
            .map_err(|error| Failure::from(ApiError::from(error)))?;
        Ok(Self { backend: Arc::new(client), runtime, remote: false })
    }

    /// Accesses the gateway, whether it is running or not: each request connects anew.
    pub fn whenever(place: &Place) -> Result<Self, Failure> {
        if let Some(remote) = place.remote()? {
            return Self::elsewhere(remote);
        }
        Ok(Self { backend: Arc::new(Client::new(place.socket()?)), runtime: runtime()?, remote: false })
    }

    /// Returns whether the gateway is remote: its files, users and targets are not those of this machine.
    pub const fn is_remote(&self) -> bool {
        self.remote
    }

    /// Returns the admin API.
    pub fn backend(&self) -> &dyn Backend {
        &*self.backend
    }

    /// Returns the admin API as a shared handle, for tasks of [`Access::block_on`].
    pub fn shared(&self) -> Arc<dyn Backend> {
        Arc::clone(&self.backend)
    }

    /// Waits for an answer.
    pub fn wait<T>(&self, answer: Answer<'_, T>) -> Result<T, Failure> {
        let mut told = Err(Failure::failed("the request was abandoned"));
        self.drive(Box::pin(async { told = answer.await.map_err(Failure::from) }));
        told
    }

    /// Runs `work` to completion. Takes one type, so that the runtime is not compiled again for each answer
    /// type.
    fn drive(&self, work: Pin<Box<dyn Future<Output = ()> + '_>>) {
        self.runtime.block_on(work);
    }

    /// Runs any other future on the same runtime.
    pub fn block_on<F: Future>(&self, future: F) -> F::Output {
        self.runtime.block_on(future)
    }
}

/// Creates a runtime for one command.
pub fn runtime() -> Result<Runtime, Failure> {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::failed(format!("cannot start: {error}")))
}
