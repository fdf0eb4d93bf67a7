//! What the gateway does from time to time: ends what has expired, and prunes what is past its retention.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;
use std::time::Instant;

use crate::domain::now_ms;
use crate::gateway::notices;
use crate::gateway::retention;
use crate::gateway::retention::Settled;
use crate::gateway::running::Running;
use crate::store::View;

/// How often recordings are pruned.
const PRUNE_EVERY: Duration = Duration::from_hours(1);
/// How often the size of the recordings is looked at.
const LOOK_EVERY: Duration = Duration::from_secs(10);
/// How long it is not tried again when not enough could be removed.
const TRY_AGAIN: Duration = Duration::from_mins(1);
/// How long approvals and ended grants stay in the store after their end.
const APPROVALS_KEPT: Duration = Duration::from_hours(24 * 400);

/// Ends expired sessions, locks and approvals once a second.
pub async fn tick(running: Arc<Running>) {
    let mut every = tokio::time::interval(Duration::from_secs(1));
    every.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        every.tick().await;
        running.gate.tick();
        running.pins.flush();
        notices::end_grants(&running).await;
        match running.approvals.tick(now_ms()).await {
            Ok(ended) => notices::record_ended(&running.gate, &ended),
            Err(error) => tracing::warn!(%error, "approvals could not be looked through"),
        }
        if let Ok(pending) = running.store.read(View::count_pending).await {
            running.pending.store(pending, Ordering::Relaxed);
        }
    }
}

/// Once an hour: recordings and approvals past their retention, locks that have fallen; these not at once, as
/// a clock that is wrong when the machine starts is most often set right soon. Recordings also soon after
/// they exceed their size.
pub async fn prune(running: Arc<Running>) {
    let (mut first, mut settled) = (true, Settled::new(now_ms()));
    loop {
        let now = now_ms();
        if !std::mem::take(&mut first) {
            sweep_locks(&running, now).await;
        }
        retention::prune_running(&running, now, settled.over_ms(now)).await;
        let before = now.saturating_sub(i64::try_from(APPROVALS_KEPT.as_millis()).unwrap_or(i64::MAX));
        if let Err(error) = running.approvals.prune(before).await {
            tracing::warn!(%error, "approvals could not be pruned");
        }
        let next = Instant::now() + PRUNE_EVERY;
        while Instant::now() < next {
            tokio::time::sleep(LOOK_EVERY).await;
            let now = now_ms();
            if retention::exceeds_size(&running, now).await {
                retention::prune_running(&running, now, settled.over_ms(now)).await;
                // What is left is live, or was a moment ago: each try is noted in the audit trail.
                if retention::exceeds_size(&running, now).await {
                    tokio::time::sleep(TRY_AGAIN).await;
                }
            }
        }
    }
}

pub(super) async fn sweep_locks(running: &Running, now_ms: i64) {
    if let Err(error) = running.store.change(move |change| change.sweep_locks(now_ms)).await {
        tracing::warn!(%error, "expired locks could not be removed; they no longer lock anybody out");
    }
}
