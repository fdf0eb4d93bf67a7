//! What one command stands on, watched: its session, its own token, and the locks.

use std::sync::Arc;

use tokio::sync::watch;

use crate::domain::SessionEnd;
use crate::identity::Verified;
use crate::pipeline::Gate;
use crate::pipeline::now_ms;
use crate::pipeline::snapshot::Governed;

/// Watches for the end of what a command stands on. Cheap to make; each stream has its own.
#[derive(Clone)]
pub struct EndWatch {
    gate: Gate,
    verified: Arc<Verified>,
    governed: Arc<Governed>,
    session: watch::Receiver<Option<SessionEnd>>,
    locks: watch::Receiver<u64>,
}

impl std::fmt::Debug for EndWatch {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("EndWatch").finish_non_exhaustive()
    }
}

impl EndWatch {
    pub(super) fn new(
        gate: &Gate,
        verified: &Arc<Verified>,
        governed: &Arc<Governed>,
        session: watch::Receiver<Option<SessionEnd>>,
    ) -> Self {
        let mut locks = gate.0.locks_changed.subscribe();
        // Whatever changed before now is asked about once more at the first wait.
        locks.mark_changed();
        Self {
            gate: gate.clone(),
            verified: Arc::clone(verified),
            governed: Arc::clone(governed),
            session,
            locks,
        }
    }

    /// Resolves when the session ends, the token of this very command runs out, or a lock shuts it out.
    pub async fn ended(&mut self) -> SessionEnd {
        let left = u64::try_from(self.verified.expires_ms.saturating_sub(now_ms())).unwrap_or(0);
        let mut token_end = std::pin::pin!(tokio::time::sleep(std::time::Duration::from_millis(left)));
        loop {
            tokio::select! {
                ended = self.session.wait_for(Option::is_some) => {
                    return ended.ok().and_then(|end| *end).unwrap_or(SessionEnd::Stopped);
                }
                () = &mut token_end => return SessionEnd::TokenExpired,
                changed = self.locks.changed() => {
                    let locks = self.gate.0.locks.load();
                    let shut = locks.shuts_out(&self.verified.principal, &self.verified.token_ids)
                        || locks.shuts(&self.governed.connection.name);
                    if shut || changed.is_err() {
                        return SessionEnd::Locked;
                    }
                }
            }
        }
    }

    /// The same, with the watch itself in the future.
    pub async fn wait(mut self) -> SessionEnd {
        self.ended().await
    }
}
