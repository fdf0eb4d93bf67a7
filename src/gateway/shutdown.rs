//! How the gateway stops: it drains, ends what still runs, and closes what it opened.

use std::time::Duration;

use crate::gateway::notices;
use crate::gateway::retention;
use crate::gateway::running::Running;
use crate::gateway::signals::Signals;
use crate::gateway::workers::Workers;

/// Lets running requests end: accepts no new ones, stops held ones, and waits at most `drain_timeout`; a
/// second signal ends the wait.
pub(super) async fn drain(workers: &Workers, running: &Running, signals: &mut Signals) {
    let limit = running.config.load().gateway.drain_timeout;
    tracing::info!(streams = workers.open(), limit = ?limit, "draining");
    match running.approvals.stop_all().await {
        Ok(ended) => notices::record_ended(&running.gate, &ended),
        Err(error) => tracing::error!(%error, "held commands could not be cancelled; the next start does it"),
    }
    workers.drain();
    let empty = async {
        while workers.open() > 0 {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::select! {
        () = empty => {}
        () = tokio::time::sleep(limit) => tracing::warn!(streams = workers.open(), "drain_timeout is over: whatever still runs is cut off"),
        () = signals.stop() => tracing::warn!("second signal: whatever still runs is cut off"),
    }
    // The remaining streams are told why they end.
    running.gate.sessions().end_all(running.gate.journal());
    let told = async {
        while workers.open() > 0 {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    if tokio::time::timeout(Duration::from_millis(500), told).await.is_err() {
        tracing::debug!("some streams did not end by themselves");
    }
}

/// Records the ends of all sessions, and closes the recordings. Nothing may be served any more.
pub(super) async fn close(running: &Running) {
    running.pins.flush();
    // The store runs its jobs in order: after this one the pins are stored, too.
    if let Err(error) = running.store.read(|_view| Ok(())).await {
        tracing::error!(%error, "the last changes of pins were not stored; the next list brings them again");
    }
    running.gate.close();
    notices::end_grants(running).await;
    if let Err(error) = running.gate.journal().flush().await {
        tracing::error!(%error, "the end of some sessions is not recorded; the next start closes them");
    }
    running.gate.journal().close();
    retention::note_sessions(running).await;
}
