//! Where the shared child of each connection is: one for its configuration and its secret of now.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::PoisonError;
use std::time::Instant;

use crate::domain::ConnectionName;
use crate::domain::Secret;
use crate::pipeline::snapshot::Governed;
use crate::protocol::mcp::stdio::joint::Joint;

/// The shared children by connection.
#[derive(Default)]
pub struct Joints(Mutex<HashMap<ConnectionName, Arc<Berth>>>);

/// Where the child of one configuration is, or will be.
pub(super) struct Berth {
    governed: Arc<Governed>,
    secret: Option<Arc<Secret>>,
    /// Others that want the same child wait here until it has said its era.
    pub(super) now: tokio::sync::Mutex<Now>,
}

/// What there is of it.
#[derive(Default)]
pub(super) struct Now {
    /// The child.
    pub(super) joint: Option<Arc<Joint>>,
    /// Until when it counts as one of the legacy era.
    pub(super) legacy: Option<Until>,
}

/// Until when something counts.
pub(super) enum Until {
    /// Until the connection is another.
    Changed,
    /// Until then.
    Then(Instant),
}

impl Joints {
    /// That of a connection as it is configured now.
    pub(super) fn berth(&self, governed: &Arc<Governed>, secret: Option<&Arc<Secret>>) -> Arc<Berth> {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
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
        // The child of before ends with the last request that it still answers.
        all.insert(name.clone(), Arc::clone(&berth));
        berth
    }
}
