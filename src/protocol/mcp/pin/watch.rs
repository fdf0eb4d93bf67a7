//! Notifies listeners when pins show or hide elements of a connection.

use std::time::Duration;

use tokio::sync::watch;
use tokio::time::Instant;

use crate::domain::ConnectionName;
use crate::protocol::mcp::pin::Pins;

/// The shortest time between two notifications of one watch: a server may change with each list, and its
/// clients would list again each time.
const EVERY: Duration = Duration::from_secs(1);

/// Watches for elements of one connection that begin or cease to be held back.
#[derive(Debug)]
pub struct PinWatch {
    changes: watch::Receiver<u64>,
    told: Option<Instant>,
}

impl PinWatch {
    /// Resolves when an element begins or ceases to be held back, or is forgotten; at most once a second. If
    /// the future is dropped, the change is reported by the next call.
    pub async fn changed(&mut self) {
        if let Some(told) = self.told {
            tokio::time::sleep_until(told + EVERY).await;
        }
        if self.changes.changed().await.is_err() {
            std::future::pending::<()>().await;
        }
        self.told = Some(Instant::now());
    }
}

impl Pins {
    /// Returns a watch for a connection, from now on.
    pub fn watch(&self, connection: &ConnectionName) -> PinWatch {
        let changes = self.all().entry(connection.clone()).or_default().watch();
        PinWatch { changes, told: None }
    }
}
