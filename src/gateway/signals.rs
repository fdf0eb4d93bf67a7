//! The signals that reload or stop the gateway.

use tokio::signal::unix::Signal;
use tokio::signal::unix::SignalKind;
use tokio::signal::unix::signal;

use crate::gateway::error::GatewayError;

/// The signals that the gateway handles, from when this is made.
pub(super) struct Signals {
    pub(super) hang_up: Signal,
    pub(super) interrupt: Signal,
    pub(super) terminate: Signal,
}

impl Signals {
    pub(super) fn new() -> Result<Self, GatewayError> {
        let catch = |kind| signal(kind).map_err(|source| GatewayError::Runtime { source });
        Ok(Self {
            hang_up: catch(SignalKind::hangup())?,
            interrupt: catch(SignalKind::interrupt())?,
            terminate: catch(SignalKind::terminate())?,
        })
    }

    /// Resolves at a signal to stop.
    pub(super) async fn stop(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
        }
    }
}
