//! How the two directions of a session wake each other.

use std::cell::Cell;

use tokio::sync::Notify;

/// What one direction tells the other, or the client tells by a cancel request.
#[derive(Debug, Default)]
pub(super) struct Signals {
    /// Something that was owed has come.
    pub(super) progress: Notify,
    /// The target's catalogue is asked, which may take its time.
    pub(super) asks_catalog: Notify,
    /// A statement is held for approval, or waits for the catalogue.
    held: Cell<bool>,
    /// The client has asked to cancel what is held.
    pub(super) withdrawn: Notify,
    /// The target should be asked to cancel what it runs.
    pub(super) cancel: Notify,
}

impl Signals {
    /// Notes whether a statement is held, or waits for the catalogue.
    pub(super) fn set_held(&self, held: bool) {
        self.held.set(held);
    }

    /// Whether a statement is held, or waits for the catalogue.
    pub(super) fn is_held(&self) -> bool {
        self.held.get()
    }

    /// Withdraws what is held, if anything is. Returns whether it was.
    pub(super) fn withdraw(&self) -> bool {
        if self.held.get() {
            self.withdrawn.notify_one();
        }
        self.held.get()
    }
}

/// Forgets what was told before.
pub(super) async fn forget(news: &Notify) {
    tokio::select! {
        biased;
        () = news.notified() => {}
        () = std::future::ready(()) => {}
    }
}
