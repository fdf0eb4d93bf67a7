//! The shared child process of each connection: one for its current configuration and secret.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::Mutex;
use std::time::Instant;

use crate::domain::ConnectionName;
use crate::domain::Secret;
use crate::domain::sync::lock;
use crate::pipeline::snapshot::Governed;
use crate::protocol::mcp::stdio::joint::Joint;

/// The shared child processes by connection.
#[derive(Default)]
pub struct Joints(Mutex<HashMap<ConnectionName, Arc<Berth>>>);

/// The place of the child process of one configuration, started or not.
pub(super) struct Berth {
    governed: Arc<Governed>,
    secret: Option<Arc<Secret>>,
    /// Callers that want the same child wait here until its era is known.
    pub(super) now: tokio::sync::Mutex<Now>,
}

/// The current child.
#[derive(Default)]
pub(super) struct Now {
    /// The child.
    pub(super) joint: Option<Arc<Joint>>,
    /// How long the program counts as one of the legacy era.
    pub(super) legacy: Option<Until>,
}

/// How long something counts.
pub(super) enum Until {
    /// Until the connection changes.
    Changed,
    /// Until this time.
    Then(Instant),
}

impl Joints {
    /// Returns the place for a connection as it is configured now.
    pub(super) fn berth(&self, governed: &Arc<Governed>, secret: Option<&Arc<Secret>>) -> Arc<Berth> {
        let mut all = lock(&self.0);
        let name = &governed.connection.name;
        if let Some(berth) = all.get(name)
            && !berth.governed.leads_elsewhere(governed)
            && berth.secret.as_ref().map(|secret| secret.expose()) == secret.map(|secret| secret.expose())
        {
            return Arc::clone(berth);
        }
        let berth = Berth {
            governed: Arc::clone(governed),
            secret: secret.cloned(),
            now: tokio::sync::Mutex::default(),
        };
        let berth = Arc::new(berth);
        // The earlier child ends with its last open request.
        all.insert(name.clone(), Arc::clone(&berth));
        berth
    }
}
