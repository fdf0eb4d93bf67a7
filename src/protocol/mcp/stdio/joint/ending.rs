//! When a child that clients share ends.

use std::sync::Weak;

use tokio::sync::watch;

use crate::domain::SessionEnd;
use crate::pipeline::EndWatch;
use crate::protocol::mcp::duplex::peer::Listener;
use crate::protocol::mcp::stdio::joint::IDLE;
use crate::protocol::mcp::stdio::joint::Joint;

/// Ends a child whose connection has changed, or that nobody uses.
pub(super) async fn watch_over(mut used: watch::Receiver<Option<EndWatch>>, joint: Weak<Joint>) {
    loop {
        let watch = used.borrow_and_update().clone();
        let ended = async {
            let Some(watch) = watch else { return std::future::pending().await };
            if !matches!(watch.listen().await, SessionEnd::ConnectionChanged | SessionEnd::Stopped) {
                // The end of one client is not the end of all.
                std::future::pending::<()>().await;
            }
        };
        let changed = tokio::select! {
            changed = used.changed() => match changed {
                Ok(()) => continue,
                Err(_dropped) => return,
            },
            () = ended => true,
            () = tokio::time::sleep(IDLE) => false,
        };
        let Some(joint) = joint.upgrade() else { return };
        if changed || joint.state().open.is_empty() {
            joint.over(&joint.peer.gone());
            joint.peer.stop();
            return;
        }
    }
}
