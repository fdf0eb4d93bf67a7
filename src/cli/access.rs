//! The way to the gateway: its admin socket, its store when it does not run, or the network when it is elsewhere.

use std::pin::Pin;
use std::sync::Arc;

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
use crate::store;

/// What a way is for, where no gateway runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Use {
    /// Changing what the store has: it is made where there is none.
    Change,
    /// Looking only: nothing is made.
    Look,
}

impl Use {
    /// Looking if `looks`, else changing.
    pub const fn looking(looks: bool) -> Self {
        if looks { Self::Look } else { Self::Change }
    }
}

/// An open way.
pub struct Access {
    backend: Arc<dyn Backend>,
    runtime: Runtime,
    remote: bool,
}

impl Access {
    /// The gateway that was named by its URL; else the one of this machine: running, or the store itself when none runs, which is said.
    pub fn open(terminal: Terminal, place: &Place) -> Result<Self, Failure> {
        Self::for_use(terminal, place, Use::Change)
    }

    /// The same to look at things only: makes no store where there is none.
    pub fn to_look(terminal: Terminal, place: &Place) -> Result<Self, Failure> {
        Self::for_use(terminal, place, Use::Look)
    }

    /// The same for either.
    pub fn for_use(terminal: Terminal, place: &Place, how: Use) -> Result<Self, Failure> {
        if let Some(remote) = place.remote()? {
            return Self::elsewhere(remote);
        }
        let runtime = runtime()?;
        let socket = place.socket()?;
        match runtime.block_on(Client::connect(&socket)) {
            Ok(client) => Ok(Self { backend: Arc::new(client), runtime, remote: false }),
            Err(error) if error.is_not_running() => {
                let config = place.config_or_default()?;
                let data_dir = config.storage.data_dir.clone();
                // A folder that cannot be looked into may have one: opening it says what is wrong.
                let has_store = !matches!(data_dir.join(store::DB_FILE).try_exists(), Ok(false));
                let backend = {
                    let _entered = runtime.enter();
                    let admin = match how {
                        Use::Look if !has_store => Admin::without_store(config)?,
                        Use::Change | Use::Look => Admin::offline(config)?,
                    };
                    admin.backend(&Peer::this_process())
                };
                terminal.say(&match how {
                    Use::Change => "gateway not running: editing the store directly".to_owned(),
                    Use::Look if has_store => "gateway not running: reading the store directly".to_owned(),
                    Use::Look => {
                        format!("gateway not running, and there is no store in {} yet", data_dir.display())
                    }
                });
                Ok(Self { backend, runtime, remote: false })
            }
            Err(error) => Err(ApiError::from(error).into()),
        }
    }

    /// A gateway elsewhere. Nothing is opened until the first question.
    pub fn elsewhere(remote: Remote) -> Result<Self, Failure> {
        let client = remote.client()?;
        Ok(Self { backend: Arc::new(client), runtime: runtime()?, remote: true })
    }

    /// The same as somebody in particular.
    pub fn elsewhere_as(remote: Remote, bearer: Arc<dyn Bearer>) -> Result<Self, Failure> {
        let ca_file = remote.ca_file.clone();
        let client = remote.client_as(bearer, ca_file.as_deref())?;
        Ok(Self { backend: Arc::new(client), runtime: runtime()?, remote: true })
    }

    /// The running gateway.
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

    /// The gateway, whether it runs or not: each question tries anew.
    pub fn whenever(place: &Place) -> Result<Self, Failure> {
        if let Some(remote) = place.remote()? {
            return Self::elsewhere(remote);
        }
        Ok(Self { backend: Arc::new(Client::new(place.socket()?)), runtime: runtime()?, remote: false })
    }

    /// Whether the gateway is elsewhere: its files, its user and its targets are not those of this machine.
    pub const fn is_remote(&self) -> bool {
        self.remote
    }

    /// What can be asked.
    pub fn backend(&self) -> &dyn Backend {
        &*self.backend
    }

    /// The same, to be kept by tasks of [`Access::block_on`].
    pub fn shared(&self) -> Arc<dyn Backend> {
        Arc::clone(&self.backend)
    }

    /// Waits for an answer.
    pub fn wait<T>(&self, answer: Answer<'_, T>) -> Result<T, Failure> {
        let mut told = Err(Failure::failed("the answer was given up"));
        self.drive(Box::pin(async { told = answer.await.map_err(Failure::from) }));
        told
    }

    /// Runs `work` to its end. Of one type, so that the runtime is not compiled anew for each answer that is waited for.
    fn drive(&self, work: Pin<Box<dyn Future<Output = ()> + '_>>) {
        self.runtime.block_on(work);
    }

    /// Runs a future of another kind on the same runtime.
    pub fn block_on<F: Future>(&self, future: F) -> F::Output {
        self.runtime.block_on(future)
    }
}

/// A runtime for one command.
pub fn runtime() -> Result<Runtime, Failure> {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::failed(format!("cannot start: {error}")))
}
