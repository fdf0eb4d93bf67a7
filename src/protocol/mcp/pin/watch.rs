//! Who listens is told when pins show or hide something of a connection.

use std::time::Duration;

use tokio::sync::watch;
use tokio::time::Instant;

use crate::domain::ConnectionName;
use crate::protocol::mcp::pin::Pins;

/// How often one watch tells at most: a server may change what it says with each list, and each time its clients would list again.
const EVERY: Duration = Duration::from_secs(1);

/// Watches for pins of one connection that begin or cease to be held back.
#[derive(Debug)]
pub struct PinWatch {
    changes: watch::Receiver<u64>,
    told: Option<Instant>,
}

impl PinWatch {
    /// Resolves when something begins or ceases to be held back, or is forgotten; at most once a second. What this is dropped before it
    /// told is told the next time.
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
    /// A watch on what is held back of a connection, from now on.
    pub fn watch(&self, connection: &ConnectionName) -> PinWatch {
        let changes = self.all().entry(connection.clone()).or_default().watch();
        PinWatch { changes, told: None }
    }
}
