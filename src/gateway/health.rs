//! Health and metrics on the gateway's listener.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering;

use crate::gateway::running::Running;
use crate::pipeline::Gate;
use crate::protocol::web::Probe;

/// Reports the state of the gate.
pub struct GateProbe {
    gate: Gate,
    /// How many approvals are pending.
    pending: Arc<AtomicU64>,
    stopping: Arc<AtomicBool>,
}

impl GateProbe {
    /// Creates the probe of a running gateway. `stopping` is set once it stops.
    pub fn of(running: &Running, stopping: &Arc<AtomicBool>) -> Self {
        let pending = Arc::clone(&running.pending);
        Self { gate: running.gate.clone(), pending, stopping: Arc::clone(stopping) }
    }
}

impl Probe for GateProbe {
    fn not_ready(&self) -> Option<String> {
        if self.stopping.load(Ordering::Relaxed) {
            return Some("stopping".to_owned());
        }
        if self.gate.journal().healthy().is_err() {
            return Some("recording unavailable".to_owned());
        }
        let status = self.gate.issuers().status();
        if status.is_empty() || status.iter().any(|issuer| issuer.available) {
            return None;
        }
        Some("no issuer's keys are available".to_owned())
    }

    fn metrics(&self) -> String {
        let gauge = |value: usize| u64::try_from(value).unwrap_or(u64::MAX);
        let issuers = self.gate.issuers().status();
        self.gate.metrics().text(&[
            ("hoopctl_sessions", "Sessions that live.", gauge(self.gate.sessions().list().len())),
            ("hoopctl_held_sessions", "Sessions under legal hold.", gauge(self.gate.journal().legal_holds())),
            ("hoopctl_held_commands", "Commands waiting for approval.", self.pending.load(Ordering::Relaxed)),
            ("hoopctl_locks", "Locks that stand.", gauge(self.gate.locks().locks().len())),
            ("hoopctl_policy_revision", "The revision of the policies.", self.gate.snapshot().revision()),
            (
                "hoopctl_recording_ready",
                "Whether commands can be recorded.",
                u64::from(self.gate.journal().healthy().is_ok()),
            ),
            (
                "hoopctl_issuers_usable",
                "Issuers whose keys are available.",
                gauge(issuers.iter().filter(|issuer| issuer.available).count()),
            ),
            (
                "hoopctl_issuers_stale",
                "Issuers whose keys are older than they should be, and still used.",
                gauge(issuers.iter().filter(|issuer| issuer.stale).count()),
            ),
        ])
    }
}
