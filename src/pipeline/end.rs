//! Watches the preconditions of a running command: its session, its own token, and the locks.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;

use crate::domain::SessionEnd;
use crate::domain::now_ms;
use crate::identity::Verified;
use crate::pipeline::Gate;
use crate::pipeline::brief::brief;
use crate::pipeline::sessions::Session;
use crate::pipeline::snapshot::Governed;

/// Watches for the end of a command's session or token, and for locks. Cheap to create; each stream has its
/// own.
#[derive(Clone)]
pub struct EndWatch {
    pub(super) gate: Gate,
    verified: Arc<Verified>,
    governed: Arc<Governed>,
    pub(super) session: Arc<Session>,
}

impl std::fmt::Debug for EndWatch {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("EndWatch").finish_non_exhaustive()
    }
}

/// Watches for a change of the policies.
#[derive(Debug)]
pub struct PolicyWatch(watch::Receiver<u64>);

impl PolicyWatch {
    pub(super) fn new(gate: &Gate) -> Self {
        Self(gate.0.policies_changed.subscribe())
    }

    /// Resolves when the policies have changed. Never resolves once the gateway stops.
    pub async fn changed(&mut self) {
        if self.0.changed().await.is_err() {
            std::future::pending::<()>().await;
        }
    }
}

impl EndWatch {
    pub(super) fn new(
        gate: &Gate,
        verified: &Arc<Verified>,
        governed: &Arc<Governed>,
        session: &Arc<Session>,
    ) -> Self {
        Self {
            gate: gate.clone(),
            verified: Arc::clone(verified),
            governed: Arc::clone(governed),
            session: Arc::clone(session),
        }
    }

    /// Resolves when the session ends, the command's own token expires, or a lock applies. Reacts at once,
    /// except in the first 100 ms, where it resolves at the end of them.
    pub async fn wait(self) -> SessionEnd {
        // A command has just been checked, so it need not be woken so soon, only be cut in time; and most
        // commands are over by then.
        brief().await;
        self.listen().await
    }

    /// The same as [`Self::wait`], but reacts at once from the start.
    pub async fn listen(self) -> SessionEnd {
        let mut session = self.session.subscribe_end();
        let mut locks = self.gate.0.locks_changed.subscribe();
        // Checks the locks in the first iteration, for changes before now.
        locks.mark_changed();
        let left = u64::try_from(self.verified.expires_ms.saturating_sub(now_ms())).unwrap_or(0);
        let mut token_end = std::pin::pin!(tokio::time::sleep(Duration::from_millis(left)));
        loop {
            tokio::select! {
                ended = session.wait_for(Option::is_some) => {
                    return ended.ok().and_then(|end| *end).unwrap_or(SessionEnd::Stopped);
                }
                () = &mut token_end => return SessionEnd::TokenExpired,
                changed = locks.changed() => {
                    let standing = self.gate.0.locks.load();
                    let shut = standing.shuts_out(&self.verified.principal, &self.verified.token_ids)
                        || standing.shuts(&self.governed.connection.name);
                    if shut || changed.is_err() {
                        return SessionEnd::Locked;
                    }
                }
            }
        }
    }
}
