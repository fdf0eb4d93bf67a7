//! The way to the gateway: its admin socket, or its store when it does not run.

use std::sync::Arc;

use tokio::runtime::Runtime;

use crate::cli::output::Terminal;
use crate::cli::place::Place;
use crate::cli::report::Failure;
use crate::control::Answer;
use crate::control::ApiError;
use crate::control::Backend;
use crate::control::Client;
use crate::control::Peer;
use crate::gateway::admin::Admin;

/// An open way.
pub struct Access {
    backend: Arc<dyn Backend>,
    runtime: Runtime,
}

impl Access {
    /// The running gateway, or the store itself when none runs, which is said.
    pub fn open(terminal: Terminal, place: &Place) -> Result<Self, Failure> {
        let runtime = runtime()?;
        let socket = place.socket()?;
        match runtime.block_on(Client::connect(&socket)) {
            Ok(client) => Ok(Self { backend: Arc::new(client), runtime }),
            Err(error) if error.is_not_running() => {
                let config = place.config_or_default()?;
                let backend = {
                    let _entered = runtime.enter();
                    Admin::offline(config)?.backend(&Peer::this_process())
                };
                terminal.say("gateway not running: editing the store directly");
                Ok(Self { backend, runtime })
            }
            Err(error) => Err(ApiError::from(error).into()),
        }
    }

    /// The running gateway.
    pub fn online(place: &Place) -> Result<Self, Failure> {
        let runtime = runtime()?;
        let client = runtime
            .block_on(Client::connect(place.socket()?))
            .map_err(|error| Failure::from(ApiError::from(error)))?;
        Ok(Self { backend: Arc::new(client), runtime })
    }

    /// The gateway, whether it runs or not: each question tries anew.
    pub fn whenever(place: &Place) -> Result<Self, Failure> {
        Ok(Self { backend: Arc::new(Client::new(place.socket()?)), runtime: runtime()? })
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
        self.runtime.block_on(answer).map_err(Failure::from)
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
