//! How the two directions of a session wake each other.

use std::cell::Cell;

use tokio::sync::Notify;

/// The signals between the two directions, and those of a cancel request.
#[derive(Debug, Default)]
pub(super) struct Signals {
    /// A reply has come.
    pub(super) progress: Notify,
    /// The target's catalog is being read, which may take a while.
    pub(super) asks_catalog: Notify,
    /// Whether a statement is held for approval, or waits for the catalog.
    held: Cell<bool>,
    /// The client has cancelled what is held.
    pub(super) withdrawn: Notify,
    /// The target should be asked to cancel what it runs.
    pub(super) cancel: Notify,
}

impl Signals {
    /// Notes whether a statement is held for approval, or waits for the catalog.
    pub(super) fn set_held(&self, held: bool) {
        self.held.set(held);
    }

    /// Returns whether a statement is held for approval, or waits for the catalog.
    pub(super) fn is_held(&self) -> bool {
        self.held.get()
    }

    /// Withdraws the statement that is held, if any. Returns whether there was one.
    pub(super) fn withdraw(&self) -> bool {
        if self.held.get() {
            self.withdrawn.notify_one();
        }
        self.held.get()
    }
}

/// Clears an earlier notification.
pub(super) async fn forget(news: &Notify) {
    tokio::select! {
        biased;
        () = news.notified() => {}
        () = std::future::ready(()) => {}
    }
}
