//! What the gateway itself has to say to the client.

use std::cell::Cell;
use std::cell::RefCell;

use bytes::BytesMut;
use tokio::sync::Notify;

/// Whole messages for the client; sent at the next place between two messages of the target.
#[derive(Default)]
pub(super) struct Outbox {
    messages: RefCell<BytesMut>,
    filled: Notify,
    farewell: Cell<bool>,
}

impl Outbox {
    /// Says something to the client.
    pub(super) fn say(&self, write: impl FnOnce(&mut BytesMut)) {
        write(&mut self.messages.borrow_mut());
        self.filled.notify_one();
    }

    /// Waits until there is something to send.
    pub(super) async fn filled(&self) {
        self.filled.notified().await;
    }

    /// Moves all messages to the end of `out`.
    pub(super) fn move_to(&self, out: &mut BytesMut) {
        let mut messages = self.messages.borrow_mut();
        if !messages.is_empty() {
            out.extend_from_slice(&messages.split());
        }
    }

    /// Notes that the client has been told that the session ends.
    pub(super) fn note_farewell(&self) {
        self.farewell.set(true);
    }

    /// Whether the client has been told that the session ends.
    pub(super) fn has_farewell(&self) -> bool {
        self.farewell.get()
    }
}
